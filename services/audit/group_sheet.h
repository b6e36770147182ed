// Whose days stand on the shared sheet of a provider's group in a time: its members of that time,
// each with the days on which the client is expected. A read over all cases that are held.
#ifndef POLKU_SERVICES_AUDIT_GROUP_SHEET_H_
#define POLKU_SERVICES_AUDIT_GROUP_SHEET_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "services/audit/history.h"
#include "services/core/days.h"
#include "services/core/groups.h"
#include "services/core/periods.h"

namespace polku::audit {

// A member in one service period of the agency.
struct GroupMember {
  CaseId case_id;
  std::string period_id;
  std::string place_code;  // of the membership, else of the period; may be empty
  // The days of the member in the group and the period, with planned minutes (0: not said). Where
  // neither plan nor weekdays say which, every working day.
  std::map<absl::CivilDay, uint32_t> days;
};

class GroupSheetFold {
 public:
  void Add(const Event& event);  // in merged order
  // Between both days, inclusive; by case, then by period. A member without a day in a period of the
  // agency then is left out.
  std::vector<GroupMember> Members(std::string_view agency, std::string_view group_code,
                                   absl::CivilDay from, absl::CivilDay until) const;

 private:
  struct Case {
    service::PeriodBook periods;
    service::PlanBook plans;
    service::GroupBook groups;
  };
  std::map<CaseId, Case> cases_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_GROUP_SHEET_H_
