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
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/exit_code.h"
#include "eventstore/base/process.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/reader.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/replica/subscriber.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "eventstore/vault/keystore.h"
#include "google/protobuf/stubs/logging.h"
#include "services/access/case_access.h"
#include "services/host/config.h"
#include "services/host/cosigned.h"
#include "services/host/erasing.h"
#include "services/host/fence.h"
#include "services/host/held_answers.h"
#include "services/host/high_water.h"
#include "services/host/key_changes.h"
#include "services/host/keys.h"
#include "services/host/logging.h"
#include "services/host/node.h"
#include "services/host/opening.h"
#include "services/host/scrub.h"
#include "services/host/persons.h"
#include "services/host/seen_notes.h"
#include "services/host/superseded.h"
#include "services/host/witnessing.h"

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
// After a start duties wait so long for a first witness: what is due can wait a moment, and on an old copy
// of the log it would be the first entry of a second history. Offers do not wait: they are told.
constexpr absl::Duration kFirstWitness = absl::Seconds(3);

// Between attempts at a peer's several keys.
constexpr size_t kMaxPulling = 1'024;
constexpr absl::Duration kPullingKept = absl::Minutes(2);
constexpr absl::Duration kRedial = absl::Seconds(1);

constexpr absl::Duration kWitnessTimeout = absl::Seconds(10);
constexpr uint64_t kPersonEntriesPerTurn = 20'000;

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
  Host(const Config& config, const ServiceKeys& keys, log::Engine& engine, vault::KeyStore& keystore,
       Erasing& erasing)
      : config_(config), keys_(keys), engine_(engine), keystore_(keystore), erasing_(erasing),
        high_water_(config.keys_directory) {}

  absl::Status Start(const service::Service& service) {
    auto node = Node::Open(Node::Options{.config = config_,
                                         .keys = keys_,
                                         .service = service,
                                         .engine = engine_,
                                         .keystore = keystore_,
                                         .clock = SystemClock(),
                                         .random = SystemRandom(),
                                         .erasures = &erasing_});
    if (!node.ok()) return node.status();
    node_ = *std::move(node);
    erasing_.Attach(*node_);
    POLKU_ASSIGN_OR_RETURN(BlindKey blind_key,
                           EnsureBlindKey(config_.keys_directory, SystemRandom()));
    persons_.emplace(PersonIndex::Options{.engine = engine_,
                                          .opener = node_->opener(),
                                          .key = std::move(blind_key)});
    POLKU_ASSIGN_OR_RETURN(cosigned_, Cosigned::Open(config_.keys_directory));
    POLKU_ASSIGN_OR_RETURN(witnessing_,
                           Witnessing::Open({.config = config_,
                                             .signer = *keys_.signer,
                                             .engine = engine_,
                                             .clock = SystemClock(),
                                             .size = [this] { return node_->size(); },
                                             .checkpoint = [this] { return node_->checkpoint(); }}));
    WriteMarks(/*now_too=*/true);
    POLKU_RETURN_IF_ERROR(ReadKeys());

    context_ = zeromq::MakeContext();
    auto server = zeromq::Server::Bind(
        context_,
        {.endpoint = config_.listen,
         .keys = keys_.curve,
         .is_known = [this](const auto& key) { return keys_in_force_->Principal(key) != nullptr; }});
    // A port in use may be free again soon, unlike what else exists already.
    if (absl::IsAlreadyExists(server.status())) {
      return absl::UnavailableError(server.status().message());
    }
    if (!server.ok()) return server.status();
    server_ = *std::move(server);

    publisher_ = replica::Publisher::Make(
        {.origin = config_.origin.text(),
         .prove = [this](Position from, Position size) {
           return replica::PrefixOf(engine_, kOwnLog, from, size);
         },
         .fills =
             [this](std::string_view receiver, std::span<const Position> positions,
                    size_t max_bytes) {
               auto fills = replica::CutFills(
                   engine_, config_.origin.text(), receiver, positions, max_bytes,
                   [this](const event::v1::Header& header, SectionKind kind) {
                     return node_->opener().OwnSecret(header, kind);
                   });
               if (!fills.ok()) LogLine(LogLevel::kError, fills.status().ToString());
               return fills;
             }},
        [this](std::string_view receiver, bool mirror, Position from, Position end,
               size_t max_bytes) {
          const auto secret = [this](const event::v1::Header& header, SectionKind kind) {
            return node_->opener().OwnSecret(header, kind);
          };
          auto batch = mirror ? replica::CutWhole(engine_, kOwnLog, config_.origin.text(), receiver,
                                                  from, end, max_bytes, secret)
                              : replica::CutBatch(engine_, config_.origin.text(), receiver, from,
                                                  end, max_bytes, secret);
          if (!batch.ok()) LogLine(LogLevel::kError, batch.status().ToString());
          return batch;
        });
    publisher_->SetExtras([this] {
      auto extras = witnessing_->Extras(*announced_);
      for (const auto& followed : followed_) {
        if (!followed.checkpoint.empty()) extras.seen.push_back(followed.checkpoint);
      }
      return extras;
    });
    Announce();

    for (size_t i = 0; i < config_.peers.size(); ++i) {
      const PeerConfig& peer = config_.peers[i];
      Followed followed;
      POLKU_RETURN_IF_ERROR(Dial(i, followed));
      POLKU_ASSIGN_OR_RETURN(followed.checkpoint, StoredCheckpoint(i));
      POLKU_ASSIGN_OR_RETURN(
          proof::LogKeys origin_keys,
          log::KeysOf(engine_, node_->replica(i).number(), peer.signing_key));
      std::vector<log::WantedEntry> wanted;
      if (node_->replica(i).size() > Position()) {
        POLKU_ASSIGN_OR_RETURN(wanted, log::WantedEntries(engine_, node_->replica(i).number()));
      }
      POLKU_ASSIGN_OR_RETURN(auto holes, node_->replica(i).UnexplainedHoles());
      followed.subscriber = replica::Subscriber::Make(
          {.origin = peer.origin.text(),
           .own_agency = std::string(config_.origin.agency()),
           .origin_keys = std::move(origin_keys),
           .credit_bytes = config_.replication_credit_bytes,
           // One sync for the keys of all new cases of a batch.
           .prepare_keys = [this, i](const std::vector<std::pair<CaseId, SectionKind>>& cases) {
             std::vector<vault::KeyName> names;
             for (const auto& [case_id, kind] : cases) {
               names.push_back({case_id, kind, config_.peers[i].origin.text()});
             }
             return keystore_.Ensure(names).status();
           },
           .cosigner = keys_.cosigner.get(),
           .cosigned_before = CosignedBefore(peer.origin.text()),
           .witnesses = keys_in_force_->witnesses(),
           .prefix = [this, i](Position size) {
             const log::ReplicaLog& replica = node_->replica(i);
             return replica::PrefixOf(engine_, replica.number(), size, replica.size());
           },
           .stored_checkpoint = followed.checkpoint,
           .forked = witnessing_->IsForked(peer.origin.text()),
           .mirror = peer.mirror,
           .lookups = replica::LookupsIn(
               engine_, [this, i] { return node_->replica(i).number(); },
               std::string(config_.origin.agency())),
           .wanted = std::move(wanted),
           .holes = std::move(holes)},
          node_->replica(i).head(),
          [this, i](const CaseId& case_id, SectionKind kind, const Hash& commitment,
                    const vault::SectionSecret& secret) -> absl::StatusOr<std::string> {
            POLKU_ASSIGN_OR_RETURN(
                const vault::CaseKey key,
                keystore_.Get({case_id, kind, config_.peers[i].origin.text()}));
            return vault::WrapSecret(key, commitment, secret);
          },
          SystemRandom());
      if (peer.mirror) followed.given_back = MakeMirrorPublisher(i);
      followed_.push_back(std::move(followed));
      AnnounceMirror(i);
      Apply(i, followed_[i].subscriber->Start(SteadyNow(), absl::Now()));
    }
    evidence::VerifyOptions verify{.own_origin = config_.origin.text(),
                                   .keys = config_.OtherLogKeys()};
    POLKU_ASSIGN_OR_RETURN(const auto own_keys, log::OwnKeys(engine_, keys_.signer->verifier()));
    verify.keys.emplace(config_.origin.text(), own_keys.first());
    POLKU_ASSIGN_OR_RETURN(const auto announced, ReadAnnounced(engine_, config_));
    verify.witnesses = OwnCosigningKeys(announced, config_.origin, keys_.cosigner->verifier());
    for (auto& key : keys_in_force_->AllWitnessKeys()) verify.witnesses.push_back(std::move(key));
    scrub_ = std::make_unique<Scrub>(Scrub::Options{
        .engine = engine_, .verify = std::move(verify), .every = config_.verify_every,
        .erasures = [this] { return erasing_.settled(); }});
    return absl::OkStatus();
  }

  std::string endpoint() const { return server_->endpoint(); }

  // Until `stop_fd` can be read.
  void Run(int stop_fd) {
    std::vector<zeromq::Connection*> connections;
    for (;;) {
      connections.clear();
      for (auto& followed : followed_) {
        if (followed.connection) connections.push_back(followed.connection.get());
      }
      const absl::Time now = SteadyNow();
      absl::Time next = std::min({now + kMaxWait, publisher_->NextTick(), NextWork(),
                                  held_.NextDeadline(), high_water_.NextWrite(),
                                  cosigned_->NextWrite()});
      for (auto& followed : followed_) {
        next = std::min(next, followed.subscriber->NextTick());
        if (followed.given_back) next = std::min(next, followed.given_back->NextTick());
      }
      if (!unsent_.empty()) next = std::min(next, now + kUnsentRetry);
      const absl::Duration wait = more_waiting_ ? absl::ZeroDuration()
                                                : std::max(next - now, absl::ZeroDuration());
      zeromq::Wait({server_.get()}, connections, stop_fd, wait);
      signalfd_siginfo stop;
      if (read(stop_fd, &stop, sizeof stop) == sizeof stop) break;
      Turn();
    }
    WriteMarks(/*now_too=*/true);
  }

 private:
  struct Followed {
    std::unique_ptr<zeromq::Connection> connection = nullptr;  // null: the peer's key was revoked
    zeromq::CurveKey expected = {};                  // the key that this connection takes for the peer's
    absl::Time redial = absl::InfinitePast();        // with another of its keys, not before
    std::unique_ptr<replica::Subscriber> subscriber = nullptr;
    zeromq::LinkState link = zeromq::LinkState::kConnecting;
    std::string checkpoint = {};  // the newest stored of that log
    // Gives the log back to its origin; null unless this is its mirror.
    std::unique_ptr<replica::Publisher> given_back = nullptr;
    SeenNotes seen = {};
  };
  // Answers that an author does not take yet.
  struct Unsent {
    std::deque<exchange::v1::Envelope> answers;
    size_t bytes = 0;           // of them
    bool dropped_told = false;  // one line a spell of dropping
  };
  struct TakenOffer {
    std::string route;
    PrincipalConfig from;
    exchange::v1::Envelope envelope;
  };
  struct TakenCosign {
    std::string agency;
    exchange::v1::Cosign cosign;
  };

  // Goes on with what the logs have new, a bounded step a turn: the first index of a long history takes several.
  void IndexPersons() {
    uint64_t entries = node_->size().value();
    for (size_t peer = 0; peer < config_.peers.size(); ++peer) {
      entries += node_->replica(peer).size().value();
    }
    if (entries == persons_seen_) return;
    const absl::StatusOr<bool> caught_up = persons_->CatchUp(kPersonEntriesPerTurn);
    NotePersons(caught_up.status());
    if (caught_up.ok() && *caught_up) {
      persons_seen_ = entries;
    } else if (caught_up.ok()) {
      more_waiting_ = true;
    }
  }
  void NotePersons(const absl::Status& status) {
    const std::string fault = status.ok() ? "" : Str("index of persons: ", status.ToString());
    if (!fault.empty() && fault != persons_fault_) LogLine(LogLevel::kError, fault);
    persons_fault_ = fault;
  }

  absl::Time WorkFrom() const {
    return witnessing_->unconfirmed() ? started_ + kFirstWitness : absl::InfinitePast();
  }
  absl::Time NextWork() const {
    return std::max(erasing_.more() ? absl::InfinitePast() : node_->NextWork(), WorkFrom());
  }

  // Takes in what waits, commits it as one group, answers, evaluates duties, wakes subscribers.
  void Turn() {
    more_waiting_ = false;
    SendAllWaiting();
    const std::vector<TakenOffer> offers = ReceiveFromClients();
    // Whether this is an old copy is known before anything is added to it, if it can be.
    if (witnessing_->unconfirmed()) TakeCosigns();
    if (!witnessing_->behind().empty()) node_->StopAppending();
    if (!offers.empty()) {
      std::vector<OfferFrom> borrowed;
      for (const auto& offer : offers) {
        borrowed.push_back({offer.envelope.offer(), offer.from});
      }
      std::vector<exchange::v1::OfferAnswer> answers = node_->HandleOffers(borrowed);
      for (size_t i = 0; i < offers.size(); ++i) {
        const exchange::v1::Offer& offer = offers[i].envelope.offer();
        HeldAnswer held{.route = offers[i].route,
                        .correlation = offers[i].envelope.correlation(),
                        .answer = std::move(answers[i]),
                        .witnesses = offer.witnesses(),
                        .want_proof = offer.want_proof()};
        AnswerNowOrLater(std::move(held), offer.witness_timeout_ms());
      }
      Announce();
    }
    TakeCosigns();
    ReceiveFromPeers();
    if (!witnessing_->behind().empty()) node_->StopAppending();
    if (WorkFrom() <= SteadyNow()) {
      node_->Work();
      erasing_.Work();
    }
    IndexPersons();
    Announce();
    AnswerHeld();
    WriteMarks(/*now_too=*/false);
    const absl::Time now = SteadyNow();
    // Whoever has not pulled for so long is forgotten by the publisher.
    if (pulling_.size() > kMaxPulling) {
      std::erase_if(pulling_,
                    [&](const auto& one) { return one.second.second < now - kPullingKept; });
    }
    Apply(*publisher_, publisher_->Tick(now));
    for (size_t i = 0; i < followed_.size(); ++i) {
      Followed& followed = followed_[i];
      if (followed.subscriber->NextTick() <= now) Apply(i, followed.subscriber->Tick(now));
      if (followed.given_back) Apply(*followed.given_back, followed.given_back->Tick(now));
      FollowLink(i);
    }
  }

  // ---- Durability ----

  void AnswerNowOrLater(HeldAnswer held, uint32_t timeout_ms) {
    if (held.answer.has_refusal() || (held.witnesses == 0 && !held.want_proof)) {
      if (!held.answer.has_refusal()) held.answer.set_unconfirmed(witnessing_->unconfirmed());
      SendOfferAnswer(std::move(held));
      return;
    }
    const Position covered = witnessing_->CoveredBy(held.answer);
    const absl::Duration wait = timeout_ms == 0 ? kWitnessTimeout : absl::Milliseconds(timeout_ms);
    // Nobody signs an earlier epoch again. And where there is no room, what is there is told at once.
    if (held.witnesses == 0 || covered == Position() ||
        !held_.Hold(held, covered, SteadyNow() + wait)) {
      Complete(std::move(held));
    }
  }

  void AnswerHeld() {
    if (held_.size() == 0) return;
    auto ready = held_.Take(
        [this](Position size) { return witnessing_->AgenciesCovering(size); }, SteadyNow());
    for (auto& held : ready) Complete(std::move(held));
  }

  void Complete(HeldAnswer held) {
    witnessing_->Complete(held.answer, held.witnesses, held.want_proof);
    SendOfferAnswer(std::move(held));
  }

  void SendOfferAnswer(HeldAnswer held) {
    auto envelope = NewEnvelope(held.correlation);
    *envelope.mutable_offer_answer() = std::move(held.answer);
    Answer(held.route, std::move(envelope));
  }

  void TakeCosigns() {
    bool news = false;
    for (const auto& [route, taken] : cosigns_) {
      const auto outcome = witnessing_->OnCosign(taken.agency, taken.cosign);
      if (!outcome.witness.empty()) publisher_->SetName(route, outcome.witness);
      news = news || outcome.news;
    }
    cosigns_.clear();
    if (news) publisher_->OnCosigned(SteadyNow());
  }

  // ---- The marks in the keys directory ----

  void WriteMarks(bool now_too) {
    const absl::Time now = SteadyNow();
    NoteWritten(high_water_.Write(node_->checkpoint(), node_->size(), now, now_too),
                high_water_.NextWrite(), "high-water mark: ", high_water_fault_);
    NoteWritten(cosigned_->Write(now, now_too), cosigned_->NextWrite(),
                "what was cosigned cannot be kept: ", cosigned_fault_);
  }

  // Between two attempts the first one's failure stands.
  static void NoteWritten(const absl::Status& written, absl::Time next, std::string_view what,
                          std::string& fault) {
    if (written.ok() && next != absl::InfiniteFuture()) return;
    const std::string text = written.ok() ? "" : Str(what, ToStd(written.message()));
    if (!text.empty() && text != fault) LogLine(LogLevel::kError, text);
    fault = text;
  }

  std::optional<replica::CosignedBefore> CosignedBefore(std::string_view origin) const {
    const Cosigned::Word* word = cosigned_->Of(origin);
    if (word == nullptr) return std::nullopt;
    return replica::CosignedBefore{word->checkpoint, word->note};
  }

  // ---- Mirrors ----

  absl::StatusOr<std::string> StoredCheckpoint(size_t peer) {
    const log::ReplicaLog& replica = node_->replica(peer);
    if (replica.size() == Position()) return std::string();
    POLKU_ASSIGN_OR_RETURN(auto note, engine_.ReadCheckpoint(replica.number(), replica.size()));
    return note.value_or("");
  }

  std::unique_ptr<replica::Publisher> MakeMirrorPublisher(size_t peer) {
    return replica::Publisher::Make(
        {.origin = config_.peers[peer].origin.text()},
        [this, peer](std::string_view receiver, bool, Position from, Position end,
                     size_t max_bytes) {
          // Secrets stay here: the origin has its own.
          auto batch = replica::CutWhole(engine_, node_->replica(peer).number(),
                                         config_.peers[peer].origin.text(), receiver, from, end,
                                         max_bytes, nullptr);
          if (!batch.ok()) LogLine(LogLevel::kError, batch.status().ToString());
          return batch;
        });
  }

  void AnnounceMirror(size_t peer) {
    Followed& followed = followed_[peer];
    if (!followed.given_back) return;
    Apply(*followed.given_back,
          followed.given_back->OnCommitted(node_->replica(peer).size(), followed.checkpoint,
                                           SteadyNow()));
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
        const PrincipalConfig* sender = keys_in_force_->Principal(bad->peer);
        peer_log_.Line(LogLevel::kWarning, sender == nullptr ? "unknown" : sender->agency,
                       SteadyNow(), "a message was refused: ", bad->answer.message());
        auto envelope = NewEnvelope(bad->correlation);
        *envelope.mutable_error() = bad->answer;
        Answer(bad->route, std::move(envelope));
        continue;
      }
      auto& incoming = std::get<zeromq::Incoming>(*message);
      // An error is never answered with an error: two confused peers would not stop.
      if (incoming.envelope.has_error()) continue;
      // The key was a principal's at the handshake, and may have been replaced or revoked since.
      const PrincipalConfig* known = keys_in_force_->Principal(incoming.peer);
      if (known == nullptr) {
        if (incoming.envelope.has_cosign()) continue;  // never answered
        auto envelope = NewEnvelope(incoming.envelope.correlation());
        *envelope.mutable_error() =
            MakeError(exchange::v1::ERROR_CODE_NOT_ENTITLED,
                      "this key was replaced or revoked; use the new one, or ask the service's operator");
        Answer(incoming.route, std::move(envelope));
        continue;
      }
      const PrincipalConfig& principal = *known;
      UsedBy(incoming.peer);
      if (incoming.envelope.has_cosign()) {
        // Never answered; of each connection the newest is enough.
        if (principal.may_replicate || principal.may_mirror) {
          cosigns_[incoming.route] = {principal.agency,
                                      std::move(*incoming.envelope.mutable_cosign())};
        }
      } else if (auto error = Dispatch(incoming, principal)) {
        auto envelope = NewEnvelope(incoming.envelope.correlation());
        *envelope.mutable_error() = *std::move(error);
        Answer(incoming.route, std::move(envelope));
      } else if (incoming.envelope.has_offer()) {
        offer_bytes += incoming.envelope.ByteSizeLong();
        offers.push_back({incoming.route, principal, std::move(incoming.envelope)});
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
      case Body::kOffer: {
        // Reads and erasures ask for rights of their own, of which the decision tells.
        const auto& events = incoming.envelope.offer().events();
        const bool own_acts = std::all_of(events.begin(), events.end(), [](const auto& event) {
          return access::BelongsInAccessStream(event.type());
        });
        const bool may_act = own_acts && (principal.may_operate || principal.may_erase);
        if (!principal.may_publish && !may_act) return not_entitled("RIGHT_PUBLISH");
        return std::nullopt;
      }
      case Body::kPull:
        return DispatchPull(incoming, principal, not_entitled);
      case Body::kFetch:
        if (!principal.may_replicate && !principal.may_mirror) return not_entitled("RIGHT_REPLICATE");
        Apply(*publisher_, publisher_->OnFetch(incoming.route, incoming.envelope.fetch()));
        return std::nullopt;
      case Body::kStatusRequest: {
        if (!principal.may_operate) return not_entitled("RIGHT_OPERATE");
        auto envelope = NewEnvelope(incoming.envelope.correlation());
        *envelope.mutable_status_answer() = Status();
        Answer(incoming.route, std::move(envelope));
        return std::nullopt;
      }
      case Body::kKeyChangeRequest: {
        // Whose keys count here is this agency's own to say, whoever may look at the service.
        if (!principal.may_operate || principal.agency != config_.origin.agency()) {
          return not_entitled("RIGHT_OPERATE of this agency's own");
        }
        auto envelope = NewEnvelope(incoming.envelope.correlation());
        *envelope.mutable_key_change_answer() =
            ChangeKey(incoming.envelope.key_change_request().change());
        Answer(incoming.route, std::move(envelope));
        return std::nullopt;
      }
      default:
        return MakeError(exchange::v1::ERROR_CODE_MALFORMED,
                         "a service takes Offer, Pull, Fetch, Cosign, StatusRequest and KeyChangeRequest");
    }
  }

  template <typename NotEntitled>
  std::optional<exchange::v1::Error> DispatchPull(const zeromq::Incoming& incoming,
                                                  const PrincipalConfig& principal,
                                                  const NotEntitled& not_entitled) {
    const exchange::v1::Pull& pull = incoming.envelope.pull();
    replica::Publisher* publisher = publisher_.get();
    for (size_t i = 0; i < followed_.size() && pull.origin() != config_.origin.text(); ++i) {
      // What is kept for an origin is given back to that origin, and to nobody else: to others, this
      // service has no such log.
      const OriginName& origin = config_.peers[i].origin;
      if (followed_[i].given_back && pull.mirror() && pull.origin() == origin.text() &&
          principal.agency == origin.agency() &&
          (principal.may_replicate || principal.may_mirror)) {
        publisher = followed_[i].given_back.get();
      }
    }
    if (publisher == publisher_.get()) {
      if (pull.mirror() && !principal.may_mirror) return not_entitled("RIGHT_MIRROR");
      if (!pull.mirror() && !principal.may_replicate) return not_entitled("RIGHT_REPLICATE");
      if (pull.origin() == config_.origin.text() &&
          Position(pull.next_position()) > node_->size()) {
        witnessing_->OnPullBeyond(principal.agency, Position(pull.next_position()));
      }
    }
    pulling_[incoming.route] = {incoming.peer, SteadyNow()};
    Apply(*publisher,
          publisher->OnPull(incoming.route, principal.agency, pull, SteadyNow()));
    return std::nullopt;
  }

  exchange::v1::StatusAnswer Status() {
    exchange::v1::StatusAnswer answer;
    answer.set_origin(config_.origin.text());
    answer.set_size(node_->size().value());
    answer.set_checkpoint(node_->checkpoint());
    answer.set_now_us(absl::ToUnixMicros(absl::Now()));
    answer.set_health(Health());
    for (const std::string& line : keys_in_force_->superseded()) answer.add_notes(line);
    if (const auto pairs = persons_->OpenPairs(); pairs.ok() && *pairs > 0) {
      answer.add_notes(Str(*pairs, *pairs == 1 ? " pair of cases has" : " pairs of cases have",
                           " an identity code in common and no link: `polku persons duplicates` lists "
                           "them; CasesLinked joins those that are of one person"));
    }
    for (const auto& followed : followed_) {
      *answer.add_subscriptions() = followed.subscriber->status();
    }
    for (const auto& subscriber : publisher_->status()) *answer.add_subscribers() = subscriber;
    witnessing_->AddStatus(answer);
    *answer.mutable_verification() = scrub_->status();
    answer.set_erasures_under_way(erasing_.under_way());
    return answer;
  }

  std::string Health() const {
    std::string health;
    const std::string node = node_->health();
    for (const std::string& text :
         {node == "ok" ? "" : node, witnessing_->health(), scrub_->health(), erasing_.health(), high_water_fault_,
          cosigned_fault_, keys_fault_, persons_fault_}) {
      if (!text.empty()) health += Str(health.empty() ? "" : "; ", text);
    }
    for (const std::string& line : keys_in_force_->faults()) {
      health += Str(health.empty() ? "" : "; ", line);
    }
    return health.empty() ? "ok" : health;
  }

  void ReceiveFromPeers() {
    for (size_t i = 0; i < followed_.size(); ++i) {
      Followed& followed = followed_[i];
      if (!followed.connection) continue;
      const absl::Time until = SteadyNow() + kTurn;
      for (size_t taken = 0;; ++taken) {
        if (taken == kMaxMessagesPerTurn || SteadyNow() >= until) {
          more_waiting_ = true;
          break;
        }
        // What came before may have revoked the peer's key.
        if (!followed.connection) break;
        auto message = followed.connection->Receive();
        if (!message) break;
        const absl::Time now = SteadyNow();
        if (const auto* bad = std::get_if<zeromq::BadMessage>(&*message)) {
          peer_log_.Line(LogLevel::kWarning, config_.peers[i].origin.text(), now,
                         "a message was refused: ", bad->answer.message());
          continue;
        }
        const auto& incoming = std::get<zeromq::Incoming>(*message);
        using Body = exchange::v1::Envelope;
        const auto frame = [&](size_t at) {
          return at < incoming.payload.size() ? incoming.payload[at].view() : std::string_view();
        };
        switch (incoming.envelope.body_case()) {
          case Body::kBatch:
            Apply(i, followed.subscriber->OnBatch(incoming.envelope.batch(), frame(0), frame(1),
                                                  now));
            break;
          case Body::kFill:
            Apply(i, followed.subscriber->OnFill(incoming.envelope.fill(), frame(0), frame(1),
                                                 now));
            break;
          case Body::kHeartbeat:
            Apply(i, followed.subscriber->OnHeartbeat(incoming.envelope.heartbeat(), now,
                                                      absl::Now()));
            TakeSeen(i, incoming.envelope.heartbeat(), until);
            break;
          case Body::kError:
            Apply(i, followed.subscriber->OnError(incoming.envelope.error(), now));
            break;
          default:
            peer_log_.Line(LogLevel::kWarning, config_.peers[i].origin.text(), now,
                           "a message that an origin does not send; ignored");
        }
      }
    }
  }

  // What a peer was shown of logs that we hold, too: a second history comes to light here.
  void TakeSeen(size_t peer, const exchange::v1::Heartbeat& heartbeat, absl::Time until) {
    const auto followed = [this](std::string_view origin) {
      size_t i = 0;
      while (i < followed_.size() && config_.peers[i].origin.text() != origin) ++i;
      return i;
    };
    followed_[peer].seen.Take(
        heartbeat,
        [&](std::string_view origin) {
          return origin == config_.origin.text() || followed(origin) < followed_.size();
        },
        [&] { return SteadyNow() >= until; },
        [&](std::string_view origin, std::string_view note) {
          if (origin == config_.origin.text()) {
            witnessing_->OnOwnSeen(config_.peers[peer].origin.text(), note);
            return true;
          }
          const size_t of = followed(origin);
          replica::SeenOutcome outcome = followed_[of].subscriber->OnSeen(note, SteadyNow());
          Apply(of, std::move(outcome.outputs));
          return outcome.decided;
        });
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
                       if (followed.connection) {
                         followed.connection->Send({.envelope = std::move(envelope)});
                       }
                     },
                     [&](replica::StoreBatch& store) {
                       const absl::Status stored = node_->StoreReplica(peer, store.batch);
                       if (!stored.ok()) {
                         LogLine(LogLevel::kError, "storing from ",
                                 config_.peers[peer].origin.text(), ": ", stored.ToString());
                       }
                       if (stored.ok()) {
                         followed.checkpoint = store.batch.checkpoint;
                         AnnounceMirror(peer);
                         if (ChangesKeys(store.batch)) KeysChanged();
                       }
                       more = followed.subscriber->OnStored(stored, SteadyNow(), absl::Now());
                     },
                     [&](replica::SendFetch& send) {
                       auto envelope = NewEnvelope();
                       *envelope.mutable_fetch() = std::move(send.fetch);
                       // Unsent: it is asked again.
                       followed.connection->Send({.envelope = std::move(envelope)});
                     },
                     [&](replica::StoreFills& store) {
                       const absl::Status stored =
                           node_->StoreFills(peer, store.fills, store.gone);
                       if (!stored.ok()) {
                         LogLine(LogLevel::kError, "storing what was opened later from ",
                                 config_.peers[peer].origin.text(), ": ", stored.ToString());
                       }
                       std::vector<Position> filled;
                       for (const log::Fill& fill : store.fills) filled.push_back(fill.position);
                       if (stored.ok()) NotePersons(persons_->Refill(node_->replica(peer).number(), filled));
                       more = followed.subscriber->OnFillsStored(stored, SteadyNow());
                     },
                     [&](replica::RaiseAlarm& alarm) {
                       alarm_log_.Line(LogLevel::kError,
                                       Str("ALARM ", config_.peers[peer].origin.text()),
                                       SteadyNow(), alarm.what);
                     },
                     [&](replica::SendCosign& send) {
                       cosigned_->Remember(send.cosign.checkpoint());
                       const auto kept = witnessing_->KeepOwnCosignature(
                           node_->replica(peer).number(), send.cosign,
                           keys_.cosigner->verifier());
                       if (!kept.ok()) {
                         peer_log_.Line(LogLevel::kError, config_.peers[peer].origin.text(),
                                        SteadyNow(), kept.ToString());
                       }
                       auto envelope = NewEnvelope();
                       *envelope.mutable_cosign() = std::move(send.cosign);
                       // Unsent: the next store or session says it again.
                       if (followed.connection) {
                         followed.connection->Send({.envelope = std::move(envelope)});
                       }
                     },
                     [&](replica::KeepFork& fork) {
                       const auto kept =
                           witnessing_->KeepFork(config_.peers[peer].origin.text(), fork.pair);
                       if (!kept.ok()) LogLine(LogLevel::kError, kept.ToString());
                     },
                     [&](replica::KeepCosignatures& keep) {
                       const auto kept = witnessing_->KeepCosignatures(
                           node_->replica(peer).number(), keep.cosignatures);
                       if (!kept.ok()) {
                         peer_log_.Line(LogLevel::kError, config_.peers[peer].origin.text(),
                                        SteadyNow(), kept.ToString());
                       }
                     }},
          outputs[i]);
      for (auto& output : more) outputs.push_back(std::move(output));
    }
  }

  void Apply(replica::Publisher& publisher, std::vector<replica::PublisherOutput> outputs) {
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
                                publisher.OnSendFailed(send.to);
                              }
                            },
                            [&](replica::SendFill& send) {
                              auto envelope = NewEnvelope();
                              const bool gone = send.message.fill.gone();
                              *envelope.mutable_fill() = std::move(send.message.fill);
                              const auto sent = server_->Send(
                                  send.to, {.envelope = std::move(envelope),
                                            .entries = std::move(send.message.entries),
                                            .blobs = std::move(send.message.blobs),
                                            .has_payload = !gone});
                              if (sent != zeromq::SendResult::kSent) {
                                publisher.OnFillFailed(send.to);
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
    witnessing_->OnCommitted();
    Apply(*publisher_,
          publisher_->OnCommitted(node_->size(), node_->checkpoint(), SteadyNow()));
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

  // ---- Keys that change ----

  absl::Status ReadKeys() {
    POLKU_ASSIGN_OR_RETURN(const auto announced, ReadAnnounced(engine_, config_));
    keys_in_force_ = std::make_unique<KeysInForce>(config_, announced, keys_in_force_.get());
    for (const auto* lines : {&keys_in_force_->faults(), &keys_in_force_->superseded()}) {
      for (const std::string& line : *lines) {
        if (told_keys_.insert(line).second) LogLine(LogLevel::kWarning, line);
      }
    }
    return absl::OkStatus();
  }

  static bool ChangesKeys(const log::VerifiedBatch& batch) {
    const std::string& type = event::v1::KeyChanged::descriptor()->full_name();
    return std::any_of(batch.groups.begin(), batch.groups.end(), [&](const auto& group) {
      return group.entries.find(type) != std::string::npos;
    });
  }

  // A log that counts here has a new KeyChanged: it is acted on at once, on open connections, too.
  void KeysChanged() {
    keys_fault_.clear();
    absl::Status status = ReadKeys();
    if (status.ok()) status = witnessing_->SetKeys(*keys_in_force_);
    if (!status.ok()) {
      keys_fault_ = Str("the change of a key is not in force: ", status.ToString(), "; restart the service");
      LogLine(LogLevel::kError, keys_fault_);
      return;
    }
    for (auto& followed : followed_) {
      followed.subscriber->SetWitnesses(keys_in_force_->witnesses());
    }
    CutRoutes();
    for (size_t i = 0; i < followed_.size(); ++i) {
      const auto keys = keys_in_force_->KeysOfPeer(i);
      if (std::find(keys.begin(), keys.end(), followed_[i].expected) == keys.end()) Redial(i);
    }
  }

  void CutRoutes() {
    for (auto it = pulling_.begin(); it != pulling_.end();) {
      if (keys_in_force_->Principal(it->second.first) != nullptr) {
        ++it;
        continue;
      }
      publisher_->Forget(it->first);
      for (auto& followed : followed_) {
        if (followed.given_back) followed.given_back->Forget(it->first);
      }
      it = pulling_.erase(it);
    }
  }

  // A key that takes the place of another ends that one when it is used.
  void UsedBy(const zeromq::CurveKey& key) {
    if (keys_in_force_->Used(key)) CutRoutes();
  }

  exchange::v1::KeyChangeAnswer ChangeKey(std::string_view bytes) {
    exchange::v1::KeyChangeAnswer answer;
    const auto refuse = [&](exchange::v1::RefusalKind kind, std::string_view code,
                            std::string_view message) {
      answer.mutable_refusal()->set_kind(kind);
      answer.mutable_refusal()->set_code(std::string(code));
      answer.mutable_refusal()->set_message(std::string(message));
      return answer;
    };
    event::v1::KeyChanged change;
    if (!change.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return refuse(exchange::v1::REFUSAL_KIND_INVALID, "bad_key_change", "this is no KeyChanged");
    }
    // Asked for again: the answer of before.
    const auto recorded = log::KeyChangesOf(engine_, kOwnLog);
    if (recorded.ok()) {
      for (const auto& one : *recorded) {
        if (one.change.use() == change.use() && one.change.old_key() == change.old_key() &&
            one.change.new_key() == change.new_key()) {
          answer.set_position(one.position.value());
          return answer;
        }
      }
    }
    if (auto valid = keys_in_force_->CheckRequest(config_, keys_, change); !valid.ok()) {
      return refuse(exchange::v1::REFUSAL_KIND_INVALID, "bad_key_change", ToStd(valid.message()));
    }
    const ControlToAppend entry{.id = KeyChangeId(change), .message = change};
    const auto appended = node_->AppendControl({&entry, 1}, /*from_reserve=*/true);
    if (!appended.ok()) {
      return refuse(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "service_failed",
                    Str("the change could not be recorded: ", ToStd(appended.status().message())));
    }
    answer.set_position(appended->front().position.value());
    KeysChanged();
    return answer;
  }

  // Connects with the newest key that the peer has announced, or, when that is refused, with the one before:
  // it takes its new key at its next start.
  absl::Status Dial(size_t peer, Followed& followed) {
    const auto keys = keys_in_force_->KeysOfPeer(peer);
    followed.connection.reset();
    followed.link = zeromq::LinkState::kConnecting;
    followed.redial = SteadyNow() + kRedial;
    if (keys.empty()) {
      followed.expected = {};
      return absl::OkStatus();
    }
    const auto last = std::find(keys.begin(), keys.end(), followed.expected);
    followed.expected = last == keys.end() || last + 1 == keys.end() ? keys.front() : *(last + 1);
    POLKU_ASSIGN_OR_RETURN(followed.connection,
                           zeromq::Connection::Connect(
                               context_, {.endpoint = config_.peers[peer].address,
                                          .server_key = followed.expected, .keys = keys_.curve}));
    return absl::OkStatus();
  }

  void Redial(size_t peer) {
    if (auto dialed = Dial(peer, followed_[peer]); !dialed.ok()) {
      LogLine(LogLevel::kError, config_.peers[peer].origin.text(), ": ", dialed.ToString());
    }
  }

  void FollowLink(size_t peer) {
    Followed& followed = followed_[peer];
    if (!followed.connection) return;
    const zeromq::LinkState link = followed.connection->link();
    const auto keys = keys_in_force_->KeysOfPeer(peer);
    // Also when the peer has used its new key with us, so that the one we expect is over.
    const bool has_another =
        keys.size() > 1 || (!keys.empty() && keys.front() != followed.expected);
    if (link == zeromq::LinkState::kRefused && has_another && SteadyNow() >= followed.redial) {
      Redial(peer);
      return;
    }
    if (link == zeromq::LinkState::kConnected && keys.size() > 1 &&
        followed.expected == keys.front()) {
      UsedBy(followed.expected);
    }
    // A new connection knows nothing of us: pull at once rather than at the next keep-alive.
    if (link == zeromq::LinkState::kConnected && followed.link != link) {
      Apply(peer, followed.subscriber->Start(SteadyNow(), absl::Now()));
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
  Erasing& erasing_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Witnessing> witnessing_;
  std::shared_ptr<zeromq::Context> context_;
  std::unique_ptr<zeromq::Server> server_;
  std::unique_ptr<replica::Publisher> publisher_;
  std::vector<Followed> followed_;
  const absl::Time started_ = SteadyNow();
  std::optional<Position> announced_;
  absl::flat_hash_map<std::string, Unsent> unsent_;  // by route
  std::map<std::string, TakenCosign> cosigns_;       // by route, of this turn
  HeldAnswers held_{HeldAnswers::Limits()};
  HighWater high_water_;
  std::string high_water_fault_;
  std::unique_ptr<KeysInForce> keys_in_force_;
  std::string keys_fault_;
  std::set<std::string> told_keys_;  // lines of faults() and superseded()
  // By route: the key of who pulls there, and when it last did.
  std::map<std::string, std::pair<zeromq::CurveKey, absl::Time>> pulling_;
  std::unique_ptr<Cosigned> cosigned_;
  std::string cosigned_fault_;
  PeerLog peer_log_;
  PeerLog alarm_log_;
  bool more_waiting_ = false;
  std::optional<PersonIndex> persons_;
  uint64_t persons_seen_ = 0;  // entries of all logs when the index had them all
  std::string persons_fault_;
  std::unique_ptr<Scrub> scrub_;  // last: its thread ends before anything else does
};

void PrintHelp(std::string_view program, bool takes_events) {
  const char* does =
      takes_events ? "Takes events from authors, decides, appends them to its own log,\n"
                     "and exchanges logs with its peers."
                   : "Follows its peers, verifies and holds what is disclosed to its agency;\n"
                     "its own log has who read what. It takes no events of a domain.";
  std::printf(
      "%.*s: a Polku service. %s\n\n"
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
      "4 port or directory in use or disk full, 5 stored data does not verify or the log is an old copy.\n",
      static_cast<int>(program.size()), program.data(), does, static_cast<int>(program.size()),
      program.data(), static_cast<int>(program.size()), program.data());
}

// New keys whose change the log has recorded: they are in force from this start on.
absl::Status TakeAnnouncedKeys(const Config& config, log::Engine& engine, ServiceKeys& keys) {
  POLKU_ASSIGN_OR_RETURN(const auto changes, log::KeyChangesOf(engine, kOwnLog));
  POLKU_ASSIGN_OR_RETURN(
      const auto taken,
      TakeNextKeys(config.keys_directory, &config.origin,
                   [&](event::v1::KeyUse use, std::string_view key) {
                     return std::any_of(changes.begin(), changes.end(), [&](const auto& one) {
                       return one.change.use() == use && one.change.new_key() == key;
                     });
                   }));
  if (taken.empty()) return absl::OkStatus();
  for (const auto use : taken) {
    LogLine(LogLevel::kInfo, "a new ", KeyFileName(use), " key is in use; the public part of the old one is in ",
            config.keys_directory, "/earlier");
  }
  POLKU_ASSIGN_OR_RETURN(keys, LoadServiceKeys(config.keys_directory, config.origin.text()));
  return absl::OkStatus();
}

int Fail(std::string_view program, const absl::Status& status) {
  std::fprintf(stderr, "%s\n", Str(program, ": ", status.message()).c_str());
  return ExitCodeFor(status);
}

}  // namespace

int RunService(int argc, char** argv, const service::Service& service) {
  KeepMemoryPrivate();
  const std::string program = Str("polku-", service.name());
  std::string config_path;
  bool check_only = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--help") {
      PrintHelp(program, !service.event_types().empty());
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
  if (auto open = CheckNotSuperseded(config->keys_directory); !open.ok()) return Fail(program, open);
  if (check_only) {
    std::printf("%s is valid: %s, %zu peers, %zu principals\n", config_path.c_str(),
                config->origin.text().c_str(), config->peers.size(), config->principals.size());
    if (config->agreement.sharings().empty()) {
      std::printf("note: the agreement has no sharings, so no agency gets anything of another's but who the parties "
                  "are; join deploy/agreements/jako-rooleittain.textproto or write your own\n");
    }
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

  auto stores = OpenStores(*config, *keys);
  if (!stores.ok()) return Fail(program, stores.status());
  if (auto taken = TakeAnnouncedKeys(*config, *stores->engine, *keys); !taken.ok()) {
    return Fail(program, taken);
  }

  auto fence = Fence::Open(config->keys_directory);
  if (!fence.ok()) return Fail(program, fence.status());
  auto erasing = Erasing::Open({.config = *config,
                                .engine = *stores->engine,
                                .keystore = *stores->keystore,
                                .fence = **fence,
                                .clock = SystemClock()});
  if (!erasing.ok()) return Fail(program, erasing.status());

  Host host(*config, *keys, *stores->engine, *stores->keystore, **erasing);
  if (auto started = host.Start(service); !started.ok()) return Fail(program, started);
  std::printf("ready %s %s\n", config->origin.text().c_str(), host.endpoint().c_str());
  std::fflush(stdout);
  LogLine(LogLevel::kInfo, config->origin.text(), " serves ", host.endpoint());
  host.Run(stop_fd);
  LogLine(LogLevel::kInfo, config->origin.text(), " stopped");
  return kExitOk;
}

}  // namespace polku::host
