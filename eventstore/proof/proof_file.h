// Proofs as files that outlive this software.
//
// Inclusion: C2SP tlog-proof, extension .tlog-proof:
//   c2sp.org/tlog-proof@v1
//   [extra <base64>]
//   index <decimal>
//   <base64 hash> ...
//
//   <checkpoint note with its cosignatures>
//
// Consistency, and contradiction: Polku's own (no C2SP form has both checkpoints), extension
// .checkpoint-pair; README.md "Checkpoint pairs" is normative:
//   polku/checkpoint-pair/v1
//   [prefix <base64 hash>]
//   <base64 hash> ...
//
//   <older checkpoint note>
//
//   <newer checkpoint note>
// Without `prefix` the hashes are the consistency proof from the older to the newer: nothing was
// removed or altered. With `prefix` they are the consistency proof from that hash, the root that
// the newer tree has at the older's size, and it is not the older's root: the origin signed two
// histories, which is proof of a fork to anybody who has its public key. For equal sizes the prefix
// is the newer root itself and there are no hashes.
#ifndef POLKU_EVENTSTORE_PROOF_PROOF_FILE_H_
#define POLKU_EVENTSTORE_PROOF_PROOF_FILE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/proof/merkle_proof.h"

namespace polku::proof {

inline constexpr size_t kMaxProofFileBytes = 256 << 10;

struct InclusionFile {
  std::optional<std::string> extra;  // opaque bytes, not authenticated
  Position index;
  MerkleProof hashes;
  std::string checkpoint;  // the note
};
// Precondition: the note is a checkpoint's. Extra data of no bytes is as none.
std::string FormatInclusionFile(const InclusionFile& file);
// InvalidArgument: longer than kMaxProofFileBytes or malformed; the note is that of some
// checkpoint, but neither it nor the hashes are verified.
absl::StatusOr<InclusionFile> ParseInclusionFile(std::string_view text);
// That the leaf with this hash is at the file's index in the checkpoint signed by the key of its
// size; the checkpoint. InvalidArgument, Unauthenticated as VerifyCheckpoint; InvalidArgument: the proof is
// wrong.
absl::StatusOr<Checkpoint> VerifyInclusionFile(const InclusionFile& file, const Hash& leaf_hash,
                                               const LogKeys& keys);

struct CheckpointPair {
  std::optional<Hash> prefix;
  MerkleProof hashes;
  std::string older;  // notes
  std::string newer;
};
// As above.
std::string FormatCheckpointPair(const CheckpointPair& pair);
absl::StatusOr<CheckpointPair> ParseCheckpointPair(std::string_view text);

enum class PairVerdict {
  kConsistent,  // the newer extends the older
  kFork,        // both are signed and contradict each other
};
// Verifies both signatures and the hashes. InvalidArgument: it proves neither. Unauthenticated as
// VerifyCheckpoint: a note is not of the key of its size, or not of this origin.
absl::StatusOr<PairVerdict> VerifyCheckpointPair(const CheckpointPair& pair,
                                                 const LogKeys& keys);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_PROOF_FILE_H_
