// How a command reaches a service: a client profile (--as) or flags.
#ifndef POLKU_ADAPTERS_CLI_NETWORK_H_
#define POLKU_ADAPTERS_CLI_NETWORK_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "adapters/cli/args.h"
#include "adapters/cli/event_input.h"
#include "adapters/client/client.h"
#include "eventstore/base/exit_code.h"
#include "services/host/config.h"

namespace polku::cli {

// --as --to --server-key --keys --agency --official --timeout, then `more`.
std::vector<Flag> NetworkFlags(std::vector<Flag> more);

struct Target {
  client::ClientOptions options;
  std::string agency;    // may be empty
  std::string official;  // may be empty
};
// Flags go before the profile. InvalidArgument / NotFound / PermissionDenied say what is missing.
absl::StatusOr<Target> FindTarget(const Args& args);

// A service's own address, with its own keys.
absl::StatusOr<Target> OwnService(const host::Config& config);
// The same for `status --config SERVICE.textproto` (--keys: other keys; --to: another address).
absl::StatusOr<Target> FindOwnService(const Args& args);

// Z85 text or a file that holds it.
absl::StatusOr<zeromq::CurveKey> ReadCurveKey(const std::string& text);

// The receipt or refusal as JSON.
std::string ReceiptJson(const exchange::v1::Receipt& receipt);
std::string RefusalJson(const exchange::v1::Refusal& refusal);
// "refused (code): message", the actual revision included.
std::string RefusalText(const exchange::v1::Refusal& refusal);
ExitCode ExitCodeFor(const exchange::v1::Refusal& refusal);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_NETWORK_H_
