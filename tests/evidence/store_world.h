// Two agencies' stores on any engine: an origin's own log with sealed sections and disclosures, and another agency's
// store with its own log and a replica of the first, part of which is withheld.
#ifndef POLKU_TESTS_EVIDENCE_STORE_WORLD_H_
#define POLKU_TESTS_EVIDENCE_STORE_WORLD_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/group.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/vault/keystore.h"
#include "eventstore/vault/section.h"
#include "tests/support/key_storage.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::evidence {

inline constexpr std::string_view kOuluReferral = "FI/MUN/0187690-1/oulu/referral/1";
inline constexpr std::string_view kKelaCompensation = "FI/GOV/0245437-2/kela/compensation/1";
inline constexpr std::string_view kKelaAgency = "FI/GOV/0245437-2/kela";

class StoreWorld {
 public:
  // `engine` is borrowed. `signer` and `made`: to go on with another world's log, after so many entries. `predecessor`:
  // the earlier epoch that the log goes on from.
  StoreWorld(log::Engine& engine, std::string_view origin,
             std::unique_ptr<proof::Signer> signer = nullptr, uint64_t made = 0,
             std::optional<log::Predecessor> predecessor = std::nullopt)
      : engine_(engine),
        origin_(*OriginName::Parse(origin)),
        signer_(signer != nullptr
                    ? std::move(signer)
                    : proof::Signer::Generate(std::string(origin), proof::KeyUse::kCheckpoint)),
        cosigner_(proof::Signer::Generate(Str(origin_.agency(), "/", origin_.service(), "/witness"),
                                          proof::KeyUse::kCosignature)),
        random_(testing::SeededRandom(7)),
        predecessor_(std::move(predecessor)),
        made_(made) {
    auto keys = vault::KeyStore::Open(std::make_unique<testing::MemoryKeyStorage>(disk_),
                                      vault::MasterKey(std::string(32, 'm')), random_);
    EXPECT_OK(keys);
    keys_ = *std::move(keys);
    OpenLog();
  }

  void OpenLog() {
    auto log = log::Log::Open(engine_,
                              {.origin = origin_, .clock = [this] { return now_; }, .random = random_,
                               .signer = signer_.get(), .predecessor = predecessor_},
                              std::string(32, 'c'));
    ASSERT_OK(log);
    log_ = *std::move(log);
  }
  void CloseLog() { log_.reset(); }

  log::Engine& engine() { return engine_; }
  const std::string& origin() const { return origin_.text(); }
  const proof::Signer& signer() const { return *signer_; }
  const proof::Signer& first_signer() const { return earlier_.empty() ? *signer_ : *earlier_.front(); }
  const proof::Signer& cosigner() const { return *cosigner_; }
  log::Log& log() { return *log_; }

  // `count` entries in one commit, of cases 1 to `cases` in turn; two of three are disclosed to Kela.
  void Append(size_t count, uint64_t cases = 9) {
    log::AppendRequest request;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t n = ++made_;
      log::NewEntry entry;
      std::string id(8, 'e');
      AppendBigEndian64(id, n);
      entry.id = *EventId::FromBytes(id);
      entry.type = "polku.attendance.v1.DayRecorded";
      entry.author_agency = std::string(origin_.agency());
      entry.author_official = "o-7";
      entry.case_id = CaseOf(n % cases + 1);
      entry.schema_hash = Sha256("schema");
      for (const SectionKind kind : {SectionKind::kService, SectionKind::kHealth}) {
        const vault::KeyName name{entry.case_id, kind};
        const auto key = [&] {  // threads that verify meanwhile open sections
          const std::lock_guard lock(keys_mu_);
          return keys_->Ensure({&name, 1});
        }();
        ASSERT_OK(key);
        const auto secret =
            vault::DeriveSectionSecret(key->front(), entry.author_agency, entry.id, kind);
        const std::string plaintext = Str("content ", n, SectionKindName(kind));
        const Hash commitment =
            vault::CommitSection(secret, origin_.text(), entry.id, kind, plaintext);
        entry.sections.push_back({kind, commitment, vault::SealSection(secret, commitment, plaintext)});
      }
      if (n % 3 != 0) {
        SectionSet sections;
        sections.add(SectionKind::kService);
        entry.disclosures.push_back({std::string(kKelaAgency), sections, Position(0)});
      }
      request.entries.push_back(std::move(entry));
    }
    now_ += absl::Seconds(1);
    ASSERT_OK(log_->Append({&request, 1})[0].status);
  }

  Position AppendControl(const google::protobuf::Message& message) {
    log::AppendRequest request;
    log::NewEntry& entry = request.entries.emplace_back();
    entry.id = ControlId();
    entry.type = message.GetDescriptor()->full_name();
    entry.author_agency = std::string(origin_.agency());
    entry.control = message.SerializeAsString();
    now_ += absl::Seconds(1);
    const auto result = log_->Append({&request, 1})[0];
    EXPECT_OK(result.status);
    return result.receipts.empty() ? Position() : result.receipts[0].position;
  }

  // Opens entries of a case to one more agency.
  Position OpenLater(const CaseId& case_id, std::string_view receiver,
                     const std::vector<log::NewEntry::Opened>& entries) {
    log::AppendRequest request;
    log::NewEntry& entry = request.entries.emplace_back();
    entry.id = ControlId();
    entry.type = std::string(log::kDisclosedType);
    entry.author_agency = std::string(origin_.agency());
    entry.case_id = case_id;
    entry.schema_hash = Sha256("schema");
    entry.disclosures.push_back({std::string(receiver), SectionSet(), Position(0)});
    entry.later = {std::string(receiver), Position(0), entries};
    now_ += absl::Seconds(1);
    const auto result = log_->Append({&request, 1})[0];
    EXPECT_OK(result.status);
    return result.receipts.empty() ? Position() : result.receipts[0].position;
  }

  // The Erased that names these parts, of this log or of the earlier epoch `of`; nothing is applied.
  Position AppendErased(const std::vector<log::ErasedPart>& parts, const CaseId& case_id = CaseOf(1),
                        std::string_view of = "") {
    event::v1::Erased erased;
    erased.set_origin(std::string(of));
    erased.set_erasure_id(std::string(16, 'r'));
    erased.set_legal_basis("28.1 § 2 k.");
    erased.set_requested_by("o-1");
    erased.set_confirmed_by("o-2");
    erased.set_fence(std::string(FenceOf(case_id).view()));
    bool leaf = false;
    for (const log::ErasedPart& part : parts) {
      auto* entry = erased.add_entries();
      entry->set_position(part.position.value());
      for (const SectionKind kind : kAllSectionKinds) {
        if (part.sections.has(kind)) entry->add_sections(static_cast<event::v1::SectionKind>(kind));
      }
      entry->set_leaf(part.leaf);
      leaf = leaf || part.leaf;
    }
    erased.set_tier(leaf ? event::v1::ERASURE_TIER_ENTRIES : event::v1::ERASURE_TIER_SECTIONS);
    return AppendControl(erased);
  }

  void Apply(LogNumber log, const std::vector<log::ErasedPart>& parts) {
    ASSERT_OK(log::EraseEntries(engine_, log, parts));
  }

  // The log goes on under another checkpoint key.
  Position ChangeSigningKey() {
    auto next = proof::Signer::Generate(origin_.text(), proof::KeyUse::kCheckpoint);
    event::v1::KeyChanged change;
    change.set_use(event::v1::KEY_USE_SIGNING);
    change.set_old_key(std::string(signer_->verifier().key().view()));
    change.set_new_key(std::string(next->verifier().key().view()));
    change.set_reason("yearly");
    const Position position = AppendControl(change);
    log_.reset();
    earlier_.push_back(std::move(signer_));
    signer_ = std::move(next);
    OpenLog();
    return position;
  }

  static CaseId CaseOf(uint64_t n) {
    std::string bytes(8, 'c');
    AppendBigEndian64(bytes, n);
    return *CaseId::FromBytes(bytes);
  }

  std::string NoteAt(Position size) {
    const auto note = engine_.ReadCheckpoint(kOwnLog, size);
    EXPECT_OK(note);
    return note->value_or("");
  }

  // What of the own log `reader` lacks, one batch for each commit: what the reader may see, the rest withheld.
  void ReplicateTo(StoreWorld& reader) {
    auto replica = log::ReplicaLog::Open(reader.engine_, origin_);
    ASSERT_OK(replica);
    log::EntryFetcher fetcher(engine_);
    log::HeldReader held(engine_, kOwnLog);
    auto checkpoints = engine_.Checkpoints(kOwnLog);
    log::LogHead head = (*replica)->head();
    while (true) {
      auto checkpoint = checkpoints->Next();
      ASSERT_OK(checkpoint);
      if (!checkpoint->has_value()) break;
      const uint64_t end = ReadBigEndian64((*checkpoint)->first.data());
      if (end <= head.frontier.size().value()) continue;
      log::VerifiedBatch batch;
      batch.first = head.frontier.size();
      log::GroupWriter writer;
      std::vector<Hash> withheld;
      Position withheld_from = batch.first;
      const auto flush = [&] {
        for (const auto& subtree : proof::CoverRange(withheld_from, withheld)) {
          writer.AddWithheld(subtree);
          ASSERT_OK(head.frontier.AppendSubtree(subtree, &batch.nodes));
        }
        withheld.clear();
      };
      const auto withhold = [&](uint64_t position, const Hash& hash) {
        if (withheld.empty()) withheld_from = Position(position);
        withheld.push_back(hash);
      };
      for (uint64_t position = batch.first.value(); position < end; ++position) {
        const auto entry = fetcher.Fetch(kOwnLog, Position(position), /*with_blobs=*/true);
        if (absl::IsNotFound(entry.status())) {
          const auto erased = held.Find(Position(position));
          ASSERT_OK(erased);
          ASSERT_EQ(erased->withheld.level, 0);
          withhold(position, erased->withheld.hash);
          continue;
        }
        ASSERT_OK(entry);
        const Hash hash = proof::LeafHash(entry->leaf);
        const event::v1::Disclosure* ours = nullptr;
        for (const auto& disclosure : entry->header->disclosures()) {
          if (disclosure.receiver() == reader.origin_.agency()) ours = &disclosure;
        }
        if (ours == nullptr && entry->header->control().empty()) {
          withhold(position, hash);
          continue;
        }
        flush();
        writer.AddLeaf(entry->leaf);
        head.frontier.AppendLeafHash(hash, &batch.nodes);
        head.last_order = Order(entry->header->order());
        if (ours == nullptr) continue;
        head.disclosure_number = ours->number();
        if (entry->header->later().receiver() == reader.origin_.agency()) {
          for (const auto& opened : entry->header->later().entries()) {
            SectionSet sections;
            for (const int kind : opened.sections()) sections.add(static_cast<SectionKind>(kind));
            batch.wanted.push_back({Position(opened.position()), sections});
          }
        }
        for (const auto& blob : entry->blobs) {
          for (const int kind : ours->sections()) {
            if (static_cast<int>(blob.kind) != kind) continue;
            writer.AddBlob(blob.kind, Wrap(*entry->header, blob.kind, *reader.keys_), blob.blob);
          }
        }
      }
      flush();
      auto encoded = std::move(writer).Finish();
      batch.groups.push_back({batch.first, std::move(encoded.entries), std::move(encoded.blobs)});
      batch.head = head;
      batch.checkpoint = (*checkpoint)->second;
      ASSERT_OK((*replica)->Append(batch));
    }
  }

  // What was opened to the reader later, fetched from here: the sections of `kinds`.
  void FillAt(StoreWorld& reader, LogNumber number, Position position, SectionSet kinds) {
    log::EntryFetcher fetcher(engine_);
    const auto entry = fetcher.Fetch(kOwnLog, position, /*with_blobs=*/true);
    ASSERT_OK(entry);
    log::Fill fill{.position = position, .leaf = std::string(entry->leaf), .blobs = {}, .siblings = {}};
    for (const auto& blob : entry->blobs) {
      if (!kinds.has(blob.kind)) continue;
      fill.blobs.push_back(
          {blob.kind, Wrap(*entry->header, blob.kind, *reader.keys_), std::string(blob.blob)});
    }
    log::TreeReader tree(engine_, kOwnLog);
    for (uint8_t level = 0; ((position.value() >> level | 1) + 1) << level <= log_->size().value();
         ++level) {
      const auto sibling = tree.Subtree(level, position.value() >> level ^ 1);
      ASSERT_OK(sibling);
      fill.siblings.push_back(*sibling);
    }
    ASSERT_OK(log::FillEntries(reader.engine_, number, {&fill, 1}));
  }

  // `witness` cosigns this own log at that size; kept here.
  void KeepCosignature(const proof::Signer& witness, Position size, absl::Time time) {
    log::TreeReader tree(engine_, kOwnLog);
    const auto root = tree.Root(size);
    ASSERT_OK(root);
    log::KeptCosignature kept;
    kept.witness = witness.verifier().name();
    kept.time = time;
    kept.size = size;
    kept.root = *root;
    kept.line = witness.Cosign({.origin = origin_.text(), .size = size, .root = *root}, time);
    kept.proven_to = size;
    ASSERT_OK(log::KeepCosignatures(engine_, kOwnLog, {kept}));
  }

  SecretFn Secrets() {
    return [this](const log::EntryView& entry, std::string_view,
                  const log::BlobView& blob) -> absl::StatusOr<std::optional<std::string>> {
      const std::lock_guard lock(keys_mu_);
      const auto key = keys_->Get({*CaseId::FromBytes(entry.header->case_id()), blob.kind});
      if (absl::IsNotFound(key.status())) return std::optional<std::string>();
      if (!key.ok()) return key.status();
      if (entry.log == kOwnLog) {
        return std::optional(std::string(
            vault::DeriveSectionSecret(*key, entry.header->author_agency(),
                                       *EventId::FromBytes(entry.header->event_id()), blob.kind)
                .secret_bytes()));
      }
      for (const auto& committed : entry.header->commitments()) {
        if (static_cast<SectionKind>(committed.kind()) != blob.kind) continue;
        const auto secret =
            vault::UnwrapSecret(*key, *Hash::FromBytes(committed.commitment()), blob.secret);
        if (!secret.ok()) return secret.status();
        return std::optional(std::string(secret->secret_bytes()));
      }
      return std::optional<std::string>();
    };
  }

 private:
  std::string Wrap(const event::v1::Header& header, SectionKind kind, vault::KeyStore& theirs) {
    const vault::KeyName name{*CaseId::FromBytes(header.case_id()), kind};
    const auto own = keys_->Get(name);
    const auto key = theirs.Ensure({&name, 1});
    EXPECT_OK(own);
    EXPECT_OK(key);
    for (const auto& committed : header.commitments()) {
      if (static_cast<SectionKind>(committed.kind()) != kind) continue;
      return vault::WrapSecret(
          key->front(), *Hash::FromBytes(committed.commitment()),
          vault::DeriveSectionSecret(*own, header.author_agency(),
                                     *EventId::FromBytes(header.event_id()), kind));
    }
    return "";
  }

  // Ids of entries that Append does not make.
  EventId ControlId() {
    std::string id(8, 'k');
    AppendBigEndian64(id, ++controls_);
    return *EventId::FromBytes(id);
  }

  log::Engine& engine_;
  const OriginName origin_;
  std::unique_ptr<proof::Signer> signer_;
  std::vector<std::unique_ptr<proof::Signer>> earlier_;
  const std::unique_ptr<proof::Signer> cosigner_;
  const RandomBytes random_;
  testing::KeyDisk disk_;
  std::mutex keys_mu_;
  std::unique_ptr<vault::KeyStore> keys_;
  absl::Time now_ = absl::FromUnixSeconds(1'741'000'000);
  std::unique_ptr<log::Log> log_;
  const std::optional<log::Predecessor> predecessor_;
  uint64_t made_;
  uint64_t controls_ = 0;
};

}  // namespace polku::evidence

#endif  // POLKU_TESTS_EVIDENCE_STORE_WORLD_H_
