#include "services/host/cosigned.h"

#include <optional>
#include <utility>

#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "eventstore/proof/note.h"
#include "services/host/summed_file.h"

namespace polku::host {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr std::string_view kHeader = "polku/cosigned/v1\n";

absl::Status Damaged(std::string_view path, std::string_view why) {
  return Error(absl::StatusCode::kDataLoss, path, " is not what this service has written (", why,
               "), and without it a second history might be cosigned; restore it from the keys directory's "
               "newest backup. Where there is none: make sure that the data directory is the newest, not an "
               "old copy, and remove the file; it is written anew");
}

// The checkpoint with its origin's lines alone: what witnesses added may be much, and is not needed.
std::optional<Cosigned::Word> WordOf(std::string_view text) {
  auto note = proof::ParseNote(text);
  if (!note.ok()) return std::nullopt;
  auto checkpoint = proof::ParseCheckpointBody(note->body);
  if (!checkpoint.ok() || note->body != proof::CheckpointBody(*checkpoint)) return std::nullopt;
  std::erase_if(note->signatures,
                [&](const auto& line) { return line.name != checkpoint->origin; });
  if (note->signatures.empty()) return std::nullopt;
  return Cosigned::Word{*std::move(checkpoint), proof::FormatNote(*note)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cosigned>> Cosigned::Open(std::string_view keys_directory) {
  std::unique_ptr<Cosigned> made(new Cosigned(Str(keys_directory, "/", kCosignedFile)));
  const auto text = ReadFile(made->path_, kMaxCosignedBytes);
  if (absl::IsNotFound(text.status())) return made;
  if (absl::IsInvalidArgument(text.status())) return Damaged(made->path_, "too large");
  if (!text.ok()) return text.status();
  POLKU_RETURN_IF_ERROR(made->Parse(*text));
  return made;
}

absl::Status Cosigned::Parse(std::string_view text) {
  const SummedText checked = CheckSummed(text, kHeader);
  if (!checked.problem.empty()) return Damaged(path_, checked.problem);
  std::string_view rest = checked.content;
  while (!rest.empty()) {
    // A note has one blank line in it, and one more after it.
    const size_t body = rest.find("\n\n");
    const size_t end = body == std::string_view::npos ? body : rest.find("\n\n", body + 2);
    if (end == std::string_view::npos) return Damaged(path_, "a note is broken off");
    auto word = WordOf(rest.substr(0, end + 1));
    if (!word) return Damaged(path_, "it holds what is no checkpoint");
    std::string origin = word->checkpoint.origin;
    if (!words_.emplace(std::move(origin), *std::move(word)).second) {
      return Damaged(path_, "a log is in it twice");
    }
    rest.remove_prefix(end + 2);
  }
  return absl::OkStatus();
}

std::string Cosigned::Format() const {
  std::string content;
  for (const auto& [origin, word] : words_) content += Str(word.note, "\n");
  return WithSum(kHeader, content);
}

const Cosigned::Word* Cosigned::Of(std::string_view origin) const {
  const auto found = words_.find(origin);
  return found == words_.end() ? nullptr : &found->second;
}

void Cosigned::Remember(std::string_view note) {
  auto word = WordOf(note);
  if (!word) return;
  Word& known = words_[word->checkpoint.origin];
  if (!known.note.empty() && known.checkpoint.size >= word->checkpoint.size) return;
  known = *std::move(word);
  is_new_ = true;
}

absl::Status Cosigned::Write(absl::Time now, bool now_too) {
  if (!is_new_ || (!now_too && now < NextWrite())) return absl::OkStatus();
  last_write_ = now;
  POLKU_RETURN_IF_ERROR(ReplaceFile(path_, Format(), 0644));
  is_new_ = false;
  return absl::OkStatus();
}

absl::Time Cosigned::NextWrite() const {
  return is_new_ ? last_write_ + kInterval : absl::InfiniteFuture();
}

}  // namespace polku::host
