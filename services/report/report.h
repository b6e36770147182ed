// What people must be able to draw from history (DOMAIN, Reports), as tables of numbers without persons. Pure folds over
// the events that a reader may see; what each report counts, and what it cannot know: README.md.
#ifndef POLKU_SERVICES_REPORT_REPORT_H_
#define POLKU_SERVICES_REPORT_REPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "google/protobuf/descriptor.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "services/audit/history.h"
#include "services/audit/summary.h"
#include "services/report/held.h"

namespace polku::report {

enum class Unit {
  kCount,
  kDays,
  kDaysOfOne,  // of the client at a place in the order: a median; adds up to nothing
  kCents,
  kMarks,  // a sum of marks from 1 to kBestMark, one for each of what `part_of` counts
};
inline constexpr int64_t kBestMark = 4;  // of satisfaction (seed 003)

struct Column {
  std::string name;  // lower_snake
  Unit unit = Unit::kCount;
  int part_of = -1;  // the column of which this is a part, or which it would tell: that one less this is a number too
};

struct Cell {
  enum class State {
    kShown,
    kHidden,   // a small number, or what would tell one (suppress.h)
    kUnknown,  // not held here, or there is no such number
  };
  int64_t value = 0;
  int64_t tellers = 0;  // the fewest clients whose own value this number tells
  State state = State::kShown;

  bool shown() const { return state == State::kShown; }
  void Hide() {
    if (state == State::kShown) state = State::kHidden;
  }
};

struct Row {
  std::string group;  // rows of one group that are not total are parts of it: nobody, or a period, is counted twice
  std::string key;    // lower_snake, "2025-03-31", a municipality or agencies; "… <agency>" where both are told
  const google::protobuf::EnumValueDescriptor* code = nullptr;  // what `key` stands for, where it is a code
  std::vector<std::string> agencies;                            // those that `key` ends with
  Cell persons;               // different clients behind the numbers
  std::vector<Cell> values;   // as many as the report's columns
};

struct Report {
  std::string_view name;             // lower_snake
  std::string_view title[3];         // fi, sv, en
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::optional<Row> total;          // of which every group but those in `loose` is made up
  std::vector<std::string> loose;    // groups that make up no total: points in time, steps
  // Groups that make up a row of another group, by its group and key, in the place of the total.
  std::map<std::string, std::pair<std::string, std::string>> finer;
  std::vector<Gap> gaps;             // what of all this does not reach the reader
};

// A row whose numbers are not held here has this key, and no numbers.
inline constexpr std::string_view kNotHeld = "not_held";

struct Question {
  absl::CivilDay from;   // both inclusive; what each report takes from this time says its definition
  absl::CivilDay until;
  std::string municipality;  // empty: all
  absl::CivilDay known_on;   // the day of what is on record: with `until`, by which the agreement is asked
};

struct Definition {
  std::string_view name;
  std::string_view title[3];  // fi, sv, en
  std::string_view what[3];   // one line on what it counts
};
const std::vector<Definition>& Definitions();
const Definition* FindDefinition(std::string_view name);

class Fold {
 public:
  // `profile`, `agreement` and `logs` are borrowed; the last as of audit::SummaryFold.
  Fold(const config::v1::Profile& profile, const config::v1::Agreement& agreement,
       const std::vector<log::HeldLog>& logs);
  ~Fold();

  // In merged order (History::Replay), each once.
  void Add(const audit::Event& event);
  // Of the clients for whom the question asks; `others`: of all the others in its stead. Precondition: a definition.
  Report Make(std::string_view name, const Question& question, bool others = false) const;
  // Of the clients held here, for who asked for one that is not among them.
  std::set<std::string> Municipalities() const;

 private:
  struct Case;
  struct Facts;
  class Maker;
  const config::v1::Profile& profile_;
  audit::SummaryFold summary_;
  Held held_;
  std::vector<std::unique_ptr<Case>> cases_;
  std::map<CaseId, Case*> by_case_;
};

}  // namespace polku::report

#endif  // POLKU_SERVICES_REPORT_REPORT_H_
