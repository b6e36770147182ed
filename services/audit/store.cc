#include "services/audit/store.h"

#include <utility>

#include "absl/time/clock.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "services/host/erased.h"
#include "services/host/fence.h"
#include "services/host/keys.h"

namespace polku::audit {
namespace {

absl::StatusOr<std::unique_ptr<Store>> OpenOnce(const host::Config& config) {
  POLKU_ASSIGN_OR_RETURN(auto engine, rocks::OpenEngine({.directory = config.data_directory,
                                                         .mode = rocks::OpenMode::kReadOnly,
                                                         .cache_bytes = config.block_cache_bytes}));
  const host::OpenStorageFn storage = [&] {
    return rocks::OpenKeyStorage(config.keystore_directory, rocks::OpenMode::kReadOnly);
  };
  POLKU_ASSIGN_OR_RETURN(auto keys, host::OpenKeyStoreToRead(storage, config.keys_directory));
  // Of what was erased nothing is shown, also where an old copy still holds it.
  POLKU_ASSIGN_OR_RETURN(const auto fence, host::Fence::Open(config.keys_directory));
  const absl::CivilDay today =
      config.business_date ? *config.business_date : FinnishDay(absl::Now());
  POLKU_ASSIGN_OR_RETURN(auto erased, host::FencedParts(*engine, config.origin, *fence, today));
  return Store::Over(std::move(engine), std::move(keys), config.origin.text(),
                     [erased = std::move(erased)](const CaseId& case_id, std::string_view origin) {
                       return erased.contains({FenceOf(case_id), std::string(origin)});
                     });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const host::Config& config) {
  // A running service may replace a file between our listing and our opening of it, which looks
  // like damage and is over at the next try.
  constexpr int kTries = 3;
  for (int attempt = 1;; ++attempt) {
    auto store = OpenOnce(config);
    if (store.ok() || attempt == kTries || store.status().code() != absl::StatusCode::kDataLoss) {
      return store;
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
}

absl::StatusOr<std::unique_ptr<Store>> Store::Over(std::unique_ptr<log::Engine> engine,
                                                   std::unique_ptr<vault::KeyStore> keys,
                                                   std::string own_origin,
                                                   host::Opener::IsErased is_erased) {
  POLKU_ASSIGN_OR_RETURN(auto logs, log::HeldLogs(*engine));
  for (const auto& held : logs) {
    if (held.number == kOwnLog && held.head.origin != own_origin) {
      return Error(absl::StatusCode::kFailedPrecondition, "the data directory holds the log of ",
                   held.head.origin, ", but the configuration's origin is ", own_origin,
                   "; use the configuration that the service runs with");
    }
  }
  return std::unique_ptr<Store>(
      new Store(std::move(engine), std::move(keys), std::move(own_origin), std::move(is_erased),
                std::move(logs)));
}

Store::Store(std::unique_ptr<log::Engine> engine, std::unique_ptr<vault::KeyStore> keys,
             std::string own_origin, host::Opener::IsErased is_erased,
             std::vector<log::HeldLog> logs)
    : engine_(std::move(engine)),
      keys_(std::move(keys)),
      own_origin_(std::move(own_origin)),
      opener_(*keys_, own_origin_, std::move(is_erased)),
      logs_(std::move(logs)) {}

const log::HeldLog* Store::FindLog(std::string_view origin) const {
  for (const auto& held : logs_) {
    if (held.head.origin == origin) return &held;
  }
  return nullptr;
}

const log::HeldLog* Store::FindLog(LogNumber number) const {
  for (const auto& held : logs_) {
    if (held.number == number) return &held;
  }
  return nullptr;
}

}  // namespace polku::audit
