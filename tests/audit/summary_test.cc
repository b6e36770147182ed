#include "services/audit/summary.h"

#include <deque>
#include <string>

#include "eventstore/base/random.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kProvider[] = "FI/ORG/9999992-5/toimintatupa";

class SummaryTest : public ::testing::Test {
 protected:
  SummaryTest() {
    case_.data()[0] = 1;
    google::protobuf::TextFormat::ParseFromString(
        R"(assessments { id: "network_meeting" version: "1" kind: ASSESSMENT_KIND_NETWORK_MEETING months: 3
                         grace_days: 14 raised_days_before: 30 }
           assessments { id: "follow_up" version: "1" kind: ASSESSMENT_KIND_FOLLOW_UP months: 3 months: 6 })",
        &profile_);
    log::HeldLog own{kOwnLog, {.origin = "a/1", .frontier = {}, .last_order = {}}};
    for (int i = 0; i < 10; ++i) own.head.frontier.AppendLeafHash(Hash());
    logs_.push_back(own);
    Restart();
  }
  void Restart() { fold_ = std::make_unique<SummaryFold>(profile_, logs_); }

  template <typename T>
  EventId Add(const std::string& text, std::initializer_list<SectionKind> sealed = {},
              const std::string& author = kProvider) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    return AddBody(body, sealed, author);
  }
  EventId AddBody(const google::protobuf::Message& body,
                  std::initializer_list<SectionKind> sealed = {},
                  const std::string& author = kProvider) {
    event::v1::Header header;
    header.set_type(body.GetDescriptor()->full_name());
    header.set_author_agency(author);
    header.set_order(++order_);
    EventId id;
    id.data()[0] = 0xE0;
    id.data()[15] = static_cast<uint8_t>(order_);
    SectionSet sealed_set;
    for (SectionKind kind : sealed) sealed_set.add(kind);
    fold_->Add({.log = kOwnLog,
                .origin = "a/1",
                .position = Position(order_),
                .header = header,
                .id = id,
                .case_id = case_,
                .opened = {},
                .sealed = sealed_set,
                .body = &body,
                .bytes = {}});
    return id;
  }
  void Start() {
    Add<referral::v1::ServiceStarted>(
        R"(period_id: "p-1" provider_agency: "FI/ORG/9999992-5/toimintatupa" starts_on: "2025-03-03"
           ends_on: "2025-06-02" first_started_on: "2025-03-03")");
  }
  CaseSummary Case() {
    const Summary summary = fold_->Finish();
    EXPECT_THAT(summary.cases, SizeIs(1));
    return summary.cases.empty() ? CaseSummary() : summary.cases[0];
  }
  static std::string Due(const std::string& kind, int round, const std::string& due_on,
                         const std::string& rule = "x") {
    return "period_id: \"p-1\" kind: " + kind + " round: " + std::to_string(round) + " due_on: \"" +
           due_on + "\" rule { id: \"" + rule + "\" version: \"1\" }";
  }

  CaseId case_;
  config::v1::Profile profile_;
  std::vector<log::HeldLog> logs_;
  std::unique_ptr<SummaryFold> fold_;
  uint64_t order_ = 0;
};

TEST_F(SummaryTest, DaysAreCountedAsTheyStandAfterCorrections) {
  Start();
  using attendance::v1::DayCorrected;
  using attendance::v1::DayRecorded;
  Add<DayRecorded>(R"(date: "2025-03-03" actual_minutes: 300 outcome: DAY_OUTCOME_ATTENDED
                      attendance_class: ATTENDANCE_CLASS_ATTENDED)");
  Add<DayRecorded>(R"(date: "2025-03-04" outcome: DAY_OUTCOME_ABSENT_ACCEPTED
                      attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS)");
  Add<DayRecorded>(R"(date: "2025-03-06" outcome: DAY_OUTCOME_ABSENT_OTHER)",
                   {SectionKind::kHealth});
  Add<DayRecorded>(R"(date: "2025-03-10" outcome: DAY_OUTCOME_NOT_HELD
                      attendance_class: ATTENDANCE_CLASS_SERVICE_NOT_HELD)");
  Add<DayRecorded>(R"(date: "2025-03-11" actual_minutes: 300 outcome: DAY_OUTCOME_ATTENDED)");
  Add<DayCorrected>(
      R"(date: "2025-03-04" period_id: "p-1" actual_minutes: 300 outcome: DAY_OUTCOME_ATTENDED
                       attendance_class: ATTENDANCE_CLASS_ATTENDED reason: CORRECTION_REASON_WRONG_CLASS)");
  Add<DayCorrected>(R"(date: "2025-03-11" withdrawn: true reason: CORRECTION_REASON_WRONG_CLIENT)");
  const CaseSummary summary = Case();
  EXPECT_EQ(summary.attended, 2u);
  EXPECT_EQ(summary.not_held, 1u);
  EXPECT_EQ(summary.absent_accepted, 0u);
  EXPECT_EQ(summary.absent_other, 1u);
  EXPECT_EQ(summary.absences_sealed, 1u);
  EXPECT_THAT(summary.absences, IsEmpty());
}

TEST_F(SummaryTest, ADayWhoseOutcomeIsSealedIsKnownByItsMinutesOrNotAtAll) {
  Start();
  Add<attendance::v1::DayRecorded>(R"(date: "2025-03-03" actual_minutes: 300)",
                                   {SectionKind::kPayment, SectionKind::kHealth});
  Add<attendance::v1::DayRecorded>(R"(date: "2025-03-04" planned_minutes: 300)",
                                   {SectionKind::kPayment, SectionKind::kHealth});
  const CaseSummary summary = Case();
  EXPECT_EQ(summary.attended, 1u);
  EXPECT_EQ(summary.unknown_days, 1u);
}

TEST_F(SummaryTest, MoneyIsNetOfReversalsAndSealedAmountsAreCountedNotGuessed) {
  using namespace compensation::v1;  // NOLINT: short names of one package
  Add<AllowanceAccrued>(R"(date: "2025-03-03" amount_cents: 900)");
  Add<AllowanceAccrued>(R"(date: "2025-03-04" amount_cents: 900)");
  Add<AllowanceReversed>(R"(date: "2025-03-04" amount_cents: 900)");
  Add<AllowanceAccrued>(R"(date: "2025-03-06")", {SectionKind::kPayment});
  Add<TravelGranted>(R"(amount_cents: 1234)");
  Add<TravelGranted>(R"(amount_cents: 100)");
  Add<TravelReversed>(R"(amount_cents: 100)");
  Add<PerkGiven>(R"(kind: PERK_KIND_SPORTS_PASS)");
  Add<PerkGiven>(R"(kind: PERK_KIND_KAIKU_CARD)");
  Add<PerkWithdrawn>(R"(kind: PERK_KIND_KAIKU_CARD)");
  const CaseSummary summary = Case();
  EXPECT_EQ(summary.allowance.sum, Cents(900));
  EXPECT_EQ(summary.allowance.sealed, 1u);
  EXPECT_EQ(summary.allowance_days, 2u);
  EXPECT_EQ(summary.travel.sum, Cents(1234));
  EXPECT_EQ(summary.travel_grants, 1u);
  EXPECT_THAT(summary.perks, ElementsAre(Pair(event::v1::PERK_KIND_SPORTS_PASS, 1)));
}

TEST_F(SummaryTest, DuesAreOpenUntilWhatTheyAskForIsDone) {
  using namespace assessment::v1;  // NOLINT: short names of one package
  Add<AssessmentDue>(Due("ASSESSMENT_KIND_KYKYVIISARI", 1, "2025-03-17"));
  Add<AssessmentDue>(Due("ASSESSMENT_KIND_KYKYVIISARI", 2, "2025-06-17"));
  Add<KykyviisariRecorded>(R"(period_id: "p-1" round: 1 filled_on: "2025-03-03")");
  Add<FeedbackDue>(R"(period_id: "p-1" giver: ACTOR_ROLE_CLIENT due_on: "2025-06-16")");
  Add<FeedbackDue>(R"(period_id: "p-1" giver: ACTOR_ROLE_PROVIDER due_on: "2025-06-16")");
  Add<FeedbackGiven>(R"(period_id: "p-1" giver: ACTOR_ROLE_PROVIDER given_on: "2025-06-03")");
  const CaseSummary summary = Case();
  ASSERT_THAT(summary.due, SizeIs(2));
  EXPECT_EQ(summary.due[0].giver, event::v1::ACTOR_ROLE_CLIENT);
  EXPECT_EQ(summary.due[1].kind, event::v1::ASSESSMENT_KIND_KYKYVIISARI);
  EXPECT_EQ(summary.due[1].round, 2u);
  EXPECT_EQ(summary.feedback_given, 1u);
}

TEST_F(SummaryTest, AMeetingLongBeforeItsDueDayIsNotTheOneThatIsDue) {
  Add<referral::v1::NetworkMeetingHeld>(R"(meeting_id: "m-1" meeting_on: "2025-02-24")");
  Add<assessment::v1::AssessmentDue>(
      Due("ASSESSMENT_KIND_NETWORK_MEETING", 1, "2025-06-17", "network_meeting"));
  EXPECT_THAT(Case().due, SizeIs(1));
  Add<referral::v1::NetworkMeetingHeld>(R"(meeting_id: "m-2" meeting_on: "2025-05-28")");
  EXPECT_THAT(Case().due, IsEmpty());
}

TEST_F(SummaryTest, ADoneThingAnswersOneDueOnlyAndOnlyOfItsPeriod) {
  Add<assessment::v1::AssessmentDue>(Due("ASSESSMENT_KIND_FINAL_EVALUATION", 1, "2025-06-16"));
  Add<assessment::v1::AssessmentDue>(
      R"(period_id: "p-2" kind: ASSESSMENT_KIND_FINAL_EVALUATION round: 1 due_on: "2025-09-16")");
  Add<assessment::v1::FinalEvaluationMade>(R"(period_id: "p-2" evaluated_on: "2025-09-01")");
  ASSERT_THAT(Case().due, SizeIs(1));
  EXPECT_EQ(Case().due[0].due_on, "2025-06-16");
}

TEST_F(SummaryTest, FollowUpsAreToldApartByTheirMonths) {
  Add<assessment::v1::AssessmentDue>(
      Due("ASSESSMENT_KIND_FOLLOW_UP", 1, "2025-09-02", "follow_up"));
  Add<assessment::v1::AssessmentDue>(
      Due("ASSESSMENT_KIND_FOLLOW_UP", 2, "2025-12-02", "follow_up"));
  Add<referral::v1::FollowUpRecorded>(R"(period_id: "p-1" months: 6 asked_on: "2025-12-01")");
  ASSERT_THAT(Case().due, SizeIs(1));
  EXPECT_EQ(Case().due[0].round, 1u);
}

TEST_F(SummaryTest, ACancelledDueIsNotOpen) {
  const EventId due =
      Add<assessment::v1::AssessmentDue>(Due("ASSESSMENT_KIND_KYKYVIISARI", 1, "2025-03-17"));
  assessment::v1::DueCancelled cancelled;
  cancelled.set_due_event_id(std::string(due.view()));
  AddBody(cancelled);
  EXPECT_THAT(Case().due, IsEmpty());
}

TEST_F(SummaryTest, BreachesAreOpenUntilCleared) {
  const EventId flagged = Add<attendance::v1::RuleBreachFlagged>(R"(date: "2025-03-07")");
  EXPECT_EQ(Case().open_breaches, 1u);
  attendance::v1::RuleBreachCleared cleared;
  cleared.set_flagged_event_id(std::string(flagged.view()));
  AddBody(cleared);
  EXPECT_EQ(Case().open_breaches, 0u);
}

TEST_F(SummaryTest, AlertsStandUntilTheyAreTakenBack) {
  const EventId first = Add<attendance::v1::AlertRaised>(
      R"(period_id: "p-1" alert: ALERT_KIND_MONTH_NOT_CONFIRMED date: "2025-03-31")");
  Add<attendance::v1::AlertRaised>(
      R"(period_id: "p-1" alert: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON date: "2025-06-02")");
  ASSERT_THAT(Case().alerts, SizeIs(2));
  EXPECT_EQ(Case().alerts[0].kind, event::v1::ALERT_KIND_MONTH_NOT_CONFIRMED);
  EXPECT_EQ(Case().alerts[0].date, "2025-03-31");
  attendance::v1::AlertCleared cleared;
  cleared.set_raised_event_id(std::string(first.view()));
  AddBody(cleared);
  ASSERT_THAT(Case().alerts, SizeIs(1));
  EXPECT_EQ(Case().alerts[0].kind, event::v1::ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON);
}

TEST_F(SummaryTest, APlacesOwnCaseIsNoClients) {
  Add<referral::v1::PlaceListed>(R"(provider_agency: "FI/ORG/9999992-5/toimintatupa" place_code: "puu" capacity: 2)");
  EXPECT_THAT(fold_->Finish().cases, IsEmpty());
  EXPECT_EQ(fold_->Finish().logs[0].held, 1u) << "it is an entry all the same";
}

TEST_F(SummaryTest, WhatMembersOfAMeetingTookOnIsOpenUntilSomebodyEndsIt) {
  Add<referral::v1::NetworkMeetingHeld>(R"(meeting_id: "m1" meeting_on: "2025-03-03"
      commitments { number: 1 member: ACTOR_ROLE_CLIENT task: "x" due_on: "2025-04-01" }
      commitments { number: 2 member: ACTOR_ROLE_PROVIDER agency: "FI/ORG/9999992-5/toimintatupa" task: "y" })");
  ASSERT_THAT(Case().commitments, SizeIs(2));
  EXPECT_EQ(Case().commitments[0].due_on, "2025-04-01");
  EXPECT_FALSE(Case().commitments[1].committed);
  Add<referral::v1::CommitmentConfirmed>(R"(meeting_id: "m1" number: 2 state: COMMITMENT_STATE_COMMITTED)");
  EXPECT_TRUE(Case().commitments[1].committed);
  Add<referral::v1::CommitmentConfirmed>(R"(meeting_id: "m1" number: 2 state: COMMITMENT_STATE_DONE)");
  Add<referral::v1::CommitmentConfirmed>(R"(meeting_id: "m1" number: 9 state: COMMITMENT_STATE_DONE)");
  ASSERT_THAT(Case().commitments, SizeIs(1));
  Add<referral::v1::CommitmentConfirmed>(R"(meeting_id: "m1" number: 1 state: COMMITMENT_STATE_WITHDRAWN)");
  EXPECT_THAT(Case().commitments, IsEmpty());
}

TEST_F(SummaryTest, WhoIsNamedAndWhereThePeriodStands) {
  Start();
  EXPECT_EQ(Case().period_from, "2025-03-03");
  EXPECT_EQ(Case().agreed_until, "2025-06-02");
  EXPECT_EQ(Case().provider_agency, kProvider);
  Add<referral::v1::CaseManagerNamed>(
      R"(side: CASE_MANAGER_SIDE_ORGANISER agency: "a" official: "o-1" valid_from: "2025-03-03")");
  Add<referral::v1::CaseManagerNamed>(
      R"(side: CASE_MANAGER_SIDE_PROVIDER agency: "b" official: "o-2" valid_from: "2025-03-03")");
  Add<referral::v1::CaseManagerNamed>(
      R"(side: CASE_MANAGER_SIDE_PROVIDER agency: "b" official: "o-3" valid_from: "2025-04-03")");
  ASSERT_THAT(Case().case_managers, SizeIs(2));
  EXPECT_EQ(Case().case_managers[1].official, "o-3");
  Add<referral::v1::NoCaseManagerNamed>(R"(side: CASE_MANAGER_SIDE_PROVIDER)");
  EXPECT_FALSE(Case().no_case_manager);
  Add<referral::v1::NoCaseManagerNamed>(R"(side: CASE_MANAGER_SIDE_ORGANISER)");
  EXPECT_TRUE(Case().no_case_manager);
}

TEST_F(SummaryTest, TravelWithoutAPriceIsCountedApartFromMoney) {
  using namespace compensation::v1;  // NOLINT: short names of one package
  Add<TravelGranted>(R"(amount_cents: 1234)");
  Add<TravelGranted>(R"(covers_from: "2025-03-03")");
  Add<TravelGranted>(R"(covers_from: "2025-04-02")");
  Add<TravelReversed>(R"(covers_from: "2025-04-02")");
  Add<TravelGranted>(R"(covers_from: "2025-05-02")", {SectionKind::kPayment});
  EXPECT_EQ(Case().travel.sum, Cents(1234));
  EXPECT_EQ(Case().travel.sealed, 1u);
  EXPECT_EQ(Case().travel_grants, 3u);
  EXPECT_EQ(Case().travel_in_kind, 1u) << "what is sealed may have a price";
}

TEST_F(SummaryTest, TheStageFollowsThePath) {
  Add<referral::v1::ReferralMade>(R"(referral_id: "r" status: REFERRAL_STATUS_REQUESTED)");
  EXPECT_EQ(Case().stage, ServiceStage::kNotStarted);
  EXPECT_EQ(Case().referral, referral::v1::REFERRAL_STATUS_REQUESTED);
  Start();
  EXPECT_EQ(Case().stage, ServiceStage::kRunning);
  Add<referral::v1::ServiceInterrupted>(R"(period_id: "p-1" interrupted_from: "2025-04-01")");
  EXPECT_EQ(Case().stage, ServiceStage::kInterrupted);
  Add<referral::v1::ServiceResumed>(R"(period_id: "p-1" resumed_on: "2025-04-10")");
  EXPECT_EQ(Case().stage, ServiceStage::kRunning);
  Add<referral::v1::ServiceEnded>(
      R"(period_id: "p-1" ended_on: "2025-06-02" exit_group: EXIT_GROUP_EDUCATION)",
      {SectionKind::kHealth});
  EXPECT_EQ(Case().stage, ServiceStage::kEnded);
  EXPECT_EQ(Case().ended_on, "2025-06-02");
  EXPECT_EQ(Case().exit_group, event::v1::EXIT_GROUP_EDUCATION);
  EXPECT_EQ(Case().exit_code, event::v1::EXIT_CODE_UNSPECIFIED);
  Add<referral::v1::CaseClosed>(R"(closed_on: "2026-01-01")");
  EXPECT_EQ(Case().stage, ServiceStage::kClosed);
  Add<referral::v1::BenefitRecorded>(R"(kind: BENEFIT_KIND_NONE)");
  EXPECT_EQ(Case().stage, ServiceStage::kClosed) << "that is no step of a path";
  Add<referral::v1::NeedIdentified>(R"(identified_on: "2026-02-01")");
  EXPECT_EQ(Case().stage, ServiceStage::kEnded);
}

TEST_F(SummaryTest, LogsTellWhatIsHeldAndWithheld) {
  event::v1::Genesis genesis;
  event::v1::Header header;
  header.set_type("polku.event.v1.Genesis");
  fold_->Add({.log = kOwnLog,
              .origin = "a/1",
              .position = Position(),
              .header = header,
              .id = {},
              .case_id = {},
              .opened = {},
              .sealed = {},
              .body = &genesis,
              .bytes = {}});
  Add<referral::v1::CaseClosed>("");
  Add<referral::v1::SocialServiceNoted>("", {SectionKind::kSocial});
  const Summary summary = fold_->Finish();
  ASSERT_THAT(summary.logs, SizeIs(1));
  const LogSummary& log = summary.logs[0];
  EXPECT_TRUE(log.own);
  EXPECT_EQ(log.size, 10u);
  EXPECT_EQ(log.held, 3u);
  EXPECT_EQ(log.withheld, 7u);
  EXPECT_EQ(log.control, 1u);
  EXPECT_EQ(log.sealed, 1u);
  EXPECT_EQ(log.cases, 1u);
  EXPECT_EQ(log.by_type.at("polku.referral.v1.CaseClosed"), 1u);
  EXPECT_EQ(summary.cases[0].parallel_sealed, 1u);
}

TEST_F(SummaryTest, AnEventThatCannotBeDecodedIsCountedAndSaysNothingElse) {
  event::v1::Header header;
  header.set_type("polku.future.v1.Thing");
  fold_->Add({.log = kOwnLog,
              .origin = "a/1",
              .position = Position(1),
              .header = header,
              .id = {},
              .case_id = case_,
              .opened = {},
              .sealed = {},
              .body = nullptr,
              .bytes = "x"});
  EXPECT_EQ(Case().events, 1u);
}

TEST_F(SummaryTest, ActsOnAReferralThatCannotBothHoldAreNamed) {
  constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";
  Add<referral::v1::ReferralMade>(
      R"(referral_id: "r" status: REFERRAL_STATUS_REQUESTED requester_agency: "FI/MUN/0187690-1/oulu"
         target_agency: "FI/ORG/9999992-5/toimintatupa")",
      {}, kOulu);
  Add<referral::v1::ReferralStatusChanged>(R"(referral_id: "r" status: REFERRAL_STATUS_CANCELLED)", {}, kOulu);
  EXPECT_THAT(Case().contradictions, IsEmpty());
  Add<referral::v1::ReferralStatusChanged>(R"(referral_id: "r" status: REFERRAL_STATUS_ACCEPTED)");
  EXPECT_EQ(Case().referral, referral::v1::REFERRAL_STATUS_CANCELLED) << "what undoes more holds";
  EXPECT_THAT(Case().contradictions,
              ElementsAre(Contradiction{"r", referral::v1::REFERRAL_STATUS_CANCELLED, kOulu,
                                        referral::v1::REFERRAL_STATUS_ACCEPTED, kProvider}));
}

TEST_F(SummaryTest, LinkedCasesAreThoseThatTheCaseStillNames) {
  CaseId other;
  other.data()[0] = 7;
  referral::v1::CasesLinked linked;
  linked.set_other_case_id(std::string(other.view()));
  AddBody(linked);
  EXPECT_THAT(Case().linked, ElementsAre(other));
  referral::v1::CasesUnlinked unlinked;
  unlinked.set_other_case_id(std::string(other.view()));
  AddBody(unlinked);
  EXPECT_THAT(Case().linked, IsEmpty());
}

// Step 11: "Kykyviisari ... uudelleen kolmen kuukauden kuluttua" (seed 001); no grand total (DOMAIN, Data).
TEST_F(SummaryTest, TheClientsOwnScoresAreComparedScaleByScale) {
  Start();
  Add<assessment::v1::KykyviisariRecorded>(
      R"(period_id: "p-1" round: 1 filled_on: "2025-03-05" work_ability: 4
         scores { scale: KYKYVIISARI_SCALE_INCLUSION points: 20 max_points: 48 items_answered: 12 }
         scores { scale: KYKYVIISARI_SCALE_BODY points: 5 max_points: 8 items_answered: 2 })");
  auto scores = Case().scores;
  ASSERT_THAT(scores, SizeIs(3));
  EXPECT_EQ(scores[0].first_round, scores[0].last_round);
  Add<assessment::v1::KykyviisariRecorded>(
      R"(period_id: "p-1" round: 2 filled_on: "2025-06-02" work_ability: 6 functioning: 5
         scores { scale: KYKYVIISARI_SCALE_INCLUSION points: 26 max_points: 48 items_answered: 12 })");
  scores = Case().scores;
  ASSERT_THAT(scores, SizeIs(4));
  EXPECT_EQ(scores[0].scale, assessment::v1::KYKYVIISARI_SCALE_INCLUSION);
  EXPECT_EQ(std::pair(scores[0].first, scores[0].last), std::pair(20u, 26u));
  EXPECT_EQ(scores[0].last_round, 2u);
  EXPECT_EQ(scores[1].last_round, 1u) << "the second round has no such scale";
  EXPECT_EQ(scores[2].rating, ScoreChange::Rating::kWorkAbility);
  EXPECT_EQ(std::pair(scores[2].first, scores[2].last), std::pair(4u, 6u));
  EXPECT_EQ(scores[3].rating, ScoreChange::Rating::kFunctioning);
  EXPECT_EQ(scores[3].first_round, 2u);
}

TEST_F(SummaryTest, SealedScoresAreCountedNeverGuessed) {
  Start();
  Add<assessment::v1::KykyviisariRecorded>(R"(period_id: "p-1" round: 1 filled_on: "2025-03-05")",
                                           {SectionKind::kHealth});
  EXPECT_THAT(Case().scores, IsEmpty());
  EXPECT_EQ(Case().scores_sealed, 1u);
}

TEST_F(SummaryTest, TheNewestPeriodsScoresAreShown) {
  Start();
  Add<assessment::v1::KykyviisariRecorded>(R"(period_id: "p-1" round: 1 work_ability: 4)");
  Add<referral::v1::ServiceStarted>(R"(period_id: "p-0" starts_on: "2026-01-07")");
  Add<assessment::v1::KykyviisariRecorded>(R"(period_id: "p-0" round: 1 work_ability: 7)");
  ASSERT_THAT(Case().scores, SizeIs(1));
  EXPECT_EQ(Case().scores[0].first, 7u);
}

// Seed 003: four parts of the form; seed 004: closing feedback in 8 of 10.
TEST_F(SummaryTest, WhatAProviderOwesAndHasGivenIsCountedByProvider) {
  Start();
  EXPECT_THAT(Case().forms, IsEmpty());
  Add<assessment::v1::FeedbackDue>(
      R"(period_id: "p-1" giver: ACTOR_ROLE_PROVIDER due_on: "2025-06-16")");
  Add<assessment::v1::FeedbackDue>(
      R"(period_id: "p-1" giver: ACTOR_ROLE_CLIENT due_on: "2025-06-16")");
  Add<assessment::v1::InterimEvaluationMade>(
      R"(period_id: "p-1" round: 1 evaluated_on: "2025-04-15" background: "x" self_assessment: "y"
         goals { goal: "arki" })");
  ProviderForms forms = Case().forms[kProvider];
  EXPECT_EQ(forms.forms, 1u);
  EXPECT_EQ(forms.parts_filled, 3u);
  EXPECT_EQ(forms.due, 1u) << "the client's own feedback is nothing that the provider owes";
  EXPECT_EQ(forms.periods_ended, 0u);
  Add<referral::v1::ServiceEnded>(R"(period_id: "p-1" ended_on: "2025-06-02")");
  EXPECT_EQ(Case().forms[kProvider].periods_ended, 1u);
  EXPECT_EQ(Case().forms[kProvider].closing_feedback, 0u);
  Add<assessment::v1::FinalEvaluationMade>(R"(period_id: "p-1" evaluated_on: "2025-06-02")",
                                           {SectionKind::kSocial, SectionKind::kHealth});
  Add<assessment::v1::FeedbackGiven>(
      R"(period_id: "p-1" giver: ACTOR_ROLE_PROVIDER given_on: "2025-06-03")");
  forms = Case().forms[kProvider];
  EXPECT_EQ(forms.closing_feedback, 1u);
  EXPECT_EQ(forms.forms, 2u);
  EXPECT_EQ(forms.parts_sealed, 4u);
  EXPECT_EQ(forms.due, 0u);
  EXPECT_EQ(fold_->Finish().forms.at(kProvider).forms, 2u);
}

}  // namespace
}  // namespace polku::audit
