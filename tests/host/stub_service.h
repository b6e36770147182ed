// Services for tests of the host itself: one that does what it is told, and one that watches another.
#ifndef POLKU_TESTS_HOST_STUB_SERVICE_H_
#define POLKU_TESTS_HOST_STUB_SERVICE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/service.h"

namespace polku::host {

// All of a fact that a service may look at, as one line.
inline std::string FactText(const service::Fact& fact) {
  return Str(FormatEventId(fact.id), " ", FormatCaseId(fact.case_id), " ", fact.origin, "@",
             fact.position.value(), " order=", fact.order.value(), " at=",
             absl::ToUnixNanos(fact.recorded_at), " by=", fact.author_agency, "/",
             fact.author_official, " ", fact.body.GetDescriptor()->full_name(), " ",
             ToHex(fact.body.SerializeAsString()));
}

struct WatchedState : service::CaseState {
  explicit WatchedState(int* alive = nullptr) : alive_(alive) {
    if (alive_ != nullptr) ++*alive_;
  }
  ~WatchedState() override {
    if (alive_ != nullptr) --*alive_;
  }
  WatchedState(const WatchedState&) = delete;
  WatchedState& operator=(const WatchedState&) = delete;

  CaseId case_id;
  std::vector<std::string> facts;
  std::unique_ptr<service::CaseState> inner;

 private:
  int* const alive_;
};

// Takes NeedIdentified and PlanDrafted; accepts everything and calls for nothing unless told otherwise.
class StubService : public service::Service {
 public:
  std::function<std::optional<service::Refusal>(const WatchedState&, const service::Offer&)> decide;
  std::function<std::vector<service::Duty>(const WatchedState&, absl::CivilDay)> due;
  std::function<std::optional<absl::CivilDay>(const WatchedState&, absl::CivilDay)> next_due_day;

  mutable int states = 0;  // alive

  std::string_view name() const override { return "referral"; }
  std::vector<std::string_view> event_types() const override {
    return {"polku.referral.v1.NeedIdentified", "polku.referral.v1.PlanDrafted"};
  }
  std::unique_ptr<service::CaseState> NewState(CaseId case_id) const override {
    auto state = std::make_unique<WatchedState>(&states);
    state->case_id = case_id;
    return state;
  }
  void Evolve(service::CaseState& state, const service::Fact& fact) const override {
    static_cast<WatchedState&>(state).facts.push_back(FactText(fact));
  }
  std::optional<service::Refusal> Decide(const service::CaseState& state,
                                         const service::Offer& offer, const service::Rules&,
                                         absl::CivilDay) const override {
    if (!decide) return std::nullopt;
    return decide(static_cast<const WatchedState&>(state), offer);
  }
  std::vector<service::Duty> Due(const service::CaseState& state, const service::Rules&,
                                 absl::CivilDay today) const override {
    if (!due) return {};
    return due(static_cast<const WatchedState&>(state), today);
  }
  std::optional<absl::CivilDay> NextDueDay(const service::CaseState& state, const service::Rules&,
                                           absl::CivilDay today) const override {
    if (!next_due_day) return std::nullopt;
    return next_due_day(static_cast<const WatchedState&>(state), today);
  }
};

// A real service, with what its newest evaluation of each case rested on.
class WatchedService : public service::Service {
 public:
  explicit WatchedService(std::unique_ptr<service::Service> inner) : inner_(std::move(inner)) {}

  mutable std::map<CaseId, std::vector<std::string>> seen;  // by the newest Due
  mutable size_t evaluations = 0;

  std::string_view name() const override { return inner_->name(); }
  std::vector<std::string_view> event_types() const override { return inner_->event_types(); }
  std::unique_ptr<service::CaseState> NewState(CaseId case_id) const override {
    auto state = std::make_unique<WatchedState>();
    state->case_id = case_id;
    state->inner = inner_->NewState(case_id);
    return state;
  }
  void Evolve(service::CaseState& state, const service::Fact& fact) const override {
    auto& watched = static_cast<WatchedState&>(state);
    watched.facts.push_back(FactText(fact));
    inner_->Evolve(*watched.inner, fact);
  }
  std::optional<service::Refusal> Decide(const service::CaseState& state,
                                         const service::Offer& offer, const service::Rules& rules,
                                         absl::CivilDay today) const override {
    return inner_->Decide(*static_cast<const WatchedState&>(state).inner, offer, rules, today);
  }
  std::optional<EventId> Corrects(const service::CaseState& state, const service::Offer& offer,
                                  const service::Rules& rules) const override {
    return inner_->Corrects(*static_cast<const WatchedState&>(state).inner, offer, rules);
  }
  std::vector<service::Duty> Due(const service::CaseState& state, const service::Rules& rules,
                                 absl::CivilDay today) const override {
    const auto& watched = static_cast<const WatchedState&>(state);
    seen[watched.case_id] = watched.facts;
    ++evaluations;
    return inner_->Due(*watched.inner, rules, today);
  }
  std::optional<absl::CivilDay> NextDueDay(const service::CaseState& state,
                                           const service::Rules& rules,
                                           absl::CivilDay today) const override {
    return inner_->NextDueDay(*static_cast<const WatchedState&>(state).inner, rules, today);
  }

 private:
  const std::unique_ptr<service::Service> inner_;
};

}  // namespace polku::host

#endif  // POLKU_TESTS_HOST_STUB_SERVICE_H_
