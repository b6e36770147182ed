// An entry that another one corrects is passed over by whoever computes from the case, here and at peers, live and after
// a restart; and an agency whose referral came to nothing is no party any more.
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/assessment/assessment.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"

namespace polku::host {
namespace {


constexpr std::string_view kPartyAdded = "polku.access.v1.PartyAdded";
constexpr std::string_view kPartyRemoved = "polku.access.v1.PartyRemoved";

exchange::v1::OfferedEvent Correcting(exchange::v1::OfferedEvent event, std::string_view wrong) {
  event.set_corrects(std::string(NamedEvent(wrong).view()));
  return event;
}

std::string CodeOf(const exchange::v1::OfferAnswer& answer) {
  return answer.has_refusal() ? answer.refusal().code() : "";
}

class CorrectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    oulu_.now = Noon("2025-03-10");
    assessment_.now = Noon("2025-03-10");
    assessment_.Follow(oulu_);
    oulu_.Open();
    assessment_.Open();
  }
  // Client 1 of the paths, until the service runs.
  void Publish(int first = 1, int last = 7) {
    for (const auto& said : ClientPath(1, 0, first, last)) {
      if (said.service != "referral") continue;
      ASSERT_EQ(CodeOf(oulu_.Offer(said.agency, {said.event})), "") << said.event.type();
      if (said.event.type() == "polku.referral.v1.ServiceStarted") start_ = said;
    }
  }
  void Tell() {
    Replicate(oulu_, assessment_, 0);
    assessment_.WorkAll();
  }
  std::string Say(std::string_view id, const google::protobuf::Message& body,
                  std::string_view corrects = "") {
    auto event = Event(NamedEvent(id), NumberedCase(1), body);
    if (!corrects.empty()) event = Correcting(std::move(event), corrects);
    return CodeOf(assessment_.Offer(kWellbeing, {event}));
  }
  static assessment::v1::KykyviisariRecorded Scores(uint32_t round, std::string_view day,
                                                    uint32_t work_ability) {
    assessment::v1::KykyviisariRecorded scores;
    scores.set_period_id("t01-s1");
    scores.set_round(round);
    scores.set_filled_on(std::string(day));
    scores.set_work_ability(work_ability);
    return scores;
  }

  const std::unique_ptr<service::Service> referral_service_ = referral::MakeReferralService();
  const std::unique_ptr<service::Service> assessment_service_ = assessment::MakeAssessmentService();
  TestNode oulu_{kOulu, *referral_service_, 1};
  TestNode assessment_{kWellbeing, *assessment_service_, 2};
  AuthoredEvent start_;
};

TEST_F(CorrectionTest, OfAScoreTakesThePlaceOfTheScore) {
  Publish();
  Tell();
  ASSERT_EQ(Say("wrong", Scores(1, "2025-03-05", 9)), "");
  EXPECT_EQ(Say("again", Scores(1, "2025-03-05", 3)), "duplicate");
  EXPECT_EQ(Say("right", Scores(1, "2025-03-05", 3), "wrong"), "");
  EXPECT_EQ(Say("again", Scores(1, "2025-03-05", 4)), "duplicate");
  // It was another round altogether: then the first is free.
  EXPECT_EQ(Say("other", Scores(2, "2025-03-06", 3), "right"), "");
  EXPECT_EQ(Say("second", Scores(2, "2025-03-06", 3)), "duplicate");
  assessment_.Reopen();
  EXPECT_EQ(Say("second", Scores(2, "2025-03-06", 3)), "duplicate");
  EXPECT_EQ(Say("first", Scores(1, "2025-03-05", 5)), "");
  EXPECT_EQ(assessment_->health(), "ok");
}

TEST_F(CorrectionTest, StandsBeforeOtherEventsOfItsCaseInAnOfferAndARefusedOneChangesNothing) {
  Publish();
  Tell();
  ASSERT_EQ(Say("wrong", Scores(1, "2025-03-05", 9)), "");
  const auto right = Correcting(Event(NamedEvent("right"), NumberedCase(1), Scores(1, "2025-03-05", 3)), "wrong");
  const auto next = Event(NamedEvent("next"), NumberedCase(1), Scores(2, "2025-03-06", 3));
  EXPECT_EQ(CodeOf(assessment_.Offer(kWellbeing, {next, right})), "correction_first");
  EXPECT_EQ(Say("bad", Scores(1, "2025-03-05", 11), "wrong"), "bad_score");
  EXPECT_EQ(Say("again", Scores(1, "2025-03-05", 4)), "duplicate") << "the entry stands";
  EXPECT_EQ(CodeOf(assessment_.Offer(kWellbeing, {right, next})), "");
  EXPECT_EQ(Say("third", Scores(2, "2025-03-07", 3)), "duplicate");
}

TEST_F(CorrectionTest, IsFollowedByThePeersThatHoldTheEntry) {
  Publish();
  Tell();
  ASSERT_EQ(Say("score", Scores(1, "2025-03-05", 9)), "");
  const size_t dues = assessment_.CountOf("polku.assessment.v1.AssessmentDue");
  EXPECT_GT(dues, 0u);
  // The period had been given a label by mistake.
  const auto* type = service::FindEventType(start_.event.type());
  ASSERT_NE(type, nullptr);
  referral::v1::ServiceStarted start;
  ASSERT_TRUE(start.ParseFromString(start_.event.body()));
  start.set_starts_on("2025-03-06");
  auto event = Event(NamedEvent("moved"), NumberedCase(1), start, start_.event.official());
  event.set_corrects(start_.event.event_id());
  ASSERT_EQ(CodeOf(oulu_.Offer(start_.agency, {event})), "");
  Tell();
  EXPECT_EQ(Say("early", Scores(2, "2025-03-05", 3)), "before_start");
  assessment_.Reopen();
  EXPECT_EQ(Say("early", Scores(2, "2025-03-05", 3)), "before_start");
  // The decision of the start was granted by mistake: without it the start could not be said anew.
  for (const auto& said : ClientPath(1, 0, 1, 7)) {
    if (said.event.type() != "polku.referral.v1.DecisionMade") continue;
    referral::v1::DecisionMade refused;
    ASSERT_TRUE(refused.ParseFromString(said.event.body()));
    refused.set_granted(false);
    refused.set_grounds("ei edellytyksiä");
    auto right = Event(NamedEvent("refused"), NumberedCase(1), refused, said.event.official());
    right.set_corrects(said.event.event_id());
    ASSERT_EQ(CodeOf(oulu_.Offer(said.agency, {right})), "");
  }
  start.set_starts_on("2025-03-07");
  auto once_more = Event(NamedEvent("once more"), NumberedCase(1), start, start_.event.official());
  once_more.set_corrects(std::string(NamedEvent("moved").view()));
  EXPECT_EQ(CodeOf(oulu_.Offer(start_.agency, {once_more})), "decision_missing");
  oulu_.Reopen();
  EXPECT_EQ(CodeOf(oulu_.Offer(start_.agency, {once_more})), "decision_missing");
}

// ---- Who is a party by a referral ----

class ReferralPartyTest : public CorrectionTest {
 protected:
  void SetUp() override {
    CorrectionTest::SetUp();
    ASSERT_EQ(CodeOf(oulu_.Offer(kOulu, {Event(NamedEvent("need"), NumberedCase(1),
                                               ParseText<referral::v1::NeedIdentified>(
                                                   "identified_on: '2025-01-07' source: NEED_SOURCE_CLIENT"))})),
              "");
  }
  static referral::v1::ReferralMade Made(std::string_view status) {
    return ParseText<referral::v1::ReferralMade>(
        Str("referral_id: 'r1' made_on: '2025-01-08' status: REFERRAL_STATUS_", status,
            " requester_agency: '", kOulu, "' target_agency: '", kProvider, "'"));
  }
  static referral::v1::ReferralStatusChanged Status(std::string_view status) {
    return ParseText<referral::v1::ReferralStatusChanged>(
        Str("referral_id: 'r1' effective_on: '2025-01-09' reason: STATUS_REASON_OTHER status: REFERRAL_STATUS_",
            status, status == "REQUESTED" ? Str(" target_agency: '", kProvider, "'") : std::string()));
  }
  std::string Offer(std::string_view author, std::string_view id, const google::protobuf::Message& body) {
    return CodeOf(oulu_.Offer(author, {Event(NamedEvent(id), NumberedCase(1), body)}));
  }
  bool ToldOfNewest(std::string_view agency) {
    const auto header = oulu_.Entries().back().header;
    return std::any_of(header.disclosures().begin(), header.disclosures().end(),
                       [&](const auto& one) { return one.receiver() == agency; });
  }
};

TEST_F(ReferralPartyTest, ADraftMakesNobodyAPartyAndTheRequestDoes) {
  ASSERT_EQ(Offer(kOulu, "draft", Made("DRAFT")), "");
  EXPECT_EQ(oulu_.CountOf(kPartyAdded), 0u);
  EXPECT_FALSE(ToldOfNewest(kProvider));
  ASSERT_EQ(Offer(kOulu, "requested", Status("REQUESTED")), "");
  ASSERT_EQ(oulu_.CountOf(kPartyAdded), 1u);
  EXPECT_EQ(static_cast<const access::v1::PartyAdded&>(*oulu_.Entries().back().body).agency(), kProvider);
}

TEST_F(ReferralPartyTest, ARejectedReferralEndsItsTargetsPartInTheSameCommit) {
  ASSERT_EQ(Offer(kOulu, "made", Made("REQUESTED")), "");
  ASSERT_EQ(oulu_.CountOf(kPartyAdded), 1u);
  const int commits = oulu_.engine.commits();
  ASSERT_EQ(Offer(kProvider, "rejected", Status("REJECTED")), "");
  EXPECT_EQ(oulu_.engine.commits(), commits + 1);
  ASSERT_EQ(oulu_.Entries().back().header.type(), kPartyRemoved);
  const auto removed = static_cast<const access::v1::PartyRemoved&>(*oulu_.Entries().back().body);
  EXPECT_EQ(removed.agency(), kProvider);
  EXPECT_EQ(removed.reason(), access::v1::PARTY_END_REFERRAL_ENDED);
  EXPECT_TRUE(ToldOfNewest(kProvider)) << "of its own leaving it is told";
  for (const bool reopened : {false, true}) {
    if (reopened) oulu_.Reopen();
    ASSERT_EQ(Offer(kOulu, reopened ? "a" : "b",
                    ParseText<referral::v1::NeedIdentified>(
                        "identified_on: '2025-01-20' source: NEED_SOURCE_CLIENT")),
              "");
    EXPECT_FALSE(ToldOfNewest(kProvider));
  }
  EXPECT_EQ(Offer(kProvider, "late", Status("ACCEPTED")), "not_a_party");
  // Asked again it is a party again.
  auto again = Made("REQUESTED");
  again.set_referral_id("r2");
  ASSERT_EQ(Offer(kOulu, "again", again), "");
  EXPECT_EQ(oulu_.Entries().back().header.type(), kPartyAdded);
}

TEST_F(ReferralPartyTest, WhomAnOfficialHasMadeAPartyStaysOne) {
  access::v1::PartyAdded by_hand;
  by_hand.set_agency(std::string(kProvider));
  by_hand.set_reason(access::v1::PARTY_REASON_SERVICE);
  ASSERT_EQ(Offer(kOulu, "by hand", by_hand), "");
  ASSERT_EQ(Offer(kOulu, "made", Made("REQUESTED")), "");
  ASSERT_EQ(Offer(kOulu, "error", Status("ENTERED_IN_ERROR")), "");
  EXPECT_EQ(oulu_.CountOf(kPartyRemoved), 0u);
  access::v1::PartyRemoved removed;
  removed.set_agency(std::string(kProvider));
  removed.set_reason(access::v1::PARTY_END_REFERRAL_ENDED);
  EXPECT_EQ(Offer(kOulu, "removed", removed), "not_offered");
}

}  // namespace
}  // namespace polku::host
