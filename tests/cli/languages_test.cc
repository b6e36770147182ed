// Every command that a worker or client reads, in every language, over a made-up region: no word of another language,
// days and money as the language writes them.
#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "eventstore/base/ids.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "services/core/codec.h"
#include "tests/cli/made_region.h"

namespace polku::cli {
namespace {

using ::testing::IsEmpty;

constexpr std::string_view kTags[] = {"fi", "sv", "en"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Words of letters alone, in small letters. What has digits, points, underscores or slashes in it is a name or a number.
std::set<std::string> Words(const std::string& text) {
  std::set<std::string> words;
  std::istringstream in(text);
  for (std::string token; in >> token;) {
    while (!token.empty() && std::string_view("(),.:;!?\"'").find(token.front()) != std::string_view::npos) token.erase(0, 1);
    while (!token.empty() && std::string_view("(),.:;!?\"'").find(token.back()) != std::string_view::npos) token.pop_back();
    const bool word = token.size() > 2 && std::all_of(token.begin(), token.end(), [](char c) {
      return std::isalpha(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
    });
    if (word) words.insert(Lower(token));
  }
  return words;
}

// All that the tables say in a language.
std::set<std::string> Vocabulary(Language language) {
  std::string text;
  for (int word = 0; !Label(static_cast<Word>(word), language).empty(); ++word) {
    text += " " + std::string(Label(static_cast<Word>(word), language));
  }
  for (const SectionKind kind : kAllSectionKinds) text += " " + std::string(SectionLabel(kind, language));
  for (const char* service : {"referral", "attendance", "compensation", "assessment", "audit"}) {
    text += " " + ServiceLabel(service, language);
  }
  std::set<const google::protobuf::Descriptor*> types;
  std::vector<const google::protobuf::Descriptor*> left;
  for (const auto* type : service::AllEventTypes()) {
    text += " " + EventLabel(type->full_name(), language);
    left.push_back(type);
  }
  while (!left.empty()) {
    const auto* type = left.back();
    left.pop_back();
    if (!types.insert(type).second) continue;
    for (int i = 0; i < type->field_count(); ++i) {
      const auto* field = type->field(i);
      text += " " + FieldLabel(*field, language);
      if (field->message_type() != nullptr) left.push_back(field->message_type());
      if (field->enum_type() == nullptr) continue;
      for (int j = 0; j < field->enum_type()->value_count(); ++j) {
        const auto* value = field->enum_type()->value(j);
        if (value->number() != 0) text += " " + CodeLabel(*value, language);
      }
    }
  }
  // Of no table, and telling.
  if (language == Language::kEnglish) text += " the and with not was were this that which from until each nothing";
  return Words(text);
}

std::set<std::string> Minus(std::set<std::string> from, const std::set<std::string>& what) {
  for (const std::string& word : what) from.erase(word);
  return from;
}

// Lines without what is no word of the program: ids of rules, names of commands, and what is quoted as recorded.
std::string Spoken(const std::string& output, Language language) {
  static const std::regex rule(R"( ?\([a-z0-9_]+ v[0-9]+\))");
  std::string spoken;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    bool quoted = line.find(Label(Word::kRuleSource, language)) != std::string::npos;
    for (const char* field : {"command", "scope"}) {
      const auto* type = service::FindEventType("polku.access.v1.AccessRecorded");
      const std::string label = FieldLabel(*type->FindFieldByName(field), language);
      quoted = quoted || line.find("  " + label + "  ") != std::string::npos;
    }
    if (!quoted) spoken += std::regex_replace(line, rule, "") + "\n";
  }
  return spoken;
}

struct Shown {
  std::vector<std::string> command;
  std::string instance;
};

// What people read. `persons` needs an index that only a running service makes (tests/scenarios/persons_test.py);
// `report` has tests of its own.
std::vector<Shown> Everything() {
  const std::string audit = "hyvinvointi-audit", pays = "hyvinvointi-compensation", kela = "kela-compensation",
                    opens = "tyollisyys-referral";
  std::vector<Shown> all = {{{"summary"}, audit},
                            {{"summary", "--cases"}, opens},
                            {{"summary", "--visitors"}, audit},
                            {{"places", "--waiting"}, opens},
                            {{"payments", "status"}, kela},
                            {{"payments", "status"}, pays},
                            {{"retention", "due", "--on", "2026-01-01"}, audit},
                            {{"retention", "due", "--on", "2060-01-01"}, "hyvinvointi-assessment"}};
  for (const std::string& id : Region().cases()) {
    all.push_back({{"case", id, "--causes", "--access"}, opens});
    all.push_back({{"case", id, "--causes"}, audit});
    all.push_back({{"case", id, "--brief", "--valid-on", "2025-03-31", "--as-of", "2025-05-31"}, audit});
    all.push_back({{"disclosures", id, "--all"}, opens});
  }
  for (const std::string& id : Region().paid()) all.push_back({{"explain-payment", id}, audit});
  return all;
}

// Whether the agency holds money or competences of a case is the history's to say: some cases have none.
bool MayHaveNothing(const Shown& shown) {
  return shown.command[0] == "explain-payment" || shown.command[0] == "case" || shown.command[0] == "disclosures";
}

TEST(LanguagesTest, NoCommandMixesItsLanguageWithAnother) {
  const std::set<std::string> finnish = Vocabulary(Language::kFinnish), swedish = Vocabulary(Language::kSwedish),
                              english = Vocabulary(Language::kEnglish);
  ASSERT_GT(finnish.size(), 400u);
  ASSERT_GT(english.size(), 400u);
  const std::set<std::string> only_english = Minus(Minus(english, finnish), swedish);
  const std::set<std::string> only_swedish = Minus(Minus(swedish, finnish), english);
  size_t read = 0;
  std::set<std::string> english_found;  // where they belong: else nothing would be looked for
  for (const Shown& shown : Everything()) {
    std::set<std::string> texts;
    for (size_t i = 0; i < 3; ++i) {
      const auto language = static_cast<Language>(i);
      auto command = shown.command;
      command.insert(command.end(), {"--lang", std::string(kTags[i])});
      const Result result = Region().Read(command, shown.instance);
      const std::string what = ::testing::PrintToString(command) + " at " + shown.instance;
      if (result.code == 3 && MayHaveNothing(shown)) break;
      ASSERT_EQ(result.code, 0) << what << result.err;
      ++read;
      texts.insert(result.out);
      const std::string spoken = Spoken(result.out, language);
      const std::set<std::string> words = Words(spoken);
      const auto among = [&](const std::set<std::string>& foreign) {
        std::vector<std::string> found;
        for (const std::string& word : words) {
          if (foreign.contains(word)) found.push_back(word);
        }
        return found;
      };
      if (language != Language::kEnglish) {
        EXPECT_THAT(among(only_english), IsEmpty()) << what;
      }
      // What people wrote is Finnish, so Finnish words prove nothing in the others.
      if (language == Language::kEnglish) english_found.merge(std::set<std::string>(words));
      if (language == Language::kFinnish) {
        EXPECT_THAT(among(only_swedish), IsEmpty()) << what;
      }
      static const std::regex iso_day(R"(\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b)"), our_day(R"(\b[0-9]{1,2}\.[0-9]{1,2}\.20[0-9]{2}\b)"),
          point(R"([0-9]\.[0-9]{2} €)"), comma(R"([0-9],[0-9]{2} €)");
      std::smatch found;
      const bool is_english = language == Language::kEnglish;
      EXPECT_FALSE(std::regex_search(spoken, found, is_english ? our_day : iso_day)) << what << ": " << found.str();
      EXPECT_FALSE(std::regex_search(spoken, found, is_english ? comma : point)) << what << ": " << found.str();
    }
    if (!texts.empty()) {
      EXPECT_EQ(texts.size(), 3u) << ::testing::PrintToString(shown.command);
    }
  }
  EXPECT_GT(read, 60u);
  EXPECT_GT(english_found.size() - Minus(english_found, only_english).size(), 100u);
}

TEST(LanguagesTest, AnAgreementAndABundleAreReadInEveryLanguage) {
  const TempDir dir;
  const std::string bundle = dir.At("bundle.json");
  const std::string opens = "tyollisyys-referral";
  ASSERT_EQ(Region().Read({"bundle", "--case", Region().cases().front(), "--open",
                           "service,identity,social,payment", "--out", bundle},
                          opens)
                .code,
            0);
  const std::set<std::string> only_english =
      Minus(Minus(Vocabulary(Language::kEnglish), Vocabulary(Language::kFinnish)), Vocabulary(Language::kSwedish));
  for (size_t i = 0; i < 2; ++i) {
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"agreement", "show", "--config", Region().Config(opens)},
             {"agreement", "explain", "--config", Region().Config(opens), "--receiver", "FI/GOV/0246246-0/kela",
              "--author", "FI/MUN/9999994-1/tyollisyys", "--type", "polku.referral.v1.PlanDrafted", "--party"}}) {
      auto in = command;
      in.insert(in.end(), {"--lang", std::string(kTags[i])});
      const Result result = RunPolku(in);
      ASSERT_EQ(result.code, 0) << result.err;
      std::vector<std::string> found;
      for (const std::string& word : Words(Spoken(result.out, static_cast<Language>(i)))) {
        if (only_english.contains(word)) found.push_back(word);
      }
      EXPECT_THAT(found, IsEmpty()) << ::testing::PrintToString(in);
    }
    const Result shown = RunPolku({"bundle", "show", bundle, "--lang", std::string(kTags[i])});
    ASSERT_EQ(shown.code, 0) << shown.err;
    // The events; what follows the empty line says what is proven, to whoever verifies (AUDITORS.md).
    const std::string events = shown.out.substr(0, shown.out.rfind("\n\n"));
    std::vector<std::string> found;
    for (const std::string& word : Words(Spoken(events, static_cast<Language>(i)))) {
      if (only_english.contains(word)) found.push_back(word);
    }
    EXPECT_THAT(found, IsEmpty()) << kTags[i];
  }
}

}  // namespace
}  // namespace polku::cli
