#include "eventstore/replica/subscriber.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"

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

// What a peer wrote goes into logs and onto terminals: bounded and printable.
std::string PeerText(const std::string& text) {
  return absl::CHexEscape(text.substr(0, kMaxPeerTextBytes));
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
  std::vector<ReceivedSection> sections;
  std::vector<proof::Node> nodes;  // that its entries completed
  size_t bytes() const { return entries.size() + blobs.size(); }
};

// A checkpoint that the origin signed.
struct SignedNote {
  std::string note;
  proof::Checkpoint checkpoint;
};

class SubscriberImpl final : public Subscriber {
 public:
  SubscriberImpl(SubscriberOptions options, log::LogHead stored, WrapSecretFn wrap,
                 RandomBytes random)
      : options_(std::move(options)),
        wrap_(std::move(wrap)),
        random_(std::move(random)),
        stored_(std::move(stored)),
        stored_note_(options_.stored_checkpoint),
        forked_(options_.forked),
        witnessed_(options_.witnesses.size()) {
    stored_.origin = options_.origin;
    tip_ = stored_;
    const absl::StatusOr<OriginName> origin = OriginName::Parse(options_.origin);
    own_agency_is_origins_ = origin.ok() && origin->agency() == options_.own_agency;
    // Signed by an older key of the origin, it is not for cosigning.
    SignedNote note;
    if (!VerifyNote(stored_note_, note).ok() || note.checkpoint != StoredCheckpoint()) {
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
    const uint64_t tip = tip_.frontier.size().value();
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
    Part part{Position(tip), {}, {}, {}};
    log::LogHead head = tip_;
    const absl::Status verified = VerifyBatch(batch, entries, blobs, head, part);
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
    tip_ = std::move(head);
    held_bytes_ += part.bytes();
    unfinished_bytes_ += part.bytes();
    parts_.push_back(std::move(part));
    last_progress_ = now;
    if (!batch.checkpoint().empty()) {
      // Verified, so it is stored in any case; that the origin signed another of this size is
      // apart.
      SignedNote told{batch.checkpoint(),
                      {options_.origin, tip_.frontier.size(), tip_.frontier.Root()}};
      CompareRemembered(told, out);
      Told(std::move(told));
      std::move(parts_.begin(), parts_.end(), std::back_inserter(ready_));
      parts_.clear();
      unfinished_bytes_ = 0;
      ready_head_ = tip_;
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
    const absl::Status verified = VerifyNote(heartbeat.checkpoint(), told);
    if (!verified.ok()) {
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
    if (VerifyNote(note, seen).ok()) outcome.decided = Compare(seen, outcome.outputs);
    return outcome;
  }

  std::vector<SubscriberOutput> OnError(const exchange::v1::Error& error, absl::Time now) override {
    std::vector<SubscriberOutput> out;
    if (session_ == 0) return out;
    Heard(now);
    if (error.code() == exchange::v1::ERROR_CODE_AHEAD) {
      Raise(
          Str("the origin's log ends before our verified copy of ", stored_.frontier.size().value(),
              " entries: it was rolled back; its operator must recover it from here"),
          now + options_.retry_after_fault, out);
      // Shorter is not another history. If it is one, its own signature proves it.
      SignedNote told;
      if (!forked_ && VerifyNote(error.checkpoint(), told).ok() &&
          told.checkpoint.size < stored_.frontier.size()) {
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
    Store(now, out);
    if (session_ != 0) Pull(now, out);
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
    return out;
  }

  absl::Time NextTick() const override {
    if (!started_) return absl::InfiniteFuture();
    if (session_ == 0) return storing_.has_value() ? absl::InfiniteFuture() : retry_at_;
    return std::min({next_pull_, SilentAt(), StalledAt()});
  }

  exchange::v1::SubscriptionStatus status() const override {
    exchange::v1::SubscriptionStatus status;
    status.set_origin(options_.origin);
    status.set_stored_size(stored_.frontier.size().value());
    status.set_announced_size(std::max(AnnouncedSize(), stored_.frontier.size()).value());
    if (heard_) status.set_last_heard_us(absl::ToUnixMicros(last_heard_));
    status.set_fault(!fault_.empty() ? fault_ : forked_ ? std::string(kForked) : BeforeText());
    status.set_cosigned_size(cosigned_size_.value());
    for (size_t i = 0; i < witnessed_.size(); ++i) {
      *status.add_witnesses() =
          WitnessStatusOf(options_.witnesses[i], witnessed_[i].size, witnessed_[i].time);
    }
    if (!status.fault().empty()) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_FAULT);
    } else if (silent_) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_SILENT);
    } else if (!heard_) {
      status.set_state(exchange::v1::SUBSCRIPTION_STATE_CONNECTING);
    } else if (!announced_.has_value() || AnnouncedSize() > stored_.frontier.size()) {
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
  absl::Time StalledAt() const {
    if (storing_.has_value() || AnnouncedSize() <= tip_.frontier.size())
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
  }

  void Pull(absl::Time now, std::vector<SubscriberOutput>& out) {
    SendPull send;
    send.pull.set_origin(options_.origin);
    send.pull.set_session(session_);
    send.pull.set_next_position(stored_.frontier.size().value());
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
                           std::string_view blobs, log::LogHead& head, Part& part) {
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
    event::v1::Header header;
    for (const log::GroupItem& item : group.items()) {
      const uint64_t position = head.frontier.size().value();
      if (item.leaf.empty()) {
        // 3
        if (position == 0) return Fault("position 0, the Genesis, is withheld");
        if (options_.mirror) return Fault("position ", position, " is withheld from a mirror");
        const absl::Status appended = head.frontier.AppendSubtree(item.withheld, &part.nodes);
        if (!appended.ok())
          return Fault("withheld entries at position ", position, ": ", ToStd(appended.message()));
        continue;
      }
      const absl::Status verified = VerifyEntry(item, group, head, header, part);
      if (!verified.ok()) return Annotate(verified, Str("position ", position));
      head.frontier.AppendLeafHash(proof::LeafHash(item.leaf), &part.nodes);
    }
    // 10
    if (batch.checkpoint().empty()) return absl::OkStatus();
    return VerifyCheckpointOf(batch.checkpoint(), head);
  }

  absl::Status VerifyEntry(const log::GroupItem& item, const log::GroupView& group,
                           log::LogHead& head, event::v1::Header& header, Part& part) const {
    // 4
    POLKU_RETURN_IF_ERROR(log::ParseHeader(item.leaf, header));
    // 5
    const bool is_first = head.frontier.size() == Position(0);
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
    const event::v1::Disclosure* ours = nullptr;
    for (const auto& disclosure : header.disclosures()) {
      if (disclosure.receiver() == options_.own_agency) ours = &disclosure;
    }
    if (ours == nullptr && !header.case_id().empty() && !options_.mirror)
      return Fault("an entry that is not disclosed to us");
    // 8
    if (ours != nullptr && !RecoversOwnLog()) {
      if (ours->number() != head.disclosure_number + 1) {
        return Fault("our running number is ", ours->number(), " where ",
                     head.disclosure_number + 1, " is next: an entry disclosed to us is missing");
      }
      head.disclosure_number = ours->number();
    }
    // 9
    for (const log::BlobView& blob : group.BlobsAt(item.offset)) {
      POLKU_RETURN_IF_ERROR(VerifySection(header, ours, blob, part));
    }
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
    if (genesis.signing_key() != options_.origin_key.key().view()) {
      return Fault("the Genesis names another signing key than the configured one");
    }
    return absl::OkStatus();
  }

  // From a mirror: its running numbers for our own agency are not ours to judge, and what is sealed
  // is for keys that this log's own keystore has.
  bool RecoversOwnLog() const { return options_.mirror && own_agency_is_origins_; }

  absl::Status VerifySection(const event::v1::Header& header, const event::v1::Disclosure* ours,
                             const log::BlobView& blob, Part& part) const {
    const int kind = static_cast<int>(blob.kind);
    const auto commitment = std::find_if(header.commitments().begin(), header.commitments().end(),
                                         [&](const auto& c) { return c.kind() == kind; });
    if (commitment == header.commitments().end())
      return Fault("section ", kind, " has no commitment");
    const bool is_ours =
        ours != nullptr &&
        std::find(ours->sections().begin(), ours->sections().end(), kind) != ours->sections().end();
    if (options_.mirror && blob.secret.empty() && (!is_ours || RecoversOwnLog())) {
      return absl::OkStatus();  // sealed, for a key that is not here
    }
    if (!is_ours) return Fault("section ", kind, " is not disclosed to us");
    if (blob.secret.size() != vault::SectionSecret::kBytes)
      return Fault("section ", kind, " comes without its secret");
    const Hash expected = *Hash::FromBytes(commitment->commitment());
    const absl::StatusOr<std::string> opened =
        vault::OpenSection(vault::SectionSecret(blob.secret), expected, options_.origin,
                           *EventId::FromBytes(header.event_id()), blob.kind, blob.blob);
    if (!opened.ok()) return Fault("section ", kind, " does not match its commitment");
    part.sections.push_back({*CaseId::FromBytes(header.case_id()), blob.kind, expected});
    return absl::OkStatus();
  }

  absl::Status VerifyNote(std::string_view note, SignedNote& verified) const {
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(note);
    if (!claimed.ok()) return Fault(ToStd(claimed.status().message()));
    const ClaimedCheckpoint::Line* line = OnlyLine(*claimed, options_.origin_key);
    if (claimed->checkpoint.origin != options_.origin)
      return Fault("the checkpoint is of another origin");
    if (line == nullptr || !VerifyLine(*claimed, *line, options_.origin_key)) {
      return Fault("the checkpoint is not signed by the configured key of ", options_.origin);
    }
    verified = {std::string(note), claimed->checkpoint};
    return absl::OkStatus();
  }

  absl::Status VerifyCheckpointOf(std::string_view note, const log::LogHead& head) {
    SignedNote verified;
    POLKU_RETURN_IF_ERROR(VerifyNote(note, verified));
    const proof::Checkpoint& checkpoint = verified.checkpoint;
    if (checkpoint.size != head.frontier.size()) {
      return Fault("its checkpoint is for ", checkpoint.size.value(),
                   " entries and the batch ends at ", head.frontier.size().value());
    }
    if (checkpoint.root != head.frontier.Root()) {
      return Fault("the entries' root is not that of the signed checkpoint");
    }
    return absl::OkStatus();
  }

  // The origin stands by where the batch ends: if it does not fit, it may be of another history.
  bool IsSigned(const exchange::v1::Batch& batch) const {
    SignedNote note;
    return !batch.checkpoint().empty() && !stored_note_.empty() &&
           VerifyNote(batch.checkpoint(), note).ok() &&
           note.checkpoint.size.value() == batch.first_position() + batch.count();
  }

  // A batch of another history that tells, as we asked, what it has where our copy ends.
  void Proven(const exchange::v1::Batch& batch, std::vector<SubscriberOutput>& out) {
    const std::optional<Hash> root = Hash::FromBytes(batch.prefix_root());
    auto consistency = proof::ParseProof(batch.prefix_consistency());
    SignedNote newer;
    if (!root || !consistency || !VerifyNote(batch.checkpoint(), newer).ok()) return;
    const PrefixProof prefix{*root, *std::move(consistency)};
    Forked(ForkEvidence(stored_note_, newer.note, &prefix, options_.origin_key),
           stored_.frontier.size(), newer.checkpoint.size, out);
  }

  void Told(SignedNote told) {
    // An older one is a late message: an origin that lost entries answers our pull with AHEAD.
    if (!announced_.has_value() || told.checkpoint.size >= AnnouncedSize()) {
      announced_ = std::move(told);
    }
  }

  // ---- Witnessing: PROTOCOL.md "Cosigning", "Heartbeat", "Forks" ----

  proof::Checkpoint StoredCheckpoint() const {
    return {options_.origin, stored_.frontier.size(), stored_.frontier.Root()};
  }

  void Cosign(absl::Time now, absl::Time wall, std::vector<SubscriberOutput>& out) {
    if (options_.cosigner == nullptr || forked_) return;
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
    const Position stored = stored_.frontier.size();
    if (contradicted_ || before.size > stored) return false;
    PrefixProof prefix{.root = stored_.frontier.Root(), .consistency = {}};
    if (before.size < stored) {
      absl::StatusOr<PrefixProof> earlier = StoredPrefix(before.size);
      if (!earlier.ok()) return false;
      prefix = *std::move(earlier);
    }
    if (prefix.root == before.root) {
      before_.reset();
      return true;
    }
    Forked(ForkEvidence(before_->note, stored_note_, &prefix, options_.origin_key), before.size,
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
      if (!IsOwnWord(*claimed) || !VerifyNote(note, word).ok()) continue;
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
    const uint64_t stored = stored_.frontier.size().value();
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
    POLKU_RETURN_IF_ERROR(proof::VerifyConsistency(size, stored_.frontier.size(), prefix.root,
                                                   stored_.frontier.Root(), prefix.consistency));
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
      Forked(ForkEvidence((*other)->note, told.note, nullptr, options_.origin_key), size, size,
             out);
    }
  }

  // Looks for a contradiction between what the origin signed and what is stored or remembered. False: what is
  // stored does not decide it yet.
  bool Compare(const SignedNote& told, std::vector<SubscriberOutput>& out) {
    CompareRemembered(told, out);
    const Position size = told.checkpoint.size;
    if (forked_ || size == Position(0)) return true;
    const Position stored = stored_.frontier.size();
    if (size > stored) {
      if (!smallest_ahead_.has_value() || size < smallest_ahead_->checkpoint.size) {
        smallest_ahead_ = told;
      }
      return false;
    }
    if (told.checkpoint == StoredCheckpoint()) return true;
    if (stored_note_.empty()) return false;
    if (size == stored) {
      Forked(ForkEvidence(stored_note_, told.note, nullptr, options_.origin_key), size, size, out);
      return true;
    }
    const absl::StatusOr<PrefixProof> prefix = StoredPrefix(size);
    if (!prefix.ok()) return false;
    if (prefix->root != told.checkpoint.root) {
      Forked(ForkEvidence(told.note, stored_note_, &*prefix, options_.origin_key), size, stored,
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
        smallest_ahead_->checkpoint.size > stored_.frontier.size()) {
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
    if (!waiting_.has_value() || waiting_->told.checkpoint.size > stored_.frontier.size()) return;
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
      const proof::VerifierKey& key = options_.witnesses[i].key;
      const ClaimedCheckpoint::Line* line = OnlyLine(*claimed, key);
      if (line == nullptr || !line->cosigned_at.has_value()) continue;
      if (*line->cosigned_at > wall + kMaxClockAhead) continue;
      const Witnessed news{claimed->checkpoint.size, *line->cosigned_at};
      if (std::pair(news.size, news.time) <= std::pair(witnessed_[i].size, witnessed_[i].time)) {
        continue;
      }
      if (!consistency.has_value()) {
        SignedNote note;
        if (!VerifyNote(cosigned.checkpoint(), note).ok()) return;
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
                      .proven_to = stored_.frontier.size(),
                      .consistency = *consistency});
    }
  }

  // That the checkpoint is of a prefix of what is stored: by the proof that came, or by our own
  // tree.
  std::optional<proof::MerkleProof> ProveStored(const proof::Checkpoint& checkpoint,
                                                const exchange::v1::Cosigned& cosigned,
                                                const proof::Checkpoint& told) const {
    if (checkpoint == StoredCheckpoint()) return proof::MerkleProof();
    if (checkpoint.size >= stored_.frontier.size()) return std::nullopt;
    if (told == StoredCheckpoint()) {
      std::optional<proof::MerkleProof> given = proof::ParseProof(cosigned.consistency());
      if (given && proof::VerifyConsistency(checkpoint.size, stored_.frontier.size(),
                                            checkpoint.root, stored_.frontier.Root(), *given)
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
    if (storing_.has_value() || ready_.empty()) return;
    StoreBatch store;
    store.batch.first = ready_.front().first;
    store.batch.head = ready_head_;
    store.batch.checkpoint = ready_checkpoint_;
    size_t bytes = 0;
    absl::Status wrapped = PrepareKeys();
    for (Part& part : ready_) {
      bytes += part.bytes();
      if (wrapped.ok()) wrapped = WrapSecrets(part);
      store.batch.groups.push_back({part.first, std::move(part.entries), std::move(part.blobs)});
      store.batch.nodes.insert(store.batch.nodes.end(), part.nodes.begin(), part.nodes.end());
    }
    if (!wrapped.ok()) {
      Raise(Str("received sections cannot be sealed here: ", ToStd(wrapped.message())),
            now + options_.retry_after_fault, out);
      return;
    }
    ready_.clear();
    storing_ = store.batch.head;
    storing_note_ = store.batch.checkpoint;
    storing_bytes_ = bytes;
    out.push_back(std::move(store));
  }

  absl::Status PrepareKeys() const {
    if (!options_.prepare_keys) return absl::OkStatus();
    std::vector<std::pair<CaseId, SectionKind>> keys;
    for (const Part& part : ready_) {
      for (const ReceivedSection& section : part.sections)
        keys.emplace_back(section.case_id, section.kind);
    }
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

  // Constant after construction.
  const SubscriberOptions options_;
  const WrapSecretFn wrap_;
  const RandomBytes random_;

  bool own_agency_is_origins_ = false;

  log::LogHead stored_;                  // on disk
  std::string stored_note_;              // its checkpoint; empty: none that the origin's key signed
  std::optional<log::LogHead> storing_;  // handed out, not yet answered
  std::string storing_note_;
  log::LogHead tip_;  // after everything that verified in this session

  // Of this session, after stored_ and storing_, in order.
  std::vector<Part> ready_;  // covered by ready_checkpoint_
  log::LogHead ready_head_;
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
