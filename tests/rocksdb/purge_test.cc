// What was erased is nowhere in the directory, whatever files RocksDB had put it in.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/child_process.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/random.h"

namespace polku::rocks {
namespace {

namespace fs = std::filesystem;
using log::ErasedPart;
using log::kTestOrigin;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::StatusIs;

std::string Contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

// "<file>: <marker>" of every marker that lies somewhere below the directory.
std::set<std::string> Found(const std::string& directory, const std::set<std::string>& markers) {
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string bytes = Contents(entry.path());
    for (const std::string& marker : markers) {
      if (bytes.find(marker) == std::string::npos) continue;
      found.insert(Str(entry.path().filename().string(), ": ", ToHex(marker)));
    }
  }
  return found;
}

// Random bytes of entries: no compression hides them.
struct Markers {
  std::set<std::string> leaves;   // random parts
  std::set<std::string> ids;      // of cases and events, but the first bytes, which keys may share
  std::set<std::string> blobs;
  std::set<std::string> All() const {
    std::set<std::string> all = leaves;
    all.insert(ids.begin(), ids.end());
    all.insert(blobs.begin(), blobs.end());
    return all;
  }
};

constexpr size_t kShared = 4;

class Purge : public ::testing::Test {
 protected:
  Purge()
      : directory_(std::in_place),
        signer_(proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint)) {
    OpenAt(directory_->path());
  }
  // In a directory that somebody else removes.
  Purge(const std::string& directory, std::unique_ptr<proof::Signer> signer)
      : signer_(std::move(signer)) {
    OpenAt(directory);
  }

  void OpenAt(const std::string& directory) {
    options_.directory = directory;
    options_.write_buffer_bytes = 256 << 10;
    Open();
  }

  void Open() {
    log_.reset();
    engine_.reset();
    ASSERT_OK_AND_ASSIGN(engine_, OpenEngine(options_));
    ASSERT_OK_AND_ASSIGN(
        log_, log::Log::Open(*engine_,
                             {*OriginName::Parse(kTestOrigin), SystemClock(), SystemRandom(),
                              signer_.get()},
                             log::kTestCurveKey));
  }

  CaseId NewCase() { return *CaseId::FromBytes(generator_.Bytes(CaseId::kBytes)); }

  // An entry with a section.
  log::NewEntry NewEntry(const CaseId& case_id, size_t blob_bytes = 200) {
    log::NewEntry entry = log::TestEntry(0, 0);
    entry.id = *EventId::FromBytes(generator_.Bytes(EventId::kBytes));
    entry.case_id = case_id;
    const std::string blob = generator_.Bytes(blob_bytes);
    entry.sections = {{SectionKind::kService, Sha256(blob), blob}};
    return entry;
  }
  std::vector<Position> Append(const log::AppendRequest& request) {
    const log::AppendResult result = log::AppendOne(*log_, request);
    EXPECT_THAT(result.status, IsOk());
    std::vector<Position> positions;
    for (const log::Receipt& receipt : result.receipts) positions.push_back(receipt.position);
    return positions;
  }
  // Entries of as many cases.
  std::vector<Position> Append(int count, size_t blob_bytes = 200) {
    log::AppendRequest request;
    for (int i = 0; i < count; ++i) request.entries.push_back(NewEntry(NewCase(), blob_bytes));
    return Append(request);
  }

  Markers Of(const std::vector<Position>& positions) {
    Markers markers;
    log::EntryFetcher fetcher(*engine_);
    for (const Position position : positions) {
      const auto entry = fetcher.Fetch(kOwnLog, position, true);
      EXPECT_THAT(entry, IsOk());
      if (!entry.ok()) continue;
      markers.leaves.insert(
          std::string(entry->leaf.substr(log::kLeafPrefix.size(), log::kLeafRandomBytes)));
      markers.ids.insert(entry->header->event_id().substr(kShared));
      markers.ids.insert(entry->header->case_id().substr(kShared));
      for (const log::BlobView& blob : entry->blobs) {
        markers.blobs.insert(std::string(blob.blob.substr(0, 64)));
      }
    }
    return markers;
  }

  static std::vector<ErasedPart> Leaves(const std::vector<Position>& positions) {
    std::vector<ErasedPart> parts;
    for (const Position position : positions) parts.push_back({position, AllSections(), true});
    return parts;
  }

  const std::optional<TempDirectory> directory_;
  testing::SeededGenerator generator_{testing::TestSeed()};
  const std::unique_ptr<proof::Signer> signer_;
  EngineOptions options_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<log::Log> log_;
};

// Erased at random, from memory, from logs and from tables of every age.
TEST_F(Purge, NoFileHoldsWhatWasErasedAndEverythingElseIsRead) {
  std::vector<Position> erased;
  std::vector<Position> kept;
  for (int round = 0; round < 4; ++round) {
    for (int commit = 0; commit < 12; ++commit) {
      log::AppendRequest request;
      std::vector<bool> goes;
      for (int i = 0; i < 25; ++i) {
        const CaseId case_id = NewCase();
        const bool case_goes = generator_.Below(5) == 0;
        for (uint64_t n = generator_.Below(3); n < 3; ++n) {
          request.entries.push_back(NewEntry(case_id, 50 + generator_.Below(1'500)));
          goes.push_back(case_goes);
        }
      }
      const std::vector<Position> positions = Append(request);
      for (size_t i = 0; i < positions.size(); ++i) {
        (goes[i] ? erased : kept).push_back(positions[i]);
      }
    }
    Open();
  }
  for (const Position position : Append(5)) erased.push_back(position);  // not in any table yet
  const Markers gone = Of(erased);
  const Markers stays = Of(kept);
  const Hash root = *log::TreeReader(*engine_, kOwnLog).Root(log_->size());
  ASSERT_THAT(Found(options_.directory, gone.leaves), ::testing::Not(IsEmpty()));
  ASSERT_THAT(Found(options_.directory, gone.blobs), ::testing::Not(IsEmpty()));
  ASSERT_THAT(Found(options_.directory, gone.ids), ::testing::Not(IsEmpty()));

  ASSERT_OK_AND_ASSIGN(const auto ranges,
                       log::EraseEntries(*engine_, kOwnLog, Leaves(erased)));
  EXPECT_THAT(Found(options_.directory, gone.All()), ::testing::Not(IsEmpty()))
      << "erasing alone leaves the old bytes on the disk";
  ASSERT_THAT(engine_->Purge(ranges), IsOk());
  EXPECT_THAT(Found(options_.directory, gone.All()), IsEmpty());

  for (int round = 0; round < 2; ++round) {
    log::EntryFetcher fetcher(*engine_);
    for (const Position position : erased) {
      EXPECT_THAT(fetcher.Fetch(kOwnLog, position, true), StatusIs(absl::StatusCode::kNotFound));
    }
    const Markers found = Of(kept);
    EXPECT_EQ(found.leaves, stays.leaves);
    EXPECT_EQ(found.blobs, stays.blobs);
    EXPECT_THAT(log::TreeReader(*engine_, kOwnLog).Root(log_->size()), testing::IsOkAndHolds(root));
    Open();
  }
  EXPECT_THAT(Found(options_.directory, gone.All()), IsEmpty());
  // It goes on: what comes later is not erased again by repeating all of it.
  const Position later = Append(1)[0];
  ASSERT_OK_AND_ASSIGN(const auto again, log::EraseEntries(*engine_, kOwnLog, Leaves(erased)));
  ASSERT_THAT(engine_->Purge(again), IsOk());
  EXPECT_THAT(log::EntryFetcher(*engine_).Fetch(kOwnLog, later, true), IsOk());
}

TEST_F(Purge, OfSectionsTheBlobsGoAndTheHeadersStay) {
  const std::vector<Position> positions = Append(50, 3'000);
  Open();
  const Markers markers = Of(positions);
  std::vector<ErasedPart> parts;
  SectionSet service;
  service.add(SectionKind::kService);
  for (const Position position : positions) parts.push_back({position, service, false});
  ASSERT_OK_AND_ASSIGN(const auto ranges, log::EraseEntries(*engine_, kOwnLog, parts));
  ASSERT_THAT(engine_->Purge(ranges), IsOk());
  EXPECT_THAT(Found(options_.directory, markers.blobs), IsEmpty());
  const Markers left = Of(positions);
  EXPECT_EQ(left.leaves, markers.leaves);
  EXPECT_THAT(left.blobs, IsEmpty());
}

class PurgeChild : public Purge {
 protected:
  PurgeChild()
      : Purge(ChildArgument("CHILD_DIRECTORY"),
              *proof::Signer::Parse(ChildArgument("CHILD_KEY"), proof::KeyUse::kCheckpoint)) {}
};

// Tells which positions it has erased and what was in them, a line each, then "erased".
TEST_F(PurgeChild, DISABLED_ErasesUntilKilled) {
  if (HasFailure()) _exit(10);
  std::vector<Position> erased;
  for (int i = 0; i < 10; ++i) {
    const std::vector<Position> positions = Append(20);
    erased.insert(erased.end(), positions.begin(), positions.begin() + 7);
  }
  std::ostringstream told;
  for (const Position position : erased) told << "position " << position.value() << '\n';
  for (const std::string& marker : Of(erased).All()) told << "marker " << ToHex(marker) << '\n';
  told << "erased\n";
  if (!log::EraseEntries(*engine_, kOwnLog, Leaves(erased)).ok() || HasFailure()) _exit(11);
  const std::string text = told.str();
  if (write(std::atoi(ChildArgument("CHILD_OUT").c_str()), text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    _exit(12);
  }
  while (true) pause();
}

TEST_F(Purge, AfterACrashBetweenErasingAndPurgingTheSameCallsFinish) {
  const TempDirectory directory;
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = SpawnTest("PurgeChild.DISABLED_ErasesUntilKilled",
                                {{"CHILD_DIRECTORY", directory.path()},
                                 {"CHILD_KEY", signer_->SecretText()},
                                 {"CHILD_OUT", std::to_string(pipe_ends[1])}});
  ASSERT_GE(child, 0);
  close(pipe_ends[1]);
  std::string told;
  char bytes[4096];
  while (!told.ends_with("erased\n")) {
    const ssize_t count = read(pipe_ends[0], bytes, sizeof bytes);
    if (count <= 0) break;
    told.append(bytes, static_cast<size_t>(count));
  }
  close(pipe_ends[0]);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, code " << WEXITSTATUS(status);

  std::vector<Position> erased;
  std::set<std::string> gone;
  std::istringstream lines(told);
  for (std::string what, value; lines >> what >> value;) {
    if (what == "position") {
      erased.emplace_back(std::stoull(value));
    } else {
      const auto marker = FromHex(value);
      ASSERT_TRUE(marker.has_value());
      gone.insert(*marker);
    }
  }
  ASSERT_EQ(erased.size(), 70u);
  ASSERT_THAT(gone, ::testing::Not(IsEmpty()));
  OpenAt(directory.path());
  EXPECT_THAT(Found(options_.directory, gone), ::testing::Not(IsEmpty()));
  log::EntryFetcher fetcher(*engine_);
  EXPECT_THAT(fetcher.Fetch(kOwnLog, erased[0], true), StatusIs(absl::StatusCode::kNotFound));

  ASSERT_OK_AND_ASSIGN(const auto ranges,
                       log::EraseEntries(*engine_, kOwnLog, Leaves(erased)));
  ASSERT_THAT(engine_->Purge(ranges), IsOk());
  EXPECT_THAT(Found(options_.directory, gone), IsEmpty());
  log_.reset();  // before the directory goes
  engine_.reset();
}

// An iterator keeps the tables that it reads.
TEST_F(Purge, WaitsForReadersAndWritesGoOn) {
  std::vector<Position> erased = Append(1);
  for (const Position position : Append(99)) erased.push_back(position);
  Open();
  const Markers gone = Of(erased);
  ASSERT_OK_AND_ASSIGN(auto cursor, engine_->Scan(kOwnLog, Position(0), true));
  ASSERT_THAT(cursor->Next(), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto ranges,
                       log::EraseEntries(*engine_, kOwnLog, Leaves(erased)));
  absl::Status purged = absl::UnknownError("not done");
  std::thread purger([&] { purged = engine_->Purge(ranges); });
  std::vector<Position> meanwhile;
  for (int i = 0; i < 20; ++i) {
    for (const Position position : Append(5)) meanwhile.push_back(position);
  }
  ASSERT_THAT(cursor->Next(), IsOk());
  cursor.reset();
  purger.join();
  ASSERT_THAT(purged, IsOk());
  EXPECT_THAT(Found(options_.directory, gone.All()), IsEmpty());
  EXPECT_EQ(Of(meanwhile).leaves.size(), meanwhile.size());
}

TEST_F(Purge, IsRefusedReadOnly) {
  EngineOptions read_only = options_;
  read_only.mode = OpenMode::kReadOnly;
  ASSERT_OK_AND_ASSIGN(auto reader, OpenEngine(read_only));
  EXPECT_THAT(reader->Purge({}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(reader->Rewrite({kOwnLog, {}, {}, {}}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

// ---- Keys ----

using Sealed = std::vector<std::pair<std::string, std::string>>;

TEST(PurgeKeys, NoFileHoldsAnErasedOrReplacedKeyNorTheNameOfAnErasedOne) {
  const TempDirectory directory;
  testing::SeededGenerator generator(testing::TestSeed());
  Sealed records;
  for (int i = 0; i < 2'000; ++i) records.emplace_back(generator.Bytes(17), generator.Bytes(72));
  records.emplace_back("check", generator.Bytes(72));
  std::set<std::string> gone;
  std::vector<std::string> names;
  for (int i = 0; i < 2'000; i += 3) {
    names.push_back(records[static_cast<size_t>(i)].first);
    gone.insert(names.back().substr(kShared));
    gone.insert(records[static_cast<size_t>(i)].second);
  }
  for (const bool reopen : {false, true}) {
    SCOPED_TRACE(reopen);
    ASSERT_OK_AND_ASSIGN(auto storage, OpenKeyStorage(directory.path(), OpenMode::kReadWrite));
    ASSERT_THAT(storage->Put(records), IsOk());
    if (reopen) {
      storage.reset();
      ASSERT_OK_AND_ASSIGN(storage, OpenKeyStorage(directory.path(), OpenMode::kReadWrite));
    }
    ASSERT_THAT(Found(directory.path(), gone), ::testing::Not(IsEmpty()));
    ASSERT_THAT(storage->Delete(names), IsOk());
    ASSERT_THAT(storage->Delete(names), IsOk()) << "again";
    ASSERT_THAT(storage->Purge(), IsOk());
    EXPECT_THAT(Found(directory.path(), gone), IsEmpty());
    EXPECT_THAT(storage->Get(names[0]), testing::IsOkAndHolds(std::optional<std::string>()));
    EXPECT_THAT(storage->Get(records[1].first),
                testing::IsOkAndHolds(std::optional<std::string>(records[1].second)));

    // Everything sealed anew.
    std::set<std::string> old;
    Sealed next;
    ASSERT_THAT(storage->ForEach([&](std::string_view name, std::string_view sealed) {
      old.insert(std::string(sealed));
      next.emplace_back(name, generator.Bytes(72));
      return absl::OkStatus();
    }), IsOk());
    EXPECT_EQ(next.size(), 1'334u);
    const std::string dropped = next.back().first;
    next.pop_back();
    ASSERT_THAT(storage->ReplaceAll(next), IsOk());
    ASSERT_THAT(storage->Purge(), IsOk());
    old.insert(dropped.substr(kShared));
    EXPECT_THAT(Found(directory.path(), old), IsEmpty());
    EXPECT_THAT(storage->CountUpTo(9'999), testing::IsOkAndHolds(next.size()));
    EXPECT_THAT(storage->Get(next[7].first),
                testing::IsOkAndHolds(std::optional<std::string>(next[7].second)));
  }
}

}  // namespace
}  // namespace polku::rocks
