// One person under two case ids, found without a code in the clear (services/host/persons.h).
#include "services/host/persons.h"

#include <string>
#include <vector>

#include "polku/referral/v1/referral.pb.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"

namespace polku::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace ref = referral::v1;

// Test numbers 900-999 alone.
constexpr char kAino[] = "010190-900P";
constexpr char kAinoNow[] = "010190-901R";
constexpr char kOther[] = "020280-902M";

BlindKey Key(char c = 'k') { return BlindKey(std::string(BlindKey::kBytes, c)); }

PersonEntry Identified(uint64_t client, uint64_t event, std::vector<std::string> codes,
                       uint64_t corrects = 0) {
  PersonEntry entry;
  entry.case_id = NumberedCase(client);
  entry.event = NamedEvent(std::to_string(event));
  if (corrects != 0) entry.corrects = NamedEvent(std::to_string(corrects));
  entry.order = Order(event);
  for (const std::string& code : codes) entry.blinds.push_back(*BlindCode(Key(), code));
  return entry;
}
PersonEntry Link(PersonEntry::Kind kind, uint64_t a, uint64_t b, uint64_t event) {
  PersonEntry entry;
  entry.kind = kind;
  entry.case_id = NumberedCase(a);
  entry.other = NumberedCase(b);
  entry.event = NamedEvent(std::to_string(event));
  entry.order = Order(event);
  return entry;
}

TEST(BlindCodeTest, TellsNothingWithoutItsKeyAndIsTheSameHoweverTheCodeIsWritten) {
  for (const char* code : {kAino, kAinoNow, kOther}) ASSERT_TRUE(BlindCode(Key(), code)) << code;
  EXPECT_EQ(BlindCode(Key(), kAino), BlindCode(Key(), " 010190-900p\r\n"));
  EXPECT_NE(BlindCode(Key(), kAino), BlindCode(Key(), kAinoNow));
  EXPECT_NE(BlindCode(Key(), kAino), BlindCode(Key('l'), kAino));
  for (const char* text : {"", "010190-900R", "010190+900", "Aino"}) {
    EXPECT_FALSE(BlindCode(Key(), text)) << text;
  }
  // FORMAT.md "Persons".
  EXPECT_EQ(*BlindCode(Key(), kAino),
            HmacSha256(std::string(32, 'k'), {std::string_view("polku/blind/v1\0", 15), kAino}));
}

TEST(PersonEntryTest, ReadsWhatItWroteAndNothingElse) {
  for (const PersonEntry& entry :
       {Identified(1, 1, {kAino, kOther}, 7), Identified(1, 1, {}, 7),
        Link(PersonEntry::Kind::kLinked, 1, 2, 3), Link(PersonEntry::Kind::kUnlinked, 1, 2, 3)}) {
    const std::string value = entry.Serialize();
    EXPECT_EQ(PersonEntry::Parse(value), entry);
    EXPECT_FALSE(PersonEntry::Parse(value.substr(0, value.size() - 1)));
    EXPECT_FALSE(PersonEntry::Parse(value + "x"));
    EXPECT_FALSE(PersonEntry::Parse("\x04" + value.substr(1)));
  }
  EXPECT_FALSE(PersonEntry::Parse(""));
}

TEST(PersonsTest, CasesWithACodeInCommonArePairsUntilTheyAreLinked) {
  std::vector<PersonEntry> entries = {Identified(1, 1, {kAino}), Identified(2, 2, {kAino}),
                                      Identified(3, 3, {kOther})};
  const Persons::Pair pair = std::minmax(NumberedCase(1), NumberedCase(2));
  EXPECT_THAT(Persons(entries).OpenPairs(), ElementsAre(pair));
  EXPECT_THAT(Persons(entries).Cases(*BlindCode(Key(), kOther)), ElementsAre(NumberedCase(3)));
  EXPECT_THAT(Persons(entries).LinkedTo(NumberedCase(1)), IsEmpty());
  entries.push_back(Link(PersonEntry::Kind::kLinked, 2, 1, 4));
  EXPECT_THAT(Persons(entries).OpenPairs(), IsEmpty());
  EXPECT_THAT(Persons(entries).LinkedTo(NumberedCase(1)), ElementsAre(NumberedCase(2)));
  EXPECT_THAT(Persons(entries).LinkedTo(NumberedCase(2)), ElementsAre(NumberedCase(1)));
  // The newest word of each case holds, whatever the order of reading.
  entries.insert(entries.begin(), Link(PersonEntry::Kind::kUnlinked, 2, 1, 5));
  EXPECT_THAT(Persons(entries).OpenPairs(), ElementsAre(pair));
  entries.push_back(Link(PersonEntry::Kind::kLinked, 2, 1, 6));
  EXPECT_THAT(Persons(entries).OpenPairs(), IsEmpty());
}

TEST(PersonsTest, AnEarlierCodeCountsAndACorrectedOneDoesNot) {
  std::vector<PersonEntry> entries = {Identified(1, 1, {kAino}), Identified(2, 2, {kAinoNow})};
  EXPECT_THAT(Persons(entries).OpenPairs(), IsEmpty());
  entries.push_back(Identified(2, 3, {kAinoNow, kAino}));  // the code has changed
  EXPECT_THAT(Persons(entries).OpenPairs(), SizeIs(1));
  // It was another's: the correction takes the place of that entry.
  entries.push_back(Identified(2, 4, {kAinoNow}, /*corrects=*/3));
  EXPECT_THAT(Persons(entries).OpenPairs(), IsEmpty());
  // What another case corrects under the same id corrects nothing here.
  EXPECT_THAT(Persons({Identified(1, 1, {kAino}), Identified(2, 2, {kAino}), Identified(3, 4, {}, 2)})
                  .OpenPairs(),
              SizeIs(1));
}

TEST(PersonsTest, OfManyCasesOfOnePersonThePairsAreTheLinksThatJoinThem) {
  std::vector<PersonEntry> entries = {Identified(1, 1, {kAino}), Identified(2, 2, {kAino}),
                                      Identified(3, 3, {kAino, kOther}), Identified(4, 4, {kOther})};
  EXPECT_THAT(Persons(entries).OpenPairs(), SizeIs(3));
  for (uint64_t missing = 3; missing > 0; --missing) {
    const auto pairs = Persons(entries).OpenPairs();
    ASSERT_THAT(pairs, SizeIs(missing));
    PersonEntry link = Link(PersonEntry::Kind::kLinked, 1, 2, 10 - missing);
    std::tie(link.case_id, link.other) = pairs.front();
    entries.push_back(link);
  }
  EXPECT_THAT(Persons(entries).OpenPairs(), IsEmpty());
  // Somebody may give one code to thousands of cases.
  std::vector<PersonEntry> thousands;
  for (uint64_t i = 1; i <= 20'000; ++i) thousands.push_back(Identified(i, i, {kAino}));
  EXPECT_THAT(Persons(thousands).OpenPairs(), SizeIs(19'999));
}

TEST(PersonsTest, EveryTwoCasesOfOnePersonAreJoinedByWhateverWay) {
  const Persons persons({Identified(1, 1, {kAino}), Identified(2, 2, {kAino}), Identified(3, 3, {kAino, kAinoNow}),
                         Identified(4, 4, {kAinoNow}), Identified(5, 5, {kOther}), Identified(6, 6, {}),
                         Link(PersonEntry::Kind::kLinked, 6, 2, 7)});
  const service::JoinedCases joined = persons.OfOnePerson();
  for (const uint64_t client : {2, 3, 4, 6}) {
    EXPECT_EQ(joined.Of(NumberedCase(client)), joined.Of(NumberedCase(1))) << client;
  }
  EXPECT_EQ(joined.Of(NumberedCase(5)), NumberedCase(5));
}

TEST(PersonsTest, AnotherServicesLogCorrectsNothing) {
  std::vector<PersonEntry> entries = {Identified(1, 1, {kAino}), Identified(2, 2, {kAino}),
                                      Identified(2, 3, {}, /*corrects=*/2)};
  for (PersonEntry& entry : entries) entry.service = "o/";
  entries[2].service = "p/";
  EXPECT_THAT(Persons(entries).OpenPairs(), SizeIs(1));
  entries[2].service = "o/";
  EXPECT_THAT(Persons(entries).OpenPairs(), IsEmpty());
}

// ---- The index of a service ----

class PersonIndexTest : public ::testing::Test {
 protected:
  PersonIndexTest() : referral_(referral::MakeReferralService()), oulu_(kOulu, *referral_, 1) {
    oulu_.now = Noon("2025-03-03");
    oulu_.Open();
  }

  void Identify(uint64_t client, const std::string& code, const std::string& event,
                const std::string& earlier = "", const std::string& corrects = "") {
    ref::ClientIdentified identified;
    identified.set_municipality_code("564");
    identified.set_identity_code(code);
    if (!earlier.empty()) identified.add_earlier_identity_codes(earlier);
    auto offered = Event(NamedEvent(event), NumberedCase(client), identified);
    if (!corrects.empty()) offered.set_corrects(std::string(NamedEvent(corrects).view()));
    const auto answer = oulu_.Offer(kOulu, {offered});
    EXPECT_EQ(answer.receipts_size(), 1) << answer.refusal().code() << answer.refusal().message();
  }
  template <typename T>
  void Say(uint64_t client, const std::string& text, const std::string& event, uint64_t other) {
    T body = ParseText<T>(text);
    body.set_other_case_id(std::string(NumberedCase(other).view()));
    const auto answer =
        oulu_.Offer(kOulu, {Event(NamedEvent(event), NumberedCase(client), body)});
    EXPECT_EQ(answer.receipts_size(), 1) << answer.refusal().code() << answer.refusal().message();
  }
  PersonIndex Index(char key = 'k') {
    return PersonIndex({.engine = oulu_.engine,
                        .opener = oulu_->opener(),
                        .key = Key(key)});
  }
  size_t Pairs() {
    const auto persons = Persons::Read(oulu_.engine);
    EXPECT_OK(persons);
    return persons->OpenPairs().size();
  }
  std::vector<std::string> Values() {
    std::vector<std::string> values;
    const auto cursor = oulu_.engine.IndexScan("p");
    for (;;) {
      const auto next = cursor->Next();
      EXPECT_OK(next);
      if (!next->has_value()) return values;
      values.push_back((*next)->second);
    }
  }
  void CatchUp(PersonIndex& index) {
    for (int i = 0; i < 1000; ++i) {
      const auto done = index.CatchUp(3);
      ASSERT_OK(done);
      if (*done) return;
    }
    FAIL() << "never done";
  }

  std::unique_ptr<service::Service> referral_;
  TestNode oulu_;
};

TEST_F(PersonIndexTest, FindsAPersonTwiceAndForgetsAPairThatIsLinked) {
  PersonIndex index = Index();
  Identify(1, kAino, "a");
  Identify(2, kAinoNow, "b", kAino);
  Identify(3, kOther, "c");
  EXPECT_EQ(*EntriesNotIndexed(oulu_.engine), oulu_->size().value());
  CatchUp(index);
  EXPECT_EQ(*EntriesNotIndexed(oulu_.engine), 0u);
  // By another key nobody is found there: that is no index at all.
  const BlindKey another = Key('z');
  EXPECT_EQ(*EntriesNotIndexed(oulu_.engine, &another), oulu_->size().value());
  EXPECT_EQ(*index.OpenPairs(), 1u);
  Say<ref::CasesLinked>(1, "reason: LINK_REASON_CHANGED_CODE linked_on: '2025-03-03'", "l", 2);
  CatchUp(index);
  EXPECT_EQ(*index.OpenPairs(), 0u);
  Say<ref::CasesUnlinked>(1, "reason: UNLINK_REASON_NOT_SAME_PERSON unlinked_on: '2025-03-03'", "u", 2);
  CatchUp(index);
  EXPECT_EQ(*index.OpenPairs(), 1u);
  // A code that was typed wrong is corrected: its blind counts no more.
  Identify(2, kAinoNow, "d", "", "b");
  CatchUp(index);
  EXPECT_EQ(*index.OpenPairs(), 0u);
}

TEST_F(PersonIndexTest, HoldsNoCodeInTheClear) {
  Identify(1, kAino, "a");
  PersonIndex index = Index();
  CatchUp(index);
  ASSERT_THAT(Values(), SizeIs(1));
  EXPECT_EQ(Values()[0].find(kAino), std::string::npos);
  EXPECT_NE(Values()[0].find(BlindCode(Key(), kAino)->view()), std::string::npos);
}

TEST_F(PersonIndexTest, GoesOnWhereItWasAndIsMadeAnewByAReindexOrUnderAnotherKey) {
  Identify(1, kAino, "a");
  Identify(2, kAino, "b");
  {
    PersonIndex index = Index();
    CatchUp(index);
  }
  const auto before = Values();
  PersonIndex again = Index();
  CatchUp(again);
  EXPECT_EQ(Values(), before);
  oulu_.Reindex();
  EXPECT_THAT(Values(), IsEmpty());
  PersonIndex rebuilt = Index();
  CatchUp(rebuilt);
  EXPECT_EQ(Values(), before);
  PersonIndex rotated = Index('n');
  CatchUp(rotated);
  EXPECT_THAT(Values(), SizeIs(2));
  EXPECT_NE(Values(), before);
  EXPECT_EQ(Pairs(), 1u) << "under one key";
}

// Who becomes a party after the client was identified, the usual order.
TEST_F(PersonIndexTest, WhatWasOpenedLaterIsFoundAfterARebuildToo) {
  TestNode county(kWellbeing, *referral_, 2);
  county.now = oulu_.now;
  county.Follow(oulu_);
  county.Open();
  Identify(1, kAino, "a");
  access::v1::PartyAdded party;
  party.set_agency(std::string(kWellbeing));
  party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  ASSERT_EQ(oulu_.Offer(kOulu, {Event(NamedEvent("p"), NumberedCase(1), party)}).receipts_size(), 1);
  oulu_.WorkAll();
  Replicate(oulu_, county, 0);
  county.WorkAll();
  PersonIndex index({.engine = county.engine,
                     .opener = county->opener(),
                     .key = Key()});
  CatchUp(index);
  const auto persons = Persons::Read(county.engine);
  ASSERT_OK(persons);
  EXPECT_THAT(persons->Cases(*BlindCode(Key(), kAino)), ElementsAre(NumberedCase(1)));
}

TEST_F(PersonIndexTest, ACrashLosesNothingForLong) {
  PersonIndex first = Index();
  Identify(1, kAino, "a");
  CatchUp(first);
  Identify(2, kAino, "b");  // synced, and the index with it
  CatchUp(first);
  oulu_.Crash(0);  // the newest marks and values are gone
  PersonIndex second = Index();
  CatchUp(second);
  EXPECT_EQ(Pairs(), 1u);
}

TEST_F(PersonIndexTest, AnErasedEntryOrIdentitySectionIsFoundNoMore) {
  Identify(1, kAino, "a");
  Identify(2, kAino, "b");
  Identify(3, kAino, "c");
  PersonIndex index = Index();
  CatchUp(index);
  EXPECT_EQ(Pairs(), 2u);
  const auto position = [&](uint64_t client) {
    const auto entries = log::CaseEntries(oulu_.engine, NumberedCase(client));
    EXPECT_OK(entries);
    return entries->front().position;
  };
  EXPECT_OK(log::EraseEntries(
      oulu_.engine, kOwnLog,
      std::vector<log::ErasedPart>{{.position = position(1), .sections = OnlySection(SectionKind::kSocial), .leaf = false}}));
  EXPECT_EQ(Pairs(), 2u) << "another section";
  EXPECT_OK(log::EraseEntries(
      oulu_.engine, kOwnLog,
      std::vector<log::ErasedPart>{{.position = position(1), .sections = OnlySection(SectionKind::kIdentity), .leaf = false}}));
  EXPECT_EQ(Pairs(), 1u);
  EXPECT_OK(log::EraseEntries(
      oulu_.engine, kOwnLog,
      std::vector<log::ErasedPart>{{.position = position(2), .sections = AllSections(), .leaf = true}}));
  EXPECT_EQ(Pairs(), 0u);
  EXPECT_THAT(Values(), SizeIs(1));
}

TEST_F(PersonIndexTest, AMalformedEntryIsToldWithItsRemedy) {
  const log::KeyValue bad{log::PersonIndexKey(kOwnLog, Position(5)), "x"};
  ASSERT_OK(oulu_.engine.WriteIndex({&bad, 1}, {}));
  const auto persons = Persons::Read(oulu_.engine);
  EXPECT_TRUE(absl::IsDataLoss(persons.status()));
  EXPECT_NE(persons.status().message().find("polku reindex"), std::string::npos);
}

}  // namespace
}  // namespace polku::host
