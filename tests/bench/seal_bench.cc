// What sealing costs: the same events appended and replayed with their sections sealed, and with the same
// bytes stored as they are, in one run, in turns. It measures and asserts nothing about time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "tests/bench/bench.h"

namespace polku {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kUsage =
    "usage: polku-seal-bench [--json] [--entries N] [--batch N] [--rounds N] [--directory D]\n"
    "  --entries N    entries of each log, default 50000\n"
    "  --batch N      entries a commit, default 100; every commit is synced\n"
    "  --rounds N     measurements of each, in turns, default 5; medians are shown\n"
    "  --directory D  where to make (and remove) the databases, default the working directory\n"
    "  --json         one JSON object instead of a table\n"
    "An entry has two sections of 40 and 60 bytes. 'sealed': case keys from the keystore (the cases are new in each\n"
    "round, so each key is made, sealed and synced once), secrets derived, commitments made, sections encrypted;\n"
    "replayed, they are decrypted and their commitments recomputed. 'open': the same padded bytes are stored and read.\n";
constexpr std::string_view kOrigin = "FI/MUN/0187690-1/oulu/attendance/1";
constexpr std::string_view kAuthor = "FI/MUN/0187690-1/oulu";
constexpr uint64_t kEntriesACase = 50;

struct Section {
  SectionKind kind;
  std::string plaintext;
};
const std::vector<Section>& Sections() {
  static const auto& sections = *new std::vector<Section>{
      {SectionKind::kService, std::string(40, 's')}, {SectionKind::kHealth, std::string(60, 'h')}};
  return sections;
}

log::NewEntry MakeEntry(uint64_t n) {
  const std::string_view number(reinterpret_cast<const char*>(&n), sizeof n);
  const uint64_t case_number = n / kEntriesACase;
  const std::string_view case_bytes(reinterpret_cast<const char*>(&case_number), sizeof case_number);
  log::NewEntry entry;
  entry.id = *EventId::FromBytes(Sha256({"id", number}).view().substr(0, 16));
  entry.case_id = *CaseId::FromBytes(Sha256({"case", case_bytes}).view().substr(0, 16));
  entry.type = "polku.attendance.v1.DayRecorded";
  entry.author_agency = kAuthor;
  entry.author_official = "official-7";
  entry.schema_hash = Sha256("schema");
  return entry;
}

void Seal(vault::KeyStore& keys, std::vector<log::NewEntry>& entries) {
  std::vector<vault::KeyName> names;
  for (const auto& entry : entries) {
    for (const auto& section : Sections()) names.push_back({entry.case_id, section.kind});
  }
  const auto case_keys = Must(keys.Ensure(names));
  auto key = case_keys.begin();
  for (auto& entry : entries) {
    for (const auto& section : Sections()) {
      const auto secret =
          vault::DeriveSectionSecret(*key++, entry.author_agency, entry.id, section.kind);
      const Hash commitment =
          vault::CommitSection(secret, kOrigin, entry.id, section.kind, section.plaintext);
      entry.sections.push_back(
          {section.kind, commitment, vault::SealSection(secret, commitment, section.plaintext)});
    }
  }
}

// What takes as many bytes and costs nothing to make.
void LeaveOpen(std::vector<log::NewEntry>& entries, size_t blob_bytes) {
  static const Hash commitment = Sha256("no commitment");
  for (auto& entry : entries) {
    for (const auto& section : Sections()) {
      std::string blob = section.plaintext;
      blob.resize(blob_bytes);
      entry.sections.push_back({section.kind, commitment, std::move(blob)});
    }
  }
}

struct Figures {
  std::vector<double> append;  // entries a second
  std::vector<double> replay;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Seconds(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

uint64_t sink = 0;

void Measure(const std::string& directory, uint64_t entries, size_t batch, bool sealed,
             size_t blob_bytes, Figures& figures) {
  fs::remove_all(directory);
  fs::create_directories(directory);
  const auto signer = proof::Signer::Generate(std::string(kOrigin), proof::KeyUse::kCheckpoint);
  const auto engine = Must(rocks::OpenEngine({.directory = directory + "/data"}));
  const auto keys = Must(vault::KeyStore::Open(
      Must(rocks::OpenKeyStorage(directory + "/keystore", rocks::OpenMode::kReadWrite)),
      vault::MasterKey(std::string(32, 'm')), SystemRandom()));
  const auto log = Must(log::Log::Open(
      *engine, {.origin = *OriginName::Parse(kOrigin), .clock = SystemClock(), .random = SystemRandom(),
                .signer = signer.get()},
      std::string(32, 'k')));
  auto start = Clock::now();
  for (uint64_t n = 0; n < entries;) {
    log::AppendRequest request;
    for (size_t i = 0; i < batch && n < entries; ++i) request.entries.push_back(MakeEntry(n++));
    if (sealed) {
      Seal(*keys, request.entries);
    } else {
      LeaveOpen(request.entries, blob_bytes);
    }
    Must(log->Append({&request, 1})[0].status);
  }
  figures.append.push_back(static_cast<double>(entries) / Seconds(start));

  start = Clock::now();
  const auto reader = Must(log::EntryReader::Make(*engine, kOwnLog, Position(1), /*with_blobs=*/true));
  uint64_t read = 0;
  while (const auto entry = Must(reader->Next())) {
    ++read;
    const auto case_id = *CaseId::FromBytes(entry->header->case_id());
    const auto event_id = *EventId::FromBytes(entry->header->event_id());
    for (size_t i = 0; i < entry->blobs.size(); ++i) {
      const log::BlobView& blob = entry->blobs[i];
      if (!sealed) {
        sink += static_cast<uint8_t>(blob.blob[0]);
        continue;
      }
      const auto secret = vault::DeriveSectionSecret(Must(keys->Get({case_id, blob.kind})),
                                                     entry->header->author_agency(), event_id, blob.kind);
      const auto commitment =
          *Hash::FromBytes(entry->header->commitments(static_cast<int>(i)).commitment());
      sink += static_cast<uint8_t>(
          Must(vault::OpenSection(secret, commitment, kOrigin, event_id, blob.kind, blob.blob))[0]);
    }
  }
  if (read != entries) Die(Str("read ", read, " of ", entries, " entries"));
  figures.replay.push_back(static_cast<double>(entries) / Seconds(start));
}

void Main(uint64_t entries, size_t batch, int rounds, const std::string& parent, bool json) {
  const std::string directory = parent + "/polku-seal-bench.db";
  const vault::SectionSecret secret(std::string(32, 's'));
  const size_t blob_bytes = vault::SealSection(secret, Hash(), Sections()[0].plaintext).size();
  Figures with, without;
  for (int round = 0; round < rounds; ++round) {
    Measure(directory, entries, batch, /*sealed=*/true, blob_bytes, with);
    Measure(directory, entries, batch, /*sealed=*/false, blob_bytes, without);
  }
  fs::remove_all(directory);
  const double append = Median(with.append), append_open = Median(without.append);
  const double replay = Median(with.replay), replay_open = Median(without.replay);
  if (json) {
    std::printf("{\"entries\":%llu,\"entries_a_commit\":%zu,\"append_sealed_per_second\":%.0f,"
                "\"append_open_per_second\":%.0f,\"append_ratio\":%.3f,\"replay_sealed_per_second\":%.0f,"
                "\"replay_open_per_second\":%.0f,\"replay_ratio\":%.3f,\"check\":%llu}\n",
                static_cast<unsigned long long>(entries), batch, append, append_open,
                append / append_open, replay, replay_open, replay / replay_open,
                static_cast<unsigned long long>(sink));
    return;
  }
  std::printf("%llu entries of 2 sections, %zu a commit, synced, medians of %d rounds in turns\n",
              static_cast<unsigned long long>(entries), batch, rounds);
  const auto print = [](const char* name, double sealed, double open) {
    std::printf("  %-8s %10.0f entries/s sealed  %10.0f open  %5.2f sealed of open\n", name, sealed, open,
                sealed / open);
  };
  print("append", append, append_open);
  print("replay", replay, replay_open);
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) {
  const polku::RoundsFlags flags = polku::ParseRounds(argc, argv, polku::kUsage, 50'000,
                                                      polku::log::kMaxEntriesPerAppend);
  polku::Main(flags.entries, flags.batch, flags.rounds, flags.directory, flags.json);
  return 0;
}
