// Entries that were opened to a receiver later, one by one.
#include <map>
#include <optional>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/tree.h"
#include "eventstore/replica/lookups.h"
#include "eventstore/replica/publisher.h"

namespace polku::replica {
namespace {

// Of the largest aligned complete subtree that holds the position.
uint8_t LevelsAbove(Position position, Position size) {
  uint8_t level = 0;
  while ((((position.value() >> (level + 1)) + 1) << (level + 1)) <= size.value()) ++level;
  return level;
}

class Filler {
 public:
  Filler(log::Engine& engine, std::string_view origin, std::string_view receiver, Position size,
         const SectionSecretFn& secret)
      : engine_(engine),
        origin_(origin),
        receiver_(receiver),
        size_(size),
        secret_(secret),
        tree_(engine, kOwnLog) {}

  // nullopt: not opened to the receiver, or no such entry.
  absl::StatusOr<std::optional<FillMessage>> Fill(Position position) {
    std::optional<FillMessage> none;
    if (position >= size_) return none;
    POLKU_ASSIGN_OR_RETURN(const log::StoredGroup stored,
                           engine_.ReadGroup(kOwnLog, position, /*with_blobs=*/true));
    POLKU_ASSIGN_OR_RETURN(const log::GroupView group,
                           log::GroupView::Parse(stored.entries, stored.blobs));
    const log::GroupItem* item = nullptr;
    for (const log::GroupItem& one : group.items()) {
      if (stored.first.value() + one.offset <= position.value()) item = &one;
    }
    FillMessage message;
    message.fill.set_origin(std::string(origin_));
    message.fill.set_position(position.value());
    if (item->leaf.empty()) {
      // Its Erased tells everybody.
      message.fill.set_gone(true);
      return std::optional(std::move(message));
    }
    event::v1::Header header;
    POLKU_RETURN_IF_ERROR(log::ParseHeader(item->leaf, header));
    const std::optional<CaseId> case_id = CaseId::FromBytes(header.case_id());
    if (!case_id.has_value()) return none;
    POLKU_ASSIGN_OR_RETURN(const OpenedPositions* later, OpenedIn(*case_id));
    const std::optional<SectionSet> opened = OpenedTo(receiver_, header, position, *later);
    if (!opened.has_value()) return none;
    log::GroupWriter writer;
    writer.AddLeaf(item->leaf);
    for (const log::BlobView& blob : group.BlobsAt(item->offset)) {
      if (!opened->has(blob.kind)) continue;
      const absl::StatusOr<vault::SectionSecret> s = secret_(header, blob.kind);
      if (!s.ok()) {
        return absl::DataLossError(Str("log ", origin_, ": a section's secret is not to be had: ",
                                       ToStd(s.status().message())));
      }
      writer.AddBlob(blob.kind, s->secret_bytes(), blob.blob);
    }
    if (!writer.has_blobs() && HasOneOf(header, *opened)) {
      message.fill.set_gone(true);
      return std::optional(std::move(message));
    }
    const uint8_t levels = LevelsAbove(position, size_);
    for (uint8_t level = 0; level < levels; ++level) {
      POLKU_ASSIGN_OR_RETURN(const Hash sibling,
                             tree_.Subtree(level, (position.value() >> level) ^ 1));
      message.fill.add_siblings(std::string(sibling.view()));
    }
    log::GroupWriter::Encoded encoded = std::move(writer).Finish();
    message.entries = std::move(encoded.entries);
    message.blobs = std::move(encoded.blobs);
    return std::optional(std::move(message));
  }

 private:
  // The entry was written with a section of these kinds.
  static bool HasOneOf(const event::v1::Header& header, SectionSet kinds) {
    for (const auto& commitment : header.commitments()) {
      if (kinds.has(static_cast<SectionKind>(commitment.kind()))) return true;
    }
    return false;
  }

  // Most positions of a Fetch are of one case, which is read once.
  absl::StatusOr<const OpenedPositions*> OpenedIn(const CaseId& case_id) {
    auto it = opened_.find(case_id);
    if (it == opened_.end()) {
      POLKU_ASSIGN_OR_RETURN(OpenedPositions opened,
                             OpenedLater(engine_, kOwnLog, case_id, receiver_));
      it = opened_.emplace(case_id, std::move(opened)).first;
    }
    return &it->second;
  }

  log::Engine& engine_;
  const std::string_view origin_;
  const std::string_view receiver_;
  const Position size_;
  const SectionSecretFn& secret_;
  log::TreeReader tree_;
  std::map<CaseId, OpenedPositions> opened_;
};

}  // namespace

absl::StatusOr<Fills> CutFills(log::Engine& engine, std::string_view origin,
                               std::string_view receiver, std::span<const Position> positions,
                               size_t max_bytes, const SectionSecretFn& secret) {
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, engine.ReadHead(kOwnLog));
  Position size;
  if (bytes.has_value()) {
    POLKU_ASSIGN_OR_RETURN(const log::LogHead head, log::LogHead::Parse(*bytes));
    size = head.frontier.size();
  }
  Filler filler(engine, origin, receiver, size, secret);
  Fills result;
  size_t payload = 0;
  for (const Position position : positions) {
    if (payload >= max_bytes) break;
    POLKU_ASSIGN_OR_RETURN(std::optional<FillMessage> message, filler.Fill(position));
    ++result.answered;
    if (!message.has_value()) {
      result.refused = true;
      break;
    }
    payload += message->entries.size() + message->blobs.size();
    result.fills.push_back(*std::move(message));
  }
  return result;
}

}  // namespace polku::replica
