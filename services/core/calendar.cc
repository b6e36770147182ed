#include "services/core/calendar.h"

#include <algorithm>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"

namespace polku::service {
namespace {

// The Saturday of the seven days that begin with `first`.
absl::CivilDay SaturdayFrom(absl::CivilDay first) {
  return absl::NextWeekday(first - 1, absl::Weekday::saturday);
}

}  // namespace

std::optional<absl::CivilDay> ParseDate(std::string_view text) { return ParseDay(text); }

std::string FormatDate(absl::CivilDay day) { return FormatDay(day); }

std::optional<absl::CivilMonth> ParseMonth(std::string_view text) {
  const auto first = ParseDay(Str(text, "-01"));
  return first ? std::optional(absl::CivilMonth(*first)) : std::nullopt;
}

std::string FormatMonth(absl::CivilMonth month) {
  return FormatDay(absl::CivilDay(month)).substr(0, std::string_view("2025-03").size());
}

absl::CivilDay LastDayOf(absl::CivilMonth month) { return absl::CivilDay(month + 1) - 1; }

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

bool IsWorkingDay(absl::CivilDay day) {
  return absl::GetWeekday(day) < absl::Weekday::saturday && !PublicHoliday(day);
}

absl::CivilDay WorkingDayFrom(absl::CivilDay day) {
  while (!IsWorkingDay(day)) ++day;
  return day;
}

absl::CivilDay MondayOf(absl::CivilDay day) {
  static_assert(static_cast<int>(absl::Weekday::monday) == 0);
  return day - static_cast<int>(absl::GetWeekday(day));
}

std::optional<absl::CivilDay> ParseIsoWeek(std::string_view text) {
  constexpr std::string_view kForm = "2025-W10";
  const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() != kForm.size() || text.substr(4, 2) != "-W" || !digit(6) || !digit(7)) {
    return std::nullopt;
  }
  // 4 January lies in week 1 of every year.
  const auto january = ParseDay(Str(text.substr(0, 4), "-01-04"));
  if (!january) return std::nullopt;
  const int week = (text[6] - '0') * 10 + (text[7] - '0');
  const absl::CivilDay monday = MondayOf(*january) + (week - 1) * 7;
  if (IsoWeekOf(monday) != IsoWeek{january->year(), week}) return std::nullopt;
  return monday;
}

IsoWeek IsoWeekOf(absl::CivilDay day) {
  const absl::CivilDay thursday = MondayOf(day) + 3;
  return {thursday.year(), static_cast<int>((absl::GetYearDay(thursday) - 1) / 7 + 1)};
}

absl::CivilDay AddMonths(absl::CivilDay day, int months) {
  const absl::CivilMonth month = absl::CivilMonth(day) + months;
  return absl::CivilDay(month.year(), month.month(), std::min(day.day(), LastDayOf(month).day()));
}

}  // namespace polku::service
