#include "adapters/cli/command.h"

namespace polku::cli {
namespace {

constexpr int kStoreFormat = 1;  // event.proto Genesis.format
constexpr int kProtocol = 1;     // exchange.proto Envelope.protocol

ExitCode Version(const Args& args, Io& io) {
  if (args.json()) {
    io.out << "{\"version\":\"" << POLKU_VERSION << "\",\"store_format\":" << kStoreFormat
           << ",\"protocol\":" << kProtocol << "}\n";
  } else {
    io.out << "polku " << POLKU_VERSION << ", store format " << kStoreFormat << ", protocol "
           << kProtocol << "\n";
  }
  return kExitOk;
}

}  // namespace

Command VersionCommand() {
  return {{.name = "version",
           .summary = "the version of this program, its store format and protocol",
           .flags = {},
           .examples = "polku version --json"},
          Version};
}

}  // namespace polku::cli
