// How a provider calls its clients, in place of case ids (--clients): personal data, shown to its worker and nobody else.
#ifndef POLKU_ADAPTERS_CLI_REFERENCES_H_
#define POLKU_ADAPTERS_CLI_REFERENCES_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "adapters/cli/labels.h"
#include "eventstore/base/ids.h"

namespace polku::cli {

class References {
 public:
  // A CSV file with the columns asiakas and tapaus; no path, no references. InvalidArgument: the first thing that is
  // wrong with the file, with line and column, and nothing of a cell.
  static absl::StatusOr<References> Read(const std::string& path, Language language);

  bool empty() const { return by_case_.empty(); }
  // Null where the file has none.
  const std::string* Find(const CaseId& case_id) const;
  // The reference as it stands in the file, or the case's id.
  std::string Of(const CaseId& case_id) const;

 private:
  std::map<CaseId, std::string> by_case_;
};

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_REFERENCES_H_
