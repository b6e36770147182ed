// Erased leaves in streams, holes, and keys that change (PROTOCOL.md "Erased entries", "Keys").
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/follower.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ErasedTest : public ::testing::Test {
 protected:
  ErasedTest() {
    origin_.AddGenesis();
    for (int i = 0; i < 3; ++i) Disclose();  // 1 to 3
    origin_.Commit();
    options_ = {.own_agency = kKela, .origin_keys = origin_.signer().verifier()};
    options_.cosigner = cosigner_.get();
  }
  void Disclose() {
    origin_.AddEvent({{kKela, {SectionKind::kService}}}, {{SectionKind::kService, "x"}});
  }
  static std::vector<log::ErasedPart> Leaf(uint64_t position) {
    return {{.position = Position(position), .sections = {}, .leaf = true}};
  }

  TestOrigin origin_{1};
  const std::unique_ptr<proof::Signer> cosigner_ = CosignerOf(kKela);
  SubscriberOptions options_{.origin_keys = origin_.signer().verifier()};
};

TEST_F(ErasedTest, AnErasedEntryIsWithheldAndToldAsThat) {
  origin_.Erase(Leaf(2));
  const BatchMessage batch = origin_.Cut(kKela, 0);
  EXPECT_THAT(batch.batch.erased(), ::testing::ElementsAre(2u));
  EXPECT_EQ(batch.entries.find(origin_.entries()[2].header.event_id()), std::string::npos);
  auto view = log::GroupView::Parse(batch.entries, batch.blobs);
  ASSERT_THAT(view, IsOk());
  EXPECT_TRUE(view->items().at(2).leaf.empty());
}

TEST_F(ErasedTest, AHoleIsNotCosignedBeforeAnErasedExplainsIt) {
  origin_.Erase(Leaf(2));
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  ASSERT_EQ(kela.size(), Position(4)) << (kela.alarms.empty() ? "" : kela.alarms.back());
  EXPECT_THAT(kela.cosigns, IsEmpty());
  EXPECT_THAT(kela.status().fault(), HasSubstr("between positions 1 and 3 1 entries are missing"));
  EXPECT_EQ(kela.status().state(), exchange::v1::SUBSCRIPTION_STATE_FAULT);
  kela.Restart();
  EXPECT_THAT(kela.cosigns, IsEmpty());
  EXPECT_THAT(kela.status().fault(), HasSubstr("are missing"));
  // One that names something else explains nothing.
  origin_.AddErased(Leaf(1));
  origin_.Commit();
  kela.Follow(origin_);
  EXPECT_THAT(kela.cosigns, IsEmpty());
  origin_.AddErased(Leaf(2));
  origin_.Commit();
  kela.Follow(origin_);
  EXPECT_EQ(kela.status().fault(), "");
  ASSERT_EQ(kela.cosigns.size(), 1u);
  kela.Restart();
  EXPECT_EQ(kela.cosigns.size(), 2u);
  EXPECT_EQ(kela.status().fault(), "");
}

TEST_F(ErasedTest, AnErasedOfAnEarlierEpochExplainsNothingOfTheLogThatItStandsIn) {
  TestOrigin origin(1, "FI/MUN/0187690-1/oulu/attendance/2");
  options_.origin_keys = origin.signer().verifier();
  origin.AddGenesis();
  for (int i = 0; i < 3; ++i) origin.AddEvent({{kKela, {}}}, {});
  origin.Commit();
  origin.Erase(Leaf(2));
  Follower kela(origin, options_);
  event::v1::Erased erased;
  erased.set_origin("FI/MUN/0187690-1/oulu/attendance/1");
  for (const uint64_t position : {2, 3, 99}) {
    auto* entry = erased.add_entries();
    entry->set_position(position);
    entry->set_leaf(true);
  }
  origin.AddControl("polku.event.v1.Erased", erased.SerializeAsString());
  origin.Commit();
  for (int i = 0; i < 2; ++i) {
    kela.Follow(origin);
    EXPECT_THAT(kela.alarms, IsEmpty());
    EXPECT_EQ(kela.size(), origin.size());
    EXPECT_THAT(kela.cosigns, IsEmpty());
    EXPECT_THAT(kela.status().fault(), HasSubstr("are missing"));
    kela.Restart();
  }
  origin.AddErased(Leaf(2));
  origin.Commit();
  kela.Follow(origin);
  EXPECT_EQ(kela.status().fault(), "");
  EXPECT_EQ(kela.cosigns.size(), 1u);
}

TEST_F(ErasedTest, AHoleThatIsExplainedBeforeItShowsIsNone) {
  origin_.AddErased(Leaf(3));
  origin_.Commit();
  origin_.Erase(Leaf(3));
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  EXPECT_EQ(kela.cosigns.size(), 1u);
  kela.Restart();
  // The hole shows only now, and another run was told of it.
  Disclose();
  origin_.Commit();
  kela.Follow(origin_);
  EXPECT_THAT(kela.alarms, IsEmpty());
  EXPECT_EQ(kela.status().fault(), "");
  EXPECT_EQ(kela.cosigns.size(), 3u);
}

TEST_F(ErasedTest, WhatIsNotToldAsErasedIsAFault) {
  origin_.Erase(Leaf(2));
  Follower kela(origin_, options_);
  BatchMessage batch = origin_.Cut(kKela, 0);
  batch.batch.clear_erased();
  kela.Deliver(batch);
  ASSERT_EQ(kela.alarms.size(), 1u);
  EXPECT_THAT(kela.alarms[0], HasSubstr("an entry disclosed to us is missing"));
  EXPECT_EQ(kela.size(), Position(0));
}

TEST_F(ErasedTest, AfterARestartAHoleBehindWhatIsStoredIsAFaultStill) {
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  kela.Restart();
  Disclose();
  Disclose();
  origin_.Commit();
  origin_.Erase(Leaf(4));
  BatchMessage batch = origin_.Cut(kKela, 4);
  batch.batch.clear_erased();
  kela.Deliver(batch);
  ASSERT_EQ(kela.alarms.size(), 1u);
  EXPECT_THAT(kela.alarms[0], HasSubstr("an entry disclosed to us is missing"));
}

TEST_F(ErasedTest, WhatIsToldAsErasedAndIsNotWithheldIsAFault) {
  for (const std::vector<uint64_t>& told :
       {std::vector<uint64_t>{1}, {2, 2}, {3, 2}, {9}, {0}, {2, 3}}) {
    TestOrigin origin(1);
    origin.AddGenesis();
    for (int i = 0; i < 3; ++i) origin.AddEvent({{kKela, {}}}, {});
    origin.Commit();
    origin.Erase(Leaf(2));
    Follower kela(origin, options_);
    BatchMessage batch = origin.Cut(kKela, 0);
    batch.batch.clear_erased();
    for (const uint64_t position : told) batch.batch.add_erased(position);
    kela.Deliver(batch);
    ASSERT_EQ(kela.alarms.size(), 1u);
    EXPECT_EQ(kela.size(), Position(0));
  }
}

TEST_F(ErasedTest, AForgedErasedIsAFault) {
  // Names the Genesis, something later, or positions that do not ascend.
  event::v1::Erased of_genesis, of_later, twice, of_stranger, of_itself;
  of_genesis.add_entries()->set_position(0);
  of_later.add_entries()->set_position(4);
  twice.add_entries()->set_position(2);
  twice.add_entries()->set_position(2);
  // Or entries of a log that is no earlier epoch of it.
  of_stranger.set_origin("FI/MUN/0187690-1/oulu/referral/1");
  of_itself.set_origin(kOrigin);
  for (event::v1::Erased* erased : {&of_stranger, &of_itself}) erased->add_entries()->set_position(2);
  for (const event::v1::Erased& erased : {of_genesis, of_later, twice, of_stranger, of_itself}) {
    TestOrigin origin(1);
    origin.AddGenesis();
    for (int i = 0; i < 3; ++i) origin.AddEvent({{kKela, {}}}, {});
    origin.AddControl("polku.event.v1.Erased", erased.SerializeAsString());
    origin.Commit();
    Follower kela(origin, options_);
    kela.Deliver(origin.Cut(kKela, 0));
    ASSERT_EQ(kela.alarms.size(), 1u);
    EXPECT_THAT(kela.alarms[0], HasSubstr("Erased: "));
    EXPECT_EQ(kela.size(), Position(0));
  }
}

TEST_F(ErasedTest, AMirrorTakesErasedRunsAndGivesThemBack) {
  origin_.Erase(Leaf(2));
  origin_.Erase(Leaf(3));
  options_.mirror = true;
  Follower mirror(origin_, options_);
  mirror.Follow(origin_);
  ASSERT_EQ(mirror.size(), Position(4)) << (mirror.alarms.empty() ? "" : mirror.alarms.back());
  EXPECT_THAT(mirror.cosigns, IsEmpty());
  EXPECT_THAT(CutWhole(mirror.engine(), mirror.number(), kOrigin, "FI/MUN/0187690-1/oulu",
                       Position(0), Position(4), 1 << 20, nullptr),
              StatusIs(absl::StatusCode::kDataLoss))
      << "nothing says yet that they were erased";
  std::vector<log::ErasedPart> parts = Leaf(2);
  parts.push_back(Leaf(3)[0]);
  origin_.AddErased(parts);
  origin_.Commit();
  mirror.Follow(origin_);
  EXPECT_EQ(mirror.status().fault(), "");
  EXPECT_EQ(mirror.cosigns.size(), 1u);
  ExpectWhole(origin_, kKela, mirror.engine(), mirror.number(), mirror.size());

  options_.own_agency = "FI/MUN/0187690-1/oulu";
  Follower recovered(origin_, options_);
  auto back = CutWhole(mirror.engine(), mirror.number(), kOrigin, "FI/MUN/0187690-1/oulu",
                       Position(0), mirror.size(), 1 << 20, nullptr);
  ASSERT_THAT(back, IsOk());
  recovered.Deliver(*std::move(back));
  EXPECT_THAT(recovered.alarms, IsEmpty());
  EXPECT_EQ(recovered.size(), origin_.size());
}

TEST_F(ErasedTest, AMirrorTakesNothingWithheldThatIsNotTold) {
  origin_.Erase(Leaf(2));
  options_.mirror = true;
  Follower mirror(origin_, options_);
  BatchMessage batch = origin_.Cut(kKela, 0, 1 << 20, /*mirror=*/true);
  batch.batch.clear_erased();
  mirror.Deliver(batch);
  ASSERT_EQ(mirror.alarms.size(), 1u);
  EXPECT_THAT(mirror.alarms[0], HasSubstr("withheld from a mirror"));
}

// ---- Keys ----

TEST_F(ErasedTest, AChangeOfTheSigningKeyIsFollowedAndCosigned) {
  Follower kela(origin_, options_);
  origin_.AddSigningKeyChange('n');
  origin_.Commit();
  Disclose();
  origin_.Commit();
  const BatchMessage first = origin_.Cut(kKela, 0);
  EXPECT_EQ(first.batch.count(), 5u) << "the old key's signature over the change";
  kela.Follow(origin_);
  EXPECT_THAT(kela.alarms, IsEmpty());
  EXPECT_EQ(kela.size(), origin_.size());
  EXPECT_EQ(kela.cosigns.size(), 2u);
  kela.Heartbeat(origin_.checkpoint());
  EXPECT_EQ(kela.status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
  kela.Restart();
  EXPECT_EQ(kela.cosigns.size(), 3u) << "it knows the new key from what it has stored";
  // The old key signs no larger size.
  kela.Heartbeat(SignerFromSeed(kOrigin, 'k')->Sign({kOrigin, Position(99), Hash()}));
  ASSERT_EQ(kela.alarms.size(), 1u);
}

TEST_F(ErasedTest, AHeartbeatOfANewKeyThatOvertakesItsChangeIsNoFault) {
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  origin_.AddSigningKeyChange('n');
  origin_.Commit();
  Disclose();
  origin_.Commit();
  kela.Heartbeat(origin_.checkpoint());
  EXPECT_THAT(kela.alarms, IsEmpty());
  EXPECT_FALSE(kela.Seen(origin_.checkpoint())) << "to be told again";
  kela.Follow(origin_);
  kela.Heartbeat(origin_.checkpoint());
  EXPECT_EQ(kela.status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
  EXPECT_TRUE(kela.Seen(origin_.checkpoint()));
}

TEST_F(ErasedTest, AChangeThatDoesNotEndItsCommitOrFollowFromTheKeyBeforeIsAFault) {
  for (const bool foreign : {false, true}) {
    TestOrigin origin(1);
    origin.AddGenesis();
    origin.AddSigningKeyChange('n', foreign ? std::string(32, 'f') : "");
    if (!foreign) origin.AddEvent({{kKela, {}}}, {});
    origin.Commit();
    Follower kela(origin, options_);
    kela.Deliver(origin.Cut(kKela, 0));
    ASSERT_EQ(kela.alarms.size(), 1u);
    EXPECT_EQ(kela.size(), Position(0));
  }
}

TEST_F(ErasedTest, ABatchBeyondAChangeIsAFault) {
  origin_.AddSigningKeyChange('n');
  origin_.Commit();
  Disclose();
  origin_.Commit();
  log::GroupWriter writer;
  for (const WrittenEntry& entry : origin_.entries()) {
    writer.AddLeaf(entry.leaf);
  }
  BatchMessage merged;
  merged.batch.set_origin(kOrigin);
  merged.batch.set_count(origin_.size().value());
  merged.batch.set_checkpoint(origin_.checkpoint());
  merged.entries = std::move(writer).Finish().entries;
  Follower kela(origin_, options_);
  kela.Deliver(merged);
  ASSERT_EQ(kela.alarms.size(), 1u);
  EXPECT_THAT(kela.alarms[0], HasSubstr("follows a change of the signing key"));
}

}  // namespace
}  // namespace polku::replica
