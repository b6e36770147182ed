#include "services/attendance/attendance.h"

#include "services/attendance/state.h"

namespace polku {
namespace {

namespace v1 = attendance::v1;

class AttendanceService final : public service::Service {
 public:
  std::string_view name() const override { return "attendance"; }

  std::vector<std::string_view> event_types() const override {
    return {v1::PeriodOpened::descriptor()->full_name(),
            v1::PeriodClosed::descriptor()->full_name(),
            v1::DayRecorded::descriptor()->full_name(),
            v1::DayCorrected::descriptor()->full_name(),
            v1::DaysPlanned::descriptor()->full_name(),
            v1::MonthConfirmed::descriptor()->full_name(),
            v1::DayCorrectionProposed::descriptor()->full_name(),
            v1::DayCorrectionDecided::descriptor()->full_name(),
            v1::GroupJoined::descriptor()->full_name(),
            v1::GroupLeft::descriptor()->full_name(),
            v1::AlertRaised::descriptor()->full_name(),
            v1::AlertCleared::descriptor()->full_name(),
            v1::AbsenceNoticeSent::descriptor()->full_name(),
            v1::RuleBreachFlagged::descriptor()->full_name(),
            v1::RuleBreachCleared::descriptor()->full_name(),
            v1::VisitorsCounted::descriptor()->full_name()};
  }

  std::unique_ptr<service::CaseState> NewState(CaseId) const override {
    return std::make_unique<attendance::State>();
  }

  void Evolve(service::CaseState& state, const service::Fact& fact) const override {
    attendance::Fold(static_cast<attendance::State&>(state), fact);
  }

  std::optional<service::Refusal> Decide(const service::CaseState& state,
                                         const service::Offer& offer, const service::Rules& rules,
                                         absl::CivilDay today) const override {
    return attendance::DecideOffer(static_cast<const attendance::State&>(state), offer, rules,
                                   today);
  }

  std::optional<EventId> Corrects(const service::CaseState& state, const service::Offer& offer,
                                  const service::Rules& rules) const override {
    return attendance::CorrectedBy(static_cast<const attendance::State&>(state), offer, rules);
  }

  std::vector<service::Duty> Due(const service::CaseState& state, const service::Rules& rules,
                                 absl::CivilDay today) const override {
    return attendance::DutiesOf(static_cast<const attendance::State&>(state), rules, today);
  }

  std::optional<absl::CivilDay> NextDueDay(const service::CaseState& state,
                                           const service::Rules& rules,
                                           absl::CivilDay today) const override {
    return attendance::NextDutyDay(static_cast<const attendance::State&>(state), rules, today);
  }
};

}  // namespace

std::unique_ptr<service::Service> MakeAttendanceService() {
  return std::make_unique<AttendanceService>();
}

}  // namespace polku
