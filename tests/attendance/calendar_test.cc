#include "services/core/calendar.h"

#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace polku::service {
namespace {

using absl::CivilDay;

TEST(CalendarTest, EasterFallsWhereTheChurchPutsIt) {
  for (const CivilDay easter :
       {CivilDay(1999, 4, 4), CivilDay(2000, 4, 23), CivilDay(2008, 3, 23), CivilDay(2011, 4, 24),
        CivilDay(2015, 4, 5), CivilDay(2024, 3, 31), CivilDay(2025, 4, 20), CivilDay(2026, 4, 5),
        CivilDay(2027, 3, 28), CivilDay(2038, 4, 25)}) {
    EXPECT_EQ(EasterSunday(easter.year()), easter);
  }
}

TEST(CalendarTest, AYearHasExactlyItsThirteenPublicHolidays) {
  const std::map<CivilDay, std::string> expected = {
      {CivilDay(2025, 1, 1), "uudenvuodenpäivä"},      {CivilDay(2025, 1, 6), "loppiainen"},
      {CivilDay(2025, 4, 18), "pitkäperjantai"},       {CivilDay(2025, 4, 20), "pääsiäispäivä"},
      {CivilDay(2025, 4, 21), "toinen pääsiäispäivä"}, {CivilDay(2025, 5, 1), "vappu"},
      {CivilDay(2025, 5, 29), "helatorstai"},          {CivilDay(2025, 6, 8), "helluntaipäivä"},
      {CivilDay(2025, 6, 21), "juhannuspäivä"},        {CivilDay(2025, 11, 1), "pyhäinpäivä"},
      {CivilDay(2025, 12, 6), "itsenäisyyspäivä"},     {CivilDay(2025, 12, 25), "joulupäivä"},
      {CivilDay(2025, 12, 26), "tapaninpäivä"}};
  std::map<CivilDay, std::string> found;
  for (CivilDay day(2025, 1, 1); day.year() == 2025; ++day) {
    if (const auto name = PublicHoliday(day)) found[day] = *name;
  }
  EXPECT_EQ(found, expected);
}

TEST(CalendarTest, MidsummerAndAllSaintsAreSaturdaysOfTheirWeek) {
  for (int year = 1992; year <= 2060; ++year) {
    int midsummers = 0, saints = 0;
    for (CivilDay day(year, 1, 1); day.year() == year; ++day) {
      const auto name = PublicHoliday(day);
      if (name == "juhannuspäivä") {
        ++midsummers;
        EXPECT_EQ(absl::GetWeekday(day), absl::Weekday::saturday);
        EXPECT_TRUE(CivilDay(year, 6, 20) <= day && day <= CivilDay(year, 6, 26));
      }
      if (name == "pyhäinpäivä") {
        ++saints;
        EXPECT_EQ(absl::GetWeekday(day), absl::Weekday::saturday);
        EXPECT_TRUE(CivilDay(year, 10, 31) <= day && day <= CivilDay(year, 11, 6));
      }
    }
    EXPECT_EQ(midsummers, 1) << year;
    EXPECT_EQ(saints, 1) << year;
  }
}

TEST(CalendarTest, EvesAreNotPublicHolidays) {
  for (const CivilDay day : {CivilDay(2025, 6, 20), CivilDay(2025, 12, 24), CivilDay(2025, 4, 30),
                             CivilDay(2025, 4, 19), CivilDay(2025, 12, 31)}) {
    EXPECT_FALSE(PublicHoliday(day).has_value()) << day;
  }
}

TEST(CalendarTest, IsoWeeksBelongToTheYearOfTheirThursday) {
  const std::vector<std::pair<CivilDay, IsoWeek>> cases = {
      {CivilDay(2015, 12, 31), {2015, 53}}, {CivilDay(2016, 1, 3), {2015, 53}},
      {CivilDay(2016, 1, 4), {2016, 1}},    {CivilDay(2024, 12, 30), {2025, 1}},
      {CivilDay(2025, 1, 5), {2025, 1}},    {CivilDay(2025, 1, 6), {2025, 2}},
      {CivilDay(2027, 1, 1), {2026, 53}},   {CivilDay(2015, 7, 1), {2015, 27}}};
  for (const auto& [day, week] : cases) EXPECT_EQ(IsoWeekOf(day), week) << day;
}

TEST(CalendarTest, MondayOfAWeekIsTheSameForAllItsDays) {
  for (int i = 0; i < 7; ++i) EXPECT_EQ(MondayOf(CivilDay(2025, 3, 3) + i), CivilDay(2025, 3, 3));
  EXPECT_EQ(MondayOf(CivilDay(2025, 3, 2)), CivilDay(2025, 2, 24));
}

TEST(CalendarTest, MonthsAreAddedWithoutLeavingTheMonth) {
  EXPECT_EQ(AddMonths(CivilDay(2025, 1, 31), 1), CivilDay(2025, 2, 28));
  EXPECT_EQ(AddMonths(CivilDay(2023, 11, 30), 3), CivilDay(2024, 2, 29));
  EXPECT_EQ(AddMonths(CivilDay(2025, 3, 3), 3), CivilDay(2025, 6, 3));
  EXPECT_EQ(AddMonths(CivilDay(2025, 12, 15), 1), CivilDay(2026, 1, 15));
  EXPECT_EQ(AddMonths(CivilDay(2025, 3, 31), -1), CivilDay(2025, 2, 28));
  EXPECT_EQ(AddMonths(CivilDay(2025, 3, 31), 0), CivilDay(2025, 3, 31));
}

TEST(CalendarTest, DatesInAnyOtherFormAreNoDates) {
  for (const char* text : {"", "2025-3-3", "2025-02-29", "2025-13-01", "03.03.2025", "2025-03-03 ",
                           "2025-03-03T00:00", "20250303", "2025-00-10", "2025-01-32"}) {
    EXPECT_FALSE(ParseDate(text).has_value()) << text;
  }
  EXPECT_EQ(ParseDate("2024-02-29"), CivilDay(2024, 2, 29));
  EXPECT_EQ(FormatDate(CivilDay(2025, 3, 3)), "2025-03-03");
}

TEST(CalendarTest, MonthsInAnyOtherFormAreNoMonths) {
  for (const char* text : {"", "2025", "2025-3", "2025-13", "2025-00", "2025-03-01", "2025-03 ", "3/2025"}) {
    EXPECT_FALSE(ParseMonth(text).has_value()) << text;
  }
  EXPECT_EQ(ParseMonth("2024-02"), absl::CivilMonth(2024, 2));
  EXPECT_EQ(FormatMonth(absl::CivilMonth(2025, 3)), "2025-03");
  EXPECT_EQ(LastDayOf(absl::CivilMonth(2024, 2)), CivilDay(2024, 2, 29));
}

TEST(CalendarTest, AWeekIsThatOfItsMondayAndNoneThatTheYearLacks) {
  EXPECT_EQ(ParseIsoWeek("2025-W10"), CivilDay(2025, 3, 3));
  EXPECT_EQ(ParseIsoWeek("2025-W01"), CivilDay(2024, 12, 30));
  EXPECT_EQ(ParseIsoWeek("2026-W53"), CivilDay(2026, 12, 28));
  for (const char* text : {"", "2025-W53", "2025-W00", "2025-W1", "2025W10", "2025-w10", "2025-W100"}) {
    EXPECT_FALSE(ParseIsoWeek(text).has_value()) << text;
  }
  for (CivilDay day(2020, 1, 1); day < CivilDay(2027, 1, 1); ++day) {
    const IsoWeek week = IsoWeekOf(day);
    const std::string text = std::to_string(week.year) + (week.week < 10 ? "-W0" : "-W") +
                             std::to_string(week.week);
    EXPECT_EQ(ParseIsoWeek(text), MondayOf(day)) << text;
  }
}

}  // namespace
}  // namespace polku::service
