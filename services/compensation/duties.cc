// What the compensation service says by itself: the difference between what the history calls for
// and what this agency has said already. So it does not matter in which order the facts came, how
// often this is asked, or whether the process died in between.
//
// Keys (dates and period ids are the case's own); the generation is the how-manieth of its key:
//   allowance/<date>, allowance_reversed/<date>      one allowance a day, whatever the period or
//   kind travel/<period>/<from>/<until>, travel_reversed/… perk/<kind>/<period>
//
// An absent section is "not known here", not "not so": what cannot be read (any more) neither
// accrues nor reverses anything.
#include <algorithm>
#include <string>
#include <utility>

#include "eventstore/base/status.h"
#include "services/compensation/state.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"

namespace polku::compensation {
namespace {

using service::Accrual;
using service::Day;
using service::Duty;
using service::FormatDate;
using service::Grant;
using service::Period;
using service::Rules;

std::string Bytes(const EventId& id) { return std::string(id.view()); }

// What one day means for this agency's allowance.
struct Verdict {
  enum Kind { kUnknown, kNothing, kPay } kind = kUnknown;
  EventId cause;  // of kNothing: what takes the day away; of kPay: the record of the day
  const config::v1::RateRule* rate = nullptr;
  std::string period_id;
};

// The benefit that decides a day's allowance.
struct BenefitVerdict {
  Verdict::Kind kind = Verdict::kUnknown;
  const Benefit* benefit = nullptr;  // null with kPay: the profile asks for none
  event::v1::AllowanceKind allowance = event::v1::ALLOWANCE_KIND_UNSPECIFIED;
};

class Duties {
 public:
  Duties(const State& state, const Rules& rules, absl::CivilDay today)
      : state_(state),
        rules_(rules),
        today_(today),
        periods_(state.periods.Periods()),
        days_(state.days.Days(periods_, rules.profile)),
        is_payer_(rules.HasRole(rules.own_agency, config::v1::AGENCY_ROLE_BENEFIT_PAYER)),
        is_social_(rules.HasRole(rules.own_agency, config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) {}

  std::vector<Duty> All() {
    if (is_payer_ || is_social_) Allowances();
    if (is_social_) {
      Travel();
      Perks();
    }
    return std::move(duties_);
  }

  std::optional<absl::CivilDay> Next() {
    if (!is_payer_ && !is_social_) return std::nullopt;
    for (const Period& period : periods_) {
      if (is_social_) Consider(period.starts_on);  // perks
    }
    for (const Day& day : days_) Consider(day.date);  // a peer's record of a day yet to come
    return next_;
  }

 private:
  void Consider(absl::CivilDay day) {
    if (day > today_ && (!next_ || day < *next_)) next_ = day;
  }

  void Add(std::string key, uint32_t generation, std::unique_ptr<google::protobuf::Message> event) {
    duties_.push_back({std::move(key), generation, std::move(event)});
  }

  // ---- Allowance ----

  void Allowances() {
    // Two periods may have a record of one day: one allowance a day, and the paid one counts. What is said of one
    // period neither gives nor takes what was accrued for the other.
    struct DayVerdicts {
      std::map<std::string_view, Verdict> by_period;
      const Verdict* paid = nullptr;
    };
    std::map<absl::CivilDay, DayVerdicts> verdicts;
    for (const Day& day : days_) {
      if (day.date > today_) break;
      DayVerdicts& of_day = verdicts[day.date];
      const Verdict& verdict = of_day.by_period.emplace(day.period_id(), VerdictOn(day)).first->second;
      if (verdict.kind == Verdict::kPay && of_day.paid == nullptr) of_day.paid = &verdict;
    }
    struct Own {
      uint32_t accrued = 0;
      uint32_t reversed = 0;
      std::vector<const Accrual*> standing;
    };
    std::map<absl::CivilDay, Own> own;
    for (const Accrual& accrual : state_.ledger.accruals()) {
      if (!Settles(accrual.author)) continue;
      Own& said = own[accrual.date];
      ++said.accrued;
      if (accrual.reversed) {
        ++said.reversed;
      } else {
        said.standing.push_back(&accrual);
        verdicts[accrual.date];  // a day of which no record says anything any more
      }
    }
    for (const auto& [date, of_day] : verdicts) {
      if (date > today_) break;
      const Verdict* paid = of_day.paid;
      Own& said = own[date];
      bool stands = false;
      for (const Accrual* accrual : said.standing) {
        if (!stands && paid != nullptr && accrual->kind == paid->rate->kind() &&
            accrual->cents == paid->rate->cents_per_day() && accrual->period_id == paid->period_id) {
          stands = true;
          continue;
        }
        std::optional<EventId> cause;
        if (const auto verdict = of_day.by_period.find(accrual->period_id); paid != nullptr) {
          cause = paid->cause;
        } else if (verdict == of_day.by_period.end()) {
          cause = WhyGone(accrual->cause, accrual->period_id);
        } else if (verdict->second.kind == Verdict::kNothing) {
          cause = verdict->second.cause;
        }
        if (!cause) continue;
        auto event = std::make_unique<v1::AllowanceReversed>();
        event->set_period_id(accrual->period_id);
        event->set_date(FormatDate(date));
        event->set_reversed_event_id(Bytes(accrual->id));
        event->set_cause_event_id(Bytes(*cause));
        event->set_kind(accrual->kind);
        event->set_amount_cents(accrual->cents);
        Add(Str("allowance_reversed/", FormatDate(date)), ++said.reversed, std::move(event));
      }
      if (stands || paid == nullptr) continue;
      auto event = std::make_unique<v1::AllowanceAccrued>();
      event->set_period_id(paid->period_id);
      event->set_date(FormatDate(date));
      event->set_cause_event_id(Bytes(paid->cause));
      event->set_kind(paid->rate->kind());
      event->set_amount_cents(paid->rate->cents_per_day());
      *event->mutable_rule() = service::RefTo(*paid->rate);
      Add(Str("allowance/", FormatDate(date)), ++said.accrued, std::move(event));
    }
  }

  Verdict VerdictOn(const Day& day) const {
    const auto nothing = [](const EventId& cause) {
      return Verdict{Verdict::kNothing, cause, nullptr, ""};
    };
    const EventId record = day.record->id;
    if (!day.standing()) return nothing(record);
    // The payer goes by the outcome alone; without it the day is not known here.
    if (day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED) return {};
    if (!day.there) return nothing(record);
    if (day.period == nullptr) return {};
    if (!day.in_service) return nothing(day.period->WhyOutside(day.date));
    if (!Counts(state_, day)) return nothing(WhyNotCounted(day));
    const BenefitVerdict benefit = BenefitOn(day);
    if (benefit.kind == Verdict::kUnknown) return {};
    if (benefit.kind == Verdict::kNothing) return nothing(benefit.benefit->id);
    const bool expense = benefit.allowance == event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE;
    if (benefit.benefit == nullptr) {
      const bool ours = expense ? OnlyAgency(config::v1::AGENCY_ROLE_BENEFIT_PAYER) == rules_.own_agency
                                : is_social_ && Responsible(day.period->id, day.date);
      if (!ours) return nothing(record);
    } else if (PayerOf(*benefit.benefit, day.date) != rules_.own_agency) {
      return nothing(benefit.benefit->id);
    }
    if (expense && !is_payer_) return {};
    if (const Statement* statement = StatementOn(day);
        expense && statement && !statement->entitled) {
      return nothing(statement->id);
    }
    if (!expense) {
      // "Never both on one day" (DOMAIN, Rules): activity money gives way to what another payer
      // accrued for the day.
      for (const Accrual& accrual : state_.ledger.accruals()) {
        if (accrual.date == day.date && !accrual.reversed && !Settles(accrual.author)) {
          return nothing(accrual.id);
        }
      }
    }
    const auto* rate =
        service::FindRule(rules_.profile.rates(), day.date, day.period->first_started_on,
                          [&](const auto& rule) { return rule.kind() == benefit.allowance; });
    if (rate == nullptr || rate->cents_per_day() <= 0) return {};
    return Verdict{Verdict::kPay, record, rate, day.period->id};
  }

  // What took away the record `cause`, on which this agency said something of that period: the period was moved off its
  // day since, or another agency became the provider of that day. nullopt: neither; what is not readable here any
  // more takes nothing away.
  std::optional<EventId> WhyGone(const EventId& cause, std::string_view period_id) const {
    const service::DayRecord* record = state_.days.Find(cause);
    if (record == nullptr) return std::nullopt;
    for (const Period& period : periods_) {
      if (period.id != period_id) continue;
      if (!period.Covers(record->date)) return period.WhyOutside(record->date);
      if (period.ServedBy(record->author, record->date)) return std::nullopt;
      return period.On(record->date).cause;
    }
    return std::nullopt;
  }

  // The flag that the provider's service raised, or else the newest record of that week up to the
  // day.
  EventId WhyNotCounted(const Day& day) const {
    for (const auto code : {attendance::v1::BREACH_CODE_TOO_MANY_DAYS_IN_WEEK,
                            attendance::v1::BREACH_CODE_OUTCOME_MISMATCH}) {
      const auto flag = state_.breaches.find({std::string(day.period_id()), day.date, code});
      if (flag != state_.breaches.end()) return flag->second;
    }
    const Day* newest = &day;
    for (const Day& other : days_) {
      if (service::MondayOf(other.date) == service::MondayOf(day.date) && other.date <= day.date &&
          other.sequence > newest->sequence) {
        newest = &other;
      }
    }
    return newest->record->id;
  }

  // A BenefitRecorded says what holds for its kind from valid_from on (from ever, without one),
  // until a newer one of that kind says otherwise; days before valid_from keep what was said of
  // them, so a new grant does not undo the time before it. NONE ends every kind. Of several
  // benefits that give an allowance the expense allowance goes first, then the newest.
  BenefitVerdict BenefitOn(const Day& day) const {
    std::map<event::v1::BenefitKind, const Benefit*> holding;
    const Benefit* newest = nullptr;
    bool hidden = false;
    for (const Benefit& benefit : state_.benefits) {
      if (benefit.kind == event::v1::BENEFIT_KIND_UNSPECIFIED) {
        hidden = true;
        continue;
      }
      if (newest == nullptr || !benefit.from || *benefit.from <= day.date) newest = &benefit;
      if (benefit.from && day.date < *benefit.from) continue;
      if (benefit.kind == event::v1::BENEFIT_KIND_NONE) {
        if (!benefit.until || day.date <= *benefit.until) holding.clear();
        continue;
      }
      holding[benefit.kind] = &benefit;
    }
    BenefitVerdict best;
    for (const auto& [kind, benefit] : holding) {
      if (benefit->until && *benefit->until < day.date) continue;
      const auto* rule =
          service::FindRule(rules_.profile.benefits(), day.date, day.period->first_started_on,
                            [&, held = kind](const auto& entry) { return entry.kind() == held; });
      if (rule == nullptr || rule->allowance() == event::v1::ALLOWANCE_KIND_UNSPECIFIED) continue;
      const bool better = best.benefit == nullptr || rule->allowance() < best.allowance ||
                          (rule->allowance() == best.allowance &&
                           best.benefit < benefit);  // both in benefits: newer
      if (better) best = {Verdict::kPay, benefit, rule->allowance()};
    }
    if (best.benefit != nullptr) return best;
    const auto* all = service::FindRule(
        rules_.profile.benefits(), day.date, day.period->first_started_on,
        [](const auto& entry) { return entry.kind() == event::v1::BENEFIT_KIND_UNSPECIFIED; });
    if (all != nullptr && all->allowance() != event::v1::ALLOWANCE_KIND_UNSPECIFIED) {
      return {Verdict::kPay, nullptr, all->allowance()};
    }
    if (hidden || newest == nullptr) return best;
    return {Verdict::kNothing, newest, event::v1::ALLOWANCE_KIND_UNSPECIFIED};
  }

  const service::Successors& Successors() const { return state_.periods.successors(); }
  // What that agency accrued or granted is this one's to take back and to pay.
  bool Settles(std::string_view agency) const {
    return Successors().Settling(agency, today_) == rules_.own_agency;
  }

  // The payer named, or who acted for it on that day, so that a successor pays no earlier day anew unless that payer has
  // ended; without a name the agreement's only benefit payer.
  std::string PayerOf(const Benefit& benefit, absl::CivilDay day) const {
    if (!benefit.payer.empty()) {
      return std::string(Successors().Settling(Successors().Acting(benefit.payer, day), today_));
    }
    return OnlyAgency(config::v1::AGENCY_ROLE_BENEFIT_PAYER);
  }

  std::string OnlyAgency(config::v1::AgencyRole role) const {
    std::string only;
    for (const auto& agency : rules_.agreement.agencies()) {
      if (!rules_.HasRole(agency.name(), role)) continue;
      if (!only.empty()) return "";
      only = agency.name();
    }
    return only;
  }

  // The newest statement of the employment authority about the day. That there is none is no
  // obstacle: the payer has its own way of asking.
  const Statement* StatementOn(const Day& day) const {
    const Statement* newest = nullptr;
    for (const Statement& statement : state_.statements) {
      const bool about = statement.period_id.empty() || statement.period_id == day.period->id;
      if (!about || (statement.from && day.date < *statement.from) ||
          (statement.until && *statement.until < day.date)) {
        continue;
      }
      newest = &statement;
    }
    return newest;
  }

  // ---- Travel ----

  // This agency pays travel and gives perks in that period, for that day.
  bool Responsible(const std::string& period_id, absl::CivilDay day) const {
    const std::string only = OnlyAgency(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
    return only.empty() ? Settles(Successors().Acting(state_.periods.DeciderOf(period_id), day))
                        : only == rules_.own_agency;
  }

  // What is granted without a claim, by what it covers.
  struct TravelKey {
    std::string period_id;
    absl::CivilDay from;
    absl::CivilDay until;
    friend bool operator<(const TravelKey& a, const TravelKey& b) {
      return std::tie(a.from, a.until, a.period_id) < std::tie(b.from, b.until, b.period_id);
    }
  };
  struct TravelGrant {
    const config::v1::TravelRule* rule;
    int64_t cents;
    EventId cause;
    absl::CivilDay due;  // the attended day that calls for it
  };

  // By every record there is, so that a clock that was set back takes nothing away.
  std::map<TravelKey, TravelGrant> WantedTravel() const {
    std::map<TravelKey, TravelGrant> wanted;
    absl::CivilDay card_until = absl::CivilDay::min();
    absl::CivilDay paid_day = absl::CivilDay::min();
    for (const Day& day : days_) {
      if (!Counts(state_, day) || !Responsible(day.period->id, day.date)) continue;
      const TravelTerms terms = TravelTermsOn(state_, rules_.profile, *day.period, day.date);
      const auto* rule = terms.rule;
      if (rule == nullptr || !terms.cents) continue;
      switch (rule->mode()) {
        case event::v1::TRAVEL_MODE_AUTOMATIC:
        case event::v1::TRAVEL_MODE_PER_DAY:
          // One journey a day, also where two periods share it or a card of the time before is still good.
          if (day.date == paid_day || day.date <= card_until) break;
          paid_day = day.date;
          wanted[{day.period->id, day.date, day.date}] = {rule, *terms.cents, day.record->id,
                                                        day.date};
          break;
        case event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD: {
          // "Julkisen liikenteen 30 vrk matkakortilla kuukausittain" (seed 001): the period's days
          // in thirties from its first day; each thirty in which the client came at least once
          // takes one card, valid for all of it. A card of an earlier period goes on being used.
          if (day.date <= card_until) break;
          const int64_t card_days = rule->card_days() == 0 ? 30 : rule->card_days();
          const absl::CivilDay from =
              day.period->starts_on + (day.date - day.period->starts_on) / card_days * card_days;
          card_until = from + (card_days - 1);
          wanted[{day.period->id, from, card_until}] = {rule, *terms.cents, day.record->id, day.date};
          break;
        }
        default:
          break;
      }
    }
    return wanted;
  }

  void Travel() {
    struct Own {
      uint32_t granted = 0;
      uint32_t reversed = 0;
      std::vector<const Grant*> standing;
    };
    const auto wanted = WantedTravel();
    std::map<TravelKey, Own> own;
    for (const auto& [key, grant] : wanted) own.try_emplace(key);
    std::set<TravelKey> by_others;
    for (const Grant& grant : state_.ledger.grants()) {
      if (!grant.claim_id.empty()) continue;
      const TravelKey key{grant.period_id, grant.from, grant.until};
      if (!Settles(grant.author)) {
        if (!grant.reversed) by_others.insert(key);
        continue;
      }
      Own& said = own[key];
      ++said.granted;
      if (grant.reversed) {
        ++said.reversed;
      } else {
        said.standing.push_back(&grant);
      }
    }
    for (auto& [key, said] : own) {
      // A card may reach over the day on which another agency took over.
      if (!Responsible(key.period_id, key.from) && !Responsible(key.period_id, key.until)) continue;
      const auto want = wanted.find(key);
      const TravelGrant* grant = want == wanted.end() ? nullptr : &want->second;
      const std::string name =
          Str(key.period_id, "/", FormatDate(key.from), "/", FormatDate(key.until));
      bool stands = false;
      for (const Grant* standing : said.standing) {
        if (grant != nullptr && !stands && standing->mode == grant->rule->mode() &&
            standing->means == grant->rule->means() && standing->cents == grant->cents) {
          stands = true;
          continue;
        }
        std::optional<EventId> cause = WhyGone(standing->cause, key.period_id);
        if (!cause) cause = NewestIn(key);
        if (!cause) {  // no record of those days can be read any more
          stands = true;
          continue;
        }
        auto event = std::make_unique<v1::TravelReversed>();
        event->set_period_id(key.period_id);
        event->set_covers_from(FormatDate(key.from));
        event->set_covers_until(FormatDate(key.until));
        event->set_reversed_event_id(Bytes(standing->id));
        event->set_cause_event_id(Bytes(*cause));
        event->set_amount_cents(standing->cents);
        Add(Str("travel_reversed/", name), ++said.reversed, std::move(event));
      }
      if (stands || grant == nullptr || grant->due > today_ || by_others.contains(key)) continue;
      auto event = std::make_unique<v1::TravelGranted>();
      event->set_period_id(key.period_id);
      event->set_covers_from(FormatDate(key.from));
      event->set_covers_until(FormatDate(key.until));
      event->set_cause_event_id(Bytes(grant->cause));
      event->set_mode(grant->rule->mode());
      event->set_means(grant->rule->means());
      event->set_amount_cents(grant->cents);
      *event->mutable_rule() = service::RefTo(*grant->rule);
      Add(Str("travel/", name), ++said.granted, std::move(event));
    }
  }

  // The newest record of the days that a grant covers, where one is known.
  std::optional<EventId> NewestIn(const TravelKey& key) const {
    const Day* newest = nullptr;
    for (const Day& day : days_) {
      if (day.date < key.from || key.until < day.date) continue;
      if (newest == nullptr || newest->sequence < day.sequence) newest = &day;
    }
    return newest == nullptr ? std::nullopt : std::optional(newest->record->id);
  }

  // ---- Perks ----

  void Perks() {
    for (const Period& period : periods_) {
      if (today_ < period.starts_on || !Responsible(period.id, period.starts_on)) continue;
      if (period.ended_on && *period.ended_on < period.starts_on) continue;
      for (const auto& rule : rules_.profile.perks()) {
        if (rule.occasion() != config::v1::PERK_OCCASION_AT_START ||
            !service::RuleHolds(rule, period.starts_on, period.first_started_on)) {
          continue;
        }
        const auto& places = rule.provisions();
        if (!places.empty() &&
            std::find(places.begin(), places.end(), period.provision) == places.end()) {
          continue;
        }
        // Given once, by whomever; one that was withdrawn since is an official's matter.
        const bool given =
            std::any_of(state_.perks.begin(), state_.perks.end(), [&](const Perk& perk) {
              return perk.period_id == period.id && perk.kind == rule.kind();
            });
        if (given) continue;
        auto event = std::make_unique<v1::PerkGiven>();
        event->set_period_id(period.id);
        event->set_kind(rule.kind());
        event->set_given_on(FormatDate(period.starts_on));
        if (rule.lasts_days() > 0) {
          event->set_valid_until(FormatDate(period.starts_on + (rule.lasts_days() - 1)));
        } else if (const auto last = period.LastDay()) {
          event->set_valid_until(FormatDate(*last));
        }
        event->set_cause_event_id(Bytes(period.start_cause));
        *event->mutable_rule() = service::RefTo(rule);
        Add(Str("perk/", static_cast<int>(rule.kind()), "/", period.id), 1, std::move(event));
      }
    }
  }

  const State& state_;
  const Rules& rules_;
  const absl::CivilDay today_;
  const std::vector<Period> periods_;
  const std::vector<Day> days_;
  const bool is_payer_;
  const bool is_social_;
  std::vector<Duty> duties_;
  std::optional<absl::CivilDay> next_;
};

}  // namespace

std::vector<Duty> DutiesOf(const State& state, const Rules& rules, absl::CivilDay today) {
  return Duties(state, rules, today).All();
}

std::optional<absl::CivilDay> NextDutyDay(const State& state, const Rules& rules,
                                          absl::CivilDay today) {
  return Duties(state, rules, today).Next();
}

}  // namespace polku::compensation
