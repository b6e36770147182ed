#include "eventstore/log/rewrite.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/tree.h"

namespace polku::log {
namespace {

constexpr size_t kWrappedSecretBytes = 72;
// A rewrite is written in commits of about this much, so that a large erasure needs little memory.
constexpr size_t kMaxRewriteBytes = 16 << 20;

std::string Place(LogNumber log, Position position) {
  return Str("log ", log.value(), " position ", position.value());
}

// The item that covers `offset`. Precondition: within the group, whose first item has offset 0.
std::vector<GroupItem>::const_iterator ItemAt(const std::vector<GroupItem>& items, uint64_t offset) {
  const auto after =
      std::upper_bound(items.begin(), items.end(), offset,
                       [](uint64_t value, const GroupItem& item) { return value < item.offset; });
  return std::prev(after);
}

// A stored group taken apart, to be changed and put together again. Views borrow from `stored` and from what
// was put in.
class GroupEdit {
 public:
  static absl::StatusOr<std::unique_ptr<GroupEdit>> Read(Engine& engine, LogNumber log,
                                                         Position position) {
    auto edit = std::make_unique<GroupEdit>();
    POLKU_ASSIGN_OR_RETURN(edit->stored_, engine.ReadGroup(log, position, /*with_blobs=*/true));
    const StoredGroup& stored = edit->stored_;
    const absl::StatusOr<GroupView> view = GroupView::Parse(stored.entries, stored.blobs);
    if (!view.ok()) return Annotate(view.status(), Place(log, stored.first));
    edit->items_ = view->items();
    edit->count_ = view->count();
    for (const GroupItem& item : edit->items_) {
      if (item.leaf.empty()) continue;
      for (const BlobView& blob : view->BlobsAt(item.offset)) {
        edit->blobs_[{item.offset, blob.kind}] = blob;
      }
    }
    if (!edit->Covers(position)) {
      return absl::DataLossError(Str(Place(log, position), ": its group does not cover it"));
    }
    return edit;
  }

  Position first() const { return stored_.first; }
  Position end() const { return Position(stored_.first.value() + count_); }
  bool Covers(Position position) const { return position >= first() && position < end(); }
  uint64_t OffsetOf(Position position) const { return position.value() - stored_.first.value(); }
  size_t stored_bytes() const { return stored_.entries.size() + stored_.blobs.size(); }

  const GroupItem& At(Position position) const { return *ItemAt(items_, OffsetOf(position)); }

  // Precondition: a leaf of one position, or withheld, stands there.
  void Replace(Position position, std::vector<GroupItem> with) {
    const auto at = ItemAt(items_, OffsetOf(position));
    const auto index = at - items_.begin();
    items_.erase(at);
    items_.insert(items_.begin() + index, with.begin(), with.end());
  }

  SectionSet SectionsAt(Position position) const {
    SectionSet sections;
    const uint64_t offset = OffsetOf(position);
    for (auto it = blobs_.lower_bound({offset, SectionKind(0)});
         it != blobs_.end() && it->first.first == offset; ++it) {
      sections.add(it->first.second);
    }
    return sections;
  }
  void PutBlob(Position position, const BlobView& blob) {
    blobs_[{OffsetOf(position), blob.kind}] = blob;
  }
  // Whether one was there.
  bool RemoveBlob(Position position, SectionKind kind) {
    return blobs_.erase({OffsetOf(position), kind}) > 0;
  }
  bool RemoveBlobs(Position position) {
    const uint64_t offset = OffsetOf(position);
    const auto begin = blobs_.lower_bound({offset, SectionKind(0)});
    const auto end = blobs_.lower_bound({offset + 1, SectionKind(0)});
    const bool any = begin != end;
    blobs_.erase(begin, end);
    return any;
  }

  StoredGroup Encode() const {
    GroupWriter writer;
    for (const GroupItem& item : items_) {
      if (item.leaf.empty()) {
        writer.AddWithheld(item.withheld);
        continue;
      }
      writer.AddLeaf(item.leaf);
      for (auto it = blobs_.lower_bound({item.offset, SectionKind(0)});
           it != blobs_.end() && it->first.first == item.offset; ++it) {
        writer.AddBlob(it->second.kind, it->second.secret, it->second.blob);
      }
    }
    GroupWriter::Encoded encoded = std::move(writer).Finish();
    return {first(), std::move(encoded.entries), std::move(encoded.blobs)};
  }

 private:
  StoredGroup stored_;
  uint64_t count_ = 0;
  std::vector<GroupItem> items_;
  std::map<std::pair<uint64_t, SectionKind>, BlobView> blobs_;
};

// Splits the withheld item that covers the fill's position into the leaf and the siblings on its way up.
absl::Status Split(GroupEdit& edit, const Fill& fill, std::vector<proof::Node>& nodes) {
  const proof::Subtree withheld = edit.At(fill.position).withheld;
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(Str("position ", fill.position.value(), ": ", what));
  };
  if (fill.siblings.size() < withheld.level) return bad("too few sibling hashes");
  std::vector<GroupItem> left;  // from the leaf outwards
  std::vector<GroupItem> right;
  Hash hash = proof::LeafHash(fill.leaf);
  for (uint8_t level = 0; level < withheld.level; ++level) {
    const uint64_t index = fill.position.value() >> level;
    const bool is_right = (index & 1) != 0;
    const Hash& sibling = fill.siblings[level];
    const Position start((index ^ 1) << level);
    GroupItem item;
    item.offset = edit.OffsetOf(start);
    item.withheld = {level, sibling};
    (is_right ? left : right).push_back(item);
    if (level >= proof::kStoredLevel) nodes.push_back({level, index ^ 1, sibling});
    hash = is_right ? proof::NodeHash(sibling, hash) : proof::NodeHash(hash, sibling);
    const uint8_t parent = level + 1;
    if (parent >= proof::kStoredLevel && parent < withheld.level) {
      nodes.push_back({parent, index >> 1, hash});
    }
  }
  if (hash != withheld.hash) return bad("the entry is not the one that is withheld here");
  std::vector<GroupItem> items(left.rbegin(), left.rend());
  GroupItem& leaf = items.emplace_back();
  leaf.offset = edit.OffsetOf(fill.position);
  leaf.leaf = fill.leaf;
  items.insert(items.end(), right.begin(), right.end());
  edit.Replace(fill.position, std::move(items));
  return absl::OkStatus();
}

absl::StatusOr<SectionSet> WantedSections(std::string_view value) {
  SectionSet sections;
  if (!ParseWantedIndexValue(value, sections)) {
    return absl::DataLossError("index of wanted entries: malformed entry; run `polku reindex`");
  }
  return sections;
}

}  // namespace

// ---- Fill ----

absl::StatusOr<HeldPosition> HeldReader::Find(Position position) {
  if (!loaded_ || position < group_.first ||
      position.value() - group_.first.value() >= view_.count()) {
    loaded_ = false;
    POLKU_ASSIGN_OR_RETURN(group_, engine_.ReadGroup(log_, position, /*with_blobs=*/true));
    absl::StatusOr<GroupView> view = GroupView::Parse(group_.entries, group_.blobs);
    if (!view.ok()) return Annotate(view.status(), Place(log_, group_.first));
    view_ = *std::move(view);
    if (position < group_.first || position.value() - group_.first.value() >= view_.count()) {
      return absl::DataLossError(Str(Place(log_, position), ": its group does not cover it"));
    }
    loaded_ = true;
  }
  const GroupItem& item = *ItemAt(view_.items(), position.value() - group_.first.value());
  HeldPosition held;
  if (item.leaf.empty()) {
    held.withheld = item.withheld;
    held.withheld_from = Position(group_.first.value() + item.offset);
    return held;
  }
  held.leaf = std::string(item.leaf);
  for (const BlobView& blob : view_.BlobsAt(item.offset)) {
    held.sections.add(blob.kind);
    if (!blob.secret.empty()) held.opened.add(blob.kind);
  }
  return held;
}

absl::StatusOr<HeldPosition> FindHeld(Engine& engine, LogNumber log, Position position) {
  return HeldReader(engine, log).Find(position);
}

absl::Status FillEntries(Engine& engine, LogNumber log, std::span<const Fill> fills) {
  if (fills.empty()) return absl::OkStatus();
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> head_bytes, engine.ReadHead(log));
  if (!head_bytes) return absl::OutOfRangeError(Str("log ", log.value(), " holds nothing"));
  POLKU_ASSIGN_OR_RETURN(const LogHead head, LogHead::Parse(*head_bytes));
  POLKU_ASSIGN_OR_RETURN(const std::vector<LogNumber> newer_epochs,
                         NewerEpochs(engine, head.origin));
  RewriteBatch batch;
  batch.log = log;
  std::map<Position, std::unique_ptr<GroupEdit>> groups;
  std::vector<proof::Node> nodes;
  event::v1::Header header;
  for (const Fill& fill : fills) {
    const auto bad = [&](std::string_view what) {
      return absl::InvalidArgumentError(Str("position ", fill.position.value(), ": ", what));
    };
    if (const absl::Status status = ParseHeader(fill.leaf, header); !status.ok()) {
      return bad(ToStd(status.message()));
    }
    for (const FilledBlob& blob : fill.blobs) {
      if (blob.secret.size() != kWrappedSecretBytes) return bad("a section without wrapped secret");
    }
    auto next = groups.upper_bound(fill.position);
    if (next == groups.begin() || !std::prev(next)->second->Covers(fill.position)) {
      POLKU_ASSIGN_OR_RETURN(std::unique_ptr<GroupEdit> read,
                             GroupEdit::Read(engine, log, fill.position));
      const Position first = read->first();
      next = std::next(groups.emplace(first, std::move(read)).first);
    }
    GroupEdit& edit = *std::prev(next)->second;
    const GroupItem& item = edit.At(fill.position);
    if (item.leaf.empty()) {
      POLKU_RETURN_IF_ERROR(Split(edit, fill, nodes));
      POLKU_RETURN_IF_ERROR(
          AddEpochEvent(engine, newer_epochs, log, fill.position, header, batch.index_puts));
      if (header.case_id().empty()) {
        batch.index_puts.emplace_back(ControlIndexKey(log, fill.position), header.type());
      } else {
        batch.index_puts.emplace_back(
            CaseIndexKey(*CaseId::FromBytes(header.case_id()), log, fill.position),
            CaseIndexValue(Order(header.order()), Revision(header.case_revision())));
      }
    } else if (item.leaf != fill.leaf) {
      return bad("another entry is held here");
    }
    for (const FilledBlob& blob : fill.blobs) {
      edit.PutBlob(fill.position, {blob.kind, blob.blob, blob.secret});
    }
    batch.index_deletes.push_back(WantedIndexKey(log, fill.position));
  }
  AddNodes(log, nodes, batch.index_puts);
  for (const auto& [first, edit] : groups) batch.groups.push_back(edit->Encode());
  return engine.Rewrite(batch);
}

absl::Status GiveUpWanted(Engine& engine, LogNumber log, std::span<const Position> positions) {
  std::vector<std::string> keys;
  for (const Position position : positions) keys.push_back(WantedIndexKey(log, position));
  return engine.WriteIndex({}, keys);
}

absl::StatusOr<std::vector<WantedEntry>> WantedEntries(Engine& engine, LogNumber log) {
  std::vector<WantedEntry> wanted;
  const std::unique_ptr<IndexCursor> cursor = engine.IndexScan(LogIndexPrefix('b', log));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> entry, cursor->Next());
    if (!entry) return wanted;
    const std::optional<Position> position = ParseLogIndexKey(entry->first);
    if (!position) {
      return absl::DataLossError("index of wanted entries: malformed key; run `polku reindex`");
    }
    POLKU_ASSIGN_OR_RETURN(const SectionSet sections, WantedSections(entry->second));
    wanted.push_back({*position, sections});
  }
}

std::optional<SectionSet> StillWanted(SectionSet sections, const ErasedPart& erased) {
  if (erased.leaf) return std::nullopt;
  const SectionSet left = sections - erased.sections;
  if (left.empty() && !sections.empty()) return std::nullopt;
  return left;
}

// ---- Erase ----

absl::StatusOr<NamedParts> ParseErased(std::string_view control, std::string_view origin,
                                       Position position) {
  const auto bad = [](std::string_view what) {
    return absl::DataLossError(Str("Erased: ", what));
  };
  event::v1::Erased erased;
  if (!erased.ParseFromArray(control.data(), static_cast<int>(control.size()))) {
    return bad("not a polku.event.v1.Erased");
  }
  if (erased.entries().empty() ||
      static_cast<size_t>(erased.entries_size()) > kMaxErasedEntries) {
    return bad("does not name 1 to 4,096 entries");
  }
  NamedParts named{.origin = std::string(origin), .parts = {}};
  if (!erased.origin().empty()) {
    if (!IsEarlierEpoch(erased.origin(), origin)) {
      return bad("it names a log that is no earlier epoch of its own");
    }
    named.origin = erased.origin();
  }
  std::vector<ErasedPart>& parts = named.parts;
  for (const auto& entry : erased.entries()) {
    ErasedPart& part = parts.emplace_back();
    part.position = Position(entry.position());
    part.leaf = entry.leaf();
    if (parts.size() > 1 && part.position <= parts[parts.size() - 2].position) {
      return bad("entries are not ascending");
    }
    if (!part.leaf && entry.sections().empty()) return bad("an entry of which nothing is erased");
    int last = 0;
    for (const int kind : entry.sections()) {
      if (kind <= last || kind > 255) return bad("sections are not ascending");
      last = kind;
      part.sections.add(static_cast<SectionKind>(kind));
    }
  }
  if (parts.front().position == Position()) return bad("it names the Genesis entry");
  if (erased.origin().empty() && parts.back().position >= position) {
    return bad("it names an entry that does not stand before it");
  }
  return named;
}

absl::StatusOr<std::vector<ErasedBy>> ErasuresOf(Engine& engine, LogNumber log) {
  std::vector<ErasedBy> erasures;
  POLKU_ASSIGN_OR_RETURN(const std::vector<HeldLog> held, HeldLogs(engine));
  const auto of = std::find_if(held.begin(), held.end(),
                               [&](const HeldLog& one) { return one.number == log; });
  if (of == held.end()) return erasures;
  EntryFetcher fetcher(engine);
  for (const HeldLog& one : held) {
    if (one.number != log && !IsEarlierEpoch(of->head.origin, one.head.origin)) continue;
    POLKU_ASSIGN_OR_RETURN(const std::vector<ControlEntry> controls,
                           ControlEntries(engine, one.number, kErasedType));
    for (const ControlEntry& control : controls) {
      POLKU_ASSIGN_OR_RETURN(const EntryView entry,
                             fetcher.Fetch(one.number, control.position, /*with_blobs=*/false));
      auto named = ParseErased(entry.header->control(), one.head.origin, control.position);
      if (!named.ok() || named->origin != of->head.origin) continue;
      erasures.push_back({one.number, control.position, std::move(named->parts)});
    }
  }
  return erasures;
}

absl::StatusOr<std::vector<PurgeRange>> EraseEntries(Engine& engine, LogNumber log,
                                                     std::span<const ErasedPart> parts) {
  std::vector<ErasedPart> sorted(parts.begin(), parts.end());
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const ErasedPart& a, const ErasedPart& b) { return a.position < b.position; });

  std::vector<PurgeRange> ranges;
  RewriteBatch batch;
  batch.log = log;
  size_t bytes = 0;
  std::map<std::string, uint64_t> numbers;  // of the batch
  const auto write = [&]() -> absl::Status {
    if (!numbers.empty()) POLKU_RETURN_IF_ERROR(KeepErasedNumbers(engine, numbers));
    if (!batch.groups.empty() || !batch.index_puts.empty() || !batch.index_deletes.empty()) {
      POLKU_RETURN_IF_ERROR(engine.Rewrite(batch));
    }
    batch.groups.clear();
    batch.index_puts.clear();
    batch.index_deletes.clear();
    numbers.clear();
    bytes = 0;
    return absl::OkStatus();
  };

  event::v1::Header header;
  for (size_t i = 0; i < sorted.size();) {
    POLKU_ASSIGN_OR_RETURN(const std::unique_ptr<GroupEdit> edit,
                           GroupEdit::Read(engine, log, sorted[i].position));
    if (!ranges.empty() && ranges.back().to == edit->first()) {
      ranges.back().to = edit->end();
    } else {
      ranges.push_back({log, edit->first(), edit->end()});
    }
    bool changed = false;
    for (; i < sorted.size() && edit->Covers(sorted[i].position); ++i) {
      const ErasedPart& part = sorted[i];
      const std::string wanted_key = WantedIndexKey(log, part.position);
      if (log != kOwnLog) {
        POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> wanted, engine.IndexGet(wanted_key));
        if (wanted) {
          POLKU_ASSIGN_OR_RETURN(const SectionSet sections, WantedSections(*wanted));
          const std::optional<SectionSet> left = StillWanted(sections, part);
          if (!left) {
            batch.index_deletes.push_back(wanted_key);
          } else if (*left != sections) {
            batch.index_puts.emplace_back(wanted_key, WantedIndexValue(*left));
          }
        }
      }
      const GroupItem& item = edit->At(part.position);
      if (item.leaf.empty()) continue;
      if (!part.leaf) {
        for (const SectionKind kind : kAllSectionKinds) {
          if (!part.sections.has(kind) || !edit->RemoveBlob(part.position, kind)) continue;
          changed = true;
          // Whoever the section named is found by it no more.
          if (kind == SectionKind::kIdentity) {
            batch.index_deletes.push_back(PersonIndexKey(log, part.position));
          }
        }
        continue;
      }
      POLKU_RETURN_IF_ERROR(ParseHeader(item.leaf, header));
      if (header.case_id().empty()) {
        return absl::InvalidArgumentError(
            Str(Place(log, part.position), ": a control entry is never erased"));
      }
      changed = true;
      batch.index_deletes.push_back(
          CaseIndexKey(*CaseId::FromBytes(header.case_id()), log, part.position));
      batch.index_deletes.push_back(PersonIndexKey(log, part.position));
      std::string event_key =
          EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency());
      POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> event, engine.IndexGet(event_key));
      Position at;
      Revision revision;
      LogNumber holder;
      if (event && ParseEventIndexValue(*event, at, revision, holder) && holder == log &&
          at == part.position) {
        batch.index_deletes.push_back(std::move(event_key));
      }
      if (log == kOwnLog) {
        for (const auto& disclosure : header.disclosures()) {
          uint64_t& number = numbers[disclosure.receiver()];
          number = std::max<uint64_t>(number, disclosure.number());
        }
      }
      GroupItem hash;
      hash.offset = item.offset;
      hash.withheld = {0, proof::LeafHash(item.leaf)};
      edit->RemoveBlobs(part.position);
      edit->Replace(part.position, {hash});
    }
    if (changed) {
      batch.groups.push_back(edit->Encode());
      bytes += edit->stored_bytes();
    }
    if (bytes >= kMaxRewriteBytes) POLKU_RETURN_IF_ERROR(write());
  }
  POLKU_RETURN_IF_ERROR(write());
  return ranges;
}

// ---- Control entries, by index ----

absl::StatusOr<std::vector<ControlEntry>> ControlEntries(Engine& engine, LogNumber log,
                                                         std::string_view type) {
  std::vector<ControlEntry> entries;
  const std::unique_ptr<IndexCursor> cursor = engine.IndexScan(LogIndexPrefix('k', log));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<IndexCursor::View> entry, cursor->NextView());
    if (!entry) return entries;
    const std::optional<Position> position = ParseLogIndexKey(entry->key);
    if (!position) {
      return absl::DataLossError("index of control entries: malformed key; run `polku reindex`");
    }
    if (type.empty() || entry->value == type) {
      entries.push_back({*position, std::string(entry->value)});
    }
  }
}

}  // namespace polku::log
