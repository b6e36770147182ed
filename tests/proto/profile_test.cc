// Every profile under deploy/profiles, whatever region it is of, keeps what profile.proto promises.
#include <cstdlib>
#include <map>
#include <set>

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

std::map<std::string, Profile> Profiles() {
  const char* const root = std::getenv("POLKU_SOURCE_DIR");
  const auto directory = std::filesystem::path(root != nullptr ? root : ".") / "deploy/profiles";
  std::map<std::string, Profile> profiles;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().extension() != ".textproto") continue;
    const auto text = ReadFile(file.path());
    EXPECT_TRUE(text) << file.path();
    std::string error;
    const auto message = ParseText(*Profile::descriptor(), text.value_or(""), &error);
    EXPECT_NE(message, nullptr) << file.path() << ":" << error;
    if (message != nullptr) profiles[file.path().stem()].CopyFrom(*message);
  }
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

TEST(Profile, TheOuluProfileIsThere) { EXPECT_TRUE(Profiles().contains("oulu")); }

TEST(Profile, EveryKindOfRuleBeginsWithTheSameSevenFields) {
  for (int i = 0; i < Profile::descriptor()->field_count(); ++i) {
    const auto* const type = Profile::descriptor()->field(i)->message_type();
    if (type == nullptr || type->name() == "DisplayName") continue;
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
  EXPECT_THAT(oulu.assessments(0).months(), testing::ElementsAre(0u, 3u));
}

}  // namespace
}  // namespace polku::golden
