// One person under two case ids, found without a plaintext index: each identity code is kept blinded,
// as HMAC-SHA256 under a key of this service alone (FORMAT.md "Persons"). The index says which cases of those
// that this agency holds share a code, and which of them are linked (CasesLinked); nothing is merged.
#ifndef POLKU_SERVICES_HOST_PERSONS_H_
#define POLKU_SERVICES_HOST_PERSONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/engine.h"
#include "eventstore/log/entry.h"
#include "services/core/joined_cases.h"
#include "services/host/keys.h"
#include "services/host/opener.h"

namespace polku::host {

// The code in capitals without white space, blinded; nullopt: it is no personal identity code.
std::optional<Hash> BlindCode(const BlindKey& key, std::string_view identity_code);

// One value of 'p'.
struct PersonEntry {
  enum class Kind : uint8_t { kIdentified = 1, kLinked = 2, kUnlinked = 3 };
  Kind kind = Kind::kIdentified;
  CaseId case_id;
  EventId event;
  EventId corrects;  // zero: none
  Order order;
  std::vector<Hash> blinds;  // of kIdentified
  CaseId other;              // of the others
  std::string service;       // whose log says it, whatever the epoch (EpochsOf): of the key, not in the value
  std::string Serialize() const;
  static std::optional<PersonEntry> Parse(std::string_view value);
  friend bool operator==(const PersonEntry&, const PersonEntry&) = default;
};

// What the index says. Every code that a case ever had counts, but for those of entries that were corrected by the
// service that recorded them.
class Persons {
 public:
  using Pair = std::pair<CaseId, CaseId>;  // the lesser id first

  // DataLoss, naming `polku reindex`: an index entry is malformed.
  static absl::StatusOr<Persons> Read(log::Engine& engine);
  explicit Persons(const std::vector<PersonEntry>& entries);

  // Cases whose client has or had that code, ascending.
  std::vector<CaseId> Cases(const Hash& blind) const;
  // Cases that one of the two says are of the same person as this one, ascending.
  std::vector<CaseId> LinkedTo(const CaseId& case_id) const;
  // The links that are missing between cases with a code in common, ascending: with these every two of them are
  // joined, be it by way of others. As many as it takes and no more: n cases of one code are n - 1 pairs.
  std::vector<Pair> OpenPairs() const;
  // Cases that are or may be of one person, by codes and links, be it by way of others.
  service::JoinedCases OfOnePerson() const;

 private:
  service::JoinedCases Linked() const;
  // `missing` is called for each two that nothing had joined before.
  void JoinByCode(service::JoinedCases& joined,
                  const std::function<void(const CaseId&, const CaseId&)>& missing) const;
  std::map<Hash, std::set<CaseId>> by_blind_;
  std::set<Pair> linked_;
};

// How many entries at the end of the logs are not in the index yet, as its marks say; all, where there is no index, and
// those of marks under another key than `key`, where one is given: nobody is found by that key there.
absl::StatusOr<uint64_t> EntriesNotIndexed(log::Engine& engine, const BlindKey* key = nullptr);

// Keeps the index, on the thread that writes the engine.
class PersonIndex {
 public:
  struct Options {
    log::Engine& engine;  // borrowed, outlive the index
    Opener& opener;
    BlindKey key;
  };
  explicit PersonIndex(Options options);

  // Takes in what the logs have beyond the marks, at most `most` entries a call; an index under another key
  // is dropped first and made anew. True: everything is in it. An entry that cannot be opened is passed over
  // and told in the status when all else was taken in.
  absl::StatusOr<bool> CatchUp(uint64_t most);
  // Entries behind the marks whose sections were opened to this agency later.
  absl::Status Refill(LogNumber log, std::span<const Position> positions);
  // OpenPairs of all that is in it: read when it has changed since.
  absl::StatusOr<size_t> OpenPairs();

 private:
  struct Mark {
    Position next;
    bool valid = false;  // of this key
  };
  absl::StatusOr<Mark> ReadMark(LogNumber log);
  absl::Status Drop(LogNumber log);
  // Adds what the entry says of a person; nothing where it says nothing, or nothing that may be opened here.
  absl::Status Take(LogNumber log, std::string_view origin, Position position,
                    std::vector<log::KeyValue>& puts);

  const Options options_;
  const std::string key_id_;  // 8 bytes
  std::map<LogNumber, Position> next_;
  std::optional<size_t> open_pairs_;
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_PERSONS_H_
