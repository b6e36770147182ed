#include "eventstore/replica/witness.h"

#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/proof_file.h"

namespace polku::replica {
namespace {

constexpr size_t kCosignatureBytes = 8 + 64;  // the time and the Ed25519 signature

absl::Status Malformed(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "checkpoint: ", what);
}

}  // namespace

absl::StatusOr<ClaimedCheckpoint> ParseClaimed(std::string_view text) {
  if (text.size() > kMaxCheckpointBytes) {
    return Malformed(Str("longer than ", kMaxCheckpointBytes, " bytes"));
  }
  POLKU_ASSIGN_OR_RETURN(proof::Note note, proof::ParseNote(text));
  ClaimedCheckpoint claimed;
  POLKU_ASSIGN_OR_RETURN(claimed.checkpoint, proof::ParseCheckpointBody(note.body));
  if (note.body != proof::CheckpointBody(claimed.checkpoint)) {
    return Malformed("it has more than its three lines");
  }
  for (const proof::NoteSignature& signature : note.signatures) {
    ClaimedCheckpoint::Line line{.name = signature.name,
                                 .key_id = signature.key_id,
                                 .text = proof::FormatSignatureLine(signature)};
    if (signature.signature.size() == kCosignatureBytes) {
      const uint64_t seconds = ReadBigEndian64(signature.signature.data());
      if (seconds >> 63 == 0)
        line.cosigned_at = absl::FromUnixSeconds(static_cast<int64_t>(seconds));
    }
    claimed.lines.push_back(std::move(line));
  }
  claimed.body = std::move(note.body);
  return claimed;
}

const ClaimedCheckpoint::Line* OnlyLine(const ClaimedCheckpoint& claimed,
                                        const proof::VerifierKey& key) {
  const ClaimedCheckpoint::Line* found = nullptr;
  for (const ClaimedCheckpoint::Line& line : claimed.lines) {
    if (line.key_id != key.key_id() || line.name != key.name()) continue;
    if (found != nullptr) return nullptr;
    found = &line;
  }
  return found;
}

bool VerifyLine(const ClaimedCheckpoint& claimed, const ClaimedCheckpoint::Line& line,
                const proof::VerifierKey& key) {
  const std::string note = claimed.body + "\n" + line.text;
  switch (key.use()) {
    case proof::KeyUse::kCheckpoint:
      return proof::VerifyCheckpoint(note, key).ok();
    case proof::KeyUse::kCosignature:
      return proof::VerifyCosignature(note, key).ok();
  }
  return false;
}

std::string ForkEvidence(std::string_view older, std::string_view newer, const PrefixProof* prefix,
                         const proof::LogKeys& origin_keys) {
  proof::CheckpointPair pair;
  pair.older = std::string(older);
  pair.newer = std::string(newer);
  const auto older_checkpoint = ParseClaimed(older);
  const auto newer_checkpoint = ParseClaimed(newer);
  if (!older_checkpoint.ok() || !newer_checkpoint.ok()) return "";
  if (older_checkpoint->checkpoint.size == newer_checkpoint->checkpoint.size) {
    pair.prefix = newer_checkpoint->checkpoint.root;
  } else if (prefix != nullptr) {
    pair.prefix = prefix->root;
    pair.hashes = prefix->consistency;
  } else {
    return "";
  }
  const auto verdict = proof::VerifyCheckpointPair(pair, origin_keys);
  if (!verdict.ok() || *verdict != proof::PairVerdict::kFork) return "";
  return proof::FormatCheckpointPair(pair);
}

exchange::v1::WitnessStatus WitnessStatusOf(const TrustedWitness& witness, Position size,
                                            absl::Time time) {
  exchange::v1::WitnessStatus status;
  status.set_agency(witness.agency);
  status.set_name(witness.key.name());
  status.set_cosigned_size(size.value());
  if (size > Position(0)) status.set_cosigned_at_us(absl::ToUnixMicros(time));
  return status;
}

absl::StatusOr<PrefixProof> PrefixOf(log::Engine& engine, LogNumber log, Position size,
                                              Position present) {
  log::TreeReader tree(engine, log);
  PrefixProof prefix;
  POLKU_ASSIGN_OR_RETURN(prefix.root, tree.Root(size));
  POLKU_ASSIGN_OR_RETURN(prefix.consistency, tree.Consistency(size, present));
  return prefix;
}

}  // namespace polku::replica
