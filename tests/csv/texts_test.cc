// What is said of a sheet in three languages.
#include "adapters/csv/texts.h"

#include <algorithm>
#include <string>

#include "adapters/csv/codes.h"
#include "adapters/csv/problem_texts.h"
#include "adapters/csv/sheet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::csv {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr SheetLanguage kAll[] = {SheetLanguage::kFinnish, SheetLanguage::kSwedish, SheetLanguage::kEnglish};

TEST(TextsTest, ValuesGoWhereTheTextWantsThem) {
  EXPECT_EQ(Fill(says::kAtCell, SheetLanguage::kFinnish, {"2", "3", "x"}), "rivi 2, sarake 3: x");
  EXPECT_EQ(Fill(says::kAtCell, SheetLanguage::kSwedish, {"2", "3", "x"}), "rad 2, kolumn 3: x");
  EXPECT_EQ(Fill(says::kNoDay, SheetLanguage::kEnglish), "the day is missing");
}

TEST(TextsTest, EveryCodeAndColumnIsSaidInThreeLanguages) {
  for (const SheetLanguage language : kAll) {
    for (const DayCode& code : DayCodes()) EXPECT_NE(Fill(code.name, language), "") << code.code;
    for (int kind = 0; kind <= static_cast<int>(ColumnKind::kCase); ++kind) {
      const std::string_view heading = ColumnHeading(static_cast<ColumnKind>(kind), language);
      EXPECT_EQ(FindColumn(heading), static_cast<ColumnKind>(kind)) << heading << ": what is told to be written is read";
    }
    const std::string reasons = ReasonWords(language);
    EXPECT_EQ(std::count(reasons.begin(), reasons.end(), ','), 6) << reasons;
  }
}

// A sheet with about every problem that a sheet can have: as many in each language, at the same places, none of them in
// another language's words, and every value in its place.
TEST(TextsTest, TheSameProblemsAreToldInEveryLanguage) {
  const std::string wide =
      "asiakas;ma 3.3.2025;31.4.2025;3.3.1999;3.3.2025;tulos;jakso;tapaus;korjaus\n"
      "A;6;7;;;;J 1;;\nA;X;;;;;;;\n;S+ 6;;;;;;;\nB;Q;E+;;;;;;\nC;25;;;;;;;\n";
  const std::string longer =
      "asiakas;päivä;koodi;tunnit;todistus;vaihdettu;korjaus;huomautus\n"
      "A;3.3.2025;L;6;x;;;\nA;;S;6;;;;\nA;4.3.2025;;;;;;\nA;5.3.2025;V 6;;;;;\nA;6.3.2025;V 6 6.3.2025;;;;;\n"
      "A;7.3.2025;L;;;;;\nA;10.3.2025;L;6;;5.3.2025;;\nA;11.3.2025;X;;;;;\nA;12.3.2025;X;;;;muu syy;y\n"
      "A;13.3.2025;L 6;6;ehkä;;tuntematon;\nA;14.3.2025;L;9;;;;\nA;14.3.2025;L;9;;;;\nA;17.3.2025;V 6 31.2.2025;;;;;\n";
  Clients clients;
  clients["A"].data()[15] = 1;
  clients["C"].data()[15] = 3;
  for (const std::string& text : {wide, longer, std::string(), std::string("asiakas;tulos\nA;6\n"),
                                  std::string("asiakas;3.3.2025\n\"A;6"), std::string("asiakas;3.3.2025\nA;6;7\n"),
                                  std::string("\xFF\xFEx"), std::string("asiakas;p\xE4iv\xE4\n")}) {
    std::vector<Sheet> sheets;
    for (const SheetLanguage language : kAll) {
      SheetOptions options;
      options.author_agency = "FI/MUN/0187690-1/oulu";
      options.table.language = language;
      sheets.push_back(ParseSheet(text, clients, options));
    }
    ASSERT_FALSE(sheets[2].problems.empty()) << text;
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_THAT(sheets[i].problems, SizeIs(sheets[2].problems.size())) << text;
      for (size_t j = 0; j < sheets[i].problems.size(); ++j) {
        const Problem& problem = sheets[i].problems[j];
        EXPECT_EQ(problem.line, sheets[2].problems[j].line);
        EXPECT_EQ(problem.column, sheets[2].problems[j].column);
        EXPECT_NE(problem.what, sheets[2].problems[j].what);
        EXPECT_NE(problem.what, sheets[1 - i].problems[j].what);
        EXPECT_THAT(problem.what, Not(HasSubstr("{}")));
        EXPECT_THAT(problem.what, Not(HasSubstr(" the ")));
        EXPECT_THAT(problem.what, Not(HasSubstr("2025-03-1"))) << "days are written as in Finland";
      }
    }
  }
}

}  // namespace
}  // namespace polku::csv
