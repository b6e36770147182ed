// Small files: read whole, write once. Messages name the path and the remedy.
#ifndef POLKU_EVENTSTORE_BASE_FILE_H_
#define POLKU_EVENTSTORE_BASE_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace polku {

// NotFound, PermissionDenied; InvalidArgument when larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(std::string_view path, size_t max_bytes);

// ReadFile for a secret: PermissionDenied when group or others may read the file.
absl::StatusOr<std::string> ReadSecretFile(std::string_view path, size_t max_bytes);

// Creates the file with `mode`, writes and syncs it. AlreadyExists when there is one.
absl::Status WriteNewFile(std::string_view path, std::string_view content, unsigned mode);

// Puts `content` in place of what the file holds, whole or not at all: written beside it (path + ".new",
// what an earlier attempt left there is overwritten), synced, renamed. PermissionDenied,
// ResourceExhausted: the file is as it was.
absl::Status ReplaceFile(std::string_view path, std::string_view content, unsigned mode);

// After a rename: the names in the directory that `path` lies in are on disk.
absl::Status SyncDirectoryOf(std::string_view path);

// Makes the directory and its parents (mode 0700) where missing.
absl::Status MakeDirectories(std::string_view path);

// `path` when absolute, else below the directory that `file` lies in.
std::string ResolveBeside(std::string_view file, std::string_view path);

// Without white space at the end.
std::string_view TrimEnd(std::string_view text);

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_FILE_H_
