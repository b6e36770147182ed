#include "eventstore/proof/proof_file.h"

#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"
#include "eventstore/proof/text.h"

namespace polku::proof {
namespace {

constexpr std::string_view kInclusionHeader = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kPairHeader = "polku/checkpoint-pair/v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr std::string_view kPrefix = "prefix ";

// In front of error texts.
constexpr std::string_view kInclusionFile = "tlog-proof file";
constexpr std::string_view kPairFile = "checkpoint pair";

absl::Status Malformed(std::string_view kind, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kind, ": ", what);
}

bool TakePrefix(std::string_view& line, std::string_view prefix) {
  if (line.substr(0, prefix.size()) != prefix) return false;
  line.remove_prefix(prefix.size());
  return true;
}

absl::Status CheckHeader(std::string_view kind, std::string_view& text, std::string_view header) {
  if (text.size() > kMaxProofFileBytes) return Malformed(kind, "longer than 256 KiB");
  std::string_view line;
  if (!TakeLine(text, line) || line != header) {
    return Malformed(kind, Str("the first line is not ", header));
  }
  return absl::OkStatus();
}

// Lines of a hash each, and the empty line after them. `line` is the first of them, already taken.
absl::StatusOr<MerkleProof> TakeHashes(std::string_view kind, std::string_view line,
                                       std::string_view& text) {
  MerkleProof hashes;
  while (!line.empty()) {
    const std::optional<Hash> hash = ParseHash(line);
    if (!hash) return Malformed(kind, "a line is not a hash of 32 bytes in base64");
    if (hashes.size() == kMaxProofHashes) {
      return Error(absl::StatusCode::kInvalidArgument, kind, ": more than ", kMaxProofHashes,
                   " hashes");
    }
    hashes.push_back(*hash);
    if (!TakeLine(text, line)) return Malformed(kind, "no empty line after the hashes");
  }
  return hashes;
}

void AppendHashes(std::string& text, const MerkleProof& hashes) {
  for (const Hash& hash : hashes) text += Str(ToBase64(hash.view()), "\n");
  text += "\n";
}

// That the note has the form of a checkpoint; nothing about its signatures.
absl::Status CheckCheckpointNote(std::string_view kind, std::string_view text) {
  const absl::StatusOr<Note> note = ParseNote(text);
  const absl::Status status = note.ok() ? ParseCheckpointBody(note->body).status() : note.status();
  return status.ok() ? status : Annotate(status, kind);
}

}  // namespace

std::string FormatInclusionFile(const InclusionFile& file) {
  std::string text = Str(kInclusionHeader, "\n");
  if (file.extra && !file.extra->empty()) text += Str(kExtra, ToBase64(*file.extra), "\n");
  text += Str(kIndex, file.index.value(), "\n");
  AppendHashes(text, file.hashes);
  text += file.checkpoint;
  return text;
}

absl::StatusOr<InclusionFile> ParseInclusionFile(std::string_view text) {
  POLKU_RETURN_IF_ERROR(CheckHeader(kInclusionFile, text, kInclusionHeader));
  InclusionFile file;
  std::string_view line;
  if (!TakeLine(text, line)) return Malformed(kInclusionFile, "no index line");
  if (TakePrefix(line, kExtra)) {
    file.extra = FromBase64(line);
    if (!file.extra || file.extra->empty()) {
      return Malformed(kInclusionFile, "the extra line has no data in base64");
    }
    if (!TakeLine(text, line)) return Malformed(kInclusionFile, "no index line");
  }
  if (!TakePrefix(line, kIndex)) return Malformed(kInclusionFile, "no index line");
  const std::optional<uint64_t> index = ParseDecimal(line);
  if (!index) {
    return Malformed(kInclusionFile,
                     "the index is not a decimal number of at most 63 bits without leading zeros");
  }
  file.index = Position(*index);
  if (!TakeLine(text, line)) return Malformed(kInclusionFile, "no empty line after the index");
  POLKU_ASSIGN_OR_RETURN(file.hashes, TakeHashes(kInclusionFile, line, text));
  POLKU_RETURN_IF_ERROR(CheckCheckpointNote(kInclusionFile, text));
  file.checkpoint = std::string(text);
  return file;
}

absl::StatusOr<Checkpoint> VerifyInclusionFile(const InclusionFile& file, const Hash& leaf_hash,
                                               const LogKeys& keys) {
  POLKU_ASSIGN_OR_RETURN(Checkpoint checkpoint, VerifyCheckpoint(file.checkpoint, keys));
  POLKU_RETURN_IF_ERROR(
      VerifyInclusion(file.index, checkpoint.size, leaf_hash, file.hashes, checkpoint.root));
  return checkpoint;
}

std::string FormatCheckpointPair(const CheckpointPair& pair) {
  std::string text = Str(kPairHeader, "\n");
  if (pair.prefix) text += Str(kPrefix, ToBase64(pair.prefix->view()), "\n");
  AppendHashes(text, pair.hashes);
  text += Str(pair.older, "\n", pair.newer);
  return text;
}

absl::StatusOr<CheckpointPair> ParseCheckpointPair(std::string_view text) {
  POLKU_RETURN_IF_ERROR(CheckHeader(kPairFile, text, kPairHeader));
  CheckpointPair pair;
  std::string_view line;
  if (!TakeLine(text, line)) return Malformed(kPairFile, "no empty line after the hashes");
  if (TakePrefix(line, kPrefix)) {
    pair.prefix = ParseHash(line);
    if (!pair.prefix) return Malformed(kPairFile, "the prefix is not 32 bytes in base64");
    if (!TakeLine(text, line)) return Malformed(kPairFile, "no empty line after the hashes");
  }
  POLKU_ASSIGN_OR_RETURN(pair.hashes, TakeHashes(kPairFile, line, text));
  // The body of a checkpoint has no empty line: the first empty line ends it, the second its
  // signatures.
  const size_t body_end = text.find("\n\n");
  const size_t note_end =
      body_end == std::string_view::npos ? body_end : text.find("\n\n", body_end + 2);
  if (note_end == std::string_view::npos) return Malformed(kPairFile, "not two checkpoints");
  pair.older = std::string(text.substr(0, note_end + 1));
  pair.newer = std::string(text.substr(note_end + 2));
  POLKU_RETURN_IF_ERROR(CheckCheckpointNote("checkpoint pair: older", pair.older));
  POLKU_RETURN_IF_ERROR(CheckCheckpointNote("checkpoint pair: newer", pair.newer));
  return pair;
}

absl::StatusOr<PairVerdict> VerifyCheckpointPair(const CheckpointPair& pair, const LogKeys& keys) {
  absl::StatusOr<Checkpoint> older = VerifyCheckpoint(pair.older, keys);
  if (!older.ok()) return Annotate(older.status(), "older");
  absl::StatusOr<Checkpoint> newer = VerifyCheckpoint(pair.newer, keys);
  if (!newer.ok()) return Annotate(newer.status(), "newer");
  if (pair.prefix == older->root) {
    return Malformed(kPairFile, "the prefix is the older root itself, so nothing is contradicted");
  }
  POLKU_RETURN_IF_ERROR(VerifyConsistency(
      older->size, newer->size, pair.prefix.value_or(older->root), newer->root, pair.hashes));
  return pair.prefix ? PairVerdict::kFork : PairVerdict::kConsistent;
}

}  // namespace polku::proof
