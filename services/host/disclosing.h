// Who gets what of the own log, in the log's terms: the receivers of a new entry, those whom a correction must
// reach, and the earlier entries that open to a party that came later. Reads headers alone.
#ifndef POLKU_SERVICES_HOST_DISCLOSING_H_
#define POLKU_SERVICES_HOST_DISCLOSING_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/log.h"
#include "google/protobuf/message.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"

namespace polku::host {

// Sections by receiver; none: the header alone.
using Receivers = std::map<std::string, SectionSet, std::less<>>;

class Disclosing {
 public:
  // All borrowed. `origins` names every log of the engine by number and may grow.
  Disclosing(const access::Policy& policy, log::Engine& engine,
             const absl::flat_hash_map<uint64_t, std::string>& origins, const OriginName& own);

  // The own log's AgreementChanged that is in force.
  void SetAgreement(Position position) { agreement_ = position; }

  // Who gets a new entry that is recorded on `day`: parties, as `access` has them before the entry and as the
  // entry itself adds or removes one, and whom it must `reach` besides. Ascending by receiver. A receiver
  // whose sections the event does not have gets the header alone.
  std::vector<log::DisclosureTarget> Targets(const log::NewEntry& entry,
                                             const google::protobuf::Message& body,
                                             SectionSet present,
                                             const access::CaseAccess& access,
                                             const Receivers& reach, absl::CivilDay day) const;
  // Of a Disclosed that opens entries to `receiver`: that agency and our own, besides whom the agreement names.
  std::vector<log::DisclosureTarget> TargetsOfDisclosed(std::string_view receiver,
                                                        const access::CaseAccess& access,
                                                        absl::CivilDay day) const;

  struct Recorded {
    std::string author, type;
    Receivers receivers;  // by the header and by later disclosures
  };
  // An entry of the case in a log of that service, whatever the epoch, or (empty) in any log, as far as it
  // is held here; with several of that id the first. Errors as the reading of entries.
  absl::StatusOr<std::optional<Recorded>> Find(const CaseId& case_id, std::string_view origin,
                                               const EventId& event) const;

  // Parties, each with the order from which on the own log discloses to it by itself.
  using NewParties = std::map<std::string, Order, std::less<>>;
  // What the own log holds of the case, of before that order, that the agreement opens to each of `parties`, on the
  // day it was recorded and on `day` alike, and that was not disclosed to it before; in pieces that each fit one
  // entry. Nobody to whom nothing opens. One pass for all of them. Errors as the reading of entries.
  using Pieces = std::vector<log::NewEntry::Later>;
  absl::StatusOr<std::map<std::string, Pieces, std::less<>>> ToOpen(const CaseId& case_id,
                                                                    const NewParties& parties,
                                                                    absl::CivilDay day) const;

 private:
  std::vector<log::DisclosureTarget> AsTargets(const Receivers& receivers, SectionSet present) const;

  const access::Policy& policy_;
  log::Engine& engine_;
  const absl::flat_hash_map<uint64_t, std::string>& origins_;
  const std::string own_origin_;
  const std::string own_agency_;
  Position agreement_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_DISCLOSING_H_
