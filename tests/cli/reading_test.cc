// The reading commands of the real binary over a store on disk.
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adapters/cli/output.h"
#include "eventstore/base/random.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "eventstore/base/file.h"
#include "polku/access/v1/access.pb.h"
#include "services/access/case_access.h"
#include "services/host/keys.h"
#include "tests/audit/agency_store.h"
#include "tests/cli/run_polku.h"
#include "tests/client/fake_service.h"
#include "tests/support/status_matchers.h"

namespace polku::cli {
namespace {

using audit::AgencyStore;
using audit::NumberedCase;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;

constexpr char kOrigin[] = "FI/MUN/0187690-1/oulu/referral/1";
constexpr char kCase1[] = "ca000000000000000000000000000001";

template <typename T>
T Text(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

class ReadingTest : public ::testing::Test {
 protected:
  ReadingTest() {
    EXPECT_THAT(host::WriteNewKeys(dir_.At("keys"), kOrigin, SystemRandom()), IsOk());
    const auto curve = host::LoadCurveKeys(dir_.At("keys"));
    EXPECT_THAT(curve, IsOk());
    service_ = std::make_unique<testing::FakeService>(
        std::set{curve->public_key},
        [this](const exchange::v1::Envelope& request) {
          const std::lock_guard<std::mutex> lock(mutex_);
          for (const auto& event : request.offer().events()) recorded_.push_back(event);
          if (refuse_) {
            return std::vector{testing::FakeService::Refusal(
                request, exchange::v1::REFUSAL_KIND_TRY_AGAIN, 0)};
          }
          return std::vector{testing::FakeService::Receipts(request)};
        },
        "tcp://127.0.0.1:*", *curve);
    dir_.Write("agreement.textproto",
               "name: \"test\" agencies { name: \"FI/MUN/0187690-1/oulu\" roles: "
               "AGENCY_ROLE_SOCIAL_SERVICES "
               "display_names { language: \"fi\" text: \"Oulun kaupunki\" } }\n");
    dir_.Write("profile.textproto", "name: \"test\"\n");
    config_ = dir_.Write(
        "service.textproto",
        std::string("origin: \"") + kOrigin +
            "\"\nlisten: \"" + service_->endpoint() + "\"\ndata_directory: \"data\"\n"
            "keystore_directory: \"keystore\"\nkeys_directory: \"keys\"\n"
            "agreement_file: \"agreement.textproto\"\nprofile_file: \"profile.textproto\"\n"
            "principals { agency: \"FI/MUN/0187690-1/oulu\" curve_key: \"" +
            zeromq::FormatCurveKey(curve->public_key) + "\" rights: RIGHT_OPERATE }\n");
  }

  void Open() {
    auto engine = rocks::OpenEngine({.directory = dir_.At("data")});
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
    auto storage = rocks::OpenKeyStorage(dir_.At("keystore"), rocks::OpenMode::kReadWrite);
    ASSERT_THAT(storage, IsOk());
    auto keys = vault::KeyStore::Open(*std::move(storage), *host::LoadMasterKey(dir_.At("keys")),
                                      SystemRandom());
    ASSERT_THAT(keys, IsOk());
    keys_ = *std::move(keys);
    store_ = std::make_unique<AgencyStore>(*engine_, *keys_, kOrigin);
  }
  void Close() {
    store_.reset();
    keys_.reset();
    engine_.reset();
  }
  void Fill() {
    Open();
    store_->Append(NumberedCase(1), Text<referral::v1::NeedIdentified>(
                                        R"(identified_on: "2025-01-07" social_reasons: "rytmi")"));
    store_->SetTime(store_->now() + absl::Hours(48));
    store_->Append(NumberedCase(1), Text<compensation::v1::AllowanceAccrued>(
                                        R"(date: "2025-03-03" amount_cents: 900)"));
    store_->Append(NumberedCase(2),
                   Text<referral::v1::NeedIdentified>(R"(identified_on: "2025-02-07")"));
  }
  // As the service's: its store is open in this process, and it takes the record of each read.
  Result Run(std::vector<std::string> arguments, int seconds = 60) {
    static const std::set<std::string> kReaders = {"case",   "replay",      "summary", "bundle",
                                                   "export", "disclosures", "prove", "sheet", "persons", "places"};
    if (kReaders.contains(arguments[0])) {
      arguments.insert(arguments.end(), {"--official", "o-9", "--purpose", "supervision", "--basis",
                                         "laki 611/2021"});
    }
    arguments.push_back("--config");
    arguments.push_back(config_);
    return RunPolku(arguments, "", seconds);
  }
  static size_t Lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  TempDir dir_;
  std::mutex mutex_;
  std::vector<exchange::v1::OfferedEvent> recorded_;  // reads
  bool refuse_ = false;
  std::unique_ptr<testing::FakeService> service_;
  std::string config_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<vault::KeyStore> keys_;
  std::unique_ptr<AgencyStore> store_;
};

TEST_F(ReadingTest, ACaseIsShownWhileTheServiceRunsAndInThreeLanguages) {
  Fill();
  const Result finnish = Run({"case", kCase1});
  EXPECT_EQ(finnish.code, 0) << finnish.err;
  EXPECT_THAT(finnish.out,
              HasSubstr("7.1.2025    Tarve tunnistettu  ·  Oulun kaupunki, virkailija o-1"));
  EXPECT_THAT(finnish.out, HasSubstr("rytmi"));
  EXPECT_THAT(finnish.out, HasSubstr("9,00 €"));
  EXPECT_THAT(finnish.out, HasSubstr("sosiaaliset syyt"));
  EXPECT_THAT(finnish.out, Not(HasSubstr("identified_on")));
  EXPECT_THAT(Run({"case", kCase1, "--lang", "sv"}).out, HasSubstr("Behov identifierat"));
  EXPECT_THAT(Run({"case", kCase1, "--lang", "en"}).out, HasSubstr("Need identified"));
  EXPECT_THAT(Run({"case", kCase1, "--brief"}).out, Not(HasSubstr("rytmi")));
  const Result json = Run({"case", kCase1, "--json"});
  EXPECT_EQ(Lines(json.out), 2u);
  EXPECT_THAT(json.out, HasSubstr("\"event\":{\"identified_on\":\"2025-01-07\""));
}

TEST_F(ReadingTest, ARecordOfTheReadIsWithTheServiceBeforeAnythingIsShown) {
  Fill();
  ASSERT_EQ(Run({"case", kCase1}).code, 0);
  ASSERT_EQ(Run({"summary", "--as-of", "2025-03-31"}).code, 0);
  ASSERT_EQ(recorded_.size(), 2u);
  access::v1::AccessRecorded read;
  ASSERT_TRUE(read.ParseFromString(recorded_[0].body()));
  EXPECT_EQ(recorded_[0].type(), "polku.access.v1.AccessRecorded");
  EXPECT_EQ(recorded_[0].official(), "o-9");
  EXPECT_EQ(recorded_[0].case_id(), access::AccessStreamOf(NumberedCase(1)).view());
  EXPECT_EQ(read.case_id(), NumberedCase(1).view());
  EXPECT_EQ(read.purpose(), access::v1::ACCESS_PURPOSE_SUPERVISION);
  EXPECT_EQ(read.legal_basis(), "laki 611/2021");
  EXPECT_EQ(read.command(), "case");
  // What is held of that case, and no more.
  ASSERT_EQ(read.sections_size(), 3);
  EXPECT_EQ(read.sections(1), event::v1::SECTION_KIND_SOCIAL);
  ASSERT_TRUE(read.ParseFromString(recorded_[1].body()));
  EXPECT_EQ(recorded_[1].case_id(), access::AccessStreamOf(CaseId()).view());
  EXPECT_EQ(read.case_id(), "");
  EXPECT_EQ(read.scope(), "--as-of 2025-03-31");
  EXPECT_EQ(read.cases(), 2u);
}

TEST_F(ReadingTest, ABlankSheetListsAGroupsMembersAndIsARecordedRead) {
  Fill();
  store_->Append(NumberedCase(1), Text<referral::v1::ServiceStarted>(R"(
      period_id: "p1" provider_agency: "FI/MUN/0187690-1/oulu" starts_on: "2025-03-03" ends_on: "2025-06-02"
      schedule { minutes_per_day: 360 weekdays: WEEKDAY_MONDAY weekdays: WEEKDAY_THURSDAY })"));
  store_->Append(NumberedCase(1), Text<attendance::v1::GroupJoined>(R"(
      group_code: "puu-a" place_code: "paja" joined_from: "2025-03-04")"));
  const Result week = Run({"sheet", "blank", "--group", "puu-a", "--week", "2025-W10"});
  EXPECT_EQ(week.code, 0) << week.err;
  EXPECT_EQ(week.out, std::string("asiakas;jakso;paikka;suunniteltu;to 6.3.2025\n") + kCase1 + ";p1;paja;6;\n");
  const std::string clients = dir_.Write("clients.csv", std::string("asiakas;tapaus\nA-01;") + kCase1 + "\n");
  const Result month = Run({"sheet", "blank", "--group", "puu-a", "--month", "2025-05", "--clients", clients,
                            "--lang", "en"});
  EXPECT_EQ(month.code, 0) << month.err;
  EXPECT_THAT(month.out, HasSubstr("client;period;place;planned;mon 5.5.2025;thu 8.5.2025;"));
  EXPECT_THAT(month.out, Not(HasSubstr("thu 1.5.2025")));  // May Day
  EXPECT_THAT(month.out, HasSubstr("A-01;p1;paja;6;"));
  const Result nobody = Run({"sheet", "blank", "--group", "puu-b", "--week", "2025-W10"});
  EXPECT_EQ(nobody.code, 1);
  EXPECT_THAT(nobody.out, IsEmpty());
  EXPECT_THAT(nobody.err, HasSubstr("GroupJoined"));
  ASSERT_EQ(recorded_.size(), 3u);
  access::v1::AccessRecorded read;
  ASSERT_TRUE(read.ParseFromString(recorded_[0].body()));
  EXPECT_EQ(read.command(), "sheet blank");
  EXPECT_EQ(read.scope(), "--group puu-a --week 2025-W10");
}

TEST_F(ReadingTest, ABlankSheetNeedsAGroupAndEitherAWeekOrAMonth) {
  Fill();
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {"sheet", "blank", "--week", "2025-W10"},
           {"sheet", "blank", "--group", "puu-a"},
           {"sheet", "blank", "--group", "puu-a", "--week", "2025-W54"},
           {"sheet", "blank", "--group", "puu-a", "--month", "3/2025"},
           {"sheet", "blank", "--group", "puu-a", "--week", "2025-W10", "--month", "2025-03"},
           {"sheet", "blank", "--group", "puu-a", "--week", "2025-W10", "--lang", "de"}}) {
    EXPECT_EQ(Run(bad).code, 2) << ::testing::PrintToString(bad);
  }
  EXPECT_THAT(recorded_, IsEmpty());
}

TEST_F(ReadingTest, WhatCannotBePutOnRecordIsNotShown) {
  Fill();
  refuse_ = true;
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"case", kCase1}, {"replay"}, {"summary"}, {"disclosures", kCase1},
                                             {"sheet", "blank", "--group", "puu-a", "--week", "2025-W10"}}) {
    const Result result = Run(command);
    EXPECT_EQ(result.code, 4) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr("the read is not on record, so nothing is shown"));
  }
}

TEST_F(ReadingTest, AKeyThatMayNotOperateRecordsNothingAndNothingIsShown) {
  Fill();
  std::string config = ReadAll(config_);
  config.replace(config.find("RIGHT_OPERATE"), 13, "RIGHT_REPLICATE");
  dir_.Write("service.textproto", config);
  const Result result = Run({"case", kCase1});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("rights: RIGHT_OPERATE }"));
  EXPECT_THAT(recorded_, IsEmpty());
}

TEST_F(ReadingTest, AnUnknownCaseIsNoReadOnRecord) {
  Fill();
  EXPECT_EQ(Run({"disclosures", "ca000000000000000000000000000009"}).code, 3);
  EXPECT_THAT(recorded_, IsEmpty());
}

TEST_F(ReadingTest, TheClientsAnswerIsTextJsonAndAPageThatNeedsNothingElse) {
  Fill();
  const Result finnish = Run({"disclosures", kCase1});
  EXPECT_EQ(finnish.code, 0) << finnish.err;
  EXPECT_THAT(finnish.out, HasSubstr("Kuka on saanut ja katsellut tietojasi"));
  EXPECT_THAT(finnish.out, HasSubstr("Oulun kaupunki"));
  EXPECT_THAT(finnish.out, HasSubstr("Mitä tämä vastaus ei kerro"));
  // Who got what, never what it says.
  EXPECT_THAT(finnish.out, Not(HasSubstr("rytmi")));
  EXPECT_THAT(finnish.out, HasSubstr("3.3.2025"));
  EXPECT_THAT(finnish.out, HasSubstr("tietosuojavaltuutetun"));
  // Lines are wrapped.
  const std::string one_line = absl::StrJoin(
      absl::StrSplit(finnish.out, absl::ByAnyChar(" \n"), absl::SkipEmpty()), " ");
  EXPECT_THAT(one_line, HasSubstr("Oulun kaupunki (palveluun ohjaus)"));
  EXPECT_THAT(finnish.out, HasSubstr("katselijan oma ilmoitus"));
  for (const char* internal : {kOrigin, "2025-03-03", "polku."}) {
    EXPECT_THAT(finnish.out, Not(HasSubstr(internal)));
  }
  for (const char* language : {"fi", "sv", "en"}) {
    std::istringstream lines(Run({"disclosures", kCase1, "--lang", language, "--all"}).out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(Width(line), 100u) << line;
  }
  EXPECT_THAT(Run({"disclosures", kCase1, "--lang", "sv"}).out, HasSubstr("Vad detta svar inte visar"));
  EXPECT_THAT(Run({"disclosures", kCase1, "--lang", "en"}).out,
              AllOf(HasSubstr("What this answer cannot show"), HasSubstr("2025-03-03"),
                    HasSubstr("Legal bases exist in the agreement's language alone"), HasSubstr("Ombudsman")));
  EXPECT_THAT(Run({"disclosures", kCase1, "--json"}).out,
              HasSubstr("\"parties\":[{\"agency\":\"FI/MUN/0187690-1/oulu\""));
  const std::string file = dir_.At("answer.html");
  EXPECT_EQ(Run({"disclosures", kCase1, "--lang", "sv", "--html", file}).code, 0);
  const std::string html = ReadAll(file);
  EXPECT_THAT(html, HasSubstr("<html lang=\"sv\">"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\">"));
  EXPECT_THAT(html, Not(HasSubstr("<caption")));
  EXPECT_THAT(html, HasSubstr("aria-labelledby=\"s1\""));
  EXPECT_THAT(html, HasSubstr("dataombudsmannen"));
  for (const char* outside : {"<script", "http", "src=", "href=", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
  EXPECT_EQ(std::filesystem::status(file).permissions() & std::filesystem::perms(0077),
            std::filesystem::perms::none);
}

TEST_F(ReadingTest, AsOfShowsWhatWasOnRecordThen) {
  Fill();
  const Result then = Run({"case", kCase1, "--as-of", "2025-03-03"});
  EXPECT_EQ(then.code, 0) << then.err;
  EXPECT_THAT(then.out, HasSubstr("rytmi"));
  EXPECT_THAT(then.out, Not(HasSubstr("9,00")));
  const Result before = Run({"case", kCase1, "--as-of", "2024-12-31"});
  EXPECT_EQ(before.code, 0);
  EXPECT_THAT(before.out, HasSubstr("ei mitään"));
}

TEST_F(ReadingTest, ValidOnIsNamedInTheHeading) {
  Fill();
  for (const auto& [language, words] : {std::pair("fi", "tapahtunut viimeistään 28.2.2025"),
                                        {"sv", "inträffat senast 28.2.2025"},
                                        {"en", "valid on 2025-02-28"}}) {
    const Result result = Run({"case", kCase1, "--valid-on", "2025-02-28", "--lang", language});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr(words));
    EXPECT_THAT(result.out, Not(ContainsRegex("9[.,]00")));
  }
  EXPECT_THAT(Run({"case", kCase1}).out, Not(HasSubstr("tapahtunut viimeistään")));
}

TEST_F(ReadingTest, KnownToTellsAMistypedAgencyAndThatNoneProvesNothing) {
  Fill();
  const Result own = Run({"case", kCase1, "--lang", "en", "--known-to", "FI/MUN/0187690-1/oulu", "--at",
                          "2025-03-03T00:00:00Z"});
  EXPECT_EQ(own.code, 0) << own.err;
  EXPECT_THAT(own.err, IsEmpty());
  EXPECT_THAT(own.out, HasSubstr("none"));
  EXPECT_THAT(own.out, HasSubstr("does not show that the agency did not know"));
  EXPECT_THAT(own.out, HasSubstr("2025-03-03 02:00:00 +02:00"));
  for (const auto& [language, words] :
       {std::pair("fi", "ei osoita, ettei viranomainen tiennyt"), {"sv", "visar inte att"}}) {
    EXPECT_THAT(Run({"case", kCase1, "--lang", language, "--known-to", "FI/MUN/0187690-1/oulu", "--at",
                     "2024-12-31"}).out,
                HasSubstr(words));
  }
  const Result json = Run({"case", kCase1, "--json", "--known-to", "FI/MUN/0187690-1/oulu", "--at",
                           "2025-03-04T12:00:00Z"});
  EXPECT_EQ(Lines(json.out), 2u) << json.out;  // of its two events one
  EXPECT_THAT(json.out, HasSubstr("\"own\":true,\"recorded_by\":\"2025-03-04T12:00:00"));
  EXPECT_THAT(json.out, Not(HasSubstr("until")));
  const Result unknown = Run({"case", kCase1, "--known-to", "FI/GOV/0245437-2/kela", "--at", "2025-03-04"});
  EXPECT_EQ(unknown.code, 0);
  EXPECT_THAT(unknown.err, HasSubstr("WARNING: no log held here is of FI/GOV/0245437-2/kela"));
  EXPECT_THAT(unknown.err, HasSubstr("Named here are: FI/MUN/0187690-1/oulu"));
}

TEST_F(ReadingTest, ZerosAreNoCase) {
  const Result result = Run({"case", std::string(32, '0')});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("all zeros"));
}

TEST_F(ReadingTest, AnUnknownCaseIsBadInput) {
  Fill();
  const Result result = Run({"case", "ca000000000000000000000000000009"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(ReadingTest, WithoutAnIndexOfPersonsNobodyIsSaidToBeMetOnce) {
  Fill();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"persons", "duplicates"}, {"persons", "duplicates", "--json"}}) {
    const Result result = Run(command);
    EXPECT_EQ(result.code, 4);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, AllOf(HasSubstr("no index of persons yet"), HasSubstr("start the service")));
  }
  EXPECT_EQ(Run({"persons", "duplicates", "--lang", "de"}).code, 2);
  EXPECT_THAT(recorded_, IsEmpty()) << "nothing was shown";
}

TEST_F(ReadingTest, AReplacedEventAndTheOneThatReplacesItSaySo) {
  Fill();
  const log::Receipt wrong = store_->Append(
      NumberedCase(3), Text<referral::v1::NeedIdentified>(R"(identified_on: "2025-03-04")"));
  log::NewEntry right;
  right.corrects = wrong.id;
  store_->AppendWith(std::move(right), NumberedCase(3),
                     Text<referral::v1::NeedIdentified>(R"(identified_on: "2025-03-02")"));
  const std::string id = "ca000000000000000000000000000003";
  for (const auto& [language, replaced, replaces] :
       {std::tuple("fi", "↻ korvattu merkinnällä: Tarve tunnistettu (Oulun kaupunki, palveluun ohjaus #",
                   "↻ korvaa merkinnän: Tarve tunnistettu"),
        {"sv", "↻ ersatt av: Behov identifierat", "↻ ersätter: Behov identifierat"},
        {"en", "↻ replaced by: Need identified", "↻ replaces: Need identified"}}) {
    for (const bool brief : {false, true}) {
      std::vector<std::string> command = {"case", id, "--lang", language};
      if (brief) command.push_back("--brief");
      const Result shown = Run(command);
      EXPECT_EQ(shown.code, 0) << shown.err;
      EXPECT_THAT(shown.out, AllOf(HasSubstr(replaced), HasSubstr(replaces)));
    }
  }
  // Of a part of the case too; and one that nobody replaced says nothing.
  EXPECT_THAT(Run({"case", id, "--lang", "en", "--until", "5", "--origin", kOrigin}).out, HasSubstr("replaced by"));
  EXPECT_THAT(Run({"case", kCase1, "--lang", "en"}).out, Not(HasSubstr("replace")));
}

TEST_F(ReadingTest, AtAGlanceIsOfTheWholeCaseWhicheverPartIsAskedFor) {
  Fill();
  EXPECT_THAT(Run({"case", kCase1, "--lang", "en", "--type", "NeedIdentified"}).out, HasSubstr("9.00 €"));
  EXPECT_THAT(Run({"case", kCase1, "--lang", "en", "--type", "NeedIdentified", "--valid-on", "2025-02-01"}).out,
              Not(HasSubstr("9.00 €")));
}

TEST_F(ReadingTest, APlaceThatNobodyListedIsAWrongQuestion) {
  Fill();
  store_->Append(NumberedCase(4), Text<referral::v1::PlaceListed>(R"(
      provider_agency: "FI/MUN/0187690-1/oulu" place_code: "puu" capacity: 3 municipality_code: "564")"));
  EXPECT_EQ(Run({"places", "--place", "puu"}).code, 0);
  const Result unknown = Run({"places", "--place", "nosuch"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("known are: puu"));
  EXPECT_THAT(Run({"places", "--municipality", "999"}).err, HasSubstr("known are: 564"));
}

TEST_F(ReadingTest, AlertsAreShownUntilTheyAreTakenBack) {
  Fill();
  store_->Append(NumberedCase(1), Text<attendance::v1::AlertRaised>(R"(
      period_id: "p1" alert: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON date: "2025-06-02")"));
  const std::string finnish = std::string("hälytykset: ") + kCase1 + "  jakso päättyy ilman jatkosuunnitelmaa 2.6.2025";
  EXPECT_THAT(Run({"summary"}).out, HasSubstr(finnish));
  EXPECT_THAT(Run({"case", kCase1, "--lang", "sv"}).out, HasSubstr("perioden slutar utan fortsatt plan 2.6.2025"));
  EXPECT_THAT(Run({"summary", "--json"}).out,
              HasSubstr("\"alerts\":[{\"alert\":\"period ends without follow on\",\"period_id\":\"p1\","
                        "\"date\":\"2025-06-02\"}]"));
}

TEST_F(ReadingTest, ReplayFilters) {
  Fill();
  EXPECT_EQ(Lines(Run({"replay"}).out), 4u);
  EXPECT_EQ(Lines(Run({"replay", "--origin", kOrigin, "--from", "1", "--until", "3"}).out), 2u);
  EXPECT_EQ(Lines(Run({"replay", "--type", "NeedIdentified"}).out), 2u);
  EXPECT_EQ(Lines(Run({"replay", "--from", "2025-03-04"}).out), 2u);
  EXPECT_EQ(Lines(Run({"replay", "--until", "2025-03-03"}).out), 2u);
  EXPECT_EQ(Lines(Run({"replay", "--as-of", "2025-03-03T00:00:00Z"}).out), 0u);
  EXPECT_EQ(Run({"replay", "--origin", "FI/GOV/0246246-0/kela/compensation/1"}).code, 3);
}

TEST_F(ReadingTest, FollowShowsWhatIsRecordedLater) {
  Fill();
  std::thread writer([&] {
    absl::SleepFor(absl::Seconds(2));
    store_->Append(NumberedCase(3), Text<referral::v1::CaseClosed>(R"(closed_on: "2025-09-30")"));
  });
  const Result result = Run({"replay", "--follow"}, 5);
  writer.join();
  EXPECT_EQ(Lines(result.out), 5u) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2025-09-30"));
}

TEST_F(ReadingTest, SummaryCountsCasesAndLogs) {
  Fill();
  const Result json = Run({"summary", "--json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_THAT(json.out, HasSubstr("\"allowance\":{\"cents\":900,\"visible\":1,\"sealed\":0}"));
  EXPECT_THAT(json.out, HasSubstr("\"size\":4,\"held\":4,\"withheld\":0,\"control\":1"));
  EXPECT_THAT(Run({"summary"}).out, HasSubstr("asioita 2"));
  EXPECT_THAT(Run({"summary", "--lang", "sv"}).out, HasSubstr("ärenden 2"));
  const Result english = Run({"summary", "--lang", "en"});
  EXPECT_THAT(english.out, HasSubstr("cases 2, attended days 0, allowance 9.00 €"));
  EXPECT_THAT(english.out, HasSubstr("Need identified"));
  EXPECT_THAT(Run({"summary", "--logs", "--lang", "en"}).out, Not(HasSubstr("attended")));
  const std::string clients =
      dir_.Write("clients.csv", std::string("asiakas;tapaus\nA-01;") + kCase1 + "\n");
  const Result named = Run({"summary", "--cases", "--clients", clients});
  EXPECT_THAT(named.out, HasSubstr("A-01 "));
  EXPECT_THAT(named.out, Not(HasSubstr(kCase1)));
}

TEST_F(ReadingTest, ReindexNeedsAStoppedServiceAndRestoresTheIndex) {
  Fill();
  const Result locked = Run({"reindex"});
  EXPECT_EQ(locked.code, 4) << locked.err;
  ASSERT_THAT(engine_->ClearIndex(), IsOk());
  Close();
  EXPECT_NE(Run({"case", kCase1}).code, 0);
  const Result result = Run({"reindex", "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("{\"logs\":1,\"entries\":4}"));
  // The service, which takes the record of the read, has its store open again.
  auto engine = rocks::OpenEngine({.directory = dir_.At("data")});
  ASSERT_THAT(engine, IsOk());
  EXPECT_EQ(Run({"case", kCase1}).code, 0);
}

TEST_F(ReadingTest, NothingStoredYetIsToldAndNothingIsMade) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"case", kCase1}, {"replay"}, {"summary"}, {"reindex"}}) {
    const Result result = Run(command);
    EXPECT_EQ(result.code, 3) << result.err;
    EXPECT_THAT(result.err, HasSubstr(dir_.At("data")));
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.At("data")));
}

}  // namespace
}  // namespace polku::cli
