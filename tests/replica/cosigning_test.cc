// What a subscriber signs, which cosignatures of others it keeps, and which contradictions it
// finds: PROTOCOL.md "Cosigning", "Heartbeat", "Forks".
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/follower.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::IsOkAndHolds;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class CosigningTest : public ::testing::Test {
 protected:
  CosigningTest() {
    origin_.AddGenesis();
    origin_.Commit();
  }

  SubscriberOptions Options() const {
    SubscriberOptions options{.own_agency = kKela, .origin_keys = origin_.signer().verifier()};
    options.cosigner = cosigner_.get();
    options.witnesses = {{kProvider, provider_->verifier()}, {kAuditor, auditor_->verifier()}};
    return options;
  }
  // A replica of everything up to now.
  Follower Replica() {
    Follower replica(origin_, Options());
    replica.Follow(origin_);
    return replica;
  }
  static void Append(TestOrigin& origin, int entries = 1) {
    for (int i = 0; i < entries; ++i) origin.AddRandomEvent({kKela, kProvider});
    origin.Commit();
  }
  void Append(int entries = 1) { Append(origin_, entries); }
  void AppendCommits(int commits) {
    for (int i = 0; i < commits; ++i) Append(1);
  }
  // After a fork nothing is cosigned, by this process or a later one; entries that fit are still
  // stored.
  void ExpectFollowedWithoutCosigning(Follower& replica) {
    const size_t cosigns = replica.cosigns.size();
    const size_t alarms = replica.alarms.size();
    Append();
    replica.Follow(origin_);
    replica.Heartbeat(origin_.checkpoint());
    replica.Restart();
    Append();
    replica.Follow(origin_);
    EXPECT_EQ(replica.size(), origin_.size());
    EXPECT_THAT(replica.cosigns, SizeIs(cosigns));
    EXPECT_THAT(replica.alarms, SizeIs(alarms)) << "told once";
    EXPECT_THAT(replica.forks, SizeIs(1));
    EXPECT_EQ(replica.status().state(), exchange::v1::SUBSCRIPTION_STATE_FAULT);
  }

  TestOrigin origin_{21};
  const std::unique_ptr<proof::Signer> cosigner_ = CosignerOf(kKela);
  const std::unique_ptr<proof::Signer> provider_ = CosignerOf(kProvider);
  const std::unique_ptr<proof::Signer> auditor_ = CosignerOf(kAuditor);
  const absl::Time time_ = absl::FromUnixSeconds(1'741'000'077);
};

TEST_F(CosigningTest, WhatIsStoredIsCosignedWithItsTimeAndNotBefore) {
  Follower replica(origin_, Options());
  replica.stores_at_once = false;
  replica.Deliver(origin_.Cut(kKela, 0));
  EXPECT_THAT(replica.order, ElementsAre("pull", "store"));
  replica.wall += absl::Milliseconds(1'400);
  replica.Store();
  EXPECT_THAT(replica.order, ElementsAre("pull", "store", "cosign", "pull"));
  const exchange::v1::Cosign& cosign = replica.cosigns.at(0);
  EXPECT_EQ(cosign.origin(), kOrigin);
  EXPECT_THAT(cosign.checkpoint(), ::testing::StartsWith(origin_.checkpoint()));
  EXPECT_THAT(proof::VerifyCheckpoint(cosign.checkpoint(), origin_.signer().verifier()), IsOk());
  EXPECT_THAT(proof::VerifyCosignature(cosign.checkpoint(), cosigner_->verifier()),
              IsOkAndHolds(absl::FromUnixSeconds(1'741'000'001)));
  EXPECT_EQ(replica.status().cosigned_size(), 1u);
}

TEST_F(CosigningTest, AStartCosignsWhatIsStoredBeforeItPulls) {
  Follower replica(origin_, Options());
  EXPECT_THAT(replica.order, ElementsAre("pull")) << "nothing is stored";
  AppendCommits(3);
  replica.Follow(origin_);
  replica.order.clear();
  replica.Start();
  EXPECT_THAT(replica.order, ElementsAre("cosign", "pull"));
  replica.order.clear();
  replica.Restart();
  EXPECT_THAT(replica.order, ElementsAre("cosign", "pull"));
  EXPECT_THAT(replica.cosigns.back().checkpoint(), HasSubstr(origin_.checkpoint()));
}

TEST_F(CosigningTest, AStartDuringARetryPauseStillTellsTheOriginWhatIsHeld) {
  Follower replica = Replica();
  exchange::v1::Error ahead;
  ahead.set_code(exchange::v1::ERROR_CODE_AHEAD);
  replica.subscriber().OnError(ahead, replica.now);
  replica.order.clear();
  replica.Start();
  EXPECT_THAT(replica.order, ElementsAre("cosign"));
}

TEST_F(CosigningTest, AFailedStoreIsNotCosigned) {
  Follower replica(origin_, Options());
  replica.stores_at_once = false;
  replica.Deliver(origin_.Cut(kKela, 0));
  replica.Store(absl::ResourceExhaustedError("disk full"));
  replica.Start();
  EXPECT_THAT(replica.cosigns, IsEmpty());
}

TEST_F(CosigningTest, WhileABatchIsBeingStoredNothingIsCosignedForIt) {
  Follower replica = Replica();
  replica.stores_at_once = false;
  Append();
  replica.Deliver(origin_.Cut(kKela, 1));
  replica.order.clear();
  replica.Start();
  EXPECT_THAT(replica.order, IsEmpty());
}

TEST_F(CosigningTest, ACosignatureThatHeartbeatsDoNotTellIsRepeatedEveryFiveSeconds) {
  Follower replica = Replica();
  ASSERT_THAT(replica.cosigns, SizeIs(1));
  const auto tell = [&](const std::vector<exchange::v1::Cosigned>& cosigned) {
    replica.now += absl::Seconds(3);
    replica.Heartbeat(origin_.checkpoint(), cosigned);
    return replica.cosigns.size();
  };
  EXPECT_EQ(tell({}), 1u) << "it may be under way";
  EXPECT_EQ(tell({}), 2u);
  EXPECT_EQ(replica.cosigns[1].checkpoint(), replica.cosigns[0].checkpoint());
  EXPECT_EQ(tell({}), 2u);
  EXPECT_EQ(tell({MakeCosigned(origin_, Position(1), *provider_, time_)}), 3u);
  EXPECT_EQ(tell({}), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(tell({MakeCosigned(origin_, Position(1), *cosigner_, time_)}), 3u);
  }
}

TEST_F(CosigningTest, AReplicaWithoutAKeySaysNothing) {
  SubscriberOptions options = Options();
  options.cosigner = nullptr;
  Follower replica(origin_, options);
  replica.Follow(origin_);
  replica.Start();
  EXPECT_THAT(replica.cosigns, IsEmpty());
}

TEST_F(CosigningTest, AStoredCheckpointThatTheConfiguredKeyDidNotSignIsNotCosigned) {
  SubscriberOptions options = Options();
  options.origin = kOrigin;
  log::LogHead head;
  head.frontier = origin_.frontier();
  const auto first_outputs = [&](std::string note) {
    options.stored_checkpoint = std::move(note);
    auto subscriber = Subscriber::Make(options, head, WrapWithOwnKey, testing::SeededRandom(1));
    return subscriber->Start(time_, time_).size();
  };
  EXPECT_EQ(first_outputs(origin_.checkpoint()), 2u);
  EXPECT_EQ(
      first_outputs(
          SignerFromSeed(kOrigin, 'o')->Sign({kOrigin, origin_.size(), origin_.frontier().Root()})),
      1u);
  EXPECT_EQ(first_outputs(origin_.signer().Sign({kOrigin, Position(7), Hash()})), 1u);
  EXPECT_EQ(first_outputs(""), 1u);
}

TEST_F(CosigningTest, ACheckpointLongerThanAMessageMayCarryOrWithMoreLinesIsAFault) {
  Follower replica(origin_, Options());
  BatchMessage message = origin_.Cut(kKela, 0);
  std::string padded = origin_.checkpoint();
  for (int i = 0; i < 20; ++i)
    padded += cosigner_->Cosign({kOrigin, origin_.size(), Hash()}, time_);
  message.batch.set_checkpoint(padded);
  replica.Deliver(message);
  ASSERT_THAT(replica.alarms, SizeIs(1));
  EXPECT_THAT(replica.alarms[0], HasSubstr("longer than 2048 bytes"));
  EXPECT_EQ(replica.size(), Position(0));
}

// ---- Cosignatures of others ----

TEST_F(CosigningTest, ACosignatureThatTheOriginTellsIsKeptWithItsProof) {
  AppendCommits(9);
  Follower replica = Replica();
  const exchange::v1::Cosigned cosigned = MakeCosigned(origin_, Position(4), *provider_, time_);
  replica.has_prefix = false;
  replica.Heartbeat(origin_.checkpoint(), {cosigned});
  ASSERT_THAT(replica.kept, SizeIs(1));
  const log::KeptCosignature& kept = replica.kept[0];
  EXPECT_EQ(kept.witness, provider_->verifier().name());
  EXPECT_EQ(kept.time, time_);
  EXPECT_EQ(kept.size, Position(4));
  EXPECT_EQ(kept.proven_to, origin_.size());
  EXPECT_THAT(proof::VerifyConsistency(kept.size, kept.proven_to, kept.root,
                                       origin_.frontier().Root(), kept.consistency),
              IsOk());
  EXPECT_THAT(
      proof::VerifyCosignature(NoteAt(origin_, Position(4)) + kept.line, provider_->verifier()),
      IsOkAndHolds(time_));
  ASSERT_EQ(replica.status().witnesses_size(), 2);
  EXPECT_EQ(replica.status().witnesses(0).agency(), kProvider);
  EXPECT_EQ(replica.status().witnesses(0).cosigned_size(), 4u);
  EXPECT_EQ(replica.status().witnesses(1).cosigned_size(), 0u);
}

TEST_F(CosigningTest, EachIsKeptOnceAndAnOlderOneNotAfterIt) {
  AppendCommits(9);
  Follower replica = Replica();
  const auto tell = [&](uint64_t size, absl::Time time) {
    replica.Heartbeat(origin_.checkpoint(),
                      {MakeCosigned(origin_, Position(size), *provider_, time)});
  };
  tell(4, time_);
  tell(4, time_);
  tell(3, time_ + absl::Seconds(5));
  tell(4, time_ - absl::Seconds(5));
  EXPECT_THAT(replica.kept, SizeIs(1));
  tell(4, time_ + absl::Seconds(1));
  tell(10, time_ + absl::Seconds(1));
  ASSERT_THAT(replica.kept, SizeIs(3));
  EXPECT_EQ(replica.kept[2].size, Position(10));
  EXPECT_THAT(replica.kept[2].consistency, IsEmpty());
}

TEST_F(CosigningTest, WitnessesAreExchangedAndWhatIsKnownOfThoseThatStayIsKept) {
  AppendCommits(9);
  Follower replica = Replica();
  const auto tell = [&](const proof::Signer& witness, uint64_t size) {
    replica.Heartbeat(origin_.checkpoint(),
                      {MakeCosigned(origin_, Position(size), witness, time_)});
  };
  tell(*provider_, 4);
  tell(*auditor_, 5);
  ASSERT_THAT(replica.kept, SizeIs(2));
  // The provider's key is replaced under the same name; the auditor now stands first.
  const auto next =
      proof::Signer::Generate(provider_->verifier().name(), proof::KeyUse::kCosignature);
  ASSERT_EQ(next->verifier().name(), provider_->verifier().name());
  replica.subscriber().SetWitnesses(
      {{kAuditor, auditor_->verifier()}, {kProvider, next->verifier()}});
  ASSERT_EQ(replica.status().witnesses_size(), 2);
  EXPECT_EQ(replica.status().witnesses(0).agency(), kAuditor);
  EXPECT_EQ(replica.status().witnesses(0).cosigned_size(), 5u);
  EXPECT_EQ(replica.status().witnesses(1).cosigned_size(), 0u);
  tell(*auditor_, 5);
  tell(*provider_, 6);
  EXPECT_THAT(replica.kept, SizeIs(2)) << "known before, and a key that is nobody's now";
  tell(*next, 6);
  ASSERT_THAT(replica.kept, SizeIs(3));
  EXPECT_TRUE(log::IsOfKey(replica.kept[2], next->verifier()));
  EXPECT_EQ(replica.status().witnesses(1).cosigned_size(), 6u);
  replica.subscriber().SetWitnesses({});
  EXPECT_EQ(replica.status().witnesses_size(), 0);
  tell(*next, 7);
  EXPECT_THAT(replica.kept, SizeIs(3));
}

TEST_F(CosigningTest, WhatIsFarAheadOfOurClockIsNotKept) {
  AppendCommits(9);
  Follower replica = Replica();
  replica.now += absl::Hours(1);  // since the session began, by either clock
  replica.wall += absl::Hours(1);
  const auto tell = [&](uint64_t size, absl::Time time) {
    replica.Heartbeat(origin_.checkpoint(),
                      {MakeCosigned(origin_, Position(size), *provider_, time)});
  };
  tell(4, replica.wall + kMaxClockAhead + absl::Seconds(2));
  tell(4, absl::FromUnixSeconds((int64_t{1} << 62) + 5));
  EXPECT_THAT(replica.kept, IsEmpty());
  EXPECT_EQ(replica.status().witnesses(0).cosigned_size(), 0u);
  tell(4, absl::FromUnixSeconds(absl::ToUnixSeconds(replica.wall + kMaxClockAhead)));
  EXPECT_THAT(replica.kept, SizeIs(1));
}

TEST_F(CosigningTest, LinesOfSeveralWitnessesInOneNoteAreAllTaken) {
  Follower replica = Replica();
  exchange::v1::Cosigned both = MakeCosigned(origin_, Position(1), *provider_, time_);
  both.set_checkpoint(AddLine(both.checkpoint(), *auditor_, time_ + absl::Seconds(1)));
  replica.Heartbeat(origin_.checkpoint(), {both});
  EXPECT_THAT(replica.kept, SizeIs(2));
}

TEST_F(CosigningTest, WhatIsNotTrustedOrDoesNotVerifyIsDropped) {
  AppendCommits(9);
  Follower replica = Replica();
  const auto stranger = CosignerOf("FI/ORG/0000009-9/stranger");
  const auto impostor = CosignerOf(kProvider, 'i');
  const exchange::v1::Cosigned honest = MakeCosigned(origin_, Position(4), *provider_, time_);
  std::vector<exchange::v1::Cosigned> bad = {MakeCosigned(origin_, Position(4), *stranger, time_),
                                             MakeCosigned(origin_, Position(4), *impostor, time_)};
  const auto add_note = [&](std::string note) {
    bad.push_back(honest);
    bad.back().set_checkpoint(std::move(note));
  };
  add_note("");
  add_note("trust me");
  add_note(origin_.checkpoint());  // nobody's line
  // Another size's signature in front of this one's line.
  const std::string line = provider_->Cosign({kOrigin, Position(5), Hash()}, time_);
  add_note(NoteAt(origin_, Position(4)) + line);
  // Not signed by the origin.
  add_note(AddLine(SignerFromSeed(kOrigin, 'x')
                       ->Sign({kOrigin, Position(4),
                               *log::TreeReader(origin_.engine(), kOwnLog).Root(Position(4))}),
                   *provider_, time_));
  // Two lines of one key: one verification would not do.
  add_note(honest.checkpoint() +
           provider_->Cosign({kOrigin, Position(4), Hash()}, time_ + absl::Seconds(1)));
  for (const exchange::v1::Cosigned& cosigned : bad) {
    replica.Heartbeat(origin_.checkpoint(), {cosigned});
    EXPECT_THAT(replica.kept, IsEmpty()) << cosigned.checkpoint();
  }
  EXPECT_THAT(replica.alarms, IsEmpty());
  EXPECT_THAT(replica.forks, IsEmpty());
  replica.Heartbeat(origin_.checkpoint(), {honest});
  EXPECT_THAT(replica.kept, SizeIs(1));
}

TEST_F(CosigningTest, AWrongProofIsMadeGoodByTheOwnTreeOrNothingIsKept) {
  AppendCommits(9);
  Follower replica(origin_, Options());
  while (replica.size() < origin_.size()) {
    replica.Deliver(origin_.Cut(kKela, replica.size().value(), 1));
  }
  std::vector<exchange::v1::Cosigned> wrong(3,
                                            MakeCosigned(origin_, Position(4), *provider_, time_));
  wrong[0].clear_consistency();
  wrong[1].set_consistency(0, std::string(32, 'x'));
  wrong[2].set_consistency(0, "short");
  SubscriberOptions options = Options();
  for (const auto& cosigned : wrong) {
    replica.Restart();
    replica.kept.clear();
    replica.Heartbeat(origin_.checkpoint(), {cosigned});
    ASSERT_THAT(replica.kept, SizeIs(1));
    EXPECT_THAT(proof::VerifyConsistency(Position(4), origin_.size(), replica.kept[0].root,
                                         origin_.frontier().Root(), replica.kept[0].consistency),
                IsOk());
    replica.has_prefix = false;
    replica.Restart();
    replica.kept.clear();
    replica.Heartbeat(origin_.checkpoint(), {cosigned});
    EXPECT_THAT(replica.kept, IsEmpty());
    replica.has_prefix = true;
  }
  EXPECT_THAT(replica.alarms, IsEmpty());
}

TEST_F(CosigningTest, AHeartbeatAheadOfTheDiskIsLookedAtWhenTheDiskHasReachedIt) {
  AppendCommits(3);
  Follower replica = Replica();
  AppendCommits(3);
  replica.Heartbeat(origin_.checkpoint(), {MakeCosigned(origin_, Position(6), *provider_, time_)});
  EXPECT_THAT(replica.kept, IsEmpty());
  EXPECT_EQ(replica.status().announced_size(), 7u);
  replica.Follow(origin_);
  ASSERT_THAT(replica.kept, SizeIs(1));
  EXPECT_EQ(replica.kept[0].proven_to, Position(7));
  EXPECT_THAT(replica.order, ::testing::Contains("keep").Times(1));
}

TEST_F(CosigningTest, AHeartbeatThatTheDiskHasOvertakenIsProvenByTheOwnTree) {
  AppendCommits(5);
  const exchange::v1::Cosigned cosigned = MakeCosigned(origin_, Position(4), *provider_, time_);
  const std::string older = origin_.checkpoint();
  Follower replica = Replica();
  AppendCommits(4);
  for (uint64_t at = 6; at < 10; ++at) replica.Deliver(origin_.Cut(kKela, at));
  replica.Heartbeat(older, {cosigned});
  // Whether position 4 ended a batch here is the origin's choice; it is then not hidden.
  const auto prefix = PrefixOf(replica.engine(), replica.number())(Position(4));
  ASSERT_EQ(replica.kept.size(), prefix.ok() ? 1u : 0u);
  if (prefix.ok()) {
    EXPECT_EQ(replica.kept[0].proven_to, Position(10));
    EXPECT_THAT(proof::VerifyConsistency(Position(4), Position(10), replica.kept[0].root,
                                         origin_.frontier().Root(), replica.kept[0].consistency),
                IsOk());
  }
}

TEST_F(CosigningTest, NoMoreThanThirtyTwoOfAHeartbeatAreLookedAt) {
  Follower replica = Replica();
  const auto stranger = CosignerOf("FI/ORG/0000009-9/stranger");
  std::vector<exchange::v1::Cosigned> many(32,
                                           MakeCosigned(origin_, Position(1), *stranger, time_));
  many.push_back(MakeCosigned(origin_, Position(1), *provider_, time_));
  replica.Heartbeat(origin_.checkpoint(), many);
  EXPECT_THAT(replica.kept, IsEmpty());
  std::swap(many[0], many[32]);
  replica.Heartbeat(origin_.checkpoint(), many);
  EXPECT_THAT(replica.kept, SizeIs(1));
}

// ---- Forks ----

TEST_F(CosigningTest, AHeartbeatWithAnotherRootForWhatIsStoredIsAFork) {
  AppendCommits(3);
  auto liar = origin_.OldCopy(Position(3), 99);
  Follower replica = Replica();
  Append(*liar);
  ASSERT_EQ(liar->size(), origin_.size());
  replica.Heartbeat(liar->checkpoint());
  replica.ExpectForkProven();
  replica.Heartbeat(liar->checkpoint());
  replica.Seen(liar->checkpoint());
  ExpectFollowedWithoutCosigning(replica);
}

TEST_F(CosigningTest, AnOlderHeartbeatOfAnotherHistoryIsAFork) {
  AppendCommits(3);
  auto liar = origin_.OldCopy(Position(3), 99);
  Append(*liar);
  Follower replica(origin_, Options());
  for (int i = 0; i < 4; ++i) {
    replica.Deliver(origin_.Cut(kKela, replica.size().value(), 1));
    Append();
  }
  while (replica.size() < origin_.size()) {
    replica.Deliver(origin_.Cut(kKela, replica.size().value(), 1));
  }
  replica.Heartbeat(NoteAt(origin_, Position(3)));
  ASSERT_THAT(replica.forks, IsEmpty()) << "an honest late message";
  replica.Heartbeat(liar->checkpoint());
  replica.ExpectForkProven();
  ExpectFollowedWithoutCosigning(replica);
}

TEST_F(CosigningTest, WhatAnotherAgencyWasShownIsCompared) {
  for (const bool older : {false, true}) {
    SCOPED_TRACE(older);
    AppendCommits(2);
    auto liar = origin_.OldCopy(Position(origin_.size().value() - 1), 99);
    Append(*liar);
    Follower replica(origin_, Options());
    const auto follow = [&] {
      while (replica.size() < origin_.size()) {
        replica.Deliver(origin_.Cut(kKela, replica.size().value(), 1));
      }
    };
    follow();
    if (older) Append();
    follow();
    replica.Seen(origin_.checkpoint());
    replica.Seen(NoteAt(origin_, Position(2)));
    EXPECT_THAT(replica.forks, IsEmpty());
    replica.Seen(liar->checkpoint());
    replica.ExpectForkProven();
    ExpectFollowedWithoutCosigning(replica);
  }
}

TEST_F(CosigningTest, ACosignatureOfAnotherHistoryIsAFork) {
  AppendCommits(3);
  auto liar = origin_.OldCopy(Position(3), 99);
  Append(*liar);
  Follower replica(origin_, Options());
  while (replica.size() < origin_.size()) {
    replica.Deliver(origin_.Cut(kKela, replica.size().value(), 1));
  }
  replica.Heartbeat(origin_.checkpoint(), {MakeCosigned(*liar, Position(4), *provider_, time_)});
  EXPECT_THAT(replica.kept, IsEmpty());
  replica.ExpectForkProven();
}

TEST_F(CosigningTest, ALargerCheckpointIsComparedWhenTheStoreHasReachedIt) {
  AppendCommits(2);
  auto liar = origin_.OldCopy(Position(3), 99);
  Follower replica = Replica();
  Append(*liar, 2);
  replica.Seen(liar->checkpoint());
  EXPECT_THAT(replica.forks, IsEmpty()) << "it may be our future";
  Append();
  replica.Deliver(origin_.Cut(kKela, 3));
  EXPECT_THAT(replica.forks, IsEmpty());
  EXPECT_THAT(replica.cosigns, SizeIs(2));
  Append();
  replica.Deliver(origin_.Cut(kKela, 4));
  replica.ExpectForkProven();
  EXPECT_EQ(replica.size(), Position(5));
  EXPECT_THAT(replica.cosigns, SizeIs(2)) << "found before it was cosigned";
  ExpectFollowedWithoutCosigning(replica);
}

TEST_F(CosigningTest, AStoreThatJumpsOverALargerCheckpointComparesItToo) {
  AppendCommits(2);
  auto liar = origin_.OldCopy(Position(3), 99);
  Follower replica = Replica();
  Append(*liar, 2);
  replica.Seen(liar->checkpoint());
  // Entries that are disclosed here, so that the size in the middle of their commit is known.
  for (int i = 0; i < 4; ++i) origin_.AddEvent({{kKela, {}}}, {});
  origin_.Commit();
  replica.Follow(origin_);
  EXPECT_EQ(replica.size(), Position(7));
  replica.ExpectForkProven();
  EXPECT_THAT(replica.cosigns, SizeIs(1)) << "found before the 7 entries were cosigned";
}

TEST_F(CosigningTest, TheSmallestLargerCheckpointIsRememberedAndOnlyThat) {
  Follower replica = Replica();
  auto first = origin_.OldCopy(Position(1), 98);
  auto second = origin_.OldCopy(Position(1), 99);
  Append(*first, 3);
  replica.Seen(first->checkpoint());
  Append(*second, 2);
  replica.Seen(second->checkpoint());
  replica.Seen(first->checkpoint());
  Append(2);
  replica.Follow(origin_);
  replica.ExpectForkProven();
  if (HasFatalFailure()) return;
  auto pair = proof::ParseCheckpointPair(replica.forks[0]);
  ASSERT_THAT(pair, IsOk());
  EXPECT_THAT(std::vector({pair->older, pair->newer}), ::testing::Contains(second->checkpoint()));
}

TEST_F(CosigningTest, TwoLargerCheckpointsOfOneSizeAreAForkAtOnce) {
  Follower replica = Replica();
  auto first = origin_.OldCopy(Position(1), 98);
  auto second = origin_.OldCopy(Position(1), 99);
  Append(*first, 3);
  Append(*second, 3);
  replica.Seen(first->checkpoint());
  EXPECT_THAT(replica.forks, IsEmpty());
  replica.Heartbeat(second->checkpoint());
  replica.ExpectForkProven();
  ExpectFollowedWithoutCosigning(replica);
}

TEST_F(CosigningTest, ABatchThatContradictsWhatWasAnnouncedIsStoredAndAFork) {
  Follower replica = Replica();
  auto liar = origin_.OldCopy(Position(1), 99);
  Append(*liar, 2);
  replica.Heartbeat(liar->checkpoint());
  Append(2);
  replica.Follow(origin_);
  EXPECT_EQ(replica.size(), Position(3));
  replica.ExpectForkProven();
  EXPECT_THAT(replica.cosigns, SizeIs(1));
  ExpectFollowedWithoutCosigning(replica);
}

TEST_F(CosigningTest, ABatchThatDoesNotLeadToItsSignedRootIsAFaultAndNoFork) {
  AppendCommits(3);
  auto liar = origin_.OldCopy(Position(3), 99);
  Append(*liar);
  Follower replica = Replica();
  Append(*liar, 2);
  replica.Deliver(liar->Cut(kKela, 4));
  ASSERT_THAT(replica.alarms, SizeIs(1));
  EXPECT_THAT(replica.alarms[0], Not(HasSubstr("fork")));
  EXPECT_THAT(replica.forks, IsEmpty());
  replica.now += absl::Minutes(1);
  replica.Tick();
  Append();
  replica.Follow(origin_);
  EXPECT_EQ(replica.status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
  EXPECT_EQ(replica.status().cosigned_size(), 5u);
}

// What an origin answers to `prove`.
BatchMessage WithPrefix(TestOrigin& origin, BatchMessage message, Position from) {
  log::TreeReader tree(origin.engine(), kOwnLog);
  message.batch.set_prefix_root(std::string(tree.Root(from)->view()));
  const auto proof = tree.Consistency(from, origin.size());
  EXPECT_THAT(proof, IsOk());
  for (const Hash& hash : *proof) {
    message.batch.add_prefix_consistency(std::string(hash.view()));
  }
  return message;
}

TEST_F(CosigningTest, AnOriginThatGoesOnFromAnOldCopyProvesItsForkWhenAsked) {
  AppendCommits(3);
  auto liar = origin_.OldCopy(Position(3), 99);
  Follower replica = Replica();
  ASSERT_EQ(replica.size(), Position(4));
  Append(*liar, 4);
  replica.Deliver(liar->Cut(kKela, 4));
  EXPECT_THAT(replica.alarms, ElementsAre(HasSubstr("asking for proof")));
  EXPECT_FALSE(replica.pulls.back().prove());
  replica.now += absl::Seconds(2);
  replica.Tick();
  ASSERT_TRUE(replica.pulls.back().prove()) << "at once, not after the pause of a fault";
  replica.Deliver(WithPrefix(*liar, liar->Cut(kKela, 4), Position(4)));
  ASSERT_THAT(replica.forks, SizeIs(1));
  auto pair = proof::ParseCheckpointPair(replica.forks[0]);
  ASSERT_THAT(pair, IsOk());
  EXPECT_EQ(*proof::VerifyCheckpointPair(*pair, origin_.signer().verifier()),
            proof::PairVerdict::kFork);
  const size_t cosigns = replica.cosigns.size();
  replica.now += absl::Minutes(1);
  replica.Tick();
  EXPECT_FALSE(replica.pulls.back().prove()) << "asked once";
  Append();
  replica.Follow(origin_);
  EXPECT_EQ(replica.size(), origin_.size()) << "what fits is ours to have";
  EXPECT_THAT(replica.cosigns, SizeIs(cosigns));
}

TEST_F(CosigningTest, AProofThatProvesNothingAccusesNobody) {
  AppendCommits(3);
  auto liar = origin_.OldCopy(Position(3), 99);
  Append(*liar, 4);
  const auto ask = [&](Follower& replica) {
    replica.Deliver(liar->Cut(kKela, 4));
    replica.now += absl::Seconds(2);
    replica.Tick();
    ASSERT_TRUE(replica.pulls.back().prove());
  };
  for (int i = 0; i < 4; ++i) {
    Follower replica = Replica();
    ask(replica);
    BatchMessage answer = WithPrefix(*liar, liar->Cut(kKela, 4), Position(4));
    if (i == 0) answer.batch.clear_prefix_root();
    if (i == 1) answer.batch.set_prefix_root(std::string(32, 'x'));
    if (i == 2) answer.batch.add_prefix_consistency("short");
    if (i == 3) answer.batch.set_prefix_root(std::string(replica.head().frontier.Root().view()));
    replica.Deliver(std::move(answer));
    EXPECT_THAT(replica.forks, IsEmpty()) << i;
    EXPECT_EQ(replica.status().state(), exchange::v1::SUBSCRIPTION_STATE_FAULT) << i;
  }
}

TEST_F(CosigningTest, AShorterLogProvesItsForkByWhatItSigned) {
  AppendCommits(5);
  auto liar = origin_.OldCopy(Position(3), 99);
  Append(*liar);
  exchange::v1::Error ahead;
  ahead.set_code(exchange::v1::ERROR_CODE_AHEAD);
  const auto told = [&](std::string checkpoint) {
    Follower replica(origin_, Options());
    while (replica.size() < origin_.size()) {
      replica.Deliver(origin_.Cut(kKela, replica.size().value(), 1));
    }
    ahead.set_checkpoint(std::move(checkpoint));
    size_t forks = 0;
    for (const auto& output : replica.subscriber().OnError(ahead, replica.now)) {
      if (std::holds_alternative<KeepFork>(output)) ++forks;
    }
    EXPECT_EQ(replica.status().state(), exchange::v1::SUBSCRIPTION_STATE_FAULT);
    return forks;
  };
  EXPECT_EQ(told(""), 0u);
  EXPECT_EQ(told("nonsense"), 0u);
  EXPECT_EQ(told(NoteAt(origin_, Position(4))), 0u) << "rolled back, no other history";
  EXPECT_EQ(told(liar->checkpoint()), 1u);
}

TEST_F(CosigningTest, WhatTheOriginDidNotSignIsIgnored) {
  AppendCommits(3);
  Follower replica = Replica();
  const proof::Checkpoint other{kOrigin, origin_.size(), Hash()};
  replica.Seen(SignerFromSeed(kOrigin, 'x')->Sign(other));
  replica.Seen("");
  replica.Seen("trust me");
  replica.Seen(proof::CheckpointBody(other));
  // Signed, but of another log; and a statement about nothing.
  replica.Seen(origin_.signer().Sign({"FI/MUN/0187690-1/oulu/referral/1", origin_.size(), Hash()}));
  replica.Seen(origin_.signer().Sign({kOrigin, Position(0), Hash()}));
  EXPECT_THAT(replica.alarms, IsEmpty());
  EXPECT_THAT(replica.forks, IsEmpty());
  EXPECT_EQ(replica.status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
}

TEST_F(CosigningTest, WhereWithheldSubtreesHideTheSizeNothingIsClaimed) {
  // Entries 1 to 7 in one commit of which this replica sees nothing but subtrees.
  for (int i = 0; i < 7; ++i) origin_.AddEvent({{kProvider, {}}}, {});
  auto liar = origin_.OldCopy(Position(1), 99);
  Append(*liar, 4);
  origin_.Commit();
  Follower replica = Replica();
  ASSERT_FALSE(PrefixOf(replica.engine(), replica.number())(Position(5)).ok());
  replica.Seen(liar->checkpoint());
  EXPECT_THAT(replica.alarms, IsEmpty());
  EXPECT_THAT(replica.forks, IsEmpty());
}

TEST_F(CosigningTest, ATreeThatCannotProveWhatItSaysAccusesNobodyAndProvesNothing) {
  AppendCommits(3);
  SubscriberOptions options = Options();
  options.origin = kOrigin;
  options.stored_checkpoint = origin_.checkpoint();
  Hash root;
  options.prefix = [&](Position) -> absl::StatusOr<PrefixProof> {
    return PrefixProof{root, {Hash(), Hash()}};
  };
  log::LogHead head;
  head.frontier = origin_.frontier();
  auto subscriber = Subscriber::Make(options, head, WrapWithOwnKey, testing::SeededRandom(1));
  const auto started = subscriber->Start(time_, time_);
  EXPECT_THAT(subscriber->OnSeen(NoteAt(origin_, Position(2)), time_).outputs, IsEmpty());
  // The right root with a wrong proof: nothing to keep a cosignature by.
  root = *log::TreeReader(origin_.engine(), kOwnLog).Root(Position(2));
  exchange::v1::Heartbeat heartbeat;
  heartbeat.set_origin(kOrigin);
  heartbeat.set_session(std::get<SendPull>(started.at(1)).pull.session());
  heartbeat.set_checkpoint(origin_.checkpoint());
  *heartbeat.add_cosigned() = MakeCosigned(origin_, Position(2), *provider_, time_);
  heartbeat.mutable_cosigned(0)->clear_consistency();
  EXPECT_THAT(subscriber->OnHeartbeat(heartbeat, time_, time_), IsEmpty());
}

TEST_F(CosigningTest, AheadAndSilenceAreNoForks) {
  Follower replica = Replica();
  exchange::v1::Error ahead;
  ahead.set_code(exchange::v1::ERROR_CODE_AHEAD);
  for (const auto& output : replica.subscriber().OnError(ahead, replica.now)) {
    EXPECT_FALSE(std::holds_alternative<KeepFork>(output));
  }
  replica.now += absl::Hours(1);
  replica.Tick();
  replica.Start();
  EXPECT_EQ(replica.cosigns.size(), 2u) << "still cosigned";
}

TEST_F(CosigningTest, ARootThatIsNotOursWithoutANoteToShowIsAFaultAndNoFork) {
  log::LogHead head;
  head.frontier = origin_.frontier();
  SubscriberOptions options = Options();
  options.origin = kOrigin;
  auto subscriber = Subscriber::Make(options, head, WrapWithOwnKey, testing::SeededRandom(1));
  const auto started = subscriber->Start(time_, time_);
  exchange::v1::Heartbeat heartbeat;
  heartbeat.set_origin(kOrigin);
  heartbeat.set_session(std::get<SendPull>(started.at(0)).pull.session());
  heartbeat.set_checkpoint(origin_.signer().Sign({kOrigin, origin_.size(), Hash()}));
  const auto out = subscriber->OnHeartbeat(heartbeat, time_, time_);
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_THAT(std::get<RaiseAlarm>(out[0]).what, HasSubstr("root for our 1 entries is not ours"));
}

// ---- What an earlier run cosigned, remembered apart from the store ----

Position CosignedSize(const Follower& replica) {
  return ParseClaimed(replica.cosigns.back().checkpoint())->checkpoint.size;
}

TEST_F(CosigningTest, ARestartOnTheSameDiskCosignsAtOnce) {
  AppendCommits(5);
  Follower replica = Replica();
  replica.Remember(replica);
  const size_t before = replica.cosigns.size();
  replica.Restart();
  EXPECT_THAT(replica.cosigns, SizeIs(before + 1));
  EXPECT_EQ(replica.status().fault(), "");
  // What was remembered may be a little older than what is stored.
  AppendCommits(4);
  replica.Follow(origin_);
  replica.Restart();
  EXPECT_EQ(CosignedSize(replica), origin_.size());
  EXPECT_EQ(replica.status().fault(), "");
}

TEST_F(CosigningTest, ARestoredReplicaCosignsAgainWhenItHasCaughtUp) {
  AppendCommits(2);
  Follower backup = Replica();
  AppendCommits(5);
  Follower live = Replica();
  backup.Remember(live);
  const size_t before = backup.cosigns.size();
  backup.Restart();
  EXPECT_THAT(backup.cosigns, SizeIs(before));
  EXPECT_THAT(backup.status().fault(),
              AllOf(HasSubstr(Str("our copy of ", backup.size().value())),
                    HasSubstr(Str("older than the ", live.size().value()))));
  // Part of the way.
  backup.Deliver(origin_.Cut(kKela, backup.size().value(), 1));
  ASSERT_LT(backup.size(), live.size());
  EXPECT_THAT(backup.cosigns, SizeIs(before));
  AppendCommits(3);
  backup.Follow(origin_);
  EXPECT_EQ(CosignedSize(backup), origin_.size());
  EXPECT_EQ(backup.status().fault(), "");
  EXPECT_THAT(backup.alarms, IsEmpty());
}

TEST_F(CosigningTest, AReplicaFromTheBeginningCosignsAgainWhenItHasCaughtUp) {
  AppendCommits(6);
  Follower live = Replica();
  Follower fresh(origin_, Options());
  fresh.Remember(live);
  fresh.Restart();
  EXPECT_THAT(fresh.cosigns, IsEmpty());
  fresh.Follow(origin_);
  EXPECT_EQ(CosignedSize(fresh), origin_.size());
}

// The reviewer's case: the store was restored, the origin was, too, and has gone on otherwise.
TEST_F(CosigningTest, ARestoredReplicaNeverCosignsASecondHistoryAndProvesIt) {
  AppendCommits(2);
  Follower backup = Replica();
  auto other = origin_.OldCopy(Position(3), 99);
  AppendCommits(5);
  Follower live = Replica();
  backup.Remember(live);
  const size_t before = backup.cosigns.size();
  for (int i = 0; i < 9; ++i) Append(*other);
  backup.Restart();
  backup.Follow(*other);
  backup.Heartbeat(other->checkpoint());
  EXPECT_EQ(backup.size(), other->size());
  EXPECT_THAT(backup.cosigns, SizeIs(before));
  backup.ExpectForkProven();
  backup.Restart();
  EXPECT_THAT(backup.cosigns, SizeIs(before));
}

TEST_F(CosigningTest, TheSecondHistoryIsFoundAtExactlyTheSizeThatWasCosigned) {
  AppendCommits(2);
  Follower backup = Replica();
  auto other = origin_.OldCopy(Position(3), 99);
  AppendCommits(5);
  Follower live = Replica();
  backup.Remember(live);
  const size_t before = backup.cosigns.size();
  while (other->size() < live.size()) Append(*other);
  backup.Restart();
  backup.has_prefix = false;
  backup.Follow(*other);
  EXPECT_THAT(backup.cosigns, SizeIs(before));
  backup.ExpectForkProven();
}

TEST_F(CosigningTest, AHeartbeatOfTheCosignedSizeWithAnotherRootIsTheProofBeforeAnythingIsStored) {
  AppendCommits(2);
  Follower backup = Replica();
  auto other = origin_.OldCopy(Position(3), 99);
  AppendCommits(5);
  Follower live = Replica();
  backup.Remember(live);
  while (other->size() < live.size()) Append(*other);
  backup.Restart();
  backup.Heartbeat(other->checkpoint());
  EXPECT_LT(backup.size(), live.size());
  backup.ExpectForkProven();
}

TEST_F(CosigningTest, AStoreThatContradictsWhatWasCosignedIsNotCosignedAtTheStart) {
  AppendCommits(2);
  auto other = origin_.OldCopy(Position(3), 99);
  AppendCommits(5);
  Follower live = Replica();
  for (int i = 0; i < 8; ++i) Append(*other);
  Follower wrong(*other, Options());
  wrong.Follow(*other);
  const size_t before = wrong.cosigns.size();
  wrong.Remember(live);
  wrong.Restart();
  EXPECT_THAT(wrong.cosigns, SizeIs(before));
  wrong.ExpectForkProven();
}

TEST_F(CosigningTest, AContradictionThatOthersCannotCheckStopsCosigningAllTheSame) {
  AppendCommits(5);
  Follower replica = Replica();
  const size_t before = replica.cosigns.size();
  const proof::Checkpoint other{kOrigin, Position(3), Sha256("signed by an earlier key")};
  replica.cosigned_before = CosignedBefore{other, SignerFromSeed(kOrigin, 'x')->Sign(other)};
  replica.Restart();
  Append();
  replica.Follow(origin_);
  EXPECT_EQ(replica.size(), origin_.size());
  EXPECT_THAT(replica.cosigns, SizeIs(before));
  EXPECT_THAT(replica.forks, IsEmpty());
  EXPECT_THAT(replica.alarms, ElementsAre(HasSubstr("another history")));
  EXPECT_THAT(replica.status().fault(), HasSubstr("another history"));
}

// Entries 2 to 7 come to a fresh replica as subtrees over the size that was cosigned.
class HiddenSizeTest : public CosigningTest {
 protected:
  void SetUp() override {
    for (int i = 0; i < 4; ++i) origin_.AddEvent({{kProvider, {}}}, {});
    origin_.Commit();
    Follower live = Replica();
    word_ = live.size();
    for (int i = 0; i < 3; ++i) origin_.AddEvent({{kProvider, {}}}, {});
    origin_.Commit();
    fresh_ = std::make_unique<Follower>(origin_, Options());
    fresh_->Remember(live);
    fresh_->Restart();
    fresh_->Follow(origin_);
    ASSERT_FALSE(PrefixOf(fresh_->engine(), fresh_->number())(word_).ok());
    ASSERT_THAT(fresh_->cosigns, IsEmpty());
    ASSERT_THAT(fresh_->status().fault(), HasSubstr("withheld entries hide"));
  }
  Position word_;
  std::unique_ptr<Follower> fresh_;
};

TEST_F(HiddenSizeTest, TheOriginsProofThatOurWordIsOfItsHistoryIsEnough) {
  fresh_->Heartbeat(origin_.checkpoint(), {MakeCosigned(origin_, word_, *cosigner_, time_)});
  ASSERT_THAT(fresh_->cosigns, SizeIs(1));
  EXPECT_EQ(CosignedSize(*fresh_), origin_.size());
  EXPECT_EQ(fresh_->status().fault(), "");
}

TEST_F(HiddenSizeTest, WithoutAProofOrWithAnothersWordNothingIsCosigned) {
  auto unproven = MakeCosigned(origin_, word_, *cosigner_, time_);
  unproven.clear_consistency();
  auto others = MakeCosigned(origin_, Position(word_.value() + 1), *provider_, time_);
  auto smaller = MakeCosigned(origin_, Position(1), *cosigner_, time_);
  fresh_->Heartbeat(origin_.checkpoint(), {unproven, others, smaller});
  EXPECT_THAT(fresh_->cosigns, IsEmpty());
  Append();
  fresh_->Follow(origin_);
  EXPECT_THAT(fresh_->cosigns, IsEmpty());
}

TEST_F(HiddenSizeTest, AProofToAnOlderSizeThatIsStoredIsEnoughToo) {
  const std::string told = origin_.checkpoint();
  const auto cosigned = MakeCosigned(origin_, word_, *cosigner_, time_);
  Append();
  fresh_->Follow(origin_);
  fresh_->Heartbeat(told, {cosigned});
  ASSERT_THAT(fresh_->cosigns, SizeIs(1));
  EXPECT_EQ(CosignedSize(*fresh_), origin_.size());
}

TEST_F(HiddenSizeTest, AWordThatIsStoredLaterIsCosignedWithThatStore) {
  fresh_->stores_at_once = false;
  const auto cosigned = MakeCosigned(origin_, word_, *cosigner_, time_);
  const std::string told = origin_.checkpoint();
  Append();
  fresh_->Deliver(origin_.Cut(kKela, fresh_->size().value()));
  fresh_->Heartbeat(told, {cosigned});
  EXPECT_THAT(fresh_->cosigns, IsEmpty()) << "while it is being stored";
  fresh_->Store();
  ASSERT_THAT(fresh_->cosigns, SizeIs(1));
  EXPECT_EQ(CosignedSize(*fresh_), origin_.size());
}

// What was remembered is gone, too, but the origin knows what we have said.
TEST_F(CosigningTest, OurOwnLargerWordInAHeartbeatStopsCosigningUntilItIsReached) {
  AppendCommits(2);
  Follower backup = Replica();
  auto other = origin_.OldCopy(Position(3), 99);
  AppendCommits(5);
  Follower live = Replica();
  backup.Restart();
  const size_t before = backup.cosigns.size();
  backup.Heartbeat(origin_.checkpoint(),
                   {MakeCosigned(origin_, live.size(), *cosigner_, time_)});
  EXPECT_THAT(backup.status().fault(), HasSubstr("older than the"));
  backup.now += absl::Minutes(1);
  backup.Heartbeat(origin_.checkpoint());
  EXPECT_THAT(backup.cosigns, SizeIs(before)) << "nothing is repeated meanwhile";
  for (int i = 0; i < 9; ++i) Append(*other);
  backup.Follow(*other);
  EXPECT_THAT(backup.cosigns, SizeIs(before));
  backup.ExpectForkProven();
}

TEST_F(CosigningTest, ALargerWordThatWeDidNotSayStopsNothing) {
  AppendCommits(2);
  Follower replica = Replica();
  AppendCommits(5);
  const auto forged = CosignerOf(kKela, 'y');
  auto unsigned_word = MakeCosigned(origin_, origin_.size(), *cosigner_, time_);
  const proof::Checkpoint other{kOrigin, Position(7), Sha256("not signed by the origin")};
  unsigned_word.set_checkpoint(
      AddLine(SignerFromSeed(kOrigin, 'x')->Sign(other), *cosigner_, time_));
  replica.Heartbeat(origin_.checkpoint(),
                    {MakeCosigned(origin_, origin_.size(), *provider_, time_),
                     MakeCosigned(origin_, origin_.size(), *forged, time_), unsigned_word});
  EXPECT_EQ(replica.status().fault(), "");
  replica.Follow(origin_);
  EXPECT_EQ(CosignedSize(replica), origin_.size());
}

// ---- Seen notes that cannot be decided yet ----

TEST_F(CosigningTest, ASeenNoteThatWasDisplacedIsDecidedWhenItIsToldAgain) {
  AppendCommits(2);
  Follower replica = Replica();
  auto liar = origin_.OldCopy(Position(3), 99);
  for (int i = 0; i < 10; ++i) Append(*liar);
  AppendCommits(20);
  EXPECT_FALSE(replica.Seen(liar->checkpoint()));
  EXPECT_FALSE(replica.Seen(NoteAt(origin_, Position(8)))) << "takes its place";
  EXPECT_FALSE(replica.Seen(liar->checkpoint()));
  EXPECT_FALSE(replica.Seen(NoteAt(origin_, Position(8)))) << "known, and not reached yet";
  replica.Follow(origin_);
  EXPECT_THAT(replica.forks, IsEmpty());
  EXPECT_TRUE(replica.Seen(NoteAt(origin_, Position(8))));
  EXPECT_TRUE(replica.Seen(liar->checkpoint()));
  replica.ExpectForkProven();
  EXPECT_TRUE(replica.Seen(NoteAt(origin_, Position(9)))) << "nothing is left to find";
}

TEST_F(CosigningTest, WhatIsNotSignedByTheOriginIsDecidedAndWhatIsHiddenIsNot) {
  for (int i = 0; i < 7; ++i) origin_.AddEvent({{kProvider, {}}}, {});
  origin_.Commit();
  Follower replica = Replica();
  EXPECT_TRUE(replica.Seen("junk"));
  EXPECT_TRUE(replica.Seen(SignerFromSeed(kOrigin, 'x')->Sign({kOrigin, Position(3), Hash()})));
  EXPECT_TRUE(replica.Seen(origin_.checkpoint()));
  EXPECT_FALSE(replica.Seen(NoteAt(origin_, Position(5))));
}

TEST_F(CosigningTest, ANoteWithMoreSignaturesIsTheSameCheckpointAndCostsNoProof) {
  AppendCommits(4);
  SubscriberOptions options = Options();
  options.origin = kOrigin;
  options.stored_checkpoint = origin_.checkpoint();
  int proofs = 0;
  options.prefix = [&](Position size) -> absl::StatusOr<PrefixProof> {
    ++proofs;
    return PrefixOf(origin_.engine(), kOwnLog)(size);
  };
  log::LogHead head;
  head.frontier = origin_.frontier();
  auto subscriber = Subscriber::Make(options, head, WrapWithOwnKey, testing::SeededRandom(1));
  const std::string note = NoteAt(origin_, Position(2));
  for (int i = 0; i < 10; ++i) {
    const auto outcome = subscriber->OnSeen(
        AddLine(note, *provider_, time_ + absl::Seconds(i)), time_);
    EXPECT_TRUE(outcome.decided);
    EXPECT_THAT(outcome.outputs, IsEmpty());
  }
  EXPECT_EQ(proofs, 1);
}

}  // namespace
}  // namespace polku::replica
