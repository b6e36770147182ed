// The configuration of a service process, loaded and validated as a whole: every problem is found
// before a socket or a database is opened.
#ifndef POLKU_SERVICES_HOST_CONFIG_H_
#define POLKU_SERVICES_HOST_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "adapters/zeromq/transport.h"
#include "eventstore/base/ids.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/replica/witness.h"
#include "polku/config/v1/agreement.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "polku/config/v1/service.pb.h"

namespace polku::host {

struct PeerConfig {
  OriginName origin;
  std::string address;
  zeromq::CurveKey curve_key;
  proof::VerifierKey signing_key;
  bool mirror = false;
};

struct PrincipalConfig {
  std::string agency;
  bool may_publish = false;
  bool may_replicate = false;
  bool may_operate = false;
  bool may_mirror = false;
  bool may_erase = false;
  std::string official;            // the only one it speaks for; empty: the events say
  std::vector<std::string> types;  // all it may publish, as in Sharing; empty: what the agreement gives its agency
};

struct Config {
  OriginName origin;
  std::string listen;
  std::string data_directory;  // resolved
  std::string keystore_directory;
  std::string keys_directory;
  config::v1::Agreement agreement;
  config::v1::Profile profile;
  std::vector<PeerConfig> peers;
  std::map<zeromq::CurveKey, PrincipalConfig> principals;
  std::vector<replica::TrustedWitness> witnesses;
  std::vector<proof::VerifierKey> earlier_keys;  // of logs held but followed no more; each origin once
  absl::Duration verify_every = absl::Hours(24);  // zero: without a pause
  uint32_t keystore_backup_days = 0;  // how long backups of the keystore are kept
  std::optional<absl::CivilDay> business_date;
  size_t cached_cases = 20'000;
  uint64_t replication_credit_bytes = 8 << 20;
  size_t block_cache_bytes = 64 << 20;

  // The checkpoint keys of all logs but the own one, by origin.
  std::map<std::string, proof::VerifierKey, std::less<>> OtherLogKeys() const;
};

// Reads the file and those it names. `service` (e.g. "attendance") must be the origin's service;
// empty: any. InvalidArgument names file, line or field, and the remedy.
absl::StatusOr<Config> LoadConfig(std::string_view path, std::string_view service);

// The agreement that these files make, joined in their order (the lists one after the other, the last name
// given), and checked as a whole (access::CheckAgreement). InvalidArgument names the files, the line and the remedy.
absl::StatusOr<config::v1::Agreement> LoadAgreement(const std::vector<std::string>& paths);

// The profile that these files make, joined likewise, and checked as a whole: what profile.proto promises of every
// rule, and that what one builds on comes before it. InvalidArgument names the files, the rule and the remedy.
absl::StatusOr<config::v1::Profile> LoadProfile(const std::vector<std::string>& paths);

// The file of a profile behind those of the profiles that it needs, which lie beside it as NAME.textproto: what
// LoadProfile is to be given for it. InvalidArgument, NotFound: a file that cannot be read, or a circle of needs.
absl::StatusOr<std::vector<std::string>> ProfileFiles(const std::string& path);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_CONFIG_H_
