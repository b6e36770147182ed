// Reading what a service holds: entries by position, a case across all logs, whole logs in order.
// Works on a live engine from any thread, and on an engine opened read-only by another process.
#ifndef POLKU_EVENTSTORE_LOG_READER_H_
#define POLKU_EVENTSTORE_LOG_READER_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"

namespace polku::log {

struct HeldLog {
  LogNumber number;
  LogHead head;
};
// Every log the engine holds; the own log first when there is one.
absl::StatusOr<std::vector<HeldLog>> HeldLogs(Engine& engine);

struct CaseEntryRef {
  LogNumber log;
  Position position;
  Order order;
  Revision revision;  // in its log
};
// The case's entries in one log, ascending. Uses the case index.
absl::StatusOr<std::vector<CaseEntryRef>> CaseEntries(Engine& engine, const CaseId& case_id);

// A disclosed entry with its bytes; views borrow from the reader until its next call.
struct EntryView {
  LogNumber log;
  Position position;
  std::string_view leaf;
  const event::v1::Header* header;  // parsed
  std::vector<BlobView> blobs;
};

// Reads entries of one log, ascending, skipping withheld ones (their count is told). Reuses its
// buffers; not thread-safe.
class EntryReader {
 public:
  static absl::StatusOr<std::unique_ptr<EntryReader>> Make(Engine& engine, LogNumber log,
                                                           Position from, bool with_blobs);
  virtual ~EntryReader() = default;
  // nullopt at the end. DataLoss names log and position.
  virtual absl::StatusOr<std::optional<EntryView>> Next() = 0;
  virtual uint64_t withheld() const = 0;  // entries passed over so far
};

// Random access with the last group kept, for folding one case. Not thread-safe.
class EntryFetcher {
 public:
  explicit EntryFetcher(Engine& engine) : engine_(engine) {}
  // NotFound: withheld from us. OutOfRange: not that long. DataLoss: corrupt.
  absl::StatusOr<EntryView> Fetch(LogNumber log, Position position, bool with_blobs);

 private:
  Engine& engine_;
  LogNumber log_;
  StoredGroup group_;
  GroupView view_;  // into group_
  bool loaded_ = false;
  bool loaded_blobs_ = false;
  event::v1::Header header_;
};

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_READER_H_
