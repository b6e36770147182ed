// What a service's directories hold of one case, byte for byte, for tests that look for these bytes in the raw
// files after an erasure; and a hole that no erasure explains. Of a stopped service, or read beside a running one.
//
//   polku_raw_case bytes DATA KEYSTORE CASE   one line a value: what it is, origin, position, hexadecimal bytes
//   polku_raw_case hole DATA ORIGIN POSITION  takes that entry's sections away
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/rocksdb/rocksdb_engine.h"

namespace polku {
namespace {

absl::Status PrintBytes(const std::string& data, const std::string& keystore, const CaseId& case_id) {
  POLKU_ASSIGN_OR_RETURN(const auto engine,
                         rocks::OpenEngine({.directory = data, .mode = rocks::OpenMode::kReadOnly}));
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(*engine));
  std::map<LogNumber, std::string> origins;
  for (const auto& held : logs) origins[held.number] = held.head.origin;
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(*engine, case_id));
  log::EntryFetcher fetcher(*engine);
  const auto print = [](std::string_view what, std::string_view origin, uint64_t position,
                        std::string_view bytes) {
    std::printf("%s\n", Str(what, " ", origin, " ", position, " ", ToHex(bytes)).c_str());
  };
  for (const auto& ref : refs) {
    POLKU_ASSIGN_OR_RETURN(const auto entry, fetcher.Fetch(ref.log, ref.position, true));
    print("leaf", origins[ref.log], ref.position.value(), entry.leaf);
    for (const auto& blob : entry.blobs) {
      print("blob", origins[ref.log], ref.position.value(), blob.blob);
      if (!blob.secret.empty()) print("secret", origins[ref.log], ref.position.value(), blob.secret);
    }
  }
  POLKU_ASSIGN_OR_RETURN(const auto keys,
                         rocks::OpenKeyStorage(keystore, rocks::OpenMode::kReadOnly));
  return keys->ForEach([&](std::string_view name, std::string_view sealed) {
    constexpr size_t kBeforeOrigin = CaseId::kBytes + 1;
    if (name.size() < kBeforeOrigin || !name.starts_with(case_id.view())) return absl::OkStatus();
    const std::string_view origin = name.substr(kBeforeOrigin);
    print("key", origin.empty() ? "own" : origin, 0, sealed);
    return absl::OkStatus();
  });
}

absl::Status MakeHole(const std::string& data, std::string_view origin, Position position) {
  POLKU_ASSIGN_OR_RETURN(const auto engine, rocks::OpenEngine({.directory = data}));
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(*engine));
  for (const auto& held : logs) {
    if (held.head.origin != origin) continue;
    const log::ErasedPart part{position, AllSections(), false};
    return log::EraseEntries(*engine, held.number, {&part, 1}).status();
  }
  return absl::NotFoundError("no such log");
}

int Main(int argc, char** argv) {
  absl::Status status = absl::InvalidArgumentError("usage: see the file's head");
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "bytes" && argc == 5) {
    const auto case_id = ParseCaseId(argv[4]);
    if (case_id) status = PrintBytes(argv[2], argv[3], *case_id);
  } else if (command == "hole" && argc == 5) {
    status = MakeHole(argv[2], argv[3], Position(std::strtoull(argv[4], nullptr, 10)));
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) { return polku::Main(argc, argv); }
