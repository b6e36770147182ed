#include "eventstore/log/group.h"

#include <xxhash.h>

#include "eventstore/log/head.h"
#include "tests/log/log_fixture.h"

namespace polku::log {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

std::string Checked(std::string bytes) {
  AppendBigEndian64(bytes, XXH3_64bits(bytes.data(), bytes.size()));
  return bytes;
}

GroupWriter::Encoded Mixed() {
  GroupWriter writer;
  writer.AddLeaf("first");
  writer.AddBlob(SectionKind::kService, "", "blob a");
  writer.AddBlob(SectionKind::kHealth, std::string(32, 's'), "blob b");
  writer.AddWithheld({1, Sha256("two withheld")});
  writer.AddLeaf("fourth");
  writer.AddBlob(SectionKind::kIdentity, std::string(72, 'w'), "");
  writer.AddWithheld({0, Sha256("one withheld")});
  EXPECT_EQ(writer.count(), 5u);
  return std::move(writer).Finish();
}

TEST(Group, WhatIsWrittenIsRead) {
  const GroupWriter::Encoded bytes = Mixed();
  EXPECT_THAT(GroupCount(bytes.entries), IsOkAndHolds(5u));
  ASSERT_OK_AND_ASSIGN(const GroupView view, GroupView::Parse(bytes.entries, bytes.blobs));
  EXPECT_EQ(view.count(), 5u);
  ASSERT_EQ(view.items().size(), 4u);
  EXPECT_EQ(view.items()[0].leaf, "first");
  EXPECT_EQ(view.items()[1].offset, 1u);
  EXPECT_TRUE(view.items()[1].leaf.empty());
  EXPECT_EQ(view.items()[1].withheld.level, 1);
  EXPECT_EQ(view.items()[1].withheld.hash, Sha256("two withheld"));
  EXPECT_EQ(view.items()[2].offset, 3u);
  EXPECT_EQ(view.items()[2].leaf, "fourth");
  ASSERT_EQ(view.BlobsAt(0).size(), 2u);
  EXPECT_EQ(view.BlobsAt(0)[1].kind, SectionKind::kHealth);
  EXPECT_EQ(view.BlobsAt(0)[1].secret, std::string(32, 's'));
  EXPECT_EQ(view.BlobsAt(0)[1].blob, "blob b");
  EXPECT_TRUE(view.BlobsAt(1).empty());
  ASSERT_EQ(view.BlobsAt(3).size(), 1u);
  EXPECT_TRUE(view.BlobsAt(3)[0].blob.empty());
  EXPECT_TRUE(view.BlobsAt(4).empty());
}

TEST(Group, EveryFlippedBitAndEveryTruncationIsFound) {
  const GroupWriter::Encoded good = Mixed();
  for (size_t i = 0; i < good.entries.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good.entries;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_THAT(GroupView::Parse(bad, good.blobs), StatusIs(absl::StatusCode::kDataLoss));
    }
    EXPECT_THAT(GroupView::Parse(good.entries.substr(0, i), ""),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  for (size_t i = 0; i < good.blobs.size(); ++i) {
    std::string bad = good.blobs;
    bad[i] ^= 4;
    EXPECT_THAT(GroupView::Parse(good.entries, bad), StatusIs(absl::StatusCode::kDataLoss));
    if (i == 0) continue;
    EXPECT_THAT(GroupView::Parse(good.entries, good.blobs.substr(0, i)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(Group, WellChecksummedNonsenseIsRefused) {
  const auto entries = [](std::string bytes) { return GroupView::Parse(Checked(bytes), ""); };
  const std::string hash(32, 'h');
  const auto loss = StatusIs(absl::StatusCode::kDataLoss);
  EXPECT_THAT(entries({}), loss);
  EXPECT_THAT(entries(std::string("\x01\x00", 2)), loss) << "count 0";
  EXPECT_THAT(entries(std::string("\x02\x01\x01\x01x", 5)), loss) << "version 2";
  EXPECT_THAT(entries(std::string("\x01\x01\x01\x01x", 5)), IsOk());
  EXPECT_THAT(entries(std::string("\x01\x02\x01\x01x", 5)), loss) << "fewer than the count";
  EXPECT_THAT(entries(std::string("\x01\x01\x01\x01x\x01\x01x", 8)), loss) << "more";
  EXPECT_THAT(entries(std::string("\x01\x01\x01\x00", 4)), loss) << "empty leaf";
  EXPECT_THAT(entries(std::string("\x01\x01\x01\x05x", 5)), loss) << "leaf beyond the end";
  EXPECT_THAT(entries(std::string("\x01\x01\x03", 3)), loss) << "unknown item";
  EXPECT_THAT(entries(std::string("\x01\x01\x02\x00", 4) + hash), IsOk());
  EXPECT_THAT(entries(std::string("\x01\x01\x02\x3f", 4) + hash), loss) << "level 63";
  EXPECT_THAT(entries(std::string("\x01\x01\x02\x00", 4) + hash.substr(1)), loss) << "short hash";
  EXPECT_THAT(entries("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01x"), loss)
      << "a count that would reserve the world";

  const std::string two = Checked(std::string("\x01\x02\x01\x01x\x02\x00", 7) + hash);
  const auto blobs = [&](std::string bytes) { return GroupView::Parse(two, Checked(bytes)); };
  EXPECT_THAT(blobs(std::string("\x01\x00\x01\x00\x01y", 6)), IsOk());
  EXPECT_THAT(blobs("\x01"), loss) << "no item";
  EXPECT_THAT(blobs(std::string("\x01\x00\x00\x00\x01y", 6)), loss) << "kind 0";
  EXPECT_THAT(blobs(std::string("\x01\x01\x01\x00\x01y", 6)), loss) << "of a withheld entry";
  EXPECT_THAT(blobs(std::string("\x01\x02\x01\x00\x01y", 6)), loss) << "beyond the group";
  EXPECT_THAT(blobs(std::string("\x01\x00\x01\x03sss\x01y", 9)), loss) << "secret of 3 bytes";
  EXPECT_THAT(blobs(std::string("\x01\x00\x02\x00\x01y\x00\x01\x00\x01y", 11)), loss)
      << "descending";
  EXPECT_THAT(blobs(std::string("\x01\x00\x02\x00\x01y\x00\x02\x00\x01y", 11)), loss) << "twice";
}

TEST(Group, RandomBytesNeverCrashTheParser) {
  testing::SeededGenerator generator(testing::TestSeed());
  const GroupWriter::Encoded good = Mixed();
  for (int i = 0; i < 50'000; ++i) {
    std::string bad = good.entries.substr(0, good.entries.size() - 8);
    std::string bad_blobs = good.blobs.substr(0, good.blobs.size() - 8);
    bad[generator.Below(bad.size())] = static_cast<char>(generator());
    bad_blobs[generator.Below(bad_blobs.size())] = static_cast<char>(generator());
    const auto view = GroupView::Parse(Checked(bad), Checked(bad_blobs));
    if (!view.ok()) continue;
    for (const GroupItem& item : view->items()) EXPECT_LT(item.offset, view->count());
  }
}

TEST(Head, RoundTripsAndFindsEveryFlippedBit) {
  LogHead head;
  head.origin = std::string(kTestOrigin);
  for (int i = 0; i < 11; ++i) head.frontier.AppendLeafHash(Sha256(std::to_string(i)));
  head.last_order = Order(123'456);
  head.disclosure_number = 9;
  const std::string bytes = head.Serialize();
  ASSERT_OK_AND_ASSIGN(const LogHead parsed, LogHead::Parse(bytes));
  EXPECT_EQ(parsed.origin, head.origin);
  EXPECT_EQ(parsed.frontier.Root(), head.frontier.Root());
  EXPECT_EQ(parsed.last_order, head.last_order);
  EXPECT_EQ(parsed.disclosure_number, 9u);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] ^= 0x20;
    EXPECT_THAT(LogHead::Parse(bad), StatusIs(absl::StatusCode::kDataLoss)) << i;
    EXPECT_THAT(LogHead::Parse(bytes.substr(0, i)), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
  const std::string body = bytes.substr(0, bytes.size() - 8);
  EXPECT_THAT(LogHead::Parse(Checked(body + "x")), StatusIs(absl::StatusCode::kDataLoss));
  std::string version = body;
  version[0] = 2;
  EXPECT_THAT(LogHead::Parse(Checked(version)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("version")));
}

}  // namespace
}  // namespace polku::log
