#include "services/host/new_epoch.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/index.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/proof/note.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "google/protobuf/stubs/logging.h"
#include "polku/event/v1/event.pb.h"
#include "services/core/finnish_ids.h"
#include "services/host/cosigned.h"
#include "services/host/epochs.h"
#include "services/host/erased.h"
#include "services/host/fence.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "services/host/opener.h"
#include "services/host/recovery.h"
#include "services/host/superseded.h"

namespace polku::host {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxKeyFileBytes = 4096;
constexpr size_t kMaxReasonBytes = 1'000;

absl::Status Invalid(auto... parts) {
  return Error(absl::StatusCode::kInvalidArgument, parts...);
}

fs::path Place(const std::string& path) {
  std::error_code error;
  const fs::path found = fs::weakly_canonical(path, error);
  return error ? fs::path(path).lexically_normal() : found;
}

bool HasContent(const std::string& directory) {
  std::error_code error;
  return fs::exists(directory, error) && !fs::is_empty(directory, error);
}

// ---- Key files ----

absl::StatusOr<bool> IsThere(const std::string& path) {
  const auto content = ReadFile(path, kMaxKeyFileBytes);
  if (absl::IsNotFound(content.status())) return false;
  if (!content.ok()) return content.status();
  return true;
}

// The secret first: a public file that is missing can be made again from it.
absl::Status PutPair(const std::string& path, std::string_view secret, std::string_view open) {
  POLKU_ASSIGN_OR_RETURN(const bool has_secret, IsThere(path + ".secret"));
  if (!has_secret) POLKU_RETURN_IF_ERROR(ReplaceFile(path + ".secret", secret, 0600));
  POLKU_ASSIGN_OR_RETURN(const bool has_public, IsThere(path + ".public"));
  if (has_public) return absl::OkStatus();
  return ReplaceFile(path + ".public", open, 0644);
}

// The signing or cosigning pair: what is there stays; else `from`'s, where that has it; else a new one.
absl::Status PutSigner(const std::string& directory, std::string_view name,
                       const std::string& key_name, proof::KeyUse use, const std::string* from) {
  const std::string path = Str(directory, "/", name);
  std::unique_ptr<proof::Signer> signer;
  for (const std::string& secret :
       {path + ".secret", from == nullptr ? std::string() : Str(*from, "/", name, ".secret")}) {
    if (secret.empty()) continue;
    auto text = ReadSecretFile(secret, kMaxKeyFileBytes);
    if (absl::IsNotFound(text.status())) continue;
    if (!text.ok()) return text.status();
    auto parsed = proof::Signer::Parse(*text, use);
    if (!parsed.ok()) return Annotate(parsed.status(), secret);
    signer = *std::move(parsed);
    break;
  }
  if (signer == nullptr) signer = proof::Signer::Generate(key_name, use);
  return PutPair(path, signer->SecretText(), Str(signer->verifier().Format(), "\n"));
}

// The witness goes on under its old name and key, so what it has cosigned binds it as before.
absl::Status CopyCosigned(std::string_view from, std::string_view to) {
  POLKU_RETURN_IF_ERROR(Cosigned::Open(from).status());
  const auto text = ReadFile(Str(from, "/", kCosignedFile), kMaxCosignedBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  return ReplaceFile(Str(to, "/", kCosignedFile), *text, 0644);
}

// What was erased in the old epochs stays erased: the copies of it that the old directories hold are not taken along,
// nor any that is put back later.
absl::Status CopyFence(std::string_view from, std::string_view to) {
  POLKU_RETURN_IF_ERROR(Fence::Open(from).status());
  const auto text = ReadFile(Str(from, "/", kFenceFile), kMaxFenceBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  return ReplaceFile(Str(to, "/", kFenceFile), *text, 0644);
}

absl::Status PutKeys(const NewEpochOptions& options) {
  const Config& next = options.next;
  const Config& old = options.old;
  const std::string& directory = next.keys_directory;
  POLKU_RETURN_IF_ERROR(MakeDirectories(directory));
  POLKU_ASSIGN_OR_RETURN(const bool has_curve, IsThere(directory + "/curve.secret"));
  POLKU_ASSIGN_OR_RETURN(const zeromq::CurveKeyPair curve,
                         LoadCurveKeys(has_curve ? directory : old.keys_directory));
  POLKU_RETURN_IF_ERROR(PutPair(directory + "/curve",
                                Str(zeromq::FormatCurveKey(curve.secret_key), "\n"),
                                Str(zeromq::FormatCurveKey(curve.public_key), "\n")));
  POLKU_RETURN_IF_ERROR(PutSigner(directory, "cosigning", WitnessName(next.origin),
                                  proof::KeyUse::kCosignature, &old.keys_directory));
  POLKU_RETURN_IF_ERROR(CopyCosigned(old.keys_directory, directory));
  POLKU_RETURN_IF_ERROR(CopyFence(old.keys_directory, directory));
  POLKU_RETURN_IF_ERROR(PutSigner(directory, "signing", next.origin.text(),
                                  proof::KeyUse::kCheckpoint, nullptr));
  if (MasterKeyIsCredential()) return absl::OkStatus();
  const std::string master = directory + "/master.key";
  POLKU_ASSIGN_OR_RETURN(const bool has_master, IsThere(master));
  if (options.sections_lost) {
    if (has_master) return absl::OkStatus();
    return Invalid(master, " is missing: make the new keys first, with `polku keygen --origin ",
                   next.origin.text(), " --dir ", directory, "`");
  }
  if (!has_master) {
    POLKU_ASSIGN_OR_RETURN(
        const std::string text,
        ReadSecretFile(old.keys_directory + "/master.key", kMaxKeyFileBytes));
    return ReplaceFile(master, text, 0600);
  }
  POLKU_ASSIGN_OR_RETURN(const vault::MasterKey given, LoadMasterKey(directory));
  const auto used = LoadMasterKey(old.keys_directory);
  // Lost with the old keys: whether it is the keystore's own is seen when that is opened.
  if (absl::IsNotFound(used.status())) return absl::OkStatus();
  if (!used.ok()) return used.status();
  if (given.secret_bytes() != used->secret_bytes()) {
    return Invalid(master, " is another key than the old one, which the keystore is sealed under; remove it, and it is "
                           "copied from ", old.keys_directory);
  }
  return absl::OkStatus();
}

absl::StatusOr<proof::VerifierKey> OldSigningKey(const Config& old) {
  const std::string path = old.keys_directory + "/signing.public";
  POLKU_ASSIGN_OR_RETURN(proof::VerifierKey key,
                         LoadPublicKey(path, proof::KeyUse::kCheckpoint));
  if (key.name() != old.origin.text()) {
    return Invalid(path, " is the key of ", key.name(), ", but --old is the configuration of ",
                   old.origin.text());
  }
  return key;
}

absl::Status CheckFit(const NewEpochOptions& options) {
  const Config& next = options.next;
  const Config& old = options.old;
  const auto wanted = OriginName::Make(old.origin.agency(), old.origin.service(),
                                       old.origin.epoch() + 1);
  if (!wanted.ok()) return wanted.status();
  if (next.origin != *wanted) {
    return Invalid("the new configuration's origin is ", next.origin.text(), "; after ",
                   old.origin.text(), " comes ", wanted->text());
  }
  const bool same_keystore = Place(next.keystore_directory) == Place(old.keystore_directory);
  if (!same_keystore && !options.sections_lost) {
    return Invalid("the new configuration names another keystore_directory; the keystore is used on: ",
                   old.keystore_directory, " (where it is lost for good: --sections-lost)");
  }
  if (same_keystore && options.sections_lost) {
    return Invalid("the new configuration names the old keystore_directory, which is kept as it is: name a "
                   "new one");
  }
  if (Place(next.keys_directory) == Place(old.keys_directory)) {
    return Invalid("the new configuration names the old keys_directory; a new epoch has a signing key of its own, "
                   "and the old keys and their high-water mark are kept: name a new directory");
  }
  if (Place(next.data_directory) == Place(old.data_directory)) {
    return Invalid("the new configuration names the old data_directory, which is kept as it is: name a "
                   "new one");
  }
  if (HasContent(next.data_directory)) {
    return Error(absl::StatusCode::kAlreadyExists, next.data_directory,
                 " is not empty; the new epoch's data_directory is made here. If an earlier run of this "
                 "command finished, all is done: start the service with the new configuration");
  }
  if (options.reason.empty() || options.reason.size() > kMaxReasonBytes) {
    return Invalid("the reason has 1 to ", kMaxReasonBytes,
                   " bytes: say for every peer and auditor why the log is not gone on with");
  }
  if (std::any_of(options.reason.begin(), options.reason.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return Invalid("the reason is one line of text");
  }
  if (service::ContainsPersonalIdentityCode(options.reason)) {
    return Invalid("the reason has a personal identity code in it; it is kept for ever where everybody reads it");
  }
  event::v1::Predecessor predecessor;
  predecessor.set_reason(options.reason);
  // Protobuf writes bad UTF-8 but no peer could read it.
  const google::protobuf::LogSilencer told_by_us;
  if (event::v1::Predecessor parsed; !parsed.ParseFromString(predecessor.SerializeAsString())) {
    return Invalid("the reason is not UTF-8 text");
  }
  return absl::OkStatus();
}

// ---- Copying ----

class Builder {
 public:
  Builder(const NewEpochOptions& options, log::Engine* from, log::Engine& to,
          vault::KeyStore& keystore, std::set<Hash> fenced)
      : options_(options),
        from_(from),
        to_(to),
        opener_(keystore, options.old.origin.text()),
        keystore_(keystore),
        fenced_(std::move(fenced)) {}

  absl::Status CopyAll(const proof::LogKeys& old_keys);
  NewEpochMade& made() { return made_; }
  // The newest note of the old own log; "" when nothing of it is held.
  const std::string& held_note() const { return held_note_; }

 private:
  absl::Status CopyLog(const log::HeldLog& held, const proof::LogKeys& old_keys);
  absl::Status CopyCosignatures(LogNumber from, LogNumber to);
  absl::Status CopyForks();
  // What this service's logs had of the entry's case was erased; an old copy of the directories may hold it again.
  bool IsFenced(const event::v1::Header& header) const {
    const auto case_id = CaseId::FromBytes(header.case_id());
    return case_id && fenced_.contains(FenceOf(*case_id));
  }
  bool IsPeer(std::string_view origin) const {
    return std::any_of(options_.next.peers.begin(), options_.next.peers.end(),
                       [&](const PeerConfig& peer) { return peer.origin.text() == origin; });
  }
  // Whose sections they are: of the log that goes on as a replica, of an earlier epoch that is one, of somebody else.
  enum class Whose { kOwn, kEarlier, kOther };
  // The group as it is stored, added to `head`; of the old own log with its secrets wrapped.
  absl::StatusOr<log::StoredGroup> TakeGroup(log::StoredGroup group, Whose whose, log::LogHead& head,
                                             std::vector<proof::Node>& nodes);
  // The sections of an own epoch's group, without those of erased cases.
  absl::StatusOr<std::string> TakeBlobs(const log::GroupView& view, Whose whose, Position first);

  const NewEpochOptions& options_;
  log::Engine* const from_;  // null: lost
  log::Engine& to_;
  Opener opener_;
  vault::KeyStore& keystore_;
  const std::set<Hash> fenced_;  // cases that this service erased, in whichever epoch
  NewEpochMade made_;
  std::string held_note_;
  uint64_t total_ = 0;
};

absl::StatusOr<std::string> Builder::TakeBlobs(const log::GroupView& view, Whose whose,
                                               Position first) {
  log::GroupWriter writer;
  event::v1::Header header;
  for (const auto& item : view.items()) {
    if (item.leaf.empty()) {
      writer.AddWithheld(item.withheld);
      continue;
    }
    writer.AddLeaf(item.leaf);
    const auto blobs = view.BlobsAt(item.offset);
    if (blobs.empty()) continue;
    POLKU_RETURN_IF_ERROR(log::ParseHeader(item.leaf, header));
    if (IsFenced(header)) continue;
    for (const auto& blob : blobs) {
      if (whose == Whose::kEarlier) {
        writer.AddBlob(blob.kind, blob.secret, blob.blob);
        continue;
      }
      const auto place = [&] {
        return Str("section ", SectionKindName(blob.kind), " of entry ",
                   first.value() + item.offset, " of ", options_.old.origin.text());
      };
      const auto committed = std::find_if(
          header.commitments().begin(), header.commitments().end(),
          [&](const auto& c) { return c.kind() == static_cast<int>(blob.kind); });
      if (committed == header.commitments().end()) {
        return Error(absl::StatusCode::kDataLoss, place(), " has no commitment");
      }
      const Hash commitment = *Hash::FromBytes(committed->commitment());
      const CaseId case_id = *CaseId::FromBytes(header.case_id());
      const auto key = keystore_.Get({case_id, blob.kind});
      if (absl::IsNotFound(key.status())) {
        return Error(absl::StatusCode::kNotFound, place(),
                     ": the keystore has no key for it; restore the keystore's newest backup");
      }
      if (!key.ok()) return Annotate(key.status(), place());
      POLKU_ASSIGN_OR_RETURN(const auto secret, opener_.OwnSecret(header, blob.kind));
      // What was altered would be found out only when somebody reads the case.
      const auto opened =
          vault::OpenSection(secret, commitment, options_.old.origin.text(),
                             *EventId::FromBytes(header.event_id()), blob.kind, blob.blob);
      if (!opened.ok()) return Annotate(opened.status(), place());
      writer.AddBlob(blob.kind, vault::WrapSecret(*key, commitment, secret), blob.blob);
      ++made_.sections;
    }
  }
  return std::move(writer).Finish().blobs;
}

absl::StatusOr<log::StoredGroup> Builder::TakeGroup(log::StoredGroup group, Whose whose,
                                                    log::LogHead& head,
                                                    std::vector<proof::Node>& nodes) {
  POLKU_ASSIGN_OR_RETURN(const auto view, log::GroupView::Parse(group.entries, group.blobs));
  event::v1::Header header;
  for (const auto& item : view.items()) {
    if (item.leaf.empty()) {
      POLKU_RETURN_IF_ERROR(head.frontier.AppendSubtree(item.withheld, &nodes));
      continue;
    }
    POLKU_RETURN_IF_ERROR(log::ParseHeader(item.leaf, header));
    head.frontier.AppendLeafHash(proof::LeafHash(item.leaf), &nodes);
    head.last_order = Order(header.order());
    for (const auto& disclosure : header.disclosures()) {
      if (disclosure.receiver() == options_.old.origin.agency()) {
        head.disclosure_number = disclosure.number();
      }
    }
  }
  if (options_.sections_lost) {
    group.blobs.clear();
  } else if (whose != Whose::kOther && !group.blobs.empty()) {
    POLKU_ASSIGN_OR_RETURN(group.blobs, TakeBlobs(view, whose, group.first));
  }
  made_.entries += view.count();
  if (options_.progress) options_.progress(made_.entries, total_);
  return group;
}

absl::Status Builder::CopyLog(const log::HeldLog& held, const proof::LogKeys& old_keys) {
  const bool own = held.number == kOwnLog;
  const Whose whose = own ? Whose::kOwn
                      : IsEarlierEpoch(held.head.origin, options_.old.origin.text())
                          ? Whose::kEarlier
                          : Whose::kOther;
  POLKU_ASSIGN_OR_RETURN(const OriginName origin, OriginName::Parse(held.head.origin));
  const auto damaged = [&](Position position, std::string_view what) {
    return Error(absl::StatusCode::kDataLoss, "the log of ", origin.text(), " at ", position.value(),
                 " entries: ", what);
  };
  POLKU_ASSIGN_OR_RETURN(auto replica, log::ReplicaLog::Open(to_, origin));
  POLKU_ASSIGN_OR_RETURN(auto groups, from_->Scan(held.number, Position(), /*with_blobs=*/true));
  auto checkpoints = from_->Checkpoints(held.number);
  log::LogHead head;
  head.origin = origin.text();
  std::string note;
  for (;;) {
    POLKU_ASSIGN_OR_RETURN(auto stored, checkpoints->Next());
    if (!stored) break;
    note = std::move(stored->second);
    POLKU_ASSIGN_OR_RETURN(const auto parsed, proof::ParseNote(note));
    POLKU_ASSIGN_OR_RETURN(const auto checkpoint, proof::ParseCheckpointBody(parsed.body));
    log::VerifiedBatch batch;
    batch.first = head.frontier.size();
    while (head.frontier.size() < checkpoint.size) {
      POLKU_ASSIGN_OR_RETURN(auto group, groups->Next());
      if (!group) return damaged(head.frontier.size(), "a checkpoint is of more than is held");
      const Position first = group->first;
      auto taken = TakeGroup(*std::move(group), whose, head, batch.nodes);
      if (!taken.ok()) {
        return Annotate(taken.status(), Str("the log of ", origin.text(), " from position ",
                                            first.value(), " on"));
      }
      batch.groups.push_back(*std::move(taken));
    }
    if (head.frontier.size() != checkpoint.size || head.frontier.Root() != checkpoint.root) {
      return damaged(checkpoint.size, "its entries are not those of its checkpoint");
    }
    batch.head = head;
    batch.checkpoint = note;
    POLKU_RETURN_IF_ERROR(replica->Append(batch));
  }
  if (head.frontier != held.head.frontier) {
    return damaged(head.frontier.size(), "its head is of another size or root than what is held");
  }
  if (own) {
    const auto verified = proof::VerifyCheckpoint(note, old_keys);
    if (!verified.ok()) {
      return damaged(head.frontier.size(), Str("its checkpoint: ", ToStd(verified.status().message())));
    }
    made_.held = head.frontier.size();
    made_.clock_behind =
        std::max(absl::ZeroDuration(), TimeFromOrder(head.last_order) - options_.clock());
    held_note_ = note;
  }
  ++made_.logs;
  POLKU_RETURN_IF_ERROR(CopyApplied(*from_, held.number, to_, replica->number()));
  return CopyCosignatures(held.number, replica->number());
}

absl::Status Builder::CopyCosignatures(LogNumber from, LogNumber to) {
  constexpr size_t kPerWrite = 4'096;
  std::vector<log::KeptCosignature> cosignatures;
  POLKU_RETURN_IF_ERROR(
      log::VisitCosignatures(*from_, from, [&](const log::KeptCosignature& kept) {
        cosignatures.push_back(kept);
        if (cosignatures.size() < kPerWrite) return absl::OkStatus();
        const absl::Status written = log::KeepCosignatures(to_, to, cosignatures);
        cosignatures.clear();
        return written;
      }));
  return log::KeepCosignatures(to_, to, cosignatures);
}

absl::Status Builder::CopyForks() {
  POLKU_ASSIGN_OR_RETURN(const auto forks, log::AllForks(*from_));
  for (const auto& fork : forks) {
    POLKU_RETURN_IF_ERROR(log::KeepFork(to_, fork.origin, fork.found_at, fork.pair));
  }
  return absl::OkStatus();
}

absl::Status Builder::CopyAll(const proof::LogKeys& old_keys) {
  if (from_ == nullptr) return absl::OkStatus();
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(*from_));
  for (const auto& held : logs) total_ += held.head.frontier.size().value();
  for (const auto& held : logs) {
    if (held.number == kOwnLog && held.head.origin != options_.old.origin.text()) {
      return Error(absl::StatusCode::kFailedPrecondition, options_.old.data_directory,
                   " holds the log of ", held.head.origin, ", not of ", options_.old.origin.text(),
                   "; give the configuration that the service ran with");
    }
    // Fetched anew, with contents that only their origins can open now.
    if (options_.sections_lost && IsPeer(held.head.origin)) continue;
    POLKU_RETURN_IF_ERROR(CopyLog(held, old_keys));
  }
  return CopyForks();
}

// Whether the old data directory is there at all. Opened for writing, which takes the lock: a service that runs
// would go on appending to what has been copied.
absl::StatusOr<std::unique_ptr<log::Engine>> OpenOld(const Config& old) {
  const auto there =
      rocks::OpenEngine({.directory = old.data_directory, .mode = rocks::OpenMode::kReadOnly});
  if (absl::IsNotFound(there.status()) && !HasContent(old.data_directory)) return nullptr;
  if (!there.ok()) return there.status();
  return rocks::OpenEngine(
      {.directory = old.data_directory, .cache_bytes = old.block_cache_bytes});
}

// What an earlier run left half made. Another run may be at work there: its lock tells.
absl::Status Clear(const std::string& directory) {
  if (!HasContent(directory)) return absl::OkStatus();
  const absl::Status opened = rocks::OpenEngine({.directory = directory}).status();
  if (absl::IsUnavailable(opened)) return opened;
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) {
    return Error(absl::StatusCode::kPermissionDenied, "cannot remove ", directory, ": ",
                 error.message(), "; check owner and mode");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NewEpochMade> OpenNewEpoch(const NewEpochOptions& options) {
  const Config& next = options.next;
  const Config& old = options.old;
  POLKU_RETURN_IF_ERROR(CheckFit(options));
  POLKU_ASSIGN_OR_RETURN(const proof::VerifierKey old_key, OldSigningKey(old));
  POLKU_ASSIGN_OR_RETURN(const auto from, OpenOld(old));
  // Of a lost log at least the first key is known, which is what everybody else knows of it.
  POLKU_ASSIGN_OR_RETURN(proof::LogKeys old_keys, FirstSigningKey(old.keys_directory));
  if (from != nullptr) {
    POLKU_ASSIGN_OR_RETURN(old_keys, log::OwnKeys(*from, old_keys.first()));
  }
  POLKU_ASSIGN_OR_RETURN(const std::string mark, HighWater(old.keys_directory).Read(old_keys, old_key));
  proof::Checkpoint marked;
  if (!mark.empty()) {
    POLKU_ASSIGN_OR_RETURN(marked, VerifyMark(mark, old_keys, old_key));
  }
  if (from == nullptr && mark.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, old.data_directory, " is empty and ",
                 old.keys_directory,
                 " has no high-water mark: nothing is known of the old log. Restore either from a backup");
  }
  POLKU_RETURN_IF_ERROR(PutKeys(options));
  POLKU_ASSIGN_OR_RETURN(const ServiceKeys keys,
                         LoadServiceKeys(next.keys_directory, next.origin.text()));
  const OpenStorageFn storage = [&] {
    return rocks::OpenKeyStorage(next.keystore_directory, options.sections_lost
                                                              ? rocks::OpenMode::kReadWrite
                                                              : rocks::OpenMode::kReadOnly);
  };
  POLKU_ASSIGN_OR_RETURN(
      const auto keystore,
      OpenKeyStore(storage, next.keys_directory, keys, /*read_only=*/!options.sections_lost));
  if (options.sections_lost) {
    POLKU_RETURN_IF_ERROR(keystore->ForEachName([&](const vault::KeyName&) -> absl::Status {
      return Invalid(next.keystore_directory, " holds keys; with --sections-lost name an empty directory");
    }));
  }

  POLKU_ASSIGN_OR_RETURN(const auto fence, Fence::Open(next.keys_directory));
  std::set<Hash> fenced;
  for (const auto& [place, line] : fence->lines()) {
    if (EpochsOf(place.first) == EpochsOf(old.origin.text())) fenced.insert(line.fence);
  }

  const std::string building = next.data_directory + ".building";
  POLKU_RETURN_IF_ERROR(Clear(building));
  NewEpochMade made;
  std::string first_note;
  Position first_size;
  {
    POLKU_ASSIGN_OR_RETURN(const auto to, rocks::OpenEngine({.directory = building}));
    Builder builder(options, from.get(), *to, *keystore, std::move(fenced));
    POLKU_RETURN_IF_ERROR(builder.CopyAll(old_keys));
    made = builder.made();
    made.known = std::max({made.held, marked.size, Position(options.known_size)});
    if (from != nullptr && !mark.empty() && marked.size <= made.held) {
      POLKU_ASSIGN_OR_RETURN(const auto pair,
                             SelfForkPair(*from, builder.held_note(), mark, old_keys));
      if (pair) {
        made.forked = true;
        POLKU_RETURN_IF_ERROR(log::KeepFork(*to, old.origin.text(), absl::Now(), *pair));
      }
    }
    const bool holds = made.held > Position();
    POLKU_ASSIGN_OR_RETURN(
        const auto log,
        log::Log::Open(*to,
                       {.origin = next.origin,
                        .clock = options.clock,
                        .random = SystemRandom(),
                        .signer = keys.signer.get(),
                        .predecessor = log::Predecessor{.origin = old.origin.text(),
                                                        .checkpoint = holds ? builder.held_note()
                                                                            : mark,
                                                        .held_size = made.held.value(),
                                                        .known_size = made.known.value(),
                                                        .reason = options.reason}},
                       keys.curve.public_key.view()));
    first_note = log->checkpoint();
    first_size = log->size();
  }
  made.signing_key = keys.signer->verifier().Format();
  made.old_signing_key = old_keys.first().Format();
  made.curve_key = zeromq::FormatCurveKey(keys.curve.public_key);

  // First: of two epochs that could both be started one too many would be.
  POLKU_RETURN_IF_ERROR(MarkSuperseded(old.keys_directory, keys.signer->verifier()));
  std::error_code error;
  fs::rename(building, next.data_directory, error);
  if (error) {
    return Error(absl::StatusCode::kPermissionDenied, "cannot rename ", building, " to ",
                 next.data_directory, ": ", error.message(), "; check owner and mode");
  }
  POLKU_RETURN_IF_ERROR(SyncDirectoryOf(next.data_directory));
  // The service would write it as well; so the new epoch is known even if it is restored before its first start.
  POLKU_RETURN_IF_ERROR(
      HighWater(next.keys_directory).Write(first_note, first_size, absl::Now(), /*now_too=*/true));
  return made;
}

}  // namespace polku::host
