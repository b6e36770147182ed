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
#include "eventstore/base/ids.h"
#include "eventstore/evidence/index_check.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/merkle.h"

namespace polku::evidence {

struct ScannedLog {
  log::Engine* engine = nullptr;
  LogNumber number;
  std::string origin;
  bool own = false;
  std::string own_agency;                   // whose disclosures a replica counts; empty: not known
  Position size;
  const proof::VerifierKey* key = nullptr;  // null: not known
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
  std::optional<Hash> root;  // none: it did not verify, which is told already
};
using Step = std::variant<AtGroup, proof::Subtree, Hole, StoredCheckpoint>;

// Running numbers of one receiver, consecutive from `first` to `last`.
struct NumberRun {
  Position position;  // of `first`
  uint64_t first = 0;
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
  uint64_t erased = 0;
  uint64_t bytes = 0;
  std::optional<std::pair<Position, Order>> first_order;
  std::optional<std::pair<Position, Order>> last_order;
  absl::flat_hash_map<std::string, NumberRun> numbers;  // by receiver
  std::vector<Position> unjudged;                       // entries whose headers cannot be read
};

// The groups that start in [from, to) and the checkpoints for sizes in (from, to].
RunFacts ScanRun(const ScannedLog& log, Position from, Position to);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_LOG_SCAN_H_
