// Who reads, what for, and by which law: no command shows personal data before that is on record (README
// "Who looked"). What a command shows of it, it gets from OpenRecorded (reading.h) alone.
#ifndef POLKU_ADAPTERS_CLI_ACCESS_H_
#define POLKU_ADAPTERS_CLI_ACCESS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "adapters/cli/args.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "polku/access/v1/access.pb.h"
#include "services/host/config.h"

namespace polku::cli {

// --official --purpose --basis --stopped, then `more`.
std::vector<Flag> AccessFlags(std::vector<Flag> more);

// What the flags say of a read. The basis is the only free text.
struct AccessClaim {
  std::string official;
  access::v1::AccessPurpose purpose = access::v1::ACCESS_PURPOSE_UNSPECIFIED;
  std::string legal_basis;
  bool stopped = false;  // the operator says that the service is stopped and its stores are the newest
};
// InvalidArgument: a flag (--config among them) is missing, no such purpose, or a text is too long or holds an identity
// code; it says why it is asked for and shows an example.
absl::StatusOr<AccessClaim> ReadAccessClaim(const Args& args);

// "case-handling" and so on: ACCESS_PURPOSE_CASE_HANDLING as flags have it.
std::optional<access::v1::AccessPurpose> ParsePurpose(std::string_view text);

// `engine`: its stores, to read, for the keys that its log announced.
// Puts the read on record in the service's own log: through the service when it runs, with the service's own key,
// a principal with RIGHT_OPERATE; into the stopped service's stores when it does not. Where the service has
// witnesses, a stopped one is written to only with `stopped`: nobody can be asked whether its log is an old copy,
// and an entry in an old copy makes it another history. OK: it is on disk. Any error: nothing may be shown; the
// message says why and what to do. Unavailable, ResourceExhausted: try again.
absl::Status RecordAccess(const host::Config& config, std::string_view official, bool stopped,
                          log::Engine& engine, const access::v1::AccessRecorded& access);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_ACCESS_H_
