#include "services/assessment/state.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "eventstore/base/status.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/message_cast.h"

namespace polku::assessment {
namespace {

using service::As;
using service::Fact;

// "ASSESSMENT_KIND_NETWORK_MEETING" → "network_meeting". Released enum names never change.
std::string ShortName(std::string_view name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return absl::AsciiStrToLower(ToAbsl(name));
}

class Folder {
 public:
  Folder(State& state, const Fact& fact) : state_(state), fact_(fact) {}

  bool On(const v1::AssessmentDue& event) {
    return Raise(AssessmentKey(event.period_id(), event.kind(), event.round()), event.due_on());
  }
  bool On(const v1::FeedbackDue& event) {
    return Raise(FeedbackKey(event.period_id(), event.giver()), event.due_on());
  }
  bool On(const v1::DueCancelled& event) {
    if (const auto id = EventId::FromBytes(event.due_event_id())) {
      state_.cancelled.emplace(*id, std::string(fact_.author_agency));
    }
    return true;
  }
  bool On(const v1::KykyviisariRecorded& event) {
    state_.kykyviisari.emplace(std::pair(event.period_id(), event.round()), event.filled_on());
    state_.kykyviisari_events.insert(fact_.id);
    return true;
  }
  bool On(const v1::InterimEvaluationMade& event) {
    state_.interim.emplace(std::pair(event.period_id(), event.round()), event.evaluated_on());
    return true;
  }
  bool On(const v1::FinalEvaluationMade& event) {
    state_.final_evaluations.insert(event.period_id());
    return true;
  }
  bool On(const v1::WorkAbilityAssessed& event) {
    state_.work_ability.emplace(event.period_id(), event.assessed_on());
    return true;
  }
  bool On(const v1::FeedbackGiven& event) {
    state_.feedback.emplace(event.period_id(), event.giver(), event.given_on());
    return true;
  }
  bool On(const v1::CompetenceRecognised&) { return true; }

 private:
  bool Raise(std::string key, const std::string& due_on) {
    state_.raised[std::move(key)].push_back({.event = fact_.id,
                                             .author_agency = std::string(fact_.author_agency),
                                             .due_on = due_on});
    return true;
  }

  State& state_;
  const Fact& fact_;
};

const AssessmentEvents<Folder, bool>& Folders() {
  static const auto* const folders = new AssessmentEvents<Folder, bool>();
  return *folders;
}

void FoldReferral(State& state, const Fact& fact) {
  namespace ref = referral::v1;
  const auto name_referral = [&](const std::string& period, const std::string& referral) {
    if (!period.empty() && !referral.empty()) state.referral_of_period[period] = referral;
  };
  if (const auto* agreement = As<ref::AgreementMade>(fact.body)) {
    name_referral(agreement->period_id(), agreement->referral_id());
  } else if (const auto* start = As<ref::ServiceStarted>(fact.body)) {
    name_referral(start->period_id(), start->referral_id());
  } else if (const auto* made = As<ref::ReferralMade>(fact.body)) {
    // The first holds: the label is taken (referral service, "duplicate").
    state.requester_of_referral.emplace(
        made->referral_id(),
        made->requester_agency().empty() ? std::string(fact.author_agency)
                                         : made->requester_agency());
  } else if (const auto* changed = As<ref::ReferralStatusChanged>(fact.body)) {
    if (changed->status() == ref::REFERRAL_STATUS_ENTERED_IN_ERROR) {
      state.entered_in_error[changed->referral_id()].push_back(
          {.event = fact.id, .author_agency = std::string(fact.author_agency)});
    }
  }
}

}  // namespace

std::optional<EventId> State::VoidedBy(const std::string& period_id) const {
  const auto referral = referral_of_period.find(period_id);
  if (referral == referral_of_period.end()) return std::nullopt;
  const auto acts = entered_in_error.find(referral->second);
  if (acts == entered_in_error.end()) return std::nullopt;
  const auto requester = requester_of_referral.find(referral->second);
  for (const Withdrawal& act : acts->second) {
    // Only the requester may say so; where it is not known here, the act is believed.
    if (requester == requester_of_referral.end() ||
        book.successors().IsOrSucceeds(act.author_agency, requester->second)) {
      return act.event;
    }
  }
  return std::nullopt;
}

void EvolveState(State& state, const Fact& fact) {
  state.book.Fold(fact);
  FoldReferral(state, fact);
  Folder folder(state, fact);
  Folders().Visit(folder, fact.body);
}

std::string AssessmentKey(std::string_view period_id, event::v1::AssessmentKind kind,
                          uint32_t round) {
  return Str("assessment_due/", period_id, "/",
             ShortName(event::v1::AssessmentKind_Name(kind), "ASSESSMENT_KIND_"), "/", round);
}

std::string FeedbackKey(std::string_view period_id, event::v1::ActorRole giver) {
  return Str("feedback_due/", period_id, "/",
             ShortName(event::v1::ActorRole_Name(giver), "ACTOR_ROLE_"));
}

std::vector<std::string_view> EventTypes() { return AssessmentEvents<Folder, bool>::FullNames(); }

}  // namespace polku::assessment
