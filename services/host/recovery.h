// Fetches back from a mirror what the own log lost (DESIGN "Proof", rollback): the service is stopped, its
// log is behind its high-water mark or gone, and another service holds all of it, sealed as it is.
#ifndef POLKU_SERVICES_HOST_RECOVERY_H_
#define POLKU_SERVICES_HOST_RECOVERY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "services/host/config.h"

namespace polku::host {

struct RecoverOptions {
  const Config& config;  // of the service whose log it is; borrowed
  std::string mirror;    // "tcp://host:port"
  zeromq::CurveKey mirror_key;
  absl::Duration patience = absl::Seconds(30);  // without an answer or an entry
  // Stored and announced entries, after each batch; may be empty.
  std::function<void(Position stored, Position announced)> progress = {};
};

struct Recovered {
  Position before;       // size of the log as it was found
  Position size;         // and as it is now, signed
  Hash root;
  Position mark;         // of the high-water mark as it was found; 0: there was none
  uint64_t sections = 0; // of the fetched entries
  uint64_t without_key = 0;  // of them, those that the keystore has no key for
  // Sections that the mirror did not give, of cases without a key here, and that no Erased of the log names.
  uint64_t left_out = 0;
  // Leaves that the mirror gave as erased and no Erased says so, as far as the log goes now: those of a tail that this
  // mirror does not have (`missing`).
  uint64_t unexplained = 0;
  // Signed once, and not in this mirror either.
  uint64_t missing() const { return mark > size ? mark.value() - size.value() : 0; }
};

// Opens log, keystore and keys, and appends what the mirror has beyond the log, verified against the own
// signing key, in whole commits: broken off at any instant, it goes on from there when it is run again. An
// empty data directory is filled from the beginning. The high-water mark rises before anything is stored: to
// what the mirror announces under our own signature. So a service that is started after a recovery that was
// broken off does not go on at half the log. The mirror may have less than the mark says: `missing`.
//
// Unavailable: the service runs (the lock), or the mirror does not answer. PermissionDenied: the mirror refuses
// our key. DataLoss: what the mirror has does not verify, it left out sections that our keystore has the key for, or entries
// that no Erased of the whole log names (no service starts on such a log), or it is another history than the log's; then
// the proof lies in a file beside the data directory, which the message names, and nothing was appended.
// Otherwise as log::Log::Open and Engine::Commit.
absl::StatusOr<Recovered> RecoverFromMirror(const RecoverOptions& options);

// Proof that the own log and a checkpoint signed by its `keys` contradict each other; nullopt: they agree, or the
// checkpoint is of more entries than the log has. `own_note` is the log's newest checkpoint.
absl::StatusOr<std::optional<std::string>> SelfForkPair(log::Engine& engine,
                                                        std::string_view own_note,
                                                        std::string_view other_note,
                                                        const proof::LogKeys& keys);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_RECOVERY_H_
