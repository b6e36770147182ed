// The operator's log: one line a message on standard error, "TIME LEVEL text". Never personal data:
// ids, positions, agencies and counts only.
#ifndef POLKU_SERVICES_HOST_LOGGING_H_
#define POLKU_SERVICES_HOST_LOGGING_H_

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "absl/time/clock.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"

namespace polku::host {

enum class LogLevel { kInfo, kWarning, kError };

template <typename... Parts>
void LogLine(LogLevel level, const Parts&... parts) {
  static constexpr const char* kNames[] = {"info", "warning", "error"};
  const std::string line =
      Str(polku::FormatTime(absl::Now()), " ", kNames[static_cast<int>(level)], " ", parts..., "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

// What a peer can cause by its messages: at most one line a second and peer. What was left out is
// counted in the peer's next line.
class PeerLog {
 public:
  // `peer`: an agency or origin of the configuration, so that there are only so many. `now`: any clock
  // that does not run back.
  template <typename... Parts>
  void Line(LogLevel level, std::string_view peer, absl::Time now, const Parts&... parts) {
    Peer& told = peers_[std::string(peer)];
    if (now < told.quiet_until) {
      ++told.left_out;
      return;
    }
    told.quiet_until = now + absl::Seconds(1);
    if (told.left_out > 0) {
      LogLine(level, peer, ": ", parts..., " (", told.left_out, " lines before it left out)");
    } else {
      LogLine(level, peer, ": ", parts...);
    }
    told.left_out = 0;
  }

 private:
  struct Peer {
    absl::Time quiet_until = absl::InfinitePast();
    uint64_t left_out = 0;
  };
  std::map<std::string, Peer> peers_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_LOGGING_H_
