#include "services/host/case_folds.h"

#include <algorithm>

#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/proof/merkle.h"
#include "google/protobuf/empty.pb.h"
#include "services/core/codec.h"

namespace polku::host {

bool IsAccessEvent(const google::protobuf::Descriptor& type) {
  return type.file() == access::v1::PartyAdded::descriptor()->file();
}

bool Concerns(const event::v1::Header& header, std::string_view origin, const OriginName& own) {
  if (EpochsOf(origin) == EpochsOf(own.text())) return true;
  return std::any_of(header.disclosures().begin(), header.disclosures().end(),
                     [&](const auto& disclosure) { return disclosure.receiver() == own.agency(); });
}

CaseFolds::CaseFolds(const service::Service& service, const access::Policy& policy,
                     log::Engine& engine, Opener& opener,
                     const absl::flat_hash_map<uint64_t, std::string>& origins,
                     const OriginName& own, size_t capacity)
    : service_(service), policy_(policy), engine_(engine), opener_(opener), origins_(origins),
      own_(own), capacity_(capacity) {}

void CaseFolds::Evolve(CaseFold& fold, const service::Fact& fact, bool replaced) const {
  fold.access.Evolve(fact, policy_, own_.text());
  if (replaced) return;
  const auto& type = *fact.body.GetDescriptor();
  // A type this program does not know belongs to no service it runs; the history keeps it.
  const bool known = &type != google::protobuf::Empty::descriptor();
  if (known && EpochsOf(fact.origin) != EpochsOf(own_.text()) &&
      (!fold.access.TakesTheWordOf(AgencyOfName(fact.origin)) ||
       !policy_.Counts(fact.origin, fact.author_agency, type.full_name(),
                       FinnishDay(fact.recorded_at)))) {
    return;
  }
  fold.retention.Add(type.full_name(), &fact.body, fact.recorded_at, !fact.corrects.is_zero());
  if (IsAccessEvent(type) || !known) return;
  if (fold.state == nullptr) fold.state = service_.NewState(fact.case_id);
  service_.Evolve(*fold.state, fact);
}

absl::Status CaseFolds::EvolveEntry(CaseFold& fold, const log::EntryView& entry,
                                    const CaseId& case_id, const Replaced& replaced) {
  const std::string& origin = origins_.at(entry.log.value());
  const event::v1::Header& header = *entry.header;
  const bool again =
      several_epochs_.Has(origin) &&
      !fold.taken.emplace(*EventId::FromBytes(header.event_id()), header.author_agency()).second;
  if (!again) {
    const auto* type = service::FindEventType(header.type());
    std::unique_ptr<google::protobuf::Message> body;
    if (type == nullptr) {
      body = std::make_unique<google::protobuf::Empty>();
    } else if (type == access::v1::AccessRecorded::descriptor()) {
      // There is one for every read, and nothing is decided on what it says.
      body = service::EmptyEvent(*type);
    } else {
      POLKU_ASSIGN_OR_RETURN(const OpenedEvent opened, opener_.Open(entry, origin));
      auto parsed = service::ParseRecordedEvent(*type, opened.bytes);
      // What a peer sealed and committed need not be an event. Then it tells nothing of the case, and
      // must not keep everybody else's events from telling theirs; our own log is held to more.
      if (!parsed.ok() && entry.log == kOwnLog) {
        return Annotate(parsed.status(), Str("entry ", entry.position.value(), " of ", origin));
      }
      body = parsed.ok() ? *std::move(parsed) : service::EmptyEvent(*type);
    }
    Evolve(fold,
           service::Fact{.id = *EventId::FromBytes(header.event_id()),
                         .case_id = case_id,
                         .origin = origin,
                         .position = entry.position,
                         .order = Order(header.order()),
                         .recorded_at = absl::FromUnixMicros(header.recorded_at_us()),
                         .author_agency = header.author_agency(),
                         .author_official = header.author_official(),
                         .body = *body,
                         .corrects = EventId::FromBytes(header.corrects()).value_or(EventId())},
           replaced.Has(header, origin));
  }
  fold.last = {Order(header.order()), origin, entry.position};
  if (entry.log == kOwnLog) {
    fold.in_own_log = true;
    for (const auto& cause : header.causes()) {
      fold.told[cause.origin()] = Position(cause.position());
    }
  } else {
    fold.newest[origin] = {entry.position, proof::LeafHash(entry.leaf), Order(header.order())};
  }
  return absl::OkStatus();
}

absl::StatusOr<std::set<Position>> CaseFolds::OpenedLater(
    const std::vector<log::CaseEntryRef>& entries, LogNumber log) {
  std::set<Position> opened;
  log::EntryFetcher fetcher(engine_);
  for (const auto& entry : entries) {
    if (entry.log != log) continue;
    POLKU_ASSIGN_OR_RETURN(const log::EntryView view,
                           fetcher.Fetch(entry.log, entry.position, /*with_blobs=*/false));
    if (view.header->later().receiver() != own_.agency()) continue;
    for (const auto& one : view.header->later().entries()) {
      const Position position(one.position());
      POLKU_ASSIGN_OR_RETURN(const auto wanted,
                             engine_.IndexGet(log::WantedIndexKey(log, position)));
      if (!wanted) opened.insert(position);
    }
  }
  return opened;
}

void CaseFolds::FollowOrigins() {
  if (origins_.size() == known_origins_) return;
  known_origins_ = origins_.size();
  several_epochs_ = SeveralEpochs();
  for (const auto& [number, origin] : origins_) several_epochs_.Add(origin);
  ForgetAll();
}

absl::StatusOr<CaseFold*> CaseFolds::Get(const CaseId& case_id, Order horizon,
                                         const std::function<void(Order)>& ahead) {
  FollowOrigins();
  if (auto it = slots_.find(case_id); it != slots_.end()) {
    recency_.splice(recency_.begin(), recency_, it->second->used);
    return &it->second->fold;
  }
  auto slot = std::make_unique<Slot>();
  POLKU_RETURN_IF_ERROR(FoldCase(slot->fold, case_id, horizon, {}, ahead));
  recency_.push_front(case_id);
  slot->used = recency_.begin();
  return &slots_.emplace(case_id, std::move(slot)).first->second->fold;
}

absl::StatusOr<std::unique_ptr<service::CaseState>> CaseFolds::StateWithout(
    const CaseId& case_id, const EventId& corrected, Order horizon) {
  POLKU_ASSIGN_OR_RETURN(const auto entries, log::CaseEntries(engine_, case_id));
  Replaced replaced;
  log::EntryFetcher fetcher(engine_);
  for (const auto& entry : entries) {
    const std::string& origin = origins_.at(entry.log.value());
    if (EpochsOf(origin) != EpochsOf(own_.text())) continue;
    POLKU_ASSIGN_OR_RETURN(const log::EntryView view,
                           fetcher.Fetch(entry.log, entry.position, /*with_blobs=*/false));
    if (view.header->event_id() != corrected.view()) continue;
    replaced.Add(origin, corrected, view.header->type());
  }
  CaseFold fold;
  POLKU_RETURN_IF_ERROR(FoldCase(fold, case_id, horizon, std::move(replaced), [](Order) {}));
  if (fold.state == nullptr) fold.state = service_.NewState(case_id);
  return std::move(fold.state);
}

absl::Status CaseFolds::FoldCase(CaseFold& fold, const CaseId& case_id, Order horizon,
                                 Replaced replaced, const std::function<void(Order)>& ahead) {
  POLKU_ASSIGN_OR_RETURN(auto entries, log::CaseEntries(engine_, case_id));
  const auto key = [this](const log::CaseEntryRef& entry) {
    return std::tuple(entry.order, std::string_view(origins_.at(entry.log.value())),
                      entry.position);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const auto& a, const auto& b) { return key(a) < key(b); });
  std::map<LogNumber, std::set<Position>> opened_later;  // of the logs that it was needed of
  log::EntryFetcher fetcher(engine_);
  // A correction comes after what it corrects, and is rare: where there is one, the case is folded a second time.
  Replaced noted;
  for (const auto& entry : entries) {
    if (entry.order > horizon) {
      ahead(entry.order);
      continue;
    }
    POLKU_ASSIGN_OR_RETURN(const log::EntryView view,
                           fetcher.Fetch(entry.log, entry.position, /*with_blobs=*/true));
    if (!Concerns(*view.header, origins_.at(entry.log.value()), own_)) {
      auto opened = opened_later.find(entry.log);
      if (opened == opened_later.end()) {
        POLKU_ASSIGN_OR_RETURN(auto found, OpenedLater(entries, entry.log));
        opened = opened_later.emplace(entry.log, std::move(found)).first;
      }
      if (!opened->second.contains(entry.position)) continue;
    }
    noted.Note(*view.header, origins_.at(entry.log.value()));
    POLKU_RETURN_IF_ERROR(EvolveEntry(fold, view, case_id, replaced));
  }
  const size_t known = replaced.size();
  replaced.Merge(std::move(noted));
  if (replaced.size() == known) return absl::OkStatus();
  fold = CaseFold();
  return FoldCase(fold, case_id, horizon, std::move(replaced), [](Order) {});
}

absl::Status CaseFolds::Take(const log::EntryView& entry, const CaseId& case_id, Order horizon) {
  FollowOrigins();
  auto it = slots_.find(case_id);
  if (it == slots_.end()) return absl::OkStatus();
  CaseFold& fold = it->second->fold;
  const Order order(entry.header->order());
  const MergeKey key{order, origins_.at(entry.log.value()), entry.position};
  Replaced replaced;
  replaced.Note(*entry.header, origins_.at(entry.log.value()));
  if (order > horizon || key < fold.last || !replaced.empty()) {
    Forget(case_id);
    return absl::OkStatus();
  }
  return EvolveEntry(fold, entry, case_id, replaced);
}

void CaseFolds::Forget(const CaseId& case_id) {
  auto it = slots_.find(case_id);
  if (it == slots_.end()) return;
  recency_.erase(it->second->used);
  slots_.erase(it);
}

void CaseFolds::ForgetAll() {
  slots_.clear();
  recency_.clear();
}

void CaseFolds::Trim() {
  while (slots_.size() > capacity_) {
    slots_.erase(recency_.back());
    recency_.pop_back();
  }
}

}  // namespace polku::host
