#include "services/audit/visitors.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"

namespace polku::audit {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kHouse[] = "FI/ORG/9999992-5/toimintatupa";

class VisitorsTest : public ::testing::Test {
 protected:
  template <typename T = attendance::v1::VisitorsCounted>
  void Add(const std::string& text, const std::string& author = kHouse) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    AddBody(&body, author);
  }
  void AddBody(const google::protobuf::Message* body, const std::string& author = kHouse) {
    event::v1::Header header;
    header.set_author_agency(author);
    fold_.Add({.log = kOwnLog,
               .origin = "o/1",
               .position = Position(),
               .header = header,
               .id = {},
               .case_id = {},
               .opened = {},
               .sealed = {},
               .body = body,
               .bytes = {}});
  }
  VisitorCount All() const {
    VisitorCount all;
    for (const auto& [day, count] : fold_.days()) all = all + count;
    return all;
  }

  VisitorsFold fold_;
};

// Seed 003: two autumn cafés of 96 (8 children) and 68 (3) visitors make "164 clients of whom 11 children".
TEST_F(VisitorsTest, DaysAddUp) {
  Add(R"(date: "2014-09-15" place_code: "kahvila" visitors: 96 children: 8)");
  Add(R"(date: "2014-10-13" place_code: "kahvila" visitors: 68 children: 3)");
  EXPECT_EQ(All(), (VisitorCount{164, 11, 0}));
  Add(R"(date: "2014-10-13" place_code: "palsta" visitors: 4 service_clients: 4)");
  EXPECT_THAT(fold_.days(), SizeIs(3));
  EXPECT_EQ(All(), (VisitorCount{168, 11, 4}));
}

TEST_F(VisitorsTest, TheNewestCountOfADayStandsAndOnlyOfItsPlaceAndAgency) {
  Add(R"(date: "2014-09-15" place_code: "kahvila" visitors: 96 children: 8 service_clients: 1)");
  Add(R"(date: "2014-09-15" place_code: "kahvila" visitors: 90 children: 7)");
  EXPECT_EQ(All(), (VisitorCount{90, 7, 0}));
  Add(R"(date: "2014-09-15" place_code: "palsta" visitors: 5)");
  Add(R"(date: "2014-09-15" place_code: "kahvila" visitors: 10)", "FI/MUN/0187690-1/oulu");
  EXPECT_EQ(All(), (VisitorCount{105, 7, 0}));
}

TEST_F(VisitorsTest, WhatIsNoCountOrIsSealedPassesBy) {
  Add<attendance::v1::DayRecorded>(R"(date: "2014-09-15" place_code: "kahvila")");
  Add(R"(place_code: "kahvila" visitors: 96)");
  Add(R"(date: "15.9.2014" place_code: "kahvila" visitors: 96)");
  AddBody(nullptr);
  EXPECT_THAT(fold_.days(), IsEmpty());
}

}  // namespace
}  // namespace polku::audit
