#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/reading.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"

namespace polku::cli {
namespace {

// A follower opens a snapshot anew each time, which costs the reading of what is not yet compacted.
// It rests at least a second, and ten times as long as opening took: at most a tenth of one core.
constexpr absl::Duration kFollowInterval = absl::Seconds(1);
constexpr int kRestFactor = 10;
constexpr int kMaxFailures = 30;

absl::Status PrintNew(audit::Store& store, const audit::Filter& filter, audit::Progress& progress,
                      Io& io) {
  audit::History history(store);
  const auto print = [&](const audit::Event& event) -> absl::Status {
    POLKU_ASSIGN_OR_RETURN(const std::string json, audit::EventJson(event));
    io.out << json << "\n";
    return io.out ? absl::OkStatus() : absl::CancelledError("cannot write the output");
  };
  absl::Status status = history.Replay(filter, print, &progress);
  io.out.flush();
  return status;
}

ExitCode Follow(Reading reading, const audit::Filter& filter, audit::Progress progress, Io& io) {
  absl::Duration rest = kFollowInterval;
  int failures = 0;
  for (;;) {
    absl::SleepFor(rest);
    const absl::Time start = absl::Now();
    auto store = audit::Store::Open(reading.config);
    rest = std::max(kFollowInterval, (absl::Now() - start) * kRestFactor);
    if (!store.ok()) {
      // The service may be starting or compacting; damage that lasts is not passed over.
      if (++failures >= kMaxFailures) return Fail(io, store.status());
      continue;
    }
    failures = 0;
    // The old snapshot's files are let go before the new one is read.
    reading.store = *std::move(store);
    if (const absl::Status status = PrintNew(*reading.store, filter, progress, io); !status.ok()) {
      return Fail(io, status);
    }
  }
}

ExitCode Replay(const Args& args, Io& io) {
  const auto filter = ReadFilter(args);
  if (!filter.ok()) return FailUsage(io, ToStd(filter.status().message()));
  const bool positions = filter->from_position || filter->until_position;
  if (positions && filter->origin.empty()) {
    return FailUsage(io, "positions are of one log; give --origin too, or a day or time");
  }
  if (args.Has("follow") && (args.Has("until") || args.Has("as-of"))) {
    return FailUsage(io, "--follow has no end; leave --until and --as-of out");
  }
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  // One record for all that --follow goes on with.
  auto reading = OpenRecorded(args, *claim, {.command = "replay", .sections = AllSections()});
  if (!reading.ok()) return Fail(io, reading.status());
  audit::Progress progress;
  const absl::Status status = PrintNew(*reading->store, *filter, progress, io);
  if (!status.ok()) return Fail(io, status);
  if (!args.Has("follow")) return kExitOk;
  return Follow(*std::move(reading), *filter, std::move(progress), io);
}

}  // namespace

Command ReplayCommand() {
  return {
      {.name = "replay",
       .summary = "every entry held, in order, a JSON line each",
       .flags = RecordedReadingFlags(
           {{"origin", "ORIGIN",
             "only that log; default: all logs, merged by (order, origin, position)"},
            {"from", "BOUND", "from that position, day or time on (inclusive)"},
            {"until", "BOUND", "before that position; until that day (inclusive) or time"},
            {"type", "TYPE", "only that type; DayRecorded, or polku.attendance.*"},
            {"as-of", "TIME", "what was on record by the end of that day or by that time"},
            {"valid-on", "DAY", "what had become true in the world by the end of that day"},
            {"follow", "", "go on with what is recorded from now on"}}),
       .details = "Days and times are of recording. Every section that this agency holds is opened "
                  "and checked against its\n"
                  "commitment; what is not there is named under \"sealed\". Events of schemas that "
                  "this program does not\n"
                  "know are decoded with the descriptors recorded in their log. Works while the "
                  "service runs: --follow opens\n"
                  "a new read-only snapshot each second, or as seldom as keeps that under a tenth "
                  "of a core.",
       .examples =
           "polku replay --config oulu-referral.textproto \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku replay --config kela.textproto --origin FI/COM/0187690-1/yhdistys/attendance/1 --from 1000 --until 2000 \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku replay --config kela.textproto --type 'polku.compensation.*' --as-of 2025-03-31 \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku replay --config kela.textproto --from 2025-03-01 --follow \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'"},
      Replay};
}

}  // namespace polku::cli
