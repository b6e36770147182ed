#include "services/core/periods.h"

#include <algorithm>
#include <utility>

#include "services/core/calendar.h"
#include "services/core/case_sort.h"
#include "services/core/message_cast.h"

namespace polku::service {
namespace {

namespace ref = referral::v1;

// The newest of `told` that `usable` accepts, an organiser's word before the provider's own.
template <typename List, typename Usable>
auto Strongest(const List& told, Usable usable, std::string_view provider,
               const Successors& successors) -> const typename List::value_type* {
  const auto by = [&](const auto& candidate) {
    return !provider.empty() && successors.IsOrSucceeds(candidate.author, provider);
  };
  const typename List::value_type* best = nullptr;
  for (const auto& candidate : told) {
    if (!usable(candidate.message)) continue;
    const bool by_provider = by(candidate);
    const bool best_by_provider = best != nullptr && by(*best);
    if (best == nullptr || !by_provider || best_by_provider) best = &candidate;
  }
  return best;
}

std::string FirstFilled(std::string_view a, std::string_view b) {
  return std::string(a.empty() ? b : a);
}

}  // namespace

std::optional<absl::CivilDay> Period::LastDay() const { return ended_on ? ended_on : agreed_until; }

bool Period::Spans(absl::CivilDay day) const {
  const auto last = LastDay();
  return starts_on <= day && (!last || day <= *last);
}

const Period::Interruption* Period::InterruptedOn(absl::CivilDay day) const {
  for (const auto& interruption : interruptions) {
    if (interruption.from <= day && (!interruption.resumed_on || day < *interruption.resumed_on)) {
      return &interruption;
    }
  }
  return nullptr;
}

const Period::Stretch& Period::On(absl::CivilDay day) const {
  const Stretch* held = &stretches.front();
  for (const auto& stretch : stretches) {
    if (stretch.from <= day) held = &stretch;
  }
  return *held;
}

bool Period::ServedBy(std::string_view agency, absl::CivilDay day, absl::CivilDay today) const {
  const Stretch& stretch = On(day);
  if (stretch.provider_agency.empty() || stretch.provider_agency == agency) return true;
  const auto successor = stretch.successors.find(agency);
  return successor != stretch.successors.end() && successor->second <= today;
}

EventId Period::WhyOutside(absl::CivilDay day) const {
  if (day < starts_on) return start_cause;
  if (const auto last = LastDay(); last && *last < day) return ended_on ? end_cause : until_cause;
  if (const auto* interruption = InterruptedOn(day)) return interruption->cause;
  return start_cause;
}

void PeriodBook::Fold(const Fact& fact) {
  const auto& body = fact.body;
  if (body.GetDescriptor()->file()->package() == "polku.referral.v1" && !IsAboutAPlace(body)) {
    client_case_ = true;
  }
  successors_.Fold(fact);
  const auto told = [&](auto& list, const auto& message) {
    list.push_back({fact.id, std::string(fact.author_agency), message});
  };
  if (const auto* referral = As<ref::ReferralMade>(body)) {
    if (!referral->target_agency().empty()) {
      target_of_referral_[referral->referral_id()] = referral->target_agency();
    }
  } else if (const auto* need = As<ref::NeedIdentified>(body)) {
    if (!need->municipality_code().empty()) municipality_code_ = need->municipality_code();
  } else if (const auto* client = As<ref::ClientIdentified>(body)) {
    if (!client->municipality_code().empty()) municipality_code_ = client->municipality_code();
  } else if (const auto* agreement = As<ref::AgreementMade>(body)) {
    if (agreement->period_id().empty()) return;
    Facts& facts = by_period_[agreement->period_id()];
    facts.agreement = Agreement{agreement->provider_agency(), agreement->place_code(),
                                agreement->ends_on(), agreement->schedule(), fact.id};
    facts.decider = fact.author_agency;
  } else if (const auto* decision = As<ref::DecisionMade>(body)) {
    if (!decision->period_id().empty()) {
      by_period_[decision->period_id()].decider = fact.author_agency;
    }
  } else if (const auto* start = As<ref::ServiceStarted>(body)) {
    if (!start->period_id().empty()) told(by_period_[start->period_id()].starts, *start);
  } else if (const auto* extension = As<ref::ServiceExtended>(body)) {
    told(by_period_[extension->period_id()].extensions, *extension);
  } else if (const auto* change = As<ref::ServiceChanged>(body)) {
    told(by_period_[change->period_id()].changes, *change);
    by_period_[change->period_id()].changes.back().message.clear_reason_text();
  } else if (const auto* interruption = As<ref::ServiceInterrupted>(body)) {
    auto& list = by_period_[interruption->period_id()].interruptions;
    told(list, *interruption);
    list.back().message.clear_reason_text();  // why is nothing that this fold needs to hold
    list.back().message.clear_health_reason();
  } else if (const auto* resumption = As<ref::ServiceResumed>(body)) {
    told(by_period_[resumption->period_id()].resumptions, *resumption);
  } else if (const auto* end = As<ref::ServiceEnded>(body)) {
    auto& list = by_period_[end->period_id()].ends;
    told(list, *end);
    list.back().message.clear_exit_code();
    list.back().message.clear_note();
  }
}

// The same stretches with who acted for the named provider, cut where that changed.
std::vector<Period::Stretch> PeriodBook::HandedOver(
    const std::vector<Period::Stretch>& named) const {
  std::vector<Period::Stretch> acted;
  for (size_t i = 0; i < named.size(); ++i) {
    const std::string& provider = named[i].provider_agency;
    const auto next = i + 1 < named.size() ? named[i + 1].from : absl::CivilDay::max();
    const size_t first = acted.size();
    acted.push_back(named[i]);
    acted.back().provider_agency = successors_.Acting(provider, named[i].from);
    for (const auto& transfer : successors_.transfers()) {
      const absl::CivilDay day = transfer.effective_on;
      const std::string_view acting = successors_.Acting(provider, day);
      if (day <= named[i].from || acting == acted.back().provider_agency) continue;
      for (size_t earlier = first; earlier < acted.size(); ++earlier) {
        acted[earlier].successors.emplace(acting, day);
      }
      if (day >= next) continue;  // the stretch was over; its successor may still speak of it
      acted.push_back(named[i]);
      acted.back().from = day;
      acted.back().provider_agency = acting;
      acted.back().cause = transfer.cause;
    }
  }
  return acted;
}

std::optional<Period> PeriodBook::Resolve(const std::string& id, const Facts& facts) const {
  const auto named = [&](const Told<ref::ServiceStarted>& told) -> std::string {
    if (!told.message.provider_agency().empty()) return told.message.provider_agency();
    if (facts.agreement && !facts.agreement->provider_agency.empty()) {
      return facts.agreement->provider_agency;
    }
    const auto referral = target_of_referral_.find(told.message.referral_id());
    return referral == target_of_referral_.end() ? std::string() : referral->second;
  };
  std::string provider;
  for (const auto& told : facts.starts) provider = FirstFilled(named(told), provider);
  const auto* start = Strongest(
      facts.starts, [](const auto& m) { return ParseDate(m.starts_on()).has_value(); }, provider,
      successors_);
  if (start == nullptr) return std::nullopt;
  const ref::ServiceStarted& said = start->message;

  Period period;
  period.id = id;
  period.starts_on = *ParseDate(said.starts_on());
  period.first_started_on = ParseDate(said.first_started_on()).value_or(period.starts_on);
  period.start_cause = start->id;
  period.provision = said.provision();
  period.municipality_code = FirstFilled(said.municipality_code(), municipality_code_);
  period.agreed_until = ParseDate(said.ends_on());
  period.until_cause = start->id;
  if (!period.agreed_until && facts.agreement) {
    period.agreed_until = ParseDate(facts.agreement->ends_on);
    period.until_cause = facts.agreement->id;
  }

  Period::Stretch first{period.starts_on, FirstFilled(named(*start), provider), said.place_code(),
                        said.schedule(), start->id};
  if (facts.agreement) {
    first.place_code = FirstFilled(first.place_code, facts.agreement->place_code);
    if (!said.has_schedule()) first.schedule = facts.agreement->schedule;
  }
  period.stretches.push_back(first);

  // (from, told): a change holds from its own day, an extension's schedule from the first day that
  // the period had not reached before.
  std::vector<Period::Stretch> later;
  for (const auto& told : facts.changes) {
    const auto from = ParseDate(told.message.changed_from());
    if (!from) continue;
    later.push_back({*from, told.message.provider_agency(), told.message.place_code(),
                     told.message.schedule(), told.id});
  }
  for (const auto& told : facts.extensions) {
    const auto until = ParseDate(told.message.ends_on());
    if (!until) continue;
    if (told.message.has_schedule() && period.agreed_until) {
      later.push_back({*period.agreed_until + 1, "", "", told.message.schedule(), told.id});
    }
    period.agreed_until = until;
    period.until_cause = told.id;
  }
  std::stable_sort(later.begin(), later.end(),
                   [](const auto& a, const auto& b) { return a.from < b.from; });
  for (auto& stretch : later) {
    const Period::Stretch& before = period.stretches.back();
    stretch.from = std::max(stretch.from, period.starts_on);
    stretch.provider_agency = FirstFilled(stretch.provider_agency, before.provider_agency);
    stretch.place_code = FirstFilled(stretch.place_code, before.place_code);
    if (stretch.schedule.ByteSizeLong() == 0) stretch.schedule = before.schedule;
    period.stretches.push_back(stretch);
  }
  if (!successors_.transfers().empty()) period.stretches = HandedOver(period.stretches);

  for (const auto& told : facts.interruptions) {
    const auto from = ParseDate(told.message.interrupted_from());
    if (!from) continue;
    Period::Interruption interruption{*from, std::nullopt, told.id, EventId()};
    for (const auto& resumption : facts.resumptions) {
      const auto on = ParseDate(resumption.message.resumed_on());
      if (!on || *on < *from) continue;
      if (!interruption.resumed_on || *on < *interruption.resumed_on) {
        interruption.resumed_on = on;
        interruption.resumed_cause = resumption.id;
      }
    }
    period.interruptions.push_back(interruption);
  }
  std::stable_sort(period.interruptions.begin(), period.interruptions.end(),
                   [](const auto& a, const auto& b) { return a.from < b.from; });

  const auto* end = Strongest(
      facts.ends, [](const auto& m) { return ParseDate(m.ended_on()).has_value(); }, provider,
      successors_);
  if (end != nullptr) {
    period.ended_on = ParseDate(end->message.ended_on());
    period.end_cause = end->id;
  }
  return period;
}

std::vector<Period> PeriodBook::Periods() const {
  std::vector<Period> periods;
  for (const auto& [id, facts] : by_period_) {
    if (auto period = Resolve(id, facts)) periods.push_back(*std::move(period));
  }
  std::stable_sort(periods.begin(), periods.end(),
                   [](const auto& a, const auto& b) { return a.starts_on < b.starts_on; });
  return periods;
}

std::string_view PeriodBook::DeciderOf(std::string_view period_id) const {
  const auto it = by_period_.find(period_id);
  return it == by_period_.end() ? std::string_view() : std::string_view(it->second.decider);
}

const Period* PeriodFor(const std::vector<Period>& periods, std::string_view author,
                        std::string_view period_id, absl::CivilDay date) {
  const Period* spanning = nullptr;
  const Period* begun = nullptr;
  for (const Period& period : periods) {  // ascending by first day: the last match begun latest
    if (!period_id.empty()) {
      if (period.id == period_id) return &period;
      continue;
    }
    if (period.starts_on > date || !period.ServedBy(author, date)) continue;
    begun = &period;
    if (period.Spans(date)) spanning = &period;
  }
  return spanning != nullptr ? spanning : begun;
}

}  // namespace polku::service
