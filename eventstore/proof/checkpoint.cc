#include "eventstore/proof/checkpoint.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"

namespace polku::proof {
namespace {

constexpr size_t kKeyIdBytes = 4;
constexpr size_t kTimeBytes = 8;  // in front of a cosignature, big-endian
constexpr std::string_view kSecretPrefix = "PRIVATE+KEY+";

static_assert(Ed25519Public::kBytes == crypto_sign_PUBLICKEYBYTES);

// The use as the byte that stands before a key.
char UseByte(KeyUse use) { return static_cast<char>(use); }

uint32_t KeyId(std::string_view name, const Ed25519Public& key, KeyUse use) {
  const char use_byte = UseByte(use);
  const Hash hash = Sha256({name, "\n", std::string_view(&use_byte, 1), key.view()});
  return ReadBigEndian32(hash.view().data());
}

std::string FormatKeyId(uint32_t key_id) {
  std::string bytes;
  AppendBigEndian32(bytes, key_id);
  return ToHex(bytes);
}

struct KeyText {
  std::string_view name;
  uint32_t key_id = 0;
  std::string key;  // without the use
};

// "<name>+<8 hex key id>+<base64(use ‖ 32 bytes)>". The key itself may hold a '+'.
absl::StatusOr<KeyText> ParseKeyText(std::string_view text, KeyUse use) {
  const size_t name_end = text.find('+');
  const size_t id_end =
      name_end == std::string_view::npos ? name_end : text.find('+', name_end + 1);
  if (id_end == std::string_view::npos) {
    return Error(absl::StatusCode::kInvalidArgument, "key: not of the form name+id+key");
  }
  KeyText result;
  result.name = text.substr(0, name_end);
  if (!IsKeyName(result.name)) {
    return Error(absl::StatusCode::kInvalidArgument, "key: the name is empty or has a space");
  }
  const std::optional<std::string> id = FromHex(text.substr(name_end + 1, id_end - name_end - 1));
  if (!id || id->size() != kKeyIdBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "key: the id is not 8 hexadecimal digits");
  }
  result.key_id = ReadBigEndian32(id->data());
  std::optional<std::string> key = FromBase64(text.substr(id_end + 1));
  const bool is_key = key && key->size() == 33;
  if (!is_key || (*key)[0] != UseByte(use)) {
    if (key) sodium_memzero(key->data(), key->size());
    return Error(absl::StatusCode::kInvalidArgument,
                 !is_key ? "key: not an Ed25519 key in base64"
                 : use == KeyUse::kCheckpoint
                     ? "key: not a key that signs checkpoints (0x01); is it a cosigning key?"
                     : "key: not a key that cosigns (0x04); is it a signing key?");
  }
  result.key = key->substr(1);
  sodium_memzero(key->data(), key->size());
  return result;
}

absl::Status WrongKeyId() {
  return Error(absl::StatusCode::kInvalidArgument,
               "key: the id does not belong to this name and key; was the text altered?");
}

// Calls `verify` with every signature of `key`; the number of them, or the first error.
template <typename Verify>
absl::StatusOr<int> ForSignaturesOf(const VerifierKey& key, const Note& note,
                                    const Verify& verify) {
  int count = 0;
  for (const NoteSignature& line : note.signatures) {
    if (line.name != key.name() || line.key_id != key.key_id()) continue;
    if (!verify(line.signature)) {
      return Error(absl::StatusCode::kUnauthenticated, "checkpoint: the signature of ", key.name(),
                   " does not verify");
    }
    ++count;
  }
  return count;
}

bool VerifyEd25519(const Ed25519Public& key, std::string_view message, std::string_view signature) {
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(reinterpret_cast<const uint8_t*>(signature.data()),
                                     reinterpret_cast<const uint8_t*>(message.data()),
                                     message.size(), key.data()) == 0;
}

// What a witness signs (tlog-cosignature "Ed25519 signed message").
std::string CosignedMessage(std::string_view body, uint64_t seconds) {
  return Str("cosignature/v1\ntime ", seconds, "\n", body);
}

// Locked, guarded pages that are wiped when freed.
class LockedSecretKey {
 public:
  // `seed`: 32 bytes.
  static LockedSecretKey FromSeed(const uint8_t* seed, Ed25519Public& public_key) {
    LockedSecretKey key;
    crypto_sign_seed_keypair(public_key.data(), key.bytes_.get(), seed);
    sodium_mprotect_readonly(key.bytes_.get());
    return key;
  }
  static LockedSecretKey Generate(Ed25519Public& public_key) {
    LockedSecretKey key;
    crypto_sign_keypair(public_key.data(), key.bytes_.get());
    sodium_mprotect_readonly(key.bytes_.get());
    return key;
  }
  const uint8_t* data() const { return bytes_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* bytes) const { sodium_free(bytes); }
  };
  LockedSecretKey() {
    EnsureSodium();
    bytes_.reset(static_cast<uint8_t*>(sodium_malloc(crypto_sign_SECRETKEYBYTES)));
    if (bytes_ == nullptr) std::abort();
  }
  std::unique_ptr<uint8_t, Free> bytes_;
};

class Ed25519Signer final : public Signer {
 public:
  Ed25519Signer(VerifierKey verifier, LockedSecretKey secret)
      : verifier_(std::move(verifier)), secret_(std::move(secret)) {}

  const VerifierKey& verifier() const override { return verifier_; }

  std::string SecretText() const override {
    // A libsodium secret key is the seed, then the public key.
    std::string key(1, UseByte(verifier_.use()));
    key.append(reinterpret_cast<const char*>(secret_.data()), crypto_sign_SEEDBYTES);
    std::string encoded = ToBase64(key);
    std::string text = Str(kSecretPrefix, verifier_.name(), "+", FormatKeyId(verifier_.key_id()),
                           "+", encoded, "\n");
    sodium_memzero(key.data(), key.size());
    sodium_memzero(encoded.data(), encoded.size());
    return text;
  }

  std::string Sign(const Checkpoint& checkpoint) const override {
    const std::string body = CheckpointBody(checkpoint);
    return FormatNote({body, {Line(SignEd25519(body))}});
  }

  std::string Cosign(const Checkpoint& checkpoint, absl::Time time) const override {
    const auto seconds = static_cast<uint64_t>(absl::ToUnixSeconds(time));
    std::string signature;
    AppendBigEndian64(signature, seconds);
    signature += SignEd25519(CosignedMessage(CheckpointBody(checkpoint), seconds));
    return FormatSignatureLine(Line(std::move(signature)));
  }

 private:
  NoteSignature Line(std::string signature) const {
    return {verifier_.name(), verifier_.key_id(), std::move(signature)};
  }
  std::string SignEd25519(std::string_view message) const {
    std::string signature(crypto_sign_BYTES, '\0');
    crypto_sign_detached(reinterpret_cast<uint8_t*>(signature.data()), nullptr,
                         reinterpret_cast<const uint8_t*>(message.data()), message.size(),
                         secret_.data());
    return signature;
  }

  const VerifierKey verifier_;
  const LockedSecretKey secret_;
};

}  // namespace

std::string CheckpointBody(const Checkpoint& checkpoint) {
  return Str(checkpoint.origin, "\n", checkpoint.size.value(), "\n",
             ToBase64(checkpoint.root.view()), "\n");
}

VerifierKey::VerifierKey(std::string name, const Ed25519Public& key, KeyUse use)
    : name_(std::move(name)), key_(key), use_(use), key_id_(KeyId(name_, key_, use_)) {}

absl::StatusOr<VerifierKey> VerifierKey::Parse(std::string_view vkey, KeyUse use) {
  POLKU_ASSIGN_OR_RETURN(const KeyText text, ParseKeyText(vkey, use));
  VerifierKey key(std::string(text.name), *Ed25519Public::FromBytes(text.key), use);
  if (key.key_id() != text.key_id) return WrongKeyId();
  return key;
}

std::string VerifierKey::Format() const {
  std::string typed(1, UseByte(use_));
  typed.append(key_.view());
  return Str(name_, "+", FormatKeyId(key_id_), "+", ToBase64(typed));
}

std::unique_ptr<Signer> Signer::Generate(std::string name, KeyUse use) {
  if (!IsKeyName(name)) return nullptr;
  Ed25519Public public_key;
  LockedSecretKey secret = LockedSecretKey::Generate(public_key);
  return std::make_unique<Ed25519Signer>(VerifierKey(std::move(name), public_key, use),
                                         std::move(secret));
}

absl::StatusOr<std::unique_ptr<Signer>> Signer::Parse(std::string_view text, KeyUse use) {
  if (text.substr(0, kSecretPrefix.size()) != kSecretPrefix) {
    return Error(absl::StatusCode::kInvalidArgument, "key: does not begin with ", kSecretPrefix);
  }
  text.remove_prefix(kSecretPrefix.size());
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  POLKU_ASSIGN_OR_RETURN(KeyText parsed, ParseKeyText(text, use));
  Ed25519Public public_key;
  LockedSecretKey secret =
      LockedSecretKey::FromSeed(reinterpret_cast<const uint8_t*>(parsed.key.data()), public_key);
  sodium_memzero(parsed.key.data(), parsed.key.size());
  VerifierKey verifier(std::string(parsed.name), public_key, use);
  if (verifier.key_id() != parsed.key_id) return WrongKeyId();
  return std::make_unique<Ed25519Signer>(std::move(verifier), std::move(secret));
}

absl::StatusOr<Checkpoint> VerifyCheckpoint(std::string_view text, const VerifierKey& key) {
  POLKU_ASSIGN_OR_RETURN(const Note note, ParseNote(text));
  POLKU_ASSIGN_OR_RETURN(const int count,
                         ForSignaturesOf(key, note, [&](std::string_view signature) {
                           return VerifyEd25519(key.key(), note.body, signature);
                         }));
  POLKU_ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseCheckpointBody(note.body));
  if (count == 0) {
    return Error(absl::StatusCode::kUnauthenticated, "checkpoint: not signed by ", key.name());
  }
  // Otherwise a key could speak for a log that is not its own.
  if (checkpoint.origin != key.name()) {
    return Error(absl::StatusCode::kUnauthenticated, "checkpoint: signed by ", key.name(),
                 ", but its origin is ", checkpoint.origin);
  }
  return checkpoint;
}

absl::StatusOr<absl::Time> VerifyCosignature(std::string_view text, const VerifierKey& key) {
  POLKU_ASSIGN_OR_RETURN(const Note note, ParseNote(text));
  POLKU_RETURN_IF_ERROR(ParseCheckpointBody(note.body).status());
  uint64_t latest = 0;
  POLKU_ASSIGN_OR_RETURN(
      const int count, ForSignaturesOf(key, note, [&](std::string_view signature) {
        if (signature.size() != kTimeBytes + crypto_sign_BYTES) return false;
        const uint64_t seconds = ReadBigEndian64(signature.data());
        if (seconds >> 63 != 0 || !VerifyEd25519(key.key(), CosignedMessage(note.body, seconds),
                                                 signature.substr(kTimeBytes))) {
          return false;
        }
        latest = std::max(latest, seconds);
        return true;
      }));
  if (count == 0) {
    return Error(absl::StatusCode::kNotFound, "checkpoint: not cosigned by ", key.name());
  }
  return absl::FromUnixSeconds(static_cast<int64_t>(latest));
}

}  // namespace polku::proof
