#include "services/core/offer_checks.h"

#include <limits>

#include "gtest/gtest.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/core/money_limits.h"

namespace polku::service {
namespace {

namespace cv = compensation::v1;

std::string CodeOf(const google::protobuf::Message& event) {
  const auto refusal = CheckConventions(event);
  return refusal ? refusal->code : "";
}

TEST(OfferChecksTest, SumsBeyondTheLimitAreRefusedWhereverTheyStand) {
  cv::TravelClaimed claim;
  cv::PaymentProposed proposal;
  auto* line = proposal.add_lines();
  for (const int64_t cents : {int64_t{0}, int64_t{1}, kMaxAmountCents, -kMaxAmountCents}) {
    claim.set_claimed_cents(cents);
    line->set_amount_cents(cents);
    EXPECT_EQ(CodeOf(claim), "") << cents;
    EXPECT_EQ(CodeOf(proposal), "") << cents;
  }
  for (const int64_t cents : {kMaxAmountCents + 1, -kMaxAmountCents - 1,
                              std::numeric_limits<int64_t>::max(),
                              std::numeric_limits<int64_t>::min()}) {
    claim.set_claimed_cents(cents);
    line->set_amount_cents(cents);
    EXPECT_EQ(CodeOf(claim), "amount_out_of_range") << cents;
    EXPECT_EQ(CodeOf(proposal), "amount_out_of_range") << cents;
  }
}

TEST(OfferChecksTest, DistancesBeyondTheLimitAreRefused) {
  cv::TravelClaimed claim;
  claim.set_distance_metres(kMaxClaimMetres);
  EXPECT_EQ(CodeOf(claim), "");
  claim.set_distance_metres(kMaxClaimMetres + 1);
  EXPECT_EQ(CodeOf(claim), "amount_out_of_range");
}

TEST(OfferChecksTest, AnAmountOutOfRangeIsWorthNothing) {
  EXPECT_EQ(Worth(0), 0);
  EXPECT_EQ(Worth(kMaxAmountCents), kMaxAmountCents);
  EXPECT_EQ(Worth(kMaxAmountCents + 1), 0);
  EXPECT_EQ(Worth(-1), 0);
  EXPECT_EQ(Worth(std::numeric_limits<int64_t>::min()), 0);
}

}  // namespace
}  // namespace polku::service
