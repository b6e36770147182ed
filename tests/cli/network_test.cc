// The real binary against a real socket that answers as the test says.
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "eventstore/base/file.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/proof_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/run_polku.h"
#include "tests/client/fake_service.h"
#include "tests/support/status_matchers.h"

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

// What the command made up is told before it is sent, and by it the same event is said again.
TEST_F(NetworkTest, PublishTellsWhatItMadeUpSoThatItCanBeSaidAgain) {
  const std::string event = File("event.textproto", "closed_on: \"2025-09-30\"\n");
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"publish", "--as", profile_, "--timeout", "1", "--type",
                                    "polku.referral.v1.CaseClosed", event};
    all.insert(all.end(), more.begin(), more.end());
    return RunPolku(all);
  };
  Serve([](const Envelope&) { return std::vector<Envelope>(); });
  const Result silent = with({"--new-case", "--id", "new"});
  EXPECT_EQ(silent.code, 4);
  ASSERT_EQ(offered_.size(), 1u);
  const std::string case_id = FormatCaseId(*CaseId::FromBytes(offered_[0].case_id()));
  const std::string id = FormatEventId(*EventId::FromBytes(offered_[0].event_id()));
  EXPECT_THAT(silent.err, HasSubstr("offering case " + case_id + " event " + id));
  EXPECT_THAT(silent.err, HasSubstr("the same command with --case " + case_id + " --id " + id +
                                    " in place of --new-case and --id new records nothing twice"));
  ServeReceipts();
  const Result few = with({"--case", case_id, "--id", id, "--witnesses", "2"});
  EXPECT_EQ(few.code, 4);
  EXPECT_THAT(few.err, Not(HasSubstr("offering")));
  EXPECT_THAT(few.err, HasSubstr("; the same command again asks again"));
  ASSERT_EQ(offered_.size(), 2u);
  EXPECT_EQ(offered_[1].event_id(), offered_[0].event_id());
  EXPECT_EQ(offered_[1].case_id(), offered_[0].case_id());
  const Result fewer = with({"--new-case", "--witnesses", "2"});
  ASSERT_EQ(offered_.size(), 3u);
  EXPECT_THAT(fewer.err,
              HasSubstr("the same command with --case " +
                        FormatCaseId(*CaseId::FromBytes(offered_[2].case_id())) + " in place of --new-case asks again"));
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
  const Result result = RunPolku({"sheet", "--as", profile_, "--clients", clients, "--lang", "en", sheet});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2 days of 1 clients, 2 recorded, 0 recorded before"));
  EXPECT_EQ(offered_.size(), 2u);
  // The second event is 4 March, which stands in column 2.
  ServeRefusal(exchange::v1::REFUSAL_KIND_RULE, 1);
  const Result refused = RunPolku({"sheet", "--as", profile_, "--clients", clients, "--lang", "en", sheet});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("line 2, column 2: 2025-03-04: refused (because)"));
  EXPECT_THAT(refused.err, HasSubstr("nothing of the sheet was recorded"));
}

TEST_F(NetworkTest, StatusShowsPositionsLagAndHealth) {
  std::string health = "ok";
  auto state = exchange::v1::SUBSCRIPTION_STATE_LIVE;
  const auto answering = [&](const Envelope& request) {
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
  };
  Serve(answering);
  const Result text = RunPolku({"status", "--as", profile_});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("FI/GOV/0246246-0/kela/compensation/1  live"));
  EXPECT_THAT(text.out, HasSubstr("clock    2025-03-03 13:06:40 +02:00"));
  EXPECT_THAT(text.out, HasSubstr("nobody stands behind it"));
  EXPECT_THAT(text.out, HasSubstr("never"));
  const Result json = RunPolku({"status", "--as", profile_, "--json"});
  EXPECT_THAT(json.out, HasSubstr("\"stored_size\":40,\"announced_size\":45,\"lag\":5"));
  EXPECT_THAT(json.out, HasSubstr("\"acknowledged_size\":97,\"lag\":3"));
  Serve([](const Envelope& request) {
    Envelope answer = FakeService::AnswerTo(request);
    answer.mutable_status_answer()->set_health("ok");
    return std::vector{answer};
  });
  EXPECT_THAT(RunPolku({"status", "--as", profile_}).out, HasSubstr("none configured; nobody follows this log"));
  Serve(answering);
  health = "the disk is full";
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 1);
  state = exchange::v1::SUBSCRIPTION_STATE_FAULT;
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 5);
  Serve([](const Envelope& request) {
    return std::vector{FakeService::ErrorAnswer(request, exchange::v1::ERROR_CODE_NOT_ENTITLED)};
  });
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 1);
}

// ---- Durability ----

// A log of 8 entries in which the published event is at position 5, with true proofs.
struct ProvenLog {
  ProvenLog() {
    for (int i = 0; i < 8; ++i) leaves.push_back(proof::LeafHash("leaf " + std::to_string(i)));
    proof::Frontier frontier;
    for (const Hash& leaf : leaves) frontier.AppendLeafHash(leaf);
    note = signer->Sign({"FI/MUN/0187690-1/oulu/referral/1", Position(8), frontier.Root()});
  }
  Hash Subtree(uint8_t level, uint64_t index) const {
    if (level == 0) return leaves.at(index);
    return proof::NodeHash(Subtree(level - 1, 2 * index), Subtree(level - 1, 2 * index + 1));
  }
  std::unique_ptr<proof::Signer> signer =
      proof::Signer::Generate("FI/MUN/0187690-1/oulu/referral/1", proof::KeyUse::kCheckpoint);
  std::vector<Hash> leaves;
  std::string note;
};

TEST_F(NetworkTest, PublishWaitsForWitnessesAndWritesProofs) {
  const ProvenLog log;
  exchange::v1::Offer offered;
  int witnesses = 2;
  bool spoiled = false, with_proof = true;
  Serve([&](const Envelope& request) {
    offered = request.offer();
    Envelope answer = FakeService::Receipts(request, 5);
    auto* told = answer.mutable_offer_answer();
    for (int i = 0; i < witnesses; ++i) {
      told->add_witnessed_by(i == 0 ? "FI/GOV/0246246-0/kela" : "FI/GOV/9999993-3/tarkastaja");
    }
    if (with_proof) told->set_checkpoint(log.note);
    auto* receipt = told->mutable_receipts(0);
    receipt->set_leaf_hash(std::string(log.leaves[spoiled ? 6 : 5].view()));
    const auto hashes = proof::MakeInclusionProof(
        Position(5), Position(8),
        [&](uint8_t level, uint64_t index) -> absl::StatusOr<Hash> {
          return log.Subtree(level, index);
        });
    for (const Hash& hash : *hashes) receipt->add_inclusion_proof(std::string(hash.view()));
    return std::vector{answer};
  });
  const std::string event = dir_.Write("event.json", kEvent);
  const std::string proofs = dir_.At("proofs");
  const std::vector<std::string> command = {"publish", "--as", profile_, "--witnesses", "2",
                                            "--wait", "3", "--proof", proofs, event};
  const Result done = RunPolku(command);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(offered.witnesses(), 2u);
  EXPECT_EQ(offered.witness_timeout_ms(), 3'000u);
  EXPECT_TRUE(offered.want_proof());
  EXPECT_THAT(done.out, HasSubstr("witnessed by FI/GOV/0246246-0/kela, FI/GOV/9999993-3/tarkastaja"));
  const std::string file =
      proofs + "/" + FormatEventId(*EventId::FromBytes(offered.events(0).event_id())) + ".tlog-proof";
  EXPECT_THAT(done.out, HasSubstr("proof " + file));
  ASSERT_OK_AND_ASSIGN(const auto parsed, proof::ParseInclusionFile(ReadAll(file)));
  EXPECT_THAT(proof::VerifyInclusionFile(parsed, log.leaves[5], log.signer->verifier()),
              testing::IsOk());

  // Fewer than asked: recorded, told, exit code 4; the same command again replaces the proof.
  witnesses = 1;
  const Result fewer = RunPolku(command);
  EXPECT_EQ(fewer.code, 4);
  EXPECT_THAT(fewer.out, HasSubstr("recorded at position 5"));
  EXPECT_THAT(fewer.err, HasSubstr("RECORDED, but 1 of 2 agencies"));
  auto json = command;
  json.push_back("--json");
  EXPECT_THAT(RunPolku(json).out, HasSubstr("\"witnessed_by\":[\"FI/GOV/0246246-0/kela\"],"
                                            "\"unconfirmed\":false,\"proofs\":[\"" + file));

  // A proof that does not hold is not kept for one.
  witnesses = 2;
  std::filesystem::remove(file);
  spoiled = true;
  const Result wrong = RunPolku(command);
  EXPECT_EQ(wrong.code, 5);
  EXPECT_THAT(wrong.err, HasSubstr("the events are recorded"));
  EXPECT_FALSE(std::filesystem::exists(file));
  with_proof = false;
  const Result none = RunPolku(command);
  EXPECT_EQ(none.code, 4);
  EXPECT_THAT(none.err, HasSubstr("without a proof"));

  EXPECT_EQ(RunPolku({"publish", "--as", profile_, "--wait", "3", event}).code, 2);
  EXPECT_EQ(RunPolku({"publish", "--as", profile_, "--witnesses", "1", "--wait", "61", event}).code, 2);
}

TEST_F(NetworkTest, AnUnconfirmedReceiptIsTold) {
  Serve([](const Envelope& request) {
    Envelope answer = FakeService::Receipts(request, 5);
    answer.mutable_offer_answer()->set_unconfirmed(true);
    return std::vector{answer};
  });
  const Result done =
      RunPolku({"publish", "--as", profile_, dir_.Write("event.json", kEvent)});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("unconfirmed"));
}

TEST_F(NetworkTest, StatusShowsWhoStandsBehindTheLogAndWritesEvidence) {
  int forks = 0;
  uint64_t problems = 0;
  Serve([&](const Envelope& request) {
    Envelope answer = FakeService::AnswerTo(request);
    auto* status = answer.mutable_status_answer();
    status->set_origin("FI/MUN/0187690-1/oulu/referral/1");
    status->set_size(100);
    status->set_health("ok");
    status->set_confirmed(true);
    const auto witness = [&](const char* agency, const char* service, uint64_t size) {
      auto* told = status->add_witnesses();
      told->set_agency(agency);
      told->set_name(std::string(agency) + "/" + service + "/witness");
      told->set_cosigned_size(size);
      told->set_cosigned_at_us(size == 0 ? 0 : 1'741'000'000'000'000);
    };
    witness("FI/GOV/0246246-0/kela", "compensation", 100);
    witness("FI/MUN/9999991-7/hyvinvointi", "assessment", 100);
    witness("FI/MUN/9999991-7/hyvinvointi", "compensation", 90);
    witness("FI/ORG/9999992-5/toimintatupa", "attendance", 41);
    witness("FI/MUN/0187690-1/oulu", "attendance", 3);  // its own: not another agency
    for (const char* service : {"assessment", "compensation"}) {
      auto* subscriber = status->add_subscribers();
      subscriber->set_agency("FI/MUN/9999991-7/hyvinvointi");
      subscriber->set_name(std::string("FI/MUN/9999991-7/hyvinvointi/") + service + "/witness");
    }
    for (int i = 0; i < forks; ++i) {
      auto* fork = status->add_forks();
      fork->set_origin("FI/GOV/0246246-0/kela/compensation/1");
      fork->set_found_at_us(1'741'000'000'000'000);
      fork->set_pair("pair " + std::to_string(i) + "\n");
    }
    status->mutable_verification()->set_finished_at_us(1'741'000'000'000'000);
    status->mutable_verification()->set_entries(321);
    status->mutable_verification()->set_problems(problems);
    return std::vector{answer};
  });
  const Result text = RunPolku({"status", "--as", profile_});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("2 of 3 agencies behind entry 99, the newest; all behind entry 40"));
  EXPECT_THAT(text.out, HasSubstr("FI/MUN/9999991-7/hyvinvointi/assessment/witness"));
  EXPECT_THAT(text.out, HasSubstr("321 entries"));
  const Result json = RunPolku({"status", "--as", profile_, "--json"});
  EXPECT_THAT(json.out, HasSubstr("\"witness_agencies\":3,\"agencies_behind_newest\":2,"
                                  "\"confirmed\":true,\"forks\":[]"));

  const std::string evidence = dir_.At("evidence");
  EXPECT_THAT(RunPolku({"status", "--as", profile_, "--evidence", evidence}).out,
              HasSubstr("nothing was written"));
  forks = 2;
  for (int again = 0; again < 2; ++again) {
    const Result forked = RunPolku({"status", "--as", profile_, "--evidence", evidence});
    EXPECT_EQ(forked.code, 5) << forked.err;
    EXPECT_THAT(forked.out, HasSubstr("FORKS"));
  }
  EXPECT_EQ(ReadAll(evidence + "/FI_GOV_0246246-0_kela_compensation_1-2.checkpoint-pair"), "pair 1\n");
  forks = 0;
  problems = 1;
  EXPECT_EQ(RunPolku({"status", "--as", profile_}).code, 5);
}

}  // namespace
}  // namespace polku::cli
