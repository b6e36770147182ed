// The folded state of cases: a bounded cache over the history, refolded from the store whenever a
// case is not at hand or a late entry changed its past.
#ifndef POLKU_SERVICES_HOST_CASE_FOLDS_H_
#define POLKU_SERVICES_HOST_CASE_FOLDS_H_

#include <compare>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "services/access/case_access.h"
#include "services/access/retention.h"
#include "services/core/service.h"
#include "services/host/epochs.h"
#include "services/host/opener.h"
#include "services/host/replaced.h"

namespace polku::host {

// An entry whose order is further ahead of our clock than this waits until the clock is there: a
// peer's wrong clock must not decide what is newest (DESIGN "Header").
inline constexpr absl::Duration kClockTolerance = absl::Minutes(1);

// The merged order of a case's history (DESIGN "Header").
struct MergeKey {
  Order order;
  std::string origin;
  Position position;
  friend auto operator<=>(const MergeKey&, const MergeKey&) = default;
};

struct CaseFold {
  // Of the domain; null as long as no event of it is on record, as in an access stream.
  std::unique_ptr<service::CaseState> state;
  access::CaseAccess access;
  access::CaseRetention retention;
  // PartyAdded for which there was nothing to open: what is recorded after them goes to the party by itself.
  std::set<access::CaseAccess::PartyEvent> nothing_to_open;
  bool in_own_log = false;  // an entry of the case is
  MergeKey last;  // of the newest fact folded; zero when none
  struct Newest {
    Position position;
    Hash leaf_hash;
    Order order;
  };
  std::map<std::string, Newest> newest;  // by origin, other origins only
  std::map<std::string, Position> told;  // by origin: the cause that our last entry named
  TakenEvents taken;                     // of services with several epochs (epochs.h)
};

// The event is of the part of a case that every service keeps (services/access), not of a domain.
bool IsAccessEvent(const google::protobuf::Descriptor& type);

// Whether by its header an entry of the log `origin` is part of the history that `own` decides on: its own and
// its earlier epochs' are, and what was disclosed to its agency, be it the header alone. What was opened to
// the agency later is part of it as well, once it was filled. A mirror holds more.
bool Concerns(const event::v1::Header& header, std::string_view origin, const OriginName& own);

class CaseFolds {
 public:
  // All borrowed; `origins` names every log of the engine by number and may grow. Entries that do
  // not concern `own` are passed over.
  CaseFolds(const service::Service& service, const access::Policy& policy, log::Engine& engine,
            Opener& opener, const absl::flat_hash_map<uint64_t, std::string>& origins,
            const OriginName& own, size_t capacity);

  // The fold of all entries with order <= `horizon`, from the cache or the store. Borrowed until
  // Forget or Trim. `ahead` is called with the order of each entry left out for being beyond it.
  absl::StatusOr<CaseFold*> Get(const CaseId& case_id, Order horizon,
                                const std::function<void(Order)>& ahead);
  // Takes in an entry that has just been stored and concerns `own` by its header. Not cached, late, beyond the horizon, or
  // in the place of another: the case is forgotten, and Get folds it anew.
  absl::Status Take(const log::EntryView& entry, const CaseId& case_id, Order horizon);
  // The domain's state of the case as if that entry of the own service had not been: what an entry that takes its place is
  // judged on (services/core/standing.h). Of what is stored alone.
  absl::StatusOr<std::unique_ptr<service::CaseState>> StateWithout(const CaseId& case_id,
                                                                   const EventId& corrected,
                                                                   Order horizon);
  // Folds a fact. What does not count (Policy::Counts, CaseAccess::TakesTheWordOf) changes nothing but what the case's
  // access makes of it. `replaced`: another stands in its place, so it changes nothing but who takes part.
  void Evolve(CaseFold& fold, const service::Fact& fact, bool replaced = false) const;
  void Forget(const CaseId& case_id);
  void ForgetAll();
  // Drops the least recently used beyond the capacity.
  void Trim();

 private:
  struct Slot {
    CaseFold fold;
    std::list<CaseId>::iterator used;
  };
  // The case from the store into an empty fold; `replaced` besides what the case's own corrections replace.
  absl::Status FoldCase(CaseFold& fold, const CaseId& case_id, Order horizon, Replaced replaced,
                        const std::function<void(Order)>& ahead);
  absl::Status EvolveEntry(CaseFold& fold, const log::EntryView& entry, const CaseId& case_id,
                           const Replaced& replaced);
  // Positions of one log that entries of the case have opened to us later and that are filled.
  absl::StatusOr<std::set<Position>> OpenedLater(const std::vector<log::CaseEntryRef>& entries,
                                                 LogNumber log);
  // A log of another epoch may have come: folds made before did not note what they took.
  void FollowOrigins();

  const service::Service& service_;
  const access::Policy& policy_;
  log::Engine& engine_;
  Opener& opener_;
  const absl::flat_hash_map<uint64_t, std::string>& origins_;
  const OriginName own_;
  const size_t capacity_;
  size_t known_origins_ = 0;
  SeveralEpochs several_epochs_;
  absl::flat_hash_map<CaseId, std::unique_ptr<Slot>> slots_;
  std::list<CaseId> recency_;  // most recent first
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_CASE_FOLDS_H_
