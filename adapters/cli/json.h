// A strict reader of JSON text (RFC 8259) that splits without decoding numbers: values stay as
// written, so that no digit of a 64-bit number is lost on the way to a message.
#ifndef POLKU_ADAPTERS_CLI_JSON_H_
#define POLKU_ADAPTERS_CLI_JSON_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace polku::cli {

// The members of an object: key decoded, value as written (borrowed). InvalidArgument: not one JSON
// object, nested over 64 deep, or a key twice. Messages tell the byte, never the content.
absl::StatusOr<std::vector<std::pair<std::string, std::string_view>>> SplitJsonObject(
    std::string_view json);
absl::StatusOr<std::vector<std::string_view>> SplitJsonArray(std::string_view json);
// The text of a JSON string; nullopt when `json` is something else.
std::optional<std::string> JsonText(std::string_view json);
std::optional<uint64_t> JsonNumber(std::string_view json);

// ProtoJSON with proto or JSON field names into `message`; an event id (bytes in a field *event_id or *event_ids) as a
// UUID, the form that `polku case` prints, or in base64. InvalidArgument names the field that is
// wrong and what it takes, never the value.
absl::Status ParseJsonMessage(std::string_view json, google::protobuf::Message& message);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_JSON_H_
