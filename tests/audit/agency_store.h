// One agency's store as its service would leave it: an own log with sealed sections, and replicas
// of others' logs with what was disclosed. Over any engine; built by hand, without a host.
#ifndef POLKU_TESTS_AUDIT_AGENCY_STORE_H_
#define POLKU_TESTS_AUDIT_AGENCY_STORE_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "eventstore/base/random.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/group.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/vault/keystore.h"
#include "eventstore/vault/section.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "services/core/codec.h"
#include "tests/support/status_matchers.h"

namespace polku::audit {

inline CaseId NumberedCase(uint8_t n) {
  CaseId id;
  id.data()[0] = 0xCA;
  id.data()[15] = n;
  return id;
}

class AgencyStore {
 public:
  // `engine` and `keys` are borrowed. Without a signer: one of its own.
  AgencyStore(log::Engine& engine, vault::KeyStore& keys, const std::string& origin,
              std::unique_ptr<proof::Signer> signer = nullptr)
      : engine_(engine),
        keys_(keys),
        origin_(*OriginName::Parse(origin)),
        signer_(signer != nullptr ? std::move(signer)
                                  : proof::Signer::Generate(origin, proof::KeyUse::kCheckpoint)) {
    auto log = log::Log::Open(engine_,
                              {.origin = origin_,
                               .clock = [this] { return now_; },
                               .random = SystemRandom(),
                               .signer = signer_.get()},
                              std::string(32, 'c'));
    EXPECT_OK(log);
    log_ = *std::move(log);
  }

  void SetTime(absl::Time now) { now_ = now; }
  absl::Time now() const { return now_; }
  log::Log& log() { return *log_; }
  const std::string& origin() const { return origin_.text(); }

  // Appends an event by the own agency; `type` and bytes may be anything.
  log::Receipt Append(const CaseId& case_id, const std::string& type,
                      const std::vector<service::PlainSection>& sections, const Hash& schema,
                      const std::string& official = "o-1", Order newest_cause = Order(),
                      const std::vector<log::DisclosureTarget>& disclosures = {}) {
    log::NewEntry entry;
    entry.author_official = official;
    entry.newest_cause = newest_cause;
    entry.disclosures = disclosures;
    return AppendWith(std::move(entry), case_id, type, sections, schema);
  }
  // Of whatever author, with what `entry` has already: official, disclosures, what it opens later, what it corrects.
  log::Receipt AppendWith(log::NewEntry entry, const CaseId& case_id, const std::string& type,
                          const std::vector<service::PlainSection>& sections, const Hash& schema) {
    entry.id = NewEventId(SystemRandom());
    entry.type = type;
    if (entry.author_agency.empty()) entry.author_agency = std::string(origin_.agency());
    entry.case_id = case_id;
    entry.schema_hash = schema;
    for (const auto& section : sections) {
      const vault::KeyName name{case_id, section.kind};
      const auto key = keys_.Ensure({&name, 1});
      EXPECT_OK(key);
      const auto secret =
          vault::DeriveSectionSecret(key->front(), entry.author_agency, entry.id, section.kind);
      const Hash commitment =
          vault::CommitSection(secret, origin_.text(), entry.id, section.kind, section.plaintext);
      entry.sections.push_back(
          {section.kind, commitment, vault::SealSection(secret, commitment, section.plaintext)});
    }
    return AppendEntry(std::move(entry));
  }
  log::Receipt Append(const CaseId& case_id, const google::protobuf::Message& event,
                      Order newest_cause = Order(),
                      const std::vector<log::DisclosureTarget>& disclosures = {}) {
    const auto& type = *event.GetDescriptor();
    return Append(case_id, type.full_name(),
                  service::SplitSections(type, event.SerializeAsString()),
                  service::SchemaFor(type).hash, "o-1", newest_cause, disclosures);
  }
  log::Receipt AppendWith(log::NewEntry entry, const CaseId& case_id,
                          const google::protobuf::Message& event) {
    const auto& type = *event.GetDescriptor();
    return AppendWith(std::move(entry), case_id, type.full_name(),
                      service::SplitSections(type, event.SerializeAsString()),
                      service::SchemaFor(type).hash);
  }
  log::Receipt AppendControl(const google::protobuf::Message& control) {
    log::NewEntry entry;
    entry.id = NewEventId(SystemRandom());
    entry.type = control.GetDescriptor()->full_name();
    entry.author_agency = std::string(origin_.agency());
    entry.control = control.SerializeAsString();
    return AppendEntry(std::move(entry));
  }

  // Copies this store's own log into a replica at `reader`: the entries that `entitled` names, with
  // those sections; all others withheld. Control entries always.
  void ReplicateTo(log::Engine& reader, vault::KeyStore& reader_keys,
                   const std::map<uint64_t, SectionSet>& entitled) {
    auto replica = log::ReplicaLog::Open(reader, origin_);
    ASSERT_OK(replica);
    auto entries = log::EntryReader::Make(engine_, kOwnLog, Position(), true);
    ASSERT_OK(entries);
    log::GroupWriter writer;
    log::VerifiedBatch batch;
    batch.head.origin = origin_.text();
    for (;;) {
      auto next = (*entries)->Next();
      ASSERT_OK(next);
      if (!*next) break;
      const log::EntryView& entry = **next;
      const Hash hash = proof::LeafHash(entry.leaf);
      const auto found = entitled.find(entry.position.value());
      if (found == entitled.end() && entry.header->control().empty()) {
        writer.AddWithheld({0, hash});
      } else {
        writer.AddLeaf(entry.leaf);
        for (const auto& blob : entry.blobs) {
          if (found->second.has(blob.kind)) {
            writer.AddBlob(blob.kind, Wrap(*entry.header, blob.kind, reader_keys), blob.blob);
          }
        }
      }
      batch.head.frontier.AppendLeafHash(hash);
      batch.head.last_order = Order(entry.header->order());
    }
    auto encoded = std::move(writer).Finish();
    batch.groups.push_back({Position(), std::move(encoded.entries), std::move(encoded.blobs)});
    batch.checkpoint = log_->checkpoint();
    ASSERT_OK((*replica)->Append(batch));
  }

 private:
  log::Receipt AppendEntry(log::NewEntry entry) {
    const log::AppendRequest request{{std::move(entry)}, {}};
    const auto results = log_->Append({&request, 1});
    EXPECT_OK(results[0].status);
    return results[0].receipts.empty() ? log::Receipt{} : results[0].receipts[0];
  }

  std::string Wrap(const event::v1::Header& header, SectionKind kind,
                   vault::KeyStore& reader_keys) {
    const CaseId case_id = *CaseId::FromBytes(header.case_id());
    const vault::KeyName name{case_id, kind};
    const auto own = keys_.Get(name);
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

  log::Engine& engine_;
  vault::KeyStore& keys_;
  const OriginName origin_;
  absl::Time now_ = absl::FromUnixSeconds(1'741'000'000);  // 2025-03-03
  std::unique_ptr<proof::Signer> signer_;
  std::unique_ptr<log::Log> log_;
};

}  // namespace polku::audit

#endif  // POLKU_TESTS_AUDIT_AGENCY_STORE_H_
