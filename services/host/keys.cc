#include "services/host/keys.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/process.h"
#include "eventstore/base/status.h"

namespace polku::host {
namespace {

constexpr size_t kMaxKeyFileBytes = 4096;
constexpr std::string_view kNextMaster = "master.key.next";
constexpr std::string_view kMasterCredential = "polku-master.key";
constexpr std::string_view kBlindKey = "blind-index.key";

// A secret file's text, wiped when it has been parsed.
struct SecretText {
  std::string text;
  SecretText() = default;
  explicit SecretText(std::string secret) : text(std::move(secret)) {}
  SecretText(SecretText&& other) noexcept : text(std::move(other.text)) { Wipe(other.text); }
  SecretText& operator=(SecretText&& other) noexcept {
    Wipe(text);
    text = std::move(other.text);
    Wipe(other.text);
    return *this;
  }
  ~SecretText() { Wipe(text); }
};

absl::StatusOr<SecretText> ReadSecret(std::string_view path) {
  POLKU_ASSIGN_OR_RETURN(std::string text, ReadSecretFile(path, kMaxKeyFileBytes));
  return SecretText(std::move(text));
}

std::string At(std::string_view directory, std::string_view name) {
  return Str(directory, "/", name);
}

bool IsThere(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// A secret must not be made beside the public part of another.
absl::Status CheckNoPublicPart(std::string_view directory, std::string_view name) {
  const std::string path = At(directory, Str(name, ".public"));
  // A secret that is there is told by whoever writes it.
  if (!IsThere(path) || IsThere(At(directory, Str(name, ".secret")))) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, path, " is there already; where its secret is lost, move it away");
}

// The secret first: a directory with the public file alone would look complete.
absl::Status WriteNewSigner(std::string_view directory, std::string_view name,
                            const proof::Signer& signer) {
  POLKU_RETURN_IF_ERROR(CheckNoPublicPart(directory, name));
  const SecretText secret(signer.SecretText());
  POLKU_RETURN_IF_ERROR(WriteNewFile(At(directory, Str(name, ".secret")), secret.text, 0600));
  return WriteNewFile(At(directory, Str(name, ".public")), Str(signer.verifier().Format(), "\n"),
                      0644);
}

// The key of that use in "<directory>/<name>.secret", which must be named `key_name`.
absl::StatusOr<std::unique_ptr<proof::Signer>> LoadSigner(std::string_view directory,
                                                          std::string_view name, proof::KeyUse use,
                                                          std::string_view key_name,
                                                          std::string_view origin) {
  const std::string path = At(directory, Str(name, ".secret"));
  POLKU_ASSIGN_OR_RETURN(const SecretText secret, ReadSecret(path));
  auto signer = proof::Signer::Parse(secret.text, use);
  if (!signer.ok()) return Annotate(signer.status(), path);
  if ((*signer)->verifier().name() != key_name) {
    return Error(absl::StatusCode::kInvalidArgument, path, " is the key of ",
                 (*signer)->verifier().name(), ", but the configuration's origin is ", origin,
                 "; use that origin's key directory");
  }
  return signer;
}

absl::StatusOr<zeromq::CurveKeyPair> LoadCurvePair(const std::string& path) {
  POLKU_ASSIGN_OR_RETURN(const SecretText text, ReadSecret(path));
  const auto secret = zeromq::ParseCurveKey(TrimEnd(text.text));
  if (!secret) {
    return Error(absl::StatusCode::kInvalidArgument, path,
                 " is not a CURVE key of 40 Z85 characters; make one with `polku keygen`");
  }
  return zeromq::CurveKeyPair{zeromq::CurvePublicKey(*secret), *secret};
}

absl::StatusOr<vault::MasterKey> ParseMasterKey(const std::string& path, SecretText text) {
  auto bytes = FromHex(TrimEnd(text.text));
  const SecretText binary(std::move(bytes).value_or(std::string()));
  if (binary.text.size() != vault::MasterKey::kBytes) {
    return Error(absl::StatusCode::kInvalidArgument, path,
                 " is not a key of 64 hexadecimal digits; make one with `polku keygen`");
  }
  return vault::MasterKey(binary.text);
}

absl::StatusOr<vault::MasterKey> LoadMasterFile(const std::string& path) {
  POLKU_ASSIGN_OR_RETURN(SecretText text, ReadSecret(path));
  return ParseMasterKey(path, std::move(text));
}

SecretText NewMasterKey(const RandomBytes& random) {
  SecretText master(std::string(vault::MasterKey::kBytes, '\0'));
  random(reinterpret_cast<uint8_t*>(master.text.data()), master.text.size());
  return SecretText(Str(ToHex(master.text), "\n"));
}

// Where systemd has put the credentials of this service; "" when it gives none.
std::string MasterCredentialPath() {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory == '\0') return "";
  std::string path = At(directory, kMasterCredential);
  std::error_code error;
  return std::filesystem::exists(path, error) ? path : "";
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
  POLKU_RETURN_IF_ERROR(CheckNoPublicPart(directory, "curve"));
  const zeromq::CurveKeyPair curve = zeromq::NewCurveKeyPair();
  // The secret first: a directory with the public file alone would look complete.
  const SecretText curve_secret(Str(zeromq::FormatCurveKey(curve.secret_key), "\n"));
  POLKU_RETURN_IF_ERROR(WriteNewFile(At(directory, "curve.secret"), curve_secret.text, 0600));
  POLKU_RETURN_IF_ERROR(WriteNewFile(At(directory, "curve.public"),
                                     Str(zeromq::FormatCurveKey(curve.public_key), "\n"), 0644));
  if (origin.empty()) return absl::OkStatus();

  POLKU_ASSIGN_OR_RETURN(const OriginName name, OriginName::Parse(origin));
  POLKU_RETURN_IF_ERROR(WriteNewSigner(
      directory, "signing",
      *proof::Signer::Generate(name.text(), proof::KeyUse::kCheckpoint)));
  POLKU_RETURN_IF_ERROR(WriteNewCosigner(directory, name));
  return WriteNewFile(At(directory, "master.key"), NewMasterKey(random).text, 0600);
}

absl::Status AddCosigningKey(std::string_view directory, std::string_view origin) {
  POLKU_ASSIGN_OR_RETURN(const OriginName name, OriginName::Parse(origin));
  // Beside the keys of another service it would be of no use.
  POLKU_RETURN_IF_ERROR(
      LoadSigner(directory, "signing", proof::KeyUse::kCheckpoint, origin, origin).status());
  return WriteNewCosigner(directory, name);
}

absl::StatusOr<zeromq::CurveKeyPair> LoadCurveKeys(std::string_view directory) {
  return LoadCurvePair(At(directory, "curve.secret"));
}

bool MasterKeyIsCredential() { return !MasterCredentialPath().empty(); }

absl::StatusOr<vault::MasterKey> LoadMasterKey(std::string_view directory) {
  const std::string credential = MasterCredentialPath();
  if (credential.empty()) {
    auto master = LoadMasterFile(At(directory, "master.key"));
    if (!absl::IsNotFound(master.status())) return master;
    return Error(absl::StatusCode::kNotFound, ToStd(master.status().message()),
                 "; restore its backup, which is kept apart from the keystore's (services/host/README.md \"Keys\": "
                 "master key, lost)");
  }
  // systemd has made it readable for this service alone, by an ACL that the mode's group bits show.
  POLKU_ASSIGN_OR_RETURN(std::string text, ReadFile(credential, kMaxKeyFileBytes));
  return ParseMasterKey(credential, SecretText(std::move(text)));
}

absl::StatusOr<BlindKey> LoadBlindKey(std::string_view directory) {
  auto key = LoadMasterFile(At(directory, kBlindKey));
  if (!absl::IsNotFound(key.status())) return key;
  return Error(absl::StatusCode::kNotFound, ToStd(key.status().message()),
               "; the service makes it when it starts: start it, and ask again");
}

absl::StatusOr<BlindKey> EnsureBlindKey(std::string_view directory, const RandomBytes& random) {
  const std::string path = At(directory, kBlindKey);
  if (!IsThere(path)) POLKU_RETURN_IF_ERROR(ReplaceFile(path, NewMasterKey(random).text, 0600));
  return LoadBlindKey(directory);
}

absl::StatusOr<proof::VerifierKey> LoadPublicKey(std::string_view path, proof::KeyUse use) {
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxKeyFileBytes));
  auto key = proof::VerifierKey::Parse(TrimEnd(text), use);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

static absl::Status LoadMasterKeys(std::string_view directory, ServiceKeys& keys) {
  POLKU_ASSIGN_OR_RETURN(keys.master, LoadMasterKey(directory));
  auto next_master = LoadMasterFile(At(directory, kNextMaster));
  if (next_master.ok()) {
    keys.next_master = *std::move(next_master);
  } else if (!absl::IsNotFound(next_master.status())) {
    return next_master.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<ServiceKeys> LoadServiceKeys(std::string_view directory, std::string_view origin) {
  ServiceKeys keys;
  POLKU_ASSIGN_OR_RETURN(keys.curve, LoadCurveKeys(directory));
  POLKU_RETURN_IF_ERROR(LoadMasterKeys(directory, keys));
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

// ---- Rotation ----

namespace {

constexpr event::v1::KeyUse kPairs[] = {event::v1::KEY_USE_CURVE, event::v1::KEY_USE_SIGNING,
                                        event::v1::KEY_USE_COSIGNING};

absl::Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) {
    return Error(absl::StatusCode::kPermissionDenied, "cannot rename ", from, " to ", to, ": ",
                 error.message(), "; check owner and mode");
  }
  return SyncDirectoryOf(to);
}

// What a secret file's public part says: its 32 bytes, and as a .public file has it.
struct PublicPart {
  std::string key;
  std::string text;
};
absl::StatusOr<PublicPart> PublicPartOf(const std::string& secret_path, const OriginName* origin,
                                        event::v1::KeyUse use) {
  if (use == event::v1::KEY_USE_CURVE) {
    POLKU_ASSIGN_OR_RETURN(const auto pair, LoadCurvePair(secret_path));
    return PublicPart{std::string(pair.public_key.view()),
                      Str(zeromq::FormatCurveKey(pair.public_key), "\n")};
  }
  POLKU_ASSIGN_OR_RETURN(const SecretText text, ReadSecret(secret_path));
  const bool signs = use == event::v1::KEY_USE_SIGNING;
  auto signer = proof::Signer::Parse(
      text.text, signs ? proof::KeyUse::kCheckpoint : proof::KeyUse::kCosignature);
  if (!signer.ok()) return Annotate(signer.status(), secret_path);
  const proof::VerifierKey& key = (*signer)->verifier();
  if (key.name() != (signs ? origin->text() : WitnessName(*origin))) {
    return Error(absl::StatusCode::kInvalidArgument, secret_path, " is the key of ", key.name(),
                 "; move it away");
  }
  return PublicPart{std::string(key.key().view()), Str(key.Format(), "\n")};
}

// Kept once, under the first number that is free.
absl::Status KeepEarlier(std::string_view directory, std::string_view name,
                         const std::string& text) {
  POLKU_RETURN_IF_ERROR(MakeDirectories(At(directory, "earlier")));
  for (size_t n = 1;; ++n) {
    const std::string path = At(directory, Str("earlier/", name, ".", n, ".public"));
    const auto kept = ReadFile(path, kMaxKeyFileBytes);
    if (kept.ok() && *kept == text) return absl::OkStatus();
    if (absl::IsNotFound(kept.status())) return WriteNewFile(path, text, 0644);
    if (!kept.ok()) return kept.status();
  }
}

}  // namespace

std::string_view KeyFileName(event::v1::KeyUse use) {
  switch (use) {
    case event::v1::KEY_USE_SIGNING:
      return "signing";
    case event::v1::KEY_USE_COSIGNING:
      return "cosigning";
    default:
      return "curve";
  }
}

absl::StatusOr<std::string> MakeNextKeys(std::string_view directory, const OriginName* origin,
                                         event::v1::KeyUse use) {
  const std::string next = At(directory, Str(KeyFileName(use), ".next"));
  if (!IsThere(next + ".secret")) {
    SecretText secret;
    if (use == event::v1::KEY_USE_CURVE) {
      secret = SecretText(Str(zeromq::FormatCurveKey(zeromq::NewCurveKeyPair().secret_key), "\n"));
    } else {
      const bool signs = use == event::v1::KEY_USE_SIGNING;
      secret = SecretText(
          proof::Signer::Generate(signs ? origin->text() : WitnessName(*origin),
                                  signs ? proof::KeyUse::kCheckpoint : proof::KeyUse::kCosignature)
              ->SecretText());
    }
    POLKU_RETURN_IF_ERROR(ReplaceFile(next + ".secret", secret.text, 0600));
  }
  POLKU_ASSIGN_OR_RETURN(PublicPart made, PublicPartOf(next + ".secret", origin, use));
  POLKU_RETURN_IF_ERROR(ReplaceFile(next + ".public", made.text, 0644));
  return std::move(made.key);
}

absl::StatusOr<std::vector<event::v1::KeyUse>> TakeNextKeys(std::string_view directory,
                                                            const OriginName* origin,
                                                            const IsAnnouncedFn& is_announced) {
  std::vector<event::v1::KeyUse> taken;
  for (const event::v1::KeyUse use : kPairs) {
    const std::string path = At(directory, KeyFileName(use));
    const std::string next = path + ".next";
    if (IsThere(next + ".secret")) {
      POLKU_ASSIGN_OR_RETURN(const PublicPart made, PublicPartOf(next + ".secret", origin, use));
      if (!is_announced(use, made.key)) continue;
      POLKU_ASSIGN_OR_RETURN(const PublicPart before, PublicPartOf(path + ".secret", origin, use));
      POLKU_RETURN_IF_ERROR(KeepEarlier(directory, KeyFileName(use), before.text));
      POLKU_RETURN_IF_ERROR(Rename(next + ".secret", path + ".secret"));
      taken.push_back(use);
    }
    // Also what an earlier call did not get to: the secret stands, the public part follows it.
    if (!IsThere(next + ".public")) continue;
    POLKU_ASSIGN_OR_RETURN(const PublicPart now, PublicPartOf(path + ".secret", origin, use));
    POLKU_RETURN_IF_ERROR(ReplaceFile(path + ".public", now.text, 0644));
    std::error_code error;
    std::filesystem::remove(next + ".public", error);
  }
  return taken;
}

absl::StatusOr<proof::VerifierKey> FirstSigningKey(std::string_view directory) {
  auto first = LoadPublicKey(At(directory, "earlier/signing.1.public"), proof::KeyUse::kCheckpoint);
  if (!absl::IsNotFound(first.status())) return first;
  return LoadPublicKey(At(directory, "signing.public"), proof::KeyUse::kCheckpoint);
}

absl::StatusOr<vault::MasterKey> MakeNextMasterKey(std::string_view directory,
                                                   const RandomBytes& random) {
  const std::string path = At(directory, kNextMaster);
  if (!IsThere(path)) POLKU_RETURN_IF_ERROR(ReplaceFile(path, NewMasterKey(random).text, 0600));
  return LoadMasterFile(path);
}

absl::Status TakeNextMasterKey(std::string_view directory) {
  return Rename(At(directory, kNextMaster), At(directory, "master.key"));
}

absl::StatusOr<std::unique_ptr<vault::KeyStore>> OpenKeyStore(const OpenStorageFn& storage,
                                                              std::string_view keys_directory,
                                                              const ServiceKeys& keys,
                                                              bool read_only) {
  POLKU_ASSIGN_OR_RETURN(auto first, storage());
  auto opened = vault::KeyStore::Open(std::move(first), keys.master, SystemRandom(), read_only);
  if (!absl::IsFailedPrecondition(opened.status()) || !keys.next_master) return opened;
  POLKU_ASSIGN_OR_RETURN(auto second, storage());
  auto with_next =
      vault::KeyStore::Open(std::move(second), *keys.next_master, SystemRandom(), read_only);
  if (!with_next.ok()) return opened.status();
  if (!read_only && !MasterKeyIsCredential()) {
    POLKU_RETURN_IF_ERROR(TakeNextMasterKey(keys_directory));
  }
  return with_next;
}

absl::StatusOr<std::unique_ptr<vault::KeyStore>> OpenKeyStoreToRead(
    const OpenStorageFn& storage, std::string_view keys_directory) {
  ServiceKeys keys;
  POLKU_RETURN_IF_ERROR(LoadMasterKeys(keys_directory, keys));
  return OpenKeyStore(storage, keys_directory, keys, /*read_only=*/true);
}

}  // namespace polku::host
