#include "eventstore/log/key_history.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/head.h"
#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/rewrite.h"

namespace polku::log {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kMaxReasonBytes = 1'000;

const std::string& KeyChangedType() {
  return event::v1::KeyChanged::descriptor()->full_name();
}

absl::Status BadEntry(LogNumber log, Position position, std::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "log ", log.value(), ", position ", position.value(), ": ",
               what, "; `polku verify` tells what else is wrong");
}

// The header of one control entry, in `header`.
absl::Status ReadControl(Engine& engine, LogNumber log, Position position,
                         event::v1::Header& header) {
  POLKU_ASSIGN_OR_RETURN(const auto reader,
                         EntryReader::Make(engine, log, position, /*with_blobs=*/false));
  POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
  if (!entry || entry->position != position) return BadEntry(log, position, "no entry is there");
  header = *entry->header;
  return absl::OkStatus();
}

absl::Status Take(const event::v1::KeyChanged& change, Position position, proof::LogKeys& keys) {
  if (change.old_key() != keys.newest().key().view()) {
    return absl::InvalidArgumentError(
        "it changes a signing key that is not the one in use, which is what ends its use");
  }
  return keys.Change(position, proof::VerifierKey(keys.first().name(),
                                                  *proof::Ed25519Public::FromBytes(change.new_key()),
                                                  proof::KeyUse::kCheckpoint));
}

absl::StatusOr<std::vector<KeyChange>> SigningChanges(Engine& engine, LogNumber log) {
  POLKU_ASSIGN_OR_RETURN(auto changes, KeyChangesOf(engine, log));
  std::erase_if(changes,
                [](const auto& one) { return one.change.use() != event::v1::KEY_USE_SIGNING; });
  return changes;
}

absl::StatusOr<proof::LogKeys> Follow(const std::vector<KeyChange>& changes, LogNumber log,
                                      proof::VerifierKey first) {
  if (!changes.empty() && changes.front().change.old_key() != first.key().view()) {
    return Error(absl::StatusCode::kFailedPrecondition, first.name(),
                 " has changed its signing key since its Genesis; peers.signing_key (or "
                 "earlier_signing_keys) must be the key of the Genesis, which that service's operator finds "
                 "with `polku keys show`; of the own log, earlier/signing.1.public in its keys directory");
  }
  proof::LogKeys keys(std::move(first));
  for (const KeyChange& change : changes) {
    const absl::Status taken = Take(change.change, change.position, keys);
    if (!taken.ok()) return BadEntry(log, change.position, ToStd(taken.message()));
  }
  return keys;
}

}  // namespace

absl::Status CheckKeyChanged(const event::v1::KeyChanged& change) {
  const auto refuse = [](std::string_view what) {
    return absl::InvalidArgumentError(ToAbsl(what));
  };
  using event::v1::KeyChanged;
  if (change.use() == event::v1::KEY_USE_UNSPECIFIED || !event::v1::KeyUse_IsValid(change.use())) {
    return refuse("a change of a key says which use of keys it is about");
  }
  if (change.old_key().size() != kKeyBytes) return refuse("the old key is 32 bytes");
  if (!change.new_key().empty() && change.new_key().size() != kKeyBytes) {
    return refuse("the new key is 32 bytes, or none: revoked without another in its place");
  }
  if (change.new_key() == change.old_key()) return refuse("the new key is the old one");
  if (change.use() == event::v1::KEY_USE_SIGNING && change.new_key().empty()) {
    return refuse(
        "a signing key is not revoked without another in its place: nothing could be appended any more");
  }
  if (change.use() == event::v1::KEY_USE_PRINCIPAL) {
    if (change.holder().empty()) return refuse("a principal's key has a holder: the agency whose key it is");
    POLKU_RETURN_IF_ERROR(ValidateAgencyName(change.holder()));
  } else if (!change.holder().empty()) {
    return refuse("holder is for principals' keys; this origin's own keys have none");
  }
  if (change.reason().size() > kMaxReasonBytes ||
      std::any_of(change.reason().begin(), change.reason().end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return refuse("the reason is one line of at most 1,000 bytes");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KeyChange>> KeyChangesOf(Engine& engine, LogNumber log) {
  POLKU_RETURN_IF_ERROR(CheckIndexComplete(engine));
  POLKU_ASSIGN_OR_RETURN(const auto entries, ControlEntries(engine, log, KeyChangedType()));
  std::vector<KeyChange> changes;
  event::v1::Header header;
  for (const ControlEntry& entry : entries) {
    POLKU_RETURN_IF_ERROR(ReadControl(engine, log, entry.position, header));
    KeyChange change{.position = entry.position,
                     .recorded_at = absl::FromUnixMicros(header.recorded_at_us()),
                     .change = {}};
    if (header.type() != KeyChangedType() || !change.change.ParseFromString(header.control())) {
      return BadEntry(log, entry.position, "is not the change of a key that the index says");
    }
    if (CheckKeyChanged(change.change).ok()) changes.push_back(std::move(change));
  }
  return changes;
}

absl::StatusOr<proof::VerifierKey> GenesisKey(Engine& engine, LogNumber log) {
  POLKU_ASSIGN_OR_RETURN(const auto bytes, engine.ReadHead(log));
  if (!bytes) return Error(absl::StatusCode::kNotFound, "nothing of log ", log.value(), " is held");
  POLKU_ASSIGN_OR_RETURN(const LogHead head, LogHead::Parse(*bytes));
  event::v1::Header header;
  POLKU_RETURN_IF_ERROR(ReadControl(engine, log, Position(), header));
  event::v1::Genesis genesis;
  if (!genesis.ParseFromString(header.control())) {
    return BadEntry(log, Position(), "is no Genesis");
  }
  const auto key = proof::Ed25519Public::FromBytes(genesis.signing_key());
  if (!key || genesis.origin() != head.origin) {
    return BadEntry(log, Position(), "is no Genesis of this log");
  }
  return proof::VerifierKey(head.origin, *key, proof::KeyUse::kCheckpoint);
}

absl::Status TakeSigningChange(const event::v1::Header& header, Position position,
                               proof::LogKeys& keys) {
  if (header.type() != KeyChangedType()) return absl::OkStatus();
  event::v1::KeyChanged change;
  if (!change.ParseFromString(header.control())) {
    return Error(absl::StatusCode::kDataLoss, keys.first().name(), ", position ", position.value(),
                 ": a change of a key is malformed");
  }
  if (change.use() != event::v1::KEY_USE_SIGNING) return absl::OkStatus();
  POLKU_RETURN_IF_ERROR(CheckKeyChanged(change));
  return Take(change, position, keys);
}

absl::StatusOr<proof::LogKeys> KeysOf(Engine& engine, LogNumber log, proof::VerifierKey first) {
  POLKU_ASSIGN_OR_RETURN(const auto changes, SigningChanges(engine, log));
  return Follow(changes, log, std::move(first));
}

absl::StatusOr<proof::LogKeys> OwnKeys(Engine& engine, proof::VerifierKey only) {
  POLKU_ASSIGN_OR_RETURN(const auto changes, SigningChanges(engine, kOwnLog));
  if (!changes.empty()) {
    only = proof::VerifierKey(only.name(),
                              *proof::Ed25519Public::FromBytes(changes.front().change.old_key()),
                              proof::KeyUse::kCheckpoint);
  }
  return Follow(changes, kOwnLog, std::move(only));
}

absl::StatusOr<LogKeysByOrigin> KeysOfAll(
    Engine& engine, const std::map<std::string, proof::VerifierKey, std::less<>>& trusted) {
  LogKeysByOrigin result;
  POLKU_ASSIGN_OR_RETURN(const auto held, HeldLogs(engine));
  for (const auto& [origin, first] : trusted) {
    const auto log = std::find_if(held.begin(), held.end(),
                                  [&](const auto& one) { return one.head.origin == origin; });
    if (log == held.end()) {
      result.emplace(origin, first);
      continue;
    }
    POLKU_ASSIGN_OR_RETURN(auto keys, KeysOf(engine, log->number, first));
    result.emplace(origin, std::move(keys));
  }
  return result;
}

}  // namespace polku::log
