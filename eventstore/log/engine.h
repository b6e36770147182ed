// The storage engine under the logs of one service: its own log and its replicas of others.
// Small on purpose (DESIGN "The log"): append groups at an expected position, read a range, side
// indexes. One conformance suite (tests/log/engine_conformance.h) runs over every engine.
//
// Thread-safety: reads and Purge from any thread at any time; Commit, Rewrite, WriteIndex, ClearIndex and
// WriteRecords from one thread at a time.
#ifndef POLKU_EVENTSTORE_LOG_ENGINE_H_
#define POLKU_EVENTSTORE_LOG_ENGINE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"

namespace polku::log {

using KeyValue = std::pair<std::string, std::string>;

struct StoredGroup {
  Position first;
  std::string entries;  // group.h encoding
  std::string blobs;    // empty when there are none, or when not asked for
};

// Everything one commit makes durable, atomically and with one sync.
struct CommitBatch {
  LogNumber log;
  Position expected_size;           // must be the log's size before; groups start there, gapless
  Position new_size;                // after
  std::vector<StoredGroup> groups;  // ascending
  std::string checkpoint;           // the signed note for new_size
  std::string head;                 // encoded LogHead (head.h), for new_size
  std::vector<KeyValue> index;      // index entries put
  std::vector<std::string> index_deletes = {};  // after the puts
  bool from_reserve = false;        // may use half of the room that is kept when the disk is full (FORMAT.md)
};

// Groups that take the place of stored ones (rewrite.h): same first positions, same positions covered. The
// log's size, head and checkpoints stay.
struct RewriteBatch {
  LogNumber log;
  std::vector<StoredGroup> groups;  // ascending; no blobs: any stored blobs value is removed
  std::vector<KeyValue> index_puts;
  std::vector<std::string> index_deletes;  // after the puts
};

// What a rewrite has left behind on the disk: old values of the groups in [from, to).
struct PurgeRange {
  LogNumber log;
  Position from;
  Position to;
};

class GroupCursor {
 public:
  virtual ~GroupCursor() = default;
  // The next group; nullopt at the end as it was when the cursor was made. DataLoss: a stored value
  // is corrupt or a group is missing; the message names log and position. Views of an earlier
  // result stay valid until the next call.
  virtual absl::StatusOr<std::optional<StoredGroup>> Next() = 0;
};

class IndexCursor {
 public:
  virtual ~IndexCursor() = default;
  // Ascending by key (bytes). nullopt at the end of the prefix.
  virtual absl::StatusOr<std::optional<KeyValue>> Next() = 0;

  struct View {
    std::string_view key;
    std::string_view value;
  };
  // The same, borrowed until the next call: for who reads an index whole.
  virtual absl::StatusOr<std::optional<View>> NextView() {
    absl::StatusOr<std::optional<KeyValue>> next = Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return std::optional<View>();
    last_ = **std::move(next);
    return std::optional<View>(View{last_.first, last_.second});
  }

 private:
  KeyValue last_;
};

// What is stored by position: groups' entries and blobs by their first position, checkpoints by size.
enum class StoredPart { kEntries, kBlobs, kCheckpoints };

class StoredCursor {
 public:
  virtual ~StoredCursor() = default;
  struct Value {
    Position key;
    std::string_view bytes;  // borrowed until the next call
  };
  // Ascending by key; nullopt at the end. DataLoss: what lies at and behind the last key cannot be read;
  // another cursor may be tried further on.
  virtual absl::StatusOr<std::optional<Value>> Next() = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // On OK everything is on disk. FailedPrecondition: expected_size is not the log's size, nothing
  // written. ResourceExhausted: the disk is full, nothing written, may be tried again when there is
  // room. Any other error: the engine refuses all later commits (a failed sync may have lost
  // data that only a reopening can tell), reads go on.
  virtual absl::Status Commit(const CommitBatch& batch) = 0;

  // Replaces groups, atomically and synced; may use the reserve. FailedPrecondition: a group does not start or
  // end where a stored one does; nothing written. Errors otherwise as Commit.
  virtual absl::Status Rewrite(const RewriteBatch& batch) = 0;
  // Makes replaced values and deleted index entries go from the disk: memory is written out, write-ahead logs
  // that held them are deleted, tables are compacted. On OK no file of the engine holds the old bytes. May take
  // minutes; thread-safe beside everything else; safe to repeat.
  virtual absl::Status Purge(std::span<const PurgeRange> ranges) = 0;

  // The encoded head of a log; nullopt when the log holds nothing yet.
  virtual absl::StatusOr<std::optional<std::string>> ReadHead(LogNumber log) = 0;
  // Numbers of all logs that have a head, ascending.
  virtual absl::StatusOr<std::vector<LogNumber>> Logs() = 0;
  // The newest checkpoint whose size is at most `size`; nullopt when there is none.
  virtual absl::StatusOr<std::optional<std::string>> ReadCheckpoint(LogNumber log,
                                                                    Position size) = 0;

  // All checkpoints of a log, ascending by size: key size[8] big-endian, value the note.
  virtual std::unique_ptr<IndexCursor> Checkpoints(LogNumber log) = 0;

  // The group that holds `position`. OutOfRange when the log is not that long.
  virtual absl::StatusOr<StoredGroup> ReadGroup(LogNumber log, Position position,
                                                bool with_blobs) = 0;
  // Groups from the one that holds `from` on. An empty range is not an error.
  virtual absl::StatusOr<std::unique_ptr<GroupCursor>> Scan(LogNumber log, Position from,
                                                            bool with_blobs) = 0;

  // The values of a part with `from` <= key < `to` as they lie there, whether or not they parse, follow each
  // other or belong to the log's present size: for verification.
  virtual std::unique_ptr<StoredCursor> ScanStored(LogNumber log, StoredPart part, Position from,
                                                   Position to) = 0;

  virtual absl::StatusOr<std::optional<std::string>> IndexGet(std::string_view key) = 0;
  virtual std::unique_ptr<IndexCursor> IndexScan(std::string_view prefix) = 0;
  // The greatest key with that prefix that is <= prefix ‖ suffix; nullopt when there is none.
  // InvalidArgument: `prefix` is empty.
  virtual absl::StatusOr<std::optional<KeyValue>> IndexFloor(std::string_view prefix,
                                                             std::string_view suffix) = 0;
  // Not synced, but never on disk before an earlier write is: what is lost at a crash is a suffix.
  virtual absl::Status WriteIndex(std::span<const KeyValue> puts,
                                  std::span<const std::string> deletes) = 0;
  // Removes every index entry (reindex).
  virtual absl::Status ClearIndex() = 0;

  // Records (records.h): what cannot be made again from the logs. ClearIndex leaves them. As with the
  // index, what a crash loses of writes without sync is a suffix.
  virtual absl::StatusOr<std::optional<std::string>> RecordGet(std::string_view key) = 0;
  virtual std::unique_ptr<IndexCursor> RecordScan(std::string_view prefix) = 0;
  virtual absl::StatusOr<std::optional<KeyValue>> RecordFloor(std::string_view prefix,
                                                              std::string_view suffix) = 0;
  // `sync`: on disk before it returns. Errors as Commit.
  virtual absl::Status WriteRecords(std::span<const KeyValue> puts, bool sync) = 0;
};

// What every engine checks of a commit before writing. InvalidArgument: groups are not gapless from
// expected_size to new_size, or the head is not of new_size: a programmer's error, nothing written.
absl::Status CheckCommit(const CommitBatch& batch);
// What every engine checks of each group of a rewrite before writing, against the entries that are stored at its
// first position (nullptr: none). FailedPrecondition as Engine::Rewrite.
absl::Status CheckRewrite(LogNumber log, const StoredGroup& group, const std::string* stored);
// The FailedPrecondition of a commit whose expected_size is not `size`.
absl::Status SizeMismatch(const CommitBatch& batch, Position size);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_ENGINE_H_
