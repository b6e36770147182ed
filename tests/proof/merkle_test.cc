#include "eventstore/proof/merkle.h"

#include <algorithm>
#include <bit>
#include <span>

#include "absl/strings/str_cat.h"
#include "eventstore/base/bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/reference_tree.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using testing::IsOk;
using testing::SeededGenerator;
using testing::StatusIs;
using testing::TestSeed;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

std::string Hex(const Hash& hash) { return ToHex(hash.view()); }

// The trees that the Certificate Transparency projects test with.
TEST(Frontier, GivesTheKnownRootsOfRfc6962) {
  const std::pair<const char*, const char*> tree[] = {
      {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
      {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
      {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
      {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
      {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
      {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
      {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
      {"606162636465666768696a6b6c6d6e6f",
       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}};
  Frontier frontier;
  EXPECT_EQ(Hex(frontier.Root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const auto& [leaf, root] : tree) {
    frontier.AppendLeafHash(LeafHash(*FromHex(leaf)));
    EXPECT_EQ(Hex(frontier.Root()), root);
  }
  EXPECT_EQ(frontier.size(), Position(8));
}

TEST(LeafHash, CannotBeMistakenForANode) {
  const Hash a = LeafHash("a");
  const Hash b = LeafHash("b");
  const std::string both = std::string(a.view()) + std::string(b.view());
  EXPECT_NE(LeafHash(both), NodeHash(a, b));
  EXPECT_NE(NodeHash(a, b), NodeHash(b, a));
  EXPECT_NE(LeafHash(""), EmptyRoot());
}

TEST(Frontier, AgreesWithTheRecursiveDefinitionAtEverySize) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 300);
  Frontier frontier;
  for (size_t size = 0; size <= leaves.size(); ++size) {
    ASSERT_EQ(frontier.Root(), NaiveRoot(std::span(leaves).first(size))) << size;
    if (size < leaves.size()) frontier.AppendLeafHash(leaves[size]);
  }
}

TEST(Frontier, ChangesItsRootWhenAnyLeafChanges) {
  SeededGenerator random(TestSeed());
  std::vector<Hash> leaves = RandomLeaves(random, 13);
  const Hash root = FrontierOf(leaves).Root();
  for (Hash& leaf : leaves) {
    leaf.data()[random.Below(32)] ^= 1;
    EXPECT_NE(FrontierOf(leaves).Root(), root);
    leaf = Hash();
  }
}

// What a replica does: some ranges come leaf by leaf, withheld ones as subtrees.
TEST(CoverRange, RebuildsTheTreeFromAnyMixtureOfLeavesAndCoveredRanges) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    const std::vector<Hash> leaves = RandomLeaves(random, random.Below(200));
    Frontier frontier;
    while (frontier.size().value() < leaves.size()) {
      const size_t first = frontier.size().value();
      const size_t count = 1 + random.Below(leaves.size() - first);
      const std::vector<Hash> range(leaves.begin() + static_cast<std::ptrdiff_t>(first),
                                    leaves.begin() + static_cast<std::ptrdiff_t>(first + count));
      if (random.Below(2) == 0) {
        for (const Hash& leaf : range) frontier.AppendLeafHash(leaf);
      } else {
        for (const Subtree& subtree : CoverRange(Position(first), range)) {
          ASSERT_THAT(frontier.AppendSubtree(subtree), IsOk());
        }
      }
      ASSERT_EQ(frontier.size(), Position(first + count));
      ASSERT_EQ(frontier, FrontierOf(std::span(leaves).first(first + count)));
    }
    ASSERT_EQ(frontier.Root(), NaiveRoot(leaves));
  }
}

// The fewest aligned blocks of a range, by trying every split.
size_t FewestBlocks(uint64_t first, uint64_t count) {
  std::vector<size_t> fewest(count + 1, 0);
  for (uint64_t size = 1; size <= count; ++size) {
    size_t best = size;
    for (uint64_t block = 1; block <= size; block *= 2) {
      if ((first + size - block) % block == 0) best = std::min(best, fewest[size - block] + 1);
    }
    fewest[size] = best;
  }
  return fewest[count];
}

TEST(CoverRange, UsesTheFewestAlignedSubtreesLeftToRight) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 70);
  for (uint64_t first : {0, 1, 2, 3, 7, 8, 63, 64, 100, 1023}) {
    for (size_t count = 0; count <= leaves.size(); ++count) {
      const std::vector<Subtree> cover = CoverRange(
          Position(first), {leaves.begin(), leaves.begin() + static_cast<std::ptrdiff_t>(count)});
      EXPECT_EQ(cover.size(), FewestBlocks(first, count)) << first << " " << count;
      uint64_t next = first;
      for (const Subtree& subtree : cover) {
        const uint64_t size = uint64_t{1} << subtree.level;
        ASSERT_EQ(next % size, 0u);
        ASSERT_EQ(subtree.hash, NaiveRoot(std::span(leaves).subspan(next - first, size)));
        next += size;
      }
      EXPECT_EQ(next, first + count);
    }
  }
}

TEST(AppendSubtree, RefusesWhatIsNotAlignedAndChangesNothing) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 6);
  Frontier frontier = FrontierOf(leaves);
  const Frontier before = frontier;
  for (const int level : {2, 3, 10, 62, 63, 64, 200, 255}) {
    EXPECT_THAT(frontier.AppendSubtree({static_cast<uint8_t>(level), leaves[0]}),
                StatusIs(kInvalid))
        << level;
    EXPECT_EQ(frontier, before);
  }
  EXPECT_THAT(frontier.AppendSubtree({1, leaves[0]}), IsOk());
}

TEST(AppendSubtree, RefusesToGrowBeyondSixtyThreeBits) {
  Frontier frontier;
  const Hash hash = LeafHash("x");
  ASSERT_THAT(frontier.AppendSubtree({62, hash}), IsOk());
  const Frontier before = frontier;
  EXPECT_THAT(frontier.AppendSubtree({62, hash}), StatusIs(kInvalid));
  EXPECT_EQ(frontier, before);
  for (int level = 61; level >= 0; --level) {
    ASSERT_THAT(frontier.AppendSubtree({static_cast<uint8_t>(level), hash}), IsOk());
  }
  EXPECT_EQ(frontier.size(), Position((uint64_t{1} << 63) - 1));
  EXPECT_THAT(frontier.AppendSubtree({0, hash}), StatusIs(kInvalid));
}

TEST(Frontier, IsReadBackAndGrowsOnAsBefore) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 100);
  for (size_t size = 0; size < leaves.size(); ++size) {
    Frontier frontier = FrontierOf(std::span(leaves).first(size));
    const std::string bytes = frontier.Serialize();
    EXPECT_EQ(bytes.size(), 8 + 32 * static_cast<size_t>(std::popcount(size)));
    ASSERT_OK_AND_ASSIGN(Frontier parsed, Frontier::Parse(bytes));
    EXPECT_EQ(parsed, frontier);
    frontier.AppendLeafHash(leaves[size]);
    parsed.AppendLeafHash(leaves[size]);
    EXPECT_EQ(parsed.Root(), frontier.Root());
  }
}

TEST(Frontier, StartsItsBytesWithTheSizeAndPutsTheLargestSubtreeFirst) {
  const Hash a = LeafHash("a"), b = LeafHash("b"), c = LeafHash("c");
  EXPECT_EQ(ToHex(FrontierOf(std::vector{a, b, c}).Serialize()),
            absl::StrCat("0000000000000003", Hex(NodeHash(a, b)), Hex(c)));
}

TEST(Frontier, IsRefusedWhenCutOffPaddedOrOfAnotherSize) {
  SeededGenerator random(TestSeed());
  const std::string bytes = FrontierOf(RandomLeaves(random, 11)).Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(Frontier::Parse(bytes.substr(0, size)), StatusIs(kDataLoss)) << size;
  }
  EXPECT_THAT(Frontier::Parse(bytes + "x"), StatusIs(kDataLoss));
  EXPECT_THAT(Frontier::Parse(bytes + std::string(32, 'x')), StatusIs(kDataLoss));
  std::string other = bytes;
  other[7] = 15;  // one subtree more than there is
  EXPECT_THAT(Frontier::Parse(other), StatusIs(kDataLoss));
  other = bytes + std::string(32, 'x');
  other[0] = '\x80';
  EXPECT_THAT(Frontier::Parse(other), StatusIs(kDataLoss));
}

// Every complete subtree of kStoredLevel and above among the leaves, in the order in which they are
// completed.
std::vector<Node> CompleteNodes(std::span<const Hash> leaves) {
  std::vector<Node> nodes;
  for (size_t size = 1; size <= leaves.size(); ++size) {
    for (uint8_t level = kStoredLevel; size % (size_t{1} << level) == 0; ++level) {
      const size_t count = size_t{1} << level;
      nodes.push_back({level, size / count - 1, NaiveRoot(leaves.subspan(size - count, count))});
    }
  }
  return nodes;
}

TEST(CompletedNodes, AreToldOnceEachLowestFirst) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 1100);
  Frontier frontier;
  std::vector<Node> nodes;
  for (const Hash& leaf : leaves) frontier.AppendLeafHash(leaf, &nodes);
  EXPECT_EQ(nodes.size(), 4u + 2 + 1);
  EXPECT_EQ(nodes, CompleteNodes(leaves));
}

TEST(CompletedNodes, AreTheSameWhenLeavesComeAsSubtrees) {
  SeededGenerator random(TestSeed());
  const std::vector<Hash> leaves = RandomLeaves(random, 3000);
  const std::vector<Node> expected = CompleteNodes(leaves);
  for (int round = 0; round < 20; ++round) {
    Frontier frontier;
    std::vector<Node> nodes;
    // A subtree that comes whole is told itself, what is inside it is not known.
    std::vector<Node> hidden;
    while (frontier.size().value() < leaves.size()) {
      const size_t first = frontier.size().value();
      const size_t count = 1 + random.Below(leaves.size() - first);
      const std::vector<Hash> range(leaves.begin() + static_cast<std::ptrdiff_t>(first),
                                    leaves.begin() + static_cast<std::ptrdiff_t>(first + count));
      for (const Subtree& subtree : CoverRange(Position(first), range)) {
        const uint64_t start = frontier.size().value();
        const uint64_t end = start + (uint64_t{1} << subtree.level);
        for (const Node& node : expected) {
          if (node.level < subtree.level && node.index << node.level >= start &&
              (node.index + 1) << node.level <= end) {
            hidden.push_back(node);
          }
        }
        ASSERT_THAT(frontier.AppendSubtree(subtree, &nodes), IsOk());
      }
    }
    std::vector<Node> seen;
    for (const Node& node : expected) {
      if (std::find(hidden.begin(), hidden.end(), node) == hidden.end()) seen.push_back(node);
    }
    ASSERT_EQ(nodes, seen);
  }
}

TEST(CompletedNodes, AreNotToldByASubtreeThatIsRefused) {
  Frontier frontier;
  frontier.AppendLeafHash(LeafHash("a"));
  std::vector<Node> nodes;
  EXPECT_THAT(frontier.AppendSubtree({kStoredLevel, Hash()}, &nodes), StatusIs(kInvalid));
  EXPECT_TRUE(nodes.empty());
}

}  // namespace
}  // namespace polku::proof
