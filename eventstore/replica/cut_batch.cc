// What one receiver may have of a log, as one group.
//
// Every batch is encoded anew, although stored groups and batches have one encoding: sections get
// their secrets here and lose what is not the receiver's, and merging the small groups of small
// commits into one message is worth more than sparing a copy and a checksum of 128 KiB (10 µs).
#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/replica/lookups.h"
#include "eventstore/replica/publisher.h"

namespace polku::replica {
namespace {

// Bounds the time of one cut where almost nothing is the receiver's.
constexpr size_t kMaxScannedEntries = 16'384;
// Item headers, section secrets: what an item takes besides its leaf or blob.
constexpr size_t kItemBytes = 48;
// All control messages are in this package; domain events are in others.
constexpr std::string_view kControlPackage = "polku.event.v1.";
constexpr std::string_view kKeyChangedType = "polku.event.v1.KeyChanged";

struct Piece {
  std::string_view leaf;
  std::optional<Hash> erased;  // the hash of a leaf that was
  bool shown = false;          // else its hash alone
  event::v1::Header header;  // parsed if a blob is sent with its secret
  struct Blob {
    log::BlobView blob;
    bool with_secret = false;
  };
  std::vector<Blob> blobs;  // those that are sent
};

// What of the entry at `offset` of a group is sent: all of `piece` but its leaf, which is set.
using DecideFn = std::function<absl::Status(const log::GroupView& group, uint64_t offset, Piece&)>;

bool Contains(std::string_view bytes, std::string_view part) {
  return memmem(bytes.data(), bytes.size(), part.data(), part.size()) != nullptr;
}

bool Lists(const event::v1::Disclosure& disclosure, SectionKind kind) {
  return std::find(disclosure.sections().begin(), disclosure.sections().end(),
                   static_cast<int>(kind)) != disclosure.sections().end();
}

// Most leaves are another's: those are told by their bytes alone, without parsing, because a header
// that names the receiver contains its name.
absl::Status DecideDisclosed(std::string_view receiver, const log::GroupView& group,
                             uint64_t offset, Piece& piece) {
  if (!Contains(piece.leaf, receiver) && !Contains(piece.leaf, kControlPackage)) {
    return absl::OkStatus();
  }
  POLKU_RETURN_IF_ERROR(log::ParseHeader(piece.leaf, piece.header));
  const event::v1::Disclosure* disclosure = DisclosureTo(receiver, piece.header);
  piece.shown = disclosure != nullptr || piece.header.case_id().empty();
  if (disclosure == nullptr || disclosure->sections().empty()) return absl::OkStatus();
  for (const log::BlobView& blob : group.BlobsAt(offset)) {
    if (Lists(*disclosure, blob.kind)) piece.blobs.push_back({blob, /*with_secret=*/true});
  }
  return absl::OkStatus();
}

// `secrets`: the receiver gets those of the sections disclosed to it.
absl::Status DecideWhole(std::string_view receiver, bool secrets, const log::GroupView& group,
                         uint64_t offset, Piece& piece) {
  piece.shown = true;
  const event::v1::Disclosure* disclosure = nullptr;
  if (secrets && Contains(piece.leaf, receiver)) {
    POLKU_RETURN_IF_ERROR(log::ParseHeader(piece.leaf, piece.header));
    disclosure = DisclosureTo(receiver, piece.header);
  }
  for (const log::BlobView& blob : group.BlobsAt(offset)) {
    piece.blobs.push_back({blob, disclosure != nullptr && Lists(*disclosure, blob.kind)});
  }
  return absl::OkStatus();
}

// Whether the entry changes the key that signs checkpoints.
bool ChangesSigningKey(std::string_view leaf) {
  event::v1::Header header;
  event::v1::KeyChanged change;
  return Contains(leaf, kKeyChangedType) && log::ParseHeader(leaf, header).ok() &&
         header.type() == kKeyChangedType && change.ParseFromString(header.control()) &&
         change.use() == event::v1::KEY_USE_SIGNING;
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

struct CutRules {
  DecideFn decide;
  // Whether the position is withheld here because its leaf was erased.
  std::function<absl::StatusOr<bool>(Position)> was_erased;
  // Else hashes of consecutive ones are sent as the fewest subtrees.
  bool each_hash_alone = false;
};

absl::StatusOr<BatchMessage> Cut(log::Engine& engine, LogNumber log, std::string_view origin,
                                 Position from, Position end, size_t max_bytes,
                                 const CutRules& rules, const SectionSecretFn& secret) {
  if (from >= end) return absl::InvalidArgumentError("cutting an empty range");
  POLKU_ASSIGN_OR_RETURN(const std::unique_ptr<log::GroupCursor> cursor,
                         engine.Scan(log, from, /*with_blobs=*/true));
  std::deque<log::StoredGroup> groups;  // pieces borrow from these
  std::vector<Piece> pieces;
  size_t bytes = 0;
  size_t shown = 0;
  size_t erased = 0;
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
      Piece piece;
      bool held = position == from.value() + pieces.size();
      if (held && item.leaf.empty()) {
        held = item.withheld.level == 0;
        if (held) {
          POLKU_ASSIGN_OR_RETURN(held, rules.was_erased(Position(position)));
        }
        piece.erased = item.withheld.hash;
      }
      if (!held) {
        return absl::DataLossError(
            Str("log ", origin, ": entry ", from.value() + pieces.size(), " is not held here"));
      }
      piece.leaf = item.leaf;
      if (!piece.erased) POLKU_RETURN_IF_ERROR(rules.decide(view, item.offset, piece));
      size_t cost = 0;
      if (piece.shown) {
        cost = kItemBytes + piece.leaf.size();
        for (const auto& [blob, with_secret] : piece.blobs) cost += kItemBytes + blob.blob.size();
      } else if (pieces.empty() || pieces.back().shown) {
        cost = kItemBytes;  // a run costs a few hashes, however long
      }
      if (!pieces.empty() && bytes + cost > max_bytes) {
        full = true;
        break;
      }
      bytes += cost;
      shown += piece.shown ? 1 : 0;
      erased += piece.erased ? 1 : 0;
      pieces.push_back(std::move(piece));
      // The old key's signature over a change must not be lost in a batch that goes beyond it.
      if (shown == log::kMaxGroupEntries || pieces.size() == kMaxScannedEntries ||
          erased == kMaxErased || ChangesSigningKey(item.leaf)) {
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
  POLKU_ASSIGN_OR_RETURN(std::optional<std::string> note, engine.ReadCheckpoint(log, reached));
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
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    if (piece.erased) message.batch.add_erased(from.value() + i);
    if (!piece.shown) {
      run.push_back(piece.erased ? *piece.erased : proof::LeafHash(piece.leaf));
      if (rules.each_hash_alone) end_run();
      continue;
    }
    end_run();
    writer.AddLeaf(piece.leaf);
    for (const auto& [blob, with_secret] : piece.blobs) {
      if (!with_secret) {
        writer.AddBlob(blob.kind, "", blob.blob);
        continue;
      }
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

}  // namespace

absl::StatusOr<BatchMessage> CutBatch(log::Engine& engine, std::string_view origin,
                                      std::string_view receiver, Position from, Position end,
                                      size_t max_bytes, const SectionSecretFn& secret) {
  const CutRules rules{
      .decide =
          [&](const log::GroupView& group, uint64_t offset, Piece& piece) {
            return DecideDisclosed(receiver, group, offset, piece);
          },
      // Nothing of the own log was ever withheld from here.
      .was_erased = [](Position) { return true; }};
  return Cut(engine, kOwnLog, origin, from, end, max_bytes, rules, secret);
}

absl::StatusOr<BatchMessage> CutWhole(log::Engine& engine, LogNumber log, std::string_view origin,
                                      std::string_view receiver, Position from, Position end,
                                      size_t max_bytes, const SectionSecretFn& secret) {
  std::optional<std::vector<Position>> erased;  // read when it is needed
  const CutRules rules{
      .decide =
          [&](const log::GroupView& group, uint64_t offset, Piece& piece) {
            return DecideWhole(receiver, secret != nullptr, group, offset, piece);
          },
      .was_erased = [&](Position position) -> absl::StatusOr<bool> {
        if (log == kOwnLog) return true;
        if (!erased.has_value()) {
          const Position after(from > Position() ? from.value() - 1 : 0);
          POLKU_ASSIGN_OR_RETURN(erased, ErasedLeaves(engine, log, after, end));
        }
        return std::binary_search(erased->begin(), erased->end(), position);
      },
      // So that who holds the whole can serve any part of it.
      .each_hash_alone = true};
  return Cut(engine, log, origin, from, end, max_bytes, rules, secret);
}

}  // namespace polku::replica
