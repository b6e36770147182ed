#include "eventstore/evidence/log_scan.h"

#include <algorithm>
#include <bit>

#include "eventstore/base/status.h"
#include "eventstore/evidence/stored.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"
#include "eventstore/proof/note.h"
#include "eventstore/vault/section.h"

namespace polku::evidence {
namespace {

constexpr uint32_t kFormat = 1;

class Scanner {
 public:
  Scanner(const ScannedLog& log, Position from, Position to)
      : log_(log),
        to_(to),
        entries_(*log.engine, log.number, log::StoredPart::kEntries, from, to),
        blobs_(*log.engine, log.number, log::StoredPart::kBlobs, from, to),
        checkpoints_(*log.engine, log.number, log::StoredPart::kCheckpoints, from.next(), to.next()),
        checked_to_(from) {}

  RunFacts Run() && {
    NextBlobs();
    NextCheckpoint();
    while (const auto group = entries_.Next()) {
      if (!group->hole_before.ok()) AddHole(ProblemKind::kUnreadable, group->hole_before);
      Checkpoints(group->key);
      facts_.steps.push_back(AtGroup{group->key});
      next_ = group->key;
      Group(group->key, group->bytes);
      Checkpoints(next_);
    }
    if (!entries_.end_hole().ok()) AddHole(ProblemKind::kUnreadable, entries_.end_hole());
    Checkpoints(to_);
    while (blobs_item_) StrayBlobs();
    if (!blobs_.end_hole().ok()) BlobsUnreadable(blobs_.end_hole());
    Flush();
    return std::move(facts_);
  }

 private:
  void Add(ProblemKind kind, std::optional<Position> position, std::string what) {
    if (facts_.problems.size() < kMaxProblems) {
      facts_.problems.push_back({kind, log_.origin, position, std::move(what)});
    } else {
      ++facts_.problems_left_out;
    }
  }

  void AddHole(ProblemKind kind, const absl::Status& why) {
    Flush();
    facts_.steps.push_back(Hole{kind, facts_.whys.size()});
    facts_.whys.emplace_back(ToStd(why.message()));
  }

  // ---- Checkpoints ----

  void NextCheckpoint() {
    checkpoint_ = checkpoints_.Next();
    const absl::Status& hole =
        checkpoint_ ? checkpoint_->hole_before : checkpoints_.end_hole();
    if (!hole.ok()) {
      Add(ProblemKind::kUnreadable, checked_to_,
          Str("stored checkpoints behind this size cannot be read: ", ToStd(hole.message())));
    }
  }

  // Takes the checkpoints for sizes up to `size`; the hashes before are given out up to there.
  void Checkpoints(Position size) {
    while (checkpoint_ && checkpoint_->key <= size) {
      Flush();
      const Position of = checkpoint_->key;
      checked_to_ = of;
      facts_.bytes += checkpoint_->bytes.size();
      if (of <= log_.size) {
        facts_.steps.push_back(StoredCheckpoint{
            of, VerifyStoredCheckpoint(checkpoint_->bytes, log_.origin, of,
                                       log_.keys == nullptr ? nullptr : &log_.keys->For(of))});
      }
      NextCheckpoint();
    }
  }

  // ---- The tree: complete subtrees of at most 256 leaves, joined here so that the thread that takes the
  // steps in order has little left to hash. ----

  void Push(const proof::Subtree& subtree) {
    pending_.push_back(subtree);
    pushed_ += uint64_t{1} << subtree.level;
    while (pending_.size() >= 2 && pending_.back().level < proof::kStoredLevel &&
           pending_[pending_.size() - 2].level == pending_.back().level &&
           // The joined subtree ends where pushed_ does; it must start at a multiple of its width.
           pushed_ % (uint64_t{2} << pending_.back().level) == 0) {
      const proof::Subtree right = pending_.back();
      pending_.pop_back();
      pending_.back() = {static_cast<uint8_t>(right.level + 1),
                         proof::NodeHash(pending_.back().hash, right.hash)};
    }
  }

  void Flush() {
    for (const proof::Subtree& subtree : pending_) facts_.steps.push_back(subtree);
    pending_.clear();
  }

  // ---- Groups ----

  void Group(Position first, std::string_view entries) {
    facts_.bytes += entries.size();
    // Blobs of groups that are not there.
    while (blobs_item_ && blobs_item_->key < first) StrayBlobs();
    std::string_view blobs;
    bool blobs_known = first >= blobs_known_from_;
    if (blobs_item_ && blobs_item_->key == first) {
      blobs = blobs_item_->bytes;
      facts_.bytes += blobs.size();
      blobs_known = true;
    }
    auto view = log::GroupView::Parse(entries, blobs);
    if (!view.ok() && !blobs.empty()) {
      // The group may have been rewritten (log/rewrite.h) between the readings of its two parts: both as they are now.
      auto now = log_.engine->ReadGroup(log_.number, first, /*with_blobs=*/true);
      if (now.ok() && now->first == first) {
        rewritten_ = *std::move(now);
        entries = rewritten_.entries;
        blobs = rewritten_.blobs;
        view = log::GroupView::Parse(entries, blobs);
      }
    }
    if (!view.ok() && !blobs.empty()) {
      const absl::Status why = view.status();
      view = log::GroupView::Parse(entries, {});
      if (view.ok()) {
        blobs_known = false;
        Add(log::GroupChecksumHolds(blobs) ? ProblemKind::kSection : ProblemKind::kUnreadable, first,
            Str("the stored sections of this group: ", ToStd(why.message())));
      }
    }
    if (!view.ok()) {
      AddHole(log::GroupChecksumHolds(entries) ? ProblemKind::kMalformedEntry
                                               : ProblemKind::kUnreadable,
              view.status());
    } else {
      pushed_ = first.value();
      const bool has_blobs = blobs_known && !blobs.empty();
      for (const log::GroupItem& item : view->items()) {
        const Position position(first.value() + item.offset);
        if (item.leaf.empty()) {
          Withheld(position, item.withheld);
        } else {
          Push({0, proof::LeafHash(item.leaf)});
          ++facts_.held;
          Leaf(position, item, *view, has_blobs, blobs_known);
        }
      }
      next_ = Position(first.value() + view->count());
      Flush();
    }
    if (blobs_item_ && blobs_item_->key == first) NextBlobs();
  }

  void Withheld(Position position, const proof::Subtree& subtree) {
    const uint64_t leaves = uint64_t{1} << subtree.level;
    facts_.withheld += leaves;
    if (position == Position(0)) {
      Add(ProblemKind::kGenesis, position, "the Genesis entry is withheld");
    }
    // Of an own log nothing is withheld: it was erased, or somebody removed it.
    if (log_.whole) AppendParts(facts_.gone, {.from = position, .count = leaves, .leaf = true});
    if (position.value() % leaves != 0) {
      AddHole(ProblemKind::kMalformedEntry,
              absl::DataLossError("a withheld subtree does not start at a multiple of its size"));
    } else {
      Push(subtree);
    }
  }

  void Leaf(Position position, const log::GroupItem& item, const log::GroupView& view,
            bool has_blobs, bool blobs_known) {
    if (const absl::Status status = log::ParseHeader(item.leaf, header_); !status.ok()) {
      Add(ProblemKind::kMalformedEntry, position, std::string(ToStd(status.message())));
      facts_.unjudged.push_back(position);
      return;
    }
    CheckGenesis(position);
    const Order order(header_.order());
    if (!facts_.first_order) {
      facts_.first_order.emplace(position, order);
    } else if (order <= facts_.last_order->second) {
      Add(ProblemKind::kOrder, position,
          Str("its order is not above that of position ",
              facts_.last_order->first.value(), ": moved, repeated or altered"));
    }
    facts_.last_order.emplace(position, order);
    CheckNumbers(position);
    CheckControl(position);
    if (log_.index != nullptr) log_.index->Expect(log_.number, position, header_, scratch_);
    if (!blobs_known) return;
    sections_.clear();
    if (has_blobs) view.BlobsAt(item.offset, sections_);
    CheckSections(position, item.leaf, sections_);
  }

  void CheckGenesis(Position position) {
    const bool genesis = header_.type() == log::kGenesisType;
    if (!genesis && position != Position(0)) return;
    if (!genesis) {
      Add(ProblemKind::kGenesis, position, "the log does not begin with a Genesis entry");
      return;
    }
    if (position != Position(0)) {
      Add(ProblemKind::kGenesis, position, "a second Genesis entry");
      return;
    }
    event::v1::Genesis content;
    if (!content.ParseFromString(header_.control()) || content.format() != kFormat) {
      Add(ProblemKind::kGenesis, position, "its content is not a Genesis of format 1");
    } else if (content.origin() != log_.origin) {
      Add(ProblemKind::kGenesis, position,
          "it names another origin: this is the log of somebody else");
    } else if (log_.keys != nullptr &&
               content.signing_key() != log_.keys->first().key().view()) {
      Add(ProblemKind::kGenesis, position, "it names another signing key than the one given");
    }
  }

  void CheckNumbers(Position position) {
    for (const auto& disclosure : header_.disclosures()) {
      if (!log_.own && disclosure.receiver() != log_.own_agency) continue;
      const auto [it, added] = facts_.numbers.try_emplace(disclosure.receiver());
      NumberRun& run = it->second;
      if (added) {
        run.position = position;
        run.first = disclosure.number();
      } else if (disclosure.number() != run.last + 1) {
        facts_.number_holes.emplace_back(
            disclosure.receiver(),
            NumberHole{run.last_position, position, run.last, disclosure.number()});
      }
      run.last_position = position;
      run.last = disclosure.number();
    }
  }

  void CheckControl(Position position) {
    if (const auto why = ReadErasureFacts(header_, log_.origin, position, log_.own_agency,
                                          facts_.erasures)) {
      Add(ProblemKind::kErasure, position, *why);
    }
    if (header_.type() == event::v1::KeyChanged::descriptor()->full_name() &&
        !header_.control().empty()) {
      facts_.steps.push_back(SigningChange{position, header_.control()});
    }
  }

  // The kinds of sections that the header discloses to the agency whose store this is.
  SectionSet Listed() const {
    SectionSet listed;
    for (const auto& disclosure : header_.disclosures()) {
      if (disclosure.receiver() != log_.own_agency) continue;
      listed = listed | SectionsIn(disclosure.sections());
    }
    return listed;
  }

  void CheckSections(Position position, std::string_view leaf,
                     const std::vector<log::BlobView>& blobs) {
    facts_.sections += blobs.size();
    size_t next = 0;
    const SectionSet listed = log_.own ? SectionSet() : Listed();
    SectionSet gone;
    SectionSet unlisted;
    for (const auto& committed : header_.commitments()) {
      const auto kind = static_cast<SectionKind>(committed.kind());
      while (next < blobs.size() && blobs[next].kind < kind) StrayBlob(position, blobs[next++]);
      if (next == blobs.size() || blobs[next].kind != kind) {
        if (log_.whole ? IsErasable(kind) : listed.has(kind)) {
          gone.add(kind);
        } else if (log_.whole) {
          Add(ProblemKind::kMissingSection, position,
              Str("its ", KindName(kind), " section is gone"));
        }
        continue;
      }
      const log::BlobView& blob = blobs[next++];
      if (!log_.own && !blob.secret.empty() && !listed.has(kind)) unlisted.add(kind);
      if (log_.own ? !blob.secret.empty()
                   : !blob.secret.empty() && blob.secret.size() != vault::kWrappedSecretBytes) {
        Add(ProblemKind::kSection, position,
            Str("its ", KindName(kind), " section has a secret of ", blob.secret.size(),
                " bytes beside it"));
      } else if (log_.open != nullptr) {
        Open(position, leaf, blobs, blob, *Hash::FromBytes(committed.commitment()));
      }
    }
    while (next < blobs.size()) StrayBlob(position, blobs[next++]);
    if (!gone.empty()) AppendParts(facts_.gone, {.from = position, .sections = gone});
    if (!unlisted.empty()) AppendParts(facts_.unlisted, {.from = position, .sections = unlisted});
  }

  // A kind that a SectionSet, and so an Erased, can name.
  static bool IsErasable(SectionKind kind) {
    SectionSet set;
    set.add(kind);
    return !set.empty();
  }

  void Open(Position position, std::string_view leaf, const std::vector<log::BlobView>& blobs,
            const log::BlobView& blob, const Hash& commitment) {
    const auto secret = (*log_.open)(
        log::EntryView{log_.number, position, leaf, &header_, blobs}, log_.origin, blob);
    if (!secret.ok()) {
      Add(ProblemKind::kSection, position,
          Str("its ", KindName(blob.kind), " section: ", ToStd(secret.status().message())));
      return;
    }
    if (!*secret) {
      // An erasure takes the section with its key.
      if (log_.own) {
        Add(ProblemKind::kSection, position,
            Str("its ", KindName(blob.kind), " section is stored, but the keystore has no key for it"));
      }
      return;
    }
    if ((*secret)->size() != vault::SectionSecret::kBytes) {
      Add(ProblemKind::kSection, position, "its secret has the wrong length");
      return;
    }
    const auto plaintext =
        vault::OpenSection(vault::SectionSecret(**secret), commitment, log_.origin,
                           *EventId::FromBytes(header_.event_id()), blob.kind, blob.blob);
    if (plaintext.ok()) {
      ++facts_.opened;
    } else {
      Add(ProblemKind::kSection, position,
          Str("its ", KindName(blob.kind), " section: ", ToStd(plaintext.status().message())));
    }
  }

  void StrayBlob(Position position, const log::BlobView& blob) {
    Add(ProblemKind::kStraySection, position,
        Str("a stored ", KindName(blob.kind), " section that its header does not commit to"));
  }

  // ---- Blobs ----

  void NextBlobs() {
    blobs_item_ = blobs_.Next();
    if (blobs_item_ && !blobs_item_->hole_before.ok()) {
      BlobsUnreadable(blobs_item_->hole_before);
      // Of the groups before it nothing is known.
      blobs_known_from_ = blobs_item_->key;
    } else if (!blobs_item_ && !blobs_.end_hole().ok()) {
      blobs_known_from_ = to_;
    }
  }

  void BlobsUnreadable(const absl::Status& why) {
    Add(ProblemKind::kUnreadable, next_,
        Str("stored sections of groups from here on cannot be read: ", ToStd(why.message())));
  }

  void StrayBlobs() {
    Add(ProblemKind::kStraySection, blobs_item_->key,
        "stored sections where no group of entries starts");
    NextBlobs();
  }

  const ScannedLog& log_;
  const Position to_;
  PatientCursor entries_;
  PatientCursor blobs_;
  PatientCursor checkpoints_;
  std::optional<PatientCursor::Item> blobs_item_;
  Position blobs_known_from_;
  std::optional<PatientCursor::Item> checkpoint_;
  Position checked_to_;
  Position next_;
  std::vector<proof::Subtree> pending_;
  uint64_t pushed_ = 0;
  event::v1::Header header_;
  std::string scratch_;
  std::vector<log::BlobView> sections_;  // of the entry looked at
  log::StoredGroup rewritten_;
  RunFacts facts_;
};

}  // namespace

absl::StatusOr<Hash> VerifyStoredCheckpoint(std::string_view note, std::string_view origin,
                                            Position size, const proof::VerifierKey* key) {
  proof::Checkpoint checkpoint;
  if (key != nullptr) {
    POLKU_ASSIGN_OR_RETURN(checkpoint, proof::VerifyCheckpoint(note, *key));
  } else {
    POLKU_ASSIGN_OR_RETURN(const proof::Note parsed, proof::ParseNote(note));
    POLKU_ASSIGN_OR_RETURN(checkpoint, proof::ParseCheckpointBody(parsed.body));
  }
  if (checkpoint.origin != origin) {
    return Error(absl::StatusCode::kUnauthenticated, "it is of ", checkpoint.origin);
  }
  if (checkpoint.size != size) {
    return Error(absl::StatusCode::kUnauthenticated, "it says ", checkpoint.size.value(),
                 " entries: a checkpoint of another size stands in its place");
  }
  return checkpoint.root;
}

RunFacts ScanRun(const ScannedLog& log, Position from, Position to) {
  return Scanner(log, from, to).Run();
}

}  // namespace polku::evidence
