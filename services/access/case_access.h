// The part of a case that every service keeps beside its own state: who the parties are, what was asked to be
// corrected, and, in an access stream, what was asked to be erased. Pure fold and decisions over the events of
// polku.access.v1, as services/core/service.h has them for the domain; the host calls both.
#ifndef POLKU_SERVICES_ACCESS_CASE_ACCESS_H_
#define POLKU_SERVICES_ACCESS_CASE_ACCESS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/access/v1/access.pb.h"
#include "services/access/policy.h"
#include "services/core/service.h"

namespace polku::access {

// The stream of a case's reads and erasures: the first 16 bytes of SHA-256("polku/access-stream/v1" 00 ‖ case id).
// Of the all-zero case id: the stream of reads of no one case.
CaseId AccessStreamOf(const CaseId& case_id);
// Types that belong in an access stream and nowhere else; and all types that every service takes.
bool BelongsInAccessStream(std::string_view type);
const std::vector<std::string_view>& AccessEventTypes();

// SHA-256("polku/fence/v1" 00 ‖ case id): by this an erased case is known again without its id.
Hash FenceOf(const CaseId& case_id);

class CaseAccess {
 public:
  // Facts of any type, in merged order. Of PartyAdded and PartyRemoved count those whose author may publish
  // them by the agreement on the day of recording, or (PartyRemoved) is the agency itself, and the services' own
  // (reason NAMED_IN_EVENT) where the log's agency may have said so: `policy` judges, by its publishings or by
  // the event that named the agency, when that is on record here. The author of the first entry of the case is
  // its first party.
  void Evolve(const service::Fact& fact, const Policy& policy);

  const Parties& parties() const { return parties_; }
  bool known() const { return known_; }  // some entry of the case is on record here
  bool is_access_stream() const { return access_stream_; }  // its first entry belongs in one

  // PartyAdded that are in force, by event id: whose later disclosure in the own log has to be looked at.
  struct Added {
    std::string agency;
    Order order;
  };
  const std::map<EventId, Added>& added() const { return added_; }
  // Those that a Disclosed of that log has answered.
  bool Answered(std::string_view origin, const EventId& party_event) const;

  struct Correction {
    std::string origin;      // of the log that holds the wrong entry
    EventId corrected;
    std::string requested_by_agency;
    v1::CorrectionResult result = v1::CORRECTION_RESULT_UNSPECIFIED;  // open
    EventId correcting;
  };
  const std::map<EventId, Correction>& corrections() const { return corrections_; }

  struct Erasure {
    CaseId case_id;
    event::v1::ErasureTier tier;
    std::string legal_basis;
    std::string requested_by, confirmed_by;  // officials
    bool confirmed = false, cancelled = false;
  };
  // Of requests in that log, by the request's event id.
  const std::map<EventId, Erasure>* erasures(std::string_view origin) const;

 private:
  void EvolveStream(const service::Fact& fact, std::string_view log_agency);

  bool known_ = false;
  bool access_stream_ = false;
  Parties parties_;
  std::map<EventId, Parties> named_;  // by an event, as the party rules have it
  std::map<EventId, Added> added_;
  std::map<std::string, std::set<EventId>, std::less<>> answered_;
  std::map<EventId, Correction> corrections_;
  std::map<std::string, std::map<EventId, Erasure>, std::less<>> erasures_;
};

// Of an offered event, whatever its type, before the domain's Decide.
struct Question {
  const service::Offer& offer;
  CaseId stream;             // where it is to be appended
  std::string_view own_origin;
  bool may_operate = false;  // rights of the key that offered it
  bool may_erase = false;
  bool official_bound = false;  // the key speaks for one official only
  // The author of the entry that this one corrects or speaks of, where that is in the own log and this case:
  // of `corrects`, of a CorrectionRequested that names the own origin, and of the entry that the request named by
  // a CorrectionDecided was about. Empty: there is none.
  std::string corrected_author = {};
  bool corrects = false;  // the offer names an entry that it corrects
};
// Refusals (code: meaning), of kind NOT_ENTITLED where `not_entitled`:
//   not_in_agreement   no line lets this author publish this type today            (not entitled)
//   not_a_party        the case is known here and the author is not a party of it  (not entitled)
//   not_offered        the service alone says this (Disclosed; PartyAdded with NAMED_IN_EVENT)
//   own_agency_only, key_may_not, official_not_bound, same_official   reads and erasures (not entitled)
//   not_the_author     of the entry that a CorrectionDecided is about             (not entitled)
//   wrong_stream, unknown_agency, already_a_party, not_yet_a_party, unknown_request, already_decided,
//   missing_purpose, missing_legal_basis, missing_reason, missing_official, personal_data, unknown_corrected_event
// Reads and erasures are judged by the rights of the key, not by the agreement: they are duties of whose log it is.
struct Refused {
  service::Refusal refusal;
  bool not_entitled = false;
};
std::optional<Refused> DecideAccess(const CaseAccess& access, const Question& question,
                                    const Policy& policy, const service::Rules& rules,
                                    absl::CivilDay today);

// Parties that the event names and the case does not have yet: PartyAdded events to be appended with it, in
// order. `event_id`: of the event that names them.
std::vector<v1::PartyAdded> PartiesToAdd(const CaseAccess& access,
                                         const google::protobuf::Message& event,
                                         const EventId& event_id, const Policy& policy,
                                         absl::CivilDay today);

}  // namespace polku::access

#endif  // POLKU_SERVICES_ACCESS_CASE_ACCESS_H_
