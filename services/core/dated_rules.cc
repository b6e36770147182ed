#include "services/core/dated_rules.h"

namespace polku::service::internal {

bool InRange(std::string_view day, std::string_view from, std::string_view until) {
  return (from.empty() || from <= day) && (until.empty() || day <= until);
}

}  // namespace polku::service::internal
