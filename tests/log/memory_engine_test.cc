#include "eventstore/log/memory_engine.h"

#include "tests/log/log_conformance.h"
#include "tests/log/records_conformance.h"
#include "tests/log/rewrite_conformance.h"

namespace polku::log {
namespace {

class MemoryHome final : public EngineHome {
 public:
  Engine& engine() override { return *engine_; }
  void Reopen() override {}

 private:
  const std::unique_ptr<Engine> engine_ = MakeMemoryEngine();
};

const EngineParam kMemory{"Memory", [] { return std::make_unique<MemoryHome>(); }};

INSTANTIATE_TEST_SUITE_P(Memory, EngineConformance, ::testing::Values(kMemory), ParamName);
INSTANTIATE_TEST_SUITE_P(Memory, LogConformance, ::testing::Values(kMemory), ParamName);
INSTANTIATE_TEST_SUITE_P(Memory, RecordsConformance, ::testing::Values(kMemory), ParamName);
INSTANTIATE_TEST_SUITE_P(Memory, RewriteConformance, ::testing::Values(kMemory), ParamName);

}  // namespace
}  // namespace polku::log
