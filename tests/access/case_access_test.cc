#include "services/access/case_access.h"

#include "eventstore/base/hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/attendance/v1/attendance.pb.h"
#include "polku/config/v1/profile.pb.h"
#include "polku/referral/v1/referral.pb.h"
#include "services/core/codec.h"
#include "tests/access/agreement_text.h"

namespace polku::access {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::CivilDay kToday(2025, 3, 3);
constexpr const char* kOuluLog = "FI/MUN/0187690-1/oulu/referral/1";
constexpr const char* kProviderLog = "FI/ORG/9999992-5/toimintatupa/attendance/1";
constexpr const char* kWellbeingLog = "FI/MUN/9999991-7/hyvinvointi/referral/1";
constexpr const char* kKelaLog = "FI/GOV/0246246-0/kela/compensation/1";

EventId Id(int number) {
  EventId id;
  id.data()[0] = static_cast<uint8_t>(number);
  return id;
}
std::string Bytes(const EventId& id) { return std::string(id.view()); }
CaseId TheCase() {
  CaseId id;
  id.data()[0] = 0xca;
  return id;
}

v1::PartyAdded Added(std::string agency, v1::PartyReason reason = v1::PARTY_REASON_SERVICE) {
  v1::PartyAdded event;
  event.set_agency(std::move(agency));
  event.set_reason(reason);
  return event;
}
v1::PartyRemoved Removed(std::string agency) {
  v1::PartyRemoved event;
  event.set_agency(std::move(agency));
  event.set_reason(v1::PARTY_END_SERVICE_ENDED);
  return event;
}

// A case, or its access stream, as one service folds it, and asks about offers to it.
class CaseAccessTest : public ::testing::Test {
 protected:
  EventId Fold(const std::string& author, std::string_view origin,
               const google::protobuf::Message& body, const std::string& official = "o-1") {
    const EventId id = Id(++next_);
    access_.Evolve({.id = id,
                    .case_id = TheCase(),
                    .origin = origin,
                    .position = Position(static_cast<uint64_t>(next_)),
                    .order = Order(static_cast<uint64_t>(next_)),
                    .recorded_at = absl::FromCivil(kToday, absl::UTCTimeZone()),
                    .author_agency = author,
                    .author_official = official,
                    .body = body},
                   policy_, kOuluLog);
    return id;
  }
  struct Asked {
    std::string author = kOulu;
    std::string official = "o-1";
    CaseId stream = TheCase();
    std::string own_origin = kOuluLog;
    bool may_operate = false, may_erase = false, official_bound = false;
    std::string corrected_author = {};
    bool corrects = false;
    std::optional<Question::Corrected> corrected = {};
    bool something_to_erase = true;
    std::optional<absl::CivilDay> kept_until = {};
    absl::CivilDay rule_day = kToday;
  };
  std::optional<Refused> Ask(const google::protobuf::Message& body, const Asked& asked) {
    const service::Offer offer{.id = Id(200),
                               .case_id = asked.stream,
                               .author_agency = asked.author,
                               .author_official = asked.official,
                               .body = body};
    const std::string own(AgencyOfName(asked.own_origin));
    return DecideAccess(access_,
                        {.offer = offer,
                         .stream = asked.stream,
                         .own_origin = asked.own_origin,
                         .may_operate = asked.may_operate,
                         .may_erase = asked.may_erase,
                         .official_bound = asked.official_bound,
                         .corrected_author = asked.corrected_author,
                         .corrects = asked.corrects,
                         .corrected = asked.corrected,
                         .something_to_erase = asked.something_to_erase,
                         .kept_until = asked.kept_until,
                         .rule_day = asked.rule_day},
                        policy_,
                        {.profile = profile_, .agreement = agreement_, .own_agency = own}, kToday);
  }
  // The refusal's code, with "!" before it where the author is not entitled; empty: may be appended.
  std::string CodeOf(const google::protobuf::Message& body, const Asked& asked) {
    const auto refused = Ask(body, asked);
    if (!refused) return "";
    EXPECT_FALSE(refused->refusal.message.empty());
    return (refused->not_entitled ? "!" : "") + refused->refusal.code;
  }

  const config::v1::Agreement agreement_ = DemoAgreement();
  config::v1::Profile profile_;
  const Policy policy_{agreement_};
  CaseAccess access_;
  int next_ = 0;
};

// ---- Streams ----

TEST(AccessStream, IsTheFirstHalfOfALabelledHashOfTheCase) {
  const CaseId id = TheCase();
  const Hash hash = Sha256({std::string_view("polku/access-stream/v1\0", 23), id.view()});
  EXPECT_EQ(AccessStreamOf(id).view(), hash.view().substr(0, 16));
  EXPECT_NE(AccessStreamOf(id), AccessStreamOf(CaseId()));
  EXPECT_EQ(FenceOf(id), Sha256({std::string_view("polku/fence/v1\0", 15), id.view()}));
  EXPECT_EQ(AccessEventTypes().size(), 9u);
}

// ---- Parties ----

TEST_F(CaseAccessTest, TheAuthorOfTheFirstEntryIsTheFirstParty) {
  EXPECT_FALSE(access_.known());
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kKela, kOuluLog, referral::v1::BenefitRecorded());
  EXPECT_TRUE(access_.known());
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu));
}

TEST_F(CaseAccessTest, TheFirstPartyMayBeNamedOnceSoThatOtherLogsKnowOfIt) {
  // Social services open a case in the employment services' log: the provider's log sees nothing of that.
  Fold(kWellbeing, kOuluLog, referral::v1::NeedIdentified());
  EXPECT_EQ(access_.unnamed_first(), kWellbeing);
  EXPECT_EQ(CodeOf(Added(kWellbeing), {}), "");
  Fold(kOulu, kOuluLog, Added(kWellbeing));
  EXPECT_EQ(access_.unnamed_first(), "");
  EXPECT_THAT(access_.parties(), ElementsAre(kWellbeing));
  EXPECT_EQ(CodeOf(Added(kWellbeing), {.author = kWellbeing}), "already_a_party");
}

TEST_F(CaseAccessTest, APartyThatAnotherLogNamesIsCarriedOverAndHoldsForTheOwnServiceAlone) {
  Fold(kOulu, "FI/MUN/0187690-1/oulu/asiat/1", referral::v1::NeedIdentified());
  const EventId kela = Fold(kOulu, "FI/MUN/0187690-1/oulu/asiat/1", Added(kKela));
  Fold(kOulu, kOuluLog, Added(kProvider));
  auto carried = access_.ToCarryOver(kOuluLog, kToday);
  ASSERT_EQ(carried.size(), 2u) << "the own log names the provider";
  EXPECT_EQ(carried[0].agency(), kKela);
  EXPECT_EQ(carried[0].cause_event_id(), kela.view());
  EXPECT_EQ(carried[0].added_on(), "2025-03-03");
  EXPECT_EQ(carried[1].agency(), kOulu) << "the first party";
  // The other log's part has gone.
  access_ = CaseAccess();
  Fold(kOulu, kOuluLog, Added(kProvider));
  ASSERT_THAT(access_.parties(), ElementsAre(kOulu, kProvider));
  auto elsewhere = carried[0];
  Fold(kProvider, kProviderLog, elsewhere);
  EXPECT_FALSE(access_.parties().contains(kKela)) << "said by another service of itself";
  Fold(kProvider, kOuluLog, elsewhere);
  EXPECT_FALSE(access_.parties().contains(kKela)) << "only the log's agency says it";
  for (const auto& party : carried) Fold(kOulu, kOuluLog, party);
  EXPECT_TRUE(access_.parties().contains(kKela));
  EXPECT_THAT(access_.ToCarryOver(kOuluLog, kToday), IsEmpty()) << "once";
  EXPECT_THAT(access_.ToCarryOver("FI/MUN/0187690-1/oulu/referral/2", kToday), IsEmpty())
      << "another epoch of the same service";
  EXPECT_EQ(CodeOf(Added(kAuditor, v1::PARTY_REASON_CARRIED_OVER), {}), "not_offered");
}

TEST_F(CaseAccessTest, APartyIsAddedByWhomTheAgreementLetsAndByNobodyElse) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kProvider, kProviderLog, Added(kAuditor));        // the work division gives the provider no such right
  Fold(kOulu, kOuluLog, Added("FI/ORG/1234567-1/muu"));  // not an agency of the agreement
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu));
  const EventId added = Fold(kOulu, kOuluLog, Added(kWellbeing));
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu, kWellbeing));
  ASSERT_TRUE(access_.added().contains({kOuluLog, added}));
  EXPECT_EQ(access_.added().at({kOuluLog, added}).agency, kWellbeing);
}

TEST_F(CaseAccessTest, ARemovedPartyIsNoneAnyMoreAndMayComeBack) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  const EventId first = Fold(kOulu, kOuluLog, Added(kWellbeing));
  Fold(kKela, kKelaLog, Removed(kWellbeing));  // neither entitled nor the agency itself
  EXPECT_TRUE(access_.parties().contains(kWellbeing));
  Fold(kWellbeing, kOuluLog, Removed(kWellbeing));
  EXPECT_FALSE(access_.parties().contains(kWellbeing));
  EXPECT_FALSE(access_.added().contains({kOuluLog, first})) << "no later disclosure is owed any more";
  const EventId second = Fold(kOulu, kOuluLog, Added(kWellbeing));
  EXPECT_TRUE(access_.parties().contains(kWellbeing));
  EXPECT_TRUE(access_.added().contains({kOuluLog, second}));
}

// ---- Another log's word: it says of itself who wrote its entries ----

TEST_F(CaseAccessTest, ALogOfAnAgencyThatNeitherTakesPartNorOrganisesChangesNoPartyWhoeverItSaysWroteIt) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kOulu, kProviderLog, Added(kProvider));
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu)) << "a claimed author";
  referral::v1::NetworkMeetingCalled meeting;
  meeting.add_invited_agencies(kProvider);
  const EventId cause = Fold(kOulu, kProviderLog, meeting);
  auto named = Added(kProvider, v1::PARTY_REASON_NAMED_IN_EVENT);
  named.set_cause_event_id(Bytes(cause));
  Fold(kProvider, kProviderLog, named);
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu)) << "it invites itself";
  Fold(kOulu, kProviderLog, Removed(kOulu));
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu)) << "a claimed leave";
  Fold(kOulu, kOuluLog, Added(kKela));
  Fold(kOulu, kProviderLog, Removed(kKela));
  EXPECT_TRUE(access_.parties().contains(kKela)) << "a claimed right to remove";
  // An organiser may open cases, and is no party of this one by its own word.
  Fold(kWellbeing, kWellbeingLog, Added(kWellbeing));
  Fold(kWellbeing, kWellbeingLog, Added(kProvider));
  EXPECT_THAT(access_.parties(), ElementsAre(kKela, kOulu)) << "it knows the case id";
  EXPECT_FALSE(access_.TakesTheWordOf(kWellbeing));
  Fold(kOulu, kOuluLog, Added(kWellbeing));
  EXPECT_TRUE(access_.TakesTheWordOf(kWellbeing));
  Fold(kWellbeing, kWellbeingLog, Added(kProvider));
  EXPECT_TRUE(access_.parties().contains(kProvider));
  // Now the provider's log counts, for what its author may say.
  Fold(kProvider, kProviderLog, Removed(kKela));
  EXPECT_TRUE(access_.parties().contains(kKela));
  Fold(kProvider, kProviderLog, Removed(kProvider));
  EXPECT_FALSE(access_.parties().contains(kProvider));
  EXPECT_TRUE(access_.TakesTheWordOf(kProvider)) << "what it recorded stays right";
  Fold(kOulu, kProviderLog, Added(kProvider));
  EXPECT_FALSE(access_.parties().contains(kProvider)) << "nobody comes back by itself";
}

TEST_F(CaseAccessTest, WhoeverLeavesSaysSoInItsOwnLogWithoutBeingAParty) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kOulu, kOuluLog, Added(kProvider));
  Fold(kProvider, kKelaLog, Removed(kProvider));
  EXPECT_TRUE(access_.parties().contains(kProvider)) << "another's log has no say";
  Fold(kProvider, kProviderLog, Removed(kProvider));
  EXPECT_FALSE(access_.parties().contains(kProvider));
}

TEST_F(CaseAccessTest, AnEarlyEntryMakesAFirstPartyOnlyInTheOwnLogOrAnOrganisersByWhoMaySayIt) {
  Fold(kProvider, kProviderLog, attendance::v1::DayRecorded());
  Fold(kOulu, kProviderLog, referral::v1::NeedIdentified());
  EXPECT_FALSE(access_.known()) << "the provider begins no case";
  Fold(kKela, kWellbeingLog, attendance::v1::DayRecorded());
  EXPECT_FALSE(access_.known()) << "Kela may not say that";
  EXPECT_THAT(access_.parties(), IsEmpty());
  EXPECT_EQ(CodeOf(referral::v1::NeedIdentified(), {.author = kWellbeing}), "")
      << "what they put under the id hinders nobody";
  const EventId first = Fold(kWellbeing, kWellbeingLog, referral::v1::NeedIdentified());
  EXPECT_TRUE(access_.known());
  EXPECT_THAT(access_.parties(), ElementsAre(kWellbeing));
  EXPECT_EQ(access_.added().at({kWellbeingLog, first}).agency, kWellbeing);
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  EXPECT_THAT(access_.parties(), ElementsAre(kWellbeing));
}

TEST_F(CaseAccessTest, AnIdUsedAgainInAnotherLogHidesNobody) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  const EventId id = Fold(kOulu, kOuluLog, Added(kWellbeing));
  --next_;
  ASSERT_EQ(Fold(kWellbeing, kWellbeingLog, Added(kKela)), id);
  EXPECT_EQ(access_.added().at({kOuluLog, id}).agency, kWellbeing);
  EXPECT_EQ(access_.added().at({kWellbeingLog, id}).agency, kKela);
  v1::Disclosed disclosed;
  disclosed.set_party_event_id(Bytes(id));
  disclosed.set_party_origin(kWellbeingLog);
  Fold(kOulu, kOuluLog, disclosed);
  EXPECT_TRUE(access_.Answered(kOuluLog, {kWellbeingLog, id}));
  EXPECT_FALSE(access_.Answered(kOuluLog, {kOuluLog, id}));

  // Nor does an event of one log name anybody for another.
  Fold(kOulu, kOuluLog, Added(kProvider));
  referral::v1::ServiceStarted started;
  started.set_provider_agency(kAuditor);
  const EventId cause = Fold(kProvider, kProviderLog, started);
  auto named = Added(kAuditor, v1::PARTY_REASON_NAMED_IN_EVENT);
  named.set_cause_event_id(Bytes(cause));
  Fold(kKela, kKelaLog, named);
  EXPECT_FALSE(access_.parties().contains(kAuditor));
  Fold(kProvider, "FI/ORG/9999992-5/toimintatupa/attendance/2", named);
  EXPECT_TRUE(access_.parties().contains(kAuditor)) << "the log goes on in another epoch";
}

TEST_F(CaseAccessTest, AServicesOwnWordForAPartyNeedsTheRightOrTheEventThatNamesIt) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  auto named = Added(kKela, v1::PARTY_REASON_NAMED_IN_EVENT);
  named.set_cause_event_id(Bytes(Id(99)));
  Fold(kProvider, kProviderLog, named);  // no such event is on record
  EXPECT_FALSE(access_.parties().contains(kKela));

  Fold(kOulu, kOuluLog, Added(kProvider));
  Fold(kProvider, kProviderLog, named);  // nor for a party
  EXPECT_FALSE(access_.parties().contains(kKela));

  referral::v1::ServiceStarted started;
  started.set_provider_agency(kWellbeing);
  const EventId cause = Fold(kProvider, kProviderLog, started);
  named.set_cause_event_id(Bytes(cause));
  Fold(kProvider, kProviderLog, named);  // it names another
  EXPECT_FALSE(access_.parties().contains(kKela));
  named.set_agency(kWellbeing);
  Fold(kKela, kProviderLog, named);  // not the log's agency
  EXPECT_FALSE(access_.parties().contains(kWellbeing));
  Fold(kProvider, kProviderLog, named);
  EXPECT_TRUE(access_.parties().contains(kWellbeing));

  // Oulu may add parties anyhow: its word holds where the event itself is not on record here.
  named.set_agency(kKela);
  named.set_cause_event_id(Bytes(Id(98)));
  Fold(kOulu, kOuluLog, named);
  EXPECT_TRUE(access_.parties().contains(kKela));
}

TEST_F(CaseAccessTest, AnEventOfAnAuthorThatMayNotPublishItNamesNobody) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  referral::v1::ReferralMade referral;
  referral.set_target_agency(kAuditor);
  const EventId cause = Fold(kProvider, kProviderLog, referral);  // the provider makes no referrals
  auto named = Added(kAuditor, v1::PARTY_REASON_NAMED_IN_EVENT);
  named.set_cause_event_id(Bytes(cause));
  Fold(kProvider, kProviderLog, named);
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu));
}

TEST_F(CaseAccessTest, ALogAnswersAPartyOnceWithItsOwnDisclosure) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  const EventId added = Fold(kOulu, kOuluLog, Added(kWellbeing));
  v1::Disclosed disclosed;
  disclosed.set_party_event_id(Bytes(added));
  disclosed.set_party_origin(kOuluLog);
  Fold(kKela, kOuluLog, disclosed);  // not the log's agency
  EXPECT_FALSE(access_.Answered(kOuluLog, {kOuluLog, added}));
  Fold(kOulu, kOuluLog, disclosed);
  EXPECT_TRUE(access_.Answered(kOuluLog, {kOuluLog, added}));
  EXPECT_FALSE(access_.Answered(kKelaLog, {kOuluLog, added}));
}

TEST_F(CaseAccessTest, AnEventAddsTheAgenciesItNamesThatAreNoPartiesYet) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kOulu, kOuluLog, Added(kKela));
  referral::v1::NetworkMeetingCalled meeting;
  for (const char* agency : {kProvider, kKela, kWellbeing}) meeting.add_invited_agencies(agency);
  EXPECT_THAT(PartiesToAdd(access_, meeting, Id(7), kProvider, kOulu, policy_, kToday), IsEmpty())
      << "who takes no part names nobody";
  EXPECT_EQ(PartiesToAdd(access_, meeting, Id(7), kAuditor, kAuditor, policy_, kToday).size(), 2u)
      << "the log's agency does";
  const auto parties = PartiesToAdd(access_, meeting, Id(7), kOulu, kOulu, policy_, kToday);
  ASSERT_EQ(parties.size(), 2u);
  EXPECT_EQ(parties[0].agency(), kWellbeing);
  EXPECT_EQ(parties[1].agency(), kProvider);
  EXPECT_EQ(parties[0].reason(), v1::PARTY_REASON_NAMED_IN_EVENT);
  EXPECT_EQ(parties[0].cause_event_id(), Bytes(Id(7)));
  EXPECT_EQ(parties[0].added_on(), "2025-03-03");
  // What it adds, it believes when it folds it.
  const EventId cause = Fold(kOulu, kOuluLog, meeting);
  for (auto party : parties) {
    party.set_cause_event_id(Bytes(cause));
    Fold(kOulu, kOuluLog, party);
  }
  EXPECT_THAT(access_.parties(), ElementsAre(kKela, kOulu, kWellbeing, kProvider));
  EXPECT_THAT(PartiesToAdd(access_, meeting, Id(8), kOulu, kOulu, policy_, kToday), IsEmpty());
}

TEST_F(CaseAccessTest, PartiesAreRefusedWithTheirReasons) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  EXPECT_EQ(CodeOf(Added(kWellbeing), {}), "");
  EXPECT_EQ(CodeOf(Added(kWellbeing), {.author = kKela}), "!not_in_agreement");
  EXPECT_EQ(CodeOf(Added(kKela), {.author = kWellbeing}), "!not_a_party");
  EXPECT_EQ(CodeOf(Added("FI/ORG/1234567-1/muu"), {}), "unknown_agency");
  EXPECT_EQ(CodeOf(Added(kWellbeing, v1::PARTY_REASON_UNSPECIFIED), {}), "missing_reason");
  EXPECT_EQ(CodeOf(Added(kWellbeing, v1::PARTY_REASON_NAMED_IN_EVENT), {}), "not_offered");
  EXPECT_EQ(CodeOf(Removed(kWellbeing), {}), "not_yet_a_party");
  Fold(kOulu, kOuluLog, Added(kWellbeing));
  EXPECT_EQ(CodeOf(Added(kWellbeing), {}), "already_a_party");
  EXPECT_EQ(CodeOf(Removed(kWellbeing), {}), "");
  EXPECT_EQ(CodeOf(Removed(kWellbeing), {.author = kKela}), "!not_in_agreement");
  Fold(kOulu, kOuluLog, Added(kKela));
  EXPECT_EQ(CodeOf(Removed(kKela), {.author = kKela}), "") << "an agency may leave without a line";
  auto no_reason = Removed(kKela);
  no_reason.clear_reason();
  EXPECT_EQ(CodeOf(no_reason, {}), "missing_reason");
  EXPECT_EQ(CodeOf(v1::Disclosed(), {}), "not_offered");
}

// ---- Publishing ----

TEST_F(CaseAccessTest, APublisherNeedsALineAndInAKnownCaseAPart) {
  const attendance::v1::DayRecorded day;
  EXPECT_EQ(CodeOf(day, {.author = kOulu}), "!not_in_agreement");
  EXPECT_EQ(CodeOf(referral::v1::NeedIdentified(), {.author = kWellbeing}), "") << "the case is new";
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  EXPECT_EQ(CodeOf(day, {.author = kProvider}), "!not_a_party");
  EXPECT_EQ(CodeOf(day, {.author = kProvider, .own_origin = kProviderLog}), "")
      << "the log's agency is a party of what its own log records";
  Fold(kOulu, kOuluLog, Added(kProvider));
  EXPECT_EQ(CodeOf(day, {.author = kProvider}), "");
  EXPECT_EQ(CodeOf(day, {.author = "FI/ORG/1234567-1/muu"}), "!not_in_agreement");
}

// ---- Corrections ----

TEST_F(CaseAccessTest, WhoWroteAnEntryMayCorrectItThoughNoPartyAnyMore) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kOulu, kOuluLog, Added(kProvider));
  Fold(kOulu, kOuluLog, Removed(kProvider));
  const attendance::v1::DayCorrected correction;
  EXPECT_EQ(CodeOf(correction, {.author = kProvider}), "!not_a_party");
  EXPECT_EQ(CodeOf(correction, {.author = kProvider, .corrected_author = kProvider, .corrects = true}),
            "");
  EXPECT_EQ(CodeOf(correction, {.author = kProvider, .corrected_author = kOulu, .corrects = true}),
            "!not_a_party");
  EXPECT_EQ(CodeOf(referral::v1::NeedIdentified(), {.corrects = true}), "unknown_corrected_event");
}

TEST_F(CaseAccessTest, AnEntryIsCorrectedByItsAuthorOrTheLogsAgencyWithOneOfItsOwnKind) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kOulu, kOuluLog, Added(kProvider));
  Fold(kOulu, kOuluLog, Added(kWellbeing));
  constexpr const char* kDay = "polku.attendance.v1.DayRecorded";
  const auto of = [](const char* author, const char* by, const char* type) {
    return Asked{.author = by, .corrected_author = author, .corrects = true,
                 .corrected = Question::Corrected{author, type}};
  };
  const referral::v1::NeedIdentified need;
  const std::string need_type = need.GetDescriptor()->full_name();
  EXPECT_EQ(CodeOf(need, of(kWellbeing, kWellbeing, need_type.c_str())), "");
  EXPECT_EQ(CodeOf(need, of(kWellbeing, kOulu, need_type.c_str())), "") << "the log's agency";
  EXPECT_EQ(CodeOf(need, of(kOulu, kWellbeing, need_type.c_str())), "!not_its_correction")
      << "a party chooses who gets its event by another's entry";
  EXPECT_EQ(CodeOf(need, of(kWellbeing, kWellbeing, "polku.referral.v1.PlanDrafted")),
            "!not_its_correction");
  EXPECT_EQ(CodeOf(need, of(kWellbeing, kOulu, "polku.referral.v1.PlanDrafted")),
            "!not_its_correction");
  // The domain's own pair, and not the other way round.
  EXPECT_EQ(CodeOf(attendance::v1::DayCorrected(), of(kProvider, kProvider, kDay)), "");
  EXPECT_EQ(CodeOf(attendance::v1::DayRecorded(),
                   of(kProvider, kProvider, "polku.attendance.v1.DayCorrected")),
            "!not_its_correction");
  for (const char* type : {kDay, "polku.attendance.v1.DayCorrected"}) {
    EXPECT_NE(service::FindEventType(type), nullptr) << type;
  }
  // What the body or the domain names in another log is held to the same.
  auto elsewhere = of(kProvider, kWellbeing, need_type.c_str());
  elsewhere.corrects = false;
  elsewhere.corrected_author = "";
  EXPECT_EQ(CodeOf(need, elsewhere), "!not_its_correction");
}

v1::CorrectionRequested Request(const char* origin, const EventId& id) {
  v1::CorrectionRequested request;
  request.set_origin(origin);
  request.set_corrected_event_id(Bytes(id));
  request.set_what("päivä on väärä");
  return request;
}

TEST_F(CaseAccessTest, WhoActsForTheAuthorNowCorrectsItsEntries) {
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kOulu, kOuluLog, Added(kProvider));
  Fold(kOulu, kOuluLog, Added(kWellbeing));
  referral::v1::OrganiserTransferred transfer;
  transfer.set_from_agency(kProvider);
  transfer.set_to_agency(kWellbeing);
  transfer.set_effective_on("2025-03-04");
  const referral::v1::NeedIdentified need;
  const std::string need_type = need.GetDescriptor()->full_name();
  const Asked asked{.author = kWellbeing, .corrected_author = kProvider, .corrects = true,
                    .corrected = Question::Corrected{kProvider, need_type}};
  Fold(kProvider, kOuluLog, transfer);
  EXPECT_EQ(CodeOf(need, asked), "!not_its_correction") << "not before its day";
  transfer.set_effective_on("2025-03-03");
  Fold("FI/GOV/9999993-3/tarkastaja", kOuluLog, transfer);
  EXPECT_EQ(CodeOf(need, asked), "!not_its_correction") << "by an author that may not say so";
  Fold(kProvider, kKelaLog, transfer);
  EXPECT_EQ(CodeOf(need, asked), "!not_its_correction") << "in a log whose word does not count";
  Fold(kProvider, kOuluLog, transfer);
  EXPECT_EQ(CodeOf(need, asked), "");
  // The agreement's party rule makes the successor a party.
  EXPECT_THAT(policy_.Named(transfer), ElementsAre(kWellbeing));
}

TEST_F(CaseAccessTest, ACorrectionIsAskedForByAPartyAndSaysWhatIsWrong) {
  const EventId need = Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  const auto request = Request(kOuluLog, need);
  EXPECT_EQ(CodeOf(request, {.corrected_author = kOulu}), "");
  EXPECT_EQ(CodeOf(request, {}), "unknown_corrected_event");
  EXPECT_EQ(CodeOf(Request(kKelaLog, need), {}), "") << "another's log is not looked into";
  EXPECT_EQ(CodeOf(Request("FI/GOV", need), {}), "unknown_corrected_event");
  EXPECT_EQ(CodeOf(request, {.author = kKela, .corrected_author = kOulu}), "!not_a_party");
  EXPECT_EQ(CodeOf(request, {.author = kAuditor, .corrected_author = kOulu}), "!not_in_agreement");
  auto silent = request;
  silent.clear_what();
  EXPECT_EQ(CodeOf(silent, {.corrected_author = kOulu}), "missing_reason");
  auto no_id = request;
  no_id.set_corrected_event_id("short");
  EXPECT_EQ(CodeOf(no_id, {.corrected_author = kOulu}), "unknown_corrected_event");
}

TEST_F(CaseAccessTest, ACorrectionIsDecidedOnceWhereTheEntryIsByItsAuthorOrItsHost) {
  const EventId need = Fold(kWellbeing, kOuluLog, referral::v1::NeedIdentified());
  const EventId request = Fold(kKela, kKelaLog, Request(kOuluLog, need));
  v1::CorrectionDecided decision;
  decision.set_request_event_id(Bytes(request));
  decision.set_result(v1::CORRECTION_RESULT_REJECTED);
  EXPECT_EQ(CodeOf(decision, {.corrected_author = kWellbeing}), "missing_reason");
  decision.set_grounds("merkintä on oikein");
  EXPECT_EQ(CodeOf(decision, {.author = kOulu, .corrected_author = kWellbeing}), "");
  EXPECT_EQ(CodeOf(decision, {.author = kWellbeing, .corrected_author = kWellbeing}), "");
  EXPECT_EQ(CodeOf(decision, {.author = kKela, .corrected_author = kWellbeing}), "!not_the_author");
  EXPECT_EQ(CodeOf(decision, {.author = kKela, .own_origin = kKelaLog}), "wrong_stream");
  EXPECT_EQ(CodeOf(decision, {.own_origin = "FI/MUN/0187690-1/oulu/referral/2"}), "")
      << "the log goes on in another epoch";
  auto unknown = decision;
  unknown.set_request_event_id(Bytes(Id(77)));
  EXPECT_EQ(CodeOf(unknown, {}), "unknown_request");
  auto open = decision;
  open.clear_result();
  EXPECT_EQ(CodeOf(open, {}), "missing_reason");

  Fold(kKela, kKelaLog, decision);  // another log than the entry's says nothing about it
  EXPECT_EQ(access_.corrections().at(request).result, v1::CORRECTION_RESULT_UNSPECIFIED);
  Fold(kOulu, kOuluLog, decision);
  EXPECT_EQ(access_.corrections().at(request).result, v1::CORRECTION_RESULT_REJECTED);
  EXPECT_EQ(access_.corrections().at(request).requested_by_agency, kKela);
  EXPECT_EQ(access_.corrections().at(request).corrected, need);
  EXPECT_EQ(CodeOf(decision, {}), "already_decided");
  auto approved = decision;
  approved.set_result(v1::CORRECTION_RESULT_APPROVED);
  Fold(kWellbeing, kOuluLog, approved);
  EXPECT_EQ(access_.corrections().at(request).result, v1::CORRECTION_RESULT_REJECTED)
      << "the first answer holds";
}

// ---- Reads ----

v1::AccessRecorded Read() {
  v1::AccessRecorded read;
  read.set_case_id(std::string(TheCase().view()));
  read.set_purpose(v1::ACCESS_PURPOSE_CASE_HANDLING);
  read.set_legal_basis("laki 189/2001");
  read.set_command("case");
  return read;
}

TEST_F(CaseAccessTest, AReadIsTheOwnAgencysWithPurposeAndBasisInTheAccessStream) {
  const Asked own{.stream = AccessStreamOf(TheCase()), .may_operate = true};
  EXPECT_EQ(CodeOf(Read(), own), "");
  auto asked = own;
  asked.author = kKela;
  EXPECT_EQ(CodeOf(Read(), asked), "!own_agency_only");
  asked = own;
  asked.may_operate = false;
  EXPECT_EQ(CodeOf(Read(), asked), "!key_may_not");
  asked = own;
  asked.official = "";
  EXPECT_EQ(CodeOf(Read(), asked), "missing_official");
  asked = own;
  asked.stream = TheCase();
  EXPECT_EQ(CodeOf(Read(), asked), "wrong_stream");
  auto read = Read();
  read.clear_purpose();
  EXPECT_EQ(CodeOf(read, own), "missing_purpose");
  read = Read();
  read.clear_legal_basis();
  EXPECT_EQ(CodeOf(read, own), "missing_legal_basis");
  read = Read();
  read.set_scope("180576-918V");
  EXPECT_EQ(CodeOf(read, own), "personal_data");
  read = Read();
  read.set_case_id("short");
  EXPECT_EQ(CodeOf(read, own), "wrong_stream");
  // Of no one case: in the stream of the case id that is all zero.
  read = Read();
  read.clear_case_id();
  EXPECT_EQ(CodeOf(read, own), "wrong_stream");
  asked = own;
  asked.stream = AccessStreamOf(CaseId());
  EXPECT_EQ(CodeOf(read, asked), "");
  // An auditor has no line in any publishings, and reads.
  asked = {.author = kAuditor, .stream = AccessStreamOf(TheCase()),
           .own_origin = "FI/GOV/9999993-3/tarkastaja/audit/1", .may_operate = true};
  EXPECT_EQ(CodeOf(Read(), asked), "");
}

TEST_F(CaseAccessTest, AnAccessStreamHasNoPartiesAndTakesNothingElse) {
  Fold(kOulu, kOuluLog, Read());
  EXPECT_TRUE(access_.is_access_stream());
  EXPECT_THAT(access_.parties(), IsEmpty());
  EXPECT_EQ(CodeOf(referral::v1::NeedIdentified(), {}), "wrong_stream");
  EXPECT_EQ(CodeOf(Added(kKela), {}), "wrong_stream");
  access_ = CaseAccess();
  EXPECT_EQ(CodeOf(referral::v1::NeedIdentified(), {.stream = AccessStreamOf(CaseId())}),
            "wrong_stream");
}

// ---- Erasures ----

class ErasureTest : public CaseAccessTest {
 protected:
  ErasureTest() {
    request_.set_case_id(std::string(TheCase().view()));
    request_.set_tier(event::v1::ERASURE_TIER_SECTIONS);
    request_.set_legal_basis("säilytysaika päättyi");
  }
  v1::ErasureConfirmed Confirmation(const EventId& request) const {
    v1::ErasureConfirmed confirmed;
    confirmed.set_request_event_id(Bytes(request));
    confirmed.set_case_id(request_.case_id());
    return confirmed;
  }
  v1::ErasureCancelled Cancellation(const EventId& request) const {
    v1::ErasureCancelled cancelled;
    cancelled.set_request_event_id(Bytes(request));
    cancelled.set_case_id(request_.case_id());
    return cancelled;
  }
  const CaseAccess::Erasure& Erasure(const EventId& request) const {
    return access_.erasures(kOuluLog)->at(request);
  }
  v1::ErasureRequested request_;
  const Asked eraser_{.official = "arkisto-1", .stream = AccessStreamOf(TheCase()),
                      .may_erase = true, .official_bound = true};
};

TEST_F(ErasureTest, IsAskedForByAKeyThatMayAndSpeaksForOneOfficial) {
  EXPECT_EQ(CodeOf(request_, eraser_), "");
  auto asked = eraser_;
  asked.author = kKela;
  EXPECT_EQ(CodeOf(request_, asked), "!own_agency_only");
  asked = eraser_;
  asked.may_erase = false;
  EXPECT_EQ(CodeOf(request_, asked), "!key_may_not");
  asked = eraser_;
  asked.official_bound = false;
  EXPECT_EQ(CodeOf(request_, asked), "!official_not_bound");
  asked = eraser_;
  asked.stream = TheCase();
  EXPECT_EQ(CodeOf(request_, asked), "wrong_stream");
  auto request = request_;
  request.clear_tier();
  EXPECT_EQ(CodeOf(request, eraser_), "missing_reason");
  request = request_;
  request.clear_legal_basis();
  EXPECT_EQ(CodeOf(request, eraser_), "missing_legal_basis");
  request.set_legal_basis(" \t ");
  EXPECT_EQ(CodeOf(request, eraser_), "missing_legal_basis") << "blanks are no law";
  request = request_;
  request.clear_case_id();
  EXPECT_EQ(CodeOf(request, eraser_), "wrong_stream") << "an erasure is of one case";
}

TEST_F(ErasureTest, NamesARetentionRuleThatTheProfileHas) {
  auto& rule = *profile_.add_retention();
  rule.set_id("social_care_records");
  rule.set_version("1");
  auto request = request_;
  request.mutable_rule()->set_id("social_care_records");
  EXPECT_EQ(CodeOf(request, eraser_), "unknown_rule") << "of which version?";
  request.mutable_rule()->set_version("2");
  EXPECT_EQ(CodeOf(request, eraser_), "unknown_rule");
  request.mutable_rule()->set_version("1");
  EXPECT_EQ(CodeOf(request, eraser_), "rule_not_due") << "no closing is known, from which it would count";
  auto due = eraser_;
  due.kept_until = absl::CivilDay(2035, 6, 2);
  due.rule_day = absl::CivilDay(2035, 6, 2);
  EXPECT_EQ(CodeOf(request, due), "rule_not_due") << "the last day is inclusive";
  due.rule_day = absl::CivilDay(2035, 6, 3);
  EXPECT_EQ(CodeOf(request, due), "");
  request.mutable_rule()->set_id("muu");
  EXPECT_EQ(CodeOf(request, eraser_), "unknown_rule");
}

TEST_F(ErasureTest, TakesSomethingThatTheLogHolds) {
  auto asked = eraser_;
  asked.something_to_erase = false;
  EXPECT_EQ(CodeOf(request_, asked), "nothing_to_erase");
  const EventId request = Fold(kOulu, kOuluLog, request_, "arkisto-1");
  asked.official = "arkisto-2";
  EXPECT_EQ(CodeOf(Confirmation(request), asked), "nothing_to_erase") << "another erasure took it";
  EXPECT_EQ(CodeOf(Cancellation(request), asked), "") << "so that it stands open no more";
}

TEST_F(ErasureTest, ItsConfirmationHasAPlaceInTheOrderOfTheLog) {
  const EventId request = Fold(kOulu, kOuluLog, request_, "arkisto-1");
  Fold(kOulu, kOuluLog, Confirmation(request), "arkisto-2");
  EXPECT_EQ(Erasure(request).confirmed_at, Order(static_cast<uint64_t>(next_)));
}

TEST_F(ErasureTest, IsConfirmedOnceByAnotherOfficial) {
  const EventId request = Fold(kOulu, kOuluLog, request_, "arkisto-1");
  EXPECT_FALSE(Erasure(request).confirmed);
  EXPECT_EQ(CodeOf(Confirmation(Id(77)), eraser_), "unknown_request");
  EXPECT_EQ(CodeOf(Confirmation(request), eraser_), "!same_official");
  auto second = eraser_;
  second.official = "arkisto-2";
  EXPECT_EQ(CodeOf(Confirmation(request), second), "");
  Fold(kOulu, kOuluLog, Confirmation(request), "arkisto-1");
  EXPECT_FALSE(Erasure(request).confirmed) << "nobody confirms what they asked for";
  Fold(kKela, kOuluLog, Confirmation(request), "arkisto-2");
  EXPECT_FALSE(Erasure(request).confirmed) << "only the log's own agency";
  Fold(kOulu, kKelaLog, Confirmation(request), "arkisto-2");
  EXPECT_FALSE(Erasure(request).confirmed) << "only in the log that holds the request";
  Fold(kOulu, kOuluLog, Confirmation(request), "arkisto-2");
  EXPECT_TRUE(Erasure(request).confirmed);
  EXPECT_EQ(Erasure(request).requested_by, "arkisto-1");
  EXPECT_EQ(Erasure(request).confirmed_by, "arkisto-2");
  EXPECT_EQ(Erasure(request).case_id, TheCase());
  EXPECT_EQ(Erasure(request).tier, event::v1::ERASURE_TIER_SECTIONS);
  EXPECT_EQ(CodeOf(Confirmation(request), second), "already_decided");
  EXPECT_EQ(CodeOf(Cancellation(request), second), "already_decided");
}

TEST_F(ErasureTest, GoesOnWhateverAnotherLogHasPutIntoTheAccessStreamBefore) {
  Fold(kWellbeing, kWellbeingLog, referral::v1::NeedIdentified());
  Fold(kWellbeing, kWellbeingLog, Added(kKela));
  Fold(kKela, kKelaLog, request_);
  const EventId request = Fold(kOulu, kOuluLog, request_, "arkisto-1");
  EXPECT_TRUE(access_.is_access_stream());
  EXPECT_THAT(access_.parties(), IsEmpty());
  EXPECT_TRUE(access_.added().empty()) << "no read opens to anybody";
  auto second = eraser_;
  second.official = "arkisto-2";
  EXPECT_EQ(CodeOf(Confirmation(request), second), "");
  Fold(kOulu, kOuluLog, Confirmation(request), "arkisto-2");
  EXPECT_TRUE(Erasure(request).confirmed);
  Fold(kWellbeing, kWellbeingLog, Added(kProvider));
  EXPECT_THAT(access_.parties(), IsEmpty());
  EXPECT_EQ(CodeOf(Added(kKela), {.stream = AccessStreamOf(TheCase())}), "wrong_stream");
}

TEST_F(ErasureTest, ACaseGoesOnWhateverReadsAndErasuresAnotherLogHasPutIntoIt) {
  Fold(kKela, kKelaLog, Read());
  Fold(kKela, kKelaLog, request_);
  EXPECT_FALSE(access_.known());
  EXPECT_FALSE(access_.is_access_stream());
  EXPECT_EQ(CodeOf(referral::v1::NeedIdentified(), {}), "");
  Fold(kOulu, kOuluLog, referral::v1::NeedIdentified());
  Fold(kKela, kKelaLog, Read());
  EXPECT_THAT(access_.parties(), ElementsAre(kOulu));
  EXPECT_EQ(CodeOf(Added(kKela), {}), "");
  EXPECT_EQ(access_.erasures(kOuluLog), nullptr);
}

TEST_F(ErasureTest, AWithdrawnRequestIsNotConfirmed) {
  const EventId request = Fold(kOulu, kOuluLog, request_, "arkisto-1");
  EXPECT_EQ(CodeOf(Cancellation(request), eraser_), "");
  Fold(kOulu, kOuluLog, Cancellation(request), "arkisto-1");
  auto second = eraser_;
  second.official = "arkisto-2";
  EXPECT_EQ(CodeOf(Confirmation(request), second), "already_decided");
  Fold(kOulu, kOuluLog, Confirmation(request), "arkisto-2");
  EXPECT_FALSE(Erasure(request).confirmed);
}

}  // namespace
}  // namespace polku::access
