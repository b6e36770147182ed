// Runs the tamper corpus over a copy of a real service's data directory, once for each log it holds; tests/scenarios/
// tamper_test.py makes that directory. Prints a line a case; exit 1 when anything went unnoticed, or was told wrong.
#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "adapters/cli/trust.h"
#include "eventstore/base/file.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "eventstore/proof/note.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "services/host/keys.h"
#include "services/host/opener.h"
#include "tests/evidence/tampering.h"

namespace polku::evidence {
namespace {

namespace fs = std::filesystem;

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << "polku-tamper: " << result.status() << "\n";
  std::exit(2);
}

int Run(const std::string& config_file, const std::string& work) {
  const host::Config config = Must(host::LoadConfig(config_file, ""));
  const cli::Trust trust = Must(cli::LoadTrust(config));
  const host::ServiceKeys own_keys =
      Must(host::LoadServiceKeys(config.keys_directory, config.origin.text()));
  auto keys = Must(vault::KeyStore::Open(
      Must(rocks::OpenKeyStorage(config.keystore_directory, rocks::OpenMode::kReadOnly)),
      Must(host::LoadMasterKey(config.keys_directory)), SystemRandom(), true));
  host::Opener opener(*keys, config.origin.text());
  std::mutex mu;
  VerifyOptions options;
  options.own_origin = config.origin.text();
  options.keys = trust.keys;
  options.witnesses = trust.witnesses;
  options.high_water =
      Must(ReadFile(Str(config.keys_directory, "/high-water.note"), proof::kMaxNoteBytes));
  options.open = [&](const log::EntryView& entry, std::string_view origin,
                     const log::BlobView& blob) -> absl::StatusOr<std::optional<std::string>> {
    const std::lock_guard lock(mu);
    POLKU_ASSIGN_OR_RETURN(const auto secret, opener.Secret(entry, origin, blob));
    if (!secret) return std::optional<std::string>();
    return std::optional(std::string(secret->secret_bytes()));
  };

  const std::string copy = work + "/data";
  const auto fresh = [&] {
    fs::remove_all(copy);
    fs::copy(config.data_directory, copy, fs::copy_options::recursive);
  };
  fresh();
  const Report healthy = VerifyDirectory(copy, options);
  if (!healthy.problems.empty()) {
    std::cout << "FALSE ALARM in " << config.origin.text() << "\n" << Describe(healthy);
    return 1;
  }
  std::map<std::string, LogReport> reports;
  for (const LogReport& log : healthy.logs) reports.emplace(log.origin, log);
  std::vector<TamperTarget> targets;
  {
    const auto engine =
        Must(rocks::OpenEngine({.directory = copy, .mode = rocks::OpenMode::kReadOnly}));
    for (const log::HeldLog& held : Must(log::HeldLogs(*engine))) {
      const bool own = held.number == kOwnLog;
      const LogReport& report = reports.at(held.head.origin);
      targets.push_back({held.number, held.head.origin, own ? own_keys.signer.get() : nullptr,
                         report.sections > 0 && report.opened == report.sections, own});
    }
  }
  int failed = 0;
  int caught = 0;
  for (const TamperTarget& target : targets) {
    for (const Tampering& tampering : TamperCorpus()) {
      fresh();
      std::optional<Expected> expected;
      {
        const auto raw = RawStore::Open(copy);
        if (raw == nullptr) {
          std::cerr << "polku-tamper: cannot open " << copy << "\n";
          return 2;
        }
        expected = tampering.act(*raw, target);
      }
      if (!expected) continue;
      const Report report = VerifyDirectory(copy, options);
      const std::string wrong = Judge(report, target.origin, *expected);
      (wrong.empty() ? caught : failed) += 1;
      if (!wrong.empty()) {
        std::cout << "FAILED " << target.origin << ": " << tampering.name << ": " << wrong << "\n"
                  << Describe(report);
      }
    }
  }
  std::cout << config.origin.text() << ": " << targets.size() << " logs, " << caught << " caught, "
            << failed << " not\n";
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace polku::evidence

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: polku-tamper CONFIG WORK_DIRECTORY\n";
    return 2;
  }
  return polku::evidence::Run(argv[1], argv[2]);
}
