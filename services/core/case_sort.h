// What a case is about: a client, or a place (DOMAIN, "counts without persons must be possible"). The
// two never share a case: what is told of a place is open to many, what is told of a client is not.
#ifndef POLKU_SERVICES_CORE_CASE_SORT_H_
#define POLKU_SERVICES_CORE_CASE_SORT_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "google/protobuf/message.h"
#include "services/core/service.h"

namespace polku::service {

// PlaceListed, PlaceWithdrawn, VisitorsCounted.
bool IsAboutAPlace(const google::protobuf::Message& event);

class CaseSort {
 public:
  // Events of the domains count; who takes part and who looked (polku.access.v1) tell nothing of it.
  void Fold(const Fact& fact);
  // Whether the event may stand in this case at the service `name` of `own_agency`: not_a_place_case,
  // not_a_clients_case. What that service has on record of the case itself decides; else what others have, of whom
  // one word about a client outweighs any about a place. So no stranger makes the one to the other where either is kept.
  std::optional<Refusal> Check(const google::protobuf::Message& event, std::string_view own_agency,
                               std::string_view name) const;
  friend bool operator==(const CaseSort&, const CaseSort&) = default;

 private:
  struct Said {
    bool client = false;
    bool place = false;
    friend bool operator==(const Said&, const Said&) = default;
  };
  std::map<std::string, Said, std::less<>> said_;  // by "<agency>/<service>"
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_CASE_SORT_H_
