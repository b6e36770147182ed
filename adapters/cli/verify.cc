#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/cli/bundle.h"
#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
#include "adapters/cli/trust.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/export.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/index.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/policy.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "services/audit/event_json.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "services/host/opener.h"

namespace polku::cli {
namespace {

namespace fs = std::filesystem;
using audit::JsonString;
using evidence::Problem;
using evidence::ProblemKind;

constexpr size_t kMaxKeyFileBytes = 4'096;
constexpr std::string_view kProofMagic = "c2sp.org/tlog-proof@";
constexpr std::string_view kPairMagic = "polku/checkpoint-pair/";

// A checkpoint that a single file is about, its signature verified.
struct CheckpointFacts {
  std::string which;  // "checkpoint", "older", "newer"
  proof::Checkpoint checkpoint;
  std::vector<std::pair<std::string, absl::Time>> cosigned;  // by witnesses whose keys were given
};

// What one target came to.
struct Outcome {
  std::string target;
  std::string what;                       // "store", "export", …
  std::vector<evidence::LogReport> logs;  // none for single files
  std::vector<Problem> problems;
  uint64_t problems_left_out = 0;
  std::vector<std::string> notes;  // for people: what was and what was not checked
  std::vector<std::string> unchecked;  // origins whose signatures were not: no key of them was given
  std::string by;                  // "verified" by something that the reader must know of
  std::optional<Position> index;   // of an inclusion proof
  std::vector<CheckpointFacts> checkpoints;  // of single files
  std::string own_json;            // of a bundle: printed as it is
  double seconds = 0;
  bool entries_timed = false;
};

struct Keys {
  std::map<std::string, proof::VerifierKey, std::less<>> logs;
  std::vector<proof::VerifierKey> witnesses;
  std::optional<proof::Policy> policy;  // whose quorum counts; its keys are among those above
};

// --key files hold vkeys of either use, one a line.
absl::Status ReadKeyFile(const std::string& path, Keys& keys) {
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxKeyFileBytes));
  std::istringstream lines(text);
  std::string line;
  bool any = false;
  while (std::getline(lines, line)) {
    const std::string_view vkey = TrimEnd(line);
    if (vkey.empty() || vkey.front() == '#') continue;
    any = true;
    auto log = proof::VerifierKey::Parse(vkey, proof::KeyUse::kCheckpoint);
    if (log.ok()) {
      const std::string name = log->name();
      keys.logs.insert_or_assign(name, *std::move(log));
      continue;
    }
    auto witness = proof::VerifierKey::Parse(vkey, proof::KeyUse::kCosignature);
    if (!witness.ok()) {
      return Error(absl::StatusCode::kInvalidArgument, path, ": not a public key as in signing.public or "
                   "cosigning.public");
    }
    keys.witnesses.push_back(*std::move(witness));
  }
  if (!any) return Error(absl::StatusCode::kInvalidArgument, path, ": no key in it");
  return absl::OkStatus();
}

absl::StatusOr<Keys> ReadKeys(const Args& args) {
  Keys keys;
  const std::string files = args.Get("key");
  for (size_t start = 0; start < files.size();) {
    const size_t end = std::min(files.find(',', start), files.size());
    POLKU_RETURN_IF_ERROR(ReadKeyFile(files.substr(start, end - start), keys));
    start = end + 1;
  }
  if (args.Has("policy")) {
    POLKU_ASSIGN_OR_RETURN(keys.policy, LoadPolicy(args.Get("policy")));
    for (const auto& key : keys.policy->logs()) keys.logs.insert_or_assign(key.name(), key);
    for (const auto& witness : keys.policy->witnesses()) keys.witnesses.push_back(witness.key);
  }
  return keys;
}

// ---- The quorum ----

// A policy's quorum is part of a checkpoint's validity (C2SP tlog-policy): its absence is a problem of whatever is
// proven to that checkpoint. `note` is one that the origin's signature was verified of.
void CheckQuorum(std::string_view note, std::string_view origin, const Keys& given, Outcome& outcome) {
  if (!given.policy) return;
  std::set<std::string, std::less<>> cosigned;
  for (const auto& witness : given.policy->witnesses()) {
    if (proof::VerifyCosignature(note, witness.key).ok()) cosigned.insert(witness.name);
  }
  if (given.policy->Quorum(cosigned)) return;
  outcome.problems.push_back({ProblemKind::kCosignature, std::string(origin), std::nullopt,
                              Str("fewer witnesses stand behind the checkpoint than the policy's quorum asks for (",
                                  cosigned.size(), " of its ", given.policy->witnesses().size(), " do)")});
}

// Of a store every checkpoint is verified, most of them older or newer than any cosignature.
void SayQuorumIsNotJudged(const Keys& given, Outcome& outcome) {
  if (!given.policy) return;
  outcome.notes.push_back("of a store the policy's keys count, its quorum is not judged: kept cosignatures are "
                          "counted under \"behind it\"; `polku prove` makes a proof that the quorum is judged of");
}

// ---- Stores ----

struct OpenedStore {
  std::unique_ptr<log::Engine> engine;
  std::unique_ptr<vault::KeyStore> keys;
  std::unique_ptr<host::Opener> opener;
};

// nullptr, and a problem instead, when the database is damaged so that it does not open.
absl::StatusOr<std::unique_ptr<log::Engine>> OpenForVerification(const std::string& directory,
                                                                 Outcome& outcome) {
  auto engine = rocks::OpenEngine({.directory = directory,
                                   .mode = rocks::OpenMode::kReadOnly,
                                   .for_verification = true});
  if (engine.ok() || !absl::IsDataLoss(engine.status())) return engine;
  outcome.problems.push_back({ProblemKind::kUnreadable, "", std::nullopt,
                              Str("the database does not open, so nothing of it was checked: ",
                                  ToStd(engine.status().message()))});
  return std::unique_ptr<log::Engine>();
}

absl::Status OpenKeys(const host::Config& config, OpenedStore& store) {
  const host::OpenStorageFn storage = [&] {
    return rocks::OpenKeyStorage(config.keystore_directory, rocks::OpenMode::kReadOnly);
  };
  POLKU_ASSIGN_OR_RETURN(store.keys, host::OpenKeyStoreToRead(storage, config.keys_directory));
  store.opener = std::make_unique<host::Opener>(*store.keys, config.origin.text());
  return absl::OkStatus();
}

absl::Status RunVerification(log::Engine& engine, evidence::VerifyOptions options, const Args& args,
                             Io& io, Outcome& outcome) {
  ProgressLine progress(io, args.Has("progress"));
  const absl::Time start = absl::Now();
  options.only_origin = args.Get("origin");
  options.progress = [&](uint64_t done, uint64_t total) {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    const auto rate = static_cast<uint64_t>(seconds > 0 ? static_cast<double>(done) / seconds : 0);
    progress.Show(Str("verifying: ", done, " of ", total, " entries, ", rate, "/s"));
  };
  auto report = evidence::VerifyStore(engine, options);
  progress.Clear();
  if (!report.ok()) return report.status();
  outcome.logs = std::move(report->logs);
  std::move(report->problems.begin(), report->problems.end(), std::back_inserter(outcome.problems));
  outcome.problems_left_out = report->problems_left_out;
  for (const auto& log : outcome.logs) {
    if (!log.key_known) outcome.unchecked.push_back(log.origin);
  }
  outcome.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  outcome.entries_timed = true;
  return absl::OkStatus();
}

absl::StatusOr<Outcome> VerifyService(const std::string& file, const Keys& given, const Args& args,
                                      Io& io) {
  Outcome outcome{.target = file, .what = "store"};
  SayQuorumIsNotJudged(given, outcome);
  POLKU_ASSIGN_OR_RETURN(const host::Config config, host::LoadConfig(file, ""));
  POLKU_ASSIGN_OR_RETURN(Trust trust, LoadTrust(config));
  evidence::VerifyOptions options;
  options.own_origin = config.origin.text();
  // Before the log is opened, so that a mark that is written meanwhile is not ahead of it.
  auto mark = ReadFile(Str(config.keys_directory, "/", host::kHighWaterFile), proof::kMaxNoteBytes);
  if (mark.ok() && !mark->empty()) {
    options.high_water = *std::move(mark);
  } else if (!absl::IsNotFound(mark.status())) {
    // Not less than the log itself is judged.
    outcome.problems.push_back({ProblemKind::kHighWater, config.origin.text(), std::nullopt,
                                mark.ok() ? "the high-water mark is an empty file"
                                          : Str("the high-water mark cannot be read: ",
                                                ToStd(mark.status().message()))});
  } else {
    outcome.notes.push_back("no high-water mark beside the signing key: an old copy of the own log would "
                            "not be noticed here");
  }
  OpenedStore store;
  POLKU_ASSIGN_OR_RETURN(store.engine, OpenForVerification(config.data_directory, outcome));
  if (store.engine == nullptr) return outcome;
  // Where the index or an entry is damaged, that is told when they are judged.
  if (const auto own = CheckOwnKey(*store.engine, trust);
      absl::IsFailedPrecondition(own) && log::CheckIndexComplete(*store.engine).ok()) {
    outcome.problems.push_back(
        {ProblemKind::kCheckpoint, config.origin.text(), std::nullopt, std::string(ToStd(own.message()))});
  }
  // What cannot be read is told when it is judged.
  const auto announced = AddAnnouncedWitnesses(*store.engine, config, trust);
  if (!announced.ok() && !absl::IsDataLoss(announced) && !absl::IsFailedPrecondition(announced)) {
    return announced;
  }
  options.witnesses = std::move(trust.witnesses);
  options.witnesses.insert(options.witnesses.end(), given.witnesses.begin(), given.witnesses.end());
  options.keys = std::move(trust.keys);
  for (const auto& [origin, key] : given.logs) options.keys.insert_or_assign(origin, key);
  if (args.Has("no-open")) {
    outcome.notes.push_back("sections were not opened (--no-open): their content was not compared with "
                            "its commitments");
  } else {
    const absl::Status opened = OpenKeys(config, store);
    // Damaged, or not this log's: the logs are judged all the same.
    if (absl::IsDataLoss(opened) || absl::IsFailedPrecondition(opened)) {
      outcome.problems.push_back(
          {absl::IsDataLoss(opened) ? ProblemKind::kUnreadable : ProblemKind::kSection, "", std::nullopt,
           Str("no section was opened, because of the keystore: ", ToStd(opened.message()))});
    } else if (!opened.ok()) {
      return Error(opened.code(), ToStd(opened.message()),
                   "; --no-open verifies everything but the contents of sections");
    }
    if (opened.ok()) options.open = SecretsOf(*store.opener);
  }
  POLKU_RETURN_IF_ERROR(RunVerification(*store.engine, std::move(options), args, io, outcome));
  return outcome;
}

absl::StatusOr<Outcome> VerifyDatabase(const std::string& directory, const Keys& given,
                                       const Args& args, Io& io) {
  Outcome outcome{.target = directory, .what = "store"};
  outcome.notes.push_back("without a configuration no section is opened and there is no high-water mark");
  SayQuorumIsNotJudged(given, outcome);
  POLKU_ASSIGN_OR_RETURN(const auto engine, OpenForVerification(directory, outcome));
  if (engine == nullptr) return outcome;
  evidence::VerifyOptions options;
  options.keys = given.logs;
  options.witnesses = given.witnesses;
  // The own log is the one the store says is its own.
  const auto logs = log::HeldLogs(*engine);
  if (logs.ok() && !logs->empty() && logs->front().number == kOwnLog) {
    options.own_origin = logs->front().head.origin;
  }
  POLKU_RETURN_IF_ERROR(RunVerification(*engine, std::move(options), args, io, outcome));
  return outcome;
}

// ---- Exports and single files ----

absl::StatusOr<Outcome> VerifyTiles(const std::string& directory, const Keys& given, const Args& args,
                                    Io& io) {
  Outcome outcome{.target = directory, .what = "export"};
  const auto note = ReadFile(Str(directory, "/checkpoint"), proof::kMaxNoteBytes);
  if (!note.ok()) return note.status();
  const proof::VerifierKey* key = nullptr;
  const auto parsed = proof::ParseNote(*note);
  const auto claimed = parsed.ok() ? proof::ParseCheckpointBody(parsed->body) : parsed.status();
  if (!claimed.ok()) {
    outcome.problems.push_back({ProblemKind::kCheckpoint, "", std::nullopt,
                                Str("checkpoint: ", ToStd(claimed.status().message()),
                                    "; nothing else was checked")});
    return outcome;
  }
  const auto found = given.logs.find(claimed->origin);
  if (found != given.logs.end()) key = &found->second;
  if (key == nullptr && !(given.logs.empty() && given.witnesses.empty())) {
    return Error(absl::StatusCode::kFailedPrecondition, directory, ": it is of ", claimed->origin,
                 ", and none of the keys given is that log's; give it with --key or --policy");
  }
  if (key == nullptr) {
    outcome.by = "the export's own log.pub alone";
    outcome.notes.push_back("checked with the export's own log.pub: compare it with what the agency published, or "
                            "give that key with --key or --policy. Until then it is only consistent with itself");
  }
  ProgressLine progress(io, args.Has("progress"));
  const absl::Time start = absl::Now();
  auto report = evidence::VerifyExport(directory, key, given.witnesses,
                                       [&](uint64_t done, uint64_t total) {
                                         progress.Show(Str("verifying: ", done, " of ", total, " entries"));
                                       });
  progress.Clear();
  if (!report.ok()) return report.status();
  outcome.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  outcome.entries_timed = true;
  if (report->bundles_left_out > 0) {
    outcome.notes.push_back(Str(report->bundles_left_out, " entry bundles are left out: their entries are "
                                "known by their hashes alone"));
  }
  if (report->earlier_tiles > 0) {
    outcome.notes.push_back(Str(report->earlier_tiles, " partial tiles are of an earlier size: beginnings of what is "
                                "there now, no longer needed"));
  }
  outcome.problems = std::move(report->problems);
  if (report->log.checkpoints > 0) CheckQuorum(*note, report->log.origin, given, outcome);
  outcome.logs.push_back(std::move(report->log));
  return outcome;
}

absl::StatusOr<const proof::VerifierKey*> KeyFor(std::string_view note, const Keys& given,
                                                 const std::string& path) {
  POLKU_ASSIGN_OR_RETURN(const proof::Note parsed, proof::ParseNote(note));
  POLKU_ASSIGN_OR_RETURN(const proof::Checkpoint checkpoint, proof::ParseCheckpointBody(parsed.body));
  const auto key = given.logs.find(checkpoint.origin);
  if (key != given.logs.end()) return &key->second;
  return Error(absl::StatusCode::kFailedPrecondition, path, ": it is of ", checkpoint.origin,
               "; give that origin's public key with --key or --policy");
}

// Adds the checkpoint of a note that was verified, with what witnesses among `given` say of it.
void ReadWitnesses(std::string which, std::string_view note, const proof::Checkpoint& checkpoint,
                   const Keys& given, Outcome& outcome, bool judged = true) {
  const std::string& origin = checkpoint.origin;
  CheckpointFacts facts{.which = std::move(which), .checkpoint = checkpoint, .cosigned = {}};
  for (const auto& witness : given.witnesses) {
    const auto time = proof::VerifyCosignature(note, witness);
    if (absl::IsNotFound(time.status()) || (!time.ok() && !judged)) continue;
    if (!time.ok()) {
      outcome.problems.push_back({ProblemKind::kCosignature, std::string(origin), std::nullopt,
                                  Str(witness.name(), ": ", ToStd(time.status().message()))});
    } else {
      facts.cosigned.emplace_back(witness.name(), *time);
    }
  }
  outcome.checkpoints.push_back(std::move(facts));
}

absl::StatusOr<Outcome> VerifyProof(const std::string& path, const std::string& text,
                                    const Keys& given, const Args& args) {
  Outcome outcome{.target = path, .what = "inclusion proof"};
  POLKU_ASSIGN_OR_RETURN(const proof::InclusionFile file, proof::ParseInclusionFile(text));
  Hash leaf_hash;
  if (args.Has("leaf")) {
    POLKU_ASSIGN_OR_RETURN(const std::string leaf, ReadFile(args.Get("leaf"), log::kMaxLeafBytes));
    leaf_hash = proof::LeafHash(leaf);
  } else if (args.Has("leaf-hash")) {
    const auto bytes = FromHex(args.Get("leaf-hash"));
    const auto hash = bytes ? Hash::FromBytes(*bytes) : std::nullopt;
    if (!hash) {
      return Error(absl::StatusCode::kInvalidArgument, "--leaf-hash is not 64 hexadecimal digits");
    }
    leaf_hash = *hash;
  } else {
    return Error(absl::StatusCode::kInvalidArgument, path,
                 ": of which entry? give --leaf with its bytes (`polku prove --leaf`) or --leaf-hash");
  }
  POLKU_ASSIGN_OR_RETURN(const proof::VerifierKey* const key, KeyFor(file.checkpoint, given, path));
  const auto checkpoint = proof::VerifyInclusionFile(file, leaf_hash, *key);
  if (!checkpoint.ok()) {
    outcome.problems.push_back({absl::IsUnauthenticated(checkpoint.status()) ? ProblemKind::kCheckpoint
                                                                             : ProblemKind::kInclusion,
                                key->name(), file.index,
                                std::string(ToStd(checkpoint.status().message()))});
    return outcome;
  }
  outcome.notes.push_back(Str("entry ", file.index.value(), " is in the log of ", checkpoint->origin,
                              " with ", checkpoint->size.value(), " entries"));
  outcome.index = file.index;
  ReadWitnesses("checkpoint", file.checkpoint, *checkpoint, given, outcome);
  CheckQuorum(file.checkpoint, checkpoint->origin, given, outcome);
  return outcome;
}

absl::StatusOr<Outcome> VerifyPair(const std::string& path, const std::string& text,
                                   const Keys& given) {
  Outcome outcome{.target = path, .what = "checkpoint pair"};
  POLKU_ASSIGN_OR_RETURN(const proof::CheckpointPair pair, proof::ParseCheckpointPair(text));
  POLKU_ASSIGN_OR_RETURN(const proof::VerifierKey* const key, KeyFor(pair.older, given, path));
  const auto verdict = proof::VerifyCheckpointPair(pair, *key);
  if (!verdict.ok()) {
    outcome.problems.push_back({ProblemKind::kCheckpoint, key->name(), std::nullopt,
                                Str("proves nothing: ", ToStd(verdict.status().message()))});
    return outcome;
  }
  for (const auto& [which, note] : {std::pair("older", &pair.older), {"newer", &pair.newer}}) {
    POLKU_ASSIGN_OR_RETURN(const auto checkpoint, proof::VerifyCheckpoint(*note, *key));
    // Of a pair the origin's signatures alone are judged.
    ReadWitnesses(which, *note, checkpoint, given, outcome, /*judged=*/false);
  }
  if (*verdict == proof::PairVerdict::kFork) {
    outcome.problems.push_back({ProblemKind::kFork, key->name(), std::nullopt,
                                "the origin signed two histories; this file proves it to anybody who has "
                                "its public key"});
  } else {
    outcome.notes.push_back(
        Str("the newer checkpoint of ", key->name(), " extends the older one: nothing was removed or altered"));
  }
  return outcome;
}

// A signed checkpoint that somebody kept.
absl::StatusOr<Outcome> VerifyNote(const std::string& path, const std::string& text, const Keys& given) {
  Outcome outcome{.target = path, .what = "checkpoint"};
  POLKU_ASSIGN_OR_RETURN(const proof::VerifierKey* const key, KeyFor(text, given, path));
  const auto checkpoint = proof::VerifyCheckpoint(text, *key);
  if (!checkpoint.ok()) {
    outcome.problems.push_back({ProblemKind::kCheckpoint, key->name(), std::nullopt,
                                std::string(ToStd(checkpoint.status().message()))});
    return outcome;
  }
  ReadWitnesses("checkpoint", text, *checkpoint, given, outcome);
  CheckQuorum(text, checkpoint->origin, given, outcome);
  return outcome;
}

// The given keys, with the policy's quorum when they came as one; nullopt: none are given.
absl::StatusOr<std::optional<proof::Policy>> PolicyOf(const Keys& given) {
  if (given.policy || (given.logs.empty() && given.witnesses.empty())) return given.policy;
  std::vector<proof::VerifierKey> logs;
  for (const auto& [origin, key] : given.logs) logs.push_back(key);
  std::vector<proof::VerifierKey> witnesses;
  std::set<std::string, std::less<>> seen;
  for (const auto& key : given.witnesses) {
    if (seen.insert(key.Format()).second) witnesses.push_back(key);
  }
  POLKU_ASSIGN_OR_RETURN(auto policy, proof::Policy::Parse(proof::Policy::Format(logs, witnesses, 0)));
  return std::optional(std::move(policy));
}

absl::StatusOr<Outcome> VerifyBundle(const std::string& path, const Keys& given, const Args& args,
                                     Io& io) {
  Outcome outcome{.target = path, .what = "bundle"};
  POLKU_ASSIGN_OR_RETURN(const std::optional<proof::Policy> policy, PolicyOf(given));
  if (!policy) outcome.by = "its own keys alone";
  std::ostringstream out;
  std::ostringstream err;
  Io inner{.in = io.in, .out = out, .err = err};
  const ExitCode code = VerifyBundleFile(path, policy ? &*policy : nullptr, args.json(), inner);
  if (code != kExitOk && code != kExitCorrupt) {
    std::string message(TrimEnd(err.str()));
    if (message.rfind("polku: ", 0) == 0) message.erase(0, 7);
    return Error(absl::StatusCode::kInvalidArgument, message);
  }
  outcome.own_json = std::string(TrimEnd(out.str()));
  if (code == kExitCorrupt) {
    outcome.problems.push_back(
        {ProblemKind::kBundle, "", std::nullopt, "the bundle does not verify: what is wrong is told above"});
  }
  return outcome;
}

absl::StatusOr<Outcome> VerifyTarget(const std::string& target, const Keys& keys, const Args& args,
                                     Io& io) {
  std::error_code error;
  if (fs::is_directory(target, error)) {
    if (fs::exists(fs::path(target) / "CURRENT", error)) return VerifyDatabase(target, keys, args, io);
    if (fs::exists(fs::path(target) / "checkpoint", error)) return VerifyTiles(target, keys, args, io);
    return Error(absl::StatusCode::kInvalidArgument, target,
                 ": neither a data directory (no CURRENT in it) nor an export (no checkpoint in it)");
  }
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(target, size_t{256} << 20));
  const std::string_view view(text);
  if (view.substr(0, kProofMagic.size()) == kProofMagic) return VerifyProof(target, text, keys, args);
  if (view.substr(0, kPairMagic.size()) == kPairMagic) return VerifyPair(target, text, keys);
  const size_t first = view.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && view[first] == '{') return VerifyBundle(target, keys, args, io);
  if (const auto note = proof::ParseNote(text);
      note.ok() && proof::ParseCheckpointBody(note->body).ok()) {
    return VerifyNote(target, text, keys);
  }
  return Error(absl::StatusCode::kInvalidArgument, target,
               ": not a data directory, an export, a bundle, a .tlog-proof, a .checkpoint-pair or a signed "
               "checkpoint; a service's configuration goes to --config");
}

// ---- What is shown ----

// What is stored says in its own words why it cannot be read: not without ours before them.
std::string WhatText(const Problem& problem) {
  if (problem.kind != ProblemKind::kUnreadable) return problem.what;
  return Str("stored bytes are damaged or cannot be read: ", problem.what);
}

std::string CheckpointJson(const CheckpointFacts& facts) {
  std::string cosigned;
  for (const auto& [name, time] : facts.cosigned) {
    cosigned += Str(cosigned.empty() ? "" : ",", "{\"name\":", JsonString(name), ",\"time\":\"",
                    polku::FormatTime(time), "\"}");
  }
  return Str("{\"which\":\"", facts.which, "\",\"origin\":", JsonString(facts.checkpoint.origin),
             ",\"size\":", facts.checkpoint.size.value(), ",\"root\":\"",
             ToHex(facts.checkpoint.root.view()), "\",\"cosigned\":[", cosigned, "]}");
}

std::string ProblemJson(const Problem& problem) {
  return Str("{\"kind\":\"", evidence::ProblemName(problem.kind), "\",\"origin\":",
             JsonString(problem.origin),
             problem.position ? Str(",\"position\":", problem.position->value()) : std::string(),
             ",\"what\":", JsonString(WhatText(problem)),
             ",\"remedy\":", JsonString(evidence::ProblemRemedy(problem.kind)), "}");
}

template <typename Items, typename Format>
std::string JsonList(const Items& items, Format format) {
  std::string json = "[";
  for (const auto& item : items) json += Str(json.size() == 1 ? "" : ",", format(item));
  return json + "]";
}

std::string LogJson(const evidence::LogReport& log) {
  return Str("{\"origin\":", JsonString(log.origin), ",\"entries\":", log.entries, ",\"held\":",
             log.held, ",\"withheld\":", log.withheld, ",\"sections\":", log.sections,
             ",\"opened\":", log.opened, ",\"erased\":", log.erased, ",\"retained\":", log.retained,
             ",\"wanted\":", log.wanted, ",\"checkpoints\":", log.checkpoints,
             ",\"key_changes\":", log.key_changes, ",\"cosignatures\":", log.cosignatures,
             ",\"agencies\":",
             JsonList(log.agencies, [](const std::string& name) { return JsonString(name); }),
             ",\"root\":\"", log.root.is_zero() ? std::string() : ToHex(log.root.view()),
             "\",\"key_known\":", log.key_known ? "true" : "false", "}");
}

std::string OutcomeJson(const Outcome& outcome) {
  return Str("{\"target\":", JsonString(outcome.target), ",\"what\":", JsonString(outcome.what),
             ",\"ok\":", outcome.problems.empty() && outcome.unchecked.empty() ? "true" : "false",
             outcome.unchecked.empty()
                 ? std::string()
                 : Str(",\"signatures_not_checked\":",
                       JsonList(outcome.unchecked,
                                [](const std::string& origin) { return JsonString(origin); })),
             outcome.index ? Str(",\"index\":", outcome.index->value()) : std::string(),
             outcome.checkpoints.empty()
                 ? std::string()
                 : Str(",\"checkpoints\":", JsonList(outcome.checkpoints, CheckpointJson)),
             ",\"logs\":", JsonList(outcome.logs, LogJson),
             ",\"problems\":", JsonList(outcome.problems, ProblemJson),
             ",\"problems_left_out\":", outcome.problems_left_out, ",\"notes\":",
             JsonList(outcome.notes, [](const std::string& note) { return JsonString(note); }),
             ",\"seconds\":", outcome.seconds,
             outcome.own_json.empty() ? std::string() : Str(",\"bundle\":", outcome.own_json), "}");
}

void PrintLog(const evidence::LogReport& log, const Outcome& outcome, Io& io) {
  const bool problems = std::any_of(outcome.problems.begin(), outcome.problems.end(),
                                    [&](const Problem& problem) { return problem.origin == log.origin; });
  io.out << "  " << Plain(log.origin) << "\n    entries      " << log.entries << " (" << log.held
         << " held";
  if (log.withheld > 0) io.out << ", " << log.withheld << " withheld, by their hashes";
  io.out << ")\n";
  if (log.sections > 0) {
    io.out << "    sections     " << log.sections << " stored, " << log.opened
           << " opened and compared\n";
  }
  if (log.erased > 0) {
    io.out << "    erased       " << log.erased
           << (log.erased == 1 ? " entry or section, which one" : " entries and sections, each of which one")
           << " erasure names\n";
  }
  if (log.retained > 0) {
    io.out << "    retained     " << log.retained
           << " erased at the origin, kept here on a basis that the own log has\n";
  }
  if (log.wanted > 0) {
    io.out << "    wanted       " << Counted(log.wanted, "entry", "entries")
           << " opened to this agency later, still to be fetched\n";
  }
  io.out << "    checkpoints  " << log.checkpoints
         << (problems                    ? std::string(" read; what is wrong is told below")
             : log.key_known             ? std::string(" signatures and roots verified")
             : outcome.unchecked.empty() ? Str(" verified by ", outcome.by)
                                         : std::string(" roots compared; NO KEY is known for this log, "
                                                       "signatures are unchecked"))
         << (log.key_changes > 0
                 ? Str(", under ", log.key_changes + 1, " keys, each vouched for by the one before")
                 : std::string())
         << "\n";
  if (log.agencies.empty()) {
    io.out << "    behind it    no other agency's cosignature is kept here\n";
  } else {
    std::string names;
    for (const std::string& agency : log.agencies) {
      names += Str(names.empty() ? "" : ", ", Plain(agency));
    }
    io.out << "    behind it    " << log.agencies.size()
           << (log.agencies.size() == 1 ? " other agency: " : " other agencies: ") << names << " ("
           << Counted(log.cosignatures, "cosignature") << ")\n";
  }
  io.out << "    root         "
         << (log.root.is_zero() ? std::string("not that of a signed history")
                                : ToHex(log.root.view()))
         << "\n";
}

std::string Headline(const Outcome& outcome) {
  const uint64_t problems = outcome.problems.size() + outcome.problems_left_out;
  if (problems > 0) return Counted(problems, "PROBLEM");
  if (outcome.unchecked.empty()) {
    return outcome.by.empty() ? "verified" : Str("verified by ", outcome.by);
  }
  std::string origins;
  for (const std::string& origin : outcome.unchecked) origins += Str(origins.empty() ? "" : ", ", Plain(origin));
  return Str("hashes agree; signatures NOT checked: no key of ", origins, " given");
}

void PrintOutcome(const Outcome& outcome, Io& io) {
  io.out << Plain(outcome.target) << " (" << outcome.what << "): " << Headline(outcome) << "\n";
  if (!outcome.own_json.empty()) io.out << outcome.own_json << "\n";
  for (const auto& log : outcome.logs) PrintLog(log, outcome, io);
  for (const CheckpointFacts& facts : outcome.checkpoints) {
    io.out << "  " << PadTo(facts.which, 10) << "   " << Str(facts.checkpoint.size.value(), facts.checkpoint.size.value() == 1 ? " entry" : " entries")
           << " of " << Plain(facts.checkpoint.origin) << "\n    root         "
           << ToHex(facts.checkpoint.root.view()) << "\n";
    for (const auto& [name, time] : facts.cosigned) {
      io.out << "    cosigned by " << Plain(name) << "  " << ExactTime(time) << "\n";
    }
    if (facts.cosigned.empty()) io.out << "    cosigned by none of the witnesses whose keys were given\n";
  }
  for (const std::string& note : outcome.notes) io.out << "  note: " << Plain(note) << "\n";
  uint64_t entries = 0;
  for (const auto& log : outcome.logs) entries += log.entries;
  if (outcome.entries_timed && outcome.seconds > 0) {
    io.out << "  " << entries << " entries in "
           << static_cast<uint64_t>(outcome.seconds * 1'000) << " ms\n";
  }
  const Problem* last = nullptr;
  for (const Problem& problem : outcome.problems) {
    io.out << "  " << (problem.position ? Str("position ", problem.position->value()) : "whole log")
           << "  " << evidence::ProblemName(problem.kind)
           << (problem.origin.empty() ? "" : Str("  ", Plain(problem.origin))) << "\n    "
           << Plain(WhatText(problem)) << "\n";
    // A run of the same sort has one remedy.
    const bool ends = &problem == &outcome.problems.back() || (&problem + 1)->kind != problem.kind;
    if (ends) io.out << "    -> " << evidence::ProblemRemedy(problem.kind) << "\n";
    last = &problem;
  }
  if (last != nullptr && outcome.problems_left_out > 0) {
    io.out << "  and " << outcome.problems_left_out << " more\n";
  }
}

ExitCode Verify(const Args& args, Io& io) {
  if (!args.Has("config") && !args.Has("data") && args.operands().empty()) {
    return FailUsage(io, "verify what? give --config with a service's configuration, or a data directory, an "
                         "export, a bundle or a proof file");
  }
  if (args.Has("key") && args.Has("policy")) {
    return FailUsage(io, "give --key or --policy, not both: a policy has its keys in it");
  }
  const auto keys = ReadKeys(args);
  if (!keys.ok()) return Fail(io, keys.status());
  std::vector<Outcome> outcomes;
  ExitCode code = kExitOk;
  const auto keep = [&](absl::StatusOr<Outcome> outcome) {
    if (!outcome.ok()) {
      // Damage outweighs whatever else went wrong.
      const ExitCode failed = Fail(io, outcome.status());
      code = std::max(code, failed);
      return;
    }
    if (!outcome->unchecked.empty()) code = std::max(code, kExitBadInput);
    if (!outcome->problems.empty()) code = kExitCorrupt;
    outcomes.push_back(*std::move(outcome));
  };
  if (args.Has("config")) keep(VerifyService(args.Get("config"), *keys, args, io));
  if (args.Has("data")) keep(VerifyDatabase(args.Get("data"), *keys, args, io));
  for (const std::string& target : args.operands()) keep(VerifyTarget(target, *keys, args, io));
  if (args.json()) {
    if (!outcomes.empty() || code == kExitCorrupt) {
      io.out << "{\"ok\":" << (code == kExitOk ? "true" : "false")
             << ",\"targets\":" << JsonList(outcomes, OutcomeJson) << "}\n";
    }
    return code;
  }
  for (const Outcome& outcome : outcomes) PrintOutcome(outcome, io);
  return code;
}

}  // namespace

Command VerifyCommand() {
  return {
      {.name = "verify",
       .summary = "read and verify everything stored: a service's logs, an export, a bundle, a proof",
       .operands = "[DIRECTORY|FILE…]",
       .max_operands = 64,
       .flags =
           {{"config", "FILE", "a service's configuration: all its logs, with its keys and keystore"},
            {"data", "DIR", "a data directory alone (as when it is given as DIRECTORY)"},
            {"key", "FILE[,FILE…]", "public keys to verify by: signing.public, cosigning.public; asks for no quorum"},
            {"policy", "FILE", "keys of logs and witnesses, and the quorum, to verify by (C2SP tlog-policy)"},
            {"origin", "ORIGIN", "of a store only that log"},
            {"no-open", "", "do not open sections: no keystore is needed, contents are not compared"},
            {"leaf", "FILE", "the entry that a .tlog-proof is of"},
            {"leaf-hash", "HEX", "its hash instead"},
            {"progress", "", "show progress even when the error stream is no terminal"}},
       .details =
           "Re-reads and re-hashes every stored byte and says everything that is wrong, with the place and "
           "what to do:\n"
           "entries, their order and numbers, every root and signature, kept cosignatures, sections against "
           "their\n"
           "commitments, indexes, the high-water mark. Nothing is changed; works while the service runs, on "
           "what is\n"
           "stored when it starts. Exit code 0: verified, 5: problems, 3: no such file, or no key of an origin was "
           "given, so\n"
           "that its signatures could not be checked. What a target is, is found out from what lies\n"
           "there. Keys are never taken from a store; without --config, give --key or --policy.\n"
           "eventstore/evidence/README.md has the table of problems; AUDITORS.md says what a success shows.",
       .examples =
           "polku verify --config oulu-referral.textproto\n"
           "polku verify --config kela.textproto --origin FI/COM/0187690-1/yhdistys/attendance/1 --json\n"
           "polku verify /backup/oulu/data --key oulu/signing.public,kela/cosigning.public\n"
           "polku verify /media/export case.json --policy agencies.policy\n"
           "polku verify entry.tlog-proof --leaf entry.leaf --key oulu/signing.public\n"
           "polku verify fork.checkpoint-pair --key oulu/signing.public\n"
           "polku verify kept.note --policy agencies.policy"},
      Verify};
}

}  // namespace polku::cli
