#include "services/host/keys.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::IsOk;
using testing::StatusIs;

constexpr std::string_view kOrigin = "FI/MUN/0187690-1/oulu/referral/1";
constexpr std::string_view kOther = "FI/GOV/0246246-0/kela/compensation/1";
constexpr const char* kFiles[] = {"curve.secret", "curve.public", "signing.secret",
                                  "signing.public", "cosigning.secret", "cosigning.public",
                                  "master.key"};

class KeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "polku-keys-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    directory_ = root_ + "/a/keys";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string At(std::string_view name) const { return Str(directory_, "/", name); }
  std::string Content(std::string_view name) const {
    std::ifstream file(At(name));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // In place of the file, readable by the owner alone.
  void Write(std::string_view name, std::string_view content) {
    std::filesystem::remove(At(name));
    ASSERT_THAT(WriteNewFile(At(name), content, 0600), IsOk());
  }
  std::map<std::string, std::string> All() const {
    std::map<std::string, std::string> files;
    for (const char* name : kFiles) {
      if (std::filesystem::exists(At(name))) files[name] = Content(name);
    }
    return files;
  }
  absl::Status Make(std::string_view origin = kOrigin) {
    return WriteNewKeys(directory_, origin, testing::SeededRandom(1));
  }
  std::string root_;
  std::string directory_;
};

TEST_F(KeysTest, NewServiceKeysLoadAndBelongTogether) {
  ASSERT_THAT(Make(), IsOk());
  ASSERT_OK_AND_ASSIGN(const ServiceKeys keys, LoadServiceKeys(directory_, kOrigin));
  EXPECT_EQ(Str(zeromq::FormatCurveKey(keys.curve.public_key), "\n"), Content("curve.public"));
  EXPECT_EQ(Str(keys.signer->verifier().Format(), "\n"), Content("signing.public"));
  EXPECT_EQ(keys.signer->verifier().name(), kOrigin);
  EXPECT_EQ(Str(ToHex(keys.master.secret_bytes()), "\n"), Content("master.key"));
  // What is signed with it verifies under the public file.
  ASSERT_OK_AND_ASSIGN(const auto verifier,
                       proof::VerifierKey::Parse(TrimEnd(Content("signing.public")), proof::KeyUse::kCheckpoint));
  const std::string note = keys.signer->Sign({std::string(kOrigin), Position(1), Hash()});
  EXPECT_THAT(proof::VerifyCheckpoint(note, verifier), IsOk());
}

TEST_F(KeysTest, TheCosigningKeyIsOfTheServiceWhateverItsEpochAndOfAnotherUse) {
  ASSERT_THAT(Make(), IsOk());
  ASSERT_OK_AND_ASSIGN(const ServiceKeys keys, LoadServiceKeys(directory_, kOrigin));
  EXPECT_EQ(keys.cosigner->verifier().name(), "FI/MUN/0187690-1/oulu/referral/witness");
  EXPECT_EQ(keys.cosigner->verifier().use(), proof::KeyUse::kCosignature);
  EXPECT_EQ(Str(keys.cosigner->verifier().Format(), "\n"), Content("cosigning.public"));
  EXPECT_EQ(WitnessName(*OriginName::Parse("FI/MUN/0187690-1/oulu/referral/7")),
            keys.cosigner->verifier().name());
  // The one never passes for the other.
  std::filesystem::copy_file(At("signing.secret"), At("cosigning.secret"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(LoadServiceKeys(directory_, kOrigin),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cosigning.secret")));
}

TEST_F(KeysTest, KeysWithoutACosigningKeyAreToldHowToGetOne) {
  ASSERT_THAT(Make(), IsOk());
  const auto before = All();
  std::filesystem::remove(At("cosigning.secret"));
  std::filesystem::remove(At("cosigning.public"));
  EXPECT_THAT(LoadServiceKeys(directory_, kOrigin),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("cosigning.secret"),
                             HasSubstr(Str("polku keygen --origin ", kOrigin, " --dir ", directory_,
                                           " --add-cosigning")))));
  // Not beside another service's keys, nor where there are none.
  EXPECT_THAT(AddCosigningKey(directory_, kOther), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(AddCosigningKey(root_, kOrigin), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(At("cosigning.secret")));
  ASSERT_THAT(AddCosigningKey(directory_, kOrigin), IsOk());
  EXPECT_THAT(LoadServiceKeys(directory_, kOrigin), IsOk());
  auto after = All();
  EXPECT_NE(after["cosigning.secret"], before.at("cosigning.secret"));
  for (const char* name : {"curve.secret", "signing.secret", "master.key"}) {
    EXPECT_EQ(after[name], before.at(name)) << name;
  }
  EXPECT_THAT(AddCosigningKey(directory_, kOrigin), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(All(), after);
}

TEST_F(KeysTest, SecretsAreTheOwnersAloneWhateverTheUmask) {
  const mode_t before = umask(0);
  ASSERT_THAT(Make(), IsOk());
  umask(before);
  for (const char* name : kFiles) {
    struct stat info;
    ASSERT_EQ(stat(At(name).c_str(), &info), 0) << name;
    const bool is_public = std::string_view(name).ends_with(".public");
    EXPECT_EQ(info.st_mode & 0777, is_public ? 0644u : 0600u) << name;
  }
  struct stat info;
  ASSERT_EQ(stat(directory_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(KeysTest, AnAuthorsKeysAreItsCurveIdentityAlone) {
  ASSERT_THAT(Make(""), IsOk());
  EXPECT_EQ(All().size(), 2u);
  ASSERT_OK_AND_ASSIGN(const auto keys, LoadCurveKeys(directory_));
  EXPECT_EQ(Str(zeromq::FormatCurveKey(keys.public_key), "\n"), Content("curve.public"));
  EXPECT_THAT(LoadServiceKeys(directory_, kOrigin), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(KeysTest, KeysAreNeverOverwritten) {
  ASSERT_THAT(Make(), IsOk());
  const auto before = All();
  EXPECT_THAT(Make(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("curve.secret")));
  EXPECT_THAT(Make(kOther), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Make(""), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(All(), before);
  // Nor any single one, when others are missing.
  for (const char* kept : kFiles) {
    std::filesystem::remove_all(directory_);
    ASSERT_THAT(MakeDirectories(directory_), IsOk());
    Write(kept, "mine");
    EXPECT_THAT(Make(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(kept)));
    EXPECT_EQ(Content(kept), "mine");
  }
}

TEST_F(KeysTest, TwoGenerationsDiffer) {
  ASSERT_THAT(Make(), IsOk());
  const auto first = All();
  std::filesystem::remove_all(directory_);
  ASSERT_THAT(WriteNewKeys(directory_, kOrigin, testing::SeededRandom(2)), IsOk());
  for (const auto& [name, content] : All()) EXPECT_NE(content, first.at(name)) << name;
}

TEST_F(KeysTest, ASecretThatOthersMayReadIsRefused) {
  ASSERT_THAT(Make(), IsOk());
  for (const char* name : {"curve.secret", "signing.secret", "cosigning.secret", "master.key"}) {
    for (const mode_t mode : {0640, 0604, 0620, 0644, 0660}) {
      ASSERT_EQ(chmod(At(name).c_str(), mode), 0);
      EXPECT_THAT(LoadServiceKeys(directory_, kOrigin),
                  StatusIs(absl::StatusCode::kPermissionDenied,
                           AllOf(HasSubstr(name), HasSubstr("chmod 600"))));
    }
    ASSERT_EQ(chmod(At(name).c_str(), 0400), 0);
    EXPECT_THAT(LoadServiceKeys(directory_, kOrigin), IsOk());
    ASSERT_EQ(chmod(At(name).c_str(), 0600), 0);
  }
}

TEST_F(KeysTest, AnotherOriginsKeyIsRefusedAndBothAreNamed) {
  ASSERT_THAT(Make(kOther), IsOk());
  EXPECT_THAT(LoadServiceKeys(directory_, kOrigin),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(kOrigin), HasSubstr(kOther), HasSubstr("signing.secret"))));
  EXPECT_THAT(LoadServiceKeys(directory_, Str(kOther, "2")), Not(IsOk()));  // epoch 12 is not 1
}

TEST_F(KeysTest, AMissingOrMalformedKeyNamesItsFileAndNotItsContent) {
  for (const char* name : {"curve.secret", "signing.secret", "cosigning.secret", "master.key"}) {
    std::filesystem::remove_all(directory_);
    ASSERT_THAT(Make(), IsOk());
    const std::string good = Content(name);
    std::filesystem::remove(At(name));
    EXPECT_THAT(LoadServiceKeys(directory_, kOrigin),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr(name)));
    if (std::string_view(name) == "master.key") {
      EXPECT_THAT(LoadServiceKeys(directory_, kOrigin),
                  StatusIs(absl::StatusCode::kNotFound,
                           AllOf(HasSubstr("restore its backup"), HasSubstr("master key, lost"))));
    }
    const std::string half = good.substr(0, good.size() / 2);
    for (const std::string& bad :
         {std::string(), half, "x" + good, std::string(5000, 'a'), good + good}) {
      Write(name, bad);
      const auto keys = LoadServiceKeys(directory_, kOrigin);
      EXPECT_THAT(keys, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name))) << bad;
      EXPECT_THAT(std::string(keys.status().message()), Not(HasSubstr(half))) << name;
    }
    Write(name, std::string(TrimEnd(good)));  // an editor took the last newline
    EXPECT_THAT(LoadServiceKeys(directory_, kOrigin), IsOk()) << name;
  }
}

TEST_F(KeysTest, ADirectoryThatCannotBeMadeIsSaid) {
  ASSERT_THAT(WriteNewFile(root_ + "/a", "a file", 0600), IsOk());
  EXPECT_THAT(Make(), Not(IsOk()));
}

}  // namespace
}  // namespace polku::host
