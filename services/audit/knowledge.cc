#include "services/audit/knowledge.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/status.h"

namespace polku::audit {

const Knowledge& KnowledgeFold::Add(std::string_view origin, Position position,
                                    const event::v1::Header& header) {
  const std::string log(origin);
  ByOrigin& known = known_[log];
  for (const auto& cause : header.causes()) {
    Position& newest = known[cause.origin()];
    newest = std::max(newest, Position(cause.position()));
  }
  knowledge_ = Knowledge();
  for (const auto& [other, newest] : known) {
    const auto held = types_.find(other);
    std::string type;
    if (held != types_.end()) {
      if (const auto entry = held->second.find(newest); entry != held->second.end()) {
        type = entry->second;
      }
    }
    knowledge_.known.push_back({other, newest, std::move(type)});
  }
  for (const auto& [other, entries] : disclosed_[std::string(AgencyOfName(origin))]) {
    if (other == log) continue;
    const auto seen = known.find(other);
    const auto first =
        seen == known.end()
            ? entries.begin()
            : std::upper_bound(
                  entries.begin(), entries.end(), seen->second,
                  [](Position value, const Disclosed& entry) { return value < entry.position; });
    if (first == entries.end()) continue;
    knowledge_.concurrent.push_back({other, static_cast<uint64_t>(entries.end() - first),
                                     first->position, entries.back().position,
                                     entries.back().type});
  }
  types_[log][position] = header.type();
  for (const auto& disclosure : header.disclosures()) {
    disclosed_[disclosure.receiver()][log].push_back({position, header.type()});
  }
  return knowledge_;
}

absl::StatusOr<KnownTo> FindKnownTo(Store& store, std::string_view agency, absl::Time at) {
  POLKU_RETURN_IF_ERROR(ValidateAgencyName(agency));
  KnownTo known{.agency = std::string(agency), .at = at, .logs = {}, .agencies = {}};
  for (const log::HeldLog& held : store.logs()) {
    KnownTo::Log part{.log = held.number,
                      .origin = held.head.origin,
                      .own = AgencyOfName(held.head.origin) == agency,
                      .until = {},
                      .cosignature = {}};
    known.agencies.emplace(AgencyOfName(held.head.origin));
    if (part.own) {
      part.until = held.head.frontier.size();
      known.logs.push_back(std::move(part));
      continue;
    }
    POLKU_ASSIGN_OR_RETURN(const auto witnesses,
                           log::NewestCosignatures(store.engine(), held.number));
    for (const log::KeptCosignature& newest : witnesses) {
      known.agencies.emplace(AgencyOfName(newest.witness));
      if (AgencyOfName(newest.witness) != agency) continue;
      POLKU_ASSIGN_OR_RETURN(
          auto then, log::CosignatureAt(store.engine(), held.number, newest.witness, at));
      // An agency may follow a log with several services: it had what any of them had.
      if (then && (!part.cosignature || then->size > part.until)) {
        part.until = then->size;
        part.cosignature = *std::move(then);
      }
    }
    known.logs.push_back(std::move(part));
  }
  return known;
}

}  // namespace polku::audit
