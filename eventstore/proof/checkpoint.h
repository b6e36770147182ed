// Checkpoints: an origin's signed statement "my first N entries have this Merkle root", in the
// formats of C2SP signed-note and tlog-checkpoint. Keys are Ed25519 (libsodium's verification rule).
#ifndef POLKU_EVENTSTORE_PROOF_CHECKPOINT_H_
#define POLKU_EVENTSTORE_PROOF_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
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

// What signed-note allows: UTF-8, not empty, without Unicode spaces, control characters and '+'.
// Every OriginName is one.
bool IsKeyName(std::string_view name);

// A public key with its name: "<name>+<8 hex key id>+<base64(0x01 ‖ key)>" (signed-note "vkey").
class VerifierKey {
 public:
  // InvalidArgument: malformed, not Ed25519, or the key id does not belong to the name and key.
  static absl::StatusOr<VerifierKey> Parse(std::string_view vkey);
  // Precondition: IsKeyName(name).
  VerifierKey(std::string name, const Ed25519Public& key);
  const std::string& name() const { return name_; }
  const Ed25519Public& key() const { return key_; }
  uint32_t key_id() const { return key_id_; }  // SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)[:4], big-endian
  std::string Format() const;

 private:
  std::string name_;
  Ed25519Public key_;
  uint32_t key_id_ = 0;
};

// Signs checkpoints. The secret lives in locked memory and is wiped. Thread-safe.
class Signer {
 public:
  // nullptr unless IsKeyName(name).
  static std::unique_ptr<Signer> Generate(std::string name);
  // `text`: "PRIVATE+KEY+<name>+<8 hex key id>+<base64(0x01 ‖ seed)>\n", as Go's sumdb/note has it;
  // the newline may be missing. InvalidArgument as for VerifierKey::Parse; never echoes the text.
  static absl::StatusOr<std::unique_ptr<Signer>> Parse(std::string_view text);
  virtual ~Signer() = default;
  virtual const VerifierKey& verifier() const = 0;
  // The secret in the form that Parse takes. Only keygen calls it.
  virtual std::string SecretText() const = 0;
  // Precondition: the origin is not empty and has no newline or control character.
  // The whole signed note: body, blank line, "— <name> <base64(key id ‖ signature)>\n".
  virtual std::string Sign(const Checkpoint& checkpoint) const = 0;
};

// Parses a note of at most 64 KiB and verifies that `key` signed it; signatures of other keys,
// also other keys of the same name, and extension lines after the root are ignored. The origin is
// what the note claims: the caller compares it with the log that it asked for.
// InvalidArgument: malformed. Unauthenticated: no signature of `key`, or one that does not verify.
absl::StatusOr<Checkpoint> VerifyCheckpoint(std::string_view note, const VerifierKey& key);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_CHECKPOINT_H_
