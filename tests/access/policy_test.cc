#include "services/access/policy.h"

#include "eventstore/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "polku/referral/v1/referral.pb.h"
#include "tests/access/agreement_text.h"

namespace polku::access {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

using absl::CivilDay;

const CivilDay kDay(2025, 3, 3);
constexpr std::string_view kDayRecorded = "polku.attendance.v1.DayRecorded";
constexpr std::string_view kPartyAdded = "polku.access.v1.PartyAdded";

SectionSet Of(std::initializer_list<SectionKind> kinds) {
  SectionSet set;
  for (SectionKind kind : kinds) set.add(kind);
  return set;
}
constexpr SectionKind kService = SectionKind::kService;
constexpr SectionKind kPayment = SectionKind::kPayment;
constexpr SectionKind kHealth = SectionKind::kHealth;

const std::string kAgencies = R"(
  agencies { name: "FI/MUN/0187690-1/oulu" roles: AGENCY_ROLE_EMPLOYMENT_SERVICES }
  agencies { name: "FI/MUN/9999991-7/hyvinvointi" roles: AGENCY_ROLE_SOCIAL_SERVICES roles: AGENCY_ROLE_HEALTH_CARE }
  agencies { name: "FI/ORG/9999992-5/toimintatupa" roles: AGENCY_ROLE_PROVIDER }
  agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_BENEFIT_PAYER }
  agencies { name: "FI/GOV/9999993-3/tarkastaja" roles: AGENCY_ROLE_AUDITOR })";

// One line more than the agencies.
config::v1::Agreement With(const std::string& lines) { return AgreementText(kAgencies + lines); }

const std::string kKelaDays = R"(
  sharings {
    id: "kela" publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.attendance.*"
    sections: SECTION_KIND_SERVICE sections: SECTION_KIND_PAYMENT legal_basis: "1290/2002"
    valid_from: "2025-01-01" valid_until: "2025-12-31"
  })";
const std::string kAuditorAlways = R"(
  sharings {
    id: "auditor" publishers: "*" receivers: "FI/GOV/9999993-3/tarkastaja" types: "polku.*"
    sections: SECTION_KIND_SERVICE legal_basis: "611/2021" every_case: true
  })";

TEST(TypeMatches, TakesAFullNameOrABeginningWithAStar) {
  EXPECT_TRUE(TypeMatches("polku.attendance.v1.DayRecorded", kDayRecorded));
  EXPECT_TRUE(TypeMatches("polku.attendance.v1.Day*", kDayRecorded));
  EXPECT_TRUE(TypeMatches("*", kDayRecorded));
  EXPECT_FALSE(TypeMatches("polku.attendance.v1.Day", kDayRecorded));
  EXPECT_FALSE(TypeMatches("DayRecorded", kDayRecorded));
  EXPECT_FALSE(TypeMatches("polku.attendance.v1.DayRecorded.*", kDayRecorded));
  EXPECT_FALSE(TypeMatches("", kDayRecorded));
}

TEST(Grants, AnAgencyGetsNothingWithoutALine) {
  const auto agreement = With("");
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {kOulu, kKela}, kDay), IsEmpty());
}

TEST(Grants, AnAgencyGetsNothingWithoutBeingAParty) {
  const auto agreement = With(kKelaDays);
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {kOulu}, kDay), IsEmpty());
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {kOulu, kKela}, kDay),
              ElementsAre(Grant{kKela, Of({kService, kPayment})}));
}

TEST(Grants, TheAgencyOfTheLogCountsAsAPartyOfWhatItRecords) {
  const auto agreement = With(kKelaDays);
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants(kProvider, kKela, kDayRecorded, {}, kDay),
              ElementsAre(Grant{kKela, Of({kService, kPayment})}));
}

TEST(Grants, ALineForEveryCaseNeedsNoParty) {
  const auto agreement = With(kKelaDays + kAuditorAlways);
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {}, kDay),
              ElementsAre(Grant{kAuditor, Of({kService})}));
}

TEST(Grants, WhatIsForEveryCaseAndWhatIsForPartiesAddUpOnlyForAParty) {
  const auto agreement = With(kAuditorAlways + R"(
    sharings { publishers: "*" receiver_roles: AGENCY_ROLE_AUDITOR types: "polku.attendance.v1.DayRecorded"
               sections: SECTION_KIND_PAYMENT legal_basis: "x" })");
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {}, kDay),
              ElementsAre(Grant{kAuditor, Of({kService})}));
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {kAuditor}, kDay),
              ElementsAre(Grant{kAuditor, Of({kService, kPayment})}));
}

TEST(Grants, ALineHoldsFromItsFirstToItsLastDayInclusive) {
  const auto agreement = With(kKelaDays);
  const Policy policy(agreement);
  const auto on = [&](absl::CivilDay day) {
    return policy.Grants(kProvider, kProvider, kDayRecorded, {kKela}, day).size();
  };
  // Asked in an order that a wrong memory would mix up.
  EXPECT_EQ(on(CivilDay(2025, 12, 31)), 1u);
  EXPECT_EQ(on(CivilDay(2026, 1, 1)), 0u);
  EXPECT_EQ(on(CivilDay(2024, 12, 31)), 0u);
  EXPECT_EQ(on(CivilDay(2025, 1, 1)), 1u);
  EXPECT_EQ(on(CivilDay(2025, 12, 31)), 1u);
}

TEST(Grants, PublishersAndTypesNarrowALine) {
  const auto agreement = With(R"(
    sharings { publishers: "FI/ORG/9999992-5/toimintatupa" receivers: "FI/GOV/0246246-0/kela"
               types: "polku.attendance.v1.DayRecorded" legal_basis: "x" })");
  const Policy policy(agreement);
  // No sections: the header alone.
  EXPECT_THAT(policy.Grants(kProvider, kProvider, kDayRecorded, {kKela}, kDay),
              ElementsAre(Grant{kKela, SectionSet()}));
  EXPECT_THAT(policy.Grants(kOulu, kProvider, kDayRecorded, {kKela}, kDay), IsEmpty());
  EXPECT_THAT(policy.Grants(kProvider, kProvider, "polku.attendance.v1.DayCorrected", {kKela}, kDay),
              IsEmpty());
}

TEST(Grants, AStarAsPublisherMeansTheAgenciesOfTheAgreementAndNobodyElse) {
  const auto agreement = With(kKelaDays);
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants("FI/ORG/1234567-1/muu", kProvider, kDayRecorded, {kKela}, kDay),
              IsEmpty());
}

TEST(Grants, EveryPartyIsToldOfPartiesWhateverTheLinesSay) {
  const auto agreement = With(kAuditorAlways);
  const Policy policy(agreement);
  EXPECT_THAT(policy.Grants(kOulu, kOulu, kPartyAdded, {kKela, kProvider}, kDay),
              ElementsAre(Grant{kKela, Of({kService})}, Grant{kAuditor, Of({kService})},
                          Grant{kOulu, Of({kService})}, Grant{kProvider, Of({kService})}));
}

TEST(Grants, AreWhatTheyWereWhenTheMemoryOfTypesIsFull) {
  const auto agreement = With(kKelaDays);
  const Policy policy(agreement);
  for (int i = 0; i < 10'000; ++i) {
    const std::string type = "polku.attendance.v1.T" + std::to_string(i);
    ASSERT_THAT(policy.Grants(kProvider, kProvider, type, {kKela}, kDay),
                ElementsAre(Grant{kKela, Of({kService, kPayment})}));
  }
  EXPECT_THAT(policy.Grants(kProvider, kProvider, "polku.referral.v1.CaseClosed", {kKela}, kDay),
              IsEmpty());
}

TEST(Policy, ReceiversOfEveryCaseAreThoseOfLinesForEveryCaseWhateverTheDay) {
  const auto agreement = With(kKelaDays + kAuditorAlways);
  const Policy policy(agreement);
  EXPECT_EQ(policy.ReceiversOfEveryCase(kDayRecorded), 1u);
  EXPECT_EQ(policy.ReceiversOfEveryCase(kPartyAdded), 1u);
  const auto without = With(kKelaDays);
  EXPECT_EQ(Policy(without).ReceiversOfEveryCase(kDayRecorded), 0u);
}

TEST(Policy, PublishingIsClosedUntilALineOpensItForTheAgencyOrItsRoleOnThatDay) {
  const auto agreement = With(R"(
    publishings { author_roles: AGENCY_ROLE_PROVIDER types: "polku.attendance.v1.Day*" legal_basis: "x"
                  valid_until: "2025-06-30" }
    publishings { authors: "FI/MUN/0187690-1/oulu" types: "polku.referral.v1.CaseClosed" legal_basis: "x" })");
  const Policy policy(agreement);
  EXPECT_TRUE(policy.MayPublish(kProvider, kDayRecorded, kDay));
  EXPECT_TRUE(policy.MayPublish(kProvider, kDayRecorded, CivilDay(2025, 6, 30)));
  EXPECT_FALSE(policy.MayPublish(kProvider, kDayRecorded, CivilDay(2025, 7, 1)));
  EXPECT_FALSE(policy.MayPublish(kOulu, kDayRecorded, kDay));
  EXPECT_FALSE(policy.MayPublish("FI/ORG/1234567-1/muu", kDayRecorded, kDay));
  EXPECT_TRUE(policy.MayPublish(kOulu, "polku.referral.v1.CaseClosed", kDay));
  EXPECT_FALSE(policy.MayPublish(kWellbeing, "polku.referral.v1.CaseClosed", kDay));
}

TEST(Policy, AnotherLogsWordCountsForItsServicesTypesOfAuthorsThatMayAndForNobodyElsesMoney) {
  const auto agreement = With(R"(
    publishings { author_roles: AGENCY_ROLE_PROVIDER types: "polku.attendance.v1.Day*" legal_basis: "x"
                  valid_until: "2025-06-30" }
    publishings { author_roles: AGENCY_ROLE_SOCIAL_SERVICES types: "polku.compensation.v1.*"
                  types: "polku.referral.v1.DecisionMade" legal_basis: "x" })");
  const Policy policy(agreement);
  const std::string days = Str(kProvider, "/attendance/1"), money = Str(kKela, "/compensation/2"),
                    path = Str(kOulu, "/referral/1");
  EXPECT_TRUE(policy.Counts(days, kProvider, kDayRecorded, CivilDay(2025, 6, 30)));
  EXPECT_FALSE(policy.Counts(days, kProvider, kDayRecorded, CivilDay(2025, 7, 1)));
  // Said at another agency's service by one that may; by one that may not; of another service's matter.
  EXPECT_TRUE(policy.Counts(path, kWellbeing, "polku.referral.v1.DecisionMade", kDay));
  EXPECT_FALSE(policy.Counts(path, kOulu, "polku.referral.v1.DecisionMade", kDay));
  EXPECT_FALSE(policy.Counts(days, kWellbeing, "polku.referral.v1.DecisionMade", kDay));
  // Duties: the log's own agency alone, though no line names the type.
  EXPECT_TRUE(policy.Counts(days, kProvider, "polku.attendance.v1.RuleBreachFlagged", kDay));
  EXPECT_FALSE(policy.Counts(days, kKela, "polku.attendance.v1.RuleBreachFlagged", kDay));
  EXPECT_FALSE(policy.Counts(path, kOulu, "polku.attendance.v1.RuleBreachFlagged", kDay));
  // Money, be it of one that may publish it: at its own service alone, or by that service itself.
  EXPECT_FALSE(policy.Counts(money, kWellbeing, "polku.compensation.v1.PaymentPaid", kDay));
  EXPECT_FALSE(policy.Counts(money, kWellbeing, "polku.compensation.v1.TravelGranted", kDay));
  EXPECT_FALSE(policy.Counts(money, kWellbeing, "polku.compensation.v1.AllowanceAccrued", kDay));
  EXPECT_TRUE(policy.Counts(money, kWellbeing, "polku.compensation.v1.TravelClaimed", kDay));
  EXPECT_FALSE(policy.Counts(money, kKela, "polku.compensation.v1.PaymentPaid", kDay));
  EXPECT_TRUE(policy.Counts(money, kKela, "polku.compensation.v1.TravelGranted", kDay));
  // Nobody's log; who has left the agreement, in its own log and in another's; who takes part is judged elsewhere.
  EXPECT_FALSE(policy.Counts("oulu", kOulu, "polku.referral.v1.DecisionMade", kDay));
  EXPECT_TRUE(policy.Counts("FI/ORG/1234567-1/muu/attendance/1", "FI/ORG/1234567-1/muu", kDayRecorded, kDay));
  EXPECT_FALSE(policy.Counts(days, "FI/ORG/1234567-1/muu", kDayRecorded, kDay));
  EXPECT_TRUE(policy.Counts(days, kKela, kPartyAdded, kDay));
}

TEST(Policy, NamesTheAgenciesOfThePartyRulesFieldsOnceAndOnlyThoseOfTheAgreement) {
  const auto agreement = With(R"(
    party_rules { type: "polku.referral.v1.ReferralMade" field: "target_agency" }
    party_rules { type: "polku.referral.v1.NetworkMeetingCalled" field: "invited_agencies" })");
  const Policy policy(agreement);
  referral::v1::ReferralMade referral;
  EXPECT_THAT(policy.Named(referral), IsEmpty());
  referral.set_requester_agency(kOulu);
  referral.set_target_agency(kProvider);
  EXPECT_THAT(policy.Named(referral), ElementsAre(kProvider));
  referral.set_target_agency("FI/ORG/1234567-1/muu");
  EXPECT_THAT(policy.Named(referral), IsEmpty());
  referral::v1::NetworkMeetingCalled meeting;
  for (const char* agency : {kProvider, kKela, kProvider}) meeting.add_invited_agencies(agency);
  EXPECT_THAT(policy.Named(meeting), ElementsAre(kKela, kProvider));
  EXPECT_THAT(policy.Named(referral::v1::CaseClosed()), IsEmpty());
}

TEST(Policy, AReceiverKeepsASectionForTheMonthsOfItsLongestLine) {
  const auto agreement = With(R"(
    retentions { agencies: "FI/GOV/0246246-0/kela" types: "polku.attendance.*" sections: SECTION_KIND_PAYMENT
                 months: 12 legal_basis: "short" }
    retentions { agencies: "FI/GOV/0246246-0/kela" types: "polku.attendance.v1.DayRecorded"
                 sections: SECTION_KIND_PAYMENT months: 72 legal_basis: "long" })");
  const Policy policy(agreement);
  const auto kept = policy.KeptBy(kKela, kDayRecorded, kPayment, CivilDay(2025, 8, 31));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->until, CivilDay(2031, 8, 31));
  EXPECT_EQ(kept->legal_basis, "long");
  const auto other = policy.KeptBy(kKela, "polku.attendance.v1.DayCorrected", kPayment, CivilDay(2024, 2, 29));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->until, CivilDay(2025, 2, 28));
  EXPECT_FALSE(policy.KeptBy(kKela, kDayRecorded, kHealth, kDay));
  EXPECT_FALSE(policy.KeptBy(kOulu, kDayRecorded, kPayment, kDay));
  EXPECT_FALSE(policy.KeptBy(kKela, "polku.referral.v1.CaseClosed", kPayment, kDay));
}

// ---- Explain ----

TEST(Explain, SaysWhichLinesGrantAndWhichWouldOnAnotherDayOrToAParty) {
  const auto agreement = With(kKelaDays + R"(
    sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.attendance.v1.DayRecorded"
               sections: SECTION_KIND_HEALTH legal_basis: "old" valid_until: "2024-12-31" })");
  const Policy policy(agreement);
  const auto party = policy.Explain(kKela, kProvider, kProvider, kDayRecorded, true, kDay);
  ASSERT_TRUE(party.grant);
  EXPECT_EQ(party.grant->sections, Of({kService, kPayment}));
  ASSERT_EQ(party.reasons.size(), 2u);
  EXPECT_EQ(party.reasons[0].kind, Reason::Kind::kGrants);
  EXPECT_EQ(party.reasons[0].line, "kela");
  EXPECT_EQ(party.reasons[0].legal_basis, "1290/2002");
  EXPECT_EQ(party.reasons[0].valid_until, "2025-12-31");
  EXPECT_EQ(party.reasons[1].kind, Reason::Kind::kOtherDay);
  EXPECT_EQ(party.reasons[1].line, "sharings[1]");

  const auto stranger = policy.Explain(kKela, kProvider, kProvider, kDayRecorded, false, kDay);
  EXPECT_FALSE(stranger.grant);
  EXPECT_EQ(stranger.reasons[0].kind, Reason::Kind::kNoParty);

  const auto nothing = policy.Explain(kOulu, kProvider, kProvider, kDayRecorded, true, kDay);
  EXPECT_FALSE(nothing.grant);
  ASSERT_EQ(nothing.reasons.size(), 1u);
  EXPECT_EQ(nothing.reasons[0].kind, Reason::Kind::kNothing);
}

// What is explained is what is done, for every agency, author, type and day of the demo.
TEST(Explain, AgreesWithGrantsForEveryQuestionAboutTheDemo) {
  const auto agreement = DemoAgreement();
  const Policy policy(agreement);
  const auto types = {std::string(kDayRecorded), std::string(kPartyAdded),
                      std::string("polku.referral.v1.BenefitRecorded"),
                      std::string("polku.access.v1.AccessRecorded"),
                      std::string("polku.compensation.v1.AllowanceAccrued")};
  size_t granted = 0;
  for (const auto& type : types) {
    for (const auto& author : agreement.agencies()) {
      for (const auto& receiver : agreement.agencies()) {
        for (bool party : {false, true}) {
          for (const absl::CivilDay day : {CivilDay(2022, 1, 1), kDay}) {
            const Parties parties = party ? Parties{receiver.name()} : Parties{};
            std::optional<Grant> granted_here;
            for (const Grant& grant :
                 policy.Grants(author.name(), author.name(), type, parties, day)) {
              if (grant.receiver == receiver.name()) granted_here = grant;
            }
            const auto explained = policy.Explain(receiver.name(), author.name(), author.name(),
                                                  type, party, day);
            EXPECT_EQ(explained.grant, granted_here)
                << type << " of " << author.name() << " for " << receiver.name();
            granted += granted_here ? 1 : 0;
          }
        }
      }
    }
  }
  EXPECT_GT(granted, 50u);
}

// ---- CheckAgreement ----

TEST(CheckAgreement, TakesWhatShipsJoined) {
  EXPECT_EQ(CheckAgreement(DemoAgreement()), std::nullopt);
}

struct Bad {
  const char* lines;
  std::vector<const char*> says;
};

TEST(CheckAgreement, NamesTheLineAndTheRemedy) {
  const std::vector<Bad> all = {
      {R"(agencies { name: "FI/GOV/0246246-0/kela" roles: AGENCY_ROLE_AUDITOR })", {"kela", "twice"}},
      {R"(agencies { name: "Kela" roles: AGENCY_ROLE_AUDITOR })", {"agencies", "Kela"}},
      {R"(agencies { name: "FI/GOV/7654321-2/x" })", {"7654321-2/x", "no role"}},
      {R"(sharings { receivers: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "x" })",
       {"sharings[0]", "publishers"}},
      {R"(sharings { publishers: "*" types: "polku.*" legal_basis: "x" })", {"sharings[0]", "receiver_roles"}},
      {R"(sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" legal_basis: "x" })",
       {"sharings[0]", "types"}},
      {R"(sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*" })",
       {"sharings[0]", "legal_basis"}},
      {R"(sharings { publishers: "*" receivers: "*" types: "polku.*" legal_basis: "x" })",
       {"sharings[0]", "receiver *", "not among the agencies"}},
      {R"(sharings { publishers: "FI/X/Y/z" receivers: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "x" })",
       {"publisher FI/X/Y/z"}},
      {R"(sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.atendance.*" legal_basis: "x" })",
       {"sharings[0]", "polku.atendance.*", "no event type"}},
      {R"(sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "x"
          sections: SECTION_KIND_UNSPECIFIED })",
       {"sharings[0]", "section 0"}},
      {R"(sharings { publishers: "*" receiver_roles: AGENCY_ROLE_UNSPECIFIED types: "polku.*" legal_basis: "x" })",
       {"sharings[0]", "receiver_roles", "no role"}},
      {R"(sharings { publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "x"
          valid_from: "1.1.2025" })",
       {"sharings[0]", "valid_from", "2025-03-31"}},
      {R"(sharings { id: "a" publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "x"
          valid_from: "2025-02-01" valid_until: "2025-01-31" })",
       {"a:", "valid_until is before valid_from"}},
      {R"(sharings { id: "a" publishers: "*" receivers: "FI/GOV/0246246-0/kela" types: "polku.*" legal_basis: "x" }
          publishings { id: "a" author_roles: AGENCY_ROLE_PROVIDER types: "polku.*" legal_basis: "x" })",
       {"publishings[0]", "a is there twice"}},
      {R"(publishings { id: "a b" author_roles: AGENCY_ROLE_PROVIDER types: "polku.*" legal_basis: "x" })",
       {"publishings[0]", "id"}},
      {R"(publishings { types: "polku.*" legal_basis: "x" })", {"publishings[0]", "author_roles"}},
      {R"(publishings { authors: "*" types: "polku.*" legal_basis: "x" })", {"author *", "name a role"}},
      {R"(publishings { author_roles: AGENCY_ROLE_PROVIDER types: "polku.*" })", {"legal_basis"}},
      {R"(party_rules { type: "polku.referral.v1.ReferralMad" field: "target_agency" })",
       {"party_rules[0]", "no event type"}},
      {R"(party_rules { type: "polku.referral.v1.ReferralMade" field: "target" })",
       {"party_rules[0]", "no string field 'target'"}},
      {R"(party_rules { type: "polku.referral.v1.ReferralMade" field: "status" })", {"no string field"}},
      {R"(party_rules { type: "polku.access.v1.PartyAdded" field: "cause_event_id" })", {"no string field"}},
      {R"(party_rules { type: "polku.referral.v1.SocialServiceNoted" field: "agency" })",
       {"party_rules[0]", "social section"}},
      {R"(party_rules { type: "polku.referral.v1.ReferralMade" field: "target_agency" })",
       {"party_rules[0]", "no line of publishings"}},
      {R"(retentions { agencies: "FI/GOV/0246246-0/kela" types: "polku.*" months: 12 legal_basis: "x" })",
       {"retentions[0]", "sections"}},
      {R"(retentions { agencies: "FI/GOV/0246246-0/kela" types: "polku.*" sections: SECTION_KIND_PAYMENT
          legal_basis: "x" })",
       {"retentions[0]", "months"}},
      {R"(retentions { agencies: "FI/X/Y/z" types: "polku.*" sections: SECTION_KIND_PAYMENT months: 1
          legal_basis: "x" })",
       {"retentions[0]", "agency FI/X/Y/z"}},
  };
  EXPECT_EQ(CheckAgreement(With("")), std::nullopt);
  for (const Bad& bad : all) {
    const auto problem = CheckAgreement(With(bad.lines));
    ASSERT_TRUE(problem) << bad.lines;
    for (const char* text : bad.says) EXPECT_THAT(*problem, HasSubstr(text)) << bad.lines;
  }
  EXPECT_THAT(CheckAgreement(config::v1::Agreement()), Optional(HasSubstr("agencies")));
}

}  // namespace
}  // namespace polku::access
