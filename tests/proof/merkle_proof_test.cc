#include "eventstore/proof/merkle_proof.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/reference_tree.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::SeededGenerator;
using testing::StatusIs;
using testing::TestSeed;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr uint64_t kLargest = (uint64_t{1} << 63) - 1;

SubtreeFn SubtreesOf(std::span<const Hash> leaves) {
  return [leaves](uint8_t level, uint64_t index) -> absl::StatusOr<Hash> {
    const size_t count = size_t{1} << level;
    // Beyond the leaves is a defect of the caller: no such subtree is complete.
    if ((index + 1) * count > leaves.size()) return absl::InternalError("incomplete subtree");
    return NaiveRoot(leaves.subspan(index * count, count));
  };
}

// Trees of any size whose leaves are all the same: a complete subtree's root depends on its level
// alone.
SubtreeFn EqualLeaves() {
  std::vector<Hash> roots{LeafHash("x")};
  while (roots.size() < 64) roots.push_back(NodeHash(roots.back(), roots.back()));
  return [roots](uint8_t level, uint64_t) { return roots.at(level); };
}

// What a verifier is given, so that it can be spoilt in one place.
struct Inclusion {
  Position index, size;
  Hash leaf;
  MerkleProof proof;
  Hash root;
  absl::Status Verify() const { return VerifyInclusion(index, size, leaf, proof, root); }
};
struct Consistency {
  Position size1, size2;
  Hash root1, root2;
  MerkleProof proof;
  absl::Status Verify() const { return VerifyConsistency(size1, size2, root1, root2, proof); }
};

void FlipABit(SeededGenerator& random, Hash& hash) {
  hash.data()[random.Below(32)] ^= static_cast<uint8_t>(1 << random.Below(8));
}

// Every way to spoil the hashes of a proof: a bit flipped in each, each dropped, one added at each
// place, each two neighbours swapped.
template <typename Claim>
void ExpectSpoiltHashesRefused(SeededGenerator& random, const Claim& good) {
  const size_t count = good.proof.size();
  for (size_t i = 0; i <= count; ++i) {
    Claim bad = good;
    bad.proof.insert(bad.proof.begin() + static_cast<std::ptrdiff_t>(i), LeafHash(random.Bytes(8)));
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid, HasSubstr("hashes where"))) << "added " << i;
    if (i == count) break;
    bad = good;
    FlipABit(random, bad.proof[i]);
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid, HasSubstr("otherwise"))) << "flipped " << i;
    bad = good;
    bad.proof.erase(bad.proof.begin() + static_cast<std::ptrdiff_t>(i));
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid, HasSubstr("hashes where"))) << "dropped " << i;
    if (i + 1 == count) continue;
    bad = good;
    std::swap(bad.proof[i], bad.proof[i + 1]);
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid, HasSubstr("otherwise"))) << "swapped " << i;
  }
}

TEST(InclusionProof, IsThatOfTheRfcForEveryLeafOfEverySize) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 140);
  for (size_t size = 1; size <= leaves.size(); ++size) {
    const std::span<const Hash> tree = std::span(leaves).first(size);
    const Hash root = NaiveRoot(tree);
    for (size_t index = 0; index < size; ++index) {
      ASSERT_OK_AND_ASSIGN(const MerkleProof proof,
                           MakeInclusionProof(Position(index), Position(size), SubtreesOf(tree)));
      ASSERT_EQ(proof, NaivePath(index, tree)) << index << " of " << size;
      ASSERT_THAT(VerifyInclusion(Position(index), Position(size), leaves[index], proof, root),
                  IsOk());
    }
  }
}

TEST(ConsistencyProof, IsThatOfTheRfcForEveryPairOfSizes) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 140);
  std::vector<Hash> roots;
  for (size_t size = 0; size <= leaves.size(); ++size) {
    roots.push_back(NaiveRoot(std::span(leaves).first(size)));
    const std::span<const Hash> tree = std::span(leaves).first(size);
    for (size_t older = 1; older <= size; ++older) {
      ASSERT_OK_AND_ASSIGN(const MerkleProof proof,
                           MakeConsistencyProof(Position(older), Position(size), SubtreesOf(tree)));
      ASSERT_EQ(proof, NaiveSubproof(older, tree, true)) << older << " of " << size;
      ASSERT_THAT(
          VerifyConsistency(Position(older), Position(size), roots[older], roots[size], proof),
          IsOk());
    }
  }
}

TEST(InclusionProof, HoldsForItsOwnLeafPlaceSizeAndRootAlone) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 300);
  for (size_t size = 1; size <= leaves.size(); ++size) {
    const std::span<const Hash> tree = std::span(leaves).first(size);
    const size_t index = random.Below(size);
    ASSERT_OK_AND_ASSIGN(MerkleProof proof,
                         MakeInclusionProof(Position(index), Position(size), SubtreesOf(tree)));
    const Inclusion good{Position(index), Position(size), leaves[index], proof, NaiveRoot(tree)};
    ASSERT_THAT(good.Verify(), IsOk());
    ASSERT_NO_FATAL_FAILURE(ExpectSpoiltHashesRefused(random, good)) << index << " of " << size;
    Inclusion bad = good;
    FlipABit(random, bad.leaf);
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid));
    bad = good;
    FlipABit(random, bad.root);
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid));
    for (size_t other = 0; other < size + 2; ++other) {
      if (other == index) continue;
      bad = good;
      bad.index = Position(other);
      ASSERT_THAT(bad.Verify(), StatusIs(kInvalid)) << other << " for " << index << " of " << size;
    }
  }
}

TEST(ConsistencyProof, HoldsForItsOwnSizesAndRootsAlone) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 300);
  for (size_t size = 1; size <= leaves.size(); ++size) {
    const std::span<const Hash> tree = std::span(leaves).first(size);
    const size_t older = 1 + random.Below(size);
    ASSERT_OK_AND_ASSIGN(MerkleProof proof,
                         MakeConsistencyProof(Position(older), Position(size), SubtreesOf(tree)));
    const Consistency good{Position(older), Position(size), NaiveRoot(tree.first(older)),
                           NaiveRoot(tree), proof};
    ASSERT_THAT(good.Verify(), IsOk());
    ASSERT_NO_FATAL_FAILURE(ExpectSpoiltHashesRefused(random, good)) << older << " of " << size;
    Consistency bad = good;
    FlipABit(random, bad.root1);
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid));
    bad = good;
    FlipABit(random, bad.root2);
    ASSERT_THAT(bad.Verify(), StatusIs(kInvalid));
    for (size_t other = 0; other < size + 2; ++other) {
      if (other == older) continue;
      bad = good;
      bad.size1 = Position(other);
      ASSERT_THAT(bad.Verify(), StatusIs(kInvalid)) << other << " for " << older << " of " << size;
    }
    bad = good;
    std::swap(bad.root1, bad.root2);
    ASSERT_EQ(bad.Verify().ok(), older == size);
  }
}

// An altered history: one leaf of the older tree is another in the newer.
TEST(ConsistencyProof, IsRefusedWhenAnyOlderLeafIsAltered) {
  SeededGenerator random(TestSeed());
  std::vector<Hash> leaves = RandomLeaves(random, 40);
  for (size_t older = 1; older < leaves.size(); ++older) {
    const Hash root = NaiveRoot(std::span(leaves).first(older));
    for (size_t altered = 0; altered < older; ++altered) {
      std::vector<Hash> other = leaves;
      FlipABit(random, other[altered]);
      ASSERT_OK_AND_ASSIGN(
          const MerkleProof proof,
          MakeConsistencyProof(Position(older), Position(leaves.size()), SubtreesOf(other)));
      ASSERT_THAT(VerifyConsistency(Position(older), Position(leaves.size()), root,
                                    NaiveRoot(other), proof),
                  StatusIs(kInvalid, HasSubstr("otherwise")));
    }
  }
}

TEST(Proofs, WorkUpToTheLargestTree) {
  SeededGenerator random(TestSeed());
  const SubtreeFn subtree = EqualLeaves();
  for (int round = 0; round < 300; ++round) {
    const uint64_t size = round == 0 ? kLargest : 1 + ((random() >> 1) >> random.Below(63));
    const uint64_t index = round < 10 ? size - 1 : random.Below(size);
    ASSERT_OK_AND_ASSIGN(const Hash root, RootAt(Position(size), subtree));
    ASSERT_OK_AND_ASSIGN(const MerkleProof inclusion,
                         MakeInclusionProof(Position(index), Position(size), subtree));
    const Inclusion included{Position(index), Position(size), LeafHash("x"), inclusion, root};
    ASSERT_THAT(included.Verify(), IsOk()) << index << " of " << size;
    ASSERT_NO_FATAL_FAILURE({
      Inclusion bad = included;
      for (Hash& hash : bad.proof) {
        FlipABit(random, hash);
        ASSERT_THAT(bad.Verify(), StatusIs(kInvalid));
        bad = included;
      }
    });
    const Position older(index + 1);
    ASSERT_OK_AND_ASSIGN(const Hash older_root, RootAt(older, subtree));
    ASSERT_OK_AND_ASSIGN(const MerkleProof consistency,
                         MakeConsistencyProof(older, Position(size), subtree));
    ASSERT_THAT(VerifyConsistency(older, Position(size), older_root, root, consistency), IsOk())
        << older.value() << " of " << size;
    ASSERT_LE(inclusion.size(), 63u);
    ASSERT_LE(consistency.size(), kMaxProofHashes);
  }
}

// The bounds that the header publishes are reached, so they are not generous.
TEST(Proofs, ReachTheirPublishedLength) {
  const SubtreeFn subtree = EqualLeaves();
  ASSERT_OK_AND_ASSIGN(const MerkleProof inclusion,
                       MakeInclusionProof(Position(0), Position(kLargest), subtree));
  EXPECT_EQ(inclusion.size(), 63u);
  ASSERT_OK_AND_ASSIGN(const MerkleProof consistency,
                       MakeConsistencyProof(Position(3), Position(kLargest), subtree));
  EXPECT_EQ(consistency.size(), kMaxProofHashes);
}

TEST(Proofs, AskForCompleteSubtreesAFewTimesWhateverTheSize) {
  SeededGenerator random(TestSeed());
  const SubtreeFn subtree = EqualLeaves();
  for (int round = 0; round < 300; ++round) {
    const uint64_t size = 1 + ((random() >> 1) >> random.Below(63));
    int calls = 0;
    const SubtreeFn counting = [&](uint8_t level, uint64_t index) {
      ++calls;
      EXPECT_LE((index + 1) << level, size) << "a subtree that is not complete";
      return subtree(level, index);
    };
    const Position index(random.Below(size));
    ASSERT_THAT(MakeInclusionProof(index, Position(size), counting), IsOk());
    EXPECT_LE(calls, 2 * 63);
    calls = 0;
    ASSERT_THAT(MakeConsistencyProof(index, Position(size), counting), IsOk());
    EXPECT_LE(calls, 2 * 63);
    calls = 0;
    ASSERT_THAT(RootAt(Position(size), counting), IsOk());
    EXPECT_EQ(calls, std::popcount(size));
  }
}

TEST(RootAt, IsThatOfTheRfcAtEverySize) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 300);
  for (size_t size = 0; size <= leaves.size(); ++size) {
    EXPECT_THAT(RootAt(Position(size), SubtreesOf(std::span(leaves).first(size))),
                IsOkAndHolds(NaiveRoot(std::span(leaves).first(size))));
  }
}

// tlog-witness: the proof from an empty log is empty, whatever the newer tree.
TEST(ConsistencyProof, FromSizeZeroIsEmptyAndNothingElse) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 9);
  const Hash root = NaiveRoot(leaves);
  EXPECT_THAT(MakeConsistencyProof(Position(0), Position(9), SubtreesOf(leaves)),
              IsOkAndHolds(MerkleProof{}));
  EXPECT_THAT(VerifyConsistency(Position(0), Position(9), EmptyRoot(), root, {}), IsOk());
  EXPECT_THAT(VerifyConsistency(Position(0), Position(0), EmptyRoot(), EmptyRoot(), {}), IsOk());
  for (const Hash& hash : {root, EmptyRoot(), Hash()}) {
    EXPECT_THAT(VerifyConsistency(Position(0), Position(9), EmptyRoot(), root, {{hash}}),
                StatusIs(kInvalid));
    EXPECT_THAT(VerifyConsistency(Position(0), Position(0), EmptyRoot(), EmptyRoot(), {{hash}}),
                StatusIs(kInvalid));
  }
  EXPECT_THAT(VerifyConsistency(Position(0), Position(9), root, root, {}),
              StatusIs(kInvalid, HasSubstr("size 0")));
  EXPECT_THAT(VerifyConsistency(Position(0), Position(0), root, root, {}), StatusIs(kInvalid));
  EXPECT_THAT(VerifyConsistency(Position(0), Position(0), EmptyRoot(), root, {}),
              StatusIs(kInvalid));
}

TEST(Proofs, AreRefusedForWhatIsNotInTheTree) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 8);
  const SubtreeFn subtree = SubtreesOf(leaves);
  for (const auto& [index, size] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, 0}, {8, 8}, {9, 8}, {~uint64_t{0}, 8}, {0, kLargest + 1}}) {
    EXPECT_THAT(MakeInclusionProof(Position(index), Position(size), subtree), StatusIs(kInvalid));
    EXPECT_THAT(VerifyInclusion(Position(index), Position(size), leaves[0], {}, leaves[0]),
                StatusIs(kInvalid));
  }
  EXPECT_THAT(MakeConsistencyProof(Position(9), Position(8), subtree), StatusIs(kInvalid));
  EXPECT_THAT(MakeConsistencyProof(Position(1), Position(kLargest + 1), subtree),
              StatusIs(kInvalid));
  EXPECT_THAT(VerifyConsistency(Position(9), Position(8), leaves[0], leaves[0], {}),
              StatusIs(kInvalid, HasSubstr("above the newer")));
  EXPECT_THAT(VerifyConsistency(Position(1), Position(kLargest + 1), leaves[0], leaves[0], {}),
              StatusIs(kInvalid));
  EXPECT_THAT(RootAt(Position(kLargest + 1), subtree), StatusIs(kInvalid));
}

TEST(Proofs, PassErrorsOfTheStoreThrough) {
  const SubtreeFn broken = [](uint8_t, uint64_t) -> absl::StatusOr<Hash> {
    return absl::DataLossError("torn");
  };
  const auto torn = StatusIs(absl::StatusCode::kDataLoss, HasSubstr("torn"));
  EXPECT_THAT(MakeInclusionProof(Position(3), Position(7), broken), torn);
  EXPECT_THAT(MakeConsistencyProof(Position(3), Position(7), broken), torn);
  EXPECT_THAT(RootAt(Position(7), broken), torn);
}

}  // namespace
}  // namespace polku::proof
