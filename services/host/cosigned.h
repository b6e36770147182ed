// What the cosigning key has cosigned, kept beside that key and not beside the replicas: of every log that was
// ever cosigned the newest checkpoint. So a witness whose data directory is an old copy knows that it is one, and
// never cosigns a second history (README.md "Witnesses, forks, old copies", where the file's form is).
#ifndef POLKU_SERVICES_HOST_COSIGNED_H_
#define POLKU_SERVICES_HOST_COSIGNED_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/proof/checkpoint.h"

namespace polku::host {

// The file's name in the keys directory.
inline constexpr std::string_view kCosignedFile = "cosigned.txt";
inline constexpr size_t kMaxCosignedBytes = 16 << 20;  // some ten thousand logs

class Cosigned {
 public:
  // Reads what earlier runs left; no file: nothing was cosigned. DataLoss: the file is damaged; other errors: it
  // cannot be read. All name it and the remedy.
  static absl::StatusOr<std::unique_ptr<Cosigned>> Open(std::string_view keys_directory);

  struct Word {
    proof::Checkpoint checkpoint;
    std::string note;  // with the origin's lines alone
  };
  // Null: nothing of that log.
  const Word* Of(std::string_view origin) const;

  // `note` was cosigned: a checkpoint note with its origin's signature. A smaller one, or what is no such
  // note, changes nothing.
  void Remember(std::string_view note);
  // Writes what is new (the whole file, replaced; synced), at most once a second unless `now_too`.
  // PermissionDenied, NotFound, ResourceExhausted name the file and the remedy; tried again a second later.
  absl::Status Write(absl::Time now, bool now_too);
  // When Write is to be called next; InfiniteFuture: nothing is new.
  absl::Time NextWrite() const;

 private:
  explicit Cosigned(std::string path) : path_(std::move(path)) {}
  absl::Status Parse(std::string_view text);
  std::string Format() const;

  const std::string path_;
  std::map<std::string, Word, std::less<>> words_;  // by origin
  bool is_new_ = false;
  absl::Time last_write_ = absl::InfinitePast();
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_COSIGNED_H_
