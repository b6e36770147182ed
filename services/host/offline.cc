#include "services/host/offline.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "services/core/silent_service.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "services/host/node.h"
#include "services/host/opening.h"
#include "services/host/superseded.h"

namespace polku::host {

absl::StatusOr<exchange::v1::OfferAnswer> OfferToStopped(const Config& config,
                                                         const PrincipalConfig& from,
                                                         const exchange::v1::Offer& offer) {
  POLKU_RETURN_IF_ERROR(CheckNotOpen(config));
  POLKU_ASSIGN_OR_RETURN(const ServiceKeys keys,
                         LoadServiceKeys(config.keys_directory, config.origin.text()));
  POLKU_RETURN_IF_ERROR(CheckNotSuperseded(config.keys_directory));
  POLKU_ASSIGN_OR_RETURN(const Stores stores, OpenStores(config, keys));
  POLKU_ASSIGN_OR_RETURN(const auto head, stores.engine->ReadHead(kOwnLog));
  if (!head) {
    return Error(absl::StatusCode::kNotFound, config.data_directory,
                 " holds no log of ", config.origin.text(), " yet; start the service first");
  }
  const service::SilentService service(
      std::string(config.origin.service()),
      {"unknown_type", "the service does not run; start it and offer again"});
  POLKU_ASSIGN_OR_RETURN(const auto node, Node::Open({.config = config,
                                                      .keys = keys,
                                                      .service = service,
                                                      .engine = *stores.engine,
                                                      .keystore = *stores.keystore,
                                                      .clock = SystemClock(),
                                                      .random = SystemRandom()}));
  const OfferFrom offered{offer, from};
  std::vector<exchange::v1::OfferAnswer> answers = node->HandleOffers({&offered, 1});
  POLKU_RETURN_IF_ERROR(HighWater(config.keys_directory)
                            .Write(node->checkpoint(), node->size(), absl::Now(), /*now_too=*/true));
  return std::move(answers.front());
}

}  // namespace polku::host
