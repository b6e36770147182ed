// Who may publish what by the agreements that ship (deploy/agreements): every event type by every role, written
// down a second time. A changed line fails here, and so does an event type that nobody decided on.
#include <map>
#include <set>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/access/case_access.h"
#include "services/access/policy.h"
#include "services/core/codec.h"
#include "tests/access/agreement_text.h"

namespace polku::access {
namespace {

using config::v1::AgencyRole;

// The columns: employment services, employment authority, social services, provider, benefit payer, health care,
// auditor. Below: x may publish, - may not; "duty": the service says it by itself; "key": the service's own
// configuration says whose key may.
constexpr std::array<std::string_view, 7> kColumns = {"es", "ea", "soc", "prov", "pay", "hc", "aud"};
constexpr std::array<AgencyRole, 7> kRoles = {
    config::v1::AGENCY_ROLE_EMPLOYMENT_SERVICES, config::v1::AGENCY_ROLE_EMPLOYMENT_AUTHORITY,
    config::v1::AGENCY_ROLE_SOCIAL_SERVICES,     config::v1::AGENCY_ROLE_PROVIDER,
    config::v1::AGENCY_ROLE_BENEFIT_PAYER,       config::v1::AGENCY_ROLE_HEALTH_CARE,
    config::v1::AGENCY_ROLE_AUDITOR};

constexpr std::string_view kMatrix = R"(
polku.referral.v1.                     es ea soc prov pay hc aud
  ClientIdentified                     x  x  x   x    x   x  -
  NeedIdentified                       x  x  x   x    x   x  -
  ServiceNeedAssessed                  x  -  x   -    -   -  -
  PlanDrafted                          -  x  x   x    -   -  -
  PlanSigned                           x  x  x   x    -   -  -
  ReferralMade                         x  x  x   -    -   -  -
  ReferralStatusChanged                x  x  x   x    -   -  -
  PlaceAnswered                        -  -  -   x    -   -  -
  IntroductoryVisitArranged            x  x  x   -    -   -  -
  IntroductoryVisitHeld                x  x  x   x    -   -  -
  NetworkMeetingCalled                 x  -  x   x    -   -  -
  NetworkMeetingHeld                   x  -  x   x    -   -  -
  CommitmentConfirmed                  x  x  x   x    x   x  -
  AgreementMade                        x  -  x   -    -   -  -
  DecisionMade                         -  -  x   -    -   -  -
  AuthorityNotified                    x  -  x   -    -   -  -
  PayerStatementGiven                  -  x  -   -    -   -  -
  ServiceStarted                       -  -  x   x    -   -  -
  ServiceExtended                      -  -  x   -    -   -  -
  ServiceChanged                       -  -  x   x    -   -  -
  ServiceInterrupted                   -  -  x   x    -   -  -
  ServiceResumed                       -  -  x   x    -   -  -
  ServiceEnded                         -  -  x   x    -   -  -
  FollowUpRecorded                     x  -  x   -    -   -  -
  CaseManagerNamed                     x  x  x   x    -   -  -
  NoCaseManagerNamed                   x  x  x   x    -   -  -
  OrganiserTransferred                 x  x  x   x    x   x  -
  CasesLinked                          x  x  x   -    -   -  -
  CasesUnlinked                        x  x  x   -    -   -  -
  SocialServiceNoted                   x  x  x   x    -   x  -
  HealthServiceNoted                   x  -  x   -    -   x  -
  BenefitRecorded                      x  x  x   -    x   -  -
  CaseClosed                           -  -  x   -    -   -  -
  PlaceListed                          x  -  x   x    -   -  -
  PlaceWithdrawn                       x  -  x   x    -   -  -
polku.attendance.v1.                   es ea soc prov pay hc aud
  PeriodOpened                         duty
  PeriodClosed                         duty
  DayRecorded                          -  -  -   x    -   -  -
  DayCorrected                         -  -  -   x    -   -  -
  DaysPlanned                          -  -  -   x    -   -  -
  MonthConfirmed                       -  -  -   x    -   -  -
  DayCorrectionProposed                -  -  -   x    -   -  -
  DayCorrectionDecided                 -  -  x   x    -   -  -
  GroupJoined                          -  -  -   x    -   -  -
  GroupLeft                            -  -  -   x    -   -  -
  AlertRaised                          duty
  AlertCleared                         duty
  AbsenceNoticeSent                    duty
  RuleBreachFlagged                    duty
  RuleBreachCleared                    duty
  VisitorsCounted                      x  -  x   x    -   -  -
polku.compensation.v1.                 es ea soc prov pay hc aud
  AllowanceAccrued                     duty
  AllowanceReversed                    duty
  TravelMeansChosen                    -  -  x   -    -   -  -
  TravelClaimed                        x  -  x   x    -   -  -
  TravelClaimRejected                  -  -  x   -    -   -  -
  TravelGranted                        -  -  x   -    -   -  -
  TravelReversed                       -  -  x   -    -   -  -
  PerkGiven                            -  -  x   x    -   -  -
  PerkWithdrawn                        -  -  x   x    -   -  -
  PaymentProposed                      -  -  x   -    x   -  -
  PaymentApproved                      -  -  x   -    x   -  -
  PaymentPaid                          -  -  x   -    x   -  -
  PaymentRejected                      -  -  x   -    x   -  -
  PaymentReversed                      -  -  x   -    x   -  -
polku.assessment.v1.                   es ea soc prov pay hc aud
  AssessmentDue                        duty
  FeedbackDue                          duty
  DueCancelled                         duty
  KykyviisariRecorded                  x  x  x   x    -   x  -
  InterimEvaluationMade                -  -  -   x    -   -  -
  FinalEvaluationMade                  -  -  -   x    -   -  -
  WorkAbilityAssessed                  -  -  x   x    -   -  -
  FeedbackGiven                        x  x  x   x    -   x  -
  CompetenceRecognised                 -  -  -   x    -   -  -
polku.access.v1.                       es ea soc prov pay hc aud
  PartyAdded                           x  x  x   -    -   -  -
  PartyRemoved                         x  x  x   -    -   -  -
  Disclosed                            duty
  CorrectionRequested                  x  x  x   x    x   x  -
  CorrectionDecided                    x  x  x   x    x   x  -
  AccessRecorded                       key
  ErasureRequested                     key
  ErasureConfirmed                     key
  ErasureCancelled                     key
)";

struct Row {
  std::string type;
  std::set<AgencyRole> authors;
  std::string instead;  // "duty", "key", or empty
};

std::vector<Row> Rows() {
  std::vector<Row> rows;
  std::istringstream lines{std::string(kMatrix)};
  std::string package;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, cell;
    if (!(words >> first)) continue;
    if (first.ends_with(".")) {
      package = first;
      for (std::string_view column : kColumns) {
        EXPECT_TRUE(words >> cell && cell == column) << line;
      }
      continue;
    }
    Row row{package + first, {}, {}};
    for (size_t i = 0; words >> cell; ++i) {
      if (cell == "duty" || cell == "key") {
        row.instead = cell;
      } else if (i >= kRoles.size() || (cell != "x" && cell != "-")) {
        ADD_FAILURE() << line;
      } else if (cell == "x") {
        row.authors.insert(kRoles[i]);
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// An agency of each role alone, and the lines that ship.
struct World {
  World() : agreement(Shipped({"agreements/taulukko-1.textproto", "agreements/osapuolet.textproto"})) {
    for (AgencyRole role : kRoles) {
      auto& agency = *agreement.add_agencies();
      agency.set_name(AgencyOf(role));
      agency.add_roles(role);
    }
  }
  static std::string AgencyOf(AgencyRole role) {
    return "FI/MUN/0187690-1/role-" + std::to_string(static_cast<int>(role));
  }
  config::v1::Agreement agreement;
};

TEST(WorkDivision, TheLinesThatShipAreAnAgreementWithAgenciesOfEveryRole) {
  EXPECT_EQ(CheckAgreement(World().agreement), std::nullopt);
}

TEST(WorkDivision, EveryEventTypeStandsInTheTableOnce) {
  std::vector<std::string> in_table, in_program;
  for (const Row& row : Rows()) in_table.push_back(row.type);
  for (const auto* type : service::AllEventTypes()) in_program.push_back(type->full_name());
  EXPECT_THAT(in_table, ::testing::UnorderedElementsAreArray(in_program));
}

TEST(WorkDivision, EveryRoleMayPublishExactlyWhatTheTableSays) {
  const World world;
  const Policy policy(world.agreement);
  for (const Row& row : Rows()) {
    EXPECT_EQ(row.authors.empty(), !row.instead.empty()) << row.type << ": somebody must say it";
    for (AgencyRole role : kRoles) {
      for (const absl::CivilDay day : {absl::CivilDay(2015, 1, 1), absl::CivilDay(2030, 1, 1)}) {
        EXPECT_EQ(policy.MayPublish(World::AgencyOf(role), row.type, day), row.authors.contains(role))
            << row.type << " by " << config::v1::AgencyRole_Name(role);
      }
    }
  }
}

TEST(WorkDivision, ReadsAndErasuresAndTheServicesOwnAccessEventsAreThoseOfTheRoom) {
  std::set<std::string> by_key, by_service;
  for (const Row& row : Rows()) {
    if (row.instead == "key") by_key.insert(row.type);
    if (row.instead == "duty" && row.type.starts_with("polku.access.")) by_service.insert(row.type);
  }
  std::set<std::string> in_stream;
  for (std::string_view type : AccessEventTypes()) {
    if (BelongsInAccessStream(type)) in_stream.emplace(type);
  }
  EXPECT_EQ(by_key, in_stream);
  EXPECT_THAT(by_service, ::testing::ElementsAre("polku.access.v1.Disclosed"));
}

TEST(WorkDivision, AnEventThatNamesAnAgencyIsOneThatSomebodyMayPublish) {
  const World world;
  std::set<std::string> open;
  for (const Row& row : Rows()) {
    if (!row.authors.empty()) open.insert(row.type);
  }
  ASSERT_EQ(world.agreement.party_rules_size(), 10);
  for (const auto& rule : world.agreement.party_rules()) EXPECT_TRUE(open.contains(rule.type()));
}

}  // namespace
}  // namespace polku::access
