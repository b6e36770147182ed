#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "adapters/cli/command.h"
#include "eventstore/base/process.h"

int main(int argc, char** argv) {
  polku::KeepMemoryPrivate();
  std::ios::sync_with_stdio(false);
  polku::cli::Io io{.in = std::cin,
                    .out = std::cout,
                    .err = std::cerr,
                    .err_is_terminal = isatty(STDERR_FILENO) == 1};
  const polku::ExitCode code = polku::cli::Run(std::vector<std::string>(argv + 1, argv + argc), io);
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "polku: cannot write the output; is the disk full?\n";
    return code == polku::kExitOk ? polku::kExitUnavailable : code;
  }
  return code;
}
