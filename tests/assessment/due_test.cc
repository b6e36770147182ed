#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/assessment/period_case.h"

namespace polku::assessment {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const char kFirst[] = "assessment_due/p-1/kykyviisari/1#1";
const char kSecond[] = "assessment_due/p-1/kykyviisari/2#1";

template <typename T>
const T& As(const service::Duty& duty) {
  return dynamic_cast<const T&>(*duty.event);
}

TEST(Due, AStartMakesKykyviisariDueAtOnceAndOnce) {
  PeriodCase client;
  const EventId start = client.Start();
  const auto duties = client.Due(OnDay("2025-03-03"));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_EQ(duties[0].key, "assessment_due/p-1/kykyviisari/1");
  EXPECT_EQ(duties[0].generation, 1u);
  const auto& due = As<v1::AssessmentDue>(duties[0]);
  EXPECT_EQ(due.period_id(), "p-1");
  EXPECT_EQ(due.kind(), event::v1::ASSESSMENT_KIND_KYKYVIISARI);
  EXPECT_EQ(due.round(), 1u);
  EXPECT_EQ(due.due_on(), "2025-03-17");
  EXPECT_EQ(due.rule().id(), "kykyviisari");
  EXPECT_EQ(due.rule().version(), "1");
  EXPECT_EQ(due.cause_event_id(), start.view());
  EXPECT_THAT(client.AppendDue(OnDay("2025-03-03")), ElementsAre(kFirst));
  EXPECT_THAT(client.AppendDue(OnDay("2025-03-03")), IsEmpty());
  EXPECT_THAT(client.AppendDue(OnDay("2025-04-30")), IsEmpty());
}

TEST(Due, ThreeMonthsLaterToTheDayItIsDueAgain) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-03-03"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-05-03")), IsEmpty());
  EXPECT_THAT(client.AppendDue(OnDay("2025-05-04")),
              ElementsAre("assessment_due/p-1/network_meeting/1#1"));  // 30 days before
  EXPECT_THAT(client.AppendDue(OnDay("2025-06-01")), IsEmpty());
  EXPECT_THAT(client.AppendDue(OnDay("2025-06-02")),  // the last day
              ElementsAre("assessment_due/p-1/final_evaluation/1#1", "feedback_due/p-1/client#1",
                          "feedback_due/p-1/provider#1"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-06-03")), ElementsAre(kSecond));
  EXPECT_THAT(client.InForce(), Contains("assessment_due/p-1/kykyviisari/2 2025-06-17"));
}

TEST(Due, AMonthsEndWithoutThatDayIsItsLastDay) {
  PeriodCase client;
  client.Start("2025-11-30", "2026-02-27");
  EXPECT_THAT(client.AppendDue(OnDay("2026-02-27")), Not(Contains(kSecond)));
  EXPECT_THAT(client.AppendDue(OnDay("2026-02-28")), Contains(kSecond));
}

TEST(Due, EndsMakeFeedbackDueAndFollowUpsAfterThreeAndSixMonths) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-03-03"));
  const EventId end = client.Record(kVerstas, Ended("2025-04-30"));
  std::map<std::string, std::string> days;
  for (const auto& duty : client.Due(OnDay("2025-04-30"))) {
    if (duty.key.starts_with("feedback_due")) {
      EXPECT_EQ(As<v1::FeedbackDue>(duty).cause_event_id(), end.view());
      days[duty.key] = As<v1::FeedbackDue>(duty).due_on();
    } else {
      days[duty.key] = As<v1::AssessmentDue>(duty).due_on();
    }
  }
  EXPECT_THAT(days, UnorderedElementsAre(
                        std::pair("assessment_due/p-1/final_evaluation/1", "2025-05-14"),
                        std::pair("feedback_due/p-1/client", "2025-05-14"),
                        std::pair("feedback_due/p-1/provider", "2025-05-14")));
  client.AppendDue(OnDay("2025-04-30"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-07-29")), IsEmpty());
  EXPECT_THAT(client.AppendDue(OnDay("2025-07-30")),
              ElementsAre("assessment_due/p-1/follow_up/1#1"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-10-30")),
              ElementsAre("assessment_due/p-1/follow_up/2#1"));
  EXPECT_THAT(client.InForce(), Contains("assessment_due/p-1/follow_up/2 2025-11-13"));
}

TEST(Due, WhatThePeriodNoLongerReachesIsNotDue) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-03-03"));
  client.AppendDue(OnDay("2025-05-04"));
  EXPECT_THAT(client.InForce(), Contains("assessment_due/p-1/network_meeting/1 2025-06-17"));
  const EventId end = client.Record(kVerstas, Ended("2025-05-04"));
  bool cancelled = false;
  for (const auto& duty : client.Due(OnDay("2025-05-05"))) {
    if (duty.key != "cancel/assessment_due/p-1/network_meeting/1") continue;
    cancelled = true;
    EXPECT_EQ(duty.generation, 1u);
    EXPECT_EQ(As<v1::DueCancelled>(duty).period_id(), "p-1");
    EXPECT_EQ(As<v1::DueCancelled>(duty).cause_event_id(), end.view());
  }
  EXPECT_TRUE(cancelled);
  client.AppendDue(OnDay("2025-05-05"));
  client.AppendDue(OnDay("2025-08-01"));
  for (const std::string& due : client.InForce()) {
    EXPECT_EQ(due.find("network_meeting"), std::string::npos) << due;
    EXPECT_EQ(due.find("kykyviisari/2"), std::string::npos) << due;
  }
}

TEST(Due, AMovedStartMovesTheDayByOneGeneration) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-03-03"));
  client.Record(kVerstas, Started("2025-03-10", "2025-06-09"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-03-05")),
              ElementsAre("cancel/assessment_due/p-1/kykyviisari/1#1"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-03-10")),
              ElementsAre("assessment_due/p-1/kykyviisari/1#2"));
  client.Record(kVerstas, Started("2025-03-11", "2025-06-10"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-03-11")),
              ElementsAre("cancel/assessment_due/p-1/kykyviisari/1#2",
                          "assessment_due/p-1/kykyviisari/1#3"));
  EXPECT_THAT(client.InForce(), ElementsAre("assessment_due/p-1/kykyviisari/1 2025-03-25"));
}

TEST(Due, AnExtensionPutsOffTheFinalEvaluationAndFeedback) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-06-03"));
  const EventId extension = client.Record(kPohde, Extended("2025-12-02"));
  const auto duties = client.Due(OnDay("2025-06-04"));
  ASSERT_EQ(duties.size(), 3u);
  for (const auto& duty : duties) {
    EXPECT_TRUE(duty.key.starts_with("cancel/")) << duty.key;
    EXPECT_EQ(As<v1::DueCancelled>(duty).cause_event_id(), extension.view());
  }
  client.AppendDue(OnDay("2025-06-04"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-12-02")),
              ElementsAre("assessment_due/p-1/final_evaluation/1#2", "feedback_due/p-1/client#2",
                          "feedback_due/p-1/provider#2"));
}

TEST(Due, AnInterruptionPutsOffWhatLiesInIt) {
  PeriodCase client;
  client.Start("2025-03-03", "2025-12-31");
  client.AppendDue(OnDay("2025-05-05"));
  const EventId interruption = client.Record(kVerstas, Interrupted("2025-05-12"));
  const auto duties = client.Due(OnDay("2025-05-12"));
  ASSERT_EQ(duties.size(), 1u);
  EXPECT_EQ(duties[0].key, "cancel/assessment_due/p-1/network_meeting/1");
  EXPECT_EQ(As<v1::DueCancelled>(duties[0]).cause_event_id(), interruption.view());
  client.AppendDue(OnDay("2025-05-12"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-08-01")), IsEmpty());
  client.Record(kVerstas, Resumed("2025-08-11"));
  EXPECT_THAT(client.AppendDue(OnDay("2025-08-11")),
              ElementsAre("assessment_due/p-1/kykyviisari/2#1",
                          "assessment_due/p-1/network_meeting/1#2"));
  EXPECT_THAT(client.InForce(), Contains("assessment_due/p-1/kykyviisari/2 2025-08-25"));
}

TEST(Due, AReferralEnteredInErrorTakesEverythingBack) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-06-03"));
  const size_t raised = client.InForce().size();
  ASSERT_EQ(raised, 6u);
  auto error = Text<referral::v1::ReferralStatusChanged>(
      R"(referral_id: "ref-1" status: REFERRAL_STATUS_ENTERED_IN_ERROR)");
  client.Record(kVerstas, error);  // not the requester: changes nothing
  EXPECT_THAT(client.Due(OnDay("2025-06-04")), IsEmpty());
  const EventId act = client.Record(kPohde, error);
  const auto duties = client.Due(OnDay("2025-06-04"));
  EXPECT_EQ(duties.size(), raised);
  for (const auto& duty : duties) {
    EXPECT_EQ(As<v1::DueCancelled>(duty).cause_event_id(), act.view()) << duty.key;
  }
  client.AppendDue(OnDay("2025-06-04"));
  EXPECT_THAT(client.InForce(), IsEmpty());
  EXPECT_THAT(client.Due(OnDay("2027-01-01")), IsEmpty());
  EXPECT_FALSE(client.NextDueDay(OnDay("2025-06-04")));
}

TEST(Due, ThatItWasDoneDoesNotChangeWhatIsSaidToBeDue) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-03-03"));
  client.Record(kVerstas, Text<v1::KykyviisariRecorded>(
                              R"(period_id: "p-1" round: 1 filled_on: "2025-03-03" work_ability: 5)"));
  client.Record(kVerstas, Text<v1::KykyviisariRecorded>(
                              R"(period_id: "p-1" round: 2 filled_on: "2025-05-30" work_ability: 6)"));
  EXPECT_THAT(client.Due(OnDay("2025-03-04")), IsEmpty());
  EXPECT_THAT(client.AppendDue(OnDay("2025-06-03")), Contains(kSecond));
}

TEST(Due, OfTwoAgenciesThatRaisedTheSameOneStays) {
  // Both raised it before they heard of each other.
  PeriodCase oulu(kOulu);
  PeriodCase pohde(kPohde);
  oulu.Start();
  pohde.Start();
  const auto oulus = oulu.Due(OnDay("2025-03-03"));
  const auto pohdes = pohde.Due(OnDay("2025-03-03"));
  ASSERT_EQ(oulus.size(), 1u);
  ASSERT_EQ(pohdes.size(), 1u);
  for (PeriodCase* client : {&oulu, &pohde}) {
    client->RecordAs(testing::NumberedEvent(801), kOulu, "oulu", *oulus[0].event);
    client->RecordAs(testing::NumberedEvent(802), kPohde, "pohde", *pohdes[0].event);
  }
  EXPECT_THAT(oulu.Due(OnDay("2025-03-04")), IsEmpty());  // first in byte order
  const auto withdrawn = pohde.Due(OnDay("2025-03-04"));
  ASSERT_EQ(withdrawn.size(), 1u);
  EXPECT_EQ(As<v1::DueCancelled>(withdrawn[0]).due_event_id(), testing::NumberedEvent(802).view());
  EXPECT_EQ(As<v1::DueCancelled>(withdrawn[0]).cause_event_id(),
            testing::NumberedEvent(801).view());
  pohde.Record(kPohde, *withdrawn[0].event);
  EXPECT_EQ(pohde.InForce().size(), 1u);
  EXPECT_THAT(pohde.Due(OnDay("2025-03-05")), IsEmpty());
}

TEST(Due, WhatAnotherAgencyRaisedIsItsOwnToCancel) {
  PeriodCase client(kPohde);
  client.Start();
  client.Record(kOulu, Text<v1::AssessmentDue>(R"(
      period_id: "p-1" kind: ASSESSMENT_KIND_KYKYVIISARI round: 1 due_on: "2025-03-17")"));
  client.Record(kVerstas, Started("2025-03-10", "2025-06-09"));
  EXPECT_THAT(client.Due(OnDay("2025-03-10")), IsEmpty());
  // Only the author's own cancellation counts.
  const EventId due = client.assessment_state().raised.begin()->second[0].event;
  v1::DueCancelled cancelled;
  cancelled.set_due_event_id(std::string(due.view()));
  client.Record(kVerstas, cancelled);
  EXPECT_EQ(client.InForce().size(), 1u);
  client.Record(kOulu, cancelled);
  EXPECT_THAT(client.InForce(), IsEmpty());
  EXPECT_THAT(client.AppendDue(OnDay("2025-03-10")), ElementsAre(kFirst));
}

TEST(Due, WhoOnlyPaysOrReadsHasNoDuties) {
  for (const auto agency : {kKela, kAuditor, kStranger}) {
    PeriodCase client(agency);
    client.Start();
    EXPECT_THAT(client.Due(OnDay("2026-01-01")), IsEmpty()) << agency;
    EXPECT_FALSE(client.NextDueDay(OnDay("2025-01-01"))) << agency;
  }
}

TEST(Due, NothingIsDueWithoutAStart) {
  PeriodCase client;
  EXPECT_THAT(client.Due(OnDay("2025-03-03")), IsEmpty());
  client.Record(kPohde, Made());
  client.Record(kPohde, Text<referral::v1::AgreementMade>(R"(
      period_id: "p-1" referral_id: "ref-1" starts_on: "2025-03-03" ends_on: "2025-06-02")"));
  EXPECT_THAT(client.Due(OnDay("2026-03-03")), IsEmpty());
  EXPECT_FALSE(client.NextDueDay(OnDay("2025-03-03")));
}

TEST(Due, AClockSetBackTakesNothingBack) {
  PeriodCase client;
  client.Start();
  client.AppendDue(OnDay("2025-06-03"));
  EXPECT_THAT(client.Due(OnDay("2025-01-01")), IsEmpty());
}

TEST(Due, OptionalRulesAndRulesOfOtherTimesRaiseNothing) {
  PeriodCase client;
  client.profile().clear_feedback();
  for (auto& rule : *client.profile().mutable_assessments()) {
    if (rule.id() != "work_ability") rule.set_valid_until("2025-01-31");
  }
  client.Start();
  EXPECT_THAT(client.Due(OnDay("2026-01-01")), IsEmpty());
}

TEST(Due, NextDueDayNeverMissesADayOnWhichSomethingIsDue) {
  PeriodCase daily;
  PeriodCase jumping;
  daily.Start();
  jumping.Start();
  std::vector<std::string> every_day;
  for (absl::CivilDay day(2025, 3, 1); day < absl::CivilDay(2026, 3, 1); ++day) {
    for (const std::string& duty : daily.AppendDue(day)) {
      every_day.push_back(duty + " on " + service::FormatDate(day));
    }
  }
  std::vector<std::string> on_next_days;
  std::optional<absl::CivilDay> day = absl::CivilDay(2025, 3, 1);
  for (int i = 0; day && i < 100; ++i) {
    for (const std::string& duty : jumping.AppendDue(*day)) {
      on_next_days.push_back(duty + " on " + service::FormatDate(*day));
    }
    const auto next = jumping.NextDueDay(*day);
    ASSERT_TRUE(!next || *next > *day);
    day = next;
  }
  EXPECT_EQ(on_next_days, every_day);
  EXPECT_EQ(every_day.size(), 8u);
  EXPECT_FALSE(day);
}

}  // namespace
}  // namespace polku::assessment
