#include "tests/compensation/compensation_lab.h"

namespace polku {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::IsEmpty;

constexpr char kIban[] = "FI2112345600000785";

class PaymentTest : public CompensationLab {
 protected:
  PaymentTest() {
    Start();
    Benefit();
    Day("2025-03-03");
    Day("2025-03-04");
    Day("2025-04-01");
    lab_.Run(today_);
  }

  // A proposal of everything between the days that Kela accrued and reversed so far.
  cv::PaymentProposed Proposal(const std::string& id, const std::string& from,
                               const std::string& until) {
    cv::PaymentProposed proposal;
    proposal.set_payment_id(id);
    proposal.set_covers_from(from);
    proposal.set_covers_until(until);
    proposal.set_iban(kIban);
    int64_t total = 0;
    for (const auto& entry : lab_.entries()) {
      std::string date;
      int64_t cents = 0;
      if (const auto* accrued = service::As<cv::AllowanceAccrued>(*entry.body)) {
        date = accrued->date(), cents = accrued->amount_cents();
      } else if (const auto* reversed = service::As<cv::AllowanceReversed>(*entry.body)) {
        date = reversed->date(), cents = -reversed->amount_cents();
      }
      if (date.empty() || date < from || until < date) continue;
      auto* line = proposal.add_lines();
      line->set_event_id(std::string(entry.id.view()));
      line->set_date(date);
      line->set_amount_cents(cents);
      total += cents;
    }
    proposal.set_total_cents(total);
    return proposal;
  }
  cv::PaymentProposed March() { return Proposal("m1", "2025-03-01", "2025-03-31"); }
  std::string Propose(const cv::PaymentProposed& proposal, std::string_view author = kKela,
                      std::string_view official = "a") {
    return lab_.Offer(author, official, proposal, today_);
  }
  std::string Approve(std::string_view official = "b", int64_t cents = 1800,
                      const std::string& id = "m1", std::string_view author = kKela) {
    return Offer<cv::PaymentApproved>(
        "payment_id: '" + id + "' approved_on: '2025-06-01' total_cents: " + std::to_string(cents),
        author, official);
  }
  std::string Pay(int64_t cents = 1800, const std::string& id = "m1") {
    return Offer<cv::PaymentPaid>(
        "payment_id: '" + id + "' paid_on: '2025-06-02' total_cents: " + std::to_string(cents),
        kKela);
  }
  std::string Reject(const std::string& id = "m1") {
    return Offer<cv::PaymentRejected>("payment_id: '" + id +
                                          "' rejected_on: '2025-06-01' "
                                          "reason: REJECTION_REASON_WRONG_ACCOUNT",
                                      kKela);
  }
  std::string Reverse(int64_t cents, const std::string& id = "m1") {
    return Offer<cv::PaymentReversed>("payment_id: '" + id +
                                          "' reversed_on: '2025-06-03' "
                                          "reason: REJECTION_REASON_WRONG_AMOUNT amount_cents: " +
                                          std::to_string(cents),
                                      kKela);
  }
};

TEST_F(PaymentTest, APaymentIsProposedApprovedByASecondOfficialAndPaid) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Pay(), "");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(PaymentTest, TheProposerMayNotApprove) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve("a"), "same_official");
  EXPECT_EQ(Approve(""), "missing_official");
  EXPECT_EQ(Approve("b"), "");
}

TEST_F(PaymentTest, OnlyThePayerMakesAndMovesItsPayments) {
  EXPECT_EQ(Propose(March(), kPaja), "wrong_actor");
  EXPECT_EQ(Propose(March(), kSocial), "unknown_line");  // not its accruals
  EXPECT_EQ(Propose(March(), kKela, ""), "missing_official");
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve("b", 1800, "m1", kSocial), "wrong_actor");
  EXPECT_EQ(Approve("b", 1800, "m1", kPaja), "wrong_actor");
}

struct BadProposal {
  const char* name;
  std::function<void(cv::PaymentProposed&)> spoil;
  const char* code;
};
class BadProposalTest : public PaymentTest, public ::testing::WithParamInterface<BadProposal> {};

TEST_P(BadProposalTest, IsRefusedWithItsCode) {
  auto proposal = March();
  GetParam().spoil(proposal);
  EXPECT_EQ(Propose(proposal), GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadProposalTest,
    ::testing::Values(
        BadProposal{"NoId", [](auto& p) { p.clear_payment_id(); }, "missing_id"},
        BadProposal{"BadId", [](auto& p) { p.set_payment_id("M 1"); }, "bad_label"},
        BadProposal{"NoRange", [](auto& p) { p.clear_covers_from(); }, "missing_date"},
        BadProposal{"BadDate", [](auto& p) { p.set_covers_from("2025-03-32"); }, "bad_date"},
        BadProposal{"RangeBackwards", [](auto& p) { p.set_covers_from("2025-04-01"); },
                    "bad_range"},
        BadProposal{"RangeToCome", [](auto& p) { p.set_covers_until("2025-07-01"); }, "future_day"},
        BadProposal{"NoIban", [](auto& p) { p.clear_iban(); }, "bad_iban"},
        BadProposal{"WrongIban", [](auto& p) { p.set_iban("FI2112345600000786"); }, "bad_iban"},
        BadProposal{"SpacedIban", [](auto& p) { p.set_iban("FI21 1234 5600 0007 85"); },
                    "bad_iban"},
        BadProposal{"WrongReference", [](auto& p) { p.set_reference_number("1234567"); },
                    "bad_reference_number"},
        BadProposal{"NoLines", [](auto& p) { p.clear_lines(); }, "no_lines"},
        BadProposal{"ALineMissing", [](auto& p) { p.mutable_lines()->RemoveLast(); },
                    "incomplete_lines"},
        BadProposal{"ALineTwice", [](auto& p) { *p.add_lines() = p.lines(0); }, "duplicate_line"},
        BadProposal{"AnUnknownLine",
                    [](auto& p) { p.mutable_lines(0)->set_event_id("0123456789abcdef"); },
                    "unknown_line"},
        BadProposal{"ALineWithAShortId", [](auto& p) { p.mutable_lines(0)->set_event_id("x"); },
                    "bad_event_id"},
        BadProposal{"AWrongAmount", [](auto& p) { p.mutable_lines(0)->set_amount_cents(901); },
                    "line_mismatch"},
        BadProposal{"AWrongDay", [](auto& p) { p.mutable_lines(0)->set_date("2025-03-05"); },
                    "line_mismatch"},
        BadProposal{"ALineOutsideTheRange", [](auto& p) { p.set_covers_from("2025-03-04"); },
                    "line_outside_range"},
        BadProposal{"ACentTooMuch", [](auto& p) { p.set_total_cents(1801); }, "total_mismatch"},
        BadProposal{"ANegativeTotal", [](auto& p) { p.set_total_cents(-1800); }, "total_mismatch"}),
    [](const auto& bad) { return bad.param.name; });

TEST_F(PaymentTest, AGoodReferenceNumberIsTaken) {
  auto proposal = March();
  proposal.set_reference_number("1234561");
  EXPECT_EQ(Propose(proposal), "");
}

TEST_F(PaymentTest, NoCentIsProposedTwice) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Propose(March()), "payment_exists");
  EXPECT_EQ(Propose(Proposal("m2", "2025-03-01", "2025-03-31")), "already_in_payment");
  EXPECT_EQ(Reject(), "");
  EXPECT_EQ(Propose(March()), "payment_exists");
  EXPECT_EQ(Propose(Proposal("m2", "2025-03-01", "2025-03-31")), "");
}

TEST_F(PaymentTest, AnotherPayersPaymentOfTheSameLabelIsItsOwnAffair) {
  // Two payers of a case choose their labels unknown to each other.
  lab_.Tell(kFund, Text<cv::PaymentProposed>("payment_id: 'm1' total_cents: 900"));
  EXPECT_EQ(Approve(), "wrong_actor");
  EXPECT_EQ(Propose(March()), "");
  lab_.Tell(kFund, Text<cv::PaymentApproved>("payment_id: 'm1' total_cents: 900"));
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Propose(Proposal("m2", "2025-03-01", "2025-03-31")), "already_in_payment");
}

TEST_F(PaymentTest, OnlyTheNextStepOfAPaymentIsLegal) {
  EXPECT_EQ(Approve(), "unknown_payment");
  EXPECT_EQ(Pay(), "unknown_payment");
  EXPECT_EQ(Reject(), "unknown_payment");
  EXPECT_EQ(Reverse(1800), "unknown_payment");
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Pay(), "illegal_transition");
  EXPECT_EQ(Reverse(1800), "illegal_transition");
  EXPECT_EQ(Approve("b", 1799), "total_mismatch");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Approve("c"), "illegal_transition");
  EXPECT_EQ(Reverse(1800), "illegal_transition");
  EXPECT_EQ(Pay(1), "total_mismatch");
  EXPECT_EQ(Offer<cv::PaymentPaid>("payment_id: 'm1' total_cents: 1800", kKela), "missing_date");
  EXPECT_EQ(
      Offer<cv::PaymentPaid>("payment_id: 'm1' total_cents: 1800 paid_on: '2025-05-31'", kKela),
      "bad_range");
  EXPECT_EQ(
      Offer<cv::PaymentPaid>("payment_id: 'm1' total_cents: 1800 paid_on: '2025-07-31'", kKela),
      "future_day");
  EXPECT_EQ(Pay(), "");
  EXPECT_EQ(Pay(), "illegal_transition");
  EXPECT_EQ(Reject(), "illegal_transition");
  EXPECT_EQ(Reverse(0), "missing_amount");
  EXPECT_EQ(Reverse(-900), "missing_amount");
  EXPECT_EQ(Reverse(900), "amount_mismatch");
  EXPECT_EQ(Reverse(1801), "amount_mismatch");
  EXPECT_EQ(Reverse(1800), "");
  EXPECT_EQ(Reverse(1800), "illegal_transition");
}

TEST_F(PaymentTest, ARejectionAndAReversalSayWhy) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Offer<cv::PaymentRejected>("payment_id: 'm1' rejected_on: '2025-06-01'", kKela),
            "missing_reason");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Pay(), "");
  EXPECT_EQ(Offer<cv::PaymentReversed>("payment_id: 'm1' reversed_on: '2025-06-03' "
                                       "amount_cents: 1800",
                                       kKela),
            "missing_reason");
}

TEST_F(PaymentTest, ADayThatChangedAfterTheProposalStopsTheApproval) {
  EXPECT_EQ(Propose(March()), "");
  Withdraw("2025-03-04");
  lab_.Run(today_);
  EXPECT_EQ(Approve(), "accruals_changed");
  EXPECT_EQ(Reject(), "");
  EXPECT_EQ(Propose(Proposal("m2", "2025-03-01", "2025-03-31")), "");
  EXPECT_EQ(Approve("b", 900, "m2"), "");
}

TEST_F(PaymentTest, AReversalAfterPaymentIsSettledByTheNextPayment) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Pay(), "");
  Day("2025-04-02");
  Withdraw("2025-03-04");
  lab_.Run(today_);
  auto next = Proposal("m2", "2025-03-01", "2025-04-30");
  EXPECT_EQ(Propose(next), "already_in_payment");
  for (int i = next.lines_size() - 1; i >= 0; --i) {  // the two that were paid
    if (next.lines(i).date() < "2025-04-01" && next.lines(i).amount_cents() > 0) {
      next.mutable_lines()->DeleteSubrange(i, 1);
    }
  }
  next.set_total_cents(900);  // two April days less one March day
  EXPECT_EQ(Propose(next), "");
}

TEST_F(PaymentTest, WhatWasPaidForALostDayMayBeTakenBack) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Pay(), "");
  Withdraw("2025-03-04");
  lab_.Run(today_);
  EXPECT_EQ(Reverse(899), "amount_mismatch");
  EXPECT_EQ(Reverse(900), "");
  EXPECT_EQ(Reverse(900), "");  // the rest came back whole
  EXPECT_EQ(Reverse(900), "illegal_transition");
  EXPECT_EQ(Propose(Proposal("m2", "2025-03-01", "2025-03-31")), "");
}

TEST_F(PaymentTest, NothingIsPaidWhereTheDaysGiveNothing) {
  Withdraw("2025-03-03");
  Withdraw("2025-03-04");
  lab_.Run(today_);
  EXPECT_EQ(Propose(March()), "nothing_to_pay");
}

TEST_F(PaymentTest, IllegalPaymentFactsOfAPeerChangeNothing) {
  lab_.Tell(kOther, Text<cv::PaymentApproved>("payment_id: 'm1'"));
  EXPECT_EQ(Propose(March()), "");
  lab_.Tell(kOther, Text<cv::PaymentRejected>("payment_id: 'm1'"));
  lab_.Tell(kOther, Text<cv::PaymentProposed>("payment_id: 'm1' total_cents: -5"));
  lab_.Tell(kKela, Text<cv::PaymentPaid>("payment_id: 'm1'"));
  EXPECT_EQ(Approve(), "");
}

TEST_F(PaymentTest, DutiesAndForeignEventsAreNotTakenFromAuthors) {
  EXPECT_EQ(Offer<cv::AllowanceAccrued>("date: '2025-03-05'", kKela), "made_by_the_service");
  EXPECT_EQ(Offer<cv::AllowanceReversed>("date: '2025-03-05'", kKela), "made_by_the_service");
  EXPECT_EQ(Offer<av::DayRecorded>("date: '2025-03-05'", kPaja), "unknown_type");
}

// ---- Travel claims (Lempäälä: "haetaan erikseen, todelliset kulut", seed 000) ----

class ClaimTest : public CompensationLab {
 protected:
  ClaimTest() : CompensationLab(kSocial) {
    lab_.profile().clear_travel();
    *lab_.profile().add_travel() = Text<config::v1::TravelRule>(
        "id: 'actual' version: '1' mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS claim_within_days: 60");
    lab_.Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p1' starts_on: '2025-05-05' "
                                                 "ends_on: '2025-08-04' "
                                                 "provider_agency: 'FI/ASS/0187690-1/paja'"));
    Day("2025-05-06");
  }
  // `more` overrides.
  template <typename Event>
  std::string Claim(const std::string& text, const std::string& more, std::string_view author) {
    auto event = Text<Event>(text);
    EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(more, &event));
    return lab_.Offer(author, "o", event, today_);
  }
  static std::string ClaimText() {
    return "claim_id: 'c1' travelled_from: '2025-05-05' travelled_until: '2025-05-31' "
           "means: TRAVEL_MEANS_OWN_CAR trips: 8 distance_metres: 100000 claimed_cents: 4200 ";
  }
  static std::string GrantText(const std::string& more) {
    return "claim_id: 'c1' period_id: 'p1' covers_from: '2025-05-05' covers_until: '2025-05-31' "
           "mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS " +
           more;
  }
};

TEST_F(ClaimTest, AClaimIsFiledGrantedReversedAndGrantedAnew) {
  EXPECT_EQ(Offer<cv::TravelClaimed>(ClaimText(), kPaja), "");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 4200"), kSocial), "");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 4200"), kSocial),
            "claim_already_decided");
  EXPECT_THAT(lab_.Run(today_).size(), 2u);  // the perks; the grant stands untouched
  cv::TravelReversed reversed;
  reversed.set_reversed_event_id(std::string(lab_.IdOfLast<cv::TravelGranted>()->view()));
  EXPECT_EQ(lab_.Offer(kSocial, "o", reversed, today_), "amount_mismatch");
  reversed.set_amount_cents(4200);
  EXPECT_EQ(lab_.Offer(kKela, "o", reversed, today_), "wrong_actor");
  EXPECT_EQ(lab_.Offer(kSocial, "o", reversed, today_), "");
  EXPECT_EQ(lab_.Offer(kSocial, "o", reversed, today_), "already_reversed");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 4000"), kSocial), "");
}

TEST_F(ClaimTest, ARejectedClaimIsDecided) {
  EXPECT_EQ(Offer<cv::TravelClaimed>(ClaimText(), kSocial), "");
  const std::string no = "claim_id: 'c1' rejected_on: '2025-06-10' ";
  EXPECT_EQ(Offer<cv::TravelClaimRejected>(no, kSocial), "missing_reason");
  EXPECT_EQ(
      Offer<cv::TravelClaimRejected>("claim_id: 'c1' reason: REJECTION_REASON_NO_RECEIPT", kSocial),
      "missing_date");
  EXPECT_EQ(Offer<cv::TravelClaimRejected>(no + "reason: REJECTION_REASON_NO_RECEIPT", kPaja),
            "wrong_actor");
  EXPECT_EQ(Offer<cv::TravelClaimRejected>(no + "reason: REJECTION_REASON_NO_RECEIPT", kSocial),
            "");
  EXPECT_EQ(Offer<cv::TravelClaimRejected>(no + "reason: REJECTION_REASON_NO_RECEIPT", kSocial),
            "claim_already_decided");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 1"), kSocial),
            "claim_already_decided");
}

TEST_F(ClaimTest, ABadClaimIsRefused) {
  const auto claim = [&](const std::string& more) {
    return Claim<cv::TravelClaimed>(ClaimText(), more, kPaja);
  };
  EXPECT_EQ(Offer<cv::TravelClaimed>(ClaimText(), kKela), "wrong_actor");
  EXPECT_EQ(claim("claim_id: ''"), "missing_id");
  EXPECT_EQ(claim("travelled_from: ''"), "missing_date");
  EXPECT_EQ(claim("travelled_from: '2025-06-01'"), "bad_range");
  EXPECT_EQ(claim("travelled_until: '2025-07-01'"), "future_day");
  EXPECT_EQ(claim("travelled_from: '2025-05-04'"), "outside_period");
  EXPECT_EQ(claim("claimed_cents: 0"), "missing_amount");
  EXPECT_EQ(claim("claimed_cents: -5"), "missing_amount");
  EXPECT_EQ(claim(""), "");
  EXPECT_EQ(claim(""), "claim_exists");
  today_ = D("2025-07-31");
  EXPECT_EQ(claim("claim_id: 'c2'"), "claim_too_late");  // 61 days
  lab_.profile().mutable_travel(0)->set_mode(event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD);
  EXPECT_EQ(claim("claim_id: 'c2'"), "claims_not_used");
}

TEST_F(ClaimTest, ABadGrantIsRefused) {
  const auto grant = [&](const std::string& more) {
    return Claim<cv::TravelGranted>(GrantText("amount_cents: 4200 "), more, kSocial);
  };
  EXPECT_EQ(grant(""), "unknown_claim");
  EXPECT_EQ(Offer<cv::TravelClaimed>(ClaimText(), kPaja), "");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 4200"), kPaja), "wrong_actor");
  EXPECT_EQ(grant("claim_id: ''"), "made_by_the_service");
  EXPECT_EQ(grant("period_id: 'p9'"), "unknown_period");
  EXPECT_EQ(grant("covers_from: ''"), "missing_date");
  EXPECT_EQ(grant("covers_until: '2025-06-01'"), "bad_range");
  EXPECT_EQ(grant("covers_from: '2025-05-04'"), "bad_range");
  EXPECT_EQ(grant("mode: TRAVEL_MODE_PER_DAY"), "mode_mismatch");
  EXPECT_EQ(grant("rule { id: 'actual' version: '2' }"), "wrong_rule");
  EXPECT_EQ(grant("cause_event_id: '0123456789abcdef'"), "unknown_claim");
  EXPECT_EQ(grant("amount_cents: 0"), "missing_amount");
  EXPECT_EQ(grant("amount_cents: 4201"), "amount_over_claim");
  EXPECT_EQ(grant("covers_from: '2025-05-07'"), "no_attended_day");
  lab_.profile().mutable_travel(0)->set_cents_per_kilometre(25);  // 100 km: 25 euros
  EXPECT_EQ(grant("amount_cents: 2501"), "amount_over_rate");
  EXPECT_EQ(grant("amount_cents: 2500 rule { id: 'actual' version: '1' }"), "");
}

TEST_F(ClaimTest, FaresAreGrantedByReceiptAlone) {
  const auto claim = [&](const std::string& more) {
    return Claim<cv::TravelClaimed>(ClaimText(), more, kPaja);
  };
  EXPECT_EQ(claim("means: TRAVEL_MEANS_TRAIN"), "");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 4200"), kSocial), "no_receipt");
  EXPECT_EQ(claim("claim_id: 'c2' means: TRAVEL_MEANS_TRAIN receipts: 2"), "");
  EXPECT_EQ(Claim<cv::TravelGranted>(GrantText("amount_cents: 4200 "), "claim_id: 'c2'", kSocial), "");
}

TEST_F(ClaimTest, ASuccessorTakesBackWhatItsPredecessorGranted) {
  constexpr char kCounty[] = "FI/MUN/3221331-8/pohde";
  auto* county = lab_.agreement().add_agencies();
  county->set_name(kCounty);
  county->add_roles(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  EXPECT_EQ(Offer<cv::TravelClaimed>(ClaimText(), kPaja), "");
  EXPECT_EQ(Offer<cv::TravelGranted>(GrantText("amount_cents: 4200"), kSocial), "");
  cv::TravelReversed reversed;
  reversed.set_reversed_event_id(std::string(lab_.IdOfLast<cv::TravelGranted>()->view()));
  reversed.set_amount_cents(4200);
  EXPECT_EQ(lab_.Offer(kCounty, "o", reversed, today_), "unknown_grant");
  lab_.Tell(kSocial, Text<ref::OrganiserTransferred>("from_agency: 'FI/MUN/0187690-1/hyvinvointi' "
                                                     "to_agency: 'FI/MUN/3221331-8/pohde' "
                                                     "effective_on: '2025-06-01'"));
  EXPECT_EQ(lab_.Offer(kCounty, "o", reversed, today_), "");
  EXPECT_EQ(lab_.Offer(kCounty, "o", reversed, today_), "already_reversed");
}

TEST_F(ClaimTest, AnUnstartedServiceTakesNoClaim) {
  ServiceLab empty(MakeCompensationService(), OuluProfile(), OuluAgreement(), kSocial);
  EXPECT_EQ(empty.Offer(kPaja, "o", Text<cv::TravelClaimed>(ClaimText()), today_),
            "service_not_started");
}

TEST_F(ClaimTest, WhatTheServiceGrantedIsNotReversedByHand) {
  lab_.profile().mutable_travel(0)->set_mode(event::v1::TRAVEL_MODE_PER_DAY);
  lab_.profile().mutable_travel(0)->set_cents(300);
  lab_.Run(today_);
  cv::TravelReversed reversed;
  reversed.set_amount_cents(300);
  EXPECT_EQ(lab_.Offer(kSocial, "o", reversed, today_), "unknown_grant");
  reversed.set_reversed_event_id(std::string(lab_.IdOfLast<cv::TravelGranted>()->view()));
  EXPECT_EQ(lab_.Offer(kSocial, "o", reversed, today_), "made_by_the_service");
}

}  // namespace
}  // namespace polku
