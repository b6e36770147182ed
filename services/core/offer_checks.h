// What holds for every offered event whatever its type: the conventions of common.proto, checked
// field by field from the fields' names and sections.
#ifndef POLKU_SERVICES_CORE_OFFER_CHECKS_H_
#define POLKU_SERVICES_CORE_OFFER_CHECKS_H_

#include <optional>
#include <string_view>

#include "google/protobuf/message.h"
#include "services/core/service.h"

namespace polku::service {

// 1-32 of [a-z0-9-] (common.proto, conventions).
bool IsLabel(std::string_view text);

// An agency's pseudonym of a worker, as offers and keys name one: at most 64 of A-Z a-z 0-9 . _ -, without a
// personal identity code. Empty: nobody is named.
bool IsOfficialLabel(std::string_view text);

// The first field that breaks a convention, by field number; fields that are not set are not looked
// at. Codes:
//   bad_date                 not "YYYY-MM-DD" (a month: "YYYY-MM"), no such day, or a year outside 1900-2199
//   bad_label                referral_id, plan_id, period_id, meeting_id, claim_id, payment_id
//   bad_agency               not a well-formed agency name
//   bad_municipality         not three digits
//   bad_event_id             not 16 bytes
//   bad_code                 place_code, group_code, decision_number: over 64 bytes, or with white space
//   bad_value                an enum number this version does not know, or a list with an empty value
//   amount_out_of_range      *_cents or distance_metres beyond money_limits.h
//   identity_code_misplaced  a personal identity code outside the identity section (DOMAIN "Data")
// Messages name the field and what to write, and never repeat what was in it.
std::optional<Refusal> CheckConventions(const google::protobuf::Message& event);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_OFFER_CHECKS_H_
