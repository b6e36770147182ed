// What the tree costs, counted where the hashing is done: the linker leads every call of OpenSSL's
// EVP_DigestFinal_ex, one a hash, through the counter below (CMakeLists.txt, --wrap).
#include <openssl/evp.h>

#include <bit>

#include "eventstore/proof/merkle.h"
#include "gtest/gtest.h"

namespace {
uint64_t hashes_made = 0;
}  // namespace

extern "C" {
int __real_EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* md, unsigned int* size);
int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* md, unsigned int* size) {
  ++hashes_made;
  return __real_EVP_DigestFinal_ex(context, md, size);
}
}

namespace polku::proof {
namespace {

constexpr size_t kLeaves = 100'000;

uint64_t HashesOfAppending(size_t count, std::vector<Node>* completed) {
  Hash leaf;
  Frontier frontier;
  const uint64_t before = hashes_made;
  for (size_t i = 0; i < count; ++i) frontier.AppendLeafHash(leaf, completed);
  return hashes_made - before;
}

TEST(HashCount, CountsEveryHash) {
  const uint64_t before = hashes_made;
  LeafHash("x");
  NodeHash(Hash(), Hash());
  EXPECT_EQ(hashes_made - before, 2u);
}

TEST(HashCount, IsBelowOneNodeForEachLeafAppended) {
  // n leaves in p complete subtrees have n - p nodes above them, and each is hashed once.
  EXPECT_EQ(HashesOfAppending(kLeaves, nullptr), kLeaves - std::popcount(kLeaves));
}

TEST(HashCount, IsTheSameWhenCompletedNodesAreTold) {
  std::vector<Node> completed;
  EXPECT_EQ(HashesOfAppending(kLeaves, &completed), kLeaves - std::popcount(kLeaves));
  EXPECT_EQ(completed.size(), 390u + 195 + 97 + 48 + 24 + 12 + 6 + 3 + 1);
}

TEST(HashCount, OfARootIsAtMostSixtyTwo) {
  Frontier frontier;
  for (int level = 62; level >= 0; --level) {
    ASSERT_TRUE(frontier.AppendSubtree({static_cast<uint8_t>(level), Hash()}).ok());
  }
  const uint64_t before = hashes_made;
  frontier.Root();
  EXPECT_EQ(hashes_made - before, 62u);
}

}  // namespace
}  // namespace polku::proof
