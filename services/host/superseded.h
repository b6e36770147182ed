// The tombstone of an epoch: once `polku new-epoch` has made the next one, the old service must not be started
// again, by an old unit file or a restored configuration: it would take offers under a key whose log is
// closed. The file `superseded` lies in the old keys directory, without which nothing can be signed.
#ifndef POLKU_SERVICES_HOST_SUPERSEDED_H_
#define POLKU_SERVICES_HOST_SUPERSEDED_H_

#include <string_view>

#include "absl/status/status.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::host {

// OK: this keys directory's epoch is not closed. FailedPrecondition: it is, and by which one; also when the
// file is not as MarkSuperseded wrote it. To remove it is for an operator to do, knowing that nothing was ever
// started with the next epoch's key.
absl::Status CheckNotSuperseded(std::string_view keys_directory);

// Synced when it returns. Again for the same next key: nothing to do. FailedPrecondition: closed in favour of
// another key, which is a second next epoch. PermissionDenied, ResourceExhausted: the file cannot be written.
absl::Status MarkSuperseded(std::string_view keys_directory, const proof::VerifierKey& next);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_SUPERSEDED_H_
