// The service periods of a case as the referral events tell them (DOMAIN steps 4-8 and 13-14): when
// a period runs, whose it is, how it was interrupted and how it ended.
//
// Contradictions are resolved by what the facts say and who said it, not by when they arrived
// (DESIGN "causes"): an end beats every extension; the organiser's start or end beats the
// provider's; an interruption lasts until the first resumption on or after its first day, whichever
// was recorded first. Between equals the newest in merged order holds. Who was allowed to record
// what was decided where it was recorded, by the agreement of that time; a change of organisation
// must not unmake history (seed 003, Forssa), so roles are not asked again here.
#ifndef POLKU_SERVICES_CORE_PERIODS_H_
#define POLKU_SERVICES_CORE_PERIODS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/event/v1/common.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/service.h"
#include "services/core/successors.h"

namespace polku::service {

// One service period, resolved. Days are inclusive at both ends.
struct Period {
  // From `from` on, until the next stretch begins.
  struct Stretch {
    absl::CivilDay from;
    std::string provider_agency;  // empty: nobody named it
    std::string place_code;
    event::v1::Schedule schedule;
    EventId cause;
    // Who took the provider's place later (OrganiserTransferred), and from which day it has acted.
    std::map<std::string, absl::CivilDay, std::less<>> successors = {};
  };
  struct Interruption {
    absl::CivilDay from;                       // first day without service
    std::optional<absl::CivilDay> resumed_on;  // first day with service again
    EventId cause;
    EventId resumed_cause;
  };

  // The last day as now known; nullopt while open.
  std::optional<absl::CivilDay> LastDay() const;
  // Between the first and the last day, interruptions included.
  bool Spans(absl::CivilDay day) const;
  // The interruption that the day lies in, or null.
  const Interruption* InterruptedOn(absl::CivilDay day) const;
  // There is service on that day: attendance counts.
  bool Covers(absl::CivilDay day) const { return Spans(day) && InterruptedOn(day) == nullptr; }
  // The stretch that holds on that day; the first one for days before the start.
  const Stretch& On(absl::CivilDay day) const;
  // The agency is the provider of that day (unknown: any agency), or by `today` its successor.
  bool ServedBy(std::string_view agency, absl::CivilDay day,
                absl::CivilDay today = absl::CivilDay::max()) const;
  // The event that keeps the day outside: the end, the interruption or the start.
  EventId WhyOutside(absl::CivilDay day) const;

  std::string id;
  absl::CivilDay starts_on;
  absl::CivilDay first_started_on;  // rules with `started_from` go by it
  std::optional<absl::CivilDay> agreed_until;
  std::optional<absl::CivilDay> ended_on;
  EventId start_cause;
  EventId until_cause;  // what set agreed_until
  EventId end_cause;
  event::v1::Provision provision = event::v1::PROVISION_UNSPECIFIED;
  std::string municipality_code;
  std::vector<Stretch> stretches;  // ascending by `from`, never empty
  std::vector<Interruption> interruptions;
};

// Folds the referral events that make periods; ignores every other message. Facts with dates that
// do not exist tell no period anything.
class PeriodBook {
 public:
  void Fold(const Fact& fact);
  // Ascending by first day, then id. Only periods whose service is known to have started.
  std::vector<Period> Periods() const;
  // The newest author of an agreement or decision for the period; empty: not known.
  std::string_view DeciderOf(std::string_view period_id) const;
  const Successors& successors() const { return successors_; }
  // Any referral event was folded: the case is a client's, not a place's (case_sort.h).
  bool client_case() const { return client_case_; }

 private:
  template <typename T>
  struct Told {
    EventId id;
    std::string author;
    T message;
  };
  struct Agreement {
    std::string provider_agency;
    std::string place_code;
    std::string ends_on;
    event::v1::Schedule schedule;
    EventId id;
  };
  struct Facts {
    std::vector<Told<referral::v1::ServiceStarted>> starts;
    std::vector<Told<referral::v1::ServiceExtended>> extensions;
    std::vector<Told<referral::v1::ServiceChanged>> changes;
    std::vector<Told<referral::v1::ServiceInterrupted>> interruptions;
    std::vector<Told<referral::v1::ServiceResumed>> resumptions;
    std::vector<Told<referral::v1::ServiceEnded>> ends;
    std::optional<Agreement> agreement;
    std::string decider;
  };
  std::optional<Period> Resolve(const std::string& id, const Facts& facts) const;
  std::vector<Period::Stretch> HandedOver(const std::vector<Period::Stretch>& named) const;

  std::map<std::string, Facts, std::less<>> by_period_;
  std::map<std::string, std::string, std::less<>> target_of_referral_;
  Successors successors_;
  std::string municipality_code_;
  bool client_case_ = false;
};

// The period that a record of `author` about `date` belongs to: the named one; without a name the
// only period served by the author or its predecessor that spans the date, the latest begun where several do, and where none does
// the latest begun before it. Null: no such period is known.
const Period* PeriodFor(const std::vector<Period>& periods, std::string_view author,
                        std::string_view period_id, absl::CivilDay date);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_PERIODS_H_
