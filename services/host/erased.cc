#include "services/host/erased.h"

#include <algorithm>
#include <map>

#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "services/host/epochs.h"

namespace polku::host {
namespace {

constexpr char kRecordPrefix = 'a';
const absl::CivilDay kEpochDay(1970, 1, 1);

constexpr std::string_view kCleanMarkKey = "m";

std::string RecordKey(LogNumber log, Position position) {
  std::string key(1, kRecordPrefix);
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
  AppendBigEndian64(key, position.value());
  return key;
}

std::optional<Applied> ParseApplied(std::string_view value) {
  Applied applied;
  ByteReader reader(value);
  uint8_t state = 0;
  std::string_view until;
  uint64_t count = 0;
  if (!reader.ReadU8(state) || !reader.ReadBytes(4, until) || !reader.ReadVarint(count)) {
    return std::nullopt;
  }
  if (state != static_cast<uint8_t>(Applied::State::kBegun) &&
      state != static_cast<uint8_t>(Applied::State::kDone)) {
    return std::nullopt;
  }
  applied.state = static_cast<Applied::State>(state);
  if (const uint32_t day = ReadBigEndian32(until.data()); day != 0) {
    applied.retained_until = kEpochDay + day;
  }
  for (; count > 0; --count) {
    std::string_view length, receiver;
    if (!reader.ReadBytes(4, length) ||
        !reader.ReadBytes(ReadBigEndian32(length.data()), receiver)) {
      return std::nullopt;
    }
    applied.receivers.emplace_back(receiver);
  }
  if (!reader.done()) return std::nullopt;
  return applied;
}

size_t CountOf(SectionSet set) {
  return static_cast<size_t>(std::count_if(kAllSectionKinds.begin(), kAllSectionKinds.end(),
                                           [&](SectionKind kind) { return set.has(kind); }));
}

}  // namespace

absl::StatusOr<ErasedEntry> ReadErased(LogNumber log, std::string_view origin, Position position,
                                       const event::v1::Header& header) {
  ErasedEntry entry{.log = log,
                    .origin = std::string(origin),
                    .of = {},
                    .position = position,
                    .recorded_on = FinnishDay(absl::FromUnixMicros(header.recorded_at_us())),
                    .erasure_id = {},
                    .fence = {},
                    .erased = {},
                    .parts = {}};
  const auto malformed = [&](std::string_view why) {
    return Error(absl::StatusCode::kDataLoss, "the Erased at ", position.value(), " of ", origin,
                 " is malformed (", why, "): nothing is erased by it; that log's operator must be told");
  };
  if (!entry.erased.ParseFromString(header.control())) return malformed("its bytes do not parse");
  const auto id = EventId::FromBytes(entry.erased.erasure_id());
  const auto fence = Hash::FromBytes(entry.erased.fence());
  if (!id || !fence) return malformed("an id is not of its length");
  entry.erasure_id = *id;
  entry.fence = *fence;
  auto named = log::ParseErased(header.control(), origin, position);
  if (!named.ok()) return malformed(ToStd(named.status().message()));
  entry.of = std::move(named->origin);
  entry.parts = std::move(named->parts);
  return entry;
}

absl::StatusOr<std::vector<ErasedEntry>> ErasedEntries(
    log::Engine& engine, const log::HeldLog& held,
    const std::function<void(const absl::Status&)>& malformed) {
  POLKU_ASSIGN_OR_RETURN(
      const auto controls,
      log::ControlEntries(engine, held.number, event::v1::Erased::descriptor()->full_name()));
  std::vector<ErasedEntry> entries;
  log::EntryFetcher fetcher(engine);
  for (const auto& control : controls) {
    POLKU_ASSIGN_OR_RETURN(const auto view,
                           fetcher.Fetch(held.number, control.position, /*with_blobs=*/false));
    auto entry = ReadErased(held.number, held.head.origin, control.position, *view.header);
    if (entry.ok()) {
      entries.push_back(*std::move(entry));
    } else if (malformed) {
      malformed(entry.status());
    }
  }
  return entries;
}

namespace {

// What an erasure takes of the case's entries in the own log and earlier epochs of it, ascending by log and position;
// also told are entries of which it takes nothing.
absl::Status ForEachOwnEntry(
    log::Engine& engine, const OriginName& own, const CaseId& case_id, event::v1::ErasureTier tier,
    const std::function<void(const log::CaseEntryRef&, const log::EntryView&, const log::ErasedPart&)>&
        visit) {
  POLKU_ASSIGN_OR_RETURN(const auto held, log::HeldLogs(engine));
  // Of earlier epochs: what Erased entries name already, by position.
  std::map<LogNumber, std::map<Position, SectionSet>> named;
  for (const auto& one : log::EarlierEpochs(held, own)) named[one.number];
  POLKU_ASSIGN_OR_RETURN(auto refs, log::CaseEntries(engine, case_id));
  for (auto& [log, sections] : named) {
    if (std::none_of(refs.begin(), refs.end(), [&, log = log](const auto& ref) {
          return ref.log == log;
        })) {
      continue;
    }
    POLKU_ASSIGN_OR_RETURN(const auto erasures, log::ErasuresOf(engine, log));
    for (const auto& erasure : erasures) {
      for (const auto& part : erasure.parts) {
        sections[part.position] = sections[part.position] | part.sections;
      }
    }
  }
  std::sort(refs.begin(), refs.end(), [](const auto& a, const auto& b) {
    return std::pair(a.log, a.position) < std::pair(b.log, b.position);
  });
  log::EntryFetcher fetcher(engine);
  for (const auto& ref : refs) {
    const auto earlier = named.find(ref.log);
    if (ref.log != kOwnLog && earlier == named.end()) continue;
    const auto fetched = fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/true);
    if (absl::IsNotFound(fetched.status())) continue;
    if (!fetched.ok()) return fetched.status();
    log::ErasedPart part{ref.position, SectionSet(), tier == event::v1::ERASURE_TIER_ENTRIES};
    if (ref.log == kOwnLog) {
      for (const auto& blob : fetched->blobs) part.sections.add(blob.kind);
    } else {
      // Its keystore may be lost, or an old copy's fence has kept them out: they are gone here, not at the receivers.
      const auto gone = earlier->second.find(ref.position);
      for (const auto& committed : fetched->header->commitments()) {
        const auto kind = static_cast<SectionKind>(committed.kind());
        if (gone == earlier->second.end() || !gone->second.has(kind)) part.sections.add(kind);
      }
    }
    visit(ref, *fetched, part);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ErasurePlan> PlanErasure(log::Engine& engine, const OriginName& own,
                                        const CaseId& case_id, event::v1::ErasureTier tier,
                                        const access::Policy& policy, absl::CivilDay today,
                                        std::optional<Order> before) {
  ErasurePlan plan;
  struct Entry {
    std::string type;
    absl::CivilDay recorded;
  };
  std::map<std::pair<LogNumber, Position>, Entry> entries;
  const auto give = [&](const std::string& receiver, const Entry& entry, SectionSet sections) {
    if (receiver == own.agency()) return;
    ErasurePlan::Receiver& got = plan.receivers[receiver];
    got.sections = got.sections | sections;
    for (const SectionKind kind : kAllSectionKinds) {
      if (!sections.has(kind)) continue;
      const auto kept = policy.KeptBy(receiver, entry.type, kind, entry.recorded);
      if (!kept || kept->until < today || (got.kept && got.kept->until >= kept->until)) continue;
      got.kept = kept;
    }
  };
  POLKU_RETURN_IF_ERROR(ForEachOwnEntry(
      engine, own, case_id, tier,
      [&](const log::CaseEntryRef& ref, const log::EntryView& view, const log::ErasedPart& part) {
        if (before && ref.order >= *before) return;
        const event::v1::Header& header = *view.header;
        const Entry entry{header.type(), FinnishDay(absl::FromUnixMicros(header.recorded_at_us()))};
        entries[{ref.log, ref.position}] = entry;
        for (const auto& disclosure : header.disclosures()) {
          give(disclosure.receiver(), entry, SectionsIn(disclosure.sections()));
        }
        // What a later disclosure opened stands before it in its log.
        for (const auto& opened : header.later().entries()) {
          const auto found = entries.find({ref.log, Position(opened.position())});
          if (found == entries.end()) continue;  // erased before
          give(header.later().receiver(), found->second, SectionsIn(opened.sections()));
        }
        if (part.sections.empty() && !part.leaf) return;
        plan.entries += part.leaf ? 1 : 0;
        plan.sections += CountOf(part.sections);
        plan.parts[ref.log].push_back(part);
      }));
  return plan;
}

absl::StatusOr<bool> SomethingToErase(log::Engine& engine, const OriginName& own,
                                      const CaseId& case_id, event::v1::ErasureTier tier) {
  bool found = false;
  POLKU_RETURN_IF_ERROR(ForEachOwnEntry(
      engine, own, case_id, tier,
      [&](const log::CaseEntryRef&, const log::EntryView&, const log::ErasedPart& part) {
        found = found || part.leaf || !part.sections.empty();
      }));
  return found;
}

log::KeyValue AppliedRecord(LogNumber log, Position position, const Applied& applied) {
  std::string value(1, static_cast<char>(applied.state));
  AppendBigEndian32(value, applied.retained_until
                               ? static_cast<uint32_t>(*applied.retained_until - kEpochDay)
                               : 0);
  AppendVarint(value, applied.receivers.size());
  for (const std::string& receiver : applied.receivers) AppendLengthPrefixed32(value, receiver);
  return {RecordKey(log, position), std::move(value)};
}

absl::StatusOr<std::optional<Applied>> FindApplied(log::Engine& engine, LogNumber log,
                                                   Position position) {
  POLKU_ASSIGN_OR_RETURN(const auto value, engine.RecordGet(RecordKey(log, position)));
  if (!value) return std::optional<Applied>();
  auto applied = ParseApplied(*value);
  if (!applied) {
    return Error(absl::StatusCode::kDataLoss, "the record of the erasure at ", position.value(),
                 " of log ", log.value(), " is malformed; restore the data directory from its newest backup");
  }
  return applied;
}

log::KeyValue CleanMark(const Hash& state) {
  return {std::string(kCleanMarkKey), std::string(state.view())};
}

absl::StatusOr<std::optional<Hash>> FindCleanMark(log::Engine& engine) {
  POLKU_ASSIGN_OR_RETURN(const auto value, engine.RecordGet(kCleanMarkKey));
  // What is no mark says nothing.
  return value ? Hash::FromBytes(*value) : std::optional<Hash>();
}

Hash StateOf(const std::set<FencedPart>& parts) {
  std::string text = "polku/fenced-parts/v1";
  text.push_back('\0');
  for (const auto& [fence, origin] : parts) {
    text += fence.view();
    AppendLengthPrefixed32(text, origin);
  }
  return Sha256(text);
}

absl::Status CopyApplied(log::Engine& from, LogNumber from_log, log::Engine& to, LogNumber to_log) {
  std::string prefix = RecordKey(from_log, Position());
  const size_t position_at = prefix.size() - 8;
  prefix.resize(position_at);
  std::vector<log::KeyValue> records;
  const auto cursor = from.RecordScan(prefix);
  for (;;) {
    POLKU_ASSIGN_OR_RETURN(const auto record, cursor->Next());
    if (!record) break;
    if (record->first.size() != position_at + 8) continue;
    const Position position(ReadBigEndian64(record->first.data() + position_at));
    records.emplace_back(RecordKey(to_log, position), record->second);
  }
  return records.empty() ? absl::OkStatus() : to.WriteRecords(records, /*sync=*/true);
}

absl::StatusOr<std::set<FencedPart>> FencedParts(log::Engine& engine, const OriginName& own,
                                                 const Fence& fence, absl::CivilDay today) {
  std::set<FencedPart> parts;
  if (fence.lines().empty()) return parts;
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(engine));
  // Of a large case's several Erased, one that has left something leaves the case readable.
  std::set<FencedPart> kept;
  for (const auto& [place, line] : fence.lines()) {
    const auto held = std::find_if(logs.begin(), logs.end(), [&, &place = place](const auto& one) {
      return one.head.origin == place.first;
    });
    if (!line.retained_until || held == logs.end()) continue;
    POLKU_ASSIGN_OR_RETURN(const auto applied, FindApplied(engine, held->number, place.second));
    if (applied && applied->retained_until && *applied->retained_until >= today) {
      kept.emplace(line.fence, Fence::OriginOf(place, line));
    }
  }
  for (const auto& [place, line] : fence.lines()) {
    const std::string& of = Fence::OriginOf(place, line);
    if (kept.contains({line.fence, of})) continue;
    parts.emplace(line.fence, of);
    if (EpochsOf(place.first) != EpochsOf(own.text())) continue;
    // What goes of the own log goes of all its epochs.
    parts.emplace(line.fence, own.text());
    for (const auto& earlier : log::EarlierEpochs(logs, own)) {
      parts.emplace(line.fence, earlier.head.origin);
    }
  }
  return parts;
}

}  // namespace polku::host
