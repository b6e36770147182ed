#include "eventstore/proof/policy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/text.h"

namespace polku::proof {
namespace {

constexpr std::string_view kNone = "none";

// The items of a line, between spaces and tabs.
std::vector<std::string_view> SplitItems(std::string_view line) {
  std::vector<std::string_view> items;
  for (size_t at = line.find_first_not_of(" \t"); at != std::string_view::npos;
       at = line.find_first_not_of(" \t", at)) {
    const size_t end = std::min(line.find_first_of(" \t", at), line.size());
    items.push_back(line.substr(at, end - at));
    at = end;
  }
  return items;
}

bool IsPolicyText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return c == '\t' || c == '\n' || (byte >= 0x20 && byte != 0x7f);
  });
}

absl::Status Invalid(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, what);
}

}  // namespace

absl::StatusOr<Policy> Policy::Parse(std::string_view text) {
  if (text.size() > kMaxPolicyBytes) return Invalid("policy: longer than 256 KiB");
  if (!IsPolicyText(text)) return Invalid("policy: control characters other than tab and newline");
  Policy policy;
  bool has_quorum = false;
  Names members;  // of any group
  std::string_view line;
  for (int number = 1; TakeLine(text, line); ++number) {
    const absl::Status status = policy.ParseLine(line, members, has_quorum);
    if (!status.ok()) return Annotate(status, Str("policy: line ", number));
  }
  if (!text.empty()) return Invalid("policy: the last line does not end with a newline");
  if (!has_quorum) return Invalid("policy: no quorum line; \"quorum none\" asks for no witness");
  return policy;
}

absl::Status Policy::ParseLine(std::string_view line, Names& members, bool& has_quorum) {
  const std::vector<std::string_view> items = SplitItems(line);
  if (items.empty() || items[0][0] == '#') return absl::OkStatus();
  if (items[0] == "log") return ParseLog(items);
  if (items[0] == "witness") return ParseWitness(items);
  if (items[0] == "group") return ParseGroup(items, members);
  if (items[0] != "quorum") return Invalid("begins with none of log, witness, group and quorum");
  if (has_quorum) return Invalid("a second quorum line");
  if (items.size() != 2) return Invalid("not of the form \"quorum <name>\"");
  has_quorum = true;
  if (items[1] == kNone) return absl::OkStatus();
  if (names_.find(items[1]) == names_.end()) {
    return Error(absl::StatusCode::kInvalidArgument, items[1],
                 " is no witness or group of an earlier line");
  }
  quorum_ = std::string(items[1]);
  return absl::OkStatus();
}

absl::Status Policy::ParseLog(const std::vector<std::string_view>& items) {
  if (items.size() != 2 && items.size() != 3)
    return Invalid("not of the form \"log <vkey> [<url>]\"");
  POLKU_ASSIGN_OR_RETURN(VerifierKey key, VerifierKey::Parse(items[1], KeyUse::kCheckpoint));
  for (const VerifierKey& other : logs_) {
    if (other.key() == key.key()) return Invalid("the same key as that of an earlier log");
  }
  logs_.push_back(std::move(key));
  return absl::OkStatus();
}

absl::Status Policy::ParseWitness(const std::vector<std::string_view>& items) {
  if (items.size() != 3 && items.size() != 4) {
    return Invalid("not of the form \"witness <name> <vkey> [<url>]\"");
  }
  POLKU_ASSIGN_OR_RETURN(VerifierKey key, VerifierKey::Parse(items[2], KeyUse::kCosignature));
  for (const PolicyWitness& other : witnesses_) {
    if (other.key.key() == key.key()) return Invalid("the same key as that of an earlier witness");
  }
  POLKU_RETURN_IF_ERROR(Define(items[1]));
  witnesses_.push_back({std::string(items[1]), std::move(key)});
  return absl::OkStatus();
}

absl::Status Policy::ParseGroup(const std::vector<std::string_view>& items, Names& members) {
  if (items.size() < 4) return Invalid("not of the form \"group <name> all|any|<k> <name>...\"");
  Group group;
  group.name = std::string(items[1]);
  for (size_t i = 3; i < items.size(); ++i) {
    if (names_.find(items[i]) == names_.end()) {
      return Error(absl::StatusCode::kInvalidArgument, items[i],
                   " is no witness or group of an earlier line");
    }
    // Otherwise one witness could count twice.
    if (!members.emplace(items[i]).second) {
      return Error(absl::StatusCode::kInvalidArgument, items[i], " is listed in a group already");
    }
    group.members.emplace_back(items[i]);
  }
  if (items[2] == "all") {
    group.needed = group.members.size();
  } else if (items[2] == "any") {
    group.needed = 1;
  } else {
    const std::optional<uint64_t> needed = ParseDecimal(items[2]);
    if (!needed || *needed < 1 || *needed > group.members.size()) {
      return Error(absl::StatusCode::kInvalidArgument, items[2],
                   " is not all, any or a number from 1 to that of the members, ",
                   group.members.size());
    }
    group.needed = *needed;
  }
  POLKU_RETURN_IF_ERROR(Define(items[1]));
  groups_.push_back(std::move(group));
  return absl::OkStatus();
}

absl::Status Policy::Define(std::string_view name) {
  if (name == kNone) return Invalid("none is not a name");
  if (!names_.emplace(name).second) {
    return Error(absl::StatusCode::kInvalidArgument, name, " is defined already");
  }
  return absl::OkStatus();
}

std::string Policy::Format(const std::vector<VerifierKey>& logs,
                           const std::vector<VerifierKey>& witnesses, size_t threshold) {
  std::string text;
  for (const VerifierKey& log : logs) text += Str("log ", log.Format(), "\n");
  if (!logs.empty()) text += "\n";
  std::string names;
  for (size_t i = 0; i < witnesses.size(); ++i) {
    const std::string name = Str("w", i + 1);
    text += Str("# ", witnesses[i].name(), "\nwitness ", name, " ", witnesses[i].Format(), "\n");
    names += Str(" ", name);
  }
  if (!witnesses.empty()) text += "\n";
  if (threshold == 0) return Str(text, "quorum ", kNone, "\n");
  return Str(text, "group witnesses ", threshold, names, "\nquorum witnesses\n");
}

const VerifierKey* Policy::FindLog(std::string_view origin) const {
  const auto log = std::find_if(logs_.begin(), logs_.end(),
                                [origin](const VerifierKey& key) { return key.name() == origin; });
  return log == logs_.end() ? nullptr : &*log;
}

absl::StatusOr<Policy::Verdict> Policy::Check(std::string_view note) const {
  POLKU_ASSIGN_OR_RETURN(const Note parsed, ParseNote(note));
  Verdict verdict;
  POLKU_ASSIGN_OR_RETURN(verdict.checkpoint, ParseCheckpointBody(parsed.body));
  const std::string& origin = verdict.checkpoint.origin;
  if (FindLog(origin) == nullptr) {
    return Error(absl::StatusCode::kUnauthenticated, "policy: ", origin, " is not a listed log");
  }
  const auto has_line_of = [&parsed](const VerifierKey& key) {
    return std::any_of(parsed.signatures.begin(), parsed.signatures.end(),
                       [&key](const NoteSignature& line) {
                         return line.name == key.name() && line.key_id == key.key_id();
                       });
  };
  bool signed_by_log = false;
  for (const VerifierKey& log : logs_) {
    if (log.name() != origin || !has_line_of(log)) continue;
    POLKU_RETURN_IF_ERROR(VerifyCheckpoint(note, log).status());
    signed_by_log = true;
  }
  if (!signed_by_log) {
    return Error(absl::StatusCode::kUnauthenticated, "policy: not signed by the listed key of ",
                 origin);
  }
  Names witnessed;
  for (const PolicyWitness& witness : witnesses_) {
    const absl::StatusOr<absl::Time> time = VerifyCosignature(note, witness.key);
    if (absl::IsNotFound(time.status())) continue;
    if (!time.ok()) return time.status();
    absl::Time& latest = verdict.cosigned.emplace(witness.key.name(), *time).first->second;
    latest = std::max(latest, *time);
    witnessed.insert(witness.name);
  }
  verdict.quorum = Quorum(std::move(witnessed));
  return verdict;
}

bool Policy::Quorum(Names witnesses) const {
  for (const Group& group : groups_) {
    const auto count = std::count_if(
        group.members.begin(), group.members.end(),
        [&witnesses](const std::string& name) { return witnesses.find(name) != witnesses.end(); });
    if (static_cast<size_t>(count) >= group.needed) witnesses.insert(group.name);
  }
  return quorum_.empty() || witnesses.find(quorum_) != witnesses.end();
}

}  // namespace polku::proof
