#include <algorithm>
#include <string>

#include "adapters/cli/command.h"
#include "eventstore/base/status.h"

namespace polku::cli {
namespace {

std::vector<Command> Commands() {
  return {KeygenCommand(), PublishCommand(), ImportCommand(),  SheetCommand(),
          CaseCommand(),   ReplayCommand(),  StatusCommand(),  SummaryCommand(),
          PaymentsCommand(), ExplainPaymentCommand(), CertificateCommand(),
          DisclosuresCommand(), PlacesCommand(), PersonsCommand(),
          AgreementCommand(),
          VerifyCommand(),  ProveCommand(),  BundleCommand(),  ExportCommand(),
          EraseCommand(),  ErasureCommand(), RetentionCommand(),
          ReindexCommand(), RecoverCommand(), NewEpochCommand(), KeysCommand(),
          ReportCommand(),  GenerateCommand(), VersionCommand()};
}

std::string Overview(const std::vector<Command>& commands) {
  std::string text =
      "polku - one history of a client's path, shared by separate agencies\n\n"
      "Usage: polku COMMAND [arguments]; `polku COMMAND --help` shows flags, examples and exit "
      "codes\n\n";
  for (const Command& command : commands) {
    std::string name(command.syntax.name);
    name.resize(17, ' ');  // the longest name and two spaces
    text += Str("  ", name, command.syntax.summary, "\n");
  }
  return text;
}

}  // namespace

ExitCode Fail(Io& io, const absl::Status& status) {
  io.err << "polku: " << ToStd(status.message()) << "\n";
  return ExitCodeFor(status);
}

ExitCode FailUsage(Io& io, std::string_view message) {
  io.err << "polku: " << message << "\n";
  return kExitUsage;
}

ExitCode Run(std::vector<std::string> arguments, Io& io) {
  const std::vector<Command> commands = Commands();
  if (arguments.empty()) {
    io.err << Overview(commands);
    return kExitUsage;
  }
  std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (name == "--version") name = "version";
  if (name == "help" || name == "--help" || name == "-h") {
    if (arguments.empty()) {
      io.out << Overview(commands);
      return kExitOk;
    }
    name = arguments.front();
    arguments = {"--help"};
  }
  const auto command =
      std::find_if(commands.begin(), commands.end(),
                   [&](const Command& candidate) { return candidate.syntax.name == name; });
  if (command == commands.end()) {
    return FailUsage(io, Str("there is no command ", name, "; `polku help` lists them"));
  }
  const auto args = Args::Parse(command->syntax, arguments);
  if (!args.ok()) return FailUsage(io, ToStd(args.status().message()));
  if (args->help()) {
    io.out << HelpText(command->syntax);
    return kExitOk;
  }
  return command->run(*args, io);
}

}  // namespace polku::cli
