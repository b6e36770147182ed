#include "services/host/held_answers.h"

namespace polku::host {

bool HeldAnswers::Hold(HeldAnswer& held, Position size, absl::Time deadline) {
  const size_t bytes = held.answer.ByteSizeLong() + held.route.size() + sizeof(Item);
  const auto found = by_route_.find(held.route);
  const Use route = found == by_route_.end() ? Use() : found->second;
  if (use_.answers + 1 > limits_.answers || use_.bytes + bytes > limits_.bytes ||
      (route.answers + 1) * limits_.share > limits_.answers ||
      (route.bytes + bytes) * limits_.share > limits_.bytes) {
    return false;
  }
  const uint64_t id = next_id_++;
  use_ = {use_.answers + 1, use_.bytes + bytes};
  by_route_[held.route] = {route.answers + 1, route.bytes + bytes};
  by_need_[held.witnesses].emplace(size, id);
  by_deadline_.emplace(deadline, id);
  held_.emplace(id, Item{std::move(held), size, deadline, bytes});
  return true;
}

std::vector<HeldAnswer> HeldAnswers::Take(const std::function<size_t(Position)>& agencies,
                                          absl::Time now) {
  std::set<uint64_t> ready;
  for (const auto& [needed, waiting] : by_need_) {
    // Whoever covers more covers less: the first that is not covered ends it.
    for (const auto& [size, id] : waiting) {
      if (agencies(size) < needed) break;
      ready.insert(id);
    }
  }
  for (const auto& [deadline, id] : by_deadline_) {
    if (deadline > now) break;
    ready.insert(id);
  }
  std::vector<HeldAnswer> taken;
  taken.reserve(ready.size());
  for (const uint64_t id : ready) {
    auto node = held_.extract(id);
    Item& item = node.mapped();
    auto need = by_need_.find(item.held.witnesses);
    need->second.erase({item.size, id});
    if (need->second.empty()) by_need_.erase(need);
    by_deadline_.erase({item.deadline, id});
    use_ = {use_.answers - 1, use_.bytes - item.bytes};
    auto route = by_route_.find(item.held.route);
    route->second = {route->second.answers - 1, route->second.bytes - item.bytes};
    if (route->second.answers == 0) by_route_.erase(route);
    taken.push_back(std::move(item.held));
  }
  return taken;
}

absl::Time HeldAnswers::NextDeadline() const {
  return by_deadline_.empty() ? absl::InfiniteFuture() : by_deadline_.begin()->first;
}

}  // namespace polku::host
