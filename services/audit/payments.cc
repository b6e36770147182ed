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
  const auto total = service::Sum(open);
  if (!total) return std::nullopt;  // no payable sum
  draft.lines = std::move(open);
  draft.total_cents = *total;
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
  if (const auto* proposed = service::As<compensation::v1::PaymentProposed>(*event.body);
      proposed != nullptr && !proposed->iban().empty() && event.header.author_agency() == agency_) {
    held.account = {proposed->iban(), proposed->reference_number()};
  }
}

}  // namespace polku::audit
