#include "adapters/cli/references.h"

#include <vector>

#include "adapters/csv/sheet.h"
#include "eventstore/base/file.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

constexpr size_t kMaxBytes = 4 << 20;

}  // namespace

absl::StatusOr<References> References::Read(const std::string& path, Language language) {
  References references;
  if (path.empty()) return references;
  POLKU_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxBytes));
  std::vector<csv::Problem> problems;
  const auto spoken = static_cast<csv::SheetLanguage>(language);
  for (const auto& [reference, case_id] : csv::ParseClients(text, {.language = spoken}, problems)) {
    references.by_case_[case_id] = reference;
  }
  if (problems.empty()) return references;
  return Error(absl::StatusCode::kInvalidArgument, path, ": ", csv::FormatProblem(problems.front(), spoken));
}

const std::string* References::Find(const CaseId& case_id) const {
  const auto found = by_case_.find(case_id);
  return found == by_case_.end() ? nullptr : &found->second;
}

std::string References::Of(const CaseId& case_id) const {
  const std::string* reference = Find(case_id);
  return reference == nullptr ? FormatCaseId(case_id) : *reference;
}

}  // namespace polku::cli
