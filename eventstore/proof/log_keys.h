// The checkpoint keys of one log, one after the other: a key signs from the size at which it was introduced to
// the size with which it introduces the next (a KeyChanged of use SIGNING is the last entry of its commit, and
// that commit's checkpoint is the last one of the old key).
#ifndef POLKU_EVENTSTORE_PROOF_LOG_KEYS_H_
#define POLKU_EVENTSTORE_PROOF_LOG_KEYS_H_

#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::proof {

class LogKeys {
 public:
  // `first`: that of the log's Genesis. Implicit: most logs never change their key.
  LogKeys(VerifierKey first);  // NOLINT
  // The KeyChanged at `position` names `next`; checkpoints of more than position + 1 entries are its.
  // InvalidArgument: not behind the change before, not a checkpoint key of the same name, or no new key.
  absl::Status Change(Position position, VerifierKey next);
  const VerifierKey& For(Position size) const;
  const VerifierKey& first() const { return keys_.front().second; }
  const VerifierKey& newest() const { return keys_.back().second; }
  // Ascending: the first position whose entry is signed by the key, and the key.
  const std::vector<std::pair<Position, VerifierKey>>& all() const { return keys_; }

 private:
  std::vector<std::pair<Position, VerifierKey>> keys_;
};

// As VerifyCheckpoint with a single key: signed by the key that its size calls for.
absl::StatusOr<Checkpoint> VerifyCheckpoint(std::string_view note, const LogKeys& keys);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_LOG_KEYS_H_
