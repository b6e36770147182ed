// Random protobuf messages of any type, for tests that nothing a peer records can do harm.
#ifndef POLKU_TESTS_SUPPORT_RANDOM_MESSAGE_H_
#define POLKU_TESTS_SUPPORT_RANDOM_MESSAGE_H_

#include <string>
#include <string_view>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "tests/support/random.h"

namespace polku::testing {

// Small pools, so that labels and dates of several messages meet; now and then nonsense.
inline std::string RandomText(std::string_view field, SeededGenerator& random) {
  if (random.Below(12) == 0) return random.Below(2) == 0 ? "" : "\xC3\xA4 not what you expect";
  if (field == "date" || field.ends_with("_on") || field.ends_with("_from") ||
      field.ends_with("_until")) {
    static constexpr std::string_view kDates[] = {
        "2024-11-30", "2025-02-28", "2025-03-03", "2025-03-10", "2025-06-02",
        "2025-06-03", "2025-09-01", "2025-02-30", "9999-12-31", "0001-01-01"};
    return std::string(kDates[random.Below(std::size(kDates))]);
  }
  if (field.ends_with("_id")) return random.Below(2) == 0 ? "a" : "b";
  if (field == "agency" || field.ends_with("_agency") || field.ends_with("_agencies")) {
    static constexpr std::string_view kAgencies[] = {"FI/MUN/0187690-1/oulu",
                                                     "FI/MUN/3221331-8/pohde",
                                                     "FI/COM/1234567-1/verstas"};
    return std::string(kAgencies[random.Below(std::size(kAgencies))]);
  }
  return "x" + std::to_string(random.Below(3));
}

inline void FillRandomly(google::protobuf::Message& message, SeededGenerator& random,
                         int depth = 0) {
  using google::protobuf::FieldDescriptor;
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (random.Below(8) == 0) continue;
    const int times = field->is_repeated() ? static_cast<int>(random.Below(3)) : 1;
    for (int t = 0; t < times; ++t) {
      const bool many = field->is_repeated();
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING: {
          const std::string text =
              field->type() == FieldDescriptor::TYPE_BYTES
                  ? random.Bytes(random.Below(4) == 0 ? random.Below(20) : 16)
                  : RandomText(field->name(), random);
          many ? reflection->AddString(&message, field, text)
               : reflection->SetString(&message, field, text);
          break;
        }
        case FieldDescriptor::CPPTYPE_ENUM: {
          const int number =
              random.Below(20) == 0
                  ? 4711
                  : field->enum_type()
                        ->value(static_cast<int>(
                            random.Below(static_cast<uint64_t>(field->enum_type()->value_count()))))
                        ->number();
          many ? reflection->AddEnumValue(&message, field, number)
               : reflection->SetEnumValue(&message, field, number);
          break;
        }
        case FieldDescriptor::CPPTYPE_UINT32: {
          const auto value = static_cast<uint32_t>(random.Below(10) == 0 ? ~uint64_t{0}
                                                                         : random.Below(5));
          many ? reflection->AddUInt32(&message, field, value)
               : reflection->SetUInt32(&message, field, value);
          break;
        }
        case FieldDescriptor::CPPTYPE_INT64:
          if (!many) reflection->SetInt64(&message, field, static_cast<int64_t>(random()));
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          if (!many) reflection->SetBool(&message, field, random.Below(2) == 0);
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (depth < 3) {
            FillRandomly(many ? *reflection->AddMessage(&message, field)
                              : *reflection->MutableMessage(&message, field),
                         random, depth + 1);
          }
          break;
        default:
          break;
      }
    }
  }
}

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_RANDOM_MESSAGE_H_
