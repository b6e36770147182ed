#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/trust.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/anchor.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"
#include "services/audit/event_json.h"

namespace polku::cli {
namespace {

using audit::JsonString;

constexpr unsigned kProofMode = 0644;
constexpr unsigned kLeafMode = 0600;  // who did what when, if not to whom

struct FoundEntry {
  const log::HeldLog* log;
  Position position;
};

absl::StatusOr<const log::HeldLog*> LogOf(const audit::Store& store, const std::string& origin) {
  const log::HeldLog* held = store.FindLog(origin);
  if (held != nullptr) return held;
  return Error(absl::StatusCode::kNotFound, "no log of ", origin,
               " is held here; `polku summary --logs` lists those that are");
}

// Whether `id` is the event's; an index has it for the own log alone, so replicas are read through.
absl::StatusOr<std::vector<FoundEntry>> FindEvent(audit::Store& store, const EventId& id,
                                                  const Args& args, Io& io) {
  std::vector<FoundEntry> found;
  const std::string only = args.Get("origin");
  if (args.Has("case")) {
    const auto case_id = ParseCaseId(args.Get("case"));
    if (!case_id) {
      return Error(absl::StatusCode::kInvalidArgument, "--case is not 32 hexadecimal digits");
    }
    if (case_id->is_zero()) {
      return Error(absl::StatusCode::kInvalidArgument, "--case is all zeros: that is no case");
    }
    POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(store.engine(), *case_id));
    log::EntryFetcher fetcher(store.engine());
    for (const auto& ref : refs) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, fetcher.Fetch(ref.log, ref.position, false));
      const log::HeldLog* held = store.FindLog(ref.log);
      if (held == nullptr || entry.header->event_id() != id.view()) continue;
      if (only.empty() || held->head.origin == only) found.push_back({held, ref.position});
    }
    return found;
  }
  if (only.empty() || only == store.own_origin()) {
    const log::HeldLog* own = store.FindLog(kOwnLog);
    auto cursor = store.engine().IndexScan(log::EventIndexKey(id, ""));
    while (own != nullptr) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, cursor->Next());
      if (!entry) break;
      Position position;
      Revision revision;
      LogNumber number;
      if (!log::ParseEventIndexValue(entry->second, position, revision, number)) {
        return absl::DataLossError("event index: malformed entry; run `polku reindex`");
      }
      if (number == kOwnLog) found.push_back({own, position});
    }
    if (!found.empty()) return found;
  }
  ProgressLine progress(io, false);
  for (const auto& held : store.logs()) {
    if (!only.empty() && held.head.origin != only) continue;
    POLKU_ASSIGN_OR_RETURN(auto reader, log::EntryReader::Make(store.engine(), held.number,
                                                               Position(), /*with_blobs=*/false));
    while (true) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) break;
      if (entry->position.value() % 1'024 == 0) {
        progress.Show(Str("looking through ", held.head.origin, ": ", entry->position.value(),
                          " of ", held.head.frontier.size().value()));
      }
      if (entry->header->event_id() == id.view()) found.push_back({&held, entry->position});
    }
  }
  return found;
}

absl::StatusOr<FoundEntry> FindEntry(audit::Store& store, const Args& args, Io& io) {
  if (args.Has("position")) {
    POLKU_ASSIGN_OR_RETURN(const auto position, args.Number("position", 0, INT64_MAX - 1));
    POLKU_ASSIGN_OR_RETURN(const log::HeldLog* const held, LogOf(store, args.Get("origin")));
    if (*position >= held->head.frontier.size().value()) {
      return Error(absl::StatusCode::kOutOfRange, held->head.origin, " has ",
                   held->head.frontier.size().value(), " entries here, so there is no entry ",
                   *position, "; positions begin at 0");
    }
    return FoundEntry{held, Position(*position)};
  }
  const auto id = ParseEventId(args.Get("event"));
  if (!id) return Error(absl::StatusCode::kInvalidArgument, "--event is not a UUID");
  if (args.Has("origin")) POLKU_RETURN_IF_ERROR(LogOf(store, args.Get("origin")).status());
  POLKU_ASSIGN_OR_RETURN(const auto found, FindEvent(store, *id, args, io));
  if (found.empty()) {
    return Error(
        absl::StatusCode::kNotFound, "event ", FormatEventId(*id),
        " is not held here: nobody recorded it in the logs followed, or it is withheld from this "
        "agency; ask the agency that recorded it");
  }
  if (found.size() > 1) {
    std::string places;
    for (const auto& one : found) {
      places += Str(places.empty() ? "" : ", ", one.log->head.origin, " ", one.position.value());
    }
    return Error(absl::StatusCode::kFailedPrecondition, "that id stands at more than one place (",
                 places, "); say which with --origin and --position");
  }
  return found.front();
}

// Who cosigned just the anchor.
std::string CosignedJson(const evidence::Anchor& anchor) {
  std::string cosigned;
  for (const auto& one : anchor.cosigned) {
    if (one.size != anchor.checkpoint.size) continue;
    cosigned += Str(cosigned.empty() ? "" : ",", "{\"name\":", JsonString(one.key->name()),
                    ",\"time\":\"", polku::FormatTime(one.time), "\"}");
  }
  return cosigned;
}

void PrintCosigned(const evidence::Anchor& anchor, Io& io) {
  size_t behind = 0;
  for (const auto& one : anchor.cosigned) {
    if (one.size != anchor.checkpoint.size) continue;
    ++behind;
    io.out << "  cosigned   " << CosignedText(one.key->name(), one.time, one.size) << "\n";
  }
  if (behind == 0) {
    io.out << "  cosigned   by nobody yet: it rests on the origin's own signature\n";
  }
}

// `claim`: with --leaf, which alone shows something of an entry; the proof itself is hashes.
absl::Status ProveInclusion(const Args& args, const std::optional<AccessClaim>& claim,
                            Reading& reading, const Trust& trust, Io& io) {
  audit::Store& store = *reading.store;
  POLKU_ASSIGN_OR_RETURN(const FoundEntry found, FindEntry(store, args, io));
  const std::string& origin = found.log->head.origin;
  POLKU_ASSIGN_OR_RETURN(const proof::LogKeys keys, KeysOf(trust, store.engine(), *found.log));
  log::EntryFetcher fetcher(store.engine());
  const auto entry = fetcher.Fetch(found.log->number, found.position, /*with_blobs=*/false);
  if (absl::IsNotFound(entry.status())) {
    return Error(
        absl::StatusCode::kNotFound, "entry ", found.position.value(), " of ", origin,
        " is withheld from this agency, which holds hashes alone; ask the origin for the proof");
  }
  if (!entry.ok()) return entry.status();
  const Hash leaf_hash = proof::LeafHash(entry->leaf);
  POLKU_ASSIGN_OR_RETURN(const evidence::Anchor anchor,
                         evidence::ChooseAnchor({.engine = &store.engine(),
                                                 .log = found.log,
                                                 .keys = &keys,
                                                 .witnesses = trust.witnesses,
                                                 .covers = found.position.next()}));
  log::TreeReader tree(store.engine(), found.log->number);
  proof::InclusionFile file{
      .extra = std::nullopt, .index = found.position, .hashes = {}, .checkpoint = anchor.note};
  POLKU_ASSIGN_OR_RETURN(file.hashes, tree.Inclusion(found.position, anchor.checkpoint.size));
  const auto verified = proof::VerifyInclusionFile(file, leaf_hash, keys);
  if (!verified.ok()) {
    return Error(absl::StatusCode::kDataLoss, "what is stored of ", origin,
                 " does not fit its checkpoint: ", ToStd(verified.status().message()),
                 "; run `polku verify`");
  }
  const auto case_id = CaseId::FromBytes(entry->header->case_id());
  if (claim && case_id) {
    POLKU_RETURN_IF_ERROR(
        RecordLook(reading, args, *claim, {.command = "prove", .case_id = *case_id}));
  }
  if (args.Has("leaf"))
    POLKU_RETURN_IF_ERROR(WriteNewFile(args.Get("leaf"), entry->leaf, kLeafMode));
  POLKU_RETURN_IF_ERROR(
      WriteNewFile(args.Get("out"), proof::FormatInclusionFile(file), kProofMode));

  if (args.json()) {
    io.out << "{\"file\":" << JsonString(args.Get("out")) << ",\"origin\":" << JsonString(origin)
           << ",\"position\":" << found.position.value() << ",\"leaf_hash\":\""
           << ToHex(leaf_hash.view()) << "\",\"size\":" << anchor.checkpoint.size.value()
           << ",\"root\":\"" << ToHex(anchor.checkpoint.root.view()) << "\",\"cosigned\":["
           << CosignedJson(anchor) << "]}\n";
    return absl::OkStatus();
  }
  io.out << args.Get("out") << ": entry " << found.position.value() << " of " << Plain(origin)
         << " is in the log of " << anchor.checkpoint.size.value() << " entries\n  leaf hash  "
         << ToHex(leaf_hash.view()) << "\n  key        "
         << keys.For(anchor.checkpoint.size).Format() << "\n";
  PrintCosigned(anchor, io);
  return absl::OkStatus();
}

// Sizes with a signed checkpoint around the one that has none, so that the caller can choose.
absl::Status Nearest(const absl::Status& status, log::Engine& engine, LogNumber log,
                     const proof::LogKeys& keys, Position size, Position end) {
  if (!absl::IsNotFound(status)) return status;
  const auto before = engine.ReadCheckpoint(log, size);
  std::string nearest;
  if (before.ok() && *before) {
    if (const auto checkpoint = proof::VerifyCheckpoint(**before, keys); checkpoint.ok()) {
      nearest = Str("; the nearest below is ", checkpoint->size.value());
    }
  }
  return Error(absl::StatusCode::kNotFound, status.message(), nearest, ", the newest ",
               end.value());
}

absl::StatusOr<proof::PairVerdict> ProveConsistency(const Args& args, Reading& reading,
                                                    const Trust& trust, Io& io) {
  audit::Store& store = *reading.store;
  const std::string origin = args.GetOr("origin", store.own_origin());
  POLKU_ASSIGN_OR_RETURN(const log::HeldLog* const held, LogOf(store, origin));
  POLKU_ASSIGN_OR_RETURN(const proof::LogKeys keys, KeysOf(trust, store.engine(), *held));
  const Position end = held->head.frontier.size();
  const auto stored = [&](uint64_t size) -> absl::StatusOr<evidence::SignedCheckpoint> {
    auto checkpoint =
        evidence::CheckpointOfSize(store.engine(), held->number, keys, Position(size));
    if (checkpoint.ok()) return checkpoint;
    return Nearest(checkpoint.status(), store.engine(), held->number, keys, Position(size), end);
  };
  POLKU_ASSIGN_OR_RETURN(const auto to, args.Number("to", 1, INT64_MAX));
  POLKU_ASSIGN_OR_RETURN(const evidence::SignedCheckpoint newer, stored(to.value_or(end.value())));
  evidence::SignedCheckpoint older;
  if (args.Has("old")) {
    POLKU_ASSIGN_OR_RETURN(older.note, ReadFile(args.Get("old"), proof::kMaxNoteBytes));
    auto checkpoint = proof::VerifyCheckpoint(older.note, keys);
    if (!checkpoint.ok()) return Annotate(checkpoint.status(), args.Get("old"));
    older.checkpoint = *std::move(checkpoint);
  } else {
    POLKU_ASSIGN_OR_RETURN(const auto from, args.Number("from", 1, INT64_MAX));
    POLKU_ASSIGN_OR_RETURN(older, stored(*from));
  }
  if (older.checkpoint.size > newer.checkpoint.size) {
    if (args.Has("old") && !to) {
      return Error(
          absl::StatusCode::kDataLoss, args.Get("old"), " is signed for ",
          older.checkpoint.size.value(), " entries of ", origin, ", but only ", end.value(),
          " are held here: this store is behind, or the log was put back to an older state; "
          "compare again when `polku status` shows no lag");
    }
    return Error(absl::StatusCode::kInvalidArgument, "the older checkpoint has ",
                 older.checkpoint.size.value(), " entries, the newer ",
                 newer.checkpoint.size.value(), "; exchange them");
  }
  log::TreeReader tree(store.engine(), held->number);
  const auto hidden = [&](const absl::Status& status) {
    if (!absl::IsNotFound(status)) return status;
    return Error(
        absl::StatusCode::kNotFound, "size ", older.checkpoint.size.value(), " of ", origin,
        " lies inside entries withheld from this agency, so it cannot be compared here; ask the "
        "origin, or take a checkpoint that this agency has stored");
  };
  proof::CheckpointPair pair{
      .prefix = std::nullopt, .hashes = {}, .older = older.note, .newer = newer.note};
  if (older.checkpoint.size == newer.checkpoint.size) {
    if (older.checkpoint.root != newer.checkpoint.root) pair.prefix = newer.checkpoint.root;
  } else {
    auto hashes = tree.Consistency(older.checkpoint.size, newer.checkpoint.size);
    if (!hashes.ok()) return hidden(hashes.status());
    pair.hashes = *std::move(hashes);
    if (older.checkpoint.size > Position()) {
      const auto root = tree.Root(older.checkpoint.size);
      if (!root.ok()) return hidden(root.status());
      if (*root != older.checkpoint.root) pair.prefix = *root;
    }
  }
  const auto verdict = proof::VerifyCheckpointPair(pair, keys);
  if (!verdict.ok()) {
    return Error(absl::StatusCode::kDataLoss, "what is stored of ", origin,
                 " does not fit its checkpoints: ", ToStd(verdict.status().message()),
                 "; run `polku verify`");
  }
  POLKU_RETURN_IF_ERROR(
      WriteNewFile(args.Get("out"), proof::FormatCheckpointPair(pair), kProofMode));
  const bool fork = *verdict == proof::PairVerdict::kFork;
  if (args.json()) {
    io.out << "{\"file\":" << JsonString(args.Get("out")) << ",\"origin\":" << JsonString(origin)
           << ",\"from\":" << older.checkpoint.size.value()
           << ",\"to\":" << newer.checkpoint.size.value() << ",\"verdict\":\""
           << (fork ? "fork" : "consistent") << "\"}\n";
  } else if (fork) {
    io.out << args.Get("out") << ": FORK: " << Plain(origin)
           << " signed two histories. The file proves it to anybody who has the key\n  "
           << keys.For(newer.checkpoint.size).Format() << "\n";
  } else {
    io.out
        << args.Get("out") << ": the log of " << newer.checkpoint.size.value()
        << " entries begins with the " << older.checkpoint.size.value()
        << " entries that were signed before: nothing was removed, altered or reordered\n  origin  "
        << Plain(origin) << "\n  key     " << keys.For(newer.checkpoint.size).Format() << "\n";
  }
  return *verdict;
}

// The checkpoint that most other agencies stand behind, with their lines: what somebody keeps elsewhere, so that
// a later --consistency --old leads back to it.
absl::Status ProveCheckpoint(const Args& args, Reading& reading, const Trust& trust, Io& io) {
  audit::Store& store = *reading.store;
  const std::string origin = args.GetOr("origin", store.own_origin());
  POLKU_ASSIGN_OR_RETURN(const log::HeldLog* const held, LogOf(store, origin));
  POLKU_ASSIGN_OR_RETURN(const proof::LogKeys keys, KeysOf(trust, store.engine(), *held));
  POLKU_ASSIGN_OR_RETURN(const evidence::Anchor anchor,
                         evidence::ChooseAnchor({.engine = &store.engine(),
                                                 .log = held,
                                                 .keys = &keys,
                                                 .witnesses = trust.witnesses,
                                                 .covers = Position(1)}));
  POLKU_RETURN_IF_ERROR(WriteNewFile(args.Get("out"), anchor.note, kProofMode));
  if (args.json()) {
    io.out << "{\"file\":" << JsonString(args.Get("out")) << ",\"origin\":" << JsonString(origin)
           << ",\"size\":" << anchor.checkpoint.size.value() << ",\"root\":\""
           << ToHex(anchor.checkpoint.root.view()) << "\",\"cosigned\":[" << CosignedJson(anchor)
           << "]}\n";
    return absl::OkStatus();
  }
  io.out << args.Get("out") << ": checkpoint of " << anchor.checkpoint.size.value() << " entries of "
         << Plain(origin) << "\n  root       " << ToHex(anchor.checkpoint.root.view())
         << "\n  key        " << keys.For(anchor.checkpoint.size).Format() << "\n";
  PrintCosigned(anchor, io);
  return absl::OkStatus();
}

ExitCode RunProve(const Args& args, Io& io) {
  if (!args.Has("out")) return FailUsage(io, "where to? give --out with the file to be written");
  const bool consistency = args.Has("consistency");
  const bool checkpoint = args.Has("checkpoint");
  if (checkpoint) {
    for (const char* flag : {"event", "position", "leaf", "case", "consistency", "from", "to", "old"}) {
      if (args.Has(flag)) return FailUsage(io, Str("--", flag, " does not go with --checkpoint"));
    }
  }
  for (const char* flag : {"event", "position", "leaf", "case"}) {
    if (consistency && args.Has(flag)) {
      return FailUsage(io,
                       Str("--", flag, " belongs to the proof of an event, not to --consistency"));
    }
  }
  for (const char* flag : {"from", "to", "old"}) {
    if (!consistency && args.Has(flag))
      return FailUsage(io, Str("--", flag, " needs --consistency"));
  }
  if (consistency && args.Has("from") == args.Has("old")) {
    return FailUsage(io, "give --from with a size, or --old with a checkpoint that you kept");
  }
  if (!consistency && !checkpoint && args.Has("event") == args.Has("position")) {
    return FailUsage(io, "what is to be proven? give --event, or --position with --origin; or --checkpoint");
  }
  if (args.Has("position") && !args.Has("origin")) {
    return FailUsage(io, "--position needs --origin: in which log?");
  }
  if (args.Has("case") && !args.Has("event")) return FailUsage(io, "--case narrows --event alone");
  for (const char* flag : {"position", "from", "to"}) {
    // No checkpoint is of an empty log; positions begin at 0.
    const uint64_t least = std::string_view(flag) == "position" ? 0 : 1;
    if (const auto number = args.Number(flag, least, INT64_MAX); !number.ok()) {
      return FailUsage(io, ToStd(number.status().message()));
    }
  }
  std::optional<AccessClaim> claim;
  if (args.Has("leaf")) {
    const auto read = ReadAccessClaim(args);
    if (!read.ok()) return FailUsage(io, Str("--leaf shows an entry: ", read.status().message()));
    claim = *read;
  }
  auto reading = OpenReading(args);
  if (!reading.ok()) return Fail(io, reading.status());
  const auto trust = LoadTrust(reading->config, reading->store->engine());
  if (!trust.ok()) return Fail(io, trust.status());
  audit::Store& store = *reading->store;
  if (const auto own = CheckOwnKey(store.engine(), *trust); !own.ok()) return Fail(io, own);
  if (consistency) {
    const auto verdict = ProveConsistency(args, *reading, *trust, io);
    if (!verdict.ok()) return Fail(io, verdict.status());
    return *verdict == proof::PairVerdict::kFork ? kExitCorrupt : kExitOk;
  }
  const absl::Status status = checkpoint ? ProveCheckpoint(args, *reading, *trust, io)
                                         : ProveInclusion(args, claim, *reading, *trust, io);
  return status.ok() ? kExitOk : Fail(io, status);
}

}  // namespace

Command ProveCommand() {
  return {
      {.name = "prove",
       .summary = "a file that proves one event, or that nothing before was changed; a checkpoint to keep",
       .flags = RecordedReadingFlags(
           {{"event", "UUID", "the event to be proven"},
            {"case", "CASE", "its case: found at once in any log"},
            {"position", "N", "or its position, with --origin"},
            {"origin", "ORIGIN", "the log; --consistency, --checkpoint: the service's own unless given"},
            {"out", "FILE", "the proof: .tlog-proof, .checkpoint-pair or .note; must not exist"},
            {"checkpoint", "", "the signed checkpoint alone, cosigned by most, to be kept elsewhere"},
            {"leaf", "FILE", "also the entry's bytes, for whoever is to hash them; needs --official, --purpose and --basis"},
            {"consistency", "", "of two checkpoints: the newer log begins with the older"},
            {"from", "SIZE", "size of the older, one that a commit ended at"},
            {"old", "NOTE", "or a signed checkpoint that somebody kept"},
            {"to", "SIZE", "size of the newer; the newest"}}),
       .details =
           "The proof leads to the signed checkpoint that most other agencies have cosigned, whose "
           "lines "
           "are in the file.\n"
           "It is verified before it is written, and anybody can verify it again without Polku: "
           "eventstore/proof/README.md.\n"
           "It says nothing of what an event contains; `polku bundle` does. An entry that is "
           "withheld from "
           "this agency cannot\n"
           "be proven here. Exit code 5 when the two checkpoints contradict each other: then the "
           "file is "
           "evidence of a fork.",
       .examples =
           "polku prove --config kela.textproto --event 0b8e2f6a-1c5d-4e8f-9a7b-3c2d1e0f9a8b --out "
           "day.tlog-proof --leaf day.leaf \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku prove --config kela.textproto --origin FI/MUN/0187690-1/oulu/referral/1 "
           "--position 12 "
           "--out entry.tlog-proof\n"
           "polku prove --config kela.textproto --checkpoint --origin FI/MUN/0187690-1/oulu/referral/1 "
           "--out march.note\n"
           "polku prove --config kela.textproto --consistency --origin "
           "FI/MUN/0187690-1/oulu/referral/1 "
           "--old march.note --out march.checkpoint-pair"},
      RunProve};
}

}  // namespace polku::cli
