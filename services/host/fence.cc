#include "services/host/fence.h"

#include <charconv>
#include <vector>

#include "eventstore/base/bytes.h"
#include "eventstore/base/clock.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"
#include "services/host/summed_file.h"

namespace polku::host {
namespace {

constexpr std::string_view kHeader = "polku/fence-file/v1\n";
constexpr std::string_view kNothingKept = "-";

absl::Status Damaged(std::string_view path, std::string_view why) {
  return Error(absl::StatusCode::kDataLoss, path, " is not what this service has written (", why,
               "), and without it an old backup might bring back what was erased; restore it from the keys "
               "directory's newest backup. Where there is none: make sure that the data directory is the "
               "newest, not an old copy, and remove the file; it is learned again from the logs");
}

constexpr std::string_view kNumbersHeader = "polku/erased-numbers/v1\n";
std::string NumbersPath(std::string_view keys_directory) {
  return Str(keys_directory, "/erased-numbers.txt");
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

std::optional<Position> ParsePosition(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Position(value);
}

std::string FormatLine(const Fence::Place& place, const Fence::Line& line) {
  return Str(ToHex(line.fence.view()), " ", place.first, " ", place.second.value(), " ",
             FormatDay(line.erased_on), " ",
             line.retained_until ? FormatDay(*line.retained_until) : std::string(kNothingKept),
             line.of.empty() ? "" : Str(" ", line.of), "\n");
}

std::optional<std::pair<Fence::Place, Fence::Line>> ParseLine(std::string_view text) {
  const auto words = Words(text);
  if (words.size() != 5 && words.size() != 6) return std::nullopt;
  const auto bytes = FromHex(words[0]);
  const auto fence = bytes ? Hash::FromBytes(*bytes) : std::nullopt;
  const auto origin = OriginName::Parse(words[1]);
  const auto position = ParsePosition(words[2]);
  const auto day = ParseDay(words[3]);
  if (!fence || !origin.ok() || !position || !day) return std::nullopt;
  Fence::Line line{.fence = *fence, .erased_on = *day, .retained_until = std::nullopt};
  if (words[4] != kNothingKept) {
    line.retained_until = ParseDay(words[4]);
    if (!line.retained_until) return std::nullopt;
  }
  if (words.size() == 6) {
    if (!IsEarlierEpoch(words[5], origin->text())) return std::nullopt;
    line.of = words[5];
  }
  return std::pair(Fence::Place(origin->text(), *position), line);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Fence>> Fence::Open(std::string_view keys_directory,
                                                    size_t max_bytes) {
  std::unique_ptr<Fence> made(new Fence(Str(keys_directory, "/", kFenceFile), max_bytes));
  const auto text = ReadFile(made->path_, max_bytes);
  if (absl::IsNotFound(text.status())) return made;
  if (absl::IsInvalidArgument(text.status())) return Damaged(made->path_, "too large");
  if (!text.ok()) return text.status();
  POLKU_RETURN_IF_ERROR(made->Parse(*text));
  made->found_ = true;
  return made;
}

absl::Status Fence::Parse(std::string_view text) {
  const SummedText checked = CheckSummed(text, kHeader);
  if (!checked.problem.empty()) return Damaged(path_, checked.problem);
  std::string_view rest = checked.content;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view written = rest.substr(0, end);
    const auto parsed = ParseLine(written);
    // As written here and not otherwise: what reads alike and is another text has another author.
    if (!parsed || FormatLine(parsed->first, parsed->second) != Str(written, "\n")) {
      return Damaged(path_, "it holds what is no line of it");
    }
    if (!lines_.insert(*parsed).second) return Damaged(path_, "an erasure is in it twice");
    rest.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

std::string Fence::Format() const {
  std::string content;
  for (const auto& [place, line] : lines_) content += FormatLine(place, line);
  return WithSum(kHeader, content);
}

void Fence::Put(std::string_view origin, Position position, const Line& line) {
  const auto [at, added] = lines_.try_emplace(Place(origin, position), line);
  if (!added && at->second == line) return;
  at->second = line;
  is_new_ = true;
}

absl::Status Fence::Write() {
  if (!is_new_) return absl::OkStatus();
  const std::string text = Format();
  if (text.size() > max_bytes_) {
    return Error(absl::StatusCode::kResourceExhausted, path_, " would take ", text.size(), " bytes for ",
                 lines_.size(), " erasures, more than the ", max_bytes_, " that a start reads; nothing was "
                 "written, and what waits to be erased waits on. Follow fewer logs with this service, or build "
                 "Polku with a larger kMaxFenceBytes (services/host/fence.h)");
  }
  POLKU_RETURN_IF_ERROR(ReplaceFile(path_, text, 0644));
  is_new_ = false;
  found_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, uint64_t>> ReadErasedNumbers(std::string_view keys_directory) {
  std::map<std::string, uint64_t> numbers;
  const std::string path = NumbersPath(keys_directory);
  const auto text = ReadFile(path, kMaxFenceBytes);
  if (absl::IsNotFound(text.status())) return numbers;
  if (!text.ok()) return text.status();
  const auto malformed = [&] {
    return Error(absl::StatusCode::kDataLoss, path,
                 " is not what this service has written; restore it from the keys directory's newest backup. "
                 "Where the data directory is whole, not fetched from a mirror, remove the file: it is made again");
  };
  std::string_view rest = *text;
  if (!rest.starts_with(kNumbersHeader)) return malformed();
  rest.remove_prefix(kNumbersHeader.size());
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return malformed();
    const auto words = Words(rest.substr(0, end));
    const auto number = words.size() == 2 ? ParsePosition(words[1]) : std::nullopt;
    if (!number || !numbers.emplace(words[0], number->value()).second) return malformed();
    rest.remove_prefix(end + 1);
  }
  return numbers;
}

absl::Status WriteErasedNumbers(std::string_view keys_directory,
                                const std::map<std::string, uint64_t>& numbers) {
  POLKU_ASSIGN_OR_RETURN(const auto written, ReadErasedNumbers(keys_directory));
  if (written == numbers) return absl::OkStatus();
  std::string text(kNumbersHeader);
  for (const auto& [receiver, number] : numbers) text += Str(receiver, " ", number, "\n");
  return ReplaceFile(NumbersPath(keys_directory), text, 0600);
}

}  // namespace polku::host
