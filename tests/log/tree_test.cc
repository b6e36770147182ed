#include "eventstore/log/tree.h"

#include <algorithm>

#include "eventstore/log/group.h"
#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/replica_log.h"
#include "tests/log/log_fixture.h"
#include "tests/log/naive_tree.h"
#include "tests/log/probe_engine.h"

namespace polku::log {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

const OriginName kReplicaOrigin = *OriginName::Parse("FI/MUN/0187690-1/oulu/attendance/1");

// An own log that grows by commits of chosen sizes, and its tree as RFC 6962 has it.
class OwnLog {
 public:
  OwnLog() {
    signer_ = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
    auto log = Log::Open(
        engine_, {*OriginName::Parse(kTestOrigin), clock_.Function(), SystemRandom(), signer_.get()},
        kTestCurveKey);
    EXPECT_THAT(log, IsOk());
    log_ = *std::move(log);
    Read();
  }
  void Commit(uint64_t entries) {
    // Requests of one call share a commit as long as they are small.
    std::vector<AppendRequest> requests;
    while (entries > 0) {
      AppendRequest& request = requests.emplace_back();
      for (; entries > 0 && request.entries.size() < kMaxEntriesPerAppend; --entries) {
        ++ids_;
        request.entries.push_back(TestEntry(ids_, ids_ % 7));
      }
    }
    for (const AppendResult& result : log_->Append(requests)) ASSERT_THAT(result.status, IsOk());
    Read();
  }
  void GrowTo(uint64_t size, testing::SeededGenerator& generator, uint64_t max_commit) {
    while (tree.size() < size) Commit(1 + generator.Below(std::min(max_commit, size - tree.size())));
  }
  Engine& engine() { return *memory_; }
  ProbeEngine& probe() { return engine_; }
  NaiveTree tree;

 private:
  void Read() {
    auto reader = EntryReader::Make(*memory_, kOwnLog, Position(tree.size()), false);
    ASSERT_THAT(reader, IsOk());
    while (true) {
      auto entry = (*reader)->Next();
      ASSERT_THAT(entry, IsOk());
      if (!entry->has_value()) return;
      tree.Add(proof::LeafHash((*entry)->leaf));
    }
  }

  const std::unique_ptr<Engine> memory_ = MakeMemoryEngine();
  ProbeEngine engine_{*memory_};
  TestClock clock_;
  std::unique_ptr<proof::Signer> signer_;
  std::unique_ptr<Log> log_;
  uint64_t ids_ = 0;
};

TEST(TreeReader, OfAnOwnLogEveryProofAtEverySizeIsThatOfRfc6962) {
  testing::SeededGenerator generator(testing::TestSeed());
  OwnLog log;
  log.GrowTo(600, generator, 40);
  TreeReader reader(log.engine(), kOwnLog);
  for (uint64_t size = 0; size <= 600; ++size) {
    EXPECT_THAT(reader.Root(Position(size)), IsOkAndHolds(log.tree.Root(0, size))) << size;
    // Every index and pair of the small trees; of the others those beside powers of two and some more.
    for (uint64_t at = 0; at <= size; ++at) {
      if (size > 140 && at + 3 < size && at % 256 > 2 && at % 64 != 5) continue;
      if (at < size) {
        EXPECT_THAT(reader.Inclusion(Position(at), Position(size)),
                    IsOkAndHolds(log.tree.Inclusion(at, size)))
            << at << " in " << size;
      }
      EXPECT_THAT(reader.Consistency(Position(at), Position(size)),
                  IsOkAndHolds(log.tree.Consistency(at, size)))
          << at << " to " << size;
    }
  }
  for (uint8_t level = 0; level <= 9; ++level) {
    for (uint64_t i = 0; i < uint64_t{600} >> level; ++i) {
      EXPECT_THAT(reader.Subtree(level, i),
                  IsOkAndHolds(log.tree.Root(i << level, (i + 1) << level)));
    }
    EXPECT_THAT(reader.Subtree(level, 600 >> level), StatusIs(absl::StatusCode::kOutOfRange));
  }
}

TEST(TreeReader, FollowsALogThatGrowsByCommitsOfAnySize) {
  testing::SeededGenerator generator(testing::TestSeed());
  OwnLog log;
  TreeReader kept(log.engine(), kOwnLog);
  for (const uint64_t max_commit : {1, 30, 300, 3'000}) {
    for (int commit = 0; commit < 30 && log.tree.size() < 9'000; ++commit) {
      log.Commit(1 + generator.Below(max_commit));
      const uint64_t size = log.tree.size();
      TreeReader fresh(log.engine(), kOwnLog);
      for (TreeReader* reader : {&kept, &fresh}) {
        ASSERT_THAT(reader->Root(Position(size)), IsOkAndHolds(log.tree.Root(0, size)));
        for (int i = 0; i < 6; ++i) {
          const uint64_t at = 1 + generator.Below(size);
          const uint64_t from = generator.Below(at);
          ASSERT_THAT(reader->Inclusion(Position(from), Position(at)),
                      IsOkAndHolds(log.tree.Inclusion(from, at)))
              << from << " in " << at << " of " << size;
          ASSERT_THAT(reader->Consistency(Position(from), Position(at)),
                      IsOkAndHolds(log.tree.Consistency(from, at)))
              << from << " to " << at << " of " << size;
          ASSERT_THAT(reader->Inclusion(Position(size - 1), Position(size)),
                      IsOkAndHolds(log.tree.Inclusion(size - 1, size)));
        }
      }
    }
  }
  EXPECT_GT(log.tree.size(), 4'000u);
}

TEST(TreeReader, RequestsBeyondTheLogAreOutOfRange) {
  OwnLog log;
  log.Commit(9);
  TreeReader reader(log.engine(), kOwnLog);
  EXPECT_THAT(reader.Root(Position(11)), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Inclusion(Position(3), Position(11)),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Inclusion(Position(5), Position(5)), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Consistency(Position(3), Position(11)),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Consistency(Position(6), Position(5)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(reader.Subtree(62, 0), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Subtree(63, 0), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Subtree(255, 0), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(reader.Subtree(0, UINT64_MAX), StatusIs(absl::StatusCode::kOutOfRange));
  TreeReader nothing(log.engine(), LogNumber(7));
  EXPECT_THAT(nothing.Root(Position(0)), IsOkAndHolds(proof::EmptyRoot()));
  EXPECT_THAT(nothing.Consistency(Position(0), Position(0)), IsOkAndHolds(proof::MerkleProof()));
  EXPECT_THAT(nothing.Root(Position(1)), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(TreeReader, AMissingOrAlteredNodeIsFoundAndNeverMakesAWrongProof) {
  testing::SeededGenerator generator(testing::TestSeed());
  OwnLog log;
  log.GrowTo(3'000, generator, 700);
  std::vector<KeyValue> nodes;
  for (const auto& entry : WholeIndex(log.engine())) {
    if (entry.first[0] == 'n') nodes.push_back(entry);
  }
  ASSERT_EQ(nodes.size(), 11u + 5 + 2 + 1) << "levels 8 to 11 of 3,000 leaves";
  for (const KeyValue& node : nodes) {
    std::string altered = node.second;
    altered[generator.Below(altered.size())] ^= static_cast<char>(1 << generator.Below(8));
    for (const std::optional<std::string>& answer :
         {std::optional<std::string>(), std::optional<std::string>(altered),
          std::optional<std::string>("short")}) {
      log.probe().Override(node.first, answer);
      int found = 0;
      for (int i = 0; i < 80; ++i) {
        // A reader of its own for each, so that no root is known from before.
        TreeReader reader(log.probe(), kOwnLog);
        const uint64_t size = i % 3 == 0 ? 3'000 : 1 + generator.Below(3'000);
        const uint64_t at = generator.Below(size);
        const auto judge = [&](const absl::StatusOr<proof::MerkleProof>& made,
                               const proof::MerkleProof& right) {
          if (made.ok()) {
            EXPECT_EQ(*made, right) << at << ", " << size;
            return;
          }
          ++found;
          EXPECT_THAT(made, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("polku reindex")));
        };
        judge(reader.Inclusion(Position(at), Position(size)), log.tree.Inclusion(at, size));
        judge(reader.Consistency(Position(at), Position(size)), log.tree.Consistency(at, size));
        const auto root = reader.Root(Position(size));
        if (root.ok()) {
          EXPECT_EQ(*root, log.tree.Root(0, size));
        } else {
          ++found;
          EXPECT_THAT(root, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("polku reindex")));
        }
      }
      EXPECT_GT(found, 0) << "node " << ToHex(node.first) << " is never used";
      log.probe().ClearOverrides();
    }
  }
}

TEST(TreeReader, ABrokenGroupIsNamed) {
  OwnLog log;
  for (int i = 0; i < 6; ++i) log.Commit(1);
  auto altered = MakeMemoryEngine();
  for (CommitBatch batch : log.probe().commits()) {
    if (batch.expected_size == Position(4)) batch.groups[0].entries.back() ^= 1;
    ASSERT_THAT(altered->Commit(batch), IsOk());
  }
  TreeReader reader(*altered, kOwnLog);
  EXPECT_THAT(reader.Inclusion(Position(2), Position(7)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log 0 position 4")));
}

TEST(RebuildIndex, OfAnAlteredLogIsRefusedAndLeavesTheIndexAsItWas) {
  OwnLog log;
  log.Commit(3);
  log.Commit(300);
  auto altered = MakeMemoryEngine();
  for (CommitBatch batch : log.probe().commits()) {
    if (batch.expected_size == Position(1)) {
      // One leaf written anew, with the right checksum.
      ASSERT_OK_AND_ASSIGN(const GroupView group, GroupView::Parse(batch.groups[0].entries, {}));
      GroupWriter writer;
      for (const GroupItem& item : group.items()) {
        std::string leaf(item.leaf);
        if (item.offset == 1) leaf[20] ^= 1;
        writer.AddLeaf(leaf);
      }
      batch.groups[0].entries = std::move(writer).Finish().entries;
    }
    ASSERT_THAT(altered->Commit(batch), IsOk());
  }
  const auto index = WholeIndex(*altered);
  EXPECT_THAT(RebuildIndex(*altered, nullptr),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("altered")));
  EXPECT_EQ(WholeIndex(*altered), index);
  TreeReader reader(*altered, kOwnLog);
  EXPECT_THAT(reader.Inclusion(Position(1), Position(304)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("polku reindex")));
}

// ---- Replicas ----

std::string Leaf(uint64_t position) {
  event::v1::Header header;
  header.set_event_id(std::string(TestEvent(position + 1).view()));
  header.set_type("t");
  header.set_author_agency(std::string(kTestAgency));
  header.set_case_id(std::string(TestCase(position % 5).view()));
  header.set_case_revision(position + 1);
  header.set_order(position + 1);
  return MakeLeaf(std::string(32, 'r'), header.SerializeAsString());
}

class Replica {
 public:
  Replica() {
    auto opened = ReplicaLog::Open(engine_, kReplicaOrigin);
    EXPECT_THAT(opened, IsOk());
    log_ = *std::move(opened);
  }
  // A batch of one entry for each element; true: disclosed.
  void Store(const std::vector<bool>& disclosed, testing::SeededGenerator& generator) {
    VerifiedBatch batch;
    batch.first = log_->size();
    batch.head = log_->head();
    proof::Frontier& frontier = batch.head.frontier;
    GroupWriter writer;
    Position group_first = batch.first;
    const auto close = [&] {
      if (writer.count() == 0) return;
      batch.groups.push_back({group_first, std::move(writer).Finish().entries, {}});
      writer = GroupWriter();
      group_first = frontier.size();
    };
    for (size_t i = 0; i < disclosed.size();) {
      const Position position = frontier.size();
      if (disclosed[i]) {
        const std::string leaf = Leaf(position.value());
        tree.Add(proof::LeafHash(leaf));
        held.push_back(position.value());
        frontier.AppendLeafHash(tree.leaf(position.value()), &batch.nodes);
        writer.AddLeaf(leaf);
        ++i;
      } else {
        std::vector<Hash> hashes;
        for (; i < disclosed.size() && !disclosed[i]; ++i) {
          tree.Add(proof::LeafHash(Leaf(tree.size())));
          hashes.push_back(tree.leaf(tree.size() - 1));
        }
        for (const proof::Subtree& subtree : proof::CoverRange(position, hashes)) {
          ASSERT_THAT(frontier.AppendSubtree(subtree, &batch.nodes), IsOk());
          writer.AddWithheld(subtree);
          if (generator.Below(5) == 0) close();
        }
      }
      if (writer.count() >= 1 + generator.Below(200)) close();
    }
    close();
    batch.checkpoint = Str("note ", frontier.size().value());
    ASSERT_THAT(log_->Append(batch), IsOk());
    ends.push_back(tree.size());
  }

  Engine& engine() { return engine_; }
  ProbeEngine& probe() { return engine_; }
  LogNumber number() const { return log_->number(); }
  NaiveTree tree;
  std::vector<uint64_t> held;
  std::vector<uint64_t> ends = {0};

 private:
  const std::unique_ptr<Engine> memory_ = MakeMemoryEngine();
  ProbeEngine engine_{*memory_};
  std::unique_ptr<ReplicaLog> log_;
};

// Runs of disclosed and of withheld entries, short and long.
std::vector<bool> Pattern(size_t size, testing::SeededGenerator& generator) {
  std::vector<bool> disclosed;
  bool on = generator.Below(2) == 0;
  while (disclosed.size() < size) {
    const uint64_t longest = on ? 12 : uint64_t{1} << generator.Below(11);
    for (uint64_t n = 1 + generator.Below(longest); n > 0 && disclosed.size() < size; --n) {
      disclosed.push_back(on);
    }
    on = !on;
  }
  return disclosed;
}

TEST(TreeReader, OfAReplicaWhatIsHeldIsProvenAtEveryBatchEndAndNothingIsEverWrong) {
  testing::SeededGenerator generator(testing::TestSeed());
  uint64_t hidden = 0;
  uint64_t answered = 0;
  for (int round = 0; round < 12; ++round) {
    Replica replica;
    while (replica.tree.size() < 3'500) {
      const uint64_t most = uint64_t{1} << (1 + generator.Below(11));
      replica.Store(Pattern(1 + generator.Below(most), generator), generator);
    }
    const uint64_t size = replica.tree.size();
    TreeReader reader(replica.engine(), replica.number());
    for (const uint64_t end : replica.ends) {
      ASSERT_THAT(reader.Root(Position(end)), IsOkAndHolds(replica.tree.Root(0, end)));
      for (size_t i = 0; i < replica.held.size() && replica.held[i] < end;
           i += 1 + generator.Below(20)) {
        ASSERT_THAT(reader.Inclusion(Position(replica.held[i]), Position(end)),
                    IsOkAndHolds(replica.tree.Inclusion(replica.held[i], end)))
            << replica.held[i] << " in " << end;
      }
      for (const uint64_t older : replica.ends) {
        if (older > end) break;
        ASSERT_THAT(reader.Consistency(Position(older), Position(end)),
                    IsOkAndHolds(replica.tree.Consistency(older, end)))
            << older << " to " << end;
      }
    }
    // Anything at all: right or NotFound.
    for (int i = 0; i < 400; ++i) {
      const uint64_t at = 1 + generator.Below(size);
      const uint64_t from = generator.Below(at);
      const auto judge = [&](const auto& made, const auto& right) {
        if (made.ok()) {
          ++answered;
          EXPECT_EQ(*made, right) << from << ", " << at;
        } else {
          ++hidden;
          EXPECT_THAT(made, StatusIs(absl::StatusCode::kNotFound, HasSubstr("withheld")));
        }
      };
      judge(reader.Inclusion(Position(from), Position(at)), replica.tree.Inclusion(from, at));
      judge(reader.Consistency(Position(from), Position(at)), replica.tree.Consistency(from, at));
      judge(reader.Root(Position(at)), replica.tree.Root(0, at));
      const uint8_t level = static_cast<uint8_t>(generator.Below(11));
      if (const uint64_t node = from >> level; (node + 1) << level <= size) {
        judge(reader.Subtree(level, node),
              replica.tree.Root(node << level, (node + 1) << level));
      }
    }
    const auto index = WholeIndex(replica.engine());
    ASSERT_THAT(RebuildIndex(replica.engine(), nullptr), IsOk());
    EXPECT_EQ(WholeIndex(replica.engine()), index) << "a reindex makes the same nodes";
  }
  EXPECT_GT(hidden, 100u);
  EXPECT_GT(answered, 100u);
}

TEST(TreeReader, AReplicasMissingNodeIsNotTakenForAWithheldOne) {
  testing::SeededGenerator generator(3);
  Replica replica;
  // Level 8: node 0 of leaves, node 1 withheld as such, nodes 2 and 3 within one of level 9.
  std::vector<bool> disclosed(1'024, false);
  std::fill(disclosed.begin(), disclosed.begin() + 256, true);
  replica.Store(disclosed, generator);
  replica.Store({true}, generator);
  TreeReader reader(replica.engine(), replica.number());
  EXPECT_THAT(reader.Subtree(8, 1), IsOkAndHolds(replica.tree.Root(256, 512)));
  EXPECT_THAT(reader.Subtree(9, 1), IsOkAndHolds(replica.tree.Root(512, 1'024)));
  EXPECT_THAT(reader.Subtree(8, 3), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(reader.Subtree(7, 2), StatusIs(absl::StatusCode::kNotFound));
  for (const auto& [level, index] : {std::pair<uint8_t, uint64_t>{8, 0}, {8, 1}, {9, 0}, {9, 1}}) {
    replica.probe().Override(NodeIndexKey(replica.number(), level, index), std::nullopt);
    EXPECT_THAT(reader.Subtree(level, index),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("polku reindex")));
    replica.probe().ClearOverrides();
  }
}

}  // namespace
}  // namespace polku::log
