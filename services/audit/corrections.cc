#include "services/audit/corrections.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "services/core/message_cast.h"
#include "services/host/epochs.h"

namespace polku::audit {

void CorrectionsFold::Add(const Event& event) {
  if (const auto corrected = EventId::FromBytes(event.header.corrects())) {
    // An id names an entry of its own log only: another log may hold the same id, by mischief.
    const std::string_view log = host::EpochsOf(event.origin);
    std::erase_if(open_, [&](const auto& one) {
      const OpenCorrection& open = one.second.second;
      return open.corrected == *corrected &&
             (log == host::EpochsOf(open.corrected_origin) || log == host::EpochsOf(open.origin));
    });
  }
  if (event.body == nullptr) return;
  const auto* decided = service::As<access::v1::CorrectionDecided>(*event.body);
  const auto request = decided != nullptr ? EventId::FromBytes(decided->request_event_id()) : std::nullopt;
  const auto result = [&] {
    const auto found = request ? access_.corrections().find(*request) : access_.corrections().end();
    return found == access_.corrections().end() ? access::v1::CORRECTION_RESULT_UNSPECIFIED
                                                : found->second.result;
  };
  const auto before = result();
  const auto* party = service::As<access::v1::PartyAdded>(*event.body);
  const bool carried =
      party != nullptr && party->reason() == access::v1::PARTY_REASON_CARRIED_OVER;
  access_.Evolve(event.fact(),
                 // Whom a service carried over is a party of what that service records: shown to a reader.
                 policy_, carried ? event.origin : std::string_view(own_origin_));
  // The first answer to a request holds.
  if (before == result() || result() != access::v1::CORRECTION_RESULT_APPROVED) return;
  const access::CaseAccess::Correction& correction = access_.corrections().at(*request);
  if (!correction.correcting.is_zero()) return;
  open_[*request] = {event.order(),
                     {.request = *request,
                      .corrected = correction.corrected,
                      .corrected_origin = correction.origin,
                      .agency = event.header.author_agency(),
                      .origin = std::string(event.origin),
                      .position = event.position,
                      .approved_at = event.recorded_at()}};
}

std::vector<OpenCorrection> CorrectionsFold::Open() const {
  std::vector<std::pair<Order, OpenCorrection>> ordered;
  for (const auto& [request, one] : open_) ordered.push_back(one);
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.origin, a.second.position) <
           std::tie(b.first, b.second.origin, b.second.position);
  });
  std::vector<OpenCorrection> open;
  for (auto& [order, one] : ordered) open.push_back(std::move(one));
  return open;
}

}  // namespace polku::audit
