#include "services/audit/event_json.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/config/v1/agreement.pb.h"
#include "tests/support/status_matchers.h"

namespace polku::audit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using ::testing::Not;

TEST(JsonStringTest, EscapesWhatMustBeAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(JsonString("a\"b\\c\nd\x01\x7F"), "\"a\\\"b\\\\c\\nd\\u0001\\u007f\"");
  EXPECT_EQ(JsonString("äö€🙂"), "\"äö€🙂\"");
  for (const std::string_view bad :
       {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3"}) {
    EXPECT_THAT(JsonString(bad), AllOf(HasSubstr("\xEF\xBF\xBD"), Not(HasSubstr(std::string(bad)))))
        << bad;
  }
}

TEST(EventJsonTest, ALineHasAllThatAReaderNeedsAndNothingItMayNotKnow) {
  event::v1::Header header;
  header.set_type("polku.attendance.v1.DayRecorded");
  header.set_author_agency("FI/ORG/9999992-5/toimintatupa");
  header.set_author_official("ohjaaja-1");
  header.set_case_revision(3);
  header.set_recorded_at_us(1'741'000'000'000'000);
  header.set_order(77);
  auto* cause = header.add_causes();
  cause->set_origin("FI/MUN/0187690-1/oulu/referral/1");
  cause->set_position(5);
  attendance::v1::DayRecorded body;
  body.set_date("2025-03-03");
  body.set_planned_minutes(300);
  CaseId case_id;
  case_id.data()[0] = 0xAB;
  SectionSet opened, sealed;
  opened.add(SectionKind::kService);
  sealed.add(SectionKind::kHealth);
  const Event event{.log = kOwnLog,
                    .origin = "o/1",
                    .position = Position(9),
                    .header = header,
                    .id = {},
                    .case_id = case_id,
                    .opened = opened,
                    .sealed = sealed,
                    .body = &body,
                    .bytes = {}};
  EXPECT_THAT(
      EventJson(event),
      IsOkAndHolds("{\"origin\":\"o/1\",\"position\":9,\"order\":77,"
                   "\"recorded_at\":\"2025-03-03T11:06:40.000000Z\","
                   "\"type\":\"polku.attendance.v1.DayRecorded\","
                   "\"id\":\"00000000-0000-0000-0000-000000000000\","
                   "\"case\":\"ab000000000000000000000000000000\",\"case_revision\":3,"
                   "\"author\":\"FI/ORG/9999992-5/toimintatupa\",\"official\":\"ohjaaja-1\","
                   "\"causes\":[{\"origin\":\"FI/MUN/0187690-1/oulu/referral/1\",\"position\":5}],"
                   "\"opened\":[\"service\"],\"sealed\":[\"health\"],"
                   "\"event\":{\"date\":\"2025-03-03\",\"planned_minutes\":300}}"));
}

TEST(EventJsonTest, ControlEntriesAreSpelledOutAndDescriptorsAreNot) {
  event::v1::Header header;
  const auto json = [&](const google::protobuf::Message& body) {
    header.set_type(body.GetDescriptor()->full_name());
    const Event event{.log = kOwnLog,
                      .origin = "o/1",
                      .position = Position(),
                      .header = header,
                      .id = {},
                      .case_id = {},
                      .opened = {},
                      .sealed = {},
                      .body = &body,
                      .bytes = {}};
    const auto text = EventJson(event);
    EXPECT_OK(text);
    return text.value_or("");
  };
  config::v1::Agreement agreement;
  agreement.set_name("oulu-demo");
  event::v1::AgreementChanged changed;
  changed.set_agreement(agreement.SerializeAsString());
  EXPECT_THAT(json(changed), HasSubstr("\"control\":{\"agreement\":{\"name\":\"oulu-demo\"}}"));
  event::v1::SchemaAdded added;
  added.set_package("p");
  added.set_file_descriptor_set("12345");
  EXPECT_THAT(json(added),
              HasSubstr("\"control\":{\"package\":\"p\",\"bytes\":5,\"sha256\":\"5994471abb01"));
  event::v1::Genesis genesis;
  genesis.set_format(1);
  EXPECT_THAT(json(genesis), HasSubstr("\"control\":{\"format\":1}"));
  EXPECT_THAT(json(genesis), Not(HasSubstr("\"case\"")));
}

}  // namespace
}  // namespace polku::audit
