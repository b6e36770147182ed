// Reading what an engine stores as it lies there, on and on behind what cannot be read. Private to
// eventstore/evidence.
#ifndef POLKU_EVENTSTORE_EVIDENCE_STORED_H_
#define POLKU_EVENTSTORE_EVIDENCE_STORED_H_

#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"

namespace polku::evidence {

// Values of one part of a log with `from` <= key < `to`, ascending. Where the engine fails, the next key that can be
// read is searched for; what lies between is told as a hole.
class PatientCursor {
 public:
  struct Item {
    Position key;
    std::string_view bytes;  // borrowed until the next call
    // Something between the key before and this one could not be read: why. OK otherwise.
    absl::Status hole_before;
  };
  PatientCursor(log::Engine& engine, LogNumber log, log::StoredPart part, Position from, Position to)
      : engine_(engine), log_(log), part_(part), next_(from), to_(to) {}

  // nullopt at the end; then end_hole() says whether the end itself could not be read.
  std::optional<Item> Next();
  const absl::Status& end_hole() const { return end_hole_; }

 private:
  std::unique_ptr<log::StoredCursor> Open(Position from) const;
  std::optional<Item> Resume(const absl::Status& why);

  log::Engine& engine_;
  const LogNumber log_;
  const log::StoredPart part_;
  Position next_;  // the lowest key not yet returned
  const Position to_;
  std::unique_ptr<log::StoredCursor> cursor_;
  absl::Status end_hole_;
};

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_STORED_H_
