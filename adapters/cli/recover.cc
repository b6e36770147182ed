#include "adapters/cli/command.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "services/host/config.h"
#include "services/host/recovery.h"

namespace polku::cli {
namespace {

struct Mirror {
  std::string address;
  zeromq::CurveKey key;
};

// An address with its key, or a peer of the configuration by its origin.
absl::StatusOr<Mirror> FindMirror(const Args& args, const host::Config& config) {
  const std::string from = args.Get("from");
  if (from.starts_with("tcp://")) {
    if (!args.Has("server-key")) {
      return absl::InvalidArgumentError("give --server-key, the mirror's curve.public");
    }
    POLKU_ASSIGN_OR_RETURN(const auto key, ReadCurveKey(args.Get("server-key")));
    return Mirror{from, key};
  }
  for (const auto& peer : config.peers) {
    if (peer.origin.text() == from) return Mirror{peer.address, peer.curve_key};
  }
  return Error(absl::StatusCode::kInvalidArgument, "--from ", from,
               " is neither an address (tcp://host:port, with --server-key) nor the origin of a peer in the "
               "configuration");
}

std::string MissingText(const host::Recovered& done) {
  return Str("The high-water mark says that ", done.mark.value(), " entries were signed: ", done.missing(),
             " are known to be missing and this mirror does not have them either.\n"
             "Try another mirror with the same command; what was fetched is kept. When no mirror has them, "
             "go on with `polku new-epoch`,\nwhich tells every peer of the gap. The service does not start "
             "on this log as it is.\n");
}

ExitCode Recover(const Args& args, Io& io) {
  if (!args.Has("config") || !args.Has("from")) {
    return FailUsage(io, "give --config with the service's configuration and --from with the mirror");
  }
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  const auto mirror = FindMirror(args, *config);
  if (!mirror.ok()) return FailUsage(io, ToStd(mirror.status().message()));
  const auto seconds = args.Number("timeout", 1, 3600);
  if (!seconds.ok()) return FailUsage(io, ToStd(seconds.status().message()));

  ProgressLine progress(io, args.Has("progress"));
  const auto done = host::RecoverFromMirror(
      {.config = *config,
       .mirror = mirror->address,
       .mirror_key = mirror->key,
       .patience = absl::Seconds(static_cast<int64_t>(seconds->value_or(30))),
       .progress = [&](Position stored, Position announced) {
         progress.Show(Str(stored.value(), " of ", announced.value(), " entries"));
       }});
  progress.Clear();
  if (!done.ok()) return Fail(io, done.status());

  const uint64_t fetched = done->size.value() - done->before.value();
  if (args.json()) {
    io.out << Str("{\"fetched\":", fetched, ",\"size\":", done->size.value(), ",\"root\":\"",
                  ToHex(done->root.view()), "\",\"missing\":", done->missing(),
                  ",\"sections\":", done->sections,
                  ",\"sections_without_key\":", done->without_key,
                  ",\"sections_left_out\":", done->left_out, ",\"unexplained\":", done->unexplained, "}\n");
  } else {
    io.out << Str("fetched ", fetched, " entries; the log has ", done->size.value(),
                  " entries, root ", ToHex(done->root.view()), "\n");
    if (done->sections > 0) {
      io.out << Str(done->sections - done->without_key, " of ", done->sections,
                    " sections of them open with the keystore's keys\n");
    }
  }
  if (done->without_key > 0) {
    io.err << "polku: the keystore has no key for " << done->without_key
           << " of the fetched sections: it is older than the log. Restore the keystore's newest backup before "
              "the service is started\n";
  }
  if (done->before == Position(0) && fetched > 0) {
    io.err << "polku: note: cosignatures that were kept in the lost directory are not fetched. Witnesses cosign "
              "the newest checkpoint again once the service runs; what an agency had received at an earlier time "
              "is shown by the peers that follow this log, which kept them\n";
  }
  if (done->left_out > 0) {
    io.err << "polku: the mirror did not give " << done->left_out
           << " sections, and the keystore has no key that says whether they were held here. Where the keystore is "
              "older than the log, restore its newest backup and fetch into an empty data directory again\n";
  }
  if (done->missing() > 0) io.err << "polku: " << MissingText(*done);
  if (done->unexplained > 0) {
    io.err << "polku: " << done->unexplained
           << " of the entries came as erased, and what says so is among those that this mirror does not have\n";
  }
  return done->missing() > 0 || done->without_key > 0 || done->left_out > 0 ? kExitRefused : kExitOk;
}

}  // namespace

Command RecoverCommand() {
  return {{.name = "recover",
           .summary = "fetch back from a mirror what a stopped service's log has lost",
           .flags = {{"config", "FILE", "the configuration of the service whose log it is"},
                     {"from", "MIRROR", "the mirror: tcp://host:port, or the origin of a peer"},
                     {"server-key", "KEY", "with an address: the mirror's curve.public, file or text"},
                     {"timeout", "SECONDS", "give up when nothing comes for so long (30)"},
                     {"progress", "", "show progress even when the error stream is no terminal"}},
           .details =
               "For a log that was found behind its high-water mark, or whose disk was lost (an empty data "
               "directory).\n"
               "The keys directory and the keystore must be there. A mirror is a service that follows this log "
               "with\n"
               "`mirror: true`; it gives it back to this service's own key. Every entry is verified against our "
               "own\n"
               "signing key, every section with the keystore, before it is stored. Broken off, run it again; "
               "with several\n"
               "mirrors, run it with each. Exit code 1: the mirror has less than was signed; 5: what it has does "
               "not\n"
               "verify or lacks sections that were held here, or it is another history than ours, and the proof of "
               "that is kept\nin a file.",
           .examples = "polku recover --config oulu-referral.textproto --from "
                       "FI/GOV/0246246-0/kela/compensation/1\n"
                       "polku recover --config oulu-referral.textproto --from tcp://10.0.0.7:7410 "
                       "--server-key mirror-curve.public"},
          Recover};
}

}  // namespace polku::cli
