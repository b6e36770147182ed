// Proofs from what an engine holds of a log: stored nodes of level proof::kStoredLevel and above, and
// the leaves and withheld hashes of the groups below that. State does not grow with the log: one run of
// 256 leaf positions is kept.
//
// In a replica a node can be hidden inside a larger withheld subtree. Inclusion of an entry that is
// held can always be proven at every size that a stored batch ended at, and so can consistency between
// such sizes; anything else may be NotFound.
#ifndef POLKU_EVENTSTORE_LOG_TREE_H_
#define POLKU_EVENTSTORE_LOG_TREE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"

namespace polku::log {

// Index key 'n' (index.h): log[4] ‖ level[1] ‖ index[8] → hash[32].
std::string NodeIndexKey(LogNumber log, uint8_t level, uint64_t index);
void AddNodes(LogNumber log, const std::vector<proof::Node>& nodes, std::vector<KeyValue>& index);

// Not thread-safe; borrows the engine.
class TreeReader {
 public:
  TreeReader(Engine& engine, LogNumber log) : engine_(engine), log_(log) {}
  // OutOfRange: not below the log's present size. NotFound: withheld hides it. DataLoss: corrupt, or the
  // index lacks a node that it must have (says: run `polku reindex`).
  absl::StatusOr<Hash> Subtree(uint8_t level, uint64_t index);
  absl::StatusOr<Hash> Root(Position size);
  absl::StatusOr<proof::MerkleProof> Inclusion(Position index, Position size);
  absl::StatusOr<proof::MerkleProof> Consistency(Position size1, Position size2);

 private:
  Engine& engine_;
  const LogNumber log_;
  // The implementer's: the hashes of one aligned run of 256 positions.
  struct Run;
  std::shared_ptr<Run> run_;
};

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_TREE_H_
