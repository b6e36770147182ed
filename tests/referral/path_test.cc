#include <algorithm>
#include <set>
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

using testing::OnDay;

TEST(Path, GoesFromNeedToClosingWithoutARefusal) {
  OuluCase client;
  for (const Step& step : OuluPath()) {
    const auto refusal = client.Decide(step.author, *step.event, OnDay(step.day));
    ASSERT_FALSE(refusal) << step.name << ": " << refusal->code << ": " << refusal->message;
    client.Record(step.author, *step.event);
  }
  const State& state = client.referral_state();
  EXPECT_TRUE(state.closed);
  EXPECT_TRUE(state.breaches.empty());
  EXPECT_EQ(state.referrals.at("ref-1").status, v1::REFERRAL_STATUS_COMPLETED);
  EXPECT_TRUE(state.referrals.at("ref-1").conflicts.empty());
  EXPECT_EQ(state.periods.at("p-1").ends_on, absl::CivilDay(2025, 12, 2));
  EXPECT_EQ(state.periods.at("p-1").ended_on, absl::CivilDay(2025, 11, 28));
  EXPECT_TRUE(state.case_managers.at(event::v1::CASE_MANAGER_SIDE_ORGANISER).nobody);
}

TEST(Path, HasAStepOfEveryEventTypeAndTheServiceListsThemAll) {
  std::set<std::string> in_proto;
  const auto* file = v1::NeedIdentified::descriptor()->file();
  for (int i = 0; i < file->message_type_count(); ++i) {
    in_proto.insert(file->message_type(i)->full_name());
  }
  std::set<std::string> in_path;
  for (const Step& step : OuluPath()) in_path.insert(step.event->GetTypeName());
  for (const Step& step : PlacePath()) in_path.insert(step.event->GetTypeName());
  const auto types = TheReferralService().event_types();
  const std::set<std::string> in_service(types.begin(), types.end());
  EXPECT_EQ(in_service, in_proto);
  EXPECT_EQ(in_path, in_proto);
}

TEST(Path, NeedsNoStepTwice) {
  // Every event offered again when it is already there is refused, but those that are true as often
  // as they are said.
  const std::set<std::string> repeatable = {
      "need", "client", "need assessed", "benefit", "social service", "health service",
      "case manager", "draft", "place", "visit arranged", "visit held", "meeting called", "agreement",
      "authority told", "statement", "changed", "second agreement", "nobody"};
  OuluCase client;
  for (const Step& step : OuluPath()) {
    client.Record(step.author, *step.event);
    const std::string code = client.CodeOf(step.author, *step.event, step.day);
    EXPECT_EQ(code.empty(), repeatable.contains(step.name)) << step.name << ": " << code;
  }
}

TEST(Path, OpensOnlyWithANeedOrAnIdentifiedClient) {
  for (const Step& step : OuluPath()) {
    const OuluCase empty;
    const std::string code = empty.CodeOf(step.author, *step.event, step.day);
    if (step.name == "need" || step.name == "client") {
      EXPECT_EQ(code, "") << step.name;
    } else {
      EXPECT_EQ(code, "unknown_case") << step.name;
    }
  }
}

TEST(Path, TakesNothingFromAnAuditorOrAStranger) {
  OuluCase client;
  for (const Step& step : OuluPath()) {
    for (const auto author : {kAuditor, kStranger, std::string_view("")}) {
      EXPECT_EQ(client.CodeOf(author, *step.event, step.day), "wrong_actor")
          << step.name << " by " << author;
    }
    client.Record(step.author, *step.event);
  }
}

TEST(Path, HasTheAuthorsOfTheWorkDivision) {
  // Who of the agreement's agencies may record each step (referral.proto, "Author"; seed 003,
  // Taulukko 1): O Oulu, P Pohde, V Verstas (the target), X the other provider, K Kela, H health care.
  const std::map<std::string, std::string> authors = {
      {"need", "OPVXKH"},          {"client", "OPVXKH"},       {"need assessed", "OP"},
      {"benefit", "OPVXKH"},       {"social service", "OPVXKH"}, {"health service", "OPVXKH"},
      {"plan", "OP"},              {"client signs", "OPVX"},   {"social signs", "P"},
      {"authority signs", "O"},    {"case manager", "P"},      {"draft", "O"},
      {"requested", "O"},          {"place", "V"},             {"accepted", "V"},
      {"visit arranged", "OP"},    {"visit held", "OPV"},      {"meeting called", "OPVX"},
      {"meeting held", "P"},       {"provider commits", "V"},  {"client commits", "OPVX"},
      {"agreement", "OP"},         {"decision", "P"},          {"authority told", "OP"},
      {"statement", "O"},          {"start", "PV"},            {"in progress", "V"},
      {"commitment done", "V"},    {"interrupted", "PV"},      {"resumed", "PV"},
      {"changed", "PV"},           {"second agreement", "OP"}, {"extension decision", "P"},
      {"extended", "P"},           {"follow-on plan", "OPVX"}, {"end", "PV"},
      {"completed", "V"},          {"handed over", "V"},
      {"linked", "OP"},            {"unlinked", "OP"},         {"follow-up 3", "OP"},      {"follow-up 6", "OP"},
      {"nobody", "OP"},            {"closed", "P"}};
  const std::map<char, std::string_view> agencies = {{'O', kOulu},  {'P', kPohde},
                                                     {'V', kVerstas}, {'X', kOtherProvider},
                                                     {'K', kKela},  {'H', kHospital}};
  OuluCase client;
  for (const Step& step : OuluPath()) {
    std::string may;
    for (char letter : std::string_view("OPVXKH")) {
      const std::string code = client.CodeOf(agencies.at(letter), *step.event, step.day);
      if (code.empty()) {
        may += letter;
      } else {
        EXPECT_EQ(code, "wrong_actor") << step.name << " by " << letter;
      }
    }
    EXPECT_EQ(may, authors.at(step.name)) << step.name;
    client.Record(step.author, *step.event);
  }
}

TEST(Path, IsReopenedByAnyLaterEvent) {
  OuluCase client;
  client.GoTo("");
  ASSERT_TRUE(client.referral_state().closed);
  client.Record(kOulu, *StepNamed("need").event);
  EXPECT_FALSE(client.referral_state().closed);
  EXPECT_EQ(client.CodeOf(kPohde, *StepNamed("closed").event, "2026-06-01"), "");
}

TEST(Path, HasNoDutiesOfItsOwn) {
  OuluCase client;
  for (const Step& step : OuluPath()) {
    client.Record(step.author, *step.event);
    EXPECT_TRUE(client.Due(absl::CivilDay(2030, 1, 1)).empty()) << step.name;
    EXPECT_FALSE(client.NextDueDay(OnDay(step.day))) << step.name;
  }
}

TEST(Path, LetsWhoRecordedAStartMoveIt) {
  OuluCase client;
  client.GoTo("in progress");
  auto moved = static_cast<const v1::ServiceStarted&>(*StepNamed("start").event);
  EXPECT_EQ(client.CodeOf(kVerstas, moved, "2025-03-10"), "duplicate");
  moved.set_starts_on("2025-03-10");
  EXPECT_EQ(client.CodeOf(kPohde, moved, "2025-03-10"), "already_started");
  EXPECT_EQ(client.CodeOf(kVerstas, moved, "2025-03-10"), "");
  client.Record(kVerstas, moved);
  EXPECT_EQ(client.referral_state().periods.at("p-1").starts_on, absl::CivilDay(2025, 3, 10));
}

TEST(Path, LetsWhoRecordedAnEndCorrectIt) {
  OuluCase client;
  client.GoTo("completed");
  auto corrected = static_cast<const v1::ServiceEnded&>(*StepNamed("end").event);
  EXPECT_EQ(client.CodeOf(kVerstas, corrected, "2025-12-01"), "duplicate");
  corrected.set_ended_on("2025-11-27");
  EXPECT_EQ(client.CodeOf(kPohde, corrected, "2025-12-01"), "already_ended");
  EXPECT_EQ(client.CodeOf(kVerstas, corrected, "2025-12-01"), "");
}

TEST(Path, IsShorterWhereTheRegionAsksForLess) {
  // Espoo Kipinä (seed 003): no criteria, no plan, no agreement.
  OuluCase client;
  client.profile().clear_plans();
  client.profile().clear_agreements();
  client.profile().clear_case_managers();
  client.profile().clear_variants();
  client.Record(kVerstas, *StepNamed("client").event);
  const auto start = Text<v1::ServiceStarted>(R"(
      period_id: "kipina" provider_agency: "FI/COM/1234567-1/verstas" starts_on: "2025-03-04"
      variant: SERVICE_VARIANT_LOW_THRESHOLD)");
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-03-04"), "");
}

TEST(Path, NeedsNoPlanWhereARuleSaysSo) {
  // Espoo Vamos (seed 003): area social work, no TYP.
  OuluCase client;
  client.GoTo("draft");
  client.profile().clear_plans();
  auto* rule = client.profile().add_plans();
  rule->set_id("no_plan");
  auto draft = static_cast<const v1::ReferralMade&>(*StepNamed("draft").event);
  draft.clear_plan_id();
  draft.set_status(v1::REFERRAL_STATUS_REQUESTED);
  client.Record(kOulu, draft);
  client.Record(kVerstas, *StepNamed("accepted").event);
  auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("agreement").event);
  agreement.clear_plan_id();
  EXPECT_EQ(client.CodeOf(kPohde, agreement, "2025-02-24"), "");
}

TEST(Path, NeedsAWorkerOnEachSideWhereTheRegionNamesTwo) {
  // Pirkanmaa (seed 004): "omatyöntekijä/asiakasvastaava ja oma lähityöntekijä palvelussa"; no agreement is made there.
  OuluCase client;
  client.profile().clear_plans();
  client.profile().clear_agreements();
  client.profile().clear_case_managers();
  for (const auto side : {event::v1::CASE_MANAGER_SIDE_ORGANISER, event::v1::CASE_MANAGER_SIDE_PROVIDER}) {
    auto* rule = client.profile().add_case_managers();
    rule->set_side(side);
    rule->set_named(true);
  }
  client.Record(kPohde, *StepNamed("client").event);
  const auto start = Text<v1::ServiceStarted>(R"(
      period_id: "p-1" provider_agency: "FI/COM/1234567-1/verstas" starts_on: "2025-03-04")");
  const auto named = [](const char* side, std::string_view agency) {
    return Text<v1::CaseManagerNamed>(std::string("title: CASE_MANAGER_TITLE_CASE_MANAGER official: 'o-1' valid_from: "
                                                  "'2025-03-01' side: ") +
                                      side + " agency: '" + std::string(agency) + "'");
  };
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-03-04"), "case_manager_open");
  client.Record(kPohde, named("CASE_MANAGER_SIDE_ORGANISER", kPohde));
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-03-04"), "case_manager_open");
  client.Record(kVerstas, named("CASE_MANAGER_SIDE_PROVIDER", kVerstas));
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-03-04"), "");
}

TEST(Path, GoesOnForOneYearAtATimeOnceItHasLastedSevenYears) {
  // Siun sote (seed 002): "ihmiselle, joka on ollut palvelussa jo 7 vuotta … 1 vuoden mittaiseksi kerrallaan".
  const auto extension = [](const char* first_started, const char* until) {
    OuluCase client;
    auto* rule = client.profile().mutable_agreements(0);
    rule->set_long_after_years(7);
    rule->set_long_max_months(12);
    client.GoTo("start");
    auto start = static_cast<const v1::ServiceStarted&>(*StepNamed("start").event);
    start.set_first_started_on(first_started);
    client.Record(kVerstas, start);
    auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("second agreement").event);
    agreement.set_ends_on(until);
    auto decision = static_cast<const v1::DecisionMade&>(*StepNamed("extension decision").event);
    decision.set_valid_until(until);
    auto extended = static_cast<const v1::ServiceExtended&>(*StepNamed("extended").event);
    extended.set_ends_on(until);
    const std::string code = client.CodeOf(kPohde, agreement, "2025-05-26");
    client.Record(kPohde, decision);
    EXPECT_EQ(client.CodeOf(kPohde, extended, "2025-05-28"), code);
    return code;
  };
  // The next stretch begins on 3 June 2025: seven years after 3 June 2018, to the day.
  EXPECT_EQ(extension("2018-06-03", "2026-06-02"), "");
  EXPECT_EQ(extension("2018-06-03", "2026-06-05"), "agreement_too_long");
  EXPECT_EQ(extension("2018-06-04", "2026-06-05"), "");
  EXPECT_EQ(extension("2018-06-04", "2027-06-05"), "agreement_too_long");
}

TEST(Path, AcceptsBothReckoningsOfThreeMonths) {
  OuluCase client;
  client.GoTo("agreement");
  auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("agreement").event);
  const auto code = [&](const char* from, const char* until) {
    agreement.set_starts_on(from);
    agreement.set_ends_on(until);
    agreement.clear_review_on();
    return client.CodeOf(kPohde, agreement, "2025-02-24");
  };
  EXPECT_EQ(code("2025-03-03", "2025-06-01"), "agreement_length");
  EXPECT_EQ(code("2025-03-03", "2025-06-02"), "");
  EXPECT_EQ(code("2025-03-03", "2025-06-03"), "");
  EXPECT_EQ(code("2025-03-03", "2025-06-04"), "agreement_length");
  // 30 November + 3 months: February has no such day.
  EXPECT_EQ(code("2025-11-30", "2026-02-26"), "agreement_length");
  EXPECT_EQ(code("2025-11-30", "2026-02-27"), "");
  EXPECT_EQ(code("2025-11-30", "2026-02-28"), "");
  EXPECT_EQ(code("2025-11-30", "2026-03-01"), "agreement_length");
  EXPECT_EQ(code("2023-11-30", "2024-02-29"), "");  // leap year
}

TEST(Path, KeepsWhatContradictsItAsABreach) {
  OuluCase client;
  client.GoTo("completed");
  client.Record(kOtherProvider, *StepNamed("accepted").event);   // not the target
  client.Record(kOtherProvider, *StepNamed("commitment done").event);
  client.Record(kPohde, *StepNamed("end").event);                // ended by another already
  const auto& breaches = client.referral_state().breaches;
  ASSERT_EQ(breaches.size(), 3u);
  EXPECT_EQ(breaches[0].code, "wrong_actor");
  EXPECT_EQ(breaches[1].code, "wrong_actor");
  EXPECT_EQ(breaches[2].code, "already_ended");
  EXPECT_EQ(client.referral_state().referrals.at("ref-1").status, v1::REFERRAL_STATUS_IN_PROGRESS);
}

TEST(Path, IgnoresWhatIsNotItsOwn) {
  google::protobuf::DynamicMessageFactory factory;  // outlives the messages it makes
  OuluCase client;
  client.GoTo("agreement");
  const State before = client.referral_state();
  client.Record(kVerstas, attendance::v1::DayRecorded());
  client.Record(kVerstas, config::v1::Profile());
  std::unique_ptr<google::protobuf::Message> dynamic(
      factory.GetPrototype(v1::ReferralMade::descriptor())->New());
  client.Record(kVerstas, *dynamic);
  EXPECT_TRUE(client.referral_state() == before);
  EXPECT_EQ(client.CodeOf(kVerstas, attendance::v1::DayRecorded(), "2025-03-03"), "unknown_type");
  EXPECT_EQ(client.CodeOf(kVerstas, *dynamic, "2025-03-03"), "unknown_type");
}

TEST(Path, JudgesByWhatIsKnownHereWhenSectionsAreMissing) {
  // Without SOCIAL the commitments are not known: who was present may confirm, nobody else.
  OuluCase client;
  client.GoTo("meeting held");
  auto held = static_cast<const v1::NetworkMeetingHeld&>(*StepNamed("meeting held").event);
  held.clear_commitments();
  client.Record(kPohde, held);
  const auto& confirmed = *StepNamed("provider commits").event;
  EXPECT_EQ(client.CodeOf(kVerstas, confirmed, "2025-02-20"), "");
  EXPECT_EQ(client.CodeOf(kOtherProvider, confirmed, "2025-02-20"), "unknown_commitment");
}

}  // namespace
}  // namespace polku::referral
