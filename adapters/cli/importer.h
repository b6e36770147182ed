// Bulk import of events, a line each, over one client. Offers go out in a window, several lines an
// offer; the order of lines is the order of offers. Running the same import again repeats what was
// recorded and adds the rest.
#ifndef POLKU_ADAPTERS_CLI_IMPORTER_H_
#define POLKU_ADAPTERS_CLI_IMPORTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adapters/client/client.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::cli {

struct ImportLine {
  uint64_t line = 0;  // 1-based
  absl::StatusOr<exchange::v1::OfferedEvent> event;
};
// The next line; nullopt at the end.
using ImportSource = std::function<std::optional<ImportLine>()>;

struct ImportProblem {
  uint64_t line = 0;
  absl::Status invalid;           // not OK: the line is no event
  exchange::v1::Refusal refusal;  // else: what the service said
};

struct ImportCounts {
  uint64_t lines = 0;  // read
  uint64_t added = 0;
  uint64_t repeated = 0;
  uint64_t refused = 0;
  uint64_t invalid = 0;
};

struct ImportOptions {
  // Go on after a refused or invalid line. Then each line is an offer of its own: a line is refused
  // for its own sake, never because another of its offer was.
  bool keep_going = false;
  size_t window = 256;  // offers under way
  size_t lines_per_offer = 64;
  size_t bytes_per_offer = 1 << 20;
  std::function<void(const ImportCounts&)> progress;  // may be empty
  std::function<void(const ImportProblem&)> problem;  // with keep_going: as they come
};

struct ImportResult {
  ImportCounts counts;
  // Without keep_going: the first line that is wrong. Every line before it is recorded; later ones
  // may be.
  std::optional<ImportProblem> stopped_at;
  // The connection failed: which lines of the last offers are recorded is unknown.
  absl::Status connection;
};

ImportResult Import(client::Client& client, const ImportSource& source,
                    const ImportOptions& options);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_IMPORTER_H_
