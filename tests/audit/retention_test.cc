#include "services/audit/retention.h"

#include <memory>
#include <set>
#include <string>

#include "eventstore/base/clock.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/access/v1/access.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/event/v1/event.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/codec.h"

namespace polku::audit {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kSocialCare[] = R"(
    retention { id: "social" version: "1" kind: RECORD_KIND_SOCIAL_CARE years: 10 }
    retention { id: "fees" version: "1" kind: RECORD_KIND_FEE_DECISION years: 12 })";

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest() { Profile(kSocialCare); }
  void Profile(const std::string& text) {
    profile_.Clear();
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile_));
    fold_ = std::make_unique<RetentionFold>(profile_);
  }
  template <typename T>
  void Add(const std::string& text, uint8_t case_number = 1, bool opened = true) {
    T body;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    Add(body, case_number, opened);
  }
  void Add(const google::protobuf::Message& body, uint8_t case_number = 1, bool opened = true,
           const std::string& corrects = "") {
    event::v1::Header header;
    header.set_corrects(corrects);
    header.set_type(body.GetDescriptor()->full_name());
    header.set_recorded_at_us(
        absl::ToUnixMicros(absl::FromCivil(absl::CivilHour(2015, 7, 9, 12), absl::UTCTimeZone())));
    CaseId case_id;
    case_id.data()[0] = case_number;
    fold_->Add({.log = kOwnLog,
                .origin = "a/1",
                .position = Position(++position_),
                .header = header,
                .id = {},
                .case_id = case_id,
                .opened = {},
                .sealed = {},
                .body = opened ? &body : nullptr,
                .bytes = {}});
  }
  void Close(const std::string& day = "2015-06-30", uint8_t case_number = 1) {
    Add<referral::v1::CaseClosed>("closed_on: \"" + day + "\"", case_number);
  }
  std::vector<RetentionDue> Due(const std::string& day) { return fold_->Due(*ParseDay(day)); }

  config::v1::Profile profile_;
  std::unique_ptr<RetentionFold> fold_;
  uint64_t position_ = 0;
};

TEST_F(RetentionTest, AClosedCaseIsDueOnTheDayAfterItsLastYear) {
  Add<referral::v1::NeedIdentified>("");
  Close();
  EXPECT_THAT(Due("2025-06-30"), IsEmpty()) << "both ends are inclusive";
  const auto due = Due("2025-07-01");
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].rule->id(), "social");
  EXPECT_EQ(FormatDay(due[0].closed_on), "2015-06-30");
  EXPECT_EQ(FormatDay(due[0].kept_until), "2025-06-30");
}

TEST_F(RetentionTest, AnOpenCaseIsNeverDue) {
  Add<referral::v1::NeedIdentified>("");
  EXPECT_THAT(Due("2999-01-01"), IsEmpty());
}

TEST_F(RetentionTest, AnyLaterStepOfThePathOpensTheCaseAgain) {
  Close();
  Add<referral::v1::NeedIdentified>("");
  EXPECT_THAT(Due("2999-01-01"), IsEmpty());
  Close("2016-01-31");
  EXPECT_THAT(Due("2026-01-31"), IsEmpty());
  EXPECT_THAT(Due("2026-02-01"), SizeIs(1));
}

TEST_F(RetentionTest, WhatTheServicesSayByThemselvesAndWhatFollowsAClosingOpensNothing) {
  std::set<std::string> reopening;
  for (const auto* type : service::AllEventTypes()) {
    if (type->file()->package() == "polku.access.v1" ||
        type == referral::v1::CaseClosed::descriptor()) {
      continue;
    }
    Profile(kSocialCare);
    Close();
    const std::unique_ptr<google::protobuf::Message> body(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
    Add(*body);
    if (Due("2999-01-01").empty()) {
      reopening.insert(type->full_name());
      EXPECT_EQ(fold_->NotClosed(), 1u) << type->full_name();
    }
    // Whatever it is, putting an earlier entry right is no new step.
    Profile(kSocialCare);
    Close();
    Add(*body, 1, true, "an event of 16 B");
    EXPECT_THAT(Due("2999-01-01"), SizeIs(1)) << type->full_name();
  }
  // Days, money and assessments hang on a period, and none runs in a closed case.
  for (const std::string& type : reopening) EXPECT_TRUE(type.starts_with("polku.referral.v1.")) << type;
  EXPECT_EQ(reopening.size(), 17u);
  for (const char* type : {"FollowUpRecorded", "ServiceEnded", "ClientIdentified", "BenefitRecorded", "CasesLinked"}) {
    EXPECT_FALSE(reopening.contains(std::string("polku.referral.v1.") + type)) << type;
  }
  for (const char* type : {"NeedIdentified", "PlanDrafted", "ReferralMade", "AgreementMade", "ServiceStarted"}) {
    EXPECT_TRUE(reopening.contains(std::string("polku.referral.v1.") + type)) << type;
  }
}

TEST_F(RetentionTest, ASlipInTheClosingsDayTakesNothingOffTheTime) {
  Add<referral::v1::ServiceEnded>("ended_on: \"2014-12-31\"");
  Close("2004-12-31");  // meant: 2014
  EXPECT_THAT(Due("2024-12-31"), IsEmpty());
  const auto due = Due("2025-01-01");
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(FormatDay(due[0].closed_on), "2014-12-31");
  // A day that a peer says is still to come has not been: the day of recording counts.
  Add<attendance::v1::DayRecorded>("date: \"2999-01-01\"");
  EXPECT_THAT(Due("2025-07-09"), IsEmpty());
  EXPECT_THAT(Due("2025-07-10"), SizeIs(1));
}

TEST_F(RetentionTest, WhatIsAboutTheRecordOpensNothing) {
  Close();
  Add<access::v1::PartyAdded>("agency: \"FI/GOV/0246246-0/kela\"");
  Add<access::v1::Disclosed>("");
  Add<access::v1::CorrectionRequested>("");
  EXPECT_THAT(Due("2025-07-01"), SizeIs(1));
}

TEST_F(RetentionTest, ADecisionOnMoneyKeepsTheCaseLonger) {
  Add<compensation::v1::PaymentApproved>("", 1, /*opened=*/false);  // by its header alone
  Add<compensation::v1::AllowanceAccrued>("", 2);                   // no decision
  Close("2015-06-30", 1);
  Close("2015-06-30", 2);
  ASSERT_THAT(Due("2025-07-01"), SizeIs(1));
  EXPECT_EQ(Due("2025-07-01")[0].case_id.data()[0], 2);
  EXPECT_THAT(Due("2027-06-30"), SizeIs(1));
  const auto due = Due("2027-07-01");
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[0].case_id.data()[0], 2) << "what is due longest first";
  EXPECT_EQ(due[1].rule->id(), "fees");
  EXPECT_EQ(FormatDay(due[1].kept_until), "2027-06-30");
}

TEST_F(RetentionTest, ASealedDayOfClosingIsTheDayOfRecording) {
  Add<referral::v1::CaseClosed>("closed_on: \"2015-06-30\"", 1, /*opened=*/false);
  const auto due = Due("2025-07-10");
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(FormatDay(due[0].closed_on), "2015-07-09");
}

TEST_F(RetentionTest, TheRuleOfTheDayOfClosingAndOfTheFirstStartHolds) {
  Profile(R"(
    retention { id: "old" version: "1" kind: RECORD_KIND_SOCIAL_CARE years: 30 valid_until: "2014-12-31" }
    retention { id: "new" version: "1" kind: RECORD_KIND_SOCIAL_CARE years: 10 valid_from: "2015-01-01"
                started_from: "2012-01-01" })");
  Add<referral::v1::ServiceStarted>(R"(starts_on: "2013-05-01" first_started_on: "2011-05-01")", 1);
  Add<referral::v1::ServiceStarted>(R"(starts_on: "2013-05-01" first_started_on: "2013-05-01")", 2);
  Close("2015-06-30", 1);
  Close("2015-06-30", 2);
  Close("2014-06-30", 3);
  const auto due = Due("2044-07-01");
  ASSERT_THAT(due, SizeIs(2)) << "a case that no rule fits is never due";
  EXPECT_EQ(due[0].case_id.data()[0], 2);
  EXPECT_EQ(due[0].rule->id(), "new");
  EXPECT_EQ(due[1].case_id.data()[0], 3);
  EXPECT_EQ(due[1].rule->id(), "old");
}

TEST_F(RetentionTest, ALeapDayRollsOver) {
  Close("2016-02-29");
  ASSERT_THAT(Due("2026-03-02"), SizeIs(1));
  EXPECT_EQ(FormatDay(Due("2026-03-02")[0].kept_until), "2026-03-01");
  EXPECT_THAT(Due("2026-03-01"), IsEmpty());
}

}  // namespace
}  // namespace polku::audit
