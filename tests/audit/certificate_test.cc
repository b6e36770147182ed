#include "services/audit/certificate.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "polku/assessment/v1/assessment.pb.h"
#include "polku/referral/v1/referral.pb.h"

namespace polku::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CertificateTest : public ::testing::Test {
 protected:
  template <typename T>
  void Add(const std::string& text, bool sealed = false, bool counts = true) {
    T body;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &body)) << text;
    event::v1::Header header;
    EventId id;
    id.data()[0] = ++number_;
    CaseId case_id;
    case_id.data()[0] = 1;
    SectionSet sections;
    if (sealed) sections.add(SectionKind::kSocial);
    fold_.Add({.log = kOwnLog,
               .origin = "o/1",
               .position = Position(number_),
               .header = header,
               .id = id,
               .case_id = case_id,
               .opened = {},
               .sealed = sections,
               .body = &body,
               .bytes = {},
               .counts = counts});
  }

  CertificateFold fold_;
  uint8_t number_ = 0;
};

TEST_F(CertificateTest, WhatWasRecognisedIsListedByDay) {
  Add<referral::v1::ClientIdentified>(R"(given_names: "Aino" family_name: "Esimerkki")");
  Add<assessment::v1::CompetenceRecognised>(
      R"(recognised_on: "2025-05-27" competences: "omavalvonta" competences: "annostelu")");
  Add<assessment::v1::CompetenceRecognised>(
      R"(recognised_on: "2025-04-01" competences: "hygienia" qualification_code: "KEI-1" competence_points: 3)");
  const Certificate certificate = fold_.Finish();
  EXPECT_EQ(certificate.given_names, "Aino");
  EXPECT_EQ(certificate.family_name, "Esimerkki");
  ASSERT_THAT(certificate.recognised, SizeIs(2));
  EXPECT_THAT(certificate.recognised[0].competences, ElementsAre("hygienia"));
  EXPECT_EQ(certificate.recognised[0].points, 3u);
  EXPECT_THAT(certificate.recognised[1].competences, ElementsAre("omavalvonta", "annostelu"));
}

TEST_F(CertificateTest, WhatDoesNotCountIsLeftOut) {
  Add<assessment::v1::CompetenceRecognised>(R"(recognised_on: "2025-05-27" competences: "A")", false, false);
  Add<assessment::v1::CompetenceRecognised>(R"(recognised_on: "2025-05-27" competences: "B")");
  ASSERT_THAT(fold_.Finish().recognised, SizeIs(1));
  EXPECT_THAT(fold_.Finish().recognised[0].competences, ElementsAre("B"));
}

TEST_F(CertificateTest, WhoHasAPartInTheServiceIsNoSchool) {
  Add<referral::v1::ReferralMade>(
      R"(requester_agency: "FI/MUN/0187690-1/oulu" target_agency: "FI/ORG/9999992-5/toimintatupa")");
  Add<referral::v1::ServiceStarted>(R"(period_id: "p" provider_agency: "FI/ORG/9999996-8/tyosaatio")");
  for (const char* institution : {"FI/MUN/0187690-1/oulu", "FI/ORG/9999992-5/toimintatupa", "FI/ORG/9999996-8/tyosaatio",
                                  "FI/EDU/9999993-3/opisto"}) {
    Add<assessment::v1::CompetenceRecognised>(std::string("recognised_on: \"2025-05-27\" competences: \"A\" ") +
                                              "institution_agency: \"" + institution + "\"");
  }
  std::vector<std::string> shown;
  for (const auto& one : fold_.Finish().recognised) shown.push_back(one.institution_agency);
  EXPECT_THAT(shown, ElementsAre("", "", "", "FI/EDU/9999993-3/opisto"));
}

TEST_F(CertificateTest, WhatMayNotBeOpenedIsCounted) {
  Add<assessment::v1::CompetenceRecognised>(R"(recognised_on: "2025-05-27")", true);
  EXPECT_THAT(fold_.Finish().recognised, IsEmpty());
  EXPECT_EQ(fold_.Finish().sealed, 1u);
}

}  // namespace
}  // namespace polku::audit
