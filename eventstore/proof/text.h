// What the text formats of this room have in common: lines, decimal numbers, hashes in base64.
#ifndef POLKU_EVENTSTORE_PROOF_TEXT_H_
#define POLKU_EVENTSTORE_PROOF_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "eventstore/base/ids.h"

namespace polku::proof {

// Takes a line off `text`, without its newline; false when no newline is left.
bool TakeLine(std::string_view& text, std::string_view& line);
// Digits without leading zeros, at most 2^63 - 1, the largest size of a tree.
std::optional<uint64_t> ParseDecimal(std::string_view text);
// 32 bytes in base64.
std::optional<Hash> ParseHash(std::string_view text);

}  // namespace polku::proof

#endif  // POLKU_EVENTSTORE_PROOF_TEXT_H_
