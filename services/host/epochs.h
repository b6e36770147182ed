// The epochs of one service in a merged history. An event that its author offered again because the log lost
// it, or a duty that was said again, stands in the logs of two epochs at those who hold both: it is one event.
#ifndef POLKU_SERVICES_HOST_EPOCHS_H_
#define POLKU_SERVICES_HOST_EPOCHS_H_

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/base/ids.h"

namespace polku::host {

// "<agency>/<service>/" of an origin: what its epochs have in common.
inline std::string_view EpochsOf(std::string_view origin) {
  return origin.substr(0, origin.rfind('/') + 1);
}

// The services of which several epochs are known.
class SeveralEpochs {
 public:
  void Add(std::string_view origin) {
    if (!known_.insert(std::string(EpochsOf(origin))).second) {
      several_.insert(std::string(EpochsOf(origin)));
    }
  }
  bool Has(std::string_view origin) const { return several_.contains(EpochsOf(origin)); }

 private:
  std::set<std::string, std::less<>> known_;
  std::set<std::string, std::less<>> several_;
};

// Author and id of the events of such services that a fold has taken: the first in merged order counts.
using TakenEvents = std::set<std::pair<EventId, std::string>>;

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_EPOCHS_H_
