#include <string>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/audit/retention.h"
#include "services/host/erased.h"
#include "services/host/fence.h"

namespace polku::cli {
namespace {

using audit::JsonString;

// Before the number of cases.
constexpr Texts kNotClosed = {
    "Asioita, joita ei ole päätetty tai joiden päättämistä ei ole kerrottu tälle organisaatiolle (mikään sääntö ei vielä "
    "koske niitä):",
    "Ärenden som inte är avslutade eller vars avslutande inte har meddelats denna organisation (ingen regel gäller dem "
    "ännu):",
    "Cases that are not closed, or whose closing is not told to this agency (no rule counts for them yet):"};
constexpr Texts kNoneDue = {"Minkään asian säilytysaika ei ole kulunut umpeen; tarkastelupäivä",
                            "Inget ärendes bevaringstid har gått ut; granskningsdag",
                            "No case is past its retention; judged on"};
constexpr Texts kClosedOn = {"päätetty", "avslutat", "closed on"};
constexpr Texts kKeptUntil = {"säilytetään saakka", "bevaras till", "kept until"};

ExitCode RunRetention(const Args& args, Io& io) {
  if (args.operands()[0] != "due") {
    return FailUsage(io, Str("there is no polku retention ", args.operands()[0], "; it is due"));
  }
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  std::optional<absl::CivilDay> on;
  if (args.Has("on")) {
    on = ParseDay(args.Get("on"));
    if (!on) return FailUsage(io, "--on is not a day (2036-01-31)");
  }
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  // Days and rules are shown, and they stand in the service sections.
  SectionSet seen;
  seen.add(SectionKind::kService);
  const auto reading = OpenRecorded(args, *claim, {.command = "retention due", .sections = seen});
  if (!reading.ok()) return Fail(io, reading.status());
  if (!on) {
    on = reading->config.business_date ? *reading->config.business_date : FinnishDay(absl::Now());
  }
  const auto fence = host::Fence::Open(reading->config.keys_directory);
  if (!fence.ok()) return Fail(io, fence.status());
  const auto erased =
      host::FencedParts(reading->store->engine(), reading->config.origin, **fence, *on);
  if (!erased.ok()) return Fail(io, erased.status());
  audit::History history(*reading->store);
  audit::RetentionFold fold(reading->config.profile);
  ProgressLine progress(io, args.Has("progress"));
  uint64_t entries = 0;
  audit::Filter filter;
  const access::Policy policy(reading->config.agreement);
  filter.policy = &policy;
  const absl::Status read = history.Replay(filter, [&](const audit::Event& event) {
    if (++entries % 4096 == 0) progress.Show(Str(entries, " entries"));
    fold.Add(event);
    return absl::OkStatus();
  });
  progress.Clear();
  if (!read.ok()) return Fail(io, read);
  std::vector<audit::RetentionDue> due = fold.Due(*on);
  std::erase_if(due, [&](const audit::RetentionDue& one) {
    return erased->contains(
        {FenceOf(one.case_id), reading->config.origin.text()});
  });
  if (args.json()) {
    std::string json;
    for (const auto& one : due) {
      json += Str(json.empty() ? "" : ",", "{\"case\":\"", FormatCaseId(one.case_id),
                  "\",\"rule\":", JsonString(one.rule->id()), ",\"version\":",
                  JsonString(one.rule->version()), ",\"closed_on\":",
                  JsonString(FormatDay(one.closed_on)), ",\"kept_until\":",
                  JsonString(FormatDay(one.kept_until)), "}");
    }
    io.out << "{\"origin\":" << JsonString(reading->config.origin.text()) << ",\"on\":"
           << JsonString(FormatDay(*on)) << ",\"due\":[" << json << "],\"not_closed\":"
           << fold.NotClosed() << "}\n";
    return kExitOk;
  }
  const auto say_not_closed = [&] {
    if (fold.NotClosed() == 0) return;
    io.out << Say(kNotClosed, *language) << " " << fold.NotClosed() << "\n";
  };
  if (due.empty()) {
    io.out << Say(kNoneDue, *language) << " " << DayText(*on, *language) << "\n";
    say_not_closed();
    return kExitOk;
  }
  TextTable table({std::string(Label(Word::kCaseColumn, *language)), Say(kClosedOn, *language),
                   Say(kKeptUntil, *language), std::string(Label(Word::kRule, *language))});
  for (const auto& one : due) {
    event::v1::RuleRef rule;
    rule.set_id(one.rule->id());
    rule.set_version(one.rule->version());
    table.Add({FormatCaseId(one.case_id), DayText(one.closed_on, *language), DayText(one.kept_until, *language),
               Plain(RuleLabel(reading->config.profile, rule, *language))});
  }
  table.Print(io.out);
  say_not_closed();
  return kExitOk;
}

}  // namespace

Command RetentionCommand() {
  return {
      {.name = "retention",
       .summary = "cases that have lain as long as the retention rules ask: what is to be erased",
       .operands = "due",
       .min_operands = 1,
       .max_operands = 1,
       .flags = RecordedReadingFlags(
           {{"on", "DAY", "as of that day; today, or the configured business date"},
            {"lang", "fi|sv|en", "language of the answer; fi"},
            {"progress", "", "show progress even when the error stream is no terminal"}}),
       .details = "By the profile's retention rules: social care records so many years from the closing of the "
                  "case, decisions\non money longer; the longest that applies counts, and any later event "
                  "opens a case again. Cases whose\nown part was erased are left out. Nothing is erased by "
                  "this: see `polku erase --rule`.",
       .examples = "polku retention due --config hyvinvointi-assessment.textproto --official arkisto-1 "
                   "--purpose records-management --basis \"laki 703/2023 27 §\"\n"
                   "polku retention due --config hyvinvointi-assessment.textproto --official arkisto-1 "
                   "--purpose records-management --basis \"laki 703/2023 27 §\" --on 2036-01-01 --json"},
      RunRetention};
}

}  // namespace polku::cli
