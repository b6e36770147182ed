// What a witness remembers of its own cosignatures beside its key.
#include "services/host/cosigned.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "gtest/gtest.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/status_matchers.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StatusIs;

constexpr char kOne[] = "FI/MUN/0187690-1/oulu/referral/1";
constexpr char kOther[] = "FI/GOV/0245437-2/kela/compensation/1";
const absl::Time kNow = absl::FromUnixSeconds(1'760'000'000);

class CosignedTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/cosigned.txt"; }
  std::unique_ptr<Cosigned> Open() {
    auto opened = Cosigned::Open(directory_.path());
    EXPECT_OK(opened);
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static std::string Note(const proof::Signer& signer, uint64_t size) {
    return signer.Sign({signer.verifier().name(), Position(size), Sha256(Str("root ", size))});
  }
  // As it is sent, with the witness's line.
  std::string Cosign(const proof::Signer& signer, uint64_t size) const {
    const proof::Checkpoint checkpoint{signer.verifier().name(), Position(size),
                                       Sha256(Str("root ", size))};
    return Note(signer, size) + witness_->Cosign(checkpoint, kNow);
  }
  std::string Content() const {
    auto content = ReadFile(path(), 1 << 20);
    return content.ok() ? *content : "";
  }
  void Put(std::string_view content) {
    std::ofstream file(path(), std::ios::binary | std::ios::trunc);
    file << content;
  }

  rocks::TempDirectory directory_;
  const std::unique_ptr<proof::Signer> one_ =
      proof::Signer::Generate(kOne, proof::KeyUse::kCheckpoint);
  const std::unique_ptr<proof::Signer> other_ =
      proof::Signer::Generate(kOther, proof::KeyUse::kCheckpoint);
  const std::unique_ptr<proof::Signer> witness_ =
      proof::Signer::Generate("FI/X/witness", proof::KeyUse::kCosignature);
};

TEST_F(CosignedTest, WithoutAFileNothingWasCosigned) {
  const auto cosigned = Open();
  EXPECT_EQ(cosigned->Of(kOne), nullptr);
  EXPECT_EQ(cosigned->NextWrite(), absl::InfiniteFuture());
  ASSERT_OK(cosigned->Write(kNow, /*now_too=*/true));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(CosignedTest, TheNextRunKnowsTheNewestOfEveryLog) {
  const auto cosigned = Open();
  cosigned->Remember(Cosign(*one_, 5));
  cosigned->Remember(Cosign(*other_, 70));
  cosigned->Remember(Cosign(*one_, 6));
  cosigned->Remember(Cosign(*other_, 69));  // said again
  cosigned->Remember("no note");
  ASSERT_OK(cosigned->Write(kNow, false));
  const auto next = Open();
  ASSERT_NE(next->Of(kOne), nullptr);
  EXPECT_EQ(next->Of(kOne)->checkpoint.size, Position(6));
  EXPECT_EQ(next->Of(kOne)->note, Note(*one_, 6)) << "with the origin's signature alone";
  ASSERT_NE(next->Of(kOther), nullptr);
  EXPECT_EQ(next->Of(kOther)->note, Note(*other_, 70));
  // A log that is followed no more stays.
  next->Remember(Cosign(*one_, 8));
  ASSERT_OK(next->Write(kNow, false));
  EXPECT_EQ(Open()->Of(kOther)->note, Note(*other_, 70));
  EXPECT_EQ(Open()->Of(kOne)->note, Note(*one_, 8));
}

TEST_F(CosignedTest, IsWrittenOnceASecondAndAtTheEnd) {
  const auto cosigned = Open();
  cosigned->Remember(Cosign(*one_, 1));
  ASSERT_OK(cosigned->Write(kNow, false));
  const std::string first = Content();
  cosigned->Remember(Cosign(*one_, 2));
  EXPECT_EQ(cosigned->NextWrite(), kNow + absl::Seconds(1));
  ASSERT_OK(cosigned->Write(kNow + absl::Milliseconds(999), false));
  EXPECT_EQ(Content(), first);
  ASSERT_OK(cosigned->Write(kNow + absl::Seconds(1), false));
  EXPECT_EQ(Open()->Of(kOne)->checkpoint.size, Position(2));
  EXPECT_EQ(cosigned->NextWrite(), absl::InfiniteFuture());
  cosigned->Remember(Cosign(*one_, 3));
  ASSERT_OK(cosigned->Write(kNow + absl::Seconds(1), /*now_too=*/true));
  EXPECT_EQ(Open()->Of(kOne)->checkpoint.size, Position(3));
}

TEST_F(CosignedTest, EveryDamageIsFoundAndTheRemedyNamed) {
  const auto cosigned = Open();
  cosigned->Remember(Cosign(*one_, 5));
  cosigned->Remember(Cosign(*other_, 70));
  ASSERT_OK(cosigned->Write(kNow, false));
  const std::string good = Content();
  const auto expect_damage = [&](const std::string& content) {
    Put(content);
    EXPECT_THAT(Cosigned::Open(directory_.path()),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(path()), HasSubstr("newest backup"),
                               HasSubstr("remove the file"))));
  };
  for (size_t size = 0; size < good.size(); ++size) expect_damage(good.substr(0, size));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    expect_damage(bad);
  }
  expect_damage(good + "x");
  // Rightly summed, and wrong all the same.
  const auto summed = [](std::string_view rest) {
    const std::string text = Str("polku/cosigned/v1\n", rest);
    return Str(text, "sha256 ", ToHex(Sha256(text).view()), "\n");
  };
  expect_damage(summed(Str(Note(*one_, 5), "\n", Note(*one_, 6), "\n")));
  expect_damage(summed("x\n"));
  expect_damage(summed(Note(*one_, 5)));
  expect_damage(summed(Str(one_->verifier().name(), "\n5\n\n\n")));
  Put(summed(Str(Note(*one_, 5), "\n")));
  EXPECT_EQ(Open()->Of(kOne)->note, Note(*one_, 5)) << "the form that README.md gives";
}

TEST_F(CosignedTest, AFileThatWasBrokenOffWhileWrittenDoesNoHarm) {
  const auto cosigned = Open();
  cosigned->Remember(Cosign(*one_, 5));
  ASSERT_OK(cosigned->Write(kNow, false));
  ASSERT_OK(WriteNewFile(path() + ".new", "polku/cosi", 0644));
  EXPECT_EQ(Open()->Of(kOne)->checkpoint.size, Position(5));
  cosigned->Remember(Cosign(*one_, 6));
  ASSERT_OK(cosigned->Write(kNow, true));
  EXPECT_EQ(Open()->Of(kOne)->checkpoint.size, Position(6));
}

TEST_F(CosignedTest, WhatCannotBeWrittenIsToldAndTriedAgainASecondLater) {
  const auto cosigned = Open();
  cosigned->Remember(Cosign(*one_, 5));
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  const bool root = geteuid() == 0;  // whom modes do not bind
  if (root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const absl::Status written = cosigned->Write(kNow, false);
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_THAT(written, StatusIs(absl::StatusCode::kPermissionDenied,
                                AllOf(HasSubstr(path()), HasSubstr("owner and mode"))));
  EXPECT_EQ(cosigned->NextWrite(), kNow + absl::Seconds(1));
  ASSERT_OK(cosigned->Write(kNow + absl::Milliseconds(500), false));
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_OK(cosigned->Write(kNow + absl::Seconds(1), false));
  EXPECT_EQ(Open()->Of(kOne)->checkpoint.size, Position(5));
}

}  // namespace
}  // namespace polku::host
