#include "adapters/cli/labels.h"

#include <set>
#include <string>

#include "adapters/cli/output.h"
#include "adapters/cli/render.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::cli {
namespace {

using ::testing::Contains;
using ::testing::Pair;

TEST(LabelsTest, EveryEventTypeHasANameInEveryLanguage) {
  for (const auto* file : {referral::v1::CaseClosed::descriptor()->file(),
                           attendance::v1::DayRecorded::descriptor()->file(),
                           compensation::v1::PerkGiven::descriptor()->file(),
                           assessment::v1::AssessmentDue::descriptor()->file()}) {
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
    for (int word = 0; word <= static_cast<int>(Word::kInKind); ++word) {
      EXPECT_NE(Label(static_cast<Word>(word), language), "") << word;
    }
    for (SectionKind kind : kAllSectionKinds) EXPECT_NE(SectionLabel(kind, language), "");
  }
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

TEST(RenderTest, FieldsReadAsAPersonReadsThem) {
  compensation::v1::AllowanceAccrued accrued;
  google::protobuf::TextFormat::ParseFromString(
      R"(date: "2025-03-03" cause_event_id: "0123456789abcdef" kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE
         amount_cents: 900 rule { id: "expense_allowance" version: "2" })",
      &accrued);
  const auto fields = RenderFields(accrued, {}, Language::kEnglish);
  EXPECT_THAT(fields, Contains(Pair("amount_cents", "9.00 €")));
  EXPECT_THAT(fields, Contains(Pair("kind", "expense allowance")));
  EXPECT_THAT(fields, Contains(Pair("rule", "expense_allowance v2")));
  EXPECT_THAT(fields, Contains(Pair("cause_event_id", "30313233-3435-3637-3839-616263646566")));
  attendance::v1::DayRecorded day;
  day.set_actual_minutes(330);
  day.set_planned_minutes(45);
  EXPECT_THAT(RenderFields(day, {}, Language::kEnglish),
              Contains(Pair("actual_minutes", "5 h 30 min")));
  EXPECT_THAT(RenderFields(day, {}, Language::kEnglish), Contains(Pair("planned_minutes", "45")));
}

TEST(RenderTest, APeerCannotDriveTheTerminal) {
  referral::v1::NeedIdentified need;
  need.set_social_reasons(
      "a\x1b[2J\nb\xC2\x9B"
      "c\x7F");
  const auto fields = RenderFields(need, {}, Language::kEnglish);
  EXPECT_THAT(fields, Contains(Pair("social_reasons", "a [2J b  c ")));
}

TEST(RenderTest, TheDayOfAnEventIsWhenItHappenedNotWhenItIsDue) {
  assessment::v1::AssessmentDue due;
  due.set_due_on("2025-06-16");
  EXPECT_EQ(EventDay(due), "");
  referral::v1::PlanDrafted plan;
  plan.set_drafted_on("2025-02-03");
  plan.set_review_on("2025-06-02");
  EXPECT_EQ(EventDay(plan), "2025-02-03");
  attendance::v1::DayRecorded day;
  day.set_date("not a date");
  EXPECT_EQ(EventDay(day), "");
}

TEST(OutputTest, WidthCountsLettersNotBytes) {
  EXPECT_EQ(Width("päivä€"), 6u);
  EXPECT_EQ(PadTo("pä", 4), "pä  ");
}

}  // namespace
}  // namespace polku::cli
