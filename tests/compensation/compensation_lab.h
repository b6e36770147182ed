// A case with a payer's or an organiser's compensation service, for the tests of this room.
#ifndef POLKU_TESTS_COMPENSATION_COMPENSATION_LAB_H_
#define POLKU_TESTS_COMPENSATION_COMPENSATION_LAB_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/compensation/compensation.h"
#include "tests/support/service_lab.h"

namespace polku::testing {

namespace av = attendance::v1;
namespace cv = compensation::v1;
namespace ref = referral::v1;

inline constexpr char kPaja[] = "FI/ASS/0187690-1/paja";
inline constexpr char kOther[] = "FI/ASS/0187690-1/toinen";
inline constexpr char kSocial[] = "FI/MUN/0187690-1/hyvinvointi";
inline constexpr char kKela[] = "FI/GOV/0246246-0/kela";
inline constexpr char kFund[] = "FI/COM/0246246-0/kassa";

inline config::v1::Agreement OuluAgreement() {
  return Text<config::v1::Agreement>(
      "agencies { name: 'FI/ASS/0187690-1/paja' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/ASS/0187690-1/toinen' roles: AGENCY_ROLE_PROVIDER }"
      "agencies { name: 'FI/MUN/0187690-1/hyvinvointi' roles: AGENCY_ROLE_SOCIAL_SERVICES }"
      "agencies { name: 'FI/GOV/0246246-0/kela' roles: AGENCY_ROLE_BENEFIT_PAYER }");
}

class CompensationLab : public ::testing::Test {
 protected:
  explicit CompensationLab(const char* own = kKela)
      : lab_(MakeCompensationService(), OuluProfile(), OuluAgreement(), own) {}

  void Start(const std::string& more = "") {
    lab_.Tell(kSocial,
              Text<ref::ServiceStarted>("period_id: 'p1' provider_agency: 'FI/ASS/0187690-1/paja' "
                                        "starts_on: '2025-03-03' ends_on: '2025-06-02' " +
                                        more));
  }
  void Benefit(const std::string& text =
                   "payer_agency: 'FI/GOV/0246246-0/kela' "
                   "kind: BENEFIT_KIND_LABOUR_MARKET_SUBSIDY valid_from: '2025-01-01'",
               std::string_view author = kKela) {
    lab_.Tell(author, Text<ref::BenefitRecorded>(text));
  }
  // As a payer sees it: SERVICE and PAYMENT.
  EventId Day(std::string_view date,
              event::v1::DayOutcome outcome = event::v1::DAY_OUTCOME_ATTENDED,
              std::string_view author = kPaja) {
    av::DayRecorded day;
    day.set_date(std::string(date));
    day.set_outcome(outcome);
    if (outcome == event::v1::DAY_OUTCOME_ATTENDED) day.set_actual_minutes(360);
    return lab_.Tell(author, day);
  }
  EventId Correct(std::string_view date, event::v1::DayOutcome outcome) {
    av::DayCorrected day;
    day.set_date(std::string(date));
    day.set_outcome(outcome);
    if (outcome == event::v1::DAY_OUTCOME_ATTENDED) day.set_actual_minutes(360);
    return lab_.Tell(kPaja, day);
  }
  EventId Withdraw(std::string_view date) {
    av::DayCorrected day;
    day.set_date(std::string(date));
    day.set_withdrawn(true);
    return lab_.Tell(kPaja, day);
  }

  // Cents by date, accrued less reversed; days that came to nothing are left out.
  std::map<std::string, int64_t> Allowance() {
    lab_.Run(today_);
    return AllowanceNow();
  }
  std::map<std::string, int64_t> AllowanceNow() const {
    std::map<std::string, int64_t> net;
    for (const auto& entry : lab_.entries()) {
      if (const auto* accrued = service::As<cv::AllowanceAccrued>(*entry.body)) {
        net[accrued->date()] += accrued->amount_cents();
      } else if (const auto* reversed = service::As<cv::AllowanceReversed>(*entry.body)) {
        net[reversed->date()] -= reversed->amount_cents();
      }
    }
    std::erase_if(net, [](const auto& day) { return day.second == 0; });
    return net;
  }
  // "from..until" of every travel grant that stands.
  std::vector<std::string> Travel() {
    lab_.Run(today_);
    std::map<std::string, int> standing;
    for (const auto& entry : lab_.entries()) {
      if (const auto* granted = service::As<cv::TravelGranted>(*entry.body)) {
        ++standing[granted->covers_from() + ".." + granted->covers_until()];
      } else if (const auto* reversed = service::As<cv::TravelReversed>(*entry.body)) {
        --standing[reversed->covers_from() + ".." + reversed->covers_until()];
      }
    }
    std::vector<std::string> now;
    for (const auto& [range, count] : standing) {
      EXPECT_TRUE(count == 0 || count == 1) << range;
      if (count == 1) now.push_back(range);
    }
    return now;
  }
  template <typename Event>
  std::string Offer(const std::string& text, std::string_view author,
                    std::string_view official = "virkailija-1") {
    return lab_.Offer(author, official, Text<Event>(text), today_);
  }

  ServiceLab lab_;
  absl::CivilDay today_ = absl::CivilDay(2025, 6, 30);
};

}  // namespace polku::testing

#endif  // POLKU_TESTS_COMPENSATION_COMPENSATION_LAB_H_
