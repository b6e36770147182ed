// Carries erasures out (README.md "Erasure and retention"): what two officials of this agency decided about the own
// log, and what the origins of followed logs say is gone. In this order, each step on disk before the next: the
// Erased in the own log, the record that it is begun, the fence, the keys, the sections and leaves; then,
// in a thread of its own, the bytes go from the disk; then the answer in the own log. Every step may be
// repeated: after a kill at any instant the next start goes on from the record.
#ifndef POLKU_SERVICES_HOST_ERASING_H_
#define POLKU_SERVICES_HOST_ERASING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "eventstore/base/clock.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/vault/keystore.h"
#include "services/access/policy.h"
#include "services/host/config.h"
#include "services/host/erased.h"
#include "services/host/erasure_hooks.h"
#include "services/host/fence.h"

namespace polku::host {

class Node;

class Erasing : public ErasureHooks {
 public:
  // Of one Work(), and at most log::kMaxErasedEntries entries named by them: the service's other work goes on
  // between two of them.
  static constexpr size_t kMaxErasuresATurn = 64;

  struct Options {
    const Config& config;  // all borrowed, outlive this
    log::Engine& engine;
    vault::KeyStore& keystore;
    Fence& fence;
    WallClock clock;
  };
  // Before anything is served or folded: finishes what an earlier run began, carries out what the own log holds and
  // nobody began (an old copy of the data directory), erases again what the fence names and an old copy
  // of the keystore brought back, and learns the fence again where the file is missing. DataLoss: the own
  // log lacks an Erased that the fence names, so it is an old copy. Other errors: of the stores or the
  // fence's file; nothing is served then.
  static absl::StatusOr<std::unique_ptr<Erasing>> Open(Options options);
  ~Erasing() override;

  // Before the first Work() and before anything is served; `node` was opened with this as its hooks and goes before
  // it. Carries out what followed logs say is gone and nobody began: the node first makes its own log name the
  // parties that nothing else will name.
  virtual void Attach(Node& node) = 0;
  // Carries out a part of what is waiting, answers a part of what is purged, erases what was kept until yesterday.
  // What fails is taken up by a later call; health() says so.
  virtual void Work() = 0;
  // The next Work() can carry out more at once.
  virtual bool more() const = 0;

  // Begun, and bytes are still on the disk or the answer is not on record.
  virtual uint64_t under_way() const = 0;
  // "" or what an operator must look at.
  virtual std::string health() const = 0;
  // From any thread: how often something has gone, or was answered; nullopt while something is on record that
  // is still held here, or is kept and not yet answered. Whoever reads the stores between two
  // equal answers has seen them with all holes explained.
  virtual std::optional<uint64_t> settled() const = 0;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_ERASING_H_
