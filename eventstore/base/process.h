// What this process keeps to itself.
#ifndef POLKU_EVENTSTORE_BASE_PROCESS_H_
#define POLKU_EVENTSTORE_BASE_PROCESS_H_

#include <string>

namespace polku {

// No core dump of this process is written, by the kernel or a handler that it pipes to, and no other process of
// the same user may read its memory. To be called first in main: it holds keys and opened sections. A defect
// (std::abort) when the kernel refuses.
void KeepMemoryPrivate();

// Overwrites a secret where it lies, and empties the string.
void Wipe(std::string& secret);

}  // namespace polku

#endif  // POLKU_EVENTSTORE_BASE_PROCESS_H_
