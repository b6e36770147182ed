#include "adapters/cli/local_text.h"

#include "gtest/gtest.h"

namespace polku::cli {
namespace {

constexpr Language kFi = Language::kFinnish, kSv = Language::kSwedish, kEn = Language::kEnglish;

TEST(LocalText, MoneyHasACommaInFinnishAndSwedishAndAPointInEnglish) {
  EXPECT_EQ(MoneyText(Cents(900), kFi), "9,00");
  EXPECT_EQ(MoneyText(Cents(-5), kSv), "-0,05");
  EXPECT_EQ(MoneyText(Cents(123456), kEn), "1234.56");
}

TEST(LocalText, ADayIsWrittenAsInFinlandAndInEnglishByItsStandard) {
  const absl::CivilDay day(2025, 3, 9);
  EXPECT_EQ(DayText(day, kFi), "9.3.2025");
  EXPECT_EQ(DayText(day, kSv), "9.3.2025");
  EXPECT_EQ(DayText(day, kEn), "2025-03-09");
}

TEST(LocalText, AMonthIsWrittenLikewise) {
  EXPECT_EQ(MonthText("2025-03", kFi), "3/2025");
  EXPECT_EQ(MonthText("2025-12", kSv), "12/2025");
  EXPECT_EQ(MonthText("2025-03", kEn), "2025-03");
  EXPECT_EQ(MonthText("2025-13", kFi), "2025-13");
}

TEST(LocalText, WhatIsNoDayStaysAsItIsButDrivesNoTerminal) {
  EXPECT_EQ(DayText("2025-12-31", kFi), "31.12.2025");
  EXPECT_EQ(DayText("2025-02-30", kFi), "2025-02-30");
  EXPECT_EQ(DayText("soon\x1b[2J", kSv), "soon [2J");
}

TEST(LocalText, ATimeIsFinlandsAlsoWhereTheDayIsAnotherThere) {
  const absl::Time late = absl::FromUnixSeconds(1740949500);  // 2025-03-02 21:05 UTC
  EXPECT_EQ(TimeText(late, kFi), "2.3.2025 klo 23.05");
  EXPECT_EQ(TimeText(late + absl::Hours(1), kSv), "3.3.2025 kl. 00.05");
  EXPECT_EQ(TimeText(late, kEn), "2025-03-02 23:05");
}

}  // namespace
}  // namespace polku::cli
