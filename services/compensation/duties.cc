// What the compensation service says by itself: the difference between what the history calls for
// and what this agency has said already. So it does not matter in which order the facts came, how
// often this is asked, or whether the process died in between.
//
// Keys (dates and period ids are the case's own); the generation is the how-manieth of its key:
//   allowance/<date>, allowance_reversed/<date>      one allowance a day, whatever the period or kind
//   travel/<period>/<from>/<until>, travel_reversed/…
//   claim_reversed/<id of the grant>
//   perk/<kind>/<period>
//
// An absent section is "not known here", not "not so": what cannot be read (any more) neither
// accrues nor reverses anything.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "eventstore/base/status.h"
#include "services/compensation/state.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/core/money_limits.h"

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
  std::string_view period_id;  // of kPay; the period's
};

// The benefit that decides a day's allowance.
struct BenefitVerdict {
  Verdict::Kind kind = Verdict::kUnknown;
  EventId cause;                     // the benefit, or the statement that refuses another one
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
        is_social_(rules.HasRole(rules.own_agency, config::v1::AGENCY_ROLE_SOCIAL_SERVICES)),
        only_payer_(OnlyAgency(config::v1::AGENCY_ROLE_BENEFIT_PAYER)),
        only_social_(OnlyAgency(config::v1::AGENCY_ROLE_SOCIAL_SERVICES)) {}

  std::vector<Duty> All() {
    if (is_payer_ || is_social_) Allowances();
    if (is_social_) {
      Travel();
      ClaimsOfNoDay();
      Perks();
    }
    return std::move(duties_);
  }

 private:
  void Add(std::string key, uint32_t generation, std::unique_ptr<google::protobuf::Message> event) {
    duties_.push_back({std::move(key), generation, std::move(event)});
  }

  // ---- Allowance ----

  using DayRange = std::span<const Day>;
  using AccrualRange = std::span<const Accrual* const>;

  // Day by day: those that something is recorded of, and those that this agency accrued something for. A case is
  // evaluated for each of its days, so what is right as it stands must cost little.
  void Allowances() {
    std::vector<const Accrual*> own;
    for (const Accrual& accrual : state_.ledger.accruals()) {
      if (Settles(accrual.author)) own.push_back(&accrual);
    }
    std::stable_sort(own.begin(), own.end(),
                     [](const Accrual* a, const Accrual* b) { return a->date < b->date; });
    DayRange days(days_);
    AccrualRange said(own);
    for (;;) {
      absl::CivilDay date = absl::CivilDay::max();
      if (!days.empty()) date = days.front().date;
      if (!said.empty()) date = std::min(date, said.front()->date);
      if (date > today_) return;
      size_t of_days = 0, of_said = 0;
      while (of_days < days.size() && days[of_days].date == date) ++of_days;
      while (of_said < said.size() && said[of_said]->date == date) ++of_said;
      AllowanceOf(date, days.first(of_days), said.first(of_said));
      days = days.subspan(of_days);
      said = said.subspan(of_said);
    }
  }

  // Two periods may have a record of one day: one allowance a day, and the paid one counts. What is said of one
  // period neither gives nor takes what was accrued for the other.
  void AllowanceOf(absl::CivilDay date, DayRange days, AccrualRange said) {
    const auto standing = [](const Accrual* accrual) { return !accrual->reversed; };
    if (days.empty() && std::none_of(said.begin(), said.end(), standing)) return;
    std::vector<Verdict> verdicts;  // of `days`
    verdicts.reserve(days.size());
    for (const Day& day : days) verdicts.push_back(VerdictOn(day));
    const auto pays = std::find_if(verdicts.begin(), verdicts.end(), [](const Verdict& verdict) {
      return verdict.kind == Verdict::kPay;
    });
    const Verdict* paid = pays == verdicts.end() ? nullptr : &*pays;
    uint32_t accrued = static_cast<uint32_t>(said.size());
    uint32_t reversed = static_cast<uint32_t>(
        accrued - std::count_if(said.begin(), said.end(), standing));
    bool stands = false;
    for (const Accrual* accrual : said) {
      if (!standing(accrual)) continue;
      if (!stands && paid != nullptr && accrual->kind == paid->rate->kind() &&
          accrual->cents == paid->rate->cents_per_day() && accrual->period_id == paid->period_id) {
        stands = true;
        continue;
      }
      std::optional<EventId> cause;
      const auto of_period = std::find_if(days.begin(), days.end(), [&](const Day& day) {
        return day.period_id() == accrual->period_id;
      });
      if (paid != nullptr) {
        cause = paid->cause;
      } else if (of_period == days.end()) {
        cause = WhyGone(accrual->cause, accrual->period_id);
      } else if (const Verdict& verdict = verdicts[static_cast<size_t>(of_period - days.begin())];
                 verdict.kind == Verdict::kNothing) {
        cause = verdict.cause;
      }
      if (!cause) continue;
      auto event = std::make_unique<v1::AllowanceReversed>();
      event->set_period_id(accrual->period_id);
      event->set_date(FormatDate(date));
      event->set_reversed_event_id(Bytes(accrual->id));
      event->set_cause_event_id(Bytes(*cause));
      event->set_kind(accrual->kind);
      event->set_amount_cents(accrual->cents);
      Add(Str("allowance_reversed/", FormatDate(date)), ++reversed, std::move(event));
    }
    if (stands || paid == nullptr) return;
    auto event = std::make_unique<v1::AllowanceAccrued>();
    event->set_period_id(std::string(paid->period_id));
    event->set_date(FormatDate(date));
    event->set_cause_event_id(Bytes(paid->cause));
    event->set_kind(paid->rate->kind());
    event->set_amount_cents(paid->rate->cents_per_day());
    *event->mutable_rule() = service::RefTo(*paid->rate);
    Add(Str("allowance/", FormatDate(date)), ++accrued, std::move(event));
  }

  Verdict VerdictOn(const Day& day) const {
    const auto nothing = [](const EventId& cause) {
      return Verdict{Verdict::kNothing, cause, nullptr, {}};
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
    if (benefit.kind == Verdict::kNothing) return nothing(benefit.cause);
    const bool expense = benefit.allowance == event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE;
    const std::string_view payer = benefit.benefit != nullptr ? PayerOf(*benefit.benefit, day.date)
                                   : expense                  ? only_payer_
                                                              : SocialServicesOf(day.period->id, day.date);
    // Several might pay and nothing says which. An agency that joins the agreement takes back nobody's money.
    if (payer.empty()) return {};
    if (payer != rules_.own_agency) {
      return nothing(benefit.benefit == nullptr ? record : benefit.cause);
    }
    if (expense ? !is_payer_ : benefit.benefit == nullptr && !is_social_) return {};
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
    if (rate == nullptr || rate->cents_per_day() == 0 ||
        rate->cents_per_day() != service::Worth(rate->cents_per_day())) {
      return {};  // of a slip in the profile nothing is said: the ledger would fold another sum
    }
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
    if (const EventId* flag =
            Flag(state_, day, attendance::v1::BREACH_CODE_TOO_MANY_DAYS_IN_WEEK)) {
      return *flag;
    }
    if (const EventId* flag = UnpaidFlag(state_, day)) return *flag;
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
  // benefits that give an allowance the expense allowance goes first, then the newest. Whom the employment
  // authority refuses the expense allowance of that day and who lives on social assistance, too, has the activity money.
  BenefitVerdict BenefitOn(const Day& day) const {
    std::vector<const Benefit*> holding;  // one a kind
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
      std::erase_if(holding, [&](const Benefit* older) { return older->kind == benefit.kind; });
      holding.push_back(&benefit);
    }
    // Both in benefits, so the later one is the newer.
    std::map<event::v1::AllowanceKind, const Benefit*> newest_giving;
    for (const Benefit* benefit : holding) {
      if (benefit->until && *benefit->until < day.date) continue;
      const auto* rule =
          service::FindRule(rules_.profile.benefits(), day.date, day.period->first_started_on,
                            [&](const auto& entry) { return entry.kind() == benefit->kind; });
      if (rule == nullptr || rule->allowance() == event::v1::ALLOWANCE_KIND_UNSPECIFIED) continue;
      const Benefit*& giving = newest_giving[rule->allowance()];
      if (giving == nullptr || giving < benefit) giving = benefit;
    }
    const Statement* refused = nullptr;
    for (const auto& [allowance, benefit] : newest_giving) {  // the expense allowance first
      const Statement* no = RefusedBy(allowance, day, PayerOf(*benefit, day.date));
      if (no == nullptr) {
        return {Verdict::kPay, refused == nullptr ? benefit->id : refused->id, benefit, allowance};
      }
      refused = no;
    }
    const auto* all = service::FindRule(
        rules_.profile.benefits(), day.date, day.period->first_started_on,
        [](const auto& entry) { return entry.kind() == event::v1::BENEFIT_KIND_UNSPECIFIED; });
    if (all != nullptr && all->allowance() != event::v1::ALLOWANCE_KIND_UNSPECIFIED) {
      refused = RefusedBy(all->allowance(), day, only_payer_);
      if (refused == nullptr) return {Verdict::kPay, {}, nullptr, all->allowance()};
    }
    if (refused != nullptr) return {Verdict::kNothing, refused->id};
    if (hidden || newest == nullptr) return {};
    return {Verdict::kNothing, newest->id};
  }

  const service::Successors& Successors() const { return state_.periods.successors(); }
  // What that agency accrued or granted is this one's to take back and to pay.
  bool Settles(std::string_view agency) const {
    return Successors().Settling(agency, today_) == rules_.own_agency;
  }

  // The payer named, or who acted for it on that day, so that a successor pays no earlier day anew unless that payer has
  // ended; without a name the agreement's only benefit payer.
  std::string_view PayerOf(const Benefit& benefit, absl::CivilDay day) const {
    return benefit.payer.empty()
               ? only_payer_
               : Successors().Settling(Successors().Acting(benefit.payer, day), today_);
  }

  // The agreement's only agency with that role; empty: none, or several.
  std::string_view OnlyAgency(config::v1::AgencyRole role) const {
    std::string_view only;
    for (const auto& agency : rules_.agreement.agencies()) {
      if (!rules_.HasRole(agency.name(), role)) continue;
      if (!only.empty()) return {};
      only = agency.name();
    }
    return only;
  }

  // The employment authority's newest statement to that payer about the day, where it says that the client is not
  // entitled; it is about the unemployment benefit, so the expense allowance goes by it alone. That there is none is
  // no obstacle: the payer has its own way of asking. Null: not refused.
  const Statement* RefusedBy(event::v1::AllowanceKind allowance, const Day& day,
                             std::string_view payer) const {
    if (allowance != event::v1::ALLOWANCE_KIND_EXPENSE_ALLOWANCE) return nullptr;
    const Statement* newest = nullptr;
    for (const Statement& statement : state_.statements) {
      const bool about = statement.period_id.empty() || statement.period_id == day.period->id;
      if (!about || (statement.from && day.date < *statement.from) ||
          (statement.until && *statement.until < day.date)) {
        continue;
      }
      // Given to whoever pays that day, or to one that it acts for.
      if (!statement.payer.empty() && statement.payer != payer &&
          Successors().Settling(Successors().Acting(statement.payer, day.date), today_) != payer) {
        continue;
      }
      newest = &statement;
    }
    return newest == nullptr || newest->entitled ? nullptr : newest;
  }

  // ---- Travel ----

  // Who pays travel and gives perks in that period, for that day: the agreement's only social services, else who
  // decided. Empty: not known.
  std::string_view SocialServicesOf(std::string_view period_id, absl::CivilDay day) const {
    if (!only_social_.empty()) return only_social_;
    const std::string_view decider = state_.periods.DeciderOf(period_id);
    return decider.empty() ? decider : Successors().Settling(Successors().Acting(decider, day), today_);
  }
  bool Responsible(std::string_view period_id, absl::CivilDay day) const {
    return SocialServicesOf(period_id, day) == rules_.own_agency;
  }

  // What is granted without a claim, by what it covers.
  struct TravelKey {
    absl::CivilDay from;
    absl::CivilDay until;
    std::string_view period_id;
    friend bool operator<(const TravelKey& a, const TravelKey& b) {
      return std::tie(a.from, a.until, a.period_id) < std::tie(b.from, b.until, b.period_id);
    }
    friend bool operator==(const TravelKey&, const TravelKey&) = default;
  };
  struct TravelGrant {
    TravelKey key;
    const config::v1::TravelRule* rule;
    int64_t cents;
    EventId cause;
    absl::CivilDay due;  // the attended day that calls for it
  };

  template <typename List, typename KeyOf>
  static void SortByKey(List& list, KeyOf key_of) {
    const auto before = [&](const auto& a, const auto& b) { return key_of(a) < key_of(b); };
    if (!std::is_sorted(list.begin(), list.end(), before)) {
      std::stable_sort(list.begin(), list.end(), before);
    }
  }
  static const TravelKey& KeyOfGrant(const TravelGrant& grant) { return grant.key; }
  static TravelKey KeyOfSaid(const Grant* grant) { return {grant->from, grant->until, grant->period_id}; }

  // Ascending by key, each once. By every record there is, so that a clock that was set back takes nothing away.
  std::vector<TravelGrant> WantedTravel() const {
    std::vector<TravelGrant> wanted;
    const std::set<absl::CivilDay> claimed = ClaimedDates(state_, days_);
    absl::CivilDay card_until = absl::CivilDay::min();
    absl::CivilDay paid_day = absl::CivilDay::min();
    for (const Day& day : days_) {
      if (!Counts(state_, day) || !Responsible(day.period->id, day.date)) continue;
      if (claimed.contains(day.date)) continue;  // that journey is paid by the claim
      const TravelTerms terms = TravelTermsOn(state_, rules_.profile, *day.period, day.date);
      const auto* rule = terms.rule;
      if (rule == nullptr || !terms.cents) continue;
      switch (rule->mode()) {
        case event::v1::TRAVEL_MODE_AUTOMATIC:
        case event::v1::TRAVEL_MODE_PER_DAY:
          // One journey a day, also where two periods share it or a card of the time before is still good.
          if (day.date == paid_day || day.date <= card_until) break;
          paid_day = day.date;
          wanted.push_back({{day.date, day.date, day.period->id}, rule, *terms.cents,
                            day.record->id, day.date});
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
          wanted.push_back({{from, card_until, day.period->id}, rule, *terms.cents, day.record->id,
                            day.date});
          break;
        }
        default:
          break;
      }
    }
    SortByKey(wanted, KeyOfGrant);
    return wanted;
  }

  void Travel() {
    const std::vector<TravelGrant> wanted = WantedTravel();
    std::vector<const Grant*> own, by_others;
    for (const Grant& grant : state_.ledger.grants()) {
      if (!grant.claim_id.empty()) continue;
      if (Settles(grant.author)) {
        own.push_back(&grant);
      } else if (!grant.reversed) {
        by_others.push_back(&grant);
      }
    }
    SortByKey(own, KeyOfSaid);
    size_t next_wanted = 0, next_said = 0;
    while (next_wanted < wanted.size() || next_said < own.size()) {
      const TravelGrant* grant = next_wanted < wanted.size() ? &wanted[next_wanted] : nullptr;
      TravelKey key = grant != nullptr ? grant->key : KeyOfSaid(own[next_said]);
      if (next_said < own.size()) key = std::min(key, KeyOfSaid(own[next_said]));
      if (grant != nullptr && grant->key == key) {
        ++next_wanted;
      } else {
        grant = nullptr;
      }
      const size_t first = next_said;
      while (next_said < own.size() && KeyOfSaid(own[next_said]) == key) ++next_said;
      TravelOf(key, grant, std::span(own).subspan(first, next_said - first), by_others);
    }
  }

  // What is wanted for those days, if anything, and what this agency has granted for them.
  void TravelOf(const TravelKey& key, const TravelGrant* grant, std::span<const Grant* const> said,
                const std::vector<const Grant*>& by_others) {
    // A card may reach over the day on which another agency took over.
    if (!Responsible(key.period_id, key.from) && !Responsible(key.period_id, key.until)) return;
    const auto name = [&] {
      return Str(key.period_id, "/", FormatDate(key.from), "/", FormatDate(key.until));
    };
    uint32_t granted = static_cast<uint32_t>(said.size());
    uint32_t reversed = static_cast<uint32_t>(
        std::count_if(said.begin(), said.end(), [](const Grant* one) { return one->reversed; }));
    bool stands = false;
    for (const Grant* standing : said) {
      if (standing->reversed) continue;
      if (grant != nullptr && !stands && standing->mode == grant->rule->mode() &&
          standing->means == grant->rule->means() && standing->cents == grant->cents) {
        stands = true;
        continue;
      }
      std::optional<EventId> cause = WhyGone(standing->cause, key.period_id);
      if (!cause) cause = NewestIn(key.from, key.until);
      if (!cause) {  // no record of those days can be read any more
        stands = true;
        continue;
      }
      auto event = std::make_unique<v1::TravelReversed>();
      event->set_period_id(std::string(key.period_id));
      event->set_covers_from(FormatDate(key.from));
      event->set_covers_until(FormatDate(key.until));
      event->set_reversed_event_id(Bytes(standing->id));
      event->set_cause_event_id(Bytes(*cause));
      event->set_amount_cents(standing->cents);
      Add(Str("travel_reversed/", name()), ++reversed, std::move(event));
    }
    if (stands || grant == nullptr || grant->due > today_) return;
    if (std::any_of(by_others.begin(), by_others.end(),
                    [&](const Grant* other) { return KeyOfSaid(other) == key; })) {
      return;
    }
    auto event = std::make_unique<v1::TravelGranted>();
    event->set_period_id(std::string(key.period_id));
    event->set_covers_from(FormatDate(key.from));
    event->set_covers_until(FormatDate(key.until));
    event->set_cause_event_id(Bytes(grant->cause));
    event->set_mode(grant->rule->mode());
    event->set_means(grant->rule->means());
    event->set_amount_cents(grant->cents);
    *event->mutable_rule() = service::RefTo(*grant->rule);
    Add(Str("travel/", name()), ++granted, std::move(event));
  }

  // The newest record of the days that a grant covers, where one is known.
  std::optional<EventId> NewestIn(absl::CivilDay from, absl::CivilDay until) const {
    const service::DayRecord* newest = state_.days.NewestIn(from, until);
    return newest == nullptr ? std::nullopt : std::optional(newest->id);
  }

  // What an official granted for a claim goes when none of its days counts any more, as an official could not have
  // granted it; the claim is then open again. While one counts, the sum is the official's matter.
  void ClaimsOfNoDay() {
    for (const Grant& grant : state_.ledger.grants()) {
      if (grant.claim_id.empty() || grant.reversed || !Settles(grant.author)) continue;
      const bool stands = std::any_of(days_.begin(), days_.end(), [&](const Day& day) {
        if (day.date < grant.from || grant.until < day.date) return false;
        // A day that cannot be read (any more) may be the one.
        const bool unknown = day.standing() && day.record->actual_minutes == 0 &&
                             day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED;
        return unknown || (day.period_id() == grant.period_id && Counts(state_, day));
      });
      if (stands) continue;
      std::optional<EventId> cause = NewestIn(grant.from, grant.until);
      if (!cause) continue;  // no record of those days can be read (any more)
      if (const auto gone = WhyGone(*cause, grant.period_id)) cause = gone;
      auto event = std::make_unique<v1::TravelReversed>();
      event->set_period_id(grant.period_id);
      event->set_covers_from(FormatDate(grant.from));
      event->set_covers_until(FormatDate(grant.until));
      event->set_reversed_event_id(Bytes(grant.id));
      event->set_cause_event_id(Bytes(*cause));
      event->set_amount_cents(grant.cents);
      Add(Str("claim_reversed/", FormatEventId(grant.id)), 1, std::move(event));
    }
  }

  // ---- Perks ----

  void Perks() {
    std::vector<Perk> given = state_.perks;
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
        const bool shared = std::any_of(given.begin(), given.end(), [&](const Perk& perk) {
          return perk.kind == rule.kind() && SharesPerk(perk, periods_, period);
        });
        if (shared) continue;
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
        given.push_back({{}, "", period.id, rule.kind(), {}, {}, false});
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
  const std::string_view only_payer_, only_social_;  // the agreement's
  std::vector<Duty> duties_;
};

}  // namespace

std::vector<Duty> DutiesOf(const State& state, const Rules& rules, absl::CivilDay today) {
  return Duties(state, rules, today).All();
}

// Starts, for perks, and a peer's record of a day yet to come.
std::optional<absl::CivilDay> NextDutyDay(const State& state, const Rules& rules,
                                          absl::CivilDay today) {
  const bool social =
      rules.HasRole(rules.own_agency, config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  if (!social && !rules.HasRole(rules.own_agency, config::v1::AGENCY_ROLE_BENEFIT_PAYER)) {
    return std::nullopt;
  }
  std::optional<absl::CivilDay> next = state.days.FirstAfter(today);
  if (!social) return next;
  for (const Period& period : state.periods.Periods()) {
    if (period.starts_on > today && (!next || period.starts_on < *next)) next = period.starts_on;
  }
  return next;
}

}  // namespace polku::compensation
