// What a subscriber refuses, one by one: each with an alarm of its own, nothing stored, and
// recovery once the origin behaves.
#include "eventstore/replica/subscriber.h"

#include <xxhash.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/origin.h"

namespace polku::replica {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kService = SectionKind::kService;
constexpr auto kPayment = SectionKind::kPayment;

void FixChecksum(std::string& value) {
  value.resize(value.size() - 8);
  AppendBigEndian64(value, XXH3_64bits(value.data(), value.size()));
}

class SubscriberTest : public ::testing::Test {
 protected:
  SubscriberTest() { Make(); }

  void Make(log::LogHead stored = {}) {
    SubscriberOptions options{
        .origin = kOrigin, .own_agency = kKela, .origin_keys = origin_.signer().verifier()};
    options.credit_bytes = credit_;
    options.max_commit_bytes = max_commit_;
    subscriber_ =
        Subscriber::Make(options, std::move(stored), wrap_, polku::testing::SeededRandom(7));
    pulls_.clear();
    alarms_.clear();
    stores_.clear();
    Take(subscriber_->Start(now_, wall_));
    ASSERT_EQ(pulls_.size(), 1u);
  }

  void Take(std::vector<SubscriberOutput> outputs) {
    for (SubscriberOutput& output : outputs) {
      if (auto* pull = std::get_if<SendPull>(&output)) pulls_.push_back(pull->pull);
      if (auto* alarm = std::get_if<RaiseAlarm>(&output)) alarms_.push_back(alarm->what);
      if (auto* store = std::get_if<StoreBatch>(&output))
        stores_.push_back(std::move(store->batch));
    }
  }

  uint64_t session() const { return pulls_.back().session(); }

  void Deliver(BatchMessage message) {
    if (message.batch.session() == 0) message.batch.set_session(session());
    Take(subscriber_->OnBatch(message.batch, message.entries, message.blobs, now_));
  }
  void DeliverHeartbeat(const std::string& checkpoint) {
    exchange::v1::Heartbeat heartbeat;
    heartbeat.set_origin(kOrigin);
    heartbeat.set_session(session());
    heartbeat.set_checkpoint(checkpoint);
    Take(subscriber_->OnHeartbeat(heartbeat, now_, wall_));
  }
  void Stored(absl::Status status = absl::OkStatus()) {
    Take(subscriber_->OnStored(std::move(status), now_, wall_));
  }

  // Genesis, an event for Kela with two sections of which it gets one, two for others, one header.
  void WriteHistory() {
    origin_.AddGenesis();
    origin_.AddEvent({{kKela, {kService}}}, {{kService, "2025-03-03"}, {kPayment, "9.00"}});
    origin_.AddEvent({{kProvider, {kService}}}, {{kService, "2025-03-04"}});
    origin_.AddEvent({}, {{kService, "2025-03-05"}});
    origin_.AddEvent({{kKela, {}}}, {{kService, "2025-03-06"}});
    origin_.Commit();
  }

  // Exactly one alarm with that text, nothing stored, no session; then an honest try succeeds.
  void ExpectAlarm(const std::string& text, bool then_recovers = true) {
    ASSERT_EQ(alarms_.size(), 1u) << text;
    EXPECT_THAT(alarms_[0], HasSubstr(text));
    EXPECT_TRUE(stores_.empty());
    EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_FAULT);
    EXPECT_EQ(subscriber_->status().fault(), alarms_[0]);
    EXPECT_EQ(subscriber_->status().stored_size(), 0u);
    const uint64_t old_session = session();
    // Nothing is sent or taken before the retry.
    const size_t pulls = pulls_.size();
    Take(subscriber_->Tick(now_));
    EXPECT_EQ(pulls_.size(), pulls);
    now_ = subscriber_->NextTick();
    Take(subscriber_->Tick(now_));
    ASSERT_EQ(pulls_.size(), pulls + 1);
    EXPECT_NE(session(), old_session);
    EXPECT_EQ(pulls_.back().next_position(), 0u);
    if (!then_recovers) return;
    Deliver(origin_.Cut(kKela, 0));
    ASSERT_EQ(stores_.size(), 1u) << alarms_.back();
    Stored();
    EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
    EXPECT_EQ(subscriber_->status().fault(), "");
  }

  TestOrigin origin_{1};
  uint64_t credit_ = 8 << 20;
  uint64_t max_commit_ = 64 << 20;
  WrapSecretFn wrap_ = WrapWithOwnKey;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  absl::Time wall_ = absl::FromUnixSeconds(1'741'000'000);
  std::unique_ptr<Subscriber> subscriber_;
  std::vector<exchange::v1::Pull> pulls_;
  std::vector<std::string> alarms_;
  std::vector<log::VerifiedBatch> stores_;
};

TEST_F(SubscriberTest, AnHonestBatchIsStoredAsItCameAndAcknowledgedOnlyThen) {
  WriteHistory();
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_CONNECTING);
  const BatchMessage message = origin_.Cut(kKela, 0);
  Deliver(message);
  ASSERT_EQ(alarms_, std::vector<std::string>());
  ASSERT_EQ(stores_.size(), 1u);
  EXPECT_EQ(pulls_.size(), 1u) << "no acknowledgement before it is stored";
  EXPECT_EQ(stores_[0].groups[0].entries, message.entries);
  EXPECT_NE(stores_[0].groups[0].blobs, message.blobs) << "secrets are wrapped";
  EXPECT_EQ(stores_[0].head.frontier, origin_.frontier());
  EXPECT_EQ(stores_[0].head.disclosure_number, 2u);
  EXPECT_EQ(stores_[0].checkpoint, origin_.checkpoint());
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_CATCHING_UP);
  Stored();
  ASSERT_EQ(pulls_.size(), 2u);
  EXPECT_EQ(pulls_[1].next_position(), origin_.size().value());
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
}

TEST_F(SubscriberTest, EveryFlippedBitOfEveryFrameIsFound) {
  WriteHistory();
  const BatchMessage honest = origin_.Cut(kKela, 0);
  size_t tried = 0;
  const auto expect_refused = [&](BatchMessage tampered, std::string_view what, size_t at) {
    Make();
    Deliver(std::move(tampered));
    EXPECT_EQ(alarms_.size(), 1u) << what << " byte " << at;
    EXPECT_TRUE(stores_.empty()) << what << " byte " << at;
    ++tried;
  };
  for (const bool fixed : {false, true}) {
    for (const bool in_blobs : {false, true}) {
      const std::string& frame = in_blobs ? honest.blobs : honest.entries;
      for (size_t i = 0; i < frame.size() - (fixed ? 8 : 0); ++i) {
        BatchMessage tampered = honest;
        std::string& bytes = in_blobs ? tampered.blobs : tampered.entries;
        bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
        if (fixed) FixChecksum(bytes);
        expect_refused(std::move(tampered), in_blobs ? "blobs" : "entries", i);
      }
    }
  }
  for (size_t i = 0; i < honest.batch.checkpoint().size(); ++i) {
    BatchMessage tampered = honest;
    char& byte = (*tampered.batch.mutable_checkpoint())[i];
    byte = static_cast<char>(byte ^ (1 << (i % 8)));
    expect_refused(std::move(tampered), "checkpoint", i);
  }
  EXPECT_GT(tried, 2000u);
}

TEST_F(SubscriberTest, TruncatedFramesAreFound) {
  WriteHistory();
  const BatchMessage honest = origin_.Cut(kKela, 0);
  for (size_t size = 0; size < honest.entries.size(); ++size) {
    Make();
    BatchMessage tampered = honest;
    tampered.entries.resize(size);
    Deliver(std::move(tampered));
    ASSERT_EQ(alarms_.size(), 1u) << size;
    ASSERT_TRUE(stores_.empty()) << size;
  }
}

TEST_F(SubscriberTest, ADamagedGroupIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.entries[20] = static_cast<char>(message.entries[20] ^ 1);
  Deliver(std::move(message));
  ExpectAlarm("group entries: checksum mismatch");
}

TEST_F(SubscriberTest, AnExchangedWithheldHashIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  const Hash hash = proof::NodeHash(proof::LeafHash(origin_.entries()[2].leaf),
                                    proof::LeafHash(origin_.entries()[3].leaf));
  const size_t at = message.entries.find(hash.view());
  ASSERT_NE(at, std::string::npos) << "positions 2 and 3 are told as one subtree";
  message.entries[at] = static_cast<char>(message.entries[at] ^ 1);
  FixChecksum(message.entries);
  Deliver(std::move(message));
  ExpectAlarm("root is not that of the signed checkpoint");
}

TEST_F(SubscriberTest, ACheckpointOfAnotherKeyIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_checkpoint(
      SignerFromSeed(kOrigin, 'x')->Sign({kOrigin, origin_.size(), origin_.frontier().Root()}));
  Deliver(std::move(message));
  ExpectAlarm("not signed by the configured key");
}

TEST_F(SubscriberTest, ACheckpointThatIsNoNoteIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_checkpoint("trust me");
  Deliver(std::move(message));
  ExpectAlarm("note: no blank line");
}

TEST_F(SubscriberTest, ACheckpointOfAnotherOriginIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_checkpoint(origin_.signer().Sign(
      {"FI/MUN/0187690-1/oulu/referral/1", origin_.size(), origin_.frontier().Root()}));
  Deliver(std::move(message));
  ExpectAlarm("the checkpoint is of another origin");
}

TEST_F(SubscriberTest, AnOlderCheckpointIsAnAlarm) {
  origin_.AddGenesis();
  origin_.Commit();
  const std::string older = origin_.checkpoint();
  origin_.AddEvent({{kKela, {}}}, {});
  origin_.Commit();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_checkpoint(older);
  Deliver(std::move(message));
  ExpectAlarm("its checkpoint is for 1 entries and the batch ends at 2");
}

TEST_F(SubscriberTest, AHoleInOurRunningNumberIsAnAlarm) {
  origin_.AddGenesis();
  origin_.AddEvent({{kKela, {}}}, {},
                   [](auto& header) { header.mutable_disclosures(0)->set_number(2); });
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ExpectAlarm("our running number is 2 where 1 is next", /*then_recovers=*/false);
}

TEST_F(SubscriberTest, ADisclosedEntryThatIsWithheldLeavesAHole) {
  WriteHistory();
  // Position 1 is ours; it comes as a hash, correctly, and position 4 betrays it.
  log::GroupWriter writer;
  writer.AddLeaf(origin_.entries()[0].leaf);
  for (const auto& subtree :
       proof::CoverRange(Position(1), {proof::LeafHash(origin_.entries()[1].leaf),
                                       proof::LeafHash(origin_.entries()[2].leaf),
                                       proof::LeafHash(origin_.entries()[3].leaf)})) {
    writer.AddWithheld(subtree);
  }
  writer.AddLeaf(origin_.entries()[4].leaf);
  BatchMessage message = origin_.Cut(kKela, 0);
  message.entries = std::move(writer).Finish().entries;
  message.blobs.clear();
  Deliver(std::move(message));
  ExpectAlarm("our running number is 2 where 1 is next");
}

TEST_F(SubscriberTest, AWrongSectionSecretIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  const size_t at =
      message.blobs.find(origin_.SecretOf(origin_.entries()[1].header, kService).secret_bytes());
  ASSERT_NE(at, std::string::npos);
  message.blobs[at] = static_cast<char>(message.blobs[at] ^ 1);
  FixChecksum(message.blobs);
  Deliver(std::move(message));
  ExpectAlarm("section 1 does not match its commitment");
}

TEST_F(SubscriberTest, ASectionThatIsNotOursIsAnAlarm) {
  WriteHistory();
  const WrittenEntry& entry = origin_.entries()[1];
  log::GroupWriter writer;
  writer.AddLeaf(origin_.entries()[0].leaf);
  writer.AddLeaf(entry.leaf);
  const vault::SectionSecret s = origin_.SecretOf(entry.header, kPayment);
  writer.AddBlob(
      kPayment, s.secret_bytes(),
      vault::SealSection(s, *Hash::FromBytes(entry.header.commitments(1).commitment()), "9.00"));
  log::GroupWriter::Encoded encoded = std::move(writer).Finish();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_count(2);
  message.batch.clear_checkpoint();
  message.entries = encoded.entries;
  message.blobs = encoded.blobs;
  Deliver(std::move(message));
  ExpectAlarm("section 5 is not disclosed to us");
}

TEST_F(SubscriberTest, ASectionWithoutItsSecretIsAnAlarm) {
  WriteHistory();
  const WrittenEntry& entry = origin_.entries()[1];
  log::GroupWriter writer;
  writer.AddLeaf(origin_.entries()[0].leaf);
  writer.AddLeaf(entry.leaf);
  writer.AddBlob(kService, "", "blob");
  log::GroupWriter::Encoded encoded = std::move(writer).Finish();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_count(2);
  message.entries = encoded.entries;
  message.blobs = encoded.blobs;
  Deliver(std::move(message));
  ExpectAlarm("section 1 comes without its secret");
}

TEST_F(SubscriberTest, ASectionWithoutACommitmentIsAnAlarm) {
  origin_.AddGenesis();
  origin_.AddEvent({{kKela, {}}}, {}, [](auto& header) {
    header.mutable_disclosures(0)->add_sections(event::v1::SECTION_KIND_HEALTH);
  });
  origin_.Commit();
  log::GroupWriter writer;
  writer.AddLeaf(origin_.entries()[0].leaf);
  writer.AddLeaf(origin_.entries()[1].leaf);
  writer.AddBlob(SectionKind::kHealth, std::string(32, 's'), "blob");
  log::GroupWriter::Encoded encoded = std::move(writer).Finish();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.blobs = encoded.blobs;
  Deliver(std::move(message));
  ExpectAlarm("section 4 has no commitment");
}

TEST_F(SubscriberTest, AnErasedSectionMayBeMissing) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  ASSERT_NE(message.blobs, "");
  message.blobs.clear();
  Deliver(std::move(message));
  EXPECT_EQ(alarms_, std::vector<std::string>());
  EXPECT_EQ(stores_.size(), 1u);
}

TEST_F(SubscriberTest, AHeldSectionWithoutItsKeyEndsTheCutAndIsNotSentAsErased) {
  WriteHistory();
  origin_.EraseSecret(1, kService);
  const auto cut = origin_.cut()(kKela, false, Position(0), Position(2), 1 << 20);
  EXPECT_EQ(cut.status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SubscriberTest, AnotherReceiversEntryIsAnAlarm) {
  WriteHistory();
  Deliver(origin_.Cut(kProvider, 0));
  // Provider's cut withholds position 1 and discloses position 2.
  ExpectAlarm("position 2: an entry that is not disclosed to us");
}

TEST_F(SubscriberTest, AGapIsAnAlarmAndSoonAskedForAgain) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 2);
  Deliver(std::move(message));
  EXPECT_EQ(subscriber_->NextTick(), now_ + absl::Seconds(2));
  ExpectAlarm("gap: a batch starts at position 2 where 0 is next");
}

TEST_F(SubscriberTest, ACountThatIsNotTheGroupsIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_count(message.batch.count() + 1);
  Deliver(std::move(message));
  ExpectAlarm("it says 6 positions and its group covers 5");
}

TEST_F(SubscriberTest, AnOversizedFrameIsAnAlarm) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.blobs.resize((4 << 20) + 1);
  Deliver(std::move(message));
  ExpectAlarm("a frame is larger than 4194304 bytes");
}

TEST_F(SubscriberTest, MisalignedWithheldHashesAreAnAlarm) {
  WriteHistory();
  log::GroupWriter writer;
  writer.AddLeaf(origin_.entries()[0].leaf);
  writer.AddWithheld({.level = 1, .hash = Hash()});
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_count(3);
  message.entries = std::move(writer).Finish().entries;
  message.blobs.clear();
  Deliver(std::move(message));
  ExpectAlarm("withheld entries at position 1: ");
}

TEST_F(SubscriberTest, AWithheldGenesisIsAnAlarm) {
  WriteHistory();
  log::GroupWriter writer;
  writer.AddWithheld({.level = 0, .hash = proof::LeafHash(origin_.entries()[0].leaf)});
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_count(1);
  message.batch.clear_checkpoint();
  message.entries = std::move(writer).Finish().entries;
  message.blobs.clear();
  Deliver(std::move(message));
  ExpectAlarm("position 0, the Genesis, is withheld");
}

TEST_F(SubscriberTest, ALogWithoutGenesisIsAnAlarm) {
  origin_.AddControl("polku.event.v1.RulesChanged", "rules");
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ExpectAlarm("does not start with its Genesis", false);
}

TEST_F(SubscriberTest, ASecondGenesisIsAnAlarm) {
  origin_.AddGenesis();
  origin_.AddGenesis();
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ExpectAlarm("position 1: a second Genesis", false);
}

TEST_F(SubscriberTest, AGenesisOfAnotherOriginIsAnAlarm) {
  origin_.AddGenesis([](auto& genesis) { genesis.set_origin("FI/X/\n\x1b[31m"); });
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ASSERT_EQ(alarms_.size(), 1u);
  EXPECT_THAT(alarms_[0], Not(HasSubstr("\x1b"))) << "a peer's bytes do not reach the terminal";
  ExpectAlarm("the Genesis names another origin", false);
}

TEST_F(SubscriberTest, AGenesisWithAnotherSigningKeyIsAnAlarm) {
  origin_.AddGenesis([](auto& genesis) { genesis.set_signing_key(std::string(32, 'z')); });
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ExpectAlarm("another signing key", false);
}

TEST_F(SubscriberTest, AGenesisOfAnotherFormatIsAnAlarm) {
  origin_.AddGenesis([](auto& genesis) { genesis.set_format(2); });
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ExpectAlarm("the log has format 2", false);
}

TEST_F(SubscriberTest, AnOrderThatDoesNotAscendIsAnAlarm) {
  origin_.AddGenesis();
  const uint64_t order = origin_.entries()[0].header.order();
  origin_.AddEvent({{kKela, {}}}, {}, [&](auto& header) { header.set_order(order); });
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ExpectAlarm(Str("order ", order, " does not ascend from ", order), false);
}

TEST_F(SubscriberTest, AMalformedHeaderIsAnAlarm) {
  origin_.AddGenesis();
  origin_.AddEvent({{kKela, {}}}, {}, [&](auto& header) { header.set_event_id("short"); });
  origin_.Commit();
  BatchMessage message = origin_.Cut(kProvider, 0);
  log::GroupWriter writer;
  writer.AddLeaf(origin_.entries()[0].leaf);
  writer.AddLeaf(origin_.entries()[1].leaf);
  message.entries = std::move(writer).Finish().entries;
  Deliver(std::move(message));
  ExpectAlarm("position 1: entry header: event_id is not 16 bytes", false);
}

TEST_F(SubscriberTest, MoreThanTheGrantedCreditIsAnAlarm) {
  credit_ = 1000;
  Make();
  origin_.AddGenesis();
  for (int i = 0; i < 40; ++i)
    origin_.AddEvent({{kKela, {kService}}}, {{kService, std::string(100'000, 'x')}});
  origin_.Commit();
  // One entry over the credit is allowed; forty in one message are not.
  BatchMessage flood = origin_.Cut(kKela, 0, 4 << 20);
  ASSERT_GT(flood.blobs.size(), size_t{3'500'000});
  Deliver(std::move(flood));
  ExpectAlarm("more than the granted credit of 1000 bytes", false);
}

TEST_F(SubscriberTest, ACommitWithoutEndIsAnAlarm) {
  credit_ = 1000;
  max_commit_ = 50'000;
  Make();
  origin_.AddGenesis();
  for (int i = 0; i < 8; ++i)
    origin_.AddEvent({{kKela, {kService}}}, {{kService, std::string(10'000, 'x')}});
  origin_.Commit();
  uint64_t next = 0;
  while (alarms_.empty() && next < 9) {
    BatchMessage message = origin_.Cut(kKela, next, 1);
    next += message.batch.count();
    Deliver(std::move(message));
  }
  ExpectAlarm("a commit is larger than 50000 bytes", false);
}

TEST_F(SubscriberTest, ALargeCommitIsGrantedMoreCreditAndStoredWhole) {
  credit_ = 5'000;
  Make();
  origin_.AddGenesis();
  for (int i = 0; i < 8; ++i)
    origin_.AddEvent({{kKela, {kService}}}, {{kService, std::string(10'000, 'x')}});
  origin_.Commit();
  uint64_t next = 0;
  uint64_t bytes = 0;
  while (next < 9) {
    BatchMessage message = origin_.Cut(kKela, next, 1);
    ASSERT_EQ(message.batch.checkpoint().empty(), next + message.batch.count() < 9);
    next += message.batch.count();
    bytes += message.entries.size() + message.blobs.size();
    Deliver(std::move(message));
    ASSERT_EQ(alarms_, std::vector<std::string>());
    if (next == 9) break;
    EXPECT_TRUE(stores_.empty()) << "nothing before the checkpoint";
    EXPECT_EQ(pulls_.back().next_position(), 0u);
    EXPECT_GT(pulls_.back().credit_bytes(), bytes) << "or the origin would wait for ever";
  }
  ASSERT_EQ(stores_.size(), 1u);
  EXPECT_EQ(stores_[0].groups.size(), 9u);
  EXPECT_EQ(stores_[0].head.frontier, origin_.frontier());
  Stored();
  EXPECT_EQ(pulls_.back().credit_bytes(), credit_);
}

TEST_F(SubscriberTest, AnotherSessionsOrOriginsMessagesAreIgnored) {
  WriteHistory();
  BatchMessage message = origin_.Cut(kKela, 0);
  message.batch.set_session(session() + 1);
  Deliver(message);
  message.batch.set_session(session());
  message.batch.set_origin("FI/MUN/0187690-1/oulu/referral/1");
  Deliver(message);
  EXPECT_TRUE(stores_.empty());
  EXPECT_EQ(alarms_, std::vector<std::string>());
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_CONNECTING);
}

TEST_F(SubscriberTest, ARepeatIsIgnored) {
  WriteHistory();
  const BatchMessage message = origin_.Cut(kKela, 0);
  Deliver(message);
  Deliver(message);
  EXPECT_EQ(stores_.size(), 1u);
  Stored();
  Deliver(message);
  EXPECT_EQ(stores_.size(), 1u);
  EXPECT_EQ(alarms_, std::vector<std::string>());
}

TEST_F(SubscriberTest, AFailedStoreIsAnAlarmAndTriedAgain) {
  WriteHistory();
  Deliver(origin_.Cut(kKela, 0));
  ASSERT_EQ(stores_.size(), 1u);
  stores_.clear();
  Stored(absl::ResourceExhaustedError("disk full"));
  ExpectAlarm("storing failed: disk full");
}

TEST_F(SubscriberTest, SecretsThatCannotBeWrappedAreAnAlarm) {
  WriteHistory();
  bool broken = true;
  wrap_ = [&](const CaseId& c, SectionKind k, const Hash& h,
              const vault::SectionSecret& s) -> absl::StatusOr<std::string> {
    if (broken) return absl::UnavailableError("keystore is away");
    return WrapWithOwnKey(c, k, h, s);
  };
  Make();
  Deliver(origin_.Cut(kKela, 0));
  broken = false;
  ExpectAlarm("cannot be sealed here: keystore is away");
}

TEST_F(SubscriberTest, AFaultWhileStoringWaitsForTheStore) {
  origin_.AddGenesis();
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  ASSERT_EQ(stores_.size(), 1u);
  origin_.AddEvent({{kKela, {}}}, {},
                   [](auto& header) { header.mutable_disclosures(0)->set_number(9); });
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 1));
  ASSERT_EQ(alarms_.size(), 1u);
  EXPECT_EQ(subscriber_->NextTick(), absl::InfiniteFuture());
  Take(subscriber_->Tick(now_ + absl::Hours(1)));
  EXPECT_EQ(pulls_.size(), 1u);
  now_ += absl::Hours(1);
  Stored();
  ASSERT_EQ(pulls_.size(), 2u);
  EXPECT_EQ(pulls_[1].next_position(), 1u) << "what was being stored counts";
}

TEST_F(SubscriberTest, BatchesThatArriveWhileStoringAreStoredTogetherAfterwards) {
  origin_.AddGenesis();
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  for (uint64_t i = 1; i < 5; ++i) {
    origin_.AddEvent({{kKela, {}}}, {});
    origin_.Commit();
    Deliver(origin_.Cut(kKela, i));
  }
  ASSERT_EQ(stores_.size(), 1u);
  Stored();
  ASSERT_EQ(stores_.size(), 2u);
  EXPECT_EQ(stores_[1].groups.size(), 4u);
  EXPECT_EQ(stores_[1].checkpoint, origin_.checkpoint());
  Stored();
  EXPECT_EQ(pulls_.back().next_position(), 5u);
}

TEST_F(SubscriberTest, KeysOfAStoreArePreparedOnce) {
  WriteHistory();
  std::vector<std::vector<std::pair<CaseId, SectionKind>>> prepared;
  SubscriberOptions options{
      .origin = kOrigin, .own_agency = kKela, .origin_keys = origin_.signer().verifier()};
  options.prepare_keys = [&](const auto& keys) {
    prepared.push_back(keys);
    return absl::OkStatus();
  };
  subscriber_ = Subscriber::Make(options, {}, wrap_, polku::testing::SeededRandom(8));
  Take(subscriber_->Start(now_, wall_));
  Deliver(origin_.Cut(kKela, 0));
  ASSERT_EQ(stores_.size(), 1u);
  ASSERT_EQ(prepared.size(), 1u);
  ASSERT_EQ(prepared[0].size(), 1u);
  EXPECT_EQ(prepared[0][0].first.view(), origin_.entries()[1].header.case_id());
  EXPECT_EQ(prepared[0][0].second, kService);
}

TEST_F(SubscriberTest, HeartbeatsShowWhatIsMissingAndSilenceShows) {
  WriteHistory();
  Deliver(origin_.Cut(kKela, 0));
  Stored();
  DeliverHeartbeat(origin_.checkpoint());
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_LIVE);
  origin_.AddEvent({}, {});
  origin_.Commit();
  DeliverHeartbeat(origin_.checkpoint());
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_CATCHING_UP);
  EXPECT_EQ(subscriber_->status().announced_size(), 6u);

  // Heartbeats go on, but the entry does not come: it is asked for in a new session.
  const uint64_t first_session = session();
  for (int i = 0; i < 20 && session() == first_session; ++i) {
    now_ += absl::Seconds(1);
    DeliverHeartbeat(origin_.checkpoint());
    Take(subscriber_->Tick(now_));
  }
  EXPECT_NE(session(), first_session);
  EXPECT_EQ(pulls_.back().next_position(), 5u);

  // Nothing at all comes.
  const uint64_t second_session = session();
  while (subscriber_->status().state() != exchange::v1::SUBSCRIPTION_STATE_SILENT) {
    ASSERT_LT(now_, absl::FromUnixSeconds(1'800'000'100));
    ASSERT_GT(subscriber_->NextTick(), now_);
    now_ = subscriber_->NextTick();
    Take(subscriber_->Tick(now_));
  }
  EXPECT_NE(session(), second_session);
  EXPECT_EQ(alarms_, std::vector<std::string>());
  DeliverHeartbeat(origin_.checkpoint());
  EXPECT_EQ(subscriber_->status().state(), exchange::v1::SUBSCRIPTION_STATE_CATCHING_UP);
}

TEST_F(SubscriberTest, PullsAreRepeatedToKeepTheSessionAlive) {
  WriteHistory();
  Deliver(origin_.Cut(kKela, 0));
  Stored();
  const size_t pulls = pulls_.size();
  for (int i = 1; i <= 5; ++i) {
    now_ = subscriber_->NextTick();
    Take(subscriber_->Tick(now_));
    EXPECT_EQ(pulls_.size(), pulls + static_cast<size_t>(i));
    EXPECT_EQ(pulls_.back().session(), pulls_.front().session());
  }
  EXPECT_EQ(now_, absl::FromUnixSeconds(1'800'000'010));
}

TEST_F(SubscriberTest, AnOlderHeartbeatIsALateMessage) {
  origin_.AddGenesis();
  origin_.Commit();
  const std::string older = origin_.checkpoint();
  origin_.AddEvent({}, {});
  origin_.Commit();
  Deliver(origin_.Cut(kKela, 0));
  Stored();
  DeliverHeartbeat(older);
  EXPECT_EQ(alarms_, std::vector<std::string>());
  EXPECT_EQ(subscriber_->status().announced_size(), 2u);
}

TEST_F(SubscriberTest, AHeartbeatThatDoesNotVerifyIsAnAlarm) {
  WriteHistory();
  const std::string note = SignerFromSeed(kOrigin, 'x')->Sign({kOrigin, Position(99), Hash()});
  DeliverHeartbeat(note);
  EXPECT_TRUE(alarms_.empty()) << "a change of key may be on its way";
  EXPECT_EQ(subscriber_->status().announced_size(), 0u);
  // A keep-alive is no news.
  for (int i = 0; i < 3; ++i) {
    now_ += absl::Seconds(5);
    DeliverHeartbeat(note);
  }
  ExpectAlarm("heartbeat: the checkpoint is not signed");
}

TEST_F(SubscriberTest, AHeartbeatOfNoKnownKeyForWhatIsVerifiedIsAnAlarmAtOnce) {
  WriteHistory();
  Deliver(origin_.Cut(kKela, 0));
  Stored();
  DeliverHeartbeat(SignerFromSeed(kOrigin, 'x')->Sign(
      {kOrigin, origin_.size(), origin_.frontier().Root()}));
  ASSERT_EQ(alarms_.size(), 1u);
  EXPECT_THAT(alarms_[0], HasSubstr("heartbeat: the checkpoint is not signed"));
}

TEST_F(SubscriberTest, AheadMeansThatTheOriginLostEntries) {
  WriteHistory();
  exchange::v1::Error error;
  error.set_code(exchange::v1::ERROR_CODE_AHEAD);
  Take(subscriber_->OnError(error, now_));
  ExpectAlarm("rolled back");
}

TEST_F(SubscriberTest, AnErrorAnswerIsAnAlarmInPrintableText) {
  WriteHistory();
  exchange::v1::Error error;
  error.set_code(exchange::v1::ERROR_CODE_NOT_ENTITLED);
  error.set_message("no right; ask the service's operator\n\x1b[2J" + std::string(10'000, 'x'));
  Take(subscriber_->OnError(error, now_));
  ASSERT_EQ(alarms_.size(), 1u);
  EXPECT_LT(alarms_[0].size(), 1000u);
  EXPECT_THAT(alarms_[0], Not(HasSubstr("\n")));
  ExpectAlarm("the origin answers ERROR_CODE_NOT_ENTITLED: no right; ask the service's operator\\x0a\\x1b[2J");
}

TEST_F(SubscriberTest, StartAgainAsksAtOnceButNotBeforeAFaultsRetry) {
  WriteHistory();
  const uint64_t first = session();
  Take(subscriber_->Start(now_, wall_));
  ASSERT_EQ(pulls_.size(), 2u);
  EXPECT_NE(session(), first);
  Deliver(origin_.Cut(kProvider, 0));
  ASSERT_EQ(alarms_.size(), 1u);
  Take(subscriber_->Start(now_, wall_));
  EXPECT_EQ(pulls_.size(), 2u);
}

}  // namespace
}  // namespace polku::replica
