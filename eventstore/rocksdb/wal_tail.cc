#include "eventstore/rocksdb/wal_tail.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

namespace polku::rocks {
namespace {

// LevelDB doc/log_format.md, which RocksDB 7.8 keeps: blocks of 32 KiB; a record is
// masked crc32c (4, little-endian) of type and data ‖ length (2) ‖ type (1) ‖ data.
constexpr size_t kBlockBytes = 32'768;
constexpr size_t kHeaderBytes = 7;
constexpr uint8_t kFull = 1;
constexpr uint8_t kFirst = 2;
constexpr uint8_t kMiddle = 3;
constexpr uint8_t kLast = 4;
constexpr uint8_t kMaxType = 10;
constexpr uint32_t kMaskDelta = 0xa282ead8;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t MaskedCrc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes)
    crc = kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + kMaskDelta;
}

uint32_t LittleEndian32(const char* bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

struct Scan {
  bool damaged = false;
  bool record_after_damage = false;
};

struct Fragment {
  uint8_t type = 0;
  size_t bytes = 0;  // header included
};

// False unless a whole fragment with the right checksum lies at `at`.
bool ReadFragment(std::string_view block, size_t at, Fragment& fragment) {
  if (at + kHeaderBytes > block.size()) return false;
  const char* header = block.data() + at;
  const size_t length =
      static_cast<uint8_t>(header[4]) | static_cast<size_t>(static_cast<uint8_t>(header[5])) << 8;
  fragment.type = static_cast<uint8_t>(header[6]);
  fragment.bytes = kHeaderBytes + length;
  return fragment.type >= kFull && fragment.type <= kMaxType &&
         at + fragment.bytes <= block.size() &&
         MaskedCrc32c(block.substr(at + 6, 1 + length)) == LittleEndian32(header);
}

// The damaged length cannot be trusted, so a record may begin at any later byte of the block.
bool RecordBeginsAfter(std::string_view block, size_t at) {
  for (++at; at + kHeaderBytes <= block.size(); ++at) {
    const auto type = static_cast<uint8_t>(block[at + 6]);
    Fragment fragment;
    if ((type == kFull || type == kFirst) && ReadFragment(block, at, fragment)) return true;
  }
  return false;
}

void ScanBlock(std::string_view block, Scan& scan, bool& in_record) {
  size_t at = 0;
  while (at + kHeaderBytes <= block.size()) {
    Fragment fragment;
    if (!ReadFragment(block, at, fragment)) {
      // Also preallocated space that was never written: no record begins behind that.
      scan.damaged = true;
      in_record = false;
      if (RecordBeginsAfter(block, at)) scan.record_after_damage = true;
      return;
    }
    const bool begins = fragment.type == kFull || fragment.type == kFirst;
    if (scan.damaged && begins) scan.record_after_damage = true;
    // A continuation without its beginning belongs to the damaged record.
    if ((fragment.type == kMiddle || fragment.type == kLast) && !in_record) scan.damaged = true;
    if (fragment.type == kFull || fragment.type == kLast) in_record = false;
    if (fragment.type == kFirst) in_record = true;
    at += fragment.bytes;
  }
}

}  // namespace

bool IsTornWalTail(const std::string& directory) {
  namespace fs = std::filesystem;
  std::vector<std::pair<uint64_t, fs::path>> logs;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(directory, error)) {
    if (file.path().extension() != ".log") continue;
    logs.emplace_back(std::strtoull(file.path().stem().c_str(), nullptr, 10), file.path());
  }
  if (error) return false;
  std::sort(logs.begin(), logs.end());

  Scan scan;
  std::string block(kBlockBytes, '\0');
  for (const auto& [number, path] : logs) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return false;
    bool in_record = false;
    while (in) {
      in.read(block.data(), static_cast<std::streamsize>(block.size()));
      const auto got = static_cast<size_t>(in.gcount());
      if (in.bad()) return false;
      ScanBlock(std::string_view(block).substr(0, got), scan, in_record);
    }
    if (in_record) scan.damaged = true;
    if (scan.record_after_damage) return false;
  }
  return scan.damaged;
}

}  // namespace polku::rocks
