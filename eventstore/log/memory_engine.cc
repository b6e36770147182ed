#include "eventstore/log/memory_engine.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"

namespace polku::log {
namespace {

struct StoredLog {
  std::map<Position, StoredGroup> groups;
  std::map<Position, std::string> checkpoints;
  std::string head;
  Position size;
};

class MemoryIndexCursor final : public IndexCursor {
 public:
  explicit MemoryIndexCursor(std::vector<KeyValue> entries) : entries_(std::move(entries)) {}
  absl::StatusOr<std::optional<KeyValue>> Next() override {
    if (next_ == entries_.size()) return std::optional<KeyValue>();
    return std::optional<KeyValue>(std::move(entries_[next_++]));
  }

 private:
  std::vector<KeyValue> entries_;
  size_t next_ = 0;
};

class MemoryStoredCursor final : public StoredCursor {
 public:
  explicit MemoryStoredCursor(std::vector<std::pair<Position, std::string>> values)
      : values_(std::move(values)) {}
  absl::StatusOr<std::optional<Value>> Next() override {
    if (next_ == values_.size()) return std::optional<Value>();
    const auto& [key, bytes] = values_[next_++];
    return std::optional<Value>(Value{key, bytes});
  }

 private:
  const std::vector<std::pair<Position, std::string>> values_;
  size_t next_ = 0;
};

class MemoryEngine final : public Engine {
 public:
  absl::Status Commit(const CommitBatch& batch) override {
    POLKU_RETURN_IF_ERROR(CheckCommit(batch));
    const std::unique_lock lock(mu_);
    const auto found = logs_.find(batch.log);
    const Position size = found == logs_.end() ? Position(0) : found->second.size;
    if (size != batch.expected_size) return SizeMismatch(batch, size);
    StoredLog& log = logs_[batch.log];
    for (const StoredGroup& group : batch.groups) log.groups[group.first] = group;
    log.checkpoints[batch.new_size] = batch.checkpoint;
    log.head = batch.head;
    log.size = batch.new_size;
    for (const auto& [key, value] : batch.index) index_[key] = value;
    for (const std::string& key : batch.index_deletes) index_.erase(key);
    return absl::OkStatus();
  }

  absl::Status Rewrite(const RewriteBatch& batch) override {
    const std::unique_lock lock(mu_);
    const auto log = logs_.find(batch.log);
    for (const StoredGroup& group : batch.groups) {
      const std::string* stored = nullptr;
      if (log != logs_.end()) {
        const auto found = log->second.groups.find(group.first);
        if (found != log->second.groups.end()) stored = &found->second.entries;
      }
      POLKU_RETURN_IF_ERROR(CheckRewrite(batch.log, group, stored));
    }
    for (const StoredGroup& group : batch.groups) log->second.groups[group.first] = group;
    for (const auto& [key, value] : batch.index_puts) index_[key] = value;
    for (const std::string& key : batch.index_deletes) index_.erase(key);
    return absl::OkStatus();
  }
  // A value that was replaced is nowhere any more.
  absl::Status Purge(std::span<const PurgeRange> /*ranges*/) override { return absl::OkStatus(); }

  absl::StatusOr<std::optional<std::string>> ReadHead(LogNumber log) override {
    const std::shared_lock lock(mu_);
    const auto found = logs_.find(log);
    if (found == logs_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second.head);
  }

  absl::StatusOr<std::vector<LogNumber>> Logs() override {
    const std::shared_lock lock(mu_);
    std::vector<LogNumber> numbers;
    for (const auto& [number, log] : logs_) numbers.push_back(number);
    return numbers;
  }

  absl::StatusOr<std::optional<std::string>> ReadCheckpoint(LogNumber log, Position size) override {
    const std::shared_lock lock(mu_);
    const auto found = logs_.find(log);
    if (found == logs_.end()) return std::optional<std::string>();
    auto next = found->second.checkpoints.upper_bound(size);
    if (next == found->second.checkpoints.begin()) return std::optional<std::string>();
    return std::optional<std::string>(std::prev(next)->second);
  }

  std::unique_ptr<IndexCursor> Checkpoints(LogNumber log) override {
    const std::shared_lock lock(mu_);
    std::vector<KeyValue> entries;
    if (const auto found = logs_.find(log); found != logs_.end()) {
      for (const auto& [size, note] : found->second.checkpoints) {
        std::string key;
        AppendBigEndian64(key, size.value());
        entries.emplace_back(std::move(key), note);
      }
    }
    return std::make_unique<MemoryIndexCursor>(std::move(entries));
  }

  absl::StatusOr<StoredGroup> ReadGroup(LogNumber log, Position position,
                                        bool with_blobs) override {
    const std::shared_lock lock(mu_);
    const auto found = logs_.find(log);
    if (found == logs_.end() || position >= found->second.size) {
      return absl::OutOfRangeError(
          Str("log ", log.value(), " position ", position.value(), ": beyond its end"));
    }
    StoredGroup group = std::prev(found->second.groups.upper_bound(position))->second;
    if (!with_blobs) group.blobs.clear();
    return group;
  }

  absl::StatusOr<std::unique_ptr<GroupCursor>> Scan(LogNumber log, Position from,
                                                    bool with_blobs) override;

  std::unique_ptr<StoredCursor> ScanStored(LogNumber log, StoredPart part, Position from,
                                           Position to) override {
    const std::shared_lock lock(mu_);
    std::vector<std::pair<Position, std::string>> values;
    const auto found = logs_.find(log);
    if (found != logs_.end() && part == StoredPart::kCheckpoints) {
      const auto& checkpoints = found->second.checkpoints;
      for (auto it = checkpoints.lower_bound(from); it != checkpoints.end() && it->first < to; ++it) {
        values.emplace_back(*it);
      }
    } else if (found != logs_.end()) {
      const auto& groups = found->second.groups;
      for (auto it = groups.lower_bound(from); it != groups.end() && it->first < to; ++it) {
        const std::string& bytes =
            part == StoredPart::kEntries ? it->second.entries : it->second.blobs;
        if (!bytes.empty()) values.emplace_back(it->first, bytes);
      }
    }
    return std::make_unique<MemoryStoredCursor>(std::move(values));
  }

  absl::StatusOr<std::optional<std::string>> IndexGet(std::string_view key) override {
    return Get(index_, key);
  }
  std::unique_ptr<IndexCursor> IndexScan(std::string_view prefix) override {
    return Scan(index_, prefix);
  }
  absl::StatusOr<std::optional<KeyValue>> IndexFloor(std::string_view prefix,
                                                     std::string_view suffix) override {
    return Floor(index_, prefix, suffix);
  }

  absl::Status WriteIndex(std::span<const KeyValue> puts,
                          std::span<const std::string> deletes) override {
    const std::unique_lock lock(mu_);
    for (const auto& [key, value] : puts) index_[key] = value;
    for (const std::string& key : deletes) index_.erase(key);
    return absl::OkStatus();
  }

  absl::Status ClearIndex() override {
    const std::unique_lock lock(mu_);
    index_.clear();
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::string>> RecordGet(std::string_view key) override {
    return Get(records_, key);
  }
  std::unique_ptr<IndexCursor> RecordScan(std::string_view prefix) override {
    return Scan(records_, prefix);
  }
  absl::StatusOr<std::optional<KeyValue>> RecordFloor(std::string_view prefix,
                                                      std::string_view suffix) override {
    return Floor(records_, prefix, suffix);
  }
  absl::Status WriteRecords(std::span<const KeyValue> puts, bool /*sync*/) override {
    const std::unique_lock lock(mu_);
    for (const auto& [key, value] : puts) records_[key] = value;
    return absl::OkStatus();
  }

 private:
  using Table = std::map<std::string, std::string, std::less<>>;

  std::optional<std::string> Get(const Table& table, std::string_view key) {
    const std::shared_lock lock(mu_);
    const auto found = table.find(key);
    if (found == table.end()) return std::nullopt;
    return found->second;
  }

  std::unique_ptr<IndexCursor> Scan(const Table& table, std::string_view prefix) {
    const std::shared_lock lock(mu_);
    std::vector<KeyValue> entries;
    for (auto it = table.lower_bound(prefix);
         it != table.end() && std::string_view(it->first).substr(0, prefix.size()) == prefix;
         ++it) {
      entries.emplace_back(*it);
    }
    return std::make_unique<MemoryIndexCursor>(std::move(entries));
  }

  absl::StatusOr<std::optional<KeyValue>> Floor(const Table& table, std::string_view prefix,
                                                std::string_view suffix) {
    if (prefix.empty()) return absl::InvalidArgumentError("floor: empty prefix");
    const std::shared_lock lock(mu_);
    auto next = table.upper_bound(Str(prefix, suffix));
    if (next == table.begin()) return std::optional<KeyValue>();
    --next;
    if (std::string_view(next->first).substr(0, prefix.size()) != prefix) {
      return std::optional<KeyValue>();
    }
    return std::optional<KeyValue>(*next);
  }

  std::shared_mutex mu_;
  std::map<LogNumber, StoredLog> logs_;  // guarded by mu_
  Table index_;                          // guarded by mu_
  Table records_;                        // guarded by mu_
};

class MemoryGroupCursor final : public GroupCursor {
 public:
  MemoryGroupCursor(Engine& engine, LogNumber log, Position from, Position end, bool with_blobs)
      : engine_(engine), log_(log), next_(from), end_(end), with_blobs_(with_blobs) {}

  absl::StatusOr<std::optional<StoredGroup>> Next() override {
    if (next_ >= end_) return std::optional<StoredGroup>();
    POLKU_ASSIGN_OR_RETURN(StoredGroup group, engine_.ReadGroup(log_, next_, with_blobs_));
    POLKU_ASSIGN_OR_RETURN(const uint64_t count, GroupCount(group.entries));
    next_ = Position(group.first.value() + count);
    return std::optional<StoredGroup>(std::move(group));
  }

 private:
  Engine& engine_;
  const LogNumber log_;
  Position next_;
  const Position end_;
  const bool with_blobs_;
};

absl::StatusOr<std::unique_ptr<GroupCursor>> MemoryEngine::Scan(LogNumber log, Position from,
                                                                bool with_blobs) {
  const std::shared_lock lock(mu_);
  const auto found = logs_.find(log);
  const Position end = found == logs_.end() ? Position(0) : found->second.size;
  return std::make_unique<MemoryGroupCursor>(*this, log, from, end, with_blobs);
}

}  // namespace

absl::Status CheckCommit(const CommitBatch& batch) {
  Position next = batch.expected_size;
  for (const StoredGroup& group : batch.groups) {
    if (group.first != next) {
      return absl::InvalidArgumentError(Str("commit: group at ", group.first.value(),
                                            " does not follow position ", next.value()));
    }
    absl::StatusOr<uint64_t> count = GroupCount(group.entries);
    if (!count.ok()) return absl::InvalidArgumentError(Str("commit: ", count.status().message()));
    next = Position(next.value() + *count);
  }
  if (next != batch.new_size || batch.groups.empty()) {
    return absl::InvalidArgumentError(
        Str("commit: groups end at ", next.value(), ", not at ", batch.new_size.value()));
  }
  const absl::StatusOr<LogHead> head = LogHead::Parse(batch.head);
  if (!head.ok() || head->frontier.size() != batch.new_size || batch.checkpoint.empty()) {
    return absl::InvalidArgumentError("commit: head or checkpoint is not that of the new size");
  }
  if (batch.log.value() > UINT32_MAX) return absl::InvalidArgumentError("commit: log number");
  return absl::OkStatus();
}

absl::Status CheckRewrite(LogNumber log, const StoredGroup& group, const std::string* stored) {
  const auto bad = [&](std::string_view what) {
    return absl::FailedPreconditionError(Str("log ", log.value(), " position ",
                                             group.first.value(), ": rewrite: ", what));
  };
  if (stored == nullptr) return bad("no stored group starts there");
  const absl::StatusOr<uint64_t> count = GroupCount(group.entries);
  const absl::StatusOr<uint64_t> before = GroupCount(*stored);
  if (!count.ok() || !before.ok() || *count != *before) {
    return bad("it does not end where the stored group does");
  }
  return absl::OkStatus();
}

absl::Status SizeMismatch(const CommitBatch& batch, Position size) {
  return absl::FailedPreconditionError(Str("log ", batch.log.value(), " has size ", size.value(),
                                           ", the commit expects ", batch.expected_size.value()));
}

std::unique_ptr<Engine> MakeMemoryEngine() { return std::make_unique<MemoryEngine>(); }

}  // namespace polku::log
