#include "eventstore/rocksdb/rocksdb_engine.h"
#include "tests/log/log_conformance.h"
#include "tests/log/records_conformance.h"
#include "tests/log/rewrite_conformance.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::log {
namespace {

class RocksHome final : public EngineHome {
 public:
  explicit RocksHome(size_t write_buffer_bytes) {
    options_.directory = directory_.path();
    options_.write_buffer_bytes = write_buffer_bytes;
    Reopen();
  }
  Engine& engine() override { return *engine_; }
  void Reopen() override {
    engine_.reset();
    auto engine = rocks::OpenEngine(options_);
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
  }

 private:
  const rocks::TempDirectory directory_;
  rocks::EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

const EngineParam kRocks{"RocksDB", [] { return std::make_unique<RocksHome>(64 << 20); }};
// Memory tables so small that tests read from table files, which flush and compact under them.
const EngineParam kSmall{"RocksDBSmallBuffers",
                         [] { return std::make_unique<RocksHome>(64 << 10); }};

INSTANTIATE_TEST_SUITE_P(RocksDB, EngineConformance, ::testing::Values(kRocks, kSmall), ParamName);
INSTANTIATE_TEST_SUITE_P(RocksDB, LogConformance, ::testing::Values(kRocks, kSmall), ParamName);
INSTANTIATE_TEST_SUITE_P(RocksDB, RecordsConformance, ::testing::Values(kRocks, kSmall),
                         ParamName);
INSTANTIATE_TEST_SUITE_P(RocksDB, RewriteConformance, ::testing::Values(kRocks, kSmall),
                         ParamName);

}  // namespace
}  // namespace polku::log
