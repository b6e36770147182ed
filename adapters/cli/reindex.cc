#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
#include "eventstore/base/status.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "services/host/config.h"

namespace polku::cli {
namespace {

ExitCode Reindex(const Args& args, Io& io) {
  if (!args.Has("config")) {
    return FailUsage(io, "give --config with the service's configuration file");
  }
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  // Read-only first: opening for writing makes what is missing, and there is nothing to index then.
  if (const auto there = rocks::OpenEngine(
          {.directory = config->data_directory, .mode = rocks::OpenMode::kReadOnly});
      !there.ok()) {
    return Fail(io, there.status());
  }
  auto engine = rocks::OpenEngine({.directory = config->data_directory,
                                   .mode = rocks::OpenMode::kReadWrite,
                                   .cache_bytes = config->block_cache_bytes});
  if (!engine.ok()) return Fail(io, engine.status());
  const auto logs = log::HeldLogs(**engine);
  if (!logs.ok()) return Fail(io, logs.status());
  for (const auto& held : *logs) {
    if (held.number == kOwnLog && held.head.origin != config->origin.text()) {
      return Fail(
          io, Error(absl::StatusCode::kFailedPrecondition, "the data directory holds the log of ",
                    held.head.origin, ", not of ", config->origin.text(),
                    "; use the configuration that the service runs with"));
    }
  }
  ProgressLine progress(io, args.Has("progress"));
  uint64_t entries = 0;
  const absl::Status status = log::RebuildIndex(**engine, [&](uint64_t done, uint64_t total) {
    entries = total;
    progress.Show(Str(done, " of ", total, " entries"));
  });
  progress.Clear();
  if (!status.ok()) return Fail(io, status);
  if (args.json()) {
    io.out << "{\"logs\":" << logs->size() << ",\"entries\":" << entries << "}\n";
  } else {
    io.out << "index rebuilt: " << logs->size() << " logs, " << entries << " entries\n";
  }
  return kExitOk;
}

}  // namespace

Command ReindexCommand() {
  return {{.name = "reindex",
           .summary = "rebuild the indexes of a stopped service from its logs",
           .flags = {{"config", "FILE", "the service's configuration"},
                     {"progress", "", "show progress even when the error stream is no terminal"}},
           .details = "Stop the service first: the data directory is locked. The logs are read "
                      "whole and verified as every\n"
                      "read is; they are not changed. Interrupted, it is run again: no service "
                      "starts on half an index.",
           .examples =
               "systemctl stop polku-referral && polku reindex --config oulu-referral.textproto"},
          Reindex};
}

}  // namespace polku::cli
