// The catalogue of places (paikkaluettelo): what each place takes, who is there, who is to come, who
// waits. A pure fold over all that this agency holds; what is withheld from it, it cannot count.
#ifndef POLKU_SERVICES_AUDIT_PLACES_H_
#define POLKU_SERVICES_AUDIT_PLACES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/audit/history.h"
#include "services/host/epochs.h"

namespace polku::audit {

// Who stands in a list of the place.
struct WaitingClient {
  CaseId case_id;
  std::string referral_id;
  std::string since;  // of the waiting: the day of the first answer WAITLIST of those that stand
  friend bool operator==(const WaitingClient&, const WaitingClient&) = default;
};

// How long a place is kept for a referral that was accepted and whose service does not begin, counted from the last
// day that was named for its start (agreement, introductory visit, answer, wish) or on which it was acted on (made,
// answered, its status). An assumption of ours: no seed tells; three months are the shortest agreement period (001, 002).
inline constexpr int kPlaceKeptDays = 90;

struct PlaceState {
  std::string provider_agency;
  std::string place_code;  // empty: those who wait for any place of the provider
  // The newest listing; nullopt: people are there, and nobody listed the place.
  std::optional<referral::v1::PlaceListed> listed;
  std::string withdrawn_on;  // empty: not withdrawn
  bool open = false;         // listed, valid on the day and not withdrawn by then
  uint32_t running = 0;      // periods that span the day, interrupted ones too: their place is kept
  uint32_t accepted = 0;     // referrals that were accepted and whose service has not begun
  std::vector<WaitingClient> never_began;  // those for whom the place is kept no longer; since: the day of that start
  std::vector<WaitingClient> waiting;  // in the order of their answers WAITLIST

  uint32_t capacity() const { return open ? listed->capacity() : 0; }
  uint32_t taken() const { return running + accepted; }
  // Negative: over capacity.
  int64_t free() const { return int64_t{capacity()} - int64_t{taken()}; }
};

class PlacesFold {
 public:
  explicit PlacesFold(const std::vector<log::HeldLog>& logs);
  ~PlacesFold();

  // In merged order, each once.
  void Add(const Event& event);
  // As on `day`, by what was added. Ascending by provider and code; those of other days that nobody
  // is at, comes to or waits for are left out.
  std::vector<PlaceState> On(absl::CivilDay day) const;
  // The newest listing of every place that was ever listed, on whatever day.
  std::vector<referral::v1::PlaceListed> Listed() const;

 private:
  struct CaseFold;
  struct Catalogued {
    std::optional<referral::v1::PlaceListed> listed;
    std::string withdrawn_on;
    std::string keeper;  // who listed it first: it and the provider alone change and withdraw it
  };
  using Key = std::tuple<std::string, std::string>;  // provider, code

  std::map<Key, Catalogued> catalogue_;
  std::map<CaseId, std::unique_ptr<CaseFold>> cases_;
  uint64_t events_ = 0;
  host::SeveralEpochs several_epochs_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_PLACES_H_
