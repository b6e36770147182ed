// The referral's statuses, exhaustively: DOMAIN's table is written out here a second time, as text.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

const std::map<std::string, std::set<std::string>> kTransitions = {
    {"DRAFT", {"REQUESTED"}},
    {"REQUESTED", {"ACCEPTED", "REJECTED", "CANCELLED"}},
    {"ACCEPTED", {"IN_PROGRESS", "ON_HOLD", "CANCELLED", "COMPLETED", "FAILED"}},
    {"IN_PROGRESS", {"ON_HOLD", "COMPLETED", "FAILED", "CANCELLED"}},
    {"ON_HOLD", {"IN_PROGRESS", "CANCELLED", "COMPLETED", "FAILED"}},
    {"REJECTED", {}},
    {"FAILED", {}},
    {"COMPLETED", {}},
    {"CANCELLED", {}},
    {"ENTERED_IN_ERROR", {}}};
const std::set<std::string> kByRequester = {"DRAFT", "REQUESTED", "ENTERED_IN_ERROR", "CANCELLED"};
const std::set<std::string> kByTarget = {"ACCEPTED", "REJECTED",  "IN_PROGRESS", "ON_HOLD",
                                         "FAILED",   "COMPLETED", "CANCELLED"};
const std::set<std::string> kWithReason = {"REJECTED", "CANCELLED", "ON_HOLD", "FAILED"};
const std::vector<std::string> kByPrecedence = {
    "ENTERED_IN_ERROR", "CANCELLED", "REJECTED",    "FAILED",   "COMPLETED",
    "ON_HOLD",          "IN_PROGRESS", "ACCEPTED", "REQUESTED", "DRAFT"};
// A way to each status.
const std::map<std::string, std::vector<std::string>> kWays = {
    {"DRAFT", {"DRAFT"}},
    {"REQUESTED", {"REQUESTED"}},
    {"ACCEPTED", {"REQUESTED", "ACCEPTED"}},
    {"REJECTED", {"REQUESTED", "REJECTED"}},
    {"IN_PROGRESS", {"REQUESTED", "ACCEPTED", "IN_PROGRESS"}},
    {"ON_HOLD", {"REQUESTED", "ACCEPTED", "IN_PROGRESS", "ON_HOLD"}},
    {"FAILED", {"REQUESTED", "ACCEPTED", "FAILED"}},
    {"COMPLETED", {"REQUESTED", "ACCEPTED", "COMPLETED"}},
    {"CANCELLED", {"REQUESTED", "CANCELLED"}},
    {"ENTERED_IN_ERROR", {"REQUESTED", "ENTERED_IN_ERROR"}}};

v1::ReferralStatus StatusNamed(const std::string& name) {
  v1::ReferralStatus status = v1::REFERRAL_STATUS_UNSPECIFIED;
  EXPECT_TRUE(v1::ReferralStatus_Parse("REFERRAL_STATUS_" + name, &status)) << name;
  return status;
}

bool Allowed(const std::string& from, const std::string& to) {
  // Entered-in-error says that the referral should never have been: from everywhere.
  if (to == "ENTERED_IN_ERROR") return from != to;
  return kTransitions.at(from).contains(to);
}

v1::ReferralStatusChanged Change(const std::string& status, bool reason) {
  v1::ReferralStatusChanged event;
  event.set_referral_id("ref-1");
  event.set_status(StatusNamed(status));
  event.set_effective_on("2025-02-01");
  if (status == "REQUESTED") event.set_target_agency(std::string(kVerstas));
  if (reason) event.set_reason(v1::STATUS_REASON_OTHER);
  return event;
}

v1::ReferralMade Made(const std::string& status, std::string_view target = kVerstas) {
  v1::ReferralMade event;
  event.set_referral_id("ref-1");
  event.set_status(StatusNamed(status));
  event.set_made_on("2025-01-22");
  event.set_requester_agency(std::string(kOulu));
  event.set_target_agency(std::string(target));
  return event;
}

std::string_view AuthorOf(const std::string& status) {
  return kByTarget.contains(status) ? kVerstas : kOulu;
}

OuluCase CaseIn(const std::string& status) {
  OuluCase client;
  client.Record(kOulu, *StepNamed("need").event);
  const auto& way = kWays.at(status);
  client.Record(kOulu, Made(way.front()));
  for (size_t i = 1; i < way.size(); ++i) {
    client.Record(AuthorOf(way[i]), Change(way[i], true));
  }
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").status, StatusNamed(status));
  return client;
}

TEST(ReferralStatus, EveryStatusActorAndNewStatusIsAsTheTableSays) {
  const std::vector<std::string_view> actors = {kOulu, kVerstas,  kPohde,    kOtherProvider,
                                                kKela, kHospital, kAuditor, kStranger};
  int cases = 0;
  int taken = 0;
  for (const auto& [from, unused] : kTransitions) {
    const OuluCase client = CaseIn(from);
    for (const auto& [to, unused_too] : kTransitions) {
      for (std::string_view actor : actors) {
        for (bool reason : {false, true}) {
          const bool right_actor = (actor == kOulu && kByRequester.contains(to)) ||
                                   (actor == kVerstas && kByTarget.contains(to));
          std::string expected;
          if (!right_actor) {
            expected = "wrong_actor";
          } else if (!Allowed(from, to)) {
            expected = "illegal_transition";
          } else if (kWithReason.contains(to) && !reason) {
            expected = "reason_required";
          }
          EXPECT_EQ(client.CodeOf(actor, Change(to, reason), "2025-02-01"), expected)
              << from << " -> " << to << " by " << actor << (reason ? " with" : " without")
              << " reason";
          ++cases;
          taken += expected.empty();
        }
      }
    }
  }
  EXPECT_EQ(cases, 10 * 10 * 8 * 2);
  EXPECT_GT(cases - taken, taken);
}

TEST(ReferralStatus, AnOwnUnitMayBeRequesterAndTarget) {
  OuluCase client;
  client.Record(kOulu, *StepNamed("need").event);
  client.Record(kOulu, Made("REQUESTED", kOulu));
  EXPECT_EQ(client.CodeOf(kOulu, Change("ACCEPTED", false), "2025-02-01"), "");
}

TEST(ReferralStatus, UnspecifiedIsNoStatus) {
  const OuluCase client = CaseIn("REQUESTED");
  auto change = Change("ACCEPTED", false);
  change.clear_status();
  EXPECT_EQ(client.CodeOf(kVerstas, change, "2025-02-01"), "missing_field");
}

TEST(ReferralStatus, PrecedenceIsTheFixedTable) {
  for (size_t i = 0; i + 1 < kByPrecedence.size(); ++i) {
    EXPECT_GT(Precedence(StatusNamed(kByPrecedence[i])),
              Precedence(StatusNamed(kByPrecedence[i + 1])))
        << kByPrecedence[i];
  }
  EXPECT_GT(Precedence(v1::REFERRAL_STATUS_DRAFT), Precedence(v1::REFERRAL_STATUS_UNSPECIFIED));
}

// Acts that different logs made without knowing of each other, from one base status.
TEST(ReferralStatus, ConcurrentActsGiveTheSameStatusInEveryOrder) {
  for (const auto& [base, unused] : kTransitions) {
    std::vector<std::string> next;
    for (const auto& [to, unused_too] : kTransitions) {
      // Resuming a hold of another log is told apart from not knowing of it only when it is said
      // again: AHoldStays….
      if (base == "ON_HOLD" && to == "IN_PROGRESS") continue;
      if (Allowed(base, to) && to != "DRAFT") next.push_back(to);
    }
    for (const std::string& a : next) {
      for (const std::string& b : next) {
        for (const std::string& c : next) {
          std::vector<int> order = {0, 1, 2};
          const std::vector<std::string> acts = {a, b, c};
          std::set<v1::ReferralStatus> outcomes;
          std::string highest = "DRAFT";
          for (const std::string& act : acts) {
            if (Precedence(StatusNamed(act)) > Precedence(StatusNamed(highest))) highest = act;
          }
          do {
            Referral referral;
            const OuluCase client = CaseIn(base);
            referral = client.referral_state().referrals.at("ref-1");
            for (int i : order) {
              ApplyStatus(referral,
                          {.event = testing::NumberedEvent(static_cast<uint64_t>(100 + i)),
                           .origin = "log-" + std::to_string(i),
                           .author_agency = std::string(AuthorOf(acts[static_cast<size_t>(i)])),
                           .status = StatusNamed(acts[static_cast<size_t>(i)]),
                           .reason = v1::STATUS_REASON_OTHER});
            }
            outcomes.insert(referral.status);
            // Every act stays visible.
            EXPECT_EQ(referral.acts.size(), kWays.at(base).size() + 3);
          } while (std::next_permutation(order.begin(), order.end()));
          EXPECT_EQ(outcomes.size(), 1u) << base << ": " << a << ", " << b << ", " << c;
          EXPECT_EQ(*outcomes.begin(), StatusNamed(highest))
              << base << ": " << a << ", " << b << ", " << c;
        }
      }
    }
  }
}

TEST(ReferralStatus, ActsThatCannotBothHoldAreFlagged) {
  for (const auto& [first, second, kept] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"CANCELLED", "ACCEPTED", "CANCELLED"},
           {"REJECTED", "CANCELLED", "CANCELLED"},
           {"ACCEPTED", "REJECTED", "REJECTED"},
           {"REJECTED", "ACCEPTED", "REJECTED"}}) {
    OuluCase client = CaseIn("REQUESTED");
    const EventId one = client.Record(AuthorOf(first), Change(first, true));
    const EventId two = client.RecordAs(testing::NumberedEvent(777), AuthorOf(second), "other/log/1",
                                        Change(second, true));
    const Referral& referral = client.referral_state().referrals.at("ref-1");
    EXPECT_EQ(referral.status, StatusNamed(kept));
    ASSERT_EQ(referral.conflicts.size(), 1u) << first << ", " << second;
    EXPECT_EQ(referral.conflicts[0].kept, kept == first ? one : two);
    EXPECT_EQ(referral.conflicts[0].overruled, kept == first ? two : one);
  }
}

TEST(ReferralStatus, AHoldStaysUntilWhoDidNotKnowOfItSaysSoAgain) {
  OuluCase client = CaseIn("ACCEPTED");
  client.RecordAs(testing::NumberedEvent(701), kVerstas, "log-a", Change("ON_HOLD", true));
  client.RecordAs(testing::NumberedEvent(702), kVerstas, "log-b", Change("IN_PROGRESS", false));
  const auto referral = [&]() -> const Referral& {
    return client.referral_state().referrals.at("ref-1");
  };
  EXPECT_EQ(referral().status, v1::REFERRAL_STATUS_ON_HOLD);
  EXPECT_EQ(referral().conflicts.size(), 1u);
  client.RecordAs(testing::NumberedEvent(703), kVerstas, "log-b", Change("IN_PROGRESS", false));
  EXPECT_EQ(referral().status, v1::REFERRAL_STATUS_IN_PROGRESS);
  EXPECT_EQ(referral().conflicts.size(), 1u);
}

TEST(ReferralStatus, AHoldIsResumedFromItsOwnLogAtOnce) {
  OuluCase client = CaseIn("ACCEPTED");
  for (uint64_t i = 0; i < 3; ++i) {
    client.RecordAs(testing::NumberedEvent(700 + 2 * i), kVerstas, "log-a", Change("ON_HOLD", true));
    client.RecordAs(testing::NumberedEvent(701 + 2 * i), kVerstas, "log-a",
                    Change("IN_PROGRESS", false));
  }
  const Referral& referral = client.referral_state().referrals.at("ref-1");
  EXPECT_EQ(referral.status, v1::REFERRAL_STATUS_IN_PROGRESS);
  EXPECT_TRUE(referral.conflicts.empty());
}

TEST(ReferralStatus, BothSidesSayingTheSameIsNoConflict) {
  OuluCase client = CaseIn("ACCEPTED");
  client.Record(kOulu, Change("CANCELLED", true));
  client.Record(kVerstas, Change("CANCELLED", true));
  EXPECT_TRUE(client.referral_state().referrals.at("ref-1").conflicts.empty());
}

TEST(ReferralStatus, AReferralMadeTwiceUnderOneLabelKeepsTheFirst) {
  OuluCase client = CaseIn("REQUESTED");
  auto other = Made("REQUESTED", kOtherProvider);
  other.set_requester_agency(std::string(kPohde));
  EXPECT_EQ(client.CodeOf(kPohde, other, "2025-02-01"), "duplicate");
  client.Record(kPohde, other);
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").target_agency, kVerstas);
  ASSERT_EQ(client.referral_state().breaches.size(), 1u);
  EXPECT_EQ(client.referral_state().breaches[0].code, "duplicate");
}

TEST(ReferralStatus, ADraftMayBeWrittenAgainByItsAuthor) {
  OuluCase client = CaseIn("DRAFT");
  EXPECT_EQ(client.CodeOf(kOulu, Made("REQUESTED", kOtherProvider), "2025-02-01"), "");
  client.Record(kOulu, Made("REQUESTED", kOtherProvider));
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").target_agency, kOtherProvider);
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").status, v1::REFERRAL_STATUS_REQUESTED);
}

}  // namespace
}  // namespace polku::referral
