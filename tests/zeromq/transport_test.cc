// The transport over real sockets on 127.0.0.1: who gets in, what of a message is refused, and that
// one peer's misbehaviour leaves the others alone. Waits are for conditions, never for time.
#include "adapters/zeromq/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/status_matchers.h"

namespace polku::zeromq {
namespace {

using ::polku::testing::IsOk;
using ::polku::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

exchange::v1::Envelope StatusQuestion(uint64_t correlation) {
  exchange::v1::Envelope envelope;
  envelope.set_protocol(1);
  envelope.set_correlation(correlation);
  envelope.mutable_status_request();
  return envelope;
}

Outgoing BatchOf(std::string entries, std::string blobs) {
  Outgoing message;
  message.envelope.set_protocol(1);
  message.envelope.mutable_batch()->set_count(1);
  message.entries = std::move(entries);
  message.blobs = std::move(blobs);
  message.has_payload = true;
  return message;
}

// A DEALER without our manners: it sends what it is told to.
class RawPeer {
 public:
  RawPeer(const std::string& endpoint, const CurveKey& server_key, const CurveKeyPair& keys,
          std::string routing_id = "")
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    const int zero = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, server_key.data(), 32);
    zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, keys.public_key.data(), 32);
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, keys.secret_key.data(), 32);
    if (!routing_id.empty()) {
      zmq_setsockopt(socket_, ZMQ_ROUTING_ID, routing_id.data(), routing_id.size());
    }
    EXPECT_EQ(zmq_connect(socket_, endpoint.c_str()), 0) << zmq_strerror(errno);
  }
  ~RawPeer() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void Send(const std::vector<std::string>& frames) {
    for (size_t i = 0; i < frames.size(); ++i) {
      ASSERT_GE(zmq_send(socket_, frames[i].data(), frames[i].size(),
                         i + 1 < frames.size() ? ZMQ_SNDMORE : 0),
                0)
          << zmq_strerror(errno);
    }
  }
  // A message without waiting; empty when there is none.
  std::vector<std::string> Receive() {
    std::vector<std::string> frames;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, socket_, ZMQ_DONTWAIT) >= 0) {
      frames.emplace_back(static_cast<char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame));
      if (zmq_msg_more(&frame) == 0) break;
    }
    zmq_msg_close(&frame);
    return frames;
  }

 private:
  void* context_;
  void* socket_;
};

class TransportTest : public ::testing::Test {
 protected:
  CurveKeyPair AddPeer() {
    const CurveKeyPair keys = NewCurveKeyPair();
    known_.insert(keys.public_key);
    return keys;
  }

  void StartServer(std::string endpoint = "tcp://127.0.0.1:*", int high_water = 64) {
    auto server = Server::Bind(MakeContext(), ServerOptions(std::move(endpoint), high_water));
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  Server::Options ServerOptions(std::string endpoint, int high_water = 64) {
    return {.endpoint = std::move(endpoint),
            .keys = server_keys_,
            .is_known = [this](const CurveKey& key) { return known_.contains(key); },
            .high_water_messages = high_water};
  }

  std::unique_ptr<Connection> Connect(const CurveKeyPair& keys) {
    return ConnectTo(server_->endpoint(), server_keys_.public_key, keys);
  }
  std::unique_ptr<Connection> ConnectTo(const std::string& endpoint, const CurveKey& server_key,
                                        const CurveKeyPair& keys) {
    auto connection = Connection::Connect(
        client_context_, {.endpoint = endpoint, .server_key = server_key, .keys = keys});
    EXPECT_THAT(connection, IsOk());
    return *std::move(connection);
  }

  // Runs both ends until `done`, collecting what the server receives.
  template <typename Done>
  [[nodiscard]] bool RunUntil(std::vector<Connection*> connections, Done done) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      if (server_ != nullptr) {
        while (auto received = server_->Receive()) arrived_.push_back(*std::move(received));
      }
      if (done()) return true;
      std::vector<Server*> servers;
      if (server_ != nullptr) servers.push_back(server_.get());
      Wait(servers, connections, -1, absl::Milliseconds(20));
    }
    return false;
  }

  // Sends until the transport takes it: the link may not be up yet.
  [[nodiscard]] bool Deliver(Connection& connection, const exchange::v1::Envelope& envelope) {
    const size_t before = arrived_.size();
    bool sent = false;
    return RunUntil({&connection}, [&] {
      if (!sent) sent = connection.Send({.envelope = envelope}) == SendResult::kSent;
      return arrived_.size() > before;
    });
  }

  const Incoming& LastIncoming() { return std::get<Incoming>(arrived_.back()); }

  const CurveKeyPair server_keys_ = NewCurveKeyPair();
  std::set<CurveKey> known_;
  std::shared_ptr<Context> client_context_ = MakeContext();
  std::unique_ptr<Server> server_;
  std::vector<std::variant<Incoming, BadMessage>> arrived_;
};

TEST(CurveKeyTest, TextFormIsZ85AndNothingElseParses) {
  const CurveKeyPair keys = NewCurveKeyPair();
  const std::string text = FormatCurveKey(keys.public_key);
  EXPECT_EQ(text.size(), 40u);
  EXPECT_EQ(ParseCurveKey(text), keys.public_key);
  EXPECT_EQ(CurvePublicKey(keys.secret_key), keys.public_key);
  EXPECT_EQ(ParseCurveKey(text.substr(1)), std::nullopt);
  EXPECT_EQ(ParseCurveKey(text + "0"), std::nullopt);
  EXPECT_EQ(ParseCurveKey(std::string(39, '0') + " "), std::nullopt);
  EXPECT_EQ(ParseCurveKey(std::string(39, '0') + '\0'), std::nullopt);
  EXPECT_EQ(ParseCurveKey(std::string(40, '#')), std::nullopt) << "beyond 2^32 in a group of five";
}

TEST_F(TransportTest, QuestionAndAnswerTravelWithTheKeyAsIdentity) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(7)));
  EXPECT_EQ(LastIncoming().peer, keys.public_key);
  EXPECT_EQ(LastIncoming().envelope.correlation(), 7u);
  EXPECT_EQ(connection->link(), LinkState::kConnected);

  exchange::v1::Envelope answer;
  answer.set_protocol(1);
  answer.set_correlation(7);
  answer.mutable_status_answer()->set_size(42);
  ASSERT_EQ(server_->Send(LastIncoming().route, {.envelope = answer}), SendResult::kSent);
  std::optional<std::variant<Incoming, BadMessage>> received;
  ASSERT_TRUE(
      RunUntil({connection.get()}, [&] { return (received = connection->Receive()).has_value(); }));
  EXPECT_EQ(std::get<Incoming>(*received).envelope.status_answer().size(), 42u);
}

TEST_F(TransportTest, PayloadFramesArriveUnchangedAlsoWhenEmpty) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(1)));
  const std::string route = LastIncoming().route;
  const std::string entries = polku::testing::SeededGenerator(1).Bytes(kMaxFrameBytes);
  ASSERT_EQ(server_->Send(route, BatchOf(entries, "")), SendResult::kSent);
  ASSERT_EQ(server_->Send(route, BatchOf("e", "b")), SendResult::kSent);
  std::vector<Incoming> received;
  ASSERT_TRUE(RunUntil({connection.get()}, [&] {
    while (auto message = connection->Receive())
      received.push_back(std::get<Incoming>(*std::move(message)));
    return received.size() == 2;
  }));
  ASSERT_EQ(received[0].payload.size(), 2u);
  EXPECT_EQ(received[0].payload[0].view(), entries);
  EXPECT_EQ(received[0].payload[1].view(), "");
  EXPECT_EQ(received[1].payload[0].view(), "e");
  EXPECT_EQ(received[1].payload[1].view(), "b");
}

TEST_F(TransportTest, AFillHasThreeFramesAndOneThatIsGoneHasOne) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(1)));
  const std::string route = LastIncoming().route;
  Outgoing fill;
  fill.envelope.set_protocol(1);
  fill.envelope.mutable_fill()->set_position(7);
  Outgoing gone = fill;
  gone.envelope.mutable_fill()->set_gone(true);
  fill.entries = "e";
  fill.has_payload = true;
  const struct {
    Outgoing message;
    size_t payload;  // frames, or
    std::string refusal = "";
  } cases[] = {
      {fill, 2},
      {gone, 0},
      {{.envelope = fill.envelope}, 0, "has 3 frames, this one had 1"},
      {{.envelope = gone.envelope, .entries = "e", .blobs = "b", .has_payload = true},
       0,
       "has 1 frames, this one had 3"},
  };
  for (const auto& each : cases) {
    ASSERT_EQ(server_->Send(route, each.message), SendResult::kSent);
    std::optional<std::variant<Incoming, BadMessage>> received;
    ASSERT_TRUE(
        RunUntil({connection.get()}, [&] { return (received = connection->Receive()).has_value(); }));
    if (!each.refusal.empty()) {
      ASSERT_TRUE(std::holds_alternative<BadMessage>(*received));
      EXPECT_THAT(std::get<BadMessage>(*received).answer.message(), HasSubstr(each.refusal));
      continue;
    }
    ASSERT_TRUE(std::holds_alternative<Incoming>(*received));
    const Incoming& incoming = std::get<Incoming>(*received);
    EXPECT_EQ(incoming.envelope.fill().position(), 7u);
    ASSERT_EQ(incoming.payload.size(), each.payload);
    if (each.payload == 2) {
      EXPECT_EQ(incoming.payload[0].view(), "e");
      EXPECT_EQ(incoming.payload[1].view(), "");
    }
  }
}

TEST_F(TransportTest, UnknownClientKeyIsRefusedAndToldSoAndLetInOnceItIsKnown) {
  const CurveKeyPair stranger = NewCurveKeyPair();
  StartServer();
  auto connection = Connect(stranger);
  ASSERT_TRUE(
      RunUntil({connection.get()}, [&] { return connection->link() == LinkState::kRefused; }));
  EXPECT_EQ(connection->Send({.envelope = StatusQuestion(1)}), SendResult::kNotConnected);
  EXPECT_TRUE(arrived_.empty());

  known_.insert(stranger.public_key);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(2)));
  EXPECT_EQ(LastIncoming().peer, stranger.public_key);
  EXPECT_EQ(connection->link(), LinkState::kConnected);
}

TEST_F(TransportTest, WrongServerKeyIsToldAsARefusal) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = ConnectTo(server_->endpoint(), NewCurveKeyPair().public_key, keys);
  ASSERT_TRUE(
      RunUntil({connection.get()}, [&] { return connection->link() == LinkState::kRefused; }));
  EXPECT_EQ(connection->Send({.envelope = StatusQuestion(1)}), SendResult::kNotConnected);
  EXPECT_TRUE(arrived_.empty());
}

TEST_F(TransportTest, NobodyThereIsConnectingAndNothingIsQueued) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  const std::string endpoint = server_->endpoint();
  server_.reset();
  auto connection = ConnectTo(endpoint, server_keys_.public_key, keys);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connection->Send({.envelope = StatusQuestion(1)}), SendResult::kNotConnected);
  }
  EXPECT_EQ(connection->link(), LinkState::kConnecting);
  StartServer(endpoint);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(2)));
  EXPECT_EQ(arrived_.size(), 1u);
  EXPECT_EQ(LastIncoming().envelope.correlation(), 2u);
}

TEST_F(TransportTest, FramesOverTheLimitCutTheirConnectionAndOthersSurvive) {
  const CurveKeyPair good_keys = AddPeer();
  const CurveKeyPair bad_keys = AddPeer();
  StartServer();
  auto good = Connect(good_keys);
  ASSERT_TRUE(Deliver(*good, StatusQuestion(1)));
  const std::string good_route = LastIncoming().route;

  RawPeer bad(server_->endpoint(), server_keys_.public_key, bad_keys);
  bad.Send({StatusQuestion(2).SerializeAsString()});
  ASSERT_TRUE(RunUntil({good.get()}, [&] { return arrived_.size() == 2; }));
  const std::string bad_route = LastIncoming().route;
  bad.Send({std::string(kMaxFrameBytes + 1, 'x')});
  ASSERT_TRUE(RunUntil({good.get()}, [&] {
    return server_->Send(bad_route, {.envelope = StatusQuestion(3)}) == SendResult::kNotConnected;
  }));
  EXPECT_EQ(arrived_.size(), 2u) << "the frame was never received";

  ASSERT_TRUE(Deliver(*good, StatusQuestion(4)));
  EXPECT_EQ(LastIncoming().route, good_route) << "its connection was not touched";
  EXPECT_EQ(LastIncoming().peer, good_keys.public_key);
}

TEST_F(TransportTest, EachKindOfBadMessageIsNamedAndItsSenderGoesOn) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  RawPeer peer(server_->endpoint(), server_keys_.public_key, keys);

  exchange::v1::Envelope other_version = StatusQuestion(5);
  other_version.set_protocol(2);
  exchange::v1::Envelope bodiless;
  bodiless.set_protocol(1);
  bodiless.set_correlation(6);
  exchange::v1::Envelope fat = StatusQuestion(7);
  fat.mutable_error()->set_message(std::string(65 << 10, 'x'));
  Outgoing batch = BatchOf("", "");
  const struct {
    std::vector<std::string> frames;
    exchange::v1::ErrorCode code;
    uint64_t correlation;
    std::string text;
  } cases[] = {
      {{"\xff\xff\xff not protobuf"},
       exchange::v1::ERROR_CODE_MALFORMED,
       0,
       "not a polku.exchange.v1.Envelope"},
      {{std::string()}, exchange::v1::ERROR_CODE_VERSION, 0, "protocol 0 is not spoken here"},
      {{other_version.SerializeAsString()},
       exchange::v1::ERROR_CODE_VERSION,
       5,
       "protocol 2 is not spoken here"},
      {{bodiless.SerializeAsString()}, exchange::v1::ERROR_CODE_MALFORMED, 6, "no body"},
      {{fat.SerializeAsString()}, exchange::v1::ERROR_CODE_MALFORMED, 7, "except with an offer"},
      {{StatusQuestion(8).SerializeAsString(), "x"},
       exchange::v1::ERROR_CODE_MALFORMED,
       8,
       "has 1 frames, this one had 2"},
      {{batch.envelope.SerializeAsString(), "x"},
       exchange::v1::ERROR_CODE_MALFORMED,
       0,
       "has 3 frames, this one had 2"},
      {{StatusQuestion(9).SerializeAsString(), "a", "b", "c", "d"},
       exchange::v1::ERROR_CODE_MALFORMED,
       0,
       "more than 3"},
  };
  for (const auto& wrong : cases) {
    arrived_.clear();
    peer.Send(wrong.frames);
    ASSERT_TRUE(RunUntil({}, [&] { return !arrived_.empty(); })) << wrong.text;
    const auto* bad = std::get_if<BadMessage>(&arrived_[0]);
    ASSERT_NE(bad, nullptr) << wrong.text;
    EXPECT_EQ(bad->peer, keys.public_key);
    EXPECT_EQ(bad->correlation, wrong.correlation);
    EXPECT_EQ(bad->answer.code(), wrong.code) << wrong.text;
    EXPECT_THAT(bad->answer.message(), HasSubstr(wrong.text));

    exchange::v1::Envelope answer;
    answer.set_protocol(1);
    *answer.mutable_error() = bad->answer;
    ASSERT_EQ(server_->Send(bad->route, {.envelope = answer}), SendResult::kSent);
    std::vector<std::string> told;
    ASSERT_TRUE(RunUntil({}, [&] { return !(told = peer.Receive()).empty(); }));
    exchange::v1::Envelope parsed;
    ASSERT_TRUE(parsed.ParseFromString(told[0]));
    EXPECT_EQ(parsed.error().code(), wrong.code);
  }
  arrived_.clear();
  peer.Send({StatusQuestion(10).SerializeAsString()});
  ASSERT_TRUE(RunUntil({}, [&] { return !arrived_.empty(); }));
  EXPECT_EQ(LastIncoming().envelope.correlation(), 10u);
}

TEST_F(TransportTest, AnOfferMayBeLargeWhereOtherEnvelopesMayNot) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = Connect(keys);
  exchange::v1::Envelope envelope;
  envelope.set_protocol(1);
  envelope.mutable_offer()->add_events()->set_body(std::string(3 << 20, 'b'));
  ASSERT_TRUE(Deliver(*connection, envelope));
  EXPECT_EQ(LastIncoming().envelope.offer().events(0).body().size(), size_t{3} << 20);
}

TEST_F(TransportTest, IdentityIsTheKeyEvenWhenRoutingIdsAreSpoofed) {
  const CurveKeyPair anna = AddPeer();
  const CurveKeyPair mallory = AddPeer();
  StartServer();
  auto first =
      std::make_unique<RawPeer>(server_->endpoint(), server_keys_.public_key, anna, "anna");
  first->Send({StatusQuestion(1).SerializeAsString()});
  ASSERT_TRUE(RunUntil({}, [&] { return arrived_.size() == 1; }));
  const std::string annas_route = LastIncoming().route;
  EXPECT_EQ(LastIncoming().peer, anna.public_key);

  // While Anna is there, another connection under her routing id is not heard at all.
  auto duplicate =
      std::make_unique<RawPeer>(server_->endpoint(), server_keys_.public_key, mallory, "anna");
  duplicate->Send({StatusQuestion(2).SerializeAsString()});
  first->Send({StatusQuestion(3).SerializeAsString()});
  ASSERT_TRUE(RunUntil({}, [&] { return arrived_.size() == 2; }));
  EXPECT_EQ(LastIncoming().envelope.correlation(), 3u);
  EXPECT_EQ(server_->Send(annas_route, {.envelope = StatusQuestion(4)}), SendResult::kSent);
  ASSERT_TRUE(RunUntil({}, [&] { return !first->Receive().empty(); }));
  EXPECT_TRUE(duplicate->Receive().empty());
  duplicate.reset();

  // Once she is gone, what comes under her routing id carries Mallory's key, and what was meant
  // for Anna's connection does not go to Mallory, whether he has spoken already or not.
  first.reset();
  RawPeer spoofer(server_->endpoint(), server_keys_.public_key, mallory, "anna");
  ASSERT_TRUE(RunUntil({}, [&] {
    return server_->Send(annas_route, {.envelope = StatusQuestion(5)}) == SendResult::kNotConnected;
  }));
  spoofer.Send({StatusQuestion(5).SerializeAsString()});
  ASSERT_TRUE(RunUntil({}, [&] { return arrived_.size() > 2; }));
  for (size_t i = 2; i < arrived_.size(); ++i) {
    EXPECT_EQ(std::get<Incoming>(arrived_[i]).peer, mallory.public_key);
    EXPECT_NE(std::get<Incoming>(arrived_[i]).route, annas_route);
  }
  EXPECT_EQ(server_->Send(annas_route, {.envelope = StatusQuestion(6)}), SendResult::kNotConnected);
  EXPECT_EQ(server_->Send(LastIncoming().route, {.envelope = StatusQuestion(7)}),
            SendResult::kSent);
  std::vector<std::string> heard;
  ASSERT_TRUE(RunUntil({}, [&] { return !(heard = spoofer.Receive()).empty(); }));
  exchange::v1::Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(heard[0]));
  EXPECT_EQ(envelope.correlation(), 7u);
}

TEST_F(TransportTest, ReconnectsAfterTheServerRestartsAndOldRoutesAreDead) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  const std::string endpoint = server_->endpoint();
  auto connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(1)));
  const std::string old_route = LastIncoming().route;
  server_.reset();
  ASSERT_TRUE(
      RunUntil({connection.get()}, [&] { return connection->link() == LinkState::kConnecting; }));
  StartServer(endpoint);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(2)));
  EXPECT_EQ(connection->link(), LinkState::kConnected);
  EXPECT_EQ(LastIncoming().envelope.correlation(), 2u);
  EXPECT_EQ(server_->Send(LastIncoming().route, {.envelope = StatusQuestion(3)}),
            SendResult::kSent);

  // The same within one server's life: a peer that comes back has a new route.
  const std::string route = LastIncoming().route;
  connection.reset();
  ASSERT_TRUE(RunUntil({}, [&] {
    return server_->Send(route, {.envelope = StatusQuestion(4)}) == SendResult::kNotConnected;
  }));
  connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(5)));
  EXPECT_NE(LastIncoming().route, route);
  EXPECT_EQ(server_->Send(route, {.envelope = StatusQuestion(6)}), SendResult::kNotConnected);
}

TEST_F(TransportTest, APeerThatDoesNotReadIsBackPressureAndOthersAreServed) {
  const CurveKeyPair slow_keys = AddPeer();
  const CurveKeyPair good_keys = AddPeer();
  StartServer("tcp://127.0.0.1:*", /*high_water=*/4);
  auto slow = Connect(slow_keys);
  ASSERT_TRUE(Deliver(*slow, StatusQuestion(1)));
  const std::string slow_route = LastIncoming().route;
  auto good = Connect(good_keys);
  ASSERT_TRUE(Deliver(*good, StatusQuestion(2)));
  const std::string good_route = LastIncoming().route;

  int accepted = 0;
  SendResult result = SendResult::kSent;
  ASSERT_TRUE(RunUntil({}, [&] {
    result = server_->Send(slow_route, BatchOf(std::string(1 << 20, 'e'), "b"));
    accepted += result == SendResult::kSent ? 1 : 0;
    return result == SendResult::kWouldBlock;
  }));
  // 4 here, 64 there, and what the kernel's buffers hold (about 10 MB here at most).
  EXPECT_LT(accepted, 150);
  EXPECT_EQ(server_->Send(good_route, {.envelope = StatusQuestion(3)}), SendResult::kSent);
  ASSERT_TRUE(RunUntil({good.get()}, [&] { return good->Receive().has_value(); }));

  // Reading makes room again, and what was accepted arrives whole and in order.
  int received = 0;
  ASSERT_TRUE(RunUntil({slow.get()}, [&] {
    while (auto message = slow->Receive()) {
      EXPECT_EQ(std::get<Incoming>(*message).payload[0].view().size(), size_t{1} << 20);
      ++received;
    }
    return received == accepted;
  }));
  EXPECT_EQ(server_->Send(slow_route, {.envelope = StatusQuestion(4)}), SendResult::kSent);
}

TEST_F(TransportTest, PortInUseAndBadEndpointsSayWhatToDo) {
  StartServer();
  EXPECT_THAT(Server::Bind(MakeContext(), ServerOptions(server_->endpoint())),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr(server_->endpoint()), HasSubstr("in use"),
                             HasSubstr("configure another port"))));
  for (const std::string bad :
       {"", "tcp:/127.0.0.1", "tcp://127.0.0.1:99999", "tcp://192.0.2.1:7410", "http://x"}) {
    EXPECT_THAT(Server::Bind(MakeContext(), ServerOptions(bad)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(Str("\"", bad, "\""))))
        << bad;
  }
  EXPECT_THAT(Connection::Connect(client_context_, {.endpoint = "tcp//nowhere",
                                                    .server_key = server_keys_.public_key,
                                                    .keys = server_keys_}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tcp//nowhere")));
}

TEST_F(TransportTest, ASecondServerInOneContextIsRefused) {
  auto context = MakeContext();
  auto first = Server::Bind(context, ServerOptions("tcp://127.0.0.1:*"));
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Server::Bind(context, ServerOptions("tcp://127.0.0.1:*")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("context")));
  first->reset();
  EXPECT_THAT(Server::Bind(context, ServerOptions("tcp://127.0.0.1:*")), IsOk());
}

// Blocking TCP without ZeroMQ.
int ConnectTcp(const std::string& endpoint) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(endpoint.substr(endpoint.rfind(':') + 1), &port));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// The other side closed it; what it had sent is passed over.
bool HungUp(int fd) {
  char bytes[256];
  ssize_t count;
  do {
    count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  } while (count > 0);
  return count == 0 || errno == ECONNRESET;
}

TEST_F(TransportTest, GarbageAndSilenceOnThePortDisturbNobody) {
  const uint64_t seed = polku::testing::TestSeed();
  polku::testing::SeededGenerator random(seed);
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(1)));
  const std::string route = LastIncoming().route;

  const int silent = ConnectTcp(server_->endpoint());
  // A ZMTP 3.0 greeting that asks for NULL instead of CURVE: no downgrade.
  std::string null_greeting = std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0", 12) + "NULL";
  null_greeting.resize(64);
  for (int i = 0; i < 20; ++i) {
    const int fd = ConnectTcp(server_->endpoint());
    const std::string garbage = i == 0 ? null_greeting : random.Bytes(1 + random.Below(4096));
    EXPECT_GT(send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    if (i == 0) {
      ASSERT_TRUE(RunUntil({connection.get()}, [&] { return HungUp(fd); }));
    }
    close(fd);
  }
  for (uint64_t i = 2; i < 50; ++i) {
    ASSERT_TRUE(Deliver(*connection, StatusQuestion(i)));
    ASSERT_EQ(LastIncoming().envelope.correlation(), i);
    ASSERT_EQ(LastIncoming().route, route) << "the connection stayed up";
  }
  EXPECT_EQ(arrived_.size(), 49u);
  close(silent);
}

// Somebody on the wire: passes one connection after the other on to the server, and on demand changes
// the last byte of what comes next.
class Middlebox {
 public:
  enum Way { kUp, kDown };  // to the server, from it

  explicit Middlebox(std::string server) : server_(std::move(server)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = Str("tcp://127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { Run(); });
  }
  ~Middlebox() {
    ended_ = true;
    thread_.join();
    close(listener_);
  }

  const std::string& endpoint() const { return endpoint_; }
  void ChangeNext(Way way) { change_[way] = true; }
  // Who hung up first on a connection.
  int ended_by_server() const { return ended_by_[kUp]; }
  int ended_by_client() const { return ended_by_[kDown]; }

 private:
  void Run() {
    while (!ended_) {
      pollfd item{listener_, POLLIN, 0};
      if (poll(&item, 1, 20) == 1) Carry(accept(listener_, nullptr, nullptr));
    }
  }
  void Carry(int client) {
    const int server = ConnectTcp(server_);
    pollfd items[] = {{server, POLLIN, 0}, {client, POLLIN, 0}};  // by who sends: kUp is read at 1
    for (bool open = true; open && !ended_;) {
      if (poll(items, 2, 20) < 1) continue;
      for (const Way way : {kUp, kDown}) {
        const int from = way == kUp ? client : server;
        if (items[way == kUp ? 1 : 0].revents == 0 || !open) continue;
        char bytes[4096];
        const ssize_t count = recv(from, bytes, sizeof bytes, 0);
        if (count <= 0) {
          ++ended_by_[way == kUp ? kDown : kUp];
          open = false;
          continue;
        }
        if (change_[way].exchange(false)) bytes[count - 1] ^= 1;
        send(way == kUp ? server : client, bytes, static_cast<size_t>(count), MSG_NOSIGNAL);
      }
    }
    close(server);
    close(client);
  }

  const std::string server_;
  int listener_ = -1;
  std::string endpoint_;
  std::atomic<bool> ended_{false};
  std::atomic<bool> change_[2] = {false, false};
  std::atomic<int> ended_by_[2] = {0, 0};
  std::thread thread_;
};

// Both ends hang up at once on what was altered: a server keeps nothing of such a connection.
TEST_F(TransportTest, AnAlteredFrameEndsItsConnectionAndTheNextOneIsServed) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  Middlebox middlebox(server_->endpoint());
  auto connection = ConnectTo(middlebox.endpoint(), server_keys_.public_key, keys);
  uint64_t number = 0;
  for (int round = 1; round <= 2; ++round) {
    for (const Middlebox::Way way : {Middlebox::kUp, Middlebox::kDown}) {
      // What was sent when the last connection broke is lost: again until one arrives, over the next.
      ++number;
      ASSERT_TRUE(RunUntil({connection.get()}, [&] {
        while (connection->Receive()) {
        }
        connection->Send({.envelope = StatusQuestion(number)});
        return !arrived_.empty() && LastIncoming().envelope.correlation() == number;
      }));
      middlebox.ChangeNext(way);
      ASSERT_TRUE(RunUntil({connection.get()}, [&] {
        while (connection->Receive()) {
        }
        connection->Send({.envelope = StatusQuestion(number)});
        server_->Send(LastIncoming().route, {.envelope = StatusQuestion(number)});
        return way == Middlebox::kUp ? middlebox.ended_by_server() == round
                                     : middlebox.ended_by_client() == round;
      }));
    }
  }
}

// Of a machine without power nothing comes, not even an end of the connection.
TEST_F(TransportTest, TheKernelWatchesBothEndsOfAConnectionForADeadPeer) {
  const CurveKeyPair keys = AddPeer();
  StartServer();
  auto connection = Connect(keys);
  ASSERT_TRUE(Deliver(*connection, StatusQuestion(1)));
  int ends = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family != AF_INET) continue;
    ++ends;
    const auto option = [&](int level, int name) {
      int value = -1;
      socklen_t value_size = sizeof value;
      EXPECT_EQ(getsockopt(fd, level, name, &value, &value_size), 0);
      return value;
    };
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 4);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 2);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 10'000);
  }
  EXPECT_EQ(ends, 2);
}

TEST_F(TransportTest, AByteInTheWakePipeEndsAWait) {
  StartServer();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::thread waker([&] { EXPECT_EQ(write(ends[1], "x", 1), 1); });
  const absl::Time start = absl::Now();
  Wait({server_.get()}, {}, ends[0], absl::Hours(1));
  EXPECT_LT(absl::Now() - start, kPatience);
  waker.join();
  // The byte is the caller's to read: until it does, a wait ends at once.
  Wait({server_.get()}, {}, ends[0], absl::Hours(1));
  close(ends[0]);
  close(ends[1]);
}

TEST_F(TransportTest, AWaitWithoutEventsEndsInTime) {
  StartServer();
  const absl::Time start = absl::Now();
  Wait({server_.get()}, {}, -1, absl::Milliseconds(30));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(29));
  EXPECT_LT(absl::Now() - start, kPatience);
}

}  // namespace
}  // namespace polku::zeromq
