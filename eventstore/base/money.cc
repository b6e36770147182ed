#include "eventstore/base/money.h"

namespace polku {

std::optional<Cents> Cents::Plus(Cents other) const {
  int64_t sum = 0;
  if (__builtin_add_overflow(value_, other.value_, &sum)) return std::nullopt;
  return Cents(sum);
}

std::string FormatEuros(Cents cents) {
  // Unsigned, because the lowest value has no positive counterpart.
  const bool negative = cents.value() < 0;
  const uint64_t magnitude =
      negative ? 0 - static_cast<uint64_t>(cents.value()) : static_cast<uint64_t>(cents.value());
  std::string text = negative ? "-" : "";
  text += std::to_string(magnitude / 100);
  text += '.';
  text += static_cast<char>('0' + magnitude / 10 % 10);
  text += static_cast<char>('0' + magnitude % 10);
  return text;
}

}  // namespace polku
