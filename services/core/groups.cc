#include "services/core/groups.h"

#include "polku/attendance/v1/attendance.pb.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"

namespace polku::service {

void GroupBook::Fold(const Fact& fact) {
  const std::string agency(fact.author_agency);
  if (const auto* joined = As<attendance::v1::GroupJoined>(fact.body)) {
    if (const auto from = ParseDate(joined->joined_from())) {
      by_group_[{agency, joined->group_code()}].push_back(
          {agency, joined->group_code(), joined->place_code(), *from, std::nullopt});
    }
  } else if (const auto* left = As<attendance::v1::GroupLeft>(fact.body)) {
    const auto until = ParseDate(left->member_until());
    const auto group = by_group_.find({agency, left->group_code()});
    if (!until || group == by_group_.end()) return;
    Membership* newest = nullptr;
    for (Membership& membership : group->second) {
      if (membership.from - 1 <= *until) newest = &membership;
    }
    if (newest != nullptr) newest->until = until;
  }
}

std::vector<Membership> GroupBook::Memberships() const {
  std::vector<Membership> all;
  for (const auto& [group, memberships] : by_group_) {
    all.insert(all.end(), memberships.begin(), memberships.end());
  }
  return all;
}

}  // namespace polku::service
