// Protobuf text format from files. For configuration: messages quote what they find.
#ifndef POLKU_ADAPTERS_CLI_TEXT_FILE_H_
#define POLKU_ADAPTERS_CLI_TEXT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "adapters/cli/command.h"
#include "google/protobuf/message.h"

namespace polku::cli {

// InvalidArgument: "<path>:<line>:<column>: …".
absl::Status ReadTextMessage(std::string_view path, google::protobuf::Message& message);

// The file, or standard input for "-". InvalidArgument when it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadInput(const std::string& path, size_t max_bytes, Io& io);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_TEXT_FILE_H_
