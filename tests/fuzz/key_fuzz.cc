// Public and secret keys as text.
#include "eventstore/proof/checkpoint.h"
#include "eventstore/proof/note.h"
#include "tests/fuzz/fuzz.h"

namespace polku::proof {
namespace {

using fuzz::Require;

void Check(std::string_view text) {
  const auto checkpoint = VerifierKey::Parse(text, KeyUse::kCheckpoint);
  const auto cosignature = VerifierKey::Parse(text, KeyUse::kCosignature);
  Require(!checkpoint.ok() || !cosignature.ok(), "a key has one use");
  for (const auto& key : {checkpoint, cosignature}) {
    if (!key.ok()) continue;
    Require(IsKeyName(key->name()), "a key has a name");
    const auto again = VerifierKey::Parse(key->Format(), key->use());
    Require(again.ok() && again->Format() == key->Format(), "a key is read as it was written");
  }
  for (const KeyUse use : {KeyUse::kCheckpoint, KeyUse::kCosignature}) {
    const auto signer = Signer::Parse(text, use);
    if (!signer.ok()) continue;
    const auto again = Signer::Parse((*signer)->SecretText(), use);
    Require(again.ok() && (*again)->verifier().Format() == (*signer)->verifier().Format(),
            "a secret is read as it was written");
  }
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
