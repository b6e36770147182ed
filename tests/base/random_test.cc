#include "eventstore/base/random.h"

#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace polku {
namespace {

TEST(NewEventId, IsAVersionFourUuidWhateverTheRandomness) {
  for (const uint8_t fill : {0x00, 0xff}) {
    const EventId id =
        NewEventId([fill](uint8_t* out, size_t size) { std::fill(out, out + size, fill); });
    EXPECT_EQ(FormatEventId(id), fill == 0 ? "00000000-0000-4000-8000-000000000000"
                                           : "ffffffff-ffff-4fff-bfff-ffffffffffff");
  }
}

TEST(NewCaseId, IsNeverTheZeroThatMeansNoCase) {
  int calls = 0;
  const CaseId id = NewCaseId([&calls](uint8_t* out, size_t size) {
    std::fill(out, out + size, static_cast<uint8_t>(calls++));
  });
  EXPECT_FALSE(id.is_zero());
  EXPECT_EQ(calls, 2);
}

// SHA-256("abc") begins ba7816bf8f01cfea414140de5dae2223.
TEST(DerivedEventId, IsAVersionEightUuidFixedForEverByItsSeed) {
  EXPECT_EQ(FormatEventId(DerivedEventId("abc")), "ba7816bf-8f01-8fea-8141-40de5dae2223");
}

TEST(DerivedEventId, DiffersForEverySeed) {
  EXPECT_NE(DerivedEventId("a"), DerivedEventId("b"));
  EXPECT_NE(DerivedEventId(""), DerivedEventId(std::string_view("\0", 1)));
}

TEST(SystemRandom, DoesNotRepeatItself) {
  const RandomBytes random = SystemRandom();
  EXPECT_NE(NewCaseId(random), NewCaseId(random));
  EXPECT_NE(NewEventId(random), NewEventId(SystemRandom()));
}

TEST(SeededRandom, RepeatsFromItsSeedOnly) {
  EXPECT_EQ(NewCaseId(testing::SeededRandom(7)), NewCaseId(testing::SeededRandom(7)));
  EXPECT_NE(NewCaseId(testing::SeededRandom(7)), NewCaseId(testing::SeededRandom(8)));
  const RandomBytes random = testing::SeededRandom(7);
  EXPECT_NE(NewCaseId(random), NewCaseId(random));
}

}  // namespace
}  // namespace polku
