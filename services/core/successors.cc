#include "services/core/successors.h"

#include <algorithm>

#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/message_cast.h"

namespace polku::service {

void Successors::Fold(const Fact& fact) {
  const auto* transferred = As<referral::v1::OrganiserTransferred>(fact.body);
  if (transferred == nullptr) return;
  const auto day = ParseDate(transferred->effective_on());
  const std::string& from = transferred->from_agency();
  const std::string& to = transferred->to_agency();
  if (!day || from.empty() || to.empty() || from == to) return;
  const auto later = std::find_if(transfers_.begin(), transfers_.end(),
                                  [&](const Transfer& known) { return *day < known.effective_on; });
  transfers_.insert(later, {from, to, *day, fact.id,
                            transferred->reason() == referral::v1::TRANSFER_REASON_PREDECESSOR_ENDED});
}

std::string_view Successors::Acting(std::string_view agency, absl::CivilDay day) const {
  for (const Transfer& transfer : transfers_) {
    if (transfer.effective_on > day) break;
    if (transfer.from == agency) agency = transfer.to;
  }
  return agency;
}

bool Successors::IsOrSucceeds(std::string_view author, std::string_view agency) const {
  if (author == agency) return true;
  return std::any_of(transfers_.begin(), transfers_.end(), [&](const Transfer& transfer) {
    return Acting(agency, transfer.effective_on) == author;
  });
}

std::string_view Successors::Settling(std::string_view agency, absl::CivilDay day) const {
  for (const Transfer& transfer : transfers_) {
    if (transfer.effective_on > day) break;
    if (transfer.from == agency && transfer.predecessor_ended) agency = transfer.to;
  }
  return agency;
}

bool Successors::IsOrInherits(std::string_view author, std::string_view agency) const {
  if (author == agency) return true;
  return std::any_of(transfers_.begin(), transfers_.end(), [&](const Transfer& transfer) {
    return Settling(agency, transfer.effective_on) == author;
  });
}

}  // namespace polku::service
