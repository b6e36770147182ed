// Answers that wait until enough other agencies stand behind what they acknowledge (README.md
// "Durability"). Bounded; knows no clock and no sockets.
#ifndef POLKU_SERVICES_HOST_HELD_ANSWERS_H_
#define POLKU_SERVICES_HOST_HELD_ANSWERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::host {

struct HeldAnswer {
  std::string route;  // of the connection that asked
  uint64_t correlation = 0;
  exchange::v1::OfferAnswer answer;  // with its receipts
  uint32_t witnesses = 0;            // agencies asked for
  bool want_proof = false;
};

class HeldAnswers {
 public:
  struct Limits {
    size_t answers = 16'384;
    size_t bytes = 64 << 20;
    // One connection may use so small a part of either: whoever asks for much must not take the
    // others' guarantee away.
    size_t share = 16;
  };
  explicit HeldAnswers(Limits limits) : limits_(limits) {}

  // Holds the answer until `witnesses` agencies cover `size` entries, at the longest until
  // `deadline`. False, and `held` as it was, when there is no room.
  bool Hold(HeldAnswer& held, Position size, absl::Time deadline);

  // Takes out what is covered or whose time is over, in the order it was held.
  // `agencies(size)`: how many cover so many entries; it never rises with size.
  std::vector<HeldAnswer> Take(const std::function<size_t(Position)>& agencies, absl::Time now);

  absl::Time NextDeadline() const;
  size_t size() const { return held_.size(); }

 private:
  struct Item {
    HeldAnswer held;
    Position size;
    absl::Time deadline;
    size_t bytes = 0;
  };
  struct Use {
    size_t answers = 0;
    size_t bytes = 0;
  };

  const Limits limits_;
  uint64_t next_id_ = 0;
  std::map<uint64_t, Item> held_;
  std::map<uint32_t, std::set<std::pair<Position, uint64_t>>> by_need_;
  std::set<std::pair<absl::Time, uint64_t>> by_deadline_;
  Use use_;
  absl::flat_hash_map<std::string, Use> by_route_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_HELD_ANSWERS_H_
