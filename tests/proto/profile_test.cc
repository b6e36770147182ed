// Every profile under deploy/profiles, whatever region it is of, keeps what profile.proto promises.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "absl/time/civil_time.h"
#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "polku/config/v1/profile.pb.h"
#include "tests/proto/golden.h"

namespace polku::golden {
namespace {

using config::v1::Profile;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The files of deploy/profiles by name, each as it stands.
std::map<std::string, Profile> Files() {
  const char* const root = std::getenv("POLKU_SOURCE_DIR");
  const auto directory = std::filesystem::path(root != nullptr ? root : ".") / "deploy/profiles";
  std::map<std::string, Profile> files;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().extension() != ".textproto") continue;
    const auto text = ReadFile(file.path());
    EXPECT_TRUE(text) << file.path();
    std::string error;
    const auto message = ParseText(*Profile::descriptor(), text.value_or(""), &error);
    EXPECT_NE(message, nullptr) << file.path() << ":" << error;
    if (message != nullptr) files[file.path().stem()].CopyFrom(*message);
  }
  return files;
}

// The profile with what it builds on before it, as a service of the region has it.
Profile Joined(const std::map<std::string, Profile>& files, const std::string& name) {
  const auto file = files.find(name);
  EXPECT_NE(file, files.end()) << name << " is not there";
  if (file == files.end()) return {};
  Profile joined;
  for (const std::string& below : file->second.needs()) joined.MergeFrom(Joined(files, below));
  joined.MergeFrom(file->second);
  return joined;
}

std::map<std::string, Profile> Profiles() {
  const auto files = Files();
  std::map<std::string, Profile> profiles;
  for (const auto& [name, file] : files) profiles[name] = Joined(files, name);
  return profiles;
}

// Calls visit(rule) for every rule: an element of a repeated message field whose type has an `id`.
template <typename Visit>
void ForEachRule(const Profile& profile, const Visit& visit) {
  const auto& reflection = *profile.GetReflection();
  for (int i = 0; i < Profile::descriptor()->field_count(); ++i) {
    const FieldDescriptor* const field = Profile::descriptor()->field(i);
    if (field->message_type() == nullptr || field->message_type()->FindFieldByName("id") == nullptr)
      continue;
    for (int j = 0; j < reflection.FieldSize(profile, field); ++j) {
      visit(reflection.GetRepeatedMessage(profile, field, j));
    }
  }
}

std::string Text(const Message& rule, const char* name) {
  const FieldDescriptor* const field = rule.GetDescriptor()->FindFieldByName(name);
  return rule.GetReflection()->GetString(rule, field);
}

// Of the issue's regions each, one more as the proof that it takes no code, and what they build on.
TEST(Profile, EveryRegionIsThere) {
  std::set<std::string> names;
  for (const auto& [name, file] : Files()) names.insert(name);
  EXPECT_THAT(names, testing::IsSupersetOf(
                         {"lempaala", "tampere", "oulu", "siun-sote", "pirkanmaa", "espoo-typ",
                          "espoo-kipina", "espoo-vamos", "espoo-open", "forssa", "vantaa", "kokkola"}));
  for (const auto& [name, profile] : Profiles()) {
    if (name == "suomi" || name == "kuntouttava") continue;
    EXPECT_EQ(profile.display_names_size(), 3) << name << ": fi, sv and en";
    EXPECT_GT(profile.municipality_codes_size(), 0) << name;
  }
}

TEST(Profile, AMunicipalityIsInARegionOnceAndTravelByAreaIsInside) {
  for (const auto& [name, profile] : Profiles()) {
    std::set<std::string> codes(profile.municipality_codes().begin(),
                                profile.municipality_codes().end());
    EXPECT_EQ(static_cast<int>(codes.size()), profile.municipality_codes_size()) << name;
    std::set<std::pair<std::string, int>> means_of_area;
    for (const auto& rule : profile.travel()) {
      for (const std::string& code : rule.municipality_codes()) {
        EXPECT_TRUE(codes.contains(code)) << name << ": " << rule.id() << ": " << code;
        EXPECT_TRUE(means_of_area.insert({code, rule.means()}).second)
            << name << ": " << rule.id() << ": no choice of means decides between two rules in " << code;
      }
    }
  }
}

TEST(Profile, EveryKindOfRuleBeginsWithTheSameSevenFields) {
  for (int i = 0; i < Profile::descriptor()->field_count(); ++i) {
    const auto* const type = Profile::descriptor()->field(i)->message_type();
    if (type == nullptr || type->name() == "DisplayName" || type->name() == "RuleName") continue;
    int number = 0;
    for (const char* name : {"id", "version", "valid_from", "valid_until", "started_from",
                             "started_until", "source"}) {
      const FieldDescriptor* const field = type->FindFieldByNumber(++number);
      ASSERT_NE(field, nullptr) << type->full_name();
      EXPECT_EQ(field->name(), name) << type->full_name();
      EXPECT_EQ(field->type(), FieldDescriptor::TYPE_STRING) << field->full_name();
    }
  }
}

TEST(Profile, EveryRuleIsNamedOnceAndSaysWhereItIsFrom) {
  for (const auto& [name, profile] : Profiles()) {
    EXPECT_EQ(profile.name(), name);
    std::set<std::string> seen;
    ForEachRule(profile, [&, file = name](const Message& rule) {
      const std::string key = Text(rule, "id") + "@" + Text(rule, "version");
      EXPECT_FALSE(Text(rule, "id").empty() || Text(rule, "version").empty())
          << file << ": " << key;
      EXPECT_TRUE(seen.insert(key).second) << file << ": " << key << " is there twice";
      const std::string source = Text(rule, "source");
      EXPECT_TRUE(source.starts_with("[s] ") || source.starts_with("[p] ") ||
                  source.starts_with("[k] "))
          << file << ": " << key << ": \"" << source << "\"";
    });
  }
}

// A mark alone says nothing: [s] names the seed and its words, or the step of DOMAIN that does; [p] names where DOMAIN has
// the page; [k] says that it is an assumption.
TEST(Profile, EverySourceSaysWhichSeedOrThatItIsAnAssumption) {
  const std::regex seed(R"(\[s\] (seeds? 00[0-4](, 00[0-4])*(:| \(| \w|, \w).*|Taulukko 1.*|DOMAIN[, ].*))");
  const std::regex page(R"(\[p\] DOMAIN\b.*)");
  for (const auto& [name, profile] : Files()) {
    ForEachRule(profile, [&, file = name](const Message& rule) {
      const std::string where = file + ": " + Text(rule, "id") + "@" + Text(rule, "version");
      const std::string source = Text(rule, "source");
      for (size_t at = source.find('['); at != std::string::npos;) {
        const size_t next = source.find('[', at + 1);
        const std::string part = source.substr(at, next == std::string::npos ? next : next - at);
        at = next;
        if (part.starts_with("[s]")) {
          EXPECT_TRUE(std::regex_match(part, seed)) << where << ": names no seed: " << part;
        } else if (part.starts_with("[p]")) {
          EXPECT_TRUE(std::regex_match(part, page)) << where << ": names no page: " << part;
        } else {
          EXPECT_TRUE(part.starts_with("[k]")) << where << ": no such mark: " << part;
          EXPECT_NE(part.find("assum"), std::string::npos) << where << ": of what kind is it: " << part;
        }
      }
    });
  }
}

// What stands outside of rules: the codes of municipalities are general knowledge, and each says of which.
TEST(Profile, EveryMunicipalityCodeSaysWhoseItIsAndThatItIsNotOfASeed) {
  const char* const root = std::getenv("POLKU_SOURCE_DIR");
  const auto directory = std::filesystem::path(root != nullptr ? root : ".") / "deploy/profiles";
  const std::regex marked(R"re(municipality_codes: "\d{3}"  # \S.*\[k\].*)re");
  int codes = 0;
  for (const auto& [name, profile] : Files()) {
    std::istringstream text(ReadFile(directory / (name + ".textproto")).value_or(""));
    for (std::string line; std::getline(text, line);) {
      if (!line.starts_with("municipality_codes:")) continue;
      ++codes;
      EXPECT_TRUE(std::regex_match(line, marked)) << name << ": " << line;
    }
  }
  EXPECT_GT(codes, 30);
}

TEST(Profile, TheDatesOfARuleAreDaysInOrder) {
  for (const auto& [name, profile] : Profiles()) {
    ForEachRule(profile, [file = name](const Message& rule) {
      for (const auto& [from, until] :
           {std::pair("valid_from", "valid_until"), std::pair("started_from", "started_until")}) {
        absl::CivilDay first = absl::CivilDay::min();
        absl::CivilDay last = absl::CivilDay::max();
        const std::string first_text = Text(rule, from);
        const std::string last_text = Text(rule, until);
        EXPECT_TRUE(first_text.empty() || absl::ParseCivilTime(first_text, &first))
            << file << ": " << first_text;
        EXPECT_TRUE(last_text.empty() || absl::ParseCivilTime(last_text, &last))
            << file << ": " << last_text;
        EXPECT_LE(first, last) << file << ": " << Text(rule, "id");
      }
    });
  }
}

TEST(Profile, EveryAttendanceClassHasARuleWhoseOutcomeFitsWhatItGives) {
  for (const auto& [name, profile] : Profiles()) {
    std::set<int> classes;
    for (const auto& rule : profile.absence_classes()) {
      classes.insert(rule.attendance_class());
      EXPECT_EQ(rule.allowance(), rule.outcome() == event::v1::DAY_OUTCOME_ATTENDED)
          << name << ": " << rule.id();
      EXPECT_EQ(rule.benefit(), rule.outcome() != event::v1::DAY_OUTCOME_ABSENT_OTHER)
          << name << ": " << rule.id();
    }
    EXPECT_EQ(static_cast<int>(classes.size()),
              event::v1::AttendanceClass_descriptor()->value_count() - 1)
        << name;
    EXPECT_FALSE(classes.contains(0)) << name;
  }
}

// A reader finds a name beside each id that an event cites.
TEST(Profile, EveryRuleHasANameInThreeLanguages) {
  for (const auto& [name, profile] : Profiles()) {
    std::map<std::string, const polku::config::v1::RuleName*> named;
    for (const auto& rule : profile.rule_names()) {
      EXPECT_TRUE(named.emplace(rule.rule_id(), &rule).second) << name << ": " << rule.rule_id() << " is named twice";
    }
    ForEachRule(profile, [&, file = name](const Message& rule) {
      const auto found = named.find(Text(rule, "id"));
      ASSERT_NE(found, named.end()) << file << ": give " << Text(rule, "id")
                                    << " a line rule_names { rule_id finnish swedish english }";
      const std::set<std::string> texts = {found->second->finnish(), found->second->swedish(), found->second->english()};
      EXPECT_FALSE(texts.contains("")) << file << ": " << found->first;
      // Loans and proper names are alike in two.
      EXPECT_NE(found->second->finnish(), found->second->english()) << file << ": " << found->first;
    });
  }
}

// ---- What each region's seed says, read off the profile ----

TEST(Profile, OuluSaysWhatTheSeedSays) {
  const Profile oulu = Profiles()["oulu"];
  ASSERT_EQ(oulu.rates_size(), 2);
  EXPECT_EQ(oulu.rates(0).cents_per_day(), 900);
  ASSERT_EQ(oulu.agreements_size(), 1);
  EXPECT_EQ(oulu.agreements(0).first_months(), 3u);
  ASSERT_EQ(oulu.travel_size(), 1);
  EXPECT_EQ(oulu.travel(0).mode(), event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD);
  EXPECT_EQ(oulu.travel(0).card_days(), 30u);
  ASSERT_EQ(oulu.intensities_size(), 2);
  EXPECT_EQ(oulu.intensities(0).max_days_per_week(), 5u);
  EXPECT_EQ(oulu.intensities(0).valid_until(), "2015-06-30");
  EXPECT_EQ(oulu.intensities(1).max_days_per_week(), 4u);
  const auto kykyviisari = std::find_if(
      oulu.assessments().begin(), oulu.assessments().end(),
      [](const auto& rule) { return rule.kind() == event::v1::ASSESSMENT_KIND_KYKYVIISARI; });
  ASSERT_NE(kykyviisari, oulu.assessments().end());
  EXPECT_THAT(kykyviisari->months(), testing::ElementsAre(0u, 3u));
}

TEST(Profile, TheTravelModesAreThoseOfTheRegions) {
  using event::v1::TravelMode;
  const std::map<std::string, std::set<TravelMode>> modes = {
      {"lempaala", {event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS}},
      {"tampere", {event::v1::TRAVEL_MODE_AUTOMATIC}},
      {"oulu", {event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD}},
      {"siun-sote", {event::v1::TRAVEL_MODE_PER_DAY, event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD}},
      {"pirkanmaa", {}},
      {"espoo-typ", {}},
      {"espoo-kipina", {event::v1::TRAVEL_MODE_PER_DAY}},
      {"espoo-vamos", {}},
      {"espoo-open", {}},
      {"forssa", {}},
      {"vantaa", {}},
      {"kokkola", {event::v1::TRAVEL_MODE_PER_DAY}}};
  const auto profiles = Profiles();
  for (const auto& [name, expected] : modes) {
    std::set<TravelMode> found;
    for (const auto& rule : profiles.at(name).travel()) found.insert(rule.mode());
    EXPECT_EQ(found, expected) << name;
  }
}

TEST(Profile, WithoutCriteriaNothingIsAskedFor) {
  for (const char* name : {"espoo-kipina", "espoo-open"}) {
    const Profile open = Profiles()[name];
    EXPECT_EQ(open.plans_size(), 0) << name;
    EXPECT_EQ(open.agreements_size(), 0) << name;
    EXPECT_EQ(open.case_managers_size(), 0) << name;
    EXPECT_EQ(open.intensities_size(), 0) << name;
  }
  EXPECT_EQ(Profiles()["pirkanmaa"].rates_size(), 0) << "social rehabilitation gives no nine euros";
}

// ---- The boundaries of DOMAIN's Rules, day by day, in every region that builds on them ----

// The one rule of a list that holds on the day, for a service that began on `started`.
template <typename List, typename Fits>
std::string HoldingOn(const List& list, const std::string& day, const std::string& started,
                      const Fits& fits) {
  std::string found;
  for (const auto& rule : list) {
    const auto within = [](const std::string& d, const std::string& from, const std::string& until) {
      return (from.empty() || from <= d) && (until.empty() || d <= until);
    };
    if (!fits(rule) || !within(day, rule.valid_from(), rule.valid_until()) ||
        !within(started, rule.started_from(), rule.started_until())) {
      continue;
    }
    found += (found.empty() ? "" : " and ") + rule.id() + "/" + rule.version();
  }
  return found;
}

TEST(Profile, EveryBoundaryOfTheRulesIsOnItsDay) {
  const auto office = [](config::v1::Office wanted) {
    return [wanted](const auto& rule) { return rule.office() == wanted; };
  };
  const auto any = [](const auto&) { return true; };
  int regions = 0;
  for (const auto& [name, p] : Profiles()) {
    SCOPED_TRACE(name);
    const auto on = [&](const auto& list, const char* day, const auto& fits,
                        const char* started = "2013-01-07") {
      return HoldingOn(list, day, started, fits);
    };
    // 31.12.2022 / 1.1.2023: the organiser; 31.12.2024 / 1.1.2025: the employment authority.
    const auto organiser = office(config::v1::OFFICE_ORGANISER);
    EXPECT_EQ(on(p.actors(), "2022-12-31", organiser), "organiser/1");
    EXPECT_EQ(on(p.actors(), "2023-01-01", organiser), "organiser/2");
    const auto authority = office(config::v1::OFFICE_EMPLOYMENT_AUTHORITY);
    EXPECT_EQ(on(p.actors(), "2024-12-31", authority), "employment_authority/1");
    EXPECT_EQ(on(p.actors(), "2025-01-01", authority), "employment_authority/2");
    if (p.intensities().empty()) continue;
    ++regions;
    // 30.6. / 1.7.2015: five days a week, then four.
    EXPECT_EQ(on(p.intensities(), "2015-06-30", any), "intensity/1");
    EXPECT_EQ(on(p.intensities(), "2015-07-01", any), "intensity/2");
    // 30.4. / 1.5.2026: the names of benefits.
    const auto benefit = [](event::v1::BenefitKind kind) {
      return [kind](const auto& rule) { return rule.kind() == kind; };
    };
    const auto subsidy = benefit(event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY);
    const auto basic = benefit(event::v1::BENEFIT_KIND_BASIC_UNEMPLOYMENT_ALLOWANCE);
    const auto general = benefit(event::v1::BENEFIT_KIND_GENERAL_SUPPORT);
    EXPECT_EQ(on(p.benefits(), "2026-04-30", subsidy), "labour_market_subsidy/1");
    EXPECT_EQ(on(p.benefits(), "2026-05-01", subsidy), "");
    EXPECT_EQ(on(p.benefits(), "2026-04-30", basic), "basic_unemployment_allowance/1");
    EXPECT_EQ(on(p.benefits(), "2026-05-01", basic), "");
    EXPECT_EQ(on(p.benefits(), "2026-04-30", general), "");
    EXPECT_EQ(on(p.benefits(), "2026-05-01", general), "general_support/1");
    // Begun until 31.12.2014 / from 1.1.2015: whom absences are told, whenever the day is.
    const auto absences = [](const auto& rule) {
      return rule.notice() == event::v1::NOTICE_KIND_ABSENCES;
    };
    EXPECT_EQ(on(p.absence_notices(), "2016-03-01", absences, "2014-12-31"), "absences_to_authority/1");
    EXPECT_EQ(on(p.absence_notices(), "2016-03-01", absences, "2015-01-01"), "absences_to_payer/1");
    // 31.12.2025 / 1.1.2026: for whom an activation plan is.
    if (p.plans().empty()) continue;
    const auto activation = [](const auto& rule) {
      return rule.kind() == event::v1::PLAN_KIND_ACTIVATION;
    };
    EXPECT_EQ(on(p.plans(), "2025-12-31", activation), "activation_plan/1");
    EXPECT_EQ(on(p.plans(), "2026-01-01", activation), "activation_plan/2");
    for (const auto& rule : p.plans()) {
      EXPECT_EQ(rule.id() == "activation_plan" && rule.version() == "2",
                !rule.only_benefits().empty()) << rule.id();
    }
    // One agreement rule on every day; nine euros on every day, in cents.
    for (const char* day : {"2013-01-07", "2015-07-01", "2022-12-31", "2026-05-01"}) {
      EXPECT_EQ(on(p.agreements(), day, any), "agreement_length/1");
      for (const auto& rate : p.rates()) EXPECT_EQ(rate.cents_per_day(), 900) << rate.id();
    }
  }
  EXPECT_GE(regions, 9) << "the regions of rehabilitative work activity and what they build on";
}

}  // namespace
}  // namespace polku::golden
