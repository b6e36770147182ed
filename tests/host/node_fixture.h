// Nodes of several agencies in one process, wired through the real CutBatch and Subscriber without
// sockets, with a clock that moves by hand.
#ifndef POLKU_TESTS_HOST_NODE_FIXTURE_H_
#define POLKU_TESTS_HOST_NODE_FIXTURE_H_

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/replica/lookups.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/replica/subscriber.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "services/core/codec.h"
#include "services/host/node.h"
#include "tests/host/fault_engine.h"
#include "tests/support/key_storage.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::host {

// The agencies of deploy/demo.
inline constexpr std::string_view kOulu = "FI/MUN/0187690-1/oulu";
inline constexpr std::string_view kWellbeing = "FI/MUN/9999991-7/hyvinvointi";
inline constexpr std::string_view kProvider = "FI/ORG/9999992-5/toimintatupa";
inline constexpr std::string_view kKela = "FI/GOV/0246246-0/kela";
inline constexpr std::string_view kAuditor = "FI/GOV/9999993-3/tarkastaja";

inline std::string SourcePath(std::string_view path) {
  const char* root = std::getenv("POLKU_SOURCE_DIR");
  return Str(root == nullptr ? "." : root, "/", path);
}

inline std::string FileText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << path << ": set POLKU_SOURCE_DIR to the repository";
  return text.str();
}

template <typename T>
T ParseText(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

inline absl::Time Noon(std::string_view date) {
  auto time = ParseTime(Str(date, "T10:00:00Z"));  // noon or 13 in Finland
  EXPECT_TRUE(time.has_value()) << date;
  return time.value_or(absl::UnixEpoch());
}

inline CaseId NumberedCase(uint64_t n) {
  return *CaseId::FromBytes(Sha256(Str("case ", n)).view().substr(0, CaseId::kBytes));
}
inline EventId NamedEvent(std::string_view name) { return DerivedEventId(name); }

// ---- Offers ----

inline exchange::v1::OfferedEvent Event(const EventId& id, const CaseId& case_id,
                                        const google::protobuf::Message& body,
                                        std::string_view official = "") {
  exchange::v1::OfferedEvent event;
  event.set_event_id(std::string(id.view()));
  event.set_case_id(std::string(case_id.view()));
  event.set_type(body.GetDescriptor()->full_name());
  event.set_body(body.SerializeAsString());
  event.set_official(std::string(official));
  return event;
}

// A key of that agency which may publish and nothing else.
inline PrincipalConfig Author(std::string_view agency) {
  return {.agency = std::string(agency), .may_publish = true, .official = {}, .types = {}};
}

struct AuthoredEvent {
  std::string agency;
  std::string service;  // that takes it: "referral", "assessment"
  exchange::v1::OfferedEvent event;
};

// The path of one client of testdata/paths.ndjson, in order, as a case of our own number. Parts are the
// steps as an agency sends them together: 1 need, 2-3 plan, 4 answer, 5 agreement and decision, 7 start,
// 8-10 what is found out, 11-12 what follows, 13-14 end.
inline std::vector<AuthoredEvent> ClientPath(uint64_t case_number, size_t client = 0,
                                             int first_part = 1, int last_part = 14) {
  std::vector<AuthoredEvent> path;
  std::istringstream lines(FileText(SourcePath("tests/host/testdata/paths.ndjson")));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    google::protobuf::Struct parsed;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) << line;
    const auto& fields = parsed.fields();
    const auto part = static_cast<int>(fields.at("part").number_value());
    if (static_cast<size_t>(fields.at("client").number_value()) != client || part < first_part ||
        part > last_part) {
      continue;
    }
    const std::string& type = fields.at("type").string_value();
    const auto* descriptor = service::FindEventType(type);
    EXPECT_NE(descriptor, nullptr) << type;
    if (descriptor == nullptr) continue;
    std::unique_ptr<google::protobuf::Message> body(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    std::string json;
    EXPECT_TRUE(
        google::protobuf::util::MessageToJsonString(fields.at("event").struct_value(), &json).ok());
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, body.get()).ok()) << json;
    std::string service = descriptor->file()->package().substr(6);  // polku.<service>.v1
    service = service.substr(0, service.find('.'));
    // Every service takes these; on this path they are said where the case begins.
    if (service == "access") service = "referral";
    path.push_back({fields.at("agency").string_value(), service,
                    Event(NamedEvent(Str("line ", number, " of case ", case_number)),
                          NumberedCase(case_number), *body,
                          fields.at("official").string_value())});
  }
  EXPECT_FALSE(path.empty());
  return path;
}

// ---- Nodes ----

inline Config MakeConfig(std::string_view agency, std::string_view service) {
  Config config{.origin = *OriginName::Make(agency, service, 1)};
  auto agreement = LoadAgreement({SourcePath("deploy/agreements/taulukko-1.textproto"),
                                  SourcePath("deploy/agreements/osapuolet.textproto"),
                                  SourcePath("deploy/demo/agreement.textproto")});
  EXPECT_OK(agreement);
  if (agreement.ok()) config.agreement = *std::move(agreement);
  auto profile = LoadProfile({SourcePath("deploy/profiles/suomi.textproto"),
                              SourcePath("deploy/profiles/kuntouttava.textproto"),
                              SourcePath("deploy/profiles/oulu.textproto")});
  EXPECT_OK(profile);
  if (profile.ok()) config.profile = *std::move(profile);
  return config;
}

struct StoredEntry {
  Position position;
  event::v1::Header header;
  std::unique_ptr<google::protobuf::Message> body;  // as its holder sees it; null for control
};

class TestNode {
 public:
  // `service` is borrowed.
  TestNode(std::string_view agency, const service::Service& domain, uint64_t seed,
           FaultEngine::Opener open_engine = nullptr)
      : config(MakeConfig(agency, domain.name())),
        engine(std::move(open_engine)),
        service_(domain),
        random_(testing::SeededRandom(seed)) {
    keys.curve = zeromq::NewCurveKeyPair();
    keys.signer = proof::Signer::Generate(config.origin.text(), proof::KeyUse::kCheckpoint);
    keys.cosigner =
        proof::Signer::Generate(WitnessName(config.origin), proof::KeyUse::kCosignature);
    keys.master = vault::MasterKey(std::string(32, 'm'));
  }

  // Made anew at each opening, between keystore and node; none: nothing is erased here.
  std::function<absl::StatusOr<std::unique_ptr<ErasureHooks>>(vault::KeyStore&)> make_erasures;

  // The keystore's disk; none: `key_disk`.
  std::function<absl::StatusOr<std::unique_ptr<vault::SealedKeyStorage>>()> open_keys;

  absl::Status TryOpen() {
    Close();
    keystore_.reset();
    std::unique_ptr<vault::SealedKeyStorage> storage =
        std::make_unique<testing::MemoryKeyStorage>(key_disk);
    if (open_keys) {
      POLKU_ASSIGN_OR_RETURN(storage, open_keys());
    }
    POLKU_ASSIGN_OR_RETURN(keystore_,
                           vault::KeyStore::Open(std::move(storage), keys.master, random_));
    if (make_erasures) {
      POLKU_ASSIGN_OR_RETURN(erasures_, make_erasures(*keystore_));
    }
    POLKU_ASSIGN_OR_RETURN(node_, Node::Open({.config = config,
                                              .keys = keys,
                                              .service = service_,
                                              .engine = engine,
                                              .keystore = *keystore_,
                                              .clock = [this] { return now; },
                                              .random = random_,
                                              .erasures = erasures_.get()}));
    return absl::OkStatus();
  }
  void Open() { ASSERT_OK(TryOpen()); }
  void Close() {
    node_.reset();
    erasures_.reset();
  }
  // A clean stop and start; caches are cold.
  void Reopen() {
    Close();
    engine.Restart();
    Open();
  }
  // kill -9: of the index writes since the last sync only the first `kept` are there.
  void Crash(size_t kept) {
    Close();
    engine.Crash(kept);
    Open();
  }
  void Reindex() {
    Close();
    engine.Restart();
    ASSERT_OK(log::RebuildIndex(engine, nullptr));
    engine.Restart();  // the tool has exited and its index is on disk
    Open();
  }

  // `other` becomes a peer; before Open.
  size_t Follow(const TestNode& other) {
    config.peers.push_back({.origin = other.config.origin,
                            .address = "tcp://unused:1",
                            .curve_key = other.keys.curve.public_key,
                            .signing_key = other.keys.signer->verifier()});
    return config.peers.size() - 1;
  }
  // `other`'s cosignatures count here; before Open.
  void Trust(const TestNode& other) {
    config.witnesses.push_back(
        {std::string(other.config.origin.agency()), other.keys.cosigner->verifier()});
  }

  Node& operator*() { return *node_; }
  Node* operator->() { return node_.get(); }
  ErasureHooks* erasures() { return erasures_.get(); }
  vault::KeyStore& keystore() { return *keystore_; }
  std::string origin() const { return config.origin.text(); }

  exchange::v1::OfferAnswer Offer(std::string_view agency,
                                  std::vector<exchange::v1::OfferedEvent> events) {
    return OfferAs(Author(agency), std::move(events));
  }
  exchange::v1::OfferAnswer OfferAs(const PrincipalConfig& principal,
                                    std::vector<exchange::v1::OfferedEvent> events) {
    exchange::v1::Offer offer;
    for (auto& event : events) *offer.add_events() = std::move(event);
    const OfferFrom from{offer, principal};
    return node_->HandleOffers({&from, 1}).at(0);
  }
  // All in one turn.
  std::vector<exchange::v1::OfferAnswer> OfferTogether(
      const std::vector<std::vector<AuthoredEvent>>& offers) {
    std::vector<std::pair<PrincipalConfig, std::vector<exchange::v1::OfferedEvent>>> by;
    for (const auto& events : offers) {
      by.emplace_back(Author(events.at(0).agency), std::vector<exchange::v1::OfferedEvent>());
      for (const auto& event : events) by.back().second.push_back(event.event);
    }
    return OfferTogetherAs(by);
  }
  std::vector<exchange::v1::OfferAnswer> OfferTogetherAs(
      const std::vector<std::pair<PrincipalConfig, std::vector<exchange::v1::OfferedEvent>>>& offers) {
    std::deque<exchange::v1::Offer> messages;
    std::vector<OfferFrom> from;
    for (const auto& [principal, events] : offers) {
      auto& message = messages.emplace_back();
      for (const auto& event : events) *message.add_events() = event;
      from.push_back({message, principal});
    }
    return node_->HandleOffers(from);
  }

  // Work until nothing is left to do now.
  void WorkAll() {
    for (int i = 0; i < 100; ++i) {
      node_->Work();
      if (node_->NextWork() > now) return;
    }
    ADD_FAILURE() << "work is never done";
  }

  std::vector<StoredEntry> Entries(LogNumber log = kOwnLog) {
    std::vector<StoredEntry> entries;
    auto held = log::HeldLogs(engine);
    EXPECT_OK(held);
    std::string origin;
    for (const auto& one : *held) {
      if (one.number == log) origin = one.head.origin;
    }
    auto reader = log::EntryReader::Make(engine, log, Position(0), /*with_blobs=*/true);
    EXPECT_OK(reader);
    for (;;) {
      auto entry = (*reader)->Next();
      EXPECT_OK(entry);
      if (!entry.ok() || !*entry) return entries;
      StoredEntry stored{(*entry)->position, *(*entry)->header, nullptr};
      if (const auto* type = service::FindEventType(stored.header.type())) {
        auto opened = node_->opener().Open(**entry, origin);
        EXPECT_OK(opened);
        auto body = service::ParseRecordedEvent(*type, opened->bytes);
        EXPECT_OK(body);
        stored.body = *std::move(body);
      }
      entries.push_back(std::move(stored));
    }
  }
  size_t CountOf(std::string_view type) {
    size_t count = 0;
    for (const auto& entry : Entries()) count += entry.header.type() == type ? 1 : 0;
    return count;
  }
  LogNumber NumberOf(std::string_view origin) {
    const auto logs = log::HeldLogs(engine);
    for (const auto& held : *logs) {
      if (held.head.origin == origin) return held.number;
    }
    ADD_FAILURE() << origin << " is not held";
    return LogNumber(99);
  }

  // Every value that the engine holds, one after the other.
  std::string AllBytes() {
    std::string bytes;
    const auto logs = log::HeldLogs(engine);
    for (const auto& held : *logs) {
      auto cursor = engine.Scan(held.number, Position(0), /*with_blobs=*/true);
      EXPECT_OK(cursor);
      for (;;) {
        auto group = (*cursor)->Next();
        EXPECT_OK(group);
        if (!*group) break;
        bytes += (*group)->entries + (*group)->blobs;
      }
      bytes += *engine.ReadHead(held.number).value();
      bytes += *engine.ReadCheckpoint(held.number, held.head.frontier.size()).value();
    }
    auto index = engine.IndexScan("");
    for (;;) {
      auto entry = index->Next();
      EXPECT_OK(entry);
      if (!*entry) return bytes;
      bytes += (*entry)->first + (*entry)->second;
    }
  }

  Config config;
  ServiceKeys keys;
  FaultEngine engine;
  testing::KeyDisk key_disk;
  bool keystore_fails = false;  // a test means it to
  absl::Time now = Noon("2025-03-10");

 private:
  const service::Service& service_;
  const RandomBytes random_;
  std::unique_ptr<vault::KeyStore> keystore_;
  std::unique_ptr<ErasureHooks> erasures_;
  std::unique_ptr<Node> node_;
};

// Carries what `to` lacks of `from`'s log, batch by batch, and what was opened to it later; stops after
// `max_batches`. What is not stored because the engine failed is left for the next time. `key_origin`: of the
// keys that wrap the secrets; by default that of the log, as a service has it.
inline void Replicate(TestNode& from, TestNode& to, size_t peer, size_t batch_bytes = 4096,
                      int max_batches = 1'000'000,
                      std::optional<std::string> key_origin = std::nullopt) {
  const std::string of_key = key_origin.value_or(from.origin());
  const bool mirror = to.config.peers[peer].mirror;
  const std::string receiver(to.config.origin.agency());
  const LogNumber number = to->replica(peer).number();
  auto wanted = log::WantedEntries(to.engine, number);
  ASSERT_OK(wanted);
  auto subscriber = replica::Subscriber::Make(
      {.origin = from.origin(),
       .own_agency = receiver,
       .origin_keys = from.keys.signer->verifier(),
       .prepare_keys =
           [&](const std::vector<std::pair<CaseId, SectionKind>>& names_wanted) {
             std::vector<vault::KeyName> names;
             for (const auto& [case_id, kind] : names_wanted) {
               names.push_back({case_id, kind, of_key});
             }
             return to.keystore().Ensure(names).status();
           },
       .mirror = mirror,
       // The number is kept once something is stored.
       .lookups = {.held = [&](Position position) {
                     return log::FindHeld(to.engine, to->replica(peer).number(), position);
                   },
                   .opened = [&](const CaseId& case_id) {
                     return replica::OpenedLater(to.engine, to->replica(peer).number(), case_id,
                                                 receiver);
                   },
                   .erased = [&](Position after, Position before) {
                     return replica::ErasedLeaves(to.engine, to->replica(peer).number(), after,
                                                  before);
                   },
                   .newest_numbered = [&](Position size) {
                     return replica::NewestNumbered(to.engine, to->replica(peer).number(),
                                                    receiver, size);
                   }},
       .wanted = *std::move(wanted)},
      to->replica(peer).head(),
      [&](const CaseId& case_id, SectionKind kind, const Hash& commitment,
          const vault::SectionSecret& secret) -> absl::StatusOr<std::string> {
        POLKU_ASSIGN_OR_RETURN(const vault::CaseKey key,
                               to.keystore().Get({case_id, kind, of_key}));
        return vault::WrapSecret(key, commitment, secret);
      },
      testing::SeededRandom(7));
  const replica::SectionSecretFn secret = [&from](const event::v1::Header& header,
                                                  SectionKind kind) {
    return from->opener().OwnSecret(header, kind);
  };
  uint64_t session = 0;
  bool stopped = false;
  const auto apply = [&](std::vector<replica::SubscriberOutput> outputs) {
    const auto add = [&](std::vector<replica::SubscriberOutput> more) {
      for (auto& output : more) outputs.push_back(std::move(output));
    };
    for (size_t i = 0; i < outputs.size() && !stopped; ++i) {
      const replica::SubscriberOutput output = std::move(outputs[i]);
      if (auto* pull = std::get_if<replica::SendPull>(&output)) session = pull->pull.session();
      if (auto* alarm = std::get_if<replica::RaiseAlarm>(&output)) {
        // Not one that a failed store or keystore has raised.
        if (!stopped && !to.keystore_fails) ADD_FAILURE() << alarm->what;
        stopped = true;
      }
      if (auto* store = std::get_if<replica::StoreBatch>(&output)) {
        const absl::Status stored = to->StoreReplica(peer, store->batch);
        if (!stored.ok()) stopped = true;
        add(subscriber->OnStored(stored, to.now, to.now));
      }
      if (auto* store = std::get_if<replica::StoreFills>(&output)) {
        const absl::Status stored = to->StoreFills(peer, store->fills, store->gone);
        if (!stored.ok()) stopped = true;
        add(subscriber->OnFillsStored(stored, to.now));
      }
      if (auto* send = std::get_if<replica::SendFetch>(&output)) {
        std::vector<Position> positions;
        for (uint64_t position : send->fetch.positions()) positions.emplace_back(position);
        auto fills = replica::CutFills(from.engine, from.origin(), receiver, positions,
                                       replica::kMaxFetchBytes, secret);
        ASSERT_OK(fills);
        EXPECT_FALSE(fills->refused);
        for (const auto& fill : fills->fills) {
          add(subscriber->OnFill(fill.fill, fill.entries, fill.blobs, to.now));
        }
      }
    }
  };
  apply(subscriber->Start(to.now, to.now));
  const Position end = from->size();
  Position next = to->replica(peer).size();
  for (int i = 0; next < end && !stopped && i < max_batches; ++i) {
    auto cut = mirror ? replica::CutWhole(from.engine, kOwnLog, from.origin(), receiver, next, end,
                                          batch_bytes, secret)
                      : replica::CutBatch(from.engine, from.origin(), receiver, next, end,
                                          batch_bytes, secret);
    ASSERT_OK(cut);
    cut->batch.set_session(session);
    next = Position(cut->batch.first_position() + cut->batch.count());
    apply(subscriber->OnBatch(cut->batch, cut->entries, cut->blobs, to.now));
  }
  if (stopped || max_batches < 1'000'000) return;
  ASSERT_EQ(to->replica(peer).size(), end);
  wanted = log::WantedEntries(to.engine, to->replica(peer).number());
  ASSERT_OK(wanted);
  EXPECT_TRUE(wanted->empty());
}

}  // namespace polku::host

#endif  // POLKU_TESTS_HOST_NODE_FIXTURE_H_
