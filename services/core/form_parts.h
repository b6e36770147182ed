// How much of an evaluation's form is there: its four parts (seed 003) are background, goals, work ability and
// self-assessment. One count for summaries and reports.
#ifndef POLKU_SERVICES_CORE_FORM_PARTS_H_
#define POLKU_SERVICES_CORE_FORM_PARTS_H_

#include <cstdint>

#include "eventstore/base/ids.h"

namespace polku::service {

inline constexpr uint32_t kFormParts = 4;

struct FormParts {
  uint32_t filled = 0;
  uint32_t sealed = 0;  // not to be seen here, filled or not
};

// `Evaluation`: InterimEvaluationMade or FinalEvaluationMade. `sealed`: the event's sections that are not opened here.
template <typename Evaluation>
FormParts PartsOf(const Evaluation& evaluation, SectionSet sealed) {
  FormParts parts;
  const auto part = [&](SectionKind section, bool filled) {
    if (sealed.has(section)) {
      ++parts.sealed;
    } else if (filled) {
      ++parts.filled;
    }
  };
  part(SectionKind::kSocial, !evaluation.background().empty());
  part(SectionKind::kSocial, evaluation.goals_size() > 0);
  part(SectionKind::kSocial, !evaluation.self_assessment().empty());
  part(SectionKind::kHealth, !evaluation.work_ability().empty());
  return parts;
}

}  // namespace polku::service

#endif  // POLKU_SERVICES_CORE_FORM_PARTS_H_
