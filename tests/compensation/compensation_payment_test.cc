#include <limits>

#include "services/compensation/state.h"
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

TEST_F(PaymentTest, ADayThatChangedAfterTheApprovalStopsThePayment) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve(), "");
  Withdraw("2025-03-04");
  lab_.Run(today_);
  EXPECT_EQ(Pay(), "accruals_changed");
  EXPECT_EQ(Reject(), "");
  EXPECT_EQ(Propose(Proposal("m2", "2025-03-01", "2025-03-31")), "");
  EXPECT_EQ(Approve("b", 900, "m2"), "");
  EXPECT_EQ(Pay(900, "m2"), "");
}

TEST_F(PaymentTest, APaidPaymentIsReversedByAnotherOfficialAndNotBeforeItWasPaid) {
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Pay(), "");
  const auto reverse = [&](const std::string& on, std::string_view official) {
    return Offer<cv::PaymentReversed>("payment_id: 'm1' reason: REJECTION_REASON_WRONG_AMOUNT "
                                      "amount_cents: 1800 reversed_on: '" + on + "'",
                                      kKela, official);
  };
  EXPECT_EQ(reverse("2025-06-03", "a"), "same_official");
  EXPECT_EQ(reverse("2025-06-01", "b"), "bad_range");
  EXPECT_EQ(reverse("2025-06-02", "b"), "");
}

TEST_F(PaymentTest, APeersPaymentSettlesNothingOfThisAgencys) {
  // Under its own honest name, with Kela's accruals as its lines.
  auto theirs = March();
  lab_.Tell(kFund, theirs);
  lab_.Tell(kFund, Text<cv::PaymentApproved>("payment_id: 'm1' approved_on: '2025-06-01' total_cents: 1800"));
  lab_.Tell(kFund, Text<cv::PaymentPaid>("payment_id: 'm1' paid_on: '2025-06-01' total_cents: 1800"));
  EXPECT_EQ(Propose(March()), "");
  EXPECT_EQ(Approve(), "");
  EXPECT_EQ(Pay(), "");
}

TEST_F(PaymentTest, APeersEventsUnderAnIdOfOursAreOtherEvents) {
  const auto accrued = *lab_.IdOfLast<cv::AllowanceAccrued>();
  const auto* ours = lab_.All<cv::AllowanceAccrued>().back();
  auto absurd = *ours;
  absurd.set_amount_cents(9'000'000);
  lab_.TellAt(1, kFund, absurd, accrued);  // comes first in merged order
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  EXPECT_EQ(Propose(March()), "");
  Withdraw("2025-04-01");
  EXPECT_EQ(lab_.Run(today_).size(), 1u) << "ours is taken back, and once";
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  const auto state = lab_.Fold();
  const auto& ledger = dynamic_cast<const compensation::State&>(*state).ledger;
  EXPECT_EQ(service::Sum(ledger.Unsettled(kKela, D("2025-04-01"), std::nullopt, today_)), 0);
}

TEST_F(PaymentTest, AnAbsurdSumIsRefusedAndHidesNoneOfTheClientsMoney) {
  auto proposal = March();
  proposal.set_total_cents(9'000'000'000'000'000'000);
  EXPECT_EQ(Propose(proposal), "amount_out_of_range");
  proposal = March();
  proposal.mutable_lines(0)->set_amount_cents(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Propose(proposal), "amount_out_of_range");
  // What stands in a log already is worth nothing, and the rest is paid.
  for (const int64_t cents : {int64_t{9'000'000'000'000'000'000}, std::numeric_limits<int64_t>::min()}) {
    cv::AllowanceAccrued absurd;
    absurd.set_date("2025-03-20");
    absurd.set_amount_cents(cents);
    for (int i = 0; i < 3; ++i) lab_.Tell(kKela, absurd);
  }
  const auto state = lab_.Fold();
  const auto& ledger = dynamic_cast<const compensation::State&>(*state).ledger;
  EXPECT_EQ(service::Sum(ledger.Unsettled(kKela, std::nullopt, std::nullopt, today_)), 2700);
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
  bool Standing(std::string_view claim_id) const {
    const auto state = lab_.Fold();
    const auto& grants = dynamic_cast<const compensation::State&>(*state).ledger.grants();
    return std::any_of(grants.begin(), grants.end(), [&](const service::Grant& grant) {
      return grant.claim_id == claim_id && !grant.reversed;
    });
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
  EXPECT_EQ(claim("claimed_cents: 10000001"), "amount_out_of_range");
  EXPECT_EQ(claim("distance_metres: 4294967295"), "amount_out_of_range");
  EXPECT_EQ(claim("claimed_on: '2025-05-30'"), "bad_range");
  EXPECT_EQ(claim("claimed_on: '2025-07-01'"), "future_day");
  EXPECT_EQ(claim(""), "");
  EXPECT_EQ(claim(""), "claim_exists");
  today_ = D("2025-07-31");
  EXPECT_EQ(claim("claim_id: 'c2'"), "claim_too_late");  // 61 days
  EXPECT_EQ(claim("claim_id: 'c2' claimed_on: '2025-07-31'"), "claim_too_late");
  EXPECT_EQ(claim("claim_id: 'c2' claimed_on: '2025-07-30'"), "") << "on paper, recorded later";
  lab_.profile().mutable_travel(0)->set_mode(event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD);
  EXPECT_EQ(claim("claim_id: 'c3'"), "claims_not_used");
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

// As with every other money: a predecessor that goes on takes back its own, of one that has ended its successor does.
TEST_F(ClaimTest, ASuccessorTakesBackWhatAPredecessorThatHasEndedGranted) {
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
                                                     "effective_on: '2025-06-01' "
                                                     "reason: TRANSFER_REASON_REORGANISED"));
  EXPECT_EQ(lab_.Offer(kCounty, "o", reversed, today_), "unknown_grant");
  lab_.Tell(kCounty, reversed);
  EXPECT_TRUE(Standing("c1")) << "its word on another's money changes nothing";
  lab_.Tell(kSocial, Text<ref::OrganiserTransferred>("from_agency: 'FI/MUN/0187690-1/hyvinvointi' "
                                                     "to_agency: 'FI/MUN/3221331-8/pohde' "
                                                     "effective_on: '2025-06-10' "
                                                     "reason: TRANSFER_REASON_PREDECESSOR_ENDED"));
  EXPECT_EQ(lab_.Offer(kCounty, "o", reversed, today_), "");
  EXPECT_FALSE(Standing("c1"));
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

// ---- A payer that hands its cases over ----

// A fund accrued 3 and 4 March and proposed them as "f1" of 18 euros; Kela takes its place on 1 April.
class HandOverTest : public CompensationLab {
 protected:
  HandOverTest() {
    auto* fund = lab_.agreement().add_agencies();
    fund->set_name(kFund);
    fund->add_roles(config::v1::AGENCY_ROLE_BENEFIT_PAYER);
    Start();
    Benefit("payer_agency: 'FI/COM/0246246-0/kassa' kind: BENEFIT_KIND_EARNINGS_RELATED_ALLOWANCE "
            "valid_from: '2025-01-01'", kFund);
    cv::PaymentProposed proposal;
    proposal.set_payment_id("f1");
    proposal.set_covers_from("2025-03-01");
    proposal.set_covers_until("2025-03-31");
    proposal.set_iban(kIban);
    proposal.set_total_cents(1800);
    for (const char* day : {"2025-03-03", "2025-03-04"}) {
      cv::AllowanceAccrued accrued;
      accrued.set_period_id("p1");
      accrued.set_date(day);
      accrued.set_kind(event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE);
      accrued.set_amount_cents(900);
      accrued.set_cause_event_id(std::string(Day(day).view()));
      const EventId id = lab_.Tell(kFund, accrued);
      auto* line = proposal.add_lines();
      line->set_event_id(std::string(id.view()));
      line->set_date(day);
      line->set_amount_cents(900);
      accrued_.push_back(id);
    }
    lab_.Tell(kFund, proposal);
  }

  void HandOver(const std::string& reason) {
    lab_.Tell(kFund, Text<ref::OrganiserTransferred>(
                         "from_agency: 'FI/COM/0246246-0/kassa' to_agency: 'FI/GOV/0246246-0/kela' "
                         "effective_on: '2025-04-01' reason: TRANSFER_REASON_" + reason));
  }
  void Tell(const std::string& event) {
    if (event == "approved") lab_.Tell(kFund, Text<cv::PaymentApproved>("payment_id: 'f1' total_cents: 1800"));
    if (event == "paid") lab_.Tell(kFund, Text<cv::PaymentPaid>("payment_id: 'f1' total_cents: 1800"));
  }
  // What Kela makes of everything that is its to settle, as far as its service takes it.
  std::string ProposeAll(const std::string& id) {
    const auto state = lab_.Fold();
    const auto& ledger = dynamic_cast<const compensation::State&>(*state).ledger;
    cv::PaymentProposed proposal;
    proposal.set_payment_id(id);
    proposal.set_covers_from("2025-03-01");
    proposal.set_covers_until("2025-06-02");
    proposal.set_iban(kIban);
    int64_t total = 0;
    for (const auto* posting : ledger.Unsettled(kKela, std::nullopt, std::nullopt, today_)) {
      auto* line = proposal.add_lines();
      line->set_event_id(std::string(posting->id.view()));
      line->set_date(service::FormatDate(posting->date));
      line->set_amount_cents(posting->cents);
      total += posting->cents;
    }
    proposal.set_total_cents(total);
    const std::string code = lab_.Offer(kKela, "a", proposal, today_);
    return code.empty() ? std::to_string(total) : code;
  }
  template <typename Event>
  std::string Act(const std::string& more) {
    return Offer<Event>("payment_id: 'f1' " + more, kKela, "b");
  }
  std::string Approve() { return Act<cv::PaymentApproved>("approved_on: '2025-06-01' total_cents: 1800"); }
  std::string Pay() { return Act<cv::PaymentPaid>("paid_on: '2025-06-02' total_cents: 1800"); }
  std::string Reject() {
    return Act<cv::PaymentRejected>("rejected_on: '2025-06-01' reason: REJECTION_REASON_WRONG_ACCOUNT");
  }
  std::string Reverse(int64_t cents, const std::string& on = "2025-06-03") {
    return Act<cv::PaymentReversed>("reversed_on: '" + on +
                                    "' reason: REJECTION_REASON_WRONG_AMOUNT amount_cents: " + std::to_string(cents));
  }
  // "date cents" of every accrual that stands, whoever said it.
  std::vector<std::string> Standing() const {
    const auto state = lab_.Fold();
    std::vector<std::string> standing;
    for (const auto& accrual : dynamic_cast<const compensation::State&>(*state).ledger.accruals()) {
      if (accrual.reversed) continue;
      standing.push_back(service::FormatDate(accrual.date) + " " + std::to_string(accrual.cents) + " " +
                         accrual.author.substr(accrual.author.rfind('/') + 1));
    }
    return standing;
  }

  std::vector<EventId> accrued_;
};

TEST_F(HandOverTest, WhoHandsItsCasesOverAndGoesOnSettlesItsOwnDays) {
  HandOver("REORGANISED");
  Tell("approved");
  EXPECT_EQ(Pay(), "wrong_actor");
  EXPECT_EQ(Reject(), "wrong_actor");
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  Day("2025-03-05");  // a day of the predecessor's, recorded late
  Day("2025-04-01");
  lab_.Run(today_);
  EXPECT_THAT(Standing(), ::testing::ElementsAre("2025-03-03 900 kassa", "2025-03-04 900 kassa", "2025-04-01 900 kela"));
  EXPECT_EQ(ProposeAll("k1"), "900");
}

TEST_F(HandOverTest, TheMoneyOfOneThatHasEndedIsItsSuccessorsFromItsDayOn) {
  HandOver("PREDECESSOR_ENDED");
  today_ = D("2025-03-31");
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
  EXPECT_EQ(Reject(), "wrong_actor");
  today_ = D("2025-06-30");
  lab_.Run(today_);
  // What the fund proposed is no longer the sum of its days: the successor rejects it and proposes all of it anew.
  EXPECT_EQ(Approve(), "accruals_changed");
  EXPECT_EQ(Reject(), "");
  Day("2025-03-05");  // a day of the predecessor's, recorded late
  Day("2025-04-01");
  lab_.Run(today_);
  EXPECT_THAT(Standing(),
              ::testing::ElementsAre("2025-03-03 900 kassa", "2025-03-05 900 kela", "2025-04-01 900 kela"));
  EXPECT_THAT(lab_.Run(today_ + 30), IsEmpty());
  EXPECT_EQ(ProposeAll("f1"), "payment_exists") << "the label is taken, though by the predecessor";
  EXPECT_EQ(ProposeAll("k1"), "2700");
}

TEST_F(HandOverTest, ASuccessorPaysWhatOneThatHasEndedApproved) {
  Tell("approved");
  HandOver("PREDECESSOR_ENDED");
  EXPECT_EQ(Pay(), "");
  EXPECT_EQ(Pay(), "illegal_transition");
  EXPECT_EQ(ProposeAll("k1"), "no_lines");
}

TEST_F(HandOverTest, ARecoveryThatOneThatHasEndedLeftIsNettedByItsSuccessor) {
  Tell("approved");
  Tell("paid");
  HandOver("PREDECESSOR_ENDED");
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  lab_.Run(today_);
  EXPECT_EQ(ProposeAll("k1"), "nothing_to_pay");
  for (const char* day : {"2025-04-01", "2025-04-02"}) Day(day);
  lab_.Run(today_);
  EXPECT_EQ(ProposeAll("k1"), "900") << "two days, less the one that was paid for nothing";
}

TEST_F(HandOverTest, ARecoveryThatOneThatHasEndedLeftIsClaimedBackByItsSuccessor) {
  Tell("approved");
  Tell("paid");
  HandOver("PREDECESSOR_ENDED");
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  lab_.Run(today_);
  EXPECT_EQ(Reverse(500), "amount_mismatch");
  EXPECT_EQ(Reverse(900), "");
  EXPECT_EQ(ProposeAll("k1"), "no_lines") << "claimed back, so it is not netted as well";
  Day("2025-04-01");
  lab_.Run(today_);
  EXPECT_EQ(ProposeAll("k1"), "900");
}

// Whether the fund's service or Kela's sees the hand-over first: no day is paid by both.
TEST_F(HandOverTest, WhatIsClaimedBackIsJudgedByTheDayOfTheClaim) {
  Tell("approved");
  Tell("paid");
  cv::AllowanceReversed reversed;
  reversed.set_period_id("p1");
  reversed.set_date("2025-03-04");
  reversed.set_kind(event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE);
  reversed.set_amount_cents(900);
  reversed.set_reversed_event_id(std::string(accrued_[1].view()));
  reversed.set_cause_event_id(
      std::string(Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER).view()));
  lab_.Tell(kFund, reversed);
  HandOver("PREDECESSOR_ENDED");
  lab_.Run(today_);
  EXPECT_EQ(Reverse(900, "2025-03-31"), "amount_mismatch") << "that day it was the fund's to take back";
  EXPECT_EQ(Reverse(900), "");
  EXPECT_EQ(ProposeAll("k1"), "no_lines") << "taken back once";
}
TEST_F(HandOverTest, OneThatHasEndedSaysNothingMoreOnceItsHandOverIsKnown) {
  ServiceLab fund(MakeCompensationService(), OuluProfile(), lab_.agreement(), kFund);
  for (const auto& entry : lab_.entries()) fund.TellAt(entry.order.value(), entry.author, *entry.body, entry.id);
  fund.Tell(kFund, Text<ref::OrganiserTransferred>(
                       "from_agency: 'FI/COM/0246246-0/kassa' to_agency: 'FI/GOV/0246246-0/kela' "
                       "effective_on: '2025-04-01' reason: TRANSFER_REASON_PREDECESSOR_ENDED"));
  av::DayRecorded late;
  late.set_date("2025-03-05");
  late.set_actual_minutes(360);
  late.set_outcome(event::v1::DAY_OUTCOME_ATTENDED);
  fund.Tell(kPaja, late);
  EXPECT_THAT(fund.Run(today_), IsEmpty());
}

// An organiser's travel goes the same way.
class OrganiserHandOverTest : public CompensationLab {
 protected:
  OrganiserHandOverTest() : CompensationLab("FI/MUN/3221331-8/pohde") {}
};

TEST_F(OrganiserHandOverTest, TravelOfOneThatHasEndedIsTakenBackByItsSuccessorAndNotGrantedTwice) {
  constexpr char kCounty[] = "FI/MUN/3221331-8/pohde";
  auto* county = lab_.agreement().add_agencies();
  county->set_name(kCounty);
  county->add_roles(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  lab_.profile().clear_travel();
  *lab_.profile().add_travel() = Text<config::v1::TravelRule>(
      "id: 'day' version: '1' mode: TRAVEL_MODE_PER_DAY cents: 300");
  lab_.profile().clear_perks();
  Start();
  lab_.Tell(kSocial, Text<ref::AgreementMade>("period_id: 'p1'"));
  for (const char* day : {"2025-03-03", "2025-03-04"}) {
    cv::TravelGranted granted;
    granted.set_period_id("p1");
    granted.set_covers_from(day);
    granted.set_covers_until(day);
    granted.set_mode(event::v1::TRAVEL_MODE_PER_DAY);
    granted.set_amount_cents(300);
    granted.set_cause_event_id(std::string(Day(day).view()));
    lab_.Tell(kSocial, granted);
  }
  lab_.Tell(kSocial, Text<ref::OrganiserTransferred>(
                         "from_agency: 'FI/MUN/0187690-1/hyvinvointi' to_agency: 'FI/MUN/3221331-8/pohde' "
                         "effective_on: '2025-04-01' reason: TRANSFER_REASON_PREDECESSOR_ENDED"));
  Day("2025-03-05");
  Correct("2025-03-04", event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_EQ(Travel(), (std::vector<std::string>{"2025-03-03..2025-03-03", "2025-03-05..2025-03-05"}));
  EXPECT_THAT(lab_.Run(today_ + 1), IsEmpty());
}

}  // namespace
}  // namespace polku
