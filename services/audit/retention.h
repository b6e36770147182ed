// Which cases have lain as long as the profile's retention rules ask. A pure fold, from nothing but the
// events it is given (DOMAIN "Rules", retention).
#ifndef POLKU_SERVICES_AUDIT_RETENTION_H_
#define POLKU_SERVICES_AUDIT_RETENTION_H_

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "polku/config/v1/profile.pb.h"
#include "services/access/retention.h"
#include "services/audit/history.h"

namespace polku::audit {

struct RetentionDue {
  CaseId case_id;
  const config::v1::RetentionRule* rule = nullptr;  // of the profile: the one that keeps it longest
  absl::CivilDay closed_on;
  absl::CivilDay kept_until;  // inclusive: from the day after it may go
};

class RetentionFold {
 public:
  // `profile` is borrowed.
  explicit RetentionFold(const config::v1::Profile& profile) : profile_(profile) {}

  // In merged order (History::Replay), each once. Needs the service sections: a CaseClosed whose day is
  // sealed counts by its day of recording.
  void Add(const Event& event);
  // Cases that are closed and, by every rule that applies, were kept until a day before `on`; ascending by that
  // day and case. A case for which the profile has no rule of social care records is never among them.
  std::vector<RetentionDue> Due(absl::CivilDay on) const;
  // Cases that are not closed, or whose closing is not told to this agency: no rule counts for them yet.
  size_t NotClosed() const;

 private:
  const config::v1::Profile& profile_;
  std::map<CaseId, access::CaseRetention> cases_;
};

// Whether the newest event of the case that is held here is its closing, in whatever log; by headers alone, no
// section is opened. Whoever is not told of closings holds none. Errors as reading the logs.
absl::StatusOr<bool> IsClosed(log::Engine& engine, const CaseId& case_id);

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_RETENTION_H_
