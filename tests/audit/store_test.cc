#include "services/audit/store.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/audit/history.h"
#include "services/host/keys.h"
#include "tests/audit/agency_store.h"
#include "tests/support/status_matchers.h"

namespace polku::audit {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr char kOrigin[] = "FI/MUN/0187690-1/oulu/referral/1";

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : config_{.origin = *OriginName::Parse(kOrigin)} {
    std::string pattern = (std::filesystem::temp_directory_path() / "polku-audit-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    config_.data_directory = directory_ + "/data";
    config_.keystore_directory = directory_ + "/keystore";
    config_.keys_directory = directory_ + "/keys";
    EXPECT_THAT(host::WriteNewKeys(config_.keys_directory, kOrigin, SystemRandom()), IsOk());
  }
  ~StoreTest() override { std::filesystem::remove_all(directory_); }

  // A service that holds its directories open.
  struct Running {
    std::unique_ptr<log::Engine> engine;
    std::unique_ptr<vault::KeyStore> keys;
    std::unique_ptr<AgencyStore> store;
  };
  Running Start() {
    Running running;
    auto engine = rocks::OpenEngine({.directory = config_.data_directory});
    EXPECT_THAT(engine, IsOk());
    running.engine = *std::move(engine);
    auto storage = rocks::OpenKeyStorage(config_.keystore_directory, rocks::OpenMode::kReadWrite);
    EXPECT_THAT(storage, IsOk());
    const auto master = host::LoadMasterKey(config_.keys_directory);
    EXPECT_THAT(master, IsOk());
    auto keys = vault::KeyStore::Open(*std::move(storage), *master, SystemRandom());
    EXPECT_THAT(keys, IsOk());
    running.keys = *std::move(keys);
    running.store = std::make_unique<AgencyStore>(*running.engine, *running.keys, kOrigin);
    return running;
  }
  size_t Count() {
    auto store = Store::Open(config_);
    EXPECT_THAT(store, IsOk());
    if (!store.ok()) return 0;
    size_t opened = 0;
    History history(**store);
    EXPECT_THAT(history.Replay({},
                               [&](const Event& event) {
                                 opened += event.control() || !event.opened.empty() ? 1 : 0;
                                 return absl::OkStatus();
                               }),
                IsOk());
    return opened;
  }
  static referral::v1::NeedIdentified Need() {
    referral::v1::NeedIdentified event;
    event.set_identified_on("2025-01-07");
    return event;
  }

  std::string directory_;
  host::Config config_;
};

TEST_F(StoreTest, ReadsWhileAServiceWritesAndAfterIt) {
  {
    Running running = Start();
    running.store->Append(NumberedCase(1), Need());
    EXPECT_EQ(Count(), 2u);
    // A case that the first reader's snapshot had not: both log and keys are read anew.
    running.store->Append(NumberedCase(2), Need());
    EXPECT_EQ(Count(), 3u);
  }
  EXPECT_EQ(Count(), 3u);
}

TEST_F(StoreTest, NothingStoredYetIsNotFoundAndNothingIsMade) {
  EXPECT_THAT(Store::Open(config_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(config_.data_directory)));
  EXPECT_FALSE(std::filesystem::exists(config_.data_directory));
  EXPECT_FALSE(std::filesystem::exists(config_.keystore_directory));
}

TEST_F(StoreTest, AnotherMasterKeyIsRefused) {
  { Start().store->Append(NumberedCase(1), Need()); }
  std::filesystem::remove_all(config_.keys_directory);
  ASSERT_THAT(host::WriteNewKeys(config_.keys_directory, kOrigin, SystemRandom()), IsOk());
  EXPECT_THAT(Store::Open(config_), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// polku keys rotate --use master, broken off once the keystore is sealed under the new key.
TEST_F(StoreTest, AChangeOfTheMasterKeyThatWasBrokenOffKeepsNobodyFromReading) {
  {
    Running running = Start();
    running.store->Append(NumberedCase(1), Need());
    const auto next = host::MakeNextMasterKey(config_.keys_directory, SystemRandom());
    ASSERT_THAT(next, IsOk());
    EXPECT_EQ(Count(), 2u);  // not sealed yet
    ASSERT_THAT(running.keys->Rewrap(*next, {}), IsOk());
  }
  EXPECT_EQ(Count(), 2u);
}

TEST_F(StoreTest, AnotherOriginsDirectoryIsRefused) {
  { Start().store->Append(NumberedCase(1), Need()); }
  config_.origin = *OriginName::Parse("FI/MUN/0187690-1/oulu/referral/2");
  EXPECT_THAT(Store::Open(config_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the service runs with")));
}

TEST_F(StoreTest, AMissingMasterKeyIsNotFoundWithItsPath) {
  { Start().store->Append(NumberedCase(1), Need()); }
  std::filesystem::remove(config_.keys_directory + "/master.key");
  EXPECT_THAT(Store::Open(config_), StatusIs(absl::StatusCode::kNotFound, HasSubstr("master.key")));
}

}  // namespace
}  // namespace polku::audit
