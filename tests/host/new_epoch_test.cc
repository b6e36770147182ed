#include "services/host/new_epoch.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "eventstore/base/file.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/records.h"
#include "eventstore/proof/proof_file.h"
#include "polku/event/v1/event.pb.h"
#include "services/host/cosigned.h"
#include "services/host/cosigned.h"
#include "services/host/opener.h"
#include "services/host/superseded.h"
#include "tests/host/stopped_service.h"
#include "tests/rocksdb/child_process.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StatusIs;

constexpr std::string_view kNextOrigin = "FI/MUN/0187690-1/oulu/referral/2";
constexpr std::string_view kPeer = "FI/GOV/0246246-0/kela/compensation/1";

Config NextConfig(const Config& old) {
  Config next{.origin = *OriginName::Parse(kNextOrigin)};
  next.data_directory = old.data_directory + "-2";
  next.keystore_directory = old.keystore_directory;
  next.keys_directory = old.keys_directory + "-2";
  return next;
}

class NewEpochTest : public ::testing::Test {
 protected:
  NewEpochTest() : service_(directory_.path()), next_(NextConfig(service_.config())) {}

  absl::StatusOr<NewEpochMade> Open(std::string reason = "the disk was lost",
                                    uint64_t known_size = 0) {
    return OpenNewEpoch({.next = next_,
                         .old = service_.config(),
                         .reason = std::move(reason),
                         .known_size = known_size});
  }
  std::unique_ptr<log::Engine> OpenNext() const {
    auto engine = rocks::OpenEngine({.directory = next_.data_directory});
    EXPECT_OK(engine);
    return *std::move(engine);
  }
  std::unique_ptr<log::Log> OpenNextLog(log::Engine& engine, const ServiceKeys& keys) const {
    auto log = log::Log::Open(engine,
                              {.origin = next_.origin,
                               .clock = SystemClock(),
                               .random = SystemRandom(),
                               .signer = keys.signer.get()},
                              keys.curve.public_key.view());
    EXPECT_OK(log);
    return *std::move(log);
  }
  ServiceKeys NextKeys() const {
    auto keys = LoadServiceKeys(next_.keys_directory, next_.origin.text());
    EXPECT_OK(keys);
    return *std::move(keys);
  }
  static event::v1::Genesis GenesisOf(log::Engine& engine) {
    log::EntryFetcher fetcher(engine);
    const auto entry = fetcher.Fetch(kOwnLog, Position(), /*with_blobs=*/false);
    EXPECT_OK(entry);
    event::v1::Genesis genesis;
    EXPECT_TRUE(entry.ok() && genesis.ParseFromString(entry->header->control()));
    return genesis;
  }
  // A few entries of a peer, as they were verified and stored.
  void StoreReplica(uint64_t size) {
    const auto peer = log::MakeMemoryEngine();
    const auto signer =
        proof::Signer::Generate(std::string(kPeer), proof::KeyUse::kCheckpoint);
    const auto log = *log::Log::Open(*peer,
                                     {.origin = *OriginName::Parse(kPeer),
                                      .clock = SystemClock(),
                                      .random = SystemRandom(),
                                      .signer = signer.get()},
                                     log::kTestCurveKey);
    const auto engine = service_.OpenEngine();
    auto replica = *log::ReplicaLog::Open(*engine, *OriginName::Parse(kPeer));
    for (uint64_t n = 1;; ++n) {
      log::VerifiedBatch batch;
      batch.first = replica->size();
      const auto group = peer->ReadGroup(kOwnLog, batch.first, true);
      ASSERT_OK(group);
      batch.groups = {*group};
      batch.head = *log::LogHead::Parse(**peer->ReadHead(kOwnLog));
      batch.head.disclosure_number = n - 1;
      batch.checkpoint = log->checkpoint();
      ASSERT_OK(replica->Append(batch));
      if (n == size) break;
      log::NewEntry entry = log::TestEntry(9'000 + n, 1);
      entry.author_agency = "FI/GOV/0246246-0/kela";
      entry.disclosures.push_back({std::string(log::kTestAgency), SectionSet(), Position(0)});
      ASSERT_OK(log::AppendOne(*log, log::One(entry)).status);
    }
    peer_note_ = log->checkpoint();
    ASSERT_OK(log::KeepCosignatures(
        *engine, replica->number(),
        {{.witness = "FI/GOV/9999993-3/tarkastaja/audit/witness",
          .time = absl::FromUnixSeconds(1'760'000'000),
          .size = Position(size),
          .root = proof::EmptyRoot(),
          .line = proof::Signer::Generate("FI/GOV/9999993-3/tarkastaja/audit/witness",
                                          proof::KeyUse::kCosignature)
                      ->Cosign({std::string(kPeer), Position(size), proof::EmptyRoot()},
                               absl::FromUnixSeconds(1'760'000'000)),
          .proven_to = Position(size),
          .consistency = {}}}));
  }

  rocks::TempDirectory directory_;
  StoppedService service_;
  Config next_;
  std::string peer_note_;
};

TEST_F(NewEpochTest, TheGenesisNamesWhatIsHeldWhatIsKnownAndWhy) {
  service_.RunUntil(6);
  CopyDirectory(service_.config().data_directory, directory_.path() + "/old");
  service_.RunUntil(10);
  CopyDirectory(directory_.path() + "/old", service_.config().data_directory);
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open("restored from the backup of the night"));
  EXPECT_EQ(made.held, Position(6));
  EXPECT_EQ(made.known, Position(10));
  EXPECT_FALSE(made.forked);
  const auto engine = OpenNext();
  const event::v1::Genesis genesis = GenesisOf(*engine);
  EXPECT_EQ(genesis.origin(), kNextOrigin);
  EXPECT_EQ(genesis.signing_key(), NextKeys().signer->verifier().key().view());
  EXPECT_EQ(genesis.predecessor().origin(), log::kTestOrigin);
  EXPECT_EQ(genesis.predecessor().held_size(), 6u);
  EXPECT_EQ(genesis.predecessor().known_size(), 10u);
  EXPECT_EQ(genesis.predecessor().reason(), "restored from the backup of the night");
  const auto held =
      proof::VerifyCheckpoint(genesis.predecessor().checkpoint(), service_.key());
  ASSERT_OK(held);
  EXPECT_EQ(held->size, Position(6));
}

TEST_F(NewEpochTest, WhatPeersToldOfTheOldSizeIsSaidToo) {
  service_.RunUntil(6);
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open("…", /*known_size=*/77));
  EXPECT_EQ(made.known, Position(77));
  EXPECT_EQ(GenesisOf(*OpenNext()).predecessor().known_size(), 77u);
}

TEST_F(NewEpochTest, TheOldLogIsReadOnAndItsRepeatsKeepTheirReceipts) {
  service_.RunUntil(700);
  log::Receipt before;
  {
    const auto engine = service_.OpenEngine();
    const auto keystore = service_.OpenKeys();
    const auto log = service_.OpenLog(*engine);
    before = log::AppendOne(*log, log::One(service_.Entry(*keystore, 123))).receipts[0];
  }
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  EXPECT_EQ(made.held, Position(700));
  EXPECT_EQ(made.sections, 699u);
  const auto engine = OpenNext();
  const auto keystore = service_.OpenKeys();
  const ServiceKeys keys = NextKeys();
  const auto log = OpenNextLog(*engine, keys);
  const auto again = log::AppendOne(*log, log::One(service_.Entry(*keystore, 123)));
  ASSERT_OK(again.status);
  EXPECT_TRUE(again.receipts[0].repeated);
  EXPECT_NE(again.receipts[0].log, kOwnLog);
  EXPECT_EQ(again.receipts[0].position, before.position);
  EXPECT_EQ(again.receipts[0].revision, before.revision);
  EXPECT_EQ(again.receipts[0].leaf_hash, before.leaf_hash);
  EXPECT_EQ(log->size(), Position(1));

  Opener opener(*keystore, next_.origin.text());
  auto reader = log::EntryReader::Make(*engine, again.receipts[0].log, Position(1), true);
  ASSERT_OK(reader);
  for (uint64_t position = 1; position < 700; ++position) {
    const auto entry = (*reader)->Next();
    ASSERT_OK(entry);
    ASSERT_TRUE(entry->has_value());
    const auto opened = opener.Open(**entry, log::kTestOrigin);
    ASSERT_OK(opened);
    EXPECT_EQ(opened->bytes, Plaintext(position));
  }
}

TEST_F(NewEpochTest, OtherAgenciesLogsComeAlongWithHeadsCheckpointsAndRecords) {
  service_.RunUntil(3);
  StoreReplica(4);
  std::vector<log::KeyValue> checkpoints;
  {
    const auto engine = service_.OpenEngine();
    auto cursor = engine->Checkpoints(LogNumber(1));
    while (auto next = *cursor->Next()) checkpoints.push_back(*next);
  }
  ASSERT_EQ(checkpoints.size(), 4u);
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  EXPECT_EQ(made.logs, 2u);
  EXPECT_EQ(made.entries, 7u);
  const auto engine = OpenNext();
  const auto replica = log::ReplicaLog::Open(*engine, *OriginName::Parse(kPeer));
  ASSERT_OK(replica);
  EXPECT_EQ((*replica)->size(), Position(4));
  EXPECT_EQ((*replica)->head().disclosure_number, 3u);
  std::vector<log::KeyValue> copied;
  auto cursor = engine->Checkpoints((*replica)->number());
  while (auto next = *cursor->Next()) copied.push_back(*next);
  EXPECT_EQ(copied, checkpoints);
  const auto kept = log::NewestCosignatures(*engine, (*replica)->number());
  ASSERT_OK(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->front().size, Position(4));
  // A case's history is one, over all logs.
  const auto refs = log::CaseEntries(*engine, log::TestCase(1));
  ASSERT_OK(refs);
  EXPECT_EQ(refs->size(), 4u);
}

TEST_F(NewEpochTest, TheOldLogsHeadIsThatOfAReplica) {
  service_.RunUntil(3);
  {
    const auto engine = service_.OpenEngine();
    const auto log = service_.OpenLog(*engine);
    for (uint64_t n = 1; n <= 2; ++n) {
      log::NewEntry entry = log::TestEntry(100 + n, 1);
      entry.disclosures.push_back({std::string(log::kTestAgency), SectionSet(), Position(0)});
      ASSERT_OK(log::AppendOne(*log, log::One(entry)).status);
    }
  }
  ASSERT_OK(Open());
  const auto engine = OpenNext();
  const auto old = log::ReplicaLog::Open(*engine, service_.config().origin);
  ASSERT_OK(old);
  EXPECT_EQ((*old)->head().disclosure_number, 2u) << "what verification reckons from the entries";
}

TEST_F(NewEpochTest, TheHybridClockGoesOnFromTheOldLogAndAClockThatIsBehindIsTold) {
  service_.RunUntil(9);
  Order last;
  {
    const auto engine = service_.OpenEngine();
    last = service_.OpenLog(*engine)->last_order();
  }
  {
    Config right = next_;
    right.data_directory += "-right";
    right.keys_directory += "-right";
    ASSERT_OK_AND_ASSIGN(
        const NewEpochMade made,
        OpenNewEpoch({.next = right, .old = service_.config(), .reason = "…"}));
    EXPECT_EQ(made.clock_behind, absl::ZeroDuration());
    std::filesystem::remove(service_.config().keys_directory + "/superseded");
  }
  const absl::Time now = TimeFromOrder(last) - absl::Hours(1);
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, OpenNewEpoch({.next = next_,
                                                              .old = service_.config(),
                                                              .reason = "…",
                                                              .clock = [now] { return now; }}));
  EXPECT_EQ(made.clock_behind, absl::Hours(1));
  const auto engine = OpenNext();
  const ServiceKeys keys = NextKeys();
  EXPECT_EQ(OpenNextLog(*engine, keys)->last_order(), last.next());
}

TEST_F(NewEpochTest, ALostDiskIsGoneOnFromByItsMarkAlone) {
  const std::string mark = service_.RunUntil(9);
  std::filesystem::remove_all(service_.config().data_directory);
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  EXPECT_EQ(made.held, Position(0));
  EXPECT_EQ(made.known, Position(9));
  EXPECT_EQ(made.logs, 0u);
  const auto predecessor = GenesisOf(*OpenNext()).predecessor();
  EXPECT_EQ(predecessor.held_size(), 0u);
  EXPECT_EQ(predecessor.known_size(), 9u);
  EXPECT_EQ(predecessor.checkpoint(), mark);
  EXPECT_FALSE(std::filesystem::exists(service_.config().data_directory));
}

TEST_F(NewEpochTest, WithNeitherLogNorMarkThereIsNothingToGoOnFrom) {
  service_.RunUntil(9);
  std::filesystem::remove_all(service_.config().data_directory);
  std::filesystem::remove(service_.config().keys_directory + "/high-water.note");
  EXPECT_THAT(Open().status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("nothing is known of the old log")));
}

TEST_F(NewEpochTest, AnOldCopyThatWentOnTakesTheProofWithIt) {
  service_.RunUntil(5);
  CopyDirectory(service_.config().data_directory, directory_.path() + "/old");
  const std::string mark = service_.RunUntil(8);
  CopyDirectory(directory_.path() + "/old", service_.config().data_directory);
  const std::string path = service_.config().keys_directory + "/high-water.note";
  std::filesystem::remove(path);
  service_.RunUntil(12, /*first_id=*/1'000);
  ASSERT_OK(ReplaceFile(path, mark, 0644));
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  EXPECT_TRUE(made.forked);
  EXPECT_EQ(made.known, Position(12));
  const auto engine = OpenNext();
  const auto old = log::ReplicaLog::Open(*engine, service_.config().origin);
  ASSERT_OK(old);
  const auto forks = log::Forks(*engine, service_.config().origin.text());
  ASSERT_OK(forks);
  ASSERT_EQ(forks->size(), 1u);
  EXPECT_THAT(proof::VerifyCheckpointPair(*proof::ParseCheckpointPair(forks->front().pair),
                                          service_.key()),
              testing::IsOkAndHolds(proof::PairVerdict::kFork));
}

TEST_F(NewEpochTest, AThirdEpochFindsTheRepeatsOfTheFirst) {
  service_.RunUntil(4);
  ASSERT_OK(Open());
  Config third = NextConfig(next_);
  third.origin = *OriginName::Parse("FI/MUN/0187690-1/oulu/referral/3");
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made,
                       OpenNewEpoch({.next = third, .old = next_, .reason = "again"}));
  EXPECT_EQ(made.logs, 2u);
  auto engine = rocks::OpenEngine({.directory = third.data_directory});
  ASSERT_OK(engine);
  const auto keys = LoadServiceKeys(third.keys_directory, third.origin.text());
  ASSERT_OK(keys);
  auto log = log::Log::Open(**engine,
                            {.origin = third.origin,
                             .clock = SystemClock(),
                             .random = SystemRandom(),
                             .signer = keys->signer.get()},
                            keys->curve.public_key.view());
  ASSERT_OK(log);
  const auto keystore = service_.OpenKeys();
  const auto again = log::AppendOne(**log, log::One(service_.Entry(*keystore, 2)));
  ASSERT_OK(again.status);
  EXPECT_TRUE(again.receipts[0].repeated);
  EXPECT_EQ(again.receipts[0].position, Position(2));
}

// ---- Keys ----

TEST_F(NewEpochTest, TheSigningKeyIsNewAndTheOthersAreTheOldOnes) {
  service_.RunUntil(3);
  // What the cosigning key stands behind goes with it.
  const auto followed = proof::Signer::Generate("FI/X/log/1", proof::KeyUse::kCheckpoint);
  const std::string cosigned_note = followed->Sign({"FI/X/log/1", Position(5), Hash()});
  ASSERT_OK_AND_ASSIGN(const auto old_cosigned, Cosigned::Open(service_.config().keys_directory));
  old_cosigned->Remember(cosigned_note);
  ASSERT_OK(old_cosigned->Write(absl::InfinitePast(), true));
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  ASSERT_OK_AND_ASSIGN(const auto cosigned, Cosigned::Open(next_.keys_directory));
  ASSERT_NE(cosigned->Of("FI/X/log/1"), nullptr);
  EXPECT_EQ(cosigned->Of("FI/X/log/1")->note, cosigned_note);
  const ServiceKeys keys = NextKeys();
  EXPECT_NE(keys.signer->verifier().key(), service_.key().key());
  EXPECT_EQ(keys.signer->verifier().Format(), made.signing_key);
  EXPECT_EQ(keys.cosigner->verifier().Format(), service_.keys().cosigner->verifier().Format());
  EXPECT_EQ(keys.curve.secret_key, service_.keys().curve.secret_key);
  EXPECT_EQ(keys.master.secret_bytes(), service_.keys().master.secret_bytes());
  for (const std::string_view name : {"signing.secret", "cosigning.secret", "curve.secret", "master.key"}) {
    struct stat info;
    ASSERT_EQ(stat(Str(next_.keys_directory, "/", name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  EXPECT_OK(HighWater(next_.keys_directory).Read(keys.signer->verifier(), keys.signer->verifier()));
  EXPECT_NE(*HighWater(next_.keys_directory).Read(keys.signer->verifier(), keys.signer->verifier()), "");
}

TEST_F(NewEpochTest, WhatTheWitnessHasCosignedBindsItInTheNextEpoch) {
  service_.RunUntil(3);
  StoreReplica(2);
  const auto before = Cosigned::Open(service_.config().keys_directory);
  ASSERT_OK(before);
  (*before)->Remember(peer_note_);
  ASSERT_OK((*before)->Write(absl::Now(), /*now_too=*/true));
  ASSERT_OK(Open());
  const auto after = Cosigned::Open(next_.keys_directory);
  ASSERT_OK(after);
  ASSERT_NE((*after)->Of(kPeer), nullptr);
  EXPECT_EQ((*after)->Of(kPeer)->checkpoint.size, Position(2));
}

TEST_F(NewEpochTest, KeysThatAreThereAreUsedIfTheMasterKeyIsTheKeystores) {
  service_.RunUntil(3);
  ASSERT_OK(WriteNewKeys(next_.keys_directory, kNextOrigin, SystemRandom()));
  EXPECT_THAT(Open().status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                        AllOf(HasSubstr("master.key"), HasSubstr("remove it"))));
  const auto made_before = *ReadFile(next_.keys_directory + "/signing.public", 4096);
  std::filesystem::remove(next_.keys_directory + "/master.key");
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  EXPECT_EQ(made.signing_key + "\n", made_before);
  EXPECT_NE(NextKeys().curve.secret_key, service_.keys().curve.secret_key);
}

// ---- What does not fit ----

TEST_F(NewEpochTest, ConfigurationsThatDoNotFitTogetherAreRefusedWithTheRemedy) {
  service_.RunUntil(3);
  const Config good = next_;
  const auto refused = [&](std::string_view part) {
    EXPECT_THAT(Open().status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(part))));
    EXPECT_FALSE(std::filesystem::exists(good.data_directory));
    next_ = good;
  };
  next_.origin = *OriginName::Parse("FI/MUN/0187690-1/oulu/referral/3");
  refused("comes FI/MUN/0187690-1/oulu/referral/2");
  next_.origin = *OriginName::Parse("FI/MUN/0187690-1/oulu/attendance/2");
  refused("comes FI/MUN/0187690-1/oulu/referral/2");
  next_.keystore_directory += "-2";
  refused("keystore_directory");
  next_.keys_directory = service_.config().keys_directory + "/../keys";
  refused("keys_directory");
  next_.data_directory = service_.config().data_directory + "/.";
  EXPECT_THAT(Open().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("data_directory")));
}

TEST_F(NewEpochTest, AReasonIsOneLineOfTextWithoutAPersonalIdentityCode) {
  service_.RunUntil(3);
  for (const std::string& reason :
       {std::string(), std::string(1'001, 'x'), std::string("two\nlines"), std::string("\xff\xfe"),
        std::string("client 180576-918V was lost")}) {
    const auto made = Open(reason);
    EXPECT_THAT(made.status(), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(std::string(made.status().message()).find("180576"), std::string::npos);
  }
}

TEST_F(NewEpochTest, ARunningServiceIsNotReplaced) {
  service_.RunUntil(3);
  const auto running = service_.OpenEngine();
  EXPECT_THAT(Open().status(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lock")));
}

TEST_F(NewEpochTest, AnEpochThatIsOpenIsNotMadeAgain) {
  service_.RunUntil(3);
  ASSERT_OK(Open());
  const auto genesis = GenesisOf(*OpenNext());
  EXPECT_THAT(Open().status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("start the service")));
  EXPECT_EQ(GenesisOf(*OpenNext()).SerializeAsString(), genesis.SerializeAsString());
}

TEST_F(NewEpochTest, AnOlderKeystoreIsRefusedAndNothingIsLeft) {
  service_.RunUntil(3);
  CopyDirectory(service_.config().keystore_directory, directory_.path() + "/old-keystore");
  service_.RunUntil(6);
  CopyDirectory(directory_.path() + "/old-keystore", service_.config().keystore_directory);
  EXPECT_THAT(Open().status(),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("entry 3"), HasSubstr("keystore's newest backup"))));
  EXPECT_FALSE(std::filesystem::exists(next_.data_directory));
}

TEST_F(NewEpochTest, AnotherKeysDirectoryThanTheOldLogsIsRefused) {
  service_.RunUntil(3);
  Config other = service_.config();
  other.keys_directory = directory_.path() + "/other-keys";
  ASSERT_OK(WriteNewKeys(other.keys_directory, log::kTestOrigin, SystemRandom()));
  ASSERT_OK(ReplaceFile(other.keys_directory + "/master.key",
                        *ReadFile(service_.config().keys_directory + "/master.key", 4096), 0600));
  EXPECT_THAT(OpenNewEpoch({.next = next_, .old = other, .reason = "…"}).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("checkpoint")));
  EXPECT_FALSE(std::filesystem::exists(next_.data_directory));
}

// ---- The old epoch is closed ----

TEST_F(NewEpochTest, TheOldServiceIsClosedAndTheNewOneIsNot) {
  service_.RunUntil(3);
  const std::string& keys = service_.config().keys_directory;
  EXPECT_OK(CheckNotSuperseded(keys));
  ASSERT_OK(Open());
  EXPECT_THAT(CheckNotSuperseded(keys),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(keys + "/superseded"), HasSubstr(std::string(kNextOrigin)),
                             HasSubstr("start the service with the new configuration"))));
  EXPECT_OK(CheckNotSuperseded(next_.keys_directory));
  // Whatever is in it: a file that a disk has spoilt does not open a closed epoch.
  ASSERT_OK(ReplaceFile(keys + "/superseded", std::string(9'000, 'x'), 0644));
  EXPECT_THAT(CheckNotSuperseded(keys), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(NewEpochTest, ASecondNextEpochIsRefusedUntilAnOperatorTakesTheFirstBack) {
  service_.RunUntil(3);
  ASSERT_OK(Open());
  Config second = next_;
  second.data_directory += "-b";
  second.keys_directory += "-b";
  const NewEpochOptions options{.next = second, .old = service_.config(), .reason = "…"};
  EXPECT_THAT(OpenNewEpoch(options).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("another next epoch"), HasSubstr("two histories"))));
  EXPECT_FALSE(std::filesystem::exists(second.data_directory));
  std::filesystem::remove(service_.config().keys_directory + "/superseded");
  EXPECT_OK(OpenNewEpoch(options));
}

TEST_F(NewEpochTest, BrokenOffBetweenClosingAndOpeningNeitherEpochStartsUntilItIsRunAgain) {
  service_.RunUntil(3);
  const std::string& keys = service_.config().keys_directory;
  // What has the name already cannot be replaced by a directory.
  ASSERT_OK(ReplaceFile(next_.data_directory, "", 0644));
  EXPECT_FALSE(Open().ok());
  EXPECT_THAT(CheckNotSuperseded(keys), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(std::filesystem::is_directory(next_.data_directory));
  std::filesystem::remove(next_.data_directory);
  ASSERT_OK(Open());
  EXPECT_THAT(CheckNotSuperseded(keys), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(GenesisOf(*OpenNext()).origin(), kNextOrigin);
}

// ---- Broken off ----

TEST(NewEpochChild, DISABLED_DiesWhileItCopies) {
  Config old{.origin = *OriginName::Parse(log::kTestOrigin)};
  old.data_directory = rocks::ChildArgument("POLKU_DATA");
  old.keystore_directory = rocks::ChildArgument("POLKU_KEYSTORE");
  old.keys_directory = rocks::ChildArgument("POLKU_KEYS");
  const uint64_t at = std::stoull(rocks::ChildArgument("POLKU_ENTRIES"));
  (void)OpenNewEpoch({.next = NextConfig(old),
                      .old = old,
                      .reason = "the disk was lost",
                      .progress = [&](uint64_t done, uint64_t) {
                        if (done >= at) kill(getpid(), SIGKILL);
                      }});
  _exit(0);
}

TEST_F(NewEpochTest, KilledAtAnyEntryItIsMadeWholeByTheNextRun) {
  service_.RunUntil(60);
  std::string signing_key;
  for (const std::string entries : {"1", "30", "60"}) {
    const pid_t child = rocks::SpawnTest(
        "NewEpochChild.DISABLED_DiesWhileItCopies",
        {{"POLKU_DATA", service_.config().data_directory},
         {"POLKU_KEYSTORE", service_.config().keystore_directory},
         {"POLKU_KEYS", service_.config().keys_directory},
         {"POLKU_ENTRIES", entries}});
    int outcome = 0;
    ASSERT_EQ(waitpid(child, &outcome, 0), child);
    ASSERT_TRUE(WIFSIGNALED(outcome)) << outcome;
    EXPECT_FALSE(std::filesystem::exists(next_.data_directory));
    EXPECT_OK(CheckNotSuperseded(service_.config().keys_directory)) << "nothing is there to go on with";
    const auto key = *ReadFile(next_.keys_directory + "/signing.public", 4096);
    EXPECT_TRUE(signing_key.empty() || signing_key == key) << "a peer may have been told already";
    signing_key = key;
  }
  ASSERT_OK_AND_ASSIGN(const NewEpochMade made, Open());
  EXPECT_EQ(made.held, Position(60));
  EXPECT_EQ(made.signing_key + "\n", signing_key);
  EXPECT_FALSE(std::filesystem::exists(next_.data_directory + ".building"));
}

}  // namespace
}  // namespace polku::host
