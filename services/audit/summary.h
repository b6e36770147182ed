// Totals over what an agency may read: a line a client, a line a log. A pure fold, from nothing but
// the events it is given; what is sealed for this reader is counted as sealed, never guessed.
#ifndef POLKU_SERVICES_AUDIT_SUMMARY_H_
#define POLKU_SERVICES_AUDIT_SUMMARY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "eventstore/base/ids.h"
#include "eventstore/base/money.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/audit/history.h"
#include "services/host/epochs.h"

namespace polku::audit {

// A sum of which parts may be sealed for this reader.
struct Money {
  Cents sum;             // of the visible amounts; reversals are negative
  uint32_t visible = 0;  // amounts, reversals included
  uint32_t sealed = 0;
};

struct OpenDue {
  event::v1::AssessmentKind kind;  // unspecified: feedback
  event::v1::ActorRole giver;      // of feedback
  uint32_t round = 0;
  std::string due_on;
};

// What the attendance service warns of and has not taken back (Profile.alerts).
struct OpenAlert {
  event::v1::AlertKind kind;
  std::string period_id;
  std::string date;  // the period's last day, the day without record, or the month's last day
};

// What a member of a network meeting took on and has not said to be done, nor that it will not be.
struct OpenCommitment {
  std::string meeting_id;
  uint32_t number = 0;
  event::v1::ActorRole member = event::v1::ACTOR_ROLE_UNSPECIFIED;
  std::string agency;  // empty: the client
  std::string due_on;  // may be empty
  bool committed = false;  // the member confirmed it
};

struct CaseManager {
  event::v1::CaseManagerSide side = event::v1::CASE_MANAGER_SIDE_UNSPECIFIED;
  std::string agency;
  std::string official;
  std::string name;  // empty: sealed here, or not said
};

// What a client's own scores of one scale or rating were at the first and the newest round that has it, in the newest
// period with scores (Kykyviisari). There is no grand total.
struct ScoreChange {
  enum class Rating { kScale, kWorkAbility, kFunctioning };  // the self-ratings are 0-10
  Rating rating = Rating::kScale;
  assessment::v1::KykyviisariScale scale = assessment::v1::KYKYVIISARI_SCALE_UNSPECIFIED;
  uint32_t first_round = 0;
  uint32_t first = 0;
  uint32_t first_of = 0;  // of how many points: the items that were answered
  uint32_t last_round = 0;  // first_round: nothing to compare with yet
  uint32_t last = 0;
  uint32_t last_of = 0;
};

// How much of what a provider owes of its periods is there (seeds 003, 004: four-part forms, closing feedback).
struct ProviderForms {
  uint32_t periods_ended = 0;
  uint32_t closing_feedback = 0;  // of those: a final evaluation or the provider's own feedback
  uint32_t forms = 0;             // interim and final evaluations
  uint32_t parts_filled = 0;      // of four a form: background, goals, work ability, self-assessment
  uint32_t parts_sealed = 0;      // not to be seen here, filled or not
  uint32_t due = 0;               // evaluations and feedback not given yet
};

enum class ServiceStage { kNotStarted, kRunning, kInterrupted, kEnded, kClosed };
std::string_view ServiceStageName(ServiceStage stage);  // "not_started", …

// Two acts on a referral that cannot both hold (services/referral/state.h, ApplyStatus).
struct Contradiction {
  std::string referral_id;
  referral::v1::ReferralStatus kept = referral::v1::REFERRAL_STATUS_UNSPECIFIED;
  std::string kept_agency;
  referral::v1::ReferralStatus overruled = referral::v1::REFERRAL_STATUS_UNSPECIFIED;
  std::string overruled_agency;
  friend bool operator==(const Contradiction&, const Contradiction&) = default;
};

struct CaseSummary {
  CaseId case_id;
  uint64_t events = 0;

  // Days as they stand after corrections (services/core/days.h).
  uint32_t attended = 0;
  uint32_t not_held = 0;
  uint32_t absent_accepted = 0;  // with and without a visible class
  uint32_t absent_other = 0;
  uint32_t unknown_days = 0;  // recorded, but what they lead to is sealed
  std::map<event::v1::AttendanceClass, uint32_t> absences;  // whose class is visible
  uint32_t absences_sealed = 0;                             // whose class is not
  uint32_t open_breaches = 0;
  std::vector<OpenAlert> alerts;  // as raised
  std::vector<OpenCommitment> commitments;  // as the meetings list them
  std::vector<CaseManager> case_managers;   // the newest of each side; none: nobody is named, or explicitly nobody
  bool no_case_manager = false;             // explicitly nobody

  Money allowance;
  uint32_t allowance_days = 0;  // accruals less reversals
  Money travel;
  uint32_t travel_grants = 0;   // grants less reversals
  uint32_t travel_in_kind = 0;  // of those the ones without a price, as far as visible
  std::map<event::v1::PerkKind, int32_t> perks;  // given less withdrawn

  std::map<event::v1::AssessmentKind, uint32_t> assessed;
  std::vector<OpenDue> due;  // ascending by due_on
  uint32_t feedback_given = 0;
  std::vector<ScoreChange> scores;  // scales ascending, then the ratings
  uint32_t scores_sealed = 0;       // rounds whose scores are sealed
  std::map<std::string, ProviderForms> forms;  // by provider

  // Of the newest referral, as the referral service resolves it; acts that contradict it or another.
  referral::v1::ReferralStatus referral = referral::v1::REFERRAL_STATUS_UNSPECIFIED;
  std::vector<Contradiction> contradictions;
  std::set<CaseId> linked;  // cases of the same person, as this one says
  ServiceStage stage = ServiceStage::kNotStarted;
  std::string started_on;   // of the first period
  std::string period_from;  // first day of the last period
  std::string ended_on;    // of the last period
  std::string agreed_until;     // of the last period, as now known; empty: open, or not known
  std::string provider_agency;  // of the last period, where it stood last
  std::string place_code;
  event::v1::ExitGroup exit_group = event::v1::EXIT_GROUP_UNSPECIFIED;
  event::v1::ExitCode exit_code = event::v1::EXIT_CODE_UNSPECIFIED;  // unspecified: sealed or none
  std::set<event::v1::BenefitKind> benefits;
  std::set<referral::v1::SocialServiceKind> social_services;
  std::set<referral::v1::HealthServiceKind> health_services;
  uint32_t parallel_sealed = 0;  // noted services whose kind is sealed
  bool follow_on_plan = false;
};

struct LogSummary {
  std::string origin;
  bool own = false;
  uint64_t size = 0;
  uint64_t held = 0;      // entries disclosed to this reader, control entries among them
  uint64_t withheld = 0;  // size - held
  uint64_t control = 0;
  uint64_t sealed = 0;  // entries of which at least one section is sealed
  uint64_t cases = 0;
  std::map<std::string, uint64_t> by_type;
};

struct Summary {
  std::vector<CaseSummary> cases;  // ascending by first event in merged order
  std::vector<LogSummary> logs;    // as the store lists them
  std::map<std::string, ProviderForms> forms;  // of all cases, by provider
};

class SummaryFold {
 public:
  // `profile` names the rules of the dues and is borrowed.
  SummaryFold(const config::v1::Profile& profile, const std::vector<log::HeldLog>& logs);
  ~SummaryFold();

  // In merged order (History::Replay), each once.
  void Add(const Event& event);
  Summary Finish() const;

 private:
  struct CaseFold;
  struct LogFold;
  const config::v1::Profile& profile_;
  std::vector<std::unique_ptr<CaseFold>> cases_;
  std::map<CaseId, CaseFold*> by_case_;
  std::vector<std::unique_ptr<LogFold>> logs_;
  std::map<LogNumber, LogFold*> by_log_;
  host::SeveralEpochs several_epochs_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_SUMMARY_H_
