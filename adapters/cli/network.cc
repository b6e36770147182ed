#include "adapters/cli/network.h"

#include <utility>

#include "adapters/cli/text_file.h"
#include "eventstore/base/bytes.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "polku/config/v1/client.pb.h"
#include "services/audit/event_json.h"
#include "services/host/config.h"
#include "services/host/keys.h"

namespace polku::cli {
namespace {

using audit::JsonString;

constexpr size_t kMaxKeyFileBytes = 4096;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return Error(absl::StatusCode::kInvalidArgument, parts...);
}

absl::Status CheckAddress(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (address.substr(0, 6) == "tcp://" && colon > 6 && colon + 1 < address.size()) {
    return absl::OkStatus();
  }
  return Invalid("the service's address is not of the form tcp://host:port");
}

// A service that listens on every interface is reached over the loopback one.
absl::Status SetLocalEndpoint(std::string endpoint, Target& target) {
  for (std::string_view any : {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"}) {
    if (endpoint.rfind(any, 0) == 0)
      endpoint = Str("tcp://127.0.0.1:", endpoint.substr(any.size()));
  }
  POLKU_RETURN_IF_ERROR(CheckAddress(endpoint));
  target.options.endpoint = std::move(endpoint);
  return absl::OkStatus();
}

std::string_view KindName(exchange::v1::RefusalKind kind) {
  switch (kind) {
    case exchange::v1::REFUSAL_KIND_INVALID:
      return "invalid";
    case exchange::v1::REFUSAL_KIND_RULE:
      return "rule";
    case exchange::v1::REFUSAL_KIND_REVISION:
      return "revision";
    case exchange::v1::REFUSAL_KIND_CONFLICTING_REPEAT:
      return "conflicting_repeat";
    case exchange::v1::REFUSAL_KIND_NOT_ENTITLED:
      return "not_entitled";
    case exchange::v1::REFUSAL_KIND_TRY_AGAIN:
      return "try_again";
    default:
      return "unspecified";
  }
}

}  // namespace

std::vector<Flag> NetworkFlags(std::vector<Flag> more) {
  std::vector<Flag> flags = {
      {"as", "FILE", "client profile: a polku.config.v1.ClientConfig in text format"},
      {"to", "ADDRESS", "the service, tcp://host:port"},
      {"server-key", "KEY", "the service's CURVE public key: Z85, or its curve.public"},
      {"keys", "DIR", "our keys, as `polku keygen --author` makes them"},
      {"agency", "NAME", "our agency, e.g. FI/MUN/0187690-1/oulu; derived event ids need it"},
      {"official", "NAME", "pseudonym of the official, where an event says none"},
      {"timeout", "SECONDS", "how long to wait for an answer; 10"},
  };
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

absl::StatusOr<zeromq::CurveKey> ReadCurveKey(const std::string& text) {
  if (const auto key = zeromq::ParseCurveKey(text)) return *key;
  const auto content = ReadFile(text, kMaxKeyFileBytes);
  const auto key = content.ok() ? zeromq::ParseCurveKey(TrimEnd(*content)) : std::nullopt;
  if (key) return *key;
  return Invalid(
      "the service's CURVE key is neither 40 Z85 characters nor a file that holds them; "
      "take the service's curve.public");
}

absl::StatusOr<Target> FindTarget(const Args& args) {
  config::v1::ClientConfig profile;
  const std::string profile_path = args.Get("as");
  if (!profile_path.empty()) POLKU_RETURN_IF_ERROR(ReadTextMessage(profile_path, profile));
  Target target;
  target.agency = args.GetOr("agency", profile.agency());
  if (!target.agency.empty()) POLKU_RETURN_IF_ERROR(ValidateAgencyName(target.agency));
  target.official = args.GetOr("official", profile.official());
  target.options.endpoint = args.GetOr("to", profile.service_address());
  if (target.options.endpoint.empty()) {
    return Invalid("which service? give --as FILE, or --to, --server-key and --keys");
  }
  POLKU_RETURN_IF_ERROR(CheckAddress(target.options.endpoint));
  const std::string server_key = args.GetOr("server-key", profile.service_curve_key());
  if (server_key.empty()) return Invalid("the service's CURVE key is missing; give --server-key");
  POLKU_ASSIGN_OR_RETURN(target.options.server_key, ReadCurveKey(server_key));
  std::string keys = args.Get("keys");
  if (keys.empty() && !profile.keys_directory().empty()) {
    keys = ResolveBeside(profile_path, profile.keys_directory());
  }
  if (keys.empty()) {
    return Invalid("our keys are missing; give --keys DIR (`polku keygen --author` makes them)");
  }
  POLKU_ASSIGN_OR_RETURN(target.options.keys, host::LoadCurveKeys(keys));
  POLKU_ASSIGN_OR_RETURN(const auto seconds, args.Number("timeout", 1, 3600));
  if (seconds) target.options.timeout = absl::Seconds(static_cast<int64_t>(*seconds));
  return target;
}

absl::StatusOr<Target> OwnService(const host::Config& config) {
  Target target;
  target.agency = std::string(config.origin.agency());
  POLKU_ASSIGN_OR_RETURN(const auto own, host::LoadCurveKeys(config.keys_directory));
  target.options.server_key = own.public_key;
  target.options.keys = own;
  POLKU_RETURN_IF_ERROR(SetLocalEndpoint(config.listen, target));
  return target;
}

absl::StatusOr<Target> FindOwnService(const Args& args) {
  POLKU_ASSIGN_OR_RETURN(const host::Config config, host::LoadConfig(args.Get("config"), ""));
  POLKU_ASSIGN_OR_RETURN(Target target, OwnService(config));
  if (args.Has("keys")) {
    POLKU_ASSIGN_OR_RETURN(target.options.keys, host::LoadCurveKeys(args.Get("keys")));
  }
  if (args.Has("to")) POLKU_RETURN_IF_ERROR(SetLocalEndpoint(args.Get("to"), target));
  POLKU_ASSIGN_OR_RETURN(const auto seconds, args.Number("timeout", 1, 3600));
  if (seconds) target.options.timeout = absl::Seconds(static_cast<int64_t>(*seconds));
  return target;
}

std::string ReceiptJson(const exchange::v1::Receipt& receipt) {
  const auto id = EventId::FromBytes(receipt.event_id());
  return Str("{\"id\":\"", id ? FormatEventId(*id) : "",
             "\",\"origin\":", JsonString(receipt.origin()), ",\"position\":", receipt.position(),
             ",\"case_revision\":", receipt.case_revision(), ",\"leaf_hash\":\"",
             ToHex(receipt.leaf_hash()),
             "\",\"repeated\":", receipt.repeated_offer() ? "true" : "false", "}");
}

std::string RefusalJson(const exchange::v1::Refusal& refusal) {
  std::string json = Str(
      "{\"kind\":\"", KindName(refusal.kind()), "\",\"code\":", JsonString(refusal.code()),
      ",\"message\":", JsonString(refusal.message()), ",\"event_index\":", refusal.event_index());
  if (refusal.kind() == exchange::v1::REFUSAL_KIND_REVISION) {
    json += Str(",\"actual_revision\":", refusal.actual_revision());
  }
  return json + "}";
}

std::string RefusalText(const exchange::v1::Refusal& refusal) {
  return Str("refused (", refusal.code(), "): ", refusal.message(),
             refusal.kind() == exchange::v1::REFUSAL_KIND_REVISION
                 ? Str("; the case's revision is ", refusal.actual_revision())
                 : "");
}

ExitCode ExitCodeFor(const exchange::v1::Refusal& refusal) {
  switch (refusal.kind()) {
    case exchange::v1::REFUSAL_KIND_INVALID:
      return kExitBadInput;
    case exchange::v1::REFUSAL_KIND_TRY_AGAIN:
      return kExitUnavailable;
    default:
      return kExitRefused;
  }
}

}  // namespace polku::cli
