// Status helpers. Polku's interfaces use std::string_view; Debian's Abseil is built with a
// string_view of its own, so the one conversion lives here.
#ifndef POLKU_EVENTSTORE_BASE_STATUS_H_
#define POLKU_EVENTSTORE_BASE_STATUS_H_

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace polku {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

namespace internal {
template <typename T>
decltype(auto) StrPart(const T& part) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(part);
  } else {
    return (part);
  }
}
}  // namespace internal

// absl::StrCat that also takes std::string_view.
template <typename... Parts>
std::string Str(const Parts&... parts) {
  return absl::StrCat(internal::StrPart(parts)...);
}

// A status whose message is the parts joined. Error texts say what is wrong and what to do, and
// never carry personal data (a test greps for it).
template <typename... Parts>
absl::Status Error(absl::StatusCode code, const Parts&... parts) {
  return absl::Status(code, Str(parts...));
}

// The same status with "context: " in front of its message. `status` must not be OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace polku

#define POLKU_CONCAT_INNER(a, b) a##b
#define POLKU_CONCAT(a, b) POLKU_CONCAT_INNER(a, b)
#define POLKU_RETURN_IF_ERROR(expression)                        \
  do {                                                           \
    if (absl::Status polku_status = (expression); !polku_status.ok()) return polku_status; \
  } while (false)
#define POLKU_ASSIGN_OR_RETURN(target, expression) \
  POLKU_ASSIGN_OR_RETURN_INNER(POLKU_CONCAT(polku_status_or_, __LINE__), target, expression)
#define POLKU_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                    \
  if (!holder.ok()) return holder.status();                      \
  target = *std::move(holder)

#endif  // POLKU_EVENTSTORE_BASE_STATUS_H_
