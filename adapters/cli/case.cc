#include <utility>

#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/render.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"
#include "services/audit/summary.h"

namespace polku::cli {
namespace {

constexpr size_t kLabelWidth = 28;  // FieldLabel is no longer: tests/cli/labels_test.cc

// The merged order is for machines; a person is told the day, the step and who.
void PrintEvent(const audit::Event& event, const config::v1::Agreement& agreement,
                Language language, bool brief, Io& io) {
  constexpr std::string_view kIndent = "            ";  // under the label
  const std::string recorded = LocalTime(event.recorded_at());
  std::string day = event.body == nullptr ? "" : EventDay(*event.body);
  if (day.empty()) day = recorded.substr(0, recorded.find(' '));
  io.out << day << "  " << Plain(EventLabel(event.header.type(), language)) << "  ·  "
         << Plain(AgencyLabel(agreement, event.header.author_agency(), language));
  if (!event.header.author_official().empty()) {
    io.out << ", " << Label(Word::kOfficial, language) << " "
           << Plain(event.header.author_official());
  }
  io.out << "  (" << Label(Word::kRecorded, language) << " " << recorded << ")"
         << (brief ? "" : "\n");
  if (event.body != nullptr && !brief) {
    for (const auto& [name, value] : RenderFields(*event.body, agreement, language)) {
      io.out << kIndent << PadTo(name, kLabelWidth) << " " << value << "\n";
    }
  }
  if (!event.sealed.empty()) {
    std::string sections;
    for (SectionKind kind : kAllSectionKinds) {
      if (!event.sealed.has(kind)) continue;
      sections += Str(sections.empty() ? "" : ", ", SectionLabel(kind, language));
    }
    io.out << (brief ? std::string_view("  ") : kIndent)
           << (event.opened.empty() ? Label(Word::kHeaderOnly, language)
                                    : Label(Word::kSealed, language))
           << ": " << sections << (brief ? "" : "\n");
  }
  if (brief) io.out << "\n";
}

void PrintSummary(const audit::CaseSummary& summary, Language language, Io& io) {
  io.out << "\n" << Label(Word::kAtAGlance, language) << "\n";
  const auto line = [&](Word word, const std::string& value) {
    io.out << "  " << PadTo(std::string(Label(word, language)), 24) << " " << value << "\n";
  };
  line(Word::kStatus, RenderStatus(summary, language));
  line(Word::kAttended, std::to_string(summary.attended));
  line(Word::kAbsences, RenderAbsences(summary, language));
  line(Word::kNotHeld, std::to_string(summary.not_held));
  line(Word::kAllowance, RenderMoney(summary.allowance, language));
  line(Word::kTravel, RenderTravel(summary, language));
  line(Word::kPerks, RenderPerks(summary, language));
  line(Word::kAssessed, RenderAssessed(summary, language));
  line(Word::kDue, RenderDue(summary, language));
  line(Word::kBenefits, RenderBenefits(summary, language));
  line(Word::kParallel, RenderParallel(summary, language));
}

ExitCode RunCase(const Args& args, Io& io) {
  const auto case_id = ParseCaseId(args.operands()[0]);
  if (!case_id || case_id->is_zero()) return FailUsage(io, "the case is not 32 hexadecimal digits");
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  const auto filter = ReadFilter(args);
  if (!filter.ok()) return FailUsage(io, ToStd(filter.status().message()));
  const auto reading = OpenReading(args);
  if (!reading.ok()) return Fail(io, reading.status());

  const config::v1::Agreement& agreement = reading->config.agreement;
  audit::History history(*reading->store);
  audit::SummaryFold fold(reading->config.profile, reading->store->logs());
  const auto print_heading = [&] {
    io.out << Label(Word::kCase, *language) << " " << FormatCaseId(*case_id) << ", "
           << Label(Word::kHeldBy, *language) << " "
           << AgencyLabel(agreement, reading->config.origin.agency(), *language);
    if (args.Has("as-of"))
      io.out << ", " << Label(Word::kAsOf, *language) << " " << args.Get("as-of");
    io.out << "\n\n";
  };
  uint64_t shown = 0;
  const absl::Status status =
      history.Timeline(*case_id, *filter, [&](const audit::Event& event) -> absl::Status {
        if (shown++ == 0 && !args.json()) print_heading();
        if (args.json()) {
          POLKU_ASSIGN_OR_RETURN(const std::string json, audit::EventJson(event));
          io.out << json << "\n";
        } else {
          PrintEvent(event, agreement, *language, args.Has("brief"), io);
          fold.Add(event);
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return Fail(io, status);
  if (args.json()) return kExitOk;
  if (shown == 0) {
    print_heading();
    io.out << Label(Word::kNothing, *language) << "\n";
    return kExitOk;
  }
  const audit::Summary summary = fold.Finish();
  PrintSummary(summary.cases.front(), *language, io);
  return kExitOk;
}

}  // namespace

Command CaseCommand() {
  return {
      {.name = "case",
       .summary = "the timeline of one case, merged from every agency's log held here",
       .operands = "CASE",
       .min_operands = 1,
       .max_operands = 1,
       .flags = ReadingFlags(
           {{"lang", "fi|sv|en", "language of steps and labels; fi"},
            {"brief", "", "a line an event, without its content"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"from", "TIME", "recorded from that day or time on"},
            {"until", "TIME", "recorded until that day (inclusive) or time"},
            {"type", "TYPE", "only events of that type; DayRecorded, or polku.attendance.*"},
            {"origin", "ORIGIN", "only from that log"}}),
       .details =
           "Who did what when, in the merged order that every agency computes alike. The day is "
           "the event's own\n"
           "where it has one and it is visible here, else that of recording. Sections that this "
           "agency\n"
           "is not entitled to are named as sealed. Works while the service runs and after it "
           "stopped. Reads the\n"
           "service's data and keys: run it as the service's user. --json prints an event a line.",
       .examples = "polku case --config oulu-referral.textproto 0123456789abcdef0123456789abcdef\n"
                   "polku case --config kela.textproto --lang en --as-of 2025-03-31 "
                   "0123456789abcdef0123456789abcdef"},
      RunCase};
}

}  // namespace polku::cli
