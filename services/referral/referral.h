// The referral service: the path from a need to the follow-up as a pure domain service (DOMAIN steps
// 1-8, 11, 13-15). It has no duties of its own: what has to be done by a day, the follow-ups after 3
// and 6 months among it, is raised by the assessment service (assessment.proto, AssessmentDue).
#ifndef POLKU_SERVICES_REFERRAL_REFERRAL_H_
#define POLKU_SERVICES_REFERRAL_REFERRAL_H_

#include <memory>

#include "services/core/service.h"

namespace polku::referral {

// Accepts every event of polku.referral.v1; its states are referral::State (state.h). Stateless;
// thread-safe. Refusal codes: README.md of this room.
std::unique_ptr<service::Service> MakeReferralService();

}  // namespace polku::referral

#endif  // POLKU_SERVICES_REFERRAL_REFERRAL_H_
