#include "services/audit/retention.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/closing.h"

namespace polku::audit {

void RetentionFold::Add(const Event& event) {
  const std::string_view type = event.header.type();
  if (event.control() || !event.counts || access::IsAboutTheRecord(type)) return;
  cases_[event.case_id].Add(type, event.body, event.recorded_at(),
                            !event.header.corrects().empty());
}

std::vector<RetentionDue> RetentionFold::Due(absl::CivilDay on) const {
  std::vector<RetentionDue> due;
  for (const auto& [case_id, retention] : cases_) {
    const auto kept = retention.KeptBy(profile_);
    if (kept && kept->until < on) due.push_back({case_id, kept->rule, kept->closed_on, kept->until});
  }
  std::sort(due.begin(), due.end(), [](const RetentionDue& a, const RetentionDue& b) {
    return std::tie(a.kept_until, a.case_id) < std::tie(b.kept_until, b.case_id);
  });
  return due;
}

size_t RetentionFold::NotClosed() const {
  return static_cast<size_t>(std::count_if(cases_.begin(), cases_.end(), [](const auto& one) {
    return !one.second.closed();
  }));
}

absl::StatusOr<bool> IsClosed(log::Engine& engine, const CaseId& case_id) {
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(engine, case_id));
  log::EntryFetcher fetcher(engine);
  Order closing, reopening;
  bool closed = false, reopened = false;
  for (const auto& ref : refs) {
    const auto entry = fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/false);
    if (absl::IsNotFound(entry.status())) continue;
    if (!entry.ok()) return entry.status();
    if (entry->header->type() == referral::v1::CaseClosed::descriptor()->full_name()) {
      closing = std::max(closing, ref.order);
      closed = true;
    } else if (service::Reopens(entry->header->type(), !entry->header->corrects().empty())) {
      reopening = std::max(reopening, ref.order);
      reopened = true;
    }
  }
  return closed && !(reopened && closing < reopening);
}

}  // namespace polku::audit
