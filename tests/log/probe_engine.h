// An engine that passes everything on, counts what is read, and can change what the index answers.
#ifndef POLKU_TESTS_LOG_PROBE_ENGINE_H_
#define POLKU_TESTS_LOG_PROBE_ENGINE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/log/engine.h"
#include "tests/support/forwarding_engine.h"

namespace polku::log {

class ProbeEngine final : public testing::ForwardingEngine {
 public:
  // Borrows `inner`.
  explicit ProbeEngine(Engine& inner) : ForwardingEngine(inner) {}

  struct Reads {
    uint64_t groups = 0;
    uint64_t index_gets = 0;
    uint64_t index_scanned = 0;
  };
  Reads TakeReads() { return std::exchange(reads_, {}); }
  // What the index answers for a key from now on; nullopt: that it is not there.
  void Override(std::string key, std::optional<std::string> value) {
    overrides_[std::move(key)] = std::move(value);
  }
  void ClearOverrides() { overrides_.clear(); }
  // The next commit answers this and writes nothing.
  void FailCommit(absl::Status status) { commit_failure_ = std::move(status); }
  // Every commit that was written.
  const std::vector<CommitBatch>& commits() const { return commits_; }

  absl::Status Commit(const CommitBatch& batch) override {
    if (!commit_failure_.ok()) return std::exchange(commit_failure_, absl::OkStatus());
    absl::Status status = inner().Commit(batch);
    if (status.ok()) commits_.push_back(batch);
    return status;
  }
  absl::StatusOr<StoredGroup> ReadGroup(LogNumber log, Position position, bool blobs) override {
    ++reads_.groups;
    return inner().ReadGroup(log, position, blobs);
  }
  absl::StatusOr<std::unique_ptr<GroupCursor>> Scan(LogNumber log, Position from,
                                                    bool blobs) override {
    auto cursor = inner().Scan(log, from, blobs);
    if (!cursor.ok()) return cursor.status();
    return std::make_unique<CountingGroups>(*std::move(cursor), reads_);
  }
  absl::StatusOr<std::optional<std::string>> IndexGet(std::string_view key) override {
    ++reads_.index_gets;
    if (const auto found = overrides_.find(std::string(key)); found != overrides_.end()) {
      return found->second;
    }
    return inner().IndexGet(key);
  }
  std::unique_ptr<IndexCursor> IndexScan(std::string_view prefix) override {
    return std::make_unique<CountingIndex>(inner().IndexScan(prefix), reads_);
  }
  absl::StatusOr<std::optional<KeyValue>> IndexFloor(std::string_view prefix,
                                                     std::string_view suffix) override {
    ++reads_.index_gets;
    return inner().IndexFloor(prefix, suffix);
  }

 private:
  class CountingGroups final : public GroupCursor {
   public:
    CountingGroups(std::unique_ptr<GroupCursor> inner, Reads& reads)
        : inner_(std::move(inner)), reads_(reads) {}
    absl::StatusOr<std::optional<StoredGroup>> Next() override {
      ++reads_.groups;
      return inner_->Next();
    }

   private:
    const std::unique_ptr<GroupCursor> inner_;
    Reads& reads_;
  };
  class CountingIndex final : public IndexCursor {
   public:
    CountingIndex(std::unique_ptr<IndexCursor> inner, Reads& reads)
        : inner_(std::move(inner)), reads_(reads) {}
    absl::StatusOr<std::optional<KeyValue>> Next() override {
      ++reads_.index_scanned;
      return inner_->Next();
    }

   private:
    const std::unique_ptr<IndexCursor> inner_;
    Reads& reads_;
  };

  Reads reads_;
  std::map<std::string, std::optional<std::string>> overrides_;
  absl::Status commit_failure_;
  std::vector<CommitBatch> commits_;
};

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_PROBE_ENGINE_H_
