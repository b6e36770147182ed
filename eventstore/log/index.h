// Index keys (eventstore/rocksdb/FORMAT.md "Index" is the same table). Every index can be made again
// from the logs (RebuildIndex, `polku reindex`, and the host's next start).
//
//   'c' case[16] log[4] position[8]  → order[8] ‖ varint revision     entries of a case
//   'e' event id[16] author agency   → position[8] ‖ varint revision  own log: idempotency
//                                      [‖ log[4]]                     a replica: an earlier epoch of it
//   'd' receiver agency              → number[8]                      own log: newest running number
//   't' day[4] case[16]              → ""                             host: a duty may fall due
//   'w' log[4]                       → position[8]                    host: duties evaluated up to here
//   'h'                              → scanned to[8] ‖ agreement position[8] ‖ SHA-256 of agreement[32]
//                                      ‖ of profile[32] ‖ of each schema[32], ascending
//                                                                     host: own log's control entries
//   'n' log[4] level[1] index[8]     → hash[32]                       tree.h: nodes of level 8 and above
//   'k' log[4] position[8]           → type                           control entries
//   'b' log[4] position[8]           → section bits[1]                replica: opened to us later, not yet held
//   'x' log[4] before[8]             → after[8] ‖ missing[8]          replica: a hole that no Erased explains yet
//   'p' log[4] position[8]           → host (services/host/persons.h): who is meant, blinded   an entry that names a person
//   'q' log[4]                       → position[8] ‖ key[8]           host: 'p' made up to here, under that key
//   'v'                              → 0x03                           the index is complete, format 3
// Numbers are big-endian; day counts from 1970-01-01, earlier days are 0. 'w' and "scanned to" name the
// first position not yet read; 't', 'w', 'h', 'p' and 'q' are written without a sync: a crash may lose the newest.
#ifndef POLKU_EVENTSTORE_LOG_INDEX_H_
#define POLKU_EVENTSTORE_LOG_INDEX_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/reader.h"

namespace polku::log {

inline constexpr std::string_view kTimerPrefix = "t";
std::string CaseIndexPrefix(const CaseId& case_id);
std::string CaseIndexKey(const CaseId& case_id, LogNumber log, Position position);
std::string CaseIndexValue(Order order, Revision revision);
std::string EventIndexKey(const EventId& id, std::string_view author_agency);
std::string EventIndexValue(Position position, Revision revision, LogNumber log = kOwnLog);
std::string DisclosureIndexKey(std::string_view receiver);
std::string TimerIndexKey(absl::CivilDay day, const CaseId& case_id);
std::string ControlIndexKey(LogNumber log, Position position);
std::string WantedIndexKey(LogNumber log, Position position);
std::string HoleIndexKey(LogNumber log, Position before);
std::string PersonIndexKey(LogNumber log, Position position);
std::string PersonMarkKey(LogNumber log);
// The prefix of one log's keys of that kind: 'k', 'b', 'x' or 'p'.
std::string LogIndexPrefix(char kind, LogNumber log);
// The position that a key of 'k', 'b' or 'x' ends with; nullopt: malformed.
std::optional<Position> ParseLogIndexKey(std::string_view key);
std::string WantedIndexValue(SectionSet sections);
std::string HoleIndexValue(Position after, uint64_t missing);
bool ParseWantedIndexValue(std::string_view value, SectionSet& sections);
bool ParseHoleIndexValue(std::string_view value, Position& after, uint64_t& missing);
bool ParseTimerIndexKey(std::string_view key, absl::CivilDay& day, CaseId& case_id);
std::string ProcessedIndexKey(LogNumber log);

// Put by the first commit into an empty store and by a finished RebuildIndex; removed by ClearIndex.
// So a rebuild that was interrupted shows, and no log opens on half an index.
inline constexpr std::string_view kIndexVersionKey = "v";
inline constexpr std::string_view kIndexVersion{"\x03", 1};
// FailedPrecondition, naming `polku reindex`, unless the store is empty or its index complete.
absl::Status CheckIndexComplete(Engine& engine);

// The case index value read back; false when malformed.
bool ParseCaseIndexValue(std::string_view value, Order& order, Revision& revision);
bool ParseEventIndexValue(std::string_view value, Position& position, Revision& revision,
                          LogNumber& log);

// Those of the logs that are earlier epochs of the origin (the same agency and service), the oldest
// first: their events count as appended before.
std::vector<HeldLog> EarlierEpochs(const std::vector<HeldLog>& logs, const OriginName& origin);
// Of a replica that is such an earlier epoch: the logs whose events count before its own in 'e', the own log
// first. Of any other log: none, and its events are not in 'e'.
absl::StatusOr<std::vector<LogNumber>> NewerEpochs(Engine& engine, std::string_view origin);
// Adds 'e' of an entry of such a replica, unless the event is one of a newer epoch.
absl::Status AddEpochEvent(Engine& engine, const std::vector<LogNumber>& newer_epochs, LogNumber log,
                           Position position, const event::v1::Header& header,
                           std::vector<KeyValue>& index);

// Clears the index and rewrites 'c', 'e', 'd', 'n', 'k', 'b', 'x' and, last, 'v' from the logs; the host makes 't', 'w',
// 'h', 'p' and 'q' again at its next start (no 'w': every case is evaluated again, which repeats are proof against;
// no 'h': the own log is read for its control entries from the beginning).
// DataLoss, with the index as it was: a log cannot be read, or its entries are not those of its head.
// `progress(done, total)` in entries, called at least once a second; may be empty.
absl::Status RebuildIndex(Engine& engine,
                          const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_INDEX_H_
