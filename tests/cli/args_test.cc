#include "adapters/cli/args.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace polku::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using ::testing::Optional;
using testing::StatusIs;

Syntax SomeSyntax() {
  return {.name = "do",
          .summary = "does it",
          .operands = "FILE…",
          .min_operands = 1,
          .max_operands = 2,
          .flags = {{"count", "N", "how many"}, {"fast", "", "quickly"}},
          .details = "More.",
          .examples = "polku do a\npolku do --fast b"};
}
absl::StatusOr<Args> Parse(std::vector<std::string> arguments) {
  return Args::Parse(SomeSyntax(), arguments);
}

TEST(ArgsTest, FlagsAndOperandsMayStandInAnyOrder) {
  ASSERT_OK_AND_ASSIGN(const Args args, Parse({"a", "--count", "3", "b", "--fast", "--json"}));
  EXPECT_THAT(args.operands(), ElementsAre("a", "b"));
  EXPECT_EQ(args.Get("count"), "3");
  EXPECT_TRUE(args.Has("fast"));
  EXPECT_TRUE(args.json());
  EXPECT_EQ(args.GetOr("other", "x"), "x");
  ASSERT_OK_AND_ASSIGN(const Args joined, Parse({"--count=4", "a"}));
  EXPECT_EQ(joined.Get("count"), "4");
}

TEST(ArgsTest, ADashIsAnOperandAndTwoDashesEndTheFlags) {
  ASSERT_OK_AND_ASSIGN(const Args args, Parse({"-", "--", "--fast"}));
  EXPECT_THAT(args.operands(), ElementsAre("-", "--fast"));
}

TEST(ArgsTest, WrongCommandLinesAreRefusedWithThePointer) {
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{},
                                             {"a", "b", "c"},
                                             {"a", "--unknown"},
                                             {"a", "-x"},
                                             {"a", "--count"},
                                             {"a", "--count="},
                                             {"a", "--count", "1", "--count", "2"},
                                             {"a", "--fast=yes"}}) {
    EXPECT_THAT(Parse(bad),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("polku do --help")));
  }
}

TEST(ArgsTest, AnUnknownFlagIsNamedWithoutItsValue) {
  const auto args = Parse({"a", "--unknown=secret"});
  EXPECT_THAT(args, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--unknown")));
  EXPECT_THAT(args,
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::Not(HasSubstr("secret"))));
}

TEST(ArgsTest, NumbersKeepTheirRange) {
  const auto number = [](const std::string& text) {
    return Parse({"a", "--count", text})->Number("count", 1, 10);
  };
  EXPECT_THAT(number("10"), IsOkAndHolds(Optional(uint64_t{10})));
  EXPECT_THAT(Parse({"a"})->Number("count", 1, 10), IsOkAndHolds(std::nullopt));
  for (const char* bad : {"0", "11", "-1", "1.5", "ten", "10x", "99999999999999999999"}) {
    EXPECT_THAT(number(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--count")))
        << bad;
  }
}

TEST(ArgsTest, HelpNeedsNoOperandsAndShowsAllThereIs) {
  ASSERT_OK_AND_ASSIGN(const Args args, Parse({"-h"}));
  EXPECT_TRUE(args.help());
  const std::string help = HelpText(SomeSyntax());
  for (const char* part : {"Usage: polku do FILE…", "More.", "--count N", "--json", "--help",
                           "  polku do --fast b", "Exit codes:", "  4  "}) {
    EXPECT_THAT(help, HasSubstr(part));
  }
}

}  // namespace
}  // namespace polku::cli
