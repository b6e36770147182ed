// Planned days, confirmed months, corrections with approval, alerts and groups: what a provider does
// with a month, from its plan to its approved corrections.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/attendance/attendance.h"
#include "services/core/days.h"
#include "services/core/groups.h"
#include "services/core/periods.h"
#include "tests/support/service_lab.h"

namespace polku {
namespace {

namespace av = attendance::v1;
namespace ref = referral::v1;
using testing::D;
using testing::ServiceLab;
using testing::Text;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPaja[] = "FI/ASS/0187690-1/paja";
constexpr char kOther[] = "FI/ASS/0187690-1/toinen";
constexpr char kSocial[] = "FI/MUN/0187690-1/hyvinvointi";
constexpr char kKela[] = "FI/GOV/0246246-0/kela";

config::v1::Agreement Agreement() {
  return Text<config::v1::Agreement>(
      "agencies { name: 'FI/ASS/0187690-1/paja' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/ASS/0187690-1/toinen' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/MUN/0187690-1/hyvinvointi' roles: AGENCY_ROLE_SOCIAL_SERVICES }"
      "agencies { name: 'FI/GOV/0246246-0/kela' roles: AGENCY_ROLE_BENEFIT_PAYER }");
}

constexpr char kDay[] =
    "planned_minutes: 360 actual_minutes: 360 outcome: DAY_OUTCOME_ATTENDED "
    "attendance_class: ATTENDANCE_CLASS_ATTENDED ";
constexpr char kAway[] =
    "planned_minutes: 360 outcome: DAY_OUTCOME_ABSENT_OTHER "
    "attendance_class: ATTENDANCE_CLASS_OTHER_ABSENCE ";

// Mondays and Thursdays from 3 March to 2 June 2025. March has nine of them.
class MonthTest : public ::testing::Test {
 protected:
  MonthTest() : lab_(MakeAttendanceService(), WithoutAlerts(testing::OuluProfile()), Agreement(), kPaja) {}

  // Each test has the alerts that it gives.
  static config::v1::Profile WithoutAlerts(config::v1::Profile profile) {
    profile.clear_alerts();
    return profile;
  }
  void Start(const std::string& more = "") {
    lab_.Tell(kSocial, Text<ref::BenefitRecorded>("payer_agency: 'FI/GOV/0246246-0/kela'"));
    lab_.Tell(kSocial, Text<ref::ServiceStarted>(
                           "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                           "starts_on: '2025-03-03' ends_on: '2025-06-02' schedule { "
                           "minutes_per_day: 360 weekdays: WEEKDAY_MONDAY "
                           "weekdays: WEEKDAY_THURSDAY } " + more));
  }

  template <typename Event>
  std::string Offer(const std::string& text, std::string_view official = "ohjaaja-1",
                    std::string_view author = kPaja) {
    return lab_.Offer(author, official, Text<Event>(text), today_);
  }
  std::string Record(std::string_view date, const std::string& what = kDay) {
    return Offer<av::DayRecorded>("date: '" + std::string(date) + "' " + what);
  }
  void RecordMarch() {
    for (const char* day : {"2025-03-03", "2025-03-06", "2025-03-10", "2025-03-13", "2025-03-17",
                            "2025-03-20", "2025-03-24", "2025-03-27", "2025-03-31"}) {
      ASSERT_EQ(Record(day), "");
    }
  }
  std::string Confirm(int attended, const std::string& month = "2025-03",
                      const std::string& on = "2025-04-01") {
    return Offer<av::MonthConfirmed>("period_id: 'p1' month: '" + month + "' confirmed_on: '" + on +
                                     "' attended_days: " + std::to_string(attended));
  }
  std::string Propose(std::string_view date, const std::string& what) {
    return Offer<av::DayCorrectionProposed>("date: '" + std::string(date) +
                                            "' reason: CORRECTION_REASON_WRONG_CLASS " + what);
  }
  std::string Decide(bool approved, std::string_view official = "esimies-1",
                     std::string_view author = kPaja, const std::string& more = "") {
    auto decided = Text<av::DayCorrectionDecided>(more);
    if (decided.decided_on().empty()) decided.set_decided_on("2025-04-02");
    decided.set_approved(approved);
    const auto proposal = lab_.IdOfLast<av::DayCorrectionProposed>();
    if (proposal) decided.set_proposal_event_id(std::string(proposal->view()));
    return lab_.Offer(author, official, decided, today_);
  }

  // "RAISED date kind" and "CLEARED …", of what is appended by `day`.
  std::vector<std::string> Alerts(std::string_view day) {
    std::vector<std::string> said;
    for (const auto& entry : lab_.Run(D(day))) {
      if (const auto* raised = service::As<av::AlertRaised>(*entry.body)) {
        said.push_back("RAISED " + raised->date() + " " + AlertName(raised->alert()));
      } else if (const auto* cleared = service::As<av::AlertCleared>(*entry.body)) {
        said.push_back("CLEARED " + cleared->date() + " " + AlertName(cleared->alert()));
      }
    }
    return said;
  }
  static std::string AlertName(event::v1::AlertKind kind) {
    return event::v1::AlertKind_Name(kind).substr(std::string("ALERT_KIND_").size());
  }
  void Warn(const std::string& rule) {
    *lab_.profile().add_alerts() = Text<config::v1::AlertRule>("id: 'a' version: '1' " + rule);
  }

  ServiceLab lab_;
  absl::CivilDay today_ = absl::CivilDay(2025, 6, 30);
};

// ---- Planned days ----

TEST_F(MonthTest, APlanIsRefusedWithTheReasonThatFits) {
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-03-04' }"),
            "service_not_started");
  Start();
  EXPECT_EQ(Offer<av::DaysPlanned>("days { date: '2025-03-04' planned_minutes: 300 }"),
            "missing_period");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p9' days { date: '2025-03-04' }"),
            "unknown_period");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1'"), "missing_days");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { planned_minutes: 300 }"),
            "missing_date");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-03-04' } "
                                   "days { date: '2025-03-04' planned_minutes: 60 }"),
            "day_planned_twice");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-03-04' "
                                   "planned_minutes: 1441 }"),
            "minutes_out_of_range");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-06-03' }"),
            "outside_period");
  const std::string good = "period_id: 'p1' days { date: '2025-03-04' planned_minutes: 300 }";
  EXPECT_EQ(Offer<av::DaysPlanned>(good, "o", kSocial), "wrong_actor");
  EXPECT_EQ(Offer<av::DaysPlanned>(good, "o", kOther), "wrong_actor");
  EXPECT_EQ(Offer<av::DaysPlanned>(good, ""), "missing_recorder");
  EXPECT_EQ(Offer<av::DaysPlanned>(good), "");
}

TEST_F(MonthTest, ExpectedAreTheWeekdaysOfTheScheduleAndWhatThePlanSaysOfADate) {
  Warn("kind: ALERT_KIND_DAY_NOT_RECORDED");
  Start();
  // Not on Thursday 6 March, but on Friday; the newest word on Monday holds.
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-03-06' } "
                                   "days { date: '2025-03-07' planned_minutes: 300 } "
                                   "days { date: '2025-03-10' }"), "");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' "
                                   "days { date: '2025-03-10' planned_minutes: 240 }"), "");
  // Another provider's plan says nothing.
  lab_.Tell(kOther, Text<av::DaysPlanned>("period_id: 'p1' "
                                          "days { date: '2025-03-11' planned_minutes: 240 }"));
  EXPECT_THAT(Alerts("2025-03-12"),
              ElementsAre("RAISED 2025-03-03 DAY_NOT_RECORDED", "RAISED 2025-03-07 DAY_NOT_RECORDED",
                          "RAISED 2025-03-10 DAY_NOT_RECORDED"));
}

TEST_F(MonthTest, APublicHolidayOfTheScheduleIsNotExpectedUnlessItIsPlanned) {
  Warn("kind: ALERT_KIND_DAY_NOT_RECORDED");
  Start();
  RecordMarch();
  for (const char* day : {"2025-04-03", "2025-04-07", "2025-04-10", "2025-04-14", "2025-04-17"}) {
    ASSERT_EQ(Record(day), "");
  }
  EXPECT_THAT(Alerts("2025-04-24"), IsEmpty());  // 21.4. is Easter Monday
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' "
                                   "days { date: '2025-04-21' planned_minutes: 240 }"), "");
  EXPECT_THAT(Alerts("2025-04-24"), ElementsAre("RAISED 2025-04-21 DAY_NOT_RECORDED"));
}

// ---- Confirmed months ----

TEST_F(MonthTest, AMonthIsConfirmedOnceAllItsPlannedDaysAreRecorded) {
  Start();
  RecordMarch();
  EXPECT_EQ(Confirm(9), "");
  EXPECT_EQ(Confirm(9), "month_already_confirmed");
  EXPECT_EQ(Confirm(0, "2025-04", "2025-04-30"), "days_missing");
}

TEST_F(MonthTest, TheConfirmationIsRefusedWithTheReasonThatFits) {
  const std::string good =
      "period_id: 'p1' month: '2025-03' attended_days: 9 confirmed_on: '2025-04-01'";
  EXPECT_EQ(Confirm(9), "service_not_started");
  Start();
  EXPECT_EQ(Confirm(9), "days_missing");
  RecordMarch();
  EXPECT_EQ(Offer<av::MonthConfirmed>(good, "o", kSocial), "wrong_actor");
  EXPECT_EQ(Offer<av::MonthConfirmed>(good, "o", kOther), "not_the_providers_service");
  EXPECT_EQ(Offer<av::MonthConfirmed>(good, ""), "missing_recorder");
  for (const char* month : {"2025-3", "2025-13", "2025-03-01", "0205-03"}) {
    EXPECT_EQ(Confirm(9, month), "bad_date") << month;
  }
  EXPECT_EQ(Confirm(9, ""), "missing_month");
  EXPECT_EQ(Confirm(9, "2025-03", ""), "missing_date");
  EXPECT_EQ(Confirm(9, "2025-03", "2025-07-01"), "future_day");
  EXPECT_EQ(Confirm(9, "2025-03", "2025-03-30"), "month_not_over");
  EXPECT_EQ(Confirm(0, "2025-02"), "outside_period");
  EXPECT_EQ(Confirm(8), "attended_days_mismatch");
  EXPECT_EQ(Confirm(10), "attended_days_mismatch");
  EXPECT_EQ(Offer<av::MonthConfirmed>("month: '2025-03' attended_days: 9 "
                                      "confirmed_on: '2025-04-01'"), "missing_period");
  EXPECT_EQ(Confirm(9, "2025-03", "2025-03-31"), "");
}

TEST_F(MonthTest, TheRefusalSaysHowManyPlannedDaysLackARecord) {
  Start();
  ASSERT_EQ(Record("2025-03-03"), "");
  const auto state = lab_.Fold();
  const auto event = Text<av::MonthConfirmed>(
      "period_id: 'p1' month: '2025-03' attended_days: 1 confirmed_on: '2025-04-01'");
  const auto refusal = lab_.service().Decide(
      *state, {EventId(), CaseId(), kPaja, "ohjaaja-1", event}, lab_.rules(), today_);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_THAT(refusal->message, ::testing::StartsWith("8 planned days have no record"));
}

TEST_F(MonthTest, ADayThatIsPlannedAwaySwappedAwayOrInterruptedIsNotMissing) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-06", "2025-03-10", "2025-03-13", "2025-03-17"}) {
    ASSERT_EQ(Record(day), "");
  }
  EXPECT_EQ(Confirm(5), "days_missing");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-03-20' }"), "");
  EXPECT_EQ(Offer<av::DayRecorded>(
                "date: '2025-03-25' swapped_from: '2025-03-24' actual_minutes: 360 "
                "outcome: DAY_OUTCOME_ATTENDED attendance_class: ATTENDANCE_CLASS_AGREED_DAY_SWAP"),
            "");
  EXPECT_EQ(Confirm(6), "days_missing");
  lab_.Tell(kSocial, Text<ref::ServiceInterrupted>("period_id: 'p1' interrupted_from: '2025-03-27'"));
  EXPECT_EQ(Confirm(6), "");
}

TEST_F(MonthTest, TheMonthOfTheLastDayIsConfirmedWhenTheServiceHasEnded) {
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-03-12'"));
  for (const char* day : {"2025-03-03", "2025-03-06"}) ASSERT_EQ(Record(day), "");
  ASSERT_EQ(Record("2025-03-10", kAway), "");
  EXPECT_EQ(Confirm(2, "2025-03", "2025-03-11"), "month_not_over");
  EXPECT_EQ(Confirm(2, "2025-03", "2025-03-12"), "");
}

TEST_F(MonthTest, AConfirmedMonthTakesNeitherRecordsNorCorrectionsNorPlans) {
  Start();
  RecordMarch();
  ASSERT_EQ(Confirm(9), "");
  EXPECT_EQ(Record("2025-03-11"), "month_confirmed");
  EXPECT_EQ(Offer<av::DayCorrected>("date: '2025-03-10' reason: CORRECTION_REASON_WRONG_CLASS " +
                                    std::string(kAway)), "month_confirmed");
  EXPECT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' days { date: '2025-03-10' }"),
            "month_confirmed");
  EXPECT_EQ(Record("2025-04-03"), "");
}

TEST_F(MonthTest, AConfirmationOfAnotherPeriodOrProviderLocksNothingHere) {
  Start();
  RecordMarch();
  lab_.Tell(kOther, Text<av::MonthConfirmed>("period_id: 'p1' month: '2025-03'"));
  lab_.Tell(kPaja, Text<av::MonthConfirmed>("period_id: 'p2' month: '2025-03'"));
  EXPECT_EQ(Record("2025-03-11"), "");
}

// ---- Corrections with approval ----

class ApprovalTest : public MonthTest {
 protected:
  void SetUp() override {
    Start();
    RecordMarch();
    ASSERT_EQ(Confirm(9), "");
    lab_.Run(today_);
  }
};

TEST_F(ApprovalTest, AnApprovedProposalBecomesTheServicesOwnCorrection) {
  const EventId record = *lab_.IdOfLast<av::DayRecorded>();
  ASSERT_EQ(Propose("2025-03-31", std::string(kAway) + "note: 'oli poissa'"), "");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  ASSERT_EQ(Decide(true), "");
  lab_.Run(today_);
  const auto corrections = lab_.All<av::DayCorrected>();
  ASSERT_THAT(corrections, SizeIs(1));
  const av::DayCorrected& correction = *corrections[0];
  EXPECT_EQ(correction.date(), "2025-03-31");
  EXPECT_EQ(correction.outcome(), event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_EQ(correction.attendance_class(), event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE);
  EXPECT_EQ(correction.note(), "oli poissa");
  EXPECT_EQ(correction.reason(), av::CORRECTION_REASON_WRONG_CLASS);
  EXPECT_EQ(correction.corrected_event_id(), record.view());
  EXPECT_EQ(correction.cause_event_id(), lab_.IdOfLast<av::DayCorrectionDecided>()->view());
  EXPECT_THAT(lab_.Run(today_ + 30), IsEmpty());
}

TEST_F(ApprovalTest, WhatFollowsFromAnApprovedCorrectionIsSaidToo) {
  ASSERT_EQ(Propose("2025-03-31", kAway), "");
  ASSERT_EQ(Decide(true), "");
  const size_t before = lab_.All<av::AbsenceNoticeSent>().size();
  lab_.Run(today_);
  EXPECT_EQ(lab_.All<av::AbsenceNoticeSent>().size(), before + 1);
}

TEST_F(ApprovalTest, AProposalThatIsNotApprovedChangesNothing) {
  ASSERT_EQ(Propose("2025-03-31", kAway), "");
  EXPECT_EQ(Decide(false), "missing_reason");
  EXPECT_EQ(Decide(false, "esimies-1", kPaja, "reason: 'asiakas oli paikalla'"), "");
  lab_.Run(today_);
  EXPECT_THAT(lab_.All<av::DayCorrected>(), IsEmpty());
  EXPECT_EQ(Decide(true), "already_decided");
  EXPECT_EQ(Propose("2025-03-31", kAway), "");  // it may be proposed anew
}

TEST_F(ApprovalTest, AForgottenDayIsAddedAndARecordTakenBackByApprovalAlone) {
  EXPECT_EQ(Propose("2025-03-11", "withdrawn: true"), "day_not_recorded");
  ASSERT_EQ(Propose("2025-03-11", kDay), "");
  ASSERT_EQ(Decide(true), "");
  lab_.Run(today_);
  ASSERT_EQ(Propose("2025-03-10", "withdrawn: true"), "");
  ASSERT_EQ(Decide(true), "");
  lab_.Run(today_);
  const auto corrections = lab_.All<av::DayCorrected>();
  ASSERT_THAT(corrections, SizeIs(2));
  EXPECT_EQ(corrections[0]->corrected_event_id(), "");
  EXPECT_EQ(corrections[0]->actual_minutes(), 360u);
  EXPECT_TRUE(corrections[1]->withdrawn());
  EXPECT_EQ(Propose("2025-03-10", "withdrawn: true"), "day_not_recorded");
}

TEST_F(ApprovalTest, AProposalIsRefusedWithTheReasonThatFits) {
  EXPECT_EQ(Propose("2025-04-03", kDay), "month_not_confirmed");
  EXPECT_EQ(Propose("2025-03-01", kDay), "outside_period");
  EXPECT_EQ(Propose("2025-03-31", kDay), "nothing_to_correct");
  EXPECT_EQ(Propose("2025-03-31", "actual_minutes: 5"), "missing_class");
  EXPECT_EQ(Propose("2025-03-31", "withdrawn: true note: 'x'"), "withdrawn_not_empty");
  EXPECT_EQ(Propose("2025-03-31", "record_event_id: '0123456789abcdef' " + std::string(kAway)),
            "record_has_changed");
  EXPECT_EQ(Propose("2025-03-31", "record_event_id: 'short' " + std::string(kAway)),
            "bad_event_id");
  EXPECT_EQ(Offer<av::DayCorrectionProposed>("date: '2025-03-31' " + std::string(kAway)),
            "missing_reason");
  const std::string good =
      "date: '2025-03-31' reason: CORRECTION_REASON_OTHER " + std::string(kAway);
  EXPECT_EQ(Offer<av::DayCorrectionProposed>(good, "o", kSocial), "wrong_actor");
  EXPECT_EQ(Offer<av::DayCorrectionProposed>(good, "o", kOther), "wrong_actor");
  EXPECT_EQ(Offer<av::DayCorrectionProposed>(good, ""), "missing_recorder");
  EXPECT_EQ(Offer<av::DayCorrectionProposed>(good), "");
  EXPECT_EQ(Offer<av::DayCorrectionProposed>(good), "proposal_open");
}

TEST_F(ApprovalTest, AnotherOfficialOfTheProviderOrSocialServicesDecides) {
  EXPECT_EQ(Decide(true), "unknown_proposal");
  ASSERT_EQ(Propose("2025-03-31", kAway), "");
  EXPECT_EQ(Decide(true, "ohjaaja-1"), "same_official");
  EXPECT_EQ(Decide(true, ""), "missing_recorder");
  EXPECT_EQ(Decide(true, "o", kKela), "wrong_actor");
  EXPECT_EQ(Decide(true, "o", kOther), "wrong_actor");
  EXPECT_EQ(Decide(true, "e", kPaja, "decided_on: '2025-07-01'"), "future_day");
  av::DayCorrectionDecided undated;
  undated.set_proposal_event_id(std::string(lab_.IdOfLast<av::DayCorrectionProposed>()->view()));
  EXPECT_EQ(lab_.Offer(kPaja, "e", undated, today_), "missing_date");
  // Officials are pseudonyms of their agency: the same one at another agency is another person.
  EXPECT_EQ(Decide(true, "ohjaaja-1", kSocial), "");
  EXPECT_THAT(lab_.Run(today_), ::testing::Not(IsEmpty()));
}

TEST_F(ApprovalTest, WhatHasChangedSinceIsNotApproved) {
  ASSERT_EQ(Propose("2025-03-31", kAway), "");
  // A record that came meanwhile, from an epoch of this service that knew of no confirmation.
  lab_.Tell(kPaja, Text<av::DayCorrected>("date: '2025-03-31' reason: CORRECTION_REASON_OTHER "
                                          "outcome: DAY_OUTCOME_NOT_HELD attendance_class: "
                                          "ATTENDANCE_CLASS_SERVICE_NOT_HELD"));
  EXPECT_EQ(Decide(true), "record_has_changed");
  EXPECT_EQ(Decide(false, "e", kPaja, "reason: 'muuttui'"), "");
}

TEST_F(ApprovalTest, TheServiceItselfAppendsApprovedCorrectionsNobodyOffersThem) {
  EXPECT_EQ(Offer<av::DayCorrected>("date: '2025-04-03' cause_event_id: '0123456789abcdef' "
                                    "reason: CORRECTION_REASON_OTHER " + std::string(kDay)),
            "unexpected_cause");
}

TEST_F(ApprovalTest, WhatIsNoLongerReadableIsNotCarriedOut) {
  auto proposed = Text<av::DayCorrectionProposed>(
      "date: '2025-03-31' reason: CORRECTION_REASON_OTHER planned_minutes: 360");
  const EventId proposal = lab_.Tell(kPaja, proposed);  // without the erased sections
  av::DayCorrectionDecided decided;
  decided.set_proposal_event_id(std::string(proposal.view()));
  decided.set_approved(true);
  lab_.Tell(kPaja, decided);
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(ApprovalTest, AnotherProvidersProposalIsNotCarriedOutHere) {
  const EventId proposal = lab_.Tell(
      kOther, Text<av::DayCorrectionProposed>("date: '2025-03-11' period_id: 'p1' "
                                              "reason: CORRECTION_REASON_OTHER " +
                                              std::string(kDay)));
  av::DayCorrectionDecided decided;
  decided.set_proposal_event_id(std::string(proposal.view()));
  decided.set_approved(true);
  lab_.Tell(kOther, decided);
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(ApprovalTest, WhatAnotherLogSaysOfAProposalDecidesNothing) {
  ASSERT_EQ(Propose("2025-03-31", kAway), "");
  av::DayCorrectionDecided decided;
  decided.set_proposal_event_id(
      std::string(lab_.IdOfLast<av::DayCorrectionProposed>()->view()));
  decided.set_approved(true);
  lab_.Tell(kSocial, decided);  // in social services' own log
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  EXPECT_EQ(Decide(false, "e", kPaja, "reason: 'ei pidä paikkaansa'"), "");
}

// Forssa 2014 (seed 003): the organisation changed, what it had confirmed stays confirmed.
TEST_F(MonthTest, WhatThePredecessorConfirmedTheSuccessorCorrectsByApprovalAlone) {
  ServiceLab lab(MakeAttendanceService(), WithoutAlerts(testing::OuluProfile()), Agreement(), kOther);
  lab.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-03-03' "
                                              "provider_agency: 'FI/ASS/0187690-1/paja' "
                                              "ends_on: '2025-06-02'"));
  lab.Tell(kPaja, Text<av::DayRecorded>("date: '2025-03-31' " + std::string(kDay)));
  lab.Tell(kPaja, Text<av::MonthConfirmed>("period_id: 'p1' month: '2025-03' attended_days: 1"));
  lab.Tell(kPaja, Text<ref::OrganiserTransferred>("from_agency: 'FI/ASS/0187690-1/paja' "
                                                  "to_agency: 'FI/ASS/0187690-1/toinen' "
                                                  "effective_on: '2025-04-15'"));
  lab.Run(today_);
  const std::string content =
      "date: '2025-03-31' reason: CORRECTION_REASON_OTHER " + std::string(kAway);
  EXPECT_EQ(lab.Offer(kOther, "o-1", Text<av::DayCorrected>(content), today_), "month_confirmed");
  ASSERT_EQ(lab.Offer(kOther, "o-1", Text<av::DayCorrectionProposed>(content), today_), "");
  auto decided = Text<av::DayCorrectionDecided>("approved: true decided_on: '2025-06-30'");
  decided.set_proposal_event_id(std::string(lab.IdOfLast<av::DayCorrectionProposed>()->view()));
  ASSERT_EQ(lab.Offer(kOther, "o-2", decided, today_), "");
  lab.Run(today_);
  EXPECT_THAT(lab.All<av::DayCorrected>(), SizeIs(1));
}

// ---- Alerts ----

TEST_F(MonthTest, WithoutARuleNothingIsAlerted) {
  Start();
  EXPECT_THAT(Alerts("2025-12-01"), IsEmpty());
}

TEST_F(MonthTest, APeriodThatEndsWithoutAFollowOnPlanIsAlertedInTimeAndNotAfterwards) {
  Warn("kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 30");
  Start();
  lab_.Run(D("2025-05-01"));
  EXPECT_EQ(lab_.Next(D("2025-05-01")), D("2025-05-03"));
  EXPECT_THAT(Alerts("2025-05-02"), IsEmpty());
  EXPECT_THAT(Alerts("2025-05-03"),
              ElementsAre("RAISED 2025-06-02 PERIOD_ENDS_WITHOUT_FOLLOW_ON"));
  EXPECT_THAT(Alerts("2025-06-10"), IsEmpty());  // it stands
}

TEST_F(MonthTest, AnEndThatIsHeardOfWhenItIsPastIsNoNews) {
  Warn("kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 30");
  Start();
  EXPECT_THAT(Alerts("2025-06-03"), IsEmpty());
}

TEST_F(MonthTest, AFollowOnPlanAnEndOrAnotherPeriodClearsTheAlertAnExtensionMovesIt) {
  struct Way {
    const char* name;
    std::shared_ptr<google::protobuf::Message> fact;
  };
  const auto fact = [](auto message) {
    return std::make_shared<decltype(message)>(std::move(message));
  };
  for (const Way& way : {
           Way{"plan", fact(Text<ref::PlanDrafted>("plan_id: 'j' kind: PLAN_KIND_FOLLOW_ON"))},
           Way{"end", fact(Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-05-30'"))},
           Way{"period", fact(Text<ref::ServiceStarted>("period_id: 'p2' starts_on: '2025-06-03' "
                                                        "ends_on: '2025-12-31'"))},
           Way{"extension", fact(Text<ref::ServiceExtended>("period_id: 'p1' "
                                                            "ends_on: '2025-09-02'"))}}) {
    SCOPED_TRACE(way.name);
    ServiceLab lab(MakeAttendanceService(), WithoutAlerts(testing::OuluProfile()), Agreement(), kPaja);
    *lab.profile().add_alerts() = Text<config::v1::AlertRule>(
        "id: 'a' version: '1' kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 30");
    lab.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-03-03' "
                                                "provider_agency: 'FI/ASS/0187690-1/paja' "
                                                "ends_on: '2025-06-02'"));
    lab.Run(D("2025-05-10"));
    ASSERT_THAT(lab.All<av::AlertRaised>(), SizeIs(1));
    const EventId raised = *lab.IdOfLast<av::AlertRaised>();
    lab.Tell(kSocial, *way.fact);
    lab.Run(D("2025-05-11"));
    ASSERT_THAT(lab.All<av::AlertCleared>(), SizeIs(1));
    EXPECT_EQ(lab.All<av::AlertCleared>()[0]->raised_event_id(), raised.view());
    lab.Run(D("2025-08-10"));
    const bool again = std::string_view(way.name) == "extension";
    EXPECT_EQ(lab.All<av::AlertRaised>().size(), again ? 2u : 1u);
  }
}

TEST_F(MonthTest, AFollowOnPlanThatWasCarriedOutIsNoneForTheNextEnd) {
  Warn("kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 30");
  Start();
  lab_.Tell(kSocial, Text<ref::PlanDrafted>("plan_id: 'j' kind: PLAN_KIND_FOLLOW_ON"));
  EXPECT_THAT(Alerts("2025-05-20"), IsEmpty());
  lab_.Tell(kSocial, Text<ref::ServiceExtended>("period_id: 'p1' ends_on: '2025-09-02'"));
  EXPECT_THAT(Alerts("2025-08-03"),
              ElementsAre("RAISED 2025-09-02 PERIOD_ENDS_WITHOUT_FOLLOW_ON"));
}

TEST_F(MonthTest, APlannedDayWithoutARecordIsAlertedAfterItsDaysAndClearedByTheRecord) {
  Warn("kind: ALERT_KIND_DAY_NOT_RECORDED after_days: 7");
  Start();
  EXPECT_THAT(Alerts("2025-03-10"), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-03-10")), D("2025-03-11"));
  EXPECT_THAT(Alerts("2025-03-11"), ElementsAre("RAISED 2025-03-03 DAY_NOT_RECORDED"));
  EXPECT_THAT(Alerts("2025-03-13"), IsEmpty());
  EXPECT_THAT(Alerts("2025-03-14"), ElementsAre("RAISED 2025-03-06 DAY_NOT_RECORDED"));
  ASSERT_EQ(Record("2025-03-03", kAway), "");  // an absence is a record, too
  EXPECT_THAT(Alerts("2025-03-14"), ElementsAre("CLEARED 2025-03-03 DAY_NOT_RECORDED"));
  ASSERT_EQ(Offer<av::DayCorrected>("date: '2025-03-03' withdrawn: true "
                                    "reason: CORRECTION_REASON_WRONG_CLIENT"), "");
  EXPECT_THAT(Alerts("2025-03-14"), ElementsAre("RAISED 2025-03-03 DAY_NOT_RECORDED"));
}

TEST_F(MonthTest, EveryDayIsAlertedInTimeByTheDaysThatAreAnnounced) {
  Warn("kind: ALERT_KIND_DAY_NOT_RECORDED after_days: 3");
  Start();
  ASSERT_EQ(Offer<av::DaysPlanned>("period_id: 'p1' "
                                   "days { date: '2025-05-10' planned_minutes: 240 }"), "");
  // As a host does it: only on the days that the service named before.
  absl::CivilDay today = D("2025-03-01");
  lab_.Run(today);
  while (const auto next = lab_.Next(today)) {
    today = *next;
    lab_.Run(today);
  }
  std::vector<std::string> days;
  for (const auto* raised : lab_.All<av::AlertRaised>()) days.push_back(raised->date());
  // 14 Mondays and 13 Thursdays less Easter Monday, May Day and Ascension Day; and a Saturday.
  EXPECT_THAT(days, SizeIs(14 + 13 - 3 + 1));
  EXPECT_THAT(days, ::testing::Contains("2025-05-10"));
}

TEST_F(MonthTest, AClockThatWasSetBackClearsNoAlert) {
  Warn("kind: ALERT_KIND_DAY_NOT_RECORDED after_days: 3");
  *lab_.profile().add_alerts() = Text<config::v1::AlertRule>(
      "id: 'b' version: '1' kind: ALERT_KIND_MONTH_NOT_CONFIRMED after_days: 3");
  *lab_.profile().add_alerts() = Text<config::v1::AlertRule>(
      "id: 'c' version: '1' kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 30");
  Start();
  EXPECT_THAT(Alerts("2025-05-20"), ::testing::Not(IsEmpty()));
  EXPECT_THAT(Alerts("2025-03-02"), IsEmpty());
  EXPECT_THAT(Alerts("2025-03-20"), IsEmpty());
}

TEST_F(MonthTest, AMonthThatIsNotConfirmedIsAlertedAfterItsDaysAndClearedByTheConfirmation) {
  Warn("kind: ALERT_KIND_MONTH_NOT_CONFIRMED after_days: 10");
  Start();
  RecordMarch();
  EXPECT_THAT(Alerts("2025-04-10"), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-04-10")), D("2025-04-11"));
  EXPECT_THAT(Alerts("2025-04-11"), ElementsAre("RAISED 2025-03-31 MONTH_NOT_CONFIRMED"));
  ASSERT_EQ(Confirm(9), "");
  EXPECT_THAT(Alerts("2025-04-11"), ElementsAre("CLEARED 2025-03-31 MONTH_NOT_CONFIRMED"));
  EXPECT_THAT(Alerts("2025-05-11"), ElementsAre("RAISED 2025-04-30 MONTH_NOT_CONFIRMED"));
}

TEST_F(MonthTest, AMonthWithoutPlannedOrRecordedDaysNeedsNoConfirmation) {
  Warn("kind: ALERT_KIND_MONTH_NOT_CONFIRMED after_days: 10");
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceInterrupted>("period_id: 'p1' interrupted_from: '2025-04-01'"));
  RecordMarch();
  EXPECT_THAT(Alerts("2025-09-01"), ElementsAre("RAISED 2025-03-31 MONTH_NOT_CONFIRMED"));
}

TEST_F(MonthTest, APeriodOverWithoutAnEndIsAlertedUntilTheEndOrAnExtensionIsRecorded) {
  for (const bool extended : {false, true}) {
    SCOPED_TRACE(extended);
    ServiceLab lab(MakeAttendanceService(), WithoutAlerts(testing::OuluProfile()), Agreement(), kPaja);
    *lab.profile().add_alerts() = Text<config::v1::AlertRule>(
        "id: 'over' version: '1' kind: ALERT_KIND_PERIOD_OVER_WITHOUT_END after_days: 7");
    lab.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-03-03' "
                                                "provider_agency: 'FI/ASS/0187690-1/paja' ends_on: '2025-06-02'"));
    lab.Run(D("2025-06-09"));
    EXPECT_THAT(lab.All<av::AlertRaised>(), IsEmpty());
    EXPECT_EQ(lab.Next(D("2025-06-02")), D("2025-06-10"));
    lab.Run(D("2025-06-10"));
    ASSERT_THAT(lab.All<av::AlertRaised>(), SizeIs(1));
    EXPECT_EQ(lab.All<av::AlertRaised>().at(0)->date(), "2025-06-02");
    EXPECT_EQ(lab.All<av::AlertRaised>().at(0)->alert(), event::v1::ALERT_KIND_PERIOD_OVER_WITHOUT_END);
    EXPECT_THAT(lab.Run(D("2025-09-01")), IsEmpty()) << "once";
    if (extended) {
      lab.Tell(kSocial, Text<ref::ServiceExtended>("period_id: 'p1' ends_on: '2025-12-02'"));
    } else {
      lab.Tell(kPaja, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-06-02'"));
    }
    lab.Run(D("2025-09-01"));
    EXPECT_THAT(lab.All<av::AlertCleared>(), SizeIs(1));
    EXPECT_THAT(lab.All<av::AlertRaised>(), SizeIs(1));
  }
}

TEST_F(MonthTest, AStartThatTheAuthorityWasNotToldOfInTimeIsAlertedToWhoWouldKnow) {
  const auto lab_with = [](const std::string& sharing) {
    auto agreement = Agreement();
    if (!sharing.empty()) *agreement.add_sharings() = Text<config::v1::Sharing>(sharing);
    auto lab = std::make_unique<ServiceLab>(MakeAttendanceService(), WithoutAlerts(testing::OuluProfile()), agreement, kPaja);
    lab->Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-03-03' "
                                                 "provider_agency: 'FI/ASS/0187690-1/paja' ends_on: '2025-06-02'"));
    return lab;
  };
  // Seven days by the law's profile.
  for (const char* sharing : {"receiver_roles: AGENCY_ROLE_PROVIDER types: 'polku.referral.v1.AuthorityNotified'",
                              "receivers: 'FI/ASS/0187690-1/paja' types: 'polku.referral.*'"}) {
    SCOPED_TRACE(sharing);
    const auto lab = lab_with(sharing);
    lab->Run(D("2025-03-10"));
    EXPECT_THAT(lab->All<av::AlertRaised>(), IsEmpty());
    EXPECT_EQ(lab->Next(D("2025-03-10")), D("2025-03-11"));
    lab->Run(D("2025-03-11"));
    ASSERT_THAT(lab->All<av::AlertRaised>(), SizeIs(1));
    const auto& alert = *lab->All<av::AlertRaised>().at(0);
    EXPECT_EQ(alert.alert(), event::v1::ALERT_KIND_START_NOT_NOTIFIED);
    EXPECT_EQ(alert.date(), "2025-03-03");
    EXPECT_EQ(alert.rule().id(), "start_to_authority");
    // Of another period, or of another matter, it says nothing about this start.
    lab->Tell(kSocial, Text<ref::AuthorityNotified>("period_id: 'p2' notice: NOTICE_KIND_START"));
    lab->Tell(kSocial, Text<ref::AuthorityNotified>("period_id: 'p1' notice: NOTICE_KIND_END"));
    EXPECT_THAT(lab->Run(D("2025-03-12")), IsEmpty());
    lab->Tell(kSocial, Text<ref::AuthorityNotified>("period_id: 'p1' notice: NOTICE_KIND_START"));
    lab->Run(D("2025-03-12"));
    EXPECT_THAT(lab->All<av::AlertCleared>(), SizeIs(1));
  }
  // Who is not given the notification does not miss it.
  for (const char* sharing : {"", "receiver_roles: AGENCY_ROLE_BENEFIT_PAYER types: 'polku.*'",
                              "receiver_roles: AGENCY_ROLE_PROVIDER types: 'polku.referral.v1.Authority'"}) {
    SCOPED_TRACE(sharing);
    const auto lab = lab_with(sharing);
    lab->Run(D("2025-05-01"));
    EXPECT_THAT(lab->All<av::AlertRaised>(), IsEmpty());
  }
}

TEST_F(MonthTest, OtherProvidersServicesAlertNothingOfThisPeriod) {
  ServiceLab other(MakeAttendanceService(), WithoutAlerts(testing::OuluProfile()), Agreement(), kOther);
  for (const char* rule : {"id: 'a' kind: ALERT_KIND_DAY_NOT_RECORDED",
                           "id: 'b' kind: ALERT_KIND_MONTH_NOT_CONFIRMED",
                           "id: 'c' kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 90"}) {
    *other.profile().add_alerts() = Text<config::v1::AlertRule>(rule);
  }
  other.Tell(kSocial, Text<ref::ServiceStarted>(
                          "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: "
                          "'2025-03-03' ends_on: '2025-06-02' schedule { weekdays: WEEKDAY_MONDAY }"));
  EXPECT_THAT(other.Run(D("2025-05-30")), IsEmpty());
}

// At another provider's service, which knows of no confirmation, the same provider could still record a day.
TEST_F(MonthTest, OfAConfirmedMonthNoOtherLogsRecordSaysAnything) {
  const auto days = [](bool confirmed_first, const std::string& origin) {
    service::PeriodBook periods;
    service::DayBook book;
    uint64_t order = 0;
    const auto fold = [&](const std::string& author, const std::string& log, const google::protobuf::Message& body) {
      EventId id;
      id.data()[0] = static_cast<uint8_t>(++order);
      const service::Fact fact{id, CaseId(), log, Position(order), Order(order), absl::UnixEpoch(), author, "o", body};
      periods.Fold(fact);
      book.Fold(fact);
    };
    const std::string own = std::string(kPaja) + "/attendance/1";
    fold(kSocial, std::string(kSocial) + "/referral/1",
         Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2025-03-03' "
                                   "ends_on: '2025-06-02'"));
    const auto confirmed = Text<av::MonthConfirmed>("period_id: 'p1' month: '2025-03'");
    fold(kPaja, own, Text<av::DayRecorded>(std::string("date: '2025-03-06' ") + kAway));
    if (confirmed_first) fold(kPaja, own, confirmed);
    fold(kPaja, origin, Text<av::DayRecorded>(std::string("date: '2025-03-06' ") + kDay));
    fold(kPaja, origin, Text<av::DayRecorded>(std::string("date: '2025-04-03' ") + kDay));
    if (!confirmed_first) fold(kPaja, own, confirmed);
    const auto found = periods.Periods();
    const auto profile = testing::OuluProfile();
    std::vector<std::string> told;
    for (const auto& day : book.Days(found, profile)) {
      told.push_back(service::FormatDate(day.date) + (day.there ? " there" : " away"));
    }
    return told;
  };
  const std::string elsewhere = std::string(kOther) + "/attendance/1";
  EXPECT_THAT(days(true, elsewhere), ElementsAre("2025-03-06 away", "2025-04-03 there"));
  EXPECT_THAT(days(false, elsewhere), ElementsAre("2025-03-06 there", "2025-04-03 there"));
  EXPECT_THAT(days(true, std::string(kPaja) + "/attendance/2"), ElementsAre("2025-03-06 there", "2025-04-03 there"))
      << "its own service decides what it takes";
}

// ---- Groups ----

TEST_F(MonthTest, AClientJoinsAndLeavesAGroupOfTheProvider) {
  const auto join = [&](const char* from) {
    return Offer<av::GroupJoined>("group_code: 'puu-a' joined_from: '" + std::string(from) + "'");
  };
  const auto leave = [&](const char* until) {
    return Offer<av::GroupLeft>("group_code: 'puu-a' member_until: '" + std::string(until) + "'");
  };
  EXPECT_EQ(leave("2025-03-31"), "not_in_group");
  EXPECT_EQ(join("2025-03-03"), "");
  EXPECT_EQ(join("2025-04-01"), "already_in_group");
  EXPECT_EQ(join("2025-02-01"), "already_in_group");
  EXPECT_EQ(leave("2025-03-01"), "not_in_group");
  EXPECT_EQ(leave("2025-03-31"), "");
  EXPECT_EQ(leave("2025-03-31"), "not_in_group");
  EXPECT_EQ(leave("2025-03-15"), "");  // it was earlier
  EXPECT_EQ(join("2025-03-15"), "already_in_group");
  EXPECT_EQ(join("2025-03-16"), "");
  EXPECT_EQ(leave("2025-03-15"), "");  // never came back: the day before joined_from
  EXPECT_EQ(join("2025-03-16"), "");
}

// Who takes the provider's place has its groups: nobody stays behind in a group of an organisation that is no more, and
// nobody has to join anew.
TEST_F(MonthTest, AGroupPassesToWhoTakesTheProvidersPlace) {
  const auto join = [&](const char* from, const char* author) {
    return Offer<av::GroupJoined>("group_code: 'puu-a' joined_from: '" + std::string(from) + "'", "o", author);
  };
  const auto leave = [&](const char* until, const char* author) {
    return Offer<av::GroupLeft>("group_code: 'puu-a' member_until: '" + std::string(until) + "'", "o", author);
  };
  const auto memberships = [&] {
    service::GroupBook book;
    for (const auto& entry : lab_.entries()) {
      book.Fold({entry.id, CaseId(), entry.origin, entry.position, entry.order, absl::UnixEpoch(),
                 entry.author, entry.official, *entry.body});
    }
    std::vector<std::string> told;
    for (const auto& one : book.Memberships()) {
      told.push_back(one.agency.substr(one.agency.rfind('/') + 1) + " " + service::FormatDate(one.from) + ".." +
                     (one.until ? service::FormatDate(*one.until) : ""));
    }
    return told;
  };
  EXPECT_EQ(join("2025-03-03", kPaja), "");
  EXPECT_EQ(leave("2025-03-20", kOther), "not_in_group");
  lab_.Tell(kPaja, Text<ref::OrganiserTransferred>("from_agency: 'FI/ASS/0187690-1/paja' "
                                                   "to_agency: 'FI/ASS/0187690-1/toinen' "
                                                   "effective_on: '2025-04-01'"));
  EXPECT_THAT(memberships(), ElementsAre("paja 2025-03-03..2025-03-31", "toinen 2025-04-01.."));
  EXPECT_EQ(leave("2025-04-20", kPaja), "not_in_group");
  EXPECT_EQ(join("2025-04-10", kOther), "already_in_group");
  EXPECT_EQ(leave("2025-04-20", kOther), "");
  EXPECT_THAT(memberships(), ElementsAre("paja 2025-03-03..2025-03-31", "toinen 2025-04-01..2025-04-20"));
  EXPECT_EQ(join("2025-04-21", kOther), "");
  // It had left before the hand-over: the successor puts it right, and never had it in its group.
  EXPECT_EQ(leave("2025-04-20", kOther), "") << "never came back";
  EXPECT_EQ(leave("2025-03-31", kOther), "");
  EXPECT_THAT(memberships(), ElementsAre("paja 2025-03-03..2025-03-31", "toinen 2025-04-21..2025-04-20"));
}

TEST_F(MonthTest, AGroupIsRefusedWithTheReasonThatFits) {
  const std::string good = "group_code: 'puu-a' joined_from: '2025-03-03'";
  EXPECT_EQ(Offer<av::GroupJoined>("joined_from: '2025-03-03'"), "missing_group");
  EXPECT_EQ(Offer<av::GroupJoined>("group_code: 'puu-a'"), "missing_date");
  EXPECT_EQ(Offer<av::GroupJoined>("group_code: 'puu a' joined_from: '2025-03-03'"), "bad_code");
  EXPECT_EQ(Offer<av::GroupJoined>(good, ""), "missing_recorder");
  EXPECT_EQ(Offer<av::GroupJoined>(good, "o", kSocial), "wrong_actor");
  EXPECT_EQ(Offer<av::GroupLeft>("group_code: 'puu-a'"), "missing_date");
  EXPECT_EQ(Offer<av::GroupJoined>(good), "");
  // A group of that code of another provider is another group.
  EXPECT_EQ(Offer<av::GroupLeft>("group_code: 'puu-a' member_until: '2025-03-31'", "o", kOther),
            "not_in_group");
}

TEST_F(MonthTest, TheDutiesOfTheServiceAreNotOffered) {
  EXPECT_EQ(Offer<av::AlertRaised>("period_id: 'p1'"), "made_by_the_service");
  EXPECT_EQ(Offer<av::AlertCleared>("period_id: 'p1'"), "made_by_the_service");
}

}  // namespace
}  // namespace polku
