#include "eventstore/proof/tile.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/text.h"

namespace polku::proof {
namespace {

constexpr std::string_view kTile = "tile/";
constexpr std::string_view kEntries = "entries";
constexpr std::string_view kPartial = ".p/";
constexpr int kLevelBits = 8;
constexpr uint64_t kMaxSize = (uint64_t{1} << 63) - 1;

absl::Status Malformed(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "tile: ", what);
}

// floor(size / 256^level)
uint64_t HashesAt(uint64_t size, unsigned level) {
  return level > kMaxTileLevel ? 0 : size >> (kLevelBits * level);
}

}  // namespace

std::string TilePath(const TileName& name) {
  std::string index;
  uint64_t rest = name.index;
  do {
    const std::string digits = Str(rest % 1000 + 1000).substr(1);
    index = index.empty() ? digits : Str("x", digits, "/", index);
    rest /= 1000;
  } while (rest != 0);
  std::string path =
      Str(kTile, name.entries ? std::string(kEntries) : Str(int{name.level}), "/", index);
  if (name.width != kTileWidth) path += Str(kPartial, name.width);
  return path;
}

absl::StatusOr<TileName> ParseTilePath(std::string_view path) {
  std::string_view rest = path;
  if (rest.substr(0, kTile.size()) != kTile) return Malformed("the path does not begin with tile/");
  rest.remove_prefix(kTile.size());
  TileName name;
  const size_t level_end = std::min(rest.find('/'), rest.size());
  const std::string_view level = rest.substr(0, level_end);
  rest.remove_prefix(std::min(level_end + 1, rest.size()));
  name.entries = level == kEntries;
  if (!name.entries) {
    const std::optional<uint64_t> number = ParseDecimal(level);
    if (!number || *number > kMaxTileLevel) {
      return Malformed("the level is neither entries nor a number from 0 to 7");
    }
    name.level = static_cast<uint8_t>(*number);
  }
  if (const size_t partial = rest.find(kPartial); partial != std::string_view::npos) {
    const std::optional<uint64_t> width = ParseDecimal(rest.substr(partial + kPartial.size()));
    if (!width || *width < 1 || *width >= kTileWidth) {
      return Malformed("the width of a partial tile is not a number from 1 to 255");
    }
    name.width = static_cast<uint16_t>(*width);
    rest = rest.substr(0, partial);
  }
  // Digits alone; the form of the path elements is that of TilePath, below.
  const uint64_t last = FullTiles(Position(kMaxSize), name.level);
  for (const char c : rest) {
    if (c == 'x' || c == '/') continue;
    if (c < '0' || c > '9') return Malformed("the index is not digits");
    name.index = name.index * 10 + static_cast<uint64_t>(c - '0');
    if (name.index > last) return Malformed("the index is beyond the largest tree of that level");
  }
  if (TilePath(name) != path) {
    return Malformed("the index is not path elements of three digits, all but the last after an x");
  }
  return name;
}

std::vector<TileName> RightEdge(Position size) {
  std::vector<TileName> edge;
  for (unsigned level = 0; level <= kMaxTileLevel; ++level) {
    const uint64_t hashes = HashesAt(size.value(), level);
    const auto width = static_cast<uint16_t>(hashes % kTileWidth);
    if (width == 0) continue;
    edge.push_back(
        {.level = static_cast<uint8_t>(level), .index = hashes / kTileWidth, .width = width});
  }
  return edge;
}

uint64_t FullTiles(Position size, uint8_t level) { return HashesAt(size.value(), level + 1u); }

absl::StatusOr<std::vector<Hash>> ParseTile(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kTileWidth * Hash::kBytes ||
      bytes.size() % Hash::kBytes != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "tile: ", bytes.size(),
                 " bytes are not 1 to 256 hashes of 32 bytes");
  }
  std::vector<Hash> hashes;
  hashes.reserve(bytes.size() / Hash::kBytes);
  for (; !bytes.empty(); bytes.remove_prefix(Hash::kBytes)) {
    hashes.push_back(*Hash::FromBytes(bytes.substr(0, Hash::kBytes)));
  }
  return hashes;
}

absl::StatusOr<std::vector<std::string_view>> ParseEntryBundle(std::string_view bytes) {
  if (bytes.empty()) return Malformed("an entry bundle without entries");
  std::vector<std::string_view> entries;
  while (!bytes.empty()) {
    if (entries.size() == kTileWidth) return Malformed("an entry bundle of more than 256 entries");
    const size_t size = bytes.size() < 2 ? bytes.size()
                                         : size_t{static_cast<uint8_t>(bytes[0])} << 8 |
                                               static_cast<uint8_t>(bytes[1]);
    if (bytes.size() < 2 || size > bytes.size() - 2) {
      return Error(absl::StatusCode::kInvalidArgument, "tile: entry ", entries.size(),
                   " of an entry bundle is cut short");
    }
    entries.push_back(bytes.substr(2, size));
    bytes.remove_prefix(2 + size);
  }
  return entries;
}

void AppendBundleEntry(std::string& bundle, std::string_view leaf) {
  bundle.push_back(static_cast<char>(leaf.size() >> 8));
  bundle.push_back(static_cast<char>(leaf.size()));
  bundle.append(leaf);
}

}  // namespace polku::proof
