// Reads write-ahead logs byte by byte. Tells a write that a crash tore, or that is being written at
// this moment, from damage to acknowledged data, where RocksDB's recovery modes offer only "refuse
// both" or "drop both" (FORMAT.md "Recovery"). Private to eventstore/rocksdb.
#ifndef POLKU_EVENTSTORE_ROCKSDB_WAL_TAIL_H_
#define POLKU_EVENTSTORE_ROCKSDB_WAL_TAIL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace polku::rocks {

struct WalState {
  bool damaged = false;  // somewhere no whole record lies: at `offset` of `file`, first
  // A whole record begins after that, in that log or a later one. Without one only the last write can
  // be damaged, and it was never acknowledged, for every commit is synced before the next record is written.
  bool record_after_damage = false;
  std::string file;
  uint64_t offset = 0;
  bool torn() const { return damaged && !record_after_damage; }
};

// Of the logs of `directory` from number `from` on. Beside a writer a log may look damaged that ended while the next
// began: another reading tells. One that is deleted meanwhile is passed over. Unavailable: a log cannot be read.
absl::StatusOr<WalState> ReadWals(const std::string& directory, uint64_t from = 0);

}  // namespace polku::rocks

#endif  // POLKU_EVENTSTORE_ROCKSDB_WAL_TAIL_H_
