// The money of a case as the compensation events tell it: what was accrued, granted and reversed, and which
// payments settled it. One definition for the service that decides, the command that proposes payments and
// whoever explains them.
#ifndef POLKU_SERVICES_CORE_LEDGER_H_
#define POLKU_SERVICES_CORE_LEDGER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/event/v1/common.pb.h"
#include "services/core/service.h"
#include "services/core/successors.h"

namespace polku::service {

struct Accrual {
  EventId id;
  std::string author;
  std::string period_id;
  absl::CivilDay date;
  EventId cause;
  event::v1::AllowanceKind kind = event::v1::ALLOWANCE_KIND_UNSPECIFIED;
  int64_t cents = 0;
  bool reversed = false;
};

struct Grant {
  EventId id;
  std::string author;
  std::string period_id;
  std::string claim_id;  // empty: made by the service itself
  absl::CivilDay from;
  absl::CivilDay until;
  EventId cause;
  event::v1::TravelMode mode = event::v1::TRAVEL_MODE_UNSPECIFIED;
  event::v1::TravelMeans means = event::v1::TRAVEL_MEANS_UNSPECIFIED;
  int64_t cents = 0;
  bool reversed = false;
};

// What a payment can have a line about: an accrual or grant, or (negative) its reversal.
struct Posting {
  EventId id;
  std::string author;
  absl::CivilDay date;
  int64_t cents = 0;
};

enum class PaymentStatus { kProposed, kApproved, kPaid, kRejected, kReversed };

struct Payment {
  EventId id;  // of the proposal
  std::string agency;
  std::string proposer;
  std::string batch_id;  // empty: of no batch
  std::optional<absl::CivilDay> from;
  std::optional<absl::CivilDay> until;
  std::optional<absl::CivilDay> approved_on;
  int64_t total_cents = 0;
  int64_t reversed_cents = 0;  // taken back in part so far
  std::vector<EventId> lines;
  std::vector<EventId> recovered;  // postings that were settled by taking money back
  PaymentStatus status = PaymentStatus::kProposed;
};

// Labels are their author's own: two payers of a case may choose the same one, unknown to each other.
using PaymentKey = std::pair<std::string, std::string>;  // agency, payment_id

class Ledger {
 public:
  // Takes in the compensation events that move money; ignores every other message. A transition that a
  // payment's status does not allow, or another agency's word on it (unless it succeeds the one that granted travel, or
  // inherits its money: successors.h), changes nothing. False: not of these types.
  bool Fold(const Fact& fact);

  // In merged order.
  const std::vector<Accrual>& accruals() const { return accruals_; }
  const std::vector<Grant>& grants() const { return grants_; }
  const std::vector<Posting>& postings() const { return postings_; }
  const std::map<PaymentKey, Payment>& payments() const { return payments_; }

  const Successors& successors() const { return successors_; }

  // The agency's own payment of that label, else one of an organisation whose money it inherited. Null: there is none here.
  const Payment* FindPayment(std::string_view agency, std::string_view payment_id) const;

  // Postings that are `agency`'s to settle on `on` (Successors::Settling) and that no live payment has a line about, with
  // from <= date <= until.
  std::vector<const Posting*> Unsettled(std::string_view agency,
                                        std::optional<absl::CivilDay> from,
                                        std::optional<absl::CivilDay> until,
                                        absl::CivilDay on) const;

 private:
  Payment* PaymentIn(const Fact& fact, const std::string& payment_id,
                     std::initializer_list<PaymentStatus> statuses);
  bool FoldPayment(const Fact& fact);

  std::vector<Accrual> accruals_;
  std::vector<Grant> grants_;
  std::vector<Posting> postings_;
  std::map<PaymentKey, Payment> payments_;
  Successors successors_;
};

// The sum; nullopt when it does not fit.
std::optional<int64_t> Sum(const std::vector<const Posting*>& postings);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_LEDGER_H_
