// What a case is about: a client, or a place (DOMAIN, "counts without persons must be possible"). The
// two never share a case: what is told of a place is open to many, what is told of a client is not.
#ifndef POLKU_SERVICES_CORE_CASE_SORT_H_
#define POLKU_SERVICES_CORE_CASE_SORT_H_

#include <optional>

#include "google/protobuf/message.h"
#include "services/core/service.h"

namespace polku::service {

// PlaceListed, PlaceWithdrawn, VisitorsCounted.
bool IsAboutAPlace(const google::protobuf::Message& event);

class CaseSort {
 public:
  // Events of the domains count; who takes part and who looked (polku.access.v1) tell nothing of it.
  void Fold(const Fact& fact);
  bool of_client() const { return client_; }
  // A stranger's word about a place makes no client's case a place's.
  bool of_place() const { return place_ && !client_; }
  // Whether the event may stand in this case: not_a_place_case, not_a_clients_case.
  std::optional<Refusal> Check(const google::protobuf::Message& event) const;
  friend bool operator==(const CaseSort&, const CaseSort&) = default;

 private:
  bool client_ = false;
  bool place_ = false;
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_CASE_SORT_H_
