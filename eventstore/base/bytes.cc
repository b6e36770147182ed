#include "eventstore/base/bytes.h"

#include <array>

namespace polku {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i)
    values[static_cast<uint8_t>(kBase64Digits[i])] = static_cast<int8_t>(i);
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

uint32_t Byte(char c) { return static_cast<uint8_t>(c); }

template <typename Int>
void AppendBigEndian(std::string& out, Int value) {
  char buffer[sizeof(Int)];
  for (size_t i = 0; i < sizeof(Int); ++i) {
    buffer[i] = static_cast<char>(value >> (8 * (sizeof(Int) - 1 - i)));
  }
  out.append(buffer, sizeof(Int));
}

template <typename Int>
Int ReadBigEndian(const char* bytes) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) value = static_cast<Int>(value << 8) | Byte(bytes[i]);
  return value;
}

}  // namespace

std::string ToHex(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (char c : bytes) {
    hex.push_back(kHexDigits[Byte(c) >> 4]);
    hex.push_back(kHexDigits[Byte(c) & 15]);
  }
  return hex;
}

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexValue(hex[i]);
    const int low = HexValue(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

std::string ToBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    uint32_t group = Byte(bytes[i]) << 16;
    if (count > 1) group |= Byte(bytes[i + 1]) << 8;
    if (count > 2) group |= Byte(bytes[i + 2]);
    text.push_back(kBase64Digits[group >> 18]);
    text.push_back(kBase64Digits[group >> 12 & 63]);
    text.push_back(count > 1 ? kBase64Digits[group >> 6 & 63] : '=');
    text.push_back(count > 2 ? kBase64Digits[group & 63] : '=');
  }
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    size_t digits = 4;
    if (i + 4 == text.size()) {
      if (text[i + 3] == '=') digits = text[i + 2] == '=' ? 2 : 3;
    }
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      const int value = j < digits ? kBase64Values[Byte(text[i + j])] : 0;
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    // The bits that no byte takes must be zero, or two texts would stand for the same bytes.
    if (digits == 2 && (group & 0xffff) != 0) return std::nullopt;
    if (digits == 3 && (group & 0xff) != 0) return std::nullopt;
    bytes.push_back(static_cast<char>(group >> 16));
    if (digits > 2) bytes.push_back(static_cast<char>(group >> 8));
    if (digits > 3) bytes.push_back(static_cast<char>(group));
  }
  return bytes;
}

void AppendBigEndian32(std::string& out, uint32_t value) { AppendBigEndian(out, value); }
void AppendBigEndian64(std::string& out, uint64_t value) { AppendBigEndian(out, value); }
uint32_t ReadBigEndian32(const char* bytes) { return ReadBigEndian<uint32_t>(bytes); }
uint64_t ReadBigEndian64(const char* bytes) { return ReadBigEndian<uint64_t>(bytes); }

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

bool ByteReader::Fail() {
  failed_ = true;
  rest_ = {};
  return false;
}

bool ByteReader::ReadU8(uint8_t& value) {
  if (failed_ || rest_.empty()) return Fail();
  value = static_cast<uint8_t>(rest_[0]);
  rest_.remove_prefix(1);
  return true;
}

bool ByteReader::ReadVarint(uint64_t& value) {
  if (failed_) return false;
  uint64_t result = 0;
  for (size_t i = 0; i < 10 && i < rest_.size(); ++i) {
    const uint64_t byte = Byte(rest_[i]);
    if (i == 9 && byte > 1) break;
    result |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      if (i > 0 && byte == 0) break;
      value = result;
      rest_.remove_prefix(i + 1);
      return true;
    }
  }
  return Fail();
}

bool ByteReader::ReadBytes(size_t count, std::string_view& bytes) {
  if (failed_ || count > rest_.size()) return Fail();
  bytes = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return true;
}

bool ByteReader::ReadLengthPrefixed(std::string_view& bytes) {
  uint64_t size = 0;
  if (!ReadVarint(size)) return false;
  if (size > rest_.size()) return Fail();
  return ReadBytes(static_cast<size_t>(size), bytes);
}

void AppendLengthPrefixed32(std::string& out, std::string_view bytes) {
  AppendBigEndian32(out, static_cast<uint32_t>(bytes.size()));
  out.append(bytes);
}

}  // namespace polku
