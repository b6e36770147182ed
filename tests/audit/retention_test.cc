#include "services/audit/retention.h"

#include <memory>
#include <string>

#include "eventstore/base/clock.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/access/v1/access.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/event/v1/event.pb.h"
#include "polku/referral/v1/referral.pb.h"

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
    event::v1::Header header;
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

TEST_F(RetentionTest, AnyLaterEventOpensTheCaseAgain) {
  Close();
  Add<referral::v1::NeedIdentified>("");
  EXPECT_THAT(Due("2999-01-01"), IsEmpty());
  Close("2016-01-31");
  EXPECT_THAT(Due("2026-01-31"), IsEmpty());
  EXPECT_THAT(Due("2026-02-01"), SizeIs(1));
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
