// What one event may say of money and distance at most, so that a slip of the pen is refused where it is offered, and
// no sum over a case's events can leave 64 bits, whatever a peer's log holds.
#ifndef POLKU_SERVICES_CORE_MONEY_LIMITS_H_
#define POLKU_SERVICES_CORE_MONEY_LIMITS_H_

#include <cstdint>

namespace polku::service {

// 100,000 euros. A day gives 9 (DOMAIN, Rules), a month's travel some hundreds; 900,000,000,000 events of this sum
// still add up. Of an accrual, grant, reversal, claim, line and whole payment; either sign.
inline constexpr int64_t kMaxAmountCents = 10'000'000;

// There and back on one day: nobody is sent farther than Finland is long, 1,200 km.
inline constexpr uint32_t kMaxDayMetres = 2'400'000;
// Of a whole claim: a day's journey on every working day of a year and more.
inline constexpr uint32_t kMaxClaimMetres = 1'000'000'000;

// What an amount of the log is worth in a sum: amounts are positive (compensation.proto), so a negative one, as one
// above the limit, is worth nothing.
constexpr int64_t Worth(int64_t cents) {
  return cents < 0 || cents > kMaxAmountCents ? 0 : cents;
}

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_MONEY_LIMITS_H_
