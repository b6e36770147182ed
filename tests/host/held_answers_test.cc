#include "services/host/held_answers.h"

#include <algorithm>
#include <random>

#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/logging.h"

namespace polku::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

HeldAnswer Answer(std::string_view route, uint64_t correlation, uint32_t witnesses,
                  size_t receipts = 1) {
  HeldAnswer held{.route = std::string(route), .correlation = correlation, .answer = {},
                  .witnesses = witnesses};
  for (size_t i = 0; i < receipts; ++i) held.answer.add_receipts()->set_position(i);
  return held;
}

std::vector<uint64_t> Numbers(const std::vector<HeldAnswer>& taken) {
  std::vector<uint64_t> numbers;
  for (const auto& held : taken) numbers.push_back(held.correlation);
  return numbers;
}

// `sizes`: what each of the agencies has cosigned.
std::function<size_t(Position)> Covering(std::vector<uint64_t> sizes) {
  return [sizes](Position size) {
    return static_cast<size_t>(std::count_if(sizes.begin(), sizes.end(), [&](uint64_t cosigned) {
      return cosigned >= size.value();
    }));
  };
}

TEST(HeldAnswersTest, AnAnswerWaitsUntilAsManyAgenciesAsItAskedForCoverIt) {
  HeldAnswers held({});
  HeldAnswer one = Answer("a", 1, 1), two = Answer("a", 2, 2), far = Answer("b", 3, 1);
  ASSERT_TRUE(held.Hold(one, Position(10), kStart + absl::Seconds(10)));
  ASSERT_TRUE(held.Hold(two, Position(10), kStart + absl::Seconds(10)));
  ASSERT_TRUE(held.Hold(far, Position(12), kStart + absl::Seconds(10)));
  EXPECT_THAT(held.Take(Covering({9, 9}), kStart), IsEmpty());
  EXPECT_THAT(Numbers(held.Take(Covering({10, 9}), kStart)), ElementsAre(1u));
  EXPECT_THAT(held.Take(Covering({11, 9}), kStart), IsEmpty());
  EXPECT_THAT(Numbers(held.Take(Covering({12, 10}), kStart)), ElementsAre(2u, 3u));
  EXPECT_EQ(held.size(), 0u);
  EXPECT_EQ(held.NextDeadline(), absl::InfiniteFuture());
}

TEST(HeldAnswersTest, TheTimeEndsTheWaitWhateverIsCovered) {
  HeldAnswers held({});
  HeldAnswer late = Answer("a", 1, 3), soon = Answer("b", 2, 3);
  ASSERT_TRUE(held.Hold(late, Position(1), kStart + absl::Seconds(20)));
  ASSERT_TRUE(held.Hold(soon, Position(1), kStart + absl::Seconds(5)));
  EXPECT_EQ(held.NextDeadline(), kStart + absl::Seconds(5));
  EXPECT_THAT(held.Take(Covering({}), kStart + absl::Milliseconds(4'999)), IsEmpty());
  const auto taken = held.Take(Covering({}), kStart + absl::Seconds(5));
  ASSERT_THAT(Numbers(taken), ElementsAre(2u));
  EXPECT_EQ(taken[0].route, "b");
  EXPECT_EQ(taken[0].answer.receipts_size(), 1);
  EXPECT_EQ(held.NextDeadline(), kStart + absl::Seconds(20));
}

TEST(HeldAnswersTest, OneConnectionCannotUseUpTheRoomOfOthersNorAllTogetherMoreThanThereIs) {
  HeldAnswers held({.answers = 32, .bytes = 1 << 20, .share = 4});
  for (uint64_t i = 0; i < 8; ++i) {
    HeldAnswer answer = Answer("greedy", i, 1);
    ASSERT_TRUE(held.Hold(answer, Position(i + 1), kStart));
  }
  HeldAnswer refused = Answer("greedy", 8, 1, 3);
  EXPECT_FALSE(held.Hold(refused, Position(9), kStart));
  EXPECT_EQ(refused.correlation, 8u);
  EXPECT_EQ(refused.answer.receipts_size(), 3) << "what cannot be held is still to be sent";
  for (uint64_t i = 0; i < 24; ++i) {
    HeldAnswer answer = Answer(Str("other ", i % 3), i, 1);
    ASSERT_TRUE(held.Hold(answer, Position(1), kStart));
  }
  HeldAnswer last = Answer("nobody yet", 1, 1);
  EXPECT_FALSE(held.Hold(last, Position(1), kStart));
  // Room comes back as answers go.
  EXPECT_EQ(held.Take(Covering({1}), kStart - absl::Seconds(1)).size(), 25u);
  EXPECT_TRUE(held.Hold(last, Position(1), kStart));
  EXPECT_TRUE(held.Hold(refused, Position(9), kStart));
}

TEST(HeldAnswersTest, BytesAreBoundedToo) {
  HeldAnswers held({.answers = 1'000, .bytes = 100'000, .share = 2});
  HeldAnswer large = Answer("a", 1, 1, 20'000), small = Answer("a", 2, 1);
  ASSERT_GT(large.answer.ByteSizeLong(), 50'000u);
  EXPECT_FALSE(held.Hold(large, Position(1), kStart));
  EXPECT_TRUE(held.Hold(small, Position(1), kStart));
}

TEST(HeldAnswersTest, AgreesWithTheObviousListForAnySequence) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  struct Listed {
    uint64_t number;
    uint32_t witnesses;
    uint64_t size;
    absl::Time deadline;
  };
  HeldAnswers held({});
  std::vector<Listed> list;
  std::vector<uint64_t> cosigned(4, 0);
  absl::Time now = kStart;
  for (uint64_t step = 0; step < 20'000; ++step) {
    if (below(2) == 0) {
      const Listed item{step, below(5), 1 + below(3'000), now + absl::Milliseconds(below(500))};
      HeldAnswer answer = Answer(Str("route ", below(40)), step, item.witnesses);
      ASSERT_TRUE(held.Hold(answer, Position(item.size), item.deadline));
      list.push_back(item);
      continue;
    }
    now += absl::Milliseconds(below(20));
    if (below(3) == 0) cosigned[below(4)] += below(40);
    const auto covering = Covering(cosigned);
    std::vector<uint64_t> expected;
    std::erase_if(list, [&](const Listed& item) {
      const bool ready =
          item.deadline <= now || covering(Position(item.size)) >= item.witnesses;
      if (ready) expected.push_back(item.number);
      return ready;
    });
    ASSERT_EQ(Numbers(held.Take(covering, now)), expected);
    absl::Time next = absl::InfiniteFuture();
    for (const Listed& item : list) next = std::min(next, item.deadline);
    ASSERT_EQ(held.NextDeadline(), next);
  }
  EXPECT_EQ(held.size(), list.size());
}

TEST(PeerLogTest, APeerGetsALineASecondAndTheRestIsCounted) {
  PeerLog log;
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 1'000; ++i) log.Line(LogLevel::kWarning, "noisy", kStart, "line ", i);
  log.Line(LogLevel::kWarning, "other", kStart, "of its own");
  log.Line(LogLevel::kWarning, "noisy", kStart + absl::Seconds(1), "again");
  log.Line(LogLevel::kWarning, "noisy", kStart + absl::Seconds(2), "and again");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_THAT(text, HasSubstr("warning noisy: line 0\n"));
  EXPECT_THAT(text, HasSubstr("warning other: of its own\n"));
  EXPECT_THAT(text, HasSubstr("warning noisy: again (999 lines before it left out)\n"));
  EXPECT_THAT(text, HasSubstr("warning noisy: and again\n"));
}

}  // namespace
}  // namespace polku::host
