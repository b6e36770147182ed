#include "eventstore/proof/tile.h"

#include <algorithm>
#include <map>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/proof/reference_tree.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::proof {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::SeededGenerator;
using testing::StatusIs;
using testing::TestSeed;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr uint64_t kLargest = (uint64_t{1} << 63) - 1;

TEST(TilePath, IsThatOfTheSpecification) {
  const std::pair<TileName, const char*> kPaths[] = {
      {{.level = 0, .index = 0}, "tile/0/000"},
      {{.level = 0, .index = 999}, "tile/0/999"},
      {{.level = 0, .index = 1000}, "tile/0/x001/000"},
      {{.level = 0, .index = 1234067}, "tile/0/x001/x234/067"},
      {{.level = 0, .index = 1234067, .width = 12}, "tile/0/x001/x234/067.p/12"},
      {{.level = 2, .index = 5, .width = 255}, "tile/2/005.p/255"},
      {{.level = 7, .index = 0, .width = 1}, "tile/7/000.p/1"},
      {{.entries = true, .index = 12}, "tile/entries/012"},
      {{.entries = true, .index = 1000000, .width = 100}, "tile/entries/x001/x000/000.p/100"},
      {{.level = 0, .index = kLargest >> 8}, "tile/0/x036/x028/x797/x018/x963/967"},
  };
  for (const auto& [name, path] : kPaths) {
    EXPECT_EQ(TilePath(name), path);
    EXPECT_THAT(ParseTilePath(path), IsOkAndHolds(name));
  }
}

TEST(TilePath, IsReadAsWrittenForEveryTile) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    TileName name;
    name.entries = random.Below(2) == 0;
    if (!name.entries) name.level = static_cast<uint8_t>(random.Below(8));
    const uint64_t last = FullTiles(Position(kLargest), name.level);
    name.index = last == 0 ? 0 : (random() >> random.Below(64)) % (last + 1);
    name.width = static_cast<uint16_t>(1 + random.Below(256));
    EXPECT_THAT(ParseTilePath(TilePath(name)), IsOkAndHolds(name)) << TilePath(name);
  }
}

TEST(TilePath, IsRefusedInAnyOtherForm) {
  for (const std::string& path :
       {""s, "tile"s, "tile/"s, "tile/0"s, "tile/0/"s, "tile//000"s, "/tile/0/000"s, "tiles/0/000"s,
        "tile/00/000"s, "tile/8/000"s, "tile/64/000"s, "tile/-1/000"s, "tile/+0/000"s,
        "tile/a/000"s, "tile/Entries/000"s, "tile/entries"s, "tile/entries/"s, "tile/0/0"s,
        "tile/0/00"s, "tile/0/0000"s, "tile/0/1000"s, "tile/0/x000/000"s, "tile/0/x001/x000"s,
        "tile/0/001/000"s, "tile/0/x001000"s, "tile/0/x01/000"s, "tile/0/x001/00"s,
        "tile/0/x001//000"s, "tile/0/x001/000/"s, "tile/0/X001/000"s, "tile/0/ 00"s, "tile/0/0 0"s,
        "tile/0/-01"s, "tile/0/000.p"s, "tile/0/000.p/"s, "tile/0/000.p/0"s, "tile/0/000.p/256"s,
        "tile/0/000.p/01"s, "tile/0/000.p/1 "s, "tile/0/000.p/1/"s, "tile/0/000.p/1.p/1"s,
        "tile/0/000p/1"s, "tile/0/.p/1"s, "tile/0/000\n"s, "tile/0/0\0000"s, "tile/0/../000"s,
        "tile/0/x../000"s,
        // Beyond the largest tree of 63 bits.
        "tile/0/x036/x028/x797/x018/x963/968"s, "tile/7/001"s, "tile/6/128"s,
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999"s}) {
    EXPECT_THAT(ParseTilePath(path), StatusIs(kInvalid, HasSubstr("tile:"))) << path;
  }
}

TEST(Tiles, OfTheSpecificationsExample) {
  const Position size(70'000);
  EXPECT_EQ(FullTiles(size, 0), 273u);
  EXPECT_EQ(FullTiles(size, 1), 1u);
  EXPECT_EQ(FullTiles(size, 2), 0u);
  EXPECT_THAT(RightEdge(size), ElementsAre(TileName{.level = 0, .index = 273, .width = 112},
                                           TileName{.level = 1, .index = 1, .width = 17},
                                           TileName{.level = 2, .index = 0, .width = 1}));
  EXPECT_EQ(FullTiles(Position(256), 0), 1u);
  EXPECT_THAT(RightEdge(Position(256)), ElementsAre(TileName{.level = 1, .index = 0, .width = 1}));
  EXPECT_TRUE(RightEdge(Position(0)).empty());
}

// Every level's tiles hold exactly the complete subtrees of that level.
TEST(Tiles, HoldEveryCompleteSubtreeOnce) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 500; ++round) {
    const uint64_t size = round == 0 ? kLargest : (random() >> 1) >> random.Below(63);
    const std::vector<TileName> edge = RightEdge(Position(size));
    for (uint8_t level = 0; level <= kMaxTileLevel; ++level) {
      uint64_t hashes = FullTiles(Position(size), level) * kTileWidth;
      for (const TileName& name : edge) {
        ASSERT_THAT(ParseTilePath(TilePath(name)), IsOkAndHolds(name));
        if (name.level != level) continue;
        ASSERT_EQ(name.index, FullTiles(Position(size), level));
        hashes += name.width;
      }
      ASSERT_EQ(hashes, size >> (8 * level)) << size << " level " << int{level};
    }
    ASSERT_TRUE(std::is_sorted(edge.begin(), edge.end(), [](const TileName& a, const TileName& b) {
      return a.level < b.level;
    }));
  }
  EXPECT_EQ(FullTiles(Position(kLargest), 8), 0u);
  EXPECT_EQ(FullTiles(Position(kLargest), 255), 0u);
}

TEST(Tile, HoldsOneTo256Hashes) {
  SeededGenerator random(TestSeed());
  for (const size_t count : {1, 2, 255, 256}) {
    const std::string bytes = random.Bytes(count * 32);
    ASSERT_OK_AND_ASSIGN(const std::vector<Hash> hashes, ParseTile(bytes));
    ASSERT_EQ(hashes.size(), count);
    std::string again;
    for (const Hash& hash : hashes) again += hash.view();
    EXPECT_EQ(again, bytes);
  }
  for (const size_t size : {0, 1, 31, 33, 256 * 32 - 1, 256 * 32 + 1, 257 * 32}) {
    EXPECT_THAT(ParseTile(std::string(size, 'x')), StatusIs(kInvalid, HasSubstr("bytes are not")))
        << size;
  }
}

TEST(EntryBundle, GivesItsEntriesBack) {
  SeededGenerator random(TestSeed());
  for (const size_t count : {1, 2, 255, 256}) {
    std::vector<std::string> leaves;
    std::string bundle;
    for (size_t i = 0; i < count; ++i) {
      leaves.push_back(random.Bytes(i == 0 ? 65'535 : random.Below(600)));
      AppendBundleEntry(bundle, leaves.back());
    }
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string_view> entries, ParseEntryBundle(bundle));
    EXPECT_EQ(std::vector<std::string>(entries.begin(), entries.end()), leaves);
  }
}

TEST(EntryBundle, HasTheLengthInTwoBytesBigEndian) {
  std::string bundle;
  AppendBundleEntry(bundle, std::string(258, 'a'));
  AppendBundleEntry(bundle, "");
  EXPECT_EQ(bundle, "\x01\x02"s + std::string(258, 'a') + "\0\0"s);
}

TEST(EntryBundle, IsRefusedWhenCutShortEmptyOrTooLong) {
  std::string bundle;
  AppendBundleEntry(bundle, "one");
  AppendBundleEntry(bundle, "two");
  for (size_t size = 0; size < bundle.size(); ++size) {
    if (size == 5) continue;  // ends after the first entry
    EXPECT_THAT(ParseEntryBundle(bundle.substr(0, size)), StatusIs(kInvalid)) << size;
  }
  EXPECT_THAT(ParseEntryBundle(""), StatusIs(kInvalid, HasSubstr("without entries")));
  EXPECT_THAT(ParseEntryBundle(bundle + "x"), StatusIs(kInvalid, HasSubstr("entry 2")));
  EXPECT_THAT(ParseEntryBundle(bundle + "\xff\xff" + std::string(65'534, 'x')),
              StatusIs(kInvalid, HasSubstr("cut short")));
  std::string many;
  for (int i = 0; i < 256; ++i) AppendBundleEntry(many, "");
  EXPECT_THAT(ParseEntryBundle(many), IsOk());
  AppendBundleEntry(many, "");
  EXPECT_THAT(ParseEntryBundle(many), StatusIs(kInvalid, HasSubstr("more than 256")));
}

}  // namespace
}  // namespace polku::proof
