// An engine that passes every call on to another: what a test's engine that changes one thing stands on.
#ifndef POLKU_TESTS_SUPPORT_FORWARDING_ENGINE_H_
#define POLKU_TESTS_SUPPORT_FORWARDING_ENGINE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/log/engine.h"

namespace polku::testing {

class ForwardingEngine : public log::Engine {
 public:
  // Borrows `inner`.
  explicit ForwardingEngine(log::Engine& inner) : inner_(&inner) {}

  absl::Status Commit(const log::CommitBatch& batch) override { return inner_->Commit(batch); }
  absl::Status Rewrite(const log::RewriteBatch& batch) override { return inner_->Rewrite(batch); }
  absl::Status Purge(std::span<const log::PurgeRange> ranges) override {
    return inner_->Purge(ranges);
  }
  absl::StatusOr<std::optional<std::string>> ReadHead(LogNumber log) override {
    return inner_->ReadHead(log);
  }
  absl::StatusOr<std::vector<LogNumber>> Logs() override { return inner_->Logs(); }
  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(LogNumber log, Position size) override {
    return inner_->ReadCheckpoint(log, size);
  }
  std::unique_ptr<log::IndexCursor> Checkpoints(LogNumber log) override {
    return inner_->Checkpoints(log);
  }
  absl::StatusOr<log::StoredGroup> ReadGroup(LogNumber log, Position position,
                                             bool with_blobs) override {
    return inner_->ReadGroup(log, position, with_blobs);
  }
  absl::StatusOr<std::unique_ptr<log::GroupCursor>> Scan(LogNumber log, Position from,
                                                         bool with_blobs) override {
    return inner_->Scan(log, from, with_blobs);
  }
  std::unique_ptr<log::StoredCursor> ScanStored(LogNumber log, log::StoredPart part, Position from,
                                                Position to) override {
    return inner_->ScanStored(log, part, from, to);
  }
  absl::StatusOr<std::optional<std::string>> IndexGet(std::string_view key) override {
    return inner_->IndexGet(key);
  }
  std::unique_ptr<log::IndexCursor> IndexScan(std::string_view prefix) override {
    return inner_->IndexScan(prefix);
  }
  absl::StatusOr<std::optional<log::KeyValue>> IndexFloor(std::string_view prefix,
                                                          std::string_view suffix) override {
    return inner_->IndexFloor(prefix, suffix);
  }
  absl::Status WriteIndex(std::span<const log::KeyValue> puts,
                          std::span<const std::string> deletes) override {
    return inner_->WriteIndex(puts, deletes);
  }
  absl::Status ClearIndex() override { return inner_->ClearIndex(); }
  absl::StatusOr<std::optional<std::string>> RecordGet(std::string_view key) override {
    return inner_->RecordGet(key);
  }
  std::unique_ptr<log::IndexCursor> RecordScan(std::string_view prefix) override {
    return inner_->RecordScan(prefix);
  }
  absl::StatusOr<std::optional<log::KeyValue>> RecordFloor(std::string_view prefix,
                                                           std::string_view suffix) override {
    return inner_->RecordFloor(prefix, suffix);
  }
  absl::Status WriteRecords(std::span<const log::KeyValue> puts, bool sync) override {
    return inner_->WriteRecords(puts, sync);
  }

 protected:
  log::Engine& inner() { return *inner_; }
  void SetInner(log::Engine& inner) { inner_ = &inner; }

 private:
  log::Engine* inner_;
};

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_FORWARDING_ENGINE_H_
