// A real server socket in a thread of its own that answers as a test says. For the client and the
// command line; no store, no rules.
#ifndef POLKU_TESTS_CLIENT_FAKE_SERVICE_H_
#define POLKU_TESTS_CLIENT_FAKE_SERVICE_H_

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "adapters/zeromq/transport.h"
#include "gtest/gtest.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::testing {

class FakeService {
 public:
  // The answers to a request, sent in order; none: silence. Called in the service's thread.
  using Handler =
      std::function<std::vector<exchange::v1::Envelope>(const exchange::v1::Envelope& request)>;

  FakeService(std::set<zeromq::CurveKey> known, Handler handler,
              std::string endpoint = "tcp://127.0.0.1:*",
              zeromq::CurveKeyPair keys = zeromq::NewCurveKeyPair())
      : keys_(std::move(keys)), known_(std::move(known)), handler_(std::move(handler)) {
    std::promise<std::string> bound;
    auto ready = bound.get_future();
    thread_ =
        std::thread([this, endpoint = std::move(endpoint), bound = std::move(bound)]() mutable {
          Serve(endpoint, std::move(bound));
        });
    endpoint_ = ready.get();
    EXPECT_NE(endpoint_, "");
  }
  ~FakeService() { Stop(); }

  void Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  const std::string& endpoint() const { return endpoint_; }
  const zeromq::CurveKey& public_key() const { return keys_.public_key; }

  // Receipts for all events of the offer, from position `first` on.
  static exchange::v1::Envelope Receipts(const exchange::v1::Envelope& request, uint64_t first = 0,
                                         bool repeated = false) {
    exchange::v1::Envelope answer = AnswerTo(request);
    for (const auto& event : request.offer().events()) {
      auto* receipt = answer.mutable_offer_answer()->add_receipts();
      receipt->set_event_id(event.event_id());
      receipt->set_origin("FI/MUN/0187690-1/oulu/referral/1");
      receipt->set_position(first++);
      receipt->set_case_revision(1);
      receipt->set_leaf_hash(std::string(32, '\x07'));
      receipt->set_repeated_offer(repeated);
    }
    return answer;
  }
  static exchange::v1::Envelope Refusal(const exchange::v1::Envelope& request,
                                        exchange::v1::RefusalKind kind, uint32_t index) {
    exchange::v1::Envelope answer = AnswerTo(request);
    auto* refusal = answer.mutable_offer_answer()->mutable_refusal();
    refusal->set_kind(kind);
    refusal->set_code("because");
    refusal->set_message("the reason");
    refusal->set_event_index(index);
    return answer;
  }
  static exchange::v1::Envelope ErrorAnswer(const exchange::v1::Envelope& request,
                                            exchange::v1::ErrorCode code) {
    exchange::v1::Envelope answer = AnswerTo(request);
    answer.mutable_error()->set_code(code);
    answer.mutable_error()->set_message("what went wrong");
    return answer;
  }
  static exchange::v1::Envelope AnswerTo(const exchange::v1::Envelope& request) {
    exchange::v1::Envelope answer;
    answer.set_protocol(1);
    answer.set_correlation(request.correlation());
    return answer;
  }

 private:
  void Serve(const std::string& endpoint, std::promise<std::string> bound) {
    auto server = zeromq::Server::Bind(
        zeromq::MakeContext(),
        {.endpoint = endpoint, .keys = keys_, .is_known = [this](const zeromq::CurveKey& key) {
           return known_.contains(key);
         }});
    if (!server.ok()) {
      bound.set_value("");
      return;
    }
    bound.set_value((*server)->endpoint());
    // A peer that reads slowly has its answers kept for it.
    std::deque<std::pair<std::string, exchange::v1::Envelope>> unsent;
    while (!stopping_) {
      zeromq::Wait({server->get()}, {}, -1, absl::Milliseconds(unsent.empty() ? 20 : 1));
      while (!unsent.empty()) {
        zeromq::Outgoing message;
        message.envelope = unsent.front().second;
        if ((*server)->Send(unsent.front().first, std::move(message)) ==
            zeromq::SendResult::kWouldBlock)
          break;
        unsent.pop_front();
      }
      while (auto received = (*server)->Receive()) {
        auto* incoming = std::get_if<zeromq::Incoming>(&*received);
        if (incoming == nullptr) continue;
        for (auto& answer : handler_(incoming->envelope)) {
          // A client that is ahead of itself does not take more for a moment.
          while ((*server)->Send(incoming->route, {.envelope = answer}) ==
                     zeromq::SendResult::kWouldBlock &&
                 !stopping_) {
            std::this_thread::yield();
          }
        }
      }
    }
  }

  const zeromq::CurveKeyPair keys_;
  const std::set<zeromq::CurveKey> known_;
  const Handler handler_;
  std::string endpoint_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace polku::testing

#endif  // POLKU_TESTS_CLIENT_FAKE_SERVICE_H_
