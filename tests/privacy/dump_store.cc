// What a store of a service holds, for tests that look for bytes in it. Of a stopped service, or beside a running one.
//
//   polku_dump_store values DIRECTORY  every key and value of every column family, decompressed, raw, one after another
//   polku_dump_store entries DATA      of every held log every entry that is not withheld, a line of JSON each
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"

namespace polku {
namespace {

absl::Status FromRocks(const rocksdb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::UnavailableError(status.ToString());
}

// RocksDB itself and not our engine: a value that no reader of ours looks at is dumped as well.
absl::Status DumpValues(const std::string& directory) {
  std::vector<std::string> names;
  POLKU_RETURN_IF_ERROR(FromRocks(
      rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), directory, &names)));
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* opened = nullptr;
  POLKU_RETURN_IF_ERROR(FromRocks(rocksdb::DB::OpenForReadOnly(
      rocksdb::DBOptions(), directory, descriptors, &families, &opened)));
  const std::unique_ptr<rocksdb::DB> db(opened);
  absl::Status status;
  for (rocksdb::ColumnFamilyHandle* family : families) {
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(rocksdb::ReadOptions(), family));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      std::fwrite(at->key().data(), 1, at->key().size(), stdout);
      std::fputc('\n', stdout);
      std::fwrite(at->value().data(), 1, at->value().size(), stdout);
      std::fputc('\n', stdout);
    }
    if (status.ok()) status = FromRocks(at->status());
  }
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  return status;
}

absl::Status PrintEntries(const std::string& data) {
  POLKU_ASSIGN_OR_RETURN(const auto engine,
                         rocks::OpenEngine({.directory = data, .mode = rocks::OpenMode::kReadOnly}));
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(*engine));
  for (const log::HeldLog& held : logs) {
    POLKU_ASSIGN_OR_RETURN(const auto reader,
                           log::EntryReader::Make(*engine, held.number, Position(0), true));
    while (true) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) break;
      std::string blobs;
      for (const log::BlobView& blob : entry->blobs) {
        blobs += Str(blobs.empty() ? "" : ",", "\"", int{static_cast<uint8_t>(blob.kind)}, "\":\"",
                     ToHex(blob.blob), "\"");
      }
      const event::v1::Header& header = *entry->header;
      std::printf("%s\n", Str("{\"origin\":\"", held.head.origin, "\",\"position\":",
                              entry->position.value(), ",\"event\":\"", ToHex(header.event_id()),
                              "\",\"case\":\"", ToHex(header.case_id()), "\",\"type\":\"",
                              header.type(), "\",\"author\":\"", header.author_agency(),
                              "\",\"order\":", header.order(), ",\"opened_to\":\"",
                              header.later().receiver(), "\",\"blobs\":{", blobs, "}}")
                              .c_str());
    }
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  absl::Status status = absl::InvalidArgumentError("usage: see the file's head");
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "values" && argc == 3) status = DumpValues(argv[2]);
  if (command == "entries" && argc == 3) status = PrintEntries(argv[2]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) { return polku::Main(argc, argv); }
