#include "eventstore/base/random.h"

#include <sodium.h>

#include <cstdlib>
#include <cstring>

#include "eventstore/base/hash.h"

namespace polku {
namespace {

// RFC 9562 sections 4.1 and 4.2: the version in the high nibble of byte 6, the variant in byte 8.
void SetUuidVersion(EventId& id, uint8_t version) {
  id.data()[6] = static_cast<uint8_t>((id.data()[6] & 0x0f) | version << 4);
  id.data()[8] = static_cast<uint8_t>((id.data()[8] & 0x3f) | 0x80);
}

}  // namespace

void EnsureSodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort();
}

RandomBytes SystemRandom() {
  EnsureSodium();
  return [](uint8_t* out, size_t size) { randombytes_buf(out, size); };
}

CaseId NewCaseId(const RandomBytes& random) {
  CaseId id;
  // All zero means "no case".
  do {
    random(id.data(), CaseId::kBytes);
  } while (id.is_zero());
  return id;
}

EventId NewEventId(const RandomBytes& random) {
  EventId id;
  random(id.data(), EventId::kBytes);
  SetUuidVersion(id, 4);
  return id;
}

EventId DerivedEventId(std::string_view seed) {
  const Hash hash = Sha256(seed);
  EventId id;
  std::memcpy(id.data(), hash.data(), EventId::kBytes);
  SetUuidVersion(id, 8);
  return id;
}

}  // namespace polku
