// Healthy stores have no problem on any engine; everything in the corpus is caught, at its place, for its reason.
#include "eventstore/evidence/verify.h"

#include <filesystem>
#include <fstream>

#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "gmock/gmock.h"
#include "tests/evidence/store_world.h"
#include "tests/evidence/tampering.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::evidence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::IsOk;
using testing::StatusIs;

std::unique_ptr<log::Engine> OpenRocks(const std::string& directory) {
  auto engine = rocks::OpenEngine({.directory = directory});
  EXPECT_THAT(engine, IsOk());
  return *std::move(engine);
}

// Commits of many sizes, among them one of several groups; some 900 entries, so that there are stored nodes.
void Fill(StoreWorld& world) {
  for (const size_t count : {1, 10, 10, 3, 300, 1, 7, 7, 40, 256, 100, 100, 5, 60}) world.Append(count);
}

VerifyOptions OptionsFor(StoreWorld& own, const std::vector<StoreWorld*>& worlds) {
  VerifyOptions options;
  options.own_origin = own.origin();
  for (StoreWorld* world : worlds) {
    options.keys.emplace(world->origin(), world->signer().verifier());
    options.witnesses.push_back(world->cosigner().verifier());
  }
  options.open = own.Secrets();
  options.threads = 2;
  return options;
}

class HealthyStore : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<log::Engine> NewEngine(const std::string& directory) {
    return GetParam() ? OpenRocks(directory) : log::MakeMemoryEngine();
  }
};

TEST_P(HealthyStore, HasNoProblemAndTheReportCountsEverything) {
  const rocks::TempDirectory oulu_directory;
  const rocks::TempDirectory kela_directory;
  const auto oulu_engine = NewEngine(oulu_directory.path());
  const auto kela_engine = NewEngine(kela_directory.path());
  StoreWorld oulu(*oulu_engine, kOuluReferral);
  StoreWorld kela(*kela_engine, kKelaCompensation);
  Fill(oulu);
  kela.Append(20);
  oulu.ReplicateTo(kela);
  oulu.KeepCosignature(kela.cosigner(), Position(22), absl::FromUnixSeconds(1'741'000'100));

  std::vector<std::pair<uint64_t, uint64_t>> told;
  VerifyOptions options = OptionsFor(oulu, {&oulu, &kela});
  options.progress = [&](uint64_t done, uint64_t total) { told.emplace_back(done, total); };
  options.high_water = oulu.log().checkpoint();
  ASSERT_OK_AND_ASSIGN(Report report, VerifyStore(*oulu_engine, options));
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  ASSERT_THAT(report.logs, SizeIs(1));
  EXPECT_EQ(report.logs[0].entries, 901u);
  EXPECT_EQ(report.logs[0].held, 901u);
  EXPECT_EQ(report.logs[0].withheld, 0u);
  EXPECT_EQ(report.logs[0].sections, 1800u);
  EXPECT_EQ(report.logs[0].opened, 1800u);
  EXPECT_EQ(report.logs[0].checkpoints, 15u);
  EXPECT_EQ(report.logs[0].cosignatures, 1u);
  EXPECT_THAT(report.logs[0].agencies, ElementsAre(kKelaAgency));
  EXPECT_TRUE(report.logs[0].key_known);
  const auto newest = proof::VerifyCheckpoint(oulu.log().checkpoint(), oulu.signer().verifier());
  EXPECT_EQ(report.logs[0].root, newest->root);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), std::pair(uint64_t{901}, uint64_t{901}));

  ASSERT_OK_AND_ASSIGN(report, VerifyStore(*kela_engine, OptionsFor(kela, {&oulu, &kela})));
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  ASSERT_THAT(report.logs, SizeIs(2));
  EXPECT_EQ(report.logs[1].origin, kOuluReferral);
  EXPECT_EQ(report.logs[1].held, 601u);
  EXPECT_EQ(report.logs[1].withheld, 300u);
  EXPECT_EQ(report.logs[1].sections, 600u);
  EXPECT_EQ(report.logs[1].opened, 600u);
  EXPECT_EQ(report.logs[1].checkpoints, 15u);
  EXPECT_EQ(report.logs[1].root, newest->root);
}

TEST_P(HealthyStore, WithoutKeysTheRootsAreCheckedAndTheReportSaysSo) {
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  Fill(oulu);
  VerifyOptions options;
  options.own_origin = oulu.origin();
  ASSERT_OK_AND_ASSIGN(const Report report, VerifyStore(*engine, options));
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_FALSE(report.logs[0].key_known);
  EXPECT_EQ(report.logs[0].checkpoints, 15u);
  EXPECT_EQ(report.logs[0].opened, 0u);
}

TEST_P(HealthyStore, WithTheKeyOfSomebodyElseEveryCheckpointIsRefused) {
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  Fill(oulu);
  VerifyOptions options;
  options.own_origin = oulu.origin();
  const auto other = proof::Signer::Generate(oulu.origin(), proof::KeyUse::kCheckpoint);
  options.keys.emplace(oulu.origin(), other->verifier());
  ASSERT_OK_AND_ASSIGN(const Report report, VerifyStore(*engine, options));
  EXPECT_EQ(report.logs[0].checkpoints, 0u);
  ASSERT_THAT(report.problems, SizeIs(16)) << Describe(report);
  EXPECT_EQ(report.problems[0].kind, ProblemKind::kGenesis);
  EXPECT_EQ(report.problems[1].kind, ProblemKind::kCheckpoint);
}

TEST_P(HealthyStore, OneOriginAloneIsVerifiedWhenAskedFor) {
  const rocks::TempDirectory oulu_directory;
  const rocks::TempDirectory kela_directory;
  const auto oulu_engine = NewEngine(oulu_directory.path());
  const auto kela_engine = NewEngine(kela_directory.path());
  StoreWorld oulu(*oulu_engine, kOuluReferral);
  StoreWorld kela(*kela_engine, kKelaCompensation);
  Fill(oulu);
  kela.Append(20);
  oulu.ReplicateTo(kela);
  VerifyOptions options = OptionsFor(kela, {&oulu, &kela});
  for (const std::string_view origin : {kOuluReferral, kKelaCompensation}) {
    options.only_origin = origin;
    ASSERT_OK_AND_ASSIGN(const Report report, VerifyStore(*kela_engine, options));
    EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
    ASSERT_THAT(report.logs, SizeIs(1));
    EXPECT_EQ(report.logs[0].origin, origin);
  }
  options.only_origin = "FI/MUN/0187690-1/oulu/referral/9";
  EXPECT_THAT(VerifyStore(*kela_engine, options), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(HealthyStore, IsVerifiedWhileItGrows) {
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  Fill(oulu);
  StoreWorld kela(*log::MakeMemoryEngine().release(), kKelaCompensation);
  VerifyOptions options = OptionsFor(oulu, {&oulu, &kela});
  bool grown = false;
  options.high_water = oulu.log().checkpoint();
  options.progress = [&](uint64_t, uint64_t) {
    // From the verifying thread, but in the middle of its work: what the scans find has grown.
    oulu.Append(30);
    oulu.KeepCosignature(kela.cosigner(), oulu.log().size(), absl::FromUnixSeconds(1'741'000'100));
    grown = true;
  };
  ASSERT_OK_AND_ASSIGN(const Report report, VerifyStore(*engine, options));
  EXPECT_TRUE(grown);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[0].entries, 901u);
  delete &kela.engine();
}

TEST_P(HealthyStore, StopsWhenAsked) {
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  Fill(oulu);
  VerifyOptions options = OptionsFor(oulu, {&oulu});
  options.should_stop = [] { return true; };
  ASSERT_OK_AND_ASSIGN(const Report report, VerifyStore(*engine, options));
  EXPECT_TRUE(report.stopped);
}

TEST_P(HealthyStore, KeptEvidenceOfAForkIsToldAndAlteredEvidenceToo) {
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  Fill(oulu);
  Hash other;
  other.data()[0] = 7;
  proof::CheckpointPair pair;
  const auto genuine = proof::VerifyCheckpoint(oulu.log().checkpoint(), oulu.signer().verifier());
  pair.older = oulu.log().checkpoint();
  pair.newer = oulu.signer().Sign({oulu.origin(), genuine->size, other});
  pair.prefix = other;
  const std::string text = proof::FormatCheckpointPair(pair);
  ASSERT_OK(log::KeepFork(*engine, oulu.origin(), absl::FromUnixSeconds(1'741'000'000), text));
  ASSERT_OK_AND_ASSIGN(Report report, VerifyStore(*engine, OptionsFor(oulu, {&oulu})));
  ASSERT_THAT(report.problems, SizeIs(1)) << Describe(report);
  EXPECT_EQ(report.problems[0].kind, ProblemKind::kFork);
  EXPECT_THAT(report.problems[0].what, HasSubstr("signed two histories"));

  // The same checkpoint twice proves nothing.
  pair.newer = pair.older;
  pair.prefix = genuine->root;
  ASSERT_OK(log::KeepFork(*engine, oulu.origin(), absl::FromUnixSeconds(1'741'000'001),
                          proof::FormatCheckpointPair(pair)));
  ASSERT_OK_AND_ASSIGN(report, VerifyStore(*engine, OptionsFor(oulu, {&oulu})));
  ASSERT_THAT(report.problems, SizeIs(2)) << Describe(report);
  EXPECT_THAT(report.problems[1].what, HasSubstr("proves no fork"));

  // The same evidence under another's name, of whom nothing is stored.
  const std::string innocent(kKelaCompensation);
  const auto key = proof::Signer::Generate(innocent, proof::KeyUse::kCheckpoint);
  ASSERT_OK(log::KeepFork(*engine, innocent, absl::FromUnixSeconds(1'741'000'002), text));
  VerifyOptions options = OptionsFor(oulu, {&oulu});
  options.keys.emplace(innocent, key->verifier());
  ASSERT_OK_AND_ASSIGN(report, VerifyStore(*engine, options));
  ASSERT_THAT(report.problems, SizeIs(3)) << Describe(report);
  const auto told = std::find_if(report.problems.begin(), report.problems.end(),
                                 [&](const Problem& problem) { return problem.origin == innocent; });
  ASSERT_NE(told, report.problems.end());
  EXPECT_THAT(told->what, HasSubstr("proves no fork"));
}

TEST_P(HealthyStore, AWitnessThatIsAheadTellsARollback) {
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  Fill(oulu);
  StoreWorld kela(*log::MakeMemoryEngine().release(), kKelaCompensation);
  log::KeptCosignature kept;
  kept.witness = kela.cosigner().verifier().name();
  kept.time = absl::FromUnixSeconds(1'741'000'100);
  kept.size = kept.proven_to = Position(5'000);
  kept.root = Sha256("other");
  kept.line = kela.cosigner().Cosign({oulu.origin(), kept.size, kept.root}, kept.time);
  ASSERT_OK(log::KeepCosignatures(*engine, kOwnLog, {kept}));
  kept.time += absl::Seconds(1);
  kept.size = kept.proven_to = Position(22);
  kept.line = kela.cosigner().Cosign({oulu.origin(), kept.size, kept.root}, kept.time);
  ASSERT_OK(log::KeepCosignatures(*engine, kOwnLog, {kept}));
  ASSERT_OK_AND_ASSIGN(const Report report, VerifyStore(*engine, OptionsFor(oulu, {&oulu, &kela})));
  ASSERT_THAT(report.problems, SizeIs(2)) << Describe(report);
  EXPECT_EQ(report.problems[0].kind, ProblemKind::kCosignature);
  EXPECT_EQ(report.problems[0].position, Position(22));
  EXPECT_EQ(report.problems[1].kind, ProblemKind::kRollback);
  EXPECT_EQ(report.problems[1].position, Position(901));
  EXPECT_EQ(report.logs[0].cosignatures, 0u);
  delete &kela.engine();
}

INSTANTIATE_TEST_SUITE_P(Engines, HealthyStore, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "RocksDb" : "Memory"; });

TEST(EmptyStore, HasNothingToVerify) {
  const auto engine = log::MakeMemoryEngine();
  EXPECT_THAT(VerifyStore(*engine, {}), StatusIs(absl::StatusCode::kNotFound));
}

// One pair of stores, copied for each tampering.
class Corpus : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Shared;
    Shared& s = *shared_;
    s.oulu_engine = OpenRocks(s.oulu_directory.path());
    s.kela_engine = OpenRocks(s.kela_directory.path());
    s.oulu = std::make_unique<StoreWorld>(*s.oulu_engine, kOuluReferral);
    s.kela = std::make_unique<StoreWorld>(*s.kela_engine, kKelaCompensation);
    Fill(*s.oulu);
    s.kela->Append(20);
    s.oulu->ReplicateTo(*s.kela);
    s.oulu->KeepCosignature(s.kela->cosigner(), Position(22), absl::FromUnixSeconds(1'741'000'100));
    s.high_water = s.oulu->log().checkpoint();
    s.oulu->CloseLog();
    s.kela->CloseLog();
    s.oulu_engine.reset();
    s.kela_engine.reset();
  }
  static void TearDownTestSuite() { delete shared_; }

  struct Shared {
    rocks::TempDirectory oulu_directory;
    rocks::TempDirectory kela_directory;
    std::unique_ptr<log::Engine> oulu_engine;
    std::unique_ptr<log::Engine> kela_engine;
    std::unique_ptr<StoreWorld> oulu;
    std::unique_ptr<StoreWorld> kela;
    std::string high_water;
  };
  static Shared* shared_;

  // How many cases applied.
  size_t Run(StoreWorld& own, const std::string& directory, const TamperTarget& target,
             const VerifyOptions& options) {
    size_t applied = 0;
    for (const Tampering& tampering : TamperCorpus()) {
      SCOPED_TRACE(tampering.name);
      const rocks::TempDirectory copy;
      std::filesystem::copy(directory, copy.path(),
                            std::filesystem::copy_options::recursive |
                                std::filesystem::copy_options::overwrite_existing);
      std::optional<Expected> expected;
      {
        const auto raw = RawStore::Open(copy.path());
        if (raw == nullptr) {
          ADD_FAILURE() << "cannot open the copy";
          continue;
        }
        expected = tampering.act(*raw, target);
      }
      if (!expected) continue;
      ++applied;
      const Report report = VerifyDirectory(copy.path(), options);
      EXPECT_EQ(Judge(report, target.origin, *expected), "") << Describe(report);
    }
    return applied;
  }
};
Corpus::Shared* Corpus::shared_ = nullptr;

TEST_F(Corpus, EveryTamperingOfAnOwnLogIsCaughtAtItsPlace) {
  Shared& s = *shared_;
  VerifyOptions options = OptionsFor(*s.oulu, {s.oulu.get(), s.kela.get()});
  options.high_water = s.high_water;
  ASSERT_THAT(VerifyDirectory(s.oulu_directory.path(), options).problems, IsEmpty());
  const TamperTarget target{kOwnLog, std::string(kOuluReferral), &s.oulu->signer(), true, true};
  EXPECT_EQ(Run(*s.oulu, s.oulu_directory.path(), target, options), TamperCorpus().size() - 4)
      << "all but what needs withheld entries, wrapped secrets or things wanted";
}

TEST_F(Corpus, EveryTamperingOfAReplicaIsCaughtAtItsPlace) {
  Shared& s = *shared_;
  const VerifyOptions options = OptionsFor(*s.kela, {s.oulu.get(), s.kela.get()});
  ASSERT_THAT(VerifyDirectory(s.kela_directory.path(), options).problems, IsEmpty());
  const TamperTarget target{LogNumber(1), std::string(kOuluReferral), nullptr, true, false};
  EXPECT_GE(Run(*s.kela, s.kela_directory.path(), target, options), 41u);
}

TEST_F(Corpus, WithTwoEntriesChangedBothPlacesAreTold) {
  Shared& s = *shared_;
  const rocks::TempDirectory copy;
  std::filesystem::copy(s.oulu_directory.path(), copy.path(),
                        std::filesystem::copy_options::recursive |
                            std::filesystem::copy_options::overwrite_existing);
  // Commits end at 1, 2, 12, 22, 25, 325 …, 901; runs of 256 are bridged by the stored nodes.
  {
    const auto raw = RawStore::Open(copy.path());
    for (const uint64_t first : {2, 340, 840}) {
      const auto all = raw->All("entries", RawStore::LogKey(kOwnLog));
      auto it = std::prev(all.upper_bound(RawStore::Key(kOwnLog, first)));
      LooseGroup loose = LooseGroup::Take(it->second, *raw->Get("blobs", it->first));
      loose.items[0].leaf[20] ^= 1;
      raw->Put("entries", it->first, loose.Encode().entries);
    }
  }
  const Report report =
      VerifyDirectory(copy.path(), OptionsFor(*s.oulu, {s.oulu.get(), s.kela.get()}));
  std::vector<uint64_t> places;
  for (const Problem& problem : report.problems) {
    EXPECT_EQ(problem.kind, ProblemKind::kRoot) << Describe(report);
    if (problem.position) places.push_back(problem.position->value());
  }
  EXPECT_THAT(places, ElementsAre(2, 340, 836)) << Describe(report);
}

TEST_F(Corpus, ProblemsBeyondTheMostAreCounted) {
  Shared& s = *shared_;
  const rocks::TempDirectory copy;
  std::filesystem::copy(s.oulu_directory.path(), copy.path(),
                        std::filesystem::copy_options::recursive |
                            std::filesystem::copy_options::overwrite_existing);
  {
    const auto raw = RawStore::Open(copy.path());
    for (const auto& [key, value] : raw->All("blobs")) raw->Delete("blobs", key);
  }
  const Report report =
      VerifyDirectory(copy.path(), OptionsFor(*s.oulu, {s.oulu.get(), s.kela.get()}));
  EXPECT_THAT(report.problems, SizeIs(kMaxProblems));
  EXPECT_EQ(report.problems_left_out, 800u);
  EXPECT_EQ(report.logs[0].erased, 0u) << "no erasure explains any";
}

TEST_F(Corpus, AFlippedByteInATableFileIsToldOrWasNotRead) {
  Shared& s = *shared_;
  const rocks::TempDirectory flushed;
  std::filesystem::copy(s.oulu_directory.path(), flushed.path(),
                        std::filesystem::copy_options::recursive |
                            std::filesystem::copy_options::overwrite_existing);
  { RawStore::Open(flushed.path())->Flush(); }
  const VerifyOptions options = OptionsFor(*s.oulu, {s.oulu.get(), s.kela.get()});
  const Report healthy = VerifyDirectory(flushed.path(), options);
  ASSERT_THAT(healthy.problems, IsEmpty()) << Describe(healthy);
  std::vector<std::filesystem::path> tables;
  for (const auto& file : std::filesystem::directory_iterator(flushed.path())) {
    if (file.path().extension() == ".sst") tables.push_back(file.path());
  }
  testing::SeededGenerator generator(testing::TestSeed());
  int told = 0;
  for (int i = 0; i < 40; ++i) {
    const auto& table = tables[generator.Below(tables.size())];
    const size_t at = generator.Below(std::filesystem::file_size(table));
    SCOPED_TRACE(Str(table.filename().string(), " at ", at));
    const rocks::TempDirectory copy;
    std::filesystem::copy(flushed.path(), copy.path(),
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    {
      std::fstream file(copy.path() + "/" + table.filename().string(),
                        std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get() ^ (1 << generator.Below(8)));
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
    }
    const Report report = VerifyDirectory(copy.path(), options);
    if (report.problems.empty()) {
      // Bytes that nobody reads, a filter's for instance: everything else was read right.
      EXPECT_EQ(report.logs[0].root, healthy.logs[0].root);
      EXPECT_EQ(report.logs[0].opened, healthy.logs[0].opened);
    } else {
      ++told;
      for (const Problem& problem : report.problems) {
        EXPECT_NE(problem.kind, ProblemKind::kRoot) << Describe(report);
        EXPECT_NE(problem.kind, ProblemKind::kSection) << Describe(report);
      }
      EXPECT_EQ(std::count_if(report.problems.begin(), report.problems.end(),
                              [](const Problem& problem) {
                                return problem.kind == ProblemKind::kUnreadable ||
                                       problem.kind == ProblemKind::kHead ||
                                       problem.kind == ProblemKind::kMissingCheckpoint ||
                                       problem.kind == ProblemKind::kCosignature ||
                                       problem.kind == ProblemKind::kIndex;
                              }) > 0,
                true)
          << Describe(report);
    }
  }
  std::cout << told << " of 40 flips were told\n";
  EXPECT_GT(told, 10);
}

// What is read of a damaged write-ahead log is at most everything before the damage: where opening does not refuse it,
// a shorter log that is sound in itself, which only what was kept outside the directory tells.
TEST_F(Corpus, AFlippedByteInTheWriteAheadLogNeverPassesForAnotherHistory) {
  Shared& s = *shared_;
  std::filesystem::path wal;
  for (const auto& file : std::filesystem::directory_iterator(s.oulu_directory.path())) {
    if (file.path().extension() == ".log" && file.file_size() > 0) wal = file.path();
  }
  ASSERT_FALSE(wal.empty());
  VerifyOptions without = OptionsFor(*s.oulu, {s.oulu.get(), s.kela.get()});
  VerifyOptions with = without;
  with.high_water = s.high_water;
  const Report healthy = VerifyDirectory(s.oulu_directory.path(), with);
  ASSERT_THAT(healthy.problems, IsEmpty()) << Describe(healthy);
  std::map<uint64_t, Hash> signed_roots;
  {
    const auto engine = rocks::OpenEngine(
        {.directory = s.oulu_directory.path(), .mode = rocks::OpenMode::kReadOnly});
    ASSERT_OK(engine);
    const auto checkpoints = (*engine)->Checkpoints(kOwnLog);
    while (const auto next = *checkpoints->Next()) {
      const auto checkpoint = proof::VerifyCheckpoint(next->second, s.oulu->signer().verifier());
      ASSERT_OK(checkpoint);
      signed_roots[checkpoint->size.value()] = checkpoint->root;
    }
  }
  testing::SeededGenerator generator(testing::TestSeed());
  int sound = 0;
  int noticed = 0;
  for (int i = 0; i < 24; ++i) {
    const size_t at = generator.Below(std::filesystem::file_size(wal));
    SCOPED_TRACE(Str("byte ", at));
    const rocks::TempDirectory copy;
    std::filesystem::copy(s.oulu_directory.path(), copy.path(),
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    {
      std::fstream file(copy.path() + "/" + wal.filename().string(),
                        std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get() ^ (1 << generator.Below(8)));
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
    }
    const Report told = VerifyDirectory(copy.path(), with);
    const bool whole = !told.logs.empty() && told.logs[0].entries == healthy.logs[0].entries;
    EXPECT_TRUE(whole || !told.problems.empty());
    noticed += told.problems.empty() ? 0 : 1;
    if (whole) {
      EXPECT_EQ(told.logs[0].root, healthy.logs[0].root);
    }
    const Report alone = VerifyDirectory(copy.path(), without);
    if (!alone.problems.empty() || whole) continue;
    ++sound;
    ASSERT_THAT(alone.logs, SizeIs(1));
    EXPECT_EQ(alone.logs[0].root, signed_roots[alone.logs[0].entries]);
    ASSERT_THAT(told.problems, SizeIs(1)) << Describe(told);
    EXPECT_EQ(told.problems[0].kind, ProblemKind::kRollback);
    EXPECT_EQ(told.problems[0].position, Position(alone.logs[0].entries));
  }
  std::cout << noticed << " of 24 flips were told, " << sound << " left an earlier state, sound in itself\n";
  EXPECT_GT(noticed, 10);
}

TEST(OldCopy, OfAWholeDirectoryIsToldByTheHighWaterMarkAlone) {
  const rocks::TempDirectory directory;
  const rocks::TempDirectory old;
  auto engine = OpenRocks(directory.path());
  StoreWorld oulu(*engine, kOuluReferral);
  oulu.Append(40);
  std::filesystem::copy(directory.path(), old.path(),
                        std::filesystem::copy_options::recursive |
                            std::filesystem::copy_options::overwrite_existing);
  oulu.Append(10);
  VerifyOptions options = OptionsFor(oulu, {&oulu});
  const Report alone = VerifyDirectory(old.path(), options);
  EXPECT_THAT(alone.problems, IsEmpty()) << Describe(alone);
  ASSERT_THAT(alone.logs, SizeIs(1));
  EXPECT_EQ(alone.logs[0].entries, 41u);
  options.high_water = oulu.log().checkpoint();
  const Report told = VerifyDirectory(old.path(), options);
  ASSERT_THAT(told.problems, SizeIs(1)) << Describe(told);
  EXPECT_EQ(told.problems[0].kind, ProblemKind::kRollback);
  EXPECT_EQ(told.problems[0].position, Position(41));
  // Where the old copy was gone on with, the mark is of another history.
  {
    auto again = OpenRocks(old.path());
    StoreWorld forked(*again, kOuluReferral,
                      *proof::Signer::Parse(oulu.signer().SecretText(), proof::KeyUse::kCheckpoint), 40);
    forked.Append(30);
  }
  options.open = {};  // its sections have other keys
  const Report gone_on = VerifyDirectory(old.path(), options);
  ASSERT_THAT(gone_on.problems, SizeIs(1)) << Describe(gone_on);
  EXPECT_EQ(gone_on.problems[0].kind, ProblemKind::kRollback);
  EXPECT_EQ(gone_on.problems[0].position, Position(51));
}

}  // namespace
}  // namespace polku::evidence
