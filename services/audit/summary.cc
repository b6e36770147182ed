#include "services/audit/summary.h"

#include <algorithm>
#include <utility>

#include "absl/time/civil_time.h"
#include "eventstore/base/clock.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "services/access/case_access.h"
#include "services/core/case_sort.h"
#include "services/core/days.h"
#include "services/core/form_parts.h"
#include "services/core/message_cast.h"
#include "services/core/periods.h"
#include "services/referral/state.h"

namespace polku::audit {
namespace {

using event::v1::AssessmentKind;
using service::As;

// Something done, that may answer a due.
struct Done {
  AssessmentKind kind;  // unspecified: feedback
  event::v1::ActorRole giver = event::v1::ACTOR_ROLE_UNSPECIFIED;
  std::string period_id;  // empty: not said
  uint32_t round = 0;     // 0: not said
  uint32_t months = 0;    // of a follow-up
  std::string done_on;
};

struct Due {
  EventId id;
  AssessmentKind kind;
  event::v1::ActorRole giver = event::v1::ACTOR_ROLE_UNSPECIFIED;
  std::string period_id;
  uint32_t round = 0;
  std::string due_on;
  event::v1::RuleRef rule;
};

void Sum(Money& money, const Event& event, int64_t cents, int sign) {
  if (event.sealed.has(SectionKind::kPayment)) {
    ++money.sealed;
    return;
  }
  ++money.visible;
  // A sum that does not fit is nobody's allowance; keeping the last one is better than wrapping.
  if (auto sum = money.sum.Plus(sign < 0 ? Cents(cents).Negated() : Cents(cents))) money.sum = *sum;
}

const config::v1::AssessmentRule* FindRule(const config::v1::Profile& profile,
                                           const event::v1::RuleRef& ref) {
  for (const auto& rule : profile.assessments()) {
    if (rule.id() == ref.id() && rule.version() == ref.version()) return &rule;
  }
  return nullptr;
}

// Where `done` says its round, that decides; otherwise it counts from the day on which the due was
// raised at the earliest (a network meeting before the start is not the one at three months).
bool Answers(const Done& done, const Due& due, const config::v1::Profile& profile) {
  if (done.kind != due.kind || done.giver != due.giver) return false;
  if (!done.period_id.empty() && done.period_id != due.period_id) return false;
  if (done.round != 0) return done.round == due.round;
  const auto* rule = FindRule(profile, due.rule);
  if (done.months != 0) {
    const bool known = rule != nullptr && due.round >= 1 &&
                       due.round <= static_cast<uint32_t>(rule->months_size());
    return done.months == (known ? rule->months(static_cast<int>(due.round) - 1) : 3 * due.round);
  }
  const auto due_on = ParseDay(due.due_on);
  const auto done_on = ParseDay(done.done_on);
  if (rule == nullptr || !due_on || !done_on) return true;
  return *done_on >= *due_on - rule->grace_days() - rule->raised_days_before();
}

// The answered dues are left out; the periods of the others stand beside them.
std::vector<std::pair<OpenDue, std::string>> OpenDues(std::vector<Due> dues, std::vector<Done> done,
                              const config::v1::Profile& profile) {
  const auto by_day = [](const auto& a, const auto& b) { return a.due_on < b.due_on; };
  std::stable_sort(dues.begin(), dues.end(), by_day);
  std::stable_sort(done.begin(), done.end(),
                   [](const Done& a, const Done& b) { return a.done_on < b.done_on; });
  std::vector<std::pair<OpenDue, std::string>> open;
  for (const Due& due : dues) {
    const auto answer = std::find_if(done.begin(), done.end(), [&](const Done& candidate) {
      return Answers(candidate, due, profile);
    });
    if (answer == done.end()) {
      open.push_back({{due.kind, due.giver, due.round, due.due_on}, due.period_id});
    } else {
      done.erase(answer);
    }
  }
  return open;
}

}  // namespace

std::string_view ServiceStageName(ServiceStage stage) {
  switch (stage) {
    case ServiceStage::kNotStarted:
      return "not_started";
    case ServiceStage::kRunning:
      return "running";
    case ServiceStage::kInterrupted:
      return "interrupted";
    case ServiceStage::kEnded:
      return "ended";
    case ServiceStage::kClosed:
      return "closed";
  }
  return "";
}

struct SummaryFold::CaseFold {
  CaseSummary totals;  // what needs no second look
  host::TakenEvents counted;
  service::PeriodBook periods;
  service::DayBook days;
  std::map<EventId, bool> breaches;  // flagged → still open
  std::vector<std::pair<EventId, OpenAlert>> alerts;  // raised
  std::set<EventId> alerts_cleared;
  std::map<std::string, std::map<uint32_t, OpenCommitment>> commitments;  // by meeting
  std::map<event::v1::CaseManagerSide, CaseManager> managers;
  std::vector<Due> dues;
  std::set<EventId> cancelled;
  std::vector<Done> done;
  referral::State path;  // statuses as the referral service has them
  // Period → round → the scores; the newest of a round.
  std::map<std::string, std::map<uint32_t, assessment::v1::KykyviisariRecorded>> scores;
  struct Form {
    std::string period_id;
    std::string author;
    uint32_t filled = 0;
    uint32_t sealed = 0;
    bool closing = false;  // a final evaluation, or the provider's feedback
    bool form = false;
  };
  std::vector<Form> forms;
  std::string newest_referral;
  bool interrupted = false;

  void Add(const Event& event);
  void AddReferral(const Event& event);
  void AddCompensation(const Event& event);
  void AddAssessment(const Event& event);
  template <typename Evaluation>
  static Form FormOf(const Event& event, const Evaluation& evaluation, bool closing);
  std::vector<ScoreChange> Scores(const std::vector<service::Period>& resolved) const;
  void Forms(const std::vector<service::Period>& resolved,
             const std::vector<std::pair<OpenDue, std::string>>& open,
             std::map<std::string, ProviderForms>& by_provider) const;
  CaseSummary Finish(const config::v1::Profile& profile) const;
};

struct SummaryFold::LogFold {
  LogSummary totals;
  std::set<CaseId> cases;
};

SummaryFold::SummaryFold(const config::v1::Profile& profile, const std::vector<log::HeldLog>& logs)
    : profile_(profile) {
  for (const auto& held : logs) {
    auto fold = std::make_unique<LogFold>();
    fold->totals.origin = held.head.origin;
    fold->totals.own = held.number == kOwnLog;
    fold->totals.size = held.head.frontier.size().value();
    by_log_[held.number] = fold.get();
    several_epochs_.Add(held.head.origin);
    logs_.push_back(std::move(fold));
  }
}

SummaryFold::~SummaryFold() = default;

void SummaryFold::Add(const Event& event) {
  if (const auto found = by_log_.find(event.log); found != by_log_.end()) {
    LogSummary& totals = found->second->totals;
    ++totals.held;
    ++totals.by_type[event.header.type()];
    if (event.control()) ++totals.control;
    if (!event.sealed.empty()) ++totals.sealed;
    if (!event.control() && !access::BelongsInAccessStream(event.header.type())) {
      found->second->cases.insert(event.case_id);
    }
  }
  // A place's own case is no client's.
  if (event.body != nullptr && service::IsAboutAPlace(*event.body)) return;
  // The record of reads and erasures is no case of its own.
  if (event.control() || !event.counts || access::BelongsInAccessStream(event.header.type())) return;
  CaseFold*& fold = by_case_[event.case_id];
  if (fold == nullptr) {
    cases_.push_back(std::make_unique<CaseFold>());
    fold = cases_.back().get();
    fold->totals.case_id = event.case_id;
  }
  if (several_epochs_.Has(event.origin) &&
      !fold->counted.emplace(event.id, event.header.author_agency()).second) {
    return;
  }
  fold->Add(event);
}

void SummaryFold::CaseFold::Add(const Event& event) {
  ++totals.events;
  if (event.body == nullptr) return;
  const service::Fact fact = event.fact();
  periods.Fold(fact);
  days.Fold(fact);
  referral::EvolveState(path, fact);
  if (As<attendance::v1::RuleBreachFlagged>(*event.body) != nullptr) {
    breaches.try_emplace(event.id, true);
  } else if (const auto* cleared = As<attendance::v1::RuleBreachCleared>(*event.body)) {
    if (auto id = EventId::FromBytes(cleared->flagged_event_id())) breaches[*id] = false;
  } else if (const auto* raised = As<attendance::v1::AlertRaised>(*event.body)) {
    alerts.push_back({event.id, {raised->alert(), raised->period_id(), raised->date()}});
  } else if (const auto* over = As<attendance::v1::AlertCleared>(*event.body)) {
    if (auto id = EventId::FromBytes(over->raised_event_id())) alerts_cleared.insert(*id);
  }
  AddReferral(event);
  AddCompensation(event);
  AddAssessment(event);
}

void SummaryFold::CaseFold::AddReferral(const Event& event) {
  const auto& body = *event.body;
  if (const auto* made = As<referral::v1::ReferralMade>(body)) {
    newest_referral = made->referral_id();
  } else if (const auto* changed = As<referral::v1::ReferralStatusChanged>(body)) {
    newest_referral = changed->referral_id();
  } else if (As<referral::v1::ServiceInterrupted>(body) != nullptr) {
    interrupted = true;
  } else if (As<referral::v1::ServiceResumed>(body) != nullptr) {
    interrupted = false;
  } else if (const auto* ended = As<referral::v1::ServiceEnded>(body)) {
    totals.exit_group = ended->exit_group();
    totals.exit_code = ended->exit_code();
  } else if (const auto* plan = As<referral::v1::PlanDrafted>(body)) {
    totals.follow_on_plan = totals.follow_on_plan || plan->kind() == event::v1::PLAN_KIND_FOLLOW_ON;
    done.push_back({.kind = event::v1::ASSESSMENT_KIND_PLAN_REVIEW,
                    .period_id = {},
                    .done_on = plan->drafted_on()});
  } else if (const auto* meeting = As<referral::v1::NetworkMeetingHeld>(body)) {
    ++totals.assessed[event::v1::ASSESSMENT_KIND_NETWORK_MEETING];
    done.push_back({.kind = event::v1::ASSESSMENT_KIND_NETWORK_MEETING,
                    .period_id = {},
                    .done_on = meeting->meeting_on()});
    for (const auto& one : meeting->commitments()) {
      commitments[meeting->meeting_id()][one.number()] = {meeting->meeting_id(), one.number(), one.member(),
                                                          one.agency(), one.due_on(), false};
    }
  } else if (const auto* said = As<referral::v1::CommitmentConfirmed>(body)) {
    std::map<uint32_t, OpenCommitment>& of_meeting = commitments[said->meeting_id()];
    const auto one = of_meeting.find(said->number());
    if (one == of_meeting.end()) return;
    if (said->state() == referral::v1::COMMITMENT_STATE_COMMITTED) {
      one->second.committed = true;
    } else {
      of_meeting.erase(one);  // done, not done or withdrawn: it is open no more
    }
  } else if (const auto* manager = As<referral::v1::CaseManagerNamed>(body)) {
    managers[manager->side()] = {manager->side(), manager->agency(), manager->official(), manager->official_name()};
    totals.no_case_manager = false;
  } else if (const auto* nobody = As<referral::v1::NoCaseManagerNamed>(body)) {
    managers.erase(nobody->side());
    totals.no_case_manager = managers.empty();
  } else if (const auto* follow_up = As<referral::v1::FollowUpRecorded>(body)) {
    ++totals.assessed[event::v1::ASSESSMENT_KIND_FOLLOW_UP];
    done.push_back({.kind = event::v1::ASSESSMENT_KIND_FOLLOW_UP,
                    .period_id = follow_up->period_id(),
                    .months = follow_up->months(),
                    .done_on = follow_up->asked_on()});
  } else if (const auto* benefit = As<referral::v1::BenefitRecorded>(body)) {
    if (benefit->kind() != event::v1::BENEFIT_KIND_UNSPECIFIED)
      totals.benefits.insert(benefit->kind());
  } else if (const auto* social = As<referral::v1::SocialServiceNoted>(body)) {
    if (social->kind() == referral::v1::SOCIAL_SERVICE_KIND_UNSPECIFIED) {
      ++totals.parallel_sealed;
    } else {
      totals.social_services.insert(social->kind());
    }
  } else if (const auto* health = As<referral::v1::HealthServiceNoted>(body)) {
    if (health->kind() == referral::v1::HEALTH_SERVICE_KIND_UNSPECIFIED) {
      ++totals.parallel_sealed;
    } else {
      totals.health_services.insert(health->kind());
    }
  }
}

void SummaryFold::CaseFold::AddCompensation(const Event& event) {
  const auto& body = *event.body;
  if (const auto* accrued = As<compensation::v1::AllowanceAccrued>(body)) {
    ++totals.allowance_days;
    Sum(totals.allowance, event, accrued->amount_cents(), 1);
  } else if (const auto* reversed = As<compensation::v1::AllowanceReversed>(body)) {
    if (totals.allowance_days > 0) --totals.allowance_days;
    Sum(totals.allowance, event, reversed->amount_cents(), -1);
  } else if (const auto* granted = As<compensation::v1::TravelGranted>(body)) {
    ++totals.travel_grants;
    if (granted->amount_cents() == 0 && !event.sealed.has(SectionKind::kPayment)) ++totals.travel_in_kind;
    Sum(totals.travel, event, granted->amount_cents(), 1);
  } else if (const auto* taken = As<compensation::v1::TravelReversed>(body)) {
    if (totals.travel_grants > 0) --totals.travel_grants;
    const bool in_kind = taken->amount_cents() == 0 && !event.sealed.has(SectionKind::kPayment);
    if (in_kind && totals.travel_in_kind > 0) --totals.travel_in_kind;
    Sum(totals.travel, event, taken->amount_cents(), -1);
  } else if (const auto* given = As<compensation::v1::PerkGiven>(body)) {
    ++totals.perks[given->kind()];
  } else if (const auto* withdrawn = As<compensation::v1::PerkWithdrawn>(body)) {
    --totals.perks[withdrawn->kind()];
  }
}

void SummaryFold::CaseFold::AddAssessment(const Event& event) {
  const auto& body = *event.body;
  const auto made = [&](AssessmentKind kind, const std::string& period_id, uint32_t round,
                        const std::string& day) {
    ++totals.assessed[kind];
    done.push_back({.kind = kind, .period_id = period_id, .round = round, .done_on = day});
  };
  if (const auto* due = As<assessment::v1::AssessmentDue>(body)) {
    dues.push_back({.id = event.id,
                    .kind = due->kind(),
                    .period_id = due->period_id(),
                    .round = due->round(),
                    .due_on = due->due_on(),
                    .rule = due->rule()});
  } else if (const auto* feedback = As<assessment::v1::FeedbackDue>(body)) {
    dues.push_back({.id = event.id,
                    .kind = event::v1::ASSESSMENT_KIND_UNSPECIFIED,
                    .giver = feedback->giver(),
                    .period_id = feedback->period_id(),
                    .due_on = feedback->due_on(),
                    .rule = {}});
  } else if (const auto* gone = As<assessment::v1::DueCancelled>(body)) {
    if (auto id = EventId::FromBytes(gone->due_event_id())) cancelled.insert(*id);
  } else if (const auto* kykyviisari = As<assessment::v1::KykyviisariRecorded>(body)) {
    made(event::v1::ASSESSMENT_KIND_KYKYVIISARI, kykyviisari->period_id(), kykyviisari->round(),
         kykyviisari->filled_on());
    if (event.sealed.has(SectionKind::kHealth)) {
      ++totals.scores_sealed;
    } else {
      scores[kykyviisari->period_id()][kykyviisari->round()] = *kykyviisari;
    }
  } else if (const auto* interim = As<assessment::v1::InterimEvaluationMade>(body)) {
    made(event::v1::ASSESSMENT_KIND_INTERIM_EVALUATION, interim->period_id(), interim->round(),
         interim->evaluated_on());
    forms.push_back(FormOf(event, *interim, false));
  } else if (const auto* final_evaluation = As<assessment::v1::FinalEvaluationMade>(body)) {
    made(event::v1::ASSESSMENT_KIND_FINAL_EVALUATION, final_evaluation->period_id(), 0,
         final_evaluation->evaluated_on());
    forms.push_back(FormOf(event, *final_evaluation, true));
  } else if (const auto* ability = As<assessment::v1::WorkAbilityAssessed>(body)) {
    made(event::v1::ASSESSMENT_KIND_WORK_ABILITY, ability->period_id(), 0, ability->assessed_on());
  } else if (const auto* given = As<assessment::v1::FeedbackGiven>(body)) {
    ++totals.feedback_given;
    done.push_back({.kind = event::v1::ASSESSMENT_KIND_UNSPECIFIED,
                    .giver = given->giver(),
                    .period_id = given->period_id(),
                    .done_on = given->given_on()});
    if (given->giver() == event::v1::ACTOR_ROLE_PROVIDER) {
      forms.push_back({given->period_id(), event.header.author_agency(), 0, 0, true, false});
    }
  }
}

template <typename Evaluation>
SummaryFold::CaseFold::Form SummaryFold::CaseFold::FormOf(const Event& event,
                                                          const Evaluation& evaluation,
                                                          bool closing) {
  const service::FormParts parts = service::PartsOf(evaluation, event.sealed);
  return {evaluation.period_id(), event.header.author_agency(), parts.filled, parts.sealed, closing, true};
}

// Of the newest period with scores; a scale that one round alone has is told without a comparison.
std::vector<ScoreChange> SummaryFold::CaseFold::Scores(
    const std::vector<service::Period>& resolved) const {
  const std::map<uint32_t, assessment::v1::KykyviisariRecorded>* rounds = nullptr;
  for (const service::Period& period : resolved) {
    if (const auto found = scores.find(period.id); found != scores.end()) rounds = &found->second;
  }
  if (rounds == nullptr) {
    if (scores.empty()) return {};
    rounds = &scores.rbegin()->second;  // its period's start is not known here
  }
  using Rating = ScoreChange::Rating;
  std::map<std::pair<Rating, int>, ScoreChange> changes;
  const auto take = [&](Rating rating, assessment::v1::KykyviisariScale scale, uint32_t round,
                        uint32_t points, uint32_t of) {
    auto [at, first] = changes.try_emplace({rating, static_cast<int>(scale)});
    ScoreChange& change = at->second;
    if (first) change = {rating, scale, round, points, of, round, points, of};
    change.last_round = round;
    change.last = points;
    change.last_of = of;
  };
  constexpr uint32_t kMostOfRating = 10;
  for (const auto& [round, event] : *rounds) {
    for (const auto& score : event.scores()) {
      take(Rating::kScale, score.scale(), round, score.points(), score.max_points());
    }
    constexpr auto kNone = assessment::v1::KYKYVIISARI_SCALE_UNSPECIFIED;
    if (event.has_work_ability()) {
      take(Rating::kWorkAbility, kNone, round, event.work_ability(), kMostOfRating);
    }
    if (event.has_functioning()) {
      take(Rating::kFunctioning, kNone, round, event.functioning(), kMostOfRating);
    }
  }
  std::vector<ScoreChange> list;
  for (const auto& [key, change] : changes) list.push_back(change);
  return list;
}

void SummaryFold::CaseFold::Forms(const std::vector<service::Period>& resolved,
                                  const std::vector<std::pair<OpenDue, std::string>>& open,
                                  std::map<std::string, ProviderForms>& by_provider) const {
  for (const Form& form : forms) {
    if (!form.form) continue;
    ProviderForms& provider = by_provider[form.author];
    ++provider.forms;
    provider.parts_filled += form.filled;
    provider.parts_sealed += form.sealed;
  }
  for (const service::Period& period : resolved) {
    const std::string& agency = period.On(period.LastDay().value_or(period.starts_on)).provider_agency;
    if (agency.empty()) continue;
    ProviderForms& provider = by_provider[agency];
    if (period.ended_on) {
      ++provider.periods_ended;
      provider.closing_feedback +=
          std::any_of(forms.begin(), forms.end(), [&](const Form& form) {
            return form.closing && form.period_id == period.id && form.author == agency;
          });
    }
    for (const auto& [due, period_id] : open) {
      const bool owed = due.kind == event::v1::ASSESSMENT_KIND_INTERIM_EVALUATION ||
                        due.kind == event::v1::ASSESSMENT_KIND_FINAL_EVALUATION ||
                        due.giver == event::v1::ACTOR_ROLE_PROVIDER;
      if (owed && period_id == period.id) ++provider.due;
    }
  }
  std::erase_if(by_provider, [](const auto& entry) {
    const ProviderForms& forms_of = entry.second;
    return forms_of.periods_ended == 0 && forms_of.forms == 0 && forms_of.due == 0;
  });
}

CaseSummary SummaryFold::CaseFold::Finish(const config::v1::Profile& profile) const {
  CaseSummary result = totals;
  const std::vector<service::Period> resolved = periods.Periods();
  for (const service::Day& day : days.Days(resolved, profile)) {
    if (!day.standing()) continue;
    if (day.there) {
      ++result.attended;
      continue;
    }
    switch (day.outcome) {
      case event::v1::DAY_OUTCOME_NOT_HELD:
        ++result.not_held;
        continue;
      case event::v1::DAY_OUTCOME_ABSENT_ACCEPTED:
        ++result.absent_accepted;
        break;
      case event::v1::DAY_OUTCOME_ABSENT_OTHER:
        ++result.absent_other;
        break;
      default:
        ++result.unknown_days;
        continue;
    }
    const auto attendance_class = day.record->attendance_class;
    if (attendance_class == event::v1::ATTENDANCE_CLASS_UNSPECIFIED) {
      ++result.absences_sealed;
    } else {
      ++result.absences[attendance_class];
    }
  }
  for (const auto& [id, open] : breaches) result.open_breaches += open ? 1 : 0;
  for (const auto& [meeting, of_meeting] : commitments) {
    for (const auto& [number, one] : of_meeting) result.commitments.push_back(one);
  }
  for (const auto& [side, manager] : managers) result.case_managers.push_back(manager);
  for (const auto& [id, alert] : alerts) {
    if (!alerts_cleared.contains(id)) result.alerts.push_back(alert);
  }
  std::erase_if(result.perks, [](const auto& perk) { return perk.second == 0; });
  std::vector<Due> standing;
  for (const Due& due : dues) {
    if (!cancelled.contains(due.id)) standing.push_back(due);
  }
  const auto open = OpenDues(std::move(standing), done, profile);
  for (const auto& [due, period_id] : open) result.due.push_back(due);
  result.scores = Scores(resolved);
  Forms(resolved, open, result.forms);
  if (const auto found = path.referrals.find(newest_referral); found != path.referrals.end()) {
    result.referral = found->second.status;
  }
  result.linked = path.linked;
  for (const auto& [id, referral] : path.referrals) {
    const auto act = [&acts = referral.acts](const EventId& event) {
      return std::find_if(acts.begin(), acts.end(),
                          [&](const auto& one) { return one.event == event; });
    };
    for (const referral::StatusConflict& conflict : referral.conflicts) {
      const auto kept = act(conflict.kept);
      const auto overruled = act(conflict.overruled);
      if (kept == referral.acts.end() || overruled == referral.acts.end()) continue;
      result.contradictions.push_back(
          {id, kept->status, kept->author_agency, overruled->status, overruled->author_agency});
    }
  }
  if (!resolved.empty()) {
    result.started_on = FormatDay(resolved.front().starts_on);
    const service::Period& last = resolved.back();
    result.stage = last.ended_on ? ServiceStage::kEnded
                   : interrupted ? ServiceStage::kInterrupted
                                 : ServiceStage::kRunning;
    if (last.ended_on) result.ended_on = FormatDay(*last.ended_on);
    result.period_from = FormatDay(last.starts_on);
    if (last.agreed_until) result.agreed_until = FormatDay(*last.agreed_until);
    result.provider_agency = last.stretches.back().provider_agency;
    result.place_code = last.stretches.back().place_code;
  }
  if (path.closed) result.stage = ServiceStage::kClosed;
  return result;
}

Summary SummaryFold::Finish() const {
  Summary summary;
  for (const auto& fold : cases_) {
    summary.cases.push_back(fold->Finish(profile_));
    for (const auto& [agency, of_case] : summary.cases.back().forms) {
      ProviderForms& all = summary.forms[agency];
      all.periods_ended += of_case.periods_ended;
      all.closing_feedback += of_case.closing_feedback;
      all.forms += of_case.forms;
      all.parts_filled += of_case.parts_filled;
      all.parts_sealed += of_case.parts_sealed;
      all.due += of_case.due;
    }
  }
  for (const auto& fold : logs_) {
    LogSummary totals = fold->totals;
    totals.withheld = totals.size - totals.held;
    totals.cases = fold->cases.size();
    summary.logs.push_back(std::move(totals));
  }
  return summary;
}

}  // namespace polku::audit
