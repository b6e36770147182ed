#include "eventstore/log/index.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"

namespace polku::log {
namespace {

constexpr absl::CivilDay kEpochDay(1970, 1, 1);
constexpr size_t kPutsPerWrite = 8'192;

void AppendLog(std::string& key, LogNumber log) {
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
}

std::string LogPositionKey(char kind, LogNumber log, Position position) {
  std::string key = LogIndexPrefix(kind, log);
  AppendBigEndian64(key, position.value());
  return key;
}

bool ReadNumberAndRevision(ByteReader& reader, uint64_t& number, Revision& revision) {
  std::string_view fixed;
  uint64_t varint = 0;
  if (!reader.ReadBytes(8, fixed) || !reader.ReadVarint(varint)) return false;
  number = ReadBigEndian64(fixed.data());
  revision = Revision(varint);
  return true;
}

}  // namespace

std::string CaseIndexPrefix(const CaseId& case_id) {
  std::string key;
  key.reserve(1 + CaseId::kBytes + 4 + 8);
  key.push_back('c');
  key.append(case_id.view());
  return key;
}

std::string CaseIndexKey(const CaseId& case_id, LogNumber log, Position position) {
  std::string key = CaseIndexPrefix(case_id);
  AppendLog(key, log);
  AppendBigEndian64(key, position.value());
  return key;
}

std::string CaseIndexValue(Order order, Revision revision) {
  std::string value;
  AppendBigEndian64(value, order.value());
  AppendVarint(value, revision.value());
  return value;
}

bool ParseCaseIndexValue(std::string_view value, Order& order, Revision& revision) {
  ByteReader reader(value);
  uint64_t number = 0;
  if (!ReadNumberAndRevision(reader, number, revision) || !reader.done()) return false;
  order = Order(number);
  return true;
}

std::string EventIndexKey(const EventId& id, std::string_view author_agency) {
  std::string key;
  key.reserve(1 + EventId::kBytes + author_agency.size());
  key.push_back('e');
  key.append(id.view());
  key.append(author_agency);
  return key;
}

std::string EventIndexValue(Position position, Revision revision, LogNumber log) {
  std::string value;
  AppendBigEndian64(value, position.value());
  AppendVarint(value, revision.value());
  if (log != kOwnLog) AppendLog(value, log);
  return value;
}

bool ParseEventIndexValue(std::string_view value, Position& position, Revision& revision,
                          LogNumber& log) {
  ByteReader reader(value);
  uint64_t number = 0;
  if (!ReadNumberAndRevision(reader, number, revision)) return false;
  position = Position(number);
  log = kOwnLog;
  if (reader.done()) return true;
  std::string_view fixed;
  if (!reader.ReadBytes(4, fixed) || !reader.done()) return false;
  log = LogNumber(ReadBigEndian32(fixed.data()));
  return log != kOwnLog;
}

std::string DisclosureIndexKey(std::string_view receiver) { return Str("d", receiver); }

std::string TimerIndexKey(absl::CivilDay day, const CaseId& case_id) {
  std::string key(kTimerPrefix);
  // A day before 1970 sorts first, at zero: a duty from so long ago is due in any case.
  const int64_t number = std::clamp<int64_t>(day - kEpochDay, 0, UINT32_MAX);
  AppendBigEndian32(key, static_cast<uint32_t>(number));
  key.append(case_id.view());
  return key;
}

bool ParseTimerIndexKey(std::string_view key, absl::CivilDay& day, CaseId& case_id) {
  if (key.size() != kTimerPrefix.size() + 4 + CaseId::kBytes ||
      key.substr(0, kTimerPrefix.size()) != kTimerPrefix) {
    return false;
  }
  key.remove_prefix(kTimerPrefix.size());
  day = kEpochDay + static_cast<int64_t>(ReadBigEndian32(key.data()));
  case_id = *CaseId::FromBytes(key.substr(4));
  return true;
}

std::string LogIndexPrefix(char kind, LogNumber log) {
  std::string key(1, kind);
  AppendLog(key, log);
  return key;
}

std::string ProcessedIndexKey(LogNumber log) { return LogIndexPrefix('w', log); }
std::string ControlIndexKey(LogNumber log, Position position) {
  return LogPositionKey('k', log, position);
}
std::string WantedIndexKey(LogNumber log, Position position) {
  return LogPositionKey('b', log, position);
}
std::string HoleIndexKey(LogNumber log, Position before) { return LogPositionKey('x', log, before); }

std::string PersonIndexKey(LogNumber log, Position position) {
  return LogPositionKey('p', log, position);
}
std::string PersonMarkKey(LogNumber log) { return LogIndexPrefix('q', log); }

std::optional<Position> ParseLogIndexKey(std::string_view key) {
  if (key.size() != 1 + 4 + 8) return std::nullopt;
  return Position(ReadBigEndian64(key.data() + 5));
}

std::string WantedIndexValue(SectionSet sections) {
  return std::string(1, static_cast<char>(sections.bits()));
}

bool ParseWantedIndexValue(std::string_view value, SectionSet& sections) {
  if (value.size() != 1) return false;
  sections = SectionSet::FromBits(static_cast<uint8_t>(value[0]));
  return true;
}

std::string HoleIndexValue(Position after, uint64_t missing) {
  std::string value;
  AppendBigEndian64(value, after.value());
  AppendBigEndian64(value, missing);
  return value;
}

bool ParseHoleIndexValue(std::string_view value, Position& after, uint64_t& missing) {
  if (value.size() != 16) return false;
  after = Position(ReadBigEndian64(value.data()));
  missing = ReadBigEndian64(value.data() + 8);
  return missing > 0;
}

absl::Status CheckIndexComplete(Engine& engine) {
  POLKU_ASSIGN_OR_RETURN(const std::vector<LogNumber> logs, engine.Logs());
  if (logs.empty()) return absl::OkStatus();
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> version,
                         engine.IndexGet(kIndexVersionKey));
  if (!version) {
    return absl::FailedPreconditionError(
        "the index is incomplete: a rebuild was interrupted; run `polku reindex`");
  }
  if (*version != kIndexVersion) {
    return absl::FailedPreconditionError(
        "the index was written by another version; run `polku reindex`");
  }
  return absl::OkStatus();
}

std::vector<HeldLog> EarlierEpochs(const std::vector<HeldLog>& logs, const OriginName& origin) {
  std::map<uint32_t, HeldLog> by_epoch;
  for (const HeldLog& log : logs) {
    const absl::StatusOr<OriginName> other = OriginName::Parse(log.head.origin);
    if (!other.ok() || other->agency() != origin.agency() ||
        other->service() != origin.service() || other->epoch() >= origin.epoch()) {
      continue;
    }
    by_epoch.emplace(other->epoch(), log);
  }
  std::vector<HeldLog> earlier;
  for (auto& [epoch, log] : by_epoch) earlier.push_back(std::move(log));
  return earlier;
}

absl::StatusOr<std::vector<LogNumber>> NewerEpochs(Engine& engine, std::string_view origin_text) {
  std::vector<LogNumber> newer;
  POLKU_ASSIGN_OR_RETURN(const std::vector<HeldLog> logs, HeldLogs(engine));
  if (logs.empty() || logs[0].number != kOwnLog) return newer;
  POLKU_ASSIGN_OR_RETURN(const OriginName own, OriginName::Parse(logs[0].head.origin));
  POLKU_ASSIGN_OR_RETURN(const OriginName origin, OriginName::Parse(origin_text));
  if (origin.agency() != own.agency() || origin.service() != own.service() ||
      origin.epoch() >= own.epoch()) {
    return newer;
  }
  newer.push_back(kOwnLog);
  for (const HeldLog& log : EarlierEpochs(logs, own)) {
    if (log.head.origin == origin_text) continue;
    POLKU_ASSIGN_OR_RETURN(const OriginName other, OriginName::Parse(log.head.origin));
    if (other.epoch() > origin.epoch()) newer.push_back(log.number);
  }
  return newer;
}

absl::Status AddEpochEvent(Engine& engine, const std::vector<LogNumber>& newer_epochs, LogNumber log,
                           Position position, const event::v1::Header& header,
                           std::vector<KeyValue>& index) {
  if (newer_epochs.empty()) return absl::OkStatus();
  std::string key = EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency());
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> value, engine.IndexGet(key));
  if (value) {
    Position at;
    Revision revision;
    LogNumber holder;
    if (!ParseEventIndexValue(*value, at, revision, holder)) {
      return absl::DataLossError("event index: malformed entry; run `polku reindex`");
    }
    if (std::find(newer_epochs.begin(), newer_epochs.end(), holder) != newer_epochs.end()) {
      return absl::OkStatus();
    }
  }
  index.emplace_back(std::move(key),
                     EventIndexValue(position, Revision(header.case_revision()), log));
  return absl::OkStatus();
}

namespace {

// Reads and verifies a whole log, sections too, and adds its nodes.
absl::Status ReadWhole(Engine& engine, const HeldLog& log, std::vector<KeyValue>& nodes,
                       const std::function<void(Position)>& report) {
  proof::Frontier frontier;
  std::vector<proof::Node> completed;
  event::v1::Header header;
  POLKU_ASSIGN_OR_RETURN(const std::unique_ptr<GroupCursor> cursor,
                         engine.Scan(log.number, Position(0), true));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<StoredGroup> group, cursor->Next());
    if (!group) break;
    const auto place = [&](uint64_t offset) {
      return Str("log ", log.number.value(), " position ", group->first.value() + offset);
    };
    const absl::StatusOr<GroupView> view = GroupView::Parse(group->entries, group->blobs);
    if (!view.ok()) return Annotate(view.status(), place(0));
    for (const GroupItem& item : view->items()) {
      if (item.leaf.empty()) {
        const absl::Status status = frontier.AppendSubtree(item.withheld, &completed);
        if (!status.ok()) {
          return Error(absl::StatusCode::kDataLoss, place(item.offset), ": ",
                       ToStd(status.message()));
        }
        continue;
      }
      if (const absl::Status status = ParseHeader(item.leaf, header); !status.ok()) {
        return Annotate(status, place(item.offset));
      }
      frontier.AppendLeafHash(proof::LeafHash(item.leaf), &completed);
    }
    AddNodes(log.number, completed, nodes);
    completed.clear();
    report(group->first);
  }
  if (frontier == log.head.frontier) return absl::OkStatus();
  return absl::DataLossError(
      Str("log ", log.number.value(), " (", log.head.origin,
          "): its entries are not those that its head stands for: they were altered; `polku verify` "
          "finds the place, a replica or backup has the right ones"));
}

// What of a replica's index rests on several of its entries: what was opened to us later ('b'), holes in our
// running numbers ('x'), and the erasures that explain them.
class OpenedAndErased {
 public:
  // `agency`: whose store it is; empty: nobody's, and nothing was opened to it. `known`: holes that the index
  // had. A hole among a mirror's leaves shows in no entry.
  OpenedAndErased(std::string_view agency, std::vector<VerifiedBatch::Hole> known)
      : agency_(agency), holes_(std::move(known)) {}

  // That an Erased names, of this log or of a later epoch's.
  void AddErased(const std::vector<ErasedPart>& parts) {
    for (const ErasedPart& part : parts) {
      ErasedPart& erased = erased_[part.position];
      erased.sections = erased.sections | part.sections;
      erased.leaf = erased.leaf || part.leaf;
    }
  }

  void Add(Position position, const event::v1::Header& header) {
    if (agency_.empty()) return;
    if (header.has_later() && header.later().receiver() == agency_) {
      for (const auto& entry : header.later().entries()) {
        SectionSet& sections = opened_[Position(entry.position())];
        sections = sections | SectionsIn(entry.sections());
      }
    }
    for (const auto& disclosure : header.disclosures()) {
      if (disclosure.receiver() != agency_) continue;
      if (disclosure.number() > number_ + 1) {
        holes_.push_back({last_, position, disclosure.number() - number_ - 1});
      }
      number_ = std::max<uint64_t>(number_, disclosure.number());
      last_ = position;
    }
  }

  absl::Status Finish(Engine& engine, LogNumber log, Position size, std::vector<KeyValue>& puts) {
    HeldReader reader(engine, log);
    event::v1::Header header;
    for (const auto& [position, listed] : opened_) {
      SectionSet sections = listed;
      if (const auto erased = erased_.find(position); erased != erased_.end()) {
        const std::optional<SectionSet> left = StillWanted(sections, erased->second);
        if (!left) continue;
        sections = *left;
      }
      if (position >= size) continue;
      POLKU_ASSIGN_OR_RETURN(const HeldPosition held, reader.Find(position));
      if (held.leaf) {
        POLKU_RETURN_IF_ERROR(ParseHeader(*held.leaf, header));
        SectionSet has;
        for (const auto& commitment : header.commitments()) {
          has.add(static_cast<SectionKind>(commitment.kind()));
        }
        sections = (sections & has) - held.opened;
        if (sections.empty()) continue;
      }
      puts.emplace_back(WantedIndexKey(log, position), WantedIndexValue(sections));
    }
    std::map<Position, VerifiedBatch::Hole> unexplained;
    for (const VerifiedBatch::Hole& hole : holes_) {
      if (!IsExplained(hole)) unexplained[hole.before] = hole;
    }
    for (const auto& [before, hole] : unexplained) {
      puts.emplace_back(HoleIndexKey(log, before), HoleIndexValue(hole.after, hole.missing));
    }
    return absl::OkStatus();
  }

 private:
  bool IsExplained(const VerifiedBatch::Hole& hole) const {
    uint64_t erased = 0;
    for (auto it = erased_.upper_bound(hole.after); it != erased_.end() && it->first < hole.before;
         ++it) {
      if (it->second.leaf && ++erased == hole.missing) return true;
    }
    return false;
  }

  const std::string agency_;
  std::vector<VerifiedBatch::Hole> holes_;
  std::map<Position, ErasedPart> erased_;
  std::map<Position, SectionSet> opened_;
  uint64_t number_ = 0;  // the newest of ours
  Position last_;        // of the entry that has it; 0: none, for a Genesis has no number
};

absl::StatusOr<std::vector<VerifiedBatch::Hole>> KnownHoles(Engine& engine, LogNumber log) {
  std::vector<VerifiedBatch::Hole> holes;
  const std::unique_ptr<IndexCursor> cursor = engine.IndexScan(LogIndexPrefix('x', log));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> entry, cursor->Next());
    if (!entry) return holes;
    VerifiedBatch::Hole hole;
    const std::optional<Position> before = ParseLogIndexKey(entry->first);
    // What is malformed is what a rebuild is for.
    if (!before || !ParseHoleIndexValue(entry->second, hole.after, hole.missing)) continue;
    hole.before = *before;
    holes.push_back(hole);
  }
}

}  // namespace

absl::Status RebuildIndex(Engine& engine,
                          const std::function<void(uint64_t done, uint64_t total)>& progress) {
  POLKU_ASSIGN_OR_RETURN(std::vector<HeldLog> logs, HeldLogs(engine));
  std::vector<HeldLog> earlier;
  std::string agency;
  if (!logs.empty() && logs[0].number == kOwnLog) {
    POLKU_ASSIGN_OR_RETURN(const OriginName own, OriginName::Parse(logs[0].head.origin));
    earlier = EarlierEpochs(logs, own);
    agency = own.agency();
  }
  // Of an event in several epochs the newest counts, so that is written last.
  const auto epoch_rank = [&](LogNumber log) -> size_t {
    for (size_t i = 0; i < earlier.size(); ++i) {
      if (earlier[i].number == log) return i + 1;
    }
    return log == kOwnLog ? earlier.size() + 1 : 0;
  };
  std::stable_sort(logs.begin(), logs.end(), [&](const HeldLog& a, const HeldLog& b) {
    return epoch_rank(a.number) < epoch_rank(b.number);
  });
  uint64_t total = 0;
  for (const HeldLog& log : logs) total += log.head.frontier.size().value();

  std::vector<KeyValue> puts;
  puts.reserve(kPutsPerWrite + 2);
  const auto flush = [&]() -> absl::Status {
    absl::Status status = engine.WriteIndex(puts, {});
    puts.clear();
    return status;
  };
  // A steady clock for the pace of reports only; nothing recorded depends on it.
  auto last_report = std::chrono::steady_clock::now();
  POLKU_ASSIGN_OR_RETURN(auto numbers, ErasedNumbers(engine));
  std::map<LogNumber, std::vector<VerifiedBatch::Hole>> known_holes;
  uint64_t before = 0;
  const auto report = [&](Position position) {
    const auto now = std::chrono::steady_clock::now();
    if (!progress || now - last_report < std::chrono::milliseconds(500)) return;
    progress((before + position.value() + 1) / 2, total);  // everything is read twice
    last_report = now;
  };
  // Everything is read first, sections too: a log that cannot be read must not cost the index that a
  // service can still run on. The nodes of it wait in memory, half a byte an entry.
  std::vector<KeyValue> nodes;
  for (const HeldLog& log : logs) {
    POLKU_RETURN_IF_ERROR(ReadWhole(engine, log, nodes, report));
    POLKU_ASSIGN_OR_RETURN(known_holes[log.number], KnownHoles(engine, log.number));
    before += log.head.frontier.size().value();
  }
  POLKU_RETURN_IF_ERROR(engine.ClearIndex());
  for (KeyValue& node : nodes) {
    puts.push_back(std::move(node));
    if (puts.size() >= kPutsPerWrite) POLKU_RETURN_IF_ERROR(flush());
  }
  // Judged when all is read: a later epoch's log speaks of an earlier one's.
  std::map<std::string, OpenedAndErased> opened;
  for (const HeldLog& log : logs) {
    opened.try_emplace(log.head.origin, agency, std::move(known_holes[log.number]));
  }
  for (const HeldLog& log : logs) {
    const auto of_log = opened.find(log.head.origin);
    POLKU_ASSIGN_OR_RETURN(std::unique_ptr<EntryReader> reader,
                           EntryReader::Make(engine, log.number, Position(0), false));
    while (true) {
      POLKU_ASSIGN_OR_RETURN(const std::optional<EntryView> entry, reader->Next());
      if (!entry) break;
      const event::v1::Header& header = *entry->header;
      const Revision revision(header.case_revision());
      if (!header.case_id().empty()) {
        puts.emplace_back(
            CaseIndexKey(*CaseId::FromBytes(header.case_id()), log.number, entry->position),
            CaseIndexValue(Order(header.order()), revision));
      } else {
        puts.emplace_back(ControlIndexKey(log.number, entry->position), header.type());
      }
      if (epoch_rank(log.number) > 0) {
        puts.emplace_back(
            EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency()),
            EventIndexValue(entry->position, revision, log.number));
      }
      if (log.number == kOwnLog) {
        for (const auto& disclosure : header.disclosures()) {
          uint64_t& number = numbers[disclosure.receiver()];
          number = std::max<uint64_t>(number, disclosure.number());
        }
      } else {
        of_log->second.Add(entry->position, header);
      }
      if (header.case_id().empty() && header.type() == kErasedType) {
        // Of what is malformed verification tells.
        const auto named = ParseErased(header.control(), log.head.origin, entry->position);
        const auto whose = named.ok() ? opened.find(named->origin) : opened.end();
        if (whose != opened.end()) whose->second.AddErased(named->parts);
      }
      if (puts.size() >= kPutsPerWrite) {
        POLKU_RETURN_IF_ERROR(flush());
        report(entry->position);
      }
    }
    before += log.head.frontier.size().value();
  }
  for (const HeldLog& log : logs) {
    POLKU_RETURN_IF_ERROR(opened.at(log.head.origin)
                              .Finish(engine, log.number, log.head.frontier.size(), puts));
  }
  for (const auto& [receiver, number] : numbers) {
    std::string value;
    AppendBigEndian64(value, number);
    puts.emplace_back(DisclosureIndexKey(receiver), std::move(value));
  }
  if (!logs.empty()) puts.emplace_back(kIndexVersionKey, kIndexVersion);
  POLKU_RETURN_IF_ERROR(flush());
  if (progress) progress(total, total);
  return absl::OkStatus();
}

}  // namespace polku::log
