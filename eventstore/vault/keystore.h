// The keystore: one random key per case, section kind and log, sealed under the master key, kept apart
// from the log so that deleting a key makes its sections unreadable (DESIGN "Vault and erasure").
#ifndef POLKU_EVENTSTORE_VAULT_KEYSTORE_H_
#define POLKU_EVENTSTORE_VAULT_KEYSTORE_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/base/random.h"
#include "eventstore/vault/section.h"

namespace polku::vault {

// Where sealed keys lie. eventstore/rocksdb has the durable one. Implementations need not be
// thread-safe.
class SealedKeyStorage {
 public:
  virtual ~SealedKeyStorage() = default;
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view name) = 0;
  // All or nothing, on disk (synced) before it returns. `from_reserve`: may use half of the room that is kept when
  // the disk is full, as log::CommitBatch. ResourceExhausted: the disk is full, nothing was written.
  virtual absl::Status Put(std::span<const std::pair<std::string, std::string>> sealed,
                           bool from_reserve = false) = 0;
  // On disk (synced) before it returns; names that are not there are no error.
  virtual absl::Status Delete(std::span<const std::string> names) = 0;
  // Replaces everything atomically: what is not in `sealed` is gone. For a new master key.
  virtual absl::Status ReplaceAll(std::span<const std::pair<std::string, std::string>> sealed) = 0;
  // Every record, ascending by name, until `visit` fails.
  virtual absl::Status ForEach(
      const std::function<absl::Status(std::string_view name, std::string_view sealed)>& visit) = 0;
  // Makes deleted and replaced records go from the disk, as log::Engine::Purge.
  virtual absl::Status Purge() = 0;
  // How many records it holds, counted no further than `most`.
  virtual absl::StatusOr<size_t> CountUpTo(size_t most) = 0;
};

// Own sections are sealed under the key without origin; secrets received with another log's sections are
// wrapped under the key with that log's origin. So erasing one log's part of a case leaves the others'.
struct KeyName {
  CaseId case_id;
  SectionKind kind;
  std::string origin = {};  // "<agency>/<service>/<epoch>"; empty: the own log, earlier epochs included
  friend auto operator<=>(const KeyName&, const KeyName&) = default;
};

// Sealed value: nonce[24] ‖ XChaCha20-Poly1305(case key), aad = "polku/case-key/v1\0" ‖ name; 72
// bytes. Name: case id ‖ kind byte ‖ origin; the check record is named "check" and seals 32 zero bytes, the mark
// "clean" and seals the hash that SetCleanOf was given.
//
// Not thread-safe: one thread, or the caller's mutex.
class KeyStore {
 public:
  // Checks `master` against the check record that the first opening wrote; FailedPrecondition when
  // it is another master key (or the record was altered), DataLoss when its length is wrong. Keeps at most `cached_keys` opened keys in memory. For `read_only`
  // the check record must exist (FailedPrecondition) and Ensure creates nothing.
  static absl::StatusOr<std::unique_ptr<KeyStore>> Open(std::unique_ptr<SealedKeyStorage> storage,
                                                        MasterKey master, RandomBytes random,
                                                        bool read_only = false,
                                                        size_t cached_keys = 100'000);
  virtual ~KeyStore() = default;

  // The keys of `names`, in order; missing ones are made and are on disk before it returns (one
  // sync for all). A name given twice gets one key. After a failure nothing was made and a retry is
  // safe. DataLoss when a sealed key does not open; FailedPrecondition when one is missing and the
  // store is read-only. `from_reserve`: what is sealed goes into the log's reserve, so the keys go into the keystore's.
  virtual absl::StatusOr<std::vector<CaseKey>> Ensure(std::span<const KeyName> names,
                                                      bool from_reserve = false) = 0;
  // NotFound when there is no such key (never made, or erased).
  virtual absl::StatusOr<CaseKey> Get(const KeyName& name) = 0;
  // Deletes the keys, on disk and in memory; gone from the disk's free space only after Purge. Missing ones
  // are no error.
  virtual absl::Status Erase(std::span<const KeyName> names) = 0;
  // Names of all keys, ascending by case: for finding those that a restored backup brought back.
  virtual absl::Status ForEachName(const std::function<absl::Status(const KeyName&)>& visit) = 0;
  virtual absl::Status Purge() = 0;

  // The mark: of which state of erasures (a hash of the caller's) the keystore holds no key and its files no bytes of
  // one. A copy that is put back has its own. nullopt: it is not known; so it is from an Erase or a Rewrap on, with
  // the same write. DataLoss: the mark does not open.
  virtual absl::StatusOr<std::optional<Hash>> CleanOf() = 0;
  virtual absl::Status SetCleanOf(const Hash& state) = 0;

  // Seals every key anew under `next`, all or nothing, and purges the old ones from the disk. DataLoss: a key
  // does not open under the present one; nothing was changed. `progress(done, total)` may be empty. Broken off before
  // the purge, it has taken the mark away.
  virtual absl::Status Rewrap(const MasterKey& next,
                              const std::function<void(size_t, size_t)>& progress) = 0;
};

}  // namespace polku::vault

#endif  // POLKU_EVENTSTORE_VAULT_KEYSTORE_H_
