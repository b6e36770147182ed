#include "eventstore/base/hash.h"

#include <thread>
#include <vector>

#include "eventstore/base/bytes.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace polku {
namespace {

using namespace std::string_literals;

std::string Hex(const Hash& hash) { return ToHex(hash.view()); }

// FIPS 180-4 examples.
TEST(Sha256, GivesThePublishedVectors) {
  EXPECT_EQ(Hex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(Sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreParted) {
  testing::SeededGenerator random(testing::TestSeed());
  for (int i = 0; i < 400; ++i) {
    // Both sides of the size up to which the parts are joined on the stack.
    const std::string bytes = random.Bytes(random.Below(600));
    const std::string_view all = bytes;
    const size_t a = random.Below(bytes.size() + 1);
    const size_t b = a + random.Below(bytes.size() - a + 1);
    EXPECT_EQ(Sha256({all.substr(0, a), all.substr(a, b - a), all.substr(b)}), Sha256(all));
    EXPECT_EQ(HmacSha256("key", {all.substr(0, a), {}, all.substr(a)}), HmacSha256("key", {all}));
  }
}

TEST(Sha256, OfNoPartsIsThatOfNoBytes) { EXPECT_EQ(Sha256({}), Sha256("")); }

struct HmacVector {
  std::string key, data, mac;
};

// RFC 4231 sections 4.2 to 4.8 (case 5 is truncated there to 128 bits).
TEST(HmacSha256, GivesTheVectorsOfRfc4231) {
  const HmacVector vectors[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {*FromHex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(20, '\x0c'), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (const HmacVector& vector : vectors) {
    EXPECT_EQ(Hex(HmacSha256(vector.key, {vector.data})).substr(0, vector.mac.size()), vector.mac);
  }
}

TEST(HmacSha256, DiffersWhenOneBitOfKeyOrDataDiffers) {
  const std::string key(32, 'k');
  const Hash mac = HmacSha256(key, {"data"});
  for (size_t i = 0; i < key.size() * 8; ++i) {
    std::string other = key;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    EXPECT_NE(HmacSha256(other, {"data"}), mac);
  }
  EXPECT_NE(HmacSha256(key, {"datb"}), mac);
  EXPECT_NE(HmacSha256(key, {"data\0"s}), mac);
  EXPECT_NE(HmacSha256(key, {}), mac);
  EXPECT_NE(HmacSha256("", {"data"}), mac);
}

TEST(Sha256, GivesTheSameInEveryThread) {
  const Hash expected = HmacSha256("key", {"data"});
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&count, &expected] {
      for (int i = 0; i < 2000; ++i) count += HmacSha256("key", {"da", "ta"}) != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace polku
