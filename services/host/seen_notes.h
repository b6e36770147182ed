// Which checkpoints of heartbeats' `seen` are looked at: what a peer was last known to have seen of a log is
// not looked at again once that is decided, and what one heartbeat can cost is bounded.
#ifndef POLKU_SERVICES_HOST_SEEN_NOTES_H_
#define POLKU_SERVICES_HOST_SEEN_NOTES_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "polku/exchange/v1/exchange.pb.h"

namespace polku::host {

// Of one peer.
class SeenNotes {
 public:
  // Compares the note; false: nothing follows from it yet, and the same told again is to be tried again.
  using LookFn = std::function<bool(std::string_view origin, std::string_view note)>;

  // Of each log that is known here one note, unless it is of the checkpoint that was decided last; ends early
  // when `is_over` says so. Who comes first changes from call to call, so that nobody is left out for ever.
  void Take(const exchange::v1::Heartbeat& heartbeat,
            const std::function<bool(std::string_view origin)>& is_known,
            const std::function<bool()>& is_over, const LookFn& look);

 private:
  std::map<std::string, std::string, std::less<>> decided_;  // by origin: the note's text, without signatures
  size_t first_ = 0;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_SEEN_NOTES_H_
