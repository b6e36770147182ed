#include "services/host/opening.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/key_history.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "services/host/high_water.h"

namespace polku::host {
namespace {

// A restored data directory beside an empty keystore, or the other way round, must not be filled up.
absl::Status CheckFit(log::Engine& engine, vault::SealedKeyStorage& keys, const Config& config) {
  POLKU_ASSIGN_OR_RETURN(const auto head, engine.ReadHead(kOwnLog));
  // The first record is the check of the master key, made before the log's first entry.
  POLKU_ASSIGN_OR_RETURN(const size_t records, keys.CountUpTo(2));
  if (head && records == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, config.data_directory,
                 " holds a log but ", config.keystore_directory,
                 " holds no key of it; restore the keystore's backup");
  }
  if (!head && records > 1) {
    return Error(absl::StatusCode::kFailedPrecondition, config.keystore_directory,
                 " holds keys but ", config.data_directory,
                 " holds no log; where a peer mirrors this log, `polku recover` fetches it back from there "
                 "whole; else restore the data directory's newest backup, or begin a new epoch (`polku "
                 "new-epoch`); never put the keystore away to start empty");
  }
  return absl::OkStatus();
}

// A log that is older than what was signed must not be gone on with.
absl::Status CheckMark(log::Engine& engine, const Config& config, const ServiceKeys& keys) {
  const proof::VerifierKey& present = keys.signer->verifier();
  POLKU_ASSIGN_OR_RETURN(const auto announced, log::OwnKeys(engine, present));
  POLKU_ASSIGN_OR_RETURN(const std::string note,
                         HighWater(config.keys_directory).Read(announced, present));
  const absl::Status mark = CheckHighWater(engine, note, announced, present);
  // Behind or another history: what is stored is not what was signed, whatever the cause.
  if (absl::IsFailedPrecondition(mark)) return absl::DataLossError(mark.message());
  return mark;
}

}  // namespace

// Asks who holds the lock without taking it: to open a store that is in use would disturb its own journal.
absl::Status CheckNotOpen(const Config& config) {
  const std::string path = config.data_directory + "/LOCK";
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) {
    const int error = errno;
    return Error(error == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kPermissionDenied,
                 path, ": ", std::strerror(error),
                 error == ENOENT ? "; the service has stored nothing yet"
                                 : "; run the command as the user that the service runs as");
  }
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const int asked = fcntl(file, F_GETLK, &lock);
  close(file);
  if (asked == 0 && lock.l_type == F_UNLCK) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, config.data_directory, " is open in another process");
}

absl::StatusOr<Stores> OpenStores(const Config& config, const ServiceKeys& keys) {
  Stores stores;
  POLKU_ASSIGN_OR_RETURN(stores.engine, rocks::OpenEngine({.directory = config.data_directory,
                                                           .cache_bytes = config.block_cache_bytes}));
  const OpenStorageFn storage = [&] {
    return rocks::OpenKeyStorage(config.keystore_directory, rocks::OpenMode::kReadWrite);
  };
  {
    POLKU_ASSIGN_OR_RETURN(const auto records, storage());
    POLKU_RETURN_IF_ERROR(CheckFit(*stores.engine, *records, config));
  }
  // Without its index the log cannot be compared with the mark.
  POLKU_RETURN_IF_ERROR(log::CheckIndexComplete(*stores.engine));
  POLKU_RETURN_IF_ERROR(CheckMark(*stores.engine, config, keys));
  POLKU_ASSIGN_OR_RETURN(stores.keystore,
                         OpenKeyStore(storage, config.keys_directory, keys, /*read_only=*/false));
  return stores;
}

}  // namespace polku::host
