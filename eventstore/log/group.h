// The stored group: consecutive entries of one log in one value. The same encoding is stored in an
// own log, stored in a replica and sent between agencies, so that groups can be shipped whole.
// Byte layout with a worked example: eventstore/rocksdb/FORMAT.md.
//
//   entries value: 0x01 ‖ varint positions covered ‖ items ‖ XXH3-64 (8 bytes big-endian) of all before it
//     item: 0x01 ‖ varint n ‖ leaf[n]             a disclosed entry (own log: every entry)
//           0x02 ‖ level (1 byte) ‖ hash[32]      2^level withheld entries, aligned in the log
//   blobs value:   0x01 ‖ items ‖ XXH3-64
//     item: varint offset in the group ‖ kind (1 byte) ‖ varint n ‖ secret[n] ‖ varint m ‖ blob[m]
//           ascending by (offset, kind); n is 0 (own log), 32 (on the wire) or 72 (replica)
#ifndef POLKU_EVENTSTORE_LOG_GROUP_H_
#define POLKU_EVENTSTORE_LOG_GROUP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/entry.h"
#include "eventstore/proof/merkle.h"

namespace polku::log {

// A group closes at either bound: large enough to share the cost of a value, small enough that
// reading one entry stays cheap. A commit may write several groups in one batch.
inline constexpr uint32_t kMaxGroupEntries = 256;
inline constexpr size_t kMaxGroupBytes = 128 << 10;  // closes after the entry that reaches it

class GroupWriter {
 public:
  GroupWriter();
  void AddLeaf(std::string_view leaf);
  void AddWithheld(const proof::Subtree& subtree);
  // Belongs to the last leaf added; kinds ascending.
  void AddBlob(SectionKind kind, std::string_view secret, std::string_view blob);
  uint64_t count() const { return count_; }  // positions covered
  size_t bytes() const { return entries_.size() + blobs_.size(); }
  bool has_blobs() const { return has_blobs_; }
  struct Encoded {
    std::string entries;
    std::string blobs;  // empty when there are none
  };
  Encoded Finish() &&;

 private:
  std::string entries_;
  std::string blobs_;
  uint64_t count_ = 0;
  bool has_blobs_ = false;
};

struct GroupItem {
  uint64_t offset = 0;     // position - first position of the group
  std::string_view leaf;   // empty: withheld
  proof::Subtree withheld; // only when leaf is empty
};

// A decoded group. Views borrow from the bytes given to Parse.
class GroupView {
 public:
  // Verifies both checksums and the whole structure. DataLoss says which part is wrong.
  // `blobs` may be empty (none, or not read).
  static absl::StatusOr<GroupView> Parse(std::string_view entries, std::string_view blobs);
  uint64_t count() const { return count_; }
  const std::vector<GroupItem>& items() const { return items_; }
  // The blobs of the entry at that offset, ascending by kind; empty when it has none.
  std::vector<BlobView> BlobsAt(uint64_t offset) const;
  // The same into a vector that is used again.
  void BlobsAt(uint64_t offset, std::vector<BlobView>& blobs) const;

 private:
  struct OffsetBlob {
    uint64_t offset;
    BlobView blob;
  };
  uint64_t count_ = 0;
  std::vector<GroupItem> items_;
  std::vector<OffsetBlob> blobs_;
};

// Whether the checksum at the end of a stored value (entries or blobs) is that of its bytes: tells damage from
// what was written wrong.
bool GroupChecksumHolds(std::string_view value);

// The positions that a stored entries value covers, without verifying it: engines check that groups
// follow each other gapless. DataLoss when the bytes do not even start like a group.
absl::StatusOr<uint64_t> GroupCount(std::string_view entries);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_GROUP_H_
