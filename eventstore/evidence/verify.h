// Verification of everything stored: re-reads and re-hashes every byte of the logs an engine holds, and
// says everything that is wrong, not the first thing alone. Trusts nothing of the store: keys come from
// the caller.
#ifndef POLKU_EVENTSTORE_EVIDENCE_VERIFY_H_
#define POLKU_EVENTSTORE_EVIDENCE_VERIFY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::evidence {

// What is wrong; the names are stable, for machines (ProblemName). README.md says of each what it means
// and what to do.
enum class ProblemKind {
  kUnreadable,        // the store does not give the bytes: a block's or value's checksum fails
  kGap,               // positions are missing, or a group starts elsewhere than the one before ends
  kMalformedEntry,    // prefix or header is not what FORMAT.md requires
  kOrder,             // `order` does not ascend
  kRevision,          // a case's revisions in one own log are not 1, 2, 3 …
  kDisclosureNumber,  // a receiver's running numbers have a hole
  kGenesis,           // position 0 is not this origin's Genesis with its key, or a second one
  kRoot,              // the entries' root is not that of the signed checkpoint
  kCheckpoint,        // a checkpoint is malformed, of another log or size, or not signed by the key
  kMissingCheckpoint, // the log's end has no checkpoint
  kHead,              // the head record is not that of the entries
  kSection,           // a section does not open, or does not match its commitment
  kMissingSection,    // a section of an own log, or one disclosed to us, is not there, and no erasure explains it
  kMissingEntry,      // an entry of an own log is not there, and no erasure explains it
  kErasure,           // an Erased is not of its form, or names what another has named or what never was
  kNotErased,         // an Erased of the log names what is still stored here
  kStraySection,      // a stored section that no header commits to, or of a replica one that nobody opened to us
  kIndex,             // an index entry is missing, too many, or wrong: `polku reindex`
  kCosignature,       // a kept cosignature does not verify, or is of another history
  kFork,              // kept evidence: the origin signed two histories
  kRollback,          // the log is shorter than its high-water mark, or contradicts it
  kHighWater,         // the high-water mark itself cannot be used: damaged, or not signed by the key
  kTile,              // export: a tile, bundle or checkpoint is missing, malformed or not what the root says
  kBundle,            // bundle: its own form: order of parts, ids, what belongs to nothing
  kInclusion,         // bundle: an event is not in the tree of its log's checkpoint
  kCause,             // bundle: a cause names another leaf than the one that stands at that place
  kSchema,            // bundle: the schema of an opened event is missing, or one belongs to no event
  kKnownTo,           // bundle: not shown that the agency had received the event by then
};
std::string_view ProblemName(ProblemKind kind);    // "unreadable", "gap", …
std::string_view ProblemRemedy(ProblemKind kind);  // what to do, one sentence

struct Problem {
  ProblemKind kind;
  std::string origin;
  std::optional<Position> position;  // the first position concerned; none: the log as a whole
  std::string what;                  // for people; no personal data
};

struct LogReport {
  std::string origin;
  uint64_t entries = 0;     // positions covered
  uint64_t held = 0;        // leaves read and hashed
  uint64_t withheld = 0;
  uint64_t sections = 0;    // stored
  uint64_t opened = 0;      // of them opened and matched with their commitments
  uint64_t erased = 0;      // entries and sections that are gone, each named by one Erased of the log
  uint64_t retained = 0;    // of a replica: named by one, and kept, which this agency's own log says why
  uint64_t wanted = 0;      // of a replica: entries opened to this agency later, not held yet
  uint64_t key_changes = 0; // of the signing key, each vouched for by the key before
  uint64_t checkpoints = 0; // signatures and roots verified
  uint64_t cosignatures = 0;
  std::vector<std::string> agencies;  // other agencies whose kept cosignatures verified
  Hash root;                // recomputed, at `entries`
  bool key_known = false;   // else checkpoints are checked for their roots alone
};

struct Report {
  std::vector<LogReport> logs;
  std::vector<Problem> problems;  // by log, then position; those of a log as a whole first
  uint64_t problems_left_out = 0; // beyond kMaxProblems
  bool stopped = false;           // `should_stop` said so: nothing can be concluded
};
inline constexpr size_t kMaxProblems = 1'000;

// A section's secret, when the reader may open it: nullopt when it may not (no key), which in the own log
// is a problem. Called from several threads at a time.
using SecretFn = std::function<absl::StatusOr<std::optional<std::string>>(
    const log::EntryView& entry, std::string_view origin, const log::BlobView& blob)>;

struct VerifyOptions {
  std::string own_origin;   // of LogNumber 0
  // By origin: each log's first checkpoint key; those that came after it are read from the log (proof/README.md
  // "Changed keys"). A log without one is reported with key_known false.
  std::map<std::string, proof::VerifierKey, std::less<>> keys;
  std::vector<proof::VerifierKey> witnesses;  // cosignatures of others are left unread
  SecretFn open;            // empty: no section is opened
  std::string only_origin;  // empty: every log
  bool check_index = true;
  size_t threads = 0;       // 0: as many as the machine has cores
  // Called at least twice a second, from the calling thread; in entries.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  std::function<bool()> should_stop = {};
  // The high-water mark note (beside the signing key), when there is one: for the own log.
  std::string high_water = {};
};

// The logs as of the call; what is appended meanwhile is left alone. Errors: only what keeps it from starting
// (NotFound: no log of `only_origin`, or the store is empty).
absl::StatusOr<Report> VerifyStore(log::Engine& engine, const VerifyOptions& options);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_VERIFY_H_
