#include "services/host/config.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/keys.h"
#include "tests/support/status_matchers.h"

namespace polku::host {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr std::string_view kOwn = "FI/MUN/0187690-1/oulu";
constexpr std::string_view kKela = "FI/GOV/0246246-0/kela";

// What the files of a good configuration say; a test spoils one part.
struct Files {
  std::string service;
  std::string agreement;
  std::string profile;
};

// Replaces the one place where `from` stands.
void Replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  ASSERT_EQ(text.find(from, at + 1), std::string::npos) << from << " stands twice";
  text.replace(at, from.size(), to);
}

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "polku-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directory(root_ + "/etc");
    good_.service = Str(R"(
      origin: "FI/MUN/0187690-1/oulu/referral/1"
      listen: "tcp://127.0.0.1:7410"
      data_directory: "data"
      keystore_directory: "../keystore"
      keys_directory: "/absolute/keys"
      agreement_file: "agreement.textproto"
      profile_file: "../profile.textproto"
      peers {
        origin: "FI/GOV/0246246-0/kela/compensation/1" address: "tcp://kela.example:7411"
        curve_key: ")", peer_curve_, R"("
        signing_key: ")", signer_->verifier().Format(), R"("
      }
      principals { agency: "FI/GOV/0246246-0/kela" curve_key: ")", author_curve_, R"("
        rights: RIGHT_PUBLISH rights: RIGHT_OPERATE }
      principals { agency: "FI/MUN/0187690-1/oulu" curve_key: ")", peer_curve_, R"("
        rights: RIGHT_REPLICATE rights: RIGHT_MIRROR }
      witnesses { agency: "FI/GOV/0246246-0/kela" cosigning_key: ")", witness_, R"(" }
      verify_every_hours: 6
      limits { cached_cases: 5 replication_credit_bytes: 2097152 block_cache_bytes: 1048576 }
      business_date: "2025-03-31")");
    good_.agreement = R"(
      name: "demo"
      agencies { name: "FI/MUN/0187690-1/oulu" roles: AGENCY_ROLE_EMPLOYMENT_SERVICES }
      agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_BENEFIT_PAYER }
      sharings {
        publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*"
        sections: SECTION_KIND_SERVICE legal_basis: "189/2001" })";
    good_.profile = R"(
      name: "oulu"
      rates { id: "rate" version: "1" source: "[s] x" valid_until: "2025-12-31" kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE cents_per_day: 900 }
      rates { id: "rate" version: "2" source: "[s] x" valid_from: "2026-01-01" kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE cents_per_day: 950 }
      feedback { id: "client" version: "1" source: "[s] x" started_until: "2014-12-31" giver: ACTOR_ROLE_CLIENT }
      feedback { id: "client" version: "2" source: "[s] x" started_from: "2015-01-01" giver: ACTOR_ROLE_CLIENT })";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream file(Str(root_, "/", name), std::ios::trunc);
    file << text;
    ASSERT_TRUE(file.good());
  }
  absl::StatusOr<Config> Load(const Files& files, std::string_view service = "referral") {
    Write("etc/service.textproto", files.service);
    Write("etc/agreement.textproto", files.agreement);
    Write("profile.textproto", files.profile);
    return LoadConfig(root_ + "/etc/service.textproto", service);
  }

  std::string root_;
  const std::string peer_curve_ = zeromq::FormatCurveKey(zeromq::NewCurveKeyPair().public_key);
  const std::string author_curve_ = zeromq::FormatCurveKey(zeromq::NewCurveKeyPair().public_key);
  const std::string witness_ =
      proof::Signer::Generate(Str(kKela, "/compensation/witness"), proof::KeyUse::kCosignature)
          ->verifier()
          .Format();
  const std::unique_ptr<proof::Signer> signer_ =
      proof::Signer::Generate(Str(kKela, "/compensation/1"), proof::KeyUse::kCheckpoint);
  Files good_;
};

TEST_F(ConfigTest, AGoodConfigurationLoadsWithPathsRelativeToItsFile) {
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  EXPECT_EQ(config.origin.text(), Str(kOwn, "/referral/1"));
  EXPECT_EQ(config.listen, "tcp://127.0.0.1:7410");
  EXPECT_EQ(config.data_directory, root_ + "/etc/data");
  EXPECT_EQ(config.keystore_directory, root_ + "/keystore");
  EXPECT_EQ(config.keys_directory, "/absolute/keys");
  EXPECT_EQ(config.agreement.name(), "demo");
  EXPECT_EQ(config.profile.name(), "oulu");
  ASSERT_EQ(config.peers.size(), 1u);
  EXPECT_EQ(config.peers[0].origin.text(), Str(kKela, "/compensation/1"));
  EXPECT_EQ(config.peers[0].address, "tcp://kela.example:7411");
  EXPECT_EQ(zeromq::FormatCurveKey(config.peers[0].curve_key), peer_curve_);
  EXPECT_EQ(config.peers[0].signing_key.Format(), signer_->verifier().Format());
  ASSERT_EQ(config.principals.size(), 2u);
  const PrincipalConfig& author = config.principals.at(*zeromq::ParseCurveKey(author_curve_));
  EXPECT_EQ(author.agency, kKela);
  EXPECT_TRUE(author.may_publish);
  EXPECT_FALSE(author.may_replicate);
  EXPECT_TRUE(author.may_operate);
  const PrincipalConfig& reader = config.principals.at(*zeromq::ParseCurveKey(peer_curve_));
  EXPECT_EQ(reader.agency, kOwn);
  EXPECT_FALSE(reader.may_publish);
  EXPECT_TRUE(reader.may_replicate);
  EXPECT_FALSE(reader.may_operate);
  EXPECT_TRUE(reader.may_mirror);
  EXPECT_FALSE(author.may_mirror);
  ASSERT_EQ(config.witnesses.size(), 1u);
  EXPECT_EQ(config.witnesses[0].agency, kKela);
  EXPECT_EQ(config.witnesses[0].key.Format(), witness_);
  EXPECT_EQ(config.verify_every, absl::Hours(6));
  EXPECT_FALSE(config.peers[0].mirror);
  EXPECT_EQ(config.cached_cases, 5u);
  EXPECT_EQ(config.replication_credit_bytes, 2'097'152u);
  EXPECT_EQ(config.block_cache_bytes, 1'048'576u);
  EXPECT_EQ(config.business_date, absl::CivilDay(2025, 3, 31));
}

TEST_F(ConfigTest, WhatIsLeftOutHasTheDefaultsOfItsComments) {
  Replace(good_.service, "limits { cached_cases: 5 replication_credit_bytes: 2097152 block_cache_bytes: 1048576 }", "");
  Replace(good_.service, "business_date: \"2025-03-31\"", "");
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_, ""));
  EXPECT_EQ(config.cached_cases, 20'000u);
  EXPECT_EQ(config.replication_credit_bytes, 8u << 20);
  EXPECT_EQ(config.block_cache_bytes, 64u << 20);
  EXPECT_FALSE(config.business_date.has_value());
}

TEST_F(ConfigTest, VerificationIsDailyAndAnAuditServicesWithoutAPause) {
  Replace(good_.service, "verify_every_hours: 6", "");
  ASSERT_OK_AND_ASSIGN(const Config daily, Load(good_));
  EXPECT_EQ(daily.verify_every, absl::Hours(24));
  Replace(good_.service, "origin: \"FI/MUN/0187690-1/oulu/referral/1\"\n",
          "origin: \"FI/MUN/0187690-1/oulu/audit/1\"\n");
  ASSERT_OK_AND_ASSIGN(const Config audit, Load(good_, "audit"));
  EXPECT_EQ(audit.verify_every, absl::ZeroDuration());
}

TEST_F(ConfigTest, KeysOfLogsThatAreFollowedNoMoreAreKnownBesideThePeers) {
  const auto earlier = proof::Signer::Generate(Str(kOwn, "/referral/7"), proof::KeyUse::kCheckpoint);
  Replace(good_.service, "verify_every_hours: 6",
          Str("earlier_signing_keys: \"", earlier->verifier().Format(), "\""));
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  const auto keys = config.OtherLogKeys();
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys.at(Str(kOwn, "/referral/7")).key(), earlier->verifier().key());
  EXPECT_EQ(keys.at(Str(kKela, "/compensation/1")).key(), signer_->verifier().key());
}

TEST_F(ConfigTest, APeerMayBeMirroredAndAServiceOfTheOwnAgencyMayBeAWitness) {
  Replace(good_.service, "address: \"tcp://kela.example:7411\"",
          "mirror: true address: \"tcp://kela.example:7411\"");
  const std::string own =
      proof::Signer::Generate(Str(kOwn, "/attendance/witness"), proof::KeyUse::kCosignature)
          ->verifier()
          .Format();
  Replace(good_.service, "verify_every_hours: 6",
          Str("witnesses { agency: \"", kOwn, "\" cosigning_key: \"", own, "\" }"));
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  EXPECT_TRUE(config.peers[0].mirror);
  EXPECT_EQ(config.witnesses.size(), 2u);
}

TEST_F(ConfigTest, EveryMistakeIsRefusedWithFileFieldAndRemedy) {
  struct Mistake {
    std::string Files::* file;
    std::string from, to;
    std::vector<std::string> told;
  };
  std::string Files::* const service = &Files::service;
  std::string Files::* const agreement = &Files::agreement;
  std::string Files::* const profile = &Files::profile;
  const std::string peer_key = Str("address: \"tcp://kela.example:7411\"\n        curve_key: \"", peer_curve_, "\"");
  const std::string vkey = signer_->verifier().Format();
  const std::string other_vkey =
      proof::Signer::Generate(Str(kKela, "/compensation/2"), proof::KeyUse::kCheckpoint)->verifier().Format();
  const std::string second_peer = Str(R"(peers {
        origin: "FI/GOV/0246246-0/kela/compensation/1" address: "tcp://x:1"
        curve_key: ")", peer_curve_, R"(" signing_key: ")", vkey, R"(" } business_date)");
  const auto cosigning = [](std::string_view name, proof::KeyUse use) {
    return proof::Signer::Generate(std::string(name), use)->verifier().Format();
  };
  const std::string self = cosigning(Str(kOwn, "/referral/witness"), proof::KeyUse::kCosignature);
  // The same Ed25519 key, called otherwise.
  const auto one_key = proof::VerifierKey::Parse(witness_, proof::KeyUse::kCosignature);
  ASSERT_OK(one_key);
  const std::string under_another_name =
      proof::VerifierKey(Str(kKela, "/audit/witness"), one_key->key(), proof::KeyUse::kCosignature)
          .Format();
  const std::string witness_line =
      Str("witnesses { agency: \"FI/GOV/0246246-0/kela\" cosigning_key: \"", witness_, "\" }");
  const auto witness = [](std::string_view agency, std::string_view key) {
    return Str("witnesses { agency: \"", agency, "\" cosigning_key: \"", key, "\" }");
  };
  const std::vector<Mistake> mistakes = {
      // The file itself.
      {service, "listen:", "lissten:", {"service.textproto:3:", "lissten", "ServiceConfig"}},
      {service, "data_directory: \"data\"", "data_directory: data", {"service.textproto:4:"}},
      {service, "business_date", "\xff", {"service.textproto"}},
      {agreement, "name: \"demo\"", "nmae: \"demo\"", {"agreement.textproto:2:", "Agreement"}},
      {profile, "name: \"oulu\"", "name: 5", {"profile.textproto:2:", "Profile"}},
      // Origin.
      {service, "oulu/referral/1\"\n", "oulu/referral/0\"\n", {"service.textproto", "origin"}},
      {service, "origin: \"FI/MUN/0187690-1/oulu/referral/1\"\n", "\n", {"service.textproto", "origin"}},
      {service, "FI/MUN/0187690-1/oulu/referral/1", "FI/MUN/0187690-2/oulu/referral/1", {"origin"}},
      {service, "oulu/referral/1", "oulu/attendance/1", {"origin", "attendance", "referral"}},
      // Endpoints.
      {service, "tcp://127.0.0.1:7410", "127.0.0.1:7410", {"listen", "tcp://host:port"}},
      {service, "tcp://127.0.0.1:7410", "tcp://127.0.0.1", {"listen"}},
      {service, "tcp://127.0.0.1:7410", "tcp://127.0.0.1:", {"listen"}},
      {service, "tcp://127.0.0.1:7410", "tcp://:7410", {"listen"}},
      {service, "tcp://127.0.0.1:7410", "tcp://127.0.0.1:port", {"listen"}},
      {service, "tcp://127.0.0.1:7410", "tcp://127.0.0.1:65536", {"listen"}},
      {service, "tcp://127.0.0.1:7410", "tcp://127.0.0.1:-1", {"listen"}},
      {service, "tcp://127.0.0.1:7410", "ipc:///tmp/x:1", {"listen"}},
      {service, "listen: \"tcp://127.0.0.1:7410\"", "", {"listen"}},
      {service, "tcp://kela.example:7411", "tcp://kela.example:0", {"peers[0].address"}},
      {service, "tcp://kela.example:7411", "", {"peers[0].address"}},
      // Directories.
      {service, "data_directory: \"data\"", "", {"data_directory", "missing"}},
      {service, "keystore_directory: \"../keystore\"", "", {"keystore_directory", "missing"}},
      {service, "keys_directory: \"/absolute/keys\"", "", {"keys_directory", "missing"}},
      {service, "\"../keystore\"", "\"data\"", {"keystore_directory", "apart"}},
      {service, "\"../keystore\"", "\"./x/../data/\"", {"keystore_directory", "apart"}},
      {service, "\"/absolute/keys\"", "\"data\"", {"keys_directory"}},
      {service, "\"/absolute/keys\"", "\"../keystore/\"", {"keys_directory"}},
      // Agreement.
      {service, "agreement_file: \"agreement.textproto\"", "", {"agreement_file", "missing"}},
      {agreement, "FI/MUN/0187690-1/oulu", "FI/MUN/0187690-1/espoo", {"agreement_file", "FI/MUN/0187690-1/oulu"}},
      {agreement, "name: \"FI/MUN/0187690-1/oulu\"", "name: \"Oulu\"", {"agreement.textproto"}},
      {agreement, "name: \"FI/MUN/0187690-1/oulu\"", "name: \"FI/GOV/0246246-0/kela\"", {"agreement.textproto", "twice"}},
      {agreement, "roles: AGENCY_ROLE_BENEFIT_PAYER", "", {"agreement.textproto", "kela", "role"}},
      {agreement, "roles: AGENCY_ROLE_BENEFIT_PAYER", "roles: AGENCY_ROLE_UNSPECIFIED", {"kela", "role"}},
      {agreement, "roles: AGENCY_ROLE_BENEFIT_PAYER", "roles: 99", {"kela", "role"}},
      {agreement, "publishers: \"*\"", "", {"agreement.textproto", "sharings[0]", "publishers"}},
      {agreement, "receivers: \"FI/GOV/0246246-0/kela\"", "", {"sharings[0]", "receivers"}},
      {agreement, "types: \"polku.*\"", "", {"sharings[0]", "types"}},
      {agreement, "legal_basis: \"189/2001\"", "", {"sharings[0]", "legal_basis"}},
      {agreement, "publishers: \"*\"", "publishers: \"FI/ORG/x/y\"", {"sharings[0]", "publisher FI/ORG/x/y"}},
      {agreement, "receivers: \"FI/GOV/0246246-0/kela\"", "receivers: \"FI/ORG/x/y\"", {"sharings[0]", "receiver FI/ORG/x/y"}},
      {agreement, "receivers: \"FI/GOV/0246246-0/kela\"", "receivers: \"*\"", {"sharings[0]", "receiver *"}},
      {agreement, "SECTION_KIND_SERVICE", "SECTION_KIND_UNSPECIFIED", {"sharings[0]", "section"}},
      {agreement, "SECTION_KIND_SERVICE", "77", {"sharings[0]", "section 77"}},
      {agreement, "types: \"polku.*\"", "types: \"polku.attendence.*\"", {"sharings[0]", "polku.attendence.*"}},
      {agreement, "legal_basis: \"189/2001\"", "legal_basis: \"x\" valid_from: \"1.1.2025\"", {"sharings[0]", "valid_from"}},
      {agreement, "legal_basis: \"189/2001\" }", "legal_basis: \"x\" } party_rules { type: \"x\" field: \"y\" }", {"party_rules[0]"}},
      // Keys that speak for one official, publish some types, erase.
      {service, "rights: RIGHT_OPERATE", "rights: RIGHT_ERASE", {"principals[0]", "official"}},
      {service, "rights: RIGHT_OPERATE", "rights: RIGHT_ERASE official: \"arkisto-1\"", {"principals[0]", "RIGHT_ERASE", std::string(kOwn)}},
      {service, "rights: RIGHT_OPERATE", "official: \"Aino Korhola\"", {"principals[0]", "pseudonym"}},
      {service, "rights: RIGHT_OPERATE", "official: \"180576-918V\"", {"principals[0]", "pseudonym"}},
      {service, "rights: RIGHT_OPERATE", Str("official: \"", std::string(65, 'o'), "\""), {"principals[0]", "64"}},
      {service, "rights: RIGHT_OPERATE", "types: \"DayRecorded\"", {"principals[0]", "DayRecorded"}},
      {service, "verify_every_hours: 6", "keystore_backup_days: 3651", {"keystore_backup_days", "3650"}},
      // Profile.
      {service, "profile_file: \"../profile.textproto\"", "", {"profile_file", "missing"}},
      {profile, "valid_until: \"2025-12-31\"", "valid_until: \"31.12.2025\"", {"profile.textproto", "rates[0]", "valid_until"}},
      {profile, "valid_until: \"2025-12-31\"", "valid_until: \"2025-02-30\"", {"rates[0]", "valid_until"}},
      {profile, "started_from: \"2015-01-01\"", "started_from: \"2015\"", {"feedback[1]", "started_from"}},
      {profile, "valid_from: \"2026-01-01\"", "valid_from: \"2026-01-01\" valid_until: \"2025-12-31\"", {"rates[1]", "before"}},
      {profile, "valid_from: \"2026-01-01\"", "valid_from: \"2025-12-31\"", {"rates[1]", "same days"}},
      {profile, "valid_from: \"2026-01-01\"", "", {"rates[1]", "same days"}},
      {profile, "started_from: \"2015-01-01\"", "started_from: \"2014-12-31\"", {"feedback[1]", "same days"}},
      {profile, "version: \"2\" source: \"[s] x\" valid_from", "version: \"1\" source: \"[s] x\" valid_from", {"rates[1]", "twice"}},
      {profile, "id: \"rate\" version: \"2\"", "version: \"2\"", {"rates[1]", "id"}},
      {profile, "id: \"rate\" version: \"2\"", "id: \"rate\"", {"rates[1]", "version"}},
      {profile, "source: \"[s] x\" valid_from", "valid_from", {"rates[1]", "source"}},
      {profile, "name: \"oulu\"", "name: \"oulu\" alerts { id: \"a\" version: \"1\" source: \"[k] x\" after_days: 7 }", {"alerts[0]", "kind is missing"}},
      {profile, "name: \"oulu\"", "name: \"oulu\" alerts { id: \"a\" version: \"1\" source: \"[k] x\" kind: ALERT_KIND_DAY_NOT_RECORDED days_before: 7 }", {"alerts[0]", "after_days"}},
      {profile, "name: \"oulu\"", "name: \"oulu\" alerts { id: \"a\" version: \"1\" source: \"[k] x\" kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON after_days: 7 }", {"alerts[0]", "days_before"}},
      // Peers.
      {service, "origin: \"FI/GOV/0246246-0/kela/compensation/1\"", "origin: \"FI/GOV/0246246-0/kela/compensation\"", {"peers[0]"}},
      {service, "origin: \"FI/GOV/0246246-0/kela/compensation/1\"", "origin: \"FI/MUN/0187690-1/oulu/referral/1\"", {"peers[0]", "itself"}},
      {service, "business_date", second_peer, {"peers[1]", "twice"}},
      {service, peer_key, "address: \"tcp://kela.example:7411\" curve_key: \"short\"", {"peers[0]", "curve_key", "curve.public"}},
      {service, peer_key, "address: \"tcp://kela.example:7411\"", {"peers[0]", "curve_key"}},
      {service, vkey, vkey.substr(1), {"peers[0]", "signing_key"}},
      {service, vkey, "", {"peers[0]", "signing_key"}},
      {service, vkey, other_vkey, {"peers[0]", "signing_key", "compensation/2", "compensation/1"}},
      // Principals.
      {service, "principals { agency: \"FI/GOV/0246246-0/kela\"", "principals { agency: \"kela\"", {"principals[0]"}},
      {service, "principals { agency: \"FI/GOV/0246246-0/kela\"", "principals { ", {"principals[0]"}},
      {service, author_curve_, "", {"principals[0]", "curve_key"}},
      {service, author_curve_, peer_curve_, {"principals[1]", "twice"}},
      {service, "rights: RIGHT_REPLICATE rights: RIGHT_MIRROR", "", {"principals[1]", "rights"}},
      {service, "rights: RIGHT_REPLICATE", "rights: RIGHT_UNSPECIFIED", {"principals[1]", "right 0"}},
      {service, "rights: RIGHT_REPLICATE", "rights: 9", {"principals[1]", "right 9"}},
      // Witnesses.
      {service, witness_line, witness("kela", witness_), {"witnesses[0]"}},
      {service, witness_line, witness(kKela, ""), {"witnesses[0]", "cosigning.public"}},
      {service, witness_line, witness(kKela, witness_.substr(1)), {"witnesses[0]", "cosigning_key"}},
      {service, witness_line, witness(kKela, vkey), {"witnesses[0]", "cosigning_key"}},
      {service, witness_line, witness(kOwn, witness_), {"witnesses[0]", "compensation/witness", "FI/MUN/0187690-1/oulu"}},
      {service, witness_line, witness(kKela, cosigning(Str(kKela, "/witness"), proof::KeyUse::kCosignature)), {"witnesses[0]", "AGENCY/SERVICE/witness"}},
      {service, witness_line, witness(kKela, cosigning(Str(kKela, "/a/b/witness"), proof::KeyUse::kCosignature)), {"witnesses[0]"}},
      {service, witness_line, witness(kKela, cosigning(Str(kKela, "/compensation/1"), proof::KeyUse::kCosignature)), {"witnesses[0]"}},
      {service, witness_line, witness(kOwn, self), {"witnesses[0]", "itself"}},
      {service, "verify_every_hours: 6", "earlier_signing_keys: \"x\"", {"earlier_signing_keys[0]", "signing.public"}},
      {service, "verify_every_hours: 6", Str("earlier_signing_keys: \"", vkey, "\""), {"earlier_signing_keys[0]", "already"}},
      {service, "verify_every_hours: 6", Str("earlier_signing_keys: \"", cosigning("kela/1", proof::KeyUse::kCheckpoint), "\""), {"earlier_signing_keys[0]"}},
      {service, "verify_every_hours: 6", witness_line, {"witnesses[1]", "twice"}},
      {service, "verify_every_hours: 6", witness(kKela, cosigning(Str(kKela, "/compensation/witness"), proof::KeyUse::kCosignature)), {"witnesses[1]", "twice", "old key"}},
      {service, "verify_every_hours: 6", witness(kKela, under_another_name), {"witnesses[1]", "compensation/witness", "another name"}},
      // The rest.
      {service, "2025-03-31", "2025-3-31", {"business_date", "2025-03-31"}},
      {service, "2025-03-31", "2025-02-29", {"business_date"}},
      {service, "replication_credit_bytes: 2097152", "replication_credit_bytes: 1048575", {"limits.replication_credit_bytes", "1048576"}},
  };
  ASSERT_THAT(Load(good_), IsOk());
  for (const Mistake& mistake : mistakes) {
    Files files = good_;
    Replace(files.*mistake.file, mistake.from, mistake.to);
    if (HasFatalFailure()) return;
    const auto loaded = Load(files);
    EXPECT_THAT(loaded, StatusIs(kInvalid)) << mistake.from << " → " << mistake.to;
    const std::string message(loaded.status().message());
    EXPECT_THAT(message, HasSubstr(".textproto")) << "no file is named";
    for (const std::string& part : mistake.told) {
      EXPECT_THAT(message, HasSubstr(part)) << mistake.from << " → " << mistake.to;
    }
  }
}

TEST_F(ConfigTest, AListenerMayLeaveThePortToTheSystem) {
  Replace(good_.service, "tcp://127.0.0.1:7410", "tcp://127.0.0.1:0");
  EXPECT_THAT(Load(good_), IsOk());
}

TEST_F(ConfigTest, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(LoadConfig(root_ + "/etc/no.textproto", "referral"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no.textproto")));
  Replace(good_.service, "agreement_file: \"agreement.textproto\"", "agreement_file: \"gone\"");
  EXPECT_THAT(Load(good_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(root_ + "/etc/gone")));
  Replace(good_.service, "agreement_file: \"gone\"", "agreement_file: \"agreement.textproto\"");
  Replace(good_.service, "\"../profile.textproto\"", "\"none\"");
  EXPECT_THAT(Load(good_), StatusIs(absl::StatusCode::kNotFound, HasSubstr(root_ + "/etc/none")));
}

TEST_F(ConfigTest, AFileThatIsFarTooLargeIsRefusedBeforeItIsParsed) {
  good_.agreement += std::string(5 << 20, '#');
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, HasSubstr("agreement.textproto")));
}

TEST_F(ConfigTest, AnEmptyAgreementIsRefused) {
  good_.agreement = "name: 'empty'";
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, AllOf(HasSubstr("agreement.textproto"), HasSubstr("agencies"))));
}

TEST_F(ConfigTest, AgreementFilesAreJoinedInTheirOrderAndCheckedAsAWhole) {
  Replace(good_.service, "agreement_file: \"agreement.textproto\"",
          "agreement_file: \"roles.textproto\" agreement_file: \"agreement.textproto\"");
  Write("etc/roles.textproto", R"(
      name: "roles"
      publishings { author_roles: AGENCY_ROLE_EMPLOYMENT_SERVICES types: "polku.referral.*" legal_basis: "x" }
      party_rules { type: "polku.referral.v1.ReferralMade" field: "target_agency" })");
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  EXPECT_EQ(config.agreement.name(), "demo") << "the last file's";
  EXPECT_EQ(config.agreement.agencies_size(), 2);
  EXPECT_EQ(config.agreement.publishings_size(), 1);
  EXPECT_EQ(config.agreement.party_rules_size(), 1);
  EXPECT_EQ(config.agreement.sharings_size(), 1);
  // A fault of the whole names the files; one of a file's own text that file and its line.
  Write("etc/roles.textproto", "party_rules { type: 'polku.referral.v1.ReferralMade' field: 'target_agency' }");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, AllOf(HasSubstr("roles.textproto + "), HasSubstr("agreement.textproto: "),
                                                    HasSubstr("party_rules[0]"))));
  Write("etc/roles.textproto", "\npublishing {}");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, HasSubstr("roles.textproto:2:")));
}

TEST_F(ConfigTest, AKeyMaySpeakForOneOfficialAloneEraseAndPublishSomeTypes) {
  Replace(good_.service, "rights: RIGHT_REPLICATE rights: RIGHT_MIRROR",
          "rights: RIGHT_ERASE rights: RIGHT_PUBLISH official: \"arkisto-1\" types: \"polku.access.v1.Erasure*\"");
  Replace(good_.service, "verify_every_hours: 6", "keystore_backup_days: 35");
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  const PrincipalConfig& eraser = config.principals.at(*zeromq::ParseCurveKey(peer_curve_));
  EXPECT_TRUE(eraser.may_erase);
  EXPECT_EQ(eraser.official, "arkisto-1");
  EXPECT_THAT(eraser.types, ::testing::ElementsAre("polku.access.v1.Erasure*"));
  const PrincipalConfig& author = config.principals.at(*zeromq::ParseCurveKey(author_curve_));
  EXPECT_FALSE(author.may_erase);
  EXPECT_EQ(author.official, "");
  EXPECT_TRUE(author.types.empty());
  EXPECT_EQ(config.keystore_backup_days, 35u);
}

TEST_F(ConfigTest, TheShippedAgreementsAndProfileAreGood) {
  const char* source = std::getenv("POLKU_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "set POLKU_SOURCE_DIR to the repository";
  std::stringstream agreement;
  agreement << std::ifstream(Str(source, "/deploy/demo/agreement.textproto")).rdbuf();
  good_.agreement = agreement.str();
  Replace(good_.service, "profile_file: \"../profile.textproto\"",
          Str("profile_file: \"", source, "/deploy/profiles/suomi.textproto\" ",
              "profile_file: \"", source, "/deploy/profiles/kuntouttava.textproto\" ",
              "profile_file: \"", source, "/deploy/profiles/oulu.textproto\""));
  Replace(good_.service, "agreement_file: \"agreement.textproto\"",
          Str("agreement_file: \"", source, "/deploy/agreements/taulukko-1.textproto\" ",
              "agreement_file: \"", source, "/deploy/agreements/osapuolet.textproto\" ",
              "agreement_file: \"agreement.textproto\""));
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  EXPECT_EQ(config.agreement.name(), "oulu-demo");
  EXPECT_GT(config.agreement.publishings_size(), 20);
  EXPECT_EQ(config.profile.name(), "oulu") << "the last file's";
  EXPECT_GT(config.profile.rates_size(), 0) << "the country's";
  EXPECT_GT(config.profile.travel_size(), 0) << "the region's";
}

TEST_F(ConfigTest, EveryShippedProfileIsGoodBehindWhatItBuildsOn) {
  const char* source = std::getenv("POLKU_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "set POLKU_SOURCE_DIR to the repository";
  const std::string directory = Str(source, "/deploy/profiles/");
  const std::string suomi = directory + "suomi.textproto";
  const std::string law = directory + "kuntouttava.textproto";
  int regions = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    const std::string path = file.path().string();
    if (file.path().extension() != ".textproto" || path == suomi || path == law) continue;
    ++regions;
    // Of rehabilitative work activity by law or not; without what it builds on never.
    ASSERT_OK_AND_ASSIGN(const auto files, ProfileFiles(path));
    EXPECT_THAT(files, AnyOf(ElementsAre(suomi, law, path), ElementsAre(suomi, path)));
    EXPECT_OK(LoadProfile(files)) << path;
    EXPECT_THAT(LoadProfile({path}), StatusIs(kInvalid, HasSubstr("needs"))) << path;
  }
  EXPECT_GE(regions, 12);
}

TEST_F(ConfigTest, ProfilesThatNeedEachOtherAreRefused) {
  Write("etc/one.textproto", "name: \"one\" needs: \"other\"");
  Write("etc/other.textproto", "name: \"other\" needs: \"one\"");
  EXPECT_THAT(ProfileFiles(root_ + "/etc/one.textproto"), StatusIs(kInvalid, HasSubstr("circle")));
}

TEST_F(ConfigTest, ProfileFilesAreJoinedInTheirOrderAndCheckedAsAWhole) {
  Replace(good_.service, "profile_file: \"../profile.textproto\"",
          "profile_file: \"land.textproto\" profile_file: \"../profile.textproto\"");
  Write("etc/land.textproto", R"(
      name: "land"
      intensities { id: "days" version: "1" source: "[p] x" max_days_per_week: 4 })");
  good_.profile += "\nneeds: \"land\"";
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  EXPECT_EQ(config.profile.name(), "oulu") << "the last file's";
  EXPECT_EQ(config.profile.intensities_size(), 1);
  EXPECT_EQ(config.profile.rates_size(), 2);
  // Two files that say the same matter are told, whatever they call it: the first found would hold, silently.
  Write("etc/land.textproto", R"(
      name: "land"
      rates { id: "expense_allowance" version: "1" source: "[p] x" kind: ALLOWANCE_KIND_EXPENSE_ALLOWANCE cents_per_day: 800 })");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, AllOf(HasSubstr("/profile.textproto: rates[0] (rate): "), HasSubstr("land.textproto"),
                                                    HasSubstr("expense_allowance"), HasSubstr("same matter"))));
  // A wrong value is told where it stands, counted in its own file.
  Write("etc/land.textproto", R"(
      name: "land"
      rates { id: "activity" version: "1" source: "[p] x" kind: ALLOWANCE_KIND_ACTIVITY_MONEY cents_per_day: 800 })");
  EXPECT_OK(Load(good_));
  Replace(good_.profile, "cents_per_day: 950", "cents_per_day: -950");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, HasSubstr("/profile.textproto: rates[1] (rate): cents_per_day")));
  Replace(good_.profile, "cents_per_day: -950", "cents_per_day: 950");
  Write("etc/land.textproto", "\nrate {}");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, HasSubstr("land.textproto:2:")));
}

TEST_F(ConfigTest, ARuleIsNamedOnceAndInAllThreeLanguages) {
  const std::string profile = good_.profile;
  good_.profile = profile + "\nrule_names { rule_id: 'expense_allowance' finnish: 'a' swedish: 'b' english: 'c' }";
  ASSERT_OK_AND_ASSIGN(const Config config, Load(good_));
  EXPECT_EQ(config.profile.rule_names_size(), 1);
  const auto refused = [&](const std::string& names, const std::string& why) {
    good_.profile = profile + "\n" + names;
    EXPECT_THAT(Load(good_), StatusIs(kInvalid, AllOf(HasSubstr("rule_names["), HasSubstr(why)))) << names;
  };
  refused("rule_names { finnish: 'a' swedish: 'b' english: 'c' }", "rule_id");
  refused("rule_names { rule_id: 'x' finnish: 'a' english: 'c' }", "swedish");
  refused("rule_names { rule_id: 'x' finnish: 'a' swedish: 'b' english: 'c' }\n"
          "rule_names { rule_id: 'x' finnish: 'd' swedish: 'e' english: 'f' }", "named twice");
}

// Each value that would be acted on for ever, in the words of whoever mistypes it; beside each what is right.
TEST_F(ConfigTest, AWrongValueOfARuleIsRefusedWithItsField) {
  struct Value {
    const char* list;
    const char* wrong;
    const char* told;
    const char* right;
  };
  const std::vector<Value> values = {
      {"plans", "kind: PLAN_KIND_ACTIVATION", "signers", "kind: PLAN_KIND_ACTIVATION signers: ACTOR_ROLE_CLIENT"},
      {"plans", "kind: PLAN_KIND_ACTIVATION signers: ACTOR_ROLE_CLIENT signers: ACTOR_ROLE_CLIENT", "signers", ""},
      {"agreements", "min_months: 24 max_months: 3", "min_months", "min_months: 3 max_months: 24"},
      {"agreements", "first_months: 2 min_months: 3", "first_months", "first_months: 3 min_months: 3"},
      {"agreements", "max_months: 4000000000", "months", "max_months: 600"},
      {"agreements", "long_after_years: 7", "long_max_months", "long_after_years: 7 long_max_months: 12"},
      {"intensities", "max_days_per_week: 8", "days_per_week", "max_days_per_week: 7"},
      {"intensities", "min_days_per_week: 5 max_days_per_week: 4", "min_days_per_week", ""},
      {"intensities", "max_minutes_per_day: 1441", "minutes_per_day", "max_minutes_per_day: 1440"},
      {"intensities", "min_minutes_per_day: 300 max_minutes_per_day: 240", "min_minutes_per_day", ""},
      {"intensities", "max_minutes_per_week: 10081", "max_minutes_per_week", "max_minutes_per_week: 10080"},
      {"rates", "kind: ALLOWANCE_KIND_ACTIVITY_MONEY", "cents_per_day", "kind: ALLOWANCE_KIND_ACTIVITY_MONEY cents_per_day: 1"},
      {"rates", "cents_per_day: 900", "kind", ""},
      {"rates", "kind: ALLOWANCE_KIND_ACTIVITY_MONEY cents_per_day: 9000000000000000000", "cents_per_day", ""},
      {"travel", "cents: 300", "mode", "mode: TRAVEL_MODE_AUTOMATIC cents: 300"},
      {"travel", "mode: TRAVEL_MODE_PER_DAY cents: -640", "cents", "mode: TRAVEL_MODE_PER_DAY cents: 640"},
      {"travel", "mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_OWN_CAR", "cents_per_kilometre",
       "mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_OWN_CAR cents_per_kilometre: 25"},
      {"travel", "mode: TRAVEL_MODE_AUTOMATIC cents_per_kilometre: 25", "cents_per_kilometre", ""},
      {"travel", "mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS cents: 100", "cents", "mode: TRAVEL_MODE_APPLIED_ACTUAL_COSTS"},
      {"travel", "mode: TRAVEL_MODE_PER_DAY card_days: 30", "card_days", "mode: TRAVEL_MODE_MONTHLY_BUS_CARD card_days: 30"},
      {"travel", "mode: TRAVEL_MODE_AUTOMATIC municipality_codes: '68'", "municipality_codes",
       "mode: TRAVEL_MODE_AUTOMATIC municipality_codes: '068'"},
      {"perks", "kind: PERK_KIND_LUNCH", "occasion", "kind: PERK_KIND_LUNCH occasion: PERK_OCCASION_ATTENDED_DAY"},
      {"absence_classes", "attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS", "outcome",
       "attendance_class: ATTENDANCE_CLASS_OWN_ILLNESS outcome: DAY_OUTCOME_ABSENT_ACCEPTED certificate_after_days: 3"},
      {"absence_classes", "attendance_class: ATTENDANCE_CLASS_OTHER_ABSENCE outcome: DAY_OUTCOME_ABSENT_OTHER max_days: 4", "max_days", ""},
      {"absence_notices", "notice: NOTICE_KIND_START recipient: ACTOR_ROLE_BENEFIT_PAYER", "notice",
       "notice: NOTICE_KIND_ABSENCES recipient: ACTOR_ROLE_BENEFIT_PAYER interval_days: 14"},
      {"absence_notices", "notice: NOTICE_KIND_ABSENCES recipient: ACTOR_ROLE_PROVIDER", "recipient", ""},
      {"notices", "notice: NOTICE_KIND_END recipient: ACTOR_ROLE_EMPLOYMENT_AUTHORITY", "notice",
       "notice: NOTICE_KIND_START recipient: ACTOR_ROLE_EMPLOYMENT_AUTHORITY within_days: 7"},
      {"assessments", "kind: ASSESSMENT_KIND_FOLLOW_UP anchor: ANCHOR_END months: 3 months: 0", "months",
       "kind: ASSESSMENT_KIND_FOLLOW_UP anchor: ANCHOR_END months: 0 months: 3"},
      {"assessments", "kind: ASSESSMENT_KIND_FOLLOW_UP anchor: ANCHOR_END months: 4000000000", "months", ""},
      {"assessments", "kind: ASSESSMENT_KIND_FOLLOW_UP anchor: ANCHOR_END", "months",
       "kind: ASSESSMENT_KIND_FOLLOW_UP anchor: ANCHOR_END optional: true"},
      {"assessments", "kind: ASSESSMENT_KIND_FOLLOW_UP months: 3", "anchor", ""},
      {"exits", "", "codes", "codes: EXIT_CODE_STUDY"},
      {"case_managers", "named: true", "side", "side: CASE_MANAGER_SIDE_PROVIDER named: true"},
      {"retention", "kind: RECORD_KIND_SOCIAL_CARE", "years", "kind: RECORD_KIND_SOCIAL_CARE years: 10"},
      {"alerts", "kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON", "days_before",
       "kind: ALERT_KIND_PERIOD_ENDS_WITHOUT_FOLLOW_ON days_before: 30"},
      {"alerts", "kind: ALERT_KIND_START_NOT_NOTIFIED", "notices", ""},
      {"actors", "holder { language: 'se' text: 'x' }", "office", ""},
      {"actors", "office: OFFICE_ORGANISER holder { language: 'se' text: 'x' }", "language 'se'",
       "office: OFFICE_ORGANISER holder { language: 'sv' text: 'x' }"},
  };
  const std::string before = good_.profile;
  const auto with = [&](const char* list, const char* value) {
    good_.profile = Str(before, "\n", list, " { id: \"it\" version: \"1\" source: \"[k] x\" valid_from: \"2030-01-01\" ", value, " }");
    return Load(good_);
  };
  for (const Value& value : values) {
    SCOPED_TRACE(Str(value.list, " { ", value.wrong, " }"));
    EXPECT_THAT(with(value.list, value.wrong),
                StatusIs(kInvalid, AllOf(HasSubstr(Str("profile.textproto: ", value.list, "[")), HasSubstr("(it)"),
                                         HasSubstr(value.told))));
    if (*value.right == '\0') continue;
    EXPECT_OK(with(value.list, value.right));
  }
  good_.profile = before;
  for (const auto& [wrong, told] : {std::pair("municipality_codes: '68'", "three digits"),
                                    std::pair("municipality_codes: '049' municipality_codes: '049'", "twice"),
                                    std::pair("display_names { language: 'se' text: 'x' }", "language 'se'")}) {
    good_.profile = Str(before, "\n", wrong);
    EXPECT_THAT(Load(good_), StatusIs(kInvalid, HasSubstr(told))) << wrong;
  }
  good_.profile = before;
  Replace(good_.profile, "source: \"[s] x\" valid_from", "source: \"assumption\" valid_from");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, AllOf(HasSubstr("rates[1] (rate)"), HasSubstr("[k]"))));
  // Two ways by one means in one place; by two means the client chooses.
  const auto two = [&](const char* means) {
    good_.profile = Str(before, "\ntravel { id: 'a' version: '1' source: '[k] x' mode: TRAVEL_MODE_PER_DAY means: TRAVEL_MEANS_BICYCLE "
                        "municipality_codes: '049' }\ntravel { id: 'b' version: '1' source: '[k] x' mode: TRAVEL_MODE_PER_DAY means: ",
                        means, " municipality_codes: '092' municipality_codes: '049' }");
    return Load(good_);
  };
  EXPECT_THAT(two("TRAVEL_MEANS_BICYCLE"), StatusIs(kInvalid, AllOf(HasSubstr("travel[1] (b)"), HasSubstr("same means"))));
  EXPECT_OK(two("TRAVEL_MEANS_SINGLE_TICKET"));
}

TEST_F(ConfigTest, AProfileWithoutTheOneItBuildsOnIsRefused) {
  good_.profile += "\nneeds: \"suomi\"";
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, AllOf(HasSubstr("profile.textproto"), HasSubstr("needs"),
                                                    HasSubstr("suomi.textproto"))));
  // Given behind it is not before it: what a file changes of another is read in that order.
  Replace(good_.service, "profile_file: \"../profile.textproto\"",
          "profile_file: \"../profile.textproto\" profile_file: \"suomi.textproto\"");
  Write("etc/suomi.textproto", "name: \"suomi\"");
  EXPECT_THAT(Load(good_), StatusIs(kInvalid, HasSubstr("needs")));
}

}  // namespace
}  // namespace polku::host
