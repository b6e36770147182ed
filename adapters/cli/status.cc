#include "eventstore/base/status.h"

#include "absl/time/time.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "services/audit/event_json.h"

namespace polku::cli {
namespace {

using audit::JsonString;

uint64_t Lag(const exchange::v1::SubscriptionStatus& subscription) {
  return subscription.announced_size() > subscription.stored_size()
             ? subscription.announced_size() - subscription.stored_size()
             : 0;
}

std::string Heard(int64_t heard_us, int64_t now_us) {
  if (heard_us == 0) return "never";
  const int64_t seconds = (now_us - heard_us) / 1'000'000;
  return seconds < 0 ? "now" : Str(seconds, " s ago");
}

std::string StatusJson(const exchange::v1::StatusAnswer& status) {
  std::string json =
      Str("{\"origin\":", JsonString(status.origin()), ",\"size\":", status.size(), ",\"now\":\"",
          polku::FormatTime(absl::FromUnixMicros(status.now_us())),
          "\",\"health\":", JsonString(status.health()),
          ",\"checkpoint\":", JsonString(status.checkpoint()), ",\"subscriptions\":[");
  for (int i = 0; i < status.subscriptions_size(); ++i) {
    const auto& subscription = status.subscriptions(i);
    json +=
        Str(i > 0 ? "," : "", "{\"origin\":", JsonString(subscription.origin()), ",\"state\":\"",
            EnumLabel(subscription.state()), "\",\"stored_size\":", subscription.stored_size(),
            ",\"announced_size\":", subscription.announced_size(), ",\"lag\":", Lag(subscription),
            ",\"last_heard_us\":", subscription.last_heard_us(),
            ",\"fault\":", JsonString(subscription.fault()), "}");
  }
  json += "],\"subscribers\":[";
  for (int i = 0; i < status.subscribers_size(); ++i) {
    const auto& subscriber = status.subscribers(i);
    json +=
        Str(i > 0 ? "," : "", "{\"agency\":", JsonString(subscriber.agency()),
            ",\"acknowledged_size\":", subscriber.acknowledged_size(),
            ",\"lag\":", status.size() - std::min(status.size(), subscriber.acknowledged_size()),
            ",\"last_heard_us\":", subscriber.last_heard_us(), "}");
  }
  return json + "]}";
}

void PrintStatus(const exchange::v1::StatusAnswer& status, Io& io) {
  io.out << Plain(status.origin()) << "\n  health   " << Plain(status.health()) << "\n  entries  "
         << status.size() << "\n  clock    " << LocalTime(absl::FromUnixMicros(status.now_us()))
         << "\n";
  if (!status.subscriptions().empty()) {
    io.out << "\nfollows\n";
    TextTable table({"origin", "state", "stored", "lag", "last heard", "fault"});
    for (const auto& subscription : status.subscriptions()) {
      table.Add({Plain(subscription.origin()), EnumLabel(subscription.state()),
                 std::to_string(subscription.stored_size()), std::to_string(Lag(subscription)),
                 Heard(subscription.last_heard_us(), status.now_us()),
                 Plain(subscription.fault())});
    }
    table.Print(io.out);
  }
  if (!status.subscribers().empty()) {
    io.out << "\nfollowed by\n";
    TextTable table({"agency", "acknowledged", "lag", "last heard"});
    for (const auto& subscriber : status.subscribers()) {
      table.Add(
          {Plain(subscriber.agency()), std::to_string(subscriber.acknowledged_size()),
           std::to_string(status.size() - std::min(status.size(), subscriber.acknowledged_size())),
           Heard(subscriber.last_heard_us(), status.now_us())});
    }
    table.Print(io.out);
  }
}

// A fault is something an operator must look at: the command says so by its exit code.
ExitCode CodeOf(const exchange::v1::StatusAnswer& status) {
  for (const auto& subscription : status.subscriptions()) {
    if (subscription.state() == exchange::v1::SUBSCRIPTION_STATE_FAULT) return kExitCorrupt;
  }
  return status.health() == "ok" ? kExitOk : kExitRefused;
}

ExitCode RunStatus(const Args& args, Io& io) {
  if (args.Has("config") && args.Has("as")) return FailUsage(io, "give --config or --as, not both");
  const auto target = args.Has("config") ? FindOwnService(args) : FindTarget(args);
  if (!target.ok()) return Fail(io, target.status());
  const auto client = client::Client::Connect(target->options);
  if (!client.ok()) return Fail(io, client.status());
  const auto status = (*client)->Status();
  if (!status.ok()) return Fail(io, status.status());
  if (args.json()) {
    io.out << StatusJson(*status) << "\n";
  } else {
    PrintStatus(*status, io);
  }
  return CodeOf(*status);
}

}  // namespace

Command StatusCommand() {
  return {
      {.name = "status",
       .summary = "ask a running service: its log, the position and lag of each peer, its health",
       .flags = NetworkFlags(
           {{"config", "FILE",
             "the service's own configuration: its address and, unless --keys, its keys"}}),
       .details = "The key must have RIGHT_OPERATE at the service, or be the service's own. Exit "
                  "code 1 when the\n"
                  "service reports a problem of its own, 5 when what a peer sent did not verify.",
       .examples = "polku status --config oulu-referral.textproto\n"
                   "polku status --config oulu-referral.textproto --keys ~/operator-keys --json\n"
                   "polku status --to tcp://10.0.0.5:7410 --server-key curve.public --keys "
                   "~/operator-keys"},
      RunStatus};
}

}  // namespace polku::cli
