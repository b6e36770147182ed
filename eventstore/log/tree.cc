#include "eventstore/log/tree.h"

#include <utility>

#include "eventstore/base/bytes.h"

namespace polku::log {

std::string NodeIndexKey(LogNumber log, uint8_t level, uint64_t index) {
  std::string key;
  key.reserve(1 + 4 + 1 + 8);
  key.push_back('n');
  AppendBigEndian32(key, static_cast<uint32_t>(log.value()));
  key.push_back(static_cast<char>(level));
  AppendBigEndian64(key, index);
  return key;
}

void AddNodes(LogNumber log, const std::vector<proof::Node>& nodes, std::vector<KeyValue>& index) {
  for (const proof::Node& node : nodes) {
    index.emplace_back(NodeIndexKey(log, node.level, node.index), node.hash.view());
  }
}

}  // namespace polku::log
