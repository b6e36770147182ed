// What the benchmarks share: a failure ends them.
#ifndef POLKU_TESTS_BENCH_BENCH_H_
#define POLKU_TESTS_BENCH_BENCH_H_

#include <errno.h>

#include <cstdlib>
#include <iostream>
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

}  // namespace polku

#endif  // POLKU_TESTS_BENCH_BENCH_H_
