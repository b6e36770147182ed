// An origin for tests: writes groups, heads and checkpoints itself, so that it can also be
// dishonest in ways that log::Log does not allow.
#ifndef POLKU_TESTS_REPLICA_ORIGIN_H_
#define POLKU_TESTS_REPLICA_ORIGIN_H_

#include <sodium.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/replica/subscriber.h"
#include "eventstore/vault/section.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::replica {

inline constexpr char kOrigin[] = "FI/MUN/0187690-1/oulu/attendance/1";
inline constexpr char kKela[] = "FI/GOV/0245437-2/kela";
inline constexpr char kProvider[] = "FI/ORG/0000001-9/provider";
inline constexpr char kAuditor[] = "FI/GOV/0000002-7/auditor";

using Plaintexts = std::map<SectionKind, std::string>;
using Disclosures = std::map<std::string, std::vector<SectionKind>>;

struct WrittenEntry {
  std::string leaf;
  event::v1::Header header;
  Plaintexts plaintexts;
};

inline std::unique_ptr<proof::Signer> SignerFromSeed(
    const std::string& name, char fill, proof::KeyUse use = proof::KeyUse::kCheckpoint) {
  const std::string seed(32, fill);
  proof::Ed25519Public key;
  uint8_t secret[crypto_sign_SECRETKEYBYTES];
  EnsureSodium();
  crypto_sign_seed_keypair(key.data(), secret, reinterpret_cast<const uint8_t*>(seed.data()));
  const proof::VerifierKey verifier(name, key, use);
  std::string id;
  AppendBigEndian32(id, verifier.key_id());
  const std::string use_and_seed = std::string(1, static_cast<char>(use)) + seed;
  auto signer = proof::Signer::Parse(
      Str("PRIVATE+KEY+", name, "+", ToHex(id), "+", ToBase64(use_and_seed), "\n"), use);
  EXPECT_THAT(signer, polku::testing::IsOk());
  return *std::move(signer);
}

// The key with which `agency` cosigns.
inline std::unique_ptr<proof::Signer> CosignerOf(const std::string& agency, char fill = 'w') {
  return SignerFromSeed(agency + "/service/witness", fill, proof::KeyUse::kCosignature);
}

// What the log in `engine` can prove of its earlier sizes.
inline PrefixFn PrefixOf(log::Engine& engine, LogNumber log) {
  return [&engine, log](Position size) -> absl::StatusOr<PrefixProof> {
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, engine.ReadHead(log));
    if (!bytes.has_value()) return absl::NotFoundError("an empty log");
    POLKU_ASSIGN_OR_RETURN(const log::LogHead head, log::LogHead::Parse(*bytes));
    return PrefixOf(engine, log, size, head.frontier.size());
  };
}

class TestOrigin {
 public:
  explicit TestOrigin(uint64_t seed, std::string name = kOrigin, char key_fill = 'k')
      : random_(seed),
        name_(std::move(name)),
        key_fill_(key_fill),
        signer_(SignerFromSeed(name_, key_fill)) {
    head_.origin = name_;
  }

  // The same origin as it was when it had `size` entries, a size at which it committed; what it
  // does from then on is its own. The same key signs: how an old copy goes on, or a liar.
  std::unique_ptr<TestOrigin> OldCopy(Position size, uint64_t seed) const {
    auto copy = std::make_unique<TestOrigin>(seed, name_, key_fill_);
    for (const uint64_t end : commits_) {
      if (end > size.value()) break;
      while (copy->entries_.size() < end) copy->AddEntry(entries_[copy->entries_.size()]);
      copy->Commit();
    }
    EXPECT_EQ(copy->size(), size);
    return copy;
  }

  const std::string& name() const { return name_; }
  const proof::Signer& signer() const { return *signer_; }
  // The one that signs for so many entries, and the keys of the log.
  const proof::Signer& signer_for(Position size) const {
    for (const auto& [last, signer] : past_signers_) {
      if (size <= last) return *signer;
    }
    return *signer_;
  }
  proof::LogKeys keys() const {
    proof::LogKeys keys(past_signers_.empty() ? signer_->verifier()
                                              : past_signers_.front().second->verifier());
    for (size_t i = 0; i < past_signers_.size(); ++i) {
      const proof::Signer& next =
          i + 1 < past_signers_.size() ? *past_signers_[i + 1].second : *signer_;
      EXPECT_THAT(keys.Change(Position(past_signers_[i].first.value() - 1), next.verifier()),
                  polku::testing::IsOk());
    }
    return keys;
  }
  log::Engine& engine() { return *engine_; }
  Position size() const { return head_.frontier.size(); }
  const proof::Frontier& frontier() const { return head_.frontier; }
  const std::string& checkpoint() const { return checkpoint_; }
  const std::vector<WrittenEntry>& entries() const { return entries_; }

  void AddGenesis(const std::function<void(event::v1::Genesis&)>& mutate = {}) {
    event::v1::Genesis genesis;
    genesis.set_format(1);
    genesis.set_origin(name_);
    genesis.set_signing_key(std::string(signer_->verifier().key().view()));
    genesis.set_curve_key(std::string(32, 'c'));
    if (mutate) mutate(genesis);
    AddControl("polku.event.v1.Genesis", genesis.SerializeAsString());
  }

  void AddControl(const std::string& type, std::string control) {
    event::v1::Header header = NewHeader(type);
    header.set_control(std::move(control));
    Add(std::move(header), {});
  }

  void AddEvent(const Disclosures& disclosures, const Plaintexts& plaintexts,
                const std::function<void(event::v1::Header&)>& mutate = {}) {
    event::v1::Header header = NewHeader("polku.attendance.v1.DayRecorded");
    const CaseId case_id =
        *CaseId::FromBytes(Sha256(Str("case", random_.Below(50))).view().substr(0, 16));
    header.set_case_id(std::string(case_id.view()));
    header.set_case_revision(++revisions_[case_id]);
    for (const auto& [kind, plaintext] : plaintexts) {
      auto* commitment = header.add_commitments();
      commitment->set_kind(static_cast<event::v1::SectionKind>(kind));
      commitment->set_commitment(
          std::string(vault::CommitSection(SecretOf(header, kind), name_,
                                           *EventId::FromBytes(header.event_id()), kind, plaintext)
                          .view()));
    }
    for (const auto& [receiver, kinds] : disclosures) {
      auto* disclosure = header.add_disclosures();
      disclosure->set_receiver(receiver);
      for (const SectionKind kind : kinds)
        disclosure->add_sections(static_cast<event::v1::SectionKind>(kind));
      disclosure->set_number(++numbers_[receiver]);
    }
    if (mutate) mutate(header);
    Add(std::move(header), plaintexts);
  }

  // A random event that every receiver sees with probability one half.
  void AddRandomEvent(const std::vector<std::string>& receivers, size_t max_bytes = 200) {
    Plaintexts plaintexts;
    for (const SectionKind kind : kAllSectionKinds) {
      if (random_.Below(3) == 0) plaintexts[kind] = random_.Bytes(random_.Below(max_bytes));
    }
    Disclosures disclosures;
    for (const std::string& receiver : receivers) {
      if (random_.Below(2) == 0) continue;
      std::vector<SectionKind> kinds;
      for (const auto& [kind, plaintext] : plaintexts) {
        if (random_.Below(2) == 0) kinds.push_back(kind);
      }
      disclosures[receiver] = kinds;
    }
    AddEvent(disclosures, plaintexts);
  }

  // Everything added since the last one, under one checkpoint.
  void Commit() {
    log::CommitBatch batch;
    batch.log = kOwnLog;
    batch.expected_size = committed_;
    std::unique_ptr<log::GroupWriter> writer;
    Position first;
    const auto close = [&] {
      if (writer == nullptr) return;
      log::GroupWriter::Encoded encoded = std::move(*writer).Finish();
      batch.groups.push_back({first, std::move(encoded.entries), std::move(encoded.blobs)});
      writer.reset();
    };
    for (uint64_t p = committed_.value(); p < entries_.size(); ++p) {
      const WrittenEntry& entry = entries_[p];
      if (writer == nullptr) {
        writer = std::make_unique<log::GroupWriter>();
        first = Position(p);
      }
      writer->AddLeaf(entry.leaf);
      for (const auto& commitment : entry.header.commitments()) {
        const SectionKind kind = static_cast<SectionKind>(commitment.kind());
        writer->AddBlob(kind, "",
                        vault::SealSection(SecretOf(entry.header, kind),
                                           *Hash::FromBytes(commitment.commitment()),
                                           entry.plaintexts.at(kind)));
      }
      if (writer->count() >= log::kMaxGroupEntries || writer->bytes() >= log::kMaxGroupBytes)
        close();
    }
    close();
    committed_ = Position(entries_.size());
    batch.new_size = committed_;
    batch.checkpoint = checkpoint_ = signer_->Sign({name_, committed_, head_.frontier.Root()});
    batch.head = head_.Serialize();
    log::AddNodes(kOwnLog, nodes_, batch.index);
    for (uint64_t p = batch.expected_size.value(); p < entries_.size(); ++p) {
      const event::v1::Header& header = entries_[p].header;
      if (const auto case_id = CaseId::FromBytes(header.case_id())) {
        batch.index.emplace_back(
            log::CaseIndexKey(*case_id, kOwnLog, Position(p)),
            log::CaseIndexValue(Order(header.order()), Revision(header.case_revision())));
      } else {
        batch.index.emplace_back(log::ControlIndexKey(kOwnLog, Position(p)), header.type());
      }
    }
    nodes_.clear();
    commits_.push_back(committed_.value());
    ASSERT_THAT(engine_->Commit(batch), polku::testing::IsOk());
    if (next_signer_ != nullptr) {
      past_signers_.emplace_back(committed_, std::move(signer_));
      signer_ = std::move(next_signer_);
    }
  }

  SectionSecretFn secrets() {
    return [this](const event::v1::Header& header,
                  SectionKind kind) -> absl::StatusOr<vault::SectionSecret> {
      if (erased_secrets_.contains(std::pair(header.event_id(), kind)))
        return absl::NotFoundError("erased");
      return SecretOf(header, kind);
    };
  }
  // As if the case key of that section had been deleted.
  void EraseSecret(uint64_t position, SectionKind kind) {
    erased_secrets_[{entries_[position].header.event_id(), kind}] = true;
  }

  CutBatchFn cut() {
    return [this](std::string_view receiver, bool mirror, Position from, Position end,
                  size_t max_bytes) {
      return mirror ? CutWhole(*engine_, kOwnLog, name_, receiver, from, end, max_bytes, secrets())
                    : CutBatch(*engine_, name_, receiver, from, end, max_bytes, secrets());
    };
  }
  BatchMessage Cut(std::string_view receiver, uint64_t from, size_t max_bytes = 1 << 20,
                   bool mirror = false) {
    auto message = cut()(receiver, mirror, Position(from), committed_, max_bytes);
    EXPECT_THAT(message, polku::testing::IsOk());
    return message.ok() ? *std::move(message) : BatchMessage();
  }

  absl::StatusOr<Fills> CutFills(std::string_view receiver, std::span<const Position> positions,
                                 size_t max_bytes) {
    return replica::CutFills(*engine_, name_, receiver, positions, max_bytes, secrets());
  }
  // All Fills to one Fetch; none of its positions may be refused.
  std::vector<FillMessage> FillsFor(std::string_view receiver, const exchange::v1::Fetch& fetch) {
    std::vector<Position> positions;
    for (const uint64_t position : fetch.positions()) positions.push_back(Position(position));
    auto fills = CutFills(receiver, positions, kMaxFetchBytes);
    EXPECT_THAT(fills, polku::testing::IsOk());
    if (!fills.ok()) return {};
    EXPECT_FALSE(fills->refused);
    return std::move(fills->fills);
  }

  // An entry of the case that opens earlier ones of it to `receiver`.
  using Opened = std::map<uint64_t, std::vector<SectionKind>>;
  void AddLater(const CaseId& case_id, const std::string& receiver, const Opened& entries) {
    event::v1::Header header = NewHeader(std::string(log::kDisclosedType));
    header.set_case_id(std::string(case_id.view()));
    header.set_case_revision(++revisions_[case_id]);
    auto* later = header.mutable_later();
    later->set_receiver(receiver);
    for (const auto& [position, kinds] : entries) {
      auto* entry = later->add_entries();
      entry->set_position(position);
      for (const SectionKind kind : kinds)
        entry->add_sections(static_cast<event::v1::SectionKind>(kind));
    }
    auto* disclosure = header.add_disclosures();
    disclosure->set_receiver(receiver);
    disclosure->set_number(++numbers_[receiver]);
    Add(std::move(header), {});
  }
  CaseId CaseOf(uint64_t position) const {
    return *CaseId::FromBytes(entries_[position].header.case_id());
  }

  // Says what is gone, in an entry that is to be committed; Erase does it to what is stored.
  void AddErased(const std::vector<log::ErasedPart>& parts) {
    event::v1::Erased erased;
    erased.set_erasure_id(random_.Bytes(16));
    for (const log::ErasedPart& part : parts) {
      auto* entry = erased.add_entries();
      entry->set_position(part.position.value());
      entry->set_leaf(part.leaf);
      for (const SectionKind kind : kAllSectionKinds) {
        if (part.sections.has(kind)) entry->add_sections(static_cast<event::v1::SectionKind>(kind));
      }
    }
    AddControl(std::string(log::kErasedType), erased.SerializeAsString());
  }
  void Erase(const std::vector<log::ErasedPart>& parts) {
    ASSERT_THAT(log::EraseEntries(*engine_, kOwnLog, parts), polku::testing::IsOk());
    for (const log::ErasedPart& part : parts) {
      Gone& gone = gone_[part.position.value()];
      gone.leaf = gone.leaf || part.leaf;
      gone.sections = gone.sections | part.sections;
    }
  }
  struct Gone {
    bool leaf = false;
    SectionSet sections;
  };
  Gone GoneAt(uint64_t position) const {
    const auto it = gone_.find(position);
    return it == gone_.end() ? Gone() : it->second;
  }

  // The last entry of a commit: the next ones are signed by the key of `key_fill`.
  void AddSigningKeyChange(char key_fill, const std::string& old_key = "") {
    next_signer_ = SignerFromSeed(name_, key_fill);
    event::v1::KeyChanged change;
    change.set_use(event::v1::KEY_USE_SIGNING);
    change.set_old_key(old_key.empty() ? std::string(signer_->verifier().key().view()) : old_key);
    change.set_new_key(std::string(next_signer_->verifier().key().view()));
    change.set_reason("yearly");
    AddControl("polku.event.v1.KeyChanged", change.SerializeAsString());
  }

  vault::SectionSecret SecretOf(const event::v1::Header& header, SectionKind kind) const {
    const char byte = static_cast<char>(kind);
    return vault::SectionSecret(
        Sha256({"secret", header.event_id(), std::string_view(&byte, 1)}).view());
  }

 private:
  event::v1::Header NewHeader(const std::string& type) {
    event::v1::Header header;
    header.set_event_id(random_.Bytes(16));
    header.set_type(type);
    header.set_author_agency("FI/MUN/0187690-1/oulu");
    header.set_recorded_at_us(1'741'000'000'000'000 + static_cast<int64_t>(entries_.size()));
    order_ += 1 + random_.Below(1000);
    header.set_order(order_);
    return header;
  }

  void Add(event::v1::Header header, Plaintexts plaintexts) {
    AddEntry({log::MakeLeaf(random_.Bytes(32), header.SerializeAsString()), header,
              std::move(plaintexts)});
  }

  void AddEntry(WrittenEntry entry) {
    const event::v1::Header& header = entry.header;
    head_.frontier.AppendLeafHash(proof::LeafHash(entry.leaf), &nodes_);
    head_.last_order = Order(header.order());
    order_ = header.order();
    for (const auto& disclosure : header.disclosures()) {
      numbers_[disclosure.receiver()] = disclosure.number();
    }
    if (const auto case_id = CaseId::FromBytes(header.case_id())) {
      revisions_[*case_id] = header.case_revision();
    }
    entries_.push_back(std::move(entry));
  }

  polku::testing::SeededGenerator random_;
  const std::string name_;
  const char key_fill_;
  std::unique_ptr<proof::Signer> signer_;
  std::unique_ptr<proof::Signer> next_signer_;  // after the commit under way
  // With the largest size that each has signed.
  std::vector<std::pair<Position, std::unique_ptr<proof::Signer>>> past_signers_;
  const std::unique_ptr<log::Engine> engine_ = log::MakeMemoryEngine();
  log::LogHead head_;
  std::vector<proof::Node> nodes_;  // completed since the last commit
  std::vector<uint64_t> commits_;   // sizes after each
  std::string checkpoint_;
  Position committed_;
  uint64_t order_ = 1'741'000'000'000'000;
  std::vector<WrittenEntry> entries_;
  std::map<CaseId, uint64_t> revisions_;
  std::map<std::string, uint64_t> numbers_;
  std::map<std::pair<std::string, SectionKind>, bool> erased_secrets_;
  std::map<uint64_t, Gone> gone_;
};

// The subscriber's own case keys.
inline vault::CaseKey OwnKey(const CaseId& case_id, SectionKind kind) {
  const char byte = static_cast<char>(kind);
  return vault::CaseKey(Sha256({"own key", case_id.view(), std::string_view(&byte, 1)}).view());
}
inline absl::StatusOr<std::string> WrapWithOwnKey(const CaseId& case_id, SectionKind kind,
                                                  const Hash& commitment,
                                                  const vault::SectionSecret& s) {
  return vault::WrapSecret(OwnKey(case_id, kind), commitment, s);
}

// What the origin's first `size` entries open to `receiver` later, and did not erase.
inline OpenedPositions OpenedLaterTo(const TestOrigin& origin, const std::string& receiver,
                                     uint64_t size) {
  OpenedPositions opened;
  for (uint64_t p = 0; p < size; ++p) {
    const auto& later = origin.entries()[p].header.later();
    if (later.receiver() != receiver || origin.GoneAt(p).leaf) continue;
    for (const auto& entry : later.entries()) {
      SectionSet& sections = opened[Position(entry.position())];
      sections = sections | SectionsIn(entry.sections());
    }
  }
  return opened;
}

// Judge: the replica in `engine` holds exactly what `receiver` may have of the origin's first
// entries, in place, with sections that open, and no byte besides.
inline void ExpectProjection(TestOrigin& origin, const std::string& receiver, log::Engine& engine,
                             LogNumber log, const log::LogHead& head) {
  const uint64_t size = head.frontier.size().value();
  ASSERT_LE(size, origin.entries().size());
  OpenedPositions later = OpenedLaterTo(origin, receiver, size);
  proof::Frontier expected;
  for (uint64_t p = 0; p < size; ++p)
    expected.AppendLeafHash(proof::LeafHash(origin.entries()[p].leaf));
  ASSERT_TRUE(expected == head.frontier);
  auto cursor = engine.Scan(log, Position(0), true);
  ASSERT_THAT(cursor, polku::testing::IsOk());
  uint64_t position = 0;
  while (position < size) {
    auto group = (*cursor)->Next();
    ASSERT_THAT(group, polku::testing::IsOk());
    ASSERT_TRUE(group->has_value());
    ASSERT_EQ((*group)->first.value(), position);
    auto view = log::GroupView::Parse((*group)->entries, (*group)->blobs);
    ASSERT_THAT(view, polku::testing::IsOk());
    for (const log::GroupItem& item : view->items()) {
      const uint64_t count = item.leaf.empty() ? uint64_t{1} << item.withheld.level : 1;
      for (uint64_t p = position; p < position + count; ++p) {
        const WrittenEntry& entry = origin.entries()[p];
        const event::v1::Disclosure* ours = nullptr;
        for (const auto& d : entry.header.disclosures()) {
          if (d.receiver() == receiver) ours = &d;
        }
        const bool visible = ours != nullptr || entry.header.case_id().empty();
        const TestOrigin::Gone gone = origin.GoneAt(p);
        const bool opened_later = !visible && later.contains(Position(p)) && !gone.leaf;
        const SectionSet of_it =
            (ours != nullptr ? SectionsIn(ours->sections()) : SectionSet()) |
            (later.contains(Position(p)) ? later[Position(p)] : SectionSet());
        // Where all that was opened has been erased, it is filled only if that was before.
        const bool either = opened_later && !gone.sections.empty();
        if (!either) {
          ASSERT_EQ((visible && !gone.leaf) || opened_later, !item.leaf.empty())
              << "position " << p;
        }
        if (item.leaf.empty()) continue;
        ASSERT_EQ(item.leaf, entry.leaf) << "position " << p;
        std::map<SectionKind, std::string> opened;
        for (const log::BlobView& blob : view->BlobsAt(item.offset)) {
          Hash commitment;
          for (const auto& c : entry.header.commitments()) {
            if (c.kind() == static_cast<int>(blob.kind))
              commitment = *Hash::FromBytes(c.commitment());
          }
          auto s =
              vault::UnwrapSecret(OwnKey(*CaseId::FromBytes(entry.header.case_id()), blob.kind),
                                  commitment, blob.secret);
          ASSERT_THAT(s, polku::testing::IsOk());
          auto text = vault::OpenSection(*s, commitment, origin.name(),
                                         *EventId::FromBytes(entry.header.event_id()), blob.kind,
                                         blob.blob);
          ASSERT_THAT(text, polku::testing::IsOk());
          opened[blob.kind] = *text;
        }
        std::map<SectionKind, std::string> entitled;
        for (const auto& [kind, plaintext] : entry.plaintexts) {
          if (of_it.has(kind) && !gone.sections.has(kind)) entitled[kind] = plaintext;
        }
        ASSERT_EQ(opened, entitled) << "position " << p;
      }
      position += count;
    }
  }
}

// Judge: the mirror in `engine` holds every entry with every section, and can open those that are
// disclosed to `receiver` and no other.
inline void ExpectWhole(TestOrigin& origin, const std::string& receiver, log::Engine& engine,
                        LogNumber log, Position size) {
  const OpenedPositions later = OpenedLaterTo(origin, receiver, size.value());
  auto cursor = engine.Scan(log, Position(0), true);
  ASSERT_THAT(cursor, polku::testing::IsOk());
  uint64_t position = 0;
  while (position < size.value()) {
    auto group = (*cursor)->Next();
    ASSERT_THAT(group, polku::testing::IsOk());
    ASSERT_TRUE(group->has_value());
    auto view = log::GroupView::Parse((*group)->entries, (*group)->blobs);
    ASSERT_THAT(view, polku::testing::IsOk());
    for (const log::GroupItem& item : view->items()) {
      SCOPED_TRACE(position);
      const TestOrigin::Gone gone = origin.GoneAt(position);
      const WrittenEntry& entry = origin.entries().at(position++);
      if (gone.leaf) {
        ASSERT_TRUE(item.leaf.empty());
        ASSERT_EQ(item.withheld.level, 0);
        ASSERT_EQ(item.withheld.hash, proof::LeafHash(entry.leaf));
        continue;
      }
      ASSERT_EQ(item.leaf, entry.leaf);
      const auto blobs = view->BlobsAt(item.offset);
      size_t remaining = 0;
      for (const auto& [kind, plaintext] : entry.plaintexts) {
        remaining += gone.sections.has(kind) ? 0 : 1;
      }
      ASSERT_EQ(blobs.size(), remaining);
      for (const log::BlobView& blob : blobs) {
        Hash commitment;
        for (const auto& c : entry.header.commitments()) {
          if (c.kind() == static_cast<int>(blob.kind))
            commitment = *Hash::FromBytes(c.commitment());
        }
        ASSERT_EQ(blob.blob, vault::SealSection(origin.SecretOf(entry.header, blob.kind),
                                                commitment, entry.plaintexts.at(blob.kind)));
        bool ours = false;
        for (const auto& d : entry.header.disclosures()) {
          for (const int kind : d.sections())
            ours = ours || (d.receiver() == receiver && kind == static_cast<int>(blob.kind));
        }
        const auto opened = later.find(Position(position - 1));
        ours = ours || (opened != later.end() && opened->second.has(blob.kind));
        ASSERT_EQ(blob.secret.empty(), !ours);
        if (!ours) continue;
        const CaseId case_id = *CaseId::FromBytes(entry.header.case_id());
        auto s = vault::UnwrapSecret(OwnKey(case_id, blob.kind), commitment, blob.secret);
        ASSERT_THAT(s, polku::testing::IsOk());
        ASSERT_EQ(s->secret_bytes(), origin.SecretOf(entry.header, blob.kind).secret_bytes());
      }
    }
  }
  ASSERT_EQ(position, size.value());
}

}  // namespace polku::replica

#endif  // POLKU_TESTS_REPLICA_ORIGIN_H_
