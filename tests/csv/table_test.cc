#include "adapters/csv/table.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::csv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::vector<std::string>> Texts(const Table& table) {
  std::vector<std::vector<std::string>> rows;
  for (const Row& row : table.rows) {
    rows.emplace_back();
    for (const Cell& cell : row.cells) rows.back().push_back(cell.text);
  }
  return rows;
}

struct Parsed {
  Table table;
  std::vector<Problem> problems;
};

Parsed Parse(std::string_view bytes, TableOptions options = {}) {
  Parsed parsed;
  parsed.table = ParseTable(bytes, options, parsed.problems);
  return parsed;
}

TEST(TableTest, EverySeparatorOfSpreadsheetsIsDetected) {
  for (const char separator : {';', ',', '\t'}) {
    std::string bytes = "a;b;c\n1;2;3\n";
    for (char& c : bytes) c = c == ';' ? separator : c;
    const Parsed parsed = Parse(bytes);
    EXPECT_THAT(parsed.problems, IsEmpty());
    EXPECT_EQ(parsed.table.separator, separator);
    EXPECT_THAT(Texts(parsed.table),
                ElementsAre(ElementsAre("a", "b", "c"), ElementsAre("1", "2", "3")));
  }
}

TEST(TableTest, ASeparatorWithinQuotesDoesNotCount) {
  const Parsed parsed = Parse("\"a,b,c,d\";e\n1;2\n");
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.table.separator, ';');
}

TEST(TableTest, ByteOrderMarkAndEveryLineEndAreTaken) {
  for (const std::string_view end : {"\n", "\r\n", "\r"}) {
    const Parsed parsed = Parse(
        "\xEF\xBB\xBF"
        "a;b" +
        std::string(end) + "1;2" + std::string(end));
    EXPECT_THAT(parsed.problems, IsEmpty());
    EXPECT_THAT(Texts(parsed.table), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
    EXPECT_EQ(parsed.table.rows[1].line, 2u);
  }
}

TEST(TableTest, QuotedCellsKeepSeparatorsQuotesAndLineBreaksAndLinesAreStillCounted) {
  const Parsed parsed = Parse("a;b\n\"x;\"\"y\"\"\nz\";1\n2;3\n");
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_THAT(
      Texts(parsed.table),
      ElementsAre(ElementsAre("a", "b"), ElementsAre("x;\"y\"\nz", "1"), ElementsAre("2", "3")));
  EXPECT_EQ(parsed.table.rows[2].line, 4u);
}

TEST(TableTest, WhiteSpaceAroundCellsIsDroppedAlsoTheUnbreakableKind) {
  const Parsed parsed = Parse("a;b\n \xC2\xA0x\xC2\xA0 ;\t2\n");
  EXPECT_THAT(Texts(parsed.table)[1], ElementsAre("x", "2"));
}

TEST(TableTest, EmptyRowsAndNamelessEmptyColumnsAreLeftOut) {
  const Parsed parsed = Parse("a;b;;\n;;;\n1;2;;\n\n");
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_THAT(Texts(parsed.table), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
}

TEST(TableTest, OtherEncodingsAreRefusedWithTheRemedy) {
  const struct {
    std::string bytes;
    const char* told;
  } kCases[] = {
      {std::string("\xFF\xFE"
                   "a\0;\0",
                   6),
       "UTF-16"},
      {std::string("\xFE\xFF\0a\0;", 6), "UTF-16"},
      {std::string("a\0;\0b\0\n\0", 8), "UTF-16"},
      {"asiakas;3.3.2025\nP\xE4ivi;6\n", "Latin-1"},
      {"PK\x03\x04rest of a workbook", "workbook"},
      {"\xD0\xCF\x11\xE0rest of an old workbook", "workbook"},
  };
  for (const auto& c : kCases) {
    const Parsed parsed = Parse(c.bytes);
    ASSERT_THAT(parsed.problems, SizeIs(1));
    EXPECT_THAT(parsed.problems[0].what, HasSubstr(c.told));
    EXPECT_THAT(parsed.problems[0].what, HasSubstr("CSV UTF-8"));
  }
  EXPECT_EQ(Parse("a;b\n1;\xE4\n").problems[0].line, 2u);
}

TEST(TableTest, OverlongAndSurrogateAndTruncatedUtf8AreRefused) {
  for (const std::string_view bad : {"\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                     "\xF0\x80\x80\x80", "\x80", "\xC3", "\xF5\x80\x80\x80"}) {
    EXPECT_THAT(Parse("a\n" + std::string(bad) + "\n").problems, SizeIs(1)) << bad;
  }
  EXPECT_THAT(Parse("a\n\xC3\xA4\xE2\x82\xAC\xF0\x9F\x99\x82\n").problems, IsEmpty());
}

TEST(TableTest, AnOpenQuoteIsToldWhereItOpens) {
  const Parsed parsed = Parse("a;b\n1;2\n3;\"4\n5;6\n");
  ASSERT_THAT(parsed.problems, SizeIs(1));
  EXPECT_EQ(parsed.problems[0].line, 3u);
  EXPECT_EQ(parsed.problems[0].column, 2u);
  EXPECT_THAT(parsed.problems[0].what, HasSubstr("never closes"));
}

TEST(TableTest, TextAfterAClosingQuoteIsRefused) {
  const Parsed parsed = Parse("a;b\n\"1\"x;2\n");
  ASSERT_THAT(parsed.problems, SizeIs(1));
  EXPECT_EQ(parsed.problems[0].line, 2u);
}

TEST(TableTest, EveryRaggedRowIsTold) {
  const Parsed parsed = Parse("a;b;c\n1;2\n1;2;3\n1;2;3;4\n");
  ASSERT_THAT(parsed.problems, SizeIs(2));
  EXPECT_EQ(FormatProblem(parsed.problems[0]).substr(0, 28), "line 2: the row has 2 cells,");
  EXPECT_EQ(parsed.problems[1].line, 4u);
}

TEST(TableTest, AFileCutShortHasNoLastLineBreakAndIsRefusedUnlessAllowed) {
  EXPECT_THAT(Parse("a;b\n1;2").problems, SizeIs(1));
  EXPECT_THAT(Parse("a;b\n1;2", {.allow_missing_line_break = true}).problems, IsEmpty());
}

TEST(TableTest, EmptyFilesAreRefused) {
  for (const std::string_view empty : {"", "\n\n", "\xEF\xBB\xBF", ";;\n"}) {
    const Parsed parsed = Parse(empty);
    ASSERT_THAT(parsed.problems, SizeIs(1)) << empty;
    EXPECT_THAT(parsed.problems[0].what, HasSubstr("empty"));
  }
}

TEST(TableTest, ControlCharactersAreRefusedWithTheirPlace) {
  const Parsed parsed = Parse("a;b\n1;\x1b[2J\n");
  ASSERT_THAT(parsed.problems, SizeIs(1));
  EXPECT_EQ(parsed.problems[0].column, 2u);
}

TEST(TableTest, LimitsHold) {
  EXPECT_THAT(Parse("a;b\n1;2\n", {.max_bytes = 4}).problems[0].what, HasSubstr("split it"));
  EXPECT_THAT(Parse("a;b\n1;2\n", {.max_cells = 3}).problems[0].what, HasSubstr("cells"));
}

// Every beginning of a sheet either parses or is refused, and never with an empty message.
TEST(TableTest, EveryCutOfAFileIsHandled) {
  const std::string whole =
      "\xEF\xBB\xBF"
      "a;\"b\"\"\";c\r\n1;\"x\ny\";\xC3\xA4\r\n";
  for (size_t size = 0; size < whole.size(); ++size) {
    const Parsed parsed = Parse(whole.substr(0, size));
    for (const Problem& problem : parsed.problems) EXPECT_FALSE(problem.what.empty());
    // A cut at or within a line end leaves whole rows, which is all that can be told.
    const bool whole_rows =
        size > 0 && (whole[size - 1] == '\r' || whole[size - 1] == '\n') &&
        std::count(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size), '"') % 2 == 0;
    if (!whole_rows) {
      EXPECT_THAT(parsed.problems, ::testing::Not(IsEmpty())) << size;
    }
  }
}

TEST(TableTest, AWrittenCellIsReadBackAndIsNoFormula) {
  for (const std::string text : {"plain", "a;b", "say \"a\"", "two\nlines", "tab\there", "a,b"}) {
    std::vector<Problem> problems;
    const Table table = ParseTable("head;tail\n" + FormatCell(text) + ";x\n", {}, problems);
    EXPECT_THAT(problems, IsEmpty()) << text;
    ASSERT_EQ(table.rows.size(), 2u) << text;
    EXPECT_EQ(table.rows[1].cells[0].text, text);
  }
  EXPECT_EQ(FormatCell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
  for (const std::string text : {"+1", "-1", "@a", "=1"}) EXPECT_EQ(FormatCell(text), "'" + text);
}

}  // namespace
}  // namespace polku::csv
