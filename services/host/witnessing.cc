#include "services/host/witnessing.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/reader.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"

namespace polku::host {
namespace {

// Sizes of cosigned checkpoints that are remembered for proofs: each commit is one, and witnesses are
// rarely further apart.
constexpr size_t kRecentSizes = 256;
// A pair has two notes of at most 2 KiB and 63 hashes; a status answer has 4 MiB in all.
constexpr size_t kMaxPairBytesInStatus = 2 << 20;

// What an answer of the most events takes: proofs of 63 hashes with two bytes around each, receipts, one
// note. So it fits a frame (4 MiB) whatever was asked.
static_assert(log::kMaxEntriesPerAppend * (proof::kMaxProofHashes * 34 + 512) +
                  proof::kMaxNoteBytes < 4 << 20);

// Senders that are no witnesses here, each told once in the operator's log.
constexpr size_t kMaxUnknownTold = 256;

constexpr std::string_view kRemedy =
    "; nothing is appended until the next start. Stop the service; fetch the missing entries with `polku "
    "recover` from a mirror, or, when nobody has them, go on in a new epoch with `polku new-epoch`";

}  // namespace

std::set<std::string> OtherAgencies(const std::vector<replica::TrustedWitness>& witnesses,
                                    std::string_view own_agency) {
  std::set<std::string> others;
  for (const auto& witness : witnesses) {
    if (witness.agency != own_agency) others.insert(witness.agency);
  }
  return others;
}

absl::StatusOr<replica::PrefixProof> PrefixOf(log::Engine& engine, LogNumber log, Position size,
                                              Position present) {
  log::TreeReader tree(engine, log);
  replica::PrefixProof prefix;
  POLKU_ASSIGN_OR_RETURN(prefix.root, tree.Root(size));
  POLKU_ASSIGN_OR_RETURN(prefix.consistency, tree.Consistency(size, present));
  return prefix;
}

absl::StatusOr<std::unique_ptr<Witnessing>> Witnessing::Open(Options options) {
  std::unique_ptr<Witnessing> made(new Witnessing(std::move(options)));
  POLKU_RETURN_IF_ERROR(made->ReadKept());
  return made;
}

Witnessing::Witnessing(Options options)
    : options_(std::move(options)),
      own_origin_(options_.config.origin.text()),
      others_(OtherAgencies(options_.config.witnesses, options_.config.origin.agency())),
      tree_(options_.engine, kOwnLog) {
  for (const auto& witness : options_.config.witnesses) {
    agency_of_[witness.key.name()] = witness.agency;
  }
}

absl::Status Witnessing::ReadKept() {
  POLKU_ASSIGN_OR_RETURN(auto kept, log::NewestCosignatures(options_.engine, kOwnLog));
  // Those of an old copy that was given back its log, or of witnesses that are none any more.
  std::erase_if(kept, [this](const auto& cosignature) {
    return cosignature.size > options_.size() || !agency_of_.contains(cosignature.witness);
  });
  for (const auto& cosignature : kept) Remember(cosignature);
  book_ = replica::WitnessBook::Make(
      {.origin = own_origin_,
       .own_agency = std::string(options_.config.origin.agency()),
       .own_key = options_.signer.verifier(),
       .witnesses = options_.config.witnesses,
       .prefix = [this](Position size) {
         return PrefixOf(options_.engine, kOwnLog, size, options_.size());
       }},
      kept);
  POLKU_ASSIGN_OR_RETURN(const auto held, log::HeldLogs(options_.engine));
  for (const auto& held_log : held) {
    POLKU_ASSIGN_OR_RETURN(auto forks, log::Forks(options_.engine, held_log.number));
    for (auto& fork : forks) forks_.push_back({held_log.head.origin, std::move(fork)});
  }
  // The own key has signed two histories: whichever this one is, the other must be looked at first.
  if (IsForked(own_origin_)) {
    LogLine(LogLevel::kError, "FORK ", own_origin_,
            ": kept evidence says that our own key signed two histories; `polku status --evidence "
            "DIR` writes it");
  }
  return absl::OkStatus();
}

std::string Witnessing::NoteOf(Position size, const Hash& root) const {
  // Signing is deterministic: this is the note that was signed when the log had that size.
  return options_.signer.Sign({own_origin_, size, root});
}

void Witnessing::SetBehind(std::string_view peer, std::string_view what) {
  if (!behind_.empty()) return;
  behind_ = Str("BEHIND: this log was opened from an old copy: ", peer, " ", what, kRemedy);
  LogLine(LogLevel::kError, behind_);
}

Witnessing::Taken Witnessing::OnCosign(std::string_view agency,
                                       const exchange::v1::Cosign& cosign) {
  Taken taken;
  if (const auto claimed = replica::ParseClaimed(cosign.checkpoint()); claimed.ok()) {
    for (const auto& line : claimed->lines) {
      if (line.cosigned_at && line.name.starts_with(Str(agency, "/"))) taken.witness = line.name;
    }
  }
  // Other services of our own agency follow us, too, and need not be listed: told once, not each time.
  if (!agency_of_.contains(taken.witness)) {
    const std::string sender = Str(agency, " as ", taken.witness.empty() ? "nobody" : taken.witness);
    if (unknown_.size() < kMaxUnknownTold && unknown_.insert(sender).second) {
      LogLine(LogLevel::kWarning, "cosignatures of ", sender,
              " are ignored: list its cosigning.public under witnesses, if they are to count");
    }
    return taken;
  }
  const auto outcome = book_->OnCosign(agency, cosign, options_.size(), options_.checkpoint());
  if (outcome.ahead) {
    SetBehind(agency, Str("holds ", outcome.ahead->size.value(),
                          " entries of it under our own signature, and here are ",
                          options_.size().value()));
  }
  if (!outcome.self_fork.empty()) {
    SetBehind(agency, "holds another history of it under our own signature");
    if (auto kept = KeepFork(kOwnLog, own_origin_, outcome.self_fork); !kept.ok()) {
      fault_ = kept.ToString();
    }
  }
  if (!outcome.rejected.empty()) {
    peer_log_.Line(LogLevel::kWarning, agency, options_.clock(), "a cosignature was ignored: ",
                   outcome.rejected);
  }
  if (!outcome.keep) return taken;
  Remember(*outcome.keep);
  if (auto kept = KeepCosignatures(kOwnLog, {*outcome.keep}); !kept.ok()) {
    // It counts all the same: the witness has said it, and will say it again.
    peer_log_.Line(LogLevel::kError, "cosignatures", options_.clock(), kept.ToString());
  }
  taken.news = true;
  return taken;
}

void Witnessing::OnPullBeyond(std::string_view agency, Position next) {
  // Who is no witness may be mistaken or lie; and it could stop the service by that.
  if (others_.contains(std::string(agency))) {
    SetBehind(agency, Str("has entries of it up to ", next.value(), ", and here are ",
                          options_.size().value()));
    return;
  }
  std::string& claim = claims_[std::string(agency)];
  claim = Str(agency, " claims to hold entries of this log up to ", next.value(), ", and here are ",
              options_.size().value(),
              ": if that is so, it was opened from an old copy (`polku recover`); list its "
              "cosigning.public under witnesses to have it proven");
  peer_log_.Line(LogLevel::kError, agency, options_.clock(), claim);
}

void Witnessing::OnOwnSeen(std::string_view peer, std::string_view note) {
  const proof::VerifierKey& key = options_.signer.verifier();
  const auto seen = proof::VerifyCheckpoint(note, key);
  if (!seen.ok() || seen->size == Position()) return;  // not signed by us: it says nothing
  const Position size = options_.size();
  if (seen->size > size) {
    SetBehind(peer, Str("was shown ", seen->size.value(),
                        " entries of it under our own signature, and here are ", size.value()));
    return;
  }
  const auto prefix = PrefixOf(options_.engine, kOwnLog, seen->size, size);
  if (!prefix.ok()) {
    fault_ = prefix.status().ToString();
    return;
  }
  if (prefix->root == seen->root) return;
  SetBehind(peer, "was shown another history of it under our own signature");
  const std::string pair = replica::ForkEvidence(note, options_.checkpoint(), &*prefix, key);
  if (pair.empty()) return;
  if (auto kept = KeepFork(kOwnLog, own_origin_, pair); !kept.ok()) fault_ = kept.ToString();
}

void Witnessing::Remember(const log::KeptCosignature& cosignature) {
  Cosigned& cosigned = recent_[cosignature.size];
  cosigned.root = cosignature.root;
  cosigned.lines[cosignature.witness] = cosignature.line;
  if (recent_.size() > kRecentSizes) recent_.erase(recent_.begin());
}

Position Witnessing::CoveredBy(const exchange::v1::OfferAnswer& answer) const {
  Position covered;
  for (const auto& receipt : answer.receipts()) {
    if (receipt.origin() != own_origin_) continue;
    covered = std::max(covered, Position(receipt.position()).next());
  }
  return covered;
}

std::vector<std::string> Witnessing::AgenciesBehindReceipts(
    const exchange::v1::OfferAnswer& answer) {
  std::map<std::string, Position> needed;  // by origin
  for (const auto& receipt : answer.receipts()) {
    Position& covered = needed[receipt.origin()];
    covered = std::max(covered, Position(receipt.position()).next());
  }
  std::optional<std::vector<std::string>> behind;
  for (const auto& [origin, covered] : needed) {
    std::vector<std::string> agencies;
    if (origin == own_origin_) {
      agencies = book_->AgenciesCovering(covered);
    } else {
      // An earlier epoch: its witnesses have said what they had to say.
      std::set<std::string> found;
      const auto held = log::HeldLogs(options_.engine);
      if (!held.ok()) return {};
      for (const auto& held_log : *held) {
        if (held_log.head.origin != origin) continue;
        const auto kept = log::CosignaturesCovering(options_.engine, held_log.number, covered);
        if (!kept.ok()) return {};
        for (const auto& cosignature : *kept) {
          const auto agency = agency_of_.find(cosignature.witness);
          if (agency != agency_of_.end() && others_.contains(agency->second)) {
            found.insert(agency->second);
          }
        }
      }
      agencies.assign(found.begin(), found.end());
    }
    if (!behind) {
      behind = std::move(agencies);
      continue;
    }
    std::vector<std::string> both;
    std::set_intersection(behind->begin(), behind->end(), agencies.begin(), agencies.end(),
                          std::back_inserter(both));
    behind = std::move(both);
  }
  return behind.value_or(std::vector<std::string>());
}

absl::Status Witnessing::AddProofs(exchange::v1::OfferAnswer& answer, size_t witnesses,
                                   Position covered) {
  // The newest size with enough agencies; else the one with most of them, of equals the newest.
  const Cosigned* best = nullptr;
  Position size;
  size_t most = 0;
  for (auto it = recent_.rbegin(); it != recent_.rend() && it->first >= covered; ++it) {
    std::set<std::string_view> agencies;
    for (const auto& [name, line] : it->second.lines) {
      const auto agency = agency_of_.find(name);
      if (agency != agency_of_.end() && others_.contains(agency->second)) {
        agencies.insert(agency->second);
      }
    }
    if (agencies.size() <= most) continue;
    best = &it->second;
    size = it->first;
    most = agencies.size();
    if (most >= witnesses) break;
  }
  std::string note;
  if (best != nullptr) {
    std::string lines;
    for (const auto& [name, line] : best->lines) lines += line;
    POLKU_ASSIGN_OR_RETURN(note, proof::AddSignatures(NoteOf(size, best->root), lines));
  } else {
    size = options_.size();
    note = options_.checkpoint();
  }
  // Receipts of one offer lie beside each other and share nearly all of their proofs.
  absl::flat_hash_map<std::pair<uint8_t, uint64_t>, Hash> nodes;
  const proof::SubtreeFn subtree = [&](uint8_t level, uint64_t index) -> absl::StatusOr<Hash> {
    if (const auto found = nodes.find({level, index}); found != nodes.end()) return found->second;
    POLKU_ASSIGN_OR_RETURN(const Hash hash, tree_.Subtree(level, index));
    nodes.emplace(std::pair(level, index), hash);
    return hash;
  };
  std::vector<proof::MerkleProof> proofs(static_cast<size_t>(answer.receipts_size()));
  for (int i = 0; i < answer.receipts_size(); ++i) {
    const auto& receipt = answer.receipts(i);
    if (receipt.origin() != own_origin_) continue;
    POLKU_ASSIGN_OR_RETURN(
        proofs[static_cast<size_t>(i)],
        proof::MakeInclusionProof(Position(receipt.position()), size, subtree));
  }
  answer.set_checkpoint(note);
  for (int i = 0; i < answer.receipts_size(); ++i) {
    for (const Hash& hash : proofs[static_cast<size_t>(i)]) {
      answer.mutable_receipts(i)->add_inclusion_proof(std::string(hash.view()));
    }
  }
  return absl::OkStatus();
}

void Witnessing::Complete(exchange::v1::OfferAnswer& answer, uint32_t witnesses, bool want_proof) {
  for (auto& agency : AgenciesBehindReceipts(answer)) answer.add_witnessed_by(std::move(agency));
  answer.set_unconfirmed(unconfirmed());
  const Position covered = CoveredBy(answer);
  if (!want_proof || covered == Position()) return;
  if (auto added = AddProofs(answer, std::max<size_t>(witnesses, 1), covered); !added.ok()) {
    const std::string text = Str("no proofs can be made: ", added.ToString());
    if (fault_ != text) LogLine(LogLevel::kError, text);
    fault_ = text;
  }
}

absl::Status Witnessing::KeepFork(LogNumber log, std::string_view origin, std::string_view pair) {
  const bool known = std::any_of(forks_.begin(), forks_.end(),
                                 [&](const Fork& fork) { return fork.kept.pair == pair; });
  if (known) return absl::OkStatus();
  const absl::Time now = options_.clock();
  LogLine(LogLevel::kError, "FORK ", origin,
          ": its key signed two histories; `polku status --evidence DIR` writes the proof");
  const size_t of_origin = static_cast<size_t>(
      std::count_if(forks_.begin(), forks_.end(),
                    [&](const Fork& fork) { return fork.origin == origin; }));
  // As the records do: the first are proof enough.
  if (of_origin >= log::kMaxForksKept) return absl::OkStatus();
  forks_.push_back({std::string(origin), {now, std::string(pair)}});
  return log::KeepFork(options_.engine, log, now, pair);
}

absl::Status Witnessing::KeepCosignatures(LogNumber log,
                                          const std::vector<log::KeptCosignature>& cosignatures) {
  return log::KeepCosignatures(options_.engine, log, cosignatures);
}

absl::Status Witnessing::KeepOwnCosignature(LogNumber log, const exchange::v1::Cosign& cosign,
                                            const proof::VerifierKey& own) {
  POLKU_ASSIGN_OR_RETURN(const auto claimed, replica::ParseClaimed(cosign.checkpoint()));
  const auto* line = replica::OnlyLine(claimed, own);
  Position& kept = own_kept_[log];
  if (line == nullptr || !line->cosigned_at || claimed.checkpoint.size <= kept) {
    return absl::OkStatus();
  }
  kept = claimed.checkpoint.size;
  // What is cosigned is what is stored: there is nothing to prove.
  return KeepCosignatures(log, {{.witness = own.name(),
                                 .time = *line->cosigned_at,
                                 .size = claimed.checkpoint.size,
                                 .root = claimed.checkpoint.root,
                                 .line = line->text,
                                 .proven_to = claimed.checkpoint.size,
                                 .consistency = {}}});
}

bool Witnessing::IsForked(std::string_view origin) const {
  return std::any_of(forks_.begin(), forks_.end(),
                     [&](const Fork& fork) { return fork.origin == origin; });
}

replica::Publisher::HeartbeatExtras Witnessing::Extras(Position told) {
  replica::Publisher::HeartbeatExtras extras;
  for (const auto& kept : book_->newest()) {
    if (kept.size > told) continue;
    const auto consistency = tree_.Consistency(kept.size, told);
    const auto note = proof::AddSignatures(NoteOf(kept.size, kept.root), kept.line);
    if (!consistency.ok() || !note.ok()) {
      fault_ = Str("no proofs can be made: ",
                   (consistency.ok() ? note.status() : consistency.status()).ToString());
      continue;
    }
    exchange::v1::Cosigned& cosigned = extras.cosigned.emplace_back();
    cosigned.set_checkpoint(*note);
    for (const Hash& hash : *consistency) cosigned.add_consistency(std::string(hash.view()));
  }
  return extras;
}

void Witnessing::AddStatus(exchange::v1::StatusAnswer& status) const {
  for (const auto& witness : book_->status()) *status.add_witnesses() = witness;
  status.set_confirmed(book_->confirmed());
  size_t bytes = 0;
  for (const Fork& fork : forks_) {
    auto* told = status.add_forks();
    told->set_origin(fork.origin);
    told->set_found_at_us(absl::ToUnixMicros(fork.kept.found_at));
    bytes += fork.kept.pair.size();
    if (bytes <= kMaxPairBytesInStatus) told->set_pair(fork.kept.pair);
  }
}

std::string Witnessing::health() const {
  std::string text = behind_;
  const auto add = [&](std::string_view more) {
    if (!more.empty()) text += Str(text.empty() ? "" : "; ", more);
  };
  std::set<std::string_view> forked;
  for (const Fork& fork : forks_) forked.insert(fork.origin);
  for (const std::string_view origin : forked) {
    add(Str("FORK ", origin, ": its key signed two histories; `polku status --evidence DIR` writes "
            "the proof"));
  }
  for (const auto& [agency, claim] : claims_) add(claim);
  add(fault_);
  return text;
}

}  // namespace polku::host
