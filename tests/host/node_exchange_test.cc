// What goes to other agencies, and what comes from them.
#include "eventstore/proof/merkle.h"
#include "polku/access/v1/access.pb.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "services/assessment/assessment.h"
#include "services/referral/referral.h"
#include "tests/host/node_fixture.h"
#include "tests/host/stub_service.h"

namespace polku::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ExchangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    oulu_.now = Noon("2025-03-10");
    county_.now = oulu_.now + absl::Seconds(1);  // cases begin in Oulu's log, which names the county
    assessment_.Follow(oulu_);
    assessment_.Follow(county_);
    for (TestNode* node : {&oulu_, &county_, &assessment_}) node->Open();
  }
  static void Publish(TestNode& node, uint64_t case_number, int first = 1, int last = 7) {
    for (const auto& event : ClientPath(case_number, 0, first, last)) {
      if (event.service != "referral") continue;
      const auto answer = node.Offer(event.agency, {event.event});
      ASSERT_FALSE(answer.has_refusal()) << event.event.type() << answer.ShortDebugString();
    }
  }
  static exchange::v1::OfferedEvent Need(std::string_view id, uint64_t case_number) {
    return Event(NamedEvent(id), NumberedCase(case_number),
                 ParseText<referral::v1::NeedIdentified>(
                     "identified_on: '2025-01-07' source: NEED_SOURCE_SOCIAL_SERVICES "
                     "municipality_code: '564'"));
  }
  // The newest entry of `from` with a case that `to` holds, as its leaf hash.
  static Hash LeafHashAt(TestNode& node, Position position) {
    log::EntryFetcher fetcher(node.engine);
    auto entry = fetcher.Fetch(kOwnLog, position, false);
    EXPECT_OK(entry);
    return proof::LeafHash(entry->leaf);
  }

  const std::unique_ptr<service::Service> referral_service_ = referral::MakeReferralService();
  const std::unique_ptr<service::Service> assessment_service_ =
      assessment::MakeAssessmentService();
  TestNode oulu_{kOulu, *referral_service_, 1};
  TestNode county_{kWellbeing, *referral_service_, 2};  // the same agency as assessment_
  TestNode assessment_{kWellbeing, *assessment_service_, 3};
};

std::vector<std::string> CauseTexts(const event::v1::Header& header) {
  std::vector<std::string> causes;
  for (const auto& cause : header.causes()) {
    causes.push_back(Str(cause.origin(), "@", cause.position()));
  }
  return causes;
}

TEST_F(ExchangeTest, TwoNewPeersAreToldApartWhicheverIsStoredFirst) {
  Publish(oulu_, 1);
  ASSERT_FALSE(county_.Offer(kWellbeing, {Need("other", 1)}).has_refusal());
  Replicate(county_, assessment_, 1);  // the second peer's first batch comes first
  Replicate(oulu_, assessment_, 0);
  EXPECT_NE(assessment_.NumberOf(oulu_.origin()), assessment_.NumberOf(county_.origin()));
  assessment_.WorkAll();
  const auto entries = assessment_.Entries();
  EXPECT_EQ(entries.back().header.type(), "polku.assessment.v1.AssessmentDue");
  EXPECT_THAT(CauseTexts(entries.back().header),
              ElementsAre(Str(oulu_.origin(), "@", oulu_->size().value() - 1),
                          Str(county_.origin(), "@", county_->size().value() - 1)));
  const Position size = assessment_->size();
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_->size(), size);
  EXPECT_EQ(assessment_->health(), "ok");
}

TEST_F(ExchangeTest, CausesNameTheNewestFoldedEntryOfOtherOriginsAndAreLeftOutWhenUnchanged) {
  Publish(oulu_, 1);
  ASSERT_FALSE(county_.Offer(kWellbeing, {Need("a", 1)}).has_refusal());
  Replicate(oulu_, assessment_, 0);
  Replicate(county_, assessment_, 1);
  assessment_.WorkAll();
  const auto offer = [&](std::string_view id, std::string_view day) {
    auto feedback = ParseText<assessment::v1::FeedbackGiven>(
        "period_id: 't01-s1' giver: ACTOR_ROLE_CLIENT satisfaction: 3");
    feedback.set_given_on(std::string(day));
    const auto answer =
        assessment_.Offer(kWellbeing, {Event(NamedEvent(id), NumberedCase(1), feedback)});
    EXPECT_FALSE(answer.has_refusal()) << answer.ShortDebugString();
    return assessment_.Entries().back().header;
  };
  // AssessmentDue has named both; nothing new since, also not after a cold start.
  EXPECT_THAT(CauseTexts(offer("f1", "2025-03-04")), IsEmpty());
  assessment_.Reopen();
  EXPECT_THAT(CauseTexts(offer("f2", "2025-03-05")), IsEmpty());
  // An entry of another case changes nothing here.
  Publish(oulu_, 2, 1, 1);
  ASSERT_FALSE(county_.Offer(kWellbeing, {Need("b", 1)}).has_refusal());
  Replicate(oulu_, assessment_, 0);
  Replicate(county_, assessment_, 1);
  const auto header = offer("f3", "2025-03-06");
  const Position newest(county_->size().value() - 1);
  ASSERT_THAT(CauseTexts(header), ElementsAre(Str(county_.origin(), "@", newest.value())));
  EXPECT_EQ(header.causes(0).leaf_hash(), LeafHashAt(county_, newest).view());
  // Its order is after its causes', even where the peer's clock is ahead of ours.
  EXPECT_GT(header.order(), county_.Entries().back().header.order());
  EXPECT_THAT(CauseTexts(offer("f4", "2025-03-07")), IsEmpty());
}

TEST_F(ExchangeTest, WhatAPeersHostLetsSomebodySayWhoMayNotIsKeptAndChangesNothing) {
  // By the host's own agreement Oulu is of social services, too, which may say that a service has begun; not by ours.
  for (auto& agency : *oulu_.config.agreement.mutable_agencies()) {
    if (agency.name() == kOulu) agency.add_roles(config::v1::AGENCY_ROLE_SOCIAL_SERVICES);
  }
  oulu_.Reopen();
  for (auto& said : ClientPath(1, 0, 1, 7)) {
    const bool start = said.event.type() == "polku.referral.v1.ServiceStarted";
    const auto answer = oulu_.Offer(start ? std::string(kOulu) : said.agency, {said.event});
    ASSERT_FALSE(answer.has_refusal()) << said.event.type() << answer.ShortDebugString();
  }
  Publish(oulu_, 2);  // as the agreement has it
  Replicate(oulu_, assessment_, 0);
  assessment_.WorkAll();
  std::set<std::string> due;
  for (const auto& entry : assessment_.Entries()) {
    if (entry.header.type() == "polku.assessment.v1.AssessmentDue") due.insert(entry.header.case_id());
  }
  EXPECT_THAT(due, ElementsAre(std::string(NumberedCase(2).view())));
  EXPECT_EQ(assessment_->health(), "ok");
}

TEST_F(ExchangeTest, AnOwnEntryComesAfterItsCausesWhenThePeersClockIsAheadWithinTolerance) {
  oulu_.now = assessment_.now + absl::Seconds(50);
  Publish(oulu_, 1);
  Replicate(oulu_, assessment_, 0);
  assessment_.WorkAll();
  const auto due = assessment_.Entries().back().header;
  EXPECT_EQ(due.type(), "polku.assessment.v1.AssessmentDue");
  EXPECT_GT(due.order(), oulu_.Entries().back().header.order());
  EXPECT_EQ(due.recorded_at_us(), absl::ToUnixMicros(assessment_.now));
}

TEST_F(ExchangeTest, EachReceiverGetsWhatTheAgreementSaysAndNothingElse) {
  Publish(oulu_, 1);
  oulu_.WorkAll();
  struct Expected {
    std::string_view type;
    std::map<std::string, std::vector<int>> sections;  // by receiver
  };
  constexpr int kService = 1, kIdentity = 2, kSocial = 3, kHealth = 4;
  const std::vector<Expected> all = {
      {"polku.referral.v1.ClientIdentified",
       {{std::string(kOulu), {kService, kIdentity, kSocial}},
        {std::string(kWellbeing), {kService, kIdentity, kSocial}},
        {std::string(kProvider), {kService, kIdentity, kSocial}},
        {std::string(kKela), {kService, kIdentity}},
        {std::string(kAuditor), {kService}}}},
      // HEALTH alone: header only for all but wellbeing services; nothing for provider and payer.
      {"polku.referral.v1.HealthServiceNoted",
       {{std::string(kOulu), {}}, {std::string(kWellbeing), {kHealth}}, {std::string(kAuditor), {}}}},
  };
  const auto entries = oulu_.Entries();
  // What was opened to those who became parties later, by position.
  std::map<uint64_t, std::map<std::string, std::set<int>>> later;
  for (const auto& entry : entries) {
    for (const auto& opened : entry.header.later().entries()) {
      EXPECT_LT(opened.position(), entry.position.value());
      later[opened.position()][entry.header.later().receiver()].insert(opened.sections().begin(),
                                                                       opened.sections().end());
      EXPECT_EQ(entry.header.later().agreement_position(), 1u);
    }
  }
  for (const auto& expected : all) {
    size_t seen = 0;
    for (const auto& entry : entries) {
      if (entry.header.type() != expected.type) continue;
      ++seen;
      SectionSet present;
      for (const auto& commitment : entry.header.commitments()) {
        present.add(static_cast<SectionKind>(commitment.kind()));
      }
      std::map<std::string, std::vector<int>> told;
      for (const auto& disclosure : entry.header.disclosures()) {
        told[disclosure.receiver()] = {disclosure.sections().begin(), disclosure.sections().end()};
        EXPECT_EQ(disclosure.agreement_position(), 1u);
      }
      for (const auto& [receiver, kinds] : later[entry.position.value()]) {
        // Opened once, and not what was given at first.
        EXPECT_FALSE(told.contains(receiver)) << expected.type << " " << receiver;
        told[receiver] = {kinds.begin(), kinds.end()};
      }
      auto wanted = expected.sections;
      for (auto& [receiver, kinds] : wanted) {
        std::erase_if(kinds, [&](int kind) { return !present.has(static_cast<SectionKind>(kind)); });
      }
      EXPECT_EQ(told, wanted) << expected.type;
    }
    EXPECT_GT(seen, 0u) << expected.type;
  }
}

TEST_F(ExchangeTest, WithoutASharingNothingLeavesTheLogButWhoThePartiesAre) {
  TestNode closed(kOulu, *referral_service_, 8);
  closed.config.agreement.clear_sharings();
  closed.Open();
  Publish(closed, 1);
  closed.WorkAll();
  const auto is_about_parties = [](const StoredEntry& entry) {
    return entry.header.type() == "polku.access.v1.PartyAdded" ||
           entry.header.type() == "polku.access.v1.Disclosed";
  };
  for (const auto& entry : closed.Entries()) {
    if (!is_about_parties(entry)) {
      EXPECT_TRUE(entry.header.disclosures().empty());
    }
    for (const auto& opened : entry.header.later().entries()) {
      EXPECT_TRUE(is_about_parties(closed.Entries()[opened.position()]));
    }
  }
  TestNode stranger(kAuditor, *assessment_service_, 9), payer(kKela, *assessment_service_, 10);
  for (TestNode* reader : {&stranger, &payer}) {
    reader->Follow(closed);
    reader->Open();
    Replicate(closed, *reader, 0);
    EXPECT_EQ((*reader)->replica(0).size(), closed->size());
    size_t about_parties = 0;
    for (const auto& entry : reader->Entries(reader->NumberOf(closed.origin()))) {
      if (!entry.header.control().empty()) continue;
      EXPECT_TRUE(is_about_parties(entry)) << entry.header.type();
      ++about_parties;
    }
    EXPECT_EQ(about_parties > 0, reader == &payer);
  }
}

TEST_F(ExchangeTest, RunningNumbersAreGaplessThroughRefusalsFailuresAndRestarts) {
  const auto path = ClientPath(1, 0, 1, 7);
  int turn = 0;
  for (const auto& event : path) {
    if (event.service != "referral") continue;
    if (turn % 5 == 1) {
      oulu_.engine.FailCommit(0, absl::ResourceExhaustedError("full"));
      EXPECT_TRUE(oulu_.Offer(event.agency, {event.event}).has_refusal());
    }
    if (turn % 7 == 2) oulu_.Crash(0);
    if (turn % 7 == 5) oulu_.Reindex();
    // Refused with it: a start that cannot be.
    auto wrong = path.back().event;
    wrong.set_event_id(std::string(NamedEvent(Str("wrong", turn)).view()));
    if (turn == 3) {
      EXPECT_TRUE(oulu_.Offer(event.agency, {event.event, wrong}).has_refusal());
    }
    ASSERT_FALSE(oulu_.Offer(event.agency, {event.event}).has_refusal());
    ++turn;
  }
  std::map<std::string, uint64_t> numbers;
  for (const auto& entry : oulu_.Entries()) {
    for (const auto& disclosure : entry.header.disclosures()) {
      EXPECT_EQ(disclosure.number(), ++numbers[disclosure.receiver()]) << entry.position.value();
    }
  }
  EXPECT_EQ(numbers.size(), 5u);
  Replicate(oulu_, assessment_, 0);  // the real subscriber agrees
}

// ---- Secrecy ----

TEST_F(ExchangeTest, NoValueOfASectionStandsInAnyStoredByteHereOrAtAReceiver) {
  referral::v1::ClientIdentified client = ParseText<referral::v1::ClientIdentified>(
      "municipality_code: '564' identity_code: '010190-955F' family_name: 'Virtaniemenkorpi' "
      "given_names: 'Aurelia-Kristiina' street_address: 'Piilopolku 77 B 13' phone: '+358401112233'");
  ASSERT_FALSE(oulu_.Offer(kOulu, {Need("n", 1)}).has_refusal());
  for (const std::string_view agency : {kWellbeing, kKela}) {
    access::v1::PartyAdded party;
    party.set_agency(std::string(agency));
    party.set_reason(access::v1::PARTY_REASON_AUTHORITY);
    ASSERT_FALSE(
        oulu_.Offer(kOulu, {Event(NamedEvent(agency), NumberedCase(1), party)}).has_refusal());
  }
  const auto answer =
      oulu_.Offer(kOulu, {Event(NamedEvent("client"), NumberedCase(1), client, "oma-1")});
  ASSERT_FALSE(answer.has_refusal()) << answer.ShortDebugString();

  struct Reader {
    std::string_view agency;
    bool identity;
  };
  std::string all = oulu_.AllBytes();
  EXPECT_THAT(all, HasSubstr("polku.referral.v1.ClientIdentified"));  // the scan does see headers
  for (const Reader& reader : {Reader{kWellbeing, true}, Reader{kKela, true}, Reader{kAuditor, false}}) {
    TestNode node(reader.agency, *assessment_service_, 11);
    node.Follow(oulu_);
    node.Open();
    Replicate(oulu_, node, 0);
    all += node.AllBytes();
    const auto entries = node.Entries(node.NumberOf(oulu_.origin()));
    ASSERT_EQ(entries.back().header.type(), "polku.referral.v1.ClientIdentified");
    const auto& seen = static_cast<const referral::v1::ClientIdentified&>(*entries.back().body);
    EXPECT_EQ(seen.municipality_code(), "564");
    EXPECT_EQ(seen.identity_code(), reader.identity ? "010190-955F" : "") << reader.agency;
    EXPECT_EQ(seen.family_name(), reader.identity ? "Virtaniemenkorpi" : "") << reader.agency;
    EXPECT_EQ(seen.birth_year(), 0u);
  }
  for (const std::string_view value :
       {"010190-955F", "Virtaniemenkorpi", "Aurelia", "Piilopolku", "+358401112233"}) {
    EXPECT_EQ(all.find(value), std::string::npos) << value;
  }
  // And no case key.
  for (const SectionKind kind : kAllSectionKinds) {
    auto key = oulu_.keystore().Get({NumberedCase(1), kind});
    if (!key.ok()) continue;
    EXPECT_EQ(all.find(key->secret_bytes()), std::string::npos);
  }
}

TEST_F(ExchangeTest, AnotherServiceOfTheSameAgencyReadsTheLogByTheAgreement) {
  ASSERT_FALSE(county_.Offer(kWellbeing, {Need("n", 1)}).has_refusal());
  Replicate(county_, assessment_, 1);
  const auto entries = assessment_.Entries(assessment_.NumberOf(county_.origin()));
  ASSERT_EQ(entries.back().header.type(), "polku.referral.v1.NeedIdentified");
  EXPECT_EQ(static_cast<const referral::v1::NeedIdentified&>(*entries.back().body).identified_on(),
            "2025-01-07");
}

TEST_F(ExchangeTest, AnEntryThatDoesNotOpenStopsItsCaseAndIsTold) {
  Publish(oulu_, 1);
  Publish(oulu_, 2);
  Replicate(oulu_, assessment_, 0);
  for (auto& [name, sealed] : assessment_.key_disk.records) {
    if (name.starts_with(NumberedCase(1).view())) sealed[40] = static_cast<char>(sealed[40] ^ 1);
  }
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_NE(assessment_->health(), "ok");
  EXPECT_EQ(assessment_.CountOf("polku.assessment.v1.AssessmentDue"), 1u);  // case 2's
  // Mended by the operator: the next start takes the case up again.
  for (auto& [name, sealed] : assessment_.key_disk.records) {
    if (name.starts_with(NumberedCase(1).view())) sealed[40] = static_cast<char>(sealed[40] ^ 1);
  }
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_->health(), "ok");
  EXPECT_EQ(assessment_.CountOf("polku.assessment.v1.AssessmentDue"), 2u);
}

TEST_F(ExchangeTest, AReplicaThatCannotBeStoredIsToldAndGoesOnLater) {
  Publish(oulu_, 1);
  assessment_.engine.FailCommit(0, absl::ResourceExhaustedError("no space left"));
  Replicate(oulu_, assessment_, 0);
  EXPECT_EQ(assessment_->replica(0).size(), Position(0));
  EXPECT_THAT(assessment_->health(), HasSubstr("no space left"));
  Replicate(oulu_, assessment_, 0);
  EXPECT_EQ(assessment_->health(), "ok");
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf("polku.assessment.v1.AssessmentDue"), 1u);
}

TEST_F(ExchangeTest, ALogWhosePeerIsNoLongerConfiguredStaysPartOfTheHistory) {
  Publish(oulu_, 1);
  Replicate(oulu_, assessment_, 0);
  assessment_.Close();
  assessment_.config.peers.clear();
  assessment_.Reopen();
  assessment_.WorkAll();
  EXPECT_EQ(assessment_.CountOf("polku.assessment.v1.AssessmentDue"), 1u);
  EXPECT_EQ(assessment_->health(), "ok");
}

}  // namespace
}  // namespace polku::host
