// The Finnish calendar: dates as events write them, public holidays, ISO weeks, months. Pure
// functions over civil days; no clock.
#ifndef POLKU_SERVICES_CORE_CALENDAR_H_
#define POLKU_SERVICES_CORE_CALENDAR_H_

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/civil_time.h"

namespace polku::service {

// "2025-03-03"; nullopt unless exactly that form and a day that exists (common.proto, conventions).
std::optional<absl::CivilDay> ParseDate(std::string_view text);
std::string FormatDate(absl::CivilDay day);

// "2025-03"; nullopt unless exactly that form and a month that exists.
std::optional<absl::CivilMonth> ParseMonth(std::string_view text);
std::string FormatMonth(absl::CivilMonth month);
absl::CivilDay LastDayOf(absl::CivilMonth month);

// Gregorian Easter Sunday of a year (the anonymous "Meeus/Jones/Butcher" computation).
absl::CivilDay EasterSunday(absl::civil_year_t year);

// The Finnish name of the public holiday that this day is; nullopt for every other day. Holidays as
// they have been since 1992: Epiphany and Ascension Day on their own days, Midsummer Day the
// Saturday of 20-26 June, All Saints' Day the Saturday of 31 October-6 November [k]. The eves of
// Midsummer and Christmas are customary days off but not public holidays.
std::optional<std::string_view> PublicHoliday(absl::CivilDay day);

// Monday to Friday and no public holiday (arkipäivä).
bool IsWorkingDay(absl::CivilDay day);
// The day itself or, where it is none, the next working day.
absl::CivilDay WorkingDayFrom(absl::CivilDay day);

// ISO 8601: weeks begin on Monday; week 1 holds the year's first Thursday.
struct IsoWeek {
  absl::civil_year_t year = 0;
  int week = 0;  // 1-53
  friend auto operator<=>(const IsoWeek&, const IsoWeek&) = default;
};
IsoWeek IsoWeekOf(absl::CivilDay day);
absl::CivilDay MondayOf(absl::CivilDay day);
// The Monday of "2025-W10"; nullopt unless exactly that form and a week that the year has.
std::optional<absl::CivilDay> ParseIsoWeek(std::string_view text);

// The same day of the month `months` later (or earlier), or that month's last day where it has no
// such day: 30 November + 3 months is 28 or 29 February.
absl::CivilDay AddMonths(absl::CivilDay day, int months);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_CALENDAR_H_
