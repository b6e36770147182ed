#include "services/report/report.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/calendar.h"
#include "services/core/closing.h"
#include "services/core/code_name.h"
#include "services/core/days.h"
#include "services/core/form_parts.h"
#include "services/core/joined_cases.h"
#include "services/core/ledger.h"
#include "services/core/message_cast.h"
#include "services/core/periods.h"

namespace polku::report {
namespace {

using absl::CivilDay;
using google::protobuf::EnumValueDescriptor;
using service::AddMonths;
using service::As;
using service::ParseDate;

namespace assessment = assessment::v1;
namespace attendance = attendance::v1;
namespace compensation = compensation::v1;
namespace referral = referral::v1;

using Date = std::optional<CivilDay>;
using Number = std::optional<int64_t>;  // none: not known here

constexpr int kFollowUps[] = {3, 6};  // months after the end (DOMAIN step 15)
constexpr int kYoungUnder = 25;
constexpr std::string_view kNotKnown = "not_known";

template <typename Enum>
const EnumValueDescriptor* Code(Enum value) {
  return google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
}
std::string KeyOf(const EnumValueDescriptor* code) {
  return code == nullptr ? "unknown_code" : service::CodeName(*code);
}

// Which row of a group, and what it stands for.
struct RowName {
  std::string group, key;
  const EnumValueDescriptor* code = nullptr;
  std::vector<std::string> agencies = {};
};

// The row of a code, "EXIT_CODE_STUDY" of ExitCode → "study"; of none, what is not known.
template <typename Enum>
RowName RowFor(std::string group, Enum value) {
  if (static_cast<int>(value) == 0) return {std::move(group), std::string(kNotKnown)};
  return {std::move(group), KeyOf(Code(value)), Code(value)};
}

struct Exit {
  event::v1::ExitGroup group = event::v1::EXIT_GROUP_UNSPECIFIED;
  event::v1::ExitCode code = event::v1::EXIT_CODE_UNSPECIFIED;
};

struct FollowUp {
  bool reached = false;
  Exit exit;
};

// A step of the path, and whose it was.
struct Step {
  Date on;
  std::string by;
};

struct Plan {
  event::v1::PlanKind kind = event::v1::PLAN_KIND_UNSPECIFIED;
  referral::RehabilitativeWorkInPlan work = referral::REHABILITATIVE_WORK_IN_PLAN_UNSPECIFIED;
  Date drafted_on, review_on;
  std::string drafted_by;
  uint32_t revision = 0;
  std::set<int> needed, signed_by;
  Step last_signed;
  bool Signed() const {
    return !needed.empty() && std::includes(signed_by.begin(), signed_by.end(), needed.begin(), needed.end());
  }
};

struct Said {  // of one period, at its end
  bool evaluated = false;
  service::FormParts parts;
  bool by_provider = false, by_client = false;
  uint32_t satisfaction = 0;
};

// Rows that are filled client by client. Numbers add up; persons are counted once a row and, where their own number is
// not zero, once a cell.
class Table {
 public:
  explicit Table(Report& report) : report_(report) {}
  void Add(const void* person, const RowName& name, const std::vector<Number>& values) {
    const size_t place = PlaceOf(name);
    Into(report_.rows[place], place, person, values);
  }
  void Total(const void* person, const std::vector<Number>& values) {
    if (!report_.total) report_.total = NewRow({"all", "all"});
    Into(*report_.total, kTotalPlace, person, values);
  }
  // A row that is there also when nobody is in it.
  Row& RowOf(const RowName& name) { return report_.rows[PlaceOf(name)]; }
  // A row without numbers: nobody gave this reader what it would be counted from.
  void NotHeld(const RowName& name) {
    Row& row = RowOf(name);
    row.persons.state = Cell::State::kUnknown;
    for (Cell& cell : row.values) cell.state = Cell::State::kUnknown;
  }
  void GroupNotHeld(const std::string& group) { NotHeld(RowName{group, std::string(kNotHeld)}); }

  // Groups stay in the order of their first row. Rows of a group stand by what they are called, never by how many
  // they count: of hidden ones that would tell which is larger.
  void Sort() {
    std::vector<std::string> groups;
    for (const Row& row : report_.rows) {
      if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) groups.push_back(row.group);
    }
    const auto place = [&](const Row& row) {
      const auto group = std::find(groups.begin(), groups.end(), row.group) - groups.begin();
      if (row.code == nullptr) return std::tuple(group, true, std::string_view(), 0, std::string_view(row.key));
      return std::tuple(group, false, std::string_view(row.code->type()->full_name()), row.code->number(),
                        std::string_view(row.key));
    };
    std::sort(report_.rows.begin(), report_.rows.end(),
              [&](const Row& a, const Row& b) { return place(a) < place(b); });
    places_.clear();  // the rows have moved
  }

 private:
  static constexpr size_t kTotalPlace = ~size_t{0};

  size_t PlaceOf(const RowName& name) {
    const auto [it, added] = places_.try_emplace({name.group, name.key}, report_.rows.size());
    if (added) report_.rows.push_back(NewRow(name));
    return it->second;
  }
  Row NewRow(const RowName& name) const {
    return {name.group, name.key, name.code, name.agencies, {}, std::vector<Cell>(report_.columns.size())};
  }
  void Into(Row& row, size_t place, const void* person, const std::vector<Number>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      Cell& cell = row.values[i];
      if (!values[i]) {
        if (!persons_.contains({place, i + 1})) cell.state = Cell::State::kUnknown;
        continue;
      }
      cell.state = Cell::State::kShown;
      persons_[{place, i + 1}];  // a number is known, also where it is zero
      cell.value += *values[i];
      if (*values[i] != 0 && persons_[{place, i + 1}].insert(person).second) ++cell.tellers;
    }
    if (persons_[{place, 0}].insert(person).second) {
      ++row.persons.value;
      ++row.persons.tellers;
    }
  }

  Report& report_;
  std::map<std::pair<std::string, std::string>, size_t> places_;
  std::map<std::pair<size_t, size_t>, std::set<const void*>> persons_;  // by row and, from 1 on, column
};

bool Within(Date day, const Question& question) {
  return day && question.from <= *day && *day <= question.until;
}

// The middle one, or the one that nine of ten do not exceed. What lies beyond it on its smaller side, itself included,
// tells of that many.
Cell Quantile(std::vector<int64_t> numbers, size_t of_ten) {
  if (numbers.empty()) return {0, 0, Cell::State::kUnknown};
  std::sort(numbers.begin(), numbers.end());
  const size_t place = std::min(numbers.size() - 1, (numbers.size() * of_ten + 9) / 10 - 1);
  return {numbers[place], static_cast<int64_t>(std::min(place + 1, numbers.size() - place))};
}

}  // namespace

struct Fold::Case {
  CaseId id;
  std::set<std::pair<EventId, std::string>> taken;  // an epoch may hold what an earlier one held
  service::PeriodBook book;
  service::DayBook days;
  std::string municipality;
  uint32_t birth_year = 0;
  referral::Sex sex = referral::SEX_UNSPECIFIED;
  Step need, assessed, referred, accepted;
  std::set<CaseId> linked;  // cases of the same person, as this one says
  std::map<std::string, Plan> plans;
  std::map<std::string, event::v1::ServiceVariant> variants;    // by period
  std::map<EventId, Exit> exits;                                // of each end that was recorded
  std::map<std::pair<std::string, uint32_t>, FollowUp> follow_ups;  // by period and months
  std::map<std::string, Said> said;                             // by period
  service::Ledger ledger;
  struct Paid {
    CivilDay on;
    std::string agency;
  };
  std::map<service::PaymentKey, Paid> paid;
  struct Perk {
    EventId id;
    event::v1::PerkKind kind;
    std::string agency;
    Date given_on;
    bool withdrawn = false;
  };
  std::vector<Perk> perks;
  bool closed = false;

  void Add(const audit::Event& event);
  void AddReferral(const audit::Event& event);
  void AddMoney(const audit::Event& event);
  void AddAssessment(const audit::Event& event);
};

void Fold::Case::AddReferral(const audit::Event& event) {
  const auto& body = *event.body;
  const std::string& author = event.header.author_agency();
  const auto earliest = [&](Step& known, const std::string& text) {
    const Date day = ParseDate(text);
    if (day && (!known.on || *day < *known.on)) known = {day, author};
  };
  // Whatever a peer wrote, only a code gets into a table (common.proto, conventions).
  const auto is_code = [](const std::string& text) {
    return text.size() == 3 && text.find_first_not_of("0123456789") == std::string::npos;
  };
  if (const auto* client = As<referral::ClientIdentified>(body)) {
    if (is_code(client->municipality_code())) municipality = client->municipality_code();
    if (client->birth_year() != 0) birth_year = client->birth_year();
    if (client->sex() != referral::SEX_UNSPECIFIED) sex = client->sex();
  } else if (const auto* need_found = As<referral::NeedIdentified>(body)) {
    earliest(need, need_found->identified_on());
    if (municipality.empty() && is_code(need_found->municipality_code())) municipality = need_found->municipality_code();
  } else if (const auto* assessment_made = As<referral::ServiceNeedAssessed>(body)) {
    earliest(assessed, assessment_made->assessed_on());
  } else if (const auto* drafted = As<referral::PlanDrafted>(body)) {
    Plan plan;  // a new revision is signed anew
    plan.revision = drafted->revision();
    plan.kind = drafted->kind();
    plan.work = drafted->rehabilitative_work();
    plan.drafted_on = ParseDate(drafted->drafted_on());
    plan.drafted_by = author;
    plan.review_on = ParseDate(drafted->review_on());
    plan.needed.insert(drafted->signers_needed().begin(), drafted->signers_needed().end());
    plans[drafted->plan_id()] = std::move(plan);
  } else if (const auto* signature = As<referral::PlanSigned>(body)) {
    const auto plan = plans.find(signature->plan_id());
    if (plan == plans.end() || plan->second.revision != signature->revision()) return;
    plan->second.signed_by.insert(signature->signer());
    const Date day = ParseDate(signature->signed_on());
    Step& last = plan->second.last_signed;
    if (day && (!last.on || *last.on < *day)) last = {day, author};
  } else if (const auto* made = As<referral::ReferralMade>(body)) {
    earliest(referred, made->made_on());
  } else if (const auto* changed = As<referral::ReferralStatusChanged>(body)) {
    if (changed->status() == referral::REFERRAL_STATUS_ACCEPTED) earliest(accepted, changed->effective_on());
  } else if (const auto* started = As<referral::ServiceStarted>(body)) {
    variants[started->period_id()] = started->variant();
  } else if (const auto* ended = As<referral::ServiceEnded>(body)) {
    exits[event.id] = {ended->exit_group(), ended->exit_code()};
  } else if (const auto* link = As<referral::CasesLinked>(body)) {
    if (const auto other = CaseId::FromBytes(link->other_case_id())) linked.insert(*other);
  } else if (const auto* unlink = As<referral::CasesUnlinked>(body)) {
    if (const auto other = CaseId::FromBytes(unlink->other_case_id())) linked.erase(*other);
  } else if (const auto* follow_up = As<referral::FollowUpRecorded>(body)) {
    FollowUp& told = follow_ups[{follow_up->period_id(), follow_up->months()}];
    // Who was asked again and reached tells; who was reached before stays so.
    if (follow_up->reached() || !told.reached) told = {follow_up->reached(), {follow_up->exit_group(), follow_up->exit_code()}};
  }
}

void Fold::Case::AddMoney(const audit::Event& event) {
  const auto& body = *event.body;
  const std::string& agency = event.header.author_agency();
  if (const auto* given = As<compensation::PerkGiven>(body)) {
    perks.push_back({event.id, given->kind(), agency, ParseDate(given->given_on())});
  } else if (const auto* withdrawn = As<compensation::PerkWithdrawn>(body)) {
    const auto given_id = EventId::FromBytes(withdrawn->given_event_id());
    for (Perk& perk : perks) perk.withdrawn = perk.withdrawn || (given_id && perk.id == *given_id);
  }
  // An amount that is sealed is not known to be nothing.
  if (event.sealed.has(SectionKind::kPayment) || !ledger.Fold(event.fact())) return;
  if (const auto* done = As<compensation::PaymentPaid>(body)) {
    const service::Payment* payment = ledger.FindPayment(agency, done->payment_id());
    const Date day = ParseDate(done->paid_on());
    if (payment == nullptr || payment->status != service::PaymentStatus::kPaid || !day) return;
    paid.try_emplace({payment->agency, done->payment_id()}, Paid{*day, agency});
  }
}

void Fold::Case::AddAssessment(const audit::Event& event) {
  const auto& body = *event.body;
  if (const auto* evaluation = As<assessment::FinalEvaluationMade>(body)) {
    Said& one = said[evaluation->period_id()];
    one.evaluated = true;
    one.parts = service::PartsOf(*evaluation, event.sealed);
  } else if (const auto* feedback = As<assessment::FeedbackGiven>(body)) {
    Said& one = said[feedback->period_id()];
    if (feedback->giver() == event::v1::ACTOR_ROLE_PROVIDER) one.by_provider = true;
    if (feedback->giver() == event::v1::ACTOR_ROLE_CLIENT) {
      one.by_client = true;
      if (feedback->satisfaction() != 0) one.satisfaction = feedback->satisfaction();
    }
  }
}

void Fold::Case::Add(const audit::Event& event) {
  if (!taken.emplace(event.id, event.header.author_agency()).second) return;
  const service::Fact fact = event.fact();
  book.Fold(fact);
  days.Fold(fact);
  if (As<referral::CaseClosed>(*event.body) != nullptr) {
    closed = true;
  } else if (service::Reopens(event.header.type(), !event.header.corrects().empty())) {
    closed = false;
  }
  AddReferral(event);
  AddMoney(event);
  AddAssessment(event);
}

Fold::Fold(const config::v1::Profile& profile, const config::v1::Agreement& agreement,
           const std::vector<log::HeldLog>& logs)
    : profile_(profile), summary_(profile, logs), held_(agreement, logs) {}
Fold::~Fold() = default;

void Fold::Add(const audit::Event& event) {
  summary_.Add(event);
  if (!event.counts) return;
  held_.Add(event);
  if (event.control() || event.body == nullptr) return;
  const std::string& package = event.body->GetDescriptor()->file()->package();
  if (package == "polku.access.v1") return;
  Case*& one = by_case_[event.case_id];
  if (one == nullptr) {
    one = cases_.emplace_back(std::make_unique<Case>()).get();
    one->id = event.case_id;
  }
  one->Add(event);
}

std::set<std::string> Fold::Municipalities() const {
  std::set<std::string> codes;
  for (const auto& one : cases_) {
    if (!one->municipality.empty()) codes.insert(one->municipality);
  }
  return codes;
}

const std::vector<Definition>& Definitions() {
  static const auto* const definitions = new std::vector<Definition>{
      {"outcomes",
       {"Mihin asiakkaat siirtyivät", "Vart klienterna gick", "Where clients went"},
       {"ajalla päättyneet palvelujaksot: mihin asiakas siirtyi ja missä hän oli 3 ja 6 kuukauden kuluttua",
        "serviceperioder som slutade under tiden: vart klienten gick och var hen var efter 3 och 6 månader",
        "service periods that ended in the time, by exit; where these clients were 3 and 6 months later"}},
      {"clients",
       {"Asiakkaat", "Klienter", "Clients"},
       {"asiakkaat, joilla oli jakso ajalla: ikä, sukupuoli, kotikunta ja palvelun tavoite",
        "klienter med en period under tiden: ålder, kön, hemkommun och servicens inriktning",
        "clients with a running period in the time, by age, sex, municipality and aim of the service"}},
      {"stock",
       {"Asiakkaita kuukauden lopussa", "Klienter vid månadens slut", "Clients at month end"},
       {"asiakkaat, joilla oli jakso kunkin kuukauden viimeisenä päivänä",
        "klienter med en period den sista dagen i varje månad",
        "clients with a running period on the last day of each month"}},
      {"plans",
       {"Suunnitelmat", "Planer", "Plans"},
       {"ajalla laaditut suunnitelmat: kuntouttava työtoiminta tai miksi ei, laji ja allekirjoitukset",
        "planer som gjordes upp under tiden: arbetsverksamhet i rehabiliteringssyfte eller varför inte, slag och underskrifter",
        "plans drafted in the time, with and without rehabilitative work and why, by kind, and their signatures"}},
      {"attendance",
       {"Läsnäolo ja poissaolot", "Närvaro och frånvaro", "Attendance and absences"},
       {"ajan päivämerkinnät oikaisujen jälkeen: päivän tulos ja läsnäolon laji",
        "dagar under tiden efter rättelser: dagens utfall och slag av närvaro",
        "recorded days of the time after corrections, by what they lead to and by class"}},
      {"length",
       {"Palvelun kesto", "Servicens längd", "Length of service"},
       {"ajalla päättyneet palvelujaksot keston mukaan", "serviceperioder som slutade under tiden, enligt längd",
        "service periods that ended in the time, by their length"}},
      {"handovers",
       {"Tarpeesta aloitukseen", "Från behov till start", "From need to start"},
       {"päiviä vaiheesta ja viranomaisesta seuraavaan; asiakkaat, joiden ensimmäinen jakso alkoi ajalla",
        "dagar från steg till steg och från myndighet till myndighet; klienter vars första period började under tiden",
        "days from step to step and agency to agency, of clients whose first period started in the time"}},
      {"overdue",
       {"Myöhässä", "Försenat", "Overdue"},
       {"suunnitelmien tarkistukset, arvioinnit, seurannat ja palautteet, joiden määräpäivä on ohi eikä merkintää ole",
        "översyner av planer, bedömningar, uppföljningar och respons vars dag har gått utan anteckning",
        "plan reviews, evaluations, follow-ups and feedback that were to be there by the last day and are not"}},
      {"feedback",
       {"Palautteen kattavuus", "Responsens täckning", "Completeness of feedback"},
       {"ajalla päättyneet jaksot palveluntuottajittain: loppuarviointi ja sen neljä osaa, palautteet",
        "perioder som slutade under tiden, per serviceproducent: slututvärdering och dess fyra delar, respons",
        "service periods that ended in the time, by provider: evaluation with its four parts, feedback"}},
      {"money",
       {"Rahat", "Pengar", "Money"},
       {"ajan päivien korvaukset lajeittain ja maksajittain, perutut vähennettynä; ajalla maksetut; mitä annettiin ilman hintaa",
        "ersättningar för tidens dagar enligt slag och betalare, återförda avdragna; betalt under tiden; givet utan pris",
        "money for days of the time by kind and payer, reversals taken off; what was paid in the time; what was given in kind"}},
  };
  return *definitions;
}

const Definition* FindDefinition(std::string_view name) {
  for (const Definition& definition : Definitions()) {
    if (definition.name == name) return &definition;
  }
  return nullptr;
}

// A case with what was resolved of it.
struct Fold::Facts {
  const Case* client;
  const Case* person;  // one case of those that are the same person's
  std::vector<service::Period> periods;

  bool RunsWithin(const Question& question) const {
    return std::any_of(periods.begin(), periods.end(), [&](const auto& period) {
      return period.starts_on <= question.until && (!period.LastDay() || question.from <= *period.LastDay());
    });
  }
};

// Makes one report. What a number needs is asked for before it is counted; of what is not held, there is a row
// without numbers, or no number in the column.
class Fold::Maker {
 public:
  Maker(const Fold& fold, const Question& question, bool others, Report& report)
      : fold_(fold), question_(question), report_(report), table_(report) {
    for (const auto& one : fold.cases_) {
      for (const CaseId& id : one->linked) {
        if (fold.by_case_.contains(id)) same_person_.Join(one->id, id);
      }
    }
    for (const auto& one : fold.cases_) {
      const bool fits = question.municipality.empty() || one->municipality == question.municipality;
      if (fits == others) continue;
      asked_for_.insert(one->id);
      clients_.push_back({one.get(), PersonOf(one->id), one->book.Periods()});
    }
  }
  void Make(std::string_view name) {
    static constexpr std::pair<std::string_view, void (Maker::*)()> kMakers[] = {
        {"outcomes", &Maker::Outcomes},   {"clients", &Maker::Clients},   {"stock", &Maker::Stock},
        {"plans", &Maker::Plans},         {"attendance", &Maker::Attendance}, {"length", &Maker::Length},
        {"handovers", &Maker::Handovers}, {"overdue", &Maker::Overdue},   {"feedback", &Maker::Feedback},
        {"money", &Maker::Money}};
    for (const auto& [report, make] : kMakers) {
      if (report == name) (this->*make)();
    }
  }

 private:
  enum class Known { kWhole, kPart, kNot };
  Known Ask(const Need& need, const std::set<std::string>* among = nullptr) {
    auto gap = fold_.held_.Missing(need, {question_.until, question_.known_on}, among);
    if (!gap) return Known::kWhole;
    const auto same = std::find_if(report_.gaps.begin(), report_.gaps.end(),
                                   [&](const Gap& other) { return other.what == gap->what; });
    if (same == report_.gaps.end()) {
      report_.gaps.push_back(*gap);
    } else {
      std::set<std::string> agencies(same->agencies.begin(), same->agencies.end());
      agencies.insert(gap->agencies.begin(), gap->agencies.end());
      same->agencies.assign(agencies.begin(), agencies.end());
      same->whole = same->whole && gap->whole;
    }
    return gap->whole ? Known::kNot : Known::kPart;
  }
  template <typename Event>
  Known Ask(std::string_view what, SectionKind section = SectionKind::kService) {
    return Ask({.what = what, .type = Event::descriptor(), .section = section});
  }
  bool StartsHeld() { return Ask<referral::ServiceStarted>("starts") != Known::kNot; }
  bool EndsHeld() {
    const bool starts = StartsHeld();
    return Ask<referral::ServiceEnded>("ends") != Known::kNot && starts;
  }

  const Case* PersonOf(const CaseId& id) const { return fold_.by_case_.at(same_person_.Of(id)); }

  void Columns(std::vector<Column> columns) { report_.columns = std::move(columns); }
  bool InTime(Date day) const { return Within(day, question_); }
  template <typename Visit>
  void ForEachEnded(const Visit& visit) {
    for (const Facts& one : clients_) {
      for (const auto& period : one.periods) {
        if (InTime(period.ended_on)) visit(one, period);
      }
    }
  }

  void Outcomes() {
    Columns({{"periods"}});
    std::vector<std::pair<int, std::string>> later;
    for (int months : kFollowUps) later.emplace_back(months, Str("after_", months, "_months"));
    if (!EndsHeld()) {
      table_.GroupNotHeld("at_end");
      for (const auto& [months, group] : later) table_.GroupNotHeld(group);
      return;
    }
    const Known asked = Ask<referral::FollowUpRecorded>("follow_ups");
    Ask<referral::ServiceEnded>("exit_codes", SectionKind::kHealth);
    if (asked != Known::kNot) Ask<referral::FollowUpRecorded>("exit_codes", SectionKind::kHealth);
    const auto add = [&](const Facts& one, const std::string& group, const Exit& exit) {
      RowName name = RowFor(group, exit.code);
      if (exit.code == event::v1::EXIT_CODE_UNSPECIFIED && exit.group != event::v1::EXIT_GROUP_UNSPECIFIED) {
        // The code is a health matter: a reader without it has the group (common.proto, ExitGroup).
        name = RowFor(group, exit.group);
        name.key = Str("group_", name.key);
      }
      table_.Add(one.person, name, {1});
    };
    ForEachEnded([&](const Facts& one, const service::Period& period) {
      table_.Total(one.person, {1});
      const auto exit = one.client->exits.find(period.end_cause);  // of several ends, the one that holds
      add(one, "at_end", exit == one.client->exits.end() ? Exit() : exit->second);
      if (asked == Known::kNot) return;
      for (const auto& [months, group] : later) {
        const auto told = one.client->follow_ups.find({period.id, static_cast<uint32_t>(months)});
        if (told == one.client->follow_ups.end()) {
          // Where some who may ask do not tell us, that nobody asked is not known.
          const bool due = AddMonths(*period.ended_on, months) <= question_.until;
          table_.Add(one.person,
                     {group, !due ? "not_due_yet" : asked == Known::kPart ? std::string(kNotKnown) : "not_asked"}, {1});
        } else if (told->second.reached) {
          add(one, group, told->second.exit);
        } else {
          table_.Add(one.person, {group, "not_reached"}, {1});
        }
      }
    });
    if (asked == Known::kNot) {
      for (const auto& [months, group] : later) table_.GroupNotHeld(group);
    }
    table_.Sort();
  }

  void Clients() {
    Columns({});
    if (!StartsHeld()) {
      for (const char* group : {"age", "sex", "municipality", "variant"}) table_.GroupNotHeld(group);
      return;
    }
    const bool details = Ask<referral::ClientIdentified>("client_details", SectionKind::kSocial) != Known::kNot;
    if (!details) {
      table_.GroupNotHeld("age");
      table_.GroupNotHeld("sex");
    }
    for (const Facts& one : clients_) {
      if (!one.RunsWithin(question_)) continue;
      const Case& client = *one.client;
      table_.Total(one.person, {});
      if (details) {
        const auto age = question_.until.year() - static_cast<int64_t>(client.birth_year);
        table_.Add(one.person,
                   {"age", client.birth_year == 0 ? std::string(kNotKnown)
                           : age < kYoungUnder    ? "under_25"
                                                  : "25_and_over"},
                   {});
        table_.Add(one.person, RowFor("sex", client.sex), {});
      }
      table_.Add(one.person, {"municipality", client.municipality.empty() ? std::string(kNotKnown) : client.municipality},
                 {});
      // The newest period's: a client is in one row.
      auto variant = event::v1::SERVICE_VARIANT_UNSPECIFIED;
      for (const auto& period : one.periods) {
        const auto known = client.variants.find(period.id);
        if (period.starts_on <= question_.until && known != client.variants.end()) variant = known->second;
      }
      table_.Add(one.person, RowFor("variant", variant), {});
    }
    table_.Sort();
  }

  void Stock() {
    Columns({});
    report_.loose = {"month_end"};
    const bool held = EndsHeld();
    for (absl::CivilMonth month(question_.from); CivilDay(month + 1) - 1 <= question_.until; ++month) {
      const CivilDay last = CivilDay(month + 1) - 1;
      const RowName name{"month_end", service::FormatDate(last)};
      if (!held) {
        table_.NotHeld(name);
        continue;
      }
      table_.RowOf(name);
      for (const Facts& one : clients_) {
        const bool there = std::any_of(one.periods.begin(), one.periods.end(),
                                       [&](const auto& period) { return period.Spans(last); });
        if (there) table_.Add(one.person, name, {});
      }
    }
  }

  void Plans() {
    Columns({{"plans"}});
    const bool held = Ask<referral::PlanDrafted>("plans") != Known::kNot;
    const Known signatures = held ? Ask<referral::PlanSigned>("signatures") : Known::kNot;
    if (!held) {
      table_.GroupNotHeld("rehabilitative_work");
      table_.GroupNotHeld("kind");
    }
    if (signatures == Known::kNot) table_.GroupNotHeld("signatures");
    for (const Facts& one : clients_) {
      for (const auto& [id, plan] : one.client->plans) {
        if (!held || !InTime(plan.drafted_on)) continue;
        table_.Total(one.person, {1});
        table_.Add(one.person, RowFor("rehabilitative_work", plan.work), {1});
        table_.Add(one.person, RowFor("kind", plan.kind), {1});
        if (signatures == Known::kNot) continue;
        table_.Add(one.person,
                   {"signatures", plan.needed.empty()                ? "not_asked_for"
                                  : plan.Signed()                    ? "signed"
                                  : signatures == Known::kPart       ? std::string(kNotKnown)
                                                                     : "missing"},
                   {1});
      }
    }
    table_.Sort();
  }

  void Attendance() {
    Columns({{"days", Unit::kDays}});
    std::set<std::string> providers;
    for (const Facts& one : clients_) {
      if (!one.RunsWithin(question_)) continue;
      for (const auto& period : one.periods) {
        for (const auto& stretch : period.stretches) providers.insert(stretch.provider_agency);
      }
    }
    const auto ask = [&](std::string_view what, SectionKind section) {
      return Ask({.what = what, .type = attendance::DayRecorded::descriptor(), .section = section, .own_log = true},
                 &providers);
    };
    const bool held = ask("days", SectionKind::kService) != Known::kNot;
    const bool outcomes = held && ask("day_outcomes", SectionKind::kPayment) != Known::kNot;
    const bool classes = held && ask("day_classes", SectionKind::kHealth) != Known::kNot;
    if (!held) table_.GroupNotHeld("outcome");
    if (!classes) table_.GroupNotHeld("class");
    for (const Facts& one : clients_) {
      for (const auto& day : one.client->days.Days(one.periods, fold_.profile_)) {
        if (!held || !day.standing() || !InTime(day.date)) continue;
        table_.Total(one.person, {1});
        // Without the outcome, the minutes tell who was there.
        const auto outcome = (!outcomes || day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED) && day.there
                                 ? event::v1::DAY_OUTCOME_ATTENDED
                                 : day.outcome;
        const RowName name = RowFor("outcome", outcome);
        table_.Add(one.person, name, {1});
        if (!classes) continue;
        const std::string group = Str("class_of_", name.key);
        report_.finer[group] = {name.group, name.key};
        table_.Add(one.person, RowFor(group, day.record->attendance_class), {1});
      }
    }
    table_.Sort();
  }

  void Length() {
    Columns({{"periods"}, {"days_in_all", Unit::kDays}});
    if (!EndsHeld()) {
      table_.GroupNotHeld("length");
      return;
    }
    constexpr std::pair<int, const char*> kSpans[] = {
        {3, "under_3_months"}, {6, "3_to_6_months"}, {12, "6_to_12_months"}, {24, "1_to_2_years"}};
    for (const auto& [months, key] : kSpans) table_.RowOf({"length", key});
    table_.RowOf({"length", "over_2_years"});
    ForEachEnded([&](const Facts& one, const service::Period& period) {
      const CivilDay after = *period.ended_on + 1;
      std::string key = "over_2_years";
      for (const auto& [months, span] : kSpans) {
        if (after < AddMonths(period.starts_on, months)) {
          key = span;
          break;
        }
      }
      const int64_t days = after - period.starts_on;
      table_.Add(one.person, {"length", key}, {1, days});
      table_.Total(one.person, {1, days});
    });
  }

  void Handovers() {
    Columns({{"median_days", Unit::kDaysOfOne}, {"nine_of_ten_within_days", Unit::kDaysOfOne}});
    report_.loose = {"step"};
    const bool starts = StartsHeld();
    // What each point of the path is read from; the last is the start.
    const bool held[] = {Ask<referral::NeedIdentified>("needs") != Known::kNot,
                         Ask<referral::ServiceNeedAssessed>("need_assessments") != Known::kNot,
                         Ask<referral::PlanDrafted>("plans") != Known::kNot,
                         Ask<referral::PlanSigned>("signatures") != Known::kNot,
                         Ask<referral::ReferralMade>("referrals") != Known::kNot,
                         Ask<referral::ReferralStatusChanged>("referral_answers") != Known::kNot,
                         starts};
    struct Stage {
      const char* key;
      size_t from, to;
      std::vector<int64_t> days = {};
      struct Hands {
        RowName name;
        std::vector<std::pair<const Case*, int64_t>> days;
      };
      std::map<std::string, Hands> hands = {};  // by whose it was at both ends: together, all who took the step
    };
    std::vector<Stage> stages = {{"need_to_assessment", 0, 1},    {"assessment_to_plan", 1, 2},
                                 {"plan_to_last_signature", 2, 3}, {"signature_to_referral", 3, 4},
                                 {"referral_to_accepted", 4, 5},  {"accepted_to_start", 5, 6},
                                 {"need_to_start", 0, 6}};
    const size_t whole = stages.size() - 1;  // not a step by itself
    for (const Stage& stage : stages) {
      if (starts && held[stage.from] && held[stage.to]) {
        table_.RowOf({"step", stage.key});
      } else {
        table_.NotHeld(RowName{"step", stage.key});
      }
    }
    for (const Facts& one : clients_) {
      if (!starts || one.periods.empty() || !InTime(one.periods.front().starts_on)) continue;
      const Case& client = *one.client;
      const Step start{one.periods.front().starts_on, one.periods.front().stretches.front().provider_agency};
      Step drafted, last_signed;
      for (const auto& [id, plan] : client.plans) {
        if (plan.drafted_on && *plan.drafted_on <= *start.on && (!drafted.on || *plan.drafted_on < *drafted.on)) {
          drafted = {plan.drafted_on, plan.drafted_by};
          last_signed = plan.Signed() ? plan.last_signed : Step();
        }
      }
      const Step points[] = {client.need, client.assessed, drafted, last_signed, client.referred, client.accepted, start};
      for (size_t i = 0; i < stages.size(); ++i) {
        Stage& stage = stages[i];
        const Step &from = points[stage.from], &to = points[stage.to];
        // What is not known, or was recorded in another order, tells no time.
        if (!held[stage.from] || !held[stage.to] || !from.on || !to.on || *to.on < *from.on) continue;
        stage.days.push_back(*to.on - *from.on);
        table_.Add(one.person, {"step", stage.key}, {});
        if (i == whole) continue;
        RowName name{Str("by_", stage.key), std::string(kNotKnown)};
        if (ValidateAgencyName(from.by).ok() && ValidateAgencyName(to.by).ok()) {
          name = {name.group, Str(from.by, " ", to.by), nullptr, {from.by, to.by}};
        }
        auto& hands = stage.hands.try_emplace(name.key, Stage::Hands{name, {}}).first->second;
        hands.days.emplace_back(one.person, stage.days.back());
      }
    }
    for (const Stage& stage : stages) {
      table_.RowOf({"step", stage.key}).values = {Quantile(stage.days, 5), Quantile(stage.days, 9)};
    }
    for (const Stage& stage : stages) {
      for (const auto& [key, hands] : stage.hands) {
        report_.finer[hands.name.group] = {"step", stage.key};
        std::vector<int64_t> days;
        for (const auto& [person, number] : hands.days) {
          table_.Add(person, hands.name, {});
          days.push_back(number);
        }
        table_.RowOf(hands.name).values = {Quantile(days, 5), Quantile(days, 9)};
      }
    }
  }

  // The events that answer a due of that kind, as audit::SummaryFold has them.
  static const google::protobuf::Descriptor* AnswerTo(event::v1::AssessmentKind kind) {
    switch (kind) {
      case event::v1::ASSESSMENT_KIND_KYKYVIISARI:
        return assessment::KykyviisariRecorded::descriptor();
      case event::v1::ASSESSMENT_KIND_INTERIM_EVALUATION:
        return assessment::InterimEvaluationMade::descriptor();
      case event::v1::ASSESSMENT_KIND_FINAL_EVALUATION:
        return assessment::FinalEvaluationMade::descriptor();
      case event::v1::ASSESSMENT_KIND_NETWORK_MEETING:
        return referral::NetworkMeetingHeld::descriptor();
      case event::v1::ASSESSMENT_KIND_WORK_ABILITY:
        return assessment::WorkAbilityAssessed::descriptor();
      case event::v1::ASSESSMENT_KIND_PLAN_REVIEW:
        return referral::PlanDrafted::descriptor();
      case event::v1::ASSESSMENT_KIND_FOLLOW_UP:
        return referral::FollowUpRecorded::descriptor();
      default:
        return assessment::FeedbackGiven::descriptor();
    }
  }
  // What is missing where those events are.
  static std::string_view AnswersName(event::v1::AssessmentKind kind) {
    switch (kind) {
      case event::v1::ASSESSMENT_KIND_KYKYVIISARI:
        return "kykyviisari";
      case event::v1::ASSESSMENT_KIND_INTERIM_EVALUATION:
        return "interim_evaluations";
      case event::v1::ASSESSMENT_KIND_FINAL_EVALUATION:
        return "final_evaluations";
      case event::v1::ASSESSMENT_KIND_NETWORK_MEETING:
        return "network_meetings";
      case event::v1::ASSESSMENT_KIND_WORK_ABILITY:
        return "work_ability";
      case event::v1::ASSESSMENT_KIND_PLAN_REVIEW:
        return "plans";
      case event::v1::ASSESSMENT_KIND_FOLLOW_UP:
        return "follow_ups";
      default:
        return "feedback";
    }
  }

  void Overdue() {
    Columns({{"overdue"}});
    report_.loose = {"what"};
    const auto ask_due = [&](const google::protobuf::Descriptor* type) {
      return Ask({.what = "dues", .type = type, .by = Need::By::kLogsOwnAgency});
    };
    const bool assessments = ask_due(assessment::AssessmentDue::descriptor()) != Known::kNot;
    const bool feedbacks = ask_due(assessment::FeedbackDue::descriptor()) != Known::kNot;
    if (!assessments && !feedbacks) table_.GroupNotHeld("what");
    std::map<event::v1::AssessmentKind, bool> answers_held;
    const std::string until = service::FormatDate(question_.until);
    for (const auto& summary : fold_.summary_.Finish().cases) {
      if (!asked_for_.contains(summary.case_id)) continue;
      const Case* person = PersonOf(summary.case_id);
      for (const auto& due : summary.due) {
        if (due.due_on >= until) continue;
        const bool feedback = due.kind == event::v1::ASSESSMENT_KIND_UNSPECIFIED;
        const auto [held, first] = answers_held.try_emplace(due.kind);
        if (first) held->second = Ask({.what = AnswersName(due.kind), .type = AnswerTo(due.kind)}) != Known::kNot;
        RowName name = feedback ? RowFor("what", due.giver) : RowFor("what", due.kind);
        if (feedback) name.key = Str("feedback_of_", name.key);
        if (held->second) {
          table_.Add(person, name, {1});
        } else {
          table_.NotHeld(name);  // what would answer it is not given here
        }
      }
    }
    const RowName review{"what", "review_of_newest_plan"};
    const bool plans = Ask<referral::PlanDrafted>("plans") != Known::kNot;
    if (!plans) table_.NotHeld(review);
    for (const Facts& one : clients_) {
      if (!plans || one.client->closed) continue;
      Date newest, review_on;
      for (const auto& [id, plan] : one.client->plans) {
        if (plan.drafted_on && (!newest || *newest <= *plan.drafted_on)) {
          newest = plan.drafted_on;
          review_on = plan.review_on;
        }
      }
      if (review_on && *review_on < question_.until) table_.Add(one.person, review, {1});
    }
    table_.Sort();
  }

  void Feedback() {
    Columns({{"periods"},
             {"with_final_evaluation", Unit::kCount, 0},
             {"with_all_four_parts", Unit::kCount, 1},
             {"with_provider_feedback", Unit::kCount, 0},
             {"with_client_feedback", Unit::kCount, 0},
             {"satisfaction_answers", Unit::kCount, 4},
             {"satisfaction_sum", Unit::kMarks, 5}});
    if (!EndsHeld()) {
      table_.GroupNotHeld("provider");
      return;
    }
    std::set<std::string> providers;
    ForEachEnded([&](const Facts&, const service::Period& period) {
      providers.insert(period.On(*period.ended_on).provider_agency);
    });
    const bool given = Ask<assessment::FeedbackGiven>("feedback") != Known::kNot;
    const bool marked = given && Ask<assessment::FeedbackGiven>("satisfaction", SectionKind::kSocial) != Known::kNot;
    // An evaluation is its provider's: one may be held and another not.
    std::map<std::string, std::pair<bool, bool>> evaluations;
    for (const std::string& provider : providers) {
      const std::set<std::string> it = {provider};
      const auto ask = [&](std::string_view what, SectionKind section) {
        const Need need{.what = what, .type = assessment::FinalEvaluationMade::descriptor(), .section = section};
        return Ask(need, provider.empty() ? nullptr : &it) != Known::kNot;
      };
      const bool evaluated = ask("final_evaluations", SectionKind::kService);
      const bool social = evaluated && ask("form_parts", SectionKind::kSocial);
      const bool health = evaluated && ask("form_parts", SectionKind::kHealth);
      evaluations[provider] = {evaluated, social && health};
    }
    ForEachEnded([&](const Facts& one, const service::Period& period) {
      const auto found = one.client->said.find(period.id);
      const Said said = found == one.client->said.end() ? Said() : found->second;
      const std::string& provider = period.On(*period.ended_on).provider_agency;
      const auto& [evaluated, parts] = evaluations.at(provider);
      const auto if_held = [](bool held, int64_t value) { return held ? Number(value) : std::nullopt; };
      const std::vector<Number> values = {1,
                                          if_held(evaluated, said.evaluated),
                                          if_held(parts, said.parts.filled == service::kFormParts),
                                          if_held(given, said.by_provider),
                                          if_held(given, said.by_client),
                                          if_held(marked, said.satisfaction != 0),
                                          if_held(marked, said.satisfaction)};
      RowName name{"provider", std::string(kNotKnown)};
      if (ValidateAgencyName(provider).ok()) name = {"provider", provider, nullptr, {provider}};
      table_.Add(one.person, name, values);
      table_.Total(one.person, values);
    });
    table_.Sort();
  }

  void Money() {
    Columns({{"given_in_kind"},
             {"accrued", Unit::kCents},
             {"reversed", Unit::kCents},
             {"net", Unit::kCents, 2}});
    report_.loose = {"paid", "in_kind"};
    const auto ask = [&](std::string_view what, const google::protobuf::Descriptor* type,
                         const google::protobuf::Descriptor* recorded_by, SectionKind section, bool own_log) {
      return Ask({.what = what, .type = type, .section = section, .recorded_by = recorded_by, .own_log = own_log}) !=
             Known::kNot;
    };
    // Accruals are duties of whoever pays.
    const auto* paid = compensation::PaymentPaid::descriptor();
    const bool allowances = ask("allowances", compensation::AllowanceAccrued::descriptor(), paid, SectionKind::kPayment, true);
    const bool travel = ask("travel", compensation::TravelGranted::descriptor(), nullptr, SectionKind::kPayment, true);
    const bool payments = ask("payments", paid, nullptr, SectionKind::kPayment, true);
    const bool perks = ask("perks", compensation::PerkGiven::descriptor(), nullptr, SectionKind::kService, false);
    if (!allowances && !travel) table_.GroupNotHeld("kind_and_payer");
    if (!payments) table_.GroupNotHeld("paid");
    if (!travel && !perks) table_.GroupNotHeld("in_kind");
    const auto add = [&](const Case* person, RowName name, int64_t cents, bool reversed) {
      const int64_t back = reversed ? cents : 0;
      const std::vector<Number> values = {std::nullopt, cents, back, cents - back};
      name.key = Str(name.key, " ", name.agencies.front());
      table_.Add(person, name, values);
      table_.Total(person, values);
    };
    const auto in_kind = [&](const Case* person, RowName name) {
      name.key = Str(name.key, " ", name.agencies.front());
      table_.Add(person, name, {1, std::nullopt, std::nullopt, std::nullopt});
    };
    for (const Facts& one : clients_) {
      const service::Ledger& ledger = one.client->ledger;
      for (const auto& accrual : ledger.accruals()) {
        if (!InTime(accrual.date)) continue;
        RowName name = RowFor("kind_and_payer", accrual.kind);
        name.agencies = {accrual.author};
        add(one.person, name, accrual.cents, accrual.reversed);
      }
      for (const auto& grant : ledger.grants()) {
        if (!InTime(grant.from)) continue;
        if (grant.cents != 0) {
          add(one.person, {"kind_and_payer", "travel", nullptr, {grant.author}}, grant.cents, grant.reversed);
        } else if (!grant.reversed) {
          in_kind(one.person, {"in_kind", "travel", nullptr, {grant.author}});
        }
      }
      for (const auto& perk : one.client->perks) {
        if (perk.withdrawn || !InTime(perk.given_on)) continue;
        RowName name = RowFor("in_kind", perk.kind);
        name.agencies = {perk.agency};
        in_kind(one.person, name);
      }
      for (const auto& [key, paid_by] : one.client->paid) {
        if (!InTime(paid_by.on)) continue;
        const service::Payment& payment = *ledger.FindPayment(key.first, key.second);
        const int64_t back = payment.status == service::PaymentStatus::kReversed ? payment.total_cents
                                                                                : payment.reversed_cents;
        table_.Add(one.person, {"paid", paid_by.agency, nullptr, {paid_by.agency}},
                   {std::nullopt, payment.total_cents, back, payment.total_cents - back});
      }
    }
    table_.Sort();
  }

  const Fold& fold_;
  const Question& question_;
  Report& report_;
  Table table_;
  std::vector<Facts> clients_;
  std::set<CaseId> asked_for_;
  service::JoinedCases same_person_;
};

Report Fold::Make(std::string_view name, const Question& question, bool others) const {
  const Definition& definition = *FindDefinition(name);
  Report report{.name = definition.name};
  std::copy(std::begin(definition.title), std::end(definition.title), report.title);
  Maker(*this, question, others, report).Make(name);
  return report;
}

}  // namespace polku::report
