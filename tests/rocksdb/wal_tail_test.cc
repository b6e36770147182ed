// Damage to the write-ahead log: torn tails open, damage to acknowledged data is told.
#include "eventstore/rocksdb/wal_tail.h"

#include <fstream>

#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::rocks {
namespace {

namespace fs = std::filesystem;
using log::kTestOrigin;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void WriteFile(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A database whose entries are all in its write-ahead log, as after kill -9: a copy of the
// directory while it is open. `sizes[i]` is the log file's size after append i + 1.
class WalTail : public ::testing::Test {
 protected:
  void SetUp() override {
    signer_ = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
    const TempDirectory live;
    EngineOptions options;
    options.directory = live.path();
    auto engine = OpenEngine(options);
    ASSERT_THAT(engine, IsOk());
    auto log = Open(**engine);
    ASSERT_THAT(log, IsOk());
    for (uint64_t id = 1; id <= 6; ++id) {
      log::AppendRequest request = log::One(log::TestEntry(id, 1));
      // The fourth spans several 32 KiB blocks of the log.
      const size_t bytes = id == 4 ? 100'000 : 300;
      request.entries[0].sections = {log::TestSection(SectionKind::kService, "s", bytes)};
      ASSERT_THAT(log::AppendOne(**log, request).status, IsOk());
      sizes_.push_back(fs::file_size(Wal(live.path())));
    }
    fs::copy(live.path(), crashed_.path(), fs::copy_options::recursive);
    wal_ = ReadFile(Wal(crashed_.path()));
    ASSERT_EQ(wal_.size(), sizes_.back());
  }
  absl::StatusOr<std::unique_ptr<log::Log>> Open(log::Engine& engine) {
    return log::Log::Open(
        engine, {*OriginName::Parse(kTestOrigin), SystemClock(), SystemRandom(), signer_.get()},
        log::kTestCurveKey);
  }
  static fs::path Wal(const std::string& directory) {
    fs::path newest;
    for (const auto& file : fs::directory_iterator(directory)) {
      if (file.path().extension() == ".log" && file.path() > newest) newest = file.path();
    }
    return newest;
  }
  // The log's size when opened with this write-ahead log, by readers and then by the writer; DataLoss and others as
  // they come, alike from all.
  absl::StatusOr<uint64_t> OpenWith(const std::string& wal) {
    const TempDirectory copy;
    fs::copy(crashed_.path(), copy.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    WriteFile(Wal(copy.path()), wal);
    const absl::StatusOr<uint64_t> read = ReadSize(copy.path(), false);
    EXPECT_EQ(ReadSize(copy.path(), true), read);
    const absl::StatusOr<uint64_t> written = WriteSize(copy.path());
    if (written.ok()) {
      EXPECT_THAT(read, testing::IsOkAndHolds(*written));
    } else {
      EXPECT_EQ(read.status(), written.status());
    }
    return written;
  }
  static absl::StatusOr<uint64_t> ReadSize(const std::string& directory, bool for_verification) {
    EngineOptions options;
    options.directory = directory;
    options.mode = OpenMode::kReadOnly;
    options.for_verification = for_verification;
    auto engine = OpenEngine(options);
    if (!engine.ok()) return engine.status();
    const auto logs = log::HeldLogs(**engine);
    if (!logs.ok()) return logs.status();
    return logs->empty() ? 0 : logs->front().head.frontier.size().value();
  }
  absl::StatusOr<uint64_t> WriteSize(const std::string& directory) {
    EngineOptions options;
    options.directory = directory;
    auto engine = OpenEngine(options);
    if (!engine.ok()) return engine.status();
    auto log = Open(**engine);
    if (!log.ok()) return log.status();
    // It must also work: append, and read everything.
    const auto result = log::AppendOne(**log, log::One(log::TestEntry(100, 1)));
    if (!result.status.ok()) return result.status;
    auto reader = log::EntryReader::Make(**engine, kOwnLog, Position(0), true);
    uint64_t count = 0;
    while (true) {
      auto entry = (*reader)->Next();
      if (!entry.ok()) return entry.status();
      if (!entry->has_value()) break;
      ++count;
    }
    return count - 1;
  }

  const TempDirectory crashed_;
  std::unique_ptr<proof::Signer> signer_;
  std::vector<size_t> sizes_;
  std::string wal_;
};

TEST_F(WalTail, AWholeLogOpensWithEverything) {
  ASSERT_OK_AND_ASSIGN(const uint64_t size, OpenWith(wal_));
  EXPECT_EQ(size, 7u);
  ASSERT_OK_AND_ASSIGN(const WalState state, ReadWals(crashed_.path()));
  EXPECT_FALSE(state.damaged);
}

TEST_F(WalTail, ALogCutAnywhereInItsLastWriteOpensWithoutThatWrite) {
  testing::SeededGenerator generator(testing::TestSeed());
  // The last append, and the one of several blocks as if it had been the last.
  for (const size_t last : {size_t{5}, size_t{3}}) {
    for (int i = 0; i < 12; ++i) {
      const size_t begin = sizes_[last - 1];
      const size_t cut = begin + generator.Below(sizes_[last] - begin);
      ASSERT_OK_AND_ASSIGN(const uint64_t size, OpenWith(wal_.substr(0, cut)));
      EXPECT_EQ(size, last + 1) << "cut at " << cut;
    }
  }
}

TEST_F(WalTail, AHalfWrittenPageInTheLastWriteOpensWithoutThatWrite) {
  testing::SeededGenerator generator(testing::TestSeed());
  const std::string until_fourth = wal_.substr(0, sizes_[3]);
  for (int i = 0; i < 12; ++i) {
    std::string torn = until_fourth;
    // Pages reach the disk in any order: one in the middle is still zero.
    const size_t at = sizes_[2] + 4'096 + generator.Below(sizes_[3] - sizes_[2] - 8'192);
    torn.replace(at, 4'096, std::string(4'096, '\0'));
    ASSERT_OK_AND_ASSIGN(const uint64_t size, OpenWith(torn));
    EXPECT_EQ(size, 4u) << "zeros at " << at;
  }
}

TEST_F(WalTail, ADamagedByteBeforeTheLastWriteIsDataLossAndNeverSkipped) {
  testing::SeededGenerator generator(testing::TestSeed());
  for (int i = 0; i < 25; ++i) {
    std::string bad = wal_;
    const size_t at = sizes_[0] + generator.Below(sizes_[4] - sizes_[0]);
    bad[at] = static_cast<char>(bad[at] ^ (1 << generator.Below(8)));
    EXPECT_THAT(OpenWith(bad), StatusIs(absl::StatusCode::kDataLoss)) << "flipped at " << at;
  }
}

TEST_F(WalTail, TheLogAndThePlaceOfTheDamageAreSaid) {
  std::string bad = wal_;
  bad[sizes_[0] + 100] ^= 0x10;
  EXPECT_THAT(OpenWith(bad),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(Wal(crashed_.path()).filename().string()),
                             HasSubstr(Str("damaged at byte ", sizes_[0])), HasSubstr("corrupt"))));
}

// What RocksDB's own reading takes for the end of the log, or for space that was never written.
TEST_F(WalTail, DamageThatRocksDbPassesOverIsDataLoss) {
  std::string beyond_the_end = wal_;
  beyond_the_end[sizes_[4] + 5] = static_cast<char>(0xff);  // the length of the last append's record …
  ASSERT_OK_AND_ASSIGN(const uint64_t size, OpenWith(beyond_the_end));
  EXPECT_EQ(size, 6u) << "… which cannot be told from a torn one";
  beyond_the_end = wal_;
  beyond_the_end[sizes_[3] + 5] = static_cast<char>(0xff);  // … and of the one before
  EXPECT_THAT(OpenWith(beyond_the_end), StatusIs(absl::StatusCode::kDataLoss));
  std::string zeros = wal_;
  zeros.replace(sizes_[1], sizes_[2] - sizes_[1], std::string(sizes_[2] - sizes_[1], '\0'));
  EXPECT_THAT(OpenWith(zeros), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(WalTail, ADamagedLogThatIsNoLongerNeededKeepsNothingFromOpening) {
  const fs::path name = Wal(crashed_.path()).filename();
  ASSERT_THAT(WriteSize(crashed_.path()), testing::IsOkAndHolds(7u));  // writes all of it to tables
  ASSERT_NE(Wal(crashed_.path()).filename(), name);
  wal_[sizes_[0] + 100] ^= 0x10;
  WriteFile(fs::path(crashed_.path()) / name, wal_);
  EXPECT_THAT(ReadSize(crashed_.path(), false), testing::IsOkAndHolds(8u));
  EXPECT_THAT(ReadSize(crashed_.path(), true), testing::IsOkAndHolds(8u));
  EXPECT_THAT(WriteSize(crashed_.path()), IsOk());
}

}  // namespace
}  // namespace polku::rocks
