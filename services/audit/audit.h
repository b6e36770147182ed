// The auditor's service (valvoja, tarkastaja): holds verified replicas and says nothing itself.
// Timelines and reports over them are history.h and summary.h.
#ifndef POLKU_SERVICES_AUDIT_AUDIT_H_
#define POLKU_SERVICES_AUDIT_AUDIT_H_

#include <memory>

#include "services/core/service.h"

namespace polku {

std::unique_ptr<service::Service> MakeAuditService();

}  // namespace polku

#endif  // POLKU_SERVICES_AUDIT_AUDIT_H_
