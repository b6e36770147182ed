#include "eventstore/log/log.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/merkle.h"

namespace polku::log {
namespace {

constexpr uint32_t kFormat = 1;
// One commit takes at most about this much before it is written, so that a long queue of waiting
// appends does not become one huge batch in memory.
constexpr size_t kMaxCommitBytes = 16 << 20;
constexpr uint64_t kMaxOrder = uint64_t{1} << 62;

// The last revision of the cases lately appended to: a direct-mapped table, because a miss only
// costs an index look-up, while exact least-recently-used order would cost a list node per case.
// Case ids are random, so slots are evenly used.
class RevisionCache {
 public:
  RevisionCache() : slots_(kSlots) {}
  std::optional<Revision> Get(const CaseId& case_id) const {
    const Slot& slot = slots_[SlotOf(case_id)];
    if (slot.case_id != case_id) return std::nullopt;
    return slot.revision;
  }
  void Put(const CaseId& case_id, Revision revision) {
    slots_[SlotOf(case_id)] = {case_id, revision};
  }

 private:
  struct Slot {
    CaseId case_id;  // zero: free, no case has that id
    Revision revision;
  };
  static constexpr size_t kSlots = 32'768;
  static size_t SlotOf(const CaseId& case_id) {
    uint64_t bits = 0;
    std::memcpy(&bits, case_id.data(), sizeof bits);
    return bits % kSlots;
  }
  std::vector<Slot> slots_;
};

// What makes an event recognisable; the author borrows from the NewEntry.
struct EventKey {
  EventId id;
  std::string_view author;
  friend bool operator==(const EventKey&, const EventKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const EventKey& key) {
    return H::combine(std::move(state), key.id, ToAbsl(key.author));
  }
};

enum class Sameness { kSame, kOtherSections, kOther };

bool SameLater(const std::optional<NewEntry::Later>& later, const NewEntry& earlier) {
  if (!later || !earlier.later) return later.has_value() == earlier.later.has_value();
  return later->receiver == earlier.later->receiver &&
         std::equal(later->entries.begin(), later->entries.end(), earlier.later->entries.begin(),
                    earlier.later->entries.end(),
                    [](const NewEntry::Opened& a, const NewEntry::Opened& b) {
                      return a.position == b.position && a.sections == b.sections;
                    });
}

bool SameLater(const std::optional<NewEntry::Later>& later, const event::v1::Header& earlier) {
  if (!later || !earlier.has_later()) return later.has_value() == earlier.has_later();
  return later->receiver == earlier.later().receiver() &&
         std::equal(later->entries.begin(), later->entries.end(), earlier.later().entries().begin(),
                    earlier.later().entries().end(),
                    [](const NewEntry::Opened& a, const event::v1::OpenedEntry& b) {
                      return a.position == Position(b.position()) &&
                             a.sections == SectionsIn(b.sections());
                    });
}

// Sameness of a repeat (DESIGN "The log"): type, author, official, case, commitments, control, what it
// corrects and what it opens to whom.
Sameness Compare(const NewEntry& entry, const NewEntry& earlier) {
  if (entry.type != earlier.type || entry.author_agency != earlier.author_agency ||
      entry.author_official != earlier.author_official || entry.case_id != earlier.case_id ||
      entry.control != earlier.control || entry.corrects != earlier.corrects ||
      !SameLater(entry.later, earlier)) {
    return Sameness::kOther;
  }
  const bool same =
      std::equal(entry.sections.begin(), entry.sections.end(), earlier.sections.begin(),
                 earlier.sections.end(), [](const SealedSection& a, const SealedSection& b) {
                   return a.kind == b.kind && a.commitment == b.commitment;
                 });
  return same ? Sameness::kSame : Sameness::kOtherSections;
}

Sameness Compare(const NewEntry& entry, const event::v1::Header& earlier) {
  const std::string_view case_id =
      entry.case_id.is_zero() ? std::string_view() : entry.case_id.view();
  const std::string_view corrects =
      entry.corrects.is_zero() ? std::string_view() : entry.corrects.view();
  if (entry.type != earlier.type() || entry.author_agency != earlier.author_agency() ||
      entry.author_official != earlier.author_official() || case_id != earlier.case_id() ||
      entry.control != earlier.control() || corrects != earlier.corrects() ||
      !SameLater(entry.later, earlier)) {
    return Sameness::kOther;
  }
  const bool same = std::equal(
      entry.sections.begin(), entry.sections.end(), earlier.commitments().begin(),
      earlier.commitments().end(), [](const SealedSection& a, const event::v1::Commitment& b) {
        return static_cast<int>(a.kind) == b.kind() && a.commitment.view() == b.commitment();
      });
  return same ? Sameness::kSame : Sameness::kOtherSections;
}

absl::Status Conflict(const NewEntry& entry) {
  return absl::AlreadyExistsError(Str("event ", FormatEventId(entry.id), " of ",
                                      entry.author_agency,
                                      " was appended before with other content"));
}

// The receipt of `entry` if it was appended before; AlreadyExists when with other content.
absl::StatusOr<std::optional<Receipt>> FindStored(Engine& engine, EntryFetcher& fetcher,
                                                  const NewEntry& entry) {
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> found,
                         engine.IndexGet(EventIndexKey(entry.id, entry.author_agency)));
  if (!found) return std::optional<Receipt>();
  Receipt receipt;
  receipt.id = entry.id;
  receipt.repeated = true;
  if (!ParseEventIndexValue(*found, receipt.position, receipt.revision, receipt.log)) {
    return absl::DataLossError("event index: malformed entry; run `polku reindex`");
  }
  absl::StatusOr<EntryView> fetched = fetcher.Fetch(receipt.log, receipt.position, false);
  // Erased since the index was read.
  if (absl::IsNotFound(fetched.status())) return std::optional<Receipt>();
  if (!fetched.ok()) return fetched.status();
  EntryView stored = *std::move(fetched);
  if (stored.header->event_id() != entry.id.view()) {
    return absl::DataLossError(Str("event index: log ", receipt.log.value(), " position ",
                                   receipt.position.value(),
                                   " holds another event; run `polku reindex`"));
  }
  receipt.order = Order(stored.header->order());
  receipt.leaf_hash = proof::LeafHash(stored.leaf);
  Sameness same = Compare(entry, *stored.header);
  if (same == Sameness::kOtherSections && stored.header->commitments_size() > 0) {
    // After an erasure the case key is gone and nobody can make the old commitments again: then the
    // id alone tells a repeat.
    EntryFetcher fresh(engine);  // an erasure may be newer than the group that `fetcher` keeps
    POLKU_ASSIGN_OR_RETURN(stored, fresh.Fetch(receipt.log, receipt.position, true));
    if (stored.blobs.size() < static_cast<size_t>(stored.header->commitments_size())) {
      return std::optional<Receipt>(receipt);
    }
  }
  if (same != Sameness::kSame) return Conflict(entry);
  return std::optional<Receipt>(receipt);
}

using DisclosureNumbers = absl::flat_hash_map<std::string, uint64_t>;

void AddDisclosureNumbers(const DisclosureNumbers& numbers, std::vector<KeyValue>& index) {
  for (const auto& [receiver, number] : numbers) {
    std::string value;
    AppendBigEndian64(value, number);
    index.emplace_back(DisclosureIndexKey(receiver), std::move(value));
  }
}

// Protobuf writes a `string` field with bad UTF-8 but refuses to read it: such an entry would be in
// the log for ever and never readable.
bool IsUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
    const uint8_t lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    // Overlong forms, surrogates and code points beyond U+10FFFF (RFC 3629).
    const uint8_t second = byte(i + 1);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
      return false;
    }
    i += length;
  }
  return true;
}

absl::Status ValidateEntry(const NewEntry& entry) {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(Str("entry ", FormatEventId(entry.id), ": ", what));
  };
  const auto is_name = [](const std::string& name) {
    return !name.empty() && name.size() <= kMaxNameBytes && IsUtf8(name);
  };
  if (entry.id.is_zero()) return bad("has no event id");
  if (!is_name(entry.type)) return bad("type must be 1 to 255 bytes of UTF-8");
  if (!is_name(entry.author_agency)) return bad("author agency must be 1 to 255 bytes of UTF-8");
  if (entry.author_official.size() > kMaxNameBytes || !IsUtf8(entry.author_official)) {
    return bad("official must be at most 255 bytes of UTF-8");
  }
  const bool control = !entry.control.empty();
  if (control != entry.case_id.is_zero()) {
    return bad("must have either a case or control content");
  }
  if (control && !entry.sections.empty()) return bad("a control entry takes no sections");
  if (control && !entry.corrects.is_zero()) return bad("a control entry corrects no other");
  if ((entry.type == kDisclosedType) != entry.later.has_value()) {
    return bad("only a later disclosure opens entries, and it must");
  }
  if (entry.later) {
    const NewEntry::Later& later = *entry.later;
    if (control) return bad("a control entry opens no others");
    if (!is_name(later.receiver)) {
      return bad("a later disclosure needs a receiver of 1 to 255 bytes of UTF-8");
    }
    if (later.entries.empty() || later.entries.size() > kMaxOpenedEntries) {
      return bad("a later disclosure opens 1 to 2,048 entries");
    }
    for (size_t i = 1; i < later.entries.size(); ++i) {
      if (later.entries[i].position <= later.entries[i - 1].position) {
        return bad("opened entries must ascend by position, each once");
      }
    }
  }
  if (entry.newest_cause.value() >= kMaxOrder) return bad("order of its newest cause out of range");
  for (const CauseRef& cause : entry.causes) {
    if (!is_name(cause.origin)) return bad("cause needs an origin of 1 to 255 bytes of UTF-8");
  }
  if (entry.sections.size() > kMaxSectionsPerEntry) return bad("more than 16 sections");
  size_t bytes = 0;
  int last_kind = 0;
  for (const SealedSection& section : entry.sections) {
    const int kind = static_cast<int>(section.kind);
    if (kind <= last_kind) return bad("sections must ascend by kind");
    last_kind = kind;
    if (section.blob.empty()) return bad("section without sealed content");
    if (section.blob.size() > kMaxBlobBytes) return bad("section exceeds 1 MiB");
    bytes += section.blob.size();
  }
  // The leaf's own bytes are added where they are known, in StageNew.
  if (bytes > kMaxEntryBytes) return bad("exceeds 3 MiB in all");
  if (entry.disclosures.size() > kMaxDisclosuresPerEntry) {
    return bad("goes to more than 64 agencies, and an entry can name no more; let parties that have no more to do "
               "with the case leave it, or share less by the agreement");
  }
  const std::string* last_receiver = nullptr;
  for (const DisclosureTarget& target : entry.disclosures) {
    if (!is_name(target.receiver))
      return bad("disclosure needs a receiver of 1 to 255 bytes of UTF-8");
    if (last_receiver != nullptr && target.receiver <= *last_receiver) {
      return bad("disclosures must ascend by receiver, each once");
    }
    last_receiver = &target.receiver;
  }
  return absl::OkStatus();
}

bool IsSigningChange(const NewEntry& entry) {
  event::v1::KeyChanged change;
  return entry.type == event::v1::KeyChanged::descriptor()->full_name() &&
         change.ParseFromString(entry.control) && change.use() == event::v1::KEY_USE_SIGNING;
}

absl::Status ValidateRequest(const AppendRequest& request) {
  if (request.entries.empty() || request.entries.size() > kMaxEntriesPerAppend) {
    return absl::InvalidArgumentError("an append takes 1 to 1,024 entries");
  }
  for (const NewEntry& entry : request.entries) {
    POLKU_RETURN_IF_ERROR(ValidateEntry(entry));
    if (&entry != &request.entries.back() && IsSigningChange(entry)) {
      return absl::InvalidArgumentError("a change of the signing key is the last entry of its append");
    }
  }
  for (const ExpectedRevision& expected : request.expected) {
    if (expected.case_id.is_zero()) {
      return absl::InvalidArgumentError("an expected revision without case");
    }
  }
  return absl::OkStatus();
}

class LogImpl final : public Log {
 public:
  LogImpl(Engine& engine, LogOptions options)
      : engine_(engine), options_(std::move(options)), fetcher_(engine) {}

  absl::Status Load(std::string_view genesis_curve_key);

  std::vector<AppendResult> Append(std::span<const AppendRequest> requests) override;

  absl::Status Recover(const VerifiedBatch& batch) override;

  absl::StatusOr<std::optional<std::vector<Receipt>>> FindRepeat(
      const AppendRequest& request) override {
    POLKU_RETURN_IF_ERROR(ValidateRequest(request));
    EntryFetcher fetcher(engine_);
    std::vector<Receipt> receipts;
    bool any_new = false;
    for (const NewEntry& entry : request.entries) {
      POLKU_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt,
                             FindStored(engine_, fetcher, entry));
      // A later entry of the request may still be a conflict, and that is the answer then.
      if (receipt) {
        receipts.push_back(*receipt);
      } else {
        any_new = true;
      }
    }
    if (any_new) return std::optional<std::vector<Receipt>>();
    return std::optional<std::vector<Receipt>>(std::move(receipts));
  }

  Position size() const override {
    const std::lock_guard lock(state_mu_);
    return published_.size;
  }
  Order last_order() const override {
    const std::lock_guard lock(state_mu_);
    return published_.last_order;
  }
  std::string checkpoint() const override {
    const std::lock_guard lock(state_mu_);
    return published_.checkpoint;
  }
  absl::StatusOr<Revision> CaseRevision(const CaseId& case_id) override {
    std::string prefix = CaseIndexPrefix(case_id);
    AppendBigEndian32(prefix, static_cast<uint32_t>(kOwnLog.value()));
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> last,
                           engine_.IndexFloor(prefix, "\xff\xff\xff\xff\xff\xff\xff\xff"));
    if (!last) return Revision(0);
    Order order;
    Revision revision;
    if (!ParseCaseIndexValue(last->second, order, revision)) {
      return absl::DataLossError("case index: malformed entry; run `polku reindex`");
    }
    return revision;
  }

 private:
  // A caller of Append. Lives on its stack; touched by the leader until `done` is set under the
  // lock.
  struct Waiter {
    std::span<const AppendRequest> requests;
    std::vector<AppendResult> results;
    bool done = false;
    bool lead = false;
    std::condition_variable wake;
  };
  struct Work {
    const AppendRequest* request;
    AppendResult* result;
    bool rests_on_commit = false;  // the result says something about entries not yet on disk
  };
  struct StagedEntry {
    const NewEntry* entry;
    Receipt receipt;
  };
  // Undone when a request fails after some of its entries were staged.
  struct Undo {
    std::vector<EventKey> ids;
    std::vector<std::pair<CaseId, std::optional<Revision>>> revisions;
    std::vector<std::pair<const std::string*, std::optional<uint64_t>>> numbers;
    Order last_order;
  };

  absl::StatusOr<proof::LogKeys> LoadKeys();
  void Lead(const std::vector<Waiter*>& drained);
  void Process(std::span<Work> work);
  void BeginStage();
  void Stage(Work& work);
  absl::Status StageNew(const AppendRequest& request);
  absl::Status CheckOpened(const NewEntry& entry, Position before);
  // False: the disk is full, nothing was written, and some of the work may use the reserve if it goes alone;
  // all of it is answered as not appended.
  bool CommitStage(std::span<Work> work);
  void CommitFromReserve(std::span<Work> work);
  absl::Status CommitRecovered(const VerifiedBatch& batch);
  // What a failed commit is answered with; unless nothing was written, no other may follow.
  absl::Status Stop(const absl::Status& failed);
  absl::StatusOr<Revision> LastRevision(const CaseId& case_id);
  void RollBack(Undo& undo);
  void CloseGroup();
  std::string_view NextRandom();

  Engine& engine_;
  const LogOptions options_;

  std::mutex queue_mu_;
  std::deque<Waiter*> queue_;  // guarded by queue_mu_
  bool leading_ = false;       // guarded by queue_mu_
  bool appending_ = false;     // guarded by queue_mu_; since the first Append

  struct Published {
    Position size;
    Order last_order;
    std::string checkpoint;
  };
  mutable std::mutex state_mu_;
  Published published_;  // guarded by state_mu_

  // All below belongs to the leader.
  std::optional<proof::LogKeys> keys_;  // set by Load
  proof::Frontier frontier_;
  Order last_order_;
  RevisionCache revision_cache_;
  DisclosureNumbers numbers_;  // receiver → newest running number
  absl::Status stopped_;                                // why no commit may follow
  bool put_index_version_ = false;
  EntryFetcher fetcher_;

  // The commit being staged; buffers are reused.
  struct Staged {
    proof::Frontier frontier;
    Order last_order;
    absl::Time now;
    absl::flat_hash_map<CaseId, Revision> revisions;
    DisclosureNumbers numbers;
    absl::flat_hash_map<EventKey, size_t> ids;  // → entries
    std::vector<StagedEntry> entries;
    CommitBatch batch;
    GroupWriter group;
    Position group_first;
    std::vector<proof::Node> nodes;
    size_t bytes = 0;
  } staged_;
  std::string random_;
  size_t random_used_ = 0;
  event::v1::Header header_;
  std::string arena_;                            // the leaves of one request
  std::vector<size_t> leaf_ends_;                // in arena_
  std::vector<std::optional<Receipt>> repeats_;  // per entry of one request
  std::vector<size_t> staged_index_;             // per entry without durable receipt
  Undo undo_;
};

absl::StatusOr<proof::LogKeys> LogImpl::LoadKeys() {
  const proof::VerifierKey& ours = options_.signer->verifier();
  POLKU_ASSIGN_OR_RETURN(auto keys, OwnKeys(engine_, options_.first_key.value_or(ours)));
  if (keys.newest().key() != ours.key() && !options_.first_key) {
    return absl::FailedPreconditionError(
        Str("log ", options_.origin.text(), ": its newest signing key is ", keys.newest().Format(),
            ", and ours is ", ours.Format(),
            "; use the newest key, or, when this is an old copy of the log, fetch what is missing with `polku "
            "recover`"));
  }
  return keys;
}

absl::Status LogImpl::Load(std::string_view genesis_curve_key) {
  const std::string& origin = options_.origin.text();
  POLKU_RETURN_IF_ERROR(CheckIndexComplete(engine_));
  POLKU_ASSIGN_OR_RETURN(const std::vector<LogNumber> logs, engine_.Logs());
  put_index_version_ = logs.empty();
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, engine_.ReadHead(kOwnLog));
  if (bytes) {
    POLKU_ASSIGN_OR_RETURN(const LogHead head, LogHead::Parse(*bytes));
    if (head.origin != origin) {
      return absl::FailedPreconditionError(Str("the store holds the log of ", head.origin,
                                               ", not of ", origin,
                                               "; check the configured origin and data directory"));
    }
    const Position size = head.frontier.size();
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> note,
                           engine_.ReadCheckpoint(kOwnLog, size));
    if (!note) return absl::DataLossError(Str("log ", origin, ": no checkpoint"));
    POLKU_ASSIGN_OR_RETURN(keys_, LoadKeys());
    const absl::StatusOr<proof::Checkpoint> checkpoint = proof::VerifyCheckpoint(*note, *keys_);
    if (!checkpoint.ok()) {
      if (checkpoint.status().code() == absl::StatusCode::kUnauthenticated) {
        return absl::FailedPreconditionError(
            Str("log ", origin, ": its newest checkpoint was signed with another key than ",
                options_.signer->verifier().Format(), "; use the key that the log was made with"));
      }
      return absl::DataLossError(
          Str("log ", origin, ": newest checkpoint: ", checkpoint.status().message()));
    }
    if (*checkpoint != proof::Checkpoint{origin, size, head.frontier.Root()}) {
      return absl::DataLossError(Str("log ", origin, ": its newest checkpoint is for size ",
                                     checkpoint->size.value(), ", its head for ", size.value(),
                                     ", or their roots differ"));
    }
    if (size > Position(0)) {
      const Position last(size.value() - 1);
      const absl::Status readable = fetcher_.Fetch(kOwnLog, last, false).status();
      if (!readable.ok() && !absl::IsNotFound(readable)) return readable;  // not found: erased
    }
    frontier_ = head.frontier;
    last_order_ = head.last_order;
    published_ = {size, last_order_, *note};

    std::unique_ptr<IndexCursor> cursor = engine_.IndexScan("d");
    while (true) {
      POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> entry, cursor->Next());
      if (!entry) break;
      if (entry->second.size() != 8) {
        return absl::DataLossError("disclosure index: malformed entry; run `polku reindex`");
      }
      numbers_[entry->first.substr(1)] = ReadBigEndian64(entry->second.data());
    }
    // Of a log that was recovered without the leaves that had them.
    POLKU_ASSIGN_OR_RETURN(const auto erased, ErasedNumbers(engine_));
    for (const auto& [receiver, number] : erased) {
      uint64_t& newest = numbers_[receiver];
      newest = std::max(newest, number);
    }
    if (options_.first_key) return absl::OkStatus();  // for Recover
    POLKU_ASSIGN_OR_RETURN(const auto holes, UnexplainedHoles(engine_, kOwnLog));
    if (holes.empty()) return absl::OkStatus();
    return absl::DataLossError(
        Str("log ", origin, ": was recovered from a mirror that left out entries before ",
            holes.front().before.value(), " as erased, and no erasure of the log names them; move the data "
            "directory away and fetch the log from another mirror with `polku recover`"));
  }

  keys_ = options_.first_key.value_or(options_.signer->verifier());
  if (genesis_curve_key.empty()) return absl::OkStatus();
  if (genesis_curve_key.size() != 32) {
    return absl::InvalidArgumentError("the CURVE public key of a Genesis is 32 bytes");
  }
  event::v1::Genesis genesis;
  genesis.set_format(kFormat);
  genesis.set_origin(origin);
  genesis.set_signing_key(std::string(options_.signer->verifier().key().view()));
  genesis.set_curve_key(std::string(genesis_curve_key));
  if (const std::optional<Predecessor>& before = options_.predecessor) {
    auto& predecessor = *genesis.mutable_predecessor();
    predecessor.set_origin(before->origin);
    predecessor.set_checkpoint(before->checkpoint);
    predecessor.set_known_size(before->known_size);
    predecessor.set_held_size(before->held_size);
    predecessor.set_reason(before->reason);
  }
  AppendRequest request;
  NewEntry& entry = request.entries.emplace_back();
  entry.id = DerivedEventId(Str("genesis ", origin));
  entry.type = kGenesisType;
  entry.author_agency = options_.origin.agency();
  entry.control = genesis.SerializeAsString();
  POLKU_ASSIGN_OR_RETURN(const std::vector<HeldLog> held, HeldLogs(engine_));
  const std::vector<HeldLog> earlier = EarlierEpochs(held, options_.origin);
  if (earlier.empty()) return Append({&request, 1})[0].status;
  // One hybrid clock for all epochs: with a wall clock behind the old log, what is said now would otherwise
  // come before what was said then.
  for (const HeldLog& log : earlier) {
    entry.newest_cause = std::max(entry.newest_cause, log.head.last_order);
  }
  // From now on the events of the earlier epochs held here are this log's own repeats, and are indexed
  // as such. Without the index's version no log opens before that is done.
  POLKU_RETURN_IF_ERROR(engine_.ClearIndex());
  POLKU_RETURN_IF_ERROR(Append({&request, 1})[0].status);
  return RebuildIndex(engine_, nullptr);
}

std::vector<AppendResult> LogImpl::Append(std::span<const AppendRequest> requests) {
  Waiter self;
  self.requests = requests;
  self.results.resize(requests.size());
  std::unique_lock lock(queue_mu_);
  appending_ = true;
  queue_.push_back(&self);
  if (leading_) {
    self.wake.wait(lock, [&] { return self.done || self.lead; });
    if (self.done) return std::move(self.results);
  }
  leading_ = true;
  const std::vector<Waiter*> drained(queue_.begin(), queue_.end());
  queue_.clear();
  lock.unlock();

  Lead(drained);

  lock.lock();
  for (Waiter* waiter : drained) {
    if (waiter == &self) continue;
    waiter->done = true;
    waiter->wake.notify_one();  // under the lock: the waiter is gone as soon as it is released
  }
  if (queue_.empty()) {
    leading_ = false;
  } else {
    queue_.front()->lead = true;
    queue_.front()->wake.notify_one();
  }
  return std::move(self.results);
}

void LogImpl::Lead(const std::vector<Waiter*>& drained) {
  std::vector<Work> work;
  size_t entries = 0;
  for (Waiter* waiter : drained) {
    for (size_t i = 0; i < waiter->requests.size(); ++i) {
      Work& item = work.emplace_back(Work{&waiter->requests[i], &waiter->results[i]});
      item.result->status = stopped_.ok() ? ValidateRequest(*item.request) : stopped_;
      if (item.result->status.ok() && keys_->newest().key() != options_.signer->verifier().key()) {
        item.result->status = absl::FailedPreconditionError(
            "this log is opened to be recovered: its newest entries, and the key that signs, are not in it yet");
      }
      if (!item.result->status.ok()) {
        work.pop_back();
      } else {
        entries += item.request->entries.size();
      }
    }
  }
  if (work.empty()) return;
  random_.resize(entries * kLeafRandomBytes);
  options_.random(reinterpret_cast<uint8_t*>(random_.data()), random_.size());
  random_used_ = 0;
  Process(work);
}

void LogImpl::Process(std::span<Work> work) {
  size_t begin = 0;
  while (begin < work.size()) {
    if (!stopped_.ok()) {
      for (Work& item : work.subspan(begin)) item.result->status = stopped_;
      return;
    }
    BeginStage();
    const size_t random_used = random_used_;
    size_t end = begin;
    bool changes_key = false;  // what comes after it is of the next commit, and of the new key
    while (end < work.size() && staged_.bytes < kMaxCommitBytes && !changes_key) {
      changes_key = IsSigningChange(work[end].request->entries.back());
      Stage(work[end++]);
    }
    const std::span<Work> staged = work.subspan(begin, end - begin);
    begin = end;
    if (staged_.entries.empty()) continue;
    if (!CommitStage(staged)) {
      // The disk is full. What may use the reserve goes alone, with random bytes that nobody saw.
      random_used_ = random_used;
      CommitFromReserve(staged);
    }
  }
}

void LogImpl::CommitFromReserve(std::span<Work> work) {
  BeginStage();
  std::vector<Work> again;
  for (const Work& item : work) {
    if (!item.rests_on_commit || !item.request->from_reserve) continue;
    *item.result = AppendResult{};
    again.push_back({item.request, item.result});
    Stage(again.back());
  }
  if (!staged_.entries.empty()) CommitStage(again);
}

void LogImpl::BeginStage() {
  staged_.frontier = frontier_;
  staged_.last_order = last_order_;
  staged_.now = options_.clock();
  staged_.revisions.clear();
  staged_.numbers.clear();
  staged_.ids.clear();
  staged_.entries.clear();
  staged_.batch.groups.clear();
  staged_.batch.index.clear();
  staged_.nodes.clear();
  staged_.group = GroupWriter();
  staged_.group_first = frontier_.size();
  staged_.bytes = 0;
}

absl::StatusOr<Revision> LogImpl::LastRevision(const CaseId& case_id) {
  if (const auto found = staged_.revisions.find(case_id); found != staged_.revisions.end()) {
    return found->second;
  }
  if (const std::optional<Revision> cached = revision_cache_.Get(case_id)) return *cached;
  POLKU_ASSIGN_OR_RETURN(const Revision revision, CaseRevision(case_id));
  revision_cache_.Put(case_id, revision);
  return revision;
}

void LogImpl::RollBack(Undo& undo) {
  for (const EventKey& key : undo.ids) staged_.ids.erase(key);
  for (auto it = undo.revisions.rbegin(); it != undo.revisions.rend(); ++it) {
    if (it->second) {
      staged_.revisions[it->first] = *it->second;
    } else {
      staged_.revisions.erase(it->first);
    }
  }
  for (auto it = undo.numbers.rbegin(); it != undo.numbers.rend(); ++it) {
    if (it->second) {
      staged_.numbers[*it->first] = *it->second;
    } else {
      staged_.numbers.erase(*it->first);
    }
  }
  staged_.last_order = undo.last_order;
}

void LogImpl::Stage(Work& work) {
  const AppendRequest& request = *work.request;
  AppendResult& result = *work.result;
  undo_.ids.clear();
  undo_.revisions.clear();
  undo_.numbers.clear();
  undo_.last_order = staged_.last_order;

  repeats_.assign(request.entries.size(), std::nullopt);
  staged_index_.assign(request.entries.size(), 0);
  size_t next_staged = staged_.entries.size();
  const size_t first_staged = next_staged;
  for (size_t i = 0; i < request.entries.size(); ++i) {
    const NewEntry& entry = request.entries[i];
    const EventKey key{entry.id, entry.author_agency};
    if (const auto found = staged_.ids.find(key); found != staged_.ids.end()) {
      // The earlier one waits in this very commit, perhaps in this very request.
      const NewEntry* earlier = nullptr;
      if (found->second < first_staged) {
        earlier = staged_.entries[found->second].entry;
      } else {
        for (size_t j = 0; j < i && earlier == nullptr; ++j) {
          if (!repeats_[j] && staged_index_[j] == found->second) earlier = &request.entries[j];
        }
      }
      work.rests_on_commit = true;
      if (Compare(entry, *earlier) != Sameness::kSame) {
        result.status = Conflict(entry);
        RollBack(undo_);
        return;
      }
      staged_index_[i] = found->second;
      continue;
    }
    absl::StatusOr<std::optional<Receipt>> stored = FindStored(engine_, fetcher_, entry);
    if (!stored.ok()) {
      result.status = stored.status();
      RollBack(undo_);
      return;
    }
    if (*stored) {
      repeats_[i] = **stored;
      continue;
    }
    staged_.ids.emplace(key, next_staged);
    undo_.ids.push_back(key);
    staged_index_[i] = next_staged++;
  }

  if (next_staged > first_staged) {
    // Expectations bind new entries only: a repeat of an append that was OK is OK.
    for (const ExpectedRevision& expected : request.expected) {
      absl::StatusOr<Revision> actual = LastRevision(expected.case_id);
      if (!actual.ok()) {
        result.status = actual.status();
        break;
      }
      if (*actual == expected.revision) continue;
      work.rests_on_commit = true;
      result.status = absl::AbortedError("the case is at another revision than expected");
      result.actual.push_back({expected.case_id, *actual});
    }
    if (result.status.ok()) {
      work.rests_on_commit = true;
      result.status = StageNew(request);
    }
    if (!result.status.ok()) {
      RollBack(undo_);
      return;
    }
  }

  result.receipts.reserve(request.entries.size());
  for (size_t i = 0; i < request.entries.size(); ++i) {
    if (repeats_[i]) {
      result.receipts.push_back(*repeats_[i]);
      continue;
    }
    Receipt receipt = staged_.entries[staged_index_[i]].receipt;
    // The first to name it appended it; the others repeat it.
    receipt.repeated = staged_.entries[staged_index_[i]].entry != &request.entries[i];
    result.receipts.push_back(receipt);
  }
}

std::string_view LogImpl::NextRandom() {
  const std::string_view bytes(random_.data() + random_used_, kLeafRandomBytes);
  random_used_ += kLeafRandomBytes;
  return bytes;
}

// What a later disclosure opens must be there: earlier entries of its case, and only sections that they have.
// `before`: its own position. Entries that wait in this commit count.
absl::Status LogImpl::CheckOpened(const NewEntry& entry, Position before) {
  EntryFetcher fetcher(engine_);  // an erasure may be newer than the group that `fetcher_` keeps
  const uint64_t durable = frontier_.size().value();
  for (const NewEntry::Opened& opened : entry.later->entries) {
    const auto bad = [&](std::string_view what) {
      return absl::InvalidArgumentError(Str("entry ", FormatEventId(entry.id), ": position ",
                                            opened.position.value(), what));
    };
    constexpr std::string_view kNotOfCase = " is no earlier entry of its case";
    if (opened.position >= before) return bad(kNotOfCase);
    SectionSet has;
    if (opened.position.value() >= durable) {
      const NewEntry& staged = *staged_.entries[opened.position.value() - durable].entry;
      if (staged.case_id != entry.case_id) return bad(kNotOfCase);
      for (const SealedSection& section : staged.sections) has.add(section.kind);
    } else {
      const absl::StatusOr<EntryView> stored = fetcher.Fetch(kOwnLog, opened.position, false);
      if (absl::IsNotFound(stored.status())) return bad(" is erased");
      if (!stored.ok()) return stored.status();
      if (stored->header->case_id() != entry.case_id.view()) return bad(kNotOfCase);
      for (const auto& commitment : stored->header->commitments()) {
        has.add(static_cast<SectionKind>(commitment.kind()));
      }
    }
    if (!(opened.sections - has).empty()) return bad(" has not all the sections that are opened");
  }
  return absl::OkStatus();
}

// Numbers, serializes and adds the request's new entries. Until the last of them is serialized
// nothing but the undoable maps changes.
absl::Status LogImpl::StageNew(const AppendRequest& request) {
  const size_t first = staged_.entries.size();
  size_t next = first;
  arena_.clear();
  leaf_ends_.clear();
  const size_t receipts_before = staged_.entries.size();
  const auto fail = [&](absl::Status status) {
    staged_.entries.resize(receipts_before);
    return status;
  };
  const int64_t now_us = absl::ToUnixMicros(staged_.now);
  Position position = staged_.frontier.size();

  for (size_t i = 0; i < request.entries.size(); ++i) {
    if (repeats_[i] || staged_index_[i] != next) continue;
    const NewEntry& entry = request.entries[i];
    if ((entry.type == kGenesisType) != (position == Position(0))) {
      return fail(absl::InvalidArgumentError(
          position == Position(0) ? "the log has no Genesis yet: open it with its CURVE key"
                                  : "Genesis is written once, at opening"));
    }
    Revision revision;
    if (!entry.case_id.is_zero()) {
      absl::StatusOr<Revision> last = LastRevision(entry.case_id);
      if (!last.ok()) return fail(last.status());
      revision = last->next();
      const auto [it, inserted] = staged_.revisions.try_emplace(entry.case_id, revision);
      undo_.revisions.emplace_back(entry.case_id,
                                   inserted ? std::nullopt : std::optional(it->second));
      it->second = revision;
    }
    staged_.last_order = NextOrder(staged_.now, staged_.last_order, entry.newest_cause);

    header_.Clear();
    header_.set_event_id(entry.id.data(), EventId::kBytes);
    header_.set_type(entry.type);
    header_.set_author_agency(entry.author_agency);
    header_.set_author_official(entry.author_official);
    if (!entry.case_id.is_zero()) header_.set_case_id(entry.case_id.data(), CaseId::kBytes);
    header_.set_case_revision(revision.value());
    header_.set_recorded_at_us(now_us);
    header_.set_order(staged_.last_order.value());
    for (const CauseRef& cause : entry.causes) {
      auto* added = header_.add_causes();
      added->set_origin(cause.origin);
      added->set_position(cause.position.value());
      added->set_leaf_hash(cause.leaf_hash.data(), Hash::kBytes);
    }
    if (!entry.schema_hash.is_zero()) {
      header_.set_schema_hash(entry.schema_hash.data(), Hash::kBytes);
    }
    SectionSet held;
    size_t blob_bytes = 0;
    for (const SealedSection& section : entry.sections) {
      auto* added = header_.add_commitments();
      added->set_kind(static_cast<event::v1::SectionKind>(section.kind));
      added->set_commitment(section.commitment.data(), Hash::kBytes);
      held.add(section.kind);
      blob_bytes += section.blob.size();
    }
    for (const DisclosureTarget& target : entry.disclosures) {
      auto* added = header_.add_disclosures();
      added->set_receiver(target.receiver);
      const SectionSet disclosed = target.sections & held;
      for (const SectionKind kind : kAllSectionKinds) {
        if (disclosed.has(kind)) added->add_sections(static_cast<event::v1::SectionKind>(kind));
      }
      added->set_agreement_position(target.agreement.value());
      const auto [it, inserted] = staged_.numbers.try_emplace(target.receiver, 0);
      if (inserted) {
        undo_.numbers.emplace_back(&target.receiver, std::nullopt);
        const auto known = numbers_.find(target.receiver);
        if (known != numbers_.end()) it->second = known->second;
      } else {
        undo_.numbers.emplace_back(&target.receiver, it->second);
      }
      added->set_number(++it->second);
    }
    header_.set_control(entry.control);
    if (!entry.corrects.is_zero()) header_.set_corrects(entry.corrects.data(), EventId::kBytes);
    if (entry.later) {
      if (absl::Status status = CheckOpened(entry, position); !status.ok()) {
        return fail(std::move(status));
      }
      auto& later = *header_.mutable_later();
      later.set_receiver(entry.later->receiver);
      later.set_agreement_position(entry.later->agreement.value());
      for (const NewEntry::Opened& opened : entry.later->entries) {
        auto* added = later.add_entries();
        added->set_position(opened.position.value());
        for (const SectionKind kind : kAllSectionKinds) {
          if (opened.sections.has(kind)) {
            added->add_sections(static_cast<event::v1::SectionKind>(kind));
          }
        }
      }
    }
    if (IsSigningChange(entry)) {
      proof::LogKeys after = *keys_;
      if (auto taken = TakeSigningChange(header_, position, after); !taken.ok()) return fail(taken);
    }

    const size_t start = arena_.size();
    const size_t header_bytes = header_.ByteSizeLong();
    const size_t leaf_bytes = kLeafPrefix.size() + kLeafRandomBytes + header_bytes;
    if (leaf_bytes > kMaxLeafBytes) {
      return fail(
          absl::InvalidArgumentError(Str("entry ", FormatEventId(entry.id), ": its leaf of ",
                                         leaf_bytes, " bytes exceeds 65,535")));
    }
    if (leaf_bytes + blob_bytes > kMaxEntryBytes) {
      return fail(absl::InvalidArgumentError(
          Str("entry ", FormatEventId(entry.id), ": exceeds 3 MiB in all")));
    }
    arena_.append(kLeafPrefix).append(NextRandom());
    arena_.resize(start + leaf_bytes);
    header_.SerializeWithCachedSizesToArray(
        reinterpret_cast<uint8_t*>(arena_.data() + start + leaf_bytes - header_bytes));
    leaf_ends_.push_back(arena_.size());

    Receipt receipt;
    receipt.id = entry.id;
    receipt.position = position;
    receipt.revision = revision;
    receipt.order = staged_.last_order;
    staged_.entries.push_back({&entry, receipt});
    position = position.next();
    ++next;
  }

  size_t start = 0;
  for (size_t i = 0; i < leaf_ends_.size(); ++i) {
    const std::string_view leaf(arena_.data() + start, leaf_ends_[i] - start);
    start = leaf_ends_[i];
    StagedEntry& staged = staged_.entries[first + i];
    const NewEntry& entry = *staged.entry;
    Receipt& receipt = staged.receipt;
    receipt.leaf_hash = proof::LeafHash(leaf);
    staged_.frontier.AppendLeafHash(receipt.leaf_hash, &staged_.nodes);
    staged_.group.AddLeaf(leaf);
    for (const SealedSection& section : entry.sections) {
      staged_.group.AddBlob(section.kind, {}, section.blob);
      staged_.bytes += section.blob.size();
    }
    staged_.bytes += leaf.size();
    if (!entry.case_id.is_zero()) {
      staged_.batch.index.emplace_back(CaseIndexKey(entry.case_id, kOwnLog, receipt.position),
                                       CaseIndexValue(receipt.order, receipt.revision));
    } else {
      staged_.batch.index.emplace_back(ControlIndexKey(kOwnLog, receipt.position), entry.type);
    }
    staged_.batch.index.emplace_back(EventIndexKey(entry.id, entry.author_agency),
                                     EventIndexValue(receipt.position, receipt.revision));
    if (staged_.group.count() >= kMaxGroupEntries || staged_.group.bytes() >= kMaxGroupBytes) {
      CloseGroup();
    }
  }
  return absl::OkStatus();
}

void LogImpl::CloseGroup() {
  GroupWriter::Encoded encoded = std::move(staged_.group).Finish();
  staged_.batch.groups.push_back(
      {staged_.group_first, std::move(encoded.entries), std::move(encoded.blobs)});
  staged_.group = GroupWriter();
  staged_.group_first = staged_.frontier.size();
}

bool LogImpl::CommitStage(std::span<Work> work) {
  if (staged_.group.count() > 0) CloseGroup();
  CommitBatch& batch = staged_.batch;
  bool any_from_reserve = false;
  batch.from_reserve = true;
  for (const Work& item : work) {
    if (!item.rests_on_commit) continue;
    any_from_reserve = any_from_reserve || item.request->from_reserve;
    batch.from_reserve = batch.from_reserve && item.request->from_reserve;
  }
  batch.log = kOwnLog;
  batch.expected_size = frontier_.size();
  batch.new_size = staged_.frontier.size();
  batch.checkpoint =
      options_.signer->Sign({options_.origin.text(), batch.new_size, staged_.frontier.Root()});
  LogHead head;
  head.origin = options_.origin.text();
  head.frontier = staged_.frontier;
  head.last_order = staged_.last_order;
  batch.head = head.Serialize();
  AddDisclosureNumbers(staged_.numbers, batch.index);
  AddNodes(kOwnLog, staged_.nodes, batch.index);
  if (put_index_version_) batch.index.emplace_back(kIndexVersionKey, kIndexVersion);

  const absl::Status status = engine_.Commit(batch);
  if (status.ok()) {
    frontier_ = std::move(staged_.frontier);
    last_order_ = staged_.last_order;
    for (const auto& [case_id, revision] : staged_.revisions) {
      revision_cache_.Put(case_id, revision);
    }
    for (const auto& [receiver, number] : staged_.numbers) numbers_[receiver] = number;
    put_index_version_ = false;
    if (IsSigningChange(*staged_.entries.back().entry)) {
      stopped_ = absl::UnavailableError(
          "the signing key was changed: nothing more is signed with the old one; reopen the log with the new one");
    }
    const std::lock_guard lock(state_mu_);
    published_ = {batch.new_size, last_order_, std::move(batch.checkpoint)};
    return true;
  }

  const absl::Status answer = Stop(status);
  for (Work& item : work) {
    if (!item.rests_on_commit) continue;
    *item.result = AppendResult{};
    item.result->status = answer;
  }
  return status.code() != absl::StatusCode::kResourceExhausted || batch.from_reserve ||
         !any_from_reserve;
}

absl::Status LogImpl::Stop(const absl::Status& failed) {
  if (failed.code() == absl::StatusCode::kResourceExhausted ||
      failed.code() == absl::StatusCode::kFailedPrecondition) {
    return failed;
  }
  stopped_ = absl::UnavailableError(Str("the log stopped after a failed write: ",
                                        ToStd(failed.message()),
                                        "; reopen it, then repeat the append"));
  return stopped_;
}

absl::Status LogImpl::Recover(const VerifiedBatch& batch) {
  std::unique_lock lock(queue_mu_);
  if (appending_ || leading_) {
    return absl::FailedPreconditionError(
        Str("log ", options_.origin.text(), ": cannot be recovered while it is appended to"));
  }
  leading_ = true;
  lock.unlock();
  absl::Status status = stopped_.ok() ? CommitRecovered(batch) : stopped_;
  lock.lock();
  if (queue_.empty()) {
    leading_ = false;
  } else {
    queue_.front()->lead = true;
    queue_.front()->wake.notify_one();
  }
  return status;
}

// Believes nothing of what came back but the leaves, and those because this origin's own key signed
// their root: a log that recovery had spoilt could never be told from one that was.
absl::Status LogImpl::CommitRecovered(const VerifiedBatch& batch) {
  const std::string& origin = options_.origin.text();
  const Position before = frontier_.size();
  if (batch.first != before) {
    return absl::FailedPreconditionError(Str("log ", origin, ": recovered entries start at ",
                                             batch.first.value(), ", expected ", before.value()));
  }
  CommitBatch commit;
  std::vector<proof::Node> nodes;
  std::vector<Position> withheld;
  std::set<Position> erased;  // by entries of this batch
  DisclosureNumbers numbers;
  proof::LogKeys keys = *keys_;
  LogHead head;
  head.origin = origin;
  head.frontier = frontier_;
  head.last_order = last_order_;
  for (const StoredGroup& group : batch.groups) {
    POLKU_ASSIGN_OR_RETURN(const GroupView view, GroupView::Parse(group.entries, group.blobs));
    for (const GroupItem& item : view.items()) {
      const Position position(group.first.value() + item.offset);
      const auto bad = [&](std::string_view what) {
        return absl::InvalidArgumentError(
            Str("log ", origin, ": recovered position ", position.value(), ": ", what));
      };
      if (item.leaf.empty()) {
        // Erased, the mirror says: its hash alone is left, there as here.
        if (item.withheld.level > 0) return bad("is withheld; recover from a mirror");
        head.frontier.AppendLeafHash(item.withheld.hash, &nodes);
        withheld.push_back(position);
        continue;
      }
      for (const BlobView& blob : view.BlobsAt(item.offset)) {
        if (!blob.secret.empty()) return bad("brings a section's secret, which no own log keeps");
      }
      POLKU_RETURN_IF_ERROR(ParseHeader(item.leaf, header_));
      const Order order(header_.order());
      if (order <= head.last_order) return bad("its order does not rise");
      head.last_order = order;
      head.frontier.AppendLeafHash(proof::LeafHash(item.leaf), &nodes);
      if (auto taken = TakeSigningChange(header_, position, keys); !taken.ok()) {
        return bad(ToStd(taken.message()));
      }
      if (header_.case_id().empty() && header_.type() == kErasedType) {
        POLKU_ASSIGN_OR_RETURN(const NamedParts named,
                               ParseErased(header_.control(), origin, position));
        for (const ErasedPart& part : named.parts) {
          if (part.leaf && named.origin == origin) erased.insert(part.position);
        }
      }
      const Revision revision(header_.case_revision());
      if (!header_.case_id().empty()) {
        commit.index.emplace_back(
            CaseIndexKey(*CaseId::FromBytes(header_.case_id()), kOwnLog, position),
            CaseIndexValue(order, revision));
      } else {
        commit.index.emplace_back(ControlIndexKey(kOwnLog, position), header_.type());
      }
      commit.index.emplace_back(
          EventIndexKey(*EventId::FromBytes(header_.event_id()), header_.author_agency()),
          EventIndexValue(position, revision));
      for (const auto& disclosure : header_.disclosures()) {
        numbers[disclosure.receiver()] = disclosure.number();
      }
    }
  }
  for (const Position position : withheld) {
    const bool promised = std::any_of(
        batch.holes.begin(), batch.holes.end(), [&](const VerifiedBatch::Hole& hole) {
          return hole.after < position && position < hole.before;
        });
    if (promised || erased.contains(position)) continue;
    return absl::InvalidArgumentError(
        Str("log ", origin, ": recovered position ", position.value(),
            ": is withheld, and no erasure is said to be why; recover from another mirror"));
  }
  const absl::StatusOr<proof::Checkpoint> checkpoint =
      proof::VerifyCheckpoint(batch.checkpoint, keys);
  if (!checkpoint.ok()) {
    return absl::InvalidArgumentError(
        Str("log ", origin, ": recovered checkpoint: ", ToStd(checkpoint.status().message())));
  }
  if (*checkpoint != proof::Checkpoint{origin, head.frontier.size(), head.frontier.Root()}) {
    return absl::InvalidArgumentError(
        Str("log ", origin, ": the recovered entries are not those of their checkpoint for size ",
            checkpoint->size.value()));
  }
  commit.log = kOwnLog;
  commit.expected_size = before;
  commit.new_size = head.frontier.size();
  commit.groups = batch.groups;
  commit.checkpoint = batch.checkpoint;
  commit.head = head.Serialize();
  for (const VerifiedBatch::Hole& hole : batch.holes) {
    commit.index.emplace_back(HoleIndexKey(kOwnLog, hole.before),
                              HoleIndexValue(hole.after, hole.missing));
  }
  for (const Position hole : batch.explained) {
    commit.index_deletes.push_back(HoleIndexKey(kOwnLog, hole));
  }
  // Running numbers rise with the log, so these are above what is known.
  AddDisclosureNumbers(numbers, commit.index);
  AddNodes(kOwnLog, nodes, commit.index);
  if (put_index_version_) commit.index.emplace_back(kIndexVersionKey, kIndexVersion);
  if (const absl::Status status = engine_.Commit(commit); !status.ok()) return Stop(status);
  keys_ = std::move(keys);
  frontier_ = std::move(head.frontier);
  last_order_ = head.last_order;
  for (const auto& [receiver, number] : numbers) numbers_[receiver] = number;
  put_index_version_ = false;
  const std::lock_guard lock(state_mu_);
  published_ = {commit.new_size, last_order_, batch.checkpoint};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Log>> Log::Open(Engine& engine, LogOptions options,
                                               std::string_view genesis_curve_key) {
  auto log = std::make_unique<LogImpl>(engine, std::move(options));
  POLKU_RETURN_IF_ERROR(log->Load(genesis_curve_key));
  return log;
}

}  // namespace polku::log
