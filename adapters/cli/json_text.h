// Parts of what the commands print with --json. Names there are the schema's own, whatever the language.
#ifndef POLKU_ADAPTERS_CLI_JSON_TEXT_H_
#define POLKU_ADAPTERS_CLI_JSON_TEXT_H_

#include <string>

#include "adapters/cli/labels.h"
#include "services/audit/event_json.h"

namespace polku::cli {

// "absent other" with its quotes; null for the unspecified value.
template <typename Enum>
std::string CodeJson(Enum value) {
  return static_cast<int>(value) == 0 ? "null" : audit::JsonString(EnumLabel(value));
}

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_JSON_TEXT_H_
