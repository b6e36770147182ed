// The Log over an engine that fails on command: what a failed commit leaves behind.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/reader.h"
#include "tests/log/log_fixture.h"
#include "tests/support/forwarding_engine.h"

namespace polku::log {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

// Passes everything on, except what a test makes fail, wait or be counted.
class TestEngine final : public testing::ForwardingEngine {
 public:
  TestEngine() : TestEngine(MakeMemoryEngine()) {}

  absl::Status Commit(const CommitBatch& batch) override {
    {
      std::unique_lock lock(mu_);
      ++commits_;
      arrived_.notify_all();
      open_.wait(lock, [&] { return !held_; });
      if (!next_.ok()) return std::exchange(next_, absl::OkStatus());
    }
    return ForwardingEngine::Commit(batch);
  }
  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(LogNumber log, Position size) override {
    if (checkpoint_) return checkpoint_;
    return ForwardingEngine::ReadCheckpoint(log, size);
  }
  absl::StatusOr<StoredGroup> ReadGroup(LogNumber log, Position position, bool blobs) override {
    auto group = ForwardingEngine::ReadGroup(log, position, blobs);
    if (group.ok() && erased_) group->blobs.clear();
    return group;
  }

  void FailNext(absl::Status status) { next_ = std::move(status); }
  void Erase() { erased_ = true; }
  void GiveCheckpoint(std::string note) { checkpoint_ = std::move(note); }
  void Hold() {
    const std::lock_guard lock(mu_);
    held_ = true;
  }
  void Release() {
    const std::lock_guard lock(mu_);
    held_ = false;
    open_.notify_all();
  }
  void AwaitCommits(int count) {
    std::unique_lock lock(mu_);
    arrived_.wait(lock, [&] { return commits_ >= count; });
  }
  int commits() {
    const std::lock_guard lock(mu_);
    return commits_;
  }

 private:
  explicit TestEngine(std::unique_ptr<Engine> owned)
      : ForwardingEngine(*owned), owned_(std::move(owned)) {}

  const std::unique_ptr<Engine> owned_;
  std::mutex mu_;
  std::condition_variable arrived_;
  std::condition_variable open_;
  bool held_ = false;
  int commits_ = 0;
  absl::Status next_;
  std::atomic<bool> erased_ = false;
  std::optional<std::string> checkpoint_;
};

class LogOverFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    signer_ = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
    Open();
  }
  LogOptions Options() {
    return {*OriginName::Parse(kTestOrigin), clock_.Function(), SystemRandom(), signer_.get()};
  }
  void Open() {
    auto log = Log::Open(engine_, Options(), kTestCurveKey);
    ASSERT_THAT(log, IsOk());
    log_ = *std::move(log);
  }

  TestEngine engine_;
  TestClock clock_;
  std::unique_ptr<proof::Signer> signer_;
  std::unique_ptr<Log> log_;
};

NewEntry Disclosed(uint64_t id, uint64_t case_number) {
  NewEntry entry = TestEntry(id, case_number);
  entry.disclosures.push_back({"FI/COM/1/a", {}, Position(0)});
  return entry;
}

TEST_F(LogOverFaults, AfterAFullDiskNothingHasChangedAndTheSameAppendSucceeds) {
  ASSERT_THAT(AppendOne(*log_, One(Disclosed(1, 5))).status, IsOk());
  const std::string checkpoint = log_->checkpoint();
  const Order order = log_->last_order();
  AppendRequest stale = One(Disclosed(3, 5));
  stale.expected = {{TestCase(5), Revision(1)}};
  const std::vector<AppendRequest> requests = {One(Disclosed(2, 5)), One(Disclosed(1, 5)), stale,
                                               One(NewEntry()), One(Disclosed(2, 5))};
  engine_.FailNext(absl::ResourceExhaustedError("disk full"));
  std::vector<AppendResult> results = log_->Append(requests);
  EXPECT_THAT(results[0].status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(results[0].receipts.empty());
  EXPECT_THAT(results[1].status, IsOk()) << "this receipt rests on what is on disk";
  EXPECT_THAT(results[2].status, StatusIs(absl::StatusCode::kResourceExhausted))
      << "its conflict was with an entry that does not exist";
  EXPECT_TRUE(results[2].actual.empty());
  EXPECT_THAT(results[3].status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(results[4].status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(log_->size(), Position(2));
  EXPECT_EQ(log_->checkpoint(), checkpoint);
  EXPECT_EQ(log_->last_order(), order);
  EXPECT_THAT(log_->CaseRevision(TestCase(5)), IsOkAndHolds(Revision(1)));

  results = log_->Append(requests);
  ASSERT_THAT(results[0].status, IsOk());
  EXPECT_FALSE(results[0].receipts[0].repeated);
  EXPECT_EQ(results[0].receipts[0].position, Position(2));
  EXPECT_EQ(results[0].receipts[0].revision, Revision(2));
  EXPECT_EQ(results[0].receipts[0].order, order.next());
  EXPECT_THAT(results[2].status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(results[4].receipts[0].repeated);
  EntryFetcher fetcher(engine_);
  ASSERT_OK_AND_ASSIGN(const EntryView entry, fetcher.Fetch(kOwnLog, Position(2), false));
  EXPECT_EQ(entry.header->disclosures(0).number(), 2u);
}

TEST_F(LogOverFaults, AfterAnotherFailureTheLogStopsUntilReopened) {
  engine_.FailNext(absl::UnavailableError("sync failed"));
  EXPECT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("sync failed")));
  EXPECT_THAT(AppendOne(*log_, One(TestEntry(2, 5))).status,
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(engine_.commits(), 2) << "the Genesis and the failed one";
  EXPECT_EQ(log_->size(), Position(1));
  EXPECT_THAT(log_->CaseRevision(TestCase(5)), IsOkAndHolds(Revision(0))) << "reads go on";
  Open();
  EXPECT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status, IsOk());
}

TEST_F(LogOverFaults, AppendsThatWaitTogetherShareOneCommit) {
  engine_.Hold();
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  const auto append = [&](uint64_t id) {
    threads.emplace_back([&, id] {
      EXPECT_THAT(AppendOne(*log_, One(TestEntry(id, id))).status, IsOk());
      ++done;
    });
  };
  append(1);
  engine_.AwaitCommits(2);  // the first leads and is held in its commit
  for (uint64_t id = 2; id < 12; ++id) append(id);
  // The ten cannot be seen to wait in the queue, only to be not done; give them time to get there.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(done, 0) << "acknowledged before it was on disk";
  engine_.Release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log_->size(), Position(12));
  EXPECT_EQ(engine_.commits(), 3) << "Genesis, the first, and the ten others in one";
}

TEST_F(LogOverFaults, AfterAnErasureTheIdAloneTellsARepeat) {
  NewEntry entry = TestEntry(1, 5);
  entry.sections = {TestSection(SectionKind::kService, "content")};
  ASSERT_THAT(AppendOne(*log_, One(entry)).status, IsOk());
  // The case key is gone, so sealing the same content again gives another commitment.
  entry.sections = {TestSection(SectionKind::kService, "content under a new key")};
  EXPECT_THAT(AppendOne(*log_, One(entry)).status, StatusIs(absl::StatusCode::kAlreadyExists));
  engine_.Erase();
  const AppendResult repeated = AppendOne(*log_, One(entry));
  ASSERT_THAT(repeated.status, IsOk());
  EXPECT_TRUE(repeated.receipts[0].repeated);
  EXPECT_EQ(repeated.receipts[0].position, Position(1));
  entry.case_id = TestCase(6);
  EXPECT_THAT(AppendOne(*log_, One(entry)).status, StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(LogOverFaults, ACheckpointThatIsNotTheHeadsKeepsTheLogFromOpening) {
  const std::string old_note = log_->checkpoint();
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status, IsOk());
  engine_.GiveCheckpoint(old_note);
  EXPECT_THAT(Log::Open(engine_, Options(), kTestCurveKey), StatusIs(absl::StatusCode::kDataLoss));
  engine_.GiveCheckpoint(signer_->Sign({std::string(kTestOrigin), Position(2), Sha256("wrong")}));
  EXPECT_THAT(Log::Open(engine_, Options(), kTestCurveKey), StatusIs(absl::StatusCode::kDataLoss));
  engine_.GiveCheckpoint("no note");
  EXPECT_THAT(Log::Open(engine_, Options(), kTestCurveKey), StatusIs(absl::StatusCode::kDataLoss));
  engine_.GiveCheckpoint(log_->checkpoint());
  EXPECT_THAT(Log::Open(engine_, Options(), kTestCurveKey), IsOk());
}

TEST_F(LogOverFaults, WithoutAGenesisNothingIsAppended) {
  TestEngine fresh;
  ASSERT_OK_AND_ASSIGN(const auto log, Log::Open(fresh, Options(), ""));
  EXPECT_EQ(log->size(), Position(0));
  EXPECT_EQ(log->checkpoint(), "");
  EXPECT_THAT(AppendOne(*log, One(TestEntry(1, 5))).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Genesis")));
  EXPECT_THAT(Log::Open(fresh, Options(), "short key"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(LogOverFaults, RandomIsDrawnOnceForAGroupAndNeverRepeats) {
  int draws = 0;
  uint64_t counter = 0;
  LogOptions options = Options();
  options.random = [&](uint8_t* out, size_t size) {
    ++draws;
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(counter++ / kLeafRandomBytes);
  };
  TestEngine fresh;
  ASSERT_OK_AND_ASSIGN(const auto log, Log::Open(fresh, options, kTestCurveKey));
  draws = 0;
  std::vector<AppendRequest> requests;
  for (uint64_t i = 1; i <= 20; ++i) requests.push_back(One(TestEntry(i, 1)));
  log->Append(requests);
  EXPECT_EQ(draws, 1);
  ASSERT_OK_AND_ASSIGN(const auto reader, EntryReader::Make(fresh, kOwnLog, Position(0), false));
  uint8_t expected = 0;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const auto entry, reader->Next());
    if (!entry) break;
    EXPECT_EQ(entry->leaf.substr(kLeafPrefix.size(), kLeafRandomBytes),
              std::string(kLeafRandomBytes, static_cast<char>(expected)));
    ++expected;
  }
  EXPECT_EQ(expected, 21);
}

}  // namespace
}  // namespace polku::log
