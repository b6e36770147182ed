// Stored groups, frontiers and heads. The checksums are made here: no mutation would hit one.
// Input: the length of the entries value as 2 bytes, it, then the blobs value, each without its
// checksum.
#include <xxhash.h>

#include <algorithm>

#include "eventstore/base/bytes.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "tests/fuzz/fuzz.h"

namespace polku::log {
namespace {

using fuzz::Require;

std::string WithChecksum(std::string_view bytes) {
  std::string value(bytes);
  AppendBigEndian64(value, XXH3_64bits(bytes.data(), bytes.size()));
  return value;
}

void CheckGroup(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const size_t size =
      static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
  bytes.remove_prefix(2);
  const std::string entries = WithChecksum(bytes.substr(0, std::min(size, bytes.size())));
  bytes.remove_prefix(std::min(size, bytes.size()));
  const std::string blobs = bytes.empty() ? "" : WithChecksum(bytes);
  const auto group = GroupView::Parse(entries, blobs);
  if (!group.ok()) return;
  const auto count = GroupCount(entries);
  Require(count.ok() && *count == group->count(), "the count is that of the group");
  GroupWriter writer;
  for (const GroupItem& item : group->items()) {
    Require(writer.count() == item.offset, "items follow each other");
    if (item.leaf.empty()) {
      writer.AddWithheld(item.withheld);
    } else {
      writer.AddLeaf(item.leaf);
      for (const BlobView& blob : group->BlobsAt(item.offset)) {
        writer.AddBlob(blob.kind, blob.secret, blob.blob);
      }
    }
  }
  const GroupWriter::Encoded again = std::move(writer).Finish();
  Require(again.entries == entries && again.blobs == blobs, "a group is written as it was read");
}

void Check(std::string_view bytes) {
  CheckGroup(bytes);
  if (const auto frontier = proof::Frontier::Parse(bytes); frontier.ok()) {
    Require(frontier->Serialize() == bytes, "a frontier is written as it was read");
    frontier->Root();
  }
  const std::string value = WithChecksum(bytes);
  if (const auto head = LogHead::Parse(value); head.ok()) {
    Require(head->Serialize() == value, "a head is written as it was read");
  }
}

}  // namespace
}  // namespace polku::log

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::log::Check(polku::fuzz::View(data, size));
  return 0;
}
