#include "eventstore/proof/note.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/text.h"

namespace polku::proof {
namespace {

constexpr size_t kKeyIdBytes = 4;
constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";  // em dash (U+2014) and a space

absl::Status Malformed(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "note: ", what);
}

absl::Status NoCheckpoint(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "checkpoint: ", what);
}

// Takes one code point off `text`; nullopt, for overlong forms and surrogates too, unless UTF-8.
std::optional<uint32_t> TakeCodePoint(std::string_view& text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  size_t size = 0;
  uint32_t lowest = 0;
  uint32_t point = 0;
  if (lead < 0x80) {
    size = 1, point = lead;
  } else if (lead >> 5 == 0x06) {
    size = 2, lowest = 0x80, point = lead & 0x1f;
  } else if (lead >> 4 == 0x0e) {
    size = 3, lowest = 0x800, point = lead & 0x0f;
  } else if (lead >> 3 == 0x1e) {
    size = 4, lowest = 0x10000, point = lead & 0x07;
  } else {
    return std::nullopt;
  }
  if (text.size() < size) return std::nullopt;
  for (size_t i = 1; i < size; ++i) {
    if (byte(i) >> 6 != 0x02) return std::nullopt;
    point = point << 6 | (byte(i) & 0x3f);
  }
  if (point < lowest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    return std::nullopt;
  }
  text.remove_prefix(size);
  return point;
}

// Unicode White_Space, as signed-note's reference implementation tests it.
bool IsSpace(uint32_t point) {
  return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0x85 || point == 0xa0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
         point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

// UTF-8 without control characters other than newline (signed-note "Format").
bool IsNoteText(std::string_view text) {
  while (!text.empty()) {
    const std::optional<uint32_t> point = TakeCodePoint(text);
    if (!point || (*point < 0x20 && *point != '\n')) return false;
  }
  return true;
}

absl::StatusOr<std::vector<NoteSignature>> ParseSignatureLines(std::string_view lines) {
  std::vector<NoteSignature> signatures;
  std::string_view line;
  while (TakeLine(lines, line)) {
    if (line.substr(0, kSignaturePrefix.size()) != kSignaturePrefix) {
      return Malformed("a signature line does not begin with an em dash and a space");
    }
    line.remove_prefix(kSignaturePrefix.size());
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return Malformed("a signature line without a signature");
    const std::string_view name = line.substr(0, space);
    const std::optional<std::string> blob = FromBase64(line.substr(space + 1));
    if (!IsKeyName(name) || !blob || blob->size() <= kKeyIdBytes) {
      return Malformed("a signature line with a wrong name or signature");
    }
    signatures.push_back(
        {std::string(name), ReadBigEndian32(blob->data()), blob->substr(kKeyIdBytes)});
  }
  if (!lines.empty()) return Malformed("the signatures do not end with a newline");
  return signatures;
}

}  // namespace

bool IsKeyName(std::string_view name) {
  if (name.empty()) return false;
  while (!name.empty()) {
    const std::optional<uint32_t> point = TakeCodePoint(name);
    if (!point || IsSpace(*point) || *point < 0x20 || *point == '+') return false;
  }
  return true;
}

absl::StatusOr<Note> ParseNote(std::string_view text) {
  if (text.size() > kMaxNoteBytes) return Malformed("longer than 64 KiB");
  if (!IsNoteText(text)) return Malformed("not UTF-8, or control characters");
  const size_t split = text.rfind("\n\n");
  if (split == std::string_view::npos) return Malformed("no blank line before the signatures");
  Note note;
  note.body = std::string(text.substr(0, split + 1));
  POLKU_ASSIGN_OR_RETURN(note.signatures, ParseSignatureLines(text.substr(split + 2)));
  if (note.signatures.empty()) return Malformed("no signature line");
  return note;
}

std::string FormatNote(const Note& note) {
  std::string text = Str(note.body, "\n");
  for (const NoteSignature& signature : note.signatures) text += FormatSignatureLine(signature);
  return text;
}

std::string FormatSignatureLine(const NoteSignature& signature) {
  std::string blob;
  AppendBigEndian32(blob, signature.key_id);
  blob += signature.signature;
  return Str(kSignaturePrefix, signature.name, " ", ToBase64(blob), "\n");
}

absl::StatusOr<Checkpoint> ParseCheckpointBody(std::string_view body) {
  if (!IsNoteText(body)) return NoCheckpoint("not UTF-8, or control characters");
  Checkpoint checkpoint;
  std::string_view line;
  if (!TakeLine(body, line) || line.empty()) return NoCheckpoint("no origin line");
  checkpoint.origin = std::string(line);
  if (!TakeLine(body, line)) return NoCheckpoint("no size line");
  const std::optional<uint64_t> size = ParseDecimal(line);
  if (!size) {
    return NoCheckpoint(
        "the size is not a decimal number of at most 63 bits without leading zeros");
  }
  checkpoint.size = Position(*size);
  if (!TakeLine(body, line)) return NoCheckpoint("no root line");
  const std::optional<Hash> root = ParseHash(line);
  if (!root) return NoCheckpoint("the root is not 32 bytes in base64");
  checkpoint.root = *root;
  while (TakeLine(body, line)) {
    if (line.empty()) return NoCheckpoint("an empty extension line");
  }
  if (!body.empty()) return NoCheckpoint("the last line does not end with a newline");
  return checkpoint;
}

absl::StatusOr<std::string> AddSignatures(std::string_view note, std::string_view more) {
  POLKU_ASSIGN_OR_RETURN(Note result, ParseNote(note));
  std::vector<NoteSignature> added;
  // Signature lines have no blank line among them.
  if (more.find("\n\n") == std::string_view::npos) {
    if (more.size() > kMaxNoteBytes) return Malformed("longer than 64 KiB");
    POLKU_ASSIGN_OR_RETURN(added, ParseSignatureLines(more));
  } else {
    POLKU_ASSIGN_OR_RETURN(Note other, ParseNote(more));
    if (other.body != result.body) return Malformed("signatures of another body");
    added = std::move(other.signatures);
  }
  for (NoteSignature& signature : added) {
    if (std::find(result.signatures.begin(), result.signatures.end(), signature) ==
        result.signatures.end()) {
      result.signatures.push_back(std::move(signature));
    }
  }
  std::string text = FormatNote(result);
  if (text.size() > kMaxNoteBytes) return Malformed("longer than 64 KiB with these signatures");
  return text;
}

}  // namespace polku::proof
