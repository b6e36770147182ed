#include "eventstore/log/group.h"

#include <xxhash.h>

#include <algorithm>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"

namespace polku::log {
namespace {

constexpr char kVersion = 1;
constexpr char kLeafItem = 1;
constexpr char kWithheldItem = 2;
constexpr size_t kChecksumBytes = 8;
// A log's size fits 63 bits (proof::Frontier), so no group covers more.
constexpr uint64_t kMaxPositions = uint64_t{1} << 62;

absl::Status Bad(std::string_view part, std::string_view what) {
  return absl::DataLossError(Str("group ", part, ": ", what));
}

void AppendChecksum(std::string& bytes) {
  AppendBigEndian64(bytes, XXH3_64bits(bytes.data(), bytes.size()));
}

// Strips and verifies the version byte and the checksum.
absl::Status Unwrap(std::string_view part, std::string_view& bytes) {
  if (bytes.size() < 1 + kChecksumBytes) return Bad(part, "truncated");
  if (!GroupChecksumHolds(bytes)) return Bad(part, "checksum mismatch");
  if (bytes[0] != kVersion) return Bad(part, "unknown version");
  bytes = bytes.substr(1, bytes.size() - kChecksumBytes - 1);
  return absl::OkStatus();
}

}  // namespace

GroupWriter::GroupWriter() = default;

void GroupWriter::AddLeaf(std::string_view leaf) {
  entries_.push_back(kLeafItem);
  AppendVarint(entries_, leaf.size());
  entries_.append(leaf);
  ++count_;
}

void GroupWriter::AddWithheld(const proof::Subtree& subtree) {
  entries_.push_back(kWithheldItem);
  entries_.push_back(static_cast<char>(subtree.level));
  entries_.append(subtree.hash.view());
  count_ += uint64_t{1} << subtree.level;
}

void GroupWriter::AddBlob(SectionKind kind, std::string_view secret, std::string_view blob) {
  has_blobs_ = true;
  AppendVarint(blobs_, count_ - 1);
  blobs_.push_back(static_cast<char>(kind));
  AppendVarint(blobs_, secret.size());
  blobs_.append(secret);
  AppendVarint(blobs_, blob.size());
  blobs_.append(blob);
}

GroupWriter::Encoded GroupWriter::Finish() && {
  Encoded encoded;
  encoded.entries.reserve(entries_.size() + 24);
  encoded.entries.push_back(kVersion);
  AppendVarint(encoded.entries, count_);
  encoded.entries.append(entries_);
  AppendChecksum(encoded.entries);
  if (has_blobs_) {
    encoded.blobs.reserve(blobs_.size() + 16);
    encoded.blobs.push_back(kVersion);
    encoded.blobs.append(blobs_);
    AppendChecksum(encoded.blobs);
  }
  return encoded;
}

bool GroupChecksumHolds(std::string_view value) {
  if (value.size() < 1 + kChecksumBytes) return false;
  const size_t covered = value.size() - kChecksumBytes;
  return XXH3_64bits(value.data(), covered) == ReadBigEndian64(value.data() + covered);
}

absl::StatusOr<uint64_t> GroupCount(std::string_view entries) {
  ByteReader reader(entries);
  uint8_t version = 0;
  uint64_t count = 0;
  if (!reader.ReadU8(version) || version != kVersion || !reader.ReadVarint(count) || count == 0 ||
      count > kMaxPositions) {
    return Bad("entries", "bad version or count");
  }
  return count;
}

absl::StatusOr<GroupView> GroupView::Parse(std::string_view entries, std::string_view blobs) {
  POLKU_RETURN_IF_ERROR(Unwrap("entries", entries));
  GroupView view;
  ByteReader reader(entries);
  uint64_t count = 0;
  if (!reader.ReadVarint(count) || count == 0 || count > kMaxPositions) {
    return Bad("entries", "bad count");
  }
  // An item takes 3 bytes at least, so a lying count cannot reserve more than the bytes justify.
  view.items_.reserve(std::min<uint64_t>(count, reader.rest().size() / 3 + 1));
  while (!reader.done()) {
    uint8_t tag = 0;
    if (!reader.ReadU8(tag)) return Bad("entries", "truncated item");
    GroupItem item;
    item.offset = view.count_;
    if (tag == kLeafItem) {
      if (!reader.ReadLengthPrefixed(item.leaf) || item.leaf.empty() ||
          item.leaf.size() > kMaxLeafBytes) {
        return Bad("entries", "bad leaf length");
      }
      view.count_ += 1;
    } else if (tag == kWithheldItem) {
      std::string_view hash;
      if (!reader.ReadU8(item.withheld.level) || item.withheld.level > 61 ||
          !reader.ReadBytes(Hash::kBytes, hash)) {
        return Bad("entries", "bad withheld item");
      }
      item.withheld.hash = *Hash::FromBytes(hash);
      view.count_ += uint64_t{1} << item.withheld.level;
    } else {
      return Bad("entries", "unknown item");
    }
    if (view.count_ > count) return Bad("entries", "items beyond the count");
    view.items_.push_back(item);
  }
  if (view.count_ != count) return Bad("entries", "fewer items than the count");

  if (blobs.empty()) return view;
  POLKU_RETURN_IF_ERROR(Unwrap("blobs", blobs));
  ByteReader blob_reader(blobs);
  if (blob_reader.done()) return Bad("blobs", "empty");
  size_t item = 0;  // walks items beside the blobs: both ascend
  while (!blob_reader.done()) {
    OffsetBlob stored{};
    uint8_t kind = 0;
    if (!blob_reader.ReadVarint(stored.offset) || !blob_reader.ReadU8(kind) ||
        !blob_reader.ReadLengthPrefixed(stored.blob.secret) ||
        !blob_reader.ReadLengthPrefixed(stored.blob.blob)) {
      return Bad("blobs", "truncated item");
    }
    stored.blob.kind = static_cast<SectionKind>(kind);
    if (kind == 0) return Bad("blobs", "section kind 0");
    const size_t secret = stored.blob.secret.size();
    if (secret != 0 && secret != 32 && secret != 72) return Bad("blobs", "bad secret length");
    if (!view.blobs_.empty()) {
      const OffsetBlob& last = view.blobs_.back();
      if (std::pair(stored.offset, kind) <=
          std::pair(last.offset, static_cast<uint8_t>(last.blob.kind))) {
        return Bad("blobs", "not ascending");
      }
    }
    while (item < view.items_.size() && view.items_[item].offset < stored.offset) ++item;
    if (item == view.items_.size() || view.items_[item].offset != stored.offset ||
        view.items_[item].leaf.empty()) {
      return Bad("blobs", "blob without a disclosed entry");
    }
    view.blobs_.push_back(stored);
  }
  if (blob_reader.failed()) return Bad("blobs", "truncated");
  return view;
}

std::vector<BlobView> GroupView::BlobsAt(uint64_t offset) const {
  std::vector<BlobView> result;
  BlobsAt(offset, result);
  return result;
}

void GroupView::BlobsAt(uint64_t offset, std::vector<BlobView>& blobs) const {
  blobs.clear();
  auto it = std::lower_bound(blobs_.begin(), blobs_.end(), offset,
                             [](const OffsetBlob& b, uint64_t value) { return b.offset < value; });
  for (; it != blobs_.end() && it->offset == offset; ++it) blobs.push_back(it->blob);
}

}  // namespace polku::log
