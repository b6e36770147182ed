// Proofs from what an engine holds of a log: stored nodes of level proof::kStoredLevel and above, and
// the leaves and withheld hashes of the groups below that. State does not grow with the log: two runs of
// 256 leaf positions are kept, that of a proof's leaf and that of the tree's right edge.
//
// Roots and proofs are checked against the log's head before they are given out: whatever is in the
// index, they are right for the log that the head (and so the newest checkpoint) stands for.
//
// In a replica a node can be hidden inside a larger withheld subtree. Inclusion of an entry that is
// held can always be proven at every size that a stored batch ended at, and so can consistency between
// such sizes; anything else may be NotFound.
#ifndef POLKU_EVENTSTORE_LOG_TREE_H_
#define POLKU_EVENTSTORE_LOG_TREE_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
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
  TreeReader(Engine& engine, LogNumber log);
  ~TreeReader();
  TreeReader(const TreeReader&) = delete;
  TreeReader& operator=(const TreeReader&) = delete;

  // OutOfRange: beyond the log's present size. NotFound: withheld hides it. DataLoss: corrupt, or the
  // index has a wrong node or lacks one (says: run `polku reindex`). InvalidArgument: size1 > size2.
  //
  // As stored, not checked against the head: for one who makes the root of it himself.
  absl::StatusOr<Hash> Subtree(uint8_t level, uint64_t index);
  absl::StatusOr<Hash> Root(Position size);
  absl::StatusOr<proof::MerkleProof> Inclusion(Position index, Position size);
  absl::StatusOr<proof::MerkleProof> Consistency(Position size1, Position size2);

 private:
  struct Run;
  struct Checked {
    Position size;
    Hash root;
  };

  absl::Status ReadHead();
  absl::Status CheckSize(Position size) const;
  absl::StatusOr<Hash> Stored(uint8_t level, uint64_t index);
  absl::StatusOr<Hash> StoredNode(uint8_t level, uint64_t index);
  absl::StatusOr<Run*> LoadRun(uint64_t number, uint64_t count);
  absl::StatusOr<Hash> CheckedRoot(Position size);
  absl::Status Wrong(const absl::Status& found) const;
  proof::SubtreeFn Function();

  Engine& engine_;
  const LogNumber log_;
  proof::Frontier head_;  // as of the last call
  std::array<std::unique_ptr<Run>, 2> runs_;  // the one used last first
  std::optional<Checked> checked_;            // the last root that was not the head's
};

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_TREE_H_
