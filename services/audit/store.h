// A service's directories opened for reading only: while the service runs, and after it stopped.
#ifndef POLKU_SERVICES_AUDIT_STORE_H_
#define POLKU_SERVICES_AUDIT_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/vault/keystore.h"
#include "services/host/config.h"
#include "services/host/opener.h"

namespace polku::audit {

// A snapshot as of opening; open again to see what came since. Not thread-safe.
class Store {
 public:
  // Reads the master keys of `config.keys_directory`. NotFound: the service has stored nothing yet.
  // Otherwise as rocks::OpenEngine, host::OpenKeyStoreToRead.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const host::Config& config);
  // Over parts that are open already (tests, other engines); `is_erased` as host::Opener has it.
  static absl::StatusOr<std::unique_ptr<Store>> Over(std::unique_ptr<log::Engine> engine,
                                                     std::unique_ptr<vault::KeyStore> keys,
                                                     std::string own_origin,
                                                     host::Opener::IsErased is_erased = nullptr);

  log::Engine& engine() { return *engine_; }
  host::Opener& opener() { return opener_; }
  const std::string& own_origin() const { return own_origin_; }
  // Every log held, the own one first.
  const std::vector<log::HeldLog>& logs() const { return logs_; }
  const log::HeldLog* FindLog(std::string_view origin) const;  // null when it is not held
  const log::HeldLog* FindLog(LogNumber number) const;

 private:
  Store(std::unique_ptr<log::Engine> engine, std::unique_ptr<vault::KeyStore> keys,
        std::string own_origin, host::Opener::IsErased is_erased,
        std::vector<log::HeldLog> logs);

  const std::unique_ptr<log::Engine> engine_;
  const std::unique_ptr<vault::KeyStore> keys_;
  const std::string own_origin_;
  host::Opener opener_;
  const std::vector<log::HeldLog> logs_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_STORE_H_
