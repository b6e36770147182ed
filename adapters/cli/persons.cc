// Whether a person is met twice (services/host/persons.h). Case ids alone are shown: who they are of is read
// with `polku case`, a read of its own.
#include "services/host/persons.h"

#include <istream>
#include <string>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
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

// What an index that is behind does not say, in words; empty: nothing.
std::string BehindText(uint64_t entries) {
  if (entries == 0) return "";
  return Str("the index of persons lacks ", Counted(entries, "entry", "entries"),
             " of the logs: the running service takes them in; look again, or start it");
}

// The code must be neither in a command line, which other users see, nor in a shell's history.
absl::StatusOr<Hash> ReadCode(const host::Config& config, std::istream& in) {
  POLKU_ASSIGN_OR_RETURN(const host::BlindKey key, host::LoadBlindKey(config.keys_directory));
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
  if (!find && action != "duplicates") return FailUsage(io, "persons takes find or duplicates");
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  const auto opened = OpenReading(args);
  if (!opened.ok()) return Fail(io, opened.status());
  std::optional<Hash> blind;
  if (find) {
    const auto code = ReadCode(opened->config, io.in);
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
          io.out << "  linked: " << FormatCaseId(other);
        }
        io.out << "\n";
      }
      if (cases.empty()) io.out << "no case held here has or had that code\n";
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
      io.out << Counted(pairs.size(), "pair") << " of cases with an identity code in common and no link\n";
    }
  }
  if (!args.json() && *behind > 0) io.out << BehindText(*behind) << "\n";
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
       .flags = RecordedReadingFlags({}),
       .details =
           "`find` reads an identity code from the standard input, never from the command line, and lists the cases whose\n"
           "client has or had it. `duplicates` lists pairs of cases that have a code in common, present or earlier, and that\n"
           "no CasesLinked joins. Cases are never merged: link those of one person with polku.referral.v1.CasesLinked in each\n"
           "of the two. Codes are kept blinded, under a key of this service alone; no code is stored in the clear or shown.",
       .examples =
           "polku persons find --config oulu-referral.textproto --official oma-1 --purpose case-handling "
           "--basis 'laki 189/2001' < code.txt\n"
           "polku persons duplicates --config oulu-referral.textproto --official oma-1 --purpose supervision "
           "--basis 'laki 189/2001' --json"},
      RunPersons};
}

}  // namespace polku::cli
