#include "services/host/case_folds.h"

#include <algorithm>

#include "eventstore/base/status.h"
#include "eventstore/proof/merkle.h"
#include "services/core/codec.h"

namespace polku::host {

bool Concerns(const event::v1::Header& header, std::string_view origin, const OriginName& own) {
  if (EpochsOf(origin) == EpochsOf(own.text())) return true;
  return std::any_of(header.disclosures().begin(), header.disclosures().end(),
                     [&](const auto& disclosure) { return disclosure.receiver() == own.agency(); });
}

CaseFolds::CaseFolds(const service::Service& service, log::Engine& engine, Opener& opener,
                     const absl::flat_hash_map<uint64_t, std::string>& origins,
                     const OriginName& own, size_t capacity)
    : service_(service), engine_(engine), opener_(opener), origins_(origins),
      own_(own), capacity_(capacity) {}

absl::Status CaseFolds::Evolve(CaseFold& fold, const log::EntryView& entry,
                               const CaseId& case_id) {
  const std::string& origin = origins_.at(entry.log.value());
  const event::v1::Header& header = *entry.header;
  if (!Concerns(header, origin, own_)) return absl::OkStatus();
  const bool again =
      several_epochs_.Has(origin) &&
      !fold.taken.emplace(*EventId::FromBytes(header.event_id()), header.author_agency()).second;
  // A type this program does not know belongs to no service it runs; the history keeps it.
  if (const auto* type = again ? nullptr : service::FindEventType(header.type())) {
    POLKU_ASSIGN_OR_RETURN(const OpenedEvent opened, opener_.Open(entry, origin));
    auto parsed = service::ParseRecordedEvent(*type, opened.bytes);
    // What a peer sealed and committed need not be an event. Then it tells nothing of the case, and
    // must not keep everybody else's events from telling theirs; our own log is held to more.
    if (!parsed.ok() && entry.log == kOwnLog) {
      return Annotate(parsed.status(), Str("entry ", entry.position.value(), " of ", origin));
    }
    const std::unique_ptr<google::protobuf::Message> body =
        parsed.ok() ? *std::move(parsed) : service::EmptyEvent(*type);
    service_.Evolve(*fold.state,
                    service::Fact{.id = *EventId::FromBytes(header.event_id()),
                                  .case_id = case_id,
                                  .origin = origin,
                                  .position = entry.position,
                                  .order = Order(header.order()),
                                  .recorded_at = absl::FromUnixMicros(header.recorded_at_us()),
                                  .author_agency = header.author_agency(),
                                  .author_official = header.author_official(),
                                  .body = *body});
  }
  fold.last = {Order(header.order()), origin, entry.position};
  if (entry.log == kOwnLog) {
    for (const auto& cause : header.causes()) {
      fold.told[cause.origin()] = Position(cause.position());
    }
  } else {
    fold.newest[origin] = {entry.position, proof::LeafHash(entry.leaf), Order(header.order())};
  }
  return absl::OkStatus();
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
  slot->fold.state = service_.NewState(case_id);
  POLKU_ASSIGN_OR_RETURN(auto entries, log::CaseEntries(engine_, case_id));
  const auto key = [this](const log::CaseEntryRef& entry) {
    return std::tuple(entry.order, std::string_view(origins_.at(entry.log.value())),
                      entry.position);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const auto& a, const auto& b) { return key(a) < key(b); });
  log::EntryFetcher fetcher(engine_);
  for (const auto& entry : entries) {
    if (entry.order > horizon) {
      ahead(entry.order);
      continue;
    }
    POLKU_ASSIGN_OR_RETURN(const log::EntryView view,
                           fetcher.Fetch(entry.log, entry.position, /*with_blobs=*/true));
    POLKU_RETURN_IF_ERROR(Evolve(slot->fold, view, case_id));
  }
  recency_.push_front(case_id);
  slot->used = recency_.begin();
  return &slots_.emplace(case_id, std::move(slot)).first->second->fold;
}

absl::Status CaseFolds::Take(const log::EntryView& entry, const CaseId& case_id, Order horizon) {
  FollowOrigins();
  auto it = slots_.find(case_id);
  if (it == slots_.end()) return absl::OkStatus();
  CaseFold& fold = it->second->fold;
  const Order order(entry.header->order());
  const MergeKey key{order, origins_.at(entry.log.value()), entry.position};
  if (order > horizon || key < fold.last) {
    Forget(case_id);
    return absl::OkStatus();
  }
  return Evolve(fold, entry, case_id);
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
