// Opening a node, and what it answers to offers.
#include <filesystem>

#include "eventstore/proof/checkpoint.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "services/assessment/assessment.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

using exchange::v1::OfferAnswer;
using exchange::v1::RefusalKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::StatusIs;

constexpr auto kInvalid = exchange::v1::REFUSAL_KIND_INVALID;
constexpr auto kRule = exchange::v1::REFUSAL_KIND_RULE;
constexpr auto kRevision = exchange::v1::REFUSAL_KIND_REVISION;
constexpr auto kConflict = exchange::v1::REFUSAL_KIND_CONFLICTING_REPEAT;
constexpr auto kTryAgain = exchange::v1::REFUSAL_KIND_TRY_AGAIN;

MATCHER_P2(RefusedWith, kind, code, "") {
  *result_listener << arg.ShortDebugString();
  return arg.receipts().empty() && arg.refusal().kind() == kind && arg.refusal().code() == code;
}
MATCHER_P(IsReceiptsFor, positions, "") {
  *result_listener << arg.ShortDebugString();
  if (arg.has_refusal() || arg.receipts_size() != static_cast<int>(positions.size())) return false;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (arg.receipts(static_cast<int>(i)).position() != positions[i]) return false;
  }
  return true;
}

std::vector<uint64_t> At(std::initializer_list<uint64_t> positions) { return positions; }

referral::v1::NeedIdentified Need(std::string_view reasons = "") {
  auto need = ParseText<referral::v1::NeedIdentified>(
      "identified_on: '2025-01-07' source: NEED_SOURCE_EMPLOYMENT_AUTHORITY municipality_code: '564'");
  need.set_social_reasons(std::string(reasons));
  return need;
}

// ---- Over every engine ----

struct Home {
  std::string name;
  bool on_disk;
};

class NodeOnEngine : public ::testing::TestWithParam<Home> {
 protected:
  void SetUp() override {
    if (!GetParam().on_disk) return;
    std::string pattern =
        (std::filesystem::temp_directory_path() / "polku-node-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  FaultEngine::Opener Opener(std::string_view name) {
    if (!GetParam().on_disk) return nullptr;
    return [path = directory_ + "/" + std::string(name)] {
      auto engine = rocks::OpenEngine({.directory = path});
      EXPECT_THAT(engine, IsOk());
      return *std::move(engine);
    };
  }
  std::string directory_;
};

INSTANTIATE_TEST_SUITE_P(Engines, NodeOnEngine,
                         ::testing::Values(Home{"Memory", false}, Home{"RocksDb", true}),
                         [](const auto& home) { return home.param.name; });

TEST_P(NodeOnEngine, ANewLogGetsItsGenesisAgreementRulesAndSchemasOnce) {
  const auto service = referral::MakeReferralService();
  TestNode node(kOulu, *service, 1, Opener("oulu"));
  node.Open();
  std::vector<std::string> types;
  for (const auto& entry : node.Entries()) types.push_back(entry.header.type());
  EXPECT_THAT(types, ElementsAre("polku.event.v1.Genesis", "polku.event.v1.AgreementChanged",
                                 "polku.event.v1.RulesChanged", "polku.event.v1.SchemaAdded",
                                 "polku.event.v1.SchemaAdded"));
  // What every service takes, and what this one does.
  const std::vector<std::string> packages = {"polku.access.v1", "polku.referral.v1"};
  for (size_t i = 0; i < packages.size(); ++i) {
    event::v1::SchemaAdded schema;
    ASSERT_TRUE(schema.ParseFromString(node.Entries()[3 + i].header.control()));
    EXPECT_EQ(schema.package(), packages[i]);
  }

  const std::string checkpoint = node->checkpoint();
  for (int i = 0; i < 3; ++i) {
    node.Reopen();
    EXPECT_EQ(node->size(), Position(5));
    EXPECT_EQ(node->checkpoint(), checkpoint);
  }
  const auto signed_size = proof::VerifyCheckpoint(checkpoint, node.keys.signer->verifier());
  ASSERT_THAT(signed_size, IsOk());
  EXPECT_EQ(signed_size->size, Position(5));
}

TEST_P(NodeOnEngine, AChangedAgreementOrProfileAddsOneEntryAndLaterDisclosuresCiteIt) {
  const auto service = referral::MakeReferralService();
  TestNode node(kOulu, *service, 1, Opener("oulu"));
  node.Open();
  node.Close();
  node.config.agreement.set_name("renewed");
  node.Reopen();
  ASSERT_EQ(node->size(), Position(6));
  EXPECT_EQ(node.Entries()[5].header.type(), "polku.event.v1.AgreementChanged");
  EXPECT_THAT(node.Offer(kOulu, {Event(NamedEvent("a"), NumberedCase(1), Need())}),
              IsReceiptsFor(At({6})));
  const event::v1::Header need = node.Entries()[6].header;
  EXPECT_FALSE(need.disclosures().empty());
  for (const auto& disclosure : need.disclosures()) {
    EXPECT_EQ(disclosure.agreement_position(), 5u);
  }
  node.config.profile.set_name("renewed");
  node.Reopen();
  node.Reopen();
  ASSERT_EQ(node->size(), Position(8));
  EXPECT_EQ(node.Entries()[7].header.type(), "polku.event.v1.RulesChanged");
  node.Reindex();  // the newest control entries are found again without their index
  EXPECT_EQ(node->size(), Position(8));
}

TEST_P(NodeOnEngine, TakesAClientsWholePathAndAnswersItsRepeatWithTheSameReceiptsForEver) {
  const auto service = referral::MakeReferralService();
  TestNode node(kOulu, *service, 1, Opener("oulu"));
  node.now = Noon("2025-09-01");
  node.Open();
  std::vector<OfferAnswer> answers;
  std::vector<AuthoredEvent> path;
  for (auto& event : ClientPath(1)) {
    if (event.service == "referral") path.push_back(std::move(event));
  }
  for (const auto& event : path) {
    answers.push_back(node.Offer(event.agency, {event.event}));
    ASSERT_FALSE(answers.back().has_refusal())
        << event.event.type() << ": " << answers.back().ShortDebugString();
    EXPECT_FALSE(answers.back().receipts(0).repeated_offer());
  }
  const Position size = node->size();
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < path.size(); ++i) {
      auto again = node.Offer(path[i].agency, {path[i].event});
      ASSERT_EQ(again.receipts_size(), 1) << again.ShortDebugString();
      EXPECT_TRUE(again.receipts(0).repeated_offer());
      again.mutable_receipts(0)->clear_repeated_offer();
      EXPECT_EQ(again.SerializeAsString(), answers[i].SerializeAsString());
    }
    node.Reopen();
  }
  EXPECT_EQ(node->size(), size);
  EXPECT_EQ(node->health(), "ok");
  // What was recorded is what was offered.
  const auto entries = node.Entries();
  uint64_t revision = 0;
  for (const auto& entry : entries) {
    if (entry.header.case_id().empty()) continue;
    EXPECT_EQ(entry.header.case_revision(), ++revision);
  }
  for (size_t i = 0; i < path.size(); ++i) {
    const auto& stored = entries[answers[i].receipts(0).position()];
    EXPECT_EQ(stored.header.event_id(), path[i].event.event_id());
    EXPECT_EQ(stored.header.case_revision(), answers[i].receipts(0).case_revision());
    EXPECT_EQ(stored.header.author_agency(), path[i].agency);
    EXPECT_EQ(stored.header.author_official(), path[i].event.official());
    EXPECT_EQ(stored.header.recorded_at_us(), absl::ToUnixMicros(node.now));
    EXPECT_EQ(stored.body->SerializeAsString(), path[i].event.body());
  }
}

TEST_P(NodeOnEngine, RaisesDutiesFromAPeersLogOnceThroughReopening) {
  const auto referral = referral::MakeReferralService();
  const auto assessment = assessment::MakeAssessmentService();
  TestNode oulu(kOulu, *referral, 1, Opener("oulu"));
  TestNode wellbeing(kWellbeing, *assessment, 2, Opener("wellbeing"));
  wellbeing.Follow(oulu);
  oulu.Open();
  wellbeing.Open();
  for (const auto& event : ClientPath(1, 0, 1, 7)) {
    ASSERT_FALSE(oulu.Offer(event.agency, {event.event}).has_refusal());
  }
  Replicate(oulu, wellbeing, 0);
  wellbeing.Reopen();
  wellbeing.WorkAll();
  EXPECT_EQ(wellbeing.CountOf("polku.assessment.v1.AssessmentDue"), 1u);
  for (int i = 0; i < 3; ++i) {
    wellbeing.Reopen();
    wellbeing.WorkAll();
    wellbeing.Reindex();
    wellbeing.WorkAll();
  }
  EXPECT_EQ(wellbeing.CountOf("polku.assessment.v1.AssessmentDue"), 1u);
  EXPECT_EQ(wellbeing->health(), "ok");
}

// ---- Repeats and conflicts ----

class OfferTest : public ::testing::Test {
 protected:
  void SetUp() override { node_.Open(); }
  exchange::v1::OfferedEvent NeedEvent(std::string_view id, uint64_t case_number = 1,
                                       std::string_view reasons = "") {
    return Event(NamedEvent(id), NumberedCase(case_number), Need(reasons));
  }
  static AuthoredEvent By(std::string_view agency, exchange::v1::OfferedEvent event) {
    return {std::string(agency), "referral", std::move(event)};
  }
  StubService stub_;
  TestNode node_{kOulu, stub_, 3};
};

TEST_F(OfferTest, ARepeatInTheSameTurnGetsTheReceiptOfTheFirst) {
  const auto answers = node_.OfferTogether({{By(kOulu, NeedEvent("a"))},
                                            {By(kOulu, NeedEvent("b"))},
                                            {By(kOulu, NeedEvent("a"))}});
  EXPECT_THAT(answers[0], IsReceiptsFor(At({5})));
  EXPECT_THAT(answers[1], IsReceiptsFor(At({6})));
  EXPECT_THAT(answers[2], IsReceiptsFor(At({5})));
  EXPECT_FALSE(answers[0].receipts(0).repeated_offer());
  EXPECT_TRUE(answers[2].receipts(0).repeated_offer());
  EXPECT_EQ(node_->size(), Position(7));
}

TEST_F(OfferTest, AnIdWithOtherContentIsAConflictWhicheverPartDiffers) {
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("a", 1, "rent")}).has_refusal());
  auto other_official = NeedEvent("a", 1, "rent");
  other_official.set_official("other");
  const auto other_type =
      Event(NamedEvent("a"), NumberedCase(1), ParseText<referral::v1::PlanDrafted>("plan_id: 'p'"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a", 1, "debt")}), RefusedWith(kConflict, "conflicting_repeat"));
    EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a", 2, "rent")}), RefusedWith(kConflict, "conflicting_repeat"));
    EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a", 1)}), RefusedWith(kConflict, "conflicting_repeat"));
    EXPECT_THAT(node_.Offer(kOulu, {other_official}), RefusedWith(kConflict, "conflicting_repeat"));
    EXPECT_THAT(node_.Offer(kOulu, {other_type}), RefusedWith(kConflict, "conflicting_repeat"));
    node_.Reopen();
  }
  // In the same turn as the first, too.
  const auto answers = node_.OfferTogether(
      {{By(kOulu, NeedEvent("b", 1, "rent"))}, {By(kOulu, NeedEvent("b", 1, "debt"))}});
  EXPECT_FALSE(answers[0].has_refusal());
  EXPECT_THAT(answers[1], RefusedWith(kConflict, "conflicting_repeat"));
  // Another author's event of the same id is another event.
  access::v1::PartyAdded party;
  party.set_agency(std::string(kWellbeing));
  party.set_reason(access::v1::PARTY_REASON_SERVICE);
  ASSERT_FALSE(node_.Offer(kOulu, {Event(NamedEvent("p"), NumberedCase(1), party)}).has_refusal());
  EXPECT_FALSE(node_.Offer(kWellbeing, {NeedEvent("a", 1, "debt")}).has_refusal());
}

TEST_F(OfferTest, AConflictNamesItsEventAndKeepsTheWholeOfferOut) {
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("a")}).has_refusal());
  const auto answer = node_.Offer(kOulu, {NeedEvent("new"), NeedEvent("a", 1, "debt")});
  EXPECT_THAT(answer, RefusedWith(kConflict, "conflicting_repeat"));
  EXPECT_EQ(answer.refusal().event_index(), 1u);
  EXPECT_EQ(node_->size(), Position(6));
}

TEST_F(OfferTest, AnOfferThatRepeatsInPartAppendsTheRest) {
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("a"), NeedEvent("b")}).has_refusal());
  const auto answer =
      node_.Offer(kOulu, {NeedEvent("x"), NeedEvent("b"), NeedEvent("y"), NeedEvent("a")});
  EXPECT_THAT(answer, IsReceiptsFor(At({7, 6, 8, 5})));
  EXPECT_FALSE(answer.receipts(0).repeated_offer());
  EXPECT_TRUE(answer.receipts(1).repeated_offer());
  EXPECT_FALSE(answer.receipts(2).repeated_offer());
  EXPECT_TRUE(answer.receipts(3).repeated_offer());
  EXPECT_EQ(node_->size(), Position(9));
}

TEST_F(OfferTest, ARepeatIsNotDecidedAnewAndMakesNoKeys) {
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("a", 1, "rent")}).has_refusal());
  stub_.decide = [](const WatchedState&, const service::Offer&) {
    return service::Refusal{"no_more", "rules have changed"};
  };
  const int puts = node_.key_disk.puts;
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a", 1, "rent")}), IsReceiptsFor(At({5})));
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("b", 1, "rent")}), RefusedWith(kRule, "no_more"));
  EXPECT_EQ(node_.key_disk.puts, puts);
}

// ---- Expected revisions ----

TEST_F(OfferTest, AnExpectedRevisionMustHoldAndTheTrueOneIsTold) {
  const auto expecting = [&](std::string_view id, uint64_t revision, uint64_t case_number = 1) {
    auto event = NeedEvent(id, case_number);
    event.set_expected_revision(revision);
    return event;
  };
  EXPECT_FALSE(node_.Offer(kOulu, {expecting("a", 0)}).has_refusal());
  auto answer = node_.Offer(kOulu, {expecting("b", 0)});
  EXPECT_THAT(answer, RefusedWith(kRevision, "unexpected_revision"));
  EXPECT_EQ(answer.refusal().actual_revision(), 1u);
  EXPECT_FALSE(node_.Offer(kOulu, {expecting("b", 1), NeedEvent("c")}).has_refusal());
  answer = node_.Offer(kOulu, {expecting("d", 7)});
  EXPECT_EQ(answer.refusal().actual_revision(), 3u);
  // The second of two expectations in one offer.
  answer = node_.Offer(kOulu, {expecting("e", 3), expecting("f", 1, 2)});
  EXPECT_THAT(answer, RefusedWith(kRevision, "unexpected_revision"));
  EXPECT_EQ(answer.refusal().event_index(), 1u);
  EXPECT_EQ(answer.refusal().actual_revision(), 0u);
  // A repeat has its receipt, whatever has come since.
  EXPECT_THAT(node_.Offer(kOulu, {expecting("a", 0)}), IsReceiptsFor(At({5})));
}

TEST_F(OfferTest, AnExpectedRevisionCountsWhatTheSameTurnAccepted) {
  auto second = NeedEvent("b");
  second.set_expected_revision(1);
  auto stale = NeedEvent("c");
  stale.set_expected_revision(1);
  const auto answers =
      node_.OfferTogether({{By(kOulu, NeedEvent("a"))}, {By(kOulu, second)}, {By(kOulu, stale)}});
  EXPECT_THAT(answers[0], IsReceiptsFor(At({5})));
  EXPECT_THAT(answers[1], IsReceiptsFor(At({6})));
  EXPECT_THAT(answers[2], RefusedWith(kRevision, "unexpected_revision"));
  EXPECT_EQ(answers[2].refusal().actual_revision(), 2u);
}

// ---- Form ----

TEST_F(OfferTest, AMalformedOfferIsInvalidWithACodeAndTheEventsIndex) {
  struct Case {
    std::string code;
    std::function<void(exchange::v1::OfferedEvent&)> spoil;
  };
  const std::string unknown_field = Need().SerializeAsString() + std::string("\xf8\x3e\x01", 3);
  const std::vector<Case> cases = {
      {"bad_event_id", [](auto& event) { event.clear_event_id(); }},
      {"bad_event_id", [](auto& event) { event.set_event_id(std::string(15, 'x')); }},
      {"bad_event_id", [](auto& event) { event.set_event_id(std::string(17, 'x')); }},
      {"bad_event_id", [](auto& event) { event.set_event_id(std::string(16, '\0')); }},
      {"bad_case_id", [](auto& event) { event.clear_case_id(); }},
      {"bad_case_id", [](auto& event) { event.set_case_id(std::string(17, 'x')); }},
      {"bad_case_id", [](auto& event) { event.set_case_id(std::string(16, '\0')); }},
      {"repeated_event_id",
       [&](auto& event) { event.set_event_id(std::string(NamedEvent("first").view())); }},
      {"bad_official", [](auto& event) { event.set_official(std::string(65, 'o')); }},
      {"bad_official", [](auto& event) { event.set_official("180576-918V"); }},
      {"bad_official", [](auto& event) { event.set_official("oma.180576-918V"); }},
      {"bad_official", [](auto& event) { event.set_official("oma 1"); }},
      {"bad_official", [](auto& event) { event.set_official("oma\n1"); }},
      {"unknown_type", [](auto& event) { event.clear_type(); }},
      {"unknown_type", [](auto& event) { event.set_type("polku.referral.v1.Nothing"); }},
      // Another service's, a part of an event, and not an event at all.
      {"unknown_type", [](auto& event) { event.set_type("polku.attendance.v1.DayRecorded"); }},
      {"unknown_type", [](auto& event) { event.set_type("polku.event.v1.Genesis"); }},
      {"unknown_type", [](auto& event) { event.set_type("polku.event.v1.Schedule"); }},
      {"malformed_event", [](auto& event) { event.set_body("\xff"); }},
      {"malformed_event",
       [](auto& event) { event.set_body(event.body().substr(0, event.body().size() - 1)); }},
      {"malformed_event", [&](auto& event) { event.set_body(unknown_field); }},
      {"section_too_large",
       [](auto& event) {
         event.set_body(Need(std::string(vault::kMaxSectionBytes, 'x')).SerializeAsString());
       }},
      {"misplaced_expectation", [](auto& event) { event.set_expected_revision(1); }},
  };
  const Position size = node_->size();
  const int commits = node_.engine.commits();
  for (size_t i = 0; i < cases.size(); ++i) {
    auto event = NeedEvent("second");
    cases[i].spoil(event);
    const auto answer = node_.Offer(kOulu, {NeedEvent("first"), event});
    EXPECT_THAT(answer, RefusedWith(kInvalid, cases[i].code)) << "case " << i;
    EXPECT_EQ(answer.refusal().event_index(), 1u) << "case " << i;
    EXPECT_FALSE(answer.refusal().message().empty()) << "case " << i;
  }
  EXPECT_THAT(node_.Offer(kOulu, {}), RefusedWith(kInvalid, "bad_event_count"));
  EXPECT_EQ(node_->size(), size);
  EXPECT_EQ(node_.engine.commits(), commits);
  EXPECT_EQ(node_->health(), "ok");
  EXPECT_FALSE(node_.Offer(kOulu, {NeedEvent("first"), NeedEvent("second")}).has_refusal());
}

TEST_F(OfferTest, TakesAThousandAndTwentyFourEventsAsOneOfferAndNotOneMore) {
  std::vector<exchange::v1::OfferedEvent> events;
  for (int i = 0; i < 1025; ++i) events.push_back(NeedEvent(Str("e", i)));
  EXPECT_THAT(node_.Offer(kOulu, events), RefusedWith(kInvalid, "bad_event_count"));
  EXPECT_EQ(node_->size(), Position(5));
  events.pop_back();
  const int commits = node_.engine.commits();
  const auto answer = node_.Offer(kOulu, events);
  ASSERT_EQ(answer.receipts_size(), 1024) << answer.ShortDebugString();
  EXPECT_EQ(node_.engine.commits(), commits + 1);
  EXPECT_EQ(answer.receipts(1023).position(), 5u + 1023);
  EXPECT_EQ(answer.receipts(1023).case_revision(), 1024u);
}

TEST_F(OfferTest, TakesSectionsUpToTheLimitAndRefusesAnEventThatIsTooLargeInAll) {
  // The field's own tag and length count too.
  const auto full = Need(std::string(vault::kMaxSectionBytes - 4, 'x'));
  EXPECT_FALSE(node_.Offer(kOulu, {Event(NamedEvent("full"), NumberedCase(1), full)}).has_refusal());

  const auto referral = referral::MakeReferralService();
  TestNode node(kOulu, *referral, 4);
  node.Open();
  const std::string mebibyte(vault::kMaxSectionBytes - 4, 'x');
  referral::v1::ReferralMade made;
  made.set_place_code(mebibyte);     // SERVICE
  made.set_background(mebibyte);     // SOCIAL
  made.set_health_limits(mebibyte);  // HEALTH
  EXPECT_THAT(node.Offer(kOulu, {Event(NamedEvent("a"), NumberedCase(1), made)}),
              RefusedWith(kInvalid, "event_too_large"));
  made.set_place_code(std::string(900'000, 'x'));
  EXPECT_THAT(node.Offer(kOulu, {Event(NamedEvent("a"), NumberedCase(1), made)}),
              RefusedWith(kRule, "bad_code"));  // its size is in order
}

TEST_F(OfferTest, WhatIsAcceptedAsNotTooLargeTheLogTakes) {
  class Everything : public StubService {
    std::vector<std::string_view> event_types() const override {
      return {"polku.referral.v1.ReferralMade"};
    }
  } everything;
  TestNode node(kOulu, everything, 4);
  node.Open();
  referral::v1::ReferralMade made;
  made.set_background(std::string(vault::kMaxSectionBytes - 4, 'x'));
  made.set_health_limits(std::string(vault::kMaxSectionBytes - 4, 'x'));
  size_t accepted = 0, refused = 0;
  for (size_t bytes = 968'000; bytes < 978'000; bytes += 500) {
    made.set_place_code(std::string(bytes, 'x'));
    const auto answer =
        node.Offer(kOulu, {Event(NamedEvent(Str(bytes)), NumberedCase(1), made)});
    if (answer.has_refusal()) {
      EXPECT_THAT(answer, RefusedWith(kInvalid, "event_too_large"));
      ++refused;
    } else {
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 0u);  // the range straddles the limit
  EXPECT_GT(refused, 0u);
}

// ---- Decisions within a turn ----

// The rule for these: a second need in a case is refused.
std::optional<service::Refusal> OneNeedOnly(const WatchedState& state, const service::Offer&) {
  if (state.facts.empty()) return std::nullopt;
  return service::Refusal{"second_need", "there is one already"};
}

TEST_F(OfferTest, TwoOffersOfOneTurnOnACaseSeeEachOther) {
  stub_.decide = OneNeedOnly;
  const auto answers = node_.OfferTogether({{By(kOulu, NeedEvent("a", 1))},
                                            {By(kOulu, NeedEvent("b", 1))},
                                            {By(kOulu, NeedEvent("c", 2))}});
  EXPECT_THAT(answers[0], IsReceiptsFor(At({5})));
  EXPECT_THAT(answers[1], RefusedWith(kRule, "second_need"));
  EXPECT_THAT(answers[2], IsReceiptsFor(At({6})));
}

TEST_F(OfferTest, AnOfferRefusedInItsMiddleLeavesNoTraceForLaterOffersOfTheTurn) {
  stub_.decide = OneNeedOnly;
  // The first offer's case 1 is good, its second event on case 2 is not, for case 2 has a need.
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("z", 2)}).has_refusal());
  const auto answers = node_.OfferTogether(
      {{By(kOulu, NeedEvent("before", 3))},
       {By(kOulu, NeedEvent("a", 1)), By(kOulu, NeedEvent("b", 2)), By(kOulu, NeedEvent("c", 4))},
       {By(kOulu, NeedEvent("d", 1))},
       {By(kOulu, NeedEvent("e", 4))},
       {By(kOulu, NeedEvent("f", 3))}});
  EXPECT_THAT(answers[0], IsReceiptsFor(At({6})));
  EXPECT_THAT(answers[1], RefusedWith(kRule, "second_need"));
  EXPECT_EQ(answers[1].refusal().event_index(), 1u);
  EXPECT_THAT(answers[2], IsReceiptsFor(At({7})));
  EXPECT_THAT(answers[3], IsReceiptsFor(At({8})));
  EXPECT_THAT(answers[4], RefusedWith(kRule, "second_need"));
  EXPECT_EQ(node_->size(), Position(9));
}

TEST_F(OfferTest, AnOfferOfARealServiceRefusedInItsMiddleLeavesNoTraceEither) {
  const auto referral = referral::MakeReferralService();
  TestNode node(kOulu, *referral, 4);
  node.Open();
  const auto path = ClientPath(1);
  size_t at = 0;
  while (path[at].event.type() != "polku.referral.v1.PlanDrafted") {
    ASSERT_FALSE(node.Offer(path[at].agency, {path[at].event}).has_refusal());
    ++at;
  }
  const AuthoredEvent& draft = path[at];
  const AuthoredEvent& signature = path[at + 1];
  ASSERT_EQ(draft.agency, signature.agency);
  AuthoredEvent wrong = path[at + 2];
  referral::v1::PlanSigned body;
  ASSERT_TRUE(body.ParseFromString(wrong.event.body()));
  body.set_revision(9);  // there is no such draft
  wrong.event.set_body(body.SerializeAsString());
  const uint64_t size = node->size().value();
  const auto answers = node.OfferTogether({{draft, wrong}, {signature}, {draft}, {signature}});
  EXPECT_EQ(answers[0].refusal().kind(), kRule) << answers[0].ShortDebugString();
  EXPECT_EQ(answers[0].refusal().event_index(), 1u);
  EXPECT_EQ(answers[1].refusal().kind(), kRule) << answers[1].ShortDebugString();
  EXPECT_THAT(answers[2], IsReceiptsFor(At({size})));
  EXPECT_THAT(answers[3], IsReceiptsFor(At({size + 1})));
}

TEST_F(OfferTest, OffersThatFillMoreThanOneCommitAreDecidedOnWhatIsOnDisk) {
  // Each offer is about 1 MiB; the disk is full for the first commit and has room for the second.
  stub_.decide = [](const WatchedState& state, const service::Offer& offer) {
    const bool is_plan = offer.body.GetDescriptor()->name() == "PlanDrafted";
    std::optional<service::Refusal> refusal;
    if (is_plan && state.facts.empty()) refusal = {"no_need", "a plan needs a need"};
    return refusal;
  };
  std::vector<std::vector<AuthoredEvent>> offers;
  for (uint64_t i = 0; i < 24; ++i) {
    offers.push_back({By(kOulu, NeedEvent(Str("need", i), i, std::string(1'000'000, 'x')))});
  }
  for (uint64_t i = 0; i < 24; ++i) {
    const auto plan = ParseText<referral::v1::PlanDrafted>("plan_id: 'p'");
    offers.push_back({By(kOulu, Event(NamedEvent(Str("plan", i)), NumberedCase(i), plan))});
  }
  node_.engine.FailCommit(0, absl::ResourceExhaustedError("full"));
  const auto answers = node_.OfferTogether(offers);
  size_t refused = 0;
  for (size_t i = 0; i < 24; ++i) {
    if (!answers[i].has_refusal()) {
      EXPECT_FALSE(answers[24 + i].has_refusal()) << i;
      continue;
    }
    ++refused;
    EXPECT_THAT(answers[i], RefusedWith(kTryAgain, "disk_full"));
    EXPECT_THAT(answers[24 + i], RefusedWith(kRule, "no_need")) << i;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, 24u);
}

// ---- Failures ----

TEST_F(OfferTest, AFullDiskRefusesSaysSoAndRecovers) {
  node_.engine.FailCommit(0, absl::ResourceExhaustedError("no space left"));
  const auto answers = node_.OfferTogether(
      {{By(kOulu, NeedEvent("a"))}, {By(kWellbeing, NeedEvent("b", 2))}});
  for (const auto& answer : answers) EXPECT_THAT(answer, RefusedWith(kTryAgain, "disk_full"));
  EXPECT_THAT(node_->health(), HasSubstr("no space left"));
  EXPECT_EQ(node_->size(), Position(5));
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a")}), IsReceiptsFor(At({5})));
  EXPECT_EQ(node_->health(), "ok");
}

TEST_F(OfferTest, AFailedSyncStopsAppendingAndTheSameOfferIsSafeAfterReopening) {
  for (const bool applied : {false, true}) {
    const std::string id = Str("a", applied);
    const Position size = node_->size();
    node_.engine.FailCommit(0, absl::InternalError("I/O error"), applied);
    EXPECT_THAT(node_.Offer(kOulu, {NeedEvent(id)}), RefusedWith(kTryAgain, "service_failed"));
    EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("other")}), RefusedWith(kTryAgain, "service_failed"));
    EXPECT_NE(node_->health(), "ok");
    node_.Crash(0);
    const auto answer = node_.Offer(kOulu, {NeedEvent(id)});
    EXPECT_THAT(answer, IsReceiptsFor(At({size.value()})));
    EXPECT_EQ(answer.receipts(0).repeated_offer(), applied);
    EXPECT_EQ(node_->health(), "ok");
  }
}

TEST_F(OfferTest, AFailedCommitLeavesNothingInTheFoldedCases) {
  stub_.decide = OneNeedOnly;
  node_.engine.FailCommit(0, absl::ResourceExhaustedError("full"));
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a")}), RefusedWith(kTryAgain, "disk_full"));
  EXPECT_FALSE(node_.Offer(kOulu, {NeedEvent("b")}).has_refusal());
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a")}), RefusedWith(kRule, "second_need"));
}

TEST_F(OfferTest, AFullKeystoreRefusesWhatNeedsNewKeysAndRecovers) {
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("known", 1)}).has_refusal());
  node_.key_disk.put_status = absl::ResourceExhaustedError("no space left");
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("a", 2)}), RefusedWith(kTryAgain, "disk_full"));
  EXPECT_FALSE(node_.Offer(kOulu, {NeedEvent("b", 1)}).has_refusal());
  node_.key_disk.put_status = absl::OkStatus();
  EXPECT_FALSE(node_.Offer(kOulu, {NeedEvent("a", 2)}).has_refusal());
}

TEST_F(OfferTest, AKeyThatDoesNotOpenHurtsItsOwnCaseAlone) {
  // Whether the case's history needs the key, or only what is to be sealed.
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("a", 1, "rent")}).has_refusal());
  for (auto& [name, sealed] : node_.key_disk.records) {
    if (name.starts_with(NumberedCase(1).view())) sealed[40] = static_cast<char>(sealed[40] ^ 1);
  }
  const std::string social(1, static_cast<char>(SectionKind::kSocial));
  node_.key_disk.records[Str(NumberedCase(2).view(), social)] = std::string(72, 'x');
  node_.Reopen();
  const auto answers = node_.OfferTogether({{By(kOulu, NeedEvent("b", 3, "rent"))},
                                            {By(kOulu, NeedEvent("c", 1, "rent"))},
                                            {By(kOulu, NeedEvent("d", 2, "rent"))},
                                            {By(kOulu, NeedEvent("e", 2))},
                                            {By(kOulu, NeedEvent("f", 4, "rent"))}});
  EXPECT_FALSE(answers[0].has_refusal());
  EXPECT_THAT(answers[1], RefusedWith(kTryAgain, "service_failed"));
  EXPECT_THAT(answers[2], RefusedWith(kTryAgain, "service_failed"));
  // It needs no key that fails, but was decided on what is not there now.
  EXPECT_THAT(answers[3], RefusedWith(kTryAgain, "service_failed"));
  EXPECT_FALSE(answers[4].has_refusal());
  EXPECT_EQ(node_->size(), Position(5 + 3));
  EXPECT_NE(node_->health(), "ok");
  EXPECT_FALSE(node_.Offer(kOulu, {NeedEvent("e", 2)}).has_refusal());
}

TEST_F(OfferTest, AKeystoreOlderThanTheLogIsToldAndNeverFilledUpWithNewKeys) {
  ASSERT_FALSE(node_.Offer(kOulu, {NeedEvent("a", 1, "rent")}).has_refusal());
  node_.Close();
  std::erase_if(node_.key_disk.records,
                [](const auto& record) { return record.first.starts_with(NumberedCase(1).view()); });
  const size_t keys = node_.key_disk.records.size();
  ASSERT_OK(node_.TryOpen());
  const Position size = node_->size();
  EXPECT_THAT(node_.Offer(kOulu, {NeedEvent("b", 1, "rent")}),
              RefusedWith(kTryAgain, "service_failed"));
  EXPECT_EQ(node_->size(), size);
  EXPECT_EQ(node_.key_disk.records.size(), keys);
  EXPECT_THAT(node_->health(), HasSubstr("restore the keystore"));
}

TEST_F(OfferTest, OpeningFailsWithAReasonForAnotherOriginOrKeyOrTooManyReceivers) {
  node_.Close();
  const auto own_keys = std::move(node_.keys.signer);
  node_.keys.signer = proof::Signer::Generate(node_.origin(), proof::KeyUse::kCheckpoint);
  EXPECT_THAT(node_.TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("key")));
  node_.keys.signer = proof::Signer::Generate(Str(kKela, "/referral/1"), proof::KeyUse::kCheckpoint);
  node_.config.origin = *OriginName::Make(kKela, "referral", 1);
  EXPECT_THAT(node_.TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(kOulu)));

  TestNode crowded(kOulu, stub_, 9);
  auto* sharing = crowded.config.agreement.add_sharings();
  sharing->add_publishers("*");
  sharing->add_types("polku.referral.v1.Need*");
  sharing->set_every_case(true);  // what goes to a case's parties alone is counted entry by entry
  for (int i = 0; i < 65; ++i) {
    const std::string agency = Str("FI/ORG/agency", i, "/x");
    auto* listed = crowded.config.agreement.add_agencies();
    listed->set_name(agency);
    listed->add_roles(config::v1::AGENCY_ROLE_PROVIDER);
    sharing->add_receivers(agency);
  }
  EXPECT_THAT(crowded.TryOpen(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NeedIdentified")));
}

}  // namespace
}  // namespace polku::host
