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
#include "polku/config/v1/profile.pb.h"
#include "polku/event/v1/common.pb.h"

namespace polku::cli {

enum class Language { kFinnish, kSwedish, kEnglish };
std::optional<Language> ParseLanguage(std::string_view text);  // "fi", "sv", "en"

// The step that an event type means, e.g. "Läsnäolomerkintä"; the type itself when it is newer than
// this program. A test holds the table to every domain type.
std::string EventLabel(std::string_view type, Language language);
std::string_view SectionLabel(SectionKind kind, Language language);

enum class Word {
  kSealed,
  kErasedOn,
  kEntriesErased,
  kOfficial,
  kCase,
  kHeldBy,
  kAsOf,
  kValidOn,
  kKnownTo,
  kKnew,
  kConcurrent,
  kMore,
  kOwnLog,
  kCosigned,
  kNotCosigned,
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
  kAbsenceProvesNothing,
  kNotYetCorrected,
  kHeaderOnly,
  kRecorded,
  kInKind,
  kYes,
  kNo,
  kFeedback,
  kReferral,
  kNotStarted,
  kRunning,
  kInterrupted,
  kEnded,
  kClosed,
  // Headings of `polku summary`.
  kCaseColumn,
  kClient,
  kCases,
  kLog,
  kOwn,
  kEntries,
  kHeld,
  kWithheld,
  kSealedInPart,
  kEventType,
  kPlace,
  kDay,
  kVisitors,
  kChildren,
  kServiceClients,
  kOtherPlacesNotSeen,
  // Headings of `polku places`.
  kName,
  kCapacity,
  kToCome,
  kFree,
  kWaiting,
  kAnyPlace,
  kPlaceClosed,
  kNotListed,
  kOverCapacity,
  kOtherPlacesWithheld,
  // Of `polku case`.
  kContradictory,
  kOverruledBy,
  kLinkedCases,
  // Of what is assessed.
  kOverdue,
  kKykyviisari,
  kWorkAbilityRating,
  kFunctioningRating,
  kProvider,
  kPeriodsEnded,
  kClosingFeedback,
  kForms,
  kPartsFilled,
  kTotal,
  // Of money and rules.
  kBatch,
  kRule,
  kRuleSource,
  // What the attendance service warns of (AlertRaised).
  kAlerts,
  kOpenBreaches,
  kCommitments,
  kNotCommitted,
  kCaseManager,
  kNobodyNamed,
  kPeriodDays,
  kTimeOver,
  kReplaced,
  kDoesNotCount,
  kReplaces,
  // Headed by `polku places`, before the number of days.
  kNeverBegan,
};
std::string_view Label(Word word, Language language);

// The service of an origin, e.g. "läsnäolo" of "attendance"; the name itself of one that is not Polku's.
std::string ServiceLabel(std::string_view service, Language language);

// "fi" → "suomi"; the code itself of a language that the table does not have.
std::string SpokenLanguage(std::string_view code, Language language);

// What the reader's own configuration calls agencies and rules. Borrowed.
struct Names {
  const config::v1::Agreement& agreement;
  const config::v1::Profile& profile;
};
// "kulukorvaus (expense_allowance v2)"; where the profile has no name for it, "expense_allowance v2".
std::string RuleLabel(const config::v1::Profile& profile, const event::v1::RuleRef& rule,
                      Language language);

// The agency's display name in the agreement, in that language or any; else its full name.
std::string AgencyLabel(const config::v1::Agreement& agreement, std::string_view agency,
                        Language language);

// The schema's own name, for machines: "DAY_OUTCOME_ABSENT_OTHER" of DayOutcome → "absent other".
std::string EnumLabel(const google::protobuf::EnumValueDescriptor& value);
// The same by type, for a number.
template <typename Enum>
std::string EnumLabel(Enum value) {
  const auto* descriptor =
      google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
  return descriptor == nullptr ? std::to_string(static_cast<int>(value)) : EnumLabel(*descriptor);
}

// The field's own word for a code, e.g. "muu poissaolo"; EnumLabel of what the tables do not know.
std::string CodeLabel(const google::protobuf::EnumValueDescriptor& value, Language language);
template <typename Enum>
std::string CodeLabel(Enum value, Language language) {
  const auto* descriptor =
      google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
  return descriptor == nullptr ? std::to_string(static_cast<int>(value))
                               : CodeLabel(*descriptor, language);
}

// What a field of an event or of a message in one is called, e.g. "tunnistettu" of
// NeedIdentified.identified_on; its name with spaces where the tables do not know it.
std::string FieldLabel(const google::protobuf::FieldDescriptor& field, Language language);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_LABELS_H_
