#include "services/host/node.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/group.h"
#include "eventstore/log/index.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/vault/section.h"
#include "polku/access/v1/access.pb.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/core/codec.h"
#include "services/core/offer_checks.h"
#include "services/core/message_cast.h"
#include "services/core/standing.h"
#include "services/host/case_folds.h"
#include "services/host/disclosing.h"
#include "services/host/epochs.h"
#include "services/host/erased.h"
#include "services/host/logging.h"
#include "services/host/witnessing.h"

namespace polku::host {
namespace {

using exchange::v1::OfferAnswer;
using exchange::v1::RefusalKind;

constexpr std::string_view kControlIndexKey = "h";
// A case whose duties keep calling for more duties is a defect of the rules; this stops it.
constexpr int kMaxDutyRounds = 16;
// One Work() evaluates at most so many cases: a start after a reindex must not keep authors waiting
// until the last of them, nor all of them in memory.
constexpr size_t kMaxCasesPerWork = 1'024;
// Each may append an Erased of its own, synced.
constexpr size_t kMaxErasureStreamsPerWork = 64;
// Accepted offers are committed when they reach this, well below what the log writes as one commit: so
// offers that were decided one upon the other are on disk together or not at all.
constexpr size_t kMaxPendingBytes = 4 << 20;
// All sections of an event together. What the log takes (kMaxEntryBytes) less a full leaf and the
// padding of five sections: an accepted event must not turn out too large when it is sealed.
constexpr size_t kMaxEventBytes = log::kMaxEntryBytes - log::kMaxLeafBytes - 5 * 1'280;
constexpr uint32_t kMaxWitnessTimeoutMs = 60'000;
constexpr absl::Duration kRetryWhenFull = absl::Seconds(1);
constexpr absl::Duration kRetryWhenFailed = absl::Seconds(30);

OfferAnswer Refused(RefusalKind kind, std::string_view code, std::string_view message,
                    size_t event_index) {
  OfferAnswer answer;
  auto* refusal = answer.mutable_refusal();
  refusal->set_kind(kind);
  refusal->set_code(std::string(code));
  refusal->set_message(std::string(message));
  refusal->set_event_index(static_cast<uint32_t>(event_index));
  return answer;
}

// Where the newest control entries of the own log are, so that opening need not read it all.
// Index key 'h' (FORMAT.md): scanned_to[8] ‖ agreement position[8] ‖ SHA-256 of agreement ‖ of
// profile ‖ of each schema.
struct ControlState {
  Position scanned_to;
  Position agreement;
  Hash agreement_hash;
  Hash profile_hash;
  std::set<Hash> schemas;

  std::string Serialize() const {
    std::string out;
    AppendBigEndian64(out, scanned_to.value());
    AppendBigEndian64(out, agreement.value());
    out += agreement_hash.view();
    out += profile_hash.view();
    for (const Hash& schema : schemas) out += schema.view();
    return out;
  }
  static std::optional<ControlState> Parse(std::string_view bytes) {
    if (bytes.size() < 16 + 64 || (bytes.size() - 16) % Hash::kBytes != 0) return std::nullopt;
    ControlState state;
    state.scanned_to = Position(ReadBigEndian64(bytes.data()));
    state.agreement = Position(ReadBigEndian64(bytes.data() + 8));
    state.agreement_hash = *Hash::FromBytes(bytes.substr(16, Hash::kBytes));
    state.profile_hash = *Hash::FromBytes(bytes.substr(48, Hash::kBytes));
    for (size_t at = 80; at < bytes.size(); at += Hash::kBytes) {
      state.schemas.insert(*Hash::FromBytes(bytes.substr(at, Hash::kBytes)));
    }
    return state;
  }
};

// The event that a domain event says it takes the place of.
std::string CorrectedEventOf(const google::protobuf::Message& body) {
  const auto& type = *body.GetDescriptor();
  const auto* field = IsAccessEvent(type) ? nullptr : type.FindFieldByName("corrected_event_id");
  if (field == nullptr || field->type() != google::protobuf::FieldDescriptor::TYPE_BYTES ||
      field->is_repeated()) {
    return std::string();
  }
  return body.GetReflection()->GetString(body, field);
}

// An event that was accepted and awaits the commit.
struct PlainEntry {
  log::NewEntry entry;  // sections still empty
  std::vector<service::PlainSection> sections;
};

struct PendingOffer {
  size_t answer_index = 0;
  std::vector<PlainEntry> entries;  // the new ones, and what follows from them at once
  std::vector<log::ExpectedRevision> expected;
  // Of each event of the offer, in order.
  struct Told {
    std::optional<log::Receipt> repeat;  // the original receipt
    size_t entry = 0;                    // otherwise its place among `entries`
  };
  std::vector<Told> told;
  std::vector<CaseId> closes;  // cases whose erasure it confirms
  bool from_reserve = false;
};

// What the entry will take in a commit, about.
size_t CommitBytes(const PlainEntry& plain) {
  size_t bytes = 1'024 + 160 * (plain.entry.disclosures.size() + plain.entry.causes.size());
  for (const auto& section : plain.sections) bytes += section.plaintext.size() + 128;
  return bytes;
}

// The failure lies in this case or event alone: others need not wait, and trying again will not help.
bool IsOfOneCase(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists ||
         status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kDataLoss;
}

class NodeImpl : public Node {
 public:
  explicit NodeImpl(Options options)
      : options_(std::move(options)),
        own_origin_(options_.config.origin.text()),
        own_agency_(options_.config.origin.agency()),
        policy_(options_.config.agreement),
        opener_(options_.keystore, own_origin_,
                [erasures = options_.erasures](const CaseId& case_id, std::string_view origin) {
                  return erasures != nullptr && erasures->IsErased(case_id, origin);
                }),
        folds_(options_.service, policy_, options_.engine, opener_, origins_,
               options_.config.origin, options_.config.cached_cases),
        disclosing_(policy_, options_.engine, origins_, options_.config.origin),
        rules_{options_.config.profile, options_.config.agreement, own_agency_},
        other_agencies_(OtherAgencies(options_.config.witnesses, own_agency_).size()) {
    for (std::string_view type : options_.service.event_types()) {
      accepted_types_.insert(std::string(type));
    }
    for (std::string_view type : access::AccessEventTypes()) {
      accepted_types_.insert(std::string(type));
    }
  }

  absl::Status Start() {
    StopClock();
    auto opened = log::Log::Open(
        options_.engine,
        log::LogOptions{.origin = options_.config.origin,
                        // Time stands still within a call, see node.h.
                        .clock = [this] { return now_; },
                        .random = options_.random,
                        .signer = options_.keys.signer.get()},
        options_.keys.curve.public_key.view());
    if (!opened.ok()) return opened.status();
    log_ = *std::move(opened);
    for (const PeerConfig& peer : options_.config.peers) {
      POLKU_ASSIGN_OR_RETURN(auto replica, log::ReplicaLog::Open(options_.engine, peer.origin));
      replicas_.push_back(std::move(replica));
    }
    // Logs of peers that are no longer configured stay part of the history. A new peer has no number
    // before its first batch is stored.
    POLKU_ASSIGN_OR_RETURN(const auto held, log::HeldLogs(options_.engine));
    for (const auto& held_log : held) {
      origins_[held_log.number.value()] = held_log.head.origin;
      held_sizes_[held_log.number.value()] = held_log.head.frontier.size();
    }
    for (const auto& earlier : log::EarlierEpochs(held, options_.config.origin)) {
      earlier_order_ = std::max(earlier_order_, earlier.head.last_order);
    }
    POLKU_RETURN_IF_ERROR(RecordControlEntries());
    disclosing_.SetAgreement(control_.agreement);
    for (const std::string& type : accepted_types_) {
      // The parties of a case come to these; those the log counts, entry by entry.
      if (policy_.ReceiversOfEveryCase(type) > log::kMaxDisclosuresPerEntry) {
        return Error(absl::StatusCode::kInvalidArgument, "the agreement gives ", type,
                     " of every case to more than ", log::kMaxDisclosuresPerEntry,
                     " agencies, and an entry can name no more; take receivers out of its sharings with "
                     "every_case");
      }
    }
    return FindUnfinishedWork();
  }

  std::vector<OfferAnswer> HandleOffers(std::span<const OfferFrom> offers) override {
    StopClock();
    ComeOfAge();
    if (stopped_) {
      return std::vector<OfferAnswer>(
          offers.size(),
          Refused(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "log_behind",
                  "this service has found its log to be an old copy and appends nothing; its operator "
                  "fetches what is missing with polku recover, or begins a new epoch with polku "
                  "new-epoch. Then offer the same event ids again, which is safe", 0));
    }
    answers_.assign(offers.size(), OfferAnswer());
    for (size_t i = 0; i < offers.size(); ++i) Consider(offers[i], i);
    Flush();
    return std::move(answers_);
  }

  void StopAppending() override { stopped_ = true; }

  log::ReplicaLog& replica(size_t peer) override { return *replicas_[peer]; }

  absl::Status StoreReplica(size_t peer, const log::VerifiedBatch& batch) override {
    StopClock();
    log::ReplicaLog& replica = *replicas_[peer];
    if (auto appended = replica.Append(batch); !appended.ok()) {
      AppendFailed(appended);
      return appended;
    }
    append_fault_.clear();
    const OriginName& origin = options_.config.peers[peer].origin;
    origins_[replica.number().value()] = origin.text();
    if (IsEarlierEpoch(origin)) {
      earlier_order_ = std::max(earlier_order_, replica.head().last_order);
    }
    // From here on the entries are on disk: whatever goes wrong in folding them is about the cases.
    for (const auto& group : batch.groups) {
      auto view = log::GroupView::Parse(group.entries, group.blobs);
      if (!view.ok()) {
        Fault(view.status());
        continue;
      }
      for (const auto& item : view->items()) {
        if (item.leaf.empty()) continue;
        if (auto parsed = log::ParseHeader(item.leaf, header_); !parsed.ok()) {
          Fault(parsed);
          continue;
        }
        const Position position(group.first.value() + item.offset);
        const auto case_id = CaseId::FromBytes(header_.case_id());
        if (!case_id) {  // a control entry
          if (options_.erasures == nullptr) continue;
          const auto told =
              options_.erasures->OnControl(replica.number(), origin.text(), position, header_);
          if (!told.ok()) Fault(told);
          continue;
        }
        if (!Concerns(header_, origin.text(), options_.config.origin)) {
          continue;  // held for its origin alone
        }
        touched_.insert(*case_id);
        const log::EntryView entry{replica.number(), position, item.leaf, &header_,
                                   view->BlobsAt(item.offset)};
        if (auto taken = folds_.Take(entry, *case_id, Horizon()); !taken.ok()) {
          Fault(taken);
          folds_.Forget(*case_id);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status StoreFills(size_t peer, std::span<const log::Fill> fills,
                          std::span<const Position> gone) override {
    StopClock();
    const LogNumber number = replicas_[peer]->number();
    // A restart must find the cases again: their entries lie behind the mark of what was evaluated. The
    // timers go first, so that the sync of the fills takes them along.
    const absl::CivilDay today = Today();
    std::set<CaseId> cases;
    std::vector<log::KeyValue> marks;
    for (const log::Fill& fill : fills) {
      if (auto parsed = log::ParseHeader(fill.leaf, header_); !parsed.ok()) {
        return absl::InvalidArgumentError(parsed.message());
      }
      const auto case_id = CaseId::FromBytes(header_.case_id());
      if (!case_id || !cases.insert(*case_id).second) continue;
      marks.emplace_back(log::TimerIndexKey(today, *case_id), "");
    }
    const auto store = [&]() -> absl::Status {
      if (!marks.empty()) POLKU_RETURN_IF_ERROR(options_.engine.WriteIndex(marks, {}));
      if (!fills.empty()) {
        POLKU_RETURN_IF_ERROR(log::FillEntries(options_.engine, number, fills));
      }
      if (gone.empty()) return absl::OkStatus();
      return log::GiveUpWanted(options_.engine, number, gone);
    };
    const absl::Status stored = store();
    if (stored.ok()) {
      append_fault_.clear();
    } else if (!IsOfOneCase(stored)) {
      AppendFailed(stored);
    }
    // Also after a failure: what there is of the cases is seen when they are folded anew.
    for (const CaseId& case_id : cases) {
      folds_.Forget(case_id);
      touched_.insert(case_id);
      fired_.push_back(log::TimerIndexKey(today, case_id));
    }
    return stored;
  }

  absl::StatusOr<std::vector<log::Receipt>> AppendControl(
      std::span<const ControlToAppend> entries, bool from_reserve) override {
    if (stopped_) {
      return absl::FailedPreconditionError(
          "this service has found its log to be an old copy and appends nothing");
    }
    StopClock();
    log::AppendRequest request{.entries = {}, .expected = {}, .from_reserve = from_reserve};
    for (const ControlToAppend& control : entries) {
      request.entries.push_back(ControlEntry(control.id, control.message));
    }
    auto results = log_->Append({&request, 1});
    EndProvisional();
    log::AppendResult& result = results[0];
    if (!result.status.ok()) {
      if (!IsOfOneCase(result.status)) AppendFailed(result.status);
      return result.status;
    }
    append_fault_.clear();
    return std::move(result.receipts);
  }

  absl::StatusOr<const access::CaseAccess*> Access(const CaseId& case_id) override {
    POLKU_ASSIGN_OR_RETURN(const CaseFold* fold, Fold(case_id));
    return &fold->access;
  }

  absl::Status CarryOverParties(const CaseId& case_id) override {
    if (stopped_) {
      return absl::FailedPreconditionError(
          "this service has found its log to be an old copy and appends nothing");
    }
    StopClock();
    if (IsErased(case_id)) return absl::OkStatus();
    auto folded = Fold(case_id);
    if (!folded.ok()) {
      if (!IsOfOneCase(folded.status())) return folded.status();
      Fault(folded.status());  // the erasure must not wait for a case that cannot be read
      return absl::OkStatus();
    }
    CaseFold& fold = **folded;
    if (!fold.in_own_log || fold.access.is_access_stream()) return absl::OkStatus();
    std::vector<PendingOffer> offers(1);
    offers[0].from_reserve = true;
    for (const auto& party : fold.access.ToCarryOver(own_origin_, Today())) {
      PlainEntry plain = OwnEntry(CarriedPartyId(case_id, party), case_id, party);
      AddContext(plain, fold, party, {});
      EvolveProvisionally(fold, plain.entry, party);
      offers[0].entries.push_back(std::move(plain));
    }
    if (offers[0].entries.empty()) return absl::OkStatus();
    const absl::Status appended = Commit(offers)[0].status;
    if (appended.ok()) {
      touched_.insert(case_id);
      append_fault_.clear();
    } else {
      ForgetPendingCases();
      if (!IsOfOneCase(appended)) AppendFailed(appended);
    }
    EndProvisional();
    return appended;
  }

  void Forget(const CaseId& case_id) override { folds_.Forget(case_id); }

  void Work() override {
    StopClock();
    folds_.Trim();  // refused offers were folded for, too
    if (stopped_ || now_ < retry_after_) return;
    const absl::CivilDay today = Today();
    while (!timers_.empty() && timers_.begin()->first <= today) {
      const auto [day, case_id] = *timers_.begin();
      timers_.erase(timers_.begin());
      fired_.push_back(log::TimerIndexKey(day, case_id));
      touched_.insert(case_id);
    }
    ComeOfAge();
    if (touched_.empty() && erasing_.empty() && (fired_.empty() || marks_stuck_)) return;
    std::set<CaseId> round;
    while (!touched_.empty() && round.size() < kMaxCasesPerWork) {
      round.insert(touched_.extract(touched_.begin()));
    }
    EvaluateDuties(std::move(round), today);
    folds_.Trim();
  }

  absl::Time NextWork() const override {
    absl::Time next = absl::InfiniteFuture();
    if (stopped_) return next;
    if (!touched_.empty() || !erasing_.empty()) return retry_after_;
    // Days begin at midnight in Finland; looking each minute is exact enough and needs no calendar.
    if (!timers_.empty()) next = now_ + absl::Minutes(1);
    if (!ahead_.empty()) {
      next = std::min(next, TimeFromOrder(ahead_.begin()->first) - kClockTolerance);
    }
    return next;
  }

  Position size() const override { return log_->size(); }
  std::string checkpoint() const override { return log_->checkpoint(); }
  Opener& opener() override { return opener_; }
  std::string health() const override {
    if (!fault_.empty()) return fault_;
    return append_fault_.empty() ? "ok" : append_fault_;
  }

 private:
  absl::CivilDay Today() const {
    return options_.config.business_date ? *options_.config.business_date : FinnishDay(now_);
  }
  // The day that the agreement's lines are asked for: no business date changes when something is recorded.
  absl::CivilDay RecordingDay() const { return FinnishDay(now_); }
  // Time stands still within a call. Whole microseconds, as headers tell it: what is folded now must
  // be what a replay folds.
  void StopClock() { now_ = absl::FromUnixMicros(absl::ToUnixMicros(options_.clock())); }

  // Our clock is a hybrid one: it never falls behind our own log or its earlier epochs, whatever is done to the
  // wall clock. Otherwise entries of ours, and those that they rest on, would fall out of a refold, and what
  // was decided could be decided again.
  Order Horizon() const {
    return std::max({OrderFromTime(now_ + kClockTolerance), log_->last_order(), earlier_order_});
  }

  bool IsEarlierEpoch(const OriginName& origin) const {
    return EpochsOf(origin.text()) == EpochsOf(own_origin_) &&
           origin.epoch() < options_.config.origin.epoch();
  }

  void ComeOfAge() {
    while (!ahead_.empty() && ahead_.begin()->first <= Horizon()) {
      const CaseId case_id = ahead_.begin()->second;
      folds_.Forget(case_id);
      touched_.insert(case_id);
      const auto [first, last] = ahead_of_case_.equal_range(case_id);
      for (auto it = first; it != last; ++it) ahead_.erase({it->second, case_id});
      ahead_of_case_.erase(first, last);
    }
  }

  void Fault(const absl::Status& status) {
    const std::string text = status.ToString();
    if (fault_ != text) LogLine(LogLevel::kError, text);
    fault_ = text;
  }

  // Over as soon as an append succeeds again (a full disk that has room again).
  void AppendFailed(const absl::Status& status) {
    const std::string text = status.ToString();
    if (append_fault_ != text) LogLine(LogLevel::kError, text);
    append_fault_ = text;
  }

  absl::StatusOr<CaseFold*> Fold(const CaseId& case_id) {
    return folds_.Get(case_id, Horizon(),
                      [&](Order order) {
                        if (!ahead_.insert({order, case_id}).second) return;
                        ahead_of_case_.emplace(case_id, order);
                      });
  }

  // ---- Opening ----

  absl::Status RecordControlEntries() {
    POLKU_ASSIGN_OR_RETURN(const auto stored, options_.engine.IndexGet(kControlIndexKey));
    if (stored) {
      if (auto parsed = ControlState::Parse(*stored)) control_ = *parsed;
    }
    if (control_.scanned_to > log_->size()) control_ = ControlState();
    POLKU_ASSIGN_OR_RETURN(
        auto reader, log::EntryReader::Make(options_.engine, kOwnLog, control_.scanned_to,
                                            /*with_blobs=*/false));
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) break;
      if (entry->header->control().empty()) continue;
      POLKU_RETURN_IF_ERROR(NoteControl(*entry->header, entry->position));
    }

    std::vector<log::NewEntry> changes;
    std::string agreement, profile;
    options_.config.agreement.SerializeToString(&agreement);
    options_.config.profile.SerializeToString(&profile);
    event::v1::AgreementChanged agreement_changed;
    agreement_changed.set_agreement(agreement);
    if (control_.agreement_hash != Sha256(agreement)) {
      changes.push_back(ControlEntry(NewEventId(options_.random), agreement_changed));
    }
    event::v1::RulesChanged rules_changed;
    rules_changed.set_profile(profile);
    if (control_.profile_hash != Sha256(profile)) {
      changes.push_back(ControlEntry(NewEventId(options_.random), rules_changed));
    }
    std::set<Hash> added;
    for (const std::string& type : accepted_types_) {
      const auto* descriptor = service::FindEventType(type);
      if (descriptor == nullptr) {
        return Error(absl::StatusCode::kInternal, type, " has no descriptor in this program");
      }
      const service::Schema& schema = service::SchemaFor(*descriptor);
      if (control_.schemas.contains(schema.hash) || !added.insert(schema.hash).second) continue;
      event::v1::SchemaAdded schema_added;
      schema_added.set_package(schema.package);
      schema_added.set_file_descriptor_set(schema.file_descriptor_set);
      changes.push_back(ControlEntry(NewEventId(options_.random), schema_added));
    }
    if (!changes.empty()) {
      // Other rules may call for other duties in every case. The marks go before the entry is
      // written: the sync of that takes them along.
      std::vector<std::string> marks;
      auto cursor = options_.engine.IndexScan("w");
      for (;;) {
        POLKU_ASSIGN_OR_RETURN(auto mark, cursor->Next());
        if (!mark) break;
        marks.push_back(std::move(mark->first));
      }
      POLKU_RETURN_IF_ERROR(options_.engine.WriteIndex({}, marks));
      const log::AppendRequest request{std::move(changes), {}};
      const auto results = log_->Append({&request, 1});
      if (!results[0].status.ok()) return results[0].status;
      for (size_t i = 0; i < request.entries.size(); ++i) {
        event::v1::Header header;
        header.set_type(request.entries[i].type);
        header.set_control(request.entries[i].control);
        POLKU_RETURN_IF_ERROR(NoteControl(header, results[0].receipts[i].position));
      }
    }
    control_.scanned_to = log_->size();
    const log::KeyValue put{std::string(kControlIndexKey), control_.Serialize()};
    return options_.engine.WriteIndex({&put, 1}, {});
  }

  log::NewEntry ControlEntry(const EventId& id, const google::protobuf::Message& message) {
    log::NewEntry entry;
    entry.id = id;
    entry.type = message.GetDescriptor()->full_name();
    entry.author_agency = own_agency_;
    message.SerializeToString(&entry.control);
    return entry;
  }

  absl::Status NoteControl(const event::v1::Header& header, Position position) {
    const auto malformed = [&] {
      return Error(absl::StatusCode::kDataLoss, "control entry ", position.value(), " of ",
                   own_origin_, " is malformed; run polku reindex, then restore from a replica");
    };
    if (header.type() == event::v1::AgreementChanged::descriptor()->full_name()) {
      event::v1::AgreementChanged changed;
      if (!changed.ParseFromString(header.control())) return malformed();
      control_.agreement_hash = Sha256(changed.agreement());
      control_.agreement = position;
    } else if (header.type() == event::v1::RulesChanged::descriptor()->full_name()) {
      event::v1::RulesChanged changed;
      if (!changed.ParseFromString(header.control())) return malformed();
      control_.profile_hash = Sha256(changed.profile());
    } else if (header.type() == event::v1::SchemaAdded::descriptor()->full_name()) {
      event::v1::SchemaAdded added;
      if (!added.ParseFromString(header.control())) return malformed();
      control_.schemas.insert(Sha256(added.file_descriptor_set()));
    }
    return absl::OkStatus();
  }

  // The cases touched by entries behind the 'w' marks, and the timers: what a killed run left.
  absl::Status FindUnfinishedWork() {
    std::set<CaseId> confirmed;  // access streams
    for (const auto& [number, origin] : origins_) {
      const LogNumber log_number(number);
      POLKU_ASSIGN_OR_RETURN(const auto mark,
                             options_.engine.IndexGet(log::ProcessedIndexKey(log_number)));
      Position from;
      if (mark && mark->size() == 8) from = Position(ReadBigEndian64(mark->data()));
      POLKU_ASSIGN_OR_RETURN(auto reader, log::EntryReader::Make(options_.engine, log_number,
                                                                 from, /*with_blobs=*/false));
      for (;;) {
        POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
        if (!entry) break;
        if (!Concerns(*entry->header, origin, options_.config.origin)) continue;
        const auto case_id = CaseId::FromBytes(entry->header->case_id());
        if (!case_id) continue;
        touched_.insert(*case_id);
        if (log_number == kOwnLog &&
            entry->header->type() == access::v1::ErasureConfirmed::descriptor()->full_name()) {
          confirmed.insert(*case_id);
        }
      }
    }
    for (const CaseId& stream : confirmed) {
      POLKU_ASSIGN_OR_RETURN(const CaseFold* fold, Fold(stream));
      for (const CaseId& case_id : ConfirmedErasures(fold->access)) closing_.insert(case_id);
    }
    auto cursor = options_.engine.IndexScan(log::kTimerPrefix);
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto timer, cursor->Next());
      if (!timer) return absl::OkStatus();
      absl::CivilDay day;
      CaseId case_id;
      if (!log::ParseTimerIndexKey(timer->first, day, case_id)) continue;
      timers_.emplace(day, case_id);
      // A timer may stand for an entry far ahead of the wall clock, which a business date does not
      // follow.
      if (options_.config.business_date) touched_.insert(case_id);
    }
  }

  std::set<CaseId> ConfirmedErasures(const access::CaseAccess& access) const {
    std::set<CaseId> cases;
    if (const auto* erasures = access.erasures(own_origin_)) {
      for (const auto& [id, erasure] : *erasures) {
        if (erasure.confirmed) cases.insert(erasure.case_id);
      }
    }
    return cases;
  }

  // ---- Offers ----

  void Consider(const OfferFrom& from, size_t answer_index) {
    const auto& events = from.offer.events();
    const PrincipalConfig& principal = from.from;
    const auto refuse = [&](RefusalKind kind, std::string_view code, std::string_view message,
                            int index) {
      answers_[answer_index] = Refused(kind, code, message, static_cast<size_t>(index));
    };
    const auto invalid = [&](std::string_view code, std::string_view message, int index) {
      refuse(exchange::v1::REFUSAL_KIND_INVALID, code, message, index);
    };
    const auto not_entitled = [&](std::string_view code, std::string_view message, int index) {
      refuse(exchange::v1::REFUSAL_KIND_NOT_ENTITLED, code, message, index);
    };
    if (events.empty() || static_cast<size_t>(events.size()) > log::kMaxEntriesPerAppend) {
      return invalid("bad_event_count", "an offer has 1 to 1024 events; split it", 0);
    }
    // What can never be, whoever answers in time.
    if (from.offer.witnesses() > other_agencies_) {
      return invalid("too_few_witnesses",
                     Str(from.offer.witnesses(), " agencies are to stand behind this, and ",
                         other_agencies_, " are configured as witnesses here; ask for fewer"), 0);
    }
    if (from.offer.witness_timeout_ms() > kMaxWitnessTimeoutMs) {
      return invalid("bad_witness_timeout",
                     Str("witness_timeout_ms is at most ", kMaxWitnessTimeoutMs,
                         "; offer the same event ids again to wait on"), 0);
    }

    // The form of every event first: a malformed one must not cost the folding of cases.
    std::vector<std::unique_ptr<google::protobuf::Message>> bodies;
    std::vector<PlainEntry> entries;
    std::vector<log::ExpectedRevision> expected;
    std::vector<size_t> expected_at;  // of the event
    absl::flat_hash_set<EventId> ids;
    for (int i = 0; i < events.size(); ++i) {
      const auto& offered = events[i];
      const auto id = EventId::FromBytes(offered.event_id());
      const auto case_id = CaseId::FromBytes(offered.case_id());
      if (!id || id->is_zero()) return invalid("bad_event_id", "event_id must be 16 bytes, not all zero", i);
      if (!case_id || case_id->is_zero()) return invalid("bad_case_id", "case_id must be 16 bytes, not all zero", i);
      if (!ids.insert(*id).second) return invalid("repeated_event_id", "the same event_id stands twice in one offer", i);
      // The header is shown to all and kept for ever, so nothing personal may get in where nobody looks.
      if (!service::IsOfficialLabel(offered.official())) {
        return invalid("bad_official",
                       "official is the agency's pseudonym of the worker: at most 64 of A-Z a-z 0-9 . _ "
                       "-, and never a personal identity code", i);
      }
      if (!accepted_types_.contains(offered.type())) {
        return invalid("unknown_type",
                       Str("the ", options_.service.name(), " service does not take this event type; "
                           "see its package in proto/polku, and the address"), i);
      }
      if (!MayPublish(principal, offered.type())) {
        return not_entitled("type_not_allowed",
                            "this key may not publish events of this type; the service's operator "
                            "grants it under principals (types)", i);
      }
      if (!principal.official.empty() && offered.official() != principal.official) {
        return not_entitled("official_bound",
                            "this key speaks for one official alone, and the event names another or "
                            "none; offer it in that official's name", i);
      }
      const auto* type = service::FindEventType(offered.type());
      auto body = service::ParseEvent(*type, offered.body());
      if (!body.ok()) return invalid("malformed_event", ToStd(body.status().message()), i);
      const auto corrects = EventId::FromBytes(offered.corrects());
      if (!offered.corrects().empty() && (!corrects || corrects->is_zero() || IsAccessEvent(*type))) {
        return invalid("bad_corrects",
                       "corrects is the 16 byte id of the event that a domain event corrects", i);
      }
      PlainEntry plain;
      plain.entry.id = *id;
      plain.entry.type = offered.type();
      plain.entry.author_agency = principal.agency;
      plain.entry.author_official = offered.official();
      plain.entry.case_id = *case_id;
      plain.entry.schema_hash = service::SchemaFor(*type).hash;
      plain.entry.corrects = corrects.value_or(EventId());
      plain.sections = service::SplitSections(*type, offered.body());
      size_t bytes = 0;
      for (const auto& section : plain.sections) {
        if (section.plaintext.size() > vault::kMaxSectionBytes) {
          return invalid("section_too_large", Str("section ", SectionKindName(section.kind),
                                                  " is larger than 1 MiB"), i);
        }
        bytes += section.plaintext.size();
      }
      if (bytes > kMaxEventBytes) {
        return invalid("event_too_large", Str("the event's sections are larger than ", kMaxEventBytes,
                                              " bytes together"), i);
      }
      if (offered.has_expected_revision()) {
        const bool first = std::none_of(entries.begin(), entries.end(), [&](const auto& earlier) {
          return earlier.entry.case_id == *case_id;
        });
        if (!first) {
          return invalid("misplaced_expectation",
                         "expected_revision belongs to the case's first event of the offer", i);
        }
        expected.push_back({*case_id, Revision(offered.expected_revision())});
        expected_at.push_back(static_cast<size_t>(i));
      }
      bodies.push_back(*std::move(body));
      entries.push_back(std::move(plain));
    }

    // Repeats are answered before any rule is asked: the answer must be the same for ever. And what takes the place of
    // an entry is judged on the case as it is stored.
    for (const auto& plain : entries) {
      if (pending_ids_.contains({plain.entry.author_agency, plain.entry.id}) ||
          !plain.entry.corrects.is_zero()) {
        Flush();
        break;
      }
    }
    PendingOffer offer;
    offer.answer_index = answer_index;
    bool any_new = false;
    for (size_t i = 0; i < entries.size(); ++i) {
      auto repeat = FindRepeat(entries[i]);
      if (!repeat.ok()) {
        answers_[answer_index] = FailureAnswer(repeat.status(), i);
        return;
      }
      any_new = any_new || !repeat->has_value();
      offer.told.push_back({*std::move(repeat)});
    }
    if (!any_new) {
      answers_[answer_index] = AnswerFor({}, offer.told);
      return;
    }
    // An expectation binds what is new: a repeat has its receipt, whatever has come since.
    for (size_t i = 0; i < expected.size(); ++i) {
      if (auto answer = CheckExpected(expected[i], expected_at[i])) {
        answers_[answer_index] = *std::move(answer);
        return;
      }
    }
    offer.expected = std::move(expected);

    size_t judged = 0;
    while (judged < entries.size()) {
      if (!offer.told[judged].repeat) {
        auto answer = Judge(principal, entries[judged], *bodies[judged], judged, offer);
        if (answer) {
          answers_[answer_index] = *std::move(answer);
          break;
        }
      }
      ++judged;
    }
    if (judged < entries.size()) {
      // Earlier events of this offer were folded in and will not be appended; earlier offers
      // will, so they go first and the cases are folded anew from the store.
      if (judged > 0) {
        provisional_ = committed_provisional_;
        Flush();
        for (const auto& plain : entries) folds_.Forget(plain.entry.case_id);
        for (const auto& plain : offer.entries) folds_.Forget(plain.entry.case_id);
        pending_cases_.clear();
      }
      return;
    }
    committed_provisional_ = provisional_;
    for (const PlainEntry& plain : offer.entries) {
      pending_ids_.insert({plain.entry.author_agency, plain.entry.id});
      pending_bytes_ += CommitBytes(plain);
    }
    pending_.push_back(std::move(offer));
    if (pending_bytes_ >= kMaxPendingBytes) Flush();
  }

  static bool MayPublish(const PrincipalConfig& principal, std::string_view type) {
    return principal.types.empty() ||
           std::any_of(principal.types.begin(), principal.types.end(), [&](const auto& pattern) {
             return access::TypeMatches(pattern, type);
           });
  }

  // Decides on one event, folds it with what follows from it at once, and puts both into the offer; or the
  // refusal, and nothing was folded of this event.
  std::optional<OfferAnswer> Judge(const PrincipalConfig& principal, PlainEntry& plain,
                                   const google::protobuf::Message& body, size_t index,
                                   PendingOffer& offer) {
    log::NewEntry& entry = plain.entry;
    if (IsErased(entry.case_id, offer)) {
      return Refused(exchange::v1::REFUSAL_KIND_RULE, "case_erased",
                     "what this service held of the case was erased for good; a new matter takes a new "
                     "case id", index);
    }
    auto folded = Fold(entry.case_id);
    if (!folded.ok()) {
      Fault(folded.status());
      return FailureAnswer(folded.status(), index);
    }
    CaseFold& fold = **folded;
    service::Offer asked{entry.id, entry.case_id, entry.author_agency, entry.author_official,
                         body, entry.corrects};
    std::optional<EventId> replaced = EventId::FromBytes(CorrectedEventOf(body));
    if (!replaced && fold.state != nullptr) {
      replaced = options_.service.Corrects(*fold.state, asked, rules_);
    }
    auto spoken = WhatIsSpokenOf(entry, body, replaced, fold.access, offer);
    if (!spoken.ok()) {
      Fault(spoken.status());
      return FailureAnswer(spoken.status(), index);
    }
    asked.corrects = entry.corrects;
    bool something_to_erase = false;
    const auto act = ErasingActOf(body, fold.access);
    if (act) {
      auto found = SomethingToErase(options_.engine, options_.config.origin, act->case_id, act->tier);
      if (!found.ok()) {
        Fault(found.status());
        return FailureAnswer(found.status(), index);
      }
      something_to_erase = *found;
    }
    std::optional<absl::CivilDay> kept_until;
    if (const auto* requested = service::As<access::v1::ErasureRequested>(body);
        act && requested != nullptr && requested->has_rule()) {
      auto named = Fold(act->case_id);
      if (!named.ok()) {
        Fault(named.status());
        return FailureAnswer(named.status(), index);
      }
      if (const auto kept = (*named)->retention.KeptBy(rules_.profile)) kept_until = kept->until;
    }
    std::optional<access::Question::Corrected> corrected;
    if (!IsAccessEvent(*body.GetDescriptor()) && !spoken->author.empty()) {
      corrected = {spoken->author, spoken->type};
    }
    const access::Question question{.offer = asked,
                                    .stream = entry.case_id,
                                    .own_origin = own_origin_,
                                    .may_operate = principal.may_operate,
                                    .may_erase = principal.may_erase,
                                    .official_bound = !principal.official.empty(),
                                    .corrected_author = spoken->own ? spoken->author : "",
                                    .corrects = !entry.corrects.is_zero(),
                                    .corrected = std::move(corrected),
                                    .something_to_erase = something_to_erase,
                                    .kept_until = kept_until,
                                    .rule_day = Today()};
    if (auto refused =
            access::DecideAccess(fold.access, question, policy_, rules_, RecordingDay())) {
      return Refused(refused->not_entitled ? exchange::v1::REFUSAL_KIND_NOT_ENTITLED
                                           : exchange::v1::REFUSAL_KIND_RULE,
                     refused->refusal.code, refused->refusal.message, index);
    }
    std::unique_ptr<service::CaseState> without;
    if (!IsAccessEvent(*body.GetDescriptor())) {
      if (fold.state == nullptr) fold.state = options_.service.NewState(entry.case_id);
      if (spoken->own && !asked.corrects.is_zero() && spoken->type == entry.type &&
          service::GivesWay(entry.type)) {
        const bool after_others =
            std::any_of(offer.entries.begin(), offer.entries.end(),
                        [&](const PlainEntry& one) { return one.entry.case_id == entry.case_id; });
        if (after_others) {
          return Refused(exchange::v1::REFUSAL_KIND_INVALID, "correction_first",
                         "an event that corrects another stands before all others of its case in an offer; "
                         "offer it first, or by itself", index);
        }
        auto state = folds_.StateWithout(entry.case_id, asked.corrects, Horizon());
        if (!state.ok()) {
          Fault(state.status());
          return FailureAnswer(state.status(), index);
        }
        without = *std::move(state);
      }
      if (auto refusal = options_.service.Decide(without ? *without : *fold.state, asked, rules_,
                                                 Today())) {
        return Refused(exchange::v1::REFUSAL_KIND_RULE, refusal->code, refusal->message, index);
      }
    }
    // Parties have their place in the commit, as have the events that are still to be judged.
    const size_t most = offer.entries.size() + policy_.Named(body).size() + offer.told.size() - index;
    if (most > log::kMaxEntriesPerAppend) {
      return Refused(exchange::v1::REFUSAL_KIND_INVALID, "bad_event_count",
                     "with the parties that they name the events are more than one commit takes; split "
                     "the offer", index);
    }
    if (act && act->confirms) offer.closes.push_back(act->case_id);
    if (without) fold.state = std::move(without);
    std::vector<PlainEntry> effects = Accept(fold, plain, body, spoken->receivers);
    offer.told[index].entry = offer.entries.size();
    offer.entries.push_back(std::move(plain));
    for (PlainEntry& effect : effects) offer.entries.push_back(std::move(effect));
    return std::nullopt;
  }

  // The entry gets its context and is folded, and so are the parties that the event names, and those that it leaves
  // without part: they stand right after it.
  std::vector<PlainEntry> Accept(CaseFold& fold, PlainEntry& plain,
                                 const google::protobuf::Message& body, const Receivers& reach) {
    AddContext(plain, fold, body, reach);
    EvolveProvisionally(fold, plain.entry, body);
    std::vector<PlainEntry> effects;
    for (const auto& party :
         access::PartiesToAdd(fold.access, body, plain.entry.id, plain.entry.author_agency,
                              own_agency_, policy_, Today())) {
      PlainEntry& effect = effects.emplace_back(
          OwnEntry(PartyId(plain.entry, party.agency()), plain.entry.case_id, party));
      AddContext(effect, fold, party, {});
      EvolveProvisionally(fold, effect.entry, party);
    }
    if (fold.state == nullptr || IsAccessEvent(*body.GetDescriptor())) return effects;
    for (const auto& party :
         access::PartiesToRemove(fold.access, options_.service.LeftWithoutPart(*fold.state, body),
                                 own_origin_, Today())) {
      PlainEntry& effect = effects.emplace_back(
          OwnEntry(PartyId(plain.entry, party.agency()), plain.entry.case_id, party));
      AddContext(effect, fold, party, {});
      EvolveProvisionally(fold, effect.entry, party);
    }
    return effects;
  }

  EventId PartyId(const log::NewEntry& cause, std::string_view agency) const {
    std::string seed = "polku/party/v1";
    seed.push_back('\0');
    AppendLengthPrefixed32(seed, own_origin_);
    AppendLengthPrefixed32(seed, cause.author_agency);
    seed += cause.id.view();
    AppendLengthPrefixed32(seed, agency);
    return DerivedEventId(seed);
  }

  EventId CarriedPartyId(const CaseId& case_id, const access::v1::PartyAdded& party) const {
    std::string seed = "polku/carried-party/v1";
    seed.push_back('\0');
    AppendLengthPrefixed32(seed, own_origin_);
    seed += case_id.view();
    seed += party.cause_event_id();
    AppendLengthPrefixed32(seed, party.agency());
    return DerivedEventId(seed);
  }

  // An entry of the service itself.
  PlainEntry OwnEntry(const EventId& id, const CaseId& case_id,
                      const google::protobuf::Message& body) const {
    const auto* type = body.GetDescriptor();
    PlainEntry plain;
    plain.entry.id = id;
    plain.entry.type = type->full_name();
    plain.entry.author_agency = own_agency_;
    plain.entry.case_id = case_id;
    plain.entry.schema_hash = service::SchemaFor(*type).hash;
    plain.sections = service::SplitSections(*type, body.SerializeAsString());
    return plain;
  }

  bool IsErased(const CaseId& case_id) const {
    return closing_.contains(case_id) ||
           (options_.erasures != nullptr && options_.erasures->IsErased(case_id, own_origin_));
  }

  // The same, with what is confirmed in this call and not on disk yet.
  bool IsErased(const CaseId& case_id, const PendingOffer& offer) const {
    const auto closes = [&](const PendingOffer& one) {
      return std::find(one.closes.begin(), one.closes.end(), case_id) != one.closes.end();
    };
    return IsErased(case_id) || closes(offer) ||
           std::any_of(pending_.begin(), pending_.end(), closes);
  }

  // The case that an erasure is asked for or confirmed of, and what it takes; none: the event is no such act, or
  // names no request.
  struct ErasingAct {
    CaseId case_id;
    event::v1::ErasureTier tier;
    bool confirms;
  };
  std::optional<ErasingAct> ErasingActOf(const google::protobuf::Message& body,
                                         const access::CaseAccess& access) const {
    if (const auto* requested = service::As<access::v1::ErasureRequested>(body)) {
      const auto case_id = CaseId::FromBytes(requested->case_id());
      if (!case_id) return std::nullopt;
      return ErasingAct{*case_id, requested->tier(), false};
    }
    const auto* confirmed = service::As<access::v1::ErasureConfirmed>(body);
    const auto* requests = access.erasures(own_origin_);
    if (confirmed == nullptr || requests == nullptr) return std::nullopt;
    const auto id = EventId::FromBytes(confirmed->request_event_id());
    const auto request = id ? requests->find(*id) : requests->end();
    if (request == requests->end()) return std::nullopt;
    return ErasingAct{request->second.case_id, request->second.tier, true};
  }

  // The entry that this one corrects, or that it is about.
  struct Spoken {
    bool own = false;     // it stands in the own log
    std::string author, type;
    Receivers receivers;  // who got it, and must get this one, too
  };
  // `replaced`: the event that the body or the domain names as the one that this takes the place of. `offer`: what
  // was accepted of it so far.
  absl::StatusOr<Spoken> WhatIsSpokenOf(log::NewEntry& entry, const google::protobuf::Message& body,
                                        const std::optional<EventId>& replaced,
                                        const access::CaseAccess& access,
                                        const PendingOffer& offer) const {
    std::string origin = own_origin_;
    std::optional<EventId> event;
    bool named = false;
    if (!entry.corrects.is_zero()) {
      event = entry.corrects;
    } else if (replaced) {
      event = replaced;
      named = true;
    } else if (const auto* requested = service::As<access::v1::CorrectionRequested>(body)) {
      origin = requested->origin();
      event = EventId::FromBytes(requested->corrected_event_id());
    } else if (const auto* decided = service::As<access::v1::CorrectionDecided>(body)) {
      const auto id = EventId::FromBytes(decided->request_event_id());
      const auto request = id ? access.corrections().find(*id) : access.corrections().end();
      if (request == access.corrections().end()) return Spoken();
      origin = request->second.origin;
      event = request->second.corrected;
    }
    if (!event) return Spoken();
    const bool own = EpochsOf(origin) == EpochsOf(own_origin_);
    POLKU_ASSIGN_OR_RETURN(auto recorded, disclosing_.Find(entry.case_id, origin, *event));
    if (!recorded && own) recorded = FindPending(entry.case_id, *event, offer);
    if (recorded) {
      if (named) entry.corrects = *event;
      return Spoken{own, recorded->author, recorded->type, std::move(recorded->receivers)};
    }
    // What a day takes the place of may have been recorded at another service.
    if (!named) return Spoken();
    POLKU_ASSIGN_OR_RETURN(recorded, disclosing_.Find(entry.case_id, "", *event));
    if (!recorded) return Spoken();
    return Spoken{false, recorded->author, recorded->type, std::move(recorded->receivers)};
  }

  // Of what is accepted and not on disk yet.
  std::optional<Disclosing::Recorded> FindPending(const CaseId& case_id, const EventId& event,
                                                  const PendingOffer& offer) const {
    const auto find = [&](const PendingOffer& one) -> std::optional<Disclosing::Recorded> {
      for (const auto& [entry, sections] : one.entries) {
        if (entry.id != event || entry.case_id != case_id) continue;
        Disclosing::Recorded recorded{entry.author_agency, entry.type, {}};
        for (const auto& target : entry.disclosures) {
          recorded.receivers[target.receiver] = target.sections;
        }
        return recorded;
      }
      return std::nullopt;
    };
    for (const PendingOffer& one : pending_) {
      if (auto found = find(one)) return found;
    }
    return find(offer);
  }

  absl::StatusOr<std::optional<log::Receipt>> FindRepeat(const PlainEntry& plain) {
    POLKU_ASSIGN_OR_RETURN(const auto known, options_.engine.IndexGet(log::EventIndexKey(
                                                 plain.entry.id, plain.entry.author_agency)));
    if (!known) return std::optional<log::Receipt>();
    // A commitment names its log, so a repeat of an earlier epoch's event is committed to as there. What
    // is malformed the log tells.
    Position position;
    Revision revision;
    LogNumber number;
    const auto origin = log::ParseEventIndexValue(*known, position, revision, number)
                            ? origins_.find(number.value())
                            : origins_.end();
    log::AppendRequest request;
    request.entries.push_back(plain.entry);
    if (plain.entry.corrects.is_zero() && origin != origins_.end()) {
      // What the author left open, the service found when it was first offered.
      log::EntryFetcher fetcher(options_.engine);
      const auto earlier = fetcher.Fetch(number, position, /*with_blobs=*/false);
      if (earlier.ok()) {
        request.entries[0].corrects =
            EventId::FromBytes(earlier->header->corrects()).value_or(EventId());
      }
    }
    for (const auto& section : plain.sections) {
      auto key = options_.keystore.Get({plain.entry.case_id, section.kind});
      Hash commitment;
      if (key.ok()) {
        commitment = vault::CommitSection(SecretFor(*key, plain.entry, section.kind),
                                          origin == origins_.end() ? own_origin_ : origin->second,
                                          plain.entry.id, section.kind, section.plaintext);
      } else if (key.status().code() != absl::StatusCode::kNotFound) {
        return key.status();
      }
      // No key was ever made: other content. Erased: the log sees that the sections are gone, and
      // the id alone tells the repeat. Either way there is no commitment to compare with.
      request.entries[0].sections.push_back({section.kind, commitment, "not sealed"});
    }
    POLKU_ASSIGN_OR_RETURN(const auto receipts, log_->FindRepeat(request));
    if (!receipts) return std::optional<log::Receipt>();
    return std::optional<log::Receipt>(receipts->front());
  }

  std::optional<OfferAnswer> CheckExpected(const log::ExpectedRevision& expected, size_t index) {
    if (pending_cases_.contains(expected.case_id)) Flush();
    auto actual = log_->CaseRevision(expected.case_id);
    if (!actual.ok()) return FailureAnswer(actual.status(), index);
    if (*actual != expected.revision) return RevisionAnswer(*actual, index);
    return std::nullopt;
  }

  static OfferAnswer RevisionAnswer(Revision actual, size_t index) {
    auto answer = Refused(exchange::v1::REFUSAL_KIND_REVISION, "unexpected_revision",
                          "the case has moved on; read it again and decide on what it is now",
                          index);
    answer.mutable_refusal()->set_actual_revision(actual.value());
    return answer;
  }

  OfferAnswer FailureAnswer(const absl::Status& status, size_t index) {
    switch (status.code()) {
      case absl::StatusCode::kAlreadyExists:
        return Refused(exchange::v1::REFUSAL_KIND_CONFLICTING_REPEAT, "conflicting_repeat",
                       "this event id was used before with other content; take a new id for new "
                       "content", index);
      case absl::StatusCode::kInvalidArgument:
        return Refused(exchange::v1::REFUSAL_KIND_INVALID, "over_limit",
                       ToStd(status.message()), index);
      case absl::StatusCode::kResourceExhausted:
        AppendFailed(status);
        return Refused(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "disk_full",
                       "the service's disk is full; nothing was appended, try again later", index);
      default:
        AppendFailed(status);
        return Refused(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "service_failed",
                       "the service cannot append now, its operator's log says why; whether this was "
                       "appended is not known: offer the same event ids again later, which is safe",
                       index);
    }
  }

  // What the author's service knew.
  static void AddCauses(log::NewEntry& entry, CaseFold& fold) {
    for (const auto& [origin, newest] : fold.newest) {
      entry.newest_cause = std::max(entry.newest_cause, newest.order);
      auto told = fold.told.find(origin);
      if (told != fold.told.end() && told->second == newest.position) continue;
      entry.causes.push_back({origin, newest.position, newest.leaf_hash});
      fold.told[origin] = newest.position;
    }
  }

  // What the author's service knew, and who gets it.
  void AddContext(PlainEntry& plain, CaseFold& fold, const google::protobuf::Message& body,
                  const Receivers& reach) {
    AddCauses(plain.entry, fold);
    SectionSet present;
    for (const auto& section : plain.sections) present.add(section.kind);
    plain.entry.disclosures = disclosing_.Targets(plain.entry, body, present, fold.access, reach,
                                                  RecordingDay());
  }

  // Folds an event before it is on disk, with the position and order that the log will give it: the
  // node is the log's only writer and its clock stands still. Flush checks that it came out so.
  void EvolveProvisionally(CaseFold& fold, const log::NewEntry& entry,
                           const google::protobuf::Message& body) {
    if (provisional_.position < log_->size()) {
      provisional_ = {log_->size(), log_->last_order()};
    }
    const Order order = NextOrder(now_, provisional_.last_order, entry.newest_cause);
    folds_.Evolve(fold, service::Fact{.id = entry.id,
                                      .case_id = entry.case_id,
                                      .origin = own_origin_,
                                      .position = provisional_.position,
                                      .order = order,
                                      .recorded_at = now_,
                                      .author_agency = entry.author_agency,
                                      .author_official = entry.author_official,
                                      .body = body,
                                      .corrects = entry.corrects});
    fold.in_own_log = true;
    fold.last = {order, own_origin_, provisional_.position};
    provisional_ = {provisional_.position.next(), order};
    pending_cases_.insert(entry.case_id);
  }

  static vault::SectionSecret SecretFor(const vault::CaseKey& key, const log::NewEntry& entry,
                                        SectionKind kind) {
    return vault::DeriveSectionSecret(key, entry.author_agency, entry.id, kind);
  }

  Hash Commit(const vault::SectionSecret& secret, const log::NewEntry& entry,
              const service::PlainSection& section) const {
    return vault::CommitSection(secret, own_origin_, entry.id, section.kind, section.plaintext);
  }

  // Who read and who had what erased is put on record also on a full disk.
  static bool MayUseReserve(const PendingOffer& offer) {
    return offer.from_reserve ||
           std::all_of(offer.entries.begin(), offer.entries.end(), [](const auto& plain) {
             return access::BelongsInAccessStream(plain.entry.type);
           });
  }

  // Makes missing case keys with one sync for all offers, and seals. After a failure nothing counts.
  absl::Status SealAll(std::span<PendingOffer> offers) {
    std::set<vault::KeyName> wanted;
    bool from_reserve = true;
    for (const auto& offer : offers) {
      from_reserve = from_reserve && MayUseReserve(offer);
      for (const auto& plain : offer.entries) {
        for (const auto& section : plain.sections) {
          wanted.insert({plain.entry.case_id, section.kind});
        }
      }
    }
    const std::vector<vault::KeyName> names(wanted.begin(), wanted.end());
    POLKU_ASSIGN_OR_RETURN(const auto keys, options_.keystore.Ensure(names, from_reserve));
    std::map<vault::KeyName, const vault::CaseKey*> by_name;
    for (size_t i = 0; i < names.size(); ++i) by_name[names[i]] = &keys[i];
    for (auto& offer : offers) {
      for (auto& plain : offer.entries) {
        for (const auto& section : plain.sections) {
          const vault::CaseKey& key = *by_name.at({plain.entry.case_id, section.kind});
          const auto secret = SecretFor(key, plain.entry, section.kind);
          const Hash commitment = Commit(secret, plain.entry, section);
          plain.entry.sections.push_back(
              {section.kind, commitment,
               vault::SealSection(secret, commitment, section.plaintext)});
        }
      }
    }
    return absl::OkStatus();
  }

  // Seals and commits the offers as one group. One result an offer; what failed for one case alone
  // is refused with what rests on it, and the others are appended.
  std::vector<log::AppendResult> Commit(std::vector<PendingOffer>& offers) {
    std::vector<log::AppendResult> results(offers.size());
    std::vector<size_t> sealed;
    if (auto status = SealAll(offers); status.ok()) {
      for (size_t i = 0; i < offers.size(); ++i) sealed.push_back(i);
    } else if (!IsOfOneCase(status) && !absl::IsResourceExhausted(status)) {
      for (auto& result : results) result.status = status;
      return results;
    } else {
      // A key that does not open: find whose. No room for new keys: find who needs none, or may use the reserve.
      std::map<CaseId, absl::Status> failed;
      for (size_t i = 0; i < offers.size(); ++i) {
        for (const auto& plain : offers[i].entries) {
          const auto found = failed.find(plain.entry.case_id);
          if (found != failed.end()) results[i].status = found->second;
        }
        if (results[i].status.ok()) results[i].status = SealAll({&offers[i], 1});
        if (results[i].status.ok()) {
          sealed.push_back(i);
          continue;
        }
        for (const auto& plain : offers[i].entries) {
          failed.emplace(plain.entry.case_id, results[i].status);
        }
      }
    }
    std::vector<log::AppendRequest> requests(sealed.size());
    for (size_t k = 0; k < sealed.size(); ++k) {
      PendingOffer& offer = offers[sealed[k]];
      requests[k].expected = offer.expected;
      requests[k].from_reserve = MayUseReserve(offer);
      for (auto& plain : offer.entries) requests[k].entries.push_back(std::move(plain.entry));
    }
    std::vector<log::AppendResult> appended = log_->Append(requests);
    for (size_t k = 0; k < sealed.size(); ++k) results[sealed[k]] = std::move(appended[k]);
    return results;
  }

  // Commits the pending offers as one group and writes their answers.
  void Flush() {
    if (pending_.empty()) return;
    std::vector<PendingOffer> offers = std::move(pending_);
    pending_.clear();
    const std::vector<log::AppendResult> results = Commit(offers);
    bool all_ok = true;
    for (size_t i = 0; i < offers.size(); ++i) {
      all_ok = all_ok && results[i].status.ok();
      if (results[i].status.ok()) {
        for (const auto& plain : offers[i].entries) {
          touched_.insert(plain.entry.case_id);
          // What it takes the place of was folded for more than the state.
          if (!plain.entry.corrects.is_zero()) folds_.Forget(plain.entry.case_id);
        }
        closing_.insert(offers[i].closes.begin(), offers[i].closes.end());
      }
      answers_[offers[i].answer_index] = AnswerFor(results[i], offers[i].told);
    }
    // Facts were folded that did not become entries as foreseen.
    if (!all_ok) ForgetPendingCases();
    pending_ids_.clear();
    pending_bytes_ = 0;
    EndProvisional();
    folds_.Trim();
  }

  void ForgetPendingCases() {
    for (const CaseId& case_id : pending_cases_) folds_.Forget(case_id);
  }

  void EndProvisional() {
    pending_cases_.clear();
    provisional_ = {log_->size(), log_->last_order()};
    committed_provisional_ = provisional_;
  }

  OfferAnswer AnswerFor(const log::AppendResult& result,
                        const std::vector<PendingOffer::Told>& told) {
    if (!result.status.ok()) return FailureAnswer(result.status, 0);
    OfferAnswer answer;
    for (const auto& [repeat, entry] : told) {
      if (!repeat) append_fault_.clear();
      const log::Receipt& receipt = repeat ? *repeat : result.receipts[entry];
      auto* given = answer.add_receipts();
      given->set_event_id(std::string(receipt.id.view()));
      // A repeat of what an earlier epoch took has its receipt there.
      given->set_origin(receipt.log == kOwnLog ? own_origin_ : origins_.at(receipt.log.value()));
      given->set_position(receipt.position.value());
      given->set_case_revision(receipt.revision.value());
      given->set_leaf_hash(std::string(receipt.leaf_hash.view()));
      given->set_repeated_offer(receipt.repeated);
    }
    return answer;
  }

  // ---- Duties ----

  EventId DutyId(const CaseId& case_id, const service::Duty& duty) const {
    std::string seed = "polku/duty/v1";
    seed.push_back('\0');
    AppendLengthPrefixed32(seed, own_agency_);
    AppendLengthPrefixed32(seed, options_.service.name());
    seed += case_id.view();
    AppendLengthPrefixed32(seed, duty.key);
    AppendBigEndian32(seed, duty.generation);
    return DerivedEventId(seed);
  }

  // Of the piece of a later disclosure to the party. Each log and epoch opens its own entries.
  EventId LaterId(const CaseId& case_id, const access::CaseAccess::PartyEvent& party_event,
                  size_t piece) const {
    std::string seed = "polku/later/v1";
    seed.push_back('\0');
    AppendLengthPrefixed32(seed, own_origin_);
    seed += case_id.view();
    AppendLengthPrefixed32(seed, party_event.origin);
    seed += party_event.id.view();
    AppendBigEndian32(seed, static_cast<uint32_t>(piece));
    return DerivedEventId(seed);
  }

  void EvaluateDuties(std::set<CaseId> round, absl::CivilDay today) {
    for (int i = 0; !round.empty(); ++i) {
      if (i == kMaxDutyRounds) {
        Fault(absl::InternalError("duties keep calling for more duties; the rules contradict each "
                                  "other"));
        marks_stuck_ = true;
        break;
      }
      std::vector<PendingOffer> offers;
      for (const CaseId& case_id : round) {
        if (!CollectDuties(case_id, today, offers)) marks_stuck_ = true;
      }
      round.clear();
      if (offers.empty() || !AppendDuties(offers, round)) break;
    }
    for (size_t i = 0; i < kMaxErasureStreamsPerWork && !erasing_.empty(); ++i) {
      CarryOutErasures(erasing_.extract(erasing_.begin()).value());
    }
    // The marks move only when every touched case was evaluated: a restart takes up the rest.
    std::vector<log::KeyValue> puts = unwritten_timers_;
    std::vector<std::string> deletes;
    const bool complete = touched_.empty() && erasing_.empty() && !marks_stuck_;
    if (complete) {
      for (const auto& [number, origin] : origins_) {
        std::string size;
        AppendBigEndian64(size, SizeOf(LogNumber(number)).value());
        puts.emplace_back(log::ProcessedIndexKey(LogNumber(number)), std::move(size));
      }
      control_.scanned_to = log_->size();
      puts.emplace_back(std::string(kControlIndexKey), control_.Serialize());
      // A day that was set again since it fired stays.
      for (const std::string& key : fired_) {
        absl::CivilDay day;
        CaseId case_id;
        if (log::ParseTimerIndexKey(key, day, case_id) && !timers_.contains({day, case_id})) {
          deletes.push_back(key);
        }
      }
      for (const auto& [key, value] : puts) std::erase(deletes, key);
    }
    if (auto written = options_.engine.WriteIndex(puts, deletes); !written.ok()) {
      AppendFailed(written);
      return;
    }
    unwritten_timers_.clear();
    if (complete) fired_.clear();
  }

  Position SizeOf(LogNumber number) const {
    if (number == kOwnLog) return log_->size();
    for (const auto& replica : replicas_) {
      if (replica->number() == number && replica->size() > Position()) return replica->size();
    }
    return held_sizes_.at(number.value());
  }

  void CarryOutErasures(const CaseId& stream) {
    auto fold = Fold(stream);
    const absl::Status done =
        fold.ok() ? options_.erasures->Touched(stream, (*fold)->access) : fold.status();
    if (done.ok()) {
      // From here on the hooks know; where nothing was there to be taken the case goes on.
      for (const CaseId& case_id : ConfirmedErasures((*fold)->access)) {
        if (closing_.erase(case_id) > 0) touched_.insert(case_id);
      }
      return;
    }
    if (absl::IsUnavailable(done) || absl::IsResourceExhausted(done)) {
      touched_.insert(stream);
      AppendFailed(done);
      retry_after_ = now_ + (absl::IsResourceExhausted(done) ? kRetryWhenFull : kRetryWhenFailed);
    } else {
      Fault(done);
      marks_stuck_ = true;
    }
  }

  // What is due in one case; gathered so that a duty and what follows from it stand in one commit.
  class Collected {
   public:
    explicit Collected(std::vector<PendingOffer>& offers) : offers_(offers) {}
    void Add(PlainEntry plain, std::vector<PlainEntry> effects) {
      if (offer_.entries.size() + 1 + effects.size() > log::kMaxEntriesPerAppend) Close();
      offer_.entries.push_back(std::move(plain));
      for (PlainEntry& effect : effects) offer_.entries.push_back(std::move(effect));
    }
    void Close() {
      if (!offer_.entries.empty()) offers_.push_back(std::move(offer_));
      offer_ = PendingOffer();
    }

   private:
    std::vector<PendingOffer>& offers_;
    PendingOffer offer_;
  };

  bool CollectDuties(const CaseId& case_id, absl::CivilDay today,
                     std::vector<PendingOffer>& offers) {
    if (IsErased(case_id)) return true;
    auto folded = Fold(case_id);
    if (!folded.ok()) {
      Fault(folded.status());
      return false;
    }
    CaseFold& fold = **folded;
    if (options_.erasures != nullptr && fold.access.erasures(own_origin_) != nullptr) {
      erasing_.insert(case_id);
    }
    Collected collected(offers);
    if (auto opened = OpenToNewParties(case_id, fold, collected); !opened.ok()) {
      Fault(opened);
      return false;
    }
    if (fold.state != nullptr) {
      if (auto made = CollectDomainDuties(case_id, fold, today, collected); !made.ok()) {
        Fault(made);
        return false;
      }
    }
    collected.Close();
    // A restart must find the case again when its far-ahead entry comes of age. Until then `ahead_`
    // does: a timer of today would fire at once, and again and again.
    const auto [first, last] = ahead_of_case_.equal_range(case_id);
    for (auto it = first; it != last; ++it) {
      const absl::CivilDay day = FinnishDay(TimeFromOrder(it->second));
      if (day > today) {
        SetTimer(day, case_id);
      } else {
        unwritten_timers_.emplace_back(log::TimerIndexKey(day, case_id), "");
      }
    }
    return true;
  }

  // Later disclosures: what the own log holds of the case and did not disclose to a party that came since.
  absl::Status OpenToNewParties(const CaseId& case_id, CaseFold& fold, Collected& collected) {
    if (!fold.in_own_log) return absl::OkStatus();
    // By agency, for what opens to one is opened once: those that are not answered, and from when on the own log
    // knew of the party. Of what another log says it learnt at some time later.
    struct Unanswered {
      access::CaseAccess::PartyEvent event;
      Order before = Order(std::numeric_limits<uint64_t>::max());
    };
    std::map<std::string_view, Unanswered> unanswered;
    for (const auto& [party_event, added] : fold.access.added()) {
      if (added.agency == own_agency_ || fold.nothing_to_open.contains(party_event) ||
          fold.access.Answered(own_origin_, party_event)) {
        continue;
      }
      Unanswered& one = unanswered.try_emplace(added.agency, Unanswered{party_event}).first->second;
      if (party_event.origin == own_origin_) one.before = std::min(one.before, added.order);
      fold.nothing_to_open.insert(party_event);
    }
    if (unanswered.empty()) return absl::OkStatus();
    Disclosing::NewParties parties;
    for (const auto& [agency, one] : unanswered) parties.emplace(agency, one.before);
    auto opens = disclosing_.ToOpen(case_id, parties, RecordingDay());
    if (!opens.ok()) {
      fold.nothing_to_open.clear();
      return opens.status();
    }
    for (auto& [agency, pieces] : *opens) {
      const auto& party_event = unanswered.at(agency).event;
      access::v1::Disclosed body;
      body.set_party_event_id(std::string(party_event.id.view()));
      body.set_party_origin(party_event.origin);
      for (size_t i = 0; i < pieces.size(); ++i) {
        PlainEntry plain = OwnEntry(LaterId(case_id, party_event, i), case_id, body);
        plain.entry.later = std::move(pieces[i]);
        AddCauses(plain.entry, fold);
        plain.entry.disclosures =
            disclosing_.TargetsOfDisclosed(agency, fold.access, RecordingDay());
        EvolveProvisionally(fold, plain.entry, body);
        collected.Add(std::move(plain), {});
      }
    }
    return absl::OkStatus();
  }

  absl::Status CollectDomainDuties(const CaseId& case_id, CaseFold& fold, absl::CivilDay today,
                                   Collected& collected) {
    for (const auto& duty : options_.service.Due(*fold.state, rules_, today)) {
      PlainEntry plain = OwnEntry(DutyId(case_id, duty), case_id, *duty.event);
      // A duty that takes the place of an event goes to everybody who got that one.
      Receivers reach;
      if (const auto replaced = EventId::FromBytes(CorrectedEventOf(*duty.event))) {
        POLKU_ASSIGN_OR_RETURN(Spoken spoken, WhatIsSpokenOf(plain.entry, *duty.event, replaced,
                                                             fold.access, PendingOffer()));
        reach = std::move(spoken.receivers);
      }
      std::vector<PlainEntry> effects = Accept(fold, plain, *duty.event, reach);
      collected.Add(std::move(plain), std::move(effects));
    }
    if (auto next = options_.service.NextDueDay(*fold.state, rules_, today)) {
      if (*next > today) SetTimer(*next, case_id);
    }
    return absl::OkStatus();
  }

  void SetTimer(absl::CivilDay day, const CaseId& case_id) {
    if (!timers_.emplace(day, case_id).second) return;
    unwritten_timers_.emplace_back(log::TimerIndexKey(day, case_id), "");
  }

  // False: no more can be appended now; the cases are evaluated again later. `next_round` gets the
  // cases that something was appended to.
  bool AppendDuties(std::vector<PendingOffer>& offers, std::set<CaseId>& next_round) {
    const std::vector<log::AppendResult> results = Commit(offers);
    absl::Status failed;
    bool as_foreseen = true;
    for (size_t i = 0; i < results.size(); ++i) {
      const CaseId& case_id = offers[i].entries[0].entry.case_id;
      const absl::Status& status = results[i].status;
      if (status.ok()) {
        next_round.insert(case_id);
        append_fault_.clear();
        // The log held a duty that the fold did not: the fold is not the history.
        as_foreseen = as_foreseen &&
                      std::none_of(results[i].receipts.begin(), results[i].receipts.end(),
                                   [](const auto& receipt) { return receipt.repeated; });
        continue;
      }
      as_foreseen = false;
      if (IsOfOneCase(status)) {
        Fault(Annotate(status, Str("a duty of case ", FormatCaseId(case_id))));
        marks_stuck_ = true;
      } else {
        failed = status;
      }
    }
    if (!as_foreseen) ForgetPendingCases();
    if (!failed.ok()) {
      touched_.insert(pending_cases_.begin(), pending_cases_.end());
      AppendFailed(failed);
      retry_after_ = now_ + (failed.code() == absl::StatusCode::kResourceExhausted
                                 ? kRetryWhenFull
                                 : kRetryWhenFailed);
    }
    EndProvisional();
    return failed.ok();
  }

  struct Provisional {
    Position position;
    Order last_order;
  };

  const Options options_;
  const std::string own_origin_;
  const std::string own_agency_;
  absl::flat_hash_map<uint64_t, std::string> origins_;  // by log number
  std::unique_ptr<log::Log> log_;
  std::vector<std::unique_ptr<log::ReplicaLog>> replicas_;
  absl::flat_hash_map<uint64_t, Position> held_sizes_;  // at the start, by log number
  Order earlier_order_;  // the newest of the earlier epochs of our origin
  const access::Policy policy_;
  Opener opener_;
  CaseFolds folds_;
  Disclosing disclosing_;
  const service::Rules rules_;
  const size_t other_agencies_;  // that have a witness here
  ControlState control_;
  std::set<std::string, std::less<>> accepted_types_;  // ordered, as touched_

  absl::Time now_;  // frozen for the length of a call
  absl::Time retry_after_ = absl::InfinitePast();
  bool stopped_ = false;      // StopAppending
  std::string fault_;         // stays until a restart
  std::string append_fault_;  // until an append succeeds
  event::v1::Header header_;  // reused

  // Accepted, not yet committed; empty between calls.
  std::vector<PendingOffer> pending_;
  std::set<std::pair<std::string, EventId>> pending_ids_;
  std::set<CaseId> pending_cases_;
  size_t pending_bytes_ = 0;
  Provisional provisional_;
  Provisional committed_provisional_;  // without the offer being considered
  std::vector<OfferAnswer> answers_;

  // Work to do.
  std::set<CaseId> touched_;  // ordered: what is appended must not hang on hash seeds
  std::set<std::pair<absl::CivilDay, CaseId>> timers_;
  std::vector<log::KeyValue> unwritten_timers_;  // in timers_, not yet in the index
  std::vector<std::string> fired_;               // not yet deleted from the index
  std::set<std::pair<Order, CaseId>> ahead_;      // cases with entries beyond the horizon
  std::multimap<CaseId, Order> ahead_of_case_;    // the same, by case
  std::set<CaseId> erasing_;  // access streams in which an erasure was asked for
  std::set<CaseId> closing_;  // their erasure is confirmed and not begun: nothing more is recorded of them
  bool marks_stuck_ = false;  // a case could not be evaluated: a restart must find it again
};

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Open(Options options) {
  auto node = std::make_unique<NodeImpl>(std::move(options));
  POLKU_RETURN_IF_ERROR(node->Start());
  return node;
}

}  // namespace polku::host
