#include "services/core/dated_rules.h"

#include "gtest/gtest.h"
#include "tests/support/service_lab.h"

namespace polku::service {
namespace {

using polku::testing::D;
using polku::testing::OuluProfile;
using polku::testing::Text;

const config::v1::IntensityRule* IntensityOn(const config::v1::Profile& profile,
                                             std::string_view day) {
  return FindRule(profile.intensities(), D(day), D(day), [](const auto&) { return true; });
}

TEST(DatedRulesTest, TheFiveDayWeekEndsWithTheLastDayOfJune2015) {
  const auto profile = OuluProfile();
  EXPECT_EQ(IntensityOn(profile, "2015-06-30")->max_days_per_week(), 5u);
  EXPECT_EQ(IntensityOn(profile, "2015-07-01")->max_days_per_week(), 4u);
}

TEST(DatedRulesTest, ARuleHoldsFromItsFirstToItsLastDayInclusive) {
  const auto rule =
      Text<config::v1::RateRule>("id: 'r' valid_from: '2025-01-01' valid_until: '2025-12-31'");
  EXPECT_FALSE(RuleHolds(rule, D("2024-12-31"), std::nullopt));
  EXPECT_TRUE(RuleHolds(rule, D("2025-01-01"), std::nullopt));
  EXPECT_TRUE(RuleHolds(rule, D("2025-12-31"), std::nullopt));
  EXPECT_FALSE(RuleHolds(rule, D("2026-01-01"), std::nullopt));
}

TEST(DatedRulesTest, ARuleByServiceStartNeedsAKnownStart) {
  const auto rule = Text<config::v1::AbsenceNoticeRule>("id: 'n' started_from: '2015-01-01'");
  EXPECT_FALSE(RuleHolds(rule, D("2025-01-01"), std::nullopt));
  EXPECT_FALSE(RuleHolds(rule, D("2025-01-01"), D("2014-12-31")));
  EXPECT_TRUE(RuleHolds(rule, D("2025-01-01"), D("2015-01-01")));
}

TEST(DatedRulesTest, NothingIsFoundWhereNoRuleFits) {
  const auto profile = OuluProfile();
  EXPECT_EQ(
      FindRule(profile.rates(), D("2025-01-01"), std::nullopt, [](const auto&) { return false; }),
      nullptr);
  EXPECT_EQ(FindRule(config::v1::Profile().rates(), D("2025-01-01"), std::nullopt,
                     [](const auto&) { return true; }),
            nullptr);
}

TEST(DatedRulesTest, AReferenceNamesIdAndVersion) {
  const auto ref = RefTo(Text<config::v1::RateRule>("id: 'r' version: '7'"));
  EXPECT_EQ(ref.id(), "r");
  EXPECT_EQ(ref.version(), "7");
}

}  // namespace
}  // namespace polku::service
