#include "services/referral/decide.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/finnish_ids.h"
#include "services/core/offer_checks.h"
#include "services/referral/events.h"

namespace polku::referral {
namespace {

using absl::CivilDay;
using config::v1::AgencyRole;
using event::v1::ActorRole;
using service::AddMonths;
using service::FindRule;
using service::ParseDate;
using service::Refusal;
using service::RuleHolds;

using Answer = std::optional<Refusal>;
using Roles = std::initializer_list<AgencyRole>;

constexpr AgencyRole kEmploymentServices = config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES;
constexpr AgencyRole kEmploymentAuthority = config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY;
constexpr AgencyRole kSocialServices = config::v1::AGENCY_ROLE_SOCIAL_SERVICES;
constexpr AgencyRole kProvider = config::v1::AGENCY_ROLE_PROVIDER;
constexpr AgencyRole kBenefitPayer = config::v1::AGENCY_ROLE_BENEFIT_PAYER;
constexpr AgencyRole kHealthCare = config::v1::AGENCY_ROLE_HEALTH_CARE;

// An auditor reads (DOMAIN, Actors); it is in no list of authors.
constexpr std::array<AgencyRole, 6> kAnyAuthor = {kEmploymentServices, kEmploymentAuthority,
                                                  kSocialServices,     kProvider,
                                                  kBenefitPayer,       kHealthCare};

// Follow-ups where the profile has no rule of its own (DOMAIN step 15).
constexpr std::array<uint32_t, 2> kFollowUpMonths = {3, 6};
// How long before its month a follow-up may be asked and still tell of that month.
constexpr int kFollowUpEarlyMonths = 1;

// The agency role that an actor role stands for; nullopt for persons and for actors without one.
std::optional<AgencyRole> AgencyRoleOf(ActorRole role) {
  switch (role) {
    case event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY:
      return kEmploymentAuthority;
    case event::v1::ACTOR_ROLE_EMPLOYMENT_SERVICES:
      return kEmploymentServices;
    case event::v1::ACTOR_ROLE_SOCIAL_SERVICES:
      return kSocialServices;
    case event::v1::ACTOR_ROLE_PROVIDER:
      return kProvider;
    case event::v1::ACTOR_ROLE_BENEFIT_PAYER:
      return kBenefitPayer;
    case event::v1::ACTOR_ROLE_HEALTH_CARE:
      return kHealthCare;
    default:
      return std::nullopt;
  }
}

bool IsPerson(ActorRole role) {
  return role == event::v1::ACTOR_ROLE_CLIENT || role == event::v1::ACTOR_ROLE_RELATIVE;
}

Refusal Refuse(std::string_view code, std::string_view message) {
  return {std::string(code), std::string(message)};
}

Refusal Missing(std::string_view field) {
  return Refuse("missing_field", Str("fill in field ", field));
}

// The requests below read like a form: each line a condition and what to say when it fails.
class Decider {
 public:
  Decider(const State& state, const service::Offer& offer, const service::Rules& rules,
          CivilDay today)
      : state_(state),
        case_id_(offer.case_id),
        author_(offer.author_agency),
        corrects_(!offer.corrects.is_zero()),
        rules_(rules),
        today_(today) {}

  Answer On(const v1::ClientIdentified& e) {
    if (auto no = AuthorIsAny()) return no;
    std::optional<service::PersonalIdentity> identity;
    if (!e.identity_code().empty()) {
      identity = service::ParsePersonalIdentityCode(e.identity_code());
      if (!identity || identity->born > today_) return BadIdentityCode();
    }
    for (const std::string& earlier : e.earlier_identity_codes()) {
      if (!service::ParsePersonalIdentityCode(earlier)) return BadIdentityCode();
      if (earlier == e.identity_code()) {
        return Refuse("bad_value",
                      "field earlier_identity_codes: the present code is none of the earlier ones");
      }
    }
    if (e.birth_year() != 0 &&
        (e.birth_year() < 1900 || e.birth_year() > static_cast<uint32_t>(today_.year()))) {
      return Refuse("bad_value", "field birth_year: write a year from 1900 to this year");
    }
    if (identity) {
      const bool other_year =
          e.birth_year() != 0 && static_cast<absl::civil_year_t>(e.birth_year()) != identity->born.year();
      const bool other_sex = e.sex() != v1::SEX_UNSPECIFIED &&
                             (e.sex() == v1::SEX_FEMALE) != identity->female;
      if (other_year || other_sex) {
        return Refuse("identity_mismatch",
                      "birth_year or sex is not what the personal identity code tells; correct "
                      "the one that is wrong");
      }
    }
    if (!e.language().empty() && e.language() != "fi" && e.language() != "sv" &&
        e.language() != "en") {
      return Refuse("bad_value", "field language: write fi, sv or en");
    }
    return std::nullopt;
  }

  Answer On(const v1::NeedIdentified& e) {
    if (auto no = AuthorIsAny()) return no;
    if (auto no = Happened("identified_on", e.identified_on())) return no;
    if (e.source() == v1::NEED_SOURCE_UNSPECIFIED) return Missing("source");
    return InOrder("unemployed_from", e.unemployed_from(), "identified_on", e.identified_on());
  }

  Answer On(const v1::ServiceNeedAssessed& e) {
    if (auto no = AuthorIs({kEmploymentServices, kSocialServices})) return no;
    if (auto no = Happened("assessed_on", e.assessed_on())) return no;
    if (e.result() == v1::NEED_RESULT_UNSPECIFIED) return Missing("result");
    return std::nullopt;
  }

  Answer On(const v1::PlanDrafted& e) {
    const bool follow_on = e.kind() == event::v1::PLAN_KIND_FOLLOW_ON;
    // Taulukko 1 (seed 003): follow-on plans are the provider's, plans the authorities'.
    if (auto no = follow_on ? AuthorIs({kSocialServices, kEmploymentAuthority, kProvider})
                            : AuthorIs({kSocialServices, kEmploymentAuthority})) {
      return no;
    }
    if (e.plan_id().empty()) return Missing("plan_id");
    if (e.kind() == event::v1::PLAN_KIND_UNSPECIFIED) return Missing("kind");
    if (auto no = Happened("drafted_on", e.drafted_on())) return no;
    if (auto no = InOrder("drafted_on", e.drafted_on(), "review_on", e.review_on())) return no;
    const auto known = state_.plans.find(e.plan_id());
    const uint32_t next = known == state_.plans.end() || known->second.revisions.empty()
                              ? 1
                              : known->second.revisions.rbegin()->first + 1;
    if (e.revision() != next) {
      return Refuse(e.revision() < next ? "duplicate" : "bad_revision",
                    Str("the next revision of this plan is ", next,
                        "; read the newest one and draft again"));
    }
    std::set<ActorRole> signers;
    for (int role : e.signers_needed()) {
      if (!signers.insert(static_cast<ActorRole>(role)).second) {
        return Refuse("bad_value", "field signers_needed: name each signer once");
      }
    }
    if (!signers.empty()) {
      for (ActorRole needed : SignersByRule(e.kind(), *ParseDate(e.drafted_on()))) {
        if (!signers.contains(needed)) {
          return Refuse("signers_missing",
                        Str("field signers_needed: this plan also needs ",
                            event::v1::ActorRole_Name(needed)));
        }
      }
    }
    return std::nullopt;
  }

  Answer On(const v1::PlanSigned& e) {
    if (e.plan_id().empty()) return Missing("plan_id");
    if (e.signer() == event::v1::ACTOR_ROLE_UNSPECIFIED) return Missing("signer");
    if (auto no = Happened("signed_on", e.signed_on())) return no;
    // "Author: the signer's agency; for the client, the agency before whose official the client
    // signed"; likewise for signers that are no agency of an agreement.
    const std::optional<AgencyRole> role = AgencyRoleOf(e.signer());
    if (auto no = role ? AuthorIs({*role})
                       : AuthorIs({kSocialServices, kEmploymentServices, kEmploymentAuthority,
                                   kProvider})) {
      return no;
    }
    const auto plan = state_.plans.find(e.plan_id());
    if (plan == state_.plans.end() || plan->second.revisions.empty()) {
      return Refuse("unknown_plan", "no such plan is known in this case; draft it first");
    }
    const auto& [newest, revision] = *plan->second.revisions.rbegin();
    if (e.revision() != newest) {
      return Refuse(plan->second.revisions.contains(e.revision()) ? "stale_revision" : "unknown_plan",
                    Str("the plan's newest revision is ", newest, "; sign that one"));
    }
    const std::set<ActorRole> needed = Needed(revision);
    if (revision.drafted && !needed.contains(e.signer())) {
      return Refuse("signer_not_needed", "this plan does not ask for that signature");
    }
    if (revision.signed_by.contains(e.signer())) {
      return Refuse("duplicate", "this signature is already on the plan");
    }
    if (revision.drafted_on && *ParseDate(e.signed_on()) < *revision.drafted_on) {
      return Refuse("dates_out_of_order", "signed_on is before the plan was drafted");
    }
    return std::nullopt;
  }

  Answer On(const v1::ReferralMade& e) {
    if (auto no = AuthorIs({kEmploymentServices, kSocialServices, kEmploymentAuthority})) return no;
    if (e.referral_id().empty()) return Missing("referral_id");
    if (e.status() != v1::REFERRAL_STATUS_DRAFT && e.status() != v1::REFERRAL_STATUS_REQUESTED) {
      return Refuse("illegal_transition", "a referral is made as draft or requested");
    }
    if (e.requester_agency() != author_) {
      return Refuse("wrong_actor", "field requester_agency must name the author's own agency");
    }
    if (!ActsFor(author_)) {
      return Refuse("wrong_actor",
                    Str("the author has handed this case over; ",
                        state_.successors.Acting(author_, today_), " acts in it now"));
    }
    if (auto no = Happened("made_on", e.made_on())) return no;
    if (e.target_agency().empty()) {
      if (e.status() == v1::REFERRAL_STATUS_REQUESTED) return Missing("target_agency");
    } else if (auto no = HasRole("target_agency", e.target_agency(), kProvider)) {
      return no;
    }
    if (!e.plan_id().empty() && !state_.plans.contains(e.plan_id())) {
      return Refuse("unknown_plan", "the plan that the referral names is not known in this case");
    }
    if (const auto known = state_.referrals.find(e.referral_id());
        known != state_.referrals.end()) {
      const Referral& referral = known->second;
      if (corrects_ && referral.requester_agency.empty()) {
        // What is known of it are the answers to the entry that this one takes the place of.
        if (!referral.acts.empty() && e.status() != v1::REFERRAL_STATUS_REQUESTED &&
            !MayFollow(e.status(), referral.acts.front().status)) {
          return Refuse("illegal_transition",
                        "the referral has been answered; correct it as one that was requested");
        }
      } else if (!ActsFor(referral.requester_agency) ||
                 referral.status != v1::REFERRAL_STATUS_DRAFT) {
        return Refuse("duplicate",
                      "that referral_id is taken in this case; only a draft may be written again, "
                      "by its own author; what is wrong in it is put right by one that corrects it");
      }
    }
    return Offered(*ParseDate(e.made_on()), e.variant(), e.form(), e.provision());
  }

  Answer On(const v1::ReferralStatusChanged& e) {
    if (e.status() == v1::REFERRAL_STATUS_UNSPECIFIED) return Missing("status");
    const Referral* referral = nullptr;
    if (auto no = FindReferral(e.referral_id(), referral)) return no;
    const StatusSetter setter = WhoMaySet(e.status());
    const bool is_requester = ActsFor(referral->requester_agency);
    const bool is_target = ActsFor(referral->target_agency);
    if (!(setter.requester && is_requester) && !(setter.target && is_target)) {
      return Refuse("wrong_actor",
                    Str(v1::ReferralStatus_Name(e.status()), " is set by the referral's ",
                        setter.requester && setter.target ? "requester or target"
                        : setter.requester                ? "requester"
                                                          : "target"));
    }
    if (!MayFollow(referral->status, e.status())) {
      return Refuse("illegal_transition",
                    Str("the referral is ", v1::ReferralStatus_Name(referral->status),
                        "; from there it cannot become ", v1::ReferralStatus_Name(e.status())));
    }
    if (NeedsReason(e.status()) && e.reason() == v1::STATUS_REASON_UNSPECIFIED) {
      return Refuse("reason_required",
                    Str(v1::ReferralStatus_Name(e.status()), " goes with a reason"));
    }
    if (e.status() == v1::REFERRAL_STATUS_REQUESTED) {
      if (referral->target_agency.empty()) {
        return Refuse("missing_field",
                      "the draft names no target; write it again with a target_agency");
      }
      // By it the provider becomes a party, so the act itself says who.
      if (e.target_agency().empty()) return Missing("target_agency");
    }
    if (!e.target_agency().empty() && e.target_agency() != referral->target_agency) {
      return Refuse("wrong_agency",
                    "field target_agency: the referral's target is another; write the draft again, or make "
                    "a referral of its own");
    }
    if (e.status() == v1::REFERRAL_STATUS_CANCELLED && IsRunning(e.referral_id())) {
      return Refuse("period_running",
                    "a service period of that referral is running; end it with ServiceEnded, and complete "
                    "the referral; one that should never have been made is entered-in-error");
    }
    if (auto no = Happened("effective_on", e.effective_on())) return no;
    if (referral->made_on && *ParseDate(e.effective_on()) < *referral->made_on) {
      return Refuse("dates_out_of_order", "effective_on is before the referral was made");
    }
    return std::nullopt;
  }

  Answer On(const v1::PlaceAnswered& e) {
    const Referral* referral = nullptr;
    if (auto no = FindReferral(e.referral_id(), referral)) return no;
    if (auto no = AuthorIsTarget(*referral)) return no;
    if (auto no = IsOpen(*referral)) return no;
    if (e.answer() == v1::PLACE_ANSWER_UNSPECIFIED) return Missing("answer");
    if (e.answer() == v1::PLACE_ANSWER_CAPACITY && e.place_code().empty()) {
      return Missing("place_code");  // a place that is free is a certain one (polku places)
    }
    if (e.answer() == v1::PLACE_ANSWER_ADDITIONAL_ASSESSMENT_REQUIRED &&
        e.needed_assessment().empty()) {
      return Missing("needed_assessment");  // else the requester does not know what to do
    }
    return Happened("answered_on", e.answered_on());
  }

  Answer On(const v1::IntroductoryVisitArranged& e) {
    const Referral* referral = nullptr;
    if (auto no = FindReferral(e.referral_id(), referral)) return no;
    if (!ActsFor(referral->requester_agency)) {
      if (auto no = AuthorIs({kSocialServices})) return no;
    }
    if (auto no = IsOpen(*referral)) return no;
    if (e.visit_on().empty()) return Missing("visit_on");
    return std::nullopt;
  }

  Answer On(const v1::IntroductoryVisitHeld& e) {
    const Referral* referral = nullptr;
    if (auto no = FindReferral(e.referral_id(), referral)) return no;
    if (!ActsFor(referral->requester_agency) && !ActsFor(referral->target_agency)) {
      if (auto no = AuthorIs({kSocialServices})) return no;
    }
    if (auto no = IsOpen(*referral)) return no;
    if (auto no = Happened("visit_on", e.visit_on())) return no;
    if (e.result() == v1::VISIT_RESULT_UNSPECIFIED) return Missing("result");
    return InOrder("visit_on", e.visit_on(), "start_on", e.start_on());
  }

  Answer On(const v1::NetworkMeetingCalled& e) {
    // Seed 001: social services' coordinator; Taulukko 1 (seed 003): the provider gathers the
    // network; seed 000: the OMA-valmentaja coordinates.
    if (auto no = AuthorIs({kSocialServices, kProvider, kEmploymentServices})) return no;
    if (e.meeting_id().empty()) return Missing("meeting_id");
    if (e.meeting_on().empty()) return Missing("meeting_on");
    const auto known = state_.meetings.find(e.meeting_id());
    // Without a caller: the call itself is what this one takes the place of.
    const bool call_again =
        known != state_.meetings.end() && corrects_ && known->second.caller_agency.empty();
    if (known != state_.meetings.end() && !call_again &&
        (known->second.held || !ActsFor(known->second.caller_agency))) {
      return Refuse("duplicate",
                    "that meeting_id is taken in this case; only its caller may move a meeting, "
                    "until it was held");
    }
    return std::nullopt;
  }

  Answer On(const v1::NetworkMeetingHeld& e) {
    if (e.meeting_id().empty()) return Missing("meeting_id");
    const auto known = state_.meetings.find(e.meeting_id());
    if (known == state_.meetings.end() || known->second.caller_agency.empty()) {
      if (auto no = AuthorIs({kSocialServices, kProvider, kEmploymentServices})) return no;
    } else if (!ActsFor(known->second.caller_agency)) {
      return Refuse("wrong_actor", "a meeting is recorded by the agency that called it");
    }
    if (known != state_.meetings.end() && known->second.held) {
      return Refuse("duplicate", "that meeting is already recorded");
    }
    if (auto no = Happened("meeting_on", e.meeting_on())) return no;
    if (e.present().empty()) return Missing("present");
    const bool called = known != state_.meetings.end() && !known->second.caller_agency.empty();
    if (!called && e.baseline().empty() && e.health_baseline().empty() && e.goals().empty() &&
        e.commitments().empty()) {
      return Missing("baseline, goals or commitments: what was agreed at a meeting that nobody has called here");
    }
    if (auto no = InOrder("meeting_on", e.meeting_on(), "next_meeting_on", e.next_meeting_on())) {
      return no;
    }
    std::set<uint32_t> numbers;
    for (const auto& commitment : e.commitments()) {
      if (commitment.number() == 0 || !numbers.insert(commitment.number()).second) {
        return Refuse("bad_value", "number the commitments 1, 2, 3 …, each once");
      }
      if (commitment.member() == event::v1::ACTOR_ROLE_UNSPECIFIED) {
        return Missing("commitments.member");
      }
      if (commitment.task().empty()) return Missing("commitments.task");
      if (IsPerson(commitment.member()) != commitment.agency().empty()) {
        return Refuse("bad_value",
                      "commitments.agency: leave it empty for the client or a relative, name the "
                      "agency for everybody else");
      }
      if (const auto role = AgencyRoleOf(commitment.member());
          role && InAgreement(commitment.agency())) {
        if (auto no = HasRole("commitments.agency", commitment.agency(), *role)) return no;
      }
      if (auto no = InOrder("meeting_on", e.meeting_on(), "commitments.due_on",
                            commitment.due_on())) {
        return no;
      }
    }
    return std::nullopt;
  }

  Answer On(const v1::CommitmentConfirmed& e) {
    if (auto no = AuthorIsAny()) return no;
    if (e.state() == v1::COMMITMENT_STATE_UNSPECIFIED) return Missing("state");
    if (auto no = Happened("confirmed_on", e.confirmed_on())) return no;
    const auto meeting = state_.meetings.find(e.meeting_id());
    if (meeting == state_.meetings.end() || !meeting->second.held) {
      return Refuse("unknown_meeting", "no such meeting is recorded in this case");
    }
    const Meeting& held = meeting->second;
    const auto commitment = held.commitments.find(e.number());
    if (commitment != held.commitments.end()) {
      const bool of_client = commitment->second.agency.empty();
      if (of_client ? AuthorIs({kSocialServices, kEmploymentServices, kEmploymentAuthority,
                                kProvider})
                          .has_value()
                    : !ActsFor(commitment->second.agency)) {
        return Refuse("wrong_actor",
                      "a commitment is confirmed by the member's own agency, the client's by an "
                      "agency that works with the client");
      }
    } else if (!held.commitments.empty() ||
               std::none_of(held.present_agencies.begin(), held.present_agencies.end(),
                            [this](const std::string& agency) { return ActsFor(agency); })) {
      // Without the social section the commitments are not known here; then only who was present
      // can have made one.
      return Refuse("unknown_commitment", "the meeting has no commitment of that number for you");
    }
    const auto state = held.commitment_states.find(e.number());
    const v1::CommitmentState now = state == held.commitment_states.end()
                                        ? v1::COMMITMENT_STATE_UNSPECIFIED
                                        : state->second;
    if (!MayFollow(now, e.state())) {
      return Refuse("illegal_transition",
                    Str("the commitment is ", v1::CommitmentState_Name(now),
                        "; from there it cannot become ", v1::CommitmentState_Name(e.state()),
                        "; a commitment is made before it is done or withdrawn"));
    }
    return std::nullopt;
  }

  Answer On(const v1::AgreementMade& e) {
    if (auto no = AuthorIs({kSocialServices, kEmploymentServices})) return no;
    if (e.period_id().empty()) return Missing("period_id");
    if (e.starts_on().empty()) return Missing("starts_on");
    if (e.ends_on().empty()) return Missing("ends_on");
    if (auto no = InOrder("starts_on", e.starts_on(), "ends_on", e.ends_on())) return no;
    if (auto no = InOrder("starts_on", e.starts_on(), "review_on", e.review_on())) return no;
    if (e.provider_agency().empty()) return Missing("provider_agency");
    if (auto no = HasRole("provider_agency", e.provider_agency(), kProvider)) return no;
    const CivilDay starts = *ParseDate(e.starts_on());
    const Period* period = FindPeriod(e.period_id());
    if (period != nullptr && period->ended && !corrects_) {
      return Refuse("already_ended",
                    "that period has ended; open a new one under its own period_id, or name in corrects the "
                    "agreement that was wrong");
    }
    const bool goes_on = period != nullptr && period->started;
    if (goes_on && period->starts_on && starts < *period->starts_on) {
      return Refuse("dates_out_of_order", "the agreement begins before the period that it goes on with");
    }
    if (!e.referral_id().empty()) {
      const Referral* referral = nullptr;
      if (auto no = FindReferral(e.referral_id(), referral)) return no;
      if (!corrects_) {
        if (auto no = IsAccepted(*referral)) return no;
      }
      // Where the period goes on elsewhere, ServiceChanged has named the new provider.
      const bool moved = goes_on && Is(e.provider_agency(), period->provider_agency);
      if (!Is(e.provider_agency(), referral->target_agency) && !moved) {
        return Refuse("provider_mismatch", "the referral was accepted by another provider");
      }
    }
    if (auto no = LengthFits(e, period)) return no;
    if (e.has_schedule()) {
      if (auto no = ScheduleFits(e.schedule(), starts, FirstStart(starts))) return no;
    }
    bool by_client = false;
    bool by_organiser = false;
    std::set<int> signers;
    for (const auto& signature : e.signatures()) {
      if (signature.signer() == event::v1::ACTOR_ROLE_UNSPECIFIED) {
        return Missing("signatures.signer");
      }
      if (!signers.insert(signature.signer()).second) {
        return Refuse("duplicate", "field signatures: each signer signs once");
      }
      if (auto no = Happened("signatures.signed_on", signature.signed_on())) return no;
      by_client = by_client || signature.signer() == event::v1::ACTOR_ROLE_CLIENT;
      by_organiser = by_organiser ||
                     signature.signer() == event::v1::ACTOR_ROLE_SOCIAL_SERVICES ||
                     signature.signer() == event::v1::ACTOR_ROLE_EMPLOYMENT_SERVICES;
    }
    if (!by_client || !by_organiser) {
      return Refuse("signatures_missing",
                    "an agreement carries the signatures of the client and of social or employment "
                    "services");
    }
    if (!goes_on) {
      if (auto no = PlanOpensTheWay(e.plan_id(), starts)) return no;
      if (auto no = CaseManagerSettled(event::v1::CASE_MANAGER_SIDE_ORGANISER, starts)) return no;
    }
    return std::nullopt;
  }

  Answer On(const v1::DecisionMade& e) {
    if (auto no = AuthorIs({kSocialServices})) return no;
    if (e.decision_number().empty()) return Missing("decision_number");
    if (e.kind() == v1::DECISION_KIND_UNSPECIFIED) return Missing("kind");
    if (auto no = Happened("made_on", e.made_on())) return no;
    if (auto no = InOrder("valid_from", e.valid_from(), "valid_until", e.valid_until())) return no;
    if (auto no = InOrder("made_on", e.made_on(), "appeal_until", e.appeal_until())) return no;
    for (const auto& [id, period] : state_.periods) {
      for (const Decision& decision : period.decisions) {
        if (decision.number == e.decision_number()) {
          return Refuse("duplicate", "that decision_number is taken in this case");
        }
      }
    }
    if (!e.granted()) {  // what is refused needs no period, but its grounds
      return e.grounds().empty() ? std::optional(Refuse("reason_required", "a decision that refuses goes with its grounds (field grounds)"))
                                 : std::nullopt;
    }
    if (e.period_id().empty()) return Missing("period_id");
    if (e.valid_from().empty()) return Missing("valid_from");
    const Period* period = FindPeriod(e.period_id());
    if (e.kind() == v1::DECISION_KIND_START) {
      const CivilDay from = *ParseDate(e.valid_from());
      if ((period == nullptr || period->agreements.empty()) &&
          HasAgreementRule(from, FirstStart(from))) {
        return Refuse("agreement_missing", "no agreement for that period is known here; make it first");
      }
      return std::nullopt;
    }
    if (period == nullptr || !period->started) return NotStarted();
    return std::nullopt;
  }

  Answer On(const v1::AuthorityNotified& e) {
    if (auto no = AuthorIs({kSocialServices, kEmploymentServices})) return no;
    if (e.notice() == event::v1::NOTICE_KIND_UNSPECIFIED) return Missing("notice");
    if (FindPeriod(e.period_id()) == nullptr) return UnknownPeriod();
    if (e.authority_agency().empty()) return Missing("authority_agency");
    if (auto no = HasRole("authority_agency", e.authority_agency(), kEmploymentAuthority)) return no;
    if (e.effective_on().empty()) return Missing("effective_on");
    return Happened("notified_on", e.notified_on());
  }

  Answer On(const v1::PayerStatementGiven& e) {
    if (auto no = AuthorIs({kEmploymentAuthority})) return no;
    if (FindPeriod(e.period_id()) == nullptr) return UnknownPeriod();
    if (e.payer_agency().empty()) return Missing("payer_agency");
    if (auto no = HasRole("payer_agency", e.payer_agency(), kBenefitPayer)) return no;
    if (e.result() == v1::STATEMENT_RESULT_UNSPECIFIED) return Missing("result");
    if (auto no = Happened("given_on", e.given_on())) return no;
    if (e.effective_from().empty()) return Missing("effective_from");
    return InOrder("effective_from", e.effective_from(), "effective_until", e.effective_until());
  }

  Answer On(const v1::ServiceStarted& e) {
    if (e.period_id().empty()) return Missing("period_id");
    if (e.provider_agency().empty()) return Missing("provider_agency");
    if (auto no = HasRole("provider_agency", e.provider_agency(), kProvider)) return no;
    if (author_ != e.provider_agency()) {
      if (auto no = AuthorIs({kSocialServices})) return no;
    }
    if (auto no = Happened("starts_on", e.starts_on())) return no;
    if (auto no = InOrder("starts_on", e.starts_on(), "ends_on", e.ends_on())) return no;
    if (auto no = InOrder("first_started_on", e.first_started_on(), "starts_on", e.starts_on())) {
      return no;
    }
    const CivilDay starts = *ParseDate(e.starts_on());
    const CivilDay first = ParseDate(e.first_started_on()).value_or(starts);
    const Period* period = FindPeriod(e.period_id());
    if (period != nullptr && period->started) {
      // Whoever recorded the start may correct it, e.g. move it; the newest holds.
      if (period->ended) return Refuse("already_ended", "that period has ended");
      if (!ActsFor(period->start_author)) {
        return Refuse("already_started",
                      "another agency has recorded the start of that period; only that one may "
                      "correct it");
      }
      if (period->start_content == ContentHash(e)) {
        return Refuse("duplicate", "exactly this start is already recorded");
      }
    }
    std::string referral_id = e.referral_id();
    if (referral_id.empty() && period != nullptr) referral_id = period->referral_id;
    if (!referral_id.empty()) {
      const Referral* referral = nullptr;
      if (auto no = FindReferral(referral_id, referral)) return no;
      if (!corrects_) {
        if (auto no = IsAccepted(*referral)) return no;
      }
      if (!Is(e.provider_agency(), referral->target_agency)) {
        return Refuse("provider_mismatch", "the referral was accepted by another provider");
      }
    }
    if (auto no = AgreedAndDecided(e, period, starts, first)) return no;
    if (auto no = PlanOpensTheWay(PlanOf(period, referral_id), starts)) return no;
    if (period == nullptr || !period->started) {
      // The organiser's was asked for before the agreement, where the region makes one.
      if (!HasAgreementRule(starts, first)) {
        if (auto no = CaseManagerSettled(event::v1::CASE_MANAGER_SIDE_ORGANISER, starts)) return no;
      }
      if (auto no = CaseManagerSettled(event::v1::CASE_MANAGER_SIDE_PROVIDER, starts)) return no;
    }
    for (const auto& [id, other] : state_.periods) {
      // Two places at once may be agreed; the same place twice is a slip.
      if (id == e.period_id() || !other.running() || state_.IsVoid(other)) continue;
      if (Is(e.provider_agency(), other.provider_agency)) {
        return Refuse("period_running",
                      "another period at that provider is still running; end it first");
      }
    }
    if (e.has_schedule()) {
      if (auto no = ScheduleFits(e.schedule(), starts, first)) return no;
    }
    return Offered(starts, e.variant(), e.form(), e.provision());
  }

  Answer On(const v1::ServiceExtended& e) {
    if (auto no = AuthorIs({kSocialServices})) return no;
    const Period* period = nullptr;
    if (auto no = FindRunning(e.period_id(), period)) return no;
    if (e.ends_on().empty()) return Missing("ends_on");
    const CivilDay until = *ParseDate(e.ends_on());
    if (period->ends_on && until <= *period->ends_on) {
      return Refuse("dates_out_of_order",
                    "an extension ends after the period's present last day; a period that ends "
                    "earlier is recorded with ServiceEnded");
    }
    const CivilDay from = period->ends_on ? *period->ends_on + 1 : until;
    const Day first = period->starts_on;
    const auto* rule = AgreementRuleFor(from, first);
    if (rule != nullptr) {
      const uint32_t most = MostMonths(*rule, from);
      if (most != 0 && period->ends_on && until > AddMonths(from, static_cast<int>(most))) {
        return Refuse("agreement_too_long",
                      Str("an extension is at most ", most, " months at a time here"));
      }
      const bool decided = std::any_of(
          period->decisions.begin(), period->decisions.end(), [&](const Decision& decision) {
            return decision.granted && decision.kind == v1::DECISION_KIND_EXTENSION &&
                   (e.decision_number().empty() || decision.number == e.decision_number()) &&
                   (!decision.valid_until || *decision.valid_until >= until);
          });
      if (!decided) {
        return Refuse("decision_missing",
                      "no granted extension decision that reaches so far is known here for that "
                      "period; make it first");
      }
    }
    if (e.has_schedule()) return ScheduleFits(e.schedule(), from, first);
    return std::nullopt;
  }

  Answer On(const v1::ServiceChanged& e) {
    const Period* period = nullptr;
    if (auto no = FindRunning(e.period_id(), period)) return no;
    if (auto no = AuthorServes(*period)) return no;
    if (e.changed_from().empty()) return Missing("changed_from");
    if (auto no = Within(*period, "changed_from", e.changed_from())) return no;
    if (e.provider_agency().empty()) return Missing("provider_agency");
    if (auto no = HasRole("provider_agency", e.provider_agency(), kProvider)) return no;
    if (!Is(e.provider_agency(), period->provider_agency)) {
      // A provider gives its own place and times, not another provider's.
      if (auto no = AuthorIs({kSocialServices})) return no;
    }
    if (e.has_schedule()) {
      return ScheduleFits(e.schedule(), *ParseDate(e.changed_from()), period->starts_on);
    }
    return std::nullopt;
  }

  Answer On(const v1::ServiceInterrupted& e) {
    const Period* period = nullptr;
    if (auto no = FindRunning(e.period_id(), period)) return no;
    if (auto no = AuthorServes(*period)) return no;
    if (period->interrupted()) {
      return Refuse("already_interrupted", "that period already stands still; resume it first");
    }
    if (e.interrupted_from().empty()) return Missing("interrupted_from");
    if (auto no = Within(*period, "interrupted_from", e.interrupted_from())) return no;
    if (auto no = InOrder("interrupted_from", e.interrupted_from(), "expected_until",
                          e.expected_until())) {
      return no;
    }
    if (!period->interruptions.empty()) {
      const Day resumed = period->interruptions.back().resumed_on;
      if (resumed && *ParseDate(e.interrupted_from()) < *resumed) {
        return Refuse("dates_out_of_order",
                      "interrupted_from is before the day on which the last interruption ended");
      }
    }
    if (e.reason() == v1::STATUS_REASON_UNSPECIFIED) {
      return Refuse("reason_required", "an interruption goes with a reason");
    }
    return std::nullopt;
  }

  Answer On(const v1::ServiceResumed& e) {
    const Period* period = nullptr;
    if (auto no = FindRunning(e.period_id(), period)) return no;
    if (auto no = AuthorServes(*period)) return no;
    if (!period->interrupted()) {
      return Refuse("not_interrupted", "that period does not stand still, as far as is known here");
    }
    if (auto no = Happened("resumed_on", e.resumed_on())) return no;
    if (auto no = Within(*period, "resumed_on", e.resumed_on())) return no;
    const Day from = period->interruptions.back().from;
    if (from && *ParseDate(e.resumed_on()) <= *from) {
      return Refuse("dates_out_of_order", "resumed_on is not after the interruption's first day");
    }
    return std::nullopt;
  }

  Answer On(const v1::ServiceEnded& e) {
    const Period* period = FindPeriod(e.period_id());
    if (period == nullptr) return UnknownPeriod();
    if (!period->started) return NotStarted();
    if (auto no = AuthorServes(*period)) return no;
    if (period->ended) {
      if (!ActsFor(period->end_author)) {
        return Refuse("already_ended",
                      "another agency has recorded the end of that period; only that one may "
                      "correct it");
      }
      if (period->end_content == ContentHash(e)) {
        return Refuse("duplicate", "exactly this end is already recorded");
      }
    }
    if (auto no = Happened("ended_on", e.ended_on())) return no;
    const CivilDay ended = *ParseDate(e.ended_on());
    if (period->starts_on && ended < *period->starts_on) {
      return Refuse("dates_out_of_order", "the period ended before it started");
    }
    if (period->ends_on && ended > *period->ends_on) {
      return Refuse("after_agreed_end",
                    "ended_on is after the agreed last day; record the extension first");
    }
    if (e.manner() == v1::END_MANNER_UNSPECIFIED) return Missing("manner");
    if (auto no = ExitFits(e.exit_group(), e.exit_code(), ended, period->starts_on)) return no;
    if (e.exit_group() == event::v1::EXIT_GROUP_UNSPECIFIED) return Missing("exit_group");
    if (!e.follow_on_plan_id().empty() && !state_.plans.contains(e.follow_on_plan_id())) {
      return Refuse("unknown_plan", "the follow-on plan is not known in this case; draft it first");
    }
    return std::nullopt;
  }

  Answer On(const v1::FollowUpRecorded& e) {
    if (auto no = AuthorIs({kEmploymentServices, kSocialServices})) return no;
    const Period* period = FindPeriod(e.period_id());
    if (period == nullptr) return UnknownPeriod();
    if (!period->ended) {
      return Refuse("period_not_ended", "a follow-up is about a period that has ended");
    }
    if (auto no = Happened("asked_on", e.asked_on())) return no;
    const CivilDay asked = *ParseDate(e.asked_on());
    if (!FollowUpMonths(period->ended_on.value_or(asked), period->starts_on).contains(e.months())) {
      return Refuse("bad_value", "field months: the profile has no follow-up at that month");
    }
    if (period->ended_on &&
        asked < AddMonths(*period->ended_on,
                          static_cast<int>(e.months()) - kFollowUpEarlyMonths)) {
      return Refuse("too_early", Str("it is too early for the follow-up at ", e.months(), " months"));
    }
    if (const auto done = period->follow_ups.find(e.months());
        done != period->follow_ups.end() && done->second) {
      return Refuse("duplicate", "that follow-up is already recorded");
    }
    if (!e.reached()) {
      if (e.exit_group() != event::v1::EXIT_GROUP_UNSPECIFIED ||
          e.exit_code() != event::v1::EXIT_CODE_UNSPECIFIED) {
        return Refuse("bad_value", "who was not reached has told nothing: leave out the exit");
      }
      return std::nullopt;
    }
    if (e.exit_group() == event::v1::EXIT_GROUP_UNSPECIFIED) return Missing("exit_group");
    return ExitFits(e.exit_group(), e.exit_code(), asked, period->starts_on);
  }

  Answer On(const v1::CaseManagerNamed& e) {
    if (auto no = AuthorNames(e.side())) return no;
    if (e.agency() != author_) {
      return Refuse("wrong_actor", "an agency names its own workers alone; field agency is another");
    }
    if (e.official().empty()) return Missing("official");
    if (e.title() == v1::CASE_MANAGER_TITLE_UNSPECIFIED) return Missing("title");
    if (e.valid_from().empty()) return Missing("valid_from");
    return std::nullopt;
  }

  Answer On(const v1::NoCaseManagerNamed& e) {
    if (auto no = AuthorNames(e.side())) return no;
    if (e.reason() == v1::NO_CASE_MANAGER_REASON_UNSPECIFIED) {
      return Refuse("reason_required", "that nobody is named goes with a reason");
    }
    if (e.valid_from().empty()) return Missing("valid_from");
    return std::nullopt;
  }

  Answer On(const v1::OrganiserTransferred& e) {
    if (auto no = AuthorIsAny()) return no;
    if (e.from_agency().empty()) return Missing("from_agency");
    if (e.to_agency().empty()) return Missing("to_agency");
    if (e.from_agency() == e.to_agency()) {
      return Refuse("bad_value", "field to_agency: name another agency than the predecessor");
    }
    if (e.effective_on().empty()) return Missing("effective_on");
    if (e.reason() == v1::TRANSFER_REASON_UNSPECIFIED) {
      return Refuse("reason_required", "a transfer goes with a reason");
    }
    // A payer that the agreement lists lives and speaks for itself: its money is at stake.
    const bool ended = !InAgreement(e.from_agency()) ||
                       (e.reason() == v1::TRANSFER_REASON_PREDECESSOR_ENDED &&
                        !rules_.HasRole(e.from_agency(), kBenefitPayer));
    if (!ActsFor(e.from_agency()) && !(ended && Is(kSocialServices))) {
      return Refuse("wrong_actor",
                    "the predecessor itself hands a case over, and once: after that its successor acts; "
                    "social services say it for one that has ended "
                    "(TRANSFER_REASON_PREDECESSOR_ENDED) or left the agreement; a benefit payer that is in "
                    "the agreement always says it itself");
    }
    if (!InAgreement(e.to_agency())) {
      return Refuse("wrong_agency", "field to_agency: name an agency of the agreement");
    }
    if (state_.successors.Acting(e.from_agency(), *ParseDate(e.effective_on())) !=
        e.from_agency()) {
      return Refuse("duplicate",
                    "by that day from_agency has handed the case over; its successor hands it on");
    }
    if (const auto newest = state_.newest_day_of.find(e.from_agency());
        newest != state_.newest_day_of.end() && *ParseDate(e.effective_on()) < newest->second) {
      return Refuse("dates_out_of_order",
                    Str("from_agency has recorded what it did on ", service::FormatDate(newest->second),
                        "; effective_on is that day or later"));
    }
    return MayTakeOver(e.from_agency(), e.to_agency());
  }

  Answer On(const v1::CasesLinked& e) {
    if (auto no = AuthorIs({kEmploymentServices, kEmploymentAuthority, kSocialServices})) return no;
    CaseId other;
    if (auto no = OtherCase(e.other_case_id(), other)) return no;
    if (e.reason() == v1::LINK_REASON_UNSPECIFIED) {
      return Refuse("reason_required", "a link goes with a reason");
    }
    if (state_.linked.contains(other)) {
      return Refuse("duplicate", "the two cases are linked already");
    }
    return Happened("linked_on", e.linked_on());
  }

  Answer On(const v1::CasesUnlinked& e) {
    if (auto no = AuthorIs({kEmploymentServices, kEmploymentAuthority, kSocialServices})) return no;
    CaseId other;
    if (auto no = OtherCase(e.other_case_id(), other)) return no;
    if (e.reason() == v1::UNLINK_REASON_UNSPECIFIED) {
      return Refuse("reason_required", "that a link was wrong goes with a reason");
    }
    if (!state_.linked.contains(other)) {
      return Refuse("not_linked", "this case has no such link, as far as is known here");
    }
    return Happened("unlinked_on", e.unlinked_on());
  }

  Answer On(const v1::PlaceListed& e) {
    if (auto no = AuthorKeepsPlace(e.provider_agency(), e.place_code())) return no;
    if (e.names().empty()) return Missing("names");
    std::set<std::string_view> languages;
    for (const auto& name : e.names()) {
      const bool known = name.language() == "fi" || name.language() == "sv" || name.language() == "en";
      if (!known || name.text().empty() || !languages.insert(name.language()).second) {
        return Refuse("bad_value", "field names: a name in fi, sv or en, each once");
      }
    }
    if (e.capacity() == 0) return Missing("capacity");
    int previous = 0;
    for (int weekday : e.weekdays()) {
      if (weekday <= previous) return Refuse("bad_schedule", "field weekdays: ascending, each once");
      previous = weekday;
    }
    if (e.valid_from().empty()) return Missing("valid_from");
    if (auto no = InOrder("valid_from", e.valid_from(), "valid_until", e.valid_until())) return no;
    const auto known = state_.places.find({e.provider_agency(), e.place_code()});
    if (auto no = PlaceIsTheirs(known, e.provider_agency())) return no;
    if (known != state_.places.end() && !known->second.withdrawn &&
        known->second.content == ContentHash(e)) {
      return Refuse("duplicate", "the place is listed exactly so already");
    }
    return Offered(*ParseDate(e.valid_from()), e.variant(), e.form(), e.provision());
  }

  Answer On(const v1::PlaceWithdrawn& e) {
    if (auto no = AuthorKeepsPlace(e.provider_agency(), e.place_code())) return no;
    if (e.withdrawn_on().empty()) return Missing("withdrawn_on");
    const auto known = state_.places.find({e.provider_agency(), e.place_code()});
    if (known == state_.places.end()) {
      return Refuse("unknown_place", "no such place is listed in this case; check the case's id");
    }
    if (auto no = PlaceIsTheirs(known, e.provider_agency())) return no;
    if (known->second.withdrawn) return Refuse("duplicate", "the place is withdrawn already");
    return std::nullopt;
  }

  Answer On(const v1::SocialServiceNoted& e) {
    if (auto no = AuthorIsAny()) return no;
    if (e.kind() == v1::SOCIAL_SERVICE_KIND_UNSPECIFIED) return Missing("kind");
    return InOrder("service_from", e.service_from(), "service_until", e.service_until());
  }

  Answer On(const v1::HealthServiceNoted& e) {
    if (auto no = AuthorIsAny()) return no;
    if (e.kind() == v1::HEALTH_SERVICE_KIND_UNSPECIFIED) return Missing("kind");
    return InOrder("service_from", e.service_from(), "service_until", e.service_until());
  }

  Answer On(const v1::BenefitRecorded& e) {
    if (auto no = AuthorIsAny()) return no;
    if (e.kind() == event::v1::BENEFIT_KIND_UNSPECIFIED) return Missing("kind");
    if (e.payer_agency().empty()) {
      if (e.kind() != event::v1::BENEFIT_KIND_NONE) return Missing("payer_agency");
    } else if (InAgreement(e.payer_agency())) {
      // A fund outside the agreement may pay; it gets no notices. Social assistance is also paid
      // by the organiser itself.
      const bool by_social = e.kind() == event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE &&
                             rules_.HasRole(e.payer_agency(), kSocialServices);
      if (!by_social) {
        if (auto no = HasRole("payer_agency", e.payer_agency(), kBenefitPayer)) return no;
      }
    }
    if (e.valid_from().empty()) return Missing("valid_from");
    return InOrder("valid_from", e.valid_from(), "valid_until", e.valid_until());
  }

  Answer On(const v1::CaseClosed& e) {
    if (auto no = AuthorIs({kSocialServices})) return no;
    if (auto no = Happened("closed_on", e.closed_on())) return no;
    if (state_.closed) return Refuse("duplicate", "the case is already closed");
    for (const auto& [id, period] : state_.periods) {
      if (period.running() && !state_.IsVoid(period)) {
        return Refuse("period_running", "a service period is still running; end it first");
      }
    }
    for (const auto& [id, referral] : state_.referrals) {
      if (!IsFinal(referral.status)) {
        return Refuse("referral_open",
                      "a referral is still open; complete, cancel or withdraw it first");
      }
    }
    if (state_.newest_day && *ParseDate(e.closed_on()) < *state_.newest_day) {
      return Refuse("dates_out_of_order",
                    Str("closed_on is before ", service::FormatDate(*state_.newest_day),
                        ", the newest day on which something was done in this case; the retention is counted "
                        "from the closing, so it cannot be earlier"));
    }
    return std::nullopt;
  }

 private:
  // ---- who ----

  bool Is(AgencyRole role) const { return rules_.HasRole(author_, role); }

  // `agency` has today what the case gave to `named`.
  bool Is(std::string_view agency, std::string_view named) const {
    return state_.successors.ActsFor(agency, named, today_);
  }
  bool ActsFor(std::string_view named) const { return Is(author_, named); }

  // What the predecessor was in this case the successor must be able to be, by the agreement.
  Answer MayTakeOver(const std::string& from, const std::string& to) const {
    bool provider = false;
    bool requester = false;
    bool agreed = false;
    bool decided = false;
    for (const auto& [id, referral] : state_.referrals) {
      provider = provider || Is(from, referral.target_agency);
      requester = requester || Is(from, referral.requester_agency);
    }
    for (const auto& [id, period] : state_.periods) {
      provider = provider || Is(from, period.provider_agency);
      for (const Agreement& one : period.agreements) agreed = agreed || Is(from, one.author_agency);
      for (const Decision& one : period.decisions) decided = decided || Is(from, one.author_agency);
    }
    if (provider) {
      if (auto no = HasRole("to_agency", to, kProvider)) return no;
    }
    if (decided) {
      if (auto no = HasRole("to_agency", to, kSocialServices)) return no;
    }
    // Social services pay activity money and social assistance themselves (DOMAIN, rules).
    if (state_.payers.contains(from) && !rules_.HasRole(to, kBenefitPayer) &&
        !(rules_.HasRole(from, kSocialServices) && rules_.HasRole(to, kSocialServices))) {
      return Refuse("wrong_agency",
                    "field to_agency: the predecessor pays a benefit in this case, and by the agreement that "
                    "agency is no payer");
    }
    if (agreed && !rules_.HasRole(to, kSocialServices) && !rules_.HasRole(to, kEmploymentServices)) {
      return Refuse("wrong_agency",
                    "field to_agency: the predecessor has made agreements with the client, and by "
                    "the agreement of the agencies that agency may not");
    }
    const bool may_request = rules_.HasRole(to, kEmploymentServices) ||
                             rules_.HasRole(to, kSocialServices) ||
                             rules_.HasRole(to, kEmploymentAuthority);
    if (requester && !may_request) {
      return Refuse("wrong_agency",
                    "field to_agency: the predecessor has made referrals, and by the agreement that "
                    "agency may not");
    }
    const bool writes = std::any_of(kAnyAuthor.begin(), kAnyAuthor.end(), [&](AgencyRole role) {
      return rules_.HasRole(to, role);
    });
    if (!writes) {
      return Refuse("wrong_agency", "field to_agency: by the agreement that agency only reads");
    }
    return std::nullopt;
  }

  Answer OtherCase(const std::string& bytes, CaseId& other) const {
    const auto id = CaseId::FromBytes(bytes);
    if (!id || id->is_zero() || *id == case_id_) {
      return Refuse("bad_value", "field other_case_id: name another case, by its 16 bytes");
    }
    other = *id;
    return std::nullopt;
  }

  // The provider its own places; an organiser those of its own and its partners.
  Answer AuthorKeepsPlace(const std::string& provider, const std::string& place_code) const {
    if (provider.empty()) return Missing("provider_agency");
    if (place_code.empty()) return Missing("place_code");
    const bool organiser = Is(kSocialServices) || Is(kEmploymentServices);
    if (!organiser && !(Is(kProvider) && provider == author_)) {
      return Refuse("wrong_actor",
                    "a place is listed by its provider, or by social or employment services");
    }
    if (provider == author_) return std::nullopt;
    return HasRole("provider_agency", provider, kProvider);
  }

  // Listed is listed: another organiser's place it neither changes nor withdraws.
  Answer PlaceIsTheirs(std::map<std::pair<std::string, std::string>, Place>::const_iterator known,
                       const std::string& provider) const {
    if (known == state_.places.end() || provider == author_ || ActsFor(known->second.author_agency)) {
      return std::nullopt;
    }
    return Refuse("wrong_actor",
                  Str("the place was listed by ", known->second.author_agency,
                      "; that agency or the provider changes and withdraws it"));
  }

  static Refusal BadIdentityCode() {
    return Refuse("bad_identity_code",
                  "the personal identity code is not valid; check its date, separator, number "
                  "and check character, in capitals without spaces");
  }

  bool InAgreement(std::string_view agency) const {
    return std::any_of(rules_.agreement.agencies().begin(), rules_.agreement.agencies().end(),
                       [&](const auto& known) { return known.name() == agency; });
  }

  Answer AuthorIs(Roles roles) const {
    if (std::any_of(roles.begin(), roles.end(), [this](AgencyRole role) { return Is(role); })) {
      return std::nullopt;
    }
    std::string wanted;
    for (AgencyRole role : roles) {
      wanted += Str(wanted.empty() ? "" : ", ", config::v1::AgencyRole_Name(role));
    }
    return Refuse("wrong_actor", Str("by the agreement the author has none of the roles ", wanted));
  }

  Answer AuthorIsAny() const {
    if (std::any_of(kAnyAuthor.begin(), kAnyAuthor.end(),
                    [this](AgencyRole role) { return Is(role); })) {
      return std::nullopt;
    }
    return Refuse("wrong_actor", "the author has no role in the agreement that may write");
  }

  Answer AuthorIsTarget(const Referral& referral) const {
    if (ActsFor(referral.target_agency)) return std::nullopt;
    return Refuse("wrong_actor", "only the provider that was asked may answer");
  }

  // Social services, or the provider whose period it is (unknown: any provider).
  Answer AuthorServes(const Period& period) const {
    if (Is(kSocialServices)) return std::nullopt;
    if (Is(kProvider) && (period.provider_agency.empty() || ActsFor(period.provider_agency))) {
      return std::nullopt;
    }
    return Refuse("wrong_actor", "only social services or the period's own provider may say that");
  }

  Answer AuthorNames(event::v1::CaseManagerSide side) const {
    switch (side) {
      case event::v1::CASE_MANAGER_SIDE_ORGANISER:
        return AuthorIs({kSocialServices, kEmploymentServices, kEmploymentAuthority});
      case event::v1::CASE_MANAGER_SIDE_PROVIDER:
        return AuthorIs({kProvider});
      default:
        return Missing("side");
    }
  }

  Answer HasRole(std::string_view field, std::string_view agency, AgencyRole role) const {
    if (rules_.HasRole(agency, role)) return std::nullopt;
    return Refuse("wrong_agency", Str("field ", field, ": by the agreement that agency is no ",
                                      config::v1::AgencyRole_Name(role)));
  }

  // ---- when: CheckConventions has seen to it that filled dates are dates ----

  // A filled day up to today.
  Answer Happened(std::string_view field, std::string_view date) const {
    if (date.empty()) return Missing(field);
    const Day day = ParseDate(date);
    if (!day) return Refuse("bad_date", Str("field ", field, ": write an existing day as YYYY-MM-DD"));
    if (*day > today_) {
      return Refuse("future_date",
                    Str("field ", field, " is in the future; record it when it has happened"));
    }
    return std::nullopt;
  }

  // Empty ends are open.
  static Answer InOrder(std::string_view early_field, std::string_view early,
                        std::string_view late_field, std::string_view late) {
    const Day from = ParseDate(early);
    const Day until = ParseDate(late);
    if (!from || !until || *from <= *until) return std::nullopt;
    return Refuse("dates_out_of_order", Str(late_field, " is before ", early_field));
  }

  static Answer Within(const Period& period, std::string_view field, std::string_view date) {
    const Day day = ParseDate(date);
    if (day && ((period.starts_on && *day < *period.starts_on) ||
                (period.ends_on && *day > *period.ends_on))) {
      return Refuse("dates_out_of_order", Str(field, " is outside the period"));
    }
    return std::nullopt;
  }

  // ---- what is known ----

  Answer FindReferral(std::string_view id, const Referral*& found) const {
    if (id.empty()) return Missing("referral_id");
    const auto it = state_.referrals.find(std::string(id));
    if (it == state_.referrals.end()) {
      return Refuse("unknown_referral", "no such referral is known in this case");
    }
    found = &it->second;
    return std::nullopt;
  }

  Answer IsOpen(const Referral& referral) const {
    if (corrects_) return std::nullopt;  // it was when that was said
    if (referral.status != v1::REFERRAL_STATUS_DRAFT && !IsFinal(referral.status)) {
      return std::nullopt;
    }
    return Refuse("referral_not_open", Str("the referral is ",
                                           v1::ReferralStatus_Name(referral.status)));
  }

  bool IsRunning(const std::string& referral_id) const {
    return std::any_of(state_.periods.begin(), state_.periods.end(), [&](const auto& period) {
      return period.second.running() && period.second.referral_id == referral_id;
    });
  }

  static Answer IsAccepted(const Referral& referral) {
    if (referral.status == v1::REFERRAL_STATUS_ACCEPTED ||
        referral.status == v1::REFERRAL_STATUS_IN_PROGRESS ||
        referral.status == v1::REFERRAL_STATUS_UNSPECIFIED) {
      return std::nullopt;
    }
    return Refuse("referral_not_accepted",
                  Str("the referral is ", v1::ReferralStatus_Name(referral.status),
                      "; the provider accepts it first"));
  }

  const Period* FindPeriod(const std::string& id) const {
    const auto found = state_.periods.find(id);
    return found == state_.periods.end() || id.empty() ? nullptr : &found->second;
  }

  static Refusal UnknownPeriod() {
    return Refuse("unknown_period", "no such service period is known in this case");
  }

  static Refusal NotStarted() {
    return Refuse("period_not_started", "that period has not started, as far as is known here");
  }

  Answer FindRunning(const std::string& id, const Period*& found) const {
    const Period* period = FindPeriod(id);
    if (period == nullptr) return UnknownPeriod();
    if (!period->started) return NotStarted();
    if (period->ended && !corrects_) {
      return Refuse("already_ended",
                    "that period has ended; what was recorded wrongly of it is put right by an event that "
                    "corrects it");
    }
    if (state_.IsVoid(*period)) {
      return Refuse("period_void", "the referral behind that period was entered in error");
    }
    found = period;
    return std::nullopt;
  }

  // The first day of service, as this case knows or was told it; rules with `started_from` go by it.
  CivilDay FirstStart(CivilDay otherwise) const {
    CivilDay first = otherwise;
    for (const auto& [id, period] : state_.periods) {
      if (period.started && period.starts_on && !state_.IsVoid(period)) {
        first = std::min(first, period.first_started_on.value_or(*period.starts_on));
      }
    }
    return first;
  }

  static bool MayFollow(v1::CommitmentState from, v1::CommitmentState to) {
    switch (to) {
      case v1::COMMITMENT_STATE_COMMITTED:
        return from == v1::COMMITMENT_STATE_UNSPECIFIED ||
               from == v1::COMMITMENT_STATE_NOT_DONE || from == v1::COMMITMENT_STATE_WITHDRAWN;
      case v1::COMMITMENT_STATE_DONE:
        return from == v1::COMMITMENT_STATE_COMMITTED || from == v1::COMMITMENT_STATE_NOT_DONE;
      case v1::COMMITMENT_STATE_NOT_DONE:
      case v1::COMMITMENT_STATE_WITHDRAWN:
        return from == v1::COMMITMENT_STATE_COMMITTED;
      default:
        return false;
    }
  }
  static bool MayFollow(v1::ReferralStatus from, v1::ReferralStatus to) {
    return referral::MayFollow(from, to);
  }

  // ---- the region's rules ----

  std::set<ActorRole> SignersByRule(event::v1::PlanKind kind, CivilDay drafted) const {
    const auto* rule = FindRule(rules_.profile.plans(), drafted, FirstStart(drafted),
                                [&](const auto& r) { return r.kind() == kind; });
    if (rule == nullptr) return DefaultSigners(kind);
    std::set<ActorRole> signers;
    for (int role : rule->signers()) signers.insert(static_cast<ActorRole>(role));
    return signers;
  }

  std::set<ActorRole> Needed(const PlanRevision& revision) const {
    if (!revision.signers_needed.empty()) return revision.signers_needed;
    return SignersByRule(revision.kind, revision.drafted_on.value_or(today_));
  }

  // A start needs one of the profile's plans with its signatures, unless a rule without a kind says
  // that none is needed (Vamos, seed 003). A plan is judged by the rule of the day it was drafted.
  Answer PlanOpensTheWay(const std::string& plan_id, CivilDay starts) const {
    bool needed = false;
    for (const auto& rule : rules_.profile.plans()) {
      if (!RuleHolds(rule, starts, FirstStart(starts))) continue;
      if (rule.kind() == event::v1::PLAN_KIND_UNSPECIFIED) return std::nullopt;
      needed = true;
    }
    if (!needed) return std::nullopt;
    if (plan_id.empty()) {
      return Refuse("plan_required", "here a service starts from a plan; name it in plan_id");
    }
    const auto plan = state_.plans.find(plan_id);
    if (plan == state_.plans.end()) {
      return Refuse("unknown_plan", "that plan is not known in this case");
    }
    const PlanRevision* revision = nullptr;
    for (const auto& [number, one] : plan->second.revisions) {
      if (!one.drafted) continue;
      // What was planned anew after the first day did not open the way to it.
      if (revision != nullptr && one.drafted_on && *one.drafted_on > starts) break;
      revision = &one;
    }
    const CivilDay drafted =
        revision == nullptr ? starts : revision->drafted_on.value_or(starts);
    const auto opens = [&](const auto& rule) {
      return rule.kind() == revision->kind && OpenTo(rule, drafted);
    };
    if (revision == nullptr ||
        FindRule(rules_.profile.plans(), drafted, FirstStart(starts), opens) == nullptr) {
      return Refuse("plan_kind_not_allowed",
                    "by the profile a plan of that kind and time does not lead to the service");
    }
    if (revision->work != v1::REHABILITATIVE_WORK_IN_PLAN_INCLUDED) {
      return Refuse("plan_without_service",
                    "the plan's newest revision does not say that rehabilitative work is included; draft the "
                    "next revision with rehabilitative_work and have it signed");
    }
    const std::set<ActorRole> signers = Needed(*revision);
    if (!std::includes(revision->signed_by.begin(), revision->signed_by.end(), signers.begin(),
                       signers.end())) {
      return Refuse("plan_not_signed",
                    "the plan's newest revision lacks signatures that it needs; a revision drafted anew is "
                    "signed anew");
    }
    return std::nullopt;
  }

  // A plan for receivers of certain benefits is closed only to a client known to have none: of the
  // benefits a client has, this agency may be told a part.
  bool OpenTo(const config::v1::PlanRule& rule, CivilDay day) const {
    if (rule.only_benefits().empty()) return true;
    const auto holds = [&](event::v1::BenefitKind kind) {
      const auto found = state_.benefits.find(kind);
      if (found == state_.benefits.end()) return false;
      const Benefit& benefit = found->second;
      return (!benefit.valid_from || *benefit.valid_from <= day) &&
             (!benefit.valid_until || day <= *benefit.valid_until);
    };
    for (int kind : rule.only_benefits()) {
      if (holds(static_cast<event::v1::BenefitKind>(kind))) return true;
    }
    return !holds(event::v1::BENEFIT_KIND_NONE);
  }

  static std::string PlanOfAgreement(const Period& period) {
    for (auto it = period.agreements.rbegin(); it != period.agreements.rend(); ++it) {
      if (!it->plan_id.empty()) return it->plan_id;
    }
    return "";
  }

  std::string PlanOf(const Period* period, const std::string& referral_id) const {
    if (period != nullptr) {
      if (std::string plan = PlanOfAgreement(*period); !plan.empty()) return plan;
    }
    const auto referral = state_.referrals.find(referral_id);
    return referral == state_.referrals.end() ? "" : referral->second.plan_id;
  }

  // A region that names a case manager, or says that it names nobody, has one of the two on record
  // before it makes an agreement, the provider's (seed 004) before the start: open and not known
  // must not look alike (seed 002).
  Answer CaseManagerSettled(event::v1::CaseManagerSide side, CivilDay starts) const {
    for (const auto& rule : rules_.profile.case_managers()) {
      if (!rule.named() || rule.side() != side) continue;
      if (!RuleHolds(rule, starts, FirstStart(starts))) continue;
      if (!state_.case_managers.contains(rule.side())) {
        return Refuse("case_manager_open",
                      side == event::v1::CASE_MANAGER_SIDE_PROVIDER
                          ? "name the client's worker at the provider or record that nobody is named, first"
                          : "name the client's case manager or record that nobody is named, first");
      }
    }
    return std::nullopt;
  }

  const config::v1::AgreementRule* AgreementRuleFor(CivilDay day, Day first) const {
    return FindRule(rules_.profile.agreements(), day, first, [](const auto&) { return true; });
  }
  bool HasAgreementRule(CivilDay day, Day first) const {
    return AgreementRuleFor(day, first) != nullptr;
  }

  // At a time, from that day; 0: no limit.
  uint32_t MostMonths(const config::v1::AgreementRule& rule, CivilDay from) const {
    const int years = static_cast<int>(rule.long_after_years());
    const bool is_long = years != 0 && from >= AddMonths(FirstStart(from), 12 * years);
    if (!is_long || rule.long_max_months() == 0) return rule.max_months();
    return rule.max_months() == 0 ? rule.long_max_months()
                                  : std::min(rule.max_months(), rule.long_max_months());
  }

  // Calendar months: 3 months from 7 January end on 6 April, the last full day, or on 7 April, the
  // day of the same number by which such times are reckoned in law (150/1930, 3 § [k]).
  Answer LengthFits(const v1::AgreementMade& e, const Period* period) const {
    const CivilDay starts = *ParseDate(e.starts_on());
    const CivilDay ends = *ParseDate(e.ends_on());
    const auto* rule = AgreementRuleFor(starts, FirstStart(starts));
    if (rule == nullptr) return std::nullopt;
    const auto last_day = [&](uint32_t months) {
      return AddMonths(starts, static_cast<int>(months)) - 1;
    };
    const bool first = IsFirstAgreement(e.period_id(), period);
    if (first && rule->first_months() != 0) {
      const CivilDay exact = last_day(rule->first_months());
      if (ends == exact || ends == exact + 1) return std::nullopt;
      return Refuse("agreement_length",
                    Str("the first agreement is for ", rule->first_months(),
                        " months exactly: from that start until ", service::FormatDate(exact)));
    }
    if (rule->min_months() != 0 && ends < last_day(rule->min_months())) {
      return Refuse("agreement_too_short",
                    Str("an agreement is for at least ", rule->min_months(), " months"));
    }
    const uint32_t most = MostMonths(*rule, starts);
    if (most != 0 && ends > last_day(most) + 1) {
      return Refuse("agreement_too_long",
                    Str("an agreement is for at most ", most, " months at a time here"));
    }
    return std::nullopt;
  }

  // Before the service of this period began, an agreement may be made anew.
  bool IsFirstAgreement(const std::string& period_id, const Period* period) const {
    if (period != nullptr && period->started) return false;
    return std::none_of(state_.periods.begin(), state_.periods.end(), [&](const auto& other) {
      return other.first != period_id && other.second.started && !state_.IsVoid(other.second);
    });
  }

  Answer ScheduleFits(const event::v1::Schedule& schedule, CivilDay day, Day first) const {
    int previous = 0;
    for (int weekday : schedule.weekdays()) {
      if (weekday <= previous) {
        return Refuse("bad_schedule", "field weekdays: ascending, each once");
      }
      previous = weekday;
    }
    const uint32_t days = schedule.days_per_week();
    const uint32_t minutes = schedule.minutes_per_day();
    if (days > 7 || minutes > 24 * 60) {
      return Refuse("bad_schedule", "a week has 7 days and a day 1440 minutes");
    }
    if (days != 0 && !schedule.weekdays().empty() &&
        days != static_cast<uint32_t>(schedule.weekdays_size())) {
      return Refuse("bad_schedule", "field weekdays does not have days_per_week days");
    }
    const auto* rule =
        FindRule(rules_.profile.intensities(), day, first, [](const auto&) { return true; });
    if (rule == nullptr) return std::nullopt;
    // 0 in the schedule: not agreed yet; 0 in the rule: no limit.
    const auto outside = [](uint32_t value, uint32_t least, uint32_t most) {
      return value != 0 && (value < least || (most != 0 && value > most));
    };
    if (outside(days, rule->min_days_per_week(), rule->max_days_per_week()) ||
        outside(minutes, rule->min_minutes_per_day(), rule->max_minutes_per_day()) ||
        outside(days * minutes, 0, rule->max_minutes_per_week())) {
      return Refuse("schedule_outside_limits",
                    Str("by rule ", rule->id(), "/", rule->version(), " at most ",
                        rule->max_days_per_week(), " days a week, ", rule->min_minutes_per_day(),
                        "-", rule->max_minutes_per_day(), " minutes a day and ",
                        rule->max_minutes_per_week(), " minutes a week may be agreed"));
    }
    return std::nullopt;
  }

  Answer Offered(CivilDay day, event::v1::ServiceVariant variant, event::v1::ServiceForm form,
                 event::v1::Provision provision) const {
    const auto* rule = FindRule(rules_.profile.variants(), day, FirstStart(day),
                                [](const auto&) { return true; });
    if (rule == nullptr) return std::nullopt;
    const auto lacks = [](const auto& list, int value) {
      return value != 0 && !list.empty() &&
             std::find(list.begin(), list.end(), value) == list.end();
    };
    if (lacks(rule->variants(), variant) || lacks(rule->forms(), form) ||
        lacks(rule->provisions(), provision)) {
      return Refuse("not_offered", "the region's profile does not have that variant, form or provision");
    }
    return std::nullopt;
  }

  // A region with a rule for agreements starts nothing without one, and without a decision (DOMAIN
  // step 6); one without (Kipinä, seed 003) starts by walking in.
  Answer AgreedAndDecided(const v1::ServiceStarted& e, const Period* period, CivilDay starts,
                          CivilDay first) const {
    if (period != nullptr && !period->agreements.empty()) {
      const auto reaches = [&](const Agreement& one) {
        return (!one.starts_on || *one.starts_on <= starts) && (!one.ends_on || starts <= *one.ends_on);
      };
      const auto found =
          std::find_if(period->agreements.rbegin(), period->agreements.rend(), reaches);
      const Agreement& agreement =
          found == period->agreements.rend() ? period->agreements.back() : *found;
      if (!agreement.provider_agency.empty() &&
          !Is(e.provider_agency(), agreement.provider_agency)) {
        return Refuse("provider_mismatch", "the agreement is with another provider");
      }
      if (agreement.starts_on && starts < *agreement.starts_on) {
        return Refuse("before_agreement", "the agreement begins later; make it anew or start later");
      }
      const Day until = ParseDate(e.ends_on());
      if (agreement.ends_on && (starts > *agreement.ends_on || (until && *until > *agreement.ends_on))) {
        return Refuse("beyond_agreement", "the agreement ends earlier");
      }
    }
    if (!HasAgreementRule(starts, first)) return std::nullopt;
    if (period == nullptr || period->agreements.empty()) {
      return Refuse("agreement_missing",
                    "no agreement for that period is known here; make it first");
    }
    const bool decided = std::any_of(
        period->decisions.begin(), period->decisions.end(), [&](const Decision& decision) {
          return decision.granted && decision.kind == v1::DECISION_KIND_START &&
                 (!decision.valid_from || *decision.valid_from <= starts) &&
                 (!decision.valid_until || starts <= *decision.valid_until);
        });
    if (!decided) {
      return Refuse("decision_missing",
                    "no granted decision that covers the first day is known here for that period");
    }
    return std::nullopt;
  }

  Answer ExitFits(event::v1::ExitGroup group, event::v1::ExitCode code, CivilDay day,
                  Day first) const {
    if (code == event::v1::EXIT_CODE_UNSPECIFIED) return std::nullopt;
    if (static_cast<int>(group) != static_cast<int>(code) / 10) {
      return Refuse("exit_group_mismatch",
                    "exit_group is the group of exit_code: the code's tens (common.proto)");
    }
    const auto* rule =
        FindRule(rules_.profile.exits(), day, first, [](const auto&) { return true; });
    if (rule != nullptr &&
        std::find(rule->codes().begin(), rule->codes().end(), code) == rule->codes().end()) {
      return Refuse("exit_code_not_in_profile", "the region's profile does not have that exit code");
    }
    return std::nullopt;
  }

  std::set<uint32_t> FollowUpMonths(CivilDay ended, Day first) const {
    const auto* rule = FindRule(rules_.profile.assessments(), ended, first, [](const auto& r) {
      return r.kind() == event::v1::ASSESSMENT_KIND_FOLLOW_UP;
    });
    if (rule == nullptr) return {kFollowUpMonths.begin(), kFollowUpMonths.end()};
    return {rule->months().begin(), rule->months().end()};
  }

  const State& state_;
  const CaseId case_id_;
  const std::string_view author_;
  // The offer takes the place of an entry, and `state_` is the case without that one (services/core/standing.h).
  const bool corrects_;
  const service::Rules& rules_;
  const CivilDay today_;
};

const ReferralEvents<Decider, Answer>& Deciders() {
  static const auto* const deciders = new ReferralEvents<Decider, Answer>();
  return *deciders;
}

bool OpensCase(const google::protobuf::Message& event) {
  const auto* type = event.GetDescriptor();
  return type == v1::ClientIdentified::descriptor() || type == v1::NeedIdentified::descriptor() ||
         type == v1::PlaceListed::descriptor();
}

}  // namespace

std::optional<Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                   const service::Rules& rules, CivilDay today) {
  if (!Deciders().Knows(offer.body)) {
    return Refuse("unknown_type", "this service takes events of polku.referral.v1 alone");
  }
  if (auto refusal = service::CheckConventions(offer.body)) return refusal;
  if (!state.known && !OpensCase(offer.body)) {
    return Refuse("unknown_case",
                  "no event of this case is known here; a case opens with ClientIdentified or "
                  "NeedIdentified, that of a place with PlaceListed");
  }
  if (auto refusal = state.sort.Check(offer.body, rules.own_agency, "referral")) return refusal;
  Decider decider(state, offer, rules, today);
  return Deciders().Visit(decider, offer.body);
}

}  // namespace polku::referral
