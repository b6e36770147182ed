// Facts in any order of arrival: what the service has said at the end is what one who reads the
// finished history computes by hand.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/attendance/attendance.h"
#include "tests/support/random.h"
#include "tests/support/service_lab.h"

namespace polku {
namespace {

namespace av = attendance::v1;
namespace ref = referral::v1;
using testing::D;
using testing::SeededGenerator;
using testing::ServiceLab;
using testing::Text;

constexpr char kPaja[] = "FI/ASS/0187690-1/paja";
constexpr char kSocial[] = "FI/MUN/0187690-1/hyvinvointi";

struct Planned {
  uint64_t order;
  std::string author;
  std::shared_ptr<google::protobuf::Message> body;
};

struct TrueDay {
  event::v1::DayOutcome outcome = event::v1::DAY_OUTCOME_UNSPECIFIED;  // unspecified: withdrawn
};

TEST(AttendanceRandomTest, AnyOrderOfArrivalEndsInTheSameFlagsNoticesAndAlerts) {
  const uint64_t seed = testing::TestSeed();
  for (int round = 0; round < 60; ++round) {
    SeededGenerator random(seed + static_cast<uint64_t>(round));
    SCOPED_TRACE("round " + std::to_string(round));
    std::vector<Planned> plan;
    uint64_t order = 1000;
    const auto add = [&](std::string author, auto message) {
      plan.push_back(
          {++order, std::move(author), std::make_shared<decltype(message)>(std::move(message))});
    };
    add(kSocial, Text<ref::BenefitRecorded>("payer_agency: 'FI/GOV/0246246-0/kela'"));
    add(kSocial,
        Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                  "starts_on: '2025-03-03' ends_on: '2025-06-02' schedule { "
                                  "weekdays: WEEKDAY_MONDAY weekdays: WEEKDAY_WEDNESDAY }"));
    absl::CivilDay last = D("2025-06-02");
    std::optional<std::pair<absl::CivilDay, absl::CivilDay>> pause;
    std::map<absl::CivilDay, TrueDay> truth;
    for (int i = 0; i < 60; ++i) {
      const absl::CivilDay date = D("2025-03-03") + static_cast<int>(random.Below(80));
      const bool known = truth.contains(date);
      const auto outcome = static_cast<event::v1::DayOutcome>(1 + random.Below(4));
      const bool withdraw = known && random.Below(5) == 0;
      const auto fill = [&](auto& day) {
        day.set_date(service::FormatDate(date));
        if (withdraw) return;
        day.set_outcome(outcome);
        static constexpr event::v1::AttendanceClass kClasses[] = {
            event::v1::ATTENDANCE_CLASS_UNSPECIFIED, event::v1::ATTENDANCE_CLASS_ATTENDED,
            event::v1::ATTENDANCE_CLASS_SERVICE_NOT_HELD, event::v1::ATTENDANCE_CLASS_JOB_INTERVIEW,
            event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE};
        day.set_attendance_class(kClasses[outcome]);
        if (outcome == event::v1::DAY_OUTCOME_ATTENDED) day.set_actual_minutes(300);
      };
      if (known) {
        av::DayCorrected day;
        fill(day);
        day.set_withdrawn(withdraw);
        add(kPaja, day);
      } else {
        av::DayRecorded day;
        fill(day);
        add(kPaja, day);
      }
      truth[date].outcome = withdraw ? event::v1::DAY_OUTCOME_UNSPECIFIED : outcome;
    }
    if (random.Below(2) == 0) {
      add(kSocial, Text<ref::ServiceEnded>("period_id: 'p1' ended_on: '2025-05-09'"));
      last = D("2025-05-09");
    }
    if (random.Below(2) == 0) {
      add(kPaja, Text<ref::ServiceInterrupted>("period_id: 'p1' interrupted_from: '2025-04-07'"));
      add(kPaja, Text<ref::ServiceResumed>("period_id: 'p1' resumed_on: '2025-04-14'"));
      pause = {D("2025-04-07"), D("2025-04-13")};
    }

    auto agreement = Text<config::v1::Agreement>(
        "agencies { name: 'FI/ASS/0187690-1/paja' roles: AGENCY_ROLE_PROVIDER }"
        "agencies { name: 'FI/GOV/0246246-0/kela' roles: AGENCY_ROLE_BENEFIT_PAYER }");
    auto profile = testing::OuluProfile();
    profile.clear_alerts();
    *profile.add_alerts() = Text<config::v1::AlertRule>(
        "id: 'missing' version: '1' kind: ALERT_KIND_DAY_NOT_RECORDED after_days: 3");
    ServiceLab lab(MakeAttendanceService(), profile, agreement, kPaja);
    std::shuffle(plan.begin(), plan.end(), random);
    absl::CivilDay today = D("2025-03-01");
    for (const Planned& planned : plan) {
      lab.TellAt(planned.order, planned.author, *planned.body);
      today += static_cast<int>(random.Below(4));
      if (random.Below(3) != 0) lab.Run(today);
    }
    const absl::CivilDay end = D("2025-07-15");
    lab.Run(end);
    EXPECT_TRUE(lab.Run(end + 1).empty());
    // A clock that was set back takes nothing back.
    EXPECT_TRUE(lab.Run(D("2025-04-10")).empty());
    EXPECT_TRUE(lab.Run(D("2025-03-01")).empty());
    lab.Next(end);

    // By hand.
    const auto in_service = [&](absl::CivilDay day) {
      return day <= last && !(pause && pause->first <= day && day <= pause->second);
    };
    std::set<std::string> breaches;
    std::map<std::string, std::set<std::string>> notices;
    std::map<std::string, int> in_week;
    for (const auto& [date, day] : truth) {
      const std::string text = service::FormatDate(date);
      if (day.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED) continue;
      const bool absent = day.outcome >= event::v1::DAY_OUTCOME_ABSENT_ACCEPTED;
      if (!in_service(date)) breaches.insert(text + " 5");
      if (day.outcome != event::v1::DAY_OUTCOME_NOT_HELD && service::PublicHoliday(date)) {
        breaches.insert(text + " 6");
      }
      if (!in_service(date)) continue;
      if (day.outcome == event::v1::DAY_OUTCOME_ATTENDED) {
        const int days = ++in_week[service::FormatDate(service::MondayOf(date))];
        if (days > 4) breaches.insert(text + " 1");
        if (days == 7) breaches.insert(text + " 4");  // 7 * 300 is over 1920
      }
      if (absent) {
        const auto from = D("2025-03-03") + (date - D("2025-03-03")) / 14 * 14;
        notices[service::FormatDate(from)].insert(text);
      }
    }
    std::set<std::string> missing;
    for (absl::CivilDay day = D("2025-03-03"); day <= last; ++day) {
      const auto weekday = absl::GetWeekday(day);
      if (weekday != absl::Weekday::monday && weekday != absl::Weekday::wednesday) continue;
      if (!in_service(day) || service::PublicHoliday(day)) continue;
      const auto record = truth.find(day);
      if (record == truth.end() || record->second.outcome == event::v1::DAY_OUTCOME_UNSPECIFIED) {
        missing.insert(service::FormatDate(day));
      }
    }
    std::set<std::string> standing, alerted;
    std::map<std::string, std::set<std::string>> told;
    for (const auto& entry : lab.entries()) {
      if (const auto* flag = service::As<av::RuleBreachFlagged>(*entry.body)) {
        EXPECT_TRUE(standing.insert(flag->date() + " " + std::to_string(flag->breach())).second);
      } else if (const auto* clear = service::As<av::RuleBreachCleared>(*entry.body)) {
        EXPECT_EQ(standing.erase(clear->date() + " " + std::to_string(clear->breach())), 1u);
      } else if (const auto* raised = service::As<av::AlertRaised>(*entry.body)) {
        EXPECT_TRUE(alerted.insert(raised->date()).second) << raised->date();
      } else if (const auto* over = service::As<av::AlertCleared>(*entry.body)) {
        EXPECT_EQ(alerted.erase(over->date()), 1u) << over->date();
      } else if (const auto* notice = service::As<av::AbsenceNoticeSent>(*entry.body)) {
        if (notice->notice() != event::v1::NOTICE_KIND_ABSENCES) continue;
        auto& days = told[notice->covers_from()];
        days.clear();
        for (const auto& day : notice->days()) days.insert(day.date());
      }
    }
    std::erase_if(told, [](const auto& notice) { return notice.second.empty(); });
    EXPECT_EQ(standing, breaches);
    EXPECT_EQ(told, notices);
    EXPECT_EQ(alerted, missing);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace polku
