// What a service's configuration says of whom to believe and what it may open: for the commands
// that prove and verify.
#ifndef POLKU_ADAPTERS_CLI_TRUST_H_
#define POLKU_ADAPTERS_CLI_TRUST_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/proof/policy.h"
#include "services/host/config.h"
#include "services/host/opener.h"

namespace polku::cli {

struct Trust {
  // By origin the first key of each log: the own one, the peers' and earlier ones.
  std::map<std::string, proof::VerifierKey, std::less<>> keys;
  proof::VerifierKey own;  // with which the own log is signed now
  // The configuration's witnesses, and the service's own cosigning key where it has one.
  std::vector<proof::VerifierKey> witnesses;
};
// Reads signing.public, earlier/signing.1.public and cosigning.public of the keys directory: what the own log says
// of its first key proves nothing. NotFound / InvalidArgument name the file.
absl::StatusOr<Trust> LoadTrust(const host::Config& config);

// Adds the cosigning keys, own and of witnesses, that were announced in the logs held: what was cosigned before or after a
// change of keys verifies. Errors as host::ReadAnnounced.
absl::Status AddAnnouncedWitnesses(log::Engine& engine, const host::Config& config, Trust& trust);
// Both, where the logs are to be relied on.
absl::StatusOr<Trust> LoadTrust(const host::Config& config, log::Engine& engine);

// OK: the own log leads from its first key to the one that signs it now. FailedPrecondition: a rotation was broken
// off, or it is not our log; other errors as log::KeysOf.
absl::Status CheckOwnKey(log::Engine& engine, const Trust& trust);

// The keys of a held log, one after the other. FailedPrecondition as KeyOf; errors as log::KeysOf.
absl::StatusOr<proof::LogKeys> KeysOf(const Trust& trust, log::Engine& engine, const log::HeldLog& log);

// FailedPrecondition, saying where keys come from, when the origin's key is not among them.
absl::StatusOr<const proof::VerifierKey*> KeyOf(const Trust& trust, std::string_view origin);

// Sections that `opener` may open; safe to call from several threads. `opener` is borrowed, and nobody
// else's meanwhile.
evidence::SecretFn SecretsOf(host::Opener& opener);

// A policy file (C2SP tlog-policy). InvalidArgument names the file and the line.
absl::StatusOr<proof::Policy> LoadPolicy(const std::string& path);

// "FI/GOV/…/witness  2025-03-31 12:00  entries 0-22"
std::string CosignedText(std::string_view key_name, absl::Time time, Position size);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_TRUST_H_
