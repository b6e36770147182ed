// Which entries stand. An entry that a later one of its own log corrects is not taken away: it stays in the history and
// is shown. But who computes from the history passes it over, as if only the correction had been said, at the
// place where that stands: the reader sees to it (services/host/case_folds.h, services/audit/history.h), so no fold
// has to. A correction itself is judged on the case without the entry that it corrects.
#ifndef POLKU_SERVICES_CORE_STANDING_H_
#define POLKU_SERVICES_CORE_STANDING_H_

#include <string_view>

namespace polku::service {

// An entry of that type gives way to one of the same type that corrects it. Not so:
// - a day of attendance and a count of visitors, which have corrections of their own, some with a second official's
//   approval (attendance.v1.DayCorrected, DayCorrectionProposed);
// - claims and what moves money, on which others have acted since: that is rejected, withdrawn or reversed, and said anew;
// - who takes part and who looked (polku.access.v1): each has an event that ends it.
bool GivesWay(std::string_view type);

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_STANDING_H_
