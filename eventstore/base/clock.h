// Time comes in from outside: nothing below services/host reads a system clock.
#ifndef POLKU_EVENTSTORE_BASE_CLOCK_H_
#define POLKU_EVENTSTORE_BASE_CLOCK_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"

namespace polku {

using WallClock = std::function<absl::Time()>;
// The system's wall clock. A claim, not a proof (README "Honest limits").
WallClock SystemClock();

// Microseconds since the Unix epoch as an Order, for comparing an Order with a clock. Times before
// the epoch give 0; orders beyond 63 bits give the infinite future.
Order OrderFromTime(absl::Time time);
absl::Time TimeFromOrder(Order order);

// The civil day in Finland (Europe/Helsinki) at that instant; falls back to UTC+2 where the
// machine has no time zone data.
absl::CivilDay FinnishDay(absl::Time time);

// "2025-03-03"; nullopt unless exactly that form and a day that exists.
std::optional<absl::CivilDay> ParseDay(std::string_view text);
std::string FormatDay(absl::CivilDay day);
// RFC 3339 in UTC with microseconds, e.g. "2025-03-03T08:15:00.000000Z".
// Call it qualified, polku::FormatTime: absl::FormatTime is found by its argument too.
std::string FormatTime(absl::Time time);
std::optional<absl::Time> ParseTime(std::string_view rfc3339);

// The next order value of a log: max(now, previous + 1, newest cause + 1) (DESIGN "Header").
// Saturates at the highest value, where orders stop being distinct: refuse entries far ahead first.
Order NextOrder(absl::Time now, Order previous_in_log, Order newest_cause);

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_CLOCK_H_
