// Every event of polku.referral.v1, once; a test holds the list to the .proto file.
#ifndef POLKU_SERVICES_REFERRAL_EVENTS_H_
#define POLKU_SERVICES_REFERRAL_EVENTS_H_

#include "polku/referral/v1/referral.pb.h"
#include "services/core/event_dispatch.h"

namespace polku::referral {

template <typename Visitor, typename Result>
using ReferralEvents = service::EventDispatch<
    Visitor, Result, v1::ClientIdentified, v1::NeedIdentified, v1::ServiceNeedAssessed,
    v1::PlanDrafted, v1::PlanSigned, v1::ReferralMade, v1::ReferralStatusChanged,
    v1::PlaceAnswered, v1::IntroductoryVisitArranged, v1::IntroductoryVisitHeld,
    v1::NetworkMeetingCalled, v1::NetworkMeetingHeld, v1::CommitmentConfirmed, v1::AgreementMade,
    v1::DecisionMade, v1::AuthorityNotified, v1::PayerStatementGiven, v1::ServiceStarted,
    v1::ServiceExtended, v1::ServiceChanged, v1::ServiceInterrupted, v1::ServiceResumed,
    v1::ServiceEnded, v1::FollowUpRecorded, v1::CaseManagerNamed, v1::NoCaseManagerNamed,
    v1::OrganiserTransferred, v1::CasesLinked, v1::CasesUnlinked, v1::SocialServiceNoted,
    v1::HealthServiceNoted, v1::BenefitRecorded, v1::CaseClosed, v1::PlaceListed,
    v1::PlaceWithdrawn>;

}  // namespace polku::referral

#endif  // POLKU_SERVICES_REFERRAL_EVENTS_H_
