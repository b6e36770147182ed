#include "services/audit/places.h"

#include <algorithm>
#include <set>
#include <utility>

#include "eventstore/base/clock.h"
#include "services/core/case_sort.h"
#include "services/core/message_cast.h"
#include "services/core/periods.h"
#include "services/referral/state.h"

namespace polku::audit {
namespace {

using service::As;

struct Answer {
  referral::v1::PlaceAnswer answer = referral::v1::PLACE_ANSWER_UNSPECIFIED;
  std::string place_code;
  std::string waiting_since;  // day and number of the first WAITLIST that nothing but WAITLIST followed
  uint64_t waiting_number = 0;
};

bool IsAccepted(referral::v1::ReferralStatus status) {
  return status == referral::v1::REFERRAL_STATUS_ACCEPTED ||
         status == referral::v1::REFERRAL_STATUS_IN_PROGRESS ||
         status == referral::v1::REFERRAL_STATUS_ON_HOLD;
}

bool IsOpenOn(const referral::v1::PlaceListed& listed, const std::string& withdrawn_on,
              absl::CivilDay day) {
  const auto from = ParseDay(listed.valid_from());
  const auto until = ParseDay(listed.valid_until());
  const auto withdrawn = ParseDay(withdrawn_on);
  return (!from || *from <= day) && (!until || day <= *until) && (!withdrawn || day < *withdrawn);
}

}  // namespace

struct PlacesFold::CaseFold {
  referral::State state;
  service::PeriodBook periods;
  host::TakenEvents counted;
  std::map<std::string, Answer> answers;      // by referral
  std::map<std::string, std::string> wanted;  // place by referral
  std::map<std::string, std::string> agreed;  // place by referral
  std::map<std::string, absl::CivilDay> start_named;  // the last day said of it before its start, by referral

  void NameStart(const std::string& referral_id, std::string_view day);
  void Add(const Event& event, uint64_t number);
  std::string PlaceOf(const std::string& referral_id) const;
};

void PlacesFold::CaseFold::NameStart(const std::string& referral_id, std::string_view day) {
  const auto named = ParseDay(day);
  if (!named) return;
  absl::CivilDay& last = start_named.try_emplace(referral_id, *named).first->second;
  last = std::max(last, *named);
}

void PlacesFold::CaseFold::Add(const Event& event, uint64_t number) {
  const service::Fact fact = event.fact();
  referral::EvolveState(state, fact);
  periods.Fold(fact);
  if (const auto* made = As<referral::v1::ReferralMade>(*event.body)) {
    wanted[made->referral_id()] = made->place_code();
    NameStart(made->referral_id(), made->made_on());
    NameStart(made->referral_id(), made->wanted_from());
  } else if (const auto* changed = As<referral::v1::ReferralStatusChanged>(*event.body)) {
    NameStart(changed->referral_id(), changed->effective_on());
  } else if (const auto* visit = As<referral::v1::IntroductoryVisitHeld>(*event.body)) {
    NameStart(visit->referral_id(), visit->start_on());
  } else if (const auto* agreement = As<referral::v1::AgreementMade>(*event.body)) {
    NameStart(agreement->referral_id(), agreement->starts_on());
    if (!agreement->referral_id().empty() && !agreement->place_code().empty()) {
      agreed[agreement->referral_id()] = agreement->place_code();
    }
  } else if (const auto* answered = As<referral::v1::PlaceAnswered>(*event.body)) {
    Answer& answer = answers[answered->referral_id()];
    const bool waits = answered->answer() == referral::v1::PLACE_ANSWER_WAITLIST;
    if (waits && answer.answer != referral::v1::PLACE_ANSWER_WAITLIST) {
      answer.waiting_since = answered->answered_on();
      answer.waiting_number = number;
    }
    NameStart(answered->referral_id(), answered->answered_on());
    NameStart(answered->referral_id(), answered->available_from());
    answer.answer = answered->answer();
    answer.place_code = answered->place_code();
  }
}

std::string PlacesFold::CaseFold::PlaceOf(const std::string& referral_id) const {
  const auto found = [&](const auto& places) {
    const auto place = places.find(referral_id);
    return place == places.end() ? std::string() : place->second;
  };
  if (std::string place = found(agreed); !place.empty()) return place;
  if (const auto answer = answers.find(referral_id);
      answer != answers.end() && !answer->second.place_code.empty()) {
    return answer->second.place_code;
  }
  return found(wanted);
}

PlacesFold::PlacesFold(const std::vector<log::HeldLog>& logs) {
  for (const auto& held : logs) several_epochs_.Add(held.head.origin);
}

PlacesFold::~PlacesFold() = default;

void PlacesFold::Add(const Event& event) {
  if (event.control() || event.body == nullptr || !event.counts) return;
  if (event.body->GetDescriptor()->file()->package() != "polku.referral.v1") return;
  if (service::IsAboutAPlace(*event.body)) {
    // A second time out of another epoch says the same.
    const std::string& author = event.header.author_agency();
    const auto* listed = As<referral::v1::PlaceListed>(*event.body);
    if (listed != nullptr && !listed->place_code().empty()) {
      Catalogued& place = catalogue_[{listed->provider_agency(), listed->place_code()}];
      if (place.keeper.empty()) place.keeper = author;
      // As the referral service has it of a place's case (PlaceIsTheirs): whatever case another puts it in.
      if (author != place.keeper && author != listed->provider_agency()) return;
      place.listed = *listed;
      place.withdrawn_on.clear();
    } else if (const auto* withdrawn = As<referral::v1::PlaceWithdrawn>(*event.body)) {
      const auto place = catalogue_.find({withdrawn->provider_agency(), withdrawn->place_code()});
      if (place != catalogue_.end() &&
          (author == place->second.keeper || author == withdrawn->provider_agency())) {
        place->second.withdrawn_on = withdrawn->withdrawn_on();
      }
    }
    return;
  }
  std::unique_ptr<CaseFold>& fold = cases_[event.case_id];
  if (fold == nullptr) fold = std::make_unique<CaseFold>();
  if (several_epochs_.Has(event.origin) &&
      !fold->counted.emplace(event.id, event.header.author_agency()).second) {
    return;
  }
  fold->Add(event, ++events_);
}

std::vector<referral::v1::PlaceListed> PlacesFold::Listed() const {
  std::vector<referral::v1::PlaceListed> all;
  for (const auto& [key, catalogued] : catalogue_) {
    if (catalogued.listed) all.push_back(*catalogued.listed);
  }
  return all;
}

std::vector<PlaceState> PlacesFold::On(absl::CivilDay day) const {
  std::map<Key, PlaceState> places;
  const auto place = [&](const std::string& provider, const std::string& code) -> PlaceState& {
    PlaceState& found = places[{provider, code}];
    found.provider_agency = provider;
    found.place_code = code;
    return found;
  };
  for (const auto& [key, catalogued] : catalogue_) {
    if (!catalogued.listed) continue;
    PlaceState& found = place(std::get<0>(key), std::get<1>(key));
    found.listed = catalogued.listed;
    found.withdrawn_on = catalogued.withdrawn_on;
    found.open = IsOpenOn(*catalogued.listed, catalogued.withdrawn_on, day);
  }
  std::map<Key, std::vector<std::pair<uint64_t, WaitingClient>>> waiting;
  for (const auto& [case_id, fold] : cases_) {
    std::set<std::string> begun;  // referrals whose service has begun, though it may have ended
    for (const service::Period& period : fold->periods.Periods()) {
      const auto known = fold->state.periods.find(period.id);
      if (known != fold->state.periods.end()) {
        if (fold->state.IsVoid(known->second)) continue;
        if (period.starts_on <= day) begun.insert(known->second.referral_id);
      }
      if (!period.Spans(day)) continue;
      const service::Period::Stretch& stretch = period.On(day);
      ++place(stretch.provider_agency, stretch.place_code).running;
    }
    for (const auto& [referral_id, referral] : fold->state.referrals) {
      if (referral.target_agency.empty()) continue;  // sealed here, or a draft
      const std::string provider(fold->state.successors.Acting(referral.target_agency, day));
      const auto answer = fold->answers.find(referral_id);
      if (IsAccepted(referral.status)) {
        if (begun.contains(referral_id)) continue;
        PlaceState& kept = place(provider, fold->PlaceOf(referral_id));
        const auto named = fold->start_named.find(referral_id);
        if (named != fold->start_named.end() && day > named->second + kPlaceKeptDays) {
          kept.never_began.push_back({case_id, referral_id, FormatDay(named->second)});
        } else {
          ++kept.accepted;
        }
      } else if (referral.status == referral::v1::REFERRAL_STATUS_REQUESTED &&
                 answer != fold->answers.end() &&
                 answer->second.answer == referral::v1::PLACE_ANSWER_WAITLIST) {
        const std::string code = fold->PlaceOf(referral_id);
        place(provider, code);
        waiting[{provider, code}].push_back(
            {answer->second.waiting_number,
             {case_id, referral_id, answer->second.waiting_since}});
      }
    }
  }
  for (auto& [key, clients] : waiting) {
    std::sort(clients.begin(), clients.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [number, client] : clients) places[key].waiting.push_back(std::move(client));
  }
  std::vector<PlaceState> all;
  for (auto& [key, state] : places) {
    if (state.open || state.taken() > 0 || !state.waiting.empty() || !state.never_began.empty()) {
      all.push_back(std::move(state));
    }
  }
  return all;
}

}  // namespace polku::audit
