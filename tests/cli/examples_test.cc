// The examples of every --help are run as they stand there: one that no longer fits its command fails here.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/cli/made_region.h"

namespace polku::cli {
namespace {

constexpr char kPlaceholder[] = "0123456789abcdef0123456789abcdef";

std::vector<std::string> CommandNames() {
  const std::string overview = RunPolku({"help"}).out;
  std::vector<std::string> names;
  for (size_t at = overview.find("\n  "); at != std::string::npos; at = overview.find("\n  ", at + 1)) {
    names.push_back(overview.substr(at + 3, overview.find(' ', at + 3) - at - 3));
  }
  return names;
}

// Those of one command, a shell command each: a line that ends with a backslash goes on in the next.
std::vector<std::string> ExamplesOf(const std::string& name) {
  const std::string help = RunPolku({name, "--help"}).out;
  const size_t begin = help.find("\nExamples:\n");
  const size_t end = help.find("\n\n", begin);
  std::vector<std::string> examples;
  if (begin == std::string::npos || end == std::string::npos) return examples;
  std::istringstream lines(help.substr(begin + 11, end - begin - 11));
  bool goes_on = false;
  for (std::string line; std::getline(lines, line);) {
    if (goes_on) {
      examples.back() += "\n" + line;
    } else {
      examples.push_back(line);
    }
    goes_on = !line.empty() && line.back() == '\\';
  }
  return examples;
}

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// Nothing is written outside of that directory, and names in capitals become such a thing.
std::string Prepared(const TempDir& dir, std::string example) {
  for (const char* elsewhere : {"/srv/", "/tmp/", "/backup/", "/media/", "~/"}) {
    example = Replaced(example, std::string(" ") + elsewhere, " " + dir.At("elsewhere") + "/");
  }
  example = Replaced(example, " CASE", std::string(" ") + kPlaceholder);
  return Replaced(example, " ID ", " 0b8e2f6a-1c5d-4e8f-9a7b-3c2d1e0f9a8b ");
}

// As a user's shell runs it, in that directory, with our programs first in the path.
Result RunExample(const TempDir& dir, const std::string& script) {
  const char* bin = std::getenv("POLKU_BIN_DIR");
  dir.Write("example.sh", "cd '" + dir.At("") + "' || exit 99\nPATH='" + std::string(bin == nullptr ? "." : bin) + ":" +
                              dir.At("bin") + "':$PATH\n" + script + "\n");
  const int status = std::system(("timeout 60 sh '" + dir.At("example.sh") + "' > '" + dir.At("stdout") + "' 2> '" +
                                  dir.At("stderr") + "' < /dev/null")
                                     .c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadAll(dir.At("stdout")), ReadAll(dir.At("stderr"))};
}

// Where none of the files are there the work cannot be done; that the command line is good is said all the same: what
// is missing is told with another exit code than a wrong flag, operand or value.
TEST(ExamplesTest, EveryExampleIsAGoodCommandLine) {
  const std::vector<std::string> names = CommandNames();
  EXPECT_GT(names.size(), 25u);
  for (const std::string& name : names) {
    const std::vector<std::string> examples = ExamplesOf(name);
    EXPECT_FALSE(examples.empty()) << name;
    for (const std::string& example : examples) {
      const TempDir dir;
      dir.Write("code.txt", "010190-900P\n");
      dir.Write("bin/systemctl", "#!/bin/sh\nexit 0\n");
      std::filesystem::permissions(dir.At("bin/systemctl"), std::filesystem::perms::owner_all);
      const Result result = RunExample(dir, Prepared(dir, example));
      EXPECT_NE(result.code, 2) << example << "\n" << result.err;
      
      EXPECT_LT(result.code, 6) << example << "\n" << result.err;
    }
  }
}

// What the examples of reads promise they do, on a region's directories in place of those that they name.
TEST(ExamplesTest, ExamplesOfReadsWorkOnARegionsDirectories) {
  const std::vector<std::pair<std::string, std::string>> configs = {
      {"oulu-referral.textproto", "tyollisyys-referral"},
      {"kela.textproto", "kela-compensation"},
      {"tarkastaja.textproto", "hyvinvointi-audit"},
      {"hyvinvointi-assessment.textproto", "hyvinvointi-assessment"},
      {"hyvinvointi.textproto", "hyvinvointi-audit"}};
  size_t run = 0;
  for (const std::string& name : std::vector<std::string> {"case", "replay", "summary", "disclosures", "places", "retention", "bundle", "export",
                                 "agreement", "verify", "erasure", "report"}) {
    for (std::string example : ExamplesOf(name)) {
      // Not those of files that another command makes, nor the one that never ends; and that an agency had received
      // something is shown by the cosignatures of services that ran (tests/scenarios/witness_test.py).
      if (example.find(" --config ") == std::string::npos || example.find("--follow") != std::string::npos ||
          (name == "bundle" && example.find("--known-to") != std::string::npos)) {
        continue;
      }
      const TempDir dir;
      std::filesystem::create_directories(dir.At("elsewhere"));
      example = Prepared(dir, example);
      example = Replaced(example, kPlaceholder, Region().cases().front());
      example = Replaced(example, "FI/COM/0187690-1/yhdistys/", "FI/ORG/9999992-5/toimintatupa/");
      example = Replaced(example, "FI/MUN/0187690-1/oulu/", "FI/MUN/9999994-1/tyollisyys/");
      for (const auto& [file, instance] : configs) {
        example = Replaced(example, "--config " + file, "--config " + Region().Config(instance) +
                                                            (example.find("--official") == std::string::npos ? "" : " --stopped"));
      }
      const Result result = RunExample(dir, example);
      EXPECT_EQ(result.code, 0) << example << "\n" << result.err;
      ++run;
    }
  }
  EXPECT_GT(run, 18u);
}

}  // namespace
}  // namespace polku::cli
