#include "eventstore/replica/subscriber.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/key_history.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"
#include "eventstore/replica/publisher.h"

namespace polku::replica {
namespace {

constexpr size_t kMaxFrameBytes = 4 << 20;  // PROTOCOL.md "Limits"
// By how much a batch may run over the granted credit: one entry and its framing.
constexpr uint64_t kMaxOverrunBytes = log::kMaxEntryBytes + log::kMaxLeafBytes;
constexpr size_t kMaxPeerTextBytes = 200;
constexpr std::string_view kForked =
    "the origin has signed two histories: the evidence is kept (polku status --evidence DIR); its "
    "log is "
    "followed where it fits ours and not cosigned";
// A cosignature that the origin's heartbeats do not tell was lost, or it has more witnesses than
// fit in one.
constexpr absl::Duration kRepeatCosign = absl::Seconds(5);
// Gossip repeats: so many checkpoints that were compared lately are known again without any work.
constexpr size_t kMaxCompared = 16;

// So many positions are asked for at once: they fit the queues of a connection, and are stored with one sync.
constexpr size_t kFetchPositions = 32;
// Fills are stored together; those that came wait so long for the rest of their Fetch.
constexpr absl::Duration kGatherFills = absl::Milliseconds(500);

// What a peer wrote goes into logs and onto terminals: bounded and printable.
std::string PeerText(const std::string& text) {
  std::string printable;
  for (const char byte : std::string_view(text).substr(0, kMaxPeerTextBytes)) {
    const bool shown = byte >= ' ' && byte <= '~';
    printable += shown ? std::string(1, byte) : Str("\\x", ToHex({&byte, 1}));
  }
  return printable;
}

absl::Status Fault(const auto&... parts) { return Error(absl::StatusCode::kDataLoss, parts...); }

// A section that came with its secret, in the order of the group's blobs.
struct ReceivedSection {
  CaseId case_id;
  SectionKind kind;
  Hash commitment;
};

// One batch that verified up to its checkpoint, which is still to come.
struct Part {
  Position first;
  std::string entries;
  std::string blobs;
  std::vector<ReceivedSection> sections = {};
  std::vector<proof::Node> nodes = {};  // that its entries completed
  std::vector<log::WantedEntry> wanted = {};
  std::vector<event::v1::ErasedEntry> erased = {};  // that its Erased entries name
  size_t bytes() const { return entries.size() + blobs.size(); }
};

// A checkpoint that the origin signed.
struct SignedNote {
  std::string note;
  proof::Checkpoint checkpoint;
};

// A hole that is not explained yet, and the leaves in it that Erased entries have named so far.
struct OpenHole {
  log::VerifiedBatch::Hole hole;
  std::set<Position> named;
  bool explained() const { return named.size() >= hole.missing; }
};

// What verification goes on from.
struct State {
  log::LogHead head;
  proof::LogKeys keys;
  std::map<Position, OpenHole> holes;  // unexplained, by where they end
  // The newest entry with a running number for us; nullopt: of an earlier run, and not looked for yet.
  std::optional<Position> numbered;
  uint64_t told = 0;  // how many positions since then came as erased, in this run
  // Leaves named by Erased entries that are not stored yet, by the Erased's position.
  std::map<Position, std::vector<Position>> erased;
};

// A verified Fill, or what is gone.
struct ReadyFill {
  bool gone = false;
  CaseId case_id = {};
  std::string leaf = {};
  struct Section {
    SectionKind kind;
    Hash commitment;
    vault::SectionSecret secret;
    std::string blob;
  };
  std::vector<Section> sections = {};
  std::vector<Hash> siblings = {};
};

class SubscriberImpl final : public Subscriber {
 public:
  SubscriberImpl(SubscriberOptions options, log::LogHead stored, WrapSecretFn wrap,
                 RandomBytes random)
      : options_(std::move(options)),
        wrap_(std::move(wrap)),
        random_(std::move(random)),
        stored_{.head = std::move(stored), .keys = options_.origin_keys, .holes = {},
                .numbered = std::nullopt, .erased = {}},
        tip_(stored_),
        ready_state_(stored_),
        stored_note_(options_.stored_checkpoint),
        forked_(options_.forked),
        witnesses_(options_.witnesses),
        witnessed_(witnesses_.size()) {
    stored_.head.origin = options_.origin;
    start_size_ = stored_.head.frontier.size();
    if (stored_.head.disclosure_number == 0) stored_.numbered = Position(0);
    for (const log::VerifiedBatch::Hole& hole : options_.holes) {
      stored_.holes[hole.before] = {hole, Named(hole.after, hole.before, stored_)};
    }
    for (const log::WantedEntry& wanted : options_.wanted) {
      wanted_[wanted.position] = wanted.sections;
    }
    tip_ = stored_;
    const absl::StatusOr<OriginName> origin = OriginName::Parse(options_.origin);
    own_agency_is_origins_ = origin.ok() && origin->agency() == options_.own_agency;
    // Signed by no key of the origin that is known for its size, it is not for cosigning.
    SignedNote note;
    if (!VerifyNote(stored_note_, stored_.keys, note).ok() || note.checkpoint != StoredCheckpoint()) {
      stored_note_.clear();
    }
    if (options_.cosigner != nullptr && options_.cosigned_before.has_value()) {
      before_ = {options_.cosigned_before->note, options_.cosigned_before->checkpoint};
    }
  }

  std::vector<SubscriberOutput> Start(absl::Time now, absl::Time wall) override {
    std::vector<SubscriberOutput> out;
    SetWall(now, wall);
    // Before the pull: an origin that is an old copy should learn it first.
    if (!storing_.has_value()) Cosign(now, wall, out);
    if (started_ && session_ == 0) return out;  // waits for retry_at_, whatever the link does
    started_ = true;
    Restart(now, out);
    return out;
  }

  std::vector<SubscriberOutput> OnBatch(const exchange::v1::Batch& batch, std::string_view entries,
                                        std::string_view blobs, absl::Time now) override {
    std::vector<SubscriberOutput> out;
    if (!IsOurs(batch.origin(), batch.session())) return out;
    Heard(now);
    const uint64_t tip = tip_.head.frontier.size().value();
    if (batch.first_position() < tip) {
      // A repeat, which an origin that restarted sends. One that reaches beyond what we have was
      // cut otherwise than before: asking again from what is stored is simpler than taking half of
      // it.
      if (batch.count() > tip - batch.first_position()) EndSession(now + options_.keepalive);
      return out;
    }
    if (batch.first_position() > tip) {
      Raise(Str("gap: a batch starts at position ", batch.first_position(), " where ", tip,
                " is next"),
            now + options_.keepalive, out);
      return out;
    }
    Part part{Position(tip), {}, {}};
    State state = tip_;
    const absl::Status verified = VerifyBatch(batch, entries, blobs, state, part);
    if (!verified.ok()) {
      const bool asked = std::exchange(prove_, false);
      if (!forked_ && IsSigned(batch)) {
        if (asked) {
          Proven(batch, out);
        } else {
          // Said by its own signature, but not yet proven to others: ask for the proof at once.
          prove_ = true;
          Raise(Str("batch at position ", tip, ": ", ToStd(verified.message()), "; asking for proof"),
                now + options_.keepalive, out);
          return out;
        }
      }
      Raise(Str("batch at position ", tip, ": ", ToStd(verified.message())),
            now + options_.retry_after_fault, out);
      return out;
    }
    tip_ = std::move(state);
    held_bytes_ += part.bytes();
    unfinished_bytes_ += part.bytes();
    parts_.push_back(std::move(part));
    last_progress_ = now;
    if (!batch.checkpoint().empty()) {
      // Verified, so it is stored in any case; that the origin signed another of this size is
      // apart.
      SignedNote told{batch.checkpoint(),
                      {options_.origin, tip_.head.frontier.size(), tip_.head.frontier.Root()}};
      CompareRemembered(told, out);
      Told(std::move(told));
      std::move(parts_.begin(), parts_.end(), std::back_inserter(ready_));
      parts_.clear();
      unfinished_bytes_ = 0;
      ready_state_ = tip_;
      ready_checkpoint_ = batch.checkpoint();
      Store(now, out);
    } else if (options_.credit_bytes + unfinished_bytes_ >= granted_ + options_.credit_bytes / 2) {
      // Nothing of an unfinished commit can be acknowledged, so the origin would wait for credit
      // and we for the commit's end.
      granted_ = options_.credit_bytes + unfinished_bytes_;
      Pull(now, out);
    }
    return out;
  }

  std::vector<SubscriberOutput> OnHeartbeat(const exchange::v1::Heartbeat& heartbeat,
                                            absl::Time now, absl::Time wall) override {
    std::vector<SubscriberOutput> out;
    if (!IsOurs(heartbeat.origin(), heartbeat.session())) return out;
    SetWall(now, wall);
    Heard(now);
    if (heartbeat.checkpoint().empty()) return out;  // of an empty log
    SignedNote told;
    const absl::Status verified = VerifyNote(heartbeat.checkpoint(), tip_.keys, told);
    if (!verified.ok()) {
      if (MayBeOfALaterKey(heartbeat.checkpoint(), now)) return out;
      Raise(Str("heartbeat: ", ToStd(verified.message())), now + options_.retry_after_fault, out);
      return out;
    }
    CompareRemembered(told, out);
    Told(told);
    waiting_ = {std::move(told), {}};
    for (const exchange::v1::Cosigned& cosigned : heartbeat.cosigned()) {
      if (waiting_->cosigned.size() < kMaxCosigned) waiting_->cosigned.push_back(cosigned);
    }
    const proof::Checkpoint stored = StoredCheckpoint();
    if (waiting_->told.checkpoint == stored) {
      fault_.clear();  // the origin agrees with what we hold
    } else if (waiting_->told.checkpoint.size == stored.size && stored_note_.empty() && !forked_) {
      // No evidence for others without a note of our own.
      Raise(Str("heartbeat: its signed root for our ", stored.size.value(), " entries is not ours"),
            now + options_.retry_after_fault, out);
    }
    HearOwnWord(heartbeat);
    const bool waited = before_.has_value();
    TakeHeartbeat(now, out);
    if (waited && !before_.has_value() && !storing_.has_value()) Cosign(now, wall, out);
    RepeatCosign(heartbeat, now, out);
    return out;
  }

  SeenOutcome OnSeen(std::string_view note, absl::Time /*now*/) override {
    SeenOutcome outcome;
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(note);
    if (forked_ || !claimed.ok() || IsKnown(claimed->checkpoint)) return outcome;
    if (smallest_ahead_.has_value() && smallest_ahead_->checkpoint == claimed->checkpoint) {
      outcome.decided = false;  // the store will reach it
      return outcome;
    }
    SignedNote seen;
    if (VerifyNote(note, tip_.keys, seen).ok()) {
      outcome.decided = Compare(seen, outcome.outputs);
    } else if (claimed->checkpoint.origin == options_.origin &&
               claimed->checkpoint.size > tip_.head.frontier.size() && !HasLineOfKnownKey(*claimed)) {
      outcome.decided = false;  // a change of key may be on its way
    }
    return outcome;
  }

  std::vector<SubscriberOutput> OnError(const exchange::v1::Error& error, absl::Time now) override {
    std::vector<SubscriberOutput> out;
    if (session_ == 0) return out;
    Heard(now);
    if (!asked_.empty() && !fetch_failed_ && error.code() != exchange::v1::ERROR_CODE_AHEAD) {
      // Were it about the pull, it would come again.
      const std::string& name = exchange::v1::ErrorCode_Name(error.code());
      FetchFault(Str("the origin does not give what it opened to us: ",
                     name.empty() ? "an unknown error" : name, ": ", PeerText(error.message())),
                 now, out);
      return out;
    }
    if (error.code() == exchange::v1::ERROR_CODE_AHEAD) {
      Raise(
          Str("the origin's log ends before our verified copy of ", StoredSize().value(),
              " entries: it was rolled back; its operator must recover it from here"),
          now + options_.retry_after_fault, out);
      // Shorter is not another history. If it is one, its own signature proves it.
      SignedNote told;
      if (!forked_ && VerifyNote(error.checkpoint(), tip_.keys, told).ok() &&
          told.checkpoint.size < StoredSize()) {
        Compare(told, out);
      }
    } else {
      const std::string& name = exchange::v1::ErrorCode_Name(error.code());
      Raise(Str("the origin answers ", name.empty() ? "an unknown error" : name, ": ",
                PeerText(error.message())),
            now + options_.retry_after_fault, out);
    }
    return out;
  }

  std::vector<SubscriberOutput> OnStored(absl::Status stored, absl::Time now,
                                         absl::Time wall) override {
    std::vector<SubscriberOutput> out;
    assert(storing_.has_value());
    SetWall(now, wall);
    if (!storing_.has_value()) return out;
    held_bytes_ -= storing_bytes_;
    storing_bytes_ = 0;
    if (!stored.ok()) {
      storing_.reset();
      Raise(Str("storing failed: ", ToStd(stored.message())), now + options_.retry_after_fault,
            out);
      return out;
    }
    stored_ = *std::move(storing_);
    storing_.reset();
    stored_note_ = std::move(storing_note_);
    // What is stored is looked up from now on.
    stored_.erased.clear();
    for (State* state : {&tip_, &ready_state_}) {
      std::erase_if(state->erased, [&](const auto& item) { return item.first < StoredSize(); });
    }
    opened_.reset();
    TakeStored();
    TakeSeen(out);
    TakeHeartbeat(now, out);
    Cosign(now, wall, out);
    if (session_ == 0) {
      tip_ = stored_;
      if (now >= retry_at_) NewSession(now, out);
      return out;
    }
    fault_.clear();
    prove_ = false;
    last_progress_ = now;
    granted_ = std::max(options_.credit_bytes + unfinished_bytes_, held_bytes_);
    StoreReadyFills(now, out);
    Store(now, out);
    if (session_ != 0) Pull(now, out);
    Fetch(now, out);
    return out;
  }

  std::vector<SubscriberOutput> OnFill(const exchange::v1::Fill& fill, std::string_view entries,
                                       std::string_view blobs, absl::Time now) override {
    std::vector<SubscriberOutput> out;
    const Position position(fill.position());
    if (session_ == 0 || fill.origin() != options_.origin || !asked_.contains(position)) return out;
    Heard(now);
    fetch_bytes_ += entries.size() + blobs.size();
    ReadyFill ready{.gone = fill.gone()};
    if (!fill.gone()) {
      const absl::Status verified = VerifyFill(fill, entries, blobs, ready);
      if (!verified.ok()) {
        asked_.erase(position);
        FetchFault(Str("position ", position.value(), ", opened to us later: ",
                       ToStd(verified.message())),
                   now, out);
        return out;
      }
    }
    ready_fills_[position] = std::move(ready);
    asked_.erase(position);
    if (!flush_at_.has_value()) flush_at_ = now + kGatherFills;
    // The origin stops at that many bytes.
    if (fetch_bytes_ >= kMaxFetchBytes) asked_.clear();
    if (asked_.empty()) flush_at_ = now;
    StoreReadyFills(now, out);
    return out;
  }

  std::vector<SubscriberOutput> OnFillsStored(absl::Status stored, absl::Time now) override {
    std::vector<SubscriberOutput> out;
    assert(!storing_fills_.empty());
    if (storing_fills_.empty()) return out;
    const std::vector<Position> positions = std::exchange(storing_fills_, {});
    opened_.reset();
    if (stored.ok()) {
      for (const Position position : positions) wanted_.erase(position);
    } else {
      FetchFault(Str("what was opened later cannot be stored: ", ToStd(stored.message())), now, out);
    }
    if (wanted_.empty() || !fetch_failed_) fetch_fault_.clear();
    Store(now, out);
    Fetch(now, out);
    return out;
  }

  std::vector<SubscriberOutput> Tick(absl::Time now) override {
    std::vector<SubscriberOutput> out;
    if (!started_) return out;
    if (session_ == 0) {
      if (now >= retry_at_ && !storing_.has_value()) NewSession(now, out);
      return out;
    }
    if (now >= SilentAt()) {
      silent_ = heard_;
      Restart(now, out);
    } else if (now >= StalledAt()) {
      // The origin says that it has more, and nothing comes: the last message was lost.
      Restart(now, out);
    } else if (now >= next_pull_) {
      Pull(now, out);
    }
    if (!asked_.empty() && now >= fetch_sent_ + options_.silent_after) asked_.clear();
    StoreReadyFills(now, out);
    Fetch(now, out);
    return out;
  }

  absl::Time NextTick() const override {
    if (!started_) return absl::InfiniteFuture();
    if (session_ == 0) return storing_.has_value() ? absl::InfiniteFuture() : retry_at_;
    return std::min({next_pull_, SilentAt(), StalledAt(), NextOfFetching()});
  }

  void SetWitnesses(std::vector<TrustedWitness> witnesses) override {
    std::vector<Witnessed> witnessed(witnesses.size());
    for (size_t i = 0; i < witnesses.size(); ++i) {
      for (size_t k = 0; k < witnesses_.size(); ++k) {
        if (witnesses_[k].key.name() == witnesses[i].key.name() &&
            witnesses_[k].key.key() == witnesses[i].key.key()) {
          witnessed[i] = witnessed_[k];
        }
      }
    }
    witnesses_ = std::move(witnesses);
    witnessed_ = std::move(witnessed);
  }

  exchange::v1::SubscriptionStatus status() const override {
    exchange::v1::SubscriptionStatus status;
    status.set_origin(options_.origin);
    status.set_stored_size(StoredSize().value());
    status.set_announced_size(std::max(AnnouncedSize(), StoredSize()).value());
    if (heard_) status.set_last_heard_us(absl::ToUnixMicros(last_heard_));
    status.set_fault(FaultText());
    status.set_wanted(wanted_.size());
    status.set_cosigned_size(cosigned_size_.value());
    for (size_t i = 0; i < witnessed_.size(); ++i) {
      *status.add_witnesses() =
          WitnessStatusOf(witnesses_[i], witnessed_[i].size, witnessed_[i].time);
    }
    if (!status.fault().empty()) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_FAULT);
    } else if (silent_) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_SILENT);
    } else if (!heard_) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_CONNECTING);
    } else if (!announced_.has_value() || AnnouncedSize() > StoredSize()) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_CATCHING_UP);
    } else {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_LIVE);
    }
    return status;
  }

 private:
  bool IsOurs(const std::string& origin, uint64_t session) const {
    return session_ != 0 && session == session_ && origin == options_.origin;
  }

  void Heard(absl::Time now) {
    last_heard_ = now;
    heard_ = true;
    silent_ = false;
  }

  absl::Time SilentAt() const {
    return std::max(last_heard_, session_start_) + options_.silent_after;
  }
  Position AnnouncedSize() const {
    return announced_.has_value() ? announced_->checkpoint.size : Position(0);
  }
  Position StoredSize() const { return stored_.head.frontier.size(); }

  std::string FaultText() const {
    if (!fault_.empty()) return fault_;
    if (forked_) return std::string(kForked);
    if (std::string text = BeforeText(); !text.empty()) return text;
    if (!stored_.holes.empty()) {
      const log::VerifiedBatch::Hole& hole = stored_.holes.begin()->second.hole;
      return Str("between positions ", hole.after.value(), " and ", hole.before.value(), " ",
                 hole.missing, " entries are missing that came as erased, and no Erased of the log "
                 "names them yet; it is not cosigned before one does");
    }
    return fetch_fault_;
  }

  absl::Time StalledAt() const {
    if (storing_.has_value() || AnnouncedSize() <= tip_.head.frontier.size())
      return absl::InfiniteFuture();
    return last_progress_ + options_.silent_after;
  }

  // ---- Sessions ----

  void EndSession(absl::Time retry_at) {
    session_ = 0;
    waiting_.reset();
    retry_at_ = retry_at;
    parts_.clear();
    ready_.clear();
    unfinished_bytes_ = 0;
    held_bytes_ = storing_bytes_;
    tip_ = stored_;
    asked_.clear();
    ready_fills_.clear();
    flush_at_.reset();
  }

  // What is being stored decides where the next session starts, so it is waited for.
  void Restart(absl::Time now, std::vector<SubscriberOutput>& out) {
    EndSession(now);
    if (!storing_.has_value()) NewSession(now, out);
  }

  void NewSession(absl::Time now, std::vector<SubscriberOutput>& out) {
    EndSession(absl::InfiniteFuture());
    while (session_ == 0) random_(reinterpret_cast<uint8_t*>(&session_), sizeof session_);
    session_start_ = now;
    last_progress_ = now;
    granted_ = options_.credit_bytes;
    Pull(now, out);
    Fetch(now, out);
  }

  void Pull(absl::Time now, std::vector<SubscriberOutput>& out) {
    SendPull send;
    send.pull.set_origin(options_.origin);
    send.pull.set_session(session_);
    send.pull.set_next_position(StoredSize().value());
    send.pull.set_credit_bytes(granted_);
    send.pull.set_mirror(options_.mirror);
    send.pull.set_prove(prove_);
    next_pull_ = now + options_.keepalive;
    out.push_back(std::move(send));
  }

  void Raise(std::string what, absl::Time retry_at, std::vector<SubscriberOutput>& out) {
    EndSession(retry_at);
    fault_ = what;
    out.push_back(RaiseAlarm{std::move(what)});
  }

  // ---- Verification: the steps of PROTOCOL.md "Verification", by their numbers ----

  absl::Status VerifyBatch(const exchange::v1::Batch& batch, std::string_view entries,
                           std::string_view blobs, State& state, Part& part) {
    // 1
    if (entries.size() > kMaxFrameBytes || blobs.size() > kMaxFrameBytes) {
      return Fault("a frame is larger than ", kMaxFrameBytes, " bytes");
    }
    const uint64_t bytes = entries.size() + blobs.size();
    if (held_bytes_ + bytes > granted_ + kMaxOverrunBytes) {
      return Fault("more than the granted credit of ", granted_, " bytes is under way");
    }
    if (unfinished_bytes_ + bytes > options_.max_commit_bytes) {
      return Fault("a commit is larger than ", options_.max_commit_bytes, " bytes");
    }
    // 2: kept as they came; views borrow from the copy.
    part.entries = std::string(entries);
    part.blobs = std::string(blobs);
    POLKU_ASSIGN_OR_RETURN(const log::GroupView group,
                           log::GroupView::Parse(part.entries, part.blobs));
    if (group.count() != batch.count()) {
      return Fault("it says ", batch.count(), " positions and its group covers ", group.count());
    }
    proof::Frontier& frontier = state.head.frontier;
    ErasedReader erased(batch);
    std::optional<Position> run;  // of what is withheld from a mirror
    const auto end_run = [&]() -> absl::Status {
      if (!run.has_value()) return absl::OkStatus();
      const Position first = *std::exchange(run, std::nullopt);
      return AddHole({.after = Position(first.value() - 1),
                      .before = frontier.size(),
                      .missing = frontier.size().value() - first.value()},
                     state);
    };
    event::v1::Header header;
    std::optional<Position> key_changed;
    for (const log::GroupItem& item : group.items()) {
      const uint64_t position = frontier.size().value();
      if (key_changed.has_value()) {
        return Fault("position ", position, " follows a change of the signing key in one batch");
      }
      if (item.leaf.empty()) {
        // 3
        if (position == 0) return Fault("position 0, the Genesis, is withheld");
        const uint64_t end = position + (uint64_t{1} << item.withheld.level);
        POLKU_ASSIGN_OR_RETURN(const uint64_t told, erased.Take(position, end));
        if (options_.mirror && (item.withheld.level != 0 || told != 1)) {
          return Fault("position ", position, " is withheld from a mirror");
        }
        if (options_.mirror && !run.has_value()) run = Position(position);
        state.told += told;
        const absl::Status appended = frontier.AppendSubtree(item.withheld, &part.nodes);
        if (!appended.ok())
          return Fault("withheld entries at position ", position, ": ", ToStd(appended.message()));
        continue;
      }
      POLKU_RETURN_IF_ERROR(end_run());
      absl::Status verified = VerifyEntry(item, group, state, header, part);
      if (verified.ok()) verified = TakeEntry(header, Position(position), state, part, key_changed);
      if (!verified.ok()) return Annotate(verified, Str("position ", position));
      frontier.AppendLeafHash(proof::LeafHash(item.leaf), &part.nodes);
    }
    POLKU_RETURN_IF_ERROR(end_run());
    POLKU_RETURN_IF_ERROR(erased.Finish());
    // 13
    if (!batch.checkpoint().empty()) return VerifyCheckpointOf(batch.checkpoint(), state);
    if (key_changed.has_value()) {
      return Fault("position ", key_changed->value(),
                   " changes the signing key and does not end its commit");
    }
    return absl::OkStatus();
  }

  // The positions that a batch tells as erased, taken in order with the withheld items that they are in.
  class ErasedReader {
   public:
    explicit ErasedReader(const exchange::v1::Batch& batch) : positions_(batch.erased()) {}
    // How many lie in the withheld [position, end).
    absl::StatusOr<uint64_t> Take(uint64_t position, uint64_t end) {
      uint64_t taken = 0;
      for (; next_ < positions_.size() && positions_.Get(next_) < end; ++next_, ++taken) {
        const uint64_t told = positions_.Get(next_);
        if (told < position || (next_ > 0 && told <= positions_.Get(next_ - 1))) return Wrong(told);
      }
      return taken;
    }
    absl::Status Finish() const {
      return next_ == positions_.size() ? absl::OkStatus() : Wrong(positions_.Get(next_));
    }

   private:
    static absl::Status Wrong(uint64_t told) {
      return Fault("position ", told, " is told as erased and not withheld there, or out of turn");
    }
    const google::protobuf::RepeatedField<uint64_t>& positions_;
    int next_ = 0;
  };

  absl::Status VerifyEntry(const log::GroupItem& item, const log::GroupView& group, State& state,
                           event::v1::Header& header, Part& part) const {
    // 4
    POLKU_RETURN_IF_ERROR(log::ParseHeader(item.leaf, header));
    // 5
    log::LogHead& head = state.head;
    const Position position = head.frontier.size();
    const bool is_first = position == Position(0);
    if (is_first != (header.type() == log::kGenesisType)) {
      return Fault(is_first ? "the log does not start with its Genesis" : "a second Genesis");
    }
    if (is_first) POLKU_RETURN_IF_ERROR(VerifyGenesis(header));
    // 6
    if (Order(header.order()) <= head.last_order) {
      return Fault("order ", header.order(), " does not ascend from ", head.last_order.value());
    }
    head.last_order = Order(header.order());
    // 7
    const event::v1::Disclosure* ours = DisclosureTo(options_.own_agency, header);
    if (ours == nullptr && !header.case_id().empty() && !options_.mirror)
      return Fault("an entry that is not disclosed to us");
    // 8
    if (ours != nullptr && !RecoversOwnLog()) {
      if (ours->number() != head.disclosure_number + 1) {
        POLKU_RETURN_IF_ERROR(TakeMissing(ours->number(), position, state));
      }
      head.disclosure_number = ours->number();
      state.numbered = position;
      state.told = 0;
    }
    // 9
    const SectionSet sections = ours == nullptr ? SectionSet() : SectionsIn(ours->sections());
    for (const log::BlobView& blob : group.BlobsAt(item.offset)) {
      POLKU_RETURN_IF_ERROR(VerifySection(header, sections, blob, part));
    }
    return absl::OkStatus();
  }

  // What a verified entry says of the log itself.
  absl::Status TakeEntry(const event::v1::Header& header, Position position, State& state,
                         Part& part, std::optional<Position>& key_changed) const {
    if (header.case_id().empty()) {
      // 10
      const size_t keys = state.keys.all().size();
      POLKU_RETURN_IF_ERROR(log::TakeSigningChange(header, position, state.keys));
      if (state.keys.all().size() != keys) key_changed = position;
      // 11
      if (header.type() == log::kErasedType) return TakeErased(header, position, state, part);
      return absl::OkStatus();
    }
    // 12
    const event::v1::LaterDisclosure& later = header.later();
    if (later.receiver() != options_.own_agency || RecoversOwnLog()) return absl::OkStatus();
    for (const event::v1::OpenedEntry& entry : later.entries()) {
      if (entry.position() >= position.value()) {
        return Fault("it opens position ", entry.position(), ", which is not before it");
      }
      part.wanted.push_back({Position(entry.position()), SectionsIn(entry.sections())});
    }
    return absl::OkStatus();
  }

  // ---- Erased entries ----

  // A step of more than one in our running numbers: taken where the origin told so many as erased.
  absl::Status TakeMissing(uint64_t number, Position position, State& state) const {
    const uint64_t next = state.head.disclosure_number + 1;
    const absl::Status missing =
        Fault("our running number is ", number, " where ", next,
              " is next: an entry disclosed to us is missing");
    if (number < next || !options_.lookups.newest_numbered) return missing;
    if (!state.numbered.has_value()) {
      POLKU_ASSIGN_OR_RETURN(const std::optional<Position> newest,
                             options_.lookups.newest_numbered(start_size_));
      state.numbered = newest.value_or(Position(0));
    }
    // An earlier run may have been told of those before what it stored.
    uint64_t told = state.told;
    if (state.numbered->next() < start_size_) told += start_size_.value() - state.numbered->value() - 1;
    if (told < number - next) return missing;
    // A mirror's are among its withheld ones, each of which is accounted for.
    if (options_.mirror) return absl::OkStatus();
    return AddHole({.after = *state.numbered, .before = position, .missing = number - next}, state);
  }

  absl::Status AddHole(const log::VerifiedBatch::Hole& hole, State& state) const {
    OpenHole open{hole, Named(hole.after, hole.before, state)};
    if (!open.explained()) state.holes[hole.before] = std::move(open);
    return absl::OkStatus();
  }

  // Leaves in between that the log's Erased entries name. What cannot be read explains nothing.
  std::set<Position> Named(Position after, Position before, const State& state) const {
    std::set<Position> named;
    if (options_.lookups.erased) {
      const absl::StatusOr<std::vector<Position>> stored = options_.lookups.erased(after, before);
      if (stored.ok()) named.insert(stored->begin(), stored->end());
    }
    for (const auto& [erased, positions] : state.erased) {
      for (const Position position : positions) {
        if (position > after && position < before) named.insert(position);
      }
    }
    return named;
  }

  absl::Status TakeErased(const event::v1::Header& header, Position position, State& state,
                          Part& part) const {
    event::v1::Erased erased;
    const absl::Status parsed = ParseErased(header, options_.origin, position, erased);
    if (!parsed.ok()) return Fault(ToStd(parsed.message()));
    // Of an earlier epoch's log: nothing of this one.
    if (!erased.origin().empty()) return absl::OkStatus();
    std::vector<Position>& leaves = state.erased[position];
    for (const event::v1::ErasedEntry& entry : erased.entries()) {
      part.erased.push_back(entry);
      if (entry.leaf()) leaves.push_back(Position(entry.position()));
    }
    for (auto& [before, open] : state.holes) {
      for (const Position leaf : leaves) {
        if (leaf > open.hole.after && leaf < before) open.named.insert(leaf);
      }
    }
    std::erase_if(state.holes, [](const auto& item) { return item.second.explained(); });
    return absl::OkStatus();
  }

  absl::Status VerifyGenesis(const event::v1::Header& header) const {
    event::v1::Genesis genesis;
    if (!genesis.ParseFromString(header.control())) return Fault("the Genesis is malformed");
    if (genesis.format() != 1)
      return Fault("the log has format ", genesis.format(), "; 1 is known here");
    if (genesis.origin() != options_.origin) {
      return Fault("the Genesis names another origin: ", PeerText(genesis.origin()));
    }
    if (genesis.signing_key() != options_.origin_keys.first().key().view()) {
      return Fault("the Genesis names another signing key than the configured one");
    }
    return absl::OkStatus();
  }

  // From a mirror: its running numbers for our own agency are not ours to judge, and what is sealed
  // is for keys that this log's own keystore has.
  bool RecoversOwnLog() const { return options_.mirror && own_agency_is_origins_; }

  // `ours`: the kinds that are disclosed to us.
  absl::Status VerifySection(const event::v1::Header& header, SectionSet ours,
                             const log::BlobView& blob, Part& part) const {
    const bool is_ours = ours.has(blob.kind);
    if (options_.mirror && blob.secret.empty() && (!is_ours || RecoversOwnLog())) {
      return CommitmentOf(header, blob.kind).status();  // sealed, for a key that is not here
    }
    POLKU_ASSIGN_OR_RETURN(const Hash commitment, VerifyOpens(header, is_ours, blob));
    part.sections.push_back({*CaseId::FromBytes(header.case_id()), blob.kind, commitment});
    return absl::OkStatus();
  }

  static absl::StatusOr<Hash> CommitmentOf(const event::v1::Header& header, SectionKind kind) {
    for (const event::v1::Commitment& commitment : header.commitments()) {
      if (commitment.kind() == static_cast<int>(kind)) {
        return *Hash::FromBytes(commitment.commitment());
      }
    }
    return Fault("section ", static_cast<int>(kind), " has no commitment");
  }

  // The section's commitment, to which it opens.
  absl::StatusOr<Hash> VerifyOpens(const event::v1::Header& header, bool is_ours,
                                   const log::BlobView& blob) const {
    const int kind = static_cast<int>(blob.kind);
    POLKU_ASSIGN_OR_RETURN(const Hash commitment, CommitmentOf(header, blob.kind));
    if (!is_ours) return Fault("section ", kind, " is not disclosed to us");
    if (blob.secret.size() != vault::SectionSecret::kBytes)
      return Fault("section ", kind, " comes without its secret");
    const absl::StatusOr<std::string> opened =
        vault::OpenSection(vault::SectionSecret(blob.secret), commitment, options_.origin,
                           *EventId::FromBytes(header.event_id()), blob.kind, blob.blob);
    if (!opened.ok()) return Fault("section ", kind, " does not match its commitment");
    return commitment;
  }

  absl::Status VerifyNote(std::string_view note, const proof::LogKeys& keys,
                          SignedNote& verified) const {
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(note);
    if (!claimed.ok()) return Fault(ToStd(claimed.status().message()));
    const proof::VerifierKey& key = keys.For(claimed->checkpoint.size);
    const ClaimedCheckpoint::Line* line = OnlyLine(*claimed, key);
    if (claimed->checkpoint.origin != options_.origin)
      return Fault("the checkpoint is of another origin");
    if (line == nullptr || !VerifyLine(*claimed, *line, key)) {
      return Fault("the checkpoint is not signed by the configured key of ", options_.origin,
                   ", or the one that followed it");
    }
    verified = {std::string(note), claimed->checkpoint};
    return absl::OkStatus();
  }

  bool HasLineOfKnownKey(const ClaimedCheckpoint& claimed) const {
    return std::any_of(tip_.keys.all().begin(), tip_.keys.all().end(), [&](const auto& key) {
      return OnlyLine(claimed, key.second) != nullptr;
    });
  }

  // A note for more than is verified, of a key that is not known: the change of key may be on its way,
  // as long as something comes.
  bool MayBeOfALaterKey(std::string_view note, absl::Time now) {
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(note);
    if (!claimed.ok() || claimed->checkpoint.origin != options_.origin ||
        claimed->checkpoint.size <= tip_.head.frontier.size() || HasLineOfKnownKey(*claimed)) {
      return false;
    }
    if (!later_key_since_.has_value() || last_progress_ > *later_key_since_) later_key_since_ = now;
    return now < *later_key_since_ + options_.silent_after;
  }

  absl::Status VerifyCheckpointOf(std::string_view note, const State& state) {
    SignedNote verified;
    POLKU_RETURN_IF_ERROR(VerifyNote(note, state.keys, verified));
    const proof::Checkpoint& checkpoint = verified.checkpoint;
    const proof::Frontier& frontier = state.head.frontier;
    if (checkpoint.size != frontier.size()) {
      return Fault("its checkpoint is for ", checkpoint.size.value(),
                   " entries and the batch ends at ", frontier.size().value());
    }
    if (checkpoint.root != frontier.Root()) {
      return Fault("the entries' root is not that of the signed checkpoint");
    }
    return absl::OkStatus();
  }

  // The origin stands by where the batch ends: if it does not fit, it may be of another history.
  bool IsSigned(const exchange::v1::Batch& batch) const {
    SignedNote note;
    return !batch.checkpoint().empty() && !stored_note_.empty() &&
           VerifyNote(batch.checkpoint(), tip_.keys, note).ok() &&
           note.checkpoint.size.value() == batch.first_position() + batch.count();
  }

  // A batch of another history that tells, as we asked, what it has where our copy ends.
  void Proven(const exchange::v1::Batch& batch, std::vector<SubscriberOutput>& out) {
    const std::optional<Hash> root = Hash::FromBytes(batch.prefix_root());
    auto consistency = proof::ParseProof(batch.prefix_consistency());
    SignedNote newer;
    if (!root || !consistency || !VerifyNote(batch.checkpoint(), tip_.keys, newer).ok()) return;
    const PrefixProof prefix{*root, *std::move(consistency)};
    Forked(ForkEvidence(stored_note_, newer.note, &prefix, tip_.keys),
           StoredSize(), newer.checkpoint.size, out);
  }

  void Told(SignedNote told) {
    // An older one is a late message: an origin that lost entries answers our pull with AHEAD.
    if (!announced_.has_value() || told.checkpoint.size >= AnnouncedSize()) {
      announced_ = std::move(told);
    }
  }

  // ---- Witnessing: PROTOCOL.md "Cosigning", "Heartbeat", "Forks" ----

  proof::Checkpoint StoredCheckpoint() const {
    return {options_.origin, StoredSize(), stored_.head.frontier.Root()};
  }

  void Cosign(absl::Time now, absl::Time wall, std::vector<SubscriberOutput>& out) {
    if (options_.cosigner == nullptr || forked_ || !stored_.holes.empty()) return;
    if (!AgreesWithBefore(out) || stored_note_.empty()) return;
    const proof::Checkpoint checkpoint = StoredCheckpoint();
    const absl::StatusOr<std::string> note =
        proof::AddSignatures(stored_note_, options_.cosigner->Cosign(checkpoint, wall));
    // Cannot be: the note verified, and the line is our own.
    if (!note.ok()) return;
    cosign_.set_origin(options_.origin);
    cosign_.set_checkpoint(*note);
    cosigned_size_ = checkpoint.size;
    cosign_sent_ = now;
    out.push_back(SendCosign{cosign_});
  }

  // What the wall clock shows at `now`, from what it showed last.
  void SetWall(absl::Time now, absl::Time wall) { wall_ahead_ = wall - now; }
  absl::Time Wall(absl::Time now) const { return now + wall_ahead_; }

  void RepeatCosign(const exchange::v1::Heartbeat& heartbeat, absl::Time now,
                    std::vector<SubscriberOutput>& out) {
    if (forked_ || before_.has_value() || cosigned_size_ == Position(0) ||
        now < cosign_sent_ + kRepeatCosign) {
      return;
    }
    for (const exchange::v1::Cosigned& cosigned : heartbeat.cosigned()) {
      const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(cosigned.checkpoint());
      if (claimed.ok() && claimed->checkpoint.size >= cosigned_size_ &&
          OnlyLine(*claimed, options_.cosigner->verifier()) != nullptr) {
        return;
      }
    }
    cosign_sent_ = now;
    out.push_back(SendCosign{cosign_});
  }

  // ---- What was cosigned before, by an earlier run: "Cosigning" 4 ----

  // True: what is stored is of the history that was cosigned, which is settled then for this run.
  bool AgreesWithBefore(std::vector<SubscriberOutput>& out) {
    if (!before_.has_value()) return true;
    const proof::Checkpoint& before = before_->checkpoint;
    const Position stored = StoredSize();
    if (contradicted_ || before.size > stored) return false;
    PrefixProof prefix{.root = stored_.head.frontier.Root(), .consistency = {}};
    if (before.size < stored) {
      absl::StatusOr<PrefixProof> earlier = StoredPrefix(before.size);
      if (!earlier.ok()) return false;
      prefix = *std::move(earlier);
    }
    if (prefix.root == before.root) {
      before_.reset();
      return true;
    }
    Forked(ForkEvidence(before_->note, stored_note_, &prefix, tip_.keys), before.size,
           stored, out);
    if (!forked_) {
      // One of the notes is not of the origin's present key: nothing that others could check.
      contradicted_ = true;
      out.push_back(RaiseAlarm{BeforeText()});
    }
    return false;
  }

  // The origin may know a later word of ours than what was remembered: the end of a run is lost when a
  // machine fails, or the memory of it was restored as well.
  void HearOwnWord(const exchange::v1::Heartbeat& heartbeat) {
    if (options_.cosigner == nullptr || forked_) return;
    for (int i = 0; i < heartbeat.cosigned_size() && i < static_cast<int>(kMaxCosigned); ++i) {
      const std::string& note = heartbeat.cosigned(i).checkpoint();
      const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(note);
      if (!claimed.ok() || claimed->checkpoint.size <= cosigned_size_ ||
          (before_.has_value() && claimed->checkpoint.size <= before_->checkpoint.size)) {
        continue;
      }
      SignedNote word;
      if (!IsOwnWord(*claimed) || !VerifyNote(note, tip_.keys, word).ok()) continue;
      before_ = std::move(word);
      contradicted_ = false;
    }
  }

  bool IsOwnWord(const ClaimedCheckpoint& claimed) const {
    const proof::VerifierKey& own = options_.cosigner->verifier();
    const ClaimedCheckpoint::Line* line = OnlyLine(claimed, own);
    return line != nullptr && VerifyLine(claimed, *line, own);
  }

  // Where withheld entries hide the size from our own tree: the origin proves that what we cosigned, then or
  // later, is of the history that it tells and we hold.
  void TakeOwnWord(const exchange::v1::Cosigned& cosigned, const proof::Checkpoint& told) {
    if (!before_.has_value() || contradicted_) return;
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(cosigned.checkpoint());
    if (!claimed.ok() || claimed->checkpoint.origin != options_.origin) return;
    const proof::Checkpoint& word = claimed->checkpoint;
    if (word.size < before_->checkpoint.size || word.size > told.size) return;
    if (word != before_->checkpoint &&
        (word.size == before_->checkpoint.size || !IsOwnWord(*claimed))) {
      return;
    }
    if (told != StoredCheckpoint()) {
      const absl::StatusOr<PrefixProof> prefix = StoredPrefix(told.size);
      if (!prefix.ok() || prefix->root != told.root) return;
    }
    const auto given = proof::ParseProof(cosigned.consistency());
    if (given && proof::VerifyConsistency(word.size, told.size, word.root, told.root, *given).ok()) {
      before_.reset();
    }
  }

  std::string BeforeText() const {
    if (!before_.has_value()) return "";
    const uint64_t before = before_->checkpoint.size.value();
    const uint64_t stored = StoredSize().value();
    if (contradicted_) {
      return Str("what is stored is another history than the one that was cosigned here at ",
                 before, " entries, and not both are signed with the origin's present key; it is "
                 "not cosigned");
    }
    if (before > stored) {
      return Str("our copy of ", stored, " entries is older than the ", before,
                 " that we have cosigned (a restored backup?); it catches up, and is not cosigned "
                 "before");
    }
    return Str("withheld entries hide whether our copy is of the history that we have cosigned at ",
               before, " entries; it is not cosigned before the origin's heartbeats prove it");
  }

  bool IsKnown(const proof::Checkpoint& checkpoint) const {
    return checkpoint == StoredCheckpoint() ||
           std::find(compared_.begin(), compared_.end(), checkpoint) != compared_.end();
  }

  // Of what is stored, at an earlier size; proven here once more, so that all that follows from it
  // holds whatever the callback says. NotFound as it says, or when it does not hold.
  absl::StatusOr<PrefixProof> StoredPrefix(Position size) const {
    if (!options_.prefix || storing_.has_value()) return absl::NotFoundError("");
    POLKU_ASSIGN_OR_RETURN(PrefixProof prefix, options_.prefix(size));
    POLKU_RETURN_IF_ERROR(proof::VerifyConsistency(size, StoredSize(), prefix.root,
                                                   stored_.head.frontier.Root(), prefix.consistency));
    return prefix;
  }

  // Two words of the origin about one size.
  void CompareRemembered(const SignedNote& told, std::vector<SubscriberOutput>& out) {
    const Position size = told.checkpoint.size;
    for (const std::optional<SignedNote>* other : {&announced_, &smallest_ahead_, &before_}) {
      if (forked_ || !other->has_value() || (*other)->checkpoint.size != size ||
          (*other)->checkpoint.root == told.checkpoint.root) {
        continue;
      }
      Forked(ForkEvidence((*other)->note, told.note, nullptr, tip_.keys), size, size,
             out);
    }
  }

  // Looks for a contradiction between what the origin signed and what is stored or remembered. False: what is
  // stored does not decide it yet.
  bool Compare(const SignedNote& told, std::vector<SubscriberOutput>& out) {
    CompareRemembered(told, out);
    const Position size = told.checkpoint.size;
    if (forked_ || size == Position(0)) return true;
    const Position stored = StoredSize();
    if (size > stored) {
      if (!smallest_ahead_.has_value() || size < smallest_ahead_->checkpoint.size) {
        smallest_ahead_ = told;
      }
      return false;
    }
    if (told.checkpoint == StoredCheckpoint()) return true;
    if (stored_note_.empty()) return false;
    if (size == stored) {
      Forked(ForkEvidence(stored_note_, told.note, nullptr, tip_.keys), size, size, out);
      return true;
    }
    const absl::StatusOr<PrefixProof> prefix = StoredPrefix(size);
    if (!prefix.ok()) return false;
    if (prefix->root != told.checkpoint.root) {
      Forked(ForkEvidence(told.note, stored_note_, &*prefix, tip_.keys), size, stored,
             out);
      return true;
    }
    if (compared_.size() == kMaxCompared) compared_.pop_front();
    compared_.push_back(told.checkpoint);
    return true;
  }

  // The store has grown: what was ahead of it may be within reach.
  void TakeSeen(std::vector<SubscriberOutput>& out) {
    if (!smallest_ahead_.has_value() ||
        smallest_ahead_->checkpoint.size > StoredSize()) {
      return;
    }
    const SignedNote reached = *std::exchange(smallest_ahead_, std::nullopt);
    Compare(reached, out);
  }

  // `pair`: "" when it proves nothing, so that nothing is claimed.
  void Forked(std::string pair, Position size1, Position size2,
              std::vector<SubscriberOutput>& out) {
    if (pair.empty()) return;
    forked_ = true;
    smallest_ahead_.reset();
    compared_.clear();
    out.push_back(KeepFork{std::move(pair)});
    out.push_back(RaiseAlarm{Str("fork: two signed checkpoints, of ", size1.value(), " and ",
                                 size2.value(), " entries, contradict each other; ", kForked)});
  }

  // The newest heartbeat, once what is stored has reached its checkpoint.
  void TakeHeartbeat(absl::Time now, std::vector<SubscriberOutput>& out) {
    if (!waiting_.has_value() || waiting_->told.checkpoint.size > StoredSize()) return;
    const Heartbeat reached = *std::exchange(waiting_, std::nullopt);
    Compare(reached.told, out);
    KeepCosignatures keep;
    for (const exchange::v1::Cosigned& cosigned : reached.cosigned) {
      TakeOwnWord(cosigned, reached.told.checkpoint);
      TakeCosigned(cosigned, reached.told.checkpoint, Wall(now), keep.cosignatures, out);
    }
    if (!keep.cosignatures.empty()) out.push_back(std::move(keep));
  }

  // `told`: what the proof that came leads to.
  void TakeCosigned(const exchange::v1::Cosigned& cosigned, const proof::Checkpoint& told,
                    absl::Time wall, std::vector<log::KeptCosignature>& keep,
                    std::vector<SubscriberOutput>& out) {
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(cosigned.checkpoint());
    if (!claimed.ok() || claimed->checkpoint.size == Position(0)) return;
    std::optional<proof::MerkleProof> consistency;  // made for the first line that is news
    for (size_t i = 0; i < witnessed_.size(); ++i) {
      const proof::VerifierKey& key = witnesses_[i].key;
      const ClaimedCheckpoint::Line* line = OnlyLine(*claimed, key);
      if (line == nullptr || !line->cosigned_at.has_value()) continue;
      if (*line->cosigned_at > wall + kMaxClockAhead) continue;
      const Witnessed news{claimed->checkpoint.size, *line->cosigned_at};
      if (std::pair(news.size, news.time) <= std::pair(witnessed_[i].size, witnessed_[i].time)) {
        continue;
      }
      if (!consistency.has_value()) {
        SignedNote note;
        if (!VerifyNote(cosigned.checkpoint(), tip_.keys, note).ok()) return;
        consistency = ProveStored(note.checkpoint, cosigned, told);
        if (!consistency.has_value()) {
          Compare(note, out);
          return;
        }
      }
      if (!VerifyLine(*claimed, *line, key)) continue;
      witnessed_[i] = news;
      keep.push_back({.witness = key.name(),
                      .time = news.time,
                      .size = news.size,
                      .root = claimed->checkpoint.root,
                      .line = line->text,
                      .proven_to = StoredSize(),
                      .consistency = *consistency});
    }
  }

  // That the checkpoint is of a prefix of what is stored: by the proof that came, or by our own
  // tree.
  std::optional<proof::MerkleProof> ProveStored(const proof::Checkpoint& checkpoint,
                                                const exchange::v1::Cosigned& cosigned,
                                                const proof::Checkpoint& told) const {
    if (checkpoint == StoredCheckpoint()) return proof::MerkleProof();
    if (checkpoint.size >= StoredSize()) return std::nullopt;
    if (told == StoredCheckpoint()) {
      std::optional<proof::MerkleProof> given = proof::ParseProof(cosigned.consistency());
      if (given && proof::VerifyConsistency(checkpoint.size, StoredSize(), checkpoint.root,
                                            stored_.head.frontier.Root(), *given)
                       .ok()) {
        return given;
      }
    }
    absl::StatusOr<PrefixProof> prefix = StoredPrefix(checkpoint.size);
    if (!prefix.ok() || prefix->root != checkpoint.root) return std::nullopt;
    return std::move(prefix->consistency);
  }

  // ---- Storing ----

  // Hands out all that is covered by a checkpoint, unless a batch is being stored already.
  void Store(absl::Time now, std::vector<SubscriberOutput>& out) {
    if (storing_.has_value() || !storing_fills_.empty() || ready_.empty()) return;
    StoreBatch store;
    store.batch.first = ready_.front().first;
    store.batch.head = ready_state_.head;
    store.batch.checkpoint = ready_checkpoint_;
    for (const auto& [before, open] : ready_state_.holes) {
      if (!stored_.holes.contains(before)) store.batch.holes.push_back(open.hole);
    }
    for (const auto& [before, open] : stored_.holes) {
      if (!ready_state_.holes.contains(before)) store.batch.explained.push_back(before);
    }
    size_t bytes = 0;
    std::vector<std::pair<CaseId, SectionKind>> keys;
    for (const Part& part : ready_) {
      for (const ReceivedSection& section : part.sections)
        keys.emplace_back(section.case_id, section.kind);
    }
    absl::Status wrapped = PrepareKeys(std::move(keys));
    OpenedPositions wanted;
    std::vector<event::v1::ErasedEntry> erased;
    for (Part& part : ready_) {
      bytes += part.bytes();
      if (wrapped.ok()) wrapped = WrapSecrets(part);
      store.batch.groups.push_back({part.first, std::move(part.entries), std::move(part.blobs)});
      store.batch.nodes.insert(store.batch.nodes.end(), part.nodes.begin(), part.nodes.end());
      for (const log::WantedEntry& entry : part.wanted) {
        SectionSet& sections = wanted[entry.position];
        sections = sections | entry.sections;
      }
      erased.insert(erased.end(), part.erased.begin(), part.erased.end());
    }
    for (auto& [position, sections] : wanted) {
      // What is wanted already is wanted still.
      if (const auto it = wanted_.find(position); it != wanted_.end()) {
        sections = sections | it->second;
      }
      store.batch.wanted.push_back({position, sections});
    }
    if (!wrapped.ok()) {
      Raise(Str("received sections cannot be sealed here: ", ToStd(wrapped.message())),
            now + options_.retry_after_fault, out);
      return;
    }
    ready_.clear();
    storing_ = ready_state_;
    storing_wanted_ = std::move(wanted);
    storing_erased_ = std::move(erased);
    storing_note_ = store.batch.checkpoint;
    storing_bytes_ = bytes;
    out.push_back(std::move(store));
  }

  absl::Status PrepareKeys(std::vector<std::pair<CaseId, SectionKind>> keys) const {
    if (!options_.prepare_keys) return absl::OkStatus();
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys.empty() ? absl::OkStatus() : options_.prepare_keys(keys);
  }

  // The blobs again, with our wrapped secrets in place of the received ones. The entries' bytes
  // stay.
  absl::Status WrapSecrets(Part& part) const {
    if (part.sections.empty()) return absl::OkStatus();
    POLKU_ASSIGN_OR_RETURN(const log::GroupView group,
                           log::GroupView::Parse(part.entries, part.blobs));
    log::GroupWriter writer;
    size_t section = 0;
    for (const log::GroupItem& item : group.items()) {
      if (item.leaf.empty()) {
        writer.AddWithheld(item.withheld);
        continue;
      }
      writer.AddLeaf(item.leaf);
      for (const log::BlobView& blob : group.BlobsAt(item.offset)) {
        if (blob.secret.empty()) {
          writer.AddBlob(blob.kind, "", blob.blob);
          continue;
        }
        const ReceivedSection& received = part.sections[section++];
        POLKU_ASSIGN_OR_RETURN(const std::string secret,
                               wrap_(received.case_id, blob.kind, received.commitment,
                                     vault::SectionSecret(blob.secret)));
        writer.AddBlob(blob.kind, secret, blob.blob);
      }
    }
    part.blobs = std::move(writer).Finish().blobs;
    return absl::OkStatus();
  }

  // ---- Later disclosures ----

  // The batch that was stored opened entries, or told that some were erased.
  void TakeStored() {
    for (const auto& [position, sections] : std::exchange(storing_wanted_, {})) {
      wanted_[position] = sections;
      // It may have been cut before this was opened.
      ready_fills_.erase(position);
      asked_.erase(position);
    }
    for (const event::v1::ErasedEntry& entry : std::exchange(storing_erased_, {})) {
      const Position position(entry.position());
      const auto it = wanted_.find(position);
      if (it == wanted_.end()) continue;
      const SectionSet left = it->second - SectionsIn(entry.sections());
      const bool gone = entry.leaf() || (left.empty() && !it->second.empty());
      it->second = left;
      asked_.erase(position);
      ready_fills_.erase(position);
      if (gone) ready_fills_[position] = {.gone = true};
    }
    if (!ready_fills_.empty()) {
      if (!flush_at_.has_value() || asked_.empty()) flush_at_ = absl::InfinitePast();
    } else {
      flush_at_.reset();
    }
  }

  bool CanFetch() const { return options_.lookups.held && options_.lookups.opened; }
  bool IsIdle(Position position) const {
    return !ready_fills_.contains(position) &&
           std::find(storing_fills_.begin(), storing_fills_.end(), position) ==
               storing_fills_.end();
  }

  void Fetch(absl::Time now, std::vector<SubscriberOutput>& out) {
    if (session_ == 0 || !asked_.empty() || now < next_fetch_ || !CanFetch()) return;
    // In turn: what is refused does not keep the others from being asked for.
    auto next = wanted_.upper_bound(last_asked_);
    for (size_t i = 0; i < wanted_.size() && asked_.size() < kFetchPositions; ++i, ++next) {
      if (next == wanted_.end()) next = wanted_.begin();
      if (!IsIdle(next->first)) continue;
      last_asked_ = next->first;
      asked_.insert(next->first);
    }
    if (asked_.empty()) return;
    SendFetch send;
    send.fetch.set_origin(options_.origin);
    for (const Position position : asked_) send.fetch.add_positions(position.value());
    fetch_failed_ = false;
    fetch_sent_ = now;
    fetch_bytes_ = 0;
    out.push_back(std::move(send));
  }

  absl::Time NextOfFetching() const {
    absl::Time next = absl::InfiniteFuture();
    if (!asked_.empty()) {
      next = fetch_sent_ + options_.silent_after;
    } else if (CanFetch() && wanted_.size() > ready_fills_.size() + storing_fills_.size()) {
      next = next_fetch_;
    }
    if (flush_at_.has_value() && !storing_.has_value() && storing_fills_.empty()) {
      next = std::min(next, *flush_at_);
    }
    return next;
  }

  // The session goes on: what is wrong with these entries is not wrong with the log. The Fetch's others may
  // still come.
  void FetchFault(std::string what, absl::Time now, std::vector<SubscriberOutput>& out) {
    fetch_failed_ = true;
    next_fetch_ = now + options_.retry_after_fault;
    fetch_fault_ = what;
    out.push_back(RaiseAlarm{std::move(what)});
  }

  absl::StatusOr<const OpenedPositions*> OpenedIn(const CaseId& case_id) {
    if (!opened_.has_value() || opened_->first != case_id) {
      POLKU_ASSIGN_OR_RETURN(OpenedPositions opened, options_.lookups.opened(case_id));
      opened_.emplace(case_id, std::move(opened));
    }
    return &opened_->second;
  }

  // PROTOCOL.md "Later disclosures" 5.
  absl::Status VerifyFill(const exchange::v1::Fill& fill, std::string_view entries,
                          std::string_view blobs, ReadyFill& ready) {
    // a
    if (entries.size() > kMaxFrameBytes || blobs.size() > kMaxFrameBytes) {
      return Fault("a frame is larger than ", kMaxFrameBytes, " bytes");
    }
    if (fetch_bytes_ > kMaxFetchBytes + kMaxOverrunBytes) {
      return Fault("more than ", kMaxFetchBytes, " bytes came for one Fetch");
    }
    POLKU_ASSIGN_OR_RETURN(const log::GroupView group, log::GroupView::Parse(entries, blobs));
    if (group.items().size() != 1 || group.items()[0].leaf.empty()) {
      return Fault("it is not one entry");
    }
    const std::string_view leaf = group.items()[0].leaf;
    event::v1::Header header;
    POLKU_RETURN_IF_ERROR(log::ParseHeader(leaf, header));
    // b
    const Position position(fill.position());
    const std::optional<CaseId> case_id = CaseId::FromBytes(header.case_id());
    if (!case_id.has_value()) return Fault("a control entry");
    POLKU_ASSIGN_OR_RETURN(const OpenedPositions* later, OpenedIn(*case_id));
    if (!later->contains(position)) return Fault("an entry of a case in which it was not opened to us");
    const SectionSet opened = *OpenedTo(options_.own_agency, header, position, *later);
    // c
    for (const log::BlobView& blob : group.BlobsAt(0)) {
      POLKU_ASSIGN_OR_RETURN(const Hash commitment,
                             VerifyOpens(header, opened.has(blob.kind), blob));
      ready.sections.push_back(
          {blob.kind, commitment, vault::SectionSecret(blob.secret), std::string(blob.blob)});
    }
    // d
    auto siblings = proof::ParseProof(fill.siblings());
    if (!siblings.has_value()) return Fault("its siblings are not hashes of 32 bytes");
    POLKU_ASSIGN_OR_RETURN(const log::HeldPosition held, options_.lookups.held(position));
    if (held.leaf.has_value()) {
      if (*held.leaf != leaf) return Fault("it is not the entry that is held there");
    } else {
      if (siblings->size() < held.withheld.level) return Fault("it has too few siblings");
      Hash hash = proof::LeafHash(leaf);
      for (uint8_t level = 0; level < held.withheld.level; ++level) {
        const Hash& sibling = (*siblings)[level];
        const bool is_right = (position.value() >> level & 1) != 0;
        hash = is_right ? proof::NodeHash(sibling, hash) : proof::NodeHash(hash, sibling);
      }
      if (hash != held.withheld.hash) return Fault("it is not the entry that the log holds there");
    }
    ready.case_id = *case_id;
    ready.leaf = std::string(leaf);
    ready.siblings = *std::move(siblings);
    return absl::OkStatus();
  }

  // Hands out what has come, once it is to wait no more, unless something is being stored already.
  void StoreReadyFills(absl::Time now, std::vector<SubscriberOutput>& out) {
    if (storing_.has_value() || !storing_fills_.empty() || !flush_at_.has_value() ||
        now < *flush_at_) {
      return;
    }
    if (ready_fills_.empty()) {
      flush_at_.reset();
      return;
    }
    StoreFills store;
    std::vector<std::pair<CaseId, SectionKind>> keys;
    for (const auto& [position, ready] : ready_fills_) {
      for (const ReadyFill::Section& section : ready.sections) {
        keys.emplace_back(ready.case_id, section.kind);
      }
    }
    absl::Status wrapped = PrepareKeys(std::move(keys));
    std::vector<Position> positions;
    for (auto& [position, ready] : ready_fills_) {
      positions.push_back(position);
      if (ready.gone) {
        store.gone.push_back(position);
        continue;
      }
      log::Fill fill{.position = position,
                     .leaf = std::move(ready.leaf),
                     .blobs = {},
                     .siblings = std::move(ready.siblings)};
      for (ReadyFill::Section& section : ready.sections) {
        absl::StatusOr<std::string> secret = std::string();
        if (wrapped.ok()) {
          secret = wrap_(ready.case_id, section.kind, section.commitment, section.secret);
        }
        if (!secret.ok()) {
          wrapped = secret.status();
          break;
        }
        fill.blobs.push_back({section.kind, *std::move(secret), std::move(section.blob)});
      }
      store.fills.push_back(std::move(fill));
    }
    ready_fills_.clear();
    flush_at_.reset();
    if (!wrapped.ok()) {
      FetchFault(Str("received sections cannot be sealed here: ", ToStd(wrapped.message())), now,
                 out);
      return;
    }
    storing_fills_ = std::move(positions);
    out.push_back(std::move(store));
  }

  // Constant after construction.
  const SubscriberOptions options_;
  const WrapSecretFn wrap_;
  const RandomBytes random_;

  bool own_agency_is_origins_ = false;

  State stored_;        // on disk
  State tip_;           // after everything that verified in this session
  State ready_state_;   // after ready_
  Position start_size_; // of what was on disk when this run began
  std::string stored_note_;       // its checkpoint; empty: none that the origin's key signed
  std::optional<State> storing_;  // handed out, not yet answered
  std::string storing_note_;
  OpenedPositions storing_wanted_;
  std::vector<event::v1::ErasedEntry> storing_erased_;

  // Of this session, after stored_ and storing_, in order.
  std::vector<Part> ready_;  // covered by ready_checkpoint_
  std::string ready_checkpoint_;
  std::vector<Part> parts_;        // of a commit whose checkpoint has not come
  uint64_t unfinished_bytes_ = 0;  // of parts_
  uint64_t storing_bytes_ = 0;
  uint64_t held_bytes_ = 0;  // of all three
  uint64_t granted_ = 0;     // credit of the newest pull

  bool started_ = false;
  uint64_t session_ = 0;  // 0: none until retry_at_
  absl::Time retry_at_ = absl::InfiniteFuture();
  absl::Time session_start_ = absl::InfinitePast();
  absl::Time next_pull_ = absl::InfiniteFuture();
  absl::Time last_heard_ = absl::InfinitePast();
  absl::Time last_progress_ = absl::InfinitePast();
  bool heard_ = false;
  bool silent_ = false;
  std::string fault_;
  // Since when the origin's heartbeats are signed with a key that is not known.
  std::optional<absl::Time> later_key_since_;

  // Opened to us later and not stored yet, with what its later disclosures say.
  OpenedPositions wanted_;
  std::set<Position> asked_;  // by the newest Fetch, and not answered
  absl::Time fetch_sent_ = absl::InfinitePast();
  uint64_t fetch_bytes_ = 0;  // that came for it
  bool fetch_failed_ = false;  // some of it; told
  Position last_asked_;
  absl::Time next_fetch_ = absl::InfinitePast();
  std::map<Position, ReadyFill> ready_fills_;  // of this session, at most a Fetch's and what is gone
  std::optional<absl::Time> flush_at_;         // when to store them
  std::vector<Position> storing_fills_;        // handed out, not yet answered
  std::optional<std::pair<CaseId, OpenedPositions>> opened_;  // looked up since the last store
  std::string fetch_fault_;

  std::optional<SignedNote> announced_;  // the largest that the origin told
  // The smallest signed checkpoint beyond what is stored: the first that can be compared.
  std::optional<SignedNote> smallest_ahead_;
  std::deque<proof::Checkpoint> compared_;  // found consistent lately, at most kMaxCompared
  bool forked_ = false;                     // for ever
  absl::Duration wall_ahead_;               // of the clock of `now`
  // Cosigned by an earlier run, and not known yet to be of the history that is stored.
  std::optional<SignedNote> before_;
  bool contradicted_ = false;         // it is not, and no evidence can be made
  bool prove_ = false;                // the next session asks what the origin has where our copy ends
  exchange::v1::Cosign cosign_;       // the newest said in this run
  Position cosigned_size_;            // of it
  absl::Time cosign_sent_ = absl::InfinitePast();

  struct Witnessed {
    Position size;
    absl::Time time = absl::InfinitePast();
  };
  std::vector<TrustedWitness> witnesses_;
  std::vector<Witnessed> witnessed_;  // by witness: the newest kept in this run
  struct Heartbeat {
    SignedNote told;
    std::vector<exchange::v1::Cosigned> cosigned;
  };
  std::optional<Heartbeat> waiting_;  // the newest, until what is stored has its size
};

}  // namespace

std::unique_ptr<Subscriber> Subscriber::Make(SubscriberOptions options, log::LogHead stored,
                                             WrapSecretFn wrap, RandomBytes random) {
  return std::make_unique<SubscriberImpl>(std::move(options), std::move(stored), std::move(wrap),
                                          std::move(random));
}

}  // namespace polku::replica
