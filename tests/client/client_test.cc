#include "adapters/client/client.h"

#include <map>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_service.h"
#include "tests/support/status_matchers.h"

namespace polku::client {
namespace {

using exchange::v1::Envelope;
using exchange::v1::Offer;
using testing::FakeService;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : keys_(zeromq::NewCurveKeyPair()) {}

  ClientOptions Options(const FakeService& service, absl::Duration timeout = absl::Seconds(10)) {
    return {.endpoint = service.endpoint(),
            .server_key = service.public_key(),
            .keys = keys_,
            .timeout = timeout};
  }
  std::unique_ptr<FakeService> Service(FakeService::Handler handler) {
    return std::make_unique<FakeService>(std::set{keys_.public_key}, std::move(handler));
  }
  static Offer SomeOffer(size_t events = 1, size_t body_bytes = 10) {
    Offer offer;
    for (size_t i = 0; i < events; ++i) {
      auto* event = offer.add_events();
      event->set_event_id("event-id-" + std::to_string(1'000'000 + i));
      event->set_case_id(std::string(16, 'c'));
      event->set_body(std::string(body_bytes, 'b'));
    }
    return offer;
  }

  zeromq::CurveKeyPair keys_;
};

std::vector<Envelope> Receipts(const Envelope& request) {
  return {FakeService::Receipts(request, 7)};
}

TEST_F(ClientTest, APublishedOfferGetsItsReceipts) {
  const auto service = Service(Receipts);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(SomeOffer(2)));
    ASSERT_EQ(answer.receipts_size(), 2);
    EXPECT_EQ(answer.receipts(1).position(), 8u);
  }
}

TEST_F(ClientTest, ARefusalIsAnAnswerNotAnError) {
  const auto service = Service([](const Envelope& request) {
    return std::vector{FakeService::Refusal(request, exchange::v1::REFUSAL_KIND_RULE, 0)};
  });
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(SomeOffer()));
  EXPECT_EQ(answer.refusal().code(), "because");
}

TEST_F(ClientTest, TheAnswerToTheLargestOfferArrives) {
  const auto service = Service(Receipts);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(SomeOffer(1'024)));
  EXPECT_EQ(answer.receipts_size(), 1'024);
  EXPECT_GT(answer.ByteSizeLong(), 64u << 10);
}

TEST_F(ClientTest, StatusIsAsked) {
  const auto service = Service([](const Envelope& request) {
    Envelope answer = FakeService::AnswerTo(request);
    EXPECT_TRUE(request.has_status_request());
    answer.mutable_status_answer()->set_size(42);
    return std::vector{answer};
  });
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  ASSERT_OK_AND_ASSIGN(const auto status, client->Status());
  EXPECT_EQ(status.size(), 42u);
}

TEST_F(ClientTest, ErrorAnswersBecomeStatuses) {
  exchange::v1::ErrorCode code = exchange::v1::ERROR_CODE_NOT_ENTITLED;
  const auto service = Service([&](const Envelope& request) {
    return std::vector{FakeService::ErrorAnswer(request, code)};
  });
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  EXPECT_THAT(client->Status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("what went wrong")));
  code = exchange::v1::ERROR_CODE_MALFORMED;
  EXPECT_THAT(client->Publish(SomeOffer()), StatusIs(absl::StatusCode::kInvalidArgument));
  code = exchange::v1::ERROR_CODE_VERSION;
  EXPECT_THAT(client->Publish(SomeOffer()), StatusIs(absl::StatusCode::kUnimplemented));
  code = exchange::v1::ERROR_CODE_INTERNAL;
  EXPECT_THAT(client->Publish(SomeOffer()), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(ClientTest, AWindowOfOffersIsAnsweredEachByItsTicket) {
  const auto service = Service(Receipts);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  std::map<uint64_t, int> expected;
  int answered = 0;
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_OK_AND_ASSIGN(const uint64_t ticket, client->OfferAsync(SomeOffer(1 + i % 3)));
    ASSERT_TRUE(expected.emplace(ticket, 1 + i % 3).second);
    if (expected.size() < 256) continue;
    ASSERT_OK_AND_ASSIGN(const auto answer, client->NextAnswer());
    EXPECT_EQ(answer.second.receipts_size(), expected.at(answer.first));
    expected.erase(answer.first);
    ++answered;
  }
  while (!expected.empty()) {
    ASSERT_OK_AND_ASSIGN(const auto answer, client->NextAnswer());
    EXPECT_EQ(answer.second.receipts_size(), expected.at(answer.first));
    expected.erase(answer.first);
    ++answered;
  }
  EXPECT_EQ(answered, 2'000);
}

TEST_F(ClientTest, APublishAmidAsyncOffersGetsItsOwnAnswer) {
  const auto service = Service(Receipts);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  ASSERT_OK_AND_ASSIGN(const uint64_t first, client->OfferAsync(SomeOffer(2)));
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(SomeOffer(5)));
  EXPECT_EQ(answer.receipts_size(), 5);
  ASSERT_OK_AND_ASSIGN(const auto next, client->NextAnswer());
  EXPECT_EQ(next.first, first);
  EXPECT_EQ(next.second.receipts_size(), 2);
}

TEST_F(ClientTest, WithoutAnOfferUnderWayThereIsNoAnswerToWaitFor) {
  const auto service = Service(Receipts);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  EXPECT_THAT(client->NextAnswer(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ClientTest, AnUnknownKeyIsPermissionDenied) {
  const auto service =
      std::make_unique<FakeService>(std::set{zeromq::NewCurveKeyPair().public_key}, Receipts);
  EXPECT_THAT(Client::Connect(Options(*service)),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("principals")));
}

TEST_F(ClientTest, AnotherServersKeyIsToldNotTrusted) {
  const auto service = Service(Receipts);
  ClientOptions options = Options(*service, absl::Seconds(3));
  options.server_key = zeromq::NewCurveKeyPair().public_key;
  const auto client = Client::Connect(options);
  ASSERT_FALSE(client.ok());
  EXPECT_THAT(client.status().code(), ::testing::AnyOf(absl::StatusCode::kPermissionDenied,
                                                       absl::StatusCode::kUnavailable));
}

TEST_F(ClientTest, NobodyThereIsUnavailableAfterTheTimeout) {
  auto service = Service(Receipts);
  const ClientOptions options = Options(*service, absl::Milliseconds(300));
  service->Stop();
  const absl::Time start = absl::Now();
  EXPECT_THAT(Client::Connect(options),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(options.endpoint)));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST_F(ClientTest, ABadEndpointIsInvalid) {
  EXPECT_THAT(
      Client::Connect({.endpoint = "nowhere", .server_key = keys_.public_key, .keys = keys_}),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ClientTest, SilenceIsADeadlineAndTheNextRequestStillWorks) {
  bool silent = true;
  std::vector<Envelope> kept;
  const auto service = Service([&](const Envelope& request) {
    std::vector<Envelope> answers;
    if (silent) {
      kept.push_back(FakeService::Receipts(request, 99));
      silent = false;
      return answers;
    }
    // The late answer comes first: nobody waits for it any more.
    answers = kept;
    answers.push_back(FakeService::Receipts(request, 1));
    return answers;
  });
  ASSERT_OK_AND_ASSIGN(const auto client,
                       Client::Connect(Options(*service, absl::Milliseconds(400))));
  EXPECT_THAT(client->Publish(SomeOffer()),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("again is safe")));
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(SomeOffer()));
  EXPECT_EQ(answer.receipts(0).position(), 1u);
}

TEST_F(ClientTest, AnOfferThatWaitsForWitnessesHasItsWaitOnTopOfTheTimeout) {
  // Answers when the time for witnesses is over, as a service does that got too few.
  const auto service = Service([](const Envelope& request) {
    absl::SleepFor(absl::Milliseconds(request.offer().witness_timeout_ms()));
    auto answer = FakeService::Receipts(request, 7);
    answer.mutable_offer_answer()->add_witnessed_by("FI/GOV/0246246-0/kela");
    return std::vector{answer};
  });
  ASSERT_OK_AND_ASSIGN(const auto client,
                       Client::Connect(Options(*service, absl::Milliseconds(500))));
  Offer offer = SomeOffer();
  offer.set_witnesses(2);
  offer.set_witness_timeout_ms(900);
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(offer));
  EXPECT_EQ(answer.witnessed_by_size(), 1);
  ASSERT_THAT(client->OfferAsync(offer), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto next, client->NextAnswer());
  EXPECT_EQ(next.second.receipts_size(), 1);
  // What asks for none is not waited for longer.
  offer.set_witnesses(0);
  EXPECT_THAT(client->Publish(offer), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(ClientTest, AServiceThatDiesAmidARequestIsToldSoonerThanTheTimeout) {
  std::unique_ptr<FakeService> service =
      Service([](const Envelope&) { return std::vector<Envelope>(); });
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service, absl::Seconds(60))));
  ASSERT_THAT(client->OfferAsync(SomeOffer()), IsOk());
  const absl::Time start = absl::Now();
  std::thread killer([&] {
    absl::SleepFor(absl::Milliseconds(200));
    service->Stop();
  });
  EXPECT_THAT(client->NextAnswer(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("unknown")));
  killer.join();
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
}

TEST_F(ClientTest, AnOfferOverTheFrameLimitIsRefusedBeforeSending) {
  const auto service = Service(Receipts);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  EXPECT_THAT(client->Publish(SomeOffer(5, 1 << 20)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("fewer events")));
  EXPECT_THAT(client->OfferAsync(SomeOffer(5, 1 << 20)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const auto answer, client->Publish(SomeOffer(3, 1 << 20)));
  EXPECT_EQ(answer.receipts_size(), 3);
}

TEST_F(ClientTest, AnAnswerOfAnotherKindIsCorrupt) {
  const auto service = Service([](const Envelope& request) {
    Envelope answer = FakeService::AnswerTo(request);
    answer.mutable_heartbeat()->set_origin("x");
    return std::vector{answer};
  });
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(Options(*service)));
  EXPECT_THAT(client->Publish(SomeOffer()), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(client->Status(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace polku::client
