// Who stands behind a node's log: cosignatures, proofs in answers, forks, old copies. Real keys, no sockets.
#include "services/host/witnessing.h"

#include "eventstore/base/bytes.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Witness {
  Witness(std::string_view of, std::string_view service)
      : agency(of),
        key(proof::Signer::Generate(Str(of, "/", service, "/witness"),
                                    proof::KeyUse::kCosignature)) {}
  std::string agency;
  std::unique_ptr<proof::Signer> key;
};

class WitnessingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const Witness* witness : {&kela_, &kela_too_, &provider_, &own_}) {
      node_.config.witnesses.push_back({witness->agency, witness->key->verifier()});
    }
    Start();
  }
  void Start() {
    witnessing_.reset();
    node_.Reopen();
    auto opened = Witnessing::Open({.config = node_.config,
                                    .signer = *node_.keys.signer,
                                    .engine = node_.engine,
                                    .clock = [this] { return node_.now; },
                                    .size = [this] { return node_->size(); },
                                    .checkpoint = [this] { return node_->checkpoint(); }});
    ASSERT_OK(opened);
    witnessing_ = *std::move(opened);
  }
  exchange::v1::OfferedEvent Need(uint64_t number) {
    return Event(NamedEvent(Str("need ", number)), NumberedCase(number),
                 ParseText<referral::v1::NeedIdentified>(
                     "identified_on: '2025-01-07' source: NEED_SOURCE_CLIENT "
                     "municipality_code: '564'"));
  }
  exchange::v1::OfferAnswer Publish(uint64_t first, uint64_t count = 1) {
    std::vector<exchange::v1::OfferedEvent> events;
    for (uint64_t i = 0; i < count; ++i) events.push_back(Need(first + i));
    auto answer = node_.Offer(kOulu, std::move(events));
    EXPECT_FALSE(answer.has_refusal()) << answer.ShortDebugString();
    return answer;
  }
  // The note with the witness's line, as its replica sends it.
  exchange::v1::Cosign CosignOf(const Witness& witness, const std::string& note) {
    exchange::v1::Cosign cosign;
    cosign.set_origin(node_.origin());
    const auto checkpoint = proof::VerifyCheckpoint(note, node_.keys.signer->verifier());
    EXPECT_OK(checkpoint);
    cosign.set_checkpoint(note + witness.key->Cosign(*checkpoint, node_.now));
    return cosign;
  }
  bool Cosign(const Witness& witness) {
    node_.now += absl::Seconds(1);
    return witnessing_->OnCosign(witness.agency, CosignOf(witness, node_->checkpoint())).news;
  }
  // The same log going on elsewhere, under the same key: what a witness of the lost log holds.
  std::string NoteElsewhere(uint64_t size, std::string_view what) {
    return node_.keys.signer->Sign({node_.origin(), Position(size), Sha256(what)});
  }
  std::string Captured(const std::function<void()>& action) {
    ::testing::internal::CaptureStderr();
    action();
    return ::testing::internal::GetCapturedStderr();
  }

  StubService service_;
  TestNode node_{kOulu, service_, 1};
  const Witness kela_{kKela, "compensation"};
  const Witness kela_too_{kKela, "audit"};
  const Witness provider_{kProvider, "attendance"};
  const Witness own_{kOulu, "attendance"};
  const Witness stranger_{kAuditor, "audit"};
  std::unique_ptr<Witnessing> witnessing_;
};

TEST_F(WitnessingTest, AgenciesAreCountedAndNotTheirServicesNorOnesOwn) {
  const auto answer = Publish(1);
  const Position covered = witnessing_->CoveredBy(answer);
  EXPECT_EQ(covered, node_->size());
  EXPECT_TRUE(witnessing_->unconfirmed());
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 0u);
  EXPECT_TRUE(Cosign(own_));
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 0u);
  EXPECT_TRUE(Cosign(kela_));
  EXPECT_TRUE(Cosign(kela_too_));
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 1u);
  EXPECT_TRUE(Cosign(provider_));
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 2u);
  EXPECT_FALSE(witnessing_->unconfirmed());
  Publish(2);
  EXPECT_EQ(witnessing_->AgenciesCovering(node_->size()), 0u);
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 2u);
  EXPECT_EQ(witnessing_->health(), "");
}

TEST_F(WitnessingTest, WhatIsNotOfAConfiguredKeyOfTheSendersAgencyIsIgnoredWithOneLine) {
  Publish(1);
  const std::string text = Captured([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_FALSE(
          witnessing_->OnCosign(kAuditor, CosignOf(stranger_, node_->checkpoint())).news);
      // A true cosignature, carried by another agency's connection.
      EXPECT_FALSE(witnessing_->OnCosign(kProvider, CosignOf(kela_, node_->checkpoint())).news);
      node_.now += absl::Minutes(1);
    }
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_THAT(text, HasSubstr("ignored"));
  EXPECT_TRUE(witnessing_->unconfirmed());
  EXPECT_EQ(witnessing_->AgenciesCovering(Position(1)), 0u);
  ASSERT_OK_AND_ASSIGN(const auto kept, log::NewestCosignatures(node_.engine, kOwnLog));
  EXPECT_THAT(kept, IsEmpty());
}

TEST_F(WitnessingTest, CosignaturesOutliveARestartButConfirmNothing) {
  Publish(1);
  Cosign(kela_);
  Cosign(provider_);
  const Position covered = node_->size();
  Publish(2);  // its sync takes the records along
  Start();
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 2u);
  EXPECT_TRUE(witnessing_->unconfirmed());
  Cosign(own_);
  EXPECT_TRUE(witnessing_->unconfirmed()) << "by another service of the own agency";
  Cosign(provider_);
  EXPECT_FALSE(witnessing_->unconfirmed());
  exchange::v1::StatusAnswer status;
  witnessing_->AddStatus(status);
  EXPECT_TRUE(status.confirmed());
  ASSERT_EQ(status.witnesses_size(), 4);
  std::map<std::string, uint64_t> sizes;
  for (const auto& witness : status.witnesses()) sizes[witness.name()] = witness.cosigned_size();
  EXPECT_EQ(sizes[kela_.key->verifier().name()], covered.value());
  EXPECT_EQ(sizes[provider_.key->verifier().name()], node_->size().value());
  EXPECT_EQ(sizes[own_.key->verifier().name()], node_->size().value());
}

TEST_F(WitnessingTest, WithoutWitnessesNothingIsUnconfirmed) {
  node_.config.witnesses = {{own_.agency, own_.key->verifier()}};
  Start();
  EXPECT_FALSE(witnessing_->unconfirmed());
  auto answer = Publish(1);
  witnessing_->Complete(answer, 0, true);
  EXPECT_FALSE(answer.unconfirmed());
  EXPECT_THAT(answer.witnessed_by(), IsEmpty());
}

// ---- Proofs ----

void ExpectProven(const exchange::v1::OfferAnswer& answer, const proof::VerifierKey& key) {
  for (const auto& receipt : answer.receipts()) {
    proof::InclusionFile file{
        .extra = std::nullopt, .index = Position(receipt.position()), .hashes = {},
        .checkpoint = answer.checkpoint()};
    for (const auto& hash : receipt.inclusion_proof()) file.hashes.push_back(*Hash::FromBytes(hash));
    EXPECT_OK(proof::VerifyInclusionFile(file, *Hash::FromBytes(receipt.leaf_hash()), key));
    // Another leaf is not proven by it.
    EXPECT_FALSE(proof::VerifyInclusionFile(file, Sha256("x"), key).ok());
  }
}

TEST_F(WitnessingTest, ReceiptsAreProvenInTheCheckpointThatEnoughAgenciesCosigned) {
  auto answer = Publish(1, 3);
  Publish(10);
  Cosign(kela_);
  const std::string cosigned_by_one = node_->checkpoint();
  Publish(11);
  Cosign(kela_);
  Cosign(provider_);
  const Position both = node_->size();
  Publish(12);
  Cosign(kela_too_);  // newer, of one agency
  Publish(13);

  witnessing_->Complete(answer, 2, true);
  EXPECT_THAT(answer.witnessed_by(), ElementsAre(kKela, kProvider));
  ExpectProven(answer, node_.keys.signer->verifier());
  ASSERT_OK_AND_ASSIGN(const auto checkpoint, proof::VerifyCheckpoint(answer.checkpoint(),
                                                       node_.keys.signer->verifier()));
  EXPECT_EQ(checkpoint.size, both);
  EXPECT_OK(proof::VerifyCosignature(answer.checkpoint(), kela_.key->verifier()));
  EXPECT_OK(proof::VerifyCosignature(answer.checkpoint(), provider_.key->verifier()));
  EXPECT_FALSE(proof::VerifyCosignature(answer.checkpoint(), kela_too_.key->verifier()).ok());

  // One is enough: the newest that one agency cosigned.
  auto again = answer;
  witnessing_->Complete(again, 1, true);
  EXPECT_OK(proof::VerifyCosignature(again.checkpoint(), kela_too_.key->verifier()));
}

TEST_F(WitnessingTest, WhatNobodyHasCosignedIsProvenInTheNewestCheckpoint) {
  Publish(1);
  Cosign(kela_);
  auto answer = Publish(2, 300);
  Publish(1'000, 700);
  witnessing_->Complete(answer, 2, true);
  EXPECT_THAT(answer.witnessed_by(), IsEmpty());
  EXPECT_EQ(answer.checkpoint(), node_->checkpoint());
  ExpectProven(answer, node_.keys.signer->verifier());
}

TEST_F(WitnessingTest, ARepeatIsProvenLikeAFirstReceipt) {
  Publish(1, 5);
  Publish(20, 5);
  Cosign(kela_);
  auto repeat = Publish(1, 5);
  ASSERT_TRUE(repeat.receipts(0).repeated_offer());
  EXPECT_LT(witnessing_->CoveredBy(repeat), node_->size());
  witnessing_->Complete(repeat, 1, true);
  EXPECT_THAT(repeat.witnessed_by(), ElementsAre(kKela));
  ExpectProven(repeat, node_.keys.signer->verifier());
}

TEST_F(WitnessingTest, WithoutAWishForAProofNoneIsMade) {
  auto answer = Publish(1);
  Cosign(kela_);
  witnessing_->Complete(answer, 1, false);
  EXPECT_EQ(answer.checkpoint(), "");
  EXPECT_THAT(answer.receipts(0).inclusion_proof(), IsEmpty());
  EXPECT_THAT(answer.witnessed_by(), ElementsAre(kKela));
}

TEST_F(WitnessingTest, TheLargestAnswerFitsAMessage) {
  for (uint64_t i = 0; i < 8; ++i) Publish(10'000 * (i + 1), log::kMaxEntriesPerAppend);
  auto answer = Publish(1, log::kMaxEntriesPerAppend);
  for (const Witness* witness : {&kela_, &kela_too_, &provider_, &own_}) Cosign(*witness);
  witnessing_->Complete(answer, 2, true);
  ExpectProven(answer, node_.keys.signer->verifier());
  EXPECT_LT(answer.ByteSizeLong(), (4u << 20) - 64);
}

// ---- Old copies ----

TEST_F(WitnessingTest, AWitnessThatHoldsMoreUnderOurKeyStopsTheLog) {
  Publish(1);
  EXPECT_EQ(witnessing_->behind(), "");
  const std::string more = NoteElsewhere(node_->size().value() + 7, "the lost part");
  const std::string told = Captured(
      [&] { EXPECT_FALSE(witnessing_->OnCosign(kKela, CosignOf(kela_, more)).news); });
  EXPECT_THAT(told, HasSubstr("BEHIND"));
  EXPECT_THAT(witnessing_->behind(), HasSubstr("polku recover"));
  EXPECT_THAT(witnessing_->behind(), HasSubstr("polku new-epoch"));
  EXPECT_THAT(witnessing_->behind(), HasSubstr(Str(node_->size().value() + 7, " entries")));
  EXPECT_THAT(witnessing_->health(), HasSubstr("BEHIND"));
  EXPECT_TRUE(witnessing_->unconfirmed());

  node_->StopAppending();
  const Position size = node_->size();
  const auto refused = node_.Offer(kOulu, {Need(2)});
  EXPECT_EQ(refused.refusal().kind(), exchange::v1::REFUSAL_KIND_TRY_AGAIN);
  EXPECT_EQ(refused.refusal().code(), "log_behind");
  EXPECT_THAT(refused.refusal().message(), HasSubstr("polku recover"));
  EXPECT_EQ(node_->size(), size);
  // A restart forgets: whether it is still so is asked again.
  Start();
  EXPECT_EQ(witnessing_->behind(), "");
  EXPECT_FALSE(node_.Offer(kOulu, {Need(2)}).has_refusal());
}

TEST_F(WitnessingTest, AClaimOfMoreWithoutOurSignatureStopsNothing) {
  Publish(1);
  const auto forged_key = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  const proof::Checkpoint more{node_.origin(), Position(99), Sha256("forged")};
  exchange::v1::Cosign cosign;
  cosign.set_origin(node_.origin());
  cosign.set_checkpoint(forged_key->Sign(more) + kela_.key->Cosign(more, node_.now));
  Captured([&] {
    witnessing_->OnCosign(kKela, cosign);
    witnessing_->OnOwnSeen("a peer", forged_key->Sign(more));
    witnessing_->OnOwnSeen("a peer", "not a note");
    witnessing_->OnOwnSeen("a peer", "");
  });
  EXPECT_EQ(witnessing_->behind(), "");
}

TEST_F(WitnessingTest, APullBeyondTheEndIsAClaimWhoeverSendsIt) {
  Publish(1);
  const std::string told = Captured([&] {
    for (int i = 0; i < 20; ++i) witnessing_->OnPullBeyond(kAuditor, Position(500));
    for (int i = 0; i < 20; ++i) witnessing_->OnPullBeyond(kKela, Position(600));
  });
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 2) << told;
  EXPECT_EQ(witnessing_->behind(), "");
  EXPECT_THAT(witnessing_->health(), HasSubstr("claims to hold entries of this log up to 500"));
  EXPECT_THAT(witnessing_->health(), HasSubstr("claims to hold entries of this log up to 600"));
  EXPECT_THAT(witnessing_->health(), HasSubstr("its cosignature would prove it"));
}

TEST_F(WitnessingTest, ASecondHistoryUnderOurOwnKeyIsKeptAsProof) {
  Publish(1, 20);
  const std::string elsewhere = NoteElsewhere(10, "went on from an old copy");
  Captured([&] { witnessing_->OnCosign(kKela, CosignOf(kela_, elsewhere)); });
  EXPECT_THAT(witnessing_->behind(), HasSubstr("another history"));
  exchange::v1::StatusAnswer status;
  witnessing_->AddStatus(status);
  ASSERT_EQ(status.forks_size(), 1);
  EXPECT_EQ(status.forks(0).origin(), node_.origin());
  ASSERT_OK_AND_ASSIGN(const auto pair, proof::ParseCheckpointPair(status.forks(0).pair()));
  ASSERT_OK_AND_ASSIGN(const auto verdict,
                       proof::VerifyCheckpointPair(pair, node_.keys.signer->verifier()));
  EXPECT_EQ(verdict, proof::PairVerdict::kFork);
  // Told again, it is the same; and it outlives a restart.
  Captured([&] { witnessing_->OnOwnSeen("a peer", elsewhere); });
  Captured([&] { Start(); });
  status.Clear();
  witnessing_->AddStatus(status);
  EXPECT_GE(status.forks_size(), 1);
  EXPECT_TRUE(witnessing_->IsForked(node_.origin()));
  EXPECT_THAT(witnessing_->health(), HasSubstr(Str("FORK ", node_.origin())));
  // As long as the proof is kept, nothing is appended to this directory.
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_THAT(witnessing_->behind(), HasSubstr("two histories"));
    EXPECT_THAT(witnessing_->behind(), HasSubstr("polku new-epoch"));
    EXPECT_THAT(witnessing_->behind(), HasSubstr("empty data directory"));
    Captured([&] { Start(); });
  }
}

TEST_F(WitnessingTest, WhoHoldsLessThanWeHadAtTheStartConfirmsNothing) {
  Publish(1);
  const std::string old = node_->checkpoint();
  Publish(2, 50);
  Start();
  const std::string at_start = node_->checkpoint();
  Publish(100, 50);
  node_.now += absl::Seconds(1);
  witnessing_->OnCosign(kKela, CosignOf(kela_, old));
  EXPECT_TRUE(witnessing_->unconfirmed());
  node_.now += absl::Seconds(1);
  witnessing_->OnCosign(kKela, CosignOf(kela_, at_start));
  EXPECT_FALSE(witnessing_->unconfirmed());
}

// ---- Words that are not taken, records that cannot be used ----

TEST_F(WitnessingTest, ATimeFarAheadIsNotTakenAndTheServiceStartsAgain) {
  Publish(1);
  const absl::Time right = node_.now;
  for (const absl::Time fast : {right + absl::Minutes(11), right + absl::Hours(24 * 365),
                                absl::FromUnixSeconds((int64_t{1} << 62) + 5)}) {
    const auto checkpoint =
        proof::VerifyCheckpoint(node_->checkpoint(), node_.keys.signer->verifier());
    ASSERT_OK(checkpoint);
    exchange::v1::Cosign cosign;
    cosign.set_origin(node_.origin());
    cosign.set_checkpoint(node_->checkpoint() + kela_.key->Cosign(*checkpoint, fast));
    Captured([&] { EXPECT_FALSE(witnessing_->OnCosign(kKela, cosign).news); });
    EXPECT_THAT(witnessing_->health(), HasSubstr("ahead of ours"));
    EXPECT_THAT(witnessing_->health(), HasSubstr(kela_.key->verifier().name()));
    EXPECT_THAT(witnessing_->Extras(node_->size()).cosigned, IsEmpty());
    EXPECT_TRUE(witnessing_->unconfirmed());
  }
  EXPECT_TRUE(Cosign(kela_));
  EXPECT_EQ(witnessing_->health(), "") << "its clock is right again";
  const Position covered = node_->size();
  Publish(2);
  Start();
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 1u);
  EXPECT_EQ(witnessing_->health(), "");
}

TEST_F(WitnessingTest, AWordAfterTheClockWasPutBackOutlivesARestart) {
  Publish(1);
  Cosign(kela_);
  Publish(2, 10);
  const absl::Time right = node_.now;
  node_.now -= absl::Minutes(30);
  EXPECT_TRUE(Cosign(kela_));
  node_.now = right;
  const Position covered = node_->size();
  Publish(100);
  Start();
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 1u);
}

TEST_F(WitnessingTest, AMalformedRecordKeepsNoServiceFromStarting) {
  Publish(1);
  Cosign(kela_);
  Cosign(provider_);
  const Position covered = node_->size();
  Publish(2);
  ASSERT_OK_AND_ASSIGN(auto record, node_.engine.RecordScan("c")->Next());
  ASSERT_TRUE(record.has_value());
  record->second = "damaged";
  const log::KeyValue fork(Str("f", node_.origin(), std::string_view("\0zzz", 4)), "pair");
  ASSERT_OK(node_.engine.WriteRecords(std::vector<log::KeyValue>{*record, fork}, true));
  const std::string told = Captured([&] { Start(); });
  EXPECT_THAT(told, HasSubstr("malformed"));
  EXPECT_THAT(witnessing_->health(), HasSubstr("has 7 bytes"));
  EXPECT_THAT(witnessing_->health(), HasSubstr("record of a fork"));
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 1u) << "the other witness's";
  EXPECT_EQ(witnessing_->behind(), "");
  evidence::VerifyOptions verify{.own_origin = node_.origin()};
  verify.keys.emplace(node_.origin(), node_.keys.signer->verifier());
  for (const auto& witness : node_.config.witnesses) verify.witnesses.push_back(witness.key);
  ASSERT_OK_AND_ASSIGN(const auto report, evidence::VerifyStore(node_.engine, verify));
  std::string problems;
  for (const auto& problem : report.problems) problems += problem.what + "\n";
  EXPECT_THAT(problems, HasSubstr("has 7 bytes"));
  ASSERT_THAT(report.logs, SizeIs(1));
  EXPECT_EQ(report.logs[0].cosignatures, 1u) << "the rest is verified all the same";
}

TEST_F(WitnessingTest, ARootThatIsNotOursIsNeverSignedAgain) {
  Publish(1);
  const proof::Checkpoint other{node_.origin(), Position(1), Sha256("damaged")};
  node_.now += absl::Seconds(1);
  ASSERT_OK(log::KeepCosignatures(node_.engine, kOwnLog,
                                  {{.witness = kela_.key->verifier().name(),
                                    .time = node_.now,
                                    .size = other.size,
                                    .root = other.root,
                                    .line = kela_.key->Cosign(other, node_.now),
                                    .proven_to = other.size,
                                    .consistency = {}}}));
  const std::string told = Captured([&] { Start(); });
  EXPECT_THAT(told, HasSubstr("its root is not that of our log"));
  EXPECT_THAT(witnessing_->health(), HasSubstr("its root is not that of our log"));
  EXPECT_EQ(witnessing_->AgenciesCovering(Position(1)), 0u);
  EXPECT_THAT(witnessing_->Extras(node_->size()).cosigned, IsEmpty());
  auto answer = Publish(1);
  witnessing_->Complete(answer, 1, true);
  EXPECT_EQ(answer.checkpoint(), node_->checkpoint());
}

TEST_F(WitnessingTest, AWitnessWithANewKeyIsAStrangerUntilItIsListed) {
  Publish(1);
  Cosign(kela_);
  const Position covered = node_->size();
  Publish(2);
  const Witness fresh(kKela, "compensation");
  ASSERT_EQ(fresh.key->verifier().name(), kela_.key->verifier().name());
  const std::string told = Captured([&] {
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(Cosign(fresh));
  });
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
  EXPECT_THAT(told, HasSubstr("another key of that name"));

  for (auto& witness : node_.config.witnesses) {
    if (witness.key.name() == fresh.key->verifier().name()) witness.key = fresh.key->verifier();
  }
  Start();
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 0u);
  EXPECT_THAT(witnessing_->Extras(node_->size()).cosigned, IsEmpty());
  EXPECT_EQ(witnessing_->health(), "");
  evidence::VerifyOptions verify{.own_origin = node_.origin()};
  verify.keys.emplace(node_.origin(), node_.keys.signer->verifier());
  for (const auto& witness : node_.config.witnesses) verify.witnesses.push_back(witness.key);
  ASSERT_OK_AND_ASSIGN(const auto report, evidence::VerifyStore(node_.engine, verify));
  EXPECT_THAT(report.problems, IsEmpty());
  Captured([&] { EXPECT_FALSE(Cosign(kela_)) << "the old key"; });
  EXPECT_TRUE(Cosign(fresh));
  EXPECT_EQ(witnessing_->AgenciesCovering(covered), 1u);
}

TEST_F(WitnessingTest, WhatASenderCallsItselfIsPrintableAndShort) {
  Publish(1);
  Witness odd(kKela, "\xc2\x9b\x31m" + std::string(1'000, 'x'));
  ASSERT_NE(odd.key, nullptr);
  const std::string told =
      Captured([&] { witnessing_->OnCosign(kKela, CosignOf(odd, node_->checkpoint())); });
  EXPECT_THAT(told, HasSubstr("ignored"));
  EXPECT_THAT(told, Not(HasSubstr("\xc2\x9b")));
  EXPECT_LT(told.size(), 800u);
}

TEST_F(WitnessingTest, WhatAPeerWasShownOfOurLogIsComparedWithIt) {
  Publish(1, 3);
  const std::string older = node_->checkpoint();
  Publish(10, 300);
  Captured([&] {
    witnessing_->OnOwnSeen("peer", older);
    witnessing_->OnOwnSeen("peer", node_->checkpoint());
  });
  EXPECT_EQ(witnessing_->behind(), "");
  EXPECT_EQ(witnessing_->health(), "");
  const std::string split = NoteElsewhere(node_->size().value(), "shown to one agency alone");
  Captured([&] { witnessing_->OnOwnSeen("peer", split); });
  EXPECT_THAT(witnessing_->behind(), HasSubstr("was shown another history"));
  exchange::v1::StatusAnswer status;
  witnessing_->AddStatus(status);
  ASSERT_EQ(status.forks_size(), 1);
  ASSERT_OK_AND_ASSIGN(const auto pair, proof::ParseCheckpointPair(status.forks(0).pair()));
  EXPECT_THAT(proof::VerifyCheckpointPair(pair, node_.keys.signer->verifier()),
              testing::IsOkAndHolds(proof::PairVerdict::kFork));
}

TEST_F(WitnessingTest, AForkOfAFollowedLogIsKeptOnceAndBounded) {
  const std::string kela_origin = Str(kKela, "/compensation/1");
  const std::string told = Captured([&] {
    EXPECT_OK(witnessing_->KeepFork(kela_origin, "pair 1"));
    EXPECT_OK(witnessing_->KeepFork(kela_origin, "pair 1"));
    for (int i = 0; i < 100; ++i) {
      node_.now += absl::Seconds(1);
      EXPECT_OK(witnessing_->KeepFork(kela_origin, Str("pair ", i)));
    }
  });
  EXPECT_THAT(told, HasSubstr("FORK"));
  exchange::v1::StatusAnswer status;
  witnessing_->AddStatus(status);
  EXPECT_EQ(static_cast<size_t>(status.forks_size()), log::kMaxForksKept);
  EXPECT_TRUE(witnessing_->IsForked(kela_origin));
  EXPECT_FALSE(witnessing_->IsForked(node_.origin()));
  EXPECT_EQ(witnessing_->behind(), "") << "somebody else's fork does not stop our log";
  ASSERT_OK_AND_ASSIGN(const auto kept, log::Forks(node_.engine, kela_origin));
  EXPECT_THAT(kept, SizeIs(log::kMaxForksKept));
}

TEST_F(WitnessingTest, KeptEvidenceMarksTheOriginWhoseKeySignedItAndNobodyElse) {
  Publish(1);
  const auto follow = [&](std::string_view agency, std::string_view service) {
    auto signer = proof::Signer::Generate(Str(agency, "/", service, "/1"),
                                          proof::KeyUse::kCheckpoint);
    node_.config.peers.push_back({.origin = *OriginName::Parse(signer->verifier().name()),
                                  .address = "tcp://unused:1",
                                  .curve_key = node_.keys.curve.public_key,
                                  .signing_key = signer->verifier()});
    return signer;
  };
  const auto kela = follow(kKela, "compensation");
  const auto provider = follow(kProvider, "attendance");
  const auto fork_by = [](const proof::Signer& signer) {
    const auto note = [&](std::string_view what) {
      return signer.Sign({signer.verifier().name(), Position(9), Sha256(what)});
    };
    return proof::FormatCheckpointPair({.prefix = Sha256("new"),
                                        .hashes = {},
                                        .older = note("old"),
                                        .newer = note("new")});
  };
  const std::string& guilty = kela->verifier().name();
  const std::string& innocent = provider->verifier().name();
  const auto other_key = proof::Signer::Generate(innocent, proof::KeyUse::kCheckpoint);
  // Nothing is stored of either log, so both replicas have the same provisional number.
  Captured([&] { ASSERT_OK(witnessing_->KeepFork(guilty, fork_by(*kela))); });
  EXPECT_EQ(node_.engine.Logs()->size(), 1u);
  for (const std::string& pair : {fork_by(*kela), fork_by(*other_key), std::string("no pair")}) {
    ASSERT_OK(log::KeepFork(node_.engine, innocent, node_.now, pair));
  }
  const std::string stranger = Str(kAuditor, "/audit/1");
  ASSERT_OK(log::KeepFork(node_.engine, stranger, node_.now, "of a log followed no more"));
  const std::string told = Captured([&] { Start(); });
  EXPECT_TRUE(witnessing_->IsForked(guilty));
  EXPECT_FALSE(witnessing_->IsForked(innocent));
  EXPECT_FALSE(witnessing_->IsForked(stranger));
  exchange::v1::StatusAnswer status;
  witnessing_->AddStatus(status);
  ASSERT_EQ(status.forks_size(), 1);
  EXPECT_EQ(status.forks(0).origin(), guilty);
  for (const std::string& text : {told, witnessing_->health()}) {
    EXPECT_THAT(text, HasSubstr(Str("fork of ", innocent, " proves none under its key")));
    EXPECT_THAT(text, HasSubstr(Str("fork of ", stranger, " is not checked")));
    EXPECT_THAT(text, Not(HasSubstr(Str("FORK ", innocent))));
  }
}

TEST_F(WitnessingTest, OurOwnCosignaturesAreKeptAsTheyAreSentEachSizeOnce) {
  Publish(1);
  const LogNumber followed(3);  // as if the log were another's
  const auto first = CosignOf(kela_, node_->checkpoint());
  EXPECT_OK(witnessing_->KeepOwnCosignature(followed, first, kela_.key->verifier()));
  node_.now += absl::Hours(1);
  EXPECT_OK(witnessing_->KeepOwnCosignature(followed, CosignOf(kela_, node_->checkpoint()),
                                            kela_.key->verifier()));
  Publish(2);
  node_.now += absl::Hours(1);
  EXPECT_OK(witnessing_->KeepOwnCosignature(followed, CosignOf(kela_, node_->checkpoint()),
                                            kela_.key->verifier()));
  // Another's line is not ours.
  Publish(3);
  EXPECT_OK(witnessing_->KeepOwnCosignature(followed, CosignOf(provider_, node_->checkpoint()),
                                            kela_.key->verifier()));
  std::vector<uint64_t> sizes;
  EXPECT_OK(log::VisitCosignatures(node_.engine, followed, [&](const log::KeptCosignature& kept) {
    EXPECT_EQ(kept.witness, kela_.key->verifier().name());
    EXPECT_EQ(kept.proven_to, kept.size);
    sizes.push_back(kept.size.value());
    return absl::OkStatus();
  }));
  EXPECT_THAT(sizes, ElementsAre(node_->size().value() - 2, node_->size().value() - 1));
  // Between the two, the first is what we had.
  ASSERT_OK_AND_ASSIGN(
      const auto then, log::CosignatureAt(node_.engine, followed, kela_.key->verifier().name(),
                                          node_.now - absl::Minutes(30)));
  ASSERT_TRUE(then.has_value());
  EXPECT_EQ(then->size.value(), sizes[0]);
}

// ---- Heartbeats ----

TEST_F(WitnessingTest, HeartbeatsTellTheNewestCosignatureOfEachWithItsConsistency) {
  Publish(1);
  Cosign(kela_);
  const Position first = node_->size();
  const auto root = proof::VerifyCheckpoint(node_->checkpoint(), node_.keys.signer->verifier())->root;
  Publish(2, 400);
  Cosign(provider_);
  const auto extras = witnessing_->Extras(node_->size());
  ASSERT_THAT(extras.cosigned, SizeIs(2));
  ASSERT_OK_AND_ASSIGN(const auto present, proof::VerifyCheckpoint(node_->checkpoint(),
                                                    node_.keys.signer->verifier()));
  const auto& older = extras.cosigned[0];
  EXPECT_OK(proof::VerifyCosignature(older.checkpoint(), kela_.key->verifier()));
  proof::MerkleProof consistency;
  for (const auto& hash : older.consistency()) consistency.push_back(*Hash::FromBytes(hash));
  EXPECT_OK(proof::VerifyConsistency(first, present.size, root, present.root, consistency));
  EXPECT_THAT(extras.cosigned[1].consistency(), IsEmpty());
  EXPECT_OK(proof::VerifyCosignature(extras.cosigned[1].checkpoint(), provider_.key->verifier()));
  // What is newer than what subscribers were told waits.
  EXPECT_THAT(witnessing_->Extras(first).cosigned, SizeIs(1));
}

// ---- The node ----

TEST_F(WitnessingTest, MoreWitnessesThanThereAreOtherAgenciesAreRefusedAtOnce) {
  exchange::v1::Offer offer;
  *offer.add_events() = Need(1);
  offer.set_witnesses(3);  // four witnesses: of Kela two, of the provider one, of Oulu itself one
  const Position size = node_->size();
  const PrincipalConfig author = Author(kOulu);
  const auto ask = [&] {
    const OfferFrom from{offer, author};
    return node_->HandleOffers({&from, 1}).at(0);
  };
  const auto refused = ask();
  EXPECT_EQ(refused.refusal().kind(), exchange::v1::REFUSAL_KIND_INVALID);
  EXPECT_EQ(refused.refusal().code(), "too_few_witnesses");
  EXPECT_THAT(refused.refusal().message(), HasSubstr("2"));
  EXPECT_EQ(node_->size(), size);
  offer.set_witnesses(2);
  offer.set_witness_timeout_ms(60'001);
  EXPECT_EQ(ask().refusal().code(), "bad_witness_timeout");
  offer.set_witness_timeout_ms(60'000);
  EXPECT_FALSE(ask().has_refusal());
  EXPECT_EQ(node_->size(), size.next());
}

TEST_F(WitnessingTest, AStoppedLogAppendsNoDutyAndWaitsForNone) {
  service_.due = [&](const WatchedState&, absl::CivilDay) {
    service::Duty duty;
    duty.key = "k";
    duty.event = std::make_unique<referral::v1::PlanDrafted>();
    std::vector<service::Duty> duties;
    duties.push_back(std::move(duty));
    return duties;
  };
  Publish(1);
  node_->StopAppending();
  const Position size = node_->size();
  node_->Work();
  EXPECT_EQ(node_->size(), size);
  EXPECT_EQ(node_->NextWork(), absl::InfiniteFuture());
}

TEST(MirrorNodeTest, WhatIsHeldForItsOriginAloneTakesNoPartInDecisions) {
  StubService oulu_service, county_service;
  TestNode oulu{kOulu, oulu_service, 1}, county{kWellbeing, county_service, 2};
  // Nothing of it is shared with the county.
  oulu.config.agreement.clear_sharings();
  county.config.peers.clear();
  const size_t peer = county.Follow(oulu);
  county.config.peers[peer].mirror = true;
  oulu.Open();
  county.Open();
  for (const auto& event : ClientPath(1, 0, 1, 2)) {
    if (event.event.type() != "polku.referral.v1.NeedIdentified" &&
        event.event.type() != "polku.referral.v1.PlanDrafted") {
      continue;
    }
    ASSERT_FALSE(oulu.Offer(kOulu, {event.event}).has_refusal());  // the county is no party
  }
  size_t evaluated = 0;
  county_service.due = [&](const WatchedState&, absl::CivilDay) {
    ++evaluated;
    return std::vector<service::Duty>();
  };
  std::vector<std::string> facts;
  county_service.decide = [&](const WatchedState& state, const service::Offer&) {
    facts = state.facts;
    return std::optional<service::Refusal>();
  };
  Replicate(oulu, county, peer);
  EXPECT_EQ(county->replica(peer).size(), oulu->size());
  // Every leaf and blob is here.
  const auto entries = log::EntryReader::Make(county.engine, county->replica(peer).number(),
                                              Position(0), /*with_blobs=*/true);
  ASSERT_OK(entries);
  size_t blobs = 0;
  for (;;) {
    auto entry = (*entries)->Next();
    ASSERT_OK(entry);
    if (!*entry) break;
    blobs += (*entry)->blobs.size();
    for (const auto& blob : (*entry)->blobs) EXPECT_EQ(blob.secret, "");
  }
  EXPECT_EQ((*entries)->withheld(), 0u);
  EXPECT_GT(blobs, 0u);
  county.WorkAll();
  EXPECT_EQ(evaluated, 0u);
  county.Reopen();
  county.WorkAll();
  EXPECT_EQ(evaluated, 0u);
  // The same case at the county: what it decides on is its own.
  const auto own = Event(NamedEvent("own"), NumberedCase(1),
                         ParseText<referral::v1::NeedIdentified>(
                             "identified_on: '2025-01-07' source: NEED_SOURCE_CLIENT "
                             "municipality_code: '564'"));
  ASSERT_FALSE(county.Offer(kWellbeing, {own}).has_refusal());
  EXPECT_THAT(facts, IsEmpty());
  EXPECT_EQ(county->health(), "ok");
}

}  // namespace
}  // namespace polku::host
