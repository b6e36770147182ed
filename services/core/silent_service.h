// A domain service without a domain: takes no event, says nothing, and nothing falls due.
#ifndef POLKU_SERVICES_CORE_SILENT_SERVICE_H_
#define POLKU_SERVICES_CORE_SILENT_SERVICE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/core/service.h"

namespace polku::service {

class SilentService final : public Service {
 public:
  // `refusal`: of whatever is offered.
  SilentService(std::string name, Refusal refusal)
      : name_(std::move(name)), refusal_(std::move(refusal)) {}

  std::string_view name() const override { return name_; }
  std::vector<std::string_view> event_types() const override { return {}; }
  std::unique_ptr<CaseState> NewState(CaseId) const override { return std::make_unique<CaseState>(); }
  void Evolve(CaseState&, const Fact&) const override {}
  std::optional<Refusal> Decide(const CaseState&, const Offer&, const Rules&,
                                absl::CivilDay) const override {
    return refusal_;
  }
  std::vector<Duty> Due(const CaseState&, const Rules&, absl::CivilDay) const override { return {}; }
  std::optional<absl::CivilDay> NextDueDay(const CaseState&, const Rules&,
                                           absl::CivilDay) const override {
    return std::nullopt;
  }

 private:
  const std::string name_;
  const Refusal refusal_;
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_SILENT_SERVICE_H_
