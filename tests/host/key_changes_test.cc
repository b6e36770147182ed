// Keys that change: the own log's checkpoint keys, the keys in force, and rotations that are broken off.
#include "services/host/key_changes.h"

#include <filesystem>

#include "eventstore/base/file.h"
#include "eventstore/log/log.h"
#include "eventstore/log/memory_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/high_water.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::host {
namespace {

using event::v1::KeyChanged;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::StatusIs;
using zeromq::CurveKey;

constexpr std::string_view kOwn = log::kTestOrigin;
constexpr std::string_view kKela = "FI/GOV/0246246-0/kela";
constexpr std::string_view kPeer = "FI/GOV/0246246-0/kela/compensation/1";

std::unique_ptr<proof::Signer> NewSigner(std::string_view name = kOwn,
                                         proof::KeyUse use = proof::KeyUse::kCheckpoint) {
  return proof::Signer::Generate(std::string(name), use);
}
std::string Bytes(const proof::Signer& signer) {
  return std::string(signer.verifier().key().view());
}
CurveKey Key(char c) { return *CurveKey::FromBytes(std::string(32, c)); }
std::string Text(char c) { return std::string(32, c); }

KeyChanged Change(event::v1::KeyUse use, std::string old_key, std::string new_key,
                  bool compromised = false, std::string_view holder = "") {
  KeyChanged change;
  change.set_use(use);
  change.set_old_key(std::move(old_key));
  change.set_new_key(std::move(new_key));
  change.set_compromised(compromised);
  change.set_holder(std::string(holder));
  return change;
}

// ---- The own log's checkpoint keys ----

class SigningTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<log::Log>> Open(const proof::Signer& signer) {
    return log::Log::Open(*engine_,
                          {.origin = *OriginName::Parse(kOwn),
                           .clock = clock_.Function(),
                           .random = testing::SeededRandom(7),
                           .signer = &signer},
                          log::kTestCurveKey);
  }
  static log::NewEntry Entry(const KeyChanged& change, uint64_t id) {
    log::NewEntry entry;
    entry.id = log::TestEvent(id);
    entry.type = KeyChanged::descriptor()->full_name();
    entry.author_agency = log::kTestAgency;
    entry.control = change.SerializeAsString();
    return entry;
  }
  log::NewEntry Rotation(const proof::Signer& from, const proof::Signer& to, uint64_t id = 900) {
    return Entry(Change(event::v1::KEY_USE_SIGNING, Bytes(from), Bytes(to)), id);
  }

  const std::unique_ptr<log::Engine> engine_ = log::MakeMemoryEngine();
  log::TestClock clock_;
  const std::unique_ptr<proof::Signer> first_ = NewSigner(), second_ = NewSigner(), third_ = NewSigner();
};

TEST_F(SigningTest, TheChangeEndsItsCommitAndTheNewKeySignsWhatComesAfter) {
  std::string before, at, after;
  {
    ASSERT_OK_AND_ASSIGN(const auto log, Open(*first_));
    ASSERT_OK(log::AppendOne(*log, log::One(log::TestEntry(1, 1))).status);
    before = log->checkpoint();
    // Three requests at once: what comes behind the change is not signed by the old key, nor lost silently.
    const std::vector<log::AppendRequest> requests{
        log::One(log::TestEntry(2, 1)), log::One(Rotation(*first_, *second_)),
        log::One(log::TestEntry(3, 1))};
    const auto results = log->Append(requests);
    EXPECT_OK(results[0].status);
    EXPECT_OK(results[1].status);
    EXPECT_THAT(results[2].status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("signing key")));
    EXPECT_EQ(log->size(), Position(4));
    at = log->checkpoint();
    EXPECT_THAT(log::AppendOne(*log, log::One(log::TestEntry(4, 1))).status,
                StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_THAT(Open(*first_), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("newest signing key")));
  ASSERT_OK_AND_ASSIGN(const auto log, Open(*second_));
  ASSERT_OK(log::AppendOne(*log, log::One(log::TestEntry(3, 1))).status);
  after = log->checkpoint();
  ASSERT_OK_AND_ASSIGN(const auto keys, log::OwnKeys(*engine_, second_->verifier()));
  for (const std::string& note : {before, at, after}) EXPECT_OK(proof::VerifyCheckpoint(note, keys));
  EXPECT_OK(proof::VerifyCheckpoint(at, first_->verifier()));
  EXPECT_OK(proof::VerifyCheckpoint(after, second_->verifier()));
  EXPECT_EQ(keys.first().key(), first_->verifier().key());
  // The old key, wherever it is now, signs nothing any more.
  const auto forged = proof::VerifyCheckpoint(after, keys);
  EXPECT_THAT(proof::VerifyCheckpoint(first_->Sign(*forged), keys),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(SigningTest, OnlyTheKeyInUseIsChangedToOneThatNeverWas) {
  ASSERT_OK_AND_ASSIGN(auto log, Open(*first_));
  for (const auto& wrong :
       {Change(event::v1::KEY_USE_SIGNING, Bytes(*second_), Bytes(*third_)),
        Change(event::v1::KEY_USE_SIGNING, Bytes(*first_), Bytes(*first_)),
        Change(event::v1::KEY_USE_SIGNING, Bytes(*first_), "")}) {
    EXPECT_THAT(log::AppendOne(*log, log::One(Entry(wrong, 901))).status,
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  log::AppendRequest not_last = log::One(Rotation(*first_, *second_));
  not_last.entries.push_back(log::TestEntry(1, 1));
  EXPECT_THAT(log::AppendOne(*log, not_last).status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(log->size(), Position(1));
  ASSERT_OK(log::AppendOne(*log, log::One(Rotation(*first_, *second_))).status);
  log.reset();
  ASSERT_OK_AND_ASSIGN(log, Open(*second_));
  EXPECT_THAT(log::AppendOne(*log, log::One(Rotation(*second_, *first_, 902))).status,
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SigningTest, AMarkOfANewerKeyThanAnOldCopyKnowsSaysThatItIsBehind) {
  ASSERT_OK_AND_ASSIGN(const auto log, Open(*first_));
  ASSERT_OK_AND_ASSIGN(const auto keys, log::OwnKeys(*engine_, second_->verifier()));
  const std::string mark = second_->Sign({std::string(kOwn), Position(9), proof::EmptyRoot()});
  EXPECT_THAT(CheckHighWater(*engine_, mark, keys, second_->verifier()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("polku recover")));
  ASSERT_OK_AND_ASSIGN(const auto others, log::OwnKeys(*engine_, third_->verifier()));
  EXPECT_THAT(CheckHighWater(*engine_, mark, others, third_->verifier()),
              StatusIs(absl::StatusCode::kDataLoss));
}

// ---- The keys in force ----

class InForceTest : public ::testing::Test {
 protected:
  InForceTest() : config_{.origin = *OriginName::Parse(kOwn)} {
    config_.principals[Key('a')] = {.agency = "FI/ORG/9999992-5/toimintatupa", .may_publish = true};
    config_.principals[Key('k')] = {.agency = std::string(kKela), .may_replicate = true};
    config_.peers.push_back({.origin = *OriginName::Parse(kPeer),
                             .address = "tcp://127.0.0.1:1",
                             .curve_key = Key('k'),
                             .signing_key = NewSigner(kPeer)->verifier()});
    config_.witnesses.push_back({std::string(kKela), witness_->verifier()});
  }
  void Say(std::string_view origin, KeyChanged change) {
    auto& said = announced_[std::string(origin)];
    said.push_back({Position(10 + said.size()), kTime, std::move(change)});
  }
  KeysInForce InForce() const { return KeysInForce(config_, announced_); }
  log::KeptCosignature Kept(const proof::Signer& by, absl::Time time) const {
    const proof::Checkpoint checkpoint{std::string(kOwn), Position(3), proof::EmptyRoot()};
    return {.witness = by.verifier().name(), .time = time, .size = Position(3), .root = checkpoint.root,
            .line = by.Cosign(checkpoint, time), .proven_to = Position(3), .consistency = {}};
  }

  static constexpr absl::Time kTime = absl::FromUnixSeconds(1'760'000'000);
  const std::string name_ = Str(kKela, "/compensation/witness");
  const std::unique_ptr<proof::Signer> witness_ = NewSigner(name_, proof::KeyUse::kCosignature);
  const std::unique_ptr<proof::Signer> next_witness_ = NewSigner(name_, proof::KeyUse::kCosignature);
  Config config_;
  AnnouncedChanges announced_;
};

TEST_F(InForceTest, WithoutChangesTheConfigurationHolds) {
  const KeysInForce keys = InForce();
  EXPECT_TRUE(keys.Principal(Key('a'))->may_publish);
  EXPECT_EQ(keys.Principal(Key('x')), nullptr);
  EXPECT_THAT(keys.KeysOfPeer(0), ElementsAre(Key('k')));
  EXPECT_THAT(keys.witnesses(), SizeIs(1));
  EXPECT_THAT(keys.superseded(), IsEmpty());
}

TEST_F(InForceTest, AReplacedPrincipalsKeyIsTakenUntilTheNewOneIsUsed) {
  Say(kOwn, Change(event::v1::KEY_USE_PRINCIPAL, Text('a'), Text('b'), false, "FI/ORG/9999992-5/toimintatupa"));
  KeysInForce keys = InForce();
  ASSERT_NE(keys.Principal(Key('b')), nullptr);
  EXPECT_TRUE(keys.Principal(Key('b'))->may_publish);
  EXPECT_EQ(keys.Principal(Key('b'))->agency, "FI/ORG/9999992-5/toimintatupa");
  EXPECT_FALSE(keys.Used(Key('a')));
  EXPECT_NE(keys.Principal(Key('a')), nullptr);
  EXPECT_TRUE(keys.Used(Key('b')));
  EXPECT_EQ(keys.Principal(Key('a')), nullptr);
  EXPECT_THAT(keys.superseded(), ElementsAre(HasSubstr("principals: put ")));
  // A later change does not bring it back in the same run.
  Say(kOwn, Change(event::v1::KEY_USE_PRINCIPAL, Text('k'), Text('l'), false, kKela));
  EXPECT_EQ(KeysInForce(config_, announced_, &keys).Principal(Key('a')), nullptr);
}

TEST_F(InForceTest, AKeyInWrongHandsIsRefusedAtOnceAndSoAreThoseBeforeIt) {
  Say(kOwn, Change(event::v1::KEY_USE_PRINCIPAL, Text('a'), Text('b'), false, "FI/ORG/9999992-5/toimintatupa"));
  Say(kOwn, Change(event::v1::KEY_USE_PRINCIPAL, Text('b'), Text('c'), true, "FI/ORG/9999992-5/toimintatupa"));
  const KeysInForce keys = InForce();
  EXPECT_EQ(keys.Principal(Key('a')), nullptr);
  EXPECT_EQ(keys.Principal(Key('b')), nullptr);
  EXPECT_TRUE(keys.Principal(Key('c'))->may_publish);
}

TEST_F(InForceTest, ARevokedKeyIsRefusedAndAPeerWhoseKeyItIsIsNotTalkedTo) {
  Say(kOwn, Change(event::v1::KEY_USE_PRINCIPAL, Text('k'), "", false, kKela));
  const KeysInForce keys = InForce();
  EXPECT_EQ(keys.Principal(Key('k')), nullptr);
  EXPECT_THAT(keys.KeysOfPeer(0), IsEmpty());
  // What its holder says afterwards does not help it.
  Say(kPeer, Change(event::v1::KEY_USE_CURVE, Text('k'), Text('m')));
  EXPECT_EQ(InForce().Principal(Key('m')), nullptr);
  EXPECT_THAT(InForce().KeysOfPeer(0), IsEmpty());
}

TEST_F(InForceTest, APeersNewServiceKeyTakesOverItsRightsAndIsDialedFirst) {
  Say(kPeer, Change(event::v1::KEY_USE_CURVE, Text('k'), Text('l')));
  KeysInForce keys = InForce();
  EXPECT_TRUE(keys.Principal(Key('l'))->may_replicate);
  EXPECT_FALSE(keys.Principal(Key('l'))->may_publish);
  EXPECT_THAT(keys.KeysOfPeer(0), ElementsAre(Key('l'), Key('k')));
  keys.Used(Key('l'));
  EXPECT_THAT(keys.KeysOfPeer(0), ElementsAre(Key('l')));
  EXPECT_EQ(keys.Principal(Key('k')), nullptr);
  // The operator has tidied up: nothing is said any more, and the old key is nobody's.
  config_.peers[0].curve_key = Key('l');
  config_.principals.erase(Key('k'));
  config_.principals[Key('l')] = {.agency = std::string(kKela), .may_replicate = true};
  EXPECT_THAT(InForce().superseded(), IsEmpty());
  EXPECT_EQ(InForce().Principal(Key('k')), nullptr);
  EXPECT_THAT(InForce().KeysOfPeer(0), ElementsAre(Key('l')));
}

TEST_F(InForceTest, APeerSpeaksOfItsOwnKeysAlone) {
  // Of an author's key here, as if it were its service's; of that key as a principal's; and of another witness.
  const auto stranger = NewSigner("FI/ORG/9999992-5/toimintatupa/attendance/witness",
                                  proof::KeyUse::kCosignature);
  config_.witnesses.push_back({"FI/ORG/9999992-5/toimintatupa", stranger->verifier()});
  Say(kPeer, Change(event::v1::KEY_USE_CURVE, Text('a'), Text('m')));
  Say(kPeer, Change(event::v1::KEY_USE_PRINCIPAL, Text('a'), Text('m'), true, "FI/ORG/9999992-5/toimintatupa"));
  Say(kPeer, Change(event::v1::KEY_USE_COSIGNING, Bytes(*stranger), Bytes(*next_witness_)));
  const KeysInForce keys = InForce();
  EXPECT_EQ(keys.Principal(Key('m')), nullptr);
  EXPECT_TRUE(keys.Principal(Key('a'))->may_publish);
  EXPECT_THAT(keys.KeysOfPeer(0), ElementsAre(Key('k')));
  ASSERT_THAT(keys.witnesses(), SizeIs(2));
  EXPECT_EQ(keys.witnesses()[1].key.key(), stranger->verifier().key());
  EXPECT_THAT(keys.faults(), ElementsAre(HasSubstr("has no effect")));
  EXPECT_THAT(keys.superseded(), IsEmpty());
}

TEST_F(InForceTest, AKeyThatWasGivenUpDoesNotComeBack) {
  Say(kPeer, Change(event::v1::KEY_USE_CURVE, Text('k'), Text('l'), true));
  Say(kPeer, Change(event::v1::KEY_USE_CURVE, Text('l'), Text('k')));
  EXPECT_EQ(InForce().Principal(Key('k')), nullptr);
  EXPECT_THAT(InForce().KeysOfPeer(0), IsEmpty());
}

TEST_F(InForceTest, AWitnesssNewKeyCountsAndWhatTheOldOneSaidGoesOnCounting) {
  Say(kPeer, Change(event::v1::KEY_USE_COSIGNING, Bytes(*witness_), Bytes(*next_witness_)));
  const KeysInForce keys = InForce();
  ASSERT_THAT(keys.witnesses(), SizeIs(2));
  EXPECT_EQ(keys.witnesses()[0].key.key(), next_witness_->verifier().key());
  EXPECT_EQ(keys.witnesses()[0].agency, kKela);
  EXPECT_TRUE(keys.Counts(Kept(*witness_, kTime + absl::Hours(1))));
  EXPECT_TRUE(keys.Counts(Kept(*next_witness_, kTime + absl::Hours(1))));
  EXPECT_THAT(keys.AllWitnessKeys(), SizeIs(2));
  EXPECT_FALSE(keys.Counts(Kept(*NewSigner(name_, proof::KeyUse::kCosignature), kTime)));
}

TEST_F(InForceTest, OfACosigningKeyInWrongHandsOnlyThePastCounts) {
  Say(kPeer, Change(event::v1::KEY_USE_COSIGNING, Bytes(*witness_), Bytes(*next_witness_), true));
  const KeysInForce keys = InForce();
  ASSERT_THAT(keys.witnesses(), SizeIs(1));
  EXPECT_EQ(keys.witnesses()[0].key.key(), next_witness_->verifier().key());
  EXPECT_TRUE(keys.Counts(Kept(*witness_, kTime)));
  EXPECT_FALSE(keys.Counts(Kept(*witness_, kTime + absl::Seconds(1))));
  EXPECT_THAT(keys.FormerWitnesses(), SizeIs(1));
}

TEST_F(InForceTest, WhatMayNotBeRecordedIsRefusedWithTheReason) {
  ServiceKeys own;
  own.curve.public_key = Key('s');
  own.signer = NewSigner();
  own.cosigner = NewSigner(Str(log::kTestAgency, "/referral/witness"), proof::KeyUse::kCosignature);
  Say(kOwn, Change(event::v1::KEY_USE_PRINCIPAL, Text('a'), Text('b'), false, "FI/ORG/9999992-5/toimintatupa"));
  const KeysInForce keys = InForce();
  const auto check = [&](const KeyChanged& change) { return keys.CheckRequest(config_, own, change); };
  const auto refused = [](std::string_view part) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
  };
  const std::string tupa = "FI/ORG/9999992-5/toimintatupa";
  EXPECT_OK(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('b'), Text('c'), false, tupa)));
  EXPECT_OK(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('k'), "", true, kKela)));
  EXPECT_OK(check(Change(event::v1::KEY_USE_CURVE, Text('s'), Text('t'))));
  EXPECT_OK(check(Change(event::v1::KEY_USE_COSIGNING, Bytes(*own.cosigner), Text('t'))));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('a'), Text('c'), false, tupa)), refused("given up before"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('b'), Text('c'), false, kKela)), refused("is of FI/ORG"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('x'), Text('c'), false, tupa)), refused("no principal"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('b'), Text('k'), false, tupa)), refused("in use here"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('b'), Text('a'), false, tupa)), refused("in use here"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_PRINCIPAL, Text('b'), Text('c'))), refused("holder"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_CURVE, Text('s'), "")), refused("never without"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_CURVE, Text('x'), Text('t'))), refused("not this service's"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_SIGNING, Bytes(*own.signer), Text('t'))), refused("stopped"));
  EXPECT_THAT(check(Change(event::v1::KEY_USE_CURVE, "short", Text('t'))), refused("32 bytes"));
  auto personal = Change(event::v1::KEY_USE_CURVE, Text('s'), Text('t'));
  personal.set_reason("the laptop of 131052-308T");
  EXPECT_THAT(check(personal), refused("personal identity code"));
  config_.principals[Key('e')] = {.agency = std::string(log::kTestAgency),
                                  .may_erase = true,
                                  .official = "tietosuoja-1"};
  const KeysInForce with_eraser = InForce();
  EXPECT_THAT(with_eraser.CheckRequest(config_, own, Change(event::v1::KEY_USE_PRINCIPAL, Text('e'), Text('f'),
                                                            false, log::kTestAgency)),
              refused("speaks for one official"));
  EXPECT_OK(with_eraser.CheckRequest(config_, own, Change(event::v1::KEY_USE_PRINCIPAL, Text('e'), "", true,
                                                          log::kTestAgency)));
  personal.set_reason("two\nlines");
  EXPECT_THAT(check(personal), refused("one line"));
}

// ---- Files ----

class NextKeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteNewKeys(keys(), kOwn, testing::SeededRandom(3)));
  }
  std::string keys() const { return directory_.path() + "/keys"; }
  std::string At(std::string_view name) const { return Str(keys(), "/", name); }
  std::string Content(std::string_view name) const {
    const auto text = ReadFile(At(name), 4096);
    return text.ok() ? *text : std::string();
  }
  absl::StatusOr<std::vector<event::v1::KeyUse>> Take(bool announced = true) {
    return TakeNextKeys(keys(), &origin_, [=](auto, auto) { return announced; });
  }

  const OriginName origin_ = *OriginName::Parse(kOwn);
  rocks::TempDirectory directory_;
};

TEST_F(NextKeysTest, TheNextPairIsTakenWhenItWasAnnouncedAndTheOldPublicPartIsKept) {
  for (const auto use : {event::v1::KEY_USE_CURVE, event::v1::KEY_USE_SIGNING, event::v1::KEY_USE_COSIGNING}) {
    const std::string name(KeyFileName(use));
    const std::string before = Content(name + ".public");
    ASSERT_OK_AND_ASSIGN(const std::string made, MakeNextKeys(keys(), &origin_, use));
    ASSERT_OK_AND_ASSIGN(const std::string again, MakeNextKeys(keys(), &origin_, use));
    EXPECT_EQ(made, again);  // asked for twice, one pair
    const std::string next = Content(name + ".next.public");
    EXPECT_THAT(Take(/*announced=*/false), testing::IsOkAndHolds(IsEmpty()));
    EXPECT_EQ(Content(name + ".public"), before);
    EXPECT_THAT(Take(), testing::IsOkAndHolds(ElementsAre(use)));
    EXPECT_EQ(Content(name + ".public"), next);
    EXPECT_EQ(Content(Str("earlier/", name, ".1.public")), before);
    EXPECT_FALSE(std::filesystem::exists(At(name + ".next.secret")));
    EXPECT_FALSE(std::filesystem::exists(At(name + ".next.public")));
    EXPECT_OK(LoadServiceKeys(keys(), kOwn));
    EXPECT_THAT(Take(), testing::IsOkAndHolds(IsEmpty()));
  }
  ASSERT_OK_AND_ASSIGN(const auto first, FirstSigningKey(keys()));
  EXPECT_EQ(first.Format() + "\n", Content("earlier/signing.1.public"));
}

TEST_F(NextKeysTest, BrokenOffAnywhereTheNextStartFinishesIt) {
  const std::string old_secret = Content("curve.secret"), old_public = Content("curve.public");
  ASSERT_OK(MakeNextKeys(keys(), &origin_, event::v1::KEY_USE_CURVE));
  const std::string secret = Content("curve.next.secret"), open = Content("curve.next.public");
  const auto begin = [&](bool kept, bool renamed, bool replaced) {
    std::filesystem::remove_all(At("earlier"));
    ASSERT_OK(ReplaceFile(At("curve.secret"), renamed ? secret : old_secret, 0600));
    ASSERT_OK(ReplaceFile(At("curve.public"), replaced ? open : old_public, 0644));
    if (renamed) {
      std::filesystem::remove(At("curve.next.secret"));
    } else {
      ASSERT_OK(ReplaceFile(At("curve.next.secret"), secret, 0600));
    }
    ASSERT_OK(ReplaceFile(At("curve.next.public"), open, 0644));
    if (!kept) return;
    ASSERT_OK(MakeDirectories(At("earlier")));
    ASSERT_OK(ReplaceFile(At("earlier/curve.1.public"), old_public, 0644));
  };
  for (const int step : {0, 1, 2, 3}) {
    begin(step >= 1, step >= 2, step >= 3);
    ASSERT_OK(Take());
    EXPECT_EQ(Content("curve.secret"), secret) << step;
    EXPECT_EQ(Content("curve.public"), open) << step;
    EXPECT_EQ(Content("earlier/curve.1.public"), old_public) << step;
    EXPECT_FALSE(std::filesystem::exists(At("earlier/curve.2.public"))) << step;
    EXPECT_FALSE(std::filesystem::exists(At("curve.next.public"))) << step;
  }
}

}  // namespace
}  // namespace polku::host
