#include "eventstore/replica/lookups.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/reader.h"

namespace polku::replica {

const event::v1::Disclosure* DisclosureTo(std::string_view receiver,
                                          const event::v1::Header& header) {
  for (const auto& disclosure : header.disclosures()) {
    if (disclosure.receiver() == receiver) return &disclosure;
  }
  return nullptr;
}

absl::StatusOr<OpenedPositions> OpenedLater(log::Engine& engine, LogNumber log,
                                            const CaseId& case_id, std::string_view receiver) {
  OpenedPositions opened;
  POLKU_ASSIGN_OR_RETURN(const std::vector<log::CaseEntryRef> entries,
                         log::CaseEntries(engine, case_id));
  log::EntryFetcher fetcher(engine);
  for (const log::CaseEntryRef& ref : entries) {
    if (ref.log != log) continue;
    POLKU_ASSIGN_OR_RETURN(const log::EntryView entry,
                           fetcher.Fetch(log, ref.position, /*with_blobs=*/false));
    const event::v1::LaterDisclosure& later = entry.header->later();
    if (later.receiver() != receiver) continue;
    for (const auto& one : later.entries()) {
      if (one.position() >= ref.position.value()) continue;
      SectionSet& sections = opened[Position(one.position())];
      sections = sections | SectionsIn(one.sections());
    }
  }
  return opened;
}

std::optional<SectionSet> OpenedTo(std::string_view receiver, const event::v1::Header& header,
                                   Position position, const OpenedPositions& later) {
  std::optional<SectionSet> opened;
  if (const event::v1::Disclosure* disclosure = DisclosureTo(receiver, header)) {
    opened = SectionsIn(disclosure->sections());
  }
  if (const auto it = later.find(position); it != later.end()) {
    opened = opened.value_or(SectionSet()) | it->second;
  }
  return opened;
}

absl::Status ParseErased(const event::v1::Header& header, std::string_view origin, Position position,
                         event::v1::Erased& erased) {
  const auto bad = [](std::string_view what) {
    return Error(absl::StatusCode::kInvalidArgument, "Erased: ", what);
  };
  if (!erased.ParseFromString(header.control())) return bad("malformed");
  if (static_cast<size_t>(erased.entries_size()) > log::kMaxErasedEntries) {
    return bad(Str("names more than ", log::kMaxErasedEntries, " entries"));
  }
  if (!erased.origin().empty() && !IsEarlierEpoch(erased.origin(), origin)) {
    return bad("it names a log that is no earlier epoch of its own");
  }
  std::optional<uint64_t> last;
  for (const event::v1::ErasedEntry& entry : erased.entries()) {
    if (last && entry.position() <= *last) return bad("its positions do not ascend");
    last = entry.position();
    if (entry.position() == 0) return bad("it names the Genesis");
  }
  if (erased.origin().empty() && last && *last >= position.value()) {
    return bad("it names entries that are not before it");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Position>> ErasedLeaves(log::Engine& engine, LogNumber log,
                                                   Position after, Position before) {
  POLKU_ASSIGN_OR_RETURN(const std::vector<log::ErasedBy> erasures, log::ErasuresOf(engine, log));
  std::set<Position> leaves;
  for (const log::ErasedBy& erasure : erasures) {
    for (const log::ErasedPart& part : erasure.parts) {
      if (part.leaf && part.position > after && part.position < before) leaves.insert(part.position);
    }
  }
  return std::vector<Position>(leaves.begin(), leaves.end());
}

absl::StatusOr<std::optional<Position>> NewestNumbered(log::Engine& engine, LogNumber log,
                                                       std::string_view receiver, Position size) {
  event::v1::Header header;
  uint64_t end = size.value();
  while (end > 0) {
    POLKU_ASSIGN_OR_RETURN(const log::StoredGroup stored,
                           engine.ReadGroup(log, Position(end - 1), /*with_blobs=*/false));
    POLKU_ASSIGN_OR_RETURN(const log::GroupView group, log::GroupView::Parse(stored.entries, ""));
    for (auto item = group.items().rbegin(); item != group.items().rend(); ++item) {
      const Position position(stored.first.value() + item->offset);
      if (item->leaf.empty() || position.value() >= end ||
          memmem(item->leaf.data(), item->leaf.size(), receiver.data(), receiver.size()) ==
              nullptr) {
        continue;
      }
      POLKU_RETURN_IF_ERROR(log::ParseHeader(item->leaf, header));
      if (DisclosureTo(receiver, header) != nullptr) return std::optional(position);
    }
    end = stored.first.value();
  }
  return std::optional<Position>();
}

StoredLookups LookupsIn(log::Engine& engine, std::function<LogNumber()> log,
                        std::string receiver) {
  return {
      .held = [&engine, log](Position position) { return polku::log::FindHeld(engine, log(), position); },
      .opened =
          [&engine, log, receiver](const CaseId& case_id) {
            return OpenedLater(engine, log(), case_id, receiver);
          },
      .erased =
          [&engine, log](Position after, Position before) {
            return ErasedLeaves(engine, log(), after, before);
          },
      .newest_numbered =
          [&engine, log, receiver](Position size) {
            return NewestNumbered(engine, log(), receiver, size);
          },
  };
}

}  // namespace polku::replica
