// The folded case of the compensation service. Internal to this room.
#ifndef POLKU_SERVICES_COMPENSATION_STATE_H_
#define POLKU_SERVICES_COMPENSATION_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "services/core/days.h"
#include "services/core/ledger.h"
#include "services/core/periods.h"
#include "services/core/service.h"

namespace polku::compensation {

struct Benefit {
  EventId id;
  event::v1::BenefitKind kind = event::v1::BENEFIT_KIND_UNSPECIFIED;  // unspecified: not shown here
  std::string payer;
  std::optional<absl::CivilDay> from;
  std::optional<absl::CivilDay> until;
};

// The employment authority's statement to the payer.
struct Statement {
  EventId id;
  std::string payer;      // whom it was given to; empty: every payer
  std::string period_id;  // empty: every period
  bool entitled = false;
  std::optional<absl::CivilDay> from;
  std::optional<absl::CivilDay> until;
};

// How the client travels, where the region lets that differ.
struct MeansChoice {
  std::string period_id;
  absl::CivilDay from;
  event::v1::TravelMeans means = event::v1::TRAVEL_MEANS_UNSPECIFIED;  // unspecified: not shown here
  uint32_t distance_metres = 0;
};

struct Perk {
  EventId id;
  std::string author;
  std::string period_id;
  event::v1::PerkKind kind = event::v1::PERK_KIND_UNSPECIFIED;
  std::optional<absl::CivilDay> given_on;
  std::optional<absl::CivilDay> valid_until;
  bool withdrawn = false;
};

struct Claim {
  EventId id;
  std::string claim_id;
  absl::CivilDay from;
  absl::CivilDay until;
  int64_t claimed_cents = 0;
  uint32_t distance_metres = 0;
  event::v1::TravelMeans means = event::v1::TRAVEL_MEANS_UNSPECIFIED;
  uint32_t receipts = 0;
  bool rejected = false;
};

struct State : service::CaseState {
  service::PeriodBook periods;
  service::DayBook days;
  std::vector<Benefit> benefits;  // in merged order, as all below
  std::vector<Statement> statements;
  // The standing flags by period, day and code, each by its author.
  std::map<std::tuple<std::string, absl::CivilDay, attendance::v1::BreachCode>,
           std::map<std::string, EventId>>
      breaches;
  service::Ledger ledger;
  std::vector<Perk> perks;
  std::vector<Claim> claims;
  std::vector<MeansChoice> choices;
};

void Fold(State& state, const service::Fact& fact);

// How travel is paid on a day.
struct TravelTerms {
  const config::v1::TravelRule* rule = nullptr;  // null: not at all, not known, or its amount is out of range
  // What a day, or a card, gives; nullopt: no amount can be known without a claim (actual costs, or kilometres of which
  // nobody told the distance).
  std::optional<int64_t> cents;
};
// By the rule for the period's municipality, the area's own before the region's; of several the one for the means that
// the client chose.
TravelTerms TravelTermsOn(const State& state, const config::v1::Profile& profile,
                          const service::Period& period, absl::CivilDay day);
// The rules that hold there on that day.
std::vector<const config::v1::TravelRule*> TravelRulesOn(const config::v1::Profile& profile,
                                                         const service::Period& period,
                                                         absl::CivilDay day);
bool ByKilometre(const config::v1::TravelRule& rule);

// The day's provider flagged that breach of it, and the flag stands. Null: no. Borrowed.
const EventId* Flag(const State& state, const service::Day& day, attendance::v1::BreachCode code);
// The standing flag that keeps the day's money away: its record contradicts itself, or the breach is one of
// IntensityRule.unpaid_breaches. Null: none. Borrowed.
const EventId* UnpaidFlag(const State& state, const service::Day& day);
// The day counts for money and travel: there, in service, within the weekly maximum, and without such a flag.
bool Counts(const State& state, const service::Day& day);

// The dates of `days` whose journey a standing grant for a claim pays: in its period and range the client was there.
std::set<absl::CivilDay> ClaimedDates(const State& state, const std::vector<service::Day>& days);

// The perk was given for that period, or for another one of `periods`: periods that run at one time share what comes
// at a start.
bool SharesPerk(const Perk& perk, const std::vector<service::Period>& periods,
                const service::Period& period);

std::optional<service::Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                            const service::Rules& rules, absl::CivilDay today);

std::vector<service::Duty> DutiesOf(const State& state, const service::Rules& rules,
                                    absl::CivilDay today);

std::optional<absl::CivilDay> NextDutyDay(const State& state, const service::Rules& rules,
                                          absl::CivilDay today);

}  // namespace polku::compensation

#endif  // POLKU_SERVICES_COMPENSATION_STATE_H_
