// Agreement of the case, event and control index with the entries, both ways, in memory that does not grow with the log.
// Private to eventstore/evidence.
//
// Every index entry that a log's entries call for is added to a sum, every one that is stored is taken from it:
// XXH3-64 of key and value under a secret of this run's own, so that nobody can prepare entries that cancel out.
// Sums are kept for runs of positions; where one is not zero, its entries are compared one by one.
#ifndef POLKU_EVENTSTORE_EVIDENCE_INDEX_CHECK_H_
#define POLKU_EVENTSTORE_EVIDENCE_INDEX_CHECK_H_

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/engine.h"
#include "polku/event/v1/event.pb.h"

namespace polku::evidence {

struct IndexedLog {
  LogNumber number;
  std::string origin;
  Position size;        // entries from here on are not looked at
  uint64_t run = 4096;  // positions a sum
  bool own = false;
  bool events = false;  // its events are in the event index: the own log and its earlier epochs
  uint32_t epoch = 0;   // of events in several epochs the index has the newest
};

class IndexCheck {
 public:
  IndexCheck(log::Engine& engine, std::vector<IndexedLog> logs, const RandomBytes& random);

  // What the entry must have in the index. Thread-safe; `scratch` is the caller's.
  void Expect(LogNumber log, Position position, const event::v1::Header& header,
              std::string& scratch);
  // Nothing is known of the entries in [from, to): whatever the index says of them is let be.
  void LeaveOut(LogNumber log, Position from, Position to);

  struct Findings {
    std::vector<Problem> problems;
    bool stopped = false;
  };
  // How many entries of an own log are erased strictly between: so many of a case's revisions may be missing there.
  using ErasedFn = std::function<uint64_t(Position after, Position before)>;
  // Reads the index whole. `tick(done, total)` as InOrder's.
  Findings Compare(size_t threads, const ErasedFn& erased,
                   const std::function<bool(size_t done, size_t total)>& tick);

 private:
  enum Kind : size_t { kCases, kEvents, kControls, kKinds };
  struct State {
    IndexedLog log;
    size_t runs = 0;
    std::array<std::unique_ptr<std::atomic<uint64_t>[]>, kKinds> cells;
    std::vector<std::pair<Position, Position>> left_out;  // ascending
  };
  struct Scan;
  using Selected = std::array<std::map<LogNumber, std::vector<bool>>, kKinds>;

  State* Find(LogNumber log);
  bool IsLeftOut(const State& state, Position position) const;
  void Add(State& state, Kind kind, Position position, std::string_view bytes, bool stored);
  Scan ScanPrefix(Kind kind, const std::string& prefix);
  void Explain(const Selected& selected, std::vector<Problem>& problems);
  bool Held(LogNumber log);
  bool Beyond(LogNumber log, Position position);

  log::Engine& engine_;
  std::vector<State> states_;
  std::array<uint8_t, 192> secret_;
  std::atomic<bool> stop_ = false;
};

}  // namespace polku::evidence

#endif  // POLKU_EVENTSTORE_EVIDENCE_INDEX_CHECK_H_
