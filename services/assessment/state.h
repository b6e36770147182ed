// What the assessment service knows of a case. Results are not kept, only that they are there: no
// duty or decision needs a score, and the log has it.
#ifndef POLKU_SERVICES_ASSESSMENT_STATE_H_
#define POLKU_SERVICES_ASSESSMENT_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/event/v1/common.pb.h"
#include "services/core/event_dispatch.h"
#include "services/core/periods.h"
#include "services/core/service.h"

namespace polku::assessment {

// Every event of polku.assessment.v1, once; a test holds the list to the .proto file.
template <typename Visitor, typename Result>
using AssessmentEvents =
    service::EventDispatch<Visitor, Result, v1::AssessmentDue, v1::FeedbackDue, v1::DueCancelled,
                           v1::KykyviisariRecorded, v1::InterimEvaluationMade,
                           v1::FinalEvaluationMade, v1::WorkAbilityAssessed, v1::FeedbackGiven,
                           v1::CompetenceRecognised>;

// A due that somebody has recorded.
struct Raised {
  EventId event;
  std::string author_agency;
  std::string due_on;
  friend bool operator==(const Raised&, const Raised&) = default;
};

struct State : service::CaseState {
  CaseId case_id;
  service::PeriodBook book;

  // For periods whose referral was entered in error by its requester.
  std::map<std::string, std::string> referral_of_period;
  std::map<std::string, std::string> requester_of_referral;
  struct Withdrawal {
    EventId event;
    std::string author_agency;
    friend bool operator==(const Withdrawal&, const Withdrawal&) = default;
  };
  std::map<std::string, std::vector<Withdrawal>> entered_in_error;  // by referral

  std::map<std::string, std::vector<Raised>> raised;  // by duty key, in merged order
  std::set<std::pair<EventId, std::string>> cancelled;  // due and the agency that cancelled it

  // What was recorded: (period, round) → day.
  std::map<std::pair<std::string, uint32_t>, std::string> kykyviisari;
  std::set<EventId> kykyviisari_events;
  std::map<std::pair<std::string, uint32_t>, std::string> interim;
  std::set<std::string> final_evaluations;                    // periods
  std::set<std::pair<std::string, std::string>> work_ability;  // period, day
  std::set<std::tuple<std::string, event::v1::ActorRole, std::string>> feedback;  // …, giver, day

  // The act that voids the period; nullopt: it stands.
  std::optional<EventId> VoidedBy(const std::string& period_id) const;
};

void EvolveState(State& state, const service::Fact& fact);

// "assessment_due/<period>/<kind>/<round>" and "feedback_due/<period>/<giver>".
std::string AssessmentKey(std::string_view period_id, event::v1::AssessmentKind kind,
                          uint32_t round);
std::string FeedbackKey(std::string_view period_id, event::v1::ActorRole giver);

std::vector<service::Duty> DutiesOf(const State& state, const service::Rules& rules,
                                    absl::CivilDay today);
std::optional<absl::CivilDay> NextDayOf(const State& state, const service::Rules& rules,
                                        absl::CivilDay today);

std::optional<service::Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                            const service::Rules& rules, absl::CivilDay today);

std::vector<std::string_view> EventTypes();

}  // namespace polku::assessment

#endif  // POLKU_SERVICES_ASSESSMENT_STATE_H_
