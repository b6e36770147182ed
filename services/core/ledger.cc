#include "services/core/ledger.h"

#include <algorithm>
#include <set>

#include "eventstore/base/money.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"

namespace polku::service {
namespace {

namespace v1 = compensation::v1;

EventId IdFrom(const std::string& bytes) { return EventId::FromBytes(bytes).value_or(EventId()); }

// Amounts are positive (compensation.proto); a peer's negative one is worth nothing, and no sum of
// what is left can be made to overflow by changing its sign.
int64_t Positive(int64_t cents) { return std::max<int64_t>(0, cents); }

template <typename List>
auto Find(List& list, const EventId& id) {
  return std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.id == id; });
}

}  // namespace

bool Ledger::Fold(const Fact& fact) {
  successors_.Fold(fact);
  const std::string author(fact.author_agency);
  if (const auto* accrued = As<v1::AllowanceAccrued>(fact.body)) {
    const auto date = ParseDate(accrued->date());
    if (!date) return true;
    accruals_.push_back({fact.id, author, accrued->period_id(), *date,
                         IdFrom(accrued->cause_event_id()), accrued->kind(),
                         Positive(accrued->amount_cents()), false});
    postings_.push_back({fact.id, author, *date, Positive(accrued->amount_cents())});
  } else if (const auto* reversed = As<v1::AllowanceReversed>(fact.body)) {
    const auto accrual = Find(accruals_, IdFrom(reversed->reversed_event_id()));
    if (accrual == accruals_.end() || accrual->reversed ||
        !successors_.IsOrInherits(author, accrual->author)) {
      return true;
    }
    accrual->reversed = true;
    postings_.push_back({fact.id, author, accrual->date, -accrual->cents});
  } else if (const auto* granted = As<v1::TravelGranted>(fact.body)) {
    const auto from = ParseDate(granted->covers_from());
    const auto until = ParseDate(granted->covers_until());
    if (!from || !until) return true;
    grants_.push_back({fact.id, author, granted->period_id(), granted->claim_id(), *from, *until,
                       IdFrom(granted->cause_event_id()), granted->mode(), granted->means(),
                       Positive(granted->amount_cents()), false});
    postings_.push_back({fact.id, author, *from, Positive(granted->amount_cents())});
  } else if (const auto* taken = As<v1::TravelReversed>(fact.body)) {
    const auto grant = Find(grants_, IdFrom(taken->reversed_event_id()));
    if (grant == grants_.end() || grant->reversed ||
        !successors_.IsOrSucceeds(author, grant->author)) {
      return true;
    }
    grant->reversed = true;
    postings_.push_back({fact.id, author, grant->from, -grant->cents});
  } else {
    return FoldPayment(fact);
  }
  return true;
}

// A transition that a payment's status does not allow changes nothing: the event stays visible in
// the log, and the payment is what its own agency legally made it.
Payment* Ledger::PaymentIn(const Fact& fact, const std::string& payment_id,
                           std::initializer_list<PaymentStatus> statuses) {
  const Payment* known = FindPayment(fact.author_agency, payment_id);
  if (known == nullptr) return nullptr;
  const bool legal = std::find(statuses.begin(), statuses.end(), known->status) != statuses.end();
  return legal ? &payments_.at({known->agency, payment_id}) : nullptr;
}

bool Ledger::FoldPayment(const Fact& fact) {
  if (const auto* proposed = As<v1::PaymentProposed>(fact.body)) {
    if (proposed->payment_id().empty()) return true;  // the payment section is not shown here
    Payment payment;
    payment.id = fact.id;
    payment.agency = fact.author_agency;
    payment.proposer = fact.author_official;
    payment.batch_id = proposed->batch_id();
    payment.from = ParseDate(proposed->covers_from());
    payment.until = ParseDate(proposed->covers_until());
    payment.total_cents = Positive(proposed->total_cents());
    for (const auto& line : proposed->lines()) payment.lines.push_back(IdFrom(line.event_id()));
    payments_.try_emplace({payment.agency, proposed->payment_id()}, std::move(payment));
  } else if (const auto* approved = As<v1::PaymentApproved>(fact.body)) {
    if (auto* payment = PaymentIn(fact, approved->payment_id(), {PaymentStatus::kProposed})) {
      payment->status = PaymentStatus::kApproved;
      payment->approved_on = ParseDate(approved->approved_on());
    }
  } else if (const auto* paid = As<v1::PaymentPaid>(fact.body)) {
    if (auto* payment = PaymentIn(fact, paid->payment_id(), {PaymentStatus::kApproved})) {
      payment->status = PaymentStatus::kPaid;
    }
  } else if (const auto* rejected = As<v1::PaymentRejected>(fact.body)) {
    if (auto* payment = PaymentIn(fact, rejected->payment_id(),
                                  {PaymentStatus::kProposed, PaymentStatus::kApproved})) {
      payment->status = PaymentStatus::kRejected;
    }
  } else if (const auto* reversed = As<v1::PaymentReversed>(fact.body)) {
    auto* payment = PaymentIn(fact, reversed->payment_id(), {PaymentStatus::kPaid});
    if (payment == nullptr) return true;
    const int64_t left = payment->total_cents - payment->reversed_cents;
    if (reversed->amount_cents() <= 0 || reversed->amount_cents() > left) return true;
    if (reversed->amount_cents() == left) {
      payment->status = PaymentStatus::kReversed;
      return true;
    }
    // Taken back in part: that settles what had been reversed of its days since.
    for (const Posting* posting :
         Unsettled(fact.author_agency, payment->from, payment->until,
                   ParseDate(reversed->reversed_on()).value_or(absl::CivilDay::max()))) {
      payment->recovered.push_back(posting->id);
    }
    payment->reversed_cents += reversed->amount_cents();
  } else {
    return false;
  }
  return true;
}

const Payment* Ledger::FindPayment(std::string_view agency, std::string_view payment_id) const {
  const auto own = payments_.find({std::string(agency), std::string(payment_id)});
  if (own != payments_.end()) return &own->second;
  for (const auto& [key, payment] : payments_) {
    if (key.second == payment_id && successors_.IsOrInherits(agency, key.first)) return &payment;
  }
  return nullptr;
}

std::vector<const Posting*> Ledger::Unsettled(std::string_view agency,
                                              std::optional<absl::CivilDay> from,
                                              std::optional<absl::CivilDay> until,
                                              absl::CivilDay on) const {
  std::set<EventId> settled;
  for (const auto& [key, payment] : payments_) {
    if (payment.status == PaymentStatus::kRejected || payment.status == PaymentStatus::kReversed) {
      continue;
    }
    settled.insert(payment.lines.begin(), payment.lines.end());
    settled.insert(payment.recovered.begin(), payment.recovered.end());
  }
  std::vector<const Posting*> open;
  for (const Posting& posting : postings_) {
    if (successors_.Settling(posting.author, on) != agency || settled.contains(posting.id)) continue;
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

}  // namespace polku::service
