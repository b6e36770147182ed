#include "services/core/case_sort.h"

#include <string>

#include "polku/attendance/v1/attendance.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/message_cast.h"

namespace polku::service {

bool IsAboutAPlace(const google::protobuf::Message& event) {
  return As<referral::v1::PlaceListed>(event) != nullptr ||
         As<referral::v1::PlaceWithdrawn>(event) != nullptr ||
         As<attendance::v1::VisitorsCounted>(event) != nullptr;
}

void CaseSort::Fold(const Fact& fact) {
  const std::string& package = fact.body.GetDescriptor()->file()->package();
  if (IsAboutAPlace(fact.body)) {
    place_ = true;
  } else if (package == "polku.referral.v1" || package == "polku.attendance.v1" ||
             package == "polku.compensation.v1" || package == "polku.assessment.v1") {
    client_ = true;
  }
}

std::optional<Refusal> CaseSort::Check(const google::protobuf::Message& event) const {
  if (IsAboutAPlace(event)) {
    if (!of_client()) return std::nullopt;
    return Refusal{"not_a_place_case",
                   "what is told of a place stands in the place's own case, never in a client's"};
  }
  if (!of_place()) return std::nullopt;
  return Refusal{"not_a_clients_case",
                 "this is the case of a place; what a client does stands in the client's own"};
}

}  // namespace polku::service
