// What a client learned, for a certificate (osaamistodistus): competences and dates. It names neither the service nor
// who provided it (seed 001, opinnollistaminen), so whoever is shown it learns what the client can do and no more.
#ifndef POLKU_SERVICES_AUDIT_CERTIFICATE_H_
#define POLKU_SERVICES_AUDIT_CERTIFICATE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/base/ids.h"
#include "services/audit/history.h"

namespace polku::audit {

struct RecognisedCompetence {
  std::string recognised_on;
  std::string institution_agency;  // empty: no school recognised it, or it provides, organises or pays the service
  std::string qualification_code;  // tutkinnon osa
  uint32_t points = 0;             // osaamispisteet
  std::vector<std::string> competences;
};

struct Certificate {
  std::string given_names;  // empty: not held here, or not to be opened
  std::string family_name;
  std::vector<RecognisedCompetence> recognised;  // by day
  uint32_t sealed = 0;                           // recognitions whose content is not to be seen here
};

class CertificateFold {
 public:
  // A case's events in merged order; those that do not count (Event::counts) are left out.
  void Add(const Event& event);
  Certificate Finish() const;

 private:
  struct Recognised {
    RecognisedCompetence competence;
    bool sealed = false;
  };
  void NoteAgencies(const google::protobuf::Message& body);

  Certificate names_;
  std::vector<Recognised> recognised_;
  std::set<std::pair<std::string, EventId>> known_;  // by log, whatever its epoch
  std::set<std::string, std::less<>> of_service_;  // agencies that the case names as provider, organiser or requester
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_CERTIFICATE_H_
