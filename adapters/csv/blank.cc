#include "adapters/csv/blank.h"

#include <algorithm>
#include <string_view>

#include "adapters/csv/table.h"
#include "eventstore/base/status.h"

namespace polku::csv {
namespace {

constexpr char kSeparator = ';';

// "6" or "5:30"
std::string Hours(uint32_t minutes) {
  if (minutes % 60 == 0) return Str(minutes / 60);
  return Str(minutes / 60, minutes % 60 < 10 ? ":0" : ":", minutes % 60);
}

std::string DayHeading(absl::CivilDay day, SheetLanguage language) {
  return Str(WeekdayHeading(static_cast<size_t>(absl::GetWeekday(day)), language), " ", day.day(),
             ".", day.month(), ".", day.year());
}

}  // namespace

std::string FormatBlankSheet(const std::vector<BlankRow>& rows,
                             const std::vector<absl::CivilDay>& days, SheetLanguage language) {
  const bool places = std::any_of(rows.begin(), rows.end(),
                                  [](const BlankRow& row) { return !row.place_code.empty(); });
  const bool planned = std::any_of(rows.begin(), rows.end(),
                                   [](const BlankRow& row) { return row.planned_minutes > 0; });
  std::string sheet(ColumnHeading(ColumnKind::kClient, language));
  const auto cell = [&](std::string_view text) {
    sheet.push_back(kSeparator);
    sheet += text;
  };
  cell(ColumnHeading(ColumnKind::kPeriod, language));
  if (places) cell(ColumnHeading(ColumnKind::kPlace, language));
  if (planned) cell(ColumnHeading(ColumnKind::kPlanned, language));
  for (const absl::CivilDay day : days) cell(DayHeading(day, language));
  sheet.push_back('\n');
  for (const BlankRow& row : rows) {
    sheet += FormatCell(row.client);
    cell(row.period_id);
    if (places) cell(FormatCell(row.place_code));
    if (planned) cell(row.planned_minutes > 0 ? Hours(row.planned_minutes) : std::string());
    sheet.append(days.size(), kSeparator);
    sheet.push_back('\n');
  }
  return sheet;
}

}  // namespace polku::csv
