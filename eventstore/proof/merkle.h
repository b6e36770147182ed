// The Merkle tree of a log (RFC 6962 section 2.1, SHA-256) as a frontier: the roots of the complete
// subtrees on the right edge. State is at most 64 hashes, whatever the log's length.
#ifndef POLKU_EVENTSTORE_PROOF_MERKLE_H_
#define POLKU_EVENTSTORE_PROOF_MERKLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"

namespace polku::proof {

Hash LeafHash(std::string_view leaf);                     // SHA-256(0x00 ‖ leaf)
Hash NodeHash(const Hash& left, const Hash& right);       // SHA-256(0x01 ‖ left ‖ right)
Hash EmptyRoot();                                         // SHA-256("")

// The root of a complete subtree standing for 2^level leaves.
struct Subtree {
  uint8_t level = 0;
  Hash hash;
};

class Frontier {
 public:
  Frontier() = default;

  Position size() const { return size_; }
  void AppendLeafHash(const Hash& leaf_hash);  // at most 2 hashes amortised
  // Adds 2^level leaves by their root. InvalidArgument, unchanged, unless size() is a multiple of
  // 2^level and the new size fits 63 bits.
  absl::Status AppendSubtree(const Subtree& subtree);
  Hash Root() const;  // EmptyRoot() for size 0; at most 63 hashes

  // size as 8 bytes big-endian, then the subtree roots from the largest to the smallest
  // (as many as size has one-bits). FORMAT.md "Head".
  std::string Serialize() const;
  static absl::StatusOr<Frontier> Parse(std::string_view bytes);  // DataLoss when malformed

  friend bool operator==(const Frontier&, const Frontier&) = default;

 private:
  Position size_;
  std::vector<Hash> roots_;  // largest first; one per one-bit of size_
};

// Splits the positions [first, first + leaf_hashes.size()) into the fewest aligned complete
// subtrees, left to right: how a withheld range is told to a replica (PROTOCOL.md).
std::vector<Subtree> CoverRange(Position first, const std::vector<Hash>& leaf_hashes);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_MERKLE_H_
