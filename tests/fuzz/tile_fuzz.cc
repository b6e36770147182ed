// Paths of tiles, tiles and entry bundles.
#include "eventstore/proof/tile.h"
#include "tests/fuzz/fuzz.h"

namespace polku::proof {
namespace {

using fuzz::Require;

void Check(std::string_view bytes) {
  if (const auto name = ParseTilePath(bytes); name.ok()) {
    Require(TilePath(*name) == bytes, "a path is written as it was read");
  }
  if (const auto tile = ParseTile(bytes); tile.ok()) {
    std::string again;
    for (const Hash& hash : *tile) again += hash.view();
    Require(again == bytes, "a tile is its hashes");
  }
  if (const auto entries = ParseEntryBundle(bytes); entries.ok()) {
    Require(!entries->empty() && entries->size() <= kTileWidth, "a bundle has 1 to 256 entries");
    std::string again;
    for (const std::string_view entry : *entries) AppendBundleEntry(again, entry);
    Require(again == bytes, "a bundle is written as it was read");
  }
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
