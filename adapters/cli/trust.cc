#include "adapters/cli/trust.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/output.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/log/key_history.h"
#include "services/host/key_changes.h"
#include "services/host/keys.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxPolicyFileBytes = 1 << 20;

}  // namespace

absl::StatusOr<Trust> LoadTrust(const host::Config& config) {
  POLKU_ASSIGN_OR_RETURN(
      auto own, host::LoadPublicKey(Str(config.keys_directory, "/signing.public"), proof::KeyUse::kCheckpoint));
  POLKU_ASSIGN_OR_RETURN(auto first, host::FirstSigningKey(config.keys_directory));
  for (const proof::VerifierKey* key : {&own, &first}) {
    if (key->name() == config.origin.text()) continue;
    return Error(absl::StatusCode::kFailedPrecondition, config.keys_directory, " has a signing key of ",
                 key->name(), " (signing.public or earlier/signing.1.public), not of ",
                 config.origin.text());
  }
  Trust trust{.keys = config.OtherLogKeys(), .own = std::move(own), .witnesses = {}};
  trust.keys.emplace(config.origin.text(), std::move(first));
  for (const auto& witness : config.witnesses) trust.witnesses.push_back(witness.key);
  auto cosigning =
      host::LoadPublicKey(Str(config.keys_directory, "/cosigning.public"), proof::KeyUse::kCosignature);
  if (cosigning.ok()) {
    trust.witnesses.push_back(*std::move(cosigning));
  } else if (!absl::IsNotFound(cosigning.status())) {
    return cosigning.status();
  }
  return trust;
}

absl::Status AddAnnouncedWitnesses(log::Engine& engine, const host::Config& config, Trust& trust) {
  POLKU_ASSIGN_OR_RETURN(const host::AnnouncedChanges announced, host::ReadAnnounced(engine, config));
  std::vector<proof::VerifierKey> more = host::KeysInForce(config, announced).AllWitnessKeys();
  const std::string own_witness = host::WitnessName(config.origin);
  for (size_t i = 0; i < trust.witnesses.size(); ++i) {
    if (trust.witnesses[i].name() != own_witness) continue;
    for (auto& key : host::OwnCosigningKeys(announced, config.origin, trust.witnesses[i])) {
      more.push_back(std::move(key));
    }
    break;
  }
  for (auto& key : more) {
    const bool known = std::any_of(trust.witnesses.begin(), trust.witnesses.end(), [&](const auto& one) {
      return one.name() == key.name() && one.key() == key.key();
    });
    if (!known) trust.witnesses.push_back(std::move(key));
  }
  return absl::OkStatus();
}

absl::StatusOr<Trust> LoadTrust(const host::Config& config, log::Engine& engine) {
  POLKU_ASSIGN_OR_RETURN(Trust trust, LoadTrust(config));
  POLKU_RETURN_IF_ERROR(AddAnnouncedWitnesses(engine, config, trust));
  return trust;
}

absl::Status CheckOwnKey(log::Engine& engine, const Trust& trust) {
  POLKU_ASSIGN_OR_RETURN(const proof::VerifierKey* const first, KeyOf(trust, trust.own.name()));
  POLKU_ASSIGN_OR_RETURN(const proof::LogKeys keys, log::KeysOf(engine, kOwnLog, *first));
  if (keys.newest().key() == trust.own.key()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "the newest signing key that the log of ",
               trust.own.name(), " announces is ", keys.newest().Format(),
               ", not that of signing.public; where `polku keys rotate signing` was broken off, run it again; else "
               "this is not the log that the keys belong to");
}

absl::StatusOr<proof::LogKeys> KeysOf(const Trust& trust, log::Engine& engine,
                                      const log::HeldLog& log) {
  POLKU_ASSIGN_OR_RETURN(const proof::VerifierKey* const first, KeyOf(trust, log.head.origin));
  return log::KeysOf(engine, log.number, *first);
}

absl::StatusOr<const proof::VerifierKey*> KeyOf(const Trust& trust, std::string_view origin) {
  const auto key = trust.keys.find(origin);
  if (key != trust.keys.end()) return &key->second;
  return Error(
      absl::StatusCode::kFailedPrecondition, "the checkpoint key of ", origin,
      " is not known; the configuration names those of other services under peers (signing_key), and those "
      "of logs that are followed no more under earlier_signing_keys");
}

evidence::SecretFn SecretsOf(host::Opener& opener) {
  const auto mutex = std::make_shared<std::mutex>();
  return [mutex, &opener](const log::EntryView& entry, std::string_view origin,
                         const log::BlobView& blob) -> absl::StatusOr<std::optional<std::string>> {
    const std::lock_guard lock(*mutex);
    POLKU_ASSIGN_OR_RETURN(const auto secret, opener.Secret(entry, origin, blob));
    if (!secret) return std::optional<std::string>();
    return std::optional(std::string(secret->secret_bytes()));
  };
}

absl::StatusOr<proof::Policy> LoadPolicy(const std::string& path) {
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxPolicyFileBytes));
  auto policy = proof::Policy::Parse(text);
  if (!policy.ok()) return Annotate(policy.status(), path);
  return policy;
}

std::string CosignedText(std::string_view key_name, absl::Time time, Position size) {
  return Str(Plain(key_name), "  ", ExactTime(time), "  entries 0-", size.value() - 1);
}

}  // namespace polku::cli
