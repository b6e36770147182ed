#include "adapters/cli/sheet_blank.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/labels.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/references.h"
#include "adapters/csv/blank.h"
#include "eventstore/base/status.h"
#include "services/access/policy.h"
#include "services/audit/event_json.h"
#include "services/audit/group_sheet.h"
#include "services/core/calendar.h"

namespace polku::cli {
namespace {

using audit::GroupMember;

// The first and last day that --week or --month names.
std::optional<std::pair<absl::CivilDay, absl::CivilDay>> SpanOf(const Args& args) {
  if (args.Has("week") == args.Has("month")) return std::nullopt;
  if (args.Has("week")) {
    const auto monday = service::ParseIsoWeek(args.Get("week"));
    if (!monday) return std::nullopt;
    return std::pair(*monday, *monday + 6);
  }
  const auto month = service::ParseMonth(args.Get("month"));
  if (!month) return std::nullopt;
  return std::pair(absl::CivilDay(*month), service::LastDayOf(*month));
}

csv::BlankRow RowOf(const GroupMember& member, const References& references) {
  csv::BlankRow row{references.Of(member.case_id), member.period_id, member.place_code,
                    member.days.begin()->second};
  // One column for all days of the row: where they differ, each cell says its own hours.
  for (const auto& [day, minutes] : member.days) {
    if (minutes != row.planned_minutes) row.planned_minutes = 0;
  }
  return row;
}

void PrintJson(const std::vector<std::pair<csv::BlankRow, GroupMember>>& rows, Io& io) {
  io.out << "{\"rows\":[";
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& [row, member] = rows[i];
    io.out << (i > 0 ? "," : "") << "{\"case\":\"" << FormatCaseId(member.case_id)
           << "\",\"client\":" << audit::JsonString(row.client)
           << ",\"period\":" << audit::JsonString(row.period_id)
           << ",\"place\":" << audit::JsonString(row.place_code) << ",\"days\":[";
    bool first = true;
    for (const auto& [day, minutes] : member.days) {
      io.out << (std::exchange(first, false) ? "" : ",") << "{\"date\":\""
             << service::FormatDate(day) << "\",\"planned_minutes\":" << minutes << "}";
    }
    io.out << "]}";
  }
  io.out << "]}\n";
}

}  // namespace

ExitCode RunBlankSheet(const Args& args, Io& io) {
  const auto language = ParseLanguage(args.GetOr("lang", "fi"));
  if (!language) return FailUsage(io, "--lang is fi, sv or en");
  if (!args.Has("group")) return FailUsage(io, "give --group CODE, the group whose sheet it is");
  const auto span = SpanOf(args);
  if (!span) return FailUsage(io, "give either --week, such as 2025-W10, or --month, such as 2025-03");
  const auto references = References::Read(args.Get("clients"), *language);
  if (!references.ok()) return Fail(io, references.status());
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  SectionSet seen;
  seen.add(SectionKind::kService);
  const auto reading = OpenRecorded(
      args, *claim, {.command = "sheet blank", .case_id = {}, .sections = seen});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::History history(*reading->store);
  audit::GroupSheetFold fold;
  audit::Filter filter;
  const access::Policy policy(reading->config.agreement);
  filter.policy = &policy;
  const absl::Status status = history.Replay(filter, [&](const audit::Event& event) {
    fold.Add(event);
    return absl::OkStatus();
  });
  if (!status.ok()) return Fail(io, status);

  std::vector<std::pair<csv::BlankRow, GroupMember>> rows;
  std::set<absl::CivilDay> days;
  for (GroupMember& member : fold.Members(reading->config.origin.agency(), args.Get("group"),
                                          span->first, span->second)) {
    for (const auto& [day, minutes] : member.days) days.insert(day);
    csv::BlankRow row = RowOf(member, *references);
    rows.emplace_back(std::move(row), std::move(member));
  }
  if (rows.empty()) {
    io.err << "polku: nobody of that group has a service day of this agency then; check the code, "
              "or have GroupJoined recorded\n";
    return kExitRefused;
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.first.client < b.first.client;
  });
  if (args.json()) {
    PrintJson(rows, io);
    return kExitOk;
  }
  std::vector<csv::BlankRow> blank;
  for (const auto& [row, member] : rows) blank.push_back(row);
  io.out << csv::FormatBlankSheet(blank, {days.begin(), days.end()},
                                  static_cast<csv::SheetLanguage>(*language));
  return kExitOk;
}

}  // namespace polku::cli
