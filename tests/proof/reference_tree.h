// RFC 6962 section 2.1 as it is written there, by recursion over all leaves: slow and plain, to
// compare with.
#ifndef POLKU_TESTS_PROOF_REFERENCE_TREE_H_
#define POLKU_TESTS_PROOF_REFERENCE_TREE_H_

#include <bit>
#include <span>
#include <vector>

#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"
#include "tests/support/random.h"

namespace polku::proof {

// MTH
inline Hash NaiveRoot(std::span<const Hash> leaves) {
  if (leaves.empty()) return EmptyRoot();
  if (leaves.size() == 1) return leaves[0];
  const size_t k = std::bit_floor(leaves.size() - 1);
  return NodeHash(NaiveRoot(leaves.first(k)), NaiveRoot(leaves.subspan(k)));
}

// PATH
inline MerkleProof NaivePath(size_t m, std::span<const Hash> leaves) {
  if (leaves.size() == 1) return {};
  const size_t k = std::bit_floor(leaves.size() - 1);
  MerkleProof path;
  if (m < k) {
    path = NaivePath(m, leaves.first(k));
    path.push_back(NaiveRoot(leaves.subspan(k)));
  } else {
    path = NaivePath(m - k, leaves.subspan(k));
    path.push_back(NaiveRoot(leaves.first(k)));
  }
  return path;
}

// SUBPROOF
inline MerkleProof NaiveSubproof(size_t m, std::span<const Hash> leaves, bool whole) {
  if (m == leaves.size()) return whole ? MerkleProof{} : MerkleProof{NaiveRoot(leaves)};
  const size_t k = std::bit_floor(leaves.size() - 1);
  MerkleProof proof;
  if (m <= k) {
    proof = NaiveSubproof(m, leaves.first(k), whole);
    proof.push_back(NaiveRoot(leaves.subspan(k)));
  } else {
    proof = NaiveSubproof(m - k, leaves.subspan(k), false);
    proof.push_back(NaiveRoot(leaves.first(k)));
  }
  return proof;
}

// No two alike.
inline std::vector<Hash> RandomLeaves(testing::SeededGenerator& random, size_t count) {
  std::vector<Hash> leaves;
  for (size_t i = 0; i < count; ++i)
    leaves.push_back(LeafHash(random.Bytes(16 + random.Below(20))));
  return leaves;
}

inline Frontier FrontierOf(std::span<const Hash> leaves) {
  Frontier frontier;
  for (const Hash& leaf : leaves) frontier.AppendLeafHash(leaf);
  return frontier;
}

}  // namespace polku::proof

#endif  // POLKU_TESTS_PROOF_REFERENCE_TREE_H_
