// Another process for a test: a test of the same program whose name starts with DISABLED_, so that
// it runs only when asked for. A bare fork will not do: the threads of RocksDB's pool stay behind,
// and the child waits for flushes that nobody makes.
#ifndef POLKU_TESTS_ROCKSDB_CHILD_PROCESS_H_
#define POLKU_TESTS_ROCKSDB_CHILD_PROCESS_H_

#include <sys/types.h>
#include <unistd.h>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>

namespace polku::rocks {

// `test`: "Suite.DISABLED_Name". `arguments` reach it as environment variables. File descriptors
// are inherited. The child must end by _exit or a signal.
inline pid_t SpawnTest(const std::string& test,
                       std::initializer_list<std::pair<const char*, std::string>> arguments) {
  const std::string filter = "--gtest_filter=" + test;
  const pid_t child = fork();
  if (child != 0) return child;
  for (const auto& [name, value] : arguments) setenv(name, value.c_str(), 1);
  execl("/proc/self/exe", "/proc/self/exe", filter.c_str(), "--gtest_also_run_disabled_tests",
        nullptr);
  _exit(127);
}

inline std::string ChildArgument(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) _exit(126);
  return value;
}

}  // namespace polku::rocks

#endif  // POLKU_TESTS_ROCKSDB_CHILD_PROCESS_H_
