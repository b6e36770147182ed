// Opening a log and proving from it cost the same however long the log is.
#include "eventstore/log/tree.h"

#include "eventstore/log/log.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_fixture.h"
#include "tests/log/probe_engine.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::rocks {
namespace {

using testing::IsOk;

TEST(Tree, OpeningAndProofsReadABoundedNumberOfGroupsWhateverTheLengthOfTheLog) {
  const TempDirectory directory;
  EngineOptions options;
  options.directory = directory.path();
  options.write_buffer_bytes = 1 << 20;
  const auto signer =
      proof::Signer::Generate(std::string(log::kTestOrigin), proof::KeyUse::kCheckpoint);
  const log::LogOptions log_options = {*OriginName::Parse(log::kTestOrigin), SystemClock(),
                                       SystemRandom(), signer.get()};
  testing::SeededGenerator generator(testing::TestSeed());
  uint64_t id = 0;
  for (const uint64_t size : {1'000, 10'000, 60'000}) {
    {
      ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(options));
      ASSERT_OK_AND_ASSIGN(auto log, log::Log::Open(*engine, log_options, log::kTestCurveKey));
      while (log->size().value() < size) {
        log::AppendRequest request;
        for (int i = 0; i < 200; ++i, ++id) {
          request.entries.push_back(log::TestEntry(id + 1, id % 500));
        }
        ASSERT_THAT(log::AppendOne(*log, request).status, IsOk());
      }
    }
    ASSERT_OK_AND_ASSIGN(auto engine, OpenEngine(options));
    log::ProbeEngine probe(*engine);
    ASSERT_OK_AND_ASSIGN(auto log, log::Log::Open(probe, log_options, log::kTestCurveKey));
    log::ProbeEngine::Reads reads = probe.TakeReads();
    EXPECT_LE(reads.groups, 1u) << "opening reads the last group";
    // Its version, the end of the running numbers, the control entries (here the Genesis and the end), and
    // that no hole of a recovery is left.
    EXPECT_LE(reads.index_gets + reads.index_scanned, 6u);
    // A run of 256 lies in at most three groups of 200; a proof looks at two runs and, to be checked
    // against the head, at the right edges of two trees.
    for (int i = 0; i < 50; ++i) {
      const Position at(1 + generator.Below(log->size().value()));
      const Position index(generator.Below(at.value()));
      log::TreeReader cold(probe, kOwnLog);
      ASSERT_THAT(cold.Inclusion(index, at), IsOk());
      reads = probe.TakeReads();
      EXPECT_LE(reads.groups, 5 * 3u) << index.value() << " in " << at.value();
      EXPECT_LE(reads.index_gets, 4 * 17u);
      EXPECT_EQ(reads.index_scanned, 0u);
      log::TreeReader other(probe, kOwnLog);
      ASSERT_THAT(other.Consistency(index, at), IsOk());
      reads = probe.TakeReads();
      EXPECT_LE(reads.groups, 7 * 3u) << index.value() << " to " << at.value();
      EXPECT_LE(reads.index_gets, 6 * 17u);
    }
    // Many proofs to one size: its root is checked once, its right edge read once.
    log::TreeReader warm(probe, kOwnLog);
    const Position at(size - 77);
    ASSERT_THAT(warm.Root(at), IsOk());
    probe.TakeReads();
    for (int i = 0; i < 50; ++i) {
      ASSERT_THAT(warm.Inclusion(Position(generator.Below(at.value())), at), IsOk());
      reads = probe.TakeReads();
      EXPECT_LE(reads.groups, 2 * 3u);
      EXPECT_LE(reads.index_gets, 17u);
    }
  }
}

}  // namespace
}  // namespace polku::rocks
