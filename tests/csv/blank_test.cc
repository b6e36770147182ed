#include "adapters/csv/blank.h"

#include <string>

#include "adapters/csv/sheet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"

namespace polku::csv {
namespace {

using absl::CivilDay;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCase[] = "0123456789abcdef0123456789abcdef";

const std::vector<CivilDay>& TwoDays() {
  static const auto* days =
      new std::vector<CivilDay>{CivilDay(2025, 3, 3), CivilDay(2025, 3, 6)};
  return *days;
}

Sheet Taken(const std::string& text) {
  CaseId one;
  one.data()[15] = 1;
  SheetOptions options;
  options.author_agency = "FI/COM/0187690-1/yhdistys";
  return ParseSheet(text, {{"A;1", one}}, options);
}

// Writes `cell` into the first day of each row.
std::string Filled(std::string sheet, const std::string& cell) {
  for (size_t end = sheet.find('\n') + 1; (end = sheet.find('\n', end)) != std::string::npos;) {
    sheet.insert(end - 1, cell);
    end += cell.size() + 1;
  }
  return sheet;
}

TEST(BlankSheetTest, IsTheWideFormInTheReadersLanguage) {
  const std::vector<BlankRow> rows = {{"A-01", "p1", "puu", 360}, {"A-02", "p1", "puu", 330}};
  EXPECT_EQ(FormatBlankSheet(rows, TwoDays(), SheetLanguage::kFinnish),
            "asiakas;jakso;paikka;suunniteltu;ma 3.3.2025;to 6.3.2025\n"
            "A-01;p1;puu;6;;\n"
            "A-02;p1;puu;5:30;;\n");
  EXPECT_THAT(FormatBlankSheet(rows, TwoDays(), SheetLanguage::kSwedish),
              HasSubstr("klient;period;plats;planerat;må 3.3.2025;to 6.3.2025\n"));
  EXPECT_THAT(FormatBlankSheet(rows, TwoDays(), SheetLanguage::kEnglish),
              HasSubstr("client;period;place;planned;mon 3.3.2025;thu 6.3.2025\n"));
}

TEST(BlankSheetTest, ColumnsThatNobodyNeedsAreLeftOut) {
  EXPECT_EQ(FormatBlankSheet({{"A-01", "p1", "", 0}}, {CivilDay(2025, 3, 3)},
                             SheetLanguage::kFinnish),
            "asiakas;jakso;ma 3.3.2025\nA-01;p1;\n");
}

TEST(BlankSheetTest, FilledInItIsTakenBackInEveryLanguage) {
  const std::vector<BlankRow> rows = {{"A;1", "p1", "puu", 360}, {kCase, "p2", "", 300}};
  for (size_t language = 0; language < kSheetLanguages; ++language) {
    const std::string blank =
        FormatBlankSheet(rows, TwoDays(), static_cast<SheetLanguage>(language));
    const Sheet untouched = Taken(blank);
    EXPECT_THAT(untouched.problems, ElementsAre(Problem{0, 0, "the sheet has no day of any client"}))
        << "empty cells record nothing, and a sheet of nothing else was taken by mistake\n" << blank;
    EXPECT_THAT(untouched.events, IsEmpty());
    const Sheet sheet = Taken(Filled(blank, "L"));
    EXPECT_THAT(sheet.problems, IsEmpty()) << (sheet.problems.empty() ? "" : FormatProblem(sheet.problems[0]));
    ASSERT_THAT(sheet.events, SizeIs(2));
    const auto& day =
        static_cast<const attendance::v1::DayRecorded&>(*sheet.events[0].message);
    EXPECT_EQ(day.date(), "2025-03-03");
    EXPECT_EQ(day.period_id(), "p1");
    EXPECT_EQ(day.place_code(), "puu");
    EXPECT_EQ(day.actual_minutes(), 360u);
    EXPECT_EQ(FormatCaseId(sheet.events[1].case_id), kCase);
  }
}

TEST(BlankSheetTest, AReferenceIsNotTakenForACaseNorAZeroCaseForAClient) {
  const auto problems = [](const std::string& client) {
    return Taken("asiakas;suunniteltu;3.3.2025\n" + client + ";6;L\n").problems;
  };
  EXPECT_THAT(problems(kCase), IsEmpty());
  EXPECT_THAT(problems(std::string(32, '0')), Not(IsEmpty()));
  EXPECT_THAT(problems(std::string(kCase).substr(1)), Not(IsEmpty()));
  EXPECT_THAT(problems("A-99"), Not(IsEmpty()));
}

}  // namespace
}  // namespace polku::csv
