#include "eventstore/vault/section.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"

namespace polku::vault {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSectionLabel = "polku/sect/v1\0"sv;
constexpr std::string_view kBlobLabel = "polku/blob/v1\0"sv;
constexpr std::string_view kWrapLabel = "polku/wrap/v1\0"sv;
constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t kLengthBytes = 4;
static_assert(kNonceBytes == 24 && kTagBytes == 16);
static_assert(kWrappedSecretBytes == kNonceBytes + SectionSecret::kBytes + kTagBytes);

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

std::string LengthPrefix(std::string_view bytes) {
  std::string prefix;
  AppendBigEndian32(prefix, static_cast<uint32_t>(bytes.size()));
  return prefix;
}

size_t PaddedSize(size_t plaintext_size) {
  const size_t size = kLengthBytes + plaintext_size;
  const size_t unit = size > 4096 ? 1024 : 64;
  return (size + unit - 1) / unit * unit;
}

// Appends the ciphertext and tag of `plaintext` to `out`.
void AppendEncrypted(std::string& out, std::string_view key, std::string_view nonce,
                     std::string_view aad, std::string_view plaintext) {
  const size_t start = out.size();
  out.resize(start + plaintext.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(Bytes(out) + start, nullptr, Bytes(plaintext),
                                             plaintext.size(), Bytes(aad), aad.size(), nullptr,
                                             Bytes(nonce), Bytes(key));
}

// `out` has room for ciphertext.size() - kTagBytes; precondition: at least kTagBytes.
bool Decrypt(uint8_t* out, std::string_view key, std::string_view nonce, std::string_view aad,
             std::string_view ciphertext) {
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out, nullptr, nullptr, Bytes(ciphertext),
                                                    ciphertext.size(), Bytes(aad), aad.size(),
                                                    Bytes(nonce), Bytes(key)) == 0;
}

template <typename Key>
Key KeyFromMac(Hash mac) {
  Key key(mac.view());
  sodium_memzero(mac.data(), Hash::kBytes);
  return key;
}

using BlobKey = Secret<struct BlobKeyTag>;

BlobKey DeriveBlobKey(const SectionSecret& s) {
  return KeyFromMac<BlobKey>(HmacSha256(s.secret_bytes(), {kBlobLabel}));
}

std::string_view BlobNonce(const Hash& commitment) {
  return commitment.view().substr(0, kNonceBytes);
}

}  // namespace

template <typename Tag>
Secret<Tag>::Secret(std::string_view bytes) {
  if (bytes.size() != kBytes) std::abort();
  std::memcpy(bytes_, bytes.data(), kBytes);
}

template <typename Tag>
Secret<Tag>::~Secret() {
  sodium_memzero(bytes_, kBytes);
}

template class Secret<MasterKeyTag>;
template class Secret<CaseKeyTag>;
template class Secret<SectionTag>;

SectionSecret DeriveSectionSecret(const CaseKey& key, std::string_view author_agency,
                                  const EventId& event_id, SectionKind kind) {
  const char kind_byte = static_cast<char>(kind);
  return KeyFromMac<SectionSecret>(
      HmacSha256(key.secret_bytes(), {LengthPrefix(author_agency), author_agency, event_id.view(),
                                      std::string_view(&kind_byte, 1)}));
}

Hash CommitSection(const SectionSecret& s, std::string_view origin, const EventId& event_id,
                   SectionKind kind, std::string_view plaintext) {
  const char kind_byte = static_cast<char>(kind);
  return HmacSha256(s.secret_bytes(),
                    {kSectionLabel, LengthPrefix(origin), origin, event_id.view(),
                     std::string_view(&kind_byte, 1), LengthPrefix(plaintext), plaintext});
}

std::string SealSection(const SectionSecret& s, const Hash& commitment,
                        std::string_view plaintext) {
  std::string padded;
  padded.reserve(PaddedSize(plaintext.size()));
  AppendLengthPrefixed32(padded, plaintext);
  padded.resize(PaddedSize(plaintext.size()), '\0');
  std::string blob;
  blob.reserve(padded.size() + kTagBytes);
  AppendEncrypted(blob, DeriveBlobKey(s).secret_bytes(), BlobNonce(commitment), commitment.view(),
                  padded);
  return blob;
}

absl::StatusOr<std::string> OpenSection(const SectionSecret& s, const Hash& commitment,
                                        std::string_view origin, const EventId& event_id,
                                        SectionKind kind, std::string_view blob) {
  if (blob.size() < PaddedSize(0) + kTagBytes) {
    return Error(absl::StatusCode::kDataLoss, "section: blob of ", blob.size(),
                 " bytes is shorter than any");
  }
  std::string padded(blob.size() - kTagBytes, '\0');
  if (!Decrypt(Bytes(padded), DeriveBlobKey(s).secret_bytes(), BlobNonce(commitment),
               commitment.view(), blob)) {
    return Error(absl::StatusCode::kDataLoss,
                 "section: the blob was altered or belongs to another section");
  }
  const size_t size = ReadBigEndian32(padded.data());
  if (size > padded.size() - kLengthBytes || PaddedSize(size) != padded.size() ||
      !std::all_of(padded.begin() + static_cast<std::ptrdiff_t>(kLengthBytes + size), padded.end(),
                   [](char c) { return c == '\0'; })) {
    return Error(absl::StatusCode::kDataLoss, "section: the padding is not what the format fixes");
  }
  padded.resize(kLengthBytes + size);
  padded.erase(0, kLengthBytes);
  if (CommitSection(s, origin, event_id, kind, padded) != commitment) {
    return Error(absl::StatusCode::kDataLoss, "section: the content does not match its commitment");
  }
  return padded;
}

std::string WrapSecret(const CaseKey& key, const Hash& commitment, const SectionSecret& s) {
  const Hash nonce_source = HmacSha256(key.secret_bytes(), {kWrapLabel, commitment.view()});
  std::string wrapped(nonce_source.view().substr(0, kNonceBytes));
  wrapped.reserve(kWrappedSecretBytes);
  AppendEncrypted(wrapped, key.secret_bytes(), nonce_source.view().substr(0, kNonceBytes),
                  commitment.view(), s.secret_bytes());
  return wrapped;
}

absl::StatusOr<SectionSecret> UnwrapSecret(const CaseKey& key, const Hash& commitment,
                                           std::string_view wrapped) {
  if (wrapped.size() != kWrappedSecretBytes) {
    return Error(absl::StatusCode::kDataLoss, "wrapped secret: ", wrapped.size(), " bytes, not ",
                 kWrappedSecretBytes);
  }
  Hash opened;
  if (!Decrypt(opened.data(), key.secret_bytes(), wrapped.substr(0, kNonceBytes), commitment.view(),
               wrapped.substr(kNonceBytes))) {
    return Error(absl::StatusCode::kDataLoss,
                 "wrapped secret: altered, or wrapped under another key or commitment");
  }
  SectionSecret s(opened.view());
  sodium_memzero(opened.data(), Hash::kBytes);
  return s;
}

}  // namespace polku::vault
