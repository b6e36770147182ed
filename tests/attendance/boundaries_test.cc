// Every dated boundary of DOMAIN ("Rules", "Actors"), walked through the services in one table, in each region that has
// the rule: what a service does on the last day of the old rule and on the first of the new one. That each region's
// profile has its boundaries on their days is profile_test's.
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/attendance/attendance.h"
#include "services/compensation/compensation.h"
#include "services/core/dated_rules.h"
#include "services/referral/referral.h"
#include "tests/support/service_lab.h"

namespace polku {
namespace {

namespace av = attendance::v1;
namespace cv = compensation::v1;
namespace ref = referral::v1;
using testing::D;
using testing::ServiceLab;
using testing::Text;
using ::testing::ElementsAreArray;

constexpr char kPaja[] = "FI/ASS/0187690-1/paja";
constexpr char kSocial[] = "FI/MUN/0187690-1/hyvinvointi";
constexpr char kKela[] = "FI/GOV/0246246-0/kela";
constexpr char kTe[] = "FI/GOV/0187690-1/te-toimisto";

config::v1::Agreement Agreement() {
  return Text<config::v1::Agreement>(
      "agencies { name: 'FI/ASS/0187690-1/paja' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/MUN/0187690-1/hyvinvointi' roles: AGENCY_ROLE_SOCIAL_SERVICES }"
      "agencies { name: 'FI/GOV/0246246-0/kela' roles: AGENCY_ROLE_BENEFIT_PAYER }"
      "agencies { name: 'FI/GOV/0187690-1/te-toimisto' roles: AGENCY_ROLE_EMPLOYMENT_AUTHORITY }");
}

using Said = std::vector<std::string>;
using config::v1::Profile;

struct Service {
  std::string from;
  std::string first_started;
  std::string until;
};

ref::ServiceStarted Started(const Service& service) {
  ref::ServiceStarted started;
  started.set_period_id("p1");
  started.set_provider_agency(kPaja);
  started.set_starts_on(service.from);
  started.set_first_started_on(service.first_started);
  started.set_ends_on(service.until);
  return started;
}

// A day as the provider records it: "attended 360", "ill", "child", "other".
av::DayRecorded DayOf(const std::string& date, const std::string& what) {
  av::DayRecorded day;
  day.set_date(date);
  if (what.starts_with("attended ")) {
    day.set_actual_minutes(static_cast<uint32_t>(std::stoul(what.substr(9))));
    day.set_outcome(event::v1::DAY_OUTCOME_ATTENDED);
    day.set_attendance_class(event::v1::ATTENDANCE_CLASS_ATTENDED);
  } else if (what == "other") {
    day.set_outcome(event::v1::DAY_OUTCOME_ABSENT_OTHER);
    day.set_attendance_class(event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE);
  } else {
    day.set_outcome(event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
    day.set_attendance_class(what == "ill" ? event::v1::ATTENDANCE_CLASS_OWN_ILLNESS
                                           : event::v1::ATTENDANCE_CLASS_CHILD_ILL);
  }
  return day;
}

using Days = std::vector<std::pair<std::string, std::string>>;

// What the provider's service says of these days: breaches "date CODE", notices "to AGENCY from..until".
Said Attendance(const Profile& profile, const Service& service, const Days& days,
                const std::string& today) {
  ServiceLab lab(MakeAttendanceService(), profile, Agreement(), kPaja);
  lab.Tell(kSocial, Text<ref::BenefitRecorded>("payer_agency: 'FI/GOV/0246246-0/kela'"));
  lab.Tell(kSocial, Started(service));
  for (const auto& [date, what] : days) {
    EXPECT_EQ(lab.Offer(kPaja, "ohjaaja-1", DayOf(date, what), D(today)), "") << date;
  }
  Said said;
  for (const auto& entry : lab.Run(D(today))) {
    if (const auto* flag = service::As<av::RuleBreachFlagged>(*entry.body)) {
      said.push_back(flag->date() + " " +
                     av::BreachCode_Name(flag->breach()).substr(std::string("BREACH_CODE_").size()));
    } else if (const auto* notice = service::As<av::AbsenceNoticeSent>(*entry.body)) {
      const std::string agency = notice->recipient_agency();
      said.push_back("to " + agency.substr(agency.rfind('/') + 1) + " " + notice->covers_from() +
                     ".." + notice->covers_until());
    }
  }
  return said;
}

// What the payer's service accrues for attended days: "date cents kind".
Said Money(const Profile& profile, event::v1::BenefitKind benefit, const Service& service,
           const Days& days, const std::string& today, const char* payer = kKela) {
  ServiceLab lab(MakeCompensationService(), profile, Agreement(), payer);
  lab.Tell(kSocial, Started(service));
  ref::BenefitRecorded recorded;
  recorded.set_payer_agency(payer);
  recorded.set_kind(benefit);
  recorded.set_valid_from("2010-01-01");
  lab.Tell(payer, recorded);
  for (const auto& [date, what] : days) lab.Tell(kPaja, DayOf(date, what));
  Said said;
  for (const auto& entry : lab.Run(D(today))) {
    if (const auto* accrued = service::As<cv::AllowanceAccrued>(*entry.body)) {
      said.push_back(
          accrued->date() + " " + std::to_string(accrued->amount_cents()) + " " +
          event::v1::AllowanceKind_Name(accrued->kind()).substr(std::string("ALLOWANCE_KIND_").size()));
    }
  }
  return said;
}

// Whether a plan drafted on that day by that kind leads to an agreement of a client with that benefit: the code of the
// refusal, or "".
Said Plan(const Profile& profile, event::v1::PlanKind kind, event::v1::BenefitKind benefit,
          const std::string& drafted_on) {
  ServiceLab lab(referral::MakeReferralService(), profile, Agreement(), kSocial);
  const absl::CivilDay drafted = D(drafted_on);
  const auto day = [&](int after) { return service::FormatDate(drafted + after); };
  lab.Tell(kSocial, Text<ref::NeedIdentified>("identified_on: '2025-11-03'"));
  ref::BenefitRecorded recorded;
  recorded.set_payer_agency(kKela);
  recorded.set_kind(benefit);
  recorded.set_valid_from("2025-01-01");
  lab.Tell(kKela, recorded);
  ref::PlanDrafted plan;
  plan.set_plan_id("plan-1");
  plan.set_revision(1);
  plan.set_kind(kind);
  plan.set_drafted_on(drafted_on);
  plan.set_rehabilitative_work(ref::REHABILITATIVE_WORK_IN_PLAN_INCLUDED);
  lab.Tell(kSocial, plan);
  const std::pair<event::v1::ActorRole, const char*> signers[] = {
      {event::v1::ACTOR_ROLE_CLIENT, kSocial},
      {event::v1::ACTOR_ROLE_SOCIAL_SERVICES, kSocial},
      {event::v1::ACTOR_ROLE_EMPLOYMENT_AUTHORITY, kTe}};
  for (const auto& [role, agency] : signers) {
    ref::PlanSigned sign;
    sign.set_plan_id("plan-1");
    sign.set_revision(1);
    sign.set_signer(role);
    sign.set_signed_on(drafted_on);
    lab.Tell(agency, sign);
  }
  for (const auto& rule : profile.case_managers()) {
    ref::CaseManagerNamed named;
    named.set_side(rule.side());
    named.set_official("oma-1");
    named.set_agency(rule.side() == event::v1::CASE_MANAGER_SIDE_PROVIDER ? kPaja : kSocial);
    named.set_valid_from("2025-11-03");
    if (rule.named()) lab.Tell(named.agency(), named);
  }
  ref::AgreementMade agreement;
  agreement.set_period_id("p1");
  agreement.set_plan_id("plan-1");
  agreement.set_provider_agency(kPaja);
  agreement.set_starts_on(day(14));
  // Of the region's own first length.
  const uint32_t first = profile.agreements(0).first_months();
  agreement.set_ends_on(service::FormatDate(
      service::AddMonths(drafted + 14, first == 0 ? 3 : static_cast<int>(first)) - 1));
  for (const auto role : {event::v1::ACTOR_ROLE_CLIENT, event::v1::ACTOR_ROLE_SOCIAL_SERVICES,
                          event::v1::ACTOR_ROLE_PROVIDER}) {
    auto* signature = agreement.add_signatures();
    signature->set_signer(role);
    signature->set_signed_on(day(1));
  }
  return {lab.Offer(kSocial, "sosiaaliohjaaja-1", agreement, drafted + 1)};
}

// Who holds an office on that day, as the region's own language has it.
Said Holder(const Profile& profile, config::v1::Office office, const std::string& day) {
  const auto* rule = service::FindRule(profile.actors(), D(day), std::nullopt,
                                       [&](const auto& actor) { return actor.office() == office; });
  return {rule == nullptr ? "nobody" : rule->holder(0).text()};
}

// What a profile must build on to have the rule.
enum class Of { kCountry, kLaw };

struct Boundary {
  const char* name;
  Of of;
  std::function<Said(const Profile&)> what;
  Said expected;
};

struct Region {
  const char* name;
  Of builds_on;
};

// Every profile of deploy/profiles but the two that the others build on.
constexpr Region kRegions[] = {
    {"espoo-kipina", Of::kCountry}, {"espoo-open", Of::kCountry}, {"espoo-typ", Of::kLaw},
    {"espoo-vamos", Of::kLaw},      {"forssa", Of::kLaw},         {"kokkola", Of::kLaw},
    {"lempaala", Of::kLaw},         {"oulu", Of::kLaw},           {"pirkanmaa", Of::kCountry},
    {"siun-sote", Of::kLaw},        {"tampere", Of::kLaw},        {"vantaa", Of::kLaw}};

Profile ProfileOf(const Region& region) {
  std::vector<std::string> files = {"suomi"};
  if (region.builds_on == Of::kLaw) files.emplace_back("kuntouttava");
  files.emplace_back(region.name);
  return testing::RegionProfile(files);
}

struct Crossing {
  Region region;
  Boundary boundary;
};

Days Attended(const std::vector<std::string>& dates, int minutes) {
  Days days;
  for (const auto& date : dates) days.emplace_back(date, "attended " + std::to_string(minutes));
  return days;
}

const Service kSpring2015 = {"2015-06-01", "2015-06-01", "2015-12-31"};
const Service kSpring2025 = {"2025-03-03", "2025-03-03", "2025-06-02"};
const Service kSpring2026 = {"2026-03-02", "2026-03-02", "2026-06-01"};
const Days kBothOf2026 = {{"2026-04-30", "attended 360"}, {"2026-05-01", "attended 360"}};

const std::vector<Boundary>& Boundaries() {
  static const auto* const boundaries = new std::vector<Boundary>{
    // ---- 30.6. / 1.7.2015: five days a week, then four, at most 32 hours ----
    Boundary{"FiveDaysInTheLastFullWeekOfTheOldRule", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2015,
                                 Attended({"2015-06-22", "2015-06-23", "2015-06-24",
                                           "2015-06-25", "2015-06-26"}, 480),
                                 "2015-07-31");
             },
             {}},
    Boundary{"AWeekAcrossTheBoundaryIsHeldToTheRuleOfEachDay", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2015,
                                 Attended({"2015-06-29", "2015-06-30", "2015-07-01",
                                           "2015-07-02", "2015-07-03"}, 360),
                                 "2015-07-31");
             },
             {"2015-07-03 TOO_MANY_DAYS_IN_WEEK"}},
    Boundary{"FourDaysOfEightHoursByTheNewRule", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2015,
                                 Attended({"2015-07-06", "2015-07-07", "2015-07-08",
                                           "2015-07-09"}, 480),
                                 "2015-07-31");
             },
             {}},
    Boundary{"MoreThanThirtyTwoHoursByTheNewRule", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2015,
                                 Attended({"2015-07-06", "2015-07-07", "2015-07-08",
                                           "2015-07-09", "2015-07-10"}, 400),
                                 "2015-07-31");
             },
             {"2015-07-10 TOO_MANY_DAYS_IN_WEEK", "2015-07-10 WEEK_TOO_LONG"}},
    // ---- 4-8 hours a day ----
    Boundary{"FourHoursAndEightHours", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-03", "attended 240"},
                                               {"2025-03-04", "attended 480"}},
                                 "2025-03-31");
             },
             {}},
    Boundary{"AMinuteLessAndAMinuteMore", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-03", "attended 239"},
                                               {"2025-03-04", "attended 481"}},
                                 "2025-03-31");
             },
             {"2025-03-03 DAY_TOO_SHORT", "2025-03-04 DAY_TOO_LONG"}},
    // ---- Services begun before 1.1.2015 report to the TE office ----
    Boundary{"BegunOnTheLastDayOf2014", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, {"2014-12-31", "2014-12-31", "2015-03-30"},
                                 {{"2015-01-07", "other"}}, "2015-01-14");
             },
             {"to te-toimisto 2014-12-31..2015-01-13"}},
    Boundary{"BegunOnTheFirstDayOf2015", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, {"2015-01-01", "2015-01-01", "2015-03-31"},
                                 {{"2015-01-07", "other"}}, "2015-01-15");
             },
             {"to kela 2015-01-01..2015-01-14"}},
    Boundary{"APeriodOf2025OfAServiceThatBeganIn2014", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, {"2025-03-03", "2014-12-31", "2025-06-02"},
                                 {{"2025-03-05", "other"}}, "2025-03-17");
             },
             {"to te-toimisto 2025-03-03..2025-03-16"}},
    Boundary{"APeriodOf2025OfAServiceThatBeganIn2015", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, {"2025-03-03", "2015-01-01", "2025-06-02"},
                                 {{"2025-03-05", "other"}}, "2025-03-17");
             },
             {"to kela 2025-03-03..2025-03-16"}},
    // ---- At least every two weeks ----
    Boundary{"NotBeforeTheFourteenDaysAreOver", Of::kLaw,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-05", "other"}}, "2025-03-16");
             },
             {}},
    // ---- A certificate when over three days, a child's illness up to four ----
    Boundary{"ThreeDaysIllWithoutACertificate", Of::kCountry,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-03", "ill"}, {"2025-03-04", "ill"},
                                               {"2025-03-05", "ill"}},
                                 "2025-03-10");
             },
             {}},
    Boundary{"FourDaysIllWithoutACertificate", Of::kCountry,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-03", "ill"}, {"2025-03-04", "ill"},
                                               {"2025-03-05", "ill"}, {"2025-03-06", "ill"}},
                                 "2025-03-10");
             },
             {"2025-03-06 ABSENCE_UNPROVEN"}},
    Boundary{"FourDaysWithAnIllChild", Of::kCountry,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-03", "child"}, {"2025-03-04", "child"},
                                               {"2025-03-05", "child"}, {"2025-03-06", "child"}},
                                 "2025-03-10");
             },
             {}},
    Boundary{"FiveDaysWithAnIllChild", Of::kCountry,
             [](const Profile& region) {
               return Attendance(region, kSpring2025, {{"2025-03-03", "child"}, {"2025-03-04", "child"},
                                               {"2025-03-05", "child"}, {"2025-03-06", "child"},
                                               {"2025-03-07", "child"}},
                                 "2025-03-10");
             },
             {"2025-03-07 ABSENCE_TOO_LONG"}},
    // ---- 30.4. / 1.5.2026: labour market subsidy and basic allowance become general support ----
    Boundary{"LabourMarketSubsidyUntilApril2026", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY, kSpring2026,
                            kBothOf2026, "2026-06-30");
             },
             {"2026-04-30 900 EXPENSE_ALLOWANCE"}},
    Boundary{"BasicAllowanceUntilApril2026", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_BASIC_UNEMPLOYMENT_ALLOWANCE, kSpring2026,
                            kBothOf2026, "2026-06-30");
             },
             {"2026-04-30 900 EXPENSE_ALLOWANCE"}},
    Boundary{"GeneralSupportFromMay2026", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_GENERAL_SUPPORT, kSpring2026, kBothOf2026,
                            "2026-06-30");
             },
             {"2026-05-01 900 EXPENSE_ALLOWANCE"}},
    Boundary{"EarningsRelatedAllowanceOnBothDays", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_EARNINGS_RELATED_ALLOWANCE, kSpring2026,
                            kBothOf2026, "2026-06-30");
             },
             {"2026-04-30 900 EXPENSE_ALLOWANCE", "2026-05-01 900 EXPENSE_ALLOWANCE"}},
    Boundary{"SocialAssistanceGivesActivityMoneyOnBothDays", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE, kSpring2026, kBothOf2026,
                            "2026-06-30", kSocial);
             },
             {"2026-04-30 900 ACTIVITY_MONEY", "2026-05-01 900 ACTIVITY_MONEY"}},
    // ---- What is paid goes by the limit of its day: five days, then four ----
    Boundary{"TheFifthDayIsPaidUntilJune2015", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY, kSpring2015,
                            Attended({"2015-06-22", "2015-06-23", "2015-06-24", "2015-06-25",
                                      "2015-06-26"}, 360),
                            "2015-07-31");
             },
             {"2015-06-22 900 EXPENSE_ALLOWANCE", "2015-06-23 900 EXPENSE_ALLOWANCE",
              "2015-06-24 900 EXPENSE_ALLOWANCE", "2015-06-25 900 EXPENSE_ALLOWANCE",
              "2015-06-26 900 EXPENSE_ALLOWANCE"}},
    Boundary{"TheFifthDayOfJuly2015IsNot", Of::kLaw,
             [](const Profile& region) {
               return Money(region, event::v1::BENEFIT_KIND_LABOUR_MARKET_SUBSIDY, kSpring2015,
                            Attended({"2015-06-29", "2015-06-30", "2015-07-01", "2015-07-02",
                                      "2015-07-03"}, 360),
                            "2015-07-31");
             },
             {"2015-06-29 900 EXPENSE_ALLOWANCE", "2015-06-30 900 EXPENSE_ALLOWANCE",
              "2015-07-01 900 EXPENSE_ALLOWANCE", "2015-07-02 900 EXPENSE_ALLOWANCE"}},
    // ---- 31.12.2025 / 1.1.2026: the activation plan is for social-assistance clients only ----
    Boundary{"ActivationPlanOfAnybodyUntil2025", Of::kLaw,
             [](const Profile& region) {
               return Plan(region, event::v1::PLAN_KIND_ACTIVATION, event::v1::BENEFIT_KIND_NONE,
                           "2025-12-31");
             },
             {""}},
    Boundary{"ActivationPlanWithoutABenefitFrom2026", Of::kLaw,
             [](const Profile& region) {
               return Plan(region, event::v1::PLAN_KIND_ACTIVATION, event::v1::BENEFIT_KIND_NONE,
                           "2026-01-01");
             },
             {"plan_kind_not_allowed"}},
    Boundary{"ActivationPlanWithSocialAssistanceFrom2026", Of::kLaw,
             [](const Profile& region) {
               return Plan(region, event::v1::PLAN_KIND_ACTIVATION,
                           event::v1::BENEFIT_KIND_SOCIAL_ASSISTANCE, "2026-01-01");
             },
             {""}},
    Boundary{"MultiSectorPlanFrom2026", Of::kLaw,
             [](const Profile& region) {
               return Plan(region, event::v1::PLAN_KIND_MULTI_SECTOR, event::v1::BENEFIT_KIND_NONE,
                           "2026-01-01");
             },
             {""}},
    // ---- 31.12.2022 / 1.1.2023 and 31.12.2024 / 1.1.2025: who organises, who is the authority ----
    Boundary{"OrganiserOf2022", Of::kCountry,
             [](const Profile& region) { return Holder(region, config::v1::OFFICE_ORGANISER, "2022-12-31"); }, {"kunta"}},
    Boundary{"OrganiserOf2023", Of::kCountry,
             [](const Profile& region) { return Holder(region, config::v1::OFFICE_ORGANISER, "2023-01-01"); },
             {"hyvinvointialue"}},
    Boundary{"AuthorityOf2024", Of::kCountry,
             [](const Profile& region) { return Holder(region, config::v1::OFFICE_EMPLOYMENT_AUTHORITY, "2024-12-31"); },
             {"TE-toimisto"}},
    Boundary{"AuthorityOf2025", Of::kCountry,
             [](const Profile& region) { return Holder(region, config::v1::OFFICE_EMPLOYMENT_AUTHORITY, "2025-01-01"); },
             {"työvoimaviranomainen"}}};
  return *boundaries;
}

// Each boundary in each region that has its rule.
std::vector<Crossing> Crossings() {
  std::vector<Crossing> all;
  for (const Region& region : kRegions) {
    for (const Boundary& boundary : Boundaries()) {
      if (region.builds_on == Of::kLaw || boundary.of == Of::kCountry) all.push_back({region, boundary});
    }
  }
  return all;
}

class BoundaryTest : public ::testing::TestWithParam<Crossing> {};

TEST_P(BoundaryTest, IsOnItsDay) {
  const Profile profile = ProfileOf(GetParam().region);
  EXPECT_THAT(GetParam().boundary.what(profile), ElementsAreArray(GetParam().boundary.expected));
}

INSTANTIATE_TEST_SUITE_P(
    Domain, BoundaryTest, ::testing::ValuesIn(Crossings()), [](const auto& crossing) {
      std::string name = std::string(crossing.param.region.name) + "_" + crossing.param.boundary.name;
      std::erase(name, '-');
      return name;
    });

// No region is left out, and none is said to build on less than it does.
TEST(BoundariesTest, AreWalkedInEveryRegionThatShips) {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  std::map<std::string, bool> shipped, walked;
  for (const auto& file : std::filesystem::directory_iterator(
           std::string(root == nullptr ? "." : root) + "/deploy/profiles")) {
    if (file.path().extension() != ".textproto") continue;
    const std::string name = file.path().stem();
    if (name == "suomi" || name == "kuntouttava") continue;
    shipped[name] = testing::RegionProfile({name}).needs(0) == "kuntouttava";
  }
  for (const Region& region : kRegions) walked[region.name] = region.builds_on == Of::kLaw;
  EXPECT_EQ(walked, shipped);
}

}  // namespace
}  // namespace polku
