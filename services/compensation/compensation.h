// The compensation service: money and perks for taking part, each cent traceable to the day and the
// rule behind it. One program for every payer; which duties are its own follows from the agreement
// and the history (duties.cc):
//   allowance        the agency that BenefitRecorded names as payer of the benefit that gives it; a
//                    benefit payer (Kela, a fund) for the expense allowance, it or social services
//                    for the activity money
//   travel, perks    the agency with the social services role; of several, the one that made the
//                    newest agreement or decision of the period
// An agency that has none of these roles has no duties; what it said before stays.
//
// Refusal codes, besides those of services/core/offer_checks.h:
//   wrong_actor            the author's role does not allow it, or the payment is another agency's
//   missing_official       no official is named
//   same_official          who proposed a payment does not approve it
//   missing_date  missing_id  missing_reason  missing_kind  future_day  bad_range
//   service_not_started  unknown_period  outside_period
//   payment_exists  unknown_payment  illegal_transition
//   bad_iban  bad_reference_number
//   no_lines               duplicate_line     unknown_line       line_mismatch
//   line_outside_range     already_in_payment incomplete_lines   total_mismatch
//   nothing_to_pay         accruals_changed   amount_mismatch
//   claim_exists  unknown_claim  claim_already_decided  claims_not_used  claim_too_late
//   missing_amount  amount_over_claim  amount_over_rate  no_attended_day  mode_mismatch  wrong_rule
//   unknown_grant  already_reversed
//   perk_not_offered  perk_already_given  perk_not_given
//   made_by_the_service    events of that kind are duties of the service
//   unknown_type           not an event of this service
#ifndef POLKU_SERVICES_COMPENSATION_COMPENSATION_H_
#define POLKU_SERVICES_COMPENSATION_COMPENSATION_H_

#include <memory>

#include "services/core/service.h"

namespace polku {

// Stateless and immutable; every method is a pure function of its arguments. Thread-safe.
std::unique_ptr<service::Service> MakeCompensationService();

}  // namespace polku

#endif  // POLKU_SERVICES_COMPENSATION_COMPENSATION_H_
