// A directory of its own for each test, removed with everything in it.
#ifndef POLKU_TESTS_ROCKSDB_TEMP_DIRECTORY_H_
#define POLKU_TESTS_ROCKSDB_TEMP_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace polku::rocks {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "polku-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace polku::rocks

#endif  // POLKU_TESTS_ROCKSDB_TEMP_DIRECTORY_H_
