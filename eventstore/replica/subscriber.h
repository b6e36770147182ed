// The subscriber's side of replication: follows one remote origin, verifies everything before it is
// stored (PROTOCOL.md "Verification"). A pure state machine: no I/O, no clock, no threads;
// (state, message, now) → outputs.
#ifndef POLKU_EVENTSTORE_REPLICA_SUBSCRIBER_H_
#define POLKU_EVENTSTORE_REPLICA_SUBSCRIBER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/replica/lookups.h"
#include "eventstore/replica/witness.h"
#include "eventstore/vault/section.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::replica {

// What a replica's key has cosigned, as its host remembers it apart from what is stored.
struct CosignedBefore {
  proof::Checkpoint checkpoint;
  std::string note;  // as the origin signed it
};

struct SubscriberOptions {
  std::string origin;            // whose log
  std::string own_agency;        // disclosures to this agency are expected
  // Its checkpoints must be signed by the one of their size: the configured one, and those that what is stored
  // of the log has named since (log::KeysOf).
  proof::LogKeys origin_keys;
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
  // Signs what is verified and stored (a kCosignature key), borrowed; null: this replica does not cosign.
  const proof::Signer* cosigner = nullptr;
  // The largest of this log. What is stored may be an older copy, or become another history: then nothing is
  // cosigned ("Cosigning" 4).
  std::optional<CosignedBefore> cosigned_before = {};
  std::vector<TrustedWitness> witnesses = {};  // whose cosignatures told by the origin are kept
  // Of what is stored. May be empty: then older checkpoints cannot be compared.
  PrefixFn prefix = {};
  std::string stored_checkpoint = {};  // the note of the stored head; "" for a new replica
  // The origin is known to have signed two histories (kept evidence): it is followed, never cosigned.
  bool forked = false;
  bool mirror = false;  // ask for everything, hold sections that are not ours sealed as they are
  // Into what is stored. With empty functions nothing is fetched, and no hole is taken.
  StoredLookups lookups = {};
  std::vector<log::WantedEntry> wanted = {};            // log::WantedEntries of what is stored
  std::vector<log::VerifiedBatch::Hole> holes = {};     // log::ReplicaLog::UnexplainedHoles
};

// A received section's secret, to be wrapped under this agency's own case key before storing.
using WrapSecretFn = std::function<absl::StatusOr<std::string>(
    const CaseId&, SectionKind, const Hash& commitment, const vault::SectionSecret&)>;

struct SendPull { exchange::v1::Pull pull; };
// Store it (synced), then call OnStored. Nothing is acknowledged before.
struct StoreBatch { log::VerifiedBatch batch; };
// Asks for entries that were opened later. A lost one is asked for again.
struct SendFetch { exchange::v1::Fetch fetch; };
// Verified entries that were opened later, sections' secrets wrapped, and wanted positions that are gone. Store both
// (log::FillEntries, log::GiveUpWanted), then call OnFillsStored. Never outstanding together with a StoreBatch.
struct StoreFills {
  std::vector<log::Fill> fills;  // ascending
  std::vector<Position> gone;    // ascending
};
// What came did not verify, or a gap: never skipped. Also told by status() until it is over.
struct RaiseAlarm { std::string what; };
// Stored, persisted, and now said. Sent after each store and at the start of each session, so that an
// origin that restarted learns at once whether it is an old copy.
struct SendCosign { exchange::v1::Cosign cosign; };
// Proof that the origin signed two histories: a checkpoint pair (proof/proof_file.h). To be kept (synced).
struct KeepFork { std::string pair; };
// Verified cosignatures of other witnesses on what is stored here.
struct KeepCosignatures { std::vector<log::KeptCosignature> cosignatures; };
using SubscriberOutput = std::variant<SendPull, StoreBatch, SendFetch, StoreFills, RaiseAlarm,
                                      SendCosign, KeepFork, KeepCosignatures>;

struct SeenOutcome {
  std::vector<SubscriberOutput> outputs;
  // False: it is beyond what is stored, or withheld entries hide its size; told again later, it may be decided.
  bool decided = true;
};

class Subscriber {
 public:
  // Goes on from `stored` (an empty head with the origin's name for a new replica).
  static std::unique_ptr<Subscriber> Make(SubscriberOptions options, log::LogHead stored,
                                          WrapSecretFn wrap, RandomBytes random);
  virtual ~Subscriber() = default;

  // Starts a session. To be called again whenever the link has come up, so that catching up does not
  // wait for the next keep-alive; what came before is asked for again. Cosigns what is stored.
  virtual std::vector<SubscriberOutput> Start(absl::Time now, absl::Time wall) = 0;
  // `entries`, `blobs`: the payload frames, borrowed for the call. Batches of an old session are
  // ignored. At most one StoreBatch is outstanding.
  virtual std::vector<SubscriberOutput> OnBatch(const exchange::v1::Batch& batch,
                                                std::string_view entries, std::string_view blobs,
                                                absl::Time now) = 0;
  // What was not asked for is ignored. `entries`, `blobs`: as of OnBatch; empty when it is gone.
  virtual std::vector<SubscriberOutput> OnFill(const exchange::v1::Fill& fill,
                                               std::string_view entries, std::string_view blobs,
                                               absl::Time now) = 0;
  virtual std::vector<SubscriberOutput> OnHeartbeat(const exchange::v1::Heartbeat& heartbeat,
                                                    absl::Time now, absl::Time wall) = 0;
  // A checkpoint of this log as another agency was shown it (a heartbeat's `seen`): compared with ours. Not
  // signed by the origin: ignored, and decided by that.
  virtual SeenOutcome OnSeen(std::string_view note, absl::Time now) = 0;
  virtual std::vector<SubscriberOutput> OnError(const exchange::v1::Error& error,
                                                absl::Time now) = 0;
  // The outstanding batch is on disk (its head is the new state) and is cosigned with `wall`, the time
  // of the wall clock; or storing failed: then the
  // session starts over after retry_after_fault. Precondition: a StoreBatch is outstanding.
  virtual std::vector<SubscriberOutput> OnStored(absl::Status stored, absl::Time now,
                                                 absl::Time wall) = 0;
  // The outstanding StoreFills are on disk, or storing failed: then they are fetched again after
  // retry_after_fault. Precondition: they are outstanding.
  virtual std::vector<SubscriberOutput> OnFillsStored(absl::Status stored, absl::Time now) = 0;
  virtual std::vector<SubscriberOutput> Tick(absl::Time now) = 0;
  // When Tick has something to do next.
  virtual absl::Time NextTick() const = 0;

  // Whose cosignatures are kept from now on; what was told of a witness whose key stays is kept.
  virtual void SetWitnesses(std::vector<TrustedWitness> witnesses) = 0;

  virtual exchange::v1::SubscriptionStatus status() const = 0;
};

}  // namespace polku::replica

#endif  // POLKU_EVENTSTORE_REPLICA_SUBSCRIBER_H_
