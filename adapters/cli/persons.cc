// Whether a person is met twice (services/host/persons.h). Case ids alone are shown: who they are of is read
// with `polku case`, a read of its own.
#include "services/host/persons.h"

#include <istream>
#include <string>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "adapters/cli/local_text.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/status.h"
#include "eventstore/base/process.h"
#include "services/audit/event_json.h"
#include "services/host/keys.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxCodeBytes = 64;

std::string CaseJson(const CaseId& case_id) { return Str("\"", FormatCaseId(case_id), "\""); }

std::string ListJson(const std::vector<CaseId>& cases) {
  std::string json;
  for (const CaseId& case_id : cases) json += Str(json.empty() ? "" : ",", CaseJson(case_id));
  return Str("[", json, "]");
}

constexpr Texts kLinkedTo = {"yhdistetty asiaan", "kopplat till", "linked to"};
constexpr Texts kNoCase = {"missään täällä olevassa asiassa ei ole eikä ole ollut sitä henkilötunnusta",
                           "inget ärende här har eller har haft den personbeteckningen",
                           "no case held here has or had that identity code"};
constexpr Texts kPairs = {"asiapareja, joilla on yhteinen henkilötunnus ja joita ei ole yhdistetty:",
                          "par av ärenden med samma personbeteckning som inte är sammankopplade:",
                          "pairs of cases with an identity code in common and no link:"};
// Before the number of entries.
constexpr Texts kBehind = {
    "Henkilöhakemistosta puuttuu vielä lokien merkintöjä; käynnissä oleva palvelu lisää ne: hae uudelleen, tai "
    "käynnistä palvelu. Merkintöjä puuttuu:",
    "I personregistret saknas ännu anteckningar ur loggarna; tjänsten lägger till dem när den är i gång: sök på nytt "
    "eller starta tjänsten. Anteckningar saknas:",
    "The index of persons lacks entries of the logs yet; the service takes them in while it runs: look again, or start "
    "it. Entries lacking:"};

// A store whose index of persons was never made would answer "nobody", whoever is asked for.
absl::Status CheckIndexed(const Reading& reading, const host::BlindKey* key) {
  POLKU_ASSIGN_OR_RETURN(const uint64_t missing, host::EntriesNotIndexed(reading.store->engine(), key));
  uint64_t held = 0;
  for (const auto& log : reading.store->logs()) held += log.head.frontier.size().value();
  if (missing < held || held == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable,
               "this service has no index of persons yet (or only one under a key that was replaced), so whether somebody "
               "is met twice cannot be said: start the service, which makes it, and ask again");
}

// The code must be neither in a command line, which other users see, nor in a shell's history.
absl::StatusOr<Hash> ReadCode(const host::BlindKey& key, std::istream& in) {
  std::string code;
  for (char c = 0; code.size() <= kMaxCodeBytes && in.get(c) && c != '\n';) code.push_back(c);
  const auto blind = host::BlindCode(key, code);
  Wipe(code);
  if (blind) return *blind;
  return absl::InvalidArgumentError(
      "what came on the input is no personal identity code: give one line, e.g. 010190-900P, of which date, "
      "separator and check character fit");
}

ExitCode RunPersons(const Args& args, Io& io) {
  const std::string& action = args.operands()[0];
  const bool find = action == "find";
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  if (!find && action != "duplicates") return FailUsage(io, "persons takes find or duplicates");
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const auto opened = OpenReading(args);
  if (!opened.ok()) return Fail(io, opened.status());
  std::optional<Hash> blind;
  if (!find) {
    if (const absl::Status indexed = CheckIndexed(*opened, nullptr); !indexed.ok()) return Fail(io, indexed);
  } else {
    const auto key = host::LoadBlindKey(opened->config.keys_directory);
    if (!key.ok()) return Fail(io, key.status());
    if (const absl::Status indexed = CheckIndexed(*opened, &*key); !indexed.ok()) return Fail(io, indexed);
    const auto code = ReadCode(*key, io.in);
    if (!code.ok()) return Fail(io, code.status());
    blind = *code;
  }
  const auto recorded = RecordLook(*opened, args, *claim,
                                   {.command = find ? "persons find" : "persons duplicates",
                                    .sections = OnlySection(SectionKind::kIdentity)});
  if (!recorded.ok()) return Fail(io, recorded);
  const auto persons = host::Persons::Read(opened->store->engine());
  if (!persons.ok()) return Fail(io, persons.status());
  const auto behind = host::EntriesNotIndexed(opened->store->engine());
  if (!behind.ok()) return Fail(io, behind.status());

  if (find) {
    const std::vector<CaseId> cases = persons->Cases(*blind);
    if (args.json()) {
      std::string list;
      for (const CaseId& case_id : cases) {
        list += Str(list.empty() ? "" : ",", "{\"case\":", CaseJson(case_id), ",\"linked\":",
                    ListJson(persons->LinkedTo(case_id)), "}");
      }
      io.out << "{\"cases\":[" << list << "],\"not_indexed\":" << *behind << "}\n";
    } else {
      for (const CaseId& case_id : cases) {
        io.out << FormatCaseId(case_id);
        for (const CaseId& other : persons->LinkedTo(case_id)) {
          io.out << "  " << Say(kLinkedTo, *language) << " " << FormatCaseId(other);
        }
        io.out << "\n";
      }
      if (cases.empty()) io.out << Say(kNoCase, *language) << "\n";
    }
  } else {
    const std::vector<host::Persons::Pair> pairs = persons->OpenPairs();
    if (args.json()) {
      std::string list;
      for (const auto& [a, b] : pairs) {
        list += Str(list.empty() ? "" : ",", "[", CaseJson(a), ",", CaseJson(b), "]");
      }
      io.out << "{\"pairs\":[" << list << "],\"not_indexed\":" << *behind << "}\n";
    } else {
      for (const auto& [a, b] : pairs) io.out << FormatCaseId(a) << "  " << FormatCaseId(b) << "\n";
      io.out << Say(kPairs, *language) << " " << pairs.size() << "\n";
    }
  }
  if (!args.json() && *behind > 0) io.out << Say(kBehind, *language) << " " << *behind << "\n";
  return kExitOk;
}

}  // namespace

Command PersonsCommand() {
  return {
      {.name = "persons",
       .summary = "cases of one person: find those of an identity code, list those that may be of one and are not linked",
       .operands = "find|duplicates",
       .min_operands = 1,
       .max_operands = 1,
       .flags = RecordedReadingFlags({{"lang", "fi|sv|en", "language of the answer; fi"}}),
       .details =
           "`find` reads an identity code from the standard input, never from the command line, and lists the cases whose\n"
           "client has or had it. `duplicates` lists pairs of cases that have a code in common, present or earlier, and that\n"
           "no CasesLinked joins. Cases are never merged: link those of one person with polku.referral.v1.CasesLinked in each\n"
           "of the two. Codes are kept blinded, under a key of this service alone; no code is stored in the clear or shown.\n"
           "The index is made by the service while it runs: exit code 4 where there is none yet.",
       .examples =
           "polku persons find --config oulu-referral.textproto --official oma-1 --purpose case-handling "
           "--basis 'laki 189/2001' < code.txt\n"
           "polku persons duplicates --config oulu-referral.textproto --official oma-1 --purpose supervision "
           "--basis 'laki 189/2001' --json"},
      RunPersons};
}

}  // namespace polku::cli
