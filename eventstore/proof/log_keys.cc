#include "eventstore/proof/log_keys.h"

#include <algorithm>

#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"

namespace polku::proof {

LogKeys::LogKeys(VerifierKey first) { keys_.emplace_back(Position(), std::move(first)); }

absl::Status LogKeys::Change(Position position, VerifierKey next) {
  const auto refuse = [&](std::string_view why) {
    return Error(absl::StatusCode::kInvalidArgument, "the change of key at position ",
                 position.value(), " of ", first().name(), ": ", why);
  };
  // The key before signs at least the entry that ends it, and Genesis is signed by the key it names.
  if (position == Position() || position < keys_.back().first) {
    return refuse("it is not behind the change before");
  }
  if (next.use() != KeyUse::kCheckpoint || next.name() != first().name()) {
    return refuse("the new key is not one for checkpoints of this log");
  }
  // A key that was given up may be in anybody's hands.
  if (std::any_of(keys_.begin(), keys_.end(),
                  [&](const auto& known) { return known.second.key() == next.key(); })) {
    return refuse("the new key is one that the log had before");
  }
  keys_.emplace_back(position.next(), std::move(next));
  return absl::OkStatus();
}

const VerifierKey& LogKeys::For(Position size) const {
  // The last whose first entry is among the `size` ones; nothing is before the first.
  const auto behind =
      std::lower_bound(keys_.begin() + 1, keys_.end(), size,
                       [](const auto& key, Position end) { return key.first < end; });
  return std::prev(behind)->second;
}

absl::StatusOr<Checkpoint> VerifyCheckpoint(std::string_view text, const LogKeys& keys) {
  POLKU_ASSIGN_OR_RETURN(const Note note, ParseNote(text));
  POLKU_ASSIGN_OR_RETURN(const Checkpoint claimed, ParseCheckpointBody(note.body));
  const VerifierKey& key = keys.For(claimed.size);
  const auto has_line_of = [&](const VerifierKey& one) {
    return std::any_of(note.signatures.begin(), note.signatures.end(), [&](const auto& line) {
      return line.name == one.name() && line.key_id == one.key_id();
    });
  };
  if (!has_line_of(key) && std::any_of(keys.all().begin(), keys.all().end(), [&](const auto& one) {
        return has_line_of(one.second);
      })) {
    return Error(absl::StatusCode::kUnauthenticated, "checkpoint: signed by a key of ", key.name(),
                 " that signs no checkpoint for ", claimed.size.value(),
                 " entries: another had taken its place, or was yet to take it");
  }
  return VerifyCheckpoint(text, key);
}

}  // namespace polku::proof
