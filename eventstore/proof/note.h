// The text of signed notes (C2SP signed-note): a body, a blank line, signature lines. What the
// signatures say is checkpoint.h's business.
#ifndef POLKU_EVENTSTORE_PROOF_NOTE_H_
#define POLKU_EVENTSTORE_PROOF_NOTE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::proof {

inline constexpr size_t kMaxNoteBytes = 64 << 10;

struct NoteSignature {
  std::string name;
  uint32_t key_id = 0;    // big-endian in the text
  std::string signature;  // without the key id; its form is the key's business
  friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};

struct Note {
  std::string body;  // ends with a newline
  std::vector<NoteSignature> signatures;
};

// What signed-note allows as the name of a key: UTF-8, not empty, without Unicode spaces, control
// characters and '+'. Every OriginName is one.
bool IsKeyName(std::string_view name);

// InvalidArgument: longer than kMaxNoteBytes, not UTF-8, control characters, no blank line, or a
// malformed signature line.
absl::StatusOr<Note> ParseNote(std::string_view text);
std::string FormatNote(const Note& note);
// "— <name> <base64(key id ‖ signature)>\n"
std::string FormatSignatureLine(const NoteSignature& signature);

// The first three lines of the body; nothing is verified. InvalidArgument when it is no checkpoint.
absl::StatusOr<Checkpoint> ParseCheckpointBody(std::string_view body);

// The note with the signature lines of `more` (another note of the same body, or bare lines) added,
// each once. InvalidArgument: malformed, or a note with another body.
absl::StatusOr<std::string> AddSignatures(std::string_view note, std::string_view more);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_NOTE_H_
