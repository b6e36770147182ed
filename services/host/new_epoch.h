// Opens the next epoch of a log that cannot be gone on with (DESIGN "Proof", rollback): entries were lost
// that no mirror has, or its key has signed two histories. The new log's Genesis names the old one: how much
// of it is held, its root, how much it is known to have had, and why. What is held goes on being read, folded and
// answered for, as a replica in the new data directory.
#ifndef POLKU_SERVICES_HOST_NEW_EPOCH_H_
#define POLKU_SERVICES_HOST_NEW_EPOCH_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/ids.h"
#include "services/host/config.h"

namespace polku::host {

struct NewEpochOptions {
  const Config& next;   // origin …/n+1, a data directory that is missing or empty, a keys directory of its own
  const Config& old;    // origin …/n; the same keystore directory, unless sections_lost
  std::string reason;   // for every peer to read: no personal data
  // The keystore or its master key is lost for good. `next` names another keystore directory, in which there is no
  // key, and a keys directory with a master.key. Headers and proofs go on; contents of own sections are given up, and
  // the logs of `next`'s peers are left out: they come back from their origins, contents included.
  bool sections_lost = false;
  uint64_t known_size = 0;  // as peers or witnesses told it; 0: what the log and its mark say
  WallClock clock = SystemClock();
  // Entries copied, of so many; may be empty.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

struct NewEpochMade {
  Position held;        // entries of the old log
  Position known;       // entries that it is known to have had; more than held: a gap
  // How far the clock is behind the old log's newest entry: what the new log takes until then is ordered after
  // that entry, by steps of a microsecond.
  absl::Duration clock_behind = absl::ZeroDuration();
  bool forked = false;  // its high-water mark is of another history; the proof is kept as a record
  uint64_t logs = 0;    // copied, the old own one among them
  uint64_t entries = 0; // of them
  uint64_t sections = 0;  // of the old own log, whose secrets were wrapped
  std::string signing_key;  // signing.public of the new epoch
  std::string curve_key;    // curve.public
  std::string old_signing_key;  // signing.public of the old log
};

// Offline, with the service stopped. The old directories are only read, but for one file: `superseded`
// (superseded.h) in the old keys directory, which keeps the old service from being started again. It is written
// when the new database is whole and before it gets its name: broken off between the two, neither epoch can be
// started until the same call is made again, whereas in the other order both could. Key files that the next keys
// directory lacks are put there: the signing key is new, all others are the old ones. The database is built
// beside `next.data_directory` and renamed when it is whole: broken off at any instant, the same call does it again.
// Opening the service with `next` is all that is left to do.
//
// InvalidArgument, AlreadyExists, FailedPrecondition: the configurations or directories do not fit together, or
// another next epoch has been opened; the message says what to change. Unavailable: the old service runs. DataLoss: the old log does not verify, with the
// position; NotFound: a case key is missing (an older keystore). Nothing was made then but key files.
absl::StatusOr<NewEpochMade> OpenNewEpoch(const NewEpochOptions& options);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_NEW_EPOCH_H_
