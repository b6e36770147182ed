// What a worker reads, in Finnish, Swedish and English. Pure tables.
#ifndef POLKU_ADAPTERS_CLI_LABELS_H_
#define POLKU_ADAPTERS_CLI_LABELS_H_

#include <optional>
#include <string>
#include <string_view>

#include "eventstore/base/ids.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "polku/config/v1/agreement.pb.h"

namespace polku::cli {

enum class Language { kFinnish, kSwedish, kEnglish };
std::optional<Language> ParseLanguage(std::string_view text);  // "fi", "sv", "en"

// The step that an event type means, e.g. "Läsnäolomerkintä"; the type itself when it is newer than
// this program. A test holds the table to every domain type.
std::string EventLabel(std::string_view type, Language language);
std::string_view SectionLabel(SectionKind kind, Language language);

enum class Word {
  kSealed,
  kOfficial,
  kCase,
  kHeldBy,
  kAsOf,
  kAtAGlance,
  kAttended,
  kAbsences,
  kNotHeld,
  kAllowance,
  kTravel,
  kPerks,
  kAssessed,
  kDue,
  kStatus,
  kBenefits,
  kParallel,
  kNothing,
  kHeaderOnly,
  kRecorded,
  kInKind,
};
std::string_view Label(Word word, Language language);

// The agency's display name in the agreement, in that language or any; else its full name.
std::string AgencyLabel(const config::v1::Agreement& agreement, std::string_view agency,
                        Language language);

// "DAY_OUTCOME_ABSENT_OTHER" of DayOutcome → "absent other".
std::string EnumLabel(const google::protobuf::EnumValueDescriptor& value);
// The same by type, for a number.
template <typename Enum>
std::string EnumLabel(Enum value) {
  const auto* descriptor =
      google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
  return descriptor == nullptr ? std::to_string(static_cast<int>(value)) : EnumLabel(*descriptor);
}

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_LABELS_H_
