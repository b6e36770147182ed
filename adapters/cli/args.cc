#include "adapters/cli/args.h"

#include <algorithm>
#include <charconv>

#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

constexpr Flag kHelp = {"help", "", "this text"};
constexpr Flag kJson = {"json", "", "print JSON instead of text"};
constexpr std::string_view kExitCodes =
    "Exit codes:\n"
    "  0  done\n"
    "  1  refused: a service or rule said no, or the work could not be done\n"
    "  2  wrong command line\n"
    "  3  a configuration, file or event that is not valid\n"
    "  4  no answer, a port or directory in use, disk full: try again later\n"
    "  5  stored or received bytes do not verify\n";

std::optional<Flag> Find(const Syntax& syntax, std::string_view name) {
  if (name == kHelp.name) return kHelp;
  if (name == kJson.name) return kJson;
  for (const Flag& flag : syntax.flags) {
    if (flag.name == name) return flag;
  }
  return std::nullopt;
}

template <typename... Parts>
absl::Status Usage(const Syntax& syntax, const Parts&... parts) {
  return Error(absl::StatusCode::kInvalidArgument, parts..., "; `polku ", syntax.name,
               " --help` tells more");
}

}  // namespace

absl::StatusOr<Args> Args::Parse(const Syntax& syntax, std::span<const std::string> arguments) {
  Args args;
  bool flags_ended = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (flags_ended || argument == "-" || argument.substr(0, 1) != "-") {
      args.operands_.emplace_back(argument);
      continue;
    }
    if (argument == "--") {
      flags_ended = true;
      continue;
    }
    const bool is_long = argument.substr(0, 2) == "--";
    const std::string_view text = argument == "-h" ? "help" : argument.substr(is_long ? 2 : 1);
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto flag = is_long || argument == "-h" ? Find(syntax, name) : std::nullopt;
    if (!flag) return Usage(syntax, "unknown flag ", argument.substr(0, argument.find('=')));
    std::string value;
    if (flag->value.empty()) {
      if (equals != std::string_view::npos) return Usage(syntax, "--", name, " takes no value");
    } else if (equals != std::string_view::npos) {
      value = text.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return Usage(syntax, "--", name, " needs a value: ", flag->value);
    }
    if (!flag->value.empty() && value.empty()) return Usage(syntax, "--", name, " is empty");
    if (!args.values_.emplace(name, value).second)
      return Usage(syntax, "--", name, " stands twice");
  }
  if (args.help()) return args;
  if (args.operands_.size() < syntax.min_operands) {
    return Usage(syntax, "missing ", syntax.operands);
  }
  if (args.operands_.size() > syntax.max_operands) {
    return Usage(syntax, "too many arguments");
  }
  return args;
}

std::string Args::Get(std::string_view flag) const { return GetOr(flag, ""); }

std::string Args::GetOr(std::string_view flag, std::string_view otherwise) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::string(otherwise) : found->second;
}

absl::StatusOr<std::optional<uint64_t>> Args::Number(std::string_view flag, uint64_t low,
                                                     uint64_t high) const {
  if (!Has(flag)) return std::optional<uint64_t>();
  const std::string text = Get(flag);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    return Error(absl::StatusCode::kInvalidArgument, "--", flag, " is not a whole number of ", low,
                 " to ", high);
  }
  return std::optional(value);
}

std::string HelpText(const Syntax& syntax) {
  std::string text =
      Str("polku ", syntax.name, " - ", syntax.summary, "\n\nUsage: polku ", syntax.name,
          syntax.operands.empty() ? "" : " ", syntax.operands, " [flags]\n");
  if (!syntax.details.empty()) text += Str("\n", syntax.details, "\n");
  text += "\nFlags:\n";
  std::vector<Flag> flags = syntax.flags;
  flags.push_back(kJson);
  flags.push_back(kHelp);
  size_t width = 0;
  const auto left = [](const Flag& flag) {
    return Str("--", flag.name, flag.value.empty() ? "" : " ", flag.value);
  };
  for (const Flag& flag : flags) width = std::max(width, left(flag).size());
  for (const Flag& flag : flags) {
    std::string name = left(flag);
    name.resize(width, ' ');
    text += Str("  ", name, "  ", flag.help, "\n");
  }
  text += "\nExamples:\n";
  std::string_view rest = syntax.examples;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    text += Str("  ", rest.substr(0, end), "\n");
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return Str(text, "\n", kExitCodes);
}

}  // namespace polku::cli
