// The organisation changes and the history stays (OrganiserTransferred; Forssa 2014, seed 003).
#include <string>
#include <vector>

#include "services/core/successors.h"
#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

constexpr std::string_view kCounty = "FI/MUN/9999994-1/uusi-alue";

v1::OrganiserTransferred Transfer(std::string_view from, std::string_view to, const char* day) {
  v1::OrganiserTransferred event;
  event.set_from_agency(std::string(from));
  event.set_to_agency(std::string(to));
  event.set_effective_on(day);
  event.set_reason(v1::TRANSFER_REASON_REORGANISED);
  return event;
}

v1::ReferralStatusChanged Status(v1::ReferralStatus status) {
  v1::ReferralStatusChanged event;
  event.set_referral_id("ref-1");
  event.set_status(status);
  event.set_effective_on("2025-05-05");
  event.set_reason(v1::STATUS_REASON_OTHER);
  return event;
}

config::v1::Agreement WithCounty() {
  auto agreement = testing::OuluAgreement();
  auto* county = agreement.add_agencies();
  county->set_name(std::string(kCounty));
  county->add_roles(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  return agreement;
}

// The client's way until the service runs at Verstas, referred by Oulu.
class RunningCase : public DomainCase {
 public:
  explicit RunningCase(config::v1::Agreement agreement = WithCounty())
      : DomainCase(TheReferralService(), testing::OuluProfile(), std::move(agreement), kOulu) {
    for (const Step& step : OuluPath()) {
      if (step.name == "interrupted") break;
      Record(step.author, *step.event);
    }
  }
  const State& referral_state() const { return static_cast<const State&>(state()); }
};

TEST(Transfer, FromItsDayOnTheSuccessorActsAndThePredecessorNoMore) {
  RunningCase client;
  client.Record(kVerstas, Transfer(kVerstas, kOtherProvider, "2025-05-01"));
  const auto interrupted = Text<v1::ServiceInterrupted>(
      R"(period_id: "p-1" interrupted_from: "2025-05-05" reason: STATUS_REASON_PROVIDER)");
  const auto on_hold = Status(v1::REFERRAL_STATUS_ON_HOLD);
  auto early = on_hold;
  early.set_effective_on("2025-04-30");
  EXPECT_EQ(client.CodeOf(kVerstas, early, "2025-04-30"), "");
  EXPECT_EQ(client.CodeOf(kOtherProvider, early, "2025-04-30"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kVerstas, on_hold, "2025-05-05"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kOtherProvider, on_hold, "2025-05-05"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, interrupted, "2025-05-05"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kOtherProvider, interrupted, "2025-05-05"), "");
  EXPECT_EQ(client.CodeOf(kPohde, interrupted, "2025-05-05"), "");  // social services as before

  client.Record(kOtherProvider, on_hold);
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").status, v1::REFERRAL_STATUS_ON_HOLD);
  EXPECT_TRUE(client.referral_state().breaches.empty());
  // What was recorded before keeps its author; what is wrong in it the successor puts right.
  EXPECT_EQ(client.referral_state().periods.at("p-1").start_author, kVerstas);
  auto moved = static_cast<const v1::ServiceStarted&>(*StepNamed("start").event);
  moved.set_starts_on("2025-03-04");
  moved.set_provider_agency(std::string(kOtherProvider));
  EXPECT_EQ(client.CodeOf(kVerstas, moved, "2025-05-05"), "wrong_actor");
  client.Record(kOtherProvider, Status(v1::REFERRAL_STATUS_IN_PROGRESS));
  EXPECT_EQ(client.CodeOf(kOtherProvider, moved, "2025-05-05"), "");
}

TEST(Transfer, ARequestersSuccessorMayCancelAndItMayBeChained) {
  RunningCase client;
  client.Record(kOulu, Transfer(kOulu, kPohde, "2025-04-01"));
  client.Record(kPohde, Transfer(kPohde, kCounty, "2025-05-01"));
  client.Record(kVerstas, Text<v1::ServiceEnded>(R"(
      period_id: "p-1" ended_on: "2025-05-02" manner: END_MANNER_AS_AGREED)"));
  const auto cancelled = Status(v1::REFERRAL_STATUS_CANCELLED);
  EXPECT_EQ(client.CodeOf(kOulu, cancelled, "2025-05-05"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kPohde, cancelled, "2025-05-05"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kCounty, cancelled, "2025-05-05"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, cancelled, "2025-05-05"), "");  // the target still may
  // Who has handed the case over makes no new referral in it.
  auto again = static_cast<const v1::ReferralMade&>(*StepNamed("draft").event);
  again.set_referral_id("ref-2");
  EXPECT_EQ(client.CodeOf(kOulu, again, "2025-05-05"), "wrong_actor");
}

TEST(Transfer, AnAcceptedReferralAndAnAgreementServeTheSuccessorsStart) {
  OuluCase client;
  client.GoTo("start");
  client.Record(kVerstas, Transfer(kVerstas, kOtherProvider, "2025-03-01"));
  auto start = static_cast<const v1::ServiceStarted&>(*StepNamed("start").event);
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-03-03"), "provider_mismatch");
  start.set_provider_agency(std::string(kOtherProvider));
  EXPECT_EQ(client.CodeOf(kOtherProvider, start, "2025-03-03"), "");
}

TEST(Transfer, IsSaidByThePredecessorOrForOneThatHasEndedBySocialServices) {
  RunningCase client;
  auto transfer = Transfer(kVerstas, kOtherProvider, "2025-05-01");
  EXPECT_EQ(client.CodeOf(kVerstas, transfer, "2025-04-01"), "");
  for (const auto author : {kPohde, kOulu, kOtherProvider, kKela}) {
    EXPECT_EQ(client.CodeOf(author, transfer, "2025-04-01"), "wrong_actor") << author;
  }
  transfer.set_reason(v1::TRANSFER_REASON_PREDECESSOR_ENDED);
  EXPECT_EQ(client.CodeOf(kPohde, transfer, "2025-04-01"), "");
  EXPECT_EQ(client.CodeOf(kOulu, transfer, "2025-04-01"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kOtherProvider, transfer, "2025-04-01"), "wrong_actor");
  // Whoever is not in the agreement any more cannot say it.
  auto without = WithCounty();
  without.mutable_agencies()->erase(without.mutable_agencies()->begin() + 2);
  RunningCase left(without);
  EXPECT_EQ(left.CodeOf(kPohde, Transfer(kVerstas, kOtherProvider, "2025-05-01"), "2025-05-05"), "");
}

TEST(Transfer, IsRefusedWhereItCannotBe) {
  RunningCase client;
  const auto code = [&](const v1::OrganiserTransferred& event) {
    return client.CodeOf(kVerstas, event, "2025-05-05");
  };
  auto transfer = Transfer(kVerstas, kOtherProvider, "2025-05-01");
  auto wrong = transfer;
  wrong.clear_from_agency();
  EXPECT_EQ(code(wrong), "missing_field");
  wrong = transfer;
  wrong.clear_to_agency();
  EXPECT_EQ(code(wrong), "missing_field");
  wrong = transfer;
  wrong.clear_effective_on();
  EXPECT_EQ(code(wrong), "missing_field");
  wrong = transfer;
  wrong.clear_reason();
  EXPECT_EQ(code(wrong), "reason_required");
  EXPECT_EQ(code(Transfer(kVerstas, kVerstas, "2025-05-01")), "bad_value");
  EXPECT_EQ(code(Transfer(kVerstas, kStranger, "2025-05-01")), "wrong_agency");
  EXPECT_EQ(code(Transfer(kVerstas, kAuditor, "2025-05-01")), "wrong_agency");
  EXPECT_EQ(code(Transfer(kVerstas, kKela, "2025-05-01")), "wrong_agency");  // no provider
  EXPECT_EQ(client.CodeOf(kOulu, Transfer(kOulu, kOtherProvider, "2025-05-01"), "2025-05-05"),
            "wrong_agency");  // may not refer
  // Who has agreed with the client and decided hands that on to nobody who may not.
  EXPECT_EQ(client.CodeOf(kPohde, Transfer(kPohde, kOtherProvider, "2025-05-01"), "2025-05-05"),
            "wrong_agency");
  EXPECT_EQ(client.CodeOf(kPohde, Transfer(kPohde, kOulu, "2025-05-01"), "2025-05-05"),
            "wrong_agency");  // makes agreements, decides nothing
  EXPECT_EQ(client.CodeOf(kPohde, Transfer(kPohde, kCounty, "2025-05-01"), "2025-05-05"), "");
  client.Record(kVerstas, transfer);
  // The successor hands it on, the predecessor no more.
  EXPECT_EQ(code(Transfer(kVerstas, kOtherProvider, "2025-06-01")), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kVerstas, Transfer(kVerstas, kOtherProvider, "2025-06-01"), "2025-04-30"),
            "duplicate");
}

TEST(Transfer, ChainsAndReturnsAreFollowedDayByDay) {
  service::Successors successors;
  const auto fold = [&](const v1::OrganiserTransferred& event) {
    testing::OwnedFact fact{.id = {}, .order = 1, .origin = "", .position = 1, .author = "", .body = Copy(event)};
    successors.Fold(fact.View(CaseId()));
  };
  fold(Transfer("b", "c", "2020-01-01"));  // known here before the first of the chain
  fold(Transfer("a", "b", "2014-01-01"));
  fold(Transfer("c", "a", "2023-01-01"));
  fold(Transfer("a", "d", "2014-01-01"));  // a had gone to b: the first in merged order holds
  fold(Transfer("", "d", "2014-01-01"));
  fold(Transfer("c", "c", "2014-01-01"));
  fold(Transfer("c", "x", ""));
  const auto acting = [&](int year) {
    return std::string(successors.Acting("a", absl::CivilDay(year, 6, 1)));
  };
  EXPECT_EQ(acting(2013), "a");
  EXPECT_EQ(acting(2014), "b");
  EXPECT_EQ(acting(2020), "c");
  EXPECT_EQ(acting(2023), "a");
  EXPECT_EQ(successors.Acting("a", absl::CivilDay(2013, 12, 31)), "a");
  EXPECT_EQ(successors.Acting("a", absl::CivilDay(2014, 1, 1)), "b");
  EXPECT_TRUE(successors.IsOrSucceeds("b", "a"));
  EXPECT_TRUE(successors.IsOrSucceeds("c", "a"));
  EXPECT_FALSE(successors.IsOrSucceeds("d", "a"));
  EXPECT_FALSE(successors.IsOrSucceeds("x", "c"));
  EXPECT_FALSE(successors.ActsFor("a", "b", absl::CivilDay(2013, 1, 1)));
}

}  // namespace
}  // namespace polku::referral
