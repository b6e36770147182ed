// What both sides of witnessing share (PROTOCOL.md "Cosigning", "Forks"): whose cosignatures count,
// finding them in notes, and the evidence of a fork. Pure functions.
#ifndef POLKU_EVENTSTORE_REPLICA_WITNESS_H_
#define POLKU_EVENTSTORE_REPLICA_WITNESS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/proof/merkle_proof.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::replica {

inline constexpr size_t kMaxCheckpointBytes = 2048;  // of a note in a message, signatures included
inline constexpr size_t kMaxCosigned = 32;           // of one heartbeat
inline constexpr size_t kMaxSeen = 64;
// By how much a cosignature's time may be ahead of our clock, and be taken.
inline constexpr absl::Duration kMaxClockAhead = absl::Minutes(10);

struct TrustedWitness {
  std::string agency;
  proof::VerifierKey key;  // kCosignature
};

// What a log that is held here had at an earlier size.
struct PrefixProof {
  Hash root;
  proof::MerkleProof consistency;  // from there to the present size
};
// NotFound when what is withheld hides it. Other errors: the log cannot be read.
using PrefixFn = std::function<absl::StatusOr<PrefixProof>(Position size)>;
// That of a log in `engine` whose size is `present`. Errors as log::TreeReader.
absl::StatusOr<PrefixProof> PrefixOf(log::Engine& engine, LogNumber log, Position size,
                                     Position present);

// A checkpoint note as it came: nothing is verified.
struct ClaimedCheckpoint {
  proof::Checkpoint checkpoint;
  std::string body;
  struct Line {
    std::string name;
    uint32_t key_id = 0;
    std::string text;  // with its newline
    std::optional<absl::Time> cosigned_at;  // when it has the form of a cosignature
  };
  std::vector<Line> lines;
};
// InvalidArgument: no checkpoint note, longer than kMaxCheckpointBytes, or with lines after the root, which
// cosignatures kept by size and root alone would lose.
absl::StatusOr<ClaimedCheckpoint> ParseClaimed(std::string_view note);

// The only line of that key; null when there is none or several: so that checking it costs one
// verification.
const ClaimedCheckpoint::Line* OnlyLine(const ClaimedCheckpoint& claimed,
                                        const proof::VerifierKey& key);
// That `line` is a valid signature of `key` under the claimed checkpoint: the origin's, or a cosignature.
bool VerifyLine(const ClaimedCheckpoint& claimed, const ClaimedCheckpoint::Line& line,
                const proof::VerifierKey& key);

// The checkpoint pair (proof/proof_file.h) that proves a fork by two notes of `origin_keys`; "" when they do
// not prove it. `prefix`: of the newer one's tree at the older one's size; not looked at for equal sizes.
std::string ForkEvidence(std::string_view older, std::string_view newer, const PrefixProof* prefix,
                         const proof::LogKeys& origin_keys);

// One witness's newest word, for StatusAnswer.
exchange::v1::WitnessStatus WitnessStatusOf(const TrustedWitness& witness, Position size,
                                            absl::Time time);

}  // namespace polku::replica

#endif  // POLKU_EVENTSTORE_REPLICA_WITNESS_H_
