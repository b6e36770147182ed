#include "eventstore/base/money.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku {
namespace {

using ::testing::Optional;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(Cents, AddsAndCompares) {
  EXPECT_THAT(Cents(900).Plus(Cents(-5)), Optional(Cents(895)));
  EXPECT_THAT(Cents(kMax).Plus(Cents(kMin)), Optional(Cents(-1)));
  EXPECT_LT(Cents(-1), Cents(0));
  EXPECT_EQ(Cents(5).Negated(), Cents(-5));
}

TEST(Cents, GivesNothingInsteadOfASumThatDoesNotFit) {
  EXPECT_EQ(Cents(kMax).Plus(Cents(1)), std::nullopt);
  EXPECT_EQ(Cents(kMin).Plus(Cents(-1)), std::nullopt);
  EXPECT_EQ(Cents(kMin).Plus(Cents(kMin)), std::nullopt);
}

TEST(Cents, AreWrittenAsEurosWithTwoDecimals) {
  EXPECT_EQ(FormatEuros(Cents(900)), "9.00");
  EXPECT_EQ(FormatEuros(Cents(-5)), "-0.05");
  EXPECT_EQ(FormatEuros(Cents(0)), "0.00");
  EXPECT_EQ(FormatEuros(Cents(1)), "0.01");
  EXPECT_EQ(FormatEuros(Cents(-100)), "-1.00");
  EXPECT_EQ(FormatEuros(Cents(123456)), "1234.56");
  EXPECT_EQ(FormatEuros(Cents(kMax)), "92233720368547758.07");
  EXPECT_EQ(FormatEuros(Cents(kMin)), "-92233720368547758.08");
}

}  // namespace
}  // namespace polku
