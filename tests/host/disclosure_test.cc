#include "services/host/disclosure.h"

#include <map>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace polku::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

config::v1::Agreement Parse(const std::string& text) {
  config::v1::Agreement agreement;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &agreement));
  return agreement;
}

SectionSet Sections(std::initializer_list<SectionKind> kinds) {
  SectionSet set;
  for (SectionKind kind : kinds) set.add(kind);
  return set;
}
const SectionSet kAll =
    Sections({SectionKind::kService, SectionKind::kIdentity, SectionKind::kSocial,
              SectionKind::kHealth, SectionKind::kPayment});

// (receiver, sections) of each target, in order.
std::vector<std::pair<std::string, SectionSet>> Targets(DisclosurePolicy& policy,
                                                        std::string_view type,
                                                        SectionSet present = kAll) {
  std::vector<std::pair<std::string, SectionSet>> targets;
  for (const auto& target : policy.For(type, present)) {
    targets.emplace_back(target.receiver, target.sections);
  }
  return targets;
}

class DisclosureTest : public ::testing::Test {
 protected:
  const config::v1::Agreement agreement_ = Parse(R"(
    sharings {
      publishers: "FI/ORG/own/x" receivers: "FI/ORG/b/x" receivers: "FI/ORG/a/x"
      types: "polku.referral.v1.Need*" sections: SECTION_KIND_SERVICE legal_basis: "1"
    }
    sharings {
      publishers: "*" receivers: "FI/ORG/b/x" types: "polku.referral.v1.NeedIdentified"
      sections: SECTION_KIND_SOCIAL sections: SECTION_KIND_HEALTH legal_basis: "2"
    }
    sharings {
      publishers: "FI/ORG/other/x" receivers: "FI/ORG/c/x" types: "*"
      sections: SECTION_KIND_IDENTITY legal_basis: "3"
    }
    sharings {
      publishers: "FI/ORG/own/x" receivers: "FI/ORG/header/x" types: "polku.referral.v1.CaseClosed"
      legal_basis: "4"
    }
    sharings {
      publishers: "*" receivers: "FI/ORG/own/x" types: "polku.attendance.*"
      sections: SECTION_KIND_SERVICE legal_basis: "5"
    })");
  DisclosurePolicy policy_{agreement_, "FI/ORG/own/x", Position(7)};
};

TEST_F(DisclosureTest, WhatNoSharingNamesGoesToNobody) {
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.PlanDrafted"), IsEmpty());
  EXPECT_THAT(Targets(policy_, ""), IsEmpty());
  const config::v1::Agreement empty;
  DisclosurePolicy closed(empty, "FI/ORG/own/x", Position(1));
  EXPECT_THAT(Targets(closed, "polku.referral.v1.NeedIdentified"), IsEmpty());
}

TEST_F(DisclosureTest, SharingsAddUpAndReceiversAscend) {
  EXPECT_THAT(
      Targets(policy_, "polku.referral.v1.NeedIdentified"),
      ElementsAre(Pair("FI/ORG/a/x", Sections({SectionKind::kService})),
                  Pair("FI/ORG/b/x", Sections({SectionKind::kService, SectionKind::kSocial,
                                               SectionKind::kHealth}))));
}

TEST_F(DisclosureTest, AStarMatchesAnyEndingAndANameWithoutOneOnlyItself) {
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.NeedAnswered"),
              ElementsAre(Pair("FI/ORG/a/x", Sections({SectionKind::kService})),
                          Pair("FI/ORG/b/x", Sections({SectionKind::kService}))));
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.NeedIdentifiedTwice"),
              ElementsAre(Pair("FI/ORG/a/x", Sections({SectionKind::kService})),
                          Pair("FI/ORG/b/x", Sections({SectionKind::kService}))));
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.Nee"), IsEmpty());
  EXPECT_THAT(Targets(policy_, "polku.referral.v2.NeedIdentified"), IsEmpty());
}

TEST_F(DisclosureTest, OnlySectionsThatTheEventHasAreNamed) {
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.NeedIdentified",
                      Sections({SectionKind::kHealth, SectionKind::kPayment})),
              ElementsAre(Pair("FI/ORG/a/x", SectionSet()),
                          Pair("FI/ORG/b/x", Sections({SectionKind::kHealth}))));
  // And the narrowing does not stick.
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.NeedIdentified", Sections({SectionKind::kService})),
              ElementsAre(Pair("FI/ORG/a/x", Sections({SectionKind::kService})),
                          Pair("FI/ORG/b/x", Sections({SectionKind::kService}))));
}

TEST_F(DisclosureTest, ASharingWithoutSectionsGivesTheHeaderAlone) {
  EXPECT_THAT(Targets(policy_, "polku.referral.v1.CaseClosed"),
              ElementsAre(Pair("FI/ORG/header/x", SectionSet())));
}

TEST_F(DisclosureTest, TheOwnAgencyIsAReceiverWhenASharingNamesItForItsOtherServices) {
  EXPECT_THAT(Targets(policy_, "polku.attendance.v1.DayRecorded"),
              ElementsAre(Pair("FI/ORG/own/x", Sections({SectionKind::kService}))));
}

TEST_F(DisclosureTest, EveryTargetCitesTheAgreementEntry) {
  for (const auto& target : policy_.For("polku.referral.v1.NeedIdentified", kAll)) {
    EXPECT_EQ(target.agreement, Position(7));
  }
}

}  // namespace
}  // namespace polku::host
