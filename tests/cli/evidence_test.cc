// `polku prove` and `polku bundle`: the real binary over a store on disk, and offline.
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/bundle.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/records.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/host/keys.h"
#include "tests/audit/agency_store.h"
#include "tests/cli/run_polku.h"
#include "tests/client/fake_service.h"
#include "tests/support/key_storage.h"
#include "tests/support/status_matchers.h"

namespace polku::cli {
namespace {

using audit::AgencyStore;
using audit::NumberedCase;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kOrigin[] = "FI/MUN/0187690-1/oulu/referral/1";
constexpr char kKela[] = "FI/GOV/0245437-2/kela";
constexpr char kWitness[] = "FI/GOV/0245437-2/kela/compensation/witness";
constexpr char kCase1[] = "ca000000000000000000000000000001";

SectionSet Service() {
  SectionSet set;
  set.add(SectionKind::kService);
  return set;
}

// Entries: 0 Genesis, 1 SchemaAdded, 2 case 1 disclosed to Kela, 3 case 2, 4 case 1. Kela cosigned
// the first four.
class EvidenceTest : public ::testing::Test {
 protected:
  EvidenceTest() : witness_(proof::Signer::Generate(kWitness, proof::KeyUse::kCosignature)) {
    EXPECT_OK(host::WriteNewKeys(dir_.At("keys"), kOrigin, SystemRandom()));
    const auto curve = host::LoadCurveKeys(dir_.At("keys"));
    EXPECT_OK(curve);
    service_ = std::make_unique<testing::FakeService>(
        std::set{curve->public_key},
        [](const exchange::v1::Envelope& request) {
          return std::vector{testing::FakeService::Receipts(request)};
        },
        "tcp://127.0.0.1:*", *curve);
    dir_.Write("agreement.textproto",
               Str("name: \"test\" agencies { name: \"FI/MUN/0187690-1/oulu\" roles: "
                   "AGENCY_ROLE_SOCIAL_SERVICES } agencies { name: \"",
                   kKela, "\" roles: AGENCY_ROLE_BENEFIT_PAYER }\n"));
    dir_.Write("profile.textproto", "name: \"test\"\n");
    config_ = dir_.Write(
        "service.textproto",
        Str("origin: \"", kOrigin,
            "\"\nlisten: \"", service_->endpoint(), "\"\ndata_directory: \"data\"\n"
            "keystore_directory: \"keystore\"\nkeys_directory: \"keys\"\n"
            "agreement_file: \"agreement.textproto\"\nprofile_file: \"profile.textproto\"\n"
            "principals { agency: \"FI/MUN/0187690-1/oulu\" curve_key: \"",
            zeromq::FormatCurveKey(curve->public_key), "\" rights: RIGHT_OPERATE }\n",
            "witnesses { agency: \"",
            kKela, "\" cosigning_key: \"", witness_->verifier().Format(), "\" }\n"));

    auto engine = rocks::OpenEngine({.directory = dir_.At("data")});
    EXPECT_OK(engine);
    engine_ = *std::move(engine);
    auto storage = rocks::OpenKeyStorage(dir_.At("keystore"), rocks::OpenMode::kReadWrite);
    EXPECT_OK(storage);
    auto keys = vault::KeyStore::Open(*std::move(storage), *host::LoadMasterKey(dir_.At("keys")),
                                      SystemRandom());
    EXPECT_OK(keys);
    keys_ = *std::move(keys);
    auto service = host::LoadServiceKeys(dir_.At("keys"), kOrigin);
    EXPECT_OK(service);
    vkey_ = service->signer->verifier().Format();
    store_ = std::make_unique<AgencyStore>(*engine_, *keys_, kOrigin, std::move(service->signer));

    referral::v1::NeedIdentified need;
    need.set_identified_on("2025-01-07");
    need.set_social_reasons("rytmi");
    const auto& schema = service::SchemaFor(*need.GetDescriptor());
    event::v1::SchemaAdded added;
    added.set_package(schema.package);
    added.set_file_descriptor_set(schema.file_descriptor_set);
    store_->AppendControl(added);
    first_ = store_->Append(NumberedCase(1), need, Order(), {{kKela, Service(), Position(1)}});
    old_note_ = store_->log().checkpoint();
    store_->Append(NumberedCase(2), need);
    const auto cosigned = proof::VerifyCheckpoint(
        store_->log().checkpoint(), *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint));
    EXPECT_OK(cosigned);
    log::KeptCosignature kept;
    kept.witness = kWitness;
    kept.time = store_->now() + absl::Hours(1);
    kept.size = kept.proven_to = cosigned->size;
    kept.root = cosigned->root;
    kept.line = witness_->Cosign(*cosigned, kept.time);
    EXPECT_OK(log::KeepCosignatures(*engine_, kOwnLog, {kept}));
    store_->SetTime(store_->now() + absl::Hours(2));
    store_->Append(NumberedCase(1), need);
  }

  // As the service's: its store is open in this process, and it takes the record of each read.
  Result Run(std::vector<std::string> arguments) {
    static const std::set<std::string> kReaders = {"case",   "replay",      "summary", "bundle",
                                                   "export", "disclosures", "prove"};
    if (kReaders.contains(arguments[0])) {
      arguments.insert(arguments.end(), {"--official", "o-9", "--purpose", "supervision", "--basis",
                                         "laki 611/2021"});
    }
    arguments.push_back("--config");
    arguments.push_back(config_);
    return RunPolku(arguments);
  }

  TempDir dir_;
  std::unique_ptr<testing::FakeService> service_;
  std::string config_;
  std::unique_ptr<proof::Signer> witness_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<vault::KeyStore> keys_;
  std::unique_ptr<AgencyStore> store_;
  std::string vkey_;
  std::string old_note_;
  log::Receipt first_;
};

TEST_F(EvidenceTest, AnEventIsProvenToACosignedCheckpointThatAnybodyCanVerify) {
  const std::string id = FormatEventId(first_.id);
  const Result result =
      Run({"prove", "--event", id, "--out", dir_.At("a.tlog-proof"), "--leaf", dir_.At("a.leaf")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(ToHex(first_.leaf_hash.view())));
  EXPECT_THAT(result.out, HasSubstr(kWitness));
  const auto file = proof::ParseInclusionFile(ReadAll(dir_.At("a.tlog-proof")));
  ASSERT_OK(file);
  const auto key = proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  ASSERT_OK(key);
  const Hash hash = proof::LeafHash(ReadAll(dir_.At("a.leaf")));
  EXPECT_EQ(hash, first_.leaf_hash);
  const auto checkpoint = proof::VerifyInclusionFile(*file, hash, *key);
  ASSERT_OK(checkpoint);
  EXPECT_EQ(checkpoint->size, Position(4));  // the newest, 5, is cosigned by nobody
  EXPECT_OK(proof::VerifyCosignature(file->checkpoint, witness_->verifier()));
  // By position it is the same file; a file is never overwritten.
  const Result by_position = Run({"prove", "--position", "2", "--origin", kOrigin, "--out",
                                  dir_.At("b.tlog-proof"), "--json"});
  ASSERT_EQ(by_position.code, 0) << by_position.err;
  EXPECT_THAT(by_position.out,
              HasSubstr(Str("\"leaf_hash\":\"", ToHex(first_.leaf_hash.view()), "\"")));
  EXPECT_EQ(ReadAll(dir_.At("b.tlog-proof")), ReadAll(dir_.At("a.tlog-proof")));
  EXPECT_EQ(Run({"prove", "--event", id, "--out", dir_.At("a.tlog-proof")}).code, 3);
  const Result by_case =
      Run({"prove", "--event", id, "--case", kCase1, "--out", dir_.At("c.tlog-proof")});
  EXPECT_EQ(by_case.code, 0) << by_case.err;
}

TEST_F(EvidenceTest, WhatIsNotHeldIsRefusedInWords) {
  const std::string out = dir_.At("x");
  const Result unknown =
      Run({"prove", "--event", "00000000-0000-4000-8000-000000000000", "--out", out});
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("withheld"));
  EXPECT_EQ(Run({"prove", "--position", "5", "--origin", kOrigin, "--out", out}).code, 3);
  EXPECT_EQ(Run({"prove", "--position", "1", "--origin", "FI/GOV/0245437-2/kela/compensation/1",
                 "--out", out})
                .code,
            3);
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"prove", "--event", "x"},
           {"prove", "--out", out},
           {"prove", "--out", out, "--position", "1"},
           {"prove", "--out", out, "--consistency"},
           {"prove", "--out", out, "--consistency", "--from", "0"},
           {"prove", "--out", out, "--checkpoint", "--consistency", "--from", "1"},
           {"prove", "--out", out, "--checkpoint", "--event", "x"},
           {"prove", "--out", out, "--consistency", "--from", "1", "--event", "x"},
           {"prove", "--out", out, "--event", "x", "--from", "1"},
           {"bundle", "--out", out},
           {"bundle", "--case", kCase1},
           {"bundle", "--case", kCase1, "--out", out, "--open", "all"},
           {"bundle", "--case", kCase1, "--out", out, "--at", "2025-01-01"},
           {"bundle", "show"},
           {"bundle", "look", out},
           {"bundle", "verify", out}}) {
    EXPECT_EQ(Run(wrong).code, 2) << ::testing::PrintToString(wrong);
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(EvidenceTest, WhatAWitnessCosignedAfterItChangedItsKeyCounts) {
  // Kela's log, followed here, tells of the change.
  constexpr char kTheirs[] = "FI/GOV/0245437-2/kela/compensation/1";
  const auto next = proof::Signer::Generate(kWitness, proof::KeyUse::kCosignature);
  auto signer = proof::Signer::Generate(kTheirs, proof::KeyUse::kCheckpoint);
  const std::string signing_key = signer->verifier().Format();
  const auto their_engine = log::MakeMemoryEngine();
  testing::KeyDisk their_disk;
  const auto their_keys = vault::KeyStore::Open(std::make_unique<testing::MemoryKeyStorage>(their_disk),
                                                vault::MasterKey(std::string(32, 'k')), SystemRandom());
  ASSERT_OK(their_keys);
  AgencyStore kela(*their_engine, **their_keys, kTheirs, std::move(signer));
  event::v1::KeyChanged change;
  change.set_use(event::v1::KEY_USE_COSIGNING);
  change.set_old_key(std::string(witness_->verifier().key().view()));
  change.set_new_key(std::string(next->verifier().key().view()));
  change.set_reason("yearly");
  kela.AppendControl(change);
  kela.ReplicateTo(*engine_, *keys_, {});
  // With the new key it cosigns all of the own log.
  const auto checkpoint = proof::VerifyCheckpoint(
      store_->log().checkpoint(), *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint));
  ASSERT_OK(checkpoint);
  ASSERT_EQ(checkpoint->size, Position(5));
  log::KeptCosignature kept;
  kept.witness = kWitness;
  kept.time = store_->now() + absl::Hours(3);
  kept.size = kept.proven_to = checkpoint->size;
  kept.root = checkpoint->root;
  kept.line = next->Cosign(*checkpoint, kept.time);
  ASSERT_OK(log::KeepCosignatures(*engine_, kOwnLog, {kept}));

  const auto prove = [&](const std::string& name) {
    const Result made = Run({"prove", "--checkpoint", "--out", dir_.At(name)});
    EXPECT_EQ(made.code, 0) << made.err;
    return ReadAll(dir_.At(name));
  };
  // Where that log is not followed, nobody says that the key is the witness's.
  EXPECT_OK(proof::VerifyCosignature(prove("before.note"), witness_->verifier()));
  const std::string config = ReadAll(config_);
  config_ = dir_.Write("followed.textproto",
                       Str(config, "peers { origin: \"", kTheirs, "\" address: \"tcp://127.0.0.1:9\" curve_key: \"",
                           zeromq::FormatCurveKey(zeromq::NewCurveKeyPair().public_key),
                           "\" signing_key: \"", signing_key, "\" }\n"));
  const std::string proof = prove("after.note");
  EXPECT_OK(proof::VerifyCosignature(proof, next->verifier()));
  EXPECT_THAT(proof, HasSubstr(kOrigin));
  const Result verified = Run({"verify", "--json"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
}

TEST_F(EvidenceTest, AStoreVerifiesAmidARotationOfItsMasterKey) {
  // Broken off: sealed under the next key, which has not taken the first one's place.
  const auto next = host::MakeNextMasterKey(dir_.At("keys"), SystemRandom());
  ASSERT_OK(next);
  EXPECT_EQ(Run({"verify"}).code, 0) << "made, and not used yet";
  ASSERT_OK(keys_->Rewrap(*next, nullptr));
  const Result amid = Run({"verify"});
  EXPECT_EQ(amid.code, 0) << amid.out << amid.err;
  EXPECT_THAT(amid.out, Not(HasSubstr("no section was opened")));
  EXPECT_TRUE(std::filesystem::exists(dir_.At("keys") + "/master.key.next")) << "it reads only";
  ASSERT_OK(host::TakeNextMasterKey(dir_.At("keys")));
  EXPECT_EQ(Run({"verify"}).code, 0);
}

TEST_F(EvidenceTest, ACheckpointToKeepIsThatWhichMostHaveCosigned) {
  const std::string kept = dir_.At("kept.note");
  const Result made = Run({"prove", "--checkpoint", "--out", kept});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("checkpoint of 4 entries"));
  EXPECT_THAT(made.out, HasSubstr(kWitness));
  EXPECT_OK(proof::VerifyCosignature(ReadAll(kept), witness_->verifier()));
  const auto key = proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  EXPECT_OK(proof::VerifyCheckpoint(ReadAll(kept), *key));
  EXPECT_EQ(Run({"prove", "--checkpoint", "--out", kept}).code, 3);  // nothing is overwritten
  const Result json = Run({"prove", "--checkpoint", "--out", dir_.At("b.note"), "--json"});
  EXPECT_THAT(json.out, HasSubstr("\"size\":4,\"root\":\""));
  const Result later =
      Run({"prove", "--consistency", "--old", kept, "--out", dir_.At("later.checkpoint-pair")});
  EXPECT_EQ(later.code, 0) << later.err;
}

TEST_F(EvidenceTest, AKeptCheckpointIsComparedWithTheNewest) {
  const std::string old = dir_.Write("old.note", old_note_);
  const Result result =
      Run({"prove", "--consistency", "--old", old, "--out", dir_.At("a.checkpoint-pair")});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto key = proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const auto pair = proof::ParseCheckpointPair(ReadAll(dir_.At("a.checkpoint-pair")));
  ASSERT_OK(pair);
  const auto verdict = proof::VerifyCheckpointPair(*pair, *key);
  ASSERT_OK(verdict);
  EXPECT_EQ(*verdict, proof::PairVerdict::kConsistent);
  const Result sizes = Run({"prove", "--consistency", "--from", "3", "--to", "4", "--out",
                            dir_.At("b.checkpoint-pair"), "--json"});
  EXPECT_EQ(sizes.code, 0) << sizes.err;
  EXPECT_THAT(sizes.out, HasSubstr("\"from\":3,\"to\":4,\"verdict\":\"consistent\""));
  EXPECT_EQ(Run({"prove", "--consistency", "--from", "4", "--to", "3", "--out", dir_.At("c")}).code,
            3);
  EXPECT_EQ(Run({"prove", "--consistency", "--from", "9", "--out", dir_.At("c")}).code, 3);
  const std::string foreign = dir_.Write(
      "foreign.note", proof::Signer::Generate(kOrigin, proof::KeyUse::kCheckpoint)
                          ->Sign({.origin = kOrigin, .size = Position(3), .root = Hash()}));
  EXPECT_EQ(Run({"prove", "--consistency", "--old", foreign, "--out", dir_.At("c")}).code, 5);
}

TEST_F(EvidenceTest, ACheckpointThatContradictsTheLogBecomesEvidenceOfAFork) {
  const auto service = host::LoadServiceKeys(dir_.At("keys"), kOrigin);
  ASSERT_OK(service);
  const auto sign = [&](uint64_t size) {
    return service->signer->Sign(
        {.origin = kOrigin, .size = Position(size), .root = Sha256("another history")});
  };
  const std::string forked = dir_.Write("forked.note", sign(3));
  const Result result =
      Run({"prove", "--consistency", "--old", forked, "--out", dir_.At("fork.checkpoint-pair")});
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.out, HasSubstr("FORK"));
  const auto pair = proof::ParseCheckpointPair(ReadAll(dir_.At("fork.checkpoint-pair")));
  ASSERT_OK(pair);
  const auto verdict = proof::VerifyCheckpointPair(*pair, service->signer->verifier());
  ASSERT_OK(verdict);
  EXPECT_EQ(*verdict, proof::PairVerdict::kFork);
  // One that is ahead of the store: nothing can be compared, and that is told as what it is.
  const Result ahead = Run({"prove", "--consistency", "--old", dir_.Write("ahead.note", sign(9)),
                            "--out", dir_.At("ahead")});
  EXPECT_EQ(ahead.code, 5);
  EXPECT_THAT(ahead.err, HasSubstr("only 5 are held"));
}

TEST_F(EvidenceTest, ABundleIsMadeShownAndVerifiedOffline) {
  const std::string file = dir_.At("case.json");
  const Result made = Run({"bundle", "--case", kCase1, "--open", "service", "--out", file});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("WARNING: the file holds in clear: service"));
  EXPECT_THAT(ReadAll(file), Not(HasSubstr(ToBase64("rytmi"))));
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  // From here on without configuration, data or keys.
  const Result verified = RunPolku({"bundle", "verify", file});
  EXPECT_EQ(verified.code, 0) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("verified: 2 events of 1 log, 2 opened sections"));
  EXPECT_THAT(verified.out, HasSubstr("compare these with what the agencies publish"));
  const Result shown = RunPolku({"bundle", "show", file, "--lang", "en"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("2025-01-07  Need identified"));
  EXPECT_THAT(shown.out, HasSubstr("sealed: social"));
  EXPECT_THAT(shown.out, Not(HasSubstr("rytmi")));
  const Result json = RunPolku({"bundle", "show", file, "--json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_THAT(json.out, HasSubstr("\"event\":{\"identified_on\":\"2025-01-07\"}"));
  EXPECT_THAT(json.out, HasSubstr("{\"bundle\":{\"verified\":true"));

  const auto key = proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const std::string policy =
      dir_.Write("policy", proof::Policy::Format({*key}, {witness_->verifier()}, 0));
  const Result trusted = RunPolku({"bundle", "verify", file, "--policy", policy, "--json"});
  EXPECT_EQ(trusted.code, 0) << trusted.err;
  EXPECT_THAT(trusted.out, HasSubstr("\"verified\":true,\"own_policy\":true,\"events\":2"));
  const std::string strict =
      dir_.Write("strict", proof::Policy::Format({*key}, {witness_->verifier()}, 1));
  // Kela has not cosigned entry 4 yet.
  const Result missing = RunPolku({"bundle", "verify", file, "--policy", strict});
  EXPECT_EQ(missing.code, 5);
  EXPECT_THAT(missing.out, HasSubstr("PROBLEM cosignature"));
}

TEST_F(EvidenceTest, NothingIsOpenedUnlessAsked) {
  const std::string file = dir_.At("case.json");
  const Result made = Run({"bundle", "--case", kCase1, "--out", file, "--json"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.err, IsEmpty());
  EXPECT_THAT(made.out, HasSubstr("\"sections\":0,\"open\":\"\""));
  const Result shown = RunPolku({"bundle", "show", file, "--lang", "en"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("Need identified"));
  EXPECT_THAT(shown.out, Not(HasSubstr("2025-01-07")));
}

TEST_F(EvidenceTest, ABundleShowsWhatAnAgencyHadReceivedByThen) {
  const std::string file = dir_.At("known.json");
  const Result none = Run({"bundle", "--case", kCase1, "--known-to", kKela, "--at",
                           "2025-01-01T00:00:00Z", "--out", file});
  EXPECT_EQ(none.code, 3);
  EXPECT_FALSE(std::filesystem::exists(file));
  const Result made = Run({"bundle", "--case", kCase1, "--known-to", kKela, "--at", "2025-03-04",
                           "--open", "service,social", "--out", file, "--json"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("\"events\":1,\"logs\":1,\"sections\":1,\"open\":\"service\""));
  const Result verified = RunPolku({"bundle", "verify", file});
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_THAT(verified.out, HasSubstr(Str("received by ", kKela)));
}

TEST_F(EvidenceTest, AnAlteredBundleIsFoundAndAnythingElseIsNoBundle) {
  const std::string file = dir_.At("case.json");
  ASSERT_EQ(Run({"bundle", "--case", kCase1, "--open", "service", "--out", file}).code, 0);
  auto bundle = evidence::ParseBundle(ReadAll(file));
  ASSERT_OK(bundle);
  bundle->mutable_logs(0)->mutable_events(0)->mutable_opened(0)->mutable_plaintext()->back() ^= 1;
  const std::string altered = dir_.Write("altered.json", evidence::FormatBundle(*bundle));
  const Result verified = RunPolku({"bundle", "verify", altered, "--json"});
  EXPECT_EQ(verified.code, 5);
  EXPECT_THAT(verified.out,
              HasSubstr("{\"kind\":\"section\",\"origin\":\"FI/MUN/0187690-1/oulu/referral/1\","
                        "\"position\":2,"));
  const Result shown = RunPolku({"bundle", "show", altered});
  EXPECT_EQ(shown.code, 5);
  EXPECT_THAT(shown.err, HasSubstr("does not verify"));
  EXPECT_EQ(RunPolku({"bundle", "verify", dir_.Write("other", "{}")}).code, 3);
  EXPECT_EQ(RunPolku({"bundle", "verify", dir_.At("nothing")}).code, 3);
  EXPECT_EQ(RunPolku({"bundle", "verify", dir_.At("data")}).code, 3);  // a directory
}

TEST_F(EvidenceTest, VerifyJudgesAProofByKeyAndByPolicy) {
  const std::string proof = dir_.At("a.tlog-proof");
  const std::string leaf = dir_.At("a.leaf");
  ASSERT_EQ(Run({"prove", "--event", FormatEventId(first_.id), "--out", proof, "--leaf", leaf}).code, 0);
  const std::string key = dir_.At("keys/signing.public");
  const Result by_key = RunPolku({"verify", proof, "--leaf", leaf, "--key", key});
  EXPECT_EQ(by_key.code, 0) << by_key.out << by_key.err;
  EXPECT_THAT(by_key.out, HasSubstr(Str("entry 2 is in the log of ", kOrigin, " with 4 entries")));
  const std::string hash = ToHex(first_.leaf_hash.view());
  const Result by_hash = RunPolku({"verify", proof, "--leaf-hash", hash, "--key", key, "--json"});
  EXPECT_EQ(by_hash.code, 0) << by_hash.out << by_hash.err;
  EXPECT_THAT(by_hash.out, HasSubstr("\"what\":\"inclusion proof\",\"ok\":true"));
  EXPECT_THAT(by_hash.out, HasSubstr(Str("\"index\":2,\"checkpoints\":[{\"which\":\"checkpoint\",\"origin\":\"",
                                         kOrigin, "\",\"size\":4,\"root\":\"")));
  const Result wrong =
      RunPolku({"verify", proof, "--leaf-hash", std::string(64, 'a'), "--key", key, "--json"});
  EXPECT_EQ(wrong.code, 5);
  EXPECT_THAT(wrong.out, HasSubstr("{\"kind\":\"inclusion\""));
  EXPECT_THAT(wrong.out, HasSubstr("is not the right one"));
  EXPECT_EQ(RunPolku({"verify", proof, "--leaf-hash", "abc", "--key", key}).code, 3);
  EXPECT_EQ(RunPolku({"verify", proof, "--key", key}).code, 3);  // of which entry?
  EXPECT_EQ(RunPolku({"verify", proof, "--leaf", leaf}).code, 3);  // by which key?

  const auto origin = *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const auto other = proof::Signer::Generate("FI/ORG/1/x/y/witness", proof::KeyUse::kCosignature);
  const auto policy = [&](const std::vector<proof::VerifierKey>& witnesses, size_t k) {
    return dir_.Write(Str("policy-", witnesses.size(), "-", k),
                      proof::Policy::Format({origin}, witnesses, k));
  };
  const Result reached = RunPolku(
      {"verify", proof, "--leaf", leaf, "--policy", policy({witness_->verifier()}, 1)});
  EXPECT_EQ(reached.code, 0) << reached.out;
  EXPECT_THAT(reached.out, HasSubstr(Str("cosigned by ", kWitness)));
  const Result missed = RunPolku({"verify", proof, "--leaf", leaf, "--json", "--policy",
                                  policy({witness_->verifier(), other->verifier()}, 2)});
  EXPECT_EQ(missed.code, 5);
  EXPECT_THAT(missed.out, HasSubstr("{\"kind\":\"cosignature\""));
  EXPECT_THAT(missed.out, HasSubstr("quorum asks for (1 of its 2 do)"));
}

TEST_F(EvidenceTest, VerifyJudgesAPairAndHandsABundleOn) {
  const std::string key = dir_.At("keys/signing.public");
  const std::string pair = dir_.At("a.checkpoint-pair");
  ASSERT_EQ(Run({"prove", "--consistency", "--from", "3", "--to", "4", "--out", pair}).code, 0);
  const Result consistent = RunPolku({"verify", pair, "--key", key});
  EXPECT_EQ(consistent.code, 0) << consistent.out;
  EXPECT_THAT(consistent.out, HasSubstr("extends the older one"));
  const std::string foreign = dir_.Write(
      "foreign.public", Str(proof::Signer::Generate(kOrigin, proof::KeyUse::kCheckpoint)->verifier().Format(), "\n"));
  EXPECT_EQ(RunPolku({"verify", pair, "--key", foreign}).code, 5);
  const auto service = host::LoadServiceKeys(dir_.At("keys"), kOrigin);
  ASSERT_OK(service);
  const std::string forked = dir_.Write(
      "forked.note",
      service->signer->Sign({.origin = kOrigin, .size = Position(3), .root = Sha256("another")}));
  ASSERT_EQ(Run({"prove", "--consistency", "--old", forked, "--out", dir_.At("fork")}).code, 5);
  const Result fork = RunPolku({"verify", dir_.At("fork"), "--key", key, "--json"});
  EXPECT_EQ(fork.code, 5);
  EXPECT_THAT(fork.out, HasSubstr("{\"kind\":\"fork\""));
  EXPECT_THAT(fork.out, HasSubstr(Str("{\"which\":\"older\",\"origin\":\"", kOrigin, "\",\"size\":3,\"root\":\"",
                                      ToHex(Sha256("another").view()))));
  EXPECT_THAT(fork.out, HasSubstr(Str("{\"which\":\"newer\",\"origin\":\"", kOrigin, "\",\"size\":5")));

  const std::string bundle = dir_.At("case.json");
  ASSERT_EQ(Run({"bundle", "--case", kCase1, "--out", bundle}).code, 0);
  const Result taken = RunPolku({"verify", bundle});
  EXPECT_EQ(taken.code, 0) << taken.out << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("(bundle): verified by its own keys alone"));
  // Keys that are given are those it is judged by.
  const Result by_key = RunPolku({"verify", bundle, "--key", key});
  EXPECT_EQ(by_key.code, 0) << by_key.out;
  EXPECT_THAT(by_key.out, HasSubstr("(bundle): verified\n"));
  EXPECT_THAT(by_key.out, Not(HasSubstr("keys in the bundle itself")));
  const Result forged = RunPolku({"verify", bundle, "--key", foreign});
  EXPECT_EQ(forged.code, 5);
  EXPECT_THAT(forged.out, HasSubstr("1 PROBLEM\n"));
  EXPECT_EQ(RunPolku({"verify", bundle, "--key", foreign, "--json"}).code, 5);
  const auto origin = *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const std::string strict =
      dir_.Write("strict", proof::Policy::Format({origin}, {witness_->verifier()}, 1));
  EXPECT_EQ(RunPolku({"verify", bundle, "--policy", strict}).code, 5);
  // Several targets: the worst counts, each is told.
  const Result both = RunPolku({"verify", pair, dir_.At("fork"), "--key", key, "--json"});
  EXPECT_EQ(both.code, 5);
  EXPECT_THAT(both.out, HasSubstr("\"what\":\"checkpoint pair\",\"ok\":true"));
}

TEST_F(EvidenceTest, AKeptCheckpointSaysWhoSignedAndCosignedItWhen) {
  const std::string note = dir_.At("kept.note");
  ASSERT_EQ(Run({"prove", "--checkpoint", "--out", note}).code, 0);
  const auto origin = *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const std::string policy =
      dir_.Write("policy", proof::Policy::Format({origin}, {witness_->verifier()}, 1));
  const Result text = RunPolku({"verify", note, "--policy", policy});
  EXPECT_EQ(text.code, 0) << text.out << text.err;
  EXPECT_THAT(text.out, HasSubstr(Str("4 entries of ", kOrigin)));
  EXPECT_THAT(text.out, HasSubstr(Str("cosigned by ", kWitness, "  2025-03-0")));
  EXPECT_THAT(text.out, HasSubstr(" +02:00"));
  const Result json = RunPolku({"verify", note, "--policy", policy, "--json"});
  EXPECT_THAT(json.out, HasSubstr(Str("\"cosigned\":[{\"name\":\"", kWitness, "\",\"time\":\"2025-03-0")));
  const Result by_key = RunPolku({"verify", note, "--key", dir_.At("keys/signing.public")});
  EXPECT_EQ(by_key.code, 0) << by_key.out;
  EXPECT_THAT(by_key.out, HasSubstr("cosigned by none of the witnesses whose keys were given"));
  EXPECT_EQ(RunPolku({"verify", note}).code, 3);
  std::string altered = ReadAll(note);
  altered[altered.find("\n4\n") + 1] = '3';
  EXPECT_EQ(RunPolku({"verify", dir_.Write("altered.note", altered), "--policy", policy}).code, 5);
}

// Neither a damaged mark nor a damaged keystore keeps the logs from being judged.
TEST_F(EvidenceTest, DamageBesideTheLogsIsToldWithThem) {
  for (const char* mark : {"", "not a note\n"}) {
    dir_.Write("keys/high-water.note", mark);
    const Result result = Run({"verify", "--json"});
    EXPECT_EQ(result.code, 5);
    EXPECT_THAT(result.out, HasSubstr("{\"kind\":\"high-water\""));
    EXPECT_THAT(result.out, Not(HasSubstr("\"kind\":\"rollback\"")));
    EXPECT_THAT(result.out, HasSubstr("\"opened\":6"));
  }
  std::filesystem::remove(dir_.At("keys/high-water.note"));
  store_.reset();
  keys_.reset();
  size_t damaged = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir_.At("keystore"))) {
    const std::string extension = file.path().extension().string();
    if (extension != ".sst" && extension != ".log") continue;
    std::string bytes = ReadAll(file.path().string());
    if (bytes.size() < 40) continue;
    for (size_t i = 20; i < bytes.size(); i += 7) bytes[i] ^= 0x55;
    dir_.Write("keystore/" + file.path().filename().string(), bytes);
    ++damaged;
  }
  ASSERT_GT(damaged, 0u);
  const Result result = Run({"verify", "--json"});
  EXPECT_EQ(result.code, 5) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"entries\":5"));
  std::filesystem::remove_all(dir_.At("keystore"));
  const Result gone = Run({"verify"});
  EXPECT_EQ(gone.code, 3);
  EXPECT_THAT(gone.err, HasSubstr("--no-open"));
  EXPECT_EQ(Run({"verify", "--no-open"}).code, 0);
}

TEST_F(EvidenceTest, VerifyReadsAStoreWithAndWithoutItsConfiguration) {
  const std::string key = dir_.At("keys/signing.public");
  const auto origin = *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const std::string policy =
      dir_.Write("policy", proof::Policy::Format({origin}, {witness_->verifier()}, 1));
  for (const std::vector<std::string>& target :
       std::vector<std::vector<std::string>>{{"--data", dir_.At("data")}, {dir_.At("data")}}) {
    std::vector<std::string> arguments = {"verify", "--policy", policy};
    arguments.insert(arguments.end(), target.begin(), target.end());
    const Result result = RunPolku(arguments);
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("checkpoints  5 signatures and roots verified"));
    EXPECT_THAT(result.out, HasSubstr("1 other agency: FI/GOV/0245437-2/kela (1 cosignature)"));
    EXPECT_THAT(result.out, HasSubstr("quorum is not judged"));
    EXPECT_THAT(result.out, HasSubstr("no section is opened"));
  }
  const Result keyless = RunPolku({"verify", dir_.At("data")});
  EXPECT_EQ(keyless.code, 3);
  EXPECT_THAT(keyless.out, HasSubstr(Str("hashes agree; signatures NOT checked: no key of ", kOrigin, " given")));
  EXPECT_THAT(keyless.out, Not(HasSubstr("verified")));
  const Result machine = RunPolku({"verify", dir_.At("data"), "--json"});
  EXPECT_EQ(machine.code, 3);
  EXPECT_THAT(machine.out, HasSubstr("{\"ok\":false"));
  EXPECT_THAT(machine.out, HasSubstr(Str("\"signatures_not_checked\":[\"", kOrigin, "\"]")));
  const Result whole = Run({"verify", "--json"});
  EXPECT_EQ(whole.code, 0) << whole.out << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("\"sections\":6,\"opened\":6"));
  EXPECT_EQ(RunPolku({"verify", dir_.At("data"), "--key", key, "--policy", policy}).code, 2);
  EXPECT_EQ(RunPolku({"verify"}).code, 2);
  EXPECT_EQ(RunPolku({"verify", dir_.At("keys")}).code, 3);
  EXPECT_EQ(RunPolku({"verify", key}).code, 3);
}

// What `polku verify` says to do about a damaged export does it.
TEST_F(EvidenceTest, ExportingAgainMendsADamagedExport) {
  const std::string tiles = dir_.At("tiles");
  ASSERT_EQ(Run({"export", "--tlog", tiles}).code, 0);
  const std::string tile = tiles + "/tile/0/000.p/5";
  const std::string good = ReadAll(tile);
  std::string bad = good;
  std::swap_ranges(bad.begin() + 32, bad.begin() + 64, bad.begin() + 96);
  dir_.Write("tiles/tile/0/000.p/5", bad);
  const std::string key = dir_.At("keys/signing.public");
  const Result damaged = RunPolku({"verify", tiles, "--key", key});
  EXPECT_EQ(damaged.code, 5);
  for (const char* entry : {"position 1 ", "position 3 "}) EXPECT_THAT(damaged.out, HasSubstr(entry));
  EXPECT_THAT(damaged.out, Not(HasSubstr("signatures and roots verified")));
  const Result again = Run({"export", "--tlog", tiles});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("1 file of an earlier export had been damaged"));
  EXPECT_EQ(ReadAll(tile), good);
  EXPECT_EQ(RunPolku({"verify", tiles, "--key", key}).code, 0);
  EXPECT_THAT(Run({"export", "--tlog", tiles, "--json"}).out,
              HasSubstr("\"tiles_written\":0,\"bundles_written\":0,\"bundles_left_out\":0,\"repaired\":0"));
}

TEST_F(EvidenceTest, AnExportIsJudgedByItsPolicysQuorum) {
  const std::string tiles = dir_.At("tiles");
  ASSERT_EQ(Run({"export", "--tlog", tiles}).code, 0);
  const auto origin = *proof::VerifierKey::Parse(vkey_, proof::KeyUse::kCheckpoint);
  const auto policy = [&](size_t k) {
    return dir_.Write(Str("policy", k), proof::Policy::Format({origin}, {witness_->verifier()}, k));
  };
  EXPECT_EQ(RunPolku({"verify", tiles, "--policy", policy(0)}).code, 0);
  const Result missed = RunPolku({"verify", tiles, "--policy", policy(1), "--json"});
  EXPECT_EQ(missed.code, 5);  // Kela cosigned an earlier size
  EXPECT_THAT(missed.out, HasSubstr("{\"kind\":\"cosignature\""));
  const Result alone = RunPolku({"verify", tiles});
  EXPECT_EQ(alone.code, 0);
  EXPECT_THAT(alone.out, HasSubstr("verified by the export's own log.pub alone"));
  EXPECT_THAT(alone.out, Not(HasSubstr("NO KEY")));
  const std::string note = ReadAll(tiles + "/checkpoint");
  std::string windows;
  for (const char c : note) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  dir_.Write("tiles/checkpoint", windows);
  const Result broken = RunPolku({"verify", tiles, "--policy", policy(0)});
  EXPECT_EQ(broken.code, 5);
  EXPECT_THAT(broken.out, HasSubstr("  checkpoint"));
  dir_.Write("tiles/checkpoint", note);
  dir_.Write("tiles/log.pub", "?\n");
  EXPECT_EQ(RunPolku({"verify", tiles, "--policy", policy(0)}).code, 5);
}

}  // namespace
}  // namespace polku::cli
