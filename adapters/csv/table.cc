#include "adapters/csv/table.h"

#include <array>
#include <cstdint>
#include <optional>

#include "adapters/csv/problem_texts.h"
#include "eventstore/base/status.h"

namespace polku::csv {
namespace {

constexpr std::string_view kUtf8Bom = "\xEF\xBB\xBF";

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// The length of the UTF-8 sequence at the start of `text` (RFC 3629); 0 when there is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

// A file in another encoding is one problem, not one a cell.
std::optional<Problem> CheckEncoding(std::string_view bytes, SheetLanguage language) {
  const auto wrong = [&](size_t line, const Texts& what) {
    return Problem{line, 0, Fill(what, language, {Fill(says::kSaveAsUtf8, language)})};
  };
  if (StartsWith(bytes, "\xFF\xFE") || StartsWith(bytes, "\xFE\xFF")) return wrong(0, says::kUtf16);
  if (StartsWith(bytes, "PK\x03\x04") || StartsWith(bytes, "\xD0\xCF\x11\xE0")) {
    return wrong(0, says::kWorkbook);
  }
  size_t line = 1;
  for (size_t at = 0; at < bytes.size();) {
    if (bytes[at] == '\0') return wrong(line, says::kZeroByte);
    if (bytes[at] == '\n') ++line;
    const size_t length = Utf8Length(bytes.substr(at));
    if (length == 0) return wrong(line, says::kNotUtf8);
    at += length;
  }
  return std::nullopt;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
  for (;;) {
    if (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
      text.remove_prefix(1);
    } else if (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
      text.remove_suffix(1);
    } else if (StartsWith(text, kNoBreakSpace)) {
      text.remove_prefix(2);
    } else if (text.size() >= 2 && text.substr(text.size() - 2) == kNoBreakSpace) {
      text.remove_suffix(2);
    } else {
      return text;
    }
  }
}

char DetectSeparator(std::string_view bytes) {
  constexpr std::array<char, 3> kSeparators = {';', '\t', ','};
  std::array<size_t, 3> counts{};
  bool quoted = false;
  for (char c : bytes) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n' || c == '\r') break;
    for (size_t i = 0; i < kSeparators.size(); ++i) counts[i] += c == kSeparators[i] ? 1 : 0;
  }
  size_t best = 0;
  for (size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] > counts[best]) best = i;
  }
  return kSeparators[best];
}

bool IsBlank(const Row& row) {
  for (const Cell& cell : row.cells) {
    if (!cell.text.empty()) return false;
  }
  return true;
}

class Parser {
 public:
  Parser(std::string_view bytes, char separator, const TableOptions& options, std::vector<Problem>& problems)
      : bytes_(bytes), separator_(separator), options_(options), problems_(problems) {}

  std::vector<Row> Rows() {
    while (at_ < bytes_.size()) {
      Row row = NextRow();
      if (stopped_) return std::move(rows_);
      if (!IsBlank(row)) rows_.push_back(std::move(row));
    }
    return std::move(rows_);
  }

 private:
  void Stop(size_t line, size_t column, const Texts& what, std::initializer_list<std::string_view> values = {}) {
    problems_.push_back({line, column, Fill(what, options_.language, values)});
    stopped_ = true;
  }

  bool AtLineEnd() const { return bytes_[at_] == '\n' || bytes_[at_] == '\r'; }

  void PassLineEnd() {
    if (bytes_[at_] == '\r' && at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++line_;
  }

  Row NextRow() {
    Row row{.line = line_, .cells = {}};
    for (;;) {
      if (++cells_ > options_.max_cells) {
        Stop(line_, 0, says::kTooManyCells, {Str(options_.max_cells)});
        return row;
      }
      row.cells.push_back(NextCell(row.cells.size() + 1));
      if (stopped_ || at_ == bytes_.size()) return row;
      if (AtLineEnd()) {
        PassLineEnd();
        return row;
      }
      ++at_;  // the separator
    }
  }

  Cell NextCell(size_t column) {
    while (at_ < bytes_.size() && bytes_[at_] == ' ') ++at_;
    Cell cell{.line = line_, .text = {}};
    if (at_ < bytes_.size() && bytes_[at_] == '"') {
      cell.text = Quoted(column);
    } else {
      const size_t start = at_;
      while (at_ < bytes_.size() && bytes_[at_] != separator_ && !AtLineEnd()) ++at_;
      cell.text = bytes_.substr(start, at_ - start);
    }
    cell.text = std::string(Trim(cell.text));
    for (char c : cell.text) {
      if (static_cast<uint8_t>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') {
        problems_.push_back({cell.line, column, Fill(says::kControlCharacter, options_.language)});
        break;
      }
    }
    return cell;
  }

  std::string Quoted(size_t column) {
    const size_t opened = line_;
    std::string text;
    for (++at_; at_ < bytes_.size(); ++at_) {
      if (bytes_[at_] != '"') {
        if (bytes_[at_] == '\n') ++line_;
        text.push_back(bytes_[at_]);
        continue;
      }
      if (at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '"') {
        text.push_back('"');
        ++at_;
        continue;
      }
      ++at_;
      while (at_ < bytes_.size() && bytes_[at_] == ' ') ++at_;
      if (at_ < bytes_.size() && bytes_[at_] != separator_ && !AtLineEnd()) {
        Stop(line_, column, says::kAfterQuote);
      }
      return text;
    }
    Stop(opened, column, says::kOpenQuote);
    return text;
  }

  const std::string_view bytes_;
  const char separator_;
  const TableOptions& options_;
  std::vector<Problem>& problems_;
  std::vector<Row> rows_;
  size_t at_ = 0;
  size_t line_ = 1;
  size_t cells_ = 0;
  bool stopped_ = false;
};

// Columns without header and without content at the right edge are what spreadsheets leave behind.
void DropEmptyColumns(std::vector<Row>& rows) {
  std::vector<Cell>& header = rows.front().cells;
  while (!header.empty() && header.back().text.empty()) header.pop_back();
  const size_t width = header.size();
  for (Row& row : rows) {
    while (row.cells.size() > width && row.cells.back().text.empty()) row.cells.pop_back();
  }
}

}  // namespace

std::string FormatProblem(const Problem& problem, SheetLanguage language) {
  if (problem.line == 0) return problem.what;
  if (problem.column == 0) return Fill(says::kAtLine, language, {Str(problem.line), problem.what});
  return Fill(says::kAtCell, language, {Str(problem.line), Str(problem.column), problem.what});
}

Table ParseTable(std::string_view bytes, const TableOptions& options,
                 std::vector<Problem>& problems) {
  Table table;
  const size_t problems_before = problems.size();
  const SheetLanguage language = options.language;
  if (bytes.size() > options.max_bytes) {
    problems.push_back({0, 0, Fill(says::kFileTooLarge, language, {Str(options.max_bytes)})});
    return table;
  }
  if (auto problem = CheckEncoding(bytes, language)) {
    problems.push_back(*std::move(problem));
    return table;
  }
  if (StartsWith(bytes, kUtf8Bom)) bytes.remove_prefix(kUtf8Bom.size());
  table.separator = DetectSeparator(bytes);
  table.rows = Parser(bytes, table.separator, options, problems).Rows();
  if (problems.size() > problems_before) return table;
  if (table.rows.empty()) {
    problems.push_back({0, 0, Fill(says::kEmptyFile, language)});
    return table;
  }
  DropEmptyColumns(table.rows);
  const size_t width = table.rows.front().cells.size();
  for (const Row& row : table.rows) {
    if (row.cells.size() == width) continue;
    problems.push_back(
        {row.line, 0,
         Fill(says::kRagged, language, {Str(row.cells.size()), Str(width)})});
  }
  if (!options.allow_missing_line_break && bytes.back() != '\n' && bytes.back() != '\r') {
    problems.push_back({table.rows.back().line, 0, Fill(says::kNoLineBreak, language)});
  }
  return table;
}

std::string FormatCell(std::string_view text) {
  const bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  std::string cell = formula ? "'" : "";
  cell += text;
  if (cell.find_first_of(";,\t\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

}  // namespace polku::csv
