// Tells a write that a crash tore from damage to acknowledged data, where RocksDB's recovery modes
// offer only "refuse both" or "drop both" (FORMAT.md "Recovery"). Private to eventstore/rocksdb.
#ifndef POLKU_EVENTSTORE_ROCKSDB_WAL_TAIL_H_
#define POLKU_EVENTSTORE_ROCKSDB_WAL_TAIL_H_

#include <string>

namespace polku::rocks {

// True when the write-ahead logs of the directory are damaged and no whole record begins after the
// first damaged place, in that log or a later one: then only the last write can be damaged, and
// it was never acknowledged, for every commit is synced before the next record is written.
// False for undamaged logs, for damage followed by a record, and when a log cannot be read.
bool IsTornWalTail(const std::string& directory);

}  // namespace polku::rocks

#endif  // POLKU_EVENTSTORE_ROCKSDB_WAL_TAIL_H_
