// GoogleTest matchers for absl::Status and absl::StatusOr; Debian's Abseil has none.
//
//   EXPECT_THAT(log.Append(…), IsOk());
//   EXPECT_THAT(Parse(""), StatusIs(absl::StatusCode::kInvalidArgument));
//   EXPECT_THAT(Parse(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty")));
//   EXPECT_THAT(Parse("7"), IsOkAndHolds(7));
//   ASSERT_OK_AND_ASSIGN(const int value, Parse("7"));
#ifndef POLKU_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define POLKU_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace polku::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << "status " << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(StatusIs, code,
          std::string(negation ? "is not " : "is ") + absl::StatusCodeToString(code)) {
  *result_listener << "status " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message,
           std::string(negation ? "is not " : "is ") + absl::StatusCodeToString(code) +
               " whose message " + ::testing::DescribeMatcher<std::string>(message)) {
  *result_listener << "status " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::Matches(::testing::SafeMatcherCast<const std::string&>(message))(
             std::string(StatusOf(arg).message()));
}

MATCHER_P(IsOkAndHolds, inner,
          negation ? "is an error or holds another value" : "is OK and holds it") {
  if (!arg.ok()) {
    *result_listener << "status " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(inner, *arg, result_listener);
}

}  // namespace polku::testing

#define ASSERT_OK(expression) ASSERT_THAT((expression), ::polku::testing::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT((expression), ::polku::testing::IsOk())

#define POLKU_TEST_CONCAT_INNER(a, b) a##b
#define POLKU_TEST_CONCAT(a, b) POLKU_TEST_CONCAT_INNER(a, b)
#define ASSERT_OK_AND_ASSIGN(target, expression) \
  ASSERT_OK_AND_ASSIGN_INNER(POLKU_TEST_CONCAT(polku_test_status_or_, __LINE__), target, expression)
#define ASSERT_OK_AND_ASSIGN_INNER(holder, target, expression) \
  auto holder = (expression);                                  \
  ASSERT_THAT(holder, ::polku::testing::IsOk());               \
  target = *std::move(holder)

#endif  // POLKU_TESTS_SUPPORT_STATUS_MATCHERS_H_
