// Who knew what, when: what an entry's author had folded (`causes`, FORMAT.md), and what an agency is
// shown to have received by a time (its kept cosignatures).
#ifndef POLKU_SERVICES_AUDIT_KNOWLEDGE_H_
#define POLKU_SERVICES_AUDIT_KNOWLEDGE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "eventstore/base/ids.h"
#include "eventstore/log/records.h"
#include "polku/event/v1/event.pb.h"
#include "services/audit/store.h"

namespace polku::audit {

// Of one other log: the newest entry of the case that the author's service had folded from it.
struct KnownEntry {
  std::string origin;
  Position position;
  std::string type;  // empty: that entry is not held here
};

// Of one other log: entries of the case that precede in the merged order and were disclosed to the
// author's agency, but that its service had not folded yet. Since an effect sorts after its causes,
// they did not know of this entry either: the acts are concurrent.
struct ConcurrentEntries {
  std::string origin;
  uint64_t count = 0;
  Position first;
  Position newest;
  std::string newest_type;
};

struct Knowledge {
  std::vector<KnownEntry> known;              // ascending by origin
  std::vector<ConcurrentEntries> concurrent;  // ascending by origin
};

// Folds one case. What is withheld from the reader cannot be marked: its view is a part.
class KnowledgeFold {
 public:
  // Every entry of the case that is held, in merged order, each once. Valid until the next call.
  const Knowledge& Add(std::string_view origin, Position position,
                       const event::v1::Header& header);

 private:
  using ByOrigin = std::map<std::string, Position, std::less<>>;
  struct Disclosed {
    Position position;
    std::string type;
  };
  std::map<std::string, ByOrigin, std::less<>> known_;  // log → other log → newest position
  std::map<std::string, std::map<Position, std::string>, std::less<>> types_;  // by log
  // Receiver → log → what of it was disclosed to the receiver, ascending.
  std::map<std::string, std::map<std::string, std::vector<Disclosed>>, std::less<>> disclosed_;
  Knowledge knowledge_;
};

// What `agency` had by `at`: of each log held here the entries before `until` that are disclosed to it.
// Of its own logs: what it recorded by then, by its own clock, a claim.
struct KnownTo {
  std::string agency;
  absl::Time at;
  struct Log {
    LogNumber log;
    std::string origin;
    bool own = false;  // the agency's own
    Position until;
    // The agency's own word, kept here: it had verified and stored everything disclosed to it before
    // `until`. None: nothing shows that it had received anything of this log, which does not show that
    // it had not.
    std::optional<log::KeptCosignature> cosignature;
  };
  std::vector<Log> logs;  // as the store lists them
  // Whose logs are held, or whose cosignatures are kept: of any other agency nothing can be shown here.
  std::set<std::string, std::less<>> agencies;
};
absl::StatusOr<KnownTo> FindKnownTo(Store& store, std::string_view agency, absl::Time at);

}  // namespace polku::audit

#endif  // POLKU_SERVICES_AUDIT_KNOWLEDGE_H_
