// What the attendance service says by itself. Every duty is the difference between what the history
// calls for and what this agency has said already, so it does not matter in which order the facts
// came or how often this is asked.
//
// Keys (period, date and rule id are the case's own):
//   period_opened/<period>, period_closed/<period>          generation: the how-manieth
//   breach/<code>/<period>/<date>, breach_cleared/…          generation: the how-manieth
//   absence_notice/<rule>/<period>/<first day>               generation: the revision
//   day_correction/<proposal's event id>                     generation: 1
//   alert/<rule>/<period>/<day>, alert_cleared/…             generation: the how-manieth
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/attendance/state.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/days.h"

namespace polku::attendance {
namespace {

using service::Day;
using service::Duty;
using service::FormatDate;
using service::Period;
using service::Rules;

std::string Bytes(const EventId& id) { return std::string(id.view()); }

bool IsAbsence(event::v1::DayOutcome outcome) {
  return outcome == event::v1::DAY_OUTCOME_ABSENT_ACCEPTED ||
         outcome == event::v1::DAY_OUTCOME_ABSENT_OTHER;
}

struct Breach {
  uint32_t measured = 0;
  uint32_t limit = 0;
  EventId cause;
  event::v1::RuleRef rule;
};

class Duties {
 public:
  Duties(const State& state, const Rules& rules, absl::CivilDay today)
      : state_(state),
        rules_(rules),
        today_(today),
        periods_(state.periods.Periods()),
        days_(state.days.Days(periods_, rules.profile)) {}

  std::vector<Duty> All() {
    for (const Period& period : periods_) Track(period);
    ApprovedCorrections();
    Breaches();
    for (const auto& rule_id : RuleIds(rules_.profile.absence_notices())) {
      for (const Period& period : periods_) Notices(rule_id, period);
    }
    Alerts();
    return std::move(duties_);
  }

  std::optional<absl::CivilDay> Next() {
    for (const Period& period : periods_) {
      Consider(period.starts_on);
      if (period.ended_on) Consider(*period.ended_on + 1);
      for (const auto& stretch : period.stretches) Consider(stretch.from);
      for (const auto& interruption : period.interruptions) {
        Consider(interruption.from);
        if (interruption.resumed_on) Consider(*interruption.resumed_on);
      }
      for (const auto& rule : rules_.profile.absence_notices()) {
        if (rule.interval_days() == 0) continue;
        for (const Day& day : days_) {
          if (!Tellable(day, period)) continue;
          Consider(WindowAt(period, rule.interval_days(), day.date).second + 1);
        }
      }
    }
    for (const Day& day : days_) Consider(day.date);  // a peer's record of a day yet to come
    for (const auto& [key, alert] : AlertsThatHold()) Consider(alert.raised_from);
    ConsiderExpectedDays();
    return next_;
  }

 private:
  // Whose duties are they? The provider's that the period names for the day.
  bool Mine(const Period& period, absl::CivilDay day) const {
    const std::string& provider = period.On(day).provider_agency;
    return provider.empty() ? rules_.HasRole(rules_.own_agency, config::v1::AGENCY_ROLE_PROVIDER)
                            : provider == rules_.own_agency;
  }

  bool Mine(const Day& day) const {
    return day.period == nullptr ? day.record->author == rules_.own_agency
                                 : Mine(*day.period, day.date);
  }

  void Consider(absl::CivilDay day) {
    if (day > today_ && (!next_ || day < *next_)) next_ = day;
  }

  void Add(std::string key, uint32_t generation, std::unique_ptr<google::protobuf::Message> event) {
    duties_.push_back({std::move(key), generation, std::move(event)});
  }

  const Said& SaidOf(const std::string& period_id) const {
    static const Said* const nothing = new Said();  // never destroyed: no exit order
    const auto it = state_.said.find({std::string(rules_.own_agency), period_id});
    return it == state_.said.end() ? *nothing : it->second;
  }

  // ---- Period opened and closed ----

  void Track(const Period& period) {
    if (today_ < period.starts_on) return;
    // A service that ended before it began was never there.
    if (period.ended_on && *period.ended_on < period.starts_on) return;
    const Said& said = SaidOf(period.id);
    // What was said of a later day stands: a clock that was set back takes nothing back.
    if (said.open ? service::ParseDate(said.newest_opening.starts_on()) > today_
                  : said.closed_on >= today_) {
      return;
    }
    const auto closed = ClosedOn(period);
    if (!closed) {
      if (!said.open || !SameOpening(period, said.newest_opening)) Open(period, said, today_);
      return;
    }
    const auto& [last_day, cause] = *closed;
    if (last_day < period.starts_on && said.openings == 0) return;
    if (said.openings == 0) {
      if (!Mine(period, period.starts_on) && !Mine(period, last_day)) return;
      Open(period, said, last_day);  // heard of late: both are said, so that nothing hangs open
    } else if (!said.open && said.closed_on == last_day) {
      return;
    }
    auto event = std::make_unique<v1::PeriodClosed>();
    event->set_period_id(period.id);
    event->set_closed_on(FormatDate(last_day));
    event->set_cause_event_id(Bytes(cause));
    Add(Str("period_closed/", period.id), said.closings + 1, std::move(event));
  }

  // The last day on which attendance counted here and the event that ended it; nullopt while it counts.
  std::optional<std::pair<absl::CivilDay, EventId>> ClosedOn(const Period& period) const {
    auto closed = Over(period);
    // What ended when the period had gone to another provider ended there: here with its going, or with the
    // interruption in which it went.
    while (closed && period.starts_on <= closed->first) {
      const auto& stretch = period.On(closed->first);
      if (!Mine(period, closed->first) && stretch.from > period.starts_on) {
        closed = {stretch.from - 1, stretch.cause};
      } else if (const auto* interruption = period.InterruptedOn(closed->first)) {
        closed = {interruption->from - 1, interruption->cause};
      } else {
        break;
      }
    }
    return closed;
  }
  std::optional<std::pair<absl::CivilDay, EventId>> Over(const Period& period) const {
    const absl::CivilDay now_or_end = period.ended_on ? std::min(today_, *period.ended_on) : today_;
    if (const auto* interruption = period.InterruptedOn(now_or_end)) {
      return std::pair(interruption->from - 1, interruption->cause);
    }
    if (period.ended_on && today_ > *period.ended_on) {
      return std::pair(*period.ended_on, period.end_cause);
    }
    if (!Mine(period, today_)) {  // the period went to another provider
      const auto& now = period.On(today_);
      return std::pair(now.from - 1, now.cause);
    }
    return std::nullopt;
  }

  // From which day the period runs as it does on `day`.
  static absl::CivilDay RunsFrom(const Period& period, absl::CivilDay day) {
    absl::CivilDay from = period.On(day).from;
    for (const auto& interruption : period.interruptions) {
      if (interruption.resumed_on && *interruption.resumed_on <= day) {
        from = std::max(from, *interruption.resumed_on);
      }
    }
    return from;
  }

  bool SameOpening(const Period& period, const v1::PeriodOpened& opening) const {
    const auto& stretch = period.On(today_);
    return opening.starts_on() == FormatDate(RunsFrom(period, today_)) &&
           opening.ends_on() == AgreedUntil(period) && opening.place_code() == stretch.place_code &&
           opening.schedule().SerializeAsString() == stretch.schedule.SerializeAsString();
  }

  static std::string AgreedUntil(const Period& period) {
    return period.agreed_until ? FormatDate(*period.agreed_until) : std::string();
  }

  void Open(const Period& period, const Said& said, absl::CivilDay day) {
    const auto& stretch = period.On(day);
    const absl::CivilDay from = RunsFrom(period, day);
    EventId cause = stretch.cause;
    if (said.openings > 0 && said.newest_opening.ends_on() != AgreedUntil(period)) {
      cause = period.until_cause;
    }
    for (const auto& interruption : period.interruptions) {
      if (interruption.resumed_on == from) cause = interruption.resumed_cause;
    }
    auto event = std::make_unique<v1::PeriodOpened>();
    event->set_period_id(period.id);
    event->set_starts_on(FormatDate(from));
    event->set_ends_on(AgreedUntil(period));
    event->set_place_code(stretch.place_code);
    *event->mutable_schedule() = stretch.schedule;
    event->set_cause_event_id(Bytes(cause));
    Add(Str("period_opened/", period.id), said.openings + 1, std::move(event));
  }

  // ---- Breaches ----

  void Breaches() {
    std::map<BreachKey, Breach> desired;
    std::set<std::pair<std::string_view, absl::CivilDay>> unknown;
    std::map<const Period*, std::vector<const Day*>> by_period;
    service::IsoWeek week;
    uint64_t week_minutes = 0;
    bool week_flagged = false;
    for (const Day& day : days_) {
      if (!day.standing()) continue;
      const bool mine = Mine(day);
      if (!mine && !OverWithSeveralProviders(day)) continue;
      if (day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED) {
        unknown.insert({day.period_id(), day.date});
      }
      if (!mine) {
        Want(desired, day, v1::BREACH_CODE_TOO_MANY_DAYS_IN_WEEK, day.week_ordinal,
             day.intensity->max_days_per_week(), service::RefTo(*day.intensity));
        continue;
      }
      OneDay(day, desired);
      if (!day.in_service) continue;
      by_period[day.period].push_back(&day);
      if (const auto this_week = service::IsoWeekOf(day.date); this_week != week) {
        week = this_week;
        week_minutes = 0;
        week_flagged = false;
      }
      if (!day.there) continue;
      week_minutes += day.record->actual_minutes;
      const auto* rule = day.intensity;
      if (rule == nullptr || rule->max_minutes_per_week() == 0 || week_flagged) continue;
      if (week_minutes > rule->max_minutes_per_week()) {
        Want(desired, day, v1::BREACH_CODE_WEEK_TOO_LONG, static_cast<uint32_t>(week_minutes),
             rule->max_minutes_per_week(), service::RefTo(*rule));
        week_flagged = true;  // once a week, on the day that crosses the limit
      }
    }
    for (const auto& [period, list] : by_period) Runs(*period, list, desired);
    Say(desired, unknown);
  }

  // A day over the weekly maximum in a week of several providers: none of them need know of the others, so an organiser
  // that keeps an attendance service of its own flags it, unless one of them did.
  bool OverWithSeveralProviders(const Day& day) const {
    if (!day.over_weekly_limit() || !rules_.HasRole(rules_.own_agency, config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) {
      return false;
    }
    const BreachKey key{std::string(day.period_id()), day.date, v1::BREACH_CODE_TOO_MANY_DAYS_IN_WEEK};
    const bool by_another = std::any_of(state_.flags.begin(), state_.flags.end(), [&](const auto& said) {
      const auto& [author, flagged] = said.first;
      return author != rules_.own_agency && !(flagged < key) && !(key < flagged) && said.second.standing;
    });
    return !by_another && std::any_of(days_.begin(), days_.end(), [&](const Day& other) {
      return other.week_ordinal != 0 && service::MondayOf(other.date) == service::MondayOf(day.date) &&
             other.period->On(other.date).provider_agency != day.period->On(day.date).provider_agency;
    });
  }

  static void Want(std::map<BreachKey, Breach>& desired, const Day& day, v1::BreachCode code,
                   uint32_t measured, uint32_t limit, const event::v1::RuleRef& rule) {
    desired[{std::string(day.period_id()), day.date, code}] = {measured, limit, day.record->id,
                                                               rule};
  }

  void OneDay(const Day& day, std::map<BreachKey, Breach>& desired) const {
    const service::DayRecord& record = *day.record;
    if (day.period == nullptr)
      return;  // its start is not known here yet: nothing can be held to it
    if (!day.in_service) Want(desired, day, v1::BREACH_CODE_OUTSIDE_PERIOD, 0, 0, {});
    if (service::PublicHoliday(day.date) && (day.there || IsAbsence(day.outcome))) {
      // "Service not held (holiday, break)": DOMAIN, Rules, absences.
      Want(desired, day, v1::BREACH_CODE_PUBLIC_HOLIDAY, 0, 0, {});
    }
    const auto* class_rule =
        service::ClassRule(rules_.profile, record.attendance_class, day.date, day.period);
    if (class_rule != nullptr && record.outcome != event::v1::DAY_OUTCOME_UNSPECIFIED &&
        record.outcome != class_rule->outcome()) {
      Want(desired, day, v1::BREACH_CODE_OUTCOME_MISMATCH, static_cast<uint32_t>(record.outcome),
           static_cast<uint32_t>(class_rule->outcome()), service::RefTo(*class_rule));
    }
    if (!day.there || day.intensity == nullptr) return;
    const config::v1::IntensityRule& intensity = *day.intensity;
    const auto rule = service::RefTo(intensity);
    if (day.over_weekly_limit()) {
      Want(desired, day, v1::BREACH_CODE_TOO_MANY_DAYS_IN_WEEK, day.week_ordinal,
           intensity.max_days_per_week(), rule);
    }
    if (intensity.max_minutes_per_day() != 0 &&
        record.actual_minutes > intensity.max_minutes_per_day()) {
      Want(desired, day, v1::BREACH_CODE_DAY_TOO_LONG, record.actual_minutes,
           intensity.max_minutes_per_day(), rule);
    }
    if (record.actual_minutes != 0 && record.actual_minutes < intensity.min_minutes_per_day()) {
      Want(desired, day, v1::BREACH_CODE_DAY_TOO_SHORT, record.actual_minutes,
           intensity.min_minutes_per_day(), rule);
    }
  }

  // One absence: days of one class one after another in the period's records; days without service
  // between them neither break nor lengthen it. A certificate on any of its days proves all of it.
  // Each absence is flagged once, on the first day over the limit.
  static void Run(const std::vector<const Day*>& run, const config::v1::AbsenceClassRule& rule,
                  std::map<BreachKey, Breach>& desired) {
    const auto flag = [&](v1::BreachCode code, uint32_t limit) {
      Want(desired, *run[limit], code, limit + 1, limit, service::RefTo(rule));
    };
    const bool proven = std::any_of(run.begin(), run.end(),
                                    [](const Day* day) { return day->record->certificate_seen; });
    if (rule.certificate_after_days() != 0 && run.size() > rule.certificate_after_days() &&
        !proven) {
      flag(v1::BREACH_CODE_ABSENCE_UNPROVEN, rule.certificate_after_days());
    }
    if (rule.max_days() != 0 && run.size() > rule.max_days()) {
      flag(v1::BREACH_CODE_ABSENCE_TOO_LONG, rule.max_days());
    }
  }

  void Runs(const Period& period, const std::vector<const Day*>& days,
            std::map<BreachKey, Breach>& desired) const {
    std::vector<const Day*> run;
    const auto finish = [&] {
      if (!run.empty()) {
        const auto* rule = service::ClassRule(rules_.profile, run[0]->record->attendance_class,
                                              run[0]->date, &period);
        if (rule != nullptr) Run(run, *rule, desired);
      }
      run.clear();
    };
    for (const Day* day : days) {
      if (day->outcome == event::v1::DAY_OUTCOME_NOT_HELD) continue;
      if (!run.empty() && run[0]->record->attendance_class != day->record->attendance_class) {
        finish();
      }
      if (IsAbsence(day->outcome)) run.push_back(day);
    }
    finish();
  }

  void Say(const std::map<BreachKey, Breach>& desired,
           const std::set<std::pair<std::string_view, absl::CivilDay>>& unknown) {
    const std::string own(rules_.own_agency);
    for (const auto& [said, flag] : state_.flags) {
      const auto& [author, key] = said;
      if (author != own || !flag.standing || desired.contains(key)) continue;
      // What the record says is no longer readable here (erased): that clears nothing.
      if (unknown.contains({key.period_id, key.date})) continue;
      auto event = std::make_unique<v1::RuleBreachCleared>();
      event->set_period_id(key.period_id);
      event->set_date(FormatDate(key.date));
      event->set_breach(key.code);
      event->set_flagged_event_id(Bytes(*flag.standing));
      event->set_cause_event_id(Bytes(WhyCleared(key)));
      Add(KeyOf("breach_cleared/", key), flag.cleared + 1, std::move(event));
    }
    for (const auto& [key, breach] : desired) {
      const auto known = state_.flags.find({own, key});
      if (key.date > today_ || (known != state_.flags.end() && known->second.standing)) continue;
      auto event = std::make_unique<v1::RuleBreachFlagged>();
      event->set_period_id(key.period_id);
      event->set_date(FormatDate(key.date));
      event->set_breach(key.code);
      event->set_measured(breach.measured);
      event->set_limit(breach.limit);
      event->set_cause_event_id(Bytes(breach.cause));
      if (!breach.rule.id().empty()) *event->mutable_rule() = breach.rule;
      Add(KeyOf("breach/", key), known == state_.flags.end() ? 1 : known->second.flagged + 1,
          std::move(event));
    }
  }

  static std::string KeyOf(std::string_view prefix, const BreachKey& key) {
    return Str(prefix, static_cast<int>(key.code), "/", key.period_id, "/", FormatDate(key.date));
  }

  // The newest record of the breach's day or, where another day's correction took the breach away,
  // the newest record of its period up to it.
  EventId WhyCleared(const BreachKey& key) const {
    const Day* newest = nullptr;
    for (const Day& day : days_) {
      if (day.period_id() != key.period_id || day.date > key.date) continue;
      if (newest == nullptr || newest->sequence < day.sequence) newest = &day;
    }
    return newest == nullptr ? EventId() : newest->record->id;
  }

  // ---- Absence notices ----

  template <typename RuleList>
  static std::vector<std::string> RuleIds(const RuleList& rules) {
    std::vector<std::string> ids;
    for (const auto& rule : rules) {
      if (std::find(ids.begin(), ids.end(), rule.id()) == ids.end()) ids.push_back(rule.id());
    }
    return ids;
  }

  const config::v1::AbsenceNoticeRule* NoticeRule(std::string_view id, const Period& period,
                                                  absl::CivilDay day) const {
    return service::FindRule(rules_.profile.absence_notices(), day, period.first_started_on,
                             [&](const auto& rule) { return rule.id() == id; });
  }

  // An absence of this period that this agency tells of.
  bool Tellable(const Day& day, const Period& period) const {
    return day.period == &period && day.standing() && day.in_service && IsAbsence(day.outcome) &&
           Mine(day) && !service::SwappedAway(days_, period, day.date);
  }

  // The notice interval that the day lies in; intervals are counted from the first day of the
  // period.
  static std::pair<absl::CivilDay, absl::CivilDay> WindowAt(const Period& period,
                                                            uint32_t interval_days,
                                                            absl::CivilDay day) {
    const absl::CivilDay from =
        period.starts_on + (day - period.starts_on) / interval_days * interval_days;
    absl::CivilDay until = from + (interval_days - 1);
    if (const auto last = period.LastDay()) until = std::min(until, std::max(from, *last));
    return {from, until};
  }

  void Notices(const std::string& rule_id, const Period& period) {
    NoticeDays absences;
    for (const Day& day : days_) {
      if (Tellable(day, period)) {
        absences[day.date] = {day.outcome, day.record->attendance_class,
                              day.record->certificate_seen};
      }
    }
    std::vector<const Notice*> told;
    if (const auto it = state_.notices.find(std::string(rules_.own_agency));
        it != state_.notices.end()) {
      for (const Notice& notice : it->second) {
        if (notice.rule_id == rule_id && notice.period_id == period.id) told.push_back(&notice);
      }
    }
    Intervals(rule_id, period, absences, told);
    AtOnce(rule_id, period, absences, told);
  }

  // interval_days > 0: what happened in each full interval, once it is over.
  void Intervals(const std::string& rule_id, const Period& period, const NoticeDays& absences,
                 std::vector<const Notice*>& told) {
    struct Window {
      absl::CivilDay until;
      const config::v1::AbsenceNoticeRule* rule;
      NoticeDays days;
    };
    std::map<absl::CivilDay, Window> windows;
    const auto window_of = [&](absl::CivilDay day) -> Window* {
      for (const auto& rule : rules_.profile.absence_notices()) {
        if (rule.id() != rule_id || rule.interval_days() == 0) continue;
        const auto [from, until] = WindowAt(period, rule.interval_days(), day);
        if (&rule != NoticeRule(rule_id, period, from)) continue;
        return &windows.try_emplace(from, Window{until, &rule, {}}).first->second;
      }
      return nullptr;
    };
    for (const auto& [day, what] : absences) {
      if (Window* window = window_of(day)) window->days[day] = what;
    }
    for (const Notice* notice : told) {
      if (const Window* window =
              period.starts_on <= notice->from ? window_of(notice->from) : nullptr;
          window != nullptr && windows.contains(notice->from)) {
        continue;
      }
      // Told of an interval that is none any more (the start moved): nothing of it stands.
      const auto* rule = NoticeRule(rule_id, period, notice->from);
      if (rule != nullptr && rule->interval_days() != 0) {
        windows[notice->from] = Window{notice->until, rule, {}};
      }
    }
    for (const auto& [from, window] : windows) {
      const auto known =
          std::find_if(told.begin(), told.end(),
                       [&, first = from](const Notice* notice) { return notice->from == first; });
      const Notice* before = known == told.end() ? nullptr : *known;
      if (today_ <= window.until) continue;
      if (before == nullptr && !Enough(window.days, *window.rule)) continue;
      Tell(*window.rule, period, from, window.until, window.days, before);
    }
  }

  static bool Enough(const NoticeDays& days, const config::v1::AbsenceNoticeRule& rule) {
    if (rule.after_absent_days() == 0) return !days.empty();
    const auto other = std::count_if(days.begin(), days.end(), [](const auto& day) {
      return day.second.outcome == event::v1::DAY_OUTCOME_ABSENT_OTHER;
    });
    return static_cast<uint32_t>(other) >= rule.after_absent_days();
  }

  // interval_days == 0: as soon as after_absent_days unaccepted absences have come together that no
  // earlier notice told of (each absence by itself where the number is 0). A notice keeps its days'
  // range for ever, so that a late record or a correction in it makes a revision and no new notice.
  void AtOnce(const std::string& rule_id, const Period& period, NoticeDays rest,
              const std::vector<const Notice*>& told) {
    const auto take = [&rest](absl::CivilDay from, absl::CivilDay until) {
      NoticeDays taken;
      for (auto it = rest.lower_bound(from); it != rest.end() && it->first <= until;) {
        taken.insert(*it);
        it = rest.erase(it);
      }
      return taken;
    };
    std::erase_if(rest, [&](const auto& day) {
      const auto* rule = NoticeRule(rule_id, period, day.first);
      if (rule == nullptr || rule->interval_days() != 0) return true;
      return rule->after_absent_days() != 0 &&
             day.second.outcome != event::v1::DAY_OUTCOME_ABSENT_OTHER;
    });
    for (const Notice* notice : told) {
      const auto* rule = NoticeRule(rule_id, period, notice->from);
      if (rule == nullptr || rule->interval_days() != 0) continue;
      Tell(*rule, period, notice->from, notice->until, take(notice->from, notice->until), notice);
    }
    while (!rest.empty()) {
      const auto* rule = NoticeRule(rule_id, period, rest.begin()->first);
      const size_t block = std::max<uint32_t>(1, rule->after_absent_days());
      if (rest.size() < block) return;
      const absl::CivilDay from = rest.begin()->first;
      const absl::CivilDay until = std::next(rest.begin(), static_cast<long>(block) - 1)->first;
      if (until > today_) return;
      Tell(*rule, period, from, until, take(from, until), nullptr);
    }
  }

  void Tell(const config::v1::AbsenceNoticeRule& rule, const Period& period, absl::CivilDay from,
            absl::CivilDay until, const NoticeDays& days, const Notice* before) {
    if (before != nullptr) {
      if (before->days == days) return;
      // What was told, or what is on record now, is no longer readable here (erased).
      if (before->absent_days != before->days.size() || Unreadable(period, from, until)) return;
    }
    const std::string recipient =
        before != nullptr ? Acting(before->recipient) : Recipient(rule.recipient());
    // Nobody to tell yet. The absences stay, so the notice goes out once the recipient is known.
    if (recipient.empty()) return;
    auto event = std::make_unique<v1::AbsenceNoticeSent>();
    event->set_period_id(period.id);
    event->set_notice(rule.notice());
    event->set_recipient_agency(recipient);
    event->set_covers_from(FormatDate(from));
    event->set_covers_until(FormatDate(until));
    event->set_revision(before == nullptr ? 1 : before->revision + 1);
    event->set_absent_days(static_cast<uint32_t>(days.size()));
    *event->mutable_rule() = service::RefTo(rule);
    for (const auto& [date, what] : days) {
      auto* outcome = event->add_days();
      outcome->set_date(FormatDate(date));
      outcome->set_outcome(what.outcome);
      auto* reason = event->add_reasons();
      reason->set_date(FormatDate(date));
      reason->set_attendance_class(what.attendance_class);
      reason->set_certificate_seen(what.certificate_seen);
    }
    const uint32_t revision = event->revision();
    Add(Str("absence_notice/", rule.id(), "/", period.id, "/", FormatDate(from)), revision,
        std::move(event));
  }

  bool Unreadable(const Period& period, absl::CivilDay from, absl::CivilDay until) const {
    return std::any_of(days_.begin(), days_.end(), [&](const Day& day) {
      return day.period == &period && from <= day.date && day.date <= until && day.standing() &&
             day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED;
    });
  }

  // Whom a notice is for; empty: nobody is known who has a right to it. The payer is never guessed: it is the newest one
  // that a BenefitRecorded names ("fund members to their fund"), a benefit payer before social services, which pay the
  // activity money of who lives on social assistance (DOMAIN, Rules; expense allowance goes first). The authority is the
  // one that was notified of the start, else the agreement's only one. For each its successor of today.
  std::string Recipient(event::v1::ActorRole role) const {
    if (role == event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY) {
      return state_.employment_authority.empty() ? OnlyAuthority() : Acting(state_.employment_authority);
    }
    if (role != event::v1::ACTOR_ROLE_BENEFIT_PAYER) return "";
    std::string organiser;
    for (auto it = state_.benefit_payers.rbegin(); it != state_.benefit_payers.rend(); ++it) {
      const std::string payer = Acting(*it);
      if (!IsParty(payer) || rules_.HasRole(payer, config::v1::AGENCY_ROLE_BENEFIT_PAYER)) {
        return payer;
      }
      if (organiser.empty() && rules_.HasRole(payer, config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) {
        organiser = payer;
      }
    }
    return organiser;
  }

  std::string Acting(std::string_view agency) const {
    return std::string(state_.periods.successors().Acting(agency, today_));
  }

  std::string OnlyAuthority() const {
    std::string only;
    for (const auto& agency : rules_.agreement.agencies()) {
      if (!rules_.HasRole(agency.name(), config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY)) continue;
      if (!only.empty()) return "";
      only = agency.name();
    }
    return only;
  }

  bool IsParty(std::string_view name) const {
    return std::any_of(rules_.agreement.agencies().begin(), rules_.agreement.agencies().end(),
                       [&](const auto& agency) { return agency.name() == name; });
  }

  // ---- Approved corrections of confirmed months ----

  void ApprovedCorrections() {
    for (const Proposal& proposal : state_.proposals) {
      if (!proposal.approved || proposal.carried_out || proposal.author != rules_.own_agency) {
        continue;
      }
      const v1::DayCorrectionProposed& content = proposal.content;
      const Period* period =
          service::PeriodFor(periods_, proposal.author, content.period_id(), proposal.date);
      if (period == nullptr || !period->ServedBy(rules_.own_agency, proposal.date, today_)) continue;
      // What was proposed is no longer readable here (erased).
      if (!content.withdrawn() && content.outcome() == event::v1::DAY_OUTCOME_UNSPECIFIED) continue;
      auto event = std::make_unique<v1::DayCorrected>();
      event->set_date(content.date());
      event->set_period_id(content.period_id());
      event->set_planned_minutes(content.planned_minutes());
      event->set_actual_minutes(content.actual_minutes());
      event->set_swapped_from(content.swapped_from());
      event->set_place_code(content.place_code());
      event->set_outcome(content.outcome());
      event->set_attendance_class(content.attendance_class());
      event->set_certificate_seen(content.certificate_seen());
      event->set_note(content.note());
      event->set_reason(content.reason());
      event->set_withdrawn(content.withdrawn());
      for (const Day& day : days_) {
        if (day.period == period && day.date == proposal.date && day.standing()) {
          event->set_corrected_event_id(Bytes(day.record->id));
        }
      }
      event->set_cause_event_id(Bytes(*proposal.decision));
      Add(Str("day_correction/", ToHex(proposal.id.view())), 1, std::move(event));
    }
  }

  // ---- Alerts ----

  struct Alert {
    event::v1::AlertKind kind = event::v1::ALERT_KIND_UNSPECIFIED;
    event::v1::RuleRef rule;
    absl::CivilDay raised_from;
    absl::CivilDay raised_until = absl::CivilDay::max();  // what came to be known later is no news
  };

  void Alerts() {
    const std::map<AlertKey, Alert> holding = AlertsThatHold();
    const std::string own(rules_.own_agency);
    for (const auto& [said, alert] : state_.alerts) {
      const auto& [author, key] = said;
      if (author != own || !alert.standing || holding.contains(key)) continue;
      if (today_ < key.date && (alert.kind == event::v1::ALERT_KIND_DAY_NOT_RECORDED ||
                                alert.kind == event::v1::ALERT_KIND_MONTH_NOT_CONFIRMED)) {
        continue;  // a clock that was set back: the day is not over, so nothing is known of it
      }
      auto event = std::make_unique<v1::AlertCleared>();
      event->set_period_id(key.period_id);
      event->set_alert(alert.kind);
      event->set_date(FormatDate(key.date));
      event->set_raised_event_id(Bytes(*alert.standing));
      Add(KeyOf("alert_cleared/", key), alert.raised, std::move(event));
    }
    for (const auto& [key, alert] : holding) {
      const auto known = state_.alerts.find({own, key});
      if (known != state_.alerts.end() && known->second.standing) continue;
      if (today_ < alert.raised_from || alert.raised_until < today_) continue;
      auto event = std::make_unique<v1::AlertRaised>();
      event->set_period_id(key.period_id);
      event->set_alert(alert.kind);
      event->set_date(FormatDate(key.date));
      *event->mutable_rule() = alert.rule;
      Add(KeyOf("alert/", key), known == state_.alerts.end() ? 1 : known->second.raised + 1,
          std::move(event));
    }
  }

  static std::string KeyOf(std::string_view prefix, const AlertKey& key) {
    return Str(prefix, key.rule_id, "/", key.period_id, "/", FormatDate(key.date));
  }

  const config::v1::AlertRule* AlertRule(const std::string& id, const Period& period,
                                         absl::CivilDay day) const {
    return service::FindRule(rules_.profile.alerts(), day, period.first_started_on,
                             [&](const auto& rule) { return rule.id() == id; });
  }

  // What is missing by what is known, whether or not its time has come.
  std::map<AlertKey, Alert> AlertsThatHold() const {
    std::map<AlertKey, Alert> holding;
    for (const auto& rule_id : RuleIds(rules_.profile.alerts())) {
      for (const Period& period : periods_) {
        if (period.ended_on && *period.ended_on < period.starts_on) continue;
        EndsWithoutFollowOn(rule_id, period, holding);
        DaysNotRecorded(rule_id, period, holding);
        MonthsNotConfirmed(rule_id, period, holding);
        OverWithoutEnd(rule_id, period, holding);
      }
    }
    for (const Period& period : periods_) StartNotNotified(period, holding);
    return holding;
  }

  // Told by whom it is told is not for this agency to know unless the agreement opens it (SERVICE is all that a notice has).
  bool SeesNotifications() const {
    const std::string_view type = referral::v1::AuthorityNotified::descriptor()->full_name();
    const auto covers = [&](std::string_view pattern) {
      return pattern == type || (pattern.ends_with('*') && type.starts_with(pattern.substr(0, pattern.size() - 1)));
    };
    return std::any_of(
        rules_.agreement.sharings().begin(), rules_.agreement.sharings().end(), [&](const auto& sharing) {
          const auto& to = sharing.receivers();
          const bool ours = std::find(to.begin(), to.end(), rules_.own_agency) != to.end() ||
                            std::any_of(sharing.receiver_roles().begin(), sharing.receiver_roles().end(), [&](int role) {
                              return rules_.HasRole(rules_.own_agency, static_cast<config::v1::AgencyRole>(role));
                            });
          return ours && std::any_of(sharing.types().begin(), sharing.types().end(), covers);
        });
  }

  void StartNotNotified(const Period& period, std::map<AlertKey, Alert>& holding) const {
    const auto* rule = service::FindRule(
        rules_.profile.notices(), period.starts_on, period.first_started_on,
        [](const auto& candidate) { return candidate.notice() == event::v1::NOTICE_KIND_START; });
    if (rule == nullptr || state_.starts_notified.contains(period.id) || !Mine(period, period.starts_on) ||
        (period.ended_on && *period.ended_on < period.starts_on) || !SeesNotifications()) {
      return;
    }
    holding[{rule->id(), period.id, period.starts_on}] = {
        event::v1::ALERT_KIND_START_NOT_NOTIFIED, service::RefTo(*rule),
        period.starts_on + 1 + static_cast<int>(rule->within_days())};
  }

  void OverWithoutEnd(const std::string& rule_id, const Period& period,
                      std::map<AlertKey, Alert>& holding) const {
    if (!period.agreed_until || period.ended_on) return;
    const absl::CivilDay last = *period.agreed_until;
    const auto* rule = AlertRule(rule_id, period, last);
    if (rule == nullptr || !Mine(period, last) ||
        rule->kind() != event::v1::ALERT_KIND_PERIOD_OVER_WITHOUT_END) {
      return;
    }
    holding[{rule_id, period.id, last}] = {rule->kind(), service::RefTo(*rule), After(*rule, last)};
  }

  void EndsWithoutFollowOn(const std::string& rule_id, const Period& period,
                           std::map<AlertKey, Alert>& holding) const {
    if (!period.agreed_until || period.ended_on || state_.follow_on_plan) return;
    const absl::CivilDay last = *period.agreed_until;
    const auto* rule = AlertRule(rule_id, period, last);
    if (rule == nullptr || !Mine(period, last) ||
        rule->kind() != event::v1::ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON) {
      return;
    }
    const bool another = std::any_of(periods_.begin(), periods_.end(), [&](const Period& other) {
      return other.starts_on > period.starts_on;
    });
    if (another) return;
    const absl::CivilDay from = last - static_cast<int>(rule->days_before());
    holding[{rule_id, period.id, last}] = {rule->kind(), service::RefTo(*rule), from, last};
  }

  // The last day that can have been over by today.
  absl::CivilDay LastPast(const Period& period) const {
    return std::min(today_, period.LastDay().value_or(today_));
  }

  bool HasAlertOf(event::v1::AlertKind kind, const std::string& rule_id) const {
    return std::any_of(rules_.profile.alerts().begin(), rules_.profile.alerts().end(),
                       [&](const auto& rule) { return rule.id() == rule_id && rule.kind() == kind; });
  }

  void DaysNotRecorded(const std::string& rule_id, const Period& period,
                       std::map<AlertKey, Alert>& holding) const {
    constexpr auto kKind = event::v1::ALERT_KIND_DAY_NOT_RECORDED;
    if (!HasAlertOf(kKind, rule_id)) return;
    const auto expected = state_.plans.Expected(period, period.starts_on, LastPast(period));
    for (const absl::CivilDay day : service::DaysWithoutRecord(expected, days_, period)) {
      const auto* rule = AlertRule(rule_id, period, day);
      if (rule == nullptr || rule->kind() != kKind || !Mine(period, day)) continue;
      holding[{rule_id, period.id, day}] = {kKind, service::RefTo(*rule), After(*rule, day)};
    }
  }

  // The first day on which so many days have gone by after it.
  static absl::CivilDay After(const config::v1::AlertRule& rule, absl::CivilDay day) {
    return day + 1 + static_cast<int>(rule.after_days());
  }

  void MonthsNotConfirmed(const std::string& rule_id, const Period& period,
                          std::map<AlertKey, Alert>& holding) const {
    constexpr auto kKind = event::v1::ALERT_KIND_MONTH_NOT_CONFIRMED;
    if (!HasAlertOf(kKind, rule_id)) return;
    const absl::CivilMonth last(LastPast(period));
    for (absl::CivilMonth month(period.starts_on); month <= last; ++month) {
      absl::CivilDay until = service::LastDayOf(month);
      if (const auto last_day = period.LastDay()) until = std::min(until, *last_day);
      const auto* rule = AlertRule(rule_id, period, until);
      if (rule == nullptr || rule->kind() != kKind || !Mine(period, until)) continue;
      if (state_.confirmed_months.contains({std::string(rules_.own_agency), period.id, month}) ||
          !AnythingToConfirm(period, month)) {
        continue;
      }
      holding[{rule_id, period.id, until}] = {kKind, service::RefTo(*rule), After(*rule, until)};
    }
  }

  bool AnythingToConfirm(const Period& period, absl::CivilMonth month) const {
    const bool recorded = std::any_of(days_.begin(), days_.end(), [&](const Day& day) {
      return day.period == &period && day.standing() && absl::CivilMonth(day.date) == month;
    });
    return recorded || !state_.plans
                            .Expected(period, absl::CivilDay(month), service::LastDayOf(month))
                            .empty();
  }

  // A day that is yet to come has no alert; it gets one when it goes by without a record. The
  // weekdays of a schedule come again each week, but for holidays.
  void ConsiderExpectedDays() {
    constexpr int kFarEnough = 31;
    for (const auto& rule_id : RuleIds(rules_.profile.alerts())) {
      if (!HasAlertOf(event::v1::ALERT_KIND_DAY_NOT_RECORDED, rule_id) &&
          !HasAlertOf(event::v1::ALERT_KIND_MONTH_NOT_CONFIRMED, rule_id)) {
        continue;
      }
      for (const Period& period : periods_) {
        const absl::CivilDay from = std::max(today_ + 1, period.starts_on);
        absl::CivilDay until = from + kFarEnough;
        if (const auto last = period.LastDay()) until = std::min(until, *last);
        const auto expected = state_.plans.Expected(period, from, until);
        if (!expected.empty()) Consider(expected.begin()->first);
      }
    }
  }

  const State& state_;
  const Rules& rules_;
  const absl::CivilDay today_;
  const std::vector<Period> periods_;
  const std::vector<Day> days_;
  std::vector<Duty> duties_;
  std::optional<absl::CivilDay> next_;
};

}  // namespace

std::vector<Duty> DutiesOf(const State& state, const Rules& rules, absl::CivilDay today) {
  return Duties(state, rules, today).All();
}

std::optional<absl::CivilDay> NextDutyDay(const State& state, const Rules& rules,
                                          absl::CivilDay today) {
  return Duties(state, rules, today).Next();
}

}  // namespace polku::attendance
