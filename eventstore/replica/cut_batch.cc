// What one receiver may have of the own log, as one group.
//
// Every batch is encoded anew, although stored groups and batches have one encoding: sections get
// their secrets here and lose what is not the receiver's, and merging the small groups of small
// commits into one message is worth more than sparing a copy and a checksum of 128 KiB (10 µs).
#include <charconv>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/replica/publisher.h"

namespace polku::replica {
namespace {

// Bounds the time of one cut where almost nothing is the receiver's.
constexpr size_t kMaxScannedEntries = 16'384;
// Item headers, section secrets: what an item takes besides its leaf or blob.
constexpr size_t kItemBytes = 48;
// All control messages are in this package; domain events are in others.
constexpr std::string_view kControlPackage = "polku.event.v1.";

struct Piece {
  std::string_view leaf;
  bool disclosed = false;
  event::v1::Header header;          // disclosed: parsed
  std::vector<log::BlobView> blobs;  // disclosed: those the receiver is entitled to
};

bool Contains(std::string_view bytes, std::string_view part) {
  return memmem(bytes.data(), bytes.size(), part.data(), part.size()) != nullptr;
}

// Fills `piece` for the leaf. Most leaves are another's: those are told by their bytes alone,
// without parsing, because a header that names the receiver contains its name.
absl::Status Decide(std::string_view leaf, std::string_view receiver, const log::GroupView& group,
                    uint64_t offset, Piece& piece) {
  piece.leaf = leaf;
  if (!Contains(leaf, receiver) && !Contains(leaf, kControlPackage)) return absl::OkStatus();
  POLKU_RETURN_IF_ERROR(log::ParseHeader(leaf, piece.header));
  piece.disclosed = piece.header.case_id().empty();
  for (const auto& disclosure : piece.header.disclosures()) {
    if (disclosure.receiver() != receiver) continue;
    piece.disclosed = true;
    if (disclosure.sections().empty()) break;
    for (const log::BlobView& blob : group.BlobsAt(offset)) {
      for (const int kind : disclosure.sections()) {
        if (kind == static_cast<int>(blob.kind)) piece.blobs.push_back(blob);
      }
    }
  }
  return absl::OkStatus();
}

// The second line of a signed note.
std::optional<Position> CheckpointSize(std::string_view note) {
  const size_t start = note.find('\n');
  if (start == note.npos) return std::nullopt;
  uint64_t size = 0;
  const char* end = note.data() + note.size();
  const auto [stop, error] = std::from_chars(note.data() + start + 1, end, size);
  if (error != std::errc() || stop == end || *stop != '\n') return std::nullopt;
  return Position(size);
}

}  // namespace

absl::StatusOr<BatchMessage> CutBatch(log::Engine& engine, std::string_view origin,
                                      std::string_view receiver, Position from, Position end,
                                      size_t max_bytes, const SectionSecretFn& secret) {
  if (from >= end) return absl::InvalidArgumentError("cutting an empty range");
  POLKU_ASSIGN_OR_RETURN(const std::unique_ptr<log::GroupCursor> cursor,
                         engine.Scan(kOwnLog, from, /*with_blobs=*/true));
  std::deque<log::StoredGroup> groups;  // pieces borrow from these
  std::vector<Piece> pieces;
  size_t bytes = 0;
  size_t disclosed = 0;
  bool full = false;
  while (!full && from.value() + pieces.size() < end.value()) {
    POLKU_ASSIGN_OR_RETURN(std::optional<log::StoredGroup> group, cursor->Next());
    if (!group.has_value()) break;
    groups.push_back(*std::move(group));
    const log::StoredGroup& stored = groups.back();
    POLKU_ASSIGN_OR_RETURN(const log::GroupView view,
                           log::GroupView::Parse(stored.entries, stored.blobs));
    for (const log::GroupItem& item : view.items()) {
      const uint64_t position = stored.first.value() + item.offset;
      if (position < from.value()) continue;
      if (position >= end.value()) break;
      if (item.leaf.empty() || position != from.value() + pieces.size()) {
        return absl::DataLossError(Str("log ", origin, ": entry ", position, " is missing"));
      }
      Piece piece;
      POLKU_RETURN_IF_ERROR(Decide(item.leaf, receiver, view, item.offset, piece));
      size_t cost = 0;
      if (piece.disclosed) {
        cost = kItemBytes + piece.leaf.size();
        for (const log::BlobView& blob : piece.blobs) cost += kItemBytes + blob.blob.size();
      } else if (pieces.empty() || pieces.back().disclosed) {
        cost = kItemBytes;  // a run costs a few hashes, however long
      }
      if (!pieces.empty() && bytes + cost > max_bytes) {
        full = true;
        break;
      }
      bytes += cost;
      disclosed += piece.disclosed ? 1 : 0;
      pieces.push_back(std::move(piece));
      if (disclosed == log::kMaxGroupEntries || pieces.size() == kMaxScannedEntries) {
        full = true;
        break;
      }
    }
  }
  if (pieces.empty()) {
    return absl::DataLossError(Str("log ", origin, ": nothing at position ", from.value()));
  }

  BatchMessage message;
  const Position reached(from.value() + pieces.size());
  POLKU_ASSIGN_OR_RETURN(std::optional<std::string> note, engine.ReadCheckpoint(kOwnLog, reached));
  if (note.has_value()) {
    const std::optional<Position> size = CheckpointSize(*note);
    if (!size.has_value() || *size > reached) {
      return absl::DataLossError(
          Str("log ", origin, ": the checkpoint at ", reached.value(), " is malformed"));
    }
    if (*size > from) {
      pieces.resize(size->value() - from.value());
      message.batch.set_checkpoint(*std::move(note));
    }
  }

  log::GroupWriter writer;
  std::vector<Hash> run;
  const auto end_run = [&] {
    const Position first(from.value() + writer.count());
    for (const proof::Subtree& subtree : proof::CoverRange(first, run)) writer.AddWithheld(subtree);
    run.clear();
  };
  for (const Piece& piece : pieces) {
    if (!piece.disclosed) {
      run.push_back(proof::LeafHash(piece.leaf));
      continue;
    }
    end_run();
    writer.AddLeaf(piece.leaf);
    for (const log::BlobView& blob : piece.blobs) {
      const absl::StatusOr<vault::SectionSecret> s = secret(piece.header, blob.kind);
      if (!s.ok()) {
        return absl::DataLossError(Str("log ", origin, ": a section's secret is not to be had: ",
                                       ToStd(s.status().message())));
      }
      writer.AddBlob(blob.kind, s->secret_bytes(), blob.blob);
    }
  }
  end_run();

  message.batch.set_origin(std::string(origin));
  message.batch.set_first_position(from.value());
  message.batch.set_count(writer.count());
  log::GroupWriter::Encoded encoded = std::move(writer).Finish();
  message.entries = std::move(encoded.entries);
  message.blobs = std::move(encoded.blobs);
  return message;
}

}  // namespace polku::replica
