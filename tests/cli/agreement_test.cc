// `polku agreement` over the agreements that ship, and over files of its own.
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/cli/command.h"
#include "adapters/cli/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_polku.h"

namespace polku::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kOulu = "FI/MUN/0187690-1/oulu";
constexpr const char* kWellbeing = "FI/MUN/9999991-7/hyvinvointi";
constexpr const char* kProvider = "FI/ORG/9999992-5/toimintatupa";
constexpr const char* kKela = "FI/GOV/0246246-0/kela";
constexpr const char* kAuditor = "FI/GOV/9999993-3/tarkastaja";

Result RunHere(std::vector<std::string> arguments) {
  std::istringstream in;
  std::ostringstream out, err;
  Io io{in, out, err};
  arguments.insert(arguments.begin(), "agreement");
  const ExitCode code = Run(arguments, io);
  return {static_cast<int>(code), out.str(), err.str()};
}

std::string Deploy(const std::string& file) {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  return std::string(root != nullptr ? root : ".") + "/deploy/" + file;
}
std::vector<std::string> DemoFiles() {
  return {Deploy("agreements/taulukko-1.textproto"), Deploy("agreements/osapuolet.textproto"),
          Deploy("demo/agreement.textproto")};
}

std::vector<std::string> With(std::string action, std::vector<std::string> more) {
  std::vector<std::string> arguments = {std::move(action)};
  for (const auto& file : DemoFiles()) arguments.push_back(file);
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Result Explain(const std::string& receiver, const std::string& author, const std::string& type,
               std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"--receiver", receiver, "--author", author, "--type", type,
                                        "--on", "2025-03-03", "--lang", "en"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunHere(With("explain", arguments));
}

TEST(AgreementExplain, APartySeesTheFieldsOfItsSectionsAndTheLineThatGivesThem) {
  const Result result = Explain(kKela, kProvider, "polku.attendance.v1.DayRecorded", {"--party"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Kela (FI/GOV/0246246-0/kela)"));
  EXPECT_THAT(result.out, HasSubstr("date, period, planned time, actual time, swapped from, place\n"));
  EXPECT_THAT(result.out, HasSubstr(" outcome\n"));
  const size_t withheld = result.out.find("does not see");
  ASSERT_NE(withheld, std::string::npos);
  EXPECT_THAT(result.out.substr(0, withheld), Not(HasSubstr("certificate seen")));
  EXPECT_THAT(result.out.substr(withheld), AllOf(HasSubstr("attendance, certificate seen"), HasSubstr(" note\n")));
  EXPECT_THAT(result.out, HasSubstr("kela-maksatus: gives: "));
  EXPECT_THAT(result.out, HasSubstr("basis: työttömyysturvalaki 1290/2002"));
  EXPECT_THAT(result.out, HasSubstr("may publish: yes"));
  // Nothing else is in the way: the line itself would have to give health.
  EXPECT_THAT(result.out, HasSubstr("add the section to the line: kela-maksatus: "));
}

TEST(AgreementExplain, WhoIsNoPartyIsToldHowToBecomeOne) {
  const Result result = Explain(kKela, kProvider, "polku.attendance.v1.DayRecorded");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("sees nothing, not even the header"));
  EXPECT_THAT(result.out, HasSubstr("kela-maksatus: would give to a party of the case"));
  EXPECT_THAT(result.out, HasSubstr("would have to become a party"));
  EXPECT_THAT(result.out, HasSubstr("polku.referral.v1.BenefitRecorded.payer_agency"));
}

TEST(AgreementExplain, ALineThatHoldsOnOtherDaysIsNamedWithThem) {
  const Result result = RunHere(With("explain", {"--receiver", kOulu, "--author", kProvider, "--type",
                                                 "polku.attendance.v1.DayRecorded", "--on", "2024-12-31",
                                                 "--party", "--lang", "en"}));
  EXPECT_THAT(result.out, HasSubstr("oulu-polku: would give on another day"));
  EXPECT_THAT(result.out, HasSubstr("holds 2025-01-01–"));
  EXPECT_THAT(result.out, HasSubstr("move the dates of the line: oulu-polku (2025-01-01–)"));
}

TEST(AgreementExplain, WhereNoLineSpeaksOfItOneIsAskedFor) {
  const Result result = Explain(kProvider, kKela, "polku.compensation.v1.AllowanceAccrued", {"--party"});
  EXPECT_THAT(result.out, HasSubstr("no line names the receiver, the author and the event"));
  EXPECT_THAT(result.out, HasSubstr("a sharings line in the agreement"));
  const Result stranger = Explain("FI/ORG/1234567-1/muu", kKela, "polku.compensation.v1.AllowanceAccrued");
  EXPECT_EQ(stranger.code, 2);
  EXPECT_THAT(stranger.out, IsEmpty());
  EXPECT_THAT(stranger.err, AllOf(HasSubstr("--receiver"), HasSubstr("add it to the agreement's agencies")));
  EXPECT_EQ(Explain(kKela, "FI/ORG/1234567-1/muu", "polku.compensation.v1.AllowanceAccrued").code, 2);
}

TEST(AgreementExplain, ASupervisorSeesInEveryCaseAndALogsAgencyItsOwn) {
  EXPECT_THAT(Explain(kAuditor, kProvider, "polku.attendance.v1.DayRecorded").out,
              HasSubstr("tarkastaja: gives: "));
  const Result own = Explain(kWellbeing, kProvider, "polku.assessment.v1.InterimEvaluationMade",
                             {"--log", kWellbeing});
  EXPECT_THAT(own.out, HasSubstr("yes, it is its own log"));
  EXPECT_THAT(own.out, HasSubstr("hyvinvointi-polku: gives: "));
  EXPECT_THAT(own.out, HasSubstr("all that the event has is seen already"));
}

TEST(AgreementExplain, ReadsHaveNoPartiesAndPartiesAreToldOfParties) {
  const Result read = Explain(kKela, kOulu, "polku.access.v1.AccessRecorded", {"--party"});
  EXPECT_THAT(read.out, AllOf(HasSubstr("have no parties"), HasSubstr("sees nothing")));
  EXPECT_THAT(Explain(kOulu, kKela, "polku.access.v1.AccessRecorded").out,
              HasSubstr("jarjestajat-katselut: gives: "));
  EXPECT_THAT(Explain(kKela, kOulu, "polku.access.v1.PartyAdded", {"--party"}).out,
              HasSubstr("parties: gives: "));
}

TEST(AgreementExplain, AskedForOneSectionTheAnswerIsOfThatSection) {
  const Result health = Explain(kKela, kProvider, "polku.attendance.v1.DayRecorded",
                                {"--party", "--section", "health"});
  EXPECT_THAT(health.out, AllOf(Not(HasSubstr("planned time")), HasSubstr("attendance, certificate seen")));
  const Result payment = Explain(kKela, kProvider, "polku.attendance.v1.DayRecorded",
                                 {"--party", "--section", "payment", "--json"});
  EXPECT_THAT(payment.out, AllOf(HasSubstr("\"sees\":true"), HasSubstr("\"fields\":{\"payment\":[\"outcome\"]}"),
                                 HasSubstr("\"withheld_fields\":{}")));
}

TEST(AgreementExplain, JsonIsOneObjectALine) {
  const Result result = Explain(kKela, kProvider, "polku.attendance.v1.DayRecorded", {"--json"});
  ASSERT_EQ(result.code, 0);
  const auto members = SplitJsonObject(result.out);
  ASSERT_TRUE(members.ok()) << members.status() << result.out;
  std::vector<std::string> names;
  for (const auto& [name, value] : *members) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("receiver", "author", "log_agency", "type", "day", "party", "party_why",
                                 "sees", "fields", "withheld_fields", "may_publish", "reasons", "changes"));
  EXPECT_THAT(result.out, HasSubstr("\"sees\":false"));
  EXPECT_THAT(result.out, HasSubstr("{\"kind\":\"no_party\",\"line\":\"kela-maksatus\""));
}

TEST(AgreementExplain, SpeaksFinnishSwedishAndEnglish) {
  const auto in = [](const char* language) {
    return RunHere(With("explain", {"--receiver", kKela, "--author", kProvider, "--type",
                                    "polku.attendance.v1.DayRecorded", "--lang", language})).out;
  };
  EXPECT_THAT(in("fi"), AllOf(HasSubstr("ei näe mitään"), HasSubstr("antaisi asian osapuolelle"),
                              HasSubstr("läsnäolon laji, todistus nähty")));
  EXPECT_THAT(in("sv"), AllOf(HasSubstr("ser ingenting"), HasSubstr("FPA (FI/GOV/0246246-0/kela)")));
  EXPECT_THAT(in("en"), HasSubstr("sees nothing"));
}

TEST(AgreementShow, IsATableOfEveryEventTypeByAgency) {
  const Result result = RunHere(With("show", {"--on", "2025-03-03", "--lang", "en"}));
  ASSERT_EQ(result.code, 0) << result.err;
  const auto row = [&](const std::string& type) {
    const size_t at = result.out.find("\n" + type + " ");
    if (at == std::string::npos) return std::string("no row of ") + type;
    std::istringstream words(result.out.substr(at + 1, result.out.find('\n', at + 1) - at - 1));
    std::string cells;
    for (std::string word; words >> word;) cells += (cells.empty() ? "" : " ") + word;
    return cells;
  };
  // Oulu, wellbeing, provider, Kela, auditor.
  EXPECT_EQ(row("polku.attendance.v1.DayRecorded"),
            "polku.attendance.v1.DayRecorded Day recorded S-O-P S-OHP . + S---P S---P*");
  EXPECT_EQ(row("polku.referral.v1.BenefitRecorded"),
            "polku.referral.v1.BenefitRecorded Benefit recorded S---P + S---P + S---- S---P + S---P*");
  EXPECT_EQ(row("polku.access.v1.AccessRecorded"),
            "polku.access.v1.AccessRecorded Data read S----* S----* . . S----*");
  EXPECT_EQ(row("polku.access.v1.PartyAdded"),
            "polku.access.v1.PartyAdded Party added S---- + S---- + S---- S---- S----*");
}

TEST(AgreementShow, MarksWhatDependsOnTheAuthor) {
  TempDir directory;
  const std::string file = directory.Write("a.textproto", R"(
    agencies { name: "FI/MUN/0187690-1/oulu" roles: AGENCY_ROLE_EMPLOYMENT_SERVICES }
    agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_BENEFIT_PAYER }
    sharings { publishers: "FI/MUN/0187690-1/oulu" receivers: "FI/GOV/0246246-0/kela"
               types: "polku.referral.v1.CaseClosed" sections: SECTION_KIND_SERVICE legal_basis: "x" })");
  EXPECT_THAT(RunHere({"show", file, "--lang", "en"}).out, HasSubstr("S----~"));
  EXPECT_THAT(RunHere({"show", file, "--lang", "en", "--author", kOulu}).out,
              AllOf(HasSubstr("S----"), Not(HasSubstr("S----~"))));
  EXPECT_EQ(RunHere({"show", file, "--author", kProvider}).code, 2);
  const Result json = RunHere({"show", file, "--json"});
  EXPECT_THAT(json.out, HasSubstr("{\"type\":\"polku.referral.v1.CaseClosed\",\"author\":\"FI/MUN/0187690-1/oulu\","
                                  "\"receiver\":\"FI/GOV/0246246-0/kela\",\"party\":[\"service\"],\"every_case\":null}"));
}

TEST(AgreementCheck, SaysWhatAServiceWouldSay) {
  const Result good = RunHere(With("check", {}));
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("agencies 5"));
  const Result part = RunHere({"check", Deploy("agreements/taulukko-1.textproto")});
  EXPECT_EQ(part.code, 3);
  EXPECT_THAT(part.err, HasSubstr("agencies: there is none"));
  EXPECT_THAT(part.out, IsEmpty());
  const Result twice = RunHere({"check", DemoFiles()[2], DemoFiles()[2]});
  EXPECT_EQ(twice.code, 3);
  EXPECT_THAT(twice.err, HasSubstr("twice"));
  EXPECT_EQ(RunHere({"check", "/nonexistent"}).code, 3);
}

TEST(AgreementUsage, WrongCommandLinesExitWithTwo) {
  for (const auto& bad : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate", "x"},
           {"check"},
           With("check", {"--config", "x"}),
           With("explain", {}),
           With("explain", {"--receiver", kKela, "--author", kOulu}),
           With("explain", {"--receiver", kKela, "--author", kOulu, "--type", "DayRecorded"}),
           With("explain", {"--receiver", kKela, "--author", kOulu, "--type", "polku.referral.v1.CaseClosed",
                            "--section", "health"}),
           With("explain", {"--receiver", kKela, "--author", kOulu, "--type", "polku.referral.v1.CaseClosed",
                            "--section", "money"}),
           With("explain", {"--receiver", kKela, "--author", kOulu, "--type", "polku.referral.v1.CaseClosed",
                            "--case", "00112233445566778899aabbccddeeff"}),
           With("show", {"--lang", "de"}),
           With("show", {"--on", "yesterday"})}) {
    const Result result = RunHere(bad);
    EXPECT_EQ(result.code, 2) << ::testing::PrintToString(bad) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr("polku: "));
  }
}

}  // namespace
}  // namespace polku::cli
