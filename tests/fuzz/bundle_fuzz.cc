// Evidence bundles: their JSON form, and the judgement of whatever parses.
#include "eventstore/evidence/bundle.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz.h"

namespace polku::evidence {
namespace {

using fuzz::Require;

void Check(std::string_view json) {
  const auto bundle = ParseBundle(json);
  if (!bundle.ok()) return;
  const std::string text = FormatBundle(*bundle);
  const auto again = ParseBundle(text);
  Require(again.ok() && FormatBundle(*again) == text, "a bundle is read as it was written");
  const auto report = VerifyBundle(*bundle, nullptr);
  Require(!report.ok() || !report->own_policy, "the bundle's own policy is not the reader's");
}

}  // namespace
}  // namespace polku::evidence

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // protobuf would tell of every text that is not UTF-8.
  [[maybe_unused]] static const auto told = google::protobuf::SetLogHandler(nullptr);
  polku::evidence::Check(polku::fuzz::View(data, size));
  return 0;
}
