// The contract of a domain service: pure functions over one case's history. No clock, no I/O, no
// sockets, no store: services/host supplies facts and `today`, and appends what comes out.
//
// A domain event is one protobuf message whose fields belong to sections (event.proto). A reader
// sees only the fields of the sections it is entitled to; so a service treats an absent field as
// "not known here" and never as "not so".
#ifndef POLKU_SERVICES_CORE_SERVICE_H_
#define POLKU_SERVICES_CORE_SERVICE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/message.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/config/v1/profile.pb.h"

namespace polku::service {

// One entry of a case as this agency may see it. Borrowed; valid during the call only.
struct Fact {
  EventId id;
  CaseId case_id;
  std::string_view origin;  // "<agency>/<service>/<epoch>"
  Position position;
  Order order;
  absl::Time recorded_at;
  std::string_view author_agency;
  std::string_view author_official;  // may be empty
  const google::protobuf::Message& body;  // the visible sections merged
  // The entry of the same log that this one takes the place of; zero: none. That one was no fact, where its type gives
  // way (standing.h).
  EventId corrects = {};
};

// An event that an author asks this service to append. Borrowed; valid during the call only.
struct Offer {
  EventId id;
  CaseId case_id;
  std::string_view author_agency;  // authenticated by the transport, never taken from the content
  std::string_view author_official;
  const google::protobuf::Message& body;
  // The event that it takes the place of; zero: none. Where its type gives way (standing.h), the state that the offer is
  // judged on is that of the case without it.
  EventId corrects = {};
};

// What the decision rests on besides the history: the dated rules and who is who.
struct Rules {
  const config::v1::Profile& profile;
  const config::v1::Agreement& agreement;
  std::string_view own_agency;
  // The agency has that role in the agreement.
  bool HasRole(std::string_view agency, config::v1::AgencyRole role) const;
};

// The author asked for something that may not be. A value, not an error: it is the answer.
struct Refusal {
  std::string code;     // stable, lower_snake, e.g. "illegal_transition"; for machines
  std::string message;  // says what to do; no personal data
};

// An event that the rules say must be recorded now. The host derives the event id from
// (own agency, service, key, generation): appending a duty again is a repeat, not a second effect.
struct Duty {
  std::string key;          // rule + case-local day or period, e.g. "expense_allowance/2025-03-03"
  uint32_t generation = 1;  // 1, then one more after each reversal of the same key
  std::unique_ptr<google::protobuf::Message> event;
};

class CaseState {
 public:
  virtual ~CaseState() = default;
};

class Service {
 public:
  virtual ~Service() = default;

  // "referral", "attendance", … : the third part of the origin's name.
  virtual std::string_view name() const = 0;

  // Full names of the message types that this service accepts as offers or appends as duties.
  virtual std::vector<std::string_view> event_types() const = 0;

  virtual std::unique_ptr<CaseState> NewState(CaseId case_id) const = 0;

  // Folds one fact. Total: whatever peers recorded and may say (access::Policy::Counts, the host asks) is taken in, a
  // fact that contradicts the state is kept as a flagged breach, never dropped. Facts come in merged order (order, origin,
  // position) and each once; the host refolds from the start when a late one arrives.
  virtual void Evolve(CaseState& state, const Fact& fact) const = 0;

  // nullopt: append the offer as it is. Must not depend on anything but its arguments.
  virtual std::optional<Refusal> Decide(const CaseState& state, const Offer& offer,
                                        const Rules& rules, absl::CivilDay today) const = 0;

  // The event on record that the offer takes the place of, where the offer itself does not say: whoever got that one
  // must get this one, too. nullopt: none, or the offer says. Total, as Evolve is: asked before Decide.
  virtual std::optional<EventId> Corrects(const CaseState&, const Offer&, const Rules&) const {
    return std::nullopt;
  }

  // Agencies that this event, folded into the state already, leaves without any part in the case, although an earlier one
  // had named them: the host ends their being a party, where nothing but such naming had made them one. Ascending.
  virtual std::vector<std::string> LeftWithoutPart(const CaseState&,
                                                   const google::protobuf::Message&) const {
    return {};
  }

  // What the rules call for by `today` and the state does not hold yet, in a stable order.
  virtual std::vector<Duty> Due(const CaseState& state, const Rules& rules,
                                absl::CivilDay today) const = 0;

  // The first day after `today` on which Due could return something without a new fact; nullopt
  // when no such day is known.
  virtual std::optional<absl::CivilDay> NextDueDay(const CaseState& state, const Rules& rules,
                                                   absl::CivilDay today) const = 0;
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_SERVICE_H_
