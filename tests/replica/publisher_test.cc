#include "eventstore/replica/publisher.h"

#include <iterator>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/origin.h"

namespace polku::replica {
namespace {

using ::testing::HasSubstr;

constexpr auto kHealth = SectionKind::kHealth;
constexpr auto kPayment = SectionKind::kPayment;

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest() {
    origin_.AddGenesis();
    origin_.Commit();
    Make();
  }

  void Make(size_t max_subscribers = 4096) {
    PublisherOptions options{.origin = kOrigin};
    options.max_subscribers = max_subscribers;
    options.prove = [this](Position from, Position size) -> absl::StatusOr<PrefixProof> {
      log::TreeReader tree(origin_.engine(), kOwnLog);
      PrefixProof prefix;
      POLKU_ASSIGN_OR_RETURN(prefix.root, tree.Root(from));
      POLKU_ASSIGN_OR_RETURN(prefix.consistency, tree.Consistency(from, size));
      return prefix;
    };
    publisher_ =
        Publisher::Make(options,
                        [this](std::string_view receiver, bool mirror, Position from, Position end,
                               size_t most) -> absl::StatusOr<BatchMessage> {
                          if (broken_)
                            return absl::DataLossError("group at position 0: checksum mismatch");
                          return origin_.cut()(receiver, mirror, from, end, most);
                        });
    Announce();
  }
  std::vector<PublisherOutput> Announce() {
    return publisher_->OnCommitted(origin_.size(), origin_.checkpoint(), now_);
  }
  void Append(int events, size_t bytes = 10) {
    for (int i = 0; i < events; ++i) {
      origin_.AddEvent({{kKela, {SectionKind::kService}}},
                       {{SectionKind::kService, std::string(bytes, 'x')}});
    }
    origin_.Commit();
  }
  static exchange::v1::Pull Pull(uint64_t session, uint64_t next, uint64_t credit = 8 << 20) {
    exchange::v1::Pull pull;
    pull.set_origin(kOrigin);
    pull.set_session(session);
    pull.set_next_position(next);
    pull.set_credit_bytes(credit);
    return pull;
  }
  std::vector<PublisherOutput> OnPull(const Route& route, exchange::v1::Pull pull) {
    return publisher_->OnPull(route, kKela, pull, now_);
  }
  static const exchange::v1::Batch& BatchOf(const std::vector<PublisherOutput>& out) {
    EXPECT_EQ(out.size(), 1u);
    return std::get<SendBatch>(out.at(0)).message.batch;
  }
  static exchange::v1::ErrorCode ErrorOf(const std::vector<PublisherOutput>& out) {
    EXPECT_EQ(out.size(), 1u);
    return std::get<SendError>(out.at(0)).error.code();
  }
  // Ticks while there is something to send now.
  std::vector<PublisherOutput> Drain() {
    std::vector<PublisherOutput> all;
    while (publisher_->NextTick() <= now_) {
      auto out = publisher_->Tick(now_);
      EXPECT_FALSE(out.empty()) << "a busy loop";
      if (out.empty()) break;
      std::move(out.begin(), out.end(), std::back_inserter(all));
    }
    return all;
  }

  TestOrigin origin_{11};
  bool broken_ = false;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(PublisherTest, ACommitReachesAnIdleSubscriberAtOnce) {
  EXPECT_EQ(BatchOf(OnPull("a", Pull(5, 0))).count(), 1u);
  EXPECT_TRUE(OnPull("a", Pull(5, 1)).empty());
  Append(3);
  const auto out = Announce();
  EXPECT_EQ(BatchOf(out).first_position(), 1u);
  EXPECT_EQ(BatchOf(out).count(), 3u);
  EXPECT_EQ(BatchOf(out).session(), 5u);
  EXPECT_EQ(BatchOf(out).checkpoint(), origin_.checkpoint());
  EXPECT_TRUE(Announce().empty());
}

TEST_F(PublisherTest, PullsOutOfRangeAreAnsweredWithTheirCode) {
  exchange::v1::Pull other = Pull(5, 0);
  other.set_origin("FI/MUN/0187690-1/oulu/referral/1");
  EXPECT_EQ(ErrorOf(OnPull("a", other)), exchange::v1::ERROR_CODE_UNKNOWN_ORIGIN);
  EXPECT_EQ(ErrorOf(OnPull("a", Pull(0, 0))), exchange::v1::ERROR_CODE_MALFORMED);
  EXPECT_EQ(ErrorOf(OnPull("a", Pull(5, 2))), exchange::v1::ERROR_CODE_AHEAD);
  EXPECT_EQ(ErrorOf(OnPull("a", Pull(5, ~uint64_t{0}))), exchange::v1::ERROR_CODE_AHEAD);
  EXPECT_TRUE(publisher_->status().empty());
}

TEST_F(PublisherTest, AheadCarriesWhatTheLogSigned) {
  const auto out = OnPull("a", Pull(5, 2));
  EXPECT_EQ(std::get<SendError>(out.at(0)).error.checkpoint(), origin_.checkpoint());
}

TEST_F(PublisherTest, WhoAsksIsToldWhatTheTreeWasWhereItsSessionBegan) {
  Append(2);
  Append(3);
  Announce();
  exchange::v1::Pull asking = Pull(5, 1);
  asking.set_prove(true);
  EXPECT_TRUE(BatchOf(OnPull("quiet", Pull(6, 1))).prefix_root().empty());
  const exchange::v1::Batch batch = BatchOf(OnPull("a", asking));
  ASSERT_FALSE(batch.checkpoint().empty());
  proof::MerkleProof proof;
  for (const auto& bytes : batch.prefix_consistency()) proof.push_back(*Hash::FromBytes(bytes));
  const auto newer = proof::VerifyCheckpoint(batch.checkpoint(), origin_.signer().verifier());
  ASSERT_THAT(newer, polku::testing::IsOk());
  EXPECT_THAT(proof::VerifyConsistency(Position(1), newer->size, *Hash::FromBytes(batch.prefix_root()),
                                       newer->root, proof),
              polku::testing::IsOk());
  Append(1);
  for (const auto& output : Announce()) {
    EXPECT_TRUE(std::get<SendBatch>(output).message.batch.prefix_root().empty()) << "once";
  }
}

TEST_F(PublisherTest, CreditBoundsWhatIsUnderWayAndAcknowledgingFreesIt) {
  Append(200, 1000);
  Announce();
  const uint64_t credit = 20'000;
  uint64_t bytes = 0;
  uint64_t end = 0;
  const auto count = [&](const std::vector<PublisherOutput>& out) {
    for (const auto& output : out) {
      const auto& send = std::get<SendBatch>(output);
      EXPECT_EQ(send.message.batch.first_position(), end);
      end += send.message.batch.count();
      bytes += send.message.entries.size() + send.message.blobs.size();
    }
  };
  count(OnPull("a", Pull(5, 0, credit)));
  count(Drain());
  EXPECT_GE(bytes, credit / 2);
  EXPECT_LE(bytes, credit + 2'000);
  EXPECT_GT(publisher_->NextTick(), now_);
  EXPECT_TRUE(OnPull("a", Pull(5, 0, credit)).empty()) << "a repeat grants nothing new";
  // The genesis' commit is acknowledged, more credit granted for the rest.
  const uint64_t before = end;
  count(OnPull("a", Pull(5, 1, 2 * credit)));
  count(Drain());
  EXPECT_GT(end, before);
  EXPECT_LE(bytes, 2 * credit + 4'000);
}

TEST_F(PublisherTest, WhoIsForgottenGetsNothingUntilItPullsAnew) {
  OnPull("a", Pull(5, 0));
  OnPull("b", Pull(6, 0));
  publisher_->Forget("a");
  publisher_->Forget("nobody");
  ASSERT_EQ(publisher_->status().size(), 1u);
  Append(2);
  const auto out = Announce();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(std::get<SendBatch>(out[0]).to, "b");
  now_ += absl::Seconds(5);
  for (const auto& output : publisher_->Tick(now_)) {
    EXPECT_EQ(std::get<SendHeartbeat>(output).to, "b");
  }
  // What it had no acknowledgement for comes again.
  EXPECT_EQ(BatchOf(OnPull("a", Pull(7, 0))).first_position(), 0u);
  EXPECT_EQ(publisher_->status().size(), 2u);
}

TEST_F(PublisherTest, CreditZeroSendsNothingButHeartbeats) {
  EXPECT_TRUE(OnPull("a", Pull(5, 0, 0)).empty());
  now_ += absl::Seconds(5);
  const auto out = publisher_->Tick(now_);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SendHeartbeat>(out[0]));
}

TEST_F(PublisherTest, AtMostThirtyTwoCommitsAreUnderWay) {
  OnPull("a", Pull(5, 0));
  int sent = 1;
  for (int i = 0; i < 100; ++i) {
    Append(1);
    sent += static_cast<int>(Announce().size());
  }
  EXPECT_EQ(sent, 32);
  EXPECT_EQ(BatchOf(OnPull("a", Pull(5, 32))).count(), 69u) << "the rest in one";
}

TEST_F(PublisherTest, HeartbeatsComeWhenNothingElseDoes) {
  OnPull("a", Pull(5, 0));
  EXPECT_EQ(publisher_->NextTick(), now_ + absl::Seconds(5));
  now_ += absl::Seconds(5);
  const auto out = publisher_->Tick(now_);
  ASSERT_EQ(out.size(), 1u);
  const auto& heartbeat = std::get<SendHeartbeat>(out[0]).heartbeat;
  EXPECT_EQ(heartbeat.origin(), kOrigin);
  EXPECT_EQ(heartbeat.session(), 5u);
  EXPECT_EQ(heartbeat.checkpoint(), origin_.checkpoint());
  EXPECT_TRUE(publisher_->Tick(now_).empty());
}

TEST_F(PublisherTest, HeartbeatsComeAtLeastEveryFiveSecondsWhileBatchesFlow) {
  OnPull("a", Pull(5, 0));
  absl::Time last = now_;
  uint64_t end = 1;
  int heartbeats = 0;
  const absl::Time stop = now_ + absl::Seconds(60);
  while (now_ < stop) {
    now_ += absl::Milliseconds(100);
    Append(1);
    Announce();
    OnPull("a", Pull(5, ++end));
    if (publisher_->NextTick() > now_) continue;
    for (const auto& output : publisher_->Tick(now_)) {
      if (!std::holds_alternative<SendHeartbeat>(output)) continue;
      EXPECT_EQ(std::get<SendHeartbeat>(output).heartbeat.checkpoint(), origin_.checkpoint());
      EXPECT_LE(now_ - last, absl::Seconds(5));
      last = now_;
      ++heartbeats;
    }
  }
  EXPECT_EQ(heartbeats, 12);
}

TEST_F(PublisherTest, ANewCosignatureIsToldWithinASecondAndNoMoreThanOnceASecond) {
  OnPull("a", Pull(5, 0));
  std::vector<absl::Time> rounds;
  publisher_->SetExtras([&] {
    rounds.push_back(now_);
    Publisher::HeartbeatExtras extras;
    extras.cosigned.emplace_back().set_checkpoint(Str("note ", rounds.size()));
    return extras;
  });
  const absl::Time start = now_;
  now_ += absl::Seconds(2);
  // News all the time: for ten seconds a cosignature every 50 ms.
  absl::Time oldest_news = absl::InfiniteFuture();
  while (now_ < start + absl::Seconds(12)) {
    publisher_->OnCosigned(now_);
    oldest_news = std::min(oldest_news, now_);
    if (publisher_->NextTick() <= now_) {
      const auto out = publisher_->Tick(now_);
      ASSERT_EQ(out.size(), 1u);
      EXPECT_EQ(std::get<SendHeartbeat>(out[0]).heartbeat.cosigned(0).checkpoint(),
                Str("note ", rounds.size()));
      EXPECT_LE(now_ - oldest_news, absl::Seconds(1));
      oldest_news = absl::InfiniteFuture();
    }
    now_ += absl::Milliseconds(50);
  }
  EXPECT_THAT(rounds.size(), ::testing::AllOf(::testing::Ge(9u), ::testing::Le(11u)));
}

TEST_F(PublisherTest, ARoundIsMadeOnceAndSentToAllInPieces) {
  int rounds = 0;
  publisher_->SetExtras([&] {
    ++rounds;
    return Publisher::HeartbeatExtras{};
  });
  for (int i = 0; i < 200; ++i) OnPull(Str("route ", i), Pull(5, 1));
  now_ += absl::Seconds(5);
  std::set<Route> reached;
  size_t most = 0;
  while (publisher_->NextTick() <= now_) {
    const auto out = publisher_->Tick(now_);
    ASSERT_FALSE(out.empty()) << "a busy loop";
    most = std::max(most, out.size());
    for (const auto& output : out) {
      EXPECT_TRUE(reached.insert(std::get<SendHeartbeat>(output).to).second) << "told twice";
    }
  }
  EXPECT_EQ(reached.size(), 200u);
  EXPECT_EQ(most, 64u);
  EXPECT_EQ(rounds, 1);
}

TEST_F(PublisherTest, AHeartbeatFitsItsEnvelopeAndEverythingIsToldInTurn) {
  OnPull("a", Pull(5, 1));
  for (const bool large : {false, true}) {
    SCOPED_TRACE(large);
    const size_t note_bytes = large ? kMaxCheckpointBytes - 4 : 300;
    const size_t proof_hashes = large ? 63 : 20;
    publisher_->SetExtras([&] {
      Publisher::HeartbeatExtras extras;
      for (int i = 1000; i < 1050; ++i) {
        exchange::v1::Cosigned& cosigned = extras.cosigned.emplace_back();
        cosigned.set_checkpoint(std::string(note_bytes, 'c') + std::to_string(i));
        for (size_t h = 0; h < proof_hashes; ++h) cosigned.add_consistency(std::string(32, 'h'));
      }
      for (int i = 1000; i < 1100; ++i) {
        extras.seen.push_back(std::string(note_bytes, 's') + std::to_string(i));
      }
      extras.seen.push_back(std::string(100'000, 's'));  // never has room, and stops nobody
      return extras;
    });
    std::set<std::string> cosigned;
    std::set<std::string> seen;
    int rounds = 0;
    while ((cosigned.size() < 50 || seen.size() < 100) && ++rounds < 20) {
      now_ += absl::Seconds(5);
      OnPull("a", Pull(5, 1));
      const auto out = publisher_->Tick(now_);
      ASSERT_EQ(out.size(), 1u);
      const auto& heartbeat = std::get<SendHeartbeat>(out[0]).heartbeat;
      exchange::v1::Envelope envelope;
      envelope.set_protocol(1);
      *envelope.mutable_heartbeat() = heartbeat;
      // The checkpoint may take its 2,048 bytes as well.
      EXPECT_LE(envelope.ByteSizeLong() + kMaxCheckpointBytes, 65'536u);
      EXPECT_LE(heartbeat.cosigned_size(), 32);
      EXPECT_LE(heartbeat.seen_size(), 64);
      for (const auto& one : heartbeat.cosigned()) cosigned.insert(one.checkpoint());
      for (const auto& one : heartbeat.seen()) seen.insert(one);
    }
    EXPECT_EQ(cosigned.size(), 50u);
    EXPECT_EQ(seen.size(), 100u);
    EXPECT_LE(rounds, large ? 16 : 3);
  }
}

TEST_F(PublisherTest, AMirrorIsCutTheWhole) {
  origin_.AddEvent({{kProvider, {kPayment}}}, {{kPayment, "9.00"}, {kHealth, "ill"}});
  origin_.Commit();
  Announce();
  exchange::v1::Pull pull = Pull(5, 1);
  pull.set_mirror(true);
  const auto out = OnPull("a", pull);
  ASSERT_EQ(out.size(), 1u);
  const BatchMessage& message = std::get<SendBatch>(out[0]).message;
  auto view = log::GroupView::Parse(message.entries, message.blobs);
  ASSERT_THAT(view, polku::testing::IsOk());
  EXPECT_EQ(view->items().at(0).leaf, origin_.entries()[1].leaf);
  EXPECT_EQ(view->BlobsAt(0).size(), 2u);
  // The same number without the wish is another session: it starts over, with what is disclosed.
  const auto less = OnPull("a", Pull(5, 1));
  ASSERT_EQ(less.size(), 1u);
  EXPECT_EQ(std::get<SendBatch>(less[0]).message.entries.find(origin_.entries()[1].leaf),
            std::string::npos);
}

TEST_F(PublisherTest, AFailedSendIsCutAgainAtTheNextPullAndNotBefore) {
  EXPECT_EQ(BatchOf(OnPull("a", Pull(5, 0))).first_position(), 0u);
  Append(2);
  EXPECT_EQ(BatchOf(Announce()).first_position(), 1u);
  publisher_->OnSendFailed("a");
  Append(2);
  EXPECT_TRUE(Announce().empty());
  EXPECT_GT(publisher_->NextTick(), now_);
  const auto again = OnPull("a", Pull(5, 0));
  EXPECT_EQ(BatchOf(again).first_position(), 1u) << "what was sent before is not sent twice";
  EXPECT_EQ(BatchOf(again).count(), 4u);
  publisher_->OnSendFailed("nobody");
}

TEST_F(PublisherTest, AFailedSendInTheMiddleOfACommitIsCutAgainThere) {
  Append(600);
  Announce();
  OnPull("a", Pull(5, 0));
  const auto first = publisher_->Tick(now_);
  EXPECT_EQ(BatchOf(first).count(), 256u);
  EXPECT_EQ(BatchOf(publisher_->Tick(now_)).first_position(), 257u);
  publisher_->OnSendFailed("a");
  publisher_->OnSendFailed("a");  // told twice: the second says nothing new
  EXPECT_EQ(BatchOf(OnPull("a", Pull(5, 0))).first_position(), 257u);
  EXPECT_EQ(BatchOf(publisher_->Tick(now_)).first_position(), 513u);
  EXPECT_GT(publisher_->NextTick(), now_);
  EXPECT_TRUE(OnPull("a", Pull(5, 601)).empty());
  Append(1);
  EXPECT_EQ(BatchOf(Announce()).first_position(), 601u);
}

TEST_F(PublisherTest, ANewSessionStartsOverAndALatePullTakesNothingBack) {
  Append(5);
  OnPull("a", Pull(5, 0));
  OnPull("a", Pull(5, 1));
  OnPull("a", Pull(5, 0));
  ASSERT_EQ(publisher_->status().size(), 1u);
  EXPECT_EQ(publisher_->status()[0].acknowledged_size(), 1u);
  const auto out = OnPull("a", Pull(6, 0));
  EXPECT_EQ(BatchOf(out).first_position(), 0u);
  EXPECT_EQ(BatchOf(out).session(), 6u);
}

TEST_F(PublisherTest, TwoReplicasOfOneAgencyAreServedApart) {
  OnPull("a", Pull(5, 0));
  OnPull("b", Pull(5, 0));
  OnPull("a", Pull(5, 1));
  const auto status = publisher_->status();
  ASSERT_EQ(status.size(), 2u);
  EXPECT_EQ(status[0].acknowledged_size(), 0u);
  EXPECT_EQ(status[1].acknowledged_size(), 1u);
}

TEST_F(PublisherTest, ARouteThatSpeaksForAnotherAgencyStartsOver) {
  OnPull("a", Pull(5, 0));
  OnPull("a", Pull(5, 1));
  const auto out = publisher_->OnPull("a", kProvider, Pull(5, 0), now_);
  EXPECT_EQ(BatchOf(out).first_position(), 0u);
  ASSERT_EQ(publisher_->status().size(), 1u);
  EXPECT_EQ(publisher_->status()[0].agency(), kProvider);
}

TEST_F(PublisherTest, SilentSubscribersAreForgotten) {
  OnPull("a", Pull(5, 0));
  now_ += absl::Seconds(59);
  publisher_->Tick(now_);
  EXPECT_EQ(publisher_->status().size(), 1u);
  now_ += absl::Seconds(1);
  EXPECT_TRUE(publisher_->Tick(now_).empty());
  EXPECT_TRUE(publisher_->status().empty());
  EXPECT_EQ(publisher_->NextTick(), absl::InfiniteFuture());
}

TEST_F(PublisherTest, SubscribersAreBoundedAndTheLongestUnheardGoesFirst) {
  Make(2);
  OnPull("a", Pull(5, 0));
  now_ += absl::Seconds(1);
  OnPull("b", Pull(6, 0));
  now_ += absl::Seconds(1);
  OnPull("a", Pull(5, 1));
  OnPull("c", Pull(7, 0));
  EXPECT_EQ(publisher_->status().size(), 2u);
  Append(1);
  std::set<Route> reached;
  for (const auto& output : Announce()) reached.insert(std::get<SendBatch>(output).to);
  EXPECT_EQ(reached, (std::set<Route>{"a", "c"}));
}

TEST_F(PublisherTest, ALogThatCannotBeReadIsToldWithoutDetailsAndTriedAgain) {
  broken_ = true;
  const auto out = OnPull("a", Pull(5, 0));
  EXPECT_EQ(ErrorOf(out), exchange::v1::ERROR_CODE_INTERNAL);
  EXPECT_THAT(std::get<SendError>(out[0]).error.message(), HasSubstr("position 0"));
  EXPECT_GT(publisher_->NextTick(), now_) << "no busy loop";
  broken_ = false;
  EXPECT_EQ(BatchOf(OnPull("a", Pull(5, 0))).count(), 1u);
}

}  // namespace
}  // namespace polku::replica
