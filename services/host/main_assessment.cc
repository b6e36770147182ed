#include "services/assessment/assessment.h"
#include "services/host/host.h"

int main(int argc, char** argv) {
  const auto service = polku::assessment::MakeAssessmentService();
  return polku::host::RunService(argc, argv, *service);
}
