// An association's attendance sheet as events (SHEETS.md): wide, a row a client and a column a day,
// or long, a row a day. Pure: bytes in, events or every problem out; nothing is half taken.
#ifndef POLKU_ADAPTERS_CSV_SHEET_H_
#define POLKU_ADAPTERS_CSV_SHEET_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/csv/table.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/message.h"
#include "polku/config/v1/profile.pb.h"

namespace polku::csv {

// One sheet is one offer (DESIGN "Limits": 1,024 entries an append).
inline constexpr size_t kMaxSheetEvents = 1'024;

// The provider's reference of a client → case. References may be names: treat as personal data.
using Clients = std::map<std::string, CaseId>;

// A CSV file with the columns asiakas and tapaus. Problems: those of ParseTable, a missing column,
// a malformed case id, a reference or a case listed twice. With any problem the map is not to be
// used.
Clients ParseClients(std::string_view bytes, const TableOptions& options,
                     std::vector<Problem>& problems);

struct SheetOptions {
  std::string author_agency;     // enters the event ids
  uint32_t planned_minutes = 0;  // where neither cell nor row says; 0: not said
  std::string period_id;         // where the row says none; may be empty
  std::string place_code;
  const config::v1::Profile* profile =
      nullptr;  // outcomes by its absence classes; null: DayCodes()
  TableOptions table;
};

struct SheetEvent {
  CaseId case_id;
  EventId id;  // of author, case, date and content: the same sheet again is a repeat
  size_t line = 0;
  size_t column = 0;
  std::string date;                                    // "YYYY-MM-DD"
  std::unique_ptr<google::protobuf::Message> message;  // DayRecorded, DayCorrected or DayCorrectionProposed
};

struct Sheet {
  std::vector<SheetEvent> events;  // ascending by date, then line, column
  size_t clients = 0;              // with at least one event
  std::vector<Problem> problems;   // ascending by line; any: `events` is empty
};

Sheet ParseSheet(std::string_view bytes, const Clients& clients, const SheetOptions& options);

// Makes of a correction (DayCorrected) what a confirmed month takes: the proposal of the same new truth about the day,
// for another official to decide. The id becomes that of the proposal. False, and nothing is changed: it is no correction.
bool ProposeCorrection(SheetEvent& event, std::string_view author_agency);

}  // namespace polku::csv

#endif  // POLKU_ADAPTERS_CSV_SHEET_H_
