#include "services/report/report.h"

#include <algorithm>
#include <functional>
#include <set>
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
#include "services/core/message_cast.h"
#include "services/core/periods.h"

namespace polku::report {
namespace {

using absl::CivilDay;
using service::AddMonths;
using service::As;
using service::ParseDate;

namespace assessment = assessment::v1;
namespace compensation = compensation::v1;
namespace referral = referral::v1;

using Date = std::optional<CivilDay>;

constexpr int kFollowUps[] = {3, 6};  // months after the end (DOMAIN step 15)
constexpr int kYoungUnder = 25;
constexpr int kFormParts = 4;  // background, goals, work ability, self-assessment (seed 003)

// A code as its row has it: "EXIT_CODE_STUDY" of ExitCode → "study".
template <typename Enum>
const google::protobuf::EnumValueDescriptor* Code(Enum value) {
  return google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
}
std::string KeyOf(const google::protobuf::EnumValueDescriptor* code) {
  return code == nullptr ? "unknown_code" : service::CodeName(*code);
}

struct Exit {
  event::v1::ExitGroup group = event::v1::EXIT_GROUP_UNSPECIFIED;
  event::v1::ExitCode code = event::v1::EXIT_CODE_UNSPECIFIED;
};

struct FollowUp {
  bool reached = false;
  Exit exit;
};

struct Plan {
  event::v1::PlanKind kind = event::v1::PLAN_KIND_UNSPECIFIED;
  referral::RehabilitativeWorkInPlan work = referral::REHABILITATIVE_WORK_IN_PLAN_UNSPECIFIED;
  Date drafted_on, review_on;
  std::set<int> needed, signed_by;
  Date last_signed;
  bool Signed() const {
    return !needed.empty() && std::includes(signed_by.begin(), signed_by.end(), needed.begin(), needed.end());
  }
};

struct Posting {
  std::string kind;  // "expense_allowance", "activity_money", "travel"
  std::string agency;
  Date date;
  int64_t cents = 0;  // negative: reversed
};

struct Said {  // of one period, at its end
  bool evaluated = false;
  int parts = 0;
  bool by_provider = false, by_client = false;
  uint32_t satisfaction = 0;
};

// Rows that are filled client by client. Numbers add up; persons are counted once a row.
class Table {
 public:
  explicit Table(Report& report) : report_(report) {}
  void Add(const void* person, const std::string& group, const std::string& key,
           const std::vector<int64_t>& values, const google::protobuf::EnumValueDescriptor* code = nullptr) {
    Row& row = RowOf(group, key, code);
    for (size_t i = 0; i < values.size(); ++i) row.values[i] += values[i];
    if (persons_[{group, key}].insert(person).second) ++row.persons;
  }
  void Total(const void* person, const std::vector<int64_t>& values) {
    if (!report_.total) report_.total = Row{"all", "all", nullptr, 0, std::vector<int64_t>(report_.columns.size())};
    for (size_t i = 0; i < values.size(); ++i) report_.total->values[i] += values[i];
    if (everybody_.insert(person).second) ++report_.total->persons;
  }
  // A row that is there also when nobody is in it.
  Row& RowOf(const std::string& group, const std::string& key,
             const google::protobuf::EnumValueDescriptor* code = nullptr) {
    const auto [it, added] = places_.try_emplace({group, key}, report_.rows.size());
    if (added) {
      report_.rows.push_back({group, key, code, 0, std::vector<int64_t>(report_.columns.size())});
    }
    return report_.rows[it->second];
  }
  // Groups stay in the order of their first row, rows of a group by what comes first.
  void Sort(const std::function<bool(const Row&, const Row&)>& before) {
    std::vector<std::string> groups;
    for (const Row& row : report_.rows) {
      if (std::find(groups.begin(), groups.end(), row.group) == groups.end()) groups.push_back(row.group);
    }
    const auto place = [&](const Row& row) { return std::find(groups.begin(), groups.end(), row.group); };
    std::stable_sort(report_.rows.begin(), report_.rows.end(), [&](const Row& a, const Row& b) {
      return place(a) != place(b) ? place(a) < place(b) : before(a, b);
    });
  }

 private:
  Report& report_;
  std::map<std::pair<std::string, std::string>, size_t> places_;
  std::map<std::pair<std::string, std::string>, std::set<const void*>> persons_;
  std::set<const void*> everybody_;
};

bool ByKey(const Row& a, const Row& b) { return a.key < b.key; }
bool Larger(const Row& a, const Row& b) { return a.persons > b.persons; }

bool Within(Date day, const Question& question) {
  return day && question.from <= *day && *day <= question.until;
}

// The middle one, or the one that nine of ten do not exceed; 0 of none.
int64_t Quantile(std::vector<int64_t> numbers, size_t of_ten) {
  if (numbers.empty()) return 0;
  std::sort(numbers.begin(), numbers.end());
  return numbers[std::min(numbers.size() - 1, (numbers.size() * of_ten + 9) / 10 - 1)];
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
  Date need, assessed, referred, accepted;
  std::map<std::string, Plan> plans;
  std::map<std::string, event::v1::ServiceVariant> variants;    // by period
  std::map<std::string, Exit> exits;                            // the newest by period
  std::map<std::pair<std::string, uint32_t>, FollowUp> follow_ups;  // by period and months
  std::map<std::string, Said> said;                             // by period
  std::vector<Posting> postings;
  std::map<EventId, std::string> kinds;                         // of accruals
  struct Payment {
    Date paid_on;
    std::string agency;
    int64_t cents = 0, taken_back = 0;
  };
  std::map<std::pair<std::string, std::string>, Payment> payments;  // by agency and id
  bool closed = false;

  void Add(const audit::Event& event);
  void AddReferral(const google::protobuf::Message& body);
  void AddMoney(const audit::Event& event);
  void AddAssessment(const google::protobuf::Message& body);
};

void Fold::Case::AddReferral(const google::protobuf::Message& body) {
  const auto earliest = [](Date& known, const std::string& text) {
    const Date day = ParseDate(text);
    if (day && (!known || *day < *known)) known = day;
  };
  if (const auto* client = As<referral::ClientIdentified>(body)) {
    if (!client->municipality_code().empty()) municipality = client->municipality_code();
    if (client->birth_year() != 0) birth_year = client->birth_year();
    if (client->sex() != referral::SEX_UNSPECIFIED) sex = client->sex();
  } else if (const auto* need_found = As<referral::NeedIdentified>(body)) {
    earliest(need, need_found->identified_on());
    if (municipality.empty()) municipality = need_found->municipality_code();
  } else if (const auto* assessment_made = As<referral::ServiceNeedAssessed>(body)) {
    earliest(assessed, assessment_made->assessed_on());
  } else if (const auto* drafted = As<referral::PlanDrafted>(body)) {
    Plan plan;  // a new revision is signed anew
    plan.kind = drafted->kind();
    plan.work = drafted->rehabilitative_work();
    plan.drafted_on = ParseDate(drafted->drafted_on());
    plan.review_on = ParseDate(drafted->review_on());
    plan.needed.insert(drafted->signers_needed().begin(), drafted->signers_needed().end());
    plans[drafted->plan_id()] = std::move(plan);
  } else if (const auto* signature = As<referral::PlanSigned>(body)) {
    const auto plan = plans.find(signature->plan_id());
    if (plan == plans.end()) return;
    plan->second.signed_by.insert(signature->signer());
    const Date day = ParseDate(signature->signed_on());
    if (day && (!plan->second.last_signed || *plan->second.last_signed < *day)) plan->second.last_signed = day;
  } else if (const auto* made = As<referral::ReferralMade>(body)) {
    earliest(referred, made->made_on());
  } else if (const auto* changed = As<referral::ReferralStatusChanged>(body)) {
    if (changed->status() == referral::REFERRAL_STATUS_ACCEPTED) earliest(accepted, changed->effective_on());
  } else if (const auto* started = As<referral::ServiceStarted>(body)) {
    variants[started->period_id()] = started->variant();
  } else if (const auto* ended = As<referral::ServiceEnded>(body)) {
    exits[ended->period_id()] = {ended->exit_group(), ended->exit_code()};
  } else if (const auto* follow_up = As<referral::FollowUpRecorded>(body)) {
    FollowUp& told = follow_ups[{follow_up->period_id(), follow_up->months()}];
    // Who was asked again and reached tells; who was reached before stays so.
    if (follow_up->reached() || !told.reached) told = {follow_up->reached(), {follow_up->exit_group(), follow_up->exit_code()}};
  }
}

void Fold::Case::AddMoney(const audit::Event& event) {
  const auto& body = *event.body;
  const std::string agency = event.header.author_agency();
  if (const auto* accrued = As<compensation::AllowanceAccrued>(body)) {
    kinds[event.id] = KeyOf(Code(accrued->kind()));
    postings.push_back({kinds[event.id], agency, ParseDate(accrued->date()), accrued->amount_cents()});
  } else if (const auto* reversed = As<compensation::AllowanceReversed>(body)) {
    const auto accrual = EventId::FromBytes(reversed->reversed_event_id());
    const auto kind = accrual ? kinds.find(*accrual) : kinds.end();
    postings.push_back({kind == kinds.end() ? KeyOf(Code(reversed->kind())) : kind->second, agency,
                        ParseDate(reversed->date()), -reversed->amount_cents()});
  } else if (const auto* granted = As<compensation::TravelGranted>(body)) {
    postings.push_back({"travel", agency, ParseDate(granted->covers_from()), granted->amount_cents()});
  } else if (const auto* taken_back = As<compensation::TravelReversed>(body)) {
    postings.push_back({"travel", agency, ParseDate(taken_back->covers_from()), -taken_back->amount_cents()});
  } else if (const auto* paid = As<compensation::PaymentPaid>(body)) {
    if (paid->payment_id().empty()) return;  // sealed
    Payment& payment = payments[{agency, paid->payment_id()}];
    payment.paid_on = ParseDate(paid->paid_on());
    payment.cents = paid->total_cents();
  } else if (const auto* repaid = As<compensation::PaymentReversed>(body)) {
    if (!repaid->payment_id().empty()) payments[{agency, repaid->payment_id()}].taken_back += repaid->amount_cents();
  }
}

void Fold::Case::AddAssessment(const google::protobuf::Message& body) {
  if (const auto* evaluation = As<assessment::FinalEvaluationMade>(body)) {
    Said& one = said[evaluation->period_id()];
    one.evaluated = true;
    one.parts = (evaluation->background().empty() ? 0 : 1) + (evaluation->goals().empty() ? 0 : 1) +
                (evaluation->work_ability().empty() ? 0 : 1) + (evaluation->self_assessment().empty() ? 0 : 1);
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
  AddReferral(*event.body);
  AddMoney(event);
  AddAssessment(*event.body);
}

Fold::Fold(const config::v1::Profile& profile, const std::vector<log::HeldLog>& logs)
    : profile_(profile), summary_(profile, logs) {}
Fold::~Fold() = default;

void Fold::Add(const audit::Event& event) {
  summary_.Add(event);
  if (event.control() || event.body == nullptr || !event.counts) return;
  const std::string& package = event.body->GetDescriptor()->file()->package();
  if (package == "polku.access.v1") return;
  Case*& one = by_case_[event.case_id];
  if (one == nullptr) {
    one = cases_.emplace_back(std::make_unique<Case>()).get();
    one->id = event.case_id;
  }
  one->Add(event);
}

const std::vector<Definition>& Definitions() {
  static const auto* const definitions = new std::vector<Definition>{
      {"outcomes",
       {"Mihin asiakkaat siirtyivät", "Vart klienterna gick", "Where clients went"},
       "service periods that ended in the time, by exit; where these clients were 3 and 6 months later"},
      {"clients",
       {"Asiakkaat", "Klienter", "Clients"},
       "clients with a running period in the time, by age, sex, municipality and variant"},
      {"stock",
       {"Asiakkaita kuukauden lopussa", "Klienter vid månadens slut", "Clients at month end"},
       "clients with a running period on the last day of each month"},
      {"plans",
       {"Suunnitelmat", "Planer", "Plans"},
       "plans drafted in the time, by kind, with and without rehabilitative work and why"},
      {"attendance",
       {"Läsnäolo ja poissaolot", "Närvaro och frånvaro", "Attendance and absences"},
       "recorded days of the time after corrections, by what they lead to and by class"},
      {"length",
       {"Palvelun kesto", "Servicens längd", "Length of service"},
       "service periods that ended in the time, by their length"},
      {"handovers",
       {"Tarpeesta aloitukseen", "Från behov till start", "From need to start"},
       "days from step to step and agency to agency, of clients whose first period started in the time"},
      {"overdue",
       {"Myöhässä", "Försenat", "Overdue"},
       "plan reviews, evaluations, follow-ups and feedback that were to be there by the last day and are not"},
      {"feedback",
       {"Palautteen kattavuus", "Responsens täckning", "Completeness of feedback"},
       "service periods that ended in the time, by provider: evaluation with its four parts, feedback"},
      {"money",
       {"Rahat", "Pengar", "Money"},
       "money for days of the time by kind and payer, reversals taken off; and what was paid in the time"},
  };
  return *definitions;
}

const Definition* FindDefinition(std::string_view name) {
  for (const Definition& definition : Definitions()) {
    if (definition.name == name) return &definition;
  }
  return nullptr;
}

// A client with what was resolved of it.
struct Fold::Facts {
  const Case* client;
  std::vector<service::Period> periods;

  bool RunsWithin(const Question& question) const {
    return std::any_of(periods.begin(), periods.end(), [&](const auto& period) {
      return period.starts_on <= question.until && (!period.LastDay() || question.from <= *period.LastDay());
    });
  }
};

Report Fold::Make(std::string_view name, const Question& question, bool others) const {
  const Definition& definition = *FindDefinition(name);
  Report report{.name = definition.name};
  std::copy(std::begin(definition.title), std::end(definition.title), report.title);
  std::vector<Facts> clients;
  std::set<CaseId> asked_for;
  for (const auto& one : cases_) {
    const bool fits = question.municipality.empty() || one->municipality == question.municipality;
    if (fits == others) continue;
    asked_for.insert(one->id);
    clients.push_back({one.get(), one->book.Periods()});
  }
  Table table(report);
  const auto columns = [&](std::vector<Column> list) { report.columns = std::move(list); };
  const auto ended = [&](const std::function<void(const Facts&, const service::Period&)>& visit) {
    for (const Facts& one : clients) {
      for (const auto& period : one.periods) {
        if (Within(period.ended_on, question)) visit(one, period);
      }
    }
  };

  if (name == "outcomes") {
    columns({{"periods"}});
    const auto add = [&](const Facts& one, const std::string& group, const Exit& exit) {
      // The code is a health matter: a reader without it has the group (common.proto, ExitGroup).
      const auto* code = exit.code != event::v1::EXIT_CODE_UNSPECIFIED ? Code(exit.code) : Code(exit.group);
      const std::string key = exit.code != event::v1::EXIT_CODE_UNSPECIFIED ? KeyOf(code) : "group_" + KeyOf(code);
      table.Add(one.client, group, key, {1}, code);
    };
    ended([&](const Facts& one, const service::Period& period) {
      table.Total(one.client, {1});
      const auto exit = one.client->exits.find(period.id);
      add(one, "at_end", exit == one.client->exits.end() ? Exit() : exit->second);
      for (int months : kFollowUps) {
        const std::string group = Str("after_", months, "_months");
        const auto told = one.client->follow_ups.find({period.id, static_cast<uint32_t>(months)});
        if (told != one.client->follow_ups.end() && told->second.reached) {
          add(one, group, told->second.exit);
        } else if (told != one.client->follow_ups.end()) {
          table.Add(one.client, group, "not_reached", {1});
        } else {
          table.Add(one.client, group,
                    question.until < AddMonths(*period.ended_on, months) ? "not_due_yet" : "not_asked", {1});
        }
      }
    });
    table.Sort(Larger);
  } else if (name == "clients") {
    columns({});
    for (const Facts& one : clients) {
      if (!one.RunsWithin(question)) continue;
      const Case& client = *one.client;
      table.Total(&client, {});
      const auto age = question.until.year() - static_cast<int64_t>(client.birth_year);
      table.Add(&client, "age",
                client.birth_year == 0 ? "not_known" : age < kYoungUnder ? "under_25" : "25_and_over", {});
      const auto* sex = Code(client.sex);
      table.Add(&client, "sex", client.sex == referral::SEX_UNSPECIFIED ? "not_known" : KeyOf(sex), {},
                client.sex == referral::SEX_UNSPECIFIED ? nullptr : sex);
      table.Add(&client, "municipality", client.municipality.empty() ? "not_known" : client.municipality, {});
      // The newest period's: a client is in one row.
      auto variant = event::v1::SERVICE_VARIANT_UNSPECIFIED;
      for (const auto& period : one.periods) {
        const auto known = client.variants.find(period.id);
        if (period.starts_on <= question.until && known != client.variants.end()) variant = known->second;
      }
      table.Add(&client, "variant",
                variant == event::v1::SERVICE_VARIANT_UNSPECIFIED ? "not_known" : KeyOf(Code(variant)), {},
                variant == event::v1::SERVICE_VARIANT_UNSPECIFIED ? nullptr : Code(variant));
    }
    table.Sort(ByKey);
  } else if (name == "stock") {
    columns({});
    report.loose = {"month_end"};
    for (absl::CivilMonth month(question.from); CivilDay(month + 1) - 1 <= question.until; ++month) {
      const CivilDay last = CivilDay(month + 1) - 1;
      const std::string key = service::FormatDate(last);
      table.RowOf("month_end", key);
      for (const Facts& one : clients) {
        const bool there = std::any_of(one.periods.begin(), one.periods.end(),
                                       [&](const auto& period) { return period.Spans(last); });
        if (there) table.Add(one.client, "month_end", key, {});
      }
    }
  } else if (name == "plans") {
    columns({{"plans"}});
    for (const Facts& one : clients) {
      for (const auto& [id, plan] : one.client->plans) {
        if (!Within(plan.drafted_on, question)) continue;
        table.Total(one.client, {1});
        table.Add(one.client, "rehabilitative_work", KeyOf(Code(plan.work)), {1}, Code(plan.work));
        table.Add(one.client, "kind", KeyOf(Code(plan.kind)), {1}, Code(plan.kind));
        table.Add(one.client, "signatures",
                  plan.needed.empty() ? "not_asked_for" : plan.Signed() ? "signed" : "missing", {1});
      }
    }
    table.Sort(Larger);
  } else if (name == "attendance") {
    columns({{"days", Unit::kDays}});
    for (const Facts& one : clients) {
      for (const auto& day : one.client->days.Days(one.periods, profile_)) {
        if (!day.standing() || !Within(day.date, question)) continue;
        table.Total(one.client, {1});
        const auto outcome = day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED && day.there
                                 ? event::v1::DAY_OUTCOME_ATTENDED
                                 : day.outcome;
        table.Add(one.client, "outcome", KeyOf(Code(outcome)), {1}, Code(outcome));
        const auto kind = day.record->attendance_class;
        table.Add(one.client, "class", KeyOf(Code(kind)), {1}, Code(kind));
      }
    }
    table.Sort(Larger);
  } else if (name == "length") {
    columns({{"periods"}, {"days_in_all", Unit::kDays}});
    constexpr std::pair<int, const char*> kSpans[] = {
        {3, "under_3_months"}, {6, "3_to_6_months"}, {12, "6_to_12_months"}, {24, "1_to_2_years"}};
    for (const auto& [months, key] : kSpans) table.RowOf("length", key);
    table.RowOf("length", "over_2_years");
    ended([&](const Facts& one, const service::Period& period) {
      const CivilDay after = *period.ended_on + 1;
      std::string key = "over_2_years";
      for (const auto& [months, span] : kSpans) {
        if (after < AddMonths(period.starts_on, months)) {
          key = span;
          break;
        }
      }
      const int64_t days = after - period.starts_on;
      table.Add(one.client, "length", key, {1, days});
      table.Total(one.client, {1, days});
    });
  } else if (name == "handovers") {
    columns({{"median_days", Unit::kDays}, {"nine_of_ten_within_days", Unit::kDays}});
    report.loose = {"step"};
    std::vector<std::pair<std::string, std::vector<int64_t>>> steps = {
        {"need_to_assessment", {}},    {"assessment_to_plan", {}}, {"plan_to_last_signature", {}},
        {"signature_to_referral", {}}, {"referral_to_accepted", {}}, {"accepted_to_start", {}}, {"need_to_start", {}}};
    for (const Facts& one : clients) {
      if (one.periods.empty() || !Within(one.periods.front().starts_on, question)) continue;
      const Case& client = *one.client;
      const CivilDay start = one.periods.front().starts_on;
      Date drafted, signed_on;
      for (const auto& [id, plan] : client.plans) {
        if (plan.drafted_on && *plan.drafted_on <= start && (!drafted || *plan.drafted_on < *drafted)) {
          drafted = plan.drafted_on;
          signed_on = plan.Signed() ? plan.last_signed : std::nullopt;
        }
      }
      const std::pair<Date, Date> days[] = {{client.need, client.assessed}, {client.assessed, drafted},
                                            {drafted, signed_on},           {signed_on, client.referred},
                                            {client.referred, client.accepted}, {client.accepted, start},
                                            {client.need, start}};
      for (size_t i = 0; i < steps.size(); ++i) {
        // What is not known, or was recorded in another order, tells no time.
        if (!days[i].first || !days[i].second || *days[i].second < *days[i].first) continue;
        steps[i].second.push_back(*days[i].second - *days[i].first);
        table.Add(one.client, "step", steps[i].first, {});
      }
    }
    for (const auto& [step, days] : steps) {
      table.RowOf("step", step).values = {Quantile(days, 5), Quantile(days, 9)};
    }
    const auto place = [&](const Row& row) {
      return std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.first == row.key; });
    };
    table.Sort([&](const Row& a, const Row& b) { return place(a) < place(b); });
  } else if (name == "overdue") {
    columns({{"overdue"}});
    report.loose = {"what"};
    const std::string until = service::FormatDate(question.until);
    for (const auto& summary : summary_.Finish().cases) {
      if (!asked_for.contains(summary.case_id)) continue;
      const Case* client = by_case_.at(summary.case_id);
      for (const auto& due : summary.due) {
        if (due.due_on >= until) continue;
        const bool feedback = due.kind == event::v1::ASSESSMENT_KIND_UNSPECIFIED;
        table.Add(client, "what",
                  feedback ? Str("feedback_of_", KeyOf(Code(due.giver))) : KeyOf(Code(due.kind)), {1},
                  feedback ? nullptr : Code(due.kind));
      }
    }
    for (const Facts& one : clients) {
      if (one.client->closed) continue;
      Date newest, review;
      for (const auto& [id, plan] : one.client->plans) {
        if (plan.drafted_on && (!newest || *newest <= *plan.drafted_on)) {
          newest = plan.drafted_on;
          review = plan.review_on;
        }
      }
      if (review && *review < question.until) table.Add(one.client, "what", "review_of_newest_plan", {1});
    }
    table.Sort(Larger);
  } else if (name == "feedback") {
    columns({{"periods"},
             {"with_final_evaluation"},
             {"with_all_four_parts"},
             {"with_provider_feedback"},
             {"with_client_feedback"},
             {"satisfaction_answers"},
             {"satisfaction_sum", Unit::kCount}});
    ended([&](const Facts& one, const service::Period& period) {
      const auto found = one.client->said.find(period.id);
      const Said said = found == one.client->said.end() ? Said() : found->second;
      const std::vector<int64_t> values = {1,
                                           said.evaluated,
                                           said.parts == kFormParts,
                                           said.by_provider,
                                           said.by_client,
                                           said.satisfaction != 0,
                                           said.satisfaction};
      const std::string& provider = period.On(*period.ended_on).provider_agency;
      table.Add(one.client, "provider", provider.empty() ? "not_known" : provider, values);
      table.Total(one.client, values);
    });
    table.Sort(ByKey);
  } else {  // money
    columns({{"accrued", Unit::kCents}, {"reversed", Unit::kCents}, {"net", Unit::kCents}});
    report.loose = {"paid"};
    for (const Facts& one : clients) {
      for (const Posting& posting : one.client->postings) {
        if (!Within(posting.date, question)) continue;
        const int64_t plus = std::max<int64_t>(posting.cents, 0), minus = std::max<int64_t>(-posting.cents, 0);
        table.Add(one.client, "kind_and_payer", Str(posting.kind, " ", posting.agency), {plus, minus, plus - minus});
        table.Total(one.client, {plus, minus, plus - minus});
      }
      for (const auto& [id, payment] : one.client->payments) {
        if (!Within(payment.paid_on, question)) continue;
        table.Add(one.client, "paid", id.first,
                  {payment.cents, payment.taken_back, payment.cents - payment.taken_back});
      }
    }
    table.Sort(ByKey);
  }
  return report;
}

}  // namespace polku::report
