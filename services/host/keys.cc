#include "services/host/keys.h"

#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"

namespace polku::host {
namespace {

constexpr size_t kMaxKeyFileBytes = 4096;

std::string At(std::string_view directory, std::string_view name) {
  return Str(directory, "/", name);
}

// The secret first: a directory with the public file alone would look complete.
absl::Status WriteNewSigner(std::string_view directory, std::string_view name,
                            const proof::Signer& signer) {
  POLKU_RETURN_IF_ERROR(
      WriteNewFile(At(directory, Str(name, ".secret")), signer.SecretText(), 0600));
  return WriteNewFile(At(directory, Str(name, ".public")), Str(signer.verifier().Format(), "\n"),
                      0644);
}

// The key of that use in "<directory>/<name>.secret", which must be named `key_name`.
absl::StatusOr<std::unique_ptr<proof::Signer>> LoadSigner(std::string_view directory,
                                                          std::string_view name, proof::KeyUse use,
                                                          std::string_view key_name,
                                                          std::string_view origin) {
  const std::string path = At(directory, Str(name, ".secret"));
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(path, kMaxKeyFileBytes));
  auto signer = proof::Signer::Parse(text, use);
  if (!signer.ok()) return Annotate(signer.status(), path);
  if ((*signer)->verifier().name() != key_name) {
    return Error(absl::StatusCode::kInvalidArgument, path, " is the key of ",
                 (*signer)->verifier().name(), ", but the configuration's origin is ", origin,
                 "; use that origin's key directory");
  }
  return signer;
}

absl::Status WriteNewCosigner(std::string_view directory, const OriginName& origin) {
  return WriteNewSigner(
      directory, "cosigning",
      *proof::Signer::Generate(WitnessName(origin), proof::KeyUse::kCosignature));
}

}  // namespace

std::string WitnessName(const OriginName& origin) {
  return Str(origin.agency(), "/", origin.service(), "/witness");
}

absl::Status WriteNewKeys(std::string_view directory, std::string_view origin,
                          const RandomBytes& random) {
  if (!origin.empty()) POLKU_RETURN_IF_ERROR(OriginName::Parse(origin).status());
  POLKU_RETURN_IF_ERROR(MakeDirectories(directory));
  const zeromq::CurveKeyPair curve = zeromq::NewCurveKeyPair();
  // The secret first: a directory with the public file alone would look complete.
  POLKU_RETURN_IF_ERROR(WriteNewFile(At(directory, "curve.secret"),
                                     Str(zeromq::FormatCurveKey(curve.secret_key), "\n"), 0600));
  POLKU_RETURN_IF_ERROR(WriteNewFile(At(directory, "curve.public"),
                                     Str(zeromq::FormatCurveKey(curve.public_key), "\n"), 0644));
  if (origin.empty()) return absl::OkStatus();

  POLKU_ASSIGN_OR_RETURN(const OriginName name, OriginName::Parse(origin));
  POLKU_RETURN_IF_ERROR(WriteNewSigner(
      directory, "signing",
      *proof::Signer::Generate(name.text(), proof::KeyUse::kCheckpoint)));
  POLKU_RETURN_IF_ERROR(WriteNewCosigner(directory, name));
  std::string master(vault::MasterKey::kBytes, '\0');
  random(reinterpret_cast<uint8_t*>(master.data()), master.size());
  return WriteNewFile(At(directory, "master.key"), Str(ToHex(master), "\n"), 0600);
}

absl::Status AddCosigningKey(std::string_view directory, std::string_view origin) {
  POLKU_ASSIGN_OR_RETURN(const OriginName name, OriginName::Parse(origin));
  // Beside the keys of another service it would be of no use.
  POLKU_RETURN_IF_ERROR(
      LoadSigner(directory, "signing", proof::KeyUse::kCheckpoint, origin, origin).status());
  return WriteNewCosigner(directory, name);
}

absl::StatusOr<zeromq::CurveKeyPair> LoadCurveKeys(std::string_view directory) {
  const std::string path = At(directory, "curve.secret");
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(path, kMaxKeyFileBytes));
  const auto secret = zeromq::ParseCurveKey(TrimEnd(text));
  if (!secret) {
    return Error(absl::StatusCode::kInvalidArgument, path,
                 " is not a CURVE key of 40 Z85 characters; make one with `polku keygen`");
  }
  return zeromq::CurveKeyPair{zeromq::CurvePublicKey(*secret), *secret};
}

absl::StatusOr<vault::MasterKey> LoadMasterKey(std::string_view directory) {
  const std::string path = At(directory, "master.key");
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(path, kMaxKeyFileBytes));
  const auto bytes = FromHex(TrimEnd(text));
  if (!bytes || bytes->size() != vault::MasterKey::kBytes) {
    return Error(absl::StatusCode::kInvalidArgument, path,
                 " is not a key of 64 hexadecimal digits; make one with `polku keygen`");
  }
  return vault::MasterKey(*bytes);
}

absl::StatusOr<proof::VerifierKey> LoadPublicKey(std::string_view path, proof::KeyUse use) {
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxKeyFileBytes));
  auto key = proof::VerifierKey::Parse(TrimEnd(text), use);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<ServiceKeys> LoadServiceKeys(std::string_view directory, std::string_view origin) {
  ServiceKeys keys;
  POLKU_ASSIGN_OR_RETURN(keys.curve, LoadCurveKeys(directory));
  POLKU_ASSIGN_OR_RETURN(keys.master, LoadMasterKey(directory));
  POLKU_ASSIGN_OR_RETURN(
      keys.signer,
      LoadSigner(directory, "signing", proof::KeyUse::kCheckpoint, origin, origin));
  POLKU_ASSIGN_OR_RETURN(const OriginName name, OriginName::Parse(origin));
  auto cosigner = LoadSigner(directory, "cosigning", proof::KeyUse::kCosignature,
                             WitnessName(name), origin);
  if (absl::IsNotFound(cosigner.status())) {
    return Error(absl::StatusCode::kNotFound, At(directory, "cosigning.secret"),
                 " is missing: these keys are older than cosignatures; add it with `polku keygen "
                 "--origin ", origin, " --dir ", directory, " --add-cosigning`");
  }
  if (!cosigner.ok()) return cosigner.status();
  keys.cosigner = *std::move(cosigner);
  return keys;
}

}  // namespace polku::host
