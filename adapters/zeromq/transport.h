// ZeroMQ sockets behind two small classes. CURVE is always on; a peer's CURVE key is its identity
// (RFC 27 ZAP user id), unknown keys are refused in the handshake, before any parsing.
// A Server or Connection belongs to the thread that made it; nothing here is thread-safe.
#ifndef POLKU_ADAPTERS_ZEROMQ_TRANSPORT_H_
#define POLKU_ADAPTERS_ZEROMQ_TRANSPORT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::zeromq {

inline constexpr size_t kMaxFrameBytes = 4 << 20;  // checked by ZeroMQ before a frame is received
inline constexpr size_t kMaxFrames = 3;

using CurveKey = FixedBytes<struct CurveKeyTag, 32>;
std::string FormatCurveKey(const CurveKey& key);                       // Z85, 40 characters
std::optional<CurveKey> ParseCurveKey(std::string_view z85);
struct CurveKeyPair {
  CurveKey public_key;
  CurveKey secret_key;
};
CurveKeyPair NewCurveKeyPair();
// The public key that belongs to a secret key.
CurveKey CurvePublicKey(const CurveKey& secret_key);

class Context;  // one per process; closes without lingering
std::shared_ptr<Context> MakeContext();

// A received frame, owning ZeroMQ's memory: payloads are verified and stored without a copy.
class Frame {
 public:
  Frame();
  ~Frame();
  Frame(Frame&&) noexcept;
  Frame& operator=(Frame&&) noexcept;
  std::string_view view() const;
  struct Raw;
  Raw& raw() { return *raw_; }

 private:
  std::unique_ptr<Raw> raw_;
};

struct Incoming {
  std::string route;    // server side: where to answer, opaque; empty on a Connection
  CurveKey peer;        // server side: the authenticated key; zero on a Connection
  exchange::v1::Envelope envelope;
  std::vector<Frame> payload;  // frames 2 and 3
};

// A message that was not an Envelope (wrong frame count, too large, unparsable, another protocol).
struct BadMessage {
  std::string route;
  CurveKey peer;
  uint64_t correlation = 0;  // for the answer's envelope; 0 where it could not be read
  exchange::v1::Error answer;
};

enum class SendResult {
  kSent,          // handed over; whether it arrives shows only by what the peer answers
  kWouldBlock,    // back-pressure: the peer does not take more now
  kNotConnected,  // no such peer any more, or not yet: nothing is queued for a peer that is away
};

struct Outgoing {
  exchange::v1::Envelope envelope;
  std::string entries;  // moved into frames 2 and 3; both empty: one frame
  std::string blobs;
  bool has_payload = false;
};

// The one ROUTER port of a service, with its ZAP handler, which runs in Wait and Receive: handshakes
// go on only while the owner calls one of them. At most one Server to a Context.
class Server {
 public:
  struct Options {
    std::string endpoint;  // "tcp://127.0.0.1:7410"; port 0 or "*": any free port
    CurveKeyPair keys;
    std::function<bool(const CurveKey&)> is_known;  // asked at each handshake
    int high_water_messages = 64;                   // per peer, each way
  };
  // InvalidArgument: bad endpoint. AlreadyExists: the port is in use. PermissionDenied: a port below
  // 1024. FailedPrecondition: the context has a Server already. Messages name the endpoint.
  static absl::StatusOr<std::unique_ptr<Server>> Bind(std::shared_ptr<Context> context,
                                                      Options options);
  virtual ~Server() = default;
  virtual std::string endpoint() const = 0;  // the one in use, with the real port
  // Without waiting: the next message, a BadMessage for the caller to answer, or nullopt.
  virtual std::optional<std::variant<Incoming, BadMessage>> Receive() = 0;
  // A route means one connection of one key and is never used again once that has broken.
  virtual SendResult Send(std::string_view route, Outgoing message) = 0;
};

enum class LinkState { kConnecting, kConnected, kRefused };

// A DEALER to one service; reconnects by itself, also after a refusal, while its owner calls Wait,
// Receive or link. Send gives kNotConnected until the link is up; Wait returns when that changes.
class Connection {
 public:
  struct Options {
    std::string endpoint;
    CurveKey server_key;
    CurveKeyPair keys;
    int high_water_messages = 64;
  };
  static absl::StatusOr<std::unique_ptr<Connection>> Connect(std::shared_ptr<Context> context,
                                                             Options options);
  virtual ~Connection() = default;
  virtual std::optional<std::variant<Incoming, BadMessage>> Receive() = 0;
  virtual SendResult Send(Outgoing message) = 0;
  // kRefused: the other side's handshake refused our key, or its key is not the one configured.
  virtual LinkState link() = 0;
};

// Waits until any of them has something, a byte can be read from `wake_fd` (-1: none), or the
// time is over. Also when a link's state changes. Handles the servers' handshakes while it waits.
void Wait(const std::vector<Server*>& servers, const std::vector<Connection*>& connections,
          int wake_fd, absl::Duration timeout);

}  // namespace polku::zeromq

#endif  // POLKU_ADAPTERS_ZEROMQ_TRANSPORT_H_
