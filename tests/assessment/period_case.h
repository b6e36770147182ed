// A case with one service period of three months at the assessment service of Oulu.
#ifndef POLKU_TESTS_ASSESSMENT_PERIOD_CASE_H_
#define POLKU_TESTS_ASSESSMENT_PERIOD_CASE_H_

#include <string>
#include <string_view>
#include <vector>

#include "polku/assessment/v1/assessment.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/assessment/assessment.h"
#include "services/assessment/state.h"
#include "tests/support/domain_case.h"

namespace polku::assessment {

using testing::DomainCase;
using testing::kAuditor;
using testing::kHospital;
using testing::kKela;
using testing::kOtherProvider;
using testing::kOulu;
using testing::kPohde;
using testing::kStranger;
using testing::kVerstas;
using testing::OnDay;
using testing::Text;

inline const service::Service& TheAssessmentService() {
  static const auto* const service = MakeAssessmentService().release();
  return *service;
}

inline referral::v1::ServiceStarted Started(const std::string& from, const std::string& until) {
  referral::v1::ServiceStarted event;
  event.set_period_id("p-1");
  event.set_referral_id("ref-1");
  event.set_provider_agency(std::string(kVerstas));
  event.set_starts_on(from);
  event.set_ends_on(until);
  return event;
}

inline referral::v1::ServiceEnded Ended(const std::string& on) {
  referral::v1::ServiceEnded event;
  event.set_period_id("p-1");
  event.set_ended_on(on);
  return event;
}

inline referral::v1::ServiceExtended Extended(const std::string& until) {
  referral::v1::ServiceExtended event;
  event.set_period_id("p-1");
  event.set_ends_on(until);
  return event;
}

inline referral::v1::ServiceInterrupted Interrupted(const std::string& from) {
  referral::v1::ServiceInterrupted event;
  event.set_period_id("p-1");
  event.set_interrupted_from(from);
  return event;
}

inline referral::v1::ServiceResumed Resumed(const std::string& on) {
  referral::v1::ServiceResumed event;
  event.set_period_id("p-1");
  event.set_resumed_on(on);
  return event;
}

inline referral::v1::ReferralMade Made() {
  referral::v1::ReferralMade event;
  event.set_referral_id("ref-1");
  event.set_status(referral::v1::REFERRAL_STATUS_REQUESTED);
  event.set_requester_agency(std::string(kPohde));
  event.set_target_agency(std::string(kVerstas));
  return event;
}

class PeriodCase : public DomainCase {
 public:
  explicit PeriodCase(std::string_view own_agency = kOulu)
      : DomainCase(TheAssessmentService(), testing::OuluProfile(), testing::OuluAgreement(),
                   own_agency) {}
  EventId Start(const std::string& from = "2025-03-03", const std::string& until = "2025-06-02") {
    Record(kPohde, Made());
    return Record(kVerstas, Started(from, until));
  }
  const State& assessment_state() const { return static_cast<const State&>(state()); }

  // The dues in force: "key due_on", by key.
  std::vector<std::string> InForce() const {
    std::vector<std::string> result;
    for (const auto& [key, dues] : assessment_state().raised) {
      for (const Raised& due : dues) {
        if (!assessment_state().cancelled.contains({due.event, due.author_agency})) {
          result.push_back(key + " " + due.due_on);
        }
      }
    }
    return result;
  }
};

}  // namespace polku::assessment

#endif  // POLKU_TESTS_ASSESSMENT_PERIOD_CASE_H_
