#include "services/host/high_water.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/log/log.h"
#include "eventstore/log/memory_engine.h"
#include "gtest/gtest.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

const absl::Time kNow = absl::FromUnixSeconds(1'760'000'000);

class HighWaterTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/high-water.note"; }
  std::string Note(uint64_t size, const proof::Signer& signer) const {
    return signer.Sign({std::string(log::kTestOrigin), Position(size), proof::EmptyRoot()});
  }
  std::string Note(uint64_t size) const { return Note(size, *signer_); }
  std::string Content() const {
    auto content = ReadFile(path(), 1 << 20);
    return content.ok() ? *content : std::string(content.status().message());
  }

  rocks::TempDirectory directory_;
  const std::unique_ptr<proof::Signer> signer_ =
      proof::Signer::Generate(std::string(log::kTestOrigin), proof::KeyUse::kCheckpoint);
};

TEST_F(HighWaterTest, ThereIsNoMarkBeforeTheFirstNote) {
  HighWater mark(directory_.path());
  EXPECT_THAT(mark.Read(signer_->verifier(), signer_->verifier()), IsOkAndHolds(""));
  EXPECT_EQ(mark.NextWrite(), absl::InfiniteFuture());
}

TEST_F(HighWaterTest, WhatWasWrittenIsReadByTheNextRun) {
  ASSERT_OK(HighWater(directory_.path()).Write(Note(7), Position(7), kNow, false));
  EXPECT_THAT(HighWater(directory_.path()).Read(signer_->verifier(), signer_->verifier()), IsOkAndHolds(Note(7)));
}

TEST_F(HighWaterTest, NotesThatComeWithinASecondWaitForItsEnd) {
  HighWater mark(directory_.path());
  ASSERT_OK(mark.Write(Note(1), Position(1), kNow, false));
  ASSERT_OK(mark.Write(Note(2), Position(2), kNow + absl::Milliseconds(300), false));
  ASSERT_OK(mark.Write(Note(3), Position(3), kNow + absl::Milliseconds(999), false));
  EXPECT_EQ(Content(), Note(1));
  EXPECT_EQ(mark.NextWrite(), kNow + absl::Seconds(1));
  // The same note again is how the host says that the time has come.
  ASSERT_OK(mark.Write(Note(3), Position(3), kNow + absl::Seconds(1), false));
  EXPECT_EQ(Content(), Note(3));
  EXPECT_EQ(mark.NextWrite(), absl::InfiniteFuture());
}

TEST_F(HighWaterTest, AtTheEndOfARunTheNewestIsWrittenAtOnce) {
  HighWater mark(directory_.path());
  ASSERT_OK(mark.Write(Note(1), Position(1), kNow, false));
  ASSERT_OK(mark.Write(Note(2), Position(2), kNow, true));
  EXPECT_EQ(Content(), Note(2));
}

TEST_F(HighWaterTest, AnOlderNoteNeverReplacesANewerOne) {
  HighWater mark(directory_.path());
  ASSERT_OK(mark.Write(Note(9), Position(9), kNow, true));
  ASSERT_OK(mark.Write(Note(8), Position(8), kNow + absl::Seconds(5), true));
  EXPECT_EQ(Content(), Note(9));
  // Nor one that an earlier run wrote: a service that was started on an old copy must not hide it.
  HighWater next(directory_.path());
  ASSERT_OK(next.Write(Note(3), Position(3), kNow, true));
  EXPECT_EQ(Content(), Note(9));
  ASSERT_OK(next.Write(Note(10), Position(10), kNow + absl::Seconds(2), false));
  EXPECT_EQ(Content(), Note(10));
}

TEST_F(HighWaterTest, AFileThatWasBrokenOffWhileWrittenDoesNoHarm) {
  ASSERT_OK(HighWater(directory_.path()).Write(Note(4), Position(4), kNow, true));
  ASSERT_OK(WriteNewFile(path() + ".new", Note(5).substr(0, 20), 0644));
  HighWater mark(directory_.path());
  EXPECT_THAT(mark.Read(signer_->verifier(), signer_->verifier()), IsOkAndHolds(Note(4)));
  ASSERT_OK(mark.Write(Note(6), Position(6), kNow, false));
  EXPECT_THAT(mark.Read(signer_->verifier(), signer_->verifier()), IsOkAndHolds(Note(6)));
}

TEST_F(HighWaterTest, AFileThatIsNoNoteOfThisKeyIsDamage) {
  HighWater mark(directory_.path());
  const auto stranger =
      proof::Signer::Generate(std::string(log::kTestOrigin), proof::KeyUse::kCheckpoint);
  const std::string good = Note(4);
  std::string altered = good;
  altered[log::kTestOrigin.size() + 1] = '5';
  for (const std::string& content :
       {std::string("rubbish\n"), std::string(), Note(4, *stranger), altered,
        good.substr(0, good.size() - 5), std::string(100'000, 'x')}) {
    std::filesystem::remove(path());
    ASSERT_OK(WriteNewFile(path(), content, 0644));
    EXPECT_THAT(mark.Read(signer_->verifier(), signer_->verifier()),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("high-water.note")));
  }
}

TEST_F(HighWaterTest, WritingOverWhatIsNoNoteIsRefused) {
  ASSERT_OK(WriteNewFile(path(), "rubbish\n", 0644));
  HighWater mark(directory_.path());
  EXPECT_THAT(mark.Write(Note(4), Position(4), kNow, true),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("high-water.note")));
  EXPECT_EQ(Content(), "rubbish\n");
}

TEST_F(HighWaterTest, AKeysDirectoryThatIsAwayIsTriedAgainASecondLater) {
  const std::string away = directory_.path() + "/keys";
  HighWater mark(away);
  EXPECT_THAT(mark.Write(Note(1), Position(1), kNow, false),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(away)));
  EXPECT_EQ(mark.NextWrite(), kNow + absl::Seconds(1));
  ASSERT_OK(MakeDirectories(away));
  ASSERT_OK(mark.Write(Note(1), Position(1), kNow + absl::Milliseconds(500), false));
  EXPECT_THAT(mark.Read(signer_->verifier(), signer_->verifier()), IsOkAndHolds(""));
  ASSERT_OK(mark.Write(Note(1), Position(1), kNow + absl::Seconds(1), false));
  EXPECT_THAT(mark.Read(signer_->verifier(), signer_->verifier()), IsOkAndHolds(Note(1)));
}

TEST_F(HighWaterTest, ADirectoryThatMayNotBeWrittenIsNamedWithTheRemedy) {
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  const bool root = geteuid() == 0;  // whom modes do not bind
  if (root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  HighWater mark(directory_.path());
  const absl::Status written = mark.Write(Note(1), Position(1), kNow, false);
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_THAT(written, StatusIs(absl::StatusCode::kPermissionDenied,
                                AllOf(HasSubstr(path()), HasSubstr("owner and mode"))));
}

// ---- CheckHighWater ----

class CheckHighWaterTest : public HighWaterTest {
 protected:
  // A log of `size` entries, the Genesis among them; other `seed`s make other histories.
  std::unique_ptr<log::Log> MakeLog(log::Engine& engine, uint64_t size, uint64_t seed = 1) {
    auto made = log::Log::Open(engine,
                               {.origin = *OriginName::Parse(log::kTestOrigin),
                                .clock = log::TestClock().Function(),
                                .random = testing::SeededRandom(seed),
                                .signer = signer_.get()},
                               log::kTestCurveKey);
    EXPECT_OK(made);
    for (uint64_t i = 1; i < size; ++i) {
      EXPECT_OK(log::AppendOne(**made, log::One(log::TestEntry(i, i % 7))).status);
    }
    return *std::move(made);
  }
  absl::Status Check(log::Engine& engine, std::string_view note) {
    return CheckHighWater(engine, note, signer_->verifier(), signer_->verifier());
  }

  const std::unique_ptr<log::Engine> engine_ = log::MakeMemoryEngine();
};

TEST_F(CheckHighWaterTest, NoMarkIsNothingToCompareWith) {
  EXPECT_OK(Check(*engine_, ""));
  MakeLog(*engine_, 3);
  EXPECT_OK(Check(*engine_, ""));
}

TEST_F(CheckHighWaterTest, ALogThatStandsAtTheMarkOrHasGoneOnIsRight) {
  const auto log = MakeLog(*engine_, 5);
  const std::string at_five = log->checkpoint();
  EXPECT_OK(Check(*engine_, at_five));
  for (uint64_t i = 5; i < 900; ++i) {
    ASSERT_OK(log::AppendOne(*log, log::One(log::TestEntry(i, i % 7))).status);
  }
  EXPECT_OK(Check(*engine_, at_five));
  EXPECT_OK(Check(*engine_, log->checkpoint()));
}

TEST_F(CheckHighWaterTest, ALogFromAnOldCopyIsBehind) {
  const auto newer = log::MakeMemoryEngine();
  const std::string mark = MakeLog(*newer, 12)->checkpoint();
  MakeLog(*engine_, 9);
  EXPECT_THAT(Check(*engine_, mark),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("holds 9"), HasSubstr("signed 12"), HasSubstr("newest 3"),
                             HasSubstr("polku recover"), HasSubstr("polku new-epoch"))));
}

TEST_F(CheckHighWaterTest, AnEmptyDirectoryIsBehindToo) {
  const auto newer = log::MakeMemoryEngine();
  EXPECT_THAT(Check(*engine_, MakeLog(*newer, 2)->checkpoint()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("holds 0")));
}

TEST_F(CheckHighWaterTest, AnOldCopyThatHasGoneOnIsAnotherHistory) {
  const auto other = log::MakeMemoryEngine();
  const std::string mark = MakeLog(*other, 300, /*seed=*/2)->checkpoint();
  const auto log = MakeLog(*engine_, 300, /*seed=*/1);
  EXPECT_THAT(Check(*engine_, mark),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another history")));
  ASSERT_OK(log::AppendOne(*log, log::One(log::TestEntry(1'000, 1))).status);
  EXPECT_THAT(Check(*engine_, mark),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another history")));
}

TEST_F(CheckHighWaterTest, ANoteOfAnotherKeyProvesNothing) {
  MakeLog(*engine_, 3);
  const auto stranger =
      proof::Signer::Generate(std::string(log::kTestOrigin), proof::KeyUse::kCheckpoint);
  EXPECT_THAT(Check(*engine_, Note(2, *stranger)), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace polku::host
