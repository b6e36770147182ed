// The demo's inputs against the demo's agreement, without a service: every author may say what it says, and takes part
// in the case by then, because it was added or named before.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "polku/config/v1/profile.pb.h"
#include "services/access/case_access.h"
#include "services/core/codec.h"
#include "tests/access/agreement_text.h"

namespace polku::access {
namespace {


using ::testing::UnorderedElementsAre;

const absl::CivilDay kToday(2026, 1, 1);

struct Act {
  std::string author, log, type;
  CaseId case_id;
  std::unique_ptr<google::protobuf::Message> body;
};

// In the order of the files' numbers, as deploy/demo/demo.py offers them.
std::vector<Act> DemoActs() {
  const std::map<std::string, std::string> authors = {
      {"oulu", kOulu}, {"hyvinvointi", kWellbeing}, {"toimintatupa", kProvider}, {"kela", kKela}};
  const std::set<std::string> to_assessment = {"08", "09", "10", "14"};
  const char* const root = std::getenv("POLKU_SOURCE_DIR");
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(
           std::string(root != nullptr ? root : ".") + "/deploy/demo/input")) {
    if (file.path().extension() == ".ndjson") files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Act> acts;
  for (const auto& file : files) {
    const std::vector<std::string> name = absl::StrSplit(file.filename().string(), '-');
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      google::protobuf::Struct json;
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &json).ok()) << file;
      Act act{.author = authors.at(name.at(1)),
              .log = to_assessment.contains(name.at(0)) ? "FI/MUN/9999991-7/hyvinvointi/assessment/1"
                                                        : "FI/MUN/0187690-1/oulu/referral/1",
              .type = json.fields().at("type").string_value(),
              .case_id = ParseCaseId(json.fields().at("case").string_value()).value(),
              .body = nullptr};
      const auto* type = service::FindEventType(act.type);
      if (type == nullptr) {
        ADD_FAILURE() << act.type;
        continue;
      }
      act.body = service::EmptyEvent(*type);
      std::string event;
      EXPECT_TRUE(google::protobuf::util::MessageToJsonString(json.fields().at("event"), &event).ok());
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(event, act.body.get()).ok()) << line;
      acts.push_back(std::move(act));
    }
  }
  return acts;
}

TEST(Demo, EveryAuthorMaySayWhatItSaysAndTakesPartByThen) {
  const auto agreement = DemoAgreement();
  const config::v1::Profile profile;
  const Policy policy(agreement);
  std::map<CaseId, CaseAccess> cases;
  std::map<CaseId, std::vector<std::string>> became;  // parties in the order in which they came
  uint64_t next = 0;
  const auto fold = [&](const Act& act, const google::protobuf::Message& body,
                        std::string_view author) {
    EventId id;
    ++next;
    for (size_t i = 0; i < 8; ++i) id.data()[i] = static_cast<uint8_t>(next >> (8 * i));
    cases[act.case_id].Evolve({.id = id,
                               .case_id = act.case_id,
                               .origin = act.log,
                               .position = Position(next),
                               .order = Order(next),
                               .recorded_at = absl::FromCivil(kToday, absl::UTCTimeZone()),
                               .author_agency = author,
                               .author_official = "o-1",
                               .body = body},
                              policy, act.log);
    for (const std::string& party : cases[act.case_id].parties()) {
      auto& list = became[act.case_id];
      if (std::find(list.begin(), list.end(), party) == list.end()) list.push_back(party);
    }
    return id;
  };
  const auto acts = DemoActs();
  ASSERT_GT(acts.size(), 400u);
  for (const Act& act : acts) {
    const service::Offer offer{.id = EventId(),
                               .case_id = act.case_id,
                               .author_agency = act.author,
                               .author_official = "o-1",
                               .body = *act.body};
    const auto refused = DecideAccess(
        cases[act.case_id], {.offer = offer, .stream = act.case_id, .own_origin = act.log}, policy,
        {.profile = profile, .agreement = agreement, .own_agency = AgencyOfName(act.log)}, kToday);
    ASSERT_FALSE(refused) << act.type << " of " << act.author << ": " << refused->refusal.code;
    const EventId cause = fold(act, *act.body, act.author);
    for (auto party : PartiesToAdd(cases[act.case_id], *act.body, cause, act.author,
                                   AgencyOfName(act.log), policy, kToday)) {
      party.set_cause_event_id(std::string(cause.view()));
      fold(act, party, AgencyOfName(act.log));
    }
  }
  // Oulu opened every case; the others came later, each by an entry. The auditor is a party nowhere.
  EXPECT_EQ(became.size(), 16u);
  for (const auto& [case_id, parties] : became) {
    ASSERT_FALSE(parties.empty());
    EXPECT_EQ(parties.front(), kOulu);
    EXPECT_THAT(parties, UnorderedElementsAre(kOulu, kWellbeing, kProvider, kKela));
  }
}

}  // namespace
}  // namespace polku::access
