#include "services/attendance/attendance.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "tests/support/service_lab.h"

namespace polku {
namespace {

namespace av = attendance::v1;
namespace ref = referral::v1;
using testing::D;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ServiceLab;
using testing::Text;

constexpr char kPaja[] = "FI/ASS/0187690-1/paja";
constexpr char kOther[] = "FI/ASS/0187690-1/toinen";
constexpr char kSocial[] = "FI/MUN/0187690-1/hyvinvointi";
constexpr char kKela[] = "FI/GOV/0246246-0/kela";
constexpr char kTe[] = "FI/MUN/0187690-1/tyollisyys";

config::v1::Agreement Agreement() {
  return Text<config::v1::Agreement>(
      "agencies { name: 'FI/ASS/0187690-1/paja' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/ASS/0187690-1/toinen' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/MUN/0187690-1/hyvinvointi' roles: AGENCY_ROLE_SOCIAL_SERVICES }"
      "agencies { name: 'FI/GOV/0246246-0/kela' roles: AGENCY_ROLE_BENEFIT_PAYER }"
      "agencies { name: 'FI/MUN/0187690-1/tyollisyys' roles: AGENCY_ROLE_EMPLOYMENT_SERVICES"
      "           roles: AGENCY_ROLE_EMPLOYMENT_AUTHORITY }");
}

constexpr char kStart[] =
    "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2025-03-03' "
    "ends_on: '2025-06-02' place_code: 'puu' schedule { days_per_week: 4 minutes_per_day: 360 }";

class AttendanceTest : public ::testing::Test {
 protected:
  AttendanceTest() : lab_(MakeAttendanceService(), testing::OuluProfile(), Agreement(), kPaja) {}

  void Start(const std::string& text = kStart) {
    PaidBy(kKela);
    lab_.Tell(kSocial, Text<ref::ServiceStarted>(text));
  }
  // What a provider may see of BenefitRecorded: its SERVICE section. Empty: of BENEFIT_KIND_NONE.
  void PaidBy(const std::string& payer) {
    ref::BenefitRecorded benefit;
    benefit.set_payer_agency(payer);
    lab_.Tell(kSocial, benefit);
  }

  static std::string DayText(std::string_view date, std::string_view what) {
    static const std::map<std::string_view, std::string> kTexts = {
        {"attended",
         "actual_minutes: 360 outcome: DAY_OUTCOME_ATTENDED "
         "attendance_class: ATTENDANCE_CLASS_ATTENDED"},
        {"not_held",
         "outcome: DAY_OUTCOME_NOT_HELD "
         "attendance_class: ATTENDANCE_CLASS_SERVICE_NOT_HELD"},
        {"ill",
         "outcome: DAY_OUTCOME_ABSENT_ACCEPTED "
         "attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS"},
        {"ill_certified",
         "outcome: DAY_OUTCOME_ABSENT_ACCEPTED certificate_seen: true "
         "attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS"},
        {"child",
         "outcome: DAY_OUTCOME_ABSENT_ACCEPTED "
         "attendance_class: ATTENDANCE_CLASS_CHILD_ILL"},
        {"interview",
         "outcome: DAY_OUTCOME_ABSENT_ACCEPTED "
         "attendance_class: ATTENDANCE_CLASS_JOB_INTERVIEW"},
        {"office",
         "outcome: DAY_OUTCOME_ABSENT_ACCEPTED "
         "attendance_class: ATTENDANCE_CLASS_PUBLIC_OFFICE"},
        {"other",
         "outcome: DAY_OUTCOME_ABSENT_OTHER "
         "attendance_class: ATTENDANCE_CLASS_OTHER_ABSENCE"}};
    return "date: '" + std::string(date) + "' planned_minutes: 360 " + kTexts.at(what);
  }

  std::string Record(std::string_view date, std::string_view what = "attended") {
    return Offer<av::DayRecorded>(DayText(date, what));
  }
  std::string Correct(std::string_view date, std::string_view what) {
    return Offer<av::DayCorrected>(DayText(date, what) + " reason: CORRECTION_REASON_WRONG_CLASS");
  }
  std::string Withdraw(std::string_view date) {
    return Offer<av::DayCorrected>("date: '" + std::string(date) +
                                   "' withdrawn: true reason: CORRECTION_REASON_WRONG_CLIENT");
  }
  template <typename Event>
  std::string Offer(const std::string& text, std::string_view author = kPaja,
                    std::string_view official = "ohjaaja-7") {
    return lab_.Offer(author, official, Text<Event>(text), today_);
  }

  std::vector<std::string> BreachesNow() {
    std::map<std::string, int> standing;
    for (const auto& entry : lab_.entries()) {
      if (const auto* flag = service::As<av::RuleBreachFlagged>(*entry.body)) {
        ++standing[flag->date() + " " + av::BreachCode_Name(flag->breach()).substr(12)];
      } else if (const auto* clear = service::As<av::RuleBreachCleared>(*entry.body)) {
        --standing[clear->date() + " " + av::BreachCode_Name(clear->breach()).substr(12)];
      }
    }
    std::vector<std::string> now;
    for (const auto& [text, count] : standing) {
      EXPECT_TRUE(count == 0 || count == 1) << text << " stands " << count << " times";
      if (count == 1) now.push_back(text);
    }
    return now;
  }

  // "kind revision from..until: days" of every notice sent.
  std::vector<std::string> NoticesSent() {
    std::vector<std::string> sent;
    for (const auto* notice : lab_.All<av::AbsenceNoticeSent>()) {
      std::string text = std::to_string(notice->revision()) + " " + notice->covers_from() + ".." +
                         notice->covers_until() + ":";
      for (const auto& day : notice->days()) text += " " + day.date().substr(5);
      EXPECT_EQ(notice->absent_days(), static_cast<uint32_t>(notice->days_size()));
      EXPECT_EQ(notice->reasons_size(), notice->days_size());
      sent.push_back(text);
    }
    return sent;
  }

  ServiceLab lab_;
  absl::CivilDay today_ = absl::CivilDay(2025, 6, 30);
};

// ---- Decide ----

TEST_F(AttendanceTest, ASuccessorRecordsFromItsDayOnAndPutsRightWhatWasBefore) {
  Start();
  today_ = D("2025-04-10");
  EXPECT_EQ(Record("2025-03-31"), "");
  lab_.Tell(kPaja, Text<ref::OrganiserTransferred>(
                       "from_agency: 'FI/ASS/0187690-1/paja' to_agency: 'FI/ASS/0187690-1/toinen' "
                       "effective_on: '2025-04-01' reason: TRANSFER_REASON_REORGANISED"));
  EXPECT_EQ(Record("2025-04-01"), "wrong_actor");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-04-01", "attended"), kOther), "");
  EXPECT_EQ(Record("2025-03-27"), "") << "the predecessor may still record its own days";
  EXPECT_EQ(Offer<av::DayCorrected>(DayText("2025-03-31", "ill") +
                                        " reason: CORRECTION_REASON_WRONG_CLASS",
                                    kOther),
            "");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-03-26", "attended"), kSocial), "wrong_actor");
  // What is due from its day on is the successor's; the predecessor's service closes what it opened.
  lab_.Run(today_);
  EXPECT_EQ(lab_.All<av::PeriodClosed>().size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodClosed>().at(0)->closed_on(), "2025-03-31");
}

TEST_F(AttendanceTest, ADayOfTheStartedPeriodIsRecorded) {
  Start();
  EXPECT_EQ(Record("2025-03-03"), "");
  EXPECT_EQ(Record("2025-06-02"), "");
}

TEST_F(AttendanceTest, EveryClassOfTheProfileIsRecorded) {
  Start();
  EXPECT_EQ(Record("2025-03-03", "attended"), "");
  EXPECT_EQ(Record("2025-03-04", "not_held"), "");
  EXPECT_EQ(Record("2025-03-05", "ill"), "");
  EXPECT_EQ(Record("2025-03-06", "child"), "");
  EXPECT_EQ(Record("2025-03-10", "interview"), "");
  EXPECT_EQ(Record("2025-03-11", "office"), "");
  EXPECT_EQ(Record("2025-03-12", "other"), "");
  EXPECT_EQ(Offer<av::DayRecorded>("date: '2025-03-14' swapped_from: '2025-03-13' "
                                   "actual_minutes: 360 outcome: DAY_OUTCOME_ATTENDED "
                                   "attendance_class: ATTENDANCE_CLASS_AGREED_DAY_SWAP"),
            "");
}

TEST_F(AttendanceTest, WithoutAStartedServiceNoDayIsRecorded) {
  EXPECT_EQ(Record("2025-03-03"), "service_not_started");
  lab_.Tell(kSocial, Text<ref::NeedIdentified>("identified_on: '2025-01-01'"));
  EXPECT_EQ(Record("2025-03-03"), "service_not_started");
}

struct BadDay {
  const char* name;
  const char* text;  // of a DayRecorded
  const char* code;
};

class BadDayTest : public AttendanceTest, public ::testing::WithParamInterface<BadDay> {};

TEST_P(BadDayTest, IsRefusedWithItsCode) {
  Start();
  EXPECT_EQ(Offer<av::DayRecorded>(GetParam().text), GetParam().code);
}

#define ATTENDED " outcome: DAY_OUTCOME_ATTENDED attendance_class: ATTENDANCE_CLASS_ATTENDED "
#define SWAPPED " outcome: DAY_OUTCOME_ATTENDED attendance_class: ATTENDANCE_CLASS_AGREED_DAY_SWAP "
INSTANTIATE_TEST_SUITE_P(
    All, BadDayTest,
    ::testing::Values(
        BadDay{"NoDate", "actual_minutes: 360" ATTENDED, "missing_date"},
        BadDay{"NoSuchDate", "date: '2025-02-30' actual_minutes: 360" ATTENDED, "bad_date"},
        BadDay{"FinnishDate", "date: '3.3.2025' actual_minutes: 360" ATTENDED, "bad_date"},
        BadDay{"WrongYear", "date: '0205-03-03' actual_minutes: 360" ATTENDED, "bad_date"},
        BadDay{"FutureDay", "date: '2025-07-01' actual_minutes: 360" ATTENDED, "future_day"},
        BadDay{"DayBeforeThePeriod", "date: '2025-03-02' actual_minutes: 360" ATTENDED,
               "outside_period"},
        BadDay{"DayAfterThePeriod", "date: '2025-06-03' actual_minutes: 360" ATTENDED,
               "outside_period"},
        BadDay{"UnknownPeriod", "date: '2025-03-03' period_id: 'p9' actual_minutes: 360" ATTENDED,
               "unknown_period"},
        BadDay{"BadPeriodLabel", "date: '2025-03-03' period_id: 'P 1' actual_minutes: 360" ATTENDED,
               "bad_label"},
        BadDay{"DayOfMoreThan24Hours", "date: '2025-03-03' actual_minutes: 1441" ATTENDED,
               "minutes_out_of_range"},
        BadDay{"PlanOfMoreThan24Hours",
               "date: '2025-03-03' planned_minutes: 21600 actual_minutes: 360" ATTENDED,
               "minutes_out_of_range"},
        BadDay{"NoClass", "date: '2025-03-03' actual_minutes: 360 outcome: DAY_OUTCOME_ATTENDED",
               "missing_class"},
        BadDay{"NoOutcome",
               "date: '2025-03-03' actual_minutes: 360 attendance_class: ATTENDANCE_CLASS_ATTENDED",
               "missing_outcome"},
        BadDay{"IllnessPaidAsAttended",
               "date: '2025-03-03' outcome: DAY_OUTCOME_ATTENDED attendance_class: "
               "ATTENDANCE_CLASS_OWN_ILLNESS",
               "outcome_mismatch"},
        BadDay{"OtherAbsenceAsAccepted",
               "date: '2025-03-03' outcome: DAY_OUTCOME_ABSENT_ACCEPTED attendance_class: "
               "ATTENDANCE_CLASS_OTHER_ABSENCE",
               "outcome_mismatch"},
        BadDay{"ThereWithoutMinutes", "date: '2025-03-03'" ATTENDED, "contradictory_minutes"},
        BadDay{"AwayWithMinutes",
               "date: '2025-03-03' actual_minutes: 60 outcome: DAY_OUTCOME_ABSENT_OTHER "
               "attendance_class: ATTENDANCE_CLASS_OTHER_ABSENCE",
               "contradictory_minutes"},
        BadDay{"SwapForNoDay", "date: '2025-03-03' actual_minutes: 360" SWAPPED,
               "missing_swapped_from"},
        BadDay{"SwapForItself",
               "date: '2025-03-03' swapped_from: '2025-03-03' actual_minutes: 360" SWAPPED,
               "bad_swapped_from"},
        BadDay{"SwapForADayOutside",
               "date: '2025-03-03' swapped_from: '2025-06-04' actual_minutes: 360" SWAPPED,
               "bad_swapped_from"},
        BadDay{"SwapOfAnOrdinaryDay",
               "date: '2025-03-03' swapped_from: '2025-03-04' actual_minutes: 360" ATTENDED,
               "unexpected_swapped_from"},
        BadDay{"PlaceInWords",
               "date: '2025-03-03' place_code: 'the wood workshop' actual_minutes: 360" ATTENDED,
               "bad_code"},
        BadDay{"IdentityCodeInTheNote",
               "date: '2025-03-03' note: 'asiakas 010101-900R' actual_minutes: 360" ATTENDED,
               "identity_code_misplaced"}),
    [](const auto& bad) { return bad.param.name; });

TEST_F(AttendanceTest, AClassThatTheProfileDoesNotKnowIsRefused) {
  lab_.profile().clear_absence_classes();
  Start();
  EXPECT_EQ(Record("2025-03-03"), "class_not_in_use");
}

TEST_F(AttendanceTest, ANumberThatIsNoClassIsRefused) {
  Start();
  auto day = Text<av::DayRecorded>(DayText("2025-03-03", "attended"));
  day.set_attendance_class(static_cast<event::v1::AttendanceClass>(99));
  EXPECT_EQ(lab_.Offer(kPaja, "o", day, today_), "bad_value");
}

TEST_F(AttendanceTest, OnlyTheProviderOfThePeriodRecords) {
  Start();
  const std::string day = DayText("2025-03-03", "attended");
  for (const char* author : {kSocial, kKela, kTe, kOther, "FI/GOV/0246246-0/tuntematon"}) {
    EXPECT_EQ(Offer<av::DayRecorded>(day, author), "wrong_actor") << author;
    EXPECT_EQ(Offer<av::DayRecorded>(day + " period_id: 'p1'", author), "wrong_actor") << author;
  }
  EXPECT_EQ(Offer<av::DayRecorded>(day, kPaja, ""), "missing_recorder");
  EXPECT_EQ(Offer<av::DayRecorded>(day, kPaja), "");
}

TEST_F(AttendanceTest, AnyProviderRecordsWhereNobodyNamedOne) {
  Start("period_id: 'p1' starts_on: '2025-03-03' ends_on: '2025-06-02'");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-03-03", "attended"), kOther), "");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-03-04", "attended"), kSocial), "wrong_actor");
}

TEST_F(AttendanceTest, AfterAChangeOfProviderEachRecordsItsOwnDays) {
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceChanged>("period_id: 'p1' changed_from: '2025-04-01' "
                                               "provider_agency: 'FI/ASS/0187690-1/toinen'"));
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-03-31", "attended"), kOther), "wrong_actor");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-03-31", "attended"), kPaja), "");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-04-01", "attended"), kPaja), "wrong_actor");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-04-01", "attended"), kOther), "");
}

TEST_F(AttendanceTest, ADayInTwoPeriodsOfOneProviderMustNameItsPeriod) {
  Start();
  Start("period_id: 'p2' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2025-05-05'");
  const std::string day = DayText("2025-05-05", "attended");
  EXPECT_EQ(Offer<av::DayRecorded>(day), "ambiguous_period");
  EXPECT_EQ(Offer<av::DayRecorded>(day + " period_id: 'p1'"), "");
  EXPECT_EQ(Offer<av::DayRecorded>(day + " period_id: 'p2'"), "");
}

TEST_F(AttendanceTest, ASecondRecordOfADayIsRefusedAndPointsToTheCorrection) {
  Start();
  EXPECT_EQ(Record("2025-03-03"), "");
  EXPECT_EQ(Record("2025-03-03"), "day_already_recorded");
  EXPECT_EQ(Record("2025-03-03", "ill"), "day_already_recorded");
  EXPECT_EQ(Offer<av::DayRecorded>(DayText("2025-03-03", "attended") + " period_id: 'p1'"),
            "day_already_recorded");
}

TEST_F(AttendanceTest, AWithdrawnDayMayBeRecordedAgainButNotWithdrawnTwice) {
  Start();
  EXPECT_EQ(Withdraw("2025-03-03"), "day_not_recorded");
  EXPECT_EQ(Record("2025-03-03"), "");
  EXPECT_EQ(Withdraw("2025-03-03"), "");
  EXPECT_EQ(Withdraw("2025-03-03"), "day_not_recorded");
  EXPECT_EQ(Correct("2025-03-03", "ill"), "day_not_recorded");
  EXPECT_EQ(Record("2025-03-03", "ill"), "");
}

TEST_F(AttendanceTest, ACorrectionThatChangesNothingIsRefused) {
  Start();
  EXPECT_EQ(Record("2025-03-03"), "");
  EXPECT_EQ(Correct("2025-03-03", "attended"), "nothing_to_correct");
  EXPECT_EQ(Correct("2025-03-03", "ill"), "");
  EXPECT_EQ(Correct("2025-03-03", "ill"), "nothing_to_correct");
  EXPECT_EQ(Correct("2025-03-03", "ill_certified"), "");
  EXPECT_EQ(Correct("2025-03-03", "attended"), "");
}

TEST_F(AttendanceTest, ABadCorrectionIsRefusedLikeABadRecord) {
  Start();
  EXPECT_EQ(Record("2025-03-03"), "");
  EXPECT_EQ(Offer<av::DayCorrected>(DayText("2025-03-03", "ill")), "missing_reason");
  EXPECT_EQ(Correct("2025-03-04", "ill"), "day_not_recorded");
  EXPECT_EQ(Offer<av::DayCorrected>("date: '2025-03-03' reason: CORRECTION_REASON_OTHER"),
            "missing_class");
  EXPECT_EQ(Offer<av::DayCorrected>("date: '2025-03-03' withdrawn: true actual_minutes: 5 "
                                    "reason: CORRECTION_REASON_OTHER"),
            "withdrawn_not_empty");
  EXPECT_EQ(Offer<av::DayCorrected>(DayText("2025-03-03", "ill") +
                                    " reason: CORRECTION_REASON_OTHER corrected_event_id: 'x'"),
            "bad_event_id");
  EXPECT_EQ(Offer<av::DayCorrected>(
                DayText("2025-03-03", "ill") +
                " reason: CORRECTION_REASON_OTHER corrected_event_id: '0123456789abcdef'"),
            "record_has_changed");
  EXPECT_EQ(Offer<av::DayCorrected>(
                DayText("2025-03-03", "ill") + " reason: CORRECTION_REASON_OTHER", kOther),
            "wrong_actor");
}

TEST_F(AttendanceTest, ADayThatALaterEndLeftOutsideMayStillBeWithdrawn) {
  Start();
  EXPECT_EQ(Record("2025-04-10"), "");
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-04-01'"));
  EXPECT_EQ(Record("2025-04-11"), "outside_period");
  EXPECT_EQ(Withdraw("2025-04-10"), "");
}

TEST_F(AttendanceTest, DutiesAndForeignEventsAreNotTakenFromAuthors) {
  Start();
  EXPECT_EQ(Offer<av::PeriodOpened>("period_id: 'p1'"), "made_by_the_service");
  EXPECT_EQ(Offer<av::PeriodClosed>("period_id: 'p1'"), "made_by_the_service");
  EXPECT_EQ(Offer<av::AbsenceNoticeSent>("period_id: 'p1'"), "made_by_the_service");
  EXPECT_EQ(Offer<av::RuleBreachFlagged>("period_id: 'p1'"), "made_by_the_service");
  EXPECT_EQ(Offer<av::RuleBreachCleared>("period_id: 'p1'"), "made_by_the_service");
  EXPECT_EQ(Offer<ref::ServiceStarted>("period_id: 'p2'"), "unknown_type");
  EXPECT_EQ(Offer<compensation::v1::PerkGiven>(""), "unknown_type");
}

TEST_F(AttendanceTest, VisitorsAreCountedWithoutPersonsInThePlacesOwnCase) {
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'kahvila' visitors: 150 "
                                       "children: 8 service_clients: 4"),
            "");
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'kahvila' visitors: 3 "
                                       "children: 8"),
            "bad_count");
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' visitors: 3"), "missing_place");
  EXPECT_EQ(Offer<av::VisitorsCounted>("place_code: 'kahvila' visitors: 3"), "missing_date");
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2026-03-03' place_code: 'kahvila'"), "future_day");
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'kahvila'", kKela),
            "wrong_actor");
  // What is on record here decides: no other service's word makes a place's case a client's.
  Start();
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-04' place_code: 'kahvila' visitors: 3"), "");
}

TEST_F(AttendanceTest, NoVisitorsAreCountedInAClientsCase) {
  Start();
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'kahvila' visitors: 3"),
            "not_a_place_case");
}

TEST_F(AttendanceTest, ChildrenAndServiceClientsTogetherAreNoMoreThanTheVisitors) {
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'palsta' visitors: 15 "
                                       "children: 10 service_clients: 6"),
            "bad_count");
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'palsta' visitors: 15 "
                                       "children: 10 service_clients: 5"),
            "");
}

TEST_F(AttendanceTest, ASecondCountOfAPlaceAndDayNamesTheOneThatItReplaces) {
  const std::string first = "date: '2025-03-03' place_code: 'kahvila' visitors: 96 children: 8";
  EXPECT_EQ(Offer<av::VisitorsCounted>(first), "");
  EXPECT_EQ(Offer<av::VisitorsCounted>(first), "day_already_counted");
  // Another place and another day are counts of their own.
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'palsta' visitors: 4"), "");
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-04' place_code: 'kahvila' visitors: 4"), "");
}

TEST_F(AttendanceTest, NothingOfAClientStandsInAPlacesCase) {
  EXPECT_EQ(Offer<av::VisitorsCounted>("date: '2025-03-03' place_code: 'kahvila' visitors: 150"), "");
  EXPECT_EQ(Record("2025-03-03"), "not_a_clients_case");
  EXPECT_EQ(Correct("2025-03-03", "ill"), "not_a_clients_case");
}

// ---- Periods ----

TEST_F(AttendanceTest, ThePeriodOpensOnceOnItsFirstDay) {
  Start();
  EXPECT_THAT(lab_.Run(D("2025-03-02")), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-03-02")), D("2025-03-03"));
  ASSERT_EQ(lab_.Run(D("2025-03-03")).size(), 1u);
  const auto* opened = lab_.All<av::PeriodOpened>().at(0);
  EXPECT_EQ(opened->starts_on(), "2025-03-03");
  EXPECT_EQ(opened->ends_on(), "2025-06-02");
  EXPECT_EQ(opened->place_code(), "puu");
  EXPECT_EQ(opened->schedule().days_per_week(), 4u);
  EXPECT_EQ(opened->cause_event_id().size(), 16u);
  EXPECT_THAT(lab_.Run(D("2025-04-03")), IsEmpty());
}

TEST_F(AttendanceTest, NothingOpensForAnotherProvidersPeriod) {
  Start("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/toinen' starts_on: '2025-03-03'");
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(AttendanceTest, AnExtensionAndAChangeOpenThePeriodAnew) {
  Start();
  lab_.Run(D("2025-03-03"));
  lab_.Tell(kSocial, Text<ref::ServiceExtended>("period_id: 'p1' ends_on: '2025-09-02'"));
  ASSERT_EQ(lab_.Run(D("2025-05-20")).size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodOpened>().at(1)->ends_on(), "2025-09-02");
  lab_.Tell(kSocial, Text<ref::ServiceChanged>("period_id: 'p1' changed_from: '2025-06-10' "
                                               "place_code: 'metalli'"));
  EXPECT_THAT(lab_.Run(D("2025-06-09")), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-06-09")), D("2025-06-10"));
  ASSERT_EQ(lab_.Run(D("2025-06-10")).size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodOpened>().at(2)->starts_on(), "2025-06-10");
  EXPECT_EQ(lab_.All<av::PeriodOpened>().at(2)->place_code(), "metalli");
}

TEST_F(AttendanceTest, AnInterruptionClosesAndAResumptionOpensAgain) {
  Start();
  lab_.Run(D("2025-03-03"));
  lab_.Tell(kPaja, Text<ref::ServiceInterrupted>("period_id: 'p1' interrupted_from: '2025-04-07'"));
  EXPECT_THAT(lab_.Run(D("2025-04-06")), IsEmpty());
  ASSERT_EQ(lab_.Run(D("2025-04-07")).size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodClosed>().at(0)->closed_on(), "2025-04-06");
  lab_.Tell(kPaja, Text<ref::ServiceResumed>("period_id: 'p1' resumed_on: '2025-04-22'"));
  ASSERT_EQ(lab_.Run(D("2025-04-22")).size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodOpened>().at(1)->starts_on(), "2025-04-22");
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-05-30'"));
  EXPECT_THAT(lab_.Run(D("2025-05-30")), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-05-30")), D("2025-05-31"));
  ASSERT_EQ(lab_.Run(D("2025-05-31")).size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodClosed>().at(1)->closed_on(), "2025-05-30");
  EXPECT_EQ(lab_.Next(D("2025-05-31")), std::nullopt);
}

TEST_F(AttendanceTest, APeriodHeardOfAfterItsEndIsOpenedAndClosedTogether) {
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-05-02'"));
  EXPECT_EQ(lab_.Run(today_).size(), 2u);
  EXPECT_EQ(lab_.All<av::PeriodClosed>().at(0)->closed_on(), "2025-05-02");
}

TEST_F(AttendanceTest, APeriodThatEndedBeforeItBeganNeverOpens) {
  Start();
  lab_.Tell(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-03-02'"));
  EXPECT_THAT(lab_.Run(today_), IsEmpty());
}

TEST_F(AttendanceTest, TheOldProviderClosesWhenThePeriodGoesToAnother) {
  Start();
  lab_.Run(D("2025-03-03"));
  lab_.Tell(kSocial, Text<ref::ServiceChanged>("period_id: 'p1' changed_from: '2025-04-01' "
                                               "provider_agency: 'FI/ASS/0187690-1/toinen'"));
  ASSERT_EQ(lab_.Run(D("2025-04-01")).size(), 1u);
  EXPECT_EQ(lab_.All<av::PeriodClosed>().at(0)->closed_on(), "2025-03-31");
}

// ---- Breaches ----

TEST_F(AttendanceTest, AFifthDayInAWeekIsAcceptedAndFlaggedOnce) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07"}) {
    EXPECT_EQ(Record(day), "");
  }
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-07 TOO_MANY_DAYS_IN_WEEK"));
  const auto* flag = lab_.All<av::RuleBreachFlagged>().at(0);
  EXPECT_EQ(flag->measured(), 5u);
  EXPECT_EQ(flag->limit(), 4u);
  EXPECT_EQ(flag->rule().id(), "intensity");
  EXPECT_EQ(flag->rule().version(), "2");
  EXPECT_THAT(lab_.Run(today_ + 1), IsEmpty());
}

// No provider sees the other's days: the organiser's own attendance service flags the fifth, once, and takes it back.
TEST_F(AttendanceTest, AFifthDayOverTwoProvidersIsFlaggedByTheOrganiserThatSeesBoth) {
  const auto lab_of = [](const char* own, bool sees_both) {
    auto lab = std::make_unique<ServiceLab>(MakeAttendanceService(), testing::OuluProfile(), Agreement(), own);
    lab->Tell(kSocial, Text<ref::ServiceStarted>(kStart));
    lab->Tell(kSocial, Text<ref::ServiceStarted>("period_id: 'p2' provider_agency: 'FI/ASS/0187690-1/toinen' "
                                                 "starts_on: '2025-03-03' ends_on: '2025-06-02'"));
    for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-06"}) {
      lab->Tell(kPaja, Text<av::DayRecorded>(DayText(day, "attended") + " period_id: 'p1'"));
    }
    if (!sees_both) return lab;
    for (const char* day : {"2025-03-05", "2025-03-07"}) {
      lab->Tell(kOther, Text<av::DayRecorded>(DayText(day, "attended") + " period_id: 'p2'"));
    }
    return lab;
  };
  const auto flags = [](ServiceLab& lab) {
    std::vector<std::string> told;
    for (const auto* flag : lab.All<av::RuleBreachFlagged>()) {
      told.push_back(flag->period_id() + " " + flag->date() + " " + std::to_string(flag->measured()) + "/" +
                     std::to_string(flag->limit()));
    }
    return told;
  };
  const auto paja = lab_of(kPaja, false);
  paja->Run(D("2025-03-10"));
  EXPECT_THAT(flags(*paja), IsEmpty());
  const auto organiser = lab_of(kSocial, true);
  organiser->Run(D("2025-03-10"));
  EXPECT_THAT(flags(*organiser), ElementsAre("p2 2025-03-07 5/4"));
  EXPECT_THAT(organiser->Run(D("2025-03-11")), IsEmpty());
  organiser->Tell(kPaja, Text<av::DayCorrected>(DayText("2025-03-04", "ill") + " period_id: 'p1' "
                                                "reason: CORRECTION_REASON_WRONG_CLASS"));
  organiser->Run(D("2025-03-11"));
  EXPECT_EQ(organiser->All<av::RuleBreachCleared>().size(), 1u);
  // What a provider that does see both has flagged is not flagged twice; nor is a week of one provider alone.
  const auto late = lab_of(kSocial, true);
  late->Tell(kOther, Text<av::RuleBreachFlagged>("period_id: 'p2' date: '2025-03-07' "
                                                 "breach: BREACH_CODE_TOO_MANY_DAYS_IN_WEEK"));
  EXPECT_THAT(late->Run(D("2025-03-10")), IsEmpty());
  const auto one = lab_of(kSocial, false);
  for (const char* day : {"2025-03-05", "2025-03-07"}) {
    one->Tell(kPaja, Text<av::DayRecorded>(DayText(day, "attended") + " period_id: 'p1'"));
  }
  EXPECT_THAT(one->Run(D("2025-03-10")), IsEmpty());
}

TEST_F(AttendanceTest, TheExcessOfAWeekIsTheLaterDayWhateverWasRecordedFirst) {
  Start();
  for (const char* day : {"2025-03-07", "2025-03-06", "2025-03-05", "2025-03-04"}) Record(day);
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
  Record("2025-03-03");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-07 TOO_MANY_DAYS_IN_WEEK"));
}

TEST_F(AttendanceTest, ACorrectionClearsTheBreachAndANewOneFlagsItAgain) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07"}) {
    Record(day);
  }
  lab_.Run(today_);
  Correct("2025-03-04", "ill");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
  EXPECT_EQ(lab_.All<av::RuleBreachCleared>().size(), 1u);
  EXPECT_EQ(lab_.All<av::RuleBreachCleared>().at(0)->flagged_event_id().size(), 16u);
  Correct("2025-03-04", "attended");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-07 TOO_MANY_DAYS_IN_WEEK"));
  EXPECT_EQ(lab_.All<av::RuleBreachFlagged>().size(), 2u);
}

TEST_F(AttendanceTest, FiveDaysWereAllowedUntilTheEndOfJune2015) {
  today_ = D("2015-08-01");
  Start(
      "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2015-06-01' "
      "ends_on: '2015-08-31'");
  for (const char* day : {"2015-06-08", "2015-06-09", "2015-06-10", "2015-06-11", "2015-06-12",
                          // The week of the change: its Friday is a fifth day under the new rule.
                          "2015-06-29", "2015-06-30", "2015-07-01", "2015-07-02", "2015-07-03"}) {
    EXPECT_EQ(Record(day), "");
  }
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2015-07-03 TOO_MANY_DAYS_IN_WEEK"));
}

TEST_F(AttendanceTest, AFifthDayOnTheLastDayOfTheOldRuleIsNoBreach) {
  today_ = D("2015-08-01");
  Start("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2015-06-01'");
  for (const char* day : {"2015-06-22", "2015-06-23", "2015-06-24", "2015-06-25", "2015-06-26"}) {
    Record(day);
  }
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
}

TEST_F(AttendanceTest, DaysOverEightAndUnderFourHoursAreFlagged) {
  Start();
  const auto of = [&](const char* day, int minutes) {
    return Offer<av::DayRecorded>("date: '" + std::string(day) +
                                  "' actual_minutes: " + std::to_string(minutes) + ATTENDED);
  };
  EXPECT_EQ(of("2025-03-03", 239), "");
  EXPECT_EQ(of("2025-03-04", 240), "");
  EXPECT_EQ(of("2025-03-05", 480), "");
  EXPECT_EQ(of("2025-03-06", 481), "");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-03 DAY_TOO_SHORT", "2025-03-06 DAY_TOO_LONG"));
}

TEST_F(AttendanceTest, AWeekOverThirtyTwoHoursIsFlaggedOnTheDayThatCrosses) {
  Start();
  const auto of = [&](const char* day, int minutes) {
    Offer<av::DayRecorded>("date: '" + std::string(day) +
                           "' actual_minutes: " + std::to_string(minutes) + ATTENDED);
  };
  of("2025-03-10", 480), of("2025-03-11", 480), of("2025-03-12", 480), of("2025-03-13", 480);
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
  of("2025-03-14", 480), of("2025-03-15", 480);
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(),
              ElementsAre("2025-03-14 TOO_MANY_DAYS_IN_WEEK", "2025-03-14 WEEK_TOO_LONG",
                          "2025-03-15 TOO_MANY_DAYS_IN_WEEK"));
}

TEST_F(AttendanceTest, MayDayAndEasterAreNoDaysOfService) {
  Start();
  Record("2025-05-01", "attended");  // vappu
  Record("2025-04-18", "ill");       // pitkäperjantai
  Record("2025-04-21", "not_held");  // toinen pääsiäispäivä
  Record("2025-04-17", "attended");
  Record("2025-04-30", "attended");
  Record("2025-05-02", "attended");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-04-18 PUBLIC_HOLIDAY", "2025-05-01 PUBLIC_HOLIDAY"));
  Correct("2025-05-01", "not_held");
  Withdraw("2025-04-18");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
}

TEST_F(AttendanceTest, IllnessOverThreeDaysNeedsACertificate) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05"}) Record(day, "ill");
  Record("2025-03-06", "not_held");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
  Record("2025-03-10", "ill");
  Record("2025-03-11", "ill");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-10 ABSENCE_UNPROVEN"));
  Correct("2025-03-11", "ill_certified");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
}

TEST_F(AttendanceTest, AnAttendedDayBeginsANewAbsence) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05"}) Record(day, "ill");
  Record("2025-03-06", "attended");
  for (const char* day : {"2025-03-10", "2025-03-11", "2025-03-12"}) Record(day, "ill");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
}

TEST_F(AttendanceTest, AChildsIllnessIsAcceptedForFourDays) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06"}) {
    Record(day, "child");
  }
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
  Record("2025-03-10", "child");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-10 ABSENCE_TOO_LONG"));
}

TEST_F(AttendanceTest, ADayThatALaterFactPutsOutsideIsFlagged) {
  Start();
  Record("2025-04-10");
  Record("2025-05-12");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
  lab_.Tell(kPaja, Text<ref::ServiceInterrupted>("period_id: 'p1' interrupted_from: '2025-04-07'"));
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-04-10 OUTSIDE_PERIOD", "2025-05-12 OUTSIDE_PERIOD"));
  lab_.Tell(kPaja, Text<ref::ServiceResumed>("period_id: 'p1' resumed_on: '2025-05-01'"));
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-04-10 OUTSIDE_PERIOD"));
}

TEST_F(AttendanceTest, AContradictoryRecordOfAPeerIsFlagged) {
  Start();
  lab_.Tell(kPaja, Text<av::DayRecorded>("date: '2025-03-03' outcome: DAY_OUTCOME_ATTENDED "
                                         "attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS"));
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), ElementsAre("2025-03-03 OUTCOME_MISMATCH"));
}

TEST_F(AttendanceTest, ARecordByAnotherAgencyThanTheProviderSaysNothing) {
  Start();
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07"}) {
    lab_.Tell(kOther, Text<av::DayRecorded>(DayText(day, "attended") + " period_id: 'p1'"));
  }
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
}

// ---- Absence notices ----

TEST_F(AttendanceTest, AbsencesAreToldAfterEachFullFortnightOfThePeriod) {
  Start();
  lab_.Run(D("2025-03-03"));
  Record("2025-03-04", "ill");
  Record("2025-03-05", "other");
  Record("2025-03-06", "not_held");
  Record("2025-03-10", "attended");
  EXPECT_THAT(lab_.Run(D("2025-03-16")), IsEmpty());
  EXPECT_EQ(lab_.Next(D("2025-03-16")), D("2025-03-17"));
  lab_.Run(D("2025-03-17"));
  EXPECT_THAT(NoticesSent(), ElementsAre("1 2025-03-03..2025-03-16: 03-04 03-05"));
  const auto* notice = lab_.All<av::AbsenceNoticeSent>().at(0);
  EXPECT_EQ(notice->recipient_agency(), kKela);
  EXPECT_EQ(notice->notice(), event::v1::NOTICE_KIND_ABSENCES);
  EXPECT_EQ(notice->rule().id(), "absences_to_payer");
  EXPECT_EQ(notice->days(0).outcome(), event::v1::DAY_OUTCOME_ABSENT_ACCEPTED);
  EXPECT_EQ(notice->days(1).outcome(), event::v1::DAY_OUTCOME_ABSENT_OTHER);
  EXPECT_EQ(notice->reasons(0).attendance_class(), event::v1::ATTENDANCE_CLASS_OWN_ILLNESS);
  EXPECT_THAT(lab_.Run(D("2025-04-30")), IsEmpty());
}

TEST_F(AttendanceTest, AFortnightWithoutAbsencesIsNotTold) {
  Start();
  Record("2025-03-04", "attended");
  Record("2025-03-05", "not_held");
  lab_.Run(today_);
  EXPECT_THAT(NoticesSent(), IsEmpty());
}

TEST_F(AttendanceTest, TheLastNoticeCoversUpToTheEndOfThePeriod) {
  Start();
  Record("2025-05-27", "ill");
  lab_.Run(D("2025-06-02"));
  EXPECT_THAT(NoticesSent(), IsEmpty());
  lab_.Run(D("2025-06-03"));
  EXPECT_THAT(NoticesSent(), ElementsAre("1 2025-05-26..2025-06-02: 05-27"));
}

TEST_F(AttendanceTest, ALateAbsenceAndACorrectionMakeTheNextRevisionOfTheSameNotice) {
  Start();
  Record("2025-03-04", "ill");
  lab_.Run(D("2025-03-17"));
  Record("2025-03-11", "interview");
  lab_.Run(D("2025-03-20"));
  Correct("2025-03-04", "attended");
  lab_.Run(D("2025-03-21"));
  Correct("2025-03-11", "attended");
  lab_.Run(D("2025-03-22"));
  EXPECT_THAT(
      NoticesSent(),
      ElementsAre("1 2025-03-03..2025-03-16: 03-04", "2 2025-03-03..2025-03-16: 03-04 03-11",
                  "3 2025-03-03..2025-03-16: 03-11", "4 2025-03-03..2025-03-16:"));
  Record("2025-03-12", "child");
  lab_.Run(D("2025-03-23"));
  EXPECT_EQ(NoticesSent().back(), "5 2025-03-03..2025-03-16: 03-12");
}

TEST_F(AttendanceTest, ACertificateThatCameLaterIsTold) {
  Start();
  Record("2025-03-04", "ill");
  lab_.Run(D("2025-03-17"));
  Correct("2025-03-04", "ill_certified");
  lab_.Run(D("2025-03-18"));
  EXPECT_EQ(NoticesSent().size(), 2u);
  EXPECT_TRUE(lab_.All<av::AbsenceNoticeSent>().at(1)->reasons(0).certificate_seen());
}

TEST_F(AttendanceTest, AnAbsenceEnteredWeeksLateIsToldAtOnce) {
  Start();
  lab_.Run(D("2025-05-01"));
  Record("2025-03-04", "ill");
  lab_.Run(D("2025-05-01"));
  EXPECT_THAT(NoticesSent(), ElementsAre("1 2025-03-03..2025-03-16: 03-04"));
}

TEST_F(AttendanceTest, ADaySwappedAwayIsNoAbsence) {
  Start();
  Record("2025-03-04", "other");
  Offer<av::DayRecorded>(
      "date: '2025-03-07' swapped_from: '2025-03-04' actual_minutes: 360" SWAPPED);
  lab_.Run(today_);
  EXPECT_THAT(NoticesSent(), IsEmpty());
}

constexpr char kFund[] = "FI/COM/0246246-0/kassa";  // not of the agreement

struct PayerCase {
  const char* name;
  std::vector<std::string> recorded;  // payers of BenefitRecorded, in order; "": nobody (kind NONE)
  std::string told;                   // empty: nobody is told yet
};

class NoticeRecipientTest : public AttendanceTest,
                            public ::testing::WithParamInterface<PayerCase> {};

// Who pays gets the notice (DOMAIN, Rules), and nobody else: telling another agency that a client was away would be a
// disclosure without a ground. The employment authority is told, whoever pays, of what may end the service.
TEST_P(NoticeRecipientTest, IsWhoPaysOrNobody) {
  lab_.Tell(kSocial, Text<ref::ServiceStarted>(kStart));
  for (const std::string& payer : GetParam().recorded) PaidBy(payer);
  for (const char* day : {"2025-03-04", "2025-03-05", "2025-03-06", "2025-03-10", "2025-03-11"}) {
    Record(day, "other");
  }
  lab_.Run(D("2025-03-17"));
  std::vector<std::string> told, to_authority;
  for (const auto* notice : lab_.All<av::AbsenceNoticeSent>()) {
    (notice->notice() == event::v1::NOTICE_KIND_ABSENCES ? told : to_authority)
        .push_back(notice->recipient_agency());
  }
  EXPECT_EQ(told, GetParam().told.empty() ? std::vector<std::string>{}
                                          : std::vector<std::string>{GetParam().told});
  EXPECT_THAT(to_authority, ElementsAre(kTe));
}

INSTANTIATE_TEST_SUITE_P(
    EveryWayToLive, NoticeRecipientTest,
    ::testing::Values(
        // Labour market subsidy, basic allowance, general support: Kela.
        PayerCase{"Kela", {kKela}, kKela},
        PayerCase{"AFundOutsideTheAgreement", {kFund}, kFund},
        // Social assistance: activity money, which social services pay.
        PayerCase{"SocialServices", {kSocial}, kSocial},
        // Social assistance beside an unemployment benefit, in either order: the expense allowance goes first.
        PayerCase{"KelaAndSocialServices", {kKela, kSocial}, kKela},
        PayerCase{"SocialServicesAndKela", {kSocial, kKela}, kKela},
        PayerCase{"AFundAndSocialServices", {kFund, kSocial}, kFund},
        PayerCase{"TheNewestOfTwoBenefitPayers", {kKela, kFund}, kFund},
        PayerCase{"NobodyAnyMore", {kKela, ""}, ""},
        PayerCase{"SocialServicesAfterKelaHasEnded", {kKela, "", kSocial}, kSocial},
        PayerCase{"KelaAgain", {kKela, "", kKela}, kKela},
        // Neither a benefit payer nor social services: the agreement knows no right of theirs to it.
        PayerCase{"AnotherProvider", {kOther}, ""},
        // The agreement's only benefit payer is not guessed.
        PayerCase{"NobodyRecorded", {}, ""}),
    [](const auto& payer) { return payer.param.name; });

TEST_F(AttendanceTest, ANoticeWaitsUntilItsRecipientIsKnownAndKeepsIt) {
  lab_.Tell(kSocial, Text<ref::ServiceStarted>(kStart));
  Record("2025-03-04", "ill");
  lab_.Run(D("2025-03-17"));
  EXPECT_THAT(NoticesSent(), IsEmpty());
  PaidBy(kFund);
  lab_.Run(D("2025-03-18"));
  EXPECT_EQ(NoticesSent().size(), 1u);
  PaidBy("FI/COM/0246246-0/uusi");
  Correct("2025-03-04", "child");
  lab_.Run(D("2025-03-19"));
  EXPECT_EQ(lab_.All<av::AbsenceNoticeSent>().at(1)->recipient_agency(), kFund);
}

TEST_F(AttendanceTest, NoticesGoToWhoTookTheRecipientsPlace) {
  Start();
  PaidBy(kFund);
  Record("2025-03-04", "ill");
  lab_.Run(D("2025-03-17"));
  lab_.Tell(kSocial, Text<ref::OrganiserTransferred>(
                         "from_agency: 'FI/COM/0246246-0/kassa' to_agency: 'FI/GOV/0246246-0/kela' "
                         "effective_on: '2025-04-01' reason: TRANSFER_REASON_PREDECESSOR_ENDED"));
  Record("2025-03-18", "ill");
  lab_.Run(D("2025-03-31"));
  Record("2025-04-01", "ill");
  Correct("2025-03-04", "child");
  lab_.Run(D("2025-04-14"));
  std::vector<std::string> told;
  for (const auto* notice : lab_.All<av::AbsenceNoticeSent>()) {
    told.push_back(notice->covers_from() + "/" + std::to_string(notice->revision()) + " " +
                   notice->recipient_agency());
  }
  EXPECT_THAT(told, ElementsAre(std::string("2025-03-03/1 ") + kFund,
                                std::string("2025-03-17/1 ") + kFund,
                                std::string("2025-03-03/2 ") + kKela,
                                std::string("2025-03-31/1 ") + kKela));
}

TEST_F(AttendanceTest, ServicesBegunBefore2015ReportToTheAuthority) {
  today_ = D("2015-03-01");
  Start(
      "period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' starts_on: '2015-01-05' "
      "first_started_on: '2014-12-31'");
  Record("2015-01-07", "ill");
  lab_.Run(today_);
  ASSERT_EQ(NoticesSent().size(), 1u);
  EXPECT_EQ(lab_.All<av::AbsenceNoticeSent>().at(0)->recipient_agency(), kTe);
}

TEST_F(AttendanceTest, FiveUnacceptedAbsencesAreToldToTheAuthorityAtOnce) {
  Start();
  lab_.Run(D("2025-03-03"));
  for (const char* day : {"2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06"}) {
    Record(day, "other");
  }
  Record("2025-03-10", "ill");
  EXPECT_THAT(lab_.Run(D("2025-03-11")), IsEmpty());
  Record("2025-03-11", "other");
  lab_.Run(D("2025-03-11"));
  EXPECT_THAT(NoticesSent(),
              ElementsAre("1 2025-03-03..2025-03-11: 03-03 03-04 03-05 03-06 03-11"));
  const auto* notice = lab_.All<av::AbsenceNoticeSent>().at(0);
  EXPECT_EQ(notice->notice(), event::v1::NOTICE_KIND_ABSENCES_MAY_END_SERVICE);
  EXPECT_EQ(notice->recipient_agency(), kTe);
  // A sixth makes no new notice, a tenth does; a correction revises the one that told of it.
  for (const char* day : {"2025-03-12", "2025-03-13", "2025-03-17", "2025-03-18"})
    Record(day, "other");
  lab_.Run(D("2025-03-18"));
  Correct("2025-03-04", "ill");
  lab_.Run(D("2025-03-18"));
  Record("2025-03-19", "other");
  lab_.Run(D("2025-03-19"));
  std::vector<std::string> to_authority;
  for (const auto* sent : lab_.All<av::AbsenceNoticeSent>()) {
    if (sent->recipient_agency() != kTe) continue;
    to_authority.push_back(sent->covers_from().substr(5) + "/" + std::to_string(sent->revision()) +
                           "/" + std::to_string(sent->absent_days()));
  }
  EXPECT_THAT(to_authority, ElementsAre("03-03/1/5", "03-03/2/4", "03-12/1/5"));
}

TEST_F(AttendanceTest, WhatCanNoLongerBeReadRevisesAndClearsNothing) {
  Start();
  Record("2025-03-04", "ill");
  for (const char* day : {"2025-03-10", "2025-03-11", "2025-03-12", "2025-03-13", "2025-03-14"}) {
    Record(day);
  }
  Record("2025-04-18", "ill");  // on Good Friday: flagged
  lab_.Run(today_);
  const size_t before = lab_.entries().size();
  for (const auto& entry : lab_.entries()) {  // the sections are erased, the service's part stays
    if (auto* day = dynamic_cast<av::DayRecorded*>(entry.body.get())) {
      day->clear_outcome();
      day->clear_attendance_class();
    }
  }
  lab_.Run(today_);
  for (size_t i = before; i < lab_.entries().size(); ++i) {
    ADD_FAILURE() << lab_.entries()[i].body->ShortDebugString();
  }
}

// ---- Total ----

TEST_F(AttendanceTest, UnknownTypesAndEmptyFactsAreTakenIn) {
  Start();
  lab_.Tell(kSocial, config::v1::Profile());
  lab_.Tell(kSocial, av::DayRecorded());
  lab_.Tell(kSocial, av::DayCorrected());
  lab_.Tell(kPaja, av::PeriodOpened());
  lab_.Tell(kPaja, av::PeriodClosed());
  lab_.Tell(kPaja, av::RuleBreachFlagged());
  lab_.Tell(kPaja, av::RuleBreachCleared());
  lab_.Tell(kPaja, av::AbsenceNoticeSent());
  lab_.Tell(kPaja, ref::BenefitRecorded());
  lab_.Tell(kPaja, Text<av::DayCorrected>("date: '2025-03-05' withdrawn: true"));
  lab_.Tell(kPaja, Text<av::DayRecorded>("date: '2025-03-06' period_id: 'p7'"));
  EXPECT_EQ(Record("2025-03-03"), "");
  lab_.Run(today_);
  EXPECT_THAT(BreachesNow(), IsEmpty());
}

}  // namespace
}  // namespace polku
