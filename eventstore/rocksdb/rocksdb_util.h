// What the databases of this room share: opening, error mapping, the listener for background
// errors. Private to eventstore/rocksdb.
#ifndef POLKU_EVENTSTORE_ROCKSDB_ROCKSDB_UTIL_H_
#define POLKU_EVENTSTORE_ROCKSDB_ROCKSDB_UTIL_H_

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eventstore/rocksdb/rocksdb_engine.h"

namespace polku::rocks {

inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// RocksDB's status as ours, with `context` (directory, log, position) in front.
absl::Status FromRocks(const rocksdb::Status& status, std::string_view context);

// Notes that RocksDB stopped its background work; writes stop then too, until the next opening.
// DB::Resume is not used: in RocksDB 7.8 it waited for ever after a full disk, with room and
// without (seen 2026-11-21), while opening again recovered every time.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status*) override {
    stopped_.store(true);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  bool stopped() const { return stopped_.load(); }

 private:
  std::atomic<bool> stopped_ = false;
};

// Options that every database of ours shares (FORMAT.md "The database").
rocksdb::Options SharedOptions(std::shared_ptr<BackgroundErrors> errors, OpenMode mode);

struct OpenedDatabase {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // owned by whoever holds db, destroyed first
};
// Errors as OpenEngine. For kReadWrite the directory is made when missing. The last `added` families
// came after the first version: kReadWrite makes them where they lack (as all families of a new
// database), for kReadOnly their handle is then nullptr.
absl::StatusOr<OpenedDatabase> OpenDatabase(
    const rocksdb::Options& options, const std::string& directory, OpenMode mode,
    size_t write_buffer_bytes, const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
    size_t added = 0);

// Room that a database needs to open: what recovery writes from the write-ahead logs.
uint64_t RoomToOpen(size_t write_buffer_bytes);
// Room below which commits are refused: enough to write out everything in memory and to open again,
// so that RocksDB itself never meets a full disk unless others fill it. Debian's RocksDB is built
// with assertions and some of its paths abort the process after a failed write (2026-11-21).
uint64_t RoomToCommit(size_t write_buffer_bytes);
// ResourceExhausted when the file system of `directory` has less than `bytes` left for us.
absl::Status CheckRoom(const std::string& directory, uint64_t bytes);

// Makes what was overwritten or deleted in the families go from the disk: memory is written out, the
// write-ahead logs up to now and the tables that held it are deleted, also the manifests that name their first
// and last keys. Unavailable: a reader still holds old tables, or a deletion failed; safe to repeat. Precondition:
// the last of `all` holds a record that stays.
struct FamilyRange {
  rocksdb::ColumnFamilyHandle* family;
  std::string begin;  // empty, with `end`: all of it
  std::string end;    // inclusive
};
absl::Status PurgeFamilies(rocksdb::DB& db, const std::string& directory,
                           const std::vector<rocksdb::ColumnFamilyHandle*>& all,
                           const std::vector<FamilyRange>& ranges);

// Writes with sync. ResourceExhausted: less room than the reserve is left; nothing was written. Any
// other failure is kept and answered from then on.
class SyncedWriter {
 public:
  // `reserve_bytes`: room that must be left after a write; 0: not asked. Not `sync`: as EngineOptions has it.
  SyncedWriter(rocksdb::DB& db, const BackgroundErrors& errors, std::string directory,
               uint64_t reserve_bytes, bool sync)
      : db_(db),
        errors_(errors),
        directory_(std::move(directory)),
        reserve_bytes_(reserve_bytes),
        sync_(sync) {}
  // One thread at a time. `from_reserve`: half of the reserve may be used.
  absl::Status Write(rocksdb::WriteBatch& batch, bool sync, bool from_reserve = false);

 private:
  rocksdb::DB& db_;
  const BackgroundErrors& errors_;
  const std::string directory_;
  const uint64_t reserve_bytes_;
  const bool sync_;
  absl::Status stopped_;
};

}  // namespace polku::rocks

#endif  // POLKU_EVENTSTORE_ROCKSDB_ROCKSDB_UTIL_H_
