#include "eventstore/evidence/bundle.h"

#include <algorithm>
#include <memory>
#include <span>
#include <tuple>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/evidence/anchor.h"
#include "eventstore/evidence/erasures.h"
#include "eventstore/evidence/json_form.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "eventstore/proof/merkle.h"
#include "eventstore/proof/merkle_proof.h"
#include "eventstore/proof/note.h"
#include "eventstore/vault/section.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/util/json_util.h"

namespace polku::evidence {
namespace {

constexpr size_t kMaxJsonDepth = 16;

std::string Place(std::string_view origin, Position position) {
  return Str("entry ", position.value(), " of ", origin);
}

bool IsControl(const event::v1::Header& header) { return !header.control().empty(); }

// What of the entry the agency got; nullopt: nothing. A control entry goes to every replica.
std::optional<SectionSet> DisclosedTo(const event::v1::Header& header, std::string_view agency) {
  if (IsControl(header)) return SectionSet();
  for (const auto& disclosure : header.disclosures()) {
    if (disclosure.receiver() != agency) continue;
    return SectionsIn(disclosure.sections());
  }
  return std::nullopt;
}

template <typename Repeated>
void PutHashes(const proof::MerkleProof& hashes, Repeated& out) {
  for (const Hash& hash : hashes) out.Add(std::string(hash.view()));
}

// ---- Making ----

class Maker {
 public:
  explicit Maker(const BundleOptions& options) : options_(options), fetcher_(*options.engine) {}

  absl::StatusOr<v1::Bundle> Make() {
    if (options_.known_to.empty() == options_.known_at.has_value()) {
      return Error(absl::StatusCode::kInvalidArgument,
                   "known_to and known_at go together: which agency, and when");
    }
    bundle_.set_format(std::string(kBundleFormat));
    bundle_.set_made_by(options_.made_by);
    bundle_.set_made_at(polku::FormatTime(options_.made_at));
    if (options_.case_id) bundle_.set_case_id(FormatCaseId(*options_.case_id));
    if (options_.known_at) {
      bundle_.mutable_known_to()->set_agency(options_.known_to);
      bundle_.mutable_known_to()->set_at(polku::FormatTime(*options_.known_at));
    }
    POLKU_ASSIGN_OR_RETURN(const std::vector<log::HeldLog> held, log::HeldLogs(*options_.engine));
    std::map<std::string_view, Part> parts;  // by origin: the order of the file
    for (const BundleEntry& entry : options_.entries) {
      const auto found = std::find_if(held.begin(), held.end(),
                                      [&](const auto& one) { return one.number == entry.log; });
      if (found == held.end()) {
        return Error(absl::StatusCode::kNotFound, "log ", entry.log.value(), " is not held here");
      }
      Part& part = parts[found->head.origin];
      part.log = &*found;
      part.positions.insert(entry.position);
    }
    POLKU_RETURN_IF_ERROR(FindErasures(held, parts));
    for (auto& [origin, part] : parts) POLKU_RETURN_IF_ERROR(AddLog(part));
    if (bundle_.logs().empty()) {
      if (options_.known_to.empty()) {
        return Error(absl::StatusCode::kNotFound,
                     "no entry was chosen, so there is nothing to prove");
      }
      return Error(absl::StatusCode::kNotFound, "nothing held here shows that ", options_.known_to,
                   " had received any of the chosen entries by ",
                   polku::FormatTime(*options_.known_at));
    }
    SetPolicy();
    return std::move(bundle_);
  }

 private:
  struct Part {
    const log::HeldLog* log = nullptr;
    std::set<Position> positions;
    std::set<Position> erasures;      // Erased that belong in the bundle
    std::set<Position> erased_leaves; // that they or others name
  };

  // Those of the case, and those that name a chosen entry.
  absl::Status FindErasures(const std::vector<log::HeldLog>& held,
                            std::map<std::string_view, Part>& parts) {
    for (const log::HeldLog& log : held) {
      // A later epoch's log tells what is gone of a chosen one's.
      const bool asked = std::any_of(parts.begin(), parts.end(), [&](const auto& part) {
        return part.first == log.head.origin || (options_.keys.contains(log.head.origin) &&
                                                 IsEarlierEpoch(part.first, log.head.origin));
      });
      if (!asked && !(options_.all_erasures && options_.case_id &&
                      options_.keys.contains(log.head.origin))) {
        continue;
      }
      POLKU_ASSIGN_OR_RETURN(
          const auto entries, log::ControlEntries(*options_.engine, log.number, log::kErasedType));
      for (const log::ControlEntry& control : entries) {
        POLKU_ASSIGN_OR_RETURN(const auto entry, fetcher_.Fetch(log.number, control.position, false));
        event::v1::Erased erased;
        const auto named =
            ReadErased(entry.header->control(), log.head.origin, control.position);
        if (!named.ok() || !erased.ParseFromString(entry.header->control())) continue;
        bool chosen = options_.case_id && erased.fence() == FenceOf(*options_.case_id).view();
        const auto of = parts.find(named->origin);
        for (const log::ErasedPart& one : named->parts) {
          if (of == parts.end() || !of->second.positions.contains(one.position)) continue;
          chosen = chosen || !options_.case_id;
          if (one.leaf) of->second.erased_leaves.insert(one.position);
        }
        if (!chosen) continue;
        Part& part = parts.emplace(log.head.origin, Part{.log = &log}).first->second;
        part.log = &log;
        part.erasures.insert(control.position);
      }
    }
    for (auto& [origin, part] : parts) {
      part.positions.insert(part.erasures.begin(), part.erasures.end());
    }
    return absl::OkStatus();
  }

  absl::Status AddLog(const Part& part) {
    const std::string& origin = part.log->head.origin;
    const auto key = options_.keys.find(origin);
    if (key == options_.keys.end()) {
      return Error(
          absl::StatusCode::kFailedPrecondition, "the checkpoint key of ", origin,
          " is not known here; add it to the configuration's peers, or leave its events out");
    }
    POLKU_ASSIGN_OR_RETURN(const proof::LogKeys keys,
                           log::KeysOf(*options_.engine, part.log->number, key->second));
    own_ = AgencyOfName(origin) == options_.known_to;
    std::vector<log::KeptCosignature> words;
    Position received;  // so many entries
    if (!options_.known_to.empty() && !own_) {
      POLKU_ASSIGN_OR_RETURN(words, WordOfAgency(part.log->number));
      if (words.empty()) return absl::OkStatus();
      received = words.front().size;
    }

    v1::LogEvidence evidence;
    evidence.set_origin(origin);
    std::set<Hash> schemas;
    for (const Position position : part.positions) {
      if (!words.empty() && position >= received) continue;
      POLKU_RETURN_IF_ERROR(AddEvent(part, position, schemas, evidence));
    }
    if (evidence.events().empty()) return absl::OkStatus();
    POLKU_RETURN_IF_ERROR(AddSchemas(part, schemas));

    const Position covers(evidence.events(evidence.events_size() - 1).position() + 1);
    POLKU_ASSIGN_OR_RETURN(const Anchor anchor, ChooseAnchor({.engine = options_.engine,
                                                              .log = part.log,
                                                              .keys = &keys,
                                                              .witnesses = options_.witnesses,
                                                              .covers = covers,
                                                              .required = std::move(words)}));
    evidence.set_checkpoint(anchor.note);
    log::TreeReader tree(*options_.engine, part.log->number);
    for (auto& event : *evidence.mutable_events()) {
      const Position position(event.position());
      auto proof = tree.Inclusion(position, anchor.checkpoint.size);
      if (!proof.ok()) return Annotate(proof.status(), Place(origin, position));
      const absl::Status included =
          proof::VerifyInclusion(position, anchor.checkpoint.size, proof::LeafHash(event.leaf()),
                                 *proof, anchor.checkpoint.root);
      if (!included.ok()) {
        return Error(absl::StatusCode::kDataLoss, Place(origin, position),
                     " is not in the tree of the stored checkpoint; run `polku verify`");
      }
      PutHashes(*proof, *event.mutable_inclusion());
      POLKU_RETURN_IF_ERROR(Count(proof->size() * Hash::kBytes));
    }
    for (const OtherCheckpoint& other : anchor.others) {
      auto* cosigned = evidence.add_cosigned();
      cosigned->set_checkpoint(other.note);
      PutHashes(other.consistency, *cosigned->mutable_consistency());
    }
    Position signed_to = anchor.checkpoint.size;
    for (const OtherCheckpoint& other : anchor.others) {
      signed_to = std::max(signed_to, other.checkpoint.size);
    }
    POLKU_RETURN_IF_ERROR(AddKeyChanges(part, keys, anchor.checkpoint, signed_to, tree, evidence));
    std::set<std::string_view> covering;
    for (const AnchorCosignature& cosignature : anchor.cosigned) {
      witnesses_.insert(cosignature.key);
      if (cosignature.size >= covers) covering.insert(cosignature.key->name());
    }
    threshold_ = std::min(threshold_, covering.size());
    logs_.push_back(key->second);
    *bundle_.add_logs() = std::move(evidence);
    return absl::OkStatus();
  }

  // What leads from the first key to that of a checkpoint of `signed_to` entries.
  absl::Status AddKeyChanges(const Part& part, const proof::LogKeys& keys,
                             const proof::Checkpoint& anchor, Position signed_to,
                             log::TreeReader& tree, v1::LogEvidence& evidence) {
    const std::string& origin = part.log->head.origin;
    for (const auto& [first, key] : keys.all()) {
      if (first == Position() || first >= signed_to) continue;
      const Position position(first.value() - 1);
      POLKU_ASSIGN_OR_RETURN(const auto entry,
                             fetcher_.Fetch(part.log->number, position, /*with_blobs=*/false));
      POLKU_ASSIGN_OR_RETURN(
          const SignedCheckpoint last,
          CheckpointOfSize(*options_.engine, part.log->number, keys, position.next()));
      auto inclusion = tree.Inclusion(position, last.checkpoint.size);
      if (!inclusion.ok()) return Annotate(inclusion.status(), Place(origin, position));
      auto consistency = tree.Consistency(std::min(last.checkpoint.size, anchor.size),
                                          std::max(last.checkpoint.size, anchor.size));
      if (!consistency.ok()) return Annotate(consistency.status(), Place(origin, position));
      auto* change = evidence.add_key_changes();
      change->set_position(position.value());
      change->set_leaf(std::string(entry.leaf));
      change->set_checkpoint(last.note);
      PutHashes(*inclusion, *change->mutable_inclusion());
      PutHashes(*consistency, *change->mutable_consistency());
      POLKU_RETURN_IF_ERROR(Count(entry.leaf.size() + last.note.size() +
                                  (inclusion->size() + consistency->size()) * Hash::kBytes));
    }
    return absl::OkStatus();
  }

  // The word of the agency that reaches furthest of those given by then; none: empty.
  absl::StatusOr<std::vector<log::KeptCosignature>> WordOfAgency(LogNumber log) {
    std::vector<log::KeptCosignature> best;
    for (const auto& witness : options_.witnesses) {
      if (AgencyOfWitness(witness.name()) != options_.known_to) continue;
      POLKU_ASSIGN_OR_RETURN(
          auto word, log::CosignatureAt(*options_.engine, log, witness.name(), *options_.known_at));
      if (word && (best.empty() || word->size > best.front().size)) best = {*std::move(word)};
    }
    return best;
  }

  absl::Status AddEvent(const Part& part, Position position, std::set<Hash>& schemas,
                        v1::LogEvidence& evidence) {
    const std::string& origin = part.log->head.origin;
    const auto entry = fetcher_.Fetch(part.log->number, position, !options_.open.empty());
    if (absl::IsNotFound(entry.status()) && part.erased_leaves.contains(position)) {
      return absl::OkStatus();
    }
    if (absl::IsNotFound(entry.status())) {
      return Error(absl::StatusCode::kNotFound, Place(origin, position),
                   " is withheld from this agency, which holds its hash alone; ask the origin");
    }
    if (!entry.ok()) return Annotate(entry.status(), Place(origin, position));
    const event::v1::Header& header = *entry->header;
    if (options_.case_id && header.case_id() != options_.case_id->view() &&
        !part.erasures.contains(position)) {
      return Error(absl::StatusCode::kInvalidArgument, Place(origin, position),
                   " is not of the case ", FormatCaseId(*options_.case_id));
    }
    SectionSet open = options_.open;
    if (!options_.known_to.empty()) {
      if (own_) {
        if (absl::FromUnixMicros(header.recorded_at_us()) > *options_.known_at) {
          return absl::OkStatus();
        }
      } else {
        const auto disclosed = DisclosedTo(header, options_.known_to);
        if (!disclosed) return absl::OkStatus();
        open = open & *disclosed;
      }
    }
    auto* event = evidence.add_events();
    event->set_position(position.value());
    event->set_leaf(std::string(entry->leaf));
    POLKU_RETURN_IF_ERROR(Count(entry->leaf.size()));
    for (const auto& blob : entry->blobs) {
      if (!open.has(blob.kind)) continue;
      POLKU_RETURN_IF_ERROR(OpenInto(*entry, origin, blob, *event));
    }
    if (!event->opened().empty()) {
      if (const auto hash = Hash::FromBytes(header.schema_hash())) schemas.insert(*hash);
    }
    return absl::OkStatus();
  }

  absl::Status OpenInto(const log::EntryView& entry, const std::string& origin,
                        const log::BlobView& blob, v1::Event& event) {
    const auto place = [&] {
      return Str("section ", SectionKindName(blob.kind), " of ", Place(origin, entry.position));
    };
    auto secret = options_.secret ? options_.secret(entry, origin, blob)
                                  : absl::StatusOr<std::optional<std::string>>(std::nullopt);
    if (!secret.ok()) return Annotate(secret.status(), place());
    if (!*secret) return absl::OkStatus();
    const auto& commitments = entry.header->commitments();
    const auto committed =
        std::find_if(commitments.begin(), commitments.end(),
                     [&](const auto& one) { return one.kind() == static_cast<int>(blob.kind); });
    const auto event_id = EventId::FromBytes(entry.header->event_id());
    const auto commitment =
        committed == commitments.end() ? std::nullopt : Hash::FromBytes(committed->commitment());
    if (!commitment || !event_id || (*secret)->size() != vault::SectionSecret::kBytes) {
      return Error(absl::StatusCode::kDataLoss, place(), " belongs to no commitment");
    }
    auto plaintext = vault::OpenSection(vault::SectionSecret(**secret), *commitment, origin,
                                        *event_id, blob.kind, blob.blob);
    if (!plaintext.ok()) return Annotate(plaintext.status(), place());
    POLKU_RETURN_IF_ERROR(Count(plaintext->size()));
    auto* opened = event.add_opened();
    opened->set_kind(static_cast<uint32_t>(blob.kind));
    opened->set_secret(**secret);
    opened->set_plaintext(*std::move(plaintext));
    return absl::OkStatus();
  }

  // A schema stands before the first entry that needs it, so this reads little of a long log.
  absl::Status AddSchemas(const Part& part, std::set<Hash> needed) {
    for (const auto& [hash, files] : schemas_) needed.erase(hash);
    if (needed.empty()) return absl::OkStatus();
    POLKU_ASSIGN_OR_RETURN(auto reader, log::EntryReader::Make(*options_.engine, part.log->number,
                                                               Position(), /*with_blobs=*/false));
    while (!needed.empty()) {
      POLKU_ASSIGN_OR_RETURN(const auto entry, reader->Next());
      if (!entry) {
        return Error(absl::StatusCode::kDataLoss, part.log->head.origin,
                     " holds no SchemaAdded for an event that refers to it; run `polku verify`");
      }
      if (entry->header->type() != event::v1::SchemaAdded::descriptor()->full_name()) continue;
      event::v1::SchemaAdded added;
      if (!added.ParseFromString(entry->header->control())) continue;
      const Hash hash = Sha256(added.file_descriptor_set());
      if (needed.erase(hash) == 0) continue;
      POLKU_RETURN_IF_ERROR(Count(added.file_descriptor_set().size()));
      schemas_.emplace(hash, added.file_descriptor_set());
      bundle_.add_schemas()->set_file_descriptor_set(added.file_descriptor_set());
    }
    return absl::OkStatus();
  }

  // The logs and witnesses of this bundle, and as quorum what each of its checkpoints reaches: so
  // that a cosignature that was taken out is missed.
  void SetPolicy() {
    std::vector<proof::VerifierKey> witnesses;
    for (const auto& witness : options_.witnesses) {
      const bool twice = std::any_of(witnesses.begin(), witnesses.end(),
                                     [&](const auto& one) { return one.key() == witness.key(); });
      if (witnesses_.contains(&witness) && !twice) witnesses.push_back(witness);
    }
    threshold_ = std::min(threshold_, witnesses.size());
    bundle_.set_policy(proof::Policy::Format(logs_, witnesses, threshold_));
  }

  absl::Status Count(size_t more) {
    bytes_ += more + more / 3 + 64;  // as base64, with what stands around it
    if (bytes_ <= kMaxBundleBytes) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, "the bundle would be larger than ",
                 kMaxBundleBytes >> 20, " MiB; choose fewer events or sections");
  }

  const BundleOptions& options_;
  log::EntryFetcher fetcher_;
  v1::Bundle bundle_;
  bool own_ = false;  // the log under way is of the agency asked about
  std::map<Hash, std::string> schemas_;
  std::vector<proof::VerifierKey> logs_;
  std::set<const proof::VerifierKey*> witnesses_;  // into options_.witnesses
  size_t threshold_ = SIZE_MAX;
  size_t bytes_ = 0;
};

// ---- Verifying ----

class Verifier {
 public:
  Verifier(const v1::Bundle& bundle, const proof::Policy* policy)
      : bundle_(bundle), readers_(policy) {}

  BundleReport Verify() {
    report_.own_policy = readers_ != nullptr;
    ReadPolicy();
    ReadHead();
    for (int i = 0; i < bundle_.logs_size(); ++i) {
      const auto& log = bundle_.logs(i);
      origin_ = log.origin();
      if (!OriginName::Parse(origin_).ok()) {
        // Not repeated: it could be anything.
        origin_ = Str("log ", i);
        Add(ProblemKind::kBundle, "its origin is not a name of the form AGENCY/SERVICE/EPOCH");
      } else if (i > 0 && bundle_.logs(i - 1).origin() >= log.origin()) {
        Add(ProblemKind::kBundle, "the logs do not ascend by origin, each once");
      }
      ReadLog(log);
    }
    origin_.clear();
    ReadSchemas();
    ReadCauses();
    return std::move(report_);
  }

 private:
  void AddAt(ProblemKind kind, std::optional<Position> position, std::string what) {
    if (report_.problems.size() < kMaxProblems) {
      report_.problems.push_back({kind, origin_, position, std::move(what)});
    } else {
      ++report_.problems_left_out;
    }
  }
  void Add(ProblemKind kind, std::string what) { AddAt(kind, std::nullopt, std::move(what)); }

  const proof::Policy* policy() const {
    return readers_ != nullptr ? readers_ : own_ ? &*own_ : nullptr;
  }

  // 1. The policy.
  void ReadPolicy() {
    auto own = proof::Policy::Parse(bundle_.policy());
    if (!own.ok()) {
      Add(ProblemKind::kBundle, Str("its policy: ", ToStd(own.status().message())));
      return;
    }
    own_ = *std::move(own);
    if (readers_ == nullptr) return;
    for (const auto& log : own_->logs()) {
      bool listed = false;
      bool same = false;
      for (const auto& trusted : readers_->logs()) {
        if (trusted.name() != log.name()) continue;
        listed = true;
        same = same || trusted.key() == log.key();
      }
      if (!listed || same) continue;
      origin_ = log.name();
      Add(ProblemKind::kCheckpoint,
          "the bundle names another key for this log than the policy given");
      origin_.clear();
    }
  }

  // 2. The head.
  void ReadHead() {
    if (!OriginName::Parse(bundle_.made_by()).ok()) {
      Add(ProblemKind::kBundle, "made_by is not the name of a service");
    }
    if (!ParseTime(bundle_.made_at())) {
      Add(ProblemKind::kBundle, "made_at is not a time as RFC 3339 writes it");
    }
    if (!bundle_.case_id().empty()) {
      case_id_ = ParseCaseId(bundle_.case_id());
      if (!case_id_ || case_id_->is_zero() || FormatCaseId(*case_id_) != bundle_.case_id()) {
        Add(ProblemKind::kBundle, "case_id is not 32 hexadecimal digits in lower case");
        case_id_.reset();
      }
    }
    if (bundle_.has_known_to()) {
      known_at_ = ParseTime(bundle_.known_to().at());
      if (!known_at_) {
        Add(ProblemKind::kKnownTo, "known_to: `at` is not a time as RFC 3339 writes it");
      }
      if (!ValidateAgencyName(bundle_.known_to().agency()).ok()) {
        Add(ProblemKind::kKnownTo, "known_to: `agency` is not the name of an agency");
      }
    }
    if (bundle_.logs().empty()) Add(ProblemKind::kBundle, "it has no log, so it shows nothing");
  }

  // 3. One log.
  void ReadLog(const v1::LogEvidence& log) {
    auto& told = report_.logs.emplace_back();
    told.origin = log.origin();
    received_ = Position();
    last_cosigned_ = Position();
    counted_.clear();
    ReadKeys(log);
    const bool readable = ReadCheckpoint(log, told);
    for (int i = 0; i < log.cosigned_size(); ++i) {
      ReadCosigned(log.cosigned(i), i, readable, told);
    }
    std::sort(told.cosigned.begin(), told.cosigned.end(), [](const auto& a, const auto& b) {
      return std::tie(a.size, a.name, a.time) < std::tie(b.size, b.name, b.time);
    });
    CheckQuorum(log, told);
    if (log.events().empty()) Add(ProblemKind::kBundle, "no event of this log is in it");
    last_order_ = 0;
    revisions_.clear();
    for (int i = 0; i < log.events_size(); ++i) {
      const Position position(log.events(i).position());
      if (i > 0 && log.events(i - 1).position() >= log.events(i).position()) {
        AddAt(ProblemKind::kBundle, position, "the events do not ascend by position, each once");
      }
      ReadEvent(log.events(i), readable ? &told.checkpoint : nullptr);
    }
  }

  // The log's checkpoint: signature, cosignatures, quorum. False when it cannot even be read.
  bool ReadCheckpoint(const v1::LogEvidence& log, BundleReport::Log& told) {
    const auto note = proof::ParseNote(log.checkpoint());
    const auto read = note.ok() ? proof::ParseCheckpointBody(note->body)
                                : absl::StatusOr<proof::Checkpoint>(note.status());
    if (!read.ok()) {
      Add(ProblemKind::kCheckpoint, Str("its checkpoint: ", ToStd(read.status().message())));
      return false;
    }
    told.checkpoint = *read;
    if (read->origin != log.origin()) {
      Add(ProblemKind::kCheckpoint, "its checkpoint is of another log");
    }
    CheckLines(*note);
    if (policy() == nullptr) {
      Add(ProblemKind::kCheckpoint, "its checkpoint cannot be verified without a policy");
      return true;
    }
    if (keys_.empty()) {
      Add(ProblemKind::kCheckpoint, "the policy has no key for this log");
      return true;
    }
    if (const absl::Status signature = SignedByLog(log.checkpoint());
        !signature.ok()) {
      Add(ProblemKind::kCheckpoint, Str("its checkpoint: ", ToStd(signature.message())));
      return true;
    }
    // One line that does not verify makes the whole note nothing.
    std::vector<std::pair<const proof::PolicyWitness*, std::vector<absl::Time>>> words;
    for (const auto& witness : policy()->witnesses()) {
      auto times = TimesOf(*note, witness.key);
      if (!times.ok()) {
        Add(ProblemKind::kCosignature, Str("its checkpoint: ", ToStd(times.status().message())));
        return true;
      }
      words.emplace_back(&witness, *std::move(times));
    }
    for (const auto& [witness, times] : words) {
      for (const absl::Time time : times) Cosigned(*witness, time, read->size, told);
    }
    return true;
  }

  // What each line of that key says: of several times the earliest is worth most.
  static absl::StatusOr<std::vector<absl::Time>> TimesOf(const proof::Note& note,
                                                         const proof::VerifierKey& key) {
    std::vector<absl::Time> times;
    for (const auto& line : note.signatures) {
      if (line.name != key.name() || line.key_id != key.key_id()) continue;
      POLKU_ASSIGN_OR_RETURN(
          const absl::Time time,
          proof::VerifyCosignature(Str(note.body, "\n", proof::FormatSignatureLine(line)), key));
      times.push_back(time);
    }
    return times;
  }

  // Each key that the policy lists for the log, with those that came after it by the bundle's changes of keys. Where
  // it lists several, the changes follow one of them.
  void ReadKeys(const v1::LogEvidence& log) {
    keys_.clear();
    if (policy() == nullptr) return;
    for (const auto& key : policy()->logs()) {
      if (key.name() == log.origin()) keys_.emplace_back(key);
    }
    if (log.key_changes().empty() || keys_.empty()) return;
    size_t follows = 0;
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (proof::VerifyCheckpoint(log.key_changes(0).checkpoint(), keys_[i]).ok()) follows = i;
    }
    const auto main = proof::ParseNote(log.checkpoint());
    const auto checkpoint =
        main.ok() ? proof::ParseCheckpointBody(main->body) : main.status();
    for (const auto& change : log.key_changes()) {
      if (!ReadKeyChange(change, checkpoint.ok() ? &*checkpoint : nullptr, keys_[follows])) return;
    }
  }

  // False: told, and what comes after it rests on nothing.
  bool ReadKeyChange(const v1::KeyChange& change, const proof::Checkpoint* main,
                     proof::LogKeys& keys) {
    const Position position(change.position());
    const auto refuse = [&](ProblemKind kind, std::string_view what) {
      AddAt(kind, position, Str("the change of the log's key: ", what));
      return false;
    };
    const auto last = proof::VerifyCheckpoint(change.checkpoint(), keys);
    if (!last.ok()) return refuse(ProblemKind::kCheckpoint, ToStd(last.status().message()));
    if (last->size != position.next()) {
      return refuse(ProblemKind::kCheckpoint, "its checkpoint does not end with it");
    }
    if (const auto note = proof::ParseNote(change.checkpoint()); note.ok()) CheckLines(*note);
    const auto hashes = proof::ParseProof(change.inclusion());
    if (!hashes || !proof::VerifyInclusion(position, last->size, proof::LeafHash(change.leaf()),
                                           *hashes, last->root)
                        .ok()) {
      return refuse(ProblemKind::kInclusion, "not shown to be in the log");
    }
    event::v1::Header header;
    if (const absl::Status parsed = log::ParseHeader(change.leaf(), header); !parsed.ok()) {
      return refuse(ProblemKind::kMalformedEntry, ToStd(parsed.message()));
    }
    const size_t before = keys.all().size();
    const absl::Status taken = log::TakeSigningChange(header, position, keys);
    if (!taken.ok()) return refuse(ProblemKind::kCheckpoint, ToStd(taken.message()));
    if (keys.all().size() == before) {
      return refuse(ProblemKind::kCheckpoint, "the entry changes no signing key");
    }
    if (main != nullptr) {
      const bool smaller = last->size < main->size;
      const auto& older = smaller ? *last : *main;
      const auto& newer = smaller ? *main : *last;
      const auto between = proof::ParseProof(change.consistency());
      if (!between || !proof::VerifyConsistency(older.size, newer.size, older.root, newer.root,
                                                *between)
                           .ok()) {
        return refuse(ProblemKind::kCheckpoint, "not shown to be of the same history as the log's checkpoint");
      }
    }
    return true;
  }

  absl::Status SignedByLog(const std::string& note) const {
    absl::Status status = absl::UnauthenticatedError("not signed by a key of the policy");
    for (const auto& keys : keys_) {
      status = proof::VerifyCheckpoint(note, keys).status();
      if (status.ok()) break;
    }
    return status;
  }
  bool HasLineOfLog(const proof::Note& note) const {
    return std::any_of(note.signatures.begin(), note.signatures.end(),
                       [&](const auto& line) { return IsLineOfLog(line); });
  }
  bool IsLineOfLog(const proof::NoteSignature& line) const {
    for (const auto& keys : keys_) {
      for (const auto& [from, key] : keys.all()) {
        if (line.name == key.name() && line.key_id == key.key_id()) return true;
      }
    }
    return false;
  }

  // A line of nobody known says nothing, and nobody notices when it is altered.
  void CheckLines(const proof::Note& note) {
    if (!own_) return;
    for (const auto& line : note.signatures) {
      const auto is = [&](const proof::VerifierKey& key) {
        return key.name() == line.name && key.key_id() == line.key_id;
      };
      const auto& logs = own_->logs();
      const auto& witnesses = own_->witnesses();
      if (!IsLineOfLog(line) && std::none_of(logs.begin(), logs.end(), is) &&
          std::none_of(witnesses.begin(), witnesses.end(),
                       [&](const auto& witness) { return is(witness.key); })) {
        Add(ProblemKind::kBundle,
            "a checkpoint has a signature line by a key that the bundle does not name");
      }
    }
  }

  void Cosigned(const proof::PolicyWitness& witness, absl::Time time, Position size,
                BundleReport::Log& told) {
    told.cosigned.push_back({witness.key.name(), time, size});
    counted_.emplace_back(witness.name, size);
    if (bundle_.has_known_to() && known_at_ && time <= *known_at_ &&
        AgencyOfWitness(witness.key.name()) == bundle_.known_to().agency()) {
      received_ = std::max(received_, size);
    }
  }

  // A witness counts when it cosigned a checkpoint that covers all events here, those being shown
  // to be of one history.
  void CheckQuorum(const v1::LogEvidence& log, BundleReport::Log& told) {
    if (policy() == nullptr) return;
    Position covers;
    for (const auto& event : log.events())
      covers = std::max(covers, Position(event.position()).next());
    std::set<std::string, std::less<>> witnesses;
    for (const auto& [name, size] : counted_) {
      if (size >= covers) witnesses.insert(name);
    }
    told.quorum = policy()->Quorum(std::move(witnesses));
    if (!told.quorum) {
      Add(ProblemKind::kCosignature,
          "fewer witnesses stand behind these events than the policy requires");
    }
  }

  // A cosigned checkpoint of another size.
  void ReadCosigned(const v1::CosignedCheckpoint& cosigned, int index, bool readable,
                    BundleReport::Log& told) {
    const auto place = [&] { return Str("cosigned checkpoint ", index, ": "); };
    const auto note = proof::ParseNote(cosigned.checkpoint());
    const auto read = note.ok() ? proof::ParseCheckpointBody(note->body)
                                : absl::StatusOr<proof::Checkpoint>(note.status());
    if (!read.ok()) {
      Add(ProblemKind::kCheckpoint, Str(place(), ToStd(read.status().message())));
      return;
    }
    if (read->origin != told.origin) {
      Add(ProblemKind::kCheckpoint, Str(place(), "it is of another log"));
      return;
    }
    if (read->size == Position() || (index > 0 && read->size <= last_cosigned_)) {
      Add(ProblemKind::kBundle, Str(place(), "they do not ascend by size, each size once"));
    }
    last_cosigned_ = read->size;
    CheckLines(*note);
    bool connected = false;
    if (readable && read->size == told.checkpoint.size) {
      Add(ProblemKind::kBundle,
          Str(place(), "it is of the size of the log's checkpoint, where its lines belong"));
    } else if (readable) {
      connected = IsConsistent(cosigned, *read, told.checkpoint, place());
    }
    if (policy() != nullptr && HasLineOfLog(*note)) {
      const absl::Status signature = SignedByLog(cosigned.checkpoint());
      if (!signature.ok()) Add(ProblemKind::kCheckpoint, Str(place(), ToStd(signature.message())));
    }
    if (policy() == nullptr) return;
    bool by_somebody = false;
    for (const auto& witness : policy()->witnesses()) {
      const auto times = TimesOf(*note, witness.key);
      if (!times.ok()) {
        Add(ProblemKind::kCosignature, Str(place(), ToStd(times.status().message())));
        by_somebody = true;
        continue;
      }
      by_somebody = by_somebody || !times->empty();
      if (!connected) continue;
      for (const absl::Time time : *times) Cosigned(witness, time, read->size, told);
    }
    // A witness that only the bundle names counts for nothing, but its word must be one.
    if (readers_ != nullptr && own_ && !by_somebody) {
      for (const auto& witness : own_->witnesses()) {
        const auto times = TimesOf(*note, witness.key);
        if (!times.ok())
          Add(ProblemKind::kCosignature, Str(place(), ToStd(times.status().message())));
        by_somebody = by_somebody || !times.ok() || !times->empty();
      }
    }
    if (!by_somebody) {
      Add(ProblemKind::kCosignature, Str(place(), "no witness that is known cosigned it"));
    }
  }

  bool IsConsistent(const v1::CosignedCheckpoint& cosigned, const proof::Checkpoint& read,
                    const proof::Checkpoint& checkpoint, const std::string& place) {
    const bool smaller = read.size < checkpoint.size;
    const auto& older = smaller ? read : checkpoint;
    const auto& newer = smaller ? checkpoint : read;
    const auto hashes = proof::ParseProof(cosigned.consistency());
    const absl::Status consistent =
        hashes ? proof::VerifyConsistency(older.size, newer.size, older.root, newer.root, *hashes)
               : absl::InvalidArgumentError("a hash has not 32 bytes, or there are too many");
    if (consistent.ok()) return true;
    Add(ProblemKind::kCosignature,
        Str(place, "not shown to be of the same history: ", ToStd(consistent.message())));
    return false;
  }

  // 4. One event.
  void ReadEvent(const v1::Event& event, const proof::Checkpoint* checkpoint) {
    const Position position(event.position());
    ++report_.events;
    if (checkpoint != nullptr) {
      const auto hashes = proof::ParseProof(event.inclusion());
      const absl::Status included =
          hashes ? proof::VerifyInclusion(position, checkpoint->size, proof::LeafHash(event.leaf()),
                                          *hashes, checkpoint->root)
                 : absl::InvalidArgumentError("a hash has not 32 bytes, or there are too many");
      if (!included.ok()) {
        AddAt(ProblemKind::kInclusion, position,
              Str("not shown to be in the log: ", ToStd(included.message())));
      }
    }
    event::v1::Header header;
    if (const absl::Status parsed = log::ParseHeader(event.leaf(), header); !parsed.ok()) {
      AddAt(ProblemKind::kMalformedEntry, position, std::string(ToStd(parsed.message())));
      return;
    }
    const bool erasure = IsControl(header) && header.type() == log::kErasedType;
    if (erasure) {
      ReadErasure(header, position);
    } else if (case_id_ && header.case_id() != case_id_->view()) {
      AddAt(ProblemKind::kBundle, position, "it is not of the case that the bundle names");
    }
    if (header.order() <= last_order_) {
      AddAt(ProblemKind::kOrder, position, "its order is not above that of the event before");
    }
    last_order_ = header.order();
    if (!IsControl(header)) {
      uint64_t& revision = revisions_[header.case_id()];
      if (header.case_revision() <= revision || header.case_revision() > position.value()) {
        AddAt(ProblemKind::kRevision, position,
              "its case revision does not fit its place or that of the event before");
      }
      revision = header.case_revision();
    }
    ReadGenesis(header, position);
    leaf_hashes_.emplace(std::pair(origin_, position), proof::LeafHash(event.leaf()));
    for (const auto& cause : header.causes()) {
      causes_.push_back(
          {origin_, position, cause.origin(), Position(cause.position()), cause.leaf_hash()});
    }
    ReadSections(event, header, position);
    ReadKnown(event, header, position);
  }

  // What tells the reader that something of the case is gone.
  void ReadErasure(const event::v1::Header& header, Position position) {
    event::v1::Erased erased;
    const auto named = ReadErased(header.control(), origin_, position);
    if (!named.ok() || !erased.ParseFromString(header.control())) {
      AddAt(ProblemKind::kErasure, position, std::string(ToStd(named.status().message())));
      return;
    }
    if (case_id_ && erased.fence() != FenceOf(*case_id_).view()) {
      AddAt(ProblemKind::kBundle, position, "it is an erasure of another case than the bundle names");
    }
    BundleReport::Erasure& told = report_.erasures.emplace_back();
    told = {.origin = origin_, .position = position, .of = named->origin, .legal_basis = erased.legal_basis(),
            .requested_by = erased.requested_by(), .confirmed_by = erased.confirmed_by()};
    for (const auto& entry : erased.entries()) {
      if (entry.leaf()) {
        ++told.entries;
      } else {
        told.sections += static_cast<uint64_t>(entry.sections_size());
      }
    }
  }

  void ReadGenesis(const event::v1::Header& header, Position position) {
    const bool genesis = header.type() == log::kGenesisType;
    if (genesis != (position == Position())) {
      AddAt(ProblemKind::kGenesis, position, "Genesis stands at position 0, and nowhere else");
      return;
    }
    if (!genesis) return;
    event::v1::Genesis content;
    if (!content.ParseFromString(header.control()) || content.origin() != origin_) {
      AddAt(ProblemKind::kGenesis, position, "its Genesis is of another log");
    }
  }

  void ReadSections(const v1::Event& event, const event::v1::Header& header, Position position) {
    uint32_t last_kind = 0;
    for (const auto& opened : event.opened()) {
      const auto wrong = [&](std::string_view what) {
        AddAt(ProblemKind::kSection, position, Str("opened section ", opened.kind(), ": ", what));
      };
      if (opened.kind() <= last_kind) wrong("the sections do not ascend by kind, each once");
      last_kind = opened.kind();
      const auto& commitments = header.commitments();
      const auto committed = std::find_if(
          commitments.begin(), commitments.end(),
          [&](const auto& one) { return static_cast<uint32_t>(one.kind()) == opened.kind(); });
      const auto event_id = EventId::FromBytes(header.event_id());
      if (committed == commitments.end()) {
        wrong("the event has no such section");
      } else if (opened.secret().size() != vault::SectionSecret::kBytes) {
        wrong("its secret has not 32 bytes");
      } else if (opened.plaintext().size() > vault::kMaxSectionBytes) {
        wrong("it is longer than a section may be");
      } else if (vault::CommitSection(vault::SectionSecret(opened.secret()), origin_, *event_id,
                                      static_cast<SectionKind>(opened.kind()), opened.plaintext())
                     .view() != committed->commitment()) {
        wrong("it is not what the event committed to");
      } else {
        ++report_.sections;
      }
    }
    if (!event.opened().empty() && !header.schema_hash().empty()) {
      needed_schemas_.emplace(header.schema_hash(), std::pair(origin_, position));
    }
  }

  void ReadKnown(const v1::Event& event, const event::v1::Header& header, Position position) {
    if (!bundle_.has_known_to() || !known_at_) return;
    const std::string& agency = bundle_.known_to().agency();
    if (AgencyOfName(origin_) == agency) {
      if (absl::FromUnixMicros(header.recorded_at_us()) > *known_at_) {
        AddAt(ProblemKind::kKnownTo, position, "the agency recorded it later than that");
      }
      return;
    }
    if (position >= received_) {
      AddAt(ProblemKind::kKnownTo, position,
            "no cosignature by the agency of that time or earlier covers it");
    }
    const auto disclosed = DisclosedTo(header, agency);
    if (!disclosed) {
      AddAt(ProblemKind::kKnownTo, position, "it was not disclosed to the agency");
      return;
    }
    for (const auto& opened : event.opened()) {
      if (opened.kind() > 255 || !disclosed->has(static_cast<SectionKind>(opened.kind()))) {
        AddAt(ProblemKind::kKnownTo, position,
              Str("section ", opened.kind(), " is opened, but was not disclosed to the agency"));
      }
    }
  }

  // 5. Schemas, by the hash in the headers they belong to.
  void ReadSchemas() {
    std::set<std::string> given;
    for (int i = 0; i < bundle_.schemas_size(); ++i) {
      const std::string& files = bundle_.schemas(i).file_descriptor_set();
      const std::string hash(Sha256(files).view());
      google::protobuf::FileDescriptorSet parsed;
      if (!given.insert(hash).second) {
        Add(ProblemKind::kSchema, Str("schema ", i, " stands there twice"));
      } else if (!needed_schemas_.contains(hash)) {
        Add(ProblemKind::kSchema, Str("schema ", i, " is that of no opened event"));
      } else if (!parsed.ParseFromString(files)) {
        Add(ProblemKind::kSchema, Str("schema ", i, " is not a FileDescriptorSet"));
      }
    }
    for (const auto& [hash, place] : needed_schemas_) {
      if (given.contains(hash)) continue;
      origin_ = place.first;
      AddAt(ProblemKind::kSchema, place.second,
            "the schema that its header names is not in the bundle");
    }
    origin_.clear();
  }

  // 6. What authors say they knew, where both ends are in the bundle.
  void ReadCauses() {
    for (const auto& cause : causes_) {
      const auto leaf = leaf_hashes_.find({cause.origin, cause.position});
      if (leaf == leaf_hashes_.end() || leaf->second.view() == cause.leaf_hash) continue;
      origin_ = cause.of;
      AddAt(ProblemKind::kCause, cause.at,
            Str("its author was shown another entry ", cause.position.value(), " of ", cause.origin,
                " than the one in the bundle"));
    }
    origin_.clear();
  }

  struct CauseOf {
    std::string of;
    Position at;
    std::string origin;
    Position position;
    std::string leaf_hash;
  };

  const v1::Bundle& bundle_;
  const proof::Policy* const readers_;
  std::optional<proof::Policy> own_;
  BundleReport report_;
  std::optional<CaseId> case_id_;
  std::optional<absl::Time> known_at_;

  // Of the log under way.
  std::string origin_;
  std::vector<proof::LogKeys> keys_;  // of each first key that the policy lists
  Position received_;  // so many entries the agency of known_to says to have received
  Position last_cosigned_;
  std::vector<std::pair<std::string, Position>> counted_;  // by name within the policy
  uint64_t last_order_ = 0;
  std::map<std::string, uint64_t> revisions_;  // by case id

  std::map<std::pair<std::string, Position>, Hash> leaf_hashes_;
  std::vector<CauseOf> causes_;
  std::map<std::string, std::pair<std::string, Position>> needed_schemas_;
};

}  // namespace

absl::StatusOr<v1::Bundle> MakeBundle(const BundleOptions& options) {
  return Maker(options).Make();
}

SectionSet OpenedIn(const v1::Bundle& bundle) {
  SectionSet kinds;
  for (const auto& log : bundle.logs()) {
    for (const auto& event : log.events()) {
      for (const auto& opened : event.opened()) {
        if (opened.kind() <= 255) kinds.add(static_cast<SectionKind>(opened.kind()));
      }
    }
  }
  return kinds;
}

std::string FormatBundle(const v1::Bundle& bundle) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails for text that is not UTF-8 alone; every text here was checked or made.
  const auto status = google::protobuf::util::MessageToJsonString(bundle, &json, options);
  if (!status.ok()) return "";
  if (json.empty() || json.back() != '\n') json += '\n';
  return json;
}

absl::StatusOr<v1::Bundle> ParseBundle(std::string_view json) {
  if (json.size() > kMaxBundleBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "larger than a bundle may be (",
                 kMaxBundleBytes >> 20, " MiB)");
  }
  POLKU_RETURN_IF_ERROR(CheckJsonForm(
      json, {.depth = kMaxJsonDepth, .objects = kMaxBundleObjects, .texts = kMaxBundleTexts}));
  v1::Bundle bundle;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), &bundle, options);
  if (!status.ok()) {
    // The library's text may quote the content.
    return Error(absl::StatusCode::kInvalidArgument,
                 "not a bundle: a name is unknown or a value is of the wrong form");
  }
  if (bundle.format() != kBundleFormat) {
    return Error(absl::StatusCode::kInvalidArgument, "not a bundle of the version ", kBundleFormat,
                 ", which is what this program reads");
  }
  return bundle;
}

absl::StatusOr<BundleReport> VerifyBundle(const v1::Bundle& bundle, const proof::Policy* policy) {
  if (bundle.format() != kBundleFormat) {
    return Error(absl::StatusCode::kInvalidArgument, "not a bundle of the version ", kBundleFormat,
                 ", which is what this program reads");
  }
  return Verifier(bundle, policy).Verify();
}

}  // namespace polku::evidence
