#include "services/core/standing.h"

#include <algorithm>
#include <iterator>

namespace polku::service {
namespace {

constexpr std::string_view kServices[] = {"polku.referral.v1.", "polku.assessment.v1."};
constexpr std::string_view kTypes[] = {
    "polku.attendance.v1.MonthConfirmed",
    "polku.attendance.v1.GroupJoined",
    "polku.attendance.v1.GroupLeft",
    "polku.compensation.v1.TravelMeansChosen",
};

}  // namespace

bool GivesWay(std::string_view type) {
  return std::any_of(std::begin(kServices), std::end(kServices),
                     [&](std::string_view service) { return type.starts_with(service); }) ||
         std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

}  // namespace polku::service
