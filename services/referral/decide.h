// What an author may add to a case (README.md of this room lists the refusal codes).
#ifndef POLKU_SERVICES_REFERRAL_DECIDE_H_
#define POLKU_SERVICES_REFERRAL_DECIDE_H_

#include <optional>

#include "absl/time/civil_time.h"
#include "services/core/service.h"
#include "services/referral/state.h"

namespace polku::referral {

// nullopt: append it.
std::optional<service::Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                            const service::Rules& rules, absl::CivilDay today);

}  // namespace polku::referral

#endif  // POLKU_SERVICES_REFERRAL_DECIDE_H_
