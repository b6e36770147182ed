#include "services/core/closing.h"

#include <algorithm>

#include "eventstore/base/clock.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/event_dispatch.h"

namespace polku::service {
namespace {

namespace ref = referral::v1;

// Where the field is that tells the day of what was done.
struct DayField {
  std::string_view On(const ref::NeedIdentified& e) { return e.identified_on(); }
  std::string_view On(const ref::ServiceNeedAssessed& e) { return e.assessed_on(); }
  std::string_view On(const ref::PlanDrafted& e) { return e.drafted_on(); }
  std::string_view On(const ref::PlanSigned& e) { return e.signed_on(); }
  std::string_view On(const ref::ReferralMade& e) { return e.made_on(); }
  std::string_view On(const ref::ReferralStatusChanged& e) { return e.effective_on(); }
  std::string_view On(const ref::PlaceAnswered& e) { return e.answered_on(); }
  std::string_view On(const ref::IntroductoryVisitHeld& e) { return e.visit_on(); }
  std::string_view On(const ref::NetworkMeetingHeld& e) { return e.meeting_on(); }
  std::string_view On(const ref::DecisionMade& e) { return e.made_on(); }
  std::string_view On(const ref::ServiceStarted& e) { return e.starts_on(); }
  std::string_view On(const ref::ServiceResumed& e) { return e.resumed_on(); }
  std::string_view On(const ref::ServiceEnded& e) { return e.ended_on(); }
  std::string_view On(const attendance::v1::DayRecorded& e) { return e.date(); }
  std::string_view On(const attendance::v1::DayCorrected& e) { return e.date(); }
  std::string_view On(const compensation::v1::AllowanceAccrued& e) { return e.date(); }
  std::string_view On(const compensation::v1::PaymentPaid& e) { return e.paid_on(); }
};

using DayFields =
    EventDispatch<DayField, std::string_view, ref::NeedIdentified, ref::ServiceNeedAssessed,
                  ref::PlanDrafted, ref::PlanSigned, ref::ReferralMade, ref::ReferralStatusChanged,
                  ref::PlaceAnswered, ref::IntroductoryVisitHeld, ref::NetworkMeetingHeld,
                  ref::DecisionMade, ref::ServiceStarted, ref::ServiceResumed, ref::ServiceEnded,
                  attendance::v1::DayRecorded, attendance::v1::DayCorrected,
                  compensation::v1::AllowanceAccrued, compensation::v1::PaymentPaid>;

template <typename... Types>
bool IsOneOf(std::string_view type) {
  return ((type == Types::descriptor()->full_name()) || ...);
}

}  // namespace

bool Reopens(std::string_view type, bool corrects) {
  if (corrects) return false;
  return IsOneOf<ref::NeedIdentified, ref::ServiceNeedAssessed, ref::PlanDrafted, ref::PlanSigned,
                 ref::ReferralMade, ref::PlaceAnswered, ref::IntroductoryVisitArranged,
                 ref::IntroductoryVisitHeld, ref::NetworkMeetingCalled, ref::NetworkMeetingHeld,
                 ref::AgreementMade, ref::DecisionMade, ref::ServiceStarted, ref::ServiceExtended,
                 ref::ServiceChanged, ref::ServiceInterrupted, ref::ServiceResumed>(type);
}

std::optional<absl::CivilDay> DayDone(const google::protobuf::Message& event, absl::Time recorded_at) {
  static const auto* const fields = new DayFields();
  DayField field;
  const auto day = ParseDay(fields->Visit(field, event));
  if (!day) return std::nullopt;
  return std::min(*day, FinnishDay(recorded_at));
}

}  // namespace polku::service
