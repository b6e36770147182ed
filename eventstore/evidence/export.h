// A log as the directory of C2SP tlog-tiles, for any tool that reads those: `checkpoint`, `tile/…`,
// and `log.pub` with the origin's public key (vkey), Polku's addition.
#ifndef POLKU_EVENTSTORE_EVIDENCE_EXPORT_H_
#define POLKU_EVENTSTORE_EVIDENCE_EXPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"

namespace polku::evidence {

struct ExportOptions {
  log::Engine* engine = nullptr;  // borrowed
  LogNumber log;
  std::string origin;
  // Of the log. Its newest key signed the checkpoint that is exported, and is the one in `log.pub`.
  proof::LogKeys keys;
  std::string directory;  // must not exist, or be an export of the same log: then it is brought up to date
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};
struct ExportResult {
  Position size;
  uint64_t tiles_written = 0;
  uint64_t bundles_written = 0;
  uint64_t bundles_left_out = 0;  // with a withheld or erased entry (DESIGN "Proof")
  uint64_t repaired = 0;          // files of an earlier run that were not what the log says, written anew
};
// Files are written under another name, synced and renamed, `checkpoint` last: a killed export can be run
// again. What an earlier run wrote is compared with the log and, where it is damaged, written anew. Leaves hold headers, sections never leave the store. FailedPrecondition: a replica with withheld
// entries has no level-0 tiles to give (hashes hidden in larger subtrees); the directory is something else.
absl::StatusOr<ExportResult> ExportTiles(const ExportOptions& options);

// Verifies such a directory: every tile and bundle that the checkpoint's size calls for, every hash, the root,
// the signature; that nothing stray lies in it. Bundles may be left out, and partial tiles of earlier sizes may have
// stayed (tlog-tiles "Partial Tiles"): they are counted. A log.pub must be of the key verified by; with a key given it
// may be missing, other tools write none.
struct ExportReport {
  LogReport log;
  uint64_t bundles_left_out = 0;
  uint64_t earlier_tiles = 0;  // partial ones of earlier sizes, beginnings of what is there now
  std::vector<Problem> problems;
};
absl::StatusOr<ExportReport> VerifyExport(
    std::string_view directory, const proof::VerifierKey* key,  // null: take log.pub, and say so
    const std::vector<proof::VerifierKey>& witnesses,
    const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_EXPORT_H_
