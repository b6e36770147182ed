#include "services/report/suppress.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace polku::report {
namespace {

bool IsSmall(int64_t persons, int64_t small) { return 0 < persons && persons < small; }

// Which rows are hidden besides the small ones follows from where they stand, never from how large they are, and
// rows of nobody are hidden with them: else the choice itself would tell what was hidden. The total less what is
// shown is the sum of the hidden ones; it is kept from being that of a few, or such that all of them are as small,
// or as large, as a small one can be. False where the group has too few for that: the total tells them.
bool HideInGroup(const std::vector<Row*>& rows, int64_t small) {
  size_t last = 0;
  int64_t hidden = 0, persons = 0;
  if (std::none_of(rows.begin(), rows.end(), [](const Row* row) { return row->hidden; })) return true;
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i]->hidden = rows[i]->hidden || rows[i]->persons == 0;
    if (!rows[i]->hidden) continue;
    last = i;
    ++hidden;
    persons += rows[i]->persons;
  }
  const auto tells = [&] {
    return hidden < 2 || persons < small || persons <= hidden || persons == hidden * (small - 1);
  };
  for (size_t step = 1; step < rows.size() && tells(); ++step) {
    Row& next = *rows[(last + step) % rows.size()];
    if (next.hidden) continue;
    next.hidden = true;
    ++hidden;
    persons += next.persons;
  }
  return hidden < static_cast<int64_t>(rows.size()) || persons > hidden + 1;
}

}  // namespace

void Suppress(Report& report, const Report* others, int64_t small) {
  std::set<std::pair<std::string, std::string>> small_elsewhere;
  bool small_rest = false;
  if (others != nullptr) {
    for (const Row& row : others->rows) {
      if (IsSmall(row.persons, small)) small_elsewhere.emplace(row.group, row.key);
    }
    small_rest = others->total && IsSmall(others->total->persons, small);
  }
  std::map<std::string, std::vector<Row*>> groups;
  for (Row& row : report.rows) {
    row.hidden = row.hidden || IsSmall(row.persons, small) || small_elsewhere.contains({row.group, row.key});
    const bool loose = std::find(report.loose.begin(), report.loose.end(), row.group) != report.loose.end();
    if (!loose) groups[row.group].push_back(&row);
  }
  if (report.total) report.total->hidden = IsSmall(report.total->persons, small) || small_rest;
  for (auto& [name, rows] : groups) {
    if (!HideInGroup(rows, small) && report.total) report.total->hidden = true;
  }
  // A group that is shown whole tells the total.
  if (report.total && report.total->hidden) {
    for (auto& [name, rows] : groups) {
      for (Row* row : rows) row->hidden = true;
    }
  }
}

}  // namespace polku::report
