// Hides small numbers, so that nobody is recognised (README "Small numbers").
#ifndef POLKU_SERVICES_REPORT_SUPPRESS_H_
#define POLKU_SERVICES_REPORT_SUPPRESS_H_

#include <cstdint>

#include "services/report/report.h"

namespace polku::report {

inline constexpr int64_t kSmall = 5;

// Hides every row of 1 to `small` - 1 persons, every row whose counterpart in `others` is such a row (so that no number
// for all less the one shown is small), and in each group that makes up the total as many of the next smallest as it
// takes until the hidden ones are at least two and at least `small` persons together. `others`: null when nobody was
// left out.
void Suppress(Report& report, const Report* others, int64_t small = kSmall);

}  // namespace polku::report

#endif  // POLKU_SERVICES_REPORT_SUPPRESS_H_
