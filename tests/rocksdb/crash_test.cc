// A real process is killed at random instants; what it acknowledged must be there, once.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <set>
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
using testing::IsOk;

EngineOptions At(const std::string& directory) {
  EngineOptions options;
  options.directory = directory;
  options.write_buffer_bytes = 256 << 10;  // flushes and compactions are killed too
  return options;
}

struct Ack {
  uint64_t id;
  uint64_t position;
};

// Appends as fast as it can, with several threads, and writes an Ack for every acknowledged entry.
[[noreturn]] void RunChild(const std::string& directory, const std::string& key, uint64_t first_id,
                           int acks) {
  auto engine = OpenEngine(At(directory));
  const auto signer = proof::Signer::Parse(key, proof::KeyUse::kCheckpoint);
  if (!engine.ok() || !signer.ok()) _exit(10);
  auto log = log::Log::Open(
      **engine, {*OriginName::Parse(kTestOrigin), SystemClock(), SystemRandom(), signer->get()},
      log::kTestCurveKey);
  if (!log.ok()) _exit(11);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t n = 0;; ++n) {
        log::AppendRequest request;
        for (uint64_t i = 0; i <= n % 4; ++i) {
          const uint64_t id = first_id + (n * 4 + i) * 3 + t;
          log::NewEntry entry = log::TestEntry(id, id % 17);
          if (n % 2 == 0) {
            entry.sections = {log::TestSection(SectionKind::kService, "s", 100 + n % 3'000)};
          }
          entry.disclosures.push_back({"FI/COM/1/a", {}, Position(0)});
          request.entries.push_back(std::move(entry));
        }
        const log::AppendResult result = log::AppendOne(**log, request);
        if (!result.status.ok()) _exit(12);
        for (size_t i = 0; i < result.receipts.size(); ++i) {
          const log::Receipt& receipt = result.receipts[i];
          const Ack ack{ReadBigEndian64(receipt.id.view().data() + 8), receipt.position.value()};
          if (write(acks, &ack, sizeof ack) != sizeof ack) _exit(13);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  _exit(14);
}

TEST(CrashChild, DISABLED_AppendsUntilKilled) {
  RunChild(ChildArgument("CHILD_DIRECTORY"), ChildArgument("CHILD_KEY"),
           std::strtoull(ChildArgument("CHILD_FIRST_ID").c_str(), nullptr, 10),
           std::atoi(ChildArgument("CHILD_ACKS").c_str()));
}

// Every index entry is exactly what a rebuild makes.
void CheckIndex(log::Engine& engine) {
  const auto before = log::WholeIndex(engine);
  ASSERT_THAT(log::RebuildIndex(engine, nullptr), IsOk());
  EXPECT_EQ(log::WholeIndex(engine), before);
}

TEST(Crash, EveryAcknowledgedEntryIsThereOnceAfterKillAtAnyInstant) {
  testing::SeededGenerator generator(testing::TestSeed());
  const TempDirectory directory;
  const std::string key = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint)->SecretText();
  const auto signer = proof::Signer::Parse(key, proof::KeyUse::kCheckpoint);
  ASSERT_THAT(signer, IsOk());
  std::map<uint64_t, uint64_t> acknowledged;  // id → position
  constexpr int kKills = 12;
  for (int round = 0; round < kKills; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = SpawnTest("CrashChild.DISABLED_AppendsUntilKilled",
                                  {{"CHILD_DIRECTORY", directory.path()},
                                   {"CHILD_KEY", key},
                                   {"CHILD_FIRST_ID", std::to_string(1'000'000 * (round + 1))},
                                   {"CHILD_ACKS", std::to_string(pipe_ends[1])}});
    ASSERT_GE(child, 0);
    close(pipe_ends[1]);
    std::thread reader([&] {
      Ack ack{};
      while (read(pipe_ends[0], &ack, sizeof ack) == sizeof ack)
        acknowledged[ack.id] = ack.position;
    });
    // Long enough to open now and then, short enough to be killed amid opening too.
    std::this_thread::sleep_for(std::chrono::microseconds(generator.Below(400'000)));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, code " << WEXITSTATUS(status);
    reader.join();
    close(pipe_ends[0]);

    auto engine = OpenEngine(At(directory.path()));
    ASSERT_THAT(engine, IsOk());
    ASSERT_OK_AND_ASSIGN(auto log, log::Log::Open(**engine,
                                                  {*OriginName::Parse(kTestOrigin), SystemClock(),
                                                   SystemRandom(), signer->get()},
                                                  log::kTestCurveKey));
    ASSERT_OK_AND_ASSIGN(auto entries,
                         log::EntryReader::Make(**engine, kOwnLog, Position(0), true));
    std::map<uint64_t, uint64_t> held;
    std::vector<Hash> leaves;
    uint64_t running_number = 0;
    while (true) {
      const auto entry = entries->Next();
      ASSERT_THAT(entry, IsOk());
      if (!entry->has_value()) break;
      ASSERT_EQ((*entry)->position, Position(leaves.size()));
      leaves.push_back(proof::LeafHash((*entry)->leaf));
      if ((*entry)->position == Position(0)) continue;
      const uint64_t id = ReadBigEndian64((*entry)->header->event_id().data() + 8);
      ASSERT_TRUE(held.emplace(id, (*entry)->position.value()).second)
          << "event " << id << " twice";
      ASSERT_EQ((*entry)->header->disclosures(0).number(), ++running_number);
    }
    for (const auto& [id, position] : acknowledged) {
      ASSERT_EQ(held.count(id), 1u) << "acknowledged event " << id << " is lost, round " << round;
      ASSERT_EQ(held[id], position);
    }
    ASSERT_OK_AND_ASSIGN(const auto checkpoint,
                         proof::VerifyCheckpoint(log->checkpoint(), (*signer)->verifier()));
    EXPECT_EQ(checkpoint.size, Position(leaves.size()));
    EXPECT_EQ(checkpoint.root, log::NaiveRoot(leaves, 0, leaves.size()));
    log.reset();
    CheckIndex(**engine);
  }
  EXPECT_GT(acknowledged.size(), 100u) << "the children got nowhere: the test proved nothing";
  std::cout << acknowledged.size() << " acknowledged entries survived " << kKills << " kills\n";
}

// Writes records without a sync between synced appends and tells how many came before each append.
[[noreturn]] void RunRecordsChild(const std::string& directory, const std::string& key,
                                  uint64_t first, int acks) {
  auto engine = OpenEngine(At(directory));
  const auto signer = proof::Signer::Parse(key, proof::KeyUse::kCheckpoint);
  if (!engine.ok() || !signer.ok()) _exit(10);
  auto log = log::Log::Open(
      **engine, {*OriginName::Parse(kTestOrigin), SystemClock(), SystemRandom(), signer->get()},
      log::kTestCurveKey);
  if (!log.ok()) _exit(11);
  for (uint64_t n = first;; ++n) {
    std::string name = "c";
    AppendBigEndian64(name, n);
    const log::KeyValue record(name, std::string(1 + n % 2'000, 'r'));
    if (!(*engine)->WriteRecords({&record, 1}, /*sync=*/false).ok()) _exit(12);
    if (n % 5 != 0) continue;
    if (!log::AppendOne(**log, log::One(log::TestEntry(n, n % 17))).status.ok()) _exit(13);
    if (write(acks, &n, sizeof n) != sizeof n) _exit(14);
  }
}

TEST(CrashChild, DISABLED_KeepsRecordsUntilKilled) {
  RunRecordsChild(ChildArgument("CHILD_DIRECTORY"), ChildArgument("CHILD_KEY"),
                  std::strtoull(ChildArgument("CHILD_FIRST_ID").c_str(), nullptr, 10),
                  std::atoi(ChildArgument("CHILD_ACKS").c_str()));
}

TEST(Crash, RecordsWrittenBeforeAnAcknowledgedAppendAreThereAfterAKillAndNoneIsMissingBetween) {
  testing::SeededGenerator generator(testing::TestSeed());
  const TempDirectory directory;
  const std::string key =
      proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint)->SecretText();
  uint64_t held = 0;
  uint64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = SpawnTest("CrashChild.DISABLED_KeepsRecordsUntilKilled",
                                  {{"CHILD_DIRECTORY", directory.path()},
                                   {"CHILD_KEY", key},
                                   {"CHILD_FIRST_ID", std::to_string(held + 1)},
                                   {"CHILD_ACKS", std::to_string(pipe_ends[1])}});
    ASSERT_GE(child, 0);
    close(pipe_ends[1]);
    std::thread reader([&] {
      uint64_t n = 0;
      while (read(pipe_ends[0], &n, sizeof n) == sizeof n) acknowledged = n;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(200'000 + generator.Below(400'000)));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, code " << WEXITSTATUS(status);
    reader.join();
    close(pipe_ends[0]);

    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(At(directory.path())));
    held = 0;
    auto records = engine->RecordScan("c");
    while (true) {
      ASSERT_OK_AND_ASSIGN(const auto record, records->Next());
      if (!record) break;
      ++held;
      ASSERT_EQ(ReadBigEndian64(record->first.data() + 1), held) << "one is missing";
      EXPECT_EQ(record->second.size(), 1 + held % 2'000);
    }
    EXPECT_GE(held, acknowledged);
  }
  EXPECT_GT(acknowledged, 20u) << "the children got nowhere: the test proved nothing";
}

}  // namespace
}  // namespace polku::rocks
