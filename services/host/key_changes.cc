#include "services/host/key_changes.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/reader.h"
#include "services/core/finnish_ids.h"

namespace polku::host {
namespace {

using event::v1::KeyChanged;
using zeromq::CurveKey;

std::string Where(const log::KeyChange& change, std::string_view origin) {
  return Str("entry ", change.position.value(), " of ", origin);
}

absl::Status Refuse(auto... parts) {
  return Error(absl::StatusCode::kInvalidArgument, parts...);
}

}  // namespace

absl::StatusOr<AnnouncedChanges> ReadAnnounced(log::Engine& engine, const Config& config) {
  AnnouncedChanges announced;
  POLKU_ASSIGN_OR_RETURN(const auto logs, log::HeldLogs(engine));
  for (const auto& held : logs) {
    const bool is_peer =
        std::any_of(config.peers.begin(), config.peers.end(), [&](const PeerConfig& peer) {
          return peer.origin.text() == held.head.origin;
        });
    if (held.head.origin != config.origin.text() && !is_peer) continue;
    POLKU_ASSIGN_OR_RETURN(announced[held.head.origin], log::KeyChangesOf(engine, held.number));
  }
  return announced;
}

KeysInForce::KeysInForce(const Config& config, const AnnouncedChanges& announced,
                         const KeysInForce* before) {
  if (before != nullptr) used_ = before->used_;
  TakeCurveChanges(config, announced);
  TakePrincipals(config);
  TakeWitnesses(config, announced);
}

void KeysInForce::TakeCurveChanges(const Config& config, const AnnouncedChanges& announced) {
  const auto take = [this](const log::KeyChange& one, std::string_view origin) {
    const auto old_key = CurveKey::FromBytes(one.change.old_key());
    // The first word about a key is the last: a key that was given up does not come back.
    if (old_key) {
      changes_.emplace(*old_key, Change{.next = CurveKey::FromBytes(one.change.new_key()),
                                        .compromised = one.change.compromised(),
                                        .where = Where(one, origin)});
    }
  };
  // The own log first: what our own operator has said of a key stands above what its holder says.
  if (const auto own = announced.find(config.origin.text()); own != announced.end()) {
    for (const auto& one : own->second) {
      if (one.change.use() == event::v1::KEY_USE_PRINCIPAL ||
          one.change.use() == event::v1::KEY_USE_CURVE) {
        take(one, own->first);
      }
    }
  }
  for (const PeerConfig& peer : config.peers) {
    const auto theirs = announced.find(peer.origin.text());
    if (theirs == announced.end()) continue;
    std::set<CurveKey> known{peer.curve_key};
    const log::KeyChange* unknown = nullptr;
    for (const auto& one : theirs->second) {
      if (one.change.use() != event::v1::KEY_USE_CURVE) continue;
      const auto old_key = CurveKey::FromBytes(one.change.old_key());
      const auto next = CurveKey::FromBytes(one.change.new_key());
      if (old_key && known.contains(*old_key)) {
        take(one, peer.origin.text());
        if (next) known.insert(*next);
      } else if (!next || !known.contains(*next)) {
        unknown = &one;
        continue;
      }
      unknown = nullptr;
    }
    if (unknown == nullptr) continue;
    faults_.push_back(Str("peers: ", peer.origin.text(), " announces a change of a CURVE key that is not the one "
                              "configured (", Where(*unknown, peer.origin.text()),
                              "): it has no effect; ask its operator for its curve.public"));
  }
}

KeysInForce::Chain KeysInForce::Follow(const CurveKey& first) const {
  Chain chain;
  chain.in_force.push_back(first);
  std::set<CurveKey> seen{first};
  for (auto change = changes_.find(first); change != changes_.end();
       change = changes_.find(chain.in_force.back())) {
    chain.last = change->second.where;
    const auto& next = change->second.next;
    if (!next || !seen.insert(*next).second) {
      chain.in_force.clear();
      chain.revoked = true;
      return chain;
    }
    if (change->second.compromised) chain.in_force.clear();
    chain.in_force.push_back(*next);
  }
  std::reverse(chain.in_force.begin(), chain.in_force.end());
  return chain;
}

void KeysInForce::TakePrincipals(const Config& config) {
  const auto tell = [this](std::string_view list, std::string_view holder, const CurveKey& key,
                           const Chain& chain) {
    if (chain.last.empty()) return;
    superseded_.push_back(
        chain.revoked
            ? Str(list, ": take out ", zeromq::FormatCurveKey(key), " of ", holder, ", revoked (", chain.last, ")")
            : Str(list, ": put ", zeromq::FormatCurveKey(chain.in_force.front()), " for ",
                  zeromq::FormatCurveKey(key), " of ", holder, " (", chain.last, ")"));
  };
  for (const auto& [key, principal] : config.principals) {
    const Chain chain = Follow(key);
    tell("principals", principal.agency, key, chain);
    for (size_t i = 0; i < chain.in_force.size(); ++i) {
      // Listed itself, a key has the rights that are listed with it.
      const auto listed = config.principals.find(chain.in_force[i]);
      principals_.emplace(
          chain.in_force[i],
          Standing{.principal = listed == config.principals.end() ? principal : listed->second,
                   .replaced_by = {chain.in_force.begin(),
                                   chain.in_force.begin() + static_cast<ptrdiff_t>(i)}});
    }
  }
  for (const PeerConfig& peer : config.peers) {
    const Chain chain = Follow(peer.curve_key);
    tell("peers", peer.origin.text(), peer.curve_key, chain);
    peers_.push_back(chain.in_force);
  }
}

void KeysInForce::TakeWitnesses(const Config& config, const AnnouncedChanges& announced) {
  for (const replica::TrustedWitness& witness : config.witnesses) {
    std::vector<replica::TrustedWitness> trusted{witness};
    std::set<proof::Ed25519Public> seen{witness.key.key()};
    std::string last;
    bool revoked = false;
    for (const PeerConfig& peer : config.peers) {
      // Only the service whose witness it is.
      if (WitnessName(peer.origin) != witness.key.name()) continue;
      const auto theirs = announced.find(peer.origin.text());
      if (theirs == announced.end()) continue;
      for (const auto& one : theirs->second) {
        if (one.change.use() != event::v1::KEY_USE_COSIGNING || trusted.empty() ||
            one.change.old_key() != trusted.back().key.key().view()) {
          continue;
        }
        const auto next = proof::Ed25519Public::FromBytes(one.change.new_key());
        revoked = !next || !seen.insert(*next).second;
        last = Where(one, peer.origin.text());
        if (one.change.compromised() || revoked) {
          for (const auto& former : trusted) {
            former_.push_back(
                {former, one.change.compromised() ? one.recorded_at : absl::InfiniteFuture()});
          }
          trusted.clear();
        }
        if (revoked) break;
        trusted.push_back({witness.agency, proof::VerifierKey(witness.key.name(), *next,
                                                              proof::KeyUse::kCosignature)});
      }
    }
    if (!last.empty()) {
      superseded_.push_back(
          revoked ? Str("witnesses: take out the key of ", witness.key.name(), ", revoked (", last, ")")
                  : Str("witnesses: put ", trusted.back().key.Format(), " for the key of that name (", last, ")"));
    }
    // The newest first: it is the one that is used from now on.
    witnesses_.insert(witnesses_.end(), trusted.rbegin(), trusted.rend());
  }
}

const PrincipalConfig* KeysInForce::Principal(const CurveKey& key) const {
  const auto found = principals_.find(key);
  if (found == principals_.end()) return nullptr;
  const auto& replaced_by = found->second.replaced_by;
  const bool over = std::any_of(replaced_by.begin(), replaced_by.end(),
                                [this](const CurveKey& next) { return used_.contains(next); });
  return over ? nullptr : &found->second.principal;
}

bool KeysInForce::Used(const CurveKey& key) {
  const bool replaces = std::any_of(changes_.begin(), changes_.end(),
                                    [&](const auto& change) { return change.second.next == key; });
  return replaces && used_.insert(key).second;
}

std::vector<CurveKey> KeysInForce::KeysOfPeer(size_t peer) const {
  std::vector<CurveKey> keys = peers_[peer];
  const auto used =
      std::find_if(keys.begin(), keys.end(), [this](const auto& key) { return used_.contains(key); });
  if (used != keys.end()) keys.erase(used + 1, keys.end());
  return keys;
}

bool KeysInForce::Counts(const log::KeptCosignature& cosignature) const {
  return std::any_of(witnesses_.begin(), witnesses_.end(),
                     [&](const auto& witness) { return log::IsOfKey(cosignature, witness.key); }) ||
         std::any_of(former_.begin(), former_.end(), [&](const Former& former) {
           return log::IsOfKey(cosignature, former.witness.key) && cosignature.time <= former.until;
         });
}

std::vector<proof::VerifierKey> KeysInForce::AllWitnessKeys() const {
  std::vector<proof::VerifierKey> keys;
  for (const auto& witness : witnesses_) keys.push_back(witness.key);
  for (const auto& former : former_) keys.push_back(former.witness.key);
  return keys;
}

std::vector<replica::TrustedWitness> KeysInForce::FormerWitnesses() const {
  std::vector<replica::TrustedWitness> witnesses;
  for (const auto& former : former_) witnesses.push_back(former.witness);
  return witnesses;
}

absl::Status KeysInForce::CheckRequest(const Config& config, const ServiceKeys& keys,
                                       const KeyChanged& change) const {
  POLKU_RETURN_IF_ERROR(log::CheckKeyChanged(change));
  if (service::ContainsPersonalIdentityCode(change.reason())) {
    return Refuse("the reason has a personal identity code in it; it is kept for ever where everybody reads it");
  }
  const auto needs_new = [&](std::string_view what, std::string_view own) -> absl::Status {
    if (change.new_key().empty()) {
      return Refuse("a service is never without its ", what, " key: rotate it (`polku keys rotate`)");
    }
    if (change.old_key() != own) return Refuse("the old key is not this service's ", what, " key");
    return absl::OkStatus();
  };
  switch (change.use()) {
    case event::v1::KEY_USE_SIGNING:
      return Refuse("the signing key is changed while the service is stopped: `polku keys rotate signing`");
    case event::v1::KEY_USE_CURVE:
      return needs_new("CURVE", keys.curve.public_key.view());
    case event::v1::KEY_USE_COSIGNING:
      return needs_new("cosigning", keys.cosigner->verifier().key().view());
    default:
      break;
  }
  const CurveKey old_key = *CurveKey::FromBytes(change.old_key());
  if (const auto known = changes_.find(old_key); known != changes_.end()) {
    return Refuse("that key was given up before (", known->second.where, ")");
  }
  if (old_key == keys.curve.public_key) {
    return Refuse("that is this service's own CURVE key: `polku keys rotate curve`");
  }
  const auto listed = principals_.find(old_key);
  const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const auto& theirs) {
    return std::find(theirs.begin(), theirs.end(), old_key) != theirs.end();
  });
  std::string_view holder;
  if (listed != principals_.end()) {
    holder = listed->second.principal.agency;
  } else if (peer != peers_.end()) {
    holder = config.peers[static_cast<size_t>(peer - peers_.begin())].origin.agency();
  } else {
    return Refuse("no principal or peer of this service has that key; `polku keys show` lists them");
  }
  if (holder != change.holder()) return Refuse("that key is of ", holder, ", not of ", change.holder());
  if (change.new_key().empty()) return absl::OkStatus();
  // Or whoever may operate the service could take over the keys of both officials that an erasure needs.
  if (listed != principals_.end() &&
      (listed->second.principal.may_erase || !listed->second.principal.official.empty())) {
    return Refuse("that key speaks for one official: revoke it, and list the official's new key in the "
                  "configuration, which takes a restart");
  }
  const CurveKey next = *CurveKey::FromBytes(change.new_key());
  const bool is_known = next == keys.curve.public_key || principals_.contains(next) ||
                        changes_.contains(next) ||
                        std::any_of(peers_.begin(), peers_.end(), [&](const auto& theirs) {
                          return std::find(theirs.begin(), theirs.end(), next) != theirs.end();
                        });
  if (is_known) return Refuse("the new key is in use here already, or was; make a new one");
  return absl::OkStatus();
}

std::vector<proof::VerifierKey> OwnCosigningKeys(const AnnouncedChanges& announced,
                                                 const OriginName& origin,
                                                 const proof::VerifierKey& present) {
  std::vector<proof::VerifierKey> keys{present};
  const auto own = announced.find(origin.text());
  if (own == announced.end()) return keys;
  for (const auto& one : own->second) {
    if (one.change.use() != event::v1::KEY_USE_COSIGNING) continue;
    proof::VerifierKey former(WitnessName(origin), *proof::Ed25519Public::FromBytes(one.change.old_key()),
                              proof::KeyUse::kCosignature);
    if (former.key() != present.key()) keys.push_back(std::move(former));
  }
  return keys;
}

EventId KeyChangeId(const KeyChanged& change) {
  std::string seed = "polku/key-change/v1";
  seed.push_back('\0');
  seed += change.old_key();
  seed += change.new_key();
  return DerivedEventId(seed);
}

std::string Fingerprint(std::string_view key) { return ToHex(Sha256(key).view().substr(0, 8)); }

}  // namespace polku::host
