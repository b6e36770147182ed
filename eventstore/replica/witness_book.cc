#include "eventstore/replica/witness_book.h"

#include <algorithm>
#include <map>
#include <utility>

#include "eventstore/base/status.h"

namespace polku::replica {
namespace {

constexpr size_t kMaxRecentRoots = 1'024;

class WitnessBookImpl final : public WitnessBook {
 public:
  WitnessBookImpl(WitnessBookOptions options, const std::vector<log::KeptCosignature>& kept)
      : options_(std::move(options)), newest_(options_.witnesses.size()), confirmed_(options_.confirmed) {
    for (const log::KeptCosignature& cosignature : kept) {
      for (size_t i = 0; i < newest_.size(); ++i) {
        if (!log::IsOfKey(cosignature, options_.witnesses[i].key)) continue;
        if (!newest_[i].has_value() || newest_[i]->size < cosignature.size)
          newest_[i] = cosignature;
      }
    }
  }

  void OnCommitted(std::string_view note) override {
    const absl::StatusOr<ClaimedCheckpoint> own = ParseClaimed(note);
    if (!own.ok()) return;
    recent_roots_[own->checkpoint.size] = own->checkpoint.root;
    if (recent_roots_.size() > kMaxRecentRoots) recent_roots_.erase(recent_roots_.begin());
  }

  Outcome OnCosign(std::string_view agency, const exchange::v1::Cosign& cosign, Position size,
                   std::string_view note, absl::Time wall) override {
    if (cosign.origin() != options_.origin) return Rejected("it is of another origin");
    const absl::StatusOr<ClaimedCheckpoint> claimed = ParseClaimed(cosign.checkpoint());
    if (!claimed.ok()) return Rejected(std::string(claimed.status().message()));
    const proof::Checkpoint& checkpoint = claimed->checkpoint;
    if (checkpoint.origin != options_.origin)
      return Rejected("its checkpoint is of another origin");
    if (checkpoint.size == Position(0)) return Rejected("nothing is in its checkpoint");

    const ClaimedCheckpoint::Line* line = nullptr;
    size_t witness = 0;
    for (size_t i = 0; i < options_.witnesses.size() && line == nullptr; ++i) {
      if (options_.witnesses[i].agency != agency) continue;
      line = OnlyLine(*claimed, options_.witnesses[i].key);
      witness = i;
    }
    if (line == nullptr || !line->cosigned_at.has_value()) {
      return Rejected("it has not one cosignature of a trusted key of its sender's agency");
    }
    std::optional<log::KeptCosignature>& newest = newest_[witness];
    const bool is_larger = !newest.has_value() || checkpoint.size > newest->size;
    if (!is_larger && *line->cosigned_at < newest->time) {
      return Rejected(Str("older than what ", newest->witness, " has cosigned before"));
    }

    if (checkpoint.size > size) {
      if (!SignedByUs(*claimed)) return Rejected("it is larger than this log and not of our key");
      Outcome outcome;
      outcome.ahead = checkpoint;
      return outcome;
    }
    const absl::StatusOr<Hash> own_root = RootAt(checkpoint.size, size, note);
    if (!own_root.ok()) {
      return Rejected(Str("our root at ", checkpoint.size.value(),
                          " entries cannot be read: ", ToStd(own_root.status().message())));
    }
    if (*own_root != checkpoint.root) {
      if (!SignedByUs(*claimed)) return Rejected("its root is not ours and not signed by our key");
      Outcome outcome;
      absl::StatusOr<PrefixProof> prefix = PrefixProof();
      if (checkpoint.size < size) prefix = options_.prefix(checkpoint.size);
      if (prefix.ok()) {
        outcome.self_fork = ForkEvidence(cosign.checkpoint(), note, &*prefix, options_.own_keys);
      }
      if (outcome.self_fork.empty()) outcome.rejected = "its root is not ours, and no proof of it";
      return outcome;
    }
    const bool confirms = !confirmed_ && checkpoint.size >= options_.opened_at &&
                          options_.witnesses[witness].agency != options_.own_agency;
    if (!is_larger && !confirms) return {};  // said before; a new session repeats it
    // The root is ours, so whether our own signature came back whole does not matter.
    if (!VerifyLine(*claimed, *line, options_.witnesses[witness].key)) {
      return Rejected("the cosignature does not verify");
    }
    if (*line->cosigned_at > wall + kMaxClockAhead) {
      Outcome outcome;
      outcome.clock_ahead = *line->cosigned_at - wall;
      outcome.rejected = Str("the cosignature of ", options_.witnesses[witness].key.name(),
                             " has a time that is more than 10 minutes ahead of our clock");
      return outcome;
    }
    confirmed_ = confirmed_ || confirms;
    if (!is_larger) return {};
    Outcome outcome;
    newest = log::KeptCosignature{.witness = options_.witnesses[witness].key.name(),
                                  .time = *line->cosigned_at,
                                  .size = checkpoint.size,
                                  .root = checkpoint.root,
                                  .line = line->text,
                                  .proven_to = checkpoint.size,
                                  .consistency = {}};
    outcome.keep = newest;
    return outcome;
  }

  std::vector<std::string> AgenciesCovering(Position size) const override {
    std::vector<std::string> agencies;
    for (size_t i = 0; i < newest_.size(); ++i) {
      const std::string& agency = options_.witnesses[i].agency;
      if (newest_[i].has_value() && newest_[i]->size >= size && agency != options_.own_agency) {
        agencies.push_back(agency);
      }
    }
    std::sort(agencies.begin(), agencies.end());
    agencies.erase(std::unique(agencies.begin(), agencies.end()), agencies.end());
    return agencies;
  }

  bool confirmed() const override { return confirmed_; }

  std::vector<exchange::v1::WitnessStatus> status() const override {
    std::vector<exchange::v1::WitnessStatus> result;
    for (size_t i = 0; i < newest_.size(); ++i) {
      const auto& newest = newest_[i];
      result.push_back(WitnessStatusOf(options_.witnesses[i],
                                       newest.has_value() ? newest->size : Position(0),
                                       newest.has_value() ? newest->time : absl::UnixEpoch()));
    }
    return result;
  }

  std::vector<log::KeptCosignature> newest() const override {
    std::vector<log::KeptCosignature> result;
    for (const auto& newest : newest_) {
      if (newest.has_value()) result.push_back(*newest);
    }
    return result;
  }

 private:
  static Outcome Rejected(std::string why) {
    Outcome outcome;
    outcome.rejected = std::move(why);
    return outcome;
  }

  bool SignedByUs(const ClaimedCheckpoint& claimed) const {
    const proof::VerifierKey& key = options_.own_keys.For(claimed.checkpoint.size);
    const ClaimedCheckpoint::Line* line = OnlyLine(claimed, key);
    return line != nullptr && VerifyLine(claimed, *line, key);
  }

  absl::StatusOr<Hash> RootAt(Position at, Position size, std::string_view note) const {
    if (const auto recent = recent_roots_.find(at); recent != recent_roots_.end()) {
      return recent->second;
    }
    if (at < size) {
      POLKU_ASSIGN_OR_RETURN(const PrefixProof prefix, options_.prefix(at));
      return prefix.root;
    }
    POLKU_ASSIGN_OR_RETURN(const ClaimedCheckpoint present, ParseClaimed(note));
    return present.checkpoint.root;
  }

  // Constant after construction.
  const WitnessBookOptions options_;

  std::vector<std::optional<log::KeptCosignature>> newest_;  // by witness: its largest
  bool confirmed_;
  std::map<Position, Hash> recent_roots_;  // of the own log, at most kMaxRecentRoots
};

}  // namespace

std::unique_ptr<WitnessBook> WitnessBook::Make(WitnessBookOptions options,
                                               const std::vector<log::KeptCosignature>& kept) {
  return std::make_unique<WitnessBookImpl>(std::move(options), kept);
}

}  // namespace polku::replica
