// The Merkle tree of a log (RFC 6962 section 2.1, SHA-256). Appending needs its frontier alone: the
// roots of the complete subtrees on the right edge, at most 64 hashes, whatever the log's length.
// Proofs of what is in the tree: merkle_proof.h.
#ifndef POLKU_EVENTSTORE_PROOF_MERKLE_H_
#define POLKU_EVENTSTORE_PROOF_MERKLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"

namespace polku::proof {

Hash LeafHash(std::string_view leaf);                // SHA-256(0x00 ‖ leaf)
Hash NodeHash(const Hash& left, const Hash& right);  // SHA-256(0x01 ‖ left ‖ right)
Hash EmptyRoot();                                    // SHA-256("")

// The root of a complete subtree standing for 2^level leaves.
struct Subtree {
  uint8_t level = 0;
  Hash hash;
};

// A complete subtree with its place: 2^level leaves from position index * 2^level on.
struct Node {
  uint8_t level = 0;
  uint64_t index = 0;
  Hash hash;
  friend bool operator==(const Node&, const Node&) = default;
};

// Nodes of this level and above are stored when they become complete, once for ever (FORMAT.md
// "Index", key 'n'): 2^8 leaves are a tile of C2SP tlog-tiles, so level 8k holds the hashes of the
// tiles of level k. What is below is hashed from the stored leaves, at most two runs of 256 a
// proof: that saves 32 bytes an event, a fifth of what an event takes (2026-11-22).
inline constexpr uint8_t kStoredLevel = 8;

class Frontier {
 public:
  Frontier() = default;

  Position size() const { return size_; }
  // At most 2 hashes amortised. Nodes of kStoredLevel and above that become complete are appended
  // to `completed` unless it is null, lowest first.
  void AppendLeafHash(const Hash& leaf_hash, std::vector<Node>* completed = nullptr);
  // Adds 2^level leaves by their root. InvalidArgument, unchanged, unless size() is a multiple of
  // 2^level and the new size fits 63 bits. `completed` as above, the subtree itself among them.
  absl::Status AppendSubtree(const Subtree& subtree, std::vector<Node>* completed = nullptr);
  Hash Root() const;  // EmptyRoot() for size 0; at most 63 hashes

  // size as 8 bytes big-endian, then the subtree roots from the largest to the smallest
  // (as many as size has one-bits). FORMAT.md "Head".
  std::string Serialize() const;
  static absl::StatusOr<Frontier> Parse(std::string_view bytes);  // DataLoss when malformed

  friend bool operator==(const Frontier&, const Frontier&) = default;

 private:
  // Precondition: aligned, and the new size fits.
  void Add(const Subtree& subtree, std::vector<Node>* completed);

  Position size_;
  std::vector<Hash> roots_;  // largest first; one per one-bit of size_
};

// Splits the positions [first, first + leaf_hashes.size()) into the fewest aligned complete
// subtrees, left to right: how a withheld range is told to a replica (PROTOCOL.md).
std::vector<Subtree> CoverRange(Position first, const std::vector<Hash>& leaf_hashes);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_MERKLE_H_
