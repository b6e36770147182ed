#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"
#include "services/host/config.h"
#include "services/host/new_epoch.h"

namespace polku::cli {
namespace {

using audit::JsonString;

ExitCode NewEpoch(const Args& args, Io& io) {
  if (!args.Has("config") || !args.Has("old") || !args.Has("reason")) {
    return FailUsage(io,
                     "give --config with the new epoch's configuration, --old with the old one's, and "
                     "--reason");
  }
  const auto next = host::LoadConfig(args.Get("config"), "");
  if (!next.ok()) return Fail(io, next.status());
  const auto old = host::LoadConfig(args.Get("old"), "");
  if (!old.ok()) return Fail(io, old.status());
  const auto known = args.Number("known-size", 1, INT64_MAX);
  if (!known.ok()) return FailUsage(io, ToStd(known.status().message()));

  ProgressLine progress(io, args.Has("progress"));
  const auto made = host::OpenNewEpoch({.next = *next,
                                        .old = *old,
                                        .reason = args.Get("reason"),
                                        .sections_lost = args.Has("sections-lost"),
                                        .known_size = known->value_or(0),
                                        .progress = [&](uint64_t done, uint64_t total) {
                                          progress.Show(Str(done, " of ", total, " entries"));
                                        }});
  progress.Clear();
  if (!made.ok()) return Fail(io, made.status());
  const uint64_t gap = made->known.value() - made->held.value();
  // Less is within what clocks of services may differ by.
  if (made->clock_behind >= absl::Seconds(1)) {
    io.err << "polku: this machine's clock is " << absl::ToInt64Seconds(made->clock_behind)
           << " s behind the newest entry of the old log. Set it right before the service is started: nothing is "
              "folded or decided twice, but recorded times would be wrong and duties late\n";
  }
  if (args.json()) {
    io.out << Str("{\"origin\":", JsonString(next->origin.text()),
                  ",\"predecessor\":", JsonString(old->origin.text()),
                  ",\"held\":", made->held.value(), ",\"known\":", made->known.value(),
                  ",\"gap\":", gap, ",\"clock_behind_seconds\":",
                  absl::ToInt64Seconds(made->clock_behind), ",\"forked\":", made->forked ? "true" : "false",
                  ",\"logs\":", made->logs, ",\"entries\":", made->entries,
                  ",\"sections\":", made->sections,
                  ",\"signing_key\":", JsonString(made->signing_key),
                  ",\"curve_key\":", JsonString(made->curve_key),
                  ",\"old_signing_key\":", JsonString(made->old_signing_key), "}\n");
    return kExitOk;
  }
  io.out << Str(next->origin.text(), " is ready in ", next->data_directory, "; start the service with ",
                args.Get("config"), "\n", "of ", old->origin.text(), " it holds ", made->held.value(),
                " of ", made->known.value(), " known entries");
  io.out << (gap > 0 ? Str("; ", gap, " are lost here, and the Genesis says so\n") : "\n");
  if (made->forked) {
    io.out << "the old log is another history than its high-water mark: the proof is kept, `polku status` "
              "shows it\n";
  }
  io.out << Str(made->entries, " entries of ", made->logs, " logs copied, ", made->sections,
                " own sections wrapped\n",
                "# For the configuration of every service that follows this one, in place of the old "
                "peers entry:\n",
                "peers { origin: \"", next->origin.text(), "\" address: \"tcp://HOST:PORT\" curve_key: \"",
                made->curve_key, "\" signing_key: \"", made->signing_key, "\" }\n",
                "# And in this one's and theirs, so that what the old log proved can still be proven:\n",
                "earlier_signing_keys: \"", made->old_signing_key, "\"\n",
                "# When the new epoch runs and `polku verify` is content, remove ", old->data_directory,
                ": what is erased from now on would lie on in it\n");
  return kExitOk;
}

}  // namespace

Command NewEpochCommand() {
  return {{.name = "new-epoch",
           .summary = "go on with a new log when the old one has lost entries for good",
           .flags = {{"config", "FILE", "the new configuration: origin …/n+1, new data and keys directories"},
                     {"old", "FILE", "the configuration that the service ran with"},
                     {"reason", "TEXT", "why, in one line, for every peer and auditor; no personal data"},
                     {"sections-lost", "", "the keystore or its master key is lost: give own sections' contents up"},
                     {"known-size", "N", "entries that a peer's copy of the old log is known to have"},
                     {"progress", "", "show progress even when the error stream is no terminal"}},
           .details =
               "Offline. The old directories are only read; a file `superseded` in the old keys directory then keeps "
               "the old\n"
               "service from being started again. The new log's Genesis names the old log: how much of it is\n"
               "held, its root, how much it is known to have had, and the reason. What is held goes on as a "
               "replica in\n"
               "the new data directory: cases, receipts of repeats and other agencies' logs stay. Key files that the "
               "new\n"
               "keys directory lacks are made: a new signing key, copies of the others (after a theft of keys, "
               "run\n"
               "`polku keygen` there first and put the old master.key in place of its own). With an empty old "
               "data\n"
               "directory only the high-water mark is known of the old log. Broken off, run it again.\n"
               "--sections-lost: NEW names a new keystore_directory and keys made with `polku keygen`. Headers, proofs "
               "and receipts\n"
               "stay; contents of own sections are gone here, and peers' logs are fetched anew with theirs.",
           .examples = "polku new-epoch --config referral-2.textproto --old referral.textproto --reason "
                       "\"disk lost 2026-11-22, restored from the backup of the night\"\n"
                       "polku new-epoch --config referral-2.textproto --old referral.textproto --reason "
                       "\"…\" --known-size 48211"},
          NewEpoch};
}

}  // namespace polku::cli
