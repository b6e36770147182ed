// What a service remembers of erasures beside its keys.
#include "services/host/fence.h"

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
constexpr char kOther[] = "FI/GOV/0246246-0/kela/compensation/1";
const Fence::Line kGone{Sha256("a case"), absl::CivilDay(2026, 11, 22), std::nullopt};
const Fence::Line kKept{Sha256("another"), absl::CivilDay(2026, 11, 23), absl::CivilDay(2032, 1, 31)};

class FenceTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/fence.txt"; }
  std::unique_ptr<Fence> Open() {
    auto opened = Fence::Open(directory_.path());
    EXPECT_OK(opened);
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  std::string Content() const {
    auto content = ReadFile(path(), 1 << 20);
    return content.ok() ? *content : "";
  }
  void Put(std::string_view content) {
    std::ofstream file(path(), std::ios::binary | std::ios::trunc);
    file << content;
  }
  static std::string Summed(std::string_view lines) {
    const std::string text = Str("polku/fence-file/v1\n", lines);
    return Str(text, "sha256 ", ToHex(Sha256(text).view()), "\n");
  }

  rocks::TempDirectory directory_;
};

TEST_F(FenceTest, WithoutAFileNothingIsFencedAndNoneIsMade) {
  const auto fence = Open();
  EXPECT_FALSE(fence->found());
  EXPECT_TRUE(fence->lines().empty());
  ASSERT_OK(fence->Write());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(FenceTest, TheNextRunKnowsEveryLine) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  fence->Put(kOther, Position(4), kKept);
  EXPECT_EQ(fence->lines().size(), 2u) << "in force before it is written";
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_OK(fence->Write());
  const auto next = Open();
  EXPECT_TRUE(next->found());
  EXPECT_EQ(next->lines(), fence->lines());
  EXPECT_EQ(next->lines().at({kOne, Position(17)}), kGone);
  EXPECT_EQ(next->lines().at({kOther, Position(4)}), kKept);
}

TEST_F(FenceTest, ALineOfAnEarlierEpochNamesItAndNoOtherLog) {
  constexpr char kSecond[] = "FI/MUN/0187690-1/oulu/referral/2";
  Fence::Line line = kGone;
  line.of = kOne;
  const auto fence = Open();
  fence->Put(kSecond, Position(9), line);
  fence->Put(kSecond, Position(8), kGone);
  ASSERT_OK(fence->Write());
  const auto next = Open();
  EXPECT_EQ(next->lines(), fence->lines());
  for (const auto& [place, read] : next->lines()) {
    EXPECT_EQ(Fence::OriginOf(place, read), place.second == Position(9) ? kOne : kSecond);
  }
  const std::string written = Str(ToHex(kGone.fence.view()), " ", kSecond, " 9 2026-11-22 - ");
  Put(Summed(Str(written, kOne, "\n")));
  EXPECT_EQ(Open()->lines().at({kSecond, Position(9)}), line);
  for (const std::string_view other : {kSecond, kOther, "x", ""}) {
    Put(Summed(Str(written, other, "\n")));
    EXPECT_THAT(Fence::Open(directory_.path()).status(), StatusIs(absl::StatusCode::kDataLoss)) << other;
  }
}

TEST_F(FenceTest, WhatWasKeptForATimeGoesInItsTurn) {
  const auto fence = Open();
  fence->Put(kOther, Position(4), kKept);
  ASSERT_OK(fence->Write());
  const auto next = Open();
  Fence::Line gone = kKept;
  gone.retained_until.reset();
  next->Put(kOther, Position(4), gone);
  ASSERT_OK(next->Write());
  EXPECT_EQ(Open()->lines().at({kOther, Position(4)}), gone);
  EXPECT_EQ(Open()->lines().size(), 1u);
}

TEST_F(FenceTest, TheSameLineAgainWritesNothing) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  ASSERT_OK(fence->Write());
  std::filesystem::remove(path());
  fence->Put(kOne, Position(17), kGone);
  ASSERT_OK(fence->Write());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(FenceTest, TheFileHasTheFormThatTheReadmeGives) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  fence->Put(kOther, Position(4), kKept);
  ASSERT_OK(fence->Write());
  EXPECT_EQ(Content(),
            Summed(Str(ToHex(kKept.fence.view()), " ", kOther, " 4 2026-11-23 2032-01-31\n",
                       ToHex(kGone.fence.view()), " ", kOne, " 17 2026-11-22 -\n")));
}

TEST_F(FenceTest, EveryDamageIsFoundAndTheRemedyNamed) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  fence->Put(kOther, Position(4), kKept);
  ASSERT_OK(fence->Write());
  const std::string good = Content();
  const auto expect_damage = [&](const std::string& content) {
    Put(content);
    EXPECT_THAT(Fence::Open(directory_.path()),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(path()), HasSubstr("newest backup"),
                               HasSubstr("remove the file"))))
        << content;
  };
  for (size_t size = 0; size < good.size(); ++size) expect_damage(good.substr(0, size));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    expect_damage(bad);
  }
  expect_damage(good + "x");
  // Rightly summed, and wrong all the same.
  const std::string line = Str(ToHex(kGone.fence.view()), " ", kOne, " 17 2026-11-22 -\n");
  expect_damage(Summed(line + line));
  for (const std::string& wrong :
       {Str("x\n"), Str("\n"), line.substr(1), Str(" ", line), Str(line.substr(0, line.size() - 2), "\n"),
        Str(ToHex(kGone.fence.view()), " ", kOne, " +17 2026-11-22 -\n"),
        Str(ToHex(kGone.fence.view()), " ", kOne, " 017 2026-11-22 -\n"),
        Str(ToHex(kGone.fence.view()), " oulu 17 2026-11-22 -\n"),
        Str(ToHex(kGone.fence.view()), " ", kOne, " 17 2026-02-30 -\n"),
        Str(ToHex(kGone.fence.view()), " ", kOne, " 17 2026-11-22 never\n"),
        Str(ToHex(kGone.fence.view()), " ", kOne, " 17 2026-11-22 - -\n")}) {
    expect_damage(Summed(wrong));
  }
  Put(Summed(line));
  EXPECT_EQ(Open()->lines().at({kOne, Position(17)}), kGone);
  Put(Summed(""));
  EXPECT_TRUE(Open()->lines().empty());
}

TEST_F(FenceTest, MoreThanAStartReadsIsNeverWritten) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  ASSERT_OK(fence->Write());
  const std::string good = Content();
  const auto limited = Fence::Open(directory_.path(), good.size());
  ASSERT_OK(limited);
  (*limited)->Put(kOther, Position(4), kKept);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT((*limited)->Write(),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr(path()), HasSubstr("2 erasures"), HasSubstr("nothing was written"),
                               HasSubstr("kMaxFenceBytes"))));
    EXPECT_EQ(Content(), good);
  }
  const auto larger = Fence::Open(directory_.path(), 2 * good.size());
  ASSERT_OK(larger);
  (*larger)->Put(kOther, Position(4), kKept);
  ASSERT_OK((*larger)->Write());
  EXPECT_EQ(Open()->lines().size(), 2u);
}

// A line costs what fence.h says, and the limit holds millions.
TEST_F(FenceTest, ALineTakes85BytesAndTheOriginsName) {
  const auto fence = Open();
  fence->Put(kOne, Position(10'000'000), kGone);
  ASSERT_OK(fence->Write());
  const size_t one = Content().size();
  fence->Put(kOne, Position(10'000'001), kGone);
  ASSERT_OK(fence->Write());
  EXPECT_LE(Content().size() - one, 88 + std::string_view(kOne).size());
  EXPECT_GT(kMaxFenceBytes / (Content().size() - one), 8'000'000u);
}

TEST_F(FenceTest, AFileThatWasBrokenOffWhileWrittenDoesNoHarm) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  ASSERT_OK(fence->Write());
  ASSERT_OK(WriteNewFile(path() + ".new", "polku/fen", 0644));
  const auto next = Open();
  EXPECT_EQ(next->lines().size(), 1u);
  next->Put(kOther, Position(4), kKept);
  ASSERT_OK(next->Write());
  EXPECT_EQ(Open()->lines().size(), 2u);
}

TEST_F(FenceTest, WhatCannotBeWrittenIsToldAndCanBeTriedAgain) {
  const auto fence = Open();
  fence->Put(kOne, Position(17), kGone);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  const bool root = geteuid() == 0;  // whom modes do not bind
  if (root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const absl::Status written = fence->Write();
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_THAT(written, StatusIs(absl::StatusCode::kPermissionDenied,
                                AllOf(HasSubstr(path()), HasSubstr("owner and mode"))));
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_OK(fence->Write());
  EXPECT_EQ(Open()->lines().size(), 1u);
}

}  // namespace
}  // namespace polku::host
