// tlog-proof files.
#include "eventstore/proof/proof_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/proof/fixed_keys.h"

namespace polku::proof {
namespace {

using fuzz::Require;

void Check(std::string_view text) {
  const auto file = ParseInclusionFile(text);
  if (!file.ok()) return;
  Require(FormatInclusionFile(*file) == text, "a file is written as it was read");
  static const auto origin = OriginSigner();
  const auto verified = VerifyInclusionFile(*file, LeafHash("leaf 123"), origin->verifier());
  if (verified.ok()) {
    // The corpus has one true proof of this leaf.
    Require(file->index == Position(123) && verified->size == Position(300),
            "no other place is proven");
  }
}

}  // namespace
}  // namespace polku::proof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  polku::proof::Check(polku::fuzz::View(data, size));
  return 0;
}
