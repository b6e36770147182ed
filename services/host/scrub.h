// Reads and verifies everything a running service holds, again and again, in a thread of its own that takes
// about a tenth of one core (README.md "Verification").
#ifndef POLKU_SERVICES_HOST_SCRUB_H_
#define POLKU_SERVICES_HOST_SCRUB_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::host {

class Scrub {
 public:
  struct Options {
    log::Engine& engine;  // borrowed; only read
    evidence::VerifyOptions verify;  // its progress, should_stop and threads are set here
    absl::Duration every;            // from the beginning of a pass to that of the next; zero: no pause
    double share = 0.1;              // of one core
    // Erasing::settled: a pass amid an erasure has read one half before and one after it, so it does not count.
    std::function<std::optional<uint64_t>()> erasures = {};
  };
  // The first pass begins at once.
  explicit Scrub(Options options);
  ~Scrub();  // within a moment, also amid a pass

  exchange::v1::VerificationStatus status() const;
  // "" until a pass has found something, and again after one that found nothing. Forks are not told here:
  // they are kept evidence, not damage.
  std::string health() const;

 private:
  void Run();
  absl::StatusOr<evidence::Report> Pass();
  std::optional<uint64_t> Erasures() const;
  // Until the next pass is due; false when it is time to stop.
  bool AwaitNext(std::chrono::steady_clock::time_point start, uint64_t erasures);
  void Note(const absl::StatusOr<evidence::Report>& report);
  void Tell(const std::vector<std::string>& lines);
  // False when it is time to stop.
  bool Sleep(absl::Duration duration);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;                           // guarded by mutex_, as all below
  exchange::v1::VerificationStatus status_;
  std::string health_;
  std::string logged_;                          // of the thread alone: the problem lines told last
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_SCRUB_H_
