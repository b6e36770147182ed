// Bytes: views, hex, base64 and the fixed- and variable-width integers that the formats use.
// Pure functions; thread-safe. Formats that use them: eventstore/rocksdb/FORMAT.md,
// eventstore/replica/PROTOCOL.md.
#ifndef POLKU_EVENTSTORE_BASE_BYTES_H_
#define POLKU_EVENTSTORE_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polku {

std::string ToHex(std::string_view bytes);
// Lower or upper case; nullopt for an odd length or a foreign character.
std::optional<std::string> FromHex(std::string_view hex);

// RFC 4648 standard alphabet with padding, as signed notes use it.
std::string ToBase64(std::string_view bytes);
// Strict: canonical padding and zero trailing bits required; nullopt otherwise.
std::optional<std::string> FromBase64(std::string_view text);

// Big-endian, so that RocksDB's byte order is numeric order.
void AppendBigEndian32(std::string& out, uint32_t value);
void AppendBigEndian64(std::string& out, uint64_t value);
uint32_t ReadBigEndian32(const char* bytes);
uint64_t ReadBigEndian64(const char* bytes);

// LEB128 as in Protocol Buffers, at most 10 bytes.
void AppendVarint(std::string& out, uint64_t value);

// A reader over borrowed bytes. Every Read* returns false and leaves the reader failed when the
// bytes run out or a varint is overlong (over 64 bits, or longer than AppendVarint writes it, so that
// no two byte strings stand for the same value); a failed reader fails all later reads.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  bool ReadU8(uint8_t& value);
  bool ReadVarint(uint64_t& value);
  bool ReadBytes(size_t count, std::string_view& bytes);
  // A varint length, then that many bytes.
  bool ReadLengthPrefixed(std::string_view& bytes);
  std::string_view rest() const { return rest_; }
  bool done() const { return !failed_ && rest_.empty(); }
  bool failed() const { return failed_; }

 private:
  bool Fail();
  std::string_view rest_;
  bool failed_ = false;
};

// A 32-bit big-endian length, then the bytes: the "length-prefixed" of DESIGN's HMAC inputs.
void AppendLengthPrefixed32(std::string& out, std::string_view bytes);

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_BYTES_H_
