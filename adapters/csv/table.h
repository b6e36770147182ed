// A CSV file as rows of cells (RFC 4180, with the separators that spreadsheet programs use). Pure.
#ifndef POLKU_ADAPTERS_CSV_TABLE_H_
#define POLKU_ADAPTERS_CSV_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "adapters/csv/texts.h"

namespace polku::csv {

// What is wrong where. Never holds the content of a cell: cells are personal data.
struct Problem {
  size_t line = 0;    // 1-based; 0: the file as a whole
  size_t column = 0;  // 1-based; 0: the line as a whole
  std::string what;   // and what to do
  friend bool operator==(const Problem&, const Problem&) = default;
};
// "line 7, column 3: …", "rivi 7, sarake 3: …"
std::string FormatProblem(const Problem& problem, SheetLanguage language = SheetLanguage::kEnglish);

struct Cell {
  size_t line = 0;   // 1-based, where the cell starts
  std::string text;  // unquoted, without white space around (also U+00A0)
};

struct Row {
  size_t line = 0;
  std::vector<Cell> cells;
};

struct Table {
  char separator = ';';
  std::vector<Row> rows;  // the first is the header; rows of empty cells alone are left out
};

struct TableOptions {
  size_t max_bytes = 4 << 20;
  size_t max_cells = 1'000'000;
  // A file cut short often ends within a row. Programs that write CSV end the last line, so a
  // missing line break is taken for a cut unless this is set.
  bool allow_missing_line_break = false;
  SheetLanguage language = SheetLanguage::kEnglish;  // of the problems
};

// The separator is the one of `;`, tab and `,` that occurs most in the first row outside quotes.
// Problems: not UTF-8 (UTF-16, Latin-1 and workbooks are told apart), too large, an open quote,
// text after a closing quote, control characters, no header, ragged rows, a missing last line
// break. With any problem the table is not to be used.
Table ParseTable(std::string_view bytes, const TableOptions& options,
                 std::vector<Problem>& problems);

// One cell as it is written: quoted where it holds a separator, a quote or a line break. What a spreadsheet program would
// take for a formula (= + - @ in front, as a peer's text may have) stands behind an apostrophe.
std::string FormatCell(std::string_view text);

}  // namespace polku::csv

#endif  // POLKU_ADAPTERS_CSV_TABLE_H_
