// Verification of a stored log beside a bare SHA-256 of the same leaves, in one run, in turns. It measures and asserts
// nothing about time.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/group.h"
#include "eventstore/log/log.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/bench/bench.h"

namespace polku {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kUsage =
    "usage: polku-verify-bench [--json] [--entries N] [--batch N] [--rounds N] [--directory D]\n"
    "  --entries N    entries in the log, default 200000\n"
    "  --batch N      entries a commit, so a checkpoint, default 100\n"
    "  --rounds N     measurements of each, in turns, default 5; medians are shown\n"
    "  --directory D  where to make (and remove) the database, default the working directory\n"
    "  --json         one JSON object instead of a table\n"
    "'sha-256' reads the same leaves from memory and hashes each once, as the floor under any verification.\n"
    "The floor is what cannot be left out: the tree hashed and every checkpoint's signature checked, from memory.\n"
    "Sections are stored but not opened; everything lies in table files. One core, in CPU time,\n"
    "unless it says two, which is by the clock and wants an idle machine.\n";
constexpr std::string_view kOrigin = "FI/MUN/0187690-1/oulu/attendance/1";

// About 300 bytes of leaf and one sealed section: a recorded day, disclosed to one receiver.
log::NewEntry MakeEntry(uint64_t n) {
  const std::string_view number(reinterpret_cast<const char*>(&n), sizeof n);
  const uint64_t case_number = n % 5'000;
  const std::string_view case_bytes(reinterpret_cast<const char*>(&case_number), sizeof case_number);
  log::NewEntry entry;
  entry.id = *EventId::FromBytes(Sha256({"id", number}).view().substr(0, 16));
  entry.case_id = *CaseId::FromBytes(Sha256({"case", case_bytes}).view().substr(0, 16));
  entry.type = "polku.attendance.v1.DayRecorded";
  entry.author_agency = "FI/MUN/0187690-1/oulu";
  entry.author_official = "official-7";
  entry.schema_hash = Sha256("schema");
  entry.sections = {{SectionKind::kService, Sha256({"c", number}), std::string(80, 'b')}};
  SectionSet sections;
  sections.add(SectionKind::kService);
  entry.disclosures = {{"FI/GOV/0245437-2/kela", sections, Position(0)}};
  return entry;
}

struct Row {
  std::string name;
  std::vector<double> per_second;
  double Median() {
    std::sort(per_second.begin(), per_second.end());
    return per_second[per_second.size() / 2];
  }
};

// What the process has used of all cores: figures of one core do not hang on what else the machine does.
double CpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

double Seconds(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Main(uint64_t entries, size_t batch, int rounds, const std::string& parent, bool json) {
  const std::string directory = parent + "/polku-verify-bench.db";
  fs::remove_all(directory);
  const auto signer = proof::Signer::Generate(std::string(kOrigin), proof::KeyUse::kCheckpoint);
  {
    const auto engine = Must(rocks::OpenEngine({.directory = directory}));
    const auto log = Must(log::Log::Open(
        *engine, {.origin = *OriginName::Parse(kOrigin), .clock = SystemClock(), .random = SystemRandom(),
                  .signer = signer.get()},
        std::string(32, 'k')));
    for (uint64_t n = 0; n < entries;) {
      log::AppendRequest request;
      for (size_t i = 0; i < batch && n < entries; ++i) request.entries.push_back(MakeEntry(n++));
      Must(log->Append({&request, 1})[0].status);
    }
  }
  // Opened once more for writing, everything goes into table files, as all but the newest of a real store is.
  Must(rocks::OpenEngine({.directory = directory}).status());
  const auto engine = Must(rocks::OpenEngine(
      {.directory = directory, .mode = rocks::OpenMode::kReadOnly, .for_verification = true}));
  // The leaves in memory, for the bare hash.
  std::string bytes;
  std::vector<std::pair<size_t, size_t>> leaves;
  {
    const auto groups = Must(engine->Scan(kOwnLog, Position(0), false));
    while (const auto group = Must(groups->Next())) {
      const auto view = Must(log::GroupView::Parse(group->entries, {}));
      for (const auto& item : view.items()) {
        leaves.emplace_back(bytes.size(), item.leaf.size());
        bytes.append(item.leaf);
      }
    }
  }
  std::vector<std::string> notes;
  {
    const auto checkpoints =
        engine->ScanStored(kOwnLog, log::StoredPart::kCheckpoints, Position(0), Position(UINT64_MAX));
    while (const auto value = Must(checkpoints->Next())) notes.emplace_back(value->bytes);
  }
  const auto count = static_cast<double>(leaves.size());
  Row bare{"sha-256 of the leaves", {}};
  Row tree{"sha-256 of leaves and tree nodes", {}};
  Row signatures{"the checkpoints' signatures alone", {}};
  Row one{"verify, one core", {}};
  Row entries_only{"verify without indexes, one core", {}};
  Row both{"verify, two cores", {}};
  Row both_entries_only{"verify without indexes, two cores", {}};
  const auto verify = [&](size_t threads, bool index) {
    evidence::VerifyOptions options;
    options.own_origin = kOrigin;
    options.keys.emplace(kOrigin, signer->verifier());
    options.threads = threads;
    options.check_index = index;
    const auto start = Clock::now();
    const double cpu = CpuSeconds();
    const evidence::Report report = Must(evidence::VerifyStore(*engine, options));
    const double seconds = threads == 1 ? CpuSeconds() - cpu : Seconds(start);
    if (!report.problems.empty()) Die(report.problems[0].what);
    return count / seconds;
  };
  uint64_t sink = 0;
  for (int round = 0; round < rounds; ++round) {
    double start = CpuSeconds();
    for (const auto& [at, size] : leaves) {
      sink += Sha256({std::string_view(bytes).substr(at, size)}).data()[0];
    }
    bare.per_second.push_back(count / (CpuSeconds() - start));
    start = CpuSeconds();
    proof::Frontier frontier;
    for (const auto& [at, size] : leaves) {
      frontier.AppendLeafHash(proof::LeafHash(std::string_view(bytes).substr(at, size)));
    }
    sink += frontier.Root().data()[0];
    tree.per_second.push_back(count / (CpuSeconds() - start));
    start = CpuSeconds();
    for (const std::string& note : notes) {
      sink += Must(proof::VerifyCheckpoint(note, signer->verifier())).root.data()[0];
    }
    signatures.per_second.push_back(count / (CpuSeconds() - start));
    one.per_second.push_back(verify(1, true));
    entries_only.per_second.push_back(verify(1, false));
    both.per_second.push_back(verify(2, true));
    both_entries_only.per_second.push_back(verify(2, false));
  }
  const double mean_leaf = static_cast<double>(bytes.size()) / count;
  fs::remove_all(directory);
  // Nobody verifies faster than this on one core: every leaf and node hashed, every signature checked.
  const double floor = 1 / (1 / tree.Median() + 1 / signatures.Median());
  if (json) {
    std::printf("{\"entries\":%zu,\"leaf_bytes\":%.0f,\"entries_a_checkpoint\":%zu", leaves.size(), mean_leaf,
                batch);
    const std::pair<const char*, double> figures[] = {
        {"sha256", bare.Median()},         {"tree", tree.Median()},
        {"signatures", signatures.Median()}, {"floor", floor},
        {"verify", one.Median()},          {"entries_only", entries_only.Median()},
        {"two_cores", both.Median()},      {"two_cores_entries_only", both_entries_only.Median()}};
    for (const auto& [name, value] : figures) std::printf(",\"%s_per_second\":%.0f", name, value);
    std::printf(",\"ratio\":%.3f,\"check\":%llu}\n", one.Median() / bare.Median(),
                static_cast<unsigned long long>(sink));
    return;
  }
  std::printf("%zu entries of %.0f bytes, %zu a checkpoint, medians of %d rounds in turns\n", leaves.size(),
              mean_leaf, batch, rounds);
  const auto print = [&](const std::string& name, double value) {
    std::printf("  %-34s %10.0f entries/s  %5.2f of the bare hash  %5.2f of the floor\n", name.c_str(), value,
                value / bare.Median(), value / floor);
  };
  for (Row* row : {&bare, &tree, &signatures}) print(row->name, row->Median());
  print("floor: tree and signatures", floor);
  for (Row* row : {&entries_only, &one, &both_entries_only, &both}) print(row->name, row->Median());
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) {
  const polku::RoundsFlags flags = polku::ParseRounds(argc, argv, polku::kUsage, 200'000,
                                                      polku::log::kMaxEntriesPerAppend);
  polku::Main(flags.entries, flags.batch, flags.rounds, flags.directory, flags.json);
  return 0;
}
