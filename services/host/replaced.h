// Entries of a history in whose place others stand (services/core/standing.h), by what the headers say.
#ifndef POLKU_SERVICES_HOST_REPLACED_H_
#define POLKU_SERVICES_HOST_REPLACED_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "eventstore/base/ids.h"
#include "polku/event/v1/event.pb.h"
#include "services/core/standing.h"
#include "services/host/epochs.h"

namespace polku::host {

// A plain value. An entry is known by its service, whatever the epoch, and its event id; another log's word replaces none.
class Replaced {
 public:
  // An entry of the log `origin`: what it takes the place of.
  void Note(const event::v1::Header& header, std::string_view origin) {
    const auto corrected = EventId::FromBytes(header.corrects());
    if (corrected) Add(origin, *corrected, header.type());
  }
  // An entry of that type stands, or is to stand, in the place of that one. None does where the type does not give way.
  void Add(std::string_view origin, const EventId& id, std::string_view type) {
    if (service::GivesWay(type)) types_[{std::string(EpochsOf(origin)), id}] = std::string(type);
  }
  void Merge(Replaced other) { types_.merge(other.types_); }

  // Whether another entry, of the same type, stands in that entry's place.
  bool Has(const event::v1::Header& header, std::string_view origin) const {
    if (types_.empty()) return false;
    const auto id = EventId::FromBytes(header.event_id());
    const auto found = id ? types_.find({std::string(EpochsOf(origin)), *id}) : types_.end();
    return found != types_.end() && found->second == header.type();
  }
  bool empty() const { return types_.empty(); }
  size_t size() const { return types_.size(); }

 private:
  std::map<std::pair<std::string, EventId>, std::string> types_;  // by service and event id
};

}  // namespace polku::host

#endif  // POLKU_SERVICES_HOST_REPLACED_H_
