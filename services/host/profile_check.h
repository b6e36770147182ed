// What the values of a profile's rules may be: a wrong one would be acted on for ever, for what the services say from it
// is appended and never taken away. profile.proto says what each field means.
#ifndef POLKU_SERVICES_HOST_PROFILE_CHECK_H_
#define POLKU_SERVICES_HOST_PROFILE_CHECK_H_

#include <optional>
#include <string>

#include "polku/config/v1/profile.pb.h"

namespace polku::host {

// The largest values a rule may have: far above what any region pays or waits, far below what sums of ten years of days,
// and days added to any date, could overflow.
inline constexpr int64_t kMaxRuleCents = 100'000;         // a day, a card, a kilometre: 1,000 euros
inline constexpr uint32_t kMaxRuleDays = 3'660;           // ten years
inline constexpr uint32_t kMaxRuleMonths = 600;           // fifty years

struct RuleProblem {
  std::string list;  // field of Profile, e.g. "travel"; "" of what is no rule
  int index = 0;     // in that list of the joined profile
  std::string what;  // names the field and the remedy
};

// The first wrong value of a joined profile, whose rules have ids and dates already; nullopt: none.
std::optional<RuleProblem> CheckRuleValues(const config::v1::Profile& profile);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_PROFILE_CHECK_H_
