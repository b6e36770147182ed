// The contract of eventstore/log/log.h, run over every engine.
#ifndef POLKU_TESTS_LOG_LOG_CONFORMANCE_H_
#define POLKU_TESTS_LOG_LOG_CONFORMANCE_H_

#include <algorithm>
#include <set>
#include <thread>

#include "eventstore/log/index.h"
#include "eventstore/log/reader.h"
#include "eventstore/log/tree.h"
#include "tests/log/engine_conformance.h"
#include "tests/log/probe_engine.h"

namespace polku::log {

class LogConformance : public ::testing::TestWithParam<EngineParam> {
 protected:
  void SetUp() override {
    home_ = GetParam().make();
    signer_ = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
    OpenLog();
  }

  LogOptions Options() {
    return {*OriginName::Parse(kTestOrigin), clock_.Function(), SystemRandom(), signer_.get()};
  }
  void OpenLog() {
    auto log = Log::Open(home_->engine(), Options(), kTestCurveKey);
    ASSERT_THAT(log, testing::IsOk());
    log_ = *std::move(log);
  }
  void Reopen() {
    log_.reset();
    home_->Reopen();
    OpenLog();
  }
  Engine& engine() { return home_->engine(); }

  // Reads the whole log through EntryReader and checks everything that must hold of it: gapless
  // positions, rising order, revisions 1, 2, 3 … by case, running numbers by receiver, indexes,
  // head, checkpoint and root.
  void CheckWholeLog() {
    auto reader = EntryReader::Make(engine(), kOwnLog, Position(0), true);
    ASSERT_THAT(reader, testing::IsOk());
    std::vector<Hash> leaves;
    std::map<std::string, uint64_t> revisions;
    std::map<std::string, uint64_t> numbers;
    std::set<std::string> ids;
    uint64_t last_order = 0;
    while (true) {
      auto next = (*reader)->Next();
      ASSERT_THAT(next, testing::IsOk());
      if (!next->has_value()) break;
      const EntryView& entry = **next;
      const event::v1::Header& header = *entry.header;
      ASSERT_EQ(entry.position, Position(leaves.size()));
      EXPECT_GT(header.order(), last_order);
      last_order = header.order();
      EXPECT_TRUE(ids.insert(header.event_id() + header.author_agency()).second) << "doubled";
      auto found = engine().IndexGet(
          EventIndexKey(*EventId::FromBytes(header.event_id()), header.author_agency()));
      ASSERT_THAT(found, testing::IsOk());
      EXPECT_EQ(*found, EventIndexValue(entry.position, Revision(header.case_revision())));
      if (!header.case_id().empty()) {
        EXPECT_EQ(header.case_revision(), ++revisions[header.case_id()]);
        auto in_case = engine().IndexGet(
            CaseIndexKey(*CaseId::FromBytes(header.case_id()), kOwnLog, entry.position));
        ASSERT_THAT(in_case, testing::IsOk());
        EXPECT_EQ(*in_case, CaseIndexValue(Order(last_order), Revision(header.case_revision())));
      }
      for (const auto& disclosure : header.disclosures()) {
        EXPECT_EQ(disclosure.number(), ++numbers[disclosure.receiver()]);
      }
      EXPECT_EQ(entry.blobs.size(), static_cast<size_t>(header.commitments_size()));
      leaves.push_back(proof::LeafHash(entry.leaf));
    }
    ASSERT_EQ(log_->size(), Position(leaves.size()));
    EXPECT_EQ(log_->last_order(), Order(last_order));
    auto checkpoint = proof::VerifyCheckpoint(log_->checkpoint(), signer_->verifier());
    ASSERT_THAT(checkpoint, testing::IsOk());
    EXPECT_EQ(checkpoint->size, log_->size());
    EXPECT_EQ(checkpoint->root, NaiveRoot(leaves, 0, leaves.size()));
    TreeReader tree(engine(), kOwnLog);
    for (const size_t size : {size_t{0}, leaves.size() / 3, leaves.size() / 2, leaves.size()}) {
      EXPECT_THAT(tree.Root(Position(size)), testing::IsOkAndHolds(NaiveRoot(leaves, 0, size)));
    }
    for (const auto& [receiver, number] : numbers) {
      std::string value;
      AppendBigEndian64(value, number);
      auto found = engine().IndexGet(DisclosureIndexKey(receiver));
      ASSERT_THAT(found, testing::IsOk());
      EXPECT_EQ(*found, value);
    }
  }

  std::unique_ptr<EngineHome> home_;
  std::unique_ptr<proof::Signer> signer_;
  TestClock clock_;
  std::unique_ptr<Log> log_;
};

TEST_P(LogConformance, AnEmptyLogStartsWithItsGenesisOnce) {
  EXPECT_EQ(log_->size(), Position(1));
  Reopen();
  EXPECT_EQ(log_->size(), Position(1));
  EntryFetcher fetcher(engine());
  ASSERT_OK_AND_ASSIGN(const EntryView entry, fetcher.Fetch(kOwnLog, Position(0), true));
  EXPECT_EQ(entry.header->type(), "polku.event.v1.Genesis");
  event::v1::Genesis genesis;
  ASSERT_TRUE(genesis.ParseFromString(entry.header->control()));
  EXPECT_EQ(genesis.format(), 1u);
  EXPECT_EQ(genesis.origin(), kTestOrigin);
  EXPECT_EQ(genesis.signing_key(), signer_->verifier().key().view());
  EXPECT_EQ(genesis.curve_key(), kTestCurveKey);
  NewEntry second;
  second.id = TestEvent(1);
  second.type = "polku.event.v1.Genesis";
  second.author_agency = kTestAgency;
  second.control = "x";
  EXPECT_THAT(AppendOne(*log_, One(second)).status, StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(LogConformance, AnAppendIsReadBackAsItWasGiven) {
  NewEntry entry = TestEntry(1, 5);
  entry.causes.push_back({"FI/MUN/0187690-1/oulu/attendance/1", Position(77), Sha256("leaf")});
  entry.newest_cause = Order(5);
  entry.sections = {TestSection(SectionKind::kService, "s"),
                    TestSection(SectionKind::kHealth, "h")};
  SectionSet sections;
  sections.add(SectionKind::kService);
  sections.add(SectionKind::kPayment);
  entry.disclosures.push_back({"FI/GOV/0245437-2/kela", sections, Position(0)});
  const AppendResult result = AppendOne(*log_, One(entry));
  ASSERT_THAT(result.status, IsOk());
  ASSERT_EQ(result.receipts.size(), 1u);
  const Receipt& receipt = result.receipts[0];
  EXPECT_EQ(receipt.id, entry.id);
  EXPECT_EQ(receipt.position, Position(1));
  EXPECT_EQ(receipt.revision, Revision(1));
  EXPECT_FALSE(receipt.repeated);

  EntryFetcher fetcher(engine());
  ASSERT_OK_AND_ASSIGN(const EntryView view, fetcher.Fetch(kOwnLog, Position(1), true));
  const event::v1::Header& header = *view.header;
  EXPECT_EQ(header.event_id(), entry.id.view());
  EXPECT_EQ(header.type(), entry.type);
  EXPECT_EQ(header.author_agency(), entry.author_agency);
  EXPECT_EQ(header.author_official(), entry.author_official);
  EXPECT_EQ(header.case_id(), entry.case_id.view());
  EXPECT_EQ(header.recorded_at_us(), absl::ToUnixMicros(*clock_.now));
  EXPECT_EQ(Order(header.order()), receipt.order);
  EXPECT_EQ(header.schema_hash(), entry.schema_hash.view());
  ASSERT_EQ(header.causes_size(), 1);
  EXPECT_EQ(header.causes(0).origin(), entry.causes[0].origin);
  EXPECT_EQ(header.causes(0).position(), 77u);
  EXPECT_EQ(header.causes(0).leaf_hash(), entry.causes[0].leaf_hash.view());
  ASSERT_EQ(header.commitments_size(), 2);
  EXPECT_EQ(header.commitments(1).commitment(), entry.sections[1].commitment.view());
  ASSERT_EQ(header.disclosures_size(), 1);
  EXPECT_THAT(header.disclosures(0).sections(), ElementsAre(event::v1::SECTION_KIND_SERVICE))
      << "what the entry does not hold is not on record as disclosed";
  EXPECT_EQ(header.disclosures(0).number(), 1u);
  ASSERT_EQ(view.blobs.size(), 2u);
  EXPECT_EQ(view.blobs[1].kind, SectionKind::kHealth);
  EXPECT_EQ(view.blobs[1].blob, entry.sections[1].blob);
  EXPECT_TRUE(view.blobs[1].secret.empty());
  EXPECT_EQ(receipt.leaf_hash, proof::LeafHash(view.leaf));
  CheckWholeLog();
}

// Who holds a hash for a withheld entry and knows its header to the last byte cannot tell that it is that: the same
// header in two logs, at the same place and time, has two unrelated hashes, and only the random bytes in front lead to one.
TEST_P(LogConformance, AHeaderIsNotGuessedFromItsLeafHash) {
  const auto twin_home = GetParam().make();
  TestClock twin_clock;
  LogOptions options = Options();
  options.clock = twin_clock.Function();
  ASSERT_OK_AND_ASSIGN(const auto twin, Log::Open(twin_home->engine(), options, kTestCurveKey));
  for (uint64_t i = 1; i <= 20; ++i) {
    ASSERT_THAT(AppendOne(*log_, One(TestEntry(i, 1))).status, testing::IsOk());
    ASSERT_THAT(AppendOne(*twin, One(TestEntry(i, 1))).status, testing::IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const auto reader, EntryReader::Make(engine(), kOwnLog, Position(1), false));
  ASSERT_OK_AND_ASSIGN(const auto twin_reader,
                       EntryReader::Make(twin_home->engine(), kOwnLog, Position(1), false));
  std::set<std::string> randoms;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto entry, reader->Next());
    ASSERT_OK_AND_ASSIGN(const auto twin_entry, twin_reader->Next());
    ASSERT_OK_AND_ASSIGN(const std::string_view known, HeaderBytes(twin_entry->leaf));
    ASSERT_THAT(HeaderBytes(entry->leaf), testing::IsOkAndHolds(known)) << "the same header";
    const Hash withheld = proof::LeafHash(entry->leaf);
    EXPECT_NE(withheld, proof::LeafHash(twin_entry->leaf));
    const std::string random(entry->leaf.substr(kLeafPrefix.size(), kLeafRandomBytes));
    for (const std::string& guess :
         {std::string(kLeafRandomBytes, '\0'), std::string(Sha256(known).view()),
          std::string(withheld.view()),
          std::string(twin_entry->leaf.substr(kLeafPrefix.size(), kLeafRandomBytes))}) {
      EXPECT_NE(proof::LeafHash(MakeLeaf(guess, known)), withheld);
    }
    EXPECT_EQ(proof::LeafHash(MakeLeaf(random, known)), withheld);
    EXPECT_TRUE(randoms.insert(random).second);
  }
}

TEST_P(LogConformance, AnUnmetExpectedRevisionAppendsNothingAndTellsTheTrueOnes) {
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status, IsOk());
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(2, 5))).status, IsOk());
  AppendRequest request = One(TestEntry(3, 5));
  request.entries.push_back(TestEntry(4, 6));
  request.expected = {{TestCase(5), Revision(1)}, {TestCase(6), Revision(0)}};
  for (int round = 0; round < 2; ++round) {
    const AppendResult result = AppendOne(*log_, request);
    EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kAborted));
    EXPECT_TRUE(result.receipts.empty());
    ASSERT_EQ(result.actual.size(), 1u);
    EXPECT_EQ(result.actual[0].case_id, TestCase(5));
    EXPECT_EQ(result.actual[0].revision, Revision(2));
    EXPECT_EQ(log_->size(), Position(3));
    Reopen();
  }
  EXPECT_THAT(log_->CaseRevision(TestCase(5)), IsOkAndHolds(Revision(2)));
  EXPECT_THAT(log_->CaseRevision(TestCase(6)), IsOkAndHolds(Revision(0)));
  request.expected[0].revision = Revision(2);
  const AppendResult retried = AppendOne(*log_, request);
  ASSERT_THAT(retried.status, IsOk());
  EXPECT_EQ(retried.receipts[0].revision, Revision(3));
  EXPECT_EQ(retried.receipts[1].revision, Revision(1));
  CheckWholeLog();
}

TEST_P(LogConformance, ALaterRequestOfOneCallSeesTheEarlierOne) {
  std::vector<AppendRequest> requests;
  for (uint64_t i = 0; i < 4; ++i) {
    requests.push_back(One(TestEntry(10 + i, 5)));
    requests.back().expected = {{TestCase(5), Revision(i == 2 ? 0 : std::min<uint64_t>(i, 2))}};
  }
  const std::vector<AppendResult> results = log_->Append(requests);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_THAT(results[0].status, IsOk());
  EXPECT_THAT(results[1].status, IsOk());
  EXPECT_THAT(results[2].status, StatusIs(absl::StatusCode::kAborted));
  ASSERT_EQ(results[2].actual.size(), 1u);
  EXPECT_EQ(results[2].actual[0].revision, Revision(2));
  ASSERT_THAT(results[3].status, IsOk());
  EXPECT_EQ(results[3].receipts[0].revision, Revision(3));
  EXPECT_EQ(results[3].receipts[0].position, Position(3));
  CheckWholeLog();
}

TEST_P(LogConformance, ARepeatReturnsTheOriginalReceiptForEver) {
  AppendRequest request = One(TestEntry(1, 5));
  request.entries[0].sections = {TestSection(SectionKind::kService, "content")};
  request.entries.push_back(TestEntry(2, 5));
  request.expected = {{TestCase(5), Revision(0)}};
  const AppendResult first = AppendOne(*log_, request);
  ASSERT_THAT(first.status, IsOk());
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(3, 5))).status, IsOk());
  *clock_.now += absl::Hours(10'000);
  // The same content sealed again has other bytes around it; commitments tell.
  request.entries[0].disclosures.clear();
  for (int round = 0; round < 2; ++round) {
    const AppendResult again = AppendOne(*log_, request);
    ASSERT_THAT(again.status, IsOk());
    ASSERT_EQ(again.receipts.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(again.receipts[i].repeated);
      EXPECT_EQ(again.receipts[i].position, first.receipts[i].position);
      EXPECT_EQ(again.receipts[i].revision, first.receipts[i].revision);
      EXPECT_EQ(again.receipts[i].order, first.receipts[i].order);
      EXPECT_EQ(again.receipts[i].leaf_hash, first.receipts[i].leaf_hash);
    }
    ASSERT_OK_AND_ASSIGN(const auto found, log_->FindRepeat(request));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ((*found)[1].position, Position(2));
    EXPECT_EQ(log_->size(), Position(4));
    Reopen();
  }
  CheckWholeLog();
}

TEST_P(LogConformance, ARepeatBesideNewEntriesAppendsOnlyTheNew) {
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status, IsOk());
  AppendRequest mixed = One(TestEntry(1, 5));
  mixed.entries.push_back(TestEntry(2, 5));
  ASSERT_OK_AND_ASSIGN(const auto found, log_->FindRepeat(mixed));
  EXPECT_FALSE(found.has_value());
  const AppendResult result = AppendOne(*log_, mixed);
  ASSERT_THAT(result.status, IsOk());
  EXPECT_TRUE(result.receipts[0].repeated);
  EXPECT_EQ(result.receipts[0].position, Position(1));
  EXPECT_FALSE(result.receipts[1].repeated);
  EXPECT_EQ(result.receipts[1].position, Position(2));
  CheckWholeLog();
}

TEST_P(LogConformance, TheSameIdWithOtherContentIsAConflictWhateverDiffers) {
  NewEntry original = TestEntry(1, 5);
  original.sections = {TestSection(SectionKind::kService, "content")};
  ASSERT_THAT(AppendOne(*log_, One(original)).status, IsOk());
  std::vector<std::pair<std::string, NewEntry>> others;
  const auto other = [&](std::string what) -> NewEntry& {
    return others.emplace_back(std::move(what), original).second;
  };
  other("type").type = "polku.attendance.v1.Other";
  other("official").author_official = "official-8";
  other("case").case_id = TestCase(6);
  other("commitment").sections[0].commitment = Sha256("other");
  other("kind").sections[0].kind = SectionKind::kSocial;
  other("fewer sections").sections.clear();
  other("more sections").sections.push_back(TestSection(SectionKind::kHealth, "h"));
  for (int round = 0; round < 2; ++round) {
    for (const auto& [what, entry] : others) {
      AppendRequest request = One(TestEntry(50, 5));
      request.entries.push_back(entry);
      EXPECT_THAT(AppendOne(*log_, request).status, StatusIs(absl::StatusCode::kAlreadyExists))
          << what;
      EXPECT_THAT(log_->FindRepeat(One(entry)), StatusIs(absl::StatusCode::kAlreadyExists)) << what;
    }
    EXPECT_EQ(log_->size(), Position(2));
    Reopen();
  }
  NewEntry same_id_other_author = original;
  same_id_other_author.author_agency = "FI/MUN/0187690-1/other";
  EXPECT_THAT(AppendOne(*log_, One(same_id_other_author)).status, IsOk());
  CheckWholeLog();
}

TEST_P(LogConformance, IdempotencyHoldsWithinOneCallAndWithinOneRequest) {
  NewEntry changed = TestEntry(1, 5);
  changed.author_official = "somebody else";
  AppendRequest twice = One(TestEntry(2, 5));
  twice.entries.push_back(TestEntry(2, 5));
  AppendRequest conflicting = One(TestEntry(3, 5));
  conflicting.entries.push_back(TestEntry(3, 6));
  const std::vector<AppendRequest> requests = {One(TestEntry(1, 5)), One(TestEntry(1, 5)),
                                               One(changed),         twice,
                                               conflicting,          One(TestEntry(3, 5))};
  const std::vector<AppendResult> results = log_->Append(requests);
  ASSERT_THAT(results[0].status, IsOk());
  ASSERT_THAT(results[1].status, IsOk());
  EXPECT_TRUE(results[1].receipts[0].repeated);
  EXPECT_EQ(results[1].receipts[0].position, results[0].receipts[0].position);
  EXPECT_EQ(results[1].receipts[0].leaf_hash, results[0].receipts[0].leaf_hash);
  EXPECT_THAT(results[2].status, StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_THAT(results[3].status, IsOk());
  EXPECT_FALSE(results[3].receipts[0].repeated);
  EXPECT_TRUE(results[3].receipts[1].repeated);
  EXPECT_EQ(results[3].receipts[1].position, results[3].receipts[0].position);
  EXPECT_THAT(results[4].status, StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_THAT(results[5].status, IsOk()) << "a refused request leaves no trace";
  EXPECT_FALSE(results[5].receipts[0].repeated);
  EXPECT_EQ(log_->size(), Position(4));
  CheckWholeLog();
}

TEST_P(LogConformance, ARefusedRequestLeavesNoNumberRevisionOrOrderBehind) {
  NewEntry good = TestEntry(1, 5);
  good.disclosures.push_back({"FI/GOV/0245437-2/kela", {}, Position(0)});
  NewEntry oversized = TestEntry(2, 5);
  oversized.disclosures = good.disclosures;
  for (int i = 0; i < 300; ++i) {
    oversized.causes.push_back({std::string(250, 'o'), Position(1), Sha256("l")});
  }
  AppendRequest mixed = One(good);
  mixed.entries.push_back(oversized);
  const std::vector<AppendRequest> requests = {mixed, One(good)};
  const std::vector<AppendResult> results = log_->Append(requests);
  EXPECT_THAT(results[0].status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("65,535")));
  ASSERT_THAT(results[1].status, IsOk());
  EXPECT_FALSE(results[1].receipts[0].repeated);
  EXPECT_EQ(results[1].receipts[0].revision, Revision(1));
  EXPECT_EQ(results[1].receipts[0].position, Position(1));
  CheckWholeLog();
}

TEST_P(LogConformance, LimitsAreEnforcedAtTheirExactValue) {
  const auto status_of = [&](NewEntry entry) {
    return AppendOne(*log_, One(std::move(entry))).status;
  };
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);

  AppendRequest none;
  EXPECT_THAT(AppendOne(*log_, none).status, invalid);
  AppendRequest many;
  for (uint64_t i = 0; i < kMaxEntriesPerAppend; ++i)
    many.entries.push_back(TestEntry(1'000 + i, i));
  EXPECT_THAT(AppendOne(*log_, many).status, IsOk());
  many.entries.push_back(TestEntry(9'999, 1));
  EXPECT_THAT(AppendOne(*log_, many).status, invalid);

  // A control entry of exactly the largest leaf, and one byte more.
  NewEntry control;
  control.id = TestEvent(1);
  control.type = "polku.event.v1.RulesChanged";
  control.author_agency = kTestAgency;
  control.control = std::string(65'000, 'r');
  ASSERT_THAT(status_of(control), IsOk());
  EntryFetcher fetcher(engine());
  ASSERT_OK_AND_ASSIGN(const EntryView view,
                       fetcher.Fetch(kOwnLog, Position(log_->size().value() - 1), false));
  const size_t overhead = view.leaf.size() - control.control.size();
  control.id = TestEvent(2);
  control.control = std::string(kMaxLeafBytes - overhead, 'r');
  EXPECT_THAT(status_of(control), IsOk());
  control.id = TestEvent(3);
  control.control.push_back('r');
  EXPECT_THAT(status_of(control), invalid);

  NewEntry wide = TestEntry(4, 5);
  for (size_t i = 0; i < kMaxDisclosuresPerEntry; ++i) {
    wide.disclosures.push_back({"FI/X/Y/" + std::to_string(100 + i), {}, Position(0)});
  }
  EXPECT_THAT(status_of(wide), IsOk());
  wide.id = TestEvent(5);
  wide.disclosures.push_back({"FI/X/Y/999", {}, Position(0)});
  EXPECT_THAT(status_of(wide), invalid);

  NewEntry large = TestEntry(6, 5);
  large.sections = {TestSection(SectionKind::kService, "1", 1 << 20),
                    TestSection(SectionKind::kIdentity, "2", 1 << 20),
                    TestSection(SectionKind::kSocial, "3", (1 << 20) - 1'000)};
  EXPECT_THAT(status_of(large), IsOk());
  large.id = TestEvent(7);
  large.sections[2].blob = std::string(1 << 20, 'b');
  EXPECT_THAT(status_of(large), invalid) << "3 MiB and a leaf";
  large.sections.resize(1);
  large.sections[0].blob = std::string(kMaxBlobBytes, 'b');
  EXPECT_THAT(status_of(large), IsOk());
  large.id = TestEvent(8);
  large.sections[0].blob.push_back('b');
  EXPECT_THAT(status_of(large), invalid);

  NewEntry named = TestEntry(9, 5);
  named.author_agency = std::string(255, 'a');
  EXPECT_THAT(status_of(named), IsOk());
  named.author_agency.push_back('a');
  EXPECT_THAT(status_of(named), invalid);
  CheckWholeLog();
}

TEST_P(LogConformance, MalformedEntriesAreRefused) {
  std::vector<std::pair<std::string, NewEntry>> cases;
  const auto with = [&](std::string what) -> NewEntry& {
    return cases.emplace_back(std::move(what), TestEntry(1, 5)).second;
  };
  with("no id").id = EventId();
  with("no type").type.clear();
  with("long type").type = std::string(256, 't');
  with("no author").author_agency.clear();
  with("long official").author_official = std::string(256, 'o');
  with("no case").case_id = CaseId();
  with("case and control").control = "c";
  with("unordered sections").sections = {TestSection(SectionKind::kHealth, "h"),
                                         TestSection(SectionKind::kService, "s")};
  with("a kind twice").sections = {TestSection(SectionKind::kHealth, "h"),
                                   TestSection(SectionKind::kHealth, "i")};
  with("no blob").sections = {TestSection(SectionKind::kHealth, "h", 0)};
  with("receivers unordered").disclosures = {{"FI/b/c/d", {}, {}}, {"FI/a/c/d", {}, {}}};
  with("receiver twice").disclosures = {{"FI/b/c/d", {}, {}}, {"FI/b/c/d", {}, {}}};
  with("receiver nameless").disclosures = {{"", {}, {}}};
  with("cause beyond all clocks").newest_cause = Order(UINT64_MAX);
  with("cause nameless").causes = {{"", {}, {}}};
  // Protobuf would write these and never read them again.
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc3", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\xff"}) {
    with("type not UTF-8").type = bad;
    with("official not UTF-8").author_official = bad;
    with("receiver not UTF-8").disclosures = {{bad, {}, {}}};
    with("cause not UTF-8").causes = {{bad, {}, {}}};
  }
  for (const auto& [what, entry] : cases) {
    const std::vector<AppendRequest> requests = {One(TestEntry(1, 5)), One(entry)};
    const std::vector<AppendResult> results = log_->Append(requests);
    EXPECT_THAT(results[0].status, IsOk()) << "one request's fault is not another's";
    EXPECT_THAT(results[1].status, StatusIs(absl::StatusCode::kInvalidArgument)) << what;
  }
  EXPECT_EQ(log_->size(), Position(2));
  NewEntry good = TestEntry(2, 5);
  good.author_official = "Äyräpää €\U0001F600";
  EXPECT_THAT(AppendOne(*log_, One(good)).status, IsOk());
  CheckWholeLog();
}

TEST_P(LogConformance, OrderRisesAlsoWhenTheClockGoesBackAndAfterCauses) {
  const AppendResult first = AppendOne(*log_, One(TestEntry(1, 5)));
  ASSERT_THAT(first.status, IsOk());
  EXPECT_EQ(first.receipts[0].order,
            std::max(OrderFromTime(*clock_.now), Order(OrderFromTime(*clock_.now).value() + 1)));
  *clock_.now -= absl::Hours(24 * 365);
  Reopen();
  const AppendResult second = AppendOne(*log_, One(TestEntry(2, 5)));
  EXPECT_EQ(second.receipts[0].order, first.receipts[0].order.next());
  NewEntry caused = TestEntry(3, 5);
  caused.newest_cause = Order(first.receipts[0].order.value() + 1'000);
  const AppendResult third = AppendOne(*log_, One(caused));
  EXPECT_EQ(third.receipts[0].order, caused.newest_cause.next());
  *clock_.now += absl::Hours(24 * 800);
  const AppendResult fourth = AppendOne(*log_, One(TestEntry(4, 5)));
  EXPECT_EQ(fourth.receipts[0].order, OrderFromTime(*clock_.now));
  CheckWholeLog();
}

TEST_P(LogConformance, RunningNumbersAreGaplessByReceiverAlsoAfterReopening) {
  testing::SeededGenerator generator(testing::TestSeed());
  uint64_t id = 1;
  for (int round = 0; round < 6; ++round) {
    std::vector<AppendRequest> requests;
    for (int i = 0; i < 20; ++i) {
      AppendRequest request;
      for (uint64_t e = 0; e <= generator.Below(3); ++e) {
        NewEntry entry = TestEntry(id++, generator.Below(4));
        for (char receiver = 'a'; receiver < 'e'; ++receiver) {
          if (generator.Below(2) == 0) continue;
          entry.disclosures.push_back({std::string("FI/COM/1/") + receiver, {}, Position(0)});
        }
        request.entries.push_back(entry);
      }
      if (generator.Below(4) == 0) request.expected = {{TestCase(0), Revision(1'000'000)}};
      requests.push_back(request);
    }
    log_->Append(requests);
    CheckWholeLog();
    if (round % 2 == 1) Reopen();
  }
}

TEST_P(LogConformance, EightThreadsGetGaplessPositionsAndLoseNothing) {
  constexpr uint64_t kThreads = 8;
  constexpr uint64_t kAppends = 40;
  std::vector<std::vector<Receipt>> receipts(kThreads);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kAppends; ++i) {
        AppendRequest request = One(TestEntry(t * 10'000 + i, t % 3));
        // Some ids are offered by all threads at once.
        if (i % 4 == 0) request.entries.push_back(TestEntry(900'000 + i, 7));
        const AppendResult result = AppendOne(*log_, request);
        ASSERT_THAT(result.status, IsOk());
        receipts[t].insert(receipts[t].end(), result.receipts.begin(), result.receipts.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<uint64_t, EventId> by_position;
  uint64_t first_time = 0;
  for (const auto& list : receipts) {
    for (const Receipt& receipt : list) {
      const auto [it, inserted] = by_position.emplace(receipt.position.value(), receipt.id);
      EXPECT_EQ(it->second, receipt.id);
      if (!receipt.repeated) ++first_time;
    }
  }
  EXPECT_EQ(by_position.size(), kThreads * kAppends + kAppends / 4);
  EXPECT_EQ(first_time, by_position.size());
  EXPECT_EQ(by_position.begin()->first, 1u);
  EXPECT_EQ(by_position.rbegin()->first, by_position.size());
  CheckWholeLog();
  Reopen();
  CheckWholeLog();
}

TEST_P(LogConformance, GroupsCloseAtTheirBoundsWithinOneAtomicAppend) {
  AppendRequest request;
  for (uint64_t i = 0; i < 600; ++i) request.entries.push_back(TestEntry(i + 1, i));
  ASSERT_THAT(AppendOne(*log_, request).status, IsOk());
  NewEntry large = TestEntry(5'000, 1);
  large.sections = {TestSection(SectionKind::kService, "x", 200 << 10)};
  AppendRequest two = One(large);
  two.entries.push_back(TestEntry(5'001, 1));
  ASSERT_THAT(AppendOne(*log_, two).status, IsOk());
  ASSERT_OK_AND_ASSIGN(auto cursor, engine().Scan(kOwnLog, Position(0), true));
  std::vector<uint64_t> firsts;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const auto group, cursor->Next());
    if (!group) break;
    firsts.push_back(group->first.value());
  }
  EXPECT_THAT(firsts, ElementsAre(0, 1, 257, 513, 601, 602));
  CheckWholeLog();
}

TEST_P(LogConformance, AnotherOriginOrAnotherKeyDoesNotOpenTheLog) {
  log_.reset();
  LogOptions other_origin = Options();
  other_origin.origin = *OriginName::Parse("FI/MUN/0187690-1/oulu/referral/2");
  EXPECT_THAT(Log::Open(engine(), other_origin, kTestCurveKey),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(std::string(kTestOrigin))));
  const auto other_signer = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
  LogOptions other_key = Options();
  other_key.signer = other_signer.get();
  EXPECT_THAT(Log::Open(engine(), other_key, kTestCurveKey),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("key")));
  OpenLog();
}

TEST_P(LogConformance, AReindexMakesTheSameIndexAgain) {
  uint64_t id = 1;
  for (uint64_t round = 0; round < 30; ++round) {
    AppendRequest request;
    for (uint64_t i = 0; i < 20; ++i) {
      NewEntry entry = TestEntry(id, id % 7);
      ++id;
      if (i % 3 == 0) entry.disclosures.push_back({"FI/COM/1/a", {}, Position(0)});
      if (i % 5 == 0) entry.disclosures.push_back({"FI/COM/1/b", {}, Position(0)});
      request.entries.push_back(entry);
    }
    ASSERT_THAT(AppendOne(*log_, request).status, IsOk());
  }
  const std::map<std::string, std::string> before = WholeIndex(engine());
  EXPECT_GT(before.size(), 1'200u);
  const std::vector<KeyValue> stray = {{"e stray", "x"}, {"c stray", "x"}};
  ASSERT_THAT(engine().WriteIndex(stray, {}), IsOk());
  uint64_t last_done = 0;
  uint64_t last_total = 0;
  ASSERT_THAT(RebuildIndex(engine(),
                           [&](uint64_t done, uint64_t total) {
                             last_done = done;
                             last_total = total;
                           }),
              IsOk());
  EXPECT_EQ(last_done, log_->size().value());
  EXPECT_EQ(last_total, log_->size().value());
  EXPECT_EQ(WholeIndex(engine()), before);
  Reopen();
  EXPECT_EQ(WholeIndex(engine()), before);
  CheckWholeLog();
}

TEST_P(LogConformance, AnInterruptedReindexKeepsTheLogFromOpening) {
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status, IsOk());
  log_.reset();
  ASSERT_THAT(engine().ClearIndex(), IsOk());
  home_->Reopen();
  EXPECT_THAT(Log::Open(engine(), Options(), kTestCurveKey),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("reindex")));
  ASSERT_THAT(RebuildIndex(engine(), nullptr), IsOk());
  OpenLog();
  const AppendResult again = AppendOne(*log_, One(TestEntry(1, 5)));
  ASSERT_THAT(again.status, IsOk());
  EXPECT_TRUE(again.receipts[0].repeated);
}

TEST_P(LogConformance, AStoreWithIndexVersionOneIsOpenedAfterAReindex) {
  AppendRequest request;
  for (uint64_t id = 1; id <= 700; ++id) request.entries.push_back(TestEntry(id, id % 3));
  ASSERT_THAT(AppendOne(*log_, request).status, IsOk());
  log_.reset();
  const std::map<std::string, std::string> index = WholeIndex(engine());
  std::vector<std::string> nodes;
  for (const auto& [key, value] : index) {
    if (key[0] == 'n') nodes.push_back(key);
  }
  ASSERT_EQ(nodes.size(), 3u) << "two of level 8, one of level 9";
  const KeyValue version_one(kIndexVersionKey, "\x01");
  ASSERT_THAT(engine().WriteIndex({&version_one, 1}, nodes), IsOk());
  home_->Reopen();
  EXPECT_THAT(Log::Open(engine(), Options(), kTestCurveKey),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("polku reindex")));
  EXPECT_THAT(
      ReplicaLog::Open(engine(), *OriginName::Parse("FI/MUN/0187690-1/oulu/attendance/1")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("polku reindex")));
  ASSERT_THAT(RebuildIndex(engine(), nullptr), IsOk());
  EXPECT_EQ(WholeIndex(engine()), index);
  OpenLog();
  CheckWholeLog();
}

// What a mirror, or a replica, has of a log, as batches to be stored.
inline VerifiedBatch BatchOf(const std::vector<CommitBatch>& commits, size_t begin, size_t end) {
  VerifiedBatch batch;
  batch.first = commits[begin].expected_size;
  if (begin > 0) batch.head = *LogHead::Parse(commits[begin - 1].head);
  proof::Frontier frontier = batch.head.frontier;
  for (size_t i = begin; i < end; ++i) {
    for (const StoredGroup& group : commits[i].groups) {
      batch.groups.push_back(group);
      const GroupView view = *GroupView::Parse(group.entries, {});
      for (const GroupItem& item : view.items()) {
        frontier.AppendLeafHash(proof::LeafHash(item.leaf), &batch.nodes);
      }
    }
  }
  batch.head = *LogHead::Parse(commits[end - 1].head);
  EXPECT_EQ(frontier, batch.head.frontier);
  batch.checkpoint = commits[end - 1].checkpoint;
  return batch;
}

// A log of some hundred entries in several commits, written to `engine`.
inline void Grow(Log& log) {
  uint64_t id = 1;
  for (const uint64_t entries : {1, 40, 300, 1, 700, 25}) {
    AppendRequest request;
    for (uint64_t i = 0; i < entries; ++i, ++id) {
      NewEntry entry = TestEntry(id, id % 11);
      if (id % 3 == 0) entry.sections = {TestSection(SectionKind::kService, Str("s", id))};
      if (id % 2 == 0) entry.disclosures.push_back({"FI/COM/1/a", {}, Position(0)});
      if (id % 100 == 0) entry.disclosures.push_back({"FI/COM/1/b", {}, Position(0)});
      request.entries.push_back(std::move(entry));
    }
    ASSERT_THAT(AppendOne(log, request).status, IsOk());
  }
}

TEST_P(LogConformance, AMirrorGivesBackWhatALogLost) {
  const auto whole_home = GetParam().make();
  ProbeEngine whole(whole_home->engine());
  {
    ASSERT_OK_AND_ASSIGN(auto log, Log::Open(whole, Options(), kTestCurveKey));
    Grow(*log);
  }
  const std::vector<CommitBatch>& commits = whole.commits();
  ASSERT_EQ(commits.size(), 7u);
  const auto index = WholeIndex(whole);
  for (size_t kept = 0; kept < commits.size(); ++kept) {
    SCOPED_TRACE(kept);
    log_.reset();
    home_ = GetParam().make();
    for (size_t i = 0; i < kept; ++i) ASSERT_THAT(engine().Commit(commits[i]), IsOk());
    // Without a CURVE key: of an empty store the Genesis comes back too.
    ASSERT_OK_AND_ASSIGN(log_, Log::Open(engine(), Options(), ""));
    const size_t middle = (kept + commits.size() + 1) / 2;
    ASSERT_THAT(log_->Recover(BatchOf(commits, kept, middle)), IsOk());
    EXPECT_EQ(log_->checkpoint(), commits[middle - 1].checkpoint);
    if (middle < commits.size()) {
      ASSERT_THAT(log_->Recover(BatchOf(commits, middle, commits.size())), IsOk());
    }
    EXPECT_EQ(WholeIndex(engine()), index);
    CheckWholeLog();
    for (int round = 0; round < 2; ++round) {
      // Repeats are known, revisions and running numbers go on.
      const AppendResult repeat = AppendOne(*log_, One(TestEntry(1, 1)));
      ASSERT_THAT(repeat.status, IsOk());
      EXPECT_TRUE(repeat.receipts[0].repeated);
      NewEntry next = TestEntry(5'000 + static_cast<uint64_t>(round), 3);
      next.disclosures.push_back({"FI/COM/1/a", {}, Position(0)});
      ASSERT_THAT(AppendOne(*log_, One(next)).status, IsOk());
      CheckWholeLog();
      Reopen();
    }
  }
}

TEST_P(LogConformance, OnlyTheWholeContinuationThatItsOwnKeySignedIsRecoveredAndOnlyBeforeAppends) {
  const auto whole_home = GetParam().make();
  ProbeEngine whole(whole_home->engine());
  {
    ASSERT_OK_AND_ASSIGN(auto log, Log::Open(whole, Options(), kTestCurveKey));
    Grow(*log);
  }
  const std::vector<CommitBatch>& commits = whole.commits();
  log_.reset();
  home_ = GetParam().make();
  ProbeEngine probe(engine());
  for (size_t i = 0; i < 3; ++i) ASSERT_THAT(probe.Commit(commits[i]), IsOk());
  ASSERT_OK_AND_ASSIGN(log_, Log::Open(probe, Options(), ""));
  const Position before = log_->size();
  const auto index = WholeIndex(engine());
  const auto refused = [&](const VerifiedBatch& batch, absl::StatusCode code,
                           std::string_view why) {
    EXPECT_THAT(log_->Recover(batch), StatusIs(code, HasSubstr(std::string(why))));
    EXPECT_EQ(log_->size(), before);
    EXPECT_EQ(WholeIndex(engine()), index);
  };
  const VerifiedBatch good = BatchOf(commits, 3, 5);
  refused(BatchOf(commits, 4, 5), absl::StatusCode::kFailedPrecondition, "expected");
  refused(BatchOf(commits, 2, 5), absl::StatusCode::kFailedPrecondition, "expected");

  // A leaf written anew, with its checksum right; or not all leaves.
  const auto rewritten = [&](const std::function<void(GroupWriter&, const GroupView&)>& write) {
    VerifiedBatch batch = good;
    StoredGroup& group = batch.groups[0];
    GroupWriter writer;
    write(writer, *GroupView::Parse(group.entries, group.blobs));
    GroupWriter::Encoded encoded = std::move(writer).Finish();
    group.entries = std::move(encoded.entries);
    group.blobs = std::move(encoded.blobs);
    return batch;
  };
  refused(rewritten([](GroupWriter& writer, const GroupView& group) {
            for (const GroupItem& item : group.items()) {
              std::string leaf(item.leaf);
              leaf[20] ^= 1;  // in the random part
              writer.AddLeaf(leaf);
            }
          }),
          absl::StatusCode::kInvalidArgument, "not those of their checkpoint");
  refused(rewritten([](GroupWriter& writer, const GroupView& group) {
            for (const GroupItem& item : group.items()) {
              writer.AddWithheld({0, proof::LeafHash(item.leaf)});
            }
          }),
          absl::StatusCode::kInvalidArgument, "no erasure is said to be why");
  refused(rewritten([](GroupWriter& writer, const GroupView& group) {
            // Positions 42 to 45; as one subtree even where an erasure is said to be why.
            const Hash left = proof::NodeHash(proof::LeafHash(group.items()[0].leaf),
                                              proof::LeafHash(group.items()[1].leaf));
            writer.AddWithheld({1, left});
            for (size_t i = 2; i < group.items().size(); ++i) writer.AddLeaf(group.items()[i].leaf);
          }),
          absl::StatusCode::kInvalidArgument, "mirror");
  refused(rewritten([](GroupWriter& writer, const GroupView& group) {
            for (const GroupItem& item : group.items()) {
              writer.AddLeaf(item.leaf);
              writer.AddBlob(SectionKind::kService, std::string(32, 's'), "blob");
            }
          }),
          absl::StatusCode::kInvalidArgument, "secret");
  VerifiedBatch batch = good;
  batch.groups.pop_back();
  refused(batch, absl::StatusCode::kInvalidArgument, "not those of their checkpoint");
  batch = good;
  batch.checkpoint = commits[5].checkpoint;
  refused(batch, absl::StatusCode::kInvalidArgument, "not those of their checkpoint");
  const auto other = proof::Signer::Generate(std::string(kTestOrigin), proof::KeyUse::kCheckpoint);
  batch.checkpoint = other->Sign(
      {std::string(kTestOrigin), good.head.frontier.size(), good.head.frontier.Root()});
  refused(batch, absl::StatusCode::kInvalidArgument, "recovered checkpoint");
  batch = good;
  batch.groups[0].entries[20] ^= 1;
  refused(batch, absl::StatusCode::kDataLoss, "");
  // Signed indeed, but no log of ours: its order goes back.
  event::v1::Header header;
  {
    EntryFetcher fetcher(whole);
    ASSERT_OK_AND_ASSIGN(const EntryView first, fetcher.Fetch(kOwnLog, Position(1), false));
    header = *first.header;
  }
  GroupWriter writer;
  const std::string leaf = MakeLeaf(std::string(32, 'r'), header.SerializeAsString());
  writer.AddLeaf(leaf);
  batch = VerifiedBatch{.first = before, .head = *LogHead::Parse(commits[2].head)};
  batch.head.frontier.AppendLeafHash(proof::LeafHash(leaf));
  batch.groups.push_back({before, std::move(writer).Finish().entries, {}});
  batch.checkpoint = signer_->Sign(
      {std::string(kTestOrigin), batch.head.frontier.size(), batch.head.frontier.Root()});
  refused(batch, absl::StatusCode::kInvalidArgument, "order");

  probe.FailCommit(absl::ResourceExhaustedError("full"));
  refused(good, absl::StatusCode::kResourceExhausted, "full");
  ASSERT_THAT(log_->Recover(good), IsOk()) << "there is room again";
  EXPECT_EQ(log_->size(), good.head.frontier.size());
  probe.FailCommit(absl::UnavailableError("the disk is gone"));
  EXPECT_THAT(log_->Recover(BatchOf(commits, 5, 7)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the disk is gone")));
  EXPECT_THAT(log_->Recover(BatchOf(commits, 5, 7)), StatusIs(absl::StatusCode::kUnavailable))
      << "nobody knows what is on disk";
  ASSERT_OK_AND_ASSIGN(log_, Log::Open(probe, Options(), ""));
  EXPECT_EQ(log_->size(), good.head.frontier.size()) << "whole batches or nothing";
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(1, 1))).status, IsOk());
  EXPECT_THAT(log_->Recover(BatchOf(commits, 5, 7)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("appended")));

  log_.reset();
  home_ = GetParam().make();
  OpenLog();
  EXPECT_THAT(log_->Recover(BatchOf(commits, 1, 3)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("appended")))
      << "the Genesis that was just written is another one";
}

TEST_P(LogConformance, EventsOfEarlierEpochsAreRepeatsForEver) {
  const auto first_home = GetParam().make();
  ProbeEngine first(first_home->engine());
  {
    ASSERT_OK_AND_ASSIGN(auto log, Log::Open(first, Options(), kTestCurveKey));
    Grow(*log);
  }
  const OriginName second_origin = *OriginName::Make(kTestAgency, "referral", 2);
  const OriginName other_service = *OriginName::Parse("FI/MUN/0187690-1/oulu/attendance/1");
  const auto second_signer =
      proof::Signer::Generate(second_origin.text(), proof::KeyUse::kCheckpoint);
  LogOptions options = Options();
  options.origin = second_origin;
  options.signer = second_signer.get();
  options.predecessor = Predecessor{.origin = std::string(kTestOrigin),
                                    .checkpoint = first.commits()[4].checkpoint,
                                    .held_size = 1'043,
                                    .known_size = 1'068,
                                    .reason = "the disk was lost"};
  // The old log may come in before the Genesis, after it, or in parts on both sides.
  for (const size_t before_genesis : {0, 3, 7}) {
    SCOPED_TRACE(before_genesis);
    log_.reset();
    home_ = GetParam().make();
    ASSERT_OK_AND_ASSIGN(auto other, ReplicaLog::Open(engine(), other_service));
    VerifiedBatch foreign = BatchOf(first.commits(), 0, 1);
    foreign.head.origin = other_service.text();
    ASSERT_THAT(other->Append(foreign), IsOk());
    ASSERT_OK_AND_ASSIGN(auto replica,
                         ReplicaLog::Open(engine(), *OriginName::Parse(kTestOrigin)));
    const auto store = [&](size_t begin, size_t end) {
      if (begin >= end) return;
      ASSERT_THAT(replica->Append(BatchOf(first.commits(), begin, end)), IsOk());
    };
    store(0, before_genesis);
    ASSERT_OK_AND_ASSIGN(log_, Log::Open(engine(), options, kTestCurveKey));
    store(before_genesis, 5);
    if (before_genesis < 6) store(std::max<size_t>(5, before_genesis), 7);

    EntryFetcher fetcher(engine());
    ASSERT_OK_AND_ASSIGN(const EntryView genesis_entry,
                         fetcher.Fetch(kOwnLog, Position(0), false));
    event::v1::Genesis genesis;
    ASSERT_TRUE(genesis.ParseFromString(genesis_entry.header->control()));
    EXPECT_EQ(genesis.origin(), second_origin.text());
    EXPECT_EQ(genesis.predecessor().origin(), kTestOrigin);
    EXPECT_EQ(genesis.predecessor().checkpoint(), options.predecessor->checkpoint);
    EXPECT_EQ(genesis.predecessor().held_size(), 1'043u);
    EXPECT_EQ(genesis.predecessor().known_size(), 1'068u);
    EXPECT_EQ(genesis.predecessor().reason(), "the disk was lost");

    for (int round = 0; round < 2; ++round) {
      EntryFetcher held(engine());
      for (const uint64_t id : {1, 3, 300, 1'067}) {
        NewEntry entry = TestEntry(id, id % 11);
        if (id % 3 == 0) entry.sections = {TestSection(SectionKind::kService, Str("s", id))};
        ASSERT_OK_AND_ASSIGN(const auto found, log_->FindRepeat(One(entry)));
        ASSERT_TRUE(found.has_value()) << id;
        const AppendResult result = AppendOne(*log_, One(entry));
        ASSERT_THAT(result.status, IsOk());
        for (const Receipt& receipt : {found->at(0), result.receipts.at(0)}) {
          EXPECT_TRUE(receipt.repeated);
          EXPECT_EQ(receipt.log, replica->number());
          EXPECT_EQ(receipt.position, Position(id));
          ASSERT_OK_AND_ASSIGN(const EntryView stored,
                               held.Fetch(receipt.log, receipt.position, false));
          EXPECT_EQ(receipt.leaf_hash, proof::LeafHash(stored.leaf));
          EXPECT_EQ(receipt.order, Order(stored.header->order()));
          EXPECT_EQ(receipt.revision, Revision(stored.header->case_revision()));
        }
        entry.author_official = "somebody else";
        EXPECT_THAT(AppendOne(*log_, One(entry)).status,
                    StatusIs(absl::StatusCode::kAlreadyExists));
      }
      const AppendResult fresh =
          AppendOne(*log_, One(TestEntry(9'000 + static_cast<uint64_t>(round), 1)));
      ASSERT_THAT(fresh.status, IsOk());
      EXPECT_EQ(fresh.receipts[0].log, kOwnLog);
      EXPECT_EQ(fresh.receipts[0].revision, Revision(static_cast<uint64_t>(round) + 1))
          << "revisions count within a log";
      const auto index = WholeIndex(engine());
      ASSERT_THAT(RebuildIndex(engine(), nullptr), IsOk());
      EXPECT_EQ(WholeIndex(engine()), index);
      log_.reset();
      home_->Reopen();
      // The epoch that has been opened before takes no other's predecessor.
      options.predecessor->reason = "ignored";
      ASSERT_OK_AND_ASSIGN(log_, Log::Open(engine(), options, kTestCurveKey));
      options.predecessor->reason = "the disk was lost";
      ASSERT_OK_AND_ASSIGN(replica, ReplicaLog::Open(engine(), *OriginName::Parse(kTestOrigin)));
    }
  }
}

TEST_P(LogConformance, AnEventOfSeveralEpochsIsThatOfTheNewest) {
  // Epochs 1 and 2 each took the same event: the second did not hold the first.
  std::vector<std::vector<CommitBatch>> epochs;
  std::vector<OriginName> origins;
  for (const uint32_t epoch : {1, 2, 3}) {
    origins.push_back(*OriginName::Make(kTestAgency, "referral", epoch));
    const auto home = GetParam().make();
    ProbeEngine engine(home->engine());
    const auto signer =
        proof::Signer::Generate(origins.back().text(), proof::KeyUse::kCheckpoint);
    LogOptions options = Options();
    options.origin = origins.back();
    options.signer = signer.get();
    ASSERT_OK_AND_ASSIGN(auto log, Log::Open(engine, options, kTestCurveKey));
    ASSERT_THAT(AppendOne(*log, One(TestEntry(epoch, 1))).status, IsOk());
    if (epoch < 3) {
      ASSERT_THAT(AppendOne(*log, One(TestEntry(77, 1))).status, IsOk());
    }
    epochs.push_back(engine.commits());
  }
  for (const bool oldest_first : {true, false}) {
    const auto home = GetParam().make();
    for (const CommitBatch& commit : epochs[2]) {
      ASSERT_THAT(home->engine().Commit(commit), IsOk());
    }
    std::vector<size_t> order = {0, 1};
    if (!oldest_first) std::reverse(order.begin(), order.end());
    LogNumber of_second;
    for (const size_t i : order) {
      ASSERT_OK_AND_ASSIGN(auto replica, ReplicaLog::Open(home->engine(), origins[i]));
      ASSERT_THAT(replica->Append(BatchOf(epochs[i], 0, epochs[i].size())), IsOk());
      if (i == 1) of_second = replica->number();
    }
    const auto found = [&](uint64_t id) {
      const auto value = home->engine().IndexGet(EventIndexKey(TestEvent(id), kTestAgency));
      Position position;
      Revision revision;
      LogNumber log(99);
      EXPECT_TRUE(value.ok() && *value && ParseEventIndexValue(**value, position, revision, log));
      return log;
    };
    EXPECT_EQ(found(77), of_second);
    EXPECT_EQ(found(3), kOwnLog);
    EXPECT_EQ(found(2), of_second);
    EXPECT_NE(found(1), of_second);
    const auto index = WholeIndex(home->engine());
    ASSERT_THAT(RebuildIndex(home->engine(), nullptr), IsOk());
    EXPECT_EQ(WholeIndex(home->engine()), index);
  }
}

TEST_P(LogConformance, CaseEntriesListsACaseInOrder) {
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_THAT(AppendOne(*log_, One(TestEntry(i + 1, i % 2))).status, IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const auto refs, CaseEntries(engine(), TestCase(1)));
  ASSERT_EQ(refs.size(), 5u);
  for (uint64_t i = 0; i < refs.size(); ++i) {
    EXPECT_EQ(refs[i].log, kOwnLog);
    EXPECT_EQ(refs[i].position, Position(2 + 2 * i));
    EXPECT_EQ(refs[i].revision, Revision(i + 1));
  }
  ASSERT_OK_AND_ASSIGN(const auto nothing, CaseEntries(engine(), TestCase(99)));
  EXPECT_TRUE(nothing.empty());
}

// ---- Later disclosures and corrections ----

inline NewEntry Disclosed(uint64_t id, uint64_t case_number, std::vector<NewEntry::Opened> opened) {
  NewEntry entry = TestEntry(id, case_number);
  entry.type = kDisclosedType;
  entry.later = NewEntry::Later{"FI/COM/1/b", Position(0), std::move(opened)};
  return entry;
}

TEST_P(LogConformance, ALaterDisclosureOpensEarlierEntriesOfItsCase) {
  SectionSet service;
  service.add(SectionKind::kService);
  NewEntry first = TestEntry(1, 5);
  first.sections = {TestSection(SectionKind::kService, "a"),
                    TestSection(SectionKind::kHealth, "b")};
  ASSERT_THAT(AppendOne(*log_, One(first)).status, IsOk());       // position 1
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(2, 6))).status, IsOk());  // of another case
  // One that waits in the same request counts.
  AppendRequest request = One(TestEntry(3, 5));
  request.entries[0].sections = {TestSection(SectionKind::kService, "c")};
  request.entries.push_back(
      Disclosed(4, 5, {{Position(1), service}, {Position(3), SectionSet()}}));
  const AppendResult result = AppendOne(*log_, request);
  ASSERT_THAT(result.status, IsOk());
  for (int round = 0; round < 2; ++round) {
    EntryFetcher fetcher(engine());
    ASSERT_OK_AND_ASSIGN(const EntryView entry, fetcher.Fetch(kOwnLog, Position(4), false));
    const event::v1::LaterDisclosure& later = entry.header->later();
    EXPECT_EQ(later.receiver(), "FI/COM/1/b");
    ASSERT_EQ(later.entries_size(), 2);
    EXPECT_EQ(later.entries(0).position(), 1u);
    EXPECT_THAT(later.entries(0).sections(), ElementsAre(1));
    EXPECT_EQ(later.entries(1).position(), 3u);
    EXPECT_EQ(later.entries(1).sections_size(), 0);
    const AppendResult repeat = AppendOne(*log_, request);
    ASSERT_THAT(repeat.status, IsOk());
    EXPECT_TRUE(repeat.receipts[1].repeated);
    NewEntry other = Disclosed(4, 5, {{Position(1), service}});
    EXPECT_THAT(AppendOne(*log_, One(other)).status,
                StatusIs(absl::StatusCode::kAlreadyExists));
    CheckWholeLog();
    Reopen();
  }

  const Position size = log_->size();
  const auto refused = [&](NewEntry entry, std::string_view why) {
    EXPECT_THAT(AppendOne(*log_, One(std::move(entry))).status,
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(why))));
    EXPECT_EQ(log_->size(), size);
  };
  refused(Disclosed(9, 5, {}), "1 to 2,048");
  refused(Disclosed(9, 5, {{Position(2), {}}}), "no earlier entry of its case");
  refused(Disclosed(9, 5, {{size, {}}}), "no earlier entry of its case");
  refused(Disclosed(9, 5, {{Position(0), {}}}), "no earlier entry of its case");
  refused(Disclosed(9, 5, {{Position(3), {}}, {Position(1), {}}}), "ascend");
  refused(Disclosed(9, 5, {{Position(3), AllSections()}}), "has not all the sections");
  NewEntry entry = Disclosed(9, 5, {{Position(1), {}}});
  entry.later->receiver = "";
  refused(entry, "receiver");
  entry = Disclosed(9, 5, {{Position(1), {}}});
  entry.type = "polku.attendance.v1.DayRecorded";
  refused(entry, "only a later disclosure");
  entry = TestEntry(9, 5);
  entry.type = kDisclosedType;
  refused(entry, "only a later disclosure");
}

TEST_P(LogConformance, WhatAnEntryCorrectsIsPartOfItsSameness) {
  ASSERT_THAT(AppendOne(*log_, One(TestEntry(1, 5))).status, IsOk());
  NewEntry correcting = TestEntry(2, 5);
  correcting.corrects = TestEvent(1);
  ASSERT_THAT(AppendOne(*log_, One(correcting)).status, IsOk());
  EntryFetcher fetcher(engine());
  ASSERT_OK_AND_ASSIGN(const EntryView entry, fetcher.Fetch(kOwnLog, Position(2), false));
  EXPECT_EQ(entry.header->corrects(), TestEvent(1).view());
  EXPECT_TRUE(AppendOne(*log_, One(correcting)).receipts.at(0).repeated);
  NewEntry other = correcting;
  other.corrects = EventId();
  EXPECT_THAT(AppendOne(*log_, One(other)).status, StatusIs(absl::StatusCode::kAlreadyExists));
  other.corrects = TestEvent(7);
  EXPECT_THAT(AppendOne(*log_, One(other)).status, StatusIs(absl::StatusCode::kAlreadyExists));
  NewEntry control;
  control.id = TestEvent(3);
  control.type = "polku.event.v1.AgreementChanged";
  control.author_agency = kTestAgency;
  control.control = "x";
  control.corrects = TestEvent(1);
  EXPECT_THAT(AppendOne(*log_, One(control)).status,
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// ---- The reserve ----

// A disk that is full for everything but the reserve.
class FullButReserve final : public testing::ForwardingEngine {
 public:
  using ForwardingEngine::ForwardingEngine;
  absl::Status Commit(const CommitBatch& batch) override {
    tried.push_back(batch.from_reserve);
    if (!batch.from_reserve || reserve_spent) return absl::ResourceExhaustedError("disk full");
    return inner().Commit(batch);
  }
  std::vector<bool> tried;
  bool reserve_spent = false;
};

TEST_P(LogConformance, OnAFullDiskOnlyWhatMayUseTheReserveIsAppended) {
  log_.reset();
  FullButReserve full(engine());
  ASSERT_OK_AND_ASSIGN(log_, Log::Open(full, Options(), kTestCurveKey));
  // One group: an offer, a record of access, another offer, a repeat of the first, another record.
  std::vector<AppendRequest> requests = {One(TestEntry(1, 5)), One(TestEntry(2, 6)),
                                         One(TestEntry(3, 5)), One(TestEntry(1, 5)),
                                         One(TestEntry(4, 6))};
  requests[1].from_reserve = true;
  requests[4].from_reserve = true;
  const std::vector<AppendResult> results = log_->Append(requests);
  for (const size_t refused : {0, 2, 3}) {
    EXPECT_THAT(results[refused].status, StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_TRUE(results[refused].receipts.empty());
  }
  ASSERT_THAT(results[1].status, IsOk());
  EXPECT_EQ(results[1].receipts[0].position, Position(1));
  EXPECT_FALSE(results[1].receipts[0].repeated);
  ASSERT_THAT(results[4].status, IsOk());
  EXPECT_EQ(results[4].receipts[0].position, Position(2));
  EXPECT_EQ(results[4].receipts[0].revision, Revision(2));
  EXPECT_EQ(full.tried, (std::vector<bool>{false, true}));
  CheckWholeLog();

  full.tried.clear();
  full.reserve_spent = true;
  requests = {One(TestEntry(5, 5)), One(TestEntry(6, 6))};
  requests[1].from_reserve = true;
  for (const AppendResult& result : log_->Append(requests)) {
    EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kResourceExhausted));
  }
  EXPECT_EQ(full.tried, (std::vector<bool>{false, true})) << "once more, not for ever";
  full.reserve_spent = false;
  requests.erase(requests.begin());
  EXPECT_THAT(AppendOne(*log_, requests[0]).status, IsOk());
  CheckWholeLog();
  log_.reset();
}

}  // namespace polku::log

#endif  // POLKU_TESTS_LOG_LOG_CONFORMANCE_H_
