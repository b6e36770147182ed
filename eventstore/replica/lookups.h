// What the entries of a log that is held say of its earlier ones: which were opened to an agency later, which
// were erased. Both sides ask: an origin of its own log, a subscriber of its replica.
#ifndef POLKU_EVENTSTORE_REPLICA_LOOKUPS_H_
#define POLKU_EVENTSTORE_REPLICA_LOOKUPS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/rewrite.h"
#include "polku/event/v1/event.pb.h"

namespace polku::replica {

// The disclosure of the header to that agency; null: none.
const event::v1::Disclosure* DisclosureTo(std::string_view receiver,
                                          const event::v1::Header& header);

using OpenedPositions = std::map<Position, SectionSet>;
// What the log's held entries of the case open to `receiver` by their field `later`; reads the case's entries.
// DataLoss: corrupt.
absl::StatusOr<OpenedPositions> OpenedLater(log::Engine& engine, LogNumber log,
                                            const CaseId& case_id, std::string_view receiver);
// What is opened of the entry with this header at this position, by itself or by a later one; nullopt: nothing.
std::optional<SectionSet> OpenedTo(std::string_view receiver, const event::v1::Header& header,
                                   Position position, const OpenedPositions& later);

// InvalidArgument, saying what: an Erased at `position` of the log of `origin` that does not parse, or names another log
// than that or an earlier epoch of it, or whose positions do not ascend or, in its own log, are not before it.
absl::Status ParseErased(const event::v1::Header& header, std::string_view origin, Position position,
                         event::v1::Erased& erased);
// Positions behind `after` and before `before` whose leaves Erased entries name, of that log and of later epochs of it
// that are held; ascending, each once.
absl::StatusOr<std::vector<Position>> ErasedLeaves(log::Engine& engine, LogNumber log,
                                                   Position after, Position before);

// The newest held entry of the log's first `size` whose header has a running number for `receiver`; nullopt:
// none. Reads backwards until it is found.
absl::StatusOr<std::optional<Position>> NewestNumbered(log::Engine& engine, LogNumber log,
                                                       std::string_view receiver, Position size);

// What a subscriber asks of what is stored of its log. Empty functions: it fetches nothing, and takes no holes.
struct StoredLookups {
  std::function<absl::StatusOr<log::HeldPosition>(Position)> held = {};
  std::function<absl::StatusOr<OpenedPositions>(const CaseId&)> opened = {};
  std::function<absl::StatusOr<std::vector<Position>>(Position after, Position before)> erased = {};
  std::function<absl::StatusOr<std::optional<Position>>(Position size)> newest_numbered = {};
};
// `engine` is borrowed. `log`: a replica of which nothing is stored yet has no number for good.
StoredLookups LookupsIn(log::Engine& engine, std::function<LogNumber()> log, std::string receiver);

}  // namespace polku::replica

#endif  // POLKU_EVENTSTORE_REPLICA_LOOKUPS_H_
