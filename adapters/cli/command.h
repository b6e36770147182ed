// A command of `polku`: its syntax and what it does.
#ifndef POLKU_ADAPTERS_CLI_COMMAND_H_
#define POLKU_ADAPTERS_CLI_COMMAND_H_

#include <istream>
#include <ostream>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "adapters/cli/args.h"
#include "eventstore/base/exit_code.h"

namespace polku::cli {

struct Io {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
};

struct Command {
  Syntax syntax;
  ExitCode (*run)(const Args& args, Io& io);
};

Command KeygenCommand();
Command PublishCommand();
Command ImportCommand();
Command SheetCommand();
Command CaseCommand();
Command ReplayCommand();
Command StatusCommand();
Command SummaryCommand();
Command PaymentsCommand();
Command ExplainPaymentCommand();
Command PlacesCommand();
Command PersonsCommand();
Command CertificateCommand();
Command DisclosuresCommand();
Command AgreementCommand();
Command ReindexCommand();
Command ProveCommand();
Command BundleCommand();
Command VerifyCommand();
Command ExportCommand();
Command RecoverCommand();
Command NewEpochCommand();
Command KeysCommand();
Command EraseCommand();
Command ErasureCommand();
Command RetentionCommand();
Command ReportCommand();
Command GenerateCommand();
Command VersionCommand();

// Prints "polku: <message>" on the error stream; the exit code that belongs to the status.
ExitCode Fail(Io& io, const absl::Status& status);
// The same for a command line that cannot be: kExitUsage.
ExitCode FailUsage(Io& io, std::string_view message);

// Runs the command line `arguments` (without the program's name).
ExitCode Run(std::vector<std::string> arguments, Io& io);

}  // namespace polku::cli

#endif  // POLKU_ADAPTERS_CLI_COMMAND_H_
