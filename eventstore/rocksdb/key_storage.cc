// Sealed keys in a RocksDB of their own: default column family, name → sealed key, no compression
// (ciphertext). Apart from the log, so that backups of the two can have different lives.
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "eventstore/base/status.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/rocksdb/rocksdb_util.h"

namespace polku::rocks {
namespace {

constexpr size_t kWriteBufferBytes = 4 << 20;

class RocksKeyStorage final : public vault::SealedKeyStorage {
 public:
  RocksKeyStorage(OpenedDatabase database, std::shared_ptr<BackgroundErrors> errors,
                  std::string directory, OpenMode mode, bool sync)
      : directory_(std::move(directory)),
        mode_(mode),
        errors_(std::move(errors)),
        database_(std::move(database)),
        writer_(*database_.db, *errors_, directory_, RoomToCommit(kWriteBufferBytes),
                sync) {}

  ~RocksKeyStorage() override {
    for (rocksdb::ColumnFamilyHandle* family : database_.families) {
      database_.db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
    database_.db->Close().PermitUncheckedError();
  }

  absl::StatusOr<std::optional<std::string>> Get(std::string_view name) override {
    std::string value;
    const rocksdb::Status status = database_.db->Get(rocksdb::ReadOptions(), ToSlice(name), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return FromRocks(status, Str(directory_, ": sealed key"));
    return std::optional<std::string>(std::move(value));
  }

  absl::Status Put(std::span<const std::pair<std::string, std::string>> sealed,
                   bool from_reserve) override {
    POLKU_RETURN_IF_ERROR(Writable());
    rocksdb::WriteBatch batch;
    for (const auto& [name, value] : sealed) batch.Put(name, value).PermitUncheckedError();
    return writer_.Write(batch, /*sync=*/true, from_reserve);
  }

  absl::Status Delete(std::span<const std::string> names) override {
    POLKU_RETURN_IF_ERROR(Writable());
    rocksdb::WriteBatch batch;
    for (const std::string& name : names) batch.Delete(name).PermitUncheckedError();
    return writer_.Write(batch, /*sync=*/true, /*from_reserve=*/true);
  }

  absl::Status ReplaceAll(std::span<const std::pair<std::string, std::string>> sealed) override {
    POLKU_RETURN_IF_ERROR(Writable());
    rocksdb::WriteBatch batch;
    POLKU_RETURN_IF_ERROR(ForEach([&](std::string_view name, std::string_view) {
      batch.Delete(ToSlice(name)).PermitUncheckedError();
      return absl::OkStatus();
    }));
    for (const auto& [name, value] : sealed) batch.Put(name, value).PermitUncheckedError();
    return writer_.Write(batch, /*sync=*/true);
  }

  absl::Status ForEach(const std::function<absl::Status(std::string_view, std::string_view)>& visit)
      override {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database_.db->NewIterator(rocksdb::ReadOptions()));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      POLKU_RETURN_IF_ERROR(visit(ToView(iterator->key()), ToView(iterator->value())));
    }
    return FromRocks(iterator->status(), Str(directory_, ": sealed keys"));
  }

  absl::Status Purge() override {
    POLKU_RETURN_IF_ERROR(Writable());
    return PurgeFamilies(*database_.db, directory_, database_.families,
                         {{database_.families[0], "", ""}});
  }

  absl::StatusOr<size_t> CountUpTo(size_t most) override {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database_.db->NewIterator(rocksdb::ReadOptions()));
    size_t count = 0;
    for (iterator->SeekToFirst(); iterator->Valid() && count < most; iterator->Next()) ++count;
    if (!iterator->status().ok()) {
      return FromRocks(iterator->status(), Str(directory_, ": sealed keys"));
    }
    return count;
  }

 private:
  absl::Status Writable() const {
    if (mode_ == OpenMode::kReadWrite) return absl::OkStatus();
    return absl::FailedPreconditionError(Str(directory_, ": opened read-only"));
  }

  const std::string directory_;
  const OpenMode mode_;
  const std::shared_ptr<BackgroundErrors> errors_;
  OpenedDatabase database_;
  SyncedWriter writer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<vault::SealedKeyStorage>> OpenKeyStorage(std::string_view directory,
                                                                        OpenMode mode, bool sync) {
  auto errors = std::make_shared<BackgroundErrors>();
  rocksdb::Options options = SharedOptions(errors, mode);
  options.max_total_wal_size = 2 * kWriteBufferBytes;
  rocksdb::BlockBasedTableOptions table;
  table.checksum = rocksdb::ChecksumType::kXXH3;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = kWriteBufferBytes;
  family.compression = rocksdb::CompressionType::kNoCompression;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  auto database = OpenDatabase(options, std::string(directory), mode, kWriteBufferBytes,
                               {{rocksdb::kDefaultColumnFamilyName, family}});
  if (absl::IsNotFound(database.status())) {
    return Error(absl::StatusCode::kNotFound, directory,
                 ": no keystore there; restore the keystore's backup (keystore_directory)");
  }
  if (!database.ok()) return database.status();
  return std::make_unique<RocksKeyStorage>(*std::move(database), std::move(errors),
                                           std::string(directory), mode, sync);
}

}  // namespace polku::rocks
