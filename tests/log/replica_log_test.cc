#include "eventstore/log/replica_log.h"

#include "eventstore/log/group.h"
#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/reader.h"
#include "tests/log/log_fixture.h"

namespace polku::log {
namespace {

using testing::IsOk;
using testing::StatusIs;

const OriginName kFirst = *OriginName::Parse("FI/MUN/0187690-1/oulu/attendance/1");
const OriginName kSecond = *OriginName::Parse("FI/MUN/0187690-1/oulu/referral/1");

std::string CaseLeaf(uint64_t id, uint64_t case_number, uint64_t revision, uint64_t order) {
  event::v1::Header header;
  header.set_event_id(std::string(TestEvent(id).view()));
  header.set_type("t");
  header.set_author_agency(std::string(kTestAgency));
  header.set_case_id(std::string(TestCase(case_number).view()));
  header.set_case_revision(revision);
  header.set_order(order);
  return MakeLeaf(std::string(32, 'r'), header.SerializeAsString());
}

// Leaves; an empty one is withheld.
VerifiedBatch Batch(const LogHead& before, const std::vector<std::string>& leaves) {
  VerifiedBatch batch;
  batch.first = before.frontier.size();
  batch.head = before;
  GroupWriter writer;
  for (const std::string& leaf : leaves) {
    const Hash hash = proof::LeafHash(leaf);
    batch.head.frontier.AppendLeafHash(hash);
    if (leaf.empty()) {
      writer.AddWithheld({0, hash});
    } else {
      writer.AddLeaf(leaf);
      writer.AddBlob(SectionKind::kService, std::string(72, 'w'), "blob");
    }
  }
  GroupWriter::Encoded encoded = std::move(writer).Finish();
  batch.groups.push_back({batch.first, std::move(encoded.entries), std::move(encoded.blobs)});
  batch.checkpoint = "note";
  return batch;
}

TEST(ReplicaLog, StoresBatchesWithTheirCaseIndexAndIsFoundAgain) {
  auto engine = MakeMemoryEngine();
  ASSERT_OK_AND_ASSIGN(auto replica, ReplicaLog::Open(*engine, kFirst));
  EXPECT_EQ(replica->size(), Position(0));
  ASSERT_THAT(
      replica->Append(Batch(replica->head(), {CaseLeaf(1, 5, 3, 100), "", CaseLeaf(2, 5, 9, 200)})),
      IsOk());
  EXPECT_EQ(replica->size(), Position(3));
  ASSERT_OK_AND_ASSIGN(const auto refs, CaseEntries(*engine, TestCase(5)));
  ASSERT_EQ(refs.size(), 2u);
  EXPECT_EQ(refs[1].log, replica->number());
  EXPECT_NE(refs[1].log, kOwnLog);
  EXPECT_EQ(refs[1].position, Position(2));
  EXPECT_EQ(refs[1].revision, Revision(9));
  EXPECT_EQ(refs[1].order, Order(200));
  EXPECT_FALSE(engine->IndexGet(EventIndexKey(TestEvent(1), kTestAgency))->has_value())
      << "idempotency is the own log's";

  ASSERT_OK_AND_ASSIGN(auto again, ReplicaLog::Open(*engine, kFirst));
  EXPECT_EQ(again->number(), replica->number());
  EXPECT_EQ(again->size(), Position(3));
  const auto before = WholeIndex(*engine);
  ASSERT_THAT(RebuildIndex(*engine, nullptr), IsOk());
  EXPECT_EQ(WholeIndex(*engine), before);
}

TEST(ReplicaLog, ABatchThatDoesNotFollowIsRefused) {
  auto engine = MakeMemoryEngine();
  ASSERT_OK_AND_ASSIGN(auto replica, ReplicaLog::Open(*engine, kFirst));
  const LogHead empty = replica->head();
  ASSERT_THAT(replica->Append(Batch(empty, {CaseLeaf(1, 5, 1, 1)})), IsOk());
  EXPECT_THAT(replica->Append(Batch(empty, {CaseLeaf(1, 5, 1, 1)})),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  VerifiedBatch ahead = Batch(replica->head(), {CaseLeaf(2, 5, 2, 2)});
  ahead.first = Position(2);
  EXPECT_THAT(replica->Append(ahead), StatusIs(absl::StatusCode::kFailedPrecondition));
  VerifiedBatch foreign = Batch(replica->head(), {CaseLeaf(2, 5, 2, 2)});
  foreign.head.origin = kSecond.text();
  EXPECT_THAT(replica->Append(foreign), StatusIs(absl::StatusCode::kInvalidArgument));
  VerifiedBatch damaged = Batch(replica->head(), {CaseLeaf(2, 5, 2, 2)});
  damaged.groups[0].entries[20] ^= 1;
  EXPECT_THAT(replica->Append(damaged), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(replica->size(), Position(1));
}

TEST(ReplicaLog, TwoOpenedBeforeEitherStoredDoNotShareANumber) {
  auto engine = MakeMemoryEngine();
  ASSERT_OK_AND_ASSIGN(auto first, ReplicaLog::Open(*engine, kFirst));
  ASSERT_OK_AND_ASSIGN(auto second, ReplicaLog::Open(*engine, kSecond));
  ASSERT_THAT(first->Append(Batch(first->head(), {CaseLeaf(1, 5, 1, 1)})), IsOk());
  ASSERT_THAT(second->Append(Batch(second->head(), {CaseLeaf(2, 5, 1, 1), ""})), IsOk());
  EXPECT_NE(first->number(), second->number());
  ASSERT_OK_AND_ASSIGN(const auto logs, HeldLogs(*engine));
  ASSERT_EQ(logs.size(), 2u);
  EXPECT_EQ(logs[0].head.origin, kFirst.text());
  EXPECT_EQ(logs[1].head.origin, kSecond.text());
}

TEST(EntryReader, SkipsAndCountsWhatIsWithheld) {
  auto engine = MakeMemoryEngine();
  ASSERT_OK_AND_ASSIGN(auto replica, ReplicaLog::Open(*engine, kFirst));
  // Positions 0 leaf, 1 withheld, 2–3 withheld as one subtree, 4 leaf.
  VerifiedBatch batch =
      Batch(replica->head(), {CaseLeaf(1, 5, 1, 1), "", "", "", CaseLeaf(2, 5, 5, 9)});
  GroupWriter writer;
  writer.AddLeaf(CaseLeaf(1, 5, 1, 1));
  writer.AddWithheld({0, proof::LeafHash("")});
  writer.AddWithheld({1, proof::NodeHash(proof::LeafHash(""), proof::LeafHash(""))});
  writer.AddLeaf(CaseLeaf(2, 5, 5, 9));
  batch.groups[0].entries = std::move(writer).Finish().entries;
  batch.groups[0].blobs.clear();
  ASSERT_THAT(replica->Append(batch), IsOk());
  const uint64_t withheld_from[] = {3, 3, 2, 1, 0};
  for (uint64_t from = 0; from < 5; ++from) {
    ASSERT_OK_AND_ASSIGN(auto reader,
                         EntryReader::Make(*engine, replica->number(), Position(from), false));
    std::vector<uint64_t> seen;
    while (true) {
      ASSERT_OK_AND_ASSIGN(const auto entry, reader->Next());
      if (!entry) break;
      seen.push_back(entry->position.value());
    }
    EXPECT_EQ(seen, from == 0 ? (std::vector<uint64_t>{0, 4}) : (std::vector<uint64_t>{4}));
    EXPECT_EQ(reader->withheld(), withheld_from[from]) << from;
  }
  EntryFetcher fetcher(*engine);
  for (const uint64_t hidden : {1, 2, 3}) {
    EXPECT_THAT(fetcher.Fetch(replica->number(), Position(hidden), false),
                StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_THAT(fetcher.Fetch(replica->number(), Position(5), false),
              StatusIs(absl::StatusCode::kOutOfRange));
  ASSERT_OK_AND_ASSIGN(const EntryView entry, fetcher.Fetch(replica->number(), Position(4), true));
  EXPECT_EQ(entry.header->case_revision(), 5u);
}

}  // namespace
}  // namespace polku::log
