// Places and linked cases: what of them may be said, by whom, and in which case.
#include <functional>
#include <string>

#include "polku/attendance/v1/attendance.pb.h"
#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

v1::PlaceListed Listed() { return static_cast<const v1::PlaceListed&>(*PlacePath()[0].event); }
v1::PlaceWithdrawn Withdrawn() {
  return static_cast<const v1::PlaceWithdrawn&>(*PlacePath()[1].event);
}

TEST(Place, IsListedChangedAndWithdrawnInItsOwnCase) {
  OuluCase place;
  EXPECT_EQ(place.CodeOf(kVerstas, Withdrawn(), "2025-01-07"), "unknown_case");
  EXPECT_EQ(place.CodeOf(kVerstas, Listed(), "2025-01-07"), "");
  place.Record(kVerstas, Listed());
  EXPECT_EQ(place.CodeOf(kVerstas, Listed(), "2025-01-07"), "duplicate");
  auto larger = Listed();
  larger.set_capacity(20);
  EXPECT_EQ(place.CodeOf(kVerstas, larger, "2025-01-07"), "");
  auto other = Withdrawn();
  other.set_place_code("verstas-b");
  EXPECT_EQ(place.CodeOf(kVerstas, other, "2025-08-01"), "unknown_place");
  EXPECT_EQ(place.CodeOf(kVerstas, Withdrawn(), "2025-08-01"), "");
  place.Record(kVerstas, Withdrawn());
  EXPECT_EQ(place.CodeOf(kVerstas, Withdrawn(), "2025-08-01"), "duplicate");
  EXPECT_EQ(place.CodeOf(kVerstas, Listed(), "2025-08-01"), "");  // opened again
}

TEST(Place, IsListedByItsProviderOrAnOrganiser) {
  const OuluCase place;
  for (const auto author : {kVerstas, kOulu, kPohde}) {
    EXPECT_EQ(place.CodeOf(author, Listed(), "2025-01-07"), "") << author;
  }
  for (const auto author : {kOtherProvider, kKela, kHospital, kAuditor, kStranger}) {
    EXPECT_EQ(place.CodeOf(author, Listed(), "2025-01-07"), "wrong_actor") << author;
  }
  auto own = Listed();
  own.set_provider_agency(std::string(kPohde));
  EXPECT_EQ(place.CodeOf(kPohde, own, "2025-01-07"), "");  // an organiser's own place
  EXPECT_EQ(place.CodeOf(kOulu, own, "2025-01-07"), "wrong_agency");
}

TEST(Place, RefusesWhatIsNoListing) {
  const auto code = [](const std::function<void(v1::PlaceListed&)>& change) {
    auto event = Listed();
    change(event);
    return OuluCase().CodeOf(kVerstas, event, "2025-01-07");
  };
  EXPECT_EQ(code([](auto& e) { e.clear_provider_agency(); }), "missing_field");
  EXPECT_EQ(code([](auto& e) { e.clear_place_code(); }), "missing_field");
  EXPECT_EQ(code([](auto& e) { e.set_place_code("verstas a"); }), "bad_code");
  EXPECT_EQ(code([](auto& e) { e.clear_names(); }), "missing_field");
  EXPECT_EQ(code([](auto& e) { *e.add_names() = e.names(0); }), "bad_value");
  EXPECT_EQ(code([](auto& e) { e.mutable_names(0)->set_language("suomi"); }), "bad_value");
  EXPECT_EQ(code([](auto& e) { e.mutable_names(0)->clear_text(); }), "bad_value");
  EXPECT_EQ(code([](auto& e) { e.mutable_names(0)->set_text("Aino 010594Y9032"); }),
            "identity_code_misplaced");
  EXPECT_EQ(code([](auto& e) { e.clear_capacity(); }), "missing_field");
  EXPECT_EQ(code([](auto& e) { e.add_weekdays(event::v1::WEEKDAY_MONDAY); }), "bad_schedule");
  EXPECT_EQ(code([](auto& e) { e.clear_valid_from(); }), "missing_field");
  EXPECT_EQ(code([](auto& e) { e.set_valid_until("2024-12-31"); }), "dates_out_of_order");
  EXPECT_EQ(code([](auto& e) { e.set_variant(event::v1::SERVICE_VARIANT_DISABILITY_WORK); }),
            "not_offered");
}

TEST(Place, SharesNoCaseWithAClient) {
  OuluCase place;
  place.Record(kVerstas, Listed());
  EXPECT_EQ(place.CodeOf(kOulu, *StepNamed("need").event, "2025-01-07"), "not_a_clients_case");
  OuluCase client;
  client.Record(kOulu, *StepNamed("need").event);
  EXPECT_EQ(client.CodeOf(kVerstas, Listed(), "2025-01-07"), "not_a_place_case");
  // Whoever puts a place under a client's id stops nothing there.
  client.Record(kVerstas, Listed());
  EXPECT_EQ(client.CodeOf(kOulu, *StepNamed("client").event, "2025-01-07"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, Listed(), "2025-01-07"), "not_a_place_case");
  // Anonymous counts and the listing are of one place.
  OuluCase counted;
  counted.Record(kVerstas, Text<attendance::v1::VisitorsCounted>("place_code: 'verstas-a' visitors: 3"));
  counted.Record(kVerstas, Listed());
  EXPECT_EQ(counted.CodeOf(kVerstas, Withdrawn(), "2025-08-01"), "");
}

TEST(Place, AnAnswerOfCapacityNamesThePlace) {
  OuluCase client;
  client.GoTo("place");
  auto answer = static_cast<const v1::PlaceAnswered&>(*StepNamed("place").event);
  answer.clear_place_code();
  EXPECT_EQ(client.CodeOf(kVerstas, answer, "2025-01-27"), "missing_field");
  answer.set_answer(v1::PLACE_ANSWER_WAITLIST);
  EXPECT_EQ(client.CodeOf(kVerstas, answer, "2025-01-27"), "");
}

TEST(LinkedCases, AreLinkedOnceAndUnlinked) {
  OuluCase client;
  client.GoTo("linked");
  auto linked = static_cast<const v1::CasesLinked&>(*StepNamed("linked").event);
  const auto& unlinked = *StepNamed("unlinked").event;
  EXPECT_EQ(client.CodeOf(kPohde, unlinked, "2026-06-01"), "not_linked");
  auto wrong = linked;
  wrong.set_other_case_id("short");
  EXPECT_EQ(client.CodeOf(kPohde, wrong, "2026-06-01"), "bad_value");
  wrong.set_other_case_id(std::string(CaseId::kBytes, '\0'));  // also the id of this case
  EXPECT_EQ(client.CodeOf(kPohde, wrong, "2026-06-01"), "bad_value");
  wrong = linked;
  wrong.clear_reason();
  EXPECT_EQ(client.CodeOf(kPohde, wrong, "2026-06-01"), "reason_required");
  wrong = linked;
  wrong.set_linked_on("2026-06-02");
  EXPECT_EQ(client.CodeOf(kPohde, wrong, "2026-06-01"), "future_date");
  client.Record(kPohde, linked);
  EXPECT_EQ(client.CodeOf(kOulu, linked, "2026-06-01"), "duplicate");
  EXPECT_EQ(client.CodeOf(kOulu, unlinked, "2026-06-01"), "");
  client.Record(kOulu, unlinked);
  EXPECT_TRUE(client.referral_state().linked.empty());
  EXPECT_EQ(client.CodeOf(kOulu, linked, "2026-06-01"), "");
}

TEST(LinkedCases, EarlierIdentityCodesAreCodesAndNotThePresentOne) {
  OuluCase client;
  auto event = static_cast<const v1::ClientIdentified&>(*StepNamed("client").event);
  event.add_earlier_identity_codes("010190-900P");
  EXPECT_EQ(client.CodeOf(kOulu, event, "2025-01-07"), "");
  event.set_earlier_identity_codes(0, "010190-900R");
  EXPECT_EQ(client.CodeOf(kOulu, event, "2025-01-07"), "bad_identity_code");
  event.set_earlier_identity_codes(0, event.identity_code());
  EXPECT_EQ(client.CodeOf(kOulu, event, "2025-01-07"), "bad_value");
}

}  // namespace
}  // namespace polku::referral
