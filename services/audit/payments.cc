#include "services/audit/payments.h"

#include <algorithm>
#include <utility>

#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/message_cast.h"

namespace polku::audit {

using service::Posting;

std::optional<PaymentDraft> DraftPayment(const service::Ledger& ledger, std::string_view agency,
                                         absl::CivilDay from, absl::CivilDay until,
                                         absl::CivilDay on) {
  PaymentDraft draft{from, until, {}, 0};
  auto open = ledger.Unsettled(agency, std::nullopt, until, on);
  for (const Posting* posting : open) {
    if (posting->cents < 0) draft.from = std::min(draft.from, posting->date);
  }
  std::erase_if(open, [&](const Posting* posting) {
    return posting->cents == 0 || posting->date < draft.from;
  });
  if (open.empty()) return std::nullopt;
  std::stable_sort(open.begin(), open.end(),
                   [](const Posting* a, const Posting* b) { return a->date < b->date; });
  draft.total_cents = service::Sum(open);
  draft.lines = std::move(open);
  return draft;
}

PaymentsFold::PaymentsFold(std::string agency, const std::vector<log::HeldLog>& logs)
    : agency_(std::move(agency)) {
  for (const auto& held : logs) several_epochs_.Add(held.head.origin);
}

void PaymentsFold::Add(const Event& event) {
  if (event.control() || event.body == nullptr || !event.counts) return;
  // Also what others said: a successor may take back what its predecessor granted.
  if (event.body->GetDescriptor()->file()->package() != "polku.compensation.v1" &&
      service::As<referral::v1::OrganiserTransferred>(*event.body) == nullptr) {
    return;
  }
  if (several_epochs_.Has(event.origin) &&
      !taken_.emplace(event.id, event.header.author_agency()).second) {
    return;
  }
  Case& held = cases_[event.case_id];
  held.ledger.Fold(event.fact());
  const std::string& author = event.header.author_agency();
  if (const auto* proposed = service::As<compensation::v1::PaymentProposed>(*event.body)) {
    if (proposed->iban().empty()) return;
    held.proposals.push_back({{author, proposed->payment_id()}, {proposed->iban(), proposed->reference_number()}});
  } else if (const auto* rejected = service::As<compensation::v1::PaymentRejected>(*event.body);
             rejected != nullptr && rejected->reason() == compensation::v1::REJECTION_REASON_WRONG_ACCOUNT) {
    for (Case::Proposal& one : held.proposals) {
      if (one.payment == service::PaymentKey(author, rejected->payment_id())) one.wrong_account = true;
    }
  }
}

const Account* PaymentsFold::Case::AccountOf(const service::PaymentKey& payment) const {
  for (const Proposal& one : proposals) {
    if (one.payment == payment) return &one.account;
  }
  return nullptr;
}

const Account* PaymentsFold::Case::PaidBefore(const service::PaymentKey* payment) const {
  const Account* newest = nullptr;
  for (const Proposal& one : proposals) {
    if (payment != nullptr && one.payment == *payment) break;
    const auto found = ledger.payments().find(one.payment);
    if (found != ledger.payments().end() && found->second.status == service::PaymentStatus::kPaid) {
      newest = &one.account;
    }
  }
  return newest;
}

Account PaymentsFold::Case::Known(std::string_view agency, absl::CivilDay on) const {
  const auto wrong = [&](const std::string& iban) {
    return std::any_of(proposals.begin(), proposals.end(),
                       [&](const Proposal& one) { return one.wrong_account && one.account.iban == iban; });
  };
  Account known;
  for (const Proposal& one : proposals) {
    const auto found = ledger.payments().find(one.payment);
    if (found == ledger.payments().end() || ledger.successors().Settling(one.payment.first, on) != agency) continue;
    const service::PaymentStatus status = found->second.status;
    const bool approved = status == service::PaymentStatus::kApproved || status == service::PaymentStatus::kPaid;
    if (approved && !wrong(one.account.iban)) known = one.account;
  }
  return known;
}

}  // namespace polku::audit
