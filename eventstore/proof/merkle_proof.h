// Inclusion and consistency proofs (RFC 6962 sections 2.1.1 and 2.1.2): made from the tree's stored
// nodes, verified from hashes alone.
//
// `size1 = 0`: as C2SP tlog-witness has it, an empty proof is right, whatever the newer tree, and
// any other is refused; RFC 6962 leaves it undefined. The root claimed for size 0 must be
// EmptyRoot().
#ifndef POLKU_EVENTSTORE_PROOF_MERKLE_PROOF_H_
#define POLKU_EVENTSTORE_PROOF_MERKLE_PROOF_H_

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/proof/merkle.h"

namespace polku::proof {

// From the leaf's side to the root's. Inclusion in a tree of 63 bits takes 63 hashes at most,
// consistency one more: the last leaf of the older tree itself.
using MerkleProof = std::vector<Hash>;
inline constexpr size_t kMaxProofHashes = 64;

// InvalidArgument says what is wrong: index not below size, a proof of the wrong length, or a root
// that comes out otherwise.
absl::Status VerifyInclusion(Position index, Position size, const Hash& leaf_hash,
                             std::span<const Hash> proof, const Hash& root);
absl::Status VerifyConsistency(Position size1, Position size2, const Hash& root1, const Hash& root2,
                               std::span<const Hash> proof);

// The root of the complete subtree of 2^level leaves from index * 2^level on.
using SubtreeFn = std::function<absl::StatusOr<Hash>(uint8_t level, uint64_t index)>;

// Errors of `subtree` pass through. InvalidArgument: index not below size, size1 above size2. At
// most 2 * 63 calls of `subtree`.
absl::StatusOr<MerkleProof> MakeInclusionProof(Position index, Position size,
                                               const SubtreeFn& subtree);
absl::StatusOr<MerkleProof> MakeConsistencyProof(Position size1, Position size2,
                                                 const SubtreeFn& subtree);
absl::StatusOr<Hash> RootAt(Position size, const SubtreeFn& subtree);

// A proof as messages carry it: each hash a string of 32 bytes. nullopt: one is not, or there are more than
// kMaxProofHashes.
template <typename Strings>
std::optional<MerkleProof> ParseProof(const Strings& strings) {
  MerkleProof proof;
  for (const auto& bytes : strings) {
    const std::optional<Hash> hash = Hash::FromBytes(bytes);
    if (!hash.has_value() || proof.size() == kMaxProofHashes) return std::nullopt;
    proof.push_back(*hash);
  }
  return proof;
}

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_MERKLE_PROOF_H_
