#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/status.h"
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

// How the agencies other than the log's own stand behind it.
struct Standing {
  size_t agencies = 0;     // that have a witness
  size_t all_of_it = 0;    // of them cover every entry
  uint64_t by_all = 0;     // so many entries are covered by every one
};
Standing StandingOf(const exchange::v1::StatusAnswer& status) {
  const auto origin = OriginName::Parse(status.origin());
  std::map<std::string, uint64_t> covered;
  for (const auto& witness : status.witnesses()) {
    if (origin.ok() && witness.agency() == origin->agency()) continue;
    uint64_t& size = covered[witness.agency()];
    size = std::max(size, witness.cosigned_size());
  }
  Standing standing{.agencies = covered.size()};
  standing.by_all = covered.empty() ? 0 : status.size();
  for (const auto& [agency, size] : covered) {
    if (size >= status.size()) ++standing.all_of_it;
    standing.by_all = std::min(standing.by_all, size);
  }
  return standing;
}

std::string StandingText(const exchange::v1::StatusAnswer& status) {
  const Standing standing = StandingOf(status);
  // As of an auditor, whose own log is there for its name alone.
  if (standing.agencies == 0 && status.subscribers().empty()) return "none configured; nobody follows this log";
  if (standing.agencies == 0) return "nobody stands behind it: no witnesses are configured";
  if (status.size() == 0) return "no entries yet";
  std::string text = Str(standing.all_of_it, " of ", standing.agencies,
                         standing.agencies == 1 ? " agency" : " agencies", " behind entry ",
                         status.size() - 1, ", the newest");
  if (standing.all_of_it < standing.agencies) {
    text += standing.by_all > 0 ? Str("; all behind entry ", standing.by_all - 1)
                                : "; not all have cosigned yet";
  }
  return text + (status.confirmed() ? "" : "; unconfirmed since the start");
}

std::string When(int64_t us) {
  return us == 0 ? "never" : ExactTime(absl::FromUnixMicros(us));
}

std::string WitnessesJson(
    const google::protobuf::RepeatedPtrField<exchange::v1::WitnessStatus>& witnesses) {
  std::string json = "[";
  for (int i = 0; i < witnesses.size(); ++i) {
    const auto& witness = witnesses[i];
    json += Str(i > 0 ? "," : "", "{\"agency\":", JsonString(witness.agency()),
                ",\"name\":", JsonString(witness.name()),
                ",\"cosigned_size\":", witness.cosigned_size(),
                ",\"cosigned_at_us\":", witness.cosigned_at_us(), "}");
  }
  return json + "]";
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
            ",\"fault\":", JsonString(subscription.fault()),
            ",\"cosigned_size\":", subscription.cosigned_size(),
            ",\"witnesses\":", WitnessesJson(subscription.witnesses()), "}");
  }
  json += "],\"subscribers\":[";
  for (int i = 0; i < status.subscribers_size(); ++i) {
    const auto& subscriber = status.subscribers(i);
    json +=
        Str(i > 0 ? "," : "", "{\"agency\":", JsonString(subscriber.agency()),
            ",\"name\":", JsonString(subscriber.name()),
            ",\"acknowledged_size\":", subscriber.acknowledged_size(),
            ",\"lag\":", status.size() - std::min(status.size(), subscriber.acknowledged_size()),
            ",\"last_heard_us\":", subscriber.last_heard_us(), "}");
  }
  const Standing standing = StandingOf(status);
  json += Str("],\"witnesses\":", WitnessesJson(status.witnesses()),
              ",\"witness_agencies\":", standing.agencies,
              ",\"agencies_behind_newest\":", standing.all_of_it,
              ",\"confirmed\":", status.confirmed() ? "true" : "false", ",\"forks\":[");
  for (int i = 0; i < status.forks_size(); ++i) {
    const auto& fork = status.forks(i);
    json += Str(i > 0 ? "," : "", "{\"origin\":", JsonString(fork.origin()),
                ",\"found_at_us\":", fork.found_at_us(), ",\"pair\":", JsonString(fork.pair()),
                "}");
  }
  const auto& verification = status.verification();
  json += Str("],\"verification\":{\"finished_at_us\":", verification.finished_at_us(),
              ",\"entries\":", verification.entries(), ",\"problems\":", verification.problems(),
              ",\"first_problem\":", JsonString(verification.first_problem()),
              ",\"running_entries\":", verification.running_entries(), "}");
  json += Str(",\"erasures_under_way\":", status.erasures_under_way(), ",\"notes\":[");
  for (int i = 0; i < status.notes_size(); ++i) {
    json += Str(i > 0 ? "," : "", JsonString(status.notes(i)));
  }
  return json + "]}";
}

void PrintStatus(const exchange::v1::StatusAnswer& status, Io& io) {
  io.out << Plain(status.origin()) << "\n  health   " << Plain(status.health()) << "\n  entries  "
         << status.size() << "\n  clock    " << ExactTime(absl::FromUnixMicros(status.now_us()))
         << "\n  witness  " << StandingText(status) << "\n  verified ";
  const auto& verification = status.verification();
  if (verification.finished_at_us() == 0) {
    io.out << "not yet";
  } else {
    io.out << verification.entries() << " entries, " << When(verification.finished_at_us()) << ", "
           << Counted(verification.problems(), "problem");
  }
  if (verification.running_entries() > 0) {
    io.out << "; " << verification.running_entries() << " read in the pass under way";
  }
  io.out << "\n";
  if (status.erasures_under_way() > 0) {
    io.out << "  erasing  " << Counted(status.erasures_under_way(), "erasure") << " under way\n";
  }
  for (const std::string& note : status.notes()) io.out << "  tidy up  " << Plain(note) << "\n";
  if (!status.witnesses().empty()) {
    io.out << "\nwitnesses\n";
    TextTable table({"witness", "cosigned", "lag", "at"});
    for (const auto& witness : status.witnesses()) {
      table.Add({Plain(witness.name()), std::to_string(witness.cosigned_size()),
                 std::to_string(status.size() - std::min(status.size(), witness.cosigned_size())),
                 When(witness.cosigned_at_us())});
    }
    table.Print(io.out);
  }
  if (!status.subscriptions().empty()) {
    io.out << "\nfollows\n";
    TextTable table({"origin", "state", "stored", "lag", "cosigned", "last heard", "fault"});
    for (const auto& subscription : status.subscriptions()) {
      table.Add({Plain(subscription.origin()), EnumLabel(subscription.state()),
                 std::to_string(subscription.stored_size()), std::to_string(Lag(subscription)),
                 std::to_string(subscription.cosigned_size()),
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
          {Plain(subscriber.name().empty() ? subscriber.agency() : subscriber.name()),
           std::to_string(subscriber.acknowledged_size()),
           std::to_string(status.size() - std::min(status.size(), subscriber.acknowledged_size())),
           Heard(subscriber.last_heard_us(), status.now_us())});
    }
    table.Print(io.out);
  }
  if (!status.forks().empty()) {
    io.out << "\nFORKS: keys that signed two histories; --evidence DIR writes the proof\n";
    TextTable table({"origin", "found"});
    for (const auto& fork : status.forks()) {
      table.Add({Plain(fork.origin()), When(fork.found_at_us())});
    }
    table.Print(io.out);
  }
}

// DIR/<origin, / as _>-<n>.checkpoint-pair for each fork. Evidence is never overwritten.
absl::StatusOr<std::vector<std::string>> WriteEvidence(const exchange::v1::StatusAnswer& status,
                                                       const std::string& directory) {
  std::vector<std::string> files;
  POLKU_RETURN_IF_ERROR(MakeDirectories(directory));
  std::map<std::string, int> numbers;
  for (const auto& fork : status.forks()) {
    const auto origin = OriginName::Parse(fork.origin());
    if (!origin.ok()) return Annotate(origin.status(), "a fork in the status answer");
    const int number = ++numbers[origin->text()];
    if (fork.pair().empty()) continue;  // more than fits an answer
    std::string name = origin->text();
    std::replace(name.begin(), name.end(), '/', '_');
    const std::string path = Str(directory, "/", name, "-", number, ".checkpoint-pair");
    const auto there = ReadFile(path, fork.pair().size());
    if (!there.ok() || *there != fork.pair()) {
      POLKU_RETURN_IF_ERROR(WriteNewFile(path, fork.pair(), 0644));
    }
    files.push_back(path);
  }
  return files;
}

// A fault is something an operator must look at: the command says so by its exit code.
ExitCode CodeOf(const exchange::v1::StatusAnswer& status) {
  if (!status.forks().empty() || status.verification().problems() > 0) return kExitCorrupt;
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
  if (args.Has("evidence")) {
    const auto files = WriteEvidence(*status, args.Get("evidence"));
    if (!files.ok()) return Fail(io, files.status());
    for (const std::string& file : *files) {
      if (!args.json()) io.out << "evidence " << file << "\n";
    }
    if (files->empty() && !args.json()) io.out << "no fork is known: nothing was written\n";
  }
  return CodeOf(*status);
}

}  // namespace

Command StatusCommand() {
  return {
      {.name = "status",
       .summary = "ask a running service: its log, its witnesses, the lag of each peer, its health",
       .flags = NetworkFlags(
           {{"config", "FILE",
             "the service's own configuration: its address and, unless --keys, its keys"},
            {"evidence", "DIR",
             "write each fork's proof, ORIGIN-N.checkpoint-pair: anybody with the origin's public key "
             "can verify it"}}),
       .details = "The key must have RIGHT_OPERATE at the service, or be the service's own. Exit "
                  "code 1 when the\n"
                  "service reports a problem of its own, 5 when what a peer sent or what is stored did not "
                  "verify, or a fork is known.\n"
                  "\"tidy up\" is what the configuration says otherwise than the keys that were announced: "
                  "nothing is wrong, exit code 0.",
       .examples = "polku status --config oulu-referral.textproto\n"
                   "polku status --config oulu-referral.textproto --keys ~/operator-keys --json\n"
                   "polku status --config oulu-referral.textproto --evidence forks\n"
                   "polku status --to tcp://10.0.0.5:7410 --server-key curve.public --keys "
                   "~/operator-keys"},
      RunStatus};
}

}  // namespace polku::cli
