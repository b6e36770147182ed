#include <functional>
#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "tests/assessment/period_case.h"

namespace polku::assessment {
namespace {

using google::protobuf::Message;

v1::KykyviisariRecorded Kykyviisari() {
  return Text<v1::KykyviisariRecorded>(R"(
      period_id: "p-1" round: 1 filled_on: "2025-03-04"
      scores { scale: KYKYVIISARI_SCALE_INCLUSION points: 30 max_points: 48 items_answered: 12 }
      scores { scale: KYKYVIISARI_SCALE_MIND points: 20 max_points: 36 items_answered: 9 }
      scores { scale: KYKYVIISARI_SCALE_EVERYDAY points: 40 max_points: 44 items_answered: 11 }
      scores { scale: KYKYVIISARI_SCALE_SKILLS points: 0 max_points: 40 items_answered: 10 }
      scores { scale: KYKYVIISARI_SCALE_BODY points: 8 max_points: 8 items_answered: 2 }
      work_ability: 0 functioning: 10)");
}
v1::InterimEvaluationMade Interim() {
  return Text<v1::InterimEvaluationMade>(R"(
      period_id: "p-1" round: 1 evaluated_on: "2025-04-14" present: ACTOR_ROLE_CLIENT
      next_evaluation_on: "2025-05-26"
      goals { goal: "arkirytmi" state: GOAL_STATE_PARTLY_REACHED actions: "herätys"
              helper: ACTOR_ROLE_SOCIAL_SERVICES helper_agency: "FI/MUN/3221331-8/pohde" }
      goals { goal: "ajokortti" state: GOAL_STATE_GIVEN_UP })");
}
v1::FinalEvaluationMade Final() {
  return Text<v1::FinalEvaluationMade>(R"(
      period_id: "p-1" evaluated_on: "2025-06-02" present: ACTOR_ROLE_CLIENT
      goals { goal: "arkirytmi" state: GOAL_STATE_REACHED } recommended: EXIT_CODE_WORK_TRIAL)");
}
v1::WorkAbilityAssessed WorkAbility() {
  return Text<v1::WorkAbilityAssessed>(R"(
      period_id: "p-1" assessed_on: "2025-05-20" given_to_client_on: "2025-05-22"
      strengths: "kädentaidot")");
}
v1::FeedbackGiven Feedback() {
  return Text<v1::FeedbackGiven>(R"(
      period_id: "p-1" giver: ACTOR_ROLE_CLIENT given_on: "2025-06-02" satisfaction: 4)");
}
v1::CompetenceRecognised Competence() {
  return Text<v1::CompetenceRecognised>(R"(
      period_id: "p-1" recognised_on: "2025-05-30" institution_agency: "FI/COM/0123456-2/sairaala"
      qualification_code: "106542" competence_points: 15 competences: "asiakaspalvelu")");
}

template <typename T>
void Refuses(const T& good, std::string_view author, const std::string& code,
             std::function<void(T&)> change, std::string_view today = "2025-06-10") {
  PeriodCase client;
  client.Start();
  T event = good;
  change(event);
  const auto refusal = client.Decide(author, event, OnDay(today));
  EXPECT_EQ(refusal ? refusal->code : "", code)
      << T::descriptor()->name() << ": " << (refusal ? refusal->message : "taken");
}

TEST(Assessment, ListsEveryEventOfItsPackage) {
  std::set<std::string> in_proto;
  const auto* file = v1::AssessmentDue::descriptor()->file();
  for (int i = 0; i < file->message_type_count(); ++i) {
    in_proto.insert(file->message_type(i)->full_name());
  }
  const auto types = TheAssessmentService().event_types();
  EXPECT_EQ(std::set<std::string>(types.begin(), types.end()), in_proto);
}

TEST(Assessment, TakesWhatIsRight) {
  PeriodCase client;
  client.Start();
  EXPECT_EQ(client.CodeOf(kVerstas, Kykyviisari(), "2025-03-04"), "");
  EXPECT_EQ(client.CodeOf(kPohde, Kykyviisari(), "2025-03-04"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, Interim(), "2025-04-14"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, Final(), "2025-06-02"), "");
  EXPECT_EQ(client.CodeOf(kPohde, WorkAbility(), "2025-05-22"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, WorkAbility(), "2025-05-22"), "");
  EXPECT_EQ(client.CodeOf(kOulu, Feedback(), "2025-06-02"), "");
  EXPECT_EQ(client.CodeOf(kVerstas, Competence(), "2025-05-30"), "");
  EXPECT_EQ(client.CodeOf(kHospital, Competence(), "2025-05-30"), "");  // says so itself
}

TEST(Assessment, RefusesUnknownCasesPeriodsAndTypes) {
  const PeriodCase empty;
  EXPECT_EQ(empty.CodeOf(kVerstas, Kykyviisari(), "2025-03-04"), "unknown_case");
  PeriodCase not_started;
  not_started.Record(kPohde, Made());
  EXPECT_EQ(not_started.CodeOf(kVerstas, Kykyviisari(), "2025-03-04"), "unknown_period");
  PeriodCase client;
  client.Start();
  auto other = Kykyviisari();
  other.set_period_id("p-2");
  EXPECT_EQ(client.CodeOf(kVerstas, other, "2025-03-04"), "unknown_period");
  other.clear_period_id();
  EXPECT_EQ(client.CodeOf(kVerstas, other, "2025-03-04"), "missing_field");
  EXPECT_EQ(client.CodeOf(kVerstas, Made(), "2025-03-04"), "unknown_type");
  client.Record(kPohde, Text<referral::v1::ReferralStatusChanged>(
                            R"(referral_id: "ref-1" status: REFERRAL_STATUS_ENTERED_IN_ERROR)"));
  EXPECT_EQ(client.CodeOf(kVerstas, Kykyviisari(), "2025-03-04"), "period_void");
}

TEST(Assessment, RefusesDutiesFromAuthors) {
  PeriodCase client;
  client.Start();
  EXPECT_EQ(client.CodeOf(kOulu, v1::AssessmentDue(), "2025-03-04"), "duty_only");
  EXPECT_EQ(client.CodeOf(kOulu, v1::FeedbackDue(), "2025-03-04"), "duty_only");
  EXPECT_EQ(client.CodeOf(kOulu, v1::DueCancelled(), "2025-03-04"), "duty_only");
}

TEST(Assessment, RefusesWrongActors) {
  PeriodCase client;
  client.Start();
  const auto expect_wrong = [&](const Message& event, std::vector<std::string_view> authors) {
    for (const auto author : authors) {
      EXPECT_EQ(client.CodeOf(author, event, "2025-06-10"), "wrong_actor")
          << event.GetTypeName() << " by " << author;
    }
  };
  expect_wrong(Kykyviisari(), {kKela, kAuditor, kStranger, ""});
  expect_wrong(Interim(), {kOtherProvider, kOulu, kPohde, kKela, kHospital, kAuditor, kStranger});
  expect_wrong(Final(), {kOtherProvider, kOulu, kPohde, kKela, kHospital, kAuditor, kStranger});
  expect_wrong(WorkAbility(), {kOtherProvider, kOulu, kKela, kHospital, kAuditor, kStranger});
  expect_wrong(Feedback(), {kKela, kAuditor, kStranger});
  auto by_provider = Feedback();
  by_provider.set_giver(event::v1::ACTOR_ROLE_PROVIDER);
  expect_wrong(by_provider, {kOtherProvider, kOulu, kPohde, kKela, kAuditor, kStranger});
  expect_wrong(Competence(), {kOtherProvider, kOulu, kPohde, kKela, kAuditor, kStranger});
}

TEST(Assessment, RefusesScoresOutOfRange) {
  using T = v1::KykyviisariRecorded;
  const auto no = [](const std::string& code, std::function<void(T&)> change) {
    Refuses<T>(Kykyviisari(), kVerstas, code, std::move(change));
  };
  const uint32_t items[] = {12, 9, 11, 10, 2};
  for (int i = 0; i < 5; ++i) {
    no("bad_score", [&](T& e) {
      e.mutable_scores(i)->set_items_answered(items[i] + 1);
      e.mutable_scores(i)->set_max_points(100);
    });
    no("bad_score", [&](T& e) { e.mutable_scores(i)->set_items_answered(0); });
    no("bad_score", [&](T& e) { e.mutable_scores(i)->set_points(e.scores(i).max_points() + 1); });
  }
  no("bad_score", [](T& e) {
    e.mutable_scores(3)->set_max_points(0);
    e.mutable_scores(3)->set_points(0);
  });
  no("bad_score", [](T& e) { e.mutable_scores()->SwapElements(0, 1); });
  no("bad_score", [](T& e) { *e.add_scores() = e.scores(4); });
  no("bad_score", [](T& e) { e.set_work_ability(11); });
  no("bad_score", [](T& e) { e.set_functioning(11); });
  no("missing_field", [](T& e) { e.mutable_scores(0)->clear_scale(); });
  no("bad_value", [](T& e) {
    e.mutable_scores(4)->set_scale(static_cast<v1::KykyviisariScale>(6));
  });
  no("missing_field", [](T& e) {
    e.clear_scores();
    e.clear_work_ability();
    e.clear_functioning();
  });
}

TEST(Assessment, TakesAPartlyFilledKykyviisari) {
  Refuses<v1::KykyviisariRecorded>(Kykyviisari(), kVerstas, "", [](auto& e) {
    e.clear_scores();
    e.clear_functioning();  // a self-rating of 0 is an answer
  });
}

TEST(Assessment, RefusesRoundsAndDatesThatDoNotFit) {
  using T = v1::KykyviisariRecorded;
  const auto no = [](const std::string& code, std::function<void(T&)> change,
                     std::string_view today = "2025-06-10") {
    Refuses<T>(Kykyviisari(), kVerstas, code, std::move(change), today);
  };
  no("missing_field", [](T& e) { e.clear_round(); });
  no("bad_value", [](T& e) { e.set_round(101); });
  no("missing_field", [](T& e) { e.clear_filled_on(); });
  no("before_start", [](T& e) { e.set_filled_on("2025-03-02"); });
  no("future_date", [](T&) {}, "2025-03-03");
  no("bad_date", [](T& e) { e.set_filled_on("2025-02-29"); });
  no("bad_date", [](T& e) { e.set_filled_on("4.3.2025"); });
  PeriodCase client;
  client.Start();
  client.Record(kVerstas, Kykyviisari());
  EXPECT_EQ(client.CodeOf(kVerstas, Kykyviisari(), "2025-06-10"), "duplicate");
  auto second = Kykyviisari();
  second.set_round(2);
  EXPECT_EQ(client.CodeOf(kVerstas, second, "2025-06-10"), "dates_out_of_order");
  second.set_filled_on("2025-06-03");
  EXPECT_EQ(client.CodeOf(kVerstas, second, "2025-06-10"), "");
}

TEST(Assessment, RefusesGoalsWithoutANamedAuthorityThatHelps) {
  using T = v1::InterimEvaluationMade;
  const auto no = [](const std::string& code, std::function<void(T&)> change) {
    Refuses<T>(Interim(), kVerstas, code, std::move(change));
  };
  no("helper_missing", [](T& e) { e.mutable_goals(0)->clear_helper(); });
  no("helper_missing", [](T& e) { e.mutable_goals(1)->set_state(event::v1::GOAL_STATE_OPEN); });
  no("helper_missing", [](T& e) { e.mutable_goals(0)->set_helper(event::v1::ACTOR_ROLE_CLIENT); });
  no("helper_missing",
     [](T& e) { e.mutable_goals(1)->set_helper(event::v1::ACTOR_ROLE_RELATIVE); });
  no("wrong_agency", [](T& e) { e.mutable_goals(0)->set_helper_agency(std::string(kKela)); });
  no("bad_agency", [](T& e) { e.mutable_goals(0)->set_helper_agency("Kela"); });
  no("missing_field", [](T& e) { e.mutable_goals(0)->clear_goal(); });
  no("missing_field", [](T& e) { e.mutable_goals(0)->clear_state(); });
  no("missing_field", [](T& e) { e.clear_goals(); });
  no("missing_field", [](T& e) { e.clear_round(); });
  no("before_start", [](T& e) { e.set_evaluated_on("2025-02-28"); });
  no("future_date", [](T& e) { e.set_evaluated_on("2025-06-11"); });
  no("dates_out_of_order", [](T& e) { e.set_next_evaluation_on("2025-04-13"); });
  no("", [](T& e) { e.mutable_goals(0)->clear_helper_agency(); });  // not in the agreement
  PeriodCase client;
  client.Start();
  client.Record(kVerstas, Ended("2025-04-13"));
  EXPECT_EQ(client.CodeOf(kVerstas, Interim(), "2025-06-10"), "after_end");
}

TEST(Assessment, RefusesTheRest) {
  using namespace v1;
  const auto verstas = kVerstas;
  Refuses<FinalEvaluationMade>(Final(), verstas, "future_date", [](auto&) {}, "2025-06-01");
  Refuses<FinalEvaluationMade>(Final(), verstas, "before_start",
                               [](auto& e) { e.set_evaluated_on("2025-03-02"); });
  Refuses<FinalEvaluationMade>(Final(), verstas, "helper_missing", [](auto& e) {
    e.mutable_goals(0)->set_state(event::v1::GOAL_STATE_PARTLY_REACHED);
  });
  Refuses<FinalEvaluationMade>(Final(), verstas, "bad_value", [](auto& e) {
    e.set_recommended(static_cast<event::v1::ExitCode>(99));
  });
  Refuses<FinalEvaluationMade>(Final(), verstas, "identity_code_misplaced",
                               [](auto& e) { e.set_background("010594Y9032"); });
  Refuses<WorkAbilityAssessed>(WorkAbility(), kPohde, "missing_field",
                               [](auto& e) { e.clear_strengths(); });
  Refuses<WorkAbilityAssessed>(WorkAbility(), kPohde, "unknown_kykyviisari", [](auto& e) {
    e.add_kykyviisari_event_ids(std::string(testing::NumberedEvent(5).view()));
  });
  Refuses<WorkAbilityAssessed>(WorkAbility(), kPohde, "bad_event_id",
                               [](auto& e) { e.add_kykyviisari_event_ids("short"); });
  Refuses<WorkAbilityAssessed>(WorkAbility(), kPohde, "dates_out_of_order",
                               [](auto& e) { e.set_given_to_client_on("2025-05-19"); });
  Refuses<WorkAbilityAssessed>(WorkAbility(), kPohde, "future_date",
                               [](auto& e) { e.set_given_to_client_on("2025-06-11"); });
  Refuses<FeedbackGiven>(Feedback(), kOulu, "bad_score", [](auto& e) { e.set_satisfaction(5); });
  Refuses<FeedbackGiven>(Feedback(), kOulu, "missing_field",
                         [](auto& e) { e.clear_satisfaction(); });
  Refuses<FeedbackGiven>(Feedback(), kOulu, "missing_field", [](auto& e) { e.clear_giver(); });
  Refuses<FeedbackGiven>(Feedback(), kOulu, "bad_value",
                         [](auto& e) { e.set_giver(event::v1::ACTOR_ROLE_BENEFIT_PAYER); });
  Refuses<FeedbackGiven>(Feedback(), kOulu, "future_date", [](auto&) {}, "2025-06-01");
  Refuses<CompetenceRecognised>(Competence(), verstas, "missing_field", [](auto& e) {
    e.clear_qualification_code();
    e.clear_competences();
  });
  Refuses<CompetenceRecognised>(Competence(), verstas, "missing_field",
                                [](auto& e) { e.clear_qualification_code(); });
  Refuses<CompetenceRecognised>(Competence(), verstas, "before_start",
                                [](auto& e) { e.set_recognised_on("2025-03-02"); });
}

TEST(Assessment, RefusesWhatIsThereAlready) {
  PeriodCase client;
  client.Start();
  for (const auto& [author, event] : std::vector<std::pair<std::string_view, const Message*>>{
           {kVerstas, new v1::InterimEvaluationMade(Interim())},
           {kVerstas, new v1::FinalEvaluationMade(Final())},
           {kPohde, new v1::WorkAbilityAssessed(WorkAbility())},
           {kOulu, new v1::FeedbackGiven(Feedback())}}) {
    EXPECT_EQ(client.CodeOf(author, *event, "2025-06-10"), "") << event->GetTypeName();
    client.Record(author, *event);
    EXPECT_EQ(client.CodeOf(author, *event, "2025-06-10"), "duplicate") << event->GetTypeName();
    delete event;
  }
}

TEST(Assessment, RefusesAnExitCodeThatTheRegionDoesNotHave) {
  PeriodCase client;
  client.Start();
  client.profile().mutable_exits(0)->clear_codes();
  client.profile().mutable_exits(0)->add_codes(event::v1::EXIT_CODE_STUDY);
  EXPECT_EQ(client.CodeOf(kVerstas, Final(), "2025-06-10"), "exit_code_not_in_profile");
}

TEST(Assessment, KnowsASelfAssessmentThatAWorkAbilityAssessmentTakesIn) {
  PeriodCase client;
  client.Start();
  const EventId id = client.Record(kVerstas, Kykyviisari());
  auto event = WorkAbility();
  event.add_kykyviisari_event_ids(std::string(id.view()));
  EXPECT_EQ(client.CodeOf(kPohde, event, "2025-06-10"), "");
}

}  // namespace
}  // namespace polku::assessment
