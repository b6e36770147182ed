// The client's answer as blocks of text and tables, and the two forms they are shown in.
#ifndef POLKU_ADAPTERS_CLI_DISCLOSURES_PAGE_H_
#define POLKU_ADAPTERS_CLI_DISCLOSURES_PAGE_H_

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "adapters/cli/labels.h"
#include "polku/config/v1/agreement.pb.h"
#include "services/audit/disclosures.h"

namespace polku::cli {

struct Cell {
  Cell(std::string words, bool of_agreement = false)  // NOLINT: a text is a cell
      : text(std::move(words)), in_finnish(of_agreement) {}
  std::string text;
  bool in_finnish;  // quotes the agreement, whatever the page's language
};

struct Block {
  std::string title;
  std::vector<std::string> lines;   // before the table
  std::vector<std::string> header;  // none: no table
  std::vector<std::vector<Cell>> rows;
};

struct Page {
  std::string title;
  std::vector<std::string> lines;
  std::vector<Block> blocks;
  Language language;
};

// `all`: a row each instead of a row for what is alike. Days are those of Finland, written as the language has them.
// Agencies and services are named in words, never by the names of logs.
Page MakePage(const audit::Disclosures& found, const config::v1::Agreement& agreement,
              Language language, bool all, absl::Time now);

// No line is over 100 columns, unless by one word: a table that is wider becomes a paragraph a row.
void PrintText(const Page& page, std::ostream& out);

// One file that needs nothing else: no script, no reference to anything, marked up for readers and for print
// (WCAG 2.1: language, also of parts; headings, which name their tables; header cells). Every text is escaped.
std::string FormatHtml(const Page& page);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_DISCLOSURES_PAGE_H_
