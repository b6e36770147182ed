// Which keys a log has announced (KeyChanged entries, event.proto): its checkpoint keys one after the other, and
// the changes of its origin's other keys. Found by the index of control entries, so it costs what was changed.
#ifndef POLKU_EVENTSTORE_LOG_KEY_HISTORY_H_
#define POLKU_EVENTSTORE_LOG_KEY_HISTORY_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "polku/event/v1/event.pb.h"

namespace polku::log {

struct KeyChange {
  Position position;
  absl::Time recorded_at;  // the origin's clock
  event::v1::KeyChanged change;
};
// InvalidArgument, saying what to do: a key is not 32 bytes, old and new are one, the use is none, a reason of
// more than 1,000 bytes or with control characters, or what the use does not allow (event.proto).
absl::Status CheckKeyChanged(const event::v1::KeyChanged& change);

// All of a log that is held, ascending; those that CheckKeyChanged refuses are left out (they have no effect).
// DataLoss: the index or an entry is corrupt. FailedPrecondition: the index is not complete.
absl::StatusOr<std::vector<KeyChange>> KeyChangesOf(Engine& engine, LogNumber log);

// The key that the Genesis of a held log names. NotFound: nothing of the log is held. DataLoss: corrupt.
absl::StatusOr<proof::VerifierKey> GenesisKey(Engine& engine, LogNumber log);

// The checkpoint keys of a held log whose first one is trusted. Errors as KeyChangesOf; DataLoss also when a
// change does not follow from the one before. A log that is not held: `first` alone.
absl::StatusOr<proof::LogKeys> KeysOf(Engine& engine, LogNumber log, proof::VerifierKey first);

// Those of the own log: from the key that its first change names as the old one, or, where it has none, `only`
// alone. Whoever trusts them compares newest() with the key that it has. Errors as KeysOf.
absl::StatusOr<proof::LogKeys> OwnKeys(Engine& engine, proof::VerifierKey only);

// `trusted`: each log's first key, by origin. The same with what the held ones have announced since.
using LogKeysByOrigin = std::map<std::string, proof::LogKeys, std::less<>>;
absl::StatusOr<LogKeysByOrigin> KeysOfAll(
    Engine& engine, const std::map<std::string, proof::VerifierKey, std::less<>>& trusted);

// The SIGNING change that an entry of the log of `keys` makes: taken into `keys`. Any other entry: nothing.
// Errors as LogKeys::Change; DataLoss: the entry's message is malformed.
absl::Status TakeSigningChange(const event::v1::Header& header, Position position,
                               proof::LogKeys& keys);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_KEY_HISTORY_H_
