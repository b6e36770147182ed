#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/base/status.h"
#include "services/attendance/state.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"
#include "services/core/offer_checks.h"

namespace polku::attendance {
namespace {

using service::As;
using service::Day;
using service::DayRecord;
using service::ParseDate;
using service::Period;
using service::Refusal;

constexpr uint32_t kMinutesOfDay = 24 * 60;

Refusal Refuse(std::string code, std::string message) {
  return Refusal{std::move(code), std::move(message)};
}

// What is confirmed changes by duties of the provider's own service alone: elsewhere an approved
// correction would never be carried out.
std::optional<Refusal> AtTheProvidersService(std::string_view provider,
                                             const service::Rules& rules) {
  if (provider == rules.own_agency) return std::nullopt;
  return Refuse("not_the_providers_service",
                "months are confirmed, and corrections of them decided, at the attendance service "
                "of the provider itself; offer it there");
}

// What is said of the days of a case: is the day one that this author may say something about?
class DayDecision {
 public:
  DayDecision(const State& state, const service::Offer& offer, const service::Rules& rules,
              absl::CivilDay today)
      : state_(state),
        offer_(offer),
        rules_(rules),
        today_(today),
        periods_(state.periods.Periods()),
        days_(state.days.Days(periods_, rules.profile)) {}

  std::optional<Refusal> Recorded(const v1::DayRecorded& event) {
    if (auto refusal = Place(event)) return refusal;
    if (!period_->Spans(date_)) return OutsidePeriod();
    if (auto refusal = NotConfirmed()) return refusal;
    if (auto refusal = Content(event)) return refusal;
    if (current_ != nullptr) {
      return Refuse("day_already_recorded",
                    "this day has a record; send DayCorrected with the whole new truth about it");
    }
    return std::nullopt;
  }

  std::optional<Refusal> Corrected(const v1::DayCorrected& event) {
    if (auto refusal = Place(event)) return refusal;
    if (auto refusal = NotConfirmed()) return refusal;
    if (!event.cause_event_id().empty()) {
      return Refuse("unexpected_cause",
                    "the service itself appends what a DayCorrectionDecided approved; leave "
                    "cause_event_id out");
    }
    if (current_ == nullptr) return DayNotRecorded();
    return TakesItsPlace(event, event.corrected_event_id());
  }

  std::optional<Refusal> Proposed(const v1::DayCorrectionProposed& event) {
    if (auto refusal = Place(event)) return refusal;
    if (auto refusal = AtTheProvidersService(offer_.author_agency, rules_)) return refusal;
    if (!ConfirmedByAuthor(absl::CivilMonth(date_))) {
      return Refuse("month_not_confirmed",
                    "the month of this day is not confirmed: send DayRecorded or DayCorrected");
    }
    if (current_ == nullptr) {
      if (event.withdrawn()) return DayNotRecorded();
      if (!period_->Spans(date_)) return OutsidePeriod();
    }
    for (const Proposal& proposal : state_.proposals) {
      if (!proposal.decision && Concerns(proposal)) {
        return Refuse("proposal_open",
                      "a correction of this day is proposed already; have it decided first");
      }
    }
    return TakesItsPlace(event, event.record_event_id());
  }

  // Can the approved proposal still be carried out?
  std::optional<Refusal> Approved(const Proposal& approved) {
    date_ = approved.date;
    FindPeriod(approved.author, approved.content.period_id());
    const bool overtaken =
        period_ == nullptr || !period_->ServedBy(approved.author, date_, today_) ||
        (current_ != nullptr && current_->sequence >= approved.records_before) ||
        std::any_of(state_.proposals.begin(), state_.proposals.end(), [&](const Proposal& other) {
          return other.id != approved.id && other.approved && !other.carried_out && Concerns(other);
        });
    if (!overtaken) return std::nullopt;
    return Refuse("record_has_changed",
                  "the day has changed since this was proposed; do not approve it, and have what is "
                  "still wrong proposed anew");
  }

  std::optional<Refusal> Planned(const v1::DaysPlanned& event) {
    if (auto refusal = MaySpeak("plans days")) return refusal;
    if (auto refusal = NamedPeriod(event.period_id())) return refusal;
    if (event.days().empty()) {
      return Refuse("missing_days", "list the planned days with their minutes (field days)");
    }
    std::set<absl::CivilDay> planned;
    for (const auto& day : event.days()) {
      const auto date = ParseDate(day.date());
      if (!date) return MissingDate();
      date_ = *date;
      if (!planned.insert(date_).second) {
        return Refuse("day_planned_twice", "the plan names a day twice; give each day once");
      }
      if (day.planned_minutes() > kMinutesOfDay) return MinutesOutOfRange();
      if (!period_->Spans(date_)) return OutsidePeriod();
      if (!MayBeOf(*period_, date_)) return NotTheProvider();
      if (auto refusal = NotConfirmed()) return refusal;
    }
    return std::nullopt;
  }

  std::optional<Refusal> Confirmed(const v1::MonthConfirmed& event) {
    if (auto refusal = MaySpeak("confirms months")) return refusal;
    if (auto refusal = AtTheProvidersService(offer_.author_agency, rules_)) return refusal;
    const auto month = service::ParseMonth(event.month());
    if (!month) return Refuse("missing_month", "give the month as YYYY-MM (field month)");
    const auto confirmed_on = ParseDate(event.confirmed_on());
    if (!confirmed_on) return MissingDate();
    if (*confirmed_on > today_) return FutureDay();
    if (auto refusal = NamedPeriod(event.period_id())) return refusal;
    const absl::CivilDay from = std::max(absl::CivilDay(*month), period_->starts_on);
    absl::CivilDay until = service::LastDayOf(*month);
    if (const auto last = period_->LastDay()) until = std::min(until, *last);
    if (until < from) return Refuse("outside_period", "the period has no day in that month");
    uint32_t own = 0;
    uint32_t attended = 0;
    for (absl::CivilDay day = from; day <= until; ++day) own += MayBeOf(*period_, day) ? 1 : 0;
    if (own == 0) return NotTheProvider();
    if (*confirmed_on < until) {
      return Refuse("month_not_over",
                    "a month is confirmed on its last day at the earliest, or on the period's");
    }
    if (ConfirmedByAuthor(*month)) {
      return Refuse("month_already_confirmed", "this month of the period is confirmed already");
    }
    const auto missing =
        service::DaysWithoutRecord(state_.plans.Expected(*period_, from, until), days_, *period_);
    const auto lacking = std::count_if(missing.begin(), missing.end(), [&](absl::CivilDay day) {
      return MayBeOf(*period_, day);
    });
    if (lacking > 0) {
      return Refuse("days_missing",
                    Str(lacking, lacking == 1 ? " planned day has" : " planned days have",
                        " no record; record them, or plan them away with DaysPlanned (0 minutes)"));
    }
    for (const Day& day : days_) {
      const bool counts = day.period == period_ && day.there && from <= day.date &&
                          day.date <= until && MayBeOf(*period_, day.date);
      attended += counts ? 1 : 0;
    }
    if (attended != event.attended_days()) {
      return Refuse("attended_days_mismatch",
                    Str(attended, attended == 1 ? " day is" : " days are",
                        " recorded as attended in that month; correct the records or the count"));
    }
    return std::nullopt;
  }

  std::optional<EventId> StandingRecord(const v1::DayCorrected& event) {
    if (Place(event) || current_ == nullptr) return std::nullopt;
    return current_->record->id;
  }

 private:
  std::optional<Refusal> MaySpeak(std::string_view what) const {
    if (!rules_.HasRole(offer_.author_agency, config::v1::AGENCY_ROLE_PROVIDER)) {
      return Refuse("wrong_actor", Str("only an agency with the provider role ", what));
    }
    if (offer_.author_official.empty()) {
      return Refuse("missing_recorder", Str("name the official who ", what));
    }
    return std::nullopt;
  }

  std::optional<Refusal> SomethingStarted() const {
    if (!periods_.empty()) return std::nullopt;
    return Refuse("service_not_started",
                  "no started service is known here for this case; check the case id, or have "
                  "ServiceStarted recorded first");
  }

  // Finds period_ by its name.
  std::optional<Refusal> NamedPeriod(const std::string& period_id) {
    if (period_id.empty()) return Refuse("missing_period", "name the period (field period_id)");
    if (auto refusal = SomethingStarted()) return refusal;
    period_ = service::PeriodFor(periods_, offer_.author_agency, period_id, today_);
    if (period_ == nullptr) return UnknownPeriod();
    return std::nullopt;
  }

  // Finds period_ and current_ for date_.
  void FindPeriod(std::string_view author, std::string_view period_id) {
    period_ = service::PeriodFor(periods_, author, period_id, date_);
    current_ = nullptr;
    for (const Day& day : days_) {
      if (period_ != nullptr && day.period == period_ && day.date == date_ && day.standing()) {
        current_ = &day;
      }
    }
  }

  // The period names the author as the provider of that day or its predecessor, or nobody.
  bool MayBeOf(const Period& period, absl::CivilDay day) const {
    return period.ServedBy(offer_.author_agency, day, today_);
  }

  // By the author, or by the agency whose place it took.
  bool ConfirmedByAuthor(absl::CivilMonth month) const {
    return std::any_of(
        state_.confirmed_months.begin(), state_.confirmed_months.end(), [&](const auto& confirmed) {
          const auto& [agency, period_id, confirmed_month] = confirmed;
          return period_id == period_->id && confirmed_month == month &&
                 state_.periods.successors().IsOrSucceeds(offer_.author_agency, agency);
        });
  }

  std::optional<Refusal> NotConfirmed() const {
    if (!ConfirmedByAuthor(absl::CivilMonth(date_))) return std::nullopt;
    return Refuse("month_confirmed",
                  "you confirmed the month of this day: send DayCorrectionProposed with the whole "
                  "truth about the day, for another official to approve");
  }

  // The proposal is about date_ in period_.
  bool Concerns(const Proposal& proposal) const {
    return proposal.date == date_ &&
           service::PeriodFor(periods_, proposal.author, proposal.content.period_id(),
                              proposal.date) == period_;
  }

  // Finds period_ and current_, or says why the author may not speak of this day.
  template <typename Event>
  std::optional<Refusal> Place(const Event& event) {
    if (auto refusal = MaySpeak("records the day")) return refusal;
    const auto date = ParseDate(event.date());
    if (!date) return MissingDate();
    date_ = *date;
    if (date_ > today_) return FutureDay();
    if (auto refusal = SomethingStarted()) return refusal;
    size_t own = 0;
    for (const Period& period : periods_) {
      const bool named = !period.On(date_).provider_agency.empty();
      if (named && period.Spans(date_) && period.ServedBy(offer_.author_agency, date_, today_)) ++own;
    }
    if (event.period_id().empty() && own > 1) {
      return Refuse("ambiguous_period",
                    "several of your periods cover this day; name one in period_id");
    }
    FindPeriod(offer_.author_agency, event.period_id());
    if (period_ == nullptr && !event.period_id().empty()) return UnknownPeriod();
    if (period_ == nullptr) {
      const bool others = std::any_of(periods_.begin(), periods_.end(),
                                      [&](const Period& period) { return period.Spans(date_); });
      if (others) return NotTheProvider();
      return Refuse("outside_period", "no period of this case covers the day; check the date");
    }
    return MayBeOf(*period_, date_) ? std::nullopt : std::optional(NotTheProvider());
  }

  // What a correction says in the place of current_, which `seen` names if the author named it. Null:
  // the day has no record, which is then what it adds.
  template <typename Event>
  std::optional<Refusal> TakesItsPlace(const Event& event, const std::string& seen) const {
    if (event.reason() == v1::CORRECTION_REASON_UNSPECIFIED) {
      return Refuse("missing_reason", "say why the record is corrected (field reason)");
    }
    const DayRecord* const record = current_ == nullptr ? nullptr : current_->record;
    const EventId standing = record == nullptr ? EventId() : record->id;
    if (!seen.empty() && seen != standing.view()) {
      return Refuse("record_has_changed",
                    "the event id given is not the newest record of this day; read the case again "
                    "and correct what stands now");
    }
    if (!offer_.corrects.is_zero() && offer_.corrects != standing) {
      return Refuse("record_has_changed",
                    "corrects is not the newest record of this day; read the case again and "
                    "correct what stands now, or leave it out");
    }
    if (event.withdrawn()) {
      const bool empty = event.planned_minutes() == 0 && event.actual_minutes() == 0 &&
                         event.swapped_from().empty() && event.place_code().empty() &&
                         event.outcome() == event::v1::DAY_OUTCOME_UNSPECIFIED &&
                         event.attendance_class() == event::v1::ATTENDANCE_CLASS_UNSPECIFIED &&
                         !event.certificate_seen() && event.note().empty();
      if (empty) return std::nullopt;
      return Refuse("withdrawn_not_empty",
                    "a withdrawal carries the day, its period, the reason and the record's event "
                    "id only; leave the rest out, or do not set withdrawn");
    }
    if (auto refusal = Content(event)) return refusal;
    const bool same = record != nullptr && event.planned_minutes() == record->planned_minutes &&
                      event.actual_minutes() == record->actual_minutes &&
                      ParseDate(event.swapped_from()) == record->swapped_from &&
                      event.place_code() == record->place_code &&
                      event.outcome() == record->outcome &&
                      event.attendance_class() == record->attendance_class &&
                      event.certificate_seen() == record->certificate_seen;
    if (same && event.note().empty()) {
      return Refuse("nothing_to_correct", "the record says this already; nothing was appended");
    }
    return std::nullopt;
  }

  static Refusal NotTheProvider() {
    return Refuse("wrong_actor",
                  "another agency is the provider on this day; only that one records it");
  }
  static Refusal MissingDate() {
    return Refuse("missing_date", "give the day as YYYY-MM-DD (fields date, confirmed_on)");
  }
  static Refusal FutureDay() {
    return Refuse("future_day", "the day has not come yet; record it when it is over");
  }
  static Refusal UnknownPeriod() {
    return Refuse("unknown_period", "no period of that period_id is known in this case");
  }
  static Refusal OutsidePeriod() {
    return Refuse("outside_period",
                  "the day is not between the first and the last day of the period; check the "
                  "date, or have the organiser record the start, extension or end first");
  }
  static Refusal DayNotRecorded() {
    return Refuse("day_not_recorded",
                  "this day has no record that could be corrected; record what happened on it");
  }
  static Refusal MinutesOutOfRange() {
    return Refuse("minutes_out_of_range", "a day has 1,440 minutes; give minutes, not seconds");
  }

  template <typename Event>
  std::optional<Refusal> Content(const Event& event) const {
    if (event.planned_minutes() > kMinutesOfDay || event.actual_minutes() > kMinutesOfDay) {
      return MinutesOutOfRange();
    }
    if (event.attendance_class() == event::v1::ATTENDANCE_CLASS_UNSPECIFIED) {
      return Refuse("missing_class",
                    "give attendance_class (health section); it is always filled, so that its "
                    "presence tells nothing");
    }
    if (event.outcome() == event::v1::DAY_OUTCOME_UNSPECIFIED) {
      return Refuse("missing_outcome",
                    "give outcome (payment section): what the day leads to, for the payer");
    }
    const auto* rule = service::ClassRule(rules_.profile, event.attendance_class(), date_, period_);
    if (rule == nullptr) {
      return Refuse("class_not_in_use", "this region's profile has no such class on that day");
    }
    if (rule->outcome() != event.outcome()) {
      return Refuse("outcome_mismatch",
                    Str("the profile gives ", event::v1::DayOutcome_Name(rule->outcome()),
                        " for that class; correct the class or the outcome"));
    }
    const bool there = rule->outcome() == event::v1::DAY_OUTCOME_ATTENDED;
    if (there != (event.actual_minutes() > 0)) {
      return Refuse("contradictory_minutes",
                    there ? "the client was there: give actual_minutes"
                          : "the client was not there: actual_minutes must be 0, or the class is "
                            "another one");
    }
    const bool swap = event.attendance_class() == event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP;
    if (!swap && !event.swapped_from().empty()) {
      return Refuse("unexpected_swapped_from",
                    "swapped_from goes with the class AGREED_DAY_SWAP alone");
    }
    if (swap) {
      const auto planned = ParseDate(event.swapped_from());
      if (!planned) {
        return Refuse("missing_swapped_from",
                      "give the planned day that this one stands for (swapped_from)");
      }
      if (*planned == date_ || !period_->Spans(*planned)) {
        return Refuse("bad_swapped_from", "swapped_from must be another day of the same period");
      }
    }
    return std::nullopt;
  }

  const State& state_;
  const service::Offer& offer_;
  const service::Rules& rules_;
  const absl::CivilDay today_;
  const std::vector<Period> periods_;
  const std::vector<Day> days_;
  absl::CivilDay date_;
  const Period* period_ = nullptr;
  const Day* current_ = nullptr;  // the standing record of the day
};

std::optional<Refusal> DecideVisitors(const State& state, const v1::VisitorsCounted& event,
                                      const service::Offer& offer, const service::Rules& rules,
                                      absl::CivilDay today) {
  const bool may = rules.HasRole(offer.author_agency, config::v1::AGENCY_ROLE_PROVIDER) ||
                   rules.HasRole(offer.author_agency, config::v1::AGENCY_ROLE_SOCIAL_SERVICES) ||
                   rules.HasRole(offer.author_agency, config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES);
  if (!may) return Refuse("wrong_actor", "only the organiser or a provider counts visitors");
  const auto date = ParseDate(event.date());
  if (!date) return Refuse("missing_date", "give the day as YYYY-MM-DD (field date)");
  if (*date > today) return Refuse("future_day", "the day has not come yet");
  if (event.place_code().empty()) {
    return Refuse("missing_place", "give the place that was counted (place_code)");
  }
  if (uint64_t{event.children()} + event.service_clients() > event.visitors()) {
    return Refuse("bad_count",
                  "children and service clients are among the visitors, nobody is both: together they are no more");
  }
  const auto standing = state.counts.find(
      {std::string(offer.author_agency), event.place_code(), *date});
  if (standing == state.counts.end()) {
    if (offer.corrects.is_zero()) return std::nullopt;
    return Refuse("nothing_to_correct", "this place has no count of that day from you; offer it without corrects");
  }
  if (offer.corrects.is_zero()) {
    return Refuse("day_already_counted",
                  "this place has a count of that day; give the whole new count, with corrects naming the one that "
                  "stands");
  }
  if (offer.corrects != standing->second) {
    return Refuse("record_has_changed",
                  "corrects is not the newest count of that day and place; read the case again and correct what "
                  "stands now");
  }
  return std::nullopt;
}

std::optional<Refusal> DecideCorrection(const State& state,
                                        const v1::DayCorrectionDecided& event,
                                        const service::Offer& offer, const service::Rules& rules,
                                        absl::CivilDay today) {
  const bool social = rules.HasRole(offer.author_agency, config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  const auto proposal = std::find_if(
      state.proposals.begin(), state.proposals.end(),
      [&](const Proposal& one) { return event.proposal_event_id() == one.id.view(); });
  if (!social && !rules.HasRole(offer.author_agency, config::v1::AGENCY_ROLE_PROVIDER)) {
    return Refuse("wrong_actor",
                  "another official of the provider, or social services, decide on a correction");
  }
  if (offer.author_official.empty()) {
    return Refuse("missing_recorder", "name the official who decides");
  }
  if (proposal == state.proposals.end()) {
    return Refuse("unknown_proposal",
                  "no such DayCorrectionProposed of this case is on record here; name its event id");
  }
  if (!social && offer.author_agency != proposal->author) {
    return Refuse("wrong_actor",
                  "another official of the provider, or social services, decide on a correction");
  }
  if (auto refusal = AtTheProvidersService(proposal->author, rules)) return refusal;
  if (proposal->decision) {
    return Refuse("already_decided", "this proposal has its decision; a new one needs a new proposal");
  }
  if (offer.author_agency == proposal->author && offer.author_official == proposal->official) {
    return Refuse("same_official", "another official than the one who proposed it must decide");
  }
  const auto decided_on = ParseDate(event.decided_on());
  if (!decided_on) {
    return Refuse("missing_date", "give the day as YYYY-MM-DD (field decided_on)");
  }
  if (*decided_on > today) return Refuse("future_day", "the day has not come yet");
  if (!event.approved()) {
    if (!event.reason().empty()) return std::nullopt;
    return Refuse("missing_reason", "say why the correction is not approved (field reason)");
  }
  return DayDecision(state, offer, rules, today).Approved(*proposal);
}

class GroupDecision {
 public:
  GroupDecision(const State& state, const service::Offer& offer, const service::Rules& rules)
      : state_(state), offer_(offer), rules_(rules) {}

  std::optional<Refusal> Joined(const v1::GroupJoined& event) const {
    if (auto refusal = MaySpeak(event.group_code())) return refusal;
    const auto from = ParseDate(event.joined_from());
    if (!from) return MissingDate("joined_from");
    for (const auto& membership : state_.groups.Memberships()) {
      if (IsOf(membership, event.group_code()) &&
          (!membership.until || *from <= *membership.until)) {
        return Refuse("already_in_group",
                      "the client is in this group on that day or later; send GroupLeft first");
      }
    }
    return std::nullopt;
  }

  std::optional<Refusal> Left(const v1::GroupLeft& event) const {
    if (auto refusal = MaySpeak(event.group_code())) return refusal;
    const auto until = ParseDate(event.member_until());
    if (!until) return MissingDate("member_until");
    for (const auto& membership : state_.groups.Memberships()) {
      if (IsOf(membership, event.group_code()) && membership.from - 1 <= *until &&
          (!membership.until || *until < *membership.until)) {
        return std::nullopt;
      }
    }
    return Refuse("not_in_group",
                  "the client is not in this group of yours on that day; check group and day");
  }

 private:
  std::optional<Refusal> MaySpeak(const std::string& group_code) const {
    if (!rules_.HasRole(offer_.author_agency, config::v1::AGENCY_ROLE_PROVIDER)) {
      return Refuse("wrong_actor", "only an agency with the provider role keeps groups");
    }
    if (offer_.author_official.empty()) {
      return Refuse("missing_recorder", "name the official who keeps the group");
    }
    if (!group_code.empty()) return std::nullopt;
    return Refuse("missing_group", "name the group by its code (field group_code)");
  }

  static Refusal MissingDate(std::string_view field) {
    return Refuse("missing_date", Str("give the day as YYYY-MM-DD (field ", field, ")"));
  }

  bool IsOf(const service::Membership& membership, const std::string& group_code) const {
    return membership.agency == offer_.author_agency && membership.group_code == group_code;
  }

  const State& state_;
  const service::Offer& offer_;
  const service::Rules& rules_;
};

}  // namespace

std::optional<EventId> CorrectedBy(const State& state, const service::Offer& offer,
                                   const service::Rules& rules) {
  const auto* corrected = As<v1::DayCorrected>(offer.body);
  if (corrected == nullptr) return std::nullopt;
  // Whether the day has come is for the decision.
  return DayDecision(state, offer, rules, absl::CivilDay::max()).StandingRecord(*corrected);
}

std::optional<Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                   const service::Rules& rules, absl::CivilDay today) {
  if (auto refusal = service::CheckConventions(offer.body)) return refusal;
  if (auto refusal = state.sort.Check(offer.body, rules.own_agency, "attendance")) return refusal;
  if (const auto* recorded = As<v1::DayRecorded>(offer.body)) {
    return DayDecision(state, offer, rules, today).Recorded(*recorded);
  }
  if (const auto* corrected = As<v1::DayCorrected>(offer.body)) {
    return DayDecision(state, offer, rules, today).Corrected(*corrected);
  }
  if (const auto* proposed = As<v1::DayCorrectionProposed>(offer.body)) {
    return DayDecision(state, offer, rules, today).Proposed(*proposed);
  }
  if (const auto* decided = As<v1::DayCorrectionDecided>(offer.body)) {
    return DecideCorrection(state, *decided, offer, rules, today);
  }
  if (const auto* planned = As<v1::DaysPlanned>(offer.body)) {
    return DayDecision(state, offer, rules, today).Planned(*planned);
  }
  if (const auto* confirmed = As<v1::MonthConfirmed>(offer.body)) {
    return DayDecision(state, offer, rules, today).Confirmed(*confirmed);
  }
  if (const auto* joined = As<v1::GroupJoined>(offer.body)) {
    return GroupDecision(state, offer, rules).Joined(*joined);
  }
  if (const auto* left = As<v1::GroupLeft>(offer.body)) {
    return GroupDecision(state, offer, rules).Left(*left);
  }
  if (const auto* counted = As<v1::VisitorsCounted>(offer.body)) {
    return DecideVisitors(state, *counted, offer, rules, today);
  }
  if (offer.body.GetDescriptor()->file()->package() == "polku.attendance.v1") {
    return Refuse("made_by_the_service",
                  "the attendance service makes this event itself when the rules call for it");
  }
  return Refuse("unknown_type", "the attendance service does not take events of this type");
}

}  // namespace polku::attendance
