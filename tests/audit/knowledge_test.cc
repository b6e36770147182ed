#include "services/audit/knowledge.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kOulu = "FI/MUN/0187690-1/oulu/referral/1";
const std::string kHouse = "FI/ORG/9999992-5/tupa/attendance/1";
const std::string kKela = "FI/GOV/0245437-2/kela/compensation/1";
const std::string kOuluAgency = "FI/MUN/0187690-1/oulu";
const std::string kHouseAgency = "FI/ORG/9999992-5/tupa";

event::v1::Header Header(const std::string& type, const std::vector<std::string>& receivers,
                         const std::vector<std::pair<std::string, uint64_t>>& causes = {}) {
  event::v1::Header header;
  header.set_type(type);
  for (const auto& receiver : receivers) header.add_disclosures()->set_receiver(receiver);
  for (const auto& [origin, position] : causes) {
    auto* cause = header.add_causes();
    cause->set_origin(origin);
    cause->set_position(position);
  }
  return header;
}

std::vector<std::string> Known(const Knowledge& knowledge) {
  std::vector<std::string> texts;
  for (const auto& k : knowledge.known) {
    texts.push_back(k.origin + "#" + std::to_string(k.position.value()) + " " + k.type);
  }
  return texts;
}

std::vector<std::string> Concurrent(const Knowledge& knowledge) {
  std::vector<std::string> texts;
  for (const auto& c : knowledge.concurrent) {
    texts.push_back(c.origin + " " + std::to_string(c.count) + ": " +
                    std::to_string(c.first.value()) + "-" + std::to_string(c.newest.value()) + " " +
                    c.newest_type);
  }
  return texts;
}

TEST(KnowledgeFoldTest, ACauseIsKnownAndStaysKnownInLaterEntriesOfThatLog) {
  KnowledgeFold fold;
  fold.Add(kOulu, Position(4), Header("Referral", {kHouseAgency}));
  Knowledge start = fold.Add(kHouse, Position(1), Header("Start", {kOuluAgency}, {{kOulu, 4}}));
  EXPECT_THAT(Known(start), ElementsAre(kOulu + "#4 Referral"));
  EXPECT_THAT(Concurrent(start), IsEmpty());
  // The cause did not change, so the header leaves it out.
  Knowledge day = fold.Add(kHouse, Position(2), Header("Day", {kOuluAgency}));
  EXPECT_THAT(Known(day), ElementsAre(kOulu + "#4 Referral"));
  EXPECT_THAT(Concurrent(day), IsEmpty());
}

TEST(KnowledgeFoldTest, WhatWasDisclosedButNotFoldedIsConcurrent) {
  KnowledgeFold fold;
  fold.Add(kOulu, Position(4), Header("Referral", {kHouseAgency}));
  fold.Add(kOulu, Position(6), Header("Cancelled", {kHouseAgency}));
  fold.Add(kOulu, Position(7), Header("Noted", {kHouseAgency}));
  const Knowledge answer =
      fold.Add(kHouse, Position(1), Header("Accepted", {kOuluAgency}, {{kOulu, 4}}));
  EXPECT_THAT(Concurrent(answer), ElementsAre(kOulu + " 2: 6-7 Noted"));
  // Once folded it is concurrent no more.
  EXPECT_THAT(Concurrent(fold.Add(kHouse, Position(2), Header("Day", {}, {{kOulu, 7}}))), IsEmpty());
}

TEST(KnowledgeFoldTest, WhatTheAuthorMayNotHaveIsNotHeldAgainstIt) {
  KnowledgeFold fold;
  fold.Add(kKela, Position(3), Header("Paid", {kOuluAgency}));
  EXPECT_THAT(Concurrent(fold.Add(kHouse, Position(1), Header("Day", {kOuluAgency}))), IsEmpty());
  EXPECT_THAT(Concurrent(fold.Add(kOulu, Position(9), Header("Plan", {}))),
              ElementsAre(kKela + " 1: 3-3 Paid", kHouse + " 1: 1-1 Day"));
}

TEST(KnowledgeFoldTest, TwoServicesOfOneAgencyAreTwoAuthors) {
  const std::string other = kOuluAgency + "/assessment/1";
  KnowledgeFold fold;
  fold.Add(kOulu, Position(1), Header("Need", {kOuluAgency}));
  EXPECT_THAT(Concurrent(fold.Add(kOulu, Position(2), Header("Plan", {kOuluAgency}))), IsEmpty());
  EXPECT_THAT(Concurrent(fold.Add(other, Position(5), Header("Score", {}))),
              ElementsAre(kOulu + " 2: 1-2 Plan"));
}

TEST(KnowledgeFoldTest, ACauseThatIsNotHeldIsNamedByItsPlace) {
  KnowledgeFold fold;
  EXPECT_THAT(Known(fold.Add(kHouse, Position(1), Header("Day", {}, {{kKela, 8}}))),
              ElementsAre(kKela + "#8 "));
}

}  // namespace
}  // namespace polku::audit
