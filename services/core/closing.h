// When a case's path is over and from when on its record is kept: one definition for the service that takes the closing,
// for retention, and for what summaries and reports show (referral.proto, CaseClosed; DOMAIN "Rules", retention).
#ifndef POLKU_SERVICES_CORE_CLOSING_H_
#define POLKU_SERVICES_CORE_CLOSING_H_

#include <optional>
#include <string_view>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace polku::service {

// An event of that type, recorded after the CaseClosed, opens the case again: what begins a path or goes on with one,
// all of it of the referral service. Days, money and assessments belong to a period, and none runs in a closed
// case; so whatever a service says of it by itself, late sheets, payments and their reversals, follow-ups and feedback leave
// it closed. `corrects`: the event takes the place of an earlier one; then it is no new step either.
bool Reopens(std::string_view type, bool corrects);

// The day in the world on which what the event tells of was done with the client or paid; never after its day of
// recording, for a day to come has not been. nullopt: it tells of no such day, or the day is sealed here.
std::optional<absl::CivilDay> DayDone(const google::protobuf::Message& event, absl::Time recorded_at);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_CLOSING_H_
