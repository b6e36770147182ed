// The folded case of the attendance service. Internal to this room.
#ifndef POLKU_SERVICES_ATTENDANCE_STATE_H_
#define POLKU_SERVICES_ATTENDANCE_STATE_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "services/core/case_sort.h"
#include "services/core/days.h"
#include "services/core/groups.h"
#include "services/core/periods.h"
#include "services/core/service.h"

namespace polku::attendance {

// What a service said about a period so far. An agency repeats nothing that it said itself; what
// another agency said is its own affair.
struct Said {
  uint32_t openings = 0;
  uint32_t closings = 0;
  bool open = false;  // the newest of both is an opening
  v1::PeriodOpened newest_opening;
  std::optional<absl::CivilDay> closed_on;  // of the newest closing
};

struct BreachKey {
  std::string period_id;
  absl::CivilDay date;
  v1::BreachCode code = v1::BREACH_CODE_UNSPECIFIED;
  friend bool operator<(const BreachKey& a, const BreachKey& b) {
    return std::tie(a.period_id, a.date, a.code) < std::tie(b.period_id, b.date, b.code);
  }
};

struct Flag {
  uint32_t flagged = 0;
  uint32_t cleared = 0;
  std::optional<EventId> standing;  // the RuleBreachFlagged that holds
};

// What a notice tells of one day.
struct NoticeDay {
  event::v1::DayOutcome outcome = event::v1::DAY_OUTCOME_UNSPECIFIED;
  event::v1::AttendanceClass attendance_class = event::v1::ATTENDANCE_CLASS_UNSPECIFIED;
  bool certificate_seen = false;
  friend bool operator==(const NoticeDay&, const NoticeDay&) = default;
};
using NoticeDays = std::map<absl::CivilDay, NoticeDay>;

// A notice about certain days, in its newest revision.
struct Notice {
  std::string rule_id;
  std::string period_id;
  std::string recipient;
  absl::CivilDay from;  // with rule and period: which notice it is
  absl::CivilDay until;
  uint32_t revision = 0;
  uint32_t absent_days = 0;
  NoticeDays days;
};

struct AlertKey {
  std::string rule_id;
  std::string period_id;
  absl::CivilDay date;
  friend bool operator<(const AlertKey& a, const AlertKey& b) {
    return std::tie(a.rule_id, a.period_id, a.date) < std::tie(b.rule_id, b.period_id, b.date);
  }
};

struct RaisedAlert {
  uint32_t raised = 0;  // how often
  event::v1::AlertKind kind = event::v1::ALERT_KIND_UNSPECIFIED;
  std::optional<EventId> standing;  // the AlertRaised that holds
};

// A correction of a day of a confirmed month, on its way.
struct Proposal {
  EventId id;
  std::string author;
  std::string official;
  absl::CivilDay date;
  v1::DayCorrectionProposed content;
  size_t records_before = 0;  // of days of the case, when it was made: a newer one overtakes it
  std::optional<EventId> decision;  // the first one holds
  bool approved = false;
  bool carried_out = false;
};

struct State : service::CaseState {
  service::CaseSort sort;
  service::PeriodBook periods;
  service::DayBook days;
  service::PlanBook plans;
  service::GroupBook groups;
  // By the agency that said it.
  std::map<std::pair<std::string, std::string>, Said> said;  // agency, period
  std::map<std::pair<std::string, BreachKey>, Flag> flags;   // agency, breach
  std::map<std::string, std::vector<Notice>> notices;        // agency; in order of first sending
  std::map<std::pair<std::string, AlertKey>, RaisedAlert> alerts;  // agency, alert
  // Months that their provider confirmed: agency, period, month.
  std::set<std::tuple<std::string, std::string, absl::CivilMonth>> confirmed_months;
  std::vector<Proposal> proposals;  // in merged order
  // A follow-on plan is on record, and since then neither a start nor an extension, which it may
  // have been the plan of.
  bool follow_on_plan = false;
  std::vector<std::string> benefit_payers;  // as recorded since nobody paid, newest last
  std::string employment_authority;         // newest that was notified
  std::set<std::string> starts_notified;    // periods of whose start it was
  // Of a place's own case: the standing count by agency, place and day.
  std::map<std::tuple<std::string, std::string, absl::CivilDay>, EventId> counts;
};

void Fold(State& state, const service::Fact& fact);

std::optional<service::Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                            const service::Rules& rules, absl::CivilDay today);

// Of a DayCorrected: the record of that day that stands.
std::optional<EventId> CorrectedBy(const State& state, const service::Offer& offer,
                                   const service::Rules& rules);

std::vector<service::Duty> DutiesOf(const State& state, const service::Rules& rules,
                                    absl::CivilDay today);

std::optional<absl::CivilDay> NextDutyDay(const State& state, const service::Rules& rules,
                                          absl::CivilDay today);

}  // namespace polku::attendance

#endif  // POLKU_SERVICES_ATTENDANCE_STATE_H_
