// The real binary against a real socket that answers as the test says.
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "eventstore/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_polku.h"
#include "tests/client/fake_service.h"

namespace polku::cli {
namespace {

using exchange::v1::Envelope;
using testing::FakeService;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kEvent[] =
    R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","event":{"closed_on":"2025-09-30"}})";

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest() {
    const Result made = RunPolku({"keygen", "--dir", dir_.At("keys"), "--author"});
    EXPECT_EQ(made.code, 0) << made.err;
    key_ = *zeromq::ParseCurveKey(TrimEnd(ReadAll(dir_.At("keys/curve.public"))));
  }
  // Serves, and remembers every offered event.
  void Serve(FakeService::Handler handler) {
    service_ = std::make_unique<FakeService>(
        std::set{key_}, [this, handler = std::move(handler)](const Envelope& request) {
          const std::lock_guard<std::mutex> lock(mutex_);
          for (const auto& event : request.offer().events()) offered_.push_back(event);
          return handler(request);
        });
    profile_ = dir_.Write(
        "as.textproto", "service_address: \"" + service_->endpoint() + "\"\nservice_curve_key: \"" +
                            zeromq::FormatCurveKey(service_->public_key()) +
                            "\"\nkeys_directory: \"keys\"\nagency: \"FI/MUN/0187690-1/oulu\"\n"
                            "official: \"o-7\"\n");
  }
  void ServeReceipts() {
    Serve([](const Envelope& request) { return std::vector{FakeService::Receipts(request, 5)}; });
  }
  void ServeRefusal(exchange::v1::RefusalKind kind, uint32_t index = 0) {
    Serve([=](const Envelope& request) {
      return std::vector{FakeService::Refusal(request, kind, index)};
    });
  }
  std::string File(const std::string& name, const std::string& text) {
    return dir_.Write(name, text);
  }

  TempDir dir_;
  zeromq::CurveKey key_;
  std::unique_ptr<FakeService> service_;
  std::string profile_;
  std::mutex mutex_;
  std::vector<exchange::v1::OfferedEvent> offered_;
};

TEST_F(NetworkTest, PublishPrintsTheReceipt) {
  ServeReceipts();
  const Result result = RunPolku({"publish", "--as", profile_, "-"}, kEvent);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("recorded at position 5 of FI/MUN/0187690-1/oulu/referral/1"));
  ASSERT_EQ(offered_.size(), 1u);
  EXPECT_EQ(offered_[0].official(), "o-7");
  const Result json = RunPolku({"publish", "--as", profile_, "--json", "-"}, kEvent);
  EXPECT_THAT(json.out, HasSubstr("{\"receipts\":[{\"id\":\""));
  // The same event again has the same id.
  EXPECT_EQ(offered_[0].event_id(), offered_[1].event_id());
}

TEST_F(NetworkTest, PublishWithFlagsAndTextFormat) {
  ServeReceipts();
  const Result result =
      RunPolku({"publish", "--to", service_->endpoint(), "--server-key",
                zeromq::FormatCurveKey(service_->public_key()), "--keys", dir_.At("keys"), "--type",
                "polku.referral.v1.CaseClosed", "--new-case", "--id", "new", "--expected-revision",
                "0", File("event.textproto", "closed_on: \"2025-09-30\"\n")});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_EQ(offered_.size(), 1u);
  EXPECT_TRUE(offered_[0].has_expected_revision());
  EXPECT_THAT(result.out,
              HasSubstr("case " + FormatCaseId(*CaseId::FromBytes(offered_[0].case_id()))));
}

TEST_F(NetworkTest, SeveralFilesAreOneOffer) {
  ServeReceipts();
  const Result result =
      RunPolku({"publish", "--as", profile_, File("a.json", kEvent), File("b.json", kEvent)});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(offered_.size(), 2u);
}

TEST_F(NetworkTest, ARefusalHasItsExitCodeAndReason) {
  const std::pair<exchange::v1::RefusalKind, int> kCodes[] = {
      {exchange::v1::REFUSAL_KIND_RULE, 1},
      {exchange::v1::REFUSAL_KIND_REVISION, 1},
      {exchange::v1::REFUSAL_KIND_NOT_ENTITLED, 1},
      {exchange::v1::REFUSAL_KIND_CONFLICTING_REPEAT, 1},
      {exchange::v1::REFUSAL_KIND_INVALID, 3},
      {exchange::v1::REFUSAL_KIND_TRY_AGAIN, 4}};
  for (const auto& [kind, code] : kCodes) {
    ServeRefusal(kind);
    const Result result = RunPolku({"publish", "--as", profile_, "-"}, kEvent);
    EXPECT_EQ(result.code, code);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr("refused (because): the reason"));
    EXPECT_THAT(RunPolku({"publish", "--as", profile_, "--json", "-"}, kEvent).out,
                HasSubstr("{\"refusal\":{\"kind\":\""));
  }
}

TEST_F(NetworkTest, ABadEventIsNotSent) {
  ServeReceipts();
  for (const char* bad : {"", "{}", "{\"case\":\"1\"}", "[]"}) {
    EXPECT_EQ(RunPolku({"publish", "--as", profile_, "-"}, bad).code, 3) << bad;
  }
  EXPECT_EQ(RunPolku({"publish", "--as", profile_, "--case", "xyz", "-"}, kEvent).code, 2);
  EXPECT_EQ(RunPolku({"publish", "--as", profile_, "--id", "1", "-"}, kEvent).code, 2);
  EXPECT_THAT(offered_, IsEmpty());
}

TEST_F(NetworkTest, NobodyThereAndUnknownKeysAreTold) {
  ServeReceipts();
  const Result stranger_keys = RunPolku({"keygen", "--dir", dir_.At("stranger"), "--author"});
  ASSERT_EQ(stranger_keys.code, 0);
  const Result refused =
      RunPolku({"publish", "--as", profile_, "--keys", dir_.At("stranger"), "-"}, kEvent);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("principals"));
  service_->Stop();
  const Result gone = RunPolku({"publish", "--as", profile_, "--timeout", "1", "-"}, kEvent);
  EXPECT_EQ(gone.code, 4);
  EXPECT_THAT(gone.err, HasSubstr(service_->endpoint()));
}

TEST_F(NetworkTest, ImportCountsAndStopsWithTheLine) {
  std::string lines;
  for (int i = 0; i < 300; ++i) {
    lines +=
        R"({"case":"0123456789abcdef0123456789abcdef","type":"polku.referral.v1.CaseClosed","event":{"closed_on":")" +
        std::to_string(1000 + i) + "\"}}\n";
  }
  ServeReceipts();
  const Result result =
      RunPolku({"import", "--as", profile_, "--json", File("events.ndjson", lines)});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(
      result.out,
      HasSubstr("{\"lines\":300,\"recorded\":300,\"repeated\":0,\"refused\":0,\"invalid\":0}"));
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_EQ(offered_.size(), 300u);

  Serve([](const Envelope& request) {
    for (int i = 0; i < request.offer().events_size(); ++i) {
      if (request.offer().events(i).body().find("1200") != std::string::npos) {
        return std::vector{FakeService::Refusal(request, exchange::v1::REFUSAL_KIND_RULE,
                                                static_cast<uint32_t>(i))};
      }
    }
    return std::vector{FakeService::Receipts(request)};
  });
  const Result stopped = RunPolku({"import", "--as", profile_, File("events.ndjson", lines)});
  EXPECT_EQ(stopped.code, 1);
  EXPECT_THAT(stopped.err, HasSubstr("line 201: refused (because)"));
  EXPECT_THAT(stopped.err, HasSubstr("run the same import again"));
  const Result going =
      RunPolku({"import", "--as", profile_, "--keep-going", File("events.ndjson", lines)});
  EXPECT_EQ(going.code, 1);
  EXPECT_THAT(going.out, HasSubstr("299 recorded"));
}

TEST_F(NetworkTest, ImportSaysWhatToDoWhenTheServiceGoes) {
  Serve([](const Envelope&) { return std::vector<Envelope>(); });
  const Result result =
      RunPolku({"import", "--as", profile_, "--timeout", "1", "-"}, std::string(kEvent) + "\n");
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("run the same import again"));
}

TEST_F(NetworkTest, ASheetIsOneOfferAndItsRefusalNamesTheCell) {
  const std::string clients =
      File("clients.csv", "asiakas;tapaus\nA-01;0123456789abcdef0123456789abcdef\n");
  const std::string sheet = File("sheet.csv", "asiakas;4.3.2025;3.3.2025\nA-01;6;S\n");
  ServeReceipts();
  const Result result = RunPolku({"sheet", "--as", profile_, "--clients", clients, sheet});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2 days of 1 clients, 2 recorded, 0 recorded before"));
  EXPECT_EQ(offered_.size(), 2u);
  // The second event is 4 March, which stands in column 2.
  ServeRefusal(exchange::v1::REFUSAL_KIND_RULE, 1);
  const Result refused = RunPolku({"sheet", "--as", profile_, "--clients", clients, sheet});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("line 2, column 2: 2025-03-04: refused (because)"));
  EXPECT_THAT(refused.err, HasSubstr("nothing of the sheet was recorded"));
}

TEST_F(NetworkTest, StatusShowsPositionsLagAndHealth) {
  std::string health = "ok";
  auto state = exchange::v1::SUBSCRIPTION_STATE_LIVE;
  Serve([&](const Envelope& request) {
    Envelope answer = FakeService::AnswerTo(request);
    auto* status = answer.mutable_status_answer();
    status->set_origin("FI/MUN/0187690-1/oulu/referral/1");
    status->set_size(100);
    status->set_health(health);
    status->set_now_us(1'741'000'000'000'000);
    auto* subscription = status->add_subscriptions();
    subscription->set_origin("FI/GOV/0246246-0/kela/compensation/1");
    subscription->set_state(state);
    subscription->set_stored_size(40);
    subscription->set_announced_size(45);
    auto* subscriber = status->add_subscribers();
    subscriber->set_agency("FI/GOV/0246246-0/kela");
    subscriber->set_acknowledged_size(97);
    return std::vector{answer};
  });
  const Result text = RunPolku({"status", "--as", profile_});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("FI/GOV/0246246-0/kela/compensation/1  live"));
  EXPECT_THAT(text.out, HasSubstr("never"));
  const Result json = RunPolku({"status", "--as", profile_, "--json"});
  EXPECT_THAT(json.out, HasSubstr("\"stored_size\":40,\"announced_size\":45,\"lag\":5"));
  EXPECT_THAT(json.out, HasSubstr("\"acknowledged_size\":97,\"lag\":3"));
  health = "the disk is full";
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 1);
  state = exchange::v1::SUBSCRIPTION_STATE_FAULT;
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 5);
  Serve([](const Envelope& request) {
    return std::vector{FakeService::ErrorAnswer(request, exchange::v1::ERROR_CODE_NOT_ENTITLED)};
  });
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 1);
}

}  // namespace
}  // namespace polku::cli
