#include "services/host/config.h"

#include <set>

#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace polku::host {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text_.empty()) return;
    text_ = Str(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status ParseTextFile(std::string_view path, google::protobuf::Message& message) {
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxConfigBytes));
  FirstError errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(text, &message)) {
    return Error(absl::StatusCode::kInvalidArgument, path, ":", errors.text(),
                 "; the file is a ", message.GetDescriptor()->full_name(),
                 " in protobuf text format");
  }
  return absl::OkStatus();
}

absl::Status Invalid(std::string_view path, std::string_view field, std::string_view problem) {
  return Error(absl::StatusCode::kInvalidArgument, path, ": ", field, ": ", problem);
}

absl::Status CheckTcpEndpoint(std::string_view path, std::string_view field,
                              std::string_view endpoint) {
  const bool tcp = endpoint.rfind("tcp://", 0) == 0;
  const size_t colon = endpoint.rfind(':');
  if (!tcp || colon <= 6 || colon + 1 >= endpoint.size()) {
    return Invalid(path, field, Str("'", endpoint, "' is not of the form tcp://host:port"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<config::v1::Agreement> LoadAgreement(std::string_view path) {
  config::v1::Agreement agreement;
  POLKU_RETURN_IF_ERROR(ParseTextFile(path, agreement));
  std::set<std::string> names;
  for (const auto& agency : agreement.agencies()) {
    if (auto valid = ValidateAgencyName(agency.name()); !valid.ok()) return Annotate(valid, path);
    if (!names.insert(agency.name()).second) {
      return Invalid(path, "agencies", Str(agency.name(), " is listed twice"));
    }
    if (agency.roles().empty()) {
      return Invalid(path, "agencies", Str(agency.name(), " has no role; add roles: AGENCY_ROLE_…"));
    }
  }
  if (names.empty()) return Invalid(path, "agencies", "there is none; list who takes part");
  for (int i = 0; i < agreement.sharings_size(); ++i) {
    const auto& sharing = agreement.sharings(i);
    const std::string field = Str("sharings[", i, "]");
    if (sharing.publishers().empty() || sharing.receivers().empty() || sharing.types().empty()) {
      return Invalid(path, field, "publishers, receivers and types must each name something");
    }
    if (sharing.legal_basis().empty()) {
      return Invalid(path, field, "legal_basis is missing; every sharing rests on one");
    }
    for (const auto& publisher : sharing.publishers()) {
      if (publisher != "*" && !names.contains(publisher)) {
        return Invalid(path, field, Str("publisher ", publisher, " is not among the agencies"));
      }
    }
    for (const auto& receiver : sharing.receivers()) {
      if (!names.contains(receiver)) {
        return Invalid(path, field, Str("receiver ", receiver, " is not among the agencies"));
      }
    }
    for (int kind : sharing.sections()) {
      if (kind == 0) return Invalid(path, field, "a section is SECTION_KIND_UNSPECIFIED");
    }
  }
  return agreement;
}

absl::StatusOr<Config> LoadConfig(std::string_view path, std::string_view service) {
  config::v1::ServiceConfig text;
  POLKU_RETURN_IF_ERROR(ParseTextFile(path, text));

  auto origin = OriginName::Parse(text.origin());
  if (!origin.ok()) return Annotate(origin.status(), Str(path, ": origin"));
  if (!service.empty() && origin->service() != service) {
    return Invalid(path, "origin",
                   Str("'", text.origin(), "' names the service ", origin->service(),
                       ", but this program is ", service));
  }
  Config config{.origin = *origin};
  POLKU_RETURN_IF_ERROR(CheckTcpEndpoint(path, "listen", text.listen()));
  config.listen = text.listen();
  for (const auto& [field, value, target] :
       {std::tuple("data_directory", &text.data_directory(), &config.data_directory),
        std::tuple("keystore_directory", &text.keystore_directory(), &config.keystore_directory),
        std::tuple("keys_directory", &text.keys_directory(), &config.keys_directory)}) {
    if (value->empty()) return Invalid(path, field, "is missing; name a directory");
    *target = ResolveBeside(path, *value);
  }
  if (config.keystore_directory == config.data_directory) {
    return Invalid(path, "keystore_directory",
                   "must not be the data directory: keys and log are backed up apart");
  }

  if (text.agreement_file().empty()) return Invalid(path, "agreement_file", "is missing");
  POLKU_ASSIGN_OR_RETURN(config.agreement,
                         LoadAgreement(ResolveBeside(path, text.agreement_file())));
  bool declared = false;
  for (const auto& agency : config.agreement.agencies()) {
    declared = declared || agency.name() == origin->agency();
  }
  if (!declared) {
    return Invalid(path, "agreement_file",
                   Str("does not list this service's agency ", origin->agency()));
  }
  if (text.profile_file().empty()) return Invalid(path, "profile_file", "is missing");
  POLKU_RETURN_IF_ERROR(
      ParseTextFile(ResolveBeside(path, text.profile_file()), config.profile));

  std::set<std::string> peer_origins;
  for (int i = 0; i < text.peers_size(); ++i) {
    const auto& peer = text.peers(i);
    const std::string field = Str("peers[", i, "]");
    auto peer_origin = OriginName::Parse(peer.origin());
    if (!peer_origin.ok()) return Annotate(peer_origin.status(), Str(path, ": ", field));
    if (peer_origin->text() == origin->text() || !peer_origins.insert(peer.origin()).second) {
      return Invalid(path, field, Str(peer.origin(), " is this service itself or listed twice"));
    }
    POLKU_RETURN_IF_ERROR(CheckTcpEndpoint(path, field, peer.address()));
    const auto curve = zeromq::ParseCurveKey(peer.curve_key());
    if (!curve) {
      return Invalid(path, field,
                     "curve_key is not 40 Z85 characters; copy the peer's curve.public");
    }
    auto signing = proof::VerifierKey::Parse(peer.signing_key());
    if (!signing.ok()) {
      return Annotate(signing.status(), Str(path, ": ", field, ": signing_key"));
    }
    if (signing->name() != peer.origin()) {
      return Invalid(path, field,
                     Str("signing_key belongs to ", signing->name(), ", not to ", peer.origin()));
    }
    config.peers.push_back({*peer_origin, peer.address(), *curve, *signing});
  }

  for (int i = 0; i < text.principals_size(); ++i) {
    const auto& principal = text.principals(i);
    const std::string field = Str("principals[", i, "]");
    if (auto valid = ValidateAgencyName(principal.agency()); !valid.ok()) {
      return Annotate(valid, Str(path, ": ", field));
    }
    const auto key = zeromq::ParseCurveKey(principal.curve_key());
    if (!key) {
      return Invalid(path, field,
                     "curve_key is not 40 Z85 characters; copy the holder's curve.public");
    }
    PrincipalConfig parsed{.agency = principal.agency()};
    for (int right : principal.rights()) {
      if (right == config::v1::RIGHT_PUBLISH) parsed.may_publish = true;
      if (right == config::v1::RIGHT_REPLICATE) parsed.may_replicate = true;
      if (right == config::v1::RIGHT_OPERATE) parsed.may_operate = true;
    }
    if (!config.principals.emplace(*key, parsed).second) {
      return Invalid(path, field, "this curve_key is listed twice; merge the rights");
    }
  }

  if (!text.business_date().empty()) {
    config.business_date = ParseDay(text.business_date());
    if (!config.business_date) {
      return Invalid(path, "business_date", "is not a day of the form 2025-03-31");
    }
  }
  const auto& limits = text.limits();
  if (limits.cached_cases() > 0) config.cached_cases = limits.cached_cases();
  if (limits.replication_credit_bytes() > 0) {
    if (limits.replication_credit_bytes() < (1u << 20)) {
      return Invalid(path, "limits.replication_credit_bytes", "must be at least 1048576");
    }
    config.replication_credit_bytes = limits.replication_credit_bytes();
  }
  if (limits.block_cache_bytes() > 0) config.block_cache_bytes = limits.block_cache_bytes();
  return config;
}

}  // namespace polku::host
