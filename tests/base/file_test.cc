#include "eventstore/base/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace polku {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "polku-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::string At(std::string_view name) const { return directory_ + "/" + std::string(name); }

  std::string directory_;
};

TEST_F(FileTest, ReplaceFileMakesAFileAndPutsAnotherInItsPlace) {
  ASSERT_OK(ReplaceFile(At("note"), "first, and longer", 0600));
  EXPECT_THAT(ReadFile(At("note"), 100), IsOkAndHolds("first, and longer"));
  ASSERT_OK(ReplaceFile(At("note"), "second", 0600));
  EXPECT_THAT(ReadFile(At("note"), 100), IsOkAndHolds("second"));
  EXPECT_FALSE(std::filesystem::exists(At("note.new")));
  struct stat info;
  ASSERT_EQ(stat(At("note").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(FileTest, ReplaceFileOverwritesWhatABrokenOffAttemptLeft) {
  ASSERT_OK(WriteNewFile(At("note"), "whole", 0644));
  ASSERT_OK(WriteNewFile(At("note.new"), "half of something much longer than what comes", 0644));
  ASSERT_OK(ReplaceFile(At("note"), "newer", 0644));
  EXPECT_THAT(ReadFile(At("note"), 100), IsOkAndHolds("newer"));
}

TEST_F(FileTest, ReplaceFileThatCannotWriteLeavesTheFileAsItWas) {
  ASSERT_OK(ReplaceFile(At("note"), "good", 0644));
  std::filesystem::create_directory(At("note.new"));
  EXPECT_FALSE(ReplaceFile(At("note"), "newer", 0644).ok());
  EXPECT_THAT(ReadFile(At("note"), 100), IsOkAndHolds("good"));
  EXPECT_THAT(ReplaceFile(At("no/such/note"), "x", 0644),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such/note")));
}

}  // namespace
}  // namespace polku
