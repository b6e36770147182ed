// A replica for tests of one subscriber: stores at once, on a memory engine, and keeps what it
// said.
#ifndef POLKU_TESTS_REPLICA_FOLLOWER_H_
#define POLKU_TESTS_REPLICA_FOLLOWER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "eventstore/log/key_history.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"
#include "tests/replica/origin.h"

namespace polku::replica {

class Follower {
 public:
  // `options`: origin, key, prefix and what is stored are filled in.
  Follower(const TestOrigin& origin, SubscriberOptions options)
      : options_(std::move(options)), key_(origin.keys().first()) {
    options_.origin = origin.name();
    options_.origin_keys = key_;
    Restart();
  }

  // A new process on the same disk.
  void Restart() {
    auto log = log::ReplicaLog::Open(*engine_, *OriginName::Parse(options_.origin));
    ASSERT_THAT(log, polku::testing::IsOk());
    log_ = *std::move(log);
    SubscriberOptions options = options_;
    if (has_prefix) options.prefix = PrefixOf(*engine_, log_->number());
    options.forked = options.forked || !forks.empty();
    auto note = engine_->ReadCheckpoint(log_->number(), log_->size());
    ASSERT_THAT(note, polku::testing::IsOk());
    options.stored_checkpoint = note->value_or("");
    options.cosigned_before = cosigned_before;
    options.lookups = LookupsIn(
        *engine_, [this] { return log_->number(); }, options_.own_agency);
    if (log_->size() > Position(0)) {
      auto keys = log::KeysOf(*engine_, log_->number(), key_);
      ASSERT_THAT(keys, polku::testing::IsOk());
      options.origin_keys = *keys;
      auto wanted = log::WantedEntries(*engine_, log_->number());
      ASSERT_THAT(wanted, polku::testing::IsOk());
      options.wanted = *wanted;
      auto holes = log_->UnexplainedHoles();
      ASSERT_THAT(holes, polku::testing::IsOk());
      options.holes = *holes;
    }
    subscriber_ = Subscriber::Make(options, log_->head(), WrapWithOwnKey,
                                   polku::testing::SeededRandom(++restarts_));
    Start();
  }
  void Start() { Take(subscriber_->Start(now, wall)); }

  void Deliver(BatchMessage message) {
    message.batch.set_session(session());
    Take(subscriber_->OnBatch(message.batch, message.entries, message.blobs, now));
  }
  void DeliverFill(const FillMessage& message) {
    Take(subscriber_->OnFill(message.fill, message.entries, message.blobs, now));
  }
  void OnError(const exchange::v1::Error& error) { Take(subscriber_->OnError(error, now)); }
  // Answers what was asked for, as the origin does, until nothing is.
  void FillFrom(TestOrigin& origin) {
    while (!fetches.empty()) {
      const exchange::v1::Fetch fetch = fetches.front();
      fetches.erase(fetches.begin());
      for (const FillMessage& message : origin.FillsFor(options_.own_agency, fetch)) {
        DeliverFill(message);
      }
    }
  }
  // The rest of what the origin has, or one batch of it.
  void Follow(TestOrigin& origin) {
    while (size() < origin.size()) {
      const Position before = size();
      Deliver(origin.Cut(options_.own_agency, before.value(), 1 << 20, options_.mirror));
      ASSERT_GT(size(), before) << (alarms.empty() ? "" : alarms.back());
    }
  }
  void Heartbeat(std::string checkpoint, const std::vector<exchange::v1::Cosigned>& cosigned = {}) {
    exchange::v1::Heartbeat heartbeat;
    heartbeat.set_origin(options_.origin);
    heartbeat.set_session(session());
    heartbeat.set_checkpoint(std::move(checkpoint));
    for (const auto& one : cosigned) *heartbeat.add_cosigned() = one;
    Take(subscriber_->OnHeartbeat(heartbeat, now, wall));
  }
  // Whether it was decided.
  bool Seen(std::string_view note) {
    SeenOutcome outcome = subscriber_->OnSeen(note, now);
    Take(std::move(outcome.outputs));
    return outcome.decided;
  }
  // What a host remembers apart from the store: what `live`, the same witness, has cosigned last.
  void Remember(const Follower& live) {
    const std::string& note = live.cosigns.back().checkpoint();
    cosigned_before = CosignedBefore{ParseClaimed(note)->checkpoint, note};
  }
  void Tick() { Take(subscriber_->Tick(now)); }
  // What waits on a slow disk.
  void Store(absl::Status status = absl::OkStatus()) {
    ASSERT_FALSE(unstored.empty());
    const log::VerifiedBatch batch = std::move(unstored.front());
    unstored.erase(unstored.begin());
    if (status.ok()) {
      ASSERT_THAT(log_->Append(batch), polku::testing::IsOk());
    }
    Take(subscriber_->OnStored(std::move(status), now, wall));
  }

  void StoreOpened(absl::Status status = absl::OkStatus()) {
    ASSERT_FALSE(unstored_fills.empty());
    const StoreFills store = std::move(unstored_fills.front());
    unstored_fills.erase(unstored_fills.begin());
    if (status.ok()) {
      ASSERT_THAT(log::FillEntries(*engine_, log_->number(), store.fills), polku::testing::IsOk());
      ASSERT_THAT(log::GiveUpWanted(*engine_, log_->number(), store.gone),
                  polku::testing::IsOk());
      filled += store.fills.size();
      gone += store.gone.size();
    }
    Take(subscriber_->OnFillsStored(std::move(status), now));
  }

  Position size() const { return log_->size(); }
  uint64_t session() const { return pulls.back().session(); }
  log::Engine& engine() { return *engine_; }
  LogNumber number() const { return log_->number(); }
  const log::LogHead& head() const { return log_->head(); }
  Subscriber& subscriber() { return *subscriber_; }
  exchange::v1::SubscriptionStatus status() const { return subscriber_->status(); }

  // Judge: the newest evidence proves a fork to anybody with the key.
  void ExpectForkProven(size_t alarms_expected = 1) {
    ASSERT_EQ(forks.size(), 1u);
    ASSERT_EQ(alarms.size(), alarms_expected);
    EXPECT_THAT(alarms.back(), ::testing::HasSubstr("fork: "));
    auto pair = proof::ParseCheckpointPair(forks[0]);
    ASSERT_THAT(pair, polku::testing::IsOk());
    auto verdict = proof::VerifyCheckpointPair(*pair, key_);
    ASSERT_THAT(verdict, polku::testing::IsOk());
    EXPECT_EQ(*verdict, proof::PairVerdict::kFork);
    EXPECT_EQ(status().state(), exchange::v1::SUBSCRIPTION_STATE_FAULT);
    EXPECT_THAT(status().fault(), ::testing::HasSubstr("two histories"));
  }

  bool stores_at_once = true;
  bool has_prefix = true;
  std::optional<CosignedBefore> cosigned_before;  // from the next Restart on
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  absl::Time wall = absl::FromUnixSeconds(1'741'000'000);
  std::vector<std::string> order;  // of all outputs, by kind
  std::vector<exchange::v1::Pull> pulls;
  std::vector<exchange::v1::Cosign> cosigns;
  std::vector<std::string> alarms;
  std::vector<std::string> forks;
  std::vector<log::KeptCosignature> kept;
  std::vector<log::VerifiedBatch> unstored;
  std::vector<exchange::v1::Fetch> fetches;
  std::vector<StoreFills> unstored_fills;
  size_t filled = 0;
  size_t gone = 0;

 private:
  void Take(std::vector<SubscriberOutput> outputs) {
    for (SubscriberOutput& output : outputs) {
      if (auto* pull = std::get_if<SendPull>(&output)) {
        order.push_back("pull");
        pulls.push_back(pull->pull);
      } else if (auto* cosign = std::get_if<SendCosign>(&output)) {
        order.push_back("cosign");
        cosigns.push_back(cosign->cosign);
      } else if (auto* alarm = std::get_if<RaiseAlarm>(&output)) {
        order.push_back("alarm");
        alarms.push_back(alarm->what);
      } else if (auto* fork = std::get_if<KeepFork>(&output)) {
        order.push_back("fork");
        forks.push_back(fork->pair);
      } else if (auto* keep = std::get_if<KeepCosignatures>(&output)) {
        order.push_back("keep");
        EXPECT_FALSE(keep->cosignatures.empty());
        kept.insert(kept.end(), keep->cosignatures.begin(), keep->cosignatures.end());
      } else if (auto* fetch = std::get_if<SendFetch>(&output)) {
        order.push_back("fetch");
        fetches.push_back(fetch->fetch);
      } else if (auto* opened = std::get_if<StoreFills>(&output)) {
        order.push_back("fills");
        EXPECT_FALSE(opened->fills.empty() && opened->gone.empty());
        unstored_fills.push_back(std::move(*opened));
      } else {
        order.push_back("store");
        unstored.push_back(std::move(std::get<StoreBatch>(output).batch));
      }
    }
    if (stores_at_once && !unstored.empty()) Store();
    if (stores_at_once && !unstored_fills.empty()) StoreOpened();
  }

  SubscriberOptions options_;
  proof::VerifierKey key_;
  std::unique_ptr<log::Engine> engine_ = log::MakeMemoryEngine();
  std::unique_ptr<log::ReplicaLog> log_;
  std::unique_ptr<Subscriber> subscriber_;
  uint64_t restarts_ = 0;
};

// The origin's note for `size` of its entries, at any size.
inline std::string NoteAt(TestOrigin& origin, Position size) {
  auto root = log::TreeReader(origin.engine(), kOwnLog).Root(size);
  EXPECT_THAT(root, polku::testing::IsOk());
  return origin.signer_for(size).Sign({origin.name(), size, root.ok() ? *root : Hash()});
}

inline std::string AddLine(std::string_view note, const proof::Signer& cosigner, absl::Time time) {
  const auto claimed = ParseClaimed(note);
  EXPECT_THAT(claimed, polku::testing::IsOk());
  return *proof::AddSignatures(note, cosigner.Cosign(claimed->checkpoint, time));
}

// As the origin tells it in a heartbeat: with a proof up to its present size.
inline exchange::v1::Cosigned MakeCosigned(TestOrigin& origin, Position size,
                                           const proof::Signer& cosigner, absl::Time time) {
  exchange::v1::Cosigned cosigned;
  cosigned.set_checkpoint(AddLine(NoteAt(origin, size), cosigner, time));
  auto proof = log::TreeReader(origin.engine(), kOwnLog).Consistency(size, origin.size());
  EXPECT_THAT(proof, polku::testing::IsOk());
  for (const Hash& hash : *proof) cosigned.add_consistency(std::string(hash.view()));
  return cosigned;
}

}  // namespace polku::replica

#endif  // POLKU_TESTS_REPLICA_FOLLOWER_H_
