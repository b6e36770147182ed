#include "services/host/purger.h"

#include <utility>

#include "absl/time/clock.h"

namespace polku::host {

Purger::Purger(PurgeFn purge, absl::Duration retry)
    : purge_(std::move(purge)), retry_(retry), thread_([this] { Run(); }) {}

Purger::~Purger() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

uint64_t Purger::Add(std::vector<log::PurgeRange> ranges) {
  const std::lock_guard lock(mutex_);
  waiting_.insert(waiting_.end(), ranges.begin(), ranges.end());
  wake_.notify_all();
  return ++added_;
}

uint64_t Purger::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

std::string Purger::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

void Purger::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || done_ < added_; });
    if (stop_) return;
    const std::vector<log::PurgeRange> ranges = waiting_;
    const uint64_t last = added_;
    lock.unlock();
    const absl::Status purged = purge_(ranges);
    lock.lock();
    if (purged.ok()) {
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(ranges.size()));
      done_ = last;
      fault_.clear();
    } else {
      fault_ = purged.ToString();
      wake_.wait_for(lock, absl::ToChronoNanoseconds(retry_), [this] { return stop_; });
    }
  }
}

}  // namespace polku::host
