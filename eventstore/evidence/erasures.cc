#include "eventstore/evidence/erasures.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "eventstore/base/status.h"
#include "eventstore/log/entry.h"
#include "eventstore/log/group.h"

namespace polku::evidence {
namespace {

constexpr SectionSet kNone;

// Those of the kinds that may be erased or disclosed by name.
std::vector<SectionKind> KindsOf(SectionSet sections) {
  std::vector<SectionKind> kinds;
  for (int kind = 1; kind <= 8; ++kind) {
    if (sections.has(static_cast<SectionKind>(kind))) kinds.push_back(static_cast<SectionKind>(kind));
  }
  return kinds;
}

// What is stored of one entry.
struct Held {
  bool leaf = false;
  SectionSet committed;
  SectionSet stored;
  SectionSet opened;  // with a secret
};

// Ascending reads of single entries: a group is read once for all that is asked of it.
class HeldReader {
 public:
  HeldReader(log::Engine& engine, LogNumber log) : engine_(engine), log_(log) {}

  // nullopt: it cannot be read, which is told elsewhere.
  std::optional<Held> At(Position position) {
    if (!view_ || position < group_.first || position >= end_) {
      view_.reset();
      auto group = engine_.ReadGroup(log_, position, /*with_blobs=*/true);
      if (!group.ok()) return std::nullopt;
      group_ = *std::move(group);
      auto view = log::GroupView::Parse(group_.entries, group_.blobs);
      if (!view.ok()) return std::nullopt;
      view_ = *std::move(view);
      end_ = Position(group_.first.value() + view_->count());
      if (position >= end_) return std::nullopt;
    }
    const uint64_t offset = position.value() - group_.first.value();
    const auto& items = view_->items();
    const auto next = std::upper_bound(items.begin(), items.end(), offset,
                                       [](uint64_t at, const auto& item) { return at < item.offset; });
    if (next == items.begin()) return std::nullopt;
    const log::GroupItem& item = *std::prev(next);
    Held held;
    if (item.leaf.empty()) return held;
    if (!log::ParseHeader(item.leaf, header_).ok()) return std::nullopt;
    held.leaf = true;
    for (const auto& commitment : header_.commitments()) {
      held.committed.add(static_cast<SectionKind>(commitment.kind()));
    }
    view_->BlobsAt(offset, blobs_);
    for (const log::BlobView& blob : blobs_) {
      held.stored.add(blob.kind);
      if (!blob.secret.empty()) held.opened.add(blob.kind);
    }
    return held;
  }

 private:
  log::Engine& engine_;
  const LogNumber log_;
  log::StoredGroup group_;
  std::optional<log::GroupView> view_;  // into group_
  Position end_;
  event::v1::Header header_;
  std::vector<log::BlobView> blobs_;
};

class Judge {
 public:
  Judge(ErasureInput input, const std::function<bool(const ErasedClaim&)>& retained,
        const std::function<void(ProblemKind, std::optional<Position>, std::string)>& add)
      : input_(std::move(input)), retained_(retained), add_(add) {}

  ErasureVerdict Run() && {
    const auto by_place = [](const auto& a, const auto& b) {
      return std::tie(a.position, a.by_epoch, a.by) < std::tie(b.position, b.by_epoch, b.by);
    };
    std::sort(input_.claims.begin(), input_.claims.end(), by_place);
    std::sort(input_.gone.begin(), input_.gone.end(),
              [](const Parts& a, const Parts& b) { return a.from < b.from; });
    CheckClaims();
    CheckGone();
    CheckNumbers();
    CheckLater();
    return std::move(verdict_);
  }

 private:
  // All that is named of one entry.
  const ErasedClaim* Named(Position position) const {
    const auto found = std::lower_bound(
        named_.begin(), named_.end(), position,
        [](const ErasedClaim& claim, Position at) { return claim.position < at; });
    return found != named_.end() && found->position == position ? &*found : nullptr;
  }

  std::string NameOf(const ErasedClaim& claim) const {
    return Str("the Erased at position ", claim.by.value(),
               claim.by_epoch == 0 ? std::string()
                                   : Str(" of ", OriginOfEpoch(input_.origin, claim.by_epoch)));
  }
  // What is wrong with the Erased itself: at its place, where that is in this log.
  void AddWrong(const ErasedClaim& claim, std::string_view what) {
    if (claim.by_epoch == 0) {
      add_(ProblemKind::kErasure, claim.by, Str("this Erased ", what));
    } else {
      add_(ProblemKind::kErasure, claim.position, Str(NameOf(claim), " ", what));
    }
  }

  // Each part is named once, was there, and is there no more.
  void CheckClaims() {
    HeldReader reader(*input_.engine, input_.number);
    for (const ErasedClaim& claim : input_.claims) {
      const bool follows = !named_.empty() && named_.back().position == claim.position;
      if (!follows) {
        held_ = reader.At(claim.position);
        named_.push_back({claim.position, claim.by, kNone, false, claim.by_epoch});
      }
      ErasedClaim& named = named_.back();
      const SectionSet again = named.sections & claim.sections;
      const bool unknown_there = claim.by_epoch > 0 && named.by_epoch == 0 && input_.held_on &&
                                 named.by >= *input_.held_on;
      if (!unknown_there && (!again.empty() || (named.leaf && claim.leaf))) {
        AddWrong(claim, Str("names what ", NameOf(named), " has named before: ",
                            again.empty() ? std::string("the entry")
                                          : Str("the ", KindName(KindsOf(again)[0]), " section"),
                            " of position ", claim.position.value()));
      }
      named.sections = named.sections | claim.sections;
      named.leaf = named.leaf || claim.leaf;
      if (!held_) continue;
      if (!held_->leaf) {
        if (claim.leaf && (verdict_.gone_leaves.empty() ||
                           verdict_.gone_leaves.back() != claim.position)) {
          verdict_.gone_leaves.push_back(claim.position);
        }
        continue;
      }
      const SectionSet never = claim.sections - held_->committed;
      for (const SectionKind kind : KindsOf(never)) {
        AddWrong(claim, Str("names a ", KindName(kind), " section of position ",
                            claim.position.value(), ", which has none"));
      }
      CheckStored(claim);
    }
  }

  void CheckStored(const ErasedClaim& claim) {
    const SectionSet stored = claim.sections & held_->stored;
    if (stored.empty() && !claim.leaf) return;
    if (!input_.own && retained_(claim)) {
      verdict_.retained += KindsOf(stored).size() + (claim.leaf ? 1 : 0);
      return;
    }
    for (const SectionKind kind : KindsOf(stored)) {
      add_(ProblemKind::kNotErased, claim.position,
           Str("its ", KindName(kind), " section is stored, but ", NameOf(claim),
               " says that it is gone"));
    }
    if (claim.leaf) {
      add_(ProblemKind::kNotErased, claim.position,
           Str("the entry is stored, but ", NameOf(claim), " says that it is gone"));
    }
  }

  void CheckGone() {
    for (const Parts& parts : input_.gone) {
      if (parts.leaf) {
        CheckGoneEntries(parts);
        continue;
      }
      for (uint64_t i = 0; i < parts.count; ++i) {
        const Position position(parts.from.value() + i);
        const ErasedClaim* named = Named(position);
        // What is erased with its entry goes with all its sections.
        const SectionSet explained = named == nullptr ? kNone
                                     : named->leaf    ? parts.sections
                                                      : parts.sections & named->sections;
        verdict_.erased += KindsOf(explained).size();
        if (input_.sections_lost) continue;
        for (const SectionKind kind : KindsOf(parts.sections - explained)) {
          add_(ProblemKind::kMissingSection, position, Str("its ", KindName(kind), " section is gone"));
        }
      }
    }
  }

  void CheckGoneEntries(const Parts& parts) {
    auto named = std::lower_bound(
        named_.begin(), named_.end(), parts.from,
        [](const ErasedClaim& claim, Position at) { return claim.position < at; });
    Position next = parts.from;
    const auto missing = [&](Position to) {
      if (next >= to) return;
      const uint64_t last = to.value() - 1;
      add_(ProblemKind::kMissingEntry, next,
           next.value() == last ? std::string("the entry is gone, its hash alone is stored")
                                : Str("entries ", next.value(), " to ", last,
                                      " are gone, their hashes alone are stored"));
    };
    for (; named != named_.end() && named->position < parts.end(); ++named) {
      if (!named->leaf) continue;
      missing(named->position);
      ++verdict_.erased;
      next = named->position.next();
    }
    missing(parts.end());
  }

  void CheckNumbers() {
    for (const NumberHole& hole : input_.numbers) {
      const uint64_t gone = CountBetween(verdict_.gone_leaves, hole.after, hole.before);
      if (!hole.descends() && hole.missing() <= gone) {
        verdict_.erased += hole.missing();
        continue;
      }
      add_(ProblemKind::kDisclosureNumber, hole.before, DescribeNumbers(hole, input_.receiver));
    }
  }

  void CheckLater() {
    if (input_.own) return;
    auto& later = input_.later;
    std::stable_sort(later.begin(), later.end(),
                     [](const auto& a, const auto& b) { return a.position < b.position; });
    size_t kept = 0;
    for (size_t i = 0; i < later.size(); ++i) {
      if (kept > 0 && later[kept - 1].position == later[i].position) {
        later[kept - 1].sections = later[kept - 1].sections | later[i].sections;
      } else {
        later[kept++] = later[i];
      }
    }
    later.resize(kept);
    HeldReader reader(*input_.engine, input_.number);
    for (const OpenedLater& opened : later) {
      const ErasedClaim* named = Named(opened.position);
      std::optional<SectionSet> open = opened.sections;
      if (named != nullptr) {
        open = log::StillWanted(opened.sections,
                                log::ErasedPart{named->position, named->sections, named->leaf});
      }
      if (!open) continue;
      const std::optional<Held> held = reader.At(opened.position);
      if (!held) continue;
      const SectionSet left = held->leaf ? (*open & held->committed) - held->opened : *open;
      if (!held->leaf || !left.empty()) verdict_.wanted.push_back({opened.position, left});
    }
    if (input_.own_agency) return;
    for (const Parts& parts : input_.unlisted) {
      for (uint64_t i = 0; i < parts.count; ++i) {
        const Position position(parts.from.value() + i);
        const auto found = std::lower_bound(
            later.begin(), later.end(), position,
            [](const OpenedLater& opened, Position at) { return opened.position < at; });
        const bool opened = found != later.end() && found->position == position;
        for (const SectionKind kind : KindsOf(parts.sections - (opened ? found->sections : kNone))) {
          add_(ProblemKind::kStraySection, position,
               Str("its ", KindName(kind),
                   " section is stored with its secret, but was not disclosed to this agency"));
        }
      }
    }
  }

  ErasureInput input_;
  const std::function<bool(const ErasedClaim&)>& retained_;
  const std::function<void(ProblemKind, std::optional<Position>, std::string)>& add_;
  std::vector<ErasedClaim> named_;  // ascending, one a position
  std::optional<Held> held_;        // of the claim looked at
  ErasureVerdict verdict_;
};

}  // namespace

std::string KindName(SectionKind kind) {
  const std::string_view name = SectionKindName(kind);
  return name.empty() ? Str("kind-", static_cast<int>(kind)) : std::string(name);
}

void AppendParts(std::vector<Parts>& parts, const Parts& more) {
  if (!parts.empty() && parts.back().end() == more.from && parts.back().leaf == more.leaf &&
      parts.back().sections == more.sections) {
    parts.back().count += more.count;
  } else {
    parts.push_back(more);
  }
}

std::string DescribeNumbers(const NumberHole& hole, std::string_view receiver) {
  return Str("running number ", hole.number, " for ", receiver, " follows ", hole.follows);
}

uint64_t CountBetween(const std::vector<Position>& positions, Position after, Position before) {
  const auto from = std::upper_bound(positions.begin(), positions.end(), after);
  const auto to = std::lower_bound(from, positions.end(), before);
  return static_cast<uint64_t>(to - from);
}

uint64_t CountLeavesBetween(const std::vector<Parts>& parts, Position after, Position before) {
  auto part = std::partition_point(parts.begin(), parts.end(),
                                   [&](const Parts& one) { return one.end() <= after.next(); });
  uint64_t count = 0;
  for (; part != parts.end() && part->from < before; ++part) {
    if (!part->leaf) continue;
    count += std::min(part->end(), before).value() - std::max(part->from, after.next()).value();
  }
  return count;
}

std::string OriginOfEpoch(std::string_view origin, uint32_t epoch) {
  return Str(origin.substr(0, origin.rfind('/') + 1), epoch);
}

absl::StatusOr<log::NamedParts> ReadErased(std::string_view control, std::string_view origin,
                                           Position position) {
  POLKU_ASSIGN_OR_RETURN(auto named, log::ParseErased(control, origin, position));
  const auto bad = [](std::string_view what) { return Error(absl::StatusCode::kDataLoss, "Erased: ", what); };
  event::v1::Erased erased;
  if (!erased.ParseFromArray(control.data(), static_cast<int>(control.size())) ||
      erased.erasure_id().size() != EventId::kBytes || erased.fence().size() != Hash::kBytes) {
    return bad("its id has not 16 bytes or its fence not 32");
  }
  const bool whole_entries = erased.tier() == event::v1::ERASURE_TIER_ENTRIES;
  if (!whole_entries && erased.tier() != event::v1::ERASURE_TIER_SECTIONS) return bad("it has no tier");
  for (const log::ErasedPart& part : named.parts) {
    if (part.leaf && !whole_entries) return bad("it names whole entries, which are not of its tier");
  }
  return named;
}

std::optional<std::string> ReadErasureFacts(const event::v1::Header& header, std::string_view origin,
                                            Position position, std::string_view own_agency,
                                            ErasureFacts& facts) {
  if (header.has_later() && header.later().receiver() == own_agency) {
    for (const auto& entry : header.later().entries()) {
      if (entry.position() >= position.value()) continue;
      facts.later.push_back({Position(entry.position()), SectionsIn(entry.sections())});
    }
  }
  if (header.control().empty()) return std::nullopt;
  if (header.type() == log::kGenesisType && position == Position()) {
    event::v1::Genesis genesis;
    if (genesis.ParseFromString(header.control()) && genesis.has_predecessor() &&
        IsEarlierEpoch(genesis.predecessor().origin(), origin)) {
      facts.predecessor.emplace(genesis.predecessor().origin(),
                                Position(genesis.predecessor().held_size()));
    }
  } else if (header.type() == log::kErasedType) {
    const auto named = ReadErased(header.control(), origin, position);
    if (!named.ok()) return std::string(ToStd(named.status().message()));
    const bool of_this = named->origin == origin;
    const auto own = OriginName::Parse(origin);
    for (const log::ErasedPart& part : named->parts) {
      ErasedClaim claim{part.position, position, part.sections, part.leaf};
      if (of_this) {
        facts.claims.push_back(claim);
      } else if (own.ok()) {
        claim.by_epoch = own->epoch();
        facts.earlier.emplace_back(named->origin, claim);
      }
    }
  } else if (header.type() == event::v1::ErasureAnswered::descriptor()->full_name()) {
    event::v1::ErasureAnswered answer;
    if (!answer.ParseFromString(header.control())) return "its content is not an ErasureAnswered";
    facts.answers.push_back({answer.origin(), Position(answer.position()),
                             answer.outcome() == event::v1::ERASURE_OUTCOME_RETAINED});
  }
  return std::nullopt;
}

ErasureVerdict JudgeErasures(
    ErasureInput input, const std::function<bool(const ErasedClaim&)>& retained,
    const std::function<void(ProblemKind, std::optional<Position>, std::string)>& add) {
  return Judge(std::move(input), retained, add).Run();
}

}  // namespace polku::evidence
