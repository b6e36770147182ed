#include "eventstore/log/head.h"

#include <xxhash.h>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"

namespace polku::log {
namespace {

constexpr char kVersion = 1;
constexpr size_t kNumberBytes = 8;

absl::Status Bad(std::string_view what) { return absl::DataLossError(Str("log head: ", what)); }

}  // namespace

std::string LogHead::Serialize() const {
  std::string bytes;
  const std::string tree = frontier.Serialize();
  bytes.reserve(origin.size() + tree.size() + 32);
  bytes.push_back(kVersion);
  AppendVarint(bytes, origin.size());
  bytes.append(origin);
  AppendVarint(bytes, tree.size());
  bytes.append(tree);
  AppendBigEndian64(bytes, last_order.value());
  AppendBigEndian64(bytes, disclosure_number);
  AppendBigEndian64(bytes, XXH3_64bits(bytes.data(), bytes.size()));
  return bytes;
}

absl::StatusOr<LogHead> LogHead::Parse(std::string_view bytes) {
  if (bytes.size() < 1 + kNumberBytes) return Bad("truncated");
  const size_t covered = bytes.size() - kNumberBytes;
  if (XXH3_64bits(bytes.data(), covered) != ReadBigEndian64(bytes.data() + covered)) {
    return Bad("checksum mismatch");
  }
  ByteReader reader(bytes.substr(0, covered));
  uint8_t version = 0;
  std::string_view origin;
  std::string_view tree;
  std::string_view order;
  std::string_view number;
  if (!reader.ReadU8(version) || version != kVersion) return Bad("unknown version");
  if (!reader.ReadLengthPrefixed(origin) || !reader.ReadLengthPrefixed(tree) ||
      !reader.ReadBytes(kNumberBytes, order) || !reader.ReadBytes(kNumberBytes, number) ||
      !reader.done()) {
    return Bad("bad length");
  }
  if (origin.empty() || origin.size() > 2 * kMaxNameBytes) return Bad("bad origin");
  LogHead head;
  head.origin = origin;
  POLKU_ASSIGN_OR_RETURN(head.frontier, proof::Frontier::Parse(tree));
  head.last_order = Order(ReadBigEndian64(order.data()));
  head.disclosure_number = ReadBigEndian64(number.data());
  return head;
}

}  // namespace polku::log
