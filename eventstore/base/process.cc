#include "eventstore/base/process.h"

#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace polku {

void KeepMemoryPrivate() {
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &kNone) != 0) std::abort();
#ifndef __SANITIZE_ADDRESS__  // the leak checker reads its own process as another one would
  // A handler that core_pattern pipes to is started whatever the limit says; not for what is not dumpable.
  if (prctl(PR_SET_DUMPABLE, 0) != 0) std::abort();
#endif
}

void Wipe(std::string& secret) {
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace polku
