#include "eventstore/base/ids.h"

#include <type_traits>
#include <unordered_set>

#include "absl/container/flat_hash_set.h"
#include "eventstore/base/money.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace polku {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using ::testing::Optional;
using testing::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

template <typename A, typename B>
concept Comparable = requires(A a, B b) {
  a == b;
};
template <typename A, typename B>
concept Ordered = requires(A a, B b) {
  a < b;
};
template <typename A, typename B>
concept Addable = requires(A a, B b) {
  a + b;
};

// Numbers of different meaning neither convert nor compare, and do no arithmetic.
static_assert(!std::is_convertible_v<uint64_t, Position>);
static_assert(!std::is_convertible_v<Position, uint64_t>);
static_assert(!std::is_constructible_v<Position, Revision>);
static_assert(!std::is_constructible_v<Revision, Position>);
static_assert(!std::is_constructible_v<Order, Position>);
static_assert(!std::is_constructible_v<LogNumber, Position>);
static_assert(!std::is_assignable_v<Position&, Revision>);
static_assert(!std::is_assignable_v<Position&, uint64_t>);
static_assert(!std::is_constructible_v<bool, Position>);
static_assert(!Comparable<Position, Revision> && !Ordered<Position, Order>);
static_assert(!Comparable<Position, uint64_t> && !Comparable<Position, int>);
static_assert(!Addable<Position, Position> && !Addable<Position, int>);
static_assert(Comparable<Position, Position> && Ordered<Position, Position>);

static_assert(!std::is_convertible_v<CaseId, EventId>);
static_assert(!std::is_constructible_v<EventId, CaseId>);
static_assert(!std::is_constructible_v<Hash, std::string>);
static_assert(!std::is_convertible_v<std::array<uint8_t, 16>, CaseId>);
static_assert(!std::is_convertible_v<CaseId, std::string_view>);
static_assert(!Comparable<CaseId, EventId> && !Comparable<CaseId, Hash>);
static_assert(!Comparable<CaseId, std::string_view>);
static_assert(Comparable<CaseId, CaseId> && Ordered<CaseId, CaseId>);

static_assert(!std::is_constructible_v<OriginName, std::string>);
static_assert(!Comparable<OriginName, std::string>);
static_assert(!std::is_convertible_v<SectionKind, int>);
static_assert(!std::is_convertible_v<int64_t, Cents> && !std::is_convertible_v<double, Cents>);
static_assert(!std::is_convertible_v<Cents, int64_t> && !Comparable<Cents, int64_t>);

static_assert(std::is_trivially_copyable_v<Position> && sizeof(Position) == 8);
static_assert(std::is_trivially_copyable_v<Hash> && sizeof(Hash) == 32);

TEST(StrongInt, ComparesHashesAndCountsByItsValue) {
  EXPECT_EQ(Position(7), Position(7));
  EXPECT_LT(Position(7), Position(8));
  EXPECT_EQ(Position(7).next(), Position(8));
  EXPECT_EQ(Position().value(), 0u);
  EXPECT_EQ(kOwnLog, LogNumber());
  EXPECT_EQ((std::unordered_set<Position>{Position(1), Position(1), Position(2)}).size(), 2u);
  EXPECT_EQ((absl::flat_hash_set<Position>{Position(1), Position(1), Position(2)}).size(), 2u);
}

TEST(FixedBytes, ComparesLikeItsBytesUnsigned) {
  const CaseId low = *CaseId::FromBytes(std::string(16, '\x01'));
  const CaseId high = *CaseId::FromBytes(std::string(16, '\xff'));
  EXPECT_LT(low, high);
  EXPECT_EQ((absl::flat_hash_set<CaseId>{low, high, low}).size(), 2u);
  EXPECT_TRUE(CaseId().is_zero());
  EXPECT_FALSE(low.is_zero());
  EXPECT_EQ(low.view(), std::string(16, '\x01'));
}

TEST(FixedBytes, RefusesAnyOtherLength) {
  for (size_t size : {0, 1, 15, 17, 32}) {
    EXPECT_EQ(CaseId::FromBytes(std::string(size, 'x')), std::nullopt) << size;
  }
  EXPECT_EQ(Hash::FromBytes(std::string(31, 'x')), std::nullopt);
}

TEST(Ids, AreReadWithAndWithoutHyphensAndWrittenInOneForm) {
  const std::string_view plain = "00112233445566778899aabbccddeeff";
  const std::string_view hyphens = "00112233-4455-6677-8899-AABBCCDDEEFF";
  EXPECT_EQ(ParseCaseId(plain), ParseCaseId(hyphens));
  EXPECT_EQ(FormatCaseId(*ParseCaseId(hyphens)), plain);
  EXPECT_EQ(FormatEventId(*ParseEventId(plain)), "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(Ids, AreRefusedInAnyOtherForm) {
  for (const char* text :
       {"", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0",
        "00112233445566778899aabbccddeefg", "{00112233445566778899aabbccddeeff}",
        "0011223-34455-6677-8899-aabbccddeeff", "00112233-4455-66778899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeef-", "001122334455-6677-8899-aabb-ccddeeff",
        "------------------------------------", "00112233445566778899aabbccddeeff0000"}) {
    EXPECT_EQ(ParseCaseId(text), std::nullopt) << text;
    EXPECT_EQ(ParseEventId(text), std::nullopt) << text;
  }
}

TEST(AgencyName, IsAnXRoadMemberWithABusinessIdInFinland) {
  for (const char* name : {"FI/MUN/0187690-1/oulu", "FI/GOV/0246246-0/kela", "EE/GOV/70006317/x",
                           "a/b/c/d", "test/COM/Not_a.business-id/Sub.System_1"}) {
    EXPECT_THAT(ValidateAgencyName(name), IsOk()) << name;
  }
}

TEST(AgencyName, IsRefusedForAWrongCheckDigit) {
  for (const char* name :
       {"FI/MUN/0187690-0/oulu", "FI/MUN/0187690-2/oulu", "FI/MUN/0187691-1/oulu",
        "FI/MUN/1087690-1/oulu", "FI/GOV/0246246-1/kela", "FI/MUN/187690-1/oulu",
        "FI/MUN/01876901/oulu", "FI/MUN/0187690-11/oulu", "FI/MUN/0187690-x/oulu",
        "FI/MUN/018769a-1/oulu", "FI/MUN/0187690_1/oulu",
        // The sum leaves 1: no check digit exists.
        "FI/MUN/0000006-0/oulu", "FI/MUN/0000006-1/oulu"}) {
    EXPECT_THAT(ValidateAgencyName(name), StatusIs(kInvalid, HasSubstr("member code"))) << name;
  }
}

TEST(AgencyName, IsRefusedForAnyPartThatIsMissingEmptyOrForeign) {
  const std::string long_part(255, 'a');
  for (const std::string& name : std::initializer_list<std::string>{
           "", "/", "///", "FI", "FI/MUN/0187690-1", "FI/MUN/0187690-1/", "/MUN/x/oulu", "a//c/d",
           "a/b/c/d/e", "a/b/c/d/", "a/b/c/ d", "a/b/c/d\n", "a/b/c/d+e", "a/b/c/\xc3\xa4",
           std::string("a/b/c/d\0", 8), "a/b/c/..", "a/./c/d", "a/b/c/" + long_part}) {
    EXPECT_THAT(ValidateAgencyName(name), StatusIs(kInvalid)) << name;
  }
}

TEST(AgencyName, RefusalSaysWhichPartIsWrongWithoutRepeatingIt) {
  EXPECT_THAT(
      ValidateAgencyName("a/b/c/secret secret"),
      StatusIs(kInvalid, ::testing::AllOf(HasSubstr("subsystem"), Not(HasSubstr("secret")))));
  EXPECT_THAT(ValidateAgencyName("a/b b/c/d"), StatusIs(kInvalid, HasSubstr("member class")));
}

TEST(OriginName, IsTakenApartAsItWasPutTogether) {
  ASSERT_OK_AND_ASSIGN(const OriginName made,
                       OriginName::Make("FI/MUN/0187690-1/oulu", "referral", 12));
  EXPECT_EQ(made.text(), "FI/MUN/0187690-1/oulu/referral/12");
  ASSERT_OK_AND_ASSIGN(OriginName parsed, OriginName::Parse(made.text()));
  EXPECT_EQ(parsed, made);
  const OriginName copy = parsed;
  parsed = *OriginName::Parse("a/b/c/d/e/4294967295");
  EXPECT_EQ(copy.agency(), "FI/MUN/0187690-1/oulu");
  EXPECT_EQ(copy.service(), "referral");
  EXPECT_EQ(copy.epoch(), 12u);
  EXPECT_EQ(parsed.epoch(), 4294967295u);
  EXPECT_LT(copy, parsed);
}

TEST(OriginName, IsRefusedForAWrongEpochServiceOrAgency) {
  for (const char* text : {"",
                           "/",
                           "//",
                           "1",
                           "x/1",
                           "/x/1",
                           "a/b/c/d/e",
                           "a/b/c/d/e/",
                           "a/b/c/d/e/0",
                           "a/b/c/d/e/01",
                           "a/b/c/d/e/-1",
                           "a/b/c/d/e/+1",
                           "a/b/c/d/e/1x",
                           "a/b/c/d/e/ 1",
                           "a/b/c/d/e/4294967296",
                           "a/b/c/d//1",
                           "a/b/c/d/E/1",
                           "a/b/c/d/e_f/1",
                           "a/b/c/d/\xc3\xa4/1",
                           "a/b/c/d/abcdefghijklmnopqrstuvwxyz0123456/1",
                           "a/b/c/e/1",
                           "a/b/c/d/e/f/1",
                           "FI/MUN/0187690-2/oulu/referral/1"}) {
    EXPECT_THAT(OriginName::Parse(text), StatusIs(kInvalid)) << text;
  }
  EXPECT_THAT(OriginName::Make("a/b/c/d", "e", 0), StatusIs(kInvalid));
}

TEST(OriginName, IsRefusedAboveTwoHundredAndFiftyFiveBytes) {
  const std::string agency = "a/b/c/" + std::string(245, 'd');
  EXPECT_THAT(OriginName::Make(agency, "e", 1), IsOk());
  EXPECT_THAT(OriginName::Make(agency, "e", 10), StatusIs(kInvalid));
  EXPECT_THAT(OriginName::Parse(agency + "/e/10"), StatusIs(kInvalid));
}

TEST(SectionKind, HasANameAndTheNumberThatCommitmentsHold) {
  const std::pair<SectionKind, const char*> kinds[] = {{SectionKind{1}, "service"},
                                                       {SectionKind{2}, "identity"},
                                                       {SectionKind{3}, "social"},
                                                       {SectionKind{4}, "health"},
                                                       {SectionKind{5}, "payment"}};
  for (const auto& [kind, name] : kinds) {
    EXPECT_EQ(SectionKindName(kind), name);
    EXPECT_THAT(ParseSectionKind(name), Optional(kind));
  }
  for (const char* name : {"", "Service", "unknown", "health ", "6"}) {
    EXPECT_EQ(ParseSectionKind(name), std::nullopt) << name;
  }
}

TEST(SectionSet, HoldsExactlyWhatWasAdded) {
  SectionSet a;
  EXPECT_TRUE(a.empty());
  a.add(SectionKind::kService);
  a.add(SectionKind::kPayment);
  SectionSet b;
  b.add(SectionKind::kPayment);
  EXPECT_TRUE(a.has(SectionKind::kService));
  EXPECT_FALSE(a.has(SectionKind::kHealth));
  EXPECT_EQ(a & b, b);
  EXPECT_EQ(a | b, a);
  EXPECT_NE(a, b);
  EXPECT_TRUE((b & SectionSet()).empty());
}

}  // namespace
}  // namespace polku
