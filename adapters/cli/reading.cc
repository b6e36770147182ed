#include "adapters/cli/reading.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "eventstore/base/clock.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

absl::Status BadBound(std::string_view flag, bool position_too) {
  return Error(absl::StatusCode::kInvalidArgument, "--", flag, " is not ",
               position_too ? "a position (123), " : "",
               "a day (2025-03-31) or a time (2025-03-31T12:00:00Z)");
}

std::optional<Position> ParsePosition(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Position(value);
}

}  // namespace

absl::StatusOr<Reading> OpenReading(const Args& args) {
  if (!args.Has("config")) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "whose history? give --config with the service's configuration file");
  }
  POLKU_ASSIGN_OR_RETURN(host::Config config, host::LoadConfig(args.Get("config"), ""));
  POLKU_ASSIGN_OR_RETURN(auto store, audit::Store::Open(config));
  return Reading{std::move(config), std::move(store)};
}

std::vector<Flag> ReadingFlags(std::vector<Flag> more) {
  std::vector<Flag> flags = {{"config", "FILE", "the service's configuration (paths and keys)"}};
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

absl::StatusOr<absl::Time> ParseEnd(std::string_view flag, std::string_view text) {
  if (const auto day = ParseDay(text)) return audit::StartOfDay(*day + 1);
  if (const auto time = ParseTime(text)) return *time + absl::Microseconds(1);
  return BadBound(flag, false);
}

absl::StatusOr<audit::Filter> ReadFilter(const Args& args) {
  audit::Filter filter;
  filter.origin = args.Get("origin");
  filter.type = args.Get("type");
  if (args.Has("from")) {
    const std::string text = args.Get("from");
    if (const auto position = ParsePosition(text)) {
      filter.from_position = position;
    } else if (const auto day = ParseDay(text)) {
      filter.from_time = audit::StartOfDay(*day);
    } else if (const auto time = ParseTime(text)) {
      filter.from_time = time;
    } else {
      return BadBound("from", true);
    }
  }
  if (args.Has("until")) {
    const std::string text = args.Get("until");
    if (const auto position = ParsePosition(text)) {
      filter.until_position = position;
    } else if (auto end = ParseEnd("until", text); end.ok()) {
      filter.until_time = *end;
    } else {
      return BadBound("until", true);
    }
  }
  if (args.Has("as-of")) {
    POLKU_ASSIGN_OR_RETURN(filter.as_of, ParseEnd("as-of", args.Get("as-of")));
  }
  if (args.Has("valid-on")) {
    filter.valid_on = ParseDay(args.Get("valid-on"));
    if (!filter.valid_on) {
      return Error(absl::StatusCode::kInvalidArgument, "--valid-on is not a day (2025-03-31)");
    }
  }
  return filter;
}

}  // namespace polku::cli
