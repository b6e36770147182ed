#include "eventstore/log/records.h"

#include <algorithm>
#include <utility>

#include "eventstore/base/bytes.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"

namespace polku::log {
namespace {

constexpr size_t kTimeBytes = 8;
constexpr size_t kSignatureBytes = 64;
constexpr size_t kFixedBytes = 8 + Hash::kBytes + 4 + kSignatureBytes + 8;
// No key name, being UTF-8, sorts after it.
constexpr std::string_view kAfterNames = "\xff";

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

std::string BigEndian64(uint64_t number) {
  std::string bytes;
  AppendBigEndian64(bytes, number);
  return bytes;
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
  if (!second || absl::FromUnixSeconds(static_cast<int64_t>(*second)) != kept.time) {
    return bad("its time is not in whole seconds since 1970");
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
  if (rest[kept.witness.size()] != '\0' || !proof::IsKeyName(kept.witness) || second >> 62 != 0) {
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

// The greatest record of all witnesses' whose key is not above that of `witness_and_more`.
absl::StatusOr<MaybeCosignature> Floor(Engine& engine, LogNumber log,
                                       std::string_view witness_and_more) {
  POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> found,
                         engine.RecordFloor(Prefix('c', log), witness_and_more));
  if (!found) return MaybeCosignature();
  POLKU_ASSIGN_OR_RETURN(KeptCosignature kept, Parse(log, *found));
  return MaybeCosignature(std::move(kept));
}

absl::StatusOr<MaybeCosignature> AtSecond(Engine& engine, LogNumber log, std::string_view witness,
                                          uint64_t second) {
  POLKU_ASSIGN_OR_RETURN(
      const std::optional<KeyValue> found,
      engine.RecordFloor(CosignaturePrefix(log, witness), BigEndian64(second)));
  if (!found) return MaybeCosignature();
  POLKU_ASSIGN_OR_RETURN(KeptCosignature kept, Parse(log, *found));
  return MaybeCosignature(std::move(kept));
}

}  // namespace

absl::Status KeepCosignatures(Engine& engine, LogNumber log,
                              const std::vector<KeptCosignature>& cosignatures) {
  if (cosignatures.empty()) return absl::OkStatus();
  std::vector<KeyValue> puts;
  for (const KeptCosignature& kept : cosignatures) {
    uint32_t key_id = 0;
    POLKU_ASSIGN_OR_RETURN(const std::string signature, SignatureOf(kept, key_id));
    std::string key = CosignaturePrefix(log, kept.witness);
    AppendBigEndian64(key, *Second(kept.time));
    std::string value = BigEndian64(kept.size.value());
    value.append(kept.root.view());
    AppendBigEndian32(value, key_id);
    value.append(signature);
    AppendBigEndian64(value, kept.proven_to.value());
    for (const Hash& hash : kept.consistency) value.append(hash.view());
    puts.emplace_back(std::move(key), std::move(value));
  }
  return engine.WriteRecords(puts, /*sync=*/false);
}

absl::StatusOr<std::optional<KeptCosignature>> CosignatureAt(Engine& engine, LogNumber log,
                                                             std::string_view witness,
                                                             absl::Time at) {
  const std::optional<uint64_t> second = Second(at);
  if (!second) return MaybeCosignature();
  return AtSecond(engine, log, witness, *second);
}

absl::StatusOr<std::vector<KeptCosignature>> NewestCosignatures(Engine& engine, LogNumber log) {
  // From witness to witness downwards: there may be many cosignatures, there are few witnesses.
  std::vector<KeptCosignature> newest;
  std::string below(kAfterNames);
  while (true) {
    POLKU_ASSIGN_OR_RETURN(MaybeCosignature kept, Floor(engine, log, below));
    if (!kept) break;
    below = kept->witness;
    newest.push_back(*std::move(kept));
  }
  std::reverse(newest.begin(), newest.end());
  return newest;
}

absl::StatusOr<std::vector<KeptCosignature>> CosignaturesCovering(Engine& engine, LogNumber log,
                                                                  Position size) {
  POLKU_ASSIGN_OR_RETURN(std::vector<KeptCosignature> newest, NewestCosignatures(engine, log));
  std::vector<KeptCosignature> covering;
  for (KeptCosignature& last : newest) {
    if (last.size < size) continue;
    KeptCosignature found = std::move(last);
    // `found` covers; nothing up to the second before `begin` does.
    uint64_t begin = 0;
    while (begin < *Second(found.time)) {
      const uint64_t middle = begin + (*Second(found.time) - begin) / 2;
      POLKU_ASSIGN_OR_RETURN(MaybeCosignature kept, AtSecond(engine, log, found.witness, middle));
      if (kept && kept->size >= size) {
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
                               const std::function<absl::Status(const KeptCosignature&)>& visit) {
  const std::unique_ptr<IndexCursor> cursor = engine.RecordScan(Prefix('c', log));
  while (true) {
    POLKU_ASSIGN_OR_RETURN(const std::optional<KeyValue> record, cursor->Next());
    if (!record) return absl::OkStatus();
    POLKU_ASSIGN_OR_RETURN(const KeptCosignature kept, Parse(log, *record));
    POLKU_RETURN_IF_ERROR(visit(kept));
  }
}

absl::StatusOr<std::vector<KeptFork>> Forks(Engine& engine, LogNumber log) {
  const std::string prefix = Prefix('f', log);
  const std::unique_ptr<IndexCursor> cursor = engine.RecordScan(prefix);
  std::vector<KeptFork> forks;
  while (true) {
    POLKU_ASSIGN_OR_RETURN(std::optional<KeyValue> record, cursor->Next());
    if (!record) return forks;
    const uint64_t found_at = record->first.size() == prefix.size() + 8 + 4
                                  ? ReadBigEndian64(record->first.data() + prefix.size())
                                  : UINT64_MAX;
    if (found_at >> 63 != 0 || record->second.empty()) {
      return Malformed(log, Str("fork, key ", ToHex(record->first)), "malformed");
    }
    forks.push_back({absl::FromUnixMicros(static_cast<int64_t>(found_at)),
                     std::move(record->second)});
  }
}

absl::Status KeepFork(Engine& engine, LogNumber log, absl::Time found_at, std::string_view pair) {
  if (pair.empty()) return absl::InvalidArgumentError("a fork without its checkpoint pair");
  POLKU_ASSIGN_OR_RETURN(const std::vector<KeptFork> kept, Forks(engine, log));
  if (kept.size() >= kMaxForksKept) return absl::OkStatus();
  for (const KeptFork& fork : kept) {
    if (fork.pair == pair) return absl::OkStatus();
  }
  std::string key = Prefix('f', log);
  AppendBigEndian64(key, static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(found_at))));
  AppendBigEndian32(key, static_cast<uint32_t>(kept.size()));
  const KeyValue put(std::move(key), std::string(pair));
  return engine.WriteRecords({&put, 1}, /*sync=*/true);
}

}  // namespace polku::log
