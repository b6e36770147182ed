#include "services/core/finnish_ids.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace polku::service {
namespace {

using testing::SeededGenerator;
using testing::TestSeed;

// All codes here have individual numbers 900-999, which are given to nobody.

TEST(PersonalIdentityCode, TellsDaySexAndThatItIsForTests) {
  const auto identity = ParsePersonalIdentityCode("010190-900P");
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->born, absl::CivilDay(1990, 1, 1));
  EXPECT_TRUE(identity->female);
  EXPECT_TRUE(identity->for_tests);
  EXPECT_FALSE(ParsePersonalIdentityCode("311299-9019")->female);
}

TEST(PersonalIdentityCode, HasTheSeparatorsOf2023InTheirCenturies) {
  for (const char* code : {"010594Y9032", "010594Y9021", "020594X903P", "020594X902N",
                           "030594W903B", "030694W9024", "040594V9030", "040594V902Y",
                           "050594U903M", "050594U902L"}) {
    const auto identity = ParsePersonalIdentityCode(code);
    ASSERT_TRUE(identity.has_value()) << code;
    EXPECT_EQ(identity->born.year(), 1994) << code;
  }
  for (const char* code : {"010516B903X", "010516B902W", "020516C903K", "020516C902J",
                           "030516D9037", "030516D9026"}) {
    const auto identity = ParsePersonalIdentityCode(code);
    ASSERT_TRUE(identity.has_value()) << code;
    EXPECT_EQ(identity->born.year(), 2016) << code;
  }
  for (const char* code : {"010501E9032", "020502E902X", "020503F9037", "020504A902E",
                           "020504B904H", "290204A903F"}) {
    EXPECT_TRUE(ParsePersonalIdentityCode(code).has_value()) << code;
  }
  EXPECT_EQ(ParsePersonalIdentityCode("010101+904V")->born.year(), 1801);
}

TEST(PersonalIdentityCode, RefusesWhatIsNotOne) {
  for (const char* code :
       {"", "010190-900", "010190-900PP", " 010190-900P", "010190-900P ", "010190-900p",
        "010190a900P", "010190G900P", "010190Z900P", "010190900P", "010190 900P", "01O190-900P",
        "010190-9O0P", "010190-900R", "010190-901P", "110190-900P", "320190-900P", "000190-900P",
        "011390-900P", "010090-900P",
        "310490-900P",    // no such day
        "290200-902D",    // 1900 was no leap year
        "290201A903F"}) {
    EXPECT_FALSE(ParsePersonalIdentityCode(code).has_value()) << code;
  }
}

TEST(PersonalIdentityCode, RefusesIndividualNumbersThatAreNeverGiven) {
  constexpr std::string_view kCheck = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  for (const char* number : {"000", "001"}) {
    const int remainder = static_cast<int>((10190LL * 1000 + std::stoi(number)) % 31);
    const std::string code =
        std::string("010190-") + number + kCheck[static_cast<size_t>(remainder)];
    EXPECT_FALSE(ParsePersonalIdentityCode(code).has_value()) << code;
  }
}

TEST(PersonalIdentityCode, NoticesEverySingleWrongCharacter) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFHJKLMNPRSTUVWXYGIOQZ-+ ";
  const std::string code = "010594Y9032";
  for (size_t i = 0; i < code.size(); ++i) {
    for (char other : kAlphabet) {
      if (other == code[i]) continue;
      std::string wrong = code;
      wrong[i] = other;
      // A separator of the same century is another person's code of the same date: valid.
      if (i == 6 && ParsePersonalIdentityCode(wrong)) continue;
      EXPECT_FALSE(ParsePersonalIdentityCode(wrong).has_value()) << wrong;
    }
  }
}

TEST(PersonalIdentityCode, IsFoundInsideASentence) {
  EXPECT_TRUE(ContainsPersonalIdentityCode("010190-900P"));
  EXPECT_TRUE(ContainsPersonalIdentityCode("asiakas (010190-900p), kevät"));
  EXPECT_TRUE(ContainsPersonalIdentityCode("hetu:010594Y9032."));
  EXPECT_TRUE(ContainsPersonalIdentityCode("1 01 010101+904V"));
}

TEST(PersonalIdentityCode, IsNotFoundWhereThereIsNone) {
  for (const char* text : {"", "010190-900", "x010190-900P", "010190-900P7", "010190-900R",
                           "place-010190", "2025-03-03", "0187690-1", "123456789012345678901234"}) {
    EXPECT_FALSE(ContainsPersonalIdentityCode(text)) << text;
  }
}

TEST(Iban, AcceptsExamplesOfTheStandard) {
  for (const char* iban : {"FI2112345600000785", "DE89370400440532013000",
                           "GB29NWBK60161331926819", "NO9386011117947",
                           "MT84MALT011000012345MTLCAST001S"}) {
    EXPECT_TRUE(IsValidIban(iban)) << iban;
  }
}

TEST(Iban, RefusesWhatIsNotOne) {
  for (const char* iban :
       {"", "FI", "FI21", "FI2112345600000786", "FI2212345600000785", "fi2112345600000785",
        "FI21 1234 5600 0007 85", "FI211234560000078", "FI21123456000007850",
        "FI2112345600000A85", "2112345600000785FI", "FIX112345600000785", "DE8937040044053201300Ö",
        "FI0012345600000785", "FI0112345600000785", "FI9912345600000785",
        "GB29NWBK601613319268190000000000000"}) {
    EXPECT_FALSE(IsValidIban(iban)) << iban;
  }
}

TEST(Iban, NoticesEverySwapOfNeighbours) {
  const std::string iban = "FI2112345600000785";
  for (size_t i = 2; i + 1 < iban.size(); ++i) {
    if (iban[i] == iban[i + 1]) continue;
    std::string wrong = iban;
    std::swap(wrong[i], wrong[i + 1]);
    EXPECT_FALSE(IsValidIban(wrong)) << wrong;
  }
}

TEST(ReferenceNumber, GetsItsCheckDigit) {
  EXPECT_EQ(MakeReferenceNumber("123456"), "1234561");
  EXPECT_EQ(MakeReferenceNumber("100"), "1009");
  EXPECT_TRUE(IsValidReferenceNumber("1234561"));
  EXPECT_TRUE(IsValidReferenceNumber("00000000000001234561"));
}

TEST(ReferenceNumber, RefusesWhatIsNotOne) {
  for (const char* number : {"", "1", "123", "0000", "1234560", "12345 61", "RF18539007547034",
                             "-234561", "000000000000001234561", "123456O"}) {
    EXPECT_FALSE(IsValidReferenceNumber(number)) << number;
  }
  for (const char* base : {"", "12", "000", "12345678901234567890", "12a4", " 123"}) {
    EXPECT_FALSE(MakeReferenceNumber(base).has_value()) << base;
  }
}

TEST(ReferenceNumber, HoldsForEveryBaseAndForNoOtherCheckDigit) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 500; ++round) {
    std::string base(3 + random.Below(17), '0');
    for (char& digit : base) digit = static_cast<char>('0' + random.Below(10));
    base[0] = '1';
    const auto number = MakeReferenceNumber(base);
    ASSERT_TRUE(number.has_value()) << base;
    int valid = 0;
    for (char digit = '0'; digit <= '9'; ++digit) valid += IsValidReferenceNumber(base + digit);
    EXPECT_EQ(valid, 1) << base;
    EXPECT_TRUE(IsValidReferenceNumber(*number)) << base;
  }
}

TEST(FinnishIds, StandRandomText) {
  SeededGenerator random(TestSeed());
  for (int round = 0; round < 5000; ++round) {
    const std::string text = random.Bytes(random.Below(40));
    ParsePersonalIdentityCode(text);
    ContainsPersonalIdentityCode(text);
    IsValidIban(text);
    IsValidReferenceNumber(text);
    MakeReferenceNumber(text);
  }
}

}  // namespace
}  // namespace polku::service
