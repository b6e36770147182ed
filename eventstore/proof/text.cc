#include "eventstore/proof/text.h"

#include <charconv>
#include <string>

#include "eventstore/base/bytes.h"

namespace polku::proof {

bool TakeLine(std::string_view& text, std::string_view& line) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() ||
      (text.size() > 1 && text[0] == '0') || value >> 63 != 0) {
    return std::nullopt;
  }
  return value;
}

std::optional<Hash> ParseHash(std::string_view text) {
  const std::optional<std::string> bytes = FromBase64(text);
  return bytes ? Hash::FromBytes(*bytes) : std::nullopt;
}

}  // namespace polku::proof
