#include "eventstore/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "eventstore/base/status.h"

namespace polku {
namespace {

absl::Status FileError(std::string_view path, std::string_view doing, int error) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  std::string_view remedy = "";
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      code = absl::StatusCode::kNotFound;
      remedy = "; check the path";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = absl::StatusCode::kPermissionDenied;
      remedy = "; check owner and mode";
      break;
    case EISDIR:
      code = absl::StatusCode::kInvalidArgument;
      remedy = "; give a file";
      break;
    case EEXIST:
      code = absl::StatusCode::kAlreadyExists;
      remedy = "; it is never overwritten, move it away first";
      break;
    case ENOSPC:
    case EDQUOT:
      code = absl::StatusCode::kResourceExhausted;
      remedy = "; make room on the disk";
      break;
    default:
      break;
  }
  return Error(code, doing, " ", path, ": ", std::strerror(error), remedy);
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

absl::StatusOr<std::string> ReadAll(const Descriptor& file, std::string_view path,
                                    size_t max_bytes) {
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(file.fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, "cannot read", errno);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > max_bytes) {
      return Error(absl::StatusCode::kInvalidArgument, path, " is larger than ", max_bytes,
                   " bytes; is it the right file?");
    }
  }
}

absl::Status WriteAll(const Descriptor& file, std::string_view path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = write(file.fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FileError(path, "cannot write", errno);
    content.remove_prefix(static_cast<size_t>(put));
  }
  if (fsync(file.fd) != 0) return FileError(path, "cannot sync", errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(std::string_view path, size_t max_bytes) {
  Descriptor file{open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return FileError(path, "cannot open", errno);
  return ReadAll(file, path, max_bytes);
}

absl::StatusOr<std::string> ReadSecretFile(std::string_view path, size_t max_bytes) {
  Descriptor file{open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info;
  if (file.fd < 0 || fstat(file.fd, &info) != 0) return FileError(path, "cannot open", errno);
  if ((info.st_mode & 077) != 0) {
    return Error(absl::StatusCode::kPermissionDenied, path,
                 " can be read by others than its owner; chmod 600 it");
  }
  return ReadAll(file, path, max_bytes);
}

absl::Status WriteNewFile(std::string_view path, std::string_view content, unsigned mode) {
  Descriptor file{open(std::string(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                       static_cast<mode_t>(mode))};
  if (file.fd < 0) return FileError(path, "cannot create", errno);
  return WriteAll(file, path, content);
}

absl::Status ReplaceFile(std::string_view path, std::string_view content, unsigned mode) {
  const std::string target(path);
  const std::string beside = Str(path, ".new");
  {
    Descriptor file{open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                         static_cast<mode_t>(mode))};
    if (file.fd < 0) return FileError(beside, "cannot create", errno);
    POLKU_RETURN_IF_ERROR(WriteAll(file, beside, content));
  }
  if (rename(beside.c_str(), target.c_str()) != 0) return FileError(path, "cannot replace", errno);
  return SyncDirectoryOf(path);
}

absl::Status SyncDirectoryOf(std::string_view path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string name = parent.empty() ? "." : parent.string();
  Descriptor directory{open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd < 0) return FileError(name, "cannot open", errno);
  if (fsync(directory.fd) != 0) return FileError(name, "cannot sync", errno);
  return absl::OkStatus();
}

absl::Status MakeDirectories(std::string_view path) {
  std::filesystem::path built;
  for (const auto& part : std::filesystem::path(path)) {
    built /= part;
    if (mkdir(built.c_str(), 0700) != 0 && errno != EEXIST) {
      return FileError(built.string(), "cannot make directory", errno);
    }
  }
  std::error_code error;
  if (!std::filesystem::is_directory(built, error)) {
    return Error(absl::StatusCode::kFailedPrecondition, path, " is not a directory");
  }
  return absl::OkStatus();
}

std::string ResolveBeside(std::string_view file, std::string_view path) {
  const std::filesystem::path named{path};
  if (named.is_absolute()) return std::string(path);
  return (std::filesystem::path(file).parent_path() / named).lexically_normal().string();
}

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr) text.remove_suffix(1);
  return text;
}

}  // namespace polku
