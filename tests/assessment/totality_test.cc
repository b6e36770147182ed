// Duties take effect exactly once whatever arrives in whatever order, and nothing recorded does harm.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "polku/attendance/v1/attendance.pb.h"
#include "tests/assessment/period_case.h"
#include "tests/support/random.h"
#include "tests/support/random_message.h"

namespace polku::assessment {
namespace {

using testing::Copy;
using testing::OwnedFact;
using testing::SeededGenerator;
using testing::TestSeed;

std::shared_ptr<google::protobuf::Message> RandomEvent(SeededGenerator& random) {
  const google::protobuf::FileDescriptor* files[] = {
      v1::AssessmentDue::descriptor()->file(), referral::v1::NeedIdentified::descriptor()->file(),
      attendance::v1::DayRecorded::descriptor()->file()};
  const auto* file = files[random.Below(3)];
  const auto* type = file->message_type(
      static_cast<int>(random.Below(static_cast<uint64_t>(file->message_type_count()))));
  std::shared_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  testing::FillRandomly(*message, random);
  return message;
}

// What happens to a period, in plausible and implausible order.
std::shared_ptr<google::protobuf::Message> RandomStep(SeededGenerator& random) {
  const std::string days[] = {"2025-02-24", "2025-03-03", "2025-03-31", "2025-05-12",
                              "2025-06-02", "2025-06-03", "2025-08-11", "2025-12-02"};
  const auto day = [&] { return days[random.Below(std::size(days))]; };
  switch (random.Below(7)) {
    case 0:
    case 1:
      return Copy(Started(day(), day()));
    case 2:
      return Copy(Extended(day()));
    case 3:
      return Copy(Ended(day()));
    case 4:
      return Copy(Interrupted(day()));
    case 5:
      return Copy(Resumed(day()));
    default: {
      auto change = Text<referral::v1::ReferralStatusChanged>(R"(referral_id: "ref-1")");
      change.set_status(random.Below(3) == 0 ? referral::v1::REFERRAL_STATUS_ENTERED_IN_ERROR
                                             : referral::v1::REFERRAL_STATUS_ACCEPTED);
      return Copy(change);
    }
  }
}

OwnedFact RandomFact(SeededGenerator& random, uint64_t number,
                     std::shared_ptr<google::protobuf::Message> body) {
  static constexpr std::string_view kAuthors[] = {kPohde, kVerstas, kOulu};
  const std::string_view author = kAuthors[random.Below(std::size(kAuthors))];
  return {.id = testing::NumberedEvent(number),
          .order = random.Below(4000),
          .origin = std::string(author) + "/referral/1",
          .position = number,
          .author = std::string(author),
          .body = std::move(body)};
}

std::string Print(const std::vector<service::Duty>& duties) {
  std::string text;
  for (const auto& duty : duties) {
    text += duty.key + "#" + std::to_string(duty.generation) + " " +
            duty.event->SerializeAsString() + "\n";
  }
  return text;
}

TEST(Totality, DutiesSettleAfterEveryFactAndOneDueAKeyIsInForce) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 150; ++round) {
    PeriodCase client;
    client.Record(kPohde, Made());
    absl::CivilDay today(2025, 2, 20);
    for (uint64_t i = 0; i < 25; ++i) {
      client.Learn(RandomFact(random, 5000 + i, RandomStep(random)));
      today += static_cast<int>(random.Below(20));
      client.AppendDue(today);  // fails when a duty comes twice
      EXPECT_TRUE(client.Due(today).empty()) << "round " << round;
    }
    std::map<std::string, int> in_force;
    for (const std::string& due : client.InForce()) ++in_force[due.substr(0, due.find(' '))];
    for (const auto& [key, count] : in_force) EXPECT_EQ(count, 1) << key << ", round " << round;
  }
}

TEST(Totality, WhatIsInForceAtTheEndDoesNotHangOnWhatWasSaidOnTheWay) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 100; ++round) {
    std::vector<OwnedFact> facts;
    for (uint64_t i = 0; i < 12; ++i) {
      facts.push_back(RandomFact(random, 5000 + i, RandomStep(random)));
    }
    const absl::CivilDay last_day(2026, 12, 31);
    PeriodCase at_once;  // was away, hears all at the end
    at_once.Record(kPohde, Made());
    for (const OwnedFact& fact : facts) at_once.Learn(fact);
    at_once.AppendDue(last_day);
    PeriodCase live;  // hears it one by one, in another order, and acts each time
    live.Record(kPohde, Made());
    std::shuffle(facts.begin(), facts.end(), random);
    absl::CivilDay today(2025, 2, 20);
    for (const OwnedFact& fact : facts) {
      live.Learn(fact);
      live.AppendDue(today);
      today += static_cast<int>(random.Below(30));
    }
    live.AppendDue(last_day);
    EXPECT_EQ(live.InForce(), at_once.InForce()) << "round " << round;
  }
}

TEST(Totality, AnyArrivalOrderGivesTheSameAnswers) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 60; ++round) {
    std::vector<OwnedFact> facts;
    for (uint64_t i = 0; i < 40; ++i) {
      facts.push_back(RandomFact(
          random, i, random.Below(2) == 0 ? RandomStep(random) : RandomEvent(random)));
    }
    PeriodCase in_order;
    std::vector<OwnedFact> sorted = facts;
    std::sort(sorted.begin(), sorted.end());
    for (const OwnedFact& fact : sorted) in_order.Learn(fact);
    PeriodCase shuffled;
    std::shuffle(facts.begin(), facts.end(), random);
    for (const OwnedFact& fact : facts) shuffled.Learn(fact);
    for (absl::CivilDay day(2025, 1, 1); day < absl::CivilDay(2026, 7, 1); day += 45) {
      EXPECT_EQ(Print(in_order.Due(day)), Print(shuffled.Due(day)));
      EXPECT_EQ(in_order.NextDueDay(day), shuffled.NextDueDay(day));
    }
    EXPECT_EQ(in_order.InForce(), shuffled.InForce());
  }
}

TEST(Totality, RandomHistoriesAndOffersDoNoHarm) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 60; ++round) {
    PeriodCase client;
    for (uint64_t i = 0; i < 30; ++i) client.Learn(RandomFact(random, i, RandomEvent(random)));
    for (int i = 0; i < 40; ++i) {
      const auto refusal = client.Decide(kVerstas, *RandomEvent(random), absl::CivilDay(2025, 9, 1));
      if (refusal) {
        EXPECT_FALSE(refusal->code.empty());
        EXPECT_FALSE(refusal->message.empty());
      }
    }
    client.Due(absl::CivilDay(2025, 9, 1));
    client.NextDueDay(absl::CivilDay(2025, 9, 1));
  }
}

}  // namespace
}  // namespace polku::assessment
