// A log that is the same in every run: leaves "leaf 0", "leaf 1" ..., signed with the fixed keys.
#ifndef POLKU_TESTS_PROOF_FIXED_LOG_H_
#define POLKU_TESTS_PROOF_FIXED_LOG_H_

#include <optional>
#include <string>
#include <vector>

#include "tests/proof/fixed_keys.h"
#include "tests/proof/reference_tree.h"

namespace polku::proof {

inline std::string FixedLeaf(size_t position) { return Str("leaf ", position); }

// With `altered`, another history: that leaf says something else.
inline std::vector<Hash> FixedLeaves(size_t count, std::optional<size_t> altered = std::nullopt) {
  std::vector<Hash> leaves;
  for (size_t i = 0; i < count; ++i) {
    leaves.push_back(LeafHash(i == altered ? "altered" : FixedLeaf(i)));
  }
  return leaves;
}

inline Checkpoint FixedCheckpoint(size_t size, std::optional<size_t> altered = std::nullopt) {
  return {kOrigin, Position(size), NaiveRoot(FixedLeaves(size, altered))};
}

inline std::string FixedNote(size_t size, std::optional<size_t> altered = std::nullopt) {
  return OriginSigner()->Sign(FixedCheckpoint(size, altered));
}

}  // namespace polku::proof

#endif  // POLKU_TESTS_PROOF_FIXED_LOG_H_
