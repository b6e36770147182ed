#include "services/compensation/compensation.h"

#include "services/compensation/state.h"

namespace polku {
namespace {

namespace v1 = compensation::v1;

class CompensationService final : public service::Service {
 public:
  std::string_view name() const override { return "compensation"; }

  std::vector<std::string_view> event_types() const override {
    return {v1::AllowanceAccrued::descriptor()->full_name(),
            v1::AllowanceReversed::descriptor()->full_name(),
            v1::TravelMeansChosen::descriptor()->full_name(),
            v1::TravelClaimed::descriptor()->full_name(),
            v1::TravelClaimRejected::descriptor()->full_name(),
            v1::TravelGranted::descriptor()->full_name(),
            v1::TravelReversed::descriptor()->full_name(),
            v1::PerkGiven::descriptor()->full_name(),
            v1::PerkWithdrawn::descriptor()->full_name(),
            v1::PaymentProposed::descriptor()->full_name(),
            v1::PaymentApproved::descriptor()->full_name(),
            v1::PaymentPaid::descriptor()->full_name(),
            v1::PaymentRejected::descriptor()->full_name(),
            v1::PaymentReversed::descriptor()->full_name()};
  }

  std::unique_ptr<service::CaseState> NewState(CaseId) const override {
    return std::make_unique<compensation::State>();
  }

  void Evolve(service::CaseState& state, const service::Fact& fact) const override {
    compensation::Fold(static_cast<compensation::State&>(state), fact);
  }

  std::optional<service::Refusal> Decide(const service::CaseState& state,
                                         const service::Offer& offer, const service::Rules& rules,
                                         absl::CivilDay today) const override {
    return compensation::DecideOffer(static_cast<const compensation::State&>(state), offer, rules,
                                     today);
  }

  std::vector<service::Duty> Due(const service::CaseState& state, const service::Rules& rules,
                                 absl::CivilDay today) const override {
    return compensation::DutiesOf(static_cast<const compensation::State&>(state), rules, today);
  }

  std::optional<absl::CivilDay> NextDueDay(const service::CaseState& state,
                                           const service::Rules& rules,
                                           absl::CivilDay today) const override {
    return compensation::NextDutyDay(static_cast<const compensation::State&>(state), rules, today);
  }
};

}  // namespace

std::unique_ptr<service::Service> MakeCompensationService() {
  return std::make_unique<CompensationService>();
}

}  // namespace polku
