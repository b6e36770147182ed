#include "adapters/csv/codes.h"

#include <array>
#include <utility>

#include "eventstore/base/status.h"

namespace polku::csv {
namespace {

using attendance::v1::CorrectionReason;

constexpr std::array<DayCode, 8> kDayCodes = {{
    {"L", event::v1::ATTENDANCE_CLASS_ATTENDED, event::v1::DAY_OUTCOME_ATTENDED, true, false,
     {"läsnä", "närvarande", "attended"}},
    {"V", event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP, event::v1::DAY_OUTCOME_ATTENDED, true, false,
     {"vaihdettu päivä", "bytt dag", "agreed day swap"}},
    {"E", event::v1::ATTENDANCE_CLASS_SERVICE_NOT_HELD, event::v1::DAY_OUTCOME_NOT_HELD, false,
     false, {"ei järjestetty", "inte ordnad", "service not held"}},
    {"S", event::v1::ATTENDANCE_CLASS_OWN_ILLNESS, event::v1::DAY_OUTCOME_ABSENT_ACCEPTED, false,
     true, {"oma sairaus", "egen sjukdom", "own illness"}},
    {"LS", event::v1::ATTENDANCE_CLASS_CHILD_ILL, event::v1::DAY_OUTCOME_ABSENT_ACCEPTED, false,
     true, {"lapsen sairaus", "barns sjukdom", "child ill"}},
    {"T", event::v1::ATTENDANCE_CLASS_JOB_INTERVIEW, event::v1::DAY_OUTCOME_ABSENT_ACCEPTED, false,
     true, {"työhaastattelu", "arbetsintervju", "job interview"}},
    {"LT", event::v1::ATTENDANCE_CLASS_PUBLIC_OFFICE, event::v1::DAY_OUTCOME_ABSENT_ACCEPTED, false,
     true, {"luottamustoimi", "förtroendeuppdrag", "public office"}},
    {"P", event::v1::ATTENDANCE_CLASS_OTHER_ABSENCE, event::v1::DAY_OUTCOME_ABSENT_OTHER, false,
     false, {"muu poissaolo", "annan frånvaro", "other absence"}},
}};

struct ReasonWord {
  CorrectionReason reason;
  Texts words;
};
constexpr std::array<ReasonWord, 7> kReasons = {{
    {attendance::v1::CORRECTION_REASON_WRONG_CLIENT,
     {"väärä asiakas", "fel klient", "wrong client"}},
    {attendance::v1::CORRECTION_REASON_WRONG_DATE, {"väärä päivä", "fel dag", "wrong date"}},
    {attendance::v1::CORRECTION_REASON_WRONG_CLASS, {"väärä merkintä", "fel kod", "wrong class"}},
    {attendance::v1::CORRECTION_REASON_WRONG_TIME, {"väärä aika", "fel tid", "wrong time"}},
    {attendance::v1::CORRECTION_REASON_CERTIFICATE_CAME,
     {"todistus saatu", "intyg inkommit", "certificate came"}},
    {attendance::v1::CORRECTION_REASON_DUPLICATE, {"kahteen kertaan", "dubblett", "duplicate"}},
    {attendance::v1::CORRECTION_REASON_OTHER, {"muu syy", "annan orsak", "other"}},
}};

struct ColumnWord {
  std::string_view word;  // folded
  ColumnKind kind;
};
constexpr std::array kColumns = {
    ColumnWord{"asiakas", ColumnKind::kClient},
    ColumnWord{"klient", ColumnKind::kClient},
    ColumnWord{"client", ColumnKind::kClient},
    ColumnWord{"päivä", ColumnKind::kDate},
    ColumnWord{"pvm", ColumnKind::kDate},
    ColumnWord{"datum", ColumnKind::kDate},
    ColumnWord{"date", ColumnKind::kDate},
    ColumnWord{"koodi", ColumnKind::kCode},
    ColumnWord{"kod", ColumnKind::kCode},
    ColumnWord{"code", ColumnKind::kCode},
    ColumnWord{"suunniteltu", ColumnKind::kPlanned},
    ColumnWord{"planerat", ColumnKind::kPlanned},
    ColumnWord{"planned", ColumnKind::kPlanned},
    ColumnWord{"tunnit", ColumnKind::kActual},
    ColumnWord{"timmar", ColumnKind::kActual},
    ColumnWord{"hours", ColumnKind::kActual},
    ColumnWord{"todistus", ColumnKind::kCertificate},
    ColumnWord{"intyg", ColumnKind::kCertificate},
    ColumnWord{"certificate", ColumnKind::kCertificate},
    ColumnWord{"vaihdettu", ColumnKind::kSwappedFrom},
    ColumnWord{"bytt från", ColumnKind::kSwappedFrom},
    ColumnWord{"swapped from", ColumnKind::kSwappedFrom},
    ColumnWord{"jakso", ColumnKind::kPeriod},
    ColumnWord{"period", ColumnKind::kPeriod},
    ColumnWord{"paikka", ColumnKind::kPlace},
    ColumnWord{"plats", ColumnKind::kPlace},
    ColumnWord{"place", ColumnKind::kPlace},
    ColumnWord{"korjaus", ColumnKind::kReason},
    ColumnWord{"rättelse", ColumnKind::kReason},
    ColumnWord{"correction", ColumnKind::kReason},
    ColumnWord{"huomautus", ColumnKind::kNote},
    ColumnWord{"anmärkning", ColumnKind::kNote},
    ColumnWord{"note", ColumnKind::kNote},
    ColumnWord{"tapaus", ColumnKind::kCase},
    ColumnWord{"ärende", ColumnKind::kCase},
    ColumnWord{"case", ColumnKind::kCase},
};

struct Heading {
  ColumnKind kind;
  Texts words;
};
constexpr std::array kHeadings = {
    Heading{ColumnKind::kClient, {"asiakas", "klient", "client"}},
    Heading{ColumnKind::kPlanned, {"suunniteltu", "planerat", "planned"}},
    Heading{ColumnKind::kPeriod, {"jakso", "period", "period"}},
    Heading{ColumnKind::kPlace, {"paikka", "plats", "place"}},
    Heading{ColumnKind::kDate, {"päivä", "datum", "date"}},
    Heading{ColumnKind::kCode, {"koodi", "kod", "code"}},
    Heading{ColumnKind::kActual, {"tunnit", "timmar", "hours"}},
    Heading{ColumnKind::kCertificate, {"todistus", "intyg", "certificate"}},
    Heading{ColumnKind::kSwappedFrom, {"vaihdettu", "bytt från", "swapped from"}},
    Heading{ColumnKind::kReason, {"korjaus", "rättelse", "correction"}},
    Heading{ColumnKind::kNote, {"huomautus", "anmärkning", "note"}},
    Heading{ColumnKind::kCase, {"tapaus", "ärende", "case"}},
};

constexpr std::array<Texts, 7> kWeekdays = {
    {{"ma", "må", "mon"},
     {"ti", "ti", "tue"},
     {"ke", "on", "wed"},
     {"to", "to", "thu"},
     {"pe", "fr", "fri"},
     {"la", "lö", "sat"},
     {"su", "sö", "sun"}}};

}  // namespace

std::string_view ColumnHeading(ColumnKind kind, SheetLanguage language) {
  for (const Heading& heading : kHeadings) {
    if (heading.kind == kind) return heading.words[static_cast<size_t>(language)];
  }
  return "";
}

std::string_view WeekdayHeading(size_t weekday, SheetLanguage language) {
  return kWeekdays[weekday][static_cast<size_t>(language)];
}

std::span<const DayCode> DayCodes() { return kDayCodes; }

const DayCode* FindDayCode(std::string_view folded) {
  for (const DayCode& code : kDayCodes) {
    if (Fold(code.code) == folded) return &code;
  }
  return nullptr;
}

const DayCode& DayCodeOf(event::v1::AttendanceClass attendance_class) {
  for (const DayCode& code : kDayCodes) {
    if (code.attendance_class == attendance_class) return code;
  }
  return kDayCodes.front();
}

std::optional<CorrectionReason> FindReason(std::string_view folded) {
  for (const ReasonWord& entry : kReasons) {
    for (std::string_view word : entry.words) {
      if (word == folded) return entry.reason;
    }
  }
  return std::nullopt;
}

std::string ReasonWords(SheetLanguage language) {
  std::string words;
  for (const ReasonWord& entry : kReasons) {
    words += Str(words.empty() ? "" : ", ", entry.words[static_cast<size_t>(language)]);
  }
  return words;
}

std::optional<ColumnKind> FindColumn(std::string_view folded) {
  for (const ColumnWord& entry : kColumns) {
    if (entry.word == folded) return entry.kind;
  }
  return std::nullopt;
}

std::string Fold(std::string_view text) {
  std::string folded;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '_') {
      if (!folded.empty() && folded.back() != ' ') folded.push_back(' ');
      continue;
    }
    if (c >= 'A' && c <= 'Z') {
      folded.push_back(static_cast<char>(c - 'A' + 'a'));
      continue;
    }
    // U+00C4 Ä, U+00C5 Å, U+00D6 Ö: the lower case is 0x20 further on.
    if (c == '\xC3' && i + 1 < text.size() &&
        (text[i + 1] == '\x84' || text[i + 1] == '\x85' || text[i + 1] == '\x96')) {
      folded.push_back(c);
      folded.push_back(static_cast<char>(static_cast<unsigned char>(text[++i]) + 0x20));
      continue;
    }
    folded.push_back(c);
  }
  while (!folded.empty() && folded.back() == ' ') folded.pop_back();
  return folded;
}

}  // namespace polku::csv
