// Nothing that peers record or authors offer can do harm, and what is known does not hang on the order
// in which it came.
#include <algorithm>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "tests/referral/oulu_path.h"
#include "tests/support/random.h"
#include "tests/support/random_message.h"

namespace polku::referral {
namespace {

using testing::OwnedFact;
using testing::SeededGenerator;
using testing::TestSeed;

std::shared_ptr<google::protobuf::Message> RandomEvent(SeededGenerator& random) {
  const auto* file = v1::NeedIdentified::descriptor()->file();
  const auto* type = file->message_type(
      static_cast<int>(random.Below(static_cast<uint64_t>(file->message_type_count()))));
  std::shared_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  testing::FillRandomly(*message, random);
  return message;
}

OwnedFact RandomFact(SeededGenerator& random, uint64_t number) {
  static constexpr std::string_view kAuthors[] = {kOulu, kPohde, kVerstas, kKela, kStranger};
  const std::string_view author = kAuthors[random.Below(std::size(kAuthors))];
  return {.id = testing::NumberedEvent(number),
          .order = random.Below(40),
          .origin = std::string(author) + "/referral/1",
          .position = number,
          .author = std::string(author),
          .body = RandomEvent(random)};
}

TEST(Totality, AnyArrivalOrderGivesTheSameState) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 60; ++round) {
    std::vector<OwnedFact> facts;
    for (uint64_t i = 0; i < 40; ++i) facts.push_back(RandomFact(random, i));
    OuluCase in_order;
    std::vector<OwnedFact> sorted = facts;
    std::sort(sorted.begin(), sorted.end());
    for (const OwnedFact& fact : sorted) in_order.Learn(fact);
    OuluCase shuffled;
    std::shuffle(facts.begin(), facts.end(), random);
    for (const OwnedFact& fact : facts) shuffled.Learn(fact);
    ASSERT_TRUE(in_order.referral_state() == shuffled.referral_state()) << "round " << round;
  }
}

TEST(Totality, RandomOffersOnRandomHistoriesAreTakenOrRefusedWithACodeAndAReason) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 40; ++round) {
    OuluCase client;
    for (uint64_t i = 0; i < 30; ++i) client.Learn(RandomFact(random, i));
    for (int i = 0; i < 60; ++i) {
      const auto refusal =
          client.Decide(random.Below(2) == 0 ? kPohde : kVerstas, *RandomEvent(random),
                        absl::CivilDay(2025, 9, 1));
      if (!refusal) continue;
      EXPECT_FALSE(refusal->code.empty());
      EXPECT_EQ(refusal->code.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos)
          << refusal->code;
      EXPECT_FALSE(refusal->message.empty());
    }
    EXPECT_TRUE(client.Due(absl::CivilDay(2025, 9, 1)).empty());
  }
}

TEST(Totality, TheSameStateAnswersTheSame) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    OuluCase a;
    OuluCase b;
    for (uint64_t i = 0; i < 30; ++i) {
      const OwnedFact fact = RandomFact(random, i);
      a.Learn(fact);
      b.Learn(fact);
    }
    for (const Step& step : OuluPath()) {
      EXPECT_EQ(a.CodeOf(step.author, *step.event, step.day),
                b.CodeOf(step.author, *step.event, step.day));
    }
  }
}

}  // namespace
}  // namespace polku::referral
