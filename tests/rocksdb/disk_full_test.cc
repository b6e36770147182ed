// A disk that is really full: a small tmpfs.
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::rocks {
namespace {

using log::kTestOrigin;
using testing::IsOk;
using testing::StatusIs;

class DiskFull : public ::testing::Test {
 protected:
  void SetUp() override {
    if (mount("none", disk_.path().c_str(), "tmpfs", 0, "size=24m") != 0) {
      GTEST_SKIP() << "SKIPPED: mounting a tmpfs needs root; the full disk was NOT tested";
    }
    mounted_ = true;
    signer_ = proof::Signer::Generate(std::string(kTestOrigin));
  }
  void TearDown() override {
    log_.reset();
    engine_.reset();
    if (mounted_) {
      EXPECT_EQ(umount(disk_.path().c_str()), 0);
    }
  }
  void Open() {
    log_.reset();
    engine_.reset();
    EngineOptions options;
    options.directory = disk_.path() + "/log";
    options.write_buffer_bytes = 2 << 20;
    auto engine = OpenEngine(options);
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
    auto log = log::Log::Open(*engine_, {*OriginName::Parse(kTestOrigin), SystemClock(),
                                         SystemRandom(), signer_.get()},
                              log::kTestCurveKey);
    ASSERT_THAT(log, IsOk());
    log_ = *std::move(log);
  }
  // Takes what is left of the disk.
  void Fill() {
    std::ofstream ballast(disk_.path() + "/ballast", std::ios::binary | std::ios::app);
    const std::string block(4'096, 'x');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void Free() { ASSERT_EQ(unlink((disk_.path() + "/ballast").c_str()), 0); }

  static log::AppendRequest Request(uint64_t id, size_t blob_bytes = 20'000) {
    log::AppendRequest request = log::One(log::TestEntry(id, id % 5));
    request.entries[0].sections = {log::TestSection(SectionKind::kService, "s", blob_bytes)};
    return request;
  }
  absl::Status Append(uint64_t id) {
    const log::AppendResult result = log::AppendOne(*log_, Request(id));
    if (result.status.ok()) acknowledged_.push_back(id);
    return result.status;
  }
  void CheckAllThere() {
    ASSERT_OK_AND_ASSIGN(auto reader, log::EntryReader::Make(*engine_, kOwnLog, Position(0), true));
    std::vector<uint64_t> held;
    while (true) {
      const auto entry = reader->Next();
      ASSERT_THAT(entry, IsOk());
      if (!entry->has_value()) break;
      if ((*entry)->position == Position(0)) continue;
      held.push_back(ReadBigEndian64((*entry)->header->event_id().data() + 8));
    }
    EXPECT_EQ(held, acknowledged_);
  }

  const TempDirectory disk_;
  bool mounted_ = false;
  std::unique_ptr<proof::Signer> signer_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<log::Log> log_;
  std::vector<uint64_t> acknowledged_;
};

TEST_F(DiskFull, AppendsAreRefusedAndGoOnWhenThereIsRoomWithoutReopening) {
  Open();
  uint64_t id = 1;
  for (; id <= 20; ++id) ASSERT_THAT(Append(id), IsOk());
  for (int round = 0; round < 4; ++round) {
    Fill();
    int refused = 0;
    // What the write-ahead log had allocated already may still take some.
    for (int i = 0; i < 400 && refused < 5; ++i, ++id) {
      const absl::Status status = Append(id);
      if (status.ok()) continue;
      ASSERT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
      ++refused;
    }
    ASSERT_EQ(refused, 5) << "the disk never filled";
    const uint64_t refused_id = id - 1;
    CheckAllThere();
    Free();
    ASSERT_THAT(Append(refused_id), IsOk()) << "round " << round;
    for (int i = 0; i < 10; ++i, ++id) ASSERT_THAT(Append(id), IsOk());
    CheckAllThere();
  }
  Open();
  CheckAllThere();
  const log::AppendResult repeated = log::AppendOne(*log_, Request(acknowledged_.back()));
  ASSERT_THAT(repeated.status, IsOk());
  EXPECT_TRUE(repeated.receipts[0].repeated);
}

TEST_F(DiskFull, AfterAFullDiskTheDatabaseOpensAgainWithEverythingAcknowledged) {
  Open();
  uint64_t id = 1;
  for (; id <= 20; ++id) ASSERT_THAT(Append(id), IsOk());
  Fill();
  absl::Status status;
  for (int i = 0; i < 400 && status.ok(); ++i) status = Append(id++);
  ASSERT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  log_.reset();
  engine_.reset();
  Free();
  Open();
  CheckAllThere();
  EXPECT_THAT(Append(id), IsOk());
}

TEST_F(DiskFull, OpeningOnAFullDiskSaysSo) {
  Fill();
  EngineOptions options;
  options.directory = disk_.path() + "/log";
  EXPECT_THAT(OpenEngine(options), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace polku::rocks
