// The real binary without any service: help, usage errors, keygen, sheets that are only checked.
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_polku.h"

namespace polku::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::string>& CommandNames() {
  static const auto* names = new std::vector<std::string>{
      "keygen", "publish", "import", "sheet", "case", "replay", "status", "summary", "payments", "explain-payment",
      "certificate", "disclosures", "places", "persons", "agreement", "verify", "prove", "bundle", "export", "erase",
      "erasure", "retention", "reindex", "recover", "new-epoch", "keys", "report", "generate", "version"};
  return *names;
}

TEST(HelpTest, EveryCommandShowsAnExampleAndTheExitCodes) {
  const Result overview = RunPolku({"help"});
  EXPECT_EQ(overview.code, 0);
  for (const std::string& name : CommandNames()) {
    EXPECT_THAT(overview.out, HasSubstr("\n  " + name));
    const Result help = RunPolku({name, "--help"});
    EXPECT_EQ(help.code, 0) << name;
    EXPECT_THAT(help.err, IsEmpty());
    EXPECT_THAT(help.out, StartsWith("polku " + name + " - "));
    EXPECT_THAT(help.out, HasSubstr("\nExamples:\n  "));
    EXPECT_THAT(help.out, HasSubstr("polku " + name + " -"));
    EXPECT_THAT(help.out, HasSubstr("\nExit codes:\n  0  "));
    EXPECT_THAT(help.out, HasSubstr("--json"));
    EXPECT_EQ(RunPolku({"help", name}).out, help.out);
  }
}

TEST(UsageTest, WrongCommandLinesExitWithTwoAndSayNothingOnTheOutput) {
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate"},
           {"case"},
           {"case", "123"},
           {"case", "0123456789abcdef0123456789abcdef", "--lang", "de"},
           {"replay", "extra"},
           {"replay", "--from", "5"},
           {"replay", "--from", "yesterday"},
           {"replay", "--follow", "--until", "2025-03-31"},
           {"publish"},
           {"import"},
           {"keygen", "--dir", "dir"},
           {"keygen", "--author"},
           {"keygen", "dir", "--author", "--dir", "dir"},
           {"keygen", "--dir", "dir", "--origin", "nonsense"},
           {"keygen", "--dir", "dir", "--origin", "FI/MUN/0187690-1/oulu/referral/1", "--author"},
           {"keygen", "--dir", "dir", "--origin", "FI/MUN/0187690-1/oulu/referral/1", "--agency",
            "FI/GOV/0246246-0/kela"},
           {"keygen", "--dir", "dir", "--author", "--agency", "FI/MUN/0187690-2/oulu"},
           {"sheet", "x.csv", "--agency", "FI/MUN/0187690-1/oulu", "--check"},
           {"sheet", "x.csv", "--clients", "c.csv", "--check"},
           {"sheet", "x.csv", "--clients", "c.csv", "--planned-hours", "many"},
           {"summary", "--case", "x"},
           {"case", "0123456789abcdef0123456789abcdef", "--official", "o-1", "--purpose", "technical", "--basis", "x"},
           {"replay", "--official", "o-1", "--purpose", "technical", "--basis", "x"},
           {"summary", "--official", "o-1", "--purpose", "technical", "--basis", "x"},
           {"version", "--unknown"}}) {
    const Result result = RunPolku(bad);
    EXPECT_EQ(result.code, 2) << ::testing::PrintToString(bad) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, Not(IsEmpty()));
  }
}

// Whoever reads says who, what for and by which law; otherwise nothing is opened.
TEST(UsageTest, AReadWithoutOfficialPurposeOrBasisIsRefusedAndToldHowToSayIt) {
  const std::string id = "0123456789abcdef0123456789abcdef";
  const std::vector<std::vector<std::string>> commands = {
      {"case", id},
      {"replay"},
      {"summary"},
      {"disclosures", id},
      {"export", "--tlog", "out"},
      {"prove", "--event", "0b8e2f6a-1c5d-4e8f-9a7b-3c2d1e0f9a8b", "--out", "x", "--leaf", "y"},
      {"bundle", "--case", id, "--out", "x"}};
  const std::vector<std::string> flags = {"--official", "etuus-3", "--purpose", "case-handling", "--basis",
                                          "laki 189/2001"};
  for (const auto& command : commands) {
    for (size_t left_out = 0; left_out < flags.size(); left_out += 2) {
      auto all = command;
      all.insert(all.end(), {"--config", "none.textproto"});
      for (size_t i = 0; i < flags.size(); i += 2) {
        if (i != left_out) all.insert(all.end(), {flags[i], flags[i + 1]});
      }
      const Result result = RunPolku(all);
      EXPECT_EQ(result.code, 2) << ::testing::PrintToString(all);
      EXPECT_THAT(result.err, HasSubstr(flags[left_out] + " is missing"));
      EXPECT_THAT(result.err, HasSubstr("the client can be told"));
      EXPECT_THAT(result.err, HasSubstr("--purpose case-handling"));
      EXPECT_THAT(result.out, IsEmpty());
    }
  }
}

TEST(UsageTest, APurposeIsOneOfTheCodesAndNoTextHoldsAnIdentityCode) {
  const auto read = [](const std::string& official, const std::string& purpose,
                       const std::string& basis) {
    return RunPolku({"replay", "--config", "none.textproto", "--official", official, "--purpose",
                     purpose, "--basis", basis});
  };
  const Result curious = read("etuus-3", "curiosity", "laki 189/2001");
  EXPECT_EQ(curious.code, 2);
  EXPECT_THAT(curious.err, HasSubstr("client-request"));
  for (const Result& person : {read("etuus-3", "payment", "asiakas 010190-900P"),
                               read("010190-900P", "payment", "laki 189/2001")}) {
    EXPECT_EQ(person.code, 2);
    EXPECT_THAT(person.err, HasSubstr("identity code"));
    EXPECT_THAT(person.err, Not(HasSubstr("900P")));
  }
  // Said in full, it is the configuration that is missing.
  EXPECT_EQ(read("etuus-3", "payment", "laki 189/2001").code, 3);
}

TEST(UsageTest, APageIsNotNamedAfterTheCase) {
  const std::string id = "0123456789abcdef0123456789abcdef";
  const Result result = RunPolku({"disclosures", id, "--config", "none.textproto", "--html", id + ".html"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("leave the case's id out"));
}

TEST(UsageTest, MissingFilesAndProfilesAreBadInput) {
  TempDir dir;
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {"replay", "--config", dir.At("none.textproto"), "--official", "o-1", "--purpose",
            "technical", "--basis", "x"},
           {"summary", "--config", dir.Write("bad.textproto", "origin: nonsense"), "--official",
            "o-1", "--purpose", "technical", "--basis", "x"},
           {"publish", "--as", dir.At("none.textproto"), "x.json"},
           {"publish", "--as", dir.Write("as.textproto", "no_such_field: 1"), "x.json"},
           {"publish", "--to", "http://x", "x.json"},
           {"publish", "--to", "tcp://127.0.0.1:1", "x.json"},
           {"publish", "--to", "tcp://127.0.0.1:1", "--server-key", "short", "x.json"},
           {"import", "--check", dir.At("none.ndjson")},
           {"status"}}) {
    const Result result = RunPolku(bad);
    EXPECT_EQ(result.code, 3) << ::testing::PrintToString(bad) << result.err;
    EXPECT_THAT(result.err, StartsWith("polku: "));
  }
}

TEST(KeysTest, HelpNamesEveryActionAndWhereLossesAreMended) {
  const Result help = RunPolku({"keys", "--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* part : {"polku keys - ", "show|replace|revoke|rotate", "--compromised", "--take",
                           "Broken off, run it again", "services/host/README.md \"Keys\"",
                           "\nExamples:\n  polku keys show"}) {
    EXPECT_THAT(help.out, HasSubstr(part));
  }
}

class KeysCommandTest : public ::testing::Test {
 protected:
  static constexpr char kOrigin[] = "FI/MUN/0187690-1/oulu/referral/1";

  KeysCommandTest() {
    EXPECT_EQ(RunPolku({"keygen", "--dir", dir_.At("keys"), "--origin", kOrigin}).code, 0);
    EXPECT_EQ(RunPolku({"keygen", "--author", "--dir", dir_.At("author")}).code, 0);
    dir_.Write("agreement.textproto",
               "name: \"test\" agencies { name: \"FI/MUN/0187690-1/oulu\" roles: "
               "AGENCY_ROLE_SOCIAL_SERVICES }\n");
    dir_.Write("profile.textproto", "name: \"test\"\n");
    config_ = dir_.Write("service.textproto",
                         std::string("origin: \"") + kOrigin +
                             "\"\nlisten: \"tcp://127.0.0.1:1\"\ndata_directory: \"data\"\n"
                             "keystore_directory: \"keystore\"\nkeys_directory: \"keys\"\n"
                             "agreement_file: \"agreement.textproto\"\nprofile_file: "
                             "\"profile.textproto\"\n");
  }
  Result Keys(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "keys");
    return RunPolku(arguments);
  }
  Result KeysOfService(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--config", config_});
    return Keys(arguments);
  }

  TempDir dir_;
  std::string config_;
};

TEST_F(KeysCommandTest, WrongCommandLinesExitWithTwo) {
  const std::string author = dir_.At("author/curve.public");
  for (const Result& bad :
       {Keys({}), Keys({"show"}), Keys({"rotate", "author"}), KeysOfService({"frobnicate"}),
        KeysOfService({"show", "extra"}), KeysOfService({"rotate"}), KeysOfService({"rotate", "all"}),
        KeysOfService({"rotate", "curve"}), KeysOfService({"rotate", "cosigning"}),
        KeysOfService({"rotate", "signing"}),
        KeysOfService({"revoke", "--reason", "x"}), KeysOfService({"revoke", "--key", author}),
        KeysOfService({"revoke", "--key", "short", "--reason", "x"}),
        KeysOfService({"replace", "--old", author}),
        KeysOfService({"replace", "--old", author, "--new", author})}) {
    EXPECT_EQ(bad.code, 2) << bad.err;
    EXPECT_THAT(bad.out, IsEmpty());
    EXPECT_THAT(bad.err, StartsWith("polku: "));
  }
}

TEST_F(KeysCommandTest, WhatCannotBeChangedIsRefusedWithThree) {
  const std::string author = dir_.At("author/curve.public");
  const auto refused = [](const Result& result, const std::string& why) {
    EXPECT_EQ(result.code, 3) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr(why));
  };
  refused(KeysOfService({"show"}), "no database there");
  refused(Keys({"show", "--config", dir_.At("none")}), "cannot open");
  refused(KeysOfService({"rotate", "curve", "--reason", "yearly"}), "holds no log yet");
  refused(KeysOfService({"rotate", "signing", "--reason", "yearly"}), "holds no log yet");
  refused(KeysOfService({"revoke", "--key", author, "--reason", "x"}), "`polku keys show` lists them");
  refused(KeysOfService({"replace", "--old", author, "--new", dir_.At("keys/curve.public"),
                         "--holder", "FI/MUN/0187690-1/oulu"}),
          "`polku keys show` lists them");
  refused(Keys({"rotate", "author", "--dir", dir_.At("none")}), "cannot open");
  refused(Keys({"rotate", "author", "--take", "--dir", dir_.At("author")}), "without --take first");
  // Its log has to announce a service's key: nothing is put in place here, whatever lies beside it.
  const std::string curve = ReadAll(dir_.At("keys/curve.secret"));
  refused(Keys({"rotate", "author", "--dir", dir_.At("keys")}), "keys rotate curve");
  refused(Keys({"rotate", "author", "--take", "--dir", dir_.At("keys")}), "keys rotate curve");
  EXPECT_EQ(ReadAll(dir_.At("keys/curve.secret")), curve);
}

TEST_F(KeysCommandTest, AnAuthorsKeyIsMadeOnceAndTakenWhenItIsKnown) {
  const auto rotate = [&] { return Keys({"rotate", "author", "--dir", dir_.At("author"), "--json"}); };
  const std::string old = ReadAll(dir_.At("author/curve.public"));
  const Result made = rotate();
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(rotate().out, made.out) << "broken off and run again: the same key";
  EXPECT_EQ(ReadAll(dir_.At("author/curve.public")), old);
  const std::string next = ReadAll(dir_.At("author/curve.next.public"));
  EXPECT_NE(next, old);
  const Result taken = Keys({"rotate", "author", "--take", "--dir", dir_.At("author"), "--json"});
  EXPECT_EQ(taken.code, 0) << taken.err;
  EXPECT_EQ(taken.out, "{\"taken\":true}\n");
  EXPECT_EQ(ReadAll(dir_.At("author/curve.public")), next);
  EXPECT_EQ(ReadAll(dir_.At("author/earlier/curve.1.public")), old);
  EXPECT_FALSE(std::filesystem::exists(dir_.At("author/curve.next.secret")));
}

TEST_F(KeysCommandTest, NoKeyIsMadeBesideThePublicPartOfALostOne) {
  for (const auto& [name, command] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"curve", {"keygen", "--author", "--dir", dir_.At("keys")}},
           {"cosigning",
            {"keygen", "--origin", kOrigin, "--dir", dir_.At("keys"), "--add-cosigning"}}}) {
    std::filesystem::remove(dir_.At("keys/" + name + ".secret"));
    const Result refused = RunPolku(command);
    EXPECT_EQ(refused.code, 3);
    EXPECT_THAT(refused.err, HasSubstr(name + ".public is there already"));
    EXPECT_FALSE(std::filesystem::exists(dir_.At("keys/" + name + ".secret")));
    std::filesystem::remove(dir_.At("keys/" + name + ".public"));
    EXPECT_EQ(RunPolku(command).code, 0);
  }
}

TEST(VersionTest, IsAsked) {
  EXPECT_THAT(RunPolku({"version"}).out, HasSubstr("store format 1"));
  EXPECT_THAT(RunPolku({"--version", "--json"}).out, HasSubstr("\"protocol\":1"));
}

TEST(KeygenTest, AServicesKeysAreWrittenAndItsPublicPartsPrinted) {
  TempDir dir;
  const std::vector<std::string> command = {"keygen", "--dir", dir.At("keys"), "--origin",
                                            "FI/MUN/0187690-1/oulu/referral/1"};
  const Result made = RunPolku(command);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("peers { origin: \"FI/MUN/0187690-1/oulu/referral/1\""));
  EXPECT_THAT(made.out, HasSubstr("signing_key: \"FI/MUN/0187690-1/oulu/referral/1+"));
  EXPECT_THAT(made.out, HasSubstr("principals { agency: \"FI/MUN/0187690-1/oulu\""));
  EXPECT_THAT(made.out, HasSubstr("witnesses { agency: \"FI/MUN/0187690-1/oulu\" cosigning_key: "
                                  "\"FI/MUN/0187690-1/oulu/referral/witness+"));
  for (const char* secret : {"curve.secret", "signing.secret", "cosigning.secret", "master.key"}) {
    const auto mode = std::filesystem::status(dir.At(std::string("keys/") + secret)).permissions();
    EXPECT_EQ(mode & std::filesystem::perms(0077), std::filesystem::perms::none) << secret;
    EXPECT_THAT(made.out, Not(HasSubstr(ReadAll(dir.At(std::string("keys/") + secret)))));
  }
  // Never overwritten; shown again on request.
  const Result again = RunPolku(command);
  EXPECT_EQ(again.code, 3);
  EXPECT_THAT(again.err, HasSubstr("never overwritten"));
  auto show = command;
  show.push_back("--show");
  EXPECT_EQ(RunPolku(show).out, made.out);
}

TEST(KeygenTest, AnOlderServicesKeysGetTheirCosigningKeyAndNothingElseChanges) {
  TempDir dir;
  const std::vector<std::string> command = {"keygen", "--dir", dir.At("keys"), "--origin",
                                            "FI/MUN/0187690-1/oulu/referral/1"};
  ASSERT_EQ(RunPolku(command).code, 0);
  const std::string signing = ReadAll(dir.At("keys/signing.secret"));
  std::filesystem::remove(dir.At("keys/cosigning.secret"));
  std::filesystem::remove(dir.At("keys/cosigning.public"));
  const auto with = [&](std::vector<std::string> more) {
    auto arguments = command;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunPolku(arguments);
  };
  const Result shown = with({"--show"});
  EXPECT_EQ(shown.code, 3);
  EXPECT_THAT(shown.err, HasSubstr("--add-cosigning"));
  EXPECT_EQ(with({"--show", "--add-cosigning"}).code, 2);
  EXPECT_EQ(RunPolku({"keygen", "--author", "--dir", dir.At("keys"), "--add-cosigning"}).code, 2);
  const Result added = with({"--add-cosigning"});
  EXPECT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.out, HasSubstr("oulu/referral/witness+"));
  EXPECT_EQ(ReadAll(dir.At("keys/signing.secret")), signing);
  EXPECT_EQ(with({"--add-cosigning"}).code, 3);
  EXPECT_EQ(with({"--show"}).out, added.out);
}

TEST(KeygenTest, AnAuthorHasACurveKeyAlone) {
  TempDir dir;
  const Result made = RunPolku({"keygen", "--dir", dir.At("keys"), "--author", "--agency",
                                "FI/MUN/0187690-1/oulu", "--json"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("\"curve_key\":\""));
  EXPECT_FALSE(std::filesystem::exists(dir.At("keys/master.key")));
  EXPECT_FALSE(std::filesystem::exists(dir.At("keys/signing.secret")));
}

constexpr char kClients[] = "asiakas;tapaus\nA-01;0123456789abcdef0123456789abcdef\n";

TEST(SheetCommandTest, ChecksAndPrintsWithoutAService) {
  TempDir dir;
  const std::string clients = dir.Write("clients.csv", kClients);
  const std::string sheet = dir.Write("sheet.csv", "asiakas;3.3.2025;4.3.2025\nA-01;6;S+\n");
  const std::vector<std::string> base = {"sheet",      sheet,      "--clients",
                                         clients,      "--agency", "FI/MUN/0187690-1/oulu",
                                         "--official", "o-1",
                                         "--lang",     "en"};
  auto with = [&](std::vector<std::string> more) {
    auto all = base;
    all.insert(all.end(), more.begin(), more.end());
    return RunPolku(all);
  };
  EXPECT_THAT(with({"--check"}).out, HasSubstr("2 days of 1 clients"));
  const Result printed = with({"--print"});
  EXPECT_EQ(printed.code, 0) << printed.err;
  EXPECT_THAT(printed.out, HasSubstr("\"date\":\"2025-03-04\""));
  // What is printed is what import takes, ids and all.
  const Result checked = RunPolku({"import", "--check", "-"}, printed.out);
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("2 lines, 0 not valid"));
  EXPECT_EQ(with({"--print"}).out, printed.out);
}

TEST(SheetCommandTest, EveryProblemIsToldWithItsPlaceAndNothingOfACell) {
  TempDir dir;
  const std::string clients = dir.Write("clients.csv", kClients);
  const std::string sheet =
      dir.Write("sheet.csv", "asiakas;3.3.2025;4.3.2025\nA-01;010190-900A;25\nSalainen;6;6\n");
  std::vector<std::string> command = {
      "sheet", sheet, "--clients", clients, "--agency", "FI/MUN/0187690-1/oulu", "--check", "--lang", "en"};
  const Result result = RunPolku(command);
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("line 2, column 2: 2025-03-03: "));
  EXPECT_THAT(result.err, HasSubstr("line 2, column 3: 2025-03-04: "));
  EXPECT_THAT(result.err, HasSubstr("line 3, column 1: "));
  EXPECT_THAT(result.err, HasSubstr("nothing of the sheet was recorded"));
  EXPECT_THAT(result.err, Not(HasSubstr("900A")));
  EXPECT_THAT(result.err, Not(HasSubstr("Salainen")));
  auto json = command;
  json.push_back("--json");
  EXPECT_THAT(RunPolku(json).out, HasSubstr("\"problems\":[{\"line\":2,\"column\":2,"));
  // Finnish unless another language is asked for; what a machine reads is English all the same.
  command.resize(command.size() - 2);
  const Result finnish = RunPolku(command);
  EXPECT_THAT(finnish.err, HasSubstr("rivi 2, sarake 2: 3.3.2025: "));
  EXPECT_THAT(finnish.err, HasSubstr("lomakkeesta ei kirjattu mitään"));
  EXPECT_THAT(finnish.err, Not(HasSubstr("900A")));
  json = command;
  json.push_back("--json");
  EXPECT_THAT(RunPolku(json).out, HasSubstr("not hours"));
}

TEST(ImportCommandTest, CheckTellsEveryLineThatIsNoEvent) {
  const Result result =
      RunPolku({"import", "--check", "-"},
               "\xEF\xBB\xBF{\"case\":\"0123456789abcdef0123456789abcdef\",\"type\":\"polku."
               "referral.v1.CaseClosed\","
               "\"event\":{}}\r\n\r\nnonsense\n{\"case\":\"0123456789abcdef0123456789abcdef\","
               "\"type\":\"x\",\"event\":{}}\n");
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("line 3: "));
  EXPECT_THAT(result.err, HasSubstr("line 4: unknown event type"));
  EXPECT_THAT(result.out, HasSubstr("3 lines, 2 not valid"));
}

}  // namespace
}  // namespace polku::cli
