// The contract of eventstore/log/rewrite.h and of the indexes that go with it, run over every engine.
#ifndef POLKU_TESTS_LOG_REWRITE_CONFORMANCE_H_
#define POLKU_TESTS_LOG_REWRITE_CONFORMANCE_H_

#include <algorithm>
#include <map>
#include <set>

#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/records.h"
#include "eventstore/log/replica_log.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/log/tree.h"
#include "tests/log/log_conformance.h"
#include "tests/log/naive_tree.h"

namespace polku::log {

inline constexpr std::string_view kOtherOrigin = "FI/GOV/0245437-2/kela/compensation/1";

inline SectionSet Sections(std::initializer_list<SectionKind> kinds) {
  SectionSet sections;
  for (const SectionKind kind : kinds) sections.add(kind);
  return sections;
}

// What another origin's log holds, and what of it is stored here.
class Origin {
 public:
  struct Entry {
    std::string leaf;
    event::v1::Header header;
    std::map<SectionKind, std::string> blobs;
    bool held = false;
    bool erased = false;
    std::set<SectionKind> sections;  // held
  };

  explicit Origin(uint64_t seed) : generator_(seed) { AddControl(kGenesisType, "genesis"); }

  event::v1::Header NewHeader(uint64_t case_number, std::initializer_list<SectionKind> kinds) {
    event::v1::Header header;
    header.set_event_id(generator_.Bytes(EventId::kBytes));
    header.set_type("polku.attendance.v1.DayRecorded");
    header.set_author_agency("FI/GOV/0245437-2/kela");
    header.set_case_id(std::string(TestCase(case_number).view()));
    header.set_case_revision(++revisions_[case_number]);
    header.set_order(1'000 + entries_.size());
    for (const SectionKind kind : kinds) {
      auto* commitment = header.add_commitments();
      commitment->set_kind(static_cast<event::v1::SectionKind>(kind));
      commitment->set_commitment(generator_.Bytes(Hash::kBytes));
    }
    return header;
  }
  Position Add(const event::v1::Header& header) {
    Entry& entry = entries_.emplace_back();
    entry.header = header;
    entry.leaf = MakeLeaf(generator_.Bytes(kLeafRandomBytes), header.SerializeAsString());
    for (const auto& commitment : header.commitments()) {
      entry.blobs[static_cast<SectionKind>(commitment.kind())] =
          generator_.Bytes(20 + generator_.Below(60));
    }
    tree_.Add(proof::LeafHash(entry.leaf));
    return Position(entries_.size() - 1);
  }
  Position AddControl(std::string_view type, std::string control) {
    event::v1::Header header;
    header.set_event_id(generator_.Bytes(EventId::kBytes));
    header.set_type(std::string(type));
    header.set_author_agency("FI/GOV/0245437-2/kela");
    header.set_order(1'000 + entries_.size());
    header.set_control(std::move(control));
    return Add(header);
  }

  // Everything from `from` on as a verified batch: entries that are `held` with their sections, runs of
  // others as the fewest subtrees.
  VerifiedBatch BatchFrom(const LogHead& before) {
    VerifiedBatch batch;
    batch.first = before.frontier.size();
    batch.head = before;
    batch.checkpoint = Str("note ", entries_.size());
    GroupWriter writer;
    Position first = batch.first;
    std::vector<Hash> run;
    const auto end_run = [&] {
      const Position start(first.value() + writer.count());
      for (const proof::Subtree& subtree : proof::CoverRange(start, run)) {
        writer.AddWithheld(subtree);
        EXPECT_THAT(batch.head.frontier.AppendSubtree(subtree, &batch.nodes), testing::IsOk());
      }
      run.clear();
    };
    const auto close = [&] {
      GroupWriter::Encoded encoded = std::move(writer).Finish();
      batch.groups.push_back({first, std::move(encoded.entries), std::move(encoded.blobs)});
      writer = GroupWriter();
      first = batch.head.frontier.size();
    };
    for (size_t i = first.value(); i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      if (!entry.held) {
        run.push_back(proof::LeafHash(entry.leaf));
        continue;
      }
      end_run();
      writer.AddLeaf(entry.leaf);
      batch.head.frontier.AppendLeafHash(proof::LeafHash(entry.leaf), &batch.nodes);
      for (const SectionKind kind : entry.sections) {
        writer.AddBlob(kind, std::string(72, 'w'), entry.blobs.at(kind));
      }
      if (generator_.Below(50) == 0) close();
    }
    end_run();
    if (writer.count() > 0) close();
    return batch;
  }

  // As the origin would answer a Fetch.
  Fill FillOf(Position position, const std::set<SectionKind>& kinds) {
    const Entry& entry = entries_[position.value()];
    Fill fill;
    fill.position = position;
    fill.leaf = entry.leaf;
    for (const SectionKind kind : kinds) {
      fill.blobs.push_back({kind, std::string(72, 'f'), entry.blobs.at(kind)});
    }
    for (uint8_t level = 0;; ++level) {
      const uint64_t index = position.value() >> level;
      const uint64_t begin = (index ^ 1) << level;
      const uint64_t parent_end = ((index >> 1) + 1) << (level + 1);
      if (parent_end > entries_.size()) return fill;
      fill.siblings.push_back(tree_.Root(begin, begin + (uint64_t{1} << level)));
    }
  }

  std::vector<Entry>& entries() { return entries_; }
  Entry& at(Position position) { return entries_[position.value()]; }
  NaiveTree& tree() { return tree_; }
  testing::SeededGenerator& generator() { return generator_; }

 private:
  testing::SeededGenerator generator_;
  std::vector<Entry> entries_;
  std::map<uint64_t, uint64_t> revisions_;
  NaiveTree tree_;
};

class RewriteConformance : public ::testing::TestWithParam<EngineParam> {
 protected:
  RewriteConformance() : home_(GetParam().make()), origin_(testing::TestSeed()) {}

  void SetUp() override {
    signer_ = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
    OpenReplica();
  }
  void OpenReplica() {
    auto replica = ReplicaLog::Open(engine(), *OriginName::Parse(kOtherOrigin));
    ASSERT_THAT(replica, testing::IsOk());
    replica_ = *std::move(replica);
  }
  // The store is then that of kTestAgency.
  void OpenOwnLog() {
    auto log = Log::Open(engine(), {*OriginName::Parse(kTestOrigin), clock_.Function(),
                                    SystemRandom(), signer_.get()},
                         kTestCurveKey);
    ASSERT_THAT(log, testing::IsOk());
    log_ = *std::move(log);
  }
  void Reopen() {
    replica_.reset();
    const bool own = log_ != nullptr;
    log_.reset();
    home_->Reopen();
    if (own) OpenOwnLog();
    OpenReplica();
  }
  Engine& engine() { return home_->engine(); }
  LogNumber log() const { return replica_->number(); }
  absl::Status Store() { return replica_->Append(origin_.BatchFrom(replica_->head())); }

  // `count` entries of one case, all withheld, and the stored end.
  void StoreWithheld(uint64_t count, std::initializer_list<SectionKind> kinds = {}) {
    for (uint64_t i = 0; i < count; ++i) origin_.Add(origin_.NewHeader(1, kinds));
    ASSERT_THAT(Store(), testing::IsOk());
  }

  void ExpectIndexIsWhatARebuildMakes() {
    const auto before = WholeIndex(engine());
    ASSERT_THAT(RebuildIndex(engine(), nullptr), testing::IsOk());
    EXPECT_EQ(WholeIndex(engine()), before);
  }

  std::vector<Position> Wanted() {
    std::vector<Position> positions;
    const auto wanted = WantedEntries(engine(), log());
    EXPECT_THAT(wanted, testing::IsOk());
    if (wanted.ok()) {
      for (const WantedEntry& entry : *wanted) positions.push_back(entry.position);
    }
    return positions;
  }

  const std::unique_ptr<EngineHome> home_;
  Origin origin_;
  std::unique_ptr<proof::Signer> signer_;
  TestClock clock_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<ReplicaLog> replica_;
};

// ---- Fill ----

TEST_P(RewriteConformance, AnEntryThatIsFilledIsReadProvenAndInItsCase) {
  origin_.at(Position(0)).held = true;
  StoreWithheld(1'023, {SectionKind::kService, SectionKind::kHealth});
  // One subtree of 512 leaves covers it: its nodes of level 8 are hidden until then.
  const Position position(700);
  ASSERT_OK_AND_ASSIGN(HeldPosition held, FindHeld(engine(), log(), position));
  EXPECT_FALSE(held.leaf.has_value());
  EXPECT_EQ(held.withheld.level, 9);
  EXPECT_EQ(held.withheld_from, Position(512));
  TreeReader hidden(engine(), log());
  EXPECT_THAT(hidden.Inclusion(position, Position(1'024)), StatusIs(absl::StatusCode::kNotFound));

  const Fill fill = origin_.FillOf(position, {SectionKind::kHealth});
  for (int round = 0; round < 2; ++round) {  // the second changes nothing
    ASSERT_THAT(FillEntries(engine(), log(), {&fill, 1}), IsOk());
    ASSERT_OK_AND_ASSIGN(held, FindHeld(engine(), log(), position));
    EXPECT_EQ(held.leaf, fill.leaf);
    EXPECT_EQ(held.sections, Sections({SectionKind::kHealth}));
    EXPECT_EQ(held.opened, Sections({SectionKind::kHealth}));
    EXPECT_THAT(TreeReader(engine(), log()).Inclusion(position, Position(1'024)),
                IsOkAndHolds(origin_.tree().Inclusion(700, 1'024)));
    ASSERT_OK_AND_ASSIGN(const auto refs, CaseEntries(engine(), TestCase(1)));
    ASSERT_EQ(refs.size(), 1u);
    EXPECT_EQ(refs[0].position, position);
    EXPECT_EQ(refs[0].revision, Revision(700));
    ExpectIndexIsWhatARebuildMakes();
    Reopen();
  }
  ASSERT_OK_AND_ASSIGN(held, FindHeld(engine(), log(), Position(701)));
  EXPECT_EQ(held.withheld.level, 0) << "its neighbour is a sibling now";
  ASSERT_OK_AND_ASSIGN(held, FindHeld(engine(), log(), Position(512)));
  EXPECT_EQ(held.withheld.level, 7);

  // Another section of the entry comes later; two more entries at once, of one subtree.
  const std::vector<Fill> more = {origin_.FillOf(position, {SectionKind::kService}),
                                  origin_.FillOf(Position(512), {}),
                                  origin_.FillOf(Position(514), {})};
  ASSERT_THAT(FillEntries(engine(), log(), more), IsOk());
  EntryFetcher fetcher(engine());
  ASSERT_OK_AND_ASSIGN(const EntryView entry, fetcher.Fetch(log(), position, true));
  EXPECT_EQ(entry.blobs.size(), 2u);
  EXPECT_THAT(TreeReader(engine(), log()).Inclusion(Position(514), Position(1'024)),
              IsOkAndHolds(origin_.tree().Inclusion(514, 1'024)));
  ExpectIndexIsWhatARebuildMakes();
}

TEST_P(RewriteConformance, WhatIsNotTheWithheldEntryIsRefusedAndNothingIsWritten) {
  origin_.at(Position(0)).held = true;
  StoreWithheld(63, {SectionKind::kService});
  const Fill good = origin_.FillOf(Position(40), {SectionKind::kService});
  const auto index = WholeIndex(engine());
  ASSERT_OK_AND_ASSIGN(const StoredGroup group, engine().ReadGroup(log(), Position(40), true));
  const auto refused = [&](const Fill& fill, std::string_view why,
                           absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    const std::vector<Fill> fills = {origin_.FillOf(Position(9), {}), fill};
    EXPECT_THAT(FillEntries(engine(), log(), fills), StatusIs(code, HasSubstr(std::string(why))));
    EXPECT_EQ(WholeIndex(engine()), index);
    ASSERT_OK_AND_ASSIGN(const StoredGroup now, engine().ReadGroup(log(), Position(40), true));
    EXPECT_EQ(now.entries, group.entries);
    EXPECT_EQ(now.blobs, group.blobs);
  };
  Fill fill = good;
  fill.leaf[20] ^= 1;
  refused(fill, "not the one that is withheld");
  fill = good;
  fill.position = Position(43);
  refused(fill, "not the one that is withheld");
  fill = good;
  fill.siblings[3].data()[7] ^= 1;
  refused(fill, "not the one that is withheld");
  fill = good;
  fill.siblings.resize(2);
  refused(fill, "too few");
  fill = good;
  fill.leaf = "no leaf";
  refused(fill, "prefix");
  fill = good;
  fill.blobs[0].secret = std::string(32, 's');
  refused(fill, "secret");
  fill = origin_.FillOf(Position(1), {});
  fill.position = Position(0);
  refused(fill, "another entry is held");
  fill = good;
  fill.position = Position(64);
  refused(fill, "", absl::StatusCode::kOutOfRange);
  ASSERT_THAT(FillEntries(engine(), log(), {&good, 1}), IsOk());
}

TEST_P(RewriteConformance, WhatWasOpenedLaterIsWantedUntilItIsHeldOrGone) {
  OpenOwnLog();
  OpenReplica();
  origin_.at(Position(0)).held = true;
  for (int i = 0; i < 9; ++i) {
    origin_.Add(origin_.NewHeader(1, {SectionKind::kService, SectionKind::kHealth}));
  }
  // Position 3 is held with one section of two, 4 with both.
  origin_.at(Position(3)).held = true;
  origin_.at(Position(3)).sections = {SectionKind::kService};
  origin_.at(Position(4)).held = true;
  origin_.at(Position(4)).sections = {SectionKind::kService, SectionKind::kHealth};
  event::v1::Header disclosed = origin_.NewHeader(1, {});
  disclosed.set_type(std::string(kDisclosedType));
  disclosed.mutable_later()->set_receiver(std::string(kTestAgency));
  for (const uint64_t position : {1, 2, 3, 4, 5, 6}) {
    auto* entry = disclosed.mutable_later()->add_entries();
    entry->set_position(position);
    if (position == 2) continue;  // the header alone
    entry->add_sections(event::v1::SECTION_KIND_SERVICE);
    entry->add_sections(event::v1::SECTION_KIND_HEALTH);
  }
  origin_.at(origin_.Add(disclosed)).held = true;
  VerifiedBatch batch = origin_.BatchFrom(replica_->head());
  const SectionSet both = Sections({SectionKind::kService, SectionKind::kHealth});
  const SectionSet health = Sections({SectionKind::kHealth});
  batch.wanted = {{Position(1), both}, {Position(2), {}},   {Position(3), health},
                  {Position(5), both}, {Position(6), both}};
  ASSERT_THAT(replica_->Append(batch), IsOk());
  Reopen();
  ExpectIndexIsWhatARebuildMakes();
  ASSERT_OK_AND_ASSIGN(const auto wanted, WantedEntries(engine(), log()));
  ASSERT_EQ(wanted.size(), 5u);
  EXPECT_EQ(wanted[1].position, Position(2));
  EXPECT_TRUE(wanted[1].sections.empty());
  EXPECT_EQ(wanted[2].sections, health);

  const std::vector<Fill> fills = {
      origin_.FillOf(Position(3), {SectionKind::kHealth}),
      origin_.FillOf(Position(1), {SectionKind::kService, SectionKind::kHealth})};
  ASSERT_THAT(FillEntries(engine(), log(), fills), IsOk());
  EXPECT_THAT(Wanted(), ElementsAre(Position(2), Position(5), Position(6)));
  ExpectIndexIsWhatARebuildMakes();

  // Erased since: of 5 one section, 6 whole.
  event::v1::Erased erased;
  auto* part = erased.add_entries();
  part->set_position(5);
  part->add_sections(event::v1::SECTION_KIND_HEALTH);
  part = erased.add_entries();
  part->set_position(6);
  part->set_leaf(true);
  const Position at = origin_.AddControl(kErasedType, erased.SerializeAsString());
  origin_.at(at).held = true;
  ASSERT_THAT(Store(), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto named,
                       ParseErased(erased.SerializeAsString(), kOtherOrigin, at));
  ASSERT_THAT(EraseEntries(engine(), log(), named.parts), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto left, WantedEntries(engine(), log()));
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[1].position, Position(5));
  EXPECT_EQ(left[1].sections, Sections({SectionKind::kService}));
  ExpectIndexIsWhatARebuildMakes();

  const std::vector<Position> gone = {Position(5)};
  ASSERT_THAT(GiveUpWanted(engine(), log(), gone), IsOk());
  EXPECT_THAT(Wanted(), ElementsAre(Position(2)));
  const Fill last = origin_.FillOf(Position(2), {});
  ASSERT_THAT(FillEntries(engine(), log(), {&last, 1}), IsOk());
  EXPECT_TRUE(Wanted().empty());
}

// ---- Holes ----

TEST_P(RewriteConformance, AHoleStaysUnexplainedUntilAnErasedNamesAsMany) {
  OpenOwnLog();
  OpenReplica();
  ASSERT_OK_AND_ASSIGN(auto none, replica_->UnexplainedHoles());
  EXPECT_TRUE(none.empty());
  const auto disclosed = [&](uint64_t number) {
    event::v1::Header header = origin_.NewHeader(2, {});
    auto* disclosure = header.add_disclosures();
    disclosure->set_receiver(std::string(kTestAgency));
    disclosure->set_number(number);
    return origin_.Add(header);
  };
  origin_.at(Position(0)).held = true;
  for (const uint64_t number : {1, 2, 3, 4, 5}) {
    const Position position = disclosed(number);
    origin_.at(position).held = number == 1 || number == 4 || number == 5;
  }
  VerifiedBatch batch = origin_.BatchFrom(replica_->head());
  batch.holes = {{Position(1), Position(4), 2}};
  ASSERT_THAT(replica_->Append(batch), IsOk());
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto holes, replica_->UnexplainedHoles());
    ASSERT_EQ(holes.size(), 1u);
    EXPECT_EQ(holes[0].after, Position(1));
    EXPECT_EQ(holes[0].before, Position(4));
    EXPECT_EQ(holes[0].missing, 2u);
    ExpectIndexIsWhatARebuildMakes();
    Reopen();
  }
  // An Erased of one of the two, then one of the other.
  for (const uint64_t position : {2, 3}) {
    event::v1::Erased erased;
    auto* part = erased.add_entries();
    part->set_position(position);
    part->set_leaf(true);
    origin_.at(origin_.AddControl(kErasedType, erased.SerializeAsString())).held = true;
    batch = origin_.BatchFrom(replica_->head());
    if (position == 3) batch.explained = {Position(4)};
    ASSERT_THAT(replica_->Append(batch), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto holes, replica_->UnexplainedHoles());
    EXPECT_EQ(holes.size(), position == 3 ? 0u : 1u);
    ExpectIndexIsWhatARebuildMakes();
  }
}

TEST_P(RewriteConformance, ARebuildKeepsAMirrorsHoleThatNoRunningNumberShows) {
  origin_.at(Position(0)).held = true;
  for (int i = 0; i < 3; ++i) {
    const Position position = origin_.Add(origin_.NewHeader(2, {}));
    origin_.at(position).held = i != 1;
  }
  VerifiedBatch batch = origin_.BatchFrom(replica_->head());
  batch.holes = {{Position(1), Position(3), 1}};
  ASSERT_THAT(replica_->Append(batch), IsOk());
  ExpectIndexIsWhatARebuildMakes();
  ASSERT_OK_AND_ASSIGN(const auto holes, replica_->UnexplainedHoles());
  EXPECT_EQ(holes.size(), 1u);
}

// ---- Erase ----

TEST_P(RewriteConformance, OfAReplicaSectionsAndLeavesGoAndTheProofsStay) {
  for (int i = 0; i < 600; ++i) {
    const Position position =
        origin_.Add(origin_.NewHeader(i % 5, {SectionKind::kService, SectionKind::kHealth}));
    origin_.at(position).held = true;
    origin_.at(position).sections = {SectionKind::kService, SectionKind::kHealth};
  }
  origin_.at(Position(0)).held = true;
  ASSERT_THAT(Store(), IsOk());
  const std::vector<ErasedPart> parts = {{Position(300), AllSections(), true},
                                         {Position(7), Sections({SectionKind::kHealth}), false},
                                         {Position(301), {}, true}};
  std::vector<PurgeRange> ranges;
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto erased, EraseEntries(engine(), log(), parts));
    if (round == 1) {
      ASSERT_EQ(erased.size(), ranges.size()) << "what is done is in the result of a repeat too";
    }
    ranges = erased;
    for (const PurgeRange& range : ranges) EXPECT_EQ(range.log, log());
    const auto covered = [&](Position position) {
      return std::any_of(ranges.begin(), ranges.end(), [&](const PurgeRange& range) {
        return range.from <= position && position < range.to;
      });
    };
    EXPECT_TRUE(covered(Position(7)) && covered(Position(300)) && covered(Position(301)));
    ASSERT_THAT(engine().Purge(ranges), IsOk());
    Reopen();
    ASSERT_OK_AND_ASSIGN(HeldPosition held, FindHeld(engine(), log(), Position(7)));
    EXPECT_TRUE(held.leaf.has_value());
    EXPECT_EQ(held.sections, Sections({SectionKind::kService}));
    for (const uint64_t gone : {300, 301}) {
      ASSERT_OK_AND_ASSIGN(held, FindHeld(engine(), log(), Position(gone)));
      EXPECT_FALSE(held.leaf.has_value());
      EXPECT_EQ(held.withheld.level, 0);
      EXPECT_EQ(held.withheld.hash, origin_.tree().leaf(gone));
    }
    ExpectIndexIsWhatARebuildMakes();
    TreeReader tree(engine(), log());
    for (const uint64_t position : {1, 7, 256, 299, 302, 600}) {
      EXPECT_THAT(tree.Inclusion(Position(position), Position(601)),
                  IsOkAndHolds(origin_.tree().Inclusion(position, 601)));
    }
    EXPECT_THAT(tree.Consistency(Position(301), Position(601)),
                IsOkAndHolds(origin_.tree().Consistency(301, 601)));
    ASSERT_OK_AND_ASSIGN(const auto refs, CaseEntries(engine(), TestCase(299 % 5)));
    EXPECT_TRUE(std::none_of(refs.begin(), refs.end(), [](const CaseEntryRef& ref) {
      return ref.position == Position(300);
    }));
  }
}

TEST_P(RewriteConformance, AControlEntryIsNeverErased) {
  origin_.at(Position(0)).held = true;
  ASSERT_THAT(Store(), IsOk());
  const ErasedPart part{Position(0), {}, true};
  EXPECT_THAT(EraseEntries(engine(), log(), {&part, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("control")));
  ASSERT_OK_AND_ASSIGN(const HeldPosition held, FindHeld(engine(), log(), Position(0)));
  EXPECT_TRUE(held.leaf.has_value());
  const ErasedPart beyond{Position(1), {}, true};
  EXPECT_THAT(EraseEntries(engine(), log(), {&beyond, 1}),
              StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_P(RewriteConformance, AnOwnLogGoesOnAfterErasures) {
  OpenOwnLog();
  AppendRequest request;
  for (uint64_t id = 1; id <= 600; ++id) {
    NewEntry entry = TestEntry(id, id % 7);
    entry.sections = {TestSection(SectionKind::kService, Str("s", id))};
    entry.disclosures = {{"FI/COM/1/a", AllSections(), Position(0)}};
    request.entries.push_back(std::move(entry));
  }
  ASSERT_THAT(AppendOne(*log_, request).status, IsOk());
  NaiveTree tree;
  {
    ASSERT_OK_AND_ASSIGN(auto reader, EntryReader::Make(engine(), kOwnLog, Position(0), false));
    while (true) {
      ASSERT_OK_AND_ASSIGN(const auto entry, reader->Next());
      if (!entry) break;
      tree.Add(proof::LeafHash(entry->leaf));
    }
  }
  // The newest 300 leaves, so that nothing that is left tells the last running number; also the last entry.
  std::vector<ErasedPart> parts;
  for (uint64_t position = 301; position <= 600; ++position) {
    parts.push_back({Position(position), {}, true});
  }
  ASSERT_THAT(EraseEntries(engine(), kOwnLog, parts), IsOk());
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    ASSERT_OK_AND_ASSIGN(const auto kept, log_->FindRepeat(One(request.entries[0])));
    EXPECT_TRUE(kept.has_value());
    ASSERT_OK_AND_ASSIGN(const auto erased, log_->FindRepeat(One(request.entries[400])));
    EXPECT_FALSE(erased.has_value());
    TreeReader proofs(engine(), kOwnLog);
    EXPECT_THAT(proofs.Inclusion(Position(256), Position(601)),
                IsOkAndHolds(tree.Inclusion(256, 601)));
    EXPECT_THAT(proofs.Inclusion(Position(300), Position(512)),
                IsOkAndHolds(tree.Inclusion(300, 512)));
    EXPECT_THAT(proofs.Consistency(Position(400), Position(601)),
                IsOkAndHolds(tree.Consistency(400, 601)));
    ExpectIndexIsWhatARebuildMakes();
    Reopen();
    NewEntry next = TestEntry(1'000 + static_cast<uint64_t>(round), 3);
    next.disclosures = {{"FI/COM/1/a", {}, Position(0)}};
    const AppendResult result = AppendOne(*log_, One(next));
    ASSERT_THAT(result.status, IsOk());
    EntryFetcher fetcher(engine());
    ASSERT_OK_AND_ASSIGN(const EntryView entry,
                         fetcher.Fetch(kOwnLog, result.receipts[0].position, false));
    EXPECT_EQ(entry.header->disclosures(0).number(), 601u + static_cast<uint64_t>(round))
        << "no number is given twice";
  }
}

TEST_P(RewriteConformance, ControlEntriesAreFoundByType) {
  OpenOwnLog();
  OpenReplica();
  origin_.at(Position(0)).held = true;
  for (int i = 0; i < 20; ++i) {
    origin_.at(origin_.Add(origin_.NewHeader(3, {}))).held = true;
    if (i % 5 == 0) origin_.at(origin_.AddControl("polku.event.v1.SchemaAdded", "s")).held = true;
  }
  ASSERT_THAT(Store(), IsOk());
  NewEntry control;
  control.id = TestEvent(1);
  control.type = "polku.event.v1.AgreementChanged";
  control.author_agency = kTestAgency;
  control.control = "agreement";
  ASSERT_THAT(AppendOne(*log_, One(control)).status, IsOk());
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto added,
                         ControlEntries(engine(), log(), "polku.event.v1.SchemaAdded"));
    ASSERT_EQ(added.size(), 4u);
    EXPECT_EQ(added[0].position, Position(2));
    EXPECT_EQ(added[3].position, Position(20));
    ASSERT_OK_AND_ASSIGN(const auto all, ControlEntries(engine(), log(), ""));
    EXPECT_EQ(all.size(), 5u);
    EXPECT_EQ(all[0].type, kGenesisType);
    ASSERT_OK_AND_ASSIGN(const auto own, ControlEntries(engine(), kOwnLog, ""));
    ASSERT_EQ(own.size(), 2u);
    EXPECT_EQ(own[1].type, control.type);
    ExpectIndexIsWhatARebuildMakes();
    Reopen();
  }
}

TEST(ParseErased, RefusesWhatIsNotOfItsForm) {
  event::v1::Erased erased;
  constexpr std::string_view kOrigin = "FI/ORG/9999992-5/toimintatupa/attendance/3";
  const auto parse = [&] {
    return ParseErased(erased.SerializeAsString(), kOrigin, Position(6)).status();
  };
  EXPECT_THAT(parse(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("1 to 4,096")));
  auto* entry = erased.add_entries();
  entry->set_position(5);
  EXPECT_THAT(parse(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("nothing")));
  entry->add_sections(event::v1::SECTION_KIND_HEALTH);
  EXPECT_THAT(parse(), IsOk());
  entry->add_sections(event::v1::SECTION_KIND_SERVICE);
  EXPECT_THAT(parse(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("sections")));
  entry->clear_sections();
  entry->set_leaf(true);
  EXPECT_THAT(parse(), IsOk());
  *erased.add_entries() = *entry;
  EXPECT_THAT(parse(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ascending")));
  EXPECT_THAT(ParseErased("\xff", kOrigin, Position(6)), StatusIs(absl::StatusCode::kDataLoss));
  erased.mutable_entries(1)->set_position(6);
  EXPECT_THAT(parse(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("before it")));
  erased.mutable_entries()->RemoveLast();
  entry = erased.mutable_entries(0);
  entry->set_position(0);
  EXPECT_THAT(parse(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("Genesis")));
}

TEST(ParseErased, NamesItsOwnLogOrAnEarlierEpochOfItAndNoOther) {
  constexpr std::string_view kOrigin = "FI/ORG/9999992-5/toimintatupa/attendance/3";
  event::v1::Erased erased;
  erased.add_entries()->set_position(5);
  erased.mutable_entries(0)->set_leaf(true);
  const auto parse = [&](Position at) {
    return ParseErased(erased.SerializeAsString(), kOrigin, at);
  };
  ASSERT_OK_AND_ASSIGN(auto named, parse(Position(6)));
  EXPECT_EQ(named.origin, kOrigin);
  for (const std::string_view earlier : {"FI/ORG/9999992-5/toimintatupa/attendance/1",
                                         "FI/ORG/9999992-5/toimintatupa/attendance/2"}) {
    erased.set_origin(std::string(earlier));
    // Positions of another log: they have no order to its own.
    ASSERT_OK_AND_ASSIGN(named, parse(Position(1)));
    EXPECT_EQ(named.origin, earlier);
    ASSERT_EQ(named.parts.size(), 1u);
    EXPECT_EQ(named.parts[0].position, Position(5));
  }
  for (const std::string_view other :
       {"FI/ORG/9999992-5/toimintatupa/attendance/3", "FI/ORG/9999992-5/toimintatupa/attendance/4",
        "FI/ORG/9999992-5/toimintatupa/referral/1", "FI/MUN/0187690-1/oulu/attendance/1", "x"}) {
    erased.set_origin(std::string(other));
    EXPECT_THAT(parse(Position(6)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no earlier epoch")))
        << other;
  }
}

// ---- All of it, at random ----

TEST_P(RewriteConformance, ARandomHistoryOfBatchesFillsAndErasuresIsThatOfANaiveModel) {
  testing::SeededGenerator& random = origin_.generator();
  std::vector<uint64_t> sizes;  // that stored batches ended at
  origin_.at(Position(0)).held = true;
  const auto check = [&] {
    std::map<uint64_t, std::set<uint64_t>> cases;
    for (size_t i = 0; i < origin_.entries().size(); ++i) {
      const Origin::Entry& entry = origin_.entries()[i];
      if (entry.held && !entry.header.case_id().empty()) {
        cases[ReadBigEndian64(entry.header.case_id().data() + 8)].insert(i);
      }
    }
    for (uint64_t number = 0; number < 4; ++number) {
      ASSERT_OK_AND_ASSIGN(const auto refs, CaseEntries(engine(), TestCase(number)));
      std::set<uint64_t> found;
      for (const CaseEntryRef& ref : refs) {
        found.insert(ref.position.value());
        EXPECT_EQ(ref.revision.value(), origin_.at(ref.position).header.case_revision());
      }
      ASSERT_EQ(found, cases[number]) << "case " << number;
    }
    HeldReader reader(engine(), log());
    TreeReader tree(engine(), log());
    const uint64_t size = sizes.back();
    ASSERT_THAT(tree.Root(Position(size)), IsOkAndHolds(origin_.tree().Root(0, size)));
    for (int i = 0; i < 60; ++i) {
      const Position position(random.Below(size));
      const Origin::Entry& entry = origin_.at(position);
      ASSERT_OK_AND_ASSIGN(const HeldPosition held, reader.Find(position));
      ASSERT_EQ(held.leaf, entry.held ? std::optional(entry.leaf) : std::nullopt);
      SectionSet sections;
      for (const SectionKind kind : entry.sections) sections.add(kind);
      ASSERT_EQ(held.opened, entry.held ? sections : SectionSet());
      if (!entry.held) {
        const uint64_t begin = held.withheld_from.value();
        ASSERT_EQ(held.withheld.hash,
                  origin_.tree().Root(begin, begin + (uint64_t{1} << held.withheld.level)));
        continue;
      }
      EntryFetcher fetcher(engine());
      ASSERT_OK_AND_ASSIGN(const EntryView view, fetcher.Fetch(log(), position, true));
      ASSERT_EQ(view.blobs.size(), entry.sections.size());
      for (const BlobView& blob : view.blobs) EXPECT_EQ(blob.blob, entry.blobs.at(blob.kind));
      const uint64_t at = sizes[random.Below(sizes.size())];
      if (position.value() < at) {
        ASSERT_THAT(tree.Inclusion(position, Position(at)),
                    IsOkAndHolds(origin_.tree().Inclusion(position.value(), at)))
            << position.value() << " in " << at;
      }
      const uint64_t to = sizes[random.Below(sizes.size())];
      ASSERT_THAT(tree.Consistency(Position(std::min(at, to)), Position(std::max(at, to))),
                  IsOkAndHolds(origin_.tree().Consistency(std::min(at, to), std::max(at, to))));
    }
  };
  for (int step = 0; step < 60; ++step) {
    SCOPED_TRACE(step);
    const uint64_t what = sizes.empty() ? 0 : random.Below(4);
    if (what == 0) {
      // Runs of entries that are ours and, longer, of those that are not.
      for (uint64_t run = random.Below(6) + 1; run > 0; --run) {
        const bool held = random.Below(2) == 0;
        for (uint64_t n = random.Below(held ? 20 : 400) + 1; n > 0; --n) {
          const Position position =
              random.Below(30) == 0
                  ? origin_.AddControl("polku.event.v1.SchemaAdded", "s")
                  : origin_.Add(origin_.NewHeader(random.Below(4),
                                                  {SectionKind::kService, SectionKind::kSocial}));
          Origin::Entry& entry = origin_.at(position);
          entry.held = held || entry.header.case_id().empty();
          if (entry.held && !entry.blobs.empty() && random.Below(2) == 0) {
            entry.sections.insert(SectionKind::kSocial);
          }
        }
      }
      ASSERT_THAT(Store(), IsOk());
      sizes.push_back(origin_.entries().size());
    } else if (what == 1) {
      std::vector<Fill> fills;
      for (uint64_t n = random.Below(8) + 1; n > 0; --n) {
        const Position position(random.Below(sizes.back()));
        Origin::Entry& entry = origin_.at(position);
        if (entry.erased || entry.header.case_id().empty()) continue;
        entry.held = true;
        std::set<SectionKind> kinds;
        if (random.Below(2) == 0) kinds.insert(SectionKind::kService);
        entry.sections.insert(kinds.begin(), kinds.end());
        fills.push_back(origin_.FillOf(position, kinds));
      }
      ASSERT_THAT(FillEntries(engine(), log(), fills), IsOk());
    } else if (what == 2) {
      std::vector<ErasedPart> parts;
      for (uint64_t n = random.Below(200) + 1; n > 0; --n) {
        const Position position(random.Below(sizes.back()));
        Origin::Entry& entry = origin_.at(position);
        if (entry.header.case_id().empty()) continue;
        const bool leaf = random.Below(2) == 0;
        parts.push_back({position, Sections({SectionKind::kService}), leaf});
        if (leaf) {
          entry.held = false;
          entry.erased = true;
          entry.sections.clear();
        }
        entry.sections.erase(SectionKind::kService);
      }
      ASSERT_OK_AND_ASSIGN(const auto ranges, EraseEntries(engine(), log(), parts));
      if (random.Below(10) == 0) {
        ASSERT_THAT(engine().Purge(ranges), IsOk());
      }
    } else {
      if (random.Below(3) == 0) ExpectIndexIsWhatARebuildMakes();
      if (random.Below(3) == 0) Reopen();
    }
    check();
    if (HasFatalFailure()) return;
  }
  ExpectIndexIsWhatARebuildMakes();
}

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_REWRITE_CONFORMANCE_H_
