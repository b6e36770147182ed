// `polku sheet blank`: the shared sheet of a group, to be filled in.
#ifndef POLKU_ADAPTERS_CLI_SHEET_BLANK_H_
#define POLKU_ADAPTERS_CLI_SHEET_BLANK_H_

#include "adapters/cli/command.h"

namespace polku::cli {

ExitCode RunBlankSheet(const Args& args, Io& io);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_SHEET_BLANK_H_
