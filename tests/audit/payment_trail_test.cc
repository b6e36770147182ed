#include "services/audit/payment_trail.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::audit {
namespace {

namespace att = attendance::v1;
namespace com = compensation::v1;
namespace ref = referral::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kKela[] = "FI/GOV/0246246-0/kela";

class PaymentTrailTest : public ::testing::Test {
 protected:
  template <typename T>
  static T Text(const std::string& text) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    return body;
  }
  template <typename T>
  EventId Add(const std::string& text, bool sealed = false) {
    return AddBody(Text<T>(text), sealed);
  }
  EventId AddBody(const google::protobuf::Message& body, bool sealed = false) {
    event::v1::Header header;
    header.set_type(body.GetDescriptor()->full_name());
    header.set_author_agency(kKela);
    header.set_author_official("o-" + std::to_string(number_));
    EventId id;
    id.data()[0] = ++number_;
    CaseId case_id;
    case_id.data()[0] = 1;
    SectionSet sections;
    if (sealed) sections.add(SectionKind::kPayment);
    const Event event = {.log = kOwnLog,
                         .origin = "o/1",
                         .position = Position(number_),
                         .header = header,
                         .id = id,
                         .case_id = case_id,
                         .opened = {},
                         .sealed = sections,
                         .body = &body,
                         .bytes = {}};
    body.GetDescriptor()->full_name() == "polku.event.v1.RulesChanged" ? fold_.AddRules(event)
                                                                       : fold_.Add(event);
    return id;
  }
  void Rules(const std::string& version, int64_t cents, const std::string& source) {
    event::v1::RulesChanged rules;
    Text<config::v1::Profile>("rates { id: 'expense_allowance' version: '" + version +
                              "' kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE cents_per_day: " +
                              std::to_string(cents) + " source: '" + source + "' }")
        .SerializeToString(rules.mutable_profile());
    AddBody(rules);
  }
  EventId Accrue(const EventId& cause, const std::string& version = "1") {
    auto accrued = Text<com::AllowanceAccrued>(
        "period_id: 'p' date: '2025-03-03' kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE amount_cents: 900 "
        "rule { id: 'expense_allowance' version: '" + version + "' }");
    accrued.set_cause_event_id(std::string(cause.view()));
    return AddBody(accrued);
  }
  EventId Day() { return Add<att::DayRecorded>("date: '2025-03-03' period_id: 'p' actual_minutes: 300"); }
  void Propose(const EventId& line) {
    auto proposed = Text<com::PaymentProposed>("payment_id: 'm' total_cents: 900");
    proposed.add_lines()->set_event_id(std::string(line.view()));
    AddBody(proposed);
  }

  PaymentTrailFold fold_;
  uint8_t number_ = 0;
};

TEST_F(PaymentTrailTest, ALineLeadsToItsDayAndToTheRuleAsTheLogHadItThen) {
  Rules("1", 900, "[s] seed 001");
  Add<ref::AgreementMade>("period_id: 'p' starts_on: '2025-03-03' ends_on: '2025-06-02'");
  Add<ref::DecisionMade>("period_id: 'p' granted: true valid_from: '2025-03-03'");
  const EventId refused = Add<ref::DecisionMade>("period_id: 'p' granted: false");
  const EventId day = Day();
  const EventId accrual = Accrue(day);
  Rules("1", 1200, "later");  // what came after it did not decide it
  Propose(accrual);
  Add<com::PaymentApproved>("payment_id: 'm'");
  const auto trails = fold_.Finish("");
  ASSERT_THAT(trails, SizeIs(1));
  EXPECT_THAT(trails[0].steps, SizeIs(2));
  ASSERT_THAT(trails[0].lines, SizeIs(1));
  const LineTrail& line = trails[0].lines[0];
  EXPECT_EQ(line.cents, 900);
  EXPECT_EQ(line.rule_source, "[s] seed 001");
  EXPECT_EQ(line.rule_cents, 900);
  ASSERT_THAT(line.days, SizeIs(1));
  EXPECT_EQ(line.days[0]->id, day);
  ASSERT_NE(line.decision, nullptr);
  EXPECT_NE(line.decision->id, refused);
  EXPECT_THAT(line.gaps, ElementsAre("benefit"));
}

TEST_F(PaymentTrailTest, WhatIsNotHeldIsSaid) {
  EventId elsewhere;
  elsewhere.data()[0] = 0xEE;
  Propose(elsewhere);
  EXPECT_THAT(fold_.Finish("m")[0].lines[0].gaps, ElementsAre("posting"));
  EXPECT_THAT(fold_.Finish("other"), IsEmpty());
}

TEST_F(PaymentTrailTest, WhatHoldsNoDayNorDecisionIsSaidOfEachLine) {
  EventId elsewhere;
  elsewhere.data()[0] = 0xEE;
  Accrue(elsewhere);
  const auto trails = fold_.Finish("");
  ASSERT_THAT(trails, SizeIs(1));
  EXPECT_EQ(trails[0].payment_id, "") << "in no payment yet";
  EXPECT_THAT(trails[0].lines[0].gaps, ElementsAre("day", "rule", "agreement", "decision", "benefit"));
}

TEST_F(PaymentTrailTest, AReversalNamesWhatItTakesBackAndWhatTookItAway) {
  const EventId day = Day();
  const EventId accrual = Accrue(day);
  const EventId correction = Add<att::DayCorrected>("date: '2025-03-03' withdrawn: true");
  auto reversed = Text<com::AllowanceReversed>("period_id: 'p' date: '2025-03-03' amount_cents: 900");
  reversed.set_reversed_event_id(std::string(accrual.view()));
  reversed.set_cause_event_id(std::string(correction.view()));
  Propose(AddBody(reversed));
  const LineTrail line = fold_.Finish("m")[0].lines[0];
  EXPECT_EQ(line.cents, -900);
  EXPECT_EQ(line.reversed->id, accrual);
  EXPECT_EQ(line.cause->id, correction);
  EXPECT_EQ(line.days[0]->id, day);
}

TEST_F(PaymentTrailTest, AnAttendedDayThatGaveNothingIsListedWithWhatIsSeenOfWhy) {
  const auto profile = Text<config::v1::Profile>(
      "benefits { id: 'b' version: '1' kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY "
      "allowance: ALLOWANCE_KIND_EXPENSE_ALLOWANCE }");
  Add<ref::ServiceStarted>("period_id: 'p' provider_agency: 'FI/GOV/0246246-0/kela' starts_on: '2025-03-03' "
                           "ends_on: '2025-06-02'");
  Add<ref::BenefitRecorded>("kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY valid_from: '2025-01-01'");
  Add<ref::BenefitRecorded>("kind: BENEFIT_KIND_REHABILITATION_SUBSIDY valid_from: '2025-03-06'");
  Add<ref::PayerStatementGiven>("result: STATEMENT_RESULT_NOT_ENTITLED effective_from: '2025-03-05' "
                                "effective_until: '2025-03-05'");
  const auto attended = [&](const std::string& date) {
    return Add<att::DayRecorded>("date: '" + date + "' period_id: 'p' actual_minutes: 300 outcome: DAY_OUTCOME_ATTENDED");
  };
  const EventId paid = attended("2025-03-03");
  for (const char* date : {"2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07", "2025-06-03"}) attended(date);
  Add<att::DayRecorded>("date: '2025-03-10' period_id: 'p' outcome: DAY_OUTCOME_ABSENT_OTHER");
  EXPECT_THAT(fold_.Unpaid(profile), IsEmpty()) << "no allowance is held here: nothing can be said";
  Accrue(paid);
  Add<att::RuleBreachFlagged>("period_id: 'p' date: '2025-03-07' breach: BREACH_CODE_TOO_MANY_DAYS_IN_WEEK");
  const EventId cleared =
      Add<att::RuleBreachFlagged>("period_id: 'p' date: '2025-03-04' breach: BREACH_CODE_DAY_TOO_LONG");
  att::RuleBreachCleared clearing;
  clearing.set_flagged_event_id(std::string(cleared.view()));
  AddBody(clearing);
  const auto unpaid = fold_.Unpaid(profile);
  ASSERT_THAT(unpaid, SizeIs(5));
  EXPECT_EQ(unpaid[0].date, absl::CivilDay(2025, 3, 4));
  EXPECT_THAT(unpaid[0].breaches, IsEmpty());
  EXPECT_FALSE(unpaid[0].no_benefit || unpaid[0].not_entitled || unpaid[0].outside_period);
  EXPECT_TRUE(unpaid[1].not_entitled);
  EXPECT_TRUE(unpaid[2].no_benefit);
  EXPECT_THAT(unpaid[3].breaches, ElementsAre(att::BREACH_CODE_TOO_MANY_DAYS_IN_WEEK));
  EXPECT_TRUE(unpaid[4].outside_period);
}

TEST_F(PaymentTrailTest, ASealedAmountIsNamedAsSealed) {
  const EventId accrual = Add<com::AllowanceAccrued>("period_id: 'p' date: '2025-03-03'", true);
  Propose(accrual);
  EXPECT_THAT(fold_.Finish("m")[0].lines[0].gaps,
              ::testing::Contains("sealed:polku.compensation.v1.AllowanceAccrued"));
}

}  // namespace
}  // namespace polku::audit
