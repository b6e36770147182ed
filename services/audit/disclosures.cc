#include "services/audit/disclosures.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/audit/corrections.h"
#include "services/audit/history.h"
#include "services/core/message_cast.h"
#include "services/host/erased.h"

namespace polku::audit {
namespace {

using service::As;
using Way = Received::Way;

// The agreements that the logs recorded, each parsed once.
class Agreements {
 public:
  explicit Agreements(Store& store) : fetcher_(store.engine()) {}

  // Null: no AgreementChanged is held there.
  const access::Policy* At(LogNumber log, Position position) {
    const auto [found, is_new] = recorded_.try_emplace({log, position});
    if (is_new) found->second = Read(log, position);
    return found->second == nullptr ? nullptr : &found->second->policy;
  }

 private:
  struct Recorded {
    explicit Recorded(config::v1::Agreement parsed)
        : agreement(std::move(parsed)), policy(agreement) {}
    const config::v1::Agreement agreement;
    const access::Policy policy;
  };

  std::unique_ptr<Recorded> Read(LogNumber log, Position position) {
    const auto entry = fetcher_.Fetch(log, position, /*with_blobs=*/false);
    event::v1::AgreementChanged changed;
    config::v1::Agreement agreement;
    if (!entry.ok() || entry->header->type() != event::v1::AgreementChanged::descriptor()->full_name() ||
        !changed.ParseFromString(entry->header->control()) ||
        !agreement.ParseFromString(changed.agreement())) {
      return nullptr;
    }
    return std::make_unique<Recorded>(std::move(agreement));
  }

  log::EntryFetcher fetcher_;
  std::map<std::pair<LogNumber, Position>, std::unique_ptr<Recorded>> recorded_;
};

class Finder {
 public:
  Finder(Store& store, const CaseId& case_id, const config::v1::Agreement& agreement)
      : store_(store), history_(store), agreements_(store), policy_(agreement),
        corrections_(policy_, store.own_origin()) {
    found_.case_id = case_id;
    found_.held_by = std::string(AgencyOfName(store.own_origin()));
    for (const auto& held : store.logs()) found_.logs.push_back(held.head.origin);
  }

  absl::StatusOr<Disclosures> Find() {
    POLKU_ASSIGN_OR_RETURN(const bool has_case, Visit(found_.case_id, [this](const Event& event) {
                             return OfCase(event);
                           }));
    POLKU_ASSIGN_OR_RETURN(
        const bool has_stream,
        Visit(access::AccessStreamOf(found_.case_id), [this](const Event& event) {
          return OfStream(event);
        }));
    POLKU_RETURN_IF_ERROR(FindErasures());
    const bool headers_went =
        std::any_of(found_.erasures.begin(), found_.erasures.end(), [](const Erasure& erasure) {
          return erasure.tier == event::v1::ERASURE_TIER_ENTRIES;
        });
    for (PartySpan& span : found_.parties) {
      span.earlier_erased = headers_went && span.reason == access::v1::PARTY_REASON_UNSPECIFIED;
    }
    if (!has_case && !has_stream && found_.erasures.empty()) return NothingHeld(found_.case_id);
    POLKU_RETURN_IF_ERROR(Visit(access::AccessStreamOf(CaseId()), [this](const Event& event) {
                            return OfStream(event);
                          }).status());
    for (const OpenCorrection& open : corrections_.Open()) {
      for (Act& act : found_.corrections) {
        if (act.origin == open.origin && act.position == open.position) act.open = true;
      }
    }
    // A later disclosure stands where it was made, the entry that it opened may be older.
    const auto by_time = [](const Received& a, const Received& b) {
      return std::tie(a.disclosed_at, a.origin, a.position, a.receiver) <
             std::tie(b.disclosed_at, b.origin, b.position, b.receiver);
    };
    std::stable_sort(found_.received.begin(), found_.received.end(), by_time);
    std::stable_sort(found_.reads.begin(), found_.reads.end(),
                     [](const Read& a, const Read& b) { return a.at < b.at; });
    found_.reads_known.assign(reads_known_.begin(), reads_known_.end());
    return std::move(found_);
  }

 private:
  struct Entry {
    std::string type;
    std::string author;
    absl::CivilDay day;
  };

  // False: nothing is held of that stream.
  absl::StatusOr<bool> Visit(const CaseId& stream, const audit::Visit& visit) {
    const absl::Status status = history_.Timeline(stream, {}, visit);
    if (absl::IsNotFound(status)) return false;
    if (!status.ok()) return status;
    return true;
  }

  absl::Status OfCase(const Event& event) {
    const event::v1::Header& header = event.header;
    const std::string agency(AgencyOfName(event.origin));
    const Entry entry{header.type(), header.author_agency(), FinnishDay(event.recorded_at())};
    entries_[{event.log, event.position}] = entry;
    Holds(agency, event.recorded_at());
    if (header.author_agency() != agency) {
      SectionSet all;
      for (const auto& committed : header.commitments()) {
        all.add(static_cast<SectionKind>(committed.kind()));
      }
      Add(event, entry, event.position, agency, all, Way::kHost, "");
    }
    for (const auto& disclosure : header.disclosures()) {
      // Its other services, and its own words come back to it: nobody learns anything.
      if (disclosure.receiver() == agency || disclosure.receiver() == header.author_agency()) continue;
      AddShared(event, entry, event.position, disclosure.receiver(),
                SectionsIn(disclosure.sections()), Position(disclosure.agreement_position()),
                !header.corrects().empty() || SpeaksOfCorrection(entry.type));
    }
    if (header.has_later()) {
      for (const auto& opened : header.later().entries()) {
        const Position position(opened.position());
        const Position agreement(header.later().agreement_position());
        const SectionSet sections = SectionsIn(opened.sections());
        const auto found = entries_.find({event.log, position});
        if (found != entries_.end()) {
          AddShared(event, found->second, position, header.later().receiver(), sections, agreement,
                    SpeaksOfCorrection(found->second.type));
        } else {
          // Author and type choose the line, and they stand in the entry alone.
          Holds(header.later().receiver(), event.recorded_at());
          Add(event, Entry{"", "", entry.day}, position, header.later().receiver(), sections,
              Way::kNotHeld, "");
          found_.received.back().agreement = agreement;
        }
        found_.received.back().later = true;
      }
    }
    Parties(event);
    if (event.body != nullptr) Corrections(event);
    return absl::OkStatus();
  }

  void Parties(const Event& event) {
    const access::Parties before = corrections_.access().parties();
    corrections_.Add(event);
    const access::Parties& now = corrections_.access().parties();
    for (const std::string& agency : now) {
      if (before.contains(agency)) continue;
      const auto* added = As<access::v1::PartyAdded>(*event.body);
      found_.parties.push_back({.agency = agency,
                                .since = event.recorded_at(),
                                .reason = added != nullptr ? added->reason()
                                                           : access::v1::PARTY_REASON_UNSPECIFIED,
                                .until = std::nullopt});
    }
    for (PartySpan& span : found_.parties) {
      if (!span.until && !now.contains(span.agency)) span.until = event.recorded_at();
    }
  }

  void Corrections(const Event& event) {
    const auto* decided = As<access::v1::CorrectionDecided>(*event.body);
    const bool requested = As<access::v1::CorrectionRequested>(*event.body) != nullptr;
    const bool corrects = !event.header.corrects().empty();
    if (decided == nullptr && !requested && !corrects) return;
    Act act = ActOf(event);
    if (decided != nullptr) act.result = decided->result();
    act.corrects = corrects && decided == nullptr && !requested;
    found_.corrections.push_back(std::move(act));
  }

  absl::Status OfStream(const Event& event) {
    if (event.body == nullptr) return absl::OkStatus();
    const auto* read = As<access::v1::AccessRecorded>(*event.body);
    if (read == nullptr) {
      Act act = ActOf(event);
      if (const auto* requested = As<access::v1::ErasureRequested>(*event.body)) {
        act.tier = requested->tier();
        act.legal_basis = requested->legal_basis();
      } else if (const auto* confirmed = As<access::v1::ErasureConfirmed>(*event.body)) {
        act.request = EventId::FromBytes(confirmed->request_event_id()).value_or(EventId());
      } else if (const auto* cancelled = As<access::v1::ErasureCancelled>(*event.body)) {
        act.request = EventId::FromBytes(cancelled->request_event_id()).value_or(EventId());
      }
      found_.erasure_acts.push_back(std::move(act));
      return absl::OkStatus();
    }
    const std::string agency(AgencyOfName(event.origin));
    reads_known_.insert(agency);
    const bool bulk = read->case_id().empty();
    if (bulk) {
      const auto since = held_since_.find(agency);
      if (since == held_since_.end() || event.recorded_at() < since->second) return absl::OkStatus();
    }
    found_.reads.push_back({.agency = agency,
                            .official = event.header.author_official(),
                            .at = event.recorded_at(),
                            .purpose = read->purpose(),
                            .legal_basis = read->legal_basis(),
                            .command = read->command(),
                            .sections = SectionsIn(read->sections()),
                            .bulk = bulk,
                            .scope = read->scope(),
                            .cases = read->cases(),
                            .origin = std::string(event.origin),
                            .position = event.position});
    return absl::OkStatus();
  }

  // By its fence: the headers of what was erased may be gone, too.
  absl::Status FindErasures() {
    const Hash fence = FenceOf(found_.case_id);
    log::EntryFetcher fetcher(store_.engine());
    std::map<std::pair<std::string, Position>, size_t> places;
    for (const auto& held : store_.logs()) {
      POLKU_ASSIGN_OR_RETURN(const auto erased, host::ErasedEntries(store_.engine(), held));
      for (const host::ErasedEntry& entry : erased) {
        if (entry.fence != fence) continue;
        POLKU_ASSIGN_OR_RETURN(const auto stored, fetcher.Fetch(held.number, entry.position, false));
        places[{entry.origin, entry.position}] = found_.erasures.size();
        found_.erasures.push_back({.origin = entry.origin,
                                   .position = entry.position,
                                   .of = entry.of,
                                   .at = absl::FromUnixMicros(stored.header->recorded_at_us()),
                                   .tier = entry.erased.tier(),
                                   .entries = entry.parts.size(),
                                   .legal_basis = entry.erased.legal_basis(),
                                   .requested_by = entry.erased.requested_by(),
                                   .confirmed_by = entry.erased.confirmed_by(),
                                   .answers = {}});
      }
    }
    if (places.empty()) return absl::OkStatus();
    for (const auto& held : store_.logs()) {
      POLKU_ASSIGN_OR_RETURN(
          const auto answers,
          log::ControlEntries(store_.engine(), held.number,
                              event::v1::ErasureAnswered::descriptor()->full_name()));
      for (const log::ControlEntry& place : answers) {
        POLKU_ASSIGN_OR_RETURN(const auto stored, fetcher.Fetch(held.number, place.position, false));
        event::v1::ErasureAnswered answer;
        if (!answer.ParseFromString(stored.header->control())) continue;
        const auto found = places.find({answer.origin(), Position(answer.position())});
        if (found == places.end()) continue;
        found_.erasures[found->second].answers.push_back(
            {.agency = std::string(AgencyOfName(held.head.origin)),
             .at = absl::FromUnixMicros(stored.header->recorded_at_us()),
             .outcome = answer.outcome(),
             .legal_basis = answer.legal_basis(),
             .retained_until = answer.retained_until()});
      }
    }
    for (Erasure& erasure : found_.erasures) {
      std::stable_sort(erasure.answers.begin(), erasure.answers.end(),
                       [](const auto& a, const auto& b) { return a.at < b.at; });
    }
    std::stable_sort(found_.erasures.begin(), found_.erasures.end(),
                     [](const Erasure& a, const Erasure& b) { return a.at < b.at; });
    return absl::OkStatus();
  }

  // Whoever got an entry also gets a request to correct it and the answer, whatever the lines say.
  static bool SpeaksOfCorrection(const std::string& type) {
    return type == access::v1::CorrectionRequested::descriptor()->full_name() ||
           type == access::v1::CorrectionDecided::descriptor()->full_name();
  }

  void AddShared(const Event& event, const Entry& entry, Position position,
                 const std::string& receiver, SectionSet sections, Position agreement, bool corrects) {
    Way way = corrects ? Way::kCorrection : Way::kUnknown;
    std::set<std::string> bases;
    if (const access::Policy* policy = agreements_.At(event.log, agreement)) {
      const auto explained =
          policy->Explain(receiver, entry.author, AgencyOfName(event.origin), entry.type,
                          /*is_party=*/true, entry.day);
      for (const access::Reason& reason : explained.reasons) {
        if (reason.kind != access::Reason::Kind::kGrants) continue;
        if (reason.legal_basis.empty()) {
          if (way == Way::kUnknown) way = Way::kParties;
        } else if (sections.empty() || !(reason.sections & sections).empty()) {
          bases.insert(reason.legal_basis);
        }
      }
    }
    std::string basis;
    for (const std::string& one : bases) basis += Str(basis.empty() ? "" : "; ", one);
    if (!basis.empty()) way = Way::kShared;
    if (way == Way::kUnknown && entry.type == access::v1::Disclosed::descriptor()->full_name()) {
      way = Way::kNotice;
    }
    Holds(receiver, event.recorded_at());
    Add(event, entry, position, receiver, sections, way, std::move(basis));
    found_.received.back().agreement = agreement;
  }

  void Add(const Event& event, const Entry& entry, Position position, const std::string& receiver,
           SectionSet sections, Way way, std::string basis) {
    found_.received.push_back({.receiver = receiver,
                               .author = entry.author,
                               .origin = std::string(event.origin),
                               .position = position,
                               .type = entry.type,
                               .sections = sections,
                               .disclosed_at = event.recorded_at(),
                               .later = false,
                               .way = way,
                               .agreement = {},
                               .legal_basis = std::move(basis)});
  }

  void Holds(const std::string& agency, absl::Time at) {
    const auto [found, is_new] = held_since_.try_emplace(agency, at);
    if (!is_new) found->second = std::min(found->second, at);
  }

  static Act ActOf(const Event& event) {
    return {.type = event.header.type(),
            .agency = event.header.author_agency(),
            .official = event.header.author_official(),
            .at = event.recorded_at(),
            .legal_basis = {},
            .id = event.id,
            .origin = std::string(event.origin),
            .position = event.position};
  }

  Store& store_;
  History history_;
  Agreements agreements_;
  const access::Policy policy_;
  CorrectionsFold corrections_;
  Disclosures found_;
  std::map<std::pair<LogNumber, Position>, Entry> entries_;
  std::map<std::string, absl::Time> held_since_;  // agency → first entry of the case that reached it
  std::set<std::string> reads_known_;
};

}  // namespace

absl::StatusOr<Disclosures> FindDisclosures(Store& store, const CaseId& case_id,
                                            const config::v1::Agreement& agreement) {
  return Finder(store, case_id, agreement).Find();
}

}  // namespace polku::audit
