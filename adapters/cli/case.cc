#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/render.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/audit/corrections.h"
#include "services/audit/event_json.h"
#include "services/audit/knowledge.h"
#include "services/audit/summary.h"
#include "services/host/epochs.h"
#include "services/host/erased.h"
#include "services/host/persons.h"

namespace polku::cli {
namespace {

// "Päivämerkintä (Toimintatupa, läsnäolo #12)"
std::string PlaceText(std::string_view origin, Position position, std::string_view type,
                      const config::v1::Agreement& agreement, Language language) {
  const auto name = OriginName::Parse(origin);
  const std::string log =
      name.ok() ? Str(AgencyLabel(agreement, name->agency(), language), ", ", ServiceLabel(name->service(), language))
                : std::string(origin);
  const std::string place = Str(Plain(log), " #", position.value());
  return type.empty() ? place : Str(Plain(EventLabel(type, language)), " (", place, ")");
}

std::string ConcurrentText(const audit::Knowledge& knowledge,
                           const config::v1::Agreement& agreement, Language language) {
  std::string text;
  for (const audit::ConcurrentEntries& other : knowledge.concurrent) {
    text += Str(text.empty() ? "" : "; ", PlaceText(other.origin, other.newest, other.newest_type,
                                                    agreement, language));
    if (other.count > 1) text += Str(" + ", other.count - 1, " ", Label(Word::kMore, language));
  }
  return text;
}

// What the answer to "what did that agency know" rests on, a line a log.
void PrintBasis(const audit::KnownTo& known, Language language, Io& io) {
  io.out << "\n" << Label(Word::kKnownTo, language) << " " << Plain(known.agency) << ", "
         << ExactTime(known.at) << "\n";
  for (const audit::KnownTo::Log& log : known.logs) {
    io.out << "  " << Plain(log.origin) << "  ";
    if (log.own) {
      io.out << Label(Word::kOwnLog, language) << "\n";
    } else if (!log.cosignature) {
      io.out << Label(Word::kNotCosigned, language) << "\n";
    } else {
      io.out << "#0-" << log.until.value() - 1 << "  " << Label(Word::kCosigned, language) << " "
             << Plain(log.cosignature->witness) << ", " << ExactTime(log.cosignature->time) << "\n";
    }
  }
}

std::string BasisJson(const audit::KnownTo& known) {
  std::string json = Str("{\"known_to\":", audit::JsonString(known.agency), ",\"at\":\"",
                         polku::FormatTime(known.at), "\",\"logs\":[");
  const char* separator = "";
  for (const audit::KnownTo::Log& log : known.logs) {
    json += Str(separator, "{\"origin\":", audit::JsonString(log.origin),
                ",\"own\":", log.own ? "true" : "false");
    // Of its own log: what it recorded by then, wherever that stands.
    json += log.own ? Str(",\"recorded_by\":\"", polku::FormatTime(known.at), "\"")
                    : Str(",\"until\":", log.until.value());
    if (log.cosignature) {
      json += Str(",\"witness\":", audit::JsonString(log.cosignature->witness),
                  ",\"cosigned_at\":\"", polku::FormatTime(log.cosignature->time), "\"");
    }
    json += "}";
    separator = ",";
  }
  return json + "]}";
}

// Of each entry of the case that a later one took the place of, where that stands: an event corrects one of its own log,
// earlier epochs included.
class Corrections {
 public:
  struct Place {
    std::string origin;
    Position position;
    std::string type;
  };
  void Add(const audit::Event& event) {
    Entry entry{std::string(host::EpochsOf(event.origin)), event.id};
    if (const auto corrected = EventId::FromBytes(event.header.corrects())) {
      by_[{entry.first, *corrected}] = {std::string(event.origin), event.position, event.header.type()};
      of_[entry] = {entry.first, *corrected};
    }
    places_[std::move(entry)] = {std::string(event.origin), event.position, event.header.type()};
  }
  // Null: it stands.
  const Place* By(const audit::Event& event) const { return Find(by_, Key(event)); }
  // Null: it corrects nothing that is shown here.
  const Place* Of(const audit::Event& event) const {
    const auto found = of_.find(Key(event));
    return found == of_.end() ? nullptr : Find(places_, found->second);
  }

 private:
  using Entry = std::pair<std::string, EventId>;
  static Entry Key(const audit::Event& event) { return {std::string(host::EpochsOf(event.origin)), event.id}; }
  static const Place* Find(const std::map<Entry, Place>& places, const Entry& entry) {
    const auto found = places.find(entry);
    return found == places.end() ? nullptr : &found->second;
  }
  std::map<Entry, Place> by_;
  std::map<Entry, Entry> of_;
  std::map<Entry, Place> places_;
};

void PrintCaseEvent(const audit::Event& event, const Corrections& corrections, const Names& names, Language language,
                    bool brief, bool causes, Io& io) {
  PrintEvent(event, names, language, brief, io);
  const auto corrected = [&](Word word, const Corrections::Place* place) {
    if (place == nullptr) return;
    io.out << (brief ? std::string_view("  ") : kEventIndent) << "↻ " << Label(word, language) << ": "
           << PlaceText(place->origin, place->position, place->type, names.agreement, language) << (brief ? "" : "\n");
  };
  corrected(Word::kReplaced, corrections.By(event));
  corrected(Word::kReplaces, corrections.Of(event));
  if (!event.counts && corrections.By(event) == nullptr) {
    io.out << (brief ? std::string_view("  ") : kEventIndent) << "⊘ " << Label(Word::kDoesNotCount, language)
           << (brief ? "" : "\n");
  }
  if (!event.knowledge->concurrent.empty()) {
    io.out << (brief ? std::string_view("  ") : kEventIndent) << "∥ " << Label(Word::kConcurrent, language)
           << ": " << ConcurrentText(*event.knowledge, names.agreement, language) << (brief ? "" : "\n");
  }
  if (brief) io.out << "\n";
  if (!causes) return;
  for (const audit::KnownEntry& known : event.knowledge->known) {
    io.out << kEventIndent << Label(Word::kKnew, language) << ": "
           << PlaceText(known.origin, known.position, known.type, names.agreement, language) << "\n";
  }
}

// `linked`: cases of the same person, as either of them says.
void PrintSummary(const audit::CaseSummary& summary, const std::set<CaseId>& linked,
                  const config::v1::Agreement& agreement, absl::CivilDay today, Language language,
                  Io& io) {
  io.out << "\n" << Label(Word::kAtAGlance, language) << "\n";
  const auto line = [&](Word word, const std::string& value) {
    io.out << "  " << PadTo(std::string(Label(word, language)), 24) << " " << value << "\n";
  };
  line(Word::kStatus, RenderStatus(summary, today, language));
  line(Word::kPlace, RenderPlace(summary, agreement, language));
  line(Word::kPeriodDays, RenderPeriod(summary, language));
  line(Word::kCaseManager, RenderCaseManagers(summary, agreement, language));
  line(Word::kAttended, std::to_string(summary.attended));
  line(Word::kAbsences, RenderAbsences(summary, language));
  line(Word::kNotHeld, std::to_string(summary.not_held));
  line(Word::kAllowance, RenderMoney(summary.allowance, language));
  line(Word::kTravel, RenderTravel(summary, language));
  line(Word::kPerks, RenderPerks(summary, language));
  line(Word::kAssessed, RenderAssessed(summary, language));
  for (const std::string& score : RenderScores(summary, language)) line(Word::kKykyviisari, score);
  for (const std::string& due : RenderDues(summary, today, language)) line(Word::kDue, due);
  if (summary.due.empty()) line(Word::kDue, "-");
  for (const std::string& one : RenderCommitments(summary, today, agreement, language)) line(Word::kCommitments, one);
  if (summary.open_breaches > 0) line(Word::kOpenBreaches, std::to_string(summary.open_breaches));
  for (const std::string& alert : RenderAlerts(summary, language)) line(Word::kAlerts, alert);
  line(Word::kBenefits, RenderBenefits(summary, language));
  line(Word::kParallel, RenderParallel(summary, language));
  for (const audit::Contradiction& one : summary.contradictions) {
    line(Word::kContradictory, RenderContradiction(one, agreement, language));
  }
  for (const CaseId& other : linked) line(Word::kLinkedCases, FormatCaseId(other));
}

void PrintOpenCorrections(const std::vector<audit::OpenCorrection>& open,
                          const config::v1::Agreement& agreement, Language language, Io& io) {
  if (open.empty()) return;
  io.out << "\n" << Label(Word::kNotYetCorrected, language) << "\n";
  for (const audit::OpenCorrection& one : open) {
    io.out << "  " << TimeText(one.approved_at, language) << "  "
           << Plain(AgencyLabel(agreement, one.agency, language)) << "  "
           << FormatEventId(one.corrected) << "\n";
  }
}

// A mistyped agency had nothing either: the reader must not take that for an answer.
void WarnUnlessNamed(const audit::KnownTo& known, const host::Config& config, Io& io) {
  std::set<std::string, std::less<>> named = known.agencies;
  for (const auto& witness : config.witnesses) named.insert(witness.agency);
  if (named.contains(known.agency)) return;
  std::string names;
  for (const std::string& name : named) names += Str(names.empty() ? "" : ", ", Plain(name));
  io.err << "polku: WARNING: no log held here is of " << Plain(known.agency)
         << " and no witness of it is known here, so nothing can be shown of what it knew; is the name right? "
            "Named here are: "
         << names << "\n";
}

// Entries of which not even the header is left, by the fence in what each log says of its erasures.
absl::StatusOr<std::vector<host::ErasedEntry>> ErasedWhole(audit::Store& store,
                                                           const CaseId& case_id) {
  const Hash fence = FenceOf(case_id);
  std::vector<host::ErasedEntry> whole;
  for (const auto& held : store.logs()) {
    POLKU_ASSIGN_OR_RETURN(auto entries, host::ErasedEntries(store.engine(), held));
    for (host::ErasedEntry& entry : entries) {
      const bool leaves = std::any_of(entry.parts.begin(), entry.parts.end(),
                                      [](const auto& part) { return part.leaf; });
      if (entry.fence == fence && leaves) whole.push_back(std::move(entry));
    }
  }
  return whole;
}

void PrintErasedWhole(const std::vector<host::ErasedEntry>& erased, bool json, Language language,
                      Io& io) {
  for (const host::ErasedEntry& entry : erased) {
    if (json) {
      io.out << Str("{\"erased_from\":", audit::JsonString(entry.of), ",\"origin\":",
                    audit::JsonString(entry.origin), ",\"position\":", entry.position.value(), ",\"on\":\"", FormatDay(entry.recorded_on),
                    "\",\"entries\":", entry.parts.size(), ",\"legal_basis\":",
                    audit::JsonString(entry.erased.legal_basis()), "}\n");
    } else {
      io.out << Label(Word::kEntriesErased, language) << " " << Plain(entry.of) << ": "
             << DayText(entry.recorded_on, language) << " (" << Plain(entry.erased.legal_basis()) << ")\n";
    }
  }
}

ExitCode RunCase(const Args& args, Io& io) {
  const auto case_id = ParseCaseId(args.operands()[0]);
  if (!case_id) return FailUsage(io, "the case is not 32 hexadecimal digits");
  if (case_id->is_zero()) return FailUsage(io, "the case is all zeros: that is no case");
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  auto filter = ReadFilter(args);
  if (!filter.ok()) return FailUsage(io, ToStd(filter.status().message()));
  if (args.Has("known-to") != args.Has("at")) {
    return FailUsage(io, "--known-to and --at go together: which agency, and when");
  }
  std::optional<absl::Time> at;
  if (args.Has("at")) {
    const auto end = ParseEnd("at", args.Get("at"));
    if (!end.ok()) return FailUsage(io, ToStd(end.status().message()));
    at = *end - absl::Microseconds(1);
  }
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const auto reading = OpenRecorded(
      args, *claim, {.command = "case", .case_id = *case_id, .sections = AllSections()});
  if (!reading.ok()) return Fail(io, reading.status());
  std::optional<audit::KnownTo> known;
  if (at) {
    auto found = audit::FindKnownTo(*reading->store, args.Get("known-to"), *at);
    if (absl::IsInvalidArgument(found.status())) {
      return FailUsage(io, Str("--known-to: ", found.status().message()));
    }
    if (!found.ok()) return Fail(io, found.status());
    known = *std::move(found);
    WarnUnlessNamed(*known, reading->config, io);
    filter->known_to = &*known;
  }

  const config::v1::Agreement& agreement = reading->config.agreement;
  const Names names{agreement, reading->config.profile};
  audit::History history(*reading->store);
  audit::SummaryFold fold(reading->config.profile, reading->store->logs());
  const auto print_heading = [&] {
    io.out << Label(Word::kCase, *language) << " " << FormatCaseId(*case_id) << ", "
           << Label(Word::kHeldBy, *language) << " "
           << AgencyLabel(agreement, reading->config.origin.agency(), *language);
    if (args.Has("as-of"))
      io.out << ", " << Label(Word::kAsOf, *language) << " " << DayText(args.Get("as-of"), *language);
    if (filter->valid_on) {
      io.out << ", " << Label(Word::kValidOn, *language) << " " << DayText(*filter->valid_on, *language);
    }
    if (known) {
      io.out << ", " << Label(Word::kKnownTo, *language) << " "
             << AgencyLabel(agreement, known->agency, *language) << " " << ExactTime(known->at);
    }
    io.out << "\n\n";
  };
  const access::Policy policy(agreement);
  audit::CorrectionsFold corrections(policy, reading->config.origin.text());
  uint64_t shown = 0;
  filter->policy = &policy;
  // First what the whole case says by then, whichever part of it is asked for: what was replaced, and how it stands.
  audit::Filter whole_case = *filter;
  whole_case.origin.clear();
  whole_case.type.clear();
  whole_case.from_position = whole_case.until_position = std::nullopt;
  whole_case.from_time = whole_case.until_time = std::nullopt;
  Corrections replaced;
  if (!args.json()) {
    const absl::Status folded = history.Timeline(*case_id, whole_case, [&](const audit::Event& event) {
      replaced.Add(event);
      fold.Add(event);
      return absl::OkStatus();
    });
    if (!folded.ok() && !absl::IsNotFound(folded)) return Fail(io, folded);
  }
  const absl::Status status =
      history.Timeline(*case_id, *filter, [&](const audit::Event& event) -> absl::Status {
        corrections.Add(event);
        if (shown++ == 0 && !args.json()) print_heading();
        if (args.json()) {
          POLKU_ASSIGN_OR_RETURN(const std::string json, audit::EventJson(event));
          io.out << json << "\n";
        } else {
          PrintCaseEvent(event, replaced, names, *language, args.Has("brief"), args.Has("causes"), io);
        }
        return absl::OkStatus();
      });
  const auto erased = ErasedWhole(*reading->store, *case_id);
  if (!erased.ok()) return Fail(io, erased.status());
  if (!status.ok() && !(absl::IsNotFound(status) && !erased->empty())) return Fail(io, status);
  PrintErasedWhole(*erased, args.json(), *language, io);
  if (args.Has("access")) {
    const absl::Status reads = history.Timeline(
        access::AccessStreamOf(*case_id), {}, [&](const audit::Event& event) -> absl::Status {
          if (!args.json()) {
            PrintEvent(event, names, *language, args.Has("brief"), io);
            if (args.Has("brief")) io.out << "\n";
            return absl::OkStatus();
          }
          POLKU_ASSIGN_OR_RETURN(const std::string json, audit::EventJson(event));
          io.out << json << "\n";
          return absl::OkStatus();
        });
    // Nobody had looked before this read, and nothing was asked.
    if (!reads.ok() && !absl::IsNotFound(reads)) return Fail(io, reads);
  }
  if (args.json()) {
    if (known) io.out << BasisJson(*known) << "\n";
    return kExitOk;
  }
  if (shown == 0) {
    if (erased->empty()) print_heading();
    io.out << Label(Word::kNothing, *language) << "\n";
  } else {
    const audit::Summary summary = fold.Finish();
    if (summary.cases.empty()) return kExitOk;  // a place's own case: no client to say more of
    std::set<CaseId> linked = summary.cases.front().linked;
    if (!filter->as_of && !filter->valid_on && !known) {
      const auto persons = host::Persons::Read(reading->store->engine());
      if (!persons.ok()) return Fail(io, persons.status());
      for (const CaseId& other : persons->LinkedTo(*case_id)) linked.insert(other);
    }
    PrintSummary(summary.cases.front(), linked, agreement,
                 JudgedOn(reading->config, *filter), *language, io);
    // Of a part of the case it cannot be said what has not followed.
    const bool whole = !args.Has("origin") && !args.Has("type") && !args.Has("from") &&
                       !args.Has("until") && !args.Has("valid-on");
    if (whole) PrintOpenCorrections(corrections.Open(), agreement, *language, io);
  }
  if (known) {
    if (shown == 0) io.out << Label(Word::kAbsenceProvesNothing, *language) << "\n";
    PrintBasis(*known, *language, io);
  }
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
       .flags = RecordedReadingFlags(
           {{"lang", "fi|sv|en", "language of steps and labels; fi"},
            {"brief", "", "a line an event, without its content"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"valid-on", "DAY", "what had become true in the world by the end of that day"},
            {"known-to", "AGENCY", "what that agency is shown to have had at --at, and its sections alone"},
            {"at", "TIME", "that time, or the end of that day"},
            {"access", "", "also who looked, and what was asked to be erased"},
            {"causes", "", "under each event what its author knew of the other logs"},
            {"from", "TIME", "recorded from that day or time on"},
            {"until", "TIME", "recorded until that day (inclusive) or time"},
            {"type", "TYPE", "only events of that type; DayRecorded, or polku.attendance.*"},
            {"origin", "ORIGIN", "only from that log"}}),
       .details =
           "Who did what when, in the merged order that every agency computes alike. The day is "
           "the event's own\n"
           "where it has one and it is visible here, else that of recording. Sections that this "
           "agency\n"
           "is not entitled to are named as sealed. An event marked ∥ was recorded before its "
           "author's service had\n"
           "received what is named there. --as-of goes by the time of recording, --valid-on by the "
           "day in the world;\n"
           "together they ask what was on record then about that day. What tells of several days (an absence notice, a\n"
           "payment) counts from the last of them; a line says which it covers. --known-to rests on the "
           "agency's own cosignatures,\n"
           "which are listed; `polku bundle --known-to` makes a file of the proof. Works while the service runs and after it "
           "stopped. Reads the\n"
           "service's data and keys: run it as the service's user. --json prints an event a line.",
       .examples =
           "polku case 0123456789abcdef0123456789abcdef --config oulu-referral.textproto \\\n"
           "  --official oma-1 --purpose case-handling --basis 'laki 189/2001'\n"
           "polku case 0123456789abcdef0123456789abcdef --config kela.textproto --lang en --as-of 2025-03-31 \\\n"
           "  --official etuus-3 --purpose payment --basis 'laki 189/2001'\n"
           "polku case 0123456789abcdef0123456789abcdef --config tarkastaja.textproto --known-to FI/GOV/0246246-0/kela \\\n"
           "  --at 2025-03-31T12:00:00Z --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'"},
      RunCase};
}

}  // namespace polku::cli
