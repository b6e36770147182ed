// Publisher and subscribers over a simulated network and simulated time: loss, duplication,
// reordering, delay, restarts of either side and slow disks, from a printed seed. Independent
// judges: each replica is the origin's projection, nothing is acknowledged before it is stored, and
// memory stays bounded.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/log/replica_log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/origin.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Faults {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // share of messages that take much longer
  double restarts = 0;    // chance a second that a side restarts
  absl::Duration store = absl::Milliseconds(5);
};

class World {
 public:
  World(uint64_t seed, std::vector<std::string> receivers, uint64_t credit_bytes)
      : random_(seed), origin_(seed), credit_(credit_bytes) {
    origin_.AddGenesis();
    origin_.Commit();
    StartPublisher();
    for (std::string& receiver : receivers) {
      auto replica = std::make_unique<Replica>();
      replica->index = replicas_.size();
      replica->receiver = std::move(receiver);
      replicas_.push_back(std::move(replica));
      StartSubscriber(*replicas_.back());
    }
  }

  Faults faults;
  TestOrigin& origin() { return origin_; }

  void Append(size_t entries) {
    std::vector<std::string> receivers;
    for (const auto& replica : replicas_) receivers.push_back(replica->receiver);
    for (size_t i = 0; i < entries; ++i) origin_.AddRandomEvent(receivers);
    origin_.Commit();
    Route(publisher_->OnCommitted(origin_.size(), origin_.checkpoint(), now_));
  }

  // Lets simulated time pass; stops early when `done`.
  bool Run(
      absl::Duration how_long, const std::function<bool()>& done = [] { return false; }) {
    const absl::Time end = now_ + how_long;
    while (!done()) {
      absl::Time next = std::min(end, next_fault_);
      if (!events_.empty()) next = std::min(next, events_.top().at);
      next = std::min(next, publisher_->NextTick());
      for (const auto& replica : replicas_) next = std::min(next, replica->subscriber->NextTick());
      if (next >= end) {
        now_ = end;
        return done();
      }
      now_ = std::max(now_, next);
      if (now_ >= next_fault_) {
        next_fault_ = now_ + absl::Seconds(1);
        InjectRestarts();
      }
      while (!events_.empty() && events_.top().at <= now_) {
        auto event = events_.top().what;
        events_.pop();
        event();
      }
      if (publisher_->NextTick() <= now_) Route(publisher_->Tick(now_));
      for (auto& replica : replicas_) {
        if (replica->subscriber->NextTick() <= now_)
          Take(*replica, replica->subscriber->Tick(now_));
      }
      if (::testing::Test::HasFatalFailure()) return false;
    }
    return true;
  }

  bool Complete() const {
    return std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
      return replica->log->size() == origin_.size() &&
             replica->subscriber->status().state() == exchange::v1::SUBSCRIPTION_STATE_LIVE;
    });
  }

  void Judge() {
    for (const auto& replica : replicas_) {
      SCOPED_TRACE(replica->receiver);
      ExpectProjection(origin_, replica->receiver, *replica->engine, replica->log->number(),
                       replica->log->head());
      auto note = replica->engine->ReadCheckpoint(replica->log->number(), replica->log->size());
      ASSERT_THAT(note, IsOk());
      if (replica->log->size() == Position(0)) continue;
      auto checkpoint = proof::VerifyCheckpoint(note->value(), origin_.signer().verifier());
      ASSERT_THAT(checkpoint, IsOk());
      EXPECT_EQ(checkpoint->root, replica->log->head().frontier.Root());
      EXPECT_EQ(checkpoint->size, replica->log->size());
    }
  }

  size_t alarms() const { return alarms_; }
  uint64_t most_held() const { return most_held_; }
  size_t restarts() const { return restarts_; }
  uint64_t delivered_batches() const { return delivered_batches_; }
  Position stored(size_t replica) const { return replicas_[replica]->log->size(); }
  exchange::v1::SubscriptionStatus status(size_t replica) const {
    return replicas_[replica]->subscriber->status();
  }
  absl::Time now() const { return now_; }

 private:
  struct Replica {
    size_t index = 0;
    std::string receiver;
    std::unique_ptr<log::Engine> engine = log::MakeMemoryEngine();
    std::unique_ptr<log::ReplicaLog> log;
    std::unique_ptr<Subscriber> subscriber;
    uint64_t life = 0;  // events of an earlier life are lost
    uint64_t session = 0;
    std::map<uint64_t, uint64_t> held;  // end position → payload bytes received in this session
    bool storing = false;
  };
  struct Event {
    absl::Time at;
    uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };

  bool Chance(double p) { return static_cast<double>(random_.Below(1'000'000)) < p * 1'000'000; }

  void At(absl::Time time, std::function<void()> what) {
    events_.push({time, ++event_number_, std::move(what)});
  }

  // `link`: messages of one link arrive in order unless they are reordered on purpose.
  void Send(uint64_t link, const std::function<void()>& deliver) {
    if (Chance(faults.loss)) return;
    const int copies = Chance(faults.duplication) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      absl::Time at = now_ + absl::Microseconds(100 + random_.Below(2'000));
      if (Chance(faults.reordering)) {
        at += absl::Milliseconds(random_.Below(500));
      } else {
        at = std::max(at, last_arrival_[link]);
        last_arrival_[link] = at;
      }
      At(at, deliver);
    }
  }

  void StartPublisher() {
    PublisherOptions options{.origin = kOrigin};
    options.batch_bytes = 16 << 10;
    publisher_ = Publisher::Make(options, origin_.cut());
    ++publisher_life_;
    Route(publisher_->OnCommitted(origin_.size(), origin_.checkpoint(), now_));
  }

  void StartSubscriber(Replica& replica) {
    ++replica.life;
    replica.storing = false;
    auto log = log::ReplicaLog::Open(*replica.engine, *OriginName::Parse(kOrigin));
    ASSERT_THAT(log, IsOk());
    replica.log = *std::move(log);
    SubscriberOptions options{.origin = kOrigin,
                              .own_agency = replica.receiver,
                              .origin_key = origin_.signer().verifier()};
    options.credit_bytes = credit_;
    replica.subscriber = Subscriber::Make(options, replica.log->head(), WrapWithOwnKey,
                                          polku::testing::SeededRandom(random_()));
    Take(replica, replica.subscriber->Start(now_));
  }

  void InjectRestarts() {
    if (Chance(faults.restarts)) {
      ++restarts_;
      StartPublisher();
    }
    for (auto& replica : replicas_) {
      if (!Chance(faults.restarts)) continue;
      ++restarts_;
      StartSubscriber(*replica);
    }
  }

  void Take(Replica& replica, std::vector<SubscriberOutput> outputs) {
    for (SubscriberOutput& output : outputs) {
      if (auto* send = std::get_if<SendPull>(&output)) {
        // Judge: nothing is acknowledged before it is stored.
        ASSERT_LE(send->pull.next_position(), replica.log->size().value());
        if (send->pull.session() != replica.session) replica.held.clear();
        replica.session = send->pull.session();
        Send(2 * replica.index, [this, &replica, pull = send->pull, life = publisher_life_] {
          if (life != publisher_life_) return;
          Route(publisher_->OnPull(std::to_string(replica.index), replica.receiver, pull, now_));
        });
      } else if (auto* alarm = std::get_if<RaiseAlarm>(&output)) {
        ++alarms_;
        // Honest sides over any network: nothing but what a loss looks like.
        ASSERT_THAT(alarm->what, StartsWith("gap: ")) << replica.receiver;
      } else {
        // Judge: one store at a time, in order.
        ASSERT_FALSE(replica.storing);
        replica.storing = true;
        auto batch =
            std::make_shared<log::VerifiedBatch>(std::move(std::get<StoreBatch>(output).batch));
        ASSERT_EQ(batch->first, replica.log->size());
        // The disk takes its time; a crash during it may come before or after the write.
        At(now_ + faults.store, [this, &replica, batch, life = replica.life] {
          if (life != replica.life) return;
          ASSERT_THAT(replica.log->Append(*batch), IsOk());
          if (Chance(faults.restarts)) {
            StartSubscriber(replica);
            return;
          }
          replica.storing = false;
          replica.held.erase(replica.held.begin(),
                             replica.held.upper_bound(replica.log->size().value()));
          Take(replica, replica.subscriber->OnStored(absl::OkStatus(), now_));
        });
      }
    }
  }

  void Route(std::vector<PublisherOutput> outputs) {
    for (PublisherOutput& output : outputs) {
      if (auto* send = std::get_if<SendBatch>(&output)) {
        // The transport refuses some.
        if (faults.loss > 0 && Chance(faults.loss / 2)) {
          publisher_->OnSendFailed(send->to);
          continue;
        }
        Replica& replica = *replicas_[std::stoul(send->to)];
        auto message = std::make_shared<BatchMessage>(std::move(send->message));
        Send(2 * replica.index + 1, [this, &replica, message, life = replica.life] {
          if (life != replica.life) return;
          ++delivered_batches_;
          if (message->batch.session() == replica.session) {
            const uint64_t end = message->batch.first_position() + message->batch.count();
            if (end > replica.log->size().value()) {
              replica.held[end] = message->entries.size() + message->blobs.size();
            }
            uint64_t held = 0;
            for (const auto& [position, bytes] : replica.held) held += bytes;
            most_held_ = std::max(most_held_, held);
          }
          Take(replica,
               replica.subscriber->OnBatch(message->batch, message->entries, message->blobs, now_));
        });
      } else if (auto* beat = std::get_if<SendHeartbeat>(&output)) {
        Replica& replica = *replicas_[std::stoul(beat->to)];
        Send(2 * replica.index + 1,
             [this, &replica, heartbeat = beat->heartbeat, life = replica.life] {
               if (life == replica.life)
                 Take(replica, replica.subscriber->OnHeartbeat(heartbeat, now_));
             });
      } else {
        FAIL() << std::get<SendError>(output).error.ShortDebugString();
      }
    }
  }

  polku::testing::SeededGenerator random_;
  TestOrigin origin_;
  const uint64_t credit_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  absl::Time next_fault_ = now_;
  std::priority_queue<Event> events_;
  uint64_t event_number_ = 0;
  std::map<uint64_t, absl::Time> last_arrival_;
  std::unique_ptr<Publisher> publisher_;
  uint64_t publisher_life_ = 0;
  std::vector<std::unique_ptr<Replica>> replicas_;
  size_t alarms_ = 0;
  size_t restarts_ = 0;
  uint64_t most_held_ = 0;
  uint64_t delivered_batches_ = 0;
};

TEST(SimulationTest, SeveralReceiversCatchUpEachWithItsPartAndFollowLive) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela, kProvider, kAuditor}, 8 << 20);
  for (int i = 0; i < 30; ++i) world.Append(100);
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Complete(); }));
  EXPECT_EQ(world.alarms(), 0u);
  world.Judge();
  // Live: a commit is everywhere within network and disk time, no interval is waited for.
  for (int i = 0; i < 50; ++i) {
    world.Append(1);
    ASSERT_TRUE(world.Run(absl::Milliseconds(100), [&] { return world.Complete(); })) << i;
  }
  world.Judge();
}

TEST(SimulationTest, OneLargeCommitOverManyTimesTheCreditArrives) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela, kProvider}, 20'000);
  world.Append(3000);
  ASSERT_TRUE(world.Run(absl::Minutes(10), [&] { return world.Complete(); }));
  EXPECT_EQ(world.alarms(), 0u);
  world.Judge();
}

class FaultyNetworkTest : public ::testing::TestWithParam<std::pair<const char*, Faults>> {};

TEST_P(FaultyNetworkTest, NothingIsLostDoubledOrFalselyAccused) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela, kProvider, kAuditor}, 60'000);
  world.faults = GetParam().second;
  polku::testing::SeededGenerator random(seed);
  for (int i = 0; i < 60; ++i) {
    world.Append(1 + random.Below(60));
    world.Run(absl::Milliseconds(random.Below(3'000)));
    if (HasFatalFailure()) return;
  }
  world.Judge();              // in the middle: a correct prefix
  world.faults.restarts = 0;  // the others go on
  ASSERT_TRUE(world.Run(absl::Hours(2), [&] { return world.Complete(); }))
      << world.status(0).ShortDebugString() << world.status(1).ShortDebugString()
      << world.status(2).ShortDebugString();
  world.Judge();
  if (GetParam().second.restarts > 0) {
    EXPECT_GT(world.restarts(), 5u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FaultyNetworkTest,
    ::testing::Values(
        std::pair("none", Faults{}), std::pair("loss", Faults{.loss = 0.1}),
        std::pair("duplication", Faults{.duplication = 0.3}),
        std::pair("reordering", Faults{.reordering = 0.05}),
        std::pair("restarts", Faults{.restarts = 0.1}),
        std::pair("slow_disk", Faults{.restarts = 0.05, .store = absl::Milliseconds(700)}),
        std::pair("everything",
                  Faults{.loss = 0.05, .duplication = 0.05, .reordering = 0.02, .restarts = 0.05})),
    [](const auto& test) { return std::string(test.param.first); });

TEST(SimulationTest, ADeadNetworkBringsNothingAndShowsAndHeals) {
  const uint64_t seed = polku::testing::TestSeed();
  World world(seed, {kKela}, 1 << 20);
  world.Append(100);
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Complete(); }));
  world.faults.loss = 1;
  world.Append(100);
  world.Run(absl::Minutes(10));
  EXPECT_EQ(world.stored(0), Position(101));
  EXPECT_EQ(world.status(0).state(), exchange::v1::SUBSCRIPTION_STATE_SILENT);
  EXPECT_EQ(world.alarms(), 0u);
  world.faults.loss = 0;
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.Complete(); }));
  world.Judge();
}

TEST(SimulationTest, ASlowSubscriberHoldsNoMoreThanItsCreditAndOneEntry) {
  const uint64_t seed = polku::testing::TestSeed();
  const uint64_t credit = 30'000;
  World world(seed, {kKela, kProvider}, credit);
  world.faults.store = absl::Seconds(3);
  for (int i = 0; i < 2000; ++i) world.Append(1);
  ASSERT_TRUE(world.Run(absl::Hours(2), [&] { return world.Complete(); }));
  EXPECT_EQ(world.alarms(), 0u);
  EXPECT_GT(world.most_held(), credit / 2);
  EXPECT_LE(world.most_held(), credit + 3'000) << "an entry here has at most 3,000 bytes";
  world.Judge();
}

}  // namespace
}  // namespace polku::replica
