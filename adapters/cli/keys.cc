#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "adapters/cli/command.h"
#include "adapters/cli/network.h"
#include "adapters/cli/output.h"
#include "adapters/client/client.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/key_history.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "services/audit/event_json.h"
#include "services/host/config.h"
#include "services/host/key_changes.h"
#include "services/host/keys.h"
#include "services/host/rotation.h"

namespace polku::cli {
namespace {

using audit::JsonString;
using event::v1::KeyChanged;

absl::Status Usage(std::string_view message) { return absl::InvalidArgumentError(ToAbsl(message)); }

std::string_view UseName(event::v1::KeyUse use) {
  return use == event::v1::KEY_USE_PRINCIPAL ? "principal" : host::KeyFileName(use);
}

// ---- show ----

struct Line {
  std::string use;
  std::string holder;
  std::string key;   // 32 bytes
  std::string text;  // as .public files and configurations have it
  std::string state;
  const host::PrincipalConfig* principal = nullptr;  // whose rights it has
  std::optional<Position> announced;                 // of a rotation that the service has not taken yet
};

std::string RightsOf(const host::PrincipalConfig& principal) {
  std::string rights;
  for (const auto& [has, name] : {std::pair(principal.may_publish, "publish"),
                                  std::pair(principal.may_replicate, "replicate"),
                                  std::pair(principal.may_operate, "operate"),
                                  std::pair(principal.may_mirror, "mirror"),
                                  std::pair(principal.may_erase, "erase")}) {
    if (has) rights += Str(rights.empty() ? "" : " ", name);
  }
  return rights;
}

struct Shown {
  std::vector<Line> keys;
  std::optional<host::KeysInForce> in_force;  // whose principals the lines point to
  host::AnnouncedChanges announced;
  std::vector<std::string> superseded;
  std::string genesis_signing;  // vkey, for peers' configurations
  std::string curve, cosigning;  // as .public files have them
};

std::string CurveText(std::string_view key) {
  return zeromq::FormatCurveKey(*zeromq::CurveKey::FromBytes(key));
}

// Of the own keys: announced, and the service takes the new one at its next start.
void AddUnderWay(const host::Config& config, const host::ServiceKeys& keys, Shown& shown) {
  const auto own = shown.announced.find(config.origin.text());
  if (own == shown.announced.end()) return;
  const proof::VerifierKey& cosigning = keys.cosigner->verifier();
  for (const auto& one : own->second) {
    const KeyChanged& change = one.change;
    const bool curve = change.use() == event::v1::KEY_USE_CURVE &&
                       change.old_key() == keys.curve.public_key.view();
    const bool cosigns = change.use() == event::v1::KEY_USE_COSIGNING &&
                         change.old_key() == cosigning.key().view();
    if (!curve && !cosigns) continue;
    shown.keys.push_back(
        {.use = std::string(UseName(change.use())),
         .holder = config.origin.text(),
         .key = change.new_key(),
         .text = curve ? CurveText(change.new_key())
                       : proof::VerifierKey(cosigning.name(), *proof::Ed25519Public::FromBytes(change.new_key()),
                                            proof::KeyUse::kCosignature)
                             .Format(),
         .state = "announced, in force after the restart",
         .announced = one.position});
  }
}

absl::StatusOr<std::unique_ptr<Shown>> ReadShown(const host::Config& config) {
  auto made = std::make_unique<Shown>();
  Shown& shown = *made;
  POLKU_ASSIGN_OR_RETURN(const auto keys,
                         host::LoadServiceKeys(config.keys_directory, config.origin.text()));
  POLKU_ASSIGN_OR_RETURN(const auto engine,
                         rocks::OpenEngine({.directory = config.data_directory,
                                            .mode = rocks::OpenMode::kReadOnly}));
  POLKU_ASSIGN_OR_RETURN(shown.announced, host::ReadAnnounced(*engine, config));
  shown.in_force.emplace(config, shown.announced);
  host::KeysInForce& in_force = *shown.in_force;
  in_force.Used(keys.curve.public_key);
  shown.superseded = in_force.superseded();
  shown.superseded.insert(shown.superseded.end(), in_force.faults().begin(), in_force.faults().end());
  POLKU_ASSIGN_OR_RETURN(const auto own, log::OwnKeys(*engine, keys.signer->verifier()));
  shown.genesis_signing = own.first().Format();
  shown.curve = zeromq::FormatCurveKey(keys.curve.public_key);
  shown.cosigning = keys.cosigner->verifier().Format();
  const auto add_signer = [&](std::string_view use, std::string_view holder, const proof::VerifierKey& key,
                              std::string_view state) {
    shown.keys.push_back({.use = std::string(use),
                          .holder = std::string(holder),
                          .key = std::string(key.key().view()),
                          .text = key.Format(),
                          .state = std::string(state)});
  };
  const auto add_curve = [&](std::string_view use, std::string_view holder, const zeromq::CurveKey& key,
                             std::string_view state, const host::PrincipalConfig* principal = nullptr) {
    shown.keys.push_back({.use = std::string(use),
                          .holder = std::string(holder),
                          .key = std::string(key.view()),
                          .text = zeromq::FormatCurveKey(key),
                          .state = std::string(state),
                          .principal = principal});
  };
  const std::string& origin = config.origin.text();
  add_signer("signing", origin, keys.signer->verifier(), "in force");
  add_curve("curve", origin, keys.curve.public_key, "in force");
  add_signer("cosigning", origin, keys.cosigner->verifier(), "in force");
  AddUnderWay(config, keys, shown);
  POLKU_ASSIGN_OR_RETURN(const auto others, log::KeysOfAll(*engine, config.OtherLogKeys()));
  for (size_t i = 0; i < config.peers.size(); ++i) {
    const std::string& peer = config.peers[i].origin.text();
    add_signer("signing", peer, others.find(peer)->second.newest(), "in force");
    const auto curve = in_force.KeysOfPeer(i);
    if (curve.empty()) add_curve("curve", peer, config.peers[i].curve_key, "revoked");
    for (size_t k = 0; k < curve.size(); ++k) {
      add_curve("curve", peer, curve[k], k == 0 ? "in force" : "until the new one is used");
    }
  }
  for (const auto& witness : in_force.witnesses()) {
    add_signer("cosigning", witness.key.name(), witness.key, "counts");
  }
  for (const auto& witness : in_force.FormerWitnesses()) {
    add_signer("cosigning", witness.key.name(), witness.key, "counts for the past alone");
  }
  for (const auto& [key, principal] : config.principals) {
    const bool counts = in_force.Principal(key) != nullptr;
    add_curve("principal", principal.agency, key,
              !in_force.IsGivenUp(key) ? "in force"
              : counts                 ? "until the new one is used"
                                       : "given up",
              &principal);
  }
  // Those that came in the place of configured ones.
  for (const auto& [log, changes] : shown.announced) {
    for (const auto& one : changes) {
      const auto next = zeromq::CurveKey::FromBytes(one.change.new_key());
      if (!next || config.principals.contains(*next)) continue;
      const auto* principal = in_force.Principal(*next);
      if (principal == nullptr) continue;
      add_curve("principal", principal->agency, *next,
                in_force.IsGivenUp(*next) ? "until the new one is used" : "in force", principal);
    }
  }
  return made;
}

// Who follows the own log, by name, as far as the service knows since its start, and whose keys may follow it
// and have not been heard since then.
struct Followers {
  size_t all = 0;
  std::vector<std::string> behind;  // who does not hold the entry yet
};
constexpr absl::Duration kAskWhileShowing = absl::Seconds(3);
constexpr absl::Duration kAskAgain = absl::Milliseconds(500);
constexpr uint64_t kWaitSeconds = 30;

Followers FollowersIn(const exchange::v1::StatusAnswer& status, const host::Config& config,
                      Position entry) {
  // One that connected anew may stand there twice.
  std::map<std::string, uint64_t> held;
  std::map<std::string, std::set<std::string>> heard;  // names by agency
  for (const auto& subscriber : status.subscribers()) {
    const std::string& name = subscriber.name().empty() ? subscriber.agency() : subscriber.name();
    uint64_t& size = held[name];
    size = std::max(size, subscriber.acknowledged_size());
    heard[subscriber.agency()].insert(name);
  }
  std::map<std::string, size_t> listed;  // keys that may follow, by agency
  for (const auto& [key, principal] : config.principals) {
    if (principal.may_replicate) ++listed[principal.agency];
  }
  Followers followers{.all = held.size()};
  for (const auto& [agency, keys] : listed) {
    const size_t names = heard[agency].size();
    if (names >= keys) continue;
    followers.all += keys - names;
    followers.behind.push_back(Str(keys - names, " of ", agency, ", not heard since the service's start"));
  }
  for (const auto& [name, size] : held) {
    if (size <= entry.value()) followers.behind.push_back(name);
  }
  return followers;
}

// Asks the running service.
absl::StatusOr<Followers> FollowersOf(const Args& args, const host::Config& config, Position entry,
                                      absl::Duration timeout) {
  POLKU_ASSIGN_OR_RETURN(Target target, FindOwnService(args));
  target.options.timeout = std::min(target.options.timeout, timeout);
  POLKU_ASSIGN_OR_RETURN(const auto client, client::Client::Connect(target.options));
  POLKU_ASSIGN_OR_RETURN(const auto status, client->Status());
  return FollowersIn(status, config, entry);
}

std::string NamesJson(const std::vector<std::string>& names) {
  std::string json = "[";
  for (const std::string& name : names) json += Str(json.size() > 1 ? "," : "", JsonString(name));
  return json + "]";
}

void PrintFollowers(const Followers& followers, Io& io) {
  if (followers.all == 0) {
    io.out << "nobody has followed this log since the service's start: restart the service now\n";
  } else if (followers.behind.empty()) {
    io.out << Str("all ", followers.all, " that follow this log hold the entry: restart the service now\n");
  }
  for (const std::string& name : followers.behind) io.out << "not yet with " << Plain(name) << "\n";
}

// Where a key was announced.
std::string Since(const Shown& shown, const std::string& key) {
  for (const auto& [origin, changes] : shown.announced) {
    for (const auto& one : changes) {
      if (one.change.new_key() == key) {
        return Str(LocalTime(one.recorded_at), ", entry ", one.position.value(), " of ", origin);
      }
    }
  }
  return "as configured";
}

ExitCode Show(const host::Config& config, const Args& args, Io& io) {
  const auto read = ReadShown(config);
  if (!read.ok()) return Fail(io, read.status());
  const Shown* const shown = read->get();
  // Who has not got what is announced, as far as the running service says; empty: nobody was asked.
  std::map<Position, Followers> behind;
  for (const Line& line : shown->keys) {
    if (!line.announced) continue;
    auto followers = FollowersOf(args, config, *line.announced, kAskWhileShowing);
    if (followers.ok()) behind.emplace(*line.announced, *std::move(followers));
  }
  const auto behind_of = [&](const Line& line) -> const Followers* {
    const auto found = line.announced ? behind.find(*line.announced) : behind.end();
    return found == behind.end() ? nullptr : &found->second;
  };
  if (args.json()) {
    std::string json = Str("{\"origin\":", JsonString(config.origin.text()),
                           ",\"genesis_signing_key\":", JsonString(shown->genesis_signing),
                           ",\"curve_key\":", JsonString(shown->curve),
                           ",\"cosigning_key\":", JsonString(shown->cosigning), ",\"keys\":[");
    for (size_t i = 0; i < shown->keys.size(); ++i) {
      const Line& line = shown->keys[i];
      json += Str(i > 0 ? "," : "", "{\"use\":", JsonString(line.use), ",\"holder\":",
                  JsonString(line.holder), ",\"fingerprint\":", JsonString(host::Fingerprint(line.key)),
                  ",\"key\":", JsonString(line.text), ",\"state\":", JsonString(line.state), ",\"since\":",
                  JsonString(Since(*shown, line.key)));
      if (line.principal != nullptr) {
        json += Str(",\"rights\":", JsonString(RightsOf(*line.principal)), ",\"official\":",
                    JsonString(line.principal->official));
      }
      if (line.announced) json += Str(",\"announced_at\":", line.announced->value());
      if (const Followers* followers = behind_of(line)) {
        json += Str(",\"not_yet_with\":", NamesJson(followers->behind));
      }
      json += "}";
    }
    json += "],\"changes\":[";
    bool first = true;
    for (const auto& [origin, changes] : shown->announced) {
      for (const auto& one : changes) {
        const KeyChanged& change = one.change;
        json += Str(first ? "" : ",", "{\"origin\":", JsonString(origin), ",\"position\":",
                    one.position.value(), ",\"use\":", JsonString(UseName(change.use())),
                    ",\"old\":", JsonString(host::Fingerprint(change.old_key())), ",\"new\":",
                    JsonString(change.new_key().empty() ? "" : host::Fingerprint(change.new_key())),
                    ",\"compromised\":", change.compromised() ? "true" : "false",
                    ",\"reason\":", JsonString(change.reason()), "}");
        first = false;
      }
    }
    json += "],\"superseded\":[";
    for (size_t i = 0; i < shown->superseded.size(); ++i) {
      json += Str(i > 0 ? "," : "", JsonString(shown->superseded[i]));
    }
    io.out << json << "]}\n";
    return kExitOk;
  }
  TextTable table({"USE", "HOLDER", "FINGERPRINT", "STATE", "SINCE", "RIGHTS", "OFFICIAL", "KEY"});
  for (const Line& line : shown->keys) {
    table.Add({line.use, Plain(line.holder), host::Fingerprint(line.key), line.state,
               Since(*shown, line.key), line.principal == nullptr ? "" : RightsOf(*line.principal),
               line.principal == nullptr ? "" : Plain(line.principal->official), line.text});
  }
  table.Print(io.out);
  for (const Line& line : shown->keys) {
    if (!line.announced) continue;
    io.out << Str("\n", line.use, " key ", host::Fingerprint(line.key), ": announced at entry ",
                  line.announced->value(), ", in force after the restart\n");
    const Followers* followers = behind_of(line);
    if (followers == nullptr) {
      io.out << "  who holds the entry is not known: the service does not answer\n";
      continue;
    }
    PrintFollowers(*followers, io);
  }
  for (const auto& [origin, changes] : shown->announced) {
    for (const auto& one : changes) {
      const KeyChanged& change = one.change;
      io.out << Str("\n", LocalTime(one.recorded_at), "  entry ", one.position.value(), " of ",
                    Plain(origin), ": ", UseName(change.use()), " key ",
                    host::Fingerprint(change.old_key()),
                    change.new_key().empty() ? " revoked"
                                             : Str(" replaced by ", host::Fingerprint(change.new_key())),
                    change.compromised() ? ", in wrong hands" : "",
                    change.reason().empty() ? "" : Str(": ", Plain(change.reason())));
    }
  }
  io.out << Str("\n\n# For the configuration of a service that follows this one (the signing key of the Genesis):\n",
                "peers { origin: \"", config.origin.text(), "\" address: \"tcp://HOST:PORT\" curve_key: \"",
                shown->curve, "\" signing_key: \"", shown->genesis_signing, "\" }\n",
                "witnesses { agency: \"", config.origin.agency(), "\" cosigning_key: \"",
                shown->cosigning, "\" }\n");
  for (const std::string& line : shown->superseded) io.out << "\ntidy up: " << line;
  if (!shown->superseded.empty()) io.out << "\n";
  return kExitOk;
}

// ---- Recording ----

struct Recorded {
  Position position;
  bool running = false;             // by the running service
  Followers followers;              // as it told them
  bool asks_no_more = false;        // the service answers our key no more: who is behind is not known
};

// By the service when it runs (it has the lock), else in its log.
absl::StatusOr<Recorded> Record(const Args& args, const host::Config& config,
                                const KeyChanged& change) {
  const auto offline = host::RecordKeyChange(config, change);
  if (offline.ok()) return Recorded{.position = *offline};
  if (!absl::IsUnavailable(offline.status())) return offline.status();
  if (change.use() == event::v1::KEY_USE_SIGNING) {
    return Error(absl::StatusCode::kUnavailable,
                 "the signing key is changed while the service is stopped; stop it, run this again, start it (",
                 ToStd(offline.status().message()), ")");
  }
  POLKU_ASSIGN_OR_RETURN(const Target target, FindOwnService(args));
  POLKU_ASSIGN_OR_RETURN(const auto client, client::Client::Connect(target.options));
  POLKU_ASSIGN_OR_RETURN(const auto answer, client->ChangeKey(change.SerializeAsString()));
  if (answer.has_refusal()) {
    const bool later = answer.refusal().kind() == exchange::v1::REFUSAL_KIND_TRY_AGAIN;
    return Error(later ? absl::StatusCode::kUnavailable : absl::StatusCode::kInvalidArgument,
                 answer.refusal().message());
  }
  Recorded recorded{.position = Position(answer.position()), .running = true};
  const auto status = client->Status();
  // It is recorded; the key that asks may have been the one that counts no more.
  if (!status.ok()) {
    recorded.asks_no_more = true;
    return recorded;
  }
  recorded.followers = FollowersIn(*status, config, recorded.position);
  return recorded;
}

// Until everybody who follows the log holds the entry: who misses it refuses the new key.
void AwaitFollowers(const Args& args, const host::Config& config, Io& io, absl::Duration most,
                    Recorded& recorded) {
  ProgressLine progress(io, args.Has("progress"));
  const absl::Time until = absl::Now() + most;
  while (!recorded.followers.behind.empty() && absl::Now() < until) {
    progress.Show(Str("entry ", recorded.position.value(), ": waiting for ", recorded.followers.behind.size(), " of ",
                      recorded.followers.all, " followers"));
    absl::SleepFor(kAskAgain);
    auto followers = FollowersOf(args, config, recorded.position, std::max(until - absl::Now(), kAskAgain));
    if (followers.ok()) recorded.followers = *std::move(followers);
  }
}

void PrintRecorded(const Args& args, Io& io, const KeyChanged& change, const Recorded& recorded,
                   std::string_view next_step) {
  if (args.json()) {
    io.out << Str("{\"position\":", recorded.position.value(), ",\"use\":",
                  JsonString(UseName(change.use())), ",\"old\":",
                  JsonString(host::Fingerprint(change.old_key())), ",\"new\":",
                  JsonString(change.new_key().empty() ? "" : host::Fingerprint(change.new_key())),
                  ",\"running\":", recorded.running ? "true" : "false",
                  ",\"not_yet_with\":", NamesJson(recorded.followers.behind), "}\n");
    return;
  }
  io.out << Str("entry ", recorded.position.value(), ": the ", UseName(change.use()), " key ",
                host::Fingerprint(change.old_key()),
                change.new_key().empty() ? " is revoked"
                                         : Str(" is replaced by ", host::Fingerprint(change.new_key())),
                "\n", next_step);
}

ExitCode RotateOwn(const host::Config& config, const Args& args, Io& io, event::v1::KeyUse use) {
  if (args.Get("reason").empty()) return FailUsage(io, "give --reason TEXT; it is kept in the log");
  const auto wait = args.Number("wait", 0, 3600);
  if (!wait.ok()) return FailUsage(io, ToStd(wait.status().message()));
  const auto change = host::PrepareRotation(config, use, args.Get("reason"), args.Has("compromised"));
  if (!change.ok()) return Fail(io, change.status());
  auto recorded = Record(args, config, *change);
  if (!recorded.ok()) return Fail(io, recorded.status());
  AwaitFollowers(args, config, io, absl::Seconds(static_cast<int64_t>(wait->value_or(kWaitSeconds))),
                 *recorded);
  std::string next;
  if (use == event::v1::KEY_USE_SIGNING) {
    next = "the new key is in place and the public part of the old one in earlier/; start the service\n";
  } else if (recorded->asks_no_more) {
    next = "restart the service now: it takes the new key then, and until then answers commands with the old one no more\n";
  } else if (recorded->running) {
    next = "the service takes the new key when it is restarted, which is done when all who follow it hold the entry\n";
  } else {
    next = "the service takes the new key at its next start\n";
  }
  if (use == event::v1::KEY_USE_CURVE) {
    next += Str("Who follows this log goes over by itself. Tell the new key ",
                zeromq::FormatCurveKey(*zeromq::CurveKey::FromBytes(change->new_key())),
                "\nto authors (service_curve_key), and before the start to the operators of services that do not "
                "follow this log\nbut list its key: there, `polku keys replace`\n");
  }
  PrintRecorded(args, io, *change, *recorded, next);
  if (recorded->running && !recorded->asks_no_more && !args.json()) PrintFollowers(recorded->followers, io);
  return kExitOk;
}

ExitCode RotateMaster(const host::Config& config, const Args& args, Io& io) {
  ProgressLine progress(io, args.Has("progress"));
  const auto done = host::RotateMasterKey(config, [&](size_t sealed, size_t total) {
    progress.Show(Str(sealed, " of ", total, " case keys"));
  });
  progress.Clear();
  if (!done.ok()) return Fail(io, done.status());
  if (args.json()) {
    io.out << Str("{\"keys\":", done->keys, ",\"credential\":", JsonString(done->credential), "}\n");
    return kExitOk;
  }
  io.out << Str(Counted(done->keys, "case key"), " sealed under the new master key\n",
                done->credential.empty()
                    ? std::string("Backups of the keystore from before open with the old key alone: make a new backup "
                                  "now, of the keystore and,\napart from it, of master.key\n")
                    : Str("Put the content of ", done->credential,
                          " in the place of the credential polku-master.key, start the service, and\nremove the "
                          "file. Until then the service opens the keystore with the file\n"));
  return kExitOk;
}

ExitCode RotateAuthor(const Args& args, Io& io) {
  if (!args.Has("dir")) return FailUsage(io, "give --dir DIR, where the author's keys lie");
  const std::string directory = args.Get("dir");
  const auto old = host::LoadCurveKeys(directory);
  if (!old.ok()) return Fail(io, old.status());
  // A service's key changes by its log alone.
  if (std::error_code error; std::filesystem::exists(Str(directory, "/signing.secret"), error)) {
    return Fail(io, Error(absl::StatusCode::kFailedPrecondition, directory,
                          " holds a service's keys: `polku keys rotate curve --config FILE`"));
  }
  if (args.Has("take")) {
    const auto taken =
        host::TakeNextKeys(directory, nullptr, [](auto, auto) { return true; });
    if (!taken.ok()) return Fail(io, taken.status());
    if (taken->empty()) {
      return Fail(io, Error(absl::StatusCode::kFailedPrecondition, directory,
                            " has no curve.next.secret; make it without --take first"));
    }
    io.out << (args.json() ? "{\"taken\":true}\n"
                           : "the new key is in place; the public part of the old one is in earlier/\n");
    return kExitOk;
  }
  const auto next = host::MakeNextKeys(directory, nullptr, event::v1::KEY_USE_CURVE);
  if (!next.ok()) return Fail(io, next.status());
  const std::string old_text = zeromq::FormatCurveKey(old->public_key);
  const std::string new_text = zeromq::FormatCurveKey(*zeromq::CurveKey::FromBytes(*next));
  if (args.json()) {
    io.out << Str("{\"old\":", JsonString(old_text), ",\"new\":", JsonString(new_text), "}\n");
    return kExitOk;
  }
  io.out << Str("# For the operator of every service that takes this author's events:\n",
                "polku keys replace --config FILE --old '", old_text, "' --new '", new_text,
                "' --holder AGENCY\n# When they have: polku keys rotate author --take --dir ", directory, "\n");
  return kExitOk;
}

absl::StatusOr<std::string> CurveBytes(const Args& args, std::string_view flag) {
  if (!args.Has(flag)) return Usage(Str("give --", flag));
  POLKU_ASSIGN_OR_RETURN(const auto key, ReadCurveKey(args.Get(flag)));
  return std::string(key.view());
}

// Whose key that is, as the configuration and what was announced since say; "" when it is nobody's.
absl::StatusOr<std::string> HolderOf(const host::Config& config, std::string_view key) {
  POLKU_ASSIGN_OR_RETURN(const auto engine,
                         rocks::OpenEngine({.directory = config.data_directory,
                                            .mode = rocks::OpenMode::kReadOnly}));
  POLKU_ASSIGN_OR_RETURN(const auto announced, host::ReadAnnounced(*engine, config));
  const host::KeysInForce in_force(config, announced);
  const auto curve = *zeromq::CurveKey::FromBytes(key);
  if (const auto* principal = in_force.Principal(curve)) return principal->agency;
  for (size_t i = 0; i < config.peers.size(); ++i) {
    const auto keys = in_force.KeysOfPeer(i);
    if (std::find(keys.begin(), keys.end(), curve) != keys.end()) {
      return std::string(config.peers[i].origin.agency());
    }
  }
  return std::string();
}

ExitCode ChangePrincipal(const host::Config& config, const Args& args, Io& io, bool revoke) {
  KeyChanged change;
  change.set_use(event::v1::KEY_USE_PRINCIPAL);
  change.set_reason(args.Get("reason"));
  change.set_compromised(args.Has("compromised"));
  auto old_key = CurveBytes(args, revoke ? "key" : "old");
  if (const auto print = FromHex(args.Get("key")); revoke && print && print->size() == 8) {
    const auto shown = ReadShown(config);
    if (!shown.ok()) return Fail(io, shown.status());
    for (const Line& line : (*shown)->keys) {
      const bool curve = line.use == "curve" || line.use == "principal";
      if (curve && host::Fingerprint(line.key) == args.Get("key")) old_key = line.key;
    }
  }
  if (!old_key.ok()) return FailUsage(io, ToStd(old_key.status().message()));
  change.set_old_key(*old_key);
  if (revoke) {
    if (change.reason().empty()) return FailUsage(io, "give --reason TEXT; it is kept in the log");
    auto holder = HolderOf(config, *old_key);
    if (!holder.ok()) return Fail(io, holder.status());
    if (holder->empty()) {
      return Fail(io, Usage("no principal or peer of this service has that key; `polku keys show` lists them"));
    }
    change.set_holder(*holder);
  } else {
    const auto new_key = CurveBytes(args, "new");
    if (!new_key.ok()) return FailUsage(io, ToStd(new_key.status().message()));
    if (!args.Has("holder")) return FailUsage(io, "give --holder AGENCY, whose keys these are");
    change.set_new_key(*new_key);
    change.set_holder(args.Get("holder"));
  }
  const auto recorded = Record(args, config, change);
  if (!recorded.ok()) return Fail(io, recorded.status());
  PrintRecorded(args, io, change, *recorded,
                revoke || change.compromised()
                    ? "the old key is refused from now on, also on connections that are open\n"
                    : "both keys are taken until the new one is used; then the old one is refused\n");
  return kExitOk;
}

ExitCode Keys(const Args& args, Io& io) {
  const std::string& what = args.operands()[0];
  const std::string which = args.operands().size() > 1 ? args.operands()[1] : "";
  if ((what == "rotate") == which.empty()) {
    return FailUsage(io, "give show, rotate curve|cosigning|signing|master|author, replace, or revoke");
  }
  if (what == "rotate" && which == "author") return RotateAuthor(args, io);
  if (!args.Has("config")) return FailUsage(io, "give --config with the service's configuration");
  const auto config = host::LoadConfig(args.Get("config"), "");
  if (!config.ok()) return Fail(io, config.status());
  if (what == "show") return Show(*config, args, io);
  if (what == "replace") return ChangePrincipal(*config, args, io, /*revoke=*/false);
  if (what == "revoke") return ChangePrincipal(*config, args, io, /*revoke=*/true);
  if (what == "rotate") {
    if (which == "curve") return RotateOwn(*config, args, io, event::v1::KEY_USE_CURVE);
    if (which == "cosigning") return RotateOwn(*config, args, io, event::v1::KEY_USE_COSIGNING);
    if (which == "signing") return RotateOwn(*config, args, io, event::v1::KEY_USE_SIGNING);
    if (which == "master") return RotateMaster(*config, args, io);
  }
  return FailUsage(io, "give show, rotate curve|cosigning|signing|master|author, replace, or revoke");
}

}  // namespace

Command KeysCommand() {
  return {
      {.name = "keys",
       .summary = "show, rotate, replace and revoke keys",
       .operands = "show|replace|revoke|rotate curve|cosigning|signing|master|author",
       .min_operands = 1,
       .max_operands = 2,
       .flags = {{"config", "FILE", "the service's configuration"},
                 {"reason", "TEXT", "why, in one line, for every peer and auditor; no personal data"},
                 {"compromised", "", "the old key may be in wrong hands: it counts for nothing from now on"},
                 {"old", "KEY", "replace: the CURVE public key that goes, file or text"},
                 {"new", "KEY", "replace: the CURVE public key that comes, file or text"},
                 {"holder", "AGENCY", "replace: whose key it is"},
                 {"key", "KEY", "revoke: the CURVE public key, file or text, or its fingerprint as `keys show` has it"},
                 {"wait", "SECONDS", "rotate curve|cosigning: how long for followers to hold the entry; 30"},
                 {"dir", "DIR", "rotate author: where the author's keys lie"},
                 {"take", "", "rotate author: put the new key in place"},
                 {"to", "ADDRESS", "the running service, where it is not at its `listen` address"},
                 {"keys", "DIR", "the operator's keys, where the service's own are not to be used"},
                 {"timeout", "SECONDS", "how long to wait for an answer; 10"},
                 {"progress", "", "show progress even when the error stream is no terminal"}},
       .details =
           "Every change is an entry of the service's log, which those who follow it act on. Where the service "
           "runs it records the\n"
           "entry; else this command does. What to do when a key is lost or stolen: services/host/README.md "
           "\"Keys\".\n"
           "  show       every key in full with its rights, what is in force, since when and by which entry, what waits for a "
           "restart,\n"
           "             and what the configuration still says otherwise\n"
           "  rotate     curve, cosigning: makes the new pair, announces it, waits until those who follow the log hold the "
           "entry, and says\n"
           "             when to restart: the service takes the pair at its next start. --reason is asked for, as of "
           "signing.\n"
           "             signing, master: with the service stopped. author: the author's side (no --config)\n"
           "  replace    another key for a principal of this service, with the same rights\n"
           "  revoke     a principal's or peer's key counts no more\n"
           "Broken off, run it again.\n"
           "Exit codes: 0 done, 2 usage, 3 a change that may not be, 4 the service must be stopped or cannot be "
           "reached, 5 the log is not\nwhat was signed.",
       .examples =
           "polku keys show --config referral.textproto\n"
           "polku keys rotate curve --config referral.textproto --reason \"yearly\"\n"
           "polku keys rotate signing --config referral.textproto --reason \"yearly\"\n"
           "polku keys replace --config referral.textproto --old old.public --new new.public --holder "
           "FI/MUN/0187690-1/oulu\n"
           "polku keys revoke --config referral.textproto --key 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7' --reason "
           "\"laptop stolen\" --compromised"},
      Keys};
}

}  // namespace polku::cli
