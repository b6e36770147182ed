#include "eventstore/base/clock.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace polku {
namespace {

using ::testing::Optional;

constexpr uint64_t kMaxOrder = std::numeric_limits<uint64_t>::max();

TEST(Order, IsMicrosecondsSinceTheEpoch) {
  EXPECT_EQ(OrderFromTime(absl::FromUnixSeconds(1)), Order(1'000'000));
  EXPECT_EQ(TimeFromOrder(Order(1'000'000)), absl::FromUnixSeconds(1));
}

TEST(Order, IsZeroBeforeTheEpochAndInfiniteBeyondSixtyThreeBits) {
  EXPECT_EQ(OrderFromTime(absl::FromUnixSeconds(-1)), Order(0));
  EXPECT_EQ(OrderFromTime(absl::InfinitePast()), Order(0));
  EXPECT_EQ(TimeFromOrder(Order(kMaxOrder)), absl::InfiniteFuture());
  EXPECT_EQ(TimeFromOrder(Order(uint64_t{1} << 63)), absl::InfiniteFuture());
}

TEST(NextOrder, IsTheHighestOfNowAndOnePastWhatWasSeen) {
  const absl::Time now = absl::FromUnixMicros(100);
  EXPECT_EQ(NextOrder(now, Order(0), Order(0)), Order(100));
  EXPECT_EQ(NextOrder(now, Order(99), Order(99)), Order(100));
  EXPECT_EQ(NextOrder(now, Order(100), Order(0)), Order(101));
  EXPECT_EQ(NextOrder(now, Order(0), Order(100)), Order(101));
  EXPECT_EQ(NextOrder(now, Order(150), Order(200)), Order(201));
}

TEST(NextOrder, NeverFallsBackWhenTheClockOrACauseDoes) {
  EXPECT_EQ(NextOrder(absl::InfinitePast(), Order(7), Order(3)), Order(8));
  EXPECT_EQ(NextOrder(absl::FromUnixMicros(1), Order(kMaxOrder), Order(0)), Order(kMaxOrder));
  EXPECT_EQ(NextOrder(absl::FromUnixMicros(1), Order(5), Order(kMaxOrder)), Order(kMaxOrder));
}

TEST(FinnishDay, BeginsAtMidnightInHelsinkiWinterAndSummer) {
  EXPECT_EQ(FinnishDay(*ParseTime("2025-01-31T21:59:59Z")), absl::CivilDay(2025, 1, 31));
  EXPECT_EQ(FinnishDay(*ParseTime("2025-01-31T22:00:00Z")), absl::CivilDay(2025, 2, 1));
  EXPECT_EQ(FinnishDay(*ParseTime("2025-06-30T20:59:59Z")), absl::CivilDay(2025, 6, 30));
  EXPECT_EQ(FinnishDay(*ParseTime("2025-06-30T21:00:00Z")), absl::CivilDay(2025, 7, 1));
}

TEST(Day, IsWrittenAndReadInItsOneForm) {
  EXPECT_EQ(FormatDay(absl::CivilDay(2025, 3, 3)), "2025-03-03");
  EXPECT_EQ(FormatDay(absl::CivilDay(987, 12, 31)), "0987-12-31");
  EXPECT_THAT(ParseDay("2025-03-03"), Optional(absl::CivilDay(2025, 3, 3)));
  EXPECT_THAT(ParseDay("2024-02-29"), Optional(absl::CivilDay(2024, 2, 29)));
  EXPECT_THAT(ParseDay("0987-12-31"), Optional(absl::CivilDay(987, 12, 31)));
}

TEST(Day, IsRefusedInAnyOtherFormAndWhenItDoesNotExist) {
  for (const char* text :
       {"", "2025-3-3", "2025-02-29", "2025-04-31", "2025-13-01", "2025-00-01", "2025-01-00",
        "2025-01-32", "1900-02-29", "2025/03/03", "3.3.2025", " 2025-03-03", "2025-03-03 ",
        "2025-03-03T00:00:00Z", "-025-03-03", "+025-03-03", "2025-03-0x", "12025-03-03"}) {
    EXPECT_EQ(ParseDay(text), std::nullopt) << text;
  }
}

TEST(Time, IsWrittenInUtcWithMicroseconds) {
  EXPECT_EQ(polku::FormatTime(absl::FromUnixMicros(1740989700000000)),
            "2025-03-03T08:15:00.000000Z");
  EXPECT_EQ(polku::FormatTime(absl::FromUnixMicros(1)), "1970-01-01T00:00:00.000001Z");
}

TEST(Time, IsReadWithAnyOffsetAndUpToNineDecimals) {
  const absl::Time time = absl::FromUnixMicros(1740989700000000);
  for (const char* text : {"2025-03-03T08:15:00Z", "2025-03-03T08:15:00.000000Z",
                           "2025-03-03T10:15:00+02:00", "2025-03-03T06:45:00.0-01:30"}) {
    EXPECT_THAT(ParseTime(text), Optional(time)) << text;
  }
  EXPECT_THAT(ParseTime("2025-03-03T08:15:00.123456789Z"),
              Optional(time + absl::Nanoseconds(123456789)));
}

TEST(Time, IsRefusedInAnyFormThatIsNotRfc3339) {
  for (const char* text :
       {"", "infinite-future", "infinite-past", "2025-03-03", "2025-03-03T08:15Z",
        "2025-03-03T08:15:00", "2025-03-03 08:15:00Z", "2025-03-03t08:15:00Z",
        "2025-03-03T08:15:00z", " 2025-03-03T08:15:00Z", "2025-03-03T08:15:00Z ",
        "2025-03-03T08:15:00.Z", "2025-03-03T08:15:00.1234567890Z", "2025-03-03T08:15:00+0200",
        "2025-03-03T08:15:00+02", "2025-02-30T08:15:00Z", "2025-03-03T25:15:00Z",
        "2025-03-03T08:61:00Z", "12025-03-03T08:15:00Z"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(Time, SurvivesItsOwnFormAndItsOrder) {
  testing::SeededGenerator random(testing::TestSeed());
  for (int i = 0; i < 300; ++i) {
    const absl::Time time = absl::FromUnixMicros(static_cast<int64_t>(random.Below(1ull << 51)));
    EXPECT_THAT(ParseTime(polku::FormatTime(time)), Optional(time));
    EXPECT_EQ(TimeFromOrder(OrderFromTime(time)), time);
    EXPECT_THAT(ParseDay(FormatDay(FinnishDay(time))), Optional(FinnishDay(time)));
  }
}

TEST(SystemClock, IsLaterThanTheYearInWhichItWasWritten) {
  EXPECT_GT(SystemClock()(), *ParseTime("2025-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace polku
