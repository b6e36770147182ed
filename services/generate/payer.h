// The officials of a made-up payer: they settle in batches what the payer's service has accrued and granted, as
// `polku payments` does it: proposed by one, approved or rejected by another the next working day, paid on the third.
// Shares and days: README.md.
#ifndef POLKU_SERVICES_GENERATE_PAYER_H_
#define POLKU_SERVICES_GENERATE_PAYER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "services/core/ledger.h"
#include "services/core/service.h"
#include "services/generate/story.h"

namespace polku::generate {

class Payer {
 public:
  // `instance`: of Instances(), where it records; `agency`: whose, borrowed for ever.
  Payer(size_t instance, std::string_view agency, uint64_t seed);

  // A client of this region, by the number that MakeIban takes. Others are not paid.
  void AddClient(const CaseId& case_id, size_t client);

  // Whether anything is decided on that day: only then Fold must have got all that is on record by the morning.
  static bool Decides(absl::CivilDay day);
  // What its own log has, in its order.
  void Fold(const service::Fact& fact);
  // What the officials record on that day, legal as far as was folded.
  std::vector<Act> ActsOn(absl::CivilDay day);

 private:
  struct Client {
    service::Ledger ledger;
    size_t number = 0;
    uint32_t account = 0;  // the how-manieth that the client gave, from 0
  };
  class Writer;

  const size_t instance_;
  const std::string_view agency_;
  const uint64_t seed_;
  std::map<CaseId, Client> clients_;
};

}  // namespace polku::generate

#endif  // POLKU_SERVICES_GENERATE_PAYER_H_
