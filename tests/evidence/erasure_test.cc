// What was erased is explained by exactly one Erased, what was opened later by a later disclosure, and a log whose
// signing key changed by the key before; anything else is a problem, on any engine.
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "eventstore/evidence/bundle.h"
#include "eventstore/evidence/export.h"
#include "eventstore/evidence/verify.h"
#include "eventstore/log/index.h"
#include "eventstore/log/key_history.h"
#include "eventstore/log/memory_engine.h"
#include "eventstore/log/rewrite.h"
#include "eventstore/proof/proof_file.h"
#include "eventstore/rocksdb/rocksdb_engine.h"
#include "gmock/gmock.h"
#include "tests/evidence/store_world.h"
#include "tests/evidence/tampering.h"
#include "tests/rocksdb/temp_directory.h"

namespace polku::evidence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::IsOk;

using Parts = std::vector<log::ErasedPart>;
using Places = std::vector<std::pair<ProblemKind, uint64_t>>;

SectionSet Kinds(std::initializer_list<SectionKind> kinds) {
  SectionSet set;
  for (const SectionKind kind : kinds) set.add(kind);
  return set;
}
const SectionSet kBoth = Kinds({SectionKind::kService, SectionKind::kHealth});
const SectionSet kService = Kinds({SectionKind::kService});
const SectionSet kHealth = Kinds({SectionKind::kHealth});

Places PlacesOf(const Report& report) {
  Places places;
  for (const Problem& problem : report.problems) {
    places.emplace_back(problem.kind, problem.position ? problem.position->value() : UINT64_MAX);
  }
  return places;
}

// The groups of a log that cover [from, to), as they were: what somebody could put back from an old copy.
std::vector<log::StoredGroup> Copy(log::Engine& engine, LogNumber log, uint64_t from, uint64_t to) {
  std::vector<log::StoredGroup> groups;
  for (uint64_t position = from; position < to;) {
    auto group = engine.ReadGroup(log, Position(position), /*with_blobs=*/true);
    if (!group.ok()) std::abort();
    position = group->first.value() + *log::GroupCount(group->entries);
    groups.push_back(*std::move(group));
  }
  return groups;
}

// Oulu's log, entries 1 to 90 of nine cases, of which Kela got two of three with their service sections; and Kela's
// replica of it, which is log 1 of Kela's store.
class Erasure : public ::testing::TestWithParam<bool> {
 protected:
  Erasure()
      : oulu_engine_(NewEngine(oulu_directory_.path())),
        kela_engine_(NewEngine(kela_directory_.path())),
        oulu_(*oulu_engine_, kOuluReferral),
        kela_(*kela_engine_, kKelaCompensation) {
    oulu_.Append(40);
    oulu_.Append(50);
    kela_.Append(5);
    oulu_.ReplicateTo(kela_);
  }
  std::unique_ptr<log::Engine> NewEngine(const std::string& directory) {
    if (!GetParam()) return log::MakeMemoryEngine();
    auto engine = rocks::OpenEngine({.directory = directory});
    EXPECT_THAT(engine, IsOk());
    return *std::move(engine);
  }
  VerifyOptions OptionsFor(StoreWorld& own) {
    VerifyOptions options;
    options.own_origin = own.origin();
    for (StoreWorld* world : {&oulu_, &kela_}) {
      options.keys.emplace(world->origin(), world->first_signer().verifier());
      options.witnesses.push_back(world->cosigner().verifier());
    }
    options.open = own.Secrets();
    options.threads = 2;
    return options;
  }
  Report Verify(StoreWorld& own) {
    const auto report = VerifyStore(own.engine(), OptionsFor(own));
    EXPECT_THAT(report, IsOk());
    return report.value_or(Report());
  }
  // Put in the place of the stored ones, in a store that nobody guards.
  static void PutBack(log::Engine& engine, LogNumber log, std::vector<log::StoredGroup> groups) {
    ASSERT_OK(engine.Rewrite({.log = log, .groups = std::move(groups), .index_puts = {},
                              .index_deletes = {}}));
  }

  // Positions of case 4: every ninth entry. Entry 3 has n = 3, which Kela did not get.
  static constexpr uint64_t kFirst = 3;
  Parts CaseParts(SectionSet sections, bool leaf) const {
    Parts parts;
    for (uint64_t position = kFirst; position <= 90; position += 9) {
      parts.push_back({Position(position), sections, leaf});
    }
    return parts;
  }
  // One that Kela did get: n = 4.
  static Parts One(SectionSet sections, bool leaf, uint64_t position = 4) {
    return {{Position(position), sections, leaf}};
  }

  const rocks::TempDirectory oulu_directory_;
  const rocks::TempDirectory kela_directory_;
  const std::unique_ptr<log::Engine> oulu_engine_;
  const std::unique_ptr<log::Engine> kela_engine_;
  StoreWorld oulu_;
  StoreWorld kela_;
};

constexpr LogNumber kReplica{1};

TEST_P(Erasure, SectionsThatOneErasedNamesAreExplained) {
  const Parts parts = CaseParts(kBoth, false);
  oulu_.AppendErased(parts);
  oulu_.Apply(kOwnLog, parts);
  Report report = Verify(oulu_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[0].erased, 2 * parts.size());
  EXPECT_EQ(report.logs[0].sections, 180 - 2 * parts.size());

  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].erased, 0u) << "case 4 has n = 3, 12, …, of which Kela got nothing";
}

TEST_P(Erasure, EntriesThatOneErasedNamesAreExplained) {
  Parts parts = CaseParts(kBoth, true);
  for (const uint64_t position : {4, 5, 90}) parts.push_back({Position(position), kBoth, true});
  std::sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return a.position < b.position; });
  oulu_.AppendErased(parts);
  oulu_.Apply(kOwnLog, parts);
  Report report = Verify(oulu_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[0].erased, parts.size());
  EXPECT_EQ(report.logs[0].withheld, parts.size());
  EXPECT_EQ(report.logs[0].held, report.logs[0].entries - parts.size());

  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].erased, 2u) << "numbers that 4 and 5 had; 90 was not disclosed";

  // What comes later takes the next numbers, also after a hole at the end.
  oulu_.Append(20);
  oulu_.ReplicateTo(kela_);
  for (StoreWorld* own : {&oulu_, &kela_}) {
    report = Verify(*own);
    EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  }
}

TEST_P(Erasure, TheNewestRunningNumberMayBeErased) {
  oulu_.AppendErased(One(kBoth, true, 89));
  oulu_.Apply(kOwnLog, One(kBoth, true, 89));
  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, One(kBoth, true, 89));
  for (StoreWorld* own : {&oulu_, &kela_}) {
    const Report report = Verify(*own);
    EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  }
}

TEST_P(Erasure, WhoFollowsTheLogAfterAnErasureHoldsItWhole) {
  const Parts parts = {{Position(4), kBoth, true}, {Position(7), kService, false}};
  oulu_.AppendErased({parts[0]});
  oulu_.AppendErased({parts[1]});
  oulu_.Apply(kOwnLog, parts);
  const rocks::TempDirectory directory;
  const auto engine = NewEngine(directory.path());
  StoreWorld later(*engine, kKelaCompensation);
  later.Append(1);
  oulu_.ReplicateTo(later);
  const auto report = VerifyStore(*engine, OptionsFor(later));
  ASSERT_OK(report);
  // The key of Kela's log is this store's own.
  Places places = PlacesOf(*report);
  std::erase_if(places, [&](const auto& place) { return place.first == ProblemKind::kCheckpoint ||
                                                        place.first == ProblemKind::kGenesis; });
  EXPECT_THAT(places, IsEmpty()) << Describe(*report);
  EXPECT_EQ(report->logs[1].erased, 2u);
}

TEST_P(Erasure, AnUnexplainedHoleIsAProblemBesideOneThatIsExplained) {
  const Parts named = {{Position(4), kService, false}, {Position(8), kBoth, true}};
  const Parts unnamed = {{Position(4), kHealth, false}, {Position(5), kBoth, false},
                         {Position(9), kBoth, true}, {Position(10), kBoth, true}};
  oulu_.AppendErased(named);
  oulu_.Apply(kOwnLog, named);
  oulu_.Apply(kOwnLog, unnamed);
  const Report report = Verify(oulu_);
  EXPECT_THAT(PlacesOf(report),
              ElementsAre(std::pair(ProblemKind::kMissingSection, 4),
                          std::pair(ProblemKind::kMissingSection, 5),
                          std::pair(ProblemKind::kMissingSection, 5),
                          std::pair(ProblemKind::kMissingEntry, 9)))
      << Describe(report);
  EXPECT_THAT(report.problems[3].what, HasSubstr("entries 9 to 10 are gone"));
  EXPECT_EQ(report.logs[0].erased, 2u);
}

TEST_P(Erasure, AnUnexplainedHoleInAReplicaIsAProblem) {
  kela_.Apply(kReplica, {{Position(4), kService, false}, {Position(7), kBoth, true}});
  const Report report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kMissingSection, 4),
                                            std::pair(ProblemKind::kDisclosureNumber, 8)))
      << Describe(report);
}

TEST_P(Erasure, AnErasureExplainsNoMoreNumbersThanItNames) {
  const Parts two = {{Position(4), kBoth, true}, {Position(5), kBoth, true}};
  oulu_.AppendErased({two[0]});
  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, two);
  const Report report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kDisclosureNumber, 7)))
      << Describe(report);
}

TEST_P(Erasure, AnErasureInAnotherLogHasNoEffect) {
  kela_.AppendErased(One(kService, false, 4));
  kela_.Apply(kReplica, One(kService, false, 4));
  const Report report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kNotErased, 4),
                                            std::pair(ProblemKind::kMissingSection, 4)))
      << "it names Kela's own entry, and explains nothing of Oulu's\n"
      << Describe(report);
  EXPECT_EQ(report.problems[0].origin, kKelaCompensation);
  EXPECT_EQ(report.problems[1].origin, kOuluReferral);
}

TEST_P(Erasure, WhatIsNamedTwiceIsAProblem) {
  oulu_.AppendErased(One(kService, false));
  const Position second = oulu_.AppendErased(One(kBoth, false));
  const Position leaf = oulu_.AppendErased(One(SectionSet(), true, 5));
  const Position leaf_again = oulu_.AppendErased(One(SectionSet(), true, 5));
  oulu_.Apply(kOwnLog, {{Position(4), kBoth, false}, {Position(5), kBoth, true}});
  const Report report = Verify(oulu_);
  EXPECT_THAT(PlacesOf(report),
              ElementsAre(std::pair(ProblemKind::kErasure, second.value()),
                          std::pair(ProblemKind::kErasure, leaf_again.value())))
      << Describe(report);
  EXPECT_THAT(report.problems[0].what, HasSubstr("service section of position 4"));
  EXPECT_THAT(report.problems[1].what, HasSubstr(Str("position ", leaf.value())));
}

TEST_P(Erasure, SectionsFirstAndTheEntryLaterIsNamingEachOnce) {
  oulu_.AppendErased(One(kBoth, false));
  oulu_.AppendErased(One(SectionSet(), true));
  oulu_.Apply(kOwnLog, One(kBoth, true));
  const Report report = Verify(oulu_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
}

TEST_P(Erasure, WhatIsNamedAndStillStoredIsAProblem) {
  oulu_.AppendErased({{Position(4), kBoth, false}, {Position(5), kBoth, false}});
  oulu_.AppendErased(One(kBoth, true, 8));
  oulu_.Apply(kOwnLog, One(kBoth, false, 5));
  oulu_.ReplicateTo(kela_);
  for (StoreWorld* own : {&oulu_, &kela_}) {
    const Report report = Verify(*own);
    const Problem& first = report.problems.at(0);
    EXPECT_EQ(first.kind, ProblemKind::kNotErased) << Describe(report);
    EXPECT_EQ(first.position, Position(4));
    EXPECT_EQ(report.problems.back().position, Position(8)) << Describe(report);
    for (const Problem& problem : report.problems) EXPECT_EQ(problem.kind, ProblemKind::kNotErased);
  }
  EXPECT_THAT(ProblemRemedy(ProblemKind::kNotErased), HasSubstr("start the service"));
}

TEST_P(Erasure, WhatIsPutBackFromAnOldCopyIsAProblem) {
  const auto old = Copy(*oulu_engine_, kOwnLog, 1, 41);
  const auto old_replica = Copy(*kela_engine_, kReplica, 1, 41);
  const Parts parts = {{Position(4), kBoth, false}, {Position(8), kBoth, true}};
  oulu_.AppendErased({parts[0]});
  oulu_.AppendErased({parts[1]});
  oulu_.Apply(kOwnLog, parts);
  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  for (StoreWorld* own : {&oulu_, &kela_}) ASSERT_THAT(Verify(*own).problems, IsEmpty());

  PutBack(*oulu_engine_, kOwnLog, old);
  PutBack(*kela_engine_, kReplica, old_replica);
  Report report = Verify(oulu_);
  EXPECT_THAT(PlacesOf(report),
              ElementsAre(std::pair(ProblemKind::kNotErased, 4), std::pair(ProblemKind::kNotErased, 4),
                          std::pair(ProblemKind::kNotErased, 8), std::pair(ProblemKind::kNotErased, 8),
                          std::pair(ProblemKind::kNotErased, 8), std::pair(ProblemKind::kIndex, 8),
                          std::pair(ProblemKind::kIndex, 8)))
      << Describe(report);
  report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report),
              ElementsAre(std::pair(ProblemKind::kNotErased, 4), std::pair(ProblemKind::kNotErased, 8),
                          std::pair(ProblemKind::kNotErased, 8), std::pair(ProblemKind::kIndex, 8)))
      << Describe(report);
}

event::v1::ErasureAnswered Answer(Position erased, event::v1::ErasureOutcome outcome) {
  event::v1::ErasureAnswered answer;
  answer.set_origin(std::string(kOuluReferral));
  answer.set_position(erased.value());
  answer.set_outcome(outcome);
  return answer;
}

TEST_P(Erasure, WhatAReceiverKeepsWithABasisIsCountedAsRetained) {
  const Parts parts = {{Position(4), kBoth, false}, {Position(8), kBoth, true}};
  const Position erased = oulu_.AppendErased(parts);
  oulu_.Apply(kOwnLog, parts);
  oulu_.ReplicateTo(kela_);
  EXPECT_THAT(Verify(kela_).problems, SizeIs(3));
  kela_.AppendControl(Answer(erased, event::v1::ERASURE_OUTCOME_RETAINED));
  Report report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].retained, 3u) << "two service sections and an entry";

  // Asked of that log alone, the answer in the own log still counts.
  VerifyOptions options = OptionsFor(kela_);
  options.only_origin = oulu_.origin();
  const auto alone = VerifyStore(*kela_engine_, options);
  ASSERT_OK(alone);
  EXPECT_THAT(alone->problems, IsEmpty()) << Describe(*alone);

  // The last answer counts.
  kela_.AppendControl(Answer(erased, event::v1::ERASURE_OUTCOME_ERASED));
  EXPECT_THAT(Verify(kela_).problems, SizeIs(3));
  kela_.Apply(kReplica, parts);
  report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].retained, 0u);
}

TEST_P(Erasure, AnAnswerToAnotherErasureOrInAnotherLogKeepsNothing) {
  const Position erased = oulu_.AppendErased(One(kBoth, false));
  oulu_.Apply(kOwnLog, One(kBoth, false));
  oulu_.AppendControl(Answer(erased, event::v1::ERASURE_OUTCOME_RETAINED));
  oulu_.ReplicateTo(kela_);
  kela_.AppendControl(Answer(erased.next(), event::v1::ERASURE_OUTCOME_RETAINED));
  const Report report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kNotErased, 4))) << Describe(report);
}

TEST_P(Erasure, AnOriginCannotKeepWhatItSaysToHaveErased) {
  const Position erased = oulu_.AppendErased(One(kBoth, false));
  oulu_.AppendControl(Answer(erased, event::v1::ERASURE_OUTCOME_RETAINED));
  EXPECT_THAT(Verify(oulu_).problems, SizeIs(2));
}

TEST_P(Erasure, AnErasedThatIsNotOfItsFormExplainsNothing) {
  const uint64_t before = oulu_.log().size().value();
  event::v1::Erased erased;
  erased.set_erasure_id(std::string(16, 'r'));
  erased.set_fence(std::string(32, 'f'));
  erased.set_tier(event::v1::ERASURE_TIER_SECTIONS);
  std::vector<event::v1::Erased> wrong(6, erased);
  const auto name = [](event::v1::Erased& one, uint64_t position) {
    auto* entry = one.add_entries();
    entry->set_position(position);
    entry->add_sections(event::v1::SECTION_KIND_SERVICE);
    return entry;
  };
  // 0: names nothing. 1: what stands behind it. 2: not ascending. 3: whole entries in the tier of sections.
  name(wrong[1], before + 2);
  name(wrong[2], 5);
  name(wrong[2], 4);
  name(wrong[3], 4)->set_leaf(true);
  // 4: the Genesis. 5: no tier.
  name(wrong[4], 0);
  name(wrong[5], 4);
  wrong[5].clear_tier();
  for (const auto& one : wrong) oulu_.AppendControl(one);
  oulu_.Apply(kOwnLog, One(kService, false));
  const Report report = Verify(oulu_);
  Places expected = {{ProblemKind::kMissingSection, 4}};
  for (uint64_t i = 0; i < wrong.size(); ++i) expected.emplace_back(ProblemKind::kErasure, before + i);
  EXPECT_EQ(PlacesOf(report), expected) << Describe(report);
}

TEST_P(Erasure, AnErasedThatNamesWhatNeverWasIsAProblem) {
  const Position erased = oulu_.AppendErased(One(Kinds({SectionKind::kSocial}), false));
  const Report report = Verify(oulu_);
  ASSERT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kErasure, erased.value())))
      << Describe(report);
  EXPECT_THAT(report.problems[0].what, HasSubstr("a social section of position 4, which has none"));
}

TEST_P(Erasure, ACaseGoesOnAfterPartsOfItWereErased) {
  const Parts parts = {{Position(kFirst + 9), kBoth, true}, {Position(kFirst + 18), kBoth, true}};
  oulu_.AppendErased(parts);
  oulu_.Apply(kOwnLog, parts);
  oulu_.Append(18);
  Report report = Verify(oulu_);
  EXPECT_THAT(report.problems, IsEmpty()) << "revisions 2 and 3 of a case are gone\n" << Describe(report);
  // A revision that is gone without an erasure is a problem still.
  oulu_.Apply(kOwnLog, One(kBoth, true, kFirst + 27));
  report = Verify(oulu_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kMissingEntry, kFirst + 27),
                                            std::pair(ProblemKind::kRevision, kFirst + 36)))
      << Describe(report);
}

// ---- Later disclosures ----

TEST_P(Erasure, WhatWasOpenedLaterIsWantedUntilItIsHeld) {
  const CaseId case_id = StoreWorld::CaseOf(4);
  oulu_.OpenLater(case_id, kKelaAgency, {{Position(3), kBoth}, {Position(12), kService}});
  oulu_.ReplicateTo(kela_);
  Report report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].wanted, 2u);

  const uint64_t held = report.logs[1].held;
  oulu_.FillAt(kela_, kReplica, Position(3), kBoth);
  report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].wanted, 1u);
  EXPECT_EQ(report.logs[1].held, held + 1);

  // What is erased since is wanted no more.
  oulu_.AppendErased(One(kService, false, 12));
  oulu_.Apply(kOwnLog, One(kService, false, 12));
  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, One(kService, false, 12));
  report = Verify(kela_);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].wanted, 0u);
}

TEST_P(Erasure, WhatNobodyOpenedToThisAgencyIsStray) {
  oulu_.OpenLater(StoreWorld::CaseOf(4), kKelaAgency, {{Position(3), kService}});
  oulu_.ReplicateTo(kela_);
  // More than was opened, and an entry that was not opened at all.
  oulu_.FillAt(kela_, kReplica, Position(3), kBoth);
  oulu_.FillAt(kela_, kReplica, Position(4), kHealth);
  oulu_.FillAt(kela_, kReplica, Position(6), kService);
  const Report report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kStraySection, 3),
                                            std::pair(ProblemKind::kStraySection, 4),
                                            std::pair(ProblemKind::kStraySection, 6)))
      << Describe(report);
}

TEST_P(Erasure, WhatWasOpenedToSomebodyElseOpensNothingHere) {
  oulu_.OpenLater(StoreWorld::CaseOf(4), "FI/ORG/9999992-5/toimintatupa", {{Position(3), kService}});
  oulu_.ReplicateTo(kela_);
  EXPECT_EQ(Verify(kela_).logs[1].wanted, 0u);
  oulu_.FillAt(kela_, kReplica, Position(3), kService);
  const Report report = Verify(kela_);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kStraySection, 3)))
      << Describe(report);
}

// ---- Changed keys ----

TEST_P(Erasure, EachCheckpointIsVerifiedWithTheKeyOfItsSize) {
  oulu_.ChangeSigningKey();
  oulu_.Append(10);
  const Position second = oulu_.ChangeSigningKey();
  oulu_.Append(3);
  oulu_.ReplicateTo(kela_);
  for (StoreWorld* own : {&oulu_, &kela_}) {
    VerifyOptions options = OptionsFor(*own);
    if (own == &oulu_) options.high_water = oulu_.log().checkpoint();
    const auto report = VerifyStore(own->engine(), options);
    ASSERT_OK(report);
    EXPECT_THAT(report->problems, IsEmpty()) << Describe(*report);
    const LogReport& log = report->logs[own == &oulu_ ? 0 : 1];
    EXPECT_EQ(log.key_changes, 2u);
    EXPECT_EQ(log.checkpoints, 7u);
    EXPECT_EQ(log.entries, second.value() + 4);
  }
  // Whoever takes the newest key for the first believes nothing before it, and is told.
  VerifyOptions options = OptionsFor(oulu_);
  options.keys.insert_or_assign(oulu_.origin(), oulu_.signer().verifier());
  const auto report = VerifyStore(*oulu_engine_, options);
  ASSERT_OK(report);
  EXPECT_EQ(report->logs[0].key_changes, 0u);
  const auto places = PlacesOf(*report);
  EXPECT_EQ(places.front(), std::pair(ProblemKind::kGenesis, uint64_t{0})) << Describe(*report);
  EXPECT_EQ(std::count_if(places.begin(), places.end(),
                          [](const auto& place) { return place.first == ProblemKind::kCheckpoint; }),
            8)
      << "six checkpoints of other keys, two changes that do not follow\n"
      << Describe(*report);
}

TEST_P(Erasure, ForksOfEachKeyAreJudgedByTheKeyOfTheirSize) {
  const std::string before = oulu_.log().checkpoint();
  const proof::Checkpoint old =
      *proof::VerifyCheckpoint(before, oulu_.first_signer().verifier());
  oulu_.ChangeSigningKey();
  oulu_.Append(3);
  const auto keep = [&](const proof::Signer& signer, const std::string& genuine, int64_t at) {
    proof::CheckpointPair pair;
    const auto keys = log::KeysOf(*oulu_engine_, kOwnLog, oulu_.first_signer().verifier());
    const auto checkpoint = proof::VerifyCheckpoint(genuine, *keys);
    pair.older = genuine;
    pair.newer = signer.Sign({oulu_.origin(), checkpoint->size, Sha256("other")});
    pair.prefix = Sha256("other");
    ASSERT_OK(log::KeepFork(*oulu_engine_, oulu_.origin(), absl::FromUnixSeconds(at),
                            proof::FormatCheckpointPair(pair)));
  };
  keep(oulu_.first_signer(), before, 1'741'000'000);
  keep(oulu_.signer(), oulu_.log().checkpoint(), 1'741'000'001);
  // A key that was given up accuses nobody of what comes after it.
  keep(oulu_.first_signer(), oulu_.log().checkpoint(), 1'741'000'002);
  const Report report = Verify(oulu_);
  ASSERT_THAT(report.problems, SizeIs(3)) << Describe(report);
  EXPECT_THAT(report.problems[0].what, HasSubstr("signed two histories"));
  EXPECT_THAT(report.problems[1].what, HasSubstr("signed two histories"));
  EXPECT_THAT(report.problems[2].what, HasSubstr("proves no fork"));
}

// What the second verifier, which shares no code, says of the same file: its exit code.
int PolkuVerify(const v1::Bundle& bundle) {
  const rocks::TempDirectory directory;
  const std::string file = directory.path() + "/bundle.json";
  std::ofstream(file) << FormatBundle(bundle);
  const char* source = std::getenv("POLKU_SOURCE_DIR");
  const std::string command = Str("python3 -I ", source == nullptr ? "." : source,
                                  "/eventstore/proof/polku_verify.py bundle ", file, " > ",
                                  directory.path(), "/out");
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// ---- A log that was closed for a new epoch ----

constexpr std::string_view kOuluSecond = "FI/MUN/0187690-1/oulu/referral/2";
constexpr LogNumber kSecondReplica{2};

// Oulu's second epoch, which Kela follows as it followed the first. Its Genesis says that `held` entries of the first
// went on.
class ErasureOfAClosedLog : public Erasure {
 protected:
  void Begin(uint64_t held) {
    second_.emplace(*second_engine_, kOuluSecond, nullptr, 1'000,
                    log::Predecessor{.origin = std::string(kOuluReferral),
                                     .checkpoint = oulu_.NoteAt(oulu_.log().size()),
                                     .held_size = held,
                                     .known_size = held,
                                     .reason = "the disk was lost"});
    second_->Append(9);
  }
  Report VerifyKela(std::string_view only = "") {
    VerifyOptions options = OptionsFor(kela_);
    options.keys.emplace(second_->origin(), second_->first_signer().verifier());
    options.only_origin = std::string(only);
    const auto report = VerifyStore(kela_.engine(), options);
    EXPECT_THAT(report, IsOk());
    return report.value_or(Report());
  }

  const std::unique_ptr<log::Engine> second_engine_ = log::MakeMemoryEngine();
  std::optional<StoreWorld> second_;
};

TEST_P(ErasureOfAClosedLog, IsExplainedByAnErasedOfTheNextEpoch) {
  Begin(91);
  const Parts parts = {{Position(4), kBoth, true}, {Position(7), kService, false},
                       {Position(88), kBoth, true}, {Position(89), kBoth, true}};
  second_->AppendErased(parts, StoreWorld::CaseOf(1), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  Report report = VerifyKela();
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].erased, 2u) << "a section, and a number that is missing; no number follows those at the end";
  EXPECT_EQ(report.logs[2].erased, 0u);
  // The first alone, or with an index that was made again.
  report = VerifyKela(kOuluReferral);
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  ASSERT_OK(log::RebuildIndex(kela_.engine(), nullptr));
  report = VerifyKela();
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
}

TEST_P(ErasureOfAClosedLog, WhatNobodyNamesIsAProblem) {
  Begin(91);
  second_->AppendErased({{Position(4), kService, false}}, StoreWorld::CaseOf(1), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, {{Position(4), kService, false}, {Position(7), kService, false},
                         {Position(10), kBoth, true}});
  const Report report = VerifyKela();
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kMissingSection, 7),
                                            std::pair(ProblemKind::kDisclosureNumber, 11)))
      << Describe(report);
}

TEST_P(ErasureOfAClosedLog, ExplainsNothingOfTheLogThatItStandsIn) {
  Begin(91);
  // The same positions, of the second log's own entries.
  const Parts parts = {{Position(4), kService, false}};
  second_->AppendErased(parts, StoreWorld::CaseOf(1), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  kela_.Apply(kSecondReplica, parts);
  const Report report = VerifyKela();
  ASSERT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kMissingSection, 4)))
      << Describe(report);
  EXPECT_EQ(report.problems[0].origin, kOuluSecond);
}

TEST_P(ErasureOfAClosedLog, OfAnotherAgencysOrALaterLogIsRefusedAndExplainsNothing) {
  Begin(91);
  const Parts parts = {{Position(4), kService, false}};
  std::vector<std::pair<ProblemKind, uint64_t>> expected = {{ProblemKind::kMissingSection, 4}};
  for (const std::string_view of : {std::string_view(kKelaCompensation), kOuluSecond,
                                    std::string_view("FI/MUN/0187690-1/oulu/referral/3"),
                                    std::string_view("FI/MUN/0187690-1/oulu/attendance/1")}) {
    expected.emplace_back(ProblemKind::kErasure,
                          second_->AppendErased(parts, StoreWorld::CaseOf(1), of).value());
  }
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  const Report report = VerifyKela();
  EXPECT_EQ(PlacesOf(report), expected) << Describe(report);
}

TEST_P(ErasureOfAClosedLog, StillStoredOrNamedTwiceIsAProblemThatSaysWhere) {
  const Position in_first = oulu_.AppendErased({{Position(4), kService, false}});
  oulu_.ReplicateTo(kela_);
  Begin(oulu_.log().size().value());
  const Position again =
      second_->AppendErased({{Position(4), kService, false}, {Position(7), kService, false}},
                            StoreWorld::CaseOf(1), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, {{Position(4), kService, false}});
  const Report report = VerifyKela();
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kErasure, 4),
                                            std::pair(ProblemKind::kNotErased, 7)))
      << Describe(report);
  EXPECT_THAT(report.problems[0].what,
              HasSubstr(Str("the Erased at position ", again.value(), " of ", kOuluSecond,
                            " names what the Erased at position ", in_first.value(), " has named")));
  EXPECT_THAT(report.problems[1].what, HasSubstr(std::string(kOuluSecond)));
}

TEST_P(ErasureOfAClosedLog, MayNameAgainWhatStoodInTheGap) {
  // Kela holds the first log's last entry, which the second epoch went on without.
  const Position lost = oulu_.AppendErased({{Position(4), kService, false}});
  oulu_.ReplicateTo(kela_);
  Begin(lost.value());
  second_->AppendErased({{Position(4), kService, false}}, StoreWorld::CaseOf(1), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, {{Position(4), kService, false}});
  const Report report = VerifyKela();
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
}

TEST_P(ErasureOfAClosedLog, WhatAReceiverKeepsOfItIsRetainedByItsAnswer) {
  Begin(91);
  const Position by = second_->AppendErased({{Position(4), kService, false}, {Position(7), kService, false}},
                                            StoreWorld::CaseOf(1), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, {{Position(7), kService, false}});
  event::v1::ErasureAnswered answer;
  answer.set_origin(std::string(kOuluReferral));  // another Erased, at the same place of another log
  answer.set_position(by.value());
  answer.set_outcome(event::v1::ERASURE_OUTCOME_RETAINED);
  kela_.AppendControl(answer);
  EXPECT_THAT(PlacesOf(VerifyKela()), ElementsAre(std::pair(ProblemKind::kNotErased, 4)));
  answer.set_origin(std::string(kOuluSecond));
  kela_.AppendControl(answer);
  const Report report = VerifyKela();
  EXPECT_THAT(report.problems, IsEmpty()) << Describe(report);
  EXPECT_EQ(report.logs[1].retained, 1u);
}

TEST_P(ErasureOfAClosedLog, IsToldInABundleOfItsCase) {
  Begin(91);
  const Parts parts = {{Position(4), kBoth, true}, {Position(22), kService, false}};
  const Position by = second_->AppendErased(parts, StoreWorld::CaseOf(5), kOuluReferral);
  second_->ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  BundleOptions options;
  options.engine = &kela_.engine();
  options.made_by = kela_.origin();
  options.made_at = absl::FromUnixSeconds(1'741'100'000);
  options.case_id = StoreWorld::CaseOf(5);
  for (const uint64_t position : {4, 13, 22, 31}) {
    options.entries.push_back({kReplica, Position(position)});
  }
  options.keys = OptionsFor(kela_).keys;
  options.keys.emplace(second_->origin(), second_->first_signer().verifier());
  const auto bundle = MakeBundle(options);
  ASSERT_OK(bundle);
  const auto report = VerifyBundle(*bundle, nullptr);
  ASSERT_OK(report);
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(PolkuVerify(*bundle), 0);
  EXPECT_EQ(report->events, 4u) << "three entries, and the Erased in the place of the fourth";
  ASSERT_THAT(report->erasures, SizeIs(1));
  EXPECT_EQ(report->erasures[0].origin, kOuluSecond);
  EXPECT_EQ(report->erasures[0].position, by);
  EXPECT_EQ(report->erasures[0].of, kOuluReferral);
}

INSTANTIATE_TEST_SUITE_P(Engines, ErasureOfAClosedLog, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "RocksDb" : "Memory"; });

// ---- Bundles and exports of such a log ----

class ErasureBundle : public Erasure {
 protected:
  // Of case 4, from Oulu's log as `own` holds it.
  BundleOptions OptionsOf(StoreWorld& own) {
    BundleOptions options;
    options.engine = &own.engine();
    options.made_by = own.origin();
    options.made_at = absl::FromUnixSeconds(1'741'100'000);
    options.case_id = StoreWorld::CaseOf(5);
    const LogNumber number = &own == &oulu_ ? kOwnLog : kReplica;
    for (uint64_t position = 4; position <= 90; position += 9) {
      options.entries.push_back({number, Position(position)});
    }
    options.keys = OptionsFor(own).keys;
    return options;
  }
  static BundleReport Judged(const v1::Bundle& bundle) {
    const auto report = VerifyBundle(bundle, nullptr);
    EXPECT_THAT(report, IsOk());
    // Two programs that share no code agree.
    EXPECT_EQ(PolkuVerify(bundle), report->problems.empty() ? 0 : 5);
    return report.value_or(BundleReport());
  }
  static Places PlacesIn(const v1::Bundle& bundle) {
    Report report;
    report.problems = Judged(bundle).problems;
    return PlacesOf(report);
  }
};

TEST_P(ErasureBundle, TellsWhatWasErasedByWhomAndWhy) {
  const Parts parts = {{Position(4), kBoth, true}, {Position(13), kBoth, true}};
  const Parts sections = {{Position(22), kHealth, false}};
  const Position of_entries = oulu_.AppendErased(parts, StoreWorld::CaseOf(5));
  const Position of_sections = oulu_.AppendErased(sections, StoreWorld::CaseOf(5));
  oulu_.AppendErased(One(kBoth, true, 5), StoreWorld::CaseOf(6));
  oulu_.Apply(kOwnLog, parts);
  oulu_.Apply(kOwnLog, sections);
  oulu_.ReplicateTo(kela_);
  kela_.Apply(kReplica, parts);
  for (StoreWorld* own : {&oulu_, &kela_}) {
    BundleOptions options = OptionsOf(*own);
    // Of those that Kela holds none is left out but the erased.
    if (own == &kela_) {
      std::erase_if(options.entries,
                    [](const BundleEntry& entry) { return entry.position.value() % 3 == 0; });
    }
    const size_t asked = options.entries.size();
    const auto bundle = MakeBundle(options);
    ASSERT_OK(bundle);
    const BundleReport report = Judged(*bundle);
    EXPECT_THAT(report.problems, IsEmpty());
    EXPECT_EQ(report.events, asked - 2 + 2) << "without two entries, with two that say so";
    ASSERT_THAT(report.erasures, SizeIs(2));
    EXPECT_EQ(report.erasures[0].position, of_entries);
    EXPECT_EQ(report.erasures[0].entries, 2u);
    EXPECT_EQ(report.erasures[0].legal_basis, "28.1 § 2 k.");
    EXPECT_EQ(report.erasures[0].requested_by, "o-1");
    EXPECT_EQ(report.erasures[0].confirmed_by, "o-2");
    EXPECT_EQ(report.erasures[1].position, of_sections);
    EXPECT_EQ(report.erasures[1].sections, 1u);
  }
}

TEST_P(ErasureBundle, OfACaseOfWhichNothingIsLeftTellsThat) {
  Parts parts;
  for (uint64_t position = 4; position <= 90; position += 9) parts.push_back({Position(position), kBoth, true});
  oulu_.AppendErased(parts, StoreWorld::CaseOf(5));
  oulu_.Apply(kOwnLog, parts);
  BundleOptions options = OptionsOf(oulu_);
  options.entries.clear();
  EXPECT_THAT(MakeBundle(options), testing::StatusIs(absl::StatusCode::kNotFound));
  options.all_erasures = true;
  const auto bundle = MakeBundle(options);
  ASSERT_OK(bundle);
  const BundleReport report = Judged(*bundle);
  EXPECT_THAT(report.problems, IsEmpty());
  ASSERT_THAT(report.erasures, SizeIs(1));
  EXPECT_EQ(report.erasures[0].entries, parts.size());
}

TEST_P(ErasureBundle, AnErasureOfAnotherCaseDoesNotBelongInIt) {
  const Position other = oulu_.AppendErased(One(kBoth, false), StoreWorld::CaseOf(6));
  const Position ours = oulu_.AppendErased(One(kBoth, true, 13), StoreWorld::CaseOf(5));
  oulu_.Apply(kOwnLog, One(kBoth, true, 13));
  BundleOptions options = OptionsOf(oulu_);
  auto bundle = MakeBundle(options);
  ASSERT_OK(bundle);
  ASSERT_THAT(Judged(*bundle).erasures, SizeIs(1));
  // As if it were one of this case.
  options.case_id.reset();
  options.entries.push_back({kOwnLog, other});
  bundle = MakeBundle(options);
  ASSERT_OK(bundle);
  bundle->set_case_id(FormatCaseId(StoreWorld::CaseOf(5)));
  EXPECT_THAT(PlacesIn(*bundle), ElementsAre(std::pair(ProblemKind::kBundle, other.value())));
  EXPECT_LT(other, ours);
}

TEST_P(ErasureBundle, ALogWhoseKeyChangedVerifiesFromItsFirstKey) {
  oulu_.ChangeSigningKey();
  oulu_.Append(9);
  oulu_.ChangeSigningKey();
  oulu_.Append(9);
  oulu_.ReplicateTo(kela_);
  for (StoreWorld* own : {&oulu_, &kela_}) {
    const auto bundle = MakeBundle(OptionsOf(*own));
    if (own == &kela_ && absl::IsNotFound(bundle.status())) continue;  // withheld entries are asked for
    ASSERT_OK(bundle);
    const BundleReport report = Judged(*bundle);
    EXPECT_THAT(report.problems, IsEmpty());
    ASSERT_THAT(bundle->logs(0).key_changes(), SizeIs(2));
    EXPECT_THAT(bundle->policy(), HasSubstr(oulu_.first_signer().verifier().Format()));
    EXPECT_THAT(bundle->policy(), ::testing::Not(HasSubstr(oulu_.signer().verifier().Format())));
  }
}

TEST_P(ErasureBundle, AChangeOfKeyThatDoesNotFollowIsAProblem) {
  const Position first = oulu_.ChangeSigningKey();
  oulu_.Append(9);
  const Position second = oulu_.ChangeSigningKey();
  oulu_.Append(9);
  const auto made = MakeBundle(OptionsOf(oulu_));
  ASSERT_OK(made);
  const auto changed = [&](const std::function<void(v1::LogEvidence&)>& act) {
    v1::Bundle bundle = *made;
    act(*bundle.mutable_logs(0));
    const Places places = PlacesIn(bundle);
    return places.empty() ? std::pair(ProblemKind::kUnreadable, uint64_t{0}) : places.front();
  };
  constexpr auto kCheckpoint = ProblemKind::kCheckpoint;
  // Left out: what signed the checkpoint is nobody's.
  EXPECT_EQ(changed([](auto& log) { log.clear_key_changes(); }).first, ProblemKind::kBundle);
  EXPECT_EQ(changed([](auto& log) { log.mutable_key_changes()->DeleteSubrange(0, 1); }),
            std::pair(kCheckpoint, second.value()));
  EXPECT_EQ(changed([](auto& log) { log.mutable_key_changes()->SwapElements(0, 1); }),
            std::pair(kCheckpoint, second.value()));
  // Under a checkpoint that the new key signed.
  EXPECT_EQ(changed([&](auto& log) {
              auto* change = log.mutable_key_changes(0);
              const auto checkpoint =
                  proof::VerifyCheckpoint(change->checkpoint(), oulu_.first_signer().verifier());
              change->set_checkpoint(oulu_.signer().Sign(*checkpoint));
            }),
            std::pair(kCheckpoint, first.value()));
  EXPECT_EQ(changed([](auto& log) {
              log.mutable_key_changes(0)->set_checkpoint(log.key_changes(1).checkpoint());
            }),
            std::pair(kCheckpoint, first.value()));
  EXPECT_EQ(changed([](auto& log) { (*log.mutable_key_changes(1)->mutable_leaf())[20] ^= 1; }),
            std::pair(ProblemKind::kInclusion, second.value()));
  EXPECT_EQ(changed([](auto& log) { log.mutable_key_changes(0)->clear_inclusion(); }),
            std::pair(ProblemKind::kInclusion, first.value()));
  EXPECT_EQ(changed([](auto& log) {
              auto* hashes = log.mutable_key_changes(0)->mutable_consistency();
              (*hashes->Mutable(0))[0] ^= 1;
            }),
            std::pair(kCheckpoint, first.value()));
}

TEST_P(ErasureBundle, AnExportIsSignedByTheNewestKeyAndLeavesOutErasedEntries) {
  const rocks::TempDirectory directory;
  ExportOptions options{.engine = oulu_engine_.get(),
                        .log = kOwnLog,
                        .origin = oulu_.origin(),
                        .keys = oulu_.first_signer().verifier(),
                        .directory = directory.path() + "/tlog"};
  ASSERT_OK(ExportTiles(options));
  oulu_.AppendErased(One(kBoth, true));
  oulu_.Apply(kOwnLog, One(kBoth, true));
  oulu_.ChangeSigningKey();
  oulu_.Append(300);
  options.keys = *log::KeysOf(*oulu_engine_, kOwnLog, oulu_.first_signer().verifier());
  const auto exported = ExportTiles(options);
  ASSERT_OK(exported);
  EXPECT_EQ(exported->bundles_left_out, 1u);
  const proof::VerifierKey key = oulu_.signer().verifier();
  const auto report = VerifyExport(options.directory, &key, {}, nullptr);
  ASSERT_OK(report);
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->log.entries, oulu_.log().size().value());
}

INSTANTIATE_TEST_SUITE_P(Engines, ErasureBundle, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "RocksDb" : "Memory"; });

INSTANTIATE_TEST_SUITE_P(Engines, Erasure, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "RocksDb" : "Memory"; });

// An insider with the disk, but without the key: takes the log's place from the change of a key on.
TEST(StolenLog, AChangeThatTheKeyBeforeDidNotSignIsNotFollowed) {
  const rocks::TempDirectory directory;
  auto engine = *rocks::OpenEngine({.directory = directory.path()});
  StoreWorld oulu(*engine, kOuluReferral);
  oulu.Append(20);
  const proof::VerifierKey first = oulu.first_signer().verifier();
  const Position change = oulu.ChangeSigningKey();
  oulu.Append(5);
  oulu.CloseLog();
  engine.reset();
  {
    // The checkpoint of the old key that has the change as its last entry is taken away.
    const auto raw = RawStore::Open(directory.path());
    raw->Delete("checkpoints", RawStore::Key(kOwnLog, change.value() + 1));
  }
  VerifyOptions options;
  options.own_origin = std::string(kOuluReferral);
  options.keys.emplace(kOuluReferral, first);
  const Report report = VerifyDirectory(directory.path(), options);
  EXPECT_THAT(PlacesOf(report), ElementsAre(std::pair(ProblemKind::kCheckpoint, change.value()),
                                            std::pair(ProblemKind::kCheckpoint, 27)))
      << Describe(report);
  EXPECT_EQ(report.logs[0].key_changes, 0u);
}

}  // namespace
}  // namespace polku::evidence
