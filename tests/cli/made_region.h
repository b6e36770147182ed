// A small region's history in a directory, made by `polku generate`, for tests that read it as people do.
#ifndef POLKU_TESTS_CLI_MADE_REGION_H_
#define POLKU_TESTS_CLI_MADE_REGION_H_

#include <string>
#include <vector>

#include "adapters/cli/json.h"
#include "tests/cli/run_polku.h"

namespace polku::cli {

class MadeRegion {
 public:
  MadeRegion() {
    const char* source = std::getenv("POLKU_SOURCE_DIR");
    EXPECT_NE(source, nullptr) << "set POLKU_SOURCE_DIR";
    made_ = RunPolku({"generate", "--profile", std::string(source == nullptr ? "." : source) + "/deploy/profiles/oulu.textproto",
                      "--clients", "6", "--months", "8", "--seed", "3", "--out", directory()},
                     "", 300);
    EXPECT_EQ(made_.code, 0) << made_.err;
    for (const std::string& name : {std::string("hyvinvointi-audit"), std::string("hyvinvointi-compensation")}) {
      const Result summary = Read({"summary", "--cases", "--json"}, name);
      EXPECT_EQ(summary.code, 0) << summary.err;
      // Those of whom this service holds most come last; any will do.
      for (size_t at = summary.out.find("{\"case\":\""); at != std::string::npos;
           at = summary.out.find("{\"case\":\"", at + 1)) {
        (name == "hyvinvointi-audit" ? cases_ : paid_).push_back(summary.out.substr(at + 9, 32));
      }
    }
    EXPECT_FALSE(cases_.empty());
    EXPECT_FALSE(paid_.empty());
  }

  std::string directory() const { return dir_.At("region"); }
  std::string Config(const std::string& instance) const {
    return directory() + "/" + instance + "/service.textproto";
  }
  // Cases that the auditor holds, and those that the payer of travel holds.
  const std::vector<std::string>& cases() const { return cases_; }
  const std::vector<std::string>& paid() const { return paid_; }

  // A recorded read at a service that is stopped.
  Result Read(std::vector<std::string> arguments, const std::string& instance) const {
    arguments.insert(arguments.end(), {"--config", Config(instance), "--stopped", "--official", "lukija-1",
                                       "--purpose", "supervision", "--basis", "laki 611/2021"});
    return RunPolku(arguments);
  }

 private:
  TempDir dir_;
  Result made_;
  std::vector<std::string> cases_, paid_;
};

// Made once a program: it takes seconds.
inline const MadeRegion& Region() {
  static const MadeRegion region;
  return region;
}

}  // namespace polku::cli

#endif  // POLKU_TESTS_CLI_MADE_REGION_H_
