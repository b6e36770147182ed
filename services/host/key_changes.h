// The keys in force in a service: its configuration overlaid with what was announced since (KeyChanged entries of
// the own log and of those that are followed; README.md "Keys"). Pure: the host reads the entries and acts.
//
// Who may change what: the own log speaks of the own service's keys and of every principal's; a followed log of
// its own origin's service alone (CURVE, COSIGNING; its SIGNING changes are the subscriber's). What is said of
// other keys has no effect.
#ifndef POLKU_SERVICES_HOST_KEY_CHANGES_H_
#define POLKU_SERVICES_HOST_KEY_CHANGES_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/records.h"
#include "eventstore/proof/checkpoint.h"
#include "services/host/config.h"
#include "services/host/keys.h"

namespace polku::host {

// Changes by the log that announced them.
using AnnouncedChanges = std::map<std::string, std::vector<log::KeyChange>, std::less<>>;
// Those of the own log and of the configured peers' logs. Errors as log::KeyChangesOf.
absl::StatusOr<AnnouncedChanges> ReadAnnounced(log::Engine& engine, const Config& config);

class KeysInForce {
 public:
  // Keys that are used are remembered from `before`, if there is one.
  KeysInForce(const Config& config, const AnnouncedChanges& announced,
              const KeysInForce* before = nullptr);

  // What the holder of the key may do now; null: nobody that is known, or a key that counts no more.
  const PrincipalConfig* Principal(const zeromq::CurveKey& key) const;
  // Whether it was replaced or revoked, and by a log that may say so.
  bool IsGivenUp(const zeromq::CurveKey& key) const { return changes_.contains(key); }
  // It was used: those that it replaces are refused from now on. Whether that is news.
  bool Used(const zeromq::CurveKey& key);

  // The service keys to expect at a peer, the newest first; empty: revoked, so it is not to be talked to.
  std::vector<zeromq::CurveKey> KeysOfPeer(size_t peer) const;

  // Whose cosignatures are taken: the configured keys and those that replaced them, and of replaced ones those that
  // are in nobody else's hands.
  const std::vector<replica::TrustedWitness>& witnesses() const { return witnesses_; }
  // Whether a kept cosignature counts: of a witness's key now or before; of a compromised key only what was
  // made before its change was recorded.
  bool Counts(const log::KeptCosignature& cosignature) const;
  // Keys that were revoked or are in wrong hands: what was made with them before still stands (Counts), what is
  // said with them now does not.
  std::vector<replica::TrustedWitness> FormerWitnesses() const;
  // Every key that a witness has or had, for verifying what is kept.
  std::vector<proof::VerifierKey> AllWitnessKeys() const;

  // What the configuration still says otherwise, a short line each: to be tidied up when it suits.
  const std::vector<std::string>& superseded() const { return superseded_; }
  // What keeps a peer from being reached until its operator was asked, a line each.
  const std::vector<std::string>& faults() const { return faults_; }

  // Why a change may not be recorded; OK: it may. `keys`: the own ones. InvalidArgument says what to do.
  absl::Status CheckRequest(const Config& config, const ServiceKeys& keys,
                            const event::v1::KeyChanged& change) const;

 private:
  struct Change {
    std::optional<zeromq::CurveKey> next;
    bool compromised = false;
    std::string where;  // "entry 12 of FI/…"
  };
  // The keys that followed each other, from `first` on; those that count, the newest first.
  struct Chain {
    std::vector<zeromq::CurveKey> in_force;
    std::string last;  // where the last change was recorded; "": there was none
    bool revoked = false;
  };
  Chain Follow(const zeromq::CurveKey& first) const;
  void TakeCurveChanges(const Config& config, const AnnouncedChanges& announced);
  void TakePrincipals(const Config& config);
  void TakeWitnesses(const Config& config, const AnnouncedChanges& announced);

  std::map<zeromq::CurveKey, Change> changes_;  // by the old key
  struct Standing {
    PrincipalConfig principal;
    std::vector<zeromq::CurveKey> replaced_by;  // any of them used: over
  };
  std::map<zeromq::CurveKey, Standing> principals_;
  std::vector<std::vector<zeromq::CurveKey>> peers_;
  std::vector<replica::TrustedWitness> witnesses_;
  struct Former {
    replica::TrustedWitness witness;
    absl::Time until;  // by the witness's clock
  };
  std::vector<Former> former_;
  std::set<zeromq::CurveKey> used_;  // of those that replace others
  std::vector<std::string> superseded_;
  std::vector<std::string> faults_;
};

// The own cosigning keys, the present one first: what was cosigned with earlier ones stays verifiable.
std::vector<proof::VerifierKey> OwnCosigningKeys(const AnnouncedChanges& announced,
                                                 const OriginName& origin,
                                                 const proof::VerifierKey& present);

// The entry's id: the same change asked for twice is recorded once.
EventId KeyChangeId(const event::v1::KeyChanged& change);

// Short forms of keys for people: the first 16 hexadecimal digits of SHA-256 of the key's 32 bytes.
std::string Fingerprint(std::string_view key);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_KEY_CHANGES_H_
