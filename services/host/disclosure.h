// Which agencies get which sections of an event, from the agreement. Pure; closed by default.
#ifndef POLKU_SERVICES_HOST_DISCLOSURE_H_
#define POLKU_SERVICES_HOST_DISCLOSURE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/log.h"
#include "polku/config/v1/agreement.pb.h"

namespace polku::host {

class DisclosurePolicy {
 public:
  // `agreement` is borrowed and outlives the policy; `recorded_at` is its entry in the own log.
  DisclosurePolicy(const config::v1::Agreement& agreement, std::string_view own_agency,
                   Position recorded_at);

  // Ascending by receiver; the own agency among them when a sharing names it, for its other services
  // hold replicas of this log. A receiver whose sections the event does not have gets the header
  // alone.
  std::vector<log::DisclosureTarget> For(std::string_view type, SectionSet present);

 private:
  const std::vector<log::DisclosureTarget>& AllowedFor(std::string_view type);

  const config::v1::Agreement& agreement_;
  const std::string own_agency_;
  const Position recorded_at_;
  absl::flat_hash_map<std::string, std::vector<log::DisclosureTarget>> by_type_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_DISCLOSURE_H_
