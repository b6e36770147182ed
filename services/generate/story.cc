#include "services/generate/story.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/dated_rules.h"
#include "services/generate/dice.h"
#include "services/generate/region.h"

namespace polku::generate {
namespace {

using absl::CivilDay;
using event::v1::ActorRole;
using event::v1::AttendanceClass;
using event::v1::ExitCode;
using service::AddMonths;
using service::FindRule;
using service::FormatDate;
using service::RuleHolds;
using service::WorkingDayFrom;

namespace access = access::v1;
namespace assessment = assessment::v1;
namespace attendance = attendance::v1;
namespace compensation = compensation::v1;
namespace referral = referral::v1;

// Of the youngest and the oldest client, in years; under 25 are about an eighth (README).
constexpr int kYoungest = 18, kOldest = 62, kYoung = 25;
constexpr int kCoaches = 30, kSocialWorkers = 15, kInstructors = 12;
// The share of clients who are there when the services are taken into use: 15,600 of 45,100 (DOMAIN, Volumes).
constexpr int kThereAtStartPercent = 35;
constexpr int kTakingIntoUseDays = 14;
// Of the months, by provider: a provider's own way of working shows (assumption).
constexpr int kConfirmsPercent[] = {95, 88, 75};
// Of the clients, those of whom another agency opens a case of its own, and those whose identity code changes
// (assumptions; the issue names both).
constexpr int kOpenedTwicePermille = 15, kChangedCodePermille = 3;
// Of the cases of one person, those that are found and linked (assumption).
constexpr int kLinkedPercent = 80;

constexpr std::string_view kFamilyNames[] = {
    "Ahomäki", "Harjukangas", "Hietalampi", "Järventausta", "Kallioniemi", "Kivisalmi", "Koskenvuo", "Kuusivaara",
    "Lehtokari", "Mäntyharju", "Niemenkallio", "Ojanperä", "Petäjäsaari", "Rantakangas", "Saarenketo", "Suojalampi",
    "Tammisuo", "Vaarakoski", "Virtasuo", "Ylikorpi"};
constexpr std::string_view kWomen[] = {"Aava", "Eerika", "Helka", "Inkeri", "Kerttu", "Lilja", "Marjukka", "Orvokki",
                                       "Saimi", "Vieno"};
constexpr std::string_view kMen[] = {"Aarre", "Eino", "Ilmari", "Jalmari", "Kauko", "Lauri", "Onni", "Reino", "Tauno",
                                     "Urho"};

struct Weight {
  ExitCode code;
  int weight;
};
// No agency in the seeds could say where clients went (002), so these shares are assumptions: they make every code of
// a profile appear, the ones that seed 001 calls common most often.
constexpr Weight kExits[] = {
    {event::v1::EXIT_CODE_OPEN_MARKET_JOB, 5},         {event::v1::EXIT_CODE_WAGE_SUBSIDISED_JOB, 8},
    {event::v1::EXIT_CODE_WORK_TRIAL, 11},             {event::v1::EXIT_CODE_WORK_COACHING, 9},
    {event::v1::EXIT_CODE_STUDY, 9},                   {event::v1::EXIT_CODE_VOCATIONAL_REHABILITATION, 5},
    {event::v1::EXIT_CODE_MEDICAL_REHABILITATION, 3},  {event::v1::EXIT_CODE_SOCIAL_REHABILITATION, 6},
    {event::v1::EXIT_CODE_SUBSTANCE_REHABILITATION, 2}, {event::v1::EXIT_CODE_HOUSING_ASSESSMENT, 1},
    {event::v1::EXIT_CODE_PENSION_CLARIFICATION, 5},   {event::v1::EXIT_CODE_NEW_PERIOD, 10},
    {event::v1::EXIT_CODE_BACK_TO_UNEMPLOYMENT, 18},   {event::v1::EXIT_CODE_MOVED, 3},
    {event::v1::EXIT_CODE_UNKNOWN, 5}};

struct Helper {
  ActorRole role;
  std::string_view agency;
};

struct Place {
  std::string code;
  event::v1::ServiceVariant variant = event::v1::SERVICE_VARIANT_UNSPECIFIED;
  event::v1::ServiceForm form = event::v1::SERVICE_FORM_UNSPECIFIED;
  event::v1::Provision provision = event::v1::PROVISION_UNSPECIFIED;
};

// A provider's place of that number, from 0, with what the profile offers to those who begin on that day.
Place PlaceOf(const config::v1::Profile& profile, size_t provider, size_t number, CivilDay day, CivilDay first_start) {
  Place place;
  place.code = Str("paikka-", provider + 1, "-", number + 1);
  const auto* rule = FindRule(profile.variants(), day, first_start, [](const auto&) { return true; });
  if (rule == nullptr) return place;
  // Each kind that there is has its places, with every other kind of the others.
  size_t turn = number;
  const auto next_of = [&](const auto& list) {
    if (list.empty()) return 0;
    const auto size = static_cast<size_t>(list.size());
    const size_t at = turn % size;
    turn = turn / size + provider;
    return static_cast<int>(list.Get(static_cast<int>(at)));
  };
  place.variant = static_cast<event::v1::ServiceVariant>(next_of(rule->variants()));
  place.form = static_cast<event::v1::ServiceForm>(next_of(rule->forms()));
  place.provision = static_cast<event::v1::Provision>(next_of(rule->provisions()));
  return place;
}

// A group's own sheet goes by it.
std::string GroupCodeOf(std::string_view place_code) { return Str("ryhma-", place_code); }

CaseId NamedCase(std::string_view name) {
  return *CaseId::FromBytes(Sha256(name).view().substr(0, CaseId::kBytes));
}

CivilDay NextMonday(CivilDay day) {
  const CivilDay monday = service::MondayOf(day);
  return monday == day ? day : monday + 7;
}

event::v1::Weekday WeekdayOf(CivilDay day) {
  return static_cast<event::v1::Weekday>(day - service::MondayOf(day) + 1);
}

bool Lists(const event::v1::Schedule& schedule, CivilDay day) {
  const auto& days = schedule.weekdays();
  return std::find(days.begin(), days.end(), WeekdayOf(day)) != days.end();
}

class Writer {
 public:
  Writer(const Frame& frame, const config::v1::Profile& profile, size_t client)
      : frame_(frame),
        profile_(profile),
        client_(client),
        dice_(frame.seed, Str("client ", client)),
        case_id_(NamedCase(Str("polku/generate/case/v1 ", frame.seed, " ", client))),
        coach_(Str("oma-", dice_.Between(1, kCoaches))),
        worker_(Str("so-", dice_.Between(1, kSocialWorkers))) {}

  std::vector<Act> Write() {
    const int days = static_cast<int>(frame_.until - frame_.from);
    const bool there = dice_.Percent(kThereAtStartPercent);
    CivilDay day = WorkingDayFrom(frame_.from + dice_.Between(0, there ? std::min(kTakingIntoUseDays, days) : days));
    // Who is there already has had the paper path; it is recorded in a few days.
    slow_ = !there;
    day = Need(day);
    if (there || dice_.Percent(90)) {
      std::string plan_id;
      std::optional<CivilDay> ready = Plan(day, plan_id);
      for (int period = 1; ready && *ready <= frame_.until && period < 8; ++period) {
        ready = Period(*ready, plan_id, period);
      }
    }
    return std::move(acts_);
  }

 private:
  // ---- Putting on record ----

  template <typename Message>
  void Put(CivilDay day, size_t instance, std::string_view agency, std::string_view official,
           const Message& message) {
    // What is told of later days is no fact yet.
    if (day > frame_.until) return;
    Act& act = acts_.emplace_back();
    act.day = day;
    act.instance = instance;
    act.agency = agency;
    act.official = std::string(official);
    act.case_id = case_id_;
    act.id = DerivedEventId(Str("polku/generate/event/v1 ", frame_.seed, " ", client_, " ", acts_.size()));
    act.type = Message::descriptor()->full_name();
    act.body = message.SerializeAsString();
  }
  template <typename Message>
  void Coach(CivilDay day, const Message& message) {
    Put(day, kReferral, kEmployment, coach_, message);
  }
  template <typename Message>
  void Social(CivilDay day, const Message& message) {
    Put(day, kReferral, kWellbeing, worker_, message);
  }
  template <typename Message>
  void Provider(CivilDay day, const Message& message) {
    Put(day, kReferral, kProviders[provider_], instructor_, message);
  }
  template <typename Message>
  void Assess(CivilDay day, std::string_view agency, std::string_view official, const Message& message) {
    Put(day, kAssessment, agency, official, message);
  }

  CivilDay After(CivilDay day, int low, int high) {
    return WorkingDayFrom(day + (slow_ ? dice_.Between(low, high) : dice_.Between(0, 1)));
  }
  template <typename List>
  int AnyOf(const List& list) {
    return list.empty() ? 0 : list.Get(static_cast<int>(dice_.Below(static_cast<uint64_t>(list.size()))));
  }
  template <typename List>
  auto RuleOn(const List& list, CivilDay day) const {
    return FindRule(list, day, first_start_.value_or(day), [](const auto&) { return true; });
  }

  // ---- Steps 1-3 ----

  CivilDay Need(CivilDay day) {
    const Person person = MakePerson(frame_.seed, client_, day);
    municipality_ = profile_.municipality_codes().empty()
                        ? ""
                        : profile_.municipality_codes(static_cast<int>(
                              dice_.Below(static_cast<uint64_t>(profile_.municipality_codes_size()))));
    referral::NeedIdentified need;
    need.set_identified_on(FormatDate(day));
    constexpr int kSources[] = {30, 20, 25, 5, 8, 2, 8, 2};
    need.set_source(static_cast<referral::NeedSource>(1 + dice_.Weighted(kSources)));
    need.set_municipality_code(municipality_);
    need.set_unemployed_from(FormatDate(day - dice_.Between(200, 2'500)));
    need.set_social_reasons("arjen rytmi ja osallisuus");
    Coach(day, need);

    referral::ClientIdentified client;
    client.set_municipality_code(municipality_);
    client.set_identity_code(person.identity_code);
    client.set_family_name(std::string(dice_.Of(std::span<const std::string_view>(kFamilyNames))));
    client.set_given_names(std::string(
        dice_.Of(person.female ? std::span<const std::string_view>(kWomen) : std::span<const std::string_view>(kMen))));
    client.set_street_address(Str("Esimerkkikatu ", client_ + 1));
    client.set_phone(absl::StrFormat("040 555 %04d", client_ % 10'000));
    client.set_birth_year(static_cast<uint32_t>(person.born.year()));
    client.set_sex(person.female ? referral::SEX_FEMALE : referral::SEX_MALE);
    client.set_language(dice_.Percent(90) ? "fi" : dice_.Percent(50) ? "sv" : "en");
    Coach(day, client);

    // From here on the organiser takes part.
    access::PartyAdded party;
    party.set_agency(std::string(kWellbeing));
    party.set_added_on(FormatDate(day));
    party.set_reason(access::PARTY_REASON_AUTHORITY);
    Coach(day, party);
    Benefits(day);
    CaseManager(day, event::v1::CASE_MANAGER_SIDE_ORGANISER, kEmployment, coach_);

    OpenedTwice(day, client);

    const CivilDay assessed = After(day, 3, 20);
    referral::ServiceNeedAssessed found;
    found.set_assessed_on(FormatDate(assessed));
    found.set_result(referral::NEED_RESULT_REHABILITATIVE_WORK);
    found.add_social_needs("säännöllinen viikkorytmi");
    Coach(assessed, found);
    if (dice_.Percent(15)) {
      referral::SocialServiceNoted noted;
      noted.set_kind(static_cast<referral::SocialServiceKind>(dice_.Between(1, 9)));
      noted.set_service_from(FormatDate(assessed));
      noted.set_agency(std::string(kWellbeing));
      Social(assessed, noted);
    }
    return assessed;
  }

  // Another agency meets the same person, or the person comes back under another code: a second case, until somebody
  // finds it (`polku persons duplicates`). Two cases are linked, never merged.
  void OpenedTwice(CivilDay day, referral::ClientIdentified client) {
    const int chance = dice_.Between(1, 1'000);
    if (chance > kOpenedTwicePermille + kChangedCodePermille) return;
    const bool changed = chance > kOpenedTwicePermille;
    const CivilDay opened = WorkingDayFrom(day + dice_.Between(10, 90));
    const CivilDay found = WorkingDayFrom(opened + dice_.Between(5, 60));
    const CaseId first = case_id_;
    const CaseId second = NamedCase(Str("polku/generate/second-case/v1 ", frame_.seed, " ", client_));
    case_id_ = second;
    referral::NeedIdentified need;
    need.set_identified_on(FormatDate(opened));
    need.set_source(referral::NEED_SOURCE_SOCIAL_SERVICES);
    need.set_municipality_code(municipality_);
    Social(opened, need);
    if (changed) {
      client.add_earlier_identity_codes(client.identity_code());
      client.set_identity_code(ChangedCode(client.identity_code()));
    }
    Social(opened, client);
    access::PartyAdded party;
    party.set_agency(std::string(kEmployment));
    party.set_added_on(FormatDate(opened));
    party.set_reason(access::PARTY_REASON_AUTHORITY);
    Social(opened, party);
    const bool linked = dice_.Percent(kLinkedPercent);
    for (const auto& [here, other] : {std::pair(second, first), std::pair(first, second)}) {
      if (!linked) break;
      case_id_ = here;
      referral::CasesLinked link;
      link.set_other_case_id(std::string(other.view()));
      link.set_reason(changed ? referral::LINK_REASON_CHANGED_CODE : referral::LINK_REASON_SAME_CODE);
      link.set_linked_on(FormatDate(found));
      Social(found, link);
    }
    case_id_ = second;
    if (linked) {  // what is left to do is done in the first one
      referral::CaseClosed closed;
      closed.set_closed_on(FormatDate(found));
      Social(found, closed);
    }
    case_id_ = first;
  }

  // The same day of birth and number behind another sign of the century: since 2023 both are given (DOMAIN, Data [p]).
  static std::string ChangedCode(std::string code) {
    constexpr size_t kSign = 6;
    code[kSign] = code[kSign] == '-' ? 'Y' : 'B';
    return code;
  }

  void Benefits(CivilDay day) {
    // A quarter live on social assistance (assumption); the others on what the profile knows of at that time.
    std::vector<const config::v1::BenefitRule*> others;
    const config::v1::BenefitRule* assistance = nullptr;
    for (const auto& rule : profile_.benefits()) {
      if (!RuleHolds(rule, day, std::nullopt)) continue;
      // A rule of no kind is for everybody: nobody is asked what they live on.
      if (rule.kind() == event::v1::BENEFIT_KIND_UNSPECIFIED) continue;
      if (rule.kind() == event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE) {
        assistance = &rule;
      } else {
        others.push_back(&rule);
      }
    }
    assisted_ = assistance != nullptr && (others.empty() || dice_.Percent(25));
    if (!assisted_ && others.empty()) return;
    const auto& rule = assisted_             ? *assistance
                       : dice_.Percent(75) ? *others[0]
                                             : *others[dice_.Below(others.size())];
    Benefit(day, day - 30, rule.kind());
    // What the benefit is called changes (1.5.2026): it is recorded anew.
    const auto until = service::ParseDate(rule.valid_until());
    if (!until || *until >= frame_.until) return;
    for (const auto& next : profile_.benefits()) {
      if (next.kind() != event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE &&
          service::ParseDate(next.valid_from()) == *until + 1) {
        changed_benefit_ = {WorkingDayFrom(*until + 1), next.kind()};
      }
    }
  }
  void Benefit(CivilDay day, CivilDay from, event::v1::BenefitKind kind) {
    referral::BenefitRecorded benefit;
    benefit.set_payer_agency(
        std::string(kind == event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE ? kWellbeing : kKela));
    benefit.set_kind(kind);
    benefit.set_valid_from(FormatDate(from));
    Coach(day, benefit);
  }

  void CaseManager(CivilDay day, event::v1::CaseManagerSide side, std::string_view agency,
                   const std::string& official) {
    for (const auto& rule : profile_.case_managers()) {
      if (rule.side() != side || !RuleHolds(rule, day, day)) continue;
      if (rule.named()) {
        referral::CaseManagerNamed named;
        named.set_side(side);
        named.set_title(side == event::v1::CASE_MANAGER_SIDE_PROVIDER ? referral::CASE_MANAGER_TITLE_INSTRUCTOR
                                                                      : referral::CASE_MANAGER_TITLE_OWN_COACH);
        named.set_agency(std::string(agency));
        named.set_official(official);
        named.set_valid_from(FormatDate(day));
        Put(day, kReferral, agency, official, named);
      } else {
        referral::NoCaseManagerNamed nobody;
        nobody.set_side(side);
        nobody.set_valid_from(FormatDate(day));
        nobody.set_reason(referral::NO_CASE_MANAGER_REASON_TEAM);
        Put(day, kReferral, agency, official, nobody);
      }
      return;
    }
  }

  // Draws the plan up and has it signed. The day on which it is signed; nullopt: it does not lead to the service.
  std::optional<CivilDay> Plan(CivilDay day, std::string& plan_id) {
    const CivilDay drafted = After(day, 5, 25);
    std::vector<const config::v1::PlanRule*> rules;
    for (const auto& rule : profile_.plans()) {
      if (!RuleHolds(rule, drafted, drafted)) continue;
      if (rule.kind() == event::v1::PLAN_KIND_UNSPECIFIED) return drafted;  // none is needed
      if (rule.only_benefits().empty()) rules.push_back(&rule);
    }
    if (rules.empty()) return drafted;
    const auto& rule = *rules[dice_.Below(rules.size())];
    plan_id = "p1";
    // Not for everybody who has a plan (DOMAIN, reports: plans with and without, and why).
    const bool included = dice_.Percent(92);
    referral::PlanDrafted plan;
    plan.set_plan_id(plan_id);
    plan.set_revision(1);
    plan.set_kind(rule.kind());
    plan.set_drafted_on(FormatDate(drafted));
    plan.set_review_on(
        FormatDate(AddMonths(drafted, rule.review_months() == 0 ? 6 : static_cast<int>(rule.review_months()))));
    plan.set_rehabilitative_work(
        included ? referral::REHABILITATIVE_WORK_IN_PLAN_INCLUDED
                 : static_cast<referral::RehabilitativeWorkInPlan>(dice_.Between(2, 5)));
    plan.add_goals("työ- ja toimintakyvyn vahvistaminen");
    if (!included) plan.set_why("muu palvelu sopii nyt paremmin");
    for (int signer : rule.signers()) plan.add_signers_needed(static_cast<ActorRole>(signer));
    Social(drafted, plan);
    const CivilDay signed_on = Sign(plan, drafted, 1, 9);
    if (included) return signed_on;
    return std::nullopt;
  }

  // The day of the last signature. By whose agency each is recorded: the signer's own, the client's by social services.
  CivilDay Sign(const referral::PlanDrafted& plan, CivilDay drafted, int low, int high) {
    CivilDay last = drafted;
    for (int signer : plan.signers_needed()) {
      const CivilDay day = After(drafted, low, high);
      last = std::max(last, day);
      referral::PlanSigned signature;
      signature.set_plan_id(plan.plan_id());
      signature.set_revision(plan.revision());
      signature.set_signer(static_cast<ActorRole>(signer));
      signature.set_signed_on(FormatDate(day));
      switch (signer) {
        case event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY:
        case event::v1::ACTOR_ROLE_EMPLOYMENT_SERVICES:
          Coach(day, signature);
          break;
        case event::v1::ACTOR_ROLE_PROVIDER:
          Provider(day, signature);
          break;
        default:
          Social(day, signature);
      }
    }
    return last;
  }

  // ---- Steps 4-8 ----

  event::v1::Schedule MakeSchedule(CivilDay day) {
    const auto* rule = RuleOn(profile_.intensities(), day);
    int most = rule == nullptr || rule->max_days_per_week() == 0 ? 4 : static_cast<int>(rule->max_days_per_week());
    most = std::min(most, 4);
    int least_minutes = rule == nullptr ? 240 : std::max<int>(240, static_cast<int>(rule->min_minutes_per_day()));
    if (rule != nullptr && rule->max_minutes_per_day() != 0) {
      least_minutes = std::min<int>(least_minutes, static_cast<int>(rule->max_minutes_per_day()));
    }
    const int least = rule == nullptr ? 1 : std::max<int>(1, static_cast<int>(rule->min_days_per_week()));
    // About two and a half days a week (DOMAIN, Volumes).
    constexpr int kDays[] = {15, 40, 30, 15};
    const int days = std::clamp(1 + static_cast<int>(dice_.Weighted(kDays)), std::min(least, most), most);
    std::set<int> weekdays;
    while (static_cast<int>(weekdays.size()) < days) weekdays.insert(dice_.Between(1, 5));
    event::v1::Schedule schedule;
    schedule.set_days_per_week(static_cast<uint32_t>(days));
    schedule.set_minutes_per_day(static_cast<uint32_t>(least_minutes));
    for (int weekday : weekdays) schedule.add_weekdays(static_cast<event::v1::Weekday>(weekday));
    return schedule;
  }

  referral::ReferralStatusChanged Status(const std::string& id, CivilDay day, referral::ReferralStatus status) {
    referral::ReferralStatusChanged changed;
    changed.set_referral_id(id);
    changed.set_status(status);
    changed.set_effective_on(FormatDate(day));
    return changed;
  }

  // From the referral to the end of a service period. The day on which the way is open for another one; nullopt: it
  // is not.
  std::optional<CivilDay> Period(CivilDay ready, const std::string& plan_id, int number) {
    const std::string period_id = Str("s", number);
    const std::string referral_id = Str("l", number);
    provider_ = dice_.Below(std::size(kProviders));
    instructor_ = Str("ohjaaja-", dice_.Between(1, kInstructors));

    // Step 4. One provider has no room now and then; the next one is asked.
    CivilDay day = After(ready, 1, 10);
    const size_t number_of_place = dice_.Below(kPlacesOfProvider);
    Place place = PlaceOf(profile_, provider_, number_of_place, day, first_start_.value_or(day));
    const bool by_coach = dice_.Percent(70);
    const auto refer = [&](const std::string& id, const event::v1::Schedule& wanted) {
      referral::ReferralMade made;
      made.set_referral_id(id);
      made.set_status(referral::REFERRAL_STATUS_REQUESTED);
      made.set_made_on(FormatDate(day));
      made.set_requester_agency(std::string(by_coach ? kEmployment : kWellbeing));
      made.set_target_agency(std::string(kProviders[provider_]));
      made.set_plan_id(plan_id);
      made.set_variant(place.variant);
      made.set_form(place.form);
      made.set_provision(place.provision);
      *made.mutable_wanted_schedule() = wanted;
      made.add_goals("säännöllinen osallistuminen");
      if (by_coach) {
        Coach(day, made);
      } else {
        Social(day, made);
      }
    };
    const event::v1::Schedule schedule = MakeSchedule(day);
    if (slow_ && dice_.Percent(6)) {
      const std::string refused = Str(referral_id, "-0");
      refer(refused, schedule);
      day = After(day, 2, 8);
      referral::PlaceAnswered answer;
      answer.set_referral_id(refused);
      answer.set_answer(referral::PLACE_ANSWER_NO_CAPACITY);
      answer.set_answered_on(FormatDate(day));
      Provider(day, answer);
      auto rejected = Status(refused, day, referral::REFERRAL_STATUS_REJECTED);
      rejected.set_reason(referral::STATUS_REASON_NO_CAPACITY);
      Provider(day, rejected);
      provider_ = (provider_ + 1) % std::size(kProviders);
      day = After(day, 1, 5);
      place = PlaceOf(profile_, provider_, number_of_place, day, first_start_.value_or(day));
    }
    refer(referral_id, schedule);
    day = After(day, 2, 10);
    if (slow_ && dice_.Percent(10)) {
      referral::PlaceAnswered waits;
      waits.set_referral_id(referral_id);
      waits.set_answer(referral::PLACE_ANSWER_WAITLIST);
      waits.set_answered_on(FormatDate(day));
      waits.set_place_code(place.code);
      const CivilDay free = After(day, 15, 50);
      waits.set_available_from(FormatDate(free));
      Provider(day, waits);
      day = free;
    } else if (slow_ && dice_.Percent(3)) {
      referral::PlaceAnswered asks;
      asks.set_referral_id(referral_id);
      asks.set_answer(referral::PLACE_ANSWER_ADDITIONAL_ASSESSMENT_REQUIRED);
      asks.set_answered_on(FormatDate(day));
      asks.set_needed_assessment("terveydenhuollon arvio tehtävien sopivuudesta");
      Provider(day, asks);
      day = After(day, 10, 30);
    }
    referral::PlaceAnswered answer;
    answer.set_referral_id(referral_id);
    answer.set_answer(referral::PLACE_ANSWER_CAPACITY);
    answer.set_answered_on(FormatDate(day));
    answer.set_place_code(place.code);
    Provider(day, answer);
    Provider(day, Status(referral_id, day, referral::REFERRAL_STATUS_ACCEPTED));
    Visit(referral_id, place, day);
    if (slow_ && dice_.Percent(4)) {  // the client chose otherwise
      day = WorkingDayFrom(day + 1);
      auto cancelled = Status(referral_id, day, referral::REFERRAL_STATUS_CANCELLED);
      cancelled.set_reason(referral::STATUS_REASON_CLIENT_DECLINED);
      Provider(day, cancelled);
      return std::nullopt;
    }

    // Steps 6-8.
    const CivilDay agreed = After(day, 1, 6);
    const CivilDay starts = WorkingDayFrom(slow_ ? NextMonday(agreed + dice_.Between(1, 14)) : agreed + 1);
    if (starts > frame_.until) return std::nullopt;  // beyond what is told
    if (!first_start_) first_start_ = starts;
    const auto* length = RuleOn(profile_.agreements(), starts);
    const int months = length == nullptr                                  ? 3
                       : number == 1 && length->first_months() != 0 ? static_cast<int>(length->first_months())
                       : length->min_months() != 0                  ? static_cast<int>(length->min_months())
                                                                    : 3;
    CivilDay ends = AddMonths(starts, months) - 1;
    if (length != nullptr) {
      Agree(period_id, referral_id, plan_id, place, schedule, agreed, starts, ends, number);
    }

    referral::ServiceStarted started;
    started.set_period_id(period_id);
    started.set_referral_id(referral_id);
    started.set_provider_agency(std::string(kProviders[provider_]));
    started.set_place_code(place.code);
    started.set_starts_on(FormatDate(starts));
    started.set_ends_on(FormatDate(ends));
    *started.mutable_schedule() = schedule;
    started.set_variant(place.variant);
    started.set_form(place.form);
    started.set_provision(place.provision);
    started.set_first_started_on(FormatDate(*first_start_));
    started.set_municipality_code(municipality_);
    CaseManager(starts, event::v1::CASE_MANAGER_SIDE_PROVIDER, kProviders[provider_], instructor_);
    Provider(starts, Status(referral_id, starts, referral::REFERRAL_STATUS_IN_PROGRESS));
    Provider(starts, started);
    if (changed_benefit_ && changed_benefit_->first <= ends) {
      Benefit(std::max(starts, changed_benefit_->first), changed_benefit_->first, changed_benefit_->second);
      changed_benefit_.reset();
    }
    slow_ = true;  // from here on everything takes the time it takes

    // Step 13: half go on, most of them once (seed 000: from 3 months to 5 years).
    std::vector<CivilDay> ends_agreed = {ends};
    while (dice_.Percent(ends_agreed.size() == 1 ? 50 : 25) && ends_agreed.back() <= frame_.until) {
      const int most = length == nullptr || length->max_months() == 0 ? 12 : static_cast<int>(length->max_months());
      const int least = length == nullptr ? 1 : std::max<int>(1, static_cast<int>(length->min_months()));
      const int more = std::clamp(dice_.Between(3, 6), least, std::max(least, most));
      ends_agreed.push_back(AddMonths(ends_agreed.back() + 1, more) - 1);
    }
    // One in seven breaks off before the agreed end.
    const bool early = dice_.Percent(14);
    const CivilDay ended =
        early ? WorkingDayFrom(starts + dice_.Between(10, std::max(11, static_cast<int>(ends_agreed.back() - starts) - 10)))
              : ends_agreed.back();
    for (size_t i = 1; i < ends_agreed.size(); ++i) {
      Extend(period_id, ends_agreed[i - 1], ends_agreed[i], ended, i, length != nullptr);
    }
    const std::optional<std::pair<CivilDay, CivilDay>> pause = Interrupt(period_id, starts, ended);
    if (place.form == event::v1::SERVICE_FORM_GROUP) Group(place, starts, ended);
    Days(period_id, place, schedule, starts, std::min(ended, frame_.until), pause);
    ChooseMeans(period_id, starts);
    ClaimTravel(period_id);
    Assessments(period_id, starts, ended);
    if (ended > frame_.until) return std::nullopt;
    return End(period_id, referral_id, starts, ended, early, number);
  }

  void Visit(const std::string& referral_id, const Place& place, CivilDay& day) {
    if (!slow_ || dice_.Percent(30)) return;
    referral::IntroductoryVisitArranged arranged;
    const CivilDay visit = WorkingDayFrom(day + dice_.Between(2, 9));
    arranged.set_referral_id(referral_id);
    arranged.set_visit_on(FormatDate(visit));
    arranged.set_place_code(place.code);
    Social(day, arranged);
    referral::IntroductoryVisitHeld held;
    held.set_referral_id(referral_id);
    held.set_visit_on(FormatDate(visit));
    held.set_place_code(place.code);
    held.set_result(referral::VISIT_RESULT_AGREED);
    held.add_tasks("pajatyö");
    Social(visit, held);
    day = visit;
  }

  void Agree(const std::string& period_id, const std::string& referral_id, const std::string& plan_id,
             const Place& place, const event::v1::Schedule& schedule, CivilDay agreed, CivilDay starts,
             CivilDay ends, int number) {
    referral::AgreementMade agreement;
    agreement.set_period_id(period_id);
    agreement.set_referral_id(referral_id);
    agreement.set_plan_id(plan_id);
    agreement.set_provider_agency(std::string(kProviders[provider_]));
    agreement.set_place_code(place.code);
    agreement.set_starts_on(FormatDate(starts));
    agreement.set_ends_on(FormatDate(ends));
    *agreement.mutable_schedule() = schedule;
    for (ActorRole signer : {event::v1::ACTOR_ROLE_CLIENT, event::v1::ACTOR_ROLE_SOCIAL_SERVICES,
                             event::v1::ACTOR_ROLE_PROVIDER}) {
      auto* signature = agreement.add_signatures();
      signature->set_signer(signer);
      signature->set_signed_on(FormatDate(agreed));
    }
    agreement.add_goals("osallistuminen sovittuina päivinä");
    Social(agreed, agreement);
    referral::DecisionMade decision;
    decision.set_decision_number(Str("KT-", agreed.year(), "-", client_ + 1, "-", number));
    decision.set_kind(referral::DECISION_KIND_START);
    decision.set_granted(true);
    decision.set_period_id(period_id);
    decision.set_made_on(FormatDate(agreed));
    decision.set_valid_from(FormatDate(starts));
    decision.set_valid_until(FormatDate(ends));
    decision.set_travel_granted(!profile_.travel().empty());
    decision.set_grounds("suunnitelman mukaisesti");
    Social(agreed, decision);
    referral::AuthorityNotified notified;
    notified.set_notice(event::v1::NOTICE_KIND_START);
    notified.set_period_id(period_id);
    notified.set_authority_agency(std::string(kEmployment));
    notified.set_notified_on(FormatDate(agreed));
    notified.set_effective_on(FormatDate(starts));
    Social(agreed, notified);
    // Kela has nothing to do with who lives on social assistance alone.
    if (assisted_) return;
    referral::PayerStatementGiven statement;
    const CivilDay given = std::min(starts, WorkingDayFrom(agreed + 1));
    statement.set_period_id(period_id);
    statement.set_payer_agency(std::string(kKela));
    statement.set_given_on(FormatDate(given));
    statement.set_effective_from(FormatDate(starts));
    statement.set_effective_until(FormatDate(ends));
    statement.set_result(referral::STATEMENT_RESULT_ENTITLED);
    Coach(given, statement);
  }

  // ---- Steps 9 and 13 ----

  void Extend(const std::string& period_id, CivilDay end, CivilDay until, CivilDay ended, size_t number,
              bool decided) {
    const CivilDay day = WorkingDayFrom(end - dice_.Between(7, 20));
    if (day >= ended) return;  // it broke off before anybody thought of it
    const std::string decision_number = Str("KT-", day.year(), "-", client_ + 1, "-", period_id, "-j", number);
    if (decided) {
      referral::DecisionMade decision;
      decision.set_decision_number(decision_number);
      decision.set_kind(referral::DECISION_KIND_EXTENSION);
      decision.set_granted(true);
      decision.set_period_id(period_id);
      decision.set_made_on(FormatDate(day));
      decision.set_valid_from(FormatDate(end + 1));
      decision.set_valid_until(FormatDate(until));
      Social(day, decision);
    }
    referral::ServiceExtended extended;
    extended.set_period_id(period_id);
    extended.set_ends_on(FormatDate(until));
    if (decided) extended.set_decision_number(decision_number);
    Social(day, extended);
  }

  // The days without service, both inclusive.
  std::optional<std::pair<CivilDay, CivilDay>> Interrupt(const std::string& period_id, CivilDay starts,
                                                         CivilDay ended) {
    if (!dice_.Percent(5) || ended - starts < 45) return std::nullopt;
    const CivilDay from = WorkingDayFrom(starts + dice_.Between(15, 25));
    const CivilDay back = WorkingDayFrom(from + dice_.Between(7, 15));
    referral::ServiceInterrupted interrupted;
    interrupted.set_period_id(period_id);
    interrupted.set_interrupted_from(FormatDate(from));
    interrupted.set_reason(referral::STATUS_REASON_CLIENT_SITUATION);
    Social(from, interrupted);
    referral::ServiceResumed resumed;
    resumed.set_period_id(period_id);
    resumed.set_resumed_on(FormatDate(back));
    Social(back, resumed);
    return std::pair(from, back - 1);
  }

  const config::v1::AbsenceClassRule* ClassOn(CivilDay day, AttendanceClass kind) const {
    return FindRule(profile_.absence_classes(), day, first_start_,
                    [&](const auto& rule) { return rule.attendance_class() == kind; });
  }

  // Shares of planned days, per mille, that are not simply attended; the demo's sheets and DOMAIN's rules have these
  // kinds, how often each comes is an assumption.
  void Days(const std::string& period_id, const Place& place, const event::v1::Schedule& schedule, CivilDay starts,
            CivilDay last, const std::optional<std::pair<CivilDay, CivilDay>>& pause) {
    int ill = 0;  // days of the same absence that are left
    bool certificate = false;
    std::set<CivilDay> taken;  // swapped to
    attended_.clear();
    std::vector<Record> records;
    for (CivilDay day = starts; day <= last; ++day) {
      if (!Lists(schedule, day) || taken.contains(day)) continue;
      if (pause && pause->first <= day && day <= pause->second) continue;
      AttendanceClass kind = event::v1::ATTENDANCE_CLASS_ATTENDED;
      CivilDay on = day;
      if (service::PublicHoliday(day) || IsCustomaryEve(day)) {
        kind = event::v1::ATTENDANCE_CLASS_SERVICE_NOT_HELD;
      } else if (ill > 0) {
        --ill;
        kind = event::v1::ATTENDANCE_CLASS_OWN_ILLNESS;
      } else {
        const int throw_of = dice_.Between(1, 1'000);
        if (throw_of <= 45) {
          kind = event::v1::ATTENDANCE_CLASS_OWN_ILLNESS;
          ill = dice_.Percent(75) ? dice_.Between(0, 1) : dice_.Between(2, 5);
          certificate = ill >= 3 && dice_.Percent(90);
        } else if (throw_of <= 55) {
          kind = event::v1::ATTENDANCE_CLASS_CHILD_ILL;
        } else if (throw_of <= 65) {
          kind = event::v1::ATTENDANCE_CLASS_JOB_INTERVIEW;
        } else if (throw_of <= 68) {
          kind = event::v1::ATTENDANCE_CLASS_PUBLIC_OFFICE;
        } else if (throw_of <= 120) {
          kind = event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE;
        } else if (throw_of <= 127) {
          // To another day of the same week on which nothing was planned.
          const CivilDay other = day + 1;
          if (!Lists(schedule, other) && other == WorkingDayFrom(other) && other <= last &&
              service::MondayOf(other) == service::MondayOf(day) &&
              !(pause && pause->first <= other && other <= pause->second)) {
            kind = event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP;
            on = other;
            taken.insert(other);
          }
        }
      }
      if (ClassOn(on, kind) == nullptr) kind = event::v1::ATTENDANCE_CLASS_ATTENDED;
      const auto* rule = ClassOn(on, kind);
      if (rule == nullptr) continue;  // a region that keeps no such record
      records.push_back(WriteDown(on, day, rule, place.form == event::v1::SERVICE_FORM_GROUP));
      records.back().certificate = kind == event::v1::ATTENDANCE_CLASS_OWN_ILLNESS && certificate;
      if (There(*rule)) attended_[absl::CivilMonth(on)].push_back(on);
    }
    const std::map<absl::CivilMonth, CivilDay> confirmed = MonthsConfirmed(records, last);
    for (const Record& record : records) Say(record, period_id, place, schedule, confirmed);
    for (const auto& [month, day] : confirmed) Confirm(period_id, month, day, records);
    for (const Record& record : records) SayCorrection(record, period_id, place, schedule, confirmed, true);
  }

  // A day of the client as the provider writes it down, and what it turns out to have been.
  struct Record {
    CivilDay on, planned, written;
    const config::v1::AbsenceClassRule* rule = nullptr;
    bool certificate = false;
    const config::v1::AbsenceClassRule* truth = nullptr;  // null: it was right
    CivilDay corrected;                                   // with `truth`
  };

  static bool There(const config::v1::AbsenceClassRule& rule) {
    return rule.outcome() == event::v1::DAY_OUTCOME_ATTENDED;
  }

  Record WriteDown(CivilDay on, CivilDay planned, const config::v1::AbsenceClassRule* rule, bool group) {
    // A group's sheet is copied when the week is over, and so do some others; most write it the same day.
    const CivilDay friday = service::MondayOf(on) + 4;
    Record record{on, planned, group || !dice_.Percent(80) ? std::max(on, friday) : on, rule};
    // One in sixty turns out to be wrong (the demo has 2 of about 600), three in ten of these only when the day may
    // have been paid.
    if (on != planned || !dice_.Permille(16) || service::PublicHoliday(on)) return record;
    record.truth = ClassOn(on, There(*rule) ? event::v1::ATTENDANCE_CLASS_OWN_ILLNESS
                                            : event::v1::ATTENDANCE_CLASS_ATTENDED);
    record.corrected =
        WorkingDayFrom(record.written + (dice_.Percent(30) ? dice_.Between(20, 60) : dice_.Between(1, 6)));
    return record;
  }

  // On which days the provider confirms the months of its records, `last` being the last one of the period: when the month
  // is over and written down.
  std::map<absl::CivilMonth, CivilDay> MonthsConfirmed(const std::vector<Record>& records, CivilDay last) {
    std::map<absl::CivilMonth, CivilDay> written;
    for (const Record& record : records) {
      CivilDay& newest = written.try_emplace(absl::CivilMonth(record.planned), record.written).first->second;
      newest = std::max(newest, record.written);
    }
    std::map<absl::CivilMonth, CivilDay> confirmed;
    for (const auto& [month, newest] : written) {
      const CivilDay over = std::min(service::LastDayOf(month), last) + 1;
      const CivilDay day = std::max(newest, WorkingDayFrom(over + dice_.Between(0, 3)));
      if (dice_.Percent(kConfirmsPercent[provider_]) && day <= frame_.until) confirmed[month] = day;
    }
    return confirmed;
  }

  void Confirm(const std::string& period_id, absl::CivilMonth month, CivilDay day,
               const std::vector<Record>& records) {
    attendance::MonthConfirmed confirmed;
    confirmed.set_period_id(period_id);
    confirmed.set_month(service::FormatMonth(month));
    confirmed.set_confirmed_on(FormatDate(day));
    for (const Record& record : records) {
      if (absl::CivilMonth(record.on) != month || record.written > day) continue;
      const bool right = record.truth == nullptr || record.corrected > day;
      if (There(right ? *record.rule : *record.truth)) {
        confirmed.set_attended_days(confirmed.attended_days() + 1);
      }
    }
    Put(day, kFirstAttendance + provider_, kProviders[provider_], instructor_, confirmed);
  }

  void Say(const Record& record, const std::string& period_id, const Place& place,
           const event::v1::Schedule& schedule, const std::map<absl::CivilMonth, CivilDay>& confirmed) {
    attendance::DayRecorded recorded;
    FillDay(record, *record.rule, period_id, place, schedule, recorded);
    if (record.on != record.planned) recorded.set_swapped_from(FormatDate(record.planned));
    recorded.set_certificate_seen(record.certificate);
    Put(record.written, kFirstAttendance + provider_, kProviders[provider_], instructor_, recorded);
    SayCorrection(record, period_id, place, schedule, confirmed, false);
  }

  template <typename Message>
  void FillDay(const Record& record, const config::v1::AbsenceClassRule& rule, const std::string& period_id,
               const Place& place, const event::v1::Schedule& schedule, Message& message) const {
    message.set_date(FormatDate(record.on));
    message.set_period_id(period_id);
    message.set_planned_minutes(schedule.minutes_per_day());
    message.set_actual_minutes(There(rule) ? schedule.minutes_per_day() : 0);
    message.set_place_code(place.code);
    message.set_outcome(rule.outcome());
    message.set_attendance_class(rule.attendance_class());
  }

  // In a month that was confirmed before, it is proposed, and another official decides.
  void SayCorrection(const Record& record, const std::string& period_id, const Place& place,
                     const event::v1::Schedule& schedule,
                     const std::map<absl::CivilMonth, CivilDay>& confirmed, bool of_confirmed_month) {
    if (record.truth == nullptr) return;
    const auto month = confirmed.find(absl::CivilMonth(record.on));
    if (of_confirmed_month != (month != confirmed.end() && month->second < record.corrected)) return;
    const size_t instance = kFirstAttendance + provider_;
    const std::string_view provider = kProviders[provider_];
    if (!of_confirmed_month) {
      attendance::DayCorrected correction;
      FillDay(record, *record.truth, period_id, place, schedule, correction);
      correction.set_reason(attendance::CORRECTION_REASON_WRONG_CLASS);
      Put(record.corrected, instance, provider, instructor_, correction);
      return;
    }
    attendance::DayCorrectionProposed proposal;
    FillDay(record, *record.truth, period_id, place, schedule, proposal);
    proposal.set_reason(attendance::CORRECTION_REASON_WRONG_CLASS);
    Put(record.corrected, instance, provider, instructor_, proposal);
    if (record.corrected > frame_.until) return;
    attendance::DayCorrectionDecided decided;
    decided.set_proposal_event_id(std::string(acts_.back().id.view()));
    const CivilDay day = WorkingDayFrom(record.corrected + dice_.Between(1, 4));
    decided.set_decided_on(FormatDate(day));
    decided.set_approved(dice_.Percent(90));
    if (!decided.approved()) decided.set_reason("merkintä oli oikein");
    Put(day, instance, provider, "esihenkilo-1", decided);
  }

  // From the first day to the last one, on the sheet that the group shares.
  void Group(const Place& place, CivilDay starts, CivilDay ended) {
    attendance::GroupJoined joined;
    joined.set_group_code(GroupCodeOf(place.code));
    joined.set_place_code(place.code);
    joined.set_joined_from(FormatDate(starts));
    Put(starts, kFirstAttendance + provider_, kProviders[provider_], instructor_, joined);
    if (ended > frame_.until) return;
    attendance::GroupLeft left;
    left.set_group_code(joined.group_code());
    left.set_member_until(FormatDate(ended));
    Put(WorkingDayFrom(ended), kFirstAttendance + provider_, kProviders[provider_], instructor_, left);
  }


  // That hold for the client's municipality on that day: the area's own before the region's.
  std::vector<const config::v1::TravelRule*> TravelRules(CivilDay day) const {
    const auto of = [&](bool own_area) {
      return service::FindRules(profile_.travel(), day, first_start_.value_or(day), [&](const auto& rule) {
        const auto& codes = rule.municipality_codes();
        return own_area ? std::find(codes.begin(), codes.end(), municipality_) != codes.end() : codes.empty();
      });
    };
    const auto own_area = of(true);
    return own_area.empty() ? of(false) : own_area;
  }

  // Where there are several ways to travel, the client says which, and how far it is where that counts (seed 002).
  void ChooseMeans(const std::string& period_id, CivilDay starts) {
    const auto rules = TravelRules(starts);
    if (rules.empty()) return;
    const auto* rule = rules[dice_.Below(rules.size())];
    const bool by_kilometre = rule->mode() == event::v1::TRAVEL_MODE_PER_DAY && rule->cents() == 0 &&
                              rule->cents_per_kilometre() > 0;
    if (rules.size() == 1 && !by_kilometre) return;
    means_ = rule->means();
    compensation::TravelMeansChosen chosen;
    chosen.set_period_id(period_id);
    chosen.set_chosen_from(FormatDate(starts));
    chosen.set_means(means_);
    if (by_kilometre) {
      chosen.set_distance_metres(static_cast<uint32_t>(1'000 * dice_.Between(4, 60)));
    }
    // The day after: the start is known then.
    Put(WorkingDayFrom(starts + 1), kSocialCompensation, kWellbeing, worker_, chosen);
  }

  // Actual costs are applied for (seed 000, Lempäälä), here a month at a time, and decided on some days later.
  void ClaimTravel(const std::string& period_id) {
    for (const auto& [month, days] : attended_) {
      const auto rules = TravelRules(days.front());
      const auto found = std::find_if(rules.begin(), rules.end(), [&](const auto* r) {
        return r->mode() == event::v1::TRAVEL_MODE_APPLIED_ACTUAL_COSTS && (rules.size() == 1 || r->means() == means_);
      });
      const auto* rule = found == rules.end() ? nullptr : *found;
      // A claim about few days could lose its last one by a correction.
      if (rule == nullptr || days.size() < 3 || !dice_.Percent(70)) continue;
      const CivilDay claimed_on = WorkingDayFrom(CivilDay(absl::CivilMonth(days.front()) + 1) + dice_.Between(2, 9));
      compensation::TravelClaimed claimed;
      claimed.set_claim_id(Str("m-", period_id, "-", service::FormatMonth(month)));
      claimed.set_travelled_from(FormatDate(days.front()));
      claimed.set_travelled_until(FormatDate(days.back()));
      claimed.set_means(rule->means() == event::v1::TRAVEL_MEANS_UNSPECIFIED ? event::v1::TRAVEL_MEANS_SINGLE_TICKET
                                                                              : rule->means());
      claimed.set_trips(static_cast<uint32_t>(2 * days.size()));
      claimed.set_claimed_cents(static_cast<int64_t>(days.size()) * dice_.Between(300, 900));
      claimed.set_receipts(static_cast<uint32_t>(days.size()));
      Put(claimed_on, kSocialCompensation, kProviders[provider_], instructor_, claimed);
      const CivilDay decided = WorkingDayFrom(claimed_on + dice_.Between(3, 12));
      if (dice_.Percent(6)) {
        compensation::TravelClaimRejected rejected;
        rejected.set_claim_id(claimed.claim_id());
        rejected.set_rejected_on(FormatDate(decided));
        rejected.set_reason(compensation::REJECTION_REASON_NO_RECEIPT);
        Put(decided, kSocialCompensation, kWellbeing, worker_, rejected);
        continue;
      }
      compensation::TravelGranted granted;
      granted.set_period_id(period_id);
      granted.set_covers_from(claimed.travelled_from());
      granted.set_covers_until(claimed.travelled_until());
      granted.set_claim_id(claimed.claim_id());
      granted.set_mode(rule->mode());
      granted.set_means(claimed.means());
      granted.set_amount_cents(claimed.claimed_cents());
      *granted.mutable_rule() = service::RefTo(*rule);
      Put(decided, kSocialCompensation, kWellbeing, worker_, granted);
    }
  }

  static bool IsCustomaryEve(CivilDay day) {
    return (day.month() == 12 && day.day() == 24) ||
           (day.month() == 6 && absl::GetWeekday(day) == absl::Weekday::friday && day.day() >= 19 && day.day() <= 25);
  }

  // ---- Steps 8, 10-12 ----

  void Assessments(const std::string& period_id, CivilDay starts, CivilDay ended) {
    bool interim = false;
    for (const auto& rule : profile_.assessments()) {
      if (!RuleHolds(rule, starts, first_start_) || rule.anchor() != config::v1::ANCHOR_START) continue;
      uint32_t round = 0;
      CivilDay previous = starts - 1;
      for (uint32_t months : rule.months()) {
        ++round;
        // Some are late, some never come (seed 004: not all have what they should).
        const CivilDay day = std::max(WorkingDayFrom(previous + 1),
                                      WorkingDayFrom(AddMonths(starts, static_cast<int>(months)) + dice_.Between(0, 18)));
        if (!dice_.Percent(85) || day > ended) continue;
        previous = day;
        if (rule.kind() == event::v1::ASSESSMENT_KIND_KYKYVIISARI) Kykyviisari(period_id, round, day);
        if (rule.kind() == event::v1::ASSESSMENT_KIND_NETWORK_MEETING) Meeting(period_id, round, day);
        if (rule.kind() == event::v1::ASSESSMENT_KIND_INTERIM_EVALUATION) Interim(period_id, round, day);
      }
      interim = interim || rule.kind() == event::v1::ASSESSMENT_KIND_INTERIM_EVALUATION;
      if (rule.kind() == event::v1::ASSESSMENT_KIND_WORK_ABILITY && dice_.Percent(15)) {
        const CivilDay day = WorkingDayFrom(starts + 70);
        if (day > ended) continue;
        assessment::WorkAbilityAssessed assessed;
        assessed.set_period_id(period_id);
        assessed.set_assessed_on(FormatDate(day));
        assessed.add_strengths("pitää sovituista päivistä kiinni");
        assessed.set_summary("työkyky osittain alentunut");
        Assess(day, kWellbeing, worker_, assessed);
      }
    }
    const CivilDay day = WorkingDayFrom(starts + 45);
    if (!interim && day <= ended && dice_.Percent(60)) Interim(period_id, 1, day);
  }

  void Kykyviisari(const std::string& period_id, uint32_t round, CivilDay day) {
    constexpr std::pair<assessment::KykyviisariScale, uint32_t> kScales[] = {
        {assessment::KYKYVIISARI_SCALE_INCLUSION, 12}, {assessment::KYKYVIISARI_SCALE_MIND, 9},
        {assessment::KYKYVIISARI_SCALE_EVERYDAY, 11},  {assessment::KYKYVIISARI_SCALE_SKILLS, 10},
        {assessment::KYKYVIISARI_SCALE_BODY, 2}};
    assessment::KykyviisariRecorded filled;
    filled.set_period_id(period_id);
    filled.set_round(round);
    filled.set_filled_on(FormatDate(day));
    for (const auto& [scale, items] : kScales) {
      auto* score = filled.add_scores();
      score->set_scale(scale);
      score->set_items_answered(items);
      score->set_max_points(4 * items);
      const int share = std::clamp(dice_.Between(25, 75) + 5 * static_cast<int>(round), 0, 100);
      score->set_points(4 * items * static_cast<uint32_t>(share) / 100);
    }
    filled.set_work_ability(static_cast<uint32_t>(dice_.Between(2, 8)));
    filled.set_functioning(static_cast<uint32_t>(dice_.Between(3, 9)));
    Assess(day, kWellbeing, worker_, filled);
  }

  void Meeting(const std::string& period_id, uint32_t round, CivilDay day) {
    referral::NetworkMeetingHeld held;
    held.set_meeting_id(Str("v-", period_id, "-", round));
    held.set_meeting_on(FormatDate(day));
    for (ActorRole role : {event::v1::ACTOR_ROLE_CLIENT, event::v1::ACTOR_ROLE_SOCIAL_SERVICES,
                           event::v1::ACTOR_ROLE_PROVIDER}) {
      held.add_present(role);
    }
    held.add_present_agencies(std::string(kWellbeing));
    held.add_present_agencies(std::string(kProviders[provider_]));
    held.set_baseline("rytmi löytymässä");
    auto* commitment = held.add_commitments();
    commitment->set_number(1);
    commitment->set_member(event::v1::ACTOR_ROLE_PROVIDER);
    commitment->set_agency(std::string(kProviders[provider_]));
    commitment->set_task("viikoittainen keskustelu");
    Social(day, held);
  }

  void Goal(event::v1::EvaluatedGoal& goal, bool final) {
    constexpr Helper kHelpers[] = {{event::v1::ACTOR_ROLE_SOCIAL_SERVICES, kWellbeing},
                                      {event::v1::ACTOR_ROLE_EMPLOYMENT_SERVICES, kEmployment}};
    const auto& helper = kHelpers[dice_.Below(std::size(kHelpers))];
    goal.set_goal("säännöllinen rytmi");
    goal.set_state(static_cast<event::v1::GoalState>(dice_.Between(final ? 2 : 1, 3)));
    goal.set_helper(helper.role);
    goal.set_helper_agency(std::string(helper.agency));
  }

  void Interim(const std::string& period_id, uint32_t round, CivilDay day) {
    assessment::InterimEvaluationMade made;
    made.set_period_id(period_id);
    made.set_round(round);
    made.set_evaluated_on(FormatDate(day));
    made.add_present(event::v1::ACTOR_ROLE_CLIENT);
    made.add_present(event::v1::ACTOR_ROLE_PROVIDER);
    Goal(*made.add_goals(), false);
    made.set_background("ryhmässä alusta asti");
    Assess(day, kProviders[provider_], instructor_, made);
  }

  // ---- Steps 14 and 15 ----

  ExitCode Exit(CivilDay day) {
    const auto* rule = RuleOn(profile_.exits(), day);
    std::vector<ExitCode> codes;
    std::vector<int> weights;
    for (const auto& [code, weight] : kExits) {
      if (rule != nullptr && std::find(rule->codes().begin(), rule->codes().end(), code) == rule->codes().end()) {
        continue;
      }
      codes.push_back(code);
      weights.push_back(weight);
    }
    return codes.empty() ? event::v1::EXIT_CODE_UNSPECIFIED : codes[dice_.Weighted(weights)];
  }
  static event::v1::ExitGroup GroupOf(ExitCode code) {
    return code == event::v1::EXIT_CODE_UNSPECIFIED ? event::v1::EXIT_GROUP_UNKNOWN
                                                    : static_cast<event::v1::ExitGroup>(code / 10);
  }

  // The day on which the client's next period can be prepared; nullopt: there is none.
  std::optional<CivilDay> End(const std::string& period_id, const std::string& referral_id, CivilDay starts,
                              CivilDay ended, bool early, int number) {
    ExitCode exit = Exit(ended);
    const CivilDay said = WorkingDayFrom(ended);
    std::string follow_on;
    if (!early && dice_.Percent(55)) {
      follow_on = Str("j", number);
      FollowOnPlan(follow_on, std::max(starts, ended - dice_.Between(1, 8)), ended);
    }
    referral::ServiceEnded end;
    end.set_period_id(period_id);
    end.set_ended_on(FormatDate(ended));
    end.set_manner(!early                ? referral::END_MANNER_AS_AGREED
                   : dice_.Percent(40) ? referral::END_MANNER_GOAL_REACHED
                   : dice_.Percent(50) ? referral::END_MANNER_BY_CLIENT
                                         : referral::END_MANNER_ABSENCES);
    end.set_exit_group(GroupOf(exit));
    end.set_exit_code(exit);
    end.set_follow_on_plan_id(follow_on);
    Provider(said, end);
    Provider(said, Status(referral_id, said, referral::REFERRAL_STATUS_COMPLETED));
    Feedback(period_id, starts, ended, exit);
    const bool again = exit == event::v1::EXIT_CODE_NEW_PERIOD;
    const auto* rule = FindRule(profile_.assessments(), ended, first_start_, [](const auto& r) {
      return r.kind() == event::v1::ASSESSMENT_KIND_FOLLOW_UP;
    });
    CivilDay closing = WorkingDayFrom(ended + 200);
    if (rule != nullptr) {
      for (uint32_t months : rule->months()) {
        const CivilDay asked = WorkingDayFrom(AddMonths(ended, static_cast<int>(months)) + dice_.Between(0, 25));
        closing = std::max(closing, asked + 10);
        if (!dice_.Percent(80)) continue;
        referral::FollowUpRecorded told;
        told.set_period_id(period_id);
        told.set_months(months);
        told.set_asked_on(FormatDate(asked));
        told.set_reached(dice_.Percent(80));
        if (told.reached()) {
          if (dice_.Percent(40)) exit = Exit(asked);
          told.set_exit_group(GroupOf(exit));
          told.set_exit_code(exit);
        }
        Coach(asked, told);
      }
    }
    if (again) return WorkingDayFrom(ended + 1);
    referral::CaseClosed closed;
    closed.set_closed_on(FormatDate(WorkingDayFrom(closing)));
    Social(WorkingDayFrom(closing), closed);
    return std::nullopt;
  }

  void FollowOnPlan(const std::string& plan_id, CivilDay drafted, CivilDay ended) {
    referral::PlanDrafted plan;
    plan.set_plan_id(plan_id);
    plan.set_revision(1);
    plan.set_kind(event::v1::PLAN_KIND_FOLLOW_ON);
    plan.set_drafted_on(FormatDate(drafted));
    plan.set_review_on(FormatDate(AddMonths(ended, 3)));
    plan.set_rehabilitative_work(referral::REHABILITATIVE_WORK_IN_PLAN_OTHER_SERVICE);
    plan.add_signers_needed(event::v1::ACTOR_ROLE_CLIENT);
    plan.add_signers_needed(event::v1::ACTOR_ROLE_SOCIAL_SERVICES);
    plan.add_signers_needed(event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY);
    plan.add_goals("seuraava askel");
    Social(drafted, plan);
    if (dice_.Percent(85)) Sign(plan, drafted, 0, 6);
  }

  void Feedback(const std::string& period_id, CivilDay starts, CivilDay ended, ExitCode exit) {
    // A provider's own way of working shows (seed 000: feedback quality varies by provider; seed 004: 8 in 10 have
    // closing feedback).
    constexpr int kEvaluates[] = {90, 80, 65};
    constexpr int kAnswers[] = {95, 80, 60};
    const CivilDay day = WorkingDayFrom(ended + dice_.Between(0, 20));
    if (dice_.Percent(kEvaluates[provider_])) {
      assessment::FinalEvaluationMade made;
      made.set_period_id(period_id);
      made.set_evaluated_on(FormatDate(day));
      made.add_present(event::v1::ACTOR_ROLE_CLIENT);
      made.add_present(event::v1::ACTOR_ROLE_PROVIDER);
      Goal(*made.add_goals(), true);
      // The four parts of the form (seed 003): some leave one out.
      if (dice_.Percent(kAnswers[provider_])) made.set_background("osallistui koko jakson");
      if (dice_.Percent(kAnswers[provider_])) made.set_self_assessment("jaksan paremmin kuin alussa");
      if (dice_.Percent(kAnswers[provider_])) made.set_work_ability("kuormittuu pitkistä päivistä");
      made.set_recommended(exit);
      Assess(day, kProviders[provider_], instructor_, made);
    }
    if (dice_.Percent(kEvaluates[provider_] - 5)) {
      assessment::FeedbackGiven given;
      given.set_period_id(period_id);
      given.set_giver(event::v1::ACTOR_ROLE_PROVIDER);
      given.set_given_on(FormatDate(day));
      given.set_text("osallistui tavoitteiden mukaan");
      Assess(day, kProviders[provider_], instructor_, given);
    }
    if (dice_.Percent(60)) {
      assessment::FeedbackGiven given;
      given.set_period_id(period_id);
      given.set_giver(event::v1::ACTOR_ROLE_CLIENT);
      given.set_given_on(FormatDate(ended));
      constexpr int kSatisfaction[] = {5, 15, 45, 35};
      given.set_satisfaction(1 + static_cast<uint32_t>(dice_.Weighted(kSatisfaction)));
      Assess(ended, kProviders[provider_], instructor_, given);
    }
    if (dice_.Percent(10) && ended - starts > 60) {
      assessment::CompetenceRecognised recognised;
      recognised.set_period_id(period_id);
      recognised.set_recognised_on(FormatDate(ended));
      recognised.add_competences("työskentely työyhteisössä");
      Assess(ended, kProviders[provider_], instructor_, recognised);
    }
  }

  const Frame& frame_;
  const config::v1::Profile& profile_;
  const size_t client_;
  Dice dice_;
  CaseId case_id_;  // that is told of
  const std::string coach_, worker_;
  bool slow_ = true;  // steps take days; not of who is there already when the services are taken into use
  std::string municipality_;
  size_t provider_ = 0;
  std::string instructor_ = "ohjaaja-1";
  std::optional<CivilDay> first_start_;
  bool assisted_ = false;  // lives on social assistance
  std::optional<std::pair<CivilDay, event::v1::BenefitKind>> changed_benefit_;
  event::v1::TravelMeans means_ = event::v1::TRAVEL_MEANS_UNSPECIFIED;  // chosen for the period
  std::map<absl::CivilMonth, std::vector<CivilDay>> attended_;  // of the period, as first recorded
  std::vector<Act> acts_;
};

constexpr std::string_view kLanguages[] = {"fi", "sv", "en"};
constexpr std::string_view kPlaceWords[] = {"Paikka", "Plats", "Place"};

}  // namespace

std::vector<Act> MakePlaces(const Frame& frame, const config::v1::Profile& profile) {
  std::vector<Act> acts;
  const CivilDay half = WorkingDayFrom(frame.from + static_cast<int>(frame.until - frame.from) / 2);
  // A third more than who is there at one time, if all came evenly (assumption).
  const size_t at_once = frame.clients * kThereAtStartPercent / 100;
  const auto capacity = static_cast<uint32_t>(2 + at_once * 4 / 3 / (std::size(kProviders) * kPlacesOfProvider));
  for (size_t provider = 0; provider < std::size(kProviders); ++provider) {
    for (size_t number = 0; number < kPlacesOfProvider; ++number) {
      const Place place = PlaceOf(profile, provider, number, frame.from, frame.from);
      referral::PlaceListed listed;
      listed.set_provider_agency(std::string(kProviders[provider]));
      listed.set_place_code(place.code);
      for (size_t i = 0; i < std::size(kLanguages); ++i) {
        auto* name = listed.add_names();
        name->set_language(std::string(kLanguages[i]));
        name->set_text(Str(kPlaceWords[i], " ", provider + 1, "/", number + 1));
      }
      const auto& municipalities = profile.municipality_codes();
      if (!municipalities.empty()) {
        listed.set_municipality_code(municipalities[static_cast<int>(number) % municipalities.size()]);
      }
      listed.set_variant(place.variant);
      listed.set_form(place.form);
      listed.set_provision(place.provision);
      listed.set_capacity(capacity);
      listed.set_valid_from(FormatDate(frame.from));
      // The first one of each provider grows by two (assumption).
      for (const CivilDay day : {frame.from, half}) {
        if (day > frame.until || (day == half && (number > 0 || half == frame.from))) continue;
        if (day == half) listed.set_capacity(capacity + 2);
        Act& act = acts.emplace_back();
        act.day = day;
        act.instance = kReferral;
        act.agency = kProviders[provider];
        act.official = "ohjaaja-1";
        act.case_id = NamedCase(Str("polku/generate/place/v1 ", frame.seed, " ", place.code));
        act.id = DerivedEventId(
            Str("polku/generate/place-event/v1 ", frame.seed, " ", place.code, " ", FormatDate(day)));
        act.type = referral::PlaceListed::descriptor()->full_name();
        act.body = listed.SerializeAsString();
      }
    }
  }
  return acts;
}

std::vector<Act> MakeStory(const Frame& frame, const config::v1::Profile& profile, size_t client) {
  return Writer(frame, profile, client).Write();
}

Person MakePerson(uint64_t seed, size_t client, CivilDay on) {
  Dice dice(seed, Str("person ", client));
  const int number = 900 + static_cast<int>(client % 100);
  const int years = dice.Percent(12) ? dice.Between(kYoungest, kYoung - 1) : dice.Between(kYoung, kOldest);
  CivilDay born(on.year() - years, 1, 1);
  // Of one number, the days of the year are dealt out one after the other (97 and 365 have no common divisor).
  born += static_cast<int>((client / 100 * 97 + client % 100 * 31 + seed % 365) % 365);
  Person person{.identity_code = absl::StrFormat("%02d%02d%02d%c%03d", born.day(), born.month(), born.year() % 100,
                                                 born.year() < 2000 ? '-' : 'A', number),
                .born = born,
                .female = number % 2 == 0};
  const int digits = born.day() * 10'000'000 + born.month() * 100'000 +
                     static_cast<int>(born.year() % 100) * 1'000 + number;
  person.identity_code += "0123456789ABCDEFHJKLMNPRSTUVWXY"[digits % 31];
  return person;
}

std::string MakeIban(size_t client, uint32_t account) {
  // Bank number 000 is nobody's. Check digits after ISO 13616: the country's letters and 00 behind the account.
  const std::string number = absl::StrFormat("000%03d%08d", account % 1'000, client + 1);
  int remainder = 0;
  for (char digit : number + "151800") remainder = (remainder * 10 + (digit - '0')) % 97;
  return Str("FI", absl::StrFormat("%02d", 98 - remainder), number);
}

}  // namespace polku::generate
