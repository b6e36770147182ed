// The high-water mark: the newest checkpoint that the signing key signed, kept beside that key and not
// beside the log, so that a log restored from an old copy is found out (DESIGN "Proof", rollback).
#ifndef POLKU_SERVICES_HOST_HIGH_WATER_H_
#define POLKU_SERVICES_HOST_HIGH_WATER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/log/engine.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"

namespace polku::host {

// The file's name in the keys directory.
inline constexpr std::string_view kHighWaterFile = "high-water.note";

class HighWater {
 public:
  explicit HighWater(std::string_view keys_directory);

  // The note as it stands; "" when there is none. DataLoss: the file is not a note of one of the keys (VerifyMark).
  absl::StatusOr<std::string> Read(const proof::LogKeys& keys, const proof::VerifierKey& present) const;

  // Writes the note (another file, renamed over the old one; synced), at most once a second unless `now_too`;
  // one that comes too early waits for the next call. An older note never replaces a newer one.
  // PermissionDenied, NotFound, ResourceExhausted name the file and the remedy; the note goes on waiting and
  // is tried again a second later. DataLoss: what lies there is no note.
  absl::Status Write(std::string_view note, Position size, absl::Time now, bool now_too);
  // When Write is to be called next for a note that waits (with any note); InfiniteFuture: none waits.
  absl::Time NextWrite() const;

 private:
  const std::string path_;
  std::string pending_;
  Position pending_size_;  // also after it was written
  Position written_;       // 0: not known yet
  absl::Time last_write_ = absl::InfinitePast();
};

// Verifies a mark: signed by the key that its size calls for among those that the log has announced, or by the
// `present` signing key, which an old copy of the log does not know yet. Errors as proof::VerifyCheckpoint.
absl::StatusOr<proof::Checkpoint> VerifyMark(std::string_view note, const proof::LogKeys& keys,
                                             const proof::VerifierKey& present);

// Compares the own log with the mark. OK: the log is as long or longer and has that root there.
// FailedPrecondition: it is behind (opened from an old copy). DataLoss: it is another history.
absl::Status CheckHighWater(log::Engine& engine, std::string_view note, const proof::LogKeys& keys,
                            const proof::VerifierKey& present);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_HIGH_WATER_H_
