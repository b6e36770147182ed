#include "services/report/report.h"

#include <algorithm>
#include <set>
#include <utility>

#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/report_forms.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/core/calendar.h"
#include "services/report/suppress.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using report::Report;

constexpr Texts kReportWord = {"raportti", "rapport", "report"};

ExitCode List(Language language, bool json, Io& io) {
  const auto at = static_cast<size_t>(language);
  if (json) {
    io.out << "[";
    for (const auto& definition : report::Definitions()) {
      io.out << (&definition == &report::Definitions().front() ? "" : ",") << "{\"name\":\"" << definition.name
             << "\",\"title\":" << JsonString(definition.title[at]) << ",\"what\":" << JsonString(definition.what[at])
             << "}";
    }
    io.out << "]\n";
    return kExitOk;
  }
  TextTable table({Say(kReportWord, language), "", ""});
  for (const auto& definition : report::Definitions()) {
    table.Add({std::string(definition.name), std::string(definition.title[at]), std::string(definition.what[at])});
  }
  table.Print(io.out);
  return kExitOk;
}

absl::Status BadQuestion(const std::string& what) { return absl::InvalidArgumentError(what); }

// The time asked for: --from, --until; else the year that ends with what is known. What had not happened, or was not on
// record, by the last day cannot be counted as not being so.
absl::StatusOr<report::Question> ReadQuestion(const Args& args, const audit::Filter& filter, absl::CivilDay today) {
  report::Question question;
  question.municipality = args.Get("municipality");
  if (args.Has("municipality") && (question.municipality.size() != 3 ||
                                   question.municipality.find_first_not_of("0123456789") != std::string::npos)) {
    return BadQuestion("--municipality is a code of three digits, 564 or 049");
  }
  question.known_on = today;
  std::string_view bound = "today";
  if (filter.as_of) {
    const absl::CivilDay as_of = FinnishDay(*filter.as_of - absl::Microseconds(1));
    if (as_of < today) {
      question.known_on = as_of;
      bound = "--as-of";
    }
  }
  absl::CivilDay last = question.known_on;
  if (filter.valid_on && *filter.valid_on < last) {
    last = *filter.valid_on;
    bound = "--valid-on";
  }
  question.until = last;
  if (args.Has("until")) {
    const auto until = ParseDay(args.Get("until"));
    if (!until) return BadQuestion("--until is a day of the form 2025-12-31");
    if (last < *until) {
      return BadQuestion(Str("--until ", FormatDay(*until), " is after ", bound, ", ", FormatDay(last),
                             ": what came later is not known, and a report would state it; give --until ",
                             FormatDay(last), " or leave it out"));
    }
    question.until = *until;
  }
  question.from = service::AddMonths(question.until + 1, -12);
  if (args.Has("from")) {
    const auto from = ParseDay(args.Get("from"));
    if (!from) return BadQuestion("--from is a day of the form 2025-01-01");
    question.from = *from;
    if (question.until < question.from) {
      return BadQuestion(Str("--from ", FormatDay(question.from), " is after the last day, ", FormatDay(question.until),
                             "; give an earlier --from", args.Has("until") ? " or a later --until" : ""));
    }
  }
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
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const bool open = args.Has("no-suppression");
  if (open && claim->purpose != access::v1::ACCESS_PURPOSE_SUPERVISION &&
      claim->purpose != access::v1::ACCESS_PURPOSE_PAYMENT &&
      claim->purpose != access::v1::ACCESS_PURPOSE_CASE_HANDLING) {
    return FailUsage(io, "--no-suppression shows numbers in which persons can be recognised; it goes with --purpose "
                         "supervision, payment or case-handling, and is put on record");
  }
  // What is asked wrongly is told before it is on record as a read.
  if (args.Has("sqlite")) {
    if (const auto file = CheckReportFile(args.Get("sqlite")); !file.ok()) return Fail(io, file);
  }
  const auto reading = OpenReading(args);
  if (!reading.ok()) return Fail(io, reading.status());
  const auto question = ReadQuestion(args, filter, JudgedOn(reading->config));
  if (!question.ok()) return FailUsage(io, ToStd(question.status().message()));
  const std::string command = Str("report ", name, open ? " no-suppression" : "");
  if (const auto recorded = RecordLook(*reading, args, *claim, {.command = command, .sections = AllSections()});
      !recorded.ok()) {
    return Fail(io, recorded);
  }
  audit::History history(*reading->store);
  report::Fold fold(reading->config.profile, reading->config.agreement, reading->store->logs());
  ProgressLine progress(io, args.Has("progress"));
  uint64_t entries = 0;
  const access::Policy policy(reading->config.agreement);
  filter.policy = &policy;
  const absl::Status read = history.Replay(filter, [&](const audit::Event& event) {
    if (++entries % 4096 == 0) progress.Show(Str(entries, " entries"));
    fold.Add(event);
    return absl::OkStatus();
  });
  progress.Clear();
  if (!read.ok()) return Fail(io, read);
  const bool part = !question->municipality.empty();
  if (const auto known = fold.Municipalities(); part && !known.contains(question->municipality)) {
    std::string codes;
    for (const std::string& code : known) codes += Str(codes.empty() ? "" : ", ", Plain(code));
    return FailUsage(io, Str("--municipality ", question->municipality, ": no client of that municipality is held here; ",
                             codes.empty() ? "of none is one known" : Str("there are clients of ", codes)));
  }
  ShownReports shown{.reports = {},
                     .question = *question,
                     .as_of = args.Get("as-of"),
                     .valid_on = args.Get("valid-on"),
                     .agency = std::string(reading->config.origin.agency()),
                     .suppressed = !open,
                     .agreement = reading->config.agreement,
                     .language = *language};
  for (const auto& definition : report::Definitions()) {
    if (name != "all" && name != definition.name) continue;
    Report report = fold.Make(definition.name, *question);
    if (!open) {
      const Report others = part ? fold.Make(definition.name, *question, /*others=*/true) : Report();
      report::Suppress(report, part ? &others : nullptr);
    }
    shown.reports.push_back(std::move(report));
  }
  if (args.Has("sqlite")) {
    if (const auto written = WriteReportSqlite(shown, args.Get("sqlite")); !written.ok()) return Fail(io, written);
    if (!args.Has("format") && !args.json()) return kExitOk;
  }
  if (format == "json") {
    PrintReportJson(shown, io);
  } else if (format == "csv") {
    PrintReportCsv(shown, io);
  } else {
    PrintReportTables(shown, io);
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
            {"until", "DAY", "the last day, not after that of --valid-on, --as-of and today, which it is without"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"valid-on", "DAY", "what had become true in the world by the end of that day"},
            {"municipality", "CODE", "clients of that municipality alone, three digits"},
            {"format", "table|csv|json", "table; --json is the same as --format json"},
            {"sqlite", "FILE", "make an SQLite file instead: a table a report, about and not_held; with --format also print"},
            {"no-suppression", "", "show small numbers too; put on record, for supervision, payment or case-handling"},
            {"lang", "fi|sv|en", "language of the table and of labels; fi"},
            {"progress", "", "show progress even when the error stream is no terminal"}}),
       .details = "Numbers below five are hidden (..), and so are as many others as it takes that no difference tells\n"
                  "them. Only what this agency may read counts; what it does not hold is blank, and named. What each\n"
                  "report counts, of whom, and what it cannot know: services/report/README.md. The read is on record as\n"
                  "one of every case.",
       .examples =
           "polku report list\n"
           "polku report outcomes --config hyvinvointi.textproto --until 2025-12-31 --official so-1 --purpose statistics "
           "--basis \"laki 552/2019\"\n"
           "polku report all --as-of 2025-06-30 --sqlite 2025.db --config hyvinvointi.textproto --official so-1 --purpose "
           "statistics --basis \"laki 552/2019\""},
      RunReport};
}

}  // namespace polku::cli
