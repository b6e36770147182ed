// An attendance sheet with nothing filled in (SHEETS.md), as ParseSheet takes it back. Pure.
#ifndef POLKU_ADAPTERS_CSV_BLANK_H_
#define POLKU_ADAPTERS_CSV_BLANK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "adapters/csv/codes.h"

namespace polku::csv {

struct BlankRow {
  std::string client;  // the provider's reference, or the case id: treat as personal data
  std::string period_id;
  std::string place_code;        // may be empty
  uint32_t planned_minutes = 0;  // of each day; 0: not said
};

// The wide form: a line a row in the given order, a column a day. Places and planned hours have a
// column where a row has any. Lines end with LF, the separator is a semicolon.
std::string FormatBlankSheet(const std::vector<BlankRow>& rows,
                             const std::vector<absl::CivilDay>& days, SheetLanguage language);

}  // namespace polku::csv

#endif  // POLKU_ADAPTERS_CSV_BLANK_H_
