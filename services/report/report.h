// What people must be able to draw from history (DOMAIN, Reports), as tables of numbers without persons. Pure folds over
// the events that a reader may see; what each report counts, and what it cannot know: README.md.
#ifndef POLKU_SERVICES_REPORT_REPORT_H_
#define POLKU_SERVICES_REPORT_REPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "google/protobuf/descriptor.h"
#include "polku/config/v1/profile.pb.h"
#include "services/audit/history.h"
#include "services/audit/summary.h"

namespace polku::report {

enum class Unit { kCount, kDays, kCents, kTenths };

struct Column {
  std::string name;  // lower_snake
  Unit unit = Unit::kCount;
};

struct Row {
  std::string group;  // rows of one group that are not total are parts of it: nobody, or a period, is counted twice
  std::string key;    // lower_snake, "2025-03", or an agency
  const google::protobuf::EnumValueDescriptor* code = nullptr;  // what `key` stands for, where it is a code
  int64_t persons = 0;               // different clients behind the numbers
  std::vector<int64_t> values;       // as many as the report's columns
  bool hidden = false;               // nothing but group and key may be shown
};

struct Report {
  std::string_view name;             // lower_snake
  std::string_view title[3];         // fi, sv, en
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::optional<Row> total;          // of which every group but those in `loose` is made up
  std::vector<std::string> loose;    // groups that make up no total: points in time, steps
};

struct Question {
  absl::CivilDay from;   // both inclusive; what each report takes from this time says its definition
  absl::CivilDay until;
  std::string municipality;  // empty: all
};

struct Definition {
  std::string_view name;
  std::string_view title[3];
  std::string_view what;  // one sentence for --help and the SQLite file
};
const std::vector<Definition>& Definitions();
const Definition* FindDefinition(std::string_view name);

class Fold {
 public:
  // `profile` and `logs` as of audit::SummaryFold.
  Fold(const config::v1::Profile& profile, const std::vector<log::HeldLog>& logs);
  ~Fold();

  // In merged order (History::Replay), each once.
  void Add(const audit::Event& event);
  // Of the clients for whom the question asks; `others`: of all the others in its stead. Precondition: a definition.
  Report Make(std::string_view name, const Question& question, bool others = false) const;

 private:
  struct Case;
  struct Facts;
  const config::v1::Profile& profile_;
  audit::SummaryFold summary_;
  std::vector<std::unique_ptr<Case>> cases_;
  std::map<CaseId, Case*> by_case_;
};

}  // namespace polku::report

#endif  // POLKU_SERVICES_REPORT_REPORT_H_
