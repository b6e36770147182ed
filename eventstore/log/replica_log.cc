#include "eventstore/log/replica_log.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/tree.h"

namespace polku::log {
namespace {

class ReplicaLogImpl final : public ReplicaLog {
 public:
  ReplicaLogImpl(Engine& engine, LogNumber number, LogHead head)
      : engine_(engine), number_(number), head_(std::move(head)) {}

  absl::Status Append(const VerifiedBatch& batch) override {
    if (batch.first != size()) {
      return absl::FailedPreconditionError(Str("replica of ", head_.origin, ": batch starts at ",
                                               batch.first.value(), ", expected ", size().value()));
    }
    if (batch.head.origin != head_.origin) {
      return absl::InvalidArgumentError(
          Str("replica of ", head_.origin, ": batch is of ", batch.head.origin));
    }
    if (size() == Position(0)) POLKU_RETURN_IF_ERROR(TakeNumber());
    POLKU_RETURN_IF_ERROR(FindNewerEpochs());

    CommitBatch commit;
    commit.log = number_;
    commit.expected_size = size();
    commit.new_size = batch.head.frontier.size();
    commit.checkpoint = batch.checkpoint;
    commit.head = batch.head.Serialize();
    if (first_of_store_) commit.index.emplace_back(kIndexVersionKey, kIndexVersion);
    for (const StoredGroup& group : batch.groups) {
      POLKU_ASSIGN_OR_RETURN(const GroupView view, GroupView::Parse(group.entries, group.blobs));
      for (const GroupItem& item : view.items()) {
        if (item.leaf.empty()) continue;
        POLKU_RETURN_IF_ERROR(ParseHeader(item.leaf, header_));
        const Position position(group.first.value() + item.offset);
        const Revision revision(header_.case_revision());
        if (!newer_epochs_.empty()) {
          std::string key =
              EventIndexKey(*EventId::FromBytes(header_.event_id()), header_.author_agency());
          POLKU_ASSIGN_OR_RETURN(const bool is_newer, IsInNewerEpoch(key));
          if (!is_newer) {
            commit.index.emplace_back(std::move(key),
                                      EventIndexValue(position, revision, number_));
          }
        }
        if (header_.case_id().empty()) continue;
        commit.index.emplace_back(
            CaseIndexKey(*CaseId::FromBytes(header_.case_id()), number_, position),
            CaseIndexValue(Order(header_.order()), revision));
      }
    }
    AddNodes(number_, batch.nodes, commit.index);
    commit.groups = batch.groups;
    POLKU_RETURN_IF_ERROR(engine_.Commit(commit));
    head_ = batch.head;
    return absl::OkStatus();
  }

  LogNumber number() const override { return number_; }
  const LogHead& head() const override { return head_; }

  // The own log goes on from this one when it is a later epoch of the same service: then the events
  // here are repeats for it (index.h, 'e').
  absl::Status FindNewerEpochs() {
    newer_epochs_.clear();
    POLKU_ASSIGN_OR_RETURN(const std::vector<HeldLog> logs, HeldLogs(engine_));
    if (logs.empty() || logs[0].number != kOwnLog) return absl::OkStatus();
    POLKU_ASSIGN_OR_RETURN(const OriginName own, OriginName::Parse(logs[0].head.origin));
    POLKU_ASSIGN_OR_RETURN(const OriginName origin, OriginName::Parse(head_.origin));
    if (origin.agency() != own.agency() || origin.service() != own.service() ||
        origin.epoch() >= own.epoch()) {
      return absl::OkStatus();
    }
    newer_epochs_.push_back(kOwnLog);
    for (const HeldLog& log : EarlierEpochs(logs, own)) {
      if (log.head.origin == head_.origin) continue;
      POLKU_ASSIGN_OR_RETURN(const OriginName other, OriginName::Parse(log.head.origin));
      if (other.epoch() > origin.epoch()) newer_epochs_.push_back(log.number);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> IsInNewerEpoch(std::string_view event_index_key) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                           engine_.IndexGet(event_index_key));
    if (!value) return false;
    Position position;
    Revision revision;
    LogNumber log;
    if (!ParseEventIndexValue(*value, position, revision, log)) {
      return absl::DataLossError("event index: malformed entry; run `polku reindex`");
    }
    return std::find(newer_epochs_.begin(), newer_epochs_.end(), log) != newer_epochs_.end();
  }

  // Another replica may have taken our number since, as long as nothing of ours is stored.
  absl::Status TakeNumber() {
    POLKU_ASSIGN_OR_RETURN(const std::vector<LogNumber> logs, engine_.Logs());
    uint64_t next = kOwnLog.value() + 1;
    for (const LogNumber log : logs) next = std::max(next, log.value() + 1);
    number_ = LogNumber(next);
    first_of_store_ = logs.empty();
    return absl::OkStatus();
  }

 private:
  Engine& engine_;
  LogNumber number_;
  LogHead head_;
  bool first_of_store_ = false;
  std::vector<LogNumber> newer_epochs_;  // empty unless this is an earlier epoch of the own log
  event::v1::Header header_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReplicaLog>> ReplicaLog::Open(Engine& engine,
                                                             const OriginName& origin) {
  POLKU_RETURN_IF_ERROR(CheckIndexComplete(engine));
  POLKU_ASSIGN_OR_RETURN(const std::vector<HeldLog> logs, HeldLogs(engine));
  for (const HeldLog& log : logs) {
    if (log.head.origin != origin.text()) continue;
    if (log.number == kOwnLog) {
      return absl::FailedPreconditionError(
          Str(origin.text(), " is this store's own log, not a replica"));
    }
    return std::make_unique<ReplicaLogImpl>(engine, log.number, log.head);
  }
  LogHead head;
  head.origin = origin.text();
  auto replica = std::make_unique<ReplicaLogImpl>(engine, kOwnLog, std::move(head));
  POLKU_RETURN_IF_ERROR(replica->TakeNumber());
  return replica;
}

}  // namespace polku::log
