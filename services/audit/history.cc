#include "services/audit/history.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/message_cast.h"
#include "services/host/epochs.h"
#include "services/host/erased.h"

namespace polku::audit {
namespace {

std::string Place(std::string_view origin, Position position) {
  return Str("entry ", position.value(), " of ", origin);
}

bool Passes(const Filter& filter, const event::v1::Header& header) {
  const absl::Time recorded = absl::FromUnixMicros(header.recorded_at_us());
  return (!filter.from_time || recorded >= *filter.from_time) &&
         (!filter.until_time || recorded < *filter.until_time) &&
         (!filter.as_of || recorded < *filter.as_of) &&
         (filter.type.empty() || TypeMatches(filter.type, header.type()));
}

bool InRange(const Filter& filter, Position position) {
  return (!filter.from_position || position >= *filter.from_position) &&
         (!filter.until_position || position < *filter.until_position);
}

// The sections that the agency has of an entry; nullopt: it had not received it.
std::optional<SectionSet> SectionsKnown(const KnownTo& known, LogNumber log, Position position,
                                        const event::v1::Header& header) {
  const auto part = std::find_if(known.logs.begin(), known.logs.end(),
                                 [&](const KnownTo::Log& l) { return l.log == log; });
  if (part == known.logs.end() || position >= part->until) return std::nullopt;
  if (part->own) {
    if (absl::FromUnixMicros(header.recorded_at_us()) > known.at) return std::nullopt;
    return AllSections();
  }
  if (header.case_id().empty()) return AllSections();  // control entries go to every replica
  for (const auto& disclosure : header.disclosures()) {
    if (disclosure.receiver() != known.agency) continue;
    return SectionsIn(disclosure.sections());
  }
  return std::nullopt;
}

// One log under way: the reader and the entry it stands at.
struct Source {
  const log::HeldLog* held;
  std::unique_ptr<log::EntryReader> reader;
  std::optional<log::EntryView> entry;

  auto Key() const {
    return std::tuple(entry->header->order(), std::string_view(held->head.origin), entry->position);
  }
};

}  // namespace

bool TypeMatches(std::string_view pattern, std::string_view type) {
  if (!pattern.empty() && pattern.back() == '*') {
    pattern.remove_suffix(1);
    return type.substr(0, pattern.size()) == pattern;
  }
  if (pattern.find('.') != std::string_view::npos) return type == pattern;
  const size_t dot = type.rfind('.');
  return type.substr(dot == std::string_view::npos ? 0 : dot + 1) == pattern;
}

absl::Time StartOfDay(absl::CivilDay day) {
  // Finland is UTC+2 or UTC+3; asking FinnishDay keeps one definition of the Finnish day.
  const absl::Time midnight = absl::FromCivil(absl::CivilSecond(day), absl::UTCTimeZone());
  for (int hours : {3, 2}) {
    const absl::Time start = midnight - absl::Hours(hours);
    if (FinnishDay(start) == day) return start;
  }
  return midnight - absl::Hours(2);
}

std::optional<absl::CivilDay> ValidDay(const google::protobuf::Message& event) {
  const auto ends_with = [](std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
  };
  const auto& type = *event.GetDescriptor();
  // What tells of days gone by was not true before the last of them was over.
  std::string last;
  if (const auto* notice = service::As<attendance::v1::AbsenceNoticeSent>(event)) {
    last = notice->covers_until();
  } else if (const auto* proposed = service::As<compensation::v1::PaymentProposed>(event)) {
    last = proposed->covers_until();
  } else if (const auto* claimed = service::As<compensation::v1::TravelClaimed>(event)) {
    last = claimed->travelled_until();
  } else if (const auto* granted = service::As<compensation::v1::TravelGranted>(event);
             granted != nullptr && !granted->claim_id().empty()) {
    last = granted->covers_until();
  }
  if (const auto day = ParseDay(last)) return day;
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    // When something is due is not when it happened.
    if (field.type() != google::protobuf::FieldDescriptor::TYPE_STRING || field.is_repeated() ||
        field.name() == "due_on") {
      continue;
    }
    if (field.name() != "date" && !ends_with(field.name(), "_on") &&
        !ends_with(field.name(), "_from")) {
      continue;
    }
    if (const auto day = ParseDay(event.GetReflection()->GetString(event, &field))) return day;
  }
  return std::nullopt;
}

absl::Status NothingHeld(const CaseId& case_id) {
  return Error(absl::StatusCode::kNotFound, "nothing of case ", FormatCaseId(case_id),
               " is held here; check the id, and whether this agency is a party to the case");
}

absl::Status History::VisitEntry(const log::EntryView& entry, std::string_view origin,
                                 const Filter& filter, const Knowledge* knowledge,
                                 const Visit& visit) {
  SectionSet sections = AllSections();
  if (filter.known_to != nullptr) {
    auto known = SectionsKnown(*filter.known_to, entry.log, entry.position, *entry.header);
    if (const auto later = opened_later_.find({entry.log, entry.position});
        later != opened_later_.end()) {
      known = known.value_or(SectionSet()) | later->second;
    }
    if (!known) return absl::OkStatus();
    sections = *known;
  }
  const auto id = EventId::FromBytes(entry.header->event_id());
  const auto case_id = CaseId::FromBytes(entry.header->case_id());
  Event event{.log = entry.log,
              .origin = origin,
              .position = entry.position,
              .header = *entry.header,
              .id = id.value_or(EventId()),
              .case_id = case_id.value_or(CaseId()),
              .opened = {},
              .sealed = {},
              .erased = {},
              .body = nullptr,
              .bytes = {},
              .knowledge = knowledge};
  if (filter.policy != nullptr && !event.control() &&
      host::EpochsOf(origin) != host::EpochsOf(store_.own_origin())) {
    event.counts = filter.policy->Counts(origin, entry.header->author_agency(), entry.header->type(),
                                         FinnishDay(event.recorded_at()));
  }
  if (replaced_.Has(*entry.header, origin)) event.counts = false;
  host::OpenedEvent opened;
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> body = nullptr;
  if (event.control()) {
    event.bytes = entry.header->control();
    body = decoder_.DecodeControl(*entry.header);
  } else {
    POLKU_ASSIGN_OR_RETURN(opened, store_.opener().Open(entry, origin, sections));
    event.opened = opened.opened;
    event.sealed = opened.sealed;
    if (!event.sealed.empty()) {
      POLKU_ASSIGN_OR_RETURN(const ErasureNote* const gone, ErasureOf(entry.log, entry.position));
      if (gone != nullptr && !(gone->sections & event.sealed).empty()) {
        event.erasure = gone;
        event.erased = gone->sections & event.sealed;
        event.sealed = event.sealed - event.erased;
      }
    }
    event.bytes = opened.bytes;
    body = decoder_.Decode(entry.log, *entry.header, opened.bytes);
  }
  if (!body.ok()) return Annotate(body.status(), Place(origin, entry.position));
  event.body = body->get();
  // Who somebody is, is so on every day.
  const bool timeless = event.header.type() == referral::v1::ClientIdentified::descriptor()->full_name();
  if (filter.valid_on && !timeless) {
    std::optional<absl::CivilDay> day;
    if (event.body != nullptr && !event.control()) day = ValidDay(*event.body);
    if (day.value_or(FinnishDay(event.recorded_at())) > *filter.valid_on) return absl::OkStatus();
  }
  return visit(event);
}

void History::NoteCorrection(const log::EntryView& entry, std::string_view origin,
                             const Filter& filter) {
  if (entry.header->corrects().empty() || !Passes(filter, *entry.header)) return;
  if (filter.known_to != nullptr && !opened_later_.contains({entry.log, entry.position}) &&
      !SectionsKnown(*filter.known_to, entry.log, entry.position, *entry.header)) {
    return;
  }
  replaced_.Note(*entry.header, origin);
}

absl::StatusOr<const ErasureNote*> History::ErasureOf(LogNumber log, Position position) {
  if (!erasures_) {
    std::map<std::pair<LogNumber, Position>, ErasureNote> found;
    for (const auto& held : store_.logs()) {
      POLKU_ASSIGN_OR_RETURN(const auto erased, host::ErasedEntries(store_.engine(), held));
      for (const host::ErasedEntry& entry : erased) {
        const log::HeldLog* const of = store_.FindLog(entry.of);
        if (of == nullptr) continue;
        for (const log::ErasedPart& part : entry.parts) {
          found[{of->number, part.position}] = {.on = entry.recorded_on,
                                                 .legal_basis = entry.erased.legal_basis(),
                                                 .sections = part.sections};
        }
      }
    }
    erasures_ = std::move(found);
  }
  const auto found = erasures_->find({log, position});
  return found == erasures_->end() ? nullptr : &found->second;
}

absl::Status History::Replay(const Filter& filter, const Visit& visit, Progress* progress) {
  if (!filter.origin.empty() && store_.FindLog(filter.origin) == nullptr) {
    return Error(absl::StatusCode::kNotFound, "no log of ", filter.origin,
                 " is held here; `polku summary` lists what is");
  }
  replaced_ = host::Replaced();
  for (const auto& held : store_.logs()) {
    if (filter.policy == nullptr || (!filter.origin.empty() && held.head.origin != filter.origin)) continue;
    POLKU_ASSIGN_OR_RETURN(const auto headers,
                           log::EntryReader::Make(store_.engine(), held.number, Position(0),
                                                  /*with_blobs=*/false));
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, headers->Next());
      if (!entry) break;
      NoteCorrection(*entry, held.head.origin, filter);
    }
  }
  std::vector<Source> sources;
  const auto advance = [&](Source& source) -> absl::Status {
    POLKU_ASSIGN_OR_RETURN(source.entry, source.reader->Next());
    if (source.entry && filter.until_position && source.entry->position >= *filter.until_position) {
      source.entry.reset();
    }
    return absl::OkStatus();
  };
  for (const auto& held : store_.logs()) {
    if (!filter.origin.empty() && held.head.origin != filter.origin) continue;
    Position from = filter.from_position.value_or(Position());
    if (progress != nullptr) from = std::max(from, (*progress)[held.number]);
    Source source{.held = &held, .reader = nullptr, .entry = std::nullopt};
    POLKU_ASSIGN_OR_RETURN(source.reader, log::EntryReader::Make(store_.engine(), held.number, from,
                                                                 /*with_blobs=*/true));
    POLKU_RETURN_IF_ERROR(advance(source));
    if (source.entry) sources.push_back(std::move(source));
  }
  while (!sources.empty()) {
    const auto next =
        std::min_element(sources.begin(), sources.end(),
                         [](const Source& a, const Source& b) { return a.Key() < b.Key(); });
    const Position position = next->entry->position;
    if (Passes(filter, *next->entry->header)) {
      POLKU_RETURN_IF_ERROR(VisitEntry(*next->entry, next->held->head.origin, filter,
                                       /*knowledge=*/nullptr, visit));
    }
    if (progress != nullptr) (*progress)[next->held->number] = position.next();
    POLKU_RETURN_IF_ERROR(advance(*next));
    if (!next->entry) sources.erase(next);
  }
  return absl::OkStatus();
}

absl::Status History::Timeline(const CaseId& case_id, const Filter& filter, const Visit& visit) {
  POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(store_.engine(), case_id));
  if (refs.empty()) {
    return NothingHeld(case_id);
  }
  struct Ordered {
    Order order;
    std::string_view origin;
    Position position;
    LogNumber log;
    auto operator<=>(const Ordered&) const = default;
  };
  std::vector<Ordered> ordered;
  for (const auto& ref : refs) {
    const log::HeldLog* held = store_.FindLog(ref.log);
    if (held == nullptr) {
      return Error(absl::StatusCode::kDataLoss, "the case index names log ", ref.log.value(),
                   ", which is not held; run `polku reindex`");
    }
    ordered.push_back({ref.order, held->head.origin, ref.position, ref.log});
  }
  std::sort(ordered.begin(), ordered.end());
  opened_later_.clear();
  for (size_t i = 0; filter.known_to != nullptr && i < ordered.size(); ++i) {
    log::EntryFetcher fetcher(store_.engine());
    const Ordered& place = ordered[i];
    const auto entry = fetcher.Fetch(place.log, place.position, /*with_blobs=*/false);
    if (!entry.ok()) continue;  // told below
    if (entry->header->later().receiver() != filter.known_to->agency ||
        !SectionsKnown(*filter.known_to, place.log, place.position, *entry->header)) {
      continue;
    }
    for (const auto& opened : entry->header->later().entries()) {
      SectionSet& sections = opened_later_[{place.log, Position(opened.position())}];
      sections = sections | SectionsIn(opened.sections());
    }
  }
  replaced_ = host::Replaced();
  for (size_t i = 0; filter.policy != nullptr && i < ordered.size(); ++i) {
    log::EntryFetcher fetcher(store_.engine());
    const auto entry = fetcher.Fetch(ordered[i].log, ordered[i].position, /*with_blobs=*/false);
    if (entry.ok()) NoteCorrection(*entry, ordered[i].origin, filter);  // else told below
  }
  // What a filter leaves out is still what others knew or did not know of. What was opened later is known with the
  // entry that opened it, which is disclosed like any other.
  KnowledgeFold knowledge;
  // One fetcher a log: neighbours in the merged order alternate between logs.
  std::map<LogNumber, log::EntryFetcher> fetchers;
  for (const Ordered& place : ordered) {
    auto& fetcher = fetchers.try_emplace(place.log, store_.engine()).first->second;
    auto entry = fetcher.Fetch(place.log, place.position, /*with_blobs=*/true);
    if (entry.status().code() == absl::StatusCode::kNotFound) {
      return Error(absl::StatusCode::kDataLoss, "the case index names ",
                   Place(place.origin, place.position), ", which is withheld; run `polku reindex`");
    }
    if (!entry.ok()) return Annotate(entry.status(), Place(place.origin, place.position));
    const Knowledge& known = knowledge.Add(place.origin, place.position, *entry->header);
    if (!filter.origin.empty() && place.origin != filter.origin) continue;
    if (!InRange(filter, place.position) || !Passes(filter, *entry->header)) continue;
    POLKU_RETURN_IF_ERROR(VisitEntry(*entry, place.origin, filter, &known, visit));
  }
  return absl::OkStatus();
}

}  // namespace polku::audit
