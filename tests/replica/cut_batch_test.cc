#include "eventstore/replica/publisher.h"
#include "gtest/gtest.h"
#include "tests/replica/origin.h"

namespace polku::replica {
namespace {

using ::polku::testing::StatusIs;
using ::testing::HasSubstr;

TEST(CutBatchTest, SmallCommitsAreMergedAndTheBatchEndsAtACheckpoint) {
  TestOrigin origin(1);
  origin.AddGenesis();
  origin.Commit();
  for (int i = 0; i < 99; ++i) {
    origin.AddEvent({{kKela, {}}}, {});
    origin.Commit();
  }
  const BatchMessage all = origin.Cut(kKela, 0);
  EXPECT_EQ(all.batch.count(), 100u);
  EXPECT_EQ(all.batch.checkpoint(), origin.checkpoint());
  const BatchMessage limited = origin.Cut(kKela, 10, 2'000);
  EXPECT_LE(limited.entries.size(), 2'000u);
  EXPECT_GT(limited.batch.count(), 1u);
  auto note = proof::VerifyCheckpoint(limited.batch.checkpoint(), origin.signer().verifier());
  ASSERT_THAT(note, polku::testing::IsOk());
  EXPECT_EQ(note->size.value(), 10 + limited.batch.count());
}

TEST(CutBatchTest, PartsOfALargeCommitCarryNoCheckpointUntilItsEnd) {
  TestOrigin origin(2);
  origin.AddGenesis();
  origin.Commit();
  for (int i = 0; i < 600; ++i) origin.AddEvent({{kKela, {}}}, {});
  origin.Commit();
  // The genesis alone: its commit's end is in reach.
  const BatchMessage first = origin.Cut(kKela, 0);
  EXPECT_EQ(first.batch.count(), 1u);
  EXPECT_NE(first.batch.checkpoint(), "");
  uint64_t next = 1;
  std::vector<uint64_t> counts;
  while (next < 601) {
    const BatchMessage part = origin.Cut(kKela, next);
    counts.push_back(part.batch.count());
    next += part.batch.count();
    EXPECT_EQ(part.batch.checkpoint().empty(), next < 601);
  }
  EXPECT_EQ(counts, (std::vector<uint64_t>{256, 256, 88}));
}

TEST(CutBatchTest, ALongWithheldRunIsAFewHashes) {
  TestOrigin origin(3);
  origin.AddGenesis();
  for (int i = 0; i < 4095; ++i) origin.AddEvent({{kProvider, {}}}, {});
  origin.Commit();
  const BatchMessage message = origin.Cut(kKela, 0);
  EXPECT_EQ(message.batch.count(), 4096u);
  auto view = log::GroupView::Parse(message.entries, message.blobs);
  ASSERT_THAT(view, polku::testing::IsOk());
  EXPECT_EQ(view->items().size(), 1u + 12u) << "the genesis, then subtrees of level 0 to 11";
}

TEST(CutBatchTest, AnEntryLargerThanTheBoundIsSentAlone) {
  TestOrigin origin(4);
  origin.AddGenesis();
  origin.AddEvent({{kKela, {SectionKind::kService}}},
                  {{SectionKind::kService, std::string(1 << 20, 'x')}});
  origin.AddEvent({{kKela, {}}}, {});
  origin.Commit();
  const BatchMessage message = origin.Cut(kKela, 1, 1'000);
  EXPECT_EQ(message.batch.count(), 1u);
  EXPECT_GT(message.blobs.size(), size_t{1} << 20);
}

TEST(CutBatchTest, OnlyDisclosedSectionsLeaveTheOrigin) {
  TestOrigin origin(5);
  origin.AddGenesis();
  origin.AddEvent({{kKela, {SectionKind::kPayment}}, {kProvider, {}}},
                  {{SectionKind::kHealth, "ill"}, {SectionKind::kPayment, "9.00"}});
  origin.Commit();
  const auto health = origin.SecretOf(origin.entries()[1].header, SectionKind::kHealth);
  const auto payment = origin.SecretOf(origin.entries()[1].header, SectionKind::kPayment);
  const BatchMessage kela = origin.Cut(kKela, 0);
  EXPECT_EQ(kela.blobs.find(health.secret_bytes()), std::string::npos);
  EXPECT_NE(kela.blobs.find(payment.secret_bytes()), std::string::npos);
  EXPECT_EQ(origin.Cut(kProvider, 0).blobs, "");
  const BatchMessage stranger = origin.Cut(kAuditor, 0);
  EXPECT_EQ(stranger.blobs, "");
  EXPECT_EQ(stranger.entries.find(origin.entries()[1].header.event_id()), std::string::npos);
}

TEST(CutBatchTest, AReceiverWhoseNameIsPartOfAnothersGetsNothingOfIt) {
  TestOrigin origin(6);
  origin.AddGenesis();
  origin.AddEvent({{std::string(kKela) + "2", {}}}, {});
  origin.Commit();
  const BatchMessage message = origin.Cut(kKela, 0);
  EXPECT_EQ(message.entries.find(origin.entries()[1].header.event_id()), std::string::npos);
}

TEST(CutBatchTest, AnEmptyRangeAndAMissingSecretAreErrors) {
  TestOrigin origin(7);
  origin.AddGenesis();
  origin.AddEvent({{kKela, {SectionKind::kService}}}, {{SectionKind::kService, "x"}});
  origin.Commit();
  EXPECT_THAT(origin.cut()(kKela, false, Position(2), Position(2), 1000),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CutBatch(origin.engine(), kOrigin, kKela, Position(0), Position(2), 1000,
                       [](const auto&, SectionKind) -> absl::StatusOr<vault::SectionSecret> {
                         return absl::DataLossError("sealed key does not open");
                       }),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("sealed key")));
}

}  // namespace
}  // namespace polku::replica
