// The stores of a service, opened for writing: by the service when it starts, and by a command of the stopped
// service that has something to record. All checks that come before the first write stand here, so that
// neither goes on with a log that is not what was signed.
#ifndef POLKU_SERVICES_HOST_OPENING_H_
#define POLKU_SERVICES_HOST_OPENING_H_

#include <memory>

#include "absl/status/statusor.h"
#include "eventstore/log/engine.h"
#include "eventstore/vault/keystore.h"
#include "services/host/config.h"
#include "services/host/keys.h"

namespace polku::host {

struct Stores {
  std::unique_ptr<log::Engine> engine;
  std::unique_ptr<vault::KeyStore> keystore;
};

// Unavailable: another process has the data directory open, which is the running service as a rule. NotFound: nothing
// is stored there yet. PermissionDenied: it is another user's. Not for a process that has it open itself.
absl::Status CheckNotOpen(const Config& config);

// Opens data directory and keystore, which must fit each other, and compares the log with the high-water mark.
// Unavailable: another process has them open, which is the running service as a rule. FailedPrecondition: the
// keystore and the log do not belong together, or the index is incomplete. DataLoss: the log is behind
// what was signed, or another history. PermissionDenied: a file cannot be read or written. Errors as
// rocks::OpenEngine and vault::KeyStore::Open otherwise. Nothing of the log was changed.
absl::StatusOr<Stores> OpenStores(const Config& config, const ServiceKeys& keys);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_OPENING_H_
