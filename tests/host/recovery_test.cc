#include "services/host/recovery.h"

#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/hash.h"
#include "eventstore/log/group.h"
#include "eventstore/log/records.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/proof_file.h"
#include "services/host/fence.h"
#include "services/host/opener.h"
#include "services/host/opening.h"
#include "services/host/rotation.h"
#include "tests/host/stopped_service.h"
#include "tests/rocksdb/child_process.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StatusIs;

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() : service_(directory_.path()) {}

  std::string At(std::string_view name) const { return Str(directory_.path(), "/", name); }
  const std::string& data() { return service_.config().data_directory; }
  void Keep(std::string_view name) { CopyDirectory(data(), At(name)); }
  void Restore(std::string_view name) { CopyDirectory(At(name), data()); }

  FakeMirror Mirror(std::string_view name, FakeMirror::AlterFn alter = {}) {
    return FakeMirror(At(name), service_.config().origin.text(), service_.keys().curve.public_key,
                      std::move(alter));
  }
  absl::StatusOr<Recovered> Recover(const FakeMirror& mirror) {
    return RecoverFromMirror({.config = service_.config(),
                              .mirror = mirror.endpoint(),
                              .mirror_key = mirror.key(),
                              .patience = absl::Seconds(3)});
  }
  // The log as the service would open it: every section with its plaintext.
  void ExpectWhole(uint64_t size) {
    const auto engine = service_.OpenEngine();
    const auto keystore = service_.OpenKeys();
    const auto log = service_.OpenLog(*engine);
    EXPECT_EQ(log->size(), Position(size));
    Opener opener(*keystore, service_.config().origin.text());
    auto reader = log::EntryReader::Make(*engine, kOwnLog, Position(), /*with_blobs=*/true);
    ASSERT_OK(reader);
    uint64_t position = 0;
    for (; position < size; ++position) {
      const auto entry = (*reader)->Next();
      ASSERT_OK(entry);
      ASSERT_TRUE(entry->has_value());
      ASSERT_EQ((*entry)->position, Position(position));
      if ((*entry)->header->case_id().empty()) continue;
      const auto opened = opener.Open(**entry, service_.config().origin.text());
      ASSERT_OK(opened);
      EXPECT_EQ(opened->bytes, Plaintext(position));
    }
    std::string mark = *HighWater(service_.config().keys_directory).Read(service_.key(), service_.key());
    EXPECT_OK(CheckHighWater(*engine, mark, service_.key(), service_.key()));
  }
  void RotateSigning() {
    const auto change =
        PrepareRotation(service_.config(), event::v1::KEY_USE_SIGNING, "yearly", /*compromised=*/false);
    ASSERT_OK(change);
    ASSERT_OK(RecordKeyChange(service_.config(), *change));
    service_.LoadKeys();
  }
  std::string Mark() { return *HighWater(service_.config().keys_directory).Read(service_.key(), service_.key()); }
  void ForgetMark() {
    std::filesystem::remove(service_.config().keys_directory + "/high-water.note");
  }
  // The file that a message names, verified as a stranger would.
  void ExpectProofOfFork(const absl::Status& status) {
    const std::string message(status.message());
    const size_t end = message.find(".checkpoint-pair");
    ASSERT_NE(end, std::string::npos) << message;
    const size_t begin = message.rfind(' ', end) + 1;
    const auto text = ReadFile(
        message.substr(begin, end - begin + std::string_view(".checkpoint-pair").size()), 1 << 20);
    ASSERT_OK(text);
    const auto pair = proof::ParseCheckpointPair(*text);
    ASSERT_OK(pair);
    EXPECT_THAT(proof::VerifyCheckpointPair(*pair, service_.key()),
                testing::IsOkAndHolds(proof::PairVerdict::kFork));
    const auto kept = log::Forks(*service_.OpenEngine(), service_.config().origin.text());
    ASSERT_OK(kept);
    ASSERT_EQ(kept->size(), 1u);
    EXPECT_EQ(kept->front().pair, *text);
  }

  rocks::TempDirectory directory_;
  StoppedService service_;
};

TEST_F(RecoveryTest, AnOldCopyGetsItsTailBackWithEveryReceiptAndSection) {
  service_.RunUntil(9);
  Keep("old");
  const std::string newest = service_.RunUntil(300);
  Keep("mirror");
  log::AppendResult before;
  {
    const auto engine = service_.OpenEngine();
    const auto keystore = service_.OpenKeys();
    before = log::AppendOne(*service_.OpenLog(*engine), log::One(service_.Entry(*keystore, 250)));
  }
  Restore("old");
  const FakeMirror mirror = Mirror("mirror");
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
  EXPECT_EQ(done.before, Position(9));
  EXPECT_EQ(done.size, Position(300));
  EXPECT_EQ(done.mark, Position(300));
  EXPECT_EQ(done.missing(), 0u);
  EXPECT_EQ(done.sections, 291u);
  EXPECT_EQ(done.without_key, 0u);
  ExpectWhole(300);
  const auto engine = service_.OpenEngine();
  const auto keystore = service_.OpenKeys();
  const auto log = service_.OpenLog(*engine);
  EXPECT_EQ(log->checkpoint(), newest);
  EXPECT_EQ(*log::TreeReader(*engine, kOwnLog).Root(Position(300)), done.root);
  const auto again = log::AppendOne(*log, log::One(service_.Entry(*keystore, 250)));
  ASSERT_OK(again.status);
  ASSERT_TRUE(again.receipts[0].repeated);
  EXPECT_EQ(again.receipts[0].position, before.receipts[0].position);
  EXPECT_EQ(again.receipts[0].leaf_hash, before.receipts[0].leaf_hash);
  // It goes on as if nothing had been.
  EXPECT_OK(log::AppendOne(*log, log::One(service_.Entry(*keystore, 300))).status);
}

TEST_F(RecoveryTest, AnEmptyDataDirectoryIsFilledFromTheBeginning) {
  service_.RunUntil(40);
  Keep("mirror");
  std::filesystem::remove_all(data());
  const FakeMirror mirror = Mirror("mirror");
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
  EXPECT_EQ(done.before, Position(0));
  EXPECT_EQ(done.size, Position(40));
  ExpectWhole(40);
}

TEST_F(RecoveryTest, WithoutAMarkEverythingThatTheMirrorHasIsFetchedAndMarked) {
  service_.RunUntil(5);
  Keep("old");
  const std::string newest = service_.RunUntil(25);
  Keep("mirror");
  Restore("old");
  ForgetMark();
  const FakeMirror mirror = Mirror("mirror");
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
  EXPECT_EQ(done.mark, Position(0));
  EXPECT_EQ(done.size, Position(25));
  EXPECT_EQ(Mark(), newest);
}

TEST_F(RecoveryTest, AMirrorWithLessThanTheMarkGivesWhatItHasAndSaysWhatIsMissing) {
  service_.RunUntil(5);
  Keep("old");
  service_.RunUntil(20);
  Keep("mirror");
  const std::string newest = service_.RunUntil(33);
  Keep("better");
  Restore("old");
  {
    const FakeMirror mirror = Mirror("mirror");
    ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
    EXPECT_EQ(done.size, Position(20));
    EXPECT_EQ(done.missing(), 13u);
    EXPECT_EQ(Mark(), newest) << "the mark must go on telling what is missing";
    // The same mirror has nothing more, and that is no error.
    ASSERT_OK_AND_ASSIGN(const Recovered again, Recover(mirror));
    EXPECT_EQ(again.before, Position(20));
    EXPECT_EQ(again.missing(), 13u);
  }
  const FakeMirror better = Mirror("better");
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(better));
  EXPECT_EQ(done.missing(), 0u);
  ExpectWhole(33);
}

TEST_F(RecoveryTest, AMirrorThatIsBehindALogThatIsWholeChangesNothing) {
  service_.RunUntil(8);
  Keep("mirror");
  service_.RunUntil(12);
  const FakeMirror mirror = Mirror("mirror");
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
  EXPECT_EQ(done.before, Position(12));
  EXPECT_EQ(done.size, Position(12));
  EXPECT_EQ(done.missing(), 0u);
}

TEST_F(RecoveryTest, AnOldCopyThatWentOnIsNotAppendedToAndTheProofIsKept) {
  service_.RunUntil(10);
  Keep("old");
  service_.RunUntil(40);
  Keep("mirror");
  // Shorter than the mirror, of its length, and longer.
  for (const uint64_t size : {20, 40, 50}) {
    SCOPED_TRACE(size);
    Restore("old");
    ForgetMark();
    service_.RunUntil(size, /*first_id=*/1'000);
    const FakeMirror mirror = Mirror("mirror");
    const auto done = Recover(mirror);
    ASSERT_THAT(done.status(),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr("another history"), HasSubstr("polku new-epoch"))));
    ExpectProofOfFork(done.status());
    EXPECT_EQ(service_.Size(), Position(size));
  }
}

TEST_F(RecoveryTest, AMarkOfAnotherHistoryIsProofEnoughWithoutTheMirror) {
  service_.RunUntil(10);
  Keep("old");
  service_.RunUntil(20);
  Keep("mirror");
  const std::string mark = Mark();
  Restore("old");
  ForgetMark();
  service_.RunUntil(30, /*first_id=*/1'000);
  ForgetMark();
  ASSERT_OK(ReplaceFile(service_.config().keys_directory + "/high-water.note", mark, 0644));
  const FakeMirror mirror = Mirror("mirror");
  const auto done = Recover(mirror);
  ASSERT_THAT(done.status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("high-water mark")));
  ExpectProofOfFork(done.status());
}

// ---- Mirrors that are not right ----

// The group of a message again, with a change to each leaf or blob.
// `blob` returns whether the blob stays.
void Remake(replica::BatchMessage& message, const std::function<void(std::string&)>& leaf,
            const std::function<bool(std::string&)>& blob) {
  const auto view = log::GroupView::Parse(message.entries, message.blobs);
  ASSERT_OK(view);
  log::GroupWriter writer;
  for (const auto& item : view->items()) {
    std::string bytes(item.leaf);
    if (leaf) leaf(bytes);
    writer.AddLeaf(bytes);
    for (const auto& held : view->BlobsAt(item.offset)) {
      std::string sealed(held.blob);
      if (blob && !blob(sealed)) continue;
      writer.AddBlob(held.kind, held.secret, sealed);
    }
  }
  auto made = std::move(writer).Finish();
  message.entries = std::move(made.entries);
  message.blobs = std::move(made.blobs);
}

TEST_F(RecoveryTest, AnAlteredEntryIsRefusedAndNothingOfItIsStored) {
  service_.RunUntil(5);
  Keep("old");
  service_.RunUntil(12);
  Keep("mirror");
  Restore("old");
  const FakeMirror mirror = Mirror("mirror", [](replica::BatchMessage& message) {
    Remake(message, [](std::string& leaf) { leaf[20] ^= 1; }, {});
  });
  EXPECT_THAT(Recover(mirror).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("does not verify")));
  EXPECT_EQ(service_.Size(), Position(5));
}

TEST_F(RecoveryTest, AnAlteredSectionIsRefusedThoughNoHashCoversIt) {
  service_.RunUntil(5);
  Keep("old");
  service_.RunUntil(12);
  Keep("mirror");
  Restore("old");
  const FakeMirror mirror = Mirror("mirror", [](replica::BatchMessage& message) {
    Remake(message, {}, [](std::string& blob) {
      blob[3] ^= 1;
      return true;
    });
  });
  EXPECT_THAT(Recover(mirror).status(),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("section service of entry 5"), HasSubstr("another mirror"))));
  EXPECT_EQ(service_.Size(), Position(5));
}

TEST_F(RecoveryTest, SectionsWhoseKeysAreInANewerKeystoreAreCounted) {
  service_.RunUntil(3);  // cases 1 and 2 have their keys
  Keep("old");
  CopyDirectory(service_.config().keystore_directory, At("old-keystore"));
  service_.RunUntil(11);
  Keep("mirror");
  Restore("old");
  CopyDirectory(service_.config().keystore_directory, At("new-keystore"));
  CopyDirectory(At("old-keystore"), service_.config().keystore_directory);
  {
    const FakeMirror mirror = Mirror("mirror");
    ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
    EXPECT_EQ(done.sections, 8u);
    EXPECT_EQ(done.without_key, 6u);  // of cases 3, 4 and 0, twice each
  }
  CopyDirectory(At("new-keystore"), service_.config().keystore_directory);
  ExpectWhole(11);
}

TEST_F(RecoveryTest, AMirrorThatLeavesSectionsOutIsRefusedAndNothingOfThatCommitIsStored) {
  service_.RunUntil(5);
  Keep("old");
  service_.RunUntil(30);
  Keep("mirror");
  Restore("old");
  int blobs = 0;
  {
    const FakeMirror mirror = Mirror("mirror", [&](replica::BatchMessage& message) {
      Remake(message, {}, [&](std::string&) { return ++blobs != 8; });  // of entry 12
    });
    EXPECT_THAT(Recover(mirror).status(),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr("this mirror left out sections; try another"),
                               HasSubstr("section service of entry 12"))));
  }
  EXPECT_LE(service_.Size(), Position(12));
  const FakeMirror whole = Mirror("mirror");
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(whole));
  EXPECT_EQ(done.left_out, 0u);
  ExpectWhole(30);
}

TEST_F(RecoveryTest, SectionsThatAreLeftOutOfCasesWithoutAKeyAreCounted) {
  service_.RunUntil(3);  // cases 1 and 2 have their keys
  Keep("old");
  CopyDirectory(service_.config().keystore_directory, At("old-keystore"));
  service_.RunUntil(5);  // entries 3 and 4, of cases 3 and 4
  Keep("mirror");
  Restore("old");
  CopyDirectory(At("old-keystore"), service_.config().keystore_directory);
  const FakeMirror mirror = Mirror("mirror", [](replica::BatchMessage& message) {
    Remake(message, {}, [](std::string&) { return false; });
  });
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
  EXPECT_EQ(done.size, Position(5));
  EXPECT_EQ(done.left_out, 2u);
  EXPECT_EQ(done.sections, 0u);
}

// Entries 4 and 5, the last that Kela got, go with their cases' keys.
TEST_F(RecoveryTest, ALogWithErasedEntriesComesBackAndGivesNoRunningNumberTwice) {
  service_.RunUntil(6);
  CopyDirectory(service_.config().keystore_directory, At("old-keystore"));
  CaseId gone;
  {
    const auto engine = service_.OpenEngine();
    const auto keystore = service_.OpenKeys();
    const auto log = service_.OpenLog(*engine);
    std::vector<log::ErasedPart> parts;
    event::v1::Erased erased;
    erased.set_erasure_id(std::string(16, 'e'));
    erased.set_tier(event::v1::ERASURE_TIER_ENTRIES);
    erased.set_legal_basis("28.1 §");
    std::vector<vault::KeyName> names;
    for (const uint64_t n : {4, 5}) {
      auto* entry = erased.add_entries();
      entry->set_position(n);
      entry->add_sections(event::v1::SECTION_KIND_SERVICE);
      entry->set_leaf(true);
      parts.push_back({Position(n), {}, true});
      gone = log::TestEntry(n, n % 5).case_id;
      names.push_back({gone, SectionKind::kService});
    }
    erased.set_fence(std::string(FenceOf(gone).view()));
    log::NewEntry entry;
    entry.id = DerivedEventId("erased");
    entry.type = event::v1::Erased::descriptor()->full_name();
    entry.author_agency = std::string(service_.config().origin.agency());
    entry.control = erased.SerializeAsString();
    ASSERT_OK(log::AppendOne(*log, log::One(entry)).status);
    ASSERT_OK(log::EraseEntries(*engine, kOwnLog, parts));
    ASSERT_OK(keystore->Erase(names));
    const auto numbers = log::ErasedNumbers(*engine);
    ASSERT_OK(numbers);
    ASSERT_OK(WriteErasedNumbers(service_.config().keys_directory, *numbers));
  }
  service_.RunUntil(7);  // marks it
  Keep("mirror");
  const auto number_of_next = [&] {
    const auto engine = service_.OpenEngine();
    const auto keystore = service_.OpenKeys();
    const auto log = service_.OpenLog(*engine);
    const uint64_t size = log->size().value();
    EXPECT_OK(log::AppendOne(*log, log::One(service_.Entry(*keystore, size))).status);
    log::EntryFetcher fetcher(*engine);
    const auto entry = fetcher.Fetch(kOwnLog, Position(size), /*with_blobs=*/false);
    EXPECT_OK(entry);
    return entry->header->disclosures(0).number();
  };
  const auto empty = [&] { std::filesystem::remove_all(data()); };
  for (const bool old_keystore : {false, true}) {
    empty();
    if (old_keystore) {  // it has the keys of what went, and the fence knows
      CopyDirectory(At("old-keystore"), service_.config().keystore_directory);
      auto fence = Fence::Open(service_.config().keys_directory);
      ASSERT_OK(fence);
      for (const uint64_t n : {4, 5}) {
        const CaseId case_id = log::TestEntry(n, n % 5).case_id;
        (*fence)->Put(service_.config().origin.text(), Position(6 + n),
                      {FenceOf(case_id), absl::CivilDay(2026, 11, 22), std::nullopt});
      }
      ASSERT_OK((*fence)->Write());
    }
    {
      const FakeMirror mirror = Mirror("mirror");
      ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
      EXPECT_EQ(done.size, Position(7));
      EXPECT_EQ(done.left_out, 0u);
      EXPECT_EQ(done.unexplained, 0u);
      EXPECT_EQ(done.missing(), 0u);
    }
    EXPECT_EQ(number_of_next(), 6u);
  }
}

TEST_F(RecoveryTest, EntriesThatAMirrorGivesAsErasedAndNoErasureNamesLetNoServiceStart) {
  service_.RunUntil(6);
  Keep("whole");
  Keep("mirror");
  {
    auto engine = rocks::OpenEngine({.directory = At("mirror")});
    ASSERT_OK(engine);
    const log::ErasedPart part{Position(4), {}, true};
    ASSERT_OK(log::EraseEntries(**engine, kOwnLog, {&part, 1}));
  }
  std::filesystem::remove_all(data());
  {
    const FakeMirror mirror = Mirror("mirror");
    for (int run = 0; run < 2; ++run) {
      EXPECT_THAT(Recover(mirror).status(),
                  StatusIs(absl::StatusCode::kDataLoss,
                           AllOf(HasSubstr("left out 1 entries"), HasSubstr("no erasure"))));
    }
  }
  {
    const auto engine = service_.OpenEngine();
    for (const bool reindexed : {false, true}) {
      if (reindexed) {
        ASSERT_OK(log::RebuildIndex(*engine, nullptr));
      }
      EXPECT_THAT(log::Log::Open(*engine,
                                 {.origin = service_.config().origin,
                                  .clock = SystemClock(),
                                  .random = SystemRandom(),
                                  .signer = service_.keys().signer.get()},
                                 "")
                      .status(),
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no erasure of the log names them")));
    }
  }
  std::filesystem::remove_all(data());
  const FakeMirror whole = Mirror("whole");
  ASSERT_OK(Recover(whole));
  ExpectWhole(6);
}

TEST_F(RecoveryTest, AServiceThatIsNoMirrorAndOneThatDoesNotKnowUs) {
  service_.RunUntil(3);
  Keep("mirror");
  const FakeMirror other(At("mirror"), "FI/GOV/0246246-0/kela/compensation/1",
                         service_.keys().curve.public_key);
  EXPECT_THAT(Recover(other).status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("no mirror of")));
  const FakeMirror strict(At("mirror"), service_.config().origin.text(),
                          service_.keys().curve.public_key, {}, /*knows_reader=*/false);
  EXPECT_THAT(Recover(strict).status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("curve.public")));
  const FakeMirror closed(At("mirror"), service_.config().origin.text(),
                          service_.keys().curve.public_key, {}, /*knows_reader=*/true, /*gives_log=*/false);
  EXPECT_THAT(Recover(closed).status(),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("RIGHT_REPLICATE"), HasSubstr("`mirror: true` for this log"))));
}

TEST_F(RecoveryTest, NobodyAnswers) {
  service_.RunUntil(3);
  EXPECT_THAT(RecoverFromMirror({.config = service_.config(),
                                 .mirror = "tcp://127.0.0.1:1",
                                 .mirror_key = zeromq::NewCurveKeyPair().public_key,
                                 .patience = absl::Seconds(1)})
                  .status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no answer")));
}

// ---- What must not be begun ----

TEST_F(RecoveryTest, ARunningServiceIsLeftAlone) {
  service_.RunUntil(3);
  Keep("mirror");
  const auto running = service_.OpenEngine();
  const FakeMirror mirror = Mirror("mirror");
  EXPECT_THAT(Recover(mirror).status(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lock")));
}

TEST_F(RecoveryTest, WithoutTheKeystoreNothingIsFetchedOrMade) {
  service_.RunUntil(3);
  Keep("mirror");
  std::filesystem::remove_all(service_.config().keystore_directory);
  std::filesystem::remove_all(data());
  const FakeMirror mirror = Mirror("mirror");
  EXPECT_THAT(Recover(mirror).status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(service_.config().keystore_directory));
  EXPECT_FALSE(std::filesystem::exists(data()));
}

// ---- Broken off ----

// Recovers in a process that is killed after so many batches.
TEST(RecoveryChild, DISABLED_DiesWhileItRecovers) {
  Config config{.origin = *OriginName::Parse(log::kTestOrigin)};
  config.data_directory = rocks::ChildArgument("POLKU_DATA");
  config.keystore_directory = rocks::ChildArgument("POLKU_KEYSTORE");
  config.keys_directory = rocks::ChildArgument("POLKU_KEYS");
  int left = std::stoi(rocks::ChildArgument("POLKU_BATCHES"));
  const auto key = zeromq::ParseCurveKey(rocks::ChildArgument("POLKU_MIRROR_KEY"));
  (void)RecoverFromMirror({.config = config,
                           .mirror = rocks::ChildArgument("POLKU_MIRROR"),
                           .mirror_key = *key,
                           .progress = [&](Position, Position) {
                             if (--left == 0) kill(getpid(), SIGKILL);
                           }});
  _exit(0);
}

TEST_F(RecoveryTest, KilledAtAnyBatchItGoesOnWhereItWas) {
  service_.RunUntil(4);
  Keep("old");
  service_.RunUntil(120);
  Keep("mirror");
  const std::string newest = Mark();
  Restore("old");
  ForgetMark();  // the keys directory was restored as well
  const FakeMirror mirror = Mirror("mirror");
  Position before = service_.Size();
  for (const std::string batches : {"1", "7", "20"}) {
    const pid_t child = rocks::SpawnTest(
        "RecoveryChild.DISABLED_DiesWhileItRecovers",
        {{"POLKU_DATA", data()},
         {"POLKU_KEYSTORE", service_.config().keystore_directory},
         {"POLKU_KEYS", service_.config().keys_directory},
         {"POLKU_BATCHES", batches},
         {"POLKU_MIRROR", mirror.endpoint()},
         {"POLKU_MIRROR_KEY", zeromq::FormatCurveKey(mirror.key())}});
    int outcome = 0;
    ASSERT_EQ(waitpid(child, &outcome, 0), child);
    ASSERT_TRUE(WIFSIGNALED(outcome)) << outcome;
    EXPECT_GT(service_.Size(), before);
    before = service_.Size();
    // No service starts on half the log.
    EXPECT_EQ(Mark(), newest);
    EXPECT_THAT(CheckHighWater(*service_.OpenEngine(), Mark(), service_.key(), service_.key()),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is behind")));
  }
  ASSERT_LT(before, Position(120));
  ASSERT_OK_AND_ASSIGN(const Recovered done, Recover(mirror));
  EXPECT_EQ(done.before, before);
  ExpectWhole(120);
}

// ---- Keys that were changed ----

TEST_F(RecoveryTest, ALogWhoseSigningKeyWasChangedComesBackWholeFromNothingAndFromAnOldCopy) {
  service_.RunUntil(6);
  Keep("old");
  RotateSigning();
  service_.RunUntil(12);
  RotateSigning();
  service_.RunUntil(15);
  Keep("whole");
  const FakeMirror mirror = Mirror("whole");
  std::filesystem::remove_all(data());
  auto done = Recover(mirror);
  ASSERT_OK(done);
  EXPECT_EQ(done->size, Position(15));
  ExpectWhole(15);
  // The old copy knows neither of the later keys; its mark is of the newest.
  Restore("old");
  EXPECT_THAT(OpenStores(service_.config(), service_.keys()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("polku recover")));
  done = Recover(mirror);
  ASSERT_OK(done);
  EXPECT_EQ(done->before, Position(6));
  ExpectWhole(15);
  service_.RunUntil(16);
}

TEST_F(RecoveryTest, AChangeOfTheSigningKeyThatWasBrokenOffIsFinishedByTheSameCommand) {
  service_.RunUntil(3);
  const std::string& keys = service_.config().keys_directory;
  CopyDirectory(keys, At("keys-before"));
  const auto change = PrepareRotation(service_.config(), event::v1::KEY_USE_SIGNING, "yearly", false);
  ASSERT_OK(change);
  CopyDirectory(keys, At("keys-prepared"));
  const auto position = RecordKeyChange(service_.config(), *change);
  ASSERT_OK(position);
  EXPECT_EQ(*position, Position(3));
  // Killed after the entry was written and before the key was in place.
  CopyDirectory(At("keys-prepared"), keys);
  const auto again = PrepareRotation(service_.config(), event::v1::KEY_USE_SIGNING, "yearly", false);
  ASSERT_OK(again);
  EXPECT_EQ(again->new_key(), change->new_key());
  const auto finished = RecordKeyChange(service_.config(), *again);
  ASSERT_OK(finished);
  EXPECT_EQ(*finished, Position(3));
  service_.LoadKeys();
  service_.RunUntil(6);
  ExpectWhole(6);
}

TEST_F(RecoveryTest, ARefusedChangeLeavesTheLogAsItIs) {
  service_.RunUntil(3);
  event::v1::KeyChanged change;
  change.set_use(event::v1::KEY_USE_PRINCIPAL);
  change.set_old_key(std::string(32, 'x'));
  change.set_holder("FI/GOV/0246246-0/kela");
  EXPECT_THAT(RecordKeyChange(service_.config(), change),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no principal")));
  EXPECT_EQ(service_.Size(), Position(3));
}

TEST_F(RecoveryTest, ANewMasterKeyOpensTheKeystoreAndTheOldOneDoesNot) {
  service_.RunUntil(6);
  const vault::MasterKey old = service_.keys().master;
  const auto done = RotateMasterKey(service_.config(), {});
  ASSERT_OK(done);
  EXPECT_EQ(done->credential, "");
  service_.LoadKeys();
  EXPECT_NE(service_.keys().master.secret_bytes(), old.secret_bytes());
  EXPECT_FALSE(service_.keys().next_master.has_value());
  ExpectWhole(6);
  auto storage = rocks::OpenKeyStorage(service_.config().keystore_directory, rocks::OpenMode::kReadOnly);
  ASSERT_OK(storage);
  EXPECT_THAT(vault::KeyStore::Open(*std::move(storage), old, SystemRandom(), /*read_only=*/true),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace polku::host
