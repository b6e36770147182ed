// The command line: flags, operands, and the --help text made from the same table.
#ifndef POLKU_ADAPTERS_CLI_ARGS_H_
#define POLKU_ADAPTERS_CLI_ARGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace polku::cli {

struct Flag {
  std::string_view name;   // without the dashes
  std::string_view value;  // what stands for its value in the help; empty: a switch
  std::string_view help;
};

struct Syntax {
  std::string_view name;      // "publish"
  std::string_view summary;   // one line
  std::string_view operands;  // "FILE…"; empty: none
  size_t min_operands = 0;
  size_t max_operands = 0;
  std::vector<Flag> flags;    // --help and --json are added to every command
  std::string_view details;   // paragraphs
  std::string_view examples;  // a line each
};

class Args {
 public:
  // "--flag value", "--flag=value"; "--" ends the flags; "-" is an operand. InvalidArgument: an
  // unknown or repeated flag, a missing or needless value, too few or too many operands; it says
  // which.
  static absl::StatusOr<Args> Parse(const Syntax& syntax, std::span<const std::string> arguments);

  bool Has(std::string_view flag) const { return values_.contains(flag); }
  // "" when not given.
  std::string Get(std::string_view flag) const;
  std::string GetOr(std::string_view flag, std::string_view otherwise) const;
  // nullopt when not given; InvalidArgument when it is no whole number of [low, high].
  absl::StatusOr<std::optional<uint64_t>> Number(std::string_view flag, uint64_t low,
                                                 uint64_t high) const;
  const std::vector<std::string>& operands() const { return operands_; }
  bool help() const { return Has("help"); }
  bool json() const { return Has("json"); }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> operands_;
};

std::string HelpText(const Syntax& syntax);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_ARGS_H_
