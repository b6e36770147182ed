#include "services/host/seen_notes.h"

#include <algorithm>
#include <set>

#include "eventstore/replica/witness.h"

namespace polku::host {

void SeenNotes::Take(const exchange::v1::Heartbeat& heartbeat,
                     const std::function<bool(std::string_view origin)>& is_known,
                     const std::function<bool()>& is_over, const LookFn& look) {
  const size_t count = std::min(static_cast<size_t>(heartbeat.seen_size()), replica::kMaxSeen);
  if (count == 0) return;
  first_ = (first_ + 1) % count;
  std::set<std::string_view> looked;
  for (size_t i = 0; i < count && !is_over(); ++i) {
    const std::string_view note = heartbeat.seen(static_cast<int>((first_ + i) % count));
    const std::string_view origin = note.substr(0, note.find('\n'));
    // Signatures that nobody knows are added easily; they make no other checkpoint.
    const std::string_view body = note.substr(0, note.find("\n\n"));
    if (!is_known(origin) || !looked.insert(origin).second) continue;
    const auto decided = decided_.find(origin);
    if (decided != decided_.end() && decided->second == body) continue;
    if (look(origin, note)) decided_.insert_or_assign(std::string(origin), std::string(body));
  }
}

}  // namespace polku::host
