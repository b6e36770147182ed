// A service without its sockets: the own log, the replicas beside it, the folded cases, and the
// domain service that decides. Everything happens on the caller's thread; time stands still within a
// call, so what a decision saw is exactly what a replay will see.
#ifndef POLKU_SERVICES_HOST_NODE_H_
#define POLKU_SERVICES_HOST_NODE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/random.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/log.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/vault/keystore.h"
#include "polku/exchange/v1/exchange.pb.h"
#include "services/access/case_access.h"
#include "services/core/service.h"
#include "services/host/config.h"
#include "services/host/erasure_hooks.h"
#include "services/host/keys.h"
#include "services/host/opener.h"

namespace polku::host {

// An offer with the principal whose key the transport authenticated. Borrowed for the call.
struct OfferFrom {
  const exchange::v1::Offer& offer;
  const PrincipalConfig& from;
};

// A control entry to be appended to the own log. Borrowed for the call.
struct ControlToAppend {
  EventId id;  // what is derived from its reason is appended once, whoever asks again
  const google::protobuf::Message& message;
};

class Node {
 public:
  struct Options {
    const Config& config;              // all borrowed, outlive the node
    const ServiceKeys& keys;
    const service::Service& service;
    log::Engine& engine;
    vault::KeyStore& keystore;
    WallClock clock;
    RandomBytes random;
    ErasureHooks* erasures = nullptr;  // null: nothing is erased here
  };
  // Opens the log (a new one gets its Genesis), records agreement, rules and schemas where they
  // changed, and notes the cases whose duties an earlier run did not get to; changed rules or a
  // changed agreement: every case. Errors as log::Log::Open; InvalidArgument when the agreement
  // gives an event type, whoever the parties are, to more agencies than an entry can name.
  static absl::StatusOr<std::unique_ptr<Node>> Open(Options options);
  virtual ~Node() = default;

  // Decides and appends; all accepted offers in one commit. One answer an offer, in order; an
  // answer with receipts is on disk. The answers must not be sent before the call returns.
  virtual std::vector<exchange::v1::OfferAnswer> HandleOffers(
      std::span<const OfferFrom> offers) = 0;

  // The own log has turned out to be an old copy: from now on every offer is refused (TRY_AGAIN,
  // log_behind) and no duty is appended. Replicas are stored on.
  virtual void StopAppending() = 0;

  // The replica of `config.peers[peer]`.
  virtual log::ReplicaLog& replica(size_t peer) = 0;
  // Stores what replica() verified, and marks its cases for Work(). Errors as ReplicaLog::Append;
  // then nothing was taken in.
  virtual absl::Status StoreReplica(size_t peer, const log::VerifiedBatch& batch) = 0;

  // Stores entries of that peer that a later disclosure opened and that were verified against what replica()
  // holds, takes those that are `gone` at their origin off the wanted list, folds their cases anew and
  // marks them for Work(). Errors as log::FillEntries; then nothing was taken in.
  virtual absl::Status StoreFills(size_t peer, std::span<const log::Fill> fills,
                                  std::span<const Position> gone) = 0;

  // Appends control entries, all or none, in one commit; `from_reserve`: a full disk is no hindrance as long as
  // the reserve lasts (log::AppendRequest). Repeats have their original receipts. Errors as
  // log::AppendResult; FailedPrecondition after StopAppending.
  virtual absl::StatusOr<std::vector<log::Receipt>> AppendControl(
      std::span<const ControlToAppend> entries, bool from_reserve) = 0;

  // Who the parties of a case are and what was asked for in it, as folded now; of an access stream by its own
  // id (access::AccessStreamOf). Borrowed until the next call. Errors as the folding of a case.
  virtual absl::StatusOr<const access::CaseAccess*> Access(const CaseId& case_id) = 0;
  // What names parties of the case is about to be erased from another log: where the own log holds a part of the
  // case, it is made to name them itself (PARTY_REASON_CARRIED_OVER), on disk when this returns. Again: nothing.
  // From the reserve of the disk. Errors as log::AppendResult; FailedPrecondition after StopAppending.
  virtual absl::Status CarryOverParties(const CaseId& case_id) = 0;
  // The stored entries of the case have changed (erased): what was folded of them is dropped.
  virtual void Forget(const CaseId& case_id) = 0;

  // Evaluates the duties of cases that were touched or whose day has come, and appends what is due;
  // a bounded number of cases a call, then NextWork() is in the past. Call after each batch of work
  // and at NextWork(). What could not be evaluated or appended is taken up again by a later call or,
  // where a retry cannot help, by the next start; health() says so.
  virtual void Work() = 0;
  virtual absl::Time NextWork() const = 0;

  virtual Position size() const = 0;
  virtual std::string checkpoint() const = 0;
  virtual Opener& opener() = 0;
  // "ok", or what an operator must look at.
  virtual std::string health() const = 0;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_NODE_H_
