#include "services/generate/payer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/audit/payments.h"
#include "services/core/calendar.h"
#include "services/generate/dice.h"
#include "services/generate/region.h"

namespace polku::generate {
namespace {

using absl::CivilDay;
using service::FormatDate;
using service::Payment;
using service::PaymentStatus;
using service::Posting;

namespace compensation = compensation::v1;

// Of each month, counted in working days: what was recorded of the month before is corrected until then (assumption).
constexpr int kProposes = 5, kApproves = 6, kPays = 7;
// Nothing to pay for so long: what is claimed back waits no longer to be netted (assumption).
constexpr int kWaitsDays = 45;
// Of payments, those that come back because the client has changed banks (assumption).
constexpr int kWrongAccountPermille = 8;

// The how-manieth working day of its month; 0: it is none.
int WorkingDayOfMonth(CivilDay day) {
  if (!service::IsWorkingDay(day)) return 0;
  int count = 0;
  for (CivilDay d(day.year(), day.month(), 1); d <= day; ++d) count += service::IsWorkingDay(d) ? 1 : 0;
  return count;
}

}  // namespace

class Payer::Writer {
 public:
  Writer(const Payer& payer, CivilDay today) : payer_(payer), today_(today) {}

  template <typename Message>
  void Put(const CaseId& case_id, std::string_view official, const Message& message) {
    Act& act = acts_.emplace_back();
    act.day = today_;
    act.instance = payer_.instance_;
    act.agency = payer_.agency_;
    act.official = std::string(official);
    act.case_id = case_id;
    act.type = Message::descriptor()->full_name();
    act.id = DerivedEventId(Str("polku/generate/payment/v1 ", payer_.seed_, " ", payer_.agency_, " ",
                                FormatCaseId(case_id), " ", message.payment_id(), " ", FormatDate(today_), " ",
                                act.type));
    act.body = message.SerializeAsString();
  }

  // All that is open of days before this month; further back what was taken away of days that were paid, so that it
  // is netted.
  void Propose(const CaseId& case_id, const Client& client) {
    const CivilDay until = CivilDay(today_.year(), today_.month(), 1) - 1;
    const auto open = client.ledger.Unsettled(payer_.agency_, std::nullopt, until, today_);
    if (open.empty()) return;
    const auto first = std::min_element(open.begin(), open.end(), [](const Posting* a, const Posting* b) {
      return a->date < b->date;
    });
    const auto draft = audit::DraftPayment(client.ledger, payer_.agency_, (*first)->date, until, today_);
    if (!draft) return;
    if (draft->total_cents <= 0) {
      if (draft->total_cents < 0) Recover(case_id, client, until);
      return;
    }
    compensation::PaymentProposed proposed;
    const std::string batch = Str(LastPart(payer_.agency_), "-", FormatDate(until).substr(0, 7));
    proposed.set_payment_id(batch);
    proposed.set_batch_id(batch);
    proposed.set_covers_from(FormatDate(draft->from));
    proposed.set_covers_until(FormatDate(until));
    proposed.set_total_cents(draft->total_cents);
    proposed.set_iban(MakeIban(client.number, client.account));
    for (const Posting* posting : draft->lines) {
      auto* line = proposed.add_lines();
      line->set_event_id(std::string(posting->id.view()));
      line->set_date(FormatDate(posting->date));
      line->set_amount_cents(posting->cents);
    }
    Put(case_id, "maksatus-1", proposed);
  }

  // By another official. Days of it may have been corrected since it was proposed.
  void Approve(const CaseId& case_id, const std::string& id, const Payment& payment, Client& client) {
    if (HasChanged(payment, client)) return Reject(case_id, id, compensation::REJECTION_REASON_WRONG_AMOUNT);
    Dice dice(payer_.seed_, Str("payment ", payer_.agency_, " ", FormatCaseId(case_id), " ", id));
    if (dice.Permille(kWrongAccountPermille)) {
      ++client.account;
      return Reject(case_id, id, compensation::REJECTION_REASON_WRONG_ACCOUNT);
    }
    compensation::PaymentApproved approved;
    approved.set_payment_id(id);
    approved.set_approved_on(FormatDate(today_));
    approved.set_total_cents(payment.total_cents);
    Put(case_id, "maksatus-2", approved);
  }

  // Or since it was approved.
  void Pay(const CaseId& case_id, const std::string& id, const Payment& payment, const Client& client) {
    if (HasChanged(payment, client)) return Reject(case_id, id, compensation::REJECTION_REASON_WRONG_AMOUNT);
    compensation::PaymentPaid paid;
    paid.set_payment_id(id);
    paid.set_paid_on(FormatDate(today_));
    paid.set_total_cents(payment.total_cents);
    Put(case_id, "maksatus-1", paid);
  }

  std::vector<Act> Done() { return std::move(acts_); }

 private:
  bool HasChanged(const Payment& payment, const Client& client) const {
    return service::Sum(client.ledger.Unsettled(payment.agency, payment.from, payment.until, today_)) != 0;
  }

  void Reject(const CaseId& case_id, const std::string& id, compensation::RejectionReason reason) {
    compensation::PaymentRejected rejected;
    rejected.set_payment_id(id);
    rejected.set_rejected_on(FormatDate(today_));
    rejected.set_reason(reason);
    Put(case_id, "maksatus-2", rejected);
  }

  // Nothing more is paid that it could be netted with: taken back from the newest payment of those days, one a month.
  void Recover(const CaseId& case_id, const Client& client, CivilDay until) {
    CivilDay newest = CivilDay::min();
    for (const Posting& posting : client.ledger.postings()) {
      if (posting.author == payer_.agency_ && posting.cents > 0) newest = std::max(newest, posting.date);
    }
    if (until - newest < kWaitsDays) return;
    const std::string* id = nullptr;
    const Payment* newest_payment = nullptr;
    int64_t taken_away = 0;
    for (const auto& [key, payment] : client.ledger.payments()) {
      if (key.first != payer_.agency_ || payment.status != PaymentStatus::kPaid) continue;
      const int64_t sum = service::Sum(client.ledger.Unsettled(payment.agency, payment.from, payment.until, today_));
      if (sum >= 0 || -sum > payment.total_cents - payment.reversed_cents) continue;
      if (newest_payment != nullptr && payment.until < newest_payment->until) continue;
      id = &key.second;
      newest_payment = &payment;
      taken_away = -sum;
    }
    if (newest_payment == nullptr) return;
    compensation::PaymentReversed reversed;
    reversed.set_payment_id(*id);
    reversed.set_reversed_on(FormatDate(today_));
    reversed.set_amount_cents(taken_away);
    reversed.set_reason(compensation::REJECTION_REASON_NOT_ATTENDED);
    Put(case_id, "maksatus-2", reversed);
  }

  const Payer& payer_;
  const CivilDay today_;
  std::vector<Act> acts_;
};

Payer::Payer(size_t instance, std::string_view agency, uint64_t seed)
    : instance_(instance), agency_(agency), seed_(seed) {}

void Payer::AddClient(const CaseId& case_id, size_t client) { clients_[case_id].number = client; }

bool Payer::Decides(CivilDay day) {
  const int working_day = WorkingDayOfMonth(day);
  return working_day == kProposes || working_day == kApproves || working_day == kPays;
}

void Payer::Fold(const service::Fact& fact) {
  const auto client = clients_.find(fact.case_id);
  if (client != clients_.end()) client->second.ledger.Fold(fact);
}

std::vector<Act> Payer::ActsOn(CivilDay day) {
  Writer writer(*this, day);
  const int working_day = WorkingDayOfMonth(day);
  for (auto& [case_id, client] : clients_) {
    if (working_day == kProposes) {
      writer.Propose(case_id, client);
      continue;
    }
    for (const auto& [key, payment] : client.ledger.payments()) {
      if (key.first != agency_) continue;
      if (working_day == kApproves && payment.status == PaymentStatus::kProposed) {
        writer.Approve(case_id, key.second, payment, client);
      } else if (working_day == kPays && payment.status == PaymentStatus::kApproved) {
        writer.Pay(case_id, key.second, payment, client);
      }
    }
  }
  return writer.Done();
}

}  // namespace polku::generate
