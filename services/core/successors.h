// Who acts in a case in whose place, after organisations changed (OrganiserTransferred; seed 003,
// Forssa 2014): the one definition that all services and the case's access go by.
#ifndef POLKU_SERVICES_CORE_SUCCESSORS_H_
#define POLKU_SERVICES_CORE_SUCCESSORS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "services/core/service.h"

namespace polku::service {

class Successors {
 public:
  struct Transfer {
    std::string from;
    std::string to;
    absl::CivilDay effective_on;
    EventId cause;
    bool predecessor_ended = false;  // TRANSFER_REASON_PREDECESSOR_ENDED
    friend bool operator==(const Transfer&, const Transfer&) = default;
  };

  // Takes in OrganiserTransferred; ignores every other message, and one that names no day or no two
  // agencies. Of two transfers of one agency on one day the first in merged order holds.
  void Fold(const Fact& fact);

  // Who has on `day` the rights that the case gave to `agency`: itself, or the end of the chain of
  // transfers that have taken effect by then. A case that comes back to an agency is its own again.
  std::string_view Acting(std::string_view agency, absl::CivilDay day) const;
  bool ActsFor(std::string_view author, std::string_view agency, absl::CivilDay day) const {
    return Acting(agency, day) == author;
  }
  // Is that agency, or has acted for it on some day: for folds, which do not judge anew who was
  // allowed what when it was recorded.
  bool IsOrSucceeds(std::string_view author, std::string_view agency) const;

  // Whose the money is, on `day`, that `agency` accrued, proposed or paid in the case: its own, also after it handed the
  // case over, for each bears the costs of its days; of an organisation that has ended its successor's.
  std::string_view Settling(std::string_view agency, absl::CivilDay day) const;
  // Is that agency, or has settled its money on some day: for folds, as above.
  bool IsOrInherits(std::string_view author, std::string_view agency) const;

  // Ascending by day.
  const std::vector<Transfer>& transfers() const { return transfers_; }
  friend bool operator==(const Successors&, const Successors&) = default;

 private:
  std::vector<Transfer> transfers_;
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_SUCCESSORS_H_
