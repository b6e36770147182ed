#include "eventstore/proof/checkpoint.h"

#include <sodium.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"

namespace polku::proof {
namespace {

constexpr char kEd25519Type = 0x01;
constexpr size_t kKeyIdBytes = 4;
constexpr size_t kMaxNoteBytes = 64 << 10;
constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";  // em dash (U+2014) and a space
constexpr std::string_view kSecretPrefix = "PRIVATE+KEY+";

static_assert(Ed25519Public::kBytes == crypto_sign_PUBLICKEYBYTES);

absl::Status Malformed(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "checkpoint: ", what);
}

// Takes one code point off `text`; nullopt, for overlong forms and surrogates too, unless UTF-8.
std::optional<uint32_t> TakeCodePoint(std::string_view& text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  size_t size = 0;
  uint32_t lowest = 0;
  uint32_t point = 0;
  if (lead < 0x80) {
    size = 1, point = lead;
  } else if (lead >> 5 == 0x06) {
    size = 2, lowest = 0x80, point = lead & 0x1f;
  } else if (lead >> 4 == 0x0e) {
    size = 3, lowest = 0x800, point = lead & 0x0f;
  } else if (lead >> 3 == 0x1e) {
    size = 4, lowest = 0x10000, point = lead & 0x07;
  } else {
    return std::nullopt;
  }
  if (text.size() < size) return std::nullopt;
  for (size_t i = 1; i < size; ++i) {
    if (byte(i) >> 6 != 0x02) return std::nullopt;
    point = point << 6 | (byte(i) & 0x3f);
  }
  if (point < lowest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    return std::nullopt;
  }
  text.remove_prefix(size);
  return point;
}

// Unicode White_Space, as signed-note's reference implementation tests it.
bool IsSpace(uint32_t point) {
  return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0x85 || point == 0xa0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
         point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

// UTF-8 without control characters other than newline (signed-note "Format").
bool IsNoteText(std::string_view text) {
  while (!text.empty()) {
    const std::optional<uint32_t> point = TakeCodePoint(text);
    if (!point || (*point < 0x20 && *point != '\n')) return false;
  }
  return true;
}

uint32_t KeyId(std::string_view name, const Ed25519Public& key) {
  const Hash hash = Sha256({name, "\n", std::string_view(&kEd25519Type, 1), key.view()});
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
  std::string key;  // without the type byte
};

// "<name>+<8 hex key id>+<base64(0x01 ‖ 32 bytes)>". The key itself may hold a '+'.
absl::StatusOr<KeyText> ParseKeyText(std::string_view text) {
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
  if (!key || key->size() != 33 || (*key)[0] != kEd25519Type) {
    if (key) sodium_memzero(key->data(), key->size());
    return Error(absl::StatusCode::kInvalidArgument, "key: not an Ed25519 key in base64");
  }
  result.key = key->substr(1);
  sodium_memzero(key->data(), key->size());
  return result;
}

absl::Status WrongKeyId() {
  return Error(absl::StatusCode::kInvalidArgument,
               "key: the id does not belong to this name and key; was the text altered?");
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
    std::string key(1, kEd25519Type);
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
    uint8_t signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, nullptr, reinterpret_cast<const uint8_t*>(body.data()),
                         body.size(), secret_.data());
    std::string blob;
    AppendBigEndian32(blob, verifier_.key_id());
    blob.append(reinterpret_cast<const char*>(signature), sizeof(signature));
    return Str(body, "\n", kSignaturePrefix, verifier_.name(), " ", ToBase64(blob), "\n");
  }

 private:
  const VerifierKey verifier_;
  const LockedSecretKey secret_;
};

// Takes a line off `text`, without its newline; false when there is none.
bool TakeLine(std::string_view& text, std::string_view& line) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

absl::StatusOr<Checkpoint> ParseBody(std::string_view body) {
  Checkpoint checkpoint;
  std::string_view line;
  if (!TakeLine(body, line) || line.empty()) return Malformed("no origin line");
  checkpoint.origin = std::string(line);
  if (!TakeLine(body, line)) return Malformed("no size line");
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size);
  if (error != std::errc() || end != line.data() + line.size() ||
      (line.size() > 1 && line[0] == '0') || size >> 63 != 0) {
    return Malformed("the size is not a decimal number of at most 63 bits without leading zeros");
  }
  checkpoint.size = Position(size);
  if (!TakeLine(body, line)) return Malformed("no root line");
  const std::optional<std::string> root_bytes = FromBase64(line);
  const std::optional<Hash> root = root_bytes ? Hash::FromBytes(*root_bytes) : std::nullopt;
  if (!root) return Malformed("the root is not 32 bytes in base64");
  checkpoint.root = *root;
  while (TakeLine(body, line)) {
    if (line.empty()) return Malformed("an empty extension line");
  }
  return checkpoint;
}

}  // namespace

bool IsKeyName(std::string_view name) {
  if (name.empty()) return false;
  while (!name.empty()) {
    const std::optional<uint32_t> point = TakeCodePoint(name);
    if (!point || IsSpace(*point) || *point < 0x20 || *point == '+') return false;
  }
  return true;
}

std::string CheckpointBody(const Checkpoint& checkpoint) {
  return Str(checkpoint.origin, "\n", checkpoint.size.value(), "\n",
             ToBase64(checkpoint.root.view()), "\n");
}

VerifierKey::VerifierKey(std::string name, const Ed25519Public& key)
    : name_(std::move(name)), key_(key), key_id_(KeyId(name_, key_)) {}

absl::StatusOr<VerifierKey> VerifierKey::Parse(std::string_view vkey) {
  POLKU_ASSIGN_OR_RETURN(const KeyText text, ParseKeyText(vkey));
  VerifierKey key(std::string(text.name), *Ed25519Public::FromBytes(text.key));
  if (key.key_id() != text.key_id) return WrongKeyId();
  return key;
}

std::string VerifierKey::Format() const {
  std::string typed(1, kEd25519Type);
  typed.append(key_.view());
  return Str(name_, "+", FormatKeyId(key_id_), "+", ToBase64(typed));
}

std::unique_ptr<Signer> Signer::Generate(std::string name) {
  if (!IsKeyName(name)) return nullptr;
  Ed25519Public public_key;
  LockedSecretKey secret = LockedSecretKey::Generate(public_key);
  return std::make_unique<Ed25519Signer>(VerifierKey(std::move(name), public_key),
                                         std::move(secret));
}

absl::StatusOr<std::unique_ptr<Signer>> Signer::Parse(std::string_view text) {
  if (text.substr(0, kSecretPrefix.size()) != kSecretPrefix) {
    return Error(absl::StatusCode::kInvalidArgument, "key: does not begin with ", kSecretPrefix);
  }
  text.remove_prefix(kSecretPrefix.size());
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  POLKU_ASSIGN_OR_RETURN(KeyText parsed, ParseKeyText(text));
  Ed25519Public public_key;
  LockedSecretKey secret =
      LockedSecretKey::FromSeed(reinterpret_cast<const uint8_t*>(parsed.key.data()), public_key);
  sodium_memzero(parsed.key.data(), parsed.key.size());
  VerifierKey verifier(std::string(parsed.name), public_key);
  if (verifier.key_id() != parsed.key_id) return WrongKeyId();
  return std::make_unique<Ed25519Signer>(std::move(verifier), std::move(secret));
}

absl::StatusOr<Checkpoint> VerifyCheckpoint(std::string_view note, const VerifierKey& key) {
  if (note.size() > kMaxNoteBytes) return Malformed("longer than 64 KiB");
  if (!IsNoteText(note)) return Malformed("not UTF-8, or control characters");
  const size_t split = note.rfind("\n\n");
  if (split == std::string_view::npos) return Malformed("no blank line before the signatures");
  const std::string_view body = note.substr(0, split + 1);
  std::string_view signatures = note.substr(split + 2);
  if (signatures.empty() || signatures.back() != '\n') {
    return Malformed("the signatures do not end with a newline");
  }
  bool signed_by_key = false;
  std::string_view line;
  while (TakeLine(signatures, line)) {
    if (line.substr(0, kSignaturePrefix.size()) != kSignaturePrefix) {
      return Malformed("a signature line does not begin with an em dash and a space");
    }
    line.remove_prefix(kSignaturePrefix.size());
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return Malformed("a signature line without a signature");
    const std::string_view name = line.substr(0, space);
    const std::optional<std::string> blob = FromBase64(line.substr(space + 1));
    if (!IsKeyName(name) || !blob || blob->size() <= kKeyIdBytes) {
      return Malformed("a signature line with a wrong name or signature");
    }
    if (name != key.name() || ReadBigEndian32(blob->data()) != key.key_id()) continue;
    if (blob->size() != kKeyIdBytes + crypto_sign_BYTES ||
        crypto_sign_verify_detached(reinterpret_cast<const uint8_t*>(blob->data()) + kKeyIdBytes,
                                    reinterpret_cast<const uint8_t*>(body.data()), body.size(),
                                    key.key().data()) != 0) {
      return Error(absl::StatusCode::kUnauthenticated, "checkpoint: the signature of ", key.name(),
                   " does not verify");
    }
    signed_by_key = true;
  }
  POLKU_ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseBody(body));
  if (!signed_by_key) {
    return Error(absl::StatusCode::kUnauthenticated, "checkpoint: not signed by ", key.name());
  }
  return checkpoint;
}

}  // namespace polku::proof
