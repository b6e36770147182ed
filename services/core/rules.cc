#include "services/core/service.h"

namespace polku::service {

bool Rules::HasRole(std::string_view agency, config::v1::AgencyRole role) const {
  for (const auto& known : agreement.agencies()) {
    if (known.name() != agency) continue;
    for (int held : known.roles()) {
      if (held == role) return true;
    }
  }
  return false;
}

}  // namespace polku::service
