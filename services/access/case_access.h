// The part of a case that every service keeps beside its own state: who the parties are, what was asked to be
// corrected, and, in an access stream, what was asked to be erased. Pure fold and decisions over the events of
// polku.access.v1, as services/core/service.h has them for the domain; the host calls both.
#ifndef POLKU_SERVICES_ACCESS_CASE_ACCESS_H_
#define POLKU_SERVICES_ACCESS_CASE_ACCESS_H_

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/access/v1/access.pb.h"
#include "services/access/policy.h"
#include "services/core/service.h"
#include "services/core/successors.h"

namespace polku::access {

// The stream of a case's reads and erasures: the first 16 bytes of SHA-256("polku/access-stream/v1" 00 ‖ case id).
// Of the all-zero case id: the stream of reads of no one case.
CaseId AccessStreamOf(const CaseId& case_id);
// Types that belong in an access stream and nowhere else; and all types that every service takes.
bool BelongsInAccessStream(std::string_view type);
const std::vector<std::string_view>& AccessEventTypes();

class CaseAccess {
 public:
  // Facts of any type, in merged order. `own_origin` names the service that decides, whatever the epoch of its
  // log. A log says of itself who wrote its entries, so who takes part changes by the own log's facts and by those
  // of logs whose agency is a party already, or in whose log the case began. A case that is not known here begins with
  // an entry of the own log, or of an agency that organises: may publish PartyAdded by the agreement on the day of
  // recording. So nobody who has heard of a case id becomes a party by its own log's word. Of these count PartyAdded and PartyRemoved whose author may publish them that day, or
  // (PartyRemoved) is the agency itself, which its own log may say in any case; and the services' own (reason
  // NAMED_IN_EVENT) where the log's agency may have said so: `policy` judges, by its publishings or by the event
  // of the same log that named the agency; PartyRemoved with REFERRAL_ENDED of a party that only naming in that log's
  // service had made. What a service carried over (reason CARRIED_OVER) holds for it alone.
  // First party is the author of the first entry in the own log or an organiser's, where it is that log's agency
  // or may itself publish that type.
  // Reads and erasures are told by their types, fact by fact: those of other logs make no stream an access
  // stream, and in the own service's access stream nothing else changes anything.
  void Evolve(const service::Fact& fact, const Policy& policy, std::string_view own_origin);

  const Parties& parties() const { return parties_; }
  // Whether what that agency's log says of the case's matter is to be taken in: it is or was a party, or the case
  // began in its log; all are, as long as the case is not known here. Of the own log do not ask.
  bool TakesTheWordOf(std::string_view log_agency) const;
  // The first party while no PartyAdded names it; empty when one does.
  const std::string& unnamed_first() const { return unnamed_first_; }
  bool known() const { return known_; }  // the entry that has made its author the first party is on record here
  bool is_access_stream() const { return access_stream_; }  // the own service has recorded a read or erasure in it

  // PartyAdded that are in force and the first entry of the case while its author is a party: whose later
  // disclosure in the own log has to be looked at. For where two agencies begin a case at once, each log
  // has entries of before it knew the first party.
  struct PartyEvent {
    std::string origin;  // of the log that says so: an id alone any log may use again
    EventId id;
    friend auto operator<=>(const PartyEvent&, const PartyEvent&) = default;
  };
  struct Added {
    std::string agency;
    Order order;
    bool named = false;  // by an event alone (NAMED_IN_EVENT), not by an official's act
  };
  const std::map<PartyEvent, Added>& added() const { return added_; }
  // The agency is a party, and only events of the service of `origin` that name it have made it one.
  bool OnlyNamedBy(std::string_view origin, std::string_view agency) const;
  // Those that a Disclosed of that log has answered.
  bool Answered(std::string_view origin, const PartyEvent& party_event) const;
  // PartyAdded for each party that no log of the service of `own_origin` names: what it has to say itself before what
  // names them is erased. Ascending by agency; again after they were folded: none.
  std::vector<v1::PartyAdded> ToCarryOver(std::string_view own_origin, absl::CivilDay today) const;

  // Who acts for whom after OrganiserTransferred of authors that may publish them, in logs whose word counts.
  const service::Successors& successors() const { return successors_; }

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
    // Of the ErasureConfirmed: what its log holds from there on was recorded later and is not meant.
    Order confirmed_at;
  };
  // Of requests in that log, by the request's event id.
  const std::map<EventId, Erasure>* erasures(std::string_view origin) const;

 private:
  void EvolveStream(const service::Fact& fact, std::string_view log_agency);
  void EvolveParties(const service::Fact& fact, const Policy& policy, std::string_view own_origin);

  bool known_ = false;
  bool access_stream_ = false;
  std::string began_;  // whose log has the entry that made the first party
  Parties parties_, were_parties_;  // now, and ever
  std::string unnamed_first_;
  // By an event of a service, whatever the epoch, as the party rules have it.
  std::map<std::pair<std::string, EventId>, Parties> named_;
  service::Successors successors_;
  std::map<PartyEvent, Added> added_;
  std::map<std::string, std::set<PartyEvent>, std::less<>> answered_;
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
  // The entry that a domain event takes the place of, by `corrects`, its body or the domain, in any log.
  struct Corrected {
    std::string author, type;
  };
  std::optional<Corrected> corrected = {};
  // Of an ErasureRequested or ErasureConfirmed: the own log holds something of the case that the tier takes.
  bool something_to_erase = false;
  // Of an ErasureRequested that names a rule: how long the profile's rules keep the case; none: it is not closed here.
  std::optional<absl::CivilDay> kept_until = {};
  absl::CivilDay rule_day = {};  // on which that is judged
};
// Whether an event of `type` may take the place of one of type `corrected`: of the same, or as a domain has it.
bool TakesThePlaceOf(std::string_view type, std::string_view corrected);

// Refusals (code: meaning), of kind NOT_ENTITLED where `not_entitled`:
//   not_in_agreement   no line lets this author publish this type today            (not entitled)
//   not_a_party        the case is known here and the author is not a party of it  (not entitled)
//   not_offered        the service alone says this (Disclosed; PartyAdded with NAMED_IN_EVENT or CARRIED_OVER;
//                      PartyRemoved with REFERRAL_ENDED)
//   not_corrected      what moves money, or claims it, is taken back by an event of its own and said anew
//   own_agency_only    reads and erasures, and what moves money (MovesMoney): at the author's own service (not entitled)
//   key_may_not, official_not_bound, same_official   reads and erasures (not entitled)
//   not_the_author     of the entry that a CorrectionDecided is about             (not entitled)
//   not_its_correction  the entry to be corrected is another agency's, or of a type that this one cannot
//                      take the place of; the log's agency may correct any author's    (not entitled)
//   wrong_stream, unknown_agency, already_a_party, not_yet_a_party, unknown_request, already_decided,
//   nothing_to_erase   the own log holds nothing of the case that the tier takes, or not any more
//   rule_not_due       it names a rule, and the case is not closed here or the profile's rules keep it still
//   unknown_rule       an ErasureRequested names none of the profile's retention rules
//   missing_purpose, missing_legal_basis, missing_reason, missing_official, personal_data, unknown_corrected_event
//   of polku.access.v1, what is accepted so far: those of service::CheckConventions
// Reads and erasures are judged by the rights of the key, not by the agreement: they are duties of whose log it is.
struct Refused {
  service::Refusal refusal;
  bool not_entitled = false;
};
std::optional<Refused> DecideAccess(const CaseAccess& access, const Question& question,
                                    const Policy& policy, const service::Rules& rules,
                                    absl::CivilDay today);

// Parties that the event names and the case does not have yet: PartyAdded events to be appended with it, in
// order. `event_id`: of the event that names them, `author`: of it, after it was folded. None where the author is
// neither a party nor the own agency: who only corrects what it wrote once names nobody.
std::vector<v1::PartyAdded> PartiesToAdd(const CaseAccess& access,
                                         const google::protobuf::Message& event,
                                         const EventId& event_id, std::string_view author,
                                         std::string_view own_agency, const Policy& policy,
                                         absl::CivilDay today);

// PartyRemoved (REFERRAL_ENDED) of those of `agencies` whom nothing made a party but events of the service of
// `own_origin` that name them; to be appended with the event that left them without part.
std::vector<v1::PartyRemoved> PartiesToRemove(const CaseAccess& access,
                                              const std::vector<std::string>& agencies,
                                              std::string_view own_origin, absl::CivilDay today);

}  // namespace polku::access

#endif  // POLKU_SERVICES_ACCESS_CASE_ACCESS_H_
