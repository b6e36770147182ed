// Sealing of sections (DESIGN "The entry", FORMAT.md "Sections"). Pure functions over secrets.
//
//   s    = HMAC-SHA256(case key, lp32(author agency) ‖ event id ‖ kind byte)
//   C    = HMAC-SHA256(s, "polku/sect/v1\0" ‖ lp32(origin) ‖ event id ‖ kind byte ‖ lp32(plaintext))
//   key  = HMAC-SHA256(s, "polku/blob/v1\0")
//   blob = XChaCha20-Poly1305-IETF(key, nonce = C[0:24], aad = C, padded plaintext)
//
// lp32(x) is a 32-bit big-endian length, then x. The padded plaintext is lp32(plaintext) with zeros
// up to a multiple of 64 bytes, above 4,096 bytes to a multiple of 1,024.
// The nonce cannot repeat with different content: C covers the content and the key is per section.
#ifndef POLKU_EVENTSTORE_VAULT_SECTION_H_
#define POLKU_EVENTSTORE_VAULT_SECTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"

namespace polku::vault {

inline constexpr size_t kMaxSectionBytes = 1 << 20;  // plaintext; callers enforce it, nothing here does

// A secret of 32 bytes, wiped on destruction.
template <typename Tag>
class Secret {
 public:
  static constexpr size_t kBytes = 32;
  Secret() = default;
  explicit Secret(std::string_view bytes);  // precondition: 32 bytes
  ~Secret();
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  // Named so that a search finds every place that touches key material.
  std::string_view secret_bytes() const { return {reinterpret_cast<const char*>(bytes_), kBytes}; }

 private:
  uint8_t bytes_[kBytes] = {};
};
using MasterKey = Secret<struct MasterKeyTag>;    // wraps case keys
using CaseKey = Secret<struct CaseKeyTag>;        // one per case and section kind; never leaves
using SectionSecret = Secret<struct SectionTag>;  // "s": opens one section, proves its commitment

SectionSecret DeriveSectionSecret(const CaseKey& key, std::string_view author_agency,
                                  const EventId& event_id, SectionKind kind);

Hash CommitSection(const SectionSecret& s, std::string_view origin, const EventId& event_id,
                   SectionKind kind, std::string_view plaintext);

// `commitment` must be CommitSection of the same arguments.
std::string SealSection(const SectionSecret& s, const Hash& commitment, std::string_view plaintext);

// Decrypts, then recomputes the commitment. DataLoss when the blob was altered, belongs to another
// section, or does not match its commitment.
absl::StatusOr<std::string> OpenSection(const SectionSecret& s, const Hash& commitment,
                                        std::string_view origin, const EventId& event_id,
                                        SectionKind kind, std::string_view blob);

// A received s, kept under the receiver's own case key: nonce[24] ‖ XChaCha20-Poly1305(s),
// aad = commitment. 72 bytes. The nonce is HMAC-SHA256(case key, "polku/wrap/v1\0" ‖ C)[0:24].
inline constexpr size_t kWrappedSecretBytes = 72;
std::string WrapSecret(const CaseKey& key, const Hash& commitment, const SectionSecret& s);
absl::StatusOr<SectionSecret> UnwrapSecret(const CaseKey& key, const Hash& commitment,
                                           std::string_view wrapped);

}  // namespace polku::vault

#endif  // POLKU_EVENTSTORE_VAULT_SECTION_H_
