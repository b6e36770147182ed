#include "eventstore/vault/keystore.h"

#include <sodium.h>

#include <cstring>
#include <list>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "eventstore/base/status.h"

namespace polku::vault {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLabel = "polku/case-key/v1\0"sv;
constexpr std::string_view kCheckName = "check";
constexpr std::string_view kCleanName = "clean";
constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t kProgressKeys = 10'000;
constexpr size_t kSealedBytes = kNonceBytes + CaseKey::kBytes + kTagBytes;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string Aad(std::string_view storage_name) { return Str(kLabel, storage_name); }

std::string StorageName(const KeyName& name) {
  std::string bytes(name.case_id.view());
  bytes.push_back(static_cast<char>(name.kind));
  bytes.append(name.origin);
  return bytes;
}

// nullopt: not the name of a key.
std::optional<KeyName> ParseStorageName(std::string_view bytes) {
  if (bytes.size() <= CaseId::kBytes || bytes[CaseId::kBytes] == 0) return std::nullopt;
  KeyName name;
  name.case_id = *CaseId::FromBytes(bytes.substr(0, CaseId::kBytes));
  name.kind = static_cast<SectionKind>(bytes[CaseId::kBytes]);
  name.origin = bytes.substr(CaseId::kBytes + 1);
  return name;
}

std::string Seal(const MasterKey& master, const RandomBytes& random, std::string_view storage_name,
                 const CaseKey& key) {
  std::string sealed(kSealedBytes, '\0');
  uint8_t* const out = reinterpret_cast<uint8_t*>(sealed.data());
  random(out, kNonceBytes);
  const std::string aad = Aad(storage_name);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out + kNonceBytes, nullptr, Bytes(key.secret_bytes()),
                                             CaseKey::kBytes, Bytes(aad), aad.size(), nullptr, out,
                                             Bytes(master.secret_bytes()));
  return sealed;
}

// nullopt when it does not open. Precondition: kSealedBytes long.
std::optional<CaseKey> Unseal(const MasterKey& master, std::string_view storage_name,
                              std::string_view sealed) {
  char opened[CaseKey::kBytes];
  const std::string aad = Aad(storage_name);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          reinterpret_cast<uint8_t*>(opened), nullptr, nullptr, Bytes(sealed) + kNonceBytes,
          sealed.size() - kNonceBytes, Bytes(aad), aad.size(), Bytes(sealed),
          Bytes(master.secret_bytes())) != 0) {
    return std::nullopt;
  }
  CaseKey key({opened, sizeof(opened)});
  sodium_memzero(opened, sizeof(opened));
  return key;
}

absl::Status DoesNotOpen(const KeyName& name) {
  return Error(absl::StatusCode::kDataLoss, "keystore: the sealed ", SectionKindName(name.kind),
               " key of a case does not open; restore it from a backup");
}

absl::Status BadName(std::string_view storage_name) {
  return Error(absl::StatusCode::kDataLoss, "keystore: a record with a name of ",
               storage_name.size(), " bytes is no key; restore the keystore from a backup");
}

CaseKey NewCaseKey(const RandomBytes& random) {
  char bytes[CaseKey::kBytes];
  random(reinterpret_cast<uint8_t*>(bytes), sizeof(bytes));
  CaseKey key({bytes, sizeof(bytes)});
  sodium_memzero(bytes, sizeof(bytes));
  return key;
}

struct KeyNameHash {
  size_t operator()(const KeyName& name) const {
    return absl::HashOf(name.case_id, static_cast<uint8_t>(name.kind), ToAbsl(name.origin));
  }
};

// The most recently used keys, at most `capacity` of them.
class KeyCache {
 public:
  explicit KeyCache(size_t capacity) : capacity_(capacity) {}

  // Valid until the next call; nullptr when the key is not here.
  const CaseKey* Find(const KeyName& name) {
    const auto found = index_.find(IndexOf(name));
    if (found == index_.end()) return nullptr;
    // Who was asked for last matters only where somebody must go.
    if (index_.size() == capacity_) recent_.splice(recent_.begin(), recent_, found->second);
    return &found->second->second;
  }

  void Insert(const KeyName& name, const CaseKey& key) {
    const Index index = IndexOf(name);
    if (capacity_ == 0 || index_.contains(index)) return;
    if (index_.size() == capacity_) {
      index_.erase(recent_.back().first);
      recent_.pop_back();
    }
    recent_.emplace_front(index, key);
    index_.emplace(index, recent_.begin());
  }

  void Erase(const KeyName& name) {
    const auto found = index_.find(IndexOf(name));
    if (found == index_.end()) return;
    recent_.erase(found->second);
    index_.erase(found);
  }

 private:
  // A service follows few logs, so their names are kept once: a key is asked for with every section that comes or goes.
  struct Index {
    CaseId case_id;
    SectionKind kind;
    size_t origin;  // its place in origins_
    friend bool operator==(const Index&, const Index&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Index& index) {
      return H::combine(std::move(hash), index.case_id, static_cast<uint8_t>(index.kind), index.origin);
    }
  };
  Index IndexOf(const KeyName& name) {
    size_t origin = 0;
    while (origin < origins_.size() && origins_[origin] != name.origin) ++origin;
    if (origin == origins_.size()) origins_.push_back(name.origin);
    return {name.case_id, name.kind, origin};
  }

  using List = std::list<std::pair<Index, CaseKey>>;
  const size_t capacity_;
  std::vector<std::string> origins_;
  List recent_;  // the most recent first, since it was full
  absl::flat_hash_map<Index, List::iterator> index_;
};

class SealedKeyStore final : public KeyStore {
 public:
  SealedKeyStore(std::unique_ptr<SealedKeyStorage> storage, const MasterKey& master,
                 RandomBytes random, bool read_only, size_t cached_keys)
      : storage_(std::move(storage)),
        master_(master),
        random_(std::move(random)),
        read_only_(read_only),
        cache_(cached_keys) {}

  absl::Status Check() {
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> sealed, storage_->Get(kCheckName));
    if (!sealed) {
      if (read_only_) {
        return Error(absl::StatusCode::kFailedPrecondition,
                     "keystore: it holds no record of its master key: it is lost or was begun anew; restore the "
                     "keystore's backup");
      }
      const std::pair<std::string, std::string> record(
          kCheckName, Seal(master_, random_, kCheckName, CaseKey()));
      return storage_->Put({&record, 1});
    }
    if (sealed->size() != kSealedBytes) {
      return Error(absl::StatusCode::kDataLoss, "keystore: check record of ", sealed->size(),
                   " bytes, not ", kSealedBytes);
    }
    const std::optional<CaseKey> opened = Unseal(master_, kCheckName, *sealed);
    if (!opened || opened->secret_bytes() != CaseKey().secret_bytes()) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   "keystore: sealed under another master key; give the one it was made with");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<CaseKey>> Ensure(std::span<const KeyName> names,
                                              bool from_reserve) override {
    std::vector<CaseKey> keys;
    keys.reserve(names.size());
    absl::flat_hash_map<KeyName, CaseKey, KeyNameHash> made;
    std::vector<std::pair<std::string, std::string>> sealed;
    for (const KeyName& name : names) {
      if (const auto found = made.find(name); found != made.end()) {
        keys.push_back(found->second);
        continue;
      }
      POLKU_ASSIGN_OR_RETURN(const std::optional<CaseKey> existing, Load(name));
      if (existing) {
        keys.push_back(*existing);
        continue;
      }
      if (read_only_) {
        return Error(absl::StatusCode::kFailedPrecondition,
                     "keystore: no such key, and opened read-only");
      }
      keys.push_back(NewCaseKey(random_));
      made.emplace(name, keys.back());
      std::string storage_name = StorageName(name);
      std::string value = Seal(master_, random_, storage_name, keys.back());
      sealed.emplace_back(std::move(storage_name), std::move(value));
    }
    if (!sealed.empty()) {
      POLKU_RETURN_IF_ERROR(storage_->Put(sealed, from_reserve));
      for (const auto& [name, key] : made) cache_.Insert(name, key);
    }
    return keys;
  }

  absl::StatusOr<CaseKey> Get(const KeyName& name) override {
    POLKU_ASSIGN_OR_RETURN(const std::optional<CaseKey> key, Load(name));
    if (!key) {
      return Error(absl::StatusCode::kNotFound, "keystore: no ", SectionKindName(name.kind),
                   " key of this case (never made, or erased)");
    }
    return *key;
  }

  absl::Status Erase(std::span<const KeyName> names) override {
    POLKU_RETURN_IF_ERROR(Writable());
    std::vector<std::string> storage_names;
    storage_names.reserve(names.size() + 1);
    storage_names.emplace_back(kCleanName);
    for (const KeyName& name : names) {
      cache_.Erase(name);
      storage_names.push_back(StorageName(name));
    }
    return storage_->Delete(storage_names);
  }

  absl::Status ForEachName(const std::function<absl::Status(const KeyName&)>& visit) override {
    return storage_->ForEach([&](std::string_view storage_name, std::string_view) -> absl::Status {
      if (storage_name == kCheckName || storage_name == kCleanName) return absl::OkStatus();
      const std::optional<KeyName> name = ParseStorageName(storage_name);
      if (!name) return BadName(storage_name);
      return visit(*name);
    });
  }

  absl::Status Purge() override {
    POLKU_RETURN_IF_ERROR(Writable());
    return storage_->Purge();
  }

  absl::StatusOr<std::optional<Hash>> CleanOf() override {
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> sealed, storage_->Get(kCleanName));
    if (!sealed) return std::optional<Hash>();
    std::optional<CaseKey> opened;
    if (sealed->size() == kSealedBytes) opened = Unseal(master_, kCleanName, *sealed);
    if (!opened) {
      return Error(absl::StatusCode::kDataLoss,
                   "keystore: the record of what it was cleaned of does not open; restore it from a backup");
    }
    return Hash::FromBytes(opened->secret_bytes());
  }

  absl::Status SetCleanOf(const Hash& state) override {
    POLKU_RETURN_IF_ERROR(Writable());
    const std::pair<std::string, std::string> record(
        kCleanName, Seal(master_, random_, kCleanName, CaseKey(state.view())));
    return storage_->Put({&record, 1});
  }

  absl::Status Rewrap(const MasterKey& next,
                      const std::function<void(size_t, size_t)>& progress) override {
    POLKU_RETURN_IF_ERROR(Writable());
    // Kept until the old sealed bytes are off the disk: a kill before that leaves no mark, and who finds none purges.
    POLKU_ASSIGN_OR_RETURN(const std::optional<Hash> clean_of, CleanOf());
    size_t total = 0;
    POLKU_RETURN_IF_ERROR(storage_->ForEach([&](std::string_view storage_name, std::string_view) {
      if (storage_name != kCleanName) ++total;
      return absl::OkStatus();
    }));
    std::vector<std::pair<std::string, std::string>> sealed;
    sealed.reserve(total);
    POLKU_RETURN_IF_ERROR(storage_->ForEach(
        [&](std::string_view storage_name, std::string_view old) -> absl::Status {
          if (storage_name == kCleanName) return absl::OkStatus();
          std::optional<CaseKey> key;
          if (old.size() == kSealedBytes) key = Unseal(master_, storage_name, old);
          if (!key) {
            const std::optional<KeyName> name = ParseStorageName(storage_name);
            return name ? DoesNotOpen(*name) : BadName(storage_name);
          }
          sealed.emplace_back(storage_name, Seal(next, random_, storage_name, *key));
          if (progress && sealed.size() % kProgressKeys == 0) progress(sealed.size(), total);
          return absl::OkStatus();
        }));
    POLKU_RETURN_IF_ERROR(storage_->ReplaceAll(sealed));
    master_ = next;
    if (progress) progress(total, total);
    POLKU_RETURN_IF_ERROR(storage_->Purge());
    return clean_of ? SetCleanOf(*clean_of) : absl::OkStatus();
  }

 private:
  // nullopt when there is no such key.
  absl::StatusOr<std::optional<CaseKey>> Load(const KeyName& name) {
    if (const CaseKey* cached = cache_.Find(name)) return std::optional<CaseKey>(*cached);
    const std::string storage_name = StorageName(name);
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> sealed, storage_->Get(storage_name));
    if (!sealed) return std::optional<CaseKey>();
    std::optional<CaseKey> key;
    if (sealed->size() == kSealedBytes) key = Unseal(master_, storage_name, *sealed);
    if (!key) {
      return DoesNotOpen(name);
    }
    cache_.Insert(name, *key);
    return key;
  }

  absl::Status Writable() const {
    if (!read_only_) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "keystore: opened read-only");
  }

  const std::unique_ptr<SealedKeyStorage> storage_;
  MasterKey master_;
  const RandomBytes random_;
  const bool read_only_;
  KeyCache cache_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(std::unique_ptr<SealedKeyStorage> storage,
                                                         MasterKey master, RandomBytes random,
                                                         bool read_only, size_t cached_keys) {
  EnsureSodium();
  auto store = std::make_unique<SealedKeyStore>(std::move(storage), master, std::move(random),
                                                read_only, cached_keys);
  POLKU_RETURN_IF_ERROR(store->Check());
  return store;
}

}  // namespace polku::vault
