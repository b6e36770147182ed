#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "eventstore/base/status.h"
#include "services/assessment/state.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"

namespace polku::assessment {
namespace {

using absl::CivilDay;
using service::AddMonths;
using service::Duty;
using service::FormatDate;
using service::Period;

// Something that the rules call for.
struct Wanted {
  std::string period_id;
  event::v1::AssessmentKind kind = event::v1::ASSESSMENT_KIND_UNSPECIFIED;  // or
  event::v1::ActorRole giver = event::v1::ACTOR_ROLE_UNSPECIFIED;           // feedback
  uint32_t round = 0;
  CivilDay raise_on;
  CivilDay due_on;
  event::v1::RuleRef rule;
  EventId cause;
};

struct Plan {
  std::map<std::string, Wanted> wanted;     // by duty key
  std::map<std::string, EventId> why_not;   // by duty key: what keeps it from being wanted
};

// The cause of the last day as now known.
EventId EndCause(const Period& period) {
  return period.ended_on ? period.end_cause : period.until_cause;
}

void PlanAssessments(const Period& period, const service::Rules& rules, Plan& plan) {
  std::map<event::v1::AssessmentKind, uint32_t> rounds;
  const std::optional<CivilDay> last_day = period.LastDay();
  for (const auto& rule : rules.profile.assessments()) {
    if (rule.optional()) continue;
    const bool from_end = rule.anchor() == config::v1::ANCHOR_END;
    if (!from_end && rule.anchor() != config::v1::ANCHOR_START) continue;
    if (from_end && !last_day) continue;
    const CivilDay anchor = from_end ? *last_day : period.starts_on;
    if (!service::RuleHolds(rule, anchor, period.first_started_on)) continue;
    for (const uint32_t months : rule.months()) {
      Wanted wanted{.period_id = period.id,
                    .kind = rule.kind(),
                    .giver = event::v1::ACTOR_ROLE_UNSPECIFIED,
                    .round = ++rounds[rule.kind()],
                    .raise_on = CivilDay(),
                    .due_on = CivilDay(),
                    .rule = service::RefTo(rule),
                    .cause = from_end ? EndCause(period) : period.start_cause};
      const std::string key = AssessmentKey(period.id, rule.kind(), wanted.round);
      CivilDay day = AddMonths(anchor, static_cast<int>(months));
      if (!from_end) {
        if (const Period::Interruption* pause = period.InterruptedOn(day)) {
          if (!pause->resumed_on) {
            plan.why_not[key] = pause->cause;
            continue;
          }
          day = *pause->resumed_on;
          wanted.cause = pause->resumed_cause;
        }
        // A contract of three months has its last day just before the day "at three months": so
        // one day more than the grace.
        if (last_day && day > *last_day + static_cast<int>(rule.grace_days()) + 1) {
          plan.why_not[key] = EndCause(period);
          continue;
        }
      }
      wanted.raise_on = day - static_cast<int>(rule.raised_days_before());
      wanted.due_on = day + static_cast<int>(rule.grace_days());
      plan.wanted.emplace(key, std::move(wanted));
    }
  }
}

void PlanFeedback(const Period& period, const service::Rules& rules, Plan& plan) {
  const std::optional<CivilDay> last_day = period.LastDay();
  if (!last_day) return;
  for (const auto& rule : rules.profile.feedback()) {
    if (rule.giver() == event::v1::ACTOR_ROLE_UNSPECIFIED) continue;
    if (!service::RuleHolds(rule, *last_day, period.first_started_on)) continue;
    plan.wanted.emplace(FeedbackKey(period.id, rule.giver()),
                        Wanted{.period_id = period.id,
                               .kind = event::v1::ASSESSMENT_KIND_UNSPECIFIED,
                               .giver = rule.giver(),
                               .round = 0,
                               .raise_on = *last_day,
                               .due_on = *last_day + static_cast<int>(rule.days_after_end()),
                               .rule = service::RefTo(rule),
                               .cause = EndCause(period)});
  }
}

Plan MakePlan(const State& state, const service::Rules& rules) {
  Plan plan;
  for (const Period& period : state.book.Periods()) {
    if (const std::optional<EventId> act = state.VoidedBy(period.id)) {
      for (const auto& [key, raised] : state.raised) {
        if (key.starts_with("assessment_due/" + period.id + "/") ||
            key.starts_with("feedback_due/" + period.id + "/")) {
          plan.why_not[key] = *act;
        }
      }
      continue;
    }
    PlanAssessments(period, rules, plan);
    PlanFeedback(period, rules, plan);
  }
  return plan;
}

// Who only reads or pays has nothing to assess and nobody to ask.
bool HasDuties(const service::Rules& rules) {
  constexpr std::array<config::v1::AgencyRole, 5> kAssessing = {
      config::v1::AGENCY_ROLE_SOCIAL_SERVICES, config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES,
      config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY, config::v1::AGENCY_ROLE_PROVIDER,
      config::v1::AGENCY_ROLE_HEALTH_CARE};
  return std::any_of(kAssessing.begin(), kAssessing.end(), [&](config::v1::AgencyRole role) {
    return rules.HasRole(rules.own_agency, role);
  });
}

std::string Bytes(const EventId& id) {
  return id.is_zero() ? std::string() : std::string(id.view());
}

std::unique_ptr<google::protobuf::Message> DueEvent(const Wanted& wanted) {
  if (wanted.giver != event::v1::ACTOR_ROLE_UNSPECIFIED) {
    auto event = std::make_unique<v1::FeedbackDue>();
    event->set_period_id(wanted.period_id);
    event->set_giver(wanted.giver);
    event->set_due_on(FormatDate(wanted.due_on));
    *event->mutable_rule() = wanted.rule;
    event->set_cause_event_id(Bytes(wanted.cause));
    return event;
  }
  auto event = std::make_unique<v1::AssessmentDue>();
  event->set_period_id(wanted.period_id);
  event->set_kind(wanted.kind);
  event->set_round(wanted.round);
  event->set_due_on(FormatDate(wanted.due_on));
  *event->mutable_rule() = wanted.rule;
  event->set_cause_event_id(Bytes(wanted.cause));
  return event;
}

// The period of a key, which is its second part; a period's label has no slash.
std::string PeriodOfKey(std::string_view key) {
  const size_t begin = key.find('/') + 1;
  return std::string(key.substr(begin, key.find('/', begin) - begin));
}

// What is to be done about one key, or was: the dues of this agency and of others.
struct Ledger {
  struct Own {
    const Raised* due;
    uint32_t generation;
  };
  Ledger(const State& state, std::string_view own_agency, const std::string& key) {
    const auto found = state.raised.find(key);
    if (found == state.raised.end()) return;
    for (const Raised& due : found->second) {
      const bool own = due.author_agency == own_agency;
      if (own) ++generations;
      if (state.cancelled.contains({due.event, due.author_agency})) continue;
      if (own) {
        live_own.push_back({&due, generations});
      } else {
        live_other.push_back(&due);
      }
    }
  }
  std::vector<Own> live_own;
  std::vector<const Raised*> live_other;
  uint32_t generations = 0;
};

// The keys that have a part in the plan or in history, in a stable order.
std::set<std::string> KeysOf(const Plan& plan, const State& state) {
  std::set<std::string> keys;
  for (const auto& [key, wanted] : plan.wanted) keys.insert(key);
  for (const auto& [key, raised] : state.raised) keys.insert(key);
  return keys;
}

}  // namespace

std::vector<Duty> DutiesOf(const State& state, const service::Rules& rules, CivilDay today) {
  std::vector<Duty> duties;
  if (!HasDuties(rules)) return duties;
  const Plan plan = MakePlan(state, rules);
  for (const std::string& key : KeysOf(plan, state)) {
    const auto found = plan.wanted.find(key);
    const Wanted* wanted = found == plan.wanted.end() ? nullptr : &found->second;
    const Ledger ledger(state, rules.own_agency, key);
    bool kept = false;
    for (const Ledger::Own& own : ledger.live_own) {
      EventId cause;
      if (wanted == nullptr) {
        const auto why = plan.why_not.find(key);
        if (why != plan.why_not.end()) cause = why->second;
      } else if (own.due->due_on != FormatDate(wanted->due_on)) {
        cause = wanted->cause;
      } else {
        const auto elder = std::find_if(
            ledger.live_other.begin(), ledger.live_other.end(), [&](const Raised* other) {
              return other->due_on == own.due->due_on && other->author_agency < rules.own_agency;
            });
        if (elder == ledger.live_other.end() && !kept) {
          kept = true;
          continue;
        }
        if (elder != ledger.live_other.end()) cause = (*elder)->event;
      }
      auto event = std::make_unique<v1::DueCancelled>();
      event->set_period_id(PeriodOfKey(key));
      event->set_due_event_id(Bytes(own.due->event));
      event->set_cause_event_id(Bytes(cause));
      duties.push_back({.key = "cancel/" + key,
                        .generation = own.generation,
                        .event = std::move(event)});
    }
    if (kept || wanted == nullptr || !ledger.live_other.empty() || today < wanted->raise_on) {
      continue;
    }
    duties.push_back(
        {.key = key, .generation = ledger.generations + 1, .event = DueEvent(*wanted)});
  }
  return duties;
}

std::optional<CivilDay> NextDayOf(const State& state, const service::Rules& rules,
                                  CivilDay today) {
  if (!HasDuties(rules)) return std::nullopt;
  std::optional<CivilDay> next;
  for (const auto& [key, wanted] : MakePlan(state, rules).wanted) {
    if (wanted.raise_on <= today || (next && *next <= wanted.raise_on)) continue;
    const Ledger ledger(state, rules.own_agency, key);
    const bool holds = std::any_of(
        ledger.live_own.begin(), ledger.live_own.end(), [&](const Ledger::Own& own) {
          return own.due->due_on == FormatDate(wanted.due_on);
        });
    if (!holds && ledger.live_other.empty()) next = wanted.raise_on;
  }
  return next;
}

}  // namespace polku::assessment
