// Publishing to a real service process and following its log as a peer: real sockets with CURVE, real
// disks, every commit synced on both sides. It measures and asserts nothing about time.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "adapters/client/client.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/replica/subscriber.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/host/keys.h"
#include "tests/bench/bench.h"

namespace polku {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kUsage =
    "usage: polku-exchange-bench --bin DIR --source DIR [--json] [--seconds N] [--directory D]\n"
    "  --bin DIR      where polku-referral is, e.g. build/release/bin\n"
    "  --source DIR   the repository (agreement and profile of the demo)\n"
    "  --seconds N    time for each measurement, default 3\n"
    "  --directory D  where to make (and remove) the data, default the working directory\n"
    "  --json         one JSON object instead of a table\n"
    "example: polku-exchange-bench --bin build/release/bin --source . --seconds 5\n"
    "One author, one polku-referral process, one subscriber that verifies and stores. Every event is\n"
    "decided, sealed and committed; 'acknowledged' is synced at the service, 'at subscriber' synced there,\n"
    "'witnessed' cosigned by the subscriber and acknowledged after that.\n";

constexpr const char* kService = "FI/MUN/0187690-1/oulu";
constexpr const char* kOrigin = "FI/MUN/0187690-1/oulu/referral/1";
constexpr const char* kPeer = "FI/MUN/9999991-7/hyvinvointi";

// The service as a process of its own; stopped when this goes.
class ServiceProcess {
 public:
  ServiceProcess(const fs::path& binary, const fs::path& config) {
    int out[2];
    if (pipe(out) != 0) Die("pipe failed");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      close(out[0]);
      execl(binary.c_str(), binary.c_str(), "--config", config.c_str(), nullptr);
      _exit(127);
    }
    close(out[1]);
    FILE* lines = fdopen(out[0], "r");
    char origin[512], endpoint[512];
    if (std::fscanf(lines, "ready %511s %511s", origin, endpoint) != 2) Die("the service did not start");
    endpoint_ = endpoint;
    std::fclose(lines);
  }
  ~ServiceProcess() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  const std::string& endpoint() const { return endpoint_; }

 private:
  pid_t pid_ = -1;
  std::string endpoint_;
};

// A peer on its own thread: follows the log, verifies, seals the secrets, stores with a sync.
class Follower {
 public:
  Follower(std::string endpoint, const fs::path& directory, const zeromq::CurveKey& server_key,
           zeromq::CurveKeyPair keys, proof::VerifierKey origin_key, const proof::Signer& cosigner)
      : cosigner_(cosigner),
        engine_(Must(rocks::OpenEngine({.directory = (directory / "data").string()}))),
        keystore_(Must(vault::KeyStore::Open(
            Must(rocks::OpenKeyStorage((directory / "keystore").string(), rocks::OpenMode::kReadWrite)),
            vault::MasterKey(std::string(32, 'm')), SystemRandom()))),
        replica_(Must(log::ReplicaLog::Open(*engine_, Must(OriginName::Parse(kOrigin))))) {
    thread_ = std::thread([=, this] { Run(endpoint, server_key, keys, origin_key); });
  }
  ~Follower() {
    stop_ = true;
    thread_.join();
  }
  // How many entries are on this peer's disk.
  uint64_t stored() const { return stored_.load(std::memory_order_acquire); }

 private:
  void Run(std::string endpoint, zeromq::CurveKey server_key, zeromq::CurveKeyPair keys,
           proof::VerifierKey origin_key) {
    auto context = zeromq::MakeContext();
    auto connection = Must(zeromq::Connection::Connect(
        context, {.endpoint = endpoint, .server_key = server_key, .keys = keys}));
    auto subscriber = replica::Subscriber::Make(
        {.origin = kOrigin,
         .own_agency = kPeer,
         .origin_keys = origin_key,
         .prepare_keys =
             [&](const std::vector<std::pair<CaseId, SectionKind>>& wanted) {
               std::vector<vault::KeyName> names;
               for (const auto& [case_id, kind] : wanted) names.push_back({case_id, kind});
               return keystore_->Ensure(names).status();
             },
         .cosigner = &cosigner_},
        replica_->head(),
        [&](const CaseId& case_id, SectionKind kind, const Hash& commitment,
            const vault::SectionSecret& secret) -> absl::StatusOr<std::string> {
          POLKU_ASSIGN_OR_RETURN(const vault::CaseKey key, keystore_->Get({case_id, kind}));
          return vault::WrapSecret(key, commitment, secret);
        },
        SystemRandom());
    auto link = zeromq::LinkState::kConnecting;
    while (!stop_) {
      zeromq::Wait({}, {connection.get()}, -1, absl::Milliseconds(20));
      if (const auto now_link = connection->link(); now_link != link) {
        link = now_link;
        if (link == zeromq::LinkState::kConnected) Apply(subscriber->Start(absl::Now(), absl::Now()), *subscriber, *connection);
      }
      while (auto message = connection->Receive()) {
        auto* incoming = std::get_if<zeromq::Incoming>(&*message);
        if (incoming == nullptr || !incoming->envelope.has_batch()) continue;
        const auto frame = [&](size_t at) {
          return at < incoming->payload.size() ? incoming->payload[at].view() : std::string_view();
        };
        Apply(subscriber->OnBatch(incoming->envelope.batch(), frame(0), frame(1), absl::Now()),
              *subscriber, *connection);
      }
      if (subscriber->NextTick() <= absl::Now()) Apply(subscriber->Tick(absl::Now()), *subscriber, *connection);
    }
  }

  void Apply(std::vector<replica::SubscriberOutput> outputs, replica::Subscriber& subscriber,
             zeromq::Connection& connection) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (auto* send = std::get_if<replica::SendPull>(&outputs[i])) {
        exchange::v1::Envelope envelope;
        envelope.set_protocol(1);
        *envelope.mutable_pull() = send->pull;
        connection.Send({.envelope = std::move(envelope)});
      } else if (auto* store = std::get_if<replica::StoreBatch>(&outputs[i])) {
        Must(replica_->Append(store->batch));
        stored_.store(replica_->size().value(), std::memory_order_release);
        for (auto& more : subscriber.OnStored(absl::OkStatus(), absl::Now(), absl::Now())) {
          outputs.push_back(std::move(more));
        }
      } else if (auto* cosign = std::get_if<replica::SendCosign>(&outputs[i])) {
        exchange::v1::Envelope envelope;
        envelope.set_protocol(1);
        *envelope.mutable_cosign() = cosign->cosign;
        connection.Send({.envelope = std::move(envelope)});
      } else if (auto* alarm = std::get_if<replica::RaiseAlarm>(&outputs[i])) {
        Die(alarm->what);
      }
    }
  }

  const proof::Signer& cosigner_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<vault::KeyStore> keystore_;
  std::unique_ptr<log::ReplicaLog> replica_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> stored_{0};
};

// An event of about 300 bytes on one of a few thousand cases.
class Events {
 public:
  explicit Events(RandomBytes random) : random_(std::move(random)), cases_(2'000) {
    for (auto& case_id : cases_) case_id = NewCaseId(random_);
  }
  exchange::v1::Offer Offer(size_t events) {
    exchange::v1::Offer offer;
    for (size_t i = 0; i < events; ++i) {
      referral::v1::NeedIdentified need;
      need.set_identified_on("2025-01-07");
      need.set_source(referral::v1::NEED_SOURCE_CLIENT);
      need.set_municipality_code("564");
      need.set_social_reasons(std::string(150, 'x'));
      auto* event = offer.add_events();
      event->set_event_id(std::string(NewEventId(random_).view()));
      event->set_case_id(std::string(cases_[next_++ % cases_.size()].view()));
      event->set_type(need.GetDescriptor()->full_name());
      event->set_official("bench");
      need.SerializeToString(event->mutable_body());
    }
    return offer;
  }

 private:
  RandomBytes random_;
  std::vector<CaseId> cases_;
  size_t next_ = 0;
};

double Micros(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

struct Result {
  std::string name;
  double events_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

Result Summarise(std::string name, std::vector<double>& latencies, size_t events, double seconds) {
  std::sort(latencies.begin(), latencies.end());
  return {std::move(name), static_cast<double>(events) / seconds, latencies[latencies.size() / 2],
          latencies[latencies.size() * 99 / 100]};
}

uint64_t LastPosition(const exchange::v1::OfferAnswer& answer) {
  if (answer.receipts().empty()) Die(Str("refused: ", answer.refusal().code(), ": ", answer.refusal().message()));
  return answer.receipts(answer.receipts_size() - 1).position();
}

// One event after the other, each waited for at the author and at the subscriber.
void Sequential(client::Client& client, Follower& follower, Events& events, double seconds,
                std::vector<Result>& results) {
  std::vector<double> acknowledged, at_subscriber;
  const auto start = Clock::now();
  while (Micros(Clock::now() - start) < seconds * 1e6) {
    const auto offer = events.Offer(1);
    const auto sent = Clock::now();
    const uint64_t position = LastPosition(Must(client.Publish(offer)));
    acknowledged.push_back(Micros(Clock::now() - sent));
    while (follower.stored() <= position) std::this_thread::yield();
    at_subscriber.push_back(Micros(Clock::now() - sent));
  }
  const double elapsed = Micros(Clock::now() - start) / 1e6;
  const size_t count = acknowledged.size();
  results.push_back(Summarise("1 author in sequence, acknowledged", acknowledged, count, elapsed));
  results.push_back(Summarise("1 author in sequence, at subscriber", at_subscriber, count, elapsed));
}

// The same, each acknowledged when the subscriber's cosignature stands behind it too.
void Witnessed(client::Client& client, Events& events, double seconds, std::vector<Result>& results) {
  std::vector<double> acknowledged;
  const auto start = Clock::now();
  while (Micros(Clock::now() - start) < seconds * 1e6) {
    auto offer = events.Offer(1);
    offer.set_witnesses(1);
    const auto sent = Clock::now();
    const auto answer = Must(client.Publish(offer));
    LastPosition(answer);
    if (answer.witnessed_by().empty()) Die("an answer without its witness");
    acknowledged.push_back(Micros(Clock::now() - sent));
  }
  const double elapsed = Micros(Clock::now() - start) / 1e6;
  const size_t count = acknowledged.size();
  results.push_back(Summarise("1 author in sequence, witnessed by 1", acknowledged, count, elapsed));
}

// A window of offers under way; throughput until the last is on the subscriber's disk.
void Windowed(client::Client& client, Follower& follower, Events& events, double seconds, size_t window,
              size_t per_offer, std::string name, std::vector<Result>& results) {
  std::vector<double> latencies;
  std::deque<std::pair<uint64_t, Clock::time_point>> under_way;
  uint64_t last = 0;
  size_t count = 0;
  const auto take = [&] {
    const auto [ticket, answer] = Must(client.NextAnswer());
    const auto it = std::find_if(under_way.begin(), under_way.end(),
                                 [ticket = ticket](const auto& sent) { return sent.first == ticket; });
    latencies.push_back(Micros(Clock::now() - it->second));
    under_way.erase(it);
    last = std::max(last, LastPosition(answer));
    count += per_offer;
  };
  const auto start = Clock::now();
  while (Micros(Clock::now() - start) < seconds * 1e6) {
    const auto offer = events.Offer(per_offer);
    under_way.emplace_back(Must(client.OfferAsync(offer)), Clock::now());
    if (under_way.size() >= window) take();
  }
  while (!under_way.empty()) take();
  const double acknowledged = Micros(Clock::now() - start) / 1e6;
  while (follower.stored() <= last) std::this_thread::yield();
  const double stored = Micros(Clock::now() - start) / 1e6;
  results.push_back(Summarise(name + ", acknowledged", latencies, count, acknowledged));
  results.push_back({name + ", at subscriber", static_cast<double>(count) / stored, 0, 0});
}

int Main(int argc, char** argv) {
  fs::path bin, source, directory = fs::current_path();
  double seconds = 3;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) Die(Str(arg, " needs a value; see --help"));
      return argv[++i];
    };
    if (arg == "--help") {
      std::cout << kUsage;
      return 0;
    }
    if (arg == "--json") {
      json = true;
    } else if (arg == "--bin") {
      bin = value();
    } else if (arg == "--source") {
      source = fs::absolute(value());
    } else if (arg == "--seconds") {
      seconds = std::atof(value().c_str());
    } else if (arg == "--directory") {
      directory = value();
    } else {
      std::cerr << kUsage;
      return 2;
    }
  }
  if (bin.empty() || source.empty() || seconds <= 0) {
    std::cerr << kUsage;
    return 2;
  }
  directory = fs::absolute(directory) / Str("polku-exchange-bench-", getpid());
  fs::create_directories(directory);

  Must(host::WriteNewKeys((directory / "keys").string(), kOrigin, SystemRandom()));
  const auto service_keys = Must(host::LoadServiceKeys((directory / "keys").string(), kOrigin));
  const auto author = zeromq::NewCurveKeyPair();
  const auto peer = zeromq::NewCurveKeyPair();
  const auto cosigner =
      proof::Signer::Generate(Str(kPeer, "/assessment/witness"), proof::KeyUse::kCosignature);
  // The follower gets everything of every case, so that each event measured is one that crosses the wire.
  std::ofstream(directory / "follower.textproto")
      << "sharings { publishers: \"*\" receivers: \"" << kPeer << "\" types: \"polku.*\" every_case: true\n"
      << "  sections: SECTION_KIND_SERVICE sections: SECTION_KIND_IDENTITY sections: SECTION_KIND_SOCIAL\n"
      << "  sections: SECTION_KIND_HEALTH sections: SECTION_KIND_PAYMENT legal_basis: \"bench\" }\n";
  std::ofstream(directory / "service.textproto")
      << "origin: \"" << kOrigin << "\"\nlisten: \"tcp://127.0.0.1:0\"\n"
      << "data_directory: \"data\"\nkeystore_directory: \"keystore\"\nkeys_directory: \"keys\"\n"
      << "agreement_file: \"" << (source / "deploy/agreements/taulukko-1.textproto").string() << "\"\n"
      << "agreement_file: \"" << (source / "deploy/agreements/osapuolet.textproto").string() << "\"\n"
      << "agreement_file: \"" << (source / "deploy/demo/agreement.textproto").string() << "\"\n"
      << "agreement_file: \"follower.textproto\"\n"
      << "profile_file: \"" << (source / "deploy/profiles/suomi.textproto").string() << "\"\n"
      << "profile_file: \"" << (source / "deploy/profiles/kuntouttava.textproto").string() << "\"\n"
      << "profile_file: \"" << (source / "deploy/profiles/oulu.textproto").string() << "\"\n"
      << "principals { agency: \"" << kService << "\" curve_key: \"" << zeromq::FormatCurveKey(author.public_key)
      << "\" rights: RIGHT_PUBLISH }\n"
      << "principals { agency: \"" << kPeer << "\" curve_key: \"" << zeromq::FormatCurveKey(peer.public_key)
      << "\" rights: RIGHT_REPLICATE }\n"
      << "witnesses { agency: \"" << kPeer << "\" cosigning_key: \"" << cosigner->verifier().Format() << "\" }\n";

  std::vector<Result> results;
  {
    ServiceProcess service(bin / "polku-referral", directory / "service.textproto");
    Follower follower(service.endpoint(), directory / "peer", service_keys.curve.public_key, peer,
                      service_keys.signer->verifier(), *cosigner);
    auto client = Must(client::Client::Connect(
        {.endpoint = service.endpoint(), .server_key = service_keys.curve.public_key, .keys = author}));
    Events events(SystemRandom());
    // Warm: every case has its keys and state, the peer has caught up.
    for (int i = 0; i < 20; ++i) {
      const uint64_t last = LastPosition(Must(client->Publish(events.Offer(100))));
      while (follower.stored() <= last) std::this_thread::yield();
    }
    Sequential(*client, follower, events, seconds, results);
    Witnessed(*client, events, seconds, results);
    Windowed(*client, follower, events, seconds, 256, 1, "window of 256 offers of 1", results);
    Windowed(*client, follower, events, seconds, 8, 100, "window of 8 offers of 100", results);
  }
  fs::remove_all(directory);

  if (json) {
    std::cout << "{\"durability\":\"synced\",\"results\":[";
    for (size_t i = 0; i < results.size(); ++i) {
      std::cout << (i > 0 ? "," : "") << "{\"name\":\"" << results[i].name << "\",\"events_per_second\":"
                << results[i].events_per_second << ",\"p50_us\":" << results[i].p50_us
                << ",\"p99_us\":" << results[i].p99_us << "}";
    }
    std::cout << "]}\n";
    return 0;
  }
  std::printf("synced at the service and at the subscriber; events of about 200 bytes in two sections\n");
  std::printf("%-44s %12s %10s %10s\n", "", "events/s", "p50 us", "p99 us");
  for (const auto& result : results) {
    std::printf("%-44s %12.0f", result.name.c_str(), result.events_per_second);
    if (result.p50_us > 0) std::printf(" %10.0f %10.0f", result.p50_us, result.p99_us);
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace polku

int main(int argc, char** argv) { return polku::Main(argc, argv); }
