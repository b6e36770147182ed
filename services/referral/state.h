// What the referral service knows of a case: plain values folded from its facts in merged order. An
// empty value means "not known here": the event may lie in a section or log that this agency does not
// get. Personal data is not kept: no decision needs it, and the log has it.
#ifndef POLKU_SERVICES_REFERRAL_STATE_H_
#define POLKU_SERVICES_REFERRAL_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/event/v1/common.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/case_sort.h"
#include "services/core/service.h"
#include "services/core/successors.h"

namespace polku::referral {

using Day = std::optional<absl::CivilDay>;

// ---- The referral's statuses (DOMAIN, referral statuses) ----

// Who may set a status.
struct StatusSetter {
  bool requester = false;
  bool target = false;
};
StatusSetter WhoMaySet(v1::ReferralStatus status);

// The transition table. ENTERED_IN_ERROR may be reached from every other status: it says that the
// referral should never have been made. DRAFT and REQUESTED may be the first.
bool MayFollow(v1::ReferralStatus from, v1::ReferralStatus to);

// DOMAIN: a reason goes with rejected, cancelled, on-hold and failed.
bool NeedsReason(v1::ReferralStatus status);

// Of two contradictory acts the one with the higher precedence holds, whatever the clocks say:
// entered-in-error, cancelled, rejected, failed, completed, on-hold, in-progress, accepted, requested,
// draft; 0 for an unknown status. What undoes more stands above what undoes less, so that a doubt never
// keeps a service running that one side has stopped.
int Precedence(v1::ReferralStatus status);

// No status but ENTERED_IN_ERROR may follow.
bool IsFinal(v1::ReferralStatus status);

struct StatusAct {
  EventId event;
  std::string origin;
  std::string author_agency;
  v1::ReferralStatus status = v1::REFERRAL_STATUS_UNSPECIFIED;
  v1::StatusReason reason = v1::STATUS_REASON_UNSPECIFIED;
  bool effective = false;  // it moved the referral when it was folded
  friend bool operator==(const StatusAct&, const StatusAct&) = default;
};

// Two acts that cannot both hold: made by agencies that did not know of each other's.
struct StatusConflict {
  EventId kept;
  EventId overruled;
  friend bool operator==(const StatusConflict&, const StatusConflict&) = default;
};

struct Referral {
  std::string requester_agency;
  std::string target_agency;
  std::string plan_id;
  Day made_on;
  v1::ReferralStatus status = v1::REFERRAL_STATUS_UNSPECIFIED;
  std::vector<StatusAct> acts;  // in merged order, overruled ones too
  std::vector<StatusConflict> conflicts;
  friend bool operator==(const Referral&, const Referral&) = default;
};

// Folds a status act. Acts of one log are in sequence; of acts from two logs nothing says whether the
// later author knew the earlier act, so the outcome must not hang on which came first:
// - not allowed from the present status: the act with the higher precedence holds; a conflict;
// - allowed from it, but from another log, of lower precedence, and also allowed from a status before
//   it (in-progress after on-hold): as likely made in ignorance; the present status stays; a
//   conflict. The same log saying it again has seen the conflict, and is followed.
// Either way both acts stay in `acts`.
void ApplyStatus(Referral& referral, StatusAct act);

// ---- The rest of the path ----

struct PlanRevision {
  EventId event;
  event::v1::PlanKind kind = event::v1::PLAN_KIND_UNSPECIFIED;
  Day drafted_on;
  v1::RehabilitativeWorkInPlan work = v1::REHABILITATIVE_WORK_IN_PLAN_UNSPECIFIED;
  std::set<event::v1::ActorRole> signers_needed;
  std::set<event::v1::ActorRole> signed_by;
  bool drafted = false;  // false: only signatures are known here
  friend bool operator==(const PlanRevision&, const PlanRevision&) = default;
};

struct Plan {
  std::map<uint32_t, PlanRevision> revisions;
  friend bool operator==(const Plan&, const Plan&) = default;
};

struct Commitment {
  std::string agency;  // empty: the client
  friend bool operator==(const Commitment&, const Commitment&) = default;
};

struct Meeting {
  std::string caller_agency;  // empty: no call is known here
  bool held = false;
  std::set<std::string> invited_agencies;
  std::set<std::string> present_agencies;
  std::map<uint32_t, Commitment> commitments;
  std::map<uint32_t, v1::CommitmentState> commitment_states;
  friend bool operator==(const Meeting&, const Meeting&) = default;
};

struct Agreement {
  EventId event;
  std::string author_agency;
  std::string referral_id;
  std::string plan_id;
  std::string provider_agency;
  Day starts_on;
  Day ends_on;
  friend bool operator==(const Agreement&, const Agreement&) = default;
};

struct Decision {
  EventId event;
  std::string author_agency;
  v1::DecisionKind kind = v1::DECISION_KIND_UNSPECIFIED;
  bool granted = false;
  std::string number;
  Day valid_from;
  Day valid_until;
  friend bool operator==(const Decision&, const Decision&) = default;
};

struct Interruption {
  Day from;
  Day resumed_on;
  bool resumed = false;
  friend bool operator==(const Interruption&, const Interruption&) = default;
};

// A service period: opened by an agreement, running from ServiceStarted to ServiceEnded.
struct Period {
  std::string referral_id;
  std::string provider_agency;
  std::vector<Agreement> agreements;
  std::vector<Decision> decisions;
  bool started = false;
  EventId start_event;
  std::string start_author;
  Hash start_content;  // tells a correction from a repeat
  Day starts_on;
  Day first_started_on;       // of the chain of periods, where that began before this case's history
  Day ends_on;                // the last day, as now known
  bool extended = false;
  std::vector<Interruption> interruptions;
  bool ended = false;
  std::string end_author;
  Hash end_content;
  Day ended_on;
  std::map<uint32_t, bool> follow_ups;  // months → somebody was reached
  bool running() const { return started && !ended; }
  bool interrupted() const { return !interruptions.empty() && !interruptions.back().resumed; }
  friend bool operator==(const Period&, const Period&) = default;
};

struct CaseManager {
  bool nobody = false;  // explicitly
  std::string agency;
  std::string official;
  friend bool operator==(const CaseManager&, const CaseManager&) = default;
};

struct Benefit {
  std::string payer_agency;
  Day valid_from;
  Day valid_until;
  friend bool operator==(const Benefit&, const Benefit&) = default;
};

// A place of the catalogue, as listed last.
struct Place {
  Hash content;  // tells a new listing from a repeat
  std::string author_agency;  // of the first listing: who keeps it beside its provider
  bool withdrawn = false;
  friend bool operator==(const Place&, const Place&) = default;
};

// A fact that contradicts what was known. It is kept and shown; codes are those of the refusals.
struct Breach {
  EventId event;
  std::string code;
  friend bool operator==(const Breach&, const Breach&) = default;
};

struct State : service::CaseState {
  CaseId case_id;
  bool known = false;   // any event of the path was seen
  bool closed = false;
  std::map<std::string, Plan> plans;
  std::map<std::string, Referral> referrals;
  std::map<std::string, Meeting> meetings;
  std::map<std::string, Period> periods;
  std::map<event::v1::CaseManagerSide, CaseManager> case_managers;
  std::map<event::v1::BenefitKind, Benefit> benefits;
  std::set<std::string> payers;  // that a benefit or a statement names
  // Of days on which something was done or paid: the newest of all, and of each author's (services/core/closing.h).
  Day newest_day;
  std::map<std::string, absl::CivilDay, std::less<>> newest_day_of;
  service::Successors successors;
  std::set<CaseId> linked;  // cases of the same person, as this one says
  service::CaseSort sort;
  std::map<std::pair<std::string, std::string>, Place> places;  // by provider and place code
  std::vector<Breach> breaches;

  // A period counts for nothing once its referral was entered in error.
  bool IsVoid(const Period& period) const;
  friend bool operator==(const State& a, const State& b) {
    return a.case_id == b.case_id && a.known == b.known && a.closed == b.closed &&
           a.plans == b.plans && a.referrals == b.referrals && a.meetings == b.meetings &&
           a.periods == b.periods && a.case_managers == b.case_managers &&
           a.benefits == b.benefits && a.payers == b.payers && a.newest_day == b.newest_day &&
           a.newest_day_of == b.newest_day_of && a.successors == b.successors &&
           a.linked == b.linked &&
           a.sort == b.sort && a.places == b.places && a.breaches == b.breaches;
  }
};

// Total: a fact of an unknown type changes nothing.
void EvolveState(State& state, const service::Fact& fact);

// The signatures that a plan of this kind needs when neither the plan nor the profile says
// (DOMAIN step 3; a joint or follow-on plan needs the client's).
std::set<event::v1::ActorRole> DefaultSigners(event::v1::PlanKind kind);

// Of an event's fields as they are visible here.
Hash ContentHash(const google::protobuf::Message& event);

// What a status of the event's referral leaves without part in the case: its target, when the referral came to nothing
// before anything began and nothing else in the case asks, invites, pays or names that agency. Empty: nobody.
std::vector<std::string> WithoutPartAfter(const State& state, const google::protobuf::Message& event);

// Every needed signature is there.
bool IsSigned(const PlanRevision& revision);

// Full names of the event types of polku.referral.v1.
std::vector<std::string_view> EventTypes();

}  // namespace polku::referral

#endif  // POLKU_SERVICES_REFERRAL_STATE_H_
