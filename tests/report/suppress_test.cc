// That what is shown tells no small number: every table that would be shown the same is looked for,
// by trying all.
#include "services/report/suppress.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::report {
namespace {

constexpr int64_t kMost = 20;  // persons of one row in what is tried

Report TableOf(const std::vector<std::vector<int64_t>>& groups) {
  Report report;
  report.columns = {{"days", Unit::kDays}};
  int64_t total = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].size(); ++i) {
      report.rows.push_back({.group = "group " + std::to_string(g),
                             .key = "row " + std::to_string(i),
                             .persons = groups[g][i],
                             .values = {10 * groups[g][i]}});
      if (g == 0) total += groups[g][i];
    }
  }
  report.total = Row{.group = "all", .key = "all", .persons = total, .values = {10 * total}};
  return report;
}

// What a reader sees: -1 stands for a hidden number.
std::vector<int64_t> Seen(Report report, const Report* others = nullptr) {
  Suppress(report, others);
  std::vector<int64_t> seen;
  for (const Row& row : report.rows) seen.push_back(row.hidden ? -1 : row.persons);
  seen.push_back(report.total->hidden ? -1 : report.total->persons);
  return seen;
}

void ForEachTable(size_t rows, const std::function<void(const std::vector<int64_t>&)>& visit,
                  int64_t least = 0) {
  std::vector<int64_t> table(rows, least);
  for (;;) {
    visit(table);
    size_t i = 0;
    while (i < rows && ++table[i] > kMost) table[i++] = least;
    if (i == rows) return;
  }
}

// `least`: 1 where rows of nobody are not there.
void ExpectThatNothingSmallFollows(size_t rows, int64_t least) {
  // Everybody who knows this program can do the same: all tables that look alike.
  std::map<std::vector<int64_t>, std::vector<std::vector<int64_t>>> alike;
  ForEachTable(
      rows, [&](const auto& table) { alike[Seen(TableOf({table}))].push_back(table); }, least);
  for (const auto& [seen, tables] : alike) {
    // A small one may be traded for one in a larger row: of tables whose rows are as large as what
    // is tried goes, some that look alike are not among these.
    const bool whole = std::any_of(tables.begin(), tables.end(), [](const auto& table) {
      return *std::max_element(table.begin(), table.end()) <= kMost - kSmall;
    });
    if (!whole) continue;
    for (size_t i = 0; i < rows; ++i) {
      std::set<int64_t> possible;
      for (const auto& table : tables) possible.insert(table[i]);
      if (possible.size() > 1) continue;
      EXPECT_FALSE(0 < *possible.begin() && *possible.begin() < kSmall)
          << "row " << i << " of " << ::testing::PrintToString(tables[0]) << " seen as "
          << ::testing::PrintToString(seen);
    }
  }
}

TEST(SuppressTest, NoSmallNumberFollowsFromWhatIsShown) {
  for (size_t rows : {1u, 2u, 3u, 4u}) ExpectThatNothingSmallFollows(rows, 0);
  for (size_t rows : {2u, 3u, 4u}) ExpectThatNothingSmallFollows(rows, 1);
}

TEST(SuppressTest, EachOneOfManyRowsIsNotTold) {
  EXPECT_THAT(Seen(TableOf({{1, 1, 1, 1, 1}})), ::testing::Each(-1));
  EXPECT_EQ(Seen(TableOf({{1, 1, 1, 2, 1}})), Seen(TableOf({{1, 1, 1, 1, 1}})));
}

TEST(SuppressTest, TheHiddenOnesTogetherAreNotFewEither) {
  ForEachTable(4, [](const auto& table) {
    Report report = TableOf({table});
    Suppress(report, nullptr);
    if (report.total->hidden) return;
    int64_t hidden = 0, left = report.total->persons;
    for (const Row& row : report.rows) {
      if (row.hidden) {
        ++hidden;
      } else {
        left -= row.persons;
      }
    }
    if (hidden == 0) {
      EXPECT_EQ(left, 0);
    } else {
      EXPECT_GE(hidden, 2) << ::testing::PrintToString(table);
      EXPECT_GE(left, kSmall) << ::testing::PrintToString(table);
    }
  });
}

TEST(SuppressTest, AnotherGroupDoesNotTellTheTotalThatIsHidden) {
  const auto seen = Seen(TableOf({{1, 3}, {4, 0}, {2, 2}}));
  EXPECT_THAT(seen, ::testing::ElementsAre(-1, -1, -1, -1, -1, -1, -1));
}

TEST(SuppressTest, AllLessThePartAskedForIsNotSmall) {
  // Of two municipalities one has few: the other's numbers would tell them.
  const Report others = TableOf({{2, 30}});
  EXPECT_THAT(Seen(TableOf({{20, 40, 50}}), &others), ::testing::ElementsAre(-1, -1, 50, 110));
}

TEST(SuppressTest, WhatMakesUpNoTotalIsHiddenByItself) {
  Report report = TableOf({{3, 50, 60}});
  report.loose = {"group 0"};
  Suppress(report, nullptr);
  EXPECT_TRUE(report.rows[0].hidden);
  EXPECT_FALSE(report.rows[1].hidden);
  EXPECT_FALSE(report.rows[2].hidden);
}

TEST(SuppressTest, NothingIsHiddenWhereNothingIsSmall) {
  EXPECT_THAT(Seen(TableOf({{5, 0, 9}, {7, 7}})), ::testing::ElementsAre(5, 0, 9, 7, 7, 14));
}

}  // namespace
}  // namespace polku::report
