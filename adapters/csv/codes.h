// The words and letters of an attendance sheet (SHEETS.md). Pure tables.
#ifndef POLKU_ADAPTERS_CSV_CODES_H_
#define POLKU_ADAPTERS_CSV_CODES_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "adapters/csv/texts.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/event/v1/common.pb.h"

namespace polku::csv {

struct DayCode {
  std::string_view code;  // upper case
  event::v1::AttendanceClass attendance_class;
  event::v1::DayOutcome outcome;  // where no profile says otherwise (DOMAIN, Rules)
  bool takes_hours;               // the client was there
  bool takes_certificate;         // "+" may follow
  Texts name;
};

// A code for every class of the vocabulary, in its order (a test holds it to that).
std::span<const DayCode> DayCodes();
const DayCode* FindDayCode(std::string_view folded);  // Fold()ed; null when there is none
const DayCode& DayCodeOf(event::v1::AttendanceClass attendance_class);
inline constexpr std::string_view kWithdrawnCode = "x";  // folded; long form, with a reason

// A reason of correction, by its Finnish, Swedish or English word, folded.
std::optional<attendance::v1::CorrectionReason> FindReason(std::string_view folded);
std::string ReasonWords(SheetLanguage language);  // all of them, for messages

enum class ColumnKind {
  kClient,
  kDate,
  kCode,
  kPlanned,
  kActual,
  kCertificate,
  kSwappedFrom,
  kPeriod,
  kPlace,
  kReason,
  kNote,
  kCase,  // of the clients' file
};
// By header, folded: Finnish, Swedish and English names.
std::optional<ColumnKind> FindColumn(std::string_view folded);

// How a sheet heads the column, and a weekday, Monday as 0, in that language; messages name it so.
std::string_view ColumnHeading(ColumnKind kind, SheetLanguage language);
std::string_view WeekdayHeading(size_t weekday, SheetLanguage language);

// ASCII and Å Ä Ö to lower case; runs of white space and underscores become one space.
std::string Fold(std::string_view text);

}  // namespace polku::csv

#endif  // POLKU_ADAPTERS_CSV_CODES_H_
