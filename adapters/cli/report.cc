#include "services/report/report.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/money.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"
#include "services/core/calendar.h"
#include "services/report/suppress.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using report::Column;
using report::Report;
using report::Row;
using report::Unit;

constexpr std::string_view kHidden = "..";

struct Shown {
  std::vector<Report> reports;
  report::Question question;
  std::string as_of, valid_on, agency;
  bool suppressed = true;
};

// The total as one more row, where there is one.
std::vector<const Row*> RowsOf(const Report& report) {
  std::vector<const Row*> rows;
  for (const Row& row : report.rows) rows.push_back(&row);
  if (report.total) rows.push_back(&*report.total);
  return rows;
}

std::string CellText(const Row& row, const Column& column, int64_t value) {
  if (row.hidden) return std::string(kHidden);
  return column.unit == Unit::kCents ? FormatEuros(Cents(value)) : std::to_string(value);
}

void PrintTable(const Shown& shown, Language language, Io& io) {
  const auto word = static_cast<size_t>(language);
  for (const Report& report : shown.reports) {
    io.out << report.title[word] << " (" << report.name << "), " << FormatDay(shown.question.from) << " - "
           << FormatDay(shown.question.until) << "\n";
    std::vector<std::string> header = {"", "", "persons"};
    for (const Column& column : report.columns) header.push_back(column.name);
    TextTable table(header);
    for (const Row* row : RowsOf(report)) {
      std::vector<std::string> cells = {Plain(row->group),
                                        row->code != nullptr ? CodeLabel(*row->code, language) : Plain(row->key),
                                        row->hidden ? std::string(kHidden) : std::to_string(row->persons)};
      for (size_t i = 0; i < report.columns.size(); ++i) {
        cells.push_back(CellText(*row, report.columns[i], row->values[i]));
      }
      table.Add(std::move(cells));
    }
    table.Print(io.out);
    io.out << "\n";
  }
  if (shown.suppressed) io.out << kHidden << ": fewer than " << report::kSmall << ", or it would tell such a number\n";
}

// Fields are set apart by semicolons, as in the sheets of adapters/csv.
void PrintCsv(const Shown& shown, Io& io) {
  for (const Report& report : shown.reports) {
    io.out << "report;group;key;persons";
    for (const Column& column : report.columns) {
      io.out << ";" << column.name << (column.unit == Unit::kCents ? "_cents" : "");
    }
    io.out << "\n";
    for (const Row* row : RowsOf(report)) {
      io.out << report.name << ";" << row->group << ";" << row->key << ";";
      if (row->hidden) {
        io.out << kHidden;
      } else {
        io.out << row->persons;
      }
      for (int64_t value : row->values) {
        io.out << ";";
        if (row->hidden) {
          io.out << kHidden;
        } else {
          io.out << value;
        }
      }
      io.out << "\n";
    }
  }
}

void PrintJson(const Shown& shown, Io& io) {
  io.out << "{\"agency\":" << JsonString(shown.agency) << ",\"from\":\"" << FormatDay(shown.question.from)
         << "\",\"until\":\"" << FormatDay(shown.question.until) << "\",\"municipality\":"
         << JsonString(shown.question.municipality) << ",\"as_of\":" << JsonString(shown.as_of)
         << ",\"valid_on\":" << JsonString(shown.valid_on) << ",\"small_counts_hidden\":"
         << (shown.suppressed ? "true" : "false") << ",\"reports\":[";
  for (size_t r = 0; r < shown.reports.size(); ++r) {
    const Report& report = shown.reports[r];
    io.out << (r > 0 ? "," : "") << "{\"name\":\"" << report.name << "\",\"rows\":[";
    const auto rows = RowsOf(report);
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& row = *rows[i];
      const auto number = [&](int64_t value) { return row.hidden ? std::string("null") : std::to_string(value); };
      io.out << (i > 0 ? "," : "") << "{\"group\":" << JsonString(row.group) << ",\"key\":" << JsonString(row.key)
             << ",\"persons\":" << number(row.persons);
      for (size_t c = 0; c < report.columns.size(); ++c) {
        const Column& column = report.columns[c];
        io.out << ",\"" << column.name << (column.unit == Unit::kCents ? "_cents" : "")
               << "\":" << number(row.values[c]);
      }
      io.out << "}";
    }
    io.out << "]}";
  }
  io.out << "]}\n";
}

// ---- SQLite: a table a report, and `about` ----

class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Make(const std::string& path) {
    if (std::filesystem::exists(path)) {
      return Error(absl::StatusCode::kAlreadyExists, path, " is there already; name a file that is to be made");
    }
    auto database = std::make_unique<Database>();
    if (sqlite3_open_v2(path.c_str(), &database->handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) !=
        SQLITE_OK) {
      return Error(absl::StatusCode::kPermissionDenied, path, ": ", sqlite3_errmsg(database->handle_),
                   "; name a file in a directory that you may write to");
    }
    return database;
  }
  Database() = default;
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;

  // `numbers`: bound behind the texts; none of a hidden row.
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

absl::Status WriteSqlite(const Shown& shown, const std::string& path) {
  POLKU_ASSIGN_OR_RETURN(const auto database, Database::Make(path));
  POLKU_RETURN_IF_ERROR(database->Run("BEGIN"));
  POLKU_RETURN_IF_ERROR(database->Run(
      "CREATE TABLE about (report TEXT, title_fi TEXT, title_sv TEXT, title_en TEXT, what TEXT, agency TEXT, "
      "from_day TEXT, until_day TEXT, municipality TEXT, as_of TEXT, valid_on TEXT, small_counts_hidden INTEGER)"));
  for (const Report& report : shown.reports) {
    std::string create = Str("CREATE TABLE ", report.name, " (group_name TEXT, key TEXT, persons INTEGER");
    std::string insert = Str("INSERT INTO ", report.name, " VALUES (?, ?, ?");
    for (const Column& column : report.columns) {
      create += Str(", ", column.name, column.unit == Unit::kCents ? "_cents" : "", " INTEGER");
      insert += ", ?";
    }
    POLKU_RETURN_IF_ERROR(database->Run(create + ")"));
    for (const Row* row : RowsOf(report)) {
      std::vector<std::optional<int64_t>> numbers = {row->persons};
      numbers.insert(numbers.end(), row->values.begin(), row->values.end());
      if (row->hidden) std::fill(numbers.begin(), numbers.end(), std::nullopt);
      POLKU_RETURN_IF_ERROR(database->Run(insert + ")", {row->group, row->key}, numbers));
    }
    POLKU_RETURN_IF_ERROR(database->Run(
        "INSERT INTO about VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {std::string(report.name), std::string(report.title[0]), std::string(report.title[1]),
         std::string(report.title[2]), std::string(report::FindDefinition(report.name)->what), shown.agency,
         FormatDay(shown.question.from), FormatDay(shown.question.until), shown.question.municipality, shown.as_of,
         shown.valid_on},
        {shown.suppressed ? 1 : 0}));
  }
  return database->Run("COMMIT");
}

// ---- The command ----

ExitCode List(Language language, bool json, Io& io) {
  if (json) {
    io.out << "[";
    for (const auto& definition : report::Definitions()) {
      io.out << (&definition == &report::Definitions().front() ? "" : ",") << "{\"name\":\"" << definition.name
             << "\",\"what\":" << JsonString(definition.what) << "}";
    }
    io.out << "]\n";
    return kExitOk;
  }
  TextTable table({"report", "", ""});
  for (const auto& definition : report::Definitions()) {
    table.Add({std::string(definition.name), std::string(definition.title[static_cast<size_t>(language)]),
               std::string(definition.what)});
  }
  table.Print(io.out);
  return kExitOk;
}

// The time asked for: --from, --until; else the year that ends with what is known.
absl::StatusOr<report::Question> ReadQuestion(const Args& args, const audit::Filter& filter) {
  report::Question question;
  question.municipality = args.Get("municipality");
  question.until = FinnishDay(SystemClock()());
  if (filter.as_of) question.until = std::min(question.until, FinnishDay(*filter.as_of - absl::Microseconds(1)));
  if (filter.valid_on) question.until = std::min(question.until, *filter.valid_on);
  if (args.Has("until")) {
    const auto until = ParseDay(args.Get("until"));
    if (!until) return absl::InvalidArgumentError("--until is a day of the form 2025-12-31");
    question.until = *until;
  }
  question.from = service::AddMonths(question.until + 1, -12);
  if (args.Has("from")) {
    const auto from = ParseDay(args.Get("from"));
    if (!from) return absl::InvalidArgumentError("--from is a day of the form 2025-01-01");
    question.from = *from;
  }
  if (question.until < question.from) return absl::InvalidArgumentError("--until is before --from");
  return question;
}

ExitCode RunReport(const Args& args, Io& io) {
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  const std::string name = args.operands().front();
  if (name == "list") return List(*language, args.json(), io);
  if (name != "all" && report::FindDefinition(name) == nullptr) {
    return FailUsage(io, "there is no such report; polku report list names them, all makes every one");
  }
  const std::string format = args.GetOr("format", args.json() ? "json" : "table");
  if (format != "table" && format != "csv" && format != "json") {
    return FailUsage(io, "--format is table, csv or json");
  }
  audit::Filter filter;
  if (args.Has("as-of")) {
    const auto as_of = ParseEnd("as-of", args.Get("as-of"));
    if (!as_of.ok()) return FailUsage(io, ToStd(as_of.status().message()));
    filter.as_of = *as_of;
  }
  if (args.Has("valid-on")) {
    filter.valid_on = ParseDay(args.Get("valid-on"));
    if (!filter.valid_on) return FailUsage(io, "--valid-on is a day of the form 2025-03-31");
  }
  const auto question = ReadQuestion(args, filter);
  if (!question.ok()) return FailUsage(io, ToStd(question.status().message()));
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const bool open = args.Has("no-suppression");
  if (open && claim->purpose != access::v1::ACCESS_PURPOSE_SUPERVISION &&
      claim->purpose != access::v1::ACCESS_PURPOSE_PAYMENT &&
      claim->purpose != access::v1::ACCESS_PURPOSE_CASE_HANDLING) {
    return FailUsage(io, "--no-suppression shows numbers in which persons can be recognised; it goes with --purpose "
                         "supervision, payment or case-handling, and is put on record");
  }
  const std::string command = Str("report ", name, open ? " no-suppression" : "");
  const auto reading = OpenRecorded(args, *claim, {.command = command, .sections = AllSections()});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::History history(*reading->store);
  report::Fold fold(reading->config.profile, reading->store->logs());
  ProgressLine progress(io, args.Has("progress"));
  uint64_t entries = 0;
  filter.standing = true;
  const absl::Status read = history.Replay(filter, [&](const audit::Event& event) {
    if (++entries % 4096 == 0) progress.Show(Str(entries, " entries"));
    fold.Add(event);
    return absl::OkStatus();
  });
  progress.Clear();
  if (!read.ok()) return Fail(io, read);
  Shown shown{.reports = {},
              .question = *question,
              .as_of = args.Get("as-of"),
              .valid_on = args.Get("valid-on"),
              .agency = std::string(reading->config.origin.agency()),
              .suppressed = !open};
  for (const auto& definition : report::Definitions()) {
    if (name != "all" && name != definition.name) continue;
    Report report = fold.Make(definition.name, *question);
    if (!open) {
      const bool part = !question->municipality.empty();
      const Report others = part ? fold.Make(definition.name, *question, /*others=*/true) : Report();
      report::Suppress(report, part ? &others : nullptr);
    }
    shown.reports.push_back(std::move(report));
  }
  if (args.Has("sqlite")) {
    if (const auto written = WriteSqlite(shown, args.Get("sqlite")); !written.ok()) return Fail(io, written);
    if (!args.Has("format") && !args.json()) return kExitOk;
  }
  if (format == "json") {
    PrintJson(shown, io);
  } else if (format == "csv") {
    PrintCsv(shown, io);
  } else {
    PrintTable(shown, *language, io);
  }
  return kExitOk;
}

}  // namespace

Command ReportCommand() {
  return {
      {.name = "report",
       .summary = "numbers without persons: where clients went, clients, days, hand-overs, what is overdue, money",
       .operands = "list|all|NAME",
       .min_operands = 1,
       .max_operands = 1,
       .flags = RecordedReadingFlags(
           {{"from", "DAY", "the first day of the time; a year before its last"},
            {"until", "DAY", "the last day; that of --valid-on or --as-of, else today"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"valid-on", "DAY", "what had become true in the world by the end of that day"},
            {"municipality", "CODE", "clients of that municipality alone"},
            {"format", "table|csv|json", "table; --json is the same as --format json"},
            {"sqlite", "FILE", "also make an SQLite file: a table a report, and about"},
            {"no-suppression", "", "show small numbers too; put on record, for supervision, payment or case-handling"},
            {"lang", "fi|sv|en", "language of headings and codes of the table; fi"},
            {"progress", "", "show progress even when the error stream is no terminal"}}),
       .details = "Numbers below five are hidden (..), and so are as many others as it takes that no difference tells\n"
                  "them. Only what this agency may read counts. What each report counts, of whom, and what it cannot\n"
                  "know: services/report/README.md. The read is on record as one of every case.",
       .examples =
           "polku report list\n"
           "polku report outcomes --config hyvinvointi.textproto --until 2025-12-31 --official so-1 --purpose statistics "
           "--basis \"laki 552/2019\"\n"
           "polku report all --as-of 2025-06-30 --sqlite 2025.db --config hyvinvointi.textproto --official so-1 --purpose "
           "statistics --basis \"laki 552/2019\""},
      RunReport};
}

}  // namespace polku::cli
