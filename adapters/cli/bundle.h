// What `polku bundle verify` does, for `polku verify`, which may have its keys from elsewhere.
#ifndef POLKU_ADAPTERS_CLI_BUNDLE_H_
#define POLKU_ADAPTERS_CLI_BUNDLE_H_

#include <string>

#include "adapters/cli/command.h"
#include "eventstore/proof/policy.h"

namespace polku::cli {

// Verifies the bundle in the file by `policy`, without one by the bundle's own, and prints the report.
ExitCode VerifyBundleFile(const std::string& path, const proof::Policy* policy, bool json, Io& io);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_BUNDLE_H_
