#include "services/compensation/state.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/money.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/message_cast.h"

namespace polku::compensation {
namespace {

using service::As;
using service::Fact;
using service::ParseDate;

EventId IdFrom(const std::string& bytes) { return EventId::FromBytes(bytes).value_or(EventId()); }

// Amounts are positive (compensation.proto); a peer's negative one is worth nothing, and no sum of
// what is left can be made to overflow by changing its sign.
int64_t Positive(int64_t cents) { return std::max<int64_t>(0, cents); }

template <typename List>
auto Find(List& list, const EventId& id) {
  return std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.id == id; });
}

// A transition that a payment's status does not allow changes nothing: the event stays visible in
// the log, and the payment is what its own agency legally made it.
Payment* PaymentIn(State& state, const Fact& fact, const std::string& payment_id,
                   std::initializer_list<PaymentStatus> statuses) {
  const auto it = state.payments.find(payment_id);
  if (it == state.payments.end() || it->second.agency != fact.author_agency) return nullptr;
  const bool legal =
      std::find(statuses.begin(), statuses.end(), it->second.status) != statuses.end();
  return legal ? &it->second : nullptr;
}

bool FoldHistory(State& state, const Fact& fact) {
  if (const auto* benefit = As<referral::v1::BenefitRecorded>(fact.body)) {
    state.benefits.push_back({fact.id, benefit->kind(), benefit->payer_agency(),
                              ParseDate(benefit->valid_from()), ParseDate(benefit->valid_until())});
  } else if (const auto* statement = As<referral::v1::PayerStatementGiven>(fact.body)) {
    if (statement->result() != referral::v1::STATEMENT_RESULT_ENTITLED &&
        statement->result() != referral::v1::STATEMENT_RESULT_NOT_ENTITLED) {
      return true;
    }
    state.statements.push_back({fact.id, statement->period_id(),
                                statement->result() == referral::v1::STATEMENT_RESULT_ENTITLED,
                                ParseDate(statement->effective_from()),
                                ParseDate(statement->effective_until())});
  } else if (const auto* flagged = As<attendance::v1::RuleBreachFlagged>(fact.body)) {
    if (const auto date = ParseDate(flagged->date())) {
      state.breaches[{flagged->period_id(), *date, flagged->breach()}] = fact.id;
    }
  } else if (const auto* cleared = As<attendance::v1::RuleBreachCleared>(fact.body)) {
    if (const auto date = ParseDate(cleared->date())) {
      state.breaches.erase({cleared->period_id(), *date, cleared->breach()});
    }
  } else {
    return false;
  }
  return true;
}

bool FoldMoney(State& state, const Fact& fact) {
  const std::string author(fact.author_agency);
  if (const auto* accrued = As<v1::AllowanceAccrued>(fact.body)) {
    const auto date = ParseDate(accrued->date());
    if (!date) return true;
    state.accruals.push_back({fact.id, author, accrued->period_id(), *date,
                              IdFrom(accrued->cause_event_id()), accrued->kind(),
                              Positive(accrued->amount_cents()), false});
    state.postings.push_back({fact.id, author, *date, Positive(accrued->amount_cents())});
  } else if (const auto* reversed = As<v1::AllowanceReversed>(fact.body)) {
    const auto accrual = Find(state.accruals, IdFrom(reversed->reversed_event_id()));
    if (accrual == state.accruals.end() || accrual->reversed || accrual->author != author) {
      return true;
    }
    accrual->reversed = true;
    state.postings.push_back({fact.id, author, accrual->date, -accrual->cents});
  } else if (const auto* granted = As<v1::TravelGranted>(fact.body)) {
    const auto from = ParseDate(granted->covers_from());
    const auto until = ParseDate(granted->covers_until());
    if (!from || !until) return true;
    state.grants.push_back({fact.id, author, granted->period_id(), granted->claim_id(), *from,
                            *until, IdFrom(granted->cause_event_id()), granted->mode(),
                            granted->means(), Positive(granted->amount_cents()), false});
    state.postings.push_back({fact.id, author, *from, Positive(granted->amount_cents())});
  } else if (const auto* taken = As<v1::TravelReversed>(fact.body)) {
    const auto grant = Find(state.grants, IdFrom(taken->reversed_event_id()));
    if (grant == state.grants.end() || grant->reversed || grant->author != author) return true;
    grant->reversed = true;
    state.postings.push_back({fact.id, author, grant->from, -grant->cents});
  } else if (const auto* claimed = As<v1::TravelClaimed>(fact.body)) {
    const auto from = ParseDate(claimed->travelled_from());
    const auto until = ParseDate(claimed->travelled_until());
    if (!from || !until) return true;
    state.claims.push_back({fact.id, claimed->claim_id(), *from, *until, claimed->claimed_cents(),
                            claimed->distance_metres(), false});
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
  } else {
    return false;
  }
  return true;
}

void FoldPayment(State& state, const Fact& fact) {
  if (const auto* proposed = As<v1::PaymentProposed>(fact.body)) {
    if (proposed->payment_id().empty()) return;  // the payment section is not shown here
    Payment payment;
    payment.agency = fact.author_agency;
    payment.proposer = fact.author_official;
    payment.from = ParseDate(proposed->covers_from());
    payment.until = ParseDate(proposed->covers_until());
    payment.total_cents = Positive(proposed->total_cents());
    for (const auto& line : proposed->lines()) payment.lines.push_back(IdFrom(line.event_id()));
    state.payments.try_emplace(proposed->payment_id(), std::move(payment));
  } else if (const auto* approved = As<v1::PaymentApproved>(fact.body)) {
    if (auto* payment =
            PaymentIn(state, fact, approved->payment_id(), {PaymentStatus::kProposed})) {
      payment->status = PaymentStatus::kApproved;
      payment->approved_on = ParseDate(approved->approved_on());
    }
  } else if (const auto* paid = As<v1::PaymentPaid>(fact.body)) {
    if (auto* payment = PaymentIn(state, fact, paid->payment_id(), {PaymentStatus::kApproved})) {
      payment->status = PaymentStatus::kPaid;
    }
  } else if (const auto* rejected = As<v1::PaymentRejected>(fact.body)) {
    if (auto* payment = PaymentIn(state, fact, rejected->payment_id(),
                                  {PaymentStatus::kProposed, PaymentStatus::kApproved})) {
      payment->status = PaymentStatus::kRejected;
    }
  } else if (const auto* reversed = As<v1::PaymentReversed>(fact.body)) {
    auto* payment = PaymentIn(state, fact, reversed->payment_id(), {PaymentStatus::kPaid});
    if (payment == nullptr) return;
    const int64_t left = payment->total_cents - payment->reversed_cents;
    if (reversed->amount_cents() <= 0 || reversed->amount_cents() > left) return;
    if (reversed->amount_cents() == left) {
      payment->status = PaymentStatus::kReversed;
      return;
    }
    // Taken back in part: that settles what had been reversed of its days since.
    for (const Posting* posting :
         Unsettled(state, payment->agency, payment->from, payment->until)) {
      payment->recovered.push_back(posting->id);
    }
    payment->reversed_cents += reversed->amount_cents();
  }
}

}  // namespace

void Fold(State& state, const Fact& fact) {
  state.periods.Fold(fact);
  state.days.Fold(fact);
  if (!FoldHistory(state, fact) && !FoldMoney(state, fact)) FoldPayment(state, fact);
}

std::vector<const Posting*> Unsettled(const State& state, std::string_view agency,
                                      std::optional<absl::CivilDay> from,
                                      std::optional<absl::CivilDay> until) {
  std::set<EventId> settled;
  for (const auto& [id, payment] : state.payments) {
    if (payment.status == PaymentStatus::kRejected || payment.status == PaymentStatus::kReversed) {
      continue;
    }
    settled.insert(payment.lines.begin(), payment.lines.end());
    settled.insert(payment.recovered.begin(), payment.recovered.end());
  }
  std::vector<const Posting*> open;
  for (const Posting& posting : state.postings) {
    if (posting.author != agency || settled.contains(posting.id)) continue;
    if ((from && posting.date < *from) || (until && *until < posting.date)) continue;
    open.push_back(&posting);
  }
  return open;
}

std::optional<int64_t> Sum(const std::vector<const Posting*>& postings) {
  std::optional<Cents> sum = Cents(0);
  for (const Posting* posting : postings) {
    sum = sum->Plus(Cents(posting->cents));
    if (!sum) return std::nullopt;
  }
  return sum->value();
}

const config::v1::TravelRule* TravelRuleOn(const config::v1::Profile& profile,
                                           const service::Period& period, absl::CivilDay day) {
  const auto* own_area =
      service::FindRule(profile.travel(), day, period.first_started_on, [&](const auto& rule) {
        const auto& codes = rule.municipality_codes();
        return !period.municipality_code.empty() &&
               std::find(codes.begin(), codes.end(), period.municipality_code) != codes.end();
      });
  if (own_area != nullptr) return own_area;
  return service::FindRule(profile.travel(), day, period.first_started_on,
                           [](const auto& rule) { return rule.municipality_codes().empty(); });
}

bool NeedsClaim(const config::v1::TravelRule& rule) {
  if (rule.mode() == event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS) return true;
  return rule.mode() == event::v1::TRAVEL_MODE_PER_DAY && rule.cents() == 0 &&
         rule.cents_per_kilometre() > 0;
}

bool Counts(const State& state, const service::Day& day) {
  return day.there && day.in_service && !day.over_weekly_limit() &&
         !state.breaches.contains({std::string(day.period_id()), day.date,
                                   attendance::v1::BREACH_CODE_OUTCOME_MISMATCH});
}

}  // namespace polku::compensation
