// The attendance service of a provider (DOMAIN step 9): who took part when, what of it breaks a
// rule, and which absences are told to whom. Its duties are those of the periods whose provider is
// this agency; of a period that names no provider, this agency's if it holds the provider role.
//
// A recorded day that breaks a rule of intensity, certificate or calendar is never refused: it is
// accepted and flagged (DOMAIN "Reality is recorded even when it breaks a rule"). Refused is what
// cannot be a record: no such period, the wrong author, contradictory content. README.md has the
// refusal codes, the duties with their keys, and the breach codes.
#ifndef POLKU_SERVICES_ATTENDANCE_ATTENDANCE_H_
#define POLKU_SERVICES_ATTENDANCE_ATTENDANCE_H_

#include <memory>

#include "services/core/service.h"

namespace polku {

// Stateless and immutable; every method is a pure function of its arguments. Thread-safe.
std::unique_ptr<service::Service> MakeAttendanceService();

}  // namespace polku

#endif  // POLKU_SERVICES_ATTENDANCE_ATTENDANCE_H_
