// Who may say what, who gets what, who becomes a party and what opens then; reads, corrections, erased cases.
#include "eventstore/log/entry.h"
#include "eventstore/log/rewrite.h"
#include "polku/access/v1/access.pb.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/compensation/v1/compensation.pb.h"
#include "services/attendance/attendance.h"
#include "services/compensation/compensation.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

using exchange::v1::OfferAnswer;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr auto kNotEntitled = exchange::v1::REFUSAL_KIND_NOT_ENTITLED;
constexpr auto kRule = exchange::v1::REFUSAL_KIND_RULE;
constexpr int kService = 1, kSocial = 3;

constexpr std::string_view kNeed = "polku.referral.v1.NeedIdentified";
constexpr std::string_view kPartyAdded = "polku.access.v1.PartyAdded";
constexpr std::string_view kDisclosed = "polku.access.v1.Disclosed";

MATCHER_P2(RefusedWith, kind, code, "") {
  *result_listener << arg.ShortDebugString();
  return arg.receipts().empty() && arg.refusal().kind() == kind && arg.refusal().code() == code;
}
MATCHER(IsAccepted, "") {
  *result_listener << arg.ShortDebugString();
  return !arg.has_refusal() && arg.receipts_size() > 0;
}

// Three agencies; Oulu and the wellbeing services may say anything, Kela and the association nothing.
constexpr std::string_view kParties = R"(
  name: "test"
  agencies { name: "FI/MUN/0187690-1/oulu" roles: AGENCY_ROLE_EMPLOYMENT_SERVICES }
  agencies { name: "FI/MUN/9999991-7/hyvinvointi" roles: AGENCY_ROLE_SOCIAL_SERVICES }
  agencies { name: "FI/ORG/9999992-5/toimintatupa" roles: AGENCY_ROLE_PROVIDER }
  agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_BENEFIT_PAYER }
  agencies { name: "FI/GOV/9999993-3/tarkastaja" roles: AGENCY_ROLE_AUDITOR }
  publishings {
    author_roles: AGENCY_ROLE_EMPLOYMENT_SERVICES author_roles: AGENCY_ROLE_SOCIAL_SERVICES
    types: "polku.*" legal_basis: "1"
  }
)";

config::v1::Agreement Agreed(std::string_view lines) {
  return ParseText<config::v1::Agreement>(Str(kParties, lines));
}

// Kela gets of needs the service section.
constexpr std::string_view kNeedsToKela = R"(
  sharings {
    publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.referral.v1.NeedIdentified"
    sections: SECTION_KIND_SERVICE legal_basis: "1"
  }
)";

class AnyEventService : public StubService {
 public:
  std::vector<std::string_view> event_types() const override {
    return {"polku.referral.v1.NeedIdentified", "polku.referral.v1.PlanDrafted",
            "polku.referral.v1.ReferralMade", "polku.referral.v1.ClientIdentified"};
  }
};

class AccessTest : public ::testing::Test {
 protected:
  // Before anything else of the node.
  void Open(std::string_view lines, std::vector<TestNode*> readers = {}) {
    for (TestNode* node : {&oulu_, &county_, &kela_}) node->config.agreement = Agreed(lines);
    oulu_.Open();
    for (TestNode* reader : readers) {
      reader->Follow(oulu_);
      reader->Open();
    }
  }
  static exchange::v1::OfferedEvent Need(std::string_view id, uint64_t case_number = 1,
                                         std::string_view reasons = "rent arrears") {
    auto need = ParseText<referral::v1::NeedIdentified>(
        "identified_on: '2025-01-07' source: NEED_SOURCE_CLIENT municipality_code: '564'");
    need.set_social_reasons(std::string(reasons));
    return Event(NamedEvent(id), NumberedCase(case_number), need);
  }
  static exchange::v1::OfferedEvent Plan(std::string_view id, uint64_t case_number = 1) {
    return Event(NamedEvent(id), NumberedCase(case_number),
                 ParseText<referral::v1::PlanDrafted>("plan_id: 'p1'"));
  }
  static exchange::v1::OfferedEvent Add(
      std::string_view agency, std::string_view id, uint64_t case_number = 1,
      access::v1::PartyReason reason = access::v1::PARTY_REASON_AUTHORITY) {
    access::v1::PartyAdded party;
    party.set_agency(std::string(agency));
    party.set_reason(reason);
    return Event(NamedEvent(id), NumberedCase(case_number), party);
  }
  static exchange::v1::OfferedEvent Remove(std::string_view agency, std::string_view id) {
    access::v1::PartyRemoved party;
    party.set_agency(std::string(agency));
    party.set_reason(access::v1::PARTY_END_SERVICE_ENDED);
    return Event(NamedEvent(id), NumberedCase(1), party);
  }

  using Told = std::map<std::string, std::vector<int>>;  // kinds by receiver
  static Told ToldOf(const event::v1::Header& header) {
    Told told;
    for (const auto& disclosure : header.disclosures()) {
      told[disclosure.receiver()] = {disclosure.sections().begin(), disclosure.sections().end()};
    }
    return told;
  }
  // What later disclosures of the log opened: receiver and position, with the kinds.
  using Opened = std::map<std::pair<std::string, uint64_t>, std::vector<int>>;
  static Opened OpenedLater(TestNode& node) {
    Opened opened;
    for (const auto& entry : node.Entries()) {
      for (const auto& one : entry.header.later().entries()) {
        EXPECT_TRUE(opened
                        .emplace(std::pair(entry.header.later().receiver(), one.position()),
                                 std::vector<int>(one.sections().begin(), one.sections().end()))
                        .second)
            << "opened twice: " << one.position();
      }
    }
    return opened;
  }
  static uint64_t At(const OfferAnswer& answer) { return answer.receipts(0).position(); }

  // The leaf and, by kind, the sealed sections of an own entry.
  struct Raw {
    std::string leaf;
    std::map<SectionKind, std::string> blobs;
  };
  static Raw RawEntry(TestNode& node, LogNumber log, Position position) {
    log::EntryFetcher fetcher(node.engine);
    auto entry = fetcher.Fetch(log, position, /*with_blobs=*/true);
    if (!entry.ok()) return {};
    Raw raw{std::string(entry->leaf), {}};
    for (const auto& blob : entry->blobs) raw.blobs[blob.kind] = std::string(blob.blob);
    return raw;
  }

  AnyEventService stub_;
  StubService county_stub_, kela_stub_;
  TestNode oulu_{kOulu, stub_, 1};
  TestNode county_{kWellbeing, county_stub_, 2};
  TestNode kela_{kKela, kela_stub_, 3};
};

// ---- Closed by default ----

TEST_F(AccessTest, AnAuthorThatNoLineNamesIsRefusedAndLeavesNoTrace) {
  Open("");
  const Position size = oulu_->size();
  for (const std::string_view agency : {kKela, kProvider, kAuditor}) {
    const auto answer = oulu_.Offer(agency, {Need("n")});
    EXPECT_THAT(answer, RefusedWith(kNotEntitled, "not_in_agreement"));
    EXPECT_THAT(answer.refusal().message(), HasSubstr("agreement"));
  }
  EXPECT_EQ(oulu_->size(), size);
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
}

TEST_F(AccessTest, APublishingHoldsOnItsDaysOfRecordingAloneWhateverTheBusinessDate) {
  for (TestNode* node : {&oulu_}) {
    node->config.agreement = Agreed("");
    auto* line = node->config.agreement.mutable_publishings(0);
    line->set_valid_from("2025-03-09");
    line->set_valid_until("2025-03-10");
    node->config.business_date = absl::CivilDay(2024, 1, 1);
    node->Open();
  }
  oulu_.now = Noon("2025-03-08");
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("a")}), RefusedWith(kNotEntitled, "not_in_agreement"));
  oulu_.now = Noon("2025-03-09");
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("b")}), IsAccepted());
  // Until the end of the Finnish day.
  oulu_.now = *ParseTime("2025-03-10T21:59:59Z");
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("c")}), IsAccepted());
  oulu_.now = *ParseTime("2025-03-10T22:00:00Z");
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("d")}), RefusedWith(kNotEntitled, "not_in_agreement"));
  // What was accepted then is answered for ever.
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("b")}), IsAccepted());
}

TEST_F(AccessTest, WhoIsNoPartyGetsHashesAloneThoughTheAgreementAllowsTheType) {
  Open(kNeedsToKela, {&kela_});
  const uint64_t position = At(oulu_.Offer(kOulu, {Need("n")}));
  const event::v1::Header header = oulu_.Entries()[position].header;
  EXPECT_THAT(ToldOf(header), IsEmpty());
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 0u);
  Replicate(oulu_, kela_, 0);
  for (const auto& entry : kela_.Entries(kela_.NumberOf(oulu_.origin()))) {
    EXPECT_FALSE(entry.header.control().empty());
  }
  const std::string held = kela_.AllBytes();
  const Raw raw = RawEntry(oulu_, kOwnLog, Position(position));
  ASSERT_THAT(raw.blobs, SizeIs(2));
  std::vector<std::string> bytes = {header.case_id(), header.event_id(), raw.leaf,
                                    raw.leaf.substr(log::kLeafPrefix.size(), log::kLeafRandomBytes)};
  for (const auto& [kind, blob] : raw.blobs) bytes.push_back(blob);
  for (const std::string& some : bytes) {
    EXPECT_EQ(held.find(some), std::string::npos) << ToHex(some);
  }
}

TEST_F(AccessTest, AuthorsThatAreNoPartyOfAKnownCaseAreRefusedUntilTheyAre) {
  Open("");
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p")}), RefusedWith(kNotEntitled, "not_a_party"));
  // Nobody makes itself one.
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Add(kWellbeing, "self")}),
              RefusedWith(kNotEntitled, "not_a_party"));
  EXPECT_THAT(oulu_.Offer(kOulu, {Add(kWellbeing, "added")}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p")}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kOulu, {Remove(kWellbeing, "removed")}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p2")}), RefusedWith(kNotEntitled, "not_a_party"));
  // Of a case that nobody knows here the author is the first party.
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Need("other", 2)}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("other plan", 2)}), IsAccepted());
  // All of it the same after a cold start.
  oulu_.Reindex();
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p3")}), RefusedWith(kNotEntitled, "not_a_party"));
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p4", 2)}), IsAccepted());
}

// ---- Keys ----

TEST_F(AccessTest, AKeySpeaksForItsAgencyItsOfficialAndItsTypesAlone) {
  Open("");
  PrincipalConfig bound = Author(kOulu);
  bound.official = "oma-1";
  bound.types = {"polku.referral.v1.Need*"};
  const auto by = [&](std::string_view official, exchange::v1::OfferedEvent event) {
    event.set_official(std::string(official));
    return oulu_.OfferAs(bound, {event});
  };
  EXPECT_THAT(by("oma-2", Need("a")), RefusedWith(kNotEntitled, "official_bound"));
  EXPECT_THAT(by("", Need("a")), RefusedWith(kNotEntitled, "official_bound"));
  EXPECT_THAT(by("oma-1", Plan("a")), RefusedWith(kNotEntitled, "type_not_allowed"));
  EXPECT_THAT(by("oma-1", Add(kKela, "a")), RefusedWith(kNotEntitled, "type_not_allowed"));
  EXPECT_THAT(by("oma-1", Need("a")), IsAccepted());
  // One event of an offer keeps the whole offer out.
  auto own = Need("b"), other = Need("c");
  own.set_official("oma-1");
  other.set_official("oma-2");
  const Position size = oulu_->size();
  const auto answer = oulu_.OfferAs(bound, {own, other});
  EXPECT_THAT(answer, RefusedWith(kNotEntitled, "official_bound"));
  EXPECT_EQ(answer.refusal().event_index(), 1u);
  EXPECT_EQ(oulu_->size(), size);
}

TEST_F(AccessTest, AHostedAgencyPublishesInItsOwnNameThroughAnothersService) {
  // The association has no service of its own; its key is a principal of Oulu's.
  Open(R"(
    publishings { authors: "FI/ORG/9999992-5/toimintatupa" types: "polku.referral.v1.NeedIdentified"
                  legal_basis: "1" }
    sharings { publishers: "FI/ORG/9999992-5/toimintatupa" receivers: "FI/GOV/0246246-0/kela"
               types: "polku.referral.v1.NeedIdentified" sections: SECTION_KIND_SERVICE
               legal_basis: "1" }
  )");
  const auto position = At(oulu_.Offer(kProvider, {Need("same id")}));
  EXPECT_EQ(oulu_.Entries()[position].header.author_agency(), kProvider);
  EXPECT_THAT(oulu_.Offer(kProvider, {Plan("p")}), RefusedWith(kNotEntitled, "not_in_agreement"));
  // The same id under another key is that agency's own event; it takes nothing of the other's place.
  const auto other = oulu_.Offer(kOulu, {Need("same id", 1, "other words")});
  ASSERT_THAT(other, IsAccepted());
  EXPECT_NE(At(other), position);
  EXPECT_EQ(oulu_.Entries()[At(other)].header.author_agency(), kOulu);
  // Its line opens what it wrote itself, and not what its host wrote.
  EXPECT_THAT(oulu_.Offer(kOulu, {Add(kKela, "kela")}), IsAccepted());
  oulu_.WorkAll();
  const auto opened = OpenedLater(oulu_);
  EXPECT_TRUE(opened.contains({std::string(kKela), position}));
  EXPECT_FALSE(opened.contains({std::string(kKela), At(other)}));
}

// ---- Becoming a party ----

TEST_F(AccessTest, AnEventThatNamesAnAgencyMakesItAPartyInTheSameCommit) {
  Open(R"(party_rules { type: "polku.referral.v1.ReferralMade" field: "target_agency" })");
  referral::v1::ReferralMade made;
  made.set_referral_id("r1");
  made.set_target_agency(std::string(kProvider));
  const int commits = oulu_.engine.commits();
  const auto answer = oulu_.Offer(
      kOulu, {Need("n"), Event(NamedEvent("r"), NumberedCase(1), made), Plan("p")});
  ASSERT_EQ(answer.receipts_size(), 3) << answer.ShortDebugString();
  EXPECT_EQ(oulu_.engine.commits(), commits + 1);
  // Right after the event that names it; the receipts are the offered events' own.
  const uint64_t first = answer.receipts(0).position();
  EXPECT_EQ(answer.receipts(1).position(), first + 1);
  EXPECT_EQ(answer.receipts(2).position(), first + 3);
  EXPECT_EQ(answer.receipts(2).case_revision(), 4u);
  const auto entries = oulu_.Entries();
  const auto& added = entries[first + 2];
  ASSERT_EQ(added.header.type(), kPartyAdded);
  EXPECT_EQ(added.header.author_agency(), kOulu);
  const auto& body = static_cast<const access::v1::PartyAdded&>(*added.body);
  EXPECT_EQ(body.agency(), kProvider);
  EXPECT_EQ(body.reason(), access::v1::PARTY_REASON_NAMED_IN_EVENT);
  EXPECT_EQ(body.cause_event_id(), NamedEvent("r").view());
  EXPECT_EQ(body.added_on(), "2025-03-10");
  // All parties are told, the new one among them.
  EXPECT_THAT(ToldOf(added.header),
              ElementsAre(Pair(kOulu, ElementsAre(kService)), Pair(kProvider, ElementsAre(kService))));
  // Named again it is one already; and the repeat of the event adds nothing.
  made.set_referral_id("r2");
  ASSERT_THAT(oulu_.Offer(kOulu, {Event(NamedEvent("r2"), NumberedCase(1), made)}), IsAccepted());
  EXPECT_EQ(oulu_.CountOf(kPartyAdded), 1u);
  // An agency that the agreement does not know becomes none.
  made.set_target_agency("FI/ORG/2345678-0/muu");
  ASSERT_THAT(oulu_.Offer(kOulu, {Event(NamedEvent("r3"), NumberedCase(1), made)}), IsAccepted());
  EXPECT_EQ(oulu_.CountOf(kPartyAdded), 1u);
}

TEST_F(AccessTest, OnlyTheServiceItselfSaysWhatItOpensAndWhomAnEventNamed) {
  Open("");
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  EXPECT_THAT(
      oulu_.Offer(kOulu, {Add(kKela, "k", 1, access::v1::PARTY_REASON_NAMED_IN_EVENT)}),
      RefusedWith(kRule, "not_offered"));
  access::v1::Disclosed disclosed;
  disclosed.set_party_event_id(std::string(NamedEvent("k").view()));
  EXPECT_THAT(oulu_.Offer(kOulu, {Event(NamedEvent("d"), NumberedCase(1), disclosed)}),
              RefusedWith(kRule, "not_offered"));
}

TEST_F(AccessTest, ANewPartyGetsExactlyWhatTheAgreementOpensOfTheEntriesOnRecord) {
  Open(Str(kNeedsToKela, R"(
    sharings { publishers: "FI/MUN/0187690-1/oulu" receivers: "FI/GOV/0246246-0/kela"
               types: "polku.referral.v1.PlanDrafted" legal_basis: "1"
               valid_from: "2025-02-01" valid_until: "2025-03-31" }
    sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela"
               types: "polku.referral.v1.ClientIdentified" sections: SECTION_KIND_IDENTITY
               legal_basis: "1" valid_from: "2025-01-01" valid_until: "2025-02-28" }
  )"), {&kela_});
  const auto client = Event(NamedEvent("client"), NumberedCase(1),
                            ParseText<referral::v1::ClientIdentified>(
                                "municipality_code: '564' identity_code: '010190-955F' "
                                "family_name: 'Virtanen' street_address: 'Piilopolku 7'"));
  oulu_.now = Noon("2025-01-20");
  const uint64_t need = At(oulu_.Offer(kOulu, {Need("n1")}));
  const uint64_t early_plan = At(oulu_.Offer(kOulu, {Plan("p1")}));  // before the line holds
  const uint64_t person = At(oulu_.Offer(kOulu, {client}));          // the line will have ended
  const uint64_t party_before = At(oulu_.Offer(kOulu, {Add(kWellbeing, "w")}));
  oulu_.now = Noon("2025-02-10");
  const uint64_t plan = At(oulu_.Offer(kOulu, {Plan("p2")}));
  const uint64_t others_plan = At(oulu_.Offer(kWellbeing, {Plan("p3")}));  // another author's
  const uint64_t others_need = At(oulu_.Offer(kWellbeing, {Need("n2")}));
  const uint64_t other_case = At(oulu_.Offer(kOulu, {Need("n3", 2)}));
  oulu_.now = Noon("2025-03-10");
  oulu_.WorkAll();
  // Before, Kela holds nothing of it.
  Replicate(oulu_, kela_, 0);
  kela_.now = oulu_.now;
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k")}), IsAccepted());
  oulu_.WorkAll();

  Opened expected;
  const std::string to(kKela);
  expected[{to, need}] = {kService};
  expected[{to, party_before}] = {kService};  // who takes part is told to who takes part
  expected[{to, plan}] = {};                  // the header alone
  expected[{to, others_need}] = {kService};
  auto opened = OpenedLater(oulu_);
  std::erase_if(opened, [&](const auto& one) { return one.first.first != to; });
  EXPECT_EQ(opened, expected);
  const StoredEntry disclosed = std::move(oulu_.Entries().back());
  ASSERT_EQ(disclosed.header.type(), kDisclosed);
  EXPECT_THAT(ToldOf(disclosed.header),
              ElementsAre(Pair(kKela, ElementsAre(kService)), Pair(kOulu, ElementsAre(kService))));
  EXPECT_EQ(static_cast<const access::v1::Disclosed&>(*disclosed.body).party_event_id(),
            NamedEvent("k").view());

  // Bytewise: the same leaves and sealed sections, and of all else not a byte.
  Replicate(oulu_, kela_, 0);
  const LogNumber number = kela_.NumberOf(oulu_.origin());
  const std::string held = kela_.AllBytes();
  for (const uint64_t position : {need, early_plan, person, plan, others_plan, others_need,
                                  other_case, party_before}) {
    const Raw origin = RawEntry(oulu_, kOwnLog, Position(position));
    const Raw mine = RawEntry(kela_, number, Position(position));
    const auto open = expected.find({to, position});
    ASSERT_FALSE(origin.leaf.empty());
    EXPECT_EQ(mine.leaf, open == expected.end() ? "" : origin.leaf) << position;
    EXPECT_EQ(held.find(origin.leaf) != std::string::npos, open != expected.end()) << position;
    for (const auto& [kind, blob] : origin.blobs) {
      const bool given = open != expected.end() &&
                         std::count(open->second.begin(), open->second.end(), static_cast<int>(kind)) > 0;
      EXPECT_EQ(mine.blobs.contains(kind), given) << position << SectionKindName(kind);
      EXPECT_EQ(held.find(blob) != std::string::npos, given) << position << SectionKindName(kind);
    }
  }
  // And it opens there.
  for (const auto& entry : kela_.Entries(number)) {
    if (entry.header.type() != kNeed) continue;
    const auto& seen = static_cast<const referral::v1::NeedIdentified&>(*entry.body);
    EXPECT_EQ(seen.municipality_code(), "564");
    EXPECT_EQ(seen.social_reasons(), "");
  }
  // New entries go to it by themselves; nothing is opened twice, whatever happens here.
  const uint64_t next = At(oulu_.Offer(kOulu, {Need("n4")}));
  EXPECT_THAT(ToldOf(oulu_.Entries()[next].header), ElementsAre(Pair(kKela, ElementsAre(kService))));
  const size_t count = oulu_.CountOf(kDisclosed);
  for (int i = 0; i < 2; ++i) {
    oulu_.Reindex();
    oulu_.WorkAll();
    EXPECT_EQ(oulu_.CountOf(kDisclosed), count);
  }
  EXPECT_EQ(oulu_->health(), "ok");
}

TEST_F(AccessTest, ReceiversOfEveryCaseNeedNotBePartiesAndAreNotOpenedToAgain) {
  Open(R"(
    sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.referral.v1.*"
               sections: SECTION_KIND_SERVICE legal_basis: "1" every_case: true }
    sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela"
               types: "polku.referral.v1.NeedIdentified" sections: SECTION_KIND_SOCIAL
               legal_basis: "1" }
  )");
  const uint64_t need = At(oulu_.Offer(kOulu, {Need("n")}));
  const uint64_t plan = At(oulu_.Offer(kOulu, {Plan("p")}));
  EXPECT_THAT(ToldOf(oulu_.Entries()[need].header), ElementsAre(Pair(kKela, ElementsAre(kService))));
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k")}), IsAccepted());
  oulu_.WorkAll();
  // Of the need only the section that a party gets besides; of the plan nothing is left to open.
  const auto opened = OpenedLater(oulu_);
  EXPECT_THAT(opened, ElementsAre(Pair(Pair(std::string(kKela), need), ElementsAre(kSocial))));
  EXPECT_FALSE(opened.contains({std::string(kKela), plan}));
}

TEST_F(AccessTest, WhereNothingIsOpenedThereIsNoEntry) {
  Open("");
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n"), Add(kKela, "k")}), IsAccepted());
  const Position size = oulu_->size();
  oulu_.WorkAll();
  oulu_.Reopen();
  oulu_.WorkAll();
  EXPECT_EQ(oulu_->size(), size);
}

TEST_F(AccessTest, OfTwoHundredProvidersACaseHasAsManyPartiesAsAnEntryCanNameAndTheServiceGoesOn) {
  std::string lines = R"(
    sharings { publishers: "*" receiver_roles: AGENCY_ROLE_PROVIDER
               types: "polku.referral.v1.NeedIdentified" sections: SECTION_KIND_SERVICE legal_basis: "1" }
  )";
  const auto provider = [](int n) { return Str("FI/ORG/9999992-5/tuottaja-", n); };
  for (int n = 0; n < 200; ++n) {
    lines += Str("agencies { name: '", provider(n), "' roles: AGENCY_ROLE_PROVIDER }\n");
  }
  Open(lines);
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  for (int n = 0; n < 63; ++n) {  // with the agency itself 64
    ASSERT_THAT(oulu_.Offer(kOulu, {Add(provider(n), Str("p", n))}), IsAccepted()) << n;
  }
  oulu_.WorkAll();
  const auto refused = oulu_.Offer(kOulu, {Add(provider(63), "p63")});
  EXPECT_THAT(refused, RefusedWith(exchange::v1::REFUSAL_KIND_INVALID, "over_limit"));
  EXPECT_THAT(refused.refusal().message(), HasSubstr("64 agencies"));
  EXPECT_THAT(refused.refusal().message(), HasSubstr("leave"));
  const auto need = oulu_.Offer(kOulu, {Need("n2")});
  ASSERT_THAT(need, IsAccepted());
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(need)].header), SizeIs(63));
  // Where one leaves, another may come; other cases never knew.
  ASSERT_THAT(oulu_.Offer(kOulu, {Remove(provider(0), "r0")}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kOulu, {Add(provider(63), "p63")}), IsAccepted());
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("other", 2)}), IsAccepted());
  oulu_.WorkAll();
  EXPECT_EQ(oulu_->health(), "ok");
}

TEST_F(AccessTest, MoreReceiversOfEveryCaseThanAnEntryCanNameAreRefusedAtTheStart) {
  std::string lines = R"(
    sharings { publishers: "*" receiver_roles: AGENCY_ROLE_PROVIDER every_case: true
               types: "polku.referral.v1.NeedIdentified" sections: SECTION_KIND_SERVICE legal_basis: "1" }
  )";
  for (int n = 0; n < 64; ++n) {  // and the one of kParties
    lines += Str("agencies { name: 'FI/ORG/9999992-5/tuottaja-", n, "' roles: AGENCY_ROLE_PROVIDER }\n");
  }
  oulu_.config.agreement = Agreed(lines);
  EXPECT_THAT(oulu_.TryOpen(), testing::StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("every_case")));
}

// Neither knows of the other's entries when it makes its own.
TEST(FirstPartyTest, WhereTwoAgenciesBeginACaseAtOnceBothGetTheirParts) {
  AnyEventService oulu_service, county_service;
  TestNode oulu(kOulu, oulu_service, 1), county(kWellbeing, county_service, 2);
  for (TestNode* node : {&oulu, &county}) {
    node->config.agreement = Agreed(R"(
      sharings { publishers: "*" receivers: "FI/MUN/0187690-1/oulu" receivers: "FI/MUN/9999991-7/hyvinvointi"
                 types: "polku.referral.v1.NeedIdentified" sections: SECTION_KIND_SERVICE legal_basis: "1" }
    )");
  }
  oulu.Follow(county);
  county.Follow(oulu);
  oulu.Open();
  county.now += absl::Seconds(1);
  county.Open();
  const auto need = [](std::string_view id) {
    return Event(NamedEvent(id), NumberedCase(1),
                 ParseText<referral::v1::NeedIdentified>("identified_on: '2025-01-07'"));
  };
  ASSERT_THAT(oulu.Offer(kOulu, {need("o1")}), IsAccepted());
  const uint64_t unknowing = county.Offer(kWellbeing, {need("c1")}).receipts(0).position();
  access::v1::PartyAdded party;
  party.set_agency(std::string(kWellbeing));
  party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  ASSERT_THAT(oulu.Offer(kOulu, {Event(NamedEvent("p"), NumberedCase(1), party)}), IsAccepted());
  const auto settle = [&] {
    for (int round = 0; round < 4; ++round) {
      oulu.WorkAll();
      Replicate(oulu, county, 0);
      county.WorkAll();
      Replicate(county, oulu, 0);
    }
  };
  settle();
  // The wellbeing services by the PartyAdded, Oulu as the first party.
  EXPECT_EQ(oulu.CountOf(kDisclosed), 1u);
  ASSERT_EQ(county.CountOf(kDisclosed), 1u);
  const auto last = county.Entries().back().header;
  ASSERT_EQ(last.later().receiver(), kOulu);
  ASSERT_EQ(last.later().entries_size(), 1);
  EXPECT_EQ(last.later().entries(0).position(), unknowing);
  const auto held = oulu.Entries(oulu.NumberOf(county.origin()));
  EXPECT_TRUE(std::any_of(held.begin(), held.end(), [&](const auto& entry) {
    return entry.header.event_id() == NamedEvent("c1").view() && entry.body != nullptr;
  }));
  // What comes now goes there by itself, and nothing is opened twice, whatever is folded anew.
  ASSERT_THAT(county.Offer(kWellbeing, {need("c2")}), IsAccepted());
  settle();
  county.Reindex();
  settle();
  EXPECT_EQ(county.CountOf(kDisclosed), 1u);
  for (TestNode* node : {&oulu, &county}) EXPECT_EQ((*node)->health(), "ok");
}

// It may say who takes part, by its role; the case is not its own, whatever its own log says.
TEST_F(AccessTest, AnOrganiserThatKnowsACaseIdMakesItselfNoPartyByItsOwnLog) {
  const std::string all = R"(
    sharings { publishers: "*" receivers: "FI/MUN/0187690-1/oulu" receivers: "FI/MUN/9999991-7/hyvinvointi"
               receivers: "FI/GOV/0246246-0/kela" types: "polku.*" sections: SECTION_KIND_SERVICE
               sections: SECTION_KIND_SOCIAL legal_basis: "1" every_case: false })";
  const std::string told = R"(
    sharings { publishers: "*" receivers: "FI/MUN/0187690-1/oulu" receivers: "FI/GOV/0246246-0/kela" types: "polku.*"
               sections: SECTION_KIND_SERVICE legal_basis: "1" every_case: true })";
  for (TestNode* node : {&oulu_, &kela_}) node->config.agreement = Agreed(all);
  county_.config.agreement = Agreed(told);  // its own, so that its word reaches the others
  oulu_.Follow(county_);
  county_.Follow(oulu_);
  kela_.Follow(oulu_);
  kela_.Follow(county_);
  for (TestNode* node : {&oulu_, &county_, &kela_}) node->Open();
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n"), Add(kKela, "k")}), IsAccepted());
  Replicate(oulu_, kela_, 0);
  county_.now += absl::Seconds(1);
  ASSERT_THAT(county_.Offer(kWellbeing, {Add(kWellbeing, "self"), Add(kKela, "in"), Remove(kKela, "out")}),
              IsAccepted());
  for (int round = 0; round < 3; ++round) {
    for (TestNode* node : {&oulu_, &county_, &kela_}) node->WorkAll();
    Replicate(county_, oulu_, 0);
    Replicate(county_, kela_, 1);
    Replicate(oulu_, county_, 0);
    Replicate(oulu_, kela_, 0);
  }
  const auto disclosed = [&](std::string_view to) {
    const auto entries = oulu_.Entries();
    return std::count_if(entries.begin(), entries.end(), [&](const auto& entry) {
      return entry.header.later().receiver() == to || ToldOf(entry.header).contains(std::string(to));
    });
  };
  EXPECT_EQ(disclosed(kWellbeing), 0);
  // Kela is a party still, and the wellbeing services become one by a party's word.
  const uint64_t next = At(oulu_.Offer(kOulu, {Need("n2")}));
  EXPECT_TRUE(ToldOf(oulu_.Entries()[next].header).contains(std::string(kKela)));
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kWellbeing, "w")}), IsAccepted());
  oulu_.WorkAll();
  EXPECT_GT(disclosed(kWellbeing), 0);
}

TEST_F(AccessTest, AFormerPartyKeepsWhatItHasAndGetsNothingNewUntilItIsOneAgain) {
  Open(kNeedsToKela, {&kela_});
  const uint64_t first = At(oulu_.Offer(kOulu, {Need("n1")}));
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k")}), IsAccepted());
  oulu_.WorkAll();
  const uint64_t removed = At(oulu_.Offer(kOulu, {Remove(kKela, "r")}));
  EXPECT_TRUE(ToldOf(oulu_.Entries()[removed].header).contains(std::string(kKela)));  // it is told so
  const uint64_t between = At(oulu_.Offer(kOulu, {Need("n2")}));
  EXPECT_THAT(ToldOf(oulu_.Entries()[between].header), IsEmpty());
  oulu_.WorkAll();
  Replicate(oulu_, kela_, 0);
  const LogNumber number = kela_.NumberOf(oulu_.origin());
  EXPECT_NE(RawEntry(kela_, number, Position(first)).leaf, "");
  EXPECT_EQ(RawEntry(kela_, number, Position(between)).leaf, "");
  // A party again: what was between opens, what it has does not open again.
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "again")}), IsAccepted());
  oulu_.WorkAll();
  Replicate(oulu_, kela_, 0);
  EXPECT_EQ(RawEntry(kela_, number, Position(between)).leaf,
            RawEntry(oulu_, kOwnLog, Position(between)).leaf);
  EXPECT_TRUE(OpenedLater(oulu_).contains({std::string(kKela), between}));
}

TEST_F(AccessTest, AKillBetweenThePartyAndItsDisclosureLosesAndDoublesNothing) {
  Open(kNeedsToKela);
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  oulu_.WorkAll();
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k")}), IsAccepted());
  oulu_.Crash(0);
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 0u);
  // On disk or not: the failed write leaves one.
  oulu_.engine.FailCommit(0, absl::InternalError("I/O"), /*applied=*/true);
  oulu_->Work();
  oulu_.Crash(0);
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 1u);
  for (const size_t kept : {0u, 1u}) {
    oulu_.Crash(kept);
    oulu_.WorkAll();
    EXPECT_EQ(oulu_.CountOf(kDisclosed), 1u);
  }
  // A full disk: later.
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n2", 2), Add(kKela, "k2", 2)}), IsAccepted());
  oulu_.engine.FailCommit(0, absl::ResourceExhaustedError("full"));
  oulu_->Work();
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 1u);
  oulu_.now += absl::Seconds(2);
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 2u);
  EXPECT_EQ(oulu_->health(), "ok");
}

TEST_F(AccessTest, APartyAddedInTwoLogsAtOnceGetsEachLogsEntriesOnce) {
  for (TestNode* node : {&oulu_, &county_, &kela_}) {
    node->config.agreement = Agreed(R"(
      sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela"
                 receivers: "FI/MUN/9999991-7/hyvinvointi" receivers: "FI/MUN/0187690-1/oulu"
                 types: "polku.referral.v1.*" sections: SECTION_KIND_SERVICE legal_basis: "1" })");
  }
  oulu_.Follow(county_);
  county_.Follow(oulu_);
  kela_.Follow(oulu_);
  kela_.Follow(county_);
  for (TestNode* node : {&oulu_, &county_, &kela_}) node->Open();
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n"), Add(kWellbeing, "w")}), IsAccepted());
  oulu_.WorkAll();
  Replicate(oulu_, county_, 0);
  const uint64_t county_need = At(county_.Offer(kWellbeing, {Need("cn")}));
  Replicate(county_, oulu_, 0);
  // Neither knows of the other's.
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "by oulu")}), IsAccepted());
  ASSERT_THAT(county_.Offer(kWellbeing, {Add(kKela, "by county")}), IsAccepted());
  for (int round = 0; round < 3; ++round) {
    for (TestNode* node : {&oulu_, &county_}) node->WorkAll();
    Replicate(oulu_, county_, 0);
    Replicate(county_, oulu_, 0);
  }
  for (TestNode* node : {&oulu_, &county_}) {
    OpenedLater(*node);  // none twice
    size_t to_kela = 0;
    for (const auto& entry : node->Entries()) {
      to_kela += entry.header.later().receiver() == kKela ? 1 : 0;
    }
    EXPECT_EQ(to_kela, 1u) << node->origin();
    EXPECT_THAT(node->Offer(node->config.origin.agency(), {Add(kKela, "again")}),
                RefusedWith(kRule, "already_a_party"));
    const Position size = (*node)->size();
    node->Reindex();
    node->WorkAll();
    EXPECT_EQ((*node)->size(), size);
  }
  EXPECT_TRUE(OpenedLater(county_).contains({std::string(kKela), county_need}));
  Replicate(oulu_, kela_, 0);
  Replicate(county_, kela_, 1);
  EXPECT_NE(RawEntry(kela_, kela_.NumberOf(county_.origin()), Position(county_need)).leaf, "");
}

TEST_F(AccessTest, ACaseOfTwoThousandFiveHundredEntriesOpensInPiecesThatFitAndFoldsAtTheReceiver) {
  Open(kNeedsToKela, {&kela_});
  std::vector<std::string> facts;
  kela_stub_.due = [&](const WatchedState& state, absl::CivilDay) {
    facts = state.facts;
    return std::vector<service::Duty>();
  };
  for (int part = 0; part < 5; ++part) {
    std::vector<exchange::v1::OfferedEvent> events;
    for (int i = 0; i < 500; ++i) events.push_back(Need(Str("n", part, "/", i), 1, ""));
    ASSERT_THAT(oulu_.Offer(kOulu, events), IsAccepted());
  }
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k")}), IsAccepted());
  const int commits = oulu_.engine.commits();
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.engine.commits(), commits + 1);  // all pieces or none
  EXPECT_THAT(OpenedLater(oulu_), SizeIs(2'500));
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 2u);
  Replicate(oulu_, kela_, 0, /*batch_bytes=*/100'000);
  kela_.WorkAll();
  EXPECT_THAT(facts, SizeIs(2'500));
  EXPECT_EQ(kela_->health(), "ok");
  EXPECT_EQ(oulu_->health(), "ok");
}

// ---- What came later is folded as if it had been there ----

TEST(LatePartyTest, APayerThatBecomesAPartyLateAccruesWhatItMissedAndAReplaySeesTheSame) {
  WatchedService oulu_service(referral::MakeReferralService());
  WatchedService provider_service(MakeAttendanceService());
  WatchedService kela_service(MakeCompensationService());
  TestNode oulu(kOulu, oulu_service, 1), provider(kProvider, provider_service, 2),
      kela(kKela, kela_service, 3);
  const std::vector<TestNode*> all = {&oulu, &provider, &kela};
  for (TestNode* node : all) {
    // Here nobody becomes a party by being named as payer.
    auto& rules = *node->config.agreement.mutable_party_rules();
    rules.erase(std::remove_if(rules.begin(), rules.end(),
                               [](const auto& rule) { return rule.field() == "payer_agency" ||
                                                             rule.field() == "invited_agencies"; }),
                rules.end());
    for (TestNode* other : all) {
      if (other != node) node->Follow(*other);
    }
    node->now = Noon("2025-03-07");
  }
  for (TestNode* node : all) node->Open();
  const auto settle = [&] {
    for (int round = 0; round < 6; ++round) {
      for (TestNode* to : all) {
        size_t peer = 0;
        for (TestNode* from : all) {
          if (from != to) Replicate(*from, *to, peer++);
        }
        to->WorkAll();
      }
    }
  };
  std::string period;
  for (const auto& event : ClientPath(1, 0, 1, 7)) {
    if (event.service != "referral") continue;
    ASSERT_THAT(oulu.Offer(event.agency, {event.event}), IsAccepted());
    referral::v1::ServiceStarted started;
    if (event.event.type() != "polku.referral.v1.ServiceStarted") continue;
    ASSERT_TRUE(started.ParseFromString(event.event.body()));
    period = started.period_id();
  }
  settle();
  // The provider has become a party late, too: by the referral that names it.
  EXPECT_EQ(provider.CountOf("polku.attendance.v1.PeriodOpened"), 1u);
  for (const std::string_view date : {"2025-03-03", "2025-03-04"}) {
    attendance::v1::DayRecorded day;
    day.set_period_id(period);
    day.set_date(std::string(date));
    day.set_planned_minutes(240);
    day.set_actual_minutes(240);
    day.set_outcome(event::v1::DAY_OUTCOME_ATTENDED);
    day.set_attendance_class(event::v1::ATTENDANCE_CLASS_ATTENDED);
    ASSERT_THAT(provider.Offer(kProvider, {Event(NamedEvent(date), NumberedCase(1), day, "o-1")}),
                IsAccepted());
  }
  settle();
  EXPECT_EQ(kela.CountOf("polku.compensation.v1.AllowanceAccrued"), 0u);
  EXPECT_THAT(kela_service.seen, IsEmpty());

  access::v1::PartyAdded party;
  party.set_agency(std::string(kKela));
  party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  ASSERT_THAT(oulu.Offer(kOulu, {Event(NamedEvent("kela"), NumberedCase(1), party)}), IsAccepted());
  settle();
  EXPECT_EQ(kela.CountOf("polku.compensation.v1.AllowanceAccrued"), 2u);
  EXPECT_GT(provider.CountOf(kDisclosed), 0u);  // each log opens its own part
  for (TestNode* node : all) {
    EXPECT_EQ((*node)->health(), "ok") << node->origin();
    const Position size = (*node)->size();
    WatchedService& service =
        node == &oulu ? oulu_service : node == &provider ? provider_service : kela_service;
    const auto live = service.seen;
    service.seen.clear();
    node->Reindex();
    node->WorkAll();
    EXPECT_EQ(service.seen, live) << node->origin();
    EXPECT_EQ((*node)->size(), size) << node->origin();
  }
}

TEST(LatePartyTest, AKillBetweenFillAndDutiesIsTakenUpByTheNextStart) {
  AnyEventService oulu_service;
  StubService kela_service;
  TestNode oulu(kOulu, oulu_service, 1), kela(kKela, kela_service, 2);
  for (TestNode* node : {&oulu, &kela}) node->config.agreement = Agreed(kNeedsToKela);
  kela.Follow(oulu);
  for (TestNode* node : {&oulu, &kela}) node->Open();
  std::vector<std::string> facts;
  kela_service.due = [&](const WatchedState& state, absl::CivilDay) {
    facts = state.facts;
    return std::vector<service::Duty>();
  };
  auto need = ParseText<referral::v1::NeedIdentified>("identified_on: '2025-01-07'");
  access::v1::PartyAdded party;
  party.set_agency(std::string(kKela));
  party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  ASSERT_THAT(oulu.Offer(kOulu, {Event(NamedEvent("n"), NumberedCase(1), need),
                                 Event(NamedEvent("k"), NumberedCase(1), party)}), IsAccepted());
  oulu.WorkAll();
  // What came by the stream is evaluated and marked so; the fill is not stored.
  kela.engine.FailWriteIndex(absl::ResourceExhaustedError("full"));
  Replicate(oulu, kela, 0);
  EXPECT_NE(kela->health(), "ok");
  kela.engine.FailWriteIndex(absl::OkStatus());
  kela.WorkAll();
  EXPECT_THAT(facts, IsEmpty());
  // Then it is, and the kill comes.
  Replicate(oulu, kela, 0);
  kela.Crash(0);
  kela.WorkAll();
  EXPECT_THAT(facts, SizeIs(1));
  EXPECT_EQ(kela->health(), "ok");
  facts.clear();
  kela.Reopen();
  kela.WorkAll();
  EXPECT_THAT(facts, IsEmpty());  // evaluated once and for all
}

// ---- Corrections ----

TEST_F(AccessTest, ACorrectionReachesWhoeverGotTheWrongValueWhetherOrNotStillAParty) {
  Open(Str(kNeedsToKela, R"(
    sharings { publishers: "*" receivers: "FI/ORG/9999992-5/toimintatupa"
               types: "polku.referral.v1.NeedIdentified" sections: SECTION_KIND_SERVICE
               sections: SECTION_KIND_SOCIAL legal_basis: "1" }
  )"));
  const uint64_t before = At(oulu_.Offer(kOulu, {Need("before")}));
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k"), Add(kProvider, "t")}), IsAccepted());
  const uint64_t wrong = At(oulu_.Offer(kOulu, {Need("wrong")}));
  oulu_.WorkAll();
  ASSERT_THAT(oulu_.Offer(kOulu, {Remove(kKela, "rk"), Remove(kProvider, "rt")}), IsAccepted());
  const auto corrected = [&](std::string_view id, std::string_view of) {
    auto event = Need(id);
    event.set_corrects(std::string(NamedEvent(of).view()));
    return oulu_.Offer(kOulu, {event});
  };
  for (const auto& [id, of] : {std::pair("c1", "wrong"), std::pair("c2", "before")}) {
    const auto answer = corrected(id, of);
    ASSERT_THAT(answer, IsAccepted());
    const auto header = oulu_.Entries()[At(answer)].header;
    EXPECT_EQ(header.corrects(), NamedEvent(of).view());
    // By its own disclosures or by a later one, with the kinds that each got.
    EXPECT_THAT(ToldOf(header), ElementsAre(Pair(kKela, ElementsAre(kService)),
                                            Pair(kProvider, ElementsAre(kService, kSocial))))
        << of;
  }
  ASSERT_THAT(ToldOf(oulu_.Entries()[before].header), IsEmpty());
  ASSERT_THAT(ToldOf(oulu_.Entries()[wrong].header), SizeIs(2));
  // A correction of the correction goes the same way; what corrects nothing on record does not go at all.
  const auto again = corrected("c3", "c1");
  ASSERT_THAT(again, IsAccepted());
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(again)].header), SizeIs(2));
  EXPECT_THAT(corrected("c4", "never said"), RefusedWith(kRule, "unknown_corrected_event"));
  auto malformed = Need("c5");
  malformed.set_corrects("short");
  EXPECT_THAT(oulu_.Offer(kOulu, {malformed}),
              RefusedWith(exchange::v1::REFUSAL_KIND_INVALID, "bad_corrects"));
  // In one turn with the entry that it corrects.
  auto late = Need("c6");
  late.set_corrects(std::string(NamedEvent("fresh").view()));
  const auto answers = oulu_.OfferTogether({{{std::string(kOulu), "referral", Need("fresh")}},
                                            {{std::string(kOulu), "referral", late}}});
  EXPECT_THAT(answers[1], IsAccepted());
}

TEST(CorrectedDayTest, ACorrectedDayReachesWhoeverGotTheDayThoughItsAuthorNamesNoEntry) {
  const auto referral = referral::MakeReferralService();
  const auto attendance = MakeAttendanceService();
  TestNode oulu(kOulu, *referral, 1), provider(kProvider, *attendance, 2);
  oulu.Follow(provider);
  provider.Follow(oulu);
  for (TestNode* node : {&oulu, &provider}) {
    node->now = Noon("2025-03-07");
    node->Open();
  }
  std::string period;
  for (const auto& event : ClientPath(1, 0, 1, 7)) {
    if (event.service != "referral") continue;
    ASSERT_THAT(oulu.Offer(event.agency, {event.event}), IsAccepted());
    referral::v1::ServiceStarted started;
    if (event.event.type() != "polku.referral.v1.ServiceStarted") continue;
    ASSERT_TRUE(started.ParseFromString(event.event.body()));
    period = started.period_id();
  }
  access::v1::PartyAdded added;
  added.set_agency(std::string(kKela));
  added.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  oulu.Offer(kOulu, {Event(NamedEvent("kela"), NumberedCase(1), added)});  // unless it is one already
  oulu.WorkAll();
  Replicate(oulu, provider, 0);
  provider.WorkAll();
  const auto of_day = [&](auto day, std::string_view date, uint32_t minutes) {
    day.set_period_id(period);
    day.set_date(std::string(date));
    day.set_planned_minutes(240);
    day.set_actual_minutes(minutes);
    day.set_outcome(event::v1::DAY_OUTCOME_ATTENDED);
    day.set_attendance_class(event::v1::ATTENDANCE_CLASS_ATTENDED);
    return day;
  };
  const auto recorded = [&](std::string_view id, std::string_view date) {
    return Event(NamedEvent(id), NumberedCase(1), of_day(attendance::v1::DayRecorded(), date, 240), "o-1");
  };
  const auto corrected = [&](std::string_view id, std::string_view date, uint32_t minutes) {
    auto day = of_day(attendance::v1::DayCorrected(), date, minutes);
    day.set_reason(attendance::v1::CORRECTION_REASON_WRONG_TIME);
    return Event(NamedEvent(id), NumberedCase(1), day, "o-1");
  };
  ASSERT_THAT(provider.Offer(kProvider, {recorded("d3", "2025-03-03")}), IsAccepted());
  ASSERT_THAT(provider.Offer(kProvider, {recorded("d4", "2025-03-04")}), IsAccepted());
  access::v1::PartyRemoved removed;
  removed.set_agency(std::string(kKela));
  removed.set_reason(access::v1::PARTY_END_SERVICE_ENDED);
  ASSERT_THAT(oulu.Offer(kOulu, {Event(NamedEvent("r"), NumberedCase(1), removed)}), IsAccepted());
  oulu.WorkAll();
  Replicate(oulu, provider, 0);
  provider.WorkAll();

  const auto of_kela = [&](const OfferAnswer& answer) {
    const auto header = provider.Entries()[answer.receipts(0).position()].header;
    std::vector<int> kinds;
    for (const auto& disclosure : header.disclosures()) {
      if (disclosure.receiver() != kKela) continue;
      kinds.assign(disclosure.sections().begin(), disclosure.sections().end());
    }
    return std::pair(header.corrects(), kinds);
  };
  const auto bytes = [](std::string_view id) { return std::string(NamedEvent(id).view()); };
  const std::vector<int> got = {event::v1::SECTION_KIND_SERVICE, event::v1::SECTION_KIND_PAYMENT};
  const auto first = provider.Offer(kProvider, {corrected("c3", "2025-03-03", 200)});
  ASSERT_THAT(first, IsAccepted());
  EXPECT_EQ(of_kela(first), std::pair(bytes("d3"), got));
  // The correction is what stands now, on disk or not.
  const auto answers = provider.OfferTogether(
      {{{std::string(kProvider), "attendance", corrected("c3b", "2025-03-03", 180)}},
       {{std::string(kProvider), "attendance", corrected("c3c", "2025-03-03", 160)}}});
  ASSERT_THAT(answers, Each(IsAccepted()));
  EXPECT_EQ(of_kela(answers[0]), std::pair(bytes("c3"), got));
  EXPECT_EQ(of_kela(answers[1]), std::pair(bytes("c3b"), got));
  // A day that Kela never got does not reach it, whatever is corrected beside it.
  const auto later = provider.Offer(
      kProvider, {recorded("d5", "2025-03-05"), corrected("c5", "2025-03-05", 200)});
  ASSERT_THAT(later, IsAccepted());
  EXPECT_EQ(of_kela(later), std::pair(std::string(), std::vector<int>()));
  const auto entries = provider.Entries();
  EXPECT_EQ(entries[later.receipts(1).position()].header.corrects(), bytes("d5"));
  for (const auto& disclosure : entries[later.receipts(1).position()].header.disclosures()) {
    EXPECT_NE(disclosure.receiver(), kKela);
  }
  // Who names an entry names the one that stands; and a repeat is one, though the author names none.
  auto wrong = corrected("w", "2025-03-04", 200);
  wrong.set_corrects(bytes("d3"));
  EXPECT_THAT(provider.Offer(kProvider, {wrong}), RefusedWith(kRule, "record_has_changed"));
  const auto again = provider.Offer(kProvider, {corrected("c3", "2025-03-03", 200)});
  ASSERT_THAT(again, IsAccepted());
  EXPECT_TRUE(again.receipts(0).repeated_offer());
  EXPECT_EQ(again.receipts(0).position(), first.receipts(0).position());

  // Of a confirmed month the service corrects by itself what another official approved: the same.
  provider.now = Noon("2025-04-01");
  attendance::v1::DaysPlanned away;  // the month's other agreed days
  away.set_period_id(period);
  for (int day = 6; day <= 31; ++day) {
    away.add_days()->set_date(FormatDay(absl::CivilDay(2025, 3, day)));
  }
  ASSERT_THAT(provider.Offer(kProvider, {Event(NamedEvent("a"), NumberedCase(1), away, "o-1")}), IsAccepted());
  attendance::v1::MonthConfirmed confirmed;
  confirmed.set_period_id(period);
  confirmed.set_month("2025-03");
  confirmed.set_attended_days(3);
  confirmed.set_confirmed_on("2025-04-01");
  ASSERT_THAT(provider.Offer(kProvider, {Event(NamedEvent("m"), NumberedCase(1), confirmed, "o-1")}),
              IsAccepted());
  EXPECT_THAT(provider.Offer(kProvider, {corrected("c4", "2025-03-04", 200)}),
              RefusedWith(kRule, "month_confirmed"));
  auto proposed = of_day(attendance::v1::DayCorrectionProposed(), "2025-03-04", 200);
  proposed.set_reason(attendance::v1::CORRECTION_REASON_WRONG_TIME);
  attendance::v1::DayCorrectionDecided decided;
  decided.set_proposal_event_id(bytes("p"));
  decided.set_approved(true);
  decided.set_decided_on("2025-04-01");
  ASSERT_THAT(provider.Offer(kProvider,
                             {Event(NamedEvent("p"), NumberedCase(1), proposed, "o-1"),
                              Event(NamedEvent("q"), NumberedCase(1), decided, "o-2")}),
              IsAccepted());
  provider.WorkAll();
  size_t made = 0;
  for (const auto& entry : provider.Entries()) {
    if (entry.header.type() != "polku.attendance.v1.DayCorrected") continue;
    if (entry.header.corrects() != bytes("d4")) continue;
    ++made;
    EXPECT_EQ(entry.header.author_agency(), kProvider);
    EXPECT_EQ(entry.header.author_official(), "");
    EXPECT_TRUE(std::any_of(entry.header.disclosures().begin(), entry.header.disclosures().end(),
                            [](const auto& to) { return to.receiver() == kKela; }));
  }
  EXPECT_EQ(made, 1u);
  EXPECT_EQ(provider->health(), "ok");
}

TEST_F(AccessTest, ARequestForCorrectionAndItsAnswerReachThoseWhoGotTheEntry) {
  Open(kNeedsToKela);
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n0"), Add(kKela, "k"), Need("wrong")}), IsAccepted());
  ASSERT_THAT(oulu_.Offer(kOulu, {Remove(kKela, "r")}), IsAccepted());
  access::v1::CorrectionRequested request;
  request.set_origin(oulu_.origin());
  request.set_corrected_event_id(std::string(NamedEvent("wrong").view()));
  request.set_requested_by(event::v1::ACTOR_ROLE_CLIENT);
  request.set_what("the date");
  const auto asked = oulu_.Offer(kOulu, {Event(NamedEvent("q"), NumberedCase(1), request)});
  ASSERT_THAT(asked, IsAccepted());
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(asked)].header), ElementsAre(Pair(kKela, ElementsAre(kService))));
  access::v1::CorrectionDecided decision;
  decision.set_request_event_id(std::string(NamedEvent("q").view()));
  decision.set_result(access::v1::CORRECTION_RESULT_REJECTED);
  decision.set_grounds("it was so");
  const auto decided = oulu_.Offer(kOulu, {Event(NamedEvent("d"), NumberedCase(1), decision)});
  ASSERT_THAT(decided, IsAccepted());
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(decided)].header), ElementsAre(Pair(kKela, ElementsAre(kService))));
  EXPECT_THAT(oulu_.Offer(kOulu, {Event(NamedEvent("d2"), NumberedCase(1), decision)}),
              RefusedWith(kRule, "already_decided"));
}

// ---- Reads ----

TEST_F(AccessTest, EventsOfPartiesAndReadsKeepTheConventionsOfEveryEvent) {
  Open("");
  access::v1::PartyAdded party;
  party.set_agency(std::string(kKela));
  party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  const auto offer = [&](std::string_view id) {
    return oulu_.Offer(kOulu, {Event(NamedEvent(id), NumberedCase(1), party)});
  };
  party.set_added_on("2025-02-30");
  EXPECT_THAT(offer("p1"), RefusedWith(kRule, "bad_date"));
  party.set_added_on("2025-02-03");
  party.set_cause_event_id("short");
  EXPECT_THAT(offer("p2"), RefusedWith(kRule, "bad_event_id"));
  party.clear_cause_event_id();
  party.set_reason(static_cast<access::v1::PartyReason>(99));
  EXPECT_THAT(offer("p3"), RefusedWith(kRule, "bad_value"));
  party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
  party.set_agency("kela");
  EXPECT_THAT(offer("p4"), RefusedWith(kRule, "unknown_agency"));
  party.set_agency(std::string(kKela));
  EXPECT_THAT(offer("p5"), IsAccepted());
  access::v1::AccessRecorded read;
  read.set_case_id(std::string(NumberedCase(1).view()));
  read.set_purpose(static_cast<access::v1::AccessPurpose>(99));
  read.set_legal_basis("laki 189/2001");
  read.set_command("case");
  PrincipalConfig reader = Author(kOulu);
  reader.may_operate = true;
  EXPECT_THAT(oulu_.OfferAs(reader, {Event(NamedEvent("r"), access::AccessStreamOf(NumberedCase(1)), read, "o-1")}),
              RefusedWith(kRule, "bad_value"));
}

exchange::v1::OfferedEvent Read(uint64_t case_number, std::string_view id) {
  const CaseId case_id = NumberedCase(case_number);
  access::v1::AccessRecorded read;
  read.set_case_id(std::string(case_id.view()));
  read.set_purpose(access::v1::ACCESS_PURPOSE_CASE_HANDLING);
  read.set_legal_basis("laki 189/2001");
  read.set_command("case");
  return Event(NamedEvent(id), access::AccessStreamOf(case_id), read, "oma-1");
}

PrincipalConfig Operator(std::string_view agency) {
  PrincipalConfig principal = Author(agency);
  principal.may_operate = true;
  return principal;
}

TEST_F(AccessTest, AReadStandsBesideTheCaseMovesNoRevisionAndNoServiceSeesIt) {
  stub_.due = [](const WatchedState& state, absl::CivilDay) {
    for (const std::string& fact : state.facts) EXPECT_THAT(fact, Not(HasSubstr("polku.access")));
    return std::vector<service::Duty>();
  };
  Open(R"(
    sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*"
               sections: SECTION_KIND_SERVICE legal_basis: "1" }
    sharings { publishers: "*" receivers: "FI/GOV/9999993-3/tarkastaja"
               types: "polku.access.v1.AccessRecorded" sections: SECTION_KIND_SERVICE
               legal_basis: "1" every_case: true }
  )");
  const auto first = oulu_.Offer(kOulu, {Need("n"), Add(kKela, "k")});
  ASSERT_THAT(first, IsAccepted());
  const uint64_t revision = first.receipts(1).case_revision();
  const auto read = oulu_.OfferAs(Operator(kOulu), {Read(1, "read")});
  ASSERT_THAT(read, IsAccepted());
  // Not to the case's parties: to those who answer for every case.
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(read)].header),
              ElementsAre(Pair(kAuditor, ElementsAre(kService))));
  EXPECT_NE(oulu_.Entries()[At(read)].header.case_id(), NumberedCase(1).view());
  auto expecting = Need("n2");
  expecting.set_expected_revision(revision);
  EXPECT_THAT(oulu_.Offer(kOulu, {expecting}), IsAccepted());
  oulu_.WorkAll();
  oulu_.Reindex();
  oulu_.WorkAll();
  EXPECT_EQ(oulu_->health(), "ok");

  // Without right, purpose or official there is no record, and so nothing to be shown.
  EXPECT_THAT(oulu_.Offer(kOulu, {Read(1, "x")}), RefusedWith(kNotEntitled, "key_may_not"));
  EXPECT_THAT(oulu_.OfferAs(Operator(kKela), {Read(1, "x")}),
              RefusedWith(kNotEntitled, "own_agency_only"));
  auto elsewhere = Read(1, "x");
  elsewhere.set_case_id(std::string(NumberedCase(1).view()));
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {elsewhere}), RefusedWith(kRule, "wrong_stream"));
  auto nobody = Read(1, "x");
  nobody.clear_official();
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {nobody}), RefusedWith(kRule, "missing_official"));
  // And a case's own events do not stand in its stream.
  auto stray = Need("stray");
  stray.set_case_id(std::string(access::AccessStreamOf(NumberedCase(1)).view()));
  EXPECT_THAT(oulu_.Offer(kOulu, {stray}), RefusedWith(kRule, "wrong_stream"));
}

TEST_F(AccessTest, OnAFullDiskReadsAreRecordedFromTheReserveAndAllElseIsRefused) {
  Open("");
  ASSERT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "first")}), IsAccepted());
  oulu_.engine.SetFull(true);
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n")}),
              RefusedWith(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "disk_full"));
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "second")}), IsAccepted());
  // Together with what may not use it, it may not either: all of an offer or none.
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "third"), Need("n")}),
              RefusedWith(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "disk_full"));
  oulu_.engine.FailCommit(0, absl::ResourceExhaustedError("the reserve is spent"));
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "fourth")}),
              RefusedWith(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "disk_full"));
  oulu_.engine.SetFull(false);
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  EXPECT_EQ(oulu_->health(), "ok");
}

TEST_F(AccessTest, OnAFullDiskOfTheKeystoreTheFirstReadOfACaseHasItsKeyFromTheReserve) {
  Open("");
  constexpr auto kTryAgain = exchange::v1::REFUSAL_KIND_TRY_AGAIN;
  oulu_.key_disk.full = true;
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n")}), RefusedWith(kTryAgain, "disk_full"));
  size_t keys = oulu_.key_disk.records.size();
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "first")}), IsAccepted());
  EXPECT_GT(oulu_.key_disk.records.size(), keys);
  // In one turn with what may not use it: each for itself.
  const auto answers = oulu_.OfferTogetherAs({{Author(kOulu), {Need("n")}},
                                              {Operator(kOulu), {Read(2, "second")}}});
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_THAT(answers[0], RefusedWith(kTryAgain, "disk_full"));
  EXPECT_THAT(answers[1], IsAccepted());
  // The reserve is spent: what needs no new key goes on, of all else nothing is recorded and nothing shown.
  oulu_.key_disk.put_status = absl::ResourceExhaustedError("keystore: the disk is full");
  keys = oulu_.key_disk.records.size();
  const Position size = oulu_->size();
  const auto refused = oulu_.OfferAs(Operator(kOulu), {Read(3, "third")});
  EXPECT_THAT(refused, RefusedWith(kTryAgain, "disk_full"));
  EXPECT_THAT(refused.refusal().message(), ::testing::HasSubstr("disk is full"));
  EXPECT_EQ(oulu_->size(), size);
  EXPECT_EQ(oulu_.key_disk.records.size(), keys);
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "again")}), IsAccepted());
  oulu_.key_disk.put_status = absl::OkStatus();
  oulu_.key_disk.full = false;
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(3, "third")}), IsAccepted());
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  EXPECT_EQ(oulu_->health(), "ok");
}

// ---- Erasures, as the node sees them ----

// What a node asks and tells, through restarts.
struct ErasureRecord {
  std::set<CaseId> erased;
  absl::Status answer;
  std::vector<CaseId> touched;
  std::vector<std::string> confirmed_by;
  std::vector<std::string> controls;

  void WatchFrom(TestNode& node) {
    node.make_erasures = [this](vault::KeyStore&) {
      return std::unique_ptr<ErasureHooks>(std::make_unique<Hooks>(*this));
    };
  }

 private:
  class Hooks : public ErasureHooks {
   public:
    explicit Hooks(ErasureRecord& record) : record_(record) {}
    bool IsErased(const CaseId& case_id, std::string_view) const override {
      return record_.erased.contains(case_id);
    }
    absl::Status Touched(const CaseId& stream, const access::CaseAccess& access) override {
      record_.touched.push_back(stream);
      for (const auto& [id, erasure] : *access.erasures(Str(kOulu, "/referral/1"))) {
        if (erasure.confirmed) record_.confirmed_by.push_back(erasure.confirmed_by);
      }
      return record_.answer;
    }
    absl::Status OnControl(LogNumber, std::string_view origin, Position position,
                           const event::v1::Header& header) override {
      record_.controls.push_back(Str(origin, "@", position.value(), " ", header.type()));
      return absl::OkStatus();
    }

   private:
    ErasureRecord& record_;
  };
};

TEST_F(AccessTest, WhatTwoOfficialsDecideIsHandedOnUntilItIsDoneAndTheCaseIsClosedForGood) {
  ErasureRecord erasures;
  erasures.WatchFrom(oulu_);
  Open("");
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  const CaseId stream = access::AccessStreamOf(NumberedCase(1));
  const auto by = [&](std::string_view official, const google::protobuf::Message& body,
                      std::string_view id) {
    PrincipalConfig principal = Author(kOulu);
    principal.may_erase = true;
    principal.official = std::string(official);
    return oulu_.OfferAs(principal, {Event(NamedEvent(id), stream, body, official)});
  };
  access::v1::ErasureRequested request;
  request.set_case_id(std::string(NumberedCase(1).view()));
  request.set_tier(event::v1::ERASURE_TIER_ENTRIES);
  request.set_legal_basis("arkistointi");
  access::v1::ErasureConfirmed confirm;
  confirm.set_case_id(request.case_id());
  confirm.set_request_event_id(std::string(NamedEvent("q").view()));
  ASSERT_THAT(by("a-1", request, "q"), IsAccepted());
  EXPECT_THAT(by("a-1", confirm, "c"), RefusedWith(kNotEntitled, "same_official"));
  oulu_.WorkAll();
  EXPECT_THAT(erasures.touched, ElementsAre(stream));
  EXPECT_THAT(erasures.confirmed_by, IsEmpty());
  ASSERT_THAT(by("a-2", confirm, "c"), IsAccepted());

  // What cannot be done now is handed on again: later, and by the next start.
  erasures.answer = absl::ResourceExhaustedError("full");
  oulu_->Work();
  EXPECT_THAT(erasures.confirmed_by, ElementsAre("a-2"));
  EXPECT_NE(oulu_->health(), "ok");
  oulu_.Reopen();
  oulu_->Work();
  EXPECT_THAT(erasures.confirmed_by, SizeIs(2));
  erasures.answer = absl::OkStatus();
  oulu_.now += absl::Minutes(1);
  oulu_.WorkAll();
  EXPECT_THAT(erasures.confirmed_by, SizeIs(3));
  oulu_.Reopen();
  oulu_.WorkAll();
  EXPECT_THAT(erasures.confirmed_by, SizeIs(3));

  // The effect as the node sees it: a control entry from the reserve, and a case that takes no more.
  event::v1::Erased erased;
  erased.set_erasure_id(std::string(NamedEvent("q").view()));
  const EventId id = NamedEvent("erased");
  oulu_.engine.SetFull(true);
  const ControlToAppend control{id, erased};
  const auto receipts = oulu_->AppendControl({&control, 1}, /*from_reserve=*/true);
  ASSERT_OK(receipts);
  EXPECT_EQ(oulu_.Entries()[receipts->at(0).position.value()].header.type(), "polku.event.v1.Erased");
  const auto again = oulu_->AppendControl({&control, 1}, /*from_reserve=*/true);
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0).position, receipts->at(0).position);
  oulu_.engine.SetFull(false);
  erasures.erased.insert(NumberedCase(1));
  std::erase_if(oulu_.key_disk.records, [](const auto& record) {
    return record.first.starts_with(NumberedCase(1).view());
  });
  oulu_.Reopen();
  oulu_.WorkAll();
  EXPECT_EQ(oulu_->health(), "ok");
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n2")}), RefusedWith(kRule, "case_erased"));
  EXPECT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k")}), RefusedWith(kRule, "case_erased"));
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("other", 2)}), IsAccepted());
  // Who had looked stays on record, and who looks at what is left is recorded.
  EXPECT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "after")}), IsAccepted());
  // Its sections are sealed, not lost; without the fence it would be an old keystore.
  EXPECT_EQ(oulu_.CountOf(kNeed), 2u);
  erasures.erased.clear();
  oulu_.Reopen();
  EXPECT_THAT(oulu_.Offer(kOulu, {Need("n3")}),
              RefusedWith(exchange::v1::REFUSAL_KIND_TRY_AGAIN, "service_failed"));
  EXPECT_THAT(oulu_->health(), HasSubstr("restore the keystore"));
}

TEST_F(AccessTest, SecretsOfBeforeAndAfterKeysHadAnOriginOpenAndAnErasedLogsAreSealedNotLost) {
  ErasureRecord erasures;
  erasures.WatchFrom(kela_);
  Open(kNeedsToKela, {&kela_});
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n0"), Add(kKela, "k"), Need("old")}), IsAccepted());
  Replicate(oulu_, kela_, 0, 4096, 1'000'000, /*key_origin=*/"");
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("new")}), IsAccepted());
  Replicate(oulu_, kela_, 0);
  const auto opened = [&] {
    std::map<std::string, std::string> codes;  // by event id
    for (const auto& entry : kela_.Entries(kela_.NumberOf(oulu_.origin()))) {
      if (entry.header.type() != kNeed) continue;
      codes[entry.header.event_id()] =
          static_cast<const referral::v1::NeedIdentified&>(*entry.body).municipality_code();
    }
    return codes;
  };
  const std::string old(NamedEvent("old").view()), fresh(NamedEvent("new").view());
  EXPECT_THAT(opened(), ::testing::UnorderedElementsAre(Pair(old, "564"), Pair(fresh, "564")));
  // What that log had recorded of the case is erased: the key goes first; the older one, which other sections
  // need, is still there.
  const vault::KeyName name{NumberedCase(1), SectionKind::kService, oulu_.origin()};
  ASSERT_OK(kela_.keystore().Erase({&name, 1}));
  erasures.erased.insert(NumberedCase(1));
  EXPECT_THAT(opened(), ::testing::UnorderedElementsAre(Pair(old, ""), Pair(fresh, "")));
  // Nobody erased it: then the keystore is not the log's.
  erasures.erased.clear();
  log::EntryFetcher fetcher(kela_.engine);
  auto entry = fetcher.Fetch(kela_.NumberOf(oulu_.origin()), Position(oulu_->size().value() - 1),
                             /*with_blobs=*/true);
  ASSERT_OK(entry);
  EXPECT_THAT(kela_->opener().Open(*entry, oulu_.origin()),
              testing::StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(AccessTest, ControlEntriesOfFollowedLogsAreHandedOn) {
  ErasureRecord erasures;
  erasures.WatchFrom(kela_);
  Open("", {&kela_});
  Replicate(oulu_, kela_, 0);
  ASSERT_THAT(erasures.controls, SizeIs(oulu_->size().value()));
  EXPECT_EQ(erasures.controls[1], Str(oulu_.origin(), "@1 polku.event.v1.AgreementChanged"));
}

// ---- A peer that knows a case id and writes into its own log what it likes ----

class AnyReferralService : public StubService {
 public:
  std::vector<std::string_view> event_types() const override {
    return {"polku.referral.v1.NeedIdentified", "polku.referral.v1.NetworkMeetingCalled"};
  }
};

constexpr std::string_view kMeetingsInvite =
    R"(party_rules { type: "polku.referral.v1.NetworkMeetingCalled" field: "invited_agencies" })";

class HostilePeerTest : public AccessTest {
 protected:
  // Its own agreement lets anybody say anything there, and all of it goes to Oulu.
  void OpenWith(TestNode& peer) {
    oulu_.config.agreement = Agreed(Str(kNeedsToKela, kMeetingsInvite));
    peer.config.agreement = Agreed(Str(kMeetingsInvite, R"(
      publishings { authors: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "none" }
      sharings { publishers: "*" receivers: "FI/MUN/0187690-1/oulu" types: "polku.*"
                 sections: SECTION_KIND_SERVICE legal_basis: "none" every_case: true }
    )"));
    oulu_.Follow(peer);
    peer.Open();
    oulu_.Open();
  }
  void Tell(TestNode& peer) {
    peer.WorkAll();
    Replicate(peer, oulu_, 0);
    oulu_.WorkAll();
  }
  access::Parties PartiesAtOulu(uint64_t case_number = 1) {
    const auto access = oulu_->Access(NumberedCase(case_number));
    EXPECT_OK(access);
    return (*access)->parties();
  }
  static exchange::v1::OfferedEvent Meeting(std::string_view invited, std::string_view id) {
    referral::v1::NetworkMeetingCalled meeting;
    meeting.add_invited_agencies(std::string(invited));
    return Event(NamedEvent(id), NumberedCase(1), meeting);
  }

  AnyReferralService service_;
  TestNode hostile_{kKela, service_, 9};
  TestNode organiser_{kWellbeing, service_, 8};
};

TEST_F(HostilePeerTest, WhatItClaimsAndWhomItInvitesMakesNobodyAPartyEarlyOrLate) {
  OpenWith(hostile_);
  for (const bool early : {true, false}) {
    if (!early) {
      ASSERT_THAT(oulu_.Offer(kOulu, {Need("n"), Add(kWellbeing, "w")}), IsAccepted());
      oulu_.WorkAll();
    }
    // A day ahead of every entry of Oulu, then in the midst of them.
    hostile_.now = early ? oulu_.now - absl::Hours(24) : oulu_.now + absl::Seconds(5);
    const std::string at = early ? "early " : "late ";
    ASSERT_THAT(hostile_.Offer(kOulu, {Need(at + "need")}), IsAccepted());
    ASSERT_THAT(hostile_.Offer(kKela, {Meeting(kKela, at + "meeting")}), IsAccepted());
    if (early) {  // its own host has made it a party
      ASSERT_EQ(hostile_.CountOf(kPartyAdded), 1u);
      ASSERT_THAT(hostile_.Offer(kOulu, {Add(kProvider, "by claim"), Add(kWellbeing, "w claim")}),
                  IsAccepted());
    } else {
      ASSERT_THAT(hostile_.Offer(kOulu, {Remove(kWellbeing, "r")}), IsAccepted());
      ASSERT_THAT(hostile_.Offer(kOulu, {Remove(kOulu, "ro")}), IsAccepted());
    }
    Tell(hostile_);
    EXPECT_EQ(PartiesAtOulu(), early ? access::Parties() : access::Parties({std::string(kOulu), std::string(kWellbeing)}));
  }
  oulu_.Reindex();
  oulu_.WorkAll();
  EXPECT_THAT(PartiesAtOulu(), ElementsAre(kOulu, kWellbeing));
  const auto need = oulu_.Offer(kWellbeing, {Need("n2")});
  ASSERT_THAT(need, IsAccepted());
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(need)].header), IsEmpty());
  for (const auto& entry : oulu_.Entries()) {
    EXPECT_FALSE(ToldOf(entry.header).contains(std::string(kKela)));
    EXPECT_NE(entry.header.later().receiver(), kKela);
    EXPECT_NE(entry.header.later().receiver(), kProvider);
  }
  EXPECT_EQ(oulu_->health(), "ok");
}

TEST_F(HostilePeerTest, AnEntryOfACaseAheadOfItHindersNobodyWhoBeginsIt) {
  OpenWith(hostile_);
  hostile_.now -= absl::Hours(1);
  ASSERT_THAT(hostile_.Offer(kKela, {Need("ahead")}), IsAccepted());
  Tell(hostile_);
  const auto begun = oulu_.Offer(kWellbeing, {Need("n")});
  ASSERT_THAT(begun, IsAccepted());
  EXPECT_THAT(PartiesAtOulu(), ElementsAre(kWellbeing));
  EXPECT_THAT(ToldOf(oulu_.Entries()[At(begun)].header), IsEmpty());
}

TEST_F(HostilePeerTest, AnIdOfAPartyUsedAgainHidesNobodyFromTheLaterDisclosure) {
  OpenWith(organiser_);
  const uint64_t need = At(oulu_.Offer(kOulu, {Need("n")}));
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k"), Add(kWellbeing, "w")}), IsAccepted());
  // Before Oulu has answered, the other organiser's log says something else under that id.
  organiser_.now += absl::Seconds(5);
  ASSERT_THAT(organiser_.Offer(kWellbeing, {Add(kProvider, "k")}), IsAccepted());
  organiser_.WorkAll();
  Replicate(organiser_, oulu_, 0);
  oulu_.WorkAll();
  EXPECT_TRUE(OpenedLater(oulu_).contains({std::string(kKela), need}));
  EXPECT_TRUE(PartiesAtOulu().contains(kProvider));
  const size_t count = oulu_.CountOf(kDisclosed);
  oulu_.Reindex();
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.CountOf(kDisclosed), count);
  EXPECT_EQ(oulu_->health(), "ok");
}

TEST_F(HostilePeerTest, ReadsThatItPutsIntoACaseDoNotFreezeIt) {
  OpenWith(hostile_);
  // A case whose id is that of another one's access stream: there its own service takes them.
  const CaseId other = NumberedCase(7);
  const CaseId victim = access::AccessStreamOf(other);
  hostile_.now -= absl::Hours(1);
  auto read = Read(7, "read");
  ASSERT_EQ(read.case_id(), victim.view());
  ASSERT_THAT(hostile_.OfferAs(Operator(kKela), {read}), IsAccepted());
  Tell(hostile_);
  const auto in_victim = [&](exchange::v1::OfferedEvent event) {
    event.set_case_id(std::string(victim.view()));
    return event;
  };
  ASSERT_THAT(oulu_.Offer(kOulu, {in_victim(Need("n")), in_victim(Add(kKela, "k"))}), IsAccepted());
  oulu_.WorkAll();
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 1u);
  oulu_.Reindex();
  EXPECT_THAT(oulu_.Offer(kOulu, {in_victim(Need("n2"))}), IsAccepted());
}

TEST_F(HostilePeerTest, WhatItPutsIntoAnAccessStreamBlocksNoErasureAndOpensNoRead) {
  ErasureRecord erasures;
  erasures.WatchFrom(oulu_);
  OpenWith(organiser_);  // one whose word on parties counts
  const CaseId stream = access::AccessStreamOf(NumberedCase(1));
  const auto into_stream = [&](exchange::v1::OfferedEvent event) {
    event.set_case_id(std::string(stream.view()));
    return event;
  };
  organiser_.now -= absl::Hours(1);
  ASSERT_THAT(organiser_.Offer(kWellbeing, {into_stream(Need("ahead")), into_stream(Add(kKela, "k"))}),
              IsAccepted());
  Tell(organiser_);
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n")}), IsAccepted());
  ASSERT_THAT(oulu_.OfferAs(Operator(kOulu), {Read(1, "read")}), IsAccepted());
  const auto by = [&](std::string_view official, const google::protobuf::Message& body,
                      std::string_view id) {
    PrincipalConfig principal = Author(kOulu);
    principal.may_erase = true;
    principal.official = std::string(official);
    return oulu_.OfferAs(principal, {Event(NamedEvent(id), stream, body, official)});
  };
  access::v1::ErasureRequested request;
  request.set_case_id(std::string(NumberedCase(1).view()));
  request.set_tier(event::v1::ERASURE_TIER_ENTRIES);
  request.set_legal_basis("arkistointi");
  access::v1::ErasureConfirmed confirm;
  confirm.set_case_id(request.case_id());
  confirm.set_request_event_id(std::string(NamedEvent("q").view()));
  ASSERT_THAT(by("a-1", request, "q"), IsAccepted());
  ASSERT_THAT(by("a-2", confirm, "c"), IsAccepted());
  oulu_.WorkAll();
  EXPECT_THAT(erasures.confirmed_by, ElementsAre("a-2"));
  EXPECT_EQ(oulu_.CountOf(kDisclosed), 0u);
  for (const auto& entry : oulu_.Entries()) EXPECT_THAT(ToldOf(entry.header), IsEmpty());
  EXPECT_EQ(oulu_->health(), "ok");
}

// ---- A correction is no way round ----

TEST_F(AccessTest, AFormerPartyThatCorrectsItsEntryDoesNotComeBackByIt) {
  Open(Str(kNeedsToKela,
           R"(party_rules { type: "polku.referral.v1.ReferralMade" field: "target_agency" })"));
  const auto referral = [](std::string_view id, std::string_view target) {
    referral::v1::ReferralMade made;
    made.set_referral_id("r1");
    made.set_target_agency(std::string(target));
    return Event(NamedEvent(id), NumberedCase(1), made);
  };
  ASSERT_THAT(oulu_.Offer(kOulu, {Need("n"), Add(kWellbeing, "w")}), IsAccepted());
  ASSERT_THAT(oulu_.Offer(kWellbeing, {referral("r", kProvider)}), IsAccepted());
  ASSERT_THAT(oulu_.Offer(kOulu, {Remove(kWellbeing, "x")}), IsAccepted());
  const size_t parties = oulu_.CountOf(kPartyAdded);
  for (const std::string_view target : {kWellbeing, kKela}) {
    auto again = referral(Str("again ", target), target);
    again.set_corrects(std::string(NamedEvent("r").view()));
    EXPECT_THAT(oulu_.Offer(kWellbeing, {again}), IsAccepted()) << "it may put right what it wrote";
  }
  EXPECT_EQ(oulu_.CountOf(kPartyAdded), parties);
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p")}), RefusedWith(kNotEntitled, "not_a_party"));
  oulu_.Reindex();
  EXPECT_THAT(oulu_.Offer(kWellbeing, {Plan("p")}), RefusedWith(kNotEntitled, "not_a_party"));
  // Of a party it names whom it says.
  auto mended = referral("mended", kKela);
  ASSERT_THAT(oulu_.Offer(kOulu, {mended}), IsAccepted());
  EXPECT_EQ(oulu_.CountOf(kPartyAdded), parties + 1);
}

TEST_F(AccessTest, NobodySendsItsEntryToThoseWhoGotAnothersByCallingItACorrection) {
  Open(kNeedsToKela);
  ASSERT_THAT(oulu_.Offer(kOulu, {Add(kKela, "k"), Add(kWellbeing, "w"), Need("n")}), IsAccepted());
  ASSERT_THAT(oulu_.Offer(kWellbeing, {Need("own"), Plan("plan")}), IsAccepted());
  const auto correcting = [&](std::string_view author, exchange::v1::OfferedEvent event,
                              std::string_view of) {
    event.set_corrects(std::string(NamedEvent(of).view()));
    return oulu_.Offer(author, {event});
  };
  const auto refused = correcting(kWellbeing, Need("c1"), "n");
  EXPECT_THAT(refused, RefusedWith(kNotEntitled, "not_its_correction"));
  EXPECT_THAT(refused.refusal().message(), HasSubstr("CorrectionRequested"));
  // Kela gets needs and no plans: neither by its author nor by the log's agency.
  EXPECT_THAT(correcting(kWellbeing, Plan("c2"), "own"),
              RefusedWith(kNotEntitled, "not_its_correction"));
  EXPECT_THAT(correcting(kOulu, Plan("c3"), "n"), RefusedWith(kNotEntitled, "not_its_correction"));
  EXPECT_THAT(correcting(kWellbeing, Need("c4"), "k"),
              RefusedWith(kNotEntitled, "not_its_correction"));
  EXPECT_THAT(correcting(kWellbeing, Need("c5"), "own"), IsAccepted());
  EXPECT_THAT(correcting(kOulu, Need("c6"), "own"), IsAccepted());
  EXPECT_THAT(correcting(kWellbeing, Plan("c7"), "plan"), IsAccepted());
}

}  // namespace
}  // namespace polku::host
