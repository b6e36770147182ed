#include "services/report/suppress.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace polku::report {
namespace {

// Numbers of things: of a row and of all its parts alike.
bool Adds(Unit unit) { return unit == Unit::kCount || unit == Unit::kDays; }

class Suppression {
 public:
  Suppression(Report& report, const Report* others, int64_t small) : report_(report), small_(small) {
    for (Row& row : report_.rows) {
      const bool loose = std::find(report.loose.begin(), report.loose.end(), row.group) != report.loose.end();
      (loose                               ? loose_
       : report.finer.contains(row.group) ? finer_
                                           : groups_)[row.group]
          .push_back(&row);
    }
    // A group of which nothing is held tells nothing of the total.
    std::erase_if(groups_, [](const auto& group) {
      return std::all_of(group.second.begin(), group.second.end(),
                         [](const Row* row) { return row->persons.state == Cell::State::kUnknown; });
    });
    if (others == nullptr) return;
    for (const Row& row : others->rows) others_[{row.group, row.key}] = &row;
    if (others->total) others_total_ = &*others->total;
  }

  void Run() {
    HideRows();
    for (size_t column = 0; column < report_.columns.size(); ++column) HideCells(column);
    HidePersons();
  }

 private:
  using Rows = std::vector<Row*>;

  bool Small(int64_t count) const { return 0 < count && count < small_; }
  const Row* OtherOf(const Row& row) const {
    if (report_.total && &row == &*report_.total) return others_total_;
    const auto found = others_.find({row.group, row.key});
    return found == others_.end() ? nullptr : found->second;
  }
  bool Hidden(const Row& row) const { return hidden_.contains(&row); }
  void Hide(Row& row) {
    hidden_.insert(&row);
    row.persons.Hide();
    for (Cell& cell : row.values) cell.Hide();
  }

  // ---- Rows ----

  bool OfFew(const Row& row) const {
    const Row* other = OtherOf(row);
    return Small(row.persons.value) || (other != nullptr && Small(other->persons.value));
  }

  void HideRows() {
    for (Row& row : report_.rows) {
      if (OfFew(row)) Hide(row);
    }
    // From the finest on: what a group cannot keep to itself is hidden in the row that it makes up, too.
    for (auto& [name, rows] : finer_) {
      if (!HideInGroup(rows)) Hide(*WholeOf(name));
    }
    bool total = report_.total && OfFew(*report_.total);
    for (auto& [name, rows] : groups_) total = !HideInGroup(rows) || total;
    if (total && report_.total) {
      Hide(*report_.total);
      // A group that is shown whole tells the total.
      for (auto& [name, rows] : groups_) {
        for (Row* row : rows) Hide(*row);
      }
    }
    for (auto& [name, rows] : finer_) {
      if (!Hidden(*WholeOf(name))) continue;
      for (Row* row : rows) Hide(*row);
    }
  }
  // Of how many rows it is made up, each of somebody: itself where there is no finer group.
  int64_t PartsOf(const Row& row) const {
    int64_t parts = 0;
    for (const auto& [finer, whole] : report_.finer) {
      if (whole == std::pair(row.group, row.key)) parts += static_cast<int64_t>(finer_.at(finer).size());
    }
    return std::max<int64_t>(1, parts);
  }
  // The row that a finer group makes up.
  Row* WholeOf(const std::string& finer) {
    const auto& [group, key] = report_.finer.at(finer);
    return &*std::find_if(report_.rows.begin(), report_.rows.end(),
                          [&](const Row& row) { return row.group == group && row.key == key; });
  }

  // Which rows are hidden besides the small ones follows from where they stand, never from how large they are, and
  // rows of nobody are hidden with them: else the choice itself would tell what was hidden. The total less what is
  // shown is the sum of the hidden ones; it is kept from being that of a few, or such that all of them are as small,
  // or as large, as a small one can be. False where the group has too few for that: the total tells them.
  bool HideInGroup(const Rows& rows) {
    if (std::none_of(rows.begin(), rows.end(), [&](const Row* row) { return Hidden(*row); })) return true;
    size_t last = 0;
    int64_t hidden = 0, parts = 0, persons = 0;
    const auto count = [&](const Row& row) {
      ++hidden;
      parts += PartsOf(row);
      persons += row.persons.value;
    };
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i]->persons.value == 0) Hide(*rows[i]);
      if (!Hidden(*rows[i])) continue;
      last = i;
      count(*rows[i]);
    }
    const auto tells = [&] {
      return hidden < 2 || persons < small_ || persons <= parts || persons == parts * (small_ - 1);
    };
    for (size_t step = 1; step < rows.size() && tells(); ++step) {
      Row& next = *rows[(last + step) % rows.size()];
      if (Hidden(next)) continue;
      Hide(next);
      count(next);
    }
    return hidden < static_cast<int64_t>(rows.size()) || persons > parts + 1;
  }

  // ---- Cells ----

  // What a number by itself, beside what it is a part of, tells to be counted.
  bool Tells(const std::vector<Cell>& values, size_t at) const {
    const Column& column = report_.columns[at];
    const Cell& cell = values[at];
    if (cell.state == Cell::State::kUnknown) return false;
    if (Small(cell.tellers) || (Adds(column.unit) && Small(cell.value))) return true;
    if (column.part_of < 0) return false;
    const Cell& whole = values[static_cast<size_t>(column.part_of)];
    if (whole.state == Cell::State::kUnknown) return false;
    if (column.unit == Unit::kMarks) {
      return Small(kBestMark * whole.value - cell.value) || Small(cell.value - whole.value);
    }
    return Adds(column.unit) && Small(whole.value - cell.value);
  }
  bool WholeHidden(const Row& row, size_t at) const {
    const int whole = report_.columns[at].part_of;
    return whole >= 0 && row.values[static_cast<size_t>(whole)].state == Cell::State::kHidden;
  }
  // The numbers of the row are to be hidden there.
  bool MustHide(const Row& row, size_t at) const {
    const Row* other = OtherOf(row);
    return Tells(row.values, at) || WholeHidden(row, at) || (other != nullptr && Tells(other->values, at));
  }

  void HideCells(size_t at) {
    for (auto& [name, rows] : loose_) {
      for (Row* row : rows) {
        if (MustHide(*row, at)) row->values[at].Hide();
      }
    }
    bool clash = report_.total && MustHide(*report_.total, at);
    std::map<std::string, Rows> all = groups_;
    all.insert(finer_.begin(), finer_.end());
    for (auto& [name, rows] : all) {
      std::vector<Cell> left(report_.columns.size());  // what the hidden rows come to
      for (Row* row : rows) {
        if (Hidden(*row)) {
          for (size_t i = 0; i < left.size(); ++i) {
            left[i].value += row->values[i].value;
            left[i].tellers += row->values[i].tellers;
          }
        } else if (MustHide(*row, at)) {
          row->values[at].Hide();
          clash = true;
        }
      }
      clash = clash || Tells(left, at);
    }
    if (!clash || !report_.total) return;
    report_.total->values[at].Hide();
    if (all.size() < 2) return;
    for (auto& [name, rows] : all) {
      for (Row* row : rows) row->values[at].Hide();
    }
  }

  // ---- Persons ----

  // The row counts things of its persons, beside whom it would tell how many have more than one.
  bool CountsThings(const Row& row) const {
    return !report_.columns.empty() && Adds(report_.columns[0].unit) && row.values[0].state != Cell::State::kUnknown;
  }

  // What the shown rows leave of the whole's persons is few: of the hidden ones, or of those who stand in several rows.
  bool PersonsTell(const Row& whole, const Rows& rows) const {
    int64_t left = whole.persons.value;  // may be less than nobody
    bool any_hidden = false;
    for (const Row* row : rows) {
      any_hidden = any_hidden || Hidden(*row);
      if (!Hidden(*row)) left -= row->persons.value;
    }
    return Small(any_hidden ? left : -left);
  }

  void HidePersons() {
    for (Row& row : report_.rows) {
      if (CountsThings(row)) row.persons.Hide();
    }
    const auto hide = [](const Rows& rows) {
      for (Row* row : rows) row->persons.Hide();
    };
    for (auto& [name, rows] : finer_) {
      if (PersonsTell(*WholeOf(name), rows)) hide(rows);
    }
    if (!report_.total || Hidden(*report_.total)) return;
    const bool clash = CountsThings(*report_.total) ||
                       std::any_of(groups_.begin(), groups_.end(), [&](const auto& group) {
                         return PersonsTell(*report_.total, group.second);
                       });
    if (!clash) return;
    report_.total->persons.Hide();
    for (auto& [name, rows] : groups_) hide(rows);
    for (auto& [name, rows] : finer_) hide(rows);
  }

  Report& report_;
  const int64_t small_;
  std::map<std::string, Rows> groups_, finer_, loose_;
  std::map<std::pair<std::string, std::string>, const Row*> others_;
  const Row* others_total_ = nullptr;
  std::set<const Row*> hidden_;
};

}  // namespace

void Suppress(Report& report, const Report* others, int64_t small) { Suppression(report, others, small).Run(); }

}  // namespace polku::report
