// Changes of a service's own keys (README.md "Keys"). What the running service does for an operator by a
// KeyChangeRequest is done here while it is stopped. Every call may be broken off at any instant, and the
// same call goes on where it stopped.
#ifndef POLKU_SERVICES_HOST_ROTATION_H_
#define POLKU_SERVICES_HOST_ROTATION_H_

#include <cstddef>
#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "polku/event/v1/event.pb.h"
#include "services/host/config.h"

namespace polku::host {

// Makes the next pair of that use (NAME.next.*) and the change that announces it. Nothing is in force before that is
// recorded. The service takes the pair at its next start. Use SIGNING: Unavailable while the service runs; then
// nothing is made.
absl::StatusOr<event::v1::KeyChanged> PrepareRotation(const Config& config, event::v1::KeyUse use,
                                                      std::string_view reason, bool compromised);

// With the service stopped: records the change in its log, which is checked as at a start; a change that the log
// has is not recorded twice. Of use SIGNING, the new pair is put in place at once: nothing else can be signed.
// The entry's position. InvalidArgument: a change that may not be (KeysInForce::CheckRequest). Unavailable: the
// service runs. Errors as OpenStores and log::Log otherwise.
absl::StatusOr<Position> RecordKeyChange(const Config& config, const event::v1::KeyChanged& change);

// With the service stopped (Unavailable: it runs, nothing is made): a new master key, and every case key sealed under it. The order on disk:
//   1. master.key.next is written   2. the keystore is sealed under it, whole or not at all
//   3. master.key.next takes the place of master.key
// so at any instant one of the two files opens the keystore, and whoever opens it tries both (OpenKeyStore). Where the
// master key is a credential of systemd, step 3 is the operator's: `credential` then tells the file.
struct MasterRotated {
  size_t keys = 0;            // case keys sealed anew
  std::string credential;     // the file whose content is to be the new credential; "": done
};
absl::StatusOr<MasterRotated> RotateMasterKey(const Config& config,
                                              const std::function<void(size_t, size_t)>& progress);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_ROTATION_H_
