#include "services/host/config.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "absl/strings/numbers.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "services/access/policy.h"
#include "services/core/offer_checks.h"
#include "services/host/keys.h"
#include "services/host/profile_check.h"

namespace polku::host {
namespace {

constexpr size_t kMaxConfigBytes = 4 << 20;
constexpr uint32_t kMaxBackupDays = 3'650;
constexpr size_t kMaxProfileDepth = 16;

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

// Adds the file behind those that it needs; none twice.
absl::Status AddProfileFile(const std::string& path, size_t depth, std::vector<std::string>& files) {
  if (std::find(files.begin(), files.end(), path) != files.end()) return absl::OkStatus();
  if (depth > kMaxProfileDepth) return Invalid(path, "needs", "leads in a circle");
  config::v1::Profile profile;
  POLKU_RETURN_IF_ERROR(ParseTextFile(path, profile));
  for (const std::string& needed : profile.needs()) {
    const auto file = std::filesystem::path(path).parent_path() / (needed + ".textproto");
    POLKU_RETURN_IF_ERROR(AddProfileFile(file.string(), depth + 1, files));
  }
  files.push_back(path);
  return absl::OkStatus();
}

// `any_port`: 0 lets the system choose, which only a listener can mean.
absl::Status CheckTcpEndpoint(std::string_view path, std::string_view field,
                              std::string_view endpoint, bool any_port) {
  constexpr std::string_view kScheme = "tcp://";
  const size_t colon = endpoint.rfind(':');
  uint32_t port = 0;
  const bool valid = endpoint.starts_with(kScheme) && colon > kScheme.size() &&
                     endpoint.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
                     absl::SimpleAtoi(ToAbsl(endpoint.substr(colon + 1)), &port) && port <= 65'535 &&
                     (port > 0 || any_port);
  if (!valid) {
    return Invalid(path, field, Str("'", endpoint, "' is not of the form tcp://host:port"));
  }
  return absl::OkStatus();
}

// "<agency>/<service>/witness"
bool IsWitnessOf(std::string_view name, std::string_view agency) {
  constexpr std::string_view kEnd = "/witness";
  if (!name.ends_with(kEnd)) return false;
  const auto origin = OriginName::Parse(Str(name.substr(0, name.size() - kEnd.size()), "/1"));
  return origin.ok() && origin->agency() == agency;
}

// The directory however it is written: "data", "./data/" and "keys/../data" are one.
std::filesystem::path Normal(const std::string& directory) {
  auto normal = std::filesystem::path(directory).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

// ---- Profile (profile.proto, head): what every rule promises whatever its list ----

std::string TextField(const google::protobuf::Message& rule, const char* name) {
  const auto* field = rule.GetDescriptor()->FindFieldByName(name);
  return rule.GetReflection()->GetString(rule, field);
}

// Both ends inclusive; empty: open. Text order of checked dates is their order in time.
bool Overlap(const std::string& from_a, const std::string& until_a, const std::string& from_b,
             const std::string& until_b) {
  return (until_a.empty() || from_b <= until_a) && (until_b.empty() || from_a <= until_b);
}

// What every rule promises; nullopt: it keeps it.
std::optional<std::string> RuleProblemOf(const google::protobuf::Message& rule) {
  for (const char* name : {"id", "version", "source"}) {
    if (TextField(rule, name).empty()) return Str(name, " is missing");
  }
  for (const auto& [from_name, until_name] : {std::pair("valid_from", "valid_until"),
                                              std::pair("started_from", "started_until")}) {
    const std::string from = TextField(rule, from_name);
    const std::string until = TextField(rule, until_name);
    for (const auto& [name, text] : {std::pair(from_name, &from), std::pair(until_name, &until)}) {
      if (!text->empty() && !ParseDay(*text)) {
        return Str(name, " '", *text, "' is not a day of the form 2025-03-31");
      }
    }
    if (!from.empty() && !until.empty() && until < from) return Str(until_name, " is before ", from_name);
  }
  return std::nullopt;
}

// Of some lists one entry alone may hold on a day for each value of these fields, whatever their ids: the services
// would take the first they find. Two files of a profile can meet so.
const std::map<std::string_view, std::vector<const char*>>& OneAtATime() {
  static const auto* const lists = new std::map<std::string_view, std::vector<const char*>>{
      {"actors", {"office"}},
      {"plans", {"kind"}},
      {"variants", {}},
      {"agreements", {}},
      {"intensities", {}},
      {"rates", {"kind"}},
      {"benefits", {"kind"}},
      {"perks", {"kind"}},
      {"absence_classes", {"attendance_class"}},
      {"absence_notices", {"notice", "recipient"}},
      {"notices", {"notice", "recipient"}},
      {"assessments", {"kind"}},
      {"feedback", {"giver"}},
      {"exits", {}},
      {"case_managers", {"side"}},
      {"retention", {"kind"}},
      {"alerts", {"kind"}},
  };
  return *lists;
}

// The two rules of one list are about the same matter.
bool SameMatter(const std::string& list, const google::protobuf::Message& a,
                const google::protobuf::Message& b) {
  if (TextField(a, "id") == TextField(b, "id")) return true;
  const auto fields = OneAtATime().find(list);
  if (fields == OneAtATime().end()) return false;
  const auto value = [](const google::protobuf::Message& rule, const char* name) {
    const auto* field = rule.GetDescriptor()->FindFieldByName(name);
    return rule.GetReflection()->GetEnumValue(rule, field);
  };
  return std::all_of(fields->second.begin(), fields->second.end(),
                     [&](const char* name) { return value(a, name) == value(b, name); });
}

// In which file each rule of a joined profile stands: in each list, file after file.
class RulePlaces {
 public:
  void Add(const std::string& path, const config::v1::Profile& part) {
    for (int i = 0; i < part.GetDescriptor()->field_count(); ++i) {
      const auto* list = part.GetDescriptor()->field(i);
      if (!list->is_repeated()) continue;
      const int size = part.GetReflection()->FieldSize(part, list);
      for (int j = 0; j < size; ++j) places_[list->name()].push_back({path, j});
    }
    last_ = path;
  }
  // "FILE: travel[2] (bus_card)", as an error begins; of what is no rule the last file.
  absl::Status Bad(const std::string& list, int index, const std::string& id, const std::string& problem) const {
    if (list.empty()) return Error(absl::StatusCode::kInvalidArgument, last_, ": ", problem);
    const auto& [path, in_file] = places_.at(list).at(static_cast<size_t>(index));
    return Invalid(path, Str(list, "[", in_file, "]", id.empty() ? "" : Str(" (", id, ")")), problem);
  }
  const std::string& FileOf(const std::string& list, int index) const {
    return places_.at(list).at(static_cast<size_t>(index)).first;
  }

 private:
  std::map<std::string, std::vector<std::pair<std::string, int>>> places_;
  std::string last_;
};

// What rules are called is for people: once a rule, in all three languages.
absl::Status CheckRuleNames(const RulePlaces& places, const config::v1::Profile& profile) {
  std::set<std::string> named;
  for (int i = 0; i < profile.rule_names_size(); ++i) {
    const config::v1::RuleName& rule = profile.rule_names(i);
    const auto bad = [&](const std::string& problem) { return places.Bad("rule_names", i, rule.rule_id(), problem); };
    if (rule.rule_id().empty()) return bad("names no rule_id");
    if (!named.insert(rule.rule_id()).second) return bad("is named twice; keep one");
    if (rule.finnish().empty() || rule.swedish().empty() || rule.english().empty()) {
      return bad("needs its name in finnish, swedish and english");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckProfile(const RulePlaces& places, const config::v1::Profile& profile) {
  std::set<std::pair<std::string, std::string>> names;
  const auto& reflection = *profile.GetReflection();
  for (int i = 0; i < profile.GetDescriptor()->field_count(); ++i) {
    const auto* list = profile.GetDescriptor()->field(i);
    if (list->message_type() == nullptr || list->message_type()->FindFieldByName("id") == nullptr) {
      continue;
    }
    for (int j = 0; j < reflection.FieldSize(profile, list); ++j) {
      const auto& rule = reflection.GetRepeatedMessage(profile, list, j);
      const std::string id = TextField(rule, "id");
      const auto bad = [&](const std::string& problem) { return places.Bad(list->name(), j, id, problem); };
      if (const auto problem = RuleProblemOf(rule)) return bad(*problem);
      if (!names.emplace(id, TextField(rule, "version")).second) {
        return bad(Str("version ", TextField(rule, "version"), " of ", id,
                       " is there twice; decisions could not tell which they used"));
      }
      for (int k = 0; k < j; ++k) {
        const auto& other = reflection.GetRepeatedMessage(profile, list, k);
        if (!SameMatter(list->name(), other, rule)) continue;
        if (Overlap(TextField(other, "valid_from"), TextField(other, "valid_until"),
                    TextField(rule, "valid_from"), TextField(rule, "valid_until")) &&
            Overlap(TextField(other, "started_from"), TextField(other, "started_until"),
                    TextField(rule, "started_from"), TextField(rule, "started_until"))) {
          if (TextField(other, "id") != id) {
            return bad(Str(id, " and ", TextField(other, "id"), " (", places.FileOf(list->name(), k),
                           ") say the same matter of the same days; leave one out or end it before the other begins"));
          }
          return bad(Str("versions ", TextField(other, "version"), " and ", TextField(rule, "version"), " of ", id,
                         " hold on the same days; end one before the other begins"));
        }
      }
    }
  }
  if (const auto wrong = CheckRuleValues(profile)) {
    std::string id;
    if (!wrong->list.empty()) {
      const auto* list = profile.GetDescriptor()->FindFieldByName(wrong->list);
      id = TextField(reflection.GetRepeatedMessage(profile, list, wrong->index), "id");
    }
    return places.Bad(wrong->list, wrong->index, id, wrong->what);
  }
  return CheckRuleNames(places, profile);
}

}  // namespace

absl::StatusOr<config::v1::Agreement> LoadAgreement(const std::vector<std::string>& paths) {
  config::v1::Agreement agreement;
  std::string files;
  for (const std::string& path : paths) {
    config::v1::Agreement part;
    POLKU_RETURN_IF_ERROR(ParseTextFile(path, part));
    agreement.MergeFrom(part);
    files += Str(files.empty() ? "" : " + ", path);
  }
  if (const auto problem = access::CheckAgreement(agreement)) {
    return Error(absl::StatusCode::kInvalidArgument, files, ": ", *problem);
  }
  return agreement;
}

absl::StatusOr<std::vector<std::string>> ProfileFiles(const std::string& path) {
  std::vector<std::string> files;
  POLKU_RETURN_IF_ERROR(AddProfileFile(path, 0, files));
  return files;
}

absl::StatusOr<config::v1::Profile> LoadProfile(const std::vector<std::string>& paths) {
  config::v1::Profile profile;
  RulePlaces places;
  std::set<std::string> given;
  for (const std::string& path : paths) {
    config::v1::Profile part;
    POLKU_RETURN_IF_ERROR(ParseTextFile(path, part));
    for (const std::string& needed : part.needs()) {
      if (!given.contains(needed)) {
        return Error(absl::StatusCode::kInvalidArgument, path, ": needs: the profile ", needed,
                     " is not given before this one; name its file first, e.g. ", needed, ".textproto");
      }
    }
    given.insert(part.name());
    profile.MergeFrom(part);
    places.Add(path, part);
  }
  POLKU_RETURN_IF_ERROR(CheckProfile(places, profile));
  return profile;
}

std::map<std::string, proof::VerifierKey, std::less<>> Config::OtherLogKeys() const {
  std::map<std::string, proof::VerifierKey, std::less<>> keys;
  for (const PeerConfig& peer : peers) keys.emplace(peer.origin.text(), peer.signing_key);
  for (const auto& key : earlier_keys) keys.emplace(key.name(), key);
  return keys;
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
  POLKU_RETURN_IF_ERROR(CheckTcpEndpoint(path, "listen", text.listen(), /*any_port=*/true));
  config.listen = text.listen();
  for (const auto& [field, value, target] :
       {std::tuple("data_directory", &text.data_directory(), &config.data_directory),
        std::tuple("keystore_directory", &text.keystore_directory(), &config.keystore_directory),
        std::tuple("keys_directory", &text.keys_directory(), &config.keys_directory)}) {
    if (value->empty()) return Invalid(path, field, "is missing; name a directory");
    *target = ResolveBeside(path, *value);
  }
  const auto data = Normal(config.data_directory);
  const auto keystore = Normal(config.keystore_directory);
  const auto keys = Normal(config.keys_directory);
  if (keystore == data) {
    return Invalid(path, "keystore_directory",
                   "must not be the data directory: keys and log are backed up apart");
  }
  if (keys == data || keys == keystore) {
    return Invalid(path, "keys_directory",
                   "must be a directory of its own: a copy of data or keystore must not open itself");
  }

  std::vector<std::string> agreement_files;
  for (const std::string& file : text.agreement_file()) {
    agreement_files.push_back(ResolveBeside(path, file));
  }
  if (agreement_files.empty()) return Invalid(path, "agreement_file", "is missing");
  POLKU_ASSIGN_OR_RETURN(config.agreement, LoadAgreement(agreement_files));
  bool declared = false;
  for (const auto& agency : config.agreement.agencies()) {
    declared = declared || agency.name() == origin->agency();
  }
  if (!declared) {
    return Invalid(path, "agreement_file",
                   Str("does not list this service's agency ", origin->agency()));
  }
  std::vector<std::string> profile_files;
  for (const std::string& file : text.profile_file()) {
    profile_files.push_back(ResolveBeside(path, file));
  }
  if (profile_files.empty()) return Invalid(path, "profile_file", "is missing");
  POLKU_ASSIGN_OR_RETURN(config.profile, LoadProfile(profile_files));

  std::set<std::string> peer_origins;
  for (int i = 0; i < text.peers_size(); ++i) {
    const auto& peer = text.peers(i);
    const std::string field = Str("peers[", i, "]");
    auto peer_origin = OriginName::Parse(peer.origin());
    if (!peer_origin.ok()) return Annotate(peer_origin.status(), Str(path, ": ", field));
    if (peer_origin->text() == origin->text() || !peer_origins.insert(peer.origin()).second) {
      return Invalid(path, field, Str(peer.origin(), " is this service itself or listed twice"));
    }
    POLKU_RETURN_IF_ERROR(CheckTcpEndpoint(path, Str(field, ".address"), peer.address(), /*any_port=*/false));
    const auto curve = zeromq::ParseCurveKey(peer.curve_key());
    if (!curve) {
      return Invalid(path, field,
                     "curve_key is not 40 Z85 characters; copy the peer's curve.public");
    }
    auto signing = proof::VerifierKey::Parse(peer.signing_key(), proof::KeyUse::kCheckpoint);
    if (!signing.ok()) {
      return Annotate(signing.status(), Str(path, ": ", field, ": signing_key"));
    }
    if (signing->name() != peer.origin()) {
      return Invalid(path, field,
                     Str("signing_key belongs to ", signing->name(), ", not to ", peer.origin()));
    }
    config.peers.push_back({*peer_origin, peer.address(), *curve, *signing, peer.mirror()});
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
    if (principal.rights().empty()) {
      return Invalid(path, field, "has no rights; add rights: RIGHT_… or take it out");
    }
    for (int right : principal.rights()) {
      if (right == 0 || !config::v1::Right_IsValid(right)) {
        return Invalid(path, field, Str("right ", right, " is none; see Right"));
      }
      if (right == config::v1::RIGHT_PUBLISH) parsed.may_publish = true;
      if (right == config::v1::RIGHT_REPLICATE) parsed.may_replicate = true;
      if (right == config::v1::RIGHT_OPERATE) parsed.may_operate = true;
      if (right == config::v1::RIGHT_MIRROR) parsed.may_mirror = true;
      if (right == config::v1::RIGHT_ERASE) parsed.may_erase = true;
    }
    if (!service::IsOfficialLabel(principal.official())) {
      return Invalid(path, field,
                     "official is the agency's pseudonym of the worker: at most 64 of A-Z a-z 0-9 . _ "
                     "-, no personal data");
    }
    parsed.official = principal.official();
    if (parsed.may_erase && parsed.official.empty()) {
      return Invalid(path, field,
                     "RIGHT_ERASE needs a key that speaks for one official; add official: \"…\"");
    }
    if (parsed.may_erase && principal.agency() != origin->agency()) {
      return Invalid(path, field, Str("RIGHT_ERASE is for officials of ", origin->agency(),
                                      ": what others hold is theirs to erase"));
    }
    for (const std::string& pattern : principal.types()) {
      if (!access::MatchesAnyType(pattern)) {
        return Invalid(path, field, Str("types: '", pattern, "' matches no event type of this version"));
      }
      parsed.types.push_back(pattern);
    }
    if (!config.principals.emplace(*key, parsed).second) {
      return Invalid(path, field, "this curve_key is listed twice; merge the rights");
    }
  }

  std::set<std::string> witness_names;
  for (int i = 0; i < text.witnesses_size(); ++i) {
    const auto& witness = text.witnesses(i);
    const std::string field = Str("witnesses[", i, "]");
    if (auto valid = ValidateAgencyName(witness.agency()); !valid.ok()) {
      return Annotate(valid, Str(path, ": ", field));
    }
    auto key = proof::VerifierKey::Parse(witness.cosigning_key(), proof::KeyUse::kCosignature);
    if (!key.ok()) {
      return Annotate(key.status(), Str(path, ": ", field,
                                        ": cosigning_key (that service's cosigning.public)"));
    }
    if (!IsWitnessOf(key->name(), witness.agency())) {
      return Invalid(path, field,
                     Str("cosigning_key belongs to ", key->name(), ", not to a service of ",
                         witness.agency(), ": the name would be AGENCY/SERVICE/witness"));
    }
    if (key->name() == WitnessName(*origin)) {
      return Invalid(path, field, "this is the service itself; list who follows it");
    }
    // One key a service: with an old one beside the new, its word would seem to be two.
    if (!witness_names.insert(key->name()).second) {
      return Invalid(path, field, Str(key->name(), " is listed twice; take the old key out"));
    }
    // One key under two names would be one word that counts twice.
    for (const auto& other : config.witnesses) {
      if (other.key.key() != key->key()) continue;
      return Invalid(path, field, Str("cosigning_key is that of ", other.key.name(),
                                      " under another name; each service has a key of its own"));
    }
    config.witnesses.push_back({witness.agency(), *std::move(key)});
  }
  for (int i = 0; i < text.earlier_signing_keys_size(); ++i) {
    const std::string field = Str("earlier_signing_keys[", i, "]");
    auto key = proof::VerifierKey::Parse(text.earlier_signing_keys(i), proof::KeyUse::kCheckpoint);
    if (!key.ok()) return Annotate(key.status(), Str(path, ": ", field, " (a signing.public)"));
    if (auto name = OriginName::Parse(key->name()); !name.ok()) {
      return Annotate(name.status(), Str(path, ": ", field));
    }
    if (key->name() == origin->text() || !peer_origins.insert(key->name()).second) {
      return Invalid(path, field, Str("the key of ", key->name(), " is named already"));
    }
    config.earlier_keys.push_back(*std::move(key));
  }
  if (text.verify_every_hours() > 0) {
    config.verify_every = absl::Hours(text.verify_every_hours());
  } else if (origin->service() == "audit") {
    config.verify_every = absl::ZeroDuration();
  }

  if (text.keystore_backup_days() > kMaxBackupDays) {
    return Invalid(path, "keystore_backup_days",
                   Str("must be at most ", kMaxBackupDays, ": until then nothing erased is gone"));
  }
  config.keystore_backup_days = text.keystore_backup_days();
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
