#include "eventstore/base/status.h"

#include <memory>

#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace polku {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

TEST(Str, JoinsStandardViewsWithEverythingElse) {
  const std::string text = "b";
  EXPECT_EQ(Str("a", text, std::string_view("cde").substr(0, 1), 1, uint64_t{2}), "abc12");
}

TEST(Error, CarriesItsCodeAndItsJoinedMessage) {
  EXPECT_THAT(Error(absl::StatusCode::kDataLoss, "at ", 7, std::string_view(" of")),
              StatusIs(absl::StatusCode::kDataLoss, "at 7 of"));
}

TEST(Annotate, KeepsTheCodeAndPayloadsAndPutsTheContextInFront) {
  absl::Status status = absl::NotFoundError("no key");
  status.SetPayload("type/x", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "case 7");
  EXPECT_THAT(annotated, StatusIs(absl::StatusCode::kNotFound, "case 7: no key"));
  EXPECT_EQ(annotated.GetPayload("type/x"), absl::Cord("payload"));
}

absl::StatusOr<std::unique_ptr<int>> Make(bool ok) {
  if (!ok) return absl::AbortedError("no");
  return std::make_unique<int>(7);
}

absl::StatusOr<int> Twice(bool first, bool second) {
  POLKU_ASSIGN_OR_RETURN(const std::unique_ptr<int> a, Make(first));
  POLKU_RETURN_IF_ERROR(Make(second).status());
  return *a * 2;
}

TEST(Macros, ReturnTheFirstErrorAndMoveTheValueOtherwise) {
  EXPECT_THAT(Twice(true, true), IsOkAndHolds(14));
  EXPECT_THAT(Twice(false, true), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Twice(true, false), StatusIs(absl::StatusCode::kAborted));
}

TEST(StatusMatchers, TellStatusesApart) {
  const absl::Status error = absl::InternalError("broken pipe");
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(error, Not(IsOk()));
  EXPECT_THAT(error, Not(StatusIs(absl::StatusCode::kUnknown)));
  EXPECT_THAT(error, Not(StatusIs(absl::StatusCode::kInternal, HasSubstr("water"))));
  EXPECT_THAT(Twice(true, true), Not(IsOkAndHolds(13)));
  EXPECT_THAT(Twice(false, true), Not(IsOkAndHolds(14)));
}

}  // namespace
}  // namespace polku
