// What the commands share that show a case as a page: text, or one printable HTML file.
#ifndef POLKU_ADAPTERS_CLI_PAGE_COMMAND_H_
#define POLKU_ADAPTERS_CLI_PAGE_COMMAND_H_

#include <string>

#include "absl/status/statusor.h"
#include "adapters/cli/access.h"
#include "adapters/cli/args.h"
#include "adapters/cli/command.h"
#include "adapters/cli/disclosures_page.h"
#include "adapters/cli/labels.h"
#include "eventstore/base/ids.h"

namespace polku::cli {

struct PageRequest {
  CaseId case_id;
  Language language;
  std::string html_file;  // empty: text
  AccessClaim claim;
};
// CASE, --lang, --json or --html, and who reads. InvalidArgument: the command line is wrong.
absl::StatusOr<PageRequest> ParsePageRequest(const Args& args);

// Prints the page, or writes it to the file, which must not exist and is for its owner alone, and prints its name.
ExitCode ShowPage(const Page& page, const std::string& html_file, Io& io);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_PAGE_COMMAND_H_
