#include "services/core/case_sort.h"

#include <string>

#include "eventstore/base/status.h"
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
  const bool place = IsAboutAPlace(fact.body);
  if (!place && package != "polku.referral.v1" && package != "polku.attendance.v1" &&
      package != "polku.compensation.v1" && package != "polku.assessment.v1") {
    return;
  }
  Said& said = said_[std::string(fact.origin.substr(0, fact.origin.rfind('/')))];
  (place ? said.place : said.client) = true;
}

std::optional<Refusal> CaseSort::Check(const google::protobuf::Message& event,
                                       std::string_view own_agency, std::string_view name) const {
  Said all;
  const auto own = said_.find(Str(own_agency, "/", name));
  if (own != said_.end()) {
    all = own->second;
  } else {
    for (const auto& [service, said] : said_) {
      all.client = all.client || said.client;
      all.place = all.place || said.place;
    }
  }
  if (IsAboutAPlace(event)) {
    if (!all.client) return std::nullopt;
    return Refusal{"not_a_place_case",
                   "what is told of a place stands in the place's own case, never in a client's"};
  }
  if (!all.place || all.client) return std::nullopt;
  return Refusal{"not_a_clients_case",
                 "this is the case of a place; what a client does stands in the client's own"};
}

}  // namespace polku::service
