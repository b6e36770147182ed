// The client's answer as blocks of text and tables, and the two forms they are shown in.
#ifndef POLKU_ADAPTERS_CLI_DISCLOSURES_PAGE_H_
#define POLKU_ADAPTERS_CLI_DISCLOSURES_PAGE_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "adapters/cli/labels.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/audit/disclosures.h"

namespace polku::cli {

struct Block {
  std::string title;
  std::vector<std::string> lines;   // before the table
  std::vector<std::string> header;  // none: no table
  std::vector<std::vector<std::string>> rows;
};

struct Page {
  std::string title;
  std::vector<std::string> lines;
  std::vector<Block> blocks;
  Language language;
};

// `all`: a row each instead of a row for what is alike. Days are those of Finland.
Page MakePage(const audit::Disclosures& found, const config::v1::Agreement& agreement,
              Language language, bool all, absl::Time now);

void PrintText(const Page& page, std::ostream& out);

// One file that needs nothing else: no script, no reference to anything, marked up for readers and for print
// (WCAG 2.1: language, headings, table captions and header cells). Every text is escaped.
std::string FormatHtml(const Page& page);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_DISCLOSURES_PAGE_H_
