// Checkpoints: an origin's signed statement "my first N entries have this Merkle root", in the
// formats of C2SP signed-note and tlog-checkpoint; and cosignatures: a witness's statement that, at
// a time, this was the largest consistent checkpoint it had seen (C2SP tlog-cosignature, type
// 0x04). A Polku witness says one thing more: it had then stored all that was disclosed to it up to
// that size. Keys are Ed25519 (libsodium's verification rule). The text of notes: note.h.
#ifndef POLKU_EVENTSTORE_PROOF_CHECKPOINT_H_
#define POLKU_EVENTSTORE_PROOF_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"

namespace polku::proof {

using Ed25519Public = FixedBytes<struct Ed25519PublicTag, 32>;

struct Checkpoint {
  std::string origin;  // "<agency>/<service>/<epoch>"
  Position size;
  Hash root;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// "<origin>\n<size>\n<base64 root>\n"
std::string CheckpointBody(const Checkpoint& checkpoint);

// What a key signs. The number enters the key id, so that a key of one use never passes for
// another.
enum class KeyUse : uint8_t {
  kCheckpoint = 0x01,   // an origin's checkpoints
  kCosignature = 0x04,  // a witness's cosignatures
};

// A public key with its name: "<name>+<8 hex key id>+<base64(use ‖ key)>" (signed-note "vkey").
class VerifierKey {
 public:
  // InvalidArgument: malformed, of another use, or the key id does not belong to the name and key.
  static absl::StatusOr<VerifierKey> Parse(std::string_view vkey, KeyUse use);
  // Precondition: IsKeyName(name), see note.h.
  VerifierKey(std::string name, const Ed25519Public& key, KeyUse use);
  const std::string& name() const { return name_; }
  const Ed25519Public& key() const { return key_; }
  KeyUse use() const { return use_; }
  uint32_t key_id() const { return key_id_; }  // SHA-256(name ‖ 0x0A ‖ use ‖ key)[:4], big-endian
  std::string Format() const;

 private:
  std::string name_;
  Ed25519Public key_;
  KeyUse use_;
  uint32_t key_id_ = 0;
};

// Signs checkpoints or cosigns them. The secret lives in locked memory and is wiped. Thread-safe.
class Signer {
 public:
  // nullptr unless IsKeyName(name).
  static std::unique_ptr<Signer> Generate(std::string name, KeyUse use);
  // `text`: "PRIVATE+KEY+<name>+<8 hex key id>+<base64(use ‖ seed)>\n", as Go's sumdb/note has it;
  // the newline may be missing. InvalidArgument as for VerifierKey::Parse; never echoes the text.
  static absl::StatusOr<std::unique_ptr<Signer>> Parse(std::string_view text, KeyUse use);
  virtual ~Signer() = default;
  virtual const VerifierKey& verifier() const = 0;
  // The secret in the form that Parse takes. Only keygen calls it.
  virtual std::string SecretText() const = 0;
  // Precondition: a kCheckpoint key; the origin is not empty and has no newline or control
  // character. The whole signed note: body, blank line, "— <name> <base64(key id ‖ signature)>\n".
  virtual std::string Sign(const Checkpoint& checkpoint) const = 0;
  // Precondition: a kCosignature key. `time` in whole seconds is part of what is signed. The
  // signature line, with its newline, to be appended to the checkpoint's note.
  virtual std::string Cosign(const Checkpoint& checkpoint, absl::Time time) const = 0;
};

// Parses a note of at most 64 KiB and verifies that `key` signed it and that its origin is the
// key's name; signatures of other keys, also other keys of the same name, and extension lines after
// the root are ignored. InvalidArgument: malformed. Unauthenticated: no signature of `key`, one
// that does not verify, or a checkpoint of another origin.
absl::StatusOr<Checkpoint> VerifyCheckpoint(std::string_view note, const VerifierKey& key);

// The time at which `key` cosigned the note, whole seconds. Several lines of the same key: the
// latest. Does not look at the origin's own signature. Errors as above; NotFound: no line of that
// key.
absl::StatusOr<absl::Time> VerifyCosignature(std::string_view note, const VerifierKey& key);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_CHECKPOINT_H_
