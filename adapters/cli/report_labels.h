// What `polku report` calls things, in Finnish, Swedish and English. Pure tables; a machine reads the stable names
// that they are looked up by.
#ifndef POLKU_ADAPTERS_CLI_REPORT_LABELS_H_
#define POLKU_ADAPTERS_CLI_REPORT_LABELS_H_

#include <span>
#include <string>
#include <string_view>

#include "adapters/cli/labels.h"
#include "adapters/cli/labels_tables.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/report/report.h"

namespace polku::cli {

// By name: "periods", "at_end", "not_asked", "follow_ups". A test holds the tables to all that reports can say.
std::span<const LabelRow> ReportColumnRows();
std::span<const LabelRow> ReportGroupRows();
std::span<const LabelRow> ReportKeyRows();
std::span<const LabelRow> ReportGapRows();

// The name itself where the tables do not know it.
std::string ReportColumnLabel(std::string_view column, Language language);
std::string ReportGroupLabel(std::string_view group, Language language);
// The row's key: a code in its words, a day as it is written, an agency by its name; a municipality by its number.
std::string ReportKeyLabel(const report::Row& row, const config::v1::Agreement& agreement, Language language);
// "travel: Kela, Oulu": what these agencies do not tell this reader; without them, what nobody does.
std::string ReportGapLabel(const report::Gap& gap, const config::v1::Agreement& agreement, Language language);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_REPORT_LABELS_H_
