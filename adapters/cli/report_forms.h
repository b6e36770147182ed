// A report as a table for people, as CSV, as JSON and as an SQLite file; all with the same numbers hidden, and with the
// question they answer (services/report/README.md "Forms").
#ifndef POLKU_ADAPTERS_CLI_REPORT_FORMS_H_
#define POLKU_ADAPTERS_CLI_REPORT_FORMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "adapters/cli/command.h"
#include "adapters/cli/labels.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/report/report.h"

namespace polku::cli {

struct ShownReports {
  std::vector<report::Report> reports;
  report::Question question;
  std::string as_of, valid_on;  // as asked; empty: not asked
  std::string agency;           // whose service holds what was counted
  bool suppressed = true;
  const config::v1::Agreement& agreement;  // names agencies
  Language language = Language::kFinnish;  // of labels; names stay
};

void PrintReportTables(const ShownReports& shown, Io& io);
void PrintReportCsv(const ShownReports& shown, Io& io);
void PrintReportJson(const ShownReports& shown, Io& io);

// The file can be made. AlreadyExists: it is there; NotFound: its directory is not.
absl::Status CheckReportFile(const std::string& path);
// Makes it. PermissionDenied, Unavailable: it could not be made or written; nothing is left of it.
absl::Status WriteReportSqlite(const ShownReports& shown, const std::string& path);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_REPORT_FORMS_H_
