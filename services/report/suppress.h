// Hides small numbers, so that nobody is recognised (README "Small numbers").
#ifndef POLKU_SERVICES_REPORT_SUPPRESS_H_
#define POLKU_SERVICES_REPORT_SUPPRESS_H_

#include <cstdint>

#include "services/report/report.h"

namespace polku::report {

inline constexpr int64_t kSmall = 5;

// "Small": 1 to `small` - 1. `others`: the same of everybody who was left out, null when nobody was; what is small there
// is hidden here, so that no number for all less the one shown is small.
//
// Rows. A row of few persons is hidden whole. In a group that makes up the total and has a hidden row, the rows of
// nobody are hidden too, and as many of those that follow the last hidden one, in their order and from the end to the
// beginning, as it takes until the hidden ones are at least two, at least `small` persons together, and not all of
// one or of `small` - 1. A total of few, or of hardly more than one for each row of a group that is hidden whole, is
// hidden with all groups that make it up. A group that makes up a row of another group is to that row as others are to
// the total; with a row that is hidden, all that make it up are.
//
// Cells. A number is hidden when few clients tell it, when it counts few things, when what it is a part of is hidden or
// exceeds it by few, or when marks are few from all best or all worst. Where that is so in a row, in the total, or
// in what the hidden rows come to together, the column's total is hidden, and where several groups make up the total,
// the whole column.
//
// Persons. Where the first column counts things, periods or days, the persons beside them are hidden: the two would tell
// how many have more than one. Elsewhere, where the rows of a group come to few more persons than the total, or what the
// hidden rows come to is few, the persons are hidden in the total and all its groups; of a group that makes up a row, in
// that group.
void Suppress(Report& report, const Report* others, int64_t small = kSmall);

}  // namespace polku::report

#endif  // POLKU_SERVICES_REPORT_SUPPRESS_H_
