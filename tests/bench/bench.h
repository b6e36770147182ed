// What the benchmarks share: a failure ends them.
#ifndef POLKU_TESTS_BENCH_BENCH_H_
#define POLKU_TESTS_BENCH_BENCH_H_

#include <errno.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace polku {

[[noreturn]] inline void Die(std::string_view what) {
  std::cerr << program_invocation_short_name << ": " << what << "\n";
  std::exit(1);
}
inline void Must(const absl::Status& status) {
  if (!status.ok()) Die(status.ToString());
}
template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) Die(result.status().ToString());
  return *std::move(result);
}

// What a benchmark of several rounds over a log of its own is told.
struct RoundsFlags {
  uint64_t entries = 0;
  uint64_t batch = 100;  // entries a commit
  int rounds = 5;
  std::string directory = ".";
  bool json = false;
};
// Ends the program with the usage text: after --help, or where the command line cannot be.
inline RoundsFlags ParseRounds(int argc, char** argv, std::string_view usage, uint64_t entries,
                               uint64_t max_batch) {
  RoundsFlags flags;
  flags.entries = entries;
  const auto end = [&](int code) {
    std::cerr << usage;
    std::exit(code);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const bool has_value = i + 1 < argc;
    if (flag == "--json") {
      flags.json = true;
    } else if (flag == "--entries" && has_value) {
      flags.entries = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--batch" && has_value) {
      flags.batch = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--rounds" && has_value) {
      flags.rounds = std::atoi(argv[++i]);
    } else if (flag == "--directory" && has_value) {
      flags.directory = argv[++i];
    } else if (flag == "--seconds" && has_value) {
      ++i;  // run.sh gives every benchmark the same flags; here --entries and --rounds say how long
    } else {
      end(flag == "--help" ? 0 : 2);
    }
  }
  if (flags.entries == 0 || flags.batch == 0 || flags.batch > max_batch || flags.rounds < 1) end(2);
  return flags;
}

}  // namespace polku

#endif  // POLKU_TESTS_BENCH_BENCH_H_
