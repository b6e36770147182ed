#include "adapters/client/client.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "eventstore/base/status.h"

namespace polku::client {
namespace {

using exchange::v1::Envelope;
using exchange::v1::OfferAnswer;

constexpr uint32_t kProtocol = 1;
// What an envelope adds around its offer.
constexpr size_t kEnvelopeBytes = 64;
// ZeroMQ tells when something can be read, not when something can be sent again.
constexpr absl::Duration kSendRetry = absl::Milliseconds(10);
// A refusal by the handshake is told at once and may be told again by the next try.
constexpr absl::Duration kLinkCheck = absl::Milliseconds(50);

// How long the service may hold the answer back for the witnesses asked for (exchange.proto).
absl::Duration WitnessWait(const exchange::v1::Offer& offer) {
  if (offer.witnesses() == 0) return absl::ZeroDuration();
  return offer.witness_timeout_ms() == 0 ? absl::Seconds(10)
                                         : absl::Milliseconds(offer.witness_timeout_ms());
}

absl::Status FromError(const exchange::v1::Error& error, std::string_view endpoint) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  switch (error.code()) {
    case exchange::v1::ERROR_CODE_MALFORMED:
      code = absl::StatusCode::kInvalidArgument;
      break;
    case exchange::v1::ERROR_CODE_VERSION:
      code = absl::StatusCode::kUnimplemented;
      break;
    case exchange::v1::ERROR_CODE_NOT_ENTITLED:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case exchange::v1::ERROR_CODE_UNKNOWN_ORIGIN:
      code = absl::StatusCode::kNotFound;
      break;
    default:
      break;
  }
  return Error(code, endpoint, " answered: ", error.message());
}

class ClientImpl final : public Client {
 public:
  explicit ClientImpl(ClientOptions options)
      : options_(std::move(options)), context_(zeromq::MakeContext()) {}

  absl::Status Open() {
    POLKU_ASSIGN_OR_RETURN(connection_,
                           zeromq::Connection::Connect(context_, {.endpoint = options_.endpoint,
                                                                  .server_key = options_.server_key,
                                                                  .keys = options_.keys}));
    const absl::Time deadline = Deadline();
    for (;;) {
      switch (connection_->link()) {
        case zeromq::LinkState::kConnected:
          return absl::OkStatus();
        case zeromq::LinkState::kRefused:
          return Refused();
        case zeromq::LinkState::kConnecting:
          break;
      }
      const absl::Time now = absl::Now();
      if (now >= deadline) {
        return Error(absl::StatusCode::kUnavailable, "nothing answered at ", options_.endpoint,
                     " within ", absl::FormatDuration(options_.timeout),
                     "; is the service running there, and is the address right?");
      }
      zeromq::Wait({}, {connection_.get()}, -1, std::min(deadline - now, kLinkCheck));
    }
  }

  absl::StatusOr<OfferAnswer> Publish(const exchange::v1::Offer& offer) override {
    POLKU_RETURN_IF_ERROR(CheckSize(offer));
    Envelope request;
    *request.mutable_offer() = offer;
    POLKU_ASSIGN_OR_RETURN(Envelope answer, Exchange(std::move(request), WitnessWait(offer)));
    if (!answer.has_offer_answer()) return Unexpected();
    return std::move(*answer.mutable_offer_answer());
  }

  absl::StatusOr<exchange::v1::StatusAnswer> Status() override {
    Envelope request;
    request.mutable_status_request();
    POLKU_ASSIGN_OR_RETURN(Envelope answer, Exchange(std::move(request), absl::ZeroDuration()));
    if (!answer.has_status_answer()) return Unexpected();
    return std::move(*answer.mutable_status_answer());
  }

  absl::StatusOr<exchange::v1::KeyChangeAnswer> ChangeKey(std::string_view change) override {
    Envelope request;
    request.mutable_key_change_request()->set_change(std::string(change));
    POLKU_ASSIGN_OR_RETURN(Envelope answer, Exchange(std::move(request), absl::ZeroDuration()));
    if (!answer.has_key_change_answer()) return Unexpected();
    return std::move(*answer.mutable_key_change_answer());
  }

  absl::StatusOr<uint64_t> OfferAsync(const exchange::v1::Offer& offer) override {
    POLKU_RETURN_IF_ERROR(CheckSize(offer));
    Envelope request;
    *request.mutable_offer() = offer;
    POLKU_ASSIGN_OR_RETURN(const uint64_t ticket, Send(std::move(request)));
    pending_[ticket] = {Kind::kAsync, WitnessWait(offer)};
    // Answers are taken off the socket while the window fills: the service need not hold them back.
    if (auto drained = Drain(); !drained.ok()) return drained.status();
    return ticket;
  }

  absl::StatusOr<std::pair<uint64_t, OfferAnswer>> NextAnswer() override {
    absl::Duration wait = absl::ZeroDuration();
    for (const auto& [ticket, pending] : pending_) wait = std::max(wait, pending.witness_wait);
    const absl::Time deadline = Deadline(wait);
    for (;;) {
      if (!arrived_.empty()) {
        auto [ticket, envelope] = std::move(arrived_.front());
        arrived_.pop_front();
        if (envelope.has_error()) return FromError(envelope.error(), options_.endpoint);
        if (!envelope.has_offer_answer()) return Unexpected();
        return std::pair(ticket, std::move(*envelope.mutable_offer_answer()));
      }
      if (pending_.empty()) {
        return absl::FailedPreconditionError("no offer is under way");
      }
      POLKU_RETURN_IF_ERROR(Await(deadline));
    }
  }

 private:
  enum class Kind { kSync, kAsync };
  struct Pending {
    Kind kind = Kind::kSync;
    absl::Duration witness_wait;
  };

  absl::Time Deadline(absl::Duration more = absl::ZeroDuration()) const {
    return absl::Now() + options_.timeout + more;
  }

  absl::Status Refused() const {
    return Error(
        absl::StatusCode::kPermissionDenied, options_.endpoint,
        " refused the handshake: either our public key is not among its principals, or its "
        "key is not the server key given here; compare both sides' curve.public");
  }

  absl::Status Unexpected() const {
    return Error(absl::StatusCode::kDataLoss, "what came from ", options_.endpoint,
                 " is not an answer to the request; is that a Polku service of this version?");
  }

  template <typename... Parts>
  static absl::Status Unknown(const Parts&... parts) {
    return Error(
        absl::StatusCode::kDeadlineExceeded, parts...,
        "; whether the events were appended is unknown, offering them again is safe and tells");
  }

  static absl::Status CheckSize(const exchange::v1::Offer& offer) {
    const size_t size = offer.ByteSizeLong();
    if (size + kEnvelopeBytes <= zeromq::kMaxFrameBytes) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, "the offer has ", size,
                 " bytes, over the limit of ", zeromq::kMaxFrameBytes - kEnvelopeBytes,
                 "; offer fewer events at once");
  }

  absl::StatusOr<uint64_t> Send(Envelope request) {
    const uint64_t correlation = ++last_correlation_;
    request.set_protocol(kProtocol);
    request.set_correlation(correlation);
    const absl::Time deadline = Deadline();
    for (;;) {
      zeromq::Outgoing message;
      message.envelope = request;
      if (connection_->Send(std::move(message)) == zeromq::SendResult::kSent) return correlation;
      if (connection_->link() == zeromq::LinkState::kRefused) return Refused();
      const absl::Time now = absl::Now();
      if (now >= deadline) {
        return Error(absl::StatusCode::kUnavailable, options_.endpoint,
                     " takes no more messages; it is busy or gone, try again later");
      }
      // Answers that arrive meanwhile make room on the other side.
      POLKU_RETURN_IF_ERROR(Await(std::min(deadline, now + kSendRetry), /*must_arrive=*/false));
    }
  }

  // Waits until something arrived or `until`, and sorts in all that did.
  absl::Status Await(absl::Time until, bool must_arrive = true) {
    const absl::Time now = absl::Now();
    zeromq::Wait({}, {connection_.get()}, -1, std::max(until - now, absl::ZeroDuration()));
    POLKU_ASSIGN_OR_RETURN(const bool any, Drain());
    if (any || !must_arrive) return absl::OkStatus();
    switch (connection_->link()) {
      case zeromq::LinkState::kRefused:
        return Refused();
      case zeromq::LinkState::kConnecting:
        // Answers never come over another connection than their request's.
        return Unknown("the connection broke before the answer of ", options_.endpoint, " came");
      case zeromq::LinkState::kConnected:
        break;
    }
    if (absl::Now() < until) return absl::OkStatus();
    return Unknown("no answer from ", options_.endpoint, " in time (timeout ",
                   absl::FormatDuration(options_.timeout), ")");
  }

  // Sorts in what has arrived, without waiting; whether anything had.
  absl::StatusOr<bool> Drain() {
    bool any = false;
    while (auto received = connection_->Receive()) {
      any = true;
      auto* incoming = std::get_if<zeromq::Incoming>(&*received);
      if (incoming == nullptr) return Unexpected();
      Envelope& envelope = incoming->envelope;
      const auto found = pending_.find(envelope.correlation());
      if (found == pending_.end()) {
        // Correlation 0: the service could not even read what we sent. Anything else answers a
        // request that was given up.
        if (envelope.correlation() == 0 && envelope.has_error()) {
          return FromError(envelope.error(), options_.endpoint);
        }
        continue;
      }
      if (found->second.kind == Kind::kAsync) {
        arrived_.emplace_back(envelope.correlation(), std::move(envelope));
      } else {
        answer_ = std::move(envelope);
      }
      pending_.erase(found);
    }
    return any;
  }

  absl::StatusOr<Envelope> Exchange(Envelope request, absl::Duration witness_wait) {
    answer_.reset();  // of a request that failed after its answer had come
    POLKU_ASSIGN_OR_RETURN(const uint64_t correlation, Send(std::move(request)));
    pending_[correlation] = {Kind::kSync, witness_wait};
    const absl::Time deadline = Deadline(witness_wait);
    while (!answer_) {
      if (absl::Status status = Await(deadline); !status.ok()) {
        pending_.erase(correlation);
        return status;
      }
    }
    Envelope answer = *std::exchange(answer_, std::nullopt);
    if (answer.has_error()) return FromError(answer.error(), options_.endpoint);
    return answer;
  }

  const ClientOptions options_;
  const std::shared_ptr<zeromq::Context> context_;
  std::unique_ptr<zeromq::Connection> connection_;
  uint64_t last_correlation_ = 0;
  absl::flat_hash_map<uint64_t, Pending> pending_;     // requests without an answer yet
  std::deque<std::pair<uint64_t, Envelope>> arrived_;  // answers to OfferAsync, not yet taken
  std::optional<Envelope> answer_;                     // to the one request of Exchange
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(ClientOptions options) {
  auto client = std::make_unique<ClientImpl>(std::move(options));
  POLKU_RETURN_IF_ERROR(client->Open());
  return std::unique_ptr<Client>(std::move(client));
}

}  // namespace polku::client
