#include "services/core/offer_checks.h"

#include <array>
#include <string>
#include <vector>

#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
#include "google/protobuf/descriptor.h"
#include "services/core/calendar.h"
#include "services/core/codec.h"
#include "services/core/finnish_ids.h"
#include "services/core/money_limits.h"

namespace polku::service {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxCodeBytes = 64;
// Earlier or later is a slip of the pen: "0205-03-03", "20255-…".
constexpr int kFirstYear = 1900;
constexpr int kLastYear = 2199;
constexpr size_t kMaxOfficialBytes = 64;

bool IsDateField(std::string_view name) {
  return name == "date" || name.ends_with("_on") || name.ends_with("_from") ||
         name.ends_with("_until");
}

bool IsLabelField(std::string_view name) {
  constexpr std::array<std::string_view, 7> kEndings = {
      "referral_id", "plan_id", "period_id", "meeting_id", "claim_id", "payment_id", "batch_id"};
  for (std::string_view ending : kEndings) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

bool IsAgencyField(std::string_view name) {
  return name == "agency" || name.ends_with("_agency") || name.ends_with("_agencies");
}

bool IsMunicipalityField(std::string_view name) { return name.starts_with("municipality_code"); }

bool IsCodeField(std::string_view name) {
  return name == "place_code" || name == "group_code" || name == "decision_number" ||
         name == "statement_code";
}

std::optional<Refusal> CheckString(const FieldDescriptor& field, SectionKind section,
                                   const std::string& text) {
  if (text.empty()) {
    if (!field.is_repeated()) return std::nullopt;
    return Refusal{"bad_value", Str("field ", field.name(), ": leave out empty values of the list")};
  }
  if (section != SectionKind::kIdentity && ContainsPersonalIdentityCode(text)) {
    return Refusal{"identity_code_misplaced",
                   Str("field ", field.name(),
                       ": take the personal identity code out; it belongs into "
                       "ClientIdentified.identity_code alone")};
  }
  const std::string_view name = field.name();
  if (IsDateField(name)) {
    const std::optional<absl::CivilDay> day = ParseDate(text);
    if (!day || day->year() < kFirstYear || day->year() > kLastYear) {
      return Refusal{"bad_date", Str("field ", name, ": write an existing day as YYYY-MM-DD")};
    }
  } else if (name == "month") {
    const std::optional<absl::CivilMonth> month = ParseMonth(text);
    if (!month || month->year() < kFirstYear || month->year() > kLastYear) {
      return Refusal{"bad_date", Str("field ", name, ": write an existing month as YYYY-MM")};
    }
  } else if (IsLabelField(name)) {
    if (!IsLabel(text)) {
      return Refusal{"bad_label",
                     Str("field ", name, ": use 1 to 32 of small letters a-z, digits and hyphens")};
    }
  } else if (IsAgencyField(name)) {
    if (!ValidateAgencyName(text).ok()) {
      return Refusal{"bad_agency", Str("field ", name,
                                       ": write the agency's full name, e.g. "
                                       "FI/MUN/0187690-1/oulu")};
    }
  } else if (IsMunicipalityField(name)) {
    if (text.size() != 3 || text.find_first_not_of("0123456789") != std::string::npos) {
      return Refusal{"bad_municipality",
                     Str("field ", name, ": write the municipality's three digits, e.g. 564")};
    }
  } else if (IsCodeField(name)) {
    if (text.size() > kMaxCodeBytes || text.find_first_of(" \t\r\n") != std::string::npos) {
      return Refusal{"bad_code", Str("field ", name,
                                     ": use a code of at most 64 bytes without spaces; what needs "
                                     "words belongs into a text field")};
    }
  }
  return std::nullopt;
}

std::optional<Refusal> CheckEnum(const FieldDescriptor& field, int number) {
  if (field.enum_type()->FindValueByNumber(number) == nullptr) {
    return Refusal{"bad_value", Str("field ", field.name(),
                                    ": this service's version does not know that value; use the "
                                    "same schema version on both sides")};
  }
  if (field.is_repeated() && number == 0) {
    return Refusal{"bad_value", Str("field ", field.name(), ": leave out unspecified values")};
  }
  return std::nullopt;
}

std::optional<Refusal> CheckBytes(const FieldDescriptor& field, const std::string& bytes) {
  const std::string_view name = field.name();
  const bool is_event_id = name.ends_with("event_id") || name.ends_with("event_ids");
  if (!is_event_id || bytes.size() == EventId::kBytes) return std::nullopt;
  return Refusal{"bad_event_id", Str("field ", name, ": an event id is 16 bytes")};
}

std::optional<Refusal> CheckCents(const FieldDescriptor& field, int64_t cents) {
  const std::string_view name = field.name();
  if (!name.ends_with("_cents") || (-kMaxAmountCents <= cents && cents <= kMaxAmountCents)) {
    return std::nullopt;
  }
  return Refusal{"amount_out_of_range",
                 Str("field ", name, ": at most ", kMaxAmountCents,
                     " cents in one event; check the amount, it is whole cents, and divide what is "
                     "truly more")};
}

std::optional<Refusal> CheckNumber(const FieldDescriptor& field, uint32_t number) {
  if (field.name() != "distance_metres" || number <= kMaxClaimMetres) return std::nullopt;
  return Refusal{"amount_out_of_range",
                 Str("field ", field.name(), ": at most ", kMaxClaimMetres,
                     " metres in one event; check the distance, it is whole metres")};
}

// `section` is that of the top-level field; unset at the top.
std::optional<Refusal> CheckMessage(const Message& message, std::optional<SectionKind> outer) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    const SectionKind section = outer ? *outer : SectionOf(*field);
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      std::optional<Refusal> refusal;
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: {
          const std::string& text =
              field->is_repeated()
                  ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                  : reflection.GetStringReference(message, field, &scratch);
          refusal = field->type() == FieldDescriptor::TYPE_BYTES
                        ? CheckBytes(*field, text)
                        : CheckString(*field, section, text);
          break;
        }
        case FieldDescriptor::CPPTYPE_ENUM:
          refusal = CheckEnum(*field, field->is_repeated()
                                          ? reflection.GetRepeatedEnumValue(message, field, i)
                                          : reflection.GetEnumValue(message, field));
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          refusal = CheckCents(*field, field->is_repeated()
                                           ? reflection.GetRepeatedInt64(message, field, i)
                                           : reflection.GetInt64(message, field));
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          refusal = CheckNumber(*field, field->is_repeated()
                                            ? reflection.GetRepeatedUInt32(message, field, i)
                                            : reflection.GetUInt32(message, field));
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          refusal = CheckMessage(field->is_repeated()
                                     ? reflection.GetRepeatedMessage(message, field, i)
                                     : reflection.GetMessage(message, field),
                                 section);
          break;
        default:
          break;
      }
      if (refusal) return refusal;
    }
  }
  return std::nullopt;
}

}  // namespace

bool IsLabel(std::string_view text) {
  if (text.empty() || text.size() > 32) return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool IsOfficialLabel(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return text.size() <= kMaxOfficialBytes &&
         text.find_first_not_of(kAllowed) == std::string_view::npos &&
         !ContainsPersonalIdentityCode(text);
}

std::optional<Refusal> CheckConventions(const Message& event) {
  return CheckMessage(event, std::nullopt);
}

}  // namespace polku::service
