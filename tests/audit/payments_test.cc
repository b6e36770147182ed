#include "services/audit/payments.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"

namespace polku::audit {
namespace {

namespace v1 = compensation::v1;

constexpr char kKela[] = "FI/GOV/0246246-0/kela";
constexpr char kOther[] = "FI/MUN/0187690-1/hyvinvointi";

absl::CivilDay D(const char* day) { return *service::ParseDate(day); }

class PaymentsTest : public ::testing::Test {
 protected:
  PaymentsTest() : fold_(kKela, {}) { case_.data()[0] = 1; }
  template <typename T>
  EventId Add(const std::string& text, const std::string& author = kKela) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    return AddBody(body, author);
  }
  EventId AddBody(const google::protobuf::Message& body, const std::string& author = kKela) {
    event::v1::Header header;
    header.set_author_agency(author);
    EventId id;
    id.data()[0] = ++number_;
    fold_.Add({.log = kOwnLog,
               .origin = "o/1",
               .position = Position(),
               .header = header,
               .id = id,
               .case_id = case_,
               .opened = {},
               .sealed = {},
               .body = &body,
               .bytes = {}});
    return id;
  }
  EventId Accrue(const std::string& date) {
    return Add<v1::AllowanceAccrued>("amount_cents: 900 date: '" + date + "'");
  }
  void Reverse(const EventId& id, const std::string& date) {
    v1::AllowanceReversed body;
    body.set_date(date);
    body.set_reversed_event_id(std::string(id.view()));
    AddBody(body);
  }
  // Settles everything up to that day.
  void Pay(const std::string& label, const char* from, const char* until) {
    const auto draft = Draft(from, until);
    ASSERT_TRUE(draft);
    v1::PaymentProposed body;
    body.set_payment_id(label);
    body.set_total_cents(draft->total_cents);
    body.set_iban("FI2112345600000785");
    for (const auto* posting : draft->lines) {
      body.add_lines()->set_event_id(std::string(posting->id.view()));
    }
    AddBody(body);
    Add<v1::PaymentApproved>("payment_id: '" + label + "'");
    Add<v1::PaymentPaid>("payment_id: '" + label + "'");
  }
  std::optional<PaymentDraft> Draft(const char* from, const char* until, const char* payer = kKela,
                                    const char* on = "2025-12-31") const {
    const auto held = fold_.cases().find(case_);
    if (held == fold_.cases().end()) return std::nullopt;
    return DraftPayment(held->second.ledger, payer, D(from), D(until), D(on));
  }

  PaymentsFold fold_;
  CaseId case_;
  uint8_t number_ = 0;
};

// Of one that goes on nothing is its successor's to draft; of one that has ended everything is, from its day on.
TEST_F(PaymentsTest, WhatAPayerThatHasEndedLeftIsDraftedByItsSuccessor) {
  for (const bool ended : {false, true}) {
    SCOPED_TRACE(ended);
    case_.data()[1] = ended ? 1 : 0;
    Add<v1::AllowanceAccrued>("amount_cents: 900 date: '2025-03-03'", kOther);
    Add<referral::v1::OrganiserTransferred>(
        std::string("from_agency: 'FI/MUN/0187690-1/hyvinvointi' to_agency: 'FI/GOV/0246246-0/kela' "
                    "effective_on: '2025-04-01' reason: ") +
            (ended ? "TRANSFER_REASON_PREDECESSOR_ENDED" : "TRANSFER_REASON_REORGANISED"),
        kOther);
    EXPECT_EQ(Draft("2025-03-01", "2025-03-31").has_value(), ended);
    EXPECT_EQ(Draft("2025-03-01", "2025-03-31", kOther).has_value(), !ended);
    EXPECT_FALSE(Draft("2025-03-01", "2025-03-31", kKela, "2025-03-31")) << "not before its day";
    EXPECT_TRUE(Draft("2025-03-01", "2025-03-31", kOther, "2025-03-31"));
  }
}

TEST_F(PaymentsTest, EverythingOfTheDaysIsSettledAndNothingElse) {
  EXPECT_FALSE(Draft("2025-03-01", "2025-03-31"));
  Accrue("2025-02-28");
  Accrue("2025-03-03");
  Accrue("2025-03-31");
  Accrue("2025-04-01");
  const auto draft = Draft("2025-03-01", "2025-03-31");
  ASSERT_TRUE(draft);
  EXPECT_EQ(draft->total_cents, 1800);
  EXPECT_EQ(draft->lines.size(), 2u);
  EXPECT_EQ(draft->from, D("2025-03-01"));
}

TEST_F(PaymentsTest, WhatWasReversedAfterItsPaymentIsNettedWithTheDaysBackToIt) {
  const EventId lost = Accrue("2025-03-04");
  Pay("m", "2025-03-01", "2025-03-31");
  Accrue("2025-03-20");  // recorded late: lies between
  Reverse(lost, "2025-03-04");
  Accrue("2025-04-01");
  const auto draft = Draft("2025-04-01", "2025-04-30");
  ASSERT_TRUE(draft);
  EXPECT_EQ(draft->from, D("2025-03-04"));
  EXPECT_EQ(draft->lines.size(), 3u);
  EXPECT_EQ(draft->total_cents, 900);
}

TEST_F(PaymentsTest, ASumThatIsNotAboveNothingIsCarried) {
  const EventId lost = Accrue("2025-03-04");
  Pay("m", "2025-03-01", "2025-03-31");
  Reverse(lost, "2025-03-04");
  ASSERT_TRUE(Draft("2025-04-01", "2025-04-30"));
  EXPECT_EQ(Draft("2025-04-01", "2025-04-30")->total_cents, -900);
  Accrue("2025-05-05");
  Accrue("2025-05-06");
  EXPECT_EQ(Draft("2025-05-01", "2025-05-31")->total_cents, 900);
}

TEST_F(PaymentsTest, AnotherAgencysMoneyIsNotThisOnes) {
  Add<v1::AllowanceAccrued>("amount_cents: 900 date: '2025-03-03'", kOther);
  EXPECT_FALSE(Draft("2025-03-01", "2025-03-31"));
}

TEST_F(PaymentsTest, TheAccountIsThatOfTheNewestPaymentThatASecondOfficialApproved) {
  const auto known = [&] { return fold_.cases().at(case_).Known(kKela, D("2025-12-31")); };
  Add<v1::PaymentProposed>("payment_id: 'a' total_cents: 900 iban: 'FI1'");
  EXPECT_EQ(known().iban, "") << "nobody has looked at it yet";
  Add<v1::PaymentApproved>("payment_id: 'a'");
  EXPECT_EQ(known().iban, "FI1");
  Add<v1::PaymentProposed>("payment_id: 'x' total_cents: 900 iban: 'FI9'", kOther);
  Add<v1::PaymentApproved>("payment_id: 'x'", kOther);
  EXPECT_EQ(known().iban, "FI1") << "another payer's is its own";
  Add<v1::PaymentPaid>("payment_id: 'a'");
  Add<v1::PaymentProposed>("payment_id: 'b' total_cents: 900 iban: 'FI2' reference_number: '1232'");
  Add<v1::PaymentRejected>("payment_id: 'b' reason: REJECTION_REASON_WRONG_ACCOUNT");
  EXPECT_EQ(known().iban, "FI1") << "what was rejected does not come back";
  Add<v1::PaymentProposed>("payment_id: 'c' total_cents: 900 iban: 'FI1'");
  Add<v1::PaymentRejected>("payment_id: 'c' reason: REJECTION_REASON_WRONG_ACCOUNT");
  EXPECT_EQ(known().iban, "") << "the account itself was found wrong";
  Add<v1::PaymentProposed>("payment_id: 'd' total_cents: 900 iban: 'FI3' reference_number: '1232'");
  Add<v1::PaymentApproved>("payment_id: 'd'");
  EXPECT_EQ(known().iban, "FI3");
  EXPECT_EQ(known().reference_number, "1232");
}

TEST_F(PaymentsTest, WhatASecondOfficialComparesAnAccountWithIsTheLastPaidOneBefore) {
  const auto& held = [&]() -> const PaymentsFold::Case& { return fold_.cases().at(case_); };
  const service::PaymentKey first(kKela, "a"), second(kKela, "b");
  Add<v1::PaymentProposed>("payment_id: 'a' total_cents: 900 iban: 'FI1'");
  EXPECT_EQ(held().PaidBefore(nullptr), nullptr);
  Add<v1::PaymentApproved>("payment_id: 'a'");
  Add<v1::PaymentPaid>("payment_id: 'a'");
  Add<v1::PaymentProposed>("payment_id: 'b' total_cents: 900 iban: 'FI2'");
  EXPECT_EQ(held().PaidBefore(&first), nullptr);
  ASSERT_NE(held().PaidBefore(&second), nullptr);
  EXPECT_EQ(held().PaidBefore(&second)->iban, "FI1");
  EXPECT_EQ(held().AccountOf(second)->iban, "FI2");
  EXPECT_EQ(held().AccountOf({kKela, "none"}), nullptr);
}

}  // namespace
}  // namespace polku::audit
