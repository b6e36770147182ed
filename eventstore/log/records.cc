#include "eventstore/log/records.h"

#include <algorithm>
#include <map>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"

namespace polku::log {
namespace {

constexpr std::string_view kErasedNumberPrefix = "d";

constexpr size_t kTimeBytes = 8;
constexpr size_t kSignatureBytes = 64;
constexpr size_t kFixedBytes = 8 + Hash::kBytes + 4 + kSignatureBytes + 8;
// No key name, being UTF-8, sorts after it.
constexpr std::string_view kAfterNames = "\xff";
// 9999-12-31T23:59:59Z: what can be kept is what can be read again, and written as a date.
constexpr uint64_t kLastSecond = 253'402'300'799;
// Longer than any key of a record.
constexpr size_t kMaxKeyBytes = 1'024;

std::string Prefix(char kind, LogNumber log) {
  std::string key(1, kind);
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
  return key;
}

std::string CosignaturePrefix(LogNumber log, std::string_view witness) {
  std::string prefix = Prefix('c', log);
  prefix.append(witness);
  prefix.push_back('\0');
  return prefix;
}

std::string LargestKey(LogNumber log, std::string_view witness, uint32_t key_id) {
  std::string key = Prefix('l', log);
  key.append(witness);
  key.push_back('\0');
  AppendBigEndian32(key, key_id);
  return key;
}

std::string BigEndian64(uint64_t number) {
  std::string bytes;
  AppendBigEndian64(bytes, number);
  return bytes;
}

// A suffix below `suffix` and not below any other that a record has; nullopt: there is none.
std::optional<std::string> Before(std::string_view suffix) {
  if (suffix.empty()) return std::nullopt;
  std::string before(suffix);
  if (before.back() == '\0') {
    before.pop_back();
    return before;
  }
  before.back() = static_cast<char>(static_cast<unsigned char>(before.back()) - 1);
  before.append(kMaxKeyBytes, '\xff');
  return before;
}

// The last second that is not after `time`; none before 1970.
std::optional<uint64_t> Second(absl::Time time) {
  if (time < absl::UnixEpoch()) return std::nullopt;
  return static_cast<uint64_t>(absl::ToUnixSeconds(time));
}

absl::Status Malformed(LogNumber log, std::string_view record, std::string_view what) {
  return absl::DataLossError(Str("record of log ", log.value(), ", ", record, ": ", what,
                                 "; restore the data directory from a backup"));
}

absl::StatusOr<std::string> SignatureOf(const KeptCosignature& kept, uint32_t& key_id) {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(Str("cosignature of ", kept.witness, ": ", what));
  };
  const std::optional<uint64_t> second = Second(kept.time);
  if (!second || *second > kLastSecond ||
      absl::FromUnixSeconds(static_cast<int64_t>(*second)) != kept.time) {
    return bad("its time is not in whole seconds from 1970 to 9999");
  }
  // The parser of notes takes a line for what it is only under a body.
  const absl::StatusOr<proof::Note> note = proof::ParseNote(Str("-\n\n", kept.line));
  if (!note.ok()) return bad(ToStd(note.status().message()));
  if (note->signatures.size() != 1) return bad("not one signature line");
  const proof::NoteSignature& signature = note->signatures[0];
  if (signature.name != kept.witness) return bad("the line names another key");
  if (signature.signature.size() != kTimeBytes + kSignatureBytes ||
      ReadBigEndian64(signature.signature.data()) != *second) {
    return bad("the line is no cosignature of that time");
  }
  if (kept.proven_to < kept.size || kept.consistency.size() > proof::kMaxProofHashes) {
    return bad("its proof leads nowhere");
  }
  key_id = signature.key_id;
  return signature.signature.substr(kTimeBytes);
}

absl::StatusOr<KeptCosignature> Parse(LogNumber log, const KeyValue& record) {
  const std::string_view rest = std::string_view(record.first).substr(Prefix('c', log).size());
  if (rest.size() < 1 + kTimeBytes + 1) {
    return Malformed(log, Str("key ", ToHex(record.first)), "too short");
  }
  KeptCosignature kept;
  kept.witness = rest.substr(0, rest.size() - kTimeBytes - 1);
  const uint64_t second = ReadBigEndian64(rest.data() + rest.size() - kTimeBytes);
  const auto bad = [&](std::string_view what) {
    return Malformed(log, Str("cosignature of ", kept.witness, " at second ", second), what);
  };
  if (rest[kept.witness.size()] != '\0' || !proof::IsKeyName(kept.witness) || second > kLastSecond) {
    return Malformed(log, Str("key ", ToHex(record.first)), "names no witness and time");
  }
  kept.time = absl::FromUnixSeconds(static_cast<int64_t>(second));
  const std::string_view value = record.second;
  if (value.size() < kFixedBytes || (value.size() - kFixedBytes) % Hash::kBytes != 0 ||
      (value.size() - kFixedBytes) / Hash::kBytes > proof::kMaxProofHashes) {
    return bad(Str("has ", value.size(), " bytes"));
  }
  ByteReader reader(value);
  std::string_view size, root, key_id, signature, proven_to, hash;
  reader.ReadBytes(8, size);
  reader.ReadBytes(Hash::kBytes, root);
  reader.ReadBytes(4, key_id);
  reader.ReadBytes(kSignatureBytes, signature);
  reader.ReadBytes(8, proven_to);
  kept.size = Position(ReadBigEndian64(size.data()));
  kept.root = *Hash::FromBytes(root);
  kept.line = proof::FormatSignatureLine({kept.witness, ReadBigEndian32(key_id.data()),
                                          Str(BigEndian64(second), signature)});
  kept.proven_to = Position(ReadBigEndian64(proven_to.data()));
  if (kept.proven_to < kept.size) return bad("its proof leads backwards");
  while (reader.ReadBytes(Hash::kBytes, hash)) {
    kept.consistency.push_back(*Hash::FromBytes(hash));
  }
  return kept;
}

using MaybeCosignature = std::optional<KeptCosignature>;

uint32_t KeyIdOf(const KeptCosignature& kept) {
  const absl::StatusOr<proof::Note> note = proof::ParseNote(Str("-\n\n", kept.line));
  return note.ok() && note->signatures.size() == 1 ? note->signatures[0].key_id : 0;
}

// The greatest record whose key is `prefix` and something not above `suffix`, of those that can be read.
absl::StatusOr<MaybeCosignature> Floor(Engine& engine, LogNumber log, std::string_view prefix,
                                       std::string_view suffix, const MalformedFn& malformed) {
  std::optional<std::string> below(suffix);
  while (below) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> found,
                           engine.RecordFloor(prefix, *below));
    if (!found) break;
    absl::StatusOr<KeptCosignature> kept = Parse(log, *found);
    if (kept.ok()) return MaybeCosignature(*std::move(kept));
    if (malformed) malformed(kept.status());
    below = Before(std::string_view(found->first).substr(prefix.size()));
  }
  return MaybeCosignature();
}

absl::StatusOr<MaybeCosignature> AtSecond(Engine& engine, LogNumber log, std::string_view witness,
                                          uint64_t second) {
  return Floor(engine, log, CosignaturePrefix(log, witness), BigEndian64(second), {});
}

// What is kept of that witness for exactly that second.
absl::StatusOr<MaybeCosignature> OfSecond(Engine& engine, LogNumber log, std::string_view witness,
                                          uint64_t second) {
  std::string key = CosignaturePrefix(log, witness);
  AppendBigEndian64(key, second);
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> value, engine.RecordGet(key));
  if (!value) return MaybeCosignature();
  absl::StatusOr<KeptCosignature> kept = Parse(log, {std::move(key), *value});
  if (!kept.ok()) return MaybeCosignature();
  return MaybeCosignature(*std::move(kept));
}

// The word of most entries of that key. A clock that was put back writes below earlier times, so that the
// last record of a witness need not be it; where none is noted as the largest, the last one is.
absl::StatusOr<MaybeCosignature> LargestOfKey(Engine& engine, LogNumber log,
                                              std::string_view witness, uint32_t key_id) {
  POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> noted,
                         engine.RecordGet(LargestKey(log, witness, key_id)));
  if (noted && noted->size() == kTimeBytes) {
    POLKU_ASSIGN_OR_RETURN(MaybeCosignature kept,
                           OfSecond(engine, log, witness, ReadBigEndian64(noted->data())));
    if (kept && KeyIdOf(*kept) == key_id) return kept;
  }
  POLKU_ASSIGN_OR_RETURN(MaybeCosignature last, AtSecond(engine, log, witness, kLastSecond));
  if (last && KeyIdOf(*last) != key_id) last.reset();
  return last;
}

std::string ForkPrefix(std::string_view origin) {
  std::string prefix("f");
  prefix.append(origin);
  prefix.push_back('\0');
  return prefix;
}

// Of the form 'f' origin 00 found at[8] sequence[4].
absl::StatusOr<KeptFork> ParseFork(KeyValue record) {
  constexpr size_t kEndBytes = 1 + 8 + 4;
  const std::string_view key = record.first;
  const auto bad = [&] {
    return absl::DataLossError(Str("record of a fork, key ", ToHex(key),
                                   ": malformed; restore the data directory from a backup"));
  };
  if (key.size() < 1 + kEndBytes || record.second.empty()) return bad();
  const std::string_view origin = key.substr(1, key.size() - 1 - kEndBytes);
  const uint64_t found_at = ReadBigEndian64(key.data() + key.size() - 8 - 4);
  if (key[key.size() - kEndBytes] != '\0' || found_at >> 63 != 0 ||
      !OriginName::Parse(origin).ok()) {
    return bad();
  }
  return KeptFork{std::string(origin), absl::FromUnixMicros(static_cast<int64_t>(found_at)),
                  std::move(record.second)};
}

absl::StatusOr<std::vector<KeptFork>> ForksUnder(Engine& engine, std::string_view prefix,
                                                 const MalformedFn& malformed) {
  const std::unique_ptr<IndexCursor> cursor = engine.RecordScan(prefix);
  std::vector<KeptFork> forks;
  while (true) {
    POLKU_ASSIGN_OR_RETURN(std::optional<KeyValue> record, cursor->Next());
    if (!record) return forks;
    absl::StatusOr<KeptFork> fork = ParseFork(*std::move(record));
    if (fork.ok()) {
      forks.push_back(*std::move(fork));
    } else if (malformed) {
      malformed(fork.status());
    } else {
      return fork.status();
    }
  }
}

}  // namespace

bool IsOfKey(const KeptCosignature& kept, const proof::VerifierKey& key) {
  return kept.witness == key.name() && KeyIdOf(kept) == key.key_id();
}

absl::Status KeepCosignatures(Engine& engine, LogNumber log,
                              const std::vector<KeptCosignature>& cosignatures) {
  if (cosignatures.empty()) return absl::OkStatus();
  std::map<std::string, std::string> puts;
  using Key = std::pair<std::string, uint32_t>;  // of a witness
  std::map<Key, std::map<uint64_t, Position>> of_second;
  std::map<Key, std::pair<Position, absl::Time>> largest;
  for (const KeptCosignature& kept : cosignatures) {
    uint32_t key_id = 0;
    POLKU_ASSIGN_OR_RETURN(const std::string signature, SignatureOf(kept, key_id));
    const uint64_t second = *Second(kept.time);
    std::string key = CosignaturePrefix(log, kept.witness);
    AppendBigEndian64(key, second);

    const Key by(kept.witness, key_id);
    if (!largest.contains(by)) {
      POLKU_ASSIGN_OR_RETURN(const MaybeCosignature before,
                             LargestOfKey(engine, log, kept.witness, key_id));
      largest[by] = before ? std::pair(before->size, before->time)
                           : std::pair(Position(), absl::InfinitePast());
    }
    const auto [known, is_new] = of_second[by].try_emplace(second);
    if (is_new) {
      POLKU_ASSIGN_OR_RETURN(const MaybeCosignature there,
                             OfSecond(engine, log, kept.witness, second));
      if (there && KeyIdOf(*there) == key_id) known->second = there->size;
    }
    if (known->second > kept.size) continue;
    known->second = kept.size;
    if (std::pair(kept.size, kept.time) >= largest[by]) {
      largest[by] = {kept.size, kept.time};
      puts[LargestKey(log, kept.witness, key_id)] = BigEndian64(second);
    }
    std::string value = BigEndian64(kept.size.value());
    value.append(kept.root.view());
    AppendBigEndian32(value, key_id);
    value.append(signature);
    AppendBigEndian64(value, kept.proven_to.value());
    for (const Hash& hash : kept.consistency) value.append(hash.view());
    puts[std::move(key)] = std::move(value);
  }
  const std::vector<KeyValue> all(puts.begin(), puts.end());
  return engine.WriteRecords(all, /*sync=*/false);
}

absl::StatusOr<std::optional<KeptCosignature>> CosignatureAt(Engine& engine, LogNumber log,
                                                             std::string_view witness,
                                                             absl::Time at) {
  const std::optional<uint64_t> second = Second(at);
  if (!second) return MaybeCosignature();
  return AtSecond(engine, log, witness, *second);
}

absl::StatusOr<std::vector<KeptCosignature>> NewestCosignatures(Engine& engine, LogNumber log,
                                                                const MalformedFn& malformed) {
  // From witness to witness downwards: there may be many cosignatures, there are few witnesses.
  std::vector<KeptCosignature> newest;
  std::string below(kAfterNames);
  while (true) {
    POLKU_ASSIGN_OR_RETURN(MaybeCosignature last,
                           Floor(engine, log, Prefix('c', log), below, malformed));
    if (!last) break;
    below = last->witness;
    const uint32_t last_key = KeyIdOf(*last);
    bool last_key_noted = false;
    std::string prefix = Prefix('l', log);
    prefix.append(last->witness);
    prefix.push_back('\0');
    const std::unique_ptr<IndexCursor> noted = engine.RecordScan(prefix);
    while (true) {
      POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> record, noted->Next());
      if (!record) break;
      if (record->first.size() != prefix.size() + 4) continue;
      const uint32_t key_id = ReadBigEndian32(record->first.data() + prefix.size());
      POLKU_ASSIGN_OR_RETURN(MaybeCosignature kept,
                             LargestOfKey(engine, log, last->witness, key_id));
      if (!kept) continue;
      last_key_noted = last_key_noted || key_id == last_key;
      newest.push_back(*std::move(kept));
    }
    if (!last_key_noted) newest.push_back(*std::move(last));
  }
  std::reverse(newest.begin(), newest.end());
  return newest;
}

absl::StatusOr<std::vector<KeptCosignature>> CosignaturesCovering(Engine& engine, LogNumber log,
                                                                  Position size) {
  POLKU_ASSIGN_OR_RETURN(std::vector<KeptCosignature> newest, NewestCosignatures(engine, log));
  std::vector<KeptCosignature> covering;
  for (KeptCosignature& largest : newest) {
    if (largest.size < size) continue;
    KeptCosignature found = std::move(largest);
    const uint32_t key_id = KeyIdOf(found);
    // `found` covers; nothing up to the second before `begin` does.
    uint64_t begin = 0;
    while (begin < *Second(found.time)) {
      const uint64_t middle = begin + (*Second(found.time) - begin) / 2;
      POLKU_ASSIGN_OR_RETURN(MaybeCosignature kept, AtSecond(engine, log, found.witness, middle));
      if (kept && kept->size >= size && KeyIdOf(*kept) == key_id) {
        found = *std::move(kept);
      } else {
        begin = middle + 1;
      }
    }
    covering.push_back(std::move(found));
  }
  return covering;
}

absl::Status VisitCosignatures(Engine& engine, LogNumber log,
                               const std::function<absl::Status(const KeptCosignature&)>& visit,
                               const MalformedFn& malformed) {
  const std::unique_ptr<IndexCursor> cursor = engine.RecordScan(Prefix('c', log));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> record, cursor->Next());
    if (!record) return absl::OkStatus();
    const absl::StatusOr<KeptCosignature> kept = Parse(log, *record);
    if (kept.ok()) {
      POLKU_RETURN_IF_ERROR(visit(*kept));
    } else if (malformed) {
      malformed(kept.status());
    }
  }
}

absl::StatusOr<std::vector<KeptFork>> Forks(Engine& engine, std::string_view origin) {
  return ForksUnder(engine, ForkPrefix(origin), {});
}

absl::StatusOr<std::vector<KeptFork>> AllForks(Engine& engine, const MalformedFn& malformed) {
  return ForksUnder(engine, "f", malformed);
}

absl::Status KeepFork(Engine& engine, std::string_view origin, absl::Time found_at,
                      std::string_view pair) {
  if (pair.empty()) return absl::InvalidArgumentError("a fork without its checkpoint pair");
  POLKU_RETURN_IF_ERROR(OriginName::Parse(origin).status());
  POLKU_ASSIGN_OR_RETURN(const std::vector<KeptFork> kept, Forks(engine, origin));
  if (kept.size() >= kMaxForksKept) return absl::OkStatus();
  for (const KeptFork& fork : kept) {
    if (fork.pair == pair) return absl::OkStatus();
  }
  std::string key = ForkPrefix(origin);
  AppendBigEndian64(key, static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(found_at))));
  AppendBigEndian32(key, static_cast<uint32_t>(kept.size()));
  const KeyValue put(std::move(key), std::string(pair));
  return engine.WriteRecords({&put, 1}, /*sync=*/true);
}

absl::Status KeepErasedNumbers(Engine& engine, const std::map<std::string, uint64_t>& numbers) {
  std::vector<KeyValue> puts;
  for (const auto& [receiver, number] : numbers) {
    std::string key = Str(kErasedNumberPrefix, receiver);
    POLKU_ASSIGN_OR_RETURN(const std::optional<std::string> kept, engine.RecordGet(key));
    if (kept && kept->size() == 8 && ReadBigEndian64(kept->data()) >= number) continue;
    puts.emplace_back(std::move(key), BigEndian64(number));
  }
  if (puts.empty()) return absl::OkStatus();
  return engine.WriteRecords(puts, /*sync=*/true);
}

absl::StatusOr<std::map<std::string, uint64_t>> ErasedNumbers(Engine& engine) {
  std::map<std::string, uint64_t> numbers;
  const std::unique_ptr<IndexCursor> cursor = engine.RecordScan(kErasedNumberPrefix);
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> record, cursor->Next());
    if (!record) return numbers;
    if (record->second.size() != 8) {
      return absl::DataLossError(Str("record of a running number, key ", ToHex(record->first),
                                     ": malformed; restore the data directory from a backup"));
    }
    numbers[record->first.substr(kErasedNumberPrefix.size())] =
        ReadBigEndian64(record->second.data());
  }
}

}  // namespace polku::log
