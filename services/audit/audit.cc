#include "services/audit/audit.h"

namespace polku {
namespace {

class AuditService : public service::Service {
 public:
  std::string_view name() const override { return "audit"; }
  // An auditor records nothing about a client, so nothing is taken and nothing falls due.
  std::vector<std::string_view> event_types() const override { return {}; }
  std::unique_ptr<service::CaseState> NewState(CaseId) const override {
    return std::make_unique<service::CaseState>();
  }
  void Evolve(service::CaseState&, const service::Fact&) const override {}
  std::optional<service::Refusal> Decide(const service::CaseState&, const service::Offer&,
                                         const service::Rules&, absl::CivilDay) const override {
    return service::Refusal{"read_only", "an auditor's service takes no events"};
  }
  std::vector<service::Duty> Due(const service::CaseState&, const service::Rules&,
                                 absl::CivilDay) const override {
    return {};
  }
  std::optional<absl::CivilDay> NextDueDay(const service::CaseState&, const service::Rules&,
                                           absl::CivilDay) const override {
    return std::nullopt;
  }
};

}  // namespace

std::unique_ptr<service::Service> MakeAuditService() { return std::make_unique<AuditService>(); }

}  // namespace polku
