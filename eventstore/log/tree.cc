#include "eventstore/log/tree.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"

namespace polku::log {
namespace {

constexpr uint64_t kRunLeaves = uint64_t{1} << proof::kStoredLevel;

}  // namespace

std::string NodeIndexKey(LogNumber log, uint8_t level, uint64_t index) {
  std::string key;
  key.reserve(1 + 4 + 1 + 8);
  key.push_back('n');
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
  key.push_back(static_cast<char>(level));
  AppendBigEndian64(key, index);
  return key;
}

void AddNodes(LogNumber log, const std::vector<proof::Node>& nodes, std::vector<KeyValue>& index) {
  for (const proof::Node& node : nodes) {
    index.emplace_back(NodeIndexKey(log, node.level, node.index), node.hash.view());
  }
}

// The nodes below kStoredLevel over the positions [number * 256, number * 256 + count).
struct TreeReader::Run {
  uint64_t number = 0;
  uint64_t count = 0;
  // Level after level from the leaves up; nullopt: hidden in a larger withheld subtree, or beyond
  // `count`.
  std::array<std::optional<Hash>, 2 * kRunLeaves> nodes;

  static size_t Slot(uint8_t level, uint64_t index) {
    return 2 * kRunLeaves - (2 * kRunLeaves >> level) + index;
  }
  std::optional<Hash>& At(uint8_t level, uint64_t index) { return nodes[Slot(level, index)]; }

  void Join() {
    for (uint8_t level = 1; level < proof::kStoredLevel; ++level) {
      for (uint64_t i = 0; i < count >> level; ++i) {
        const std::optional<Hash>& left = At(level - 1, 2 * i);
        const std::optional<Hash>& right = At(level - 1, 2 * i + 1);
        if (left && right) At(level, i) = proof::NodeHash(*left, *right);
      }
    }
  }
};

TreeReader::TreeReader(Engine& engine, LogNumber log) : engine_(engine), log_(log) {}
TreeReader::~TreeReader() = default;

absl::Status TreeReader::ReadHead() {
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, engine_.ReadHead(log_));
  if (!bytes) {
    head_ = proof::Frontier();
    return absl::OkStatus();
  }
  absl::StatusOr<LogHead> head = LogHead::Parse(*bytes);
  if (!head.ok()) return Annotate(head.status(), Str("log ", log_.value()));
  head_ = std::move(head->frontier);
  return absl::OkStatus();
}

absl::Status TreeReader::CheckSize(Position size) const {
  if (size <= head_.size()) return absl::OkStatus();
  return absl::OutOfRangeError(
      Str("log ", log_.value(), " has size ", head_.size().value(), ", not yet ", size.value()));
}

absl::Status TreeReader::Wrong(const absl::Status& found) const {
  return absl::DataLossError(
      Str("log ", log_.value(), ": its stored tree is not the one of its head (",
          ToStd(found.message()),
          "); run `polku reindex`, which also finds out whether entries were altered"));
}

absl::StatusOr<Hash> TreeReader::Subtree(uint8_t level, uint64_t index) {
  POLKU_RETURN_IF_ERROR(ReadHead());
  if (level > 62 || index >= head_.size().value() >> level) {
    return absl::OutOfRangeError(Str("log ", log_.value(), " of size ", head_.size().value(),
                                     ": no whole subtree ", index, " of level ",
                                     static_cast<int>(level)));
  }
  return Stored(level, index);
}

// Precondition: within head_.
absl::StatusOr<Hash> TreeReader::Stored(uint8_t level, uint64_t index) {
  if (level >= proof::kStoredLevel) return StoredNode(level, index);
  const int shift = proof::kStoredLevel - level;
  const uint64_t in_run = index & ((uint64_t{1} << shift) - 1);
  POLKU_ASSIGN_OR_RETURN(Run* const run, LoadRun(index >> shift, (in_run + 1) << level));
  const std::optional<Hash>& hash = run->At(level, in_run);
  if (hash) return *hash;
  return absl::NotFoundError(Str("log ", log_.value(), " position ", index << level,
                                 ": withheld, and known only as part of a larger subtree"));
}

absl::StatusOr<Hash> TreeReader::StoredNode(uint8_t level, uint64_t index) {
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                         engine_.IndexGet(NodeIndexKey(log_, level, index)));
  if (bytes) {
    const std::optional<Hash> hash = Hash::FromBytes(*bytes);
    if (!hash) return Wrong(absl::DataLossError(Str("a node of ", bytes->size(), " bytes")));
    return *hash;
  }
  // Missing by right inside a larger withheld subtree only.
  const Position first(index << level);
  POLKU_ASSIGN_OR_RETURN(const StoredGroup group, engine_.ReadGroup(log_, first, false));
  const absl::StatusOr<GroupView> view = GroupView::Parse(group.entries, {});
  if (!view.ok()) {
    return Annotate(view.status(), Str("log ", log_.value(), " position ", group.first.value()));
  }
  for (const GroupItem& item : view->items()) {
    const uint64_t start = group.first.value() + item.offset;
    if (item.leaf.empty() && item.withheld.level > level && start <= first.value() &&
        first.value() - start < uint64_t{1} << item.withheld.level) {
      return absl::NotFoundError(Str("log ", log_.value(), " position ", first.value(),
                                     ": withheld, and known only as part of a larger subtree"));
    }
  }
  return Wrong(absl::DataLossError(
      Str("node ", index, " of level ", static_cast<int>(level), " is missing")));
}

// The run with at least its first `count` positions, which must be within head_.
absl::StatusOr<TreeReader::Run*> TreeReader::LoadRun(uint64_t number, uint64_t count) {
  for (size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i] == nullptr || runs_[i]->number != number || runs_[i]->count < count) continue;
    std::rotate(runs_.begin(), runs_.begin() + static_cast<ptrdiff_t>(i),
                runs_.begin() + static_cast<ptrdiff_t>(i) + 1);
    return runs_[0].get();
  }
  auto run = std::make_unique<Run>();
  run->number = number;
  const uint64_t begin = number * kRunLeaves;
  const uint64_t end = std::min(begin + kRunLeaves, head_.size().value());
  POLKU_ASSIGN_OR_RETURN(const std::unique_ptr<GroupCursor> cursor,
                         engine_.Scan(log_, Position(begin), false));
  for (uint64_t next = begin; next < end;) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<StoredGroup> group, cursor->Next());
    if (!group) {
      return absl::DataLossError(Str("log ", log_.value(), " position ", next,
                                     ": its group is missing; repair from a replica or backup"));
    }
    const absl::StatusOr<GroupView> view = GroupView::Parse(group->entries, {});
    if (!view.ok()) {
      return Annotate(view.status(), Str("log ", log_.value(), " position ", group->first.value()));
    }
    for (const GroupItem& item : view->items()) {
      const uint64_t position = group->first.value() + item.offset;
      if (position >= end) break;
      if (position < begin) continue;
      if (!item.leaf.empty()) {
        run->At(0, position - begin) = proof::LeafHash(item.leaf);
      } else if (item.withheld.level < proof::kStoredLevel) {
        run->At(item.withheld.level, (position - begin) >> item.withheld.level) =
            item.withheld.hash;
      }
    }
    next = group->first.value() + view->count();
  }
  run->count = end - begin;
  run->Join();
  // A run that has grown takes the place of what was read of it before.
  for (std::unique_ptr<Run>& old : runs_) {
    if (old != nullptr && old->number == number) old = nullptr;
  }
  if (runs_[0] != nullptr) runs_[1] = std::move(runs_[0]);
  runs_[0] = std::move(run);
  return runs_[0].get();
}

proof::SubtreeFn TreeReader::Function() {
  return [this](uint8_t level, uint64_t index) { return Stored(level, index); };
}

absl::StatusOr<Hash> TreeReader::CheckedRoot(Position size) {
  if (size == head_.size()) return head_.Root();
  // A log only grows, and what its head once stood for it stands for ever.
  if (checked_ && checked_->size == size) return checked_->root;
  POLKU_ASSIGN_OR_RETURN(const Hash root, proof::RootAt(size, Function()));
  POLKU_ASSIGN_OR_RETURN(const proof::MerkleProof hashes,
                         proof::MakeConsistencyProof(size, head_.size(), Function()));
  const absl::Status status =
      proof::VerifyConsistency(size, head_.size(), root, head_.Root(), hashes);
  if (!status.ok()) return Wrong(status);
  checked_ = {size, root};
  return root;
}

absl::StatusOr<Hash> TreeReader::Root(Position size) {
  POLKU_RETURN_IF_ERROR(ReadHead());
  POLKU_RETURN_IF_ERROR(CheckSize(size));
  return CheckedRoot(size);
}

absl::StatusOr<proof::MerkleProof> TreeReader::Inclusion(Position index, Position size) {
  POLKU_RETURN_IF_ERROR(ReadHead());
  POLKU_RETURN_IF_ERROR(CheckSize(size));
  if (index >= size) {
    return absl::OutOfRangeError(
        Str("position ", index.value(), " is not in a tree of ", size.value()));
  }
  POLKU_ASSIGN_OR_RETURN(const Hash root, CheckedRoot(size));
  POLKU_ASSIGN_OR_RETURN(proof::MerkleProof hashes,
                         proof::MakeInclusionProof(index, size, Function()));
  POLKU_ASSIGN_OR_RETURN(const Hash leaf, Stored(0, index.value()));
  const absl::Status status = proof::VerifyInclusion(index, size, leaf, hashes, root);
  if (!status.ok()) return Wrong(status);
  return hashes;
}

absl::StatusOr<proof::MerkleProof> TreeReader::Consistency(Position size1, Position size2) {
  POLKU_RETURN_IF_ERROR(ReadHead());
  POLKU_RETURN_IF_ERROR(CheckSize(size2));
  POLKU_ASSIGN_OR_RETURN(proof::MerkleProof hashes,
                         proof::MakeConsistencyProof(size1, size2, Function()));
  POLKU_ASSIGN_OR_RETURN(const Hash root2, CheckedRoot(size2));
  POLKU_ASSIGN_OR_RETURN(const Hash root1, CheckedRoot(size1));
  const absl::Status status = proof::VerifyConsistency(size1, size2, root1, root2, hashes);
  if (!status.ok()) return Wrong(status);
  return hashes;
}

}  // namespace polku::log
