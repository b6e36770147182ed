// The contract of eventstore/log/engine.h, run over every engine:
//   INSTANTIATE_TEST_SUITE_P(Memory, EngineConformance, ::testing::Values(EngineParam{…}),
//   ParamName);
#ifndef POLKU_TESTS_LOG_ENGINE_CONFORMANCE_H_
#define POLKU_TESTS_LOG_ENGINE_CONFORMANCE_H_

#include <atomic>
#include <thread>

#include "eventstore/log/group.h"
#include "eventstore/log/head.h"
#include "tests/log/log_fixture.h"

namespace polku::log {

inline std::string ParamName(const ::testing::TestParamInfo<EngineParam>& info) {
  return info.param.name;
}

class EngineConformance : public ::testing::TestWithParam<EngineParam> {
 protected:
  void SetUp() override { home_ = GetParam().make(); }
  Engine& engine() { return home_->engine(); }
  void Reopen() { home_->Reopen(); }

  // A group of `count` made-up leaves. Engines do not look into leaves.
  static StoredGroup Group(uint64_t first, uint64_t count, bool blobs = false) {
    GroupWriter writer;
    for (uint64_t i = 0; i < count; ++i) {
      writer.AddLeaf("leaf " + std::to_string(first + i));
      if (blobs) writer.AddBlob(SectionKind::kService, {}, "blob " + std::to_string(first + i));
    }
    GroupWriter::Encoded encoded = std::move(writer).Finish();
    return {Position(first), std::move(encoded.entries), std::move(encoded.blobs)};
  }

  static CommitBatch Batch(uint64_t log, uint64_t from, std::vector<StoredGroup> groups) {
    CommitBatch batch;
    batch.log = LogNumber(log);
    batch.expected_size = Position(from);
    uint64_t end = from;
    for (const StoredGroup& group : groups) end += *GroupCount(group.entries);
    batch.new_size = Position(end);
    batch.groups = std::move(groups);
    batch.checkpoint = "note " + std::to_string(end);
    LogHead head;
    head.origin = std::string(kTestOrigin);
    for (uint64_t i = 0; i < end; ++i) {
      head.frontier.AppendLeafHash(proof::LeafHash("leaf " + std::to_string(i)));
    }
    batch.head = head.Serialize();
    return batch;
  }

  std::vector<StoredGroup> ReadAll(uint64_t log, uint64_t from, bool blobs) {
    std::vector<StoredGroup> groups;
    auto cursor = engine().Scan(LogNumber(log), Position(from), blobs);
    EXPECT_THAT(cursor, testing::IsOk());
    while (true) {
      auto group = (*cursor)->Next();
      EXPECT_THAT(group, testing::IsOk());
      if (!group.ok() || !group->has_value()) return groups;
      groups.push_back(**std::move(group));
    }
  }

  std::unique_ptr<EngineHome> home_;
};

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

TEST_P(EngineConformance, AnEmptyEngineHoldsNothing) {
  EXPECT_THAT(engine().ReadHead(kOwnLog), IsOkAndHolds(std::optional<std::string>()));
  EXPECT_THAT(engine().Logs(), IsOkAndHolds(ElementsAre()));
  EXPECT_THAT(engine().ReadCheckpoint(kOwnLog, Position(9)),
              IsOkAndHolds(std::optional<std::string>()));
  EXPECT_THAT(engine().ReadGroup(kOwnLog, Position(0), true),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_TRUE(ReadAll(0, 0, true).empty());
  EXPECT_THAT(engine().IndexGet("e"), IsOkAndHolds(std::optional<std::string>()));
  EXPECT_THAT(engine().IndexFloor("c", "z"), IsOkAndHolds(std::optional<KeyValue>()));
}

TEST_P(EngineConformance, ACommitIsReadBackWholeAlsoAfterReopening) {
  CommitBatch batch = Batch(0, 0, {Group(0, 3, true), Group(3, 2)});
  batch.index = {{"e1", "v1"}, {"c2", ""}};
  ASSERT_THAT(engine().Commit(batch), IsOk());
  for (int round = 0; round < 2; ++round) {
    const std::vector<StoredGroup> groups = ReadAll(0, 0, true);
    ASSERT_EQ(groups.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(groups[i].first, batch.groups[i].first);
      EXPECT_EQ(groups[i].entries, batch.groups[i].entries);
      EXPECT_EQ(groups[i].blobs, batch.groups[i].blobs);
    }
    EXPECT_THAT(engine().ReadHead(kOwnLog), IsOkAndHolds(std::optional(batch.head)));
    EXPECT_THAT(engine().ReadCheckpoint(kOwnLog, Position(5)),
                IsOkAndHolds(std::optional<std::string>("note 5")));
    EXPECT_EQ(WholeIndex(engine()), (std::map<std::string, std::string>{{"c2", ""}, {"e1", "v1"}}));
    Reopen();
  }
}

TEST_P(EngineConformance, ACommitDeletesIndexEntriesAfterItsPuts) {
  CommitBatch batch = Batch(0, 0, {Group(0, 1)});
  batch.index = {{"e1", "v1"}, {"c1", "a"}, {"c2", "b"}};
  ASSERT_THAT(engine().Commit(batch), IsOk());
  batch = Batch(0, 1, {Group(1, 1)});
  batch.index = {{"c3", "c"}, {"c4", "d"}};
  batch.index_deletes = {"e1", "c2", "c4", "c9"};
  ASSERT_THAT(engine().Commit(batch), IsOk());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(WholeIndex(engine()), (std::map<std::string, std::string>{{"c1", "a"}, {"c3", "c"}}));
    Reopen();
  }
}

TEST_P(EngineConformance, ARewriteReplacesGroupsAndTheirBlobsAndNothingElse) {
  CommitBatch batch = Batch(0, 0, {Group(0, 3, true), Group(3, 2, true), Group(5, 4)});
  batch.index = {{"e1", "v1"}, {"c2", ""}};
  ASSERT_THAT(engine().Commit(batch), IsOk());
  RewriteBatch rewrite{kOwnLog, {}, {{"c3", "new"}, {"b1", "x"}}, {"e1", "b1"}};
  GroupWriter writer;
  writer.AddLeaf("leaf 3");
  writer.AddWithheld({0, proof::LeafHash("leaf 4")});
  rewrite.groups.push_back({Position(3), std::move(writer).Finish().entries, ""});
  GroupWriter filled;
  for (int i = 0; i < 4; ++i) filled.AddLeaf("another leaf");
  filled.AddBlob(SectionKind::kService, {}, "a new blob");
  GroupWriter::Encoded encoded = std::move(filled).Finish();
  rewrite.groups.push_back({Position(5), encoded.entries, encoded.blobs});
  for (int round = 0; round < 3; ++round) {
    ASSERT_THAT(engine().Rewrite(rewrite), IsOk()) << "the same again";
    const std::vector<StoredGroup> groups = ReadAll(0, 0, true);
    ASSERT_EQ(groups.size(), 3u);
    EXPECT_EQ(groups[0].entries, batch.groups[0].entries);
    EXPECT_EQ(groups[0].blobs, batch.groups[0].blobs);
    EXPECT_EQ(groups[1].entries, rewrite.groups[0].entries);
    EXPECT_EQ(groups[1].blobs, "");
    EXPECT_EQ(groups[2].entries, encoded.entries);
    EXPECT_EQ(groups[2].blobs, encoded.blobs);
    ASSERT_OK_AND_ASSIGN(const StoredGroup one, engine().ReadGroup(kOwnLog, Position(4), true));
    EXPECT_EQ(one.entries, rewrite.groups[0].entries);
    EXPECT_THAT(engine().ReadHead(kOwnLog), IsOkAndHolds(std::optional(batch.head)));
    EXPECT_THAT(engine().ReadCheckpoint(kOwnLog, Position(9)),
                IsOkAndHolds(std::optional<std::string>("note 9")));
    EXPECT_EQ(WholeIndex(engine()),
              (std::map<std::string, std::string>{{"c2", ""}, {"c3", "new"}}));
    const PurgeRange range{kOwnLog, Position(3), Position(9)};
    ASSERT_THAT(engine().Purge({&range, 1}), IsOk());
    Reopen();
  }
  ASSERT_THAT(engine().Commit(Batch(0, 9, {Group(9, 1)})), IsOk()) << "the log goes on";
}

TEST_P(EngineConformance, ARewriteOfOtherBoundsIsRefusedAndWritesNothing) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 3, true), Group(3, 2)})), IsOk());
  const std::vector<StoredGroup> before = ReadAll(0, 0, true);
  const auto refused = [&](LogNumber log, const StoredGroup& group) {
    const RewriteBatch rewrite{log, {Group(0, 3), group}, {{"c1", "x"}}, {}};
    EXPECT_THAT(engine().Rewrite(rewrite), StatusIs(absl::StatusCode::kFailedPrecondition));
    const std::vector<StoredGroup> now = ReadAll(0, 0, true);
    ASSERT_EQ(now.size(), before.size());
    for (size_t i = 0; i < now.size(); ++i) {
      EXPECT_EQ(now[i].entries, before[i].entries);
      EXPECT_EQ(now[i].blobs, before[i].blobs);
    }
    EXPECT_TRUE(WholeIndex(engine()).empty());
  };
  refused(kOwnLog, Group(3, 1));
  refused(kOwnLog, Group(3, 3));
  refused(kOwnLog, Group(4, 1));
  refused(kOwnLog, Group(5, 1));
  refused(LogNumber(1), Group(0, 3));
  StoredGroup malformed = Group(3, 2);
  malformed.entries = "x";
  refused(kOwnLog, malformed);
}

// Of a group entries and blobs are always of the same time, whoever rewrites it meanwhile.
TEST_P(EngineConformance, ReadersNeverSeeHalfARewrite) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 8, true)})), IsOk());
  GroupWriter writer;
  for (int i = 0; i < 8; ++i) writer.AddWithheld({0, proof::LeafHash("leaf")});
  const StoredGroup withheld{Position(0), std::move(writer).Finish().entries, ""};
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto group = engine().ReadGroup(kOwnLog, Position(5), true);
        ASSERT_THAT(group, IsOk());
        ASSERT_THAT(GroupView::Parse(group->entries, group->blobs), IsOk());
        ASSERT_EQ(group->blobs.empty(), group->entries == withheld.entries);
        auto cursor = engine().Scan(kOwnLog, Position(0), true);
        ASSERT_THAT(cursor, IsOk());
        const auto scanned = (*cursor)->Next();
        ASSERT_THAT(scanned, IsOk());
        ASSERT_EQ((*scanned)->blobs.empty(), (*scanned)->entries == withheld.entries);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    const StoredGroup& group = i % 2 == 0 ? withheld : Group(0, 8, true);
    EXPECT_THAT(engine().Rewrite({kOwnLog, {group}, {}, {}}), IsOk());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

// Also while the commit that a new head came with is not over.
TEST_P(EngineConformance, WhatAHeadSaysIsThereCanBeReadByAnyThread) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 1)})), IsOk());
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto bytes = engine().ReadHead(kOwnLog);
        ASSERT_THAT(bytes, IsOk());
        const auto head = LogHead::Parse(**bytes);
        ASSERT_THAT(head, IsOk());
        ASSERT_THAT(engine().ReadGroup(kOwnLog, Position(head->frontier.size().value() - 1), false), IsOk());
      }
    });
  }
  for (uint64_t size = 1; size < 400; ++size) {
    EXPECT_THAT(engine().Commit(Batch(0, size, {Group(size, 1)})), IsOk());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(EngineConformance, ACommitAtAnotherSizeIsRefusedAndWritesNothing) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 3)})), IsOk());
  for (const uint64_t at : {0, 2, 4}) {
    CommitBatch wrong = Batch(0, at, {Group(at, 1)});
    wrong.index = {{"e9", "x"}};
    EXPECT_THAT(engine().Commit(wrong), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  EXPECT_TRUE(WholeIndex(engine()).empty());
  EXPECT_EQ(ReadAll(0, 0, false).size(), 1u);
  EXPECT_THAT(engine().Commit(Batch(0, 3, {Group(3, 1)})), IsOk()) << "a refusal stops nothing";
}

TEST_P(EngineConformance, AMalformedCommitIsRefused) {
  const auto refused = [&](const CommitBatch& batch) {
    EXPECT_THAT(engine().Commit(batch), StatusIs(absl::StatusCode::kInvalidArgument));
  };
  refused(Batch(0, 0, {}));
  CommitBatch gap = Batch(0, 0, {Group(0, 2), Group(2, 1)});
  gap.groups[1] = Group(3, 1);
  refused(gap);
  CommitBatch size = Batch(0, 0, {Group(0, 2)});
  size.new_size = Position(3);
  refused(size);
  CommitBatch head = Batch(0, 0, {Group(0, 2)});
  head.head[5] ^= 1;
  refused(head);
  CommitBatch garbage = Batch(0, 0, {Group(0, 2)});
  garbage.groups[0].entries = "?";
  refused(garbage);
  EXPECT_THAT(engine().Logs(), IsOkAndHolds(ElementsAre()));
}

TEST_P(EngineConformance, LogsAreApart) {
  ASSERT_THAT(engine().Commit(Batch(7, 0, {Group(0, 4)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 1)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(8, 0, {Group(0, 2)})), IsOk());
  EXPECT_THAT(engine().Logs(), IsOkAndHolds(ElementsAre(kOwnLog, LogNumber(7), LogNumber(8))));
  EXPECT_EQ(ReadAll(7, 0, false).size(), 1u);
  EXPECT_THAT(engine().ReadGroup(LogNumber(8), Position(2), false),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(engine().ReadCheckpoint(LogNumber(8), Position(1)),
              IsOkAndHolds(std::optional<std::string>()))
      << "the checkpoint of log 7 must not answer for log 8";
}

TEST_P(EngineConformance, ReadGroupFindsTheGroupThatHoldsAPosition) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 3, true), Group(3, 2)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(0, 5, {Group(5, 1, true)})), IsOk());
  const uint64_t firsts[] = {0, 0, 0, 3, 3, 5};
  for (uint64_t p = 0; p < 6; ++p) {
    ASSERT_OK_AND_ASSIGN(const StoredGroup group, engine().ReadGroup(kOwnLog, Position(p), true));
    EXPECT_EQ(group.first, Position(firsts[p]));
    EXPECT_EQ(group.blobs.empty(), firsts[p] == 3);
    ASSERT_OK_AND_ASSIGN(const StoredGroup bare, engine().ReadGroup(kOwnLog, Position(p), false));
    EXPECT_EQ(bare.entries, group.entries);
    EXPECT_TRUE(bare.blobs.empty());
  }
  EXPECT_THAT(engine().ReadGroup(kOwnLog, Position(6), true),
              StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_P(EngineConformance, AScanStartsInTheMiddleAndEndsWhereTheLogEndedWhenItWasMade) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 3, true), Group(3, 2), Group(5, 1, true)})),
              IsOk());
  ASSERT_OK_AND_ASSIGN(auto cursor, engine().Scan(kOwnLog, Position(4), true));
  ASSERT_THAT(engine().Commit(Batch(0, 6, {Group(6, 1)})), IsOk());
  ASSERT_OK_AND_ASSIGN(auto group, cursor->Next());
  EXPECT_EQ(group->first, Position(3));
  EXPECT_TRUE(group->blobs.empty());
  ASSERT_OK_AND_ASSIGN(group, cursor->Next());
  EXPECT_EQ(group->first, Position(5));
  EXPECT_FALSE(group->blobs.empty());
  ASSERT_OK_AND_ASSIGN(group, cursor->Next());
  EXPECT_FALSE(group.has_value());
  EXPECT_EQ(ReadAll(0, 6, false).size(), 1u);
  EXPECT_TRUE(ReadAll(0, 7, false).empty());
  EXPECT_TRUE(ReadAll(0, 1'000, false).empty());
}

TEST_P(EngineConformance, ReadCheckpointGivesTheNewestNotAboveASize) {
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 3)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(0, 3, {Group(3, 300)})), IsOk());
  const auto note = [&](uint64_t size) {
    auto found = engine().ReadCheckpoint(kOwnLog, Position(size));
    return found.ok() ? found->value_or("none") : found.status().ToString();
  };
  EXPECT_EQ(note(2), "none");
  EXPECT_EQ(note(3), "note 3");
  EXPECT_EQ(note(302), "note 3");
  EXPECT_EQ(note(303), "note 303");
  EXPECT_EQ(note(uint64_t{1} << 40), "note 303");
}

TEST_P(EngineConformance, TheIndexPutsDeletesScansAndFindsFloors) {
  const std::string case_a = "c" + std::string(16, 'a');
  const std::string case_b = "c" + std::string(16, 'b');
  const std::string high = "c" + std::string(16, '\xff');
  const std::vector<KeyValue> puts = {
      {case_a + "1", "a1"}, {case_a + "3", "a3"}, {case_b + "2", "b2"}, {high + "9", "h9"},
      {"d", "short"},       {"t0001x", ""},       {"t0002x", ""}};
  ASSERT_THAT(engine().WriteIndex(puts, {}), IsOk());
  EXPECT_EQ(WholeIndex(engine()), (std::map<std::string, std::string>(puts.begin(), puts.end())));

  const auto floor = [&](std::string_view prefix, std::string_view suffix) -> std::string {
    auto found = engine().IndexFloor(prefix, suffix);
    EXPECT_THAT(found, IsOk());
    return *found ? (*found)->second : "none";
  };
  EXPECT_EQ(floor(case_a, "9"), "a3");
  EXPECT_EQ(floor(case_a, "3"), "a3");
  EXPECT_EQ(floor(case_a, "2"), "a1");
  EXPECT_EQ(floor(case_a, "0"), "none");
  EXPECT_EQ(floor(case_b, "1"), "none") << "the floor must not leave its prefix";
  EXPECT_EQ(floor("c" + std::string(16, 'q'), "9"), "none");
  EXPECT_EQ(floor(high, "\xff"), "h9");
  EXPECT_EQ(floor("t", "0001z"), "");

  const auto count = [&](std::string_view prefix) {
    size_t n = 0;
    std::string last;
    auto cursor = engine().IndexScan(prefix);
    while (true) {
      auto entry = cursor->Next();
      EXPECT_THAT(entry, IsOk());
      if (!entry->has_value()) return n;
      EXPECT_LT(last, (*entry)->first);
      EXPECT_EQ((*entry)->first.substr(0, prefix.size()), prefix);
      last = (*entry)->first;
      ++n;
    }
  };
  EXPECT_EQ(count(case_a), 2u);
  EXPECT_EQ(count("c"), 4u);
  EXPECT_EQ(count(high), 1u);
  EXPECT_EQ(count("t"), 2u);
  EXPECT_EQ(count("x"), 0u);

  const std::vector<std::string> deletes = {case_a + "3", "t0001x", "never there"};
  const std::vector<KeyValue> changed = {{case_b + "2", "new"}};
  ASSERT_THAT(engine().WriteIndex(changed, deletes), IsOk());
  Reopen();
  EXPECT_EQ(floor(case_a, "9"), "a1");
  EXPECT_EQ(floor(case_b, "2"), "new");
  EXPECT_EQ(count("t"), 1u);

  ASSERT_THAT(engine().ClearIndex(), IsOk());
  EXPECT_TRUE(WholeIndex(engine()).empty());
  ASSERT_THAT(engine().WriteIndex(changed, {}), IsOk());
  EXPECT_EQ(floor(case_b, "9"), "new");
  Reopen();
  EXPECT_EQ(WholeIndex(engine()).size(), 1u);
}

TEST_P(EngineConformance, CheckpointsGivesThoseOfOneLogAscendingBySize) {
  ASSERT_THAT(engine().Commit(Batch(1, 0, {Group(0, 300)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(1, 300, {Group(300, 1)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(0, 0, {Group(0, 2)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(2, 0, {Group(0, 3)})), IsOk());
  const auto all = [&](uint64_t log) {
    std::vector<std::string> found;
    auto cursor = engine().Checkpoints(LogNumber(log));
    while (true) {
      auto next = cursor->Next();
      EXPECT_THAT(next, IsOk());
      if (!next.ok() || !next->has_value()) return found;
      EXPECT_EQ((*next)->first.size(), 8u);
      found.push_back(Str(ReadBigEndian64((*next)->first.data()), ": ", (*next)->second));
    }
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(all(1), ElementsAre("300: note 300", "301: note 301"));
    EXPECT_THAT(all(0), ElementsAre("2: note 2"));
    EXPECT_THAT(all(2), ElementsAre("3: note 3"));
    EXPECT_THAT(all(3), ElementsAre());
    Reopen();
  }
}

TEST_P(EngineConformance, ScanStoredGivesEachPartOfOneLogByItsKeysInARange) {
  ASSERT_THAT(engine().Commit(Batch(1, 0, {Group(0, 3, true), Group(3, 2), Group(5, 1, true)})),
              IsOk());
  ASSERT_THAT(engine().Commit(Batch(1, 6, {Group(6, 4)})), IsOk());
  ASSERT_THAT(engine().Commit(Batch(2, 0, {Group(0, 1, true)})), IsOk());
  const auto keys = [&](StoredPart part, uint64_t from, uint64_t to) {
    std::vector<uint64_t> found;
    auto cursor = engine().ScanStored(LogNumber(1), part, Position(from), Position(to));
    while (true) {
      const auto next = cursor->Next();
      EXPECT_THAT(next, IsOk());
      if (!next.ok() || !next->has_value()) return found;
      EXPECT_FALSE((*next)->bytes.empty());
      found.push_back((*next)->key.value());
    }
  };
  constexpr uint64_t kEnd = UINT64_MAX;
  EXPECT_THAT(keys(StoredPart::kEntries, 0, kEnd), ElementsAre(0, 3, 5, 6));
  EXPECT_THAT(keys(StoredPart::kEntries, 1, 6), ElementsAre(3, 5));
  EXPECT_THAT(keys(StoredPart::kEntries, 7, kEnd), ElementsAre());
  EXPECT_THAT(keys(StoredPart::kBlobs, 0, kEnd), ElementsAre(0, 5));
  EXPECT_THAT(keys(StoredPart::kCheckpoints, 0, kEnd), ElementsAre(6, 10));
  EXPECT_THAT(keys(StoredPart::kCheckpoints, 0, 10), ElementsAre(6));
  auto cursor =
      engine().ScanStored(LogNumber(1), StoredPart::kEntries, Position(3), Position(4));
  ASSERT_OK_AND_ASSIGN(const auto value, cursor->Next());
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->bytes, Group(3, 2).entries);
}

TEST_P(EngineConformance, RecordsAreKeptApartFromTheIndexAndOutliveIt) {
  EXPECT_THAT(engine().RecordGet("c1"), IsOkAndHolds(std::optional<std::string>()));
  EXPECT_THAT(engine().RecordFloor("c", "9"), IsOkAndHolds(std::optional<KeyValue>()));
  EXPECT_THAT(engine().RecordFloor("", "9"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(engine().IndexFloor("", "9"), StatusIs(absl::StatusCode::kInvalidArgument));
  const std::vector<KeyValue> unsynced = {
      {"c1", "one"}, {"c3", "three"}, {std::string("c\xff", 2), "last"}, {"d2", ""}};
  const std::vector<KeyValue> synced = {{"c3", "new"}, {"e", std::string(100'000, 'e')}};
  const std::vector<KeyValue> index = {{"c1", "index"}, {"e9", "index"}};
  ASSERT_THAT(engine().WriteRecords(unsynced, false), IsOk());
  ASSERT_THAT(engine().WriteRecords(synced, true), IsOk());
  ASSERT_THAT(engine().WriteIndex(index, {}), IsOk());
  const auto scan = [&](std::string_view prefix) {
    std::vector<std::string> found;
    auto cursor = engine().RecordScan(prefix);
    while (true) {
      auto next = cursor->Next();
      EXPECT_THAT(next, IsOk());
      if (!next.ok() || !next->has_value()) return found;
      found.push_back(Str((*next)->first, "=", (*next)->second.substr(0, 5)));
    }
  };
  const auto floor = [&](std::string_view prefix, std::string_view suffix) -> std::string {
    auto found = engine().RecordFloor(prefix, suffix);
    EXPECT_THAT(found, IsOk());
    return *found ? (*found)->second : "none";
  };
  for (int round = 0; round < 3; ++round) {
    EXPECT_THAT(scan(""), ElementsAre("c1=one", "c3=new", "c\xff=last", "d2=", "e=eeeee"));
    EXPECT_THAT(scan("c"), ElementsAre("c1=one", "c3=new", "c\xff=last"));
    EXPECT_THAT(scan("c\xff"), ElementsAre("c\xff=last"));
    EXPECT_THAT(scan("b"), ElementsAre());
    EXPECT_EQ(floor("c", "2"), "one");
    EXPECT_EQ(floor("c", "3"), "new");
    EXPECT_EQ(floor("c", "0"), "none");
    EXPECT_EQ(floor("d", "1"), "none") << "the floor must not leave its prefix";
    EXPECT_EQ(floor("d", "2"), "");
    EXPECT_THAT(engine().RecordGet("c3"), IsOkAndHolds(std::optional<std::string>("new")));
    EXPECT_THAT(engine().RecordGet("c2"), IsOkAndHolds(std::optional<std::string>()));
    EXPECT_EQ(WholeIndex(engine()).size(), round < 2 ? 2u : 0u);
    if (round == 0) {
      Reopen();
    } else {
      ASSERT_THAT(engine().ClearIndex(), IsOk());
    }
  }
}

TEST_P(EngineConformance, ReadersBesideAWriterSeeOnlyWholeGaplessPrefixes) {
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    uint64_t last_size = 0;
    while (!stop) {
      auto cursor = engine().Scan(kOwnLog, Position(0), false);
      ASSERT_THAT(cursor, IsOk());
      uint64_t next = 0;
      while (true) {
        auto group = (*cursor)->Next();
        ASSERT_THAT(group, IsOk());
        if (!group->has_value()) break;
        ASSERT_EQ((*group)->first, Position(next));
        next += *GroupCount((*group)->entries);
      }
      ASSERT_GE(next, last_size);
      last_size = next;
    }
  });
  for (uint64_t at = 0; at < 150; at += 3) {
    EXPECT_THAT(engine().Commit(Batch(0, at, {Group(at, 2), Group(at + 2, 1)})), IsOk());
  }
  stop = true;
  reader.join();
}

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_ENGINE_CONFORMANCE_H_
