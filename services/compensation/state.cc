#include "services/compensation/state.h"

#include <algorithm>
#include <utility>

#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/message_cast.h"
#include "services/core/money_limits.h"

namespace polku::compensation {
namespace {

using service::As;
using service::Fact;
using service::ParseDate;

EventId IdFrom(const std::string& bytes) { return EventId::FromBytes(bytes).value_or(EventId()); }

bool FoldHistory(State& state, const Fact& fact) {
  if (const auto* benefit = As<referral::v1::BenefitRecorded>(fact.body)) {
    state.benefits.push_back({fact.id, benefit->kind(), benefit->payer_agency(),
                              ParseDate(benefit->valid_from()), ParseDate(benefit->valid_until())});
  } else if (const auto* statement = As<referral::v1::PayerStatementGiven>(fact.body)) {
    if (statement->result() != referral::v1::STATEMENT_RESULT_ENTITLED &&
        statement->result() != referral::v1::STATEMENT_RESULT_NOT_ENTITLED) {
      return true;
    }
    state.statements.push_back({fact.id, statement->payer_agency(), statement->period_id(),
                                statement->result() == referral::v1::STATEMENT_RESULT_ENTITLED,
                                ParseDate(statement->effective_from()),
                                ParseDate(statement->effective_until())});
  } else if (const auto* flagged = As<attendance::v1::RuleBreachFlagged>(fact.body)) {
    if (const auto date = ParseDate(flagged->date())) {
      state.breaches[{flagged->period_id(), *date, flagged->breach()}]
                    [std::string(fact.author_agency)] = fact.id;
    }
  } else if (const auto* cleared = As<attendance::v1::RuleBreachCleared>(fact.body)) {
    if (const auto date = ParseDate(cleared->date())) {
      const auto flags = state.breaches.find({cleared->period_id(), *date, cleared->breach()});
      if (flags != state.breaches.end()) flags->second.erase(std::string(fact.author_agency));
    }
  } else {
    return false;
  }
  return true;
}

void FoldClaimsAndPerks(State& state, const Fact& fact) {
  const std::string author(fact.author_agency);
  if (const auto* claimed = As<v1::TravelClaimed>(fact.body)) {
    const auto from = ParseDate(claimed->travelled_from());
    const auto until = ParseDate(claimed->travelled_until());
    if (!from || !until) return;
    state.claims.push_back({fact.id, claimed->claim_id(), *from, *until, claimed->claimed_cents(),
                            claimed->distance_metres(), claimed->means(), claimed->receipts(),
                            false});
  } else if (const auto* chosen = As<v1::TravelMeansChosen>(fact.body)) {
    if (const auto from = ParseDate(chosen->chosen_from())) {
      state.choices.push_back({chosen->period_id(), *from, chosen->means(),
                               chosen->distance_metres()});
    }
  } else if (const auto* refused = As<v1::TravelClaimRejected>(fact.body)) {
    for (Claim& claim : state.claims) {
      if (claim.claim_id == refused->claim_id()) claim.rejected = true;
    }
  } else if (const auto* given = As<v1::PerkGiven>(fact.body)) {
    state.perks.push_back({fact.id, author, given->period_id(), given->kind(),
                           ParseDate(given->given_on()), ParseDate(given->valid_until()), false});
  } else if (const auto* withdrawn = As<v1::PerkWithdrawn>(fact.body)) {
    // Without the event's id: the newest one of the kind.
    const EventId id = IdFrom(withdrawn->given_event_id());
    for (auto perk = state.perks.rbegin(); perk != state.perks.rend(); ++perk) {
      const bool meant = id.is_zero() ? perk->period_id == withdrawn->period_id() &&
                                            perk->kind == withdrawn->kind() && !perk->withdrawn
                                      : perk->id == id;
      if (!meant) continue;
      perk->withdrawn = true;
      break;
    }
  }
}

}  // namespace

void Fold(State& state, const Fact& fact) {
  state.periods.Fold(fact);
  state.days.Fold(fact);
  if (!FoldHistory(state, fact) && !state.ledger.Fold(fact)) FoldClaimsAndPerks(state, fact);
}

std::vector<const config::v1::TravelRule*> TravelRulesOn(const config::v1::Profile& profile,
                                                         const service::Period& period,
                                                         absl::CivilDay day) {
  std::vector<const config::v1::TravelRule*> found = service::FindRules(
      profile.travel(), day, period.first_started_on, [&](const auto& rule) {
        const auto& codes = rule.municipality_codes();
        return codes.empty() ||
               (!period.municipality_code.empty() &&
                std::find(codes.begin(), codes.end(), period.municipality_code) != codes.end());
      });
  const auto of_area = [](const auto* rule) { return !rule->municipality_codes().empty(); };
  if (std::any_of(found.begin(), found.end(), of_area)) {
    std::erase_if(found, [&](const auto* rule) { return !of_area(rule); });
  }
  return found;
}

bool ByKilometre(const config::v1::TravelRule& rule) {
  return rule.mode() == event::v1::TRAVEL_MODE_PER_DAY && rule.cents() == 0 &&
         rule.cents_per_kilometre() > 0;
}

TravelTerms TravelTermsOn(const State& state, const config::v1::Profile& profile,
                          const service::Period& period, absl::CivilDay day) {
  const auto rules = TravelRulesOn(profile, period, day);
  const MeansChoice* choice = nullptr;
  for (const MeansChoice& said : state.choices) {
    if (said.period_id != period.id || day < said.from) continue;
    if (choice == nullptr || choice->from <= said.from) choice = &said;
  }
  TravelTerms terms;
  if (rules.size() == 1) {
    terms.rule = rules.front();
  } else if (choice != nullptr) {
    const auto meant = std::find_if(rules.begin(), rules.end(), [&](const auto* rule) {
      return choice->means != event::v1::TRAVEL_MEANS_UNSPECIFIED && rule->means() == choice->means;
    });
    if (meant != rules.end()) terms.rule = *meant;
  }
  if (terms.rule == nullptr || terms.rule->mode() == event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS) {
    return terms;
  }
  if (!ByKilometre(*terms.rule)) {
    terms.cents = terms.rule->cents();
    // A profile's slip; what the ledger folds as another sum would be granted and taken back for ever.
    if (*terms.cents != service::Worth(*terms.cents)) return {};
  } else if (choice != nullptr && choice->means == terms.rule->means() &&
             choice->distance_metres > 0) {
    // Both factors fit: 32 bits of metres, and a rate that is a checked profile's.
    terms.cents = static_cast<int64_t>(choice->distance_metres) *
                  std::min<int64_t>(terms.rule->cents_per_kilometre(), 1'000'000) / 1000;
    if (*terms.cents != service::Worth(*terms.cents)) return {};
  }
  return terms;
}

const EventId* Flag(const State& state, const service::Day& day, attendance::v1::BreachCode code) {
  if (day.period == nullptr || state.breaches.empty()) return nullptr;
  const auto flags = state.breaches.find({day.period->id, day.date, code});
  if (flags == state.breaches.end()) return nullptr;
  for (const auto& [author, id] : flags->second) {
    if (day.period->ServedBy(author, day.date)) return &id;
  }
  return nullptr;
}

const EventId* UnpaidFlag(const State& state, const service::Day& day) {
  if (const EventId* flag = Flag(state, day, attendance::v1::BREACH_CODE_OUTCOME_MISMATCH)) {
    return flag;
  }
  if (day.intensity == nullptr) return nullptr;
  for (const int code : day.intensity->unpaid_breaches()) {
    if (const EventId* flag = Flag(state, day, static_cast<attendance::v1::BreachCode>(code))) {
      return flag;
    }
  }
  return nullptr;
}

bool Counts(const State& state, const service::Day& day) {
  return day.there && day.in_service && !day.over_weekly_limit() &&
         UnpaidFlag(state, day) == nullptr;
}

std::set<absl::CivilDay> ClaimedDates(const State& state, const std::vector<service::Day>& days) {
  std::set<absl::CivilDay> claimed;
  for (const service::Grant& grant : state.ledger.grants()) {
    if (grant.claim_id.empty() || grant.reversed) continue;
    for (const service::Day& day : days) {
      if (grant.from <= day.date && day.date <= grant.until && day.period_id() == grant.period_id &&
          Counts(state, day)) {
        claimed.insert(day.date);
      }
    }
  }
  return claimed;
}

bool SharesPerk(const Perk& perk, const std::vector<service::Period>& periods,
                const service::Period& period) {
  if (perk.period_id == period.id) return true;
  const auto ends_before = [](const service::Period& one, const service::Period& other) {
    const auto last = one.LastDay();
    return last && *last < other.starts_on;
  };
  return std::any_of(periods.begin(), periods.end(), [&](const service::Period& other) {
    return other.id == perk.period_id && !ends_before(other, period) && !ends_before(period, other);
  });
}

}  // namespace polku::compensation
