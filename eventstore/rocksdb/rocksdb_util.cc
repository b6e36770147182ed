#include "eventstore/rocksdb/rocksdb_util.h"

#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "absl/time/time.h"
#include "eventstore/base/status.h"
#include "eventstore/rocksdb/wal_tail.h"

namespace polku::rocks {
namespace {

namespace fs = std::filesystem;

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::set<std::string> FilesWith(const std::string& directory, std::string_view extension) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(directory, ignored)) {
    if (file.path().extension() == extension) names.insert(file.path().filename());
  }
  return names;
}

// RocksDB numbers and deletes them in ascending order.
std::set<std::string> WalFiles(const std::string& directory) { return FilesWith(directory, ".log"); }

// The first of the old files that should have gone and has not: write-ahead logs all, tables that no longer
// belong to the database, manifests but the current one. Empty: none.
std::string LeftBehind(rocksdb::DB& db, const std::string& directory,
                       const std::set<std::string>& old_wals,
                       const std::set<std::string>& old_tables) {
  const std::set<std::string> wals = WalFiles(directory);
  const std::set<std::string> tables = FilesWith(directory, ".sst");
  std::set<std::string> live;
  std::vector<rocksdb::LiveFileMetaData> files;
  db.GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) {
    live.insert(fs::path(file.name).filename());
  }
  std::error_code ignored;
  for (const std::string& name : old_wals) {
    // What was never written to is not written on: it is empty.
    if (wals.contains(name) && fs::file_size(directory + "/" + name, ignored) > 0 && !ignored) {
      return name;
    }
  }
  for (const std::string& name : old_tables) {
    if (tables.contains(name) && !live.contains(name)) return name;
  }
  std::string newest;
  for (const auto& file : fs::directory_iterator(directory, ignored)) {
    const std::string name = file.path().filename();
    if (!name.starts_with("MANIFEST-")) continue;
    if (!newest.empty()) return std::min(newest, name);
    newest = name;
  }
  return "";
}

absl::Status PrepareDirectory(const std::string& directory, OpenMode mode) {
  std::error_code error;
  if (mode == OpenMode::kReadOnly) {
    if (!fs::exists(directory + "/CURRENT", error)) {
      return absl::NotFoundError(Str(directory, ": no database there; check the data directory"));
    }
    return absl::OkStatus();
  }
  // What lies there is nobody else's, whatever the shell says. RocksDB makes files at any time, on threads of its own, and
  // has no setting that reaches all of them (7.8: Env::SetAllowNonOwnerAccess does not), so it is the process's.
  umask(077);
  fs::create_directories(directory, error);
  if (error && error != std::errc::file_exists) {
    const bool permission = error == std::errc::permission_denied ||
                            error == std::errc::read_only_file_system ||
                            error == std::errc::operation_not_permitted;
    return Error(permission                               ? absl::StatusCode::kPermissionDenied
                 : error == std::errc::no_space_on_device ? absl::StatusCode::kResourceExhausted
                                                          : absl::StatusCode::kUnavailable,
                 directory, ": cannot be made (", error.message(),
                 "); make it writable for this user");
  }
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return absl::PermissionDeniedError(Str(directory, ": ", std::string(std::strerror(errno)),
                                           "; make it writable for this user"));
  }
  return absl::OkStatus();
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& directory) {
  const std::string text = status.ToString();
  if (status.IsIOError() && (Contains(text, "While lock file") || Contains(text, "lock hold by"))) {
    return absl::UnavailableError(
        Str(directory, ": another process holds its lock; stop that process first (", text, ")"));
  }
  if (status.IsInvalidArgument() && Contains(text, "olumn famil")) {
    return absl::FailedPreconditionError(Str(
        directory, ": not a database of this format; use the version that made it (", text, ")"));
  }
  return FromRocks(status, directory);
}

struct OpenResult {
  rocksdb::Status status;
  OpenedDatabase database;
};

OpenResult OpenOnce(const rocksdb::Options& options, const std::string& directory, OpenMode mode,
                    const std::vector<rocksdb::ColumnFamilyDescriptor>& families) {
  OpenResult result;
  rocksdb::DB* db = nullptr;
  result.status =
      mode == OpenMode::kReadWrite
          ? rocksdb::DB::Open(options, directory, families, &result.database.families, &db)
          : rocksdb::DB::OpenForReadOnly(options, directory, families, &result.database.families,
                                         &db);
  result.database.db.reset(db);
  return result;
}

// The families without those of the last `added` that the database lacks, in an older version's.
std::vector<rocksdb::ColumnFamilyDescriptor> Present(
    const rocksdb::Options& options, const std::string& directory,
    std::vector<rocksdb::ColumnFamilyDescriptor> families, size_t added) {
  std::vector<std::string> names;
  // A failure shows when the database is opened.
  if (!rocksdb::DB::ListColumnFamilies(options, directory, &names).ok()) return families;
  const auto lacks = [&](const rocksdb::ColumnFamilyDescriptor& family) {
    return std::find(names.begin(), names.end(), family.name) == names.end();
  };
  families.erase(std::remove_if(families.end() - static_cast<ptrdiff_t>(added), families.end(), lacks),
                 families.end());
  return families;
}

void Close(OpenedDatabase& database) {
  for (rocksdb::ColumnFamilyHandle* family : database.families) {
    if (family == nullptr) continue;
    database.db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  database.families.clear();
  database.db.reset();
}

// RocksDB's mode for readers ends without a word at the first damaged place, so what lies behind it is looked for.
absl::Status CheckWals(const std::string& directory, rocksdb::DB& db) {
  uint64_t first_needed = 0;
  db.GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &first_needed);
  POLKU_ASSIGN_OR_RETURN(const WalState wals, ReadWals(directory, first_needed));
  if (!wals.record_after_damage) return absl::OkStatus();
  return absl::DataLossError(Str(
      directory, ": corrupt: the write-ahead log ", wals.file, " is damaged at byte ", wals.offset,
      ", and what was stored after that is cut off by it; stop the service, keep this directory and restore a backup "
      "(the tail of an own log then comes from a mirror with `polku recover`, replicas are fetched again)"));
}

// A live writer may delete a file between our reading of the manifest and of that file. A deleted
// table fails the opening; a deleted write-ahead log would go unnoticed, so it is looked for. A log that it
// ends while we read may look damaged, but only once.
absl::StatusOr<OpenedDatabase> OpenReadOnly(
    const rocksdb::Options& options, const std::string& directory,
    const std::vector<rocksdb::ColumnFamilyDescriptor>& families, size_t added) {
  constexpr int kAttempts = 100;
  constexpr int kAttemptsUndisturbed = 3;
  rocksdb::Options tolerant = options;
  tolerant.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  tolerant.create_if_missing = false;
  int undisturbed = 0;
  absl::Status last;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::set<std::string> before = WalFiles(directory);
    const std::vector<rocksdb::ColumnFamilyDescriptor> present =
        Present(tolerant, directory, families, added);
    OpenResult opened = OpenOnce(tolerant, directory, OpenMode::kReadOnly, present);
    const auto all_there = [&before, &directory] {
      const std::set<std::string> now = WalFiles(directory);
      return std::includes(now.begin(), now.end(), before.begin(), before.end());
    };
    const bool opened_whole = all_there();  // what goes while it is checked was read before
    const absl::Status status = opened.status.ok() ? CheckWals(directory, *opened.database.db)
                                                   : OpenError(opened.status, directory);
    if (status.ok() && opened_whole) {
      OpenedDatabase& database = opened.database;
      for (size_t i = families.size() - added; i < families.size(); ++i) {
        if (i < present.size() && present[i].name == families[i].name) continue;
        database.families.insert(database.families.begin() + static_cast<ptrdiff_t>(i), nullptr);
      }
      return std::move(database);
    }
    Close(opened.database);
    if (!status.ok() && all_there()) {
      // The same each time: a writer beside us would have moved on.
      undisturbed = status == last ? undisturbed + 1 : 1;
      last = status;
      if (undisturbed == kAttemptsUndisturbed) return status;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::UnavailableError(
      Str(directory, ": the service writes too fast to be read beside it; try again"));
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, std::string_view context) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  // A quota or file size limit is not this: RocksDB cannot resume after those without a reopening.
  if (status.IsNoSpace()) {
    return absl::ResourceExhaustedError(Str(context, ": disk full; make room (", text, ")"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(Str(
        context, ": corrupt; stop the service and restore from a replica or backup (", text, ")"));
  }
  if (status.IsIOError() && (Contains(text, "Permission denied") || Contains(text, "Read-only") ||
                             Contains(text, "Operation not permitted"))) {
    return absl::PermissionDeniedError(Str(context, ": not writable for this user (", text, ")"));
  }
  if (status.IsNotFound()) return absl::NotFoundError(Str(context, ": ", text));
  if (status.IsInvalidArgument()) return absl::InvalidArgumentError(Str(context, ": ", text));
  return absl::UnavailableError(
      Str(context, ": the disk failed; check it, then restart the service (", text, ")"));
}

rocksdb::Options SharedOptions(std::shared_ptr<BackgroundErrors> errors, OpenMode mode) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // For both modes or none: RocksDB 7.8 asserts when it finds tracked logs with tracking off.
  options.track_and_verify_wals_in_manifest = true;
  options.max_background_jobs = 2;
  // A manifest keeps the first and last key of every table that there was, and index keys name cases. Begun anew
  // with each change, that is for each table written, it names those that are there (PurgeFamilies).
  options.max_manifest_file_size = 1;
  // Deleted at once, not kept nor used again: what was erased must go.
  options.WAL_ttl_seconds = 0;
  options.WAL_size_limit_MB = 0;
  options.recycle_log_file_num = 0;
  options.keep_log_file_num = 3;
  options.max_log_file_size = 1 << 20;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  // A snapshot must hold its files open: a live writer deletes them under it.
  options.max_open_files = mode == OpenMode::kReadOnly ? -1 : 512;
  options.listeners.push_back(std::move(errors));
  return options;
}

absl::StatusOr<OpenedDatabase> OpenDatabase(
    const rocksdb::Options& options, const std::string& directory, OpenMode mode,
    size_t write_buffer_bytes, const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
    size_t added) {
  POLKU_RETURN_IF_ERROR(PrepareDirectory(directory, mode));
  if (mode == OpenMode::kReadOnly) return OpenReadOnly(options, directory, families, added);
  POLKU_RETURN_IF_ERROR(CheckRoom(directory, RoomToOpen(write_buffer_bytes)));
  POLKU_ASSIGN_OR_RETURN(const WalState wals, ReadWals(directory));
  if (wals.record_after_damage) {
    // It may be a log that is no longer needed, or being written by another process: a reader finds out.
    absl::StatusOr<OpenedDatabase> read = OpenReadOnly(options, directory, families, added);
    if (absl::IsDataLoss(read.status())) return read.status();
    if (read.ok()) Close(*read);
  }
  OpenResult opened = OpenOnce(options, directory, mode, families);
  if (opened.status.IsCorruption() && wals.torn()) {
    // Power was lost amid the last write, which nobody was told of (FORMAT.md "Recovery").
    rocksdb::Options point_in_time = options;
    point_in_time.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    Close(opened.database);
    opened = OpenOnce(point_in_time, directory, mode, families);
  }
  if (!opened.status.ok()) return OpenError(opened.status, directory);
  return std::move(opened.database);
}

uint64_t RoomToOpen(size_t write_buffer_bytes) { return write_buffer_bytes + (1 << 20); }
uint64_t RoomToCommit(size_t write_buffer_bytes) { return 2 * RoomToOpen(write_buffer_bytes); }

absl::Status CheckRoom(const std::string& directory, uint64_t bytes) {
  struct statvfs disk {};
  // What cannot be asked is not refused: the write itself will tell.
  if (statvfs(directory.c_str(), &disk) != 0) return absl::OkStatus();
  const uint64_t room = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (room >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(Str(directory, ": disk full: ", room >> 10, " KiB left, ",
                                          bytes >> 10, " KiB needed; make room"));
}

absl::Status PurgeFamilies(rocksdb::DB& db, const std::string& directory,
                           const std::vector<rocksdb::ColumnFamilyHandle*>& all,
                           const std::vector<FamilyRange>& ranges) {
  const auto check = [&](const rocksdb::Status& status) { return FromRocks(status, directory); };
  const std::set<std::string> old_wals = WalFiles(directory);
  const auto write_out = [&] { return check(db.Flush(rocksdb::FlushOptions(), all)); };
  POLKU_RETURN_IF_ERROR(write_out());
  const std::set<std::string> old_tables = FilesWith(directory, ".sst");
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  compact.exclusive_manual_compaction = false;
  for (const FamilyRange& range : ranges) {
    const rocksdb::Slice begin(range.begin);
    const rocksdb::Slice end(range.end);
    const bool whole = range.begin.empty() && range.end.empty();
    POLKU_RETURN_IF_ERROR(check(db.CompactRange(compact, range.family, whole ? nullptr : &begin,
                                                whole ? nullptr : &end)));
  }
  // The manifest that the last compaction began still tells of its inputs; this one begins another.
  POLKU_RETURN_IF_ERROR(check(db.CompactRange(compact, all.back(), nullptr, nullptr)));

  // RocksDB deletes files on threads of its own, a table when its last reader lets go of it.
  constexpr absl::Duration kPause = absl::Milliseconds(10);
  constexpr int kPauses = 3'000;
  constexpr int kPausesToNudge = 20;
  std::string left;
  for (int i = 0; i < kPauses; ++i) {
    left = LeftBehind(db, directory, old_wals, old_tables);
    if (left.empty()) return absl::OkStatus();
    if (i % kPausesToNudge == kPausesToNudge - 1 && old_wals.contains(left)) {
      // A family whose memory was being written out when the next log began still counts as in need of the old
      // one; it no longer does when another log begins. What is deleted for that is not there.
      rocksdb::WriteOptions synced;
      synced.sync = true;
      POLKU_RETURN_IF_ERROR(check(db.Delete(synced, all.back(), "purge")));
      POLKU_RETURN_IF_ERROR(write_out());
    }
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(kPause));
  }
  return absl::UnavailableError(Str(directory, ": ", left,
                                    " holds what was erased and is still there: a reader uses it, or it "
                                    "could not be deleted; the purge must be repeated"));
}

absl::Status SyncedWriter::Write(rocksdb::WriteBatch& batch, bool sync, bool from_reserve) {
  if (!stopped_.ok()) return stopped_;
  if (errors_.stopped()) {
    stopped_ = absl::UnavailableError(
        Str(directory_,
            ": RocksDB stopped after a failed background write (its LOG says why); "
            "check the disk, then restart the service"));
    return stopped_;
  }
  if (reserve_bytes_ > 0) {
    const uint64_t reserve = from_reserve ? reserve_bytes_ / 2 : reserve_bytes_;
    POLKU_RETURN_IF_ERROR(CheckRoom(directory_, reserve + batch.GetDataSize()));
  }
  rocksdb::WriteOptions options;
  options.sync = sync && sync_;
  const rocksdb::Status status = db_.Write(options, &batch);
  if (status.ok()) return absl::OkStatus();
  stopped_ = FromRocks(status, directory_);
  // Part of it may be on disk, so this is not the full disk that a caller may simply wait out.
  if (stopped_.code() == absl::StatusCode::kResourceExhausted) {
    stopped_ = absl::UnavailableError(Str(ToStd(stopped_.message()), "; then restart the service"));
  }
  return stopped_;
}

}  // namespace polku::rocks
