// Names and bytes of a tile directory (C2SP tlog-tiles): `checkpoint`, `tile/<L>/<N>[.p/<W>]`,
// `tile/entries/<N>[.p/<W>]`. Pure; the directory itself is eventstore/evidence/export.h.
#ifndef POLKU_EVENTSTORE_PROOF_TILE_H_
#define POLKU_EVENTSTORE_PROOF_TILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"

namespace polku::proof {

inline constexpr uint64_t kTileWidth = 256;
inline constexpr uint8_t kMaxTileLevel = 7;  // tlog-tiles allows 63; 2^63 leaves fill no higher one

struct TileName {
  bool entries = false;  // an entry bundle; then level is 0
  uint8_t level = 0;     // at most kMaxTileLevel
  uint64_t index = 0;
  uint16_t width = 256;  // 1 to 255: partial
  friend bool operator==(const TileName&, const TileName&) = default;
};
// "tile/0/x001/x234/067.p/12"
std::string TilePath(const TileName& name);
absl::StatusOr<TileName> ParseTilePath(std::string_view path);  // InvalidArgument
// The tiles of hashes of a tree: at each level FullTiles(size, level) full ones, with the indexes
// from 0 on, then at most one partial tile. RightEdge: the partial ones, one a level at most,
// lowest first. The entry bundles are as the tiles of level 0.
uint64_t FullTiles(Position size, uint8_t level);
std::vector<TileName> RightEdge(Position size);

// Concatenated hashes. InvalidArgument unless 1 to 256 whole hashes.
absl::StatusOr<std::vector<Hash>> ParseTile(std::string_view bytes);
// Entries, each with its length as 2 bytes big-endian. Views borrow. InvalidArgument: cut short,
// none, or more than 256.
absl::StatusOr<std::vector<std::string_view>> ParseEntryBundle(std::string_view bytes);
// Precondition: at most 65535 bytes, which every leaf of Polku is (log/entry.h).
void AppendBundleEntry(std::string& bundle, std::string_view leaf);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_TILE_H_
