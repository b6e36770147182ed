#include "eventstore/log/replica_log.h"

#include <algorithm>
#include <optional>
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
    // The own log goes on from this one when it is a later epoch of the same service: then the events
    // here are repeats for it (index.h, 'e').
    POLKU_ASSIGN_OR_RETURN(const std::vector<LogNumber> newer_epochs,
                           NewerEpochs(engine_, head_.origin));

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
        POLKU_RETURN_IF_ERROR(AddEpochEvent(engine_, newer_epochs, number_, position, header_,
                                            commit.index));
        if (header_.case_id().empty()) {
          commit.index.emplace_back(ControlIndexKey(number_, position), header_.type());
          continue;
        }
        commit.index.emplace_back(
            CaseIndexKey(*CaseId::FromBytes(header_.case_id()), number_, position),
            CaseIndexValue(Order(header_.order()), Revision(header_.case_revision())));
      }
    }
    for (const WantedEntry& wanted : batch.wanted) {
      commit.index.emplace_back(WantedIndexKey(number_, wanted.position),
                                WantedIndexValue(wanted.sections));
    }
    for (const VerifiedBatch::Hole& hole : batch.holes) {
      commit.index.emplace_back(HoleIndexKey(number_, hole.before),
                                HoleIndexValue(hole.after, hole.missing));
    }
    for (const Position before : batch.explained) {
      commit.index_deletes.push_back(HoleIndexKey(number_, before));
    }
    AddNodes(number_, batch.nodes, commit.index);
    commit.groups = batch.groups;
    POLKU_RETURN_IF_ERROR(engine_.Commit(commit));
    head_ = batch.head;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<VerifiedBatch::Hole>> UnexplainedHoles() override {
    // A replica of which nothing is stored has no number of its own yet.
    if (size() == Position(0)) return std::vector<VerifiedBatch::Hole>();
    return log::UnexplainedHoles(engine_, number_);
  }

  LogNumber number() const override { return number_; }
  const LogHead& head() const override { return head_; }

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

absl::StatusOr<std::vector<VerifiedBatch::Hole>> UnexplainedHoles(Engine& engine, LogNumber log) {
  std::vector<VerifiedBatch::Hole> holes;
  const std::unique_ptr<IndexCursor> cursor = engine.IndexScan(LogIndexPrefix('x', log));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> entry, cursor->Next());
    if (!entry) return holes;
    const std::optional<Position> before = ParseLogIndexKey(entry->first);
    VerifiedBatch::Hole& hole = holes.emplace_back();
    if (!before || !ParseHoleIndexValue(entry->second, hole.after, hole.missing)) {
      return absl::DataLossError("index of holes: malformed entry; run `polku reindex`");
    }
    hole.before = *before;
  }
}

}  // namespace polku::log
