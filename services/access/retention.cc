#include "services/access/retention.h"

#include <algorithm>

#include "eventstore/base/clock.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/closing.h"
#include "services/core/dated_rules.h"
#include "services/core/message_cast.h"

namespace polku::access {
namespace {

using service::As;

template <typename... Types>
bool IsOneOf(std::string_view type) {
  return ((type == Types::descriptor()->full_name()) || ...);
}

// Maksupäätös: what was decided or paid, for or against.
bool DecidesOnMoney(std::string_view type) {
  using namespace compensation::v1;
  return IsOneOf<TravelClaimRejected, TravelGranted, TravelReversed, PaymentApproved, PaymentPaid,
                 PaymentRejected, PaymentReversed>(type);
}

}  // namespace

bool IsAboutTheRecord(std::string_view type) { return type.starts_with("polku.access.v1."); }

void CaseRetention::Add(std::string_view type, const google::protobuf::Message* body,
                        absl::Time recorded_at, bool corrects) {
  if (IsAboutTheRecord(type)) return;
  if (type == referral::v1::CaseClosed::descriptor()->full_name()) {
    const auto* closed = body == nullptr ? nullptr : As<referral::v1::CaseClosed>(*body);
    const auto day = closed == nullptr ? std::nullopt : ParseDay(closed->closed_on());
    closed_on_ = day.value_or(FinnishDay(recorded_at));
    return;
  }
  if (service::Reopens(type, corrects)) closed_on_.reset();
  if (const auto done = body == nullptr ? std::nullopt : service::DayDone(*body, recorded_at)) {
    newest_day_ = std::max(newest_day_.value_or(*done), *done);
  }
  decided_on_money_ = decided_on_money_ || DecidesOnMoney(type);
  const auto* started = body == nullptr ? nullptr : As<referral::v1::ServiceStarted>(*body);
  if (started == nullptr) return;
  if (const auto day = ParseDay(started->first_started_on().empty() ? started->starts_on()
                                                                    : started->first_started_on())) {
    first_started_ = std::min(first_started_.value_or(*day), *day);
  }
}

std::optional<CaseRetention::Kept> CaseRetention::KeptBy(const config::v1::Profile& profile) const {
  if (!closed_on_) return std::nullopt;
  const absl::CivilDay from = std::max(*closed_on_, newest_day_.value_or(*closed_on_));
  const auto until = [&](config::v1::RecordKind kind) -> std::optional<Kept> {
    const auto* rule = service::FindRule(
        profile.retention(), from, first_started_,
        [&](const config::v1::RetentionRule& one) { return one.kind() == kind; });
    if (rule == nullptr) return std::nullopt;
    return Kept{rule, from, absl::CivilDay(from.year() + rule->years(), from.month(), from.day())};
  };
  auto longest = until(config::v1::RECORD_KIND_SOCIAL_CARE);
  if (!longest || !decided_on_money_) return longest;
  const auto money = until(config::v1::RECORD_KIND_FEE_DECISION);
  return money && money->until > longest->until ? money : longest;
}

}  // namespace polku::access
