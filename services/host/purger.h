// Makes erased bytes go from the disk, in a thread of its own: rewriting tables may take minutes, and nobody
// waits for it but the answer that says so.
#ifndef POLKU_SERVICES_HOST_PURGER_H_
#define POLKU_SERVICES_HOST_PURGER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "eventstore/log/engine.h"

namespace polku::host {

class Purger {
 public:
  // Makes the bytes behind these ranges, and those of deleted keys, go; called on the purger's thread.
  using PurgeFn = std::function<absl::Status(const std::vector<log::PurgeRange>&)>;
  explicit Purger(PurgeFn purge, absl::Duration retry = absl::Seconds(30));
  // Waits for a purge that is under way; what is not purged the next start finds.
  ~Purger();

  // All that wait are purged together. The job's number, ascending from 1.
  uint64_t Add(std::vector<log::PurgeRange> ranges);
  // All jobs up to this one are done.
  uint64_t done() const;
  // Of the newest attempt; "" when it succeeded or there was none. Tried again after `retry`.
  std::string fault() const;

 private:
  void Run();

  const PurgeFn purge_;
  const absl::Duration retry_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;                     // guarded by mutex_, as all below
  std::vector<log::PurgeRange> waiting_;
  uint64_t added_ = 0;
  uint64_t done_ = 0;
  std::string fault_;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_PURGER_H_
