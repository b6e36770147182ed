// Two agencies' stores with fixed keys and randomness: an origin's own log, and another agency's
// replica of it in which most is withheld. The same bytes in every run, so that golden files can be
// made of it.
#ifndef POLKU_TESTS_EVIDENCE_BUNDLE_WORLD_H_
#define POLKU_TESTS_EVIDENCE_BUNDLE_WORLD_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/bundle.h"
#include "eventstore/log/group.h"
#include "eventstore/log/log.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/vault/keystore.h"
#include "eventstore/vault/section.h"
#include "gtest/gtest.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/codec.h"
#include "sodium.h"
#include "tests/support/key_storage.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::evidence {

inline constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";
inline constexpr char kKela[] = "FI/GOV/0245437-2/kela";
inline constexpr char kPaja[] = "FI/ORG/9999992-5/toimintatupa";
inline constexpr char kOuluOrigin[] = "FI/MUN/0187690-1/oulu/referral/1";
inline constexpr char kKelaOrigin[] = "FI/GOV/0245437-2/kela/compensation/1";

inline CaseId NumberedCase(uint8_t n) {
  CaseId id;
  id.data()[0] = 0xCA;
  id.data()[15] = n;
  return id;
}

// The key of 32 times that byte.
inline std::unique_ptr<proof::Signer> FixedSigner(const std::string& name, proof::KeyUse use,
                                                  char seed_byte) {
  EnsureSodium();
  const std::string seed(32, seed_byte);
  proof::Ed25519Public key;
  unsigned char secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(key.data(), secret, reinterpret_cast<const unsigned char*>(seed.data()));
  const proof::VerifierKey verifier(name, key, use);
  std::string id;
  AppendBigEndian32(id, verifier.key_id());
  auto signer = proof::Signer::Parse(Str("PRIVATE+KEY+", name, "+", ToHex(id), "+",
                                         ToBase64(std::string(1, static_cast<char>(use)) + seed)),
                                     use);
  EXPECT_OK(signer);
  return *std::move(signer);
}

// A service's own log and its replicas of others.
class World {
 public:
  World(const std::string& origin, char seed)
      : origin_(*OriginName::Parse(origin)),
        random_(testing::SeededRandom(static_cast<uint64_t>(seed))),
        signer_(FixedSigner(origin, proof::KeyUse::kCheckpoint, seed)),
        engine_(log::MakeMemoryEngine()) {
    vault::MasterKey master(std::string(32, seed));
    auto keys =
        vault::KeyStore::Open(std::make_unique<testing::MemoryKeyStorage>(disk_), master, random_);
    EXPECT_OK(keys);
    keys_ = *std::move(keys);
    auto log = log::Log::Open(*engine_,
                              {.origin = origin_,
                               .clock = [this] { return now_; },
                               .random = random_,
                               .signer = signer_.get()},
                              std::string(32, 'c'));
    EXPECT_OK(log);
    log_ = *std::move(log);
  }

  log::Engine& engine() { return *engine_; }
  const proof::VerifierKey& key() const { return signer_->verifier(); }
  Position size() const { return log_->size(); }
  void Advance(absl::Duration by) { now_ += by; }
  absl::Time now() const { return now_; }

  log::Receipt AddSchema(const google::protobuf::Message& of) {
    const auto& schema = service::SchemaFor(*of.GetDescriptor());
    event::v1::SchemaAdded added;
    added.set_package(schema.package);
    added.set_file_descriptor_set(schema.file_descriptor_set);
    log::NewEntry entry;
    entry.id = NewEventId(random_);
    entry.type = added.GetDescriptor()->full_name();
    entry.author_agency = std::string(origin_.agency());
    entry.control = added.SerializeAsString();
    return Append(std::move(entry));
  }

  log::Receipt Add(const CaseId& case_id, const google::protobuf::Message& event,
                   const std::vector<log::DisclosureTarget>& disclosures = {},
                   const std::vector<log::CauseRef>& causes = {}) {
    log::NewEntry entry;
    entry.id = NewEventId(random_);
    entry.type = event.GetDescriptor()->full_name();
    entry.author_agency = std::string(origin_.agency());
    entry.author_official = "o-1";
    entry.case_id = case_id;
    entry.schema_hash = service::SchemaFor(*event.GetDescriptor()).hash;
    entry.causes = causes;
    entry.disclosures = disclosures;
    for (const auto& section :
         service::SplitSections(*event.GetDescriptor(), event.SerializeAsString())) {
      const vault::KeyName name{case_id, section.kind};
      const auto key = keys_->Ensure({&name, 1});
      EXPECT_OK(key);
      const auto secret =
          vault::DeriveSectionSecret(key->front(), entry.author_agency, entry.id, section.kind);
      const Hash commitment =
          vault::CommitSection(secret, origin_.text(), entry.id, section.kind, section.plaintext);
      entry.sections.push_back(
          {section.kind, commitment, vault::SealSection(secret, commitment, section.plaintext)});
    }
    return Append(std::move(entry));
  }

  std::string NoteAt(Position size) {
    const auto note = engine_->ReadCheckpoint(kOwnLog, size);
    EXPECT_OK(note);
    return note->value_or("");
  }
  proof::Checkpoint CheckpointAt(Position size) {
    const auto checkpoint = proof::VerifyCheckpoint(NoteAt(size), key());
    EXPECT_OK(checkpoint);
    EXPECT_EQ(checkpoint->size, size);
    return *checkpoint;
  }

  // Copies the own log up to the last of `ends` into `reader`, a batch up to each of them: control
  // entries and those that name `agency`, with its sections.
  void ReplicateTo(World& reader, const std::string& agency, const std::vector<uint64_t>& ends) {
    auto replica = log::ReplicaLog::Open(reader.engine(), origin_);
    ASSERT_OK(replica);
    auto entries = log::EntryReader::Make(*engine_, kOwnLog, Position(), /*with_blobs=*/true);
    ASSERT_OK(entries);
    log::VerifiedBatch batch;
    batch.head.origin = origin_.text();
    for (const uint64_t end : ends) {
      log::GroupWriter writer;
      batch.first = batch.head.frontier.size();
      batch.groups.clear();
      std::vector<Hash> withheld;
      Position first_withheld = batch.first;
      const auto flush = [&] {
        for (const auto& subtree : proof::CoverRange(first_withheld, withheld)) {
          writer.AddWithheld(subtree);
        }
        withheld.clear();
      };
      for (uint64_t position = batch.first.value(); position < end; ++position) {
        auto next = (*entries)->Next();
        ASSERT_OK(next);
        ASSERT_TRUE(next->has_value());
        const log::EntryView& entry = **next;
        const Hash hash = proof::LeafHash(entry.leaf);
        std::optional<SectionSet> sections;
        if (!entry.header->control().empty()) sections = SectionSet();
        for (const auto& disclosure : entry.header->disclosures()) {
          if (disclosure.receiver() != agency) continue;
          sections = SectionSet();
          for (int kind : disclosure.sections()) sections->add(static_cast<SectionKind>(kind));
        }
        if (sections) {
          flush();
          writer.AddLeaf(entry.leaf);
          for (const auto& blob : entry.blobs) {
            if (sections->has(blob.kind)) {
              writer.AddBlob(blob.kind, Wrap(*entry.header, blob.kind, *reader.keys_), blob.blob);
            }
          }
        } else {
          if (withheld.empty()) first_withheld = entry.position;
          withheld.push_back(hash);
        }
        batch.head.frontier.AppendLeafHash(hash);
        batch.head.last_order = Order(entry.header->order());
      }
      flush();
      auto encoded = std::move(writer).Finish();
      batch.groups.push_back({batch.first, std::move(encoded.entries), std::move(encoded.blobs)});
      batch.checkpoint = NoteAt(Position(end));
      ASSERT_OK((*replica)->Append(batch));
    }
    reader.replicas_[origin_.text()] = (*replica)->number();
  }
  LogNumber ReplicaOf(const std::string& origin) const { return replicas_.at(origin); }

  // The witness cosigns this log at `size`; kept here.
  void KeepOwn(const proof::Signer& witness, Position size, absl::Time time) {
    ASSERT_OK(log::KeepCosignatures(*engine_, kOwnLog, {Kept(witness, size, time, size)}));
  }
  // The same, told to `reader` with the proof that leads to its checkpoint of `proven_to`.
  void KeepAt(World& reader, const proof::Signer& witness, Position size, absl::Time time,
              Position proven_to) {
    ASSERT_OK(log::KeepCosignatures(reader.engine(), reader.ReplicaOf(origin_.text()),
                                    {Kept(witness, size, time, proven_to)}));
  }

  // What the service itself may open.
  SecretFn Secrets() {
    return [this](const log::EntryView& entry, std::string_view,
                  const log::BlobView& blob) -> absl::StatusOr<std::optional<std::string>> {
      const CaseId case_id = *CaseId::FromBytes(entry.header->case_id());
      const auto key = keys_->Get({case_id, blob.kind});
      if (absl::IsNotFound(key.status())) return std::optional<std::string>();
      if (!key.ok()) return key.status();
      if (entry.log == kOwnLog) {
        const auto secret =
            vault::DeriveSectionSecret(*key, entry.header->author_agency(),
                                       *EventId::FromBytes(entry.header->event_id()), blob.kind);
        return std::optional(std::string(secret.secret_bytes()));
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
  log::KeptCosignature Kept(const proof::Signer& witness, Position size, absl::Time time,
                            Position proven_to) {
    log::TreeReader tree(*engine_, kOwnLog);
    const auto root = tree.Root(size);
    EXPECT_OK(root);
    log::KeptCosignature kept;
    kept.witness = witness.verifier().name();
    kept.time = time;
    kept.size = size;
    kept.root = *root;
    kept.line = witness.Cosign({.origin = origin_.text(), .size = size, .root = *root}, time);
    kept.proven_to = proven_to;
    if (proven_to != size) {
      const auto proof = tree.Consistency(size, proven_to);
      EXPECT_OK(proof);
      kept.consistency = *proof;
    }
    return kept;
  }

  log::Receipt Append(log::NewEntry entry) {
    const log::AppendRequest request{{std::move(entry)}, {}};
    const auto results = log_->Append({&request, 1});
    EXPECT_OK(results[0].status);
    return results[0].receipts.empty() ? log::Receipt{} : results[0].receipts[0];
  }

  std::string Wrap(const event::v1::Header& header, SectionKind kind,
                   vault::KeyStore& reader_keys) {
    const CaseId case_id = *CaseId::FromBytes(header.case_id());
    const vault::KeyName name{case_id, kind};
    const auto own = keys_->Get(name);
    const auto theirs = reader_keys.Ensure({&name, 1});
    EXPECT_OK(own);
    EXPECT_OK(theirs);
    for (const auto& committed : header.commitments()) {
      if (static_cast<SectionKind>(committed.kind()) != kind) continue;
      return vault::WrapSecret(
          theirs->front(), *Hash::FromBytes(committed.commitment()),
          vault::DeriveSectionSecret(*own, header.author_agency(),
                                     *EventId::FromBytes(header.event_id()), kind));
    }
    return "";
  }

  const OriginName origin_;
  const RandomBytes random_;
  const std::unique_ptr<proof::Signer> signer_;
  const std::unique_ptr<log::Engine> engine_;
  testing::KeyDisk disk_;
  std::unique_ptr<vault::KeyStore> keys_;
  absl::Time now_ = absl::FromUnixSeconds(1'741'000'000);  // 2025-03-03T11:06:40Z
  std::unique_ptr<log::Log> log_;
  std::map<std::string, LogNumber> replicas_;
};

}  // namespace polku::evidence

#endif  // POLKU_TESTS_EVIDENCE_BUNDLE_WORLD_H_
