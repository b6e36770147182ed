// The header of an entry, from its leaf.
#include "eventstore/log/entry.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz.h"

namespace polku::log {
namespace {

using fuzz::Require;

void Check(std::string_view leaf) {
  event::v1::Header header;
  const bool parsed = ParseHeader(leaf, header).ok();
  const auto bytes = HeaderBytes(leaf);
  Require(!parsed || bytes.ok(), "what has a header has its bytes");
  if (!bytes.ok()) return;
  Require(MakeLeaf(leaf.substr(kLeafPrefix.size(), kLeafRandomBytes), *bytes) == leaf,
          "a leaf is written as it was read");
  if (!parsed) return;
  event::v1::Header again;
  Require(
      ParseHeader(MakeLeaf(std::string(kLeafRandomBytes, 'r'), header.SerializeAsString()), again)
              .ok() &&
          again.SerializeAsString() == header.SerializeAsString(),
      "a header that was written again is valid and the same");
}

}  // namespace
}  // namespace polku::log

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // protobuf would tell of every text that is not UTF-8.
  [[maybe_unused]] static const auto told = google::protobuf::SetLogHandler(nullptr);
  polku::log::Check(polku::fuzz::View(data, size));
  return 0;
}
