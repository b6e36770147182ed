// Who stands behind the own log, and what is known against any log: cosignatures taken and kept, forks
// kept, whether the own log is an old copy, what heartbeats tell of it, and the proofs that answers carry
// (README.md "Durability", "Witnesses, forks, old copies"). Without sockets; the caller's thread alone.
#ifndef POLKU_SERVICES_HOST_WITNESSING_H_
#define POLKU_SERVICES_HOST_WITNESSING_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/records.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/checkpoint.h"
#include "eventstore/replica/publisher.h"
#include "eventstore/replica/witness_book.h"
#include "polku/exchange/v1/exchange.pb.h"
#include "services/host/config.h"
#include "services/host/key_changes.h"
#include "services/host/logging.h"

namespace polku::host {

// Of the agencies in `witnesses` those that are not `own_agency`.
std::set<std::string> OtherAgencies(const std::vector<replica::TrustedWitness>& witnesses,
                                    std::string_view own_agency);

class Witnessing {
 public:
  struct Options {
    const Config& config;        // all borrowed
    const proof::Signer& signer; // of the own log
    log::Engine& engine;
    WallClock clock;
    // The own log as it is now.
    std::function<Position()> size;
    std::function<std::string()> checkpoint;
  };
  // Reads the cosignatures and forks kept by earlier runs, and the keys that the logs have announced. Errors as
  // those of the engine and of log::KeysOf.
  static absl::StatusOr<std::unique_ptr<Witnessing>> Open(Options options);

  // A log has announced the change of a key: who is a witness now. Errors as those of the engine; then the
  // witnesses are as they were.
  absl::Status SetKeys(KeysInForce keys);

  // ---- What peers say of the own log; `agency` and `peer` are names that the transport authenticated ----

  struct Taken {
    bool news = false;    // for subscribers and for answers that wait
    std::string witness;  // what the sender calls itself, a name of its agency; "" when it does not say
  };
  // The caller has checked that the sender may replicate.
  Taken OnCosign(std::string_view agency, const exchange::v1::Cosign& cosign);
  // A Pull of the own log beyond its end: a claim that health tells, and nothing more.
  void OnPullBeyond(std::string_view agency, Position next);
  // The own log has a new checkpoint: cosignatures of it will be checked without reading the log.
  void OnCommitted() { book_->OnCommitted(options_.checkpoint()); }
  // A checkpoint of the own log as a peer was shown it.
  void OnOwnSeen(std::string_view peer, std::string_view note);
  // Not empty: the log is an old copy or one of two histories; nothing may be appended in this run. Says what
  // to do. Kept evidence of two histories says so again at every start.
  const std::string& behind() const { return behind_; }

  // ---- Durability ----

  // How many other agencies' cosignatures cover so many entries of the own log.
  size_t AgenciesCovering(Position size) const { return book_->AgenciesCovering(size).size(); }
  // How many entries of the own log the answer's receipts need covered; 0: none of them is of it.
  Position CoveredBy(const exchange::v1::OfferAnswer& answer) const;
  // Fills in what was asked for beyond the receipts: `witnessed_by`; with `want_proof` the checkpoint, best
  // one that `witnesses` agencies cosigned, and the inclusion proofs.
  void Complete(exchange::v1::OfferAnswer& answer, uint32_t witnesses, bool want_proof);
  // There are witnesses of other agencies, and none has cosigned since Open all that the log had then.
  bool unconfirmed() const { return !others_.empty() && !book_->confirmed(); }

  // ---- Logs that are followed ----

  // The pair has been verified as a fork under that origin's key.
  absl::Status KeepFork(std::string_view origin, std::string_view pair);
  absl::Status KeepCosignatures(LogNumber log,
                                const std::vector<log::KeptCosignature>& cosignatures);
  // Our own cosignature of a followed log, as it is sent: what we are shown to have had, and when. Nothing
  // when it says no more than the last one kept in this run.
  absl::Status KeepOwnCosignature(LogNumber log, const exchange::v1::Cosign& cosign,
                                  const proof::VerifierKey& own);
  bool IsForked(std::string_view origin) const;

  // ---- Telling ----

  // `told`: the own log's size at the last OnCommitted of the publisher. `seen` is empty.
  replica::Publisher::HeartbeatExtras Extras(Position told);
  // Witnesses, confirmation and forks.
  void AddStatus(exchange::v1::StatusAnswer& status) const;
  // "" when there is nothing to say.
  std::string health() const;

 private:
  Witnessing(Options options, KeysInForce keys, proof::LogKeys own_keys,
             log::LogKeysByOrigin other_keys);
  absl::Status ReadKept();
  absl::Status MakeBook();
  // Why kept evidence marks nobody; "": the origin's own key signed both histories.
  std::string FlawOf(const log::KeptFork& fork) const;
  // The own note of `size` entries, as it was signed then. Errors: it cannot be read.
  absl::StatusOr<std::string> NoteOf(Position size, const Hash& root) const;
  void SetBehind(std::string_view what, std::string_view remedy);
  void AddFlaw(std::string what);
  std::vector<std::string> AgenciesBehindReceipts(const exchange::v1::OfferAnswer& answer);
  absl::Status AddProofs(exchange::v1::OfferAnswer& answer, size_t witnesses, Position covered);
  void Remember(const log::KeptCosignature& cosignature);

  const Options options_;
  const std::string own_origin_;
  const std::set<std::string> others_;  // agencies
  std::map<std::string, std::string, std::less<>> agency_of_;  // by the witness's key name
  KeysInForce keys_;
  const proof::LogKeys own_keys_;  // since the start: they change only while the service is stopped
  const log::LogKeysByOrigin other_keys_;
  Position opened_at_;
  std::unique_ptr<replica::WitnessBook> book_;
  log::TreeReader tree_;
  std::vector<log::KeptFork> forks_;
  std::set<std::string> flaws_;  // of records that were kept
  // The newest sizes that anybody cosigned, with all who did: a proof is best when they are of one size.
  struct Cosigned {
    Hash root;
    std::map<std::string, std::string> lines;  // by the witness's key name
  };
  std::map<Position, Cosigned> recent_;
  std::map<LogNumber, Position> own_kept_;  // by log: the size of our last cosignature that was kept
  std::string behind_;
  std::map<std::string, std::string> claims_;  // by agency: of more entries than there are, without proof
  std::map<std::string, std::string> fast_clocks_;  // by witness: whose newest word was not taken for its time
  std::string fault_;                          // records or tree that cannot be read or written
  std::set<std::string> unknown_;  // who cosigned without being a witness here
  PeerLog peer_log_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_WITNESSING_H_
