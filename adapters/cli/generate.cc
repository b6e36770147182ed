#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/strings/str_format.h"
#include "adapters/cli/command.h"
#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "services/audit/event_json.h"
#include "services/core/calendar.h"
#include "services/generate/generate.h"
#include "services/host/config.h"

namespace polku::cli {
namespace {

using audit::JsonString;

constexpr uint64_t kMostClients = 36'500;  // as many identity codes for tests are dealt out
constexpr uint64_t kMostMonths = 120;
constexpr uint64_t kFirstPort = 7600;

ExitCode RunGenerate(const Args& args, Io& io) {
  for (std::string_view flag : {"profile", "clients", "months", "seed", "out"}) {
    if (!args.Has(flag)) return FailUsage(io, Str("give --", flag, "; polku generate --help shows an example"));
  }
  const auto clients = args.Number("clients", 1, kMostClients);
  if (!clients.ok()) return FailUsage(io, ToStd(clients.status().message()));
  const auto months = args.Number("months", 1, kMostMonths);
  if (!months.ok()) return FailUsage(io, ToStd(months.status().message()));
  const auto seed = args.Number("seed", 0, UINT64_MAX);
  if (!seed.ok()) return FailUsage(io, ToStd(seed.status().message()));
  const auto port = args.Number("port", 1'024, 65'000);
  if (!port.ok()) return FailUsage(io, ToStd(port.status().message()));
  const auto start = ParseDay(args.GetOr("start", "2025-01-01"));
  if (!start) return FailUsage(io, "--start is a day of the form 2025-01-01");
  const absl::CivilDay until = service::AddMonths(*start, static_cast<int>(**months)) - 1;
  // A service would wait with what its logs say of days to come.
  if (until > FinnishDay(SystemClock()())) {
    return FailUsage(io, Str("the history would end on ", FormatDay(until), ", which has not come yet; begin it "
                             "earlier (--start) or make it shorter (--months)"));
  }
  const std::string profile = args.Get("profile");
  const auto profiles = host::ProfileFiles(profile);
  if (!profiles.ok()) return Fail(io, profiles.status());
  const std::string work_division = args.GetOr(
      "agreements", (std::filesystem::path(profile).parent_path() / ".." / "agreements").lexically_normal().string());
  ProgressLine progress(io, args.Has("progress"));
  const generate::Options options{
      .profiles = *profiles,
      .work_division = {Str(work_division, "/taulukko-1.textproto"), Str(work_division, "/osapuolet.textproto")},
      .directory = args.Get("out"),
      .clients = **clients,
      .seed = **seed,
      .from = *start,
      .until = until,
      .first_port = static_cast<uint16_t>(port->value_or(kFirstPort)),
      .progress = [&](absl::CivilDay day, uint64_t events) {
        progress.Show(Str(FormatDay(day), ", ", events, " events"));
      }};
  const absl::Time began = SystemClock()();
  const auto made = generate::Generate(options);
  progress.Clear();
  if (!made.ok()) return Fail(io, made.status());
  const double seconds = absl::ToDoubleSeconds(SystemClock()() - began);
  if (args.json()) {
    io.out << "{\"directory\":" << JsonString(options.directory) << ",\"clients\":" << options.clients
           << ",\"from\":\"" << FormatDay(options.from) << "\",\"until\":\"" << FormatDay(options.until)
           << "\",\"offered\":" << made->offered << ",\"entries\":" << made->entries << ",\"seconds\":" << seconds
           << ",\"logs\":[";
    for (size_t i = 0; i < made->logs.size(); ++i) {
      const auto& log = made->logs[i];
      io.out << (i > 0 ? "," : "") << "{\"instance\":" << JsonString(log.instance)
             << ",\"origin\":" << JsonString(log.origin) << ",\"entries\":" << log.entries
             << ",\"of_other_logs\":" << log.held_of_others << "}";
    }
    io.out << "]}\n";
    return kExitOk;
  }
  TextTable table({"service", "entries", "of other logs"});
  for (const auto& log : made->logs) {
    table.Add({log.instance, std::to_string(log.entries), std::to_string(log.held_of_others)});
  }
  table.Print(io.out);
  io.out << options.clients << " clients, " << FormatDay(options.from) << " to " << FormatDay(options.until) << ": "
         << made->offered << " events recorded by people, " << made->entries << " entries with what the services said "
         << "themselves, in " << absl::StrFormat("%.1f", seconds) << " s\n"
         << "Read it: polku summary --config " << options.directory
         << "/hyvinvointi-audit/service.textproto --stopped --official me-1 --purpose statistics --basis test\n";
  return kExitOk;
}

}  // namespace

Command GenerateCommand() {
  return {
      {.name = "generate",
       .summary = "make up a region's history through the real services, for tests, benchmarks and newcomers",
       .flags = {{"profile", "FILE",
                  "the region's rules, e.g. deploy/profiles/tampere.textproto; what it needs is read from beside it"},
                 {"clients", "N", "how many, 1 to 36500"},
                 {"months", "M", "how long, 1 to 120; it must be over by today"},
                 {"seed", "S", "the same seed makes the same events"},
                 {"out", "DIR", "the directory to be made"},
                 {"start", "DAY", "the first day; 2025-01-01"},
                 {"agreements", "DIR", "where taulukko-1.textproto and osapuolet.textproto are; beside the profile's directory"},
                 {"port", "PORT", "the services' configurations listen on this port and the next ones; 7600"},
                 {"progress", "", "show progress even when the error stream is no terminal"}},
       .details =
           "Makes the configurations, keys and stores of eight services at six made-up agencies, as if they had run and\n"
           "followed each other for that time. Every event was offered to the service that it belongs to and decided on\n"
           "under the profile; duties, disclosures and replicas are what the services made of it. The persons do not exist:\n"
           "identity codes have the numbers 900-999 that are given to nobody. What the shares and delays rest on, and\n"
           "which of them are assumptions: services/generate/README.md. Keys are new each time; the services can be\n"
           "started on the directory.",
       .examples =
           "polku generate --profile deploy/profiles/tampere.textproto --clients 1500 --months 12 --seed 1 --out /tmp/tampere\n"
           "polku-referral --config /tmp/tampere/tyollisyys-referral/service.textproto"},
      RunGenerate};
}

}  // namespace polku::cli
