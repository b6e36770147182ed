// What was asked to be corrected in a case, and what of it was approved but not yet done.
#ifndef POLKU_SERVICES_AUDIT_CORRECTIONS_H_
#define POLKU_SERVICES_AUDIT_CORRECTIONS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/audit/history.h"

namespace polku::audit {

// An approval that no correcting event has followed.
struct OpenCorrection {
  EventId request;    // the CorrectionRequested
  EventId corrected;  // the entry that is to be put right
  std::string corrected_origin;  // where that stands
  std::string agency;  // that approved
  std::string origin;  // where the approval stands
  Position position;
  absl::Time approved_at;
};

class CorrectionsFold {
 public:
  // `policy` is borrowed, outlives the fold. `own_origin`: whose store it is read from.
  CorrectionsFold(const access::Policy& policy, std::string own_origin)
      : policy_(policy), own_origin_(std::move(own_origin)) {}

  // A case's events in merged order; those without a body tell only what they correct.
  void Add(const Event& event);

  const access::CaseAccess& access() const { return access_; }

  // In merged order of the approvals. Carried out is what the approval itself names a correcting event of, or whose
  // entry an event of after the approval corrects, in the log of that entry or of the approval.
  std::vector<OpenCorrection> Open() const;

 private:
  const access::Policy& policy_;
  const std::string own_origin_;
  access::CaseAccess access_;
  std::map<EventId, std::pair<Order, OpenCorrection>> open_;  // by request
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_CORRECTIONS_H_
