// Strong ids: no two values of different meaning share a type (position is not revision, a case is
// not an event). All are plain values, freely copied, compared and hashed.
#ifndef POLKU_EVENTSTORE_BASE_IDS_H_
#define POLKU_EVENTSTORE_BASE_IDS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace polku {

template <typename Tag>
class StrongInt {
 public:
  constexpr StrongInt() = default;
  explicit constexpr StrongInt(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr StrongInt next() const { return StrongInt(value_ + 1); }
  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;

 private:
  uint64_t value_ = 0;
};

// 0-based place of an entry in its log; also used for a log's size (= the next free position).
using Position = StrongInt<struct PositionTag>;
// 1-based count of a case's entries in one log; 0 means that the case has none there.
using Revision = StrongInt<struct RevisionTag>;
// Hybrid logical clock value, microseconds since the Unix epoch or later (DESIGN "Header").
using Order = StrongInt<struct OrderTag>;
// A store's own small number for a log it holds; 0 is its own log, replicas follow. Never shared.
using LogNumber = StrongInt<struct LogNumberTag>;
inline constexpr LogNumber kOwnLog{0};

template <typename Tag, size_t kSize>
class FixedBytes {
 public:
  static constexpr size_t kBytes = kSize;
  constexpr FixedBytes() = default;
  explicit constexpr FixedBytes(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}
  // nullopt when the length is not exactly kSize.
  static std::optional<FixedBytes> FromBytes(std::string_view bytes) {
    if (bytes.size() != kSize) return std::nullopt;
    FixedBytes result;
    std::memcpy(result.bytes_.data(), bytes.data(), kSize);
    return result;
  }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  uint8_t* data() { return bytes_.data(); }
  const uint8_t* data() const { return bytes_.data(); }
  bool is_zero() const { return *this == FixedBytes(); }
  friend constexpr auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const FixedBytes& value) {
    return H::combine(std::move(state), value.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

// One client's path: random, the same at every agency, all zero for "no case".
using CaseId = FixedBytes<struct CaseIdTag, 16>;
// A UUID (RFC 9562) chosen by the author; with the author's agency it makes a repeat recognisable.
using EventId = FixedBytes<struct EventIdTag, 16>;
// SHA-256.
using Hash = FixedBytes<struct HashTag, 32>;

// 32 hexadecimal digits; a UUID's hyphens are accepted.
std::optional<CaseId> ParseCaseId(std::string_view text);
std::optional<EventId> ParseEventId(std::string_view text);
std::string FormatCaseId(const CaseId& id);    // 32 hexadecimal digits
std::string FormatEventId(const EventId& id);  // 8-4-4-4-12

// A legal organisation's subsystem, named like an X-Road member:
// instance/class/code/subsystem, e.g. "FI/MUN/0187690-1/oulu" (DOMAIN "Data"). At most 255 bytes,
// four parts of [A-Za-z0-9._-], none "." or ".." (names become paths); with instance FI the third
// part is a business ID (Y-tunnus) whose check digit holds.
// InvalidArgument says which part is wrong.
absl::Status ValidateAgencyName(std::string_view agency);

// "FI/MUN/0187690-1/oulu" of an origin ("…/oulu/referral/1") or of a witness's key name
// ("…/oulu/referral/witness"): what stands before the last two parts, unchecked. Empty: there are none.
std::string_view AgencyOfName(std::string_view name);

// One service instance of an agency in one epoch: "<agency>/<service>/<epoch>".
class OriginName {
 public:
  // Epochs start at 1; the whole is at most 255 bytes. InvalidArgument as above, or for a service name outside [a-z0-9-]{1,32}.
  static absl::StatusOr<OriginName> Parse(std::string_view text);
  static absl::StatusOr<OriginName> Make(std::string_view agency, std::string_view service,
                                         uint32_t epoch);
  const std::string& text() const { return text_; }
  std::string_view agency() const;
  std::string_view service() const;
  uint32_t epoch() const { return epoch_; }
  friend auto operator<=>(const OriginName& a, const OriginName& b) { return a.text_ <=> b.text_; }
  friend bool operator==(const OriginName& a, const OriginName& b) { return a.text_ == b.text_; }

 private:
  std::string text_;
  size_t agency_size_ = 0;
  size_t service_size_ = 0;
  uint32_t epoch_ = 0;
};

// Whether `name` is of the same agency and service as `of` and of a lower epoch; false where either is no origin name.
bool IsEarlierEpoch(std::string_view name, std::string_view of);

// What part of an event's content a section holds; numbers are those of
// polku.event.v1.SectionKind and enter commitments, so they never change.
enum class SectionKind : uint8_t {
  kService = 1,   // the service itself: steps, days, places
  kIdentity = 2,  // who the client is
  kSocial = 3,    // social-care content
  kHealth = 4,    // health-care content
  kPayment = 5,   // money and account data
};
inline constexpr std::array<SectionKind, 5> kAllSectionKinds = {
    SectionKind::kService, SectionKind::kIdentity, SectionKind::kSocial, SectionKind::kHealth,
    SectionKind::kPayment};
std::string_view SectionKindName(SectionKind kind);  // "service", "identity", …
std::optional<SectionKind> ParseSectionKind(std::string_view name);

// A set of section kinds; bit (kind - 1).
class SectionSet {
 public:
  constexpr SectionSet() = default;
  constexpr void add(SectionKind kind) { bits_ |= Bit(kind); }
  constexpr bool has(SectionKind kind) const { return (bits_ & Bit(kind)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(SectionSet, SectionSet) = default;
  constexpr SectionSet operator|(SectionSet other) const { return SectionSet(bits_ | other.bits_); }
  constexpr SectionSet operator&(SectionSet other) const { return SectionSet(bits_ & other.bits_); }
  constexpr SectionSet operator-(SectionSet other) const { return SectionSet(bits_ & ~other.bits_); }
  // As stored in one byte.
  constexpr uint8_t bits() const { return bits_; }
  static constexpr SectionSet FromBits(uint8_t bits) { return SectionSet(bits); }

 private:
  explicit constexpr SectionSet(unsigned bits) : bits_(static_cast<uint8_t>(bits)) {}
  // No bit for a number outside 1-8: bytes from peers may name any.
  static constexpr unsigned Bit(SectionKind kind) {
    const unsigned number = static_cast<unsigned>(kind);
    return number >= 1 && number <= 8 ? 1u << (number - 1) : 0;
  }
  uint8_t bits_ = 0;
};

constexpr SectionSet OnlySection(SectionKind kind) {
  SectionSet set;
  set.add(kind);
  return set;
}

// Those that a message lists by number; a number that has no bit is none of them, whatever its low byte.
template <typename Numbers>
constexpr SectionSet SectionsIn(const Numbers& numbers) {
  SectionSet set;
  for (const auto number : numbers) {
    if (number >= 1 && number <= 8) set.add(static_cast<SectionKind>(number));
  }
  return set;
}

constexpr SectionSet AllSections() {
  SectionSet all;
  for (SectionKind kind : kAllSectionKinds) all.add(kind);
  return all;
}

}  // namespace polku

template <typename Tag>
struct std::hash<polku::StrongInt<Tag>> {
  size_t operator()(polku::StrongInt<Tag> value) const { return std::hash<uint64_t>()(value.value()); }
};

#endif  // POLKU_EVENTSTORE_BASE_IDS_H_
