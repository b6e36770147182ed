#include "services/host/disclosure.h"

#include <algorithm>
#include <map>

namespace polku::host {
namespace {

bool TypeMatches(std::string_view pattern, std::string_view type) {
  if (!pattern.empty() && pattern.back() == '*') {
    pattern.remove_suffix(1);
    return type.substr(0, pattern.size()) == pattern;
  }
  return pattern == type;
}

}  // namespace

DisclosurePolicy::DisclosurePolicy(const config::v1::Agreement& agreement,
                                   std::string_view own_agency, Position recorded_at)
    : agreement_(agreement), own_agency_(own_agency), recorded_at_(recorded_at) {}

const std::vector<log::DisclosureTarget>& DisclosurePolicy::AllowedFor(std::string_view type) {
  const std::string key(type);
  if (auto it = by_type_.find(key); it != by_type_.end()) return it->second;

  std::map<std::string, SectionSet> allowed;  // ordered: disclosures ascend by receiver
  for (const auto& sharing : agreement_.sharings()) {
    const auto covers = [this](const std::string& publisher) {
      return publisher == "*" || publisher == own_agency_;
    };
    const auto matches = [&](const std::string& pattern) { return TypeMatches(pattern, type); };
    if (std::none_of(sharing.publishers().begin(), sharing.publishers().end(), covers) ||
        std::none_of(sharing.types().begin(), sharing.types().end(), matches)) {
      continue;
    }
    for (const auto& receiver : sharing.receivers()) {
      SectionSet& sections = allowed[receiver];
      for (int kind : sharing.sections()) sections.add(static_cast<SectionKind>(kind));
    }
  }
  auto& targets = by_type_[key];
  for (const auto& [receiver, sections] : allowed) {
    targets.push_back({receiver, sections, recorded_at_});
  }
  return targets;
}

std::vector<log::DisclosureTarget> DisclosurePolicy::For(std::string_view type,
                                                         SectionSet present) {
  std::vector<log::DisclosureTarget> targets = AllowedFor(type);
  for (auto& target : targets) target.sections = target.sections & present;
  return targets;
}

}  // namespace polku::host
