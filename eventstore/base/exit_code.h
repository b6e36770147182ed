// Exit codes of every Polku program, one table (README "Exit codes").
#ifndef POLKU_EVENTSTORE_BASE_EXIT_CODE_H_
#define POLKU_EVENTSTORE_BASE_EXIT_CODE_H_

#include "absl/status/status.h"

namespace polku {

enum ExitCode : int {
  kExitOk = 0,
  kExitRefused = 1,      // a service or rule said no, or the work could not be done
  kExitUsage = 2,        // wrong command line; --help tells
  kExitBadInput = 3,     // configuration, file, event or directory that is not valid as it is
  kExitUnavailable = 4,  // no answer, port or directory in use, disk full: try again later
  kExitCorrupt = 5,      // stored or received bytes do not verify
};

// The code that a failed command exits with.
inline ExitCode ExitCodeFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return kExitBadInput;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return kExitUnavailable;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnauthenticated:
      return kExitCorrupt;
    default:
      return kExitRefused;
  }
}

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_EXIT_CODE_H_
