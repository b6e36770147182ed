// How long the profile's rules keep a case: what the service that is asked to erase it judges, and what
// `polku retention due` shows (DOMAIN "Rules", retention). A pure fold of one case.
#ifndef POLKU_SERVICES_ACCESS_RETENTION_H_
#define POLKU_SERVICES_ACCESS_RETENTION_H_

#include <optional>
#include <string_view>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "polku/config/v1/profile.pb.h"

namespace polku::access {

// Parties, later disclosures, corrections, reads, erasures: nothing goes on by them.
bool IsAboutTheRecord(std::string_view type);

class CaseRetention {
 public:
  // The case's events in merged order, each once, without those that were corrected (services/core/standing.h). `body`:
  // null, or without content, where its sections are not held: a CaseClosed whose day is sealed counts by its day of
  // recording. `corrects`: the event takes the place of an earlier one.
  void Add(std::string_view type, const google::protobuf::Message* body, absl::Time recorded_at,
           bool corrects);

  bool closed() const { return closed_on_.has_value(); }

  struct Kept {
    const config::v1::RetentionRule* rule = nullptr;  // of the profile: the one that keeps it longest
    // From which day the years count: the closing's, or the newest on which by the case's own events something was
    // still done or paid, where a slip in the closing says an earlier one.
    absl::CivilDay closed_on;
    absl::CivilDay until;  // inclusive: from the day after it may go
  };
  // nullopt: it is not closed, or the profile has no rule of social care records for it.
  std::optional<Kept> KeptBy(const config::v1::Profile& profile) const;

 private:
  std::optional<absl::CivilDay> closed_on_;
  std::optional<absl::CivilDay> newest_day_;
  std::optional<absl::CivilDay> first_started_;
  bool decided_on_money_ = false;
};

}  // namespace polku::access

#endif  // POLKU_SERVICES_ACCESS_RETENTION_H_
