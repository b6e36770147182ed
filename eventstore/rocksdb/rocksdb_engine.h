// The RocksDB engine: one database a service, column families by kind of value (FORMAT.md).
#ifndef POLKU_EVENTSTORE_ROCKSDB_ROCKSDB_ENGINE_H_
#define POLKU_EVENTSTORE_ROCKSDB_ROCKSDB_ENGINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "eventstore/log/engine.h"
#include "eventstore/vault/keystore.h"

namespace polku::rocks {

enum class OpenMode {
  kReadWrite,  // creates the directory and database when missing; takes the lock
  kReadOnly,   // a snapshot as of opening; works while a service runs and after it stopped
};

struct EngineOptions {
  std::string directory;
  OpenMode mode = OpenMode::kReadWrite;
  size_t cache_bytes = 64 << 20;
  size_t write_buffer_bytes = 64 << 20;
  // Commits are refused (ResourceExhausted) below this much room on the disk; by default what
  // writing out all memory and opening again take. 0 leaves a full disk to RocksDB, which then
  // stops until it is opened again.
  std::optional<uint64_t> reserve_bytes;
  // A log whose head is malformed is taken as empty instead of keeping everything from opening, so that
  // verification can say what is wrong with it. For kReadOnly.
  bool for_verification = false;
  // false: for histories that are made anew if the machine stops. What is committed is safe from the end of this
  // process alone; whoever opens it so syncs the file system when all is made.
  bool sync = true;
};

// Unavailable: another process holds the lock. FailedPrecondition: another format version. PermissionDenied:
// directory not writable. NotFound: read-only and nothing there. DataLoss: RocksDB found
// corruption. Every message names the directory and says what to do.
absl::StatusOr<std::unique_ptr<log::Engine>> OpenEngine(const EngineOptions& options);

// Sealed keys in a RocksDB of their own, apart from the log. Errors as OpenEngine, `sync` as in EngineOptions.
absl::StatusOr<std::unique_ptr<vault::SealedKeyStorage>> OpenKeyStorage(std::string_view directory,
                                                                        OpenMode mode,
                                                                        bool sync = true);

}  // namespace polku::rocks

#endif  // POLKU_EVENTSTORE_ROCKSDB_ROCKSDB_ENGINE_H_
