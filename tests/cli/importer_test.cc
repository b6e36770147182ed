#include "adapters/cli/importer.h"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace polku::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Le;
using testing::StatusIs;

// A service in memory: an event of body "bad" is refused, "later" asks to try again, an id that it
// has is a repeat. A "needs:x" is refused until "x" is there.
class FakeClient final : public client::Client {
 public:
  absl::StatusOr<exchange::v1::OfferAnswer> Publish(const exchange::v1::Offer& offer) override {
    if (!connection_.ok()) return connection_;
    return Answer(offer);
  }
  absl::StatusOr<exchange::v1::StatusAnswer> Status() override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<exchange::v1::KeyChangeAnswer> ChangeKey(std::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<uint64_t> OfferAsync(const exchange::v1::Offer& offer) override {
    offer_sizes_.push_back(offer.events_size());
    under_way_.emplace_back(++ticket_, offer);
    most_under_way_ = std::max(most_under_way_, under_way_.size());
    return ticket_;
  }
  absl::StatusOr<std::pair<uint64_t, exchange::v1::OfferAnswer>> NextAnswer() override {
    if (answers_until_failure_ == 0) return absl::DeadlineExceededError("gone");
    --answers_until_failure_;
    auto [ticket, offer] = under_way_.front();
    under_way_.pop_front();
    return std::pair(ticket, Answer(offer));
  }

  exchange::v1::OfferAnswer Answer(const exchange::v1::Offer& offer) {
    exchange::v1::OfferAnswer answer;
    std::set<std::string> ids;
    for (int i = 0; i < offer.events_size(); ++i) {
      const std::string& body = offer.events(i).body();
      const bool missing = body.rfind("needs:", 0) == 0 && !bodies_.contains(body.substr(6));
      if (body != "bad" && body != "later" && !missing &&
          ids.insert(offer.events(i).event_id()).second) {
        continue;
      }
      answer.mutable_refusal()->set_event_index(static_cast<uint32_t>(i));
      answer.mutable_refusal()->set_kind(body == "later" ? exchange::v1::REFUSAL_KIND_TRY_AGAIN
                                                         : exchange::v1::REFUSAL_KIND_RULE);
      return answer;
    }
    for (const auto& event : offer.events()) {
      answer.add_receipts()->set_repeated_offer(
          !stored_.emplace(event.event_id(), event.body()).second);
      bodies_.insert(event.body());
    }
    return answer;
  }

  absl::Status connection_;
  int answers_until_failure_ = 1 << 30;
  std::map<std::string, std::string> stored_;
  std::set<std::string> bodies_;
  std::vector<int> offer_sizes_;
  size_t most_under_way_ = 0;

 private:
  uint64_t ticket_ = 0;
  std::deque<std::pair<uint64_t, exchange::v1::Offer>> under_way_;
};

// Bodies; "!" is a line that is no event. The id is the body's, so equal lines are one event.
ImportSource Lines(std::vector<std::string> bodies) {
  auto state = std::make_shared<std::pair<std::vector<std::string>, size_t>>(std::move(bodies), 0);
  return [state]() -> std::optional<ImportLine> {
    auto& [lines, next] = *state;
    if (next == lines.size()) return std::nullopt;
    const std::string& body = lines[next++];
    if (body == "!") return ImportLine{next, absl::InvalidArgumentError("no event")};
    exchange::v1::OfferedEvent event;
    event.set_event_id("id of " + body);
    event.set_body(body);
    if (body.rfind("rev", 0) == 0) event.set_expected_revision(0);
    return ImportLine{next, event};
  };
}
std::vector<std::string> Numbered(int count) {
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i) lines.push_back("e" + std::to_string(i));
  return lines;
}

TEST(ImporterTest, EveryLineIsRecordedInAWindowOfOffers) {
  FakeClient client;
  const ImportResult result =
      Import(client, Lines(Numbered(1000)), {.window = 4, .lines_per_offer = 10});
  EXPECT_EQ(result.counts.lines, 1000u);
  EXPECT_EQ(result.counts.added, 1000u);
  EXPECT_FALSE(result.stopped_at.has_value());
  EXPECT_EQ(client.most_under_way_, 4u);
  EXPECT_THAT(client.offer_sizes_, Each(Le(10)));
  EXPECT_EQ(client.offer_sizes_.size(), 100u);
}

TEST(ImporterTest, TheSameImportAgainAddsNothing) {
  FakeClient client;
  Import(client, Lines(Numbered(100)), {});
  const ImportResult again = Import(client, Lines(Numbered(120)), {});
  EXPECT_EQ(again.counts.repeated, 100u);
  EXPECT_EQ(again.counts.added, 20u);
}

TEST(ImporterTest, EqualLinesNeverStandInOneOffer) {
  FakeClient client;
  const ImportResult result = Import(client, Lines({"a", "a", "b", "a"}), {});
  EXPECT_EQ(result.counts.added, 2u);
  EXPECT_EQ(result.counts.repeated, 2u);
  EXPECT_EQ(result.counts.refused, 0u);
}

TEST(ImporterTest, AnExpectedRevisionGoesAlone) {
  FakeClient client;
  Import(client, Lines({"a", "rev1", "b", "c"}), {});
  EXPECT_THAT(client.offer_sizes_, ElementsAre(1, 1, 2));
}

TEST(ImporterTest, StopsAtTheFirstRefusedLineWithEverythingBeforeItRecorded) {
  std::vector<std::string> lines = Numbered(500);
  lines[123] = "bad";
  lines[321] = "bad";
  FakeClient client;
  const ImportResult result = Import(client, Lines(lines), {.window = 3, .lines_per_offer = 50});
  ASSERT_TRUE(result.stopped_at.has_value());
  EXPECT_EQ(result.stopped_at->line, 124u);
  EXPECT_EQ(result.counts.refused, 1u);
  for (int i = 0; i < 123; ++i)
    EXPECT_TRUE(client.stored_.contains("id of e" + std::to_string(i))) << i;
}

TEST(ImporterTest, ALineRefusedOnlyBecauseOfAnEarlierOneIsNotTheOneThatIsTold) {
  // The offer with e1 is refused for "bad"; "needs:e1" of the next offer then misses e1.
  FakeClient client;
  const ImportResult result =
      Import(client, Lines({"e1", "bad", "needs:e1", "e4"}), {.window = 8, .lines_per_offer = 2});
  ASSERT_TRUE(result.stopped_at.has_value());
  EXPECT_EQ(result.stopped_at->line, 2u);
  EXPECT_EQ(result.counts.refused, 1u);
}

TEST(ImporterTest, StopsAtTheFirstLineThatIsNoEvent) {
  FakeClient client;
  const ImportResult result = Import(client, Lines({"a", "b", "!", "c"}), {});
  ASSERT_TRUE(result.stopped_at.has_value());
  EXPECT_EQ(result.stopped_at->line, 3u);
  EXPECT_FALSE(result.stopped_at->invalid.ok());
  EXPECT_EQ(result.counts.invalid, 1u);
  EXPECT_EQ(result.counts.added, 2u);
}

TEST(ImporterTest, GoingOnTellsEveryWrongLineAndRecordsTheRest) {
  std::vector<std::string> lines = Numbered(300);
  lines[5] = lines[200] = "bad";
  lines[7] = "!";
  lines[250] = "needs:e249";
  FakeClient client;
  std::vector<uint64_t> told;
  const ImportResult result = Import(
      client, Lines(lines), {.keep_going = true, .problem = [&](const ImportProblem& problem) {
                               told.push_back(problem.line);
                             }});
  EXPECT_THAT(told, ::testing::UnorderedElementsAre(6u, 8u, 201u));
  EXPECT_EQ(result.counts.added, 297u);
  EXPECT_EQ(result.counts.refused, 2u);
  EXPECT_EQ(result.counts.invalid, 1u);
  EXPECT_FALSE(result.stopped_at.has_value());
}

TEST(ImporterTest, AFullDiskStopsEvenWhenGoingOn) {
  FakeClient client;
  const ImportResult result =
      Import(client, Lines({"a", "later", "b"}), {.keep_going = true, .window = 1});
  ASSERT_TRUE(result.stopped_at.has_value());
  EXPECT_EQ(result.stopped_at->line, 2u);
  EXPECT_FALSE(client.stored_.contains("id of b"));
}

TEST(ImporterTest, ALostConnectionIsToldWithWhatWasAcknowledged) {
  FakeClient client;
  client.answers_until_failure_ = 3;
  const ImportResult result =
      Import(client, Lines(Numbered(100)), {.window = 2, .lines_per_offer = 10});
  EXPECT_THAT(result.connection, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(result.counts.added, 30u);
}

TEST(ImporterTest, AnEmptyFileIsNoError) {
  FakeClient client;
  const ImportResult result = Import(client, Lines({}), {});
  EXPECT_EQ(result.counts.lines, 0u);
  EXPECT_TRUE(client.offer_sizes_.empty());
}

}  // namespace
}  // namespace polku::cli
