#include "services/compensation/compensation.h"
#include "services/host/host.h"

int main(int argc, char** argv) {
  const auto service = polku::MakeCompensationService();
  return polku::host::RunService(argc, argv, *service);
}
