#include "services/host/host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/exit_code.h"
#include "eventstore/base/status.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/replica/subscriber.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "google/protobuf/stubs/logging.h"
#include "services/host/config.h"
#include "services/host/keys.h"
#include "services/host/logging.h"
#include "services/host/node.h"

namespace polku::host {
namespace {

// What one turn of the loop takes in before it commits: the group that shares a sync.
constexpr size_t kMaxMessagesPerTurn = 1'024;
constexpr size_t kMaxOfferBytesPerTurn = 16 << 20;
constexpr absl::Duration kMaxWait = absl::Seconds(1);
// ZeroMQ tells nobody when a full queue has room again, so it is looked at.
constexpr absl::Duration kUnsentRetry = absl::Milliseconds(2);
constexpr size_t kMaxUnsentBytes = 4 << 20;  // per author
// How long a turn takes in messages: whoever sends much must not keep the others waiting.
constexpr absl::Duration kTurn = absl::Milliseconds(50);

// A clock for waiting and silence that no setting of the wall clock moves; it starts at wall time.
absl::Time SteadyNow() {
  static const absl::Time wall_start = absl::Now();
  static const auto start = std::chrono::steady_clock::now();
  return wall_start + absl::FromChrono(std::chrono::steady_clock::now() - start);
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

exchange::v1::Envelope NewEnvelope(uint64_t correlation = 0) {
  exchange::v1::Envelope envelope;
  envelope.set_protocol(1);
  envelope.set_correlation(correlation);
  return envelope;
}

class Host {
 public:
  Host(const Config& config, const ServiceKeys& keys, log::Engine& engine, vault::KeyStore& keystore)
      : config_(config), keys_(keys), engine_(engine), keystore_(keystore) {}

  absl::Status Start(const service::Service& service) {
    auto node = Node::Open(Node::Options{.config = config_,
                                         .keys = keys_,
                                         .service = service,
                                         .engine = engine_,
                                         .keystore = keystore_,
                                         .clock = SystemClock(),
                                         .random = SystemRandom()});
    if (!node.ok()) return node.status();
    node_ = *std::move(node);

    context_ = zeromq::MakeContext();
    auto server = zeromq::Server::Bind(
        context_,
        {.endpoint = config_.listen,
         .keys = keys_.curve,
         .is_known = [this](const zeromq::CurveKey& key) { return config_.principals.contains(key); }});
    // A port in use may be free again soon, unlike what else exists already.
    if (absl::IsAlreadyExists(server.status())) {
      return absl::UnavailableError(server.status().message());
    }
    if (!server.ok()) return server.status();
    server_ = *std::move(server);

    publisher_ = replica::Publisher::Make(
        {.origin = config_.origin.text()},
        [this](std::string_view receiver, Position from, Position end, size_t max_bytes) {
          auto batch = replica::CutBatch(engine_, config_.origin.text(), receiver, from, end,
                                         max_bytes,
                                         [this](const event::v1::Header& header, SectionKind kind) {
                                           return node_->opener().OwnSecret(header, kind);
                                         });
          if (!batch.ok()) LogLine(LogLevel::kError, batch.status().ToString());
          return batch;
        });
    Announce();

    for (size_t i = 0; i < config_.peers.size(); ++i) {
      const PeerConfig& peer = config_.peers[i];
      auto connection = zeromq::Connection::Connect(
          context_, {.endpoint = peer.address, .server_key = peer.curve_key, .keys = keys_.curve});
      if (!connection.ok()) return connection.status();
      auto subscriber = replica::Subscriber::Make(
          {.origin = peer.origin.text(),
           .own_agency = std::string(config_.origin.agency()),
           .origin_key = peer.signing_key,
           .credit_bytes = config_.replication_credit_bytes,
           // One sync for the keys of all new cases of a batch.
           .prepare_keys = [this](const std::vector<std::pair<CaseId, SectionKind>>& wanted) {
             std::vector<vault::KeyName> names;
             for (const auto& [case_id, kind] : wanted) names.push_back({case_id, kind});
             return keystore_.Ensure(names).status();
           }},
          node_->replica(i).head(),
          [this](const CaseId& case_id, SectionKind kind, const Hash& commitment,
                 const vault::SectionSecret& secret) -> absl::StatusOr<std::string> {
            POLKU_ASSIGN_OR_RETURN(const vault::CaseKey key, keystore_.Get({case_id, kind}));
            return vault::WrapSecret(key, commitment, secret);
          },
          SystemRandom());
      followed_.push_back({*std::move(connection), std::move(subscriber)});
      Apply(i, followed_[i].subscriber->Start(SteadyNow()));
    }
    return absl::OkStatus();
  }

  std::string endpoint() const { return server_->endpoint(); }

  // Until `stop_fd` can be read.
  void Run(int stop_fd) {
    std::vector<zeromq::Connection*> connections;
    for (auto& followed : followed_) connections.push_back(followed.connection.get());
    for (;;) {
      const absl::Time now = SteadyNow();
      absl::Time next = std::min({now + kMaxWait, publisher_->NextTick(), node_->NextWork()});
      for (auto& followed : followed_) next = std::min(next, followed.subscriber->NextTick());
      if (!unsent_.empty()) next = std::min(next, now + kUnsentRetry);
      const absl::Duration wait = more_waiting_ ? absl::ZeroDuration()
                                                : std::max(next - now, absl::ZeroDuration());
      zeromq::Wait({server_.get()}, connections, stop_fd, wait);
      signalfd_siginfo stop;
      if (read(stop_fd, &stop, sizeof stop) == sizeof stop) return;
      Turn();
    }
  }

 private:
  struct Followed {
    std::unique_ptr<zeromq::Connection> connection;
    std::unique_ptr<replica::Subscriber> subscriber;
    zeromq::LinkState link = zeromq::LinkState::kConnecting;
  };
  // Answers that an author does not take yet.
  struct Unsent {
    std::deque<exchange::v1::Envelope> answers;
    size_t bytes = 0;           // of them
    bool dropped_told = false;  // one line a spell of dropping
  };
  struct TakenOffer {
    std::string route;
    std::string agency;
    exchange::v1::Envelope envelope;
  };

  // Takes in what waits, commits it as one group, answers, evaluates duties, wakes subscribers.
  void Turn() {
    more_waiting_ = false;
    SendAllWaiting();
    const std::vector<TakenOffer> offers = ReceiveFromClients();
    if (!offers.empty()) {
      std::vector<OfferFrom> borrowed;
      for (const auto& offer : offers) {
        borrowed.push_back({offer.envelope.offer(), offer.agency});
      }
      std::vector<exchange::v1::OfferAnswer> answers = node_->HandleOffers(borrowed);
      for (size_t i = 0; i < offers.size(); ++i) {
        auto envelope = NewEnvelope(offers[i].envelope.correlation());
        *envelope.mutable_offer_answer() = std::move(answers[i]);
        Answer(offers[i].route, std::move(envelope));
      }
      Announce();
    }
    ReceiveFromPeers();
    node_->Work();
    Announce();
    const absl::Time now = SteadyNow();
    Apply(publisher_->Tick(now));
    for (size_t i = 0; i < followed_.size(); ++i) {
      if (followed_[i].subscriber->NextTick() <= now) Apply(i, followed_[i].subscriber->Tick(now));
      FollowLink(i);
    }
  }

  std::vector<TakenOffer> ReceiveFromClients() {
    std::vector<TakenOffer> offers;
    size_t offer_bytes = 0;
    const absl::Time until = SteadyNow() + kTurn;
    for (size_t i = 0;; ++i) {
      if (i == kMaxMessagesPerTurn || offer_bytes >= kMaxOfferBytesPerTurn || SteadyNow() >= until) {
        more_waiting_ = true;
        return offers;
      }
      auto message = server_->Receive();
      if (!message) return offers;
      if (auto* bad = std::get_if<zeromq::BadMessage>(&*message)) {
        auto envelope = NewEnvelope(bad->correlation);
        *envelope.mutable_error() = bad->answer;
        Answer(bad->route, std::move(envelope));
        continue;
      }
      auto& incoming = std::get<zeromq::Incoming>(*message);
      // An error is never answered with an error: two confused peers would not stop.
      if (incoming.envelope.has_error()) continue;
      // The key was among the principals at the handshake; they do not change while we run.
      const PrincipalConfig& principal = config_.principals.at(incoming.peer);
      if (auto error = Dispatch(incoming, principal)) {
        auto envelope = NewEnvelope(incoming.envelope.correlation());
        *envelope.mutable_error() = *std::move(error);
        Answer(incoming.route, std::move(envelope));
      } else if (incoming.envelope.has_offer()) {
        offer_bytes += incoming.envelope.ByteSizeLong();
        offers.push_back({incoming.route, principal.agency, std::move(incoming.envelope)});
      }
    }
  }

  static exchange::v1::Error MakeError(exchange::v1::ErrorCode code, std::string_view message) {
    exchange::v1::Error error;
    error.set_code(code);
    error.set_message(std::string(message));
    return error;
  }

  // Serves everything but offers, whose turn comes when all that waits has been read.
  std::optional<exchange::v1::Error> Dispatch(const zeromq::Incoming& incoming,
                                              const PrincipalConfig& principal) {
    using Body = exchange::v1::Envelope;
    const auto not_entitled = [&](std::string_view right) {
      return MakeError(exchange::v1::ERROR_CODE_NOT_ENTITLED,
                       Str("this key of ", principal.agency, " lacks ", right,
                           "; the service's operator grants it under principals"));
    };
    switch (incoming.envelope.body_case()) {
      case Body::kOffer:
        if (!principal.may_publish) return not_entitled("RIGHT_PUBLISH");
        return std::nullopt;
      case Body::kPull:
        if (!principal.may_replicate) return not_entitled("RIGHT_REPLICATE");
        Apply(publisher_->OnPull(incoming.route, principal.agency, incoming.envelope.pull(),
                                 SteadyNow()));
        return std::nullopt;
      case Body::kStatusRequest: {
        if (!principal.may_operate) return not_entitled("RIGHT_OPERATE");
        auto envelope = NewEnvelope(incoming.envelope.correlation());
        *envelope.mutable_status_answer() = Status();
        Answer(incoming.route, std::move(envelope));
        return std::nullopt;
      }
      default:
        return MakeError(exchange::v1::ERROR_CODE_MALFORMED,
                         "a service takes Offer, Pull and StatusRequest");
    }
  }

  exchange::v1::StatusAnswer Status() const {
    exchange::v1::StatusAnswer answer;
    answer.set_origin(config_.origin.text());
    answer.set_size(node_->size().value());
    answer.set_checkpoint(node_->checkpoint());
    answer.set_now_us(absl::ToUnixMicros(absl::Now()));
    answer.set_health(node_->health());
    for (const auto& followed : followed_) {
      *answer.add_subscriptions() = followed.subscriber->status();
    }
    for (const auto& subscriber : publisher_->status()) *answer.add_subscribers() = subscriber;
    return answer;
  }

  void ReceiveFromPeers() {
    for (size_t i = 0; i < followed_.size(); ++i) {
      Followed& followed = followed_[i];
      const absl::Time until = SteadyNow() + kTurn;
      for (size_t taken = 0;; ++taken) {
        if (taken == kMaxMessagesPerTurn || SteadyNow() >= until) {
          more_waiting_ = true;
          break;
        }
        auto message = followed.connection->Receive();
        if (!message) break;
        const absl::Time now = SteadyNow();
        if (const auto* bad = std::get_if<zeromq::BadMessage>(&*message)) {
          LogLine(LogLevel::kWarning, "from ", config_.peers[i].origin.text(), ": ",
                  bad->answer.message());
          continue;
        }
        const auto& incoming = std::get<zeromq::Incoming>(*message);
        using Body = exchange::v1::Envelope;
        switch (incoming.envelope.body_case()) {
          case Body::kBatch: {
            const auto frame = [&](size_t at) {
              return at < incoming.payload.size() ? incoming.payload[at].view()
                                                  : std::string_view();
            };
            Apply(i, followed.subscriber->OnBatch(incoming.envelope.batch(), frame(0), frame(1),
                                                  now));
            break;
          }
          case Body::kHeartbeat:
            Apply(i, followed.subscriber->OnHeartbeat(incoming.envelope.heartbeat(), now));
            break;
          case Body::kError:
            Apply(i, followed.subscriber->OnError(incoming.envelope.error(), now));
            break;
          default:
            LogLine(LogLevel::kWarning, "from ", config_.peers[i].origin.text(),
                    ": a message that an origin does not send; ignored");
        }
      }
    }
  }

  void Apply(size_t peer, std::vector<replica::SubscriberOutput> outputs) {
    Followed& followed = followed_[peer];
    // Storing may call for more output, which is done in order after what is at hand.
    for (size_t i = 0; i < outputs.size(); ++i) {
      std::vector<replica::SubscriberOutput> more;
      std::visit(
          Overloaded{[&](replica::SendPull& send) {
                       auto envelope = NewEnvelope();
                       *envelope.mutable_pull() = std::move(send.pull);
                       // Unsent: the keep-alive repeats it.
                       followed.connection->Send({.envelope = std::move(envelope)});
                     },
                     [&](replica::StoreBatch& store) {
                       const absl::Status stored = node_->StoreReplica(peer, store.batch);
                       if (!stored.ok()) {
                         LogLine(LogLevel::kError, "storing from ",
                                 config_.peers[peer].origin.text(), ": ", stored.ToString());
                       }
                       more = followed.subscriber->OnStored(stored, SteadyNow());
                     },
                     [&](replica::RaiseAlarm& alarm) {
                       LogLine(LogLevel::kError, "ALARM ", config_.peers[peer].origin.text(), ": ",
                               alarm.what);
                     }},
          outputs[i]);
      for (auto& output : more) outputs.push_back(std::move(output));
    }
  }

  void Apply(std::vector<replica::PublisherOutput> outputs) {
    for (auto& output : outputs) {
      std::visit(Overloaded{[&](replica::SendBatch& send) {
                              auto envelope = NewEnvelope();
                              *envelope.mutable_batch() = std::move(send.message.batch);
                              const auto sent = server_->Send(
                                  send.to, {.envelope = std::move(envelope),
                                            .entries = std::move(send.message.entries),
                                            .blobs = std::move(send.message.blobs),
                                            .has_payload = true});
                              if (sent != zeromq::SendResult::kSent) {
                                publisher_->OnSendFailed(send.to);
                              }
                            },
                            [&](replica::SendHeartbeat& send) {
                              auto envelope = NewEnvelope();
                              *envelope.mutable_heartbeat() = std::move(send.heartbeat);
                              server_->Send(send.to, {.envelope = std::move(envelope)});
                            },
                            [&](replica::SendError& send) {
                              auto envelope = NewEnvelope();
                              *envelope.mutable_error() = std::move(send.error);
                              server_->Send(send.to, {.envelope = std::move(envelope)});
                            }},
                 output);
    }
  }

  void Announce() {
    if (announced_ && *announced_ == node_->size()) return;
    announced_ = node_->size();
    Apply(publisher_->OnCommitted(node_->size(), node_->checkpoint(), SteadyNow()));
  }

  // Answers that a slow author does not take yet wait here, a bounded number of bytes; one that does not
  // read them at all loses the rest and asks again: a repeat is safe.
  void Answer(const std::string& route, exchange::v1::Envelope envelope) {
    auto waiting = unsent_.find(route);
    if (waiting == unsent_.end()) {
      const auto sent = server_->Send(route, {.envelope = envelope});
      if (sent != zeromq::SendResult::kWouldBlock) return;
      waiting = unsent_.try_emplace(route).first;
    }
    Unsent& unsent = waiting->second;
    const size_t bytes = envelope.ByteSizeLong();
    if (unsent.bytes + bytes > kMaxUnsentBytes) {
      if (!unsent.dropped_told) {
        LogLine(LogLevel::kWarning, "an author does not read its answers; some are dropped");
      }
      unsent.dropped_told = true;
      return;
    }
    unsent.bytes += bytes;
    unsent.answers.push_back(std::move(envelope));
  }

  // False when nothing is left to send there.
  bool SendWaiting(const std::string& route, Unsent& unsent) {
    while (!unsent.answers.empty()) {
      switch (server_->Send(route, {.envelope = unsent.answers.front()})) {
        case zeromq::SendResult::kSent:
          unsent.bytes -= unsent.answers.front().ByteSizeLong();
          unsent.answers.pop_front();
          break;
        case zeromq::SendResult::kWouldBlock:
          return true;
        case zeromq::SendResult::kNotConnected:
          return false;
      }
    }
    return false;
  }

  void SendAllWaiting() {
    absl::erase_if(unsent_, [this](auto& item) { return !SendWaiting(item.first, item.second); });
  }

  void FollowLink(size_t peer) {
    Followed& followed = followed_[peer];
    const zeromq::LinkState link = followed.connection->link();
    // A new connection knows nothing of us: pull at once rather than at the next keep-alive.
    if (link == zeromq::LinkState::kConnected && followed.link != link) {
      Apply(peer, followed.subscriber->Start(SteadyNow()));
    }
    if (link == zeromq::LinkState::kRefused && followed.link != link) {
      LogLine(LogLevel::kError, config_.peers[peer].origin.text(), " at ",
              config_.peers[peer].address,
              " refuses the handshake: it must list our curve.public under principals, and "
              "peers.curve_key here must be its curve.public");
    }
    followed.link = link;
  }

  const Config& config_;
  const ServiceKeys& keys_;
  log::Engine& engine_;
  vault::KeyStore& keystore_;
  std::unique_ptr<Node> node_;
  std::shared_ptr<zeromq::Context> context_;
  std::unique_ptr<zeromq::Server> server_;
  std::unique_ptr<replica::Publisher> publisher_;
  std::vector<Followed> followed_;
  std::optional<Position> announced_;
  absl::flat_hash_map<std::string, Unsent> unsent_;  // by route
  bool more_waiting_ = false;
};

void PrintHelp(std::string_view program) {
  std::printf(
      "%.*s: a Polku service. Takes events from authors, decides, appends them to its own log,\n"
      "and exchanges logs with its peers.\n\n"
      "  --config FILE    the service's configuration (polku.config.v1.ServiceConfig, text format)\n"
      "  --check-config   validate the configuration and all it names, then exit\n"
      "  --version        print the version and exit\n"
      "  --help           this text\n\n"
      "Prints \"ready ORIGIN ENDPOINT\" when it serves. SIGTERM or SIGINT stops it; a kill at any\n"
      "instant loses nothing that was acknowledged.\n\n"
      "Examples:\n"
      "  %.*s --config service.textproto --check-config\n"
      "  %.*s --config service.textproto\n\n"
      "Exit codes: 0 stopped or valid, 1 failed, 2 usage, 3 configuration or directories not valid,\n"
      "4 port or directory in use or disk full, 5 stored data does not verify.\n",
      static_cast<int>(program.size()), program.data(), static_cast<int>(program.size()),
      program.data(), static_cast<int>(program.size()), program.data());
}

// A log whose keystore is gone would seal new events under new keys, and a backup restored later could
// open neither; a keystore whose log is gone would begin the same epoch a second time.
absl::Status CheckFit(log::Engine& engine, vault::SealedKeyStorage& keys, const Config& config) {
  POLKU_ASSIGN_OR_RETURN(const auto head, engine.ReadHead(kOwnLog));
  // The first record is the check of the master key, made before the log's first entry.
  POLKU_ASSIGN_OR_RETURN(const size_t records, keys.CountUpTo(2));
  if (head && records == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, config.data_directory,
                 " holds a log but ", config.keystore_directory,
                 " holds no key of it; restore the keystore's backup");
  }
  if (!head && records > 1) {
    return Error(absl::StatusCode::kFailedPrecondition, config.keystore_directory,
                 " holds keys but ", config.data_directory,
                 " holds no log; restore the data directory's backup, or begin a new epoch with new "
                 "directories");
  }
  return absl::OkStatus();
}

int Fail(std::string_view program, const absl::Status& status) {
  std::fprintf(stderr, "%s\n", Str(program, ": ", status.message()).c_str());
  return ExitCodeFor(status);
}

}  // namespace

int RunService(int argc, char** argv, const service::Service& service) {
  const std::string program = Str("polku-", service.name());
  std::string config_path;
  bool check_only = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--help") {
      PrintHelp(program);
      return kExitOk;
    }
    if (arg == "--version") {
      std::printf("%s %s\n", program.c_str(), POLKU_VERSION);
      return kExitOk;
    }
    if (arg == "--check-config") {
      check_only = true;
    } else if (arg == "--config" && i + 1 < argc) {
      config_path = argv[++i];
    } else {
      std::fprintf(stderr, "%s\n",
                   Str(program, ": unknown or incomplete option ", arg, "; see --help").c_str());
      return kExitUsage;
    }
  }
  if (config_path.empty()) {
    std::fprintf(stderr, "%s: --config FILE is missing; see --help\n", program.c_str());
    return kExitUsage;
  }

  auto config = LoadConfig(config_path, service.name());
  if (!config.ok()) {
    Fail(program, config.status());
    return kExitBadInput;
  }
  auto keys = LoadServiceKeys(config->keys_directory, config->origin.text());
  if (!keys.ok()) {
    Fail(program, keys.status());
    return kExitBadInput;
  }
  if (check_only) {
    std::printf("%s is valid: %s, %zu peers, %zu principals\n", config_path.c_str(),
                config->origin.text().c_str(), config->peers.size(), config->principals.size());
    return kExitOk;
  }

  umask(077);  // what lies in the data directory is nobody else's, whatever the shell says
  // Signals are taken from a descriptor in the loop: nothing runs inside a handler. Blocked before
  // ZeroMQ and RocksDB start their threads, which inherit the mask.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  sigprocmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // The library prints what it cannot parse, which may be a peer's or a person's; we tell it ourselves.
  google::protobuf::SetLogHandler(nullptr);
  const int stop_fd = signalfd(-1, &stop_signals, SFD_NONBLOCK | SFD_CLOEXEC);

  auto engine = rocks::OpenEngine(
      {.directory = config->data_directory, .cache_bytes = config->block_cache_bytes});
  if (!engine.ok()) return Fail(program, engine.status());
  auto storage = rocks::OpenKeyStorage(config->keystore_directory, rocks::OpenMode::kReadWrite);
  if (!storage.ok()) return Fail(program, storage.status());
  if (auto fit = CheckFit(**engine, **storage, *config); !fit.ok()) return Fail(program, fit);
  auto keystore = vault::KeyStore::Open(*std::move(storage), keys->master, SystemRandom());
  if (!keystore.ok()) return Fail(program, keystore.status());

  Host host(*config, *keys, **engine, **keystore);
  if (auto started = host.Start(service); !started.ok()) return Fail(program, started);
  std::printf("ready %s %s\n", config->origin.text().c_str(), host.endpoint().c_str());
  std::fflush(stdout);
  LogLine(LogLevel::kInfo, config->origin.text(), " serves ", host.endpoint());
  host.Run(stop_fd);
  LogLine(LogLevel::kInfo, config->origin.text(), " stopped");
  return kExitOk;
}

}  // namespace polku::host
