#include "services/report/held.h"

#include <algorithm>

namespace polku::report {
namespace {

// "polku.attendance.v1.DayRecorded" → "attendance": the service that takes it.
std::string_view ServiceOf(std::string_view type) {
  const size_t begin = type.find('.') + 1;
  return type.substr(begin, type.find('.', begin) - begin);
}

}  // namespace

Held::Held(const config::v1::Agreement& agreement, const std::vector<log::HeldLog>& logs)
    : agreement_(agreement), policy_(agreement) {
  for (const auto& held : logs) {
    const auto name = OriginName::Parse(held.head.origin);
    if (!name.ok()) continue;
    const bool own = held.number == kOwnLog;
    if (own) own_agency_ = name->agency();
    logs_[held.number] = {std::string(name->agency()), std::string(name->service()), own, {}};
  }
}

void Held::Add(const audit::Event& event) {
  if (event.control()) return;
  const std::string& author = event.header.author_agency();
  if (const auto log = logs_.find(event.log); log != logs_.end()) log->second.authors.insert(author);
  Seen& seen = seen_[{event.header.type(), author}];
  seen.opened = seen.opened | event.opened;
  seen.sealed = seen.sealed | event.sealed;
}

std::set<std::string> Held::Recorders(const Need& need, const std::vector<absl::CivilDay>& days) const {
  std::set<std::string> agencies;
  if (need.by == Need::By::kLogsOwnAgency) {
    for (const auto& [number, log] : logs_) {
      if (log.service == ServiceOf(need.type->full_name())) agencies.insert(log.agency);
    }
  } else {
    const auto& type = (need.recorded_by != nullptr ? need.recorded_by : need.type)->full_name();
    for (const auto& agency : agreement_.agencies()) {
      if (std::any_of(days.begin(), days.end(),
                      [&](absl::CivilDay day) { return policy_.MayPublish(agency.name(), type, day); })) {
        agencies.insert(agency.name());
      }
    }
  }
  for (const auto& [key, seen] : seen_) {
    if (key.first == need.type->full_name()) agencies.insert(key.second);
  }
  return agencies;
}

bool Held::Reaches(const Need& need, const std::string& agency, const std::vector<absl::CivilDay>& days) const {
  const std::string& type = need.type->full_name();
  if (const auto seen = seen_.find({type, agency}); seen != seen_.end()) {
    if (seen->second.sealed.has(need.section)) return false;
    if (seen->second.opened.has(need.section)) return true;
  }
  const auto takes = [&](const Log& log) { return log.service == ServiceOf(type); };
  const bool has_a_log = std::any_of(logs_.begin(), logs_.end(), [&](const auto& entry) {
    return takes(entry.second) && entry.second.agency == agency;
  });
  return std::any_of(logs_.begin(), logs_.end(), [&](const auto& entry) {
    const Log& log = entry.second;
    if (!takes(log)) return false;
    if (log.agency != agency && !log.authors.contains(agency) && (has_a_log || need.own_log)) return false;
    if (log.own) return true;
    return std::any_of(days.begin(), days.end(), [&](absl::CivilDay day) {
      const auto grant = policy_.Explain(own_agency_, agency, log.agency, type, /*is_party=*/true, day).grant;
      return grant && grant->sections.has(need.section);
    });
  });
}

std::optional<Gap> Held::Missing(const Need& need, const std::vector<absl::CivilDay>& days,
                                 const std::set<std::string>* among) const {
  Gap gap{need.what, {}, true};
  bool asked = false, reached = false;
  for (const std::string& agency : Recorders(need, days)) {
    if (among != nullptr && !among->contains(agency)) continue;
    asked = true;
    if (Reaches(need, agency, days)) {
      reached = true;
    } else {
      gap.agencies.push_back(agency);
    }
  }
  if (!asked) {
    // Nobody could have recorded it, unless it was in a log that is not here.
    const bool here = std::any_of(logs_.begin(), logs_.end(), [&](const auto& entry) {
      return entry.second.service == ServiceOf(need.type->full_name());
    });
    return here || among != nullptr ? std::nullopt : std::optional(gap);
  }
  // Part of what a sealed agency recorded may be open.
  const bool some_open = std::any_of(seen_.begin(), seen_.end(), [&](const auto& entry) {
    return entry.first.first == need.type->full_name() && entry.second.opened.has(need.section) &&
           (among == nullptr || among->contains(entry.first.second));
  });
  gap.whole = !reached && !some_open;
  if (reached && gap.agencies.empty()) return std::nullopt;
  return gap;
}

}  // namespace polku::report
