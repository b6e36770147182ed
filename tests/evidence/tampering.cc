#include "tests/evidence/tampering.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/note.h"
#include "eventstore/rocksdb/rocksdb_engine.h"

namespace polku::evidence {
namespace {

using Result = std::optional<Expected>;
using enum ProblemKind;

struct Group {
  uint64_t first;
  uint64_t count;
  LooseGroup loose;
};

// A log's groups, taken apart.
class Groups {
 public:
  Groups(RawStore& raw, LogNumber log) : raw_(raw), log_(log) {
    for (const auto& [key, value] : raw.All("entries", RawStore::LogKey(log))) {
      groups_.push_back({RawStore::PositionOf(key), *log::GroupCount(value),
                         LooseGroup::Take(value, raw.Get("blobs", key).value_or(""))});
    }
  }
  std::vector<Group>& all() { return groups_; }
  uint64_t size() const { return groups_.back().first + groups_.back().count; }
  // The middle one of those for which `fits` holds; null when there is none.
  template <typename Fits>
  Group* Middle(Fits fits) {
    std::vector<Group*> fitting;
    for (Group& group : groups_) {
      if (fits(group)) fitting.push_back(&group);
    }
    return fitting.empty() ? nullptr : fitting[fitting.size() / 2];
  }
  void Write(const Group& group) {
    const auto encoded = group.loose.Encode();
    const std::string key = RawStore::Key(log_, group.first);
    raw_.Put("entries", key, encoded.entries);
    if (encoded.blobs.empty()) {
      raw_.Delete("blobs", key);
    } else {
      raw_.Put("blobs", key, encoded.blobs);
    }
  }
  proof::Frontier TreeAt(uint64_t size, std::vector<proof::Node>* nodes = nullptr) const {
    proof::Frontier tree;
    for (const Group& group : groups_) {
      for (const auto& item : group.loose.items) {
        if (tree.size().value() == size) return tree;
        if (item.leaf.empty()) {
          if (!tree.AppendSubtree(item.withheld, nodes).ok()) std::abort();
        } else {
          tree.AppendLeafHash(proof::LeafHash(item.leaf), nodes);
        }
      }
    }
    return tree;
  }

 private:
  RawStore& raw_;
  const LogNumber log_;
  std::vector<Group> groups_;
};

std::vector<uint64_t> CheckpointSizes(RawStore& raw, LogNumber log) {
  std::vector<uint64_t> sizes;
  for (const auto& [key, note] : raw.All("checkpoints", RawStore::LogKey(log))) {
    sizes.push_back(RawStore::PositionOf(key));
  }
  return sizes;
}

// The first entry that the checkpoint which covers `position` signs for the first time.
uint64_t CommitOf(RawStore& raw, LogNumber log, uint64_t position) {
  uint64_t start = 0;
  for (const uint64_t size : CheckpointSizes(raw, log)) {
    if (size > position) break;
    start = size;
  }
  return start;
}

uint64_t OffsetOf(const LooseGroup& loose, size_t item) {
  uint64_t offset = 0;
  for (size_t i = 0; i < item; ++i) {
    offset += loose.items[i].leaf.empty() ? uint64_t{1} << loose.items[i].withheld.level : 1;
  }
  return offset;
}

bool HasHeader(const LooseGroup::Item& item, event::v1::Header& header) {
  return !item.leaf.empty() && log::ParseHeader(item.leaf, header).ok();
}
bool IsEvent(const LooseGroup::Item& item) {
  event::v1::Header header;
  return HasHeader(item, header) && !header.case_id().empty();
}

// The first item for which `fits` holds, in the middle group that has one.
template <typename Fits>
std::optional<std::pair<Group*, size_t>> MiddleItem(Groups& groups, Fits fits) {
  Group* group = groups.Middle([&](const Group& g) {
    return std::any_of(g.loose.items.begin(), g.loose.items.end(), fits);
  });
  if (group == nullptr) return std::nullopt;
  const auto& items = group->loose.items;
  return std::pair(group, static_cast<size_t>(std::find_if(items.begin(), items.end(), fits) -
                                              items.begin()));
}

void FlipByte(std::string& bytes, size_t at) { bytes[at] = static_cast<char>(bytes[at] ^ 0x20); }

void FlipValue(RawStore& raw, std::string_view family, const std::string& key, size_t from_end = 0) {
  std::string value = *raw.Get(family, key);
  FlipByte(value, from_end == 0 ? value.size() / 2 : value.size() - from_end);
  raw.Put(family, key, value);
}

std::string Middle(const RawStore::Values& values) {
  return std::next(values.begin(), static_cast<long>(values.size() / 2))->first;
}

// ---- Entries ----

Result EntriesByte(RawStore& raw, const TamperTarget& target) {
  const std::string key = Middle(raw.All("entries", RawStore::LogKey(target.log)));
  FlipValue(raw, "entries", key);
  return Expected{kUnreadable, RawStore::PositionOf(key), {kDisclosureNumber}};
}

Result LeafEdited(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  FlipByte(group->loose.items[item].leaf, log::kLeafPrefix.size() + 3);  // of the random part
  groups.Write(*group);
  return Expected{kRoot, CommitOf(raw, target.log, group->first + OffsetOf(group->loose, item))};
}

// Who recorded it is changed: the header stays valid, the checksum is made anew.
Result HeaderEdited(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  std::string& leaf = group->loose.items[item].leaf;
  event::v1::Header header;
  if (!log::ParseHeader(leaf, header).ok()) std::abort();
  header.set_author_official("somebody-else");
  leaf = log::MakeLeaf(std::string_view(leaf).substr(log::kLeafPrefix.size(), log::kLeafRandomBytes),
                       header.SerializeAsString());
  groups.Write(*group);
  return Expected{kRoot, CommitOf(raw, target.log, group->first + OffsetOf(group->loose, item))};
}

Result HeaderMalformed(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  std::string& leaf = group->loose.items[item].leaf;
  leaf.resize(leaf.size() - 5);
  groups.Write(*group);
  const uint64_t position = group->first + OffsetOf(group->loose, item);
  return Expected{kMalformedEntry, position, {kRoot, kDisclosureNumber}};
}

Result WithheldHashEdited(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, [](const auto& item) { return item.leaf.empty(); });
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  group->loose.items[item].withheld.hash.data()[7] ^= 1;
  groups.Write(*group);
  // Where it stands in a full tile, the stored nodes above are not those of what is read.
  return Expected{kRoot, CommitOf(raw, target.log, group->first + OffsetOf(group->loose, item)), {kIndex}};
}

// An own log that suddenly withholds an entry: its hash is right, its content gone.
Result EntryWithheldFromItself(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog) return std::nullopt;
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  auto& changed = group->loose.items[item];
  changed.withheld = {0, proof::LeafHash(changed.leaf)};
  changed.leaf.clear();
  changed.blobs.clear();
  groups.Write(*group);
  return Expected{kMissingEntry, group->first + OffsetOf(group->loose, item), {kIndex}};
}

// The same in a replica: it looks like what was never disclosed, but for the running numbers.
Result DisclosedEntryWithheld(RawStore& raw, const TamperTarget& target) {
  if (target.log == kOwnLog) return std::nullopt;
  Groups groups(raw, target.log);
  const auto received = [](const LooseGroup::Item& item) {
    return !item.blobs.empty() && !item.blobs[0].secret.empty();
  };
  const auto found = MiddleItem(groups, received);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  const uint64_t position = group->first + OffsetOf(group->loose, item);
  // The next that was disclosed shows it.
  std::optional<uint64_t> next;
  for (const Group& other : groups.all()) {
    for (size_t i = 0; i < other.loose.items.size() && !next; ++i) {
      const uint64_t at = other.first + OffsetOf(other.loose, i);
      if (at > position && received(other.loose.items[i])) next = at;
    }
  }
  if (!next) return std::nullopt;
  auto& changed = group->loose.items[item];
  changed.withheld = {0, proof::LeafHash(changed.leaf)};
  changed.leaf.clear();
  changed.blobs.clear();
  groups.Write(*group);
  return Expected{kDisclosureNumber, *next, {kIndex}};
}

Result GroupDropped(RawStore& raw, const TamperTarget& target) {
  const std::string key = Middle(raw.All("entries", RawStore::LogKey(target.log)));
  raw.Delete("entries", key);
  raw.Delete("blobs", key);
  return Expected{kGap, RawStore::PositionOf(key), {kDisclosureNumber}};
}

Result EntriesOfAGroupDropped(RawStore& raw, const TamperTarget& target) {
  const auto blobs = raw.All("blobs", RawStore::LogKey(target.log));
  if (blobs.empty()) return std::nullopt;
  const std::string key = Middle(blobs);
  raw.Delete("entries", key);
  return Expected{kGap, RawStore::PositionOf(key), {kStraySection, kDisclosureNumber}};
}

Result LastGroupDropped(RawStore& raw, const TamperTarget& target) {
  const std::string key = raw.All("entries", RawStore::LogKey(target.log)).rbegin()->first;
  raw.Delete("entries", key);
  raw.Delete("blobs", key);
  return Expected{kGap, RawStore::PositionOf(key), {kIndex}};
}

Result LeavesSwapped(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto neighbours = [](const Group& group) {
    const auto& items = group.loose.items;
    return std::adjacent_find(items.begin(), items.end(), [](const auto& a, const auto& b) {
             return IsEvent(a) && IsEvent(b);
           }) != items.end();
  };
  Group* group = groups.Middle(neighbours);
  if (group == nullptr) return std::nullopt;
  auto& items = group->loose.items;
  const auto it = std::adjacent_find(items.begin(), items.end(), [](const auto& a, const auto& b) {
    return IsEvent(a) && IsEvent(b);
  });
  const uint64_t second = group->first + OffsetOf(group->loose, static_cast<size_t>(it - items.begin())) + 1;
  std::swap(*it, *std::next(it));
  groups.Write(*group);
  return Expected{kOrder, second, {kRoot, kIndex, kDisclosureNumber}};
}

Result GroupsSwapped(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  auto& all = groups.all();
  const auto leaf = [](const Group& group) {
    return std::any_of(group.loose.items.begin(), group.loose.items.end(), IsEvent);
  };
  for (size_t i = all.size() / 2; i + 1 < all.size(); ++i) {
    if (all[i].count != all[i + 1].count || !leaf(all[i]) || !leaf(all[i + 1])) continue;
    std::swap(all[i].loose, all[i + 1].loose);
    groups.Write(all[i]);
    groups.Write(all[i + 1]);
    size_t first_leaf = 0;
    while (all[i + 1].loose.items[first_leaf].leaf.empty()) ++first_leaf;
    return Expected{kOrder, all[i + 1].first + OffsetOf(all[i + 1].loose, first_leaf),
                    // A withheld subtree may lie where its size does not allow it, and at other positions
                    // sections cannot be told apart.
                    {kRoot, kIndex, kDisclosureNumber, kMalformedEntry}};
  }
  return std::nullopt;
}

Result LeafDuplicated(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  for (size_t g = groups.all().size() / 2; g < groups.all().size(); ++g) {
    Group& group = groups.all()[g];
    for (size_t i = 0; i + 1 < group.loose.items.size(); ++i) {
      if (!IsEvent(group.loose.items[i]) || !IsEvent(group.loose.items[i + 1])) continue;
      group.loose.items[i + 1] = group.loose.items[i];
      groups.Write(group);
      return Expected{kOrder, group.first + OffsetOf(group.loose, i + 1),
                      {kRoot, kIndex, kDisclosureNumber}};
    }
  }
  return std::nullopt;
}

// A copy of a group, once more inside a later one's positions.
Result GroupDuplicated(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  Group* group = groups.Middle([](const Group& g) { return g.count > 1; });
  if (group == nullptr) return std::nullopt;
  const std::string value = *raw.Get("entries", RawStore::Key(target.log, group->first));
  raw.Put("entries", RawStore::Key(target.log, group->first + 1), value);
  Expected expected{kGap, group->first + 1,
                    {kOrder, kIndex, kDisclosureNumber, kMissingSection, kMalformedEntry}};
  if (group->first == 0) expected.also.insert(ProblemKind::kGenesis);  // a log of one group: it is in it
  return expected;
}

// ---- Sections ----

template <typename Fits>
std::optional<std::pair<Group*, size_t>> WithSections(Groups& groups, Fits fits) {
  return MiddleItem(groups, [&](const LooseGroup::Item& item) { return !item.blobs.empty() && fits(item); });
}
bool Any(const LooseGroup::Item&) { return true; }
// In a replica: of what it holds sealed for others nobody misses anything.
auto IsDisclosed(const TamperTarget& target) {
  return [own = target.log == kOwnLog](const LooseGroup::Item& item) {
    return own || !item.blobs.back().secret.empty();
  };
}

Result BlobsByte(RawStore& raw, const TamperTarget& target) {
  const auto blobs = raw.All("blobs", RawStore::LogKey(target.log));
  if (blobs.empty()) return std::nullopt;
  const std::string key = Middle(blobs);
  FlipValue(raw, "blobs", key);
  return Expected{kUnreadable, RawStore::PositionOf(key)};
}

Result SectionEdited(RawStore& raw, const TamperTarget& target) {
  if (!target.opens_sections) return std::nullopt;
  Groups groups(raw, target.log);
  const auto found = WithSections(groups, Any);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  std::string& blob = group->loose.items[item].blobs[0].bytes;
  FlipByte(blob, blob.size() / 2);
  groups.Write(*group);
  return Expected{kSection, group->first + OffsetOf(group->loose, item)};
}

Result WrappedSecretEdited(RawStore& raw, const TamperTarget& target) {
  if (target.log == kOwnLog || !target.opens_sections) return std::nullopt;
  Groups groups(raw, target.log);
  const auto found = WithSections(groups, [](const auto& item) { return !item.blobs[0].secret.empty(); });
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  FlipByte(group->loose.items[item].blobs[0].secret, 40);
  groups.Write(*group);
  return Expected{kSection, group->first + OffsetOf(group->loose, item)};
}

// Two entries that both hold a section of one kind, the earlier first.
struct TwoSections {
  Group* group_a;
  size_t item_a;
  LooseGroup::Item::Blob* a;
  Group* group_b;
  LooseGroup::Item::Blob* b;
};
std::optional<TwoSections> FindTwo(Groups& groups) {
  std::optional<TwoSections> two;
  for (size_t g = groups.all().size() / 3; g < groups.all().size(); ++g) {
    Group& group = groups.all()[g];
    for (size_t i = 0; i < group.loose.items.size(); ++i) {
      for (auto& blob : group.loose.items[i].blobs) {
        if (!two) {
          two = TwoSections{&group, i, &blob, nullptr, nullptr};
        } else if (blob.kind == two->a->kind && &group.loose.items[i] != &two->group_a->loose.items[two->item_a]) {
          two->group_b = &group;
          two->b = &blob;
          return two;
        }
      }
    }
  }
  return std::nullopt;
}

Result SectionsSwapped(RawStore& raw, const TamperTarget& target) {
  if (!target.opens_sections) return std::nullopt;
  Groups groups(raw, target.log);
  const auto two = FindTwo(groups);
  if (!two) return std::nullopt;
  std::swap(*two->a, *two->b);
  groups.Write(*two->group_a);
  groups.Write(*two->group_b);
  return Expected{kSection, two->group_a->first + OffsetOf(two->group_a->loose, two->item_a)};
}

Result SectionReplaced(RawStore& raw, const TamperTarget& target) {
  if (!target.opens_sections) return std::nullopt;
  Groups groups(raw, target.log);
  const auto two = FindTwo(groups);
  if (!two) return std::nullopt;
  two->a->bytes = two->b->bytes;
  groups.Write(*two->group_a);
  return Expected{kSection, two->group_a->first + OffsetOf(two->group_a->loose, two->item_a)};
}

Result SectionDropped(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = WithSections(groups, IsDisclosed(target));
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  group->loose.items[item].blobs.pop_back();
  groups.Write(*group);
  return Expected{kMissingSection, group->first + OffsetOf(group->loose, item)};
}

Result SectionsOfAGroupDropped(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = WithSections(groups, IsDisclosed(target));
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  raw.Delete("blobs", RawStore::Key(target.log, group->first));
  Expected expected{kMissingSection, group->first + OffsetOf(group->loose, item)};
  if (target.log != kOwnLog) expected.also.insert(kIndex);  // what was opened later is neither held nor wanted then
  return expected;
}

Result SectionAdded(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = WithSections(groups, Any);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  auto& blobs = group->loose.items[item].blobs;
  auto copy = blobs.back();
  copy.kind = static_cast<SectionKind>(9);
  blobs.push_back(copy);
  groups.Write(*group);
  return Expected{kStraySection, group->first + OffsetOf(group->loose, item)};
}

Result SecretLeftInOwnLog(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog) return std::nullopt;
  Groups groups(raw, target.log);
  const auto found = WithSections(groups, Any);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  group->loose.items[item].blobs[0].secret.assign(32, 's');
  groups.Write(*group);
  return Expected{kSection, group->first + OffsetOf(group->loose, item)};
}

// ---- Checkpoints ----

Result CheckpointByte(RawStore& raw, const TamperTarget& target) {
  const std::string key = Middle(raw.All("checkpoints", RawStore::LogKey(target.log)));
  std::string note = *raw.Get("checkpoints", key);
  const size_t at = note.size() - 20;  // in the signature
  note[at] = note[at] == 'A' ? 'B' : 'A';
  raw.Put("checkpoints", key, note);
  return Expected{kCheckpoint, RawStore::PositionOf(key)};
}

Result CheckpointRootEdited(RawStore& raw, const TamperTarget& target) {
  const std::string key = Middle(raw.All("checkpoints", RawStore::LogKey(target.log)));
  std::string note = *raw.Get("checkpoints", key);
  const size_t at = note.find('\n', note.find('\n') + 1) + 5;
  note[at] = note[at] == 'A' ? 'B' : 'A';
  raw.Put("checkpoints", key, note);
  return Expected{kCheckpoint, RawStore::PositionOf(key)};
}

Result OldCheckpointReplayed(RawStore& raw, const TamperTarget& target) {
  const auto all = raw.All("checkpoints", RawStore::LogKey(target.log));
  if (all.size() < 2) return std::nullopt;
  const std::string key = all.rbegin()->first;
  raw.Put("checkpoints", key, all.begin()->second);
  return Expected{kCheckpoint, RawStore::PositionOf(key), {kRollback}};
}

Result LastCheckpointDropped(RawStore& raw, const TamperTarget& target) {
  const auto all = raw.All("checkpoints", RawStore::LogKey(target.log));
  if (all.size() < 2) return std::nullopt;
  raw.Delete("checkpoints", all.rbegin()->first);
  return Expected{kMissingCheckpoint, RawStore::PositionOf(std::next(all.rbegin())->first), {kRollback}};
}

Result CheckpointBeyondTheEnd(RawStore& raw, const TamperTarget& target) {
  const auto all = raw.All("checkpoints", RawStore::LogKey(target.log));
  const uint64_t size = RawStore::PositionOf(all.rbegin()->first);
  raw.Put("checkpoints", RawStore::Key(target.log, size + 3), all.rbegin()->second);
  return Expected{kHead, size};
}

std::string Resigned(const proof::Signer& signer, std::string_view note) {
  const auto parsed = proof::ParseNote(note);
  return signer.Sign(*proof::ParseCheckpointBody(parsed->body));
}

Result CheckpointOfAnotherKey(RawStore& raw, const TamperTarget& target) {
  const auto other = proof::Signer::Generate(target.origin, proof::KeyUse::kCheckpoint);
  const std::string key = Middle(raw.All("checkpoints", RawStore::LogKey(target.log)));
  raw.Put("checkpoints", key, Resigned(*other, *raw.Get("checkpoints", key)));
  return Expected{kCheckpoint, RawStore::PositionOf(key)};
}

Result AllCheckpointsOfAnotherKey(RawStore& raw, const TamperTarget& target) {
  const auto other = proof::Signer::Generate(target.origin, proof::KeyUse::kCheckpoint);
  const auto all = raw.All("checkpoints", RawStore::LogKey(target.log));
  for (const auto& [key, note] : all) raw.Put("checkpoints", key, Resigned(*other, note));
  return Expected{kCheckpoint, RawStore::PositionOf(all.begin()->first), {kRollback}};
}

// ---- Head ----

Result HeadByte(RawStore& raw, const TamperTarget& target) {
  FlipValue(raw, "heads", RawStore::LogKey(target.log));
  return Expected{kHead, std::nullopt};
}

Result HeadHashEdited(RawStore& raw, const TamperTarget& target) {
  const auto head = log::LogHead::Parse(*raw.Get("heads", RawStore::LogKey(target.log)));
  std::string bytes = head->frontier.Serialize();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  log::LogHead changed = *head;
  changed.frontier = *proof::Frontier::Parse(bytes);
  raw.Put("heads", RawStore::LogKey(target.log), changed.Serialize());
  return Expected{kHead, std::nullopt};
}

Result HeadOrderEdited(RawStore& raw, const TamperTarget& target) {
  log::LogHead head = *log::LogHead::Parse(*raw.Get("heads", RawStore::LogKey(target.log)));
  head.last_order = Order(head.last_order.value() - 1);
  raw.Put("heads", RawStore::LogKey(target.log), head.Serialize());
  return Expected{kHead, std::nullopt};
}

Result HeadDropped(RawStore& raw, const TamperTarget& target) {
  raw.Delete("heads", RawStore::LogKey(target.log));
  return Expected{kHead, std::nullopt};
}

// The state before the last commit, as far as the head says.
log::LogHead HeadAt(Groups& groups, const log::LogHead& now, uint64_t size, std::string_view agency) {
  log::LogHead head = now;
  head.frontier = groups.TreeAt(size);
  head.disclosure_number = 0;
  for (const Group& group : groups.all()) {
    if (group.first >= size) break;
    for (const auto& item : group.loose.items) {
      event::v1::Header header;
      if (!HasHeader(item, header)) continue;
      head.last_order = Order(header.order());
      for (const auto& disclosure : header.disclosures()) {
        if (disclosure.receiver() == agency) head.disclosure_number = disclosure.number();
      }
    }
  }
  return head;
}

Result OldHeadPutBack(RawStore& raw, const TamperTarget& target) {
  const auto sizes = CheckpointSizes(raw, target.log);
  if (sizes.size() < 3) return std::nullopt;
  const uint64_t size = sizes[sizes.size() - 2];
  Groups groups(raw, target.log);
  const auto now = log::LogHead::Parse(*raw.Get("heads", RawStore::LogKey(target.log)));
  raw.Put("heads", RawStore::LogKey(target.log), HeadAt(groups, *now, size, "").Serialize());
  return Expected{kHead, size, {kIndex, kRollback}};
}

// ---- The log cut back or signed again, with everything in agreement ----

// The log ends before its last commit: groups, checkpoints, head and index. Nothing in it is wrong.
Result CutBackConsistently(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog || !target.has_high_water) return std::nullopt;
  const auto sizes = CheckpointSizes(raw, target.log);
  if (sizes.size() < 3) return std::nullopt;
  const uint64_t size = sizes[sizes.size() - 2];
  Groups groups(raw, target.log);
  const auto now = log::LogHead::Parse(*raw.Get("heads", RawStore::LogKey(target.log)));
  raw.Put("heads", RawStore::LogKey(target.log), HeadAt(groups, *now, size, "").Serialize());
  std::map<std::string, uint64_t> numbers;
  for (const Group& group : groups.all()) {
    const std::string key = RawStore::Key(target.log, group.first);
    if (group.first >= size) {
      raw.Delete("entries", key);
      raw.Delete("blobs", key);
    }
    for (size_t i = 0; i < group.loose.items.size(); ++i) {
      event::v1::Header header;
      if (!HasHeader(group.loose.items[i], header)) continue;
      const Position position(group.first + OffsetOf(group.loose, i));
      if (position.value() < size) {
        for (const auto& disclosure : header.disclosures()) {
          numbers[disclosure.receiver()] = disclosure.number();
        }
        continue;
      }
      for (const auto& disclosure : header.disclosures()) {
        raw.Delete("index", log::DisclosureIndexKey(disclosure.receiver()));
      }
      raw.Delete("events", log::EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency()));
      if (!header.case_id().empty()) {
        raw.Delete("index", log::CaseIndexKey(*CaseId::FromBytes(header.case_id()), target.log, position));
      }
    }
  }
  for (const auto& [receiver, number] : numbers) {
    std::string value;
    AppendBigEndian64(value, number);
    raw.Put("index", log::DisclosureIndexKey(receiver), value);
  }
  for (const uint64_t checkpoint : sizes) {
    if (checkpoint > size) raw.Delete("checkpoints", RawStore::Key(target.log, checkpoint));
  }
  for (const auto& [key, value] : raw.All("index", log::NodeIndexKey(target.log, 0, 0).substr(0, 5))) {
    const auto level = static_cast<uint8_t>(key[5]);
    if ((ReadBigEndian64(key.data() + 6) + 1) << level > size) raw.Delete("index", key);
  }
  return Expected{kRollback, size};
}

// Head, tree nodes and checkpoints as they are of the entries that are there now.
void SignAnew(RawStore& raw, const TamperTarget& target, const Groups& groups) {
  std::vector<proof::Node> nodes;
  log::LogHead head = *log::LogHead::Parse(*raw.Get("heads", RawStore::LogKey(target.log)));
  head.frontier = groups.TreeAt(groups.size(), &nodes);
  raw.Put("heads", RawStore::LogKey(target.log), head.Serialize());
  for (const proof::Node& node : nodes) {
    raw.Put("index", log::NodeIndexKey(target.log, node.level, node.index), node.hash.view());
  }
  for (const uint64_t size : CheckpointSizes(raw, target.log)) {
    raw.Put("checkpoints", RawStore::Key(target.log, size),
            target.signer->Sign({target.origin, Position(size), groups.TreeAt(size).Root()}));
  }
}

// The whole store as an insider with the key would write it: another entry, all roots signed again.
Result AnotherHistorySigned(RawStore& raw, const TamperTarget& target) {
  if (target.signer == nullptr || !target.has_high_water) return std::nullopt;
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  FlipByte(group->loose.items[item].leaf, log::kLeafPrefix.size() + 3);
  groups.Write(*group);
  SignAnew(raw, target, groups);
  return Expected{kRollback, groups.size(), {kCosignature}};
}

// A revision of a case is skipped, and everything made to agree with it, all signatures too.
Result RevisionSkippedAndSigned(RawStore& raw, const TamperTarget& target) {
  if (target.signer == nullptr) return std::nullopt;
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  std::string& leaf = group->loose.items[item].leaf;
  event::v1::Header header;
  if (!log::ParseHeader(leaf, header).ok()) std::abort();
  const Revision revision(header.case_revision() + 7);
  header.set_case_revision(revision.value());
  leaf = log::MakeLeaf(std::string_view(leaf).substr(log::kLeafPrefix.size(), log::kLeafRandomBytes),
                       header.SerializeAsString());
  groups.Write(*group);
  const Position position(group->first + OffsetOf(group->loose, item));
  raw.Put("index", log::CaseIndexKey(*CaseId::FromBytes(header.case_id()), target.log, position),
          log::CaseIndexValue(Order(header.order()), revision));
  raw.Put("events", log::EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency()),
          log::EventIndexValue(position, revision));
  SignAnew(raw, target, groups);
  return Expected{kRevision, position.value(), {kRollback, kCosignature}};
}

// The same without the key: everything fits but what is signed.
Result AlteredConsistentlyWithoutTheKey(RawStore& raw, const TamperTarget& target) {
  Groups groups(raw, target.log);
  const auto found = MiddleItem(groups, IsEvent);
  if (!found) return std::nullopt;
  auto [group, item] = *found;
  FlipByte(group->loose.items[item].leaf, log::kLeafPrefix.size() + 3);
  groups.Write(*group);
  std::vector<proof::Node> nodes;
  log::LogHead head = *log::LogHead::Parse(*raw.Get("heads", RawStore::LogKey(target.log)));
  head.frontier = groups.TreeAt(groups.size(), &nodes);
  raw.Put("heads", RawStore::LogKey(target.log), head.Serialize());
  for (const proof::Node& node : nodes) {
    raw.Put("index", log::NodeIndexKey(target.log, node.level, node.index), node.hash.view());
  }
  return Expected{kRoot, CommitOf(raw, target.log, group->first + OffsetOf(group->loose, item))};
}

// One checkpoint of another history, signed with the right key, in an otherwise untouched log.
Result OneCheckpointOfAnotherHistory(RawStore& raw, const TamperTarget& target) {
  if (target.signer == nullptr) return std::nullopt;
  const auto sizes = CheckpointSizes(raw, target.log);
  const uint64_t size = sizes[sizes.size() / 2];
  if (size == sizes.back()) return std::nullopt;
  Hash root;
  root.data()[0] = 1;
  raw.Put("checkpoints", RawStore::Key(target.log, size),
          target.signer->Sign({target.origin, Position(size), root}));
  return Expected{kRoot, sizes.size() / 2 == 0 ? 0 : sizes[sizes.size() / 2 - 1], {kCheckpoint}};
}

// ---- Indexes and records ----

// A case index entry of the log, its key.
std::optional<std::string> CaseKey(RawStore& raw, LogNumber log) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : raw.All("index", "c")) {
    if (ReadBigEndian32(key.data() + 17) == log.value()) keys.push_back(key);
  }
  if (keys.empty()) return std::nullopt;
  return keys[keys.size() / 2];
}

Result CaseIndexByte(RawStore& raw, const TamperTarget& target) {
  const auto key = CaseKey(raw, target.log);
  if (!key) return std::nullopt;
  FlipValue(raw, "index", *key);
  return Expected{kIndex, ReadBigEndian64(key->data() + 21)};
}
Result CaseIndexDropped(RawStore& raw, const TamperTarget& target) {
  const auto key = CaseKey(raw, target.log);
  if (!key) return std::nullopt;
  raw.Delete("index", *key);
  return Expected{kIndex, ReadBigEndian64(key->data() + 21)};
}
Result CaseIndexAdded(RawStore& raw, const TamperTarget& target) {
  const auto key = CaseKey(raw, target.log);
  if (!key) return std::nullopt;
  std::string other = *key;
  FlipByte(other, 3);  // a case that is not
  raw.Put("index", other, *raw.Get("index", *key));
  return Expected{kIndex, ReadBigEndian64(key->data() + 21)};
}
// 'k': Genesis has one in every log.
std::optional<std::string> ControlKey(RawStore& raw, LogNumber log) {
  const std::string key = log::ControlIndexKey(log, Position(0));
  return raw.Get("index", key) ? std::optional(key) : std::nullopt;
}
Result ControlIndexDropped(RawStore& raw, const TamperTarget& target) {
  const auto key = ControlKey(raw, target.log);
  if (!key) return std::nullopt;
  raw.Delete("index", *key);
  return Expected{kIndex, 0};
}
Result ControlIndexAdded(RawStore& raw, const TamperTarget& target) {
  if (raw.Get("index", log::ControlIndexKey(target.log, Position(1)))) return std::nullopt;
  raw.Put("index", log::ControlIndexKey(target.log, Position(1)), log::kErasedType);
  return Expected{kIndex, 1};
}
Result ControlIndexType(RawStore& raw, const TamperTarget& target) {
  const auto key = ControlKey(raw, target.log);
  if (!key) return std::nullopt;
  raw.Put("index", *key, log::kErasedType);
  return Expected{kIndex, 0};
}
// 'b': so the origin would be asked again and again for what nobody opened to us.
Result WantedIndexAdded(RawStore& raw, const TamperTarget& target) {
  if (target.log == kOwnLog) return std::nullopt;
  raw.Put("index", log::WantedIndexKey(target.log, Position(1)),
          log::WantedIndexValue(AllSections()));
  return Expected{kIndex, 1};
}

Result CaseIndexBeyondTheEnd(RawStore& raw, const TamperTarget& target) {
  const auto key = CaseKey(raw, target.log);
  if (!key) return std::nullopt;
  std::string other = key->substr(0, 21);
  AppendBigEndian64(other, 1'000'000);
  raw.Put("index", other, *raw.Get("index", *key));
  return Expected{kIndex, 1'000'000};
}
Result EventIndexByte(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog) return std::nullopt;
  const std::string key = Middle(raw.All("events"));
  std::string value = *raw.Get("events", key);
  const uint64_t position = ReadBigEndian64(value.data());
  value.back() = static_cast<char>(value.back() ^ 1);  // the revision
  raw.Put("events", key, value);
  return Expected{kIndex, position};
}
Result EventIndexDropped(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog) return std::nullopt;
  const std::string key = Middle(raw.All("events"));
  const uint64_t position = ReadBigEndian64(raw.Get("events", key)->data());
  raw.Delete("events", key);
  return Expected{kIndex, position};
}
Result EventIndexAdded(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog) return std::nullopt;
  const std::string key = Middle(raw.All("events"));
  const std::string value = *raw.Get("events", key);
  std::string other = key;
  FlipByte(other, 5);
  raw.Put("events", other, value);
  return Expected{kIndex, ReadBigEndian64(value.data())};
}
Result NumberIndexByte(RawStore& raw, const TamperTarget& target) {
  const auto numbers = raw.All("index", "d");
  if (target.log != kOwnLog || numbers.empty()) return std::nullopt;
  std::string value = numbers.begin()->second;
  value.back() = static_cast<char>(value.back() ^ 1);
  raw.Put("index", numbers.begin()->first, value);
  return Expected{kIndex, std::nullopt};
}
Result NumberIndexDropped(RawStore& raw, const TamperTarget& target) {
  const auto numbers = raw.All("index", "d");
  if (target.log != kOwnLog || numbers.empty()) return std::nullopt;
  raw.Delete("index", numbers.begin()->first);
  return Expected{kIndex, std::nullopt};
}
Result NodeByte(RawStore& raw, const TamperTarget& target) {
  const auto nodes = raw.All("index", log::NodeIndexKey(target.log, 0, 0).substr(0, 5));
  if (nodes.empty()) return std::nullopt;
  const std::string key = Middle(nodes);
  FlipValue(raw, "index", key);
  return Expected{kIndex, ReadBigEndian64(key.data() + 6) << static_cast<uint8_t>(key[5])};
}
Result NodeDropped(RawStore& raw, const TamperTarget& target) {
  const auto nodes = raw.All("index", log::NodeIndexKey(target.log, 0, 0).substr(0, 5));
  if (nodes.empty()) return std::nullopt;
  const std::string key = Middle(nodes);
  raw.Delete("index", key);
  return Expected{kIndex, ReadBigEndian64(key.data() + 6) << static_cast<uint8_t>(key[5])};
}
Result NodeAdded(RawStore& raw, const TamperTarget& target) {
  raw.Put("index", log::NodeIndexKey(target.log, 3, 1), std::string(32, 'n'));
  return Expected{kIndex, std::nullopt};
}
Result VersionDropped(RawStore& raw, const TamperTarget& target) {
  if (target.log != kOwnLog) return std::nullopt;
  raw.Delete("index", log::kIndexVersionKey);
  return Expected{kIndex, std::nullopt};
}
// The newest of one witness: its checkpoint is the one whose cosignature is looked for first.
Result CosignatureByte(RawStore& raw, const TamperTarget& target) {
  const auto records = raw.All("records", Str("c", RawStore::LogKey(target.log)));
  if (records.empty()) return std::nullopt;
  const std::string key = records.rbegin()->first;
  std::string value = records.rbegin()->second;
  FlipByte(value, 8 + 32 + 4 + 20);  // in the signature
  raw.Put("records", key, value);
  return Expected{kCosignature, ReadBigEndian64(value.data())};
}

}  // namespace

std::vector<Tampering> TamperCorpus() {
  return {
      {"a byte of a group", EntriesByte},
      {"a byte of a leaf, checksum made anew", LeafEdited},
      {"a header's author, checksum made anew", HeaderEdited},
      {"a header cut short", HeaderMalformed},
      {"a withheld hash", WithheldHashEdited},
      {"an entry turned into its hash", EntryWithheldFromItself},
      {"a disclosed entry turned into its hash", DisclosedEntryWithheld},
      {"a group dropped", GroupDropped},
      {"a group's entries dropped, sections left", EntriesOfAGroupDropped},
      {"the last group dropped", LastGroupDropped},
      {"two leaves swapped", LeavesSwapped},
      {"two groups swapped", GroupsSwapped},
      {"a leaf twice", LeafDuplicated},
      {"a group twice", GroupDuplicated},
      {"a byte of the sections", BlobsByte},
      {"a byte of a section, checksum made anew", SectionEdited},
      {"a byte of a wrapped secret", WrappedSecretEdited},
      {"two sections swapped", SectionsSwapped},
      {"a section replaced by another's", SectionReplaced},
      {"a section dropped", SectionDropped},
      {"a group's sections dropped", SectionsOfAGroupDropped},
      {"a section added", SectionAdded},
      {"a secret beside an own section", SecretLeftInOwnLog},
      {"a byte of a checkpoint's signature", CheckpointByte},
      {"a checkpoint's root", CheckpointRootEdited},
      {"an old checkpoint replayed", OldCheckpointReplayed},
      {"the last checkpoint dropped", LastCheckpointDropped},
      {"a checkpoint beyond the end", CheckpointBeyondTheEnd},
      {"a checkpoint signed with another key", CheckpointOfAnotherKey},
      {"all checkpoints signed with another key", AllCheckpointsOfAnotherKey},
      {"a byte of the head", HeadByte},
      {"a hash of the head", HeadHashEdited},
      {"the head's order", HeadOrderEdited},
      {"the head dropped", HeadDropped},
      {"an old head put back", OldHeadPutBack},
      {"the log cut back, all in agreement", CutBackConsistently},
      {"another history signed with the right key", AnotherHistorySigned},
      {"a revision skipped, signed with the right key", RevisionSkippedAndSigned},
      {"altered, all but the signatures in agreement", AlteredConsistentlyWithoutTheKey},
      {"one checkpoint of another history", OneCheckpointOfAnotherHistory},
      {"a byte of the case index", CaseIndexByte},
      {"a case index entry dropped", CaseIndexDropped},
      {"a case index entry added", CaseIndexAdded},
      {"a case index entry beyond the end", CaseIndexBeyondTheEnd},
      {"a control index entry dropped", ControlIndexDropped},
      {"a control index entry added", ControlIndexAdded},
      {"a control index entry of another type", ControlIndexType},
      {"a wanted entry added", WantedIndexAdded},
      {"a byte of the event index", EventIndexByte},
      {"an event index entry dropped", EventIndexDropped},
      {"an event index entry added", EventIndexAdded},
      {"a byte of a running number", NumberIndexByte},
      {"a running number dropped", NumberIndexDropped},
      {"a byte of a tree node", NodeByte},
      {"a tree node dropped", NodeDropped},
      {"a tree node added", NodeAdded},
      {"the index version dropped", VersionDropped},
      {"a byte of a kept cosignature", CosignatureByte},
  };
}

std::string Describe(const Report& report) {
  std::string text = report.problems.empty() ? "no problem\n" : "";
  for (const Problem& problem : report.problems) {
    text += Str("  ", problem.origin, " ",
                problem.position ? Str(problem.position->value()) : std::string("-"), " ",
                ProblemName(problem.kind), ": ", problem.what, "\n");
  }
  return text;
}

std::string Judge(const Report& report, const std::string& origin, const Expected& expected) {
  bool found = false;
  std::string wrong;
  for (const Problem& problem : report.problems) {
    // The store as a whole has no origin.
    const bool ours = problem.origin == origin || problem.origin.empty();
    const bool match = ours && problem.kind == expected.kind &&
                       problem.position.has_value() == expected.position.has_value() &&
                       (!expected.position || problem.position->value() == *expected.position);
    found = found || match;
    if (match) continue;
    if (!ours) {
      wrong += "a problem in another log; ";
    } else if (problem.kind != expected.kind && !expected.also.contains(problem.kind)) {
      wrong += Str("not expected: ", ProblemName(problem.kind), "; ");
    }
  }
  if (!found) {
    wrong += Str("missing: ", ProblemName(expected.kind), " at ",
                 expected.position ? Str(*expected.position) : std::string("no position"), "; ");
  }
  return wrong;
}

Report VerifyDirectory(const std::string& directory, const VerifyOptions& options) {
  const auto unreadable = [](const absl::Status& status) {
    Report report;
    report.problems.push_back(
        {ProblemKind::kUnreadable, "", std::nullopt, std::string(ToStd(status.message()))});
    return report;
  };
  const auto engine = rocks::OpenEngine({.directory = directory,
                                         .mode = rocks::OpenMode::kReadOnly,
                                         .for_verification = true});
  if (!engine.ok()) return unreadable(engine.status());
  auto report = VerifyStore(**engine, options);
  if (!report.ok()) return unreadable(report.status());
  return *std::move(report);
}

}  // namespace polku::evidence
