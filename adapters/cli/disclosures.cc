#include <string>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/json_text.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/output.h"
#include "adapters/cli/page_command.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "services/audit/disclosures.h"
#include "services/host/persons.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using audit::SectionsJson;

std::string TimeJson(absl::Time at) { return Str("\"", polku::FormatTime(at), "\""); }

std::string_view WayName(audit::Received::Way way) {
  switch (way) {
    case audit::Received::Way::kShared:
      return "agreement";
    case audit::Received::Way::kParties:
      return "told_to_parties";
    case audit::Received::Way::kNotice:
      return "notice_of_later";
    case audit::Received::Way::kCorrection:
      return "correction";
    case audit::Received::Way::kHost:
      return "hosts_the_log";
    case audit::Received::Way::kNotHeld:
      return "not_held";
    case audit::Received::Way::kUnknown:
      break;
  }
  return "unknown";
}

template <typename List, typename Write>
std::string ListJson(const List& list, const Write& write) {
  std::string json = "[";
  for (const auto& one : list) json += Str(json.size() > 1 ? "," : "", write(one));
  return json + "]";
}

std::string ActsJson(const std::vector<audit::Act>& acts) {
  return ListJson(acts, [](const audit::Act& act) {
    return Str("{\"type\":", JsonString(act.type), ",\"agency\":", JsonString(act.agency),
               ",\"official\":", JsonString(act.official), ",\"at\":", TimeJson(act.at),
               ",\"result\":", CodeJson(act.result), ",\"corrects\":", act.corrects ? "true" : "false",
               ",\"not_yet_corrected\":", act.open ? "true" : "false", ",\"tier\":", CodeJson(act.tier),
               ",\"legal_basis\":", JsonString(act.legal_basis), ",\"id\":\"", FormatEventId(act.id),
               "\",\"request\":",
               act.request.is_zero() ? "null" : Str("\"", FormatEventId(act.request), "\""),
               ",\"origin\":", JsonString(act.origin), ",\"position\":", act.position.value(), "}");
  });
}

std::string DisclosuresJson(const audit::Disclosures& found) {
  const auto parties = ListJson(found.parties, [](const audit::PartySpan& party) {
    return Str("{\"agency\":", JsonString(party.agency), ",\"since\":", TimeJson(party.since),
               ",\"until\":", party.until ? TimeJson(*party.until) : "null",
               ",\"reason\":", CodeJson(party.reason), ",\"earlier_erased\":",
               party.earlier_erased ? "true" : "false", "}");
  });
  const auto received = ListJson(found.received, [](const audit::Received& one) {
    return Str("{\"receiver\":", JsonString(one.receiver), ",\"author\":", JsonString(one.author),
               ",\"origin\":", JsonString(one.origin), ",\"position\":", one.position.value(),
               ",\"type\":", JsonString(one.type), ",\"sections\":", SectionsJson(one.sections),
               ",\"at\":", TimeJson(one.disclosed_at), ",\"later\":", one.later ? "true" : "false",
               ",\"by\":", JsonString(WayName(one.way)), ",\"agreement_position\":",
               one.way == audit::Received::Way::kHost ? "null" : std::to_string(one.agreement.value()),
               ",\"legal_basis\":", JsonString(one.legal_basis), "}");
  });
  const auto reads = ListJson(found.reads, [](const audit::Read& read) {
    return Str("{\"agency\":", JsonString(read.agency), ",\"official\":", JsonString(read.official),
               ",\"at\":", TimeJson(read.at), ",\"purpose\":", CodeJson(read.purpose),
               ",\"legal_basis\":", JsonString(read.legal_basis), ",\"command\":",
               JsonString(read.command), ",\"sections\":", SectionsJson(read.sections),
               ",\"bulk\":", read.bulk ? "true" : "false", ",\"scope\":", JsonString(read.scope),
               ",\"origin\":", JsonString(read.origin), ",\"position\":", read.position.value(), "}");
  });
  const auto erasures = ListJson(found.erasures, [](const audit::Erasure& erasure) {
    return Str("{\"origin\":", JsonString(erasure.origin), ",\"position\":", erasure.position.value(),
               ",\"of\":", JsonString(erasure.of), ",\"at\":", TimeJson(erasure.at), ",\"tier\":", CodeJson(erasure.tier),
               ",\"entries\":", erasure.entries, ",\"legal_basis\":", JsonString(erasure.legal_basis),
               ",\"requested_by\":", JsonString(erasure.requested_by),
               ",\"confirmed_by\":", JsonString(erasure.confirmed_by), ",\"answers\":",
               ListJson(erasure.answers,
                        [](const audit::Erasure::Answer& answer) {
                          return Str("{\"agency\":", JsonString(answer.agency),
                                     ",\"at\":", TimeJson(answer.at),
                                     ",\"outcome\":", CodeJson(answer.outcome),
                                     ",\"legal_basis\":", JsonString(answer.legal_basis),
                                     ",\"retained_until\":", JsonString(answer.retained_until), "}");
                        }),
               "}");
  });
  const auto names = [](const std::string& name) { return JsonString(name); };
  const auto linked = ListJson(
      found.linked, [](const CaseId& other) { return Str("\"", FormatCaseId(other), "\""); });
  return Str("{\"case\":\"", FormatCaseId(found.case_id), "\",\"linked_cases\":", linked,
             ",\"held_by\":", JsonString(found.held_by),
             ",\"parties\":", parties, ",\"received\":", received, ",\"reads\":", reads,
             ",\"corrections\":", ActsJson(found.corrections),
             ",\"erasure_acts\":", ActsJson(found.erasure_acts), ",\"erasures\":", erasures,
             ",\"logs_held\":", ListJson(found.logs, names),
             ",\"reads_known_of\":", ListJson(found.reads_known, names), "}");
}

ExitCode RunDisclosures(const Args& args, Io& io) {
  const auto request = ParsePageRequest(args);
  if (!request.ok()) return FailUsage(io, ToStd(request.status().message()));
  const auto reading = OpenReading(args);
  if (!reading.ok()) return Fail(io, reading.status());
  const auto persons = host::Persons::Read(reading->store->engine());
  if (!persons.ok()) return Fail(io, persons.status());
  std::vector<CaseId> linked = persons->LinkedTo(request->case_id);
  // What was done with the case, not what stands in it: no section is opened to the reader, but that another case is
  // of the same person.
  const SectionSet shown = linked.empty() ? SectionSet() : OnlySection(SectionKind::kIdentity);
  const auto recorded = RecordLook(*reading, args, request->claim,
                                   {.command = "disclosures", .case_id = request->case_id, .sections = shown});
  if (!recorded.ok()) return Fail(io, recorded);
  const config::v1::Agreement& agreement = reading->config.agreement;
  auto found = audit::FindDisclosures(*reading->store, request->case_id, agreement);
  if (!found.ok()) return Fail(io, found.status());
  found->linked = std::move(linked);
  if (args.json()) {
    io.out << DisclosuresJson(*found) << "\n";
    return kExitOk;
  }
  return ShowPage(
      MakePage(*found, agreement, request->language, args.Has("all"), absl::Now()),
      request->html_file, io);
}

}  // namespace

Command DisclosuresCommand() {
  return {
      {.name = "disclosures",
       .summary = "the client's answer: who received what of a case, on which basis, and who looked",
       .operands = "CASE",
       .min_operands = 1,
       .max_operands = 1,
       .flags = RecordedReadingFlags(
           {{"lang", "fi|sv|en", "language of the answer; fi"},
            {"all", "", "a row each, instead of a row for what is alike"},
            {"html", "FILE", "a printable page, one file that needs nothing else; must not exist"}}),
       .details =
           "From every log held here: the parties and since when, what each agency received, when and on which "
           "legal basis\n"
           "by the agreement that held then, who looked with which purpose, corrections and erasures with the "
           "answers of\n"
           "receivers. It says what it cannot show: reads at agencies whose record is not held here, and copies. "
           "This look\n"
           "itself is put on record and stands in the next answer. Officials are shown by pseudonym.",
       .examples =
           "polku disclosures 0123456789abcdef0123456789abcdef --config oulu-referral.textproto \\\n"
           "  --official oma-1 --purpose client-request --basis 'EU 2016/679, 15'\n"
           "polku disclosures 0123456789abcdef0123456789abcdef --config oulu-referral.textproto --lang sv --html svar.html \\\n"
           "  --official oma-1 --purpose client-request --basis 'EU 2016/679, 15'"},
      RunDisclosures};
}

}  // namespace polku::cli
