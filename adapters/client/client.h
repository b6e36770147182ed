// A client of one Polku service: publish events, ask for status. One request at a time is the
// simple way; OfferAsync keeps a window of offers under way for bulk work.
#ifndef POLKU_ADAPTERS_CLIENT_CLIENT_H_
#define POLKU_ADAPTERS_CLIENT_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/zeromq/transport.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::client {

struct ClientOptions {
  std::string endpoint;         // "tcp://host:port"
  zeromq::CurveKey server_key;  // the service's curve.public
  zeromq::CurveKeyPair keys;    // the author's; its public key must be among the principals
  // For each answer; an offer that asks for witnesses gets its witness_timeout on top.
  absl::Duration timeout = absl::Seconds(10);
};

class Client {
 public:
  // Waits until the handshake is through. PermissionDenied: the service refused our key, or its key
  // is not the one configured. Unavailable: nothing answered within the timeout.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(ClientOptions options);
  virtual ~Client() = default;

  // An answer may be a refusal, or have fewer witnesses than were asked for: look at it. DeadlineExceeded: no answer came, whether the events
  // were appended is unknown; offering the same event ids again is safe and tells.
  virtual absl::StatusOr<exchange::v1::OfferAnswer> Publish(const exchange::v1::Offer& offer) = 0;
  virtual absl::StatusOr<exchange::v1::StatusAnswer> Status() = 0;

  // Records the change of a key (polku.event.v1.KeyChanged), which is in force when the answer comes. The answer may
  // be a refusal. DeadlineExceeded: whether it was recorded is unknown; asking again is safe and tells.
  virtual absl::StatusOr<exchange::v1::KeyChangeAnswer> ChangeKey(std::string_view change) = 0;

  // Bulk: sends without waiting for the answer and returns the offer's ticket. Unavailable when the
  // peer does not take more within the timeout.
  virtual absl::StatusOr<uint64_t> OfferAsync(const exchange::v1::Offer& offer) = 0;
  // The next answer to an OfferAsync, in order of arrival, with its ticket.
  virtual absl::StatusOr<std::pair<uint64_t, exchange::v1::OfferAnswer>> NextAnswer() = 0;
};

}  // namespace polku::client

#endif  // POLKU_ADAPTERS_CLIENT_CLIENT_H_
