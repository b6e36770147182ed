// Which entry of a dated list of the profile holds (profile.proto, fields 1-7 of every rule).
#ifndef POLKU_SERVICES_CORE_DATED_RULES_H_
#define POLKU_SERVICES_CORE_DATED_RULES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "polku/event/v1/common.pb.h"
#include "services/core/calendar.h"

namespace polku::service {

namespace internal {
// `from` and `until` are dates of a checked profile, so their text order is their order in time.
bool InRange(std::string_view day, std::string_view from, std::string_view until);
}  // namespace internal

namespace internal {
template <typename Rule>
bool RuleHolds(const Rule& rule, std::string_view day, std::string_view first_started) {
  if (!InRange(day, rule.valid_from(), rule.valid_until())) return false;
  if (rule.started_from().empty() && rule.started_until().empty()) return true;
  return !first_started.empty() &&
         InRange(first_started, rule.started_from(), rule.started_until());
}
}  // namespace internal

// The rule holds for an event of `day` in a service that first started on `first_started`. While
// that is not known, a rule that depends on it does not hold.
template <typename Rule>
bool RuleHolds(const Rule& rule, absl::CivilDay day, std::optional<absl::CivilDay> first_started) {
  return internal::RuleHolds(rule, FormatDate(day),
                             first_started ? FormatDate(*first_started) : std::string());
}

// The entry of `rules` that holds and that `fits` accepts; null when there is none. A checked
// profile has at most one.
template <typename RuleList, typename Fits>
auto FindRule(const RuleList& rules, absl::CivilDay day,
              std::optional<absl::CivilDay> first_started, Fits fits) -> decltype(&*rules.begin()) {
  const std::string day_text = FormatDate(day);
  const std::string started_text = first_started ? FormatDate(*first_started) : std::string();
  for (const auto& rule : rules) {
    if (fits(rule) && internal::RuleHolds(rule, day_text, started_text)) return &rule;
  }
  return nullptr;
}

// All entries of `rules` that hold and that `fits` accepts, in their order.
template <typename RuleList, typename Fits>
auto FindRules(const RuleList& rules, absl::CivilDay day,
               std::optional<absl::CivilDay> first_started, Fits fits)
    -> std::vector<decltype(&*rules.begin())> {
  std::vector<decltype(&*rules.begin())> found;
  const std::string day_text = FormatDate(day);
  const std::string started_text = first_started ? FormatDate(*first_started) : std::string();
  for (const auto& rule : rules) {
    if (fits(rule) && internal::RuleHolds(rule, day_text, started_text)) found.push_back(&rule);
  }
  return found;
}

template <typename Rule>
event::v1::RuleRef RefTo(const Rule& rule) {
  event::v1::RuleRef ref;
  ref.set_id(rule.id());
  ref.set_version(rule.version());
  return ref;
}

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_DATED_RULES_H_
