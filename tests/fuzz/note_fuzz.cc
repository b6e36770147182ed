// A note: its text, the checkpoint in it, signatures and cosignatures.
#include "eventstore/proof/note.h"
#include "tests/fuzz/fuzz.h"
#include "tests/proof/fixed_keys.h"

namespace polku::proof {
namespace {

using fuzz::Require;

void Check(std::string_view text) {
  const auto note = ParseNote(text);
  const auto checkpoint = ParseCheckpointBody(text);
  if (checkpoint.ok()) {
    const std::string body = CheckpointBody(*checkpoint);
    Require(text.substr(0, body.size()) == body, "a body is written as it was read");
  }
  static const auto origin = OriginSigner();
  static const auto witness = Witness1();
  const auto verified = VerifyCheckpoint(text, origin->verifier());
  const auto cosigned = VerifyCosignature(text, witness->verifier());
  if (!note.ok()) {
    Require(!verified.ok() && !cosigned.ok(), "what is no note is not signed");
    Require(!AddSignatures(text, "").ok(), "what is no note takes no signatures");
    return;
  }
  Require(FormatNote(*note) == text, "a note is written as it was read");
  const auto body = ParseCheckpointBody(note->body);
  Require(body.ok() || (!verified.ok() && !cosigned.ok()), "what is no checkpoint is not signed");
  if (verified.ok()) {
    Require(*verified == *body, "what is verified is what stands there");
    Require(verified->origin == kOrigin, "a key speaks for its own log");
  }
  if (body.ok()) {
    Require(
        VerifyCheckpoint(origin->Sign(*body), origin->verifier()).ok() == (body->origin == kOrigin),
        "what the key signs verifies");
  }
  const auto twice = AddSignatures(text, text);
  Require(twice.ok() && ParseNote(*twice)->body == note->body, "a note takes its own signatures");
  Require(AddSignatures(*twice, text).value() == *twice, "signatures are added once");
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
