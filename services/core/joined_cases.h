// Which cases belong together, be it by way of others: those of one person.
#ifndef POLKU_SERVICES_CORE_JOINED_CASES_H_
#define POLKU_SERVICES_CORE_JOINED_CASES_H_

#include <algorithm>
#include <map>
#include <utility>

#include "eventstore/base/ids.h"

namespace polku::service {

// A plain value.
class JoinedCases {
 public:
  // False: they were joined before.
  bool Join(const CaseId& a, const CaseId& b) {
    const CaseId of_a = Of(a), of_b = Of(b);
    const CaseId first = std::min(of_a, of_b);
    // Ways stay short, however many are joined one by one.
    for (const CaseId& from : {a, b}) {
      for (CaseId at = from; at != first;) at = std::exchange(up_.try_emplace(at, first).first->second, first);
    }
    return of_a != of_b;
  }
  // The least of the cases that this one is joined with, the same for all of them; itself where it is with none.
  CaseId Of(CaseId case_id) const {
    for (auto up = up_.find(case_id); up != up_.end(); up = up_.find(case_id)) case_id = up->second;
    return case_id;
  }

 private:
  std::map<CaseId, CaseId> up_;  // to a lesser one that it is joined with; none: it is the least
};

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_JOINED_CASES_H_
