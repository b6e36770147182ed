// Records: what a service must keep and could not make again from its logs. They lie beside the logs
// (Engine::WriteRecords), survive a reindex, and are few: at most one cosignature a witness, log and
// second, and at most kMaxForksKept forks a log. Layout: FORMAT.md "Records".
//
//   'c' log[4] witness name 00 time[8]  → size[8] ‖ root[32] ‖ key id[4] ‖ signature[64] ‖ proven to[8] ‖
//                                         hashes[32 * n]
//   'f' log[4] found at[8] sequence[4]  → a checkpoint pair (proof/proof_file.h)
// A record that is not of this form is DataLoss wherever it is met; the message names it.
#ifndef POLKU_EVENTSTORE_LOG_RECORDS_H_
#define POLKU_EVENTSTORE_LOG_RECORDS_H_

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
#include "eventstore/proof/merkle_proof.h"

namespace polku::log {

// A witness's word about a log that is held here, verified before it was kept.
struct KeptCosignature {
  std::string witness;   // the key's name, "<agency>/<service>/witness"
  absl::Time time;       // whole seconds, the witness's clock
  Position size;         // of the checkpoint it cosigned
  Hash root;
  std::string line;      // the signature line for the note of that checkpoint
  // The consistency proof from (size, root) to the checkpoint of `proven_to`, which is stored here. Own
  // log: none is needed, any root can be computed; then proven_to == size.
  Position proven_to;
  proof::MerkleProof consistency;
};

// Written without a sync of their own: at a crash the newest may be lost, a witness will sign again.
// InvalidArgument, nothing written: the line is not one of that witness and time, the time is before
// 1970 or not in whole seconds, or the proof leads backwards.
absl::Status KeepCosignatures(Engine& engine, LogNumber log,
                              const std::vector<KeptCosignature>& cosignatures);
// The newest of that witness at or before `at`; nullopt when there is none.
absl::StatusOr<std::optional<KeptCosignature>> CosignatureAt(Engine& engine, LogNumber log,
                                                             std::string_view witness, absl::Time at);
// Of each witness the earliest that covers `size` entries or more, by witness name. Found by bisection,
// for a witness's sizes rise with its clock; of one whose clock was put back, a later one may be given,
// or none until its clock has caught up.
absl::StatusOr<std::vector<KeptCosignature>> CosignaturesCovering(Engine& engine, LogNumber log,
                                                                  Position size);
// Of each witness the newest.
absl::StatusOr<std::vector<KeptCosignature>> NewestCosignatures(Engine& engine, LogNumber log);
// Every one, ascending by (witness, time), for verification.
absl::Status VisitCosignatures(Engine& engine, LogNumber log,
                               const std::function<absl::Status(const KeptCosignature&)>& visit);

inline constexpr size_t kMaxForksKept = 16;
struct KeptFork {
  absl::Time found_at;
  std::string pair;  // the file's text
};
// Synced. The same pair is kept once; beyond kMaxForksKept nothing is added: the first are proof enough.
absl::Status KeepFork(Engine& engine, LogNumber log, absl::Time found_at, std::string_view pair);
absl::StatusOr<std::vector<KeptFork>> Forks(Engine& engine, LogNumber log);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_RECORDS_H_
