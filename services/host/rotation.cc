#include "services/host/rotation.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/log.h"
#include "eventstore/vault/keystore.h"
#include "services/host/high_water.h"
#include "services/host/key_changes.h"
#include "services/host/keys.h"
#include "services/host/opening.h"
#include "services/host/superseded.h"

namespace polku::host {
namespace {

absl::StatusOr<ServiceKeys> LoadKeys(const Config& config) {
  POLKU_RETURN_IF_ERROR(CheckNotSuperseded(config.keys_directory));
  return LoadServiceKeys(config.keys_directory, config.origin.text());
}

// What is done to the stopped service alone leaves nothing behind when it runs.
absl::Status CheckStopped(const Config& config) {
  const absl::Status open = CheckNotOpen(config);
  if (!absl::IsUnavailable(open)) return absl::IsNotFound(open) ? absl::OkStatus() : open;
  return Error(absl::StatusCode::kUnavailable, "the service ", config.origin.text(),
               " runs: stop it, run this again, start it (", ToStd(open.message()), ")");
}

// The change must be of the keys that are in force now.
absl::Status Check(const Config& config, const ServiceKeys& keys, log::Engine& engine,
                   const event::v1::KeyChanged& change) {
  if (change.use() == event::v1::KEY_USE_SIGNING) {
    POLKU_RETURN_IF_ERROR(log::CheckKeyChanged(change));
    if (change.old_key() == keys.signer->verifier().key().view()) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, "the old key is not this service's signing key");
  }
  POLKU_ASSIGN_OR_RETURN(const auto announced, ReadAnnounced(engine, config));
  return KeysInForce(config, announced).CheckRequest(config, keys, change);
}

}  // namespace

absl::StatusOr<event::v1::KeyChanged> PrepareRotation(const Config& config, event::v1::KeyUse use,
                                                      std::string_view reason, bool compromised) {
  POLKU_ASSIGN_OR_RETURN(const ServiceKeys keys, LoadKeys(config));
  if (use == event::v1::KEY_USE_SIGNING) POLKU_RETURN_IF_ERROR(CheckStopped(config));
  event::v1::KeyChanged change;
  change.set_use(use);
  change.set_reason(std::string(reason));
  change.set_compromised(compromised);
  std::string_view old_key = keys.curve.public_key.view();
  if (use == event::v1::KEY_USE_SIGNING) old_key = keys.signer->verifier().key().view();
  if (use == event::v1::KEY_USE_COSIGNING) old_key = keys.cosigner->verifier().key().view();
  change.set_old_key(std::string(old_key));
  POLKU_ASSIGN_OR_RETURN(const std::string next,
                         MakeNextKeys(config.keys_directory, &config.origin, use));
  change.set_new_key(next);
  POLKU_RETURN_IF_ERROR(log::CheckKeyChanged(change));
  return change;
}

absl::StatusOr<Position> RecordKeyChange(const Config& config, const event::v1::KeyChanged& change) {
  POLKU_ASSIGN_OR_RETURN(const ServiceKeys keys, LoadKeys(config));
  POLKU_ASSIGN_OR_RETURN(const Stores stores, OpenStores(config, keys));
  const auto take_signing = [&] {
    return TakeNextKeys(config.keys_directory, &config.origin,
                        [&](event::v1::KeyUse use, std::string_view key) {
                          return use == event::v1::KEY_USE_SIGNING && key == change.new_key();
                        })
        .status();
  };
  // What a run that was broken off has recorded.
  POLKU_ASSIGN_OR_RETURN(const auto recorded, log::KeyChangesOf(*stores.engine, kOwnLog));
  for (const auto& one : recorded) {
    if (one.change.use() != change.use() || one.change.old_key() != change.old_key() ||
        one.change.new_key() != change.new_key()) {
      continue;
    }
    if (change.use() == event::v1::KEY_USE_SIGNING) POLKU_RETURN_IF_ERROR(take_signing());
    return one.position;
  }
  POLKU_RETURN_IF_ERROR(Check(config, keys, *stores.engine, change));
  POLKU_ASSIGN_OR_RETURN(const auto log, log::Log::Open(*stores.engine,
                                                        {.origin = config.origin,
                                                         .clock = SystemClock(),
                                                         .random = SystemRandom(),
                                                         .signer = keys.signer.get()},
                                                        /*genesis_curve_key=*/""));
  if (log->size() == Position()) {
    return Error(absl::StatusCode::kFailedPrecondition, config.data_directory,
                 " holds no log yet: no key of it is known to anybody; make new ones with `polku keygen`");
  }
  log::AppendRequest request;
  request.from_reserve = true;  // a stolen key does not wait for a larger disk
  log::NewEntry& entry = request.entries.emplace_back();
  entry.id = KeyChangeId(change);
  entry.type = event::v1::KeyChanged::descriptor()->full_name();
  entry.author_agency = std::string(config.origin.agency());
  entry.control = change.SerializeAsString();
  const log::AppendResult result = log->Append({&request, 1})[0];
  if (!result.status.ok()) return result.status;
  POLKU_RETURN_IF_ERROR(HighWater(config.keys_directory)
                            .Write(log->checkpoint(), log->size(), absl::Now(), /*now_too=*/true));
  if (change.use() == event::v1::KEY_USE_SIGNING) POLKU_RETURN_IF_ERROR(take_signing());
  return result.receipts[0].position;
}

absl::StatusOr<MasterRotated> RotateMasterKey(const Config& config,
                                              const std::function<void(size_t, size_t)>& progress) {
  POLKU_ASSIGN_OR_RETURN(ServiceKeys keys, LoadKeys(config));
  POLKU_RETURN_IF_ERROR(CheckStopped(config));
  // Opening puts right what an earlier run left: after that master.key is what the keystore is sealed under.
  POLKU_ASSIGN_OR_RETURN(const Stores stores, OpenStores(config, keys));
  POLKU_ASSIGN_OR_RETURN(const vault::MasterKey next,
                         MakeNextMasterKey(config.keys_directory, SystemRandom()));
  MasterRotated done;
  POLKU_RETURN_IF_ERROR(stores.keystore->Rewrap(next, [&](size_t sealed, size_t total) {
    done.keys = total;
    if (progress) progress(sealed, total);
  }));
  if (MasterKeyIsCredential()) {
    done.credential = config.keys_directory + "/master.key.next";
    return done;
  }
  POLKU_RETURN_IF_ERROR(TakeNextMasterKey(config.keys_directory));
  return done;
}

}  // namespace polku::host
