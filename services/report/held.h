// Whose part of the story a reader holds: so that what nobody gave it is never told as zero (README "What is not held").
#ifndef POLKU_SERVICES_REPORT_HELD_H_
#define POLKU_SERVICES_REPORT_HELD_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/reader.h"
#include "google/protobuf/descriptor.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/access/policy.h"
#include "services/audit/history.h"

namespace polku::report {

// What a number is counted from: events of a type, with a section of them.
struct Need {
  // Who records it. Of a duty, which no agreement names, either who may publish `recorded_by`, or the log's own agency.
  enum class By { kAuthor, kLogsOwnAgency };
  std::string_view what;                          // lower_snake: what is missing where it is not held
  const google::protobuf::Descriptor* type;
  SectionKind section = SectionKind::kService;
  By by = By::kAuthor;
  const google::protobuf::Descriptor* recorded_by = nullptr;  // null: `type` itself
  // An agency records it in a log of its own (days, money); else in whichever log takes that type.
  bool own_log = false;
};

// What does not reach this reader.
struct Gap {
  std::string_view what;
  std::vector<std::string> agencies;  // whose part does not, ascending; may be empty with `whole`
  bool whole = false;                 // nobody's does: the number is not known here
};

class Held {
 public:
  // Borrowed. `logs`: as audit::SummaryFold has them.
  Held(const config::v1::Agreement& agreement, const std::vector<log::HeldLog>& logs);

  // Each event that is read, control entries too.
  void Add(const audit::Event& event);

  // Nullopt: what the need asks for reaches this reader. An agency's part does when the events of it that were read
  // have the section open, or, where none was read, when a log that takes them is held and, unless it is the own one,
  // the agreement opens them to this agency as a party. `days`: the lines of the agreement that hold on one of them
  // count. `among`: of these agencies alone; null: of all that may record it.
  std::optional<Gap> Missing(const Need& need, const std::vector<absl::CivilDay>& days,
                             const std::set<std::string>* among = nullptr) const;

 private:
  struct Log {
    std::string agency, service;
    bool own = false;
    std::set<std::string> authors;
  };
  struct Seen {
    SectionSet opened, sealed;
  };
  bool Reaches(const Need& need, const std::string& agency, const std::vector<absl::CivilDay>& days) const;
  std::set<std::string> Recorders(const Need& need, const std::vector<absl::CivilDay>& days) const;

  const config::v1::Agreement& agreement_;
  access::Policy policy_;
  std::string own_agency_;
  std::map<LogNumber, Log> logs_;
  std::map<std::pair<std::string, std::string>, Seen> seen_;  // by type and author
};

}  // namespace polku::report

#endif  // POLKU_SERVICES_REPORT_HELD_H_
