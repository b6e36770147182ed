// Reads and judges one run of a log's positions by itself, on a worker thread; what needs the positions before it is
// handed on as steps, for verify.cc to take in order. Private to eventstore/evidence.
#ifndef POLKU_EVENTSTORE_EVIDENCE_LOG_SCAN_H_
#define POLKU_EVENTSTORE_EVIDENCE_LOG_SCAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/evidence/erasures.h"
#include "eventstore/evidence/index_check.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/proof/merkle.h"

namespace polku::evidence {

struct ScannedLog {
  log::Engine* engine = nullptr;
  LogNumber number;
  std::string origin;
  bool own = false;
  bool whole = false;                       // own, or an earlier epoch of it: nothing of it was ever withheld from here
  std::string own_agency;                   // whose disclosures a replica counts; empty: not known
  Position size;
  // Null: not known. What the index says of changes of the key: a guess that makes most signatures be verified on
  // the worker threads; verify.cc takes those alone whose key the entries themselves call for.
  const proof::LogKeys* keys = nullptr;
  const SecretFn* open = nullptr;           // null: nothing is opened
  IndexCheck* index = nullptr;              // null: not checked
};

// A group begins.
struct AtGroup {
  Position first;
};
// The positions up to where the next group begins are not known.
struct Hole {
  ProblemKind kind;
  size_t why;  // RunFacts::whys
};
struct StoredCheckpoint {
  Position size;
  absl::StatusOr<Hash> root;  // verified by the key that the guess has for it
};
// The entry at `position` changes the signing key, or says so.
struct SigningChange {
  Position position;
  std::string control;
};
using Step = std::variant<AtGroup, proof::Subtree, Hole, StoredCheckpoint, SigningChange>;

// Running numbers of one receiver.
struct NumberRun {
  Position position;  // of `first`
  uint64_t first = 0;
  Position last_position;
  uint64_t last = 0;
};

struct RunFacts {
  std::vector<Step> steps;
  std::vector<std::string> whys;
  std::vector<Problem> problems;
  uint64_t problems_left_out = 0;
  uint64_t held = 0;
  uint64_t withheld = 0;
  uint64_t sections = 0;
  uint64_t opened = 0;
  uint64_t bytes = 0;
  std::optional<std::pair<Position, Order>> first_order;
  std::optional<std::pair<Position, Order>> last_order;
  absl::flat_hash_map<std::string, NumberRun> numbers;  // by receiver
  std::vector<std::pair<std::string, NumberHole>> number_holes;  // within the run, by receiver
  std::vector<Parts> gone;                              // as ErasureInput has them
  std::vector<Parts> unlisted;
  ErasureFacts erasures;
  std::vector<Position> unjudged;                       // entries whose headers cannot be read
};

// The root that the note says, where it is a checkpoint of that origin and size, signed by the key when there is one.
absl::StatusOr<Hash> VerifyStoredCheckpoint(std::string_view note, std::string_view origin,
                                            Position size, const proof::VerifierKey* key);

// The groups that start in [from, to) and the checkpoints for sizes in (from, to].
RunFacts ScanRun(const ScannedLog& log, Position from, Position to);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_LOG_SCAN_H_
