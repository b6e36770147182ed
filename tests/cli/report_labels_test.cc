#include "adapters/cli/report_labels.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "adapters/cli/labels_tables.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/report/report.h"

namespace polku::cli {
namespace {

constexpr std::array kLanguages = {Language::kFinnish, Language::kSwedish, Language::kEnglish};

bool Knows(std::span<const LabelRow> rows, std::string_view key) {
  return std::any_of(rows.begin(), rows.end(), [&](const LabelRow& row) { return row.key == key; });
}

TEST(ReportLabels, EveryTextIsThereInThreeLanguagesAndEachNameOnce) {
  for (const auto rows : {ReportColumnRows(), ReportGroupRows(), ReportKeyRows(), ReportGapRows()}) {
    std::set<std::string_view> names;
    for (const LabelRow& row : rows) {
      EXPECT_TRUE(names.insert(row.key).second) << row.key;
      for (const std::string_view text : row.texts) {
        EXPECT_FALSE(text.empty()) << row.key;
        EXPECT_EQ(text.find('_'), std::string_view::npos) << text;
      }
      EXPECT_NE(row.texts[0], row.texts[1]) << row.key;
      EXPECT_NE(row.texts[0], row.texts[2]) << row.key;
    }
  }
}

TEST(ReportLabels, EveryReportIsNamedInThreeLanguages) {
  for (const auto& definition : report::Definitions()) {
    std::set<std::string_view> texts;
    for (const auto language : kLanguages) {
      EXPECT_FALSE(definition.title[static_cast<size_t>(language)].empty());
      EXPECT_TRUE(texts.insert(definition.what[static_cast<size_t>(language)]).second) << definition.name;
    }
  }
}

// Of nothing at all and of a reader that holds nothing, reports have each column and each group there is without a client.
TEST(ReportLabels, NamesWhatReportsSayWithoutAnyClient) {
  const config::v1::Profile profile;
  const config::v1::Agreement agreement;
  const absl::CivilDay day(2025, 12, 31);
  const report::Question question{.from = day - 364, .until = day, .municipality = "", .known_on = day};
  for (const bool holds : {false, true}) {
    std::vector<log::HeldLog> logs;
    for (const char* service : {"audit", "referral", "attendance", "compensation", "assessment"}) {
      if (!holds && !logs.empty()) break;
      logs.push_back({LogNumber(static_cast<uint32_t>(logs.size())),
                      {.origin = std::string("FI/MUN/9999991-7/hyvinvointi/") + service + "/1", .frontier = {}, .last_order = {}}});
    }
    const report::Fold fold(profile, agreement, logs);
    size_t gaps = 0;
    for (const auto& definition : report::Definitions()) {
      const report::Report report = fold.Make(definition.name, question);
      for (const auto& column : report.columns) EXPECT_TRUE(Knows(ReportColumnRows(), column.name)) << column.name;
      for (const auto& row : report.rows) {
        EXPECT_TRUE(Knows(ReportGroupRows(), row.group)) << row.group;
        EXPECT_TRUE(row.group == "month_end" || Knows(ReportKeyRows(), row.key)) << row.key;
      }
      for (const auto& gap : report.gaps) EXPECT_TRUE(Knows(ReportGapRows(), gap.what)) << gap.what;
      gaps += report.gaps.size();
    }
    EXPECT_EQ(gaps > 10, !holds);
  }
}

TEST(ReportLabels, AKeyIsSaidInItsWordsWithItsAgencies) {
  config::v1::Agreement agreement;
  auto* agency = agreement.add_agencies();
  agency->set_name("FI/GOV/0246246-0/kela");
  auto* name = agency->add_display_names();
  name->set_language("sv");
  name->set_text("FPA");
  const std::string kela = agency->name(), other = "FI/MUN/9999991-7/hyvinvointi";
  const auto label = [&](const report::Row& row, Language language) { return ReportKeyLabel(row, agreement, language); };
  EXPECT_EQ(label({.group = "paid", .key = kela, .agencies = {kela}}, Language::kSwedish), "FPA");
  EXPECT_EQ(label({.group = "in_kind", .key = "travel " + kela, .agencies = {kela}}, Language::kSwedish),
            "reseersättning, FPA");
  EXPECT_EQ(label({.group = "by_x", .key = kela + " " + other, .agencies = {kela, other}}, Language::kSwedish),
            "FPA → " + other);
  EXPECT_EQ(label({.group = "by_x", .key = kela + " " + kela, .agencies = {kela, kela}}, Language::kSwedish), "FPA → FPA");
  EXPECT_EQ(label({.group = "month_end", .key = "2025-01-31"}, Language::kFinnish), "31.1.2025");
  EXPECT_EQ(label({.group = "municipality", .key = "049"}, Language::kFinnish), "049");
  EXPECT_EQ(ReportGroupLabel("by_referral_to_accepted", Language::kEnglish), "referral to acceptance");
}

}  // namespace
}  // namespace polku::cli
