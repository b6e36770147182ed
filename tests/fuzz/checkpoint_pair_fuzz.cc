// Checkpoint pairs. The corpus' notes of 200 and 300 leaves are of one history, those of 200 and
// 300 with another leaf 123 are of another; nothing else is signed with this key.
#include "eventstore/proof/proof_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/proof/fixed_log.h"

namespace polku::proof {
namespace {

using fuzz::Require;

bool IsHonest(std::string_view note, const VerifierKey& key) {
  static const Checkpoint older = FixedCheckpoint(200);
  static const Checkpoint newer = FixedCheckpoint(300);
  const auto checkpoint = VerifyCheckpoint(note, key);
  return checkpoint.ok() && (*checkpoint == older || *checkpoint == newer);
}

void Check(std::string_view text) {
  const auto pair = ParseCheckpointPair(text);
  if (!pair.ok()) return;
  Require(FormatCheckpointPair(*pair) == text, "a pair is written as it was read");
  static const auto origin = OriginSigner();
  const auto verdict = VerifyCheckpointPair(*pair, origin->verifier());
  if (!verdict.ok()) return;
  const bool same_history =
      IsHonest(pair->older, origin->verifier()) == IsHonest(pair->newer, origin->verifier());
  Require(same_history == (*verdict == PairVerdict::kConsistent), "the verdict is true");
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
