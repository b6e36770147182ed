#include "services/host/witnessing.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/reader.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"

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

// What a sender calls itself goes into logs and onto terminals: bounded and printable.
constexpr size_t kMaxNameBytes = 200;
std::string Printable(std::string_view name) {
  return absl::CHexEscape(ToAbsl(name.substr(0, kMaxNameBytes)));
}

constexpr std::string_view kRemedy =
    "; nothing is appended until the next start. Stop the service; fetch the missing entries with `polku "
    "recover` from a mirror, or, when nobody has them, go on in a new epoch with `polku new-epoch`";
// Also at every later start: the evidence is kept.
constexpr std::string_view kForkRemedy =
    "; nothing is appended to this directory any more. Stop the service; fetch the history that the peers "
    "hold into an empty data directory with `polku recover`, or go on in a new epoch with `polku new-epoch`";

}  // namespace

std::set<std::string> OtherAgencies(const std::vector<replica::TrustedWitness>& witnesses,
                                    std::string_view own_agency) {
  std::set<std::string> others;
  for (const auto& witness : witnesses) {
    if (witness.agency != own_agency) others.insert(witness.agency);
  }
  return others;
}

absl::StatusOr<std::unique_ptr<Witnessing>> Witnessing::Open(Options options) {
  POLKU_ASSIGN_OR_RETURN(const auto announced, ReadAnnounced(options.engine, options.config));
  POLKU_ASSIGN_OR_RETURN(auto own_keys,
                         log::OwnKeys(options.engine, options.signer.verifier()));
  POLKU_ASSIGN_OR_RETURN(auto other_keys,
                         log::KeysOfAll(options.engine, options.config.OtherLogKeys()));
  KeysInForce keys(options.config, announced);
  std::unique_ptr<Witnessing> made(new Witnessing(std::move(options), std::move(keys),
                                                  std::move(own_keys), std::move(other_keys)));
  POLKU_RETURN_IF_ERROR(made->ReadKept());
  return made;
}

Witnessing::Witnessing(Options options, KeysInForce keys, proof::LogKeys own_keys,
                       log::LogKeysByOrigin other_keys)
    : options_(std::move(options)),
      own_origin_(options_.config.origin.text()),
      others_(OtherAgencies(options_.config.witnesses, options_.config.origin.agency())),
      keys_(std::move(keys)),
      own_keys_(std::move(own_keys)),
      other_keys_(std::move(other_keys)),
      opened_at_(options_.size()),
      tree_(options_.engine, kOwnLog) {
  for (const auto& witness : options_.config.witnesses) {
    agency_of_[witness.key.name()] = witness.agency;
  }
}

absl::Status Witnessing::SetKeys(KeysInForce keys) {
  std::swap(keys_, keys);
  const absl::Status made = MakeBook();
  if (!made.ok()) {
    std::swap(keys_, keys);
    return made;
  }
  book_->OnCommitted(options_.checkpoint());
  return absl::OkStatus();
}

absl::Status Witnessing::MakeBook() {
  const log::MalformedFn malformed = [this](const absl::Status& status) {
    AddFlaw(std::string(ToStd(status.message())));
  };
  POLKU_ASSIGN_OR_RETURN(auto kept,
                         log::NewestCosignatures(options_.engine, kOwnLog, malformed));
  // Those of an old copy that was given back its log, or of witnesses or keys that are none any more.
  std::erase_if(kept, [this](const auto& cosignature) {
    return cosignature.size > options_.size() || !keys_.Counts(cosignature);
  });
  // The note of a kept cosignature is signed again when it is told: never for a root that is not ours.
  std::erase_if(kept, [this](const auto& cosignature) {
    const auto root = tree_.Root(cosignature.size);
    if (root.ok() && *root == cosignature.root) return false;
    AddFlaw(root.ok() ? Str("the cosignature of ", cosignature.witness, " kept for ",
                            cosignature.size.value(),
                            " entries is passed over: its root is not that of our log; `polku "
                            "verify` tells whether the record or the log was altered")
                      : Str("the cosignatures kept of ", cosignature.witness,
                            " are passed over: ", root.status().ToString()));
    return true;
  });
  recent_.clear();
  for (const auto& cosignature : kept) Remember(cosignature);
  // What is said with a former key OnCosign does not let through; what it said in its time counts.
  std::vector<replica::TrustedWitness> witnesses = keys_.witnesses();
  for (auto& former : keys_.FormerWitnesses()) witnesses.push_back(std::move(former));
  book_ = replica::WitnessBook::Make(
      {.origin = own_origin_,
       .own_agency = std::string(options_.config.origin.agency()),
       .own_keys = own_keys_,
       .witnesses = std::move(witnesses),
       .prefix = [this](Position size) {
         return replica::PrefixOf(options_.engine, kOwnLog, size, options_.size());
       },
       .opened_at = opened_at_,
       .confirmed = book_ != nullptr && book_->confirmed()},
      kept);
  return absl::OkStatus();
}

absl::Status Witnessing::ReadKept() {
  POLKU_RETURN_IF_ERROR(MakeBook());
  const log::MalformedFn malformed = [this](const absl::Status& status) {
    AddFlaw(std::string(ToStd(status.message())));
  };
  POLKU_ASSIGN_OR_RETURN(auto forks, log::AllForks(options_.engine, malformed));
  for (auto& fork : forks) {
    std::string flaw = FlawOf(fork);
    if (flaw.empty()) {
      forks_.push_back(std::move(fork));
    } else {
      AddFlaw(std::move(flaw));
    }
  }
  // The own key has signed two histories: whichever this one is, going on with it would make both longer.
  if (IsForked(own_origin_)) {
    SetBehind("BEHIND: kept evidence proves that our own key signed two histories of this log (`polku "
              "status --evidence DIR` writes it)",
              kForkRemedy);
  }
  return absl::OkStatus();
}

void Witnessing::AddFlaw(std::string what) {
  const auto [flaw, is_new] = flaws_.insert(std::move(what));
  if (is_new) LogLine(LogLevel::kError, *flaw);
}

// A fork is held against an origin for ever: the record's word is not enough for that.
std::string Witnessing::FlawOf(const log::KeptFork& fork) const {
  const auto other = other_keys_.find(fork.origin);
  if (fork.origin != own_origin_ && other == other_keys_.end()) {
    return Str("kept evidence of a fork of ", fork.origin,
               " is not checked and marks nobody: its key is not configured (earlier_signing_keys)");
  }
  const proof::LogKeys& keys = fork.origin == own_origin_ ? own_keys_ : other->second;
  const auto pair = proof::ParseCheckpointPair(fork.pair);
  if (pair.ok()) {
    const auto verdict = proof::VerifyCheckpointPair(*pair, keys);
    if (verdict.ok() && *verdict == proof::PairVerdict::kFork) return "";
  }
  return Str("kept evidence of a fork of ", fork.origin,
             " proves none under its key and marks nobody: it was altered, or that key was changed; `polku "
             "verify` names it");
}

absl::StatusOr<std::string> Witnessing::NoteOf(Position size, const Hash& root) const {
  const proof::Checkpoint checkpoint{own_origin_, size, root};
  // Signing is deterministic: this is the note that was signed when the log had that size.
  if (own_keys_.For(size).key() == options_.signer.verifier().key()) {
    return options_.signer.Sign(checkpoint);
  }
  // By an earlier key, whose secret is gone: what was cosigned is a commit's end, so it is stored.
  POLKU_ASSIGN_OR_RETURN(auto note, options_.engine.ReadCheckpoint(kOwnLog, size));
  if (note) {
    POLKU_ASSIGN_OR_RETURN(const auto said, proof::VerifyCheckpoint(*note, own_keys_));
    if (said == checkpoint) return *std::move(note);
  }
  return Error(absl::StatusCode::kNotFound, "the checkpoint of ", size.value(),
               " entries, signed by an earlier key, is not stored");
}

void Witnessing::SetBehind(std::string_view what, std::string_view remedy) {
  if (!behind_.empty()) return;
  behind_ = Str(what, remedy);
  LogLine(LogLevel::kError, behind_);
}

Witnessing::Taken Witnessing::OnCosign(std::string_view agency,
                                       const exchange::v1::Cosign& cosign) {
  Taken taken;
  bool trusted = false;
  std::string sender = Str(agency, " as nobody");
  if (const auto claimed = replica::ParseClaimed(cosign.checkpoint()); claimed.ok()) {
    for (const auto& line : claimed->lines) {
      if (!line.cosigned_at || !line.name.starts_with(Str(agency, "/")) || trusted) continue;
      taken.witness = Printable(line.name);
      sender = Str(agency, " as ", taken.witness, ", key ", absl::StrFormat("%08x", line.key_id));
      for (const auto& witness : keys_.witnesses()) {
        trusted = trusted || (witness.agency == agency && witness.key.name() == line.name &&
                              witness.key.key_id() == line.key_id);
      }
    }
  }
  // Other services of our own agency follow us, too, and need not be listed: told once, not each time.
  if (!trusted) {
    if (unknown_.size() < kMaxUnknownTold && unknown_.insert(sender).second) {
      LogLine(LogLevel::kWarning, "cosignatures of ", sender,
              agency_of_.contains(taken.witness)
                  ? " are ignored: another key of that name counts here; when its owner says that it was "
                    "replaced, list the new cosigning.public under witnesses"
                  : " are ignored: list its cosigning.public under witnesses, if they are to count");
    }
    return taken;
  }
  const auto outcome =
      book_->OnCosign(agency, cosign, options_.size(), options_.checkpoint(), options_.clock());
  if (outcome.ahead) {
    SetBehind(Str("BEHIND: this log was opened from an old copy: ", agency, " holds ",
                  outcome.ahead->size.value(), " entries of it under our own signature, and here are ",
                  options_.size().value()),
              kRemedy);
  }
  if (!outcome.self_fork.empty()) {
    SetBehind(Str("BEHIND: this log was opened from an old copy: ", agency,
                  " holds another history of it under our own signature"),
              kForkRemedy);
    if (auto kept = KeepFork(own_origin_, outcome.self_fork); !kept.ok()) {
      fault_ = kept.ToString();
    }
  }
  if (!outcome.rejected.empty()) {
    peer_log_.Line(LogLevel::kWarning, agency, options_.clock(), "a cosignature was ignored: ",
                   outcome.rejected);
  }
  if (outcome.clock_ahead) {
    fast_clocks_[taken.witness] =
        Str("the cosignatures of ", taken.witness, " are not counted: its clock is ",
            absl::FormatDuration(absl::Trunc(*outcome.clock_ahead, absl::Seconds(1))),
            " ahead of ours; one of the two must be set right");
  }
  if (!outcome.keep) return taken;
  fast_clocks_.erase(taken.witness);
  Remember(*outcome.keep);
  if (auto kept = KeepCosignatures(kOwnLog, {*outcome.keep}); !kept.ok()) {
    // It counts all the same: the witness has said it, and will say it again.
    peer_log_.Line(LogLevel::kError, "cosignatures", options_.clock(), kept.ToString());
  }
  taken.news = true;
  return taken;
}

void Witnessing::OnPullBeyond(std::string_view agency, Position next) {
  // Nothing is signed in a Pull: who sends it may be mistaken or lie, and could stop the service by that. A
  // witness that holds more says so by its Cosign, which it sends before its first Pull.
  std::string& claim = claims_[std::string(agency)];
  claim = Str(agency, " claims to hold entries of this log up to ", next.value(), ", and here are ",
              options_.size().value(), ": if that is so, it was opened from an old copy (`polku recover`)",
              others_.contains(std::string(agency))
                  ? "; its cosignature would prove it"
                  : "; list its cosigning.public under witnesses to have it proven");
  peer_log_.Line(LogLevel::kError, agency, options_.clock(), claim);
}

void Witnessing::OnOwnSeen(std::string_view peer, std::string_view note) {
  const auto seen = proof::VerifyCheckpoint(note, own_keys_);
  if (!seen.ok() || seen->size == Position()) return;  // not signed by us: it says nothing
  const Position size = options_.size();
  if (seen->size > size) {
    SetBehind(Str("BEHIND: this log was opened from an old copy: ", peer, " was shown ",
                  seen->size.value(), " entries of it under our own signature, and here are ",
                  size.value()),
              kRemedy);
    return;
  }
  const auto prefix = replica::PrefixOf(options_.engine, kOwnLog, seen->size, size);
  if (!prefix.ok()) {
    fault_ = prefix.status().ToString();
    return;
  }
  if (prefix->root == seen->root) return;
  SetBehind(Str("BEHIND: this log was opened from an old copy: ", peer,
                " was shown another history of it under our own signature"),
            kForkRemedy);
  const std::string pair = replica::ForkEvidence(note, options_.checkpoint(), &*prefix, own_keys_);
  if (pair.empty()) return;
  if (auto kept = KeepFork(own_origin_, pair); !kept.ok()) fault_ = kept.ToString();
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
          if (!keys_.Counts(cosignature)) continue;
          const std::string& agency = agency_of_.find(cosignature.witness)->second;
          if (others_.contains(agency)) found.insert(agency);
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
    POLKU_ASSIGN_OR_RETURN(const std::string own, NoteOf(size, best->root));
    POLKU_ASSIGN_OR_RETURN(note, proof::AddSignatures(own, lines));
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

absl::Status Witnessing::KeepFork(std::string_view origin, std::string_view pair) {
  const bool known = std::any_of(forks_.begin(), forks_.end(),
                                 [&](const auto& fork) { return fork.pair == pair; });
  if (known) return absl::OkStatus();
  const absl::Time now = options_.clock();
  LogLine(LogLevel::kError, "FORK ", origin,
          ": its key signed two histories; `polku status --evidence DIR` writes the proof");
  const size_t of_origin = static_cast<size_t>(
      std::count_if(forks_.begin(), forks_.end(),
                    [&](const auto& fork) { return fork.origin == origin; }));
  // As the records do: the first are proof enough.
  if (of_origin >= log::kMaxForksKept) return absl::OkStatus();
  forks_.push_back({std::string(origin), now, std::string(pair)});
  return log::KeepFork(options_.engine, origin, now, pair);
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
                     [&](const auto& fork) { return fork.origin == origin; });
}

replica::Publisher::HeartbeatExtras Witnessing::Extras(Position told) {
  replica::Publisher::HeartbeatExtras extras;
  for (const auto& kept : book_->newest()) {
    if (kept.size > told) continue;
    const auto consistency = tree_.Consistency(kept.size, told);
    const auto own = NoteOf(kept.size, kept.root);
    const auto note = own.ok() ? proof::AddSignatures(*own, kept.line) : own;
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
  // A witness that has had several keys is one.
  for (const auto& told : book_->status()) {
    const auto known = std::find_if(
        status.mutable_witnesses()->pointer_begin(), status.mutable_witnesses()->pointer_end(),
        [&](const auto* one) { return one->name() == told.name(); });
    if (known == status.mutable_witnesses()->pointer_end()) {
      *status.add_witnesses() = told;
    } else if ((*known)->cosigned_size() < told.cosigned_size()) {
      **known = told;
    }
  }
  status.set_confirmed(book_->confirmed());
  size_t bytes = 0;
  for (const auto& fork : forks_) {
    auto* told = status.add_forks();
    told->set_origin(fork.origin);
    told->set_found_at_us(absl::ToUnixMicros(fork.found_at));
    bytes += fork.pair.size();
    if (bytes <= kMaxPairBytesInStatus) told->set_pair(fork.pair);
  }
}

std::string Witnessing::health() const {
  std::string text = behind_;
  const auto add = [&](std::string_view more) {
    if (!more.empty()) text += Str(text.empty() ? "" : "; ", more);
  };
  std::set<std::string_view> forked;
  for (const auto& fork : forks_) forked.insert(fork.origin);
  for (const std::string_view origin : forked) {
    add(Str("FORK ", origin, ": its key signed two histories; `polku status --evidence DIR` writes "
            "the proof"));
  }
  for (const auto& flaw : flaws_) add(flaw);
  for (const auto& [agency, claim] : claims_) add(claim);
  for (const auto& [witness, text_of] : fast_clocks_) add(text_of);
  add(fault_);
  return text;
}

}  // namespace polku::host
