// What is missing from a log, and whether erasures explain it: each hole is named by exactly one Erased of that log or
// of a later epoch of it, and nothing that one names is still there. Private to eventstore/evidence.
#ifndef POLKU_EVENTSTORE_EVIDENCE_ERASURES_H_
#define POLKU_EVENTSTORE_EVIDENCE_ERASURES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/rewrite.h"
#include "polku/event/v1/event.pb.h"

namespace polku::evidence {

// The same of each of `count` consecutive entries.
struct Parts {
  Position from;
  uint64_t count = 1;
  SectionSet sections;
  bool leaf = false;
  Position end() const { return Position(from.value() + count); }
};
// Joins it with the last where they are alike and adjacent: a log with large holes costs little.
void AppendParts(std::vector<Parts>& parts, const Parts& more);

// What an Erased at `by` names.
struct ErasedClaim {
  Position position;
  Position by;
  SectionSet sections;
  bool leaf = false;
  uint32_t by_epoch = 0;  // the later epoch in whose log that Erased stands; 0: in this one
};
// The log of another epoch of the service.
std::string OriginOfEpoch(std::string_view origin, uint32_t epoch);
// What a later disclosure opens to the agency whose store it is.
struct OpenedLater {
  Position position;
  SectionSet sections;
};
// The last answer of this agency to an Erased counts.
struct ErasureAnswer {
  std::string origin;
  Position position;
  bool retained = false;
};
// Consecutive entries of a receiver whose running numbers do not follow each other.
struct NumberHole {
  Position after;
  Position before;
  uint64_t follows = 0;
  uint64_t number = 0;
  // Nothing could be left out in between: not a hole at all.
  bool descends() const { return number <= follows; }
  uint64_t missing() const { return descends() ? 0 : number - follows - 1; }
};
std::string DescribeNumbers(const NumberHole& hole, std::string_view receiver);

struct ErasureFacts {
  std::vector<ErasedClaim> claims;  // of this log's entries
  std::vector<std::pair<std::string, ErasedClaim>> earlier;  // of the entries of earlier epochs, by their origin
  // Of a Genesis: which log it goes on from, and how much of that was held then.
  std::optional<std::pair<std::string, Position>> predecessor;
  std::vector<OpenedLater> later;
  std::vector<ErasureAnswer> answers;  // of an own log
};
// Of one entry of the log of `origin`. Text: what is wrong with an Erased, of which nothing is taken then.
std::optional<std::string> ReadErasureFacts(const event::v1::Header& header, std::string_view origin,
                                            Position position, std::string_view own_agency,
                                            ErasureFacts& facts);
// What an Erased at `position` of the log of `origin` names. DataLoss: it is not as event.proto requires.
absl::StatusOr<log::NamedParts> ReadErased(std::string_view control, std::string_view origin,
                                           Position position);

struct ErasureInput {
  log::Engine* engine = nullptr;
  LogNumber number;
  std::string origin;
  bool own = false;
  // Behind it stands what the next epoch did not have: it could not know what these entries erase. None: not known.
  std::optional<Position> held_on;
  // An earlier epoch of the own log of which no section is held: they went with its keystore.
  bool sections_lost = false;
  bool own_agency = false;     // a log of the agency whose store it is: also an earlier epoch
  std::string receiver;        // the agency, of a replica's running numbers
  std::vector<Parts> gone;     // own, and earlier epochs of it: entries and sections; replica: sections disclosed to the agency
  std::vector<Parts> unlisted; // replica: sections held with their secrets that no header discloses to it
  std::vector<ErasedClaim> claims;
  std::vector<OpenedLater> later;
  std::vector<NumberHole> numbers;  // replica
};
struct ErasureVerdict {
  uint64_t erased = 0;
  uint64_t retained = 0;
  std::vector<OpenedLater> wanted;         // ascending, one a position
  std::vector<Position> gone_leaves;       // ascending: entries that an Erased names and that are gone
};
// `retained(claim)`: whether this agency says to keep what the Erased that claims it names.
ErasureVerdict JudgeErasures(
    ErasureInput input, const std::function<bool(const ErasedClaim&)>& retained,
    const std::function<void(ProblemKind, std::optional<Position>, std::string)>& add);

// How many of the ascending positions lie strictly between.
uint64_t CountBetween(const std::vector<Position>& positions, Position after, Position before);
// Entries that are gone from `parts`, strictly between.
uint64_t CountLeavesBetween(const std::vector<Parts>& parts, Position after, Position before);

// A section kind in a report.
std::string KindName(SectionKind kind);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_ERASURES_H_
