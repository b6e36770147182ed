#include "services/core/ledger.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "services/core/calendar.h"
#include "services/core/message_cast.h"
#include "services/core/money_limits.h"

namespace polku::service {
namespace {

namespace v1 = compensation::v1;

EventId IdFrom(const std::string& bytes) { return EventId::FromBytes(bytes).value_or(EventId()); }

// The event of that id whose money is `author`'s to take back and that still stands. Another agency's event of the
// same id is another event.
template <typename Item>
Item* ToReverse(std::vector<Item>& list, const EventId& id, std::string_view author,
                const Successors& successors) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Item& item) {
    return item.id == id && !item.reversed && successors.IsOrInherits(author, item.author);
  });
  return found == list.end() ? nullptr : &*found;
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
                         Worth(accrued->amount_cents()), false});
    postings_.push_back({fact.id, author, *date, Worth(accrued->amount_cents())});
  } else if (const auto* reversed = As<v1::AllowanceReversed>(fact.body)) {
    Accrual* accrual =
        ToReverse(accruals_, IdFrom(reversed->reversed_event_id()), author, successors_);
    if (accrual == nullptr) return true;
    accrual->reversed = true;
    postings_.push_back({fact.id, author, accrual->date, -accrual->cents});
  } else if (const auto* granted = As<v1::TravelGranted>(fact.body)) {
    const auto from = ParseDate(granted->covers_from());
    const auto until = ParseDate(granted->covers_until());
    if (!from || !until) return true;
    grants_.push_back({fact.id, author, granted->period_id(), granted->claim_id(), *from, *until,
                       IdFrom(granted->cause_event_id()), granted->mode(), granted->means(),
                       Worth(granted->amount_cents()), false});
    postings_.push_back({fact.id, author, *from, Worth(granted->amount_cents())});
  } else if (const auto* taken = As<v1::TravelReversed>(fact.body)) {
    Grant* grant = ToReverse(grants_, IdFrom(taken->reversed_event_id()), author, successors_);
    if (grant == nullptr) return true;
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
    payment.total_cents = Worth(proposed->total_cents());
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
      payment->paid_on = ParseDate(paid->paid_on());
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
      payment->recovered.emplace_back(posting->author, posting->id);
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
  std::map<EventId, std::set<std::string_view>> lined;  // by which payers
  std::set<std::pair<std::string_view, EventId>> recovered;
  for (const auto& [key, payment] : payments_) {
    if (payment.status == PaymentStatus::kRejected || payment.status == PaymentStatus::kReversed) {
      continue;
    }
    for (const EventId& line : payment.lines) lined[line].insert(payment.agency);
    recovered.insert(payment.recovered.begin(), payment.recovered.end());
  }
  const auto settled = [&](const Posting& posting) {
    if (recovered.contains({posting.author, posting.id})) return true;
    const auto payers = lined.find(posting.id);
    return payers != lined.end() &&
           std::any_of(payers->second.begin(), payers->second.end(), [&](std::string_view payer) {
             return successors_.IsOrInherits(payer, posting.author);
           });
  };
  std::vector<const Posting*> open;
  for (const Posting& posting : postings_) {
    if (successors_.Settling(posting.author, on) != agency || settled(posting)) continue;
    if ((from && posting.date < *from) || (until && *until < posting.date)) continue;
    open.push_back(&posting);
  }
  return open;
}

int64_t Sum(const std::vector<const Posting*>& postings) {
  return std::accumulate(postings.begin(), postings.end(), int64_t{0},
                         [](int64_t sum, const Posting* posting) { return sum + posting->cents; });
}

}  // namespace polku::service
