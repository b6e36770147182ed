// An engine that keeps everything in memory: for tests and simulation. Nothing survives it.
#ifndef POLKU_EVENTSTORE_LOG_MEMORY_ENGINE_H_
#define POLKU_EVENTSTORE_LOG_MEMORY_ENGINE_H_

#include <memory>

#include "eventstore/log/engine.h"

namespace polku::log {

// Thread-safe as engine.h says; cursors are snapshots as of their making.
std::unique_ptr<Engine> MakeMemoryEngine();

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_MEMORY_ENGINE_H_
