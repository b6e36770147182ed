// Money is whole cents, never floating point (DOMAIN "Data").
#ifndef POLKU_EVENTSTORE_BASE_MONEY_H_
#define POLKU_EVENTSTORE_BASE_MONEY_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace polku {

class Cents {
 public:
  constexpr Cents() = default;
  explicit constexpr Cents(int64_t value) : value_(value) {}
  constexpr int64_t value() const { return value_; }
  // nullopt when the sum does not fit 64 bits.
  std::optional<Cents> Plus(Cents other) const;
  // Precondition: not the lowest 64-bit value.
  constexpr Cents Negated() const { return Cents(-value_); }
  friend constexpr auto operator<=>(Cents, Cents) = default;

 private:
  int64_t value_ = 0;
};

std::string FormatEuros(Cents cents);  // "9.00", "-0.05"

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_MONEY_H_
