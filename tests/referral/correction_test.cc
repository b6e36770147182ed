// What was recorded wrongly is put right by an event of its own type that corrects it: the offer is judged on the case
// without the wrong entry, so each type of the path may be corrected, at once and after the path went on.
#include <map>
#include <string>

#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

// The case of the whole path without that step. Nobody hands it over, so that each step's author still acts.
OuluCase Without(std::string_view name) {
  OuluCase client;
  for (const Step& step : OuluPath()) {
    if (step.name == name || step.name == "handed over" || step.name == "closed") continue;
    client.Record(step.author, *step.event);
  }
  return client;
}

std::string CodeOfCorrection(const OuluCase& client, std::string_view author,
                             const google::protobuf::Message& body) {
  const auto refusal = TheReferralService().Decide(client.state(),
                                                   {.id = testing::NumberedEvent(999'999),
                                                    .case_id = {},
                                                    .author_agency = author,
                                                    .author_official = "",
                                                    .body = body,
                                                    .corrects = testing::NumberedEvent(1)},
                                                   client.rules(), testing::OnDay("2026-06-02"));
  return refusal ? refusal->code : "";
}

TEST(Correction, EachEventOfThePathMayBePutRightAfterThePathWentOn) {
  // What others have built on since is not put right but said anew: a plan that was signed by its next revision, a status
  // or promise that was followed by the next one.
  const std::map<std::string, std::string> built_on = {{"plan", "duplicate"},
                                                       {"requested", "illegal_transition"},
                                                       {"accepted", "illegal_transition"},
                                                       {"in progress", "illegal_transition"},
                                                       {"provider commits", "illegal_transition"}};
  for (const Step& step : OuluPath()) {
    if (step.name == "handed over") continue;
    const auto exception = built_on.find(step.name);
    EXPECT_EQ(CodeOfCorrection(Without(step.name), step.author, *step.event),
              exception == built_on.end() ? "" : exception->second)
        << step.name;
  }
}

TEST(Correction, OfAReferralThatWasAnsweredStaysOneThatWasRequested) {
  OuluCase client;
  for (const Step& step : OuluPath()) {
    if (step.name == "visit arranged") break;
    if (step.name != "draft" && step.name != "requested") client.Record(step.author, *step.event);
  }
  auto made = static_cast<const v1::ReferralMade&>(*StepNamed("draft").event);
  EXPECT_EQ(CodeOfCorrection(client, kOulu, made), "illegal_transition");
  made.set_status(v1::REFERRAL_STATUS_REQUESTED);
  made.set_wanted_from("2025-04-01");
  EXPECT_EQ(CodeOfCorrection(client, kOulu, made), "");
  EXPECT_EQ(client.CodeOf(kOulu, made, "2026-06-02"), "duplicate") << "the label is taken";
  client.Record(kOulu, made);
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").status, v1::REFERRAL_STATUS_ACCEPTED);
  EXPECT_TRUE(client.referral_state().breaches.empty());
}

TEST(Correction, OfAFactInAClosedCaseLeavesItClosed) {
  OuluCase client;
  client.GoTo("");
  ASSERT_TRUE(client.referral_state().closed);
  const auto fold = [&](const google::protobuf::Message& body, EventId corrects) {
    OuluCase closed;
    closed.GoTo("");
    State state = closed.referral_state();
    testing::OwnedFact fact{.id = testing::NumberedEvent(7'000),
                            .order = 9'000'000,
                            .origin = std::string(kPohde) + "/referral/1",
                            .position = 1,
                            .author = std::string(kPohde),
                            .body = testing::Copy(body)};
    service::Fact view = fact.View({});
    view.corrects = corrects;
    EvolveState(state, view);
    return state.closed;
  };
  const auto& need = *StepNamed("need").event;
  EXPECT_FALSE(fold(need, {}));
  EXPECT_TRUE(fold(need, testing::NumberedEvent(1)));
  EXPECT_TRUE(fold(*StepNamed("follow-up 6").event, {}));
  EXPECT_TRUE(fold(*StepNamed("end").event, {}));
}

TEST(Closing, IsNoEarlierThanTheNewestDayOnWhichSomethingWasDone) {
  const OuluCase client = Without("closed");
  auto closed = static_cast<const v1::CaseClosed&>(*StepNamed("closed").event);
  closed.set_closed_on("2025-11-27");
  EXPECT_EQ(client.CodeOf(kPohde, closed, "2026-06-02"), "dates_out_of_order");
  closed.set_closed_on("2025-11-28");  // the service's last day; follow-ups come after it
  EXPECT_EQ(client.CodeOf(kPohde, closed, "2026-06-02"), "");
}

TEST(Plan, OpensTheWayByItsNewestRevisionSignedAndSayingSo) {
  OuluCase client;
  client.GoTo("agreement");
  const auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("agreement").event);
  EXPECT_EQ(client.CodeOf(kPohde, agreement, "2025-02-24"), "");
  auto second = static_cast<const v1::PlanDrafted&>(*StepNamed("plan").event);
  second.set_revision(2);
  second.set_drafted_on("2025-02-21");
  client.Record(kPohde, second);
  EXPECT_EQ(client.CodeOf(kPohde, agreement, "2025-02-24"), "plan_not_signed")
      << "the signatures are the first revision's";
  for (const char* name : {"client signs", "social signs", "authority signs"}) {
    auto sign = static_cast<const v1::PlanSigned&>(*StepNamed(name).event);
    sign.set_revision(2);
    sign.set_signed_on("2025-02-21");
    client.Record(StepNamed(name).author, sign);
  }
  EXPECT_EQ(client.CodeOf(kPohde, agreement, "2025-02-24"), "");
  for (const auto work : {v1::REHABILITATIVE_WORK_IN_PLAN_LATER, v1::REHABILITATIVE_WORK_IN_PLAN_NOT_SUITABLE,
                          v1::REHABILITATIVE_WORK_IN_PLAN_OTHER_SERVICE,
                          v1::REHABILITATIVE_WORK_IN_PLAN_CLIENT_DECLINED,
                          v1::REHABILITATIVE_WORK_IN_PLAN_UNSPECIFIED}) {
    OuluCase other;
    for (const Step& step : OuluPath()) {
      if (step.name == "agreement") break;
      if (step.name == "plan") {
        auto plan = static_cast<const v1::PlanDrafted&>(*step.event);
        plan.set_rehabilitative_work(work);
        other.Record(step.author, plan);
      } else {
        other.Record(step.author, *step.event);
      }
    }
    EXPECT_EQ(other.CodeOf(kPohde, agreement, "2025-02-24"), "plan_without_service")
        << v1::RehabilitativeWorkInPlan_Name(work);
  }
  // What is planned anew while the service runs does not close the way behind it.
  OuluCase running;
  running.GoTo("extended");
  auto later = second;
  later.set_drafted_on("2025-05-20");
  running.Record(kPohde, later);
  auto moved = static_cast<const v1::ServiceStarted&>(*StepNamed("start").event);
  moved.set_starts_on("2025-03-04");
  EXPECT_EQ(running.CodeOf(kVerstas, moved, "2025-05-28"), "");
}

TEST(Referral, IsNotCancelledWhileItsPeriodRuns) {
  OuluCase client;
  client.GoTo("interrupted");
  auto cancelled = Text<v1::ReferralStatusChanged>(R"(
      referral_id: "ref-1" status: REFERRAL_STATUS_CANCELLED reason: STATUS_REASON_MOVED
      effective_on: "2025-04-01")");
  EXPECT_EQ(client.CodeOf(kOulu, cancelled, "2025-04-01"), "period_running");
  EXPECT_EQ(client.CodeOf(kVerstas, cancelled, "2025-04-01"), "period_running");
  auto in_error = cancelled;
  in_error.set_status(v1::REFERRAL_STATUS_ENTERED_IN_ERROR);
  EXPECT_EQ(client.CodeOf(kOulu, in_error, "2025-04-01"), "");
}

TEST(Referral, NamesWhomItAsksWhenADraftIsRequested) {
  OuluCase client;
  client.GoTo("requested");
  auto requested = static_cast<const v1::ReferralStatusChanged&>(*StepNamed("requested").event);
  EXPECT_EQ(client.CodeOf(kOulu, requested, "2025-01-22"), "");
  requested.set_target_agency(std::string(kOtherProvider));
  EXPECT_EQ(client.CodeOf(kOulu, requested, "2025-01-22"), "wrong_agency");
  requested.clear_target_agency();
  EXPECT_EQ(client.CodeOf(kOulu, requested, "2025-01-22"), "missing_field");
}

TEST(Referral, ThatCameToNothingLeavesItsTargetWithoutPartUnlessTheCaseNamesItOtherwise) {
  const auto status = [](v1::ReferralStatus to) {
    v1::ReferralStatusChanged event;
    event.set_referral_id("ref-1");
    event.set_status(to);
    event.set_effective_on("2025-02-01");
    event.set_reason(v1::STATUS_REASON_OTHER);
    return event;
  };
  const auto left = [](const OuluCase& client, const google::protobuf::Message& event) {
    return TheReferralService().LeftWithoutPart(client.state(), event);
  };
  for (const auto to : {v1::REFERRAL_STATUS_REJECTED, v1::REFERRAL_STATUS_CANCELLED,
                        v1::REFERRAL_STATUS_ENTERED_IN_ERROR}) {
    OuluCase client;
    client.GoTo("place");
    client.Record(to == v1::REFERRAL_STATUS_REJECTED ? kVerstas : kOulu, status(to));
    EXPECT_EQ(left(client, status(to)), std::vector<std::string>{std::string(kVerstas)});
    // Another referral asks it.
    auto other = static_cast<const v1::ReferralMade&>(*StepNamed("draft").event);
    other.set_referral_id("ref-2");
    client.Record(kOulu, other);
    EXPECT_EQ(left(client, status(to)).size(), 1u) << "a draft asks nobody";
    other.set_status(v1::REFERRAL_STATUS_REQUESTED);
    client.Record(kOulu, other);
    EXPECT_TRUE(left(client, status(to)).empty());
  }
  // Answers that go on, and what has begun.
  for (const char* step : {"accepted", "completed"}) {
    OuluCase client;
    client.GoTo("handed over");
    EXPECT_TRUE(left(client, *StepNamed(step).event).empty());
  }
  OuluCase begun;
  begun.GoTo("interrupted");
  begun.Record(kOulu, status(v1::REFERRAL_STATUS_ENTERED_IN_ERROR));
  EXPECT_TRUE(left(begun, status(v1::REFERRAL_STATUS_ENTERED_IN_ERROR)).empty())
      << "its days are to be put right";
  OuluCase invited;
  invited.GoTo("meeting held");
  invited.Record(kVerstas, status(v1::REFERRAL_STATUS_FAILED));
  EXPECT_TRUE(left(invited, status(v1::REFERRAL_STATUS_FAILED)).empty());
}

TEST(Transfer, OfABenefitPayersPartIsThePayersOwnWordAndGoesToAPayer) {
  const auto transfer = [](std::string_view from, std::string_view to, const char* day) {
    v1::OrganiserTransferred event;
    event.set_from_agency(std::string(from));
    event.set_to_agency(std::string(to));
    event.set_effective_on(day);
    event.set_reason(v1::TRANSFER_REASON_PREDECESSOR_ENDED);
    return event;
  };
  OuluCase client;
  client.GoTo("interrupted");
  EXPECT_EQ(client.CodeOf(kPohde, transfer(kKela, kOtherProvider, "2025-06-01"), "2025-06-02"), "wrong_actor");
  EXPECT_EQ(client.CodeOf(kKela, transfer(kKela, kOtherProvider, "2025-06-01"), "2025-06-02"), "wrong_agency");
  EXPECT_EQ(client.CodeOf(kKela, transfer(kKela, kPohde, "2025-06-01"), "2025-06-02"), "wrong_agency");
  // Nobody hands over days on which it has acted itself.
  EXPECT_EQ(client.CodeOf(kPohde, transfer(kVerstas, kOtherProvider, "2025-03-02"), "2025-06-02"),
            "dates_out_of_order");
  EXPECT_EQ(client.CodeOf(kPohde, transfer(kVerstas, kOtherProvider, "2025-03-03"), "2025-06-02"), "");
}

TEST(Place, ListedByOneOrganiserIsNotWithdrawnByAnother) {
  OuluCase place;
  place.Record(kPohde, *PlacePath()[0].event);
  const auto withdrawn = static_cast<const v1::PlaceWithdrawn&>(*PlacePath()[1].event);
  EXPECT_EQ(place.CodeOf(kOulu, withdrawn, "2025-08-01"), "wrong_actor");
  auto smaller = static_cast<const v1::PlaceListed&>(*PlacePath()[0].event);
  smaller.set_capacity(1);
  EXPECT_EQ(place.CodeOf(kOulu, smaller, "2025-08-01"), "wrong_actor");
  EXPECT_EQ(place.CodeOf(kPohde, withdrawn, "2025-08-01"), "");
  EXPECT_EQ(place.CodeOf(kVerstas, withdrawn, "2025-08-01"), "");
}

TEST(NetworkMeeting, ThatNobodyCalledSaysWhatWasAgreed) {
  OuluCase client;
  client.GoTo("meeting called");
  auto held = Text<v1::NetworkMeetingHeld>(R"(
      meeting_id: "meet-1" meeting_on: "2025-02-05" present: ACTOR_ROLE_CLIENT)");
  EXPECT_EQ(client.CodeOf(kPohde, held, "2025-02-20"), "missing_field");
  held.add_goals("arkirytmi");
  EXPECT_EQ(client.CodeOf(kPohde, held, "2025-02-20"), "");
  held.clear_goals();
  client.Record(kPohde, *StepNamed("meeting called").event);
  EXPECT_EQ(client.CodeOf(kPohde, held, "2025-02-20"), "") << "it was held as it was called";
}

}  // namespace
}  // namespace polku::referral
