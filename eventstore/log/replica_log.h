// A verified copy of another origin's log. It stores what eventstore/replica has verified and
// nothing else: no verification happens here.
#ifndef POLKU_EVENTSTORE_LOG_REPLICA_LOG_H_
#define POLKU_EVENTSTORE_LOG_REPLICA_LOG_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/head.h"
#include "eventstore/log/rewrite.h"

namespace polku::log {

// Consecutive groups under one checkpoint, ready to be stored.
struct VerifiedBatch {
  Position first;
  std::vector<StoredGroup> groups;  // secrets already wrapped (72 bytes)
  LogHead head;                     // after the batch
  std::string checkpoint;           // the signed note for head.frontier.size()
  // What Frontier::AppendLeafHash and AppendSubtree told as completed on the way to head.frontier.
  std::vector<proof::Node> nodes;
  // Earlier positions that entries of the batch opened to this agency (header `later`): wanted from now on.
  std::vector<WantedEntry> wanted = {};
  // A hole in our running numbers (or, in a mirror, in the leaves) that the origin explains by an erasure whose
  // Erased has not come yet: before the entry at `before`, `missing` of them, all behind `after`.
  struct Hole {
    Position after;
    Position before;
    uint64_t missing = 0;
  };
  std::vector<Hole> holes = {};            // new ones
  std::vector<Position> explained = {};    // `before` of those that an Erased of this batch explains
};

class ReplicaLog {
 public:
  // Finds the origin's log in the engine, or takes the next free number for it (kept once the first
  // batch is stored).
  static absl::StatusOr<std::unique_ptr<ReplicaLog>> Open(Engine& engine, const OriginName& origin);
  virtual ~ReplicaLog() = default;

  // Stores the batch with its case index in one synced write. FailedPrecondition when it does not
  // start at size(). Errors as Engine::Commit.
  virtual absl::Status Append(const VerifiedBatch& batch) = 0;

  // Holes that no Erased has explained yet, ascending: while there is one, this replica cosigns nothing.
  virtual absl::StatusOr<std::vector<VerifiedBatch::Hole>> UnexplainedHoles() = 0;

  virtual LogNumber number() const = 0;
  virtual const LogHead& head() const = 0;
  Position size() const { return head().frontier.size(); }
};

// The same of any log that is held: an own one has such while what was recovered of it from a mirror lacks leaves of
// which no Erased says that they were erased. DataLoss: the index is malformed.
absl::StatusOr<std::vector<VerifiedBatch::Hole>> UnexplainedHoles(Engine& engine, LogNumber log);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_REPLICA_LOG_H_
