#include "adapters/zeromq/transport.h"

#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"

namespace polku::zeromq {

// libzmq is a C library over void*: the handles are owned here and nowhere else.
class Context {
 public:
  Context() : handle_(zmq_ctx_new()) {
    // Closing never waits for a peer that does not read.
    zmq_ctx_set(handle_, ZMQ_BLOCKY, 0);
  }
  ~Context() {
    while (zmq_ctx_term(handle_) != 0 && errno == EINTR) {
    }
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void* handle() const { return handle_; }
  // inproc names are per context.
  std::string NewMonitorName() {
    return Str("inproc://polku.monitor.", next_monitor_.fetch_add(1));
  }

 private:
  void* const handle_;
  std::atomic<uint64_t> next_monitor_{0};
};

std::shared_ptr<Context> MakeContext() { return std::make_shared<Context>(); }

struct Frame::Raw {
  Raw() { zmq_msg_init(&message); }
  ~Raw() { zmq_msg_close(&message); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  zmq_msg_t message;
};

Frame::Frame() : raw_(std::make_unique<Raw>()) {}
Frame::~Frame() = default;
Frame::Frame(Frame&&) noexcept = default;
Frame& Frame::operator=(Frame&&) noexcept = default;

std::string_view Frame::view() const {
  return {static_cast<const char*>(zmq_msg_data(&raw_->message)), zmq_msg_size(&raw_->message)};
}

namespace {

using exchange::v1::Envelope;

constexpr char kZapEndpoint[] = "inproc://zeromq.zap.01";  // RFC 27
constexpr char kZapDomain[] = "polku";
constexpr uint32_t kProtocol = 1;
constexpr size_t kMaxEnvelopeBytes = 64 << 10;  // of every message but an Offer
constexpr size_t kZ85KeyLength = 40;
// ZMQ_MAXMSGSIZE counts a frame as CURVE sends it: command name, nonce, authenticator, flags (RFC
// 26).
constexpr size_t kCurveOverheadBytes = 8 + 8 + 16 + 1;

// A peer that died without closing its connection is noticed after kDeadAfter, by the kernel: probes
// where nothing is under way, else what it does not acknowledge. No ZMTP heartbeats: their timer of
// libzmq 4.3.4 aborts the process ("!_io_error", zeromq/libzmq#4364) where a connection breaks while
// its input waits, as it does at the high-water mark.
constexpr int kProbeAfterS = 4;
constexpr int kProbeIntervalS = 2;
constexpr int kProbes = 3;
constexpr int kDeadAfterMs = (kProbeAfterS + kProbes * kProbeIntervalS) * 1'000;
constexpr int kHandshakeMs = 10'000;
constexpr int kConnectTimeoutMs = 5'000;
constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 5'000;
constexpr absl::Duration kRetryAfterRefusal = absl::Seconds(2);

// Below this size a copy is cheaper than handing over an allocation.
constexpr size_t kCopyBelowBytes = 512;

class Socket {
 public:
  Socket() = default;
  Socket(const Context& context, int type) : handle_(zmq_socket(context.handle(), type)) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      Close();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }

  void* handle() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

  bool Set(int option, int value) {
    return zmq_setsockopt(handle_, option, &value, sizeof value) == 0;
  }
  bool Set(int option, int64_t value) {
    return zmq_setsockopt(handle_, option, &value, sizeof value) == 0;
  }
  bool Set(int option, std::string_view value) {
    return zmq_setsockopt(handle_, option, value.data(), value.size()) == 0;
  }
  void Close() {
    if (handle_ != nullptr) zmq_close(handle_);
    handle_ = nullptr;
  }

 private:
  void* handle_ = nullptr;
};

absl::Status ZmqError(std::string_view what, int error) {
  return Error(absl::StatusCode::kInternal, what, ": ", std::string_view(zmq_strerror(error)));
}

int RetryOnSignal(auto call) {
  int result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

// What both ends set before they bind or connect.
bool SetCommonOptions(Socket& socket, int high_water, const CurveKeyPair& keys) {
  return socket.Set(ZMQ_LINGER, 0) && socket.Set(ZMQ_SNDHWM, high_water) &&
         socket.Set(ZMQ_RCVHWM, high_water) &&
         socket.Set(ZMQ_MAXMSGSIZE, static_cast<int64_t>(kMaxFrameBytes + kCurveOverheadBytes)) &&
         socket.Set(ZMQ_HANDSHAKE_IVL, kHandshakeMs) &&
         socket.Set(ZMQ_TCP_KEEPALIVE, 1) && socket.Set(ZMQ_TCP_KEEPALIVE_IDLE, kProbeAfterS) &&
         socket.Set(ZMQ_TCP_KEEPALIVE_INTVL, kProbeIntervalS) &&
         socket.Set(ZMQ_TCP_KEEPALIVE_CNT, kProbes) && socket.Set(ZMQ_TCP_MAXRT, kDeadAfterMs) &&
         socket.Set(ZMQ_CURVE_SECRETKEY, keys.secret_key.view()) &&
         socket.Set(ZMQ_CURVE_PUBLICKEY, keys.public_key.view());
}

struct MonitorEvent {
  uint16_t event = 0;
  int32_t value = 0;  // a file descriptor or a code, by event
};

// The events of one socket, in the order in which libzmq's I/O thread raised them. Never
// ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: libzmq 4.3.4 raises it between a CURVE frame's failing and
// looking at errno, which raising it sets to EAGAIN. So a connection with a replayed or altered
// frame would not be closed but wait for ever, on a server beyond the end of its peer.
class Monitor {
 public:
  absl::Status Open(Context& context, Socket& watched, int events) {
    const std::string name = context.NewMonitorName();
    if (zmq_socket_monitor(watched.handle(), name.c_str(), events) != 0) {
      return ZmqError("zmq_socket_monitor", errno);
    }
    socket_ = Socket(context, ZMQ_PAIR);
    // Without a bound: at a bound the I/O thread would block in raising an event while it holds the
    // lock that closing the watched socket needs.
    if (!socket_ || !socket_.Set(ZMQ_RCVHWM, 0) || !socket_.Set(ZMQ_LINGER, 0) ||
        zmq_connect(socket_.handle(), name.c_str()) != 0) {
      return ZmqError("socket monitor", errno);
    }
    return absl::OkStatus();
  }

  std::optional<MonitorEvent> Next() {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (RetryOnSignal([&] { return zmq_msg_recv(&frame, socket_.handle(), ZMQ_DONTWAIT); }) < 0) {
      zmq_msg_close(&frame);
      return std::nullopt;
    }
    MonitorEvent result;
    const char* data = static_cast<const char*>(zmq_msg_data(&frame));
    if (zmq_msg_size(&frame) >= sizeof result.event + sizeof result.value) {
      std::memcpy(&result.event, data, sizeof result.event);
      std::memcpy(&result.value, data + sizeof result.event, sizeof result.value);
    }
    while (zmq_msg_more(&frame) != 0) {  // the endpoint's text
      if (RetryOnSignal([&] { return zmq_msg_recv(&frame, socket_.handle(), ZMQ_DONTWAIT); }) < 0)
        break;
    }
    zmq_msg_close(&frame);
    return result;
  }

  void* handle() const { return socket_.handle(); }

 private:
  Socket socket_;
};

void FreeString(void*, void* hint) { delete static_cast<std::string*>(hint); }

// Hands `bytes` to libzmq without copying what is worth not copying.
void InitMessage(zmq_msg_t* message, std::string bytes) {
  if (bytes.size() < kCopyBelowBytes) {
    zmq_msg_init_size(message, bytes.size());
    std::memcpy(zmq_msg_data(message), bytes.data(), bytes.size());
    return;
  }
  auto owned = std::make_unique<std::string>(std::move(bytes));
  if (zmq_msg_init_data(message, owned->data(), owned->size(), FreeString, owned.get()) == 0) {
    (void)owned.release();  // ZeroMQ owns it now, FreeString ends it
  } else {
    zmq_msg_init(message);
  }
}

bool SendFrame(void* socket, std::string bytes, bool more) {
  zmq_msg_t message;
  InitMessage(&message, std::move(bytes));
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  if (RetryOnSignal([&] { return zmq_msg_send(&message, socket, flags); }) >= 0) return true;
  const int error = errno;
  zmq_msg_close(&message);
  errno = error;
  return false;
}

// Lets a socket do what the I/O thread asked of it (attach and drop pipes) now.
void ProcessCommands(void* socket) {
  int events = 0;
  size_t size = sizeof events;
  zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
}

// The frames after the first follow the same pipe: ZeroMQ decides with the first one.
void SendRest(void* socket, Outgoing& message) {
  if (!message.has_payload) return;
  SendFrame(socket, std::move(message.entries), /*more=*/true);
  SendFrame(socket, std::move(message.blobs), /*more=*/false);
}

exchange::v1::Error MakeError(exchange::v1::ErrorCode code, std::string text) {
  exchange::v1::Error error;
  error.set_code(code);
  error.set_message(std::move(text));
  return error;
}

struct Refused {
  uint64_t correlation = 0;
  exchange::v1::Error answer;
};

// Frames 1 to 3 of a message; `dropped`: there were more.
std::optional<Refused> DecodeFrames(std::vector<Frame>& frames, bool dropped, Envelope& envelope) {
  const auto malformed = [&](uint64_t correlation, std::string text) {
    return Refused{correlation, MakeError(exchange::v1::ERROR_CODE_MALFORMED, std::move(text))};
  };
  if (dropped || frames.empty()) {
    return malformed(0, Str("a message has 1 frame, a batch or a fill 3; this one had ",
                            dropped ? "more than 3" : "none"));
  }
  const std::string_view bytes = frames[0].view();
  if (!envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return malformed(0, "frame 1 is not a polku.exchange.v1.Envelope");
  }
  if (envelope.protocol() != kProtocol) {
    return Refused{envelope.correlation(), MakeError(exchange::v1::ERROR_CODE_VERSION,
                                                     Str("protocol ", envelope.protocol(),
                                                         " is not spoken here; use ", kProtocol))};
  }
  if (envelope.body_case() == Envelope::BODY_NOT_SET) {
    return malformed(envelope.correlation(), "the envelope carries no body that is known here");
  }
  // An answer names each event of its offer, and a status each subscriber.
  const bool large = envelope.has_offer() || envelope.has_offer_answer() || envelope.has_status_answer();
  if (bytes.size() > kMaxEnvelopeBytes && !large) {
    return malformed(envelope.correlation(),
                     Str("frame 1 has ", bytes.size(), " bytes; at most ", kMaxEnvelopeBytes,
                         " are allowed except with an offer or an answer"));
  }
  const bool has_payload =
      envelope.has_batch() || (envelope.has_fill() && !envelope.fill().gone());
  const size_t expected = has_payload ? 3 : 1;
  if (frames.size() != expected) {
    return malformed(envelope.correlation(), Str("a message of this kind has ", expected,
                                                 " frames, this one had ", frames.size()));
  }
  return std::nullopt;
}

// Reads what follows a first frame; false when more came than a message may have.
bool ReceiveRest(void* socket, bool more, std::vector<Frame>& frames, bool& dropped) {
  while (more) {
    Frame frame;
    if (RetryOnSignal([&] { return zmq_msg_recv(&frame.raw().message, socket, ZMQ_DONTWAIT); }) <
        0) {
      return false;  // cannot be: ZeroMQ delivers messages whole
    }
    more = zmq_msg_more(&frame.raw().message) != 0;
    if (frames.size() < kMaxFrames) {
      frames.push_back(std::move(frame));
    } else {
      dropped = true;
    }
  }
  return true;
}

// What Wait needs of an end, whichever it is.
class Pollable {
 public:
  virtual ~Pollable() = default;
  virtual void AddTo(std::vector<zmq_pollitem_t>& items) const = 0;
  // Handles handshakes and link events; true when the caller has something to look at.
  virtual bool Housekeep() = 0;
  virtual absl::Time next_deadline() const { return absl::InfiniteFuture(); }
};

// libzmq 4.3.4 takes a larger number modulo 65536.
bool PortIsValid(std::string_view endpoint) {
  const size_t colon = endpoint.rfind(':');
  if (colon == endpoint.npos) return false;
  const std::string_view port = endpoint.substr(colon + 1);
  uint32_t number = 0;
  return port == "*" || (absl::SimpleAtoi(ToAbsl(port), &number) && number <= 65'535);
}

zmq_pollitem_t Item(void* socket) { return {socket, 0, ZMQ_POLLIN, 0}; }

class ServerImpl final : public Server, public Pollable {
 public:
  ServerImpl(std::shared_ptr<Context> context, Options options)
      : context_(std::move(context)), options_(std::move(options)) {}

  ~ServerImpl() override {
    // The port closes before its gatekeeper: without one, libzmq lets every key in (and then
    // Receive drops what comes, because it has no User-Id).
    if (!endpoint_.empty()) zmq_unbind(router_.handle(), endpoint_.c_str());
    router_.Close();
    // At once, where closing alone would do it at some time in libzmq's reaper thread.
    if (zap_bound_) zmq_unbind(zap_.handle(), kZapEndpoint);
  }

  absl::Status Bind() {
    if (!PortIsValid(options_.endpoint)) {
      return Error(absl::StatusCode::kInvalidArgument, "cannot listen on \"", options_.endpoint,
                   "\": write it like tcp://127.0.0.1:7410 with a port up to 65535");
    }
    zap_ = Socket(*context_, ZMQ_REP);
    if (!zap_ || !zap_.Set(ZMQ_LINGER, 0)) return ZmqError("ZAP socket", errno);
    if (zmq_bind(zap_.handle(), kZapEndpoint) != 0) {
      if (errno == EADDRINUSE) {
        return Error(
            absl::StatusCode::kFailedPrecondition,
            "this ZeroMQ context already has a Server; give each Server a context of its own");
      }
      return ZmqError("binding the ZAP endpoint", errno);
    }
    zap_bound_ = true;
    router_ = Socket(*context_, ZMQ_ROUTER);
    // No ZMQ_ROUTER_HANDOVER: it would let any known peer take over another one's routing id.
    if (!router_ || !SetCommonOptions(router_, options_.high_water_messages, options_.keys) ||
        !router_.Set(ZMQ_CURVE_SERVER, 1) ||
        !router_.Set(ZMQ_ZAP_DOMAIN, std::string_view(kZapDomain)) ||
        !router_.Set(ZMQ_ROUTER_MANDATORY, 1)) {
      return ZmqError("setting up the server socket", errno);
    }
    POLKU_RETURN_IF_ERROR(
        monitor_.Open(*context_, router_,
                      ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED));
    if (zmq_bind(router_.handle(), options_.endpoint.c_str()) != 0) {
      const int error = errno;
      const std::string_view reason = zmq_strerror(error);
      switch (error) {
        case EADDRINUSE:
          return Error(
              absl::StatusCode::kAlreadyExists, "the port of ", options_.endpoint,
              " is in use: stop the other process (ss -ltnp shows it) or configure another port");
        case EACCES:
          return Error(absl::StatusCode::kPermissionDenied, "may not listen on ", options_.endpoint,
                       ": ", reason, "; use a port from 1024 on");
        case EINVAL:
        case ENODEV:
        case EADDRNOTAVAIL:
        case EPROTONOSUPPORT:
        case ENOCOMPATPROTO:
          return Error(absl::StatusCode::kInvalidArgument, "cannot listen on \"", options_.endpoint,
                       "\": ", reason,
                       "; write it like tcp://127.0.0.1:7410 with an address of this machine");
        default:
          return Error(absl::StatusCode::kUnavailable, "cannot listen on ", options_.endpoint, ": ",
                       reason);
      }
    }
    char endpoint[1024];
    size_t size = sizeof endpoint;
    if (zmq_getsockopt(router_.handle(), ZMQ_LAST_ENDPOINT, endpoint, &size) != 0) {
      return ZmqError("ZMQ_LAST_ENDPOINT", errno);
    }
    endpoint_ = endpoint;
    return absl::OkStatus();
  }

  std::string endpoint() const override { return endpoint_; }

  std::optional<std::variant<Incoming, BadMessage>> Receive() override {
    AnswerHandshakes();
    while (true) {
      Frame routing_id;
      if (RetryOnSignal([&] {
            return zmq_msg_recv(&routing_id.raw().message, router_.handle(), ZMQ_DONTWAIT);
          }) < 0) {
        return std::nullopt;
      }
      std::vector<Frame> frames;
      bool dropped = false;
      if (!ReceiveRest(router_.handle(), zmq_msg_more(&routing_id.raw().message) != 0, frames,
                       dropped) ||
          frames.empty()) {
        continue;
      }
      zmq_msg_t* first = &frames[0].raw().message;
      // Both come from the connection itself, not from anything that the peer wrote.
      const char* user = zmq_msg_gets(first, "User-Id");
      const std::optional<CurveKey> peer = ParseCurveKey(user == nullptr ? "" : user);
      if (!peer.has_value()) continue;  // not let in by our ZAP handler
      const std::string route = RouteOf(routing_id.view(), zmq_msg_get(first, ZMQ_SRCFD), *peer);
      Incoming incoming{.route = route, .peer = *peer, .envelope = {}, .payload = {}};
      if (std::optional<Refused> refused = DecodeFrames(frames, dropped, incoming.envelope)) {
        return BadMessage{route, *peer, refused->correlation, std::move(refused->answer)};
      }
      for (size_t i = 1; i < frames.size(); ++i) incoming.payload.push_back(std::move(frames[i]));
      return incoming;
    }
  }

  SendResult Send(std::string_view route, Outgoing message) override {
    if (route.size() <= sizeof(uint64_t)) return SendResult::kNotConnected;
    const std::string_view routing_id = route.substr(0, route.size() - sizeof(uint64_t));
    const uint64_t generation = ReadBigEndian64(route.data() + routing_id.size());
    // ROUTER frees a routing id some time after its connection broke. The disconnection is told to
    // the monitor first, so: let the socket work, read the monitor, then look whether the route
    // still means the connection that it meant. A peer that took over the id gets nothing.
    ProcessCommands(router_.handle());
    ReadMonitor();
    const auto it = peers_.find(ToAbsl(routing_id));
    if (it == peers_.end() || it->second.generation != generation) return SendResult::kNotConnected;
    if (!SendFrame(router_.handle(), std::string(routing_id), /*more=*/true)) {
      return errno == EAGAIN ? SendResult::kWouldBlock : SendResult::kNotConnected;
    }
    SendFrame(router_.handle(), message.envelope.SerializeAsString(), message.has_payload);
    SendRest(router_.handle(), message);
    return SendResult::kSent;
  }

  void AddTo(std::vector<zmq_pollitem_t>& items) const override {
    items.push_back(Item(router_.handle()));
    items.push_back(Item(zap_.handle()));
    items.push_back(Item(monitor_.handle()));
  }
  bool Housekeep() override {
    AnswerHandshakes();
    ReadMonitor();
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(router_.handle(), ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN) != 0;
  }

 private:
  struct Peer {
    uint64_t generation = 0;
    int fd = -1;
    CurveKey key;
  };

  // Routes are the routing id with a number that is never used twice: after a reconnection, or when
  // another peer takes the same routing id, an old route is dead.
  std::string RouteOf(std::string_view routing_id, int fd, const CurveKey& key) {
    ReadMonitor();
    auto it = peers_.find(ToAbsl(routing_id));
    if (it == peers_.end() || it->second.fd != fd || it->second.key != key) {
      if (it != peers_.end()) Forget(it->second.fd);
      Forget(fd);
      const uint64_t generation = ++last_generation_;
      // Of a connection that has broken meanwhile the message is served, but there is nobody to
      // answer.
      if (open_.contains(fd)) {
        peers_[std::string(routing_id)] = {generation, fd, key};
        routing_ids_[fd] = std::string(routing_id);
      }
      std::string route(routing_id);
      AppendBigEndian64(route, generation);
      return route;
    }
    std::string route(routing_id);
    AppendBigEndian64(route, it->second.generation);
    return route;
  }

  void Forget(int fd) {
    const auto it = routing_ids_.find(fd);
    if (it == routing_ids_.end()) return;
    peers_.erase(it->second);
    routing_ids_.erase(it);
  }

  void ReadMonitor() {
    while (const std::optional<MonitorEvent> event = monitor_.Next()) {
      switch (event->event) {
        case ZMQ_EVENT_ACCEPTED:
          Forget(event->value);
          open_.insert(event->value);
          break;
        case ZMQ_EVENT_CLOSED:
        case ZMQ_EVENT_DISCONNECTED:
          Forget(event->value);
          open_.erase(event->value);
          break;
        default:
          break;
      }
    }
  }

  // ZAP (RFC 27): version, request id, domain, address, routing id, mechanism, credentials.
  void AnswerHandshakes() {
    while (true) {
      std::vector<Frame> request;
      bool more = true;
      while (more) {
        Frame frame;
        if (RetryOnSignal([&] {
              return zmq_msg_recv(&frame.raw().message, zap_.handle(), ZMQ_DONTWAIT);
            }) < 0) {
          return;
        }
        more = zmq_msg_more(&frame.raw().message) != 0;
        request.push_back(std::move(frame));
      }
      std::optional<CurveKey> key;
      if (request.size() == 7 && request[0].view() == "1.0" && request[2].view() == kZapDomain &&
          request[5].view() == "CURVE") {
        key = CurveKey::FromBytes(request[6].view());
      }
      const bool welcome = key.has_value() && options_.is_known && options_.is_known(*key);
      const std::string answer[] = {
          "1.0",
          request.size() > 1 ? std::string(request[1].view()) : "",
          welcome ? "200" : "400",
          welcome ? "OK" : "this key is not known here",
          welcome ? FormatCurveKey(*key) : "",
          "",
      };
      for (const std::string& part : answer) SendFrame(zap_.handle(), part, &part != &answer[5]);
    }
  }

  // Constant after Bind.
  const std::shared_ptr<Context> context_;
  const Options options_;
  std::string endpoint_;

  // Closed in reverse order.
  Socket zap_;
  Monitor monitor_;
  Socket router_;

  absl::flat_hash_map<std::string, Peer> peers_;       // by routing id
  absl::flat_hash_map<int, std::string> routing_ids_;  // by file descriptor
  absl::flat_hash_set<int> open_;                      // accepted and not closed
  uint64_t last_generation_ = 0;
  bool zap_bound_ = false;
};

class ConnectionImpl final : public Connection, public Pollable {
 public:
  ConnectionImpl(std::shared_ptr<Context> context, Options options)
      : context_(std::move(context)), options_(std::move(options)) {}

  absl::Status Connect() {
    if (!PortIsValid(options_.endpoint)) {
      return Error(absl::StatusCode::kInvalidArgument, "cannot connect to \"", options_.endpoint,
                   "\": write it like tcp://service.example:7410 with a port up to 65535");
    }
    dealer_ = Socket(*context_, ZMQ_DEALER);
    // ZMQ_IMMEDIATE: nothing is queued for a peer that is not there, so a service that was away for
    // hours is not greeted by hours of stale messages.
    if (!dealer_ || !SetCommonOptions(dealer_, options_.high_water_messages, options_.keys) ||
        !dealer_.Set(ZMQ_CURVE_SERVERKEY, options_.server_key.view()) ||
        !dealer_.Set(ZMQ_IMMEDIATE, 1) || !dealer_.Set(ZMQ_CONNECT_TIMEOUT, kConnectTimeoutMs) ||
        !dealer_.Set(ZMQ_RECONNECT_IVL, kReconnectMs) ||
        !dealer_.Set(ZMQ_RECONNECT_IVL_MAX, kReconnectMaxMs)) {
      return ZmqError("setting up a connection", errno);
    }
    POLKU_RETURN_IF_ERROR(
        monitor_.Open(*context_, dealer_,
                      ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED |
                          ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    if (zmq_connect(dealer_.handle(), options_.endpoint.c_str()) != 0) {
      return Error(absl::StatusCode::kInvalidArgument, "cannot connect to \"", options_.endpoint,
                   "\": ", std::string_view(zmq_strerror(errno)),
                   "; write it like tcp://service.example:7410");
    }
    return absl::OkStatus();
  }

  std::optional<std::variant<Incoming, BadMessage>> Receive() override {
    ReadMonitor();
    Frame frame;
    if (RetryOnSignal([&] {
          return zmq_msg_recv(&frame.raw().message, dealer_.handle(), ZMQ_DONTWAIT);
        }) < 0) {
      return std::nullopt;
    }
    const bool more = zmq_msg_more(&frame.raw().message) != 0;
    std::vector<Frame> frames;
    frames.push_back(std::move(frame));
    bool dropped = false;
    if (!ReceiveRest(dealer_.handle(), more, frames, dropped)) return std::nullopt;
    Incoming incoming;
    if (std::optional<Refused> refused = DecodeFrames(frames, dropped, incoming.envelope)) {
      return BadMessage{"", CurveKey(), refused->correlation, std::move(refused->answer)};
    }
    for (size_t i = 1; i < frames.size(); ++i) incoming.payload.push_back(std::move(frames[i]));
    return incoming;
  }

  SendResult Send(Outgoing message) override {
    ReadMonitor();
    // Not left to ZeroMQ: for a moment after a break it still takes messages for the old
    // connection.
    if (link_ != LinkState::kConnected) return SendResult::kNotConnected;
    // The pipe of a connection that has just come up is attached by a command that is still
    // waiting.
    ProcessCommands(dealer_.handle());
    if (!SendFrame(dealer_.handle(), message.envelope.SerializeAsString(), message.has_payload)) {
      ReadMonitor();
      return link_ == LinkState::kConnected ? SendResult::kWouldBlock : SendResult::kNotConnected;
    }
    SendRest(dealer_.handle(), message);
    return SendResult::kSent;
  }

  LinkState link() override {
    ReadMonitor();
    return link_;
  }

  void AddTo(std::vector<zmq_pollitem_t>& items) const override {
    items.push_back(Item(dealer_.handle()));
    items.push_back(Item(monitor_.handle()));
  }
  bool Housekeep() override {
    const LinkState before = link_;
    ReadMonitor();
    int events = 0;
    size_t size = sizeof events;
    const bool readable = zmq_getsockopt(dealer_.handle(), ZMQ_EVENTS, &events, &size) == 0 &&
                          (events & ZMQ_POLLIN) != 0;
    return readable || link_ != before;
  }
  absl::Time next_deadline() const override { return retry_at_; }

 private:
  void ReadMonitor() {
    while (const std::optional<MonitorEvent> event = monitor_.Next()) {
      switch (event->event) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
          link_ = LinkState::kConnected;
          retry_at_ = absl::InfiniteFuture();
          break;
        case ZMQ_EVENT_CLOSED:  // the TCP connection was not accepted
          link_ = LinkState::kConnecting;
          break;
        case ZMQ_EVENT_DISCONNECTED:
          // In the handshake: the other side refused our key or hung up, as a server does that
          // cannot open our HELLO, because we were given another key for it.
          link_ = link_ == LinkState::kConnected ? LinkState::kConnecting : LinkState::kRefused;
          // libzmq 4.3.4 gives the endpoint up after a protocol error (session_base_t::engine_error):
          // a refusal, or a frame that was meddled with. Both may be over, so connecting again is up
          // to us.
          retry_at_ = absl::Now() + kRetryAfterRefusal;
          break;
        case ZMQ_EVENT_CONNECT_RETRIED:  // libzmq goes on by itself
          retry_at_ = absl::InfiniteFuture();
          break;
        default:
          break;
      }
    }
    if (retry_at_ != absl::InfiniteFuture() && absl::Now() >= retry_at_) {
      retry_at_ = absl::InfiniteFuture();
      zmq_disconnect(dealer_.handle(), options_.endpoint.c_str());
      zmq_connect(dealer_.handle(), options_.endpoint.c_str());
    }
  }

  // Constant after Connect.
  const std::shared_ptr<Context> context_;
  const Options options_;

  Monitor monitor_;
  Socket dealer_;  // closed before its monitor

  LinkState link_ = LinkState::kConnecting;
  absl::Time retry_at_ = absl::InfiniteFuture();
};

}  // namespace

std::string FormatCurveKey(const CurveKey& key) {
  char text[kZ85KeyLength + 1];
  zmq_z85_encode(text, key.data(), CurveKey::kBytes);
  return text;
}

std::optional<CurveKey> ParseCurveKey(std::string_view z85) {
  if (z85.size() != kZ85KeyLength || z85.find('\0') != z85.npos) return std::nullopt;
  CurveKey key;
  if (zmq_z85_decode(key.data(), std::string(z85).c_str()) == nullptr) return std::nullopt;
  // The decoder takes characters that the alphabet does not have.
  if (FormatCurveKey(key) != z85) return std::nullopt;
  return key;
}

CurveKeyPair NewCurveKeyPair() {
  char public_text[kZ85KeyLength + 1];
  char secret_text[kZ85KeyLength + 1];
  CurveKeyPair pair;
  zmq_curve_keypair(public_text, secret_text);
  zmq_z85_decode(pair.public_key.data(), public_text);
  zmq_z85_decode(pair.secret_key.data(), secret_text);
  return pair;
}

CurveKey CurvePublicKey(const CurveKey& secret_key) {
  char public_text[kZ85KeyLength + 1];
  zmq_curve_public(public_text, FormatCurveKey(secret_key).c_str());
  CurveKey key;
  zmq_z85_decode(key.data(), public_text);
  return key;
}

absl::StatusOr<std::unique_ptr<Server>> Server::Bind(std::shared_ptr<Context> context,
                                                     Options options) {
  auto server = std::make_unique<ServerImpl>(std::move(context), std::move(options));
  POLKU_RETURN_IF_ERROR(server->Bind());
  return server;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Connect(std::shared_ptr<Context> context,
                                                                Options options) {
  auto connection = std::make_unique<ConnectionImpl>(std::move(context), std::move(options));
  POLKU_RETURN_IF_ERROR(connection->Connect());
  return connection;
}

void Wait(const std::vector<Server*>& servers, const std::vector<Connection*>& connections,
          int wake_fd, absl::Duration timeout) {
  std::vector<Pollable*> ends;
  ends.reserve(servers.size() + connections.size());
  for (Server* server : servers) ends.push_back(static_cast<ServerImpl*>(server));
  for (Connection* connection : connections)
    ends.push_back(static_cast<ConnectionImpl*>(connection));
  // Steady: a wall clock that is set back must not make the wait longer.
  const auto start = std::chrono::steady_clock::now();
  const auto remaining = [&] {
    return timeout - absl::FromChrono(std::chrono::steady_clock::now() - start);
  };
  while (true) {
    bool ready = false;
    absl::Time wake = absl::InfiniteFuture();
    for (Pollable* end : ends) {
      ready |= end->Housekeep();
      wake = std::min(wake, end->next_deadline());
    }
    std::vector<zmq_pollitem_t> items;
    for (const Pollable* end : ends) end->AddTo(items);
    if (wake_fd >= 0) items.push_back({nullptr, wake_fd, ZMQ_POLLIN, 0});
    const absl::Duration left =
        std::max(absl::ZeroDuration(), std::min(remaining(), wake - absl::Now()));
    // Rounded up: a wait of half a millisecond must not become a busy loop.
    const int64_t milliseconds =
        ready ? 0 : absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)));
    zmq_poll(items.data(), static_cast<int>(items.size()),
             static_cast<long>(std::min<int64_t>(milliseconds, 3'600'000)));
    const bool woken = wake_fd >= 0 && (items.back().revents & ZMQ_POLLIN) != 0;
    for (Pollable* end : ends) ready |= end->Housekeep();
    if (ready || woken || remaining() <= absl::ZeroDuration()) return;
  }
}

}  // namespace polku::zeromq
