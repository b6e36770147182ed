// Random but legal histories: five services of five agencies, each with its own log, through their own
// decide and due, with deliveries that come late and bundled and with the sections that each may open.
// Among them days that break the limits, journeys claimed beside journeys granted unasked, and statements to one payer
// of several. Whatever happened, the money at the end is what one who reads the finished history day by day computes
// (Expected below asks each day by itself; nothing of the services' own folds is used).
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/attendance/attendance.h"
#include "services/compensation/compensation.h"
#include "services/compensation/state.h"
#include "services/core/codec.h"
#include "services/core/message_cast.h"
#include "tests/referral/oulu_path.h"
#include "tests/support/random.h"

namespace polku {
namespace {

namespace av = attendance::v1;
namespace cv = compensation::v1;
namespace rv = referral::v1;
using service::As;
using service::FormatDate;
using service::Payment;
using service::PaymentStatus;
using service::Posting;
using testing::kKela;
using testing::kOtherProvider;
using testing::kOulu;
using testing::kPohde;
using testing::kVerstas;
using testing::OnDay;
using testing::SeededGenerator;

constexpr std::string_view kFund = "FI/COM/3456780-6/kassa";
constexpr char kIban[] = "FI2112345600000785";

struct Entry {
  EventId id;
  std::string origin;
  uint64_t position = 0;
  uint64_t order = 0;
  std::string author;
  std::string official;
  std::shared_ptr<const google::protobuf::Message> body;
  bool opened = false;  // cut to what a reader may open

  friend bool operator<(const Entry& a, const Entry& b) {
    return std::tie(a.order, a.origin, a.position) < std::tie(b.order, b.origin, b.position);
  }
};

service::Fact FactOf(const Entry& entry) {
  return {.id = entry.id,
          .case_id = CaseId(),
          .origin = entry.origin,
          .position = Position(entry.position),
          .order = Order(entry.order),
          .recorded_at = absl::UnixEpoch(),
          .author_agency = entry.author,
          .author_official = entry.official,
          .body = *entry.body};
}

// What a reader who may open `kinds` is shown of an event.
std::shared_ptr<const google::protobuf::Message> Opened(const google::protobuf::Message& body,
                                                        const std::set<SectionKind>& kinds) {
  std::string bytes;
  for (const auto& section :
       service::SplitSections(*body.GetDescriptor(), body.SerializeAsString())) {
    if (kinds.contains(section.kind)) bytes += section.plaintext;
  }
  std::shared_ptr<google::protobuf::Message> opened(body.New());
  EXPECT_TRUE(opened->ParseFromString(bytes));
  return opened;
}

// A service of one agency with its own log and what it has received.
class Site {
 public:
  Site(std::string_view whose, std::unique_ptr<service::Service> made,
       const config::v1::Profile& profile, const config::v1::Agreement& agreement,
       std::set<SectionKind> opens)
      : agency(whose),
        origin(std::string(whose) + "/" + std::string(made->name()) + "/1"),
        service(std::move(made)),
        profile_(profile),
        agreement_(agreement),
        opens_(std::move(opens)),
        state_(service->NewState(CaseId())) {}

  service::Rules rules() const { return {profile_, agreement_, agency}; }
  const service::CaseState& state() const { return *state_; }
  const compensation::State& money() const {
    return static_cast<const compensation::State&>(*state_);
  }

  // "" when it was taken.
  std::string Offer(std::string_view author, std::string_view official,
                    const google::protobuf::Message& body, absl::CivilDay today) {
    const EventId id = DerivedEventId(origin + " offer " + std::to_string(log.size()));
    const auto refusal =
        service->Decide(*state_, {id, CaseId(), author, official, body}, rules(), today);
    if (refusal) return refusal->code;
    Append(id, author, official, testing::Copy(body));
    return "";
  }

  // Appends what is due; how much that was. A key and generation that come twice would be lost as repeats.
  size_t Run(absl::CivilDay today) {
    const auto duties = service->Due(*state_, rules(), today);
    for (const auto& duty : duties) {
      const std::string key = duty.key + "#" + std::to_string(duty.generation);
      EXPECT_TRUE(used_.insert(key).second) << origin << ": " << key << " is said twice";
      Append(DerivedEventId(origin + " " + key), agency, "", testing::Copy(*duty.event));
    }
    return duties.size();
  }

  void Receive(const Entry& entry) {
    Entry opened = entry;
    opened.body = Opened(*entry.body, opens_);
    clock_ = std::max(clock_, opened.order);
    Learn(std::move(opened));
  }

  // Everything known here folded anew, in any order of arrival.
  std::unique_ptr<service::CaseState> Replayed() const {
    auto state = service->NewState(CaseId());
    for (const Entry& entry : held_) service->Evolve(*state, FactOf(entry));
    return state;
  }
  const std::vector<Entry>& held() const { return held_; }

  const std::string agency;
  const std::string origin;
  const std::unique_ptr<service::Service> service;
  std::vector<Entry> log;
  std::map<const Site*, size_t> received;  // of the other logs: how far

 private:
  void Append(EventId id, std::string_view author, std::string_view official,
              std::shared_ptr<const google::protobuf::Message> body) {
    Entry entry{id,          origin,           log.size(), ++clock_, std::string(author),
                std::string(official), std::move(body)};
    log.push_back(entry);
    Learn(std::move(entry));
  }
  // As services/host does: the last one is folded on, a late one refolds.
  void Learn(Entry entry) {
    const auto place = std::upper_bound(held_.begin(), held_.end(), entry);
    const bool last = place == held_.end();
    const auto it = held_.insert(place, std::move(entry));
    if (last) {
      service->Evolve(*state_, FactOf(*it));
    } else {
      state_ = Replayed();
    }
  }

  const config::v1::Profile& profile_;
  const config::v1::Agreement& agreement_;
  const std::set<SectionKind> opens_;
  std::unique_ptr<service::CaseState> state_;
  std::vector<Entry> held_;
  std::set<std::string> used_;
  uint64_t clock_ = 0;
};

// ---- The finished history, read day by day ----

struct Expected {
  std::map<std::string, std::map<absl::CivilDay, int64_t>> allowance;  // by payer
  std::map<absl::CivilDay, int64_t> travel;                            // by what it covers from
  std::set<absl::CivilDay> counted;
  size_t claimed_days = 0;
};

// A grant for a claim that stands.
struct ClaimedRange {
  std::string period_id;
  absl::CivilDay from;
  absl::CivilDay until;
};

class Reader {
 public:
  Reader(std::vector<Entry> all, std::vector<ClaimedRange> claims, const config::v1::Profile& profile)
      : all_(std::move(all)), claims_(std::move(claims)), profile_(profile) {
    std::erase_if(all_, [](const Entry& entry) {
      const std::string& package = entry.body->GetDescriptor()->file()->package();
      return (package == "polku.compensation.v1" &&
              As<cv::TravelMeansChosen>(*entry.body) == nullptr) ||
             (package == "polku.attendance.v1" && As<av::DayRecorded>(*entry.body) == nullptr &&
              As<av::DayCorrected>(*entry.body) == nullptr);
    });
    std::sort(all_.begin(), all_.end());
  }

  Expected Read(absl::CivilDay first, absl::CivilDay last) const {
    Expected expected;
    absl::CivilDay card_until = first - 1;
    for (absl::CivilDay day = first; day <= last; ++day) {
      const auto attended = Attended(day);
      if (attended.empty()) continue;
      int before = 0;  // attended days of the same week
      for (absl::CivilDay other = day - static_cast<int>(absl::GetWeekday(day)); other < day; ++other) {
        if (!Attended(other).empty()) ++before;
      }
      if (before >= 4) continue;
      const auto paid = Unbroken(day, attended);
      if (paid.empty()) continue;
      expected.counted.insert(day);
      if (const std::string payer = PayerOn(day, paid); !payer.empty()) {
        expected.allowance[payer][day] = 900;
      }
      size_t claimed = 0;
      for (const ClaimedRange& claim : claims_) {
        if (day < claim.from || claim.until < day) continue;
        for (const Period& period : paid) claimed += period.id == claim.period_id ? 1 : 0;
      }
      EXPECT_LE(claimed, 1u) << FormatDate(day) << ": one journey is granted by two claims";
      expected.claimed_days += claimed;
      if (claimed > 0) continue;
      const bool chosen = std::any_of(paid.begin(), paid.end(), [&](const Period& period) {
        return ChosenMeans(day, period.id) == profile_.travel(0).means();
      });
      if (profile_.travel_size() > 1 && !chosen) continue;
      const auto& rule = profile_.travel(0);
      if (rule.mode() == event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD) {
        if (day > card_until) {
          const absl::CivilDay start = paid.front().from;
          const absl::CivilDay from = start + (day - start) / 30 * 30;
          expected.travel[from] = rule.cents();
          card_until = from + 29;
        }
      } else if (rule.mode() != event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS) {
        expected.travel[day] = rule.cents();
      }
    }
    return expected;
  }

  struct Period {
    absl::CivilDay from;
    std::string id;
    std::string provider;  // on the day that was asked for
    bool spans = false;    // not over
    bool runs = false;     // not interrupted either
    int64_t minutes = 0;   // of the day that was asked for, where the client was there
    friend bool operator<(const Period& a, const Period& b) {
      return std::tie(a.from, a.id) < std::tie(b.from, b.id);
    }
  };
  // The periods that have begun by that day, by their first day.
  std::vector<Period> BegunBy(absl::CivilDay day) const {
    std::vector<Period> found;
    for (const Entry& entry : all_) {
      const auto* start = As<rv::ServiceStarted>(*entry.body);
      if (start == nullptr || Newest<rv::ServiceStarted>(start->period_id()) != &entry) continue;
      const absl::CivilDay from = OnDay(start->starts_on());
      if (day < from) continue;
      const absl::CivilDay until = LastDayOf(*start);
      found.push_back({from, start->period_id(), ProviderOn(start->period_id(), day), day <= until,
                       day <= until && !Interrupted(start->period_id(), day), 0});
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  template <typename Event>
  const Entry* Newest(const std::string& period_id) const {
    const Entry* newest = nullptr;
    for (const Entry& entry : all_) {
      const auto* event = As<Event>(*entry.body);
      if (event != nullptr && event->period_id() == period_id) newest = &entry;
    }
    return newest;
  }
  // Social services' word before the provider's.
  const Entry* End(const std::string& period_id, const std::string& provider) const {
    const Entry* best = nullptr;
    for (const bool by_provider : {true, false}) {
      for (const Entry& entry : all_) {
        const auto* event = As<rv::ServiceEnded>(*entry.body);
        if (event == nullptr || event->period_id() != period_id) continue;
        if ((entry.author == provider) == by_provider) best = &entry;
      }
    }
    return best;
  }
  bool Interrupted(const std::string& period_id, absl::CivilDay day) const {
    for (const Entry& entry : all_) {
      const auto* from = As<rv::ServiceInterrupted>(*entry.body);
      if (from == nullptr || from->period_id() != period_id) continue;
      if (day < OnDay(from->interrupted_from())) continue;
      const bool resumed = std::any_of(all_.begin(), all_.end(), [&](const Entry& other) {
        const auto* event = As<rv::ServiceResumed>(*other.body);
        return event != nullptr && event->period_id() == period_id &&
               OnDay(event->resumed_on()) >= OnDay(from->interrupted_from()) &&
               OnDay(event->resumed_on()) <= day;
      });
      if (!resumed) return true;
    }
    return false;
  }
  absl::CivilDay LastDayOf(const rv::ServiceStarted& start) const {
    if (const Entry* end = End(start.period_id(), start.provider_agency())) {
      return OnDay(As<rv::ServiceEnded>(*end->body)->ended_on());
    }
    if (const Entry* more = Newest<rv::ServiceExtended>(start.period_id())) {
      return OnDay(As<rv::ServiceExtended>(*more->body)->ends_on());
    }
    return OnDay(start.ends_on());
  }
  std::string ProviderOn(const std::string& period_id, absl::CivilDay day) const {
    std::string provider;
    absl::CivilDay since = absl::CivilDay::min();
    for (const Entry& entry : all_) {
      if (const auto* start = As<rv::ServiceStarted>(*entry.body)) {
        if (start->period_id() == period_id && since == absl::CivilDay::min()) {
          provider = start->provider_agency();
        }
      } else if (const auto* change = As<rv::ServiceChanged>(*entry.body)) {
        if (change->period_id() != period_id) continue;
        const absl::CivilDay from = OnDay(change->changed_from());
        if (from > day || from < since) continue;
        provider = change->provider_agency();
        since = from;
      }
    }
    return provider;
  }
  // The periods in which the client was there on that day.
  std::vector<Period> Attended(absl::CivilDay day) const {
    const auto [found, first] = attended_.try_emplace(day);
    if (first) found->second = FindAttended(day);
    return found->second;
  }
  std::vector<Period> FindAttended(absl::CivilDay day) const {
    const auto begun = BegunBy(day);
    std::vector<Period> attended;
    for (Period period : begun) {
      if (!period.runs) continue;
      int64_t& minutes = period.minutes;
      for (const Entry& entry : all_) {
        if (entry.author != period.provider) continue;
        if (const auto* record = As<av::DayRecorded>(*entry.body)) {
          if (OnDay(record->date()) == day && Means(*record, entry.author, begun) == period.id) {
            minutes = record->actual_minutes();
          }
        } else if (const auto* correction = As<av::DayCorrected>(*entry.body)) {
          if (OnDay(correction->date()) == day && Means(*correction, entry.author, begun) == period.id) {
            minutes = correction->withdrawn() ? 0 : correction->actual_minutes();
          }
        }
      }
      if (minutes > 0) attended.push_back(period);
    }
    return attended;
  }

  // Of the periods attended on that day those whose day is within the limits: 4 to 8 hours, no public holiday, and not
  // the day on which that provider's week goes over 32 hours.
  std::vector<Period> Unbroken(absl::CivilDay day, const std::vector<Period>& attended) const {
    static const std::set<std::string> kHolidays = {"2025-04-18", "2025-04-20", "2025-04-21", "2025-05-01",
                                                    "2025-05-29", "2025-06-08", "2025-06-21"};
    if (kHolidays.contains(FormatDate(day))) return {};
    std::map<std::string, int64_t> week;  // minutes by provider, before this day
    for (absl::CivilDay other = day - static_cast<int>(absl::GetWeekday(day)); other < day; ++other) {
      for (const Period& period : Attended(other)) week[period.provider] += period.minutes;
    }
    std::vector<Period> unbroken;
    for (const Period& period : attended) {
      int64_t& minutes = week[period.provider];
      const bool crosses = minutes <= 1920 && minutes + period.minutes > 1920;
      minutes += period.minutes;
      if (!crosses && 240 <= period.minutes && period.minutes <= 480) unbroken.push_back(period);
    }
    return unbroken;
  }

  event::v1::TravelMeans ChosenMeans(absl::CivilDay day, const std::string& period_id) const {
    const cv::TravelMeansChosen* newest = nullptr;
    for (const Entry& entry : all_) {
      const auto* chosen = As<cv::TravelMeansChosen>(*entry.body);
      if (chosen == nullptr || chosen->period_id() != period_id || day < OnDay(chosen->chosen_from())) {
        continue;
      }
      if (newest == nullptr || newest->chosen_from() <= chosen->chosen_from()) newest = chosen;
    }
    return newest == nullptr ? event::v1::TRAVEL_MEANS_UNSPECIFIED : newest->means();
  }

  // A record that names no period is of the latest begun of its author's periods that have not ended by then.
  template <typename Record>
  static std::string Means(const Record& record, const std::string& author,
                           const std::vector<Period>& begun) {
    std::string meant = record.period_id();
    for (const Period& period : begun) {
      if (record.period_id().empty() && period.spans && period.provider == author) meant = period.id;
    }
    return meant;
  }

  // Whose allowance the day is; empty: nobody's.
  std::string PayerOn(absl::CivilDay day, const std::vector<Period>& attended) const {
    std::string expense, activity;
    for (size_t i = 0; i < all_.size(); ++i) {
      const auto* benefit = As<rv::BenefitRecorded>(*all_[i].body);
      if (benefit == nullptr || benefit->kind() == event::v1::BENEFIT_KIND_NONE) continue;
      if (day < OnDay(benefit->valid_from())) continue;
      if (!benefit->valid_until().empty() && OnDay(benefit->valid_until()) < day) continue;
      bool holds = true;
      for (size_t j = i + 1; j < all_.size(); ++j) {
        const auto* later = As<rv::BenefitRecorded>(*all_[j].body);
        if (later == nullptr || day < OnDay(later->valid_from())) continue;
        if (later->kind() == benefit->kind()) holds = false;
        if (later->kind() == event::v1::BENEFIT_KIND_NONE &&
            (later->valid_until().empty() || day <= OnDay(later->valid_until()))) {
          holds = false;
        }
      }
      if (!holds) continue;
      const bool assistance = benefit->kind() == event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE;
      (assistance ? activity : expense) = benefit->payer_agency();
    }
    const bool entitled = std::any_of(attended.begin(), attended.end(), [&](const Period& period) {
      return Entitled(day, period.id, expense);
    });
    return entitled && !expense.empty() ? expense : activity;
  }
  bool Entitled(absl::CivilDay day, const std::string& period_id, const std::string& payer) const {
    bool entitled = true;  // nobody said otherwise
    for (const Entry& entry : all_) {
      const auto* statement = As<rv::PayerStatementGiven>(*entry.body);
      if (statement == nullptr || statement->period_id() != period_id) continue;
      if (statement->payer_agency() != payer) continue;
      if (day < OnDay(statement->effective_from())) continue;
      if (!statement->effective_until().empty() && OnDay(statement->effective_until()) < day) {
        continue;
      }
      entitled = statement->result() == rv::STATEMENT_RESULT_ENTITLED;
    }
    return entitled;
  }

  std::vector<Entry> all_;
  const std::vector<ClaimedRange> claims_;
  const config::v1::Profile& profile_;
  mutable std::map<absl::CivilDay, std::vector<Period>> attended_;  // asked before
};

// ---- The agencies and what they do ----

class World {
 public:
  static constexpr int kWaysOfTravelling = 6;
  World(uint64_t seed, int way_of_travelling) : random_(seed) {
    profile_ = testing::OuluProfile();
    profile_.mutable_travel()->Reserve(2);
    auto& travel = *profile_.mutable_travel(0);
    constexpr event::v1::TravelMode kModes[] = {
        event::v1::TRAVEL_MODE_MONTHLY_BUS_CARD, event::v1::TRAVEL_MODE_PER_DAY,
        event::v1::TRAVEL_MODE_AUTOMATIC, event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS};
    travel.set_mode(kModes[std::min(way_of_travelling, 3)]);
    if (way_of_travelling >= 4) {  // both ways at once: by bicycle unasked, by fares claimed
      travel.set_mode(event::v1::TRAVEL_MODE_PER_DAY);
      travel.set_means(event::v1::TRAVEL_MEANS_BICYCLE);
      *profile_.add_travel() = testing::Text<config::v1::TravelRule>(
          "id: 'fares' version: '1' mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS "
          "means: TRAVEL_MEANS_SINGLE_TICKET");
    }
    travel.set_cents(travel.mode() == event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS
                         ? 0
                         : 100 * static_cast<int>(random_.Below(60)));
    agreement_ = testing::OuluAgreement();
    auto* fund = agreement_.add_agencies();
    fund->set_name(std::string(kFund));
    fund->add_roles(config::v1::AGENCY_ROLE_BENEFIT_PAYER);
    using S = SectionKind;
    const std::set<S> worker = {S::kService, S::kIdentity, S::kSocial, S::kHealth};
    const std::set<S> payer = {S::kService, S::kPayment};
    Add(kOulu, referral::MakeReferralService(), {S::kService, S::kSocial, S::kHealth});
    Add(kVerstas, MakeAttendanceService(), worker);
    Add(kOtherProvider, MakeAttendanceService(), worker);
    Add(kKela, MakeCompensationService(), payer);
    Add(kFund, MakeCompensationService(), payer);
    Add(kPohde, MakeCompensationService(), {S::kService, S::kSocial, S::kPayment});
  }

  void Play() {
    for (const auto& step : referral::OuluPath()) {
      const auto refused = referral_().Offer(step.author, "o", *step.event, OnDay(step.day));
      ASSERT_EQ(refused, "") << step.name;
      if (step.name == "in progress") break;
    }
    DeliverAll();
    for (today_ = first_; today_ < last_; ++today_) {
      for (int i = 0; i < 3; ++i) ActOnce();
      for (auto& site : sites_) {
        if (random_.Below(3) != 0) site->Run(today_);
      }
      Deliver();
      if (absl::GetWeekday(today_) == absl::Weekday::friday) CheckPayments();
    }
    Settle();
    CheckPayments();
  }

  void Check() {
    std::vector<Entry> all;
    for (const auto& site : sites_) all.insert(all.end(), site->log.begin(), site->log.end());
    const Reader reader(all, StandingClaims(), profile_);
    const Expected expected = reader.Read(first_ - 7, last_);
    claimed_days_ = expected.claimed_days;
    for (const ClaimedRange& claim : StandingClaims()) {
      EXPECT_TRUE(std::any_of(expected.counted.begin(), expected.counted.end(),
                              [&](absl::CivilDay day) { return claim.from <= day && day <= claim.until; }))
          << "a claim is granted of no day: " << FormatDate(claim.from);
    }
    std::map<absl::CivilDay, int64_t> of_all_payers;
    for (Site* site : payers()) {
      std::map<absl::CivilDay, int64_t> allowance, travel;
      int64_t claims = 0;
      for (const Entry& entry : site->log) {
        if (const auto* accrued = As<cv::AllowanceAccrued>(*entry.body)) {
          allowance[OnDay(accrued->date())] += accrued->amount_cents();
        } else if (const auto* reversed = As<cv::AllowanceReversed>(*entry.body)) {
          allowance[OnDay(reversed->date())] -= reversed->amount_cents();
        } else if (const auto* granted = As<cv::TravelGranted>(*entry.body)) {
          if (!granted->claim_id().empty()) {
            claims += granted->amount_cents();
          } else {
            travel[OnDay(granted->covers_from())] += granted->amount_cents();
          }
        } else if (const auto* taken = As<cv::TravelReversed>(*entry.body)) {
          if (IsClaim(*site, taken->reversed_event_id())) {
            claims -= taken->amount_cents();
          } else {
            travel[OnDay(taken->covers_from())] -= taken->amount_cents();
          }
        }
      }
      for (const auto& [day, cents] : allowance) of_all_payers[day] += cents;
      const auto nothing = [](const auto& day) { return day.second == 0; };
      std::erase_if(allowance, nothing);
      std::erase_if(travel, nothing);
      const auto wanted = expected.allowance.find(site->agency);
      EXPECT_EQ(allowance, wanted == expected.allowance.end()
                               ? (std::map<absl::CivilDay, int64_t>())
                               : wanted->second)
          << site->agency;
      auto wanted_travel = site->agency == kPohde ? expected.travel
                                                  : std::map<absl::CivilDay, int64_t>();
      std::erase_if(wanted_travel, nothing);
      EXPECT_EQ(travel, wanted_travel) << site->agency;

      // What left the account is what the days give, less what is still to be paid or claimed.
      int64_t due = claims;
      for (const auto& [day, cents] : allowance) due += cents;
      for (const auto& [day, cents] : travel) due += cents;
      int64_t moved = 0, open = 0;
      for (const Entry& entry : site->log) {
        if (const auto* paid = As<cv::PaymentPaid>(*entry.body)) moved += paid->total_cents();
        if (const auto* back = As<cv::PaymentReversed>(*entry.body)) moved -= back->amount_cents();
      }
      for (const Posting* posting :
           site->money().ledger.Unsettled(site->agency, std::nullopt, std::nullopt, today_)) {
        open += posting->cents;
      }
      EXPECT_EQ(moved + open, due) << site->agency;
      EXPECT_LE(open, 0) << site->agency << ": everything above nothing has been paid";
    }
    for (const auto& [day, cents] : of_all_payers) {
      EXPECT_TRUE(cents == 0 || cents == 900) << FormatDate(day) << ": " << cents;
      EXPECT_TRUE(cents == 0 || expected.counted.contains(day)) << FormatDate(day);
    }
    for (auto& site : sites_) CheckReplay(*site);
    if (!::testing::Test::HasFailure()) return;
    std::sort(all.begin(), all.end());
    std::string told;  // the days and what they depend on, for whoever has to find out
    for (const Entry& entry : all) {
      if (entry.body->GetDescriptor()->file()->package() == "polku.compensation.v1" &&
          entry.body->GetDescriptor()->name().substr(0, 9) != "Allowance") {
        continue;
      }
      told += entry.author + " " + std::to_string(entry.order) + " " +
              entry.body->GetDescriptor()->name() + " " + entry.body->ShortDebugString() + "\n";
    }
    ADD_FAILURE() << told;
  }

  // How often each type was taken as an offer or said as a duty.
  std::map<std::string, int> CountTypes() const {
    std::map<std::string, int> counts;
    for (const auto& site : sites_) {
      for (const Entry& entry : site->log) ++counts[entry.body->GetDescriptor()->name()];
    }
    return counts;
  }
  const std::map<std::string, int>& refused() const { return refused_; }
  // Attended days whose journey is paid by a claim at the end.
  size_t claimed_days() const { return claimed_days_; }

 private:
  // What was granted for claims and not taken back, read from the organiser's log alone.
  std::vector<ClaimedRange> StandingClaims() {
    std::map<std::string_view, ClaimedRange> standing;
    for (const Entry& entry : payers().back()->log) {
      if (const auto* granted = As<cv::TravelGranted>(*entry.body)) {
        if (granted->claim_id().empty()) continue;
        standing[entry.id.view()] = {granted->period_id(), OnDay(granted->covers_from()),
                                     OnDay(granted->covers_until())};
      } else if (const auto* taken = As<cv::TravelReversed>(*entry.body)) {
        standing.erase(taken->reversed_event_id());
      }
    }
    std::vector<ClaimedRange> ranges;
    for (const auto& [id, range] : standing) ranges.push_back(range);
    return ranges;
  }
  void Add(std::string_view agency, std::unique_ptr<service::Service> service,
           std::set<SectionKind> opens) {
    sites_.push_back(
        std::make_unique<Site>(agency, std::move(service), profile_, agreement_, std::move(opens)));
  }
  Site& referral_() { return *sites_[0]; }
  std::vector<Site*> payers() { return {sites_[3].get(), sites_[4].get(), sites_[5].get()}; }

  template <typename T, size_t N>
  T Pick(const T (&of)[N]) {
    return of[random_.Below(N)];
  }
  absl::CivilDay Around(int before, int after) {
    return today_ - before + static_cast<int>(random_.Below(static_cast<uint64_t>(before + after + 1)));
  }

  void Try(Site& site, std::string_view author, const google::protobuf::Message& body,
           std::string_view official = "o") {
    const std::string code = site.Offer(author, official, body, today_);
    if (!code.empty()) ++refused_[body.GetDescriptor()->name() + " " + code];
  }

  void ActOnce() {
    switch (random_.Below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return RecordDay();
      case 4:
      case 5:
        return CorrectDay();
      case 6:
        return ChangeService();
      case 7:
        return ChangeBenefit();
      case 8:
      case 9:
      case 10:
        return Claim();
      default:
        return MovePayment(*payers()[random_.Below(3)]);
    }
  }

  template <typename Event>
  void FillDay(Event& day) {
    using A = event::v1::AttendanceClass;
    static constexpr std::pair<A, event::v1::DayOutcome> kClasses[] = {
        {event::v1::ATTENDANCE_CLASS_ATTENDED, event::v1::DAY_OUTCOME_ATTENDED},
        {event::v1::ATTENDANCE_CLASS_ATTENDED, event::v1::DAY_OUTCOME_ATTENDED},
        {event::v1::ATTENDANCE_CLASS_ATTENDED, event::v1::DAY_OUTCOME_ATTENDED},
        {event::v1::ATTENDANCE_CLASS_OWN_ILLNESS, event::v1::DAY_OUTCOME_ABSENT_ACCEPTED},
        {event::v1::ATTENDANCE_CLASS_SERVICE_NOT_HELD, event::v1::DAY_OUTCOME_NOT_HELD},
        {event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE, event::v1::DAY_OUTCOME_ABSENT_OTHER}};
    const auto& [attendance_class, outcome] = kClasses[random_.Below(6)];
    day.set_attendance_class(attendance_class);
    day.set_outcome(outcome);
    if (outcome == event::v1::DAY_OUTCOME_ATTENDED) {
      day.set_actual_minutes(Pick({300u, 300u, 300u, 300u, 480u, 480u, 600u, 120u}));
    }
  }
  Site& AProvider() { return *sites_[1 + random_.Below(2)]; }

  void RecordDay() {
    av::DayRecorded day;
    day.set_date(FormatDate(Around(9, 0)));
    if (random_.Below(2) == 0) day.set_period_id(Pick({"p-1", "p-2"}));
    FillDay(day);
    Site& site = AProvider();
    Try(site, site.agency, day);
  }

  // An approved payment covers that day.
  bool IsApproved(absl::CivilDay day) {
    const auto covers = [&](const auto& one) {
      const Payment& payment = one.second;
      return payment.status == PaymentStatus::kApproved && payment.from <= day && day <= payment.until;
    };
    for (Site* site : payers()) {
      const auto payments = Payments(*site);
      if (std::any_of(payments.begin(), payments.end(), covers)) return true;
    }
    return false;
  }

  void CorrectDay() {
    Site& site = AProvider();
    // Of any day, or of one that an approved payment waits to pay.
    const bool approved = random_.Below(2) == 0;
    std::vector<const av::DayRecorded*> records;
    for (const Entry& entry : site.log) {
      const auto* recorded = As<av::DayRecorded>(*entry.body);
      if (recorded != nullptr && (!approved || IsApproved(OnDay(recorded->date())))) {
        records.push_back(recorded);
      }
    }
    if (records.empty()) return;
    const auto* recorded = records[random_.Below(records.size())];
    av::DayCorrected day;
    day.set_date(recorded->date());
    day.set_period_id(recorded->period_id());
    day.set_reason(av::CORRECTION_REASON_OTHER);
    if (random_.Below(3) == 0) {
      day.set_withdrawn(true);
    } else {
      FillDay(day);
    }
    Try(site, site.agency, day);
  }

  void ChangeService() {
    const char* period = random_.Below(4) != 0 && !second_started_ ? "p-1" : "p-2";
    const std::string_view author = Pick({kPohde, kPohde, kVerstas});
    switch (random_.Below(6)) {
      case 0: {
        rv::ServiceInterrupted event;
        event.set_period_id(period);
        event.set_interrupted_from(FormatDate(Around(7, 7)));
        event.set_reason(rv::STATUS_REASON_CLIENT_SITUATION);
        return Try(referral_(), author, event);
      }
      case 1: {
        rv::ServiceResumed event;
        event.set_period_id(period);
        event.set_resumed_on(FormatDate(Around(10, 0)));
        return Try(referral_(), author, event);
      }
      case 2: {
        rv::ServiceChanged event;
        event.set_period_id(period);
        event.set_changed_from(FormatDate(Around(10, 10)));
        event.set_provider_agency(std::string(Pick({kVerstas, kOtherProvider})));
        return Try(referral_(), kPohde, event);
      }
      case 3: {
        if (random_.Below(6) != 0 || today_ < OnDay("2025-05-01")) return;
        rv::ServiceEnded event;
        event.set_period_id(period);
        event.set_ended_on(FormatDate(Around(10, 0)));
        event.set_manner(rv::END_MANNER_GOAL_REACHED);
        event.set_exit_group(event::v1::EXIT_GROUP_WORK);
        return Try(referral_(), author, event);
      }
      case 4: {
        rv::DecisionMade decision;
        decision.set_decision_number("2025/" + std::to_string(referral_().log.size()));
        decision.set_kind(rv::DECISION_KIND_EXTENSION);
        decision.set_granted(true);
        decision.set_period_id(period);
        decision.set_made_on(FormatDate(today_));
        decision.set_valid_from(FormatDate(today_));
        decision.set_valid_until("2026-06-30");
        Try(referral_(), kPohde, decision);
        rv::ServiceExtended event;
        event.set_period_id(period);
        event.set_ends_on(FormatDate(today_ + 20 + static_cast<int>(random_.Below(100))));
        return Try(referral_(), kPohde, event);
      }
      default: {
        // A second period after the first, agreed and decided.
        if (today_ < OnDay("2025-06-10")) return;
        auto agreement = testing::Text<rv::AgreementMade>(
            "period_id: 'p-2' referral_id: 'ref-1' plan_id: 'plan-1' "
            "provider_agency: 'FI/COM/1234567-1/verstas' "
            "signatures { signer: ACTOR_ROLE_CLIENT signed_on: '2025-06-01' } "
            "signatures { signer: ACTOR_ROLE_SOCIAL_SERVICES signed_on: '2025-06-01' }");
        auto decision = testing::Text<rv::DecisionMade>(
            "decision_number: 'second' kind: DECISION_KIND_START granted: true period_id: 'p-2' "
            "made_on: '2025-06-10' valid_until: '2026-06-30'");
        const absl::CivilDay from = today_ - 3, until = today_ + 150;
        agreement.set_starts_on(FormatDate(from));
        agreement.set_ends_on(FormatDate(until));
        agreement.mutable_schedule()->set_days_per_week(3);
        agreement.mutable_schedule()->set_minutes_per_day(300);
        decision.set_valid_from(FormatDate(from));
        auto start = testing::Text<rv::ServiceStarted>(
            "period_id: 'p-2' referral_id: 'ref-1' provider_agency: 'FI/COM/1234567-1/verstas' "
            "provision: PROVISION_PURCHASED municipality_code: '564'");
        start.set_starts_on(agreement.starts_on());
        start.set_ends_on(agreement.ends_on());
        start.set_first_started_on(random_.Below(2) == 0 ? "2025-03-03" : agreement.starts_on());
        Try(referral_(), kPohde, agreement);
        Try(referral_(), kPohde, decision);
        const size_t before = referral_().log.size();
        Try(referral_(), kPohde, start);
        if (referral_().log.size() > before) second_started_ = true;
      }
    }
  }

  void ChangeBenefit() {
    if (random_.Below(2) == 0) {
      rv::PayerStatementGiven event;
      event.set_period_id(second_started_ ? "p-2" : "p-1");
      event.set_payer_agency(std::string(Pick({kKela, std::string_view(kKela), kFund})));
      event.set_given_on(FormatDate(today_));
      event.set_effective_from(FormatDate(Around(20, 5)));
      if (random_.Below(2) == 0) event.set_effective_until(FormatDate(today_ + 6));
      event.set_result(random_.Below(3) == 0 ? rv::STATEMENT_RESULT_NOT_ENTITLED
                                             : rv::STATEMENT_RESULT_ENTITLED);
      return Try(referral_(), kOulu, event);
    }
    rv::BenefitRecorded event;
    event.set_valid_from(FormatDate(Around(25, 5)));
    if (random_.Below(3) == 0) event.set_valid_until(FormatDate(Around(0, 30)));
    switch (random_.Below(5)) {
      case 0:
        event.set_kind(event::v1::BENEFIT_KIND_NONE);
        break;
      case 1:
        event.set_kind(event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE);
        event.set_payer_agency(std::string(Pick({kPohde, kKela})));
        break;
      case 2:
        event.set_kind(event::v1::BENEFIT_KIND_EARNINGS_RELATED_ALLOWANCE);
        event.set_payer_agency(std::string(kFund));
        break;
      default:
        event.set_kind(event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY);
        event.set_payer_agency(std::string(kKela));
    }
    Try(referral_(), random_.Below(2) == 0 ? kKela : kPohde, event);
  }

  void Claim() {
    Site& site = *sites_[5];
    const auto& claims = site.money().claims;
    if (profile_.travel_size() > 1 && random_.Below(3) == 0) {
      cv::TravelMeansChosen event;
      event.set_period_id(second_started_ && random_.Below(3) != 0 ? "p-2" : "p-1");
      event.set_chosen_from(FormatDate(Around(20, 5)));
      event.set_means(Pick({event::v1::TRAVEL_MEANS_BICYCLE, event::v1::TRAVEL_MEANS_SINGLE_TICKET}));
      return Try(site, kPohde, event);
    }
    if (profile_.travel(profile_.travel_size() - 1).mode() !=
        event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS) {
      return;
    }
    if (claims.empty() || random_.Below(3) == 0) {
      cv::TravelClaimed event;
      event.set_claim_id("c" + std::to_string(claims.size()));
      // Now and then the days of an earlier claim once more.
      const absl::CivilDay from =
          !claims.empty() && random_.Below(3) == 0 ? claims.back().from : Around(14, 0);
      event.set_travelled_from(FormatDate(from));
      event.set_travelled_until(FormatDate(std::min(today_, from + 9)));
      if (random_.Below(2) == 0) event.set_claimed_on(FormatDate(today_));
      event.set_claimed_cents(1 + static_cast<int64_t>(random_.Below(3000)));
      event.set_receipts(1);
      event.set_means(event::v1::TRAVEL_MEANS_SINGLE_TICKET);
      return Try(site, kVerstas, event);
    }
    // Mostly of the newest ones, whose days are those of the period now.
    const auto& claim = claims[claims.size() - 1 - random_.Below(std::min<size_t>(claims.size(), 4))];
    if (random_.Below(8) == 0) {
      cv::TravelReversed event;
      for (const auto& grant : site.money().ledger.grants()) {
        if (grant.claim_id != claim.claim_id || grant.reversed) continue;
        event.set_reversed_event_id(std::string(grant.id.view()));
        event.set_amount_cents(grant.cents);
        event.set_covers_from(FormatDate(grant.from));
        event.set_covers_until(FormatDate(grant.until));
      }
      return Try(site, kPohde, event);
    }
    cv::TravelGranted event;
    event.set_period_id(second_started_ ? "p-2" : "p-1");
    event.set_claim_id(claim.claim_id);
    event.set_covers_from(FormatDate(claim.from));
    event.set_covers_until(FormatDate(claim.until));
    event.set_mode(event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS);
    event.set_amount_cents(claim.claimed_cents);
    Try(site, kPohde, event);
  }

  cv::PaymentProposed Proposal(Site& site, absl::CivilDay from, absl::CivilDay until) {
    cv::PaymentProposed event;
    event.set_payment_id("m" + std::to_string(Payments(site).size()));  // others choose the same
    event.set_covers_from(FormatDate(from));
    event.set_covers_until(FormatDate(until));
    event.set_iban(kIban);
    int64_t total = 0;
    for (const Posting* posting :
         site.money().ledger.Unsettled(site.agency, from, until, today_)) {
      if (posting->cents == 0) continue;
      auto* line = event.add_lines();
      line->set_event_id(std::string(posting->id.view()));
      line->set_date(FormatDate(posting->date));
      line->set_amount_cents(posting->cents);
      total += posting->cents;
    }
    event.set_total_cents(total);
    return event;
  }

  // Its own, by label.
  static std::vector<std::pair<std::string, service::Payment>> Payments(const Site& site) {
    std::vector<std::pair<std::string, service::Payment>> own;
    for (const auto& [key, payment] : site.money().ledger.payments()) {
      if (key.first == site.agency) own.emplace_back(key.second, payment);
    }
    return own;
  }

  void MovePayment(Site& site) {
    auto payments = Payments(site);
    const std::string official = random_.Below(2) == 0 ? "a" : "b";
    if (payments.empty() || random_.Below(3) == 0) {
      const absl::CivilDay from = Around(50, 0);
      auto event = Proposal(site, from, std::min(today_, from + static_cast<int>(random_.Below(45))));
      // Now and then a line of another payment slips in: never twice.
      if (!payments.empty() && random_.Below(6) == 0 && !payments.front().second.lines.empty()) {
        const EventId again = payments.front().second.lines.front();
        for (const Posting& posting : site.money().ledger.postings()) {
          if (posting.id != again) continue;
          auto* line = event.add_lines();
          line->set_event_id(std::string(again.view()));
          line->set_date(FormatDate(posting.date));
          line->set_amount_cents(posting.cents);
          event.set_total_cents(event.total_cents() + posting.cents);
        }
      }
      return Try(site, site.agency, event, official);
    }
    // Mostly one that still waits for its officials, as most do not after a while; and of those one whose days have
    // changed since it was approved.
    const auto keep = [&](auto wanted) {
      if (random_.Below(4) == 0 || std::none_of(payments.begin(), payments.end(), wanted)) return;
      std::erase_if(payments, [&](const auto& one) { return !wanted(one); });
    };
    keep([](const auto& one) {
      return one.second.status == PaymentStatus::kProposed ||
             one.second.status == PaymentStatus::kApproved;
    });
    keep([&](const auto& one) {
      return one.second.status == PaymentStatus::kApproved &&
             service::Sum(site.money().ledger.Unsettled(site.agency, one.second.from,
                                                        one.second.until, today_)) != 0;
    });
    const auto& [id, payment] = payments[random_.Below(payments.size())];
    const bool approved = payment.status == PaymentStatus::kApproved;
    switch (approved && random_.Below(2) == 0 ? 4 : random_.Below(5)) {
      case 0: {
        cv::PaymentRejected event;
        event.set_payment_id(id);
        event.set_rejected_on(FormatDate(today_));
        event.set_reason(cv::REJECTION_REASON_OTHER);
        return Try(site, site.agency, event, official);
      }
      case 1: {
        cv::PaymentReversed event;
        event.set_payment_id(id);
        event.set_reversed_on(FormatDate(today_));
        event.set_reason(cv::REJECTION_REASON_WRONG_AMOUNT);
        const int64_t left = payment.total_cents - payment.reversed_cents;
        const auto gone = service::Sum(site.money().ledger.Unsettled(
            site.agency, payment.from, payment.until, today_));
        event.set_amount_cents(gone < 0 && random_.Below(4) != 0 ? -gone : left);
        return Try(site, site.agency, event, official);
      }
      case 2:
      case 3: {
        cv::PaymentApproved event;
        event.set_payment_id(id);
        event.set_approved_on(FormatDate(today_));
        event.set_total_cents(payment.total_cents);
        Try(site, site.agency, event, official);
        if (random_.Below(4) != 0) return;  // to be paid another day
        [[fallthrough]];
      }
      default: {
        cv::PaymentPaid event;
        event.set_payment_id(id);
        event.set_paid_on(FormatDate(today_));
        event.set_total_cents(payment.total_cents);
        return Try(site, site.agency, event, official);
      }
    }
  }

  // ---- Exchange ----

  void Deliver() {
    for (auto& to : sites_) {
      for (auto& from : sites_) {
        if (to == from || random_.Below(4) == 0) continue;
        size_t& at = to->received[from.get()];
        size_t until = from->log.size();
        if (random_.Below(2) == 0) until = at + random_.Below(until - at + 1);
        for (; at < until; ++at) to->Receive(from->log[at]);
      }
    }
  }
  void DeliverAll() {
    for (auto& to : sites_) {
      for (auto& from : sites_) {
        if (to == from) continue;
        size_t& at = to->received[from.get()];
        for (; at < from->log.size(); ++at) to->Receive(from->log[at]);
      }
    }
  }

  // Until nobody has anything to say; then everything that is above nothing is paid. First on the last day, too: what is
  // to be told up to a day (an end without a follow-on plan) would otherwise be passed over.
  void Settle() {
    const absl::CivilDay end = last_ + 40;
    for (const absl::CivilDay day : {last_, end}) {
      for (int round = 0;; ++round) {
        ASSERT_LT(round, 8) << "the services do not come to rest";
        DeliverAll();
        size_t said = 0;
        for (auto& site : sites_) said += site->Run(day);
        if (said == 0) break;
      }
    }
    today_ = end;
    for (Site* site : payers()) {
      for (const auto& [id, payment] : Payments(*site)) {
        if (payment.status != PaymentStatus::kProposed &&
            payment.status != PaymentStatus::kApproved) {
          continue;
        }
        cv::PaymentRejected event;
        event.set_payment_id(id);
        event.set_rejected_on(FormatDate(end));
        event.set_reason(cv::REJECTION_REASON_OTHER);
        ASSERT_EQ(site->Offer(site->agency, "a", event, end), "");
      }
      auto event = Proposal(*site, first_ - 60, end);
      if (event.total_cents() <= 0) {
        if (event.lines_size() > 0) {
          EXPECT_EQ(site->Offer(site->agency, "a", event, end), "nothing_to_pay");
        }
        continue;
      }
      ASSERT_EQ(site->Offer(site->agency, "a", event, end), "");
      cv::PaymentApproved approved;
      approved.set_payment_id(event.payment_id());
      approved.set_approved_on(FormatDate(end));
      approved.set_total_cents(event.total_cents());
      EXPECT_EQ(site->Offer(site->agency, "a", approved, end), "same_official");
      ASSERT_EQ(site->Offer(site->agency, "b", approved, end), "");
      cv::PaymentPaid paid;
      paid.set_payment_id(event.payment_id());
      paid.set_paid_on(FormatDate(end));
      paid.set_total_cents(event.total_cents());
      ASSERT_EQ(site->Offer(site->agency, "b", paid, end), "");
    }
    DeliverAll();
    for (auto& site : sites_) EXPECT_EQ(site->Run(end), 0u) << "a payment calls for no duty";
  }

  // ---- What must hold at every moment ----

  static bool IsClaim(const Site& site, const std::string& granted_event_id) {
    for (const Entry& entry : site.log) {
      const auto* granted = As<cv::TravelGranted>(*entry.body);
      if (granted != nullptr && entry.id.view() == granted_event_id) {
        return !granted->claim_id().empty();
      }
    }
    ADD_FAILURE() << "a reversal of a grant that is not in the log";
    return false;
  }

  // The payments of a log, read from its entries alone: each line is an event of this log and of one live payment at
  // most, each accrual names an attended day's record of its own date, a payment's second official is another.
  void CheckPayments() {
    for (Site* site : payers()) {
      std::map<std::string_view, const Entry*> known;
      for (const Entry& entry : site->held()) known[entry.id.view()] = &entry;
      std::map<std::string, const Entry*> proposed;
      std::set<std::string> freed;
      for (const Entry& entry : site->log) {
        if (const auto* p = As<cv::PaymentProposed>(*entry.body)) proposed[p->payment_id()] = &entry;
        if (const auto* p = As<cv::PaymentRejected>(*entry.body)) freed.insert(p->payment_id());
        if (const auto* p = As<cv::PaymentApproved>(*entry.body)) {
          ASSERT_NE(proposed.at(p->payment_id())->official, entry.official);
        }
      }
      for (const auto& [id, payment] : Payments(*site)) {
        if (payment.status == PaymentStatus::kReversed) freed.insert(id);
      }
      std::set<std::string> settled;
      for (const auto& [id, entry] : proposed) {
        const auto& proposal = *As<cv::PaymentProposed>(*entry->body);
        int64_t sum = 0;
        for (const auto& line : proposal.lines()) {
          sum += line.amount_cents();
          if (!freed.contains(id)) {
            ASSERT_TRUE(settled.insert(line.event_id()).second) << "paid twice";
          }
          ASSERT_TRUE(known.contains(line.event_id()));
          const Entry& event = *known.at(line.event_id());
          ASSERT_EQ(event.origin, site->origin);
          if (const auto* accrued = As<cv::AllowanceAccrued>(*event.body)) {
            ASSERT_EQ(accrued->date(), line.date());
            ASSERT_TRUE(known.contains(accrued->cause_event_id()));
            CheckAttended(*known.at(accrued->cause_event_id()), accrued->date());
          } else if (const auto* granted = As<cv::TravelGranted>(*event.body);
                     granted != nullptr && granted->claim_id().empty()) {
            ASSERT_TRUE(known.contains(granted->cause_event_id()));
            CheckAttended(*known.at(granted->cause_event_id()), "");
          }
        }
        ASSERT_EQ(sum, proposal.total_cents());
        ASSERT_GT(sum, 0);
      }
    }
  }
  static void CheckAttended(const Entry& record, const std::string& date) {
    if (const auto* day = As<av::DayRecorded>(*record.body)) {
      ASSERT_EQ(day->outcome(), event::v1::DAY_OUTCOME_ATTENDED);
      ASSERT_TRUE(date.empty() || day->date() == date);
    } else {
      const auto* corrected = As<av::DayCorrected>(*record.body);
      ASSERT_NE(corrected, nullptr);
      ASSERT_EQ(corrected->outcome(), event::v1::DAY_OUTCOME_ATTENDED);
      ASSERT_TRUE(date.empty() || corrected->date() == date);
    }
  }

  // The log folded anew, and arrived in another order, is what the service was live.
  void CheckReplay(const Site& site) {
    const auto replayed = site.Replayed();
    Site again(site.agency, Another(site), profile_, agreement_,
               {SectionKind::kService, SectionKind::kIdentity, SectionKind::kSocial,
                SectionKind::kHealth, SectionKind::kPayment});
    std::vector<Entry> arrival = site.held();
    std::shuffle(arrival.begin(), arrival.end(), random_);
    for (const Entry& entry : arrival) again.Receive(entry);
    for (const absl::CivilDay day : {first_ + 30, last_, today_}) {
      for (const service::CaseState* state :
           std::initializer_list<const service::CaseState*>{replayed.get(), &again.state()}) {
        for (const auto& duty : site.service->Due(*state, site.rules(), day)) {
          ADD_FAILURE() << site.origin << " on " << FormatDate(day) << ": " << duty.key << "#"
                        << duty.generation << " " << duty.event->ShortDebugString();
        }
      }
    }
    if (site.service->name() != "compensation") return;
    const auto told = [&](const service::CaseState& state) {
      const auto& money = static_cast<const compensation::State&>(state);
      std::string text;
      for (const Posting& posting : money.ledger.postings()) {
        text += FormatDate(posting.date) + " " + std::to_string(posting.cents) + " " +
                FormatEventId(posting.id) + "\n";
      }
      for (const Posting* posting :
           money.ledger.Unsettled(site.agency, std::nullopt, std::nullopt, today_)) {
        text += "open " + FormatEventId(posting->id) + "\n";
      }
      for (const auto& [key, payment] : money.ledger.payments()) {
        text += key.first + key.second + " " + std::to_string(static_cast<int>(payment.status)) + " " +
                std::to_string(payment.total_cents - payment.reversed_cents) + "\n";
      }
      return text;
    };
    EXPECT_EQ(told(site.state()), told(*replayed));
    EXPECT_EQ(told(site.state()), told(again.state()));
  }
  static std::unique_ptr<service::Service> Another(const Site& site) {
    if (site.service->name() == "referral") return referral::MakeReferralService();
    if (site.service->name() == "attendance") return MakeAttendanceService();
    return MakeCompensationService();
  }

  SeededGenerator random_;
  config::v1::Profile profile_;
  config::v1::Agreement agreement_;
  std::vector<std::unique_ptr<Site>> sites_;
  const absl::CivilDay first_ = OnDay("2025-03-03");
  const absl::CivilDay last_ = OnDay("2025-10-31");
  absl::CivilDay today_ = first_;
  bool second_started_ = false;
  std::map<std::string, int> refused_;
  size_t claimed_days_ = 0;
};

TEST(CompensationHistoryTest, TheMoneyIsWhatTheFinishedHistoryGivesDayByDay) {
  const uint64_t seed = testing::TestSeed();
  std::map<std::string, int> said, refused;
  size_t claimed_days = 0;
  for (int round = 0; round < 3 * World::kWaysOfTravelling; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    World world(seed + static_cast<uint64_t>(round), round % World::kWaysOfTravelling);
    world.Play();
    if (!::testing::Test::HasFailure()) world.Check();
    if (::testing::Test::HasFailure()) break;
    for (const auto& [type, count] : world.CountTypes()) said[type] += count;
    for (const auto& [code, count] : world.refused()) refused[code] += count;
    claimed_days += world.claimed_days();
  }
  if (std::getenv("POLKU_TEST_VERBOSE") != nullptr) {
    for (const auto& [type, count] : said) std::cout << type << " " << count << "\n";
    for (const auto& [code, count] : refused) std::cout << "  refused " << code << " " << count << "\n";
  }
  if (::testing::Test::HasFailure()) return;
  // The histories are worth the name: everything that moves money happened.
  for (const char* type :
       {"AllowanceAccrued", "AllowanceReversed", "TravelClaimed", "TravelGranted", "TravelReversed",
        "PaymentProposed", "PaymentApproved", "PaymentPaid", "PaymentRejected", "PaymentReversed",
        "DayRecorded", "DayCorrected", "ServiceInterrupted", "ServiceResumed", "ServiceChanged",
        "ServiceExtended", "ServiceEnded", "BenefitRecorded", "PayerStatementGiven",
        "TravelMeansChosen", "RuleBreachFlagged", "RuleBreachCleared"}) {
    EXPECT_GT(said[type], 0) << type;
  }
  for (const char* refusal : {"TravelGranted days_already_granted", "PaymentReversed same_official",
                              "PaymentPaid accruals_changed"}) {
    EXPECT_GT(refused[refusal], 0) << refusal;
  }
  EXPECT_GT(claimed_days, 0u);
}

}  // namespace
}  // namespace polku
