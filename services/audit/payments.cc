#include "services/audit/payments.h"

#include <algorithm>
#include <utility>

#include "polku/compensation/v1/compensation.pb.h"
#include "services/core/message_cast.h"

namespace polku::audit {

using service::Posting;

std::optional<PaymentDraft> DraftPayment(const service::Ledger& ledger, std::string_view agency,
                                         absl::CivilDay from, absl::CivilDay until) {
  PaymentDraft draft{from, until, {}, 0};
  auto open = ledger.Unsettled(agency, std::nullopt, until);
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
  if (event.control() || event.body == nullptr || event.header.author_agency() != agency_) return;
  if (event.body->GetDescriptor()->file()->package() != "polku.compensation.v1") return;
  if (several_epochs_.Has(event.origin) && !taken_.emplace(event.id, agency_).second) return;
  Case& held = cases_[event.case_id];
  held.ledger.Fold(event.fact());
  if (const auto* proposed = service::As<compensation::v1::PaymentProposed>(*event.body);
      proposed != nullptr && !proposed->iban().empty()) {
    held.account = {proposed->iban(), proposed->reference_number()};
  }
}

}  // namespace polku::audit
