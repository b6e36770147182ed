// Events as a person or another program writes them.
//   JSON:  {"case":"<32 hex>","type":"polku.attendance.v1.DayRecorded","event":{…},
//           "id":"<uuid>","official":"…","corrects":"<uuid>","expected_revision":N}   the last four may be left out
//   text:  the event alone in protobuf text format; case and type stand beside it
// An id that is left out is derived from author agency, case, type, content and what it corrects: the
// same event again is a repeat, not a second one.
#ifndef POLKU_ADAPTERS_CLI_EVENT_INPUT_H_
#define POLKU_ADAPTERS_CLI_EVENT_INPUT_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::cli {

// What stands beside the events; fills what an event leaves out.
struct EventDefaults {
  std::string author_agency;  // for derived ids
  std::string official;
  std::string type;
  std::optional<CaseId> case_id;
  std::optional<EventId> id;
  std::optional<EventId> corrects;  // of the entry that the event takes the place of, in the same log and case
  std::optional<uint64_t> expected_revision;
};

// InvalidArgument names the member or field that is wrong, never its value.
absl::StatusOr<exchange::v1::OfferedEvent> ParseJsonEvent(std::string_view json,
                                                          const EventDefaults& defaults);
// Also needs defaults.type and defaults.case_id. Messages tell line and column.
absl::StatusOr<exchange::v1::OfferedEvent> ParseTextEvent(std::string_view text,
                                                          const EventDefaults& defaults);

// An offered event in the JSON form above, one line.
absl::StatusOr<std::string> OfferedEventJson(const exchange::v1::OfferedEvent& event);

EventId DeriveEventId(std::string_view author_agency, const CaseId& case_id, std::string_view type,
                      std::string_view content,
                      const std::optional<EventId>& corrects = std::nullopt);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_EVENT_INPUT_H_
