// The service process: a Node behind its sockets, one thread, one loop.
#ifndef POLKU_SERVICES_HOST_HOST_H_
#define POLKU_SERVICES_HOST_HOST_H_

#include "services/core/service.h"

namespace polku::host {

// The main function of every service binary. Flags: --config FILE, --check-config, --help, --version.
// Prints "ready <origin> <endpoint>" on standard output once it serves. SIGTERM and SIGINT stop it
// cleanly. Exit codes: eventstore/base/exit_code.h.
int RunService(int argc, char** argv, const service::Service& service);

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_HOST_H_
