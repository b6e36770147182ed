// The payments of one payer over all the cases it holds: what is to be settled still, and what was proposed,
// approved and paid, batch by batch. A pure fold.
#ifndef POLKU_SERVICES_AUDIT_PAYMENTS_H_
#define POLKU_SERVICES_AUDIT_PAYMENTS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "services/audit/history.h"
#include "services/core/ledger.h"
#include "services/host/epochs.h"

namespace polku::audit {

// The next payment of a case: everything of its days that is unsettled. Not above 0: nothing to pay; what is missing
// is carried until later days make up for it, and is claimed back (takaisinperittävä) until then.
struct PaymentDraft {
  absl::CivilDay from;
  absl::CivilDay until;
  std::vector<const service::Posting*> lines;  // amounts of 0 left out; borrowed from the ledger
  int64_t total_cents = 0;
};

// From `from` to `until`; further back where something that was settled before has been reversed since, so that it is
// netted. What is the agency's to settle is judged `on` a day: the money of one that has ended is its successor's.
// nullopt: nothing is unsettled there.
std::optional<PaymentDraft> DraftPayment(const service::Ledger& ledger, std::string_view agency,
                                         absl::CivilDay from, absl::CivilDay until, absl::CivilDay on);

// Where a client's money goes.
struct Account {
  std::string iban;
  std::string reference_number;  // may be empty
};

class PaymentsFold {
 public:
  struct Case {
    service::Ledger ledger;
    struct Proposal {
      service::PaymentKey payment;
      Account account;
      bool wrong_account = false;  // rejected for that reason
    };
    std::vector<Proposal> proposals;  // in merged order, those of other agencies too

    // Where the payment goes; null: that is not readable here.
    const Account* AccountOf(const service::PaymentKey& payment) const;
    // The account of the newest payment that was paid, proposed before `payment` (null: any); null: there is none.
    const Account* PaidBefore(const service::PaymentKey* payment) const;
    // The account to propose when none is given: of the agency's newest payment that a second official approved,
    // unless a payment to it was rejected for its account. Empty: there is none.
    Account Known(std::string_view agency, absl::CivilDay on) const;
  };

  PaymentsFold(std::string agency, const std::vector<log::HeldLog>& logs);
  // In merged order (History::Replay), each once.
  void Add(const Event& event);

  const std::string& agency() const { return agency_; }
  const std::map<CaseId, Case>& cases() const { return cases_; }

 private:
  const std::string agency_;
  std::map<CaseId, Case> cases_;
  host::SeveralEpochs several_epochs_;
  host::TakenEvents taken_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_PAYMENTS_H_
