#include "adapters/cli/event_input.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "tests/support/status_matchers.h"

namespace polku::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

constexpr char kLine[] =
    R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","event":{"closed_on":"2025-09-30"}})";

EventDefaults Defaults() { return {.author_agency = "FI/MUN/0187690-1/oulu"}; }

TEST(JsonEventTest, AllMembersAreTaken) {
  ASSERT_OK_AND_ASSIGN(
      const auto event,
      ParseJsonEvent(
          R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","id":"123e4567-e89b-42d3-a456-426614174000","official":"o-1","corrects":"123e4567-e89b-42d3-a456-426614174001","expected_revision":0,"event":{"closed_on":"2025-09-30"}})",
          Defaults()));
  EXPECT_EQ(FormatEventId(*EventId::FromBytes(event.event_id())),
            "123e4567-e89b-42d3-a456-426614174000");
  EXPECT_EQ(event.official(), "o-1");
  EXPECT_EQ(FormatEventId(*EventId::FromBytes(event.corrects())),
            "123e4567-e89b-42d3-a456-426614174001");
  EXPECT_TRUE(event.has_expected_revision());
  referral::v1::CaseClosed body;
  ASSERT_TRUE(body.ParseFromString(event.body()));
  EXPECT_EQ(body.closed_on(), "2025-09-30");
}

TEST(JsonEventTest, ADerivedIdIsTheSameForTheSameEventAndAnotherForAnyOther) {
  const auto id = [](std::string line, EventDefaults defaults = Defaults()) {
    const auto event = ParseJsonEvent(line, defaults);
    EXPECT_OK(event);
    return event.ok() ? event->event_id() : "";
  };
  EXPECT_EQ(id(kLine), id(kLine));
  // Spaces and the order of members are not content.
  EXPECT_EQ(
      id(kLine),
      id(R"({"type":"polku.referral.v1.CaseClosed", "event":{"closedOn":"2025-09-30"}, "case":"0123456789ABCDEF0123456789ABCDEF"})"));
  std::string other = kLine;
  other[9] = 'f';
  EXPECT_NE(id(kLine), id(other));
  EXPECT_NE(id(kLine), id(kLine, {.author_agency = "FI/GOV/0246246-0/kela"}));
  // A correction back to what stood before the last one is an event of its own.
  EventDefaults correcting = Defaults();
  std::set<std::string> ids = {id(kLine)};
  for (const char* corrected : {"123e4567-e89b-42d3-a456-426614174001", "123e4567-e89b-42d3-a456-426614174002"}) {
    correcting.corrects = ParseEventId(corrected);
    EXPECT_EQ(id(kLine, correcting), id(kLine, correcting));
    EXPECT_TRUE(ids.insert(id(kLine, correcting)).second) << corrected;
  }
}

TEST(JsonEventTest, AnEventIdInAnEventIsAUuidOrBase64) {
  const auto parse = [](const std::string& id, const std::string& field = "corrected_event_id") {
    return ParseJsonEvent(
        R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.access.v1.CorrectionRequested","event":{"what":"a",")" +
            field + R"(":")" + id + R"(","requested_on":"2025-03-04"}})",
        Defaults());
  };
  for (const char* field : {"corrected_event_id", "correctedEventId"}) {
    for (const char* id : {"123e4567-e89b-42d3-a456-426614174001", "Ej5FZ+ibQtOkVkJmFBdAAQ=="}) {
      ASSERT_OK_AND_ASSIGN(const auto event, parse(id, field));
      access::v1::CorrectionRequested body;
      ASSERT_TRUE(body.ParseFromString(event.body()));
      EXPECT_EQ(FormatEventId(*EventId::FromBytes(body.corrected_event_id())),
                "123e4567-e89b-42d3-a456-426614174001");
      EXPECT_EQ(body.what(), "a");
      EXPECT_EQ(body.requested_on(), "2025-03-04");
    }
  }
  // As long as a UUID and not one; and neither form. Both forms are named, the value is not.
  for (const char* bad : {"123e4567-e89b-42d3-a456-42661417400g", "!"}) {
    EXPECT_THAT(parse(bad), StatusIs(absl::StatusCode::kInvalidArgument,
                                     AllOf(HasSubstr("corrected_event_id"), HasSubstr("UUID"),
                                           HasSubstr("base64"), Not(HasSubstr(bad)))));
  }
  // In a list.
  ASSERT_OK_AND_ASSIGN(
      const auto made,
      ParseJsonEvent(
          R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.assessment.v1.WorkAbilityAssessed","event":{"kykyviisari_event_ids":["123e4567-e89b-42d3-a456-426614174001","Ej5FZ+ibQtOkVkJmFBdAAQ=="]}})",
          Defaults()));
  assessment::v1::WorkAbilityAssessed evaluation;
  ASSERT_TRUE(evaluation.ParseFromString(made.body()));
  ASSERT_EQ(evaluation.kykyviisari_event_ids_size(), 2);
  EXPECT_EQ(evaluation.kykyviisari_event_ids(0), evaluation.kykyviisari_event_ids(1));
}

TEST(JsonEventTest, DefaultsFillWhatIsLeftOut) {
  EventDefaults defaults = Defaults();
  defaults.case_id = CaseId();
  defaults.case_id->data()[0] = 7;
  defaults.type = "polku.referral.v1.CaseClosed";
  defaults.official = "o-9";
  ASSERT_OK_AND_ASSIGN(const auto event, ParseJsonEvent(R"({"event":{}})", defaults));
  EXPECT_EQ(event.case_id()[0], 7);
  EXPECT_EQ(event.official(), "o-9");
}

TEST(JsonEventTest, WhatIsWrongIsNamedAndNeverQuoted) {
  const struct {
    const char* line;
    const char* told;
  } kCases[] = {
      {R"({"type":"polku.referral.v1.CaseClosed","event":{}})", "case is missing"},
      {R"({"case":"0123456789abcdef0123456789abcdef","event":{}})", "type is missing"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed"})",
       "event is missing"},
      {R"({"case":"010190-900A","type":"polku.referral.v1.CaseClosed","event":{}})", "case is not"},
      {R"({"case":"00000000000000000000000000000000","type":"polku.referral.v1.CaseClosed","event":{}})",
       "case is missing"},
      {R"({"case":7,"type":"x","event":{}})", "case takes text"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"010190-900A","event":{}})",
       "unknown event type"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.event.v1.Genesis","event":{}})",
       "unknown event type"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.AgreementMade.Signature","event":{}})",
       "unknown event type"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","id":"010190-900A","event":{}})",
       "id is not a UUID"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","corrects":"010190-900A","event":{}})",
       "corrects is not a UUID"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","expected_revision":"010190-900A","event":{}})",
       "expected_revision takes"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","event":{},"010190-900A":1})",
       "unknown member"},
      {R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","event":{"closed_on":900}})",
       "closed_on takes text"},
      {"010190-900A", "byte 1"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(ParseJsonEvent(c.line, Defaults()),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(c.told), Not(HasSubstr("900A")))))
        << c.line;
  }
}

TEST(TextEventTest, TakesTheEventAloneAndDerivesTheSameIdAsJson) {
  EventDefaults defaults = Defaults();
  defaults.type = "polku.referral.v1.CaseClosed";
  defaults.case_id = ParseCaseId("0123456789abcdef0123456789abcdef");
  ASSERT_OK_AND_ASSIGN(const auto text,
                       ParseTextEvent("# closed\nclosed_on: \"2025-09-30\"\n", defaults));
  ASSERT_OK_AND_ASSIGN(const auto json, ParseJsonEvent(kLine, Defaults()));
  EXPECT_EQ(text.event_id(), json.event_id());
  EXPECT_EQ(text.body(), json.body());
}

TEST(TextEventTest, ProblemsTellLineAndColumnAndNeverTheContent) {
  EventDefaults defaults = Defaults();
  defaults.type = "polku.attendance.v1.DayRecorded";
  defaults.case_id = CaseId();
  defaults.case_id->data()[0] = 7;
  for (const char* bad : {"date: \"2025-03-03\"\nminutes: 900", "outcome: SECRET_900A",
                          "planned_minutes: SECRET_900A", "date \"SECRET_900A\"",
                          "date: \"SECRET_900A", "}", "certificate_seen: SECRET_900A"}) {
    const auto event = ParseTextEvent(bad, defaults);
    EXPECT_THAT(event,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("line "), HasSubstr("column "), Not(HasSubstr("SECRET")))))
        << bad;
  }
  EXPECT_THAT(ParseTextEvent("date: \"2025-03-03\"\nminutes: 900", defaults),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("line 2"), HasSubstr("minutes"))));
  defaults.case_id.reset();
  EXPECT_THAT(ParseTextEvent("", defaults),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--case")));
  defaults.type.clear();
  EXPECT_THAT(ParseTextEvent("", defaults),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--type")));
}

TEST(OfferedEventJsonTest, IsReadBackAsTheSameEvent) {
  EventDefaults defaults = Defaults();
  for (const bool corrects : {false, true}) {
    if (corrects) defaults.corrects = ParseEventId("123e4567-e89b-42d3-a456-426614174001");
    ASSERT_OK_AND_ASSIGN(const auto event, ParseJsonEvent(kLine, defaults));
    ASSERT_OK_AND_ASSIGN(const std::string json, OfferedEventJson(event));
    ASSERT_OK_AND_ASSIGN(const auto again, ParseJsonEvent(json, {}));
    EXPECT_EQ(event.SerializeAsString(), again.SerializeAsString());
    EXPECT_EQ(event.corrects().empty(), !corrects);
  }
}

}  // namespace
}  // namespace polku::cli
