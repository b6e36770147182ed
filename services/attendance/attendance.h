// The attendance service of a provider (DOMAIN step 9): who took part when, what of it breaks a
// rule, and which absences are told to whom. Its duties are those of the periods whose provider is
// this agency; of a period that names no provider, this agency's if it holds the provider role.
//
// Refusal codes, besides those of services/core/offer_checks.h:
//   wrong_actor            not a provider, or not the one that the period names for that day
//   missing_recorder       no official is named: somebody must have seen the client
//   missing_date           missing_class      missing_outcome    missing_reason   missing_place
//   service_not_started    no started service is known in this case
//   unknown_period         no period of that id is known
//   ambiguous_period       several periods of the author cover the day: name one
//   outside_period         the day is before the period's first or after its last day
//   future_day             the day has not come yet
//   day_already_recorded   use DayCorrected
//   day_not_recorded       nothing to correct: use DayRecorded
//   nothing_to_correct     the correction says what the record says
//   record_has_changed     corrected_event_id is not the newest record of the day
//   minutes_out_of_range   more than the 1,440 of a day
//   contradictory_minutes  there without minutes, or minutes without being there
//   class_not_in_use       the profile has no such class on that day
//   outcome_mismatch       the outcome is not what the profile gives for the class
//   missing_swapped_from   bad_swapped_from   unexpected_swapped_from
//   withdrawn_not_empty    a withdrawal carries nothing but date, period, reason and corrected
//   event bad_count              more children or service clients than visitors not_a_place_case
//   anonymous counts do not belong into a client's case made_by_the_service    events of that type
//   are duties of the service unknown_type           not an event of this service
// A recorded day that breaks a rule of intensity, certificate or calendar is never refused: it is
// accepted and flagged (DOMAIN "Reality is recorded even when it breaks a rule").
#ifndef POLKU_SERVICES_ATTENDANCE_ATTENDANCE_H_
#define POLKU_SERVICES_ATTENDANCE_ATTENDANCE_H_

#include <memory>

#include "services/core/service.h"

namespace polku {

// Stateless and immutable; every method is a pure function of its arguments. Thread-safe.
std::unique_ptr<service::Service> MakeAttendanceService();

}  // namespace polku

#endif  // POLKU_SERVICES_ATTENDANCE_ATTENDANCE_H_
