#include "services/host/recovery.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/clock.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/replica/subscriber.h"
#include "eventstore/replica/witness.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "services/host/epochs.h"
#include "services/host/fence.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "services/host/opener.h"

namespace polku::host {
namespace {

using exchange::v1::Envelope;

constexpr absl::Duration kMaxWait = absl::Milliseconds(200);

// For waiting only; no setting of the wall clock moves it.
absl::Time SteadyNow() {
  static const absl::Time wall_start = absl::Now();
  static const auto start = std::chrono::steady_clock::now();
  return wall_start + absl::FromChrono(std::chrono::steady_clock::now() - start);
}

// What the mirror answered instead of its log.
absl::Status Refusal(const exchange::v1::Error& error, std::string_view origin) {
  switch (error.code()) {
    case exchange::v1::ERROR_CODE_NOT_ENTITLED:
      return Error(absl::StatusCode::kPermissionDenied,
                   "the mirror does not give us the log; its operator lists our curve.public under "
                   "principals, with our agency and RIGHT_REPLICATE, and has `mirror: true` for this log under peers");
    case exchange::v1::ERROR_CODE_UNKNOWN_ORIGIN:
      return Error(absl::StatusCode::kPermissionDenied, "that service is no mirror of ", origin,
                   "; it would have `mirror: true` with the log under its peers");
    default:
      return Error(absl::StatusCode::kUnavailable, "the mirror cannot serve the log now (",
                   exchange::v1::ErrorCode_Name(error.code()), "); its operator's log says why");
  }
}

// One log read from a mirror by the rules that every replica is held to.
class MirrorReader {
 public:
  enum class End {
    kAll,      // everything that the mirror has is stored
    kAhead,    // the mirror has less than we asked from
    kStopped,  // `store` said that it is enough
    kFault,    // what came does not verify; fault() says what
  };
  using StoreFn = std::function<absl::StatusOr<bool>(const log::VerifiedBatch&)>;
  // What the mirror says it has, signed by our own key.
  using AnnouncedFn = std::function<absl::Status(std::string_view note, Position size)>;

  MirrorReader(const RecoverOptions& options, const ServiceKeys& keys, proof::LogKeys keys_of_log,
               std::shared_ptr<zeromq::Context> context)
      : options_(options),
        keys_(keys),
        keys_of_log_(std::move(keys_of_log)),
        context_(std::move(context)) {}

  // `store` stores a batch and returns whether it wants more. `announced`, where given, is called before the
  // first batch is stored and whenever the mirror says it again.
  absl::StatusOr<End> Read(replica::SubscriberOptions subscriber_options, log::LogHead head,
                           const StoreFn& store, const AnnouncedFn& announced = {});
  const std::string& fault() const { return fault_; }
  // The newest fork pair that the reader found by itself; "" for none.
  const std::string& pair() const { return pair_; }

 private:
  absl::StatusOr<bool> Apply(std::vector<replica::SubscriberOutput> outputs, const StoreFn& store);

  const RecoverOptions& options_;
  const ServiceKeys& keys_;
  const proof::LogKeys keys_of_log_;  // that are known before anything is read
  const std::shared_ptr<zeromq::Context> context_;
  std::unique_ptr<zeromq::Connection> connection_;
  std::unique_ptr<replica::Subscriber> subscriber_;
  std::string fault_;
  std::string pair_;
  bool faulty_ = false;
  uint64_t session_ = 0;
  Position claimed_;  // entries that the mirror says it has
  absl::Time last_progress_;
};

// False: `store` wants no more.
absl::StatusOr<bool> MirrorReader::Apply(std::vector<replica::SubscriberOutput> outputs,
                                         const StoreFn& store) {
  bool more_wanted = true;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (auto* send = std::get_if<replica::SendPull>(&outputs[i])) {
      Envelope envelope;
      envelope.set_protocol(1);
      session_ = send->pull.session();
      *envelope.mutable_pull() = std::move(send->pull);
      connection_->Send({.envelope = std::move(envelope)});  // unsent: the keep-alive repeats it
    } else if (auto* batch = std::get_if<replica::StoreBatch>(&outputs[i])) {
      POLKU_ASSIGN_OR_RETURN(more_wanted, store(batch->batch));
      last_progress_ = SteadyNow();
      auto more = subscriber_->OnStored(absl::OkStatus(), last_progress_, absl::Now());
      const auto status = subscriber_->status();
      if (options_.progress) {
        options_.progress(Position(status.stored_size()), Position(status.announced_size()));
      }
      for (auto& output : more) outputs.push_back(std::move(output));
    } else if (auto* alarm = std::get_if<replica::RaiseAlarm>(&outputs[i])) {
      fault_ = std::move(alarm->what);
      faulty_ = true;
    } else if (auto* fork = std::get_if<replica::KeepFork>(&outputs[i])) {
      pair_ = std::move(fork->pair);
    }
  }
  return more_wanted;
}

absl::StatusOr<MirrorReader::End> MirrorReader::Read(
    replica::SubscriberOptions subscriber_options, log::LogHead head, const StoreFn& store,
    const AnnouncedFn& announced) {
  const std::string origin = subscriber_options.origin;
  fault_.clear();
  faulty_ = false;
  claimed_ = Position();
  POLKU_ASSIGN_OR_RETURN(
      connection_,
      zeromq::Connection::Connect(context_, {.endpoint = options_.mirror,
                                             .server_key = options_.mirror_key,
                                             .keys = keys_.curve}));
  subscriber_ = replica::Subscriber::Make(
      std::move(subscriber_options), std::move(head),
      [](const CaseId&, SectionKind, const Hash&,
         const vault::SectionSecret&) -> absl::StatusOr<std::string> {
        return absl::DataLossError("a mirror gave away a section's secret");
      },
      SystemRandom());
  last_progress_ = SteadyNow();
  POLKU_RETURN_IF_ERROR(Apply(subscriber_->Start(SteadyNow(), absl::Now()), store).status());
  zeromq::LinkState link = zeromq::LinkState::kConnecting;
  // A batch tells its own checkpoint; that there are no more, only a heartbeat.
  bool told_all = false;
  bool nothing = false;
  // Batches that came before the first heartbeat; the credit bounds them.
  std::deque<zeromq::Incoming> early;
  for (;;) {
    const absl::Duration wait = std::clamp(subscriber_->NextTick() - SteadyNow(),
                                           absl::ZeroDuration(), kMaxWait);
    zeromq::Wait({}, {connection_.get()}, -1, wait);
    const zeromq::LinkState now_link = connection_->link();
    if (now_link == zeromq::LinkState::kRefused) {
      return Error(absl::StatusCode::kPermissionDenied, options_.mirror,
                   " refuses the handshake: its operator lists our curve.public under principals, and "
                   "--server-key is its curve.public");
    }
    if (now_link == zeromq::LinkState::kConnected && now_link != link) {
      POLKU_RETURN_IF_ERROR(Apply(subscriber_->Start(SteadyNow(), absl::Now()), store).status());
    }
    link = now_link;
    for (;;) {
      std::optional<zeromq::Incoming> incoming;
      if (told_all && !early.empty()) {
        incoming = std::move(early.front());
        early.pop_front();
      } else {
        auto message = connection_->Receive();
        if (!message) break;
        if (!std::holds_alternative<zeromq::Incoming>(*message)) {
          return Error(absl::StatusCode::kDataLoss, options_.mirror,
                       " sends what is no message of this protocol");
        }
        incoming = std::get<zeromq::Incoming>(std::move(*message));
      }
      const Envelope& envelope = incoming->envelope;
      if (announced && !told_all && envelope.has_batch()) {
        last_progress_ = SteadyNow();
        early.push_back(*std::move(incoming));
        continue;
      }
      std::vector<replica::SubscriberOutput> outputs;
      if (envelope.has_batch()) {
        const auto frame = [&](size_t at) {
          return at < incoming->payload.size() ? incoming->payload[at].view() : std::string_view();
        };
        outputs = subscriber_->OnBatch(envelope.batch(), frame(0), frame(1), SteadyNow());
      } else if (envelope.has_heartbeat()) {
        const std::string& note = envelope.heartbeat().checkpoint();
        if (const auto said = VerifyMark(note, keys_of_log_, keys_.signer->verifier());
            announced && said.ok()) {
          POLKU_RETURN_IF_ERROR(announced(note, said->size));
        }
        // By a key that is still to come in what it sends, nobody can verify it yet: a claim, to be waited for.
        if (const auto claimed = replica::ParseClaimed(note); claimed.ok()) {
          claimed_ = std::max(claimed_, claimed->checkpoint.size);
        }
        outputs = subscriber_->OnHeartbeat(envelope.heartbeat(), SteadyNow(), absl::Now());
        told_all = told_all || envelope.heartbeat().session() == session_;
        nothing = nothing || (told_all && envelope.heartbeat().checkpoint().empty());
      } else if (envelope.has_error()) {
        if (envelope.error().code() == exchange::v1::ERROR_CODE_AHEAD) return End::kAhead;
        return Refusal(envelope.error(), origin);
      }
      POLKU_ASSIGN_OR_RETURN(const bool more, Apply(std::move(outputs), store));
      if (!more) return End::kStopped;
      if (faulty_) return End::kFault;
      const auto status = subscriber_->status();
      // Whether its holes are explained is judged by the caller: they keep the subscription from being live.
      const Position stored(status.stored_size());
      if (told_all && (nothing || (stored >= claimed_ && stored >= Position(status.announced_size())))) {
        return End::kAll;
      }
    }
    const absl::Time now = SteadyNow();
    if (now - last_progress_ > options_.patience) {
      return Error(absl::StatusCode::kUnavailable, "no answer from the mirror at ", options_.mirror,
                   " for ", absl::ToInt64Seconds(options_.patience),
                   " s; is it running, and is that its address? What was fetched is kept: run "
                   "the same command again");
    }
    if (subscriber_->NextTick() <= now) {
      POLKU_RETURN_IF_ERROR(Apply(subscriber_->Tick(now), store).status());
    }
  }
}

// The frontier's subtree that stands for 2^level leaves from index * 2^level on.
class FrontierNodes {
 public:
  explicit FrontierNodes(const proof::Frontier& frontier) {
    // size[8], then the roots from the largest subtree to the smallest (merkle.h).
    const std::string bytes = frontier.Serialize();
    size_t at = 8;
    uint64_t first = 0;
    for (int level = 62; level >= 0; --level) {
      if ((frontier.size().value() >> level & 1) == 0) continue;
      nodes_.push_back({static_cast<uint8_t>(level), first >> level,
                        *Hash::FromBytes(std::string_view(bytes).substr(at, Hash::kBytes))});
      at += Hash::kBytes;
      first += uint64_t{1} << level;
    }
  }
  const Hash* Find(uint8_t level, uint64_t index) const {
    for (const proof::Node& node : nodes_) {
      if (node.level == level && node.index == index) return &node.hash;
    }
    return nullptr;
  }

 private:
  std::vector<proof::Node> nodes_;
};

// Reads the mirror's log from its beginning, storing nothing, to tell whether the own log is a part of it.
class Comparison {
 public:
  Comparison(log::Engine& engine, Position own_size) : engine_(engine), own_size_(own_size) {}

  absl::Status Open() {
    POLKU_ASSIGN_OR_RETURN(own_, log::EntryReader::Make(engine_, kOwnLog, Position(),
                                                        /*with_blobs=*/false));
    return absl::OkStatus();
  }
  // Whether more is needed.
  absl::StatusOr<bool> Take(const log::VerifiedBatch& batch) {
    note_ = batch.checkpoint;
    size_ = batch.head.frontier.size();
    for (const auto& group : batch.groups) {
      POLKU_ASSIGN_OR_RETURN(const auto view, log::GroupView::Parse(group.entries, group.blobs));
      for (const auto& item : view.items()) {
        const Hash hash = proof::LeafHash(item.leaf);
        if (frontier_.size() < own_size_) {
          POLKU_ASSIGN_OR_RETURN(const auto own, own_->Next());
          if (!parts_at_ && (!own || own->leaf != item.leaf)) parts_at_ = frontier_.size();
          frontier_.AppendLeafHash(hash);
        } else {
          beyond_.push_back(hash);
        }
      }
    }
    return frontier_.size() < own_size_;
  }
  // Where the histories part; nullopt: the shorter one is the beginning of the longer.
  std::optional<Position> parts_at() const { return parts_at_; }

  absl::StatusOr<std::string> Pair(std::string_view own_note, const proof::LogKeys& keys) const {
    if (size_ <= own_size_) {
      POLKU_ASSIGN_OR_RETURN(auto pair, SelfForkPair(engine_, own_note, note_, keys));
      return pair.value_or("");
    }
    const FrontierNodes before(frontier_);
    POLKU_ASSIGN_OR_RETURN(
        auto hashes,
        proof::MakeConsistencyProof(
            own_size_, size_, [&](uint8_t level, uint64_t index) -> absl::StatusOr<Hash> {
              const uint64_t first = index << level;
              const uint64_t count = uint64_t{1} << level;
              if (const Hash* node = before.Find(level, index)) return *node;
              if (first < own_size_.value()) {
                return absl::InternalError("a consistency proof asked for more than the frontier");
              }
              proof::Frontier subtree;
              for (uint64_t i = 0; i < count; ++i) {
                subtree.AppendLeafHash(beyond_[first - own_size_.value() + i]);
              }
              return subtree.Root();
            }));
    return proof::FormatCheckpointPair({.prefix = frontier_.Root(),
                                        .hashes = std::move(hashes),
                                        .older = std::string(own_note),
                                        .newer = note_});
  }

 private:
  log::Engine& engine_;
  const Position own_size_;
  std::unique_ptr<log::EntryReader> own_;
  proof::Frontier frontier_;   // of the mirror's log, up to own_size_
  std::vector<Hash> beyond_;   // leaf hashes from there to size_: less than one batch
  Position size_;
  std::string note_;           // of the mirror's log at size_
  std::optional<Position> parts_at_;
};

class Recovery {
 public:
  explicit Recovery(const RecoverOptions& options)
      : options_(options),
        origin_(options.config.origin.text()),
        high_water_(options.config.keys_directory) {}

  absl::StatusOr<Recovered> Run();

 private:
  absl::Status Open();
  absl::StatusOr<bool> Store(const log::VerifiedBatch& batch);
  absl::Status RaiseMark(std::string_view note, Position size);
  absl::Status CheckSections(const log::VerifiedBatch& batch);
  absl::Status TakeErased(const event::v1::Header& header, Position position);
  absl::Status RestoreNumbers();
  // What a fault or a shorter mirror means: another history (DataLoss, evidence kept), or OK.
  absl::Status Compare();
  absl::Status KeepPair(const std::string& pair, std::string_view what);
  // What the log as it is now has announced of its checkpoint keys.
  absl::StatusOr<proof::LogKeys> Keys() { return log::OwnKeys(*engine_, *first_key_); }
  replica::SubscriberOptions FollowOptions() const;

  const RecoverOptions& options_;
  const std::string origin_;
  const std::shared_ptr<zeromq::Context> context_ = zeromq::MakeContext();
  ServiceKeys keys_;
  std::optional<proof::VerifierKey> first_key_;  // of the own log's Genesis; set by Open
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<vault::KeyStore> keystore_;
  std::unique_ptr<Opener> opener_;
  std::unique_ptr<log::Log> log_;
  HighWater high_water_;
  std::set<Hash> fenced_;  // cases of the own log that were erased
  std::set<std::pair<Position, SectionKind>> left_out_;  // without a key, and no Erased has named it yet
  Recovered result_;
};

absl::Status Recovery::Open() {
  const Config& config = options_.config;
  POLKU_ASSIGN_OR_RETURN(keys_, LoadServiceKeys(config.keys_directory, origin_));
  POLKU_ASSIGN_OR_RETURN(first_key_, FirstSigningKey(config.keys_directory));
  // The keystore first: without it what is fetched could never be read, and an empty one must not be made.
  const OpenStorageFn storage = [&] {
    return rocks::OpenKeyStorage(config.keystore_directory, rocks::OpenMode::kReadOnly);
  };
  POLKU_ASSIGN_OR_RETURN(keystore_, OpenKeyStore(storage, config.keys_directory, keys_, /*read_only=*/true));
  opener_ = std::make_unique<Opener>(*keystore_, origin_);
  POLKU_ASSIGN_OR_RETURN(const auto fence, Fence::Open(config.keys_directory));
  for (const auto& [place, line] : fence->lines()) {
    if (EpochsOf(place.first) == EpochsOf(origin_)) fenced_.insert(line.fence);
  }
  POLKU_ASSIGN_OR_RETURN(engine_, rocks::OpenEngine({.directory = config.data_directory,
                                                     .cache_bytes = config.block_cache_bytes}));
  POLKU_ASSIGN_OR_RETURN(log_, log::Log::Open(*engine_,
                                              {.origin = config.origin,
                                               .clock = SystemClock(),
                                               .random = SystemRandom(),
                                               .signer = keys_.signer.get(),
                                               .first_key = first_key_},
                                              /*genesis_curve_key=*/""));
  return absl::OkStatus();
}

absl::Status Recovery::KeepPair(const std::string& pair, std::string_view what) {
  POLKU_ASSIGN_OR_RETURN(const auto keys, Keys());
  POLKU_ASSIGN_OR_RETURN(const auto parsed, proof::ParseCheckpointPair(pair));
  POLKU_ASSIGN_OR_RETURN(const auto verdict, proof::VerifyCheckpointPair(parsed, keys));
  if (verdict != proof::PairVerdict::kFork) {
    return absl::InternalError("the evidence of a fork does not prove one");
  }
  const std::string path =
      Str(options_.config.data_directory, ".fork-", log_->size().value(), ".checkpoint-pair");
  POLKU_RETURN_IF_ERROR(ReplaceFile(path, pair, 0644));
  POLKU_RETURN_IF_ERROR(log::KeepFork(*engine_, origin_, absl::Now(), pair));
  return Error(absl::StatusCode::kDataLoss, "the log of ", origin_, " is another history than ", what,
               ": it was opened from an old copy and has gone on, so nothing can be appended to it. The "
               "proof is in ", path,
               ". Keep this data directory; fetch the other history into an empty one (move this one away "
               "and run the same command again), or go on with `polku new-epoch`");
}

absl::StatusOr<bool> Recovery::Store(const log::VerifiedBatch& batch) {
  POLKU_RETURN_IF_ERROR(CheckSections(batch));
  // The mirror's log may have grown beyond what it had announced.
  POLKU_RETURN_IF_ERROR(RaiseMark(batch.checkpoint, batch.head.frontier.size()));
  POLKU_RETURN_IF_ERROR(log_->Recover(batch));
  return true;
}

absl::Status Recovery::RaiseMark(std::string_view note, Position size) {
  return high_water_.Write(note, size, SteadyNow(), /*now_too=*/true);
}

// No hash covers a sealed section, only its commitment does: what a mirror gives back is opened before it is
// believed, and what it does not give back is missed. A case key that is here says that the section was
// held here; unless the fence says that the case was erased since, and the keystore is older. An erasure destroys the
// case key with the blob: of what is missing without a key an Erased must tell, which may come later in the log.
absl::Status Recovery::CheckSections(const log::VerifiedBatch& batch) {
  event::v1::Header header;
  for (const auto& group : batch.groups) {
    POLKU_ASSIGN_OR_RETURN(const auto view, log::GroupView::Parse(group.entries, group.blobs));
    for (const auto& item : view.items()) {
      if (item.leaf.empty()) continue;  // erased, the mirror says; the log knows whether an Erased does
      const auto blobs = view.BlobsAt(item.offset);
      POLKU_RETURN_IF_ERROR(log::ParseHeader(item.leaf, header));
      const Position position(group.first.value() + item.offset);
      if (header.case_id().empty()) {
        POLKU_RETURN_IF_ERROR(TakeErased(header, position));
        continue;
      }
      const bool fenced = fenced_.contains(FenceOf(*CaseId::FromBytes(header.case_id())));
      const auto place_of = [&](SectionKind kind) {
        return Str("section ", SectionKindName(kind), " of entry ",
                   group.first.value() + item.offset);
      };
      for (const auto& commitment : header.commitments()) {
        const auto kind = static_cast<SectionKind>(commitment.kind());
        if (std::any_of(blobs.begin(), blobs.end(),
                        [&](const auto& blob) { return blob.kind == kind; })) {
          continue;
        }
        const auto secret = opener_->OwnSecret(header, kind);
        if (secret.ok() && !fenced) {
          return Error(absl::StatusCode::kDataLoss, "this mirror left out sections; try another (the first is ",
                       place_of(kind), ", whose case key the keystore has)");
        }
        if (!secret.ok() && !absl::IsNotFound(secret.status())) {
          return Annotate(secret.status(), place_of(kind));
        }
        left_out_.insert({position, kind});
      }
      for (const auto& blob : blobs) {
        ++result_.sections;
        const auto place = [&] { return place_of(blob.kind); };
        const auto commitment = std::find_if(
            header.commitments().begin(), header.commitments().end(),
            [&](const auto& c) { return c.kind() == static_cast<int>(blob.kind); });
        if (commitment == header.commitments().end()) {
          return Error(absl::StatusCode::kDataLoss, "the mirror adds a ", place());
        }
        const auto secret = opener_->OwnSecret(header, blob.kind);
        if (absl::IsNotFound(secret.status())) {
          ++result_.without_key;
          continue;
        }
        if (!secret.ok()) return Annotate(secret.status(), place());
        const auto opened = vault::OpenSection(
            *secret, *Hash::FromBytes(commitment->commitment()), origin_,
            *EventId::FromBytes(header.event_id()), blob.kind, blob.blob);
        if (!opened.ok()) {
          return Error(absl::StatusCode::kDataLoss, place(),
                       " does not open as the mirror has it: it was altered there (try another mirror), or "
                       "the keystore has another key for its case (restore the keystore's newest backup)");
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Recovery::TakeErased(const event::v1::Header& header, Position position) {
  if (header.type() != event::v1::Erased::descriptor()->full_name()) return absl::OkStatus();
  POLKU_ASSIGN_OR_RETURN(const auto named, log::ParseErased(header.control(), origin_, position));
  if (named.origin != origin_) return absl::OkStatus();
  for (const auto& part : named.parts) {
    for (const SectionKind kind : kAllSectionKinds) {
      if (part.leaf || part.sections.has(kind)) left_out_.erase({part.position, kind});
    }
  }
  return absl::OkStatus();
}

// What the erased leaves had of running numbers is known beside the keys alone.
absl::Status Recovery::RestoreNumbers() {
  POLKU_ASSIGN_OR_RETURN(const auto numbers, ReadErasedNumbers(options_.config.keys_directory));
  if (numbers.empty()) return absl::OkStatus();
  return log::KeepErasedNumbers(*engine_, numbers);
}

replica::SubscriberOptions Recovery::FollowOptions() const {
  return {.origin = origin_,
          .own_agency = std::string(options_.config.origin.agency()),
          .origin_keys = *first_key_,
          .credit_bytes = options_.config.replication_credit_bytes,
          .mirror = true};
}

absl::Status Recovery::Compare() {
  Comparison comparison(*engine_, log_->size());
  POLKU_RETURN_IF_ERROR(comparison.Open());
  log::LogHead empty;
  empty.origin = origin_;
  POLKU_ASSIGN_OR_RETURN(const auto keys, Keys());
  MirrorReader reader(options_, keys_, keys, context_);
  const auto end = reader.Read(FollowOptions(), std::move(empty),
                               [&](const auto& batch) { return comparison.Take(batch); });
  if (!end.ok()) return end.status();
  if (*end == MirrorReader::End::kFault) {
    return Error(absl::StatusCode::kDataLoss, "what the mirror has does not verify (", reader.fault(),
                 "); nothing of it was stored. Try another mirror");
  }
  if (!comparison.parts_at()) return absl::OkStatus();
  POLKU_ASSIGN_OR_RETURN(const std::string pair,
                         comparison.Pair(log_->checkpoint(), keys));
  return KeepPair(pair, Str("the mirror's, which has other entries from position ",
                            comparison.parts_at()->value(), " on"));
}

absl::StatusOr<Recovered> Recovery::Run() {
  POLKU_RETURN_IF_ERROR(Open());
  const proof::VerifierKey& present = keys_.signer->verifier();
  POLKU_ASSIGN_OR_RETURN(const auto keys, Keys());
  POLKU_ASSIGN_OR_RETURN(const std::string mark, high_water_.Read(keys, present));
  if (!mark.empty()) {
    POLKU_ASSIGN_OR_RETURN(const auto checkpoint, VerifyMark(mark, keys, present));
    result_.mark = checkpoint.size;
    std::optional<std::string> pair;
    if (checkpoint.size <= log_->size()) {
      POLKU_ASSIGN_OR_RETURN(pair, SelfForkPair(*engine_, log_->checkpoint(), mark, keys));
    }
    if (pair) return KeepPair(*pair, "the one that its high-water mark is of");
  }
  result_.before = log_->size();

  log::LogHead head;
  head.origin = origin_;
  POLKU_ASSIGN_OR_RETURN(const auto stored, engine_->ReadHead(kOwnLog));
  if (stored) {
    POLKU_ASSIGN_OR_RETURN(head, log::LogHead::Parse(*stored));
  }
  replica::SubscriberOptions follow = FollowOptions();
  follow.origin_keys = keys;
  follow.stored_checkpoint = log_->checkpoint();
  // Of a run that was broken off.
  POLKU_ASSIGN_OR_RETURN(follow.holes, log::UnexplainedHoles(*engine_, kOwnLog));
  follow.prefix = [this](Position size) {
    return replica::PrefixOf(*engine_, kOwnLog, size, log_->size());
  };
  MirrorReader reader(options_, keys_, keys, context_);
  POLKU_ASSIGN_OR_RETURN(const auto end,
                         reader.Read(
                             std::move(follow), std::move(head),
                             [this](const auto& batch) { return Store(batch); },
                             [this](std::string_view note, Position size) {
                               return RaiseMark(note, size);
                             }));
  if (!reader.pair().empty()) return KeepPair(reader.pair(), "the mirror's");
  if (end == MirrorReader::End::kFault) {
    POLKU_RETURN_IF_ERROR(Compare());
    return Error(absl::StatusCode::kDataLoss, "what the mirror has beyond ", log_->size().value(),
                 " entries does not verify (", reader.fault(), "); try another mirror");
  }
  if (end == MirrorReader::End::kAhead) POLKU_RETURN_IF_ERROR(Compare());

  result_.size = log_->size();
  result_.left_out = left_out_.size();
  POLKU_RETURN_IF_ERROR(RestoreNumbers());
  POLKU_ASSIGN_OR_RETURN(const auto holes, log::UnexplainedHoles(*engine_, kOwnLog));
  for (const auto& hole : holes) result_.unexplained += hole.missing;
  if (result_.unexplained > 0 && result_.missing() == 0) {
    return Error(absl::StatusCode::kDataLoss, "this mirror left out ", result_.unexplained,
                 " entries (the first before ", holes.front().before.value(),
                 ") as erased, and no erasure of the log names them; no service starts on this. Move the data "
                 "directory away and fetch the log from another mirror into an empty one");
  }
  if (result_.size > Position()) {
    POLKU_ASSIGN_OR_RETURN(const auto now, Keys());
    POLKU_ASSIGN_OR_RETURN(const auto checkpoint, proof::VerifyCheckpoint(log_->checkpoint(), now));
    result_.root = checkpoint.root;
    POLKU_RETURN_IF_ERROR(RaiseMark(log_->checkpoint(), result_.size));
  }
  return result_;
}

}  // namespace

absl::StatusOr<std::optional<std::string>> SelfForkPair(log::Engine& engine,
                                                        std::string_view own_note,
                                                        std::string_view other_note,
                                                        const proof::LogKeys& keys) {
  if (own_note.empty()) return std::optional<std::string>();
  POLKU_ASSIGN_OR_RETURN(const auto own, proof::VerifyCheckpoint(own_note, keys));
  POLKU_ASSIGN_OR_RETURN(const auto other, proof::VerifyCheckpoint(other_note, keys));
  if (other.size > own.size) return std::optional<std::string>();
  log::TreeReader tree(engine, kOwnLog);
  proof::CheckpointPair pair{.prefix = own.root,
                             .hashes = {},
                             .older = std::string(other_note),
                             .newer = std::string(own_note)};
  if (other.size < own.size) {
    POLKU_ASSIGN_OR_RETURN(pair.prefix, tree.Root(other.size));
    POLKU_ASSIGN_OR_RETURN(pair.hashes, tree.Consistency(other.size, own.size));
  }
  if (*pair.prefix == other.root) return std::optional<std::string>();
  return std::optional<std::string>(proof::FormatCheckpointPair(pair));
}

absl::StatusOr<Recovered> RecoverFromMirror(const RecoverOptions& options) {
  return Recovery(options).Run();
}

}  // namespace polku::host
