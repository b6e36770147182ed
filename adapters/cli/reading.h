// What the reading commands share: the store that a service configuration names, and filter flags.
#ifndef POLKU_ADAPTERS_CLI_READING_H_
#define POLKU_ADAPTERS_CLI_READING_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "adapters/cli/access.h"
#include "adapters/cli/args.h"
#include "eventstore/base/ids.h"
#include "services/audit/history.h"
#include "services/audit/store.h"
#include "services/host/config.h"

namespace polku::cli {

struct Reading {
  host::Config config;
  std::unique_ptr<audit::Store> store;
};
// From --config, for what shows nothing of a case; InvalidArgument when that is missing.
absl::StatusOr<Reading> OpenReading(const Args& args);

std::vector<Flag> ReadingFlags(std::vector<Flag> more);

// What is to be shown, for the record of it.
struct Look {
  std::string_view command;
  CaseId case_id = {};     // zero: of no one case
  SectionSet sections = {};  // that could be seen; of one case: as far as they are held here
};
// The same, once the read is on disk in the service's log (access.h): nothing of a case may be shown from a store
// before that. The snapshot is from before the record. NotFound: nothing of that case is held here, also
// no record of reads; nothing was recorded.
absl::Status RecordLook(const Reading& reading, const Args& args, const AccessClaim& claim,
                        const Look& look);
absl::StatusOr<Reading> OpenRecorded(const Args& args, const AccessClaim& claim, const Look& look);
// --config and those of AccessFlags, then `more`.
std::vector<Flag> RecordedReadingFlags(std::vector<Flag> more);

// --origin --from --until --type --as-of --valid-on. A bound is a position (digits), a day ("2025-03-31": in
// Finland; as an end it is inclusive) or a time (RFC 3339).
absl::StatusOr<audit::Filter> ReadFilter(const Args& args);

// The day on which something is late or not: that of the filter's --valid-on or --as-of, else the service's own today.
absl::CivilDay JudgedOn(const host::Config& config, const audit::Filter& filter = {});

// The instant just after what `text` names: the end of a day, or a time and its microsecond.
absl::StatusOr<absl::Time> ParseEnd(std::string_view flag, std::string_view text);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_READING_H_
