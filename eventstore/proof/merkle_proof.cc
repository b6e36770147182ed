#include "eventstore/proof/merkle_proof.h"

#include <bit>

#include "eventstore/base/status.h"

namespace polku::proof {
namespace {

absl::Status Invalid(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "proof: ", what);
}

absl::Status WrongLength(size_t needed, size_t found) {
  return Error(absl::StatusCode::kInvalidArgument, "proof: ", found, " hashes where ", needed,
               " are needed");
}

// The largest power of two below `size`: where RFC 6962 splits a tree. Precondition: size > 1.
uint64_t Split(uint64_t size) { return std::bit_floor(size - 1); }

// The way from leaf `index` up to the root of `size` leaves: so many levels at which the leaf's
// side and its sibling's are both there, then a sibling to the left for each further one-bit of the
// index (the levels at which the right edge has no sibling give no hash).
struct Path {
  size_t inner = 0;
  size_t border = 0;
};
Path PathOf(uint64_t index, uint64_t size) {
  Path path;
  path.inner = static_cast<size_t>(std::bit_width(index ^ (size - 1)));
  path.border = static_cast<size_t>(std::popcount(path.inner < 64 ? index >> path.inner : 0));
  return path;
}

// `hash` combined with its siblings, lowest first; bit i of `index` tells whether hashes[i] is on
// the left. `left_only`: those on the right are passed over.
Hash Climb(Hash hash, uint64_t index, std::span<const Hash> hashes, bool left_only) {
  for (const Hash& sibling : hashes) {
    if ((index & 1) != 0) {
      hash = NodeHash(sibling, hash);
    } else if (!left_only) {
      hash = NodeHash(hash, sibling);
    }
    index >>= 1;
  }
  return hash;
}

Hash ClimbBorder(Hash hash, std::span<const Hash> hashes) {
  for (const Hash& sibling : hashes) hash = NodeHash(sibling, hash);
  return hash;
}

// The root of the leaves [first, first + size). Precondition: size > 0, and first is a multiple of
// the smallest power of two that is not below size.
absl::StatusOr<Hash> RangeRoot(uint64_t first, uint64_t size, const SubtreeFn& subtree) {
  // The complete subtrees from left to right are the one-bits of the size; they are joined from the
  // right.
  std::vector<Hash> roots;
  uint64_t start = first;
  for (uint64_t rest = size; rest != 0;) {
    const int level = std::bit_width(rest) - 1;
    POLKU_ASSIGN_OR_RETURN(Hash hash, subtree(static_cast<uint8_t>(level), start >> level));
    roots.push_back(hash);
    start += uint64_t{1} << level;
    rest -= uint64_t{1} << level;
  }
  Hash root = roots.back();
  for (size_t i = roots.size() - 1; i > 0; --i) root = NodeHash(roots[i - 1], root);
  return root;
}

absl::Status CheckSize(Position size) {
  if (size.value() >> 63 != 0) return Invalid("a size above 63 bits");
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyInclusion(Position index, Position size, const Hash& leaf_hash,
                             std::span<const Hash> proof, const Hash& root) {
  POLKU_RETURN_IF_ERROR(CheckSize(size));
  if (index >= size) {
    return Error(absl::StatusCode::kInvalidArgument, "proof: index ", index.value(),
                 " is not in a tree of ", size.value());
  }
  const Path path = PathOf(index.value(), size.value());
  if (proof.size() != path.inner + path.border) {
    return WrongLength(path.inner + path.border, proof.size());
  }
  const Hash inner = Climb(leaf_hash, index.value(), proof.first(path.inner), /*left_only=*/false);
  if (ClimbBorder(inner, proof.subspan(path.inner)) != root) {
    return Invalid("the root comes out otherwise: another leaf, another place or another tree");
  }
  return absl::OkStatus();
}

absl::Status VerifyConsistency(Position size1, Position size2, const Hash& root1, const Hash& root2,
                               std::span<const Hash> proof) {
  POLKU_RETURN_IF_ERROR(CheckSize(size2));
  if (size1 > size2) {
    return Error(absl::StatusCode::kInvalidArgument, "proof: the older size ", size1.value(),
                 " is above the newer, ", size2.value());
  }
  if (size1.value() == 0 && root1 != EmptyRoot()) return Invalid("size 0 with a root of leaves");
  if (size1 == size2 && root1 != root2) return Invalid("two roots of the same size");
  if (size1.value() == 0 || size1 == size2) {
    return proof.empty() ? absl::OkStatus() : WrongLength(0, proof.size());
  }
  // The proof walks up from the last complete subtree of the older tree. When that subtree is the
  // whole older tree, its hash is root1 and is left out.
  const uint64_t last = size1.value() - 1;
  const int level = std::countr_zero(size1.value());
  const bool whole = std::has_single_bit(size1.value());
  Path path = PathOf(last, size2.value());
  path.inner -= static_cast<size_t>(level);
  const size_t needed = (whole ? 0 : 1) + path.inner + path.border;
  if (proof.size() != needed) return WrongLength(needed, proof.size());
  const Hash start = whole ? root1 : proof[0];
  const std::span<const Hash> inner = proof.subspan(whole ? 0 : 1, path.inner);
  const std::span<const Hash> border = proof.last(path.border);
  const uint64_t index = last >> level;
  if (ClimbBorder(Climb(start, index, inner, /*left_only=*/true), border) != root1) {
    return Invalid("the root of the older tree comes out otherwise");
  }
  if (ClimbBorder(Climb(start, index, inner, /*left_only=*/false), border) != root2) {
    return Invalid("the root of the newer tree comes out otherwise");
  }
  return absl::OkStatus();
}

absl::StatusOr<MerkleProof> MakeInclusionProof(Position index, Position size,
                                               const SubtreeFn& subtree) {
  POLKU_RETURN_IF_ERROR(CheckSize(size));
  if (index >= size) {
    return Error(absl::StatusCode::kInvalidArgument, "proof: index ", index.value(),
                 " is not in a tree of ", size.value());
  }
  // From the root down, so the other way round.
  MerkleProof proof;
  uint64_t first = 0;
  uint64_t rest = size.value();
  while (rest > 1) {
    const uint64_t left = Split(rest);
    const bool is_left = index.value() - first < left;
    POLKU_ASSIGN_OR_RETURN(Hash sibling, is_left ? RangeRoot(first + left, rest - left, subtree)
                                                 : RangeRoot(first, left, subtree));
    proof.push_back(sibling);
    if (!is_left) first += left;
    rest = is_left ? left : rest - left;
  }
  return MerkleProof(proof.rbegin(), proof.rend());
}

absl::StatusOr<MerkleProof> MakeConsistencyProof(Position size1, Position size2,
                                                 const SubtreeFn& subtree) {
  POLKU_RETURN_IF_ERROR(CheckSize(size2));
  if (size1 > size2) {
    return Error(absl::StatusCode::kInvalidArgument, "proof: the older size ", size1.value(),
                 " is above the newer, ", size2.value());
  }
  MerkleProof proof;
  if (size1.value() == 0 || size1 == size2) return proof;
  // SUBPROOF of RFC 6962 section 2.1.2 from the root down: the older tree ends in [first, first +
  // rest).
  uint64_t first = 0;
  uint64_t rest = size2.value();
  while (first + rest != size1.value()) {
    const uint64_t left = Split(rest);
    const bool is_left = size1.value() - first <= left;
    POLKU_ASSIGN_OR_RETURN(Hash sibling, is_left ? RangeRoot(first + left, rest - left, subtree)
                                                 : RangeRoot(first, left, subtree));
    proof.push_back(sibling);
    if (!is_left) first += left;
    rest = is_left ? left : rest - left;
  }
  if (first != 0) {
    POLKU_ASSIGN_OR_RETURN(Hash last, RangeRoot(first, rest, subtree));
    proof.push_back(last);
  }
  return MerkleProof(proof.rbegin(), proof.rend());
}

absl::StatusOr<Hash> RootAt(Position size, const SubtreeFn& subtree) {
  POLKU_RETURN_IF_ERROR(CheckSize(size));
  if (size.value() == 0) return EmptyRoot();
  return RangeRoot(0, size.value(), subtree);
}

}  // namespace polku::proof
