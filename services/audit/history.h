// What an agency holds, read back in order: one log, all logs merged, or one case across all logs.
#ifndef POLKU_SERVICES_AUDIT_HISTORY_H_
#define POLKU_SERVICES_AUDIT_HISTORY_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "google/protobuf/message.h"
#include "polku/event/v1/event.pb.h"
#include "services/access/policy.h"
#include "services/audit/decoder.h"
#include "services/audit/knowledge.h"
#include "services/audit/store.h"
#include "services/core/service.h"
#include "services/host/replaced.h"

namespace polku::audit {

// One entry as this agency may read it. Borrowed; valid during the visit only.
struct Event {
  LogNumber log;
  std::string_view origin;
  Position position;
  const event::v1::Header& header;
  EventId id;
  CaseId case_id;     // zero: a control entry
  SectionSet opened;  // sections in `body`
  SectionSet sealed;  // sections the event has that this agency does not hold or may not open
  SectionSet erased;  // sections that are gone for good, not among the sealed ones: see `erasure`
  const google::protobuf::Message*
      body;                // the event, or the control message; null: no schema is known
  std::string_view bytes;  // what `body` was decoded from
  const Knowledge* knowledge = nullptr;  // of its author; Timeline only
  const struct ErasureNote* erasure = nullptr;  // with `erased`: the entry that says so
  // With Filter::policy: false for what another agency's log may not say, and where another entry stands in its place. It is on record and is shown; who computes from the history what the services compute passes it
  // over, as they do.
  bool counts = true;

  bool control() const { return case_id.is_zero(); }
  Order order() const { return Order(header.order()); }
  absl::Time recorded_at() const { return absl::FromUnixMicros(header.recorded_at_us()); }
  // As folds take it. Precondition: there is a body.
  service::Fact fact() const {
    return {.id = id,
            .case_id = case_id,
            .origin = origin,
            .position = position,
            .order = order(),
            .recorded_at = recorded_at(),
            .author_agency = header.author_agency(),
            .author_official = header.author_official(),
            .body = *body,
            .corrects = EventId::FromBytes(header.corrects()).value_or(EventId())};
  }
};

// What an Erased of the entry's own log says.
struct ErasureNote {
  absl::CivilDay on;  // day of its recording
  std::string legal_basis;
  SectionSet sections;
};

// Every condition that is set must hold. Recording times are the origin's clock: a claim.
struct Filter {
  std::string origin;                      // empty: all logs
  std::optional<Position> from_position;   // inclusive
  std::optional<Position> until_position;  // exclusive
  std::optional<absl::Time> from_time;     // recorded, inclusive
  std::optional<absl::Time> until_time;    // recorded, exclusive
  std::optional<absl::Time> as_of;         // recorded before it: what was on record then
  // What had become true in the world by the end of that day, as far as recorded: the other time axis.
  // An event without a day of its own, or whose day is sealed, counts by its day of recording; ClientIdentified always.
  std::optional<absl::CivilDay> valid_on;
  // Borrowed: only what that agency had, its sections alone. What was opened to it later counts from the entry on
  // that opened it, in a Timeline; Replay does not look ahead for those.
  const KnownTo* known_to = nullptr;
  std::string type;                        // see TypeMatches; empty: all
  // Borrowed. For who computes from the history: says of each event whether it counts (Event::counts), by Policy::Counts
  // and by the corrections among what the other conditions let pass; for these it reads every header once more. Null:
  // all counts.
  const access::Policy* policy = nullptr;
};

// `pattern` is a full name ("polku.attendance.v1.DayRecorded"), a last part ("DayRecorded"), or the
// beginning of a full name and a "*".
bool TypeMatches(std::string_view pattern, std::string_view type);

// The day in the world that an event is about, where it has one and it is visible: of what tells of days
// gone by (an absence notice, a payment's proposal, a claim for travel and what was granted for it) the
// last of them, of what is given for days to come (a bus card) the first.
std::optional<absl::CivilDay> ValidDay(const google::protobuf::Message& event);

// The first instant of that day in Finland.
absl::Time StartOfDay(absl::CivilDay day);

// NotFound: nothing of that case is held.
absl::Status NothingHeld(const CaseId& case_id);

using Visit = std::function<absl::Status(const Event&)>;
// Where each log was read up to: the position after the last entry read.
using Progress = std::map<LogNumber, Position>;

class History {
 public:
  explicit History(Store& store) : store_(store), decoder_(store.engine()) {}

  // All entries that pass the filter, merged by (order, origin, position); within a log that is by
  // position. `progress`, when given, says where to begin in each log and is moved on. NotFound:
  // the filter's origin is not held. DataLoss names log and position; what came before was visited.
  // An error of `visit` ends it and is returned. Memory: one stored group a log.
  absl::Status Replay(const Filter& filter, const Visit& visit, Progress* progress = nullptr);

  // The case's entries in all logs held, merged likewise. NotFound: nothing of that case is held.
  absl::Status Timeline(const CaseId& case_id, const Filter& filter, const Visit& visit);

 private:
  absl::Status VisitEntry(const log::EntryView& entry, std::string_view origin,
                          const Filter& filter, const Knowledge* knowledge, const Visit& visit);
  // A correction that the read does not see replaces nothing in it.
  void NoteCorrection(const log::EntryView& entry, std::string_view origin, const Filter& filter);
  // Null: no section of that entry was erased. Reads the logs' erasures once, when first asked.
  absl::StatusOr<const ErasureNote*> ErasureOf(LogNumber log, Position position);

  Store& store_;
  Decoder decoder_;
  std::optional<std::map<std::pair<LogNumber, Position>, ErasureNote>> erasures_;
  // Of the read under way, where the filter asks for it.
  host::Replaced replaced_;
  // Of the case that Timeline is at: what was opened later to the agency of the filter's known_to.
  std::map<std::pair<LogNumber, Position>, SectionSet> opened_later_;
};

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_HISTORY_H_
