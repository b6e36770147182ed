// Work split over threads whose results are taken in order by the calling thread. Private to eventstore/evidence.
#ifndef POLKU_EVENTSTORE_EVIDENCE_IN_ORDER_H_
#define POLKU_EVENTSTORE_EVIDENCE_IN_ORDER_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace polku::evidence {

// Threads to use when `asked` for 0: as many as the machine has cores.
inline size_t ThreadsFor(size_t asked) {
  if (asked > 0) return asked;
  const size_t cores = std::thread::hardware_concurrency();
  return cores > 0 ? cores : 1;
}

// `work(i)` for each i below `count` on `threads` threads; `take(i, result)` on the calling thread, ascending. At
// most `window` results wait to be taken (0: four a thread), so memory does not grow with `count`. `tick` is
// called on the calling thread at least four times a second; when it returns false, work not yet begun is left
// out and the answer is false.
template <typename Result>
bool InOrder(size_t count, size_t threads, const std::function<Result(size_t)>& work,
             const std::function<void(size_t, Result)>& take, const std::function<bool()>& tick,
             size_t window = 0) {
  constexpr std::chrono::milliseconds kTick(250);
  if (window == 0) window = 4 * threads;
  std::mutex mu;
  std::condition_variable wake_workers;
  std::condition_variable wake_taker;
  size_t next = 0;   // not yet begun
  size_t taken = 0;  // handed over
  bool stopped = false;
  std::map<size_t, Result> ready;

  const auto run = [&] {
    std::unique_lock lock(mu);
    while (true) {
      wake_workers.wait(lock, [&] { return stopped || next == count || next < taken + window; });
      if (stopped || next == count) return;
      const size_t index = next++;
      lock.unlock();
      Result result = work(index);
      lock.lock();
      ready.emplace(index, std::move(result));
      if (index == taken) wake_taker.notify_one();
    }
  };
  std::vector<std::thread> workers;
  for (size_t i = 0; i < threads && i < count; ++i) workers.emplace_back(run);

  auto next_tick = std::chrono::steady_clock::now();
  bool finished = true;
  {
    std::unique_lock lock(mu);
    while (taken < count) {
      if (std::chrono::steady_clock::now() >= next_tick) {
        lock.unlock();
        const bool go_on = tick();
        next_tick = std::chrono::steady_clock::now() + kTick;
        lock.lock();
        if (!go_on) {
          stopped = true;
          finished = false;
          break;
        }
      }
      if (!wake_taker.wait_until(lock, next_tick, [&] { return ready.contains(taken); })) continue;
      auto node = ready.extract(taken);
      lock.unlock();
      take(node.key(), std::move(node.mapped()));
      lock.lock();
      ++taken;
      wake_workers.notify_one();
    }
  }
  wake_workers.notify_all();
  for (std::thread& worker : workers) worker.join();
  return finished;
}

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_IN_ORDER_H_
