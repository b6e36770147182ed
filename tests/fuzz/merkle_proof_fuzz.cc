// Proofs in the tree of 300 fixed leaves. Input: kind in 1 byte (even: inclusion), the leaf's place
// or the older size, and the size in 2 bytes each, then hashes. What is accepted must be the RFC's
// proof.
#include "eventstore/proof/merkle_proof.h"
#include "tests/fuzz/fuzz.h"
#include "tests/proof/fixed_log.h"

namespace polku::proof {
namespace {

using fuzz::Require;

constexpr size_t kLeaves = 300;

void Check(std::string_view bytes) {
  if (bytes.size() < 5) return;
  static const std::vector<Hash> leaves = FixedLeaves(kLeaves);
  const auto number = [&bytes](size_t at) {
    return static_cast<uint64_t>(static_cast<uint8_t>(bytes[at])) << 8 |
           static_cast<uint8_t>(bytes[at + 1]);
  };
  const bool inclusion = (bytes[0] & 1) == 0;
  const uint64_t place = number(1);
  const uint64_t size = number(3);
  MerkleProof proof;
  for (size_t at = 5; at + Hash::kBytes <= bytes.size(); at += Hash::kBytes) {
    proof.push_back(*Hash::FromBytes(bytes.substr(at, Hash::kBytes)));
  }
  // Sizes that are not those of the fixed log: nothing but that the verifiers return.
  if (size > kLeaves || place > size || size == 0) {
    VerifyInclusion(Position(place), Position(size), leaves[0], proof, leaves[1]).IgnoreError();
    VerifyConsistency(Position(place), Position(size), leaves[0], leaves[1], proof).IgnoreError();
    return;
  }
  const std::span<const Hash> tree = std::span(leaves).first(size);
  if (inclusion) {
    if (place == size) return;
    Require(VerifyInclusion(Position(place), Position(size), leaves[place], proof, NaiveRoot(tree))
                    .ok() == (proof == NaivePath(place, tree)),
            "exactly the RFC's path is an inclusion proof");
  } else {
    const MerkleProof right = place == 0 ? MerkleProof{} : NaiveSubproof(place, tree, true);
    Require(VerifyConsistency(Position(place), Position(size), NaiveRoot(tree.first(place)),
                              NaiveRoot(tree), proof)
                    .ok() == (proof == right),
            "exactly the RFC's hashes are a consistency proof");
  }
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
