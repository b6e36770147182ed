#include "services/attendance/attendance.h"
#include "services/host/host.h"

int main(int argc, char** argv) {
  const auto service = polku::MakeAttendanceService();
  return polku::host::RunService(argc, argv, *service);
}
