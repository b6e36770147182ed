// The assessment service: what has to be found out by when, and what was found (DOMAIN steps 8-12, 14,
// 15) as a pure domain service over the referral events and its own.
//
// Duties, all from the profile:
// - AssessmentDue for each month of each AssessmentRule that is not optional, from
//   raised_days_before its day on; the day is the anchor plus months, due_on the day plus grace_days.
//   A round counted from the start moves to the first day after an interruption that its day lies
//   in, waits while that interruption is open, and falls away when the period's last day as now known
//   comes more than grace_days before it. Rounds are counted per kind in a period.
// - FeedbackDue for each FeedbackRule from the period's last day as now known on.
// - DueCancelled when a due no longer holds or its day moved; then the due is raised anew, one generation
//   on. Of one due raised by two agencies that did not know of each other the one whose agency's
//   name is first in byte order stays; the other withdraws its own. Nobody cancels another's.
// That the thing was already done neither withholds nor cancels a due: what is raised depends on the
// causes alone, not on which log was read first. Readers pair a due with its (kind, round).
#ifndef POLKU_SERVICES_ASSESSMENT_ASSESSMENT_H_
#define POLKU_SERVICES_ASSESSMENT_ASSESSMENT_H_

#include <memory>

#include "services/core/service.h"

namespace polku::assessment {

// Stateless; thread-safe. Its states are assessment::State (state.h). Refusal codes: README.md.
std::unique_ptr<service::Service> MakeAssessmentService();

}  // namespace polku::assessment

#endif  // POLKU_SERVICES_ASSESSMENT_ASSESSMENT_H_
