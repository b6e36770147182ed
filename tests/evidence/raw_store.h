// A service's database opened without any of our checks, to do to it what an insider could.
#ifndef POLKU_TESTS_EVIDENCE_RAW_STORE_H_
#define POLKU_TESTS_EVIDENCE_RAW_STORE_H_

#include <rocksdb/db.h>
#include <xxhash.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/group.h"

namespace polku::evidence {

class RawStore {
 public:
  using Values = std::map<std::string, std::string>;

  static std::unique_ptr<RawStore> Open(const std::string& directory) {
    auto raw = std::unique_ptr<RawStore>(new RawStore);
    rocksdb::Options options;
    options.compression = rocksdb::CompressionType::kLZ4Compression;
    if (!rocksdb::DB::ListColumnFamilies(options, directory, &raw->names_).ok()) return nullptr;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : raw->names_) families.emplace_back(name, options);
    if (!rocksdb::DB::Open(options, directory, families, &raw->handles_, &raw->db_).ok()) return nullptr;
    return raw;
  }
  ~RawStore() {
    if (db_ == nullptr) return;
    for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    delete db_;
  }
  RawStore(const RawStore&) = delete;
  RawStore& operator=(const RawStore&) = delete;

  Values All(std::string_view family, std::string_view prefix = "") {
    Values values;
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, Handle(family)));
    for (it->Seek({prefix.data(), prefix.size()}); it->Valid(); it->Next()) {
      if (!it->key().starts_with({prefix.data(), prefix.size()})) break;
      values.emplace(it->key().ToString(), it->value().ToString());
    }
    return values;
  }
  std::optional<std::string> Get(std::string_view family, std::string_view key) {
    std::string value;
    if (!db_->Get({}, Handle(family), {key.data(), key.size()}, &value).ok()) return std::nullopt;
    return value;
  }
  void Put(std::string_view family, std::string_view key, std::string_view value) {
    Check(db_->Put({}, Handle(family), {key.data(), key.size()}, {value.data(), value.size()}));
  }
  void Delete(std::string_view family, std::string_view key) {
    Check(db_->Delete({}, Handle(family), {key.data(), key.size()}));
  }
  // Everything out of memory into table files, so that a write-ahead log repairs nothing.
  void Flush() {
    for (auto* handle : handles_) Check(db_->Flush(rocksdb::FlushOptions(), handle));
  }

  static std::string LogKey(LogNumber log) {
    std::string key;
    AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
    return key;
  }
  static std::string Key(LogNumber log, uint64_t position) {
    std::string key = LogKey(log);
    AppendBigEndian64(key, position);
    return key;
  }
  static uint64_t PositionOf(std::string_view key) { return ReadBigEndian64(key.data() + 4); }

 private:
  RawStore() = default;
  rocksdb::ColumnFamilyHandle* Handle(std::string_view family) {
    for (size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == family) return handles_[i];
    }
    std::abort();
  }
  static void Check(const rocksdb::Status& status) {
    if (!status.ok()) std::abort();
  }

  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::vector<std::string> names_;
  rocksdb::DB* db_ = nullptr;
};

// A group taken apart, to be changed and put together again with a right checksum.
struct LooseGroup {
  struct Item {
    std::string leaf;  // empty: withheld
    proof::Subtree withheld;
    struct Blob {
      SectionKind kind;
      std::string secret;
      std::string bytes;
    };
    std::vector<Blob> blobs;
  };
  std::vector<Item> items;

  static LooseGroup Take(std::string_view entries, std::string_view blobs) {
    LooseGroup loose;
    const auto view = log::GroupView::Parse(entries, blobs);
    if (!view.ok()) std::abort();
    for (const auto& item : view->items()) {
      Item copy{std::string(item.leaf), item.withheld, {}};
      for (const auto& blob : view->BlobsAt(item.offset)) {
        copy.blobs.push_back({blob.kind, std::string(blob.secret), std::string(blob.blob)});
      }
      loose.items.push_back(std::move(copy));
    }
    return loose;
  }
  log::GroupWriter::Encoded Encode() const {
    log::GroupWriter writer;
    for (const Item& item : items) {
      if (item.leaf.empty()) {
        writer.AddWithheld(item.withheld);
        continue;
      }
      writer.AddLeaf(item.leaf);
      for (const Item::Blob& blob : item.blobs) writer.AddBlob(blob.kind, blob.secret, blob.bytes);
    }
    return std::move(writer).Finish();
  }
};

}  // namespace polku::evidence

#endif  // POLKU_TESTS_EVIDENCE_RAW_STORE_H_
