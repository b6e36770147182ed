// What was erased here, known again without its bytes: kept in the keys directory, outside the backups of data
// directory and keystore, so that an old copy of either cannot bring an erased case back (README.md "Erasure
// and retention", where the file's form is).
#ifndef POLKU_SERVICES_HOST_FENCE_H_
#define POLKU_SERVICES_HOST_FENCE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "eventstore/base/ids.h"

namespace polku::host {

// The file's name in the keys directory.
inline constexpr std::string_view kFenceFile = "fence.txt";
// A line takes 85 bytes and the origin's name, some 120 as a rule: 8 million erasures. Every write is of the whole file.
inline constexpr size_t kMaxFenceBytes = size_t{1} << 30;

class Fence {
 public:
  struct Line {
    Hash fence;                // FenceOf(case id)
    absl::CivilDay erased_on;  // day of recording of the Erased
    // A law of this agency's own keeps a part until then, inclusive; none: nothing is kept.
    std::optional<absl::CivilDay> retained_until;
    // The earlier epoch of that log's service whose part of the case it is; empty: that log's own.
    std::string of = {};
    friend bool operator==(const Line&, const Line&) = default;
  };
  // Of which log, and where in it the Erased stands.
  using Place = std::pair<std::string, Position>;
  using Lines = std::map<Place, Line>;
  // Whose part of the case it is.
  static const std::string& OriginOf(const Place& place, const Line& line) {
    return line.of.empty() ? place.first : line.of;
  }

  // Reads what earlier runs left; no file: found() is false and nothing is fenced. DataLoss: the file is
  // damaged; other errors: it cannot be read. All name it and the remedy. No file of more than `max_bytes` is
  // read or written.
  static absl::StatusOr<std::unique_ptr<Fence>> Open(std::string_view keys_directory,
                                                     size_t max_bytes = kMaxFenceBytes);

  bool found() const { return found_; }
  const std::string& path() const { return path_; }
  const Lines& lines() const { return lines_; }

  // In force at once, kept by the next Write. The line of a place that has one is replaced.
  void Put(std::string_view origin, Position position, const Line& line);
  // Writes what is new: the whole file, replaced; on disk when it returns. PermissionDenied, NotFound,
  // ResourceExhausted (a full disk, or more than `max_bytes`) name the file and the remedy; the file is as it was,
  // and the call may be repeated.
  absl::Status Write();

 private:
  Fence(std::string path, size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}
  absl::Status Parse(std::string_view text);
  std::string Format() const;

  const std::string path_;
  const size_t max_bytes_;
  Lines lines_;
  bool found_ = false;
  bool is_new_ = false;
};

// The largest running numbers that erased leaves of the own log had (log::ErasedNumbers), in the same directory: a log
// that is fetched back from a mirror has neither the leaves nor the records, and must give no number twice.
// The file erased-numbers.txt is "polku/erased-numbers/v1\n" and a line a receiver, ascending: agency, number.
// None: empty. DataLoss: the file is not of this form.
absl::StatusOr<std::map<std::string, uint64_t>> ReadErasedNumbers(std::string_view keys_directory);
// Replaces the file whole, synced, unless it says so already.
absl::Status WriteErasedNumbers(std::string_view keys_directory,
                                const std::map<std::string, uint64_t>& numbers);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_FENCE_H_
