#include "services/host/superseded.h"

#include <string>

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"

namespace polku::host {
namespace {

constexpr size_t kMaxFileBytes = 4096;

std::string PathIn(std::string_view keys_directory) { return Str(keys_directory, "/superseded"); }

// The next epoch's signing key, in the form of signing.public.
std::string TextFor(const proof::VerifierKey& next) { return Str(next.Format(), "\n"); }

}  // namespace

absl::Status CheckNotSuperseded(std::string_view keys_directory) {
  const std::string path = PathIn(keys_directory);
  const auto text = ReadFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  std::string by = "a later epoch";
  if (text.ok()) {
    const auto next = proof::VerifierKey::Parse(TrimEnd(*text), proof::KeyUse::kCheckpoint);
    if (next.ok()) by = next->name();
  }
  return Error(absl::StatusCode::kFailedPrecondition, path, " says that this epoch is closed: `polku new-epoch` "
               "has opened ", by, ", which takes the offers now; start the service with the new "
               "configuration. Only if that epoch was never started, it may be given up: remove its directories "
               "and this file");
}

absl::Status MarkSuperseded(std::string_view keys_directory, const proof::VerifierKey& next) {
  const std::string path = PathIn(keys_directory);
  const auto text = ReadFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return ReplaceFile(path, TextFor(next), 0644);
  if (text.ok() && *text == TextFor(next)) return absl::OkStatus();
  if (!text.ok() && !absl::IsInvalidArgument(text.status())) return text.status();
  return Error(absl::StatusCode::kFailedPrecondition, path, " says that another next epoch has been opened (",
               text.ok() ? std::string(TrimEnd(*text)) : std::string("unreadable"), "), and this one has the key ",
               next.Format(),
               ": two would be two histories. Go on with that one; only if it was never started, remove its "
               "directories and this file, and run the command again");
}

}  // namespace polku::host
