// The catalogue of places as one agency may read it (services/audit/places.h).
#include "services/audit/places.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"

namespace polku::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace ref = referral::v1;

constexpr char kTupa[] = "FI/ORG/9999992-5/toimintatupa";
constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";
constexpr char kSocial[] = "FI/MUN/9999991-7/hyvinvointi";

constexpr char kListed[] =
    "provider_agency: 'FI/ORG/9999992-5/toimintatupa' place_code: 'puu' "
    "names { language: 'fi' text: 'Puuverstas' } valid_from: '2025-01-01' ";

class PlacesTest : public ::testing::Test {
 protected:
  template <typename T>
  void Add(int client, const std::string& author, const std::string& text,
           const std::string& origin = "a/referral/1") {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    event::v1::Header header;
    header.set_author_agency(author);
    ++next_;
    header.set_order(next_);
    EventId id;
    id.data()[0] = static_cast<uint8_t>(next_);
    fold_.Add({.log = kOwnLog,
               .origin = origin,
               .position = Position(next_),
               .header = header,
               .id = id,
               .case_id = Case(client),
               .opened = {},
               .sealed = {},
               .body = &body,
               .bytes = {}});
  }
  static CaseId Case(int client) {
    CaseId id;
    id.data()[15] = static_cast<uint8_t>(client);
    return id;
  }
  static std::string Referral(int client) { return "referral_id: 'r" + std::to_string(client) + "' "; }

  void List(const std::string& more = "capacity: 2") { Add<ref::PlaceListed>(99, kTupa, kListed + more); }
  void Refer(int client) {
    Add<ref::ReferralMade>(client, kOulu, Referral(client) +
                                              "status: REFERRAL_STATUS_REQUESTED made_on: '2025-02-03' "
                                              "requester_agency: 'FI/MUN/0187690-1/oulu' "
                                              "target_agency: 'FI/ORG/9999992-5/toimintatupa' place_code: 'puu'");
  }
  void Answer(int client, const std::string& answer, const std::string& on = "2025-02-10") {
    Add<ref::PlaceAnswered>(client, kTupa, Referral(client) + "answer: PLACE_ANSWER_" + answer +
                                               " place_code: 'puu' answered_on: '" + on + "'");
  }
  void Status(int client, const std::string& status, const std::string& author = kTupa) {
    Add<ref::ReferralStatusChanged>(client, author, Referral(client) + "status: REFERRAL_STATUS_" + status +
                                                        " reason: STATUS_REASON_OTHER");
  }
  void Start(int client, const std::string& from = "2025-03-03", const std::string& until = "2025-06-02") {
    Add<ref::ServiceStarted>(client, kSocial,
                             Referral(client) + "period_id: 'p' provider_agency: 'FI/ORG/9999992-5/toimintatupa' "
                                                "place_code: 'puu' starts_on: '" + from + "' ends_on: '" + until + "'");
  }
  PlaceState Only(absl::CivilDay day = absl::CivilDay(2025, 3, 10)) const {
    const auto places = fold_.On(day);
    EXPECT_THAT(places, SizeIs(1));
    return places.empty() ? PlaceState() : places[0];
  }

  PlacesFold fold_{{}};
  uint64_t next_ = 0;
};

TEST_F(PlacesTest, APlaceIsFreeTakenToComeAndOver) {
  List();
  EXPECT_EQ(Only().free(), 2);
  Refer(1);
  EXPECT_EQ(Only().taken(), 0u) << "asked for is not taken";
  Answer(1, "CAPACITY");
  Status(1, "ACCEPTED");
  EXPECT_EQ(Only().accepted, 1u);
  EXPECT_EQ(Only().free(), 1);
  Start(1);
  EXPECT_EQ(Only().running, 1u);
  EXPECT_EQ(Only().accepted, 0u) << "one client takes one place";
  Start(2);
  Start(3);
  EXPECT_EQ(Only().running, 3u);
  EXPECT_EQ(Only().free(), -1) << "over capacity is shown";
}

TEST_F(PlacesTest, APeriodTakesItsPlaceOnItsDaysAlsoWhenItStandsStill) {
  List();
  Start(1);
  EXPECT_EQ(Only(absl::CivilDay(2025, 3, 2)).running, 0u);
  EXPECT_EQ(Only(absl::CivilDay(2025, 3, 3)).running, 1u);
  EXPECT_EQ(Only(absl::CivilDay(2025, 6, 2)).running, 1u);
  EXPECT_EQ(Only(absl::CivilDay(2025, 6, 3)).running, 0u);
  Add<ref::ServiceInterrupted>(1, kTupa, "period_id: 'p' interrupted_from: '2025-03-05'");
  EXPECT_EQ(Only().running, 1u);
  Add<ref::ServiceChanged>(1, kSocial, "period_id: 'p' changed_from: '2025-04-01' place_code: 'metalli' "
                                       "provider_agency: 'FI/ORG/9999992-5/toimintatupa'");
  const auto places = fold_.On(absl::CivilDay(2025, 4, 1));
  ASSERT_THAT(places, SizeIs(2));
  EXPECT_EQ(places[0].place_code, "metalli");
  EXPECT_FALSE(places[0].listed) << "nobody listed it, and somebody is there";
  EXPECT_EQ(places[0].running, 1u);
  EXPECT_EQ(places[1].running, 0u);
  Add<ref::ServiceEnded>(1, kTupa, "period_id: 'p' ended_on: '2025-03-31'");
  EXPECT_EQ(Only(absl::CivilDay(2025, 4, 1)).running, 0u);
}

TEST_F(PlacesTest, AReferralThatIsNoMoreTakesNothing) {
  List();
  for (const char* end : {"CANCELLED", "FAILED", "COMPLETED"}) {
    Refer(1);
    Answer(1, "CAPACITY");
    Status(1, "ACCEPTED");
    Status(1, end);
    EXPECT_EQ(Only().taken(), 0u) << end;
  }
  Refer(2);
  Answer(2, "CAPACITY");
  Status(2, "ACCEPTED");
  Status(2, "ON_HOLD");
  EXPECT_EQ(Only().accepted, 1u) << "its place is kept";
  Start(2);
  Status(2, "ENTERED_IN_ERROR", kOulu);
  EXPECT_EQ(Only().taken(), 0u) << "it should never have been";
}

TEST_F(PlacesTest, AServiceThatHasEndedWaitsForNoStart) {
  List();
  Refer(1);
  Answer(1, "CAPACITY");
  Status(1, "ACCEPTED");
  Start(1, "2025-02-03", "2025-02-28");
  EXPECT_EQ(Only().taken(), 0u);
  EXPECT_EQ(Only(absl::CivilDay(2025, 2, 1)).accepted, 1u) << "not begun on that day";
}

TEST_F(PlacesTest, APlaceIsNotKeptForEverForAServiceThatNeverBegins) {
  List();
  Refer(1);
  Answer(1, "CAPACITY", "2025-02-10");
  Status(1, "ACCEPTED");
  const absl::CivilDay last = absl::CivilDay(2025, 2, 10) + kPlaceKeptDays;
  EXPECT_EQ(Only(last).accepted, 1u);
  EXPECT_THAT(Only(last).never_began, IsEmpty());
  const PlaceState after = Only(last + 1);
  EXPECT_EQ(after.accepted, 0u);
  EXPECT_EQ(after.free(), 2);
  EXPECT_THAT(after.never_began, ElementsAre(WaitingClient{Case(1), "r1", "2025-02-10"})) << "marked, not hidden";
  // A later day that was agreed counts from there.
  Add<ref::AgreementMade>(1, kSocial, Referral(1) + "period_id: 'p' starts_on: '2025-06-02' ends_on: '2025-09-01'");
  EXPECT_EQ(Only(last + 1).accepted, 1u);
  EXPECT_EQ(Only(absl::CivilDay(2025, 6, 2) + kPlaceKeptDays + 1).never_began.size(), 1u);
  // One that has begun is no such referral.
  Start(1, "2025-06-02", "2025-09-01");
  EXPECT_THAT(Only(absl::CivilDay(2025, 12, 1)).never_began, IsEmpty());
}

TEST_F(PlacesTest, WaitingIsInTheOrderOfTheAnswers) {
  List();
  for (int client : {3, 1, 2}) {
    Refer(client);
    Answer(client, "WAITLIST", "2025-02-1" + std::to_string(client));
  }
  const auto order = [&] {
    std::vector<std::string> ids;
    for (const WaitingClient& client : Only().waiting) ids.push_back(client.referral_id + " " + client.since);
    return ids;
  };
  EXPECT_THAT(order(), ElementsAre("r3 2025-02-13", "r1 2025-02-11", "r2 2025-02-12"));
  Answer(3, "WAITLIST", "2025-02-20");  // said again: its turn stays
  Answer(1, "CAPACITY");                // no longer waiting, and back at the end
  Answer(1, "WAITLIST", "2025-02-21");
  EXPECT_THAT(order(), ElementsAre("r3 2025-02-13", "r2 2025-02-12", "r1 2025-02-21"));
  Status(3, "CANCELLED", kOulu);
  Answer(2, "CAPACITY");
  Status(2, "ACCEPTED");
  EXPECT_THAT(order(), ElementsAre("r1 2025-02-21"));
  EXPECT_EQ(Only().accepted, 1u);
}

TEST_F(PlacesTest, TheNewestListingHoldsForItsDays) {
  List("capacity: 2 valid_until: '2025-06-30'");
  EXPECT_TRUE(Only(absl::CivilDay(2025, 6, 30)).open);
  EXPECT_THAT(fold_.On(absl::CivilDay(2025, 7, 1)), IsEmpty());
  EXPECT_THAT(fold_.On(absl::CivilDay(2024, 12, 31)), IsEmpty());
  List("capacity: 12");
  EXPECT_EQ(Only().capacity(), 12u);
  Add<ref::PlaceWithdrawn>(99, kTupa, "provider_agency: 'FI/ORG/9999992-5/toimintatupa' place_code: 'puu' "
                                      "withdrawn_on: '2025-03-10'");
  EXPECT_TRUE(Only(absl::CivilDay(2025, 3, 9)).open);
  EXPECT_THAT(fold_.On(absl::CivilDay(2025, 3, 10)), IsEmpty());
  Start(1);
  const PlaceState closed = Only();
  EXPECT_FALSE(closed.open);
  EXPECT_EQ(closed.running, 1u) << "who is there stays until the period ends";
  List();
  EXPECT_TRUE(Only().open);
}

TEST_F(PlacesTest, ASuccessorHasThePlacesOfWhoStayed) {
  Refer(1);
  Answer(1, "CAPACITY");
  Status(1, "ACCEPTED");
  Start(2);
  for (int client : {1, 2}) {
    Add<ref::OrganiserTransferred>(client, kTupa,
                                   "from_agency: 'FI/ORG/9999992-5/toimintatupa' effective_on: '2025-03-10' "
                                   "to_agency: 'FI/ORG/9999994-1/uusi'");
  }
  EXPECT_EQ(Only(absl::CivilDay(2025, 3, 9)).provider_agency, kTupa);
  const PlaceState after = Only();
  EXPECT_EQ(after.provider_agency, "FI/ORG/9999994-1/uusi");
  EXPECT_EQ(after.taken(), 2u);
}

TEST_F(PlacesTest, AnotherOrganisersWordChangesAndWithdrawsNoPlaceInWhateverCase) {
  Add<ref::PlaceListed>(99, kSocial, std::string(kListed) + "capacity: 2");
  Add<ref::PlaceListed>(98, kOulu, std::string(kListed) + "capacity: 1");
  Add<ref::PlaceWithdrawn>(98, kOulu, "provider_agency: 'FI/ORG/9999992-5/toimintatupa' place_code: 'puu' "
                                      "withdrawn_on: '2025-01-31'");
  const PlaceState place = Only(absl::CivilDay(2025, 3, 9));
  EXPECT_EQ(place.listed->capacity(), 2u);
  EXPECT_TRUE(place.open);
  Add<ref::PlaceListed>(99, kTupa, std::string(kListed) + "capacity: 3");
  EXPECT_EQ(Only(absl::CivilDay(2025, 3, 9)).listed->capacity(), 3u) << "the provider's own";
}

TEST_F(PlacesTest, WhatIsSealedOrOfNoPlacePassesBy) {
  Add<ref::PlaceListed>(99, kTupa, "");
  Add<ref::ReferralMade>(1, kOulu, "");
  Add<ref::ReferralStatusChanged>(1, kTupa, "");
  Add<ref::PlaceAnswered>(1, kTupa, "");
  Add<ref::ServiceStarted>(1, kTupa, "");
  Add<attendance::v1::VisitorsCounted>(98, kTupa, "place_code: 'puu' visitors: 96 date: '2025-03-10'");
  EXPECT_THAT(fold_.On(absl::CivilDay(2025, 3, 10)), IsEmpty());
}

}  // namespace
}  // namespace polku::audit
