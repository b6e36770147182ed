#include "eventstore/evidence/anchor.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"

namespace polku::evidence {
namespace {

using NodeMap = std::map<std::pair<uint8_t, uint64_t>, Hash>;

// The complete subtrees among the hashes of a consistency proof (RFC 6962 section 2.1.2), and what
// the older root says where that is one complete subtree.
NodeMap NodesOf(uint64_t size1, uint64_t size2, const Hash& root1, std::span<const Hash> hashes) {
  NodeMap nodes;
  if (size1 == 0 || size1 > size2) return nodes;
  std::vector<std::pair<uint64_t, uint64_t>>
      ranges;  // from the root down: the proof's order backwards
  uint64_t start = 0;
  uint64_t end = size2;
  while (size1 != end) {
    const uint64_t left = std::bit_floor(end - start - 1);
    if (size1 - start <= left) {
      ranges.emplace_back(start + left, end);
      end = start + left;
    } else {
      ranges.emplace_back(start, start + left);
      start += left;
    }
  }
  if (start > 0) {
    ranges.emplace_back(start, end);
  } else if (std::has_single_bit(size1)) {
    nodes[{static_cast<uint8_t>(std::countr_zero(size1)), 0}] = root1;
  }
  if (ranges.size() != hashes.size()) return nodes;
  for (size_t i = 0; i < hashes.size(); ++i) {
    const auto [from, to] = ranges[ranges.size() - 1 - i];
    if (!std::has_single_bit(to - from)) continue;
    nodes[{static_cast<uint8_t>(std::countr_zero(to - from)), from / (to - from)}] = hashes[i];
  }
  return nodes;
}

// The note of what was cosigned with that line alone, and the key that verifies it; nullopt:
// nobody's.
struct VerifiedLine {
  const proof::VerifierKey* key;
  absl::Time time;
};
std::optional<VerifiedLine> Verify(const std::string& body, const log::KeptCosignature& kept,
                                   std::span<const proof::VerifierKey> witnesses) {
  for (const auto& key : witnesses) {
    if (key.name() != kept.witness) continue;
    const auto time = proof::VerifyCosignature(Str(body, "\n", kept.line), key);
    if (time.ok() && *time == kept.time) return VerifiedLine{&key, *time};
  }
  return std::nullopt;
}

// The origin's line alone: what else a stored note may carry is not ours to vouch for.
absl::StatusOr<std::string> OnlyLineOf(const std::string& text, const proof::VerifierKey& key) {
  POLKU_ASSIGN_OR_RETURN(proof::Note note, proof::ParseNote(text));
  std::erase_if(note.signatures, [&](const proof::NoteSignature& signature) {
    return signature.name != key.name() || signature.key_id != key.key_id();
  });
  return proof::FormatNote(note);
}

}  // namespace

std::string_view AgencyOfWitness(std::string_view key_name) {
  constexpr std::string_view kLast = "/witness";
  if (!key_name.ends_with(kLast)) return {};
  return AgencyOfName(key_name);
}

absl::StatusOr<SignedCheckpoint> CheckpointOfSize(log::Engine& engine, LogNumber log,
                                                  const proof::LogKeys& keys, Position size) {
  const proof::VerifierKey& key = keys.For(size);
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> note, engine.ReadCheckpoint(log, size));
  const auto none = [&] {
    return Error(absl::StatusCode::kNotFound, "no signed checkpoint of ", key.name(),
                 " is stored for size ", size.value());
  };
  if (!note) return none();
  auto checkpoint = proof::VerifyCheckpoint(*note, keys);
  if (!checkpoint.ok()) {
    return Error(absl::StatusCode::kDataLoss, "a stored checkpoint of ", key.name(),
                 " does not verify: ", ToStd(checkpoint.status().message()),
                 "; run `polku verify`");
  }
  if (checkpoint->size != size) return none();
  POLKU_ASSIGN_OR_RETURN(std::string own, OnlyLineOf(*note, key));
  return SignedCheckpoint{*std::move(checkpoint), std::move(own)};
}

absl::StatusOr<proof::MerkleProof> ProveCosigned(log::TreeReader& tree,
                                                 const log::KeptCosignature& kept, Position size) {
  const Position size1 = std::min(kept.size, size);
  const Position size2 = std::max(kept.size, size);
  const NodeMap nodes =
      NodesOf(kept.size.value(), kept.proven_to.value(), kept.root, kept.consistency);
  return proof::MakeConsistencyProof(size1, size2,
                                     [&](uint8_t level, uint64_t index) -> absl::StatusOr<Hash> {
                                       const auto node = nodes.find({level, index});
                                       if (node != nodes.end()) return node->second;
                                       return tree.Subtree(level, index);
                                     });
}

absl::StatusOr<Anchor> ChooseAnchor(const AnchorOptions& options) {
  log::Engine& engine = *options.engine;
  const LogNumber number = options.log->number;
  const std::string& origin = options.log->head.origin;
  const Position end = options.log->head.frontier.size();
  if (options.covers > end) {
    return Error(absl::StatusCode::kOutOfRange, origin, " has ", end.value(), " entries here, not ",
                 options.covers.value());
  }

  // Of each witness the earliest word that covers the entries, which dates them best, and the
  // newest: few, however long the log. Every entry of a quiet log is cosigned by all at one size.
  struct Word {
    log::KeptCosignature kept;
    VerifiedLine line;
    bool required = false;
  };
  std::map<std::pair<std::string, absl::Time>, Word> words;
  const auto add = [&](std::vector<log::KeptCosignature> kept, bool required) {
    for (auto& one : kept) {
      const std::string body =
          proof::CheckpointBody({.origin = origin, .size = one.size, .root = one.root});
      const auto line = Verify(body, one, options.witnesses);
      if (!line || one.size > end) continue;
      auto& word = words.try_emplace({one.witness, one.time}, Word{one, *line}).first->second;
      word.required = word.required || required;
    }
  };
  POLKU_ASSIGN_OR_RETURN(auto covering, log::CosignaturesCovering(engine, number, options.covers));
  add(std::move(covering), false);
  POLKU_ASSIGN_OR_RETURN(auto newest, log::NewestCosignatures(engine, number));
  std::erase_if(newest, [&](const auto& kept) { return kept.size < options.covers; });
  add(std::move(newest), false);
  add(options.required, true);

  // Candidates: the newest checkpoint, and each that was cosigned and is stored here.
  std::map<Position, SignedCheckpoint> candidates;
  {
    POLKU_ASSIGN_OR_RETURN(auto last, CheckpointOfSize(engine, number, *options.keys, end));
    candidates.emplace(end, std::move(last));
  }
  for (const auto& [key, word] : words) {
    if (word.kept.size < options.covers || candidates.contains(word.kept.size)) continue;
    auto stored = CheckpointOfSize(engine, number, *options.keys, word.kept.size);
    if (absl::IsNotFound(stored.status())) continue;
    if (!stored.ok()) return stored.status();
    candidates.emplace(word.kept.size, *std::move(stored));
  }
  const std::string_view own_agency = AgencyOfName(origin);
  const SignedCheckpoint* chosen = nullptr;
  size_t most = 0;
  for (const auto& [size, stored] : candidates) {
    std::set<std::string_view> agencies;
    for (const auto& [key, word] : words) {
      if (word.kept.size == size && word.kept.root == stored.checkpoint.root) {
        agencies.insert(AgencyOfWitness(word.kept.witness));
      }
    }
    agencies.erase(own_agency);
    if (chosen == nullptr || agencies.size() >= most) {
      chosen = &stored;
      most = agencies.size();
    }
  }

  Anchor anchor{
      .checkpoint = chosen->checkpoint, .note = chosen->note, .others = {}, .cosigned = {}};
  std::set<std::string_view> at_anchor;
  for (const auto& [key, word] : words) {
    if (word.kept.size != anchor.checkpoint.size || word.kept.root != anchor.checkpoint.root)
      continue;
    // By time, so the first of a witness is its earliest; its later ones add nothing.
    if (!at_anchor.insert(word.kept.witness).second && !word.required) continue;
    POLKU_ASSIGN_OR_RETURN(anchor.note, proof::AddSignatures(anchor.note, word.kept.line));
    anchor.cosigned.push_back({word.line.key, word.line.time, word.kept.size});
  }
  log::TreeReader tree(engine, number);
  std::map<Position, OtherCheckpoint> others;
  for (const auto& [key, word] : words) {
    if (word.kept.size == anchor.checkpoint.size) continue;
    if (!word.required && !at_anchor.insert(word.kept.witness).second) continue;
    auto proof = ProveCosigned(tree, word.kept, anchor.checkpoint.size);
    const proof::Checkpoint cosigned{
        .origin = origin, .size = word.kept.size, .root = word.kept.root};
    const bool smaller = cosigned.size < anchor.checkpoint.size;
    const proof::Checkpoint& older = smaller ? cosigned : anchor.checkpoint;
    const proof::Checkpoint& newer = smaller ? anchor.checkpoint : cosigned;
    if (proof.ok()) {
      const absl::Status consistent =
          proof::VerifyConsistency(older.size, newer.size, older.root, newer.root, *proof);
      if (!consistent.ok()) {
        return Error(absl::StatusCode::kDataLoss, "the cosignature that ", word.kept.witness,
                     " gave for size ", cosigned.size.value(), " of ", origin,
                     " is of another history than the one stored here; run `polku verify`");
      }
    } else if (!absl::IsNotFound(proof.status())) {
      return proof.status();
    } else if (!word.required) {
      continue;
    } else {
      return Error(
          absl::StatusCode::kNotFound, "that size ", cosigned.size.value(), " of ", origin,
          ", which ", word.kept.witness,
          " cosigned, is a part of a stored checkpoint cannot be shown from what is held here: it "
          "lies inside entries withheld from this agency; ask for the proof at the origin");
    }
    auto& other = others[cosigned.size];
    if (other.note.empty()) {
      other.checkpoint = cosigned;
      other.consistency = *std::move(proof);
      auto stored = CheckpointOfSize(engine, number, *options.keys, cosigned.size);
      if (stored.ok() && stored->checkpoint.root == cosigned.root) {
        POLKU_ASSIGN_OR_RETURN(other.note, proof::AddSignatures(stored->note, word.kept.line));
      } else if (stored.ok() || absl::IsNotFound(stored.status())) {
        other.note = Str(proof::CheckpointBody(cosigned), "\n", word.kept.line);
      } else {
        return stored.status();
      }
    } else {
      POLKU_ASSIGN_OR_RETURN(other.note, proof::AddSignatures(other.note, word.kept.line));
    }
    anchor.cosigned.push_back({word.line.key, word.line.time, word.kept.size});
  }
  for (auto& [size, other] : others) anchor.others.push_back(std::move(other));
  return anchor;
}

}  // namespace polku::evidence
