#include "services/referral/referral.h"
#include "services/host/host.h"

int main(int argc, char** argv) {
  const auto service = polku::referral::MakeReferralService();
  return polku::host::RunService(argc, argv, *service);
}
