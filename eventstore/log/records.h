// Records: what a service must keep and could not make again from its logs. They lie beside the logs
// (Engine::WriteRecords), survive a reindex, and are few: at most one cosignature a witness, log and
// second, and at most kMaxForksKept forks a log. Layout: FORMAT.md "Records".
//
//   'c' log[4] witness name 00 time[8]  → size[8] ‖ root[32] ‖ key id[4] ‖ signature[64] ‖ proven to[8] ‖
//                                         hashes[32 * n]
//   'f' origin 00 found at[8] sequence[4] → a checkpoint pair (proof/proof_file.h)
//   'a' log[4] position[8]               → how far an Erased is carried out (services/host/erased.h)
//   'd' receiver agency                   → number[8]
//   'm'                                   → what the store was cleaned of (services/host/erased.h)
// Forks go by the origin's name: evidence may come before anything of a log is stored, when its number is not
// its own yet.
// A cosignature that is not of this form is passed over: one damaged record keeps nobody from the others,
// nor a service from starting. Who is asked to is told of each that was met.
#ifndef POLKU_EVENTSTORE_LOG_RECORDS_H_
#define POLKU_EVENTSTORE_LOG_RECORDS_H_

#include <cstdint>
#include <functional>
#include <map>
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
// Whether `key` made it, by name and id: a witness may have had another key of the same name before.
bool IsOfKey(const KeptCosignature& kept, const proof::VerifierKey& key);

// Told of a record that is not of its form: DataLoss, naming the record.
using MalformedFn = std::function<void(const absl::Status&)>;

// Written without a sync of their own: at a crash the newest may be lost, a witness will sign again.
// One of a second in which the same key's larger word is kept adds nothing.
// InvalidArgument, nothing written: the line is not one of that witness and time, the time is before
// 1970, after 9999 or not in whole seconds, or the proof leads backwards.
absl::Status KeepCosignatures(Engine& engine, LogNumber log,
                              const std::vector<KeptCosignature>& cosignatures);
// The newest of that witness at or before `at`; nullopt when there is none.
absl::StatusOr<std::optional<KeptCosignature>> CosignatureAt(Engine& engine, LogNumber log,
                                                             std::string_view witness, absl::Time at);
// Of each witness's key the earliest that covers `size` entries or more, by witness name. Found by
// bisection, for a witness's sizes rise with its clock; of one whose clock was put back, a later one may
// be given, but one is whenever its largest word covers.
absl::StatusOr<std::vector<KeptCosignature>> CosignaturesCovering(Engine& engine, LogNumber log,
                                                                  Position size);
// Of each witness's key the one of most entries, of equals the newest, by witness name.
absl::StatusOr<std::vector<KeptCosignature>> NewestCosignatures(Engine& engine, LogNumber log,
                                                                const MalformedFn& malformed = {});
// Every one, ascending by (witness, time), for verification.
absl::Status VisitCosignatures(Engine& engine, LogNumber log,
                               const std::function<absl::Status(const KeptCosignature&)>& visit,
                               const MalformedFn& malformed = {});

inline constexpr size_t kMaxForksKept = 16;
struct KeptFork {
  std::string origin;  // whose key is said to have signed both: whoever reads it verifies it with that key
  absl::Time found_at;
  std::string pair;  // the file's text
};
// Synced. The same pair is kept once; beyond kMaxForksKept nothing is added: the first are proof enough.
// InvalidArgument, nothing written: no pair, or no origin's name.
absl::Status KeepFork(Engine& engine, std::string_view origin, absl::Time found_at,
                      std::string_view pair);
absl::StatusOr<std::vector<KeptFork>> Forks(Engine& engine, std::string_view origin);
// Of every origin, by name; also of those of which nothing is stored. DataLoss: a record is malformed, and
// nobody is told of it.
absl::StatusOr<std::vector<KeptFork>> AllForks(Engine& engine, const MalformedFn& malformed = {});

// The largest running numbers that were given to receivers in entries of the own log whose leaves are erased
// (rewrite.h): no number is ever given twice, and the entries cannot tell them any more. Synced; a number that
// is not above the one kept changes nothing.
absl::Status KeepErasedNumbers(Engine& engine, const std::map<std::string, uint64_t>& numbers);
absl::StatusOr<std::map<std::string, uint64_t>> ErasedNumbers(Engine& engine);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_RECORDS_H_
