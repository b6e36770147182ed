#include "services/audit/group_sheet.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::audit {
namespace {

using absl::CivilDay;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kHouse[] = "FI/ORG/9999992-5/toimintatupa";
constexpr char kOther[] = "FI/ORG/9999992-5/toinen";

class GroupSheetTest : public ::testing::Test {
 protected:
  template <typename T>
  void Add(uint8_t client, const std::string& text, const std::string& author = kHouse) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    event::v1::Header header;
    header.set_author_agency(author);
    CaseId case_id;
    case_id.data()[15] = client;
    fold_.Add({.log = kOwnLog,
               .origin = "o/1",
               .position = Position(),
               .header = header,
               .id = {},
               .case_id = case_id,
               .opened = {},
               .sealed = {},
               .body = &body,
               .bytes = {}});
  }
  void Start(uint8_t client, const std::string& schedule, const std::string& provider = kHouse) {
    Add<referral::v1::ServiceStarted>(
        client, "period_id: 'p1' starts_on: '2025-03-03' ends_on: '2025-06-02' place_code: 'talo' "
                "provider_agency: '" + provider + "' schedule { " + schedule + " }");
  }
  void Join(uint8_t client, const std::string& from, const std::string& more = "",
            const std::string& author = kHouse) {
    Add<attendance::v1::GroupJoined>(
        client, "group_code: 'puu-a' joined_from: '" + from + "' " + more, author);
  }
  // Of the week that begins on Monday 10 March 2025: "<case> <period> <place>: <day>/<minutes> …".
  std::vector<std::string> Week() const {
    std::vector<std::string> rows;
    for (const GroupMember& member :
         fold_.Members(kHouse, "puu-a", CivilDay(2025, 3, 10), CivilDay(2025, 3, 16))) {
      std::string row = std::to_string(member.case_id.view().back()) + " " + member.period_id + " " +
                        member.place_code + ":";
      for (const auto& [day, minutes] : member.days) {
        row += " " + std::to_string(day.day()) + "/" + std::to_string(minutes);
      }
      rows.push_back(row);
    }
    return rows;
  }
  GroupSheetFold fold_;
};

constexpr char kMonThu[] = "minutes_per_day: 360 weekdays: WEEKDAY_MONDAY weekdays: WEEKDAY_THURSDAY";

TEST_F(GroupSheetTest, ListsTheMembersOfThatTimeWithTheirDays) {
  Start(1, kMonThu);
  Join(1, "2025-03-03", "place_code: 'paja'");
  Start(2, "minutes_per_day: 300 days_per_week: 3");
  Join(2, "2025-03-12");
  Start(3, kMonThu);
  Join(3, "2025-03-17");  // next week
  Start(4, kMonThu);      // no member
  EXPECT_THAT(Week(), ::testing::ElementsAre("1 p1 paja: 10/360 13/360",
                                             "2 p1 talo: 12/300 13/300 14/300"));
}

TEST_F(GroupSheetTest, PlansLeavesAndInterruptionsHold) {
  Start(1, kMonThu);
  Join(1, "2025-03-03");
  Add<attendance::v1::DaysPlanned>(1, "period_id: 'p1' days { date: '2025-03-10' } "
                                      "days { date: '2025-03-15' planned_minutes: 240 }");
  EXPECT_THAT(Week(), ::testing::ElementsAre("1 p1 talo: 13/360 15/240"));
  Add<attendance::v1::GroupLeft>(1, "group_code: 'puu-a' member_until: '2025-03-13'");
  EXPECT_THAT(Week(), ::testing::ElementsAre("1 p1 talo: 13/360"));
  Add<referral::v1::ServiceInterrupted>(1, "period_id: 'p1' interrupted_from: '2025-03-11'");
  EXPECT_THAT(Week(), IsEmpty());
}

TEST_F(GroupSheetTest, OtherGroupsAgenciesAndProvidersHaveTheirOwnSheets) {
  Start(1, kMonThu);
  Join(1, "2025-03-03", "", kOther);
  EXPECT_THAT(Week(), IsEmpty());
  Start(2, kMonThu, kOther);
  Join(2, "2025-03-03");
  EXPECT_THAT(Week(), IsEmpty());
  Add<attendance::v1::GroupJoined>(1, "group_code: 'puu-b' joined_from: '2025-03-03'");
  EXPECT_THAT(Week(), IsEmpty());
  EXPECT_THAT(fold_.Members(kHouse, "puu-b", CivilDay(2025, 3, 10), CivilDay(2025, 3, 16)),
              SizeIs(1));
}

}  // namespace
}  // namespace polku::audit
