// Appending and replaying, beside raw RocksDB writing the same values with the same sync in the
// same run, in turns. It measures and asserts nothing about time.
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/bench/bench.h"
#include "tests/support/forwarding_engine.h"

namespace polku {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kUsage =
    "usage: polku-log-bench [--json] [--seconds N] [--directory D]\n"
    "  --seconds N    time for each measurement, default 3\n"
    "  --directory D  where to make (and remove) the databases, default the working directory\n"
    "  --json         one JSON object instead of a table\n"
    "Every append is synced. 'raw' writes the same groups, checkpoints, heads and index entries\n"
    "with plain RocksDB WriteBatches of the same size and sync, in turns with the log.\n"
    "'without' is each append less the time of its hashes, root and signature, made once more, and\n"
    "with the time of its commit exchanged for that of the same commit without nodes and note,\n"
    "written to a second engine; all in turns.\n";

struct RecordedCommit {
  log::CommitBatch batch;
  double micros = 0;  // what committing it took
};

// Passes everything on and keeps the commits, so that others can write the same bytes.
class RecordingEngine final : public testing::ForwardingEngine {
 public:
  explicit RecordingEngine(log::Engine& inner) : ForwardingEngine(inner) {}
  absl::Status Commit(const log::CommitBatch& batch) override {
    if (!record_) return inner().Commit(batch);
    RecordedCommit& recorded = recorded_.emplace_back();
    recorded.batch = batch;
    const auto start = Clock::now();
    absl::Status status = inner().Commit(batch);
    recorded.micros = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    return status;
  }

  void Record(bool on) { record_ = on; }
  std::vector<RecordedCommit> Take() { return std::exchange(recorded_, {}); }

 private:
  bool record_ = false;
  std::vector<RecordedCommit> recorded_;
};

// What somebody would write who wants these bytes in RocksDB and nothing else.
class RawStore {
 public:
  explicit RawStore(const std::string& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.compression = rocksdb::CompressionType::kLZ4Compression;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name : {"default", "entries", "blobs", "checkpoints", "heads", "index"}) {
      families.emplace_back(name, options);
    }
    const rocksdb::Status status = rocksdb::DB::Open(options, directory, families, &handles_, &db_);
    if (!status.ok()) Die(status.ToString());
  }
  ~RawStore() {
    for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    delete db_;
  }
  void Write(const log::CommitBatch& commit) {
    batch_.Clear();
    const auto put = [&](size_t family, const std::string& key, const std::string& value) {
      batch_.Put(handles_[family], key, value).PermitUncheckedError();
    };
    std::string key;
    for (const log::StoredGroup& group : commit.groups) {
      key.clear();
      AppendBigEndian32(key, 0);
      AppendBigEndian64(key, group.first.value());
      put(1, key, group.entries);
      if (!group.blobs.empty()) put(2, key, group.blobs);
    }
    key.clear();
    AppendBigEndian32(key, 0);
    AppendBigEndian64(key, commit.new_size.value());
    put(3, key, commit.checkpoint);
    put(4, key.substr(0, 4), commit.head);
    for (const auto& [k, v] : commit.index) put(5, k, v);
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = db_->Write(options, &batch_);
    if (!status.ok()) Die(status.ToString());
  }

 private:
  rocksdb::DB* db_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  rocksdb::WriteBatch batch_;
};

// What the tree and the signature add to an append, measured on the very commits of the log: its leaf
// and node hashes, root and signature made once more, and the commit written to a second engine without
// nodes and without a checkpoint note.
class WithoutTree {
 public:
  WithoutTree(const std::string& directory, const proof::Signer& signer) : signer_(signer) {
    rocks::EngineOptions options;
    options.directory = directory;
    engine_ = Must(rocks::OpenEngine(options));
  }
  struct Cost {
    double tree_micros = 0;  // hashes and signature
    double commit_micros = 0;
  };
  Cost Write(const log::CommitBatch& commit) {
    std::vector<log::GroupView> views;
    for (const log::StoredGroup& group : commit.groups) {
      views.push_back(Must(log::GroupView::Parse(group.entries, {})));
    }
    Cost cost;
    auto start = Clock::now();
    std::vector<proof::Node> nodes;
    std::vector<log::KeyValue> index;
    for (const log::GroupView& view : views) {
      for (const log::GroupItem& item : view.items()) {
        frontier_.AppendLeafHash(proof::LeafHash(item.leaf), &nodes);
      }
    }
    const Hash root = frontier_.Root();
    const std::string note = signer_.Sign({signer_.verifier().name(), frontier_.size(), root});
    log::AddNodes(commit.log, nodes, index);
    cost.tree_micros = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    if (note != commit.checkpoint) Die("the tree made again is not that of the log");

    log::CommitBatch bare = commit;
    bare.checkpoint = "-";
    std::erase_if(bare.index, [](const log::KeyValue& entry) { return entry.first[0] == 'n'; });
    if (bare.index.size() + index.size() != commit.index.size()) Die("the nodes are not the log's");
    start = Clock::now();
    const absl::Status status = engine_->Commit(bare);
    cost.commit_micros = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    if (!status.ok()) Die(status.ToString());
    return cost;
  }

 private:
  const proof::Signer& signer_;
  proof::Frontier frontier_;
  std::unique_ptr<log::Engine> engine_;
};

// Processor time of this thread: what a busy machine changes least.
double ThreadCpuMicros() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

struct Series {
  uint64_t events = 0;
  double seconds = 0;
  double cpu_micros = 0;
  std::vector<double> micros;  // an append each
  void Add(uint64_t count, Clock::duration took) {
    events += count;
    const double us = std::chrono::duration<double, std::micro>(took).count();
    seconds += us / 1e6;
    micros.push_back(us);
  }
  double CpuPerEvent() const { return events > 0 ? cpu_micros / static_cast<double>(events) : 0; }
  double PerSecond() const { return seconds > 0 ? static_cast<double>(events) / seconds : 0; }
  double Percentile(double p) {
    if (micros.empty()) return 0;
    std::sort(micros.begin(), micros.end());
    return micros[static_cast<size_t>(p * static_cast<double>(micros.size() - 1))];
  }
};

// A shape of appending: `requests` requests of `entries` entries in each Append call.
struct Shape {
  const char* name;
  size_t requests;
  size_t entries;
};
constexpr Shape kShapes[] = {{"1 at a time", 1, 1},
                             {"window of 256", 256, 1},
                             {"batch of 100", 1, 100},
                             {"batch of 1000", 1, 1000}};

class EntryMaker {
 public:
  // About 300 bytes of leaf and one sealed section: a recorded day, disclosed to one receiver.
  log::NewEntry Make() {
    const uint64_t n = next_++;
    log::NewEntry entry;
    const Hash id = Sha256({"id", std::string_view(reinterpret_cast<const char*>(&n), sizeof n)});
    entry.id = *EventId::FromBytes(id.view().substr(0, 16));
    const uint64_t case_number = n % 5'000;
    const Hash case_id =
        Sha256({"case", std::string_view(reinterpret_cast<const char*>(&case_number), 8)});
    entry.case_id = *CaseId::FromBytes(case_id.view().substr(0, 16));
    entry.type = "polku.attendance.v1.DayRecorded";
    entry.author_agency = "FI/COM/2345678-9/paja";
    entry.author_official = "o-17";
    entry.schema_hash = schema_;
    entry.sections.push_back({SectionKind::kService, id, std::string(80, 'b')});
    SectionSet sections;
    sections.add(SectionKind::kService);
    entry.disclosures.push_back({"FI/GOV/0245437-2/kela", sections, Position(1)});
    return entry;
  }

 private:
  uint64_t next_ = 1;
  const Hash schema_ = Sha256("schema");
};

std::vector<log::AppendRequest> MakeRequests(EntryMaker& maker, const Shape& shape) {
  std::vector<log::AppendRequest> requests(shape.requests);
  for (log::AppendRequest& request : requests) {
    for (size_t i = 0; i < shape.entries; ++i) request.entries.push_back(maker.Make());
  }
  return requests;
}

struct Line {
  std::string name;
  Series polku;
  Series raw;
  Series without;     // the same appends without tree and signature
  double tree_micros = 0;  // in all
  double TreePerEvent() const { return tree_micros / static_cast<double>(without.events); }
  // Of the medians.
  double TreeRatio() { return polku.Percentile(0.5) / without.Percentile(0.5); }
};

int Run(int argc, char** argv) {
  bool json = false;
  double seconds = 3;
  std::string parent = ".";
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--help") {
      std::cout << kUsage;
      return 0;
    }
    if (arg == "--json") {
      json = true;
    } else if (arg == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else if (arg == "--directory" && i + 1 < argc) {
      parent = argv[++i];
    } else {
      std::cerr << kUsage;
      return 2;
    }
  }
  if (!(seconds > 0)) Die("--seconds must be a positive number");
  std::string directory = parent + "/polku-log-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) Die("cannot make a directory below " + parent);
  struct Cleanup {
    std::string directory;
    ~Cleanup() {
      std::error_code ignored;
      fs::remove_all(directory, ignored);
    }
  } const cleanup{directory};

  constexpr std::string_view kOrigin = "FI/MUN/0187690-1/oulu/attendance/1";
  const auto signer = proof::Signer::Generate(std::string(kOrigin), proof::KeyUse::kCheckpoint);
  rocks::EngineOptions options;
  options.directory = directory + "/log";
  auto engine = Must(rocks::OpenEngine(options));
  RecordingEngine recording(*engine);
  recording.Record(true);
  auto log = Must(log::Log::Open(
      recording, {Must(OriginName::Parse(kOrigin)), SystemClock(), SystemRandom(), signer.get()},
      std::string(32, 'k')));
  RawStore raw(directory + "/raw");
  WithoutTree without(directory + "/without", *signer);
  for (const RecordedCommit& commit : recording.Take()) without.Write(commit.batch);
  EntryMaker maker;

  std::vector<Line> lines;
  for (const Shape& shape : kShapes) {
    Line& line = lines.emplace_back();
    line.name = shape.name;
    // Turns of about 50 ms each, so that all meet the same disk and the same neighbours.
    while (line.polku.seconds < seconds) {
      std::vector<double> appends;
      for (double turn = 0; turn < 0.05;) {
        const std::vector<log::AppendRequest> requests = MakeRequests(maker, shape);
        const double cpu = ThreadCpuMicros();
        const auto start = Clock::now();
        const std::vector<log::AppendResult> results = log->Append(requests);
        const auto took = Clock::now() - start;
        line.polku.cpu_micros += ThreadCpuMicros() - cpu;
        for (const log::AppendResult& result : results) Must(result.status);
        line.polku.Add(shape.requests * shape.entries, took);
        turn += std::chrono::duration<double>(took).count();
        appends.push_back(std::chrono::duration<double, std::micro>(took).count());
      }
      const std::vector<RecordedCommit> commits = recording.Take();
      if (commits.size() != appends.size()) Die("an append took more than one commit");
      for (const RecordedCommit& commit : commits) {
        const double cpu = ThreadCpuMicros();
        const auto start = Clock::now();
        raw.Write(commit.batch);
        line.raw.Add(shape.requests * shape.entries, Clock::now() - start);
        line.raw.cpu_micros += ThreadCpuMicros() - cpu;
      }
      for (size_t i = 0; i < commits.size(); ++i) {
        const WithoutTree::Cost cost = without.Write(commits[i].batch);
        line.tree_micros += cost.tree_micros;
        const double micros =
            appends[i] - commits[i].micros - cost.tree_micros + cost.commit_micros;
        line.without.Add(shape.requests * shape.entries,
                         std::chrono::duration_cast<Clock::duration>(
                             std::chrono::duration<double, std::micro>(micros)));
      }
    }
  }

  // Replay: the whole log, parsed headers, as often as time allows.
  Series replay;
  const auto replay_start = Clock::now();
  do {
    auto reader = Must(log::EntryReader::Make(*engine, kOwnLog, Position(0), false));
    uint64_t count = 0;
    uint64_t sum = 0;
    const auto start = Clock::now();
    while (true) {
      const auto entry = Must(reader->Next());
      if (!entry) break;
      sum += entry->header->case_revision();
      ++count;
    }
    replay.Add(count, Clock::now() - start);
    if (count != log->size().value() || sum == 0) Die("replay did not see the whole log");
  } while (std::chrono::duration<double>(Clock::now() - replay_start).count() < seconds);

  if (json) {
    std::printf("{\"durability\":\"synced\",\"append\":[");
    for (size_t i = 0; i < lines.size(); ++i) {
      Line& line = lines[i];
      std::printf(
          "%s{\"shape\":\"%s\",\"events_per_second\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
          "\"raw_events_per_second\":%.0f,\"raw_p50_us\":%.1f,\"raw_p99_us\":%.1f,"
          "\"cpu_us_per_event\":%.2f,\"raw_cpu_us_per_event\":%.2f,\"ratio\":%.3f,"
          "\"without_tree_events_per_second\":%.0f,\"without_tree_p50_us\":%.1f,"
          "\"tree_and_signature_us_per_event\":%.2f,\"tree_ratio\":%.3f}",
          i == 0 ? "" : ",", line.name.c_str(), line.polku.PerSecond(), line.polku.Percentile(0.5),
          line.polku.Percentile(0.99), line.raw.PerSecond(), line.raw.Percentile(0.5),
          line.raw.Percentile(0.99), line.polku.CpuPerEvent(), line.raw.CpuPerEvent(),
          line.polku.PerSecond() / line.raw.PerSecond(), line.without.PerSecond(),
          line.without.Percentile(0.5), line.TreePerEvent(), line.TreeRatio());
    }
    std::printf("],\"replay_events_per_second\":%.0f,\"log_events\":%llu}\n", replay.PerSecond(),
                static_cast<unsigned long long>(log->size().value()));
    return 0;
  }
  std::printf(
      "append, synced to disk; p50 and p99 per Append call, cpu per event, in microseconds\n");
  std::printf("%-15s %10s %9s %9s %6s   %12s %9s %9s %6s   %6s\n", "", "events/s", "p50", "p99",
              "cpu", "raw events/s", "p50", "p99", "cpu", "ratio");
  for (Line& line : lines) {
    std::printf("%-15s %10.0f %9.1f %9.1f %6.2f   %12.0f %9.1f %9.1f %6.2f   %6.3f\n",
                line.name.c_str(), line.polku.PerSecond(), line.polku.Percentile(0.5),
                line.polku.Percentile(0.99), line.polku.CpuPerEvent(), line.raw.PerSecond(),
                line.raw.Percentile(0.5), line.raw.Percentile(0.99), line.raw.CpuPerEvent(),
                line.polku.PerSecond() / line.raw.PerSecond());
  }
  std::printf(
      "\nthe same appends with and without the tree: without hashes, nodes, root, signature and note; "
      "medians in microseconds\n");
  std::printf("%-15s %10s %10s %7s   %22s\n", "", "with", "without", "ratio",
              "hashes, signature/event");
  for (Line& line : lines) {
    std::printf("%-15s %10.1f %10.1f %7.3f   %22.2f\n", line.name.c_str(),
                line.polku.Percentile(0.5), line.without.Percentile(0.5), line.TreeRatio(),
                line.TreePerEvent());
  }
  std::printf("\nreplay, headers parsed and checked: %.0f events/s over %llu events\n",
              replay.PerSecond(), static_cast<unsigned long long>(log->size().value()));
  return 0;
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) { return polku::Run(argc, argv); }
