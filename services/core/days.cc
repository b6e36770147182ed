#include "services/core/days.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "polku/attendance/v1/attendance.pb.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/message_cast.h"

namespace polku::service {
namespace {

template <typename Message>
std::optional<DayRecord> RecordFrom(const Fact& fact, const Message& message) {
  const auto date = ParseDate(message.date());
  if (!date) return std::nullopt;
  DayRecord record;
  record.id = fact.id;
  record.author = fact.author_agency;
  record.date = *date;
  record.period_id = message.period_id();
  record.planned_minutes = message.planned_minutes();
  record.actual_minutes = message.actual_minutes();
  record.swapped_from = ParseDate(message.swapped_from());
  record.place_code = message.place_code();
  record.outcome = message.outcome();
  record.attendance_class = message.attendance_class();
  record.certificate_seen = message.certificate_seen();
  return record;
}

event::v1::DayOutcome OutcomeOf(const DayRecord& record, const Period* period,
                                const config::v1::Profile& profile) {
  if (record.withdrawn) return event::v1::DAY_OUTCOME_UNSPECIFIED;
  if (record.outcome != event::v1::DAY_OUTCOME_UNSPECIFIED) return record.outcome;
  const auto* rule = ClassRule(profile, record.attendance_class, record.date, period);
  return rule == nullptr ? event::v1::DAY_OUTCOME_UNSPECIFIED : rule->outcome();
}

}  // namespace

const config::v1::AbsenceClassRule* ClassRule(const config::v1::Profile& profile,
                                              event::v1::AttendanceClass attendance_class,
                                              absl::CivilDay date, const Period* period) {
  if (attendance_class == event::v1::ATTENDANCE_CLASS_UNSPECIFIED) return nullptr;
  return FindRule(profile.absence_classes(), date,
                  period == nullptr ? std::nullopt : std::optional(period->first_started_on),
                  [&](const auto& rule) { return rule.attendance_class() == attendance_class; });
}

void DayBook::Fold(const Fact& fact) {
  const bool own_log = AgencyOfName(fact.origin) == fact.author_agency;
  std::optional<DayRecord> record;
  if (const auto* confirmed = As<attendance::v1::MonthConfirmed>(fact.body)) {
    const auto month = ParseMonth(confirmed->month());
    if (month && own_log) {
      confirmed_.push_back({std::string(fact.author_agency), confirmed->period_id(), *month, records_.size()});
    }
  } else if (const auto* recorded = As<attendance::v1::DayRecorded>(fact.body)) {
    record = RecordFrom(fact, *recorded);
  } else if (const auto* corrected = As<attendance::v1::DayCorrected>(fact.body)) {
    record = RecordFrom(fact, *corrected);
    if (record) record->withdrawn = corrected->withdrawn();
  }
  if (!record) return;
  record->own_log = own_log;
  const auto author = std::find(authors_.begin(), authors_.end(), record->author);
  author_of_.push_back(static_cast<size_t>(author - authors_.begin()));
  if (author == authors_.end()) authors_.push_back(record->author);
  records_.push_back(*std::move(record));
}

bool DayBook::Overridden(size_t index, const Period& period) const {
  const DayRecord& record = records_[index];
  return !record.own_log && std::any_of(confirmed_.begin(), confirmed_.end(), [&](const Confirmed& month) {
    return month.records_before <= index && month.provider == record.author && month.period_id == period.id &&
           month.month == absl::CivilMonth(record.date);
  });
}

const DayRecord* DayBook::Find(const EventId& id) const {
  const auto found = std::find_if(records_.begin(), records_.end(),
                                  [&](const DayRecord& record) { return record.id == id; });
  return found == records_.end() ? nullptr : &*found;
}

const DayRecord* DayBook::NewestIn(absl::CivilDay from, absl::CivilDay until) const {
  const auto found = std::find_if(records_.rbegin(), records_.rend(), [&](const DayRecord& record) {
    return from <= record.date && record.date <= until;
  });
  return found == records_.rend() ? nullptr : &*found;
}

std::vector<Day> DayBook::Days(const std::vector<Period>& periods,
                               const config::v1::Profile& profile) const {
  // By the period's place, or by the name where no such period is known.
  struct Told {
    absl::CivilDay date;
    size_t place;
    std::string_view name;
    size_t sequence;
    auto key() const { return std::tie(date, place, name); }
  };
  // A case has few authors and few stretches, and each is asked about once: comparing names for each record of a long
  // case is what evaluating it would cost most.
  struct Asked {
    const Period::Stretch* stretch;
    size_t author;
    bool serves;
  };
  std::vector<Asked> asked;
  const auto served = [&](const Period& period, size_t i) {
    const Period::Stretch* stretch = &period.On(records_[i].date);
    for (const Asked& one : asked) {
      if (one.stretch == stretch && one.author == author_of_[i]) return one.serves;
    }
    asked.push_back({stretch, author_of_[i], period.ServedBy(records_[i].author, records_[i].date)});
    return asked.back().serves;
  };
  std::vector<Told> told;
  told.reserve(records_.size());
  for (size_t i = 0; i < records_.size(); ++i) {
    const DayRecord& record = records_[i];
    const Period* period = PeriodFor(periods, record.author, record.period_id, record.date);
    if (period == nullptr) {
      told.push_back({record.date, periods.size(), record.period_id, i});
    } else if (served(*period, i) && !Overridden(i, *period)) {
      told.push_back({record.date, static_cast<size_t>(period - periods.data()), "", i});
    }
  }
  // Most records come day by day.
  const auto before = [](const Told& a, const Told& b) { return a.key() < b.key(); };
  if (!std::is_sorted(told.begin(), told.end(), before)) {
    std::stable_sort(told.begin(), told.end(), before);
  }

  std::vector<Day> days;
  days.reserve(told.size());
  absl::CivilDay week = absl::CivilDay::min();  // its Monday
  std::optional<absl::CivilDay> counted;
  uint32_t ordinal = 0;
  for (size_t i = 0; i < told.size(); ++i) {
    if (i + 1 < told.size() && told[i].key() == told[i + 1].key()) continue;  // a newer one follows
    Day& day = days.emplace_back();
    day.date = told[i].date;
    day.period = told[i].place == periods.size() ? nullptr : &periods[told[i].place];
    day.record = &records_[told[i].sequence];
    day.sequence = told[i].sequence;
    day.outcome = OutcomeOf(*day.record, day.period, profile);
    day.there = day.standing() && (day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED
                                       ? day.record->actual_minutes > 0
                                       : day.outcome == event::v1::DAY_OUTCOME_ATTENDED);
    day.in_service = day.period != nullptr && day.period->Covers(day.date);
    if (day.period != nullptr) {
      day.intensity = FindRule(profile.intensities(), day.date, day.period->first_started_on,
                               [](const auto&) { return true; });
    }
    if (day.there && day.in_service) {
      const absl::CivilDay this_week = MondayOf(day.date);
      if (this_week != week) ordinal = 0;
      if (this_week != week || counted != day.date) ++ordinal;
      week = this_week;
      counted = day.date;
      day.week_ordinal = ordinal;
    }
  }
  return days;
}

std::optional<absl::CivilDay> DayBook::FirstAfter(absl::CivilDay day) const {
  std::optional<absl::CivilDay> first;
  for (const DayRecord& record : records_) {
    if (record.date > day && (!first || record.date < *first)) first = record.date;
  }
  return first;
}

void PlanBook::Fold(const Fact& fact) {
  const auto* planned = As<attendance::v1::DaysPlanned>(fact.body);
  if (planned == nullptr) return;
  for (const auto& day : planned->days()) {
    if (const auto date = ParseDate(day.date())) {
      plans_[{planned->period_id(), *date}].push_back(
          {std::string(fact.author_agency), day.planned_minutes()});
    }
  }
}

std::map<absl::CivilDay, uint32_t> PlanBook::Expected(const Period& period, absl::CivilDay from,
                                                      absl::CivilDay until) const {
  std::map<absl::CivilDay, uint32_t> expected;
  for (absl::CivilDay day = from; day <= until; ++day) {
    if (!period.Covers(day)) continue;
    const Period::Stretch& stretch = period.On(day);
    const Planned* plan = nullptr;
    if (const auto plans = plans_.find({period.id, day}); plans != plans_.end()) {
      for (const Planned& one : plans->second) {
        if (period.ServedBy(one.author, day)) plan = &one;
      }
    }
    if (plan != nullptr) {
      if (plan->minutes > 0) expected[day] = plan->minutes;
      continue;
    }
    const auto& weekdays = stretch.schedule.weekdays();
    // Weekday begins with Monday as 1, absl::Weekday with Monday as 0.
    const int weekday = static_cast<int>(absl::GetWeekday(day)) + 1;
    if (std::find(weekdays.begin(), weekdays.end(), weekday) != weekdays.end() &&
        !PublicHoliday(day)) {
      expected[day] = stretch.schedule.minutes_per_day();
    }
  }
  return expected;
}

bool SwappedAway(const std::vector<Day>& days, const Period& period, absl::CivilDay planned) {
  return std::any_of(days.begin(), days.end(), [&](const Day& day) {
    return day.period == &period && day.there && day.record->swapped_from == planned;
  });
}

std::vector<absl::CivilDay> DaysWithoutRecord(const std::map<absl::CivilDay, uint32_t>& expected,
                                              const std::vector<Day>& days, const Period& period) {
  std::set<absl::CivilDay> accounted;
  for (const Day& day : days) {
    if (day.period != &period || !day.standing()) continue;
    accounted.insert(day.date);
    if (day.there && day.record->swapped_from) accounted.insert(*day.record->swapped_from);
  }
  std::vector<absl::CivilDay> missing;
  for (const auto& [day, minutes] : expected) {
    if (!accounted.contains(day)) missing.push_back(day);
  }
  return missing;
}

}  // namespace polku::service
