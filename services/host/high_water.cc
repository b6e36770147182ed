#include "services/host/high_water.h"

#include <algorithm>

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/log/head.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/note.h"

namespace polku::host {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);

// What the file says, signed by whomever: enough to know which of two notes is the newer.
absl::StatusOr<Position> SizeSaid(std::string_view text) {
  POLKU_ASSIGN_OR_RETURN(const proof::Note note, proof::ParseNote(text));
  POLKU_ASSIGN_OR_RETURN(const proof::Checkpoint checkpoint,
                         proof::ParseCheckpointBody(note.body));
  return checkpoint.size;
}

absl::Status NotAMark(std::string_view path, std::string_view why) {
  return Error(absl::StatusCode::kDataLoss, path, " is not the high-water mark of this log (", why,
               "); restore the keys directory's newest backup, or see \"The log is behind\" in "
               "services/host/README.md");
}

}  // namespace

HighWater::HighWater(std::string_view keys_directory)
    : path_(Str(keys_directory, "/", kHighWaterFile)) {}

absl::StatusOr<std::string> HighWater::Read(const proof::LogKeys& keys,
                                            const proof::VerifierKey& present) const {
  auto note = ReadFile(path_, proof::kMaxNoteBytes);
  if (absl::IsNotFound(note.status())) return std::string();
  if (absl::IsInvalidArgument(note.status())) {
    return NotAMark(path_, ToStd(note.status().message()));
  }
  if (!note.ok()) return note.status();
  const auto checkpoint = VerifyMark(*note, keys, present);
  if (!checkpoint.ok()) return NotAMark(path_, ToStd(checkpoint.status().message()));
  return *std::move(note);
}

absl::Status HighWater::Write(std::string_view note, Position size, absl::Time now, bool now_too) {
  if (size > std::max(written_, pending_size_)) {
    pending_ = std::string(note);
    pending_size_ = size;
  }
  if (pending_.empty() || (!now_too && now < NextWrite())) return absl::OkStatus();
  last_write_ = now;
  if (written_ == Position()) {
    // What an earlier run of the service left.
    const auto left = ReadFile(path_, proof::kMaxNoteBytes);
    if (left.ok()) {
      const auto said = SizeSaid(*left);
      if (!said.ok()) return NotAMark(path_, ToStd(said.status().message()));
      written_ = *said;
    } else if (!absl::IsNotFound(left.status())) {
      return left.status();
    }
  }
  if (pending_size_ > written_) {
    POLKU_RETURN_IF_ERROR(ReplaceFile(path_, pending_, 0644));
    written_ = pending_size_;
  }
  pending_.clear();
  return absl::OkStatus();
}

absl::Time HighWater::NextWrite() const {
  return pending_.empty() ? absl::InfiniteFuture() : last_write_ + kInterval;
}

absl::StatusOr<proof::Checkpoint> VerifyMark(std::string_view note, const proof::LogKeys& keys,
                                             const proof::VerifierKey& present) {
  auto by_size = proof::VerifyCheckpoint(note, keys);
  if (by_size.ok() || keys.newest().key() == present.key()) return by_size;
  auto by_present = proof::VerifyCheckpoint(note, present);
  return by_present.ok() ? by_present : by_size;
}

absl::Status CheckHighWater(log::Engine& engine, std::string_view note, const proof::LogKeys& keys,
                            const proof::VerifierKey& present) {
  if (note.empty()) return absl::OkStatus();
  const auto mark = VerifyMark(note, keys, present);
  if (!mark.ok()) return Error(absl::StatusCode::kDataLoss, ToStd(mark.status().message()));
  POLKU_ASSIGN_OR_RETURN(const auto bytes, engine.ReadHead(kOwnLog));
  log::LogHead head;
  if (bytes) {
    POLKU_ASSIGN_OR_RETURN(head, log::LogHead::Parse(*bytes));
  }
  const Position size = head.frontier.size();
  if (size < mark->size) {
    return Error(absl::StatusCode::kFailedPrecondition, "the log of ", present.name(), " is behind: it holds ",
                 size.value(), " entries and its key has signed ", mark->size.value(),
                 " (high-water mark), so this is an old copy and the newest ",
                 mark->size.value() - size.value(),
                 " entries are not in it; fetch them from a mirror with `polku recover`, or, when no "
                 "mirror has them, go on with `polku new-epoch`");
  }
  Hash root;
  if (size == mark->size) {
    root = head.frontier.Root();
  } else {
    log::TreeReader tree(engine, kOwnLog);
    POLKU_ASSIGN_OR_RETURN(root, tree.Root(mark->size));
  }
  if (root != mark->root) {
    return Error(absl::StatusCode::kDataLoss, "the log of ", present.name(),
                 " is another history than the one that its key has signed: at ", mark->size.value(),
                 " entries (high-water mark) its root differs, so it was opened from an old copy and has "
                 "gone on; restore the right data directory or fetch it from a mirror into an empty "
                 "one with `polku recover`, or go on with `polku new-epoch`");
  }
  return absl::OkStatus();
}

}  // namespace polku::host
