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
//   master.key                      64 hexadecimal digits, wraps the case keys; services only
// Secret files are readable by their owner alone; anything wider is refused.
#ifndef POLKU_SERVICES_HOST_KEYS_H_
#define POLKU_SERVICES_HOST_KEYS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/vault/section.h"

namespace polku::host {

struct ServiceKeys {
  zeromq::CurveKeyPair curve;
  std::unique_ptr<proof::Signer> signer;
  std::unique_ptr<proof::Signer> cosigner;
  vault::MasterKey master;
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
absl::StatusOr<vault::MasterKey> LoadMasterKey(std::string_view directory);
// A signing.public or cosigning.public.
absl::StatusOr<proof::VerifierKey> LoadPublicKey(std::string_view path, proof::KeyUse use);
// The signing key's name must be `origin`, the cosigning key's that origin's WitnessName.
absl::StatusOr<ServiceKeys> LoadServiceKeys(std::string_view directory, std::string_view origin);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_KEYS_H_
