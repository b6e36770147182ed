#include "services/host/summed_file.h"

#include "eventstore/base/bytes.h"
#include "eventstore/base/hash.h"
#include "eventstore/base/status.h"

namespace polku::host {
namespace {

constexpr std::string_view kSum = "sha256 ";

std::string SumLine(std::string_view before) {
  return Str(kSum, ToHex(Sha256(before).view()), "\n");
}

}  // namespace

SummedText CheckSummed(std::string_view text, std::string_view header) {
  const size_t sum = text.rfind(Str("\n", kSum));
  if (!text.starts_with(header) || sum == std::string_view::npos) {
    return {.content = {}, .problem = "its first or last line is missing"};
  }
  const std::string_view before = text.substr(0, sum + 1);
  if (text.substr(sum + 1) != SumLine(before)) {
    return {.content = {}, .problem = "its checksum is another"};
  }
  return {.content = before.substr(header.size()), .problem = {}};
}

std::string WithSum(std::string_view header, std::string_view content) {
  const std::string before = Str(header, content);
  return before + SumLine(before);
}

}  // namespace polku::host
