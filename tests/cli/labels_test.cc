#include "adapters/cli/labels.h"

#include <array>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "adapters/cli/labels_tables.h"
#include "adapters/cli/output.h"
#include "adapters/cli/render.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/event/v1/event.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::array kAllLanguages = {Language::kFinnish, Language::kSwedish, Language::kEnglish};

void Collect(const Descriptor& type, std::set<const Descriptor*>& messages,
             std::set<const EnumDescriptor*>& enums) {
  if (!messages.insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->message_type() != nullptr) {
      Collect(*type.field(i)->message_type(), messages, enums);
    }
    if (type.field(i)->enum_type() != nullptr) enums.insert(type.field(i)->enum_type());
  }
}

// Every message and enum that a domain event can carry, and every common code.
struct Schema {
  Schema() {
    for (const auto* file : {referral::v1::CaseClosed::descriptor()->file(),
                             attendance::v1::DayRecorded::descriptor()->file(),
                             compensation::v1::PerkGiven::descriptor()->file(),
                             assessment::v1::AssessmentDue::descriptor()->file(),
                             access::v1::PartyAdded::descriptor()->file(),
                             event::v1::RuleRef::descriptor()->file()}) {
      for (int i = 0; i < file->message_type_count(); ++i) {
        Collect(*file->message_type(i), messages, enums);
      }
      for (int i = 0; i < file->enum_type_count(); ++i) enums.insert(file->enum_type(i));
    }
    // Of control entries: what the client's answer and `polku keys` say.
    enums.insert(event::v1::ErasureOutcome_descriptor());
    enums.insert(event::v1::KeyUse_descriptor());
  }
  std::set<const Descriptor*> messages;
  std::set<const EnumDescriptor*> enums;
};

// Keys that stand twice, and rows without a Finnish or a Swedish text.
std::vector<std::string> Faults(std::span<const LabelRow> rows) {
  std::vector<std::string> faults;
  std::set<std::string_view> keys;
  for (const LabelRow& row : rows) {
    if (!keys.insert(row.key).second || row.texts[0].empty() || row.texts[1].empty()) {
      faults.emplace_back(row.key);
    }
  }
  return faults;
}

TEST(LabelsTest, EveryEventTypeHasANameInEveryLanguage) {
  for (const auto* file : {referral::v1::CaseClosed::descriptor()->file(),
                           attendance::v1::DayRecorded::descriptor()->file(),
                           compensation::v1::PerkGiven::descriptor()->file(),
                           assessment::v1::AssessmentDue::descriptor()->file(),
                           access::v1::PartyAdded::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const std::string type = file->message_type(i)->full_name();
      for (const Language language : {Language::kFinnish, Language::kSwedish, Language::kEnglish}) {
        EXPECT_NE(EventLabel(type, language), type);
        EXPECT_NE(EventLabel(type, language), "");
      }
    }
  }
  EXPECT_EQ(EventLabel("polku.future.v1.Thing", Language::kFinnish), "polku.future.v1.Thing");
}

TEST(LabelsTest, NamesOfOneLanguageAreDistinct) {
  for (const Language language : {Language::kFinnish, Language::kSwedish, Language::kEnglish}) {
    std::set<std::string> names;
    const auto* file = referral::v1::CaseClosed::descriptor()->file();
    for (int i = 0; i < file->message_type_count(); ++i) {
      const std::string label = EventLabel(file->message_type(i)->full_name(), language);
      EXPECT_TRUE(names.insert(label).second) << label;
    }
  }
}

TEST(LabelsTest, EveryWordAndSectionIsThere) {
  for (const Language language : {Language::kFinnish, Language::kSwedish, Language::kEnglish}) {
    for (int word = 0; word <= static_cast<int>(Word::kNeverBegan); ++word) {
      EXPECT_NE(Label(static_cast<Word>(word), language), "") << word;
    }
    for (SectionKind kind : kAllSectionKinds) EXPECT_NE(SectionLabel(kind, language), "");
  }
}

TEST(LabelsTest, EveryCodeIsSaidInTheFieldsOwnWords) {
  const Schema schema;
  EXPECT_GT(schema.enums.size(), 30u);
  std::set<std::string> known;
  for (const EnumDescriptor* type : schema.enums) {
    for (int i = 0; i < type->value_count(); ++i) {
      if (type->value(i)->number() == 0) continue;
      // The name alone is the key, so no two enums may share one.
      const std::string& name = type->value(i)->name();
      EXPECT_TRUE(known.insert(name).second) << name;
    }
  }
  std::set<std::string> labelled;
  for (const LabelRow& row : CodeRows()) labelled.emplace(row.key);
  EXPECT_EQ(labelled, known);  // none missing, none of an enum that is gone
  EXPECT_THAT(Faults(CodeRows()), IsEmpty());
}

TEST(LabelsTest, CodesOfOneEnumAreDistinct) {
  for (const EnumDescriptor* type : Schema().enums) {
    for (const Language language : kAllLanguages) {
      std::set<std::string> labels;
      for (int i = 0; i < type->value_count(); ++i) {
        if (type->value(i)->number() == 0) continue;
        const std::string label = CodeLabel(*type->value(i), language);
        EXPECT_TRUE(labels.insert(label).second) << type->value(i)->full_name() << ": " << label;
      }
    }
  }
}

TEST(LabelsTest, EveryFieldIsSaidInTheFieldsOwnWords) {
  const Schema schema;
  EXPECT_GT(schema.messages.size(), 60u);
  std::set<std::string_view> unused;
  for (const LabelRow& row : FieldRows()) unused.insert(row.key);
  const std::set<std::string_view> labelled = unused;
  for (const Descriptor* type : schema.messages) {
    for (int i = 0; i < type->field_count(); ++i) {
      const auto& field = *type->field(i);
      if (labelled.contains(field.full_name())) {
        unused.erase(field.full_name());
      } else {
        EXPECT_TRUE(labelled.contains(field.name())) << field.full_name();
        unused.erase(field.name());
      }
    }
  }
  EXPECT_THAT(unused, IsEmpty());
  EXPECT_THAT(Faults(FieldRows()), IsEmpty());
}

TEST(LabelsTest, FieldsOfOneMessageAreDistinctAndFitTheirColumn) {
  for (const Descriptor* type : Schema().messages) {
    for (const Language language : kAllLanguages) {
      std::set<std::string> labels;
      for (int i = 0; i < type->field_count(); ++i) {
        const std::string label = FieldLabel(*type->field(i), language);
        EXPECT_TRUE(labels.insert(label).second) << type->field(i)->full_name() << ": " << label;
        EXPECT_LE(Width(label), 28u) << label;
        EXPECT_EQ(label.find('_'), std::string::npos) << label;
      }
    }
  }
}

TEST(LabelsTest, CodesAndFieldsReadAsTheFieldSaysThem) {
  EXPECT_EQ(CodeLabel(event::v1::DAY_OUTCOME_ABSENT_OTHER, Language::kFinnish), "muu poissaolo");
  EXPECT_EQ(CodeLabel(event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY, Language::kSwedish),
            "arbetsmarknadsstöd");
  EXPECT_EQ(CodeLabel(event::v1::EXIT_CODE_STUDY, Language::kEnglish), "study");
  EXPECT_EQ(CodeLabel(static_cast<event::v1::ExitCode>(99), Language::kFinnish), "99");
  const auto& kind = *compensation::v1::PerkGiven::descriptor()->FindFieldByName("kind");
  EXPECT_EQ(FieldLabel(kind, Language::kFinnish), "etu");
  const auto& period = *compensation::v1::PerkGiven::descriptor()->FindFieldByName("period_id");
  EXPECT_EQ(FieldLabel(period, Language::kSwedish), "period");
  // What no table knows reads as the schema has it.
  const auto& origin = *event::v1::Cause::descriptor()->FindFieldByName("leaf_hash");
  EXPECT_EQ(FieldLabel(origin, Language::kFinnish), "leaf hash");
}

TEST(LabelsTest, CodesLoseTheirPrefix) {
  EXPECT_EQ(EnumLabel(event::v1::DAY_OUTCOME_ABSENT_OTHER), "absent other");
  EXPECT_EQ(EnumLabel(event::v1::EXIT_CODE_WAGE_SUBSIDISED_JOB), "wage subsidised job");
  EXPECT_EQ(EnumLabel(static_cast<event::v1::ExitCode>(99)), "99");
}

TEST(LabelsTest, AgenciesAreNamedAsTheAgreementSays) {
  config::v1::Agreement agreement;
  google::protobuf::TextFormat::ParseFromString(
      R"(agencies { name: "a" display_names { language: "fi" text: "Kela" }
                              display_names { language: "sv" text: "FPA" } }
         agencies { name: "b" })",
      &agreement);
  EXPECT_EQ(AgencyLabel(agreement, "a", Language::kSwedish), "FPA");
  EXPECT_EQ(AgencyLabel(agreement, "a", Language::kEnglish), "Kela");
  EXPECT_EQ(AgencyLabel(agreement, "b", Language::kFinnish), "b");
  EXPECT_EQ(AgencyLabel(agreement, "c", Language::kFinnish), "c");
}

// Of a reader who has neither agreement nor profile.
const Names& NoNames() {
  static const auto* agreement = new config::v1::Agreement();
  static const auto* profile = new config::v1::Profile();
  static const auto* names = new Names{*agreement, *profile};
  return *names;
}

TEST(LabelsTest, EveryServiceHasANameInEveryLanguage) {
  for (const char* service : {"referral", "attendance", "compensation", "assessment", "audit"}) {
    std::set<std::string> names;
    for (const Language language : kAllLanguages) names.insert(ServiceLabel(service, language));
    EXPECT_EQ(names.size(), 3u) << service;
  }
  EXPECT_EQ(ServiceLabel("attendance", Language::kFinnish), "läsnäolo");
  EXPECT_EQ(ServiceLabel("another", Language::kSwedish), "another");
}

TEST(LabelsTest, ARuleIsCalledByItsNameInTheProfileAndItsId) {
  config::v1::Profile profile;
  google::protobuf::TextFormat::ParseFromString(
      R"(rule_names { rule_id: "expense_allowance" finnish: "kulukorvaus" swedish: "kostnadsersättning"
                      english: "expense allowance" })",
      &profile);
  event::v1::RuleRef rule;
  rule.set_id("expense_allowance");
  rule.set_version("2");
  EXPECT_EQ(RuleLabel(profile, rule, Language::kFinnish), "kulukorvaus (expense_allowance v2)");
  EXPECT_EQ(RuleLabel(profile, rule, Language::kSwedish), "kostnadsersättning (expense_allowance v2)");
  EXPECT_EQ(RuleLabel(profile, rule, Language::kEnglish), "expense allowance (expense_allowance v2)");
  rule.set_id("another");
  EXPECT_EQ(RuleLabel(profile, rule, Language::kFinnish), "another v2");
}

// A text that is the same in two languages is most often one that was forgotten.
TEST(LabelsTest, FinnishIsNotEnglishButForNamesAndLoans) {
  std::set<std::string> same;
  for (const EnumDescriptor* type : Schema().enums) {
    for (int i = 0; i < type->value_count(); ++i) {
      if (type->value(i)->number() == 0) continue;
      const std::string finnish = CodeLabel(*type->value(i), Language::kFinnish);
      if (finnish == CodeLabel(*type->value(i), Language::kEnglish)) same.insert(finnish);
    }
  }
  EXPECT_EQ(same, std::set<std::string>({"FabLab"}));
}

TEST(RenderTest, FieldsReadAsAPersonReadsThem) {
  compensation::v1::AllowanceAccrued accrued;
  google::protobuf::TextFormat::ParseFromString(
      R"(date: "2025-03-03" cause_event_id: "0123456789abcdef" kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE
         amount_cents: 900 rule { id: "expense_allowance" version: "2" })",
      &accrued);
  const auto fields = RenderFields(accrued, NoNames(), Language::kEnglish);
  EXPECT_THAT(fields, Contains(Pair("amount", "9.00 €")));
  EXPECT_THAT(fields, Contains(Pair("date", "2025-03-03")));
  EXPECT_THAT(fields, Contains(Pair("allowance", "expense allowance")));
  EXPECT_THAT(fields, Contains(Pair("rule", "expense_allowance v2")));
  EXPECT_THAT(fields, Contains(Pair("because of event", "30313233-3435-3637-3839-616263646566")));
  EXPECT_THAT(RenderFields(accrued, NoNames(), Language::kFinnish), Contains(Pair("määrä", "9,00 €")));
  EXPECT_THAT(RenderFields(accrued, NoNames(), Language::kSwedish), Contains(Pair("dag", "3.3.2025")));
  attendance::v1::MonthConfirmed confirmed;
  confirmed.set_month("2025-03");
  EXPECT_THAT(RenderFields(confirmed, NoNames(), Language::kFinnish), Contains(Pair("kuukausi", "3/2025")));
  attendance::v1::DayRecorded day;
  day.set_actual_minutes(330);
  day.set_planned_minutes(45);
  EXPECT_THAT(RenderFields(day, NoNames(), Language::kEnglish),
              Contains(Pair("actual time", "5 h 30 min")));
  EXPECT_THAT(RenderFields(day, NoNames(), Language::kEnglish), Contains(Pair("planned time", "45 min")));
}

TEST(RenderTest, PartsOfAnEventReadInTheSameLanguage) {
  assessment::v1::FinalEvaluationMade evaluation;
  google::protobuf::TextFormat::ParseFromString(
      R"(goals { goal: "rytmi" state: GOAL_STATE_PARTLY_REACHED helper: ACTOR_ROLE_SOCIAL_SERVICES }
         present: ACTOR_ROLE_CLIENT present: ACTOR_ROLE_PROVIDER)",
      &evaluation);
  const auto finnish = RenderFields(evaluation, NoNames(), Language::kFinnish);
  EXPECT_THAT(finnish, Contains(Pair("tavoitteet",
                                     "tavoite: rytmi, tilanne: osittain saavutettu, "
                                     "tukeva taho: sosiaalipalvelut")));
  EXPECT_THAT(finnish, Contains(Pair("läsnä", "asiakas, palveluntuottaja")));
  referral::v1::DecisionMade decision;
  decision.set_granted(true);
  EXPECT_THAT(RenderFields(decision, NoNames(), Language::kSwedish), Contains(Pair("beviljat", "ja")));
}

TEST(RenderTest, TheStandingOfACaseReadsInEachLanguage) {
  const absl::CivilDay today(2025, 6, 16);
  audit::CaseSummary summary;
  summary.stage = audit::ServiceStage::kRunning;
  summary.agreed_until = "2025-06-16";
  EXPECT_EQ(RenderStatus(summary, today, Language::kFinnish), "käynnissä");
  EXPECT_EQ(RenderStatus(summary, today + 1, Language::kFinnish),
            "käynnissä, sovittu aika päättynyt, päättymistä ei ole kirjattu (16.6.2025)");
  summary.stage = audit::ServiceStage::kEnded;
  summary.ended_on = "2025-06-02";
  summary.exit_code = event::v1::EXIT_CODE_WORK_TRIAL;
  EXPECT_EQ(RenderStatus(summary, today, Language::kFinnish), "päättynyt 2.6.2025, työkokeilu");
  EXPECT_EQ(RenderStatus(summary, today, Language::kSwedish), "avslutad 2.6.2025, arbetsprövning");
  EXPECT_EQ(RenderStatus(summary, today, Language::kEnglish), "ended 2025-06-02, work trial");
  summary.due.push_back({.giver = event::v1::ACTOR_ROLE_CLIENT, .due_on = "2025-06-16"});
  EXPECT_EQ(RenderDues(summary, today, Language::kFinnish), std::vector<std::string>{"palaute (asiakas) 16.6.2025"});
  EXPECT_EQ(RenderDues(summary, today + 1, Language::kFinnish),
            std::vector<std::string>{"palaute (asiakas) 16.6.2025 myöhässä"});
  EXPECT_EQ(CountDues(summary, today, Language::kFinnish), "1");
  EXPECT_EQ(CountDues(summary, today + 1, Language::kFinnish), "1 (1 myöhässä)");
  EXPECT_EQ(SpokenLanguage("sv", Language::kFinnish), "ruotsi");
  EXPECT_EQ(SpokenLanguage("se", Language::kEnglish), "se");
}

TEST(RenderTest, APeerCannotDriveTheTerminal) {
  referral::v1::NeedIdentified need;
  need.set_social_reasons(
      "a\x1b[2J\nb\xC2\x9B"
      "c\x7F");
  const auto fields = RenderFields(need, NoNames(), Language::kEnglish);
  EXPECT_THAT(fields, Contains(Pair("social reasons", "a [2J b  c ")));
}

TEST(OutputTest, WidthCountsLettersNotBytes) {
  EXPECT_EQ(Width("päivä€"), 6u);
  EXPECT_EQ(PadTo("pä", 4), "pä  ");
}

}  // namespace
}  // namespace polku::cli
