// Chance for made-up histories: the same seed throws the same for ever, on every machine. Not for keys.
#ifndef POLKU_SERVICES_GENERATE_DICE_H_
#define POLKU_SERVICES_GENERATE_DICE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"

namespace polku::generate {

class Dice {
 public:
  // Dice of different names of one seed are independent.
  Dice(uint64_t seed, std::string_view name) {
    std::string text = "polku/generate/v1";
    text.push_back('\0');
    AppendBigEndian64(text, seed);
    text += name;
    state_ = ReadBigEndian64(Sha256(text).view().data());
  }

  // SplitMix64 (Steele, Lea, Flood 2014).
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // [0, n); n > 0. The bias of a 64-bit remainder does not show in a made-up history.
  uint64_t Below(uint64_t n) { return Next() % n; }
  // [low, high]
  int Between(int low, int high) {
    return low + static_cast<int>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  bool Permille(int chance) { return Between(1, 1'000) <= chance; }
  bool Percent(int chance) { return Permille(10 * chance); }
  template <typename T>
  const T& Of(std::span<const T> choices) {
    return choices[Below(choices.size())];
  }
  // The place of one of the weights, each as likely as it is heavy. Their sum must be positive.
  size_t Weighted(std::span<const int> weights) {
    int sum = 0;
    for (int weight : weights) sum += weight;
    int at = Between(1, sum);
    for (size_t i = 0;; ++i) {
      at -= weights[i];
      if (at <= 0) return i;
    }
  }

 private:
  uint64_t state_;
};

}  // namespace polku::generate

#endif  // POLKU_SERVICES_GENERATE_DICE_H_
