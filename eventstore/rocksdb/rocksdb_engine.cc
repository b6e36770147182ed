#include "eventstore/rocksdb/rocksdb_engine.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/memtablerep.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/rocksdb/rocksdb_util.h"

namespace polku::rocks {
namespace {

using log::CommitBatch;
using log::KeyValue;
using log::StoredGroup;

constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kFormat{"\x00\x00\x00\x01", 4};

// Order of the column families in `families`.
enum Family : size_t {
  kMeta,
  kEntries,
  kBlobs,
  kCheckpoints,
  kHeads,
  kIndex,
  kEvents,
  kRecords,  // since the second version; nullptr where an older database is read
  kFamilies
};
constexpr const char* kFamilyNames[kFamilies] = {"default", "entries", "blobs",  "checkpoints",
                                                 "heads",   "index",   "events", "records"};
constexpr size_t kAddedFamilies = 1;
// Event ids are random and only ever looked up whole, so they live apart from what is scanned.
constexpr char kEventsFirstByte = 'e';
Family IndexFamily(std::string_view key) {
  return !key.empty() && key[0] == kEventsFirstByte ? kEvents : kIndex;
}
// 'c' and the case, or 'e' and the event: what look-ups of the index are bounded by.
constexpr size_t kIndexPrefixBytes = 17;
// The hash table's buckets count as write buffer: a thirty-second of it, one bucket for each 256
// bytes.
constexpr size_t kWriteBufferBytesPerBucket = 256;
constexpr size_t kKeyBytes = 12;
// A batch keeps its memory from commit to commit up to this much.
constexpr size_t kMaxKeptBatchBytes = 8 << 20;

std::string LogPrefix(LogNumber log) {
  std::string key;
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
  return key;
}

std::string EntryKey(LogNumber log, Position position) {
  std::string key;
  key.reserve(kKeyBytes);
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
  AppendBigEndian64(key, position.value());
  return key;
}

// The first key after all keys with that prefix; empty when there is none.
std::string AfterPrefix(std::string_view prefix) {
  std::string key(prefix);
  while (!key.empty() && key.back() == '\xff') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(key.back() + 1);
  return key;
}

// The case of a case index key. A case's entries follow each other, so the memory table keeps for
// each case where its last entry went in.
class CaseHint final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "polku.CaseHint"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), kIndexPrefixBytes};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() > kIndexPrefixBytes && key[0] == 'c';
  }
};

std::string Place(LogNumber log, Position position) {
  return Str("log ", log.value(), " position ", position.value());
}

absl::Status Missing(LogNumber log, Position position) {
  return absl::DataLossError(Str(Place(log, position),
                                 ": its group is missing; repair from a "
                                 "replica or backup"));
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(const EngineOptions& options) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.cache_bytes);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.checksum = rocksdb::ChecksumType::kXXH3;
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions base;
  base.write_buffer_size = options.write_buffer_bytes;
  base.compression = rocksdb::CompressionType::kLZ4Compression;
  base.force_consistency_checks = true;
  base.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  rocksdb::ColumnFamilyOptions blobs = base;
  blobs.compression = rocksdb::CompressionType::kNoCompression;  // ciphertext

  rocksdb::ColumnFamilyOptions index = base;
  rocksdb::BlockBasedTableOptions filtered = table;
  filtered.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  filtered.whole_key_filtering = true;
  index.table_factory.reset(rocksdb::NewBlockBasedTableFactory(filtered));
  index.prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(kIndexPrefixBytes));
  // Nearly every append asks for an event id or a case that is not there.
  index.memtable_prefix_bloom_size_ratio = 0.1;
  index.memtable_whole_key_filtering = true;
  // Random keys into one large skip list were half the CPU of an append (2026-11-21): cases get a
  // hint, event ids a hash table. Its price is a sort when a memory table is written out, in the
  // background.
  index.memtable_insert_with_hint_prefix_extractor = std::make_shared<CaseHint>();
  rocksdb::ColumnFamilyOptions events = index;
  events.memtable_insert_with_hint_prefix_extractor = nullptr;
  // Verification reads by ranges: a hash table would be sorted anew for each.
  if (!options.for_verification) {
    events.memtable_factory.reset(rocksdb::NewHashLinkListRepFactory(
        std::max<size_t>(64, options.write_buffer_bytes / kWriteBufferBytesPerBucket)));
  }

  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (size_t family = 0; family < kFamilies; ++family) {
    families.emplace_back(kFamilyNames[family], family == kBlobs    ? blobs
                                                : family == kIndex  ? index
                                                : family == kEvents ? events
                                                                    : base);
  }
  return families;
}

rocksdb::ReadOptions IndexReadOptions(Family family, std::string_view prefix) {
  rocksdb::ReadOptions options;
  // A hash table has an order only when it is told to make one.
  if (family == kIndex && prefix.size() >= kIndexPrefixBytes) {
    options.prefix_same_as_start = true;
  } else {
    options.total_order_seek = true;
  }
  return options;
}

// Verification reads the index of cases and of events whole: that must not push out what a service reads often.
bool ReadOnce(std::string_view prefix) {
  return !prefix.empty() && prefix.size() <= 2 && (prefix[0] == 'c' || prefix[0] == 'e');
}

class RocksIndexCursor final : public log::IndexCursor {
 public:
  RocksIndexCursor(OpenedDatabase& database, std::string_view prefix)
      : prefix_(prefix), end_(AfterPrefix(prefix)), end_slice_(end_) {
    if (IndexFamily(prefix) == kIndex) its_.push_back(Seek(database, kIndex));
    if (prefix.empty() || IndexFamily(prefix) == kEvents) its_.push_back(Seek(database, kEvents));
  }

  absl::StatusOr<std::optional<KeyValue>> Next() override {
    POLKU_ASSIGN_OR_RETURN(const std::optional<View> view, NextView());
    if (!view) return std::optional<KeyValue>();
    return std::optional<KeyValue>(KeyValue(view->key, view->value));
  }

  absl::StatusOr<std::optional<View>> NextView() override {
    if (last_ != nullptr) last_->Next();
    last_ = nullptr;
    rocksdb::Iterator* least = nullptr;
    for (const auto& it : its_) {
      if (it->Valid()) {
        if (least == nullptr || it->key().compare(least->key()) < 0) least = it.get();
      } else if (!it->status().ok()) {
        return FromRocks(it->status(), "index");
      }
    }
    if (least == nullptr) return std::optional<View>();
    last_ = least;
    return std::optional<View>(View{ToView(least->key()), ToView(least->value())});
  }

 private:
  std::unique_ptr<rocksdb::Iterator> Seek(OpenedDatabase& database, Family family) {
    rocksdb::ReadOptions options = IndexReadOptions(family, prefix_);
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    options.fill_cache = !ReadOnce(prefix_);
    std::unique_ptr<rocksdb::Iterator> it(
        database.db->NewIterator(options, database.families[family]));
    it->Seek(prefix_);
    return it;
  }

  const std::string prefix_;
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::vector<std::unique_ptr<rocksdb::Iterator>> its_;
  rocksdb::Iterator* last_ = nullptr;  // whose entry was given out; moves on at the next call
};

// Of one column family all keys with a prefix, without their first `cut` bytes.
class RocksPrefixCursor final : public log::IndexCursor {
 public:
  // `family` nullptr: empty.
  RocksPrefixCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view prefix,
                    size_t cut, std::string context)
      : end_(AfterPrefix(prefix)), end_slice_(end_), cut_(cut), context_(std::move(context)) {
    if (family == nullptr) return;
    rocksdb::ReadOptions options;
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    it_.reset(db.NewIterator(options, family));
    it_->Seek(ToSlice(prefix));
  }

  absl::StatusOr<std::optional<KeyValue>> Next() override {
    if (it_ == nullptr) return std::optional<KeyValue>();
    if (!it_->Valid()) {
      if (!it_->status().ok()) return FromRocks(it_->status(), context_);
      return std::optional<KeyValue>();
    }
    KeyValue entry(std::string(ToView(it_->key()).substr(cut_)), it_->value().ToString());
    it_->Next();
    return std::optional<KeyValue>(std::move(entry));
  }

 private:
  const std::string end_;
  const rocksdb::Slice end_slice_;
  const size_t cut_;
  const std::string context_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

// Values of one family and log by position, as they lie there.
class RocksStoredCursor final : public log::StoredCursor {
 public:
  RocksStoredCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, LogNumber log,
                    Position from, Position to)
      : log_(log), next_(from), upper_(EntryKey(log, to)), upper_slice_(upper_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_slice_;
    options.readahead_size = 256 << 10;  // more is read in vain where a range ends
    options.fill_cache = false;  // what is verified once must not push out what a service reads often
    it_.reset(db.NewIterator(options, family));
  }

  absl::StatusOr<std::optional<Value>> Next() override {
    if (!started_) {
      it_->Seek(EntryKey(log_, next_));
      started_ = true;
    } else {
      it_->Next();
    }
    if (!it_->status().ok()) return FromRocks(it_->status(), Place(log_, next_));
    if (!it_->Valid()) return std::optional<Value>();
    if (it_->key().size() != kKeyBytes) {
      return absl::DataLossError(Str(Place(log_, next_), ": a key of the wrong length"));
    }
    const Position key(ReadBigEndian64(it_->key().data() + 4));
    next_ = key.next();
    return std::optional<Value>(Value{key, ToView(it_->value())});
  }

 private:
  const LogNumber log_;
  Position next_;
  const std::string upper_;
  const rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> it_;
  bool started_ = false;
};

class RocksGroupCursor final : public log::GroupCursor {
 public:
  RocksGroupCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* entries,
                   rocksdb::ColumnFamilyHandle* blobs, LogNumber log, Position from, Position end)
      : log_(log), end_(end), next_(from), upper_(EntryKey(log, end)), upper_slice_(upper_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_slice_;
    options.readahead_size = 256 << 10;  // more is read in vain where a range ends
    options.fill_cache = false;  // a replay must not push out what folding cases needs
    options.snapshot = nullptr;
    entries_.reset(db.NewIterator(options, entries));
    if (blobs != nullptr) blobs_.reset(db.NewIterator(options, blobs));
  }

  absl::StatusOr<std::optional<StoredGroup>> Next() override {
    if (next_ >= end_) return std::optional<StoredGroup>();
    const bool first = !started_;
    if (first) {
      entries_->SeekForPrev(EntryKey(log_, next_));
      started_ = true;
    } else {
      entries_->Next();
    }
    if (!entries_->status().ok()) {
      return FromRocks(entries_->status(), Place(log_, next_));
    }
    if (!entries_->Valid() || entries_->key().size() != kKeyBytes ||
        ReadBigEndian32(entries_->key().data()) != log_.value()) {
      return Missing(log_, first ? Position(0) : next_);
    }
    StoredGroup group;
    group.first = Position(ReadBigEndian64(entries_->key().data() + 4));
    const absl::StatusOr<uint64_t> count = log::GroupCount(ToView(entries_->value()));
    if (!count.ok()) return Annotate(count.status(), Place(log_, group.first));
    const Position group_end(group.first.value() + *count);
    if (first ? group.first > next_ || group_end <= next_ : group.first != next_) {
      return Missing(log_, next_);
    }
    if (group_end > end_) {
      return absl::DataLossError(
          Str(Place(log_, group.first), ": its group reaches beyond the log"));
    }
    next_ = group_end;
    group.entries.assign(entries_->value().data(), entries_->value().size());
    if (blobs_ != nullptr) POLKU_RETURN_IF_ERROR(ReadBlobs(group));
    return std::optional<StoredGroup>(std::move(group));
  }

 private:
  // Both column families are walked in step; a group without blobs has no key there.
  absl::Status ReadBlobs(StoredGroup& group) {
    const std::string key = EntryKey(log_, group.first);
    if (!blobs_started_) {
      blobs_->Seek(key);
      blobs_started_ = true;
    }
    while (blobs_->Valid() && blobs_->key().compare(key) < 0) blobs_->Next();
    if (!blobs_->status().ok()) return FromRocks(blobs_->status(), Place(log_, group.first));
    if (blobs_->Valid() && blobs_->key() == rocksdb::Slice(key)) {
      group.blobs.assign(blobs_->value().data(), blobs_->value().size());
    }
    return absl::OkStatus();
  }

  const LogNumber log_;
  const Position end_;
  Position next_;
  const std::string upper_;
  const rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> entries_;
  std::unique_ptr<rocksdb::Iterator> blobs_;
  bool started_ = false;
  bool blobs_started_ = false;
};

class RocksEngine final : public log::Engine {
 public:
  RocksEngine(OpenedDatabase database, std::shared_ptr<BackgroundErrors> errors,
              const EngineOptions& options)
      : directory_(options.directory),
        mode_(options.mode),
        for_verification_(options.for_verification && options.mode == OpenMode::kReadOnly),
        errors_(std::move(errors)),
        database_(std::move(database)),
        writer_(*database_.db, *errors_, directory_,
                options.reserve_bytes.value_or(RoomToCommit(options.write_buffer_bytes)),
                options.sync) {}

  ~RocksEngine() override {
    for (rocksdb::ColumnFamilyHandle* family : database_.families) {
      if (family == nullptr) continue;
      db().DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
    db().Close().PermitUncheckedError();
  }

  absl::Status Load() {
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> format,
                           Get(kMeta, kFormatKey, "format"));
    std::unique_ptr<rocksdb::Iterator> it(
        db().NewIterator(rocksdb::ReadOptions(), database_.families[kHeads]));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (it->key().size() != 4) return absl::DataLossError(Str(directory_, ": heads: bad key"));
      const LogNumber number(ReadBigEndian32(it->key().data()));
      absl::StatusOr<log::LogHead> head = log::LogHead::Parse(ToView(it->value()));
      if (!head.ok() && !for_verification_) {
        return Annotate(head.status(), Str(directory_, ": log ", number.value()));
      }
      sizes_[number] = head.ok() ? head->frontier.size() : Position(0);
    }
    if (!it->status().ok()) return FromRocks(it->status(), Str(directory_, ": heads"));

    if (format == kFormat) return absl::OkStatus();
    if (format.has_value() || !sizes_.empty()) {
      return absl::FailedPreconditionError(
          Str(directory_, ": written in format ", format ? ToHex(*format) : "unknown",
              ", this version reads ", ToHex(kFormat), "; use the version that made it"));
    }
    if (mode_ == OpenMode::kReadOnly) return absl::OkStatus();
    rocksdb::WriteBatch batch;
    batch.Put(Handle(kMeta), ToSlice(kFormatKey), ToSlice(kFormat)).PermitUncheckedError();
    return writer_.Write(batch, /*sync=*/true);
  }

  absl::Status Commit(const CommitBatch& commit) override {
    POLKU_RETURN_IF_ERROR(Writable());
    POLKU_RETURN_IF_ERROR(log::CheckCommit(commit));
    if (const Position size = SizeOf(commit.log); size != commit.expected_size) {
      return log::SizeMismatch(commit, size);
    }
    batch_.Clear();
    for (const StoredGroup& group : commit.groups) {
      const std::string key = EntryKey(commit.log, group.first);
      Put(kEntries, key, group.entries);
      if (!group.blobs.empty()) Put(kBlobs, key, group.blobs);
    }
    Put(kCheckpoints, EntryKey(commit.log, commit.new_size), commit.checkpoint);
    Put(kHeads, LogPrefix(commit.log), commit.head);
    for (const auto& [key, value] : commit.index) Put(IndexFamily(key), key, value);
    for (const std::string& key : commit.index_deletes) Delete(IndexFamily(key), key);
    const std::unique_lock committing(commit_mu_);
    const absl::Status status = writer_.Write(batch_, /*sync=*/true, commit.from_reserve);
    if (batch_.GetDataSize() > kMaxKeptBatchBytes) batch_ = rocksdb::WriteBatch();
    POLKU_RETURN_IF_ERROR(status);
    const std::lock_guard lock(mu_);
    sizes_[commit.log] = commit.new_size;
    return absl::OkStatus();
  }

  absl::Status Rewrite(const log::RewriteBatch& rewrite) override {
    POLKU_RETURN_IF_ERROR(Writable());
    batch_.Clear();
    for (const StoredGroup& group : rewrite.groups) {
      const std::string key = EntryKey(rewrite.log, group.first);
      POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                             Get(kEntries, key, Place(rewrite.log, group.first)));
      POLKU_RETURN_IF_ERROR(
          log::CheckRewrite(rewrite.log, group, stored ? &*stored : nullptr));
      Put(kEntries, key, group.entries);
      if (group.blobs.empty()) {
        Delete(kBlobs, key);
      } else {
        Put(kBlobs, key, group.blobs);
      }
    }
    for (const auto& [key, value] : rewrite.index_puts) Put(IndexFamily(key), key, value);
    for (const std::string& key : rewrite.index_deletes) Delete(IndexFamily(key), key);
    const std::unique_lock lock(rewrite_mu_);
    const absl::Status status = writer_.Write(batch_, /*sync=*/true, /*from_reserve=*/true);
    if (batch_.GetDataSize() > kMaxKeptBatchBytes) batch_ = rocksdb::WriteBatch();
    return status;
  }

  absl::Status Purge(std::span<const log::PurgeRange> ranges) override {
    POLKU_RETURN_IF_ERROR(Writable());
    // An erased leaf's index entries can no longer be told, so the index is compacted whole.
    std::vector<FamilyRange> families = {{Handle(kIndex), "", ""}, {Handle(kEvents), "", ""}};
    for (const log::PurgeRange& range : ranges) {
      for (const Family family : {kEntries, kBlobs}) {
        families.push_back(
            {Handle(family), EntryKey(range.log, range.from), EntryKey(range.log, range.to)});
      }
    }
    std::vector<rocksdb::ColumnFamilyHandle*> all = database_.families;
    std::rotate(all.begin(), all.begin() + 1, all.end());  // `default` last: its record stays
    return PurgeFamilies(db(), directory_, all, families);
  }

  absl::StatusOr<std::optional<std::string>> ReadHead(LogNumber log) override {
    // What a head says is there can be read at once, also while the next commit is written.
    const std::shared_lock committed(commit_mu_);
    return Get(kHeads, LogPrefix(log), Str("log ", log.value(), " head"));
  }

  absl::StatusOr<std::vector<LogNumber>> Logs() override {
    const std::lock_guard lock(mu_);
    std::vector<LogNumber> numbers;
    for (const auto& [number, size] : sizes_) numbers.push_back(number);
    return numbers;
  }

  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(LogNumber log, Position size) override {
    std::unique_ptr<rocksdb::Iterator> it(
        db().NewIterator(rocksdb::ReadOptions(), Handle(kCheckpoints)));
    it->SeekForPrev(EntryKey(log, size));
    if (!it->status().ok()) return FromRocks(it->status(), Str(Place(log, size), " checkpoint"));
    if (!it->Valid() || ReadBigEndian32(it->key().data()) != log.value()) {
      return std::optional<std::string>();
    }
    return std::optional<std::string>(it->value().ToString());
  }

  std::unique_ptr<log::IndexCursor> Checkpoints(LogNumber log) override {
    const std::string prefix = LogPrefix(log);
    return std::make_unique<RocksPrefixCursor>(db(), Handle(kCheckpoints), prefix, prefix.size(),
                                               Str("log ", log.value(), " checkpoints"));
  }

  absl::StatusOr<StoredGroup> ReadGroup(LogNumber log, Position position,
                                        bool with_blobs) override {
    const Position size = SizeOf(log);
    if (position >= size) {
      return absl::OutOfRangeError(Str(Place(log, position), ": beyond its end"));
    }
    // Of one group entries and blobs must be of the same time, whoever rewrites it.
    std::shared_lock<std::shared_mutex> lock;
    if (with_blobs) lock = std::shared_lock(rewrite_mu_);
    std::unique_ptr<rocksdb::Iterator> it(
        db().NewIterator(rocksdb::ReadOptions(), Handle(kEntries)));
    it->SeekForPrev(EntryKey(log, position));
    if (!it->status().ok()) return FromRocks(it->status(), Place(log, position));
    if (!it->Valid() || it->key().size() != kKeyBytes ||
        ReadBigEndian32(it->key().data()) != log.value()) {
      return Missing(log, position);
    }
    StoredGroup group;
    group.first = Position(ReadBigEndian64(it->key().data() + 4));
    const absl::StatusOr<uint64_t> count = log::GroupCount(ToView(it->value()));
    if (!count.ok()) return Annotate(count.status(), Place(log, group.first));
    if (position.value() - group.first.value() >= *count) return Missing(log, position);
    group.entries.assign(it->value().data(), it->value().size());
    if (with_blobs) {
      POLKU_ASSIGN_OR_RETURN(
          std::optional<std::string> blobs,
          Get(kBlobs, EntryKey(log, group.first), Str(Place(log, group.first), " blobs")));
      if (blobs) group.blobs = *std::move(blobs);
    }
    return group;
  }

  absl::StatusOr<std::unique_ptr<log::GroupCursor>> Scan(LogNumber log, Position from,
                                                         bool with_blobs) override {
    std::shared_lock<std::shared_mutex> lock;  // as in ReadGroup; a cursor reads what was there now
    if (with_blobs) lock = std::shared_lock(rewrite_mu_);
    return std::make_unique<RocksGroupCursor>(
        db(), Handle(kEntries), with_blobs ? Handle(kBlobs) : nullptr, log, from, SizeOf(log));
  }

  std::unique_ptr<log::StoredCursor> ScanStored(LogNumber log, log::StoredPart part, Position from,
                                                Position to) override {
    const Family family = part == log::StoredPart::kEntries ? kEntries
                          : part == log::StoredPart::kBlobs ? kBlobs
                                                            : kCheckpoints;
    return std::make_unique<RocksStoredCursor>(db(), Handle(family), log, from, to);
  }

  absl::StatusOr<std::optional<std::string>> IndexGet(std::string_view key) override {
    return Get(IndexFamily(key), key, "index");
  }

  std::unique_ptr<log::IndexCursor> IndexScan(std::string_view prefix) override {
    return std::make_unique<RocksIndexCursor>(database_, prefix);
  }

  absl::StatusOr<std::optional<KeyValue>> IndexFloor(std::string_view prefix,
                                                     std::string_view suffix) override {
    if (prefix.empty()) return absl::InvalidArgumentError("IndexFloor: empty prefix");
    const Family family = IndexFamily(prefix);
    std::unique_ptr<rocksdb::Iterator> it(
        db().NewIterator(IndexReadOptions(family, prefix), Handle(family)));
    it->SeekForPrev(Str(prefix, suffix));
    if (!it->status().ok()) return FromRocks(it->status(), "index");
    if (!it->Valid() || !it->key().starts_with(ToSlice(prefix))) return std::optional<KeyValue>();
    return std::optional<KeyValue>(KeyValue(it->key().ToString(), it->value().ToString()));
  }

  absl::Status WriteIndex(std::span<const KeyValue> puts,
                          std::span<const std::string> deletes) override {
    POLKU_RETURN_IF_ERROR(Writable());
    rocksdb::WriteBatch batch;
    for (const auto& [key, value] : puts) {
      batch.Put(Handle(IndexFamily(key)), key, value).PermitUncheckedError();
    }
    for (const std::string& key : deletes) {
      batch.Delete(Handle(IndexFamily(key)), key).PermitUncheckedError();
    }
    return writer_.Write(batch, /*sync=*/false);
  }

  absl::Status ClearIndex() override {
    POLKU_RETURN_IF_ERROR(Writable());
    rocksdb::WriteBatch batch;
    // Every index key starts with an ASCII letter.
    for (const Family family : {kIndex, kEvents}) {
      batch.DeleteRange(Handle(family), rocksdb::Slice(), rocksdb::Slice("\xff", 1))
          .PermitUncheckedError();
    }
    POLKU_RETURN_IF_ERROR(writer_.Write(batch, /*sync=*/true));
    // Range tombstones slow every later read; the old entries go for good instead.
    for (const Family family : {kIndex, kEvents}) {
      const rocksdb::Status status =
          db().CompactRange(rocksdb::CompactRangeOptions(), Handle(family), nullptr, nullptr);
      if (!status.ok()) return FromRocks(status, Str(directory_, ": index"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::string>> RecordGet(std::string_view key) override {
    if (Handle(kRecords) == nullptr) return std::optional<std::string>();
    return Get(kRecords, key, "records");
  }

  std::unique_ptr<log::IndexCursor> RecordScan(std::string_view prefix) override {
    return std::make_unique<RocksPrefixCursor>(db(), Handle(kRecords), prefix, 0, "records");
  }

  absl::StatusOr<std::optional<KeyValue>> RecordFloor(std::string_view prefix,
                                                      std::string_view suffix) override {
    if (prefix.empty()) return absl::InvalidArgumentError("RecordFloor: empty prefix");
    if (Handle(kRecords) == nullptr) return std::optional<KeyValue>();
    std::unique_ptr<rocksdb::Iterator> it(
        db().NewIterator(rocksdb::ReadOptions(), Handle(kRecords)));
    it->SeekForPrev(Str(prefix, suffix));
    if (!it->status().ok()) return FromRocks(it->status(), "records");
    if (!it->Valid() || !it->key().starts_with(ToSlice(prefix))) return std::optional<KeyValue>();
    return std::optional<KeyValue>(KeyValue(it->key().ToString(), it->value().ToString()));
  }

  absl::Status WriteRecords(std::span<const KeyValue> puts, bool sync) override {
    POLKU_RETURN_IF_ERROR(Writable());
    rocksdb::WriteBatch batch;
    for (const auto& [key, value] : puts) {
      batch.Put(Handle(kRecords), key, value).PermitUncheckedError();
    }
    return writer_.Write(batch, sync);
  }

 private:
  rocksdb::DB& db() { return *database_.db; }
  rocksdb::ColumnFamilyHandle* Handle(Family family) { return database_.families[family]; }

  // WriteBatch::Put fails only for keys or values beyond 4 GiB or a size limit we do not set.
  void Put(Family family, std::string_view key, std::string_view value) {
    batch_.Put(Handle(family), ToSlice(key), ToSlice(value)).PermitUncheckedError();
  }

  void Delete(Family family, std::string_view key) {
    batch_.Delete(Handle(family), ToSlice(key)).PermitUncheckedError();
  }

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key,
                                                 std::string_view context) {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        db().Get(rocksdb::ReadOptions(), Handle(family), ToSlice(key), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return FromRocks(status, context);
    return std::optional<std::string>(value.ToString());
  }

  Position SizeOf(LogNumber log) {
    const std::lock_guard lock(mu_);
    const auto found = sizes_.find(log);
    return found == sizes_.end() ? Position(0) : found->second;
  }

  absl::Status Writable() const {
    if (mode_ == OpenMode::kReadWrite) return absl::OkStatus();
    return absl::FailedPreconditionError(Str(directory_, ": opened read-only"));
  }

  const std::string directory_;
  const OpenMode mode_;
  const bool for_verification_;
  const std::shared_ptr<BackgroundErrors> errors_;
  OpenedDatabase database_;
  SyncedWriter writer_;        // by the writing thread
  rocksdb::WriteBatch batch_;  // by the writing thread
  std::shared_mutex commit_mu_;   // exclusively from a commit's write until sizes_ has it
  std::shared_mutex rewrite_mu_;  // exclusively while a rewrite is written
  std::mutex mu_;
  std::map<LogNumber, Position> sizes_;  // guarded by mu_; set after the commit is on disk
};

}  // namespace

absl::StatusOr<std::unique_ptr<log::Engine>> OpenEngine(const EngineOptions& options) {
  auto errors = std::make_shared<BackgroundErrors>();
  rocksdb::Options database_options = SharedOptions(errors, options.mode);
  database_options.db_write_buffer_size = options.write_buffer_bytes;
  database_options.allow_concurrent_memtable_write = false;  // hash tables do not take it
  database_options.max_total_wal_size = 2 * options.write_buffer_bytes;
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = Families(options);
  POLKU_ASSIGN_OR_RETURN(OpenedDatabase database,
                         OpenDatabase(database_options, options.directory, options.mode,
                                      options.write_buffer_bytes, families, kAddedFamilies));
  auto engine = std::make_unique<RocksEngine>(std::move(database), std::move(errors), options);
  POLKU_RETURN_IF_ERROR(engine->Load());
  return engine;
}

}  // namespace polku::rocks
