// Where each cent of a payment comes from: payment, line, accrual or grant, the day's records, the rule as the log
// recorded it, benefit and statement, agreement and decision, and who proposed and approved. A pure fold over one
// case; what is sealed or not held here is said, never guessed.
#ifndef POLKU_SERVICES_AUDIT_PAYMENT_TRAIL_H_
#define POLKU_SERVICES_AUDIT_PAYMENT_TRAIL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/message.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "services/audit/history.h"
#include "services/core/days.h"
#include "services/core/ledger.h"
#include "services/core/periods.h"

namespace polku::audit {

// An event that a payment rests on, as far as it is readable here.
struct TrailStep {
  EventId id;
  std::string type;
  std::string origin;
  Position position;
  std::string author;
  std::string official;
  absl::Time recorded_at;
  SectionSet sealed;
  SectionSet erased;
  std::unique_ptr<const google::protobuf::Message> body;
};

// What a line rests on. Null: no such event is held here, or none was made.
struct LineTrail {
  EventId id;
  std::string date;  // of the posting; empty where its event is not held
  int64_t cents = 0;
  const TrailStep* posting = nullptr;   // accrual, grant or reversal
  const TrailStep* reversed = nullptr;  // of a reversal: what it takes back
  const TrailStep* cause = nullptr;     // of a reversal: what took it away
  const TrailStep* claim = nullptr;     // of a grant that was applied for
  const TrailStep* means = nullptr;     // of a grant: the client's choice of means, where one was made
  event::v1::RuleRef rule;
  // The rule of the profile that the posting's own log had recorded by then; empty: not found there.
  std::string rule_source;
  int64_t rule_cents = 0;
  std::vector<const TrailStep*> days;  // the records of the day, corrections included, as recorded
  const TrailStep* benefit = nullptr;
  const TrailStep* statement = nullptr;
  const TrailStep* agreement = nullptr;
  const TrailStep* decision = nullptr;
  // What is missing, by name: "posting", "rule", "day", "benefit", "agreement", "decision", and "sealed:<type>".
  std::vector<std::string> gaps;
  // Given without a price (a bus card): its event is readable here and names no sum.
  bool in_kind() const { return posting != nullptr && cents == 0 && !posting->sealed.has(SectionKind::kPayment); }
};

struct PaymentTrail {
  std::string agency;
  std::string payment_id;  // empty: not in a payment yet
  service::Payment payment;
  std::vector<const TrailStep*> steps;  // proposed, approved, paid …
  std::vector<LineTrail> lines;
};

// A day that somebody attended, that stands, and that no allowance stands for.
struct UnpaidDay {
  absl::CivilDay date;
  std::string period_id;
  // Why, as far as it is seen here; none: nothing that is held here says why.
  std::vector<attendance::v1::BreachCode> breaches;  // flagged and not cleared
  bool outside_period = false;
  bool no_benefit = false;    // no benefit that an allowance belongs to is on record for the day
  bool not_entitled = false;  // by the authority's newest statement of the day
};

class PaymentTrailFold {
 public:
  // A RulesChanged control entry, in order of its log.
  void AddRules(const Event& event);
  // The case's events in merged order.
  void Add(const Event& event);

  // The payments of the case, and for each payer what is in none. `payment_id` not empty: that one alone. Borrows
  // from this fold.
  std::vector<PaymentTrail> Finish(const std::string& payment_id) const;
  const std::vector<std::unique_ptr<TrailStep>>& steps() const { return steps_; }
  // Ascending by day. Empty where no allowance of the case is held here: then nothing can be said of what gave none.
  // `profile`: the reader's own, for which benefits an allowance belongs to.
  std::vector<UnpaidDay> Unpaid(const config::v1::Profile& profile) const;

 private:
  struct Rules {
    Position position;
    config::v1::Profile profile;
  };
  const TrailStep* Find(const EventId& id) const;
  const config::v1::Profile* ProfileAt(const TrailStep& step) const;
  LineTrail Line(const EventId& id) const;
  void Explain(LineTrail& line, const TrailStep& said, const std::string& period_id,
               const std::string& date, const std::string& until) const;
  // The newest event of the type before `said` that fits.
  template <typename Event, typename Fits>
  const TrailStep* Newest(const TrailStep& said, Fits fits) const;

  std::vector<std::unique_ptr<TrailStep>> steps_;
  std::map<EventId, const TrailStep*> by_id_;
  std::map<std::string, std::vector<Rules>> rules_;  // by origin
  service::Ledger ledger_;
  service::PeriodBook periods_;
  service::DayBook days_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_PAYMENT_TRAIL_H_
