// Randomness that repeats from a seed.
#ifndef POLKU_TESTS_SUPPORT_RANDOM_H_
#define POLKU_TESTS_SUPPORT_RANDOM_H_

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>

#include "eventstore/base/random.h"

namespace polku::testing {

// SplitMix64: the same numbers on every machine and library, unlike std::*_distribution.
// Not thread-safe. Also a UniformRandomBitGenerator, for std::shuffle.
class SeededGenerator {
 public:
  using result_type = uint64_t;
  explicit SeededGenerator(uint64_t seed) : state_(seed) {}
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In [0, bound); bound must not be 0. Slightly uneven for huge bounds, which tests do not mind.
  uint64_t Below(uint64_t bound) { return (*this)() % bound; }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    Fill(reinterpret_cast<uint8_t*>(bytes.data()), size);
    return bytes;
  }
  void Fill(uint8_t* out, size_t size) {
    uint64_t word = 0;
    for (size_t i = 0; i < size; ++i) {
      if (i % 8 == 0) word = (*this)();
      out[i] = static_cast<uint8_t>(word >> (8 * (i % 8)));
    }
  }

 private:
  uint64_t state_;
};

// A polku::RandomBytes that gives the same bytes for the same seed and the same calls. Copies share
// their state. Not thread-safe.
inline RandomBytes SeededRandom(uint64_t seed) {
  auto generator = std::make_shared<SeededGenerator>(seed);
  return [generator](uint8_t* out, size_t size) { generator->Fill(out, size); };
}

// A new seed, or that of the environment variable POLKU_TEST_SEED, printed so that a failure can be
// repeated.
inline uint64_t TestSeed() {
  uint64_t seed = 0;
  if (const char* text = std::getenv("POLKU_TEST_SEED")) {
    seed = std::strtoull(text, nullptr, 10);
  } else {
    std::random_device device;
    seed = uint64_t{device()} << 32 | device();
  }
  std::cout << "POLKU_TEST_SEED=" << seed << std::endl;
  return seed;
}

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_RANDOM_H_
