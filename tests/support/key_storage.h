// Sealed keys in memory that outlive a KeyStore: what a test's disk holds.
#ifndef POLKU_TESTS_SUPPORT_KEY_STORAGE_H_
#define POLKU_TESTS_SUPPORT_KEY_STORAGE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "eventstore/vault/keystore.h"

namespace polku::testing {

struct KeyDisk {
  std::map<std::string, std::string, std::less<>> records;
  int gets = 0;
  int puts = 0;
  int scans = 0;
  int purges = 0;
  absl::Status get_status;
  absl::Status put_status;  // not OK: nothing is written
  bool full = false;        // what may not use the reserve is refused
  absl::Status purge_status;
  // Around every write: calls `write`, or not, and what it returns is the answer. Empty: `write` alone.
  std::function<absl::Status(const std::function<absl::Status()>& write)> around_write;

  absl::Status Write(const std::function<void()>& apply) {
    if (!put_status.ok()) return put_status;
    const auto write = [&] {
      apply();
      return absl::OkStatus();
    };
    return around_write ? around_write(write) : write();
  }
};

class MemoryKeyStorage final : public vault::SealedKeyStorage {
 public:
  explicit MemoryKeyStorage(KeyDisk& disk) : disk_(disk) {}  // borrowed

  absl::StatusOr<std::optional<std::string>> Get(std::string_view name) override {
    ++disk_.gets;
    if (!disk_.get_status.ok()) return disk_.get_status;
    const auto found = disk_.records.find(name);
    if (found == disk_.records.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }
  absl::Status Put(std::span<const std::pair<std::string, std::string>> sealed,
                   bool from_reserve) override {
    if (disk_.full && !from_reserve) return absl::ResourceExhaustedError("the keystore's disk is full");
    return disk_.Write([&] {
      ++disk_.puts;
      for (const auto& [name, value] : sealed) disk_.records[name] = value;
    });
  }
  absl::Status Delete(std::span<const std::string> names) override {
    return disk_.Write([&] {
      for (const std::string& name : names) disk_.records.erase(name);
    });
  }
  absl::Status ReplaceAll(
      std::span<const std::pair<std::string, std::string>> sealed) override {
    return disk_.Write([&] {
      disk_.records.clear();
      for (const auto& [name, value] : sealed) disk_.records[name] = value;
    });
  }
  absl::Status ForEach(const std::function<absl::Status(std::string_view, std::string_view)>& visit)
      override {
    ++disk_.scans;
    for (const auto& [name, sealed] : disk_.records) {
      if (absl::Status status = visit(name, sealed); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::Status Purge() override {
    ++disk_.purges;
    return disk_.purge_status;
  }
  absl::StatusOr<size_t> CountUpTo(size_t most) override {
    return std::min(most, disk_.records.size());
  }

 private:
  KeyDisk& disk_;
};

}  // namespace polku::testing

#endif  // POLKU_TESTS_SUPPORT_KEY_STORAGE_H_
