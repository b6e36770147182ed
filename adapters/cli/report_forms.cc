#include "adapters/cli/report_forms.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/report_labels.h"
#include "adapters/csv/table.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/money.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"
#include "services/report/suppress.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using report::Cell;
using report::Column;
using report::Report;
using report::Row;
using report::Unit;

constexpr std::string_view kHidden = "..";
constexpr unsigned kFileMode = 0600;

constexpr Texts kRecordedBy = {"kirjattu viimeistään", "antecknat senast", "on record by"};
constexpr Texts kTrueBy = {"tapahtunut viimeistään", "inträffat senast", "true in the world by"};
constexpr Texts kMunicipality = {"kotikunta", "hemkommun", "municipality"};
constexpr Texts kInEveryRow = {" joka rivillä", " på varje rad", " in every row"};
constexpr Texts kSmallHidden = {"pienet luvut piilotettu", "små tal dolda", "small numbers hidden"};
constexpr Texts kSmallShown = {"kaikki luvut näkyvissä", "alla tal visas", "all numbers shown"};
constexpr Texts kLegend = {": alle 5, tai paljastaisi sellaisen luvun", ": färre än 5, eller skulle röja ett sådant tal",
                           ": fewer than 5, or it would tell such a number"};
static_assert(report::kSmall == 5);  // as the legend says
constexpr Texts kNotHeldHere = {"Ei tiedossa täällä: ", "Finns inte här: ", "Not held here: "};
constexpr Texts kNobody = {"(ei merkintöjä)", "(inga anteckningar)", "(nothing)"};

// The total as one more row, where there is one.
std::vector<const Row*> RowsOf(const Report& report) {
  std::vector<const Row*> rows;
  for (const Row& row : report.rows) rows.push_back(&row);
  if (report.total) rows.push_back(&*report.total);
  return rows;
}

// Persons, then the values.
std::vector<const Cell*> CellsOf(const Row& row) {
  std::vector<const Cell*> cells = {&row.persons};
  for (const Cell& cell : row.values) cells.push_back(&cell);
  return cells;
}

// As machines read it; cents are cents.
std::string MachineName(const Column& column) { return Str(column.name, column.unit == Unit::kCents ? "_cents" : ""); }
std::vector<std::string> MachineNames(const Report& report) {
  std::vector<std::string> names = {"persons"};
  for (const Column& column : report.columns) names.push_back(MachineName(column));
  return names;
}
std::vector<std::string> HiddenNames(const Report& report, const Row& row) {
  const auto names = MachineNames(report);
  const auto cells = CellsOf(row);
  std::vector<std::string> hidden;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (cells[i]->state == Cell::State::kHidden) hidden.push_back(names[i]);
  }
  return hidden;
}
std::optional<int64_t> NumberIn(const Cell& cell) { return cell.shown() ? std::optional(cell.value) : std::nullopt; }

// For people: hidden is not unknown, and that is blank; marks are told by their average.
std::string CellText(const Cell& cell) {
  if (cell.state == Cell::State::kHidden) return std::string(kHidden);
  return cell.shown() ? std::to_string(cell.value) : "";
}
std::string ValueText(const Report& report, const Row& row, size_t at, Language language) {
  const Cell& cell = row.values[at];
  const Column& column = report.columns[at];
  if (!cell.shown()) return CellText(cell);
  if (column.unit == Unit::kCents) return MoneyText(Cents(cell.value), language);
  if (column.unit != Unit::kMarks) return CellText(cell);
  const int64_t marks = row.values[static_cast<size_t>(column.part_of)].value;
  // Two decimals, as money has.
  return marks == 0 ? "" : MoneyText(Cents((100 * cell.value + marks / 2) / marks), language);
}

// Of the persons and the values: all but those that are hidden in every row. All, where nothing would be left.
std::vector<size_t> ColumnsWithNumbers(const std::vector<const Row*>& rows, size_t columns) {
  std::vector<size_t> all(columns), some;
  for (size_t at = 0; at < columns; ++at) {
    all[at] = at;
    const bool hidden = !rows.empty() && std::all_of(rows.begin(), rows.end(), [&](const Row* row) {
      return CellsOf(*row)[at]->state == Cell::State::kHidden;
    });
    if (!hidden) some.push_back(at);
  }
  return some.empty() ? all : some;
}

std::string EndText(const std::string& end, Language language) {
  const auto time = ParseTime(end);
  return time ? TimeText(*time, language) : DayText(end, language);
}

// "1.1.2025 – 31.12.2025; on record by 30.6.2025; …"
std::string QuestionText(const ShownReports& shown) {
  const Language language = shown.language;
  const auto& question = shown.question;
  std::string text = Str(DayText(question.from, language), " – ", DayText(question.until, language), "; ",
                         Say(kRecordedBy, language), " ",
                         shown.as_of.empty() ? DayText(question.known_on, language) : EndText(shown.as_of, language));
  if (!shown.valid_on.empty()) text += Str("; ", Say(kTrueBy, language), " ", DayText(shown.valid_on, language));
  if (!question.municipality.empty()) text += Str("; ", Say(kMunicipality, language), " ", Plain(question.municipality));
  return Str(text, "; ", Say(shown.suppressed ? kSmallHidden : kSmallShown, language), "; ",
             Plain(AgencyLabel(shown.agreement, shown.agency, language)));
}

}  // namespace

void PrintReportTables(const ShownReports& shown, Io& io) {
  const Language language = shown.language;
  bool any_hidden = false;
  for (const Report& report : shown.reports) {
    io.out << report.title[static_cast<size_t>(language)] << " (" << report.name << ")\n" << QuestionText(shown) << "\n";
    const auto rows = RowsOf(report);
    const std::vector<size_t> columns = ColumnsWithNumbers(rows, report.columns.size() + 1);
    const auto label = [&](size_t at) {
      return ReportColumnLabel(at == 0 ? "persons" : report.columns[at - 1].name, language);
    };
    std::vector<std::string> header = {"", ""};
    for (const size_t at : columns) header.push_back(label(at));
    TextTable table(header);
    for (const Row* row : rows) {
      std::vector<std::string> cells = {ReportGroupLabel(row->group, language),
                                        ReportKeyLabel(*row, shown.agreement, language)};
      for (const size_t at : columns) {
        cells.push_back(at == 0 ? CellText(row->persons) : ValueText(report, *row, at - 1, language));
      }
      any_hidden = any_hidden || !HiddenNames(report, *row).empty();
      table.Add(std::move(cells));
    }
    if (rows.empty()) {
      io.out << Say(kNobody, language) << "\n";
    } else {
      table.Print(io.out);
    }
    for (size_t at = 0; at <= report.columns.size(); ++at) {
      if (std::find(columns.begin(), columns.end(), at) != columns.end()) continue;
      io.out << label(at) << ": " << kHidden << Say(kInEveryRow, language) << "\n";
    }
    for (const auto& gap : report.gaps) {
      io.out << Say(kNotHeldHere, language) << ReportGapLabel(gap, shown.agreement, language) << "\n";
    }
    io.out << "\n";
  }
  if (any_hidden) io.out << kHidden << Say(kLegend, language) << "\n";
}

// Fields are set apart by semicolons, as in the sheets of adapters/csv. The question stands in each line: so it stays with
// the numbers when lines are sorted, or files put together.
void PrintReportCsv(const ShownReports& shown, Io& io) {
  const auto& question = shown.question;
  const std::string asked =
      Str(";", FormatDay(question.from), ";", FormatDay(question.until), ";", FormatDay(question.known_on), ";",
          csv::FormatCell(shown.as_of), ";", csv::FormatCell(shown.valid_on), ";", csv::FormatCell(question.municipality), ";",
          shown.suppressed ? "hidden" : "shown", ";", csv::FormatCell(shown.agency), ";");
  for (const Report& report : shown.reports) {
    std::string gaps;
    for (const auto& gap : report.gaps) {
      gaps += Str(gaps.empty() ? "" : " | ", ReportGapLabel(gap, shown.agreement, shown.language));
    }
    io.out << "report;group;key;group_label;key_label";
    for (const std::string& name : MachineNames(report)) io.out << ";" << name;
    io.out << ";from;until;known_on;as_of;valid_on;municipality;small_numbers;agency;not_held\n";
    for (const Row* row : RowsOf(report)) {
      io.out << report.name << ";" << row->group << ";" << csv::FormatCell(Plain(row->key)) << ";"
             << csv::FormatCell(ReportGroupLabel(row->group, shown.language)) << ";"
             << csv::FormatCell(ReportKeyLabel(*row, shown.agreement, shown.language));
      for (const Cell* cell : CellsOf(*row)) {
        io.out << ";" << (cell->state == Cell::State::kHidden ? std::string(kHidden)
                          : cell->shown()                     ? std::to_string(cell->value)
                                                              : std::string());
      }
      io.out << asked << csv::FormatCell(gaps) << "\n";
    }
  }
}

void PrintReportJson(const ShownReports& shown, Io& io) {
  const auto strings = [](const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& one : list) text += Str(text.empty() ? "" : ",", JsonString(one));
    return Str("[", text, "]");
  };
  const auto& question = shown.question;
  io.out << "{\"agency\":" << JsonString(shown.agency) << ",\"from\":\"" << FormatDay(question.from) << "\",\"until\":\""
         << FormatDay(question.until) << "\",\"known_on\":\"" << FormatDay(question.known_on) << "\",\"municipality\":"
         << JsonString(question.municipality) << ",\"as_of\":" << JsonString(shown.as_of)
         << ",\"valid_on\":" << JsonString(shown.valid_on) << ",\"small_numbers_hidden\":"
         << (shown.suppressed ? "true" : "false") << ",\"reports\":[";
  for (size_t r = 0; r < shown.reports.size(); ++r) {
    const Report& report = shown.reports[r];
    io.out << (r > 0 ? "," : "") << "{\"name\":\"" << report.name
           << "\",\"title\":" << JsonString(report.title[static_cast<size_t>(shown.language)]) << ",\"not_held\":[";
    for (size_t g = 0; g < report.gaps.size(); ++g) {
      const report::Gap& gap = report.gaps[g];
      io.out << (g > 0 ? "," : "") << "{\"what\":\"" << gap.what
             << "\",\"label\":" << JsonString(ReportGapLabel({gap.what, {}, true}, shown.agreement, shown.language))
             << ",\"whole\":" << (gap.whole ? "true" : "false") << ",\"agencies\":" << strings(gap.agencies) << "}";
    }
    io.out << "],\"rows\":[";
    const auto rows = RowsOf(report);
    const auto names = MachineNames(report);
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& row = *rows[i];
      io.out << (i > 0 ? "," : "") << "{\"group\":" << JsonString(row.group) << ",\"key\":" << JsonString(row.key)
             << ",\"group_label\":" << JsonString(ReportGroupLabel(row.group, shown.language))
             << ",\"key_label\":" << JsonString(ReportKeyLabel(row, shown.agreement, shown.language));
      const auto cells = CellsOf(row);
      for (size_t c = 0; c < cells.size(); ++c) {
        const auto number = NumberIn(*cells[c]);
        io.out << ",\"" << names[c] << "\":" << (number ? std::to_string(*number) : "null");
      }
      if (const auto hidden = HiddenNames(report, row); !hidden.empty()) io.out << ",\"hidden\":" << strings(hidden);
      io.out << "}";
    }
    io.out << "]}";
  }
  io.out << "]}\n";
}

// ---- SQLite: a table a report, `about` and `not_held` ----

namespace {

class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Make(const std::string& path) {
    auto database = std::make_unique<Database>();
    if (sqlite3_open_v2(path.c_str(), &database->handle_, SQLITE_OPEN_READWRITE, nullptr) !=
        SQLITE_OK) {
      return Error(absl::StatusCode::kPermissionDenied, path, ": ", sqlite3_errmsg(database->handle_),
                   "; name a file in a directory that you may write to");
    }
    return database;
  }
  Database() = default;
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;

  // `numbers`: bound behind the texts; none: null.
  absl::Status Run(const std::string& sql, const std::vector<std::string>& texts = {},
                   const std::vector<std::optional<int64_t>>& numbers = {}) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return Failed();
    int place = 0;
    for (const std::string& text : texts) {
      sqlite3_bind_text(statement, ++place, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    }
    for (const auto& number : numbers) {
      ++place;
      if (number) {
        sqlite3_bind_int64(statement, place, *number);
      } else {
        sqlite3_bind_null(statement, place);
      }
    }
    const int done = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return done == SQLITE_DONE ? absl::OkStatus() : Failed();
  }

 private:
  absl::Status Failed() const {
    return Error(absl::StatusCode::kUnavailable, "the SQLite file could not be written: ", sqlite3_errmsg(handle_));
  }
  sqlite3* handle_ = nullptr;
};

absl::Status WriteReport(const ShownReports& shown, const Report& report, Database& database) {
  std::string create = Str("CREATE TABLE ", report.name,
                           " (group_name TEXT, key TEXT, group_label TEXT, key_label TEXT, hidden TEXT");
  std::string insert = Str("INSERT INTO ", report.name, " VALUES (?, ?, ?, ?, ?");
  for (const std::string& name : MachineNames(report)) {
    create += Str(", ", name, " INTEGER");
    insert += ", ?";
  }
  POLKU_RETURN_IF_ERROR(database.Run(create + ")"));
  for (const Row* row : RowsOf(report)) {
    std::vector<std::optional<int64_t>> numbers;
    for (const Cell* cell : CellsOf(*row)) numbers.push_back(NumberIn(*cell));
    std::string hidden;
    for (const std::string& name : HiddenNames(report, *row)) hidden += Str(hidden.empty() ? "" : " ", name);
    POLKU_RETURN_IF_ERROR(database.Run(
        insert + ")",
        {row->group, row->key, ReportGroupLabel(row->group, shown.language),
         ReportKeyLabel(*row, shown.agreement, shown.language), hidden},
        numbers));
  }
  for (const auto& gap : report.gaps) {
    const std::string label = ReportGapLabel({gap.what, {}, true}, shown.agreement, shown.language);
    const auto tell = [&](const std::string& agency) {
      return database.Run("INSERT INTO not_held VALUES (?, ?, ?, ?, ?)",
                          {std::string(report.name), std::string(gap.what), label, agency}, {gap.whole ? 1 : 0});
    };
    if (gap.agencies.empty()) POLKU_RETURN_IF_ERROR(tell(""));
    for (const std::string& agency : gap.agencies) POLKU_RETURN_IF_ERROR(tell(agency));
  }
  const auto& definition = *report::FindDefinition(report.name);
  return database.Run(
      "INSERT INTO about VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {std::string(report.name), std::string(report.title[0]), std::string(report.title[1]),
       std::string(report.title[2]), std::string(definition.what[static_cast<size_t>(shown.language)]), shown.agency,
       FormatDay(shown.question.from), FormatDay(shown.question.until), FormatDay(shown.question.known_on),
       shown.question.municipality, shown.as_of, shown.valid_on},
      {shown.suppressed ? 1 : 0});
}

absl::Status WriteAll(const ShownReports& shown, Database& database) {
  for (const char* sql :
       {"BEGIN",
        "CREATE TABLE about (report TEXT, title_fi TEXT, title_sv TEXT, title_en TEXT, what TEXT, agency TEXT, "
        "from_day TEXT, until_day TEXT, known_on TEXT, municipality TEXT, as_of TEXT, valid_on TEXT, "
        "small_numbers_hidden INTEGER)",
        "CREATE TABLE not_held (report TEXT, what TEXT, label TEXT, agency TEXT, whole INTEGER)"}) {
    POLKU_RETURN_IF_ERROR(database.Run(sql));
  }
  for (const Report& report : shown.reports) POLKU_RETURN_IF_ERROR(WriteReport(shown, report, database));
  return database.Run("COMMIT");
}

}  // namespace

absl::Status CheckReportFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return Error(absl::StatusCode::kAlreadyExists, path, " is there already; name a file that is to be made");
  }
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty() && !std::filesystem::is_directory(directory, error)) {
    return Error(absl::StatusCode::kNotFound, directory.string(), " is no directory; make it, or name a file elsewhere");
  }
  return absl::OkStatus();
}

absl::Status WriteReportSqlite(const ShownReports& shown, const std::string& path) {
  POLKU_RETURN_IF_ERROR(CheckReportFile(path));
  // For its owner alone, as all that may tell of persons.
  POLKU_RETURN_IF_ERROR(WriteNewFile(path, "", kFileMode));
  POLKU_ASSIGN_OR_RETURN(auto database, Database::Make(path));
  const absl::Status written = WriteAll(shown, *database);
  database.reset();
  if (!written.ok()) {
    std::error_code error;
    std::filesystem::remove(path, error);
  }
  return written;
}

}  // namespace polku::cli
