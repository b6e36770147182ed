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
    for (;;) {
      int64_t persons = 0;
      size_t hidden = 0;
      Row* next = nullptr;
      for (Row* row : rows) {
        if (row->hidden) {
          ++hidden;
          persons += row->persons;
        } else if (row->persons > 0 && (next == nullptr || row->persons < next->persons)) {
          next = row;
        }
      }
      if (hidden == 0 || next == nullptr || (hidden >= 2 && persons >= small)) break;
      next->hidden = true;
    }
  }
  // A group that is shown whole tells the total.
  if (report.total && report.total->hidden) {
    for (auto& [name, rows] : groups) {
      for (Row* row : rows) row->hidden = row->hidden || row->persons > 0;
    }
  }
}

}  // namespace polku::report
