#include "services/core/calendar.h"

#include <algorithm>

#include "eventstore/base/clock.h"

namespace polku::service {
namespace {

// The Saturday of the seven days that begin with `first`.
absl::CivilDay SaturdayFrom(absl::CivilDay first) {
  return absl::NextWeekday(first - 1, absl::Weekday::saturday);
}

}  // namespace

std::optional<absl::CivilDay> ParseDate(std::string_view text) { return ParseDay(text); }

std::string FormatDate(absl::CivilDay day) { return FormatDay(day); }

absl::CivilDay EasterSunday(absl::civil_year_t year) {
  const auto a = year % 19;
  const auto b = year / 100;
  const auto c = year % 100;
  const auto h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
  const auto l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
  const auto m = (a + 11 * h + 22 * l) / 451;
  const auto n = h + l - 7 * m + 114;
  return absl::CivilDay(year, n / 31, n % 31 + 1);
}

std::optional<std::string_view> PublicHoliday(absl::CivilDay day) {
  const auto year = day.year();
  if (day == absl::CivilDay(year, 1, 1)) return "uudenvuodenpäivä";
  if (day == absl::CivilDay(year, 1, 6)) return "loppiainen";
  if (day == absl::CivilDay(year, 5, 1)) return "vappu";
  if (day == absl::CivilDay(year, 12, 6)) return "itsenäisyyspäivä";
  if (day == absl::CivilDay(year, 12, 25)) return "joulupäivä";
  if (day == absl::CivilDay(year, 12, 26)) return "tapaninpäivä";
  if (day == SaturdayFrom(absl::CivilDay(year, 6, 20))) return "juhannuspäivä";
  if (day == SaturdayFrom(absl::CivilDay(year, 10, 31))) return "pyhäinpäivä";
  switch (day - EasterSunday(year)) {
    case -2:
      return "pitkäperjantai";
    case 0:
      return "pääsiäispäivä";
    case 1:
      return "toinen pääsiäispäivä";
    case 39:
      return "helatorstai";
    case 49:
      return "helluntaipäivä";
    default:
      return std::nullopt;
  }
}

absl::CivilDay MondayOf(absl::CivilDay day) {
  return absl::PrevWeekday(day + 1, absl::Weekday::monday);
}

IsoWeek IsoWeekOf(absl::CivilDay day) {
  const absl::CivilDay thursday = MondayOf(day) + 3;
  return {thursday.year(), static_cast<int>((absl::GetYearDay(thursday) - 1) / 7 + 1)};
}

absl::CivilDay AddMonths(absl::CivilDay day, int months) {
  const absl::CivilMonth month = absl::CivilMonth(day) + months;
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  return absl::CivilDay(month.year(), month.month(), std::min(day.day(), last.day()));
}

}  // namespace polku::service
