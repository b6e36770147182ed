#include "services/audit/retention.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/dated_rules.h"
#include "services/core/message_cast.h"

namespace polku::audit {
namespace {

using service::As;

// Parties, later disclosures and corrections are about what is on record; nothing goes on by them.
constexpr std::string_view kAboutTheRecord = "polku.access.v1.";

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

void RetentionFold::Add(const Event& event) {
  const std::string_view type = event.header.type();
  if (event.control() || type.starts_with(kAboutTheRecord)) return;
  Case& kept = cases_[event.case_id];
  if (type == referral::v1::CaseClosed::descriptor()->full_name()) {
    const auto* closed = event.body == nullptr ? nullptr : As<referral::v1::CaseClosed>(*event.body);
    const auto day = closed == nullptr ? std::nullopt : ParseDay(closed->closed_on());
    kept.closed_on = day.value_or(FinnishDay(event.recorded_at()));
    return;
  }
  kept.closed_on.reset();  // "Any later event opens it again" (referral.proto, CaseClosed)
  kept.decided_on_money = kept.decided_on_money || DecidesOnMoney(type);
  const auto* started =
      event.body == nullptr ? nullptr : As<referral::v1::ServiceStarted>(*event.body);
  if (started == nullptr) return;
  if (const auto day = ParseDay(started->first_started_on().empty() ? started->starts_on()
                                                                    : started->first_started_on())) {
    kept.first_started = std::min(kept.first_started.value_or(*day), *day);
  }
}

std::vector<RetentionDue> RetentionFold::Due(absl::CivilDay on) const {
  std::vector<RetentionDue> due;
  for (const auto& [case_id, kept] : cases_) {
    if (!kept.closed_on) continue;
    const auto until = [&](config::v1::RecordKind kind) -> std::optional<RetentionDue> {
      const auto* rule = service::FindRule(
          profile_.retention(), *kept.closed_on, kept.first_started,
          [&](const config::v1::RetentionRule& one) { return one.kind() == kind; });
      if (rule == nullptr) return std::nullopt;
      const absl::CivilDay& closed = *kept.closed_on;
      return RetentionDue{case_id, rule, closed,
                          absl::CivilDay(closed.year() + rule->years(), closed.month(),
                                         closed.day())};
    };
    auto longest = until(config::v1::RECORD_KIND_SOCIAL_CARE);
    if (!longest) continue;
    if (kept.decided_on_money) {
      const auto money = until(config::v1::RECORD_KIND_FEE_DECISION);
      if (money && money->kept_until > longest->kept_until) longest = money;
    }
    if (longest->kept_until < on) due.push_back(*longest);
  }
  std::sort(due.begin(), due.end(), [](const RetentionDue& a, const RetentionDue& b) {
    return std::tie(a.kept_until, a.case_id) < std::tie(b.kept_until, b.case_id);
  });
  return due;
}

size_t RetentionFold::NotClosed() const {
  return static_cast<size_t>(std::count_if(cases_.begin(), cases_.end(), [](const auto& one) {
    return !one.second.closed_on.has_value();
  }));
}

absl::StatusOr<bool> IsClosed(log::Engine& engine, const CaseId& case_id) {
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(engine, case_id));
  log::EntryFetcher fetcher(engine);
  Order newest;
  bool closed = false;
  for (const auto& ref : refs) {
    if (ref.order < newest) continue;
    const auto entry = fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/false);
    if (absl::IsNotFound(entry.status())) continue;
    if (!entry.ok()) return entry.status();
    if (entry->header->type().starts_with(kAboutTheRecord)) continue;
    newest = ref.order;
    closed = entry->header->type() == referral::v1::CaseClosed::descriptor()->full_name();
  }
  return closed;
}

}  // namespace polku::audit
