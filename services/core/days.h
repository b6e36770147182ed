// The attended and missed days of a case, as the provider's records and corrections tell them, and
// how they count against the weekly maximum. One definition for the provider that flags a breach
// and the payer that does not pay it.
#ifndef POLKU_SERVICES_CORE_DAYS_H_
#define POLKU_SERVICES_CORE_DAYS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/config/v1/profile.pb.h"
#include "polku/event/v1/common.pb.h"
#include "services/core/periods.h"
#include "services/core/service.h"

namespace polku::service {

// One DayRecorded or DayCorrected, as far as it is visible here.
struct DayRecord {
  EventId id;
  std::string author;
  absl::CivilDay date;
  std::string period_id;  // as recorded: may be empty
  uint32_t planned_minutes = 0;
  uint32_t actual_minutes = 0;
  std::optional<absl::CivilDay> swapped_from;
  std::string place_code;
  event::v1::DayOutcome outcome = event::v1::DAY_OUTCOME_UNSPECIFIED;
  event::v1::AttendanceClass attendance_class = event::v1::ATTENDANCE_CLASS_UNSPECIFIED;
  bool certificate_seen = false;
  bool withdrawn = false;
  bool own_log = false;  // it stands in a log of its author's own
};

// A day of one period as it now stands.
struct Day {
  absl::CivilDay date;
  const Period* period = nullptr;     // null: no period is known that it could belong to
  const DayRecord* record = nullptr;  // the newest; may say `withdrawn`
  size_t sequence = 0;                // place of the record among all: higher is newer
  // What the day leads to; UNSPECIFIED: not known here, or withdrawn.
  event::v1::DayOutcome outcome = event::v1::DAY_OUTCOME_UNSPECIFIED;
  bool there = false;       // the client was there; by the minutes where the outcome is not visible
  bool in_service = false;  // the period covers the day
  // Of a day that is there and in service: the how-manieth of its ISO week, from 1, over all
  // periods of the case, and the maximum that held on that day. The excess of a week is its later
  // days.
  uint32_t week_ordinal = 0;
  const config::v1::IntensityRule* intensity = nullptr;

  std::string_view period_id() const {
    return period != nullptr ? std::string_view(period->id) : std::string_view(record->period_id);
  }
  bool standing() const { return !record->withdrawn; }
  bool over_weekly_limit() const {
    return intensity != nullptr && intensity->max_days_per_week() != 0 &&
           week_ordinal > intensity->max_days_per_week();
  }
};

class DayBook {
 public:
  // Takes in DayRecorded, DayCorrected and MonthConfirmed; ignores every other message and dates that do not exist. Of a
  // month that a provider confirmed in a log of its own its later records say nothing where they stand in another agency's,
  // whose service knows of no confirmation: its own takes approved corrections alone, and two officials are asked for.
  void Fold(const Fact& fact);
  // Ascending by date, then by period in the order of `periods`; each (period, date) once, with its
  // newest record in merged order. A record by another agency than the provider that the period
  // names for that day says nothing. Borrows from this book, `periods` and `profile`.
  std::vector<Day> Days(const std::vector<Period>& periods,
                        const config::v1::Profile& profile) const;
  // The earliest day after `day` that any record is about, also one that says nothing.
  std::optional<absl::CivilDay> FirstAfter(absl::CivilDay day) const;
  bool empty() const { return records_.empty(); }
  // The record that this event made, also one that says nothing any more; null: not known here. Borrowed.
  const DayRecord* Find(const EventId& id) const;
  // The newest record about these days, also one that says nothing any more; null: none is known here. Borrowed.
  const DayRecord* NewestIn(absl::CivilDay from, absl::CivilDay until) const;
  // How many records were taken in; a Day whose `sequence` is at least that came later.
  size_t records() const { return records_.size(); }

 private:
  struct Confirmed {
    std::string provider;
    std::string period_id;
    absl::CivilMonth month;
    size_t records_before = 0;
  };
  // Taken by another agency's log after the month of that period was confirmed by the same provider.
  bool Overridden(size_t index, const Period& period) const;

  std::vector<DayRecord> records_;
  std::vector<std::string> authors_;    // each once
  std::vector<size_t> author_of_;       // of each record, its place in authors_
  std::vector<Confirmed> confirmed_;
};

// On which days a client is expected: as DaysPlanned says and, for dates that no plan names, on the
// weekdays of the schedule that are no public holidays. A schedule without weekdays expects nobody.
class PlanBook {
 public:
  // Takes in DaysPlanned; ignores every other message and dates that do not exist.
  void Fold(const Fact& fact);
  // The days from `from` to `until`, both inclusive, that the period covers, each with its planned
  // minutes (0: not said). A plan by another agency than the day's named provider says nothing.
  std::map<absl::CivilDay, uint32_t> Expected(const Period& period, absl::CivilDay from,
                                              absl::CivilDay until) const;

 private:
  struct Planned {
    std::string author;
    uint32_t minutes = 0;
  };
  // By period and date; the newest in merged order last.
  std::map<std::pair<std::string, absl::CivilDay>, std::vector<Planned>> plans_;
};

// Another day of the period was attended instead of this one: it is then no absence.
bool SwappedAway(const std::vector<Day>& days, const Period& period, absl::CivilDay planned);

// The expected days that have no standing record and were not swapped away, ascending.
std::vector<absl::CivilDay> DaysWithoutRecord(const std::map<absl::CivilDay, uint32_t>& expected,
                                              const std::vector<Day>& days, const Period& period);

// What the profile says that a class leads to on that day; null when it has no such rule.
const config::v1::AbsenceClassRule* ClassRule(const config::v1::Profile& profile,
                                              event::v1::AttendanceClass attendance_class,
                                              absl::CivilDay date, const Period* period);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_DAYS_H_
