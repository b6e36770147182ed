#include "eventstore/evidence/stored.h"

#include <algorithm>

namespace polku::evidence {

std::unique_ptr<log::StoredCursor> PatientCursor::Open(Position from) const {
  return engine_.ScanStored(log_, part_, from, to_);
}

std::optional<PatientCursor::Item> PatientCursor::Next() {
  if (!end_hole_.ok() || next_ >= to_) return std::nullopt;
  if (cursor_ == nullptr) cursor_ = Open(next_);
  auto value = cursor_->Next();
  if (!value.ok()) return Resume(value.status());
  if (!value->has_value()) {
    next_ = to_;
    return std::nullopt;
  }
  next_ = (*value)->key.next();
  return Item{(*value)->key, (*value)->bytes, absl::OkStatus()};
}

// A damaged block takes all its keys with it, and nothing says where the next block begins: the distance is
// doubled until reading succeeds, then halved to the first key that can be read.
std::optional<PatientCursor::Item> PatientCursor::Resume(const absl::Status& why) {
  const auto readable = [&](Position from) {
    cursor_ = Open(from);
    return cursor_->Next();
  };
  uint64_t bad = next_.value();  // reading from here fails
  uint64_t good = bad;
  for (uint64_t step = 1;; step *= 2) {
    if (step >= to_.value() - bad) {
      // Nothing up to the end can be read; the last key alone might.
      good = to_.value();
      break;
    }
    good = bad + step;
    if (readable(Position(good)).ok()) break;
    bad = good;
  }
  while (good - bad > 1) {
    const uint64_t middle = bad + (good - bad) / 2;
    (readable(Position(middle)).ok() ? good : bad) = middle;
  }
  if (good >= to_.value()) {
    end_hole_ = why;
    return std::nullopt;
  }
  auto value = readable(Position(good));
  if (!value.ok() || !value->has_value()) {
    end_hole_ = why;
    return std::nullopt;
  }
  next_ = (*value)->key.next();
  return Item{(*value)->key, (*value)->bytes, why};
}

}  // namespace polku::evidence
