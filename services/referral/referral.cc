#include "services/referral/referral.h"

#include <utility>

#include "services/referral/decide.h"
#include "services/referral/state.h"

namespace polku::referral {
namespace {

using service::CaseState;

class ReferralService final : public service::Service {
 public:
  std::string_view name() const override { return "referral"; }
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

  std::vector<std::string> LeftWithoutPart(const CaseState& state,
                                           const google::protobuf::Message& event) const override {
    return WithoutPartAfter(static_cast<const State&>(state), event);
  }

  std::vector<service::Duty> Due(const CaseState&, const service::Rules&,
                                 absl::CivilDay) const override {
    return {};
  }

  std::optional<absl::CivilDay> NextDueDay(const CaseState&, const service::Rules&,
                                           absl::CivilDay) const override {
    return std::nullopt;
  }
};

}  // namespace

std::unique_ptr<service::Service> MakeReferralService() {
  return std::make_unique<ReferralService>();
}

}  // namespace polku::referral
