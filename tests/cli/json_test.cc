#include "adapters/cli/json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "tests/support/status_matchers.h"

namespace polku::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using ::testing::Pair;
using testing::StatusIs;

TEST(SplitJsonTest, MembersKeepTheirValuesAsWritten) {
  EXPECT_THAT(
      SplitJsonObject(R"( { "a" : 12345678901234567890 , "b":{"c":[1,"x]"]}, "d\u00e4":null } )"),
      IsOkAndHolds(ElementsAre(Pair("a", "12345678901234567890"), Pair("b", R"({"c":[1,"x]"]})"),
                               Pair("dä", "null"))));
  EXPECT_THAT(SplitJsonObject("{}"), IsOkAndHolds(ElementsAre()));
  EXPECT_THAT(SplitJsonArray(R"([1, "a,b", [2], {}])"),
              IsOkAndHolds(ElementsAre("1", R"("a,b")", "[2]", "{}")));
}

TEST(SplitJsonTest, WhatIsNotStrictJsonIsRefused) {
  for (const char* bad : {"",
                          " ",
                          "[]",
                          "1",
                          "{",
                          "}",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{,}",
                          "{'a':1}",
                          "{a:1}",
                          "{\"a\":1 \"b\":2}",
                          "{\"a\":1}{}",
                          "{\"a\":1} x",
                          "{\"a\":01}",
                          "{\"a\":+1}",
                          "{\"a\":.5}",
                          "{\"a\":1.}",
                          "{\"a\":1e}",
                          "{\"a\":tru}",
                          "{\"a\":\"x}",
                          "{\"a\":\"\\q\"}",
                          "{\"a\":\"\\u12\"}",
                          "{\"a\":\"\\ud800\"}",
                          "{\"a\":\"\\udc00x\"}",
                          "{\"a\":\"\n\"}",
                          "{\"a\":1,\"a\":2}",
                          "{\"a\":NaN}",
                          "{\"a\":[1,]}",
                          "{\"a\":{\"b\"}}",
                          "{\"a\":// x\n1}"}) {
    EXPECT_THAT(SplitJsonObject(bad),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("byte")))
        << bad;
  }
}

TEST(SplitJsonTest, NestingIsBounded) {
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_THAT(SplitJsonObject(nested(60)), IsOk());
  EXPECT_THAT(SplitJsonObject(nested(100)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SplitJsonObject(nested(1'000'000)), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(JsonTextTest, DecodesEscapes) {
  EXPECT_EQ(JsonText(R"("a\"\\\/\n\u00e4\ud83d\ude42")"), "a\"\\/\nä🙂");
  EXPECT_EQ(JsonText("12"), std::nullopt);
  EXPECT_EQ(JsonText("\"a\"x"), std::nullopt);
  EXPECT_EQ(JsonNumber("12"), 12u);
  EXPECT_EQ(JsonNumber("-12"), std::nullopt);
  EXPECT_EQ(JsonNumber("1.0"), std::nullopt);
}

TEST(ParseJsonMessageTest, TakesProtoAndJsonNamesAndLargeNumbers) {
  compensation::v1::AllowanceAccrued event;
  EXPECT_THAT(ParseJsonMessage(R"({"period_id":"p","amountCents":"9007199254740993"})", event),
              IsOk());
  EXPECT_EQ(event.amount_cents(), 9007199254740993);
  EXPECT_THAT(ParseJsonMessage(R"({"amount_cents":9007199254740993})", event), IsOk());
  EXPECT_EQ(event.amount_cents(), 9007199254740993);
  EXPECT_EQ(event.period_id(), "");
}

TEST(ParseJsonMessageTest, TheWrongFieldIsNamedWithWhatItTakesAndNeverItsValue) {
  const struct {
    const char* json;
    const char* told;
  } kCases[] = {
      {R"({"date":"2025-03-03","minutes":"010190-900A"})", "unknown field minutes"},
      {R"({"010190-900A":1})", "unknown field (not a field name)"},
      {R"({"planned_minutes":"010190-900A"})",
       "field planned_minutes takes a whole number, 0 or more"},
      {R"({"planned_minutes":-5})", "field planned_minutes takes a whole number"},
      {R"({"outcome":"010190-900A"})",
       "field outcome takes one of DAY_OUTCOME_UNSPECIFIED, DAY_OUTCOME_ATTENDED"},
      {R"({"date":["010190-900A"]})", "field date takes text in quotes"},
      {R"({"certificate_seen":"010190-900A"})", "field certificate_seen takes true or false"},
      {R"({"date":"010190-900A","date":"x"})", "byte"},
      {R"({"place_code":"a","placeCode":"010190-900A"})", "field placeCode stands twice"},
      {R"(["010190-900A"])", "byte 1"},
      {R"({"date":"010190-900A)", "byte"},
  };
  for (const auto& c : kCases) {
    attendance::v1::DayRecorded event;
    EXPECT_THAT(ParseJsonMessage(c.json, event),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(c.told), Not(HasSubstr("900A")))))
        << c.json;
  }
}

TEST(ParseJsonMessageTest, AWrongFieldWithinAnotherIsNamedByItsPath) {
  const struct {
    const char* json;
    const char* told;
  } kCases[] = {
      {R"({"schedule":{"days_per_week":"x"}})", "field schedule.days_per_week takes"},
      {R"({"schedule":{"weekdays":["WEEKDAY_MONDAY","x"]}})",
       "field schedule.weekdays[1] takes one of"},
      {R"({"schedule":7})", "field schedule takes an object"},
      {R"({"signatures":[{},{"signer":"x"}]})", "field signatures[1].signer takes one of"},
      {R"({"signatures":{}})", "field signatures takes a list"},
      {R"({"schedule":{"hours":1}})", "unknown field schedule.hours"},
  };
  for (const auto& c : kCases) {
    referral::v1::AgreementMade event;
    EXPECT_THAT(ParseJsonMessage(c.json, event),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.told)))
        << c.json;
  }
}

}  // namespace
}  // namespace polku::cli
