// Opening: locks, permissions, foreign and missing databases, reading beside a live writer.
#include <rocksdb/db.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/child_process.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::rocks {
namespace {

using log::kTestOrigin;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

EngineOptions At(const std::string& directory, OpenMode mode = OpenMode::kReadWrite) {
  EngineOptions options;
  options.directory = directory;
  options.mode = mode;
  options.write_buffer_bytes = 2 << 20;
  return options;
}

TEST(Open, ASecondWriterIsRefusedInThisProcessAndInAnother) {
  const TempDirectory directory;
  ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path())));
  EXPECT_THAT(OpenEngine(At(directory.path())),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("stop that process")));
  EXPECT_THAT(OpenEngine(At(directory.path())),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(directory.path())));
  engine.reset();

  int ready[2];
  int finish[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(finish), 0);
  const pid_t child =
      SpawnTest("OpenChild.DISABLED_HoldsTheLock", {{"CHILD_DIRECTORY", directory.path()},
                                                    {"CHILD_READY", std::to_string(ready[1])},
                                                    {"CHILD_FINISH", std::to_string(finish[0])}});
  ASSERT_GE(child, 0);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  EXPECT_THAT(OpenEngine(At(directory.path())), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_EQ(write(finish[1], &byte, 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_THAT(OpenEngine(At(directory.path())), IsOk()) << "a dead process holds no lock";
  for (const int fd : {ready[0], ready[1], finish[0], finish[1]}) close(fd);
}

TEST(OpenChild, DISABLED_HoldsTheLock) {
  const auto held = OpenEngine(At(ChildArgument("CHILD_DIRECTORY")));
  char byte = held.ok() ? 'y' : 'n';
  if (write(std::atoi(ChildArgument("CHILD_READY").c_str()), &byte, 1) != 1) _exit(2);
  if (read(std::atoi(ChildArgument("CHILD_FINISH").c_str()), &byte, 1) != 1) _exit(3);
  _exit(0);
}

TEST(Open, ReadOnlyOfNothingIsNotFoundAndMakesNothing) {
  const TempDirectory directory;
  const std::string missing = directory.path() + "/missing";
  EXPECT_THAT(OpenEngine(At(missing, OpenMode::kReadOnly)), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(missing));
  EXPECT_THAT(OpenEngine(At(directory.path(), OpenMode::kReadOnly)),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(Open, ADirectoryThatCannotBeWrittenIsPermissionDenied) {
  const TempDirectory directory;
  bool mounted = false;
  if (geteuid() == 0) {
    // Permissions do not stop root; a read-only file system does.
    mounted = mount("none", directory.path().c_str(), "tmpfs", MS_RDONLY, "size=1m") == 0;
    if (!mounted) GTEST_SKIP() << "SKIPPED: root, and mounting a read-only tmpfs is not permitted";
  } else {
    ASSERT_EQ(chmod(directory.path().c_str(), 0500), 0);
  }
  EXPECT_THAT(OpenEngine(At(directory.path())),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(directory.path())));
  EXPECT_THAT(OpenEngine(At(directory.path() + "/below")),
              StatusIs(absl::StatusCode::kPermissionDenied));
  if (mounted) {
    EXPECT_EQ(umount(directory.path().c_str()), 0);
  } else {
    EXPECT_EQ(chmod(directory.path().c_str(), 0700), 0);
  }
}

TEST(Open, AnotherFormatOrAForeignDatabaseIsRefusedUntouched) {
  const TempDirectory directory;
  ASSERT_THAT(OpenEngine(At(directory.path())), IsOk());
  const auto put = [](const std::string& path, std::string_view key, std::string_view value) {
    rocksdb::Options options;
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) {
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, path, families, &handles, &db).ok());
    ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), rocksdb::Slice(key.data(), key.size()),
                        rocksdb::Slice(value.data(), value.size()))
                    .ok());
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    delete db;
  };
  put(directory.path(), "format", std::string_view("\0\0\0\2", 4));
  for (const OpenMode mode : {OpenMode::kReadWrite, OpenMode::kReadOnly}) {
    EXPECT_THAT(OpenEngine(At(directory.path(), mode)),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("00000002")));
  }

  const TempDirectory foreign;
  rocksdb::DB* db = nullptr;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, foreign.path(), &db).ok());
  ASSERT_TRUE(db->CreateColumnFamily({}, "somebody else's", &handle).ok());
  ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  delete db;
  EXPECT_THAT(OpenEngine(At(foreign.path())), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(Open, ADatabaseFromBeforeRecordsGetsThemWhenOpenedForWritingAndIsReadWithout) {
  const TempDirectory directory;
  const auto signer =
      proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
  const auto open_log = [&](log::Engine& engine) {
    return log::Log::Open(
        engine,
        {*OriginName::Parse(kTestOrigin), SystemClock(), SystemRandom(), signer.get()},
        log::kTestCurveKey);
  };
  {
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path())));
    ASSERT_OK_AND_ASSIGN(auto log, open_log(*engine));
    ASSERT_THAT(log::AppendOne(*log, log::One(log::TestEntry(1, 5))).status, IsOk());
  }
  {
    rocksdb::Options options;
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, directory.path(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, options);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, directory.path(), families, &handles, &db).ok());
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "records") {
        EXPECT_TRUE(db->DropColumnFamily(handles[i]).ok());
      }
      db->DestroyColumnFamilyHandle(handles[i]).PermitUncheckedError();
    }
    delete db;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, directory.path(), &names).ok());
    ASSERT_EQ(std::count(names.begin(), names.end(), "records"), 0);
  }
  const log::KeyValue record("c1", "kept");
  {
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path(), OpenMode::kReadOnly)));
    EXPECT_THAT(engine->RecordGet("c1"), testing::IsOkAndHolds(std::optional<std::string>()));
    EXPECT_THAT(engine->RecordFloor("c", "2"),
                testing::IsOkAndHolds(std::optional<log::KeyValue>()));
    EXPECT_THAT(engine->RecordScan("")->Next(),
                testing::IsOkAndHolds(std::optional<log::KeyValue>()));
    EXPECT_THAT(engine->WriteRecords({&record, 1}, true),
                StatusIs(absl::StatusCode::kFailedPrecondition));
    log::EntryFetcher fetcher(*engine);
    EXPECT_THAT(fetcher.Fetch(kOwnLog, Position(1), true), IsOk());
  }
  {
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path())));
    ASSERT_THAT(engine->WriteRecords({&record, 1}, true), IsOk());
    ASSERT_OK_AND_ASSIGN(auto log, open_log(*engine));
    EXPECT_EQ(log->size(), Position(2));
  }
  ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path(), OpenMode::kReadOnly)));
  EXPECT_THAT(engine->RecordGet("c1"), testing::IsOkAndHolds(std::optional<std::string>("kept")));
}

TEST(Open, ReadOnlyIsAWholeSnapshotBesideALiveWriter) {
  const TempDirectory directory;
  ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path())));
  const auto signer = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
  ASSERT_OK_AND_ASSIGN(auto origin, OriginName::Parse(kTestOrigin));
  ASSERT_OK_AND_ASSIGN(
      auto log, log::Log::Open(*engine, {origin, SystemClock(), SystemRandom(), signer.get()},
                               log::kTestCurveKey));
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> acknowledged = 0;
  std::thread writer([&] {
    for (uint64_t id = 1; !stop; id += 20) {
      log::AppendRequest request;
      for (uint64_t i = 0; i < 20; ++i) {
        // Sections make memory tables fill, flush and drop write-ahead logs under the readers.
        request.entries.push_back(log::TestEntry(id + i, id % 50));
        request.entries.back().sections = {log::TestSection(SectionKind::kService, "s", 2'000)};
      }
      ASSERT_THAT(log::AppendOne(*log, request).status, IsOk());
      acknowledged = log->size().value();
      // A log file must live longer than an opening takes, or the reader gives up (FORMAT.md).
      std::this_thread::sleep_for(std::chrono::milliseconds(6));
    }
  });
  // Whatever fails below, the writer is stopped and joined.
  struct Join {
    std::atomic<bool>& stop;
    std::thread& thread;
    ~Join() {
      stop = true;
      thread.join();
    }
  };
  const Join join{stop, writer};
  for (int round = 0; round < 40 || acknowledged < 2'000; ++round) {
    const uint64_t at_least = acknowledged;
    auto reader = OpenEngine(At(directory.path(), OpenMode::kReadOnly));
    ASSERT_THAT(reader, IsOk());
    if (at_least == 0) continue;
    ASSERT_OK_AND_ASSIGN(const auto logs, log::HeldLogs(**reader));
    ASSERT_EQ(logs.size(), 1u);
    const Position size = logs[0].head.frontier.size();
    EXPECT_GE(size.value(), at_least);
    ASSERT_OK_AND_ASSIGN(auto entries,
                         log::EntryReader::Make(**reader, kOwnLog, Position(0), true));
    uint64_t count = 0;
    while (true) {
      const auto entry = entries->Next();
      ASSERT_THAT(entry, IsOk());
      if (!entry->has_value()) break;
      ASSERT_EQ((*entry)->position, Position(count));
      ++count;
    }
    EXPECT_EQ(count, size.value());
    EXPECT_THAT((*reader)->ClearIndex(), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

// Small commits as fast as they go: the last record is nearly always being written while a reader looks at it.
TEST(Open, AReaderBesideAWriterAtFullSpeedNeverTakesAnUnfinishedWriteForDamage) {
  const TempDirectory directory;
  EngineOptions options = At(directory.path());
  options.write_buffer_bytes = 16 << 20;
  ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(options));
  const auto signer = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
  ASSERT_OK_AND_ASSIGN(auto origin, OriginName::Parse(kTestOrigin));
  ASSERT_OK_AND_ASSIGN(
      auto log, log::Log::Open(*engine, {origin, SystemClock(), SystemRandom(), signer.get()},
                               log::kTestCurveKey));
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> acknowledged = log->size().value();
  std::thread writer([&] {
    for (uint64_t id = 1; !stop; ++id) {
      log::AppendRequest request = log::One(log::TestEntry(id, id % 50));
      // Now and then one of several blocks.
      const size_t bytes = id % 7 == 0 ? 70'000 : 200;
      request.entries[0].sections = {log::TestSection(SectionKind::kService, "s", bytes)};
      ASSERT_THAT(log::AppendOne(*log, request).status, IsOk());
      acknowledged = log->size().value();
    }
  });
  options.mode = OpenMode::kReadOnly;
  for (int round = 0; round < 200; ++round) {
    options.for_verification = round % 2 == 1;
    const uint64_t at_least = acknowledged;
    const auto reader = OpenEngine(options);
    EXPECT_THAT(reader, IsOk()) << "in round " << round;
    if (!reader.ok()) break;
    const auto logs = log::HeldLogs(**reader);
    EXPECT_THAT(logs, IsOk());
    EXPECT_GE(logs->front().head.frontier.size().value(), at_least);
  }
  stop = true;
  writer.join();
  std::cout << acknowledged << " commits meanwhile\n";
}

TEST(Open, WhateverTheShellSaysNobodyElseReadsTheFiles) {
  const TempDirectory directory;
  const std::string below = directory.path() + "/data";
  const mode_t before = umask(0);
  {
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(below)));
    const log::KeyValue record("c1", "kept");
    ASSERT_THAT(engine->WriteRecords({&record, 1}, true), IsOk());
  }
  umask(0);
  // The second opening writes what the first one left in its log to a table.
  ASSERT_THAT(OpenEngine(At(below)), IsOk());
  umask(before);
  bool table = false;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory.path())) {
    table = table || file.path().extension() == ".sst";
    EXPECT_EQ(file.status().permissions() &
                  (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none)
        << file.path();
  }
  EXPECT_TRUE(table);
}

}  // namespace
}  // namespace polku::rocks
