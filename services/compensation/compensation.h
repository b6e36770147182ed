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
// An accrual or grant is never edited: it is reversed whole and said anew. A payment takes a second
// official and settles everything of its days, nothing else. README.md has the refusal codes and the
// duties with their keys.
#ifndef POLKU_SERVICES_COMPENSATION_COMPENSATION_H_
#define POLKU_SERVICES_COMPENSATION_COMPENSATION_H_

#include <memory>

#include "services/core/service.h"

namespace polku {

// Stateless and immutable; every method is a pure function of its arguments. Thread-safe.
std::unique_ptr<service::Service> MakeCompensationService();

}  // namespace polku

#endif  // POLKU_SERVICES_COMPENSATION_COMPENSATION_H_
