// Made-up histories: that they are made by the services themselves, whole, and the same for a seed.
#include "services/generate/generate.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/verify.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/audit/history.h"
#include "services/audit/store.h"
#include "services/core/calendar.h"
#include "services/core/finnish_ids.h"
#include "services/generate/region.h"
#include "services/generate/story.h"
#include "services/host/config.h"
#include "services/host/keys.h"
#include "services/host/persons.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/status_matchers.h"

namespace polku::generate {
namespace {

std::string Source(std::string_view path) {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  return Str(root == nullptr ? "." : root, "/", path);
}

Options RegionOptions(const std::string& directory, uint64_t seed, std::string_view region) {
  auto profiles = host::ProfileFiles(Source(Str("deploy/profiles/", region, ".textproto")));
  EXPECT_OK(profiles);
  return {.profiles = *std::move(profiles),
          .work_division = {Source("deploy/agreements/taulukko-1.textproto"),
                            Source("deploy/agreements/osapuolet.textproto")},
          .directory = directory,
          .clients = 8,
          .seed = seed,
          .from = absl::CivilDay(2025, 1, 1),
          .until = absl::CivilDay(2025, 12, 31),
          .first_port = 7600,
          .payers_hear_every = 1,
          .progress = {}};
}

Options OuluOptions(const std::string& directory, uint64_t seed) { return RegionOptions(directory, seed, "oulu"); }

absl::StatusOr<host::Config> ConfigOf(const std::string& directory, const Instance& instance) {
  return host::LoadConfig(ConfigPath(directory, instance), instance.service);
}

// "<origin> <id> <recorded> <type> <sealed> <plaintext>" of every event that the instance holds, in merged order.
std::vector<std::string> EventsOf(const std::string& directory, const Instance& instance,
                                  std::string_view origin = "") {
  std::vector<std::string> events;
  auto config = ConfigOf(directory, instance);
  EXPECT_OK(config);
  auto store = audit::Store::Open(*config);
  EXPECT_OK(store);
  if (!store.ok()) return events;
  audit::History history(**store);
  audit::Filter filter;
  filter.origin = origin;
  EXPECT_OK(history.Replay(filter, [&](const audit::Event& event) {
    if (!event.control()) {
      events.push_back(Str(event.origin, " ", FormatEventId(event.id), " ", event.header.recorded_at_us(), " ",
                           event.header.type(), " ", event.sealed.bits(), " ", event.bytes));
    }
    return absl::OkStatus();
  }));
  return events;
}

class GenerateTest : public ::testing::Test {
 protected:
  // Made once for all tests: it takes seconds.
  static void SetUpTestSuite() {
    directory_ = new rocks::TempDirectory();
    made_ = new absl::StatusOr<Made>(Generate(OuluOptions(Path(), 1)));
  }
  static void TearDownTestSuite() {
    delete made_;
    delete directory_;
  }
  void SetUp() override { ASSERT_OK(*made_); }
  static std::string Path() { return directory_->path() + "/oulu"; }

  static rocks::TempDirectory* directory_;
  static absl::StatusOr<Made>* made_;
};
rocks::TempDirectory* GenerateTest::directory_ = nullptr;
absl::StatusOr<Made>* GenerateTest::made_ = nullptr;

TEST_F(GenerateTest, TheSameSeedMakesTheSameEventsAndAnotherOneOthers) {
  const auto events = EventsOf(Path(), Instances()[kReader]);
  EXPECT_GT(events.size(), 300u);
  const std::string again = directory_->path() + "/again";
  ASSERT_OK(Generate(OuluOptions(again, 1)));
  EXPECT_EQ(EventsOf(again, Instances()[kReader]), events);
  const std::string other = directory_->path() + "/other";
  ASSERT_OK(Generate(OuluOptions(other, 2)));
  EXPECT_NE(EventsOf(other, Instances()[kReader]), events);
}

TEST_F(GenerateTest, EveryStoreIsProvenWholeAsARunningServiceWouldFindIt) {
  for (const Instance& instance : Instances()) {
    ASSERT_OK_AND_ASSIGN(const auto config, ConfigOf(Path(), instance));
    ASSERT_OK_AND_ASSIGN(const auto keys, host::LoadServiceKeys(config.keys_directory, instance.origin()));
    ASSERT_OK_AND_ASSIGN(const auto store, audit::Store::Open(config));
    evidence::VerifyOptions options{.own_origin = instance.origin(), .keys = config.OtherLogKeys()};
    options.keys.emplace(instance.origin(), keys.signer->verifier());
    options.threads = 1;
    options.open = [&](const log::EntryView& entry, std::string_view origin, const log::BlobView& blob)
        -> absl::StatusOr<std::optional<std::string>> {
      auto secret = store->opener().Secret(entry, origin, blob);
      if (!secret.ok()) return secret.status();
      if (!*secret) return std::optional<std::string>();
      return std::optional(std::string((*secret)->secret_bytes()));
    };
    ASSERT_OK_AND_ASSIGN(const auto report, evidence::VerifyStore(store->engine(), options));
    for (const auto& problem : report.problems) ADD_FAILURE() << instance.name << ": " << problem.what;
    ASSERT_EQ(report.logs.size(), 1 + instance.follows.size()) << instance.name;
    for (const auto& log : report.logs) {
      EXPECT_EQ(log.wanted, 0u) << instance.name << " of " << log.origin;
      EXPECT_EQ(log.opened, log.sections) << instance.name << " of " << log.origin;
      EXPECT_TRUE(log.key_known);
    }
  }
}

TEST_F(GenerateTest, TheReaderHoldsAndOpensEverythingThatTheOthersRecorded) {
  for (size_t i = 0; i < kReader; ++i) {
    const Instance& instance = Instances()[i];
    EXPECT_EQ(EventsOf(Path(), Instances()[kReader], instance.origin()), EventsOf(Path(), instance, instance.origin()))
        << instance.name;
  }
}

TEST_F(GenerateTest, WhatHappensOnThePathHappens) {
  const std::string path = directory_->path() + "/many";
  Options options = OuluOptions(path, 1);
  options.clients = 60;
  ASSERT_OK(Generate(options));
  std::map<std::string, int> types;
  for (const std::string& event : EventsOf(path, Instances()[kReader])) {
    const size_t at = event.find(" polku.") + 1;
    ++types[event.substr(at, event.find(' ', at) - at)];
  }
  for (const char* type :
       {"referral.v1.ServiceStarted", "referral.v1.ServiceExtended", "referral.v1.ServiceEnded",
        "referral.v1.FollowUpRecorded", "attendance.v1.DayRecorded", "attendance.v1.DayCorrected",
        "attendance.v1.AbsenceNoticeSent", "attendance.v1.PeriodClosed", "compensation.v1.AllowanceAccrued",
        "compensation.v1.AllowanceReversed", "compensation.v1.TravelGranted", "compensation.v1.PerkGiven",
        "compensation.v1.PaymentPaid", "compensation.v1.PaymentRejected", "referral.v1.PlaceListed",
        "referral.v1.PlaceAnswered", "referral.v1.CasesLinked", "attendance.v1.GroupJoined", "attendance.v1.GroupLeft",
        "attendance.v1.MonthConfirmed", "attendance.v1.DayCorrectionProposed", "attendance.v1.DayCorrectionDecided",
        "assessment.v1.AssessmentDue", "assessment.v1.KykyviisariRecorded",
        "assessment.v1.FeedbackGiven", "access.v1.Disclosed"}) {
    EXPECT_GT(types[Str("polku.", type)], 0) << type;
  }
}

// As a running service leaves it: whoever reads while it is stopped finds all.
TEST_F(GenerateTest, EveryStoreHasItsIndexOfPersons) {
  for (const Instance& instance : Instances()) {
    SCOPED_TRACE(instance.name);
    ASSERT_OK_AND_ASSIGN(const auto config, ConfigOf(Path(), instance));
    ASSERT_OK_AND_ASSIGN(const auto key, host::LoadBlindKey(config.keys_directory));
    ASSERT_OK_AND_ASSIGN(const auto store, audit::Store::Open(config));
    ASSERT_OK_AND_ASSIGN(const uint64_t missing, host::EntriesNotIndexed(store->engine()));
    EXPECT_EQ(missing, 0u);
    ASSERT_OK_AND_ASSIGN(const auto persons, host::Persons::Read(store->engine()));
    size_t found = 0;
    for (size_t client = 0; client < 8; ++client) {
      const auto blind = host::BlindCode(key, MakePerson(1, client, absl::CivilDay(2025, 6, 1)).identity_code);
      ASSERT_TRUE(blind.has_value());
      found += persons.Cases(*blind).size();
    }
    if (&instance == &Instances()[kReader]) {
      EXPECT_GE(found, 8u);
    }
  }
}

TEST_F(GenerateTest, WhatIsThereAlreadyIsLeftAlone) {
  const auto events = EventsOf(Path(), Instances()[kReader]);
  EXPECT_THAT(Generate(OuluOptions(Path(), 3)), polku::testing::StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(EventsOf(Path(), Instances()[kReader]), events);
}

// Nobody may take a half for a whole.
TEST(RegionsTest, OfAHistoryThatAServiceRefusesNothingIsLeft) {
  rocks::TempDirectory directory;
  Options options = OuluOptions(directory.path() + "/region/", 1);
  ASSERT_OK_AND_ASSIGN(std::string division, ReadFile(options.work_division[0], 1 << 20));
  const std::string days = "types: \"polku.attendance.v1.DayRecorded\"";  // nobody may record them
  ASSERT_NE(division.find(days), division.npos);
  division.erase(division.find(days), days.size());
  rocks::TempDirectory other;
  options.work_division[0] = other.path() + "/tyonjako.textproto";
  ASSERT_OK(WriteNewFile(options.work_division[0], division, 0644));
  const auto made = Generate(options);
  EXPECT_TRUE(absl::IsInternal(made.status())) << made.status();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// Seed 002: bicycle, kilometres, card or single trips, as the client chooses.
TEST(RegionsTest, WhereThereAreSeveralWaysToTravelEachClientChoosesOne) {
  rocks::TempDirectory directory;
  Options options = RegionOptions(directory.path() + "/region", 1, "siun-sote");
  options.clients = 30;
  options.profiles.push_back(directory.path() + "/matkat.textproto");
  const std::string areas =
      "municipality_codes: \"167\" municipality_codes: \"260\" municipality_codes: \"422\" }\n";
  const std::string rules =
      Str("travel { id: \"taksi\" version: \"1\" source: \"[k] test\" mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_TAXI ",
          "cents_per_kilometre: 25 ", areas,
          "travel { id: \"juna\" version: \"1\" source: \"[k] test\" mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS ",
          "means: TRAVEL_MEANS_TRAIN ", areas);
  ASSERT_OK(WriteNewFile(options.profiles.back(), rules, 0644));
  ASSERT_OK(Generate(options));
  int chosen = 0, claimed = 0, by_kilometre = 0;
  for (const std::string& event : EventsOf(options.directory, Instances()[kReader])) {
    chosen += event.find(" polku.compensation.v1.TravelMeansChosen ") != event.npos ? 1 : 0;
    claimed += event.find(" polku.compensation.v1.TravelClaimed ") != event.npos ? 1 : 0;
    by_kilometre += event.find(" polku.compensation.v1.TravelGranted ") != event.npos ? 1 : 0;
  }
  EXPECT_GT(chosen, 0);
  EXPECT_GT(claimed, 0);
  EXPECT_GT(by_kilometre, 0);
}

// Each shipped profile by its own rules: a service that refused an act would fail the whole.
TEST(RegionsTest, EveryShippedRegionIsPlayedOrItsProfileSaysThatNobodyIsKnown) {
  size_t played = 0, refused = 0;
  for (const auto& file : std::filesystem::directory_iterator(Source("deploy/profiles"))) {
    if (file.path().extension() != ".textproto") continue;
    const std::string region = file.path().stem().string();
    SCOPED_TRACE(region);
    rocks::TempDirectory directory;
    const auto made = Generate(RegionOptions(directory.path() + "/region", 1, region));
    if (region == "suomi" || region == "espoo-open") {
      EXPECT_TRUE(absl::IsInvalidArgument(made.status())) << made.status();
      EXPECT_FALSE(std::filesystem::exists(directory.path() + "/region"));
      ++refused;
      continue;
    }
    ASSERT_OK(made);
    EXPECT_GT(made->offered, 100u);
    ++played;
  }
  EXPECT_EQ(played, 12u);
  EXPECT_EQ(refused, 2u);
}

TEST(StoryTest, NobodyIsARealPersonAndNoTwoHaveOneCode) {
  std::set<std::string> codes;
  int women = 0, young = 0;
  constexpr int kClients = 36'500;
  for (size_t client = 0; client < kClients; ++client) {
    const Person person = MakePerson(7, client, absl::CivilDay(2025, 6, 1));
    EXPECT_TRUE(codes.insert(person.identity_code).second) << client;
    const auto told = service::ParsePersonalIdentityCode(person.identity_code);
    ASSERT_TRUE(told.has_value()) << client;
    EXPECT_TRUE(told->for_tests) << client;
    EXPECT_EQ(told->born, person.born);
    EXPECT_EQ(told->female, person.female);
    women += person.female ? 1 : 0;
    young += service::AddMonths(person.born, 25 * 12) > absl::CivilDay(2025, 6, 1) ? 1 : 0;
  }
  EXPECT_EQ(women, kClients / 2);
  EXPECT_GT(young, kClients / 12);
  EXPECT_LT(young, kClients / 6);
}

TEST(StoryTest, AccountsHaveValidCheckDigits) {
  for (size_t client = 0; client < 2'000; ++client) EXPECT_TRUE(service::IsValidIban(MakeIban(client))) << client;
}

TEST(StoryTest, NothingIsRecordedOutsideTheTimeAndEveryIdIsItsOwn) {
  ASSERT_OK_AND_ASSIGN(const auto region, [] {
    static rocks::TempDirectory directory;
    const std::string path = directory.path() + "/o";
    auto options = OuluOptions(path, 1);
    options.clients = 1;
    options.until = options.from;
    const auto made = Generate(options);
    EXPECT_OK(made);
    return ConfigOf(path, Instances()[kReferral]);
  }());
  std::set<EventId> ids;
  for (const auto& [from, until] : {std::pair(absl::CivilDay(2024, 5, 6), absl::CivilDay(2024, 5, 6)),
                                    std::pair(absl::CivilDay(2023, 3, 1), absl::CivilDay(2026, 7, 31))}) {
    const Frame frame{.seed = static_cast<uint64_t>(until - from), .clients = 60, .from = from, .until = until};
    for (size_t client = 0; client < frame.clients; ++client) {
      for (const Act& act : MakeStory(frame, region.profile, client)) {
        EXPECT_GE(act.day, from);
        EXPECT_LE(act.day, until);
        EXPECT_TRUE(ids.insert(act.id).second);
      }
    }
  }
  EXPECT_GT(ids.size(), 4'000u);
}

}  // namespace
}  // namespace polku::generate
