// The operator's log: one line a message on standard error, "TIME LEVEL text". Never personal data:
// ids, positions, agencies and counts only.
#ifndef POLKU_SERVICES_HOST_LOGGING_H_
#define POLKU_SERVICES_HOST_LOGGING_H_

#include <cstdio>
#include <string>

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

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_LOGGING_H_
