#include "services/core/groups.h"

#include "polku/attendance/v1/attendance.pb.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"

namespace polku::service {

void GroupBook::Fold(const Fact& fact) {
  successors_.Fold(fact);
  const std::string agency(fact.author_agency);
  if (const auto* joined = As<attendance::v1::GroupJoined>(fact.body)) {
    if (const auto from = ParseDate(joined->joined_from())) {
      by_group_[{agency, joined->group_code()}].push_back(
          {agency, joined->group_code(), joined->place_code(), *from, std::nullopt});
    }
  } else if (const auto* left = As<attendance::v1::GroupLeft>(fact.body)) {
    const auto until = ParseDate(left->member_until());
    if (!until) return;
    Membership* newest = nullptr;
    for (auto& [group, memberships] : by_group_) {
      if (group.second != left->group_code() || !successors_.IsOrSucceeds(agency, group.first)) continue;
      for (Membership& membership : memberships) {
        if (membership.from - 1 > *until) continue;
        const bool older = newest != nullptr && newest->agency != membership.agency &&
                           membership.from < newest->from;
        if (!older) newest = &membership;
      }
    }
    if (newest != nullptr) newest->until = until;
  }
}

std::vector<Membership> GroupBook::Memberships() const {
  std::vector<Membership> all;
  for (const auto& [group, memberships] : by_group_) {
    for (Membership membership : memberships) {
      for (const Successors::Transfer& transfer : successors_.transfers()) {
        if (transfer.from != membership.agency ||
            (membership.until && *membership.until < transfer.effective_on)) {
          continue;
        }
        if (membership.from < transfer.effective_on) {
          Membership before = membership;
          before.until = transfer.effective_on - 1;
          all.push_back(std::move(before));
          membership.from = transfer.effective_on;
        }
        membership.agency = transfer.to;
      }
      all.push_back(std::move(membership));
    }
  }
  return all;
}

}  // namespace polku::service
