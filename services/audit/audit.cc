#include "services/audit/audit.h"

#include "services/core/silent_service.h"

namespace polku {

// An auditor records nothing about a client, so nothing is taken and nothing falls due.
std::unique_ptr<service::Service> MakeAuditService() {
  return std::make_unique<service::SilentService>(
      "audit", service::Refusal{"read_only", "an auditor's service takes no events"});
}

}  // namespace polku
