// The origin's side of witnessing: takes cosignatures of the own log, verifies them, and knows how many
// agencies stand behind what. A pure state machine: a few words a witness.
#ifndef POLKU_EVENTSTORE_REPLICA_WITNESS_BOOK_H_
#define POLKU_EVENTSTORE_REPLICA_WITNESS_BOOK_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/records.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/log_keys.h"
#include "eventstore/replica/witness.h"
#include "polku/exchange/v1/exchange.pb.h"

namespace polku::replica {

struct WitnessBookOptions {
  std::string origin;
  std::string own_agency;     // its own services do not count as others
  proof::LogKeys own_keys;
  std::vector<TrustedWitness> witnesses;
  PrefixFn prefix;  // of the own log, below its present size
  Position opened_at;  // the own log's size at Make
  bool confirmed = false;  // a book of this run had it confirmed (another set of witnesses)
};

class WitnessBook {
 public:
  // `kept`: the largest cosignature of each witness's key, from an earlier run, of roots that are the own
  // log's: they count for what they cover when the key is still trusted, but they confirm nothing.
  static std::unique_ptr<WitnessBook> Make(WitnessBookOptions options,
                                           const std::vector<log::KeptCosignature>& kept);
  virtual ~WitnessBook() = default;

  // The own log has a new checkpoint. Cosignatures of those told lately (1,024) are checked without
  // reading the log; any other is, too, by `prefix`.
  virtual void OnCommitted(std::string_view note) = 0;

  struct Outcome {
    std::optional<log::KeptCosignature> keep;
    // The own key signed another history than this log's: it was opened from an old copy and has gone on
    // (or somebody else has the key). A checkpoint pair to be kept, when it can be made.
    std::string self_fork;
    // The witness has more than this log: opened from an old copy. The signed note says how much.
    std::optional<proof::Checkpoint> ahead;
    std::string rejected;  // why it was not taken; for the operator's log
    // Not taken although it is good: by so much its time is ahead of our clock.
    std::optional<absl::Duration> clock_ahead;
  };
  // `agency`: the transport's authenticated name. `size`, `note`: the own log's present checkpoint; `wall`:
  // our clock.
  virtual Outcome OnCosign(std::string_view agency, const exchange::v1::Cosign& cosign, Position size,
                           std::string_view note, absl::Time wall) = 0;

  // Other agencies whose newest cosignature covers `size` entries, each once, ascending.
  virtual std::vector<std::string> AgenciesCovering(Position size) const = 0;
  // Whether a witness of another agency has said since Make that it holds all that this log had at Make: had
  // it more of it, it would have said that. One that holds less says nothing about what comes after, and one
  // of the own agency may have been put back together with this log.
  virtual bool confirmed() const = 0;
  virtual std::vector<exchange::v1::WitnessStatus> status() const = 0;
  // The newest cosignature of each witness with its note.
  virtual std::vector<log::KeptCosignature> newest() const = 0;
};

}  // namespace polku::replica

#endif  // POLKU_EVENTSTORE_REPLICA_WITNESS_BOOK_H_
