#include "tests/proto/golden.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>

#include "absl/time/civil_time.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "polku/event/v1/common.pb.h"
#include "polku/event/v1/event.pb.h"

namespace polku::golden {
namespace {

using event::v1::SectionKind;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::filesystem::path Root() {
  const char* const root = std::getenv("POLKU_SOURCE_DIR");
  return root != nullptr ? root : ".";
}

bool HasSection(const FieldDescriptor& field) {
  return field.options().HasExtension(event::v1::section);
}

SectionKind SectionOf(const FieldDescriptor& field) {
  return HasSection(field) ? field.options().GetExtension(event::v1::section)
                           : event::v1::SECTION_KIND_SERVICE;
}

// Calls visit(name, type, message) for every golden.
template <typename Visit>
void ForEachGolden(const Visit& visit) {
  for (const Descriptor* type : FrozenMessages()) {
    for (const std::string& name : GoldenNames(Root(), *type)) {
      const auto text = ReadFile(TextPath(Root(), name));
      ASSERT_TRUE(text) << TextPath(Root(), name) << " is missing, see tests/proto/golden.h";
      std::string error;
      const auto message = ParseText(*type, *text, &error);
      ASSERT_NE(message, nullptr) << TextPath(Root(), name) << ":" << error;
      visit(name, *type, *message);
    }
  }
}

bool Matches(const std::string& name, const char* pattern) {
  return std::regex_match(name, std::regex(pattern));
}

bool EndsWith(std::string_view text, std::string_view end) { return text.ends_with(end); }

bool IsDateField(const FieldDescriptor& field) {
  const std::string& name = field.name();
  return field.type() == FieldDescriptor::TYPE_STRING &&
         (name == "date" || EndsWith(name, "_on") || EndsWith(name, "_from") ||
          EndsWith(name, "_until"));
}

// Calls visit(message, field) for every field of the type and, below it, of its message fields.
template <typename Visit>
void ForEachField(const Descriptor& type, const Visit& visit) {
  for (int i = 0; i < type.field_count(); ++i) {
    visit(*type.field(i));
    if (type.field(i)->message_type() != nullptr)
      ForEachField(*type.field(i)->message_type(), visit);
  }
}

template <typename Visit>
void ForEachMessage(const Descriptor& type, const Visit& visit) {
  visit(type);
  for (int i = 0; i < type.nested_type_count(); ++i) ForEachMessage(*type.nested_type(i), visit);
}

template <typename Visit>
void ForEachEnum(const FileDescriptor& file, const Visit& visit) {
  for (int i = 0; i < file.enum_type_count(); ++i) visit(*file.enum_type(i));
  for (int i = 0; i < file.message_type_count(); ++i) {
    ForEachMessage(*file.message_type(i), [&](const Descriptor& type) {
      for (int j = 0; j < type.enum_type_count(); ++j) visit(*type.enum_type(j));
    });
  }
}

// ---- Frozen bytes ----

TEST(Golden, EveryMessageHasAPairOfFilesAndEveryFileAMessage) {
  std::set<std::string> expected;
  for (const Descriptor* type : FrozenMessages()) {
    for (const std::string& name : GoldenNames(Root(), *type)) {
      expected.insert(TextPath(Root(), name).filename());
      expected.insert(HexPath(Root(), name).filename());
    }
  }
  std::set<std::string> found;
  for (const auto& file : std::filesystem::directory_iterator(Root() / "proto/golden")) {
    found.insert(file.path().filename());
  }
  for (const std::string& name : expected) {
    EXPECT_TRUE(found.contains(name)) << name << " is missing, see tests/proto/golden.h";
  }
  for (const std::string& name : found) {
    EXPECT_TRUE(expected.contains(name)) << name << " has no message; released messages stay";
  }
}

TEST(Golden, EveryProtoFileIsLookedAt) {
  std::set<std::string> known;
  for (const FileDescriptor* file : Files()) known.insert(file->name());
  std::set<std::string> found;
  for (const auto& file : std::filesystem::recursive_directory_iterator(Root() / "proto/polku")) {
    if (file.path().extension() != ".proto") continue;
    found.insert(std::filesystem::relative(file.path(), Root() / "proto").generic_string());
  }
  EXPECT_EQ(found, known) << "Files() in tests/proto/golden.cc lists them";
}

TEST(Golden, TheTextSerializesToTheFrozenBytes) {
  ForEachGolden([](const std::string& name, const Descriptor&, const Message& message) {
    EXPECT_EQ(ToHex(Serialize(message)), ReadFile(HexPath(Root(), name))) << name;
  });
}

TEST(Golden, TheFrozenBytesParseToTheText) {
  ForEachGolden([](const std::string& name, const Descriptor& type, const Message& message) {
    const auto hex = ReadFile(HexPath(Root(), name));
    ASSERT_TRUE(hex) << name;
    const auto bytes = FromHex(*hex);
    ASSERT_TRUE(bytes) << name << ": not hex";
    const auto parsed = ParseBytes(type, *bytes);
    ASSERT_NE(parsed, nullptr) << name;
    google::protobuf::util::MessageDifferencer differencer;
    std::string difference;
    differencer.ReportDifferencesToString(&difference);
    EXPECT_TRUE(differencer.Compare(message, *parsed)) << name << "\n" << difference;
  });
}

// Adds to `found` the fields set anywhere in the message.
void CollectSet(const Message& message, std::set<const FieldDescriptor*>* found) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    found->insert(field);
    if (field->message_type() == nullptr) continue;
    if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        CollectSet(reflection.GetRepeatedMessage(message, field, i), found);
      }
    } else {
      CollectSet(reflection.GetMessage(message, field), found);
    }
  }
}

TEST(Golden, EveryFieldIsSetSomewhereSoThatItsNumberAndTypeAreFrozen) {
  std::map<const Descriptor*, std::set<const FieldDescriptor*>> found;
  ForEachGolden([&](const std::string&, const Descriptor& type, const Message& message) {
    CollectSet(message, &found[&type]);
  });
  for (const Descriptor* type : FrozenMessages()) {
    ForEachField(*type, [&](const FieldDescriptor& field) {
      EXPECT_TRUE(found[type].contains(&field))
          << field.full_name() << " is set in no golden of " << type->full_name();
    });
  }
}

// The field's values as text, in order; empty: not set.
std::string ValueText(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::string text;
  const auto add = [&](int index) {
    std::string value;
    google::protobuf::TextFormat::PrintFieldValueToString(message, &field, index, &value);
    text += value + "\n";
  };
  if (field.is_repeated()) {
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) add(i);
  } else if (reflection.HasField(message, &field)) {
    add(-1);
  }
  return text;
}

// Bytes tell two fields of one type apart only where their values differ.
TEST(Golden, NoTwoFieldsCouldHaveChangedPlaces) {
  std::map<const Descriptor*, std::vector<std::unique_ptr<Message>>> goldens;
  ForEachGolden([&](const std::string&, const Descriptor& type, const Message& message) {
    goldens[&type].emplace_back(message.New())->CopyFrom(message);
  });
  for (const auto& [type, messages] : goldens) {
    for (int i = 0; i < type->field_count(); ++i) {
      for (int j = i + 1; j < type->field_count(); ++j) {
        const FieldDescriptor& one = *type->field(i);
        const FieldDescriptor& other = *type->field(j);
        if (one.type() != other.type() || one.is_repeated() != other.is_repeated() ||
            one.message_type() != other.message_type() || one.enum_type() != other.enum_type()) {
          continue;
        }
        EXPECT_TRUE(std::any_of(messages.begin(), messages.end(),
                                [&](const auto& message) {
                                  return ValueText(*message, one) != ValueText(*message, other);
                                }))
            << one.full_name() << " and " << other.name() << " are alike in every golden";
      }
    }
  }
}

TEST(Golden, TheSectionsOfAnEventConcatenatedInAnyOrderParseAsTheEvent) {
  ForEachGolden([](const std::string& name, const Descriptor& type, const Message& whole) {
    if (!IsDomain(*type.file())) return;
    std::string forward;
    std::string backward;
    for (const SectionKind kind :
         {event::v1::SECTION_KIND_SERVICE, event::v1::SECTION_KIND_IDENTITY,
          event::v1::SECTION_KIND_SOCIAL, event::v1::SECTION_KIND_HEALTH,
          event::v1::SECTION_KIND_PAYMENT}) {
      const std::unique_ptr<Message> part(whole.New());
      part->CopyFrom(whole);
      for (int i = 0; i < type.field_count(); ++i) {
        if (SectionOf(*type.field(i)) != kind) {
          part->GetReflection()->ClearField(part.get(), type.field(i));
        }
      }
      const std::string bytes = Serialize(*part);
      forward += bytes;
      backward.insert(0, bytes);
    }
    for (const std::string& bytes : {forward, backward}) {
      const auto merged = ParseBytes(type, bytes);
      ASSERT_NE(merged, nullptr) << name;
      EXPECT_EQ(Serialize(*merged), Serialize(whole)) << name;
    }
  });
}

TEST(Golden, EveryDateIsACalendarDay) {
  const std::regex form("[0-9]{4}-[0-9]{2}-[0-9]{2}");
  ForEachGolden([&](const std::string& name, const Descriptor&, const Message& message) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (!IsDateField(*field)) continue;
      ASSERT_FALSE(field->is_repeated()) << field->full_name();
      const std::string value = message.GetReflection()->GetString(message, field);
      absl::CivilDay day;
      EXPECT_TRUE(std::regex_match(value, form) && absl::ParseCivilTime(value, &day))
          << name << " " << field->name() << ": " << value;
    }
  });
}

TEST(Golden, IdentityCodesAreOfTheTestRangeWithARightCheckCharacter) {
  constexpr std::string_view kCheck = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  const std::regex code("([0-9]{6})[-+A-FU-Y](9[0-9]{2})([0-9A-Y])");
  int seen = 0;
  ForEachGolden([&](const std::string& name, const Descriptor& type, const Message& message) {
    const FieldDescriptor* const field = type.FindFieldByName("identity_code");
    if (field == nullptr) return;
    const std::string value = message.GetReflection()->GetString(message, field);
    std::smatch parts;
    ASSERT_TRUE(std::regex_match(value, parts, code)) << name;
    EXPECT_EQ(parts[3].str()[0], kCheck[std::stoul(parts[1].str() + parts[2].str()) % 31]) << name;
    ++seen;
  });
  EXPECT_GT(seen, 0);
}

TEST(Golden, HexThatIsNotHexIsRefused) {
  EXPECT_EQ(FromHex("0a0b\n0c\n"), std::string("\x0a\x0b\x0c"));
  EXPECT_EQ(FromHex(""), "");
  EXPECT_EQ(FromHex("0"), std::nullopt);
  EXPECT_EQ(FromHex("0A"), std::nullopt);
  EXPECT_EQ(FromHex("zz"), std::nullopt);
  EXPECT_EQ(FromHex("0a 0b"), std::nullopt);
}

// ---- Naming, as buf's STANDARD rules have it ----

std::string UpperSnake(const std::string& pascal) {
  std::string out;
  for (const char c : pascal) {
    if (c >= 'A' && c <= 'Z' && !out.empty()) out += '_';
    out += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

TEST(Naming, ThePackageIsTheDirectoryAndEndsInItsVersion) {
  for (const FileDescriptor* file : Files()) {
    std::string directory = std::filesystem::path(file->name()).parent_path().generic_string();
    std::replace(directory.begin(), directory.end(), '/', '.');
    EXPECT_EQ(file->package(), directory) << file->name();
    EXPECT_TRUE(Matches(file->package(), "[a-z.]+\\.v[0-9]+")) << file->name();
    EXPECT_TRUE(Matches(std::filesystem::path(file->name()).filename(), "[a-z0-9_]+\\.proto"))
        << file->name();
    EXPECT_EQ(file->syntax(), FileDescriptor::SYNTAX_PROTO3) << file->name();
  }
}

TEST(Naming, MessagesArePascalCaseAndFieldsLowerSnake) {
  for (const FileDescriptor* file : Files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      ForEachMessage(*file->message_type(i), [](const Descriptor& type) {
        EXPECT_TRUE(Matches(type.name(), "([A-Z][a-z0-9]+)+")) << type.full_name();
        for (int j = 0; j < type.field_count(); ++j) {
          EXPECT_TRUE(Matches(type.field(j)->name(), "[a-z][a-z0-9]*(_[a-z0-9]+)*"))
              << type.field(j)->full_name();
        }
      });
    }
  }
}

TEST(Naming, EnumValuesArePrefixedAndZeroIsUnspecified) {
  for (const FileDescriptor* file : Files()) {
    ForEachEnum(*file, [](const EnumDescriptor& type) {
      const std::string prefix = UpperSnake(type.name()) + "_";
      EXPECT_EQ(type.value(0)->number(), 0) << type.full_name();
      EXPECT_EQ(type.value(0)->name(), prefix + "UNSPECIFIED");
      std::set<int> numbers;
      for (int i = 0; i < type.value_count(); ++i) {
        EXPECT_TRUE(type.value(i)->name().starts_with(prefix)) << type.value(i)->full_name();
        EXPECT_TRUE(Matches(type.value(i)->name(), "[A-Z][A-Z0-9]*(_[A-Z0-9]+)*"))
            << type.value(i)->full_name();
        EXPECT_TRUE(numbers.insert(type.value(i)->number()).second)
            << type.value(i)->full_name() << ": an alias";
      }
    });
  }
}

TEST(Naming, EveryImportIsUsed) {
  for (const FileDescriptor* file : Files()) {
    std::set<const FileDescriptor*> used;
    for (int i = 0; i < file->extension_count(); ++i)
      used.insert(file->extension(i)->containing_type()->file());
    for (int i = 0; i < file->message_type_count(); ++i) {
      ForEachMessage(*file->message_type(i), [&](const Descriptor& type) {
        for (int j = 0; j < type.field_count(); ++j) {
          const FieldDescriptor& field = *type.field(j);
          if (field.message_type() != nullptr) used.insert(field.message_type()->file());
          if (field.enum_type() != nullptr) used.insert(field.enum_type()->file());
          if (HasSection(field)) used.insert(event::v1::Header::descriptor()->file());
        }
      });
    }
    for (int i = 0; i < file->dependency_count(); ++i) {
      EXPECT_TRUE(used.contains(file->dependency(i)))
          << file->name() << " imports " << file->dependency(i)->name();
    }
  }
}

// ---- Sections ----

TEST(Sections, OnlyTopLevelFieldsOfDomainEventsCarryOne) {
  for (const FileDescriptor* file : Files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      ForEachMessage(*file->message_type(i), [&](const Descriptor& type) {
        const bool may = IsDomain(*file) && type.containing_type() == nullptr;
        for (int j = 0; j < type.field_count(); ++j) {
          if (!HasSection(*type.field(j))) continue;
          EXPECT_TRUE(may) << type.field(j)->full_name();
          EXPECT_GT(SectionOf(*type.field(j)), event::v1::SECTION_KIND_SERVICE)
              << type.field(j)->full_name() << ": SERVICE needs no option";
        }
      });
    }
  }
}

// Calls visit(field) for all that the SERVICE section of a domain event may hold.
template <typename Visit>
void ForEachServiceField(const Visit& visit) {
  for (const FileDescriptor* file : Files()) {
    if (!IsDomain(*file)) continue;
    for (int i = 0; i < file->message_type_count(); ++i) {
      const Descriptor& type = *file->message_type(i);
      for (int j = 0; j < type.field_count(); ++j) {
        if (SectionOf(*type.field(j)) != event::v1::SECTION_KIND_SERVICE) continue;
        visit(*type.field(j));
        if (type.field(j)->message_type() != nullptr)
          ForEachField(*type.field(j)->message_type(), visit);
      }
    }
  }
}

TEST(Sections, ServiceHoldsNoPersonalDataAndNoMoney) {
  ForEachServiceField([](const FieldDescriptor& field) {
    EXPECT_FALSE(Matches(
        field.name(),
        "(.*_)?(name|names|identity_code|address|phone|email|iban|cents|postal_code|birth_year)"))
        << field.full_name();
  });
}

TEST(Sections, ServiceHoldsNoFreeText) {
  ForEachServiceField([](const FieldDescriptor& field) {
    if (field.type() != FieldDescriptor::TYPE_STRING || IsDateField(field)) return;
    if (field.name() == "month") return;  // "2025-03" and nothing else: CheckConventions
    const bool is_rule = field.containing_type() == event::v1::RuleRef::descriptor();
    // Why somebody looked, or asked for an erasure, is on record for the client; a service refuses an identity code.
    const bool is_account = field.file()->package() == "polku.access.v1" &&
                            Matches(field.name(), "(party_)?origin|legal_basis|command|scope");
    EXPECT_TRUE(is_rule || is_account ||
                Matches(field.name(), "(.*_)?(id|agency|agencies|code)|official|decision_number"))
        << field.full_name()
        << ": a string in SERVICE must be a date, a label, an agency or a code";
  });
}

TEST(Sections, WhatNamesIllnessIsHealth) {
  const EnumDescriptor* const classes = event::v1::AttendanceClass_descriptor();
  const EnumDescriptor* const exits = event::v1::ExitCode_descriptor();
  for (const FileDescriptor* file : Files()) {
    if (!IsDomain(*file)) continue;
    for (int i = 0; i < file->message_type_count(); ++i) {
      for (int j = 0; j < file->message_type(i)->field_count(); ++j) {
        const FieldDescriptor& top = *file->message_type(i)->field(j);
        bool sensitive = top.enum_type() == classes || top.enum_type() == exits;
        if (top.message_type() != nullptr) {
          ForEachField(*top.message_type(), [&](const FieldDescriptor& field) {
            sensitive |= field.enum_type() == classes || field.enum_type() == exits;
          });
        }
        if (sensitive) {
          EXPECT_EQ(SectionOf(top), event::v1::SECTION_KIND_HEALTH) << top.full_name();
        }
      }
    }
  }
}

TEST(Codes, TheTensOfAnExitCodeAreItsGroup) {
  const EnumDescriptor* const codes = event::v1::ExitCode_descriptor();
  std::set<int> groups;
  for (int i = 1; i < codes->value_count(); ++i) {
    const int group = codes->value(i)->number() / 10;
    EXPECT_TRUE(group > 0 && event::v1::ExitGroup_IsValid(group)) << codes->value(i)->name();
    groups.insert(group);
  }
  EXPECT_EQ(static_cast<int>(groups.size()), event::v1::ExitGroup_descriptor()->value_count() - 1);
}

}  // namespace
}  // namespace polku::golden
