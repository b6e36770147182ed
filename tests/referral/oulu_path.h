// One client's path in Oulu from need to follow-up and closing, as a list of events with their authors
// and the day each is recorded: every step is taken without a refusal (path_test.cc), and the
// refusals are told as what differs from it (refusals_test.cc).
#ifndef POLKU_TESTS_REFERRAL_OULU_PATH_H_
#define POLKU_TESTS_REFERRAL_OULU_PATH_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "polku/referral/v1/referral.pb.h"
#include "services/referral/referral.h"
#include "services/referral/state.h"
#include "tests/support/domain_case.h"

namespace polku::referral {

using testing::Copy;
using testing::DomainCase;
using testing::kAuditor;
using testing::kHospital;
using testing::kKela;
using testing::kOtherProvider;
using testing::kOulu;
using testing::kPohde;
using testing::kStranger;
using testing::kVerstas;
using testing::Text;

struct Step {
  std::string name;
  std::string_view author;
  std::string day;
  std::shared_ptr<const google::protobuf::Message> event;
};

template <typename T>
Step MakeStep(std::string name, std::string_view author, std::string day, const std::string& text) {
  return {std::move(name), author, std::move(day), Copy(Text<T>(text))};
}

// clang-format off
inline std::vector<Step> OuluPath() {
  std::vector<Step> path;
  const auto add = [&path](Step step) { path.push_back(std::move(step)); };
  add(MakeStep<v1::NeedIdentified>("need", kOulu, "2025-01-07", R"(
      identified_on: "2025-01-07" source: NEED_SOURCE_TIME_CRITERION municipality_code: "564"
      unemployed_from: "2023-05-01" social_reasons: "pitkä työttömyys")"));
  add(MakeStep<v1::ClientIdentified>("client", kOulu, "2025-01-07", R"(
      municipality_code: "564" identity_code: "010594Y9032" family_name: "Esimerkki" given_names: "Aino"
      birth_year: 1994 sex: SEX_MALE language: "fi")"));
  add(MakeStep<v1::ServiceNeedAssessed>("need assessed", kOulu, "2025-01-14", R"(
      assessed_on: "2025-01-14" result: NEED_RESULT_REHABILITATIVE_WORK
      variant: SERVICE_VARIANT_INCLUSION)"));
  add(MakeStep<v1::BenefitRecorded>("benefit", kKela, "2025-01-15", R"(
      payer_agency: "FI/GOV/0246246-0/kela" kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY
      valid_from: "2024-01-01")"));
  add(MakeStep<v1::SocialServiceNoted>("social service", kPohde, "2025-01-15", R"(
      kind: SOCIAL_SERVICE_KIND_DEBT_ADVICE service_from: "2024-10-01")"));
  add(MakeStep<v1::HealthServiceNoted>("health service", kHospital, "2025-01-15", R"(
      kind: HEALTH_SERVICE_KIND_HEALTH_CHECK service_from: "2025-01-10" service_until: "2025-01-10")"));
  add(MakeStep<v1::PlanDrafted>("plan", kPohde, "2025-01-20", R"(
      plan_id: "plan-1" revision: 1 kind: PLAN_KIND_MULTI_SECTOR drafted_on: "2025-01-20"
      review_on: "2025-07-20" rehabilitative_work: REHABILITATIVE_WORK_IN_PLAN_INCLUDED
      signers_needed: ACTOR_ROLE_CLIENT signers_needed: ACTOR_ROLE_SOCIAL_SERVICES
      signers_needed: ACTOR_ROLE_EMPLOYMENT_AUTHORITY goals: "arkirytmi")"));
  add(MakeStep<v1::PlanSigned>("client signs", kPohde, "2025-01-20", R"(
      plan_id: "plan-1" revision: 1 signer: ACTOR_ROLE_CLIENT signed_on: "2025-01-20")"));
  add(MakeStep<v1::PlanSigned>("social signs", kPohde, "2025-01-20", R"(
      plan_id: "plan-1" revision: 1 signer: ACTOR_ROLE_SOCIAL_SERVICES signed_on: "2025-01-20")"));
  add(MakeStep<v1::PlanSigned>("authority signs", kOulu, "2025-01-21", R"(
      plan_id: "plan-1" revision: 1 signer: ACTOR_ROLE_EMPLOYMENT_AUTHORITY signed_on: "2025-01-21")"));
  add(MakeStep<v1::CaseManagerNamed>("case manager", kPohde, "2025-01-21", R"(
      side: CASE_MANAGER_SIDE_ORGANISER title: CASE_MANAGER_TITLE_COORDINATOR
      agency: "FI/MUN/3221331-8/pohde" official: "ak-07" valid_from: "2025-01-21")"));
  add(MakeStep<v1::ReferralMade>("draft", kOulu, "2025-01-22", R"(
      referral_id: "ref-1" status: REFERRAL_STATUS_DRAFT made_on: "2025-01-22"
      requester_agency: "FI/MUN/0187690-1/oulu" target_agency: "FI/COM/1234567-1/verstas"
      plan_id: "plan-1" variant: SERVICE_VARIANT_INCLUSION form: SERVICE_FORM_GROUP
      provision: PROVISION_PURCHASED wanted_from: "2025-03-03")"));
  add(MakeStep<v1::ReferralStatusChanged>("requested", kOulu, "2025-01-22", R"(
      referral_id: "ref-1" status: REFERRAL_STATUS_REQUESTED effective_on: "2025-01-22"
      target_agency: "FI/COM/1234567-1/verstas")"));
  add(MakeStep<v1::PlaceAnswered>("place", kVerstas, "2025-01-27", R"(
      referral_id: "ref-1" answer: PLACE_ANSWER_CAPACITY answered_on: "2025-01-27"
      place_code: "verstas-a" available_from: "2025-03-03")"));
  add(MakeStep<v1::ReferralStatusChanged>("accepted", kVerstas, "2025-01-28", R"(
      referral_id: "ref-1" status: REFERRAL_STATUS_ACCEPTED effective_on: "2025-01-28")"));
  add(MakeStep<v1::IntroductoryVisitArranged>("visit arranged", kPohde, "2025-01-29", R"(
      referral_id: "ref-1" visit_on: "2025-02-05" place_code: "verstas-a")"));
  add(MakeStep<v1::IntroductoryVisitHeld>("visit held", kVerstas, "2025-02-05", R"(
      referral_id: "ref-1" visit_on: "2025-02-05" place_code: "verstas-a" result: VISIT_RESULT_AGREED
      agreed_schedule { days_per_week: 3 minutes_per_day: 300 } start_on: "2025-03-03")"));
  add(MakeStep<v1::NetworkMeetingCalled>("meeting called", kPohde, "2025-02-06", R"(
      meeting_id: "meet-1" meeting_on: "2025-02-20" invited: ACTOR_ROLE_CLIENT
      invited_agencies: "FI/COM/1234567-1/verstas")"));
  add(MakeStep<v1::NetworkMeetingHeld>("meeting held", kPohde, "2025-02-20", R"(
      meeting_id: "meet-1" meeting_on: "2025-02-20" present: ACTOR_ROLE_CLIENT present: ACTOR_ROLE_PROVIDER
      present_agencies: "FI/COM/1234567-1/verstas" next_meeting_on: "2025-06-02"
      commitments { number: 1 member: ACTOR_ROLE_PROVIDER agency: "FI/COM/1234567-1/verstas"
                    task: "perehdytys" due_on: "2025-03-14" }
      commitments { number: 2 member: ACTOR_ROLE_CLIENT task: "terveystarkastus" })"));
  add(MakeStep<v1::CommitmentConfirmed>("provider commits", kVerstas, "2025-02-20", R"(
      meeting_id: "meet-1" number: 1 state: COMMITMENT_STATE_COMMITTED confirmed_on: "2025-02-20")"));
  add(MakeStep<v1::CommitmentConfirmed>("client commits", kPohde, "2025-02-20", R"(
      meeting_id: "meet-1" number: 2 state: COMMITMENT_STATE_COMMITTED confirmed_on: "2025-02-20")"));
  add(MakeStep<v1::AgreementMade>("agreement", kPohde, "2025-02-24", R"(
      period_id: "p-1" referral_id: "ref-1" plan_id: "plan-1" provider_agency: "FI/COM/1234567-1/verstas"
      place_code: "verstas-a" starts_on: "2025-03-03" ends_on: "2025-06-02"
      schedule { days_per_week: 3 minutes_per_day: 300
                 weekdays: WEEKDAY_MONDAY weekdays: WEEKDAY_TUESDAY weekdays: WEEKDAY_THURSDAY }
      review_on: "2025-05-26"
      signatures { signer: ACTOR_ROLE_CLIENT signed_on: "2025-02-24" }
      signatures { signer: ACTOR_ROLE_SOCIAL_SERVICES signed_on: "2025-02-24" }
      signatures { signer: ACTOR_ROLE_PROVIDER signed_on: "2025-02-24" })"));
  add(MakeStep<v1::DecisionMade>("decision", kPohde, "2025-02-25", R"(
      decision_number: "2025/117" kind: DECISION_KIND_START granted: true period_id: "p-1"
      made_on: "2025-02-25" valid_from: "2025-03-03" valid_until: "2025-06-02"
      appeal_until: "2025-03-27" travel_granted: true)"));
  add(MakeStep<v1::AuthorityNotified>("authority told", kPohde, "2025-02-26", R"(
      notice: NOTICE_KIND_START period_id: "p-1" authority_agency: "FI/MUN/0187690-1/oulu"
      notified_on: "2025-02-26" effective_on: "2025-03-03")"));
  add(MakeStep<v1::PayerStatementGiven>("statement", kOulu, "2025-02-27", R"(
      period_id: "p-1" payer_agency: "FI/GOV/0246246-0/kela" given_on: "2025-02-27"
      effective_from: "2025-03-03" effective_until: "2025-06-02" result: STATEMENT_RESULT_ENTITLED)"));
  add(MakeStep<v1::ServiceStarted>("start", kVerstas, "2025-03-03", R"(
      period_id: "p-1" referral_id: "ref-1" provider_agency: "FI/COM/1234567-1/verstas"
      place_code: "verstas-a" starts_on: "2025-03-03" ends_on: "2025-06-02"
      schedule { days_per_week: 3 minutes_per_day: 300 } variant: SERVICE_VARIANT_INCLUSION
      form: SERVICE_FORM_GROUP provision: PROVISION_PURCHASED first_started_on: "2025-03-03"
      municipality_code: "564")"));
  add(MakeStep<v1::ReferralStatusChanged>("in progress", kVerstas, "2025-03-03", R"(
      referral_id: "ref-1" status: REFERRAL_STATUS_IN_PROGRESS effective_on: "2025-03-03")"));
  add(MakeStep<v1::CommitmentConfirmed>("commitment done", kVerstas, "2025-03-14", R"(
      meeting_id: "meet-1" number: 1 state: COMMITMENT_STATE_DONE confirmed_on: "2025-03-14")"));
  add(MakeStep<v1::ServiceInterrupted>("interrupted", kVerstas, "2025-04-07", R"(
      period_id: "p-1" interrupted_from: "2025-04-07" expected_until: "2025-04-18"
      reason: STATUS_REASON_CLIENT_SITUATION)"));
  add(MakeStep<v1::ServiceResumed>("resumed", kVerstas, "2025-04-22", R"(
      period_id: "p-1" resumed_on: "2025-04-22")"));
  add(MakeStep<v1::ServiceChanged>("changed", kVerstas, "2025-05-05", R"(
      period_id: "p-1" changed_from: "2025-05-05" provider_agency: "FI/COM/1234567-1/verstas"
      place_code: "verstas-b" schedule { days_per_week: 4 minutes_per_day: 300 })"));
  add(MakeStep<v1::AgreementMade>("second agreement", kPohde, "2025-05-26", R"(
      period_id: "p-1" referral_id: "ref-1" plan_id: "plan-1" provider_agency: "FI/COM/1234567-1/verstas"
      starts_on: "2025-06-03" ends_on: "2025-12-02" schedule { days_per_week: 4 minutes_per_day: 300 }
      signatures { signer: ACTOR_ROLE_CLIENT signed_on: "2025-05-26" }
      signatures { signer: ACTOR_ROLE_SOCIAL_SERVICES signed_on: "2025-05-26" })"));
  add(MakeStep<v1::DecisionMade>("extension decision", kPohde, "2025-05-27", R"(
      decision_number: "2025/431" kind: DECISION_KIND_EXTENSION granted: true period_id: "p-1"
      made_on: "2025-05-27" valid_from: "2025-06-03" valid_until: "2025-12-02")"));
  add(MakeStep<v1::ServiceExtended>("extended", kPohde, "2025-05-28", R"(
      period_id: "p-1" ends_on: "2025-12-02" decision_number: "2025/431")"));
  add(MakeStep<v1::PlanDrafted>("follow-on plan", kVerstas, "2025-11-24", R"(
      plan_id: "plan-2" revision: 1 kind: PLAN_KIND_FOLLOW_ON drafted_on: "2025-11-24"
      goals: "työkokeilu")"));
  add(MakeStep<v1::ServiceEnded>("end", kVerstas, "2025-11-28", R"(
      period_id: "p-1" ended_on: "2025-11-28" manner: END_MANNER_GOAL_REACHED
      exit_group: EXIT_GROUP_EMPLOYMENT_SERVICE exit_code: EXIT_CODE_WORK_TRIAL
      follow_on_plan_id: "plan-2")"));
  add(MakeStep<v1::ReferralStatusChanged>("completed", kVerstas, "2025-11-28", R"(
      referral_id: "ref-1" status: REFERRAL_STATUS_COMPLETED effective_on: "2025-11-28")"));
  add(MakeStep<v1::OrganiserTransferred>("handed over", kVerstas, "2025-12-15", R"(
      from_agency: "FI/COM/1234567-1/verstas" to_agency: "FI/COM/2345678-0/paja"
      effective_on: "2026-01-01" reason: TRANSFER_REASON_REORGANISED note: "yhdistyivät")"));
  add(MakeStep<v1::FollowUpRecorded>("follow-up 3", kOulu, "2026-03-02", R"(
      period_id: "p-1" months: 3 asked_on: "2026-03-02" reached: true
      exit_group: EXIT_GROUP_EMPLOYMENT_SERVICE exit_code: EXIT_CODE_WORK_TRIAL)"));
  add(MakeStep<v1::FollowUpRecorded>("follow-up 6", kOulu, "2026-05-29", R"(
      period_id: "p-1" months: 6 asked_on: "2026-05-29" reached: true
      exit_group: EXIT_GROUP_WORK exit_code: EXIT_CODE_WAGE_SUBSIDISED_JOB)"));
  add(MakeStep<v1::NoCaseManagerNamed>("nobody", kPohde, "2026-06-01", R"(
      side: CASE_MANAGER_SIDE_ORGANISER valid_from: "2026-06-01" reason: NO_CASE_MANAGER_REASON_VACANT)"));
  add(MakeStep<v1::CasesLinked>("linked", kPohde, "2026-06-01", R"(
      other_case_id: "another case id." reason: LINK_REASON_CHANGED_CODE linked_on: "2026-06-01")"));
  add(MakeStep<v1::CasesUnlinked>("unlinked", kPohde, "2026-06-01", R"(
      other_case_id: "another case id." reason: UNLINK_REASON_NOT_SAME_PERSON
      unlinked_on: "2026-06-01")"));
  add(MakeStep<v1::CaseClosed>("closed", kPohde, "2026-06-01", R"(closed_on: "2026-06-01")"));
  return path;
}

// What there is to say of a place, in a case of its own.
inline std::vector<Step> PlacePath() {
  std::vector<Step> path;
  path.push_back(MakeStep<v1::PlaceListed>("listed", kVerstas, "2025-01-07", R"(
      provider_agency: "FI/COM/1234567-1/verstas" place_code: "verstas-a"
      names { language: "fi" text: "Puuverstas" } municipality_code: "564"
      variant: SERVICE_VARIANT_INCLUSION form: SERVICE_FORM_GROUP provision: PROVISION_PURCHASED
      capacity: 12 weekdays: WEEKDAY_MONDAY weekdays: WEEKDAY_THURSDAY valid_from: "2025-01-01")"));
  path.push_back(MakeStep<v1::PlaceWithdrawn>("withdrawn", kVerstas, "2025-08-01", R"(
      provider_agency: "FI/COM/1234567-1/verstas" place_code: "verstas-a"
      withdrawn_on: "2025-09-01")"));
  return path;
}
// clang-format on

// The service has no state of its own; one serves all cases.
inline const service::Service& TheReferralService() {
  static const auto* const service = MakeReferralService().release();
  return *service;
}

class OuluCase : public DomainCase {
 public:
  OuluCase()
      : DomainCase(TheReferralService(), testing::OuluProfile(), testing::OuluAgreement(), kOulu) {}
  const State& referral_state() const { return static_cast<const State&>(state()); }

  // Records the path before the step of that name; "" for the whole path.
  void GoTo(std::string_view name) {
    for (const Step& step : OuluPath()) {
      if (step.name == name) return;
      Record(step.author, *step.event);
    }
    if (!name.empty()) ADD_FAILURE() << "the path has no step \"" << name << "\"";
  }
};

// A step of the path, which lives as long as the program.
inline const Step& StepNamed(std::string_view name) {
  static const auto* const path = new std::vector<Step>(OuluPath());
  for (const Step& step : *path) {
    if (step.name == name) return step;
  }
  ADD_FAILURE() << "the path has no step \"" << name << "\"";
  return path->front();
}

}  // namespace polku::referral

#endif  // POLKU_TESTS_REFERRAL_OULU_PATH_H_
