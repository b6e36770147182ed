#include "services/audit/disclosures.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"
#include "eventstore/log/memory_engine.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/access/case_access.h"
#include "tests/audit/agency_store.h"
#include "tests/support/forwarding_engine.h"
#include "tests/support/key_storage.h"
#include "tests/support/status_matchers.h"

namespace polku::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

constexpr char kReferral[] = "FI/MUN/0187690-1/oulu/referral/1";
constexpr char kAttendance[] = "FI/ORG/9999992-5/toimintatupa/attendance/1";
constexpr char kOulu[] = "FI/MUN/0187690-1/oulu";
constexpr char kTupa[] = "FI/ORG/9999992-5/toimintatupa";
constexpr char kKela[] = "FI/GOV/0246246-0/kela";

template <typename T>
T Text(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

config::v1::Agreement Agreement(const std::string& basis) {
  return Text<config::v1::Agreement>(R"(
      name: "test"
      agencies { name: "FI/MUN/0187690-1/oulu" roles: AGENCY_ROLE_EMPLOYMENT_SERVICES }
      agencies { name: "FI/ORG/9999992-5/toimintatupa" roles: AGENCY_ROLE_PROVIDER }
      agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_BENEFIT_PAYER }
      publishings { types: "polku.*" author_roles: AGENCY_ROLE_EMPLOYMENT_SERVICES }
      sharings {
        publishers: "*"
        receivers: "FI/ORG/9999992-5/toimintatupa" receivers: "FI/GOV/0246246-0/kela"
        receivers: "FI/MUN/0187690-1/oulu"
        types: "polku.referral.*" types: "polku.attendance.*"
        sections: SECTION_KIND_SERVICE
        legal_basis: ")" + basis + R"(" valid_from: "2025-01-01" })");
}

SectionSet Service() {
  SectionSet set;
  set.add(SectionKind::kService);
  return set;
}

class DisclosuresTest : public ::testing::Test {
 protected:
  DisclosuresTest()
      : engine_(log::MakeMemoryEngine()),
        keys_(Keys(disk_)),
        own_(*engine_, *keys_, kReferral),
        other_engine_(log::MakeMemoryEngine()),
        other_keys_(Keys(other_disk_)),
        other_(*other_engine_, *other_keys_, kAttendance) {
    for (const auto& [store, basis] : {std::pair(&own_, "laki A"), {&other_, "laki B"}}) {
      event::v1::AgreementChanged changed;
      changed.set_agreement(Agreement(basis).SerializeAsString());
      agreement_at_ = PositionOf(store->AppendControl(changed));
    }
  }
  static std::unique_ptr<vault::KeyStore> Keys(testing::KeyDisk& disk, bool read_only = false) {
    auto keys = vault::KeyStore::Open(std::make_unique<testing::MemoryKeyStorage>(disk),
                                      vault::MasterKey(std::string(32, 'm')), SystemRandom(), read_only);
    EXPECT_THAT(keys, IsOk());
    return *std::move(keys);
  }
  static Position PositionOf(const log::Receipt& receipt) { return receipt.position; }

  std::vector<log::DisclosureTarget> To(std::vector<std::string> receivers) const {
    std::vector<log::DisclosureTarget> targets;
    for (auto& receiver : receivers) targets.push_back({receiver, Service(), agreement_at_});
    return targets;
  }
  // Appends at another second each, so that time tells the order.
  template <typename T>
  log::Receipt Add(AgencyStore& store, const CaseId& case_id, const std::string& text,
                   log::NewEntry entry = {}) {
    now_ += absl::Seconds(1);
    store.SetTime(now_);
    return store.AppendWith(std::move(entry), case_id, Text<T>(text));
  }
  template <typename T>
  log::Receipt Add(const std::string& text, log::NewEntry entry = {}) {
    return Add<T>(own_, NumberedCase(1), text, std::move(entry));
  }
  log::Receipt AddParty(const std::string& agency, std::vector<std::string> told) {
    log::NewEntry entry;
    entry.disclosures = To(std::move(told));
    return Add<access::v1::PartyAdded>(
        Str("agency: \"", agency, "\" added_on: \"2025-03-03\" reason: PARTY_REASON_AUTHORITY"),
        std::move(entry));
  }
  Disclosures Find(uint8_t number = 1) {
    auto store = Store::Over(std::make_unique<testing::ForwardingEngine>(*engine_), Keys(disk_, true),
                             kReferral);
    EXPECT_THAT(store, IsOk());
    store_ = *std::move(store);
    auto found = FindDisclosures(*store_, NumberedCase(number), Agreement("today's"));
    EXPECT_THAT(found, IsOk());
    return found.ok() ? *std::move(found) : Disclosures();
  }
  // "<receiver's last part> <origin's service>:<position> <basis>", oldest first.
  static std::vector<std::string> Rows(const Disclosures& found) {
    std::vector<std::string> rows;
    for (const Received& one : found.received) {
      rows.push_back(Str(one.receiver.substr(one.receiver.rfind('/') + 1), " ",
                         OriginName::Parse(one.origin)->service(), ":", one.position.value(), " ",
                         one.legal_basis, one.later ? " later" : ""));
    }
    return rows;
  }

  testing::KeyDisk disk_, other_disk_;
  std::unique_ptr<log::Engine> engine_;
  std::unique_ptr<vault::KeyStore> keys_;
  AgencyStore own_;
  std::unique_ptr<log::Engine> other_engine_;
  std::unique_ptr<vault::KeyStore> other_keys_;
  AgencyStore other_;
  Position agreement_at_;
  absl::Time now_ = absl::FromUnixSeconds(1'741'000'000);
  std::unique_ptr<Store> store_;
};

TEST_F(DisclosuresTest, SeveralLogsAreOneAnswerEachByTheAgreementOfItsLog) {
  log::NewEntry need;
  need.disclosures = To({kKela});
  const auto first = Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"", std::move(need));
  log::NewEntry day;
  day.disclosures = To({kKela, kOulu});
  Add<attendance::v1::DayRecorded>(other_, NumberedCase(1), "date: \"2025-03-03\"", std::move(day));
  Add<referral::v1::NeedIdentified>(own_, NumberedCase(2), "identified_on: \"2025-03-03\"");
  other_.ReplicateTo(*engine_, *keys_, {{agreement_at_.value() + 1, Service()}});
  const Disclosures found = Find();
  const std::string at = std::to_string(first.position.value());
  EXPECT_THAT(Rows(found), ElementsAre("kela referral:" + at + " laki A", "kela attendance:" + at + " laki B",
                                       "oulu attendance:" + at + " laki B"));
  for (const Received& one : found.received) {
    EXPECT_EQ(one.way, Received::Way::kShared);
    EXPECT_EQ(one.sections, Service());
  }
  EXPECT_EQ(found.held_by, kOulu);
  EXPECT_THAT(found.logs, ElementsAre(kReferral, kAttendance));
  // Nobody else got anything of the second client's.
  EXPECT_THAT(Find(2).received, IsEmpty());
}

TEST_F(DisclosuresTest, ALaterPartysShareIsToldWithItsOwnDayAndTheNoticeOfItAsSuch) {
  const auto need = Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"");
  const auto party = AddParty(kKela, {kKela});
  log::NewEntry opening;
  opening.disclosures = To({kKela});
  opening.later = {.receiver = kKela, .agreement = agreement_at_, .entries = {{need.position, Service()}}};
  access::v1::Disclosed disclosed;
  disclosed.set_party_event_id(std::string(party.id.view()));
  now_ += absl::Hours(24);
  own_.SetTime(now_);
  const auto notice = own_.AppendWith(std::move(opening), NumberedCase(1), disclosed);
  const Disclosures found = Find();
  ASSERT_THAT(found.received, SizeIs(3));
  const auto at = [&](Position position) -> const Received& {
    for (const Received& one : found.received) {
      if (one.position == position) return one;
    }
    ADD_FAILURE() << position.value();
    return found.received[0];
  };
  EXPECT_TRUE(at(need.position).later);
  EXPECT_EQ(at(need.position).disclosed_at, now_);
  EXPECT_EQ(at(need.position).type, "polku.referral.v1.NeedIdentified");
  EXPECT_EQ(at(need.position).legal_basis, "laki A");
  EXPECT_EQ(at(party.position).way, Received::Way::kParties);
  EXPECT_EQ(at(notice.position).way, Received::Way::kNotice);
  EXPECT_FALSE(at(notice.position).later);
  ASSERT_THAT(found.parties, SizeIs(2));
  EXPECT_EQ(found.parties[0].agency, kOulu);  // made the first entry
  EXPECT_EQ(found.parties[1].agency, kKela);
  EXPECT_EQ(found.parties[1].reason, access::v1::PARTY_REASON_AUTHORITY);
  EXPECT_EQ(found.parties[1].until, std::nullopt);
}

TEST_F(DisclosuresTest, CorrectionsAndWhatSpeaksOfThemSayWhyTheyWent) {
  // Kela's lines do not name polku.access: it got these because it had got what they speak of.
  log::NewEntry entry;
  entry.disclosures = To({kKela});
  const auto need = Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"", std::move(entry));
  log::NewEntry request;
  request.disclosures = To({kKela});
  Add<access::v1::CorrectionRequested>("requested_on: \"2025-03-04\" what: \"päivä on väärin\"", std::move(request));
  log::NewEntry fixed;
  fixed.disclosures = To({kKela});
  fixed.corrects = need.id;
  Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-02\"", std::move(fixed));
  const Disclosures found = Find();
  ASSERT_THAT(found.received, SizeIs(3));
  EXPECT_EQ(found.received[1].way, Received::Way::kCorrection);
  EXPECT_EQ(found.received[2].way, Received::Way::kShared);  // a line gives it anyway
  ASSERT_THAT(found.corrections, SizeIs(2));
  EXPECT_FALSE(found.corrections[0].corrects);
  EXPECT_TRUE(found.corrections[1].corrects);
}

TEST_F(DisclosuresTest, AnOpenedEntryThatIsNotHeldHereNamesTheAgreementOfItsLog) {
  const auto day = Add<attendance::v1::DayRecorded>(other_, NumberedCase(1), "date: \"2025-03-03\"");
  log::NewEntry opening;
  opening.disclosures = To({kKela, kOulu});
  opening.later = {.receiver = kKela, .agreement = agreement_at_, .entries = {{day.position, Service()}}};
  const auto notice = Add<access::v1::Disclosed>(other_, NumberedCase(1), "", std::move(opening));
  other_.ReplicateTo(*engine_, *keys_, {{notice.position.value(), Service()}});
  const Disclosures found = Find();
  ASSERT_FALSE(found.received.empty());
  const auto opened = std::find_if(found.received.begin(), found.received.end(),
                                   [](const Received& one) { return one.later; });
  ASSERT_NE(opened, found.received.end());
  EXPECT_EQ(opened->way, Received::Way::kNotHeld);
  EXPECT_EQ(opened->position, day.position);
  EXPECT_EQ(opened->agreement, agreement_at_);
  EXPECT_EQ(opened->origin, kAttendance);
}

TEST_F(DisclosuresTest, AnApprovalIsOpenUntilAnEventCorrectsTheEntry) {
  const auto approve = [&](const log::Receipt& wrong, const std::string& correcting = "") {
    access::v1::CorrectionRequested requested;
    requested.set_origin(kReferral);
    requested.set_corrected_event_id(std::string(wrong.id.view()));
    now_ += absl::Seconds(1);
    own_.SetTime(now_);
    const auto request = own_.AppendWith(log::NewEntry(), NumberedCase(1), requested);
    access::v1::CorrectionDecided decided;
    decided.set_request_event_id(std::string(request.id.view()));
    decided.set_result(access::v1::CORRECTION_RESULT_APPROVED);
    decided.set_correcting_event_id(correcting);
    now_ += absl::Seconds(1);
    own_.SetTime(now_);
    return own_.AppendWith(log::NewEntry(), NumberedCase(1), decided);
  };
  const auto open = [&] {
    std::vector<Position> positions;
    for (const Act& act : Find().corrections) {
      if (act.open) positions.push_back(act.position);
    }
    return positions;
  };
  const auto first = Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"");
  const auto second = Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-04\"");
  const auto of_first = approve(first);
  const auto of_second = approve(second);
  EXPECT_THAT(open(), ElementsAre(of_first.position, of_second.position));
  log::NewEntry fixed;
  fixed.corrects = first.id;
  const auto correcting =
      Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-02\"", std::move(fixed));
  EXPECT_THAT(open(), ElementsAre(of_second.position));
  // Approved again: what came before it does not answer it, unless it is named.
  const auto again = approve(first);
  EXPECT_THAT(open(), ElementsAre(of_second.position, again.position));
  approve(second, std::string(correcting.id.view()));
  EXPECT_THAT(open(), ElementsAre(of_second.position, again.position));
}

TEST_F(DisclosuresTest, AnErasureRequestIsToldWithTierBasisAndWhatAnsweredIt) {
  Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"");
  const CaseId stream = access::AccessStreamOf(NumberedCase(1));
  const auto request = Add<access::v1::ErasureRequested>(
      own_, stream, "tier: ERASURE_TIER_ENTRIES legal_basis: \"laki 703/2023\"");
  access::v1::ErasureConfirmed confirmed;
  confirmed.set_request_event_id(std::string(request.id.view()));
  own_.AppendWith(log::NewEntry(), stream, confirmed);
  const Disclosures found = Find();
  ASSERT_THAT(found.erasure_acts, SizeIs(2));
  EXPECT_EQ(found.erasure_acts[0].tier, event::v1::ERASURE_TIER_ENTRIES);
  EXPECT_EQ(found.erasure_acts[0].legal_basis, "laki 703/2023");
  EXPECT_TRUE(found.erasure_acts[0].request.is_zero());
  EXPECT_EQ(found.erasure_acts[1].request, found.erasure_acts[0].id);
}

TEST_F(DisclosuresTest, WhatAnotherAgencySaidInThisServiceIsKnownToItsHost) {
  log::NewEntry said;
  said.author_agency = kTupa;
  said.disclosures = To({kTupa});  // its own words come back to it: nobody learns anything
  Add<referral::v1::SocialServiceNoted>("kind: SOCIAL_SERVICE_KIND_DEBT_ADVICE", std::move(said));
  const Disclosures found = Find();
  ASSERT_THAT(found.received, SizeIs(1));
  EXPECT_EQ(found.received[0].receiver, kOulu);
  EXPECT_EQ(found.received[0].author, kTupa);
  EXPECT_EQ(found.received[0].way, Received::Way::kHost);
}

TEST_F(DisclosuresTest, ReadsAreOfThisCaseAndBulkReadsOfWhatWasHeldByThen) {
  const auto read = [&](const CaseId& stream, const std::string& text) {
    log::NewEntry entry;
    entry.author_official = "etuus-3";
    Add<access::v1::AccessRecorded>(own_, access::AccessStreamOf(stream), text, std::move(entry));
  };
  read(CaseId(), R"(purpose: ACCESS_PURPOSE_STATISTICS legal_basis: "ennen" command: "summary" cases: 0)");
  Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"");
  Add<referral::v1::NeedIdentified>(own_, NumberedCase(2), "identified_on: \"2025-03-03\"");
  const std::string id(NumberedCase(1).view());
  access::v1::AccessRecorded one =
      Text<access::v1::AccessRecorded>(R"(purpose: ACCESS_PURPOSE_PAYMENT legal_basis: "laki" command: "case"
                                          sections: SECTION_KIND_SERVICE)");
  one.set_case_id(id);
  log::NewEntry entry;
  entry.author_official = "etuus-3";
  own_.AppendWith(std::move(entry), access::AccessStreamOf(NumberedCase(1)), one);
  read(CaseId(), R"(purpose: ACCESS_PURPOSE_STATISTICS legal_basis: "jälkeen" command: "replay" scope: "--type X" cases: 2)");
  const Disclosures found = Find();
  ASSERT_THAT(found.reads, SizeIs(2));
  EXPECT_FALSE(found.reads[0].bulk);
  EXPECT_EQ(found.reads[0].official, "etuus-3");
  EXPECT_EQ(found.reads[0].purpose, access::v1::ACCESS_PURPOSE_PAYMENT);
  EXPECT_EQ(found.reads[0].sections, Service());
  EXPECT_TRUE(found.reads[1].bulk);
  EXPECT_EQ(found.reads[1].legal_basis, "jälkeen");  // the one before held nothing of this client
  EXPECT_EQ(found.reads[1].scope, "--type X");
  EXPECT_EQ(found.reads[1].cases, 2u);
  EXPECT_THAT(found.reads_known, ElementsAre(kOulu));
  // The other client's answer has the bulk read alone.
  const Disclosures second = Find(2);
  ASSERT_THAT(second.reads, SizeIs(1));
  EXPECT_TRUE(second.reads[0].bulk);
}

TEST_F(DisclosuresTest, AnErasureIsToldWithTheAnswersOfReceivers) {
  const auto need = Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"");
  event::v1::Erased erased;
  erased.set_erasure_id(std::string(16, 'e'));
  erased.set_tier(event::v1::ERASURE_TIER_SECTIONS);
  auto* gone = erased.add_entries();
  gone->set_position(need.position.value());
  gone->add_sections(event::v1::SECTION_KIND_SERVICE);
  erased.set_legal_basis("laki 703/2023 27 §");
  erased.set_requested_by("a-1");
  erased.set_confirmed_by("a-2");
  const std::string prefix("polku/fence/v1\0", 15);
  erased.set_fence(std::string(Sha256({prefix, NumberedCase(1).view()}).view()));
  const auto at = own_.AppendControl(erased);
  event::v1::ErasureAnswered answered;
  answered.set_origin(kReferral);
  answered.set_position(at.position.value());
  answered.set_outcome(event::v1::ERASURE_OUTCOME_RETAINED);
  answered.set_legal_basis("kirjanpitolaki");
  answered.set_retained_until("2031-12-31");
  other_.AppendControl(answered);
  answered.set_position(at.position.value() + 7);  // of another erasure
  other_.AppendControl(answered);
  other_.ReplicateTo(*engine_, *keys_, {});
  const Disclosures found = Find();
  ASSERT_THAT(found.erasures, SizeIs(1));
  const Erasure& erasure = found.erasures[0];
  EXPECT_EQ(erasure.position, at.position);
  EXPECT_EQ(erasure.entries, 1u);
  EXPECT_EQ(erasure.requested_by, "a-1");
  EXPECT_EQ(erasure.confirmed_by, "a-2");
  ASSERT_THAT(erasure.answers, SizeIs(1));
  EXPECT_EQ(erasure.answers[0].agency, kTupa);
  EXPECT_EQ(erasure.answers[0].outcome, event::v1::ERASURE_OUTCOME_RETAINED);
  EXPECT_EQ(erasure.answers[0].retained_until, "2031-12-31");
}

TEST_F(DisclosuresTest, OfACaseThatIsNotHereThereIsNoAnswer) {
  Add<referral::v1::NeedIdentified>("identified_on: \"2025-03-03\"");
  Find();
  EXPECT_THAT(FindDisclosures(*store_, NumberedCase(9), Agreement("x")),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace polku::audit
