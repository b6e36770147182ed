// The subscriber's side of replication: follows one remote origin, verifies everything before it is
// stored (PROTOCOL.md "Verification"). A pure state machine: no I/O, no clock, no threads;
// (state, message, now) → outputs.
#ifndef POLKU_EVENTSTORE_REPLICA_SUBSCRIBER_H_
#define POLKU_EVENTSTORE_REPLICA_SUBSCRIBER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/log/head.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/vault/section.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::replica {

struct SubscriberOptions {
  std::string origin;            // whose log
  std::string own_agency;        // disclosures to this agency are expected
  proof::VerifierKey origin_key; // its checkpoints must be signed by this
  // Memory bound: at most so many payload bytes are held, and one entry more, except for a commit
  // that alone is larger: that is held whole until its checkpoint comes, up to max_commit_bytes.
  uint64_t credit_bytes = 8 << 20;
  uint64_t max_commit_bytes = 64 << 20;
  absl::Duration keepalive = absl::Seconds(2);      // a Pull at least this often
  absl::Duration silent_after = absl::Seconds(15);  // no word for so long: SILENT, new session
  absl::Duration retry_after_fault = absl::Seconds(30);
  // Told once, before the wraps of a StoreBatch, what they will be for, so that missing case keys are
  // made with one sync and not one each. May be empty.
  std::function<absl::Status(const std::vector<std::pair<CaseId, SectionKind>>&)> prepare_keys = {};
};

// A received section's secret, to be wrapped under this agency's own case key before storing.
using WrapSecretFn = std::function<absl::StatusOr<std::string>(
    const CaseId&, SectionKind, const Hash& commitment, const vault::SectionSecret&)>;

struct SendPull { exchange::v1::Pull pull; };
// Store it (synced), then call OnStored. Nothing is acknowledged before.
struct StoreBatch { log::VerifiedBatch batch; };
// What came did not verify, or a gap: never skipped. Also told by status() until it is over.
struct RaiseAlarm { std::string what; };
using SubscriberOutput = std::variant<SendPull, StoreBatch, RaiseAlarm>;

class Subscriber {
 public:
  // Goes on from `stored` (an empty head with the origin's name for a new replica).
  static std::unique_ptr<Subscriber> Make(SubscriberOptions options, log::LogHead stored,
                                          WrapSecretFn wrap, RandomBytes random);
  virtual ~Subscriber() = default;

  // Starts a session. To be called again whenever the link has come up, so that catching up does not
  // wait for the next keep-alive; what came before is asked for again.
  virtual std::vector<SubscriberOutput> Start(absl::Time now) = 0;
  // `entries`, `blobs`: the payload frames, borrowed for the call. Batches of an old session are
  // ignored. At most one StoreBatch is outstanding.
  virtual std::vector<SubscriberOutput> OnBatch(const exchange::v1::Batch& batch,
                                                std::string_view entries, std::string_view blobs,
                                                absl::Time now) = 0;
  virtual std::vector<SubscriberOutput> OnHeartbeat(const exchange::v1::Heartbeat& heartbeat,
                                                    absl::Time now) = 0;
  virtual std::vector<SubscriberOutput> OnError(const exchange::v1::Error& error,
                                                absl::Time now) = 0;
  // The outstanding batch is on disk (its head is the new state), or storing failed: then the
  // session starts over after retry_after_fault. Precondition: a StoreBatch is outstanding.
  virtual std::vector<SubscriberOutput> OnStored(absl::Status stored, absl::Time now) = 0;
  virtual std::vector<SubscriberOutput> Tick(absl::Time now) = 0;
  // When Tick has something to do next.
  virtual absl::Time NextTick() const = 0;

  virtual exchange::v1::SubscriptionStatus status() const = 0;
};

}  // namespace polku::replica

#endif  // POLKU_EVENTSTORE_REPLICA_SUBSCRIBER_H_
