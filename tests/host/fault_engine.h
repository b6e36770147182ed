// An engine that fails when it is told to, and that can crash: index writes since the last sync are
// lost from the end, as engine.h allows ("what is lost at a crash is a suffix").
#ifndef POLKU_TESTS_HOST_FAULT_ENGINE_H_
#define POLKU_TESTS_HOST_FAULT_ENGINE_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/log/engine.h"
#include "eventstore/log/memory_engine.h"
#include "gtest/gtest.h"
#include "tests/support/forwarding_engine.h"

namespace polku::host {

class FaultEngine final : public testing::ForwardingEngine {
 public:
  using Opener = std::function<std::unique_ptr<log::Engine>()>;
  // Without `open` everything is in memory and stays; with it, Restart closes and opens again.
  explicit FaultEngine(Opener open = nullptr)
      : FaultEngine(open, open ? open() : log::MakeMemoryEngine()) {}

  // ---- Faults ----

  // The commit after `skip` more answers `status`; it is on disk nevertheless when `applied`.
  void FailCommit(int skip, absl::Status status, bool applied = false) {
    fail_after_ = skip;
    failure_ = std::move(status);
    failed_applied_ = applied;
  }
  // The disk is full: what may not use the reserve is refused.
  void SetFull(bool full) { full_ = full; }
  void FailWriteIndex(absl::Status status) { write_index_failure_ = std::move(status); }
  // What a kill leaves: of the unsynced index writes the first `kept`. In-memory engine only.
  void Crash(size_t kept) {
    while (unsynced_.size() > kept) {
      std::vector<log::KeyValue> puts;
      std::vector<std::string> deletes;
      for (auto& [key, value] : unsynced_.back()) {
        if (value) {
          puts.emplace_back(key, *value);
        } else {
          deletes.push_back(key);
        }
      }
      EXPECT_TRUE(base_->WriteIndex(puts, deletes).ok());
      unsynced_.pop_back();
    }
    Restart();
  }
  void Restart() {
    stopped_ = absl::OkStatus();
    fail_after_ = -1;
    write_index_failure_ = absl::OkStatus();
    unsynced_.clear();
    if (!open_) return;
    base_.reset();
    base_ = open_();
    SetInner(*base_);
  }
  size_t unsynced() const { return unsynced_.size(); }
  int commits() const { return commits_; }
  int index_writes() const { return index_writes_; }

  // ---- Engine ----

  absl::Status Commit(const log::CommitBatch& batch) override {
    if (!stopped_.ok()) return stopped_;
    if (full_ && !batch.from_reserve) return absl::ResourceExhaustedError("full but for the reserve");
    if (fail_after_ == 0) {
      fail_after_ = -1;
      if (failure_.code() != absl::StatusCode::kResourceExhausted) stopped_ = failure_;
      if (failed_applied_) {
        EXPECT_TRUE(base_->Commit(batch).ok());
        unsynced_.clear();
      }
      return failure_;
    }
    if (fail_after_ > 0) --fail_after_;
    const absl::Status status = base_->Commit(batch);
    if (status.ok()) {
      ++commits_;
      unsynced_.clear();
    }
    return status;
  }
  absl::Status Rewrite(const log::RewriteBatch& batch) override {
    if (!stopped_.ok()) return stopped_;
    const absl::Status status = base_->Rewrite(batch);
    if (status.ok()) unsynced_.clear();
    return status;
  }
  absl::Status WriteIndex(std::span<const log::KeyValue> puts,
                          std::span<const std::string> deletes) override {
    if (!write_index_failure_.ok()) return write_index_failure_;
    ++index_writes_;
    Undo undo;
    const auto remember = [&](const std::string& key) {
      auto before = base_->IndexGet(key);
      EXPECT_TRUE(before.ok());
      undo.emplace_back(key, *before);
    };
    for (const auto& [key, value] : puts) remember(key);
    for (const std::string& key : deletes) remember(key);
    unsynced_.push_back(std::move(undo));
    return base_->WriteIndex(puts, deletes);
  }
  // A Crash loses no records.
  absl::Status WriteRecords(std::span<const log::KeyValue> puts, bool sync) override {
    if (!stopped_.ok()) return stopped_;
    const absl::Status status = base_->WriteRecords(puts, sync);
    if (sync && status.ok()) unsynced_.clear();
    return status;
  }
  absl::Status ClearIndex() override {
    unsynced_.clear();
    return base_->ClearIndex();
  }

 private:
  using Undo = std::vector<std::pair<std::string, std::optional<std::string>>>;

  FaultEngine(Opener open, std::unique_ptr<log::Engine> base)
      : ForwardingEngine(*base), open_(std::move(open)), base_(std::move(base)) {}

  const Opener open_;
  std::unique_ptr<log::Engine> base_;
  int fail_after_ = -1;
  absl::Status failure_;
  bool failed_applied_ = false;
  bool full_ = false;
  absl::Status write_index_failure_;
  absl::Status stopped_;
  std::vector<Undo> unsynced_;
  int commits_ = 0;
  int index_writes_ = 0;
};

}  // namespace polku::host

#endif  // POLKU_TESTS_HOST_FAULT_ENGINE_H_
