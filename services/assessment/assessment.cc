#include "services/assessment/assessment.h"

#include "services/assessment/state.h"

namespace polku::assessment {
namespace {

using service::CaseState;

class AssessmentService final : public service::Service {
 public:
  std::string_view name() const override { return "assessment"; }
  std::vector<std::string_view> event_types() const override { return EventTypes(); }

  std::unique_ptr<CaseState> NewState(CaseId case_id) const override {
    auto state = std::make_unique<State>();
    state->case_id = case_id;
    return state;
  }

  void Evolve(CaseState& state, const service::Fact& fact) const override {
    EvolveState(static_cast<State&>(state), fact);
  }

  std::optional<service::Refusal> Decide(const CaseState& state, const service::Offer& offer,
                                         const service::Rules& rules,
                                         absl::CivilDay today) const override {
    return DecideOffer(static_cast<const State&>(state), offer, rules, today);
  }

  std::vector<service::Duty> Due(const CaseState& state, const service::Rules& rules,
                                 absl::CivilDay today) const override {
    return DutiesOf(static_cast<const State&>(state), rules, today);
  }

  std::optional<absl::CivilDay> NextDueDay(const CaseState& state, const service::Rules& rules,
                                           absl::CivilDay today) const override {
    return NextDayOf(static_cast<const State&>(state), rules, today);
  }
};

}  // namespace

std::unique_ptr<service::Service> MakeAssessmentService() {
  return std::make_unique<AssessmentService>();
}

}  // namespace polku::assessment
