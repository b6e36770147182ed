#include "services/referral/state.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/hash.h"
#include "services/core/calendar.h"
#include "services/core/closing.h"
#include "services/core/event_dispatch.h"
#include "services/core/message_cast.h"
#include "services/referral/events.h"

namespace polku::referral {
namespace {

using service::Fact;
using service::ParseDate;

class Folder {
 public:
  Folder(State& state, const Fact& fact) : state_(state), fact_(fact) {}

  bool On(const v1::ClientIdentified&) { return Known(); }
  bool On(const v1::NeedIdentified&) { return Known(); }
  bool On(const v1::ServiceNeedAssessed&) { return Known(); }
  bool On(const v1::PlaceAnswered&) { return Known(); }
  bool On(const v1::IntroductoryVisitArranged&) { return Known(); }
  bool On(const v1::IntroductoryVisitHeld&) { return Known(); }
  bool On(const v1::AuthorityNotified&) { return Known(); }
  bool On(const v1::SocialServiceNoted&) { return Known(); }
  bool On(const v1::HealthServiceNoted&) { return Known(); }

  bool On(const v1::PlanDrafted& event) {
    PlanRevision& revision = state_.plans[event.plan_id()].revisions[event.revision()];
    if (revision.drafted) {
      // Two authors wrote the same revision without knowing of each other. The signatures are of
      // the first, which stays; a new revision settles it.
      return Flag("duplicate");
    }
    revision.drafted = true;
    revision.event = fact_.id;
    revision.kind = event.kind();
    revision.drafted_on = ParseDate(event.drafted_on());
    revision.work = event.rehabilitative_work();
    for (int role : event.signers_needed()) {
      revision.signers_needed.insert(static_cast<event::v1::ActorRole>(role));
    }
    return Known();
  }

  bool On(const v1::PlanSigned& event) {
    state_.plans[event.plan_id()].revisions[event.revision()].signed_by.insert(event.signer());
    return Known();
  }

  bool On(const v1::ReferralMade& event) {
    Referral& referral = state_.referrals[event.referral_id()];
    const std::string_view requester =
        event.requester_agency().empty() ? fact_.author_agency : event.requester_agency();
    if (!referral.requester_agency.empty()) {
      // A draft may be written again by its author; else the label was taken by somebody else.
      if (referral.requester_agency != requester ||
          referral.status != v1::REFERRAL_STATUS_DRAFT) {
        return Flag("duplicate");
      }
    }
    referral.requester_agency = std::string(requester);
    referral.target_agency = event.target_agency();
    referral.plan_id = event.plan_id();
    referral.made_on = ParseDate(event.made_on());
    StatusAct act = Act(event.status(), v1::STATUS_REASON_UNSPECIFIED);
    if (referral.status == v1::REFERRAL_STATUS_UNSPECIFIED ||
        referral.status == v1::REFERRAL_STATUS_DRAFT) {
      ApplyStatus(referral, std::move(act));
    } else {
      referral.acts.push_back(std::move(act));  // answers to it were known here before it was
    }
    return Known();
  }

  bool On(const v1::ReferralStatusChanged& event) {
    Referral& referral = state_.referrals[event.referral_id()];
    StatusAct act = Act(event.status(), event.reason());
    const StatusSetter setter = WhoMaySet(event.status());
    const bool is_requester = IsOrSucceeds(referral.requester_agency);
    const bool is_target = IsOrSucceeds(referral.target_agency);
    // Where either party is not known here, nobody can be called a stranger.
    const bool parties_known =
        !referral.requester_agency.empty() && !referral.target_agency.empty();
    if (parties_known && !(setter.requester && is_requester) && !(setter.target && is_target)) {
      referral.acts.push_back(std::move(act));
      return Flag("wrong_actor");
    }
    ApplyStatus(referral, std::move(act));
    return Known();
  }

  bool On(const v1::NetworkMeetingCalled& event) {
    Meeting& meeting = state_.meetings[event.meeting_id()];
    if (meeting.caller_agency.empty()) meeting.caller_agency = std::string(fact_.author_agency);
    meeting.invited_agencies.insert(event.invited_agencies().begin(),
                                    event.invited_agencies().end());
    return Known();
  }

  bool On(const v1::NetworkMeetingHeld& event) {
    Meeting& meeting = state_.meetings[event.meeting_id()];
    if (meeting.held) return Flag("duplicate");
    meeting.held = true;
    meeting.present_agencies.insert(event.present_agencies().begin(),
                                    event.present_agencies().end());
    for (const auto& commitment : event.commitments()) {
      meeting.commitments[commitment.number()] = {.agency = commitment.agency()};
    }
    return Known();
  }

  bool On(const v1::CommitmentConfirmed& event) {
    Meeting& meeting = state_.meetings[event.meeting_id()];
    const auto found = meeting.commitments.find(event.number());
    if (found != meeting.commitments.end() && !found->second.agency.empty() &&
        !IsOrSucceeds(found->second.agency)) {
      return Flag("wrong_actor");  // a promise is the member's own or none
    }
    meeting.commitment_states[event.number()] = event.state();
    return Known();
  }

  bool On(const v1::AgreementMade& event) {
    Period& period = state_.periods[event.period_id()];
    period.agreements.push_back({.event = fact_.id,
                                 .author_agency = std::string(fact_.author_agency),
                                 .referral_id = event.referral_id(),
                                 .plan_id = event.plan_id(),
                                 .provider_agency = event.provider_agency(),
                                 .starts_on = ParseDate(event.starts_on()),
                                 .ends_on = ParseDate(event.ends_on())});
    if (!period.started) {
      period.referral_id = event.referral_id();
      period.provider_agency = event.provider_agency();
    }
    return Known();
  }

  bool On(const v1::DecisionMade& event) {
    state_.periods[event.period_id()].decisions.push_back(
        {.event = fact_.id,
         .author_agency = std::string(fact_.author_agency),
         .kind = event.kind(),
         .granted = event.granted(),
         .number = event.decision_number(),
         .valid_from = ParseDate(event.valid_from()),
         .valid_until = ParseDate(event.valid_until())});
    return Known();
  }

  bool On(const v1::ServiceStarted& event) {
    Period& period = state_.periods[event.period_id()];
    if (period.started && !IsOrSucceeds(period.start_author)) {
      Flag("already_started");  // the newest holds, as at every other service of the case
    }
    period.started = true;
    period.start_event = fact_.id;
    period.start_author = std::string(fact_.author_agency);
    period.start_content = ContentHash(event);
    if (!event.referral_id().empty()) period.referral_id = event.referral_id();
    if (!event.provider_agency().empty()) period.provider_agency = event.provider_agency();
    period.starts_on = ParseDate(event.starts_on());
    period.first_started_on = ParseDate(event.first_started_on());
    // A corrected start does not take an extension back.
    if (!period.extended) period.ends_on = ParseDate(event.ends_on());
    if (period.ended && period.starts_on && period.ended_on &&
        *period.ended_on < *period.starts_on) {
      Flag("dates_out_of_order");
    }
    return Known();
  }

  bool On(const v1::ServiceExtended& event) {
    Period& period = state_.periods[event.period_id()];
    const Day until = ParseDate(event.ends_on());
    if (until) {
      period.ends_on = until;
      period.extended = true;
    }
    if (period.ended) Flag("already_ended");
    return Known();
  }

  bool On(const v1::ServiceChanged& event) {
    Period& period = state_.periods[event.period_id()];
    if (!event.provider_agency().empty()) period.provider_agency = event.provider_agency();
    if (period.ended) Flag("already_ended");
    return Known();
  }

  bool On(const v1::ServiceInterrupted& event) {
    Period& period = state_.periods[event.period_id()];
    if (period.interrupted()) return Flag("already_interrupted");
    period.interruptions.push_back({.from = ParseDate(event.interrupted_from())});
    if (period.ended) Flag("already_ended");
    return Known();
  }

  bool On(const v1::ServiceResumed& event) {
    Period& period = state_.periods[event.period_id()];
    // The interruption may not be disclosed here, so its lack is no contradiction.
    if (!period.interrupted()) return Known();
    Interruption& last = period.interruptions.back();
    last.resumed = true;
    last.resumed_on = ParseDate(event.resumed_on());
    if (last.from && last.resumed_on && *last.resumed_on < *last.from) Flag("dates_out_of_order");
    return Known();
  }

  bool On(const v1::ServiceEnded& event) {
    Period& period = state_.periods[event.period_id()];
    const Day ended_on = ParseDate(event.ended_on());
    if (period.ended && !IsOrSucceeds(period.end_author)) Flag("already_ended");
    if (period.started && period.starts_on && ended_on && *ended_on < *period.starts_on) {
      Flag("dates_out_of_order");
    }
    period.ended = true;
    period.end_author = std::string(fact_.author_agency);
    period.end_content = ContentHash(event);
    period.ended_on = ended_on;
    return Known();
  }

  bool On(const v1::FollowUpRecorded& event) {
    bool& reached = state_.periods[event.period_id()].follow_ups[event.months()];
    reached = reached || event.reached();
    return Known();
  }

  bool On(const v1::CaseManagerNamed& event) {
    state_.case_managers[event.side()] = {
        .nobody = false, .agency = event.agency(), .official = event.official()};
    return Known();
  }

  bool On(const v1::NoCaseManagerNamed& event) {
    state_.case_managers[event.side()] = {
        .nobody = true, .agency = std::string(fact_.author_agency), .official = ""};
    return Known();
  }

  bool On(const v1::PayerStatementGiven& event) {
    if (!event.payer_agency().empty()) state_.payers.insert(event.payer_agency());
    return Known();
  }

  bool On(const v1::BenefitRecorded& event) {
    if (!event.payer_agency().empty()) state_.payers.insert(event.payer_agency());
    // Without PAYMENT only the payer is known, not which benefit.
    if (event.kind() != event::v1::BENEFIT_KIND_UNSPECIFIED) {
      state_.benefits[event.kind()] = {.payer_agency = event.payer_agency(),
                                       .valid_from = ParseDate(event.valid_from()),
                                       .valid_until = ParseDate(event.valid_until())};
    }
    return Known();
  }

  bool On(const v1::OrganiserTransferred&) {
    state_.successors.Fold(fact_);
    return Known();
  }

  bool On(const v1::CasesLinked& event) {
    if (const auto other = CaseId::FromBytes(event.other_case_id())) state_.linked.insert(*other);
    return Known();
  }

  bool On(const v1::CasesUnlinked& event) {
    if (const auto other = CaseId::FromBytes(event.other_case_id())) state_.linked.erase(*other);
    return Known();
  }

  bool On(const v1::PlaceListed& event) {
    Place& place = state_.places[{event.provider_agency(), event.place_code()}];
    if (place.author_agency.empty()) place.author_agency = std::string(fact_.author_agency);
    place.content = ContentHash(event);
    place.withdrawn = false;
    return Known();
  }

  bool On(const v1::PlaceWithdrawn& event) {
    state_.places[{event.provider_agency(), event.place_code()}].withdrawn = true;
    return Known();
  }

  bool On(const v1::CaseClosed&) {
    state_.closed = true;
    return Known();
  }

 private:
  // In a fold nobody is judged anew: whether a successor spoke on its day was decided at its log.
  bool IsOrSucceeds(std::string_view agency) const {
    return state_.successors.IsOrSucceeds(fact_.author_agency, agency);
  }

  bool Known() {
    state_.known = true;
    return true;
  }

  bool Flag(std::string_view code) {
    state_.breaches.push_back({.event = fact_.id, .code = std::string(code)});
    return Known();
  }

  StatusAct Act(v1::ReferralStatus status, v1::StatusReason reason) const {
    return {.event = fact_.id,
            .origin = std::string(fact_.origin),
            .author_agency = std::string(fact_.author_agency),
            .status = status,
            .reason = reason,
            .effective = false};
  }

  State& state_;
  const Fact& fact_;
};

// `act` would have been allowed without `current`: from a status before it, back to the last act
// of its own log, which its author knew. Acts of other logs in between it need not have known.
bool MadeWithout(const Referral& referral, const StatusAct& current, const StatusAct& act) {
  if (current.origin == act.origin) return false;
  bool before = false;
  for (auto it = referral.acts.rbegin(); it != referral.acts.rend(); ++it) {
    if (!it->effective) continue;
    if (before && MayFollow(it->status, act.status)) return true;
    if (before && it->origin == act.origin) return false;
    before = true;  // the newest effective act is `current`
  }
  return false;
}

bool CameToNothing(const Referral& referral) {
  return referral.status == v1::REFERRAL_STATUS_REJECTED ||
         referral.status == v1::REFERRAL_STATUS_CANCELLED ||
         referral.status == v1::REFERRAL_STATUS_FAILED ||
         referral.status == v1::REFERRAL_STATUS_ENTERED_IN_ERROR;
}

const ReferralEvents<Folder, bool>& Folders() {
  static const auto* const folders = new ReferralEvents<Folder, bool>();
  return *folders;
}

}  // namespace

StatusSetter WhoMaySet(v1::ReferralStatus status) {
  switch (status) {
    case v1::REFERRAL_STATUS_DRAFT:
    case v1::REFERRAL_STATUS_REQUESTED:
    case v1::REFERRAL_STATUS_ENTERED_IN_ERROR:
      return {.requester = true, .target = false};
    case v1::REFERRAL_STATUS_ACCEPTED:
    case v1::REFERRAL_STATUS_REJECTED:
    case v1::REFERRAL_STATUS_IN_PROGRESS:
    case v1::REFERRAL_STATUS_ON_HOLD:
    case v1::REFERRAL_STATUS_FAILED:
    case v1::REFERRAL_STATUS_COMPLETED:
      return {.requester = false, .target = true};
    case v1::REFERRAL_STATUS_CANCELLED:
      return {.requester = true, .target = true};
    default:
      return {};
  }
}

bool MayFollow(v1::ReferralStatus from, v1::ReferralStatus to) {
  if (to == v1::REFERRAL_STATUS_ENTERED_IN_ERROR) {
    return from != v1::REFERRAL_STATUS_ENTERED_IN_ERROR && from != v1::REFERRAL_STATUS_UNSPECIFIED;
  }
  switch (from) {
    case v1::REFERRAL_STATUS_UNSPECIFIED:
      return to == v1::REFERRAL_STATUS_DRAFT || to == v1::REFERRAL_STATUS_REQUESTED;
    case v1::REFERRAL_STATUS_DRAFT:
      return to == v1::REFERRAL_STATUS_REQUESTED;
    case v1::REFERRAL_STATUS_REQUESTED:
      return to == v1::REFERRAL_STATUS_ACCEPTED || to == v1::REFERRAL_STATUS_REJECTED ||
             to == v1::REFERRAL_STATUS_CANCELLED;
    case v1::REFERRAL_STATUS_ACCEPTED:
      return to == v1::REFERRAL_STATUS_IN_PROGRESS || to == v1::REFERRAL_STATUS_ON_HOLD ||
             to == v1::REFERRAL_STATUS_CANCELLED || to == v1::REFERRAL_STATUS_COMPLETED ||
             to == v1::REFERRAL_STATUS_FAILED;
    case v1::REFERRAL_STATUS_IN_PROGRESS:
      return to == v1::REFERRAL_STATUS_ON_HOLD || to == v1::REFERRAL_STATUS_COMPLETED ||
             to == v1::REFERRAL_STATUS_FAILED || to == v1::REFERRAL_STATUS_CANCELLED;
    case v1::REFERRAL_STATUS_ON_HOLD:
      return to == v1::REFERRAL_STATUS_IN_PROGRESS || to == v1::REFERRAL_STATUS_CANCELLED ||
             to == v1::REFERRAL_STATUS_COMPLETED || to == v1::REFERRAL_STATUS_FAILED;
    default:
      return false;
  }
}

bool NeedsReason(v1::ReferralStatus status) {
  return status == v1::REFERRAL_STATUS_REJECTED || status == v1::REFERRAL_STATUS_CANCELLED ||
         status == v1::REFERRAL_STATUS_ON_HOLD || status == v1::REFERRAL_STATUS_FAILED;
}

int Precedence(v1::ReferralStatus status) {
  switch (status) {
    case v1::REFERRAL_STATUS_ENTERED_IN_ERROR:
      return 10;
    case v1::REFERRAL_STATUS_CANCELLED:
      return 9;
    case v1::REFERRAL_STATUS_REJECTED:
      return 8;
    case v1::REFERRAL_STATUS_FAILED:
      return 7;
    case v1::REFERRAL_STATUS_COMPLETED:
      return 6;
    case v1::REFERRAL_STATUS_ON_HOLD:
      return 5;
    case v1::REFERRAL_STATUS_IN_PROGRESS:
      return 4;
    case v1::REFERRAL_STATUS_ACCEPTED:
      return 3;
    case v1::REFERRAL_STATUS_REQUESTED:
      return 2;
    case v1::REFERRAL_STATUS_DRAFT:
      return 1;
    default:
      return 0;
  }
}

bool IsFinal(v1::ReferralStatus status) {
  return Precedence(status) >= Precedence(v1::REFERRAL_STATUS_COMPLETED);
}

void ApplyStatus(Referral& referral, StatusAct act) {
  const v1::ReferralStatus now = referral.status;
  if (act.status == now) {
    referral.acts.push_back(std::move(act));  // both sides say the same: no contradiction
    return;
  }
  // The first that is known here, whatever came before it elsewhere.
  bool holds = now == v1::REFERRAL_STATUS_UNSPECIFIED;
  bool conflict = false;
  const auto current = std::find_if(referral.acts.rbegin(), referral.acts.rend(),
                                    [](const StatusAct& a) { return a.effective; });
  if (!holds) {
    const bool higher = Precedence(act.status) > Precedence(now);
    if (!MayFollow(now, act.status)) {
      conflict = true;
      holds = higher;
    } else {
      holds = true;
      if (!higher && current != referral.acts.rend() && MadeWithout(referral, *current, act)) {
        const bool said_again =
            std::any_of(referral.acts.rbegin(), current, [&act](const StatusAct& a) {
              return a.origin == act.origin && a.status == act.status;
            });
        conflict = !said_again;
        holds = said_again;
      }
    }
  }
  if (conflict && current != referral.acts.rend()) {
    referral.conflicts.push_back(holds ? StatusConflict{act.event, current->event}
                                       : StatusConflict{current->event, act.event});
  }
  if (holds) {
    referral.status = act.status;
    act.effective = true;
  }
  referral.acts.push_back(std::move(act));
}

bool State::IsVoid(const Period& period) const {
  const auto found = referrals.find(period.referral_id);
  return found != referrals.end() &&
         found->second.status == v1::REFERRAL_STATUS_ENTERED_IN_ERROR;
}

void EvolveState(State& state, const Fact& fact) {
  state.sort.Fold(fact);
  if (service::Reopens(fact.body.GetDescriptor()->full_name(), !fact.corrects.is_zero())) {
    state.closed = false;
  }
  if (const Day done = service::DayDone(fact.body, fact.recorded_at)) {
    state.newest_day = std::max(state.newest_day.value_or(*done), *done);
    const auto [of_author, is_new] =
        state.newest_day_of.try_emplace(std::string(fact.author_agency), *done);
    if (!is_new) of_author->second = std::max(of_author->second, *done);
  }
  Folder folder(state, fact);
  Folders().Visit(folder, fact.body);
}

std::vector<std::string> WithoutPartAfter(const State& state,
                                          const google::protobuf::Message& event) {
  const auto* changed = service::As<v1::ReferralStatusChanged>(event);
  if (changed == nullptr) return {};
  const auto ended = state.referrals.find(changed->referral_id());
  if (ended == state.referrals.end() || !CameToNothing(ended->second)) return {};
  const std::string& target = ended->second.target_agency;
  if (target.empty()) return {};
  for (const auto& [id, referral] : state.referrals) {
    if (referral.requester_agency == target) return {};
    const bool asked = referral.status != v1::REFERRAL_STATUS_DRAFT && !CameToNothing(referral);
    if (referral.target_agency == target && asked) return {};
  }
  // What was begun there has days to be told and put right, be it void.
  for (const auto& [id, period] : state.periods) {
    if (period.started && period.provider_agency == target) return {};
  }
  for (const auto& [id, meeting] : state.meetings) {
    if (meeting.caller_agency == target || meeting.invited_agencies.contains(target) ||
        meeting.present_agencies.contains(target)) {
      return {};
    }
  }
  for (const auto& [side, manager] : state.case_managers) {
    if (manager.agency == target) return {};
  }
  for (const auto& transfer : state.successors.transfers()) {
    if (transfer.to == target) return {};
  }
  if (state.payers.contains(target)) return {};
  return {target};
}

Hash ContentHash(const google::protobuf::Message& event) {
  return Sha256(event.SerializeAsString());
}

std::set<event::v1::ActorRole> DefaultSigners(event::v1::PlanKind kind) {
  switch (kind) {
    case event::v1::PLAN_KIND_ACTIVATION:
    case event::v1::PLAN_KIND_MULTI_SECTOR:
      return {event::v1::ACTOR_ROLE_CLIENT, event::v1::ACTOR_ROLE_SOCIAL_SERVICES,
              event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY};
    default:
      return {event::v1::ACTOR_ROLE_CLIENT};
  }
}

bool IsSigned(const PlanRevision& revision) {
  const std::set<event::v1::ActorRole> needed = revision.signers_needed.empty()
                                                    ? DefaultSigners(revision.kind)
                                                    : revision.signers_needed;
  return std::includes(revision.signed_by.begin(), revision.signed_by.end(), needed.begin(),
                       needed.end());
}

std::vector<std::string_view> EventTypes() { return ReferralEvents<Folder, bool>::FullNames(); }

}  // namespace polku::referral
