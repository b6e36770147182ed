#include "eventstore/proof/merkle.h"

#include <bit>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"

namespace polku::proof {
namespace {

using namespace std::string_view_literals;

constexpr uint64_t kMaxSize = (uint64_t{1} << 63) - 1;

}  // namespace

Hash LeafHash(std::string_view leaf) { return Sha256({"\0"sv, leaf}); }

Hash NodeHash(const Hash& left, const Hash& right) {
  return Sha256({"\1"sv, left.view(), right.view()});
}

Hash EmptyRoot() { return Sha256(""sv); }

void Frontier::Add(const Subtree& subtree, std::vector<Node>* completed) {
  Hash hash = subtree.hash;
  uint8_t level = subtree.level;
  uint64_t index = size_.value() >> level;
  const auto tell = [&] {
    if (completed != nullptr && level >= kStoredLevel) completed->push_back({level, index, hash});
  };
  tell();
  // Each trailing one-bit is a complete subtree that this one completes into a larger one.
  while ((index & 1) != 0) {
    hash = NodeHash(roots_.back(), hash);
    roots_.pop_back();
    index >>= 1;
    ++level;
    tell();
  }
  roots_.push_back(hash);
  size_ = Position(size_.value() + (uint64_t{1} << subtree.level));
}

void Frontier::AppendLeafHash(const Hash& leaf_hash, std::vector<Node>* completed) {
  Add({0, leaf_hash}, completed);
}

absl::Status Frontier::AppendSubtree(const Subtree& subtree, std::vector<Node>* completed) {
  if (subtree.level >= 63) {
    return Error(absl::StatusCode::kInvalidArgument, "subtree: level above 62");
  }
  const uint64_t leaves = uint64_t{1} << subtree.level;
  if (size_.value() % leaves != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "subtree: not aligned, level ",
                 static_cast<int>(subtree.level), " at position ", size_.value());
  }
  if (leaves > kMaxSize - size_.value()) {
    return Error(absl::StatusCode::kInvalidArgument, "subtree: the tree would exceed 63 bits");
  }
  Add(subtree, completed);
  return absl::OkStatus();
}

Hash Frontier::Root() const {
  if (roots_.empty()) return EmptyRoot();
  Hash root = roots_.back();
  for (size_t i = roots_.size() - 1; i > 0; --i) root = NodeHash(roots_[i - 1], root);
  return root;
}

std::string Frontier::Serialize() const {
  std::string bytes;
  bytes.reserve(8 + roots_.size() * Hash::kBytes);
  AppendBigEndian64(bytes, size_.value());
  for (const Hash& root : roots_) bytes.append(root.view());
  return bytes;
}

absl::StatusOr<Frontier> Frontier::Parse(std::string_view bytes) {
  if (bytes.size() < 8) return Error(absl::StatusCode::kDataLoss, "frontier: shorter than a size");
  const uint64_t size = ReadBigEndian64(bytes.data());
  if (size > kMaxSize) return Error(absl::StatusCode::kDataLoss, "frontier: size above 63 bits");
  const size_t count = static_cast<size_t>(std::popcount(size));
  bytes.remove_prefix(8);
  if (bytes.size() != count * Hash::kBytes) {
    return Error(absl::StatusCode::kDataLoss, "frontier: size ", size, " needs ", count,
                 " hashes, found ", bytes.size(), " bytes");
  }
  Frontier frontier;
  frontier.size_ = Position(size);
  frontier.roots_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    frontier.roots_.push_back(*Hash::FromBytes(bytes.substr(i * Hash::kBytes, Hash::kBytes)));
  }
  return frontier;
}

std::vector<Subtree> CoverRange(Position first, const std::vector<Hash>& leaf_hashes) {
  std::vector<Subtree> cover;
  size_t next = 0;
  while (next < leaf_hashes.size()) {
    const size_t rest = leaf_hashes.size() - next;
    const int fits = static_cast<int>(std::bit_width(rest)) - 1;
    // countr_zero(0) is 64: position 0 is aligned for any level.
    const int aligned = std::countr_zero(first.value() + next);
    const int level = aligned < fits ? aligned : fits;
    const size_t leaves = size_t{1} << level;
    Frontier subtree;
    for (size_t i = 0; i < leaves; ++i) subtree.AppendLeafHash(leaf_hashes[next + i]);
    cover.push_back({static_cast<uint8_t>(level), subtree.Root()});
    next += leaves;
  }
  return cover;
}

}  // namespace polku::proof
