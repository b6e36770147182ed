#include "services/audit/certificate.h"

#include <algorithm>
#include <utility>

#include "polku/assessment/v1/assessment.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/message_cast.h"
#include "services/host/epochs.h"

namespace polku::audit {

void CertificateFold::Add(const Event& event) {
  if (event.control() || event.body == nullptr || !event.counts) return;
  NoteAgencies(*event.body);
  if (const auto* client = service::As<referral::v1::ClientIdentified>(*event.body)) {
    if (!client->given_names().empty()) names_.given_names = client->given_names();
    if (!client->family_name().empty()) names_.family_name = client->family_name();
  } else if (const auto* said = service::As<assessment::v1::CompetenceRecognised>(*event.body)) {
    if (!known_.emplace(host::EpochsOf(event.origin), event.id).second) return;  // in a later epoch
    Recognised recognised;
    recognised.sealed = event.sealed.has(SectionKind::kSocial);
    recognised.competence = {said->recognised_on(),
                             said->institution_agency(),
                             said->qualification_code(),
                             said->competence_points(),
                             {said->competences().begin(), said->competences().end()}};
    recognised_.push_back(std::move(recognised));
  }
}

// Who has a part in the service would name it.
void CertificateFold::NoteAgencies(const google::protobuf::Message& body) {
  const auto note = [&](const std::string& agency) {
    if (!agency.empty()) of_service_.insert(agency);
  };
  if (const auto* made = service::As<referral::v1::ReferralMade>(body)) {
    note(made->requester_agency());
    note(made->target_agency());
  } else if (const auto* agreement = service::As<referral::v1::AgreementMade>(body)) {
    note(agreement->provider_agency());
  } else if (const auto* started = service::As<referral::v1::ServiceStarted>(body)) {
    note(started->provider_agency());
  } else if (const auto* changed = service::As<referral::v1::ServiceChanged>(body)) {
    note(changed->provider_agency());
  } else if (const auto* manager = service::As<referral::v1::CaseManagerNamed>(body)) {
    note(manager->agency());
  }
}

Certificate CertificateFold::Finish() const {
  Certificate certificate = names_;
  for (const Recognised& recognised : recognised_) {
    if (recognised.sealed) {
      ++certificate.sealed;
    } else {
      certificate.recognised.push_back(recognised.competence);
      std::string& institution = certificate.recognised.back().institution_agency;
      if (of_service_.contains(institution)) institution.clear();
    }
  }
  std::stable_sort(certificate.recognised.begin(), certificate.recognised.end(),
                   [](const auto& a, const auto& b) { return a.recognised_on < b.recognised_on; });
  return certificate;
}

}  // namespace polku::audit
