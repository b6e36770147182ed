#include "services/compensation/compensation.h"

#include "tests/compensation/compensation_lab.h"

namespace polku {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class AllowanceTest : public CompensationLab {};

TEST_F(AllowanceTest, AnAttendedDayGivesNineEurosOnce) {
  Start();
  Benefit();
  const EventId record = Day("2025-03-03");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
  const auto* accrued = lab_.All<cv::AllowanceAccrued>().at(0);
  EXPECT_EQ(accrued->kind(), event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE);
  EXPECT_EQ(accrued->cause_event_id(), record.view());
  EXPECT_EQ(accrued->period_id(), "p1");
  EXPECT_EQ(accrued->rule().id(), "expense_allowance");
  EXPECT_EQ(accrued->rule().version(), "1");
  EXPECT_THAT(lab_.Run(today_ + 30), IsEmpty());
}

TEST_F(AllowanceTest, OnlyAnAttendedDayGivesTheAllowance) {
  Start();
  Benefit();
  Day("2025-03-03", event::v1::DAY_OUTCOME_ATTENDED);
  Day("2025-03-04", event::v1::DAY_OUTCOME_NOT_HELD);
  Day("2025-03-05", event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  Day("2025-03-06", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  Day("2025-03-07", event::v1::DAY_OUTCOME_UNSPECIFIED);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
}

struct ClassCase {
  event::v1::AttendanceClass attendance_class;
  bool benefit;
  bool allowance;
};

class ClassTest : public CompensationLab, public ::testing::WithParamInterface<ClassCase> {};

TEST_P(ClassTest, LeadsToWhatTheProfileSays) {
  const auto& expected = GetParam();
  const auto& rules = lab_.profile().absence_classes();
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& candidate) {
    return candidate.attendance_class() == expected.attendance_class;
  });
  ASSERT_NE(rule, rules.end());
  EXPECT_EQ(rule->benefit(), expected.benefit);
  EXPECT_EQ(rule->allowance(), expected.allowance);
  Start();
  Benefit();
  // A payer that sees the class alone comes to the same end as one that sees the outcome alone.
  av::DayRecorded by_class;
  by_class.set_date("2025-03-03");
  by_class.set_attendance_class(expected.attendance_class);
  lab_.Tell(kPaja, by_class);
  Day("2025-03-04", rule->outcome());
  EXPECT_EQ(Allowance().size(), expected.allowance ? 2u : 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, ClassTest,
    ::testing::Values(ClassCase{event::v1::ATTENDANCE_CLASS_ATTENDED, true, true},
                      ClassCase{event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP, true, true},
                      ClassCase{event::v1::ATTENDANCE_CLASS_SERVICE_NOT_HELD, true, false},
                      ClassCase{event::v1::ATTENDANCE_CLASS_OWN_ILLNESS, true, false},
                      ClassCase{event::v1::ATTENDANCE_CLASS_CHILD_ILL, true, false},
                      ClassCase{event::v1::ATTENDANCE_CLASS_JOB_INTERVIEW, true, false},
                      ClassCase{event::v1::ATTENDANCE_CLASS_PUBLIC_OFFICE, true, false},
                      ClassCase{event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE, false, false}));

TEST_F(AllowanceTest, WithoutAKnownBenefitNothingAccruesUntilItIsKnown) {
  Start();
  Day("2025-03-03");
  EXPECT_THAT(Allowance(), IsEmpty());
  Benefit();
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
}

TEST_F(AllowanceTest, APayersSuccessorPaysFromItsDayOnAndNoDayTwice) {
  Start();
  Benefit("payer_agency: 'FI/COM/0246246-0/kassa' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
          "valid_from: '2025-01-01'");
  for (const char* day : {"2025-03-03", "2025-03-07", "2025-03-10"}) Day(day);
  EXPECT_THAT(Allowance(), IsEmpty()) << "another payer's";
  lab_.Tell(kFund, Text<ref::OrganiserTransferred>(
                       "from_agency: 'FI/COM/0246246-0/kassa' to_agency: 'FI/GOV/0246246-0/kela' "
                       "effective_on: '2025-03-07' reason: TRANSFER_REASON_REORGANISED"));
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-07", 900), Pair("2025-03-10", 900)));
}

TEST_F(AllowanceTest, ASuccessorOfTheProviderHasItsDaysPaid) {
  Start();
  Benefit();
  lab_.Tell(kPaja, Text<ref::OrganiserTransferred>(
                       "from_agency: 'FI/ASS/0187690-1/paja' to_agency: 'FI/ASS/0187690-1/toinen' "
                       "effective_on: '2025-03-10' reason: TRANSFER_REASON_REORGANISED"));
  Day("2025-03-05");
  Day("2025-03-10");  // not the predecessor's any more
  Day("2025-03-11", event::v1::DAY_OUTCOME_ATTENDED, kOther);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-05", 900), Pair("2025-03-11", 900)));
}

TEST_F(AllowanceTest, DaysOutsideThePeriodGiveNothing) {
  Start();
  Benefit();
  for (const char* day : {"2025-02-28", "2025-03-02", "2025-06-03"}) Day(day);
  EXPECT_THAT(Allowance(), IsEmpty());
}

TEST_F(AllowanceTest, DaysBeforeTheServiceIsKnownAccrueWhenItIs) {
  Benefit();
  Day("2025-03-03");
  EXPECT_THAT(Allowance(), IsEmpty());
  Start();
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
}

TEST_F(AllowanceTest, ADayYetToComeAccruesOnThatDay) {
  today_ = D("2025-03-03");
  Start();
  Benefit();
  Day("2025-03-10");
  EXPECT_THAT(Allowance(), IsEmpty());
  EXPECT_EQ(lab_.Next(today_), D("2025-03-10"));
  today_ = D("2025-03-10");
  EXPECT_EQ(Allowance().size(), 1u);
}

TEST_F(AllowanceTest, AFifthDayInAWeekIsNotPaidAndItIsTheLaterOne) {
  Start();
  Benefit();
  for (const char* day : {"2025-03-07", "2025-03-06", "2025-03-05", "2025-03-04"}) Day(day);
  EXPECT_EQ(Allowance().size(), 4u);
  // The Monday was entered late: now the Friday, already accrued, is the excess.
  const EventId monday = Day("2025-03-03");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900), Pair("2025-03-04", 900),
                                       Pair("2025-03-05", 900), Pair("2025-03-06", 900)));
  const auto* reversed = lab_.All<cv::AllowanceReversed>().at(0);
  EXPECT_EQ(reversed->date(), "2025-03-07");
  EXPECT_EQ(reversed->cause_event_id(), monday.view());
  EXPECT_EQ(reversed->amount_cents(), 900);
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900), Pair("2025-03-05", 900),
                                       Pair("2025-03-06", 900), Pair("2025-03-07", 900)));
}

TEST_F(AllowanceTest, FiveDaysWerePaidUntilTheEndOfJune2015) {
  today_ = D("2015-08-01");
  lab_.Tell(kSocial,
            Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                      "starts_on: '2015-06-01' ends_on: '2015-08-31'"));
  Benefit("payer_agency: 'FI/GOV/0246246-0/kela' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY");
  for (const char* day : {"2015-06-22", "2015-06-23", "2015-06-24", "2015-06-25", "2015-06-26",
                          "2015-06-29", "2015-06-30", "2015-07-01", "2015-07-02", "2015-07-03"}) {
    Day(day);
  }
  const auto paid = Allowance();
  EXPECT_EQ(paid.size(), 9u);
  EXPECT_FALSE(paid.contains("2015-07-03"));
}

TEST_F(AllowanceTest, ACorrectionReversesAndASecondOneAccruesAgain) {
  Start();
  Benefit();
  Day("2025-03-03");
  Allowance();
  const EventId correction = Correct("2025-03-03", event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  EXPECT_THAT(Allowance(), IsEmpty());
  const auto* reversed = lab_.All<cv::AllowanceReversed>().at(0);
  EXPECT_EQ(reversed->cause_event_id(), correction.view());
  EXPECT_EQ(reversed->kind(), event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE);
  Correct("2025-03-03", event::v1::DAY_OUTCOME_ATTENDED);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
  Withdraw("2025-03-03");
  EXPECT_THAT(Allowance(), IsEmpty());
  EXPECT_EQ(lab_.All<cv::AllowanceAccrued>().size(), 2u);
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().size(), 2u);
}

TEST_F(AllowanceTest, ACorrectionThatLeavesTheDayAttendedMovesNoMoney) {
  Start();
  Benefit();
  Day("2025-03-03");
  Allowance();
  Correct("2025-03-03", event::v1::DAY_OUTCOME_ATTENDED);
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(AllowanceTest, ACorrectionOfAnAbsenceToAttendedAccrues) {
  Start();
  Benefit();
  Day("2025-03-03", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_THAT(Allowance(), IsEmpty());
  Correct("2025-03-03", event::v1::DAY_OUTCOME_ATTENDED);
  EXPECT_EQ(Allowance().size(), 1u);
}

TEST_F(AllowanceTest, ALateEndReversesTheDaysAfterIt) {
  Start();
  Benefit();
  Day("2025-05-05");
  Day("2025-05-12");
  EXPECT_EQ(Allowance().size(), 2u);
  const EventId end =
      lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-05-09'"));
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-05-05", 900)));
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().at(0)->cause_event_id(), end.view());
}

TEST_F(AllowanceTest, AnExtensionMakesTheDaysAfterTheOldEndPayable) {
  Start();
  Benefit();
  Day("2025-06-03");
  EXPECT_THAT(Allowance(), IsEmpty());
  lab_.Tell(kSocial, Text<ref::ServiceExtended>("period_id: 'p1' ends_on: '2025-09-02'"));
  EXPECT_EQ(Allowance().size(), 1u);
}

TEST_F(AllowanceTest, ADayByAnotherAgencyThanTheProviderGivesNothing) {
  Start();
  Benefit();
  Day("2025-03-03", event::v1::DAY_OUTCOME_ATTENDED, kOther);
  Day("2025-03-04", event::v1::DAY_OUTCOME_ATTENDED, kKela);
  EXPECT_THAT(Allowance(), IsEmpty());
}

TEST_F(AllowanceTest, ADayWhoseRecordIsFlaggedAsContradictoryIsNotPaidUntilCleared) {
  Start();
  Benefit();
  Day("2025-03-03");
  Allowance();
  const EventId flag =
      lab_.Tell(kPaja, Text<av::RuleBreachFlagged>("period_id: 'p1' date: '2025-03-03' "
                                                   "breach: BREACH_CODE_OUTCOME_MISMATCH"));
  EXPECT_THAT(Allowance(), IsEmpty());
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().at(0)->cause_event_id(), flag.view());
  lab_.Tell(kPaja, Text<av::RuleBreachCleared>("period_id: 'p1' date: '2025-03-03' "
                                               "breach: BREACH_CODE_OUTCOME_MISMATCH"));
  EXPECT_EQ(Allowance().size(), 1u);
}

// "The breach is flagged and not paid" (DOMAIN, Rules), code by code as the profile lists them.
struct BreachCase {
  const char* code;
  bool paid;
};
class BreachTest : public CompensationLab, public ::testing::WithParamInterface<BreachCase> {
 protected:
  template <typename Event>
  EventId Say(std::string_view author, const std::string& date = "2025-05-01") {
    return lab_.Tell(author, Text<Event>("period_id: 'p1' date: '" + date + "' breach: BREACH_CODE_" +
                                         GetParam().code));
  }
};

TEST_P(BreachTest, TakesTheDaysMoneyAwayWhileItsFlagStands) {
  Start();
  Benefit();
  Day("2025-05-01");  // vappu
  EXPECT_EQ(Allowance().size(), 1u);
  Say<av::RuleBreachFlagged>(kOther);  // not the provider of that day
  EXPECT_EQ(Allowance().size(), 1u);
  const EventId flag = Say<av::RuleBreachFlagged>(kPaja);
  EXPECT_EQ(Allowance().size(), GetParam().paid ? 1u : 0u);
  if (GetParam().paid) return;
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().at(0)->cause_event_id(), flag.view());
  Say<av::RuleBreachCleared>(kOther);
  EXPECT_EQ(Allowance().size(), 0u) << "another agency clears nothing";
  Say<av::RuleBreachCleared>(kPaja);
  EXPECT_EQ(Allowance().size(), 1u);
}

TEST_P(BreachTest, IsPaidWhereTheProfileOfThatDaySaysSo) {
  // From May on the profile lists none.
  auto& rules = *lab_.profile().mutable_intensities();
  auto& later = *lab_.profile().add_intensities();
  later = rules[rules.size() - 2];
  rules[rules.size() - 2].set_valid_until("2025-04-30");
  later.set_version("3");
  later.set_valid_from("2025-05-01");
  later.clear_unpaid_breaches();
  Start();
  Benefit();
  for (const char* day : {"2025-04-30", "2025-05-02"}) {
    Day(day);
    Say<av::RuleBreachFlagged>(kPaja, day);
  }
  const bool always = std::string(GetParam().code) == "OUTCOME_MISMATCH";
  EXPECT_EQ(Allowance().contains("2025-04-30"), GetParam().paid);
  EXPECT_EQ(Allowance().contains("2025-05-02"), !always);
}

INSTANTIATE_TEST_SUITE_P(All, BreachTest,
                         ::testing::Values(BreachCase{"DAY_TOO_LONG", false},
                                           BreachCase{"DAY_TOO_SHORT", false},
                                           BreachCase{"WEEK_TOO_LONG", false},
                                           BreachCase{"PUBLIC_HOLIDAY", false},
                                           BreachCase{"OUTCOME_MISMATCH", false},
                                           // Of an absence or of nothing that a day is paid for.
                                           BreachCase{"ABSENCE_UNPROVEN", true},
                                           BreachCase{"ABSENCE_TOO_LONG", true}),
                         [](const auto& breach) { return breach.param.code; });

TEST_F(AllowanceTest, TheSumAndVersionAreThoseOfTheEventDay) {
  auto& rates = *lab_.profile().mutable_rates();
  rates[0].set_valid_until("2025-03-31");
  auto& later = *lab_.profile().add_rates();
  later = Text<config::v1::RateRule>(
      "id: 'expense_allowance' version: '2' valid_from: '2025-04-01' "
      "kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE cents_per_day: 1100");
  Start();
  Benefit();
  Day("2025-03-31");
  Day("2025-04-01");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-31", 900), Pair("2025-04-01", 1100)));
  EXPECT_EQ(lab_.All<cv::AllowanceAccrued>().at(1)->rule().version(), "2");
}

TEST_F(AllowanceTest, ARateCorrectedAfterwardsReversesAndAccruesAnew) {
  Start();
  Benefit();
  Day("2025-03-03");
  Allowance();
  lab_.profile().mutable_rates(0)->set_cents_per_day(1000);
  lab_.profile().mutable_rates(0)->set_version("1b");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 1000)));
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().size(), 1u);
}

// ---- Benefits ----

TEST_F(AllowanceTest, TheBenefitMustHoldOnTheDay) {
  Start();
  Benefit(
      "payer_agency: 'FI/GOV/0246246-0/kela' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
      "valid_from: '2025-03-04' valid_until: '2025-03-05'");
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06"}) Day(day);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900), Pair("2025-03-05", 900)));
}

TEST_F(AllowanceTest, ANewGrantOfTheBenefitLeavesTheTimeBeforeItAsItWas) {
  Start();
  Benefit();
  Day("2025-03-03");
  Day("2025-05-05");
  EXPECT_EQ(Allowance().size(), 2u);
  Benefit(
      "payer_agency: 'FI/GOV/0246246-0/kela' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
      "valid_from: '2025-04-01'");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(AllowanceTest, ABenefitThatEndedEarlierThanThoughtTakesTheDaysAfterItAway) {
  Start();
  Benefit();
  Day("2025-03-03");
  Day("2025-05-05");
  Allowance();
  Benefit(
      "payer_agency: 'FI/GOV/0246246-0/kela' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
      "valid_from: '2025-01-01' valid_until: '2025-04-30'");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
}

struct BenefitCase {
  const char* kind;
  bool gives;
};
class BenefitTest : public CompensationLab, public ::testing::WithParamInterface<BenefitCase> {};

TEST_P(BenefitTest, GivesTheExpenseAllowanceOrNot) {
  Start();
  Benefit(std::string("payer_agency: 'FI/GOV/0246246-0/kela' kind: BENEFIT_KIND_") +
          GetParam().kind);
  Day("2025-03-03");
  EXPECT_EQ(Allowance().size(), GetParam().gives ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, BenefitTest,
    ::testing::Values(BenefitCase{"LABOUR_MARKET_SUBSIDY", true},
                      BenefitCase{"BASIC_UNEMPLOYMENT_ALLOWANCE", true},
                      BenefitCase{"EARNINGS_RELATED_ALLOWANCE", true},
                      BenefitCase{"GENERAL_SUPPORT", false},   // not before 1.5.2026
                      BenefitCase{"SOCIAL_ASSISTANCE", true},  // as activity money
                      BenefitCase{"REHABILITATION_SUBSIDY", false},
                      BenefitCase{"YOUTH_REHABILITATION_ALLOWANCE", false},
                      BenefitCase{"NONE", false}, BenefitCase{"UNSPECIFIED", false}));

TEST_F(AllowanceTest, GeneralSupportReplacesTheSubsidyOnTheFirstOfMay2026) {
  today_ = D("2026-06-30");
  lab_.Tell(kSocial,
            Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                      "starts_on: '2026-04-01'"));
  Benefit();
  Benefit(
      "payer_agency: 'FI/GOV/0246246-0/kela' kind: BENEFIT_KIND_GENERAL_SUPPORT "
      "valid_from: '2026-05-01'");
  Day("2026-04-30");
  Day("2026-05-04");
  EXPECT_EQ(Allowance().size(), 2u);
}

TEST_F(AllowanceTest, AFundMembersAllowanceIsTheFundsAffair) {
  Start();
  Benefit("payer_agency: 'FI/COM/0246246-0/kassa' kind: BENEFIT_KIND_EARNINGS_RELATED_ALLOWANCE");
  Day("2025-03-03");
  EXPECT_THAT(Allowance(), IsEmpty());
}

TEST_F(AllowanceTest, TheAllowanceMovesWithThePayer) {
  Start();
  Benefit();
  Day("2025-03-03");
  Day("2025-04-01");
  EXPECT_EQ(Allowance().size(), 2u);
  Benefit("kind: BENEFIT_KIND_NONE valid_from: '2025-04-01'");
  Benefit(
      "payer_agency: 'FI/COM/0246246-0/kassa' kind: BENEFIT_KIND_EARNINGS_RELATED_ALLOWANCE "
      "valid_from: '2025-04-01'");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
}

TEST_F(AllowanceTest, WithoutANameTheAgreementsOnlyPayerPays) {
  Start();
  Benefit("kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY");
  Day("2025-03-03");
  EXPECT_EQ(Allowance().size(), 1u);
}

// Espoo Kipinä (seed 003): nine euros for whoever came, and nobody asked what they live on.
class EverybodyTest : public CompensationLab {
 protected:
  EverybodyTest() : CompensationLab(kSocial) {
    lab_.profile().clear_benefits();
    lab_.profile().add_benefits()->set_allowance(event::v1::ALLOWANCE_KIND_ACTIVITY_MONEY);
  }
};

TEST_F(EverybodyTest, SocialServicesPayWhoeverCameThoughNoBenefitIsKnown) {
  Start();
  Day("2025-03-04");
  Day("2025-03-11", event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900)));
  Benefit("kind: BENEFIT_KIND_REHABILITATION_SUBSIDY payer_agency: 'FI/GOV/0246246-0/kela' "
          "valid_from: '2025-01-01'");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900))) << "whatever they live on";
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_TRUE(Allowance().empty());
}

TEST_F(EverybodyTest, AnAgencyThatJoinsTheAgreementTakesNothingBack) {
  Start();
  Day("2025-03-04");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900)));
  auto* joined = lab_.agreement().add_agencies();
  joined->set_name("FI/MUN/9999994-1/toinen");
  joined->add_roles(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  Day("2025-03-11");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900))) << "who pays is not known any more";
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_TRUE(Allowance().empty()) << "what is known not to be owed";
}

TEST_F(EverybodyTest, ARuleOfTheBenefitGoesFirst) {
  *lab_.profile().add_benefits() = Text<config::v1::BenefitRule>(
      "id: 'b' version: '1' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
      "allowance: ALLOWANCE_KIND_EXPENSE_ALLOWANCE");
  Start();
  Benefit();
  Day("2025-03-04");
  EXPECT_TRUE(Allowance().empty()) << "Kela's to pay";
}

TEST_F(AllowanceTest, ABenefitPayerPaysNoActivityMoneyThatIsEverybodys) {
  lab_.profile().clear_benefits();
  lab_.profile().add_benefits()->set_allowance(event::v1::ALLOWANCE_KIND_ACTIVITY_MONEY);
  Start();
  Day("2025-03-04");
  EXPECT_TRUE(Allowance().empty());
}

TEST_F(AllowanceTest, AStatementThatTheClientIsNotEntitledStopsIt) {
  Start();
  Benefit();
  Day("2025-03-03");
  Day("2025-05-05");
  Allowance();
  lab_.Tell(kSocial, Text<ref::PayerStatementGiven>("period_id: 'p1' effective_from: '2025-04-01' "
                                                    "result: STATEMENT_RESULT_NOT_ENTITLED"));
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
  lab_.Tell(kSocial, Text<ref::PayerStatementGiven>("period_id: 'p1' effective_from: '2025-05-01' "
                                                    "result: STATEMENT_RESULT_ENTITLED"));
  EXPECT_EQ(Allowance().size(), 2u);
}

TEST_F(AllowanceTest, AStatementToAnotherPayerStopsNothingHere) {
  Start();
  Benefit();
  Day("2025-03-03");
  const auto statement = [&](const std::string& payer) {
    return Text<ref::PayerStatementGiven>("period_id: 'p1' effective_from: '2025-03-01' "
                                          "result: STATEMENT_RESULT_NOT_ENTITLED payer_agency: '" +
                                          payer + "'");
  };
  lab_.Tell(kSocial, statement(kFund));
  EXPECT_EQ(Allowance().size(), 1u);
  lab_.Tell(kSocial, statement(kKela));
  EXPECT_THAT(Allowance(), IsEmpty());
  // A newer one to another payer does not lift it.
  lab_.Tell(kSocial, Text<ref::PayerStatementGiven>("period_id: 'p1' effective_from: '2025-03-01' "
                                                    "result: STATEMENT_RESULT_ENTITLED "
                                                    "payer_agency: 'FI/COM/0246246-0/kassa'"));
  EXPECT_THAT(Allowance(), IsEmpty());
}

TEST_F(AllowanceTest, AStatementToAPayerIsOneToWhoeverActsForIt) {
  Start();
  Benefit("payer_agency: 'FI/COM/0246246-0/kassa' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
          "valid_from: '2025-01-01'");
  lab_.Tell(kFund, Text<ref::OrganiserTransferred>(
                       "from_agency: 'FI/COM/0246246-0/kassa' to_agency: 'FI/GOV/0246246-0/kela' "
                       "effective_on: '2025-03-07' reason: TRANSFER_REASON_REORGANISED"));
  Day("2025-03-10");
  EXPECT_EQ(Allowance().size(), 1u);
  lab_.Tell(kSocial, Text<ref::PayerStatementGiven>("effective_from: '2025-03-01' "
                                                    "result: STATEMENT_RESULT_NOT_ENTITLED "
                                                    "payer_agency: 'FI/COM/0246246-0/kassa'"));
  EXPECT_THAT(Allowance(), IsEmpty());
}

TEST_F(AllowanceTest, ASumOutOfRangeInTheProfileIsNeverSaid) {
  for (const int64_t cents : {int64_t{-900}, int64_t{10'000'001}, int64_t{9'000'000'000'000'000'000}}) {
    lab_.profile().mutable_rates(0)->set_cents_per_day(cents);
    if (lab_.entries().empty()) {
      Start();
      Benefit();
      Day("2025-03-03");
    }
    EXPECT_THAT(lab_.Run(today_), IsEmpty()) << cents;
  }
}

TEST_F(AllowanceTest, WhatCanNoLongerBeReadReversesNothing) {
  Start();
  Benefit();
  Day("2025-03-03");
  Day("2025-03-04");
  EXPECT_EQ(Allowance().size(), 2u);
  for (const auto& entry : lab_.entries()) {  // the payment sections are erased
    if (auto* day = dynamic_cast<av::DayRecorded*>(entry.body.get())) day->clear_outcome();
    if (auto* benefit = dynamic_cast<ref::BenefitRecorded*>(entry.body.get())) benefit->Clear();
  }
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(AllowanceTest, TwoPeriodsOnOneDayGiveOneAllowance) {
  Start();
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p2' "
                                               "provider_agency: 'FI/ASS/0187690-1/toinen' "
                                               "starts_on: '2025-03-03'"));
  Benefit();
  Day("2025-03-03");
  Day("2025-03-03", event::v1::DAY_OUTCOME_ATTENDED, kOther);
  Day("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  Day("2025-03-04", event::v1::DAY_OUTCOME_ATTENDED, kOther);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900), Pair("2025-03-04", 900)));
}

TEST_F(AllowanceTest, AStartMovedPastTheDayTakesItAway) {
  Start();
  Benefit();
  Day("2025-03-03");
  Day("2025-03-10");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900), Pair("2025-03-10", 900)));
  lab_.Tell(kSocial,
            Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                      "starts_on: '2025-03-05' ends_on: '2025-06-02'"));
  const EventId moved = *lab_.IdOfLast<ref::ServiceStarted>();
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-10", 900)));
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().at(0)->cause_event_id(), moved.view());
}

TEST_F(AllowanceTest, AProviderChangedBackInTimeTakesTheOldOnesDaysAway) {
  Start();
  Benefit();
  Day("2025-03-10");
  Day("2025-03-11");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-10", 900), Pair("2025-03-11", 900)));
  lab_.Tell(kSocial,
            Text<ref::ServiceChanged>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/toinen' "
                                      "changed_from: '2025-03-11'"));
  const EventId changed = *lab_.IdOfLast<ref::ServiceChanged>();
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-10", 900)));
  EXPECT_EQ(lab_.All<cv::AllowanceReversed>().at(0)->cause_event_id(), changed.view());
  // The new one's record counts, and what it takes back is taken back, whatever the old one's says.
  av::DayRecorded day = Text<av::DayRecorded>(
      "date: '2025-03-11' period_id: 'p1' outcome: DAY_OUTCOME_ATTENDED actual_minutes: 300");
  lab_.Tell(kOther, day);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-10", 900), Pair("2025-03-11", 900)));
  av::DayCorrected absent = Text<av::DayCorrected>(
      "date: '2025-03-11' period_id: 'p1' outcome: DAY_OUTCOME_ABSENT_OTHER");
  lab_.Tell(kOther, absent);
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-10", 900)));
}

TEST_F(AllowanceTest, FactsThatTellNothingBreakNothing) {
  Start();
  Benefit();
  for (const google::protobuf::Message* fact :
       std::initializer_list<const google::protobuf::Message*>{
           &cv::AllowanceAccrued::default_instance(), &cv::AllowanceReversed::default_instance(),
           &cv::TravelGranted::default_instance(), &cv::TravelReversed::default_instance(),
           &cv::TravelMeansChosen::default_instance(),
           &cv::TravelClaimed::default_instance(), &cv::TravelClaimRejected::default_instance(),
           &cv::PerkGiven::default_instance(), &cv::PerkWithdrawn::default_instance(),
           &cv::PaymentProposed::default_instance(), &cv::PaymentApproved::default_instance(),
           &cv::PaymentPaid::default_instance(), &cv::PaymentRejected::default_instance(),
           &cv::PaymentReversed::default_instance(), &av::DayRecorded::default_instance(),
           &ref::BenefitRecorded::default_instance(), &config::v1::Profile::default_instance()}) {
    lab_.Tell(kKela, *fact);
  }
  lab_.Tell(kOther,
            Text<cv::AllowanceAccrued>("date: '2025-03-03' amount_cents: -9223372036854775808"));
  lab_.Tell(kOther, Text<cv::TravelGranted>("covers_from: '2025-03-03' covers_until: '2025-03-03' "
                                            "amount_cents: -9223372036854775808"));
  Day("2025-03-04");
  lab_.Run(today_);
  EXPECT_EQ(AllowanceNow().at("2025-03-04"), 900);
}

// ---- Social services: travel, perks, activity money ----

class SocialTest : public CompensationLab {
 protected:
  SocialTest() : CompensationLab(kSocial) {}
  void UseTravel(const std::string& rule) {
    lab_.profile().clear_travel();
    *lab_.profile().add_travel() = Text<config::v1::TravelRule>("id: 't' version: '1' " + rule);
  }
};

TEST_F(SocialTest, ThePayerGivesNoTravelAndTheOrganiserNoExpenseAllowance) {
  Start();
  Benefit();
  Day("2025-03-03");
  lab_.Run(today_);
  EXPECT_THAT(lab_.All<cv::AllowanceAccrued>(), IsEmpty());
  EXPECT_EQ(lab_.All<cv::TravelGranted>().size(), 1u);
  ServiceLab kela(MakeCompensationService(), OuluProfile(), OuluAgreement(), kKela);
  for (const auto& entry : lab_.entries()) {
    if (!entry.duty) kela.Tell(entry.author, *entry.body);
  }
  kela.Run(today_);
  EXPECT_EQ(kela.All<cv::AllowanceAccrued>().size(), 1u);
  EXPECT_THAT(kela.All<cv::TravelGranted>(), IsEmpty());
  EXPECT_THAT(kela.All<cv::PerkGiven>(), IsEmpty());
}

TEST_F(SocialTest, AnAgencyWithoutTheRolesHasNoDuties) {
  ServiceLab paja(MakeCompensationService(), OuluProfile(), OuluAgreement(), kPaja);
  paja.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-03-03'"));
  EXPECT_THAT(paja.Run(today_), IsEmpty());
  EXPECT_EQ(paja.Next(D("2025-03-01")), std::nullopt);
}

TEST_F(SocialTest, EachStartedThirtyDaysWithAttendanceTakesOneBusCard) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-04-01"}) Day(day);
  EXPECT_THAT(Travel(), ElementsAre("2025-03-03..2025-04-01"));
  Day("2025-04-02");  // day 31
  Day("2025-06-02");  // day 92: the fourth thirty; none in the third
  EXPECT_THAT(Travel(), ElementsAre("2025-03-03..2025-04-01", "2025-04-02..2025-05-01",
                                    "2025-06-01..2025-06-30"));
  const auto* granted = lab_.All<cv::TravelGranted>().at(0);
  EXPECT_EQ(granted->mode(), event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD);
  EXPECT_EQ(granted->means(), event::v1::TRAVEL_MEANS_BUS_CARD);
  EXPECT_EQ(granted->amount_cents(), 0);
  EXPECT_EQ(granted->rule().id(), "bus_card");
}

TEST_F(SocialTest, AbsencesTakeNoCardAndACorrectionTakesItBack) {
  Start();
  Day("2025-03-03", event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  Day("2025-03-04", event::v1::DAY_OUTCOME_NOT_HELD);
  EXPECT_THAT(Travel(), IsEmpty());
  Day("2025-03-05");
  EXPECT_EQ(Travel().size(), 1u);
  Correct("2025-03-05", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_THAT(Travel(), IsEmpty());
  Correct("2025-03-05", event::v1::DAY_OUTCOME_ATTENDED);
  EXPECT_EQ(Travel().size(), 1u);
  EXPECT_EQ(lab_.All<cv::TravelGranted>().size(), 2u);
}

TEST_F(SocialTest, TheOrganiserSeesByTheMinutesWhoWasThere) {
  Start();
  lab_.Tell(kPaja, Text<av::DayRecorded>("date: '2025-03-03' actual_minutes: 360"));
  EXPECT_EQ(Travel().size(), 1u);
}

TEST_F(SocialTest, ACardOfTheOldPeriodIsUsedUpInTheNewOne) {
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-03-14'"));
  lab_.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p2' "
                                               "provider_agency: 'FI/ASS/0187690-1/paja' "
                                               "starts_on: '2025-03-17' ends_on: '2025-06-16'"));
  Day("2025-03-13");
  Day("2025-03-18");
  EXPECT_THAT(Travel(), ElementsAre("2025-03-03..2025-04-01"));
  Day("2025-04-02");
  EXPECT_THAT(Travel(), ElementsAre("2025-03-03..2025-04-01", "2025-03-17..2025-04-15"));
}

TEST_F(SocialTest, TravelPerDayIsPaidForEachCountedDayAndReversed) {
  for (const char* mode : {"TRAVEL_MODE_PER_DAY", "TRAVEL_MODE_AUTOMATIC"}) {
    SCOPED_TRACE(mode);
    ServiceLab lab(MakeCompensationService(), OuluProfile(), OuluAgreement(), kSocial);
    lab.profile().clear_travel();
    *lab.profile().add_travel() =
        Text<config::v1::TravelRule>(std::string("id: 't' version: '1' cents: 350 mode: ") + mode);
    lab.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-03-03'"));
    for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07"}) {
      lab.Tell(kPaja, Text<av::DayRecorded>("date: '" + std::string(day) +
                                            "' actual_minutes: 300 outcome: DAY_OUTCOME_ATTENDED"));
    }
    lab.Run(today_);
    ASSERT_EQ(lab.All<cv::TravelGranted>().size(), 4u);  // the fifth day is not paid
    EXPECT_EQ(lab.All<cv::TravelGranted>().at(0)->amount_cents(), 350);
    lab.Tell(kPaja, Text<av::DayCorrected>("date: '2025-03-03' withdrawn: true"));
    lab.Run(today_);
    EXPECT_EQ(lab.All<cv::TravelReversed>().size(), 1u);
    EXPECT_EQ(lab.All<cv::TravelGranted>().size(), 5u);  // now the Friday is the fourth
  }
}

TEST_F(SocialTest, TravelOfADayThatIsNoLongerTheProvidersIsTakenBack) {
  lab_.profile().clear_travel();
  *lab_.profile().add_travel() =
      Text<config::v1::TravelRule>("id: 't' version: '1' mode: TRAVEL_MODE_PER_DAY cents: 350");
  Start();
  Day("2025-03-11");
  EXPECT_THAT(Travel(), ElementsAre("2025-03-11..2025-03-11"));
  lab_.Tell(kSocial,
            Text<ref::ServiceChanged>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/toinen' "
                                      "changed_from: '2025-03-11'"));
  const EventId changed = *lab_.IdOfLast<ref::ServiceChanged>();
  EXPECT_THAT(Travel(), IsEmpty());
  EXPECT_EQ(lab_.All<cv::TravelReversed>().at(0)->cause_event_id(), changed.view());
}

TEST_F(SocialTest, NoTravelIsGrantedUnaskedWhereTheRegionPaysByClaimOrNotAtAll) {
  for (const char* rule : {"mode: TRAVEL_MODE_NONE", "mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS",
                           "mode: TRAVEL_MODE_PER_DAY cents_per_kilometre: 25"}) {
    UseTravel(rule);
    if (lab_.entries().empty()) Start();
    Day("2025-03-03");
    EXPECT_THAT(Travel(), IsEmpty()) << rule;
  }
}

// Siun sote: "polkupyöräkorvauksen tai kilometrikorvauksen tai ennakkoon linja-autolla liikkumiseen kuukausikortin tai
// yksittäisten matkojen latauksen" (seed 002); the amounts here are made up.
class MeansTest : public SocialTest {
 protected:
  MeansTest() {
    lab_.profile().clear_travel();
    for (const char* rule :
         {"id: 'bike' version: '1' mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_BICYCLE cents: 100",
          "id: 'car' version: '1' mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_OWN_CAR "
          "cents_per_kilometre: 25",
          "id: 'card' version: '1' mode: TRAVEL_MODE_MONTHLY_BUS_CARD means: TRAVEL_MEANS_BUS_CARD "
          "cents: 5400 card_days: 30",
          "id: 'trip' version: '1' mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_SINGLE_TICKET "
          "cents: 660"}) {
      *lab_.profile().add_travel() = Text<config::v1::TravelRule>(rule);
    }
    Start();
  }
  std::string Choose(const std::string& text, std::string_view author = kSocial) {
    return Offer<cv::TravelMeansChosen>("period_id: 'p1' " + text, author);
  }
  // The newest grant for a claim.
  EventId ClaimGrant() const {
    EventId found;
    for (const auto& entry : lab_.entries()) {
      const auto* granted = service::As<cv::TravelGranted>(*entry.body);
      if (granted != nullptr && !granted->claim_id().empty()) found = entry.id;
    }
    return found;
  }
  // "day cents" of what stands.
  std::vector<std::string> Paid() {
    lab_.Run(today_);
    std::map<std::string, int64_t> cents;
    for (const auto* granted : lab_.All<cv::TravelGranted>()) {
      cents[granted->covers_from()] += granted->amount_cents();
    }
    for (const auto* taken : lab_.All<cv::TravelReversed>()) {
      cents[taken->covers_from()] -= taken->amount_cents();
    }
    std::vector<std::string> paid;
    for (const auto& [day, sum] : cents) {
      if (sum != 0) paid.push_back(day + " " + std::to_string(sum));
    }
    return paid;
  }
};

TEST_F(MeansTest, NothingIsGrantedUntilTheMeansAreChosenAndThenByThem) {
  Day("2025-03-03");
  Day("2025-03-04");
  EXPECT_THAT(Paid(), IsEmpty());
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_BICYCLE"), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 100", "2025-03-04 100"));
  EXPECT_EQ(lab_.All<cv::TravelGranted>().at(0)->rule().id(), "bike");
  // Another way from the second day on; what was before stays.
  EXPECT_EQ(Choose("chosen_from: '2025-03-04' means: TRAVEL_MEANS_OWN_CAR distance_metres: 24100"), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 100", "2025-03-04 602"));  // 24.1 km at 25 cents, rounded down
  // Said late about the time before it: the later choice goes on holding from its day.
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_SINGLE_TICKET"), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 660", "2025-03-04 602"));
}

TEST_F(MeansTest, ADayThatACardCoversTakesNothingElse) {
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_BUS_CARD"), "");
  EXPECT_EQ(Choose("chosen_from: '2025-03-10' means: TRAVEL_MEANS_BICYCLE"), "");
  Day("2025-03-03");
  Day("2025-03-11");  // the card of 3.3. is good until 1.4.
  Day("2025-04-02");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 5400", "2025-04-02 100"));
}

TEST_F(MeansTest, WhoKnowsNotTheMeansGrantsNothing) {
  lab_.Tell(kSocial, Text<cv::TravelMeansChosen>("period_id: 'p1' chosen_from: '2025-03-03'"));  // sealed
  Day("2025-03-03");
  EXPECT_THAT(Paid(), IsEmpty());
}

TEST_F(MeansTest, ABadChoiceIsRefused) {
  const std::string car = "means: TRAVEL_MEANS_OWN_CAR distance_metres: 24000 ";
  EXPECT_EQ(Choose(car + "chosen_from: '2025-03-03'", kPaja), "wrong_actor");
  EXPECT_EQ(Choose(car + "chosen_from: '2025-03-03'", kKela), "wrong_actor");
  EXPECT_EQ(Choose(car), "missing_date");
  EXPECT_EQ(Choose(car + "chosen_from: '2025-03-02'"), "outside_period");
  EXPECT_EQ(Choose(car + "chosen_from: '2025-03-32'"), "bad_date");
  EXPECT_EQ(Offer<cv::TravelMeansChosen>("period_id: 'p9' chosen_from: '2025-03-03' " + car, kSocial),
            "unknown_period");
  EXPECT_EQ(Choose("chosen_from: '2025-03-03'"), "missing_kind");
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_TAXI"), "means_not_offered");
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_OWN_CAR"), "bad_distance");
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_BICYCLE distance_metres: 5"),
            "bad_distance");
  // By the kilometre with a known distance nothing has to be applied for.
  EXPECT_EQ(Choose(car + "chosen_from: '2025-03-03'"), "");
  Day("2025-03-03");
  EXPECT_EQ(Offer<cv::TravelClaimed>("claim_id: 'c' travelled_from: '2025-03-03' "
                                     "travelled_until: '2025-03-03' claimed_cents: 600",
                                     kPaja),
            "claims_not_used");
}

// Days that an official granted by a claim, beside the ways that are granted unasked.
class ClaimedDaysTest : public MeansTest {
 protected:
  ClaimedDaysTest() {
    lab_.profile().clear_perks();
    *lab_.profile().add_travel() = Text<config::v1::TravelRule>(
        "id: 'train' version: '1' mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS means: TRAVEL_MEANS_TRAIN");
    EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_TRAIN"), "");
    Day("2025-03-04");
    Day("2025-03-05");
  }
  std::string Claim(const std::string& id, const std::string& from, const std::string& until) {
    return Offer<cv::TravelClaimed>("claim_id: '" + id + "' travelled_from: '" + from +
                                        "' travelled_until: '" + until +
                                        "' means: TRAVEL_MEANS_TRAIN claimed_cents: 6500 receipts: 4",
                                    kPaja);
  }
  std::string Grant(const std::string& id, const std::string& from, const std::string& until) {
    return Offer<cv::TravelGranted>("period_id: 'p1' claim_id: '" + id + "' covers_from: '" + from +
                                        "' covers_until: '" + until +
                                        "' mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS amount_cents: 6500",
                                    kSocial);
  }
  std::string ClaimAndGrant(const std::string& id, const std::string& from, const std::string& until) {
    const std::string code = Claim(id, from, until);
    return code.empty() ? Grant(id, from, until) : code;
  }
};

TEST_F(ClaimedDaysTest, TheSameJourneysAreNotGrantedByASecondClaim) {
  EXPECT_EQ(ClaimAndGrant("c1", "2025-03-03", "2025-03-31"), "");
  EXPECT_EQ(ClaimAndGrant("c2", "2025-03-03", "2025-03-31"), "days_already_granted");
  EXPECT_EQ(ClaimAndGrant("c3", "2025-03-05", "2025-03-05"), "days_already_granted");
  Day("2025-04-01");
  EXPECT_EQ(ClaimAndGrant("c4", "2025-03-31", "2025-04-01"), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 6500", "2025-03-31 6500"));
}

TEST_F(ClaimedDaysTest, AWayChosenBackOverClaimedDaysGivesThemNothingMore) {
  EXPECT_EQ(ClaimAndGrant("c1", "2025-03-03", "2025-03-31"), "");
  Day("2025-04-01");
  EXPECT_EQ(Choose("chosen_from: '2025-03-03' means: TRAVEL_MEANS_BICYCLE"), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 6500", "2025-04-01 100"));
  // The grant reversed, the days are the chosen way's.
  cv::TravelReversed reversed;
  reversed.set_reversed_event_id(std::string(ClaimGrant().view()));
  reversed.set_covers_from("2025-03-03");
  reversed.set_amount_cents(6500);
  EXPECT_EQ(lab_.Offer(kSocial, "o", reversed, today_), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-04 100", "2025-03-05 100", "2025-04-01 100"));
}

TEST_F(ClaimedDaysTest, AClaimOfDaysThatAreGrantedUnaskedIsNotGranted) {
  EXPECT_EQ(Choose("chosen_from: '2025-03-05' means: TRAVEL_MEANS_BICYCLE"), "");
  EXPECT_THAT(Paid(), ElementsAre("2025-03-05 100"));
  EXPECT_EQ(ClaimAndGrant("c1", "2025-03-03", "2025-03-31"), "days_already_granted");
  EXPECT_EQ(Grant("c1", "2025-03-03", "2025-03-04"), "") << "the days before the bicycle";
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 6500", "2025-03-05 100"));
}

TEST_F(ClaimedDaysTest, AGrantOfWhoseDaysNoneIsLeftIsTakenBack) {
  EXPECT_EQ(ClaimAndGrant("c1", "2025-03-03", "2025-03-31"), "");
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_THAT(Paid(), ElementsAre("2025-03-03 6500")) << "of the other day it stands";
  const EventId last = Correct("2025-03-05", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_THAT(Paid(), IsEmpty());
  ASSERT_EQ(lab_.All<cv::TravelReversed>().size(), 1u);
  EXPECT_EQ(lab_.All<cv::TravelReversed>().at(0)->cause_event_id(), last.view());
  Correct("2025-03-05", event::v1::DAY_OUTCOME_ATTENDED);
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  EXPECT_EQ(Grant("c1", "2025-03-03", "2025-03-31"), "") << "open again, for an official";
}

TEST_F(ClaimedDaysTest, AGrantOfAPeriodThatWasMovedOffItsDaysIsTakenBack) {
  EXPECT_EQ(ClaimAndGrant("c1", "2025-03-03", "2025-03-31"), "");
  Start("");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  lab_.Tell(kSocial,
            Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                      "starts_on: '2025-04-07' ends_on: '2025-06-02'"));
  const EventId moved = *lab_.IdOfLast<ref::ServiceStarted>();
  EXPECT_THAT(Paid(), IsEmpty());
  EXPECT_EQ(lab_.All<cv::TravelReversed>().at(0)->cause_event_id(), moved.view());
}

TEST_F(ClaimedDaysTest, DaysThatCanNoLongerBeReadTakeNoGrantBack) {
  EXPECT_EQ(ClaimAndGrant("c1", "2025-03-03", "2025-03-31"), "");
  for (const auto& entry : lab_.entries()) {
    if (auto* day = dynamic_cast<av::DayRecorded*>(entry.body.get())) {
      day->clear_outcome();
      day->clear_actual_minutes();
    }
  }
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(SocialTest, TravelOfASumOutOfRangeInTheProfileIsNeverSaid) {
  for (const char* rule : {"mode: TRAVEL_MODE_PER_DAY cents: -640",
                           "mode: TRAVEL_MODE_PER_DAY cents: 9000000000000000000",
                           "mode: TRAVEL_MODE_MONTHLY_BUS_CARD cents: 10000001"}) {
    UseTravel(rule);
    lab_.profile().clear_perks();
    if (lab_.entries().empty()) Start();
    Day("2025-03-03");
    EXPECT_THAT(lab_.Run(today_), IsEmpty()) << rule;
  }
}

TEST_F(SocialTest, AnAreaHasItsOwnWayOfTravelling) {
  UseTravel("mode: TRAVEL_MODE_PER_DAY cents: 300");
  *lab_.profile().add_travel() = Text<config::v1::TravelRule>(
      "id: 'joensuu' version: '1' mode: TRAVEL_MODE_PER_DAY cents: 200 municipality_codes: '167'");
  Start("municipality_code: '167'");
  Day("2025-03-03");
  Travel();
  EXPECT_EQ(lab_.All<cv::TravelGranted>().at(0)->amount_cents(), 200);
}

TEST_F(SocialTest, OfSeveralOrganisersTheOneThatDecidedPays) {
  auto& second = *lab_.agreement().add_agencies();
  second.set_name("FI/MUN/0246246-0/siun-sote");
  second.add_roles(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  Start();
  Day("2025-03-03");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  lab_.Tell(second.name(), Text<ref::DecisionMade>("period_id: 'p1' granted: true"));
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  lab_.Tell(kSocial, Text<ref::AgreementMade>("period_id: 'p1'"));
  EXPECT_EQ(Travel().size(), 1u);
  // When the office changes hands, what was granted stays.
  lab_.Tell(second.name(), Text<ref::DecisionMade>("period_id: 'p1' granted: true"));
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(SocialTest, PerksOfTheProfileAreGivenOnceAtTheStart) {
  Start();
  EXPECT_THAT(lab_.Run(D("2025-03-02")), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-03-02")), D("2025-03-03"));
  EXPECT_EQ(lab_.Run(D("2025-03-03")).size(), 2u);  // sports pass and Kaiku card
  const auto given = lab_.All<cv::PerkGiven>();
  ASSERT_EQ(given.size(), 2u);
  EXPECT_EQ(given[0]->kind(), event::v1::PERK_KIND_SPORTS_PASS);
  EXPECT_EQ(given[1]->kind(), event::v1::PERK_KIND_KAIKU_CARD);
  EXPECT_EQ(given[0]->given_on(), "2025-03-03");
  EXPECT_EQ(given[0]->valid_until(), "2025-06-02");
  EXPECT_EQ(given[0]->rule().id(), "sports_pass");
  EXPECT_THAT(lab_.Run(D("2025-05-03")), IsEmpty());
}

TEST_F(SocialTest, PeriodsThatRunAtOneTimeShareWhatIsGivenAtTheStart) {
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p2' "
                                               "provider_agency: 'FI/ASS/0187690-1/toinen' "
                                               "starts_on: '2025-04-01' ends_on: '2025-07-31'"));
  const std::string pass = "kind: PERK_KIND_SPORTS_PASS period_id: 'p2' ";
  EXPECT_EQ(lab_.Run(today_).size(), 2u);  // sports pass and Kaiku card, once
  EXPECT_EQ(Offer<cv::PerkGiven>(pass + "given_on: '2025-04-02'", kSocial), "perk_already_given");
  // One that begins when the first is over has its own.
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p2' ended_on: '2025-06-01'"));
  lab_.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p3' "
                                               "provider_agency: 'FI/ASS/0187690-1/toinen' "
                                               "starts_on: '2025-06-03' ends_on: '2025-07-31'"));
  EXPECT_EQ(lab_.Run(today_).size(), 2u);
  // A withdrawn one of a period that goes on beside is an official's matter.
  EXPECT_EQ(Offer<cv::PerkWithdrawn>("kind: PERK_KIND_SPORTS_PASS period_id: 'p1' "
                                     "withdrawn_on: '2025-05-03'", kSocial), "");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  EXPECT_EQ(Offer<cv::PerkGiven>(pass + "given_on: '2025-05-04'", kSocial), "");
}

TEST_F(SocialTest, APerkOfCertainPlacesIsNotGivenElsewhere) {
  lab_.profile().mutable_perks(0)->add_provisions(event::v1::PROVISION_PURCHASED);
  Start("provision: PROVISION_OWN");
  lab_.Run(today_);
  EXPECT_EQ(lab_.All<cv::PerkGiven>().size(), 1u);
}

TEST_F(SocialTest, APerkOnRequestIsGivenByAnOfficialOnceAndWithdrawn) {
  Start();
  lab_.Run(today_);
  const std::string fablab = "period_id: 'p1' kind: PERK_KIND_FABLAB ";
  EXPECT_EQ(Offer<cv::PerkWithdrawn>(fablab + "withdrawn_on: '2025-04-01'", kSocial),
            "perk_not_given");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-04-01'", kKela), "wrong_actor");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-04-01'", kOther), "wrong_actor");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab, kSocial), "missing_date");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-07-01'", kSocial), "future_day");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-03-01'", kSocial), "outside_period");
  EXPECT_EQ(Offer<cv::PerkGiven>("period_id: 'p1' given_on: '2025-04-01'", kSocial),
            "missing_kind");
  EXPECT_EQ(Offer<cv::PerkGiven>("kind: PERK_KIND_FABLAB period_id: 'p9' given_on: '2025-04-01'",
                                 kSocial),
            "unknown_period");
  EXPECT_EQ(
      Offer<cv::PerkGiven>("kind: PERK_KIND_LUNCH period_id: 'p1' given_on: '2025-04-01'", kSocial),
      "perk_not_offered");
  EXPECT_EQ(
      Offer<cv::PerkGiven>(fablab + "given_on: '2025-04-01' valid_until: '2025-03-31'", kSocial),
      "bad_range");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-04-01'", kPaja), "");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-04-02'", kSocial), "perk_already_given");
  EXPECT_EQ(Offer<cv::PerkWithdrawn>(fablab + "withdrawn_on: '2025-03-31'", kSocial), "bad_range");
  EXPECT_EQ(Offer<cv::PerkWithdrawn>(fablab + "withdrawn_on: '2025-04-03'", kOther), "wrong_actor");
  EXPECT_EQ(Offer<cv::PerkWithdrawn>(fablab + "withdrawn_on: '2025-04-03'", kSocial), "");
  EXPECT_EQ(Offer<cv::PerkGiven>(fablab + "given_on: '2025-04-04'", kSocial), "");
}

TEST_F(SocialTest, APerkGivenAtStartIsTheServicesAndAWithdrawnOneAnOfficialsMatter) {
  Start();
  const std::string pass = "period_id: 'p1' kind: PERK_KIND_SPORTS_PASS ";
  EXPECT_EQ(Offer<cv::PerkGiven>(pass + "given_on: '2025-04-01'", kSocial), "made_by_the_service");
  lab_.Run(today_);
  EXPECT_EQ(Offer<cv::PerkWithdrawn>(pass + "withdrawn_on: '2025-04-03'", kSocial), "");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  EXPECT_EQ(Offer<cv::PerkGiven>(pass + "given_on: '2025-04-04'", kSocial), "");
}

TEST_F(SocialTest, ActivityMoneyIsPaidToSocialAssistanceClientsByTheNamedPayer) {
  Start();
  Benefit("payer_agency: 'FI/MUN/0187690-1/hyvinvointi' kind: BENEFIT_KIND_SOCIAL_ASSISTANCE");
  Day("2025-03-03");
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-03", 900)));
  EXPECT_EQ(lab_.All<cv::AllowanceAccrued>().at(0)->kind(),
            event::v1::ALLOWANCE_KIND_ACTIVITY_MONEY);
}

TEST_F(SocialTest, ActivityMoneyGivesWayToTheExpenseAllowance) {
  Start();
  Benefit("payer_agency: 'FI/MUN/0187690-1/hyvinvointi' kind: BENEFIT_KIND_SOCIAL_ASSISTANCE");
  Day("2025-03-03");
  Day("2025-03-04");
  EXPECT_EQ(Allowance().size(), 2u);
  // The benefit itself need not be visible here: Kela's accrual of the day is enough.
  lab_.Tell(kKela, Text<cv::AllowanceAccrued>("period_id: 'p1' date: '2025-03-03'"));
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900)));
  Benefit();
  EXPECT_THAT(Allowance(), IsEmpty());
}

// A client who lives on social assistance beside an unemployment benefit and is refused that one has the activity money.
TEST_F(SocialTest, ActivityMoneyIsPaidWhereTheExpenseAllowanceIsRefused) {
  ServiceLab kela(MakeCompensationService(), OuluProfile(), OuluAgreement(), kKela);
  const auto tell = [&](std::string_view author, const google::protobuf::Message& body) {
    lab_.Tell(author, body);
    kela.Tell(author, body);
  };
  const auto paid = [&] {
    kela.Run(today_);
    int64_t sum = 0;
    for (const auto* accrued : kela.All<cv::AllowanceAccrued>()) sum += accrued->amount_cents();
    for (const auto* reversed : kela.All<cv::AllowanceReversed>()) sum -= reversed->amount_cents();
    return sum;
  };
  tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                          "starts_on: '2025-03-03' ends_on: '2025-06-02'"));
  tell(kKela, Text<ref::BenefitRecorded>("payer_agency: 'FI/GOV/0246246-0/kela' "
                                         "kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY"));
  tell(kSocial, Text<ref::BenefitRecorded>("payer_agency: 'FI/MUN/0187690-1/hyvinvointi' "
                                           "kind: BENEFIT_KIND_SOCIAL_ASSISTANCE"));
  tell(kPaja, Text<av::DayRecorded>("date: '2025-03-04' outcome: DAY_OUTCOME_ATTENDED actual_minutes: 300"));
  EXPECT_THAT(Allowance(), IsEmpty());
  EXPECT_EQ(paid(), 900);
  tell(kSocial, Text<ref::PayerStatementGiven>("payer_agency: 'FI/GOV/0246246-0/kela' "
                                               "result: STATEMENT_RESULT_NOT_ENTITLED"));
  EXPECT_THAT(Allowance(), ElementsAre(Pair("2025-03-04", 900)));
  EXPECT_EQ(paid(), 0);
  EXPECT_EQ(kela.All<cv::AllowanceReversed>().at(0)->cause_event_id(),
            kela.IdOfLast<ref::PayerStatementGiven>()->view());
  tell(kSocial, Text<ref::PayerStatementGiven>("payer_agency: 'FI/GOV/0246246-0/kela' "
                                               "result: STATEMENT_RESULT_ENTITLED"));
  EXPECT_THAT(Allowance(), IsEmpty());
  EXPECT_EQ(paid(), 900);
}

}  // namespace
}  // namespace polku
