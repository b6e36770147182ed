// What a terminal shows: tables, local times, progress. Nothing read from a log is printed with
// control characters in it: a peer must not drive the reader's terminal.
#ifndef POLKU_ADAPTERS_CLI_OUTPUT_H_
#define POLKU_ADAPTERS_CLI_OUTPUT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "adapters/cli/command.h"

namespace polku::cli {

// Control characters become spaces.
std::string Plain(std::string_view text);
// Characters of UTF-8 text: what columns are counted in.
size_t Width(std::string_view text);
std::string PadTo(std::string text, size_t width);

// "2025-03-03 10:15" in Finland.
std::string LocalTime(absl::Time time);
// "2025-03-03 10:15:07 +02:00" in Finland: of times that are evidence.
std::string ExactTime(absl::Time time);
// "1 problem", "2 problems"; `many` where the plural has no mere s: "2 entries".
std::string Counted(uint64_t count, std::string_view one, std::string_view many = "");

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header);
  void Add(std::vector<std::string> row);  // as many cells as the header
  // Columns of numbers are set right.
  void Print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A line on the error stream that is written over, at most four times a second. Silent unless
// `shown`.
class ProgressLine {
 public:
  ProgressLine(Io& io, bool asked) : io_(io), shown_(asked || io.err_is_terminal) {}
  ~ProgressLine() { Clear(); }
  void Show(std::string_view text);
  void Clear();

 private:
  Io& io_;
  const bool shown_;
  absl::Time next_ = absl::InfinitePast();
  size_t width_ = 0;
};

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_OUTPUT_H_
