#include "services/host/erasing.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/index.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/vault/section.h"
#include "services/host/epochs.h"
#include "services/host/logging.h"
#include "services/host/node.h"
#include "services/host/purger.h"

namespace polku::host {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kRetryMarks = absl::Minutes(1);
// Of one Erased: a leaf less what stands around the control message, amply.
constexpr size_t kMaxErasedBytes = log::kMaxLeafBytes - 4'096;

SectionSet Without(SectionSet all, SectionSet less) {
  SectionSet rest;
  for (const SectionKind kind : kAllSectionKinds) {
    if (all.has(kind) && !less.has(kind)) rest.add(kind);
  }
  return rest;
}

bool SameService(std::string_view a, std::string_view b) { return EpochsOf(a) == EpochsOf(b); }

std::optional<Hash> CommitmentOf(const event::v1::Header& header, SectionKind kind) {
  for (const auto& committed : header.commitments()) {
    if (static_cast<SectionKind>(committed.kind()) == kind) {
      return Hash::FromBytes(committed.commitment());
    }
  }
  return std::nullopt;
}

// "the erasure recorded at 17 of FI/…/referral/1": names no case.
std::string NameOf(const ErasedEntry& entry) {
  return Str("the erasure recorded at ", entry.position.value(), " of ", entry.origin);
}

class ErasingImpl : public Erasing {
 public:
  explicit ErasingImpl(Options options)
      : options_(std::move(options)),
        own_(options_.config.origin),
        policy_(options_.config.agreement),
        purger_([this](const std::vector<log::PurgeRange>& ranges) {
          // Keys alone may have gone, those that an old keystore had again.
          if (!ranges.empty()) POLKU_RETURN_IF_ERROR(options_.engine.Purge(ranges));
          return options_.keystore.Purge();
        }) {}

  absl::Status Start() {
    POLKU_ASSIGN_OR_RETURN(const auto held, log::HeldLogs(options_.engine));
    for (const auto& one : held) {
      if (SameService(one.head.origin, own_.text())) own_epochs_.insert(one.head.origin);
    }
    own_epochs_.insert(own_.text());
    std::vector<ErasedEntry> all;
    for (const auto& one : held) {
      POLKU_ASSIGN_OR_RETURN(auto entries,
                             ErasedEntries(options_.engine, one, [this](const absl::Status& bad) {
                               Malformed(bad);
                             }));
      for (auto& entry : entries) all.push_back(std::move(entry));
    }
    POLKU_RETURN_IF_ERROR(CheckOwnLog(all));
    POLKU_ASSIGN_OR_RETURN(hidden_, FencedParts(options_.engine, own_, options_.fence, Today()));
    POLKU_RETURN_IF_ERROR(EraseAhead(held, all));
    std::deque<ErasedEntry> later;
    for (auto& entry : all) {
      if (SameService(entry.origin, own_.text())) known_.insert(entry.erasure_id);
      POLKU_ASSIGN_OR_RETURN(const auto applied,
                             FindApplied(options_.engine, entry.log, entry.position));
      if (applied && applied->state == Applied::State::kDone) {
        // A fence file that was missing, or is of an older backup, learns it again.
        options_.fence.Put(entry.origin, entry.position, LineOf(entry, applied->retained_until));
        if (applied->retained_until) {
          retained_.emplace(*applied->retained_until, std::move(entry));
        } else {
          Hide(entry.fence, entry.of);
        }
        continue;
      }
      // Who takes part may be known from nothing else: the node carries that over first, unless the fence has
      // hidden it already.
      const bool after_parties =
          !applied && !IsOwn(entry.origin) && !hidden_.contains({entry.fence, entry.of});
      (after_parties ? later : todo_).push_back(std::move(entry));
    }
    while (!todo_.empty()) POLKU_RETURN_IF_ERROR(CarryOutBatch());
    POLKU_RETURN_IF_ERROR(options_.fence.Write());
    todo_ = std::move(later);
    settled_ = todo_.empty();
    POLKU_RETURN_IF_ERROR(KeepNumbers());
    return CleanKeys();
  }

  void Attach(Node& node) override {
    node_ = &node;
    while (!todo_.empty() && TryBatch()) {
    }
  }

  // ---- ErasureHooks ----

  bool IsErased(const CaseId& case_id, std::string_view origin) const override {
    return !hidden_.empty() &&
           hidden_.contains(FencedPart(FenceOf(case_id), std::string(origin)));
  }

  absl::Status Touched(const CaseId&, const access::CaseAccess& access) override {
    for (const std::string& origin : own_epochs_) {
      const auto* erasures = access.erasures(origin);
      if (erasures == nullptr) continue;
      for (const auto& [id, erasure] : *erasures) {
        if (!erasure.confirmed || erasure.cancelled || known_.contains(id)) continue;
        POLKU_RETURN_IF_ERROR(Begin(id, erasure));
      }
    }
    return absl::OkStatus();
  }

  absl::Status OnControl(LogNumber log, std::string_view origin, Position position,
                         const event::v1::Header& header) override {
    if (header.type() != event::v1::Erased::descriptor()->full_name()) return absl::OkStatus();
    auto entry = ReadErased(log, origin, position, header);
    if (!entry.ok()) {
      Malformed(entry.status());
      return entry.status();
    }
    todo_.push_back(*std::move(entry));
    settled_ = false;
    return absl::OkStatus();
  }

  void Work() override {
    const absl::Time now = options_.clock();
    if (now < retry_after_) return;
    fault_.clear();
    const absl::CivilDay today = Today();
    while (!retained_.empty() && retained_.begin()->first < today) {
      todo_.push_back(std::move(retained_.extract(retained_.begin()).mapped()));
    }
    if (!todo_.empty()) TryBatch();
    Finish();
    KeepMarks(now);
    settled_ = todo_.empty() && std::none_of(purging_.begin(), purging_.end(), [](const auto& one) {
                 return one.answer.has_value();
               });
    if (!fault_.empty()) retry_after_ = now + kRetry;
  }

  std::optional<uint64_t> settled() const override {
    const uint64_t steps = steps_;
    return settled_ ? std::optional(steps) : std::nullopt;
  }

  uint64_t under_way() const override { return todo_.size() + purging_.size(); }
  bool more() const override { return !todo_.empty() && fault_.empty(); }

  std::string health() const override {
    std::string text = malformed_;
    for (const std::string& more : {fault_, purger_.fault()}) {
      if (!more.empty()) text += Str(text.empty() ? "" : "; ", more);
    }
    return text;
  }

 private:
  using Parts = std::map<LogNumber, std::vector<log::ErasedPart>>;
  // What an Erased takes of what is held here now.
  struct Plan {
    Parts parts;
    std::set<CaseId> cases;             // of the leaves that are held
    std::set<std::string> receivers;    // own log: other agencies
    std::optional<access::Policy::Kept> kept;
    bool holds_something = false;
  };
  struct Purging {
    uint64_t job = 0;  // 0: nothing to be purged
    ErasedEntry entry;
    Applied done;
    std::optional<event::v1::ErasureAnswered> answer;
  };

  absl::CivilDay Today() const {
    return options_.config.business_date ? *options_.config.business_date
                                         : FinnishDay(options_.clock());
  }
  bool IsOwn(std::string_view origin) const { return SameService(origin, own_.text()); }
  static Fence::Line LineOf(const ErasedEntry& entry, std::optional<absl::CivilDay> until) {
    return {.fence = entry.fence,
            .erased_on = entry.recorded_on,
            .retained_until = until,
            .of = entry.of == entry.origin ? std::string() : entry.of};
  }
  // What goes of the own log goes of its earlier epochs, too.
  void Hide(const Hash& fence, const std::string& origin) {
    if (!IsOwn(origin)) {
      hidden_.emplace(fence, origin);
      return;
    }
    for (const std::string& epoch : own_epochs_) hidden_.emplace(fence, epoch);
  }

  void Malformed(const absl::Status& status) {
    LogLine(LogLevel::kError, status.ToString());
    malformed_ = status.ToString();
  }
  void Fault(std::string_view what, const absl::Status& status) {
    const std::string text = Str(what, ": ", status.ToString());
    if (text != told_) LogLine(LogLevel::kError, text);
    told_ = text;
    fault_ = text;
  }

  // ---- At the start ----

  absl::Status CheckOwnLog(const std::vector<ErasedEntry>& all) const {
    std::map<Position, Hash> there;
    for (const auto& entry : all) {
      if (entry.log == kOwnLog) there.emplace(entry.position, entry.fence);
    }
    for (const auto& [place, line] : options_.fence.lines()) {
      if (place.first != own_.text()) continue;
      const auto found = there.find(place.second);
      if (found != there.end() && found->second == line.fence) continue;
      return Error(absl::StatusCode::kDataLoss, "the log of ", own_.text(),
                   " is an old copy or another history: its fence (", options_.fence.path(),
                   ") knows an erasure of ", FormatDay(line.erased_on), " at entry ",
                   place.second.value(),
                   ", which is not there; serving it would bring back what was erased. Restore the newest "
                   "data directory, or fetch the log from a mirror with `polku recover`, or, when no "
                   "mirror has it, go on with `polku new-epoch` (README.md \"The log is behind\")");
    }
    return absl::OkStatus();
  }

  // The fence is ahead of a replica: the sections that its old copy holds go now, the leaves with the Erased
  // when it comes again.
  absl::Status EraseAhead(const std::vector<log::HeldLog>& held,
                          const std::vector<ErasedEntry>& all) {
    POLKU_ASSIGN_OR_RETURN(const auto clean_of, FindCleanMark(options_.engine));
    if (clean_of == StateOf(hidden_)) return absl::OkStatus();
    marks_due_ = true;
    std::set<FencedPart> ahead = hidden_;
    for (const auto& entry : all) ahead.erase({entry.fence, entry.of});
    if (ahead.empty()) return absl::OkStatus();
    std::map<uint64_t, std::string> origins;
    for (const auto& one : held) origins[one.number.value()] = one.head.origin;
    Parts parts;
    constexpr std::string_view kCasePrefix = "c";
    auto cursor = options_.engine.IndexScan(kCasePrefix);
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto item, cursor->NextView());
      if (!item) break;
      if (item->key.size() != 1 + CaseId::kBytes + 4 + 8) continue;
      const char* rest = item->key.data() + 1 + CaseId::kBytes;
      const auto case_id = CaseId::FromBytes(item->key.substr(1, CaseId::kBytes));
      const LogNumber number(ReadBigEndian32(rest));
      if (!ahead.contains({FenceOf(*case_id), origins[number.value()]})) continue;
      parts[number].push_back({Position(ReadBigEndian64(rest + 4)), AllSections(), false});
    }
    std::vector<log::PurgeRange> ranges;
    POLKU_RETURN_IF_ERROR(EraseParts(parts, ranges));
    if (!ranges.empty()) Purge(std::move(ranges));
    return absl::OkStatus();
  }

  // A keystore that is older than the fence has keys again that were erased. One that was killed before it was purged,
  // of an erasure or of another master key, is purged.
  absl::Status CleanKeys() {
    POLKU_ASSIGN_OR_RETURN(const auto clean_of, options_.keystore.CleanOf());
    if (clean_of == StateOf(hidden_)) return absl::OkStatus();
    marks_due_ = true;
    POLKU_ASSIGN_OR_RETURN(const auto erase, KeysOfHidden());
    if (!erase.empty()) {
      POLKU_RETURN_IF_ERROR(options_.keystore.Erase(erase));
      LogLine(LogLevel::kWarning, "the keystore is an older copy: ", erase.size(),
              " keys of erased cases were in it again and are erased again");
    }
    Purge({});
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<vault::KeyName>> KeysOfHidden() {
    std::vector<vault::KeyName> erase;
    if (hidden_.empty()) return erase;
    std::map<CaseId, std::vector<vault::KeyName>> back;
    CaseId last;
    Hash fence = FenceOf(last);
    POLKU_RETURN_IF_ERROR(options_.keystore.ForEachName([&](const vault::KeyName& name) {
      if (name.case_id != last) {
        last = name.case_id;
        fence = FenceOf(last);
      }
      if (hidden_.contains({fence, name.origin.empty() ? own_.text() : name.origin})) {
        back[name.case_id].push_back(name);
      }
      return absl::OkStatus();
    }));
    for (const auto& [case_id, names] : back) {
      POLKU_ASSIGN_OR_RETURN(const auto needed, NeededKeys(case_id, {}));
      for (const auto& name : names) {
        if (!needed.contains(name)) erase.push_back(name);
      }
    }
    return erase;
  }

  // ---- Carrying out ----

  // Keys that sections of the case still need: those held, less what is hidden and what `going` takes.
  absl::StatusOr<std::set<vault::KeyName>> NeededKeys(const CaseId& case_id,
                                                      const Parts& going) const {
    std::set<std::pair<LogNumber, Position>> whole;
    std::map<std::pair<LogNumber, Position>, SectionSet> sections;
    for (const auto& [log, parts] : going) {
      for (const auto& part : parts) {
        sections[{log, part.position}] = part.sections;
        if (part.leaf) whole.insert({log, part.position});
      }
    }
    std::map<uint64_t, std::string> origins;
    POLKU_ASSIGN_OR_RETURN(const auto held, log::HeldLogs(options_.engine));
    for (const auto& one : held) origins[one.number.value()] = one.head.origin;
    std::set<vault::KeyName> needed;
    POLKU_ASSIGN_OR_RETURN(const auto refs, log::CaseEntries(options_.engine, case_id));
    log::EntryFetcher fetcher(options_.engine);
    const Hash fence = FenceOf(case_id);
    for (const auto& ref : refs) {
      const std::string& origin = origins[ref.log.value()];
      if (going.empty() && hidden_.contains({fence, origin})) continue;
      if (whole.contains({ref.log, ref.position})) continue;
      const auto entry = fetcher.Fetch(ref.log, ref.position, /*with_blobs=*/true);
      if (absl::IsNotFound(entry.status())) continue;
      if (!entry.ok()) return entry.status();
      const auto gone = sections.find({ref.log, ref.position});
      for (const auto& blob : entry->blobs) {
        if (gone != sections.end() && gone->second.has(blob.kind)) continue;
        if (ref.log != kOwnLog && blob.secret.empty()) continue;  // a mirror's
        if (ref.log == kOwnLog) {
          needed.insert({case_id, blob.kind});
          continue;
        }
        needed.insert({case_id, blob.kind, origin});
        // What came before 2026-11-22, or by `polku new-epoch`, was wrapped under the key without origin.
        const auto commitment = CommitmentOf(*entry->header, blob.kind);
        const auto key = options_.keystore.Get({case_id, blob.kind, origin});
        if (!commitment || !key.ok() ||
            !vault::UnwrapSecret(*key, *commitment, blob.secret).ok()) {
          needed.insert({case_id, blob.kind});
        }
      }
    }
    return needed;
  }

  absl::StatusOr<Plan> PlanFor(const ErasedEntry& entry) {
    Plan plan;
    const bool own = IsOwn(entry.origin);
    const absl::CivilDay today = Today();
    POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(options_.engine));
    const auto of = std::find_if(logs.begin(), logs.end(),
                                 [&](const auto& one) { return one.head.origin == entry.of; });
    if (of == logs.end()) return plan;
    log::EntryFetcher fetcher(options_.engine);
    auto& parts = plan.parts[of->number];
    for (log::ErasedPart part : entry.parts) {
      // Of a log that was closed less may have come here than its origin held.
      if (part.position >= of->head.frontier.size()) break;
      const auto held = fetcher.Fetch(of->number, part.position, /*with_blobs=*/true);
      if (absl::IsNotFound(held.status())) {
        parts.push_back(part);
        continue;
      }
      if (!held.ok()) return held.status();
      const event::v1::Header& header = *held->header;
      const auto case_id = CaseId::FromBytes(header.case_id());
      // A control entry is no case's: no officials of any case can have erased it.
      if (!case_id) continue;
      // Of a log that was closed because it had forked, other entries may stand here than at its origin.
      if (entry.of != entry.origin && FenceOf(*case_id) != entry.fence) continue;
      plan.cases.insert(*case_id);
      for (const auto& disclosure : header.disclosures()) {
        if (own && disclosure.receiver() != own_.agency()) {
          plan.receivers.insert(disclosure.receiver());
        }
      }
      if (own && header.has_later() && header.later().receiver() != own_.agency()) {
        plan.receivers.insert(header.later().receiver());
      }
      const absl::CivilDay recorded = FinnishDay(absl::FromUnixMicros(header.recorded_at_us()));
      SectionSet kept;
      for (const auto& blob : held->blobs) {
        const bool goes = part.leaf || part.sections.has(blob.kind);
        if (own || !goes || blob.secret.empty()) continue;
        const auto keep = policy_.KeptBy(own_.agency(), header.type(), blob.kind, recorded);
        if (!keep || keep->until < today) continue;
        kept.add(blob.kind);
        if (!plan.kept || plan.kept->until < keep->until) plan.kept = keep;
      }
      for (const auto& blob : held->blobs) {
        if (part.leaf && !kept.has(blob.kind)) part.sections.add(blob.kind);
      }
      part.sections = Without(part.sections, kept);
      part.leaf = part.leaf && kept.empty();
      const bool any_blob = std::any_of(held->blobs.begin(), held->blobs.end(), [&](const auto& b) {
        return part.sections.has(b.kind);
      });
      plan.holds_something = plan.holds_something || part.leaf || any_blob || !kept.empty();
      if (part.leaf || !part.sections.empty()) parts.push_back(part);
    }
    return plan;
  }

  // Of what the plan takes; `going` is all that goes in the same turn.
  absl::Status AddKeys(const Plan& plan, const ErasedEntry& entry, const Parts& going,
                       std::vector<vault::KeyName>& erase) const {
    std::set<std::string> origins = IsOwn(entry.origin) ? own_epochs_ : std::set{entry.of};
    origins.insert("");
    for (const CaseId& case_id : plan.cases) {
      POLKU_ASSIGN_OR_RETURN(const auto needed, NeededKeys(case_id, going));
      for (const SectionKind kind : kAllSectionKinds) {
        for (const std::string& origin : origins) {
          const vault::KeyName name{case_id, kind, origin};
          if (!needed.contains(name)) erase.push_back(name);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status EraseParts(const Parts& parts, std::vector<log::PurgeRange>& ranges) {
    // The own log last: while its headers are there, the case is known.
    for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
      if (it->second.empty()) continue;
      POLKU_ASSIGN_OR_RETURN(const auto more,
                             log::EraseEntries(options_.engine, it->first, it->second));
      ranges.insert(ranges.end(), more.begin(), more.end());
    }
    return absl::OkStatus();
  }

  // Beside the fence, for when the data directory is lost.
  absl::Status KeepNumbers() {
    const std::string& directory = options_.config.keys_directory;
    POLKU_ASSIGN_OR_RETURN(auto numbers, log::ErasedNumbers(options_.engine));
    POLKU_ASSIGN_OR_RETURN(const auto kept, ReadErasedNumbers(directory));
    for (const auto& [receiver, number] : kept) {
      numbers[receiver] = std::max(numbers[receiver], number);
    }
    return WriteErasedNumbers(directory, numbers);
  }

  absl::Status ForgetTimers(const std::set<CaseId>& cases) {
    std::vector<std::string> deletes;
    auto cursor = options_.engine.IndexScan(log::kTimerPrefix);
    for (;;) {
      POLKU_ASSIGN_OR_RETURN(const auto timer, cursor->Next());
      if (!timer) break;
      absl::CivilDay day;
      CaseId case_id;
      if (log::ParseTimerIndexKey(timer->first, day, case_id) && cases.contains(case_id)) {
        deletes.push_back(timer->first);
      }
    }
    return deletes.empty() ? absl::OkStatus() : options_.engine.WriteIndex({}, deletes);
  }

  // What is carried out in one turn.
  struct Batch {
    struct One {
      ErasedEntry entry;
      Plan plan;
      bool begun = false;
      Applied applied;
    };
    std::vector<One> each;
    Parts kept;  // parts of a case of which the rest is kept by law
    Parts whole;
    Parts all;  // both
  };

  // How many of the waiting go together: what one takes, the plan of the next must not count on.
  size_t BatchSize() const {
    std::set<Hash> cases;
    size_t parts = 0;
    for (const ErasedEntry& entry : todo_) {
      parts += entry.parts.size();
      const bool full = cases.size() == kMaxErasuresATurn ||
                        (!cases.empty() && parts > log::kMaxErasedEntries);
      if (full || !cases.insert(entry.fence).second) break;
    }
    return cases.size();
  }

  // The next of what waits.
  absl::Status CarryOutBatch() {
    const auto end = todo_.begin() + static_cast<ptrdiff_t>(BatchSize());
    std::vector<ErasedEntry> entries(todo_.begin(), end);
    POLKU_ASSIGN_OR_RETURN(const size_t carried_out, CarryOut(std::move(entries)));
    todo_.erase(todo_.begin(), todo_.begin() + static_cast<ptrdiff_t>(carried_out));
    return absl::OkStatus();
  }

  // From the Erased being on record to the bytes being on their way: all but the answers. Each step for all of
  // them, with one write, before the next step. How many it were: those before the first that cannot be
  // planned, whose fault is told when it is the first itself.
  absl::StatusOr<size_t> CarryOut(std::vector<ErasedEntry> entries) {
    Batch batch;
    for (ErasedEntry& entry : entries) {
      auto one = Begun(std::move(entry));
      if (!one.ok() && !batch.each.empty()) break;
      if (!one.ok()) return one.status();
      batch.each.push_back(*std::move(one));
    }
    steps_ += batch.each.size();
    marks_due_ = true;
    std::vector<log::KeyValue> records;
    for (const Batch::One& one : batch.each) {
      // What is kept is on record when it is done.
      Applied begun = one.applied;
      begun.retained_until.reset();
      records.push_back(AppliedRecord(one.entry.log, one.entry.position, begun));
    }
    POLKU_RETURN_IF_ERROR(options_.engine.WriteRecords(records, /*sync=*/true));
    for (const Batch::One& one : batch.each) {
      options_.fence.Put(one.entry.origin, one.entry.position,
                         LineOf(one.entry, one.applied.retained_until));
    }
    POLKU_RETURN_IF_ERROR(options_.fence.Write());
    std::vector<log::PurgeRange> ranges;
    POLKU_RETURN_IF_ERROR(EraseBatch(batch, ranges));
    const bool own = std::any_of(batch.each.begin(), batch.each.end(),
                                 [&](const Batch::One& one) { return IsOwn(one.entry.origin); });
    if (own) POLKU_RETURN_IF_ERROR(KeepNumbers());
    std::set<CaseId> own_cases;
    bool purge = false;
    for (const Batch::One& one : batch.each) {
      if (IsOwn(one.entry.origin)) {
        own_cases.insert(one.plan.cases.begin(), one.plan.cases.end());
      }
      for (const CaseId& case_id : one.plan.cases) {
        if (node_ != nullptr) node_->Forget(case_id);
      }
      purge = purge || NeedsPurge(one);
    }
    if (!own_cases.empty()) POLKU_RETURN_IF_ERROR(ForgetTimers(own_cases));
    const uint64_t job = purge ? Purge(std::move(ranges)) : 0;
    for (Batch::One& one : batch.each) {
      Purging& purging = purging_.emplace_back();
      purging.job = NeedsPurge(one) ? job : 0;
      purging.done = std::move(one.applied);
      purging.done.state = Applied::State::kDone;
      if (!IsOwn(one.entry.origin)) purging.answer = AnswerOf(one.entry, one.plan);
      purging.entry = std::move(one.entry);
    }
    return batch.each.size();
  }

  static bool NeedsPurge(const Batch::One& one) { return one.begun || one.plan.holds_something; }

  // Who takes part is on record, and what is to go is known. Nothing has gone yet.
  absl::StatusOr<Batch::One> Begun(ErasedEntry entry) {
    POLKU_ASSIGN_OR_RETURN(auto applied,
                           FindApplied(options_.engine, entry.log, entry.position));
    POLKU_ASSIGN_OR_RETURN(Plan plan, PlanFor(entry));
    const bool begun = applied.has_value();
    const bool own = IsOwn(entry.origin);
    if (!begun && !own && node_ != nullptr) {
      for (const CaseId& case_id : plan.cases) {
        POLKU_RETURN_IF_ERROR(node_->CarryOverParties(case_id));
      }
    }
    Applied next = std::move(applied).value_or(Applied());
    if (!begun && own) next.receivers.assign(plan.receivers.begin(), plan.receivers.end());
    next.state = Applied::State::kBegun;
    next.retained_until.reset();
    if (plan.kept) next.retained_until = plan.kept->until;
    return Batch::One{std::move(entry), std::move(plan), begun, std::move(next)};
  }

  // Keys, sections, leaves.
  absl::Status EraseBatch(Batch& batch, std::vector<log::PurgeRange>& ranges) {
    const auto add = [](const Parts& from, Parts& to) {
      for (const auto& [log, parts] : from) {
        to[log].insert(to[log].end(), parts.begin(), parts.end());
      }
    };
    for (const Batch::One& one : batch.each) {
      const bool kept = one.applied.retained_until.has_value();
      add(one.plan.parts, kept ? batch.kept : batch.whole);
      add(one.plan.parts, batch.all);
      if (kept) {
        hidden_.erase({one.entry.fence, one.entry.of});
      } else if (!RetainedByAnother(one.entry)) {
        Hide(one.entry.fence, one.entry.of);
      }
    }
    // Where not all of a case is hidden, a section must not be there without its key.
    POLKU_RETURN_IF_ERROR(EraseParts(batch.kept, ranges));
    std::vector<vault::KeyName> keys;
    for (const Batch::One& one : batch.each) {
      POLKU_RETURN_IF_ERROR(AddKeys(one.plan, one.entry, batch.all, keys));
    }
    if (!keys.empty()) POLKU_RETURN_IF_ERROR(options_.keystore.Erase(keys));
    // Of the rest the leaves go last: while they are there a start after a kill knows whose keys.
    return EraseParts(batch.whole, ranges);
  }

  uint64_t Purge(std::vector<log::PurgeRange> ranges) {
    return last_job_ = purger_.Add(std::move(ranges));
  }

  // When nothing is under way and everything is purged: the next start need not look for what is not there.
  void KeepMarks(absl::Time now) {
    if (!marks_due_ || now < retry_marks_ || !todo_.empty() || !purging_.empty() ||
        purger_.done() < last_job_) {
      return;
    }
    const Hash state = StateOf(hidden_);
    const log::KeyValue mark = CleanMark(state);
    absl::Status kept = options_.keystore.SetCleanOf(state);
    if (kept.ok()) kept = options_.engine.WriteRecords({&mark, 1}, /*sync=*/false);
    // Without them the next start takes longer, and that is all.
    if (kept.ok()) {
      marks_due_ = false;
    } else {
      retry_marks_ = now + kRetryMarks;
    }
  }

  // Of a large case's several Erased, one has left something here.
  bool RetainedByAnother(const ErasedEntry& entry) const {
    return std::any_of(options_.fence.lines().begin(), options_.fence.lines().end(),
                       [&](const auto& item) {
                         return Fence::OriginOf(item.first, item.second) == entry.of &&
                                item.second.fence == entry.fence && item.second.retained_until;
                       });
  }

  static event::v1::ErasureAnswered AnswerOf(const ErasedEntry& entry, const Plan& plan) {
    event::v1::ErasureAnswered answer;
    answer.set_origin(entry.origin);
    answer.set_position(entry.position.value());
    answer.set_outcome(event::v1::ERASURE_OUTCOME_ERASED);
    if (plan.kept) {
      answer.set_outcome(event::v1::ERASURE_OUTCOME_RETAINED);
      answer.set_legal_basis(plan.kept->legal_basis);
      answer.set_retained_until(FormatDay(plan.kept->until));
    }
    return answer;
  }

  // Whether it could be carried out; what keeps it from that is told, and tried again.
  bool TryBatch() {
    const std::string name = NameOf(todo_.front());
    const absl::Status carried = CarryOutBatch();
    if (!carried.ok()) Fault(Str(name, " could not be carried out and is tried again"), carried);
    return carried.ok();
  }

  // Those of one case, before their turn.
  absl::Status CarryOutCase(const Hash& fence) {
    for (;;) {
      const auto found = std::find_if(todo_.begin(), todo_.end(), [&](const ErasedEntry& entry) {
        return entry.fence == fence;
      });
      if (found == todo_.end()) return absl::OkStatus();
      if (const auto carried = CarryOut({*found}); !carried.ok()) {
        Fault(Str(NameOf(*found), " could not be carried out and is tried again"),
              carried.status());
        return absl::UnavailableError(fault_);
      }
      todo_.erase(found);
    }
  }

  // Answers and marks what is purged, in order, a batch a turn.
  void Finish() {
    const uint64_t purged = purger_.done();
    size_t count = 0;
    std::vector<ControlToAppend> answers;
    std::vector<log::KeyValue> records;
    while (count < std::min(purging_.size(), kMaxErasuresATurn) && purging_[count].job <= purged) {
      const Purging& one = purging_[count++];
      if (one.answer) answers.push_back({AnswerId(*one.answer), *one.answer});
      records.push_back(AppliedRecord(one.entry.log, one.entry.position, one.done));
    }
    if (count == 0) return;
    const std::string name =
        count == 1 ? NameOf(purging_.front().entry)
                   : Str(NameOf(purging_.front().entry), " and ", count - 1, " more");
    if (!answers.empty()) {
      const auto appended = node_->AppendControl(answers, /*from_reserve=*/true);
      if (!appended.ok()) {
        Fault(Str(name, " could not be answered and is tried again"), appended.status());
        return;
      }
    }
    if (const auto marked = options_.engine.WriteRecords(records, /*sync=*/true); !marked.ok()) {
      Fault(Str(name, " could not be marked as done and is tried again"), marked);
      return;
    }
    steps_ += count;
    for (; count > 0; --count) {
      Purging& done = purging_.front();
      LogLine(LogLevel::kInfo, NameOf(done.entry), " is carried out",
              done.done.retained_until
                  ? Str("; a part is kept until ", FormatDay(*done.done.retained_until))
                  : std::string());
      if (done.done.retained_until) {
        retained_.emplace(*done.done.retained_until, std::move(done.entry));
      }
      purging_.pop_front();
    }
  }

  // The same answer is appended once, another (what was kept has gone) anew.
  static EventId AnswerId(const event::v1::ErasureAnswered& answer) {
    std::string seed = "polku/erasure-answer/v1";
    seed.push_back('\0');
    return DerivedEventId(seed + answer.SerializeAsString());
  }

  // ---- The own log's erasures ----

  absl::Status Begin(const EventId& id, const access::CaseAccess::Erasure& erasure) {
    // What is named must be what is there: earlier ones of the case first.
    POLKU_RETURN_IF_ERROR(CarryOutCase(FenceOf(erasure.case_id)));
    POLKU_ASSIGN_OR_RETURN(
        const ErasurePlan plan,
        PlanErasure(options_.engine, own_, erasure.case_id, erasure.tier, policy_, Today(),
                    erasure.confirmed_at));
    if (plan.parts.empty()) {
      // Done for good: what is recorded of the case from here on was not meant.
      LogLine(LogLevel::kInfo, "an erasure was confirmed of a case of which this log holds nothing");
      known_.insert(id);
      return absl::OkStatus();
    }
    std::map<LogNumber, std::string> origins;
    POLKU_ASSIGN_OR_RETURN(const auto held, log::HeldLogs(options_.engine));
    for (const auto& one : held) origins[one.number] = one.head.origin;
    std::vector<event::v1::Erased> messages;
    for (const auto& [log, parts] : plan.parts) {
      AddMessages(id, erasure, log == kOwnLog ? std::string() : origins[log], parts, messages);
    }
    std::vector<ControlToAppend> entries;
    for (size_t i = 0; i < messages.size(); ++i) {
      std::string seed = "polku/erased/v1";
      seed.push_back('\0');
      seed += id.view();
      AppendBigEndian32(seed, static_cast<uint32_t>(i));
      entries.push_back({DerivedEventId(seed), messages[i]});
    }
    settled_ = false;  // a verification that sees the entry must not count
    POLKU_ASSIGN_OR_RETURN(const auto receipts,
                           node_->AppendControl(entries, /*from_reserve=*/true));
    // It is on record: from here on the next start would carry it out as well.
    known_.insert(id);
    Hide(FenceOf(erasure.case_id), own_.text());
    log::EntryFetcher fetcher(options_.engine);
    for (const auto& receipt : receipts) {
      POLKU_ASSIGN_OR_RETURN(const auto view,
                             fetcher.Fetch(receipt.log, receipt.position, /*with_blobs=*/false));
      POLKU_ASSIGN_OR_RETURN(auto entry, ReadErased(receipt.log, own_.text(), receipt.position,
                                                    *view.header));
      todo_.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  // `of`: the earlier epoch whose parts they are; empty: the own log's.
  static void AddMessages(const EventId& id, const access::CaseAccess::Erasure& erasure,
                          const std::string& of, const std::vector<log::ErasedPart>& parts,
                          std::vector<event::v1::Erased>& messages) {
    event::v1::Erased head;
    head.set_erasure_id(std::string(id.view()));
    head.set_tier(erasure.tier);
    head.set_legal_basis(erasure.legal_basis);
    head.set_requested_by(erasure.requested_by);
    head.set_confirmed_by(erasure.confirmed_by);
    head.set_fence(std::string(FenceOf(erasure.case_id).view()));
    head.set_origin(of);
    bool first = true;
    size_t bytes = 0;
    for (const auto& part : parts) {
      event::v1::ErasedEntry entry;
      entry.set_position(part.position.value());
      for (const SectionKind kind : kAllSectionKinds) {
        if (part.sections.has(kind)) entry.add_sections(static_cast<event::v1::SectionKind>(kind));
      }
      entry.set_leaf(part.leaf);
      constexpr size_t kTagAndLength = 4;
      const size_t size = entry.ByteSizeLong() + kTagAndLength;
      if (first || bytes + size > kMaxErasedBytes ||
          static_cast<size_t>(messages.back().entries_size()) == log::kMaxErasedEntries) {
        first = false;
        messages.push_back(head);
        bytes = head.ByteSizeLong();
      }
      bytes += size;
      *messages.back().add_entries() = std::move(entry);
    }
  }

  const Options options_;
  const OriginName own_;
  const access::Policy policy_;
  Node* node_ = nullptr;
  std::set<std::string> own_epochs_;
  std::set<EventId> known_;       // requests of the own log that have their Erased
  std::set<FencedPart> hidden_;   // nothing of these is shown
  std::deque<ErasedEntry> todo_;  // on record, to be carried out
  std::deque<Purging> purging_;
  std::multimap<absl::CivilDay, ErasedEntry> retained_;  // by the last day
  absl::Time retry_after_ = absl::InfinitePast();
  bool marks_due_ = false;
  absl::Time retry_marks_ = absl::InfinitePast();
  uint64_t last_job_ = 0;  // of the purger
  std::string fault_;      // of the newest Work()
  std::string told_;       // in the log
  std::string malformed_;  // until a restart
  std::atomic<uint64_t> steps_ = 0;
  std::atomic<bool> settled_ = true;
  Purger purger_;          // last: its thread ends before anything else does
};

}  // namespace

Erasing::~Erasing() = default;

absl::StatusOr<std::unique_ptr<Erasing>> Erasing::Open(Options options) {
  auto erasing = std::make_unique<ErasingImpl>(std::move(options));
  POLKU_RETURN_IF_ERROR(erasing->Start());
  return erasing;
}

}  // namespace polku::host
