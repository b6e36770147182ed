// Randomness comes in from outside, so that tests repeat from a seed.
#ifndef POLKU_EVENTSTORE_BASE_RANDOM_H_
#define POLKU_EVENTSTORE_BASE_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "eventstore/base/ids.h"

namespace polku {

// Fills `size` bytes. Must be thread-safe where its user is.
using RandomBytes = std::function<void(uint8_t* out, size_t size)>;

// Initialises libsodium once, before any other use of it. Thread-safe; aborts where the machine has
// no source of randomness.
void EnsureSodium();

// The operating system's generator through libsodium. Thread-safe.
RandomBytes SystemRandom();

CaseId NewCaseId(const RandomBytes& random);
EventId NewEventId(const RandomBytes& random);  // UUID version 4

// A UUID version 8 made of SHA-256 over `seed`: the same seed gives the same id for ever. Used
// where an event must take effect exactly once (DESIGN "Services").
EventId DerivedEventId(std::string_view seed);

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_RANDOM_H_
