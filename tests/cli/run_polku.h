// Runs the real `polku` binary of $POLKU_BIN_DIR.
#ifndef POLKU_TESTS_CLI_RUN_POLKU_H_
#define POLKU_TESTS_CLI_RUN_POLKU_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace polku::cli {

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A directory of its own, gone with the object.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "polku-cli-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string At(const std::string& name) const { return path_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(At(name)).parent_path());
    std::ofstream(At(name), std::ios::binary) << content;
    return At(name);
  }

 private:
  std::string path_;
};

// `seconds`: after so long the program is ended by SIGTERM (code 128 + 15).
inline Result RunPolku(std::vector<std::string> arguments, const std::string& input = "",
                       int seconds = 60) {
  const char* bin = std::getenv("POLKU_BIN_DIR");
  EXPECT_NE(bin, nullptr) << "set POLKU_BIN_DIR";
  if (bin == nullptr) return {};
  TempDir directory;
  const std::string in = directory.Write("in", input);
  const std::string out = directory.At("out");
  const std::string err = directory.At("err");
  arguments.insert(arguments.begin(), std::string(bin) + "/polku");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(in.c_str(), O_RDONLY), 0);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), 1);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT, 0600), 2);
    alarm(static_cast<unsigned>(seconds) + 30);
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  for (int waited = 0;; ++waited) {
    if (waitpid(child, &status, WNOHANG) == child) break;
    if (waited == seconds * 100) kill(child, SIGTERM);
    usleep(10'000);
  }
  Result result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = ReadAll(out);
  result.err = ReadAll(err);
  return result;
}

}  // namespace polku::cli

#endif  // POLKU_TESTS_CLI_RUN_POLKU_H_
