#include <string>

#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
#include "adapters/cli/reading.h"
#include "adapters/cli/trust.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/export.h"
#include "services/audit/event_json.h"

namespace polku::cli {
namespace {

absl::StatusOr<evidence::ExportResult> ExportLog(const Args& args, const AccessClaim& claim, Io& io,
                                                 std::string& origin) {
  // Headers of every case; no section.
  POLKU_ASSIGN_OR_RETURN(const Reading reading, OpenRecorded(args, claim, {.command = "export"}));
  origin = args.GetOr("origin", reading.store->own_origin());
  const log::HeldLog* held = reading.store->FindLog(origin);
  if (held == nullptr) {
    return Error(absl::StatusCode::kNotFound, "no log of ", origin,
                 " is held here; `polku summary --logs` lists those that are");
  }
  POLKU_ASSIGN_OR_RETURN(const Trust trust, LoadTrust(reading.config, reading.store->engine()));
  POLKU_RETURN_IF_ERROR(CheckOwnKey(reading.store->engine(), trust));
  POLKU_ASSIGN_OR_RETURN(const proof::LogKeys keys, KeysOf(trust, reading.store->engine(), *held));
  ProgressLine progress(io, args.Has("progress"));
  return evidence::ExportTiles(
      {.engine = &reading.store->engine(),
       .log = held->number,
       .origin = origin,
       .keys = keys,
       .directory = args.Get("tlog"),
       .progress = [&](uint64_t done, uint64_t total) {
         progress.Show(Str("exporting: ", done, " of ", total, " entries"));
       }});
}

ExitCode Export(const Args& args, Io& io) {
  if (!args.Has("tlog")) return FailUsage(io, "where to? give --tlog with a directory");
  const auto claim = ReadAccessClaim(args);
  if (!claim.ok()) return FailUsage(io, ToStd(claim.status().message()));
  std::string origin;
  const auto result = ExportLog(args, *claim, io, origin);
  if (!result.ok()) return Fail(io, result.status());
  if (args.json()) {
    io.out << "{\"origin\":" << audit::JsonString(origin)
           << ",\"directory\":" << audit::JsonString(args.Get("tlog"))
           << ",\"size\":" << result->size.value() << ",\"tiles_written\":" << result->tiles_written
           << ",\"bundles_written\":" << result->bundles_written
           << ",\"bundles_left_out\":" << result->bundles_left_out
           << ",\"repaired\":" << result->repaired << "}\n";
    return kExitOk;
  }
  io.out << args.Get("tlog") << ": " << Plain(origin) << ", " << result->size.value()
         << " entries, " << Counted(result->tiles_written, "tile") << " and "
         << Counted(result->bundles_written, "entry bundle") << " written\n";
  if (result->repaired > 0) {
    io.out << "  " << Counted(result->repaired, "file")
           << " of an earlier export had been damaged or altered: written anew from the log\n";
  }
  if (result->bundles_left_out > 0) {
    io.out << "  left out: " << Counted(result->bundles_left_out, "entry bundle")
           << ", with an entry that is withheld from this agency\n";
  }
  return kExitOk;
}

}  // namespace

Command ExportCommand() {
  return {{.name = "export",
           .summary = "a log as a directory of C2SP tlog-tiles, for any tool that reads those",
           .flags = RecordedReadingFlags(
               {{"tlog", "DIR", "the directory: made, or an earlier export brought up to date"},
                {"origin", "ORIGIN", "which log; default: the service's own"},
                {"progress", "", "show progress even when the error stream is no terminal"}}),
           .details = "Writes `checkpoint`, `tile/…`, `tile/entries/…` and `log.pub` with the origin's key. "
                      "No section leaves the\n"
                      "store. Entries are headers: case ids, officials' pseudonyms, times and receivers are personal "
                      "data, to be kept\n"
                      "as such. It needs all entries: the own log, or one of which a full mirror is held "
                      "(mirror: true). Each file is\n"
                      "written whole or not at all and the checkpoint last, so an interrupted export is run again; "
                      "files of an earlier\n"
                      "one are compared with the log and, where damaged, written anew. Works while the service runs. "
                      "Check it with\n"
                      "`polku verify DIR` or polku_verify.py.",
           .examples =
           "polku export --config oulu-referral.textproto --tlog /srv/tlog/oulu-referral \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'\n"
           "polku export --config tarkastaja.textproto --origin FI/MUN/0187690-1/oulu/referral/1 --tlog out \\\n"
           "  --official tarkastaja-1 --purpose supervision --basis 'laki 611/2021'"},
      Export};
}

}  // namespace polku::cli
