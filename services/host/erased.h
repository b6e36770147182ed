// What a store says of erasures: the Erased entries of its logs, how far each is carried out here, and what of it
// no reader may see. Works on a live engine from any thread, and on one opened read-only by another process.
#ifndef POLKU_SERVICES_HOST_ERASED_H_
#define POLKU_SERVICES_HOST_ERASED_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "polku/event/v1/event.pb.h"
#include "services/access/policy.h"
#include "services/host/fence.h"

namespace polku::host {

struct ErasedEntry {
  LogNumber log;
  std::string origin;  // of that log
  std::string of;      // whose entries it names: of that log, or of an earlier epoch of it
  Position position;
  absl::CivilDay recorded_on;
  EventId erasure_id;
  Hash fence;
  event::v1::Erased erased;
  std::vector<log::ErasedPart> parts;  // what it names: 1 to kMaxErasedEntries, ascending
};
// Those of one held log, ascending. What is no well-formed Erased is left out and told to `malformed`, where
// given: DataLoss, naming log and position. DataLoss: the log cannot be read.
absl::StatusOr<std::vector<ErasedEntry>> ErasedEntries(
    log::Engine& engine, const log::HeldLog& held,
    const std::function<void(const absl::Status&)>& malformed = {});
// Of one entry; DataLoss: it is no well-formed Erased.
absl::StatusOr<ErasedEntry> ReadErased(LogNumber log, std::string_view origin, Position position,
                                       const event::v1::Header& header);

// What an erasure would take, read from headers and blobs as they lie there; no section is opened.
struct ErasurePlan {
  // By log: kOwnLog, and earlier epochs of this service. Each ascending. Of those it has also sections that are not held
  // here (any more) and that no Erased names: receivers may hold them.
  std::map<LogNumber, std::vector<log::ErasedPart>> parts;
  size_t entries = 0;   // leaves that go
  size_t sections = 0;  // sections that go
  // Another agency that had got something of it, by the headers.
  struct Receiver {
    SectionSet sections;
    std::optional<access::Policy::Kept> kept;  // what lies longest; none: nothing
  };
  std::map<std::string, Receiver> receivers;
};
// Of a case's part in the own log (and earlier epochs), with what `policy` says that receivers still keep on
// `today`. `before`: what was recorded from that order on is left. Errors as reading the log.
absl::StatusOr<ErasurePlan> PlanErasure(log::Engine& engine, const OriginName& own,
                                        const CaseId& case_id, event::v1::ErasureTier tier,
                                        const access::Policy& policy, absl::CivilDay today,
                                        std::optional<Order> before = std::nullopt);
// Whether an erasure of that tier would take something of the own log or of earlier epochs. Errors as PlanErasure.
absl::StatusOr<bool> SomethingToErase(log::Engine& engine, const OriginName& own,
                                      const CaseId& case_id, event::v1::ErasureTier tier);

// How far it is carried out here. A record beside the logs (records.h):
//   'a' log[4] position[8] → state[1] ‖ retained until[4] ‖ varint n ‖ n × (length[4] receiver)
struct Applied {
  enum class State : uint8_t {
    kBegun = 1,  // to be gone on with at every start: every step of it may be repeated
    kDone = 2,   // no byte of it is left on the disk and, of a followed log, it was answered
  };
  State state = State::kBegun;
  // Followed logs: what a law of this agency's own keeps, until then, inclusive.
  std::optional<absl::CivilDay> retained_until;
  // Own log: the other agencies that had got something of what goes, ascending; their headers may go with it.
  std::vector<std::string> receivers;
};
log::KeyValue AppliedRecord(LogNumber log, Position position, const Applied& applied);
// nullopt: not begun. DataLoss: the record is malformed.
absl::StatusOr<std::optional<Applied>> FindApplied(log::Engine& engine, LogNumber log,
                                                   Position position);

// The mark: of which fenced parts a store holds no section, and its files no bytes of one: what an old copy that was
// put back lacks, or has of another state. A record beside the logs (records.h): 'm' → StateOf(parts)[32].
// The keystore has one of its own (vault::KeyStore::CleanOf).
log::KeyValue CleanMark(const Hash& state);
// nullopt: none.
absl::StatusOr<std::optional<Hash>> FindCleanMark(log::Engine& engine);

// All of one log, to what is a copy of it in another store. Errors as reading and writing records.
absl::Status CopyApplied(log::Engine& from, LogNumber from_log, log::Engine& to, LogNumber to_log);

// A case's part in one log, by its fence.
using FencedPart = std::pair<Hash, std::string>;  // fence, origin
// Parts of cases of which no section may be shown: what the fence names, also where this store is an old copy that
// holds it again. `own`: the store's; what goes of its log goes of its earlier epochs, too. Left out is
// what was carried out here and of which a part is kept by law, until its last day, inclusive: from the day after it is
// shown no more, though nobody has run to erase it. Errors as reading logs and records.
absl::StatusOr<std::set<FencedPart>> FencedParts(log::Engine& engine, const OriginName& own,
                                                 const Fence& fence, absl::CivilDay today);

// SHA-256("polku/fenced-parts/v1" 00 ‖ of each part, ascending: fence[32] ‖ length[4] ‖ origin).
Hash StateOf(const std::set<FencedPart>& parts);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_ERASED_H_
