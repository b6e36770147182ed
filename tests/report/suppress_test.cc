// That what is shown tells no small number: every table that would be shown the same is looked for, by trying all, first
// of persons alone, then of whole rows.
#include "services/report/suppress.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::report {
namespace {

constexpr int64_t kMost = 20;  // persons of one row in what is tried

Row RowOf(size_t group, size_t key, int64_t persons, std::vector<Cell> values) {
  return {.group = "group " + std::to_string(group),
          .key = "row " + std::to_string(key),
          .persons = {persons, persons},
          .values = std::move(values)};
}

Report TableOf(const std::vector<std::vector<int64_t>>& groups) {
  Report report;
  report.columns = {{"cents", Unit::kCents}};
  int64_t total = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].size(); ++i) {
      report.rows.push_back(RowOf(g, i, groups[g][i], {{10 * groups[g][i], groups[g][i]}}));
      if (g == 0) total += groups[g][i];
    }
  }
  report.total = RowOf(groups.size(), 0, total, {{10 * total, total}});
  return report;
}

// What a reader sees of a row's persons: -1 stands for a hidden number.
std::vector<int64_t> Seen(Report report, const Report* others = nullptr) {
  Suppress(report, others);
  std::vector<int64_t> seen;
  const auto see = [&](const Row& row) { seen.push_back(row.persons.shown() ? row.persons.value : -1); };
  for (const Row& row : report.rows) see(row);
  see(*report.total);
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
    const auto seen = Seen(TableOf({table}));
    if (seen.back() < 0) return;
    int64_t hidden = 0, left = seen.back();
    for (size_t i = 0; i + 1 < seen.size(); ++i) {
      if (seen[i] < 0) {
        ++hidden;
      } else {
        left -= seen[i];
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
  EXPECT_THAT(Seen(report), ::testing::ElementsAre(-1, 50, 60, 113));
}

TEST(SuppressTest, NothingIsHiddenWhereNothingIsSmall) {
  EXPECT_THAT(Seen(TableOf({{5, 0, 9}, {7, 7}})), ::testing::ElementsAre(5, 0, 9, 7, 7, 14));
}

TEST(SuppressTest, WhatIsNotKnownIsNeitherHiddenNorTellsTheTotal) {
  Report report = TableOf({{20, 2, 30}});
  Row unknown = RowOf(1, 0, 0, {Cell{}});
  unknown.persons.state = unknown.values[0].state = Cell::State::kUnknown;
  report.rows.push_back(unknown);
  Suppress(report, nullptr);
  EXPECT_EQ(report.rows[3].persons.state, Cell::State::kUnknown);
  EXPECT_EQ(report.rows[3].values[0].state, Cell::State::kUnknown);
  EXPECT_EQ(report.total->persons.state, Cell::State::kShown);
  EXPECT_EQ(report.rows[1].persons.state, Cell::State::kHidden);
}

// ---- Whole rows. `kFew` in the place of kSmall, so that all can be tried. ----

constexpr int64_t kFew = 3;

// Persons; things of theirs, each has one at least; how many of the things are of a kind, and of these of another.
struct Counts {
  int64_t persons = 0, things = 0, part = 0, part_of_part = 0;
};
struct Whole {
  std::vector<std::vector<Counts>> groups;
  int64_t twice = 0;  // persons who stand in two rows of a group
  bool things = true;  // else persons alone
};

Cell CellOf(int64_t value, int64_t persons) { return {value, std::min(value, persons)}; }
Row RowOf(size_t group, size_t key, const Counts& counts) {
  return RowOf(group, key, counts.persons,
               {CellOf(counts.things, counts.persons), CellOf(counts.part, counts.persons),
                CellOf(counts.part_of_part, counts.persons)});
}
Counts SumOf(const Whole& whole) {
  Counts sum;
  for (const Counts& row : whole.groups[0]) {
    sum.persons += row.persons;
    sum.things += row.things;
    sum.part += row.part;
    sum.part_of_part += row.part_of_part;
  }
  sum.persons -= whole.twice;
  return sum;
}
Report TableOf(const Whole& whole) {
  Report report;
  report.columns = {{"things"}, {"part", Unit::kCount, 0}, {"part_of_part", Unit::kCount, 1}};
  for (size_t g = 0; g < whole.groups.size(); ++g) {
    for (size_t i = 0; i < whole.groups[g].size(); ++i) report.rows.push_back(RowOf(g, i, whole.groups[g][i]));
  }
  report.total = RowOf(whole.groups.size(), 0, SumOf(whole));
  if (whole.things) return report;
  report.columns.clear();
  for (Row& row : report.rows) row.values.clear();
  report.total->values.clear();
  return report;
}
std::vector<int64_t> SeenWhole(Report report) {
  Suppress(report, nullptr, kFew);
  std::vector<int64_t> seen;
  const auto see = [&](const Row& row) {
    seen.push_back(row.persons.shown() ? row.persons.value : -1);
    for (const Cell& cell : row.values) seen.push_back(cell.shown() ? cell.value : -1);
  };
  for (const Row& row : report.rows) see(row);
  see(*report.total);
  return seen;
}
// All numbers of people and their things that stand in such a table, or between two of its numbers.
std::vector<int64_t> Told(const Whole& whole) {
  std::vector<int64_t> told;
  const auto tell = [&](const Counts& c) {
    for (const int64_t number : {c.persons, c.things, c.things - c.persons, c.part, c.things - c.part, c.part_of_part,
                                 c.part - c.part_of_part}) {
      told.push_back(number);
    }
  };
  for (const auto& group : whole.groups) {
    for (const Counts& row : group) tell(row);
    // What two hidden rows come to together.
    for (size_t i = 0; group.size() > 2 && i < group.size(); ++i) {
      const Counts &a = group[i], &b = group[(i + 1) % group.size()];
      // Of the persons beside shown things, the small kFew leaves fewer choices than kSmall does: told where they stand alone.
      const int64_t persons = whole.things ? a.things + b.things : a.persons + b.persons;
      tell({persons, a.things + b.things, a.part + b.part, a.part_of_part + b.part_of_part});
    }
  }
  tell(SumOf(whole));
  told.push_back(whole.twice);
  return told;
}

// Of all tables, those that look alike, and what they all say.
class Lookalikes {
 public:
  // `inner`: not at the edge of what is tried: of those, some that look alike are not among these.
  void Add(const Whole& whole, bool inner) {
    auto [at, first] = seen_.try_emplace(SeenWhole(TableOf(whole)));
    Alike& alike = at->second;
    const auto told = Told(whole);
    if (first) alike.told = told;
    for (size_t i = 0; i < told.size(); ++i) {
      if (told[i] != alike.told[i]) alike.told[i] = -1;
    }
    alike.inner = alike.inner || inner;
  }
  void Expect() const {
    size_t judged = 0;
    for (const auto& [seen, alike] : seen_) {
      if (!alike.inner) continue;
      ++judged;
      for (size_t i = 0; i < alike.told.size(); ++i) {
        EXPECT_FALSE(0 < alike.told[i] && alike.told[i] < kFew)
            << "number " << i << " follows from " << ::testing::PrintToString(seen);
      }
    }
    EXPECT_GT(judged, 10u);
  }

 private:
  struct Alike {
    std::vector<int64_t> told;  // -1: not the same in all
    bool inner = false;
  };
  std::map<std::vector<int64_t>, Alike> seen_;
};

std::vector<Counts> AllCounts(int64_t most_persons, int64_t most_more, bool parts_of_parts) {
  std::vector<Counts> all;
  for (int64_t persons = 0; persons <= most_persons; ++persons) {
    for (int64_t more = 0; more <= (persons == 0 ? 0 : most_more); ++more) {
      for (int64_t part = 0; part <= persons + more; ++part) {
        for (int64_t inner = 0; inner <= (parts_of_parts ? part : 0); ++inner) {
          all.push_back({persons, persons + more, part, inner});
        }
      }
    }
  }
  return all;
}

TEST(SuppressWholeRowsTest, PartsOfTwoRowsAreNotTold) {
  const auto all = AllCounts(7, 0, true);
  Lookalikes lookalikes;
  for (const Counts& a : all) {
    for (const Counts& b : all) lookalikes.Add({{{a, b}}}, std::max(a.persons, b.persons) <= 7 - kFew);
  }
  lookalikes.Expect();
}

TEST(SuppressWholeRowsTest, PartsOfThreeRowsAreNotTold) {
  const auto all = AllCounts(7, 0, false);
  Lookalikes lookalikes;
  for (const Counts& a : all) {
    for (const Counts& b : all) {
      for (const Counts& c : all) {
        lookalikes.Add({{{a, b, c}}}, std::max({a.persons, b.persons, c.persons}) <= 7 - kFew);
      }
    }
  }
  lookalikes.Expect();
}

TEST(SuppressWholeRowsTest, ThatAFewHaveMoreThanOneOrStandInTwoRowsIsNotTold) {
  const auto all = AllCounts(6, 2 * kFew, false);
  Lookalikes lookalikes;
  for (const Counts& a : all) {
    for (const Counts& b : all) {
      for (int64_t twice = 0; twice <= std::min({a.persons, b.persons, kFew}); ++twice) {
        const bool inner = std::max(a.persons, b.persons) <= 6 - kFew &&
                           std::max(a.things - a.persons, b.things - b.persons) <= kFew;
        lookalikes.Add({{{a, b}}, twice}, inner);
      }
    }
  }
  lookalikes.Expect();
}

std::vector<Counts> CountsWithoutParts(int64_t most_persons, int64_t most_more) {
  auto all = AllCounts(most_persons, most_more, false);
  std::erase_if(all, [](const Counts& counts) { return counts.part != 0; });
  return all;
}

TEST(SuppressWholeRowsTest, NeitherWherePersonsAreCountedAlone) {
  const auto all = CountsWithoutParts(8, 0);
  Lookalikes lookalikes;
  for (const Counts& a : all) {
    for (const Counts& b : all) {
      for (const Counts& c : all) {
        const int64_t most = std::max({a.persons, b.persons, c.persons});
        const int64_t sum = a.persons + b.persons + c.persons;
        for (int64_t twice = 0; twice <= std::min(sum - most, 2 * kFew); ++twice) {
          lookalikes.Add({{{a, b, c}}, twice, false}, most <= 8 - kFew && twice <= kFew);
        }
      }
    }
  }
  lookalikes.Expect();
}

// Two rows of the total, made up of the first `of_first` and the other parts, of four, of `least` persons each at least.
void ExpectThatNothingFollowsFromParts(size_t of_first, int64_t least) {
  constexpr int64_t kEdge = 7;
  std::map<std::vector<int64_t>, std::pair<std::vector<int64_t>, bool>> alike;  // what all of them say; not at the edge
  for (int64_t number = 0; number < (kEdge + 1) * (kEdge + 1) * (kEdge + 1) * (kEdge + 1); ++number) {
    std::vector<int64_t> parts;
    for (int64_t left = number; parts.size() < 4; left /= kEdge + 1) parts.push_back(left % (kEdge + 1));
    if (*std::min_element(parts.begin(), parts.end()) < least) continue;
    Report report;
    const auto middle = parts.begin() + static_cast<ptrdiff_t>(of_first);
    report.rows.push_back(RowOf(0, 0, std::accumulate(parts.begin(), middle, int64_t{0}), {}));
    report.rows.push_back(RowOf(0, 1, std::accumulate(middle, parts.end(), int64_t{0}), {}));
    for (size_t i = 0; i < 4; ++i) {
      const size_t whole = i < of_first ? 0 : 1;
      report.rows.push_back(RowOf(1 + whole, i, parts[i], {}));
      report.finer[report.rows.back().group] = {"group 0", report.rows[whole].key};
    }
    report.total = RowOf(3, 0, std::accumulate(parts.begin(), parts.end(), int64_t{0}), {});
    std::vector<int64_t> told;
    for (const Row& row : report.rows) told.push_back(row.persons.value);
    told.push_back(report.total->persons.value);
    Suppress(report, nullptr, kFew);
    std::vector<int64_t> seen;
    for (const Row& row : report.rows) seen.push_back(row.persons.shown() ? row.persons.value : -1);
    seen.push_back(report.total->persons.shown() ? report.total->persons.value : -1);
    auto& [all_say, inner] = alike.try_emplace(seen, std::pair(told, false)).first->second;
    for (size_t i = 0; i < told.size(); ++i) {
      if (all_say[i] != told[i]) all_say[i] = -1;
    }
    inner = inner || *std::max_element(parts.begin(), parts.end()) <= kEdge - kFew;
  }
  EXPECT_GT(alike.size(), 10u);
  for (const auto& [seen, what] : alike) {
    if (!what.second) continue;
    for (const int64_t number : what.first) {
      EXPECT_FALSE(0 < number && number < kFew) << ::testing::PrintToString(seen);
    }
  }
}

TEST(SuppressWholeRowsTest, WhatARowIsMadeUpOfIsNotToldByIt) {
  for (const int64_t least : {0, 1}) {
    ExpectThatNothingFollowsFromParts(2, least);
    ExpectThatNothingFollowsFromParts(3, least);
  }
}

TEST(SuppressWholeRowsTest, BesideThingsThatMakeUpNoTotalPersonsAreNotShownEither) {
  Report report;
  report.columns = {{"things"}};
  report.loose = {"group 0"};
  report.rows = {RowOf(0, 0, 30, {{31, 30}})};
  Suppress(report, nullptr);
  EXPECT_FALSE(report.rows[0].persons.shown());
  EXPECT_TRUE(report.rows[0].values[0].shown());
}

TEST(SuppressWholeRowsTest, NeitherInThreeRows) {
  const auto all = CountsWithoutParts(6, 2 * kFew - 1);
  Lookalikes lookalikes;
  for (const Counts& a : all) {
    for (const Counts& b : all) {
      for (const Counts& c : all) {
        const int64_t sum = a.persons + b.persons + c.persons;
        const int64_t most = std::max({a.persons, b.persons, c.persons});
        for (int64_t twice = 0; twice <= std::min(sum - most, kFew); ++twice) {
          const bool inner = most <= 6 - kFew && std::max({a.things - a.persons, b.things - b.persons,
                                                           c.things - c.persons}) < kFew;
          lookalikes.Add({{{a, b, c}}, twice}, inner);
        }
      }
    }
  }
  lookalikes.Expect();
}

TEST(SuppressWholeRowsTest, NeitherInTwoGroups) {
  const auto all = CountsWithoutParts(6, 2 * kFew - 1);
  std::map<std::pair<int64_t, int64_t>, std::vector<std::vector<Counts>>> groups;  // by persons and things of both rows
  for (const Counts& a : all) {
    for (const Counts& b : all) groups[{a.persons + b.persons, a.things + b.things}].push_back({a, b});
  }
  Lookalikes lookalikes;
  for (const auto& [sum, alike] : groups) {
    for (const auto& one : alike) {
      for (const auto& other : alike) {
        const auto most = [](const std::vector<Counts>& rows) { return std::max(rows[0].persons, rows[1].persons); };
        const auto more = [](const std::vector<Counts>& rows) {
          return std::max(rows[0].things - rows[0].persons, rows[1].things - rows[1].persons);
        };
        const bool inner = std::max(most(one), most(other)) <= 6 - kFew && std::max(more(one), more(other)) < kFew;
        lookalikes.Add({{one, other}}, inner);
      }
    }
  }
  lookalikes.Expect();
}

TEST(SuppressWholeRowsTest, TwoGroupsOfTheSameTellNothingOfEachOther) {
  const auto all = AllCounts(6, 0, false);
  std::map<std::pair<int64_t, int64_t>, std::vector<std::vector<Counts>>> groups;  // by persons and part of both rows
  for (const Counts& a : all) {
    for (const Counts& b : all) groups[{a.persons + b.persons, a.part + b.part}].push_back({a, b});
  }
  Lookalikes lookalikes;
  for (const auto& [sum, alike] : groups) {
    for (const auto& one : alike) {
      for (const auto& other : alike) {
        const bool inner = std::max({one[0].persons, one[1].persons, other[0].persons, other[1].persons}) <= 6 - kFew;
        lookalikes.Add({{one, other}}, inner);
      }
    }
  }
  lookalikes.Expect();
}

TEST(SuppressWholeRowsTest, ThatAFewStandInTwoRowsOfWhatMakesUpARowIsNotTold) {
  Report report;
  report.loose = {"group 0"};
  report.rows = {RowOf(0, 0, 30, {}), RowOf(1, 0, 20, {}), RowOf(1, 1, 12, {})};  // two persons in both
  report.finer["group 1"] = {"group 0", "row 0"};
  Suppress(report, nullptr);
  EXPECT_TRUE(report.rows[0].persons.shown());
  EXPECT_FALSE(report.rows[1].persons.shown());
  EXPECT_FALSE(report.rows[2].persons.shown());
}

Report MarksOf(int64_t answers, int64_t sum) {
  Report report;
  report.columns = {{"answers"}, {"marks", Unit::kMarks, 0}};
  report.rows = {RowOf(0, 0, 20, {{20, 20}, {80, 20}}), RowOf(0, 1, answers, {{answers, answers}, {sum, answers}})};
  report.total = RowOf(1, 0, 20 + answers, {{20 + answers, 20 + answers}, {80 + sum, 20 + answers}});
  return report;
}

TEST(SuppressWholeRowsTest, ThatAFewGaveAnotherMarkIsNotTold) {
  for (int64_t answers = kSmall; answers < 12; ++answers) {
    for (int64_t sum = answers; sum <= kBestMark * answers; ++sum) {
      Report report = MarksOf(answers, sum);
      Suppress(report, nullptr);
      const int64_t below_best = kBestMark * answers - sum, above_worst = sum - answers;
      const bool tells = (0 < below_best && below_best < kSmall) || (0 < above_worst && above_worst < kSmall);
      EXPECT_EQ(report.rows[1].values[1].shown(), !tells) << answers << " " << sum;
      EXPECT_FALSE(tells && report.total->values[1].shown()) << answers << " " << sum;
    }
  }
}

TEST(SuppressWholeRowsTest, MoneyOfAFewIsHiddenWithWhatWouldTellIt) {
  Report report;
  report.columns = {{"accrued", Unit::kCents}, {"reversed", Unit::kCents}, {"net", Unit::kCents, 1}};
  report.rows = {RowOf(0, 0, 4, {{4500, 4}, {0, 0}, {4500, 4}}),
                 RowOf(0, 1, 20, {{50000, 20}, {9000, 8}, {41000, 20}}),
                 RowOf(0, 2, 30, {{90000, 30}, {1800, 2}, {88200, 30}})};
  report.total = RowOf(1, 0, 54, {{144500, 54}, {10800, 10}, {133700, 54}});
  Suppress(report, nullptr);
  EXPECT_TRUE(report.rows[2].persons.shown());
  EXPECT_TRUE(report.rows[2].values[0].shown());
  EXPECT_FALSE(report.rows[2].values[1].shown());  // of two persons
  EXPECT_FALSE(report.rows[2].values[2].shown());  // accrued less net would tell it
  for (const Cell& cell : report.rows[0].values) EXPECT_FALSE(cell.shown());  // of four persons
  EXPECT_FALSE(report.total->values[1].shown());
  EXPECT_FALSE(report.total->values[2].shown());
}

TEST(SuppressWholeRowsTest, AMedianOfAFewIsHidden) {
  Report report;
  report.columns = {{"median_days", Unit::kDaysOfOne}, {"nine_of_ten", Unit::kDaysOfOne}};
  report.loose = {"group 0"};
  report.rows = {RowOf(0, 0, 20, {{14, 10}, {50, 2}}), RowOf(0, 1, 3, {{2, 2}, {9, 1}})};
  Suppress(report, nullptr);
  EXPECT_TRUE(report.rows[0].values[0].shown());
  EXPECT_FALSE(report.rows[0].values[1].shown());  // the longest but one of twenty is one client's
  EXPECT_FALSE(report.rows[1].values[0].shown());
}

TEST(SuppressWholeRowsTest, WhatIsSmallForAllTheOthersIsHiddenCellByCell) {
  Whole some{{{{20, 20, 10, 5}, {30, 30, 15, 5}}}}, rest{{{{20, 20, 18, 9}, {30, 30, 15, 5}}}};
  Report report = TableOf(some);
  const Report others = TableOf(rest);
  Suppress(report, &others);
  EXPECT_TRUE(report.rows[0].values[0].shown());
  EXPECT_FALSE(report.rows[0].values[1].shown());  // two of the others' twenty have it not
  EXPECT_TRUE(report.rows[1].values[1].shown());
  EXPECT_FALSE(report.total->values[1].shown());
}

}  // namespace
}  // namespace polku::report
