// What a command has to put on record while the service does not run: one offer, decided and appended as the
// service itself would, by the same node over the same stores.
#ifndef POLKU_SERVICES_HOST_OFFLINE_H_
#define POLKU_SERVICES_HOST_OFFLINE_H_

#include "absl/status/statusor.h"
#include "polku/exchange/v1/exchange.pb.h"
#include "services/host/config.h"

namespace polku::host {

// `from`: as whose the offer counts. Only events that every service takes (polku.access.v1) are accepted: the
// domain's rules and duties are left to the service, which finds at its next start what it has to do. An
// answer with receipts is on disk, and the high-water mark with it. Unavailable: the stores are open
// elsewhere, by the running service as a rule: offer it there. NotFound: nothing is stored yet. Other errors as
// LoadServiceKeys, CheckNotSuperseded, OpenStores and Node::Open; then nothing was appended.
absl::StatusOr<exchange::v1::OfferAnswer> OfferToStopped(const Config& config,
                                                         const PrincipalConfig& from,
                                                         const exchange::v1::Offer& offer);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_OFFLINE_H_
