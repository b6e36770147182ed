#include "eventstore/base/bytes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace polku {
namespace {

using namespace std::string_literals;
using ::testing::Optional;

TEST(Hex, WritesLowerCaseAndReadsBothCases) {
  EXPECT_EQ(ToHex("\x00\xab\xff"s), "00abff");
  EXPECT_THAT(FromHex("00aBFf"), Optional("\x00\xab\xff"s));
  EXPECT_THAT(FromHex(""), Optional(""s));
}

TEST(Hex, RefusesOddLengthsAndForeignCharacters) {
  for (const char* text : {"0", "abc", "0g", "g0", " 00", "0x00", "\xc3\xa4", "-1", "`0", "@0"}) {
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
  }
}

// RFC 4648 section 10.
TEST(Base64, GivesTheTestVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_THAT(FromBase64(text), Optional(std::string(bytes)));
  }
  EXPECT_EQ(ToBase64("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, RefusesEveryTextThatItWouldNotWrite) {
  for (const char* text :
       {"Z",    "Zg",   "Zg=",      "Zg===",           "====",   "=",     "Zh==", "Zm9=",
        "Zm8",  "Z===", "Zg==Zg==", "Zm8=Zm9v",        "Zm9v\n", "Zm 9v", "Zm9-", "Zm9_",
        "=m9v", "Z=9v", "Zm=v",     "\xff\xff\xff\xff"}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Base64, ReadsBackWhatItWroteForRandomBytes) {
  testing::SeededGenerator random(testing::TestSeed());
  for (int i = 0; i < 500; ++i) {
    const std::string bytes = random.Bytes(random.Below(70));
    EXPECT_THAT(FromBase64(ToBase64(bytes)), Optional(bytes));
    EXPECT_THAT(FromHex(ToHex(bytes)), Optional(bytes));
  }
}

TEST(BigEndian, PutsTheHighestByteFirst) {
  std::string out;
  AppendBigEndian32(out, 0x01020304);
  AppendBigEndian64(out, 0xf1f2f3f4f5f6f7f8);
  EXPECT_EQ(ToHex(out), "01020304f1f2f3f4f5f6f7f8");
  EXPECT_EQ(ReadBigEndian32(out.data()), 0x01020304u);
  EXPECT_EQ(ReadBigEndian64(out.data() + 4), 0xf1f2f3f4f5f6f7f8u);
}

TEST(BigEndian, MakesByteOrderNumericOrder) {
  testing::SeededGenerator random(testing::TestSeed());
  for (int i = 0; i < 500; ++i) {
    const uint64_t a = random() >> random.Below(64);
    const uint64_t b = random() >> random.Below(64);
    std::string a_bytes, b_bytes;
    AppendBigEndian64(a_bytes, a);
    AppendBigEndian64(b_bytes, b);
    EXPECT_EQ(a < b, a_bytes < b_bytes);
  }
}

std::string Varint(uint64_t value) {
  std::string out;
  AppendVarint(out, value);
  return out;
}

TEST(Varint, IsThatOfProtocolBuffers) {
  EXPECT_EQ(ToHex(Varint(0)), "00");
  EXPECT_EQ(ToHex(Varint(127)), "7f");
  EXPECT_EQ(ToHex(Varint(128)), "8001");
  EXPECT_EQ(ToHex(Varint(300)), "ac02");
  EXPECT_EQ(ToHex(Varint(~uint64_t{0})), "ffffffffffffffffff01");
}

TEST(ByteReader, ReadsBackVarintsOfEveryLength) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const uint64_t value : {uint64_t{1} << shift, (uint64_t{1} << shift) - 1}) {
      const std::string bytes = Varint(value);
      ByteReader reader(bytes);
      uint64_t read = 0;
      ASSERT_TRUE(reader.ReadVarint(read)) << value;
      EXPECT_EQ(read, value);
      EXPECT_TRUE(reader.done());
    }
  }
}

TEST(ByteReader, RefusesVarintsThatAreCutOffTooLargeOrLongerThanNeeded) {
  for (const char* hex :
       {"", "80", "ffff", "ffffffffffffffffff", "ffffffffffffffffff02", "ffffffffffffffffff7f",
        "ffffffffffffffffffff01", "8000", "808000", "80808080808080808000"}) {
    const std::string bytes = *FromHex(hex);
    ByteReader reader(bytes);
    uint64_t value = 77;
    EXPECT_FALSE(reader.ReadVarint(value)) << hex;
    EXPECT_TRUE(reader.failed()) << hex;
    EXPECT_FALSE(reader.done()) << hex;
    EXPECT_EQ(value, 77u) << hex;
  }
}

TEST(ByteReader, ReadsInOrderAndKnowsWhenItIsDone) {
  const std::string bytes = "\x07\x03one rest"s;
  ByteReader reader(bytes);
  uint8_t u8 = 0;
  std::string_view view;
  ASSERT_TRUE(reader.ReadU8(u8));
  EXPECT_EQ(u8, 7);
  ASSERT_TRUE(reader.ReadLengthPrefixed(view));
  EXPECT_EQ(view, "one");
  EXPECT_FALSE(reader.done());
  ASSERT_TRUE(reader.ReadBytes(1, view));
  EXPECT_EQ(reader.rest(), "rest");
  ASSERT_TRUE(reader.ReadBytes(4, view));
  EXPECT_TRUE(reader.done());
  ASSERT_TRUE(reader.ReadBytes(0, view));
  EXPECT_FALSE(reader.failed());
}

TEST(ByteReader, FailsWhenAPrefixClaimsMoreThanThereIs) {
  for (const char* hex : {"01", "0561626364", "ffffffffffffffffff0161"}) {
    const std::string bytes = *FromHex(hex);
    ByteReader reader(bytes);
    std::string_view view;
    EXPECT_FALSE(reader.ReadLengthPrefixed(view)) << hex;
    EXPECT_TRUE(reader.failed()) << hex;
  }
}

TEST(ByteReader, StaysFailedAfterTheFirstFailure) {
  ByteReader reader("ab");
  std::string_view view;
  uint8_t u8 = 0;
  uint64_t value = 0;
  EXPECT_FALSE(reader.ReadBytes(3, view));
  EXPECT_FALSE(reader.ReadBytes(1, view));
  EXPECT_FALSE(reader.ReadU8(u8));
  EXPECT_FALSE(reader.ReadVarint(value));
  EXPECT_FALSE(reader.ReadLengthPrefixed(view));
  EXPECT_FALSE(reader.ReadBytes(0, view));
  EXPECT_FALSE(reader.done());
}

TEST(LengthPrefix, IsThirtyTwoBitsBigEndianThenTheBytes) {
  std::string out = "x";
  AppendLengthPrefixed32(out, "abc");
  AppendLengthPrefixed32(out, "");
  EXPECT_EQ(ToHex(out), "780000000361626300000000");
}

}  // namespace
}  // namespace polku
