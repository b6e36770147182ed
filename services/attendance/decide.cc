#include <algorithm>
#include <string>
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

// What DayRecorded and DayCorrected share: is the day one that this author may say something about?
class DayDecision {
 public:
  DayDecision(const State& state, const service::Offer& offer, const service::Rules& rules,
              absl::CivilDay today)
      : offer_(offer),
        rules_(rules),
        today_(today),
        periods_(state.periods.Periods()),
        days_(state.days.Days(periods_, rules.profile)) {}

  std::optional<Refusal> Recorded(const v1::DayRecorded& event) {
    if (auto refusal = Place(event)) return refusal;
    if (!period_->Spans(date_)) {
      return Refuse("outside_period",
                    "the day is not between the first and the last day of the period; check the "
                    "date, or have the organiser record the start, extension or end first");
    }
    if (auto refusal = Content(event)) return refusal;
    if (current_ != nullptr) {
      return Refuse("day_already_recorded",
                    "this day has a record; send DayCorrected with the whole new truth about it");
    }
    return std::nullopt;
  }

  std::optional<Refusal> Corrected(const v1::DayCorrected& event) {
    if (auto refusal = Place(event)) return refusal;
    if (current_ == nullptr) {
      return Refuse("day_not_recorded",
                    "this day has no record that could be corrected; send DayRecorded");
    }
    if (event.reason() == v1::CORRECTION_REASON_UNSPECIFIED) {
      return Refuse("missing_reason", "say why the record is corrected (field reason)");
    }
    const DayRecord& record = *current_->record;
    if (!event.corrected_event_id().empty() && event.corrected_event_id() != record.id.view()) {
      return Refuse("record_has_changed",
                    "corrected_event_id is not the newest record of this day; read the case again "
                    "and correct what stands now");
    }
    if (!offer_.corrects.is_zero() && offer_.corrects != record.id) {
      return Refuse("record_has_changed",
                    "corrects is not the newest record of this day; read the case again and correct what "
                    "stands now, or leave it out");
    }
    if (event.withdrawn()) {
      const bool empty = event.planned_minutes() == 0 && event.actual_minutes() == 0 &&
                         event.swapped_from().empty() && event.place_code().empty() &&
                         event.outcome() == event::v1::DAY_OUTCOME_UNSPECIFIED &&
                         event.attendance_class() == event::v1::ATTENDANCE_CLASS_UNSPECIFIED &&
                         !event.certificate_seen() && event.note().empty();
      if (empty) return std::nullopt;
      return Refuse("withdrawn_not_empty",
                    "a withdrawal carries date, period_id, reason and corrected_event_id only; "
                    "leave the rest out, or do not set withdrawn");
    }
    if (auto refusal = Content(event)) return refusal;
    const bool same = event.planned_minutes() == record.planned_minutes &&
                      event.actual_minutes() == record.actual_minutes &&
                      ParseDate(event.swapped_from()) == record.swapped_from &&
                      event.place_code() == record.place_code &&
                      event.outcome() == record.outcome &&
                      event.attendance_class() == record.attendance_class &&
                      event.certificate_seen() == record.certificate_seen;
    if (same && event.note().empty()) {
      return Refuse("nothing_to_correct", "the record says this already; nothing was appended");
    }
    return std::nullopt;
  }

  std::optional<EventId> StandingRecord(const v1::DayCorrected& event) {
    if (Place(event) || current_ == nullptr) return std::nullopt;
    return current_->record->id;
  }

 private:
  // Finds period_ and current_, or says why the author may not speak of this day.
  template <typename Event>
  std::optional<Refusal> Place(const Event& event) {
    if (!rules_.HasRole(offer_.author_agency, config::v1::AGENCY_ROLE_PROVIDER)) {
      return Refuse("wrong_actor", "only an agency with the provider role records days");
    }
    if (offer_.author_official.empty()) {
      return Refuse("missing_recorder", "name the official who records the day");
    }
    const auto date = ParseDate(event.date());
    if (!date) return Refuse("missing_date", "give the day as YYYY-MM-DD (field date)");
    date_ = *date;
    if (date_ > today_) {
      return Refuse("future_day", "the day has not come yet; record it when it is over");
    }
    if (periods_.empty()) {
      return Refuse("service_not_started",
                    "no started service is known here for this case; check the case id, or have "
                    "ServiceStarted recorded first");
    }
    size_t own = 0;
    for (const Period& period : periods_) {
      const bool named = !period.On(date_).provider_agency.empty();
      if (named && period.Spans(date_) && period.ServedBy(offer_.author_agency, date_, today_)) ++own;
    }
    if (event.period_id().empty() && own > 1) {
      return Refuse("ambiguous_period",
                    "several of your periods cover this day; name one in period_id");
    }
    period_ = service::PeriodFor(periods_, offer_.author_agency, event.period_id(), date_);
    if (period_ == nullptr && !event.period_id().empty()) {
      return Refuse("unknown_period", "no period of that period_id is known in this case");
    }
    if (period_ == nullptr) {
      const bool others = std::any_of(periods_.begin(), periods_.end(),
                                      [&](const Period& period) { return period.Spans(date_); });
      if (others) return NotTheProvider();
      return Refuse("outside_period", "no period of this case covers the day; check the date");
    }
    if (!period_->ServedBy(offer_.author_agency, date_, today_)) return NotTheProvider();
    for (const Day& day : days_) {
      if (day.period == period_ && day.date == date_ && day.standing()) current_ = &day;
    }
    return std::nullopt;
  }

  static Refusal NotTheProvider() {
    return Refuse("wrong_actor",
                  "another agency is the provider on this day; only that one records it");
  }

  template <typename Event>
  std::optional<Refusal> Content(const Event& event) const {
    if (event.planned_minutes() > kMinutesOfDay || event.actual_minutes() > kMinutesOfDay) {
      return Refuse("minutes_out_of_range", "a day has 1,440 minutes; give minutes, not seconds");
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
  if (auto refusal = state.sort.Check(offer.body)) return refusal;
  if (const auto* recorded = As<v1::DayRecorded>(offer.body)) {
    return DayDecision(state, offer, rules, today).Recorded(*recorded);
  }
  if (const auto* corrected = As<v1::DayCorrected>(offer.body)) {
    return DayDecision(state, offer, rules, today).Corrected(*corrected);
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
