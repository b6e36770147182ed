// The key files of a service or an author, as `polku keygen` writes them:
//   curve.public  curve.secret      CURVE identity, Z85
//   signing.public  signing.secret  checkpoint key (signed-note vkey and private form); services only
//   cosigning.public  cosigning.secret  the key that cosigns others' checkpoints, named
//                                   "<agency>/<service>/witness"; services only
//   high-water.note                 the newest checkpoint that signing.secret signed, at most a second late;
//                                   written by the service, see high_water.h
//   cosigned.txt                    what cosigning.secret has cosigned, of each log the newest; see cosigned.h
//   superseded                      the next epoch's signing.public, once there is one: the service refuses to
//                                   start; written by `polku new-epoch`, see superseded.h
//   master.key                      64 hexadecimal digits, wraps the case keys; services only. Where systemd gives
//                                   the credential polku-master.key, that is the key, and no file is needed here
//   blind-index.key                 64 hexadecimal digits, blinds identity codes in the index of persons (persons.h); made
//                                   by the service at its first start. Deleted: the next start makes another and the index anew
//   NAME.next.secret, .public       of a rotation under way: the pair that takes the place of NAME's as soon as the
//                                   own log announces it; master.key.next: the same of the master key
//   earlier/NAME.N.public           public parts of keys that were replaced, the first of them with N = 1
// Secret files are readable by their owner alone; anything wider is refused.
#ifndef POLKU_SERVICES_HOST_KEYS_H_
#define POLKU_SERVICES_HOST_KEYS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/vault/keystore.h"
#include "eventstore/vault/section.h"
#include "polku/event/v1/event.pb.h"

namespace polku::host {

using BlindKey = vault::MasterKey;  // of the index of persons: 32 bytes in a file of the same form

struct ServiceKeys {
  zeromq::CurveKeyPair curve;
  std::unique_ptr<proof::Signer> signer;
  std::unique_ptr<proof::Signer> cosigner;
  vault::MasterKey master;
  // A rotation of the master key was begun and may have been broken off: the keystore is sealed under one of both.
  std::optional<vault::MasterKey> next_master = std::nullopt;
};

// Makes the directory when missing and writes new key files; never overwrites one
// (AlreadyExists). `origin` empty: an author's keys, curve alone.
absl::Status WriteNewKeys(std::string_view directory, std::string_view origin,
                          const RandomBytes& random);
// Adds the cosigning key to a service's directory that was made before there were any; `origin` must be
// the signing key's. AlreadyExists when there is one.
absl::Status AddCosigningKey(std::string_view directory, std::string_view origin);

// "<agency>/<service>/witness": every epoch of a service is one witness.
std::string WitnessName(const OriginName& origin);

// InvalidArgument / PermissionDenied / NotFound name the file and say what to do.
absl::StatusOr<zeromq::CurveKeyPair> LoadCurveKeys(std::string_view directory);
// The credential that systemd gives ($CREDENTIALS_DIRECTORY/polku-master.key), else the directory's master.key.
absl::StatusOr<vault::MasterKey> LoadMasterKey(std::string_view directory);
// blind-index.key. NotFound: the service has not been started since there is one.
absl::StatusOr<BlindKey> LoadBlindKey(std::string_view directory);
// The same, made where it is missing.
absl::StatusOr<BlindKey> EnsureBlindKey(std::string_view directory, const RandomBytes& random);
// Whether it is a credential: then nothing here replaces it.
bool MasterKeyIsCredential();
// A signing.public or cosigning.public.
absl::StatusOr<proof::VerifierKey> LoadPublicKey(std::string_view path, proof::KeyUse use);
// The signing key's name must be `origin`, the cosigning key's that origin's WitnessName.
absl::StatusOr<ServiceKeys> LoadServiceKeys(std::string_view directory, std::string_view origin);


// ---- Rotation (README.md "Keys"): each step may be broken off at any instant, and the same call goes on ----

// The file name of the pair: "curve", "signing" or "cosigning". Precondition: one of these uses.
std::string_view KeyFileName(event::v1::KeyUse use);
// The new pair as NAME.next.*, made unless it is there; its public key, 32 bytes. `origin` is that of a service; null:
// an author, who has a CURVE key alone.
absl::StatusOr<std::string> MakeNextKeys(std::string_view directory, const OriginName* origin,
                                         event::v1::KeyUse use);
// Puts each new pair whose public key `is_announced` in the place of the present one, whose public part goes to
// earlier/. The uses for which that was done; the keys are to be loaded anew.
using IsAnnouncedFn = std::function<bool(event::v1::KeyUse, std::string_view new_key)>;
absl::StatusOr<std::vector<event::v1::KeyUse>> TakeNextKeys(std::string_view directory,
                                                            const OriginName* origin,
                                                            const IsAnnouncedFn& is_announced);
// The key of the own log's Genesis: the first of earlier/, or signing.public.
absl::StatusOr<proof::VerifierKey> FirstSigningKey(std::string_view directory);

// master.key.next, made unless it is there.
absl::StatusOr<vault::MasterKey> MakeNextMasterKey(std::string_view directory,
                                                   const RandomBytes& random);
// It is what the keystore is sealed under now: takes the place of master.key.
absl::Status TakeNextMasterKey(std::string_view directory);
// vault::KeyStore::Open with whichever of both master keys the keystore is sealed under; unless `read_only` what a
// broken off rotation left is put right. `storage` may be called twice.
using OpenStorageFn =
    std::function<absl::StatusOr<std::unique_ptr<vault::SealedKeyStorage>>()>;
absl::StatusOr<std::unique_ptr<vault::KeyStore>> OpenKeyStore(const OpenStorageFn& storage,
                                                              std::string_view keys_directory,
                                                              const ServiceKeys& keys,
                                                              bool read_only);
// The same to read alone, with the master keys of the directory and no others.
absl::StatusOr<std::unique_ptr<vault::KeyStore>> OpenKeyStoreToRead(
    const OpenStorageFn& storage, std::string_view keys_directory);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_KEYS_H_
