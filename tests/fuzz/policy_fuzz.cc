// Policies, and their judgement of one note.
#include <algorithm>

#include "eventstore/proof/policy.h"
#include "tests/fuzz/fuzz.h"
#include "tests/proof/fixed_keys.h"

namespace polku::proof {
namespace {

using fuzz::Require;

std::string SomeNote() {
  const Checkpoint checkpoint{kOrigin, Position(8), Hash()};
  return OriginSigner()->Sign(checkpoint) +
         Witness1()->Cosign(checkpoint, absl::FromUnixSeconds(1'795'305'600));
}

void Check(std::string_view text) {
  const auto policy = Policy::Parse(text);
  if (!policy.ok()) return;
  std::vector<VerifierKey> witnesses;
  for (const PolicyWitness& witness : policy->witnesses()) witnesses.push_back(witness.key);
  const std::string written = Policy::Format(policy->logs(), witnesses, witnesses.size());
  const auto again = Policy::Parse(written);
  Require(again.ok() && again->logs().size() == policy->logs().size() &&
              again->witnesses().size() == witnesses.size(),
          "a policy of the same keys is read as it was written");
  for (const VerifierKey& log : policy->logs()) {
    Require(policy->FindLog(log.name()) != nullptr, "a listed log is found");
  }
  static const std::string note = SomeNote();
  const auto verdict = policy->Check(note);
  static const std::string origin = OriginSigner()->verifier().Format();
  const bool listed = std::any_of(policy->logs().begin(), policy->logs().end(),
                                  [](const VerifierKey& log) { return log.Format() == origin; });
  Require(verdict.ok() == listed, "the note counts exactly when its log is listed");
  if (verdict.ok()) Require(verdict->cosigned.size() <= 1, "one witness cosigned it");
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
