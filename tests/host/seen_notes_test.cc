// Which notes of a peer's heartbeats are looked at, and how often.
#include "services/host/seen_notes.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class SeenNotesTest : public ::testing::Test {
 protected:
  static std::string Note(std::string_view origin, int size, std::string_view line = "signature") {
    return Str(origin, "\n", size, "\nroot\n\n", line, "\n");
  }
  // The notes looked at.
  std::vector<std::string> Take(const std::vector<std::string>& notes) {
    exchange::v1::Heartbeat heartbeat;
    for (const auto& note : notes) heartbeat.add_seen(note);
    std::vector<std::string> looked;
    seen_.Take(
        heartbeat, [](std::string_view origin) { return origin.starts_with("log"); },
        [&] { return looked.size() == at_most_; },
        [&](std::string_view, std::string_view note) {
          looked.emplace_back(note);
          return decided_;
        });
    return looked;
  }

  bool decided_ = true;
  size_t at_most_ = 1'000;
  SeenNotes seen_;
};

TEST_F(SeenNotesTest, WhatIsDecidedIsLookedAtOnceAndANewerOneAgain) {
  EXPECT_THAT(Take({Note("log a", 1)}), ElementsAre(Note("log a", 1)));
  EXPECT_THAT(Take({Note("log a", 1)}), IsEmpty());
  EXPECT_THAT(Take({Note("log a", 2)}), ElementsAre(Note("log a", 2)));
}

TEST_F(SeenNotesTest, WhatIsNotDecidedIsTriedAgainWithTheNextHeartbeat) {
  decided_ = false;
  EXPECT_THAT(Take({Note("log a", 1)}), SizeIs(1));
  EXPECT_THAT(Take({Note("log a", 1)}), SizeIs(1));
  decided_ = true;
  EXPECT_THAT(Take({Note("log a", 1)}), SizeIs(1));
  EXPECT_THAT(Take({Note("log a", 1)}), IsEmpty());
}

TEST_F(SeenNotesTest, AFloodOfNotesOfOneLogCostsOneLookAHeartbeat) {
  std::vector<std::string> flood;
  for (int i = 0; i < 64; ++i) flood.push_back(Note("log a", i));
  std::set<std::string> looked;
  for (int i = 0; i < 64; ++i) {
    const auto one = Take(flood);
    ASSERT_THAT(one, SizeIs(1));
    looked.insert(one[0]);
  }
  EXPECT_THAT(looked, SizeIs(64)) << "and none is out of reach for ever";
}

TEST_F(SeenNotesTest, OtherSignatureLinesMakeNoOtherCheckpoint) {
  EXPECT_THAT(Take({Note("log a", 1)}), SizeIs(1));
  EXPECT_THAT(Take({Note("log a", 1, "junk")}), IsEmpty());
}

TEST_F(SeenNotesTest, LogsThatAreNotKnownHereAreNotLookedAt) {
  EXPECT_THAT(Take({Note("another", 1), "", "log", "junk\n\n", Note("log b", 1)}),
              UnorderedElementsAre(Note("log b", 1), "log"));
}

TEST_F(SeenNotesTest, WhenTheTurnIsOverTheRestComesWithLaterHeartbeats) {
  at_most_ = 1;
  decided_ = false;  // not even those that stay undecided keep the others waiting
  std::set<std::string> looked;
  const std::vector<std::string> notes = {Note("log a", 1), Note("log b", 1), Note("log c", 1)};
  for (int i = 0; i < 3; ++i) {
    for (auto& note : Take(notes)) looked.insert(std::move(note));
  }
  EXPECT_THAT(looked, SizeIs(3));
}

TEST_F(SeenNotesTest, MoreThanAHeartbeatMayHoldIsIgnored) {
  std::vector<std::string> notes;
  for (int i = 0; i < 80; ++i) notes.push_back(Note(Str("log ", i), 1));
  EXPECT_THAT(Take(notes), SizeIs(64));
}

}  // namespace
}  // namespace polku::host
