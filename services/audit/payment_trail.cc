#include "services/audit/payment_trail.h"

#include <algorithm>
#include <set>
#include <utility>

#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"
#include "services/core/money_limits.h"

namespace polku::audit {
namespace {

namespace att = attendance::v1;
namespace com = compensation::v1;
namespace ref = referral::v1;
using service::As;

// Dates are of one form, so their text order is their order in time.
bool Holds(const std::string& from, const std::string& until, const std::string& date) {
  return (from.empty() || from <= date) && (until.empty() || date <= until);
}

EventId IdFrom(const std::string& bytes) { return EventId::FromBytes(bytes).value_or(EventId()); }

bool IsWanted(const google::protobuf::Message& body) {
  return body.GetDescriptor()->file()->package() == "polku.compensation.v1" ||
         As<att::DayRecorded>(body) || As<att::DayCorrected>(body) ||
         As<att::RuleBreachFlagged>(body) || As<att::RuleBreachCleared>(body) || body.GetDescriptor()->file()->package() == "polku.referral.v1";
}

std::string PaymentIdOf(const google::protobuf::Message& body) {
  if (const auto* event = As<com::PaymentProposed>(body)) return event->payment_id();
  if (const auto* event = As<com::PaymentApproved>(body)) return event->payment_id();
  if (const auto* event = As<com::PaymentPaid>(body)) return event->payment_id();
  if (const auto* event = As<com::PaymentRejected>(body)) return event->payment_id();
  if (const auto* event = As<com::PaymentReversed>(body)) return event->payment_id();
  return "";
}

}  // namespace

void PaymentTrailFold::AddRules(const Event& event) {
  if (event.body == nullptr) return;
  const auto* changed = As<event::v1::RulesChanged>(*event.body);
  config::v1::Profile profile;
  if (changed == nullptr || !profile.ParseFromString(changed->profile())) return;
  rules_[std::string(event.origin)].push_back({event.position, std::move(profile)});
}

void PaymentTrailFold::Add(const Event& event) {
  if (event.control() || event.body == nullptr || !event.counts || !IsWanted(*event.body)) return;
  if (by_id_.contains(event.id)) return;  // said again in a later epoch
  ledger_.Fold(event.fact());
  periods_.Fold(event.fact());
  days_.Fold(event.fact());
  auto step = std::make_unique<TrailStep>();
  step->id = event.id;
  step->type = event.header.type();
  step->origin = event.origin;
  step->position = event.position;
  step->author = event.header.author_agency();
  step->official = event.header.author_official();
  step->recorded_at = event.recorded_at();
  step->sealed = event.sealed;
  step->erased = event.erased;
  std::unique_ptr<google::protobuf::Message> body(event.body->New());
  body->CopyFrom(*event.body);
  step->body = std::move(body);
  by_id_[event.id] = step.get();
  steps_.push_back(std::move(step));
}

const TrailStep* PaymentTrailFold::Find(const EventId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const config::v1::Profile* PaymentTrailFold::ProfileAt(const TrailStep& step) const {
  const auto rules = rules_.find(step.origin);
  if (rules == rules_.end()) return nullptr;
  const config::v1::Profile* newest = nullptr;
  for (const Rules& entry : rules->second) {
    if (entry.position < step.position) newest = &entry.profile;
  }
  return newest;
}

template <typename Event, typename Fits>
const TrailStep* PaymentTrailFold::Newest(const TrailStep& said, Fits fits) const {
  const TrailStep* newest = nullptr;
  for (const auto& step : steps_) {
    if (step.get() == &said) break;
    const auto* event = As<Event>(*step->body);
    if (event != nullptr && fits(*event)) newest = step.get();
  }
  return newest;
}

void PaymentTrailFold::Explain(LineTrail& line, const TrailStep& said, const std::string& period_id,
                               const std::string& date, const std::string& until) const {
  const config::v1::Profile* profile = ProfileAt(said);
  const auto take = [&](const auto& rules) {
    for (const auto& rule : rules) {
      if (rule.id() != line.rule.id() || rule.version() != line.rule.version()) continue;
      line.rule_source = rule.source();
      if constexpr (requires { rule.cents_per_day(); }) {
        line.rule_cents = rule.cents_per_day();
      } else {
        line.rule_cents = rule.cents();
      }
    }
  };
  const auto* accrued = As<com::AllowanceAccrued>(*said.body);
  if (profile != nullptr && accrued != nullptr) take(profile->rates());
  if (profile != nullptr && accrued == nullptr) take(profile->travel());

  // The newest records of each day that the posting is about, and what they corrected, up to its own recording.
  for (const auto& step : steps_) {
    if (step.get() == &said) break;
    const auto* recorded = As<att::DayRecorded>(*step->body);
    const auto* corrected = As<att::DayCorrected>(*step->body);
    if (recorded == nullptr && corrected == nullptr) continue;
    const std::string& day = recorded != nullptr ? recorded->date() : corrected->date();
    const std::string& period = recorded != nullptr ? recorded->period_id() : corrected->period_id();
    if (day < date || until < day || (!period.empty() && period != period_id)) continue;
    line.days.push_back(step.get());
  }
  line.agreement = Newest<ref::AgreementMade>(said, [&](const auto& event) {
    return event.period_id() == period_id && Holds(event.starts_on(), event.ends_on(), date);
  });
  line.decision = Newest<ref::DecisionMade>(said, [&](const auto& event) {
    return event.period_id() == period_id && event.granted() &&
           Holds(event.valid_from(), event.valid_until(), date);
  });
  if (accrued != nullptr) {
    line.statement = Newest<ref::PayerStatementGiven>(said, [&](const auto& event) {
      return (event.period_id().empty() || event.period_id() == period_id) &&
             (event.payer_agency().empty() ||
              ledger_.successors().IsOrSucceeds(said.author, event.payer_agency())) &&
             Holds(event.effective_from(), event.effective_until(), date);
    });
    line.benefit = Newest<ref::BenefitRecorded>(said, [&](const auto& event) {
      if (event.kind() == event::v1::BENEFIT_KIND_UNSPECIFIED) return false;
      if (!Holds(event.valid_from(), event.valid_until(), date)) return false;
      if (profile == nullptr) return true;
      return std::any_of(profile->benefits().begin(), profile->benefits().end(),
                         [&](const auto& rule) {
                           return rule.kind() == event.kind() && rule.allowance() == accrued->kind() &&
                                  Holds(rule.valid_from(), rule.valid_until(), date);
                         });
    });
  }

  const bool attended = std::any_of(line.days.begin(), line.days.end(), [&](const TrailStep* step) {
    return step->id == IdFrom(accrued != nullptr ? accrued->cause_event_id()
                                                 : As<com::TravelGranted>(*said.body)->cause_event_id());
  });
  if (!attended && line.claim == nullptr) line.gaps.push_back("day");
  if (line.rule_source.empty()) line.gaps.push_back("rule");
  if (line.agreement == nullptr) line.gaps.push_back("agreement");
  if (line.decision == nullptr) line.gaps.push_back("decision");
  if (accrued != nullptr && line.benefit == nullptr) line.gaps.push_back("benefit");
}

LineTrail PaymentTrailFold::Line(const EventId& id) const {
  LineTrail line;
  line.id = id;
  line.posting = Find(id);
  if (line.posting == nullptr) {
    line.gaps.push_back("posting");
    return line;
  }
  const TrailStep* said = line.posting;
  const auto reverses = [&](const auto& reversal) {
    line.reversed = Find(IdFrom(reversal.reversed_event_id()));
    line.cause = Find(IdFrom(reversal.cause_event_id()));
    said = line.reversed;
  };
  if (const auto* reversal = As<com::AllowanceReversed>(*said->body)) {
    line.date = reversal->date();
    line.cents = -service::Worth(reversal->amount_cents());
    reverses(*reversal);
  } else if (const auto* taken = As<com::TravelReversed>(*said->body)) {
    line.date = taken->covers_from();
    line.cents = -service::Worth(taken->amount_cents());
    reverses(*taken);
  }
  if (said == nullptr) {
    line.gaps.push_back("posting");
    return line;
  }
  if (const auto* accrued = As<com::AllowanceAccrued>(*said->body)) {
    if (line.reversed == nullptr) {
      line.date = accrued->date();
      line.cents = service::Worth(accrued->amount_cents());
    }
    line.rule = accrued->rule();
    Explain(line, *said, accrued->period_id(), accrued->date(), accrued->date());
  } else if (const auto* granted = As<com::TravelGranted>(*said->body)) {
    if (line.reversed == nullptr) {
      line.date = granted->covers_from();
      line.cents = service::Worth(granted->amount_cents());
    }
    line.rule = granted->rule();
    if (!granted->claim_id().empty()) {
      line.claim = Newest<com::TravelClaimed>(
          *said, [&](const auto& event) { return event.claim_id() == granted->claim_id(); });
    }
    line.means = Newest<com::TravelMeansChosen>(*said, [&](const auto& event) {
      return event.period_id() == granted->period_id() &&
             Holds(event.chosen_from(), "", granted->covers_from()) &&
             (event.means() == granted->means() ||
              event.means() == event::v1::TRAVEL_MEANS_UNSPECIFIED);  // sealed here
    });
    Explain(line, *said, granted->period_id(), granted->covers_from(), granted->covers_until());
  }
  std::set<std::string> sealed;
  const auto look = [&](const TrailStep* step) {
    if (step != nullptr && step->sealed.has(SectionKind::kPayment)) sealed.insert(step->type);
  };
  look(line.posting);
  look(line.reversed);
  for (const TrailStep* day : line.days) look(day);
  for (const std::string& type : sealed) line.gaps.push_back("sealed:" + type);
  return line;
}

std::vector<UnpaidDay> PaymentTrailFold::Unpaid(const config::v1::Profile& profile) const {
  std::vector<UnpaidDay> unpaid;
  if (ledger_.accruals().empty()) return unpaid;
  std::set<absl::CivilDay> given;
  for (const service::Accrual& accrual : ledger_.accruals()) {
    if (!accrual.reversed) given.insert(accrual.date);
  }
  std::set<EventId> cleared;
  for (const auto& step : steps_) {
    if (const auto* event = As<att::RuleBreachCleared>(*step->body)) cleared.insert(IdFrom(event->flagged_event_id()));
  }
  const std::vector<service::Period> periods = periods_.Periods();
  for (const service::Day& day : days_.Days(periods, profile)) {
    if (!day.there || !day.standing() || given.contains(day.date)) continue;
    UnpaidDay one{day.date, std::string(day.period_id()), {}, !day.in_service, true, false};
    const std::string date = service::FormatDate(day.date);
    for (const auto& step : steps_) {
      if (const auto* flagged = As<att::RuleBreachFlagged>(*step->body)) {
        if (flagged->date() == date && !cleared.contains(step->id)) one.breaches.push_back(flagged->breach());
      } else if (const auto* benefit = As<ref::BenefitRecorded>(*step->body)) {
        if (!Holds(benefit->valid_from(), benefit->valid_until(), date)) continue;
        one.no_benefit = benefit->kind() != event::v1::BENEFIT_KIND_UNSPECIFIED &&  // sealed here: it may well be one
                         std::none_of(profile.benefits().begin(), profile.benefits().end(), [&](const auto& rule) {
                           return rule.kind() == benefit->kind() && Holds(rule.valid_from(), rule.valid_until(), date);
                         });
      } else if (const auto* statement = As<ref::PayerStatementGiven>(*step->body)) {
        if (!Holds(statement->effective_from(), statement->effective_until(), date)) continue;
        one.not_entitled = statement->result() == ref::STATEMENT_RESULT_NOT_ENTITLED;
      }
    }
    unpaid.push_back(std::move(one));
  }
  return unpaid;
}

std::vector<PaymentTrail> PaymentTrailFold::Finish(const std::string& payment_id) const {
  std::vector<PaymentTrail> trails;
  std::set<std::string> payers;
  for (const auto& [key, payment] : ledger_.payments()) {
    if (!payment_id.empty() && key.second != payment_id) continue;
    PaymentTrail trail{key.first, key.second, payment, {}, {}};
    for (const auto& step : steps_) {
      if (PaymentIdOf(*step->body) == key.second &&
          ledger_.FindPayment(step->author, key.second) == &payment) {
        trail.steps.push_back(step.get());
      }
    }
    for (const EventId& line : payment.lines) trail.lines.push_back(Line(line));
    trails.push_back(std::move(trail));
  }
  if (!payment_id.empty()) return trails;
  constexpr absl::CivilDay kByAllHandOvers = absl::CivilDay::max();
  for (const service::Posting& posting : ledger_.postings()) {
    payers.emplace(ledger_.successors().Settling(posting.author, kByAllHandOvers));
  }
  for (const std::string& agency : payers) {
    PaymentTrail trail{agency, "", {}, {}, {}};
    for (const service::Posting* posting :
         ledger_.Unsettled(agency, std::nullopt, std::nullopt, kByAllHandOvers)) {
      trail.lines.push_back(Line(posting->id));
      trail.payment.total_cents += posting->cents;
    }
    if (!trail.lines.empty()) trails.push_back(std::move(trail));
  }
  return trails;
}

}  // namespace polku::audit
