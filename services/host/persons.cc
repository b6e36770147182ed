#include "services/host/persons.h"

#include <algorithm>
#include <tuple>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/finnish_ids.h"
#include "services/host/epochs.h"

namespace polku::host {
namespace {

constexpr std::string_view kZero("\0", 1);
constexpr size_t kKeyIdBytes = 8;
constexpr size_t kFixedBytes = 1 + CaseId::kBytes + 2 * EventId::kBytes + 8;
constexpr size_t kMostPuts = 4096;

const std::string& TypeOf(PersonEntry::Kind kind) {
  switch (kind) {
    case PersonEntry::Kind::kLinked:
      return referral::v1::CasesLinked::descriptor()->full_name();
    case PersonEntry::Kind::kUnlinked:
      return referral::v1::CasesUnlinked::descriptor()->full_name();
    default:
      return referral::v1::ClientIdentified::descriptor()->full_name();
  }
}

std::optional<PersonEntry::Kind> KindOf(std::string_view type) {
  for (const auto kind : {PersonEntry::Kind::kIdentified, PersonEntry::Kind::kLinked,
                          PersonEntry::Kind::kUnlinked}) {
    if (type == TypeOf(kind)) return kind;
  }
  return std::nullopt;
}

absl::Status Malformed() {
  return absl::DataLossError("index of persons: malformed entry; stop the service and run `polku reindex`");
}

}  // namespace

std::optional<Hash> BlindCode(const BlindKey& key, std::string_view identity_code) {
  std::string code;
  for (const char c : identity_code) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    code.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  if (!service::ParsePersonalIdentityCode(code)) return std::nullopt;
  return HmacSha256(key.secret_bytes(), {"polku/blind/v1", kZero, code});
}

std::string PersonEntry::Serialize() const {
  std::string value(1, static_cast<char>(kind));
  value += case_id.view();
  value += event.view();
  value += corrects.view();
  AppendBigEndian64(value, order.value());
  if (kind != Kind::kIdentified) value += other.view();
  for (const Hash& blind : blinds) value += blind.view();
  return value;
}

std::optional<PersonEntry> PersonEntry::Parse(std::string_view value) {
  if (value.size() < kFixedBytes || value[0] < 1 || value[0] > 3) return std::nullopt;
  PersonEntry entry;
  entry.kind = static_cast<Kind>(value[0]);
  value.remove_prefix(1);
  const auto take = [&](size_t bytes) {
    const std::string_view taken = value.substr(0, bytes);
    value.remove_prefix(bytes);
    return taken;
  };
  entry.case_id = *CaseId::FromBytes(take(CaseId::kBytes));
  entry.event = *EventId::FromBytes(take(EventId::kBytes));
  entry.corrects = *EventId::FromBytes(take(EventId::kBytes));
  entry.order = Order(ReadBigEndian64(take(8).data()));
  if (entry.kind != Kind::kIdentified) {
    if (value.size() != CaseId::kBytes) return std::nullopt;
    entry.other = *CaseId::FromBytes(value);
    return entry;
  }
  if (value.size() % Hash::kBytes != 0) return std::nullopt;
  while (!value.empty()) entry.blinds.push_back(*Hash::FromBytes(take(Hash::kBytes)));
  return entry;
}

// What a mark names its key by.
static std::string KeyIdOf(const BlindKey& key) {
  return std::string(Sha256({"polku/blind-key/v1", kZero, key.secret_bytes()}).view().substr(0, kKeyIdBytes));
}

// ---- What the index says ----

absl::StatusOr<Persons> Persons::Read(log::Engine& engine) {
  std::vector<PersonEntry> entries;
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(engine));
  for (const log::HeldLog& held : logs) {
    const auto cursor = engine.IndexScan(log::LogIndexPrefix('p', held.number));
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto next, cursor->NextView());
      if (!next) break;
      auto entry = PersonEntry::Parse(next->value);
      if (!entry) return Malformed();
      entry->service = EpochsOf(held.head.origin);
      entries.push_back(*std::move(entry));
    }
  }
  return Persons(entries);
}

Persons::Persons(const std::vector<PersonEntry>& entries) {
  std::set<std::tuple<std::string_view, CaseId, EventId>> corrected;
  for (const PersonEntry& entry : entries) {
    if (!entry.corrects.is_zero()) corrected.emplace(entry.service, entry.case_id, entry.corrects);
  }
  std::map<Pair, std::pair<Order, bool>> said;  // by the case that says it: of the newest word
  for (const PersonEntry& entry : entries) {
    if (corrected.contains({entry.service, entry.case_id, entry.event})) continue;
    if (entry.kind == PersonEntry::Kind::kIdentified) {
      for (const Hash& blind : entry.blinds) by_blind_[blind].insert(entry.case_id);
      continue;
    }
    const std::pair newest(entry.order, entry.kind == PersonEntry::Kind::kLinked);
    auto& known = said[{entry.case_id, entry.other}];
    known = std::max(known, newest);
  }
  for (const auto& [cases, newest] : said) {
    if (newest.second) linked_.insert(std::minmax(cases.first, cases.second));
  }
}

std::vector<CaseId> Persons::Cases(const Hash& blind) const {
  const auto found = by_blind_.find(blind);
  if (found == by_blind_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<CaseId> Persons::LinkedTo(const CaseId& case_id) const {
  std::vector<CaseId> cases;
  for (const Pair& pair : linked_) {
    if (pair.first == case_id) cases.push_back(pair.second);
    if (pair.second == case_id) cases.push_back(pair.first);
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::vector<Persons::Pair> Persons::OpenPairs() const {
  service::JoinedCases joined = Linked();
  std::vector<Pair> open;
  JoinByCode(joined, [&](const CaseId& a, const CaseId& b) { open.emplace_back(a, b); });
  std::sort(open.begin(), open.end());
  return open;
}

service::JoinedCases Persons::OfOnePerson() const {
  service::JoinedCases joined = Linked();
  JoinByCode(joined, [](const CaseId&, const CaseId&) {});
  return joined;
}

service::JoinedCases Persons::Linked() const {
  service::JoinedCases joined;
  for (const Pair& pair : linked_) joined.Join(pair.first, pair.second);
  return joined;
}

void Persons::JoinByCode(service::JoinedCases& joined,
                         const std::function<void(const CaseId&, const CaseId&)>& missing) const {
  for (const auto& [blind, cases] : by_blind_) {
    for (const CaseId& other : cases) {
      if (joined.Join(*cases.begin(), other)) missing(*cases.begin(), other);
    }
  }
}

absl::StatusOr<uint64_t> EntriesNotIndexed(log::Engine& engine, const BlindKey* key) {
  uint64_t missing = 0;
  const std::string key_id = key == nullptr ? "" : KeyIdOf(*key);
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(engine));
  for (const log::HeldLog& held : logs) {
    POLKU_ASSIGN_OR_RETURN(const auto mark, engine.IndexGet(log::PersonMarkKey(held.number)));
    const uint64_t size = held.head.frontier.size().value();
    const bool valid = mark && mark->size() == 8 + kKeyIdBytes && (key == nullptr || mark->substr(8) == key_id);
    const uint64_t next = valid ? ReadBigEndian64(mark->data()) : 0;
    missing += size - std::min(size, next);
  }
  return missing;
}

// ---- Keeping it ----

PersonIndex::PersonIndex(Options options)
    : options_(std::move(options)),
      key_id_(KeyIdOf(options_.key)) {}

absl::StatusOr<PersonIndex::Mark> PersonIndex::ReadMark(LogNumber log) {
  POLKU_ASSIGN_OR_RETURN(const auto value, options_.engine.IndexGet(log::PersonMarkKey(log)));
  if (!value || value->size() != 8 + kKeyIdBytes) return Mark();
  return Mark{Position(ReadBigEndian64(value->data())), value->substr(8) == key_id_};
}

absl::Status PersonIndex::Drop(LogNumber log) {
  std::vector<std::string> deletes;
  const auto cursor = options_.engine.IndexScan(log::LogIndexPrefix('p', log));
  for (;;) {
    POLKU_ASSIGN_OR_RETURN(const auto next, cursor->NextView());
    if (!next) break;
    deletes.emplace_back(next->key);
  }
  if (deletes.empty()) return absl::OkStatus();
  return options_.engine.WriteIndex({}, deletes);
}

absl::StatusOr<bool> PersonIndex::CatchUp(uint64_t most) {
  absl::Status passed_over;
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(options_.engine));
  for (const log::HeldLog& held : logs) {
    const Position size = held.head.frontier.size();
    const auto known = next_.find(held.number);
    Position from = known == next_.end() ? Position() : known->second;
    if (known == next_.end()) {
      POLKU_ASSIGN_OR_RETURN(const Mark mark, ReadMark(held.number));
      // Under another key, or of a log that was longer: nothing of it can be gone on with.
      if (mark.valid && mark.next <= size) {
        from = mark.next;
      } else {
        POLKU_RETURN_IF_ERROR(Drop(held.number));
        open_pairs_.reset();
      }
    }
    if (from >= size) {
      next_[held.number] = from;
      continue;
    }
    std::vector<log::KeyValue> puts;
    POLKU_ASSIGN_OR_RETURN(auto reader, log::EntryReader::Make(options_.engine, held.number, from,
                                                               /*with_blobs=*/false));
    const Position end(std::min(size.value(), from.value() + most));
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry || entry->position >= end) break;
      // Also what its header does not disclose to this agency: it may have been opened later. What a mirror holds for its
      // origin alone does not open.
      if (!KindOf(entry->header->type())) continue;
      if (auto taken = Take(held.number, held.head.origin, entry->position, puts); !taken.ok()) {
        passed_over.Update(taken);
      }
      if (puts.size() >= kMostPuts) {
        POLKU_RETURN_IF_ERROR(options_.engine.WriteIndex(puts, {}));
        puts.clear();
        open_pairs_.reset();
      }
    }
    if (!puts.empty()) open_pairs_.reset();
    std::string mark;
    AppendBigEndian64(mark, end.value());
    mark += key_id_;
    puts.emplace_back(log::PersonMarkKey(held.number), std::move(mark));
    POLKU_RETURN_IF_ERROR(options_.engine.WriteIndex(puts, {}));
    next_[held.number] = end;
    POLKU_RETURN_IF_ERROR(passed_over);
    if (end < size) return false;
  }
  return true;
}

absl::Status PersonIndex::Refill(LogNumber log, std::span<const Position> positions) {
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(options_.engine));
  const auto held = std::find_if(logs.begin(), logs.end(),
                                 [&](const log::HeldLog& one) { return one.number == log; });
  if (held == logs.end()) return absl::OkStatus();
  std::vector<log::KeyValue> puts;
  absl::Status passed_over;
  for (const Position position : positions) {
    passed_over.Update(Take(log, held->head.origin, position, puts));
  }
  if (puts.empty()) return passed_over;
  open_pairs_.reset();
  POLKU_RETURN_IF_ERROR(options_.engine.WriteIndex(puts, {}));
  return passed_over;
}

absl::Status PersonIndex::Take(LogNumber log, std::string_view origin, Position position,
                               std::vector<log::KeyValue>& puts) {
  log::EntryFetcher fetcher(options_.engine);
  POLKU_ASSIGN_OR_RETURN(const log::EntryView view, fetcher.Fetch(log, position, /*with_blobs=*/true));
  const auto kind = KindOf(view.header->type());
  if (!kind) return absl::OkStatus();
  POLKU_ASSIGN_OR_RETURN(const OpenedEvent opened,
                         options_.opener.Open(view, origin, OnlySection(SectionKind::kIdentity)));
  if (opened.opened.empty()) return absl::OkStatus();
  PersonEntry entry;
  entry.kind = *kind;
  entry.case_id = CaseId::FromBytes(view.header->case_id()).value_or(CaseId());
  entry.event = EventId::FromBytes(view.header->event_id()).value_or(EventId());
  entry.corrects = EventId::FromBytes(view.header->corrects()).value_or(EventId());
  entry.order = Order(view.header->order());
  if (entry.kind == PersonEntry::Kind::kIdentified) {
    referral::v1::ClientIdentified client;
    if (!client.ParseFromString(opened.bytes)) return absl::OkStatus();  // the fold tells of it
    const auto add = [&](const std::string& code) {
      if (const auto blind = BlindCode(options_.key, code)) entry.blinds.push_back(*blind);
    };
    add(client.identity_code());
    for (const std::string& earlier : client.earlier_identity_codes()) add(earlier);
    // Without a code it matters where it takes the place of an entry that had one.
    if (entry.blinds.empty() && entry.corrects.is_zero()) return absl::OkStatus();
  } else {
    // Both have the other case in the same field.
    referral::v1::CasesLinked linked;
    const auto other = linked.ParseFromString(opened.bytes)
                           ? CaseId::FromBytes(linked.other_case_id())
                           : std::nullopt;
    if (!other) return absl::OkStatus();
    entry.other = *other;
  }
  puts.emplace_back(log::PersonIndexKey(log, position), entry.Serialize());
  return absl::OkStatus();
}

absl::StatusOr<size_t> PersonIndex::OpenPairs() {
  if (!open_pairs_) {
    POLKU_ASSIGN_OR_RETURN(const Persons persons, Persons::Read(options_.engine));
    open_pairs_ = persons.OpenPairs().size();
  }
  return *open_pairs_;
}

}  // namespace polku::host
