// The log of one origin, of which this process is the only writer: append with expected revisions,
// permanent idempotency and group commit (DESIGN "The log").
#ifndef POLKU_EVENTSTORE_LOG_LOG_H_
#define POLKU_EVENTSTORE_LOG_LOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::log {

struct SealedSection {
  SectionKind kind;
  Hash commitment;
  std::string blob;
};

struct DisclosureTarget {
  std::string receiver;  // agency
  SectionSet sections;   // empty: the header alone; recorded are those of them that the entry has
  Position agreement;    // position of the AgreementChanged entry in this log
};

struct CauseRef {
  std::string origin;
  Position position;
  Hash leaf_hash;
};

// An entry to be appended; the log adds random, position, revision, recorded_at, order and the
// receivers' running numbers.
struct NewEntry {
  EventId id;
  std::string type;
  std::string author_agency;
  std::string author_official;
  CaseId case_id;                             // zero exactly when `control` is set
  Hash schema_hash;                           // zero for control entries
  Order newest_cause;                         // highest order among the causes; 0: none
  std::vector<CauseRef> causes;
  std::vector<SealedSection> sections;        // ascending by kind
  std::vector<DisclosureTarget> disclosures;  // ascending by receiver, each once
  std::string control;                        // serialized control message
  // Of a later disclosure (event.proto "LaterDisclosure"): entries of this case and log, ascending.
  struct Opened {
    Position position;
    SectionSet sections;
  };
  struct Later {
    std::string receiver;
    Position agreement;
    std::vector<Opened> entries;  // 1 to kMaxOpenedEntries
  };
  std::optional<Later> later = std::nullopt;
  EventId corrects = {};                      // zero: corrects nothing
};

// "Append only if the case's revision in this log is exactly `revision`"; 0: the log must not hold
// the case yet. A case without an expectation is appended to at any revision.
struct ExpectedRevision {
  CaseId case_id;
  Revision revision;
};

// All entries of a request are appended together or not at all. Entries that repeat earlier ones take
// no part: they get their original receipts, and `expected` binds the request's new entries only.
struct AppendRequest {
  std::vector<NewEntry> entries;  // 1 to kMaxEntriesPerAppend
  std::vector<ExpectedRevision> expected;
  // May use the room that is kept for records of access and erasures when the disk is full (Engine::Commit).
  bool from_reserve = false;
};

struct Receipt {
  EventId id;
  // The log that holds the entry: kOwnLog, or the replica of an earlier epoch of this origin, whose
  // receipts stay good for ever.
  LogNumber log = kOwnLog;
  Position position;
  Revision revision;
  Order order;
  Hash leaf_hash;
  bool repeated = false;  // the original receipt of an earlier append of the same entry
};

struct AppendResult {
  // OK: `receipts`, one per entry, and everything is on disk.
  // Aborted: an expected revision did not hold; `actual` tells the true ones. Nothing appended.
  // AlreadyExists: an event id of this author was used with other content. Nothing appended.
  // InvalidArgument: a limit or form was broken. Nothing appended; do not retry.
  // ResourceExhausted: disk full. Nothing appended; retry when there is room.
  // Unavailable: the log stopped after a failed write; whether it was appended shows after reopening
  //   (a repeat of the same request is safe then).
  absl::Status status;
  std::vector<Receipt> receipts;
  std::vector<ExpectedRevision> actual;
};

// The log of an earlier epoch that this one goes on from (DESIGN "Proof", rollback): its Genesis says so.
struct Predecessor {
  std::string origin;
  std::string checkpoint;  // signed note of what of it is held here, as replica, or of what was lost
  uint64_t held_size = 0;  // the note's, or 0
  uint64_t known_size = 0; // the largest size it is known to have had; above held_size: a gap
  std::string reason;
};

struct LogOptions {
  OriginName origin;
  WallClock clock;
  RandomBytes random;
  const proof::Signer* signer;  // borrowed, outlives the log
  // For Recover only: the Genesis's key, where the log may be an old copy, or lost, from before its signing key
  // was changed. Then nothing can be appended until what is missing is there.
  std::optional<proof::VerifierKey> first_key = std::nullopt;
  std::optional<Predecessor> predecessor = std::nullopt;  // for a Genesis that is to be written
};

class Log {
 public:
  // Opens the log that the engine holds as kOwnLog; an empty log gets its Genesis written when
  // `genesis_curve_key` (32 bytes) is given; where the engine holds earlier epochs of the origin, its order
  // is above all of theirs and the index is then made anew. FailedPrecondition: the engine holds another
  // origin's log or its newest signing key is another. DataLoss: head and log disagree.
  static absl::StatusOr<std::unique_ptr<Log>> Open(Engine& engine, LogOptions options,
                                                   std::string_view genesis_curve_key);
  virtual ~Log() = default;

  // Appends as many requests as possible in one commit group: one batch, one sync, one checkpoint.
  // Results in the order of the requests. Thread-safe: concurrent callers are drained into one
  // group by whichever of them leads. A later request sees the effect of an earlier one. A change of the signing
  // key (KeyChanged of use SIGNING; the last entry of its request) ends its commit, and nothing can be
  // appended after it (Unavailable) before the log was opened with the new key.
  virtual std::vector<AppendResult> Append(std::span<const AppendRequest> requests) = 0;

  // The receipts of an earlier append of exactly these entries: nullopt when any of them is new.
  // AlreadyExists when an id was used with other content. Sameness is type, author, official, case,
  // commitments and control content (DESIGN "The log").
  virtual absl::StatusOr<std::optional<std::vector<Receipt>>> FindRepeat(
      const AppendRequest& request) = 0;

  // Appends the verified continuation of this log as a mirror gave it back (blobs without secrets): one
  // synced commit with all index entries, under the mirror's checkpoint. Verified here once more: root
  // and signature are checked, `nodes` and `head` are made anew. A leaf may be withheld alone (level 0) where an
  // Erased of the batch names it, or `holes` say that one will. Only before the
  // first Append of this process, a Genesis written by Open included. FailedPrecondition: later, or the
  // batch does not start at size(). InvalidArgument: not whole, with secrets, or not what this origin's
  // key signed. Nothing is written then. Errors otherwise as Engine::Commit.
  virtual absl::Status Recover(const VerifiedBatch& batch) = 0;

  virtual Position size() const = 0;
  virtual Order last_order() const = 0;
  // The signed note for size(); "" for an empty log.
  virtual std::string checkpoint() const = 0;
  // 0 when this log does not hold the case.
  virtual absl::StatusOr<Revision> CaseRevision(const CaseId& case_id) = 0;
};

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_LOG_H_
