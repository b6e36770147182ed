#include "adapters/csv/sheet.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "absl/time/civil_time.h"
#include "adapters/csv/codes.h"
#include "adapters/csv/problem_texts.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/random.h"
#include "eventstore/base/status.h"
#include "polku/attendance/v1/attendance.pb.h"

namespace polku::csv {
namespace {

constexpr uint32_t kMinutesPerDay = 24 * 60;
constexpr size_t kMaxNoteBytes = 4'000;
constexpr size_t kMaxPlaceBytes = 64;
constexpr size_t kMaxLabelBytes = 32;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// At most two digits from the start of `text`, which loses them.
std::optional<uint32_t> TakeNumber(std::string_view& text, size_t max_digits) {
  size_t digits = 0;
  uint32_t value = 0;
  while (digits < text.size() && digits < max_digits && IsDigit(text[digits])) {
    value = value * 10 + static_cast<uint32_t>(text[digits++] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

// "6", "5,5", "5.25" or "5:30" → minutes; nullopt unless 1 minute to 24 hours, in whole minutes.
std::optional<uint32_t> ParseHours(std::string_view text) {
  const auto whole = TakeNumber(text, 2);
  if (!whole) return std::nullopt;
  uint32_t minutes = *whole * 60;
  if (!text.empty()) {
    const char mark = text.front();
    text.remove_prefix(1);
    const size_t digits = text.size();
    const auto part = TakeNumber(text, 2);
    if (!part || !text.empty()) return std::nullopt;
    if (mark == ':') {
      if (digits != 2 || *part > 59) return std::nullopt;
      minutes += *part;
    } else if (mark == ',' || mark == '.') {
      const uint32_t scale = digits == 1 ? 10 : 100;
      if (*part * 60 % scale != 0) return std::nullopt;
      minutes += *part * 60 / scale;
    } else {
      return std::nullopt;
    }
  }
  if (minutes == 0 || minutes > kMinutesPerDay) return std::nullopt;
  return minutes;
}

// The weekday that folded `text` begins with (and loses); nullopt when there is none.
std::optional<size_t> TakeWeekday(std::string_view& text) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view word = text.substr(0, space);
  for (size_t day = 0; day < 7; ++day) {
    for (size_t language = 0; language < kSheetLanguages; ++language) {
      if (WeekdayHeading(day, static_cast<SheetLanguage>(language)) != word) continue;
      text.remove_prefix(space + 1);
      return day;
    }
  }
  return std::nullopt;
}

std::optional<absl::CivilDay> ParseFinnishDay(std::string_view text) {
  const auto day = TakeNumber(text, 2);
  if (!day || text.empty() || text.front() != '.') return std::nullopt;
  text.remove_prefix(1);
  const auto month = TakeNumber(text, 2);
  if (!month || text.size() != 5 || text.front() != '.') return std::nullopt;
  text.remove_prefix(1);
  const auto year = TakeNumber(text, 4);
  if (!year || !text.empty()) return std::nullopt;
  const absl::CivilDay result(*year, static_cast<int>(*month), static_cast<int>(*day));
  if (result.month() != static_cast<int>(*month) || result.day() != static_cast<int>(*day)) {
    return std::nullopt;
  }
  return result;
}

struct DateOrProblem {
  std::optional<absl::CivilDay> day;
  std::string problem;
};

// "2025-03-03", "3.3.2025", "ma 3.3.2025"; `text` is folded. The law came into force in 2001.
DateOrProblem ParseSheetDate(std::string_view text, SheetLanguage language) {
  const auto weekday = TakeWeekday(text);
  auto day = ParseDay(text);
  if (!day) day = ParseFinnishDay(text);
  if (!day) {
    return {std::nullopt, Fill(says::kNotADate, language)};
  }
  if (day->year() < 2001 || day->year() > 2099) {
    return {std::nullopt, Fill(says::kYear, language)};
  }
  if (weekday && absl::GetWeekday(*day) != static_cast<absl::Weekday>(*weekday)) {
    return {std::nullopt, Fill(says::kWeekday, language)};
  }
  return {day, ""};
}

// A header cell that means a day, even a wrong one.
bool LooksLikeDate(std::string_view folded) {
  TakeWeekday(folded);
  return !folded.empty() && IsDigit(folded.front());
}

bool IsLabel(std::string_view text) {
  if (text.empty() || text.size() > kMaxLabelBytes) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-'; });
}

std::string KnownCodes(SheetLanguage language) {
  std::string codes;
  for (const DayCode& code : DayCodes()) {
    codes += Str(codes.empty() ? "" : ", ", code.code, " ", Fill(code.name, language));
  }
  return codes;
}

// Of author, case, day, type and content.
EventId IdOf(std::string_view author_agency, const CaseId& case_id, const std::string& day,
             const google::protobuf::Message& message) {
  std::string seed("polku/sheet/v1\0", 15);
  AppendLengthPrefixed32(seed, author_agency);
  seed += case_id.view();
  AppendLengthPrefixed32(seed, day);
  AppendLengthPrefixed32(seed, message.GetDescriptor()->full_name());
  AppendLengthPrefixed32(seed, message.SerializeAsString());
  return DerivedEventId(seed);
}

// What a cell or a row says of one day.
struct Day {
  const DayCode* code = nullptr;
  bool withdrawn = false;
  bool certificate = false;
  std::optional<uint32_t> planned;
  std::optional<uint32_t> actual;
  std::optional<absl::CivilDay> swapped_from;
};

// "6" or "7/5,5" (planned/actual). False when it is neither.
bool ParseHoursInto(std::string_view text, Day& day) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    day.planned = ParseHours(text.substr(0, slash));
    if (!day.planned) return false;
    text.remove_prefix(slash + 1);
  }
  day.actual = ParseHours(text);
  return day.actual.has_value();
}

// A cell of the wide form, or the code cell of the long one; `folded` is not empty. A problem, or
// "".
std::string ParseDayCell(std::string_view folded, bool long_form, SheetLanguage language, Day& day) {
  const auto say = [&](const Texts& texts, std::initializer_list<std::string_view> values = {}) {
    return Fill(texts, language, values);
  };
  size_t letters = 0;
  while (letters < folded.size() && !IsDigit(folded[letters]) && folded[letters] != '+' &&
         folded[letters] != ' ' && folded[letters] != '-') {
    ++letters;
  }
  std::string_view word = folded.substr(0, letters);
  std::string_view rest = folded.substr(letters);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (word.empty()) {
    day.code = &DayCodeOf(event::v1::ATTENDANCE_CLASS_ATTENDED);
    if (!ParseHoursInto(folded, day)) return say(says::kNotHoursNorCode, {say(says::kHoursHelp)});
    return "";
  }
  if (word == kWithdrawnCode) {
    if (!long_form) return say(says::kWithdrawnInWide);
    if (!rest.empty()) return say(says::kAfterX);
    day.withdrawn = true;
    return "";
  }
  day.code = FindDayCode(word);
  if (day.code == nullptr) return say(says::kUnknownCode, {KnownCodes(language)});
  if (rest == "+") {
    if (!day.code->takes_certificate) return say(says::kNoCertificate, {day.code->code});
    day.certificate = true;
    return "";
  }
  if (rest.empty()) return "";
  if (!day.code->takes_hours) {
    return say(says::kNothingAfter, {day.code->code});
  }
  if (day.code->attendance_class == event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP) {
    const size_t space = rest.rfind(' ');
    const std::string_view last = space == std::string_view::npos ? rest : rest.substr(space + 1);
    if (last.find('-') != std::string_view::npos ||
        std::count(last.begin(), last.end(), '.') == 2) {
      const DateOrProblem date = ParseSheetDate(last, language);
      if (!date.day) return say(says::kSwappedDayIs, {date.problem});
      day.swapped_from = date.day;
      rest = space == std::string_view::npos ? std::string_view() : rest.substr(0, space);
    }
  }
  if (!rest.empty() && !ParseHoursInto(rest, day)) {
    return say(says::kHoursAfter, {day.code->code, say(says::kHoursHelp)});
  }
  return "";
}

struct Column {
  std::optional<ColumnKind> kind;
  std::optional<absl::CivilDay> day;
};

class Reader {
 public:
  Reader(const Clients& clients, const SheetOptions& options)
      : clients_(clients), options_(options) {}

  Sheet Read(std::string_view bytes) {
    const Table table = ParseTable(bytes, options_.table, sheet_.problems);
    if (sheet_.problems.empty() && ReadHeader(table.rows.front())) {
      for (size_t i = 1; i < table.rows.size(); ++i) {
        long_form_ ? ReadLongRow(table.rows[i]) : ReadWideRow(table.rows[i]);
      }
    }
    return Finish();
  }

 private:
  void Add(size_t line, size_t column, std::string what) {
    sheet_.problems.push_back({line, column, std::move(what)});
  }
  std::string Say(const Texts& texts, std::initializer_list<std::string_view> values = {}) const {
    return Fill(texts, options_.table.language, values);
  }
  std::string Name(ColumnKind kind) const { return std::string(ColumnHeading(kind, options_.table.language)); }
  std::string DayName(absl::CivilDay day) const {
    return options_.table.language == SheetLanguage::kEnglish ? FormatDay(day)
                                                              : Str(day.day(), ".", day.month(), ".", day.year());
  }

  // False: without these columns no row can be read.
  bool ReadHeader(const Row& header) {
    std::map<ColumnKind, size_t> seen;
    std::map<absl::CivilDay, size_t> days;
    bool usable = true;
    for (size_t i = 0; i < header.cells.size(); ++i) {
      const std::string folded = Fold(header.cells[i].text);
      Column column{.kind = FindColumn(folded), .day = std::nullopt};
      if (column.kind) {
        const auto [first, added] = seen.try_emplace(*column.kind, i + 1);
        if (!added) {
          Add(header.line, i + 1,
              Say(says::kColumnTwice, {Name(*column.kind), Str(first->second)}));
        }
      } else if (LooksLikeDate(folded)) {
        const DateOrProblem date = ParseSheetDate(folded, options_.table.language);
        column.day = date.day;
        if (!date.day) {
          Add(header.line, i + 1, Say(says::kColumnDayIs, {date.problem}));
        } else if (const auto [first, added] = days.try_emplace(*date.day, i + 1); !added) {
          Add(header.line, i + 1,
              Say(says::kDayTwice, {DayName(*date.day), Str(first->second)}));
        }
        has_days_ = true;
      } else {
        Add(header.line, i + 1,
            Say(says::kUnknownColumn));
      }
      columns_.push_back(column);
    }
    long_form_ = seen.contains(ColumnKind::kDate);
    if (!seen.contains(ColumnKind::kClient)) {
      Add(header.line, 0,
          Say(says::kNoClientColumn));
      usable = false;
    }
    if (long_form_ && has_days_) {
      Add(header.line, 0,
          Say(says::kBothForms));
      usable = false;
    }
    if (!long_form_ && !has_days_) {
      Add(header.line, 0,
          Say(says::kNoDayColumn));
      usable = false;
    }
    if (long_form_ && !seen.contains(ColumnKind::kCode) && !seen.contains(ColumnKind::kActual)) {
      Add(header.line, 0, Say(says::kNoCodeColumn));
      usable = false;
    }
    for (const auto& [kind, column] : seen) {
      const bool wide_too = kind == ColumnKind::kClient || kind == ColumnKind::kPlanned ||
                            kind == ColumnKind::kPeriod || kind == ColumnKind::kPlace;
      if (kind == ColumnKind::kCase) {
        Add(header.line, column,
            Say(says::kCaseColumn));
      } else if (!long_form_ && has_days_ && !wide_too) {
        Add(header.line, column,
            Say(says::kLongFormColumn, {Name(kind)}));
      }
    }
    return usable;
  }

  const Cell* Find(const Row& row, ColumnKind kind) const {
    const size_t column = ColumnOf(kind);
    return column == 0 || row.cells[column - 1].text.empty() ? nullptr : &row.cells[column - 1];
  }
  size_t ColumnOf(ColumnKind kind) const {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].kind == kind) return i + 1;
    }
    return 0;
  }

  // What stands beside the days in either form. False: the row cannot be used.
  struct RowBasis {
    CaseId case_id;
    std::string reference;
    std::optional<uint32_t> planned;
    std::string period_id;
    std::string place_code;
  };
  bool ReadBasis(const Row& row, RowBasis& basis) {
    bool usable = true;
    const Cell* client = Find(row, ColumnKind::kClient);
    const size_t client_column = ColumnOf(ColumnKind::kClient);
    if (client == nullptr) {
      Add(row.line, client_column, Say(says::kNoClient));
      usable = false;
    } else if (const auto found = clients_.find(client->text); found != clients_.end()) {
      basis.reference = found->first;
      basis.case_id = found->second;
    } else if (const auto case_id = ParseCaseId(client->text); case_id && !case_id->is_zero()) {
      // So a blank sheet names a client for whom the provider has no reference.
      basis.reference = client->text;
      basis.case_id = *case_id;
    } else {
      Add(client->line, client_column,
          Say(says::kUnknownClient));
      usable = false;
    }
    if (const Cell* cell = Find(row, ColumnKind::kPlanned)) {
      basis.planned = ParseHours(cell->text);
      if (!basis.planned) {
        Add(cell->line, ColumnOf(ColumnKind::kPlanned), Say(says::kNotHours, {Say(says::kHoursHelp)}));
        usable = false;
      }
    } else if (options_.planned_minutes > 0) {
      basis.planned = options_.planned_minutes;
    }
    basis.period_id = options_.period_id;
    if (const Cell* cell = Find(row, ColumnKind::kPeriod)) {
      basis.period_id = cell->text;
      if (!IsLabel(cell->text)) {
        Add(cell->line, ColumnOf(ColumnKind::kPeriod), Say(says::kBadPeriod));
        usable = false;
      }
    }
    basis.place_code = options_.place_code;
    if (const Cell* cell = Find(row, ColumnKind::kPlace)) {
      basis.place_code = cell->text;
      if (cell->text.size() > kMaxPlaceBytes) {
        Add(cell->line, ColumnOf(ColumnKind::kPlace),
            Say(says::kBadPlace, {Str(kMaxPlaceBytes)}));
        usable = false;
      }
    }
    return usable;
  }

  void ReadWideRow(const Row& row) {
    RowBasis basis;
    const bool usable = ReadBasis(row, basis);
    if (usable) {
      const auto [first, added] =
          client_rows_.try_emplace({basis.reference, basis.period_id}, row.line);
      if (!added) {
        Add(row.line, ColumnOf(ColumnKind::kClient),
            Say(says::kClientTwice, {Str(first->second)}));
        return;
      }
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Cell& cell = row.cells[i];
      if (!columns_[i].day || cell.text.empty()) continue;
      Day day;
      std::string problem = ParseDayCell(Fold(cell.text), /*long_form=*/false, options_.table.language, day);
      if (problem.empty()) {
        problem = usable ? Record(basis, *columns_[i].day, day, nullptr, "", cell.line, i + 1)
                         : std::string();
      }
      if (!problem.empty()) {
        Add(cell.line, i + 1, Str(DayName(*columns_[i].day), ": ", problem));
      }
    }
  }

  void ReadLongRow(const Row& row) {
    RowBasis basis;
    bool usable = ReadBasis(row, basis);
    const auto fail = [&](ColumnKind kind, std::string what) {
      Add(row.line, ColumnOf(kind), std::move(what));
      usable = false;
    };
    std::optional<absl::CivilDay> date;
    if (const Cell* cell = Find(row, ColumnKind::kDate)) {
      const DateOrProblem parsed = ParseSheetDate(Fold(cell->text), options_.table.language);
      date = parsed.day;
      if (!date) fail(ColumnKind::kDate, parsed.problem);
    } else {
      fail(ColumnKind::kDate, Say(says::kNoDay));
    }
    Day day;
    const Cell* code = Find(row, ColumnKind::kCode);
    const Cell* hours = Find(row, ColumnKind::kActual);
    if (code != nullptr) {
      std::string problem = ParseDayCell(Fold(code->text), /*long_form=*/true, options_.table.language, day);
      if (!problem.empty()) fail(ColumnKind::kCode, std::move(problem));
    } else if (hours != nullptr) {
      day.code = &DayCodeOf(event::v1::ATTENDANCE_CLASS_ATTENDED);
    } else {
      fail(ColumnOf(ColumnKind::kCode) != 0 ? ColumnKind::kCode : ColumnKind::kActual,
           Say(says::kNothingSaid));
    }
    if (hours != nullptr) {
      if (day.actual) {
        fail(ColumnKind::kActual, Say(says::kHoursTwice));
      } else if (day.withdrawn || (day.code != nullptr && !day.code->takes_hours)) {
        fail(ColumnKind::kActual, Say(says::kHoursAndAbsence));
      } else if (!ParseHoursInto(hours->text, day)) {
        fail(ColumnKind::kActual, Say(says::kNotHours, {Say(says::kHoursHelp)}));
      }
    }
    if (const Cell* cell = Find(row, ColumnKind::kCertificate)) {
      static const std::set<std::string> kYes = {"x",   "k", "kyllä", "ja", "j",
                                                 "yes", "y", "1",     "+"};
      static const std::set<std::string> kNo = {"e", "ei", "nej", "n", "no", "0", "-"};
      const std::string folded = Fold(cell->text);
      if (kYes.contains(folded)) {
        if (day.code != nullptr && !day.code->takes_certificate) {
          fail(ColumnKind::kCertificate, Say(says::kNoCertificate, {day.code->code}));
        }
        day.certificate = true;
      } else if (!kNo.contains(folded)) {
        fail(ColumnKind::kCertificate, Say(says::kCertificateCell));
      }
    }
    if (const Cell* cell = Find(row, ColumnKind::kSwappedFrom)) {
      const DateOrProblem parsed = ParseSheetDate(Fold(cell->text), options_.table.language);
      if (!parsed.day) {
        fail(ColumnKind::kSwappedFrom, parsed.problem);
      } else if (day.swapped_from) {
        fail(ColumnKind::kSwappedFrom, Say(says::kSwapTwice));
      }
      day.swapped_from = parsed.day;
    }
    std::optional<attendance::v1::CorrectionReason> reason;
    if (const Cell* cell = Find(row, ColumnKind::kReason)) {
      reason = FindReason(Fold(cell->text));
      if (!reason) fail(ColumnKind::kReason, Say(says::kUnknownReason, {ReasonWords(options_.table.language)}));
    }
    std::string note;
    if (const Cell* cell = Find(row, ColumnKind::kNote)) {
      note = cell->text;
      if (note.size() > kMaxNoteBytes) {
        fail(ColumnKind::kNote, Say(says::kLongNote, {Str(kMaxNoteBytes)}));
      }
    }
    if (!usable) return;
    std::string problem = Record(basis, *date, day, reason ? &*reason : nullptr, note, row.line, 0);
    if (!problem.empty()) {
      Add(row.line, code != nullptr ? ColumnOf(ColumnKind::kCode) : ColumnOf(ColumnKind::kActual),
          std::move(problem));
    }
  }

  // Takes the day as an event. A problem, or "".
  std::string Record(const RowBasis& basis, absl::CivilDay date, Day day,
                     const attendance::v1::CorrectionReason* reason, const std::string& note,
                     size_t line, size_t column) {
    if (day.withdrawn) {
      if (reason == nullptr)
        return Say(says::kWithdrawnNeedsReason);
      if (!note.empty()) return Say(says::kWithdrawnNote);
      auto event = std::make_unique<attendance::v1::DayCorrected>();
      event->set_date(FormatDay(date));
      event->set_period_id(basis.period_id);
      event->set_reason(*reason);
      event->set_withdrawn(true);
      return Take(basis, date, std::move(event), line, column);
    }
    if (!day.planned) day.planned = basis.planned;
    const bool swap = day.code->attendance_class == event::v1::ATTENDANCE_CLASS_AGREED_DAY_SWAP;
    if (day.code->takes_hours && !day.actual) {
      if (!day.planned) {
        return Say(says::kCodeWithoutHours, {day.code->code, Name(ColumnKind::kPlanned)});
      }
      day.actual = day.planned;
    }
    if (swap && !day.swapped_from) {
      return Say(says::kSwapNeedsDay);
    }
    if (!swap && day.swapped_from) return Say(says::kOnlySwapHasDay);
    if (swap && *day.swapped_from == date) return Say(says::kSwapOfItself);
    const auto outcome = OutcomeOf(*day.code, date);
    if (!outcome) {
      return Say(says::kNoSingleRule, {Say(day.code->name)});
    }
    const auto fill = [&](auto& event) {
      event.set_date(FormatDay(date));
      event.set_period_id(basis.period_id);
      event.set_planned_minutes(day.planned.value_or(0));
      event.set_actual_minutes(day.code->takes_hours ? *day.actual : 0);
      if (day.swapped_from) event.set_swapped_from(FormatDay(*day.swapped_from));
      event.set_place_code(basis.place_code);
      event.set_outcome(*outcome);
      event.set_attendance_class(day.code->attendance_class);
      event.set_certificate_seen(day.certificate);
      event.set_note(note);
    };
    if (reason != nullptr) {
      auto event = std::make_unique<attendance::v1::DayCorrected>();
      fill(*event);
      event->set_reason(*reason);
      return Take(basis, date, std::move(event), line, column);
    }
    auto event = std::make_unique<attendance::v1::DayRecorded>();
    fill(*event);
    return Take(basis, date, std::move(event), line, column);
  }

  std::optional<event::v1::DayOutcome> OutcomeOf(const DayCode& code, absl::CivilDay date) const {
    if (options_.profile == nullptr) return code.outcome;
    const std::string day = FormatDay(date);  // compares as text
    std::optional<event::v1::DayOutcome> outcome;
    for (const auto& rule : options_.profile->absence_classes()) {
      if (rule.attendance_class() != code.attendance_class) continue;
      if (!rule.valid_from().empty() && day < rule.valid_from()) continue;
      if (!rule.valid_until().empty() && day > rule.valid_until()) continue;
      // A sheet does not tell when the service began: rules by start day must agree.
      if (outcome && *outcome != rule.outcome()) return std::nullopt;
      outcome = rule.outcome();
    }
    return outcome;
  }

  std::string Take(const RowBasis& basis, absl::CivilDay date,
                   std::unique_ptr<google::protobuf::Message> event, size_t line, size_t column) {
    auto& records = recorded_[{basis.case_id, date}];
    for (const auto& [period, first_line] : records) {
      // An empty period means whichever covers the day.
      if (period == basis.period_id || period.empty() || basis.period_id.empty()) {
        return Say(says::kDayRecordedTwice, {Str(first_line)});
      }
    }
    records.emplace_back(basis.period_id, line);
    const std::string day = FormatDay(date);
    const EventId id = IdOf(options_.author_agency, basis.case_id, day, *event);
    sheet_.events.push_back({basis.case_id, id, line, column, day, std::move(event)});
    return "";
  }

  Sheet Finish() {
    auto& problems = sheet_.problems;
    if (problems.empty() && sheet_.events.empty()) {
      problems.push_back({0, 0, Say(says::kNoDays)});
    }
    if (problems.empty() && sheet_.events.size() > kMaxSheetEvents) {
      problems.push_back(
          {0, 0,
           Say(says::kTooManyDays, {Str(sheet_.events.size()), Str(kMaxSheetEvents)})});
    }
    if (!problems.empty()) {
      sheet_.events.clear();
      std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
      });
      return std::move(sheet_);
    }
    std::set<CaseId> cases;
    for (const SheetEvent& event : sheet_.events) cases.insert(event.case_id);
    sheet_.clients = cases.size();
    std::stable_sort(sheet_.events.begin(), sheet_.events.end(),
                     [](const SheetEvent& a, const SheetEvent& b) { return a.date < b.date; });
    return std::move(sheet_);
  }

  const Clients& clients_;
  const SheetOptions& options_;
  std::vector<Column> columns_;
  bool has_days_ = false;
  bool long_form_ = false;
  std::map<std::pair<std::string, std::string>, size_t> client_rows_;  // reference, period → line
  std::map<std::pair<CaseId, absl::CivilDay>, std::vector<std::pair<std::string, size_t>>>
      recorded_;
  Sheet sheet_;
};

}  // namespace

Clients ParseClients(std::string_view bytes, const TableOptions& options,
                     std::vector<Problem>& problems) {
  Clients clients;
  const auto say = [&](const Texts& texts, std::initializer_list<std::string_view> values = {}) {
    return Fill(texts, options.language, values);
  };
  const size_t problems_before = problems.size();
  const Table table = ParseTable(bytes, options, problems);
  if (problems.size() > problems_before) return clients;
  const Row& header = table.rows.front();
  size_t client_column = 0;
  size_t case_column = 0;
  for (size_t i = 0; i < header.cells.size(); ++i) {
    const auto kind = FindColumn(Fold(header.cells[i].text));
    if (kind == ColumnKind::kClient && client_column == 0) {
      client_column = i + 1;
    } else if (kind == ColumnKind::kCase && case_column == 0) {
      case_column = i + 1;
    } else {
      problems.push_back(
          {header.line, i + 1, say(says::kNotAClientsColumn)});
    }
  }
  if (client_column == 0 || case_column == 0) {
    problems.push_back({header.line, 0, say(says::kClientsColumns)});
    return clients;
  }
  std::map<std::string, size_t> reference_lines;
  std::map<CaseId, size_t> case_lines;
  for (size_t i = 1; i < table.rows.size(); ++i) {
    const Row& row = table.rows[i];
    const std::string& reference = row.cells[client_column - 1].text;
    if (reference.empty()) {
      problems.push_back({row.line, client_column, say(says::kNoClient)});
      continue;
    }
    const auto case_id = ParseCaseId(row.cells[case_column - 1].text);
    if (!case_id || case_id->is_zero()) {
      problems.push_back({row.line, case_column, say(says::kBadCase)});
      continue;
    }
    const auto [first, added] = reference_lines.try_emplace(reference, row.line);
    if (!added) {
      problems.push_back(
          {row.line, client_column, say(says::kClientOnLine, {Str(first->second)})});
    }
    const auto [first_case, new_case] = case_lines.try_emplace(*case_id, row.line);
    if (!new_case) {
      problems.push_back(
          {row.line, case_column, say(says::kCaseOnLine, {Str(first_case->second)})});
    }
    clients[reference] = *case_id;
  }
  return clients;
}

Sheet ParseSheet(std::string_view bytes, const Clients& clients, const SheetOptions& options) {
  return Reader(clients, options).Read(bytes);
}

bool ProposeCorrection(SheetEvent& event, std::string_view author_agency) {
  const auto* corrected = dynamic_cast<const attendance::v1::DayCorrected*>(event.message.get());
  if (corrected == nullptr) return false;
  auto proposed = std::make_unique<attendance::v1::DayCorrectionProposed>();
  proposed->set_date(corrected->date());
  proposed->set_period_id(corrected->period_id());
  proposed->set_planned_minutes(corrected->planned_minutes());
  proposed->set_actual_minutes(corrected->actual_minutes());
  proposed->set_swapped_from(corrected->swapped_from());
  proposed->set_place_code(corrected->place_code());
  proposed->set_outcome(corrected->outcome());
  proposed->set_attendance_class(corrected->attendance_class());
  proposed->set_certificate_seen(corrected->certificate_seen());
  proposed->set_note(corrected->note());
  proposed->set_reason(corrected->reason());
  proposed->set_withdrawn(corrected->withdrawn());
  event.id = IdOf(author_agency, event.case_id, event.date, *proposed);
  event.message = std::move(proposed);
  return true;
}

}  // namespace polku::csv
