// Fuzz entry points: one LLVMFuzzerTestOneInput a parser, each in a file of its own. CMakeLists.txt
// builds each twice: with the preset `fuzz` as a libFuzzer binary, and always as a test that runs
// the corpus and mutations of it (driver.cc). A property that does not hold ends the process.
#ifndef POLKU_TESTS_FUZZ_FUZZ_H_
#define POLKU_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace polku::fuzz {

inline std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "this does not hold: %s\n", property);
  std::abort();
}

}  // namespace polku::fuzz

#endif  // POLKU_TESTS_FUZZ_FUZZ_H_
