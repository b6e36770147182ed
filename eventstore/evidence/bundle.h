// Evidence bundles: one file with chosen events, proofs, cosigned checkpoints, keys, schemas and
// the sections its maker chose to open (proto/polku/evidence/v1/bundle.proto; proof/README.md
// "Bundles").
#ifndef POLKU_EVENTSTORE_EVIDENCE_BUNDLE_H_
#define POLKU_EVENTSTORE_EVIDENCE_BUNDLE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/policy.h"
#include "polku/evidence/v1/bundle.pb.h"

namespace polku::evidence {

inline constexpr std::string_view kBundleFormat = "polku/bundle/v1";
inline constexpr size_t kMaxBundleBytes = 256 << 20;
// Parts of all kinds (objects) and texts (names and strings) in one bundle: what parsing it may
// cost.
inline constexpr size_t kMaxBundleObjects = 1'000'000;
inline constexpr size_t kMaxBundleTexts = 20'000'000;

struct BundleEntry {
  LogNumber log;
  Position position;
};
struct BundleOptions {
  log::Engine* engine = nullptr;  // borrowed
  std::string made_by;
  absl::Time made_at;
  std::optional<CaseId> case_id;     // then every entry must be of it
  std::vector<BundleEntry> entries;  // held here; in any order
  SectionSet open;                   // of these kinds, what the reader may open; empty: none
  SecretFn secret;
  // By origin: the first key of each log; what it changed to since is read from the log.
  std::map<std::string, proof::VerifierKey, std::less<>> keys;
  std::vector<proof::VerifierKey> witnesses;
  // "What that agency had received by then": only entries covered by its cosignatures of `known_at`
  // or earlier and disclosed to it are taken, and those cosignatures are put in; of its own logs,
  // what they recorded by then. Only sections that were disclosed to it are opened.
  std::string known_to;
  std::optional<absl::Time> known_at;
  // Of a case: also the Erased of logs of which no chosen entry is left. Those of the chosen entries' logs are always
  // put in.
  bool all_erasures = false;
};
// An entry whose leaf is erased is left out; the Erased that names it is in.
// FailedPrecondition: a key of an origin is not known. NotFound: an entry is withheld; nothing is
// left of the entries; or a place that must be proven is hidden (anchor.h). InvalidArgument: an
// entry is of another case, or the bundle would be larger than a bundle may be. DataLoss: the store
// is corrupt.
absl::StatusOr<v1::Bundle> MakeBundle(const BundleOptions& options);

// The kinds of section that stand in it in clear.
SectionSet OpenedIn(const v1::Bundle& bundle);

std::string FormatBundle(const v1::Bundle& bundle);  // JSON, indented, ends with a newline
// InvalidArgument: not a bundle of this version, larger than the limits, unknown or repeated names.
absl::StatusOr<v1::Bundle> ParseBundle(std::string_view json);

// Offline, from the bundle alone and the reader's own policy when given; without one the bundle's
// own policy is used, and `own_policy` is false: the keys must then be compared by other means.
struct BundleReport {
  uint64_t events = 0;
  uint64_t sections = 0;  // opened and matched with their commitments
  struct Cosignature {
    std::string name;  // of a witness of the policy
    absl::Time time;
    Position size;  // all entries before it had been received by then
  };
  struct Log {
    std::string origin;
    proof::Checkpoint checkpoint;  // size 0: it does not even parse
    std::vector<Cosignature>
        cosigned;         // of any checkpoint in the bundle, ascending by (size, name, time)
    bool quorum = false;  // of witnesses whose word covers all its events here
  };
  std::vector<Log> logs;  // as in the bundle
  // That something is gone, who said so and why: one Erased each. They count among `events`.
  struct Erasure {
    std::string origin;     // the log that the Erased stands in
    Position position;
    std::string of = {};    // whose entries: that log's, or those of an earlier epoch of it
    uint64_t entries = 0;   // erased with all they held
    uint64_t sections = 0;  // of entries that stay
    std::string legal_basis;
    std::string requested_by;
    std::string confirmed_by;
  };
  std::vector<Erasure> erasures;
  bool own_policy = false;
  std::vector<Problem> problems;  // at most kMaxProblems
  uint64_t problems_left_out = 0;
};
// InvalidArgument: of another version.
absl::StatusOr<BundleReport> VerifyBundle(const v1::Bundle& bundle, const proof::Policy* policy);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_BUNDLE_H_
