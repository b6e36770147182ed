// The origin's side of replication: serves its own log to every subscriber, each its part. A pure
// state machine like Subscriber; a subscriber costs a few words of state for each of at most 32
// commit ends under way, never a queue of bytes. A subscriber is a route: an agency may run several
// replicas, and a new session on a route replaces the route's old one.
#ifndef POLKU_EVENTSTORE_REPLICA_PUBLISHER_H_
#define POLKU_EVENTSTORE_REPLICA_PUBLISHER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/group.h"
#include "eventstore/replica/witness.h"
#include "eventstore/vault/section.h"
#include "polku/event/v1/event.pb.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::replica {

// One Batch message with its payload frames.
struct BatchMessage {
  exchange::v1::Batch batch;  // session not set
  std::string entries;
  std::string blobs;
};

// The secret of one of the own log's sections. Any error ends the cut: a section that is held and
// cannot be handed out is damage (an erasure takes the section itself).
using SectionSecretFn = std::function<absl::StatusOr<vault::SectionSecret>(
    const event::v1::Header&, SectionKind)>;

inline constexpr size_t kMaxErased = 4'096;        // positions told as erased in one batch
inline constexpr size_t kMaxFetchPositions = 256;  // of one Fetch
inline constexpr size_t kMaxFetchBytes = 4 << 20;  // payload of its Fills, and one entry more

// What `receiver` may have of [from, …) of the own log: its disclosed entries with the entitled
// sections, control entries, subtree hashes for all else. What was erased is told as that. At most about `max_bytes` of payload and
// log::kMaxGroupEntries disclosed entries, but at least one entry; ends at the log's size `end` at the
// latest. The checkpoint is set exactly when the batch ends where a commit ended, which it does
// whenever a commit's end is in reach. DataLoss from the engine passes through, as do errors of
// `secret` other than NotFound. Ends at a change of the signing key at the latest.
absl::StatusOr<BatchMessage> CutBatch(log::Engine& engine, std::string_view origin,
                                      std::string_view receiver, Position from, Position end,
                                      size_t max_bytes, const SectionSecretFn& secret);
// The whole of [from, …) of any log held, for a mirror (of the own log) or for the origin that lost it (of
// a mirrored log): every leaf and every blob; secrets only those that `secret` gives for the receiver's own
// sections (empty: none). DataLoss when an entry is withheld here that was not erased.
absl::StatusOr<BatchMessage> CutWhole(log::Engine& engine, LogNumber log, std::string_view origin,
                                      std::string_view receiver, Position from, Position end,
                                      size_t max_bytes, const SectionSecretFn& secret);

// One Fill message with its payload frames; both empty when it is gone.
struct FillMessage {
  exchange::v1::Fill fill;
  std::string entries;
  std::string blobs;
};
// What the origin answers to a Fetch of some positions.
struct Fills {
  std::vector<FillMessage> fills;
  size_t answered = 0;   // how many of the positions, a refused one among them
  bool refused = false;  // the last of these is not opened to the receiver, or there is no such entry
};
// The entries of the own log at `positions` (ascending), whole with the sections opened to `receiver`, by their own
// header or by a later disclosure of their case (PROTOCOL.md "Later disclosures"). Stops after the Fill
// that reaches `max_bytes` of payload, and after a refusal. Errors as CutBatch.
absl::StatusOr<Fills> CutFills(log::Engine& engine, std::string_view origin,
                               std::string_view receiver, std::span<const Position> positions,
                               size_t max_bytes, const SectionSecretFn& secret);

using CutFillsFn = std::function<absl::StatusOr<Fills>(
    std::string_view receiver, std::span<const Position> positions, size_t max_bytes)>;
using CutBatchFn = std::function<absl::StatusOr<BatchMessage>(
    std::string_view receiver, bool mirror, Position from, Position end, size_t max_bytes)>;

struct PublisherOptions {
  std::string origin;
  // What the log had at `from`, and the proof from there to `size`, for subscribers that ask; may be empty.
  std::function<absl::StatusOr<PrefixProof>(Position from, Position size)> prove = {};
  CutFillsFn fills = {};  // empty: every Fetch is refused
  size_t batch_bytes = log::kMaxGroupBytes;       // payload of one Batch, about
  absl::Duration heartbeat = absl::Seconds(5);
  absl::Duration forget_after = absl::Seconds(60);  // a subscriber without a Pull for so long
  size_t max_subscribers = 4'096;
};

// The connection a message came from: opaque to this room.
using Route = std::string;

struct SendBatch { Route to; BatchMessage message; };
struct SendFill { Route to; FillMessage message; };
struct SendHeartbeat { Route to; exchange::v1::Heartbeat heartbeat; };
struct SendError { Route to; exchange::v1::Error error; };
using PublisherOutput = std::variant<SendBatch, SendFill, SendHeartbeat, SendError>;

class Publisher {
 public:
  static std::unique_ptr<Publisher> Make(PublisherOptions options, CutBatchFn cut);
  virtual ~Publisher() = default;

  // The log's size and checkpoint after a commit; call once at the start too. Wakes subscribers.
  virtual std::vector<PublisherOutput> OnCommitted(Position size, std::string_view checkpoint,
                                                   absl::Time now) = 0;
  // `agency` is the transport's authenticated name of the peer, `route` where to answer. The caller has
  // checked that a pull with `mirror` is allowed.
  virtual std::vector<PublisherOutput> OnPull(const Route& route, std::string_view agency,
                                              const exchange::v1::Pull& pull, absl::Time now) = 0;
  // Heard on the route of a running session alone, and answered by Tick beside its batches, some Fills a call; takes
  // the place of what is left of the route's Fetch before. The caller has checked that the agency may replicate
  // or mirror.
  virtual std::vector<PublisherOutput> OnFetch(const Route& route,
                                               const exchange::v1::Fetch& fetch) = 0;
  // A SendFill could not be handed to the transport: the rest of its Fetch is dropped, the subscriber asks again.
  virtual void OnFillFailed(const Route& route) = 0;
  // The SendBatch of the last call could not be handed to the transport (peer slow or gone): it is cut
  // again when the subscriber pulls next. No call returns two batches for one route.
  virtual void OnSendFailed(const Route& route) = 0;
  // What heartbeats tell besides the newest checkpoint: asked for once for each round of them. What has
  // no room in one (kMaxCosigned, kMaxSeen) is told in the next ones, in turn.
  struct HeartbeatExtras {
    std::vector<exchange::v1::Cosigned> cosigned;  // proofs lead to the checkpoint of the last OnCommitted
    std::vector<std::string> seen;
  };
  using ExtrasFn = std::function<HeartbeatExtras()>;
  virtual void SetExtras(ExtrasFn extras) = 0;
  // There are new cosignatures: tell them at most a second late.
  virtual void OnCosigned(absl::Time now) = 0;
  // The connection counts no more (its key was revoked): nothing is sent there again before it pulls anew.
  virtual void Forget(const Route& route) = 0;
  // What the subscriber on that route calls itself, for status(); no such subscriber: nothing happens.
  virtual void SetName(const Route& route, std::string_view name) = 0;
  virtual std::vector<PublisherOutput> Tick(absl::Time now) = 0;
  // InfinitePast: more batches can go out now.
  virtual absl::Time NextTick() const = 0;

  virtual std::vector<exchange::v1::SubscriberStatus> status() const = 0;
};

}  // namespace polku::replica

#endif  // POLKU_EVENTSTORE_REPLICA_PUBLISHER_H_
