// RFC 6962 section 2.1 word for word, with every computed range kept: what proofs are compared with.
#ifndef POLKU_TESTS_LOG_NAIVE_TREE_H_
#define POLKU_TESTS_LOG_NAIVE_TREE_H_

#include <map>
#include <utility>
#include <vector>

#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"

namespace polku::log {

class NaiveTree {
 public:
  void Add(const Hash& leaf_hash) { leaves_.push_back(leaf_hash); }
  size_t size() const { return leaves_.size(); }
  const Hash& leaf(size_t index) const { return leaves_[index]; }

  // MTH(D[begin:end])
  Hash Root(size_t begin, size_t end) {
    if (begin == end) return proof::EmptyRoot();
    if (end - begin == 1) return leaves_[begin];
    const auto [found, inserted] = roots_.try_emplace({begin, end});
    if (inserted) {
      const size_t k = Split(end - begin);
      const Hash hash = proof::NodeHash(Root(begin, begin + k), Root(begin + k, end));
      return roots_[{begin, end}] = hash;
    }
    return found->second;
  }

  // PATH(index, D[0:size])
  proof::MerkleProof Inclusion(size_t index, size_t size) { return Path(index, 0, size); }

  // PROOF(size1, D[0:size2]); for size1 = 0 the empty proof of C2SP.
  proof::MerkleProof Consistency(size_t size1, size_t size2) {
    if (size1 == 0) return {};
    return SubProof(size1, 0, size2, true);
  }

 private:
  static size_t Split(size_t n) {
    size_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
  }
  proof::MerkleProof Path(size_t m, size_t begin, size_t end) {
    if (end - begin == 1) return {};
    const size_t k = Split(end - begin);
    proof::MerkleProof path =
        m < k ? Path(m, begin, begin + k) : Path(m - k, begin + k, end);
    path.push_back(m < k ? Root(begin + k, end) : Root(begin, begin + k));
    return path;
  }
  proof::MerkleProof SubProof(size_t m, size_t begin, size_t end, bool whole) {
    if (m == end - begin) {
      return whole ? proof::MerkleProof() : proof::MerkleProof{Root(begin, end)};
    }
    const size_t k = Split(end - begin);
    proof::MerkleProof result = m <= k ? SubProof(m, begin, begin + k, whole)
                                       : SubProof(m - k, begin + k, end, false);
    result.push_back(m <= k ? Root(begin + k, end) : Root(begin, begin + k));
    return result;
  }

  std::vector<Hash> leaves_;
  std::map<std::pair<size_t, size_t>, Hash> roots_;
};

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_NAIVE_TREE_H_
