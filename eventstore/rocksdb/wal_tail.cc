#include "eventstore/rocksdb/wal_tail.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/base/status.h"

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

// Eight bytes at a time, by eight tables: every opening reads up to the write buffer's size.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;
constexpr CrcTables MakeCrcTables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    tables[0][i] = crc;
  }
  for (size_t table = 1; table < tables.size(); ++table) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t before = tables[table - 1][i];
      tables[table][i] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr CrcTables kCrc = MakeCrcTables();

uint32_t LittleEndian32(const char* bytes) {
  const auto at = [bytes](int i) { return uint32_t{static_cast<uint8_t>(bytes[i])}; };
  return at(0) | at(1) << 8 | at(2) << 16 | at(3) << 24;  // compiles to one load
}

uint32_t MaskedCrc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    const uint32_t low = crc ^ LittleEndian32(bytes.data());
    const uint32_t high = LittleEndian32(bytes.data() + 4);
    crc = kCrc[7][low & 0xff] ^ kCrc[6][(low >> 8) & 0xff] ^ kCrc[5][(low >> 16) & 0xff] ^
          kCrc[4][low >> 24] ^ kCrc[3][high & 0xff] ^ kCrc[2][(high >> 8) & 0xff] ^
          kCrc[1][(high >> 16) & 0xff] ^ kCrc[0][high >> 24];
  }
  for (const char byte : bytes) {
    crc = kCrc[0][(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + kMaskDelta;
}

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

// One log, block by block.
class WalScan {
 public:
  WalScan(std::string file, WalState& state) : file_(std::move(file)), state_(state) {}

  void Add(std::string_view block) {
    size_t at = 0;
    while (at + kHeaderBytes <= block.size()) {
      Fragment fragment;
      if (!ReadFragment(block, at, fragment)) {
        // Also preallocated space that was never written: no record begins behind that.
        Damage(at);
        in_record_ = false;
        if (RecordBeginsAfter(block, at)) state_.record_after_damage = true;
        at = block.size();
        break;
      }
      const bool begins = fragment.type != kMiddle && fragment.type != kLast;
      // A beginning without its end, or an end without its beginning.
      if (in_record_ == begins) Damage(at);
      if (state_.damaged && begins) state_.record_after_damage = true;
      if (fragment.type == kFull || fragment.type == kLast) in_record_ = false;
      if (fragment.type == kFirst) in_record_ = true;
      at += fragment.bytes;
    }
    // Less than a header fills up a block, but a log does not end with it.
    if (at < block.size() && block.size() < kBlockBytes) Damage(at);
    offset_ += block.size();
  }
  void End() {
    if (in_record_) Damage(0);
  }

 private:
  void Damage(size_t at) {
    if (state_.damaged) return;
    state_.damaged = true;
    state_.file = file_;
    state_.offset = offset_ + at;
  }

  const std::string file_;
  WalState& state_;
  uint64_t offset_ = 0;  // of the block
  bool in_record_ = false;
};

}  // namespace

absl::StatusOr<WalState> ReadWals(const std::string& directory, uint64_t from) {
  namespace fs = std::filesystem;
  std::vector<std::pair<uint64_t, fs::path>> logs;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(directory, error)) {
    if (file.path().extension() != ".log") continue;
    const uint64_t number = std::strtoull(file.path().stem().c_str(), nullptr, 10);
    if (number >= from) logs.emplace_back(number, file.path());
  }
  if (error) return absl::UnavailableError(Str(directory, ": ", error.message()));
  std::sort(logs.begin(), logs.end());

  WalState state;
  std::string block(kBlockBytes, '\0');
  for (const auto& [number, path] : logs) {
    std::ifstream in(path, std::ios::binary);
    // Deleted since: all of it is in tables, written from a memory that was not damaged.
    if (!in && !fs::exists(path, error)) continue;
    if (!in) return absl::UnavailableError(Str(path.string(), ": cannot be opened"));
    WalScan scan(path.filename().string(), state);
    // A block that is not full is the last, also of a log that has grown since.
    while (in) {
      in.read(block.data(), static_cast<std::streamsize>(block.size()));
      if (in.bad()) return absl::UnavailableError(Str(path.string(), ": cannot be read"));
      scan.Add(std::string_view(block).substr(0, static_cast<size_t>(in.gcount())));
    }
    scan.End();
    if (state.record_after_damage) break;
  }
  return state;
}

}  // namespace polku::rocks
