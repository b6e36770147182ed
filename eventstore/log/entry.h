// One entry of a log: the leaf that is hashed, its header, and the sealed sections beside it.
// Byte layout: eventstore/rocksdb/FORMAT.md. Leaves are built once and then only copied or viewed.
#ifndef POLKU_EVENTSTORE_LOG_ENTRY_H_
#define POLKU_EVENTSTORE_LOG_ENTRY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "polku/event/v1/event.pb.h"

namespace polku::log {

// Published limits (DESIGN "Limits"); an append beyond them is InvalidArgument.
inline constexpr size_t kMaxLeafBytes = 65'535;
inline constexpr size_t kMaxSectionsPerEntry = 16;
// A sealed section of 1 MiB plaintext with its padding and tag (vault/section.h), rounded up.
inline constexpr size_t kMaxBlobBytes = (1 << 20) + 2'048;
inline constexpr size_t kMaxEntryBytes = 3 << 20;  // leaf and blobs together
inline constexpr size_t kMaxEntriesPerAppend = 1'024;
inline constexpr size_t kMaxDisclosuresPerEntry = 64;
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxOpenedEntries = 2'048;  // of one later disclosure
inline constexpr size_t kMaxErasedEntries = 4'096;  // of one Erased

inline constexpr std::string_view kLeafPrefix{"polku/leaf/v1\0", 14};
inline constexpr size_t kLeafRandomBytes = 32;
// The type of every log's position 0, and of no other entry.
inline constexpr std::string_view kGenesisType = "polku.event.v1.Genesis";
// The type of every entry that opens earlier ones (header `later`), and of no other.
inline constexpr std::string_view kDisclosedType = "polku.access.v1.Disclosed";
inline constexpr std::string_view kErasedType = "polku.event.v1.Erased";

// "polku/leaf/v1\0" ‖ random[32] ‖ header bytes. The random part keeps a withheld leaf's hash from
// being guessed from a low-entropy header.
std::string MakeLeaf(std::string_view random, std::string_view header_bytes);
// A view into `leaf`. DataLoss when the prefix is missing or the leaf is out of bounds.
absl::StatusOr<std::string_view> HeaderBytes(std::string_view leaf);
// Parses and validates: id lengths, ascending commitments and disclosures, bounds, a case id
// exactly when there is no control content. DataLoss otherwise (the bytes come from disk or peers).
absl::Status ParseHeader(std::string_view leaf, event::v1::Header& header);

// A sealed section as it is stored. Views borrow from the group that was read.
struct BlobView {
  SectionKind kind;
  std::string_view blob;
  std::string_view secret;  // own log: empty; on the wire: s (32 bytes); replica: wrapped s (72)
};

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_ENTRY_H_
