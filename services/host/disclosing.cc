#include "services/host/disclosing.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/reader.h"
#include "services/core/message_cast.h"
#include "services/host/epochs.h"

namespace polku::host {
namespace {

// Of the opened entries in one header. With the most receivers and causes there is room for the rest of a leaf.
constexpr size_t kMaxOpenedBytes = 32 << 10;
// Of one of them at most: two tags and lengths, the position, five kinds.
constexpr size_t kOpenedEntryBytes = 2 + 11 + 2 + kAllSectionKinds.size();
constexpr size_t kMaxOpenedAtOnce =
    std::min(log::kMaxOpenedEntries, kMaxOpenedBytes / kOpenedEntryBytes);

// Of what was given at first and later.
void Give(Receivers& receivers, std::string_view receiver, SectionSet sections) {
  const auto [it, added] = receivers.try_emplace(std::string(receiver), sections);
  if (!added) it->second = it->second | sections;
}

const event::v1::OpenedEntry* FindOpened(const event::v1::LaterDisclosure& later,
                                         Position position) {
  const auto found = std::lower_bound(
      later.entries().begin(), later.entries().end(), position.value(),
      [](const auto& entry, uint64_t value) { return entry.position() < value; });
  return found != later.entries().end() && found->position() == position.value() ? &*found
                                                                                 : nullptr;
}

}  // namespace

Disclosing::Disclosing(const access::Policy& policy, log::Engine& engine,
                       const absl::flat_hash_map<uint64_t, std::string>& origins,
                       const OriginName& own)
    : policy_(policy), engine_(engine), origins_(origins), own_origin_(own.text()),
      own_agency_(own.agency()) {}

std::vector<log::DisclosureTarget> Disclosing::AsTargets(const Receivers& receivers,
                                                         SectionSet present) const {
  std::vector<log::DisclosureTarget> targets;
  targets.reserve(receivers.size());
  for (const auto& [receiver, sections] : receivers) {
    targets.push_back({receiver, sections & present, agreement_});
  }
  return targets;
}

std::vector<log::DisclosureTarget> Disclosing::Targets(const log::NewEntry& entry,
                                                       const google::protobuf::Message& body,
                                                       SectionSet present,
                                                       const access::CaseAccess& access,
                                                       const Receivers& reach,
                                                       absl::CivilDay day) const {
  const auto grants = [&](const access::Parties& parties) {
    return policy_.Grants(entry.author_agency, own_agency_, entry.type, parties, day);
  };
  std::vector<access::Grant> granted;
  if (access::BelongsInAccessStream(entry.type)) {
    granted = grants({});
  } else if (const auto* added = service::As<access::v1::PartyAdded>(body)) {
    access::Parties parties = access.parties();
    parties.insert(added->agency());
    granted = grants(parties);
  } else if (access.known()) {
    granted = grants(access.parties());
  } else {
    granted = grants({entry.author_agency});  // whose case it begins
  }
  if (reach.empty()) {
    std::vector<log::DisclosureTarget> targets;
    targets.reserve(granted.size());
    for (auto& grant : granted) {
      targets.push_back({std::move(grant.receiver), grant.sections & present, agreement_});
    }
    return targets;
  }
  Receivers receivers = reach;
  for (const auto& grant : granted) Give(receivers, grant.receiver, grant.sections);
  return AsTargets(receivers, present);
}

std::vector<log::DisclosureTarget> Disclosing::TargetsOfDisclosed(std::string_view receiver,
                                                                  const access::CaseAccess& access,
                                                                  absl::CivilDay day) const {
  Receivers receivers;
  for (const auto& grant :
       policy_.Grants(own_agency_, own_agency_,
                      access::v1::Disclosed::descriptor()->full_name(), access.parties(), day)) {
    Give(receivers, grant.receiver, grant.sections);
  }
  Give(receivers, receiver, OnlySection(SectionKind::kService));
  Give(receivers, own_agency_, OnlySection(SectionKind::kService));
  return AsTargets(receivers, OnlySection(SectionKind::kService));
}

absl::StatusOr<std::optional<Disclosing::Recorded>> Disclosing::Find(const CaseId& case_id,
                                                                     std::string_view origin,
                                                                     const EventId& event) const {
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(engine_, case_id));
  log::EntryFetcher fetcher(engine_);
  std::optional<Recorded> found;
  LogNumber found_log;
  Position found_position;
  for (const auto& ref : refs) {
    const bool here = found ? ref.log == found_log
                            : origin.empty() ||
                                  EpochsOf(origins_.at(ref.log.value())) == EpochsOf(origin);
    if (!here) continue;
    POLKU_ASSIGN_OR_RETURN(const log::EntryView entry,
                           fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/false));
    const event::v1::Header& header = *entry.header;
    if (!found && header.event_id() == event.view()) {
      found = Recorded{header.author_agency(), header.type(), {}};
      found_log = ref.log;
      found_position = ref.position;
      for (const auto& disclosure : header.disclosures()) {
        Give(found->receivers, disclosure.receiver(), SectionsIn(disclosure.sections()));
      }
    } else if (found && header.has_later()) {
      if (const auto* opened = FindOpened(header.later(), found_position)) {
        Give(found->receivers, header.later().receiver(), SectionsIn(opened->sections()));
      }
    }
  }
  return found;
}

absl::StatusOr<std::map<std::string, Disclosing::Pieces, std::less<>>> Disclosing::ToOpen(
    const CaseId& case_id, const NewParties& parties, absl::CivilDay day) const {
  struct Item {
    Position position;
    SectionSet opens;
    std::optional<SectionSet> given;
  };
  std::map<std::string_view, std::vector<Item>> items;  // ascending; what the agreement opens
  Order last;
  access::Parties names;
  for (const auto& [agency, before] : parties) {
    names.insert(agency);
    last = std::max(last, before);
  }
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(engine_, case_id));
  const bool some = std::any_of(refs.begin(), refs.end(), [&](const auto& ref) {
    return ref.log == kOwnLog && ref.order < last;
  });
  if (!some) return std::map<std::string, Pieces, std::less<>>();
  log::EntryFetcher fetcher(engine_);
  for (const auto& ref : refs) {
    if (ref.log != kOwnLog) continue;
    POLKU_ASSIGN_OR_RETURN(const log::EntryView entry,
                           fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/false));
    const event::v1::Header& header = *entry.header;
    if (const auto opened = items.find(header.later().receiver()); opened != items.end()) {
      for (Item& item : opened->second) {
        if (const auto* one = FindOpened(header.later(), item.position)) {
          item.given = item.given.value_or(SectionSet()) | SectionsIn(one->sections());
        }
      }
    }
    if (last <= ref.order) continue;
    const auto grants = [&](absl::CivilDay on) {
      return policy_.Grants(header.author_agency(), own_agency_, header.type(), names, on);
    };
    const auto then = grants(FinnishDay(absl::FromUnixMicros(header.recorded_at_us())));
    if (then.empty()) continue;
    const auto now = grants(day);
    SectionSet present;
    for (const auto& commitment : header.commitments()) {
      present.add(static_cast<SectionKind>(commitment.kind()));
    }
    auto still = now.begin();
    for (const auto& grant : then) {
      while (still != now.end() && still->receiver < grant.receiver) ++still;
      if (still == now.end()) break;
      const auto party = parties.find(grant.receiver);
      if (still->receiver != grant.receiver || party == parties.end() ||
          party->second <= ref.order) {
        continue;
      }
      Item item{ref.position, grant.sections & still->sections & present, std::nullopt};
      for (const auto& disclosure : header.disclosures()) {
        if (disclosure.receiver() == grant.receiver) item.given = SectionsIn(disclosure.sections());
      }
      items[party->first].push_back(item);
    }
  }

  std::map<std::string, Pieces, std::less<>> opens;
  for (const auto& [receiver, all] : items) {
    Pieces pieces;
    for (const Item& item : all) {
      const SectionSet sections = item.opens - item.given.value_or(SectionSet());
      if (item.given && sections.empty()) continue;
      if (pieces.empty() || pieces.back().entries.size() == kMaxOpenedAtOnce) {
        pieces.push_back({std::string(receiver), agreement_, {}});
      }
      pieces.back().entries.push_back({item.position, sections});
    }
    if (!pieces.empty()) opens.emplace(receiver, std::move(pieces));
  }
  return opens;
}

}  // namespace polku::host
