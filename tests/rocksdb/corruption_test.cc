// Flipped bytes in table files and in stored values: always reported, with the place, never
// skipped.
#include <rocksdb/db.h>

#include <fstream>

#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::rocks {
namespace {

namespace fs = std::filesystem;
using log::kTestOrigin;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr uint64_t kEntries = 400;

class Corruption : public ::testing::Test {
 protected:
  void SetUp() override {
    signer_ = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
    auto engine = OpenEngine(Options());
    ASSERT_THAT(engine, IsOk());
    auto log = OpenLog(**engine);
    ASSERT_THAT(log, IsOk());
    testing::SeededGenerator generator(1);
    for (uint64_t id = 1; id < kEntries;) {
      log::AppendRequest request;
      for (int i = 0; i < 10 && id < kEntries; ++i, ++id) {
        log::NewEntry entry = log::TestEntry(id, id % 9);
        entry.author_official = ToHex(generator.Bytes(100));  // does not compress to nothing
        entry.sections = {log::TestSection(SectionKind::kService, "s", 200)};
        request.entries.push_back(std::move(entry));
      }
      ASSERT_THAT(log::AppendOne(**log, request).status, IsOk());
    }
  }
  EngineOptions Options() const {
    EngineOptions options;
    options.directory = directory_.path();
    return options;
  }
  absl::StatusOr<std::unique_ptr<log::Log>> OpenLog(log::Engine& engine) {
    return log::Log::Open(
        engine, {*OriginName::Parse(kTestOrigin), SystemClock(), SystemRandom(), signer_.get()},
        log::kTestCurveKey);
  }
  struct RawDatabase {
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    std::vector<std::string> names;
    rocksdb::DB* db = nullptr;
    rocksdb::ColumnFamilyHandle* family(std::string_view name) {
      for (size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return handles[i];
      }
      ADD_FAILURE() << name;
      return nullptr;
    }
    ~RawDatabase() {
      for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
      delete db;
    }
  };
  std::unique_ptr<RawDatabase> OpenRaw() {
    auto raw = std::make_unique<RawDatabase>();
    rocksdb::Options options;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies(options, directory_.path(), &raw->names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : raw->names) families.emplace_back(name, options);
    EXPECT_TRUE(
        rocksdb::DB::Open(options, directory_.path(), families, &raw->handles, &raw->db).ok());
    return raw;
  }
  static std::string Key(uint64_t position) {
    std::string key;
    AppendBigEndian32(key, 0);
    AppendBigEndian64(key, position);
    return key;
  }
  // Reads everything; the status is the first error. Checks that nothing before it is skipped.
  static absl::StatusOr<uint64_t> ReadAll(log::Engine& engine) {
    auto reader = log::EntryReader::Make(engine, kOwnLog, Position(0), true);
    if (!reader.ok()) return reader.status();
    for (uint64_t count = 0;; ++count) {
      auto entry = (*reader)->Next();
      if (!entry.ok()) return entry.status();
      if (!entry->has_value()) return count;
      EXPECT_EQ((*entry)->position, Position(count));
      EXPECT_EQ((*entry)->blobs.size(), count == 0 ? 0u : 1u);
    }
  }

  const TempDirectory directory_;
  std::unique_ptr<proof::Signer> signer_;
};

TEST_F(Corruption, AFlippedByteInAStoredGroupIsReportedWithItsPosition) {
  // Groups start at 0 (Genesis), 1, 11, 21 …
  for (const char* family : {"entries", "blobs"}) {
    std::string original;
    {
      auto raw = OpenRaw();
      ASSERT_TRUE(raw->db->Get({}, raw->family(family), Key(21), &original).ok());
      std::string bad = original;
      bad[bad.size() / 2] ^= 0x40;
      ASSERT_TRUE(raw->db->Put({}, raw->family(family), Key(21), bad).ok());
    }
    {
      ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(Options()));
      EXPECT_THAT(ReadAll(*engine),
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log 0 position 21")));
      log::EntryFetcher fetcher(*engine);
      EXPECT_THAT(fetcher.Fetch(kOwnLog, Position(25), true),
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr("position 21")));
      EXPECT_THAT(fetcher.Fetch(kOwnLog, Position(31), true), IsOk()) << "the others stay readable";
    }
    auto raw = OpenRaw();
    ASSERT_TRUE(raw->db->Put({}, raw->family(family), Key(21), original).ok());
  }
  ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(Options()));
  EXPECT_THAT(ReadAll(*engine), testing::IsOkAndHolds(kEntries));
}

TEST_F(Corruption, AMissingGroupIsReportedAndNotSkipped) {
  {
    auto raw = OpenRaw();
    ASSERT_TRUE(raw->db->Delete({}, raw->family("entries"), Key(21)).ok());
  }
  ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(Options()));
  const auto lost = StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log 0 position 21"));
  EXPECT_THAT(ReadAll(*engine), lost);
  log::EntryFetcher fetcher(*engine);
  EXPECT_THAT(fetcher.Fetch(kOwnLog, Position(21), false), lost);
  ASSERT_OK_AND_ASSIGN(auto cursor, engine->Scan(kOwnLog, Position(23), false));
  EXPECT_THAT(cursor->Next(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(log::RebuildIndex(*engine, nullptr), lost);
}

TEST_F(Corruption, AMissingLastGroupOrADamagedHeadKeepsTheLogFromOpening) {
  {
    auto raw = OpenRaw();
    std::string last;
    ASSERT_TRUE(raw->db->Get({}, raw->family("entries"), Key(391), &last).ok());
    ASSERT_TRUE(raw->db->Delete({}, raw->family("entries"), Key(391)).ok());
  }
  {
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(Options()));
    EXPECT_THAT(OpenLog(*engine), StatusIs(absl::StatusCode::kDataLoss));
  }
  {
    auto raw = OpenRaw();
    std::string key;
    AppendBigEndian32(key, 0);
    std::string head;
    ASSERT_TRUE(raw->db->Get({}, raw->family("heads"), key, &head).ok());
    head[10] ^= 1;
    ASSERT_TRUE(raw->db->Put({}, raw->family("heads"), key, head).ok());
  }
  EXPECT_THAT(OpenEngine(Options()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log 0")));
}

TEST_F(Corruption, AFlippedByteInATableFileIsNeverReadAsGood) {
  {
    // Everything into table files, so that the write-ahead log repairs nothing.
    auto raw = OpenRaw();
    for (auto* family : raw->handles) {
      ASSERT_TRUE(raw->db->Flush(rocksdb::FlushOptions(), family).ok());
    }
  }
  std::map<std::string, std::string> index;
  {
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(Options()));
    ASSERT_THAT(ReadAll(*engine), testing::IsOkAndHolds(kEntries));
    index = log::WholeIndex(*engine);
  }
  testing::SeededGenerator generator(testing::TestSeed());
  std::vector<fs::path> tables;
  for (const auto& file : fs::directory_iterator(directory_.path())) {
    if (file.path().extension() == ".sst") tables.push_back(file.path());
  }
  ASSERT_GE(tables.size(), 5u);
  int reported = 0;
  for (int i = 0; i < 60; ++i) {
    const fs::path& table = tables[generator.Below(tables.size())];
    const size_t at = generator.Below(fs::file_size(table));
    const TempDirectory copy;
    fs::copy(directory_.path(), copy.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    {
      std::fstream file(copy.path() + "/" + table.filename().string(),
                        std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get() ^ (1 << generator.Below(8)));
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
    }
    EngineOptions options = Options();
    options.directory = copy.path();
    const auto engine = OpenEngine(options);
    if (!engine.ok()) {
      EXPECT_THAT(engine, StatusIs(absl::StatusCode::kDataLoss));
      ++reported;
      continue;
    }
    // Whatever is not reported must have been read right.
    const auto count = ReadAll(**engine);
    if (count.ok()) {
      EXPECT_EQ(*count, kEntries);
    } else {
      EXPECT_THAT(count, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("log 0 position")));
    }
    std::map<std::string, std::string> read;
    absl::Status index_status;
    auto cursor = (*engine)->IndexScan("");
    while (true) {
      auto entry = cursor->Next();
      if (!entry.ok()) index_status = entry.status();
      if (!entry.ok() || !entry->has_value()) break;
      read.insert(**entry);
    }
    if (index_status.ok()) {
      EXPECT_EQ(read, index) << "flip in " << table.filename() << " at " << at;
    } else {
      EXPECT_THAT(index_status, StatusIs(absl::StatusCode::kDataLoss));
    }
    if (!count.ok() || !index_status.ok()) ++reported;
  }
  std::cout << reported << " of 60 flips were in bytes that were read, and reported\n";
  EXPECT_GT(reported, 10) << "flips that nothing noticed prove nothing";
}

}  // namespace
}  // namespace polku::rocks
