// Later disclosures (PROTOCOL.md): who is served what, what is taken and what is not.
#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/replica/follower.h"

namespace polku::replica {
namespace {

using ::polku::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kService = SectionKind::kService;
constexpr auto kHealth = SectionKind::kHealth;
constexpr auto kPayment = SectionKind::kPayment;

class LaterTest : public ::testing::Test {
 protected:
  LaterTest() {
    origin_.AddGenesis();
    // 1: the provider's, with three sections; 2: of another case; 3: Kela's own.
    origin_.AddEvent({{kProvider, {kService, kHealth}}},
                     {{kService, "2025-03-03"}, {kHealth, "ill"}, {kPayment, "9.00"}});
    do {
      origin_.AddEvent({{kProvider, {kService}}}, {{kService, "another case"}});
    } while (origin_.CaseOf(origin_.entries().size() - 1) == origin_.CaseOf(1));
    other_ = origin_.entries().size() - 1;
    origin_.AddEvent({{kKela, {kService}}}, {{kService, "2025-03-05"}});
    origin_.Commit();
    options_ = {.own_agency = kKela, .origin_keys = origin_.signer().verifier()};
  }
  void OpenFirst(const std::vector<SectionKind>& kinds = {kService}) {
    origin_.AddLater(origin_.CaseOf(1), kKela, {{1, kinds}});
    origin_.Commit();
  }
  FillMessage FillOf(uint64_t position, const std::string& receiver = kKela) {
    auto fills = CutFills(origin_.engine(), kOrigin, receiver, std::vector{Position(position)},
                          1 << 20, origin_.secrets());
    EXPECT_THAT(fills, IsOk());
    EXPECT_EQ(fills->fills.size(), 1u);
    return fills->fills.empty() ? FillMessage() : std::move(fills->fills[0]);
  }
  bool Refused(const std::string& receiver, uint64_t position) {
    auto fills = CutFills(origin_.engine(), kOrigin, receiver, std::vector{Position(position)},
                          1 << 20, origin_.secrets());
    EXPECT_THAT(fills, IsOk());
    return fills->refused && fills->fills.empty();
  }

  TestOrigin origin_{1};
  uint64_t other_ = 0;
  SubscriberOptions options_{.origin_keys = origin_.signer().verifier()};
};

TEST_F(LaterTest, WhatIsOpenedLaterIsFetchedVerifiedAndFilledAndNothingElse) {
  OpenFirst();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  EXPECT_EQ(kela.status().wanted(), 1u);
  ASSERT_EQ(kela.fetches.size(), 1u);
  EXPECT_THAT(kela.fetches[0].positions(), ElementsAre(1u));
  const auto before = kela.head().frontier.Root();
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 1u);
  EXPECT_EQ(kela.status().wanted(), 0u);
  EXPECT_EQ(kela.head().frontier.Root(), before);
  EXPECT_THAT(kela.alarms, IsEmpty());
  ExpectProjection(origin_, kKela, kela.engine(), kela.number(), kela.head());
  EXPECT_EQ(kela.subscriber().NextTick() > kela.now, true) << "nothing is left to ask for";
}

TEST_F(LaterTest, ABatchHasNeitherHeaderNorCiphertextOfWhatIsNotItsReceivers) {
  OpenFirst({kService, kHealth});
  const auto contains = [](const std::string& bytes, std::string_view part) {
    return memmem(bytes.data(), bytes.size(), part.data(), part.size()) != nullptr;
  };
  const BatchMessage kela = origin_.Cut(kKela, 0);
  const BatchMessage stranger = origin_.Cut(kAuditor, 0);
  for (uint64_t p = 1; p < origin_.entries().size(); ++p) {
    const WrittenEntry& entry = origin_.entries()[p];
    for (const auto& [receiver, batch] :
         {std::pair(std::string(kKela), &kela), std::pair(std::string(kAuditor), &stranger)}) {
      const bool shown = DisclosureTo(receiver, entry.header) != nullptr;
      EXPECT_EQ(contains(batch->entries, entry.leaf), shown) << p;
      EXPECT_EQ(contains(batch->entries, entry.header.event_id()), shown) << p;
      for (const auto& [kind, plaintext] : entry.plaintexts) {
        const vault::SectionSecret s = origin_.SecretOf(entry.header, kind);
        Hash commitment;
        for (const auto& c : entry.header.commitments()) {
          if (c.kind() == static_cast<int>(kind)) commitment = *Hash::FromBytes(c.commitment());
        }
        const bool given = shown && SectionsIn(DisclosureTo(receiver, entry.header)->sections()).has(kind);
        const std::string blob = vault::SealSection(s, commitment, plaintext);
        EXPECT_EQ(contains(batch->blobs, blob), given) << p;
        EXPECT_EQ(contains(batch->blobs, s.secret_bytes()), given) << p;
        EXPECT_EQ(contains(batch->entries, commitment.view()), shown) << p;
      }
    }
  }
}

TEST_F(LaterTest, ACuriousPeerGetsOnlyWhatAnEntryOpensToItAndIsToldTheSameOfAllElse) {
  OpenFirst();
  EXPECT_TRUE(Refused(kKela, 0)) << "a control entry";
  EXPECT_TRUE(Refused(kKela, other_)) << "another case";
  EXPECT_TRUE(Refused(kAuditor, 1)) << "opened to another agency";
  EXPECT_TRUE(Refused(std::string(kKela) + "2", 1)) << "a longer name";
  EXPECT_TRUE(Refused("", 1));
  EXPECT_TRUE(Refused(kKela, origin_.size().value())) << "no such entry";
  EXPECT_TRUE(Refused(kKela, ~uint64_t{0}));
  // Of an entry that is opened, only the kinds that are.
  const FillMessage mine = FillOf(1);
  for (const SectionKind kind : {kHealth, kPayment}) {
    const auto s = origin_.SecretOf(origin_.entries()[1].header, kind);
    EXPECT_EQ(mine.blobs.find(s.secret_bytes()), std::string::npos);
  }
  auto view = log::GroupView::Parse(mine.entries, mine.blobs);
  ASSERT_THAT(view, IsOk());
  ASSERT_EQ(view->BlobsAt(0).size(), 1u);
  EXPECT_EQ(view->BlobsAt(0)[0].kind, kService);
  // What the header discloses may be fetched as well.
  auto provider = FillOf(1, kProvider);
  view = log::GroupView::Parse(provider.entries, provider.blobs);
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->BlobsAt(0).size(), 2u);
}

TEST_F(LaterTest, WhatAnotherCasesEntryOpensIsNotServed) {
  origin_.AddLater(origin_.CaseOf(other_), kKela, {{1, {kService}}});
  origin_.Commit();
  EXPECT_TRUE(Refused(kKela, 1));
}

TEST_F(LaterTest, AnErasedLeafIsGoneForEverybodyAndErasedSectionsForThoseWhoGetNothingElse) {
  OpenFirst();
  std::vector<log::ErasedPart> parts = {{.position = Position(1), .sections = {}, .leaf = false}};
  parts[0].sections.add(kService);
  origin_.AddErased(parts);
  origin_.Commit();
  origin_.Erase(parts);
  FillMessage fill = FillOf(1);
  EXPECT_TRUE(fill.fill.gone());
  EXPECT_EQ(fill.entries + fill.blobs, "");
  EXPECT_FALSE(FillOf(1, kProvider).fill.gone()) << "its other section is there";
  parts[0].leaf = true;
  origin_.AddErased(parts);
  origin_.Commit();
  origin_.Erase(parts);
  for (const char* receiver : {kKela, kProvider, kAuditor}) {
    fill = FillOf(1, receiver);
    EXPECT_TRUE(fill.fill.gone());
    EXPECT_EQ(fill.fill.siblings_size(), 0);
    EXPECT_EQ(fill.entries + fill.blobs, "");
  }
}

TEST_F(LaterTest, APublisherHearsFetchesOfItsSessionsRefusesAlikeAndBoundsAFlood) {
  OpenFirst();
  PublisherOptions options{.origin = kOrigin};
  options.fills = [this](std::string_view receiver, std::span<const Position> positions,
                         size_t max_bytes) {
    return origin_.CutFills(receiver, positions, max_bytes);
  };
  auto publisher = Publisher::Make(options, origin_.cut());
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  publisher->OnCommitted(origin_.size(), origin_.checkpoint(), now);
  const auto fetch = [](const std::vector<uint64_t>& positions) {
    exchange::v1::Fetch message;
    message.set_origin(kOrigin);
    for (const uint64_t position : positions) message.add_positions(position);
    return message;
  };
  EXPECT_TRUE(publisher->OnFetch("a", fetch({1})).empty());
  EXPECT_TRUE(publisher->Tick(now).empty()) << "no session";
  exchange::v1::Pull pull;
  pull.set_origin(kOrigin);
  pull.set_session(5);
  pull.set_next_position(origin_.size().value());
  publisher->OnPull("a", kKela, pull, now);
  const auto answers = [&](const exchange::v1::Fetch& message) {
    EXPECT_TRUE(publisher->OnFetch("a", message).empty());
    std::vector<PublisherOutput> out;
    while (publisher->NextTick() <= now) {
      for (auto& output : publisher->Tick(now)) out.push_back(std::move(output));
    }
    return out;
  };
  const auto good = answers(fetch({1}));
  ASSERT_EQ(good.size(), 1u);
  EXPECT_EQ(std::get<SendFill>(good[0]).message.fill.position(), 1u);
  std::string refusal;
  for (const uint64_t position : {uint64_t{0}, other_, uint64_t{1'000'000}}) {
    const auto refused = answers(fetch({position}));
    ASSERT_EQ(refused.size(), 1u);
    const exchange::v1::Error& error = std::get<SendError>(refused[0]).error;
    EXPECT_EQ(error.code(), exchange::v1::ERROR_CODE_NOT_ENTITLED);
    if (refusal.empty()) refusal = error.SerializeAsString();
    EXPECT_EQ(error.SerializeAsString(), refusal);
  }
  // One refusal a Fetch, and what is opened comes all the same.
  const auto mixed = answers(fetch({0, 1, other_, 99'999}));
  ASSERT_EQ(mixed.size(), 2u);
  for (const std::vector<uint64_t>& wrong :
       {std::vector<uint64_t>{}, {2, 1}, {1, 1}, std::vector<uint64_t>(257, 1)}) {
    const auto out = publisher->OnFetch("a", fetch(wrong));
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(std::get<SendError>(out[0]).error.code(), exchange::v1::ERROR_CODE_MALFORMED);
  }
  exchange::v1::Fetch of_another = fetch({1});
  of_another.set_origin("FI/GOV/0245437-2/kela/benefits/1");
  EXPECT_EQ(std::get<SendError>(publisher->OnFetch("a", of_another).at(0)).error.code(),
            exchange::v1::ERROR_CODE_UNKNOWN_ORIGIN);
  // A flood costs one Fetch.
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(publisher->OnFetch("a", fetch({1, 2})).empty());
  EXPECT_LE(answers(fetch({1})).size(), 1u);
  // What the transport does not take is dropped, and the route served on.
  publisher->OnFetch("a", fetch({1}));
  publisher->OnFillFailed("a");
  EXPECT_GT(publisher->NextTick(), now);
}

TEST_F(LaterTest, AForgedFillIsAnAlarmAndNothingOfItIsStored) {
  OpenFirst();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  const auto rewrite = [](const FillMessage& of, const std::function<void(std::string& leaf,
      std::vector<std::tuple<SectionKind, std::string, std::string>>& blobs)>& change) {
    auto view = log::GroupView::Parse(of.entries, of.blobs);
    EXPECT_THAT(view, IsOk());
    std::string leaf(view->items()[0].leaf);
    std::vector<std::tuple<SectionKind, std::string, std::string>> blobs;
    for (const log::BlobView& blob : view->BlobsAt(0))
      blobs.emplace_back(blob.kind, blob.secret, blob.blob);
    change(leaf, blobs);
    log::GroupWriter writer;
    writer.AddLeaf(leaf);
    for (const auto& [kind, secret, blob] : blobs) writer.AddBlob(kind, secret, blob);
    log::GroupWriter::Encoded encoded = std::move(writer).Finish();
    return FillMessage{of.fill, encoded.entries, encoded.blobs};
  };
  const FillMessage good = FillOf(1);
  struct Case {
    FillMessage message;
    std::string alarm;
  };
  std::vector<Case> cases;
  // Another random part: the same header, another leaf.
  cases.push_back({rewrite(good, [](auto& leaf, auto&) { leaf[20] ^= 1; }),
                   "not the entry that the log holds there"});
  FillMessage wrong = good;
  wrong.fill.add_siblings("short");
  cases.push_back({wrong, "siblings are not hashes"});
  const FillMessage provider = FillOf(1, kProvider);  // with a section that is not Kela's
  cases.push_back({provider, "section 4 is not disclosed to us"});
  wrong = FillOf(other_, kProvider);  // someone else's case
  wrong.fill.set_position(1);
  cases.push_back({wrong, "of a case in which it was not opened to us"});
  cases.push_back({rewrite(good, [](auto&, auto& blobs) { std::get<2>(blobs[0])[5] ^= 1; }),
                   "does not match its commitment"});
  cases.push_back({rewrite(good, [](auto&, auto& blobs) { std::get<1>(blobs[0])[5] ^= 1; }),
                   "does not match its commitment"});
  cases.push_back({rewrite(good, [](auto&, auto& blobs) { std::get<1>(blobs[0]).clear(); }),
                   "comes without its secret"});
  const BatchMessage genesis = origin_.Cut(kKela, 0, 1);
  log::GroupWriter control;
  control.AddLeaf(origin_.entries()[0].leaf);
  cases.push_back({{good.fill, std::move(control).Finish().entries, ""}, "a control entry"});
  log::GroupWriter two;
  two.AddLeaf(origin_.entries()[1].leaf);
  two.AddLeaf(origin_.entries()[1].leaf);
  cases.push_back({{good.fill, std::move(two).Finish().entries, ""}, "it is not one entry"});
  cases.push_back({{good.fill, "", ""}, "position 1"});
  for (const Case& each : cases) {
    SCOPED_TRACE(each.alarm);
    const size_t alarms = kela.alarms.size();
    const uint64_t session = kela.session();
    kela.DeliverFill(each.message);
    ASSERT_EQ(kela.alarms.size(), alarms + 1);
    EXPECT_THAT(kela.alarms.back(), HasSubstr(each.alarm));
    EXPECT_EQ(kela.filled, 0u);
    auto held = log::FindHeld(kela.engine(), kela.number(), Position(1));
    ASSERT_THAT(held, IsOk());
    EXPECT_FALSE(held->leaf.has_value());
    EXPECT_EQ(kela.status().fault(), kela.alarms.back());
    EXPECT_EQ(kela.session(), session) << "the log itself is followed on";
    // Not asked again before half a minute is over.
    kela.fetches.clear();
    kela.now += absl::Seconds(29);
    kela.Heartbeat(origin_.checkpoint());
    kela.Tick();
    EXPECT_THAT(kela.fetches, IsEmpty());
    kela.now += absl::Seconds(1);
    kela.Tick();
    ASSERT_EQ(kela.fetches.size(), 1u);
  }
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 1u);
  EXPECT_EQ(kela.status().fault(), "");
  ExpectProjection(origin_, kKela, kela.engine(), kela.number(), kela.head());
}

TEST_F(LaterTest, SiblingsThatDoNotLeadToTheWithheldSubtreeAreAnAlarm) {
  while (origin_.entries().size() % 8 != 0) origin_.AddEvent({{kKela, {}}}, {});
  const uint64_t position = origin_.entries().size() + 2;
  for (int i = 0; i < 8; ++i) origin_.AddEvent({{kProvider, {}}}, {});
  origin_.AddLater(origin_.CaseOf(position), kKela, {{position, {}}});
  origin_.Commit();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  auto held = log::FindHeld(kela.engine(), kela.number(), Position(position));
  ASSERT_THAT(held, IsOk());
  ASSERT_EQ(held->withheld.level, 3);
  FillMessage wrong = FillOf(position);
  (*wrong.fill.mutable_siblings(2))[31] ^= 1;
  kela.DeliverFill(wrong);
  ASSERT_EQ(kela.alarms.size(), 1u);
  EXPECT_THAT(kela.alarms[0], HasSubstr("not the entry that the log holds there"));
  kela.now += absl::Seconds(30);
  kela.Tick();
  wrong = FillOf(position);
  wrong.fill.mutable_siblings()->RemoveLast();
  while (wrong.fill.siblings_size() > 2) wrong.fill.mutable_siblings()->RemoveLast();
  kela.DeliverFill(wrong);
  ASSERT_EQ(kela.alarms.size(), 2u);
  EXPECT_THAT(kela.alarms[1], HasSubstr("too few siblings"));
  EXPECT_EQ(kela.filled, 0u);
  kela.fetches.clear();
  kela.now += absl::Seconds(30);
  kela.Tick();
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 1u);
  ExpectProjection(origin_, kKela, kela.engine(), kela.number(), kela.head());
}

TEST_F(LaterTest, WhatWasNotAskedForIsIgnored) {
  OpenFirst();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  kela.DeliverFill(FillOf(other_, kProvider));
  FillMessage of_another = FillOf(1);
  of_another.fill.set_origin("FI/MUN/0187690-1/oulu/attendance/2");
  kela.DeliverFill(of_another);
  EXPECT_EQ(kela.filled, 0u);
  for (int i = 0; i < 3; ++i) kela.DeliverFill(FillOf(1));
  EXPECT_EQ(kela.filled, 1u) << "the first";
  EXPECT_THAT(kela.alarms, IsEmpty());
}

TEST_F(LaterTest, ALostFetchIsRepeatedAfterFifteenSecondsAndARestartGoesOn) {
  OpenFirst();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  kela.fetches.clear();
  kela.now += absl::Seconds(14);
  kela.Heartbeat(origin_.checkpoint());
  kela.Tick();
  EXPECT_THAT(kela.fetches, IsEmpty());
  kela.now += absl::Seconds(1);
  kela.Tick();
  ASSERT_EQ(kela.fetches.size(), 1u);
  kela.fetches.clear();
  kela.Restart();
  EXPECT_EQ(kela.status().wanted(), 1u);
  ASSERT_EQ(kela.fetches.size(), 1u);
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 1u);
  kela.Restart();
  EXPECT_EQ(kela.status().wanted(), 0u);
  EXPECT_THAT(kela.fetches, IsEmpty());
}

TEST_F(LaterTest, WhatIsGoneIsGivenUpAndWhatCannotBeStoredIsFetchedAgain) {
  OpenFirst();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  kela.stores_at_once = false;
  kela.FillFrom(origin_);
  ASSERT_EQ(kela.unstored_fills.size(), 1u);
  kela.StoreOpened(absl::ResourceExhaustedError("the disk is full"));
  EXPECT_THAT(kela.status().fault(), HasSubstr("the disk is full"));
  EXPECT_EQ(kela.status().wanted(), 1u);
  kela.stores_at_once = true;
  kela.now += absl::Seconds(30);
  kela.Tick();
  FillMessage gone;
  gone.fill.set_origin(kOrigin);
  gone.fill.set_position(1);
  gone.fill.set_gone(true);
  kela.DeliverFill(gone);
  EXPECT_EQ(kela.gone, 1u);
  EXPECT_EQ(kela.status().wanted(), 0u);
  EXPECT_EQ(kela.status().fault(), "");
  kela.Restart();
  EXPECT_EQ(kela.status().wanted(), 0u);
}

TEST_F(LaterTest, AnErasedThatOvertakesAFillKeepsItFromBeingStored) {
  OpenFirst();
  Follower kela(origin_, options_);
  kela.stores_at_once = false;
  kela.Deliver(origin_.Cut(kKela, 0));
  kela.Store();
  while (kela.size() < origin_.size()) {
    kela.Deliver(origin_.Cut(kKela, kela.size().value()));
    kela.Store();
  }
  const FillMessage fill = FillOf(1);
  const std::vector<log::ErasedPart> parts = {{.position = Position(1), .sections = {}, .leaf = true}};
  origin_.AddErased(parts);
  origin_.Commit();
  origin_.Erase(parts);
  kela.Deliver(origin_.Cut(kKela, kela.size().value()));
  kela.DeliverFill(fill);  // verified while the batch is being stored
  EXPECT_THAT(kela.unstored_fills, IsEmpty());
  kela.Store();
  ASSERT_EQ(kela.unstored_fills.size(), 1u);
  EXPECT_TRUE(kela.unstored_fills[0].fills.empty());
  EXPECT_THAT(kela.unstored_fills[0].gone, ElementsAre(Position(1)));
  kela.StoreOpened();
  EXPECT_EQ(kela.status().wanted(), 0u);
}

TEST_F(LaterTest, ManyAreAskedForInPartsAndARefusalKeepsNoneOfTheOthersBack) {
  TestOrigin::Opened opened;
  const CaseId case_id = origin_.CaseOf(1);
  while (opened.size() < 70) {
    origin_.AddEvent({{kProvider, {kService}}}, {{kService, "x"}});
    const uint64_t position = origin_.entries().size() - 1;
    if (origin_.CaseOf(position) == case_id) opened[position] = {kService};
  }
  origin_.AddLater(case_id, kKela, opened);
  origin_.Commit();
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  ASSERT_EQ(kela.fetches.size(), 1u);
  EXPECT_EQ(kela.fetches[0].positions_size(), 32);
  exchange::v1::Error refused;
  refused.set_code(exchange::v1::ERROR_CODE_NOT_ENTITLED);
  const uint64_t session = kela.session();
  kela.OnError(refused);
  EXPECT_EQ(kela.session(), session);
  EXPECT_THAT(kela.status().fault(), HasSubstr("NOT_ENTITLED"));
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 32u) << "what was asked for before the refusal came all the same";
  kela.now += absl::Seconds(30);
  kela.Heartbeat(origin_.checkpoint());
  kela.Tick();
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 70u);
  EXPECT_EQ(kela.status().fault(), "");
  ExpectProjection(origin_, kKela, kela.engine(), kela.number(), kela.head());
}

TEST_F(LaterTest, AMirrorGetsTheSecretsOfWhatLayThereSealed) {
  OpenFirst({kService, kPayment});
  options_.mirror = true;
  Follower kela(origin_, options_);
  kela.Follow(origin_);
  kela.FillFrom(origin_);
  EXPECT_EQ(kela.filled, 1u);
  ExpectWhole(origin_, kKela, kela.engine(), kela.number(), kela.size());
}

TEST_F(LaterTest, AnEntryThatOpensALaterOneIsAFault) {
  origin_.AddLater(origin_.CaseOf(1), kKela, {{origin_.entries().size(), {kService}}});
  origin_.Commit();
  Follower kela(origin_, options_);
  kela.Deliver(origin_.Cut(kKela, 0));
  while (kela.alarms.empty() && kela.size() < origin_.size()) {
    kela.Deliver(origin_.Cut(kKela, kela.size().value()));
  }
  ASSERT_EQ(kela.alarms.size(), 1u);
  EXPECT_THAT(kela.alarms[0], HasSubstr("which is not before it"));
}

}  // namespace
}  // namespace polku::replica
