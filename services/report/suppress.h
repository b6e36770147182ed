// Hides small numbers, so that nobody is recognised (README "Small numbers").
#ifndef POLKU_SERVICES_REPORT_SUPPRESS_H_
#define POLKU_SERVICES_REPORT_SUPPRESS_H_

#include <cstdint>

#include "services/report/report.h"

namespace polku::report {

inline constexpr int64_t kSmall = 5;

// Hides every row of 1 to `small` - 1 persons and every row whose counterpart in `others` is such a row (so that no
// number for all less the one shown is small). In a group that makes up the total and has a hidden row, the rows of
// nobody are hidden too, and as many of those that follow the last hidden one, in their order and from the end to the
// beginning, as it takes until the hidden ones are at least two, at least `small` persons together, and not all of
// one or of `small` - 1. A total of 1 to `small` - 1, or of hardly more than one for each row of a group that is hidden
// whole, is hidden with all groups that make it up. `others`: null when nobody was left out.
void Suppress(Report& report, const Report* others, int64_t small = kSmall);

}  // namespace polku::report

#endif  // POLKU_SERVICES_REPORT_SUPPRESS_H_
