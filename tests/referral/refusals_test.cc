// What may not be, told as a difference from the Oulu path: at the named step, the same event with a
// change is refused with the code.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/referral/oulu_path.h"

namespace polku::referral {
namespace {

using google::protobuf::Message;

struct Case {
  std::string step;
  std::string code;
  std::function<void(Message&)> change;
  std::string_view author = "";  // empty: the step's own
  std::string day = "";          // likewise
};

template <typename T>
Case Change(std::string step, std::string code, std::function<void(T&)> change,
            std::string_view author = "", std::string day = "") {
  return {std::move(step), std::move(code),
          [change](Message& message) { change(static_cast<T&>(message)); }, author,
          std::move(day)};
}

void ExpectRefusals(const std::vector<Case>& cases) {
  int number = 0;
  for (const Case& wrong : cases) {
    ++number;
    const Step step = StepNamed(wrong.step);
    OuluCase client;
    client.GoTo(wrong.step);
    auto event = Copy(*step.event);
    wrong.change(*event);
    const auto refusal =
        client.Decide(wrong.author.empty() ? step.author : wrong.author, *event,
                      testing::OnDay(wrong.day.empty() ? step.day : wrong.day));
    EXPECT_EQ(refusal ? refusal->code : "", wrong.code)
        << "case " << number << " at step \"" << wrong.step << "\": "
        << (refusal ? refusal->message : "taken");
    if (refusal) {
      EXPECT_FALSE(refusal->message.empty()) << wrong.step;
    }
  }
}

TEST(Refusal, NeedAndClient) {
  using Need = v1::NeedIdentified;
  using Client = v1::ClientIdentified;
  ExpectRefusals({
      Change<Need>("need", "missing_field", [](auto& e) { e.clear_identified_on(); }),
      Change<Need>("need", "missing_field", [](auto& e) { e.clear_source(); }),
      Change<Need>("need", "future_date", [](auto& e) { e.set_identified_on("2025-01-08"); }),
      Change<Need>("need", "bad_date", [](auto& e) { e.set_identified_on("2025-02-30"); }),
      Change<Need>("need", "bad_date", [](auto& e) { e.set_identified_on("7.1.2025"); }),
      Change<Need>("need", "bad_date", [](auto& e) { e.set_identified_on("0205-01-07"); }),
      Change<Need>("need", "bad_date", [](auto& e) { e.set_unemployed_from("2025-1-7"); }),
      Change<Need>("need", "dates_out_of_order",
                   [](auto& e) { e.set_unemployed_from("2025-01-08"); }),
      Change<Need>("need", "bad_municipality", [](auto& e) { e.set_municipality_code("Oulu"); }),
      Change<Need>("need", "bad_value", [](auto& e) { e.set_source(static_cast<v1::NeedSource>(99)); }),
      Change<Need>("need", "identity_code_misplaced",
                   [](auto& e) { e.set_social_reasons("hetu 010594Y9032"); }),
      Change<Client>("client", "bad_identity_code", [](auto& e) { e.set_identity_code("010594Y9033"); }),
      Change<Client>("client", "bad_identity_code", [](auto& e) { e.set_identity_code("310494-9032"); }),
      Change<Client>("client", "bad_identity_code", [](auto& e) { e.set_identity_code("010594y9032"); }),
      Change<Client>("client", "bad_identity_code", [](auto& e) { e.set_identity_code("tuntematon"); }),
      Change<Client>("client", "bad_identity_code",  // born after today
                     [](auto& e) { e.set_identity_code("010516B903X"); }, kOulu, "2016-01-01"),
      Change<Client>("client", "identity_mismatch", [](auto& e) { e.set_birth_year(1995); }),
      Change<Client>("client", "identity_mismatch", [](auto& e) { e.set_sex(v1::SEX_FEMALE); }),
      Change<Client>("client", "bad_value", [](auto& e) { e.set_birth_year(94); }),
      Change<Client>("client", "bad_value", [](auto& e) { e.set_language("suomi"); }),
      Change<v1::ServiceNeedAssessed>("need assessed", "missing_field",
                                      [](auto& e) { e.clear_result(); }),
      Change<v1::ServiceNeedAssessed>("need assessed", "future_date",
                                      [](auto& e) { e.set_assessed_on("2025-01-15"); }),
  });
}

TEST(Refusal, NeverRepeatsAnIdentityCode) {
  for (const char* code : {"010594Y9033", "010594Y903", "tuntematon", "010594Y9032"}) {
    OuluCase client;
    v1::ClientIdentified event;
    event.set_identity_code(code);
    event.set_birth_year(1950);
    const auto refusal = client.Decide(kOulu, event, absl::CivilDay(2025, 1, 7));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->message.find(code), std::string::npos);
    EXPECT_EQ(refusal->code.find(code), std::string::npos);
  }
  v1::NeedIdentified need;
  need.set_identified_on("010594Y9032");
  const auto refusal = OuluCase().Decide(kOulu, need, absl::CivilDay(2025, 1, 7));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "identity_code_misplaced");
  EXPECT_EQ(refusal->message.find("Y9032"), std::string::npos);
}

TEST(Refusal, PlansAndSignatures) {
  using Plan = v1::PlanDrafted;
  using Signed = v1::PlanSigned;
  ExpectRefusals({
      Change<Plan>("plan", "missing_field", [](auto& e) { e.clear_plan_id(); }),
      Change<Plan>("plan", "missing_field", [](auto& e) { e.clear_kind(); }),
      Change<Plan>("plan", "bad_label", [](auto& e) { e.set_plan_id("Plan 1"); }),
      Change<Plan>("plan", "bad_label", [](auto& e) { e.set_plan_id(std::string(33, 'a')); }),
      Change<Plan>("plan", "duplicate", [](auto& e) { e.set_revision(0); }),
      Change<Plan>("plan", "bad_revision", [](auto& e) { e.set_revision(2); }),
      Change<Signed>("client signs", "unknown_plan", [](auto& e) { e.set_plan_id("plan-9"); }),
      Change<Plan>("plan", "dates_out_of_order", [](auto& e) { e.set_review_on("2025-01-19"); }),
      Change<Plan>("plan", "bad_value",
                   [](auto& e) { e.add_signers_needed(event::v1::ACTOR_ROLE_CLIENT); }),
      Change<Plan>("plan", "bad_value",
                   [](auto& e) { e.add_signers_needed(event::v1::ACTOR_ROLE_UNSPECIFIED); }),
      Change<Plan>("plan", "signers_missing",
                   [](auto& e) { e.mutable_signers_needed()->RemoveLast(); }),
      Change<Plan>("plan", "wrong_actor", [](auto&) {}, kVerstas),
      Change<Signed>("client signs", "missing_field", [](auto& e) { e.clear_signer(); }),
      Change<Signed>("client signs", "unknown_plan", [](auto& e) { e.set_revision(2); }),
      Change<Signed>("client signs", "future_date", [](auto& e) { e.set_signed_on("2025-01-21"); }),
      Change<Signed>("client signs", "dates_out_of_order",
                     [](auto& e) { e.set_signed_on("2025-01-19"); }),
      Change<Signed>("client signs", "signer_not_needed",
                     [](auto& e) { e.set_signer(event::v1::ACTOR_ROLE_PROVIDER); }, kVerstas),
      Change<Signed>("authority signs", "wrong_actor", [](auto&) {}, kPohde),
      Change<Signed>("social signs", "wrong_actor", [](auto&) {}, kOulu),
      Change<Signed>("social signs", "duplicate",
                     [](auto& e) { e.set_signer(event::v1::ACTOR_ROLE_CLIENT); }),
  });
}

TEST(Refusal, ASignatureIsOfTheNewestRevision) {
  OuluCase client;
  client.GoTo("authority signs");
  auto changed = static_cast<const v1::PlanDrafted&>(*StepNamed("plan").event);
  changed.set_revision(2);
  EXPECT_EQ(client.CodeOf(kPohde, changed, "2025-01-21"), "");
  client.Record(kPohde, changed);
  EXPECT_EQ(client.CodeOf(kOulu, *StepNamed("authority signs").event, "2025-01-21"),
            "stale_revision");
}

TEST(Refusal, ReferralPlaceAndVisit) {
  using Made = v1::ReferralMade;
  using Place = v1::PlaceAnswered;
  using Arranged = v1::IntroductoryVisitArranged;
  using Held = v1::IntroductoryVisitHeld;
  ExpectRefusals({
      Change<Made>("draft", "missing_field", [](auto& e) { e.clear_referral_id(); }),
      Change<Made>("draft", "illegal_transition", [](auto& e) { e.clear_status(); }),
      Change<Made>("draft", "illegal_transition",
                   [](auto& e) { e.set_status(v1::REFERRAL_STATUS_ACCEPTED); }),
      Change<Made>("draft", "wrong_actor",
                   [](auto& e) { e.set_requester_agency(std::string(kPohde)); }),
      Change<Made>("draft", "missing_field",
                   [](auto& e) {
                     e.set_status(v1::REFERRAL_STATUS_REQUESTED);
                     e.clear_target_agency();
                   }),
      Change<Made>("draft", "wrong_agency", [](auto& e) { e.set_target_agency(std::string(kKela)); }),
      Change<Made>("draft", "wrong_agency",
                   [](auto& e) { e.set_target_agency(std::string(kStranger)); }),
      Change<Made>("draft", "bad_agency", [](auto& e) { e.set_target_agency("Verstas ry"); }),
      Change<Made>("draft", "bad_agency",  // business ID with a wrong check digit
                   [](auto& e) { e.set_target_agency("FI/COM/1234567-2/verstas"); }),
      Change<Made>("draft", "unknown_plan", [](auto& e) { e.set_plan_id("plan-9"); }),
      Change<Made>("draft", "not_offered",
                   [](auto& e) { e.set_variant(event::v1::SERVICE_VARIANT_DISABILITY_WORK); }),
      Change<Made>("draft", "not_offered",
                   [](auto& e) { e.set_form(event::v1::SERVICE_FORM_WORKSHOP); }),
      Change<Made>("draft", "bad_code", [](auto& e) { e.set_place_code("paja kadun varrella"); }),
      Change<Made>("draft", "future_date", [](auto& e) { e.set_made_on("2025-01-23"); }),
      Change<v1::ReferralStatusChanged>("accepted", "unknown_referral",
                                        [](auto& e) { e.set_referral_id("ref-9"); }),
      Change<v1::ReferralStatusChanged>("accepted", "missing_field",
                                        [](auto& e) { e.clear_effective_on(); }),
      Change<v1::ReferralStatusChanged>("accepted", "future_date",
                                        [](auto& e) { e.set_effective_on("2025-01-29"); }),
      Change<v1::ReferralStatusChanged>("accepted", "dates_out_of_order",
                                        [](auto& e) { e.set_effective_on("2025-01-21"); }),
      Change<Place>("place", "missing_field", [](auto& e) { e.clear_answer(); }),
      Change<Place>("place", "missing_field",
                    [](auto& e) {
                      e.set_answer(v1::PLACE_ANSWER_ADDITIONAL_ASSESSMENT_REQUIRED);
                    }),
      Change<Place>("place", "wrong_actor", [](auto&) {}, kOtherProvider),
      Change<Place>("place", "unknown_referral", [](auto& e) { e.set_referral_id("x"); }),
      Change<Arranged>("visit arranged", "missing_field", [](auto& e) { e.clear_visit_on(); }),
      Change<Held>("visit held", "future_date", [](auto& e) { e.set_visit_on("2025-02-06"); }),
      Change<Held>("visit held", "missing_field", [](auto& e) { e.clear_result(); }),
      Change<Held>("visit held", "dates_out_of_order",
                   [](auto& e) { e.set_start_on("2025-02-04"); }),
  });
  // A draft is nobody's business yet, a completed referral nobody's any more.
  OuluCase client;
  client.GoTo("requested");
  EXPECT_EQ(client.CodeOf(kVerstas, *StepNamed("place").event, "2025-01-27"), "referral_not_open");
  client.Record(kOulu, *StepNamed("requested").event);
  auto cancelled = static_cast<const v1::ReferralStatusChanged&>(*StepNamed("requested").event);
  cancelled.set_status(v1::REFERRAL_STATUS_CANCELLED);
  client.Record(kOulu, cancelled);
  EXPECT_EQ(client.CodeOf(kVerstas, *StepNamed("visit held").event, "2025-02-05"),
            "referral_not_open");
}

TEST(Refusal, NetworkMeetings) {
  using Called = v1::NetworkMeetingCalled;
  using Held = v1::NetworkMeetingHeld;
  using Confirmed = v1::CommitmentConfirmed;
  ExpectRefusals({
      Change<Called>("meeting called", "missing_field", [](auto& e) { e.clear_meeting_id(); }),
      Change<Called>("meeting called", "missing_field", [](auto& e) { e.clear_meeting_on(); }),
      Change<Held>("meeting held", "missing_field", [](auto& e) { e.clear_present(); }),
      Change<Held>("meeting held", "wrong_actor", [](auto&) {}, kVerstas),
      Change<Held>("meeting held", "future_date", [](auto& e) { e.set_meeting_on("2025-02-21"); }),
      Change<Held>("meeting held", "dates_out_of_order",
                   [](auto& e) { e.set_next_meeting_on("2025-02-19"); }),
      Change<Held>("meeting held", "bad_value",
                   [](auto& e) { e.mutable_commitments(1)->set_number(1); }),
      Change<Held>("meeting held", "bad_value",
                   [](auto& e) { e.mutable_commitments(0)->set_number(0); }),
      Change<Held>("meeting held", "bad_value",
                   [](auto& e) { e.mutable_commitments(0)->clear_agency(); }),
      Change<Held>("meeting held", "bad_value",
                   [](auto& e) { e.mutable_commitments(1)->set_agency(std::string(kOulu)); }),
      Change<Held>("meeting held", "wrong_agency",
                   [](auto& e) { e.mutable_commitments(0)->set_agency(std::string(kKela)); }),
      Change<Held>("meeting held", "missing_field",
                   [](auto& e) { e.mutable_commitments(0)->clear_task(); }),
      Change<Held>("meeting held", "missing_field",
                   [](auto& e) { e.mutable_commitments(0)->clear_member(); }),
      Change<Held>("meeting held", "dates_out_of_order",
                   [](auto& e) { e.mutable_commitments(0)->set_due_on("2025-02-19"); }),
      Change<Confirmed>("provider commits", "unknown_meeting",
                        [](auto& e) { e.set_meeting_id("meet-9"); }),
      Change<Confirmed>("provider commits", "unknown_commitment", [](auto& e) { e.set_number(3); }),
      Change<Confirmed>("provider commits", "missing_field", [](auto& e) { e.clear_state(); }),
      Change<Confirmed>("provider commits", "wrong_actor", [](auto&) {}, kPohde),
      Change<Confirmed>("provider commits", "illegal_transition",
                        [](auto& e) { e.set_state(v1::COMMITMENT_STATE_DONE); }),
      Change<Confirmed>("client commits", "wrong_actor", [](auto&) {}, kKela),
      Change<Confirmed>("commitment done", "illegal_transition",
                        [](auto& e) { e.set_state(v1::COMMITMENT_STATE_COMMITTED); }),
  });
}

TEST(Refusal, AgreementsAndDecisions) {
  using Agreement = v1::AgreementMade;
  using Decision = v1::DecisionMade;
  ExpectRefusals({
      Change<Agreement>("agreement", "missing_field", [](auto& e) { e.clear_period_id(); }),
      Change<Agreement>("agreement", "missing_field", [](auto& e) { e.clear_starts_on(); }),
      Change<Agreement>("agreement", "missing_field", [](auto& e) { e.clear_ends_on(); }),
      Change<Agreement>("agreement", "missing_field", [](auto& e) { e.clear_provider_agency(); }),
      Change<Agreement>("agreement", "dates_out_of_order",
                        [](auto& e) { e.set_ends_on("2025-03-02"); }),
      Change<Agreement>("agreement", "agreement_length",
                        [](auto& e) { e.set_ends_on("2025-09-02"); }),
      Change<Agreement>("agreement", "agreement_length",
                        [](auto& e) { e.set_ends_on("2025-04-02"); }),
      Change<Agreement>("second agreement", "agreement_too_short",
                        [](auto& e) { e.set_ends_on("2025-09-01"); }),
      Change<Agreement>("second agreement", "agreement_too_long",
                        [](auto& e) { e.set_ends_on("2027-06-04"); }),
      Change<Agreement>("second agreement", "dates_out_of_order",
                        [](auto& e) { e.set_starts_on("2025-03-02"); }),
      Change<Agreement>("agreement", "schedule_outside_limits",
                        [](auto& e) {
                          e.mutable_schedule()->set_days_per_week(5);
                          e.mutable_schedule()->clear_weekdays();
                        }),
      Change<Agreement>("agreement", "schedule_outside_limits",
                        [](auto& e) { e.mutable_schedule()->set_minutes_per_day(239); }),
      Change<Agreement>("agreement", "schedule_outside_limits",
                        [](auto& e) { e.mutable_schedule()->set_minutes_per_day(481); }),
      Change<Agreement>("agreement", "bad_schedule",
                        [](auto& e) { e.mutable_schedule()->set_days_per_week(2); }),
      Change<Agreement>("agreement", "bad_schedule",
                        [](auto& e) {
                          e.mutable_schedule()->set_weekdays(0, event::v1::WEEKDAY_THURSDAY);
                        }),
      Change<Agreement>("agreement", "bad_schedule",
                        [](auto& e) { e.mutable_schedule()->set_minutes_per_day(0xFFFFFFFF); }),
      Change<Agreement>("agreement", "signatures_missing", [](auto& e) { e.clear_signatures(); }),
      Change<Agreement>("agreement", "signatures_missing",
                        [](auto& e) { e.mutable_signatures()->DeleteSubrange(0, 1); }),
      Change<Agreement>("agreement", "signatures_missing",
                        [](auto& e) { e.mutable_signatures()->DeleteSubrange(1, 1); }),
      Change<Agreement>("agreement", "duplicate",
                        [](auto& e) { *e.add_signatures() = e.signatures(0); }),
      Change<Agreement>("agreement", "future_date",
                        [](auto& e) { e.mutable_signatures(0)->set_signed_on("2025-02-25"); }),
      Change<Agreement>("agreement", "plan_required", [](auto& e) { e.clear_plan_id(); }),
      Change<Agreement>("agreement", "unknown_plan", [](auto& e) { e.set_plan_id("plan-9"); }),
      Change<Agreement>("agreement", "unknown_referral",
                        [](auto& e) { e.set_referral_id("ref-9"); }),
      Change<Agreement>("agreement", "provider_mismatch",
                        [](auto& e) { e.set_provider_agency(std::string(kOtherProvider)); }),
      Change<Agreement>("agreement", "wrong_agency",
                        [](auto& e) { e.set_provider_agency(std::string(kKela)); }),
      Change<Agreement>("agreement", "wrong_actor", [](auto&) {}, kVerstas),
      Change<Decision>("decision", "missing_field", [](auto& e) { e.clear_decision_number(); }),
      Change<Decision>("decision", "missing_field", [](auto& e) { e.clear_kind(); }),
      Change<Decision>("decision", "missing_field", [](auto& e) { e.clear_period_id(); }),
      Change<Decision>("decision", "missing_field", [](auto& e) { e.clear_valid_from(); }),
      Change<Decision>("decision", "agreement_missing", [](auto& e) { e.set_period_id("p-9"); }),
      Change<Decision>("decision", "dates_out_of_order",
                       [](auto& e) { e.set_valid_until("2025-03-02"); }),
      Change<Decision>("decision", "dates_out_of_order",
                       [](auto& e) { e.set_appeal_until("2025-02-24"); }),
      Change<Decision>("decision", "future_date", [](auto& e) { e.set_made_on("2025-02-26"); }),
      Change<Decision>("decision", "period_not_started",
                       [](auto& e) { e.set_kind(v1::DECISION_KIND_EXTENSION); }),
      Change<Decision>("extension decision", "duplicate",
                       [](auto& e) { e.set_decision_number("2025/117"); }),
      Change<Decision>("decision", "wrong_actor", [](auto&) {}, kVerstas),
      Change<Decision>("decision", "reason_required",
                       [](auto& e) {
                         e.set_granted(false);
                         e.clear_grounds();
                       }),
      Change<v1::AuthorityNotified>("authority told", "wrong_agency",
                                    [](auto& e) { e.set_authority_agency(std::string(kKela)); }),
      Change<v1::AuthorityNotified>("authority told", "unknown_period",
                                    [](auto& e) { e.set_period_id("p-9"); }),
      Change<v1::AuthorityNotified>("authority told", "missing_field",
                                    [](auto& e) { e.clear_notice(); }),
      Change<v1::PayerStatementGiven>("statement", "wrong_agency",
                                      [](auto& e) { e.set_payer_agency(std::string(kVerstas)); }),
      Change<v1::PayerStatementGiven>("statement", "wrong_actor", [](auto&) {}, kPohde),
      Change<v1::PayerStatementGiven>("statement", "missing_field",
                                      [](auto& e) { e.clear_result(); }),
  });
}

TEST(Refusal, AnAgreementWithoutWhatComesBefore) {
  const auto& agreement = *StepNamed("agreement").event;
  const auto without = [&](std::initializer_list<std::string_view> left_out) {
    OuluCase client;
    for (const Step& step : OuluPath()) {
      if (step.name == "agreement") break;
      if (std::find(left_out.begin(), left_out.end(), step.name) == left_out.end()) {
        client.Record(step.author, *step.event);
      }
    }
    return client.CodeOf(kPohde, agreement, "2025-02-24");
  };
  EXPECT_EQ(without({}), "");
  EXPECT_EQ(without({"client signs"}), "plan_not_signed");
  EXPECT_EQ(without({"social signs"}), "plan_not_signed");
  EXPECT_EQ(without({"authority signs"}), "plan_not_signed");
  EXPECT_EQ(without({"case manager"}), "case_manager_open");
  EXPECT_EQ(without({"accepted"}), "referral_not_accepted");
  // Explicitly nobody is an answer, silence is none (seed 002).
  OuluCase client;
  for (const Step& step : OuluPath()) {
    if (step.name == "agreement") break;
    client.Record(step.author, step.name == "case manager" ? *StepNamed("nobody").event : *step.event);
  }
  EXPECT_EQ(client.CodeOf(kPohde, agreement, "2025-02-24"), "");
}

TEST(Refusal, APlanOfAKindThatDoesNotLeadToTheService) {
  OuluCase client;
  client.GoTo("plan");
  client.Record(kVerstas, *StepNamed("follow-on plan").event);
  client.Record(kPohde, *StepNamed("case manager").event);
  auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("agreement").event);
  agreement.set_plan_id("plan-2");
  agreement.clear_referral_id();
  EXPECT_EQ(client.CodeOf(kPohde, agreement, "2025-02-24"), "plan_kind_not_allowed");
}

TEST(Refusal, AnActivationPlanFor2026IsClosedToWhoIsKnownToHaveNoBenefit) {
  for (const auto& [kind, code] :
       std::vector<std::pair<event::v1::BenefitKind, std::string>>{
           {event::v1::BENEFIT_KIND_NONE, "plan_kind_not_allowed"},
           {event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE, ""},
           // Of a client's benefits this agency may know a part: no proof of the contrary.
           {event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY, ""}}) {
    OuluCase client;
    client.Record(kOulu, *StepNamed("need").event);
    auto benefit = static_cast<const v1::BenefitRecorded&>(*StepNamed("benefit").event);
    benefit.set_kind(kind);
    client.Record(kKela, benefit);
    auto plan = static_cast<const v1::PlanDrafted&>(*StepNamed("plan").event);
    plan.set_kind(event::v1::PLAN_KIND_ACTIVATION);
    plan.set_drafted_on("2026-01-05");
    client.Record(kPohde, plan);
    for (const char* name : {"client signs", "social signs", "authority signs", "case manager"}) {
      client.Record(kPohde, *StepNamed(name).event);
    }
    auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("agreement").event);
    agreement.clear_referral_id();
    agreement.set_starts_on("2026-02-02");
    agreement.set_ends_on("2026-05-01");
    agreement.clear_review_on();
    EXPECT_EQ(client.CodeOf(kPohde, agreement, "2026-01-20"), code);
  }
}

TEST(Refusal, Starts) {
  using Start = v1::ServiceStarted;
  ExpectRefusals({
      Change<Start>("start", "missing_field", [](auto& e) { e.clear_period_id(); }),
      Change<Start>("start", "missing_field", [](auto& e) { e.clear_provider_agency(); }),
      Change<Start>("start", "missing_field", [](auto& e) { e.clear_starts_on(); }),
      Change<Start>("start", "future_date", [](auto&) {}, kVerstas, "2025-03-02"),
      Change<Start>("start", "agreement_missing", [](auto& e) { e.set_period_id("p-9"); }),
      Change<Start>("start", "before_agreement",
                    [](auto& e) {
                      e.set_starts_on("2025-02-28");
                      e.clear_first_started_on();
                    }),
      Change<Start>("start", "beyond_agreement", [](auto& e) { e.set_ends_on("2025-06-03"); }),
      Change<Start>("start", "dates_out_of_order", [](auto& e) { e.set_ends_on("2025-03-02"); }),
      Change<Start>("start", "dates_out_of_order",
                    [](auto& e) { e.set_first_started_on("2025-03-04"); }),
      Change<Start>("start", "provider_mismatch",
                    [](auto& e) { e.set_provider_agency(std::string(kOtherProvider)); },
                    kOtherProvider),
      Change<Start>("start", "wrong_actor", [](auto&) {}, kOtherProvider),
      Change<Start>("start", "wrong_actor", [](auto&) {}, kOulu),
      Change<Start>("start", "wrong_agency",
                    [](auto& e) { e.set_provider_agency(std::string(kKela)); }),
      Change<Start>("start", "unknown_referral", [](auto& e) { e.set_referral_id("ref-9"); }),
      Change<Start>("start", "not_offered",
                    [](auto& e) { e.set_variant(event::v1::SERVICE_VARIANT_DISABILITY_WORK); }),
      Change<Start>("start", "schedule_outside_limits",
                    [](auto& e) { e.mutable_schedule()->set_days_per_week(5); }),
  });
}

TEST(Refusal, AStartWithoutADecisionThatCoversIt) {
  const auto& start = *StepNamed("start").event;
  const auto code_with = [&](std::function<void(v1::DecisionMade&)> change) {
    OuluCase client;
    client.GoTo("decision");
    auto decision = static_cast<const v1::DecisionMade&>(*StepNamed("decision").event);
    change(decision);
    client.Record(kPohde, decision);
    return client.CodeOf(kVerstas, start, "2025-03-03");
  };
  EXPECT_EQ(code_with([](auto&) {}), "");
  EXPECT_EQ(code_with([](auto& d) { d.set_granted(false); }), "decision_missing");
  EXPECT_EQ(code_with([](auto& d) { d.set_kind(v1::DECISION_KIND_CHANGE); }), "decision_missing");
  EXPECT_EQ(code_with([](auto& d) { d.set_valid_from("2025-03-04"); }), "decision_missing");
  EXPECT_EQ(code_with([](auto& d) { d.set_valid_until("2025-03-02"); }), "decision_missing");
  EXPECT_EQ(code_with([](auto& d) { d.set_period_id("p-2"); }), "decision_missing");
}

TEST(Refusal, ASecondPeriodAtTheSamePlaceWhileOneRuns) {
  OuluCase client;
  client.GoTo("interrupted");
  auto agreement = static_cast<const v1::AgreementMade&>(*StepNamed("second agreement").event);
  agreement.set_period_id("p-2");
  client.Record(kPohde, agreement);
  auto decision = static_cast<const v1::DecisionMade&>(*StepNamed("decision").event);
  decision.set_period_id("p-2");
  decision.clear_valid_until();
  client.Record(kPohde, decision);
  auto start = static_cast<const v1::ServiceStarted&>(*StepNamed("start").event);
  start.set_period_id("p-2");
  start.set_starts_on("2025-06-03");
  start.set_ends_on("2025-12-02");
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-06-03"), "period_running");
  client.Record(kVerstas, *StepNamed("end").event);
  EXPECT_EQ(client.CodeOf(kVerstas, start, "2025-06-03"), "");
}

TEST(Refusal, WhatHappensToARunningPeriod) {
  using Extended = v1::ServiceExtended;
  using Changed = v1::ServiceChanged;
  using Interrupted = v1::ServiceInterrupted;
  using Resumed = v1::ServiceResumed;
  ExpectRefusals({
      Change<Extended>("extended", "unknown_period", [](auto& e) { e.set_period_id("p-9"); }),
      Change<Extended>("extended", "missing_field", [](auto& e) { e.clear_ends_on(); }),
      Change<Extended>("extended", "dates_out_of_order", [](auto& e) { e.set_ends_on("2025-06-02"); }),
      Change<Extended>("extended", "decision_missing", [](auto& e) { e.set_ends_on("2025-12-03"); }),
      Change<Extended>("extended", "decision_missing",
                       [](auto& e) { e.set_decision_number("2025/1"); }),
      Change<Extended>("extended", "agreement_too_long", [](auto& e) { e.set_ends_on("2027-06-04"); }),
      Change<Extended>("extended", "wrong_actor", [](auto&) {}, kVerstas),
      Change<Changed>("changed", "missing_field", [](auto& e) { e.clear_changed_from(); }),
      Change<Changed>("changed", "missing_field", [](auto& e) { e.clear_provider_agency(); }),
      Change<Changed>("changed", "dates_out_of_order",
                      [](auto& e) { e.set_changed_from("2025-03-02"); }),
      Change<Changed>("changed", "dates_out_of_order",
                      [](auto& e) { e.set_changed_from("2025-06-03"); }),
      Change<Changed>("changed", "wrong_actor",
                      [](auto& e) { e.set_provider_agency(std::string(kOtherProvider)); }),
      Change<Changed>("changed", "wrong_actor", [](auto&) {}, kOtherProvider),
      Change<Changed>("changed", "schedule_outside_limits",
                      [](auto& e) { e.mutable_schedule()->set_days_per_week(5); }),
      Change<Interrupted>("interrupted", "missing_field",
                          [](auto& e) { e.clear_interrupted_from(); }),
      Change<Interrupted>("interrupted", "reason_required", [](auto& e) { e.clear_reason(); }),
      Change<Interrupted>("interrupted", "dates_out_of_order",
                          [](auto& e) { e.set_interrupted_from("2025-06-03"); }),
      Change<Interrupted>("interrupted", "dates_out_of_order",
                          [](auto& e) { e.set_expected_until("2025-04-06"); }),
      Change<Interrupted>("interrupted", "wrong_actor", [](auto&) {}, kOtherProvider),
      Change<Resumed>("resumed", "future_date", [](auto& e) { e.set_resumed_on("2025-04-23"); }),
      Change<Resumed>("resumed", "dates_out_of_order",
                      [](auto& e) { e.set_resumed_on("2025-04-07"); }),
      Change<Resumed>("resumed", "missing_field", [](auto& e) { e.clear_resumed_on(); }),
  });
  OuluCase client;
  client.GoTo("interrupted");
  EXPECT_EQ(client.CodeOf(kVerstas, *StepNamed("resumed").event, "2025-04-22"), "not_interrupted");
  client.Record(kVerstas, *StepNamed("interrupted").event);
  EXPECT_EQ(client.CodeOf(kPohde, *StepNamed("interrupted").event, "2025-04-22"),
            "already_interrupted");
  client.Record(kVerstas, *StepNamed("resumed").event);
  EXPECT_EQ(client.CodeOf(kPohde, *StepNamed("interrupted").event, "2025-04-22"),
            "dates_out_of_order");
}

TEST(Refusal, NothingHappensBeforeTheStartOrAfterTheEnd) {
  const std::vector<std::string> later = {"interrupted", "resumed", "changed", "extended"};
  OuluCase client;
  client.GoTo("start");
  for (const std::string& name : later) {
    const Step step = StepNamed(name);
    EXPECT_EQ(client.CodeOf(step.author, *step.event, step.day), "period_not_started") << name;
  }
  EXPECT_EQ(client.CodeOf(kVerstas, *StepNamed("end").event, "2025-11-28"), "period_not_started");
  EXPECT_EQ(client.CodeOf(kOulu, *StepNamed("follow-up 3").event, "2026-03-02"), "period_not_ended");
  OuluCase ended;
  ended.GoTo("completed");
  for (const std::string& name : later) {
    const Step step = StepNamed(name);
    EXPECT_EQ(ended.CodeOf(step.author, *step.event, step.day), "already_ended") << name;
  }
  EXPECT_EQ(ended.CodeOf(kPohde, *StepNamed("second agreement").event, "2025-12-01"),
            "already_ended");
}

TEST(Refusal, EndsFollowUpsAndClosing) {
  using End = v1::ServiceEnded;
  using FollowUp = v1::FollowUpRecorded;
  ExpectRefusals({
      Change<End>("end", "future_date", [](auto& e) { e.set_ended_on("2025-11-29"); }),
      Change<End>("end", "dates_out_of_order", [](auto& e) { e.set_ended_on("2025-03-02"); }),
      Change<End>("end", "after_agreed_end", [](auto& e) { e.set_ended_on("2025-12-03"); }, kVerstas,
                  "2025-12-31"),
      Change<End>("end", "missing_field", [](auto& e) { e.clear_ended_on(); }),
      Change<End>("end", "missing_field", [](auto& e) { e.clear_manner(); }),
      Change<End>("end", "missing_field",
                  [](auto& e) {
                    e.clear_exit_group();
                    e.clear_exit_code();
                  }),
      Change<End>("end", "exit_group_mismatch",
                  [](auto& e) { e.set_exit_group(event::v1::EXIT_GROUP_WORK); }),
      Change<End>("end", "exit_group_mismatch", [](auto& e) { e.clear_exit_group(); }),
      Change<End>("end", "unknown_plan", [](auto& e) { e.set_follow_on_plan_id("plan-9"); }),
      Change<End>("end", "unknown_period", [](auto& e) { e.set_period_id("p-9"); }),
      Change<End>("end", "wrong_actor", [](auto&) {}, kOtherProvider),
      Change<End>("end", "identity_code_misplaced", [](auto& e) { e.set_note("010594Y9032"); }),
      Change<FollowUp>("follow-up 3", "bad_value", [](auto& e) { e.set_months(4); }),
      Change<FollowUp>("follow-up 3", "too_early", [](auto& e) { e.set_asked_on("2026-01-27"); }),
      Change<FollowUp>("follow-up 3", "bad_value", [](auto& e) { e.set_reached(false); }),
      Change<FollowUp>("follow-up 3", "missing_field",
                       [](auto& e) {
                         e.clear_exit_group();
                         e.clear_exit_code();
                       }),
      Change<FollowUp>("follow-up 3", "exit_group_mismatch",
                       [](auto& e) { e.set_exit_group(event::v1::EXIT_GROUP_WORK); }),
      Change<FollowUp>("follow-up 3", "unknown_period", [](auto& e) { e.set_period_id("p-9"); }),
      Change<FollowUp>("follow-up 6", "duplicate", [](auto& e) { e.set_months(3); }),
      Change<v1::CaseClosed>("closed", "future_date", [](auto& e) { e.set_closed_on("2026-06-02"); }),
      Change<v1::CaseClosed>("closed", "wrong_actor", [](auto&) {}, kVerstas),
  });
  OuluCase client;
  client.GoTo("end");
  EXPECT_EQ(client.CodeOf(kPohde, *StepNamed("closed").event, "2026-06-01"), "period_running");
  client.Record(kVerstas, *StepNamed("end").event);
  EXPECT_EQ(client.CodeOf(kPohde, *StepNamed("closed").event, "2026-06-01"), "referral_open");
  // Not reached is no answer: it may be asked again.
  OuluCase follow;
  follow.GoTo("follow-up 3");
  auto not_reached = Text<v1::FollowUpRecorded>(
      R"(period_id: "p-1" months: 3 asked_on: "2026-02-27" reached: false)");
  follow.Record(kOulu, not_reached);
  EXPECT_EQ(follow.CodeOf(kOulu, *StepNamed("follow-up 3").event, "2026-03-02"), "");
}

TEST(Refusal, AnExitCodeThatTheRegionDoesNotHave) {
  OuluCase client;
  client.GoTo("end");
  client.profile().mutable_exits(0)->clear_codes();
  client.profile().mutable_exits(0)->add_codes(event::v1::EXIT_CODE_STUDY);
  EXPECT_EQ(client.CodeOf(kVerstas, *StepNamed("end").event, "2025-11-28"),
            "exit_code_not_in_profile");
}

TEST(Refusal, CaseManagersServicesAndBenefits) {
  using Named = v1::CaseManagerNamed;
  ExpectRefusals({
      Change<Named>("case manager", "missing_field", [](auto& e) { e.clear_side(); }),
      Change<Named>("case manager", "missing_field", [](auto& e) { e.clear_official(); }),
      Change<Named>("case manager", "missing_field", [](auto& e) { e.clear_title(); }),
      Change<Named>("case manager", "missing_field", [](auto& e) { e.clear_valid_from(); }),
      Change<Named>("case manager", "wrong_actor",
                    [](auto& e) { e.set_agency(std::string(kOulu)); }),
      Change<Named>("case manager", "wrong_actor",
                    [](auto& e) { e.set_side(event::v1::CASE_MANAGER_SIDE_PROVIDER); }),
      Change<v1::NoCaseManagerNamed>("nobody", "reason_required", [](auto& e) { e.clear_reason(); }),
      Change<v1::NoCaseManagerNamed>("nobody", "missing_field",
                                     [](auto& e) { e.clear_valid_from(); }),
      Change<v1::SocialServiceNoted>("social service", "missing_field",
                                     [](auto& e) { e.clear_kind(); }),
      Change<v1::HealthServiceNoted>("health service", "missing_field",
                                     [](auto& e) { e.clear_kind(); }),
      Change<v1::HealthServiceNoted>("health service", "dates_out_of_order",
                                     [](auto& e) { e.set_service_until("2025-01-09"); }),
      Change<v1::BenefitRecorded>("benefit", "missing_field", [](auto& e) { e.clear_kind(); }),
      Change<v1::BenefitRecorded>("benefit", "missing_field",
                                  [](auto& e) { e.clear_payer_agency(); }),
      Change<v1::BenefitRecorded>("benefit", "missing_field", [](auto& e) { e.clear_valid_from(); }),
      Change<v1::BenefitRecorded>("benefit", "wrong_agency",
                                  [](auto& e) { e.set_payer_agency(std::string(kVerstas)); }),
      Change<v1::BenefitRecorded>("benefit", "dates_out_of_order",
                                  [](auto& e) { e.set_valid_until("2023-12-31"); }),
  });
}

}  // namespace
}  // namespace polku::referral
