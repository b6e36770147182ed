// Reports over a hand-made history: what is expected is counted from the list of clients below, not from events.
#include "services/report/report.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "google/protobuf/stubs/strutil.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/event/v1/event.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/access/policy.h"
#include "services/core/calendar.h"
#include "services/report/suppress.h"

namespace polku::report {
namespace {

using absl::CivilDay;
using service::FormatDate;

constexpr char kTupa[] = "FI/ORG/9999992-5/toimintatupa";
constexpr char kSaatio[] = "FI/ORG/9999996-8/tyosaatio";
constexpr char kSocial[] = "FI/MUN/9999991-7/hyvinvointi";
constexpr char kKela[] = "FI/GOV/0246246-0/kela";

const Question k2025{CivilDay(2025, 1, 1), CivilDay(2025, 12, 31), "", CivilDay(2025, 12, 31)};

// Who may record what, in the roles of the work division; hyvinvointi gets everything, Kela what a payer gets.
constexpr char kAgreement[] = R"(
  agencies { name: "FI/MUN/9999991-7/hyvinvointi" roles: AGENCY_ROLE_SOCIAL_SERVICES }
  agencies { name: "FI/ORG/9999992-5/toimintatupa" roles: AGENCY_ROLE_PROVIDER }
  agencies { name: "FI/ORG/9999996-8/tyosaatio" roles: AGENCY_ROLE_PROVIDER }
  agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_BENEFIT_PAYER }
  publishings { types: "polku.referral.v1.*" author_roles: AGENCY_ROLE_SOCIAL_SERVICES legal_basis: "b" }
  publishings { types: "polku.referral.v1.Service*" author_roles: AGENCY_ROLE_PROVIDER legal_basis: "b" }
  publishings { types: "polku.attendance.v1.*" author_roles: AGENCY_ROLE_PROVIDER legal_basis: "b" }
  publishings { types: "polku.assessment.v1.*" author_roles: AGENCY_ROLE_SOCIAL_SERVICES author_roles: AGENCY_ROLE_PROVIDER
                legal_basis: "b" }
  publishings { types: "polku.compensation.v1.Payment*" author_roles: AGENCY_ROLE_BENEFIT_PAYER
                author_roles: AGENCY_ROLE_SOCIAL_SERVICES legal_basis: "b" }
  publishings { types: "polku.compensation.v1.*" author_roles: AGENCY_ROLE_SOCIAL_SERVICES legal_basis: "b" }
  sharings { publishers: "*" receivers: "FI/MUN/9999991-7/hyvinvointi" types: "polku.*" legal_basis: "b"
             sections: SECTION_KIND_SERVICE sections: SECTION_KIND_IDENTITY sections: SECTION_KIND_SOCIAL
             sections: SECTION_KIND_HEALTH sections: SECTION_KIND_PAYMENT }
  sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.referral.v1.Service*"
             types: "polku.attendance.v1.*" legal_basis: "b"
             sections: SECTION_KIND_SERVICE sections: SECTION_KIND_PAYMENT })";

// A client as a person would write it down.
struct Client {
  std::string municipality;
  int born = 1980;
  bool woman = false;
  const char* provider = kTupa;
  CivilDay need, start;
  std::optional<CivilDay> end;
  std::string exit;          // EXIT_CODE_…
  std::string after_3;       // EXIT_CODE_…, "not reached", "": not asked
  int attended = 0, ill = 0;
  int corrected = 0;         // of the attended: recorded as ill first
  int satisfaction = 0;      // 0: no feedback of the client
  int parts = -1;            // of the final evaluation; -1: none
};

std::deque<Client> Clients() {
  std::deque<Client> clients;
  for (int i = 0; i < 40; ++i) {
    Client client;
    client.municipality = i % 4 == 0 ? "418" : "837";
    client.born = i % 5 == 0 ? 2003 : 1970 + i % 20;
    client.woman = i % 3 == 0;
    client.provider = i % 2 == 0 ? kTupa : kSaatio;
    client.start = CivilDay(2024, 10, 7) + 9 * i;
    client.need = client.start - 30 - i;
    if (i % 10 != 9) {
      client.end = client.start + 91 + 5 * (i % 7);
      client.exit = i % 7 == 0 ? "EXIT_CODE_STUDY" : i % 7 < 4 ? "EXIT_CODE_WORK_TRIAL" : "EXIT_CODE_BACK_TO_UNEMPLOYMENT";
      client.after_3 = i % 4 == 1 ? "" : i % 4 == 2 ? "not reached" : "EXIT_CODE_OPEN_MARKET_JOB";
      client.satisfaction = i % 6 == 5 ? 0 : 1 + i % 4;
      client.parts = i % 3 == 2 ? -1 : 4 - i % 2;
    }
    client.attended = 3 + i % 5;
    client.ill = i % 3;
    client.corrected = i % 2;
    clients.push_back(client);
  }
  return clients;
}

class ReportTest : public ::testing::Test {
 protected:
  ReportTest() {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kAgreement, &agreement_));
    ReadAt("FI/MUN/9999991-7/hyvinvointi/audit/1",
           {Str(kSocial, "/referral/1"), Str(kTupa, "/attendance/1"), Str(kSaatio, "/attendance/1"),
            Str(kSocial, "/assessment/1"), Str(kKela, "/compensation/1"), Str(kSocial, "/compensation/1")},
           {SectionKind::kService, SectionKind::kIdentity, SectionKind::kSocial, SectionKind::kHealth,
            SectionKind::kPayment});
  }

  // From here on, at that service with those replicas, of whose entries it opens those sections, and of no others'.
  void ReadAt(const std::string& own, const std::vector<std::string>& others, const std::set<SectionKind>& sections) {
    logs_.clear();
    for (size_t i = 0; i <= others.size(); ++i) {
      log::HeldLog log{LogNumber(static_cast<uint32_t>(i)),
                       {.origin = i == 0 ? own : others[i - 1], .frontier = {}, .last_order = {}}};
      log.head.frontier.AppendLeafHash(Hash());
      logs_.push_back(log);
    }
    opened_ = SectionSet();
    for (const SectionKind kind : sections) opened_.add(kind);
    fold_ = std::make_unique<Fold>(profile_, agreement_, logs_);
  }

  template <typename T>
  EventId Add(std::string_view author, const std::string& text) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    event::v1::Header header;
    header.set_type(body.GetDescriptor()->full_name());
    header.set_author_agency(std::string(author));
    header.set_order(++order_);
    EventId id;
    id.data()[0] = 0xE0;
    id.data()[14] = static_cast<uint8_t>(order_ >> 8);
    id.data()[15] = static_cast<uint8_t>(order_);
    // In the author's own log of that service; where it has none, a path's or assessment's event in the one that is there.
    const std::string package = body.GetDescriptor()->file()->package();
    const std::string service = package.substr(6, package.rfind('.') - 6);
    const log::HeldLog* log = nullptr;
    for (const auto& held : logs_) {
      const auto name = OriginName::Parse(held.head.origin);
      if (name->service() != service) continue;
      const bool anywhere = service == "referral" || service == "assessment";
      if (name->agency() == author || (log == nullptr && anywhere)) log = &held;
    }
    if (log == nullptr) return id;  // that log is not here
    const auto grant = access::Policy(agreement_).Explain(
        OriginName::Parse(logs_[0].head.origin)->agency(), author, author, header.type(), true, CivilDay(2025, 12, 31)).grant;
    const SectionSet opened = log == &logs_[0] ? opened_ : grant ? opened_ & grant->sections : SectionSet();
    if (opened.empty()) return id;
    Seal(body, opened);
    for (int times = 0; times < (twice_ ? 2 : 1); ++times) {
      fold_->Add({.log = log->number, .origin = log->head.origin, .position = Position(order_), .header = header, .id = id,
                  .case_id = case_, .opened = opened, .sealed = all_ - opened, .body = &body, .bytes = {}});
    }
    return id;
  }

  // Takes out what is in sections that are not opened.
  static void Seal(google::protobuf::Message& body, SectionSet opened) {
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    body.GetReflection()->ListFields(body, &fields);
    for (const auto* field : fields) {
      const auto section = field->options().GetExtension(event::v1::section);
      const auto kind = section == event::v1::SECTION_KIND_UNSPECIFIED ? SectionKind::kService
                                                                       : static_cast<SectionKind>(section);
      if (!opened.has(kind)) body.GetReflection()->ClearField(&body, field);
    }
  }

  void Live(const Client& c, uint8_t number) {
    case_ = CaseId();
    case_.data()[0] = 0xCA;
    case_.data()[15] = number;
    Add<referral::v1::NeedIdentified>(kSocial, Str("identified_on: '", FormatDate(c.need), "' municipality_code: '",
                                                   c.municipality, "'"));
    Add<referral::v1::ClientIdentified>(kSocial, Str("municipality_code: '", c.municipality, "' birth_year: ", c.born,
                                                     " sex: ", c.woman ? "SEX_FEMALE" : "SEX_MALE"));
    Add<referral::v1::ServiceStarted>(
        c.provider, Str("period_id: 's1' provider_agency: '", c.provider, "' starts_on: '", FormatDate(c.start),
                        "' first_started_on: '", FormatDate(c.start), "' variant: SERVICE_VARIANT_COACHING"));
    for (int day = 0; day < c.attended + c.ill; ++day) {
      const std::string date = FormatDate(c.start + day);
      const bool ill = day >= c.attended;
      const std::string what = ill ? "outcome: DAY_OUTCOME_ABSENT_ACCEPTED attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS"
                                   : "actual_minutes: 240 outcome: DAY_OUTCOME_ATTENDED attendance_class: "
                                     "ATTENDANCE_CLASS_ATTENDED";
      if (!ill && day < c.corrected) {
        Add<attendance::v1::DayRecorded>(c.provider, Str("period_id: 's1' date: '", date, "' outcome: "
                                         "DAY_OUTCOME_ABSENT_ACCEPTED attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS"));
        Add<attendance::v1::DayCorrected>(c.provider, Str("period_id: 's1' date: '", date,
                                                          "' reason: CORRECTION_REASON_WRONG_CLASS ", what));
        continue;
      }
      Add<attendance::v1::DayRecorded>(c.provider, Str("period_id: 's1' date: '", date, "' ", what));
      if (ill) continue;
      Add<compensation::v1::AllowanceAccrued>(kKela, Str("period_id: 's1' date: '", date, "' kind: "
                                              "ALLOWANCE_KIND_EXPENSE_ALLOWANCE amount_cents: 900"));
    }
    if (!c.end) return;
    Add<referral::v1::ServiceEnded>(c.provider, Str("period_id: 's1' ended_on: '", FormatDate(*c.end),
                                                    "' manner: END_MANNER_AS_AGREED exit_code: ", c.exit));
    if (!c.after_3.empty()) {
      const bool reached = c.after_3 != "not reached";
      Add<referral::v1::FollowUpRecorded>(kSocial, Str("period_id: 's1' months: 3 ", reached ? "reached: true exit_code: " : "",
                                                       reached ? c.after_3 : std::string()));
    }
    if (c.parts >= 0) {
      Add<assessment::v1::FinalEvaluationMade>(
          c.provider, Str("period_id: 's1' background: 'b' goals { goal: 'g' } work_ability: 'w' ",
                          c.parts == 4 ? "self_assessment: 's'" : ""));
    }
    if (c.satisfaction > 0) {
      Add<assessment::v1::FeedbackGiven>(c.provider, Str("period_id: 's1' giver: ACTOR_ROLE_CLIENT satisfaction: ",
                                                         c.satisfaction));
    }
  }
  void LiveAll() {
    uint8_t number = 0;
    for (const Client& client : clients_) Live(client, ++number);
  }

  // By group and key: persons, then the values. Empty: no such row.
  static std::vector<int64_t> Numbers(const Report& report, const std::string& group, const std::string& key) {
    for (const Row& row : report.rows) {
      if (row.group != group || row.key != key) continue;
      std::vector<int64_t> numbers = {row.persons.value};
      for (const Cell& cell : row.values) {
        EXPECT_TRUE(cell.shown()) << group << " " << key;
        numbers.push_back(cell.value);
      }
      return numbers;
    }
    return {};
  }
  static std::optional<Row> Find(const Report& report, const std::string& group, const std::string& key) {
    for (const Row& row : report.rows) {
      if (row.group == group && row.key == key) return row;
    }
    return std::nullopt;
  }
  // As protobuf text has it.
  static std::string Bytes(const EventId& id) { return google::protobuf::strings::CHexEscape(std::string(id.view())); }
  static std::vector<std::string> Gaps(const Report& report, bool whole) {
    std::vector<std::string> gaps;
    for (const Gap& gap : report.gaps) {
      if (gap.whole == whole) gaps.emplace_back(gap.what);
    }
    return gaps;
  }
  int64_t Count(const std::function<bool(const Client&)>& fits) const {
    return std::count_if(clients_.begin(), clients_.end(), fits);
  }

  const std::deque<Client> clients_ = Clients();
  config::v1::Profile profile_;
  config::v1::Agreement agreement_;
  std::vector<log::HeldLog> logs_;
  std::unique_ptr<Fold> fold_;
  CaseId case_;
  SectionSet opened_;
  const SectionSet all_ = SectionSet::FromBits(0x1F);
  uint64_t order_ = 0;
  bool twice_ = false;
};

bool In2025(const std::optional<CivilDay>& day) { return day && day->year() == 2025; }

TEST_F(ReportTest, OutcomesAreThoseOfPeriodsThatEndedInTheTime) {
  LiveAll();
  const Report report = fold_->Make("outcomes", k2025);
  for (const auto& [code, key] : {std::pair("EXIT_CODE_STUDY", "study"), std::pair("EXIT_CODE_WORK_TRIAL", "work_trial"),
                                  std::pair("EXIT_CODE_BACK_TO_UNEMPLOYMENT", "back_to_unemployment")}) {
    const int64_t expected = Count([&](const Client& c) { return In2025(c.end) && c.exit == code; });
    EXPECT_GT(expected, 0) << code;
    EXPECT_THAT(Numbers(report, "at_end", key), ::testing::ElementsAre(expected, expected)) << code;
  }
  const auto after_3 = [&](const std::string& told) {
    return Count([&](const Client& c) { return In2025(c.end) && c.after_3 == told; });
  };
  EXPECT_EQ(Numbers(report, "after_3_months", "open_market_job").at(0), after_3("EXIT_CODE_OPEN_MARKET_JOB"));
  EXPECT_EQ(Numbers(report, "after_3_months", "not_reached").at(0), after_3("not reached"));
  const int64_t not_due = Count([](const Client& c) {
    return In2025(c.end) && c.after_3.empty() && service::AddMonths(*c.end, 3) > CivilDay(2025, 12, 31);
  });
  EXPECT_EQ(Numbers(report, "after_3_months", "not_asked").at(0), after_3("") - not_due);
  ASSERT_TRUE(report.total);
  EXPECT_EQ(report.total->persons.value, Count([](const Client& c) { return In2025(c.end); }));
}

TEST_F(ReportTest, ClientsAreCountedOnceInEachGroup) {
  LiveAll();
  const Report report = fold_->Make("clients", k2025);
  const auto there = [](const Client& c) { return c.start <= CivilDay(2025, 12, 31) && (!c.end || c.end->year() >= 2025); };
  EXPECT_EQ(report.total->persons.value, Count(there));
  EXPECT_THAT(Numbers(report, "age", "under_25"),
              ::testing::ElementsAre(Count([&](const Client& c) { return there(c) && 2025 - c.born < 25; })));
  EXPECT_THAT(Numbers(report, "sex", "female"),
              ::testing::ElementsAre(Count([&](const Client& c) { return there(c) && c.woman; })));
  EXPECT_THAT(Numbers(report, "municipality", "418"),
              ::testing::ElementsAre(Count([&](const Client& c) { return there(c) && c.municipality == "418"; })));
  std::map<std::string, int64_t> sums;
  for (const Row& row : report.rows) sums[row.group] += row.persons.value;
  for (const auto& [group, sum] : sums) EXPECT_EQ(sum, report.total->persons.value) << group;
}

TEST_F(ReportTest, StockIsWhoIsThereOnTheLastDayOfAMonth) {
  LiveAll();
  const Report report = fold_->Make("stock", k2025);
  EXPECT_EQ(report.rows.size(), 12u);
  for (const CivilDay day : {CivilDay(2025, 1, 31), CivilDay(2025, 2, 28), CivilDay(2025, 12, 31)}) {
    EXPECT_THAT(Numbers(report, "month_end", FormatDate(day)),
                ::testing::ElementsAre(Count([&](const Client& c) { return c.start <= day && (!c.end || day <= *c.end); })));
  }
}

TEST_F(ReportTest, DaysStandAsCorrectedAndEachOnce) {
  twice_ = true;  // as where an earlier epoch is held beside the later one
  LiveAll();
  const Report report = fold_->Make("attendance", k2025);
  int64_t attended = 0, ill = 0;
  for (const Client& c : clients_) {
    for (int day = 0; day < c.attended + c.ill; ++day) {
      if (!In2025(c.start + day)) continue;
      ++(day < c.attended ? attended : ill);
    }
  }
  EXPECT_EQ(Numbers(report, "outcome", "attended").at(1), attended);
  EXPECT_EQ(Numbers(report, "class_of_absent_accepted", "own_illness").at(1), ill);
  EXPECT_EQ(report.total->values.at(0).value, attended + ill);
}

TEST_F(ReportTest, MoneyIsWhatWasAccruedLessWhatWasReversed) {
  LiveAll();
  int64_t cents = 0;
  for (const Client& c : clients_) {
    for (int day = c.corrected; day < c.attended; ++day) cents += In2025(c.start + day) ? 900 : 0;
  }
  // One more is taken back, and once only.
  const EventId accrued = Add<compensation::v1::AllowanceAccrued>(
      kKela, "period_id: 's1' date: '2025-06-02' kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE amount_cents: 900");
  for (int times = 0; times < 2; ++times) {
    Add<compensation::v1::AllowanceReversed>(
        kKela, Str("period_id: 's1' date: '2025-06-02' kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE amount_cents: 900 "
                   "reversed_event_id: '", Bytes(accrued), "'"));
  }
  const Row row = *Find(fold_->Make("money", k2025), "kind_and_payer", Str("expense_allowance ", kKela));
  EXPECT_FALSE(row.values[0].shown());
  EXPECT_EQ(row.values[1].value, cents + 900);
  EXPECT_EQ(row.values[2].value, 900);
  EXPECT_EQ(row.values[3].value, cents);
}

TEST_F(ReportTest, WhatIsGivenInKindIsCountedApartFromMoney) {
  Live(clients_[0], 1);
  const EventId card = Add<compensation::v1::TravelGranted>(
      kSocial, "period_id: 's1' covers_from: '2025-02-01' covers_until: '2025-02-28'");
  Add<compensation::v1::TravelGranted>(kSocial, "period_id: 's1' covers_from: '2025-03-01' covers_until: '2025-03-31'");
  Add<compensation::v1::TravelGranted>(
      kSocial, "period_id: 's1' covers_from: '2025-04-01' covers_until: '2025-04-01' amount_cents: 640");
  Add<compensation::v1::TravelReversed>(
      kSocial, Str("period_id: 's1' covers_from: '2025-02-01' covers_until: '2025-02-28' reversed_event_id: '",
                   Bytes(card), "'"));
  Add<compensation::v1::PerkGiven>(kSocial, "period_id: 's1' kind: PERK_KIND_LUNCH given_on: '2025-02-03'");
  const Report report = fold_->Make("money", k2025);
  const Row in_kind = *Find(report, "in_kind", Str("travel ", kSocial));
  EXPECT_EQ(in_kind.values[0].value, 1);
  EXPECT_FALSE(in_kind.values[1].shown());
  EXPECT_EQ(Find(report, "in_kind", Str("lunch ", kSocial))->values[0].value, 1);
  const Row travel = *Find(report, "kind_and_payer", Str("travel ", kSocial));
  EXPECT_FALSE(travel.values[0].shown());
  EXPECT_EQ(travel.values[1].value, 640);
}

TEST_F(ReportTest, FeedbackIsToldByProvider) {
  LiveAll();
  const Report report = fold_->Make("feedback", k2025);
  for (const char* provider : {kTupa, kSaatio}) {
    const auto of = [&](const std::function<bool(const Client&)>& fits) {
      return Count([&](const Client& c) { return In2025(c.end) && c.provider == std::string_view(provider) && fits(c); });
    };
    int64_t satisfaction = 0;
    for (const Client& c : clients_) {
      if (In2025(c.end) && c.provider == std::string_view(provider)) satisfaction += c.satisfaction;
    }
    const int64_t all = of([](const Client&) { return true; });
    const int64_t answered = of([](const Client& c) { return c.satisfaction > 0; });
    EXPECT_THAT(Numbers(report, "provider", provider),
                ::testing::ElementsAre(all, all, of([](const Client& c) { return c.parts >= 0; }),
                                       of([](const Client& c) { return c.parts == 4; }), 0, answered, answered,
                                       satisfaction));
  }
}

TEST_F(ReportTest, HandoversAreMedians) {
  LiveAll();
  std::vector<int64_t> days;
  for (const Client& c : clients_) {
    if (In2025(c.start)) days.push_back(c.start - c.need);
  }
  std::sort(days.begin(), days.end());
  const auto numbers = Numbers(fold_->Make("handovers", k2025), "step", "need_to_start");
  EXPECT_THAT(numbers, ::testing::ElementsAre(static_cast<int64_t>(days.size()), days[(days.size() + 1) / 2 - 1],
                                              days[(9 * days.size() + 9) / 10 - 1]));
}

TEST_F(ReportTest, AMunicipalityAndAllTheOthersAreEverybody) {
  LiveAll();
  Question lempaala = k2025;
  lempaala.municipality = "418";
  for (const Definition& definition : Definitions()) {
    const Report all = fold_->Make(definition.name, k2025);
    const Report part = fold_->Make(definition.name, lempaala);
    const Report others = fold_->Make(definition.name, lempaala, /*others=*/true);
    if (!all.total) continue;
    EXPECT_EQ(all.total->persons.value, (part.total ? part.total->persons.value : 0) + (others.total ? others.total->persons.value : 0))
        << definition.name;
  }
}

TEST_F(ReportTest, LengthsAreSpansOfMonths) {
  LiveAll();
  const Report report = fold_->Make("length", k2025);
  const auto under_3 = [](const Client& c) { return In2025(c.end) && *c.end + 1 < service::AddMonths(c.start, 3); };
  EXPECT_EQ(Numbers(report, "length", "under_3_months").at(0), Count(under_3));
  EXPECT_EQ(Numbers(report, "length", "3_to_6_months").at(0),
            Count([&](const Client& c) { return In2025(c.end) && !under_3(c); }));
}

TEST_F(ReportTest, WhatIsOverdueIsDueBeforeTheLastDayAndNotThere) {
  Live(clients_[0], 1);
  Add<assessment::v1::AssessmentDue>(kSocial, "period_id: 's1' kind: ASSESSMENT_KIND_INTERIM_EVALUATION round: 1 due_on: '2025-02-01'");
  Add<assessment::v1::AssessmentDue>(kSocial, "period_id: 's1' kind: ASSESSMENT_KIND_KYKYVIISARI round: 1 due_on: '2025-02-01'");
  Add<assessment::v1::KykyviisariRecorded>(kSocial, "period_id: 's1' round: 1 filled_on: '2025-01-20'");
  Add<referral::v1::PlanDrafted>(kSocial, "plan_id: 'p1' revision: 1 drafted_on: '2025-01-01' review_on: '2025-07-01'");
  const Report report = fold_->Make("overdue", k2025);
  EXPECT_THAT(Numbers(report, "what", "interim_evaluation"), ::testing::ElementsAre(1, 1));
  EXPECT_THAT(Numbers(report, "what", "kykyviisari"), ::testing::IsEmpty());
  EXPECT_THAT(Numbers(report, "what", "review_of_newest_plan"), ::testing::ElementsAre(1, 1));
  const Question before{CivilDay(2024, 1, 1), CivilDay(2025, 2, 1), "", CivilDay(2025, 2, 1)};
  EXPECT_THAT(Numbers(fold_->Make("overdue", before), "what", "interim_evaluation"), ::testing::IsEmpty());
}

// ---- What is not held ----

TEST_F(ReportTest, WhereEverythingIsHeldNothingIsMissing) {
  LiveAll();
  for (const Definition& definition : Definitions()) {
    EXPECT_TRUE(fold_->Make(definition.name, k2025).gaps.empty()) << definition.name;
  }
}

TEST_F(ReportTest, NothingYetIsZeroWhereItWouldBeHeld) {
  const Report report = fold_->Make("handovers", k2025);
  EXPECT_TRUE(Find(report, "step", "need_to_start")->persons.shown());
  EXPECT_FALSE(Find(report, "step", "need_to_start")->values[0].shown());  // nobody has no median
  EXPECT_TRUE(report.gaps.empty());
}

TEST_F(ReportTest, WhatAPayerIsNotGivenIsBlankAndNamed) {
  ReadAt(Str(kKela, "/compensation/1"),
         {Str(kSocial, "/referral/1"), Str(kTupa, "/attendance/1"), Str(kSaatio, "/attendance/1")},
         {SectionKind::kService, SectionKind::kPayment});
  LiveAll();
  const Report outcomes = fold_->Make("outcomes", k2025);
  EXPECT_EQ(outcomes.total->persons.value, Count([](const Client& c) { return In2025(c.end); }));
  for (const char* group : {"after_3_months", "after_6_months"}) {
    const auto row = Find(outcomes, group, "not_held");
    ASSERT_TRUE(row) << group;
    EXPECT_FALSE(row->persons.shown());
    EXPECT_FALSE(Find(outcomes, group, "not_asked"));
  }
  EXPECT_THAT(Gaps(outcomes, true), ::testing::ElementsAre("follow_ups", "exit_codes"));
  const Report clients = fold_->Make("clients", k2025);
  EXPECT_TRUE(Find(clients, "age", "not_held"));
  EXPECT_TRUE(Find(clients, "variant", "coaching"));
  const Report feedback = fold_->Make("feedback", k2025);
  const auto tupa = Find(feedback, "provider", kTupa);
  EXPECT_TRUE(tupa->values[0].shown());
  for (size_t i = 1; i < tupa->values.size(); ++i) {
    EXPECT_FALSE(tupa->values[i].shown()) << i;
    EXPECT_FALSE(feedback.total->values[i].shown()) << i;
  }
  for (const Row& row : fold_->Make("handovers", k2025).rows) EXPECT_FALSE(row.persons.shown()) << row.key;
  EXPECT_TRUE(Find(fold_->Make("overdue", k2025), "what", "not_held"));
  EXPECT_TRUE(Find(fold_->Make("plans", k2025), "kind", "not_held"));
  const Report attendance = fold_->Make("attendance", k2025);
  EXPECT_TRUE(Find(attendance, "class", "not_held"));
  EXPECT_TRUE(Find(attendance, "outcome", "attended"));
  // Its own money is held, the other payer's is not.
  const Report money = fold_->Make("money", k2025);
  EXPECT_TRUE(Find(money, "kind_and_payer", Str("expense_allowance ", kKela))->values[1].shown());
  ASSERT_FALSE(money.gaps.empty());
  EXPECT_EQ(money.gaps[0].what, "allowances");
  EXPECT_FALSE(money.gaps[0].whole);
  EXPECT_THAT(money.gaps[0].agencies, ::testing::ElementsAre(kSocial));
}

TEST_F(ReportTest, OfOneProviderWhoseLogIsNotHeldTheDaysAreMissing) {
  ReadAt(Str(kSocial, "/audit/1"), {Str(kSocial, "/referral/1"), Str(kTupa, "/attendance/1")},
         {SectionKind::kService, SectionKind::kSocial, SectionKind::kHealth, SectionKind::kPayment});
  LiveAll();
  const Report report = fold_->Make("attendance", k2025);
  EXPECT_TRUE(Find(report, "outcome", "attended"));
  ASSERT_FALSE(report.gaps.empty());
  EXPECT_EQ(report.gaps[0].what, "days");
  EXPECT_FALSE(report.gaps[0].whole);
  EXPECT_THAT(report.gaps[0].agencies, ::testing::ElementsAre(kSaatio));
  EXPECT_TRUE(Find(fold_->Make("money", k2025), "kind_and_payer", "not_held"));
  EXPECT_TRUE(Find(fold_->Make("money", k2025), "paid", "not_held"));
}

TEST_F(ReportTest, ThatNobodyAskedIsNotSaidWhereSomeWhoMayAskAreNotHeard) {
  // Another agency may ask, too, and its part is withheld.
  auto* asker = agreement_.add_agencies();
  asker->set_name("FI/MUN/9999993-3/tyollisyys");
  asker->add_roles(config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES);
  auto* line = agreement_.add_publishings();
  line->add_author_roles(config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES);
  line->add_types("polku.referral.v1.FollowUpRecorded");
  agreement_.mutable_sharings(0)->clear_publishers();
  for (const char* agency : {kSocial, kTupa, kSaatio, kKela}) agreement_.mutable_sharings(0)->add_publishers(agency);
  ReadAt(Str(kSocial, "/audit/1"), {Str(kSocial, "/referral/1")},
         {SectionKind::kService, SectionKind::kSocial, SectionKind::kHealth, SectionKind::kPayment});
  LiveAll();
  const Report report = fold_->Make("outcomes", k2025);
  EXPECT_FALSE(Find(report, "after_3_months", "not_asked"));
  EXPECT_TRUE(Find(report, "after_3_months", "not_known"));
  EXPECT_TRUE(Find(report, "after_3_months", "open_market_job"));
  EXPECT_THAT(Gaps(report, false), ::testing::Contains("follow_ups"));
}

TEST_F(ReportTest, ASignatureUnderAnEarlierRevisionIsNoneUnderTheNewest) {
  Live(clients_[0], 1);
  const auto draft = [&](int revision) {
    Add<referral::v1::PlanDrafted>(kSocial, Str("plan_id: 'p1' revision: ", revision,
                                                " drafted_on: '2025-01-07' signers_needed: ACTOR_ROLE_CLIENT"));
  };
  const auto sign = [&](int revision) {
    Add<referral::v1::PlanSigned>(kSocial, Str("plan_id: 'p1' revision: ", revision,
                                               " signer: ACTOR_ROLE_CLIENT signed_on: '2025-01-08'"));
  };
  draft(1);
  draft(2);
  sign(1);
  EXPECT_TRUE(Find(fold_->Make("plans", k2025), "signatures", "missing"));
  sign(2);
  EXPECT_TRUE(Find(fold_->Make("plans", k2025), "signatures", "signed"));
}

// ---- Who is counted, and whose the steps are ----

TEST_F(ReportTest, CasesThatAreLinkedAreOnePerson) {
  LiveAll();
  const int64_t before = fold_->Make("clients", k2025).total->persons.value;
  CaseId other = case_;
  other.data()[15] = 40;  // the last two that were lived
  case_.data()[15] = 39;
  const std::string id = google::protobuf::strings::CHexEscape(std::string(other.view()));
  Add<referral::v1::CasesLinked>(kSocial, Str("other_case_id: '", id, "' reason: LINK_REASON_SAME_CODE"));
  EXPECT_EQ(fold_->Make("clients", k2025).total->persons.value, before - 1);
  Add<referral::v1::CasesUnlinked>(kSocial, Str("other_case_id: '", id, "' reason: UNLINK_REASON_NOT_SAME_PERSON"));
  EXPECT_EQ(fold_->Make("clients", k2025).total->persons.value, before);
}

TEST_F(ReportTest, EachStepTellsFromWhichAgencyToWhichItWent) {
  Live(clients_[12], 1);  // starts in 2025
  const CivilDay start = clients_[12].start;
  Add<referral::v1::ReferralMade>(kSocial, Str("referral_id: 'l1' made_on: '", FormatDate(start - 10), "'"));
  Add<referral::v1::ReferralStatusChanged>(
      kTupa, Str("referral_id: 'l1' status: REFERRAL_STATUS_ACCEPTED effective_on: '", FormatDate(start - 4), "'"));
  const Report report = fold_->Make("handovers", k2025);
  EXPECT_THAT(Numbers(report, "by_referral_to_accepted", Str(kSocial, " ", kTupa)), ::testing::ElementsAre(1, 6, 6));
  EXPECT_THAT(Numbers(report, "by_accepted_to_start", Str(kTupa, " ", kTupa)), ::testing::ElementsAre(1, 4, 4));
}

// ---- What peers may write ----

TEST_F(ReportTest, WhatIsNoCodeGetsIntoNoTable) {
  Live(clients_[0], 1);
  Add<referral::v1::ClientIdentified>(kSocial, "municipality_code: '=1+1;564'");
  EXPECT_TRUE(Find(fold_->Make("clients", k2025), "municipality", clients_[0].municipality));
  EXPECT_THAT(fold_->Municipalities(), ::testing::ElementsAre(clients_[0].municipality));
}

}  // namespace
}  // namespace polku::report
