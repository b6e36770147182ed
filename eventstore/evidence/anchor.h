// The checkpoint that proofs of some entries are made to, with everybody who stands behind it:
// among the signed checkpoints stored here, that which most other agencies have cosigned.
#ifndef POLKU_EVENTSTORE_EVIDENCE_ANCHOR_H_
#define POLKU_EVENTSTORE_EVIDENCE_ANCHOR_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/proof/merkle_proof.h"

namespace polku::evidence {

// "FI/MUN/0187690-1/oulu" of the key name "FI/MUN/0187690-1/oulu/attendance/witness"; empty when it
// is no witness's name.
std::string_view AgencyOfWitness(std::string_view key_name);

struct AnchorCosignature {
  const proof::VerifierKey* key;  // one of AnchorOptions::witnesses
  absl::Time time;
  Position size;
};
struct OtherCheckpoint {
  proof::Checkpoint checkpoint;
  std::string note;                // cosignature lines, and the origin's where this store has it
  proof::MerkleProof consistency;  // between it and the anchor, the smaller one first
};
struct Anchor {
  proof::Checkpoint checkpoint;
  std::string note;  // the origin's line, then those who cosigned just this checkpoint
  // Cosigned checkpoints of other sizes: of each witness that did not cosign the anchor the
  // earliest that covers the entries. Ascending by size, one a size.
  std::vector<OtherCheckpoint> others;
  std::vector<AnchorCosignature> cosigned;  // by whom, in all of these
};

struct AnchorOptions {
  log::Engine* engine = nullptr;                    // borrowed
  const log::HeldLog* log = nullptr;                // borrowed
  const proof::LogKeys* keys = nullptr;             // the origin's, borrowed
  std::span<const proof::VerifierKey> witnesses;    // others' cosignatures are left out
  Position covers;                                  // so many entries, at least 1
  std::vector<log::KeptCosignature> required = {};  // put in whatever they cover
};
// Everything in the result has been verified with the keys given. Of equally many agencies the
// newest checkpoint is taken. A cosignature whose consistency cannot be proven from what this store
// holds is left out; a required one is then NotFound. OutOfRange: the log is not that long.
// DataLoss: a stored checkpoint does not verify with the key of its size, or is missing.
absl::StatusOr<Anchor> ChooseAnchor(const AnchorOptions& options);

// The consistency proof between a cosigned checkpoint and another size of the same log, the smaller
// one first. In a replica the place that a witness cosigned can lie inside a withheld subtree: then
// the hashes of the proof that was kept with the cosignature stand in for those that are not held.
// NotFound when not even they are enough.
absl::StatusOr<proof::MerkleProof> ProveCosigned(log::TreeReader& tree,
                                                 const log::KeptCosignature& kept, Position size);

// The signed checkpoint stored for exactly that size, verified. NotFound when there is none: only
// sizes at which a commit ended have one.
struct SignedCheckpoint {
  proof::Checkpoint checkpoint;
  std::string note;
};
absl::StatusOr<SignedCheckpoint> CheckpointOfSize(log::Engine& engine, LogNumber log,
                                                  const proof::LogKeys& keys, Position size);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_ANCHOR_H_
