// The two ways in which what is stored of a log changes after it was written: entries opened later come into
// a replica (fill), and what was erased goes (erase). The tree, its hashes and every proof stay as they are.
// Both are idempotent: after a crash the same call finishes what was begun. One thread at a time, that of the
// engine's commits; readers go on.
#ifndef POLKU_EVENTSTORE_LOG_REWRITE_H_
#define POLKU_EVENTSTORE_LOG_REWRITE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/group.h"
#include "eventstore/proof/merkle.h"

namespace polku::log {

// ---- Fill ----

// What is held of one position of a log.
struct HeldPosition {
  std::optional<std::string> leaf;  // none: withheld or erased
  proof::Subtree withheld;          // then: the stored subtree that covers the position
  Position withheld_from;           // and its first position
  SectionSet sections;              // held, with or without their secrets
  SectionSet opened;                // with a wrapped secret
};
// OutOfRange: the log is not that long. DataLoss: corrupt.
absl::StatusOr<HeldPosition> FindHeld(Engine& engine, LogNumber log, Position position);
// The same for many positions: the last group is kept, as it was when it was read. Not thread-safe.
class HeldReader {
 public:
  HeldReader(Engine& engine, LogNumber log) : engine_(engine), log_(log) {}
  absl::StatusOr<HeldPosition> Find(Position position);

 private:
  Engine& engine_;
  const LogNumber log_;
  StoredGroup group_;
  GroupView view_;  // into group_
  bool loaded_ = false;
};

struct FilledBlob {
  SectionKind kind;
  std::string secret;  // wrapped, 72 bytes
  std::string blob;
};
struct Fill {
  Position position;
  std::string leaf;
  std::vector<FilledBlob> blobs;  // ascending by kind; take the place of what is held of these kinds
  std::vector<Hash> siblings;     // from the leaf upwards, at least up to the stored subtree; unused when the leaf is held
};
// Puts verified entries into a replica: splits the withheld subtree, adds the case index, the tree nodes that
// appear, and takes the position off the wanted list. One synced commit. InvalidArgument, nothing
// written: the leaf with its siblings is not the stored subtree, or not the held leaf.
absl::Status FillEntries(Engine& engine, LogNumber log, std::span<const Fill> fills);
// Takes positions off the wanted list without filling them: they are gone at the origin.
absl::Status GiveUpWanted(Engine& engine, LogNumber log, std::span<const Position> positions);

// Entries that a later disclosure opened to this agency and that are not held yet, ascending.
struct WantedEntry {
  Position position;
  SectionSet sections;
};
absl::StatusOr<std::vector<WantedEntry>> WantedEntries(Engine& engine, LogNumber log);

// ---- Erase ----

struct ErasedPart {
  Position position;
  SectionSet sections;
  bool leaf = false;
};
struct NamedParts {
  std::string origin;  // whose entries: of the log that the Erased stands in, or of an earlier epoch of it
  std::vector<ErasedPart> parts;
};
// What a polku.event.v1.Erased (its serialized form) at `position` of the log of `origin` names. DataLoss: not of
// its form, or of a log that is no earlier epoch.
absl::StatusOr<NamedParts> ParseErased(std::string_view control, std::string_view origin,
                                       Position position);
// All that held Erased entries say of one log: its own, and those of later epochs that are held. What is not of its
// form says nothing. OK and none: the log is not held. DataLoss: a log cannot be read.
struct ErasedBy {
  LogNumber log;  // where the Erased stands
  Position position;
  std::vector<ErasedPart> parts;
};
absl::StatusOr<std::vector<ErasedBy>> ErasuresOf(Engine& engine, LogNumber log);
// What is still wanted of a wanted entry after that erasure of it; nullopt: nothing.
std::optional<SectionSet> StillWanted(SectionSet sections, const ErasedPart& erased);

// Removes blobs and leaves (a leaf becomes its hash) and the index entries of removed leaves, in synced
// commits; own log and replicas alike. What is not there (any more) is no error, and is in the result too. The
// old bytes are still on the disk, in files that the engine no longer reads, until Engine::Purge of the result.
// OutOfRange: the log is not that long. InvalidArgument: a leaf is that of a control entry, which are never
// erased. Parts below the one in question may be done then.
absl::StatusOr<std::vector<PurgeRange>> EraseEntries(Engine& engine, LogNumber log,
                                                     std::span<const ErasedPart> parts);

// ---- Control entries, by index ----

struct ControlEntry {
  Position position;
  std::string type;
};
// Of one log, ascending; `type` empty: all of them.
absl::StatusOr<std::vector<ControlEntry>> ControlEntries(Engine& engine, LogNumber log,
                                                         std::string_view type);

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_REWRITE_H_
