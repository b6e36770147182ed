// Who received what of a case, on which basis, and who looked: the client's answer, from what this agency holds.
// Headers say what was disclosed, the agreement on record why, access streams who read.
#ifndef POLKU_SERVICES_AUDIT_DISCLOSURES_H_
#define POLKU_SERVICES_AUDIT_DISCLOSURES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "polku/access/v1/access.pb.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/event/v1/event.pb.h"
#include "services/audit/store.h"

namespace polku::audit {

// One entry at one agency that did not write it.
struct Received {
  enum class Way {
    kShared,      // a line of the agreement, whose basis stands in legal_basis
    kParties,     // who takes part is told to all who take part
    kNotice,      // it tells a later party which earlier entries were opened to it
    kCorrection,  // it corrects, or speaks of correcting, what that agency had received
    kHost,        // the agency whose log it is: it recorded it for the author
    kNotHeld,     // an earlier entry that is not held here was opened: by the agreement that `agreement` names
    kUnknown,     // the agreement in that log names no such line
  };
  std::string receiver;
  std::string author;
  std::string origin;  // the log
  Position position;   // in it
  std::string type;
  SectionSet sections;      // none: the header alone
  absl::Time disclosed_at;  // by the origin's clock
  bool later = false;       // opened to a party that came after it was recorded
  Way way = Way::kUnknown;
  Position agreement;       // in the origin's log: of the AgreementChanged that allowed it; not with kHost
  std::string legal_basis;  // several: with "; " between
};

struct PartySpan {
  std::string agency;
  absl::Time since;
  access::v1::PartyReason reason = access::v1::PARTY_REASON_UNSPECIFIED;  // of the first party: none
  std::optional<absl::Time> until;
  // Of the first party: entries of the case have been erased, so an earlier one may have been another's.
  bool earlier_erased = false;
};

struct Read {
  std::string agency;
  std::string official;  // pseudonym
  absl::Time at;
  access::v1::AccessPurpose purpose = access::v1::ACCESS_PURPOSE_UNSPECIFIED;
  std::string legal_basis;
  std::string command;
  SectionSet sections;
  // Of all cases that the agency's service held, this one among them by then; its filters as given.
  bool bulk = false;
  std::string scope;
  uint64_t cases = 0;
  std::string origin;  // where the record of it stands
  Position position;
};

// A step of a correction or of an erasure.
struct Act {
  std::string type;
  std::string agency;
  std::string official;
  absl::Time at;
  access::v1::CorrectionResult result = access::v1::CORRECTION_RESULT_UNSPECIFIED;
  bool corrects = false;  // an event of the domain that corrects another
  bool open = false;      // approved, and no correcting event is on record yet
  event::v1::ErasureTier tier = event::v1::ERASURE_TIER_UNSPECIFIED;  // of an ErasureRequested
  std::string legal_basis;                                            // likewise
  EventId id;
  EventId request = {};  // that an ErasureConfirmed or ErasureCancelled answers
  std::string origin;
  Position position;
};

struct Erasure {
  std::string origin;  // of the log that the Erased stands in
  Position position;   // of the Erased
  std::string of;      // whose entries: that log's, or those of an earlier epoch of it
  absl::Time at;
  event::v1::ErasureTier tier = event::v1::ERASURE_TIER_UNSPECIFIED;
  uint64_t entries = 0;
  std::string legal_basis;
  std::string requested_by, confirmed_by;
  struct Answer {
    std::string agency;
    absl::Time at;
    event::v1::ErasureOutcome outcome = event::v1::ERASURE_OUTCOME_UNSPECIFIED;
    std::string legal_basis;     // with RETAINED
    std::string retained_until;  // with RETAINED
  };
  std::vector<Answer> answers;  // in order of time
};

// Each list oldest first.
struct Disclosures {
  CaseId case_id;
  std::string held_by;  // whose answer it is
  std::vector<PartySpan> parties;
  std::vector<Received> received;
  std::vector<Read> reads;
  std::vector<Act> corrections;
  std::vector<Act> erasure_acts;
  std::vector<Erasure> erasures;
  std::vector<std::string> logs;  // origins held here: of others' logs nothing is known
  std::vector<std::string> reads_known;  // agencies whose own record of reads is held here
  // Cases that are said to be of the same person (host::Persons), ascending: each has an answer of its own.
  // Filled by whoever may show it; FindDisclosures opens no section.
  std::vector<CaseId> linked = {};
};

// `agreement` judges who is a party, as the service folds it. NotFound: nothing is held of the case, no record of
// reads and no erasure. DataLoss: as History.
absl::StatusOr<Disclosures> FindDisclosures(Store& store, const CaseId& case_id,
                                            const config::v1::Agreement& agreement);

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_DISCLOSURES_H_
