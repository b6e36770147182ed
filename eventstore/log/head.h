// The head record of a log: what the next append must know, written with every commit.
// Encoding: FORMAT.md "Head".
#ifndef POLKU_EVENTSTORE_LOG_HEAD_H_
#define POLKU_EVENTSTORE_LOG_HEAD_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/proof/merkle.h"

namespace polku::log {

struct LogHead {
  std::string origin;
  proof::Frontier frontier;      // its size is the log's size
  Order last_order;
  uint64_t disclosure_number = 0;  // replica: the newest running number disclosed to us; own log: 0

  std::string Serialize() const;
  static absl::StatusOr<LogHead> Parse(std::string_view bytes);  // DataLoss when malformed
};

}  // namespace polku::log

#endif  // POLKU_EVENTSTORE_LOG_HEAD_H_
