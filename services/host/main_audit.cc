#include "services/audit/audit.h"
#include "services/host/host.h"

int main(int argc, char** argv) {
  const auto service = polku::MakeAuditService();
  return polku::host::RunService(argc, argv, *service);
}
