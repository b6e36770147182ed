#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "eventstore/base/money.h"
#include "eventstore/base/status.h"
#include "services/compensation/state.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/finnish_ids.h"
#include "services/core/message_cast.h"
#include "services/core/money_limits.h"
#include "services/core/offer_checks.h"

namespace polku::compensation {
namespace {

using service::As;
using service::Grant;
using service::ParseDate;
using service::Payment;
using service::PaymentStatus;
using service::Period;
using service::Posting;
using service::Refusal;

using Answer = std::optional<Refusal>;

Refusal Refuse(std::string code, std::string message) {
  return Refusal{std::move(code), std::move(message)};
}

class Decision {
 public:
  Decision(const State& state, const service::Offer& offer, const service::Rules& rules,
           absl::CivilDay today)
      : state_(state),
        offer_(offer),
        rules_(rules),
        today_(today),
        periods_(state.periods.Periods()) {}

  // ---- Payments ----

  Answer On(const v1::PaymentProposed& event) {
    if (Answer no = Payer()) return no;
    if (event.payment_id().empty()) return Refuse("missing_id", "give payment_id a label");
    if (state_.ledger.FindPayment(offer_.author_agency, event.payment_id()) != nullptr) {
      return Refuse("payment_exists",
                    "this agency has a payment of that id in this case; choose another label");
    }
    const auto from = ParseDate(event.covers_from());
    const auto until = ParseDate(event.covers_until());
    if (!from || !until) return Refuse("missing_date", "give covers_from and covers_until");
    if (*until < *from) return Refuse("bad_range", "covers_until is before covers_from");
    if (*until > today_) return Refuse("future_day", "a payment covers days that are over");
    if (!service::IsValidIban(event.iban())) {
      return Refuse("bad_iban",
                    "give the account as an IBAN in capitals without spaces; its check digits do "
                    "not hold or it is missing");
    }
    if (!event.reference_number().empty() &&
        !service::IsValidReferenceNumber(event.reference_number())) {
      return Refuse("bad_reference_number",
                    "the reference number's check digit does not hold; 4 to 20 digits, no spaces");
    }
    return Lines(event, *from, *until);
  }

  Answer On(const v1::PaymentApproved& event) {
    const Payment* payment = nullptr;
    if (Answer no = Known(event.payment_id(), payment)) return no;
    if (payment->status != PaymentStatus::kProposed) return Illegal("proposed");
    if (Answer no = Happened(event.approved_on(), "approved_on")) return no;
    if (payment->proposer == offer_.author_official) {
      return Refuse("same_official", "the official who proposed a payment may not approve it");
    }
    if (event.total_cents() != payment->total_cents) {
      return Refuse("total_mismatch", "total_cents is not the proposed sum");
    }
    return Unchanged(*payment);
  }

  Answer On(const v1::PaymentPaid& event) {
    const Payment* payment = nullptr;
    if (Answer no = Known(event.payment_id(), payment)) return no;
    if (payment->status != PaymentStatus::kApproved) return Illegal("approved");
    if (Answer no = Happened(event.paid_on(), "paid_on")) return no;
    if (payment->approved_on && *ParseDate(event.paid_on()) < *payment->approved_on) {
      return Refuse("bad_range", "paid_on is before the approval");
    }
    if (event.total_cents() != payment->total_cents) {
      return Refuse("total_mismatch", "total_cents is not the approved sum");
    }
    return Unchanged(*payment);
  }

  Answer On(const v1::PaymentRejected& event) {
    const Payment* payment = nullptr;
    if (Answer no = Known(event.payment_id(), payment)) return no;
    if (payment->status != PaymentStatus::kProposed &&
        payment->status != PaymentStatus::kApproved) {
      return Illegal("proposed or approved");
    }
    if (Answer no = Happened(event.rejected_on(), "rejected_on")) return no;
    return Reason(event.reason());
  }

  Answer On(const v1::PaymentReversed& event) {
    const Payment* payment = nullptr;
    if (Answer no = Known(event.payment_id(), payment)) return no;
    if (payment->status != PaymentStatus::kPaid) return Illegal("paid");
    // What was paid by two comes back by two: else who proposed it could, alone, have its days proposed again.
    if (payment->proposer == offer_.author_official) {
      return Refuse("same_official",
                    "the official who proposed a payment may not reverse it; another one does");
    }
    if (Answer no = Happened(event.reversed_on(), "reversed_on")) return no;
    if (payment->paid_on && *ParseDate(event.reversed_on()) < *payment->paid_on) {
      return Refuse("bad_range", "reversed_on is before the payment was paid (paid_on)");
    }
    if (Answer no = Reason(event.reason())) return no;
    if (event.amount_cents() <= 0) return Refuse("missing_amount", "give amount_cents above 0");
    const int64_t left = payment->total_cents - payment->reversed_cents;
    if (event.amount_cents() == left) return std::nullopt;
    // As the ledger settles it: by the day of the reversal, on which the money may have been another's yet.
    const int64_t taken_away = service::Sum(state_.ledger.Unsettled(
        offer_.author_agency, payment->from, payment->until, *ParseDate(event.reversed_on())));
    if (event.amount_cents() < left && taken_away < 0 && event.amount_cents() == -taken_away) {
      return std::nullopt;
    }
    return Refuse("amount_mismatch",
                  "reverse all that is left of the payment, or exactly what has been reversed of "
                  "its days since it was proposed");
  }

  // ---- Travel ----

  Answer On(const v1::TravelMeansChosen& event) {
    if (Answer no = Social()) return no;
    if (periods_.empty()) return NotStarted();
    const Period* period = FindPeriod(event.period_id());
    if (period == nullptr) return UnknownPeriod();
    const auto from = ParseDate(event.chosen_from());
    if (!from) return Refuse("missing_date", "give the first day that it holds for (chosen_from)");
    if (!period->Spans(*from)) return Refuse("outside_period", "chosen_from is not in that period");
    if (event.means() == event::v1::TRAVEL_MEANS_UNSPECIFIED) {
      return Refuse("missing_kind", "say by which means (payment section)");
    }
    const auto rules = TravelRulesOn(rules_.profile, *period, *from);
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto* candidate) {
      return candidate->means() == event.means();
    });
    if (rule == rules.end()) {
      return Refuse("means_not_offered",
                    "the region's profile pays no travel by those means there on that day");
    }
    if (ByKilometre(**rule) != (event.distance_metres() > 0)) {
      return Refuse("bad_distance",
                    ByKilometre(**rule)
                        ? "those means are paid by the kilometre: give the day's journey there and "
                          "back in metres (distance_metres)"
                        : "the distance matters by the kilometre alone; leave it out");
    }
    if (event.distance_metres() > service::kMaxDayMetres) {
      return Refuse("amount_out_of_range",
                    Str("distance_metres is of one day, there and back: at most ",
                        service::kMaxDayMetres));
    }
    return std::nullopt;
  }

  Answer On(const v1::TravelClaimed& event) {
    const bool may = Has(config::v1::AGENCY_ROLE_SOCIAL_SERVICES) ||
                     Has(config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES) ||
                     Has(config::v1::AGENCY_ROLE_PROVIDER);
    if (!may) {
      return Refuse("wrong_actor",
                    "only a client's worker at social services, employment services or the "
                    "provider files a claim");
    }
    if (event.claim_id().empty()) return Refuse("missing_id", "give claim_id a label");
    if (FindClaim(event.claim_id()) != nullptr) {
      return Refuse("claim_exists", "this case has a claim of that id; choose another label");
    }
    const auto from = ParseDate(event.travelled_from());
    const auto until = ParseDate(event.travelled_until());
    if (!from || !until) return Refuse("missing_date", "give travelled_from and travelled_until");
    if (*until < *from) return Refuse("bad_range", "travelled_until is before travelled_from");
    if (*until > today_) return Refuse("future_day", "claim journeys that have been made");
    if (periods_.empty()) return NotStarted();
    const auto period = std::find_if(
        periods_.begin(), periods_.end(),
        [&](const Period& candidate) { return candidate.Spans(*from) && candidate.Spans(*until); });
    if (period == periods_.end()) {
      return Refuse("outside_period", "no service period covers both days; one claim per period");
    }
    const TravelTerms terms = TravelTermsOn(state_, rules_.profile, *period, *from);
    const auto* rule = terms.rule;
    if (rule == nullptr || terms.cents) {
      return Refuse("claims_not_used", "this region does not pay travel by claims on those days");
    }
    absl::CivilDay claimed_on = today_;
    if (!event.claimed_on().empty()) {
      if (Answer no = Happened(event.claimed_on(), "claimed_on")) return no;
      claimed_on = *ParseDate(event.claimed_on());
      if (claimed_on < *until) {
        return Refuse("bad_range", "claimed_on is before travelled_until: claim journeys that have "
                                   "been made");
      }
    }
    if (rule->claim_within_days() != 0 &&
        claimed_on - *until > static_cast<int64_t>(rule->claim_within_days())) {
      return Refuse("claim_too_late",
                    Str("a claim is due within ", rule->claim_within_days(),
                        " days of its last journey (travelled_until), counted to ",
                        event.claimed_on().empty() ? "today; where the client claimed earlier, give "
                                                     "that day (claimed_on)"
                                                   : "claimed_on; leave out the journeys that are "
                                                     "older"));
    }
    if (event.claimed_cents() <= 0) {
      return Refuse("missing_amount", "give claimed_cents above 0 (payment section)");
    }
    return std::nullopt;
  }

  Answer On(const v1::TravelClaimRejected& event) {
    if (Answer no = Social()) return no;
    const Claim* claim = nullptr;
    if (Answer no = OpenClaim(event.claim_id(), claim)) return no;
    if (Answer no = Happened(event.rejected_on(), "rejected_on")) return no;
    return Reason(event.reason());
  }

  Answer On(const v1::TravelGranted& event) {
    if (Answer no = Social()) return no;
    if (event.claim_id().empty()) return ByTheService();
    const Claim* claim = nullptr;
    if (Answer no = OpenClaim(event.claim_id(), claim)) return no;
    const Period* period = FindPeriod(event.period_id());
    if (period == nullptr) return UnknownPeriod();
    const auto from = ParseDate(event.covers_from());
    const auto until = ParseDate(event.covers_until());
    if (!from || !until) return Refuse("missing_date", "give covers_from and covers_until");
    if (*until < *from || *from < claim->from || claim->until < *until) {
      return Refuse("bad_range", "the days granted must lie within the days claimed");
    }
    if (!event.cause_event_id().empty() && event.cause_event_id() != claim->id.view()) {
      return Refuse("unknown_claim", "cause_event_id is not the event of that claim");
    }
    const TravelTerms terms = TravelTermsOn(state_, rules_.profile, *period, *from);
    const auto* rule = terms.rule;
    if (rule == nullptr || terms.cents) {
      return Refuse("claims_not_used", "this region does not pay travel by claims on those days");
    }
    if (event.mode() != rule->mode()) {
      return Refuse("mode_mismatch", Str("the profile's mode of those days is ",
                                         event::v1::TravelMode_Name(rule->mode())));
    }
    if (event.has_rule() &&
        (event.rule().id() != rule->id() || event.rule().version() != rule->version())) {
      return Refuse("wrong_rule", "another version of the travel rule holds on those days");
    }
    if (event.amount_cents() <= 0) return Refuse("missing_amount", "give amount_cents above 0");
    if (event.amount_cents() > claim->claimed_cents) {
      return Refuse("amount_over_claim", "more than was claimed cannot be granted");
    }
    if (rule->mode() == event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS && claim->receipts == 0 &&
        IsFare(claim->means)) {
      return Refuse("no_receipt",
                    "actual fares are paid by receipt, and the claim has none; reject it, or have it "
                    "claimed anew with its receipts");
    }
    if (rule->cents_per_kilometre() > 0) {
      // Both factors fit: 32 bits of metres, and a rate that is a checked profile's.
      const int64_t most = static_cast<int64_t>(claim->distance_metres) *
                           std::min<int64_t>(rule->cents_per_kilometre(), 1'000'000) / 1000;
      if (event.amount_cents() > most) {
        return Refuse("amount_over_rate", "more than the claimed distance at the profile's rate");
      }
    }
    const auto days = state_.days.Days(periods_, rules_.profile);
    const auto claimed = ClaimedDates(state_, days);
    bool attended = false;
    for (const service::Day& day : days) {
      if (day.period != period || day.date < *from || *until < day.date || !Counts(state_, day)) {
        continue;
      }
      attended = true;
      if (claimed.contains(day.date) || GrantedUnasked(day.date)) {
        return Refuse("days_already_granted",
                      Str("the journey of ", service::FormatDate(day.date),
                          " has been granted; grant the days before or after it, or reverse that "
                          "grant, or reject this claim"));
      }
    }
    if (!attended) {
      return Refuse("no_attended_day", "no attended day that counts is recorded in that time");
    }
    return std::nullopt;
  }

  Answer On(const v1::TravelReversed& event) {
    if (Answer no = Social()) return no;
    const auto grant = std::find_if(
        state_.ledger.grants().begin(), state_.ledger.grants().end(),
        [&](const Grant& known) {
          return known.id.view() == event.reversed_event_id() && Settles(known.author);
        });
    if (grant == state_.ledger.grants().end() ||
        !Settles(grant->author)) {
      return Refuse("unknown_grant", "reversed_event_id is no TravelGranted of this agency");
    }
    // What the service granted, it takes back when the days change; by hand it would grant it
    // again.
    if (grant->claim_id.empty()) return ByTheService();
    if (grant->reversed) return Refuse("already_reversed", "that grant has been reversed");
    if (event.amount_cents() != grant->cents) {
      return Refuse("amount_mismatch", "a grant is reversed whole: repeat its amount");
    }
    return std::nullopt;
  }

  // ---- Perks ----

  Answer On(const v1::PerkGiven& event) {
    if (event.kind() == event::v1::PERK_KIND_UNSPECIFIED) {
      return Refuse("missing_kind", "say which perk (field kind)");
    }
    if (Answer no = Happened(event.given_on(), "given_on")) return no;
    const absl::CivilDay given_on = *ParseDate(event.given_on());
    if (periods_.empty()) return NotStarted();
    const Period* period = FindPeriod(event.period_id());
    if (period == nullptr) return UnknownPeriod();
    if (!Has(config::v1::AGENCY_ROLE_SOCIAL_SERVICES) &&
        (period->On(given_on).provider_agency.empty() ||
         !period->ServedBy(offer_.author_agency, given_on, today_))) {
      return Refuse("wrong_actor", "social services or the period's provider give perks");
    }
    if (!period->Spans(given_on)) {
      return Refuse("outside_period", "given_on is not in that period");
    }
    if (const auto until = ParseDate(event.valid_until()); until && *until < given_on) {
      return Refuse("bad_range", "valid_until is before given_on");
    }
    const auto* rule = service::FindRule(
        rules_.profile.perks(), given_on, period->first_started_on, [&](const auto& candidate) {
          const auto& places = candidate.provisions();
          return candidate.kind() == event.kind() &&
                 (places.empty() ||
                  std::find(places.begin(), places.end(), period->provision) != places.end());
        });
    if (rule == nullptr) {
      return Refuse("perk_not_offered", "the region's profile has no such perk on that day");
    }
    if (rule->occasion() == config::v1::PERK_OCCASION_ATTENDED_DAY) {
      return Refuse("perk_not_offered",
                    "this perk comes with each attended day and is not recorded by itself");
    }
    bool ever = false;
    for (const Perk& perk : state_.perks) {
      if (perk.kind != event.kind() || !SharesPerk(perk, periods_, *period)) continue;
      ever = true;
      if (!perk.withdrawn && (!perk.valid_until || given_on <= *perk.valid_until)) {
        return Refuse("perk_already_given", "the client has this perk; withdraw it first");
      }
    }
    if (!ever && rule->occasion() == config::v1::PERK_OCCASION_AT_START) return ByTheService();
    return std::nullopt;
  }

  Answer On(const v1::PerkWithdrawn& event) {
    if (event.kind() == event::v1::PERK_KIND_UNSPECIFIED) {
      return Refuse("missing_kind", "say which perk (field kind)");
    }
    const Perk* given = nullptr;
    for (const Perk& perk : state_.perks) {
      if (perk.period_id == event.period_id() && perk.kind == event.kind() && !perk.withdrawn) {
        given = &perk;
      }
    }
    if (given == nullptr ||
        (!event.given_event_id().empty() && event.given_event_id() != given->id.view())) {
      return Refuse("perk_not_given", "the client does not have that perk in that period");
    }
    if (given->author != offer_.author_agency && !Has(config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) {
      return Refuse("wrong_actor", "social services or the agency that gave the perk withdraws it");
    }
    if (Answer no = Happened(event.withdrawn_on(), "withdrawn_on")) return no;
    if (given->given_on && *ParseDate(event.withdrawn_on()) < *given->given_on) {
      return Refuse("bad_range", "withdrawn_on is before the perk was given");
    }
    return std::nullopt;
  }

 private:
  bool Has(config::v1::AgencyRole role) const { return rules_.HasRole(offer_.author_agency, role); }

  // Somebody sold it: there is a receipt.
  static bool IsFare(event::v1::TravelMeans means) {
    return means == event::v1::TRAVEL_MEANS_BUS_CARD ||
           means == event::v1::TRAVEL_MEANS_SINGLE_TICKET ||
           means == event::v1::TRAVEL_MEANS_TRAIN || means == event::v1::TRAVEL_MEANS_TAXI;
  }

  static Refusal NotStarted() {
    return Refuse("service_not_started",
                  "no started service is known here for this case; check the case id, or have "
                  "ServiceStarted recorded first");
  }
  static Refusal UnknownPeriod() {
    return Refuse("unknown_period", "no period of that period_id is known in this case");
  }
  static Refusal ByTheService() {
    return Refuse("made_by_the_service",
                  "the compensation service says this itself when the rules call for it");
  }
  static Refusal Illegal(std::string_view needed) {
    return Refuse("illegal_transition", Str("only a payment that is ", needed, " allows this"));
  }

  Answer Social() const {
    if (Has(config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) return std::nullopt;
    return Refuse("wrong_actor", "only social services decide on travel compensation");
  }

  Answer Payer() const {
    if (!Has(config::v1::AGENCY_ROLE_BENEFIT_PAYER) &&
        !Has(config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) {
      return Refuse("wrong_actor", "only a benefit payer or social services make payments");
    }
    if (offer_.author_official.empty()) {
      return Refuse("missing_official", "name the official: a second one has to approve");
    }
    return std::nullopt;
  }

  Answer Known(const std::string& payment_id, const Payment*& payment) const {
    if (Answer no = Payer()) return no;
    payment = state_.ledger.FindPayment(offer_.author_agency, payment_id);
    if (payment != nullptr && Settles(payment->agency)) return std::nullopt;
    const auto& payments = state_.ledger.payments();
    const bool others = std::any_of(payments.begin(), payments.end(), [&](const auto& other) {
      return other.first.second == payment_id;
    });
    if (others) return Refuse("wrong_actor", "the payment is another agency's");
    return Refuse("unknown_payment", "no payment of that payment_id is known in this case");
  }

  // The money of `agency` is the author's to settle: its own, or that of one that has ended and whose place it took.
  bool Settles(std::string_view agency) const {
    return state_.periods.successors().Settling(agency, today_) == offer_.author_agency;
  }
  std::vector<const Posting*> Unsettled(std::optional<absl::CivilDay> from,
                                        std::optional<absl::CivilDay> until) const {
    return state_.ledger.Unsettled(offer_.author_agency, from, until, today_);
  }

  // What was proposed is still what its days give: asked again of the approved, which days may leave until it is paid.
  Answer Unchanged(const Payment& payment) const {
    if (service::Sum(Unsettled(payment.from, payment.until)) == 0) return std::nullopt;
    return Refuse("accruals_changed",
                  "days of this payment have changed since it was proposed; reject it and "
                  "propose it anew");
  }

  // A grant without a claim stands that covers the day: its own journey, or a card that is good on it.
  bool GrantedUnasked(absl::CivilDay day) const {
    const auto& grants = state_.ledger.grants();
    return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
      return grant.claim_id.empty() && !grant.reversed && grant.from <= day && day <= grant.until;
    });
  }

  Answer Happened(const std::string& date, std::string_view field) const {
    const auto day = ParseDate(date);
    if (!day) return Refuse("missing_date", Str("give the day as YYYY-MM-DD (field ", field, ")"));
    if (*day > today_) return Refuse("future_day", Str(field, " has not come yet"));
    return std::nullopt;
  }

  static Answer Reason(v1::RejectionReason reason) {
    if (reason != v1::REJECTION_REASON_UNSPECIFIED) return std::nullopt;
    return Refuse("missing_reason", "say why (field reason)");
  }

  const Claim* FindClaim(std::string_view claim_id) const {
    for (const Claim& claim : state_.claims) {
      if (claim.claim_id == claim_id) return &claim;
    }
    return nullptr;
  }

  Answer OpenClaim(const std::string& claim_id, const Claim*& claim) const {
    claim = FindClaim(claim_id);
    if (claim == nullptr) {
      return Refuse("unknown_claim", "no claim of that claim_id is known in this case");
    }
    const bool granted = std::any_of(
        state_.ledger.grants().begin(), state_.ledger.grants().end(),
        [&](const Grant& grant) { return grant.claim_id == claim_id && !grant.reversed; });
    if (granted || claim->rejected) {
      return Refuse("claim_already_decided",
                    "this claim has been decided; reverse the grant first to decide it anew");
    }
    return std::nullopt;
  }

  const Period* FindPeriod(std::string_view id) const {
    for (const Period& period : periods_) {
      if (period.id == id) return &period;
    }
    return nullptr;
  }

  // A payment settles everything of its days that is not settled yet, and nothing else: so its sum
  // is what the days give, and no cent is paid twice or left behind.
  Answer Lines(const v1::PaymentProposed& event, absl::CivilDay from, absl::CivilDay until) const {
    if (event.lines().empty())
      return Refuse("no_lines", "list the events that the payment settles");
    std::map<std::string_view, const Posting*> postings;
    for (const Posting& posting : state_.ledger.postings()) {
      if (!Settles(posting.author)) continue;
      const auto [known, first] = postings.try_emplace(posting.id.view(), &posting);
      // Its own goes before one of the same id that a predecessor left.
      if (!first && posting.author == offer_.author_agency) known->second = &posting;
    }
    std::set<const Posting*> open;
    for (const Posting* posting : Unsettled(from, until)) open.insert(posting);
    std::set<const Posting*> listed;
    std::optional<Cents> sum = Cents(0);
    for (int i = 0; i < event.lines_size(); ++i) {
      const auto& line = event.lines(i);
      const std::string place = Str("line ", i + 1, ": ");
      const auto it = postings.find(line.event_id());
      if (it == postings.end()) {
        return Refuse("unknown_line",
                      Str(place, "no accrual, grant or reversal of this agency has that event id"));
      }
      const Posting& posting = *it->second;
      if (!listed.insert(&posting).second) {
        return Refuse("duplicate_line", Str(place, "the event is listed before"));
      }
      if (ParseDate(line.date()) != posting.date || line.amount_cents() != posting.cents) {
        return Refuse(
            "line_mismatch",
            Str(place, "date or amount_cents is not the event's (a reversal's is negative)"));
      }
      if (posting.date < from || until < posting.date) {
        return Refuse("line_outside_range", Str(place, "the day is not in the payment's range"));
      }
      if (!open.contains(&posting)) {
        return Refuse("already_in_payment", Str(place, "another payment has settled this event"));
      }
      sum = sum->Plus(Cents(posting.cents));
      if (!sum) return Refuse("total_mismatch", "the lines do not add up to a payable sum");
    }
    const auto missing = std::count_if(open.begin(), open.end(), [&](const Posting* posting) {
      return posting->cents != 0 && !listed.contains(posting);
    });
    if (missing != 0) {
      return Refuse("incomplete_lines", Str("the range has ", missing,
                                            " unsettled event(s) more; list every one, "
                                            "reversals too"));
    }
    if (sum->value() != event.total_cents()) {
      return Refuse("total_mismatch", "total_cents is not the sum of the lines");
    }
    if (sum->value() <= 0) {
      return Refuse("nothing_to_pay", "the days of the range give nothing to pay");
    }
    return std::nullopt;
  }

  const State& state_;
  const service::Offer& offer_;
  const service::Rules& rules_;
  const absl::CivilDay today_;
  const std::vector<Period> periods_;
};

template <typename Event>
bool Ask(Decision& decision, const service::Offer& offer, Answer& answer) {
  const Event* event = As<Event>(offer.body);
  if (event == nullptr) return false;
  answer = decision.On(*event);
  return true;
}

template <typename... Events>
bool AskAny(Decision& decision, const service::Offer& offer, Answer& answer) {
  return (Ask<Events>(decision, offer, answer) || ...);
}

}  // namespace

std::optional<Refusal> DecideOffer(const State& state, const service::Offer& offer,
                                   const service::Rules& rules, absl::CivilDay today) {
  if (auto refusal = service::CheckConventions(offer.body)) return refusal;
  Decision decision(state, offer, rules, today);
  Answer answer;
  if (AskAny<v1::PaymentProposed, v1::PaymentApproved, v1::PaymentPaid, v1::PaymentRejected,
             v1::PaymentReversed, v1::TravelMeansChosen, v1::TravelClaimed,
             v1::TravelClaimRejected, v1::TravelGranted, v1::TravelReversed, v1::PerkGiven, v1::PerkWithdrawn>(decision, offer, answer)) {
    return answer;
  }
  if (offer.body.GetDescriptor()->file()->package() == "polku.compensation.v1") {
    return Refuse("made_by_the_service",
                  "the compensation service says this itself when the rules call for it");
  }
  return Refuse("unknown_type", "the compensation service does not take events of this type");
}

}  // namespace polku::compensation
