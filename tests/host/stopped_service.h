// A service's directories as they lie there while it is stopped, on a real disk: a log with sealed
// sections, its keystore and keys, copies of the log of any age; and a mirror that serves one of them.
#ifndef POLKU_TESTS_HOST_STOPPED_SERVICE_H_
#define POLKU_TESTS_HOST_STOPPED_SERVICE_H_

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/log.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "eventstore/vault/section.h"
#include "gtest/gtest.h"
#include "services/host/config.h"
#include "services/host/high_water.h"
#include "services/host/keys.h"
#include "tests/log/log_fixture.h"
#include "tests/rocksdb/temp_directory.h"
#include "tests/support/status_matchers.h"

namespace polku::host {

inline std::string Plaintext(uint64_t n) { return Str("what was agreed in step ", n); }

class StoppedService {
 public:
  explicit StoppedService(std::string_view directory)
      : config_{.origin = *OriginName::Parse(log::kTestOrigin)} {
    config_.data_directory = Str(directory, "/data");
    config_.keystore_directory = Str(directory, "/keystore");
    config_.keys_directory = Str(directory, "/keys");
    EXPECT_OK(WriteNewKeys(config_.keys_directory, config_.origin.text(), SystemRandom()));
    LoadKeys();
  }
  // As they lie there now.
  void LoadKeys() { keys_ = *LoadServiceKeys(config_.keys_directory, config_.origin.text()); }

  Config& config() { return config_; }
  const ServiceKeys& keys() const { return keys_; }
  const proof::VerifierKey& key() const { return keys_.signer->verifier(); }

  std::unique_ptr<log::Engine> OpenEngine(
      rocks::OpenMode mode = rocks::OpenMode::kReadWrite) const {
    auto engine = rocks::OpenEngine({.directory = config_.data_directory, .mode = mode});
    EXPECT_OK(engine);
    return *std::move(engine);
  }
  std::unique_ptr<log::Log> OpenLog(log::Engine& engine) const {
    auto log = log::Log::Open(engine,
                              {.origin = config_.origin,
                               .clock = SystemClock(),
                               .random = SystemRandom(),
                               .signer = keys_.signer.get()},
                              keys_.curve.public_key.view());
    EXPECT_OK(log);
    return *std::move(log);
  }
  std::unique_ptr<vault::KeyStore> OpenKeys() const {
    auto storage = rocks::OpenKeyStorage(config_.keystore_directory, rocks::OpenMode::kReadWrite);
    EXPECT_OK(storage);
    auto keys = vault::KeyStore::Open(*std::move(storage), keys_.master, SystemRandom());
    EXPECT_OK(keys);
    return *std::move(keys);
  }

  // Entry `n` of case n % 5 with a service section; every commit is one entry.
  log::NewEntry Entry(vault::KeyStore& keystore, uint64_t n) const {
    log::NewEntry entry = log::TestEntry(n, n % 5);
    const vault::KeyName name{entry.case_id, SectionKind::kService};
    const vault::CaseKey key = (*keystore.Ensure({&name, 1}))[0];
    const auto secret =
        vault::DeriveSectionSecret(key, entry.author_agency, entry.id, SectionKind::kService);
    const std::string text = Plaintext(n);
    const Hash commitment = vault::CommitSection(secret, config_.origin.text(), entry.id,
                                                 SectionKind::kService, text);
    entry.sections.push_back(
        {SectionKind::kService, commitment, vault::SealSection(secret, commitment, text)});
    entry.disclosures.push_back({"FI/GOV/0246246-0/kela", SectionSet(), Position(0)});
    return entry;
  }

  // The service runs until its log has `size` entries, Genesis included, and marks the high water.
  std::string RunUntil(uint64_t size, uint64_t first_id = 0) const {
    const auto engine = OpenEngine();
    const auto keystore = OpenKeys();
    const auto log = OpenLog(*engine);
    while (log->size() < Position(size)) {
      const uint64_t n = first_id + log->size().value();
      EXPECT_OK(log::AppendOne(*log, log::One(Entry(*keystore, n))).status);
    }
    EXPECT_OK(HighWater(config_.keys_directory)
                  .Write(log->checkpoint(), log->size(), absl::Now(), /*now_too=*/true));
    return log->checkpoint();
  }

  Position Size() const {
    const auto engine = OpenEngine(rocks::OpenMode::kReadOnly);
    const auto logs = log::HeldLogs(*engine);
    EXPECT_OK(logs);
    return logs->empty() || logs->front().number != kOwnLog ? Position()
                                                            : logs->front().head.frontier.size();
  }

 private:
  Config config_;
  ServiceKeys keys_;
};

inline void CopyDirectory(const std::string& from, const std::string& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

// Serves the log in a data directory as a mirror of it would: whole, and without secrets.
class FakeMirror {
 public:
  // `alter` may change what is sent.
  using AlterFn = std::function<void(replica::BatchMessage&)>;
  FakeMirror(std::string data_directory, std::string origin, zeromq::CurveKey reader,
             AlterFn alter = {}, bool knows_reader = true, bool gives_log = true)
      : keys_(zeromq::NewCurveKeyPair()) {
    std::atomic<bool> ready = false;
    thread_ = std::thread([=, this, &ready] {
      auto engine =
          rocks::OpenEngine({.directory = data_directory, .mode = rocks::OpenMode::kReadOnly});
      EXPECT_OK(engine);
      const auto logs = log::HeldLogs(**engine);
      const Position size = logs->front().head.frontier.size();
      auto server = zeromq::Server::Bind(
          zeromq::MakeContext(),
          {.endpoint = "tcp://127.0.0.1:0", .keys = keys_, .is_known = [=](const auto& key) {
             return knows_reader && key == reader;
           }});
      EXPECT_OK(server);
      endpoint_ = (*server)->endpoint();
      ready = true;
      Serve(**server, **engine, origin, size, alter, gives_log);
    });
    while (!ready) absl::SleepFor(absl::Milliseconds(1));
  }
  ~FakeMirror() {
    stop_ = true;
    thread_.join();
  }
  const std::string& endpoint() const { return endpoint_; }
  const zeromq::CurveKey& key() const { return keys_.public_key; }

 private:
  void Serve(zeromq::Server& server, log::Engine& engine, const std::string& origin, Position size,
             const AlterFn& alter, bool gives_log) {
    // Short beats: a reader knows by them that it has all.
    auto publisher = replica::Publisher::Make(
        {.origin = origin, .batch_bytes = 2'000, .heartbeat = absl::Milliseconds(100)},
        [&](std::string_view receiver, bool, Position from, Position end, size_t max_bytes) {
          auto message = replica::CutWhole(engine, kOwnLog, origin, receiver, from, end, max_bytes,
                                           replica::SectionSecretFn());
          if (message.ok() && alter) alter(*message);
          return message;
        });
    const auto note = engine.ReadCheckpoint(kOwnLog, size);
    Send(server, *publisher, publisher->OnCommitted(size, **note, absl::Now()));
    while (!stop_) {
      zeromq::Wait({&server}, {}, -1, absl::Milliseconds(5));
      while (auto message = server.Receive()) {
        const auto* incoming = std::get_if<zeromq::Incoming>(&*message);
        if (incoming == nullptr || !incoming->envelope.has_pull()) continue;
        EXPECT_TRUE(incoming->envelope.pull().mirror());
        if (!gives_log) {
          exchange::v1::Error error;
          error.set_code(exchange::v1::ERROR_CODE_NOT_ENTITLED);
          Send(server, *publisher, {replica::SendError{incoming->route, std::move(error)}});
          continue;
        }
        Send(server, *publisher,
             publisher->OnPull(incoming->route, "agency", incoming->envelope.pull(), absl::Now()));
      }
      Send(server, *publisher, publisher->Tick(absl::Now()));
    }
  }

  static void Send(zeromq::Server& server, replica::Publisher& publisher,
                   std::vector<replica::PublisherOutput> outputs) {
    for (auto& output : outputs) {
      exchange::v1::Envelope envelope;
      envelope.set_protocol(1);
      if (auto* batch = std::get_if<replica::SendBatch>(&output)) {
        *envelope.mutable_batch() = std::move(batch->message.batch);
        const auto sent = server.Send(batch->to, {.envelope = std::move(envelope),
                                                  .entries = std::move(batch->message.entries),
                                                  .blobs = std::move(batch->message.blobs),
                                                  .has_payload = true});
        if (sent != zeromq::SendResult::kSent) publisher.OnSendFailed(batch->to);
      } else if (auto* beat = std::get_if<replica::SendHeartbeat>(&output)) {
        *envelope.mutable_heartbeat() = std::move(beat->heartbeat);
        server.Send(beat->to, {.envelope = std::move(envelope)});
      } else if (auto* error = std::get_if<replica::SendError>(&output)) {
        *envelope.mutable_error() = std::move(error->error);
        server.Send(error->to, {.envelope = std::move(envelope)});
      }
    }
  }

  const zeromq::CurveKeyPair keys_;
  std::string endpoint_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace polku::host

#endif  // POLKU_TESTS_HOST_STOPPED_SERVICE_H_
