#include "services/audit/group_sheet.h"

#include <algorithm>

#include "services/core/calendar.h"

namespace polku::audit {
namespace {

bool IsWorkingDay(absl::CivilDay day) {
  const absl::Weekday weekday = absl::GetWeekday(day);
  return weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday &&
         !service::PublicHoliday(day);
}

}  // namespace

void GroupSheetFold::Add(const Event& event) {
  if (event.body == nullptr || event.control() || !event.counts) return;
  const service::Fact fact = event.fact();
  Case& held = cases_[event.case_id];
  held.periods.Fold(fact);
  held.plans.Fold(fact);
  held.groups.Fold(fact);
}

std::vector<GroupMember> GroupSheetFold::Members(std::string_view agency,
                                                 std::string_view group_code, absl::CivilDay from,
                                                 absl::CivilDay until) const {
  std::vector<GroupMember> members;
  for (const auto& [case_id, held] : cases_) {
    std::vector<service::Membership> own = held.groups.Memberships();
    std::erase_if(own, [&](const service::Membership& membership) {
      return membership.agency != agency || membership.group_code != group_code;
    });
    if (own.empty()) continue;
    for (const service::Period& period : held.periods.Periods()) {
      auto expected = held.plans.Expected(period, from, until);
      if (expected.empty()) {
        for (absl::CivilDay day = from; day <= until; ++day) {
          // Only where nothing says which days they are: an agreed weekday that a plan took away stays away.
          if (!IsWorkingDay(day) || !period.Covers(day)) continue;
          const event::v1::Schedule& schedule = period.On(day).schedule;
          if (schedule.weekdays().empty()) expected[day] = schedule.minutes_per_day();
        }
      }
      GroupMember member{case_id, period.id, "", {}};
      for (const auto& [day, minutes] : expected) {
        const auto& stretch = period.On(day);
        const auto in_group = std::find_if(
            own.begin(), own.end(),
            [&, date = day](const service::Membership& one) { return one.Spans(date); });
        if (in_group == own.end() || !period.ServedBy(agency, day)) continue;
        member.days[day] = minutes;
        member.place_code =
            in_group->place_code.empty() ? stretch.place_code : in_group->place_code;
      }
      if (!member.days.empty()) members.push_back(std::move(member));
    }
  }
  return members;
}

}  // namespace polku::audit
